package peertest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	patchStart = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	patchEnd   = `]}`
)

func userName(n int) string { return fmt.Sprintf("Ada.Lovelace%07d@Contoso.example", n) }

func externalID(kind, n int) string { return fmt.Sprintf("%08x-9a6c-4b1e-8f2d-%012x", kind, n) }

// userBody is the body of a create as Entra ID sends it with its default
// mappings and most attributes filled in: 1.3 KB.
func userBody(n int) []byte {
	name := userName(n)
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`+
		`"externalId":"%s","userName":"%s","active":true,`+
		`"addresses":[{"primary":false,"type":"work","country":"United Kingdom","formatted":"12 St James's Square, London, SW1Y 4JH",`+
		`"locality":"London","postalCode":"SW1Y 4JH","region":"Greater London","streetAddress":"12 St James's Square"}],`+
		`"displayName":"Ada Lovelace %d","emails":[{"primary":true,"type":"work","value":"%s"}],`+
		`"meta":{"resourceType":"User"},`+
		`"name":{"familyName":"Lovelace %d","formatted":"Ada Lovelace %d","givenName":"Ada"},`+
		`"phoneNumbers":[{"primary":false,"type":"work","value":"+44 20 7946 %04d"},{"primary":false,"type":"mobile","value":"+44 7700 %06d"}],`+
		`"preferredLanguage":"en-GB","nickName":"ada%d","title":"Principal Analytical Engineer",`+
		`"roles":[{"primary":true,"display":"Editor","value":"editor"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Analytical Engines","division":"Research",`+
		`"employeeNumber":"%d","costCenter":"CC-%03d","organization":"Contoso","manager":{"value":"%s"}}}`,
		externalID(1, n), name, n, name, n, n, n%10000, n%1000000, n, n, n%1000, externalID(2, n%500))
}

func groupBody(name string, members []string) []byte {
	out := fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"%s","displayName":"%s"`, externalID(3, len(members)), name)
	if len(members) > 0 {
		out = appendMembers(append(out, `,"members":`...), members...)
	}
	return append(out, '}')
}

func appendMembers(out []byte, ids ...string) []byte {
	before := byte('[')
	for _, id := range ids {
		out = append(append(append(append(out, before), `{"value":"`...), id...), `"}`...)
		before = ','
	}
	return append(out, ']')
}

func activeBody(active bool) []byte {
	return fmt.Appendf(nil, patchStart+`{"op":"replace","path":"active","value":%v}`+patchEnd, active)
}

func addBody(ids ...string) []byte {
	return append(appendMembers([]byte(patchStart+`{"op":"add","path":"members","value":`), ids...), "}"+patchEnd...)
}

func removeBody(id string) []byte {
	return []byte(patchStart + `{"op":"remove","path":"members[value eq \"` + id + `\"]"}` + patchEnd)
}

func filterURL(endpoint, filter string) string {
	return Prefix + endpoint + "?filter=" + url.QueryEscape(filter)
}

// A doer makes one request and returns the answer, which is valid until the
// next one. It is no test's: it reports what went wrong as status 0.
type doer interface {
	do(method, target string, body []byte) (status int, answer []byte)
}

// must makes a request that the fixture needs.
func must(tb testing.TB, d doer, want int, method, target string, body []byte) []byte {
	tb.Helper()
	status, answer := d.do(method, target, body)
	if status != want {
		tb.Fatalf("%s %s: status %d, want %d: %.300s", method, target, status, want, answer)
	}
	return answer
}

// idOf finds the id in an answer.
func idOf(tb testing.TB, answer []byte) string {
	tb.Helper()
	id := after(answer, `"id":"`)
	if len(id) == 0 {
		tb.Fatalf("no id in %.300s", answer)
	}
	return string(id)
}

// process drives a handler in the same process and costs next to nothing
// itself: it uses one request and one ResponseWriter again and again.
type process struct {
	handler http.Handler
	request http.Request
	url     url.URL
	in      bytes.Reader
	header  http.Header
	status  int
	out     []byte
	discard bool // count the answer's bytes instead of keeping them
	written int
}

func inProcess(h http.Handler) *process {
	p := &process{handler: h, header: http.Header{}}
	p.request = http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "scim.example.com", RemoteAddr: "127.0.0.1:50000", Pattern: Prefix + "/",
		Header: http.Header{
			"Authorization": {"Bearer " + Token},
			"Content-Type":  {"application/scim+json; charset=utf-8"},
			"Accept":        {"application/scim+json"},
		},
		URL: &p.url,
	}
	return p
}

func (p *process) do(method, target string, body []byte) (int, []byte) {
	clear(p.header)
	p.status, p.out, p.written = 0, p.out[:0], 0
	p.in.Reset(body)
	r := &p.request
	r.Method, r.RequestURI = method, target
	p.url.Path, p.url.RawQuery, _ = strings.Cut(target, "?")
	r.Body, r.ContentLength = http.NoBody, 0
	if body != nil {
		r.Body, r.ContentLength = p, int64(len(body))
	}
	p.handler.ServeHTTP(p, r)
	if p.status == 0 {
		p.status = http.StatusOK
	}
	return p.status, p.out
}

func (p *process) Read(b []byte) (int, error) { return p.in.Read(b) }
func (p *process) Close() error               { return nil }
func (p *process) Header() http.Header        { return p.header }
func (p *process) Flush()                     {}

func (p *process) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *process) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	p.written += len(b)
	if !p.discard {
		p.out = append(p.out, b...)
	}
	return len(b), nil
}
