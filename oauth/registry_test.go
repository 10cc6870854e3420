package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/tenant"
)

// A Registry's connections are clients, and its tokens their secrets.
func TestRegistry(t *testing.T) {
	var w *world
	registry, err := tenant.NewRegistry(new(tenant.Memory), &tenant.Options{
		Key: bytes.Repeat([]byte{9}, 32), Logger: discard(),
		Others: scim.TokenValidatorFunc(func(ctx context.Context, token string) (scim.Principal, error) {
			return w.ValidateToken(ctx, token)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	w = newWorld(t, func(o *oauth.Options) { o.Secrets, o.Principals = registry, registry })
	handler, err := registry.NewHandler(new(memstore.Store), &scim.Options{Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/{tenant}/v2/", handler)
	get := func(address, token string) int {
		r := httptest.NewRequest("GET", "/scim/"+address+"/v2/Users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, r)
		io.Copy(io.Discard, recorder.Result().Body)
		return recorder.Code
	}

	add := func(of string) (tenant.Connection, string) {
		c, err := registry.Add(t.Context(), tenant.Connection{Tenant: of, Name: "Entra ID"})
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{Label: "first"})
		if err != nil {
			t.Fatal(err)
		}
		return c, secret
	}
	contoso, first := add("contoso")
	fabrikam, _ := add("fabrikam")
	a := w.send(post(form("client_id", contoso.ID, "client_secret", first)))
	if a.status != 200 {
		t.Fatalf("got %d %s; the log: %s", a.status, a.body, w.log)
	}
	if got := get("contoso", a.AccessToken); got != 200 {
		t.Errorf("the access token: got %d, want 200", got)
	}
	if got := get("fabrikam", a.AccessToken); got != 401 {
		t.Errorf("at another tenant's address: got %d, want 401", got)
	}
	if b := w.send(post(form("client_id", fabrikam.ID, "client_secret", first))); b.status != 401 {
		t.Errorf("the secret with another tenant's client: got %d, want 401", b.status)
	}
	if b := w.send(post(form("client_id", contoso.ID, "client_secret", a.AccessToken))); b.status != 401 {
		t.Errorf("an access token as the secret: got %d, want 401", b.status)
	}
	if err := registry.SwitchOff(t.Context(), contoso.Ref()); err != nil {
		t.Fatal(err)
	}
	if got := get("contoso", a.AccessToken); got != 401 {
		t.Errorf("switched off: got %d, want 401", got)
	}
	if b := w.send(post(form("client_id", contoso.ID, "client_secret", first))); b.status != 401 {
		t.Errorf("switched off, a new token: got %d, want 401", b.status)
	}
}

// TestRegistryRegenerates: access tokens end with the secret that they were
// exchanged for, if that is ended at once.
func TestRegistryRegenerates(t *testing.T) {
	var w *world
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	registry, err := tenant.NewRegistry(new(tenant.Memory), &tenant.Options{Key: bytes.Repeat([]byte{9}, 32), Logger: discard(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	w = newWorld(t, func(o *oauth.Options) { o.Secrets, o.Principals, o.Now = registry, registry, now })
	c, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(secret string) string {
		t.Helper()
		ahead.Add(int64(2 * time.Second)) // a token of the same second is void
		a := w.send(post(form("client_id", c.ID, "client_secret", secret)))
		if a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		return a.AccessToken
	}
	expect := func(when, token string, want bool) {
		t.Helper()
		if _, err := w.ValidateToken(t.Context(), token); (err == nil) != want {
			t.Errorf("%s: got %v, want it accepted: %t", when, err, want)
		}
	}
	first, _, err := registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := exchange(first)
	second, _, err := registry.Rotate(t.Context(), c.Ref(), time.Hour, tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := exchange(second)
	expect("in the overlap the old one's", a, true)
	expect("in the overlap the new one's", b, true)
	third, _, err := registry.Rotate(t.Context(), c.Ref(), 0, tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expect("regenerated, the first one's", a, false)
	expect("regenerated, the second one's", b, false)
	d := exchange(third)
	expect("the third one's", d, true)
	id, _ := tenant.TokenID(third)
	if _, _, err := registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{}); err != nil { // so that it is not off
		t.Fatal(err)
	}
	if err := registry.Revoke(t.Context(), c.Ref(), id); err != nil {
		t.Fatal(err)
	}
	expect("revoked", d, false)
}

// TestFederations: what a connection's Federation says is whom its assertions must be
// of, and it needs no token beside it.
func TestFederations(t *testing.T) {
	registry, err := tenant.NewRegistry(new(tenant.Memory), &tenant.Options{Key: bytes.Repeat([]byte{9}, 32), Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	trust := oauth.Federations(registry)
	const directory, audience, subject = "72f988bf-86f1-41af-91ab-2d7cd011db47", "api://0f1f", "1c2d"
	for _, tt := range []struct {
		name string
		f    tenant.Federation
		want func(id string) []oauth.TrustedIssuer
	}{
		{"Entra", tenant.Federation{Directory: directory, Audience: audience, Subject: subject}, func(string) []oauth.TrustedIssuer {
			return []oauth.TrustedIssuer{oauth.Entra(directory, audience, subject)}
		}},
		{"a client with keys", tenant.Federation{KeysURL: "https://idp.example/keys"}, func(id string) []oauth.TrustedIssuer {
			return []oauth.TrustedIssuer{oauth.PrivateKeyJWT(id, "https://idp.example/keys")}
		}},
	} {
		c, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso", Federation: tt.f})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := trust(t.Context(), c.ID); err != nil || !reflect.DeepEqual(got, tt.want(c.ID)) {
			t.Errorf("%s: got %+v, %v; want %+v", tt.name, got, err, tt.want(c.ID))
		}
		if _, err := registry.Principal(t.Context(), c.ID); err != nil {
			t.Errorf("%s: without a token it is off: %v", tt.name, err)
		}
		if err := registry.SwitchOff(t.Context(), c.Ref()); err != nil {
			t.Fatal(err)
		}
		if got, err := trust(t.Context(), c.ID); !errors.Is(err, scim.ErrUnauthorized) {
			t.Errorf("%s, switched off: got %+v, %v", tt.name, got, err)
		}
	}
	none, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := registry.Issue(t.Context(), none.Ref(), tenant.TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := trust(t.Context(), none.ID); err != nil || len(got) > 0 {
		t.Errorf("a connection without: got %+v, %v; want nobody", got, err)
	}
	if _, err := trust(t.Context(), "nobody"); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("a client that there is not: got %v", err)
	}
}
