package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patchTypes are what the tests of PATCH work on: users and groups as Entra
// knows them, and a device with what those lack.
type patchTypes struct{ user, group, device *ResourceType }

const (
	entURN    = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	customURI = "urn:example:params:scim:schemas:extension:acme:2.0:User"
	custom    = `"` + customURI + `"`
)

func typesForPatch(t testing.TB) patchTypes {
	t.Helper()
	user, err := UserType(Extension{Schema: &Schema{ID: customURI, Attributes: []Attribute{
		{Name: "badge", Type: TypeInteger},
		{Name: "hired", Type: TypeDateTime},
		{Name: "tags", MultiValued: true},
		{Name: "site", Mutability: Immutable},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := GroupType()
	if err != nil {
		t.Fatal(err)
	}
	device, err := NewResourceType(TypeDefinition{Name: "Device", Endpoint: "Devices", Schema: &Schema{ID: "urn:example:Device", Attributes: []Attribute{
		{Name: "serial", Required: true, Mutability: Immutable},
		{Name: "owner", Type: TypeComplex, SubAttributes: []Attribute{
			{Name: "id", Required: true},
			{Name: "note"},
			{Name: "since", Mutability: Immutable},
			{Name: "shift", Mutability: ReadOnly},
		}},
		{Name: "ports", Type: TypeComplex, MultiValued: true, SubAttributes: []Attribute{
			{Name: "number", Type: TypeInteger, Required: true},
			{Name: "chip", Mutability: Immutable},
			{Name: "labels", MultiValued: true},
			{Name: "state", Mutability: ReadOnly},
		}},
		{Name: "codes", Type: TypeInteger, MultiValued: true},
		{Name: "maker", Type: TypeComplex, Mutability: Immutable, SubAttributes: []Attribute{{Name: "name"}, {Name: "country"}}},
		{Name: "serviced", Type: TypeBoolean},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return patchTypes{user, group, device}
}

// patchBody wraps operations into the body of a request.
func patchBody(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

// A patchCase applies operations to a document.
type patchCase struct {
	name, reason string
	doc          string // before; as in a Document
	ops          []string
	want         string // the document after; "" means unchanged
	err          error  // the kind of error in tolerant mode
	detail       string // part of the error's detail
	strict       error  // the kind of error in strict mode, if it is another
	strictWant   string // the document after in strict mode, if it is another
}

func (c patchCase) run(t *testing.T, typ *ResourceType) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		t.Helper()
		if c.want == "" {
			c.want = c.doc
		}
		c.check(t, typ, nil, c.err, c.want)
		kind, want := c.err, c.want
		if c.strict != nil {
			kind = c.strict
		}
		if c.strictWant != "" {
			kind, want = nil, c.strictWant
		}
		for i, op := range c.ops {
			if o := make(map[string]any); (i == 0 || kind == nil) && json.Unmarshal([]byte(op), &o) == nil && o["path"] == nil && o["Path"] == nil && o["op"] != nil {
				kind = ErrInvalidSyntax
			}
		}
		c.check(t, typ, &dialect{strict: true}, kind, want)
	})
}

func (c patchCase) check(t *testing.T, typ *ResourceType, d *dialect, kind error, want string) {
	t.Helper()
	mode := "tolerant"
	if d != nil {
		mode = "strict"
	}
	got, err := patchDocument(typ, d, c.doc, patchBody(c.ops...))
	switch {
	case !errors.Is(err, kind) || (err == nil) != (kind == nil):
		t.Errorf("%s: got error %v, want %v (%s)", mode, err, kind, c.reason)
	case err != nil && d == nil && !strings.Contains(err.Error(), c.detail):
		t.Errorf("%s: got error %q, want it to say %q (%s)", mode, err, c.detail, c.reason)
	case err == nil && got != want:
		t.Errorf("%s: %s\n got %s\nwant %s", mode, c.reason, got, want)
	}
}

// patchDocument applies a patch to a document and returns the document after.
func patchDocument(typ *ResourceType, d *dialect, doc, body string) (string, error) {
	before, err := ReadDocument(doc)
	if err != nil {
		return "", err
	}
	p, err := typ.parsePatch([]byte(body), patchOptions{decodeOptions: decodeOptions{dialect: d}})
	if err != nil {
		return "", err
	}
	c, err := p.Apply(&Resource{Version: "7", Document: before})
	if err != nil {
		return "", err
	}
	if c.Document.IsZero() {
		if c.Version != "" || c.Keys != nil {
			return "", fmt.Errorf("a change without a document has a version or keys: %+v", c)
		}
		return doc, nil
	}
	if c.Version != "7" {
		return "", fmt.Errorf("the change names version %q, want 7", c.Version)
	}
	again, err := ReadDocument(c.Document.raw)
	again.settle(typ.root)
	if err != nil || !cmp.Equal(again.spans, c.Document.spans, cmp.AllowUnexported(span{})) {
		return "", fmt.Errorf("the spans of %s are wrong: %v", c.Document.raw, err)
	}
	keys := c.Keys
	if keys == nil { // they are said to be what they were
		keys = typ.Keys(before)
	}
	if diff := cmp.Diff(typ.Keys(c.Document), keys); diff != "" {
		return "", fmt.Errorf("the keys are wrong: %s", diff)
	}
	return c.Document.raw, nil
}

func TestPatchAttributes(t *testing.T) {
	typ := typesForPatch(t).user
	for _, c := range []patchCase{
		// RFC 7644 §3.5.2, the envelope of an operation.
		{
			name: "op in any case", reason: "R-229, A-28: Entra's default dialect writes Replace",
			doc: `{"userName":"a"}`, ops: []string{`{"op":"Replace","path":"userName","value":"b"}`, `{"OP":"ADD","Path":"title","VALUE":"x"}`},
			want: `{"userName":"b","title":"x"}`,
		},
		{
			name: "unknown op", reason: "R-229: no move, copy or test", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"move","path":"userName","value":"b"}`}, err: ErrInvalidSyntax, detail: `op must be add, remove or replace, not "move"`,
		},
		{
			name: "no op", reason: "R-229", doc: `{"userName":"a"}`,
			ops: []string{`{"path":"userName","value":"b"}`}, err: ErrInvalidSyntax, detail: "op is missing",
		},
		{
			name: "op that is no string", reason: "R-229", doc: `{"userName":"a"}`,
			ops: []string{`{"op":["add"],"path":"userName","value":"b"}`}, err: ErrInvalidSyntax, detail: "op must be",
		},
		{
			name: "path that is no string", reason: "R-230", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"add","path":1,"value":"b"}`}, err: ErrInvalidSyntax, detail: "path must be a string",
		},
		{
			name: "path null is no path", reason: "R-026: null is unassigned", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"add","path":null,"value":{"title":"x"}}`}, want: `{"userName":"a","title":"x"}`,
		},
		{name: "operation that is no object", reason: "R-228", doc: `{"userName":"a"}`, ops: []string{`"add"`}, err: ErrInvalidSyntax},
		{
			name: "extra members of an operation", reason: "6.2 shape 15: Microsoft's Postman set sends name", doc: `{"userName":"a"}`,
			ops: []string{`{"name":"addMember","op":"add","path":"title","value":"x"}`}, want: `{"userName":"a","title":"x"}`, strict: ErrInvalidSyntax,
		},
		{
			name: "escaped names", reason: "JSON may spell any letter as an escape", doc: `{"userName":"a"}`,
			ops: []string{`{"\u006fp":"\u0061dd","p\u0061th":"titl\u0065","value":"x"}`}, want: `{"userName":"a","title":"x"}`,
		},
		{name: "value missing", reason: "R-245", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"title"}`}, err: ErrInvalidValue, detail: "operation 1 (add title): value is missing"},
		{name: "value missing without path", reason: "R-245", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace"}`}, err: ErrInvalidValue, detail: "operation 1 (replace): value is missing"},
		{name: "no path and no object", reason: "R-246", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":"x"}`}, err: ErrInvalidValue},

		// Simple attributes.
		{
			name: "replace", reason: "R-265, E060", doc: `{"externalId":"e","userName":"a","title":"t"}`, ops: []string{
				`{"op":"Replace","path":"userName","value":"b"}`, `{"op":"Replace","path":"displayName","value":"D"}`,
				`{"op":"Replace","path":"title","value":"u"}`, `{"op":"Replace","path":"externalId","value":"f"}`,
			},
			want: `{"externalId":"f","userName":"b","displayName":"D","title":"u"}`,
		},
		{
			name: "add to absent and present", reason: "R-247, R-248, E063", doc: `{"userName":"a","title":"t"}`, ops: []string{
				`{"op":"Add","path":"nickName","value":"n"}`, `{"op":"Add","path":"title","value":"u"}`,
			},
			want: `{"userName":"a","nickName":"n","title":"u"}`,
		},
		{
			name: "name in another case", reason: "R-002, R-230, probe 19: no second key", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"replace","path":"USERNAME","value":"b"}`}, want: `{"userName":"b"}`,
		},
		{
			name: "core URN", reason: "R-230", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName","value":"b"}`}, want: `{"userName":"a","name":{"familyName":"b"}}`,
		},
		{
			name: "active False", reason: "E065, D COMPAT: Entra's default dialect", doc: `{"userName":"a","active":true}`,
			ops: []string{`{"op":"Replace","path":"active","value":"False"}`}, want: `{"userName":"a","active":false}`, strict: ErrInvalidValue,
		},
		{
			name: "active false in lower case", reason: "E065, scimmy #86", doc: `{"userName":"a","active":true}`,
			ops: []string{`{"op":"Replace","path":"active","value":"false"}`}, want: `{"userName":"a","active":false}`, strict: ErrInvalidValue,
		},
		{
			name: "add active False", reason: "E064, rancher #54025", doc: `{"userName":"a","active":true}`,
			ops: []string{`{"op":"Add","path":"active","value":"False"}`}, want: `{"userName":"a","active":false}`, strict: ErrInvalidValue,
		},
		{
			name: "active true", reason: "E065", doc: `{"userName":"a","active":false}`,
			ops: []string{`{"op":"replace","path":"active","value":true}`}, want: `{"userName":"a","active":true}`,
		},
		{
			name: "active maybe", reason: "E065", doc: `{"userName":"a","active":true}`,
			ops: []string{`{"op":"Replace","path":"active","value":"maybe"}`}, err: ErrInvalidValue, detail: `operation 1 (replace active): expected true or false, got "maybe"`,
		},
		{
			name: "active removed", reason: "absent means true (A-32)", doc: `{"userName":"a","active":false}`,
			ops: []string{`{"op":"remove","path":"active"}`}, want: `{"userName":"a"}`,
		},
		{
			name: "wrapped value", reason: "6.2 shape 13, E088: azure-docs #42220", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"Replace","path":"displayName","value":[{"$ref":null,"value":"User X"}]}`}, want: `{"userName":"a","displayName":"User X"}`, strict: ErrInvalidValue,
		},
		{
			name: "typed values as strings", reason: "6.2 shape 14", doc: `{"userName":"a"}`, ops: []string{
				`{"op":"add","path":"` + customURI + `:badge","value":"5"}`, `{"op":"add","path":"` + customURI + `:hired","value":"2026-01-31T12:00:00+01:00"}`,
			},
			want: `{"userName":"a",` + custom + `:{"badge":5,"hired":"2026-01-31T11:00:00Z"}}`, strict: ErrInvalidValue,
		},
		{name: "wrong type", reason: "R-236", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"userName","value":{"x":1}}`}, err: ErrInvalidValue, detail: "(replace userName): expected a string"},
		{
			name: "same value", reason: "R-252, R-253, E089: no change, no event", doc: `{"userName":"a","title":"t"}`,
			ops: []string{`{"op":"replace","path":"title","value":"t"}`, `{"op":"add","path":"userName","value":"a"}`},
		},
		{name: "another spelling of the same value", reason: "R-244", doc: `{"userName":"é"}`, ops: []string{`{"op":"replace","path":"userName","value":"\u00e9"}`}},

		// Clearing.
		{name: "remove", reason: "R-257, E083", doc: `{"userName":"a","title":"t"}`, ops: []string{`{"op":"Remove","path":"title"}`}, want: `{"userName":"a"}`},
		{name: "remove what is absent", reason: "R-262, A-39, E083", doc: `{"userName":"a"}`, ops: []string{
			`{"op":"remove","path":"title"}`, `{"op":"remove","path":"name.givenName"}`, `{"op":"remove","path":"emails[type eq \"work\"]"}`,
			`{"op":"remove","path":"emails[type eq \"work\"].value"}`, `{"op":"remove","path":` + entURN + `}`,
		}},
		{name: "remove without path", reason: "R-256", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove"}`}, err: ErrNoTarget},
		{name: "remove without path, with a value", reason: "R-256: nothing is guessed", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove","value":{"title":"x"}}`}, err: ErrNoTarget},
		{
			name: "remove with a value", reason: "E082, SCIMReferenceCode PR #87: the value is not set", doc: `{"userName":"a","title":"t"}`,
			ops: []string{`{"op":"Remove","path":"title","value":"old"}`}, want: `{"userName":"a"}`, strict: ErrInvalidValue,
		},
		{name: "remove required", reason: "R-261, E084", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove","path":"userName"}`}, err: ErrMutability, detail: "operation 1 (remove userName): userName is required"},
		{name: "empty required", reason: "R-271, E084", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"userName","value":""}`}, err: ErrInvalidValue, detail: "userName is required"},
		{
			name: "null required", reason: "R-271", doc: `{"userName":"a","title":"t"}`,
			ops: []string{`{"op":"replace","path":"userName","value":null}`, `{"op":"replace","path":"title","value":"u"}`}, err: ErrInvalidValue, detail: "operation 1 (replace userName)",
		},
		{name: "remove, add, replace in a row", reason: "R-232, E090: the validator sends them", doc: `{"userName":"a","title":"t"}`, ops: []string{
			`{"op":"remove","path":"title"}`, `{"op":"add","path":"title","value":"u"}`, `{"op":"replace","path":"title","value":"v"}`,
		}, want: `{"userName":"a","title":"v"}`},
		{
			name: "required removed and set again", reason: "R-243 asks for the final resource", doc: `{"userName":"a"}`,
			ops: []string{`{"op":"remove","path":"userName"}`, `{"op":"add","path":"userName","value":"b"}`}, want: `{"userName":"b"}`,
		},
		{name: "replace with null and []", reason: "R-271", doc: `{"userName":"a","title":"t","emails":[{"value":"x"}],` + entURN + `:{"department":"d"}}`, ops: []string{
			`{"op":"replace","path":"title","value":null}`, `{"op":"replace","path":"emails","value":[]}`, `{"op":"replace","path":` + entURN + `,"value":null}`,
		}, want: `{"userName":"a"}`},
		{name: "add null and []", reason: "A-44: no change", doc: `{"userName":"a","title":"t","name":{"givenName":"g"},"emails":[{"value":"x"}]}`, ops: []string{
			`{"op":"add","path":"title","value":null}`, `{"op":"add","path":"emails","value":[]}`, `{"op":"add","path":"emails","value":null}`,
			`{"op":"add","path":"name","value":null}`, `{"op":"add","path":"emails[value eq \"x\"]","value":null}`,
			`{"op":"add","path":"emails[value eq \"x\"].value","value":null}`, `{"op":"add","value":{"title":null,"name":{"givenName":null}}}`,
		}},
		{
			name: "empty string", reason: "A-51: clears, and is stored for a strict client", doc: `{"userName":"a","title":"t"}`,
			ops: []string{`{"op":"replace","path":"title","value":""}`}, want: `{"userName":"a"}`, strictWant: `{"userName":"a","title":""}`,
		},

		// Unknown and read-only attributes.
		{
			name: "unknown attribute", reason: "A-25, E092, probe 13: one must not fail the rest", doc: `{"userName":"a"}`, ops: []string{
				`{"op":"replace","path":"favouriteColour","value":"red"}`, `{"op":"add","path":"urn:example:other:2.0:User:x","value":1}`,
				`{"op":"replace","path":"name.middle","value":"x"}`, `{"op":"replace","path":"emails[type eq \"work\"].colour","value":"x"}`,
				`{"op":"add","path":"colours[type eq \"a]\\\"\"].value","value":"x"}`, `{"op":"remove","path":"colours"}`,
				`{"op":"add","value":{"colour":1,"a.b.c":1,"$x":1,"name":{"middle":"x","givenName":"g"},"urn:example:other:2.0:User":{"x":1}}}`,
			},
			want: `{"userName":"a","name":{"givenName":"g"}}`, strict: ErrInvalidPath,
		},
		{name: "unknown in a value", reason: "A-25", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":{"colour":"red"}}`}, strict: ErrInvalidSyntax},
		{name: "unknown in the value of a complex attribute", reason: "R-340", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"name","value":{"colour":"red"}}`}, strict: ErrInvalidSyntax},
		{name: "unknown in the value that replaces a complex attribute", reason: "R-340", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"name","value":{"colour":"red"}}`}, strict: ErrInvalidSyntax},
		{name: "unknown in the value of an extension", reason: "R-340", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":` + entURN + `,"value":{"colour":"red"}}`}, strict: ErrInvalidSyntax},
		{name: "unknown in the value of elements", reason: "R-340", doc: `{"userName":"a","emails":[{"value":"x"}]}`, ops: []string{`{"op":"replace","path":"emails[value eq \"x\"]","value":{"colour":"red"}}`}, strict: ErrInvalidSyntax},
		{name: "path to a read-only attribute", reason: "R-237", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"id","value":"x"}`}, err: ErrMutability, detail: "id is read-only"},
		{name: "path into meta", reason: "R-237", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"meta.version","value":"x"}`}, err: ErrMutability, detail: "meta.version is read-only"},
		{name: "path to schemas", reason: "they follow from the data", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"schemas","value":[` + entURN + `]}`}, err: ErrMutability},
		{name: "path to groups", reason: "R-237, probe 14: membership is changed at the group", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"groups","value":[{"value":"g"}]}`}, err: ErrMutability},
		{name: "path to elements of groups", reason: "R-237", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove","path":"groups[value eq \"g\"]"}`}, err: ErrMutability},
		{name: "path to a read-only sub-attribute", reason: "R-237", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":` + entURN[:len(entURN)-1] + `:manager.displayName","value":"x"}`}, err: ErrMutability},
		{
			name: "read-only attributes in a value", reason: "A-45: Okta sends id back", doc: `{"userName":"a"}`,
			ops:  []string{`{"op":"replace","value":{"id":"1","meta":{"version":"x"},"schemas":["x"],"groups":[],"title":"t"}}`},
			want: `{"userName":"a","title":"t"}`, strict: ErrMutability,
		},

		// Paths and filters that are none.
		{name: "double dot", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"name..givenName","value":"x"}`}, err: ErrInvalidPath, detail: "name..givenName"},
		{name: "empty path", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"","value":{"title":"x"}}`}, err: ErrInvalidPath},
		{name: "open bracket", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"colours[type eq \"work\"","value":"x"}`}, err: ErrInvalidPath},
		{name: "text after the bracket", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]value","value":"x"}`}, err: ErrInvalidPath},
		{name: "nothing after the dot", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"].","value":"x"}`}, err: ErrInvalidPath},
		{name: "two filters", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"][value pr]","value":"x"}`}, err: ErrInvalidPath},
		{name: "filter on a single value", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"name[givenName eq \"x\"].familyName","value":"x"}`}, err: ErrInvalidPath, detail: "not multi-valued"},
		{name: "array index", reason: "R-229", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"emails[0].value","value":"x"}`}, err: ErrInvalidFilter},
		{name: "bad filter", reason: "R-231, A-46", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"emails[type zz \"x\"].value","value":"x"}`}, err: ErrInvalidFilter, detail: "operation 1 (replace emails[type zz"},
		{name: "unknown name in a filter", reason: "A-09", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove","path":"emails[colour eq \"x\"]"}`}, err: ErrInvalidFilter},
		{name: "path of spaces", reason: "R-231", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","path":"user Name","value":"x"}`}, err: ErrInvalidPath},
		{name: "comparison as a path", reason: "A-46 is about lists of simple values", doc: `{"userName":"a"}`, ops: []string{`{"op":"remove","path":"emails eq \"x\""}`}, err: ErrInvalidPath},

		// Atomicity.
		{
			name: "all or nothing", reason: "R-233, E091", doc: `{"userName":"a"}`, ops: []string{
				`{"op":"replace","path":"title","value":"t"}`, `{"op":"replace","path":"active","value":"maybe"}`, `{"op":"replace","path":"nickName","value":"n"}`,
			},
			err: ErrInvalidValue, detail: "operation 2 (replace active)",
		},
	} {
		c.run(t, typ)
	}
}

func TestPatchComplex(t *testing.T) {
	typ := typesForPatch(t).user
	const full = `{"userName":"a","name":{"familyName":"F","givenName":"G"}}`
	const urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	managed := func(id string) string {
		return `{"userName":"a",` + entURN + `:{"manager":{"value":"` + id + `"}}}`
	}
	for _, c := range []patchCase{
		{
			name: "sub-attribute", reason: "6.2 shape 2: siblings stay", doc: full, ops: []string{`{"op":"Replace","path":"name.familyName","value":"X"}`},
			want: `{"userName":"a","name":{"familyName":"X","givenName":"G"}}`,
		},
		{name: "parent absent", reason: "R-250", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"name.givenName","value":"G"}`}, want: `{"userName":"a","name":{"givenName":"G"}}`},
		{name: "remove a sub-attribute", reason: "R-257", doc: full, ops: []string{`{"op":"remove","path":"name.givenName"}`}, want: `{"userName":"a","name":{"familyName":"F"}}`},
		{name: "remove the last sub-attribute", reason: "A-47", doc: full, ops: []string{`{"op":"remove","path":"name.givenName"}`, `{"op":"remove","path":"name.familyName"}`}, want: `{"userName":"a"}`},
		{name: "merge", reason: "R-249, R-267", doc: full, ops: []string{`{"op":"replace","path":"name","value":{"givenName":"B"}}`}, want: `{"userName":"a","name":{"familyName":"F","givenName":"B"}}`, strictWant: `{"userName":"a","name":{"givenName":"B"}}`},
		{name: "merge by add", reason: "R-249", doc: full, ops: []string{`{"op":"add","path":"name","value":{"middleName":"M"}}`}, want: `{"userName":"a","name":{"familyName":"F","givenName":"G","middleName":"M"}}`},
		{name: "nested without path", reason: "6.2 shape 12, E087", doc: full, ops: []string{`{"op":"replace","value":{"name":{"familyName":"X"}}}`}, want: `{"userName":"a","name":{"familyName":"X","givenName":"G"}}`},
		{name: "null inside", reason: "E087: clears only that", doc: full, ops: []string{`{"op":"replace","value":{"name":{"familyName":null}}}`}, want: `{"userName":"a","name":{"givenName":"G"}}`},
		{name: "replace by an empty object", reason: "R-267: nothing is named; R-356: nothing is left", doc: full, ops: []string{`{"op":"replace","path":"name","value":{}}`}, strictWant: `{"userName":"a"}`},
		{name: "replace by null", reason: "R-271", doc: full, ops: []string{`{"op":"replace","path":"name","value":null}`}, want: `{"userName":"a"}`},
		{name: "a string for an object", reason: "R-236", doc: full, ops: []string{`{"op":"replace","path":"name","value":"x"}`}, err: ErrInvalidValue, detail: "(replace name): expected an object"},
		{name: "bad value inside", reason: "the detail names the attribute", doc: full, ops: []string{`{"op":"replace","value":{"name":{"givenName":{"x":1}}}}`}, err: ErrInvalidValue, detail: "operation 1 (replace name.givenName): expected a string"},

		// Extensions.
		{
			name: "extension attribute", reason: "R-240, 6.2 shape 8, E076", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"` + urn + `:department","value":"Retail"}`},
			want: `{"userName":"a",` + entURN + `:{"department":"Retail"}}`,
		},
		{
			name: "extension attribute present", reason: "E076", doc: `{"userName":"a",` + entURN + `:{"costCenter":"c","department":"Retail"}}`, ops: []string{`{"op":"Replace","path":"` + urn + `:department","value":"Sales"}`},
			want: `{"userName":"a",` + entURN + `:{"costCenter":"c","department":"Sales"}}`,
		},
		{
			name: "URN in another case", reason: "probe 20", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"` + strings.ToUpper(urn) + `:department","value":"Retail"}`},
			want: `{"userName":"a",` + entURN + `:{"department":"Retail"}}`,
		},
		{
			name: "custom extension", reason: "E077: dots in the version part", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"` + customURI + `:badge","value":7}`},
			want: `{"userName":"a",` + custom + `:{"badge":7}}`,
		},
		{
			name: "merge an extension", reason: "R-250, 6.2 shape 9", doc: `{"userName":"a",` + entURN + `:{"costCenter":"c"}}`, ops: []string{`{"op":"replace","path":"` + urn + `","value":{"department":"d"}}`},
			want: `{"userName":"a",` + entURN + `:{"costCenter":"c","department":"d"}}`,
		},
		{
			name: "nested extension without path", reason: "R-250, probe 5", doc: `{"userName":"a",` + entURN + `:{"costCenter":"c"}}`, ops: []string{`{"op":"replace","value":{` + entURN + `:{"department":"d","costCenter":null}}}`},
			want: `{"userName":"a",` + entURN + `:{"department":"d"}}`,
		},
		{name: "remove an extension", reason: "R-258", doc: `{"userName":"a",` + entURN + `:{"costCenter":"c"}}`, ops: []string{`{"op":"remove","path":"` + urn + `"}`}, want: `{"userName":"a"}`},
		{name: "remove the last attribute of an extension", reason: "A-47, 6.5", doc: `{"userName":"a",` + entURN + `:{"costCenter":"c"}}`, ops: []string{`{"op":"remove","path":"` + urn + `:costCenter"}`}, want: `{"userName":"a"}`},
		{name: "a string for an extension", reason: "R-236", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"` + urn + `","value":"x"}`}, err: ErrInvalidValue},
		{name: "immutable once set", reason: "R-238", doc: `{"userName":"a"}`, ops: []string{`{"op":"add","path":"` + customURI + `:site","value":"Berlin"}`}, want: `{"userName":"a",` + custom + `:{"site":"Berlin"}}`},
		{name: "immutable again", reason: "R-238", doc: `{"userName":"a",` + custom + `:{"site":"Berlin"}}`, ops: []string{`{"op":"replace","path":"` + customURI + `:site","value":"Bonn"}`}, err: ErrMutability, detail: "site cannot be changed"},
		{name: "immutable to the same", reason: "R-238", doc: `{"userName":"a",` + custom + `:{"site":"Berlin"}}`, ops: []string{`{"op":"replace","path":"` + customURI + `:site","value":"Berlin"}`}},
		{name: "immutable away with all of it", reason: "R-030: fixed afterwards", doc: `{"userName":"a",` + custom + `:{"site":"Berlin"}}`, ops: []string{`{"op":"remove","path":"` + customURI + `"}`}, err: ErrMutability},

		// Entra's flag dialect: keys that are paths.
		{
			name: "dotted and URN keys", reason: "6.2 shape 11, E062", doc: `{"userName":"a","name":{"formatted":"f","familyName":"F","givenName":"G"}}`,
			ops: []string{
				`{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@b.c"}`,
				`{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua","` + urn + `:employeeNumber":"Aklq"}}`,
			},
			want:   `{"userName":"a","name":{"formatted":"f","familyName":"Unua","givenName":"Kkom"},"displayName":"Bjfe","emails":[{"value":"a@b.c","type":"work"}],` + entURN + `:{"employeeNumber":"Aklq"}}`,
			strict: ErrInvalidSyntax,
		},
		{name: "dotted key", reason: "A-42: strict invalidValue", doc: full, ops: []string{`{"op":"replace","value":{"name.givenName":"B"}}`}, want: `{"userName":"a","name":{"familyName":"F","givenName":"B"}}`, strict: ErrInvalidValue},
		{name: "bracket key", reason: "6.2 shape 11, probe 6", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":{"emails[type eq \"work\"].value":"x"}}`}, want: `{"userName":"a","emails":[{"value":"x","type":"work"}]}`, strict: ErrInvalidValue},
		{name: "bad bracket key", reason: "A-46", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":{"emails[type eq":"x"}}`}, err: ErrInvalidFilter, strict: ErrInvalidValue, detail: "operation 1 (replace emails[type eq)"},
		{name: "dotted key in an extension", reason: "as above", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":{` + entURN + `:{"manager.value":"m"}}}`}, want: managed("m"), strict: ErrInvalidValue},
		{
			name: "the five operations of the default dialect", reason: "6.1, E061", doc: `{"userName":"a"}`, ops: []string{
				`{"op":"Replace","path":"displayName","value":"Pvlo"}`, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@b.c"}`,
				`{"op":"Replace","path":"name.givenName","value":"Gtfd"}`, `{"op":"Replace","path":"externalId","value":"Eqpj"}`,
				`{"op":"Replace","path":"` + urn + `:employeeNumber","value":"Eqpj"}`,
			},
			want:   `{"externalId":"Eqpj","userName":"a","name":{"givenName":"Gtfd"},"displayName":"Pvlo","emails":[{"value":"a@b.c","type":"work"}],` + entURN + `:{"employeeNumber":"Eqpj"}}`,
			strict: ErrNoTarget,
		},
		{name: "active without path", reason: "6.6, E066: Okta", doc: `{"userName":"a","active":true}`, ops: []string{`{"op":"replace","value":{"active":false}}`}, want: `{"userName":"a","active":false}`},
		{name: "active and more without path", reason: "E066", doc: `{"userName":"a","active":true}`, ops: []string{`{"op":"replace","value":{"active":"False","displayName":"x"}}`}, want: `{"userName":"a","displayName":"x","active":false}`, strict: ErrInvalidValue},

		// Manager.
		{name: "manager as a string", reason: "6.3, A-52, E078, probe 10", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"` + urn + `:manager","value":"m"}`}, want: managed("m"), strict: ErrInvalidValue},
		{name: "another manager", reason: "E079", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":"n"}`}, want: managed("n"), strict: ErrInvalidValue},
		{name: "manager as an object", reason: "E079", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":{"value":"n","$ref":"../Users/n"}}`}, want: managed("n")},
		{name: "manager as an array", reason: "E079, D TUT example 5, probe 11", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":[{"$ref":"http://x/Users/n","value":"n"}]}`}, want: managed("n"), strict: ErrInvalidValue},
		{name: "manager without URN", reason: "E079", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"manager","value":[{"$ref":"http://x/Users/n","value":"n"}]}`}, want: managed("n"), strict: ErrInvalidValue},
		{name: "manager.value", reason: "a path to the sub-attribute", doc: `{"userName":"a"}`, ops: []string{`{"op":"Add","path":"` + urn + `:manager.value","value":"n"}`}, want: managed("n")},
		{name: "manager.$ref", reason: "the server writes it", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager.$ref","value":"../Users/n"}`, `{"op":"remove","path":"` + urn + `:manager.$ref"}`}},
		{name: "manager by URN key", reason: "6.3", doc: `{"userName":"a"}`, ops: []string{`{"op":"replace","value":{"` + urn + `:manager":"m"}}`}, want: managed("m"), strict: ErrInvalidValue},
		{name: "manager empty", reason: "E080", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":""}`}, want: `{"userName":"a"}`, strict: ErrInvalidValue},
		{
			name: "manager with an empty value", reason: "E080", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":{"value":""}}`}, want: `{"userName":"a"}`,
			strictWant: `{"userName":"a",` + entURN + `:{"manager":{"value":""}}}`,
		},
		{name: "manager null", reason: "E080, probe 11", doc: managed("m"), ops: []string{`{"op":"replace","path":"` + urn + `:manager","value":null}`}, want: `{"userName":"a"}`},
		{name: "manager removed", reason: "E080", doc: managed("m"), ops: []string{`{"op":"Remove","path":"` + urn + `:manager"}`}, want: `{"userName":"a"}`},
		{name: "manager removed with a value", reason: "the value says who it was", doc: managed("m"), ops: []string{`{"op":"Remove","path":"` + urn + `:manager","value":"m"}`}, want: `{"userName":"a"}`, strict: ErrInvalidValue},
		{name: "manager removed by an empty add", reason: "E080", doc: managed("m"), ops: []string{`{"op":"Add","path":"` + urn + `:manager","value":""}`}, want: `{"userName":"a"}`, strict: ErrInvalidValue},
	} {
		c.run(t, typ)
	}
}

func TestPatchElements(t *testing.T) {
	typ := typesForPatch(t).user
	const (
		none  = `{"userName":"a"}`
		work  = `{"userName":"a","emails":[{"value":"w","type":"work"}]}`
		home  = `{"userName":"a","emails":[{"value":"h","type":"home"}]}`
		both  = `{"userName":"a","emails":[{"value":"w","type":"work","primary":true},{"value":"h","type":"home"}]}`
		twice = `{"userName":"a","emails":[{"value":"1","type":"work"},{"value":"2","type":"work"},{"value":"h","type":"home"}]}`
	)
	for _, c := range []patchCase{
		// add and replace without a filter
		{name: "add appends", reason: "R-251", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"h","type":"home"}]}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`},
		{name: "add a lone element", reason: "A-29", doc: work, ops: []string{`{"op":"add","path":"emails","value":{"value":"h","type":"home"}}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`, strict: ErrInvalidValue},
		{name: "add a bare string", reason: "A-29, probe 22", doc: none, ops: []string{`{"op":"add","path":"roles","value":"Admin"}`}, want: `{"userName":"a","roles":[{"value":"Admin"}]}`, strict: ErrInvalidValue},
		{name: "add what is there", reason: "R-252, R-253", doc: both, ops: []string{`{"op":"add","path":"emails","value":[{"type":"home","value":"h"},{"value":"w","type":"work","primary":true}]}`}},
		{name: "add the same value and type", reason: "R-025: merged, never twice", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"W","type":"work","display":"D"}]}`}, want: `{"userName":"a","emails":[{"value":"W","display":"D","type":"work"}]}`},
		{name: "add the same value of another type", reason: "R-025", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"w","type":"home"}]}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"w","type":"home"}]}`},
		{name: "add without path", reason: "R-246", doc: work, ops: []string{`{"op":"add","value":{"emails":[{"value":"h","type":"home"}],"nickName":"B"}}`}, want: `{"userName":"a","nickName":"B","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`},
		{name: "replace the list", reason: "R-265, E075", doc: both, ops: []string{`{"op":"replace","path":"emails","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "replace the list without path", reason: "R-264", doc: both, ops: []string{`{"op":"replace","value":{"emails":[{"value":"n"}]}}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "replace what is absent", reason: "R-266", doc: none, ops: []string{`{"op":"replace","path":"emails","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "remove the list", reason: "R-258", doc: both, ops: []string{`{"op":"remove","path":"emails"}`}, want: none},

		// primary
		{
			name: "new primary", reason: "R-241, probe 15", doc: both, ops: []string{`{"op":"add","path":"emails","value":[{"value":"n","primary":true}]}`},
			want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":false},{"value":"h","type":"home"},{"value":"n","primary":true}]}`,
		},
		{
			name: "primary by path", reason: "R-241, 6.2 shape 6, E069", doc: both, ops: []string{`{"op":"Replace","path":"emails[type eq \"home\"].primary","value":"True"}`},
			want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":false},{"value":"h","type":"home","primary":true}]}`, strict: ErrInvalidValue,
		},
		{
			name: "two primary in one value", reason: "A-34: there is no later one to win", doc: none, ops: []string{`{"op":"add","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}`},
			err: ErrInvalidValue, detail: "operation 1 (add emails): only one element may be primary",
		},
		{
			name: "two primary by a filter", reason: "A-34", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}`},
			want: `{"userName":"a","emails":[{"value":"1","type":"work","primary":true},{"value":"2","type":"work"},{"value":"h","type":"home"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "two primary in two operations", reason: "A-34: the later wins", doc: none, ops: []string{`{"op":"add","path":"emails","value":[{"value":"1","primary":true}]}`, `{"op":"add","path":"emails","value":[{"value":"2","primary":true}]}`},
			want: `{"userName":"a","emails":[{"value":"1","primary":false},{"value":"2","primary":true}]}`,
		},
		{name: "primary removed", reason: "A-49: none is promoted", doc: both, ops: []string{`{"op":"remove","path":"emails[primary eq true]"}`}, want: home},
		{
			name: "primary of an address that never comes", reason: "an element of nothing but type and primary is dropped, and demotes none", doc: `{"userName":"a","emails":[{"value":"h","type":"home","primary":true}]}`,
			ops: []string{`{"op":"Add","path":"emails[type eq \"work\"].primary","value":true}`}, strict: ErrNoTarget,
		},
		{
			name: "primary before the value", reason: "E069: Entra sends an operation for each mapping, in any order", doc: `{"userName":"a","emails":[{"value":"h","type":"home","primary":true}]}`,
			ops:  []string{`{"op":"Add","path":"emails[type eq \"work\"].primary","value":true}`, `{"op":"Add","path":"emails[type eq \"work\"].value","value":"w"}`},
			want: `{"userName":"a","emails":[{"value":"h","type":"home","primary":false},{"value":"w","type":"work","primary":true}]}`, strict: ErrNoTarget,
		},

		// paths with a filter
		{
			name: "element is there", reason: "R-269, 6.2 shape 3, E067", doc: both, ops: []string{`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n"}`},
			want: `{"userName":"a","emails":[{"value":"n","type":"work","primary":true},{"value":"h","type":"home"}]}`,
		},
		{
			name: "another type is there", reason: "A-38, E067, probe 7", doc: home, ops: []string{`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"w"}`},
			want: `{"userName":"a","emails":[{"value":"h","type":"home"},{"value":"w","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "none is there", reason: "R-255, R-270, E067, E068, probe 8", doc: none, ops: []string{`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`},
			want: `{"userName":"a","phoneNumbers":[{"value":"1","type":"mobile"}]}`, strict: ErrNoTarget,
		},
		{
			name: "every match", reason: "R-254, R-269", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"].display","value":"D"}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","type":"home"}]}`,
		},
		{
			name: "one element of six operations", reason: "6.2 shape 4, E070", doc: none, ops: []string{
				`{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"f"}`, `{"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"s"}`,
				`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"l"}`, `{"op":"Add","path":"addresses[type eq \"work\"].region","value":"r"}`,
				`{"op":"Add","path":"addresses[type eq \"work\"].postalCode","value":"p"}`, `{"op":"Add","path":"addresses[type eq \"work\"].country","value":"c"}`,
			},
			want: `{"userName":"a","addresses":[{"formatted":"f","streetAddress":"s","locality":"l","region":"r","postalCode":"p","country":"c","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "second address", reason: "E071", doc: `{"userName":"a","addresses":[{"formatted":"h","type":"home"}]}`, ops: []string{`{"op":"Replace","path":"addresses[type eq \"work\"].formatted","value":"18/2111"}`},
			want: `{"userName":"a","addresses":[{"formatted":"h","type":"home"},{"formatted":"18/2111","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "twice in one request", reason: "E072: the last wins", doc: none, ops: []string{`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`, `{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"2"}`},
			want: `{"userName":"a","phoneNumbers":[{"value":"2","type":"mobile"}]}`, strict: ErrNoTarget,
		},
		{
			name: "role by a string for a boolean", reason: "6.2 shape 7, E073: created", doc: none, ops: []string{`{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`},
			want: `{"userName":"a","roles":[{"value":"Admin","primary":true}]}`, strict: ErrInvalidFilter,
		},
		{
			name: "role by a string for a boolean, present", reason: "E073: replaced", doc: `{"userName":"a","roles":[{"value":"User"},{"value":"Admin","primary":true}]}`, ops: []string{`{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Owner"}`},
			want: `{"userName":"a","roles":[{"value":"User"},{"value":"Owner","primary":true}]}`, strict: ErrInvalidFilter,
		},
		{name: "created by and", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\" and primary eq true].value","value":"w"}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":true}]}`, strict: ErrNoTarget},
		{name: "not created by or", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\" or type eq \"home\"].value","value":"w"}`}, err: ErrNoTarget, detail: "no element of emails matches"},
		{name: "not created by ne", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type ne \"work\" and value sw \"x\"].value","value":"w"}`}, err: ErrNoTarget},
		{
			name: "object for an element", reason: "R-268, A-41: merged into each match", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{"display":"D"}}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","type":"home"}]}`,
		},
		{
			name: "object that changes what the filter asks", reason: "A-41: all of it goes into the element", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{"type":"other","value":"o","display":null}}`},
			want: `{"userName":"a","emails":[{"value":"o","type":"other","primary":true},{"value":"h","type":"home"}]}`,
		},
		{name: "object for no element", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\"]","value":{"value":"w"}}`}, want: work, strict: ErrNoTarget},
		{name: "empty object for an element", reason: "A-41", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{}}`}},
		{name: "string for an element", reason: "A-29", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":"n"}`}, want: `{"userName":"a","emails":[{"value":"n","type":"work"}]}`, strict: ErrInvalidValue},
		{name: "array of one for an element", reason: "A-29", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n","type":"work"}]}`, strict: ErrInvalidValue},
		{name: "array of two for an element", reason: "R-268", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"n"},{"value":"m"}]}`}, err: ErrInvalidValue, detail: "one element"},
		{name: "null for an element", reason: "A-41: removes the matches", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":null}`}, want: home},
		{name: "empty array for an element", reason: "A-41", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[]}`}, want: home},
		{name: "null for an element beside others", reason: "A-41, A-42: each key by itself", doc: both, ops: []string{`{"op":"replace","value":{"emails[type eq \"work\"]":null,"title":"t"}}`}, want: `{"userName":"a","title":"t","emails":[{"value":"h","type":"home"}]}`, strict: ErrInvalidValue},
		{name: "null for no element", reason: "A-41, R-262", doc: home, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":null}`}},
		{
			name: "sub-attribute of all", reason: "R-254 without a filter", doc: twice, ops: []string{`{"op":"replace","path":"emails.display","value":"D"}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","display":"D","type":"home"}]}`,
		},
		{name: "sub-attribute of none", reason: "as A-38", doc: none, ops: []string{`{"op":"add","path":"emails.value","value":"x"}`}, want: `{"userName":"a","emails":[{"value":"x"}]}`, strict: ErrNoTarget},
		{name: "elements made equal", reason: "R-025", doc: `{"userName":"a","emails":[{"value":"x","type":"work"},{"value":"x","type":"home"}]}`, ops: []string{`{"op":"replace","path":"emails.type","value":"other"}`}, want: `{"userName":"a","emails":[{"value":"x","type":"other"}]}`},

		// remove
		{name: "remove matches", reason: "R-259", doc: twice, ops: []string{`{"op":"remove","path":"emails[type eq \"work\"]"}`}, want: home},
		{name: "remove the last", reason: "R-259: unassigned", doc: work, ops: []string{`{"op":"remove","path":"emails[type eq \"work\"]"}`}, want: none},
		{
			name: "remove a sub-attribute", reason: "R-260", doc: `{"userName":"a","addresses":[{"locality":"l","region":"r","type":"work"},{"region":"r","type":"home"}]}`, ops: []string{`{"op":"remove","path":"addresses[type eq \"work\"].region"}`},
			want: `{"userName":"a","addresses":[{"locality":"l","type":"work"},{"region":"r","type":"home"}]}`,
		},
		{name: "remove the value", reason: "A-48, E082: the element goes with it", doc: both, ops: []string{`{"op":"Remove","path":"emails[type eq \"work\"].value","value":"old@x"}`}, want: home, strict: ErrInvalidValue},
		{
			name: "remove the value of a named element", reason: "A-48: the name is the value's", doc: `{"userName":"a","emails":[{"value":"w","display":"W","type":"work"}]}`, ops: []string{`{"op":"Remove","path":"emails[type eq \"work\"].value"}`}, want: none,
			strictWant: `{"userName":"a","emails":[{"display":"W","type":"work"}]}`,
		},
		{
			name: "value removed and set again", reason: "R-232, E090: the element is still there", doc: both, ops: []string{
				`{"op":"remove","path":"emails[type eq \"work\"].value"}`, `{"op":"add","path":"emails[type eq \"work\"].value","value":"n"}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"m"}`,
			},
			want: `{"userName":"a","emails":[{"value":"m","type":"work","primary":true},{"value":"h","type":"home"}]}`,
		},
		{name: "remove listed elements", reason: "A-40", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"W"}]}`}, want: home, strict: ErrInvalidValue},
		{
			name: "remove listed elements of a type", reason: "A-40", doc: `{"userName":"a","emails":[{"value":"x","type":"work"},{"value":"x","type":"home"}]}`, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"x","type":"work","display":"?"}]}`},
			want: `{"userName":"a","emails":[{"value":"x","type":"home"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "remove listed addresses", reason: "A-40: they have no value to go by", doc: `{"userName":"a","addresses":[{"formatted":"f","type":"work"},{"formatted":"g","type":"work"}]}`, ops: []string{`{"op":"Remove","path":"addresses","value":[{"formatted":"f"}]}`},
			want: `{"userName":"a","addresses":[{"formatted":"g","type":"work"}]}`, strict: ErrInvalidValue,
		},
		{name: "remove an empty list", reason: "A-40: never all", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[]}`}, strict: ErrInvalidValue},
		{name: "remove a lone element", reason: "A-40", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":{"value":"w"}}`}, want: home, strict: ErrInvalidValue},
		{name: "remove what is not listed", reason: "R-262", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"zz"}]}`}, strict: ErrInvalidValue},

		// SCIM_Null_Update_Test
		{
			name: "empty strings", reason: "6.5, E085", doc: `{"userName":"a","name":{"givenName":"g"},"title":"t","emails":[{"value":"w","type":"work","primary":true}],"addresses":[{"formatted":"f","region":"r","type":"work"}],` +
				entURN + `:{"department":"d"},` + custom + `:{"badge":5,"hired":"2026-01-31T11:00:00Z"}}`,
			ops: []string{
				`{"op":"replace","path":"name.givenName","value":""}`, `{"op":"replace","path":"title","value":""}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":""}`,
				`{"op":"replace","path":"addresses[type eq \"work\"].formatted","value":""}`, `{"op":"replace","path":"addresses[type eq \"work\"].region","value":""}`,
				`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":""}`, `{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":""}`,
				`{"op":"replace","path":"` + customURI + `:badge","value":""}`, `{"op":"replace","path":"` + customURI + `:hired","value":""}`,
			},
			want: none, strict: ErrInvalidValue,
		},
		{
			name: "nulls", reason: "6.5, E086", doc: `{"userName":"a","name":{"givenName":"g"},"emails":[{"value":"w","type":"work"}],` + custom + `:{"badge":5}}`,
			ops: []string{
				`{"op":"replace","path":"name.givenName","value":null}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":null}`,
				`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":null}`, `{"op":"replace","path":"` + customURI + `:badge","value":null}`,
			},
			want: none, strict: ErrNoTarget,
		},
		{
			name: "empty strings without path", reason: "6.5, E086", doc: `{"userName":"a","name":{"givenName":"g"},"title":"t",` + custom + `:{"badge":5}}`,
			ops: []string{`{"op":"replace","value":{"title":"","name.givenName":"","` + customURI + `:badge":""}}`}, want: none, strict: ErrInvalidValue,
		},

		// JSON text in roles
		{
			name: "roles in JSON text", reason: "6.4, E074: SingleAppRoleAssignment", doc: none,
			ops:        []string{`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"},{"value":"{\"id\":\"07\",\"value\":\"26\",\"displayName\":\"R\\u00e9\",\"origin\":[\"x\"]}"}]}`},
			want:       `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"26","display":"Ré"}]}`,
			strictWant: `{"userName":"a","roles":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"},{"value":"{\"id\":\"07\",\"value\":\"26\",\"displayName\":\"R\\u00e9\",\"origin\":[\"x\"]}"}]}`,
		},
		{
			name: "roles in JSON text, again", reason: "E074: no duplicates", doc: `{"userName":"a","roles":[{"value":"25","display":"Role1234"}]}`,
			ops:        []string{`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}`},
			strictWant: `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}`,
		},
		{
			name: "roles removed by JSON text", reason: "A-40", doc: `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"x"}]}`,
			ops:  []string{`{"op":"Remove","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\"}"}]}`},
			want: `{"userName":"a","roles":[{"value":"x"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "text that only looks like JSON", reason: "a value may begin with a brace", doc: none,
			ops:  []string{`{"op":"Add","path":"roles","value":[{"value":"{x}"},{"value":"{\"id\":\"1\"}"},{"value":"{\"value\":[]}"}]}`},
			want: `{"userName":"a","roles":[{"value":"{x}"},{"value":"{\"id\":\"1\"}"},{"value":"{\"value\":[]}"}]}`,
		},
		{
			name: "replace roles", reason: "6.4, E075: exactly these", doc: `{"userName":"a","roles":[{"value":"old"}]}`,
			ops:  []string{`{"op":"replace","path":"roles","value":[{"primary":false,"type":"T","display":"D","value":"V"},{"primary":false,"value":"W"}]}`},
			want: `{"userName":"a","roles":[{"value":"V","display":"D","type":"T","primary":false},{"value":"W","primary":false}]}`, strict: ErrInvalidSyntax, // profile §5.4: no type
		},

		// lists of simple values
		{name: "add tags", reason: "R-251, R-252", doc: `{"userName":"a",` + custom + `:{"tags":["x"]}}`, ops: []string{`{"op":"add","path":"` + customURI + `:tags","value":["y","X"]}`}, want: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`},
		{name: "remove a tag", reason: "A-46", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags[value eq \"x\"]"}`}, want: `{"userName":"a",` + custom + `:{"tags":["y"]}}`},
		{name: "remove a tag by comparison", reason: "A-46, EID 7122", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags eq \"x\""}`}, want: `{"userName":"a",` + custom + `:{"tags":["y"]}}`},
		{name: "replace a tag", reason: "R-268", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"replace","path":"` + customURI + `:tags[value eq \"x\"]","value":"z"}`}, want: `{"userName":"a",` + custom + `:{"tags":["z","y"]}}`},
		{name: "replace no tag", reason: "A-38", doc: none, ops: []string{`{"op":"replace","path":"` + customURI + `:tags[value eq \"x\"]","value":"z"}`}, want: `{"userName":"a",` + custom + `:{"tags":["z"]}}`, strict: ErrNoTarget},
		{name: "remove listed tags", reason: "A-40", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags","value":["Y"]}`}, want: `{"userName":"a",` + custom + `:{"tags":["x"]}}`, strict: ErrInvalidValue},
	} {
		c.run(t, typ)
	}
}

func TestPatchSchemaRules(t *testing.T) {
	typ := typesForPatch(t).device
	for _, c := range []patchCase{
		{name: "immutable and required", reason: "R-238", doc: `{"serial":"1"}`, ops: []string{`{"op":"replace","path":"serial","value":"2"}`}, err: ErrMutability, detail: "operation 1 (replace serial): serial cannot be changed"},
		{name: "immutable removed and set to the same", reason: "R-238: it has not changed", doc: `{"serial":"1"}`, ops: []string{`{"op":"remove","path":"serial"}`, `{"op":"add","path":"serial","value":"1"}`}},
		{name: "immutable object", reason: "R-238: set as a whole, of two sub-attributes", doc: `{"serial":"1"}`, ops: []string{`{"op":"add","path":"maker","value":{"name":"n","country":"c"}}`}, want: `{"serial":"1","maker":{"name":"n","country":"c"}}`},
		{name: "immutable object again", reason: "R-238", doc: `{"serial":"1","maker":{"name":"n"}}`, ops: []string{`{"op":"add","path":"maker.country","value":"c"}`}, err: ErrMutability, detail: "maker cannot be changed"},
		{name: "immutable sub-attribute", reason: "R-238", doc: `{"serial":"1","owner":{"id":"o","since":"s"}}`, ops: []string{`{"op":"remove","path":"owner"}`}, err: ErrMutability, detail: "owner.since cannot be changed"},
		{name: "required sub-attribute removed", reason: "R-243", doc: `{"serial":"1","owner":{"id":"o","note":"n"}}`, ops: []string{`{"op":"remove","path":"owner.id"}`}, err: ErrMutability, detail: "owner.id is required"},
		{name: "required sub-attribute never set", reason: "R-243", doc: `{"serial":"1"}`, ops: []string{`{"op":"add","path":"owner.note","value":"n"}`}, err: ErrInvalidValue, detail: "operation 1 (add owner.note): owner.id is required"},
		{name: "required sub-attribute with its object", reason: "R-243", doc: `{"serial":"1","owner":{"id":"o","note":"n"}}`, ops: []string{`{"op":"remove","path":"owner"}`}, want: `{"serial":"1"}`},
		{name: "required in an element", reason: "R-243", doc: `{"serial":"1","ports":[{"number":1,"chip":"c"}]}`, ops: []string{`{"op":"remove","path":"ports[number eq 1].number"}`}, err: ErrMutability, detail: "ports.number is required"},
		{name: "required in an element never set", reason: "R-243", doc: `{"serial":"1"}`, ops: []string{`{"op":"add","path":"ports","value":[{"chip":"c"}]}`}, err: ErrInvalidValue, detail: "ports.number is required"},
		{name: "required in an element set later", reason: "R-243 asks for the final resource", doc: `{"serial":"1"}`, ops: []string{`{"op":"add","path":"ports","value":[{"chip":"c"}]}`, `{"op":"add","path":"ports[chip eq \"c\"].number","value":4}`}, want: `{"serial":"1","ports":[{"number":4,"chip":"c"}]}`},
		{name: "what was lacking before", reason: "a schema that grew must not keep a resource from being changed", doc: `{"serviced":true}`, ops: []string{`{"op":"replace","path":"serviced","value":false}`}, want: `{"serviced":false}`},
		{name: "immutable in an element", reason: "R-238", doc: `{"serial":"1","ports":[{"number":1,"chip":"c"}]}`, ops: []string{`{"op":"replace","path":"ports[number eq 1].chip","value":"d"}`}, err: ErrMutability, detail: "ports.chip cannot be changed"},
		{name: "immutable in an element unset", reason: "R-238", doc: `{"serial":"1","ports":[{"number":1}]}`, ops: []string{`{"op":"replace","path":"ports[number eq 1].chip","value":"d"}`}, want: `{"serial":"1","ports":[{"number":1,"chip":"d"}]}`},
		{name: "element with an immutable replaced", reason: "R-272: by remove and add", doc: `{"serial":"1","ports":[{"number":1,"chip":"c"}]}`, ops: []string{`{"op":"remove","path":"ports[number eq 1]"}`, `{"op":"add","path":"ports","value":[{"number":1,"chip":"d"}]}`}, want: `{"serial":"1","ports":[{"number":1,"chip":"d"}]}`},
		{name: "list in an element", reason: "R-018, R-251", doc: `{"serial":"1","ports":[{"number":1,"labels":["a"]}]}`, ops: []string{`{"op":"add","path":"ports[number eq 1].labels","value":["b","a"]}`}, want: `{"serial":"1","ports":[{"number":1,"labels":["a","b"]}]}`},
		{name: "list in an element replaced", reason: "R-018, R-265", doc: `{"serial":"1","ports":[{"number":1,"labels":["a"]}]}`, ops: []string{`{"op":"replace","path":"ports[number eq 1]","value":{"labels":["b"]}}`}, want: `{"serial":"1","ports":[{"number":1,"labels":["b"]}]}`},
		{name: "read-only in an element", reason: "R-237", doc: `{"serial":"1","ports":[{"number":1}]}`, ops: []string{`{"op":"replace","path":"ports[number eq 1].state","value":"d"}`}, err: ErrMutability},
		{name: "read-only in an object", reason: "A-45", doc: `{"serial":"1","ports":[{"number":1}]}`, ops: []string{`{"op":"replace","path":"ports[number eq 1]","value":{"state":"d"}}`, `{"op":"add","value":{"owner":{"shift":"x"}}}`}, strict: ErrMutability},
		{name: "codes", reason: "A-46: numbers compare as such", doc: `{"serial":"1","codes":[1,2,3]}`, ops: []string{`{"op":"remove","path":"codes[value gt 2]"}`, `{"op":"add","path":"codes","value":[1,9]}`}, want: `{"serial":"1","codes":[1,2,9]}`},
		{name: "created by a number", reason: "A-38", doc: `{"serial":"1"}`, ops: []string{`{"op":"add","path":"ports[number eq 3 and labels eq \"x\"].chip","value":"c"}`}, want: `{"serial":"1","ports":[{"number":3,"chip":"c","labels":["x"]}]}`, strict: ErrNoTarget},
	} {
		c.run(t, typ)
	}
}

func TestPatchEnvelope(t *testing.T) {
	typ := typesForPatch(t).user
	const op = `{"op":"replace","path":"title","value":"x"}`
	for _, c := range []struct {
		name, reason, body string
		err, strict        error
	}{
		{"plain", "R-228", patchBody(op), nil, nil},
		{"keys in another case", "6.2 shape 16, E093: ssoready", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"no schemas", "E093, probe 23", `{"Operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"schemas of something else", "probe 23", `{"schemas":["urn:x"],"Operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"one schema more", "probe 23", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp","urn:x"],"Operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"schemas that is no array", "probe 23", `{"schemas":"urn:ietf:params:scim:api:messages:2.0:PatchOp","Operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"extra keys", "6.2 shape 15, E093: Microsoft's Postman set sends id", `{"id":"1","schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`, nil, ErrInvalidSyntax},
		{"no operations", "probe 24: Microsoft's validator", patchBody(), nil, ErrInvalidSyntax},
		{"Operations missing", "R-228", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"Operations that is no array", "R-228", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":{}}`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"Operations null", "R-228", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":null}`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"no body", "R-228", ``, ErrInvalidSyntax, ErrInvalidSyntax},
		{"array", "R-228", `[]`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"broken JSON", "R-228", `{"Operations":[`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"trailing data", "R-228", patchBody(op) + `x`, ErrInvalidSyntax, ErrInvalidSyntax},
		{"name given twice", "A-30", patchBody(`{"op":"add","path":"title","value":"x","Value":"y"}`), ErrInvalidSyntax, ErrInvalidSyntax},
		{"attribute given twice", "A-30", patchBody(`{"op":"add","value":{"title":"x","TITLE":"y"}}`), ErrInvalidSyntax, ErrInvalidSyntax},
		{"too deep", "R-228", patchBody(`{"op":"add","path":"unknown","value":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), ErrInvalidSyntax, ErrInvalidSyntax},
		{"as many operations as allowed", "the limit is 2000", patchBody(strings.Repeat(op+",", 1999) + op), nil, nil},
		{"more operations than allowed", "the limit is 2000", patchBody(strings.Repeat(op+",", 2000) + op), ErrTooLarge, ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := typ.ParsePatch([]byte(c.body))
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("tolerant: got %v, want %v (%s)", err, c.err, c.reason)
			}
			_, err = typ.parsePatch([]byte(c.body), patchOptions{decodeOptions: decodeOptions{dialect: &dialect{strict: true}}})
			if !errors.Is(err, c.strict) || (err == nil) != (c.strict == nil) {
				t.Errorf("strict: got %v, want %v (%s)", err, c.strict, c.reason)
			}
		})
	}
	_, err := typ.parsePatch([]byte(patchBody(op, op, op)), patchOptions{maxOperations: 2})
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "limit of 2") {
		t.Errorf("three operations, limit 2: got %v", err)
	}
}

func TestPatchNamesRules(t *testing.T) {
	d := &dialect{}
	_, err := patchDocument(typesForPatch(t).user, d, `{"userName":"a"}`,
		`{"operations":[{"op":"Add","value":{"name.givenName":"x","id":"1","nope":1}},{"op":"Add","path":"roles[primary eq \"True\"].value","value":"r"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"unknownName", "messageSchema", "memberCase", "pathKeys", "createElement", "readOnlyIgnored", "filterBoolean"}
	if diff := cmp.Diff(want, d.rules()); diff != "" {
		t.Errorf("rules that fired: -want +got\n%s", diff)
	}
}

func TestPatchMembers(t *testing.T) {
	typ := typesForPatch(t).group
	types := []string{"User", "Group"}
	add := func(ids ...string) []Member {
		var list []Member
		for _, id := range ids {
			list = append(list, Member{ID: id})
		}
		return list
	}
	for _, c := range []struct {
		name, reason string
		ops          []string
		want         MemberDelta
		err          error
		detail       string
	}{
		{name: "add one", reason: "7.3, E116: $ref null", ops: []string{`{"op":"Add","path":"members","value":[{"$ref":null,"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add several", reason: "E117", ops: []string{`{"op":"Add","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "add with type and display", reason: "Okta sends display", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1","type":"User","display":"x"}]}`}, want: MemberDelta{Add: []Member{{ID: "U1", Type: "User"}}}},
		{name: "add one by one", reason: "E117, JumpCloud", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"add","path":"members","value":[{"value":"U2"}]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "add one twice", reason: "R-252", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"},{"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add nobody", reason: "A-44", ops: []string{`{"op":"add","path":"members","value":[]}`, `{"op":"add","path":"members","value":null}`}},
		{name: "bare string", reason: "E125, D POSTMAN", ops: []string{`{"op":"add","path":"members","value":"string id 2"}`}, want: MemberDelta{Add: add("string id 2")}},
		{name: "array of strings", reason: "E125", ops: []string{`{"op":"add","path":"members","value":["U1","U2"]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "lone object", reason: "A-29", ops: []string{`{"op":"add","path":"members","value":{"value":"U1"}}`}, want: MemberDelta{Add: add("U1")}},
		{name: "no value in it", reason: "R-236", ops: []string{`{"op":"add","path":"members","value":[{"display":"x"}]}`}, err: ErrInvalidValue, detail: "operation 1 (add members): members[0]: a member needs a value"},
		{name: "remove listed", reason: "E119, E120, probe 18: never all", ops: []string{`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"U1"},{"value":"U2"}]}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "remove an empty list", reason: "E122, A-40", ops: []string{`{"op":"Remove","path":"members","value":[]}`}},
		{name: "remove all", reason: "E122, R-258", ops: []string{`{"op":"remove","path":"members"}`}, want: MemberDelta{Reset: true}},
		{name: "remove in Salesforce's shape", reason: "entra.md 12", ops: []string{`{"op":"remove","path":"members","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Remove: []string{"U1"}}},
		{name: "remove by filter", reason: "R-259, E121, probe 17", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"]"}`, `{"op":"remove","path":"members[value eq \"U2\"]"}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "remove by filter with or", reason: "no read is needed", ops: []string{`{"op":"remove","path":"members[value eq \"U1\" or value eq \"U2\"]"}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "replace", reason: "E123, keycloak #52752", ops: []string{`{"op":"replace","path":"members","value":[{"value":"U1"}]}`}, want: MemberDelta{Reset: true, Add: add("U1")}},
		{name: "replace by []", reason: "E123", ops: []string{`{"op":"replace","path":"members","value":[]}`}, want: MemberDelta{Reset: true}},
		{name: "replace by null", reason: "E123", ops: []string{`{"op":"replace","path":"members","value":null}`}, want: MemberDelta{Reset: true}},
		{name: "add without path", reason: "E124", ops: []string{`{"op":"add","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Add: add("U1")}},
		{name: "replace without path", reason: "E124, Okta", ops: []string{`{"op":"replace","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Reset: true, Add: add("U1")}},
		{name: "replace by null through a filter", reason: "A-41", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"]","value":null}`}, want: MemberDelta{Remove: []string{"U1"}}},
		{name: "replace by null through a key with a filter", reason: "A-41, A-42", ops: []string{`{"op":"replace","value":{"members[value eq \"U1\"]":null,"members":[]}}`}, want: MemberDelta{Reset: true}},
		{name: "add null through a filter", reason: "A-44", ops: []string{`{"op":"add","path":"members[value eq \"U1\"]","value":null}`}},
		{name: "remove, then add", reason: "R-232: the last word holds", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"]"}`, `{"op":"add","path":"members","value":[{"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add, then remove", reason: "R-232", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`, `{"op":"remove","path":"members[value eq \"U1\"]"}`}, want: MemberDelta{Add: add("U2"), Remove: []string{"U1"}}},
		{name: "add, then remove all", reason: "R-232", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"remove","path":"members"}`}, want: MemberDelta{Reset: true}},
		{name: "replace, remove, add", reason: "R-232", ops: []string{`{"op":"replace","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`, `{"op":"remove","path":"members","value":[{"value":"U1"}]}`, `{"op":"add","path":"members","value":[{"value":"U3"}]}`}, want: MemberDelta{Reset: true, Add: add("U2", "U3")}},
		{name: "display of a member", reason: "A-50: accepted, the server knows better", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"replace","path":"members[value eq \"U1\"].display","value":"x"}`}, want: MemberDelta{Add: add("U1")}},
		{name: "value of a member", reason: "R-272, A-50", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"].value","value":"U2"}`}, err: ErrMutability, detail: "members.value cannot change"},
		{name: "value of all members", reason: "R-272", ops: []string{`{"op":"replace","path":"members.value","value":"U2"}`}, err: ErrMutability},
		{name: "value of a member removed", reason: "R-272", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"].value"}`}, err: ErrMutability},
		{name: "a member replaced by an object", reason: "R-272", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"]","value":{"value":"U2"}}`}, err: ErrMutability},
		{name: "what is read-only beside it", reason: "E127: ignored, so the document is not needed", ops: []string{`{"op":"add","value":{"id":"1","members":[{"value":"U1"}]}}`}, want: MemberDelta{Add: add("U1")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if c.err != nil {
				if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.detail) {
					t.Errorf("got error %v, want %v with %q (%s)", err, c.err, c.detail, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("got error %v (%s)", err, c.reason)
			}
			if !c.want.IsZero() {
				c.want.Types = types
			}
			got, only := p.Members()
			if !only || p.NeedsMembers() {
				t.Errorf("the patch is not known to be about members only (%s)", c.reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", c.reason, diff)
			}
			change, err := p.Apply(&Resource{Version: "7"})
			if diff := cmp.Diff(c.want, change.Members); err != nil || diff != "" || !change.Document.IsZero() || change.Version != "" {
				t.Errorf("Apply: got %+v, %v, want the same members and nothing else", change, err)
			}
		})
	}
}

func TestPatchManyMembers(t *testing.T) {
	// E117: 1,000 members in one operation, and an operation for each.
	typ := typesForPatch(t).group
	var list, ops []string
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint("U", i))
		list = append(list, fmt.Sprintf(`{"value":"U%d"}`, i))
		ops = append(ops, fmt.Sprintf(`{"op":"Add","path":"members","value":[{"value":"U%d"}]}`, i))
	}
	again := append(append([]string{}, ops...), `{"op":"Add","path":"members","value":[`+strings.Join(list, ",")+`]}`)
	for name, body := range map[string]string{
		"one operation":   patchBody(`{"op":"Add","path":"members","value":[` + strings.Join(list, ",") + `]}`),
		"many operations": patchBody(ops...),
		"both":            patchBody(again...),
	} {
		p, err := typ.ParsePatch([]byte(body))
		if err != nil {
			t.Fatal(name, err)
		}
		delta, only := p.Members()
		var got []string
		for _, m := range delta.Add {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || !only {
			t.Errorf("%s: only members %v, added -want +got\n%s", name, only, diff)
		}
	}
}

func TestPatchMembersByOtherFilters(t *testing.T) {
	typ := typesForPatch(t).group
	members := SetOf(Member{ID: "U1", Type: "User"}, Member{ID: "U2", Type: "User"}, Member{ID: "G1", Type: "Group"})
	for _, c := range []struct {
		name string
		ops  []string
		want MemberDelta
	}{
		{"all of a type", []string{`{"op":"remove","path":"members[type eq \"User\"]"}`}, MemberDelta{Remove: []string{"U1", "U2"}}},
		{"all but one", []string{`{"op":"remove","path":"members[not (value eq \"U1\")]"}`}, MemberDelta{Remove: []string{"U2", "G1"}}},
		{"one added before", []string{`{"op":"add","path":"members","value":[{"value":"U9","type":"User"}]}`, `{"op":"remove","path":"members[value sw \"U\"]"}`}, MemberDelta{Remove: []string{"U9", "U1", "U2"}}},
		{"one added after", []string{`{"op":"remove","path":"members[value sw \"U\"]"}`, `{"op":"add","path":"members","value":[{"value":"U1"}]}`}, MemberDelta{Add: []Member{{ID: "U1"}}, Remove: []string{"U2"}}},
		{"after a replace", []string{`{"op":"replace","path":"members","value":["U7","G7"]}`, `{"op":"remove","path":"members[value sw \"U\"]"}`}, MemberDelta{Reset: true, Add: []Member{{ID: "G7"}}}},
		{"nobody", []string{`{"op":"remove","path":"members[value sw \"zz\"]"}`}, MemberDelta{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if err != nil {
				t.Fatal(err)
			}
			if _, only := p.Members(); only || !p.NeedsMembers() {
				t.Errorf("the patch does not ask to see the members")
			}
			got, err := p.Apply(&Resource{Document: Document{raw: "{}"}, Members: members})
			if err != nil {
				t.Fatal(err)
			}
			if !c.want.IsZero() {
				c.want.Types = []string{"User", "Group"}
			}
			if diff := cmp.Diff(c.want, got.Members); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPatchGroup(t *testing.T) {
	typ := typesForPatch(t).group
	const doc = `{"externalId":"e","displayName":"Sales"}`
	for _, c := range []struct {
		name, reason string
		ops          []string
		want         string
		members      bool
	}{
		{"rename", "7.4, E127", []string{`{"op":"Replace","path":"displayName","value":"New"}`}, `{"externalId":"e","displayName":"New"}`, false},
		{"rename without path", "E127, Okta sends the id along", []string{`{"op":"replace","value":{"id":"g","displayName":"New"}}`}, `{"externalId":"e","displayName":"New"}`, false},
		{"externalId", "E128, langwatch #7131: membership untouched", []string{`{"op":"Replace","path":"externalId","value":"f"}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"externalId added", "E128, rancher PR #55776", []string{`{"op":"Add","path":"externalId","value":"f"}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"externalId without path", "E128", []string{`{"op":"replace","value":{"externalId":"f"}}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"rename and members", "E129", []string{`{"op":"Replace","path":"displayName","value":"New"}`, `{"op":"Add","path":"members","value":[{"value":"U"}]}`}, `{"externalId":"e","displayName":"New"}`, true},
		{"same name and members", "R-253: only the members change", []string{`{"op":"Replace","path":"displayName","value":"Sales"}`, `{"op":"Add","path":"members","value":[{"value":"U"}]}`}, doc, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if err != nil {
				t.Fatal(err)
			}
			if _, only := p.Members(); only {
				t.Errorf("the patch claims to be about members only (%s)", c.reason)
			}
			before, _ := ReadDocument(doc)
			got, err := p.Apply(&Resource{Version: "7", Document: before})
			if err != nil {
				t.Fatal(err)
			}
			after := got.Document.String()
			if got.Document.IsZero() {
				after = doc
			}
			if after != c.want || (len(got.Members.Add) == 1) != c.members {
				t.Errorf("%s: got %s and members %+v, want %s", c.reason, after, got.Members, c.want)
			}
		})
	}
	p, err := typ.ParsePatch([]byte(patchBody()))
	if _, only := p.Members(); err != nil || only {
		t.Errorf("no operations at all: got error %v, only members %v; want the group to be looked up", err, only)
	}
	if _, err := typ.ParsePatch([]byte(patchBody(`{"op":"remove","path":"displayName"}`))); err != nil {
		t.Errorf("whether a required attribute is left is Apply's to say, got %v", err)
	}
}

func TestPatchNamed(t *testing.T) {
	typ, err := NewResourceType(TypeDefinition{Name: "T", Endpoint: "Ts", Schema: &Schema{ID: "urn:t", Attributes: []Attribute{
		{Name: "secret", Returned: ReturnedRequest}, {Name: "name", Type: TypeComplex, SubAttributes: []Attribute{{Name: "given"}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := typ.ParsePatch([]byte(patchBody(`{"op":"add","path":"secret","value":"x"}`, `{"op":"add","path":"name.given","value":"x"}`)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range p.named() {
		got = append(got, n.path)
	}
	if diff := cmp.Diff([]string{"secret", "name.given"}, got); diff != "" {
		t.Errorf("named: -want +got\n%s", diff)
	}
}

func TestPatchCost(t *testing.T) {
	// 2,000 operations on 30,000 elements must end soon, one way or another.
	typ := typesForPatch(t).user
	var many strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&many, `,{"value":"role%d"}`, i)
	}
	doc := `{"userName":"a","roles":[` + many.String()[1:] + `]}`
	for name, op := range map[string]string{
		"filter": `{"op":"replace","path":"roles[type eq \"x\"].value","value":""}`,
		"add":    `{"op":"add","path":"roles","value":[{"value":"x"}]}`,
		"list":   `{"op":"remove","path":"roles","value":[{"value":"x"},{"value":"y"}]}`,
	} {
		_, err := patchDocument(typ, nil, doc, patchBody(strings.Repeat(op+",", 1999)+op))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want %v", name, err, ErrTooLarge)
		}
	}
	group := typesForPatch(t).group
	var all []Member
	for i := range 100_000 {
		all = append(all, Member{ID: fmt.Sprint(i)})
	}
	none := `{"op":"remove","path":"members[not (value pr)]"}`
	for ops, want := range map[int]error{1: nil, 2000: ErrTooLarge} {
		p, err := group.ParsePatch([]byte(patchBody(strings.Repeat(none+",", ops-1) + none)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Apply(&Resource{Members: SetOf(all...)}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%d operations on 100,000 members: got %v, want %v", ops, err, want)
		}
	}
	one := `{"op":"remove","path":"roles","value":[{"value":"role29999"}]}`
	if _, err := patchDocument(typ, nil, doc, patchBody(one)); err != nil {
		t.Errorf("one operation on many elements: %v", err)
	}
}

// randomPatches yields operations of every kind on every kind of attribute.
type randomPatches struct{ *rand.Rand }

func (r randomPatches) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r randomPatches) text() string {
	return r.pick(`"a"`, `"b"`, `"A"`, `""`, `null`, `"True"`, `true`, `5`, `"5"`, `[]`, `{}`, `"é\n\"x"`, `"2026-01-31T12:00:00Z"`)
}

func (r randomPatches) element() string {
	var parts []string
	for _, name := range []string{"value", "type", "display", "primary", "formatted", "nope"} {
		if r.IntN(2) == 0 {
			parts = append(parts, fmt.Sprintf(`%q:%s`, name, r.text()))
		}
	}
	return r.pick(`{`+strings.Join(parts, ",")+`}`, r.text(), `{"value":"{\"value\":\"a\",\"displayName\":\"b\"}"}`)
}

func (r randomPatches) value() string {
	return r.pick(r.text(), r.element(), `[`+r.element()+`,`+r.element()+`]`, `{"givenName":`+r.text()+`,"familyName":`+r.text()+`}`,
		`{"name":{"givenName":`+r.text()+`},"emails":[`+r.element()+`],"title":`+r.text()+`}`, `[`+r.text()+`,`+r.text()+`]`)
}

func (r randomPatches) path() string {
	name := r.pick("userName", "title", "name", "name.givenName", "emails", "roles", "addresses", "active", "manager", "emails.type", "nope",
		"department", customURI+":tags", customURI+":badge", customURI+":hired", customURI, entURN[1:len(entURN)-1])
	if r.IntN(3) > 0 {
		return name
	}
	return r.pick("emails", "roles", "addresses", customURI+":tags") + r.pick(`[type eq "a"]`, `[value eq "a"]`, `[primary eq true]`, `[type eq "a" and value eq "b"]`, `[value pr]`, `[not (type eq "a")]`) +
		r.pick("", ".value", ".type", ".primary", ".display", ".formatted")
}

func (r randomPatches) operation(op string) string {
	if r.IntN(4) == 0 && op != "remove" {
		return fmt.Sprintf(`{"op":%q,"value":{%s:%s}}`, op, asJSON(r.path()), r.value())
	}
	return fmt.Sprintf(`{"op":%q,"path":%s,"value":%s}`, op, asJSON(r.path()), r.value())
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestRandomPatches(t *testing.T) {
	typ := typesForPatch(t).user
	changed := 0
	for seed := range uint64(100) {
		r := randomPatches{rand.New(rand.NewPCG(seed, 1))}
		doc := `{"userName":"a"}`
		for range 200 {
			ops := []string{r.operation(r.pick("add", "replace", "remove"))}
			for r.IntN(3) == 0 {
				ops = append(ops, r.operation(r.pick("add", "replace", "remove")))
			}
			body := patchBody(ops...)
			got, err := patchDocument(typ, nil, doc, body)
			var known *Error
			if err != nil {
				if !errors.As(err, &known) || known.Kind == ErrInvalidSyntax {
					t.Fatalf("seed %d: %s\non %s\ngives %v", seed, body, doc, err)
				}
				continue
			}
			mustBeCanonical(t, typ, got, body, doc)
			if got != doc {
				changed++
			}
			doc = got
		}
	}
	if changed < 1500 {
		t.Errorf("only %d patches changed something: the test has lost its teeth", changed)
	}
}

// mustBeCanonical checks that the result of a patch is what a client would get
// that creates a resource of it.
func mustBeCanonical(t *testing.T, typ *ResourceType, got, body, doc string) {
	t.Helper()
	again, err := typ.decode([]byte(got), decodeOptions{})
	if err != nil || again.document.raw != got {
		t.Fatalf("%s\non %s\ngives    %s\nwhich is %s, %v", body, doc, got, again.document.raw, err)
	}
	if n := typ.lacking(again.document); n != nil {
		t.Fatalf("%s\non %s\ngives %s\nwhich lacks %s", body, doc, got, n.path)
	}
}

func TestReplaceTwice(t *testing.T) {
	// What replace sets, the same replace leaves as it is: Entra repeats itself.
	// A filter must not ask for what is replaced, or it finds others next time.
	typ := typesForPatch(t).user
	changed := 0
	for seed := range uint64(3000) {
		r := randomPatches{rand.New(rand.NewPCG(seed, 2))}
		doc := `{"userName":"a","emails":[{"value":"x","type":"a"},{"value":"y","type":"b","primary":true}],"roles":[{"value":"z","type":"A"}]}`
		for range 3 {
			if next, err := patchDocument(typ, nil, doc, patchBody(r.operation("add"))); err == nil {
				doc = next
			}
		}
		path := r.path()
		for strings.Contains(path, "[") {
			path = r.path()
		}
		if r.IntN(2) == 0 {
			path = r.pick("emails", "roles", "addresses") + `[type eq "a"]` + r.pick(".value", ".primary", ".display", ".formatted")
		}
		body := patchBody(fmt.Sprintf(`{"op":"replace","path":%s,"value":%s}`, asJSON(path), r.value()))
		once, err := patchDocument(typ, nil, doc, body)
		if err != nil || once == doc {
			continue
		}
		changed++
		if twice, err := patchDocument(typ, nil, once, body); err != nil || twice != once {
			t.Fatalf("seed %d: %s\non    %s\nonce  %s\ntwice %s, %v", seed, body, doc, once, twice, err)
		}
	}
	if changed < 300 {
		t.Errorf("only %d patches changed something: the test has lost its teeth", changed)
	}
}

// A user as Entra's default mapping makes it.
const benchmarkUser = `{"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","userName":"adele.vance@example.com","name":{"formatted":"Adele Vance","familyName":"Vance","givenName":"Adele"},` +
	`"displayName":"Adele Vance","title":"Retail Manager","preferredLanguage":"en-US","active":true,` +
	`"emails":[{"value":"adele.vance@example.com","type":"work","primary":true}],"phoneNumbers":[{"value":"+1 425 555 0109","type":"work"},{"value":"+1 425 555 0110","type":"mobile"}],` +
	`"addresses":[{"formatted":"18/2111","streetAddress":"1 Main St","locality":"Bellevue","region":"WA","postalCode":"98004","country":"US","type":"work"}],` +
	entURN + `:{"employeeNumber":"701984","department":"Retail","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}}}`

func benchmarkPatch(b *testing.B, typ *ResourceType, doc, body string) {
	before, err := ReadDocument(doc)
	if err != nil {
		b.Fatal(err)
	}
	r := &Resource{Version: "1", Document: before}
	b.ReportAllocs()
	for b.Loop() {
		p, err := typ.parsePatch([]byte(body), patchOptions{decodeOptions: decodeOptions{dialect: &dialect{}}})
		if err != nil {
			b.Fatal(err)
		}
		if _, only := p.Members(); only {
			continue
		}
		if c, err := p.Apply(r); err != nil || c.IsZero() {
			b.Fatal(c, err)
		}
	}
}

func BenchmarkPatchActive(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).user, benchmarkUser, patchBody(`{"op":"Replace","path":"active","value":"False"}`))
}

func BenchmarkPatchEmail(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).user, benchmarkUser, patchBody(`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"adele@example.com"}`))
}

func BenchmarkPatchMembers1(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).group, `{"displayName":"Sales"}`, patchBody(`{"op":"Add","path":"members","value":[{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}]}`))
}

func TestPatchOfElementsWithRules(t *testing.T) {
	s, err := ParseSchema([]byte(`{"id":"urn:example:2.0:Thing","name":"Thing","attributes":[{"name":"els","type":"complex","multiValued":true,"subAttributes":[
		{"name":"value"},{"name":"display"},{"name":"type"},{"name":"primary","type":"boolean"},
		{"name":"label","mutability":"immutable"},{"name":"ro","mutability":"readOnly"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := NewResourceType(TypeDefinition{Name: "Thing", Endpoint: "Things", Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, doc, op, want string
		err                 error
	}{
		{"two primaries in JSON text", `{}`, `{"op":"replace","path":"els","value":[{"value":"{\"value\":\"p\",\"primary\":true}"},{"value":"{\"value\":\"q\",\"primary\":true}"}]}`, "", ErrInvalidValue},
		{"a read-only sub-attribute by creation", `{}`, `{"op":"replace","path":"els[ro eq \"x\"].value","value":"v"}`, "", ErrNoTarget},
		{"a condition that nothing meets", `{}`, `{"op":"replace","path":"els[type eq \"a\" and type eq \"b\"].value","value":"v"}`, "", ErrNoTarget},
		{"an immutable sub-attribute by add", `{"els":[{"value":"a","type":"work","label":"L"}]}`, `{"op":"add","path":"els","value":[{"value":"a","type":"work","label":"M"}]}`, "", ErrMutability},
		{"the same label again", `{"els":[{"value":"a","type":"work","label":"L"}]}`, `{"op":"add","path":"els","value":[{"value":"a","type":"work","label":"L"}]}`, `{"els":[{"value":"a","type":"work","label":"L"}]}`, nil},
		{"clearing one leaves the other alone", `{"els":[{"display":"H","type":"home"},{"value":"w","type":"work"}]}`, `{"op":"replace","path":"els[type eq \"work\"].value","value":""}`, `{"els":[{"display":"H","type":"home"}]}`, nil},
		{"the last primary added wins", `{"els":[{"value":"a","primary":true}]}`, `{"op":"add","path":"els","value":[{"value":"b","primary":true}]}`, `{"els":[{"value":"a","primary":false},{"value":"b","primary":true}]}`, nil},
	} {
		got, err := patchDocument(typ, nil, c.doc, patchBody(c.op))
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || err == nil && got != c.want {
			t.Errorf("%s: got %s, %v; want %s, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestPatchPathsAreBounded(t *testing.T) {
	typ := typesForPatch(t).user
	long := strings.Repeat(`type eq \"q\" or `, 1000) + `type eq \"q\"`
	if _, err := typ.ParsePatch([]byte(patchBody(`{"op":"remove","path":"emails[` + long + `]"}`))); !errors.Is(err, ErrInvalidPath) {
		t.Errorf("a path of %d bytes: %v", len(long), err)
	}
}
