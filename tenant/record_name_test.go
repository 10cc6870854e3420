package tenant

import (
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// A Record of a create has the name of what is to be created.
func TestNameIn(t *testing.T) {
	for _, tt := range []struct {
		name, reason, body string
		operation          scim.Operation
		status             int
		want               string
	}{
		{"userName", "it is the best there is", `{"displayName":"d","externalId":"e","userName":"u"}`, scim.OperationCreate, 201, "u"},
		{"userName first", "what comes later is no better", ` { "userName" : "u" , "externalId":"e"}`, scim.OperationCreate, 201, "u"},
		{"externalId", "it is better than what is displayed", `{"displayName":"d","externalId":"e"}`, scim.OperationCreate, 201, "e"},
		{"displayName", "groups have no other", `{"displayName":"d"}`, scim.OperationCreate, 201, "d"},
		{"another case", "names have none", `{"USERNAME":"u"}`, scim.OperationCreate, 201, "u"},
		{"an escaped name", "it is the same name", `{"user\u004eame":"u"}`, scim.OperationCreate, 201, "u"},
		{"an escaped value", "it is the same value", `{"userName":"\u0075\n\"}"}`, scim.OperationCreate, 201, "u\n\"}"},
		{"no string", "it is no name", `{"userName":7,"externalId":null,"displayName":"d"}`, scim.OperationCreate, 201, "d"},
		{"an empty one", "it is no name", `{"userName":"","displayName":"d"}`, scim.OperationCreate, 201, "d"},
		{"within others", "it is somebody else's", `{"manager":{"userName":"m"},"emails":[{"userName":"e"}],"title":"{\"userName\":\"t\"}"}`, scim.OperationCreate, 201, ""},
		{"of what was refused", "who is it that is there already", `{"userName":"u"}`, scim.OperationCreate, 409, "u"},
		{"in no JSON", "its parts may be anything", `{"userName":"u"`, scim.OperationCreate, 400, ""},
		{"in no object", "it has no members", `[{"userName":"u"}]`, scim.OperationCreate, 400, ""},
		{"nothing", "it was refused before it was read", "", scim.OperationCreate, 401, ""},
		{"of no create", "a resource that is there has an id", `{"userName":"u"}`, scim.OperationReplace, 200, ""},
		{"in a long body", "it takes its time", `{"userName":"u"}` + strings.Repeat(" ", mostBody), scim.OperationCreate, 201, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := nameIn(&scim.Report{Operation: tt.operation, Status: tt.status, Body: []byte(tt.body)}); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.reason, got, tt.want)
			}
		})
	}
	for i := range len(`{"userName":"u","a":["b",{"c":"\""}]}`) { // whoever says that it was accepted
		nameIn(&scim.Report{Operation: scim.OperationCreate, Status: 201, Body: []byte(`{"userName":"u","a":["b",{"c":"\""}]}`[:i])})
	}
}
