package elimity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	scim "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"

	usher "github.com/usherkit/scim"
	"github.com/usherkit/scim/elimity"
	"github.com/usherkit/scim/memstore"
)

// The same body is posted to elimity-com/scim with a schema, and to a Handler
// that is strict with that schema converted. Whether a body is valid, and what
// is stored of it, must not depend on which of them reads it.

const kindsURI = "urn:example:params:scim:schemas:extension:kinds:2.0:User"

// kinds has an attribute of each kind.
var kinds = schema.Schema{ID: kindsURI, Attributes: schema.Attributes{
	schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "text"})),
	schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "texts", MultiValued: true, CaseExact: true})),
	schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "needed", Required: true})),
	schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "fixed", Mutability: schema.AttributeMutabilityImmutable()})),
	schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "shown", Mutability: schema.AttributeMutabilityReadOnly(), Required: true})),
	schema.SimpleCoreAttribute(schema.SimpleNumberParams(schema.NumberParams{Name: "count", Type: schema.AttributeTypeInteger()})),
	schema.SimpleCoreAttribute(schema.SimpleNumberParams(schema.NumberParams{Name: "ratio", Type: schema.AttributeTypeDecimal()})),
	schema.SimpleCoreAttribute(schema.SimpleBooleanParams(schema.BooleanParams{Name: "flag"})),
	schema.SimpleCoreAttribute(schema.SimpleDateTimeParams(schema.DateTimeParams{Name: "since"})),
	schema.SimpleCoreAttribute(schema.SimpleBinaryParams(schema.BinaryParams{Name: "photo"})),
	schema.SimpleCoreAttribute(schema.SimpleReferenceParams(schema.ReferenceParams{
		Name: "link", ReferenceTypes: []schema.AttributeReferenceType{schema.AttributeReferenceTypeExternal},
	})),
	schema.ComplexCoreAttribute(schema.ComplexParams{Name: "whole", SubAttributes: []schema.SimpleParams{
		schema.SimpleStringParams(schema.StringParams{Name: "part", Required: true}),
		schema.SimpleNumberParams(schema.NumberParams{Name: "size", Type: schema.AttributeTypeInteger()}),
	}}),
	schema.ComplexCoreAttribute(schema.ComplexParams{Name: "wholes", MultiValued: true, SubAttributes: []schema.SimpleParams{
		schema.SimpleStringParams(schema.StringParams{Name: "value", Required: true}),
		schema.SimpleStringParams(schema.StringParams{Name: "type", CanonicalValues: []string{"work", "home"}}),
		schema.SimpleBooleanParams(schema.BooleanParams{Name: "primary"}),
	}}),
}}

// both posts bodies to both.
type both struct {
	theirs, ours http.Handler
	given        scim.ResourceAttributes // to their handler; nil: refused
	stored       usher.Document          // zero: refused
	typ          *usher.ResourceType
	said         string // in our answer
}

type given struct {
	scim.ResourceHandler
	to *both
}

func (g given) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	g.to.given = attributes
	return scim.Resource{ID: "1"}, nil
}

type stored struct {
	usher.Store
	to *both
}

func (s stored) Create(_ context.Context, ref usher.Ref, c usher.Change) (*usher.Updated, error) {
	s.to.stored = c.Document
	ref.ID = "1"
	return &usher.Updated{Resource: &usher.Resource{Ref: ref, Document: c.Document}}, nil
}

func newBoth(t *testing.T) *both {
	t.Helper()
	b := new(both)
	userType := scim.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
		SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}, {Schema: kinds}},
		Handler:          given{to: b},
	}
	theirs, err := scim.NewServer(&scim.ServerArgs{ServiceProviderConfig: &scim.ServiceProviderConfig{}, ResourceTypes: []scim.ResourceType{userType}})
	if err != nil {
		t.Fatal(err)
	}
	if b.typ, err = elimity.ResourceType(userType); err != nil {
		t.Fatal(err)
	}
	b.ours, err = usher.NewHandler(stored{new(memstore.Store), b}, usher.StaticToken("t", usher.Principal{}), &usher.Options{
		Types: []*usher.ResourceType{b.typ}, Strict: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.theirs = theirs
	return b
}

// post posts a body to both, and reports who took it.
func (b *both) post(t *testing.T, body string) (theirs, ours bool) {
	t.Helper()
	b.given, b.stored = nil, usher.Document{}
	for _, h := range []http.Handler{b.theirs, b.ours} {
		r := httptest.NewRequest("POST", "/Users", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "application/scim+json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b.said = w.Body.String()
		if w.Code != 201 && w.Code != 400 {
			t.Errorf("%s\n answered %d %s", body, w.Code, w.Body)
		}
	}
	return b.given != nil, !b.stored.IsZero()
}

// random makes values for schemas.
type random struct{ *rand.Rand }

// value makes a value for an attribute; one time in so many, of another kind.
func (g random) value(a schema.CoreAttribute, wrong int) any {
	if a.MultiValued() {
		list := make([]any, 1+g.IntN(3))
		for i := range list {
			list[i] = g.single(a, i, wrong)
		}
		if g.IntN(wrong) == 0 {
			return g.junk()
		}
		return list
	}
	return g.single(a, 0, wrong)
}

func (g random) junk() any { return []any{true, 7, -0.5, "seven"}[g.IntN(4)] }

func (g random) single(a schema.CoreAttribute, i, wrong int) any {
	if g.IntN(wrong) == 0 {
		if g.IntN(3) == 0 && a.AttributeType() != "complex" {
			return map[string]any{"value": "x"}
		}
		if len(a.CanonicalValues()) > 0 || a.AttributeType() == "boolean" {
			return 7 // junk would do, but for what is in the table below
		}
		return g.junk()
	}
	switch a.AttributeType() {
	case "boolean":
		return a.Name() == "primary" && i == 0 || a.Name() != "primary" && g.IntN(2) == 0
	case "integer":
		return g.IntN(1000) - 500
	case "decimal":
		return float64(g.IntN(1000)) / 8
	case "dateTime":
		return []string{"2024-02-29T23:59:59Z", "2008-01-23T04:56:22.5+02:00"}[g.IntN(2)]
	case "binary":
		return []string{"aGVsbG8=", "aGVsbG8h", "YQ=="}[g.IntN(3)]
	case "reference":
		return fmt.Sprintf("https://example.com/%d", g.IntN(100))
	case "complex":
		return g.object(a.SubAttributes(), i, wrong)
	}
	if values := a.CanonicalValues(); len(values) > 0 && a.AttributeType() == "string" {
		return values[g.IntN(len(values))]
	}
	return fmt.Sprintf("%s-%d", []string{"ä", "Word", `"`, "🦊"}[g.IntN(4)], 10*i+g.IntN(9))
}

func (g random) object(attributes schema.Attributes, i, wrong int) map[string]any {
	out := map[string]any{}
	for _, a := range attributes {
		if a.Name() == "$ref" || a.Name() == "type" && len(a.CanonicalValues()) == 0 {
			continue // is in the table below
		}
		often := 3
		if a.Required() {
			often = 30
		}
		if a.Name() == "value" || a.Name() == "locality" || g.IntN(often) > 0 { // what is empty is in the table below
			name := a.Name()
			if g.IntN(8) == 0 {
				name = strings.ToUpper(name)
			}
			if a.MultiValued() {
				out[name] = g.value(a, wrong)
			} else {
				out[name] = g.single(a, i, wrong)
			}
			if empty, ok := out[name].(map[string]any); ok && len(empty) == 0 {
				delete(out, name) // as above
			}
		}
	}
	return out
}

func TestRandomBodies(t *testing.T) {
	const n = 1500
	b, g := newBoth(t), random{rand.New(rand.NewPCG(7643, 7))}
	accepted, refused := 0, 0
	for range n {
		wrong := []int{1 << 30, 60}[g.IntN(2)]
		body := g.object(schema.CoreUserSchema().Attributes, 0, wrong)
		delete(body, "password")
		delete(body, "PASSWORD")
		delete(body, "ACTIVE")
		body["active"] = true
		body["schemas"] = []string{schema.UserSchema, schema.ExtensionEnterpriseUser().ID, kindsURI}
		for _, s := range []schema.Schema{schema.ExtensionEnterpriseUser(), kinds} {
			if g.IntN(2) == 0 {
				body[s.ID] = g.object(s.Attributes, 0, wrong)
			}
		}
		src, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		theirs, ours := b.post(t, string(src))
		if theirs != ours {
			t.Fatalf("%s\n elimity-com/scim takes it: %v\n converted: %v, %s", src, theirs, ours, b.said)
		}
		if !ours {
			refused++
			continue
		}
		accepted++
		switch want, _, err := b.typ.Encode(b.given); {
		case err != nil:
			t.Fatalf("%s\n what elimity-com/scim makes of it cannot be read: %v", src, err)
		case !b.stored.Equal(want):
			t.Fatalf("%s\n elimity-com/scim %s\n converted        %s", src, want, b.stored)
		}
	}
	if accepted < n/3 || refused < n/5 {
		t.Errorf("both accepted %d bodies and refused %d of %d: the test compares too little", accepted, refused, n)
	}
}

// What the two are known to disagree about. Should a difference go away, its
// line goes too.
func TestDifferences(t *testing.T) {
	b := newBoth(t)
	const (
		head = `{"schemas":["` + usher.UserSchemaURI + `","` + kindsURI + `"],"userName":"a","active":true`
		kind = head + `,"` + kindsURI + `":{"needed":"x",`
	)
	for _, tt := range []struct {
		name, body   string
		theirs, ours bool // taken
		reason       string
	}{
		{"unknown attribute", head + `,"shoeSize":44}`, true, false, "theirs drops it; ours too, but not of a strict client"},
		{"type that may be any", head + `,"roles":[{"value":"x","type":"y"}]}`, true, false, "SCIM 2.0 Interoperability Profile §5.4; ours takes it, but not of a strict client"},
		{"canonical value", head + `,"emails":[{"value":"x","type":"zzz"}]}`, true, false, "theirs publishes canonicalValues and checks none"},
		{"second primary", head + `,"emails":[{"value":"x","primary":true},{"value":"y","primary":true}]}`, true, false, "RFC 7643 §2.4: no more than one"},
		{"one object for many", head + `,"emails":{"value":"x"}}`, true, false, "RFC 7643 §2.4 has an array; ours makes one, but not for a strict client"},
		{"a name twice", head + `,"title":"a","title":"b"}`, true, false, "RFC 7643 §2.1; theirs sees it only in different cases"},
		{"a required attribute that is empty", `{"schemas":["` + usher.UserSchemaURI + `"],"userName":""}`, true, false, "RFC 7643 §2.4: as if it were not there"},
		{"bits after the end of binary", kind + `"photo":"YR=="}}`, true, false, "RFC 4648 §3.5"},
		{"binary for URLs", kind + `"photo":"_-8="}}`, false, true, "RFC 7643 §2.3.6 allows both alphabets of RFC 4648"},
		{"binary without padding", kind + `"photo":"YQ"}}`, false, true, "the same"},
		{"empty with a required part", kind + `"whole":{}}}`, false, true, "RFC 7643 §2.5: as if it were not there"},
		{"empty extension with a required attribute", head + `,"` + kindsURI + `":{}}`, false, true, "the same"},
		{"$ref of no type", `{"schemas":["` + usher.UserSchemaURI + `","` + usher.EnterpriseUserSchemaURI + `"],"userName":"a","` + usher.EnterpriseUserSchemaURI + `":{"manager":{"value":"7","$ref":7}}}`, false, true, "ours writes it, whatever a client says"},
		{"schema in another case", `{"schemas":["` + strings.ToUpper(usher.UserSchemaURI) + `"],"userName":"a"}`, false, true, "RFC 7643 §2.1: names and URIs have no case"},
		{"unknown schema", `{"schemas":["` + usher.UserSchemaURI + `","urn:x"],"userName":"a"}`, true, false, "RFC 7643 §3: ours takes it, but not of a strict client"},
		{"extension that schemas leaves out", `{"schemas":["` + usher.UserSchemaURI + `"],"userName":"a","` + kindsURI + `":{"needed":"x"}}`, true, false, "the same"},
		{"more than one JSON value", head + `} {}`, true, false, "theirs reads the first"},
		{"no text", head + `,"title":"` + "\xff" + `"}`, true, false, "RFC 8259 §8.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if theirs, ours := b.post(t, tt.body); theirs != tt.theirs || ours != tt.ours {
				t.Errorf("%s\n (%s)\n elimity-com/scim takes it: %v, was %v\n converted: %v, want %v, %s",
					tt.body, tt.reason, theirs, tt.theirs, ours, tt.ours, b.said)
			}
		})
	}

	t.Run("extension in another case", func(t *testing.T) { // both take it, and theirs drops it
		theirs, ours := b.post(t, head+`,"`+strings.ToLower(kindsURI)+`":{"needed":"x"}}`)
		_, kept := b.stored.Get(kindsURI)
		if !theirs || !ours || !kept || len(b.given) != 2 {
			t.Errorf("elimity-com/scim takes it: %v, and keeps %v, was userName and active\n converted: %v, and keeps %s", theirs, b.given, ours, b.stored)
		}
	})
}
