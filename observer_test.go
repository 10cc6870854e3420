package scim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// watcher is an Observer that writes down what it is told: the calls of each
// request, indented by what they are within, and what the Report says.
type watcher struct {
	mu    sync.Mutex
	lines []string
	last  scim.Report
}

type depth struct{}

func (o *watcher) write(ctx context.Context, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, _ := ctx.Value(depth{}).(int)
	o.lines = append(o.lines, strings.Repeat("  ", n)+fmt.Sprintf(format, args...))
}

func deeper(ctx context.Context) context.Context {
	n, _ := ctx.Value(depth{}).(int)
	return context.WithValue(ctx, depth{}, n+1)
}

func (o *watcher) BeginRequest(ctx context.Context, r *http.Request) (context.Context, func(*scim.Report)) {
	o.write(ctx, "%s %s", r.Method, r.URL.Path)
	return deeper(ctx), func(v *scim.Report) {
		o.write(ctx, "%s", summary(v))
		o.last = *v
		o.last.Body = slices.Clone(v.Body)
	}
}

func (o *watcher) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	o.write(ctx, "%s", strings.TrimSpace(fmt.Sprint(c.Of, " ", c.Method, " ", c.Type)))
	return deeper(ctx), func(err error) { o.write(ctx, "= %s", scim.Outcome(err)) }
}

// summary is a Report on one line: operation, type, id, status, rules, changes.
func summary(v *scim.Report) string {
	line := fmt.Sprintf("%s %s %s %d", or(string(v.Operation), "-"), or(v.Type, "-"), or(v.ID, "-"), v.Status)
	rules := slices.DeleteFunc(slices.Clone(v.Rules), func(name string) bool { return name == "schemasMissing" }) // as in most bodies of the tests
	if len(rules) > 0 {
		line += fmt.Sprint(" ", rules)
	}
	for _, c := range v.Changes {
		line += "; " + change(c)
	}
	return line
}

func change(c scim.ResourceChange) string {
	line := fmt.Sprintf("%s %s %s %v", c.Op, c.Ref.Type, c.Ref.ID, c.Changed)
	if c.Deactivated {
		line += " deactivated"
	}
	if c.Added+c.Removed > 0 {
		line += fmt.Sprintf(" +%d-%d", c.Added, c.Removed)
	}
	return line
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// take returns what was written since the last time, with names for ids.
func (o *watcher) take(names ...string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.lines
	o.lines = nil
	replace := strings.NewReplacer(names...)
	for i, line := range lines {
		lines[i] = replace.Replace(line)
	}
	return lines
}

// What an Observer is told of requests that are answered in every way there is.
func TestReports(t *testing.T) {
	o := &watcher{}
	e := newSite(t, new(memstore.Store), &scim.Options{
		Observer: o, MaxBody: 1000,
		Me: func(context.Context, scim.Principal) (scim.Ref, error) { return scim.Ref{}, nil },
	})
	ann := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	bob := e.must(201, "POST", "/Users", `{"userName":"bob"}`).id()
	staff := e.must(201, "POST", "/Groups", `{"displayName":"staff","members":[{"value":"`+ann+`"}]}`).id()
	ids := []string{ann, "ANN", bob, "BOB", staff, "STAFF"}
	o.take()
	for _, c := range []struct {
		name, method, target, body string
		want                       string
	}{
		{"get", "GET", "/Users/" + ann, "", "get User ANN 200"},
		{"get without the body", "HEAD", "/Users/" + ann, "", "get User ANN 200"},
		{"list", "GET", "/Users?filter=userName+eq+%22ann%22", "", "list User - 200"},
		{"search", "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":1}`, "search User - 200"},
		{"search of all types", "POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":1}`, "search - - 200"},
		{"list of all types", "GET", "/", "", "search - - 200"},
		{"a schema", "GET", "/Schemas/" + scim.UserSchemaURI, "", "discovery - - 200"},
		{"the configuration", "GET", "/ServiceProviderConfig", "", "discovery - - 200"},

		{"what is there already", "PATCH", "/Users/" + ann, patchBody(`{"op":"replace","path":"userName","value":"ann"}`), "patch User ANN 200"},
		{
			"a patch that needs tolerance", "PATCH", "/Users/" + ann, patchBody(`{"op":"Replace","path":"active","value":"False"}`),
			"patch User ANN 200 [stringBoolean]; update User ANN [active] deactivated",
		},
		{"one of a user who was not active", "PATCH", "/Users/" + ann, patchBody(`{"op":"replace","path":"title","value":"x"}`), "patch User ANN 200; update User ANN [title]"},
		{"replace", "PUT", "/Users/" + ann, `{"userName":"ann","active":true}`, "replace User ANN 200; update User ANN [active title]"},
		{"a member", "PATCH", "/Groups/" + staff, patchBody(`{"op":"add","path":"members","value":[{"value":"` + bob + `"}]}`), "patch Group STAFF 204; update Group STAFF [] +1-0"},
		{"one who is a member already", "PATCH", "/Groups/" + staff, patchBody(`{"op":"add","path":"members","value":[{"value":"` + bob + `"}]}`), "patch Group STAFF 204"},
		{"a group as it is", "PUT", "/Groups/" + staff, `{"displayName":"staff","members":[{"value":"` + ann + `"},{"value":"` + bob + `"}]}`, "replace Group STAFF 200"},
		{"other members and another name", "PUT", "/Groups/" + staff, `{"displayName":"all","members":[]}`, "replace Group STAFF 200; update Group STAFF [displayName] +0-2"},
		{"delete", "DELETE", "/Users/" + bob, "", "delete User BOB 204; delete User BOB []"},
		{"delete what is gone", "DELETE", "/Users/" + bob, "", "delete User BOB 404"},

		{"a name that is taken", "POST", "/Users", `{"userName":"ann"}`, "create User - 409"},
		{"no JSON", "POST", "/Users", `{`, "create User - 400"},
		{"too large", "POST", "/Users", strings.Repeat("x", 1001), "create User - 413"},
		{"a method that there is not", "PUT", "/Users", `{}`, "- User - 405"},
		{"a method nobody knows", "BREW", "/Users/" + ann, "", "- User ANN 405"},
		{"no endpoint", "GET", "/Persons/1", "", "- - - 404"},
		{"nothing below a resource", "GET", "/Users/" + ann + "/name", "", "- - - 404"},
		{"an escaped slash", "GET", "/Users%2F" + ann, "", "- - - 404"},
		{"nobody is me", "GET", "/Me", "", "- - - 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.t = t
			a := e.do(c.method, c.target, c.body)
			lines := o.take(ids...)
			if got := lines[len(lines)-1]; got != c.want {
				t.Errorf("got  %s\nwant %s\n%s", got, c.want, a.body)
			}
			v := o.last
			if v.Status != a.status || v.Principal.Tenant != "acme" && c.target != "/ServiceProviderConfig" {
				t.Errorf("got status %d and principal %+v; answered was %d", v.Status, v.Principal, a.status)
			}
			if detail, _ := a.doc["detail"].(string); v.Detail != detail || (v.Err != nil) != (a.status >= 400) {
				t.Errorf("got detail %q and err %v; answered was %q", v.Detail, v.Err, detail)
			}
			if body := c.method == "POST" || c.method == "PUT" && a.status != 405 || c.method == "PATCH"; a.status != 413 && body != (string(v.Body) == c.body && c.body != "") {
				t.Errorf("got body %q, sent was %q", v.Body, c.body)
			}
			if path, _, _ := strings.Cut(v.Request.URL.Path, "?"); v.Path != strings.Trim(path, "/") {
				t.Errorf("got path %q of %s", v.Path, c.target)
			}
		})
	}
}

// Requests that were refused before anything was looked for are told of as what
// they asked for.
func TestReportsOfRefusedRequests(t *testing.T) {
	for _, c := range []struct {
		name   string
		header []string
		tokens scim.TokenValidator
		want   string
	}{
		{"no token", []string{"Authorization", ""}, nil, "create User - 401"},
		{"another token", []string{"Authorization", "Bearer x"}, nil, "create User - 401"},
		{"too many requests", nil, failing(scim.ErrTooManyRequests), "create User - 429"},
		{"a validator that cannot tell", nil, failing(errors.New("no route to host")), "create User - 500"},
		{"a validator that panics", nil, scim.TokenValidatorFunc(func(context.Context, string) (scim.Principal, error) { panic("x") }), "create User - 500"},
		{"another form of body", []string{"Content-Type", "text/xml"}, nil, "create User - 415"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &watcher{}
			tokens := c.tokens
			if tokens == nil {
				tokens = scim.StaticToken("secret", scim.Principal{Tenant: "acme"})
			}
			h, err := scim.NewHandler(new(memstore.Store), tokens, &scim.Options{Observer: o})
			if err != nil {
				t.Fatal(err)
			}
			a := site{t, h}.do("POST", "/Users", `{"userName":"ann"}`, c.header...)
			lines := o.take()
			if got := lines[len(lines)-1]; got != c.want || !strings.HasSuffix(c.want, fmt.Sprint(a.status)) {
				t.Errorf("got %s\nwant %s\nanswered %d %s", got, c.want, a.status, a.body)
			}
			if o.last.Body != nil || o.last.Err == nil {
				t.Errorf("got body %q, err %v; want none and one", o.last.Body, o.last.Err)
			}
		})
	}
}

func failing(err error) scim.TokenValidator {
	return scim.TokenValidatorFunc(func(context.Context, string) (scim.Principal, error) { return scim.Principal{Tenant: "acme"}, err })
}

// Each call is told of, with those within it, and ended once, also if it panics.
func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name  string
		store scim.Store
		hooks scim.Hooks
		path  string
		body  string
		want  []string
	}{
		{"a Store", new(memstore.Store), nil, "/Users", `{"userName":"ann"}`, []string{
			"POST /Users", "  tokens ValidateToken", "  = ok", "  store Create User", "  = ok", "create User ID 201; create User ID [userName active]",
		}},
		{"a Store that panics", faulty{}, nil, "/Users", `{"userName":"ann"}`, []string{
			"POST /Users", "  tokens ValidateToken", "  = ok", "  store Create User", "  = error", "create User - 500",
		}},
		{"a transaction with hooks", newTransactions(true), &stagingHooks{}, "/Users", `{"userName":"ann"}`, []string{
			"POST /Users", "  tokens ValidateToken", "  = ok", "  hooks Admit User", "  = ok", "  store InTx", "    store Create User", "    = ok", "    hooks OnUserStaged User", "    = ok", "  = ok", "create User ID 201; create User ID [userName active]",
		}},
		{"a transaction that a hook undoes", newTransactions(true), &stagingHooks{}, "/Users", `{"userName":"bad"}`, []string{
			"POST /Users", "  tokens ValidateToken", "  = ok", "  hooks Admit User", "  = ok", "  store InTx", "    store Create User", "    = ok", "    hooks OnUserStaged User", "    = refused", "  = refused", "create User - 403",
		}},
		{"a hook that panics", newTransactions(true), panickingHooks{}, "/Users", `{"userName":"ann"}`, []string{
			"POST /Users", "  tokens ValidateToken", "  = ok", "  hooks Admit User", "  = ok", "  store InTx", "    store Create User", "    = ok", "    hooks OnUserStaged User", "    = error", "  = error", "create User - 500",
		}},
		{"transactions in a transaction", newTransactions(true), &stagingHooks{}, "/Bulk", bulkHead + bulkUser("ann") + "," + bulkUser("bad") + "]}", []string{
			"POST /Bulk", "  tokens ValidateToken", "  = ok", "  store InTx",
			"    hooks Admit User", "    = ok", "    store InTx", "      store Create User", "      = ok", "      hooks OnUserStaged User", "      = ok", "    = ok",
			"    hooks Admit User", "    = ok", "    store InTx", "      store Create User", "      = ok", "      hooks OnUserStaged User", "      = refused", "    = refused",
			"  = ok", "bulk - - 200; create User ID [userName active]",
		}},
		{"a Store without transactions in transactions is no broken one", newTransactions(false), nil, "/Bulk", bulkHead + bulkUser("ann") + "]}", []string{
			"POST /Bulk", "  tokens ValidateToken", "  = ok", "  store InTx", "  = refused", "  store Create User", "  = ok", "bulk - - 200; create User ID [userName active]",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &watcher{}
			e := newSite(t, c.store, &scim.Options{Observer: o, Hooks: c.hooks})
			e.do("POST", c.path, c.body)
			id := o.last.ID
			if len(o.last.Changes) > 0 {
				id = o.last.Changes[0].Ref.ID
			}
			if diff := cmp.Diff(c.want, o.take(or(id, "no id"), "ID")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// faulty is a Store whose calls panic.
type faulty struct{ scim.Store }

func (faulty) Create(context.Context, scim.Ref, scim.Change) (*scim.Updated, error) {
	panic("disk full")
}

type panickingHooks struct{ scim.NoHooks }

func (panickingHooks) OnUserStaged(context.Context, scim.UserEvent) error { panic("no mail server") }

// Answers that do not reach their end.
func TestReportsOfBrokenAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		store scim.Store
		w     http.ResponseWriter
		want  string
		err   string
		abort bool
	}{
		{"the Store fails before anything is sent", unending{n: 3}, httptest.NewRecorder(), "get Group 1 500", "connection lost", false},
		{"the Store fails among the members", unending{n: 50_000}, httptest.NewRecorder(), "get Group 1 500", "connection lost", true},
		{"the client has gone", unending{n: 50_000}, &gone{}, "get Group 1 499", "broken pipe", false},
		{"the application gives up", aborting{}, httptest.NewRecorder(), "get Group 1 0", "abort", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, l := &watcher{}, &limiter{}
			h, err := scim.NewHandler(c.store, l, &scim.Options{Observer: o})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/Groups/1", nil)
			r.Header.Set("Authorization", "Bearer secret")
			func() {
				defer func() {
					if v := recover(); (v == http.ErrAbortHandler) != c.abort {
						t.Errorf("panic %v; want the connection broken: %v", v, c.abort)
					}
				}()
				h.ServeHTTP(c.w, r)
			}()
			lines := o.take()
			if got := lines[len(lines)-1]; got != c.want || o.last.Err == nil || !strings.Contains(o.last.Err.Error(), c.err) {
				t.Errorf("got %s, err %v; want %s, %s", got, o.last.Err, c.want, c.err)
			}
			if l.asked != 1 || l.done != 1 {
				t.Errorf("the Authenticator was asked %d times and told %d times; want once each", l.asked, l.done)
			}
		})
	}
}

// gone is a client that has gone.
type gone struct{ header http.Header }

func (w *gone) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}
func (*gone) WriteHeader(int)           {}
func (*gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

type aborting struct{ scim.Store }

func (aborting) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	panic(http.ErrAbortHandler)
}

// The context that an Observer returns is that of all that is done for a request.
func TestContextsOfAnObserver(t *testing.T) {
	seen := &sightings{}
	h, err := scim.NewHandler(sightedStore{newTransactions(true), seen}, sightedTokens{seen}, &scim.Options{
		Observer: marking("request"), Hooks: sightedHooks{seen: seen},
		Me: func(ctx context.Context, _ scim.Principal) (scim.Ref, error) {
			seen.note("Me", ctx)
			return scim.Ref{}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := site{t, h}
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	e.must(404, "GET", "/Me", "")
	want := []string{
		"Authenticate: request ValidateToken", "Admit: request Admit", "InTx: request InTx", "Create: request InTx Create", "OnUserStaged: request InTx OnUserStaged",
		"Authenticate: request ValidateToken", "Me: request",
	}
	if diff := cmp.Diff(want, seen.lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

type mark struct{}

// marking is an Observer that leaves marks in the contexts.
type marking string

func (m marking) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	return context.WithValue(ctx, mark{}, string(m)), nil
}

func (marking) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	return context.WithValue(ctx, mark{}, fmt.Sprint(ctx.Value(mark{}), " ", c.Method)), nil
}

type sightings struct{ lines []string }

func (s *sightings) note(where string, ctx context.Context) {
	s.lines = append(s.lines, fmt.Sprintf("%s: %v", where, ctx.Value(mark{})))
}

type sightedTokens struct{ seen *sightings }

func (s sightedTokens) ValidateToken(context.Context, string) (scim.Principal, error) {
	return scim.Principal{}, errors.New("Authenticate is asked instead")
}

func (s sightedTokens) Authenticate(r *http.Request, _ string) (scim.Principal, func(), error) {
	s.seen.note("Authenticate", r.Context())
	return scim.Principal{}, nil, nil
}

type sightedHooks struct {
	scim.NoHooks
	seen *sightings
}

func (h sightedHooks) Admit(ctx context.Context, _ scim.Event) error {
	h.seen.note("Admit", ctx)
	return nil
}

func (h sightedHooks) OnUserStaged(ctx context.Context, _ scim.UserEvent) error {
	h.seen.note("OnUserStaged", ctx)
	return nil
}

type sightedStore struct {
	scim.Transactor
	seen *sightings
}

func (s sightedStore) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	s.seen.note("Create", ctx)
	return s.Transactor.Create(ctx, ref, c)
}

func (s sightedStore) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	s.seen.note("InTx", ctx)
	return s.Transactor.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		return fn(ctx, sightedStore{tx.(scim.Transactor), s.seen})
	})
}

// Of several Observers the first one is told first of what begins, and last of
// what ends; those that do not wait for an end are left out.
func TestObservers(t *testing.T) {
	var told []string
	all := scim.Observers(naming{"a", true, &told}, naming{"b", false, &told}, naming{"c", true, &told})
	e := newSite(t, new(memstore.Store), &scim.Options{Observer: all})
	e.must(404, "GET", "/Users/1", "")
	want := []string{"a request", "b request", "c request", "a ValidateToken", "b ValidateToken", "c ValidateToken", "c ok", "a ok", "a Get", "b Get", "c Get", "c not_found", "a not_found", "c 404", "a 404"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	newSite(t, new(memstore.Store), &scim.Options{Observer: scim.Observers()}).must(404, "GET", "/Users/1", "")
}

type naming struct {
	name string
	ends bool
	told *[]string
}

func (o naming) note(what any) { *o.told = append(*o.told, fmt.Sprint(o.name, " ", what)) }

func (o naming) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	o.note("request")
	if !o.ends {
		return ctx, nil
	}
	return ctx, func(v *scim.Report) { o.note(v.Status) }
}

func (o naming) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	o.note(c.Method)
	if !o.ends {
		return ctx, nil
	}
	return ctx, func(err error) { o.note(scim.Outcome(err)) }
}

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "ok"},
		{scim.ErrNotFound, "not_found"},
		{scim.ErrUniqueness, "conflict"},
		{scim.ErrConflict, "conflict"},
		{fmt.Errorf("user 7: %w", scim.ErrVersion), "version"},
		{scim.ErrUnauthorized, "refused"},
		{scim.Errorf(scim.ErrForbidden, "no seat left"), "refused"},
		{scim.ErrTooMany, "refused"},
		{scim.ErrNotImplemented, "refused"},
		{&scim.Error{Kind: scim.ErrTooManyRequests, Err: scim.ErrUnauthorized}, "limited"},
		{scim.ErrUnavailable, "unavailable"},
		{fmt.Errorf("query: %w", context.DeadlineExceeded), "unavailable"},
		{fmt.Errorf("query: %w", context.Canceled), "canceled"},
		{errors.New("connection refused"), "error"},
		{&scim.Error{Detail: "of no kind"}, "error"},
	} {
		if got := scim.Outcome(c.err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.err, got, c.want)
		}
	}
}
