package scim_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// manners is one endpoint with a strict and a tolerated client of one tenant.
type manners struct {
	t *testing.T
	h *scim.Handler
}

func newManners(t *testing.T, o scim.Options) manners {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	h, err := scim.NewHandler(new(memstore.Store), scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		return scim.Principal{Strict: token == "strict"}, nil
	}), &o)
	if err != nil {
		t.Fatal(err)
	}
	return manners{t, h}
}

func (m manners) ask(strict bool, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	token := "tolerated"
	if strict {
		token = "strict"
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// typed lists the attributes of a schema whose elements have a type.
func (m manners) typed(strict bool, schema string) (names []string) {
	m.t.Helper()
	var s struct {
		Attributes []struct {
			Name          string
			SubAttributes []struct{ Name string }
		}
	}
	code, body := m.ask(strict, "GET", "/Schemas/"+schema, "")
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != 200 {
		m.t.Fatalf("GET %s: got %d %s", schema, code, body)
	}
	for _, a := range s.Attributes {
		if slices.Contains(a.SubAttributes, struct{ Name string }{"type"}) {
			names = append(names, a.Name)
		}
	}
	return names
}

// Two clients of one tenant, and what each may say of types that the schema
// does not list (Interoperability Profile §5.4).
func TestTypesOfElementsForStrictClients(t *testing.T) {
	m := newManners(t, scim.Options{})
	listed := []string{"emails", "phoneNumbers", "ims", "photos", "addresses", "groups"}
	for strict, want := range map[bool][]string{true: listed, false: append(slices.Clone(listed), "entitlements", "roles", "x509Certificates")} {
		got := m.typed(strict, scim.UserSchemaURI)
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("strict %t: elements of %v have a type, want %v", strict, got, want)
		}
		if got := m.typed(strict, scim.GroupSchemaURI); !slices.Equal(got, []string{"members"}) {
			t.Errorf("strict %t: elements of %v have a type, want members", strict, got)
		}
		_, config := m.ask(strict, "GET", "/ServiceProviderConfig", "")
		if got := strings.Contains(config, `"interopProfileConformant":true`); got != strict {
			t.Errorf("strict %t: interopProfileConformant true: %t", strict, got)
		}
	}

	user := func(name, role string) string {
		return `{"schemas":["` + scim.UserSchemaURI + `"],"userName":"` + name + `","roles":[` + role + `]}`
	}
	const free, plain = `{"value":"r","type":"own","primary":true}`, `{"value":"r"}`
	code, body := m.ask(false, "POST", "/Users", user("ann", free))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != 201 || !strings.Contains(body, `"type":"own"`) {
		t.Fatalf("a tolerated client's type: got %d %s", code, body)
	}
	ann := "/Users/" + made.ID
	operation := func(op string) string { return patchHead + "[" + op + "]}" }
	for _, c := range []struct{ name, method, path, body string }{
		{"POST", "POST", "/Users", user("bob", free)},
		{"PUT", "PUT", ann, user("ann", free)},
		{"PATCH of the attribute", "PATCH", ann, operation(`{"op":"add","path":"roles","value":[` + free + `]}`)},
		{"PATCH of the sub-attribute", "PATCH", ann, operation(`{"op":"replace","path":"roles.type","value":"x"}`)},
		{"PATCH of an element", "PATCH", ann, operation(`{"op":"replace","path":"roles[value eq \"r\"]","value":{"type":"x"}}`)},
		{"PATCH of an element's", "PATCH", ann, operation(`{"op":"replace","path":"roles[value eq \"r\"].type","value":"x"}`)},
		{"PATCH by it", "PATCH", ann, operation(`{"op":"replace","path":"roles[type eq \"own\"].value","value":"x"}`)},
		{"a filter", "GET", "/Users?filter=roles.type+eq+%22own%22", ""},
		{"a filter in brackets", "GET", "/Users?filter=roles%5Btype+eq+%22own%22%5D", ""},
	} {
		if code, body := m.ask(true, c.method, c.path, c.body); code != 400 {
			t.Errorf("strict, %s: got %d %s, want 400", c.name, code, body)
		}
	}
	for _, c := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"a type that is listed", "POST", "/Users", `{"schemas":["` + scim.UserSchemaURI + `"],"userName":"eve","emails":[{"value":"e@x.example","type":"work"}]}`, 201},
		{"another attribute of a user with one", "PATCH", ann, operation(`{"op":"replace","path":"title","value":"T"}`), 200},
		{"PATCH of an element's value", "PATCH", ann, operation(`{"op":"replace","path":"roles[value eq \"r\"].display","value":"R"}`), 200},
		{"a filter on a type that is listed", "GET", "/Users?filter=emails%5Btype+eq+%22work%22%5D", "", 200},
	} {
		if code, body := m.ask(true, c.method, c.path, c.body); code != c.want {
			t.Errorf("strict, %s: got %d %s, want %d", c.name, code, body, c.want)
		}
	}
	if _, body := m.ask(false, "GET", ann, ""); !strings.Contains(body, `"type":"own"`) || !strings.Contains(body, `"display":"R"`) {
		t.Errorf("after a strict client's PATCH: %s, want the type as it was", body)
	}
	if code, body := m.ask(true, "PUT", ann, user("ann", plain)); code != 200 {
		t.Errorf("strict, PUT without a type: got %d %s", code, body)
	}
}

// An application's types keep the profile too, unless they insist on a type.
func TestProfileOfTypes(t *testing.T) {
	tagged := func(change func(tags *scim.Attribute)) []*scim.ResourceType {
		tags := scim.Attribute{Name: "tags", Type: scim.TypeComplex, MultiValued: true, SubAttributes: []scim.Attribute{{Name: "value"}, {Name: "type"}}}
		change(&tags)
		return []*scim.ResourceType{must(t)(scim.UserType()), must(t)(scim.NewResourceType(scim.TypeDefinition{
			Name: "Device", Endpoint: "Devices", Schema: &scim.Schema{ID: "urn:example:2.0:Device", Attributes: []scim.Attribute{tags}},
		}))}
	}
	for _, c := range []struct {
		name       string
		change     func(tags *scim.Attribute)
		conformant bool
		typed      bool // for strict clients
	}{
		{"a free type", func(*scim.Attribute) {}, true, false},
		{"types that are listed", func(a *scim.Attribute) { a.SubAttributes[1].CanonicalValues = []string{"x"} }, true, true},
		{"one value", func(a *scim.Attribute) { a.MultiValued = false }, true, true},
		{"a type that is required", func(a *scim.Attribute) { a.SubAttributes[1].Required = true }, false, true},
		{"nothing but a type", func(a *scim.Attribute) { a.SubAttributes = a.SubAttributes[1:] }, false, true},
	} {
		for _, o := range []scim.Options{{Types: tagged(c.change)}, {Types: tagged(c.change), Strict: true}} {
			m := newManners(t, o)
			_, config := m.ask(true, "GET", "/ServiceProviderConfig", "")
			if got := strings.Contains(config, `"interopProfileConformant":true`); got != c.conformant {
				t.Errorf("%s: interopProfileConformant true: %t, want %t", c.name, got, c.conformant)
			}
			if got := len(m.typed(true, "urn:example:2.0:Device")) > 0; got != c.typed {
				t.Errorf("%s: there is a type for strict clients: %t, want %t", c.name, got, c.typed)
			}
		}
	}
}
