package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// fresh has a request authenticated by what the Store says now.
func fresh(r *Registry, ctx context.Context, address, token string) (scim.Principal, error) {
	q := httptest.NewRequestWithContext(ctx, http.MethodPost, "/token", nil)
	q.RemoteAddr = address
	p, done, err := r.AuthenticateFresh(q, token)
	if done != nil {
		done()
	}
	return p, err
}

// TestFresh: where a secret is exchanged for something that lives for long, what
// another process has revoked is refused at once, although it is still known here.
func TestFresh(t *testing.T) {
	c, store := newClock(), new(Memory)
	here, there := newRegistry(t, store, c), newRegistry(t, store, c)
	of, secret := connect(t, here, "contoso")
	if p, err := fresh(here, t.Context(), "192.0.2.1:1", secret); err != nil || p.Subject != of.ID {
		t.Fatalf("a valid one: got %+v, %v", p, err)
	}
	if _, _, err := there.Rotate(t.Context(), of.Ref(), 0, TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := fate(t, here, secret); got != accepted {
		t.Fatalf("what is known here of the old one: %s; it should be stale for this test", got)
	}
	if _, err := fresh(here, t.Context(), "192.0.2.1:1", secret); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("revoked elsewhere: got %v, want ErrUnauthorized", err)
	}
	if got := fate(t, here, secret); got != refused {
		t.Errorf("after it was read anew it is %s here", got)
	}
}

// TestFreshReads: guesses are not looked up for ever where the Store is asked anew.
func TestFreshReads(t *testing.T) {
	c, store := newClock(), &counting{Store: new(Memory)}
	r := newRegistry(t, store, c)
	_, secret := connect(t, r, "contoso")
	id, _ := TokenID(secret)
	head := "usher_" + id + "_" + strings.Repeat("A", secretLength)
	made, _ := newSecret("usher")
	for _, tt := range []struct {
		name, token string
		most        int64
	}{
		{"a wrong secret of a token that there is", head + "_" + sumOf(head), 1},
		{"a token that there is not", made, 60 + 1 + spareRate},
	} {
		store.reads.Store(0)
		for range 1000 {
			if _, err := fresh(r, t.Context(), tt.name, tt.token); !errors.Is(err, scim.ErrUnauthorized) && !errors.Is(err, scim.ErrTooManyRequests) {
				t.Fatalf("%s: got %v", tt.name, err)
			}
		}
		if n := store.reads.Load(); n > tt.most {
			t.Errorf("%s: looked up %d times, want %d at most", tt.name, n, tt.most)
		}
	}
}

// TestFederationOf: whoever asks has shown nothing yet, so that all who may not come
// are told the same; and what another process has changed counts at once.
func TestFederationOf(t *testing.T) {
	c, store := newClock(), new(Memory)
	here, there := newRegistry(t, store, c), newRegistry(t, store, c)
	f := Federation{KeysURL: "https://idp.example/keys"}
	of, err := here.Add(t.Context(), Connection{Tenant: "contoso", Federation: f})
	if err != nil {
		t.Fatal(err)
	}
	off, err := here.Add(t.Context(), Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := here.FederationOf(t.Context(), of.ID); err != nil || got != f {
		t.Errorf("got %+v, %v; want %+v", got, err, f)
	}
	if err := there.SwitchOff(t.Context(), of.Ref()); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"switched off elsewhere": of.ID, "without any": off.ID, "no connection": "nobody"} {
		_, err := here.FederationOf(t.Context(), id)
		var says *scim.Error
		if !errors.Is(err, scim.ErrUnauthorized) || errors.As(err, &says) {
			t.Errorf("%s: got %v, want ErrUnauthorized that says no more", name, err)
		}
	}
	for i := range 3 * mostUnknown {
		here.FederationOf(t.Context(), fmt.Sprint("made up ", i))
	}
	if n := len(here.cache.entries) + len(here.cache.unknown); n > mostUnknown+10 {
		t.Errorf("%d entries are known after made-up ids, want %d at most", n, mostUnknown+10)
	}
}

// TestLimitAssertions: of credentials that are not valid few are looked at any more
// from where there were many, and the others are not concerned.
func TestLimitAssertions(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c)
	try := func(address string, came error) error {
		q := httptest.NewRequest(http.MethodPost, "/token", nil)
		q.RemoteAddr = address
		done, err := r.LimitAssertions(q)
		if err == nil {
			done(came)
		}
		return err
	}
	for range 200 {
		if err := try("192.0.2.9:1", nil); err != nil {
			t.Fatalf("valid ones: %v", err)
		}
		if err := try("192.0.2.8:1", scim.ErrUnavailable); err != nil {
			t.Fatalf("those that nobody can check: %v", err)
		}
	}
	passed := 0
	for range 1000 {
		if err := try("192.0.2.1:1", fmt.Errorf("made up: %w", scim.ErrUnauthorized)); err == nil {
			passed++
		} else if !errors.Is(err, scim.ErrTooManyRequests) {
			t.Fatal(err)
		}
	}
	if passed > 60+spareRate {
		t.Errorf("%d were looked at, want %d at most", passed, 60+spareRate)
	}
	c.advance(time.Second)
	if err := try("192.0.2.1:1", nil); err != nil {
		t.Errorf("a valid one from the same address: %v", err)
	}
	if err := try("192.0.2.9:1", nil); err != nil {
		t.Errorf("another address: %v", err)
	}
}

// TestFailuresOfOthers: a valid token that this process does not know yet is accepted
// from an address that has failed often, and an access token is however much of it
// there is.
func TestFailuresOfOthers(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c, func(o *Options) {
		o.Others = scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
			if id, ok := strings.CutPrefix(token, "access-"); ok {
				return scim.Principal{Subject: id}, nil
			}
			return scim.Principal{}, scim.ErrUnauthorized
		})
	})
	const address = "192.0.2.1:1"
	guess := func(n int) {
		for i := range n {
			token, _ := newSecret("usher")
			if i%2 == 1 {
				token = "guess"
			}
			if _, err := enter(r, t.Context(), address, token); !errors.Is(err, scim.ErrUnauthorized) && !errors.Is(err, scim.ErrTooManyRequests) {
				t.Fatal(err)
			}
		}
	}
	of, secret := connect(t, r, "contoso")
	accept := func(when, token string) {
		t.Helper()
		done, err := enter(r, t.Context(), address, token)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			return
		}
		done()
	}
	guess(80)
	accept("a secret that is not known here yet", secret)
	if _, err := r.Change(t.Context(), of.Ref(), func(c *Connection) error { c.Name = "renamed"; return nil }); err != nil {
		t.Fatal(err)
	}
	accept("after a change of its connection", secret)
	guess(500)
	accept("a secret that is known", secret)
	accept("an access token", "access-"+of.ID)
	if _, err := fresh(r, t.Context(), "192.0.2.2:1", "access-"+of.ID); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("an access token, where something is given for it: got %v, want ErrUnauthorized", err)
	}
	c.advance(time.Second)
	_, next := connect(t, r, "fabrikam")
	accept("a second later another one", next)
	guess(2)
	if _, err := enter(r, t.Context(), address, "guess"); !errors.Is(err, scim.ErrTooManyRequests) {
		t.Errorf("a guess: got %v, want ErrTooManyRequests", err)
	}
}

// TestGuessesDriveOutNothing: tokens that are known stay so, however many are made up.
func TestGuessesDriveOutNothing(t *testing.T) {
	store := &counting{Store: new(Memory)}
	r := newRegistry(t, store, newClock(), func(o *Options) { o.CacheSize = 50 })
	var secrets []string
	for range 50 {
		_, secret := connect(t, r, "contoso")
		fate(t, r, secret)
		secrets = append(secrets, secret)
	}
	for range 500 {
		secret, _ := newSecret("usher")
		fate(t, r, secret)
	}
	store.reads.Store(0)
	for _, secret := range secrets {
		fate(t, r, secret)
	}
	if n := store.reads.Load(); n > 0 {
		t.Errorf("%d of 50 tokens had to be read again after guesses", n)
	}
}

// TestRevocationWithoutClocks: what is revoked is dead in a process whose clock is
// late, and stays so when a clock is set back.
func TestRevocationWithoutClocks(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(r *Registry, ref Ref, id string) error
	}{
		{"switched off", func(r *Registry, ref Ref, _ string) error { return r.SwitchOff(t.Context(), ref) }},
		{"revoked", func(r *Registry, ref Ref, id string) error { return r.Revoke(t.Context(), ref, id) }},
		{"regenerated", func(r *Registry, ref Ref, _ string) error {
			_, _, err := r.Rotate(t.Context(), ref, 0, TokenOptions{})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, now, late := new(Memory), newClock(), newClock()
			late.advance(-time.Minute)
			here, there := newRegistry(t, store, now), newRegistry(t, store, late)
			of, secret := connect(t, here, "contoso")
			if got := fate(t, there, secret); got != accepted {
				t.Fatal(got)
			}
			id, _ := TokenID(secret)
			if err := tt.end(here, of.Ref(), id); err != nil {
				t.Fatal(err)
			}
			late.advance(5 * time.Second)
			if got := fate(t, there, secret); got == accepted {
				t.Error("where the clock is a minute late it is accepted five seconds later")
			}
			now.advance(-time.Hour)
			if got := fate(t, here, secret); got == accepted {
				t.Error("after the clock was set back it is accepted")
			}
		})
	}
}

// TestOneWrite: a revocation and what it does to the settings are one write, so that
// nothing can come between them.
func TestOneWrite(t *testing.T) {
	c := newClock()
	store := &unchanging{Store: new(Memory)}
	r := newRegistry(t, store, c)
	of, _ := connect(t, r, "contoso")
	for i, tt := range []struct {
		name string
		end  func() error
	}{
		{"Revoke", func() error {
			_, token, err := r.Issue(t.Context(), of.Ref(), TokenOptions{})
			if err != nil {
				return err
			}
			return r.Revoke(t.Context(), of.Ref(), token.ID)
		}},
		{"Rotate", func() error { _, _, err := r.Rotate(t.Context(), of.Ref(), 0, TokenOptions{}); return err }},
		{"SwitchOff", func() error { return r.SwitchOff(t.Context(), of.Ref()) }},
	} {
		c.advance(time.Minute)
		if err := tt.end(); err != nil {
			t.Errorf("%s in a Store that refuses changes of settings: %v", tt.name, err)
		}
		if got, err := r.Connection(t.Context(), of.Ref()); err != nil || got.Revocations != i+1 {
			t.Errorf("%s: Revocations are %d, %v; want %d", tt.name, got.Revocations, err, i+1)
		}
	}
	if err := r.Revoke(t.Context(), of.Ref(), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("Revoke of no token: got %v, want ErrNotFound", err)
	}
}

// unchanging is a Store that fails to change settings.
type unchanging struct{ Store }

func (unchanging) Change(context.Context, Connection) error { return errors.New("no") }

// TestFederationEnds: access tokens that were issued for a Federation end with it.
func TestFederationEnds(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c)
	of, _ := connect(t, r, "contoso")
	keys := Federation{KeysURL: "https://idp.example/keys"}
	ended := 0
	for _, tt := range []struct {
		name   string
		change func(*Connection)
		ends   bool
	}{
		{"a first one", func(c *Connection) { c.Federation = keys }, false},
		{"another setting", func(c *Connection) { c.Name = "renamed"; c.Revocations = 99 }, false},
		{"another one", func(c *Connection) { c.Federation.KeysURL += "/2" }, true},
		{"none", func(c *Connection) { c.Federation = Federation{} }, true},
		{"one again", func(c *Connection) { c.Federation = keys }, false},
	} {
		c.advance(time.Minute)
		if tt.ends {
			ended++
		}
		got, err := r.Change(t.Context(), of.Ref(), func(c *Connection) error { tt.change(c); return nil })
		if err != nil || got.Revocations != ended {
			t.Errorf("%s: Revocations are %d, %v; want %d", tt.name, got.Revocations, err, ended)
		}
	}
}

// TestStaleReader: one who has read a connection before it was changed, and is slow,
// brings nothing back of what it was.
func TestStaleReader(t *testing.T) {
	store := &pausing{Store: new(Memory), reading: make(chan struct{}), goOn: make(chan struct{})}
	b := newBraked(t, braked{store: store}, Brake{}, 3)
	b.clock.advance(time.Minute)
	store.on.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.registry.ValidateToken(t.Context(), b.secret)
	}()
	<-store.reading
	store.on.Store(false)
	if _, err := b.registry.Change(t.Context(), b.c.Ref(), func(c *Connection) error {
		c.Brake, c.Limits = Brake{Users: 1}, Limits{Rate: 25, Burst: 1}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := fate(t, b.registry, b.secret); got != accepted { // which reads it as it is now
		t.Fatal(got)
	}
	store.goOn <- struct{}{}
	<-done
	if !b.registry.Guards(scim.Principal{Tenant: "contoso", Subject: b.c.ID}) {
		t.Error("the slow reader has switched the brake off")
	}
	if got := b.registry.cache.states[b.c.Ref()].limits.Burst; got != 1 {
		t.Errorf("after the slow reader the Burst is %d, want 1", got)
	}
}

// TestRenewedAgain: a renewal that was in vain, since another connection was changed
// meanwhile, is not the last one.
func TestRenewedAgain(t *testing.T) {
	c := newClock()
	store := &meanwhile{Store: new(Memory)}
	r := newRegistry(t, store, c)
	_, secret := connect(t, r, "contoso")
	next, _ := connect(t, r, "fabrikam")
	fate(t, r, secret)
	c.advance(3 * time.Second) // more than half of what it may be used for
	store.do = func() { r.cache.forget(next.Ref()) }
	fate(t, r, secret)
	store.do = nil
	store.reads = 0
	fate(t, r, secret)
	if store.reads != 1 {
		t.Errorf("the next one has read %d times, want 1", store.reads)
	}
}

// meanwhile does something while a token is being read.
type meanwhile struct {
	Store
	do    func()
	reads int
}

func (m *meanwhile) Token(ctx context.Context, id string, at time.Time) (Token, Connection, bool, error) {
	m.reads++
	token, c, live, err := m.Store.Token(ctx, id, at)
	if m.do != nil {
		m.do()
	}
	return token, c, live, err
}
