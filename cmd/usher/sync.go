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
	Provider string   `default:"entra" enum:"${providers}" help:"Who provisions. One of: ${enum}."`
	Dialect  string   `default:"default" enum:"default,flag,mixed" help:"How Entra writes PATCH: default; flag, what ?aadOptscim062020 in the URL turns on; mixed, as happens. One of: ${enum}."`
	Mappings string   `placeholder:"FILE" type:"existingfile" help:"Entra's attribute mappings and scoping filters, as JSON; usher mappings prints the default."`
	Cycles   int      `default:"1" help:"Cycles to run. Between them some people are hired, leave, move and change their names."`
	OnDemand []string `placeholder:"ID" help:"In place of cycles, provision one user or group on demand, as Entra does; of a group, the members whose ids follow."`
	Verify   bool     `default:"true" negatable:"" help:"Compare the endpoint with the directory at the end, and see that another full look at everything has nothing to write."`
	Delete   bool     `help:"At the end, have the identity provider delete what it provisioned, or deactivate it where it never deletes."`
	JSON     bool     `name:"json" help:"Print the report as JSON."`
}

// Help is shown by -help.
func (*syncCommand) Help() string {
	return `Without -delete the people and groups stay at the endpoint: give a test tenant.
The same directory provisioned again finds them by name. Another one finds groups
of the same names, whose other members no identity provider removes: empty the
tenant first.

Examples:

	export USHER_TOKEN=…
	usher sync https://app.example.com/scim/v2 -users 50
	usher sync https://app.example.com/scim/v2 -users 1000 -groups 50 -cycles 5 -dialect mixed -delete
	usher sync http://localhost:8080/scim/v2 -provider okta -directory company.json -json
	usher sync http://localhost:8080/scim/v2 -directory company.json -on-demand ada@contoso.example
`
}

// A source is where a directory comes from.
type source struct {
	Users     int    `default:"1000" help:"People in the company. The largest is a million."`
	Groups    int    `default:"-1" placeholder:"N" help:"Groups in it. Default: as many as a company of that size has."`
	Seed      uint64 `default:"1" help:"Another seed makes another company."`
	Domain    string `default:"contoso.example" help:"Domain of its user names."`
	Directory string `placeholder:"FILE" type:"existingfile" help:"A directory of your own instead, as JSON: see docs/directories.md."`
}

func (s *source) valid() error {
	if s.Users < 0 || s.Users > 1_000_000 || s.Groups > 100_000 {
		return errors.New("-users, -groups: want at most 1000000 and 100000, and no negative number")
	}
	return nil
}

func (s *source) invent() idp.Directory {
	o := company.Options{Users: s.Users, Groups: s.Groups, Seed: s.Seed, Domain: s.Domain}
	switch {
	case s.Groups < 0:
		o.Groups = 0 // as many as suit
	case s.Groups == 0:
		o.Groups = -1 // none
	}
	return company.New(o)
}

// Validate is called by kong.
func (c *syncCommand) Validate() error {
	var alien string
	for name, given := range map[string]bool{"-dialect": c.Dialect != "default", "-mappings": c.Mappings != "", "-on-demand": len(c.OnDemand) > 0} {
		if given {
			alien = name
		}
	}
	switch {
	case c.Cycles < 1:
		return errors.New("-cycles: want 1 or more")
	case c.Provider != "entra" && alien != "":
		return fmt.Errorf("%s: only Entra has that, %s has not", alien, c.Provider)
	}
	return errors.Join(c.endpoint.valid(), c.source.valid())
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
		Client: c.client(), Timeout: c.Timeout, Workers: c.Workers, Seed: c.Seed, Progress: s.progress, Observe: meter.observe,
	}
	s.report = &syncReport{
		Format: "usher-sync/1", Endpoint: c.URL, Provider: c.Provider,
		Users: len(directory.Users), Groups: len(directory.Groups), Started: time.Now().UTC(),
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
		count(len(directory.Users), "user"), count(len(directory.Groups), "group"))
	if len(demand) > 0 {
		s.provisionOnDemand(demand)
	} else {
		s.play(c.Cycles, c.Verify, c.Delete)
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
		named[g.DisplayName], named[g.ID] = g.ID, g.ID
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
	if deletes {
		s.sync("Deletion", idp.Directory{})
	}
}

// compare compares the endpoint with the directory, and looks at everything
// again.
func (s *session) compare() (goOn bool) {
	if !s.run("Comparison", func() (*idp.Report, error) { return s.provider.Verify(s.ctx, s.directory) }) {
		return false
	}
	goOn = s.restart(secondLook)
	last := s.report.Runs[len(s.report.Runs)-1]
	if n := last.Report.Writes(); n > 0 && s.provisioned && len(last.Report.Failures) == 0 { // otherwise it tries again what has failed
		last.Problem = fmt.Sprintf("nothing has changed, but there were %s: the endpoint does not return what it was given, and will be written to for ever", count(n, "write"))
	}
	return goOn
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
	r := &syncRun{Name: name, Report: report}
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
