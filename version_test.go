package scim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// another version of the protocol in the path is refused, unless the
// application mounts the Handler there.
func TestVersionOfTheProtocol(t *testing.T) {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		pattern, path string
		want          int
	}{
		{"/scim/", "/scim/v2/Users", 200},
		{"/scim/", "/scim/Users", 200},
		{"/scim/", "/scim/v1/Users", 400},
		{"/", "/scim/v20/Users", 400},
		{"/", "/v/Users", 200},
		{"/", "/vat/Users", 200},
		{"/", "/v1.1/Users", 200}, // no version of this protocol looks so
		{"/scim/v1/", "/scim/v1/Users", 200},
		{"/{tenant}/v2/", "/v7/v2/Users", 401}, // a tenant's name, and not this one's
		{"", "/scim/v3/Users", 400},
	} {
		t.Run(tt.pattern+" "+tt.path, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.path, nil)
			r.Header.Set("Authorization", "Bearer secret")
			w := httptest.NewRecorder()
			if tt.pattern == "" {
				h.ServeHTTP(w, r)
			} else {
				mux := http.NewServeMux()
				mux.Handle(tt.pattern, h)
				mux.ServeHTTP(w, r)
			}
			if w.Code != tt.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}
