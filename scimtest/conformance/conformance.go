// Package conformance checks from outside whether a SCIM endpoint, whoever
// wrote it, does what RFC 7643 and RFC 7644 ask and what identity providers
// need. It creates users and groups of its own, and deletes them again.
//
//	report, err := conformance.Check(ctx, "https://app.example.com/scim/v2", token, nil)
//	for _, r := range report.Findings() {
//		fmt.Println(r) // requirement, requests and answers, what was expected, why it matters, how to fix it
//	}
//
// The checks come in suites: the RFCs, what Microsoft Entra ID and Okta do,
// Microsoft's own validation replayed, and the SCIM 2.0 Interoperability
// Profile. The package imports the standard library alone.
package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options change a check. The zero Options, and nil, mean the defaults.
type Options struct {
	// Suites to run, by name; default: all but "strict", which the default
	// includes if the endpoint says interopProfileConformant.
	Suites []string

	// Only, if it is not empty, runs the checks alone whose ids begin with one
	// of these: "rfc.patch", "entra.users.create".
	Only []string

	Client  *http.Client  // default: one of its own, which follows no redirects
	Timeout time.Duration // for one request; default: 30 seconds
	Workers int           // checks at once; default: 4

	// Domain of the user names that are made up; default: "usher-check.example".
	Domain string

	// User has attributes that each user must have besides what the endpoint's
	// schemas say is required, by top-level name.
	User map[string]any

	// Progress is told of every check that has ended, one call at a time.
	Progress func(done, total int, r *Result)
}

// Check runs the suites against the endpoint at the base URL. Its error is of
// the URL, the options or the context; what is wrong with the endpoint is in
// the Report, even if it cannot be reached at all.
func Check(ctx context.Context, baseURL, token string, options *Options) (*Report, error) {
	var o Options
	if options != nil {
		o = *options
	}
	u, err := url.Parse(baseURL)
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		err = errors.New("want http:// or https:// and a host")
	}
	if err != nil {
		return nil, fmt.Errorf("conformance: URL %q: %w", baseURL, err)
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Domain == "" {
		o.Domain = "usher-check.example"
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				MaxIdleConnsPerHost: o.Workers + 8,
				IdleConnTimeout:     time.Second, // before the server ends it: a POST on a connection that just ended is lost
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	known := suites()
	for _, name := range o.Suites {
		if !slices.ContainsFunc(known, func(s suite) bool { return s.name == name }) {
			return nil, fmt.Errorf("conformance: no suite %q; want some of %s", name, strings.Join(SuiteNames(), ", "))
		}
	}

	t := &target{base: strings.TrimRight(u.String(), "/"), token: token, options: o, nonce: strings.ToLower(rand.Text()[:8])}
	report := &Report{Endpoint: t.base, Started: time.Now().UTC()}
	t.discover(ctx)
	report.Server = t.features.String()
	if len(o.Suites) == 0 {
		for _, s := range known {
			if s.name != Strict || t.features.profile {
				o.Suites = append(o.Suites, s.name)
			}
		}
	}

	var together, alone []*Result
	for _, s := range known {
		if !slices.Contains(o.Suites, s.name) {
			continue
		}
		report.Suites = append(report.Suites, Suite{Name: s.name, Title: s.title})
		for i := range s.checks {
			c := &s.checks[i]
			id := s.name + "." + c.id
			if len(o.Only) > 0 && !slices.ContainsFunc(o.Only, func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
				continue
			}
			r := &Result{ID: id, Suite: s.name, Area: c.area, Title: c.title, Requirements: c.rows, Source: c.source, Level: c.level, Why: c.why, Fix: c.fix, check: c}
			report.Results = append(report.Results, r)
			if c.alone {
				alone = append(alone, r)
			} else {
				together = append(together, r)
			}
		}
	}

	var mu sync.Mutex
	done := 0
	run := func(r *Result) {
		t.check(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		done++
		if o.Progress != nil {
			o.Progress(done, len(report.Results), r)
		}
	}
	next := make(chan *Result)
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() {
			for r := range next {
				run(r)
			}
		})
	}
	for _, r := range together {
		next <- r
	}
	close(next)
	workers.Wait()
	for _, r := range alone { // what others create or delete would disturb these
		run(r)
	}
	report.Duration = time.Since(report.Started)
	report.Requests = int(t.requests.Load())
	return report, ctx.Err()
}

// check runs one check and fills in its result.
func (t *target) check(ctx context.Context, r *Result) {
	p := &probe{ctx: ctx, target: t, result: r}
	start := time.Now()
	if reason := t.features.lacks(r.check.needs); reason != "" {
		r.Status, r.Reason = Skipped, reason
		return
	}
	r.Status = Passed
	done := make(chan struct{})
	go func() { // of its own, so that an expectation can end it
		defer close(done)
		defer func() {
			if v := recover(); v != nil { // a mistake of the check's, not the endpoint's
				stack := make([]byte, 4<<10)
				r.Status, r.Reason = Blocked, fmt.Sprintf("the check panicked: %v\n%s", v, stack[:runtime.Stack(stack, false)])
			}
		}()
		r.check.run(p)
	}()
	<-done
	p.cleanUp()
	if ctx.Err() != nil && r.Status != Passed {
		r.Status, r.Reason, r.Finding = Blocked, ctx.Err().Error(), nil
	}
	r.redact(t.token)
	r.Duration = time.Since(start)
}
