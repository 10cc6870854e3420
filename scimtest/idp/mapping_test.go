package idp_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

const customURN = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User"

// TestCustomMappingsOnTheWire: constants, defaults, attributes for creation
// alone, extra properties and custom extensions.
func TestCustomMappingsOnTheWire(t *testing.T) {
	var mappings []idp.Mapping
	if err := json.Unmarshal([]byte(`[
 {"source": "ToLower([userPrincipalName])", "target": "userName", "matching": 1},
 {"source": "Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")", "target": "active"},
 {"source": "\"Contoso\"", "target": "nickName"},
 {"source": "jobTitle", "target": "title", "default": "Employee"},
 {"source": "mail", "target": "emails[type eq \"home\"].value", "createOnly": true},
 {"source": "extensionAttribute1", "target": "`+customURN+`:costCenter"},
 {"source": "badge", "target": "`+customURN+`:badge"},
 {"source": "remote", "target": "`+customURN+`:remote"},
 {"source": "userPrincipalName", "target": "displayName"}
]`), &mappings); err != nil {
		t.Fatal(err)
	}
	var d idp.Directory
	if err := json.Unmarshal([]byte(`{"users": [{"id": "1", "userPrincipalName": "Ann_fabrikam.com#EXT#@contoso.example", "mail": "ann@fabrikam.com",
 "extensionAttribute1": "4130", "badge": 7, "remote": true, "manager": null, "hireDate": null}]}`), &d); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"extensionAttribute1": "4130", "badge": 7.0, "remote": true}; !reflect.DeepEqual(d.Users[0].Extra, want) {
		t.Fatalf("extra properties %v, want %v", d.Users[0].Extra, want)
	}
	entra, s := scripted(t, idp.Options{UserMappings: mappings, UsersOnly: true}, "")
	probe := step{"E020", "GET /Users?filter=userName+eq+%22GUID%22", "", 200, empty}
	sync := func() (*idp.Report, error) { return entra.Sync(t.Context(), d) }
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "userName":"ann@fabrikam.com","active":true,"nickName":"Contoso","title":"Employee","emails":[{"type":"home","value":"ann@fabrikam.com"}],
 "` + customURN + `":{"costCenter":"4130","badge":7,"remote":true},"displayName":"Ann@fabrikam.com","meta":{"resourceType":"User"},"roles":[]}`
	s.expect("create", sync, probe,
		step{"HOW: #EXT# and the tenant's domain are stripped", "GET /Users?filter=userName+eq+%22ann%40fabrikam.com%22", "", 200, empty},
		step{"E043: the data arrives under its URN, which is not in schemas (CUSTOM)", "POST /Users", body, 201, withID("U1", body)})

	u := d.User("1")
	u.Mail, u.Extra = "other@fabrikam.com", map[string]any{"extensionAttribute1": "99", "badge": 7, "remote": false}
	stored := strings.Replace(withID("U1", body), `"title":"Employee"`, `"title":"Head"`, 1)
	s.expect("update", sync, probe,
		step{"E051", "GET /Users/U1", "", 200, stored},
		step{"E077; neither the default nor what is for creation alone", "PATCH /Users/U1", patchOf(
			`{"op":"Replace","path":"` + customURN + `:costCenter","value":"99"},{"op":"Replace","path":"` + customURN + `:remote","value":"False"}`), 204, ""})
}

func TestMappingErrors(t *testing.T) {
	user := func(m ...idp.Mapping) idp.Options {
		return idp.Options{UserMappings: append(idp.DefaultUserMappings(), m...)}
	}
	roles := func(m idp.Mapping) idp.Options {
		o := user(m)
		o.AssignedOnly = true
		return o
	}
	for _, tt := range []struct {
		name    string
		options idp.Options
		want    string
	}{
		{"no function", user(idp.Mapping{Source: "Upper([mail])", Target: "nickName"}), "there is no function Upper"},
		{"no target", user(idp.Mapping{Source: "mail", Target: "emails[type eq work].value"}), "want a target such as"},
		{"target twice", user(idp.Mapping{Source: "mail", Target: "USERNAME"}), "another mapping has this target"},
		{"id", user(idp.Mapping{Source: "objectId", Target: "id"}), "the endpoint gives the id"},
		{"no matching", idp.Options{UserMappings: []idp.Mapping{{Source: "mail", Target: "userName"}}}, "no mapping has a Matching precedence"},
		{"matching by a reference", user(idp.Mapping{Source: "manager", Target: "boss", Matching: 2}), "a reference has neither"},
		{"manager elsewhere", user(idp.Mapping{Source: "[manager]", Target: "boss.value"}), "want the target manager"},
		{"members elsewhere", idp.Options{GroupMappings: []idp.Mapping{{Source: "displayName", Target: "displayName", Matching: 1}, {Source: "members", Target: "people"}}}, "want the target members"},
		{"unknown property of groups", idp.Options{GroupMappings: []idp.Mapping{{Source: "nickname", Target: "displayName", Matching: 1}}}, "there is no property nickname"},
		{"roles of everybody", user(idp.Mapping{Source: "AppRoleAssignmentsComplex([appRoleAssignments])", Target: "roles"}), "set AssignedOnly"},
		{"roles without a function", roles(idp.Mapping{Source: "appRoleAssignments", Target: "roles"}), "roles need a function"},
		{"roles elsewhere", roles(idp.Mapping{Source: "SingleAppRoleAssignment([appRoleAssignments])", Target: "roles"}), `roles[primary eq "True"].value`},
		{"no operator", idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "mail", Operator: "LIKE", Value: "x"}}}}, `Entra knows no operator "LIKE"`},
		{"no number", idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "level", Operator: "Greater_Than", Value: "x"}}}}, "want an integer"},
		{"no regular expression", idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "mail", Operator: "REGEX MATCH", Value: "("}}}}, "missing closing )"},
		{"scoping by manager", idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "manager", Operator: "IS NULL"}}}}, "Entra knows no scoping by manager"},
		{"credentials", idp.Options{Credentials: &idp.ClientCredentials{TokenURL: "x"}}, "want http:// or https://"},
		{"no secret", idp.Options{Credentials: &idp.ClientCredentials{TokenURL: "https://x.example", ClientID: "c"}}, "either a ClientSecret or an Assertion"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := idp.NewEntra("http://localhost", token, &tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestDefaultMappingsAreCopies: who changes them changes nobody else's.
func TestDefaultMappingsAreCopies(t *testing.T) {
	idp.DefaultUserMappings()[0].Target = "x"
	idp.DefaultGroupMappings()[0].Target = "x"
	if idp.DefaultUserMappings()[0].Target != "externalId" || idp.DefaultGroupMappings()[0].Target != "externalId" {
		t.Error("the defaults have changed")
	}
}
