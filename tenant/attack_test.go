package tenant_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/tenant"
)

// hostile is a registry of two tenants, a and b, and somebody who attacks it.
type hostile struct {
	t        *testing.T
	handler  http.Handler
	registry *tenant.Registry
	reads    atomic.Int64 // of tokens
	log      bytes.Buffer

	a, b       tenant.Connection
	ofA, ofB   string // tokens
	userA      string // ids
	userB      string
	dead, gone string // tokens: one that was replaced, and one of a connection that was deleted
	off        string // and one of tenant c, whose connection is switched off
}

type countedStore struct {
	*tenant.Memory
	reads *atomic.Int64
}

func (c countedStore) Token(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error) {
	c.reads.Add(1)
	return c.Memory.Token(ctx, id, at)
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	x := &hostile{t: t}
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(&x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	x.registry, err = tenant.NewRegistry(countedStore{new(tenant.Memory), &x.reads}, &tenant.Options{
		Key: []byte(strings.Repeat("k", 32)), Logger: logger, MaxFailures: 1_000_000,
	})
	must(err)
	t.Cleanup(func() { must(x.registry.Close()) })
	handler, err := x.registry.NewHandler(new(memstore.Store), &scim.Options{Logger: logger})
	must(err)
	mux := http.NewServeMux()
	mux.Handle("/scim/{tenant}/v2/", handler)
	x.handler = mux
	x.a, err = x.registry.Add(t.Context(), tenant.Connection{Tenant: "a", Limits: fast})
	must(err)
	x.b, err = x.registry.Add(t.Context(), tenant.Connection{Tenant: "b", Limits: fast})
	must(err)
	third, err := x.registry.Add(t.Context(), tenant.Connection{Tenant: "a"})
	must(err)
	x.dead, _, err = x.registry.Issue(t.Context(), x.a.Ref(), tenant.TokenOptions{})
	must(err)
	x.ofA, _, err = x.registry.Rotate(t.Context(), x.a.Ref(), 0, tenant.TokenOptions{})
	must(err)
	x.ofB, _, err = x.registry.Issue(t.Context(), x.b.Ref(), tenant.TokenOptions{})
	must(err)
	x.gone, _, err = x.registry.Issue(t.Context(), third.Ref(), tenant.TokenOptions{})
	must(err)
	must(x.registry.Delete(t.Context(), third.Ref()))
	fourth, err := x.registry.Add(t.Context(), tenant.Connection{Tenant: "c"})
	must(err)
	x.off, _, err = x.registry.Issue(t.Context(), fourth.Ref(), tenant.TokenOptions{})
	must(err)
	must(x.registry.SwitchOff(t.Context(), fourth.Ref()))
	x.userA, x.userB = x.create("a", x.ofA), x.create("b", x.ofB)
	return x
}

func (x *hostile) create(name, token string) (id string) {
	x.t.Helper()
	answer := x.ask(http.MethodPost, "/scim/"+name+"/v2/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}`, "Bearer "+token)
	var made struct{ ID string }
	if err := json.Unmarshal(answer.Body.Bytes(), &made); err != nil || answer.Code != http.StatusCreated {
		x.t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return made.ID
}

// ask sends a request with any number of Authorization headers.
func (x *hostile) ask(method, target, body string, authorization ...string) *httptest.ResponseRecorder {
	x.t.Helper()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, sent)
	r.Header.Set("Content-Type", "application/scim+json")
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	return w
}

func shown(w *httptest.ResponseRecorder) string {
	var head bytes.Buffer
	if err := w.Result().Header.Write(&head); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d\n%s\n%s", w.Code, head.String(), w.Body)
}

// TestNoToken: whatever is no token of the tenant at the address is answered alike,
// byte by byte, and is not in the log.
func TestNoToken(t *testing.T) {
	x := newHostile(t)
	last := x.ofA[len(x.ofA)-1]
	other := byte('0')
	if last == other {
		other = '1'
	}
	const users = "/scim/a/v2/Users?count=1"
	for _, tt := range []struct {
		name   string
		target string
		values []string
	}{
		{"b's token", users, []string{"Bearer " + x.ofB}},
		{"a's token at b's address", "/scim/b/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a's token at an address that nobody has", "/scim/nobody/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a's token at a's address in capitals", "/scim/A/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a's token at a's address with a blank", "/scim/a%20/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a's token at a's address with a NUL", "/scim/a%00/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a's token at two addresses", "/scim/a%2Fb/v2/Users?count=1", []string{"Bearer " + x.ofA}},
		{"a token of what is switched off, at another's address", users, []string{"Bearer " + x.off}},
		{"a token that was replaced", users, []string{"Bearer " + x.dead}},
		{"a token whose connection is gone", users, []string{"Bearer " + x.gone}},
		{"a token that is made up", users, []string{"Bearer usher_000000000000_0000000000000000000000000000000000000000000_000000"}},
		{"truncated", users, []string{"Bearer " + x.ofA[:len(x.ofA)-1]}},
		{"with another checksum", users, []string{"Bearer " + x.ofA[:len(x.ofA)-1] + string(other)}},
		{"with more", users, []string{"Bearer " + x.ofA + "x"}},
		{"twice", users, []string{"Bearer " + x.ofA + x.ofA}},
		{"with another prefix", users, []string{"Bearer " + "stripe" + x.ofA[5:]}},
		{"only its id", users, []string{"Bearer " + strings.Join(strings.Split(x.ofA, "_")[:2], "_")}},
		{"in capitals", users, []string{"Bearer " + strings.ToUpper(x.ofA)}},
		{"with a comma", users, []string{"Bearer " + x.ofA + ", Bearer " + x.ofA}},
		{"with a blank in it", users, []string{"Bearer " + x.ofA[:20] + " " + x.ofA[20:]}},
		{"a JWT without a signature", users, []string{"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."}},
		{"SQL", users, []string{"Bearer ' OR 1=1 --"}},
		{"a megabyte", users, []string{"Bearer " + strings.Repeat("a", 1<<20)}},
	} {
		want := x.ask(http.MethodGet, users, "", "Bearer wrong")
		got := x.ask(http.MethodGet, tt.target, "", tt.values...)
		if got.Code != http.StatusUnauthorized || shown(got) != shown(want) {
			t.Errorf("%s: got\n%s\nwant, as for any wrong token,\n%s", tt.name, shown(got), shown(want))
		}
	}
	for _, tt := range []struct {
		name, method, target, body string
		values                     []string
	}{
		{"no header", "GET", users, "", nil},
		{"an empty one", "GET", users, "", []string{""}},
		{"two headers", "GET", users, "", []string{"Bearer " + x.ofA, "Bearer " + x.ofA}},
		{"Basic", "GET", users, "", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("a:"+x.ofA))}},
		{"no scheme", "GET", users, "", []string{x.ofA}},
		{"another scheme", "GET", users, "", []string{"Token " + x.ofA}},
		{"in the query", "GET", users + "&access_token=" + x.ofA, "", nil},
		{"in the query of a POST", "POST", "/scim/a/v2/Users?access_token=" + x.ofA, `{"userName":"eve"}`, nil},
		{"in the body", "POST", "/scim/a/v2/Users", `{"access_token":"` + x.ofA + `","userName":"eve"}`, nil},
		{"in a cookie's name", "GET", users, "", []string{"Cookie " + x.ofA}},
	} {
		want := x.ask(http.MethodGet, users, "")
		got := x.ask(tt.method, tt.target, tt.body, tt.values...)
		if got.Code != http.StatusUnauthorized || shown(got) != shown(want) {
			t.Errorf("%s: got\n%s\nwant, as for no token,\n%s", tt.name, shown(got), shown(want))
		}
	}
	for name, header := range map[string]string{"bearer": "bearer ", "BEARER": "BEARER ", "two blanks": "Bearer  "} { // RFC 9110 §11.1: the scheme has no case
		if got := x.ask(http.MethodGet, users, "", header+x.ofA); got.Code != http.StatusOK {
			t.Errorf("%s: got\n%s", name, shown(got))
		}
	}
	for _, secret := range []string{x.ofA, x.ofB, x.dead, x.gone} {
		if strings.Contains(x.log.String(), secret) || strings.Contains(x.log.String(), strings.Split(secret, "_")[2]) {
			t.Errorf("the log has a token in it: %s", secret)
		}
	}
}

// TestQueryToken: only where it is switched on, and only for GET.
func TestQueryToken(t *testing.T) {
	x := newHostile(t)
	if _, err := x.registry.Change(t.Context(), x.a.Ref(), func(c *tenant.Connection) error { c.QueryToken = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, target string
		values               []string
		want                 int
	}{
		{"GET", "GET", "/scim/a/v2/Users?access_token=" + x.ofA, nil, 200},
		{"POST", "POST", "/scim/a/v2/Users?access_token=" + x.ofA, nil, 401},
		{"DELETE", "DELETE", "/scim/a/v2/Users/" + x.userA + "?access_token=" + x.ofA, nil, 401},
		{"b, who has it not", "GET", "/scim/b/v2/Users?access_token=" + x.ofB, nil, 401},
		{"at b's address", "GET", "/scim/b/v2/Users?access_token=" + x.ofA, nil, 401},
		{"beside a header", "GET", "/scim/a/v2/Users?access_token=" + x.ofA, []string{"Bearer wrong"}, 401},
		{"twice", "GET", "/scim/a/v2/Users?access_token=wrong&access_token=" + x.ofA, nil, 401},
	} {
		if got := x.ask(tt.method, tt.target, "", tt.values...); got.Code != tt.want {
			t.Errorf("%s: got\n%s\nwant %d", tt.name, shown(got), tt.want)
		}
	}
	if strings.Contains(x.log.String(), x.ofA) {
		t.Error("the log has the token in it")
	}
}

// TestQueryTokenIsNone: where it is switched off a token in the query is as good as
// none, byte for byte, whatever its connection has left of its rate.
func TestQueryTokenIsNone(t *testing.T) {
	x := newHostile(t)
	if _, err := x.registry.Change(t.Context(), x.a.Ref(), func(c *tenant.Connection) error {
		c.Limits = tenant.Limits{Rate: 25, Burst: 1}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := shown(x.ask(http.MethodGet, "/scim/a/v2/Users?count=1", ""))
	for i := range 5 { // more than it may ask for
		if got := shown(x.ask(http.MethodGet, "/scim/a/v2/Users?count=1&access_token="+x.ofA, "")); got != want {
			t.Errorf("request %d: got\n%s\nwant, as without a token,\n%s", i, got, want)
		}
	}
}

// TestPausedIsTold: that a connection is paused is told to who has its token and comes
// where it is good, and elsewhere it is refused as ever, byte for byte.
func TestPausedIsTold(t *testing.T) {
	x := newHostile(t)
	const users, elsewhere, public = "/scim/a/v2/Users?count=1", "/scim/b/v2/Users?count=1", "/scim/a/v2/ServiceProviderConfig"
	inQuery := users + "&access_token=" + x.ofA
	live := map[string]string{}
	for _, target := range []string{elsewhere, public} {
		live[target] = shown(x.ask(http.MethodGet, target, "", "Bearer "+x.ofA))
	}
	live[inQuery] = shown(x.ask(http.MethodGet, inQuery, ""))
	if _, err := x.registry.Change(t.Context(), x.a.Ref(), func(c *tenant.Connection) error { c.Paused = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := x.ask(http.MethodGet, users, "", "Bearer "+x.ofA); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "300" {
		t.Errorf("where it is good: got\n%s", shown(got))
	}
	for _, target := range []string{elsewhere, public} {
		if got := shown(x.ask(http.MethodGet, target, "", "Bearer "+x.ofA)); got != live[target] {
			t.Errorf("%s: got\n%s\nwant, as when it was not paused,\n%s", target, got, live[target])
		}
	}
	if got := shown(x.ask(http.MethodGet, inQuery, "")); got != live[inQuery] {
		t.Errorf("in the query: got\n%s\nwant, as when it was not paused,\n%s", got, live[inQuery])
	}
	records, err := x.registry.Log(t.Context(), tenant.Query{Tenant: "a", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Paused != (r.Status == http.StatusServiceUnavailable) {
			t.Errorf("the record of a %d says that it was paused: %t", r.Status, r.Paused)
		}
	}
}

// TestConnect: a method for which a ServeMux knows no values of its wildcards is
// refused, and is no panic.
func TestConnect(t *testing.T) {
	x := newHostile(t)
	if got := x.ask(http.MethodConnect, "/scim//v2/Users", ""); got.Code != http.StatusNotImplemented {
		t.Errorf("got\n%s", shown(got))
	}
}

// TestOtherTenantsIDs: what another tenant has is answered as what nobody has, byte
// by byte.
func TestOtherTenantsIDs(t *testing.T) {
	x := newHostile(t)
	nobody := "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"
	if len(nobody) != len(x.userB) {
		t.Fatalf("an id is like %s", x.userB)
	}
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`
	for _, tt := range []struct{ name, method, target, body string }{
		{"read", "GET", "/Users/ID", ""},
		{"read as a group", "GET", "/Groups/ID", ""},
		{"patch", "PATCH", "/Users/ID", patch},
		{"put", "PUT", "/Users/ID", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve"}`},
		{"delete", "DELETE", "/Users/ID", ""},
		{"filter", "GET", "/Users?filter=id+eq+%22ID%22", ""},
		{"filter of groups", "GET", "/Groups?filter=members.value+eq+%22ID%22", ""},
		{"member", "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"ID"}]}`},
		{"bulk", "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/ID"}]}`},
		{"search", "POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id eq \"ID\""}`},
	} {
		ask := func(id string) string {
			fill := func(s string) string { return strings.ReplaceAll(s, "ID", id) }
			return strings.ReplaceAll(shown(x.ask(tt.method, "/scim/a/v2"+fill(tt.target), fill(tt.body), "Bearer "+x.ofA)), id, "ID")
		}
		if got, want := ask(x.userB), ask(nobody); got != want {
			t.Errorf("%s: of another tenant's it says\n%s\nand of nobody's\n%s", tt.name, got, want)
		}
	}
	if got := x.ask(http.MethodGet, "/scim/b/v2/Users/"+x.userB, "", "Bearer "+x.ofB); got.Code != http.StatusOK || strings.Contains(got.Body.String(), `"active":false`) {
		t.Errorf("afterwards b's user is\n%s", shown(got))
	}
}

// TestSameWork: to refuse a token takes the same reads whether there is one with
// its id or not, so that no clock tells which ids there are. What is left is
// hashing, once in each case, and a comparison in constant time.
func TestSameWork(t *testing.T) {
	x := newHostile(t)
	known := strings.Split(x.ofB, "_")[1]
	forged := forge(t, known)
	unknown := forge(t, "000000000000")
	reads := func(token string) int64 {
		before := x.reads.Load()
		x.ask(http.MethodGet, "/scim/a/v2/Users?count=1", "", "Bearer "+token)
		return x.reads.Load() - before
	}
	if _, err := x.registry.Change(t.Context(), x.b.Ref(), func(*tenant.Connection) error { return nil }); err != nil { // forgets b's tokens
		t.Fatal(err)
	}
	if first, second := []int64{reads(forged), reads(unknown)}, []int64{reads(forged), reads(unknown)}; !slices.Equal(first, []int64{1, 1}) || !slices.Equal(second, []int64{0, 0}) {
		t.Errorf("a known id and an unknown one take %d reads, and %d the second time", first, second)
	}
}

// forge makes a token of an id that is whole: the
// checksum is no secret.
func forge(t *testing.T, id string) string {
	t.Helper()
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	head := "usher_" + id + "_" + strings.Repeat("0", 43)
	sum := crc32.ChecksumIEEE([]byte(head))
	text := make([]byte, 6)
	for i := 5; i >= 0; i-- {
		text[i] = digits[sum%62]
		sum /= 62
	}
	token := head + "_" + string(text)
	if got, ok := tenant.TokenID(token); !ok || got != id {
		t.Fatalf("%s is not whole", token)
	}
	return token
}
