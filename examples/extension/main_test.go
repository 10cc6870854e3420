package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// TestExtension sends what Entra sends when workplace attributes are mapped,
// one request after the other.
func TestExtension(t *testing.T) {
	var heard []string
	handler, err := newHandler("secret", reception{blocked: []string{"rival.example"}, say: func(line string) { heard = append(heard, line) }})
	if err != nil {
		t.Fatal(err)
	}
	var user string // the path of the user created
	for _, tt := range []struct {
		name, reason string
		method, body string
		status       int
		answer       string   // in the answer
		heard        []string // by the hook
	}{
		{
			name: "create", reason: "the extension's URI need not be in schemas (E043)", method: "POST",
			body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@contoso.example",
			 "` + workplaceURI + `":{"building":"North","floor":3,"keyCard":true,"startDate":"2026-10-01T00:00:00Z"}}`,
			status: 201, answer: `"floor":3`,
			heard: []string{"a key card for ada@contoso.example: building North, floor 3, from 2026-10-01"},
		}, {
			name: "blocked domain", reason: "Admit refuses, and says why", method: "POST",
			body:   `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@Rival.example"}`,
			status: 409, answer: `users of Rival.example are not admitted`,
		}, {
			name: "another attribute", reason: "the hook is told what changed", method: "PATCH",
			body:   `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"title","value":"Countess"}]}`,
			status: 200, answer: `"title":"Countess"`,
		}, {
			name: "move", reason: "strings become what the schema says", method: "PATCH",
			body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
			 {"op":"Replace","path":"` + workplaceURI + `:floor","value":"5"},{"op":"Replace","path":"` + workplaceURI + `:keyCard","value":"True"}]}`,
			status: 200, answer: `"floor":5`,
			heard: []string{"a key card for ada@contoso.example: building North, floor 5, from 2026-10-01"},
		}, {
			name: "not a number", reason: "the answer says what was expected", method: "PATCH",
			body:   `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"` + workplaceURI + `:floor","value":"top"}]}`,
			status: 400, answer: `invalidValue`,
		}, {
			name: "into the blocked domain", reason: "Admit is asked about changes too", method: "PATCH",
			body:   `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"userName","value":"ada@rival.example"}]}`,
			status: 409, answer: `take them out of the assignment`,
		}, {
			name: "delete", reason: "there is no user after it to be admitted", method: "DELETE",
			status: 204,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heard = nil
			path := "/Users"
			if tt.method != "POST" {
				path = user
			}
			r := httptest.NewRequest(tt.method, path, strings.NewReader(tt.body))
			r.Header.Set("Authorization", "Bearer secret")
			r.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.answer) {
				t.Fatalf("%s: got %d %s\nwant %d with %s", tt.reason, w.Code, w.Body, tt.status, tt.answer)
			}
			if !reflect.DeepEqual(heard, tt.heard) {
				t.Errorf("%s: heard %q, want %q", tt.reason, heard, tt.heard)
			}
			if w.Code == http.StatusCreated {
				var created struct{ ID string }
				if err := json.Unmarshal(w.Body.Bytes(), &created); err != nil || created.ID == "" {
					t.Fatalf("no id in %s (%v)", w.Body, err)
				}
				user = "/Users/" + created.ID
			}
		})
	}
}
