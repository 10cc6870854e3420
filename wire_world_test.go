package scim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
	"github.com/usherkit/scim/memstore"
)

// wireWorld is the endpoint that one case talks to.
type wireWorld struct {
	mux     *http.ServeMux
	bare    *scim.Handler // without the mux
	mount   string
	hooks   *recordingHooks
	logs    *recordingLogger
	answers []string // bodies of the case's own steps
	cursors wiretest.Cursors
}

func newWireWorld(t *testing.T, c *wiretest.Case) *wireWorld {
	t.Helper()
	e := c.Endpoint(t)
	w := &wireWorld{mux: http.NewServeMux(), mount: e.Mount, hooks: &recordingHooks{mood: e.Hooks}, logs: new(recordingLogger)}
	store, tokens := wireStore(), scim.TokenValidatorFunc(wiretest.Tokens)
	if e.Store != "" {
		store = broken{errors.New("pq: password authentication failed for user hunter2")}
	}
	if e.Tokens != "" {
		tokens = func(context.Context, string) (p scim.Principal, err error) { return p, noTokens[e.Tokens] }
	}
	e.Options.Hooks, e.Options.Logger = w.hooks, slog.New(w.logs)
	e.Options.CursorKey = []byte("one key for all, so that cursors stay")
	h, err := scim.NewHandler(store, tokens, &e.Options)
	if err != nil {
		t.Fatalf("NewHandler: %v", err)
	}
	w.bare = h
	w.mux.Handle(w.mount, h)
	w.prepare(t, c)
	return w
}

// wireStore is empty; its ids count up and its clock moves a second at a time.
func wireStore() scim.Store {
	var (
		lock  sync.Mutex
		ids   int
		clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	)
	return &memstore.Store{
		NewID: func() string {
			lock.Lock()
			defer lock.Unlock()
			ids++
			return wiretest.ID(ids)
		},
		Now: func() time.Time {
			lock.Lock()
			defer lock.Unlock()
			clock = clock.Add(time.Second)
			return clock
		},
	}
}

// noTokens is what a validator says that does not come to say whose token it is.
var noTokens = map[string]error{
	"busy": &scim.Error{Kind: scim.ErrTooManyRequests, Detail: "more than 25 requests a second", RetryAfter: 7 * time.Second},
	"down": errors.New("dial tcp 10.0.0.7:5432: connection refused"),
}

// prepare makes the state a case starts from.
func (w *wireWorld) prepare(t *testing.T, c *wiretest.Case) {
	t.Helper()
	for _, s := range c.Prelude(t) {
		if rec := w.send(t, s); rec.Code/100 != 2 {
			t.Fatalf("prelude: %s %s: got %d %s", s.Method, s.Target, rec.Code, rec.Body)
		}
	}
	w.hooks.take()
	w.logs.take()
}

func (w *wireWorld) send(t *testing.T, s *wiretest.Step) *httptest.ResponseRecorder {
	t.Helper()
	base := strings.TrimSuffix(strings.ReplaceAll(w.mount, "{tenant}", "a"), "/")
	r := w.cursors.In(s).Request(t, base)
	rec := httptest.NewRecorder()
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path && clean+"/" != r.URL.Path {
		r.Pattern = w.mount // a ServeMux redirects to the clean path; other routers do not
		w.bare.ServeHTTP(rec, r)
	} else {
		w.mux.ServeHTTP(rec, r)
	}
	return rec
}

func (w *wireWorld) replay(t *testing.T, i int, s *wiretest.Step) {
	t.Helper()
	rec := w.send(t, s)
	w.cursors.Remember(rec.Body.String())
	a := &answer{
		status: rec.Code, header: rec.Result().Header, body: rec.Body.String(),
		events: w.hooks.take(), logs: w.logs.take(), earlier: w.answers,
	}
	w.answers = append(w.answers, a.body)
	var failures []string
	if err := a.parse(); err != nil {
		failures = append(failures, err.Error())
	}
	failures = append(failures, a.houseRules(s)...)
	for _, want := range s.Wants {
		if err := a.check(want.Text); err != nil {
			failures = append(failures, fmt.Sprintf("line %d: want %s: %v", want.Line, want.Text, err))
		}
	}
	switch got := a.record(); {
	case len(failures) > 0: // an answer that is wrong is not recorded
	case *update:
		s.Recorded = got
	case got != s.Recorded:
		failures = append(failures, "the answer is not the recorded one (-recorded +got):\n"+cmp.Diff(s.Recorded, got))
	}
	if len(failures) > 0 {
		t.Errorf("step %d, line %d: %s %s\n\t%s\n\tanswer: %d %s\n\tevents: %v", i+1, s.Line, s.Method, s.Target,
			strings.Join(failures, "\n\t"), a.status, clipped(a.body), a.events)
	}
}

func clipped(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}
