// Package scimtest tests SCIM endpoints, whoever wrote them, the way their
// clients use them: it is a stand-in for Microsoft Entra ID's provisioning
// service that needs no Entra tenant and no forty minutes until the next
// cycle.
//
//	entra := scimtest.NewEntra(server.URL+"/scim/v2", token, nil)
//	if _, err := entra.Sync(ctx, directory); err != nil {
//		t.Error(err) // says which request went wrong, what was wanted, and what comes of it
//	}
//	if _, err := entra.Verify(ctx, directory); err != nil {
//		t.Error(err)
//	}
//
// The requests are those Microsoft documents and those seen on the wire. The
// package imports the standard library alone.
package scimtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Dialect is a way of writing PATCH requests. Entra has two of them.
type Dialect int

const (
	// DialectDefault writes one operation for each attribute, Add, Replace and
	// Remove with a capital, booleans as "True" and "False", and members to
	// remove in the value.
	DialectDefault Dialect = iota

	// DialectFlag is what ?aadOptscim062020 in the Tenant URL turns on:
	// lower-case operations, JSON booleans, attributes merged into one
	// operation without a path whose keys are paths, and members to remove in
	// the path.
	DialectFlag

	// DialectMixed uses one for some objects and the other for the others, and
	// in the next cycle the other way round. A tenant really does mix them:
	// provision on demand knows no flag.
	DialectMixed
)

func (d Dialect) String() string {
	switch d {
	case DialectFlag:
		return "aadOptscim062020"
	case DialectMixed:
		return "mixed"
	}
	return "default"
}

// Options change how an Entra works. The zero Options, and nil, mean the
// defaults.
type Options struct {
	Dialect Dialect       // default: DialectDefault, or DialectFlag if the URL has the query ?aadOptscim062020
	Client  *http.Client  // default: one of its own, which follows no redirects
	Timeout time.Duration // for one request; default: 60 seconds, after which Entra gives up too
	Workers int           // requests at once; default: 8

	// MatchUsers and MatchGroups are the attributes by which objects are
	// looked for that Entra has no id of yet, in order of precedence: the
	// first one that finds something ends the search. They must be among the
	// mapped ones, spelled as in Entra's mappings: externalId,
	// emails[type eq "work"].value. Defaults: userName; displayName.
	MatchUsers, MatchGroups []string

	MembersPerPatch int    // members in one PATCH request; default: 100
	UsersOnly       bool   // leave groups alone
	Seed            uint64 // of the random names in probes

	// Progress is told of every step, one call at a time. It must not call the
	// Entra.
	Progress func(Progress)
}

// Progress says how far a run has come.
type Progress struct {
	Run         string // as in Report
	Phase       string // "probes", "deletions", "users", "groups", "references", "members"
	Done, Total int    // objects in this phase; the first call of a phase has Done 0
	Requests    int    // in this run, so far
}

// Entra plays Microsoft Entra ID's provisioning service against one endpoint.
// Like the real one it remembers the ids that the endpoint gave. Its methods
// may be called concurrently, but do one thing at a time.
type Entra struct {
	mu      sync.Mutex // held during a run
	base    string
	token   string
	options Options
	err     error // of the URL or the options
	random  *rand.Rand

	users, groups map[string]*link // by the directory's ids
	deleted       []tomb           // what must be gone
	cycles        int              // since the links were reset
}

// A link ties an object of the directory to one at the endpoint.
type link struct {
	id      string          // the endpoint's
	object  string          // for people
	members map[string]bool // of a group: the directory's ids of the members known to be there
	known   bool            // of a group: members is all there is to know
}

type tomb struct{ endpoint, id, object string }

// NewEntra returns an Entra for the endpoint at the Tenant URL, such as
// "https://app.example.com/scim/v2". Nil options mean the defaults. What is
// wrong with the URL or the options is reported by each run.
func NewEntra(tenantURL, token string, options *Options) *Entra {
	e := &Entra{token: token}
	if options != nil {
		e.options = *options
	}
	u, err := url.Parse(tenantURL)
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		err = errors.New("want http:// or https:// and a host")
	}
	if err != nil {
		e.err = fmt.Errorf("scimtest: Tenant URL %q: %w", tenantURL, err)
	} else {
		if u.Query().Has("aadOptscim062020") && e.options.Dialect == DialectDefault {
			e.options.Dialect = DialectFlag
		}
		u.RawQuery, u.Fragment = "", ""
		e.base = strings.TrimRight(u.String(), "/")
	}
	o := &e.options
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if len(o.MatchUsers) == 0 {
		o.MatchUsers = []string{"userName"}
	}
	if len(o.MatchGroups) == 0 {
		o.MatchGroups = []string{"displayName"}
	}
	for _, path := range o.MatchUsers {
		if !slices.ContainsFunc(userMappings, func(m mapping) bool { return m.path == path }) {
			e.err = fmt.Errorf("scimtest: MatchUsers: %q is not mapped", path)
		}
	}
	for _, path := range o.MatchGroups {
		if !slices.ContainsFunc(new(Group).assignments(), func(a assignment) bool { return a.path == path }) {
			e.err = fmt.Errorf("scimtest: MatchGroups: %q is not mapped", path)
		}
	}
	if o.MembersPerPatch <= 0 {
		o.MembersPerPatch = 100
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				MaxIdleConnsPerHost: o.Workers,
				IdleConnTimeout:     30 * time.Second,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	e.random = rand.New(rand.NewPCG(o.Seed, 0x5c1a))
	e.reset()
	return e
}

// SetDialect changes the dialect from the next run on, as an admin does who
// edits the Tenant URL.
func (e *Entra) SetDialect(d Dialect) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Dialect = d
}

// ResetLinks forgets the ids that the endpoint gave, as a restart of
// provisioning with its full scope does. The next cycle looks every object up
// by name again.
func (e *Entra) ResetLinks() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
}

func (e *Entra) reset() {
	e.users, e.groups, e.cycles = map[string]*link{}, map[string]*link{}, 0
}

// TestConnection does what the button of that name does in the Entra portal:
// it looks for a user and a group that do not exist. Its error is the
// Report's.
func (e *Entra) TestConnection(ctx context.Context) (*Report, error) {
	return e.run(ctx, "Test Connection", func(r *run) error {
		r.probe()
		return nil
	})
}

// Sync runs one cycle. The first one, the initial cycle, looks each object up
// and creates what is not there. Later ones read each object by the id that
// the endpoint gave, and write only what differs from what it returned. Users
// and groups that are no longer in the directory are deleted. Managers and
// members are written last.
//
// The real service looks only at objects that changed in the directory since
// the last cycle. Sync looks at all of them, as if provisioning had been
// restarted, so that each cycle also finds what the endpoint lost.
//
// A failure does not end the cycle, unless Entra would put the whole job into
// quarantine. Sync's error is the Report's, so it is nil only if all went
// right; the Report is never nil.
func (e *Entra) Sync(ctx context.Context, d Directory) (*Report, error) {
	e.mu.Lock()
	name := "incremental cycle"
	if e.cycles == 0 {
		name = "initial cycle"
	}
	e.mu.Unlock()
	return e.run(ctx, name, func(r *run) error {
		if err := d.Validate(); err != nil {
			return err
		}
		d := d.Clone()
		if r.options.UsersOnly {
			d.Groups = nil
		}
		if r.probe(); r.ctx.Err() == nil {
			r.cycles++
			r.cycle(&d)
		}
		return nil
	})
}

// Verify checks that the endpoint holds what the directory does: every mapped
// attribute, active, the manager, and exactly the members of each group; that
// each object is found by filter, once; that what was deleted is gone; and so
// that a second cycle of the same directory would send nothing but look-ups.
// It only reads. Its error is the Report's.
func (e *Entra) Verify(ctx context.Context, d Directory) (*Report, error) {
	return e.run(ctx, "verification", func(r *run) error {
		if err := d.Validate(); err != nil {
			return err
		}
		d := d.Clone()
		if r.options.UsersOnly {
			d.Groups = nil
		}
		r.verify(&d)
		return nil
	})
}

// run does one thing and reports it.
func (e *Entra) run(ctx context.Context, name string, do func(*run) error) (*Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	report := &Report{Run: name}
	if e.err != nil {
		report.Stopped = e.err.Error()
		return report, report.Err()
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Entra: e, ctx: inner, cancel: cancel, report: report, said: map[string]bool{}}
	start := time.Now()
	err := do(r)
	report.Duration = time.Since(start)
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
