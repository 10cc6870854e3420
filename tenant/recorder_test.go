package tenant_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
	"github.com/usherkit/scim/tenant"
)

// A recorded endpoint is one for tests of what is recorded of it.
type recorded struct {
	t        *testing.T
	store    *countedRecords
	registry *tenant.Registry
	resource *memstore.Store
	handler  http.Handler
	now      time.Time

	connection tenant.Connection
	token      string
	tokenID    string
}

// countedRecords is a Store that tells what was stored.
type countedRecords struct {
	tenant.Memory
	mu      sync.Mutex
	all     []tenant.Record
	seen    []tenant.Seen
	trimmed []time.Time
}

func (c *countedRecords) Append(ctx context.Context, records []tenant.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, records...)
	return c.Memory.Append(ctx, records)
}

func (c *countedRecords) Note(ctx context.Context, seen []tenant.Seen) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, seen...)
	return c.Memory.Note(ctx, seen)
}

func (c *countedRecords) Trim(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trimmed = append(c.trimmed, before)
	return c.Memory.Trim(ctx, ref, before, keep)
}

// refusing are Hooks of an application that says no, and says to whom.
type refusing struct{ scim.NoHooks }

func (refusing) Admit(_ context.Context, e scim.Event) error {
	switch u := (scim.UserEvent{Event: e}).User(); {
	case strings.HasPrefix(u.UserName, "no"):
		return scim.Errorf(scim.ErrInvalidValue, "there is no place for %s, who is called %q", u.UserName, u.Name.FamilyName)
	case strings.HasPrefix(u.UserName, "broken"):
		return fmt.Errorf("the database is on fire, and %s in it", u.UserName)
	}
	return nil
}

func newRecorded(t *testing.T, change func(*tenant.Connection, *tenant.Options)) *recorded {
	t.Helper()
	x := &recorded{t: t, store: new(countedRecords), resource: new(memstore.Store), now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	x.connection = tenant.Connection{Tenant: "contoso", Name: "Entra ID", Limits: fast}
	o := &tenant.Options{Key: []byte(strings.Repeat("k", 32)), Logger: quiet, Now: func() time.Time { return x.now }}
	if change != nil {
		change(&x.connection, o)
	}
	var err error
	if x.registry, err = tenant.NewRegistry(x.store, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.registry.Close() })
	plain, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	def := plain.Definition()
	def.Schema.Attributes = append(def.Schema.Attributes, scim.PasswordAttribute())
	user, err := scim.NewResourceType(def)
	if err != nil {
		t.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	x.handler, err = x.registry.NewHandler(x.resource, &scim.Options{Logger: quiet, Hooks: refusing{}, Types: []*scim.ResourceType{user, group}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if x.connection, err = x.registry.Add(ctx, x.connection); err != nil {
		t.Fatal(err)
	}
	var token tenant.Token
	if x.token, token, err = x.registry.Issue(ctx, x.connection.Ref(), tenant.TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	x.tokenID = token.ID
	return x
}

// send sends a request and returns the answer.
func (x *recorded) send(method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	x.t.Helper()
	q := httptest.NewRequest(method, "/scim/v2/"+target, strings.NewReader(body))
	q.Header.Set("Authorization", "Bearer "+x.token)
	q.Header.Set("User-Agent", "provider/1")
	if body != "" {
		q.Header.Set("Content-Type", "application/scim+json")
	}
	for _, c := range change {
		c(q)
	}
	w := httptest.NewRecorder()
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", x.handler)
	mux.ServeHTTP(w, q)
	return w
}

func (x *recorded) log(q tenant.Query) []tenant.Record {
	x.t.Helper()
	records, err := x.registry.Log(x.t.Context(), q)
	if err != nil {
		x.t.Fatal(err)
	}
	return records
}

func userBody(name, rest string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q%s}`, name, rest)
}

func patchBody(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

var pseudonym = regexp.MustCompile(`(?i)masked\.?[bcdfghjklmnpqrstvwxz]{14}(@masked\.invalid)?`)

// TestRecords: what is recorded of which requests.
func TestRecords(t *testing.T) {
	x := newRecorded(t, nil)
	var ada struct{ ID string }
	if w := x.send("POST", "Users", userBody("ada@example.com", `,"title":"Countess","password":"s3cr3t-of-ada"`)); w.Code != http.StatusCreated || json.Unmarshal(w.Body.Bytes(), &ada) != nil {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	created := tenant.Record{
		Connection: x.connection.Ref(), TokenID: x.tokenID, Source: "192.0.2.1", Method: "POST", Path: "Users", Operation: "create", Type: "User", ResourceID: ada.ID,
		Status: 201, ContentType: "application/scim+json", UserAgent: "provider/1", Masked: true, Cut: true,
		Changes: []tenant.Change{{Op: scim.OpCreate, Type: "User", ID: ada.ID, Attributes: []string{"userName", "title", "active", "password"}}},
	}
	like := func(change func(*tenant.Record)) *tenant.Record {
		r := created
		change(&r)
		return &r
	}
	check := func(name string, want *tenant.Record) {
		t.Helper()
		x.log(tenant.Query{AllTenants: true}) // so that it is stored
		got := x.store.all
		x.store.all = nil
		switch {
		case want == nil && len(got) == 0:
			return
		case want == nil || len(got) != 1:
			t.Errorf("%s: got %d records, %+v", name, len(got), got)
			return
		}
		got[0].Detail, got[0].Path = pseudonym.ReplaceAllString(got[0].Detail, "~"), pseudonym.ReplaceAllString(got[0].Path, "~")
		got[0].Body = pseudonym.ReplaceAll(got[0].Body, []byte("~"))
		if diff := cmp.Diff(*want, got[0], cmpopts.EquateEmpty(), cmpopts.IgnoreFields(tenant.Record{}, "ID", "At", "Duration", "Name"), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	check("a create", &created)

	for _, test := range []struct {
		name, reason         string
		method, target, body string
		change               func(*http.Request)
		want                 *tenant.Record
	}{
		{name: "a look", method: "GET", target: "Users?filter=userName+eq+%22ada%22", reason: "nothing changed"},
		{name: "a look at what is not there", method: "GET", target: "Users/2819c223-7f76-453a-919d-413861904646", reason: "the client asks to learn that"},
		{name: "a change of nothing", method: "PATCH", target: "Users/" + ada.ID, body: patchBody(`{"op":"replace","path":"title","value":"Countess"}`), reason: "nothing changed"},
		{
			name: "a deactivation", method: "PATCH", target: "Users/" + ada.ID, body: patchBody(`{"op":"Replace","path":"active","value":"False"}`),
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.Status, r.Rules = "PATCH", "Users/"+ada.ID, "patch", 200, []string{"stringBoolean"}
				r.Changes = []tenant.Change{{Op: scim.OpUpdate, Type: "User", ID: ada.ID, Attributes: []string{"active"}, Deactivated: true}}
			}),
		},
		{
			name: "a path that is none", method: "PATCH", target: "Users/" + ada.ID, body: patchBody(`{"op":"add","path":"emails[value eq \"ada@example.com\" and].value","value":"ada@example.com"}`),
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.Status, r.Changes, r.Cut = "PATCH", "Users/"+ada.ID, "patch", 400, nil, false
				r.Detail = `operation 1 (add emails[value eq "~" and].value): filter, character 28: expected and, or, or "]", found "and].value"`
				r.Body = []byte(patchBody(`{"op":"add","path":"emails[value eq \"~\" and].value","value":"~"}`))
			}),
		},
		{
			name: "a filter that is none", method: "GET", target: "Users?filter=userNam+eq+%22ada%22",
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.ResourceID, r.Status, r.Changes, r.Cut, r.ContentType = "GET", `Users?filter=userNam eq "~"`, "list", "", 400, nil, false, ""
				r.Detail = `filter, character 1: User has no attribute "userNam"`
			}),
		},
		{
			name: "what the application refuses", method: "POST", target: "Users", body: userBody("nobody@example.com", `,"name":{"familyName":"Body"}`),
			want: like(func(r *tenant.Record) {
				r.ResourceID, r.Status, r.Changes, r.Cut = "", 400, nil, false
				r.Detail = `there is no place for ~, who is called "~"`
				r.Body = []byte(userBody("~", `,"name":{"familyName":"~"}`))
			}),
		},
		{
			name: "what fails", method: "POST", target: "Users", body: userBody("broken", ""),
			want: like(func(r *tenant.Record) {
				r.ResourceID, r.Status, r.Changes, r.Cut = "", 500, nil, false
				r.Detail = "the request could not be carried out because of an internal error; it is in the server's log"
				r.Body = []byte(userBody("~", ""))
			}),
		},
		{
			name: "no endpoint", method: "GET", target: "Userz",
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.Type, r.ResourceID, r.Status, r.Changes, r.Cut, r.ContentType = "GET", "scim/v2/Userz", "", "", "", 404, nil, false, ""
				r.Detail = `there is no endpoint "/scim/v2/Userz"`
			}),
		},
		{
			name: "a delete of what is not there", method: "DELETE", target: "Users/2819c223-7f76-453a-919d-413861904646",
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.ResourceID, r.Status, r.Changes, r.Cut, r.ContentType = "DELETE", "Users/2819c223-7f76-453a-919d-413861904646", "delete", "2819c223-7f76-453a-919d-413861904646", 404, nil, false, ""
				r.Detail = "User 2819c223-7f76-453a-919d-413861904646 does not exist"
			}),
		},
		{
			name: "a name for an id", method: "DELETE", target: "Users/ada@example.com",
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.Status, r.Changes, r.Cut, r.ContentType = "DELETE", "Users/~", "delete", 404, nil, false, ""
				r.Detail = "User ~ does not exist"
			}),
		},
		{
			name: "a version that it has not", method: "DELETE", target: "Users/" + ada.ID, change: func(q *http.Request) { q.Header.Set("If-Match", `W/"other"`) },
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.Status, r.Changes, r.Cut, r.ContentType, r.IfMatch = "DELETE", "Users/"+ada.ID, "delete", 412, nil, false, "", `W/"other"`
				r.Detail = `If-Match is W/"other", but the resource is W/"2" now`
			}),
		},
		{
			name: "no JSON", method: "POST", target: "Users", body: `userName=ada&password=hunter2`,
			want: like(func(r *tenant.Record) {
				r.ResourceID, r.Status, r.Changes, r.Cut = "", 400, nil, false
				r.Detail = "the body must be a JSON object with the attributes of a User"
				r.Body = []byte(strings.Repeat("x", 29))
			}),
		},
		{
			name: "the wrong media type", method: "POST", target: "Users", body: `<ada/>`, change: func(q *http.Request) { q.Header.Set("Content-Type", "text/xml") }, reason: "its body was not read",
			want: like(func(r *tenant.Record) {
				r.ResourceID, r.Status, r.Changes, r.ContentType = "", 415, nil, "text/xml"
				r.Detail = `Content-Type "text/xml" is not supported: send application/scim+json`
			}),
		},
		{
			name: "a stranger", method: "GET", target: "Users", change: func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+x.token[:30]) },
			reason: "it is of no connection",
		},
		{
			name: "a token in the query, where none is accepted", method: "GET", target: "Users?access_token=" + x.token + "&count=1", change: func(q *http.Request) { q.Header.Del("Authorization") },
			want: like(func(r *tenant.Record) {
				r.Method, r.Path, r.Operation, r.ResourceID, r.Status, r.Changes, r.Cut, r.ContentType = "GET", "Users?count=1", "list", "", 401, nil, false, ""
				r.Detail = "a bearer token is required in the Authorization header"
			}),
		},
	} {
		var changes []func(*http.Request)
		if test.change != nil {
			changes = append(changes, test.change)
		}
		x.send(test.method, test.target, test.body, changes...)
		if test.want != nil && test.name == "a name for an id" {
			x.log(tenant.Query{AllTenants: true})
			if got := x.store.all[0]; got.ResourceID != strings.TrimPrefix(got.Path, "Users/") {
				t.Errorf("ResourceID is %s, and the path %s", got.ResourceID, got.Path)
			}
			test.want.ResourceID = x.store.all[0].ResourceID
		}
		check(test.name+" "+test.reason, test.want)
	}
}

// TestKeepValues: the bodies of all that is recorded are kept as they were sent, but
// never a password.
func TestKeepValues(t *testing.T) {
	x := newRecorded(t, func(c *tenant.Connection, _ *tenant.Options) { c.KeepValues = true })
	x.send("POST", "Users", userBody("ada@example.com", `, "title" : "Countess", "password":"s3cr3t-of-ada"`))
	x.send("GET", "Users?filter=userNam+eq+%22ada%22", "")
	records := x.log(tenant.Query{AllTenants: true})
	if len(records) != 2 {
		t.Fatalf("got %d records, want 2", len(records))
	}
	if got, want := records[0].Path, `Users?filter=userNam eq "ada"`; got != want {
		t.Errorf("the path is %s, want %s", got, want)
	}
	if got, want := string(records[1].Body), userBody("ada@example.com", `, "title" : "Countess", "password":"********"`); got != want || records[1].Masked || records[1].Cut {
		t.Errorf("the body is %s, want %s; masked: %v, cut: %v", got, want, records[1].Masked, records[1].Cut)
	}
	// Switched off, it takes effect at once.
	if _, err := x.registry.Change(t.Context(), x.connection.Ref(), func(c *tenant.Connection) error { c.KeepValues = false; return nil }); err != nil {
		t.Fatal(err)
	}
	x.send("POST", "Users", userBody("nobody", ""))
	if got := x.log(tenant.Query{AllTenants: true})[0]; strings.Contains(string(got.Body)+got.Detail, "nobody") || !got.Masked {
		t.Errorf("switched off, it is recorded as %+v", got)
	}
}

// TestLongBodies: 64 KiB of a body are kept at most.
func TestLongBodies(t *testing.T) {
	x := newRecorded(t, nil)
	x.send("POST", "Users", userBody("nobody", `,"title":"`+strings.Repeat("Countess ", 10_000)+`","password":"hunter2"`))
	got := x.log(tenant.Query{AllTenants: true})[0]
	if !got.Cut || len(got.Body) > 64<<10 || !bytes.HasPrefix(got.Body, []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":`)) || bytes.Contains(got.Body, []byte("Countess")) {
		t.Errorf("cut: %v, %d bytes: %.200s", got.Cut, len(got.Body), got.Body)
	}
	if _, err := got.Request(t.Context(), "http://localhost/scim/v2"); err == nil {
		t.Error("a request was made of part of a body")
	}
}

// TestRequestAgain: the request of a Record fails the same way, and its token is
// nowhere.
func TestRequestAgain(t *testing.T) {
	x := newRecorded(t, nil)
	var ada struct{ ID string }
	if err := json.Unmarshal(x.send("POST", "Users", userBody("ada", "")).Body.Bytes(), &ada); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, method, target, body string }{
		{"a path that is none", "PATCH", "Users/" + ada.ID, patchBody(`{"op":"add","path":"emails[value eq \"a@b.c\" or].value","value":"a@b.c"}`)},
		{"a value of the wrong type", "PUT", "Users/" + ada.ID, userBody("ada", `,"active":"perhaps","title":["Countess"]`)},
		{"no base64", "POST", "Users", userBody("ada", `,"x509Certificates":[{"value":"no base64"}]`)},
		{"names that differ in case", "POST", "Users", userBody("eve", `,"title":"a","TITLE":"b"`)},
		{"a NUL", "POST", "Users", userBody("eve", `,"title":"a\u0000b"`)},
		{"half a surrogate", "POST", "Users", userBody("eve", `,"title":"a\ud800b"`)},
		{"no UTF-8", "POST", "Users", userBody("eve", `,"title":"a`)[:70] + "\xff\"}"},
		{"two primaries", "PATCH", "Users/" + ada.ID, patchBody(`{"op":"add","path":"emails","value":[{"value":"a","primary":true,"type":"work"},{"value":"b","primary":true,"type":"home"}]}`)},
		{"no target", "PATCH", "Users/" + ada.ID, patchBody(`{"op":"remove"}`)},
		{"an unknown operation", "PATCH", "Users/" + ada.ID, patchBody(`{"op":"move","path":"title","value":"x"}`)},
		{"a filter", "GET", "Users?filter=userName+eq+%22ada", ""},
		{"a search", "POST", "Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName xx \"ada\"","count":10}`},
		{"no JSON", "POST", "Users", "nothing & all"},
		{"a member that is not there", "POST", "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Eve's","members":[{"value":"2819c223-7f76-453a-919d-413861904646"}]}`},
		{"an unknown endpoint", "GET", "Userz/17?x=y", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := x.send(test.method, test.target, test.body)
			if before.Code < 400 {
				t.Fatalf("answered %d %s; want a refusal", before.Code, before.Body)
			}
			rec := x.log(tenant.Query{AllTenants: true})[0]
			again, err := rec.Request(t.Context(), "https://example.com/scim/v2/")
			if err != nil {
				t.Fatal(err)
			}
			if again.Header.Get("Authorization") != "" {
				t.Error("the request has a token")
			}
			again.Header.Set("Authorization", "Bearer "+x.token)
			again.RequestURI = again.URL.RequestURI()
			w := httptest.NewRecorder()
			mux := http.NewServeMux()
			mux.Handle("/scim/v2/", x.handler)
			mux.ServeHTTP(w, again)
			after := x.log(tenant.Query{AllTenants: true})[0]
			if w.Code != before.Code || digitsOf(after.Detail) != digitsOf(rec.Detail) {
				t.Errorf("answered %d %s\nthen     %d %s\nbody %s", before.Code, rec.Detail, w.Code, after.Detail, rec.Body)
			}
		})
	}
}

// digitsOf replaces what differs from one masking to another of the same form: the
// masks, and places in a text.
func digitsOf(detail string) string {
	return regexp.MustCompile(`\d+`).ReplaceAllString(pseudonym.ReplaceAllString(detail, "~"), "#")
}

// TestRefusedByTheThousand: whoever is refused before anything is read cannot fill the
// log.
func TestRefusedByTheThousand(t *testing.T) {
	x := newRecorded(t, nil)
	if err := x.registry.SwitchOff(t.Context(), x.connection.Ref()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		x.send("GET", "Users", "")
	}
	records := x.log(tenant.Query{AllTenants: true})
	if n := len(records); n < 1 || n > 20 {
		t.Errorf("%d records of 100 requests with a dead token; want a few", n)
	}
	if first := records[len(records)-1]; !strings.Contains(first.Detail, "provisioning is switched off") {
		t.Errorf("the first one says %q", first.Detail)
	}
}

// TestLastError: a connection remembers what was refused last.
func TestLastError(t *testing.T) {
	x := newRecorded(t, nil)
	x.send("POST", "Users", userBody("nobody", ""))
	x.now = x.now.Add(time.Minute)
	x.send("POST", "Users", userBody("ada", ""))
	x.log(tenant.Query{AllTenants: true})
	c, err := x.registry.Connection(t.Context(), x.connection.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if want := x.now.Add(-time.Minute); !c.Status.LastErrorAt.Equal(want) || !strings.HasPrefix(c.Status.LastError, "there is no place for masked") {
		t.Errorf("got %q at %v; want the refusal at %v, without the name", c.Status.LastError, c.Status.LastErrorAt, want)
	}
	if !c.Status.LastSeen.Equal(x.now) {
		t.Errorf("last seen %v, want %v", c.Status.LastSeen, x.now)
	}
}

// TestClose: what was recorded is stored when the Registry is closed.
func TestClose(t *testing.T) {
	x := newRecorded(t, nil)
	for i := range 50 {
		x.send("POST", "Users", userBody(fmt.Sprintf("user%d", i), ""))
	}
	if err := x.registry.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(x.store.all); n != 50 {
		t.Errorf("%d of 50 records are stored", n)
	}
	ids := map[string]bool{}
	for _, rec := range x.store.all {
		ids[rec.ID] = true
	}
	if len(ids) != 50 {
		t.Errorf("50 records have %d ids", len(ids))
	}
}

// TestRetention: records are trimmed when there are new ones, by age and by number, and
// expire without.
func TestRetention(t *testing.T) {
	x := newRecorded(t, func(_ *tenant.Connection, o *tenant.Options) {
		o.Log = tenant.LogOptions{MaxAge: time.Hour, MaxRecords: 10}
	})
	create := func(n int, name string) {
		for i := range n {
			x.send("POST", "Users", userBody(fmt.Sprint(name, i), ""))
		}
	}
	create(20, "a")
	if n := len(x.log(tenant.Query{AllTenants: true, Limit: 100})); n != 10 {
		t.Errorf("%d records are left of 20, want 10", n)
	}
	x.now = x.now.Add(2 * time.Hour)
	create(1, "b")
	if n := len(x.log(tenant.Query{AllTenants: true})); n != 1 {
		t.Errorf("%d records are left when all but one are too old", n)
	}
	if n := len(x.store.trimmed); n != 2 {
		t.Errorf("they were trimmed %d times, want 2", n)
	}
	create(5, "c")
	x.log(tenant.Query{AllTenants: true})
	if n := len(x.store.trimmed); n != 2 {
		t.Error("they were trimmed again though that was done a moment before")
	}
	x.now = x.now.Add(2 * time.Hour)
	if n := len(x.log(tenant.Query{AllTenants: true})); n != 0 {
		t.Errorf("%d records are left that are too old, of a connection that is not used any more", n)
	}
}

// TestRecordByID finds one.
func TestRecordByID(t *testing.T) {
	x := newRecorded(t, nil)
	for i := range 3 {
		x.send("POST", "Users", userBody(fmt.Sprint("user", i), ""))
	}
	for _, want := range x.log(tenant.Query{AllTenants: true}) {
		got, err := x.registry.Record(t.Context(), "contoso", want.ID)
		if err != nil || got.ID != want.ID {
			t.Errorf("of its tenant: got %s, %v; want %s", got.ID, err, want.ID)
		}
		if got, err = x.registry.AnyRecord(t.Context(), want.ID); err != nil || got.ID != want.ID {
			t.Errorf("of any tenant: got %s, %v; want %s", got.ID, err, want.ID)
		}
		if _, err := x.registry.AnyRecord(t.Context(), want.ID+"0"); err != tenant.ErrNotFound {
			t.Errorf("of no such id: got %v; want ErrNotFound", err)
		}
		for _, q := range []tenant.Query{{}, {Tenant: "contoso", AllTenants: true}} {
			if _, err := x.registry.Log(t.Context(), q); !errors.Is(err, tenant.ErrInvalid) {
				t.Errorf("Log(%+v): got %v; want ErrInvalid", q, err)
			}
		}
		if _, err := x.registry.Record(t.Context(), "", want.ID); !errors.Is(err, tenant.ErrInvalid) {
			t.Errorf("of no tenant: got %v; want ErrInvalid", err)
		}
		for of, id := range map[string]string{"fabrikam": want.ID, "contoso": want.ID[:30]} {
			if _, err := x.registry.Record(t.Context(), of, id); err != tenant.ErrNotFound {
				t.Errorf("of tenant %q, id %s: got %v; want ErrNotFound", of, id, err)
			}
		}
	}
	if _, err := x.registry.Log(t.Context(), tenant.Query{AllTenants: true, Limit: -1}); err == nil {
		t.Error("a negative Limit was accepted")
	}
}

// TestNoValuesAreStored searches all that is stored of cycles with failures for the
// values of the directory, and for tokens.
func TestNoValuesAreStored(t *testing.T) {
	directory := company.New(company.Options{Users: 60, Seed: 3})
	for i := range directory.Users {
		u := &directory.Users[i]
		switch i % 7 {
		case 1:
			u.UserPrincipalName = "no" + u.UserPrincipalName
		case 2:
			u.UserPrincipalName = "broken" + u.UserPrincipalName
		}
	}
	x := newRecorded(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", x.handler)
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag} {
		entra, err := idp.NewEntra(server.URL+"/scim/v2", x.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		entra.SetDialect(dialect)
		for i := range directory.Users {
			directory.Users[i].JobTitle = fmt.Sprintf("Changed %s %d", dialect, i)
		}
		if _, err := entra.Sync(t.Context(), directory); err == nil {
			t.Fatal("the cycle has no failures, which this test is about")
		}
	}
	if err := x.registry.Close(); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, rec := range x.store.all {
		if rec.Status >= 400 {
			refused++
		}
	}
	if refused < 20 || refused == len(x.store.all) {
		t.Fatalf("%d of %d records are of refusals; want many, and others", refused, len(x.store.all))
	}
	var stored strings.Builder
	for _, rec := range x.store.all {
		fmt.Fprintf(&stored, "%+v %s\n", rec, rec.Body)
	}
	fmt.Fprintf(&stored, "%+v", x.store.seen)
	text := stored.String()
	_, secret, _ := strings.Cut(x.token, x.tokenID)
	for _, part := range append(valuesOf(t, directory), x.token, secret) {
		if i := strings.Index(text, part); i >= 0 && len(part) > 3 && !isWordOfSCIM[strings.ToLower(part)] {
			t.Errorf("%q is stored: …%s…", part, text[max(0, i-100):min(len(text), i+100)])
		}
	}
}

// isWordOfSCIM are values of the directory that are words of the protocol too.
var isWordOfSCIM = map[string]bool{"user": true, "title": true, "value": true}

// valuesOf returns all strings of a directory but the ids.
func valuesOf(t *testing.T, d idp.Directory) (values []string) {
	t.Helper()
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			values = append(values, v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				if !strings.EqualFold(k, "id") && k != "members" && k != "manager" {
					walk(e)
				}
			}
		}
	}
	walk(tree)
	slices.Sort(values)
	return slices.Compact(values)
}
