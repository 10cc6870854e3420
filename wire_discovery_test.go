package scim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// publishedSchema is a schema as /Schemas shows it.
type publishedSchema struct {
	ID         string
	Attributes []publishedAttribute
}

type publishedAttribute struct {
	Name, Type, Mutability, Returned, Uniqueness, Description string
	MultiValued, Required, CaseExact                          *bool
	CanonicalValues, ReferenceTypes                           []string
	SubAttributes                                             []publishedAttribute
}

func (e site) schemas() map[string]publishedSchema {
	e.t.Helper()
	var list struct{ Resources []publishedSchema }
	if err := json.Unmarshal([]byte(e.must(200, "GET", "/Schemas", "").body), &list); err != nil {
		e.t.Fatal(err)
	}
	all := map[string]publishedSchema{}
	for _, s := range list.Resources {
		all[s.ID] = s
	}
	return all
}

// names are the attribute names that Microsoft's Schema_Discoverability_Test
// makes of a schema (entra.md section 4).
func (s publishedSchema) names(prefix string) (names []string) {
	for _, a := range s.Attributes {
		name := prefix + a.Name
		switch {
		case a.Type == "reference":
		case a.Type != "complex", a.Name == "manager", a.Name == "members":
			names = append(names, name)
		case a.MultiValued == nil || !*a.MultiValued:
			for _, sub := range a.SubAttributes {
				if sub.Type != "complex" && sub.Type != "reference" {
					names = append(names, name+"."+sub.Name)
				}
			}
		default:
			names = append(names, a.elements(name)...)
		}
	}
	return names
}

// elements are the names of a multi-valued attribute's elements: one of each
// canonical type, or the primary one.
func (a publishedAttribute) elements(name string) (names []string) {
	var types []string
	for _, sub := range a.SubAttributes {
		if strings.EqualFold(sub.Name, "type") {
			types = sub.CanonicalValues
		}
	}
	selectors := []string{`primary eq "True"`}
	if len(types) > 0 {
		selectors = nil
		for _, typ := range types {
			selectors = append(selectors, fmt.Sprintf("type eq %q", typ))
		}
	}
	for _, selector := range selectors {
		for _, sub := range a.SubAttributes {
			if !strings.EqualFold(sub.Name, "type") && !strings.EqualFold(sub.Name, "primary") {
				names = append(names, fmt.Sprintf("%s[%s].%s", name, selector, sub.Name))
			}
		}
	}
	return names
}

// TestSchemasFlattened is E142: the names that are made of /Schemas cover
// Entra's default mapping. One that is missing fails the whole of Microsoft's
// Schema_Discoverability_Test.
func TestSchemasFlattened(t *testing.T) {
	schemas := newSite(t, new(memstore.Store), nil).schemas()
	for _, tt := range []struct {
		schema, prefix string
		mapped         []string // entra.md 5.4, and 6.4 for roles
	}{
		{scim.UserSchemaURI, "", []string{
			"externalId", "userName", "active", "displayName", "title", "preferredLanguage",
			"name.givenName", "name.familyName", "name.formatted",
			`emails[type eq "work"].value`,
			`phoneNumbers[type eq "work"].value`, `phoneNumbers[type eq "mobile"].value`, `phoneNumbers[type eq "fax"].value`,
			`addresses[type eq "work"].formatted`, `addresses[type eq "work"].streetAddress`, `addresses[type eq "work"].locality`,
			`addresses[type eq "work"].region`, `addresses[type eq "work"].postalCode`, `addresses[type eq "work"].country`,
			`roles[primary eq "True"].value`,
			// Further ones that the portal offers.
			"nickName", "userType", "locale", "timezone", `emails[type eq "home"].value`, `emails[type eq "other"].value`,
			`addresses[type eq "other"].formatted`, `phoneNumbers[type eq "home"].value`, `phoneNumbers[type eq "pager"].value`,
			`phoneNumbers[type eq "other"].value`, "name.honorificPrefix", "name.honorificSuffix", "name.middleName",
		}},
		{scim.EnterpriseUserSchemaURI, scim.EnterpriseUserSchemaURI + ":", []string{
			scim.EnterpriseUserSchemaURI + ":employeeNumber", scim.EnterpriseUserSchemaURI + ":department", scim.EnterpriseUserSchemaURI + ":manager",
			scim.EnterpriseUserSchemaURI + ":costCenter", scim.EnterpriseUserSchemaURI + ":division", scim.EnterpriseUserSchemaURI + ":organization",
		}},
		{scim.GroupSchemaURI, "", []string{"externalId", "displayName", "members"}},
	} {
		schema, ok := schemas[tt.schema]
		if !ok {
			t.Errorf("/Schemas lacks %s: if the group's is missing, all group tests fail", tt.schema)
			continue
		}
		names := schema.names(tt.prefix)
		for _, want := range tt.mapped {
			if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, want) }) {
				t.Errorf("%s: nothing flattens to %s\ngot %s", tt.schema, want, strings.Join(names, "\n    "))
			}
		}
	}
}

// What is published of an attribute is complete (RFC 7643 §7), in the spelling
// of the RFC, and true: Microsoft's validator compares it.
func TestSchemasAreComplete(t *testing.T) {
	var check func(t *testing.T, path string, a publishedAttribute, nested bool)
	check = func(t *testing.T, path string, a publishedAttribute, nested bool) {
		allowed := map[string][]string{
			a.Type:       {"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"},
			a.Mutability: {"readOnly", "readWrite", "immutable", "writeOnly"},
			a.Returned:   {"always", "never", "default", "request"},
		}
		for got, values := range allowed {
			if !slices.Contains(values, got) {
				t.Errorf("%s: got %q, want one of %v", path, got, values)
			}
		}
		if a.MultiValued == nil || a.Required == nil || a.Description == "" {
			t.Errorf("%s lacks multiValued, required or its description", path)
		}
		complex := a.Type == "complex"
		switch {
		case complex && (a.CaseExact != nil || a.Uniqueness != ""):
			t.Errorf("%s: a complex attribute has no caseExact and no uniqueness (EID 6004)", path)
		case !complex && a.Type == "string" && (a.CaseExact == nil || a.Uniqueness == ""):
			t.Errorf("%s: a string has caseExact and uniqueness", path)
		case complex && nested:
			t.Errorf("%s: complex inside complex (EID 8415)", path)
		case complex != (len(a.SubAttributes) > 0):
			t.Errorf("%s: type %s with %d sub-attributes", path, a.Type, len(a.SubAttributes))
		case (a.Type == "reference") != (len(a.ReferenceTypes) > 0):
			t.Errorf("%s: type %s with referenceTypes %v", path, a.Type, a.ReferenceTypes)
		}
		if a.Name == "type" && nested && len(a.CanonicalValues) == 0 && !slices.ContainsFunc([]string{"roles", "entitlements", "x509Certificates"}, func(s string) bool { return strings.Contains(path, s) }) {
			t.Errorf("%s has no canonicalValues: no names can be made of it (entra.md section 4)", path)
		}
		for _, sub := range a.SubAttributes {
			check(t, path+"."+sub.Name, sub, true)
		}
	}
	schemas := newSite(t, new(memstore.Store), nil).schemas()
	for id, s := range schemas {
		for _, a := range s.Attributes {
			check(t, id+":"+a.Name, a, false)
		}
	}
	if len(schemas) != 3 {
		t.Errorf("got %d schemas, want User, Group and EnterpriseUser", len(schemas))
	}

	// What is not served is not published: the validator refuses password.
	for _, absent := range []string{`"password"`, `"null"`, ":null"} {
		if body := newSite(t, new(memstore.Store), nil).must(200, "GET", "/Schemas", "").body; strings.Contains(body, absent) {
			t.Errorf("/Schemas has %s", absent)
		}
	}
}

// Every schema that a resource names is published, and every one that is
// published is named by a resource type.
func TestSchemasOfResources(t *testing.T) {
	e := newSite(t, new(memstore.Store), nil)
	schemas := e.schemas()
	named := map[string]bool{}
	var types struct {
		Resources []struct {
			Schema           string
			SchemaExtensions []struct{ Schema string }
		}
	}
	if err := json.Unmarshal([]byte(e.must(200, "GET", "/ResourceTypes", "").body), &types); err != nil {
		t.Fatal(err)
	}
	for _, r := range types.Resources {
		named[r.Schema] = true
		for _, x := range r.SchemaExtensions {
			named[x.Schema] = true
		}
	}
	for id := range named {
		if _, ok := schemas[id]; !ok {
			t.Errorf("a resource type names %s, which /Schemas lacks", id)
		}
	}
	for id := range schemas {
		if !named[id] {
			t.Errorf("/Schemas has %s, which no resource type names", id)
		}
	}
	user := e.must(201, "POST", "/Users", `{"userName":"ann@example.com","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`)
	for _, s := range user.doc["schemas"].([]any) {
		if _, ok := schemas[s.(string)]; !ok {
			t.Errorf("a user has the schema %s, which /Schemas lacks", s)
		}
	}
}
