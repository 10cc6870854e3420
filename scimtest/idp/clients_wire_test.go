package idp_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

const groupID = "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159" // barbara's

// A round is what happens before a cycle and the requests of that cycle.
type round struct {
	happens func(*idp.Directory)
	steps   []step
}

// playClient runs the test of the connection, then one cycle after the other.
func playClient(t *testing.T, provider string, headers map[string]string, test []step, rounds ...round) {
	t.Helper()
	s := &script{t: t, want: headers, steps: test}
	server := httptest.NewServer(s)
	defer server.Close()
	p, err := idp.New(provider, server.URL+"/scim/", "secret", &idp.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	d := barbara()
	var r *idp.Report
	if test != nil {
		r, err = p.TestConnection(t.Context())
	}
	for i := 0; ; i++ {
		if err != nil {
			t.Fatalf("%s: %v", r.Run, err)
		}
		for _, left := range s.steps {
			t.Errorf("round %d: never sent: %s (%s)", i, left.want, left.reason)
		}
		if i == len(rounds) {
			return
		}
		if rounds[i].happens != nil {
			rounds[i].happens(&d)
		}
		s.steps = rounds[i].steps
		r, err = p.Sync(t.Context(), d)
	}
}

// with replaces pairs of strings in JSON.
func with(body string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(body, pairs[i]) {
			panic("no " + pairs[i] + " in " + body)
		}
	}
	return strings.NewReplacer(pairs...).Replace(body)
}

const (
	userSchemas  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	bothSchemas  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]`
	groupSchemas = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	enterprise   = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","department":"Sales"}`
	address      = `"addresses":[{"primary":true,"type":"work","streetAddress":"1 Main St","locality":"Seattle","region":"WA","postalCode":"98101","country":"US"}]`
	phones       = `"phoneNumbers":[{"primary":true,"type":"work","value":"+1 425 555 0100"},{"type":"mobile","value":"+1 425 555 0101"}]`
	nobody       = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"User not found","status":"404"}`
)

// oktaHeaders are those of the captures in okta-blog-archive PR #1956.
var oktaHeaders = map[string]string{"User-Agent": "Okta SCIM Client 1.0.0", "Accept": "application/scim+json", "Accept-Charset": "utf-8"}

// oktaBarbara is the request that Okta's reference has under "Create the User",
// with the attributes that the default mappings add; without groups and
// password it is what the endpoint stores.
const oktaBarbara = `{` + bothSchemas + `,"userName":"bjensen@contoso.com","name":{"givenName":"Barbara","familyName":"Jensen"},
 "emails":[{"primary":true,"type":"work","value":"bjensen@contoso.com"}],"displayName":"Barbara Jensen","locale":"en-US",
 "title":"Tour Guide",` + phones + `,` + address + `,"externalId":"00uyNervq6tFxvzJ7kjX",` + enterprise + `,"active":true}`

func oktaTest() []step {
	return []step{
		{"always these parameters", "GET /Users?startIndex=1&count=2", "", 200, empty},
		{"always these parameters", "GET /Groups?startIndex=1&count=100", "", 200, empty},
	}
}

func TestOktaOnTheWire(t *testing.T) {
	omara := `{"id":"U2",` + userSchemas + `,"userName":"o'mara+1@contoso.com","emails":[{"type":"home","value":"x@y.example","display":"x"}],"active":false,"groups":[],"meta":{"resourceType":"User"}}`
	omaraPut := with(omara, `"x"}]`, `"x"},{"type":"work","primary":true,"value":"o'mara+1@contoso.com"}]`, `"active":false`, `"active":true,"locale":"en-US","externalId":"00uW0y09ACi1MWerzSzz"`)
	group := `{"id":"G1",` + groupSchemas + `,"displayName":"Sales","members":[{"value":"U1","display":"bjensen@contoso.com"},{"value":"U2","display":"o'mara+1@contoso.com"}],"meta":{"resourceType":"Group"}}`
	playClient(t, "okta", oktaHeaders, oktaTest(),
		round{nil, []step{
			{"import of all users", "GET /Users?startIndex=1&count=100", "", 200, empty},
			{"import of all groups", "GET /Groups?startIndex=1&count=100", "", 200, empty},
			{"does the user exist already; spaces as %20; a 404 will do", "GET /Users?filter=userName%20eq%20%22bjensen%40contoso.com%22&startIndex=1&count=100", "", 404, nobody},
			{"a new user", "POST /Users", with(oktaBarbara, `"active":true}`, `"active":true,"groups":[],"password":"LrSmAqoy"}`), 201, withID("U1", oktaBarbara)},
			{"does the user exist already", "GET /Users?filter=userName%20eq%20%22o%27mara%2B1%40contoso.com%22&startIndex=1&count=100", "", 200, listOf(omara)},
			{"it does", "GET /Users/U2", "", 200, omara},
			{"a PUT of what was returned, reactivated", "PUT /Users/U2", omaraPut, 200, omaraPut},
			{"a new group, with its members", "POST /Groups", `{` + groupSchemas + `,"displayName":"Sales","members":[{"value":"U1","display":"bjensen@contoso.com"},{"value":"U2","display":"o'mara+1@contoso.com"}]}`, 201, group},
		}},
		round{func(d *idp.Directory) {
			d.User("u1").Surname, d.User("u1").MobilePhone = "Smith", "+1 425 555 0199"
			d.Group(groupID).DisplayName, d.Group(groupID).Members = "Selling", []string{"u2"}
		}, []step{
			{"before the PUT", "GET /Users/U1", "", 200, withID("U1", oktaBarbara)},
			{"the whole user", "PUT /Users/U1", withID("U1", with(oktaBarbara, "Jensen\"}", "Smith\"}", "0101", "0199")), 200, withID("U1", oktaBarbara)},
			{"nothing changed", "GET /Users/U2", "", 200, omaraPut},
			{"before the PUT", "GET /Groups/G1", "", 200, group},
			{"the whole group", "PUT /Groups/G1", with(group, "Sales", "Selling", `{"value":"U1","display":"bjensen@contoso.com"},`, ""), 200, group},
		}},
		round{func(d *idp.Directory) { d.Remove("u1"); d.Remove(groupID) }, []step{
			{"the group is unlinked and deleted", "DELETE /Groups/G1", "", 204, ""},
			{"no user is ever deleted", "GET /Users/U1", "", 200, withID("U1", oktaBarbara)},
			{"deactivated by PUT", "PUT /Users/U1", withID("U1", with(oktaBarbara, `"active":true`, `"active":false`)), 200, withID("U1", oktaBarbara)},
			{"nothing changed", "GET /Users/U2", "", 200, omaraPut},
		}})
}

// An app of the catalogue takes over what exists, and patches groups and
// activation (okta-blog-archive PR #2022, SCIM-SDK #419 and #757).
func TestOktaCatalogOnTheWire(t *testing.T) {
	stored := withID("U1", oktaBarbara)
	omara := `{"id":"U2",` + userSchemas + `,"userName":"o'mara+1@contoso.com","emails":[{"type":"work","value":"o'mara+1@contoso.com"}],"locale":"en-US","externalId":"00uW0y09ACi1MWerzSzz","active":true}`
	group := `{"id":"G1",` + groupSchemas + `,"displayName":"Sales","members":[{"value":"U1"},{"value":"U9"}]}`
	rename := func(name string) string {
		return patchOf(`{"op":"replace","value":{"id":"G1","displayName":"` + name + `"}}`)
	}
	playClient(t, "okta-catalog", oktaHeaders, oktaTest(),
		round{nil, []step{
			{"import of all users", "GET /Users?startIndex=1&count=100", "", 200, listOf(stored)},
			{"import of all groups", "GET /Groups?startIndex=1&count=100", "", 200, listOf(group)},
			{"does the user exist already", "GET /Users?filter=userName%20eq%20%22bjensen%40contoso.com%22&startIndex=1&count=100", "", 200, listOf(stored)},
			{"it does, and nothing differs", "GET /Users/U1", "", 200, stored},
			{"does the user exist already", "GET /Users?filter=userName%20eq%20%22o%27mara%2B1%40contoso.com%22&startIndex=1&count=100", "", 200, listOf(omara)},
			{"it does, and nothing differs", "GET /Users/U2", "", 200, omara},
			{"the group of the name", "GET /Groups/G1", "", 200, group},
			{"the name comes with every change of members, the id with the name", "PATCH /Groups/G1", rename("Sales"), 204, ""},
			{"all members of a group taken over", "PATCH /Groups/G1", patchOf(`{"op":"replace","path":"members","value":[{"value":"U1","display":"bjensen@contoso.com"},{"value":"U2","display":"o'mara+1@contoso.com"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) {
			d.User("u1").Disabled, d.User("u1").JobTitle = true, "Pilot"
			d.Group(groupID).DisplayName, d.Group(groupID).Members = "Selling", []string{"u2"}
		}, []step{
			{"before the change", "GET /Users/U1", "", 200, stored},
			{"deactivation, without a path", "PATCH /Users/U1", patchOf(`{"op":"replace","value":{"active":false}}`), 204, ""},
			{"everything else by PUT", "PUT /Users/U1", with(stored, "Tour Guide", "Pilot", `"active":true`, `"active":false`), 200, stored},
			{"nothing changed", "GET /Users/U2", "", 200, omara},
			{"before the change", "GET /Groups/G1", "", 200, group},
			{"rename", "PATCH /Groups/G1", rename("Selling"), 200, `{"id":"G1","displayName":"Selling","members":null}`},
			{"who leaves, by path and without a value, and who comes, with display", "PATCH /Groups/G1", patchOf(
				`{"op":"remove","path":"members[value eq \"U1\"]"},{"op":"remove","path":"members[value eq \"U9\"]"},
				 {"op":"add","path":"members","value":[{"value":"U2","display":"o'mara+1@contoso.com"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) { d.Remove("u1"); d.Group(groupID).Members = nil }, []step{
			{"no user is ever deleted, and this one is inactive", "GET /Users/U1", "", 200, with(stored, `"active":true`, `"active":false`)},
			{"nothing changed", "GET /Users/U2", "", 200, omara},
			{"before the change", "GET /Groups/G1", "", 200, with(group, "Sales", "Selling")},
			{"the name again", "PATCH /Groups/G1", rename("Selling"), 204, ""},
			{"nobody is left", "PATCH /Groups/G1", patchOf(`{"op":"replace","path":"members","value":[]}`), 204, ""},
		}},
		round{func(d *idp.Directory) { d.Remove(groupID) }, []step{
			{"unlinked and deleted", "DELETE /Groups/G1", "", 204, ""},
			{"nothing changed", "GET /Users/U2", "", 200, omara},
		}})
}

// authentik #11249 has the URLs and the schemas.
func TestOneLoginOnTheWire(t *testing.T) {
	user := `{"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:extension:enterprise:2.0"],"userName":"bjensen@contoso.com",
	 "name":{"familyName":"Jensen","givenName":"Barbara"},"displayName":"Barbara Jensen","title":"Tour Guide",
	 "emails":[{"primary":true,"type":"work","value":"bjensen@contoso.com"}],` + phones + `,"active":true}`
	stored := `{"id":"U2","userName":"o'mara+1@contoso.com","emails":[{"type":"work","value":"o'mara+1@contoso.com"}],"active":true}`
	group := `{"id":"G1","displayName":"Sales"}`
	playClient(t, "onelogin", nil, []step{{"a userName that nobody has", "GET /Users?filter=userName+eq+%22GUID%22&", "", 404, nobody}},
		round{nil, []step{
			{"Get Groups", "GET /Groups", "", 200, empty},
			{"Get User by userName", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22&", "", 200, empty},
			{"Create User", "POST /Users", user, 201, withID("U1", user)},
			{"Get User by userName", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22&", "", 200, listOf(stored)},
			{"Get User by ID", "GET /Users/U2", "", 200, stored},
			{"Create Group", "POST /Groups", `{` + groupSchemas + `,"displayName":"Sales"}`, 201, group},
			{"before the change", "GET /Groups/G1", "", 200, group},
			{"Patch Group", "PATCH /Groups/G1", patchOf(`{"op":"add","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) {
			d.User("u1").Disabled = true
			d.Group(groupID).DisplayName, d.Group(groupID).Members = "Selling", []string{"u2"}
		}, []step{
			{"Get User by ID", "GET /Users/U1", "", 200, withID("U1", user)},
			{"Update User: the template and nothing else", "PUT /Users/U1?", with(user, `"active":true`, `"active":false`), 200, withID("U1", user)},
			{"Get User by ID", "GET /Users/U2", "", 200, stored},
			{"before the change", "GET /Groups/G1", "", 200, `{"id":"G1","displayName":"Sales","members":[{"value":"U1"},{"value":"U2"}]}`},
			{"Patch Group", "PATCH /Groups/G1", patchOf(`{"op":"replace","value":{"displayName":"Selling"}}`), 204, ""},
			{"Patch Group", "PATCH /Groups/G1", patchOf(`{"op":"remove","path":"members","value":[{"value":"U1"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) { d.Remove("u1"); d.Remove(groupID) }, []step{
			{"the group is gone", "DELETE /Groups/G1", "", 204, ""},
			{"Delete User", "DELETE /Users/U1", "", 204, ""},
			{"Get User by ID", "GET /Users/U2", "", 200, stored},
		}})
}

// fullBarbara is the user of JumpCloud and of the generic client.
const fullBarbara = `{` + bothSchemas + `,"externalId":"u1",` + address + `,` + enterprise + `,"userName":"bjensen@contoso.com",
 "name":{"familyName":"Jensen","givenName":"Barbara"},"displayName":"Barbara Jensen","title":"Tour Guide",
 "emails":[{"primary":true,"type":"work","value":"bjensen@contoso.com"}],` + phones + `,"active":true}`

const fullOmara = `{` + userSchemas + `,"externalId":"u2","userName":"o'mara+1@contoso.com","emails":[{"primary":true,"type":"work","value":"o'mara+1@contoso.com"}],"active":true}`

// ssoready and scim-v2-rust have the operations, JumpCloud's "Identity
// Management using a Custom SCIM Integration" the test of the connection.
func TestJumpCloudOnTheWire(t *testing.T) {
	group := `{"id":"G1","displayName":"Sales"}`
	playClient(t, "jumpcloud", nil, nil,
		round{nil, []step{
			{"is there a user", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22", "", 200, empty},
			{"there is none", "POST /Users", fullBarbara, 201, withID("U1", fullBarbara)},
			{"is there a user", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, empty},
			{"there is none", "POST /Users", fullOmara, 201, withID("U2", fullOmara)},
			{"is there a group", "GET /Groups?filter=displayName+eq+%22Sales%22", "", 200, empty},
			{"there is none", "POST /Groups", `{` + groupSchemas + `,"displayName":"Sales"}`, 201, group},
			{"before the change", "GET /Groups/G1", "", 200, group},
			{"one member", "PATCH /Groups/G1", patchOf(`{"op":"add","path":"members","value":[{"value":"U1"}]}`), 204, ""},
			{"one more", "PATCH /Groups/G1", patchOf(`{"op":"add","path":"members","value":[{"value":"U2"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) {
			u := d.User("u1")
			u.GivenName, u.MobilePhone, u.Department, u.City, u.State = "Babs", "+1 425 555 0199", "", "Portland", "OR"
			d.Group(groupID).DisplayName, d.Group(groupID).Members = "Selling", []string{"u2"}
		}, []step{
			{"before the change", "GET /Users/U1", "", 200, with(withID("U1", fullBarbara), phones+",", "")},
			{"one operation each, lower-case; arrays as a whole", "PATCH /Users/U1", patchOf(
				`{"op":"replace","path":"addresses","value":` + strings.TrimPrefix(with(address, "Seattle", "Portland", "WA", "OR"), `"addresses":`) + `},
				 {"op":"replace","path":"name.givenName","value":"Babs"},
				 {"op":"replace","path":"phoneNumbers","value":` + strings.TrimPrefix(with(phones, "0101", "0199"), `"phoneNumbers":`) + `}`), 204, ""},
			{"nothing changed", "GET /Users/U2", "", 200, withID("U2", fullOmara)},
			{"before the change", "GET /Groups/G1", "", 200, `{"id":"G1","displayName":"Sales","members":[{"value":"U1"},{"value":"U2"}]}`},
			{"rename, without a path", "PATCH /Groups/G1", patchOf(`{"op":"replace","value":{"displayName":"Selling"}}`), 204, ""},
			{"removal with a value", "PATCH /Groups/G1", patchOf(`{"op":"remove","path":"members","value":[{"value":"U1"}]}`), 204, ""},
		}},
		round{func(d *idp.Directory) { d.Remove("u1"); d.Remove(groupID) }, []step{
			{"the group is gone", "DELETE /Groups/G1", "", 204, ""},
			{"before the change", "GET /Users/U1", "", 200, withID("U1", fullBarbara)},
			{"deactivated, not deleted", "PATCH /Users/U1", patchOf(`{"op":"replace","path":"active","value":false}`), 204, ""},
			{"nothing changed", "GET /Users/U2", "", 200, withID("U2", fullOmara)},
		}})
}

func TestRFCOnTheWire(t *testing.T) {
	headers := map[string]string{"User-Agent": "usher", "Accept": "application/scim+json"}
	test := []step{
		{"RFC 7644 §4", "GET /ServiceProviderConfig", "", 200, `{"patch":{"supported":true}}`},
		{"a userName that nobody has", "GET /Users?filter=userName+eq+%22GUID%22", "", 200, empty},
	}
	group := `{` + groupSchemas + `,"externalId":"` + groupID + `","displayName":"Sales","members":[{"value":"U1"},{"value":"U2"}]}`
	first := round{nil, []step{
		{"is there a user", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22", "", 200, empty},
		{"RFC 7644 §3.3", "POST /Users", fullBarbara, 201, withID("U1", fullBarbara)},
		{"is there a user", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, empty},
		{"RFC 7644 §3.3", "POST /Users", fullOmara, 201, withID("U2", fullOmara)},
		{"is there a group", "GET /Groups?filter=displayName+eq+%22Sales%22", "", 200, empty},
		{"RFC 7644 §3.3", "POST /Groups", group, 201, withID("G1", group)},
	}}
	change := func(d *idp.Directory) {
		d.User("u1").Mail, d.User("u1").Department = "babs@contoso.com", "Flights"
		d.Group(groupID).DisplayName, d.Group(groupID).Members = "Selling", []string{"u2"}
	}
	last := round{func(d *idp.Directory) { d.Remove("u1"); d.Remove(groupID) }, []step{
		{"RFC 7644 §3.6", "DELETE /Groups/G1", "", 204, ""},
		{"RFC 7644 §3.6", "DELETE /Users/U1", "", 204, ""},
		{"nothing changed", "GET /Users/U2", "", 200, withID("U2", fullOmara)},
	}}
	playClient(t, "rfc", headers, test, first,
		round{change, []step{
			{"before the change", "GET /Users/U1", "", 200, withID("U1", fullBarbara)},
			{"RFC 7644 §3.5.1", "PUT /Users/U1", withID("U1", with(fullBarbara, `"value":"bjensen@`, `"value":"babs@`, `"department":"Sales"`, `"department":"Flights"`)), 200, withID("U1", fullBarbara)},
			{"nothing changed", "GET /Users/U2", "", 200, withID("U2", fullOmara)},
			{"before the change", "GET /Groups/G1", "", 200, withID("G1", group)},
			{"RFC 7644 §3.5.1", "PUT /Groups/G1", withID("G1", with(group, "Sales", "Selling", `{"value":"U1"},`, "")), 200, withID("G1", group)},
		}}, last)
	playClient(t, "rfc-patch", headers, test, first,
		round{change, []step{
			{"before the change", "GET /Users/U1", "", 200, withID("U1", fullBarbara)},
			{"RFC 7644 §3.5.2.3", "PATCH /Users/U1", patchOf(
				`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Flights"},
				 {"op":"replace","path":"emails","value":[{"primary":true,"type":"work","value":"babs@contoso.com"}]}`), 204, ""},
			{"nothing changed", "GET /Users/U2", "", 200, withID("U2", fullOmara)},
			{"before the change", "GET /Groups/G1", "", 200, withID("G1", group)},
			{"RFC 7644 §3.5.2.3", "PATCH /Groups/G1", patchOf(`{"op":"replace","path":"displayName","value":"Selling"}`), 204, ""},
			{"RFC 7644 §3.5.2.2", "PATCH /Groups/G1", patchOf(`{"op":"remove","path":"members[value eq \"U1\"]"}`), 204, ""},
		}}, last)
}
