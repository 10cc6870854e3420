package conformance_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/conformance"
)

// TestMicrosoftFindings: each check of the Microsoft suite finds what it is
// there for.
func TestMicrosoftFindings(t *testing.T) {
	const (
		users, groups = "/Users", "/Groups"
		oneUser       = "/Users/[^/?]+$"
		oneGroup      = "/Groups/[^/?]+$"
		enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	)
	ignored := func(c *call) { c.w.WriteHeader(204) } // says yes and does nothing
	status := func(was, is int) func(*call) {
		return func(c *call) {
			if c.pass(); c.w.Code == was {
				c.w.Code = is
			}
		}
	}
	plainJSON := func(c *call) {
		c.pass()
		c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	// dropped is a server that does not understand operations at these paths,
	// and does not say so.
	dropped := func(path string) func(*call) {
		unknown := regexp.MustCompile(path)
		return operations(func(ops []any) []any {
			return append(slices.DeleteFunc(ops, func(o any) bool {
				p, _ := o.(object)["path"].(string)
				return unknown.MatchString(p)
			}), object{"op": "add", "path": "nickName", "value": "x"})
		})
	}
	// shallow does not understand paths as keys of a value without a path.
	shallow := func(c *call) {
		operations(func(ops []any) []any {
			for _, o := range ops {
				value, _ := o.(object)["value"].(object)
				for key := range value {
					if o.(object)["path"] == nil && strings.ContainsAny(key, ".:") {
						delete(value, key)
					}
				}
			}
			return ops
		})(c)
	}
	backwards := operations(func(ops []any) []any { slices.Reverse(ops); return ops })
	// schema changes the attributes of a schema at /Schemas.
	schema := func(urn string, change func(attributes []any) []any) wrapper {
		return flawed("GET", "/Schemas", "", says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			for _, s := range list {
				if s := s.(object); s["id"] == urn {
					s["attributes"] = change(s["attributes"].([]any))
				}
			}
		}))
	}
	unlisted := func(names ...string) func([]any) []any {
		return func(attributes []any) []any {
			return slices.DeleteFunc(attributes, func(a any) bool { return slices.Contains(names, a.(object)["name"].(string)) })
		}
	}
	const userURN, groupURN = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"
	asString := func(r object) { // manager, as the string that Entra sent
		if inner, ok := r[enterpriseURN].(object); ok {
			if m, ok := inner["manager"].(object); ok {
				inner["manager"] = m["value"]
			}
		}
	}
	vanished := func(gone func(r object) bool) func(*call) {
		return says(func(c *call, o object) {
			if gone(o) {
				c.w.Code = 404
			}
		})
	}
	noTotal := says(func(_ *call, o object) { delete(o, "totalResults") })
	wrongStart := says(func(_ *call, o object) { o["startIndex"] = 1 })
	noStart := says(func(_ *call, o object) { delete(o, "startIndex") })
	three := func(c *call) { // a server that gives three at most
		q := c.URL.Query()
		if q.Get("count") != "" {
			q.Set("count", "3")
		}
		c.URL.RawQuery = q.Encode()
		c.pass()
	}
	again := says(func(_ *call, o object) { // the same resource on every page
		list, _ := o["Resources"].([]any)
		for _, r := range list {
			r.(object)["id"] = "1"
		}
	})
	withMembers := func(c *call) { // excludedAttributes is not known
		c.URL.RawQuery = strings.ReplaceAll(c.URL.RawQuery, "excludedAttributes=members", "x=y")
		c.pass()
	}
	unfiltered := func(c *call) {
		c.URL.RawQuery = ""
		c.pass()
	}
	badManager := `:User:manager","value":"`

	hasFlaws(t, conformance.Microsoft, []flaw{
		{"validator.media-type", "application/json", flawed("", "", "", plainJSON)},
		{"validator.media-type", "application/json of what was created", flawed("POST", users, "", plainJSON)},
		{"validator.media-type", "application/json of lists", flawed("GET", `/Users\?`, "", plainJSON)},
		{"validator.media-type", "application/json of schemas", flawed("GET", "/Schemas", "", plainJSON)},
		{"validator.schema", "password", schema(userURN, func(a []any) []any {
			return append(a, object{"name": "password", "type": "string", "mutability": "writeOnly", "returned": "never"})
		})},
		{"validator.schema", "emails.display", schema(userURN, func(a []any) []any {
			return append(unlisted("emails")(a), object{"name": "emails", "type": "complex", "multiValued": true, "subAttributes": []any{object{"name": "value"}, object{"name": "display"}}})
		})},
		{"validator.schema", "a PIN that is never returned", schema(enterpriseURN, func(a []any) []any {
			return append(a, object{"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"})
		})},

		{"validator.user.create", `"True" refused`, flawed("POST", users, `"primary":"True"`, refuses(400, "invalidValue"))},
		{"validator.user.create", "unknown managers refused", flawed("POST", users, `"manager"`, refuses(400, "invalidValue"))},
		{"validator.user.create", "random locales refused", flawed("POST", users, `"locale":"[A-Z]{12}"`, refuses(400, "invalidValue"))},
		{"validator.user.create", "200", flawed("POST", users, "", status(201, 200))},
		{"validator.user.create", "charset refused", flawed("POST", users, "", func(c *call) {
			if strings.Contains(c.Header.Get("Content-Type"), "charset") {
				refuses(415, "")(c)
				return
			}
			c.pass()
		})},
		{"validator.user.create", "an attribute lost", flawed("GET", users, "", without("nickName"))},
		{"validator.user.create", "an extension lost", flawed("GET", users, "", without(enterpriseURN))},
		{"validator.user.create", "phone numbers normalised", flawed("GET", users, "", each(func(r object) {
			numbers, _ := r["phoneNumbers"].([]any)
			for _, n := range numbers {
				n.(object)["value"] = "+41" + strings.ReplaceAll(n.(object)["value"].(string), "-", "")
			}
		}))},
		{"validator.user.create", `"True" returned`, flawed("GET", users, "", each(func(r object) {
			roles, _ := r["roles"].([]any)
			for _, role := range roles {
				role.(object)["primary"] = "True"
			}
		}))},
		{"validator.user.create", "not found", flawed("GET", "filter=", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"validator.user.duplicate", "400", flawed("POST", users, "", status(409, 400))},
		{"validator.user.duplicate", "the one that there is", flawed("POST", users, "", status(409, 201))},
		{"validator.user.filter", "no totalResults", flawed("GET", "filter=", "", noTotal)},
		{"validator.user.filter", "no list", flawed("GET", "filter=", "", says(func(_ *call, o object) { delete(o, "schemas") }))},
		{"validator.user.filter", "no schemas in the user", flawed("GET", "filter=", "", without("schemas"))},
		{"validator.user.filter", "attributes left out", flawed("GET", "filter=", "", without("name", "emails"))},
		{"validator.user.filter", "filters ignored", flawed("GET", "filter=", "", unfiltered)},
		{"validator.user.filter.none", "filters ignored", flawed("GET", "filter=", "", unfiltered)},
		{"validator.group.filter", "filters ignored", flawed("GET", "filter=", "", unfiltered)},
		{"validator.group.filter.none", "filters ignored", flawed("GET", "filter=", "", unfiltered)},
		{"validator.user.filter", "another id", flawed("GET", "filter=", "", each(func(r object) { r["id"] = "1" }))},
		{"validator.user.filter.none", "404", flawed("GET", "filter=", "", refuses(404, ""))},
		{"validator.user.filter.none", "everybody", flawed("GET", "filter=", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[{"id":"1","userName":"x"}]}`))},
		{"validator.user.filter.case", "case matters", flawed("GET", "filter=userName", "", replaces("U-", "X-"))},
		{"validator.user.replace.verbose", "roles not understood", flawed("PATCH", users, "", dropped(`^roles\[`))},
		{"validator.user.replace.verbose", "elements refused", flawed("PATCH", users, `type eq`, refuses(400, "invalidPath"))},
		{"validator.user.replace.verbose", "extensions not understood", flawed("PATCH", users, "", dropped(`^urn:`))},
		{"validator.user.replace.verbose", "only the first", flawed("PATCH", users, "", operations(func(ops []any) []any { return ops[:1] }))},
		{"validator.user.replace.verbose", "202", flawed("PATCH", users, "", func(c *call) { c.pass(); c.w.Code = 202 })},
		{"validator.user.replace", "paths as keys not understood", flawed("PATCH", users, "", shallow)},
		{"validator.user.replace", "an operation without a path refused", flawed("PATCH", users, `"name.givenName"`, refuses(400, "noTarget"))},
		{"validator.user.rename", "nothing done", flawed("PATCH", users, "", ignored)},
		{"validator.user.rename", "not found by the new name", flawed("GET", "filter=", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"validator.user.disable", "nothing done", flawed("PATCH", users, `"active"`, ignored)},
		{"validator.user.disable", "the user is gone then", flawed("GET", oneUser, "", vanished(func(r object) bool { return r["active"] == false }))},
		{"validator.user.add.verbose", "no element made", flawed("PATCH", users, "", dropped(`^addresses\[`))},
		{"validator.user.add.verbose", "no extension made", flawed("PATCH", users, "", dropped(`^urn:`))},
		{"validator.user.add.verbose", "an attribute lost", flawed("GET", oneUser, "", without("displayName"))},
		{"validator.user.add", "paths as keys not understood", flawed("PATCH", users, "", shallow)},
		{"validator.manager.add", "a bare id refused", flawed("PATCH", users, badManager, refuses(400, "invalidValue"))},
		{"validator.manager.add", "an object refused", flawed("PATCH", users, `:User:manager","value":{`, refuses(400, "invalidValue"))},
		{"validator.manager.add", "a string returned", flawed("GET", users, "", each(asString))},
		{"validator.manager.replace", "the old one stays", flawed("PATCH", users, `"replace".*:User:manager`, ignored)},
		{"validator.manager.remove", "the old one stays", flawed("PATCH", users, `:User:manager","value":""`, ignored)},
		{"validator.manager.remove", "an empty object does nothing", flawed("PATCH", users, `:User:manager","value":{"value":""}`, ignored)},
		{"validator.manager.remove", "an empty value refused", flawed("PATCH", users, `:User:manager","value":""`, refuses(400, "invalidValue"))},
		{"validator.user.delete", "200", flawed("DELETE", users, "", status(204, 200))},
		{"validator.user.delete", "still there", flawed("DELETE", users, "", ignored)},
		{"validator.user.delete", "an empty 200 then", flawed("GET", oneUser, "", status(404, 200))},

		{"validator.group.create", "refused without members", flawed("POST", groups, "", refuses(400, "invalidValue"))},
		{"validator.group.create", "200", flawed("POST", groups, "", status(201, 200))},
		{"validator.group.create", "another name", flawed("POST", groups, "", each(func(r object) { r["displayName"] = "x" }))},
		{"validator.group.create", "another externalId", flawed("POST", groups, "", each(func(r object) { r["externalId"] = "x" }))},
		{"validator.group.duplicate", "two of a name", flawed("POST", groups, "", func(c *call) {
			if c.pass(); c.w.Code == 409 {
				c.w = httptest.NewRecorder()
				answers(201, `{"id":"2"}`)(c)
			}
		})},
		{"validator.group.get.excluding", "members all the same", flawed("GET", groups, "", withMembers)},
		{"validator.group.get.excluding", "an empty array", flawed("GET", groups, "", each(func(r object) { r["members"] = []any{} }))},
		{"validator.group.filter.excluding", "members all the same", flawed("GET", groups, "", withMembers)},
		{"validator.group.filter.excluding", "refused", flawed("GET", "excludedAttributes=members&filter", "", refuses(400, ""))},
		{"validator.group.filter", "404", flawed("GET", `/Groups\?`, "", refuses(404, ""))},
		{"validator.group.filter", "no totalResults", flawed("GET", `/Groups\?`, "", noTotal)},
		{"validator.group.filter.none", "404", flawed("GET", `/Groups\?`, "", refuses(404, ""))},
		{"validator.group.filter.case", "case matters", flawed("GET", "filter=displayName", "", replaces("g-", "x-"))},
		{"validator.group.replace", "only names can be replaced", flawed("PATCH", groups, `"externalId"`, refuses(400, "invalidValue"))},
		{"validator.group.replace", "nothing done", flawed("PATCH", groups, "", ignored)},
		{"validator.group.rename", "nothing done", flawed("PATCH", groups, "", ignored)},
		{"validator.group.rename", "not found by the new name", flawed("GET", "filter=", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"validator.group.members.add", "nothing done", flawed("PATCH", groups, "", ignored)},
		{"validator.group.members.add", "refused", flawed("PATCH", groups, `"replace"`, refuses(400, "invalidPath"))},
		{"validator.group.members.remove", "nothing done", flawed("PATCH", groups, `"remove"`, ignored)},
		{"validator.group.members.remove", "all removed", flawed("PATCH", groups, `"remove"`, operations(func([]any) []any { return []any{object{"op": "remove", "path": "members"}} }))},
		{"validator.group.delete", "still there", flawed("DELETE", groups, "", ignored)},

		{"preview.user.several-attributes", "in another order", flawed("PATCH", users, "", operations(func(ops []any) []any { return ops[1:] }))},
		{"preview.user.several-attributes", "an add without a path refused", flawed("PATCH", users, "", refuses(400, "noTarget"))},
		{"preview.user.one-attribute", "in another order", flawed("PATCH", users, "", backwards)},
		{"preview.user.delete.unknown", "204", flawed("DELETE", users, "", status(404, 204))},
		{"preview.user.delete.twice", "500", flawed("DELETE", users, "", status(404, 500))},
		{"preview.group.one-attribute", "in another order", flawed("PATCH", groups, "", backwards)},
		{"preview.group.delete.unknown", "204", flawed("DELETE", groups, "", status(404, 204))},
		{"preview.group.delete.twice", "500", flawed("DELETE", groups, "", status(404, 500))},

		{"logicapp.schemas", "no schemas", flawed("GET", "/Schemas", "", refuses(404, ""))},
		{"logicapp.schemas", "an empty list", flawed("GET", "/Schemas", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"logicapp.schemas", "an attribute not listed", schema(userURN, unlisted("title"))},
		{"logicapp.schemas", "active not listed", schema(userURN, unlisted("active"))},
		{"logicapp.schemas", "types without canonicalValues", schema(userURN, func(attributes []any) []any {
			for _, a := range attributes {
				subs, _ := a.(object)["subAttributes"].([]any)
				for _, sub := range subs {
					delete(sub.(object), "canonicalValues")
				}
			}
			return attributes
		})},
		{"logicapp.schemas", "no sub-attributes", schema(userURN, func(attributes []any) []any {
			for _, a := range attributes {
				delete(a.(object), "subAttributes")
			}
			return attributes
		})},
		{"logicapp.schemas", "an extension's attribute not listed", schema(enterpriseURN, unlisted("department"))},
		{"logicapp.schemas", "no schema of groups", schema(groupURN, func([]any) []any { return []any{} })},
		{"logicapp.schemas.external-id", "not in the schema of users", schema(userURN, unlisted("externalId"))},
		{"logicapp.schemas.external-id", "not in the schema of groups", schema(groupURN, unlisted("externalId"))},
		{"logicapp.groups", "users alone", flawed("GET", "/ResourceTypes", "", answers(200, `{"Resources":[{"endpoint":"/Users","schema":"`+userURN+`"}]}`))},
		{"logicapp.credentials", "the token refused", flawed("GET", `count=1$`, "", refuses(401, ""))},
		{"logicapp.credentials", "none needed", flawed("GET", users, "", func(c *call) {
			c.Header.Set("Authorization", "Bearer "+token)
			c.pass()
		})},
		{"logicapp.users.pages", "startIndex ignored", flawed("GET", `/Users\?`, "", wrongStart)},
		{"logicapp.users.pages", "no startIndex", flawed("GET", `/Users\?`, "", noStart)},
		{"logicapp.users.pages", "pages of three", flawed("GET", `/Users\?`, "", three)},
		{"logicapp.users.pages", "the same page again", flawed("GET", `/Users\?`, "", again)},
		{"logicapp.users.pages", "one page", flawed("GET", `/Users\?`, "", says(func(_ *call, o object) {
			if list, _ := o["Resources"].([]any); len(list) > 0 {
				o["totalResults"] = len(list)
			}
		}))},
		{"logicapp.groups.pages", "startIndex ignored", flawed("GET", `/Groups\?`, "", wrongStart)},

		{"logicapp.user.create", "no id", flawed("POST", users, "", says(func(_ *call, o object) { delete(o, "id") }))},
		{"logicapp.user.create", "names in lower case", flawed("POST", users, "", each(func(r object) { r["userName"] = "x" }))},
		{"logicapp.user.update", "elements not understood", flawed("PATCH", users, "", dropped(`^emails\[`))},
		{"logicapp.user.update", "userName kept", flawed("PATCH", users, "", dropped(`^userName$`))},
		{"logicapp.user.update.pathless", "paths as keys not understood", flawed("PATCH", users, "", shallow)},
		{"logicapp.null", `"" stored`, flawed("PATCH", users, `"value":""`, dropped(`^title$`))},
		{"logicapp.null", `"" refused`, flawed("PATCH", users, `"path":"emails.*"value":""`, refuses(400, "invalidValue"))},
		{"logicapp.null", "null refused", flawed("PATCH", users, `"value":null`, refuses(400, "invalidValue"))},
		{"logicapp.null.pathless", "paths as keys not understood", flawed("PATCH", users, "", shallow)},
		{"logicapp.null.pathless", "null refused", flawed("PATCH", users, `"title":null`, refuses(400, "invalidValue"))},
		{"logicapp.null.values", "null ignored", flawed("PATCH", users, "", ignored)},
		{"logicapp.manager", "a bare id refused", flawed("PATCH", users, badManager, refuses(400, "invalidValue"))},
		{"logicapp.manager", "Add not known", flawed("PATCH", users, `"Add"`, refuses(400, "invalidSyntax"))},
		{"logicapp.manager", "not returned", flawed("GET", users, "", without(enterpriseURN))},
		{"logicapp.manager", "the last one stays", flawed("PATCH", users, `:User:manager","value":""`, ignored)},
		{"logicapp.group.create", "refused", flawed("POST", groups, "", refuses(400, "invalidValue"))},
		{"logicapp.group.create", "another name", flawed("POST", groups, "", each(func(r object) { r["displayName"] = "x" }))},
		{"logicapp.group.update", "externalId not understood", flawed("PATCH", oneGroup, "", dropped(`^externalId$`))},
		{"logicapp.group.update", "nothing done", flawed("PATCH", oneGroup, "", ignored)},
	}, "microsoft.logicapp.token-lifetime")
}

// TestMicrosoftTokenLifetime: how long a token is valid is judged if the token
// is a JWT that tells, and left alone else.
func TestMicrosoftTokenLifetime(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for _, tt := range []struct {
		name, token string
		want        conformance.Status
	}{
		{"an hour", jwt(`{"iat":1790000000,"exp":1790003600}`), conformance.Passed},
		{"six hours", jwt(`{"iat":1790000000,"exp":1790021600}`), conformance.Passed},
		{"ten minutes", jwt(`{"iat":1790000000,"exp":1790000600}`), conformance.Advised},
		{"a year", jwt(`{"iat":1790000000,"exp":1821536000}`), conformance.Advised},
		{"for ever", jwt(`{"iat":1790000000}`), conformance.Skipped},
		{"no JSON", jwt(`what`), conformance.Skipped},
		{"opaque", "a.b!.c", conformance.Skipped},
		{"opaque without dots", "opaque", conformance.Skipped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(tt.token, scim.Principal{}), &scim.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			report, err := conformance.Check(t.Context(), server.URL, tt.token, &conformance.Options{Suites: []string{conformance.Microsoft}, Only: []string{"microsoft.logicapp.token-lifetime"}})
			if err != nil || len(report.Results) != 1 {
				t.Fatal(err, report)
			}
			if r := report.Results[0]; r.Status != tt.want || strings.Contains(fmt.Sprintf("%v %+v", r, r.Finding), tt.token) {
				t.Errorf("got %v, want %s, and not the token", r, tt.want)
			}
		})
	}
}

// TestMicrosoftSchemas: the tests fit themselves to what /Schemas says: good
// endpoints with others than ours, or none, have no findings but for those
// that are about it.
func TestMicrosoftSchemas(t *testing.T) {
	const userURN, groupURN = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"
	about := []string{"microsoft.validator.schema", "microsoft.logicapp.schemas.external-id"}
	var sent strings.Builder
	var mu sync.Mutex
	seen := flawed("POST|PATCH", "", "", func(c *call) {
		mu.Lock()
		sent.WriteString(c.body + "\n")
		mu.Unlock()
		c.pass()
	})
	schemas := func(change func(s object)) wrapper {
		return flawed("GET", "/Schemas", "", says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			for _, s := range list {
				change(s.(object))
			}
		}))
	}
	attributes := func(s object, change func(a object)) {
		for _, a := range s["attributes"].([]any) {
			change(a.(object))
		}
	}
	for _, tt := range []struct {
		name  string
		wrap  wrapper
		wants string   // in a request
		fails []string // besides those about /Schemas
	}{
		{"as it is", seen, `"path":"roles[primary eq \"True\"].value"`, nil},
		{"none, so that the default attributes are taken", flawed("GET", "/Schemas", "", refuses(404, "")), `"path":"phoneNumbers[type eq \"fax\"].value"`, []string{"microsoft.logicapp.schemas"}},
		{"no canonical values", schemas(func(s object) {
			attributes(s, func(a object) {
				subs, _ := a["subAttributes"].([]any)
				for _, sub := range subs {
					delete(sub.(object), "canonicalValues")
				}
			})
		}), `"path":"addresses[primary eq true].locality"`, []string{"microsoft.logicapp.schemas"}},
		{"externalId listed", schemas(func(s object) {
			if s["id"] == userURN || s["id"] == groupURN {
				s["attributes"] = append(s["attributes"].([]any), object{"name": "externalId", "type": "string", "mutability": "readWrite", "caseExact": true})
			}
		}), `"path":"externalId"`, nil},
		{"names alone", schemas(func(s object) {
			if s["id"] == userURN {
				s["attributes"] = []any{object{"name": "userName", "required": true, "mutability": "readOnly"}}
			}
			if s["id"] != userURN && s["id"] != groupURN {
				s["attributes"] = []any{}
			}
		}), `"userName"`, []string{"microsoft.logicapp.schemas"}},
		{"rubbish", schemas(func(s object) {
			s["attributes"] = []any{nil, 1, "x", object{}, object{"name": 1}, object{"name": "emails", "type": "complex", "multiValued": true, "subAttributes": 1}, object{"name": "name", "type": "complex", "subAttributes": []any{nil, object{}}}}
		}), `"userName"`, []string{"microsoft.logicapp.schemas"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent.Reset()
			report, err := conformance.Check(t.Context(), serve(t, stack(tt.wrap, seen)), token, &conformance.Options{Suites: []string{conformance.Microsoft}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				bad := r.Status != conformance.Passed && r.Status != conformance.Skipped
				if slices.Contains(about, r.ID) {
					continue
				}
				if want := slices.Contains(tt.fails, r.ID); bad != want {
					t.Errorf("got %s, want a finding: %t\n%v", r.Status, want, r)
				}
			}
			if !strings.Contains(sent.String(), tt.wants) {
				t.Errorf("no request has %s", tt.wants)
			}
		})
	}
}

// TestMicrosoftBadEndpoints: whatever an endpoint answers, a check of the
// Microsoft suite does not break.
func TestMicrosoftBadEndpoints(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*call)
	}{
		{"null", answers(200, "null")},
		{"an array", answers(201, "[]")},
		{"a number as id", answers(201, `{"id":1}`)},
		{"an id alone", answers(201, `{"id":"1"}`)},
		{"an id alone, always 200", answers(200, `{"id":"1","schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":99,"Resources":[{}]}`)},
		{"odd resources", answers(200, `{"id":"1","schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":99,"startIndex":-1,"Resources":[{"id":[]},{"id":"1","emails":1,"name":[],"roles":[1,{"primary":[]}],"members":[1]}]}`)},
		{"text", answers(200, "it works")},
		{"502", refuses(502, "")},
		{"nothing", func(c *call) { c.w.WriteHeader(204) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report, err := conformance.Check(t.Context(), serve(t, flawed("", "", "", tt.do)), token, &conformance.Options{Suites: []string{conformance.Microsoft}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if strings.Contains(r.Reason, "panicked") {
					t.Error(r)
				}
			}
			if report.Conforms() {
				t.Error("got a report without findings")
			}
		})
	}
}
