package elimity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	scim "github.com/elimity-com/scim"
	elimityerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/google/go-cmp/cmp"

	usher "github.com/usherkit/scim"
	"github.com/usherkit/scim/elimity"
	"github.com/usherkit/scim/scimtest/idp"
)

// handle serves a store over HTTP and returns a function that sends a request.
func handle(t *testing.T, store *elimity.Store) (url string, send func(method, path, body string) (int, string)) {
	t.Helper()
	h, err := usher.NewHandler(store, usher.StaticToken("t", usher.Principal{Tenant: "acme"}), &usher.Options{
		Types: store.Types(), Logger: slog.New(slog.DiscardHandler), BaseURL: "https://app.example.com/scim",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "application/scim+json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
}

// Entra provisions a company into an application on elimity-com/scim, with the
// schemas of that library.
func TestEntra(t *testing.T) {
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag} {
		t.Run(dialect.String(), func(t *testing.T) {
			a := new(app)
			types := a.types(t)
			types[0].Schema, types[1].Schema = schema.CoreUserSchema(), schema.CoreGroupSchema()
			types[0].SchemaExtensions = []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}
			store, err := elimity.NewStore(types...)
			if err != nil {
				t.Fatal(err)
			}
			url, _ := handle(t, store)
			d := idp.Directory{
				Users: []idp.User{
					{ID: "1", UserPrincipalName: "ada@contoso.example", DisplayName: "Ada Lovelace", GivenName: "Ada", Mail: "ada@contoso.example"},
					{ID: "2", UserPrincipalName: "b@contoso.example", DisplayName: "Zoë Müller 🌻", Manager: "1", Department: "R&D", BusinessPhones: []string{"+49 30 1"}},
				},
				Groups: []idp.Group{{ID: "g", DisplayName: "All", Members: []string{"1", "2"}}, {ID: "h", DisplayName: `R&D's "friends"`}},
			}
			for i := range 20 {
				id := fmt.Sprint("u", i)
				d.Users = append(d.Users, idp.User{ID: id, UserPrincipalName: id + "@contoso.example", DisplayName: "User " + id, Manager: "2"})
				d.Groups[0].Members = append(d.Groups[0].Members, id)
			}
			ctx := t.Context()
			entra, err := idp.NewEntra(url, "t", &idp.Options{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			for _, happens := range []func(){
				func() {},
				func() {},
				func() {
					d.User("2").DisplayName, d.User("2").Department, d.User("1").JobTitle = "Zoë Lindqvist", "", "CTO"
					d.User("u3").Disabled, d.User("u4").Manager = true, ""
					d.Group("h").Members, d.Group("g").DisplayName = []string{"1", "u7"}, "Everybody"
				},
				func() {
					d.User("u3").Disabled = false
					d.Group("g").Members = d.Group("g").Members[3:]
				},
				func() { d.Remove("u7"); d.Remove("g") },
			} {
				happens()
				r, err := entra.Sync(ctx, d)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := entra.Verify(ctx, d); err != nil {
					t.Fatalf("%v\nafter\n%v", err, r)
				}
			}
			entra.Restart(idp.BreakLinks)
			if r, err := entra.Sync(ctx, d); err != nil || r.Writes() > 0 {
				t.Errorf("after a reset of the links everybody must be found again and nothing written: %v\n%v", err, r)
			}
		})
	}
}

// What handlers see of requests.
func TestWhatHandlersSee(t *testing.T) {
	a := new(app)
	_, send := handle(t, newStore(t, a))
	want := func(calls ...string) {
		t.Helper()
		a.mu.Lock()
		defer a.mu.Unlock()
		if diff := cmp.Diff(calls, a.calls); diff != "" {
			t.Errorf("calls of handlers (-want +got):\n%s", diff)
		}
		a.calls = nil
	}
	ok := func(code int, body string) {
		t.Helper()
		if code > 299 {
			t.Errorf("answered %d %s", code, body)
		}
	}
	ok(send("POST", "/Users", `{"userName":"ada","active":"True","emails":[{"value":"a@x","type":"work"}],"shoeSize":4,
		"urn:example:storetest:2.0:User:level":3,"urn:example:storetest:2.0:User":{"score":1,"tags":["x"]},"meta":{"version":"7"},"groups":[{"value":"7"}]}`))
	want("Create /Users")
	stored := a.tenants["acme"]["Users"].byID["000001"].attributes
	if diff := cmp.Diff(scim.ResourceAttributes{
		"userName": "ada", "active": true, "emails": []any{map[string]any{"value": "a@x", "type": "work"}},
		"urn:example:storetest:2.0:User": map[string]any{"score": float64(1), "tags": []any{"x"}},
	}, stored); diff != "" {
		t.Errorf("what Create is given (-want +got):\n%s", diff)
	}

	ok(send("PATCH", "/Users/000001", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"Add","path":"emails[type eq \"home\"].value","value":"b@x"},
		{"op":"Replace","value":{"name.givenName":"Ada","urn:example:storetest:2.0:User:level":9007199254740993}}]}`))
	want("Get /Users/000001", "Get /Users/000001", "Replace /Users/000001", "GetAll /Groups")
	stored = a.tenants["acme"]["Users"].byID["000001"].attributes
	if diff := cmp.Diff(scim.ResourceAttributes{
		"userName": "ada", "active": true, "name": map[string]any{"givenName": "Ada"},
		"emails":                         []any{map[string]any{"value": "a@x", "type": "work"}, map[string]any{"value": "b@x", "type": "home"}},
		"urn:example:storetest:2.0:User": map[string]any{"level": int64(9007199254740993), "score": float64(1), "tags": []any{"x"}},
	}, stored); diff != "" {
		t.Errorf("what Replace is given (-want +got):\n%s", diff)
	}

	ok(send("PATCH", "/Users/000001?attributes=userName", `{"Operations":[{"op":"replace","path":"active","value":"True"}]}`))
	want("Get /Users/000001") // nothing changes, so nothing is replaced

	ok(send("POST", "/Groups", `{"displayName":"Readers","members":[{"value":"000001","display":"Ada","$ref":"https://elsewhere"}]}`))
	want("Get /Users/000001", "Create /Groups")
	stored = a.tenants["acme"]["Groups"].byID["000002"].attributes
	if diff := cmp.Diff([]any{map[string]any{"value": "000001", "type": "User"}}, stored["members"]); diff != "" {
		t.Errorf("the members Create is given (-want +got):\n%s", diff)
	}

	ok(send("GET", `/Users?filter=userName+eq+"ADA"&attributes=userName`, ""))
	want("GetAll /Users")
	ok(send("GET", `/Users?startIndex=5&count=3&attributes=userName`, ""))
	want("GetAll /Users")
}

// What a handler returns that it should not.
func TestRecords(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 5, 6_700_000, time.FixedZone("", 3600))
	for _, tt := range []struct {
		name, reason string
		has          scim.Resource
		want         string // the document; empty: it cannot be read
	}{
		{"typed values", "any Go value goes through JSON", scim.Resource{Attributes: scim.ResourceAttributes{
			"userName": "a", "emails": []map[string]string{{"value": "x"}}, "name": struct {
				GivenName string `json:"givenName"`
			}{"Ada"},
			"urn:example:storetest:2.0:User": scim.ResourceAttributes{"since": moment, "level": uint8(3)},
		}}, `{"userName":"a","name":{"givenName":"Ada"},"emails":[{"value":"x"}],"urn:example:storetest:2.0:User":{"level":3,"since":"2026-01-02T02:04:05.0067Z"}}`},
		{"externalId of its own", "Resource.ExternalID wins", scim.Resource{
			ExternalID: optional.NewString("7"), Attributes: scim.ResourceAttributes{"userName": "a", "externalID": "8"},
		}, `{"externalId":"7","userName":"a"}`},
		{"names in any case", "RFC 7643 §2.1", scim.Resource{Attributes: scim.ResourceAttributes{"USERNAME": "a", "Active": true}}, `{"userName":"a","active":true}`},
		{"full names", "a handler that stores PATCH as it comes has them", scim.Resource{Attributes: scim.ResourceAttributes{
			"userName": "a", "urn:example:storetest:2.0:User:level": 3, "URN:example:storetest:2.0:User": map[string]any{"badge": "B"},
		}}, `{"userName":"a","urn:example:storetest:2.0:User":{"level":3,"badge":"B"}}`},
		{"what the schema does not have", "is not shown", scim.Resource{Attributes: scim.ResourceAttributes{"userName": "a", "shoeSize": 44, "id": "8", "meta": 7}}, `{"userName":"a"}`},
		{"nothing that is required", "it was stored before it was", scim.Resource{Attributes: scim.ResourceAttributes{"title": "x"}}, `{"title":"x"}`},
		{"a value of another type", "must not be lost by the next Replace", scim.Resource{Attributes: scim.ResourceAttributes{"userName": "a", "name": 7}}, ""},
		{"what JSON has not", "no such value can be shown", scim.Resource{Attributes: scim.ResourceAttributes{"userName": "a", "title": make(chan int)}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &fixed{resource: tt.has}
			h.resource.ID, h.resource.Meta.Created = "1", &moment
			types := new(app).types(t)
			types[0].Handler = h
			store, err := elimity.NewStore(types...)
			if err != nil {
				t.Fatal(err)
			}
			r, err := store.Get(t.Context(), usher.Ref{Type: "User", ID: "1"}, usher.Projection{})
			if tt.want == "" {
				var e *usher.Error
				if err == nil || errors.As(err, &e) || errors.Is(err, usher.ErrInvalidValue) {
					t.Errorf("got %v, want an error that is not the client's (%s)", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Document.String(); got != tt.want {
				t.Errorf("%s:\n got %s\nwant %s", tt.reason, got, tt.want)
			}
			if !r.Created.Equal(moment.Truncate(time.Millisecond)) || !r.LastModified.Equal(r.Created) {
				t.Errorf("got times %v and %v, want %v to the millisecond", r.Created, r.LastModified, moment)
			}
		})
	}
}

// fixed is a handler with one resource, or an error.
type fixed struct {
	resource scim.Resource
	err      error
	replaced scim.ResourceAttributes
	request  *http.Request
}

func (f *fixed) Create(r *http.Request, a scim.ResourceAttributes) (scim.Resource, error) {
	f.request, f.replaced = r, a
	return f.resource, f.err
}

func (f *fixed) Get(r *http.Request, _ string) (scim.Resource, error) {
	f.request = r
	return f.resource, f.err
}

func (f *fixed) GetAll(r *http.Request, _ scim.ListRequestParams) (scim.Page, error) {
	f.request = r
	return scim.Page{TotalResults: 1, Resources: []scim.Resource{f.resource}}, f.err
}

func (f *fixed) Replace(r *http.Request, _ string, a scim.ResourceAttributes) (scim.Resource, error) {
	f.request, f.replaced = r, a
	return f.resource, f.err
}
func (f *fixed) Delete(r *http.Request, _ string) error { f.request = r; return f.err }
func (f *fixed) Patch(*http.Request, string, []scim.PatchOperation) (scim.Resource, error) {
	return scim.Resource{}, errors.New("is not called")
}

// A member of which the handler keeps no more than the id has a type all the
// same, and what it keeps besides comes back to it.
func TestMembersAsKept(t *testing.T) {
	for _, tt := range []struct {
		name    string
		members any
		want    []usher.Member
		kept    []any // by an Update that adds nobody and renames the group
	}{
		{"type", []any{map[string]any{"value": "u", "type": "user", "added": "2020"}}, []usher.Member{{ID: "u", Type: "User"}}, []any{map[string]any{"value": "u", "type": "user", "added": "2020"}}},
		{"$ref", []map[string]string{{"value": "u", "$ref": "https://x/v2/Groups/u"}}, []usher.Member{{ID: "u", Type: "Group"}}, []any{map[string]any{"value": "u", "$ref": "https://x/v2/Groups/u"}}},
		{"nothing", []string{"000001", "000001", "000002", ""}, []usher.Member{{ID: "000001", Type: "User"}, {ID: "000002", Type: "Group"}}, []any{map[string]any{"value": "000001"}, map[string]any{"value": "000002"}}},
		{"no list", map[string]any{"value": "000001"}, []usher.Member{{ID: "000001", Type: "User"}}, []any{map[string]any{"value": "000001"}}},
		{"nobody there", []string{"gone"}, []usher.Member{{ID: "gone", Type: "User"}}, []any{map[string]any{"value": "gone"}}},
		{"null", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := new(app)
			store, ctx := newStore(t, a), t.Context()
			users, groups := store.Types()[0], store.Types()[1]
			create := func(rt *usher.ResourceType, v any) usher.Ref {
				d, keys, err := rt.Encode(v)
				if err != nil {
					t.Fatal(err)
				}
				u, err := store.Create(ctx, usher.Ref{Type: rt.Name()}, usher.Change{Document: d, Keys: keys})
				if err != nil {
					t.Fatal(err)
				}
				return u.Resource.Ref
			}
			create(users, usher.User{UserName: "ada"})
			create(groups, usher.Group{DisplayName: "Inner"})
			group := create(groups, usher.Group{DisplayName: "Readers"})
			w := a.tenants[""]["Groups"].byID[group.ID]
			w.attributes["members"] = tt.members

			r, err := store.Get(ctx, group, usher.Projection{Members: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []usher.Member
			for m, err := range r.Members.All() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Members: got %v, want %v", got, tt.want)
			}
			d, _, _ := groups.Encode(usher.Group{DisplayName: "Writers"})
			if _, err := store.Update(ctx, group, usher.Change{Document: d}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.kept, list(w.attributes["members"])); diff != "" {
				t.Errorf("members given to Replace (-want +got):\n%s", diff)
			}
		})
	}
}

// What the schemas lack and the handler returns is given back to it, where it
// was; but not in what the client removed.
func TestUnknownSurvives(t *testing.T) {
	const ext = usher.EnterpriseUserSchemaURI
	for _, tt := range []struct {
		name, patch string
		want        string // what Replace is given, but for userName and active
	}{
		{"something else changes", `{"op":"replace","path":"title","value":"T"}`, `{"PASSWORD":"hash","kept":{"deep":[1]},"name":{"familyName":"L","pet":"Rex"},"title":"T","` + ext + `":{"badge":7,"department":"D"},"urn:x:1:Y":{"z":true}}`},
		{"they are all there was", `{"op":"replace","path":"title","value":"T"}`, `{"PASSWORD":"hash","kept":{"deep":[1]},"name":{"pet":"Rex"},"title":"T","` + ext + `":{"badge":7},"urn:x:1:Y":{"z":true}}`},
		{
			"what they are in changes", `{"op":"replace","path":"name.familyName","value":"K"},{"op":"replace","path":"` + ext + `:department","value":"E"}`,
			`{"PASSWORD":"hash","kept":{"deep":[1]},"name":{"familyName":"K","pet":"Rex"},"` + ext + `":{"badge":7,"department":"E"},"urn:x:1:Y":{"z":true}}`,
		},
		{"what they are in is removed", `{"op":"remove","path":"name"},{"op":"remove","path":"` + ext + `:department"}`, `{"PASSWORD":"hash","kept":{"deep":[1]},"urn:x:1:Y":{"z":true}}`},
	} {
		a := new(app)
		_, send := handle(t, newStore(t, a))
		if code, body := send("POST", "/Users", `{"userName":"ada","name":{"familyName":"L"},"`+ext+`":{"department":"D"}}`); code != 201 {
			t.Fatalf("got %d %s", code, body)
		}
		w := a.tenants["acme"]["Users"].byID["000001"]
		if tt.name == "they are all there was" {
			w.attributes["name"], w.attributes[ext] = map[string]any{}, map[string]any{}
		}
		w.attributes["kept"] = map[string]any{"deep": []any{1}}
		w.attributes["PASSWORD"] = "hash"
		w.attributes["urn:x:1:Y"] = map[string]any{"z": true}
		w.attributes["schemas"] = []any{"stale"}
		w.attributes["name"].(map[string]any)["pet"] = "Rex"
		w.attributes[ext].(map[string]any)["badge"] = 7
		if code, body := send("PATCH", "/Users/000001", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+tt.patch+`]}`); code != 200 || strings.Contains(body, "hash") || strings.Contains(body, "Rex") {
			t.Fatalf("%s: got %d %s, want 200 and nothing that the schemas lack", tt.name, code, body)
		}
		got := maps.Clone(w.attributes)
		delete(got, "userName")
		delete(got, "active")
		if src, err := json.Marshal(got); err != nil || string(src) != tt.want {
			t.Errorf("%s: the handler has\n%s, want\n%s", tt.name, src, tt.want)
		}
	}
}

// A handler's read-only values survive what clients write, and are not handed
// back to it.
func TestReadOnly(t *testing.T) {
	const uri = "urn:example:logins:2.0:User"
	readOnly := schema.AttributeMutabilityReadOnly()
	logins := schema.Schema{ID: uri, Attributes: schema.Attributes{
		schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "last", Mutability: readOnly, Required: true})),
		schema.ComplexCoreAttribute(schema.ComplexParams{Name: "device", SubAttributes: []schema.SimpleParams{
			schema.SimpleStringParams(schema.StringParams{Name: "serial", Mutability: readOnly}),
			schema.SimpleStringParams(schema.StringParams{Name: "name"}),
		}}),
	}}
	const has = `"urn:example:logins:2.0:User":{"last":"today","device":{"serial":"7","name":"phone"}}`
	for _, tt := range []struct{ method, body string }{
		{"PATCH", `{"Operations":[{"op":"add","path":"title","value":"x"}]}`},
		{"PUT", `{"userName":"a","title":"x","` + uri + `":{"last":"never","device":{"serial":"8","name":"phone"}}}`},
	} {
		h := &kept{fixed{resource: scim.Resource{ID: "1", Attributes: scim.ResourceAttributes{
			"userName": "a", uri: map[string]any{"last": "today", "device": map[string]any{"serial": "7", "name": "phone"}},
		}}}}
		types := new(app).types(t)
		types[0].Handler = h
		types[0].SchemaExtensions = append(types[0].SchemaExtensions, scim.SchemaExtension{Schema: logins})
		store, err := elimity.NewStore(types...)
		if err != nil {
			t.Fatal(err)
		}
		_, send := handle(t, store)
		if code, body := send(tt.method, "/Users/1", tt.body); code != 200 || !strings.Contains(body, has) {
			t.Errorf("%s: got %d %s, want 200 and %s", tt.method, code, body, has)
		}
		delete(h.replaced, "active")
		want := scim.ResourceAttributes{"userName": "a", "title": "x", uri: map[string]any{"device": map[string]any{"name": "phone"}}}
		if diff := cmp.Diff(want, h.replaced); diff != "" {
			t.Errorf("%s: what Replace is given (-want +got):\n%s", tt.method, diff)
		}
	}
}

// kept is a handler that shows what it had after each Replace.
type kept struct{ fixed }

func (k *kept) Replace(_ *http.Request, _ string, a scim.ResourceAttributes) (scim.Resource, error) {
	k.replaced = a
	return k.resource, nil
}

// The groups that a handler returns of a user are those it shows, but for those
// it is in by way of another one.
func TestGroupsAsReturned(t *testing.T) {
	h := &fixed{resource: scim.Resource{ID: "1", Attributes: scim.ResourceAttributes{"userName": "a", "groups": []map[string]string{
		{"value": "g", "display": "Direct", "type": "direct"}, {"value": "h", "display": "Outer", "type": "indirect"}, {"value": "i"},
	}}}}
	types := new(app).types(t)
	types[0].Handler, types[1].Handler = h, &fixed{err: errors.New("groups are not read")}
	store, err := elimity.NewStore(types...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Get(t.Context(), usher.Ref{Type: "User", ID: "1"}, usher.Projection{Groups: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []usher.Member
	for m, err := range r.Groups.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	want := []usher.Member{{ID: "g", Type: "Group", Display: "Direct"}, {ID: "i", Type: "Group"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Groups (-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	scimError := func(status int, typ elimityerrors.ScimType) elimityerrors.ScimError {
		return elimityerrors.ScimError{Status: status, ScimType: typ, Detail: "for the client"}
	}
	pointer := scimError(409, elimityerrors.ScimTypeUniqueness)
	for _, tt := range []struct {
		err    error
		status int
		body   string // part of it
	}{
		{elimityerrors.ScimErrorResourceNotFound("1"), 404, "Resource 1 not found."},
		{fmt.Errorf("wrapped: %w", elimityerrors.ScimErrorUniqueness), 409, `"scimType":"uniqueness"`},
		{&pointer, 409, `"scimType":"uniqueness"`},
		{scimError(400, elimityerrors.ScimTypeMutability), 400, `"scimType":"mutability"`},
		{scimError(400, ""), 400, "for the client"},
		{scimError(403, ""), 403, "for the client"},
		{scimError(409, ""), 409, "for the client"},
		{scimError(429, ""), 429, "for the client"},
		{scimError(503, ""), 503, "for the client"},
		{usher.Errorf(usher.ErrForbidden, "ours"), 403, "ours"},
		{elimityerrors.ScimErrorInternal, 500, ""},
		{scimError(418, ""), 500, ""},
		{errors.New("secret"), 500, ""},
	} {
		types := new(app).types(t)
		types[0].Handler = &fixed{err: tt.err}
		store, err := elimity.NewStore(types...)
		if err != nil {
			t.Fatal(err)
		}
		_, send := handle(t, store)
		for _, r := range [][3]string{{"GET", "/Users/1", ""}, {"POST", "/Users", `{"userName":"a"}`}, {"DELETE", "/Users/1", ""}, {"GET", "/Users", ""}} {
			code, body := send(r[0], r[1], r[2])
			if code != tt.status || !strings.Contains(body, tt.body) || strings.Contains(body, "secret") {
				t.Errorf("%s %s where the handler reports %v: got %d %s, want %d with %q", r[0], r[1], tt.err, code, body, tt.status, tt.body)
			}
		}
	}
}

type key struct{}

// Handlers get a request with the client's context and tenant.
func TestRequests(t *testing.T) {
	h := &fixed{resource: scim.Resource{ID: "a b", Attributes: scim.ResourceAttributes{"userName": "a"}}}
	types := new(app).types(t)
	types[0].Handler = h
	store, err := elimity.NewStore(types...)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), key{}, "value")
	if _, err := store.Get(ctx, usher.Ref{Tenant: "acme", Type: "User", ID: "a b"}, usher.Projection{}); err != nil {
		t.Fatal(err)
	}
	r := h.request
	if elimity.Tenant(r) != "acme" || r.PathValue("tenant") != "acme" || r.Context().Value(key{}) != "value" ||
		r.Method != "GET" || r.URL.Path != "/Users/a b" || r.RequestURI != "/Users/a%20b" || r.URL.Query().Get("x") != "" {
		t.Errorf("got %v of tenant %q", r, elimity.Tenant(r))
	}
	if got := elimity.Tenant(httptest.NewRequest("GET", "/", nil)); got != "" {
		t.Errorf("Tenant of any request: got %q, want none", got)
	}
	for _, id := range []string{"", "\x00", "\xff", "a\nb"} {
		h.request = nil
		if err := store.Delete(ctx, usher.Ref{Type: "User", ID: id}, ""); !errors.Is(err, usher.ErrNotFound) || h.request != nil {
			t.Errorf("Delete of %q: got %v and a request %v, want ErrNotFound and none", id, err, h.request)
		}
	}
}

// A walk over pages is whole, or it says that it is not.
func TestWalks(t *testing.T) {
	a := new(app)
	store := newStore(t, a)
	store.PageSize = 3
	ctx := t.Context()
	for i := range 10 {
		d, keys, err := store.Types()[0].Encode(usher.User{UserName: fmt.Sprint("u", i), Title: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(ctx, usher.Ref{Type: "User"}, usher.Change{Document: d, Keys: keys}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := store.Types()[0].ParseFilter(`title co "x"`)
	if err != nil {
		t.Fatal(err)
	}
	find := func() (int, error) {
		page, err := store.List(ctx, usher.Query{Type: "User", Filter: f, Limit: 100})
		if err != nil {
			return 0, err
		}
		return len(page.Resources), nil
	}
	if n, err := find(); n != 10 || err != nil {
		t.Errorf("pages of 3: got %d users, %v, want 10", n, err)
	}
	a.shuffled = true
	if n, err := find(); err == nil || !strings.Contains(err.Error(), "order that stays the same") {
		t.Errorf("pages in no order: got %d users, %v, want an error that says so", n, err)
	}
	a.shuffled = false

	// A user that was seen goes while the walk is on: nobody is passed over.
	types := a.types(t)
	types[0].Handler = &leaving{table: table{a, "Users", "userName"}}
	if store, err = elimity.NewStore(types...); err != nil {
		t.Fatal(err)
	}
	store.PageSize = 3
	page, err := store.List(ctx, usher.Query{Type: "User", Filter: f, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range page.Resources {
		names = append(names, r.User().UserName)
	}
	if got := strings.Join(names, " "); got != "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9" {
		t.Errorf("a walk while u0 goes: got %s, want the others, and u0 as it was seen", got)
	}
}

// leaving deletes its first resource after the first page.
type leaving struct {
	table
	pages int
}

func (l *leaving) GetAll(r *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	if l.pages++; l.pages == 2 {
		if err := l.Delete(r, "000001"); err != nil {
			return scim.Page{}, err
		}
	}
	return l.table.GetAll(r, p)
}

// What is left to GetAll of a filter, and what is not.
func TestNarrowing(t *testing.T) {
	for _, tt := range []struct{ filter, want string }{
		{`userName eq "a\"b\\"`, `userName eq a"b\`},
		{`title co "x" and displayName eq "D"`, `displayName eq D`},
		{`externalId eq "7"`, `externalId eq 7`},
		{`emails[type eq "work"].value eq "x"`, ""},
		{`emails.value eq "x"`, ""},
		{`name.givenName eq "x"`, ""},
		{`active eq true`, ""},
		{`userName sw "a"`, ""},
		{`not (userName eq "a")`, ""},
		{`userName eq "a" or title pr`, ""},
		{usher.EnterpriseUserSchemaURI + `:department eq "x"`, ""},
		{`meta.resourceType eq "User"`, ""},
	} {
		h := &asked{}
		types := new(app).types(t)
		types[0].Handler = h
		store, err := elimity.NewStore(types...)
		if err != nil {
			t.Fatal(err)
		}
		f, err := store.Types()[0].ParseFilter(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, store.NoFilter = range []bool{false, true} {
			if _, err := store.List(t.Context(), usher.Query{Type: "User", Filter: f, Limit: 1}); err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if store.NoFilter {
				want = ""
			}
			if h.filter != want {
				t.Errorf("%s: GetAll is asked for %q, want %q", tt.filter, h.filter, want)
			}
		}
	}
}

// asked remembers the filter it is asked for.
type asked struct {
	fixed
	filter string
}

func (a *asked) GetAll(_ *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	a.filter = ""
	if p.FilterValidator != nil {
		if err := p.FilterValidator.Validate(); err != nil {
			return scim.Page{}, err
		}
		e := p.FilterValidator.GetFilter()
		v := reflect.ValueOf(e).Elem()
		a.filter = fmt.Sprintf("%v %v %v", v.FieldByName("AttributePath"), v.FieldByName("Operator"), v.FieldByName("CompareValue"))
	}
	return scim.Page{}, nil
}

// Cursors lead through all, whatever the handler's order: in that of creation,
// or, where no times are known, in that of the ids.
func TestCursors(t *testing.T) {
	for name, habits := range map[string]habits{
		"careful": {}, "newest first": {newestFirst: true}, "newest first, without times": {newestFirst: true, noMeta: true},
	} {
		_, send := handle(t, newStore(t, &app{habits: habits}))
		var want []string
		for i := range 5 {
			want = append(want, fmt.Sprint("u", i))
			send("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
		}
		var got []string
		cursor := ""
		for range 3 {
			code, body := send("GET", "/Users?count=2&cursor="+cursor, "")
			var page struct {
				NextCursor string
				Resources  []struct{ UserName string }
			}
			if err := json.Unmarshal([]byte(body), &page); err != nil || code != 200 {
				t.Fatalf("%s: after %v: got %d %s, want 200", name, got, code, body)
			}
			for _, r := range page.Resources {
				got = append(got, r.UserName)
			}
			cursor = page.NextCursor
		}
		if !slices.Equal(got, want) || cursor != "" {
			t.Errorf("%s: got %v and then the cursor %q, want %v and none", name, got, cursor, want)
		}
	}
}

func TestNewStore(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func([]scim.ResourceType)
	}{
		{"no handler", "has no Handler", func(types []scim.ResourceType) { types[0].Handler = nil }},
		{"two of a name", "two resource types", func(types []scim.ResourceType) { types[1].Name = "User" }},
		{"an endpoint of two segments", "one path segment", func(types []scim.ResourceType) { types[1].Endpoint = "/a/b" }},
		{"no active", "active", func(types []scim.ResourceType) {
			types[0].Schema.Attributes = slices.DeleteFunc(slices.Clone(types[0].Schema.Attributes), func(a schema.CoreAttribute) bool { return a.Name() == "active" })
		}},
	} {
		types := new(app).types(t)
		tt.change(types)
		if _, err := elimity.NewStore(types...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// Their schemas converted are ours, but for what the two chose differently.
func TestSchema(t *testing.T) {
	for _, s := range []*usher.Schema{usher.UserSchema(), usher.EnterpriseUserSchema(), usher.GroupSchema()} {
		spell(s.Attributes)
		if diff := cmp.Diff(s, elimity.Schema(theirs(t, s)), cmp.Transformer("defaults", plain)); diff != "" {
			t.Errorf("%s, there and back (-want +got):\n%s", s.ID, diff)
		}
	}
	group, err := elimity.ResourceType(scim.ResourceType{Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema()})
	if err != nil {
		t.Fatal(err)
	}
	if def := group.Definition(); def.Members != "members" || def.Endpoint != "Groups" {
		t.Errorf("got members %q at %q, want members at Groups", def.Members, def.Endpoint)
	}
	user, err := elimity.ResourceType(scim.ResourceType{Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema()})
	if err != nil {
		t.Fatal(err)
	}
	if def := user.Definition(); def.Schema.Attribute("password") != nil || def.Groups != "groups" {
		t.Errorf("got password %v and groups %q, want none and groups", def.Schema.Attribute("password"), def.Groups)
	}
	if schema.CoreUserSchema().Attributes[0].Name() != "userName" {
		t.Error("their schema was changed")
	}
}

// plain writes an attribute as a map without what is the default.
func plain(a usher.Attribute) map[string]any {
	m := map[string]any{}
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && f.Kind() != reflect.Slice || f.Kind() == reflect.Slice && f.Len() > 0 {
			m[v.Type().Field(i).Name] = f.Interface()
		}
	}
	maps.DeleteFunc(m, func(_ string, v any) bool {
		return v == usher.ReadWrite || v == usher.ReturnedDefault || v == usher.UniqueNone
	})
	return m
}
