package tenant_test

import (
	"net/http"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/tenant"
)

// TestRefusedOperations: what is refused of a bulk request is recorded like a request
// of its own, though the whole is answered 200.
func TestRefusedOperations(t *testing.T) {
	x := newHostile(t)
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/Users","bulkId":"b1","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}},
		{"method":"DELETE","path":"/Users/` + x.userB + `"},
		{"method":"PATCH","path":"/Users/` + x.userA + `","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":"maybe"}]}}]}`
	if got := x.ask(http.MethodPost, "/scim/a/v2/Bulk", body, "Bearer "+x.ofA); got.Code != http.StatusOK {
		t.Fatalf("got\n%s", shown(got))
	}
	records, err := x.registry.Log(t.Context(), tenant.Query{Tenant: "a", Refused: true})
	if err != nil {
		t.Fatal(err)
	}
	found := map[scim.Operation]tenant.Record{}
	for _, r := range records {
		found[r.Operation] = r
	}
	for _, want := range []struct {
		operation        scim.Operation
		method, path, id string
		status           int
		taken            bool
	}{
		{"create", "POST", "Users", "", 409, true},
		{"delete", "DELETE", "Users/" + x.userB, x.userB, 404, false},
		{"patch", "PATCH", "Users/" + x.userA, x.userA, 400, false},
	} {
		r, ok := found[want.operation]
		if !ok || r.Method != want.method || r.Path != want.path || r.ResourceID != want.id || r.Status != want.status || r.Type != "User" || r.Taken != want.taken || r.Detail == "" {
			t.Errorf("%s: got %+v, want %+v", want.operation, r, want)
		}
	}
	if c, err := x.registry.Connection(t.Context(), x.a.Ref()); err != nil || c.Status.LastError == "" {
		t.Errorf("the last error is %q, %v", c.Status.LastError, err)
	}
}
