package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/usherkit/scim/scimtest/conformance"
)

type checkCommand struct {
	endpoint
	Suite    []string `placeholder:"NAME" help:"Suites to run: ${suites}. Default: all; strict only if the endpoint claims to conform to that profile."`
	Only     []string `placeholder:"ID" help:"Run only the checks whose ids begin so: rfc.patch, entra.users."`
	Domain   string   `default:"usher-check.example" help:"Domain of the user names that are made up."`
	User     string   `placeholder:"JSON" help:"Attributes that each user must have at this endpoint: {\"nickName\": \"x\"}."`
	JSON     bool     `name:"json" help:"Print the report as JSON."`
	JUnit    string   `name:"junit" placeholder:"FILE" help:"Write the report for CI as JUnit XML."`
	HTML     string   `name:"html" placeholder:"FILE" help:"Write the report as a page."`
	Markdown string   `placeholder:"FILE" help:"Write the report for a pull request."`
}

// Help is shown by -help.
func (*checkCommand) Help() string {
	return `The checks create users and groups of their own and delete them again. What is
there already they leave alone. Give a test tenant all the same.

The report is a grid of suites and areas, and each finding with its requests and
answers, what was expected, why it matters and how to fix it. A FILE of - is the
standard output.

Examples:

	export USHER_TOKEN=…
	usher check https://app.example.com/scim/v2
	usher check https://app.example.com/scim/v2 -suite entra,microsoft -html report.html
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
	options := &conformance.Options{
		Suites: c.Suite, Only: c.Only, Domain: c.Domain, Timeout: c.Timeout, Workers: c.Workers, Client: c.client(),
	}
	if c.User != "" {
		if err := json.Unmarshal([]byte(c.User), &options.User); err != nil || options.User == nil {
			return fmt.Errorf("-user: want a JSON object: %s", c.User)
		}
	}
	outputs := []output{
		{c.JUnit, (*conformance.Report).WriteJUnit},
		{c.HTML, (*conformance.Report).WriteHTML},
		{c.Markdown, (*conformance.Report).WriteMarkdown},
	}
	toStdout := 0
	if c.JSON {
		toStdout++
	}
	for _, o := range outputs {
		if o.file == "-" {
			toStdout++
		}
	}
	if toStdout > 1 {
		return errors.New("more than one report to the standard output; give some of them a file")
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
	if len(report.Results) == 0 {
		return fmt.Errorf("no check of these suites has an id that begins with one of %q", c.Only)
	}
	for _, o := range outputs {
		if err := o.write(console.out, report); err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		err = report.WriteJSON(console.out)
	case toStdout == 0:
		err = report.WriteText(console.out, newDisplay(console.out).colours)
	}
	if err == nil && !report.Conforms() {
		return errWrong
	}
	return err
}

// An output is a file for a form of the report.
type output struct {
	file string // empty: none; "-": the standard output
	form func(*conformance.Report, io.Writer) error
}

func (o output) write(stdout io.Writer, report *conformance.Report) error {
	if o.file == "" {
		return nil
	}
	var b bytes.Buffer
	if err := o.form(report, &b); err != nil {
		return err
	}
	if o.file == "-" {
		_, err := stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(o.file, b.Bytes(), 0o644)
}
