package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/tenant"
)

// A process is one of an application that has both.
type process struct {
	t        *testing.T
	registry *tenant.Registry
	tokens   *oauth.Server
	mux      http.ServeMux
}

func newProcess(t *testing.T, store tenant.Store, now func() time.Time) *process {
	t.Helper()
	x := &process{t: t}
	options := &tenant.Options{
		Key: bytes.Repeat([]byte{9}, 32), Logger: discard(), Now: now,
		Others: scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
			if id, ok := strings.CutPrefix(token, "other-"); ok {
				return scim.Principal{Subject: id}, nil
			}
			return scim.Principal{}, scim.ErrUnauthorized
		}),
	}
	var err error
	x.registry, x.tokens, err = oauth.NewRegistry(store, options, oauth.Options{Issuer: issuer, Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, Logger: discard(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.registry.Close() })
	handler, err := x.registry.NewHandler(new(memstore.Store), &scim.Options{Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	x.mux.Handle("/scim/{tenant}/v2/", handler)
	x.mux.Handle("/oauth/", x.tokens)
	return x
}

// get asks the SCIM endpoint of a tenant something.
func (x *process) get(address, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/scim/"+address+"/v2/Users", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	x.mux.ServeHTTP(w, r)
	return w
}

// exchange asks for an access token.
func (x *process) exchange(clientID, clientSecret string) answer {
	return (&world{Server: x.tokens}).send(post(form("client_id", clientID, "client_secret", clientSecret)))
}

func (x *process) add(of string) (c tenant.Connection, secret string) {
	x.t.Helper()
	c, err := x.registry.Add(x.t.Context(), tenant.Connection{Tenant: of})
	if err != nil {
		x.t.Fatal(err)
	}
	if secret, _, err = x.registry.Issue(x.t.Context(), c.Ref(), tenant.TokenOptions{}); err != nil {
		x.t.Fatal(err)
	}
	return c, secret
}

func (x *process) connection(ref tenant.Ref) tenant.Connection {
	x.t.Helper()
	if _, err := x.registry.Log(x.t.Context(), tenant.Query{Tenant: ref.Tenant}); err != nil { // so that it is stored
		x.t.Fatal(err)
	}
	c, err := x.registry.Connection(x.t.Context(), ref)
	if err != nil {
		x.t.Fatal(err)
	}
	return c
}

// TestNewRegistry: a Registry and a Server that know each other, in several processes.
func TestNewRegistry(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	store := new(tenant.Memory)
	here, there := newProcess(t, store, now), newProcess(t, store, now)
	c, secret := here.add("contoso")

	a := here.exchange(c.ID, secret)
	if a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	for name, x := range map[string]*process{"here": here, "there": there} {
		if got := x.get("contoso", a.AccessToken).Code; got != 200 {
			t.Errorf("an access token, %s: got %d, want 200", name, got)
		}
		if got := x.get("contoso", "other-"+c.ID).Code; got != 200 {
			t.Errorf("a token of another kind, %s: got %d, want 200", name, got)
		}
	}

	// Wrong credentials show in the connection, and nowhere else.
	if b := here.exchange(c.ID, secret[:len(secret)-1]); b.status != 401 {
		t.Errorf("a part of the secret: got %d, want 401", b.status)
	}
	if b := here.exchange("nobody", "x"); b.status != 401 {
		t.Errorf("a client that there is not: got %d, want 401", b.status)
	}
	if got := here.connection(c.Ref()).Status.LastUnknown; !got.Equal(start.Truncate(time.Minute)) {
		t.Errorf("LastUnknown is %v", got)
	}

	// A dead access token is the connection's: in its records, and no guess.
	if err := here.registry.SwitchOff(t.Context(), c.Ref()); err != nil {
		t.Fatal(err)
	}
	if got := here.get("contoso", a.AccessToken).Code; got != 401 {
		t.Errorf("switched off: got %d, want 401", got)
	}
	records, err := here.registry.Log(t.Context(), tenant.Query{Tenant: "contoso"})
	if err != nil || len(records) != 1 || records[0].Status != 401 || records[0].Connection != c.Ref() {
		t.Errorf("records %+v, %v; want the one that was refused", records, err)
	}

	// Switched on again elsewhere: that it was off is not believed for long.
	ahead.Add(int64(1500 * time.Millisecond))
	next, _, err := there.registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := there.exchange(c.ID, next)
	if b.status != 200 {
		t.Fatalf("a new secret: got %d %s", b.status, b.body)
	}
	if got := here.get("contoso", b.AccessToken).Code; got != 200 {
		t.Errorf("switched on again, where it was known to be off: got %d, want 200", got)
	}
	if got := here.get("contoso", a.AccessToken).Code; got != 401 {
		t.Errorf("an access token from before: got %d, want 401", got)
	}

	// Paused: the provider is told to come again, with whatever it has.
	if _, err := here.registry.Change(t.Context(), c.Ref(), func(c *tenant.Connection) error { c.Paused = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"a token": next, "an access token": b.AccessToken} {
		w := here.get("contoso", token)
		text, _ := io.ReadAll(w.Body)
		if w.Code != 503 || w.Header().Get("Retry-After") != "300" || !strings.Contains(string(text), "paused by the application") {
			t.Errorf("%s while it is paused: got %d, Retry-After %q: %s", name, w.Code, w.Header().Get("Retry-After"), text)
		}
	}
	if got := here.get("contoso", next+"x").Code; got != 401 {
		t.Errorf("a wrong token while it is paused: got %d, want 401", got)
	}
	if b := here.exchange(c.ID, next); b.status != 503 {
		t.Errorf("an exchange while it is paused: got %d, want 503", b.status)
	}
}

// TestFirstUseOfARegistry: once, in whichever process; and an approval of what the brake holds
// makes nothing new.
func TestFirstUseOfARegistry(t *testing.T) {
	store := new(tenant.Memory)
	now := func() time.Time { return start }
	here, there := newProcess(t, store, now), newProcess(t, store, now)
	c, _ := here.add("contoso")
	other, _ := here.add("contoso")
	use := func(x *process, of tenant.Connection, what string) bool {
		t.Helper()
		first, err := x.registry.FirstUse(t.Context(), of.ID, what, start.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	for _, tt := range []struct {
		name string
		x    *process
		of   tenant.Connection
		what string
		want bool
	}{
		{"the first time", here, c, "a", true},
		{"again", here, c, "a", false},
		{"again, elsewhere", there, c, "a", false},
		{"something else", there, c, "b", true},
		{"of another connection", there, other, "a", true},
	} {
		if got := use(tt.x, tt.of, tt.what); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
	if err := here.registry.Approve(t.Context(), c.Ref(), 0); err != nil {
		t.Fatal(err)
	}
	if use(here, c, "a") {
		t.Error("after an approval it is the first time again")
	}
	if _, err := here.registry.FirstUse(t.Context(), "nobody", "a", start); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("of a connection that there is not: got %v", err)
	}
	if _, err := store.Spend(t.Context(), c.Ref(), tenant.KeptPrefix+"uses", 1000, start, start.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := here.registry.FirstUse(t.Context(), c.ID, "c", start); !errors.Is(err, scim.ErrTooManyRequests) {
		t.Errorf("after a thousand: got %v, want ErrTooManyRequests", err)
	}
}

// TestRestoredBackup: an access token of a state that was lost is not believed, at the
// cost of one read however often it comes; nor is it later, when as much was revoked as
// then.
func TestRestoredBackup(t *testing.T) {
	now := func() time.Time { return start }
	before := newProcess(t, new(tenant.Memory), now)
	c, secret := before.add("contoso")
	backup := before.connection(c.Ref())
	rotate := func(x *process) string {
		t.Helper()
		next, _, err := x.registry.Rotate(t.Context(), c.Ref(), 0, tenant.TokenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for range 2 {
		secret = rotate(before)
	}
	lost := before.exchange(c.ID, secret).AccessToken
	if got := before.get("contoso", lost).Code; got != 200 {
		t.Fatalf("before: got %d, want 200", got)
	}

	store := &finds{Memory: new(tenant.Memory)}
	if err := store.Add(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	after := newProcess(t, store, now)
	if _, _, err := after.registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := after.get("contoso", lost).Code; got != 401 {
			t.Errorf("restored: got %d, want 401", got)
		}
	}
	if store.n > 2 {
		t.Errorf("%d reads, want two at most: of the connection, and of what was revoked", store.n)
	}
	for i := range 2 {
		next := rotate(after)
		if got := after.get("contoso", lost).Code; got != 401 {
			t.Errorf("restored, and revoked %d times: got %d, want 401", i+1, got)
		}
		if got := after.get("contoso", after.exchange(c.ID, next).AccessToken).Code; got != 200 {
			t.Errorf("an access token of now: got %d, want 200", got)
		}
	}
}

// TestOtherTokensBuyNothing: what ends by itself, as Entra's own tokens, does not buy
// what outlives it.
func TestOtherTokensBuyNothing(t *testing.T) {
	x := newProcess(t, new(tenant.Memory), func() time.Time { return start })
	c, _ := x.add("contoso")
	if got := x.get("contoso", "other-"+c.ID).Code; got != 200 {
		t.Fatalf("at the SCIM endpoint: got %d, want 200", got)
	}
	if a := x.exchange(c.ID, "other-"+c.ID); a.status != 401 || a.Error != "invalid_client" {
		t.Errorf("as a secret: got %d %s, want 401", a.status, a.body)
	}
}

// TestGuessesOfSecrets: who guesses is told to wait, and the right secret is accepted
// from there.
func TestGuessesOfSecrets(t *testing.T) {
	x := newProcess(t, new(tenant.Memory), func() time.Time { return start })
	c, secret := x.add("contoso")
	if a := x.exchange(c.ID, secret); a.status != 200 {
		t.Fatalf("got %d %s, want 200", a.status, a.body)
	}
	codes := map[int]int{}
	var last answer
	for range 200 {
		last = x.exchange(c.ID, secret[:len(secret)-1])
		codes[last.status]++
	}
	if codes[401] == 0 || codes[429] == 0 || len(codes) != 2 {
		t.Errorf("got %v, want 401 and then 429", codes)
	}
	if wait := last.header.Get("Retry-After"); last.status != 429 || wait == "" || last.Error != "temporarily_unavailable" {
		t.Errorf("got %d with Retry-After %q: %s", last.status, wait, last.body)
	}
	if a := x.exchange(c.ID, secret); a.status != 200 {
		t.Errorf("the right one, from there: got %d %s, want 200", a.status, a.body)
	}
}
