package idp_test

import (
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestShapeRefuses: what the real service never sends. That Shape takes what
// it does send, every test with an Entra shows, for they are all watched.
func TestShapeRefuses(t *testing.T) {
	const (
		user  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"a",`
		tail  = `"meta":{"resourceType":"User"},"roles":[]}`
		group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"displayName":"G",`
		base  = "https://app.example.com/scim/v2"
	)
	for _, tt := range []struct{ request, body, want string }{
		{"GET /Schemas", "", "want /Users or /Groups"},
		{"PUT /Users/7", "{}", "PUT Users/{id} is never sent"},
		{"POST /Bulk", "{}", "want /Users or /Groups"},
		{"GET /Users", "", "want filter="},
		{"GET /Users/7?attributes=userName", "", `want ""`},
		{"GET /Groups/7", "", `want "excludedAttributes=members"`},
		{"GET /Groups?filter=displayName+eq+%22G%22", "", "want excludedAttributes=members&filter="},
		{"GET /Users?filter=userName%20eq%20%22a%22", "", "form-encoded"},
		{`GET /Users?filter=userName+eq+"a"`, "", "form-encoded"},
		{"GET /Users?filter=userName+co+%22a%22", "", "one attribute eq a string"},
		{"GET /Users?filter=userName+eq+%22a%22+and+active+eq+true", "", "one attribute eq a string"},
		{"GET /Users?attributes=id&filter=id+eq+%22a%22+and+members+eq+%22b%22", "", "an id and manager"},
		{"GET /Users?filter=userName+eq+%22a%22&count=1", "", "one attribute eq a string"},
		{"DELETE /Users/7", "{}", "has a body"},
		{"DELETE /Users", "", "never sent"},

		{"POST /Users", `{"userName":"a"}`, "schemas"},
		{"POST /Users?x=1", user + tail, "with the query"},
		{"POST /Users", strings.Replace(user, `"userName":"a",`, "", 1) + tail, "no userName"},
		{"POST /Users", user + `"title":null,` + tail, "nulls and the like are skipped"},
		{"POST /Users", user + `"title":"",` + tail, "nulls and the like are skipped"},
		{"POST /Users", user + `"active":"True",` + tail, "want a JSON boolean"},
		{"POST /Users", user + `"password":"x",` + tail, "password is not in a POST"},
		{"POST /Users", user + `"name":{},` + tail, "name is empty"},
		{"POST /Users", user + `"emails":["a"],` + tail, "want objects"},
		{"POST /Users", user + `"emails":[{"primary":"True","value":"a"}],` + tail, "want a JSON boolean"},
		{"POST /Users", user + `"title":"a","title":"b",` + tail, "title comes twice"},
		{"POST /Users", user + `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"7"}},` + tail, "the manager is not in a POST"},
		{"POST /Users", user + `"roles":[]}`, "meta"},
		{"POST /Groups", group + `"members":[],"meta":{"resourceType":"Group"}}`, "members is not in a POST"},

		{"PATCH /Users/7", `{"Operations":[]}`, "schemas of PatchOp"},
		{"PATCH /Users/7", patchOf(`{"op":"Replace","path":"active","value":false}`), `booleans are "True"`},
		{"PATCH /Users/7", patchOf(`{"op":"REPLACE","path":"title","value":"a"}`), "one of these in lower case"},
		{"PATCH /Users/7", patchOf(`{"op":"Replace","value":{"title":"a"}}`), "with a path"},
		{"PATCH /Users/7", patchOf(`{"op":"Remove","path":"title"}`), "of members Add or Remove"},
		{"PATCH /Users/7", patchOf(`{"op":"Replace","path":"title","value":""}`), "clears nothing"},
		{"PATCH /Users/7", patchOf(`{"op":"replace","path":"title","value":"a"}`), "merged into one operation"},
		{"PATCH /Users/7", patchOf(`{"op":"replace","value":{"emails[type eq \"work\"].value":"a"}}`), "paths without brackets"},
		{"PATCH /Users/7", patchOf(`{"op":"replace","value":{"name":{"givenName":"a"}}}`), "scalar values"},
		{"PATCH /Users/7", patchOf(`{"op":"replace","value":{"title":"a"}},{"op":"replace","path":"emails[type eq \"work\"].value","value":"b"}`), "no path at the end"},
		{"PATCH /Users/7", patchOf(`{"op":"Replace","path":"title","value":"a"},{"op":"replace","value":{"nickName":"b"}}`), "one dialect"},
		{"PATCH /Users/7", patchOf(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"7"}]}`), "members of groups alone"},
		{"PATCH /Users/7", patchOf(`{"op":"Replace","path":"title","value":"a","name":"b"}`), "op, path and value alone"},
		{"PATCH /Groups/7", patchOf(`{"op":"Add","path":"members","value":[{"value":"7"}]}`), "elements that match"},
		{"PATCH /Groups/7", patchOf(`{"op":"add","path":"members","value":[{"$ref":null,"value":"7"}]}`), "elements that match"},
		{"PATCH /Groups/7", patchOf(`{"op":"Replace","path":"members","value":[]}`), "of members Add or Remove"},
		{"PATCH /Groups/7", patchOf(`{"op":"remove","path":"members","value":[{"value":"7"}]}`), "no value"},
		{"PATCH /Groups/7", patchOf(`{"op":"Replace","path":"displayName","value":"a"},{"op":"Add","path":"members","value":[{"$ref":null,"value":"7"}]}`), "in separate requests"},
	} {
		method, path, _ := strings.Cut(tt.request, " ")
		err := idp.Shape(idp.Exchange{Method: method, URL: base + path, RequestBody: []byte(tt.body)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s\ngot  %v\nwant %s", tt.request, tt.body, err, tt.want)
		}
	}
}
