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
	"crypto/tls"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options change a check. The zero Options, and nil, mean the defaults.
type Options struct {
	// Suites to run, by name; default: all but "strict", which the default
	// includes if the endpoint says interopProfileConformant, or Only asks for it.
	Suites []string

	// Only, if it is not empty, runs the checks alone whose ids begin with one
	// of these: "rfc.patch", "entra.members".
	Only []string

	Client  *http.Client  // default: one of its own, which follows no redirects
	TLS     *tls.Config   // of the default Client; default: that of net/http
	Timeout time.Duration // for one request; default: 10 seconds
	Limit   time.Duration // for the whole run, after which checks are blocked; default: 15 minutes
	Workers int           // checks at once; default: 4

	// Patience is how long to wait in all when the endpoint answers 429, or 503
	// with Retry-After, after which checks are blocked. Default: 3 minutes, which
	// is enough at 25 requests per second, the least that Entra asks for.
	Patience time.Duration

	// Domain of the user names that are made up; default: "usher-check.example".
	Domain string

	// User has attributes that each user must have besides what the endpoint's
	// schemas say is required, by top-level name; Group those of groups.
	User, Group map[string]any

	// Progress is told of every check that has ended, one call at a time.
	Progress func(done, total int, r *Result)
}

// Check runs the suites against the endpoint at the base URL. Its error is of
// the URL, the options or the context; what is wrong with the endpoint is in
// the Report, even if it cannot be reached at all.
func Check(ctx context.Context, baseURL, token string, options *Options) (*Report, error) {
	base, err := parseURL(baseURL)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	var o Options
	if options != nil {
		o = *options
	}
	o.setDefaults()
	known := suites()
	if err := o.choose(known); err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}

	t := &target{options: o, nonce: strings.ToLower(rand.Text()[:8])}
	t.base, t.token, t.client, t.timeout, t.limit, t.started = base, token, o.Client, o.Timeout, o.Limit, time.Now()
	t.pauses.checks, t.pauses.cleaning = o.Patience, o.Patience/3
	report := &Report{Endpoint: t.base, Started: t.started.UTC(), Nonce: t.nonce}
	t.discover(ctx)
	report.Server = t.features.String()

	var together, alone []*Result
	for _, s := range known {
		if !slices.Contains(o.Suites, s.name) && !(len(o.Suites) == 0 && (s.name != Strict || t.features.profile || o.picks(s))) {
			continue
		}
		report.Suites = append(report.Suites, Suite{Name: s.name, Title: s.title})
		for i := range s.checks {
			c := &s.checks[i]
			if !o.picked(s.name + "." + c.id) {
				continue
			}
			r := s.result(c)
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
	report.Leftovers = t.sweep(ctx)
	for i, path := range report.Leftovers {
		report.Leftovers[i] = redactor(token)(path)
	}
	report.Notes = t.notes()
	report.Slowed = t.pauses.count
	report.Duration = time.Since(report.Started)
	report.Requests = int(t.requests.Load())
	return report, ctx.Err()
}

// notes tells what many results may come of.
func (t *target) notes() (notes []string) {
	if reason := t.ended.Load(); reason != nil {
		notes = append(notes, redactor(t.token)("Not all was checked: "+*reason+"."))
	}
	for _, s := range []string{
		t.users.hint("user", "User", ", or usher check -user '{…}',"),
		t.groups.hint("group", "Group", ""),
	} {
		if s != "" {
			notes = append(notes, redactor(t.token)(s))
		}
	}
	return notes
}

// check runs one check and fills in its result.
func (t *target) check(ctx context.Context, r *Result) {
	p := &probe{ctx: ctx, target: t, result: r}
	start := time.Now()
	if reason := t.over(); reason != "" {
		r.Status, r.Reason = Blocked, reason
		r.redact(t.token)
		return
	}
	if reason := t.features.lacks(r.check.needs); reason != "" {
		r.Status, r.Reason = Skipped, reason
		return
	}
	if t.features.profile && narrowed[r.ID] {
		r.Status, r.Reason = Skipped, "the endpoint keeps to the Interoperability Profile, which has it otherwise"
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
