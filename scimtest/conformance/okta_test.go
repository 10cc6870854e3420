package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
)

// A flaw makes a good endpoint bad in one way, which a check must find.
type flaw struct {
	check string // the id, without the suite
	name  string // in the words of who made the mistake
	wrap  wrapper
}

type (
	wrapper func(http.Handler) http.Handler
	object  = map[string]any

	// A call is a request to a flawed endpoint, and its answer once there is one.
	call struct {
		*http.Request
		next http.Handler
		body string
		w    *httptest.ResponseRecorder
	}
)

// flawed does something odd with the requests that match a method, a path and
// the body by regular expressions; the empty one matches all.
func flawed(method, path, body string, do func(*call)) wrapper {
	m, p, b := regexp.MustCompile("^(?:"+method+")$"), regexp.MustCompile(path), regexp.MustCompile(body)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			c := &call{r, next, string(data), httptest.NewRecorder()}
			if (method == "" || m.MatchString(r.Method)) && p.MatchString(r.URL.RequestURI()) && b.Match(data) {
				do(c)
			} else {
				c.pass()
			}
			maps.Copy(w.Header(), c.w.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(c.w.Code)
			_, _ = c.w.Body.WriteTo(w)
		})
	}
}

// pass has the good endpoint answer.
func (c *call) pass() {
	c.Body = io.NopCloser(strings.NewReader(c.body))
	c.ContentLength = int64(len(c.body))
	c.next.ServeHTTP(c.w, c.Request)
}

// also makes another request of the good endpoint, with the same credentials.
func (c *call) also(method, path, body string) *httptest.ResponseRecorder {
	r := c.Clone(c.Context())
	r.Method, r.Body, r.ContentLength = method, io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, "", ""
	r.Header.Set("Content-Type", "application/scim+json")
	w := httptest.NewRecorder()
	c.next.ServeHTTP(w, r)
	return w
}

// answers answers without asking the good endpoint.
func answers(status int, body string) func(*call) {
	return func(c *call) {
		c.w.Header().Set("Content-Type", "application/scim+json")
		c.w.WriteHeader(status)
		c.w.WriteString(body)
	}
}

// refuses answers with a SCIM error.
func refuses(status int, scimType string) func(*call) {
	return answers(status, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"%d","scimType":%q,"detail":"no"}`, status, scimType))
}

// reads changes a request before the good endpoint sees it.
func reads(change func(o object)) func(*call) {
	return func(c *call) {
		var o object
		if json.Unmarshal([]byte(c.body), &o) == nil && o != nil {
			change(o)
			data, _ := json.Marshal(o)
			c.body = string(data)
		}
		c.pass()
	}
}

// says changes what the good endpoint answers.
func says(change func(c *call, o object)) func(*call) {
	return func(c *call) {
		c.pass()
		var o object
		if json.Unmarshal(c.w.Body.Bytes(), &o) == nil && o != nil {
			change(c, o)
			data, _ := json.Marshal(o)
			c.w.Body = bytes.NewBuffer(data)
		}
	}
}

// replaces has the good endpoint see another text, and query.
func replaces(pairs ...string) func(*call) {
	r := strings.NewReplacer(pairs...)
	return func(c *call) {
		c.body, c.URL.RawQuery = r.Replace(c.body), r.Replace(c.URL.RawQuery)
		c.pass()
	}
}

// without deletes attributes of each resource answered.
func without(names ...string) func(*call) {
	return each(func(r object) {
		for _, name := range names {
			delete(r, name)
		}
	})
}

// each changes each resource answered.
func each(change func(r object)) func(*call) {
	return says(func(_ *call, o object) {
		if list, ok := o["Resources"].([]any); ok {
			for _, r := range list {
				change(r.(object))
			}
		} else if o["id"] != nil {
			change(o)
		}
	})
}

// operations changes the operations of a PATCH.
func operations(change func(ops []any) []any) func(*call) {
	return reads(func(o object) {
		if ops, ok := o["Operations"].([]any); ok {
			o["Operations"] = change(ops)
		}
	})
}

// hasFlaws checks that each flaw is found by the check of its name, and that
// no check of the suite is without a flaw, but for those that have a test of
// their own.
func hasFlaws(t *testing.T, suite string, flaws []flaw, others ...string) {
	t.Helper()
	unchecked := map[string]bool{}
	report, err := conformance.Check(t.Context(), "http://127.0.0.1:1/nothing/is/here", token, &conformance.Options{Suites: []string{suite}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		unchecked[r.ID] = !slices.Contains(others, r.ID)
	}
	for _, f := range flaws {
		id := suite + "." + f.check
		delete(unchecked, id)
		t.Run(f.check+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			report, err := conformance.Check(t.Context(), serve(t, f.wrap), token, &conformance.Options{Suites: []string{suite}, Only: []string{id}})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, r := range report.Results {
				if r.ID != id {
					continue // another one of which the id is the beginning
				}
				found = true
				if r.Status != conformance.Failed && r.Status != conformance.Advised {
					t.Errorf("got %s %s, want a finding", r.Status, r.Reason)
				}
			}
			if !found {
				t.Error("there is no such check")
			}
		})
	}
	for id := range maps.Keys(unchecked) {
		if !unchecked[id] {
			continue
		}
		t.Errorf("%s: no flaw shows that it can fail", id)
	}
}

// TestOktaFindings: each check of the Okta suite finds what it is there for.
func TestOktaFindings(t *testing.T) {
	const users, groups, one = "/Users", "/Groups", "/(Users|Groups)/[^/?]+$"
	plainText := func(c *call) {
		c.pass()
		if c.w.Code >= 400 {
			c.w.Header().Set("Content-Type", "text/plain")
			c.w.Body = bytes.NewBufferString("something went wrong")
		}
	}
	noDetail := says(func(c *call, o object) {
		if c.w.Code >= 400 {
			delete(o, "detail")
		}
	})
	ignored := func(status int) func(*call) { // says yes and does nothing
		return func(c *call) {
			c.also("GET", c.URL.Path, "")
			c.w.WriteHeader(status)
		}
	}
	drop := func(names ...string) func(*call) {
		return reads(func(o object) {
			for _, name := range names {
				delete(o, name)
			}
		})
	}
	// firstOnly is a server that looks at the first operation alone.
	firstOnly := operations(func(ops []any) []any { return ops[:1] })
	// withOp changes each operation.
	withOp := func(change func(o object)) func(*call) {
		return operations(func(ops []any) []any {
			for _, o := range ops {
				change(o.(object))
			}
			return ops
		})
	}
	empties := func(c *call) { // loses the members of the group, and then does what is asked
		c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`)
		c.pass()
	}
	renames := func(c *call) { // changes the members, and the name as well
		c.pass()
		c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"lost"}]}`)
	}
	shortPages := func(c *call) {
		q := c.URL.Query()
		if q.Get("count") == "100" {
			q.Set("count", "2")
		}
		c.URL.RawQuery = q.Encode()
		c.pass()
	}
	reversed := func() func(*call) { // another order each time
		n := 0
		return says(func(_ *call, o object) {
			if list, ok := o["Resources"].([]any); ok {
				if n++; n%2 == 0 {
					slices.Reverse(list)
				}
			}
		})
	}
	hasFlaws(t, conformance.Okta, []flaw{
		{"paging.connection-test", "numbers as strings", flawed("GET", users, "", says(func(_ *call, o object) { o["itemsPerPage"] = "2" }))},
		{"paging.connection-test", "no itemsPerPage", flawed("GET", users, "", says(func(_ *call, o object) { delete(o, "itemsPerPage") }))},
		{"paging.connection-test", "count ignored", flawed("GET", users, "", says(func(_ *call, o object) {
			list := o["Resources"].([]any)
			o["Resources"] = append(list, list[0], list[0])
		}))},
		{"paging.connection-test", "Accept-Charset is too much", flawed("GET", users, "", func(c *call) {
			if c.Header.Get("Accept-Charset") != "" {
				refuses(406, "")(c)
				return
			}
			c.pass()
		})},
		{"transport.get-with-content-type", "a body is expected", flawed("GET", users, "", func(c *call) {
			if c.Header.Get("Content-Type") != "" {
				refuses(400, "invalidSyntax")(c)
				return
			}
			c.pass()
		})},
		{"filter.unknown-user", "404", flawed("GET", "filter=", "", refuses(404, ""))},
		{"filter.unknown-user", "everybody", flawed("GET", "filter=", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[{"id":"1","userName":"x"}]}`))},
		{"errors.unknown-user", "plain text", flawed("GET", users, "", plainText)},
		{"errors.unknown-user", "no detail", flawed("GET", users, "", noDetail)},
		{"errors.unknown-user", "500 for an odd id", flawed("GET", users+"/00", "", refuses(500, ""))},
		{"create.spec-user", "application/json refused", flawed("POST", users, "", func(c *call) {
			if c.Header.Get("Content-Type") == "application/json" {
				refuses(415, "")(c)
				return
			}
			c.pass()
		})},
		{"create.spec-user", "an empty answer", flawed("POST", users, "", func(c *call) { c.pass(); c.w.Body.Reset() })},
		{"create.spec-user", "no schemas", flawed("POST", users, "", without("schemas"))},
		{"create.spec-user", "200", flawed("POST", users, "", func(c *call) { c.pass(); c.w.Code = 200 })},
		{"read.spec-attributes", "no e-mail", flawed("GET", users, "", without("emails"))},
		{"read.spec-attributes", "no name", flawed("POST", users, "", drop("name"))},
		{"errors.duplicate", "400", flawed("POST", users, "", func(c *call) {
			if c.pass(); c.w.Code == 409 {
				c.w.Code = 400
			}
		})},
		{"errors.duplicate", "plain text", flawed("POST", users, "", plainText)},
		{"filter.username-case", "case matters", flawed("GET", "filter=userName", "", replaces("U-", "X-"))},
		{"read.groups", "none shown", flawed("GET", groups+"$", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"errors.bad-token", "a gateway's page", flawed("GET", users, "", plainText)},
		{"errors.bad-token", "403", flawed("GET", users, "", func(c *call) {
			if c.pass(); c.w.Code == 401 {
				c.w.Code = 403
			}
		})},
		{"errors.bad-token", "any token will do", flawed("GET", users, "", func(c *call) {
			c.Header.Set("Authorization", "Bearer "+token)
			c.pass()
		})},

		{"create.assigned-user", "password unknown", flawed("POST", users, `"password"`, refuses(400, "invalidSyntax"))},
		{"create.assigned-user", "groups refused", flawed("POST", users, `"groups"`, refuses(400, "mutability"))},
		{"create.assigned-user", "password shown", flawed("", users, "", each(func(r object) { r["password"] = "1mz050nq" }))},
		{"create.assigned-user", "charset refused", flawed("POST", users, "", func(c *call) {
			if strings.Contains(c.Header.Get("Content-Type"), "charset") {
				refuses(415, "")(c)
				return
			}
			c.pass()
		})},
		{"create.assigned-user", "locale lost", flawed("POST", users, "", drop("locale"))},
		{"filter.match-user", "finds the others", flawed("GET", "filter=", "", replaces("eq", "ne", "userName", "id"))},
		{"filter.match-user", "the filter is ignored", flawed("GET", "filter=", "", func(c *call) { c.URL.RawQuery = "startIndex=1&count=100"; c.pass() })},
		{"create.external-id", "not stored", flawed("POST", users, "", drop("externalId"))},
		{"create.external-id", "lost by PUT", flawed("PUT", users, "", drop("externalId"))},
		{"create.external-id", "in lower case", flawed("GET", users, "", each(func(r object) {
			if s, ok := r["externalId"].(string); ok {
				r["externalId"] = strings.ToLower(s)
			}
		}))},
		{"replace.whole-user", "no PUT", flawed("PUT", users, "", refuses(405, ""))},
		{"replace.whole-user", "id and meta refused", flawed("PUT", users, `"meta"`, refuses(400, "mutability"))},
		{"replace.whole-user", "without effect", flawed("PUT", users, "", func(c *call) { c.Method = "GET"; c.body = ""; c.pass() })},
		{"replace.whole-user", "without a body", flawed("PUT", users, "", func(c *call) { c.pass(); c.w.Body.Reset(); c.w.Code = 204 })},
		{"replace.keeps-memberships", "groups taken at its word", flawed("PUT", users, `"groups"`, func(c *call) {
			id := c.URL.Path[strings.LastIndex(c.URL.Path, "/")+1:]
			var list struct{ Resources []struct{ ID string } }
			base := strings.TrimSuffix(c.URL.Path, "/Users/"+id)
			_ = json.Unmarshal(c.also("GET", base+groups, "").Body.Bytes(), &list)
			for _, g := range list.Resources {
				c.also("PATCH", base+groups+"/"+g.ID, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, id))
			}
			c.pass()
		})},
		{"lifecycle.put-deactivates", "active ignored", flawed("PUT", users, "", drop("active"))},
		{"lifecycle.put-deactivates", "no way back", flawed("PUT", users, `"active":true`, refuses(400, "mutability"))},
		{"lifecycle.patch-deactivates", "a path is asked for", flawed("PATCH", users, "", refuses(400, "invalidPath"))},
		{"lifecycle.patch-deactivates", "without effect", flawed("PATCH", users, "", ignored(204))},
		{"lifecycle.patch-deactivates", "no way back", flawed("PATCH", users, `true`, ignored(204))},
		{"lifecycle.inactive-user-is-found", "hidden from filters", flawed("GET", "filter=", "", func(c *call) {
			if c.pass(); strings.Contains(c.w.Body.String(), `"active":false`) {
				c.w.Body = bytes.NewBufferString(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`)
			}
		})},
		{"lifecycle.inactive-user-is-found", "404", flawed("GET", one, "", func(c *call) {
			if c.pass(); strings.Contains(c.w.Body.String(), `"active":false`) {
				c.w = httptest.NewRecorder()
				refuses(404, "")(c)
			}
		})},
		{"patch.password", "refused", stack(
			flawed("GET", "/Schemas", "", refuses(404, "")),
			flawed("PATCH", users, `"password"`, refuses(400, "invalidPath")))},
		{"patch.password", "shown", stack(
			flawed("GET", "/Schemas", "", refuses(404, "")),
			flawed("PATCH", users, `"password"`, each(func(r object) { r["password"] = "x" })))},
		{"errors.write-to-nobody", "PUT creates", flawed("PUT", users, "", func(c *call) {
			if c.pass(); c.w.Code == 404 {
				c.w.Code = 201
			}
		})},
		{"errors.write-to-nobody", "PATCH is well", flawed("PATCH", users, "", ignored(204))},
		{"errors.detail", "plain text", flawed("POST", users, "", plainText)},
		{"errors.detail", "no detail", flawed("POST", users, "", noDetail)},
		{"errors.detail", "500", flawed("POST", users, "", func(c *call) {
			if c.pass(); c.w.Code == 400 {
				c.w.Code = 500
			}
		})},
		{"paging.import-users", "short pages", flawed("GET", users, "", shortPages)},
		{"paging.import-users", "another order each time", flawed("GET", users, "", reversed())},
		{"paging.import-users", "the first page again", flawed("GET", users, "", func(c *call) { c.URL.RawQuery = "startIndex=1&count=100"; c.pass() })},
		{"paging.import-users", "totalResults of the page", flawed("GET", users, "", says(func(_ *call, o object) {
			if list, ok := o["Resources"].([]any); ok {
				o["totalResults"] = len(list)
			}
		}))},
		{"paging.import-groups", "short pages", flawed("GET", groups, "", shortPages)},
		{"paging.import-groups", "another order each time", flawed("GET", groups, "", reversed())},

		{"members.push-empty-group", "members must not be empty", flawed("POST", groups, `"members":\[\]`, refuses(400, "invalidValue"))},
		{"members.push-empty-group", "an empty answer", flawed("POST", groups, "", func(c *call) { c.pass(); c.w.Body.Reset() })},
		{"members.push-group", "display refused", flawed("POST", groups, `"display":`, refuses(400, "mutability"))},
		{"members.push-group", "without members", flawed("POST", groups, "", drop("members"))},
		{"filter.match-group", "finds nothing", flawed("GET", "/Groups.*filter=", "", replaces("displayName", "id"))},
		{"filter.match-group", "404 for none", flawed("GET", "/Groups.*filter=.*no%20group", "", refuses(404, ""))},
		{"members.rename-with-id", "id is readOnly", flawed("PATCH", groups, `"id"`, refuses(400, "mutability"))},
		{"members.rename-with-id", "empties the group", flawed("PATCH", groups, `"id"`, empties)},
		{"members.rename-with-id", "without effect", flawed("PATCH", groups, "", ignored(204))},
		{"members.put-renames", "no PUT", flawed("PUT", groups, "", refuses(501, ""))},
		{"members.put-renames", "members left alone", flawed("PUT", groups, "", func(c *call) {
			var g object
			_ = json.Unmarshal(c.also("GET", c.URL.Path, "").Body.Bytes(), &g)
			reads(func(o object) { o["members"] = g["members"] })(c)
		})},
		{"members.put-renames", "name left alone", flawed("PUT", groups, "", func(c *call) {
			var g object
			_ = json.Unmarshal(c.also("GET", c.URL.Path, "").Body.Bytes(), &g)
			reads(func(o object) { o["displayName"] = g["displayName"] })(c)
		})},
		{"members.put-empties", "an empty list taken for none", flawed("PUT", groups, "", func(c *call) {
			var g object
			_ = json.Unmarshal(c.also("GET", c.URL.Path, "").Body.Bytes(), &g)
			reads(func(o object) { o["members"] = g["members"] })(c)
		})},
		{"lifecycle.unlink-deletes-group", "no DELETE", flawed("DELETE", groups, "", refuses(405, ""))},
		{"lifecycle.unlink-deletes-group", "still there", flawed("DELETE", groups, "", ignored(204))},
		{"lifecycle.unlink-deletes-group", "the members with it", flawed("DELETE", groups, "", func(c *call) {
			var g struct{ Members []struct{ Value string } }
			_ = json.Unmarshal(c.also("GET", c.URL.Path, "").Body.Bytes(), &g)
			for _, m := range g.Members {
				c.also("DELETE", c.URL.Path[:strings.Index(c.URL.Path, groups)]+"/Users/"+m.Value, "")
			}
			c.pass()
		})},
		{"members.add-with-display", "display refused", flawed("PATCH", groups, `"display"`, refuses(400, "mutability"))},
		{"members.add-with-display", "replaces", flawed("PATCH", groups, "", replaces(`"add"`, `"replace"`))},
		{"members.add-with-display", "renames", flawed("PATCH", groups, "", renames)},
		{"members.add-again", "409", flawed("PATCH", groups, "", refuses(409, "uniqueness"))},
		{"members.add-again", "twice", flawed("GET", groups+"/", "", each(func(r object) {
			if members, ok := r["members"].([]any); ok {
				r["members"] = append(members, members[0])
			}
		}))},
		{"members.remove-by-filter", "not understood", flawed("PATCH", groups, "", refuses(400, "invalidPath"))},
		{"members.remove-by-filter", "removes all", flawed("PATCH", groups, "", withOp(func(o object) { o["path"] = "members" }))},
		{"members.remove-absent", "404", flawed("PATCH", groups, "", refuses(404, "noTarget"))},
		{"members.remove-and-add", "the first operation alone", flawed("PATCH", groups, "", firstOnly)},
		{"members.replace-all", "adds", flawed("PATCH", groups, "", replaces(`"replace"`, `"add"`))},
		{"members.replace-with-none", "adds nothing", flawed("PATCH", groups, "", replaces(`"replace"`, `"add"`))},
		{"members.replace-with-none", "a value is asked for", flawed("PATCH", groups, "", refuses(400, "invalidValue"))},
		{"members.replace-without-path", "without effect", flawed("PATCH", groups, "", ignored(200))},
		{"members.replace-without-path", "a path is asked for", flawed("PATCH", groups, "", refuses(400, "noTarget"))},

		{"transport.no-user-agent", "a firewall", flawed("", users, "", func(c *call) {
			if c.UserAgent() == "" {
				answers(403, "<html>Forbidden</html>")(c)
				return
			}
			c.pass()
		})},
		{"create.emails-as-object", "refused", flawed("POST", users, `"emails":\{`, refuses(400, "invalidValue"))},
		{"create.emails-as-object", "lost", flawed("POST", users, "", drop("emails"))},
		{"members.one-operation-each", "the first alone", flawed("PATCH", groups, "", firstOnly)},
		{"members.rename-without-path", "without effect", flawed("PATCH", groups, "", ignored(204))},
		{"members.rename-without-path", "empties the group", flawed("PATCH", groups, "", empties)},
		{"lifecycle.deactivate-by-path", "case matters", flawed("PATCH", users, `"replace"`, refuses(400, "invalidSyntax"))},
		{"lifecycle.deactivate-by-path", "without effect", flawed("PATCH", users, "", ignored(200))},
		{"members.remove-nested-value", "empties the group", flawed("PATCH", groups, "", withOp(func(o object) { delete(o, "value") }))},
		{"members.remove-nested-value", "refused", flawed("PATCH", groups, "", refuses(400, "invalidValue"))},
		{"lifecycle.same-end-state", "a PATCH nests what it is given", flawed("PATCH", users, "", ignored(204))},
		{"lifecycle.same-end-state", "PUT loses the locale", flawed("PUT", users, "", drop("locale"))},
		{"lifecycle.same-end-state", "members without display refused", flawed("PATCH", groups, "", func(c *call) {
			if !strings.Contains(c.body, "display") {
				refuses(400, "invalidValue")(c)
				return
			}
			c.pass()
		})},
	})
}

// stack puts one flaw before another.
func stack(first, second wrapper) wrapper {
	return func(next http.Handler) http.Handler { return first(second(next)) }
}

// TestOddAnswers: whatever comes back, a check ends with a finding.
func TestOddAnswers(t *testing.T) {
	const list = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":3,"startIndex":1,"itemsPerPage":3,"Resources":`
	for _, body := range []string{
		"", "null", "[]", "7", `{"id":7}`, `{"id":"1"}`, "<html>",
		`{"id":"1","schemas":7,"userName":7,"name":[7],"emails":{"value":[]},"members":7,"active":"yes","meta":7,"groups":{}}`,
		`{"id":"1","emails":[null,7,{"value":null}],"members":[null],"schemas":[null]}`,
		list + `[{"id":"1"},{"id":"1"},{"id":"1"}]}`,
		list + `[{},{"id":7,"name":7,"schema":7,"endpoint":7,"attributes":[null,7,{"name":"emails","subAttributes":[7]}],"schemaExtensions":[7]},{"id":"urn:ietf:params:scim:schemas:core:2.0:User","attributes":{}}]}`,
	} {
		for _, status := range []int{200, 201, 204, 400} {
			url := serve(t, flawed("", "", "", answers(status, body)))
			report, err := conformance.Check(t.Context(), url, token, &conformance.Options{Suites: []string{conformance.Okta, conformance.RFC, conformance.Strict}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if strings.Contains(r.Reason, "panicked") {
					t.Errorf("%d %s: %s", status, body, r)
				}
			}
		}
	}
}
