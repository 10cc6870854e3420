package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
	"github.com/usherkit/scim/tenant"
)

// Entra provisions a company with client credentials.
func TestServeOAuthToEntra(t *testing.T) {
	t.Setenv("USHER_TOKEN", "")
	db := filepath.Join(t.TempDir(), "usher.db")
	r := startServe(t, "-db", db, "-tenants", "-oauth", "-public", "https://scim.example.com")
	var out, errs lines
	add := []string{"tenant", "add", "contoso", "-oauth", "-rate", "10000", "-burst", "100000", "-db", db}
	if code := run(&console{t.Context(), &out, &errs}, add); code != allWell {
		t.Fatalf("usher tenant add: got exit code %d\n%s", code, &errs)
	}
	client := regexp.MustCompile(`Client Identifier +(\S+)\n +Client Secret +(\S+)`).FindStringSubmatch(out.String())
	if client == nil {
		t.Fatalf("there is no client in\n%s", &out)
	}
	entra, err := idp.NewEntra("http://"+r.addr+"/scim/contoso/v2", "", &idp.Options{Credentials: &idp.ClientCredentials{
		TokenURL: "http://" + r.addr + tokenPath, ClientID: client[1], ClientSecret: client[2], Scope: "scim",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entra.TestConnection(t.Context()); err != nil {
		t.Errorf("Test Connection: %v", err)
	}
	people := company.New(company.Options{Users: 30, Groups: 4})
	for cycle := range 3 { // of 40 minutes by its clock, so that it needs another token
		if report, err := entra.Sync(t.Context(), people); err != nil {
			t.Errorf("cycle %d: %v\n%s", cycle, err, report)
		}
	}
	if report, err := entra.Verify(t.Context(), people); err != nil {
		t.Errorf("what is there: %v\n%s", err, report)
	}
	_, metrics := get("http://" + r.metrics + "/metrics")
	asked := regexp.MustCompile(`usher_request_duration_seconds_count{endpoint="token",method="POST",status="200"} ([2-9])\n`)
	if !asked.MatchString(metrics) {
		t.Errorf("the metrics do not have the requests of tokens, two at least:\n%s", metrics)
	}
	r.stop()
	if code := r.ended(t); code != allWell {
		t.Errorf("exit code: got %d, want %d", code, allWell)
	}
	for _, text := range []string{client[2], "eyJ"} {
		if strings.Contains(r.errors.String(), text) {
			t.Errorf("the log has %s in it", text)
		}
	}
}

// signer is a client that signs its assertions, with its keys at an address.
type signer struct {
	key ed25519.PrivateKey
	set *httptest.Server
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := base64.RawURLEncoding.EncodeToString(public)
	set := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"`+x+`"}]}`)
	}))
	t.Cleanup(set.Close)
	return &signer{key, set}
}

// assertion is one for a client (RFC 7523 §3).
func (s *signer) assertion(t *testing.T, client, audience, jti string) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": client, "sub": client, "aud": audience, "jti": jti, "exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.RawURLEncoding.EncodeToString
	text := encoded([]byte(`{"alg":"EdDSA","kid":"1"}`)) + "." + encoded(claims)
	return text + "." + encoded(ed25519.Sign(s.key, []byte(text)))
}

// A process of usher serve -oauth, as far as tokens go.
func newTokenProcess(t *testing.T, store tenant.Store, sets *oauth.KeySets, keys ...[]byte) (*tenant.Registry, *oauth.Server) {
	t.Helper()
	discard := slog.New(slog.DiscardHandler)
	o, err := tokenOptions("https://scim.example.com", keys, discard)
	if err != nil {
		t.Fatal(err)
	}
	o.KeySets = sets
	registry, server, err := oauth.NewRegistry(store, &tenant.Options{Key: keys[0], OldKeys: keys[1:], Logger: discard}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() })
	return registry, server
}

// exchangeFor asks a process for an access token.
func exchangeFor(s *oauth.Server, form url.Values) (status int, token string) {
	form.Set("grant_type", "client_credentials")
	r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeToken(w, r)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	json.Unmarshal(w.Body.Bytes(), &answer)
	return w.Code, answer.AccessToken
}

// An assertion is of use once, at whichever process.
func TestServeOAuthAssertions(t *testing.T) {
	key, store, client := bytes.Repeat([]byte{7}, 32), new(tenant.Memory), newSigner(t)
	sets := oauth.NewKeySets(&oauth.KeySetOptions{Client: client.set.Client()})
	registry, first := newTokenProcess(t, store, sets, key)
	_, second := newTokenProcess(t, store, sets, key)
	c, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso", Federation: tenant.Federation{KeysURL: client.set.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(s *oauth.Server, audience, jti string) (int, string) {
		return exchangeFor(s, url.Values{
			"client_id":             {c.ID},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {client.assertion(t, c.ID, audience, jti)},
		})
	}
	for _, tt := range []struct {
		name          string
		at            *oauth.Server
		audience, jti string
		want          int
	}{
		{"for the issuer", first, "https://scim.example.com", "a", 200},
		{"again", first, "https://scim.example.com", "a", 401},
		{"again, elsewhere", second, "https://scim.example.com", "a", 401},
		{"another, for the token endpoint", second, "https://scim.example.com/oauth/token", "b", 200},
		{"which the first knows too", first, "https://scim.example.com/oauth/token", "b", 401},
		{"for somebody else", first, "https://other.example.com", "c", 401},
		{"refused, it was not used up", first, "https://scim.example.com", "c", 200},
	} {
		got, token := ask(tt.at, tt.audience, tt.jti)
		if got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
			continue
		}
		if got != 200 {
			continue
		}
		for _, s := range []*oauth.Server{first, second} {
			if p, err := s.ValidateToken(t.Context(), token); err != nil || p.Tenant != "contoso" {
				t.Errorf("%s: the token is of %+v, %v; want contoso", tt.name, p, err)
			}
		}
	}
}

// What one key of tokens gave is known by those that have it as an old one.
func TestServeOAuthKeys(t *testing.T) {
	old, key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 40), bytes.Repeat([]byte{3}, 32)
	store := new(tenant.Memory)
	registry, before := newTokenProcess(t, store, nil, old)
	_, after := newTokenProcess(t, store, nil, key, old)
	_, stranger := newTokenProcess(t, store, nil, other)
	c, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	status, token := exchangeFor(before, url.Values{"client_id": {c.ID}, "client_secret": {secret}})
	if status != 200 {
		t.Fatalf("got %d, want 200", status)
	}
	for _, tt := range []struct {
		name string
		at   *oauth.Server
		want bool
	}{{"the same", before, true}, {"an old one", after, true}, {"another", stranger, false}} {
		if _, err := tt.at.ValidateToken(t.Context(), token); (err == nil) != tt.want {
			t.Errorf("a process whose key is %s: got %v, want it known: %t", tt.name, err, tt.want)
		}
	}
	if _, err := tokenOptions("https://scim.example.com", make([][]byte, mostTokenKeys+1), nil); err == nil {
		t.Error("more keys than are taken: got no error")
	}
}
