package scim_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

func TestBulkSmoke(t *testing.T) {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path, body string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		t.Log(method, path, w.Code, w.Body)
		return w.Body.String()
	}
	do("POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
	{"method":"POST","path":"/Groups","bulkId":"ga","data":{"displayName":"A","members":[{"value":"bulkId:gb"},{"value":"bulkId:u"}]}},
	{"method":"POST","path":"/Groups","bulkId":"gb","data":{"displayName":"B","members":[{"value":"bulkId:ga"}]}},
	{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"u","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:m"}}}},
	{"method":"POST","path":"/Users","bulkId":"m","data":{"userName":"m","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:u"}}}},
	{"method":"PATCH","path":"/Users/bulkId:u","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}},
	{"method":"POST","path":"/Users","bulkId":"u2","data":{"userName":"U"}},
	{"method":"POST","path":"/Groups","bulkId":"gx","data":{"displayName":"X","members":[{"value":"bulkId:gx"}]}},
	{"method":"DELETE","path":"/Users/nobody"},
	{"method":"GET","path":"/Users"}]}`)
	do("GET", "/Users?sortBy=userName&sortOrder=descending&attributes=userName,manager", "")
	do("GET", "/?sortBy=meta.created&attributes=userName,displayName", "")
	do("GET", "/Groups", "")
	cursor := ""
	for range 6 {
		got := do("GET", "/?count=1&attributes=userName,displayName&cursor="+cursor+"&sortBy=displayName", "")
		_, after, ok := strings.Cut(got, `"nextCursor":"`)
		if !ok {
			break
		}
		cursor, _, _ = strings.Cut(after, `"`)
	}
	do("POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"U\" or displayName eq \"a\"","attributes":["userName"]}`)
	do("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"U\"","attributes":["userName"]}`)
	do("GET", "/Me", "")
}
