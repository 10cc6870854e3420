package tenant_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/tenant"
)

// TestAddresses: wherever the Handler is mounted, a token works at its own tenant's
// address, and at another's it is as good as none.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		name, pattern  string
		host           bool
		mine, another  string // URLs
		withoutAnother bool   // there is one address for all
	}{
		{name: "the tenant in the path", pattern: "/scim/{tenant}/v2/", mine: "http://x/scim/a/v2/", another: "http://x/scim/b/v2/"},
		{name: "one address", pattern: "/scim/v2/", mine: "http://x/scim/v2/", withoutAnother: true},
		{name: "without a version", pattern: "/scim/", mine: "http://x/scim/", withoutAnother: true},
		{name: "the root", pattern: "/", mine: "http://x/", withoutAnother: true},
		{name: "a host for each", pattern: "/", host: true, mine: "http://a.scim.example.com/", another: "http://b.scim.example.com/"},
		{name: "a host for each, with a port", pattern: "/scim/v2/", host: true, mine: "http://A.scim.example.com:8443/scim/v2/", another: "http://b.scim.example.com:8443/scim/v2/"},
		{name: "a host that is nobody's", pattern: "/", host: true, mine: "http://a.scim.example.com/", another: "http://scim.example.com/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			registry, err := tenant.NewRegistry(new(tenant.Memory), &tenant.Options{Key: []byte(strings.Repeat("k", 32)), Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			defer registry.Close()
			o := &scim.Options{Logger: quiet}
			if tt.host {
				o.Tenant = tenant.Host(".scim.example.com")
			}
			handler, err := registry.NewHandler(new(memstore.Store), o)
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.Handle(tt.pattern, handler)
			tokens := map[string]string{}
			for _, name := range []string{"a", "b"} {
				c, err := registry.Add(t.Context(), tenant.Connection{Tenant: name})
				if err != nil {
					t.Fatal(err)
				}
				if tokens[name], _, err = registry.Issue(t.Context(), c.Ref(), tenant.TokenOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			get := func(url, token string) (int, string) {
				r := httptest.NewRequest(http.MethodGet, url+"Users?count=1", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}
			if status, body := get(tt.mine, tokens["a"]); status != http.StatusOK {
				t.Errorf("at its own address: got %d %s", status, body)
			}
			if tt.withoutAnother {
				if status, body := get(tt.mine, tokens["b"]); status != http.StatusOK {
					t.Errorf("another's token at the address of all: got %d %s", status, body)
				}
				return
			}
			status, body := get(tt.another, tokens["a"])
			if _, made := get(tt.another, "made-up"); status != http.StatusUnauthorized || body != made {
				t.Errorf("at another's address: got %d %s, want 401 and %s", status, body, made)
			}
		})
	}
}
