package scim_test

import (
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// TestDefinitionsRefused: what would go wrong at the first request is said when
// the type is made.
func TestDefinitionsRefused(t *testing.T) {
	users := func(remove ...string) scim.TypeDefinition {
		typ, err := scim.UserType()
		if err != nil {
			t.Fatal(err)
		}
		def := typ.Definition()
		def.Schema = scim.UserSchema()
		def.Schema.Remove(remove...)
		return def
	}
	for _, tt := range []struct {
		name   string
		def    func() scim.TypeDefinition
		want   string // in the error; empty: none
		reason string
	}{
		{"whole", func() scim.TypeDefinition { return users() }, "", "the schema of RFC 7643"},
		{"without nickName", func() scim.TypeDefinition { return users("nickName", "NICKNAME") }, "", "what is not kept is left out"},
		{"without active", func() scim.TypeDefinition { return users("Active") }, "must keep active", "a disable would be ignored, and answered 200"},
		{"active as text", func() scim.TypeDefinition {
			def := users()
			def.Schema.Attribute("active").Type = scim.TypeString
			return def
		}, "must keep active, a boolean", "hooks would not see it"},
		{"active read-only", func() scim.TypeDefinition {
			def := users()
			def.Schema.Attribute("active").Mutability = scim.ReadOnly
			return def
		}, "that clients may write", "a disable would be ignored"},
		{"an own type without active", func() scim.TypeDefinition {
			def := users("active")
			def.Schema.ID = "urn:example:Guest"
			return def
		}, "", "RFC 7643's rule is of its own users"},
		{"without an indexed attribute", func() scim.TypeDefinition { return users("userName") }, `the definition's Indexed names "userName"`, "the field to change"},
		{"without groups", func() scim.TypeDefinition { return users("groups") }, `Groups "groups" names no attribute`, "the field to change"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := scim.NewResourceType(tt.def())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got error %v, want one with %q (%s)", err, tt.want, tt.reason)
			}
		})
	}
}
