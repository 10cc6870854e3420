package scim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A Ref without a tenant is of the client's, as is one that names it.
func TestMeOfATenant(t *testing.T) {
	var ref scim.Ref
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{Tenant: "acme"}), &scim.Options{
		Me: func(context.Context, scim.Principal) (scim.Ref, error) { return ref, nil }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := endpoint{t, h}
	e.do("POST", "/Users", `{"userName":"ann"}`)
	id := e.page("/Users?a=1").Resources[0].ID
	for tenant, want := range map[string]int{"": 200, "acme": 200, "other": 404} {
		ref = scim.Ref{Tenant: tenant, Type: "User", ID: id}
		if rec := e.do("GET", "/Me", ""); rec.Code != want {
			t.Errorf("a Ref of tenant %q: got %d %s, want %d", tenant, rec.Code, rec.Body, want)
		}
	}
}

// What Options.Me may say, and how it is answered. The rest is in
// testdata/wire/R309_me.txt.
func TestMe(t *testing.T) {
	var ref scim.Ref
	var fault error
	e := newEndpoint(t, new(memstore.Store), &scim.Options{Me: func(_ context.Context, p scim.Principal) (scim.Ref, error) {
		return ref, fault
	}})
	e.do("POST", "/Users", `{"userName":"ann"}`)
	e.do("POST", "/Groups", `{"displayName":"g"}`)
	user, group := e.page("/Users?a=1").Resources[0].ID, e.page("/Groups?a=1").Resources[0].ID
	for _, c := range []struct {
		name  string
		ref   scim.Ref
		fault error
		want  int
	}{
		{"a user", scim.Ref{Type: "User", ID: user}, nil, 200},
		{"a group", scim.Ref{Type: "Group", ID: group}, nil, 200},
		{"nobody", scim.Ref{}, nil, 404},
		{"a user who does not exist", scim.Ref{Type: "User", ID: "x"}, nil, 404},
		{"a type that is not served", scim.Ref{Type: "Device", ID: user}, nil, 404},
		{"a type without an id", scim.Ref{Type: "User"}, nil, 404},
		{"a user of another tenant", scim.Ref{Tenant: "b", Type: "User", ID: user}, nil, 404},
		{"a refusal", scim.Ref{}, scim.Errorf(scim.ErrForbidden, "not you"), 403},
		{"a fault", scim.Ref{Type: "User", ID: user}, errors.New("dial tcp: connection refused"), 500},
	} {
		ref, fault = c.ref, c.fault
		for _, method := range []string{"GET", "PATCH"} {
			want := c.want
			if method == "PATCH" && c.ref.Type == "Group" && want == 200 {
				want = 204
			}
			body := patchHead + fmt.Sprintf(`[{"op":"replace","path":"displayName","value":"%s"}]}`, c.name)
			rec := e.do(method, "/Me", body)
			if rec.Code != want {
				t.Errorf("%s: %s: got %d %s, want %d", c.name, method, rec.Code, rec.Body, want)
			}
			if want := "http://example.com/" + c.ref.Type + "s/" + c.ref.ID; rec.Code < 300 && rec.Header().Get("Location") != want {
				t.Errorf("%s: %s: Location: got %q, want %q", c.name, method, rec.Header().Get("Location"), want)
			}
		}
	}
}
