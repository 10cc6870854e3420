package tenant

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// TestStrangersAreNotToldOfAPause: who has shown nothing yet learns from it neither that
// there is a connection nor that it is paused; who has shown something does.
func TestStrangersAreNotToldOfAPause(t *testing.T) {
	r := newRegistry(t, new(Memory), newClock())
	f := Federation{KeysURL: "https://idp.example/keys"}
	of, err := r.Add(t.Context(), Connection{Tenant: "contoso", Federation: f, Paused: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.FederationOf(t.Context(), of.ID); err != nil || got != f {
		t.Errorf("FederationOf: got %+v, %v; want %+v", got, err, f)
	}
	if got, err := r.Revocations(t.Context(), of.ID, true); err != nil || got != 0 {
		t.Errorf("Revocations, for an exchange: got %d, %v", got, err)
	}
	if p, err := r.Principal(t.Context(), of.ID); !errors.Is(err, errPaused) || p.Subject != of.ID {
		t.Errorf("Principal: got %+v, %v; want whose it is and errPaused", p, err)
	}
}

// TestPausedTokensOfOthers: a token that is not the Registry's own has a record, too,
// when its connection is paused.
func TestPausedTokensOfOthers(t *testing.T) {
	var r *Registry
	var id string
	r = newRegistry(t, new(Memory), newClock(), func(o *Options) {
		o.Others = scim.TokenValidatorFunc(func(ctx context.Context, _ string) (scim.Principal, error) { return r.Principal(ctx, id) })
	})
	of, _ := connect(t, r, "contoso")
	id = of.ID
	if _, err := r.Change(t.Context(), of.Ref(), func(c *Connection) error { c.Paused = true; return nil }); err != nil {
		t.Fatal(err)
	}
	h, err := r.NewHandler(new(memstore.Store), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequest(http.MethodGet, "/Users", nil)
	q.Header.Set("Authorization", "Bearer other")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	records, err := r.Log(t.Context(), Query{Tenant: "contoso"})
	if w.Code != http.StatusServiceUnavailable || err != nil || len(records) != 1 || !records[0].Paused {
		t.Errorf("got %d, and records %+v, %v; want 503 and one that is Paused", w.Code, records, err)
	}
}

// TestOffIsReadByOne: of many who come with a dead access token one asks anew, once a
// second, whether the connection is still off.
func TestOffIsReadByOne(t *testing.T) {
	c := newClock()
	s := &meeting{Store: new(Memory)}
	r := newRegistry(t, s, c)
	of, err := r.Add(t.Context(), Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() {
		t.Helper()
		if _, err := r.Principal(t.Context(), of.ID); !errors.Is(err, scim.ErrUnauthorized) {
			t.Errorf("got %v, want ErrUnauthorized", err)
		}
	}
	ask()
	c.advance(1500 * time.Millisecond)
	s.reads, s.do = 0, func() {
		s.do = nil
		for range 100 { // who come while it is read
			ask()
		}
	}
	ask()
	if s.reads != 1 {
		t.Errorf("after a second the Store was read %d times, want once", s.reads)
	}
	if _, _, err := newRegistry(t, s, c).Issue(t.Context(), of.Ref(), TokenOptions{}); err != nil { // by another process
		t.Fatal(err)
	}
	c.advance(time.Second)
	if _, err := r.Principal(t.Context(), of.ID); err != nil {
		t.Errorf("a second after it was switched on: %v", err)
	}
}

// meeting does something while a connection is being read.
type meeting struct {
	Store
	do    func()
	reads int
}

func (m *meeting) Find(ctx context.Context, id string, at time.Time) (Connection, bool, error) {
	m.reads++
	if m.do != nil {
		m.do()
	}
	return m.Store.Find(ctx, id, at)
}
