package tenant

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A stuck Store takes no records while it is held.
type stuck struct {
	Memory
	gate sync.RWMutex
}

func (s *stuck) Append(ctx context.Context, records []Record) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.Memory.Append(ctx, records)
}

// A crowd is an endpoint with a quiet connection and a noisy one.
type crowd struct {
	t            *testing.T
	registry     *Registry
	handler      http.Handler
	noisy        Connection
	noise, quiet string // tokens
	log          bytes.Buffer
}

func newCrowd(t *testing.T, s Store) *crowd {
	t.Helper()
	x := &crowd{t: t}
	x.registry = newRegistry(t, s, newClock(), func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&x.log, nil)) })
	var err error
	if x.handler, err = x.registry.NewHandler(new(memstore.Store), &scim.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	x.noisy, x.noise = connect(t, x.registry, "noisy")
	_, x.quiet = connect(t, x.registry, "quiet")
	return x
}

// send sends a request and returns how long it took.
func (x *crowd) send(ctx context.Context, token, method, target, body string) time.Duration {
	q := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	q.Header.Set("Authorization", "Bearer "+token)
	began := time.Now()
	x.handler.ServeHTTP(httptest.NewRecorder(), q)
	return time.Since(began)
}

// fill notes records of the noisy connection until it has no room.
func (x *crowd) fill() {
	for i := range mostRecords / share {
		x.registry.pending.add(x.t.Context(), &noted{Record: Record{ID: fmt.Sprintf("00-%06d", i), Connection: x.noisy.Ref(), Status: 400}})
	}
}

// hold has the background writer wait in a Store until the test says so.
func hold(t *testing.T, x *crowd, s *stuck) (release func()) {
	t.Helper()
	s.gate.Lock()
	release = sync.OnceFunc(s.gate.Unlock)
	t.Cleanup(release)
	x.registry.pending.add(t.Context(), &noted{Record: Record{ID: "00", Connection: x.noisy.Ref(), Status: 400}})
	x.registry.pending.awake()
	for range 500 {
		x.registry.pending.mu.Lock()
		n := len(x.registry.pending.records)
		x.registry.pending.mu.Unlock()
		if n == 0 {
			return release
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the writer does not begin")
	return nil
}

// TestNoisyNeighbour: a connection that fills its share waits, and nobody else does;
// what there was no room for is told of.
func TestNoisyNeighbour(t *testing.T) {
	s := new(stuck)
	x := newCrowd(t, s)
	release := hold(t, x, s)
	x.fill()
	if took := x.send(t.Context(), x.quiet, "POST", "/Users", `{"userName":"ada"}`); took > mostWait/2 {
		t.Errorf("a request of another connection took %v", took)
	}
	if took := x.send(t.Context(), x.noise, "POST", "/Users", "{}"); took < mostWait/2 || took > 5*mostWait {
		t.Errorf("a request of the noisy connection took %v, want about %v", took, mostWait)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if took := x.send(ctx, x.noise, "POST", "/Users", "{}"); took > mostWait/2 {
		t.Errorf("a request that has ended waited for %v", took)
	}
	began := time.Now()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := x.registry.Log(short, Query{Tenant: "quiet"}); err == nil || time.Since(began) > time.Second {
		t.Errorf("Log of another tenant, with 50 ms for it: %v, after %v", err, time.Since(began))
	}
	release()
	records, err := x.registry.Log(t.Context(), Query{Tenant: "noisy"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "2 requests were answered and not recorded, since there were too many to write"
	if len(records) == 0 || records[0].Detail != want {
		t.Errorf("the newest record is %+v, want one that says %q", records[0], want)
	}
	if _, err := records[0].Request(t.Context(), "http://localhost"); err == nil {
		t.Error("a request was made again that is none")
	}
	if records, err = x.registry.Log(t.Context(), Query{Tenant: "quiet"}); err != nil || len(records) != 1 {
		t.Errorf("of the quiet connection there are %d records, %v; want 1", len(records), err)
	}
	if err := x.registry.Close(); err != nil || !strings.Contains(x.log.String(), "there was no room for records") {
		t.Errorf("the Logger was not told of records that were dropped: %s, %v", x.log.String(), err)
	}
}

// TestDeadTokenFlood: what is refused before it is read takes no room.
func TestDeadTokenFlood(t *testing.T) {
	s := new(stuck)
	x := newCrowd(t, s)
	if err := x.registry.SwitchOff(t.Context(), x.noisy.Ref()); err != nil {
		t.Fatal(err)
	}
	release := hold(t, x, s)
	for range 3 * fewOf {
		x.send(t.Context(), x.noise, "GET", "/Users?x="+strings.Repeat("y", 900_000), "")
	}
	p := &x.registry.pending
	p.mu.Lock()
	n, size := len(p.records), 0
	for i := range p.records {
		size += p.records[i].size()
	}
	p.mu.Unlock()
	if n == 0 || n > fewOf || size > n*(mostLine+2048) || size != p.bytes {
		t.Errorf("%d records wait, of %d bytes, %d by its count; want %d of 8 KiB or so each", n, size, p.bytes, fewOf)
	}
	release()
}

// TestAfterClose: nobody waits for a writer that has ended.
func TestAfterClose(t *testing.T) {
	x := newCrowd(t, new(Memory))
	if err := x.registry.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 10 {
		x.fill()
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("noting records took %v", took)
	}
}

// A panicking Store has a mistake in what the background calls.
type panicking struct{ Memory }

func (*panicking) Note(context.Context, []Seen) error              { panic("a mistake in Note") }
func (*panicking) Trim(context.Context, Ref, time.Time, int) error { panic("a mistake in Trim") }
func (p *panicking) Append(ctx context.Context, records []Record) error {
	if strings.Contains(records[0].Detail, "active") {
		panic("a mistake in Append")
	}
	return p.Memory.Append(ctx, records)
}

// TestPanicInBackground: it ends nothing but what it is about.
func TestPanicInBackground(t *testing.T) {
	x := newCrowd(t, new(panicking))
	x.send(t.Context(), x.noise, "POST", "/Users", `{"userName":"a","active":"perhaps"}`)
	if _, err := x.registry.Log(t.Context(), Query{AllTenants: true}); err != nil {
		t.Fatal(err)
	}
	x.send(t.Context(), x.noise, "POST", "/Users", "{}")
	records, err := x.registry.Log(t.Context(), Query{AllTenants: true})
	if err != nil || len(records) != 1 {
		t.Errorf("got %d records, %v; want the one that was stored", len(records), err)
	}
	if err := x.registry.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mistake := range []string{"Note", "Trim", "Append"} {
		if !strings.Contains(x.log.String(), "a mistake in "+mistake) {
			t.Errorf("the Logger was not told of a panic in %s", mistake)
		}
	}
}

// TestRetentionByBytes: long records are kept up to so many bytes.
func TestRetentionByBytes(t *testing.T) {
	c, s := newClock(), new(Memory)
	r := newRegistry(t, s, c, func(o *Options) { o.Log = LogOptions{MaxRecords: 1000, MaxBytes: 100_000} })
	conn, _ := connect(t, r, "contoso")
	for i := range 40 {
		r.pending.add(t.Context(), &noted{Record: Record{ID: fmt.Sprintf("r%02d", i), At: c.now(), Connection: conn.Ref(), Status: 400, Body: []byte(`"` + strings.Repeat("x", 6000) + `"`)}})
	}
	records, err := r.Log(t.Context(), Query{AllTenants: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(records); n < 5 || n > 16 || records[0].ID != "r39" {
		t.Errorf("%d records are left, the newest %s; want the 10 or so that 100 kB have room for, to r39", n, records[0].ID)
	}
	r.pending.add(t.Context(), &noted{Record: Record{ID: "r40", At: c.now(), Connection: conn.Ref(), Status: 400}})
	c.advance(trimEvery)
	if after, err := r.Log(t.Context(), Query{AllTenants: true}); err != nil || len(after) != len(records)+1 {
		t.Errorf("of %d short records and a long one %d are left, %v", len(records), len(after), err)
	}
}

// TestTokenParameters: the token is found however its parameter is written, and taken
// out.
func TestTokenParameters(t *testing.T) {
	for _, query := range []string{"access_token=hunter22", "ACCESS_TOKEN=hunter22", "access%5Ftoken=hunter22", "a=1&acce%73s_token=%68unter22&access_token=other", "x=1;y=2&access_token=hunter22"} {
		q := httptest.NewRequest("GET", "/Users", nil)
		q.URL.RawQuery = query
		if got := tokenOf(q); got != "hunter22" {
			t.Errorf("%s: the token is %q", query, got)
		}
		if got := newMasker(testKey(0), Ref{}, true, "").path("Users", query); strings.Contains(got, "unter22") {
			t.Errorf("%s: recorded as %s", query, got)
		}
	}
}
