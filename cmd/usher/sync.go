package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
)

type syncCommand struct {
	endpoint
	source
	UsersOnly bool     `help:"Leave groups alone and never ask for them, as for an endpoint that has none. -groups 0 means the same."`
	Provider  string   `default:"entra" enum:"${providers}" help:"Who provisions. One of: ${enum}."`
	Dialect   string   `default:"default" enum:"default,flag,mixed" help:"How Entra writes PATCH: default; flag, what ?aadOptscim062020 in the URL turns on; mixed, as happens. One of: ${enum}."`
	Mappings  string   `placeholder:"FILE" type:"existingfile" help:"Entra's attribute mappings and scoping filters, as JSON; usher mappings prints the default."`
	Cycles    *int     `placeholder:"3" help:"Cycles to run. Before each but the first one time goes by in the company."`
	OnDemand  []string `placeholder:"ID" help:"In place of cycles, provision one user or group on demand, as Entra does; of a group, the members whose ids follow."`
	Verify    bool     `default:"true" negatable:"" help:"Compare the endpoint with the directory at the end, and see that another full look at everything has nothing to write."`
	Delete    bool     `help:"At the end, have the identity provider delete what it provisioned, or deactivate it where it never deletes."`
	JSON      bool     `name:"json" help:"Print the report as JSON."`
}

// Help is shown by -help.
func (*syncCommand) Help() string {
	return `The first cycle creates the people and groups. Then time goes by twice: some
people are hired, leave for good, are blocked and let in again, marry, move, get
other titles, teams, addresses and numbers or their first ones, and join and
leave groups; and a cycle brings over each time what has changed. Whatever only
a PATCH can break is seen in these two; -cycles 1 leaves them out. At the end the
endpoint is compared with the directory, a second look at everything must have
nothing to write, and a last cycle takes the way back to the directory of the
first, so that the same command finds everybody by name again.

Without -delete the people and groups stay at the endpoint: give a test tenant.
Another directory finds groups of the same names, with members of their own whom
Entra never takes out: empty the tenant first.

Examples:

	export USHER_TOKEN=…
	usher sync https://app.example.com/scim/v2 -users 50
	usher sync https://app.example.com/scim/v2 -users 50 -users-only
	usher sync https://app.example.com/scim/v2 -users 1000 -groups 50 -cycles 5 -dialect mixed -delete
	usher sync http://localhost:8080/scim/v2 -provider okta -directory company.json -json
	usher sync http://localhost:8080/scim/v2 -directory company.json -on-demand ada@contoso.example
`
}

// A source is where a directory comes from. What was not given is nil, for a
// directory of one's own has no use for it.
type source struct {
	Users     *int    `placeholder:"1000" help:"People in the company. The largest is a million."`
	Groups    *int    `placeholder:"N" help:"Groups in it. Default: as many as a company of that size has."`
	Seed      *uint64 `placeholder:"1" help:"Another seed makes another company."`
	Domain    *string `placeholder:"contoso.example" help:"Domain of its user names."`
	Directory string  `placeholder:"FILE" type:"existingfile" help:"A directory of your own instead, as JSON: see docs/directories.md."`
}

func (s *source) valid() error {
	if s.Directory != "" {
		return conflict("-directory has people and groups of its own", []flag{
			{"-users", s.Users != nil}, {"-groups", s.Groups != nil}, {"-seed", s.Seed != nil}, {"-domain", s.Domain != nil},
		})
	}
	within := func(n *int, most int) bool { return n == nil || *n >= 0 && *n <= most }
	if !within(s.Users, 1_000_000) || !within(s.Groups, 100_000) {
		return errors.New("-users, -groups: want at most 1000000 and 100000, and no negative number")
	}
	return nil
}

// A flag may be given.
type flag struct {
	name  string
	given bool
}

// conflict reports the first of the flags that was given, and would be without
// effect.
func conflict(why string, flags []flag) error {
	for _, f := range flags {
		if f.given {
			return fmt.Errorf("%s: %s; leave one of them out", f.name, why)
		}
	}
	return nil
}

func (s *source) invent() idp.Directory {
	o := company.Options{Users: or(s.Users, 1000), Groups: or(s.Groups, 0), Seed: or(s.Seed, 1), Domain: or(s.Domain, "")}
	if s.none() {
		o.Groups = -1
	}
	return company.New(o)
}

// none reports whether there shall be no groups.
func (s *source) none() bool { return s.Groups != nil && *s.Groups == 0 }

// or is what was given, or else the default.
func or[T any](given *T, standard T) T {
	if given == nil {
		return standard
	}
	return *given
}

// Validate is called by kong.
func (c *syncCommand) Validate() error {
	if or(c.Cycles, 1) < 1 {
		return errors.New("-cycles: want 1 or more")
	}
	var errs []error
	if c.Provider != "entra" {
		errs = append(errs, conflict(fmt.Sprintf("only Entra has that, %s has not", c.Provider), []flag{
			{"-dialect", c.Dialect != "default"}, {"-mappings", c.Mappings != ""}, {"-on-demand", len(c.OnDemand) > 0},
		}))
	}
	if len(c.OnDemand) > 0 {
		errs = append(errs, conflict("-on-demand is in place of cycles and what follows them", []flag{{"-cycles", c.Cycles != nil}, {"-delete", c.Delete}}))
	}
	if c.UsersOnly {
		errs = append(errs, conflict("-users-only leaves groups alone", []flag{{"-groups", c.Groups != nil && !c.none()}}))
	}
	c.UsersOnly = c.UsersOnly || c.none()
	return errors.Join(append(errs, c.endpoint.valid(), c.source.valid())...)
}

// Run is called by kong.
func (c *syncCommand) Run(console *console) error {
	directory, err := c.read()
	if err != nil {
		return err
	}
	meter := newMeter()
	s := &session{ctx: console.ctx, screen: newDisplay(console.errors), meter: meter, directory: directory}
	options := &idp.Options{
		Client: c.client(), Timeout: c.Timeout, Workers: c.Workers, Seed: or(c.Seed, 1), UsersOnly: c.UsersOnly, Progress: s.progress, Observe: meter.observe,
	}
	s.report = &syncReport{
		Format: "usher-sync/1", Endpoint: c.URL, Provider: c.Provider,
		Users: len(directory.Users), Groups: len(directory.Groups), Started: time.Now().UTC(),
	}
	if c.UsersOnly {
		s.report.Groups = 0
	}
	if c.Provider == "entra" {
		if c.Dialect == "default" && strings.Contains(c.URL, "aadOptscim062020") {
			c.Dialect = "flag"
		}
		s.report.Dialect = c.Dialect
		options.Dialect = map[string]idp.Dialect{"default": idp.DialectDefault, "flag": idp.DialectFlag, "mixed": idp.DialectMixed}[c.Dialect]
		if err := readMappings(c.Mappings, options); err != nil {
			return err
		}
	}
	if s.provider, err = idp.New(c.Provider, c.URL, c.Token, options); err != nil {
		return err
	}
	demand, err := c.demand(directory)
	if err != nil {
		return err
	}
	if err := c.reach(console.ctx, options.Client); err != nil {
		return err
	}

	s.screen.printf("%s\n  as %s, with %s and %s\n", s.screen.style(bold, "Provisioning to "+c.URL), c.Provider,
		count(s.report.Users, "user"), count(s.report.Groups, "group"))
	if len(demand) > 0 {
		s.provisionOnDemand(demand)
	} else {
		s.play(or(c.Cycles, 3), c.Verify, c.Delete)
	}
	s.screen.printf("\n")
	r := s.report
	r.finish(meter, time.Since(r.Started))
	if c.JSON {
		enc := json.NewEncoder(console.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		r.print(newDisplay(console.out), meter)
	}
	switch {
	case err != nil:
		return err
	case console.ctx.Err() != nil:
		return console.ctx.Err()
	case !r.OK:
		return errWrong
	}
	return nil
}

// demand returns the ids of -on-demand, which may also be names.
func (c *syncCommand) demand(d idp.Directory) (ids []string, err error) {
	named := map[string]string{}
	for _, g := range d.Groups {
		if !c.UsersOnly {
			named[g.DisplayName], named[g.ID] = g.ID, g.ID
		}
	}
	for _, u := range d.Users {
		named[u.UserPrincipalName], named[u.ID] = u.ID, u.ID
	}
	for _, name := range c.OnDemand {
		id, ok := named[name]
		if !ok {
			return nil, fmt.Errorf("-on-demand: no user or group of the directory has the id or name %q", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// A session is one use of usher sync.
type session struct {
	ctx         context.Context
	screen      *display
	meter       *meter
	provider    idp.Provider
	directory   idp.Directory
	report      *syncReport
	provisioned bool // without a failure

	name  string    // the run's
	began time.Time // likewise
}

func (s *session) provisionOnDemand(ids []string) {
	entra := s.provider.(*idp.Entra) // or Validate would have objected
	s.run("On demand", func() (*idp.Report, error) {
		return entra.ProvisionOnDemand(s.ctx, s.directory, ids[0], ids[1:]...)
	})
}

// play runs the cycles and what comes after them. What is wrong is in the
// report. It goes on after failures, as identity providers do, unless a whole
// run was given up.
func (s *session) play(cycles int, verify, deletes bool) {
	if !s.run("Test Connection", func() (*idp.Report, error) { return s.provider.TestConnection(s.ctx) }) {
		return
	}
	first := s.directory
	for n := range cycles {
		name := "Initial cycle"
		if n > 0 {
			name = fmt.Sprintf("Cycle %d", n+1)
			s.directory = company.Evolve(s.directory, uint64(n))
		}
		if !s.sync(name, s.directory) {
			return
		}
	}
	if cycles > 1 && verify && !s.restart("Restart") { // brings what Entra left out: members who were disabled when they became members
		return
	}
	s.provisioned = !slices.ContainsFunc(s.report.Runs, func(r *syncRun) bool { return !r.ok() })
	if verify && !s.compare() {
		return
	}
	switch {
	case deletes:
		s.sync("Deletion", idp.Directory{})
	case cycles > 1: // so that the next usher sync finds everybody by name
		s.sync("Way back", first)
	}
}

// compare compares the endpoint with the directory, and looks at everything
// again.
func (s *session) compare() (goOn bool) {
	if !s.run("Comparison", func() (*idp.Report, error) { return s.provider.Verify(s.ctx, s.directory) }) {
		return false
	}
	return s.restart(secondLook)
}

// problem is what is wrong with a run that nothing failed in: a second look
// that writes, unless it tries again what has failed before.
func (s *session) problem(name string, r *idp.Report) string {
	n := r.Writes()
	if name != secondLook || n == 0 || !s.provisioned || len(r.Failures) > 0 {
		return ""
	}
	were := "were"
	if n == 1 {
		were = "was"
	}
	return fmt.Sprintf("nothing has changed, but there %s %s, and will be whenever everything is looked at: see the first writes, and the answers that they follow from",
		were, count(n, "write"))
}

// restart runs a cycle that looks at everything.
func (s *session) restart(name string) (goOn bool) {
	if entra, ok := s.provider.(*idp.Entra); ok { // the others always look at everything
		entra.Restart(idp.KeepLinks)
	}
	return s.sync(name, s.directory)
}

func (s *session) sync(name string, d idp.Directory) (goOn bool) {
	return s.run(name, func() (*idp.Report, error) { return s.provider.Sync(s.ctx, d) })
}

// run does one thing and reports it. It reports whether what follows makes
// sense.
func (s *session) run(name string, do func() (*idp.Report, error)) (goOn bool) {
	s.name, s.began = name, time.Now()
	report, err := do()
	if err != nil && report.Err() == nil {
		report.Stopped = err.Error()
	}
	r := &syncRun{Name: name, Report: report, Problem: s.problem(name, report)}
	s.report.Runs = append(s.report.Runs, r)
	mark := s.screen.style(green, "✓")
	if !r.ok() {
		mark = s.screen.style(red, "✗")
	}
	s.screen.printf("  %s %s\n", mark, r)
	return report.Stopped == ""
}

// progress is what the provider calls.
func (s *session) progress(p idp.Progress) {
	note := fmt.Sprintf("%s, %s/s", count(p.Requests, "request"), number(rate(p.Requests, time.Since(s.began))))
	if refused := s.meter.refusals(); refused > 0 {
		note += fmt.Sprintf(", %s refused", number(refused))
	}
	s.screen.progress(s.name+", "+p.Phase, p.Done, p.Total, note)
}

// rate is how many there are in a second.
func rate(n int, took time.Duration) int {
	return int(float64(n) / max(took, time.Millisecond).Seconds())
}

// mappings are what a file of -mappings has. What is not in it is as by
// default.
type mappings struct {
	Users        []idp.Mapping       `json:"users,omitempty"`
	Groups       []idp.Mapping       `json:"groups,omitempty"`
	UserScope    []idp.ScopingFilter `json:"userScope,omitempty"`
	GroupScope   []idp.ScopingFilter `json:"groupScope,omitempty"`
	AssignedOnly bool                `json:"assignedOnly,omitempty"`
}

func readMappings(file string, o *idp.Options) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var m mappings
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return fmt.Errorf("%s: %w; usher mappings prints an example", file, err)
	}
	o.UserMappings, o.GroupMappings, o.UserScope, o.GroupScope, o.AssignedOnly = m.Users, m.Groups, m.UserScope, m.GroupScope, m.AssignedOnly
	return nil
}

type mappingsCommand struct{}

// Help is shown by -help.
func (*mappingsCommand) Help() string {
	return `A source is a property of the directory, by its name in Microsoft Graph, or an
expression of Entra's functions; a target is an attribute of the endpoint. What
has a "matching" number is what users are looked for by. The members "userScope"
and "groupScope" are lists of scoping filters, lists of clauses such as
{"attribute": "department", "operator": "EQUALS", "value": "Sales"}.

Examples:

	usher mappings > mappings.json
	usher sync https://app.example.com/scim/v2 -users 50 -mappings mappings.json
`
}

// Run is called by kong.
func (*mappingsCommand) Run(console *console) error {
	enc := json.NewEncoder(console.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(mappings{Users: idp.DefaultUserMappings(), Groups: idp.DefaultGroupMappings()})
}
