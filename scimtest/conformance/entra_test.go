package conformance_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/scimtest/conformance"
)

// TestEntraFindings: each check of the Entra suite finds what it is there for.
func TestEntraFindings(t *testing.T) {
	const (
		users, groups = "/Users", "/Groups"
		aUser, aGroup = "/Users/[^/?]+", "/Groups/[^/?]+"
		enterprise    = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	)
	// Building blocks.
	when := func(bad func(*call) bool, do func(*call)) func(*call) {
		return func(c *call) {
			if bad(c) {
				do(c)
			} else {
				c.pass()
			}
		}
	}
	instead := func(status int, do func(*call)) func(*call) { // do takes the place of an answer of the status
		return func(c *call) {
			if c.pass(); c.w.Code == status {
				c.w = httptest.NewRecorder()
				do(c)
			}
		}
	}
	nothing := func(c *call) { c.w.WriteHeader(204) } // says yes and does nothing
	patches := func(change func(o object)) func(*call) {
		return operations(func(ops []any) []any {
			for _, op := range ops {
				change(op.(object))
			}
			return ops
		})
	}
	afterwards := func(op string) func(*call) { // does one thing more
		return func(c *call) {
			c.pass()
			c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`)
		}
	}
	deletes := func(names ...string) func(o object) {
		return func(o object) {
			for _, name := range names {
				delete(o, name)
			}
		}
	}
	everySecond := func(do func(*call)) func(*call) {
		var n atomic.Int64
		return func(c *call) {
			if n.Add(1)%2 == 0 {
				do(c)
				return
			}
			c.pass()
		}
	}
	// another makes a second resource of what is there already.
	another := func(attribute string) func(*call) {
		return instead(409, reads(func(o object) { o[attribute] = o[attribute].(string) + "-2" }))
	}
	unquery := func(c *call) { c.URL.RawQuery = ""; c.pass() }
	plainText := func(c *call) {
		if c.pass(); c.w.Code >= 400 {
			c.w.Body = bytes.NewBufferString("something went wrong")
		}
	}
	listed := func(change func(list []any) []any) func(*call) {
		return says(func(_ *call, o object) {
			if list, ok := o["Resources"].([]any); ok {
				list = change(list)
				o["Resources"], o["totalResults"] = list, len(list)
			}
		})
	}
	onlyActive := listed(func(list []any) []any {
		kept := []any{}
		for _, r := range list {
			if r.(object)["active"] != false {
				kept = append(kept, r)
			}
		}
		return kept
	})
	inElements := func(attribute string, change func(e object)) func(r object) {
		return func(r object) {
			list, _ := r[attribute].([]any)
			for _, e := range list {
				change(e.(object))
			}
		}
	}
	inSchemas := func(change func(schema object)) wrapper {
		return flawed("GET", "/Schemas", "", says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			for _, s := range list {
				change(s.(object))
			}
		}))
	}
	attributes := func(schema object, change func(a object)) {
		list, _ := schema["attributes"].([]any)
		for _, a := range list {
			change(a.(object))
		}
	}
	first := func(list []any) []any { return list[:min(1, len(list))] }
	firstValue := patches(func(o object) {
		if list, ok := o["value"].([]any); ok {
			o["value"] = first(list)
		}
	})
	softDelete := func(c *call) {
		c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		c.w.WriteHeader(204)
	}
	emptied := afterwards(`{"op":"remove","path":"members"}`)
	emptyList := answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`)
	label := func(media string) func(*call) {
		return func(c *call) {
			if c.pass(); c.w.Body.Len() > 0 {
				c.w.Header().Set("Content-Type", media)
			}
		}
	}
	header := func(name, value string) func(*call) bool {
		return func(c *call) bool { return c.Header.Get(name) == value }
	}

	hasFlaws(t, conformance.Entra, []flaw{
		{"transport.bare-get", "the firewall wants a User-Agent", flawed("", "", "", when(header("User-Agent", ""), answers(403, "<html>")))},
		{"transport.bare-get", "HTML for lack of an Accept", flawed("", "", "", when(header("Accept", ""), label("text/html")))},
		{"transport.media-type", "application/json", flawed("", "", "", label("application/json"))},
		{"transport.media-type", "errors alone are application/json", flawed("", "", "", func(c *call) {
			if c.pass(); c.w.Code >= 400 {
				c.w.Header().Set("Content-Type", "application/json")
			}
		})},
		{"transport.charset", "compared as a whole", flawed("POST", "", "", when(header("Content-Type", "application/scim+json; charset=utf-8"), refuses(415, "")))},
		{"transport.plain-json", "415", flawed("POST", "", "", when(header("Content-Type", "application/json"), refuses(415, "")))},
		{"transport.slash", "404", flawed("", `/Users/\?`, "", refuses(404, ""))},
		{"transport.unknown-parameter", "400", flawed("", "aadOptscim", "", refuses(400, "invalidValue"))},
		{"transport.unauthorized", "everybody is let in", flawed("", "", "", func(c *call) { c.Header.Set("Authorization", "Bearer "+token); c.pass() })},
		{"transport.unauthorized", "404", flawed("", "", "", instead(401, refuses(404, "")))},
		{"transport.unauthorized-answer", "no WWW-Authenticate", flawed("", "", "", func(c *call) { c.pass(); c.w.Header().Del("WWW-Authenticate") })},
		{"transport.unauthorized-answer", "text", flawed("", "", "", plainText)},
		{"transport.burst", "429", flawed("GET", "filter", "", refuses(429, ""))},
		{"transport.burst", "503 for some", flawed("GET", "filter", "", everySecond(refuses(503, "")))},
		{"transport.burst", "429 for few, without Retry-After", flawed("GET", "filter", "", everySecond(refuses(429, "")))},
		{"transport.errors", "text", flawed("", "", "", plainText)},
		{"transport.errors", "the status is a number", flawed("", "", "", says(func(c *call, o object) {
			if c.w.Code >= 400 {
				o["status"] = c.w.Code
			}
		}))},
		{"transport.detail", "none", flawed("", "", "", says(func(_ *call, o object) { delete(o, "detail") }))},

		{"probe.users", "404", flawed("GET", users+`\?`, "", refuses(404, ""))},
		{"probe.users", "everybody", flawed("GET", users+`\?`, "", when(func(*call) bool { return true }, answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[{"id":"1"}]}`)))},
		{"probe.external-id", "400", flawed("GET", "externalId", "", refuses(400, "invalidFilter"))},
		{"probe.groups", "404", flawed("GET", groups+`\?`, "", refuses(404, ""))},
		{"search.empty-list", "null", flawed("GET", users, "", says(func(_ *call, o object) { o["Resources"] = nil }))},
		{"search.empty-list", "no startIndex", flawed("GET", users, "", says(func(_ *call, o object) { delete(o, "startIndex") }))},
		{"search.form-encoding", "+ stays a plus", flawed("GET", "", "", replaces("+", "%2B"))},
		{"search.encodings", "raw quotes", flawed("GET", `"`, "", refuses(400, "invalidFilter"))},
		{"search.encodings", "decoded too late", flawed("GET", "%20", "", refuses(400, "invalidFilter"))},
		{"search.user-name", "not a list", flawed("GET", "filter", "", says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			clear(o)
			for _, r := range list {
				for k, v := range r.(object) {
					o[k] = v
				}
			}
		}))},
		{"search.user-name", "the filter is not looked at", flawed("GET", "filter", "", unquery)},
		{"search.user-name", "not found", flawed("GET", "filter", "", emptyList)},
		{"search.any-case", "values have case", flawed("GET", "%22U-", "", emptyList)},
		{"search.any-case", "names have case", flawed("GET", "USERNAME", "", refuses(400, "invalidFilter"))},
		{"search.external-id", "the filter is not looked at", flawed("GET", "externalId", "", unquery)},
		{"search.external-id", "400", flawed("GET", "externalId", "", refuses(400, "invalidFilter"))},
		{"search.work-email", "the RFC's grammar alone", flawed("GET", `%5D.value`, "", refuses(400, "invalidFilter"))},
		{"search.work-email", "the filter is not looked at", flawed("GET", `emails`, "", unquery)},
		{"search.email-forms", "emails.value", flawed("GET", `emails.value`, "", refuses(400, "invalidFilter"))},
		{"search.email-forms", "and within brackets", flawed("GET", `work%22\+and`, "", emptyList)},
		{"search.extension", "400", flawed("GET", `enterprise`, "", refuses(400, "invalidFilter"))},
		{"search.core-urn", "400", flawed("GET", `core%3A2.0`, "", refuses(400, "invalidFilter"))},
		{"search.unquoted", "500", flawed("GET", `eq\+jyoung`, "", refuses(500, ""))},
		{"search.unquoted", "everybody", flawed("GET", `eq\+jyoung`, "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"Resources":[{"id":"1"},{"id":"2"}]}`))},
		{"search.odd-characters", "an SQL error", flawed("GET", "%27", "", refuses(500, ""))},
		{"search.odd-characters", "decoded twice", flawed("GET", "", "", replaces("%2B", "+"))},
		{"search.odd-characters", "cut at the &", flawed("GET", "", "", replaces("%26", "&"))},
		{"search.unicode", "escapes", flawed("GET", "%5C", "", refuses(400, "invalidFilter"))},
		{"search.unicode", "not ASCII", flawed("GET", "%C5", "", emptyList)},
		{"search.long-value", "500", flawed("GET", "aaaaaaaaaaaaaaa", "", refuses(500, ""))},
		{"search.inactive", "hidden in searches", flawed("GET", users, "", onlyActive)},
		{"search.inactive", "hidden by id", flawed("GET", aUser, "", refuses(404, ""))},
		{"search.manager", "400", flawed("GET", "and.manager", "", refuses(400, "invalidFilter"))},
		{"search.manager", "half of the filter is read", flawed("GET", "and.manager", "", func(c *call) {
			c.URL.RawQuery, _, _ = strings.Cut(c.URL.RawQuery, "+and+")
			c.pass()
		})},
		{"search.not-understood", "everybody", flawed("GET", users+`\?`, "", instead(400, unquery))},
		{"search.not-understood", "500", flawed("GET", users+`\?`, "", instead(400, refuses(500, "")))},
		{"search.two", "the first one", flawed("GET", "filter", "", listed(first))},

		{"create.default-mapping", "preferredLanguage is lost", flawed("", users, "", without("preferredLanguage"))},
		{"create.default-mapping", "the extension is lost", flawed("", users, "", without(enterprise))},
		{"create.default-mapping", "userName is changed", flawed("", users, "", each(func(r object) { r["userName"] = "x" }))},
		{"create.minimal", "not active", flawed("", users, "", each(func(r object) { r["active"] = false }))},
		{"create.extension-named-only", "400", flawed("POST", users, "enterprise", refuses(400, "invalidSyntax"))},
		{"create.extension-unnamed", "dropped", flawed("POST", users, "", reads(deletes(enterprise)))},
		{"create.nulls", "null", flawed("POST", users, ":null", refuses(400, "invalidValue"))},
		{"create.nulls", "meta", flawed("POST", users, `"meta"`, refuses(400, "mutability"))},
		{"create.nulls-outside", "refused", flawed("POST", users, `"manager":null`, refuses(400, "invalidSyntax"))},
		{"create.nulls", "an empty array is a value", flawed("", aUser, "", each(func(r object) { r["title"] = "null" }))},
		{"create.unknown-schema", "400", flawed("POST", users, "2.0User", refuses(400, "invalidSyntax"))},
		{"create.string-boolean", "400", flawed("POST", users, `"True"`, refuses(400, "invalidValue"))},
		{"create.string-boolean", "stored as text", flawed("", users, "", each(func(r object) { r["active"] = "True" }))},
		{"create.string-primary", "400", flawed("POST", users, `"True"`, refuses(400, "invalidValue"))},
		{"create.string-primary", "stored as text", flawed("", users, "", each(inElements("roles", func(e object) { e["primary"] = "True" })))},
		{"create.odd-case", "no userName", flawed("POST", users, `"UserName"`, refuses(400, "invalidValue"))},
		{"create.odd-case", "no e-mail", flawed("POST", users, "", reads(deletes("Emails")))},
		{"create.duplicate", "a second user", flawed("POST", users, "", another("userName"))},
		{"create.duplicate", "400", flawed("POST", users, "", instead(409, refuses(400, "uniqueness")))},
		{"create.duplicate", "not found afterwards", flawed("GET", "externalId", "", emptyList)},
		{"create.duplicate-case", "a second user", flawed("POST", users, "", another("userName"))},
		{"create.external-id-twice", "500", flawed("POST", users, `"externalId"`, everySecond(refuses(500, "")))},
		{"create.bad-body", "500", flawed("POST", users, "", instead(400, refuses(500, "")))},
		{"create.bad-body", "userName is made up", flawed("POST", users, "", reads(func(o object) {
			if o["userName"] == nil {
				o["userName"] = "somebody"
			}
		}))},
		{"create.unknown-attribute", "400", flawed("POST", users, "extraAttribute", refuses(400, "invalidSyntax"))},
		{"create.disabled-exists", "a second user", flawed("POST", users, "", another("userName"))},
		{"create.disabled-exists", "500", flawed("POST", users, "", instead(409, refuses(500, "")))},
		{"create.verbatim", "tidied up", flawed("", users, "", each(inElements("phoneNumbers", func(e object) { e["value"] = "+555 5555 5555" })))},
		{"create.verbatim", "400", flawed("POST", users, "55555555555", refuses(400, "invalidValue"))},
		{"create.verbatim-name", "in lower case", flawed("", aUser, "", each(func(r object) { r["userName"] = strings.ToLower(r["userName"].(string)) }))},
		{"create.dangling-manager", "400", flawed("POST", users, "manager", refuses(400, "invalidValue"))},
		{"read.by-id", "400 for a foreign form of id", flawed("GET", aUser, "", instead(404, refuses(400, "")))},
		{"read.by-id", "500", flawed("GET", "no%20such", "", refuses(500, ""))},
		{"read.by-id", "deleted users stay", flawed("DELETE", aUser, "", softDelete)},
		{"read.by-id", "an array", flawed("GET", aUser, "", func(c *call) { c.pass(); c.w.Body = bytes.NewBufferString("[" + c.w.Body.String() + "]") })},
		{"read.same-everywhere", "short lists", flawed("GET", "filter", "", without("title", enterprise))},
		{"read.same-everywhere", "another answer to POST", flawed("POST", users, "", each(func(r object) { r["displayName"] = "Changed" }))},

		{"patch.replace", "case matters", flawed("PATCH", users, `"Replace"`, refuses(400, "invalidSyntax"))},
		{"patch.replace", "without effect", flawed("PATCH", users, "", nothing)},
		{"patch.replace", "userName cannot change", flawed("PATCH", users, `"userName"`, nothing)},
		{"patch.default-dialect", "the first operation alone", flawed("PATCH", users, "", operations(first))},
		{"patch.default-dialect", "no value paths", flawed("PATCH", users, `emails\[`, refuses(400, "invalidPath"))},
		{"patch.first-update", "noTarget", flawed("PATCH", users, `addresses\[`, refuses(400, "noTarget"))},
		{"patch.flag-dialect", "keys are names", flawed("PATCH", users, "", patches(func(o object) {
			if value, ok := o["value"].(object); ok {
				deletes("name.givenName", "name.familyName")(value)
			}
		}))},
		{"patch.flag-dialect", "URN keys are names", flawed("PATCH", users, "", patches(func(o object) {
			if value, ok := o["value"].(object); ok {
				delete(value, enterprise+":employeeNumber")
			}
		}))},
		{"patch.flag-dialect", "no operations without path", flawed("PATCH", users, `"op":"replace","value"`, refuses(400, "noTarget"))},
		{"patch.siblings", "replaced", flawed("PATCH", users, "", afterwards(`{"op":"remove","path":"name.familyName"}`))},
		{"patch.both-dialects", "the flag's alone", flawed("PATCH", users, `"Replace"`, refuses(400, "invalidSyntax"))},
		{"patch.both-dialects", "the default alone", flawed("PATCH", users, `"op":"replace","value"`, nothing)},
		{"patch.add-sets", "there is one", flawed("PATCH", users, "Second", refuses(400, "invalidValue"))},
		{"patch.add-sets", "a list", flawed("", aUser, "", each(func(r object) { r["title"] = []any{r["title"]} }))},
		{"patch.remove", "case matters", flawed("PATCH", users, `"Remove"`, refuses(400, "invalidSyntax"))},
		{"patch.remove", "without effect", flawed("PATCH", users, "", nothing)},
		{"patch.remove-absent", "noTarget", flawed("PATCH", users, "", refuses(400, "noTarget"))},
		{"patch.required", "500", flawed("PATCH", users, "", instead(400, refuses(500, "")))},
		{"patch.required", "removed", flawed("GET", aUser, "", without("userName"))},
		{"patch.order", "the first operation alone", flawed("PATCH", users, "", operations(first))},
		{"patch.order", "the other way round", flawed("PATCH", users, "", operations(func(ops []any) []any {
			turned := []any{}
			for i := range ops {
				turned = append(turned, ops[len(ops)-1-i])
			}
			return turned
		}))},
		{"patch.atomic", "by halves", flawed("PATCH", users, "After", func(c *call) {
			c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"After"}]}`)
			c.pass()
		})},
		{"patch.unknown-attribute", "500", flawed("PATCH", users, "noSuchAttribute", refuses(500, ""))},
		{"patch.envelope", "operations", flawed("PATCH", users, `"operations"`, refuses(400, "invalidSyntax"))},
		{"patch.envelope", "schemas", flawed("PATCH", users, `^{"Operations`, refuses(400, "invalidSyntax"))},
		{"patch.unknown-user", "204", flawed("PATCH", users, "", nothing)},
		{"patch.taken", "400", flawed("PATCH", users, "", instead(409, refuses(400, "uniqueness")))},
		{"patch.taken", "two of them", flawed("PATCH", users, "", nothing)},
		{"patch.answer", "text", flawed("PATCH", users, "", func(c *call) { c.pass(); c.w.Code = 200; c.w.Body = bytes.NewBufferString("OK") })},
		{"patch.answer", "no id", flawed("PATCH", users, "", func(c *call) { c.also("PATCH", c.URL.Path, c.body); answers(200, `{"schemas":[]}`)(c) })},
		{"patch.unchanged", "400", flawed("PATCH", users, "", refuses(400, "invalidValue"))},
		{"patch.parallel", "the last one wins", flawed("PATCH", users, "", crowded(everySecond(nothing)))},
		{"patch.parallel", "503", flawed("PATCH", users, "", crowded(everySecond(refuses(503, ""))))},

		{"values.element-there", "one more", flawed("PATCH", users, "", patches(func(o object) {
			o["op"], o["path"], o["value"] = "add", "emails", []any{object{"type": "work", "value": o["value"]}}
		}))},
		{"values.element-there", "without effect", flawed("PATCH", users, "", nothing)},
		{"values.element-missing", "noTarget", flawed("PATCH", users, `emails\[`, refuses(400, "noTarget"))},
		{"values.element-missing", "without effect", flawed("PATCH", users, `"Add"`, nothing)},
		{"values.other-element", "replaced", flawed("PATCH", users, "", afterwards(`{"op":"remove","path":"emails[type eq \"home\"]"}`))},
		{"values.primary", "400", flawed("PATCH", users, `"True"`, refuses(400, "invalidValue"))},
		{"values.primary", "stored as text", flawed("GET", aUser, "", each(inElements("emails", func(e object) { e["primary"] = "True" })))},
		{"values.primary", "two of them", flawed("GET", aUser, "", each(inElements("emails", func(e object) { e["primary"] = true })))},
		{"values.address", "one each", flawed("PATCH", users, "", patches(func(o object) {
			_, sub, _ := strings.Cut(o["path"].(string), "].")
			o["path"], o["value"] = "addresses", []any{object{"type": "work", sub: o["value"]}}
		}))},
		{"values.address", "noTarget", flawed("PATCH", users, "", refuses(400, "noTarget"))},
		{"values.address-beside", "replaced", flawed("PATCH", users, "", afterwards(`{"op":"remove","path":"addresses[type eq \"home\"]"}`))},
		{"values.phone-twice", "two of them", flawed("PATCH", users, "", patches(func(o object) {
			o["path"], o["value"] = "phoneNumbers", []any{object{"type": "mobile", "value": o["value"]}}
		}))},
		{"values.extension", "split at the first colon", flawed("PATCH", users, "urn", refuses(400, "invalidPath"))},
		{"values.extension", "lost", flawed("GET", aUser, "", without(enterprise))},
		{"values.remove-with-value", "set", flawed("PATCH", users, "", replaces(`"Remove"`, `"Replace"`))},
		{"values.null-update", "an e-mail address must be valid", flawed("PATCH", users, `emails[^}]*"value":""`, refuses(400, "invalidValue"))},
		{"values.null-update", "stored", flawed("PATCH", users, "", replaces(`"value":""`, `"value":"-"`))},
		{"values.null-update-null", "400", flawed("PATCH", users, `"value":null`, refuses(400, "invalidValue"))},
		{"values.null-update-null", "null is no change", flawed("PATCH", users, "", nothing)},
		{"values.null-update-flag", "no path in keys", flawed("PATCH", users, `"name.givenName":`, refuses(400, "invalidPath"))},
		{"values.null-update-flag", "null is no change", flawed("PATCH", users, "null", nothing)},
		{"values.nested-name", "replaced", flawed("PATCH", users, "", afterwards(`{"op":"remove","path":"name.givenName"}`))},
		{"values.wrapped", "500", flawed("PATCH", users, "", refuses(500, ""))},
		{"values.wrapped", "stored", flawed("GET", aUser, "", each(func(r object) { r["displayName"] = []any{object{"value": "User X"}} }))},

		{"manager.set", "400", flawed("PATCH", users, "manager", refuses(400, "invalidValue"))},
		{"manager.set", "returned as text", flawed("GET", aUser, "", each(func(r object) {
			if e, ok := r[enterprise].(object); ok {
				if m, ok := e["manager"].(object); ok {
					e["manager"] = m["value"]
				}
			}
		}))},
		{"manager.set", "set once", flawed("PATCH", users, `"replace"`, nothing)},
		{"manager.clear", "400", flawed("PATCH", users, `"value":""`, refuses(400, "invalidValue"))},
		{"manager.clear", "without effect", flawed("PATCH", users, `"value":""`, nothing)},
		{"manager.object", "400", flawed("PATCH", users, `"value":{`, refuses(400, "invalidValue"))},
		{"manager.object", "set once", flawed("PATCH", users, `"replace"`, nothing)},
		{"manager.array", "400", flawed("PATCH", users, `"value":\[`, refuses(400, "invalidValue"))},
		{"manager.short-path", "500", flawed("PATCH", users, `"path":"manager"`, refuses(500, ""))},
		{"manager.clear-forms", "null", flawed("PATCH", users, `null`, nothing)},
		{"manager.clear-forms", "Remove", flawed("PATCH", users, `"Remove"`, refuses(400, "invalidSyntax"))},
		{"manager.unknown", "a foreign key", flawed("PATCH", users, "manager", refuses(500, ""))},
		{"roles.primary", "text is no boolean", flawed("PATCH", users, `primary eq`, refuses(400, "invalidFilter"))},
		{"roles.primary", "one more", flawed("PATCH", users, "", patches(func(o object) {
			o["op"], o["path"], o["value"] = "add", "roles", []any{object{"value": o["value"]}}
		}))},
		{"roles.primary-missing", "noTarget", flawed("PATCH", users, `primary eq`, refuses(400, "noTarget"))},
		{"roles.primary-missing", "not primary", flawed("PATCH", users, "", patches(func(o object) {
			o["op"], o["path"], o["value"] = "add", "roles", []any{object{"value": o["value"]}}
		}))},
		{"roles.json-text", "stored as it is", flawed("GET", aUser, "", each(inElements("roles", func(e object) { e["value"] = `{"value":"25"}` })))},
		{"roles.json-text", "the first one", flawed("PATCH", users, "", firstValue)},
		{"roles.json-text", "doubled", flawed("GET", aUser, "", each(func(r object) {
			if list, _ := r["roles"].([]any); len(list) > 0 && list[0].(object)["display"] == "Role1234" {
				r["roles"] = append(list, list...)
			}
		}))},
		{"roles.replace", "additive", flawed("PATCH", users, "", patches(func(o object) { o["op"] = "add" }))},

		{"active.strings", "every text is true", flawed("PATCH", users, "", replaces(`"False"`, "true"))},
		{"active.strings", "400", flawed("PATCH", users, `"True"`, refuses(400, "invalidValue"))},
		{"active.strings", "one spelling", flawed("PATCH", users, `"false"`, refuses(400, "invalidValue"))},
		{"active.strings", "false alone", flawed("PATCH", users, `true`, nothing)},
		{"active.add", "there is one", flawed("PATCH", users, `"Add"`, refuses(400, "invalidValue"))},
		{"active.without-path", "without effect", flawed("PATCH", users, "", nothing)},
		{"active.without-path-string", "400", flawed("PATCH", users, `"False"`, refuses(400, "invalidValue"))},
		{"active.nonsense", "false", flawed("PATCH", users, "", replaces(`"maybe"`, "false"))},
		{"active.nonsense", "500", flawed("PATCH", users, "", refuses(500, ""))},
		{"lifecycle.disable-restore", "out of all groups", flawed("GET", aGroup, "", without("members"))},
		{"lifecycle.disable-restore", "hidden", flawed("GET", users, "", onlyActive)},
		{"lifecycle.disable-restore", "for ever", flawed("PATCH", users, `true`, nothing)},
		{"lifecycle.restart", "the first operation alone", flawed("PATCH", users, "", operations(first))},
		{"lifecycle.restart", "hidden", flawed("GET", users, "", onlyActive)},
		{"lifecycle.delete", "a soft delete that can be seen", flawed("DELETE", users, "", softDelete)},
		{"lifecycle.delete", "without effect", flawed("DELETE", users, "", nothing)},
		{"lifecycle.delete-again", "404 never", flawed("DELETE", users, "", instead(404, nothing))},
		{"lifecycle.create-again", "the name stays taken", flawed("DELETE", users, "", softDelete)},
		{"cycle.settles", "preferredLanguage is lost", flawed("GET", users, "", without("preferredLanguage"))},
		{"cycle.settles", "no manager", flawed("PATCH", users, "", nothing)},
		{"cycle.settles", "no members", flawed("PATCH", groups, "", nothing)},

		{"groups.create", "the schema is not known", flawed("POST", groups, "ADSCIM", refuses(400, "invalidSyntax"))},
		{"groups.create", "externalId is lost", flawed("", groups, "", without("externalId"))},
		{"groups.create-members", "dropped", flawed("POST", groups, "", reads(deletes("members")))},
		{"groups.create-members", "an empty list", flawed("POST", groups, `"members":\[\]`, refuses(400, "invalidValue"))},
		{"groups.duplicate", "a second group", flawed("POST", groups, "", another("displayName"))},
		{"groups.match", "case", flawed("GET", "%22USHER-CHECK-G-", "", emptyList)},
		{"groups.match", "externalId", flawed("GET", "externalId", "", refuses(400, "invalidFilter"))},
		{"groups.match-characters", "an SQL error", flawed("GET", "%27", "", refuses(500, ""))},
		{"groups.match-characters", "decoded twice", flawed("GET", "", "", replaces("%2B", "+"))},
		{"groups.excluded-members", "not honoured", flawed("GET", groups, "", replaces("excludedAttributes=members", ""))},
		{"groups.excluded-members", "not honoured in searches", flawed("GET", groups+`\?`, "", replaces("excludedAttributes=members", ""))},
		{"groups.excluded-members", "not honoured if it comes last", flawed("GET", "&excludedAttributes", "", replaces("excludedAttributes=members", ""))},
		{"groups.excluded-members", "an empty array", flawed("GET", "excludedAttributes", "", each(func(r object) { r["members"] = []any{} }))},
		{"groups.excluded-any-case", "case", flawed("GET", groups, "", replaces("excludedAttributes=Members", ""))},
		{"groups.excluded-any-case", "URN", flawed("GET", groups, "", replaces("excludedAttributes=urn", "x=urn"))},
		{"groups.members-shown", "none", flawed("GET", groups, "", without("members"))},
		{"groups.members-shown", "no value", flawed("GET", groups, "", each(inElements("members", deletes("value"))))},
		{"groups.rename", "emptied", flawed("PATCH", groups, "", emptied)},
		{"groups.rename", "without effect", flawed("PATCH", groups, `"op":"replace","value"`, nothing)},
		{"groups.external-id", "emptied", flawed("PATCH", groups, "", emptied)},
		{"groups.external-id", "no Add", flawed("PATCH", groups, `"Add"`, refuses(400, "invalidPath"))},
		{"groups.rename-with-member", "the first operation alone", flawed("PATCH", groups, "", operations(first))},
		{"groups.rename-taken", "two of them", flawed("PATCH", groups, "", instead(409, nothing))},
		{"groups.delete", "without effect", flawed("DELETE", groups, "", nothing)},
		{"groups.delete", "along with its members", flawed("GET", aUser, "", refuses(404, ""))},

		{"members.add", "null", flawed("PATCH", groups, "null", refuses(400, "invalidValue"))},
		{"members.add", "replaced", flawed("PATCH", groups, "", replaces(`"Add"`, `"replace"`))},
		{"members.add-list", "the first value alone", flawed("PATCH", groups, "", firstValue)},
		{"members.add-list", "the first operation alone", flawed("PATCH", groups, "", operations(first))},
		{"members.hundred", "50 at the most", flawed("PATCH", groups, "", when(func(c *call) bool { return strings.Count(c.body, `"$ref"`) > 50 }, refuses(413, "tooMany")))},
		{"members.hundred", "50 operations at the most", flawed("PATCH", groups, "", operations(func(ops []any) []any { return ops[:min(50, len(ops))] }))},
		{"members.add-present", "409", flawed("PATCH", groups, "", refuses(409, "uniqueness"))},
		{"members.add-present", "doubled", flawed("GET", groups, "", each(func(r object) {
			if list, ok := r["members"].([]any); ok {
				r["members"] = append(list, list[0])
			}
		}))},
		{"members.remove-value", "empties the group", flawed("PATCH", groups, "", patches(deletes("value")))},
		{"members.remove-value", "400", flawed("PATCH", groups, "", refuses(400, "invalidValue"))},
		{"members.remove-list", "the first value alone", flawed("PATCH", groups, "", firstValue)},
		{"members.remove-list", "absent members are refused", flawed("PATCH", groups, "", func(c *call) {
			group := c.also("GET", c.URL.Path, "").Body.String()
			var body struct {
				Operations []struct{ Value []struct{ Value string } }
			}
			_ = json.Unmarshal([]byte(c.body), &body)
			for _, op := range body.Operations {
				for _, m := range op.Value {
					if !strings.Contains(group, `"value":"`+m.Value+`"`) {
						refuses(404, "")(c)
						return
					}
				}
			}
			c.pass()
		})},
		{"members.remove-filter", "empties the group", flawed("PATCH", groups, "", patches(func(o object) { o["path"] = "members" }))},
		{"members.remove-filter", "without effect", flawed("PATCH", groups, "", nothing)},
		{"members.remove-filter", "the first operation alone", flawed("PATCH", groups, "", operations(first))},
		{"members.remove-all", "without effect", flawed("PATCH", groups, "", nothing)},
		{"members.remove-none", "empties the group", flawed("PATCH", groups, "", patches(deletes("value")))},
		{"members.replace", "additive", flawed("PATCH", groups, "", replaces(`"replace"`, `"add"`))},
		{"members.replace", "never empty", flawed("PATCH", groups, `"value":\[\]`, nothing)},
		{"members.replace-null", "400", flawed("PATCH", groups, "null", refuses(400, "invalidValue"))},
		{"members.without-path", "400", flawed("PATCH", groups, "", refuses(400, "noTarget"))},
		{"members.without-path", "add replaces", flawed("PATCH", groups, "", replaces(`"add"`, `"replace"`))},
		{"members.bare", "400", flawed("PATCH", groups, `"value":"`, refuses(400, "invalidValue"))},
		{"members.bare", "400 in a list", flawed("PATCH", groups, `"value":\["`, refuses(400, "invalidValue"))},
		{"members.unknown", "a foreign key", flawed("PATCH", groups, "", refuses(500, ""))},
		{"members.unknown", "by halves", flawed("PATCH", groups, "", func(c *call) {
			firstValue(c)
			c.w = httptest.NewRecorder()
			refuses(404, "")(c)
		})},
		{"members.asked", "400", flawed("GET", "and.members", "", refuses(400, "invalidFilter"))},
		{"members.asked", "half of the filter is read", flawed("GET", "and.members", "", func(c *call) {
			c.URL.RawQuery, _, _ = strings.Cut(c.URL.RawQuery, "+and+")
			c.URL.RawQuery += "%20"
			c.pass()
		})},
		{"members.parallel", "lost", flawed("PATCH", groups, "", crowded(everySecond(nothing)))},
		{"members.group", "a foreign key", flawed("PATCH", groups, "", refuses(500, ""))},
		{"members.group", "replaced", flawed("PATCH", groups, "", emptied)},
		{"members.deleted-user", "stays", flawed("DELETE", users, "", nothing)},
		{"members.answer", "with all members", flawed("PATCH", groups, "", func(c *call) { c.also("PATCH", c.URL.Path, c.body); c.Method = "GET"; c.body = ""; c.pass() })},

		{"schemas.served", "404", flawed("GET", "/Schemas", "", refuses(404, ""))},
		{"schemas.served", "no list", flawed("GET", "/Schemas", "", says(func(_ *call, o object) { delete(o, "schemas") }))},
		{"schemas.no-nulls", "null", inSchemas(func(s object) { attributes(s, func(a object) { a["subAttributes"] = nil }) })},
		{"schemas.no-nulls", "ReadWrite", inSchemas(func(s object) { attributes(s, func(a object) { a["mutability"] = "ReadWrite" }) })},
		{"schemas.mapped", "no canonicalValues", inSchemas(func(s object) { attributes(s, inElements("subAttributes", deletes("canonicalValues"))) })},
		{"schemas.mapped", "title is not declared", inSchemas(func(s object) {
			attributes(s, func(a object) {
				if a["name"] == "title" {
					a["name"] = "position"
				}
			})
		})},
		{"schemas.password", "declared", inSchemas(func(s object) {
			list, _ := s["attributes"].([]any)
			s["attributes"] = append(list, object{"name": "password", "type": "string", "mutability": "writeOnly", "returned": "never"})
		})},
		{"discovery.all", "no ResourceTypes", flawed("GET", "/ResourceTypes", "", refuses(404, ""))},
		{"discovery.all", "relative locations", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["meta"] = object{"location": "/x"} }))},
		{"paging.checks", "count is not looked at", flawed("GET", "count=1", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"Resources":[{"id":"1"},{"id":"2"}]}`))},
		{"paging.pages", "startIndex from 0", flawed("GET", "", "", replaces("startIndex=6", "startIndex=7"))},
		{"paging.pages", "the first page again", flawed("GET", "count=5", "", replaces("startIndex=6", "startIndex=1"))},
		{"paging.pages", "the size of the page for totalResults", flawed("GET", "count=5", "", says(func(_ *call, o object) { o["totalResults"] = o["itemsPerPage"] }))},
		{"paging.edges", "startIndex 0 refused", flawed("GET", "startIndex=0", "", refuses(400, "invalidValue"))},
		{"paging.edges", "404 beyond the end", flawed("GET", "startIndex=1000000000", "", refuses(404, ""))},
		{"paging.edges", "a huge count refused", flawed("GET", "count=1000000&", "", refuses(400, "invalidValue"))},
		{"projection.attributes", "not honoured", flawed("GET", aUser, "", unquery)},
		{"projection.attributes", "no id", flawed("GET", "attributes=userName", "", says(func(_ *call, o object) { delete(o, "id") }))},
	}, "entra.patch.custom-extension")
}

// TestEntraCustomExtension: an extension of the application's own is found and
// written to.
func TestEntraCustomExtension(t *testing.T) {
	const id = "entra.patch.custom-extension"
	check := func(wrap wrapper) *conformance.Result {
		t.Helper()
		report, err := conformance.Check(t.Context(), serveExtended(t, wrap), token, &conformance.Options{Suites: []string{conformance.Entra}, Only: []string{id}})
		if err != nil {
			t.Fatal(err)
		}
		return report.Results[0]
	}
	if r := check(nil); r.Status != conformance.Passed {
		t.Error(r)
	}
	for name, wrap := range map[string]wrapper{
		"the version ends the URN": flawed("PATCH", "", "urn:example:2.0", refuses(400, "invalidPath")),
		"no URN keys":              flawed("PATCH", "", `"value":{`, answers(204, "")),
	} {
		if r := check(wrap); r.Status != conformance.Failed {
			t.Errorf("%s: got %s %s, want a finding", name, r.Status, r.Reason)
		}
	}
}

// serveExtended is serve with an extension of users of the application's own.
func serveExtended(t *testing.T, wrap wrapper) string {
	t.Helper()
	user, err := scim.UserType(scim.Extension{Schema: &scim.Schema{ID: "urn:example:2.0:User", Name: "Example", Attributes: []scim.Attribute{{Name: "badge"}}}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	return serveWith(t, scim.Options{Types: []*scim.ResourceType{user, group}}, wrap)
}
