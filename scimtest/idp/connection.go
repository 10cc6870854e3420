package idp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options change how an identity provider works. The zero Options, and nil,
// mean the defaults. What says so is of Entra alone; the others ignore it.
type Options struct {
	Client  *http.Client  // default: one of its own, which follows no redirects
	Timeout time.Duration // for one request; default: 60 seconds, after which Entra gives up too
	Workers int           // requests at once; default: 8

	MembersPerPatch int    // members in one PATCH request; default: 100
	UsersOnly       bool   // leave groups alone
	Patch           bool   // be an Okta app of the catalogue, or a generic client that prefers PATCH, rather than one that sends PUT
	Seed            uint64 // of the random names in probes

	// A request that is answered 429 is sent again, three times at most: after
	// Retry-After, or else after one, two and four seconds, but never later
	// than after MaxWait, by default one minute. Sleep waits; by default it
	// really does. It returns an error if the context ends it.
	MaxWait time.Duration
	Sleep   func(context.Context, time.Duration) error

	// Progress is told of every step and Observe of every exchange, one call
	// at a time each. They must not call the identity provider.
	Progress func(Progress)
	Observe  func(Exchange)

	// Now is the time of the first cycle on the simulated clock, which moves
	// from cycle to cycle and by Entra.Advance; default: the real time.
	Now time.Time

	// All that follows is of Entra.

	Dialect Dialect // default: DialectDefault, or DialectFlag if the URL has the query ?aadOptscim062020

	// UserMappings and GroupMappings say which attributes are sent and which
	// of them match. Defaults: DefaultUserMappings, DefaultGroupMappings.
	UserMappings, GroupMappings []Mapping

	// UserScope and GroupScope choose who is provisioned. Default: all.
	UserScope, GroupScope []ScopingFilter

	// AssignedOnly leaves out who has no Assignment in the directory; the
	// direct members of an assigned group have the group's.
	AssignedOnly bool

	// SkipOutOfScopeDeletions leaves alone who goes out of scope. By default
	// such users are disabled and such groups deleted; either way they are
	// no longer managed then.
	SkipOutOfScopeDeletions bool

	// MaxDeletions is how many users and groups one cycle may disable or
	// delete. If there are more, none is, and the job is in quarantine until
	// Entra.ConfirmDeletions. 0: there is no limit.
	MaxDeletions int

	// Credentials get a token from the endpoint's authorization server, in
	// place of the one that NewEntra was given.
	Credentials *ClientCredentials

	// Quarantine says how many failures put the job into quarantine.
	Quarantine Thresholds
}

// Progress says how far a run has come.
type Progress struct {
	Run         string // as in Report
	Phase       string // "probes", "deletions", "users", "groups", "references", "members"; of a Client also "import"
	Done, Total int    // objects in this phase; the first call of a phase has Done 0
	Requests    int    // in this run, so far
}

// A connection is what an identity provider knows of one endpoint: where it
// is, and whom it has there. Its methods may be called concurrently, but do
// one thing at a time.
type connection struct {
	mu      sync.Mutex // held during a run
	base    string
	token   string
	login   *login      // gets tokens; nil: token is one
	header  http.Header // of each request
	anyJSON bool        // answers need not be application/scim+json
	verdict func(*exchange) (code, why string)
	options Options
	random  *rand.Rand
	now     time.Time // by the simulated clock

	users, groups map[string]*link // by the directory's ids
	deleted       []tomb           // what must be gone
	cycles        int              // since the links were reset
}

// A link ties an object of the directory to one at the endpoint.
type link struct {
	id     string // the endpoint's
	object string // for people

	// Of Entra:
	disabled bool              // the user was disabled
	passed   string            // the directory's id of the user's manager, who was not at the endpoint
	members  map[string]string // of a group: the endpoint's ids of the members that are there; "" for those who were not at the endpoint
	known    bool              // of a group: members is all there is to know
	found    bool              // of a group: it was there before, perhaps with members of others
	removed  map[string]bool   // of a group: the endpoint's ids of members that were taken out of it
}

type tomb struct{ endpoint, id, object string }

// connect checks the URL and the options, and fills in the defaults that do
// not depend on the provider.
func connect(tenantURL, token string, options *Options) (*connection, error) {
	c := &connection{token: token, verdict: (*exchange).verdict}
	if options != nil {
		c.options = *options
	}
	u, err := endpointURL(tenantURL)
	if err != nil {
		return nil, fmt.Errorf("idp: Tenant URL %q: %w", tenantURL, err)
	}
	o := &c.options
	if u.Query().Has("aadOptscim062020") && o.Dialect == DialectDefault {
		o.Dialect = DialectFlag
	}
	u.RawQuery, u.Fragment = "", ""
	c.base = strings.TrimRight(u.String(), "/")
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.MembersPerPatch <= 0 {
		o.MembersPerPatch = 100
	}
	if o.MaxWait <= 0 {
		o.MaxWait = time.Minute
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Client == nil {
		o.Client = newHTTPClient(o.Workers)
	}
	if c.now = o.Now; c.now.IsZero() {
		c.now = time.Now()
	}
	c.now = c.now.UTC()
	c.random = rand.New(rand.NewPCG(o.Seed, 0x5c1a))
	c.reset()
	return c, nil
}

func endpointURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		err = errors.New("want http:// or https:// and a host")
	}
	return u, err
}

func (c *connection) reset() {
	c.users, c.groups, c.cycles = map[string]*link{}, map[string]*link{}, 0
}

// run does one thing and reports it.
func (c *connection) run(ctx context.Context, name string, do func(*run) error) (*Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	report := &Report{Run: name, Started: c.now}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{
		connection: c, ctx: inner, cancel: cancel, report: report,
		said: map[string]bool{}, failed: map[fmt.Stringer]failed{}, times: map[Kind][]time.Duration{}, notes: map[string][]string{},
	}
	r.people = sync.OnceValue(r.everybody)
	start := time.Now()
	err := do(r)
	report.Duration = time.Since(start)
	report.Latencies = latencies(r.times)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		report.Stopped = err.Error()
	}
	if err == nil || len(report.Failures) > 0 {
		err = report.Err()
	}
	return report, err
}
