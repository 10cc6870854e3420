//go:build !race

// The race detector makes sync.Pool forget at random, so it counts more.

package scim_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// inProcess calls a Handler with one request and one ResponseWriter again and
// again, so that all that is allocated is the Handler's and the Store's.
type inProcess struct {
	t       *testing.T
	handler http.Handler
	request http.Request
	header  http.Header
	body    bytes.Reader
	status  int
	answer  []byte
}

func newInProcess(t *testing.T) *inProcess {
	t.Helper()
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("token", scim.Principal{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &inProcess{t: t, handler: h, header: http.Header{}, request: http.Request{
		Host: "scim.example.com", Pattern: "/scim/v2/", URL: new(url.URL),
		Header: http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/scim+json"}},
	}}
}

func (p *inProcess) Read(b []byte) (int, error) { return p.body.Read(b) }
func (p *inProcess) Close() error               { return nil }
func (p *inProcess) Header() http.Header        { return p.header }
func (p *inProcess) WriteHeader(status int)     { p.status = status }
func (p *inProcess) Write(b []byte) (int, error) {
	p.answer = append(p.answer, b...)
	return len(b), nil
}

func (p *inProcess) do(want int, method, path string, body []byte) {
	clear(p.header)
	p.body.Reset(body)
	p.answer = p.answer[:0]
	r := &p.request
	r.Method, r.RequestURI, r.Body, r.ContentLength = method, "/scim/v2"+path, p, int64(len(body))
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(r.RequestURI, "?")
	if p.handler.ServeHTTP(p, r); p.status != want {
		p.t.Fatalf("%s %s: got status %d, want %d: %s", method, path, p.status, want, p.answer)
	}
}

// id returns the id in the last answer.
func (p *inProcess) id() string {
	_, rest, _ := strings.Cut(string(p.answer), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// A user of 1.3 KB in the shape that Entra sends.
func userOfEntra(n int) []byte {
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`+
		`"externalId":"00000001-9a6c-4b1e-8f2d-%012d","userName":"Ada%d@Contoso.example","active":true,"displayName":"Ada Lovelace %d",`+
		`"addresses":[{"primary":false,"type":"work","country":"United Kingdom","formatted":"12 St James's Square, London, SW1Y 4JH",`+
		`"locality":"London","postalCode":"SW1Y 4JH","region":"Greater London","streetAddress":"12 St James's Square"}],`+
		`"emails":[{"primary":true,"type":"work","value":"Ada%d@Contoso.example"}],"meta":{"resourceType":"User"},`+
		`"name":{"familyName":"Lovelace","formatted":"Ada Lovelace","givenName":"Ada"},`+
		`"phoneNumbers":[{"primary":false,"type":"work","value":"+44 20 7946 0001"},{"primary":false,"type":"mobile","value":"+44 7700 900001"}],`+
		`"preferredLanguage":"en-GB","nickName":"ada","title":"Principal Analytical Engineer",`+
		`"roles":[{"primary":true,"display":"Editor","value":"editor"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Analytical Engines","division":"Research",`+
		`"employeeNumber":"%d","costCenter":"CC-001","organization":"Contoso","manager":{"value":"00000002-9a6c-4b1e-8f2d-000000000001"}}}`,
		n, n, n, n, n)
}

// The allocations of a request are bounded: they are what a busy directory
// pays for again and again, and nothing else shows so early that a request
// does more than it needs.
func TestAllocations(t *testing.T) {
	p := newInProcess(t)
	var bodies [][]byte
	for n := range 300 {
		bodies = append(bodies, userOfEntra(n))
	}
	p.do(201, "POST", "/Users", bodies[0])
	user := "/Users/" + p.id()
	lookUp := "/Users?filter=" + url.QueryEscape(`userName eq "ada0@contoso.example"`)
	next := 0
	patches := [2][]byte{}
	for i := range patches {
		patches[i] = fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":%v}]}`, i == 1)
	}
	userType, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		most float64
		do   func()
	}{
		{"get", 8, func() { p.do(200, "GET", user, nil) }},
		{"create", 30, func() { next++; p.do(201, "POST", "/Users", bodies[next]) }},
		{"patch active", 25, func() { next++; p.do(200, "PATCH", user, patches[next%2]) }},
		{"look-up by userName", 15, func() { p.do(200, "GET", lookUp, nil) }},
		{"parse a filter", 4, func() {
			if _, err := userType.ParseFilter(`userName eq "ada@contoso.example"`); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			if got := testing.AllocsPerRun(200, c.do); got > c.most {
				t.Errorf("got %v allocations, want at most %v", got, c.most)
			}
		})
	}
}
