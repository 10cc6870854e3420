// Package scimtest tests SCIM endpoints, whoever wrote them, in Go tests: it
// provisions a directory as Microsoft Entra ID or Okta do, and it checks
// conformance, without a tenant there and without forty minutes until the next
// cycle.
//
//	func TestEndToEnd(t *testing.T) {
//		server := httptest.NewServer(handler)
//		defer server.Close()
//
//		directory := company.New(company.Options{Users: 50})
//		entra := scimtest.NewEntra(t, server.URL+"/scim/v2", token)
//		entra.Sync(directory) // fails the test with what Entra's admin would see
//
//		directory.Users[0].Disabled = true
//		entra.Sync(directory)
//
//		scimtest.Check(t, server.URL+"/scim/v2", token)
//	}
//
// Package idp has the identity providers themselves, for programs and for all
// that a test seldom needs; package conformance has the check and its reports;
// package company makes directories.
package scimtest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// What is provisioned, and what comes of it.
type (
	Directory = idp.Directory
	User      = idp.User
	Group     = idp.Group
	Options   = idp.Options
	Report    = idp.Report
)

// An Entra is Microsoft Entra ID's provisioning service in a test. Whatever its
// admin would see go wrong is an error of the test.
type Entra struct {
	*idp.Entra // for all that is not here: Restart, SetDialect, Advance, …
	harness
}

// NewEntra returns an Entra for the endpoint at the Tenant URL, with ids of
// nothing there yet. Of several Options the last are used; without any, the
// defaults. What is wrong with the URL or the options ends the test.
func NewEntra(t testing.TB, tenantURL, token string, options ...Options) *Entra {
	t.Helper()
	e := &Entra{harness: harness{t: t}}
	var err error
	if e.Entra, err = idp.NewEntra(tenantURL, token, e.observed(options, idp.Shape)); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestConnection does what the button of that name does in the Entra portal.
func (e *Entra) TestConnection() *Report {
	e.t.Helper()
	report, err := e.Entra.TestConnection(e.t.Context())
	return e.report(report, err)
}

// Sync runs the next cycle, which brings the endpoint to the directory's state,
// and checks what must hold afterwards: that the endpoint equals the directory,
// that another cycle writes nothing, and that no request was one that the real
// service never sends. It returns the report of the cycle.
func (e *Entra) Sync(d Directory) *Report {
	e.t.Helper()
	report, ok := e.sync(e.Entra, d)
	if !ok {
		return report
	}
	again, err := e.Entra.Sync(e.t.Context(), d)
	if e.report(again, err); err == nil && again.Writes() > 0 {
		e.t.Errorf("scimtest: a second cycle of the same directory wrote again:\n%s", again)
	}
	return report
}

// ProvisionOnDemand provisions one user, or one group with five of its members
// at most, at once.
func (e *Entra) ProvisionOnDemand(d Directory, id string, members ...string) *Report {
	e.t.Helper()
	report, err := e.Entra.ProvisionOnDemand(e.t.Context(), d, id, members...)
	return e.report(report, err)
}

// Discover pages through all users of the endpoint, as Account Discovery does.
func (e *Entra) Discover(d Directory) []idp.Account {
	e.t.Helper()
	accounts, report, err := e.Entra.Discover(e.t.Context(), d)
	e.report(report, err)
	return accounts
}

// A Client is Okta or another identity provider in a test. Whatever its admin
// would see go wrong is an error of the test.
type Client struct {
	*idp.Client
	harness
}

// NewOkta returns an Okta for the endpoint at the base URL, as an app of Okta's
// wizard, which updates with PUT, or with Options.Patch as one of its catalogue.
func NewOkta(t testing.TB, baseURL, token string, options ...Options) *Client {
	t.Helper()
	return newClient(t, idp.NewOkta, baseURL, token, options)
}

// NewOneLogin returns a OneLogin for the endpoint at the base URL.
func NewOneLogin(t testing.TB, baseURL, token string, options ...Options) *Client {
	t.Helper()
	return newClient(t, idp.NewOneLogin, baseURL, token, options)
}

// NewJumpCloud returns a JumpCloud for the endpoint at the base URL.
func NewJumpCloud(t testing.TB, baseURL, token string, options ...Options) *Client {
	t.Helper()
	return newClient(t, idp.NewJumpCloud, baseURL, token, options)
}

// NewRFC returns a client that keeps to RFC 7644, which updates with PUT, or
// with PATCH if Options.Patch is set.
func NewRFC(t testing.TB, baseURL, token string, options ...Options) *Client {
	t.Helper()
	return newClient(t, idp.NewRFC, baseURL, token, options)
}

func newClient(t testing.TB, of func(url, token string, o *Options) (*idp.Client, error), url, token string, options []Options) *Client {
	t.Helper()
	c := &Client{harness: harness{t: t}}
	var err error
	if c.Client, err = of(url, token, c.observed(options, nil)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestConnection does what the identity provider does when its admin sets the
// connection up.
func (c *Client) TestConnection() *Report {
	c.t.Helper()
	report, err := c.Client.TestConnection(c.t.Context())
	return c.report(report, err)
}

// Sync brings the endpoint to the directory's state and checks that it equals
// the directory afterwards. It returns the report of the cycle.
func (c *Client) Sync(d Directory) *Report {
	c.t.Helper()
	report, _ := c.sync(c.Client, d)
	return report
}

// A harness fails a test with what an identity provider reports.
type harness struct {
	t    testing.TB
	once sync.Once // one impossible request is enough
}

// observed returns the last of the options, with each request held against the
// shapes of those that the real service sends.
func (h *harness) observed(options []Options, shape func(idp.Exchange) error) *Options {
	var o Options
	if len(options) > 0 {
		o = options[len(options)-1]
	}
	if told := o.Observe; shape != nil {
		o.Observe = func(x idp.Exchange) {
			if err := shape(x); err != nil {
				h.once.Do(func() {
					h.t.Errorf("scimtest: the simulation sent a request that the real service never does: %v", err)
				})
			}
			if told != nil {
				told(x)
			}
		}
	}
	return &o
}

func (h *harness) sync(p idp.Provider, d Directory) (report *Report, ok bool) {
	h.t.Helper()
	report, err := p.Sync(h.t.Context(), d)
	if h.report(report, err); err != nil {
		return report, false
	}
	check, err := p.Verify(h.t.Context(), d)
	h.report(check, err)
	return report, err == nil
}

func (h *harness) report(r *Report, err error) *Report {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
	return r
}

// Check runs the conformance check against the endpoint at the base URL, with a
// subtest for each check: one that is not met fails, a recommendation that is not
// met is logged, and one that the endpoint has no use for is skipped. With go
// test -artifacts the report is kept, as report.html. It returns the report.
// Of several options the last are used.
func Check(t *testing.T, baseURL, token string, options ...conformance.Options) *conformance.Report {
	t.Helper()
	var o conformance.Options
	if len(options) > 0 {
		o = options[len(options)-1]
	}
	report, err := conformance.Check(t.Context(), baseURL, token, &o)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		t.Run(result.ID, func(t *testing.T) {
			switch result.Status {
			case conformance.Failed, conformance.Blocked:
				t.Error(result)
			case conformance.Advised:
				t.Log(result)
			case conformance.Skipped:
				t.Skip(result.Reason)
			}
		})
	}
	if err := keep(report, t.ArtifactDir()); err != nil {
		t.Error(err)
	}
	return report
}

// keep writes the report as a page.
func keep(report *conformance.Report, dir string) error {
	page, err := os.Create(filepath.Join(dir, "report.html"))
	if err != nil {
		return fmt.Errorf("scimtest: the report: %w", err)
	}
	defer page.Close()
	if err := report.WriteHTML(page); err != nil {
		return fmt.Errorf("scimtest: the report: %w", err)
	}
	return page.Close()
}
