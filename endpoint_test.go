package scim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// endpoint is a Handler, and a client of it.
type endpoint struct {
	t testing.TB
	h http.Handler
}

func newEndpoint(t testing.TB, store scim.Store, o *scim.Options) endpoint {
	t.Helper()
	h, err := scim.NewHandler(store, scim.StaticToken("secret", scim.Principal{Tenant: "acme", Subject: "test"}), o)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{t, h}
}

func (e endpoint) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	e.h.ServeHTTP(rec, r)
	return rec
}

// site is an endpoint whose answers are decoded.
type site endpoint

func newSite(t testing.TB, store scim.Store, o *scim.Options) site {
	t.Helper()
	return site(newEndpoint(t, store, o))
}

type reply struct {
	status int
	header http.Header
	body   string
	doc    map[string]any
}

func (a reply) id() string { s, _ := a.doc["id"].(string); return s }

func (e site) do(method, target, body string, header ...string) reply {
	e.t.Helper()
	rec := endpoint(e).do(method, target, body, header...)
	a := reply{status: rec.Code, header: rec.Result().Header, body: rec.Body.String()}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &a.doc); err != nil {
			e.t.Errorf("%s %s: the answer is no JSON: %v\n%s", method, target, err, a.body)
		}
	}
	return a
}

func (e site) must(status int, method, target, body string, header ...string) reply {
	e.t.Helper()
	a := e.do(method, target, body, header...)
	if a.status != status {
		e.t.Fatalf("%s %s %s\n got %d %s\nwant %d", method, target, body, a.status, a.body, status)
	}
	return a
}

func patchBody(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}

func must(t *testing.T) func(*scim.ResourceType, error) *scim.ResourceType {
	return func(typ *scim.ResourceType, err error) *scim.ResourceType {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return typ
	}
}
