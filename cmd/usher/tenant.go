package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/plain"
	"github.com/usherkit/scim/tenant"
)

// tenantCommand is what an operator does with the connections of customers.
type tenantCommand struct {
	Add     tenantAddCommand     `cmd:"" help:"Make a connection for a customer, and print its first token."`
	List    tenantListCommand    `cmd:"" help:"List connections."`
	Set     tenantSetCommand     `cmd:"" help:"Change the settings of a connection."`
	Approve tenantApproveCommand `cmd:"" help:"Let pass what the brake of a connection holds."`
	Remove  tenantRemoveCommand  `cmd:"" help:"Remove a connection, its tokens and its log. What it provisioned stays."`
	Token   tokenCommand         `cmd:"" help:"Make, replace and end tokens."`
}

type tokenCommand struct {
	Add    tokenAddCommand    `cmd:"" help:"Make another token, besides those there are."`
	List   tokenListCommand   `cmd:"" help:"List the tokens of a connection."`
	Rotate tokenRotateCommand `cmd:"" help:"Make a token and end all others, at once or after an overlap."`
	Revoke tokenRevokeCommand `cmd:"" help:"End one token at once."`
	Off    tokenOffCommand    `cmd:"" help:"End all tokens at once: provisioning is off until another is made."`
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

func noTenant(name string) error {
	return fmt.Errorf("no tenant %q has a connection; usher tenant list shows all", name)
}

// settingsFlags are the settings of a connection. What is not given stays.
type settingsFlags struct {
	Name        *string        `placeholder:"NAME" help:"A name for people."`
	Provider    *string        `placeholder:"entra" help:"The identity provider: entra, okta, onelogin, jumpcloud, …"`
	Strict      *bool          `negatable:"" help:"Hold it to the letter of the RFCs."`
	UsersOnly   *bool          `negatable:"" help:"There are no groups for it."`
	QueryToken  *bool          `negatable:"" help:"Accept the token as access_token in the query of a GET."`
	KeepValues  *bool          `negatable:"" help:"Keep the bodies of requests in the log, with the personal data in them."`
	Rate        *float64       `placeholder:"50" help:"Requests a second, 25 at least."`
	Burst       *int           `placeholder:"100" help:"Requests at once after a pause."`
	Concurrent  *int           `placeholder:"8" help:"Requests that are answered at the same time."`
	HoldUsers   *int           `placeholder:"N" help:"Hold deactivations and deletions beyond this number within an hour, until somebody approves. 0: never."`
	HoldPercent *int           `placeholder:"P" help:"The same in percent of all users."`
	HoldMembers *int           `placeholder:"N" help:"Hold removals of members beyond this number from one group within an hour."`
	Directory   *string        `placeholder:"ID" help:"For module oauth, Entra's workload identity federation: the directory (tenant) ID …"`
	Audience    *string        `placeholder:"api://…" help:"… the audience …"`
	Subject     *string        `placeholder:"ID" help:"… and the subject, as Entra's page Connectivity shows them."`
	KeysURL     *string        `name:"keys-url" placeholder:"URL" help:"For module oauth, in place of these: the key set of a client that signs its assertions itself."`
	HoldWindow  *time.Duration `placeholder:"1h" help:"Another time than an hour."`
}

func (f *settingsFlags) apply(c *tenant.Connection) {
	set(&c.Name, f.Name)
	set(&c.Provider, f.Provider)
	set(&c.Strict, f.Strict)
	set(&c.QueryToken, f.QueryToken)
	set(&c.KeepValues, f.KeepValues)
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

// tokenFlags say what a new token is.
type tokenFlags struct {
	Label   string        `placeholder:"TEXT" help:"What the token is for, for people."`
	By      string        `placeholder:"NAME" env:"USER" help:"Who makes it, for people. Default: who you are."`
	Expires time.Duration `placeholder:"8760h" help:"After how long it ends by itself. Default: never, since Entra stops provisioning when a token ends."`
}

func (f *tokenFlags) token() tenant.NewToken {
	n := tenant.NewToken{Label: f.Label, CreatedBy: f.By}
	if f.Expires != 0 {
		n.Expires = time.Now().Add(f.Expires)
	}
	return n
}

// Validate is called by kong.
func (f *tokenFlags) Validate() error {
	if f.Expires < 0 {
		return errors.New("-expires: want more than 0s")
	}
	return nil
}

type tenantAddCommand struct {
	registryFlags
	Tenant string `arg:"" help:"The customer's name in addresses: whose users and groups these are."`
	settingsFlags
	tokenFlags
	Public string `placeholder:"URL" help:"Base URL of usher serve as clients see it, to print the Tenant URL: https://scim.example.com."`
}

// Help is shown by -help.
func (*tenantAddCommand) Help() string {
	return `Serve it with usher serve -tenants. The token is printed once, and is nowhere else:
the database has a hash of it.

Examples:

	usher tenant add contoso -provider entra -public https://scim.example.com
	usher tenant add fabrikam -users-only -hold-users 50 -db postgres://usher@db.example.com/usher
`
}

// Run is called by kong.
func (c *tenantAddCommand) Run(console *console) error {
	return c.withStore(console, true, func(r *tenant.Registry, _ scim.Store) error {
		made := tenant.Connection{Tenant: c.Tenant}
		c.settingsFlags.apply(&made)
		made, err := r.Add(console.ctx, made)
		if err != nil {
			return err
		}
		secret, _, err := r.Issue(console.ctx, made.Ref(), c.token())
		if err != nil {
			return err
		}
		_, siblings, err := ending(console.ctx, r, made.Tenant, "")
		if err != nil {
			return err
		}
		base := cmp.Or(strings.TrimRight(c.Public, "/"), "http://localhost:8080")
		fmt.Fprintf(console.out, "Connection     %s/%s\n\n  Tenant URL     %s\n  Secret Token   %s\n\nThe token is shown this once.\n",
			made.Tenant, made.ID, base+tenantPath(made.Tenant), secret)
		if c.Public == "" {
			fmt.Fprintln(console.out, "The URL is one of this machine: -public gives the address that clients use.")
		}
		if siblings > 1 {
			fmt.Fprintf(console.out, "%s now has %d connections.\n", made.Tenant, siblings)
		}
		return nil
	})
}

type tenantListCommand struct {
	registryFlags
	Tenant string `arg:"" optional:"" help:"Only those of this tenant."`
	JSON   bool   `name:"json" help:"Print them as JSON, one on each line."`
}

// Run is called by kong.
func (c *tenantListCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry) error {
		table := newTable(console.out, c.JSON, "TENANT", "ID", "NAME", "PROVIDER", "SEEN", "STATE")
		for found, err := range connections(console.ctx, r, c.Tenant) {
			if err != nil {
				return err
			}
			if err := table.row(found, found.Tenant, found.ID, found.Name, found.Provider, day(found.Status.LastSeen), stateOf(found)); err != nil {
				return err
			}
		}
		return table.flush()
	})
}

// stateOf says in a few words how a connection is.
func stateOf(c tenant.Connection) string {
	switch {
	case !c.Status.Held.IsZero():
		return "held: " + c.Status.HeldReason
	case c.Status.Approved.After(time.Now()):
		return "approved until " + day(c.Status.Approved)
	case c.Status.LastErrorAt.After(c.Status.LastSeen.Add(-time.Hour)) && !c.Status.LastErrorAt.IsZero():
		return "error: " + c.Status.LastError
	case c.Status.LastSeen.IsZero():
		return "new"
	}
	return "ok"
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
}

// Run is called by kong.
func (c *tenantRemoveCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		if err := r.Delete(console.ctx, found.Ref()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(console.out, "removed %s/%s\n", found.Tenant, found.ID)
		return err
	})
}

type tokenAddCommand struct {
	oneConnection
	tokenFlags
}

// Run is called by kong.
func (c *tokenAddCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		secret, t, err := r.Issue(console.ctx, found.Ref(), c.token())
		if err != nil {
			return err
		}
		return printToken(console.out, secret, t)
	})
}

type tokenRotateCommand struct {
	oneConnection
	tokenFlags
	Overlap time.Duration `default:"0s" help:"How long the old tokens still work, for the new one to be pasted. Default: not at all."`
}

// Run is called by kong.
func (c *tokenRotateCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		secret, t, err := r.Rotate(console.ctx, found.Ref(), c.Overlap, c.token())
		if err != nil {
			return err
		}
		return printToken(console.out, secret, t)
	})
}

func printToken(out io.Writer, secret string, t tenant.Token) error {
	_, err := fmt.Fprintf(out, "Secret Token   %s\n\nIts id is %s. The token is shown this once.\n", secret, t.ID)
	return err
}

type tokenListCommand struct {
	oneConnection
	JSON bool `name:"json" help:"Print them as JSON, one on each line."`
}

// Run is called by kong.
func (c *tokenListCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		tokens, err := r.Tokens(console.ctx, found.Ref())
		if err != nil {
			return err
		}
		table := newTable(console.out, c.JSON, "ID", "LABEL", "BY", "CREATED", "USED", "ENDS")
		for _, t := range tokens {
			ends := day(t.Ends)
			if !t.Live(time.Now()) {
				ends = "dead since " + ends
			}
			t.Hash = nil
			if err := table.row(t, t.ID, t.Label, t.CreatedBy, day(t.Created), day(t.LastUsed), ends); err != nil {
				return err
			}
		}
		return table.flush()
	})
}

type tokenRevokeCommand struct {
	oneConnection
	Token string `arg:"" placeholder:"TOKEN-ID" help:"The id of the token, as usher tenant token list shows it; or the token itself."`
}

// Run is called by kong.
func (c *tokenRevokeCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		id := c.Token
		if of, whole := tenant.TokenID(c.Token); whole {
			id = of
		}
		err := r.Revoke(console.ctx, found.Ref(), id)
		if errors.Is(err, tenant.ErrNotFound) {
			return fmt.Errorf("%s/%s has no token with that id; usher tenant token list shows those it has", found.Tenant, found.ID)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(console.out, "revoked; processes that serve know it within 5 seconds")
		return err
	})
}

type tokenOffCommand struct {
	oneConnection
}

// Run is called by kong.
func (c *tokenOffCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		if err := r.SwitchOff(console.ctx, found.Ref()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(console.out, "off; processes that serve know it within 5 seconds")
		return err
	})
}

// A table is a list of things as columns, or as JSON.
type table struct {
	columns *tabwriter.Writer
	lines   *json.Encoder // nil: columns
}

func newTable(out io.Writer, asJSON bool, heads ...string) *table {
	t := &table{columns: tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
	if asJSON {
		t.lines = json.NewEncoder(out)
	} else {
		fmt.Fprintln(t.columns, strings.Join(heads, "\t"))
	}
	return t
}

func (t *table) row(thing any, cells ...string) error {
	if t.lines != nil {
		return t.lines.Encode(thing)
	}
	for i := range cells {
		cells[i] = oneLine(cmp.Or(cells[i], "-"))
	}
	_, err := fmt.Fprintln(t.columns, strings.Join(cells, "\t"))
	return err
}

// oneLine shows text from elsewhere in a cell.
func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(plain.Text(s))
}

func (t *table) flush() error { return t.columns.Flush() }

// day is a time to the minute, or nothing.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
