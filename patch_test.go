package scim

import (
	"encoding/json"
	"errors"
	"fmt"
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
