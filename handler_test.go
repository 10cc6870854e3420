package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// TestMain keeps the records of answered errors, of which there are thousands,
// out of the output of a failed test.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// site is a Handler under test, with the answers decoded.
type site struct {
	t testing.TB
	h http.Handler
}

func newSite(t testing.TB, store scim.Store, o *scim.Options) site {
	t.Helper()
	h, err := scim.NewHandler(store, scim.StaticToken("secret", scim.Principal{Tenant: "acme", Subject: "test"}), o)
	if err != nil {
		t.Fatal(err)
	}
	return site{t, h}
}

type reply struct {
	status int
	header http.Header
	body   string
	doc    map[string]any
}

func (e site) do(method, target, body string, header ...string) reply {
	e.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.h.ServeHTTP(w, r)
	a := reply{status: w.Code, header: w.Result().Header, body: w.Body.String()}
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

func (a reply) id() string { s, _ := a.doc["id"].(string); return s }

// journal is Hooks that write down what they are told.
type journal struct {
	mu     sync.Mutex
	lines  []string
	refuse error            // what Admit says
	fail   map[string]error // what another hook says
}

func (j *journal) note(format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	j.lines = append(j.lines, line)
	name, _, _ := strings.Cut(line, " ")
	return j.fail[name]
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func names(members []scim.Member) (ids []string) {
	for _, m := range members {
		ids = append(ids, m.Type)
	}
	return ids
}

func (j *journal) Admit(_ context.Context, e scim.Event) error { return j.refuse }
func (j *journal) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	return j.note("UserStaged %s active=%v", e.User().UserName, e.User().Active)
}

func (j *journal) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserUpdated %s %v title=%s", e.User().UserName, e.Changed, e.User().Title)
}

func (j *journal) OnUserDeactivated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserDeactivated %s", e.User().UserName)
}

func (j *journal) OnUserReactivated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserReactivated %s", e.User().UserName)
}

func (j *journal) OnUserDeleted(_ context.Context, e scim.UserEvent) error {
	return j.note("UserDeleted %s", e.User().UserName)
}

func (j *journal) OnGroupCreated(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupCreated %s", e.Group().DisplayName)
}

func (j *journal) OnGroupUpdated(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupUpdated %s %v", e.Group().DisplayName, e.Changed)
}

func (j *journal) OnGroupDeleted(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupDeleted %s", e.Group().DisplayName)
}

func (j *journal) OnGroupMemberAdded(_ context.Context, e scim.MemberEvent) error {
	return j.note("MemberAdded %s %v", e.Group().DisplayName, names(e.Members))
}

func (j *journal) OnGroupMemberRemoved(_ context.Context, e scim.MemberEvent) error {
	return j.note("MemberRemoved %s %v", e.Group().DisplayName, names(e.Members))
}

func patchBody(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}

func TestHooksAreToldWhatReallyChanged(t *testing.T) {
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"Sales"}`).id()
	if diff := cmp.Diff([]string{"UserStaged ann active=true", "GroupCreated Sales"}, j.take()); diff != "" {
		t.Fatal(diff)
	}
	id := strings.TrimPrefix(user, "/Users/")
	for _, step := range []struct {
		what, method, target, body string
		status                     int
		want                       []string
	}{
		{"one attribute", "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"Guide"}`), 200, []string{"UserUpdated ann [title] title=Guide"}},
		{"the same again: nothing", "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"Guide"}`), 200, nil},
		{"active alone", "PATCH", user, patchBody(`{"op":"Replace","path":"active","value":"False"}`), 200, []string{"UserDeactivated ann"}},
		{"active and another", "PATCH", user, patchBody(`{"op":"replace","value":{"active":true,"title":"Lead"}}`), 200, []string{"UserReactivated ann", "UserUpdated ann [title active] title=Lead"}},
		{"PUT of the same", "PUT", user, `{"userName":"ann","title":"Lead","active":true}`, 200, nil},
		{"PUT that clears", "PUT", user, `{"userName":"ann"}`, 200, []string{"UserUpdated ann [title] title="}},
		{"a refused change", "PATCH", user, patchBody(`{"op":"replace","path":"active","value":"perhaps"}`), 400, nil},
		{"a member", "PATCH", group, patchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`), 204, []string{"MemberAdded Sales [User]"}},
		{"the member again: nothing", "PATCH", group, patchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`), 204, nil},
		{
			"rename and remove in one", "PATCH", group, patchBody(`{"op":"replace","path":"displayName","value":"Trade"},{"op":"remove","path":"members","value":[{"value":"` + id + `"}]}`), 204,
			[]string{"GroupUpdated Trade [displayName]", "MemberRemoved Trade [User]"},
		},
		{"PUT with members", "PUT", group, `{"displayName":"Trade","members":[{"value":"` + id + `"}]}`, 200, []string{"MemberAdded Trade [User]"}},
		{"an absent member removed: nothing", "PATCH", group, patchBody(`{"op":"remove","path":"members[value eq \"nobody\"]"}`), 204, nil},
		{"the group", "DELETE", group, "", 204, []string{"GroupDeleted Trade"}},
		{"the user", "DELETE", user, "", 204, []string{"UserDeleted ann"}},
		{"the user again", "DELETE", user, "", 404, nil},
	} {
		e.must(step.status, step.method, step.target, step.body)
		if diff := cmp.Diff(step.want, j.take()); diff != "" {
			t.Errorf("%s: hooks (-want +got)\n%s", step.what, diff)
		}
	}
}

func TestAdmitRefuses(t *testing.T) {
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	j.refuse = scim.Errorf(scim.ErrForbidden, "the plan has no seat left")
	j.take()
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/Users", `{"userName":"bob"}`},
		{"PATCH", user, patchBody(`{"op":"replace","path":"title","value":"x"}`)},
		{"PUT", user, `{"userName":"ann","title":"x"}`},
		{"DELETE", user, ""},
	} {
		a := e.must(403, c.method, c.target, c.body)
		if a.doc["detail"] != "the plan has no seat left" {
			t.Errorf("%s: detail %v", c.method, a.doc["detail"])
		}
	}
	if told := j.take(); told != nil {
		t.Errorf("hooks were told of refused writes: %v", told)
	}
	if a := e.must(200, "GET", "/Users", ""); a.doc["totalResults"] != 1.0 || strings.Contains(a.body, `"title"`) {
		t.Errorf("a refused write left something behind: %s", a.body)
	}
}

func TestAFailedHookIsLoggedAndTheWriteStands(t *testing.T) {
	var log bytes.Buffer
	j := &journal{fail: map[string]error{"UserStaged": errors.New("mail server is down")}}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	e.must(200, "GET", "/Users?filter=userName+eq+%22ann%22", "")
	if !strings.Contains(log.String(), "mail server is down") || !strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("log: %s", log.String())
	}
}

// transactor is a Store with transactions, of the simplest kind: one at a
// time, over a copy that takes the place of the original.
type transactor struct {
	*memstore.Store
	mu   sync.Mutex
	runs int
}

type inTx struct{}

func (s *transactor) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	var before bytes.Buffer
	if err := s.Store.Snapshot(&before); err != nil {
		return err
	}
	if err := fn(context.WithValue(ctx, inTx{}, true), s.Store); err != nil {
		return errors.Join(err, s.Store.Restore(&before))
	}
	return nil
}

type txHooks struct {
	journal
	inside bool
}

func (h *txHooks) OnUserStaged(ctx context.Context, e scim.UserEvent) error {
	h.inside = ctx.Value(inTx{}) == true
	return h.journal.OnUserStaged(ctx, e)
}

func TestHooksRunInTheStoresTransaction(t *testing.T) {
	store := &transactor{Store: &memstore.Store{}}
	hooks := &txHooks{}
	e := newSite(t, store, &scim.Options{Hooks: hooks})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	if !hooks.inside || store.runs != 1 {
		t.Errorf("the hook ran inside the transaction: %v, transactions: %d", hooks.inside, store.runs)
	}
	hooks.fail = map[string]error{"UserStaged": scim.Errorf(scim.ErrForbidden, "no desk for bob")}
	if a := e.must(403, "POST", "/Users", `{"userName":"bob"}`); a.doc["detail"] != "no desk for bob" {
		t.Errorf("detail %v", a.doc["detail"])
	}
	hooks.fail = map[string]error{"UserStaged": errors.New("secret internals")}
	if a := e.must(500, "POST", "/Users", `{"userName":"bob"}`); strings.Contains(a.body, "secret") {
		t.Errorf("the answer tells too much: %s", a.body)
	}
	if a := e.must(200, "GET", "/Users", ""); a.doc["totalResults"] != 1.0 {
		t.Errorf("the failed hook did not undo the write: %s", a.body)
	}
}

// broken is a Store whose calls panic, or fail in a way no client may read of.
type broken struct {
	scim.Store
	err error
}

func (s broken) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	if s.err == nil {
		panic("password=hunter2")
	}
	return nil, s.err
}

func (s broken) List(context.Context, scim.Query) (*scim.Page, error) { return nil, s.err }

func TestInternalErrorsStayInside(t *testing.T) {
	for _, c := range []struct {
		name   string
		store  scim.Store
		status int
	}{
		{"a panic", broken{}, 500},
		{"an error of the store's own", broken{err: errors.New("password=hunter2")}, 500},
		{"a kind with a cause", broken{err: fmt.Errorf("password=hunter2: %w", scim.ErrUnavailable)}, 503},
	} {
		var log bytes.Buffer
		e := newSite(t, c.store, &scim.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		a := e.must(c.status, "GET", "/Users/1", "")
		if strings.Contains(a.body, "hunter2") || a.header.Get("Content-Type") != "application/scim+json" {
			t.Errorf("%s: answer %v %s", c.name, a.header, a.body)
		}
		if !strings.Contains(log.String(), "hunter2") || strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), "secret") {
			t.Errorf("%s: the log must have one record with the cause and no token:\n%s", c.name, log.String())
		}
	}
}

// unending is a group whose members cannot all be read.
type unending struct {
	scim.Store
	n int
}

func (s unending) Get(_ context.Context, ref scim.Ref, _ scim.Projection) (*scim.Resource, error) {
	doc, err := scim.ReadDocument(`{"displayName":"g"}`)
	return &scim.Resource{Ref: ref, Version: "1", Document: doc, Members: s}, err
}

func (s unending) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		for i := range s.n {
			if !yield(scim.Member{ID: fmt.Sprint(i), Type: "User"}, nil) {
				return
			}
		}
		yield(scim.Member{}, errors.New("connection lost"))
	}
}

func (s unending) Has(string) (bool, error) { return false, nil }

func TestAnErrorAmongTheMembersIsSeen(t *testing.T) {
	e := newSite(t, unending{n: 3}, nil)
	e.must(500, "GET", "/Groups/1", "")

	// With much sent already only a broken connection can tell.
	server := httptest.NewServer(newSite(t, unending{n: 50_000}, nil).h)
	defer server.Close()
	r, _ := http.NewRequest("GET", server.URL+"/Groups/1", nil)
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got bytes.Buffer
	if n, err := got.ReadFrom(resp.Body); err == nil {
		t.Errorf("%d bytes were read without an error", n)
	}
}

func TestMountPoints(t *testing.T) {
	for _, c := range []struct {
		name, pattern, strip, base string
		target                     string
		status                     int
		location                   string
	}{
		{"at the root", "/", "", "", "/Users", 201, "http://example.com/Users/"},
		{"below a path", "/scim/v2/", "", "", "/scim/v2/Users", 201, "http://example.com/scim/v2/Users/"},
		{"with a slash after it", "/scim/v2/", "", "", "/scim/v2/Users/", 201, "http://example.com/scim/v2/Users/"},
		{"the tenant in the path", "/scim/{tenant}/v2/", "", "", "/scim/acme/v2/Users", 201, "http://example.com/scim/acme/v2/Users/"},
		{"another's tenant in the path", "/scim/{tenant}/v2/", "", "", "/scim/globex/v2/Users", 401, ""},
		{"a wildcard for the rest", "POST /scim/{rest...}", "", "", "/scim/Users", 201, "http://example.com/scim/Users/"},
		{"behind StripPrefix", "/api/scim/", "/api/scim", "", "/api/scim/Users", 201, "http://example.com/api/scim/Users/"},
		{"a BaseURL", "/", "", "https://id.example.org/scim/v2/", "/Users", 201, "https://id.example.org/scim/v2/Users/"},
		{"a BaseURL with the tenant of the path", "/t/{tenant}/", "", "https://id.example.org/{tenant}/scim", "/t/acme/Users", 201, "https://id.example.org/acme/scim/Users/"},
		{"a BaseURL with the tenant of the token", "/", "", "https://id.example.org/{tenant}/scim", "/Users", 201, "https://id.example.org/acme/scim/Users/"},
		{"a path that holds the name of an endpoint", "/Users/scim/", "", "", "/Users/scim/Users", 201, "http://example.com/Users/scim/Users/"},
		{"without a mux, below any path", "", "", "", "/some/where/v2/Users", 201, "http://example.com/some/where/v2/Users/"},
		{"without a mux, double slashes", "", "", "", "//Users", 201, "http://example.com/Users/"},
		{"no endpoint", "/scim/", "", "", "/scim/Persons", 404, ""},
		{"too deep", "/scim/", "", "", "/scim/Users/1/2", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newSite(t, &memstore.Store{}, &scim.Options{BaseURL: c.base})
			if c.strip != "" {
				e.h = http.StripPrefix(c.strip, e.h)
			}
			if c.pattern != "" {
				mux := http.NewServeMux()
				mux.Handle(c.pattern, e.h)
				e.h = mux
			}
			a := e.must(c.status, "POST", c.target, `{"userName":"ann"}`)
			if c.status != 201 {
				return
			}
			meta := a.doc["meta"].(map[string]any)
			if want := c.location + a.id(); a.header.Get("Location") != want || meta["location"] != want {
				t.Errorf("Location %q, meta.location %q, want %q", a.header.Get("Location"), meta["location"], want)
			}
		})
	}
}

func TestProjection(t *testing.T) {
	const enterprise = scim.EnterpriseUserSchemaURI
	e := newSite(t, &memstore.Store{}, nil)
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann","externalId":"x","name":{"givenName":"A","familyName":"B"},
		"emails":[{"value":"a@b","type":"work"},{"value":"c@d"}],"`+enterprise+`":{"department":"D","manager":{"value":"m"}}}`).id()
	for _, c := range []struct {
		query  string
		want   string // the members of the answer besides schemas and id
		reason string
	}{
		{"attributes=userName", `userName`, "meta is returned by default, not always (R-215)"},
		{"attributes=USERNAME,%20externalid", `userName externalId`, "names in any case, space around them"},
		{"attributes=name.givenName", `name.givenName`, "a sub-attribute alone (A-22)"},
		{"attributes=emails.type", `emails[0].type`, "an element without it is left out"},
		{"attributes=" + enterprise, enterprise + `.department ` + enterprise + `.manager.value ` + enterprise + `.manager.$ref`, "a whole extension"},
		{"attributes=" + enterprise + ":manager.value", enterprise + `.manager.value`, "no $ref unless it is asked for"},
		{"attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName", `userName`, "the core URI"},
		{"attributes=nope", ``, "unknown names are ignored (A-20)"},
		{"attributes=meta.created", `meta.created`, "a part of meta"},
		{"attributes=id,schemas", ``, "always there"},
		{"excludedAttributes=id,schemas,meta,name,emails,active," + enterprise, `userName externalId`, "what is always returned cannot be excluded"},
		{"excludedAttributes=meta,active,emails,name.familyName,externalId,userName," + enterprise + ":manager", `name.givenName ` + enterprise + `.department`, "sub-attributes"},
		{"attributes=userName&excludedAttributes=userName", `userName`, "attributes wins (A-19)"},
	} {
		a := e.must(200, "GET", user+"?"+c.query, "")
		if a.id() == "" || a.doc["schemas"] == nil {
			t.Errorf("%s: id or schemas is missing: %s", c.query, a.body)
		}
		delete(a.doc, "id")
		delete(a.doc, "schemas")
		want := map[string]bool{}
		for _, p := range strings.Fields(c.want) {
			want[p] = true
		}
		if diff := cmp.Diff(want, leaves("", a.doc)); diff != "" {
			t.Errorf("%s: %s (-want +got)\n%s", c.query, c.reason, diff)
		}
	}
}

// leaves names the simple values in a document.
func leaves(prefix string, v any) map[string]bool {
	out := map[string]bool{}
	add := func(p string, v any) {
		for name := range leaves(p, v) {
			out[name] = true
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			add(strings.TrimPrefix(prefix+"."+name, "."), value)
		}
	case []any:
		for i, value := range v {
			add(fmt.Sprintf("%s[%d]", prefix, i), value)
		}
	default:
		out[prefix] = true
	}
	return out
}

func TestETags(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	a := e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	user, tag := "/Users/"+a.id(), a.header.Get("ETag")
	if tag != `W/"1"` || a.doc["meta"].(map[string]any)["version"] != tag {
		t.Fatalf("ETag %q, meta.version %v", tag, a.doc["meta"])
	}
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	e.must(304, "GET", user, "", "If-None-Match", tag)
	e.must(304, "GET", user, "", "If-None-Match", `"x", W/"1"`)
	e.must(304, "GET", user, "", "If-None-Match", `*`)
	e.must(200, "GET", user, "", "If-None-Match", `W/"2"`)
	e.must(412, "PATCH", user, title, "If-Match", `W/"7"`)
	e.must(412, "PUT", user, `{"userName":"bob"}`, "If-Match", `W/"7"`)
	e.must(412, "DELETE", user, "", "If-Match", `W/"7"`)
	e.must(200, "PATCH", user, title, "If-Match", `W/"7", W/"1"`)
	e.must(412, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", tag)
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", `*`)
	e.must(404, "PATCH", "/Users/nobody", title, "If-Match", `*`)
	a = e.must(200, "GET", user, "")
	if a.header.Get("ETag") != `W/"3"` {
		t.Errorf("after two changes ETag is %s", a.header.Get("ETag"))
	}
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	alone := a.header.Get("ETag")
	add := patchBody(`{"op":"add","path":"members","value":[{"value":"` + a.id() + `"}]}`)
	e.must(412, "PATCH", group, add, "If-Match", `W/"9"`)
	e.must(204, "PATCH", group, add, "If-Match", `W/"1"`)

	// The user is shown with its groups now, so it has another tag.
	e.must(304, "GET", user+"?excludedAttributes=groups", "", "If-None-Match", alone)
	tag = e.must(200, "GET", user, "", "If-None-Match", alone).header.Get("ETag")
	e.must(304, "GET", user, "", "If-None-Match", tag)
	e.must(204, "PATCH", group, patchBody(`{"op":"replace","path":"displayName","value":"h"}`))
	a = e.must(200, "GET", user, "", "If-None-Match", tag)
	if tag = a.header.Get("ETag"); a.doc["meta"].(map[string]any)["version"] != tag {
		t.Errorf("ETag %s, meta.version %v", tag, a.doc["meta"])
	}
	e.must(412, "DELETE", user, "", "If-Match", `W/"2~00000000"`)
	e.must(204, "DELETE", user, "", "If-Match", tag)
}

// counting counts the calls of a Store.
type counting struct {
	scim.Store
	gets, lists, updates int
	projection           scim.Projection
}

func (s *counting) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	s.gets++
	s.projection = p
	return s.Store.Get(ctx, ref, p)
}

func (s *counting) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	s.lists++
	s.projection = q.Projection
	return s.Store.List(ctx, q)
}

func (s *counting) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	s.updates++
	return s.Store.Update(ctx, ref, c)
}

func TestStoreCalls(t *testing.T) {
	s := &counting{Store: &memstore.Store{}}
	e := newSite(t, s, nil)
	uid := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	gid := e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	add := patchBody(`{"op":"Add","path":"members","value":[{"value":"` + uid + `"}]}`)
	for _, c := range []struct {
		what, method, target, body   string
		gets, updates                int
		wantMembers, wantGroups, any bool
	}{
		{what: "a patch of members never reads the group", method: "PATCH", target: "/Groups/" + gid, body: add, updates: 1},
		{
			what: "nor does one of many operations", method: "PATCH", target: "/Groups/" + gid, updates: 1,
			body: patchBody(`{"op":"Remove","path":"members","value":[{"value":"` + uid + `"}]},{"op":"add","path":"members","value":[{"value":"` + uid + `"}]},{"op":"remove","path":"members[value eq \"x\"]"}`),
		},
		{what: "an attribute is one read and one write", method: "PATCH", target: "/Groups/" + gid, body: patchBody(`{"op":"replace","path":"displayName","value":"h"}`), gets: 1, updates: 1, any: true},
		{what: "what changes nothing is not written", method: "PATCH", target: "/Groups/" + gid, body: patchBody(`{"op":"replace","path":"displayName","value":"h"}`), gets: 1, any: true},
		{what: "excluded members are not loaded", method: "GET", target: "/Groups/" + gid + "?excludedAttributes=Members", gets: 1, any: true},
		{what: "members not among the attributes are not loaded", method: "GET", target: "/Groups?attributes=id&filter=displayName+eq+%22h%22", any: true},
		{what: "members are loaded otherwise", method: "GET", target: "/Groups/" + gid, gets: 1, wantMembers: true, any: true},
		{what: "groups of a user are loaded", method: "GET", target: "/Users/" + uid, gets: 1, wantGroups: true, any: true},
		{what: "and not if they are excluded", method: "GET", target: "/Users/" + uid + "?excludedAttributes=groups", gets: 1, any: true},
	} {
		s.gets, s.lists, s.updates = 0, 0, 0
		if a := e.do(c.method, c.target, c.body); a.status/100 != 2 {
			t.Fatalf("%s: %d %s", c.what, a.status, a.body)
		}
		if s.gets != c.gets || s.updates != c.updates {
			t.Errorf("%s: %d reads and %d writes, want %d and %d", c.what, s.gets, s.updates, c.gets, c.updates)
		}
		if want := (scim.Projection{Members: c.wantMembers, Groups: c.wantGroups}); c.any && s.projection != want {
			t.Errorf("%s: projection %+v, want %+v", c.what, s.projection, want)
		}
	}
}

// contended is a Store in which somebody else changes each resource first.
type contended struct {
	scim.Store
	left int
}

func (s *contended) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if s.left > 0 && c.Version != "" {
		s.left--
		return nil, scim.ErrVersion
	}
	return s.Store.Update(ctx, ref, c)
}

func TestConflictingWritesAreRetried(t *testing.T) {
	s := &contended{Store: &memstore.Store{}}
	e := newSite(t, s, nil)
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	s.left = 3
	e.must(200, "PATCH", user, title)
	s.left = 1
	e.must(412, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", `W/"2"`)
	s.left = 1000
	if a := e.must(503, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`)); a.doc["detail"] == nil {
		t.Errorf("no detail: %s", a.body)
	}
}

func TestNewHandlerRefusesNonsense(t *testing.T) {
	store, token := &memstore.Store{}, scim.StaticToken("x", scim.Principal{})
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		options scim.Options
	}{
		{"a negative limit", scim.Options{MaxBody: -1}},
		{"another negative limit", scim.Options{MaxResults: -1}},
		{"a relative BaseURL", scim.Options{BaseURL: "/scim"}},
		{"a BaseURL with a query", scim.Options{BaseURL: "https://x/?a=b"}},
		{"a type twice", scim.Options{Types: []*scim.ResourceType{user, user}}},
		{"a nil type", scim.Options{Types: []*scim.ResourceType{nil}}},
	} {
		if _, err := scim.NewHandler(store, token, &c.options); err == nil {
			t.Errorf("%s was taken", c.name)
		}
	}
	if _, err := scim.NewHandler(nil, token, nil); err == nil {
		t.Error("a nil store was taken")
	}
}

func TestWritesThatMeetAllSucceed(t *testing.T) {
	slow := &slowHooks{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: slow})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	attributes := []string{"title", "nickName", "locale", "timezone", "userType", "displayName"}
	var wg sync.WaitGroup
	for round := range 4 {
		for _, name := range attributes {
			wg.Go(func() {
				body := patchBody(fmt.Sprintf(`{"op":"replace","path":%q,"value":"%s %d"}`, name, name, round))
				if a := e.do("PATCH", user, body); a.status != 200 {
					t.Errorf("PATCH of %s: %d %s", name, a.status, a.body)
				}
			})
		}
	}
	wg.Wait()
	a := e.must(200, "GET", user, "")
	for _, name := range attributes {
		if text, _ := a.doc[name].(string); !strings.HasPrefix(text, name) {
			t.Errorf("%s is %q: its writes were lost", name, text)
		}
	}
}

// slowHooks take long to admit a change, so that writes meet.
type slowHooks struct{ scim.NoHooks }

func (*slowHooks) Admit(context.Context, scim.Event) error {
	time.Sleep(2 * time.Millisecond)
	return nil
}

func TestAnIfMatchOfNothingMatchesNothing(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	uid := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	gid := e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	add := patchBody(`{"op":"add","path":"members","value":[{"value":"` + uid + `"}]}`)
	for _, tag := range []string{`""`, `W/""`, `,`, `"~01234567"`} {
		e.must(412, "PATCH", "/Groups/"+gid, add, "If-Match", tag)
		e.must(412, "DELETE", "/Users/"+uid, "", "If-Match", tag)
		e.must(412, "PUT", "/Users/"+uid, `{"userName":"bob"}`, "If-Match", tag)
	}
}

func TestHooksOfAUserWithoutGroups(t *testing.T) {
	schema := scim.UserSchema()
	schema.Remove("groups", "x509Certificates")
	users, err := scim.NewResourceType(scim.TypeDefinition{Name: "Person", Endpoint: "People", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j, Types: []*scim.ResourceType{users}})
	user := "/People/" + e.must(201, "POST", "/People", `{"userName":"ann"}`).id()
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","path":"active","value":false}`))
	e.must(204, "DELETE", user, "")
	if diff := cmp.Diff([]string{"UserStaged ann active=true", "UserDeactivated ann", "UserDeleted ann"}, j.take()); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedHookKeepsNoOtherFromBeingTold(t *testing.T) {
	j := &journal{fail: map[string]error{"UserDeactivated": errors.New("down"), "UserUpdated": errors.New("down")}}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	j.take()
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","value":{"active":false,"title":"x"}}`))
	if diff := cmp.Diff([]string{"UserDeactivated ann", "UserUpdated ann [title active] title=x"}, j.take()); diff != "" {
		t.Error(diff)
	}
}

type panicking struct{ scim.NoHooks }

func (panicking) OnUserStaged(context.Context, scim.UserEvent) error { panic("no mail server") }

func TestAPanicOfAHookAfterTheWriteIsNoFailureOfIt(t *testing.T) {
	var log bytes.Buffer
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: panicking{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	if !strings.Contains(log.String(), "no mail server") {
		t.Errorf("the log does not tell: %s", log.String())
	}
}

// odd is a resource type with what User does not have.
func odd(t *testing.T) *scim.ResourceType {
	t.Helper()
	main, err := scim.ParseSchema([]byte(`{"id":"urn:example:2.0:Odd","name":"Odd","attributes":[
		{"name":"name","required":true},
		{"name":"kept","type":"complex","returned":"always","subAttributes":[{"name":"pub"},{"name":"secret","returned":"never"},{"name":"asked","returned":"request"}]},
		{"name":"mixed","type":"complex","subAttributes":[{"name":"alw","returned":"always"},{"name":"pub"},{"name":"fix","mutability":"immutable"},{"name":"wo","mutability":"writeOnly","returned":"never"}]},
		{"name":"pin","type":"integer","mutability":"writeOnly","returned":"never"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	extension, err := scim.ParseSchema([]byte(`{"id":"urn:example:2.0:Team","name":"Team","attributes":[
		{"name":"first","type":"complex","subAttributes":[{"name":"label"},{"name":"value"},{"name":"$ref","type":"reference","referenceTypes":["Odd"]}]},
		{"name":"note"},
		{"name":"second","type":"complex","subAttributes":[{"name":"value"},{"name":"$ref","type":"reference","referenceTypes":["Odd"]}]},
		{"name":"fix","mutability":"immutable"},{"name":"alw","returned":"always"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := scim.NewResourceType(scim.TypeDefinition{Name: "Odd", Endpoint: "Odds", Schema: main, Extensions: []scim.Extension{{Schema: extension}}})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestReferencesInOneExtension(t *testing.T) {
	e := newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{odd(t)}})
	thing := "/Odds/" + e.must(201, "POST", "/Odds", `{"name":"n","urn:example:2.0:Team":{"first":{"label":"l","value":"a\"b"},"note":"{\"second\":{","second":"c"}}`).id()
	const first, second = `"first":{"label":"l","value":"a\"b","$ref":"http://example.com/Odds/a%22b"}`, `"second":{"value":"c","$ref":"http://example.com/Odds/c"}`
	for _, c := range []struct{ query, want string }{
		{"", `{` + first + `,"note":"{\"second\":{",` + second + `}`},
		{"?attributes=urn:example:2.0:Team", `{` + first + `,"note":"{\"second\":{",` + second + `}`},
		{"?attributes=urn:example:2.0:Team:second", `{` + second + `}`},
		{"?attributes=urn:example:2.0:Team:second.$ref", `{"second":{"$ref":"http://example.com/Odds/c"}}`},
		{"?attributes=urn:example:2.0:Team:second.value", `{"second":{"value":"c"}}`},
		{"?excludedAttributes=urn:example:2.0:Team:first,urn:example:2.0:Team:note,urn:example:2.0:Team:second.value", `{"second":{"$ref":"http://example.com/Odds/c"}}`},
	} {
		if a := e.must(200, "GET", thing+c.query, ""); !strings.Contains(a.body, `"urn:example:2.0:Team":`+c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.query, a.body, c.want)
		}
	}
}

func TestReturnedBelowTheTop(t *testing.T) {
	e := newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{odd(t)}})
	thing := "/Odds/" + e.must(201, "POST", "/Odds", `{"name":"n","pin":1234,"kept":{"pub":"1","secret":"s","asked":"q"},
		"mixed":{"alw":"a","pub":"p","wo":"w"},"urn:example:2.0:Team":{"alw":"a","note":"n"}}`).id()
	for _, c := range []struct{ query, want string }{
		{"", "name kept.pub mixed.alw mixed.pub urn:example:2.0:Team.alw urn:example:2.0:Team.note"},
		{"?attributes=name", "name kept.pub mixed.alw urn:example:2.0:Team.alw"},
		{"?attributes=kept.asked", "kept.pub kept.asked mixed.alw urn:example:2.0:Team.alw"},
		{"?attributes=kept.secret,pin,mixed.wo", "kept.pub mixed.alw urn:example:2.0:Team.alw"},
		{"?excludedAttributes=kept,mixed,urn:example:2.0:Team", "name kept.pub mixed.alw urn:example:2.0:Team.alw"},
		{"?excludedAttributes=kept.pub,mixed.pub", "name mixed.alw urn:example:2.0:Team.alw urn:example:2.0:Team.note"},
	} {
		a := e.must(200, "GET", thing+c.query, "")
		for _, name := range []string{"id", "schemas", "meta"} {
			delete(a.doc, name)
		}
		want := map[string]bool{}
		for _, p := range strings.Fields(c.want) {
			want[p] = true
		}
		if diff := cmp.Diff(want, leaves("", a.doc)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.query, diff)
		}
	}
	if a := e.must(400, "POST", "/Odds", `{"name":"n","pin":"12a4"}`); strings.Contains(a.body, "12a4") {
		t.Errorf("a value that is never returned is in the detail: %s", a.body)
	}
}

func TestPutKeepsWhatItMust(t *testing.T) {
	store := &memstore.Store{}
	typ := odd(t)
	e := newSite(t, store, &scim.Options{Types: []*scim.ResourceType{typ}})
	id := e.must(201, "POST", "/Odds", `{"name":"n","pin":1,"mixed":{"pub":"p","fix":"f","wo":"w"},"urn:example:2.0:Team":{"fix":"f","note":"n"}}`).id()
	e.must(200, "PUT", "/Odds/"+id, `{"name":"m"}`)
	r, err := store.Get(t.Context(), scim.Ref{Tenant: "acme", Type: "Odd", ID: id}, scim.Projection{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"m","mixed":{"fix":"f","wo":"w"},"pin":1,"urn:example:2.0:Team":{"fix":"f"}}`
	if r.Document.String() != want {
		t.Errorf("\n got %s\nwant %s", r.Document, want)
	}
	for _, body := range []string{`{"name":"m","mixed":{"fix":"g"}}`, `{"name":"m","urn:example:2.0:Team":{"fix":"g"}}`} {
		if a := e.must(400, "PUT", "/Odds/"+id, body); a.doc["scimType"] != "mutability" {
			t.Errorf("%s: %s", body, a.body)
		}
	}
}

func TestAClientThatHasGoneIsNoFaultOfOurs(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause error
		level string
	}{
		{"the client hung up", context.Canceled, "level=WARN"},
		{"the server's own time ran out", context.DeadlineExceeded, "level=ERROR"},
	} {
		var log bytes.Buffer
		e := newSite(t, broken{err: fmt.Errorf("reading: %w", c.cause)}, &scim.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequest("GET", "/Users/1", nil).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer secret")
		e.h.ServeHTTP(httptest.NewRecorder(), r)
		if !strings.Contains(log.String(), c.level) {
			t.Errorf("%s: want %s in the log:\n%s", c.name, c.level, log.String())
		}
	}
}
