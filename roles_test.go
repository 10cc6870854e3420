package scim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// The roles there are, for clients to choose from.
func ExampleRoleType() {
	roles, err := scim.RoleType()
	if err != nil {
		log.Fatal(err)
	}
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	store := new(memstore.Store)
	token := scim.StaticToken("an-example-has-no-secrets", scim.Principal{Tenant: "acme"})
	h, err := scim.NewHandler(store, token, &scim.Options{Types: []*scim.ResourceType{users, roles}})
	if err != nil {
		log.Fatal(err)
	}

	document, keys, err := roles.Encode(map[string]any{"value": "editor", "display": "Editor of pages", "supported": true})
	if err != nil {
		log.Fatal(err)
	}
	ref := scim.Ref{Tenant: "acme", Type: roles.Name()}
	if _, err := store.Create(context.Background(), ref, scim.Change{Document: document, Keys: keys}); err != nil {
		log.Fatal(err)
	}

	answer := post(h, "/Roles/.search", "an-example-has-no-secrets", `{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
		"filter": "supported eq true"
	}`)
	var page struct {
		Resources []struct{ Value, Display string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		log.Fatal(err)
	}
	for _, role := range page.Resources {
		fmt.Println(role.Value, "is the", role.Display)
	}
	// Output:
	// editor is the Editor of pages
}

// TestRights: R-422, R-423, R-424.
func TestRights(t *testing.T) {
	var types []*scim.ResourceType
	for _, of := range []func(...scim.Extension) (*scim.ResourceType, error){scim.UserType, scim.RoleType, scim.EntitlementType} {
		typ, err := of()
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, typ)
	}
	store := &memstore.Store{}
	e := newSite(t, store, &scim.Options{Types: types})
	put := func(typ *scim.ResourceType, v any) string {
		t.Helper()
		document, keys, err := typ.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		up, err := store.Create(t.Context(), scim.Ref{Tenant: "acme", Type: typ.Name()}, scim.Change{Document: document, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return up.Resource.ID
	}
	lead := put(types[1], map[string]any{
		"value": "global_lead", "display": "Global Team Lead", "type": "business", "supported": true, "limitedAssignmentsPermitted": true,
		"totalAssignmentsPermitted": 3, "totalAssignmentsUsed": 1, "contains": []string{"us_team_lead"},
	})
	put(types[1], map[string]any{"value": "us_team_lead", "supported": false, "containedBy": []string{"global_lead"}})
	put(types[2], map[string]any{"value": "license.full", "display": "Full license"})

	a := e.must(200, "GET", "/Roles/"+lead, "")
	for _, name := range []string{"meta", "id"} {
		delete(a.doc, name)
	}
	want := map[string]any{
		"schemas": []any{scim.RoleSchemaURI}, "value": "global_lead", "display": "Global Team Lead", "type": "business", "supported": true,
		"limitedAssignmentsPermitted": true, "totalAssignmentsPermitted": 3.0, "totalAssignmentsUsed": 1.0, "contains": []any{"us_team_lead"},
	}
	if diff := cmp.Diff(want, a.doc); diff != "" {
		t.Errorf("a role (-want +got)\n%s", diff)
	}
	for _, tt := range []struct {
		target string
		want   float64
	}{
		{"/Roles", 2},
		{"/Roles?filter=value+eq+%22GLOBAL_LEAD%22", 1},
		{"/Roles?filter=containedBy+eq+%22global_lead%22", 1},
		{"/Roles?filter=supported+eq+true&sortBy=display", 1},
		{"/Entitlements", 1},
		{"/?filter=value+sw+%22license%22", 1},
	} {
		if a := e.must(200, "GET", tt.target, ""); a.doc["totalResults"] != tt.want {
			t.Errorf("%s: %v results, want %v: %s", tt.target, a.doc["totalResults"], tt.want, a.body)
		}
	}

	// They are the application's.
	const role = `{"schemas":["` + scim.RoleSchemaURI + `"],"value":"root","supported":true}`
	patch := patchBody(`{"op":"replace","path":"supported","value":false}`)
	for _, tt := range []struct{ method, target, body string }{
		{"POST", "/Roles", role},
		{"PUT", "/Roles/" + lead, role},
		{"PATCH", "/Roles/" + lead, patch},
		{"DELETE", "/Roles/" + lead, ""},
		{"POST", "/Entitlements", role},
	} {
		if a := e.do(tt.method, tt.target, tt.body); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: got %d, Allow %q: %s; want 405 and GET, HEAD", tt.method, tt.target, a.status, a.header.Get("Allow"), a.body)
		}
	}
	bulk := e.must(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/Roles","bulkId":"1","data":`+role+`},{"method":"PUT","path":"/Roles/`+lead+`","data":`+role+`},
		{"method":"PATCH","path":"/Roles/`+lead+`","data":`+patch+`},{"method":"DELETE","path":"/Roles/`+lead+`"}]}`)
	if got := statuses(bulk); got != "405 405 405 405" {
		t.Errorf("bulk: got %s\n%s", got, bulk.body)
	}
	if a := e.must(200, "GET", "/Roles/"+lead, ""); a.header.Get("ETag") != `W/"1"` {
		t.Errorf("the role has changed: %s", a.body)
	}

	// Discovery says what there is, and offers clients nothing to write.
	config := e.must(200, "GET", "/ServiceProviderConfig", "").doc["RolesAndEntitlements"]
	supported := func(multiple string) map[string]any {
		return map[string]any{"supported": true, multiple: true, "primarySupported": true, "typeSupported": true}
	}
	wantConfig := any(map[string]any{"roles": supported("multipleRolesSupported"), "entitlements": supported("multipleEntitlementsSupported")})
	if diff := cmp.Diff(wantConfig, config); diff != "" {
		t.Errorf("ServiceProviderConfig (-want +got)\n%s", diff)
	}
	for _, uri := range []string{scim.RoleSchemaURI, scim.EntitlementSchemaURI} {
		attributes, _ := e.must(200, "GET", "/Schemas/"+uri, "").doc["attributes"].([]any)
		if len(attributes) != 9 {
			t.Errorf("%s: got %d attributes, want the 9 of the draft", uri, len(attributes))
		}
		for _, a := range attributes {
			if a := a.(map[string]any); a["mutability"] != "readOnly" {
				t.Errorf("%s: %s is %s, want readOnly", uri, a["name"], a["mutability"])
			}
		}
	}
}

// TestRightsThatAreNotServed: what is advertised is true.
func TestRightsThatAreNotServed(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	if got, ok := e.must(200, "GET", "/ServiceProviderConfig", "").doc["RolesAndEntitlements"]; ok {
		t.Errorf("got %v, want nothing: neither is served", got)
	}
	e.must(404, "GET", "/Roles", "")
	entitlements, err := scim.EntitlementType()
	if err != nil {
		t.Fatal(err)
	}
	e = newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{entitlements}})
	want := any(map[string]any{"roles": map[string]any{"supported": false}, "entitlements": map[string]any{"supported": true}})
	if diff := cmp.Diff(want, e.must(200, "GET", "/ServiceProviderConfig", "").doc["RolesAndEntitlements"]); diff != "" {
		t.Errorf("ServiceProviderConfig (-want +got)\n%s", diff)
	}
}

// TestAReadOnlyTypeOfMe: /Me keeps to it too.
func TestAReadOnlyTypeOfMe(t *testing.T) {
	typ, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	def := typ.Definition()
	def.ReadOnly = true
	if typ, err = scim.NewResourceType(def); err != nil {
		t.Fatal(err)
	}
	document, keys, err := typ.Encode(scim.User{UserName: "ann", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	store := &memstore.Store{}
	up, err := store.Create(t.Context(), scim.Ref{Tenant: "acme", Type: "User"}, scim.Change{Document: document, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	e := newSite(t, store, &scim.Options{
		Types: []*scim.ResourceType{typ},
		Me:    func(context.Context, scim.Principal) (scim.Ref, error) { return up.Resource.Ref, nil },
	})
	e.must(200, "GET", "/Me", "")
	e.must(405, "PATCH", "/Me", patchBody(`{"op":"replace","path":"title","value":"t"}`))
	e.must(405, "DELETE", "/Me", "")
	e.must(405, "POST", "/Users", `{"userName":"bob"}`)
}
