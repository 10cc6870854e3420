package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/usherkit/scim/tenant"
)

// tenantCommand is what an operator does with the connections of customers.
type tenantCommand struct {
	Add     tenantAddCommand     `cmd:"" help:"Make a connection for a customer, and print its first token."`
	List    tenantListCommand    `cmd:"" help:"List connections."`
	Set     tenantSetCommand     `cmd:"" help:"Change the settings of a connection."`
	Approve tenantApproveCommand `cmd:"" help:"Let pass what the brake of a connection holds."`
	Remove  tenantRemoveCommand  `cmd:"" help:"Remove a connection, its tokens and its log. What it provisioned stays, but for -resources."`
	Token   tokenCommand         `cmd:"" help:"Make, replace and end tokens."`
}

// connectionArg names a connection on the command line.
type connectionArg struct {
	Connection string `arg:"" help:"The tenant; TENANT/ID if it has several connections; or an ID alone. Of an ID, as much of its end as tells it from others, and 8 characters of it if it is alone."`
}

// oneConnection is what a command needs that is about one connection.
type oneConnection struct {
	registryFlags
	connectionArg
}

// with opens the Registry and finds the connection.
func (c *oneConnection) with(console *console, do func(*tenant.Registry, tenant.Connection) error) error {
	return c.registryFlags.with(console, func(r *tenant.Registry) error {
		found, err := c.find(console.ctx, r)
		if err != nil {
			return err
		}
		return do(r, found)
	})
}

// enoughOfID is how much of the end of an ID stands for it without its tenant: less
// might be the name of a tenant, misspelt.
const enoughOfID = 8

// find returns the one that is meant.
func (a *connectionArg) find(ctx context.Context, r *tenant.Registry) (tenant.Connection, error) {
	name, id, isPair := strings.Cut(a.Connection, "/")
	if name == "" {
		return tenant.Connection{}, fmt.Errorf("%q names no tenant; usher tenant list shows all", a.Connection)
	}
	found, ofTenant, err := ending(ctx, r, name, id)
	if err == nil && ofTenant == 0 && !isPair && len(name) >= enoughOfID {
		found, _, err = ending(ctx, r, "", name)
	}
	switch {
	case err != nil:
		return tenant.Connection{}, err
	case len(found) == 0 && ofTenant == 0:
		return tenant.Connection{}, noTenant(name)
	case len(found) == 0:
		return tenant.Connection{}, fmt.Errorf("tenant %s has no connection %s; usher tenant list %[1]s shows those it has", name, id)
	case len(found) > 1 && ofTenant == 0:
		return tenant.Connection{}, fmt.Errorf("%d connections end in %s; usher tenant list shows all", len(found), name)
	case len(found) > 1:
		return tenant.Connection{}, fmt.Errorf("tenant %s has %d connections: say %[1]s/ID; usher tenant list %[1]s shows them", name, len(found))
	}
	return found[0], nil
}

// ending returns the connections of a tenant, or of all, whose IDs have an end, and
// of how many.
func ending(ctx context.Context, r *tenant.Registry, of, end string) (found []tenant.Connection, among int, err error) {
	for c, err := range connections(ctx, r, of) {
		if err != nil {
			return nil, 0, err
		}
		among++
		if strings.HasSuffix(c.ID, end) {
			found = append(found, c)
		}
	}
	return found, among, nil
}

// A noTenant is the name of a tenant that has no connection.
type noTenant string

func (n noTenant) Error() string {
	return fmt.Sprintf("no tenant %q has a connection; usher tenant list shows all", string(n))
}

// settingsFlags are the settings of a connection. What is not given stays.
type settingsFlags struct {
	Name        *string        `placeholder:"NAME" help:"A name for people."`
	Provider    *string        `placeholder:"entra" help:"The identity provider: entra, okta, onelogin, jumpcloud, …"`
	Strict      *bool          `negatable:"" help:"Hold it to the letter of the RFCs."`
	UsersOnly   *bool          `negatable:"" help:"There are no groups for it."`
	QueryToken  *bool          `negatable:"" help:"Accept the token as access_token in the query of a GET."`
	KeepValues  *bool          `negatable:"" help:"Keep the bodies of requests in the log, with the personal data in them."`
	Paused      *bool          `negatable:"" help:"Answer 503, so that the provider comes again later."`
	Rate        *float64       `placeholder:"50" help:"Requests a second, 25 at least."`
	Burst       *int           `placeholder:"100" help:"Requests at once after a pause."`
	Concurrent  *int           `placeholder:"8" help:"Requests that are answered at the same time."`
	HoldUsers   *int           `placeholder:"N" help:"Hold deactivations and deletions beyond this number within an hour, until somebody approves. 0: never."`
	HoldPercent *int           `placeholder:"P" help:"The same in percent of all users."`
	HoldMembers *int           `placeholder:"N" help:"Hold removals of members beyond this number from one group within an hour."`
	HoldWindow  *time.Duration `placeholder:"1h" help:"For -hold-users, -hold-percent and -hold-members: another time than an hour."`
	Directory   *string        `placeholder:"ID" help:"For -oauth, Entra's workload identity federation: the directory (tenant) ID …"`
	Audience    *string        `placeholder:"api://…" help:"… the audience …"`
	Subject     *string        `placeholder:"ID" help:"… and the subject, as Entra's page Connectivity shows them."`
	KeysURL     *string        `name:"keys-url" placeholder:"URL" help:"For -oauth, in place of these: the key set of a client that signs its assertions itself."`
}

func (f *settingsFlags) apply(c *tenant.Connection) {
	set(&c.Name, f.Name)
	set(&c.Provider, f.Provider)
	set(&c.Strict, f.Strict)
	set(&c.QueryToken, f.QueryToken)
	set(&c.KeepValues, f.KeepValues)
	set(&c.Paused, f.Paused)
	set(&c.Limits.Rate, f.Rate)
	set(&c.Limits.Burst, f.Burst)
	set(&c.Limits.Concurrent, f.Concurrent)
	set(&c.Brake.Users, f.HoldUsers)
	set(&c.Brake.Percent, f.HoldPercent)
	set(&c.Brake.Members, f.HoldMembers)
	set(&c.Brake.Window, f.HoldWindow)
	set(&c.Federation.Directory, f.Directory)
	set(&c.Federation.Audience, f.Audience)
	set(&c.Federation.Subject, f.Subject)
	set(&c.Federation.KeysURL, f.KeysURL)
	if f.UsersOnly != nil {
		c.Types = nil
		if *f.UsersOnly {
			c.Types = []string{"User"}
		}
	}
}

func set[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

type tenantAddCommand struct {
	registryFlags
	Tenant string `arg:"" help:"The customer's name in addresses: whose users and groups these are."`
	settingsFlags
	tokenFlags
	Public string `placeholder:"URL" help:"Base URL of usher serve as clients see it, to print the Tenant URL: https://scim.example.com."`
	OAuth  bool   `name:"oauth" help:"Print what OAuth client credentials need, too: usher serve has -oauth."`
	Issuer string `placeholder:"URL" help:"With -oauth: that of usher serve. Default: -public."`
}

// Help is shown by -help.
func (*tenantAddCommand) Help() string {
	return `Serve it with usher serve -tenants. The token is printed once, and is nowhere else:
the database has a hash of it. With -oauth, and -directory or -keys-url, there is none: the
client comes with assertions.

Examples:

	usher tenant add contoso -provider entra -public https://scim.example.com
	usher tenant add contoso -provider entra -public https://scim.example.com -oauth
	usher tenant add fabrikam -users-only -hold-users 50 -db postgres://usher@db.example.com/usher
`
}

// Validate is called by kong.
func (c *tenantAddCommand) Validate() error {
	if !c.OAuth && c.Issuer != "" {
		return errors.New("-issuer is for -oauth")
	}
	return nil
}

// Run is called by kong.
func (c *tenantAddCommand) Run(console *console) error {
	base := cmp.Or(strings.TrimRight(c.Public, "/"), "http://localhost:8080")
	issuer := ""
	if c.OAuth {
		var err error
		if issuer, err = issuerOf(c.Issuer, base); err != nil {
			return err
		}
	}
	return c.withStore(console, true, func(r *tenant.Registry, _ durable) error {
		made := tenant.Connection{Tenant: c.Tenant}
		c.settingsFlags.apply(&made)
		made, err := r.Add(console.ctx, made)
		if err != nil {
			return err
		}
		secret := ""
		if !c.OAuth || made.Federation == (tenant.Federation{}) {
			if secret, _, err = r.Issue(console.ctx, made.Ref(), c.token()); err != nil {
				return err
			}
		}
		_, siblings, err := ending(console.ctx, r, made.Tenant, "")
		if err != nil {
			return err
		}
		printMade(console.out, made, base, issuer, secret)
		if c.Public == "" {
			fmt.Fprintln(console.out, "The URL is one of this machine: -public gives the address that clients use.")
		}
		if siblings > 1 {
			fmt.Fprintf(console.out, "%s now has %d connections.\n", made.Tenant, siblings)
		}
		return nil
	})
}

// printMade prints what is entered at the identity provider, by Entra's names. Without an
// issuer there is no OAuth, and without a secret a client comes with assertions.
func printMade(out io.Writer, made tenant.Connection, base, issuer, secret string) {
	fmt.Fprintf(out, "Connection     %s/%s\n\n", made.Tenant, made.ID)
	at := tenantURL(base, made.Tenant)
	if issuer == "" {
		fmt.Fprintf(out, "  Tenant URL     %s\n  Secret Token   %s\n\nThe token is shown this once.\n", at, secret)
		return
	}
	fmt.Fprintf(out, "  Tenant URL         %s\n  Token Endpoint     %s\n  Client Identifier  %s\n", at, issuer+tokenPath, made.ID)
	if secret != "" {
		fmt.Fprintf(out, "  Client Secret      %s\n", secret)
	}
	fmt.Fprint(out, "  Scope              scim\n\n")
	if secret == "" {
		fmt.Fprintln(out, "There is no secret: it comes with assertions.")
		return
	}
	fmt.Fprintln(out, "The secret is shown this once. Where there is no OAuth it is the Secret Token.")
}

type tenantSetCommand struct {
	oneConnection
	settingsFlags
}

// Validate is called by kong.
func (c *tenantSetCommand) Validate() error {
	if c.settingsFlags == (settingsFlags{}) {
		return errors.New("nothing to set: give the flags of what is to change")
	}
	return nil
}

// Run is called by kong.
func (c *tenantSetCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		_, err := r.Change(console.ctx, found.Ref(), func(changed *tenant.Connection) error {
			c.settingsFlags.apply(changed)
			return nil
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(console.out, "changed; processes that serve know it within 5 seconds")
		return err
	})
}

type tenantApproveCommand struct {
	oneConnection
	For time.Duration `default:"48h" placeholder:"48h" help:"For how long. Identity providers try again what has failed for long once a day."`
}

// Run is called by kong.
func (c *tenantApproveCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		b := found.Brake
		if b.Users == 0 && b.Percent == 0 && b.Members == 0 {
			return fmt.Errorf("%s/%s has no brake that could hold anything; usher tenant set -hold-users gives it one", found.Tenant, found.ID)
		}
		if err := r.Approve(console.ctx, found.Ref(), c.For); err != nil {
			return err
		}
		_, err := fmt.Fprintln(console.out, "approved; the identity provider will try again by itself")
		return err
	})
}

type tenantRemoveCommand struct {
	oneConnection
	Resources bool `help:"Delete all users and groups of the tenant too, whose last connection it must be; or which has none any more."`
}

// Run is called by kong.
func (c *tenantRemoveCommand) Run(console *console) error {
	return c.withStore(console, false, func(r *tenant.Registry, store durable) error {
		found, err := c.find(console.ctx, r)
		if gone := noTenant(""); c.Resources && errors.As(err, &gone) && string(gone) == c.Connection {
			return removeRest(console, store, gone)
		}
		if err != nil {
			return err
		}
		if c.Resources {
			list, err := r.Connections(console.ctx, found.Tenant, tenant.Ref{}, 2)
			if err != nil {
				return err
			}
			if len(list) > 1 {
				return fmt.Errorf("-resources: tenant %s has other connections, which would make them again; remove those first", found.Tenant)
			}
		}
		if err := r.Delete(console.ctx, found.Ref()); err != nil {
			return err
		}
		fmt.Fprintf(console.out, "removed %s/%s\n", found.Tenant, found.ID)
		if !c.Resources {
			return nil
		}
		select { // until no process takes its tokens any more
		case <-time.After(longestKnown):
		case <-console.ctx.Done():
			return console.ctx.Err()
		}
		_, err = removeResources(console, store, found.Tenant)
		return err
	})
}

// longestKnown is how long a process that serves may go by what it knows of a token, and
// a moment for what it is answering.
const longestKnown = 6 * time.Second

// removeRest deletes the users and groups of a tenant whose connections are gone. One
// that has none of either may be misspelt.
func removeRest(console *console, store durable, of noTenant) error {
	n, err := removeResources(console, store, string(of))
	if err == nil && n == 0 {
		return fmt.Errorf("%w; nor has it users or groups", of)
	}
	return err
}

// removeResources deletes the users and groups of a tenant, and says how many.
func removeResources(console *console, store durable, of string) (int, error) {
	n, err := store.DeleteTenant(console.ctx, of)
	if err != nil {
		return n, fmt.Errorf("%d resources of tenant %s are deleted, and not all: %w", n, of, err)
	}
	_, err = fmt.Fprintf(console.out, "deleted %d resources\n", n)
	return n, err
}
