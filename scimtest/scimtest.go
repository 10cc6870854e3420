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
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// Those of package idp, for tests that need not import it.
type (
	Directory = idp.Directory // what is provisioned
	User      = idp.User
	Group     = idp.Group
	Options   = idp.Options // how it is
	Report    = idp.Report  // what came of it
)

// An Entra is Microsoft Entra ID's provisioning service in a test. Whatever its
// admin would see go wrong is an error of the test.
type Entra struct {
	// IDP does the work, and is for all that is not here: Restart,
	// SetDialect, Advance and others. What it returns is no error of the test
	// by itself.
	IDP *idp.Entra
	harness
}

// NewEntra returns an Entra for the endpoint at the Tenant URL, with ids of
// nothing there yet. Of several Options the last are used; without any, the
// defaults. What is wrong with the URL or the options ends the test.
func NewEntra(t testing.TB, tenantURL, token string, options ...Options) *Entra {
	t.Helper()
	e := &Entra{harness: harness{t: t}}
	var err error
	if e.IDP, err = idp.NewEntra(tenantURL, token, e.observed(options, idp.Shape)); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestConnection does what the button of that name does in the Entra portal.
func (e *Entra) TestConnection() *Report {
	e.t.Helper()
	report, err := e.IDP.TestConnection(e.t.Context())
	return e.report(report, err)
}

// Sync runs the next cycle, which brings the endpoint to the directory's state,
// and checks what must hold afterwards: that the endpoint equals the directory,
// and answers the questions about managers and members that Entra asks after a
// restart, so that another cycle writes nothing; and that no request was one
// that the real service never sends. It returns the report of the cycle.
func (e *Entra) Sync(d Directory) *Report {
	e.t.Helper()
	return e.sync(e.IDP, d)
}

// ProvisionOnDemand provisions one user, or one group with five of its members
// at most, at once.
func (e *Entra) ProvisionOnDemand(d Directory, id string, members ...string) *Report {
	e.t.Helper()
	report, err := e.IDP.ProvisionOnDemand(e.t.Context(), d, id, members...)
	return e.report(report, err)
}

// Discover pages through all users of the endpoint, as Account Discovery does.
func (e *Entra) Discover(d Directory) []idp.Account {
	e.t.Helper()
	accounts, report, err := e.IDP.Discover(e.t.Context(), d)
	e.report(report, err)
	return accounts
}

// A Client is Okta or another identity provider in a test. Whatever its admin
// would see go wrong is an error of the test.
type Client struct {
	IDP *idp.Client // does the work, and is for all that is not here: ResetLinks
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
	if c.IDP, err = of(url, token, c.observed(options, nil)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestConnection does what the identity provider does when its admin sets the
// connection up.
func (c *Client) TestConnection() *Report {
	c.t.Helper()
	report, err := c.IDP.TestConnection(c.t.Context())
	return c.report(report, err)
}

// Sync brings the endpoint to the directory's state and checks that it equals
// the directory afterwards, and that another look at everything has nothing to
// write. It returns the report of the cycle.
func (c *Client) Sync(d Directory) *Report {
	c.t.Helper()
	return c.sync(c.IDP, d)
}

// A harness fails a test with what an identity provider reports.
type harness struct {
	t    testing.TB
	once sync.Once // one impossible request is enough
	said sync.Map  // advice
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

func (h *harness) sync(p idp.Provider, d Directory) *Report {
	h.t.Helper()
	report, err := p.Sync(h.t.Context(), d)
	if h.report(report, err); err != nil {
		return report
	}
	check, err := p.Verify(h.t.Context(), d)
	if h.report(check, err); err != nil {
		return report
	}
	again, err := p.Sync(h.t.Context(), d)
	if h.report(again, err); err == nil && again.Writes() > 0 {
		var writes strings.Builder
		for i, w := range again.FirstWrites {
			fmt.Fprintf(&writes, "\n%d. %s", i+1, w)
		}
		h.t.Errorf("scimtest: nothing has changed, and another cycle made %d of these requests, the first ones with the answers that they follow from:%s", again.Writes(), writes.String())
	}
	return report
}

// report makes an error of a failure; advice is logged, once.
func (h *harness) report(r *Report, err error) *Report {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
	for _, advice := range r.Advice {
		if _, said := h.said.LoadOrStore(advice, true); !said {
			h.t.Log("advice: ", advice)
		}
	}
	return r
}

// Check runs the conformance check against the endpoint at the base URL, with a
// subtest for each check: one that is not met fails, a recommendation that is not
// met is logged, and one that the endpoint has no use for is skipped. With go
// test -artifacts the report is kept, as report.html, and those of further
// checks in the same test as report-2.html and so on. It returns the report. Of
// several options the last are used.
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

// keep writes the report as a page, under a name that is free.
func keep(report *conformance.Report, dir string) error {
	create := func(name string) (*os.File, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	}
	page, err := create("report.html")
	for n := 2; errors.Is(err, fs.ErrExist); n++ {
		page, err = create(fmt.Sprintf("report-%d.html", n))
	}
	if err != nil {
		return fmt.Errorf("scimtest: the report: %w", err)
	}
	defer page.Close()
	if err := report.WriteHTML(page); err != nil {
		return fmt.Errorf("scimtest: the report: %w", err)
	}
	return page.Close()
}
