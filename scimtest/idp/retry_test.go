package idp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestRetries: what is answered 429 is sent again in the cycle; everything
// else is left to a later one.
func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name, reason, after string
		status, refusals    int
		waits               []time.Duration
		code                string // of the failure; none, if it succeeded at last
		advice              bool
	}{
		{"Retry-After in seconds", "RFC 9110 §10.2.3", "7", 429, 2, []time.Duration{7 * time.Second, 7 * time.Second}, "", false},
		{"a date that has passed", "RFC 9110 §10.2.3", "Mon, 02 Jan 2006 15:04:05 GMT", 429, 1, []time.Duration{0}, "", false},
		{"without Retry-After", "it grows", "", 429, 3, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, "", true},
		{"no number and no date", "it is of no use", "soon", 429, 1, []time.Duration{time.Second}, "", true},
		{"too long", "MaxWait", "86400", 429, 1, []time.Duration{time.Minute}, "", false},
		{"for ever", "three times more at most", "1", 429, 99, []time.Duration{time.Second, time.Second, time.Second}, idp.CodeTooManyRequests, false},
		{"out of order", "LOGS: InternalServerError, retried in ~40 min", "1", 503, 1, nil, idp.CodeInternalServerError, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var refused int
			var mu sync.Mutex
			url := serve(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					refuse := r.Method == "POST" && refused < tt.refusals
					if refuse {
						refused++
					}
					mu.Unlock()
					if !refuse {
						next.ServeHTTP(w, r)
						return
					}
					if tt.after != "" {
						w.Header().Set("Retry-After", tt.after)
					}
					w.WriteHeader(tt.status)
				})
			})
			var waits []time.Duration
			var attempts []int
			entra := newEntra(t, url, token, &idp.Options{
				Sleep: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
				Observe: func(x idp.Exchange) {
					if x.Kind == idp.CreateUser {
						attempts = append(attempts, x.Attempt)
					}
				},
			})
			d := idp.Directory{Users: []idp.User{{ID: "1", UserPrincipalName: "a@contoso.example"}}}
			r, err := entra.Sync(t.Context(), d)
			if !slices.Equal(waits, tt.waits) {
				t.Errorf("waited %v, want %v (%s)", waits, tt.waits, tt.reason)
			}
			var f *idp.Failure
			if errors.As(err, &f); err == nil && tt.code != "" || err != nil && f.Code != tt.code {
				t.Errorf("got %v, want failure %q", err, tt.code)
			}
			if got := r.Requests(idp.CreateUser); got != len(tt.waits)+1 || attempts[len(attempts)-1] != got {
				t.Errorf("%d requests, attempts %v: each is one", got, attempts)
			}
			if (len(r.Advice) == 1) != tt.advice {
				t.Errorf("advice %q", r.Advice)
			}
			if tt.code != "" && r.Waiting != 1 {
				t.Errorf("%d objects wait for the next cycle, want 1", r.Waiting)
			}
		})
	}
}

// TestLostAnswer is E050: the user was created, and Entra does not know. In
// the next cycle it looks before it creates.
func TestLostAnswer(t *testing.T) {
	var lost atomic.Bool
	url := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" && !lost.Swap(true) {
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	})
	entra := newEntra(t, url, token, nil)
	d := idp.Directory{Users: []idp.User{{ID: "1", UserPrincipalName: "a@contoso.example"}}}
	if r, err := entra.Sync(t.Context(), d); err == nil || r.Failures[0].Code != idp.CodeUnavailable || r.Requests(idp.CreateUser) != 1 {
		t.Fatalf("got %v, want one create without an answer", err)
	}
	r, err := entra.Sync(t.Context(), d)
	if err != nil || r.Writes() != 0 || r.Requests(idp.MatchUser) != 1 || r.Waiting != 0 {
		t.Errorf("got %v, want the user found and nothing written:\n%s", err, r)
	}
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// TestReport: what is measured, and the form that programs read.
func TestReport(t *testing.T) {
	var seen []idp.Exchange
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	entra := newEntra(t, serve(t, nil), token, &idp.Options{Now: start, Observe: func(x idp.Exchange) { seen = append(seen, x) }})
	d := company()
	r, err := entra.Sync(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != r.Requests() || seen[0].Kind != idp.Probe || seen[0].Status != 200 || !strings.Contains(string(seen[0].ResponseBody), `"totalResults":0`) {
		t.Errorf("observed %d of %d exchanges, the first %+v", len(seen), r.Requests(), seen[0])
	}
	for _, l := range r.Latencies {
		if l.Requests != r.Requests(l.Kind) || l.P50 <= 0 || l.P50 > l.P95 || l.P95 > l.P99 || l.P99 > l.Max {
			t.Errorf("latency of %d: %+v", r.Requests(l.Kind), l)
		}
	}
	if again, _ := entra.Sync(t.Context(), d); !r.Started.Equal(start) || again.Started.Sub(start) != 40*time.Minute {
		t.Errorf("cycles at %v and %v, want them 40 minutes apart", r.Started, again.Started)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]any
	if err := json.Unmarshal(b, &form); err != nil {
		t.Fatal(err)
	}
	if form["run"] != "initial cycle" || form["requests"] != float64(r.Requests()) || form["started"] != "2026-09-01T08:00:00Z" ||
		!reflect.DeepEqual(form["failures"], []any{}) || form["durationMs"].(float64) <= 0 {
		t.Errorf("got %s", b)
	}
	latency := form["latencies"].([]any)[0].(map[string]any)
	for _, name := range []string{"kind", "requests", "p50Ms", "p95Ms", "p99Ms", "maxMs"} {
		if _, ok := latency[name]; !ok {
			t.Errorf("latency without %s: %v", name, latency)
		}
	}
}
