package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/usherkit/scim/scimtest/conformance"
)

type checkCommand struct {
	endpoint
	Suite    []string `placeholder:"NAME" help:"Suites to run: ${suites}. Default: all; strict only if the endpoint claims to conform to that profile."`
	Only     []string `placeholder:"ID" help:"Run only the checks whose ids begin so: rfc.patch, entra.members. -list shows them."`
	List     bool     `help:"List the checks and send nothing."`
	Domain   string   `default:"usher-check.example" help:"Domain of the user names that are made up."`
	User     string   `placeholder:"JSON" help:"Attributes that each user must have at this endpoint: {\"nickName\": \"x\"}."`
	Group    string   `placeholder:"JSON" help:"The same of groups."`
	Full     bool     `help:"Print every finding in full, and advice too. Default: what is wrong in short, and one finding of each cause."`
	JSON     bool     `name:"json" help:"Print the report as JSON."`
	JUnit    string   `name:"junit" placeholder:"FILE" help:"Write the report for CI as JUnit XML."`
	HTML     string   `name:"html" placeholder:"FILE" help:"Write the report as a page."`
	Markdown string   `placeholder:"FILE" help:"Write the report for a pull request."`
}

// Help is shown by -help.
func (*checkCommand) Help() string {
	return `The checks create users and groups of their own and delete them again. What is
there already they leave alone. Give a test tenant all the same.

The report is a grid of suites and areas, what is wrong in short, and of each cause
one finding with its requests and answers, what was expected, why it matters and
how to fix it; -full prints all of them, as FILES do. A FILE of - is the standard
output. -workers 1 runs the checks one after the other, in the same order each time.

Examples:

	export USHER_TOKEN=…
	usher check https://app.example.com/scim/v2
	usher check https://app.example.com/scim/v2 -suite entra,microsoft -html report.html
	usher check https://app.example.com/scim/v2 -only entra.members -full
	usher check http://localhost:8080/scim/v2 -only rfc.filter,rfc.paging
	usher check https://app.example.com/scim/v2 -junit usher.xml -markdown - | gh pr comment 7 --body-file -
`
}

// Validate is called by kong.
func (c *checkCommand) Validate() error {
	for _, name := range c.Suite {
		if err := oneOf("-suite", name, conformance.SuiteNames()); err != nil {
			return err
		}
	}
	return c.valid()
}

// Run is called by kong.
func (c *checkCommand) Run(console *console) error {
	if c.List {
		return c.list(console.out)
	}
	options := &conformance.Options{
		Suites: c.Suite, Only: c.Only, Domain: c.Domain, Timeout: c.Timeout, Workers: c.Workers, Client: c.client(),
	}
	for _, a := range []struct {
		flag, text string
		to         *map[string]any
	}{{"-user", c.User, &options.User}, {"-group", c.Group, &options.Group}} {
		if a.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(a.text), a.to); err != nil || *a.to == nil {
			return fmt.Errorf("%s: want a JSON object: %s", a.flag, a.text)
		}
	}
	outputs := []*output{
		{name: c.JUnit, form: (*conformance.Report).WriteJUnit},
		{name: c.HTML, form: (*conformance.Report).WriteHTML},
		{name: c.Markdown, form: (*conformance.Report).WriteMarkdown},
	}
	toStdout := 0
	if c.JSON {
		toStdout++
	}
	for _, o := range outputs {
		if o.name == "-" {
			toStdout++
		}
	}
	if toStdout > 1 {
		return errors.New("more than one report to the standard output; give some of them a file")
	}
	for _, o := range outputs { // before the work, which would be lost
		if err := o.open(); err != nil {
			return err
		}
		defer o.close()
	}
	if err := c.reach(console.ctx, options.Client); err != nil {
		return err
	}

	screen := newDisplay(console.errors)
	wrong := 0
	options.Progress = func(done, total int, r *conformance.Result) {
		if r.Status == conformance.Failed {
			wrong++
		}
		screen.progress("checks", done, total, count(wrong, "finding"))
	}
	report, err := conformance.Check(console.ctx, c.URL, c.Token, options)
	screen.end()
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = report.WriteJSON(console.out)
	case toStdout == 0:
		err = report.WriteText(console.out, conformance.TextOptions{Color: newDisplay(console.out).colours, Full: c.Full})
	}
	for _, o := range outputs {
		err = errors.Join(err, o.write(console.out, report))
	}
	if err == nil && !report.Conforms() {
		return errWrong
	}
	return err
}

// list prints what would be checked.
func (c *checkCommand) list(out io.Writer) error {
	begins := func(id string) bool {
		return len(c.Only) == 0 || slices.ContainsFunc(c.Only, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range conformance.Checks() {
		if begins(r.ID) && (len(c.Suite) == 0 || slices.Contains(c.Suite, r.Suite)) {
			fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Level, r.Title)
		}
	}
	return w.Flush()
}

// An output is a file for a form of the report.
type output struct {
	name string // empty: none; "-": the standard output
	form func(*conformance.Report, io.Writer) error
	file *os.File
}

// open opens the file, and leaves what is in it until there is something to write.
func (o *output) open() (err error) {
	if o.name != "" && o.name != "-" {
		o.file, err = os.OpenFile(o.name, os.O_WRONLY|os.O_CREATE, 0o644)
	}
	return err
}

func (o *output) close() {
	if o.file != nil {
		o.file.Close()
	}
}

func (o *output) write(stdout io.Writer, report *conformance.Report) error {
	switch {
	case o.name == "":
		return nil
	case o.file == nil:
		return o.form(report, stdout)
	}
	if err := o.file.Truncate(0); err != nil {
		return err
	}
	if err := o.form(report, o.file); err != nil {
		return err
	}
	return o.file.Sync()
}
