// Package tenant keeps who may provision: the connections of an application's
// customers with their identity providers, the secret tokens of each, and what
// became of their requests.
//
//	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, &sqlstore.Options{Migrate: true})
//	registry, err := tenant.NewRegistry(store.Tenants(), &tenant.Options{Key: key})
//	defer registry.Close()
//	handler, err := registry.NewHandler(store, &scim.Options{Hooks: hooks})
//	mux.Handle("/scim/{tenant}/v2/", handler)
//
// In the application's settings a customer's admin makes a connection and is
// shown its token, once:
//
//	c, err := registry.Add(ctx, tenant.Connection{Tenant: "contoso", Name: "Entra ID"})
//	secret, token, err := registry.Issue(ctx, c.Ref(), tenant.TokenOptions{Label: "first", CreatedBy: "ada"})
//
// A [Registry] is a scim.Authenticator that knows those tokens, bounds how many
// requests a connection makes, and keeps a [Record] of each that changed something
// or was refused. It keeps them in a [Store]: in memory ([Memory]) or in the
// database of sqlstore or pgxstore (their method Tenants).
//
// # Tokens
//
// A token is 256 random bits, with a prefix, an id and a checksum around them:
//
//	usher_8FzKq3VbN1xT_4q…43 characters…Zk_0aB3xY
//
// so that scanners for secrets can tell it from other text (see [TokenPattern])
// and support can tell which one it is (see [TokenID]). Only an HMAC of it is
// stored. It is looked up by its id with one indexed read, which is kept for five
// seconds at most: what another process revokes is dead here by then, and what
// this Registry revokes is dead at once.
//
// # Security considerations
//
// Show a token once, over TLS, to an admin of its tenant. Keep [Options.Key] apart
// from the database: with both, and not with the database alone, tokens that were
// guessed could be checked; neither gives a token away. Names, labels and records
// hold what customers and their identity providers wrote: escape them like any
// other input. The methods of a Registry that take a [Ref] see connections of its
// Tenant alone, so give them the tenant of the admin who asks.
package tenant

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherkit/scim"
)

// A Ref says which connection of which tenant is meant.
type Ref struct {
	Tenant string
	ID     string
}

// A Connection is what a customer and an identity provider have agreed on: one for
// each pair of them. The zero values of its settings are the defaults.
type Connection struct {
	Tenant string // whose users and groups it provisions; not empty, and what {tenant} is in its address
	ID     string // given by Registry.Add
	Name   string // for people

	Provider   string   // such as entra, okta, onelogin, jumpcloud; for people, and for the page that explains the set-up
	Strict     bool     // hold the provider to the letter of the RFCs: see scim.Options.Strict
	Types      []string // names of the resource types that there are for it; nil: all; User alone is common
	QueryToken bool     // see scim.Principal.QueryToken
	Paused     bool     // answer 503 with Retry-After, so that the provider comes again: for a move, a repair, a bill; its tokens live on
	KeepValues bool     // keep the bodies of requests in its Records; otherwise names of attributes, and the bodies of refused ones with their values masked
	Limits     Limits
	Brake      Brake
	Federation Federation

	Created time.Time
	Version int // changes with each change of the settings

	// Revocations is how often what gave access was ended at once: a token, or a
	// Federation. Access tokens of module oauth that were issued when it was less are
	// void, and those before a backup was restored, when it was more. The Registry counts
	// them.
	Revocations int

	Status Status // not a setting: what Registry.Change does to it is not kept
}

// Ref returns where the connection is.
func (c *Connection) Ref() Ref { return Ref{c.Tenant, c.ID} }

// Status is what became of a connection.
type Status struct {
	LastSeen    time.Time // of the last request with one of its tokens, to the minute; exactly, if it was the first after one that was refused
	LastError   string    // what the last request that was refused was told
	LastErrorAt time.Time
	LastUnknown time.Time // of the last request to the tenant's address whose token was none of its connections', or of an access token for the connection without its credentials, or with a token of the connection that was hashed with a key which a process lacks; to the minute
	Held        time.Time // since when the brake holds; zero: it does not
	HeldReason  string    // for people
	Approved    time.Time // until when the brake lets everything pass: see Registry.Approve
}

// Limits bound what one connection may ask of one process.
type Limits struct {
	Rate       float64 // requests a second; 25 at least, which Entra needs; 0: 50
	Burst      int     // requests at once after a pause; 0: twice the Rate
	Concurrent int     // requests that are answered at the same time; others wait for a second, and are 429 then; 0: 8
}

func (l Limits) withDefaults() Limits {
	l.Rate = cmp.Or(l.Rate, 50)
	l.Burst = cmp.Or(l.Burst, int(2*l.Rate))
	l.Concurrent = cmp.Or(l.Concurrent, 8)
	return l
}

// leastRate is what Entra needs: Microsoft's requirements for its gallery say 25
// requests a second for each tenant.
const leastRate = 25

// Federation lets an identity provider come with an assertion that it has signed, in
// place of a secret, for an access token of module oauth. The zero Federation is
// none. Either the three values of Entra's workload identity federation are set, as its
// page Connectivity shows them, or KeysURL is.
type Federation struct {
	Directory string // the directory's (tenant's) ID
	Audience  string
	Subject   string

	KeysURL string // of a client that signs with keys of its own (private_key_jwt): the URL of its key set
}

func (f *Federation) isZero() bool { return *f == Federation{} }

// A Brake holds what would take many users away, until somebody approves: see
// [Registry.Approve]. What is held is answered 409 and changes nothing; all else goes
// on. A bound of 0 is none, so that the zero Brake never holds; of Users and Percent,
// if both are set, the larger one counts.
type Brake struct {
	Users   int           // how many users may be deactivated or deleted within the Window
	Percent int           // how many in percent of all users of the tenant, 1 to 100
	Members int           // how many members a group may lose within the Window
	Window  time.Duration // 0: an hour
}

func (b Brake) isZero() bool { return b.Users == 0 && b.Percent == 0 && b.Members == 0 }

// maxText is the longest name, label and the like, in bytes.
const maxText = 200

// check reports what is wrong with the settings of a connection.
func (c *Connection) check() error {
	if err := checkTenant(c.Tenant); err != nil {
		return err
	}
	for _, text := range []struct{ name, value string }{{"Name", c.Name}, {"Provider", c.Provider}} {
		if err := checkText(text.name, text.value, false); err != nil {
			return err
		}
	}
	if c.Types != nil && len(c.Types) == 0 || slices.Contains(c.Types, "") {
		return invalid("Types names no resource type; nil means all")
	}
	l, b, f := c.Limits, c.Brake, c.Federation
	for name, value := range map[string]string{"Directory": f.Directory, "Audience": f.Audience, "Subject": f.Subject, "KeysURL": f.KeysURL} {
		if err := checkText("Federation."+name, value, false); err != nil {
			return err
		}
	}
	entra := f.Directory != "" && f.Audience != "" && f.Subject != ""
	switch {
	case !f.isZero() && (f.KeysURL != "") == entra, !entra && f.Directory+f.Audience+f.Subject != "":
		return invalid("Federation needs Directory, Audience and Subject, or KeysURL alone")
	case entra && !guid.MatchString(f.Directory):
		return invalid("Federation.Directory is no ID of a directory, such as 72f988bf-86f1-41af-91ab-2d7cd011db47")
	case f.KeysURL != "" && !isKeysURL(f.KeysURL):
		return invalid("Federation.KeysURL is no URL of https, without a user and a fragment")
	case l.Rate != 0 && !(l.Rate >= leastRate && l.Rate <= 1e6):
		return invalid("Limits.Rate is %g; Entra needs %d requests a second at least", l.Rate, leastRate)
	case l.Burst < 0, l.Concurrent < 0:
		return invalid("Limits.Burst or Limits.Concurrent is negative")
	case b.Users < 0, b.Members < 0, b.Window < 0:
		return invalid("a bound of Brake is negative")
	case b.Percent < 0, b.Percent > 100:
		return invalid("Brake.Percent is %d; want 0 to 100", b.Percent)
	case b.Window > MaxWindow:
		return invalid("Brake.Window is %v; 30 days is the most", b.Window)
	}
	return nil
}

// guid is what the ID of a directory of Entra looks like. It becomes a part of the
// URL that keys are fetched from.
var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func isKeysURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && !strings.Contains(text, "#")
}

func checkTenant(name string) error {
	if err := checkText("Tenant", name, true); err != nil {
		return err
	}
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return invalid("Tenant is %q, which is no segment of an address", name)
	}
	return nil
}

func checkText(name, value string, needed bool) error {
	switch {
	case needed && value == "":
		return invalid("%s is empty", name)
	case len(value) > maxText:
		return invalid("%s is longer than %d bytes", name, maxText)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid("%s is no plain text", name)
	}
	return nil
}

// ErrInvalid is reported for settings that cannot be: the text says which.
var ErrInvalid = errors.New("tenant: invalid")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// principal is whom a connection's requests are made by.
func (c *Connection) principal() scim.Principal {
	return scim.Principal{Tenant: c.Tenant, Subject: c.ID, Strict: c.Strict, Types: c.Types, QueryToken: c.QueryToken}
}
