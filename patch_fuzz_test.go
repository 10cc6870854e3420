package scim

import (
	"errors"
	"testing"
)

// FuzzPatch applies any body to a user and to a group. Nothing panics, what is
// wrong is told as an Error that a client may see, and what comes out is as
// canonical as what went in.
func FuzzPatch(f *testing.F) {
	for _, op := range []string{
		`{"op":"Replace","path":"active","value":"False"}`,
		`{"op":"Add","path":"emails[type eq \"work\"].value","value":"x"}`,
		`{"op":"replace","value":{"name.givenName":"x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"y","id":"1"}}`,
		`{"op":"Add","path":"manager","value":[{"$ref":null,"value":"m"}]}`,
		`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"1\",\"value\":\"25\",\"displayName\":\"R\"}","primary":"True"}]}`,
		`{"op":"Remove","path":"members","value":[{"value":"a"}]}`,
		`{"op":"remove","path":"members[value eq \"a\" or type eq \"User\"]"}`,
		`{"op":"replace","path":"members","value":["a",{"value":"b"}]}`,
		`{"op":"remove","path":"emails[not (primary eq true) and value co \"x\"]"}`,
		`{"op":"replace","path":"addresses[type eq \"home\"]","value":{"region":null,"primary":true}}`,
		`{"op":"add","path":"urn:example:params:scim:schemas:extension:acme:2.0:User:tags","value":["x","y"]}`,
	} {
		f.Add(patchBody(op), `{"userName":"a","emails":[{"value":"w","type":"work","primary":true},{"value":"x"}],"roles":[{"value":"25"}]}`)
		f.Add(patchBody(op, op), `{"userName":"a"}`)
	}
	types := typesForPatch(f)
	members := SetOf(Member{ID: "a", Type: "User"}, Member{ID: "b", Type: "Group"})
	f.Fuzz(func(t *testing.T, body, resource string) {
		for _, typ := range []*ResourceType{types.user, types.group} {
			in, err := typ.decode([]byte(resource), decodeOptions{})
			if err != nil {
				continue
			}
			for _, d := range []*dialect{nil, {strict: true}} {
				p, err := typ.parsePatch([]byte(body), patchOptions{decodeOptions: decodeOptions{dialect: d}})
				if err != nil {
					mustBeTold(t, err)
					continue
				}
				c, err := p.Apply(&Resource{Document: in.document, Members: members})
				if err != nil {
					mustBeTold(t, err)
					continue
				}
				if ids := c.Members.Remove; c.Members.Reset && len(ids) > 0 {
					t.Errorf("%s: members %v are removed after all of them were", body, ids)
				}
				if c.Document.IsZero() {
					continue
				}
				if again, err := ReadDocument(c.Document.raw); err != nil || len(again.spans) != len(c.Document.spans) {
					t.Fatalf("%s\non %s\ngives %s, which is damaged", body, in.document.raw, c.Document.raw)
				}
				if d == nil && typ.lacking(in.document) == nil {
					mustBeCanonical(t, typ, c.Document.raw, body, in.document.raw)
				}
			}
		}
	})
}

func mustBeTold(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Detail == "" {
		t.Errorf("got %v, want an Error with a detail", err)
	}
}

// FuzzPatchPath resolves any path. Nothing panics, only paths and filters are
// complained of, and a path that resolves does so again from its canonical
// spelling.
func FuzzPatchPath(f *testing.F) {
	for _, path := range []string{
		"userName", "name.givenName", "emails", "emails.value", `emails[type eq "work"]`, `emails[type eq "work"].value`, `roles[primary eq "True"].value`,
		EnterpriseUserSchemaURI, EnterpriseUserSchemaURI + ":manager", EnterpriseUserSchemaURI + ":manager.value", EnterpriseUserSchemaURI + ".department", "manager", "MANAGER",
		`colours[a eq "]"].b`, `emails[type eq "\"]"]`, `emails[(type eq "a" or value pr) and not (primary eq true)]`, "a..b", "[", "]", "urn:", ":",
		customURI + `:tags[value eq "x"]`, customURI + `:tags eq "x"`, "emails[", "emails[]", "emails[type eq 1].", " ",
	} {
		f.Add(path)
	}
	typ := typesForPatch(f).user
	f.Fuzz(func(t *testing.T, path string) {
		at, err := typ.parsePatchPath(typ.root, path, nil)
		if err != nil {
			mustBeTold(t, err)
			if !errors.Is(err, ErrInvalidPath) && !errors.Is(err, ErrInvalidFilter) {
				t.Errorf("%q: got %v", path, err)
			}
			return
		}
		if at.n == nil {
			return
		}
		spelled := at.n.path
		if at.filter != nil {
			spelled = Some{Path{at.n}, at.filter}.String()
		}
		if at.sub != nil {
			spelled += "." + at.sub.name
		}
		again, err := typ.parsePatchPath(typ.root, spelled, nil)
		if err != nil || again.n != at.n || again.sub != at.sub || again.some != at.some {
			t.Fatalf("%q is %q, which resolves to %+v, %v", path, spelled, again, err)
		}
		if at.filter != nil && again.filter.String() != at.filter.String() {
			t.Errorf("%q is %q, whose filter is %s", path, spelled, again.filter)
		}
	})
}
