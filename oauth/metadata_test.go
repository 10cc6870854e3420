package oauth_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim/oauth"
)

func signers(keys ...crypto.Signer) []crypto.Signer { return keys }

// TestMetadata shows R-374.
func TestMetadata(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*oauth.Options)
		paths  []string
		want   map[string]any
	}{
		{
			"at the root", func(*oauth.Options) {},
			[]string{"/.well-known/oauth-authorization-server"},
			map[string]any{"issuer": issuer, "token_endpoint": tokenURL, "jwks_uri": nil},
		},
		{
			"below a path", func(o *oauth.Options) { o.Issuer += "/auth/" },
			[]string{"/.well-known/oauth-authorization-server/auth", "/auth/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server"},
			map[string]any{"issuer": issuer + "/auth/", "token_endpoint": issuer + "/auth/oauth/token"},
		},
		{
			"signed", func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(edKey()); o.TokenURL = issuer + "/t" },
			[]string{"/.well-known/oauth-authorization-server"},
			map[string]any{"token_endpoint": issuer + "/t", "jwks_uri": issuer + "/oauth/keys"},
		},
		{
			"assertions alone", func(o *oauth.Options) { o.Secrets = nil },
			[]string{"/.well-known/oauth-authorization-server"},
			map[string]any{"token_endpoint_auth_methods_supported": []any{"private_key_jwt"}},
		},
		{
			"secrets alone", func(o *oauth.Options) { o.Trust = nil },
			[]string{"/.well-known/oauth-authorization-server"},
			map[string]any{
				"token_endpoint_auth_methods_supported":            []any{"client_secret_basic", "client_secret_post"},
				"token_endpoint_auth_signing_alg_values_supported": nil,
				"grant_types_supported":                            []any{"client_credentials"},
				"response_types_supported":                         []any{},
				"scopes_supported":                                 []any{"scim"},
			},
		},
	} {
		w := newWorld(t, tt.change)
		for _, path := range tt.paths {
			a := w.send(httptest.NewRequest("GET", path, nil))
			var got map[string]any
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: GET %s: %d %s", tt.name, path, a.status, a.body)
			}
			for name, want := range tt.want {
				if !reflect.DeepEqual(got[name], want) {
					t.Errorf("%s: %s: got %v, want %v", tt.name, name, got[name], want)
				}
			}
		}
	}
}

func TestAlgorithmsAreAsymmetric(t *testing.T) {
	a := newWorld(t).send(httptest.NewRequest("GET", "/.well-known/oauth-authorization-server", nil))
	if strings.Contains(a.body, "HS256") || strings.Contains(a.body, "none") || !strings.Contains(a.body, `"RS256"`) {
		t.Errorf("got %s", a.body)
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t, func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(edKey(), ecKey()) })
	a := w.send(httptest.NewRequest("GET", "/oauth/keys", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("got %s", a.body)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() || key.KeyID == "" || key.Use != "sig" || key.Algorithm == "" {
			t.Errorf("got %+v, want a public key with its kid, use and alg", key)
		}
	}
	if strings.Contains(a.body, `"d"`) {
		t.Error("a private key is published")
	}
}

func TestPaths(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 404},
		{"POST", "/oauth/token/", 404},
		{"GET", "/oauth/keys", 404}, // nothing is signed
		{"POST", "/.well-known/oauth-authorization-server", 405},
		{"HEAD", "/.well-known/oauth-authorization-server", 200},
	} {
		if a := w.send(httptest.NewRequest(tt.method, tt.path, http.NoBody)); a.status != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, a.status, tt.want)
		}
	}
}
