package scim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

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

// broken is a Store whose calls fail, in a way no client may read of, or panic.
type broken struct {
	err error // nil: panic
}

func (s broken) fail() error {
	if s.err == nil {
		panic("password=hunter2")
	}
	return s.err
}

func (s broken) Create(context.Context, scim.Ref, scim.Change) (*scim.Updated, error) {
	return nil, s.fail()
}

func (s broken) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	return nil, s.fail()
}

func (s broken) List(context.Context, scim.Query) (*scim.Page, error) { return nil, s.fail() }

func (s broken) Update(context.Context, scim.Ref, scim.Change) (*scim.Updated, error) {
	return nil, s.fail()
}

func (s broken) Delete(context.Context, scim.Ref, string) error { return s.fail() }

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
