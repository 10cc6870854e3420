package tenant

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usherkit/scim"
)

// A clock that tests move. Its methods may be called concurrently.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// counting counts how often tokens are read from a Store.
type counting struct {
	Store
	reads atomic.Int64
}

func (c *counting) Token(ctx context.Context, id string, at time.Time) (Token, Connection, bool, error) {
	c.reads.Add(1)
	return c.Store.Token(ctx, id, at)
}

func testKey(b byte) []byte { return []byte(strings.Repeat(string(rune('a'+b)), 32)) }

// newRegistry returns a Registry over a Store with a clock that tests move.
func newRegistry(t testing.TB, s Store, c *clock, options ...func(*Options)) *Registry {
	t.Helper()
	o := &Options{Key: testKey(0), Now: c.now, Logger: slog.New(slog.DiscardHandler)}
	for _, change := range options {
		change(o)
	}
	r, err := NewRegistry(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// connect makes a connection of a tenant with a token.
func connect(t testing.TB, r *Registry, tenant string) (Connection, string) {
	t.Helper()
	c, err := r.Add(t.Context(), Connection{Tenant: tenant, Name: "Entra ID"})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := r.Issue(t.Context(), c.Ref(), TokenOptions{Label: "first", CreatedBy: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

// fates are what may become of a token.
const (
	accepted = "accepted"
	refused  = "refused"
	off      = "refused: provisioning is switched off"
	limited  = "limited"
	untold   = "untold"
)

// fate returns what becomes of a token.
func fate(t testing.TB, r *Registry, token string) string {
	t.Helper()
	_, err := r.ValidateToken(t.Context(), token)
	var says *scim.Error
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, scim.ErrUnauthorized) && errors.As(err, &says) && strings.Contains(says.Detail, "switched off"):
		return off
	case errors.Is(err, scim.ErrUnauthorized):
		return refused
	case errors.Is(err, scim.ErrTooManyRequests):
		return limited
	case errors.Is(err, scim.ErrUnavailable):
		return untold
	}
	t.Fatalf("ValidateToken: %v", err)
	return ""
}

// TestLifeOfTokens walks through what an admin does with the tokens of a
// connection.
func TestLifeOfTokens(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c)
	of, err := r.Add(t.Context(), Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	ref := of.Ref()
	must := func(secret string, token Token, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	expect := func(when string, want map[string]string) {
		t.Helper()
		for token, want := range want {
			if got := fate(t, r, token); got != want {
				t.Errorf("%s: %.18s… is %s, want %s", when, token, got, want)
			}
		}
	}
	first := must(r.Issue(t.Context(), ref, TokenOptions{Label: "first"}))
	second := must(r.Issue(t.Context(), ref, TokenOptions{Label: "second"}))
	expect("with two tokens", map[string]string{first: accepted, second: accepted})

	third := must(r.Rotate(t.Context(), ref, time.Hour, TokenOptions{Label: "third"}))
	expect("in the overlap", map[string]string{first: accepted, second: accepted, third: accepted})
	c.advance(time.Hour - time.Second)
	expect("at its end", map[string]string{first: accepted, second: accepted, third: accepted})
	c.advance(time.Second)
	expect("after it", map[string]string{first: refused, second: refused, third: accepted})

	fourth := must(r.Rotate(t.Context(), ref, 0, TokenOptions{Label: "regenerated"}))
	expect("once regenerated", map[string]string{third: refused, fourth: accepted})

	fifth := must(r.Issue(t.Context(), ref, TokenOptions{Expires: c.now().Add(time.Minute)}))
	expect("before it expires", map[string]string{fifth: accepted})
	c.advance(time.Minute)
	expect("when it has expired", map[string]string{fifth: refused, fourth: accepted})

	id, _ := TokenID(fourth)
	if err := r.Revoke(t.Context(), ref, id); err != nil {
		t.Fatal(err)
	}
	expect("with no live token", map[string]string{first: off, fourth: off, fifth: off, "usher_nonsense": refused})

	sixth := must(r.Issue(t.Context(), ref, TokenOptions{}))
	expect("with a new one", map[string]string{sixth: accepted, fourth: refused})
	if err := r.SwitchOff(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	expect("switched off", map[string]string{sixth: off})

	tokens, err := r.Tokens(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) != 6 || tokens[5].Label != "first" {
		t.Errorf("the connection has %d tokens, the last of them %q; want 6 and first", len(tokens), tokens[len(tokens)-1].Label)
	}
	if err := r.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	expect("deleted", map[string]string{sixth: refused})
}

// TestRevocationElsewhere: what another process revokes is dead here after five
// seconds at most, and there at once.
func TestRevocationElsewhere(t *testing.T) {
	c, store := newClock(), new(Memory)
	here, there := newRegistry(t, store, c), newRegistry(t, store, c)
	of, secret := connect(t, here, "contoso")
	for _, r := range []*Registry{here, there} {
		if got := fate(t, r, secret); got != accepted {
			t.Fatal(got)
		}
	}
	if err := there.SwitchOff(t.Context(), of.Ref()); err != nil {
		t.Fatal(err)
	}
	if got := fate(t, there, secret); got != off {
		t.Errorf("where it was revoked it is %s", got)
	}
	for range 49 { // used all the time, which must not keep it alive
		c.advance(100 * time.Millisecond)
		fate(t, here, secret)
	}
	c.advance(100 * time.Millisecond)
	if got := fate(t, here, secret); got != off {
		t.Errorf("after five seconds it is %s elsewhere", got)
	}
}

// TestReads: a token is read once in half of CacheTTL however often it is used, and so
// is one that nobody has.
func TestReads(t *testing.T) {
	c, store := newClock(), &counting{Store: new(Memory)}
	r := newRegistry(t, store, c)
	_, secret := connect(t, r, "contoso")
	unknown, _ := newSecret("usher")
	for _, tt := range []struct {
		name, token string
		want        int64
	}{{"a token", secret, 3}, {"an unknown one", unknown, 3}, {"no token of ours", "usher_" + secret, 0}, {"another's", "eyJhbGciOiJub25lIn0.e30.", 0}} {
		store.reads.Store(0)
		for range 5 {
			for range 100 {
				fate(t, r, tt.token)
			}
			c.advance(1250 * time.Millisecond)
		}
		if got := store.reads.Load(); got != tt.want {
			t.Errorf("%s: read %d times in 5 seconds, want %d", tt.name, got, tt.want)
		}
	}
}

// TestKnownIsBounded: what is known does not grow with what is asked.
func TestKnownIsBounded(t *testing.T) {
	r := newRegistry(t, new(Memory), newClock(), func(o *Options) { o.CacheSize = 50 })
	var secrets []string
	for range 80 {
		_, secret := connect(t, r, "contoso")
		secrets = append(secrets, secret)
	}
	for range 1000 {
		secret, _ := newSecret("usher")
		fate(t, r, secret)
	}
	for _, secret := range secrets {
		if got := fate(t, r, secret); got != accepted {
			t.Fatalf("a token is %s", got)
		}
	}
	if n, m := len(r.cache.entries), len(r.cache.states); n > 50 || m > 50 {
		t.Errorf("%d tokens and %d states are known, want 50 at most", n, m)
	}
}

// TestForgottenWhileRead: a revocation that comes while a token is being read is
// not undone by what was read before it.
func TestForgottenWhileRead(t *testing.T) {
	c := newClock()
	store := &pausing{Store: new(Memory), reading: make(chan struct{}), goOn: make(chan struct{})}
	r := newRegistry(t, store, c)
	of, secret := connect(t, r, "contoso")
	store.on.Store(true)
	read := make(chan string)
	go func() { read <- fate(t, r, secret) }()
	<-store.reading
	store.on.Store(false)
	if err := r.SwitchOff(t.Context(), of.Ref()); err != nil {
		t.Fatal(err)
	}
	store.goOn <- struct{}{}
	<-read // before the revocation or after it
	if got := fate(t, r, secret); got != off {
		t.Errorf("after the revocation it is %s", got)
	}
}

// pausing stops after it has read a token.
type pausing struct {
	Store
	on            atomic.Bool
	reading, goOn chan struct{}
}

func (p *pausing) Token(ctx context.Context, id string, at time.Time) (Token, Connection, bool, error) {
	token, c, live, err := p.Store.Token(ctx, id, at)
	if p.on.Load() {
		p.reading <- struct{}{}
		<-p.goOn
	}
	return token, c, live, err
}

// guessed is a token with the id of another one.
func guessed(token string) string {
	head := token[:len(token)-secretLength-sumLength-1] + strings.Repeat("a", secretLength)
	return head + "_" + sumOf(head)
}

// TestKeys: tokens outlive a change of the key as long as the old one is known.
func TestKeys(t *testing.T) {
	c, store := newClock(), new(Memory)
	_, old := connect(t, newRegistry(t, store, c), "contoso")
	changed := newRegistry(t, store, c, func(o *Options) { o.Key, o.OldKeys = testKey(1), [][]byte{testKey(0)} })
	_, young := connect(t, changed, "contoso")
	without := newRegistry(t, store, c, func(o *Options) { o.Key = testKey(1) })
	for _, tt := range []struct {
		name  string
		r     *Registry
		token string
		want  string
	}{
		{"an old one", changed, old, accepted},
		{"a new one", changed, young, accepted},
		{"an old one without its key", without, old, untold},
		{"a wrong one with the id of an old one", changed, guessed(old), refused},
		{"a new one without the old key", without, young, accepted},
	} {
		if got := fate(t, tt.r, tt.token); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestLostKey: a connection whose token was hashed with a key that a process lacks shows
// that somebody came; there is no record of it, as it may have been anybody.
func TestLostKey(t *testing.T) {
	c, store := newClock(), new(Memory)
	of, secret := connect(t, newRegistry(t, store, c), "contoso")
	r := newRegistry(t, store, c, func(o *Options) { o.Key = testKey(1) })
	if got := fate(t, r, secret); got != untold {
		t.Errorf("it is %s, want %s", got, untold)
	}
	d, err := r.Diagnose(t.Context(), of.Ref())
	if err != nil || !strings.HasPrefix(d.Headline, "Nothing has come yet. But ") || !d.Since.IsZero() {
		t.Errorf("got %q, records since %v, %v; want that somebody came, and no record", d.Headline, d.Since, err)
	}
}

func TestNewRegistryRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no key", Options{}, "0 bytes"},
		{"a short key", Options{Key: make([]byte, 31)}, "31 bytes"},
		{"a short old key", Options{Key: testKey(0), OldKeys: [][]byte{make([]byte, 5)}}, "5 bytes"},
		{"a prefix with an underscore", Options{Key: testKey(0), Prefix: "my_app"}, "Prefix"},
		{"a prefix in capitals", Options{Key: testKey(0), Prefix: "App"}, "Prefix"},
		{"stale for long", Options{Key: testKey(0), CacheTTL: 6 * time.Second}, "CacheTTL"},
		{"a negative number", Options{Key: testKey(0), MaxFailures: -1}, "negative"},
	} {
		if _, err := NewRegistry(new(Memory), &tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := NewRegistry(nil, &Options{Key: testKey(0)}); err == nil {
		t.Error("a Registry without a Store")
	}
}

func TestConnectionRefused(t *testing.T) {
	r := newRegistry(t, new(Memory), newClock())
	for _, tt := range []struct {
		name string
		c    Connection
		want string
	}{
		{"no tenant", Connection{}, "Tenant is empty"},
		{"a slash in the tenant", Connection{Tenant: "a/b"}, "no segment of an address"},
		{"a long name", Connection{Tenant: "a", Name: strings.Repeat("n", 201)}, "longer than 200"},
		{"a line in the name", Connection{Tenant: "a", Name: "one\ntwo"}, "no plain text"},
		{"bytes that are no text", Connection{Tenant: "a", Provider: "\xff"}, "no plain text"},
		{"no types at all", Connection{Tenant: "a", Types: []string{}}, "Types"},
		{"less than Entra needs", Connection{Tenant: "a", Limits: Limits{Rate: 24}}, "25"},
		{"a rate that is no number", Connection{Tenant: "a", Limits: Limits{Rate: nan()}}, "Limits.Rate"},
		{"a negative burst", Connection{Tenant: "a", Limits: Limits{Burst: -1}}, "negative"},
		{"a federation by halves", Connection{Tenant: "a", Federation: Federation{Directory: "d"}}, "Federation"},
		{"two federations", Connection{Tenant: "a", Federation: Federation{Directory: "d", Audience: "a", Subject: "s", KeysURL: "https://x"}}, "Federation"},
		{"a directory that is none", Connection{Tenant: "a", Federation: Federation{Directory: "contoso/../common", Audience: "a", Subject: "s"}}, "Federation.Directory"},
		{"keys by http", Connection{Tenant: "a", Federation: Federation{KeysURL: "http://idp.example/keys"}}, "Federation.KeysURL"},
		{"keys of no host", Connection{Tenant: "a", Federation: Federation{KeysURL: "https:///keys"}}, "Federation.KeysURL"},
		{"keys with a password", Connection{Tenant: "a", Federation: Federation{KeysURL: "https://ada:secret@idp.example/keys"}}, "Federation.KeysURL"},
		{"keys that are no URL", Connection{Tenant: "a", Federation: Federation{KeysURL: "https://idp.example:x"}}, "Federation.KeysURL"},
		{"more than all", Connection{Tenant: "a", Brake: Brake{Percent: 101}}, "101"},
	} {
		if _, err := r.Add(t.Context(), tt.c); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want ErrInvalid with %q", tt.name, err, tt.want)
		}
	}
	c, _ := connect(t, r, "contoso")
	if _, err := r.Change(t.Context(), c.Ref(), func(c *Connection) error { c.Limits.Rate = 1; return nil }); !errors.Is(err, ErrInvalid) {
		t.Errorf("Change to a rate of 1: got %v", err)
	}
	if _, _, err := r.Issue(t.Context(), c.Ref(), TokenOptions{Expires: newClock().now()}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a token that has expired already: got %v", err)
	}
	if _, _, err := r.Issue(t.Context(), Ref{"fabrikam", c.ID}, TokenOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a token for another tenant's connection: got %v", err)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

// TestChange: settings that are changed take effect here at once, and changes at
// the same time are all made.
func TestChange(t *testing.T) {
	r := newRegistry(t, new(Memory), newClock())
	c, secret := connect(t, r, "contoso")
	if p, err := r.ValidateToken(t.Context(), secret); err != nil || !reflect.DeepEqual(p, scim.Principal{Tenant: "contoso", Subject: c.ID}) {
		t.Errorf("got %+v, %v", p, err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := r.Change(t.Context(), c.Ref(), func(c *Connection) error {
				c.Strict, c.Types, c.Tenant, c.ID = true, []string{"User"}, "fabrikam", "none"
				c.Limits.Burst += 1 << i
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := r.ValidateToken(t.Context(), secret)
	if want := (scim.Principal{Tenant: "contoso", Subject: c.ID, Strict: true, Types: []string{"User"}}); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, %v; want %+v", p, err, want)
	}
	if c, err = r.Connection(t.Context(), c.Ref()); err != nil || c.Limits.Burst != 255 {
		t.Errorf("after 8 changes at once: %+v, %v", c, err)
	}
	boom := errors.New("boom")
	if _, err := r.Change(t.Context(), c.Ref(), func(*Connection) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v, want the error of the change", err)
	}
}

// TestSeen: when a connection and a token were used last is stored, soon.
func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		r, err := NewRegistry(store, &Options{Key: testKey(0), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c, secret := connect(t, r, "contoso")
		q := httptest.NewRequest(http.MethodGet, "/Users", nil)
		_, done, err := r.Authenticate(q, secret)
		if err != nil {
			t.Fatal(err)
		}
		done()
		want := time.Now().UTC().Truncate(time.Minute)
		time.Sleep(2 * time.Second)
		if c, err = r.Connection(t.Context(), c.Ref()); err != nil || !c.Status.LastSeen.Equal(want) {
			t.Errorf("last seen %v, %v; want %v", c.Status.LastSeen, err, want)
		}
		if tokens, err := r.Tokens(t.Context(), c.Ref()); err != nil || !tokens[0].LastUsed.Equal(want) {
			t.Errorf("last used %v, %v; want %v", tokens[0].LastUsed, err, want)
		}
		time.Sleep(10 * time.Minute)
		if _, done, err = r.Authenticate(q, secret); err != nil {
			t.Fatal(err)
		}
		done()
		if err := r.Close(); err != nil { // which writes what is left
			t.Fatal(err)
		}
		if c, err = r.Connection(t.Context(), c.Ref()); err != nil || !c.Status.LastSeen.After(want) {
			t.Errorf("after Close last seen %v, %v", c.Status.LastSeen, err)
		}
	})
}
