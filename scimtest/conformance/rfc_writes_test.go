package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"time"
)

func putFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("PUT", "/Users/", "", do) }
	// changes changes the body, knowing what is stored.
	changes := func(change func(body, stored object)) wrapper {
		return in(func(c *call) {
			stored := c.stored()
			reads(func(o object) { change(o, stored) })(c)
		})
	}
	keeps := changes(func(body, stored object) { // what the body does not name, or with no value
		for name, v := range stored {
			list, isList := body[name].([]any)
			if body[name] == nil || isList && len(list) == 0 {
				body[name] = v
			}
		}
	})
	return []flaw{
		{"put.replace", "ignored", in(ignored)},
		{"put.replace", "no body", in(func(c *call) {
			c.pass()
			c.w = httptest.NewRecorder()
			c.w.WriteHeader(204)
		})},
		{"put.round-trip", "meta refused", in(provided(holds(`"meta"`), refuses(400, "mutability")))},
		{"put.read-only", "refused", in(provided(holds("Planet"), refuses(400, "mutability")))},
		{"put.read-only", "groups stored", flawed("GET", "/Users/", "", each(func(r object) { r["groups"] = []object{{"value": "no-such-group"}} }))},
		{"put.id", "refused", in(func(c *call) {
			var o object
			_ = json.Unmarshal([]byte(c.body), &o)
			if id, ok := o["id"].(string); ok && !strings.HasSuffix(c.URL.Path, id) {
				refuses(400, "mutability")(c)
				return
			}
			c.pass()
		})},
		{"put.id", "taken", in(says(func(_ *call, o object) { o["id"] = "another" }))},
		{"put.times", "created again", in(each(func(r object) { r["meta"].(object)["created"] = "2040-01-02T03:04:05Z" }))},
		{"put.times", "turned back", in(each(func(r object) { r["meta"].(object)["lastModified"] = "2001-01-02T03:04:05Z" }))},
		{"put.omitted", "kept", keeps},
		{"put.null", "kept", keeps},
		{"put.lists", "appended", changes(func(body, stored object) {
			list, _ := stored["emails"].([]any)
			body["emails"] = append(list, body["emails"].([]any)...)
		})},
		{"put.extension", "ignored", in(drops(enterprises))},
		{"put.unknown", "created", in(func(c *call) {
			if c.pass(); c.w.Code == 404 {
				c.w = c.also("POST", "/scim/v2/Users", c.body)
			}
		})},
		{"put.required", "kept", keeps},
		{"put.duplicate", "400", in(turns(409, 400))},
		{"put.duplicate", "its own name", in(provided(holds(`"userName":"U-`), refuses(409, "uniqueness")))},
		{"put.type", "dropped", in(reads(func(o object) {
			if _, ok := o["active"].(string); ok {
				delete(o, "active")
			}
		}))},
		{"put.type", "after the other", in(func(c *call) {
			c.also("PUT", c.URL.Path, strings.Replace(c.body, `"perhaps"`, "true", 1))
			c.pass()
		})},
	}
}

// oneByOne carries operations out one after the other, until one fails.
func oneByOne(c *call) {
	var o object
	_ = json.Unmarshal([]byte(c.body), &o)
	for _, operation := range items(o, "Operations") {
		one, _ := json.Marshal(object{"schemas": o["schemas"], "Operations": []any{operation}})
		if c.w = c.also("PATCH", c.URL.Path, string(one)); c.w.Code >= 400 {
			return
		}
	}
}

// eachOperation changes the operations of a PATCH one by one.
func eachOperation(change func(o object)) func(*call) {
	return operations(func(ops []any) []any {
		for _, o := range ops {
			if o, ok := o.(object); ok {
				change(o)
			}
		}
		return ops
	})
}

func patchFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("PATCH", "/Users/", "", do) }
	paths := func(pattern, text string) wrapper {
		re := regexp.MustCompile(pattern)
		return in(eachOperation(func(o object) {
			if path, ok := o["path"].(string); ok {
				o["path"] = re.ReplaceAllString(path, text)
			}
		}))
	}
	// whole replaces a complex value as a whole.
	whole := func(name string) wrapper {
		return in(operations(func(ops []any) (all []any) {
			for _, o := range ops {
				value, _ := o.(object)["value"].(object)
				if path, ok := o.(object)["path"]; ok && path == name || value[name] != nil {
					all = append(all, object{"op": "remove", "path": name})
				}
				all = append(all, o)
			}
			return all
		}))
	}
	means := func(was, is string) wrapper {
		return in(eachOperation(func(o object) {
			if o["op"] == was {
				o["op"] = is
			}
		}))
	}
	modified := func(when func() string) wrapper {
		return flawed("GET|POST|PATCH", "/Users", "", each(func(r object) { r["meta"].(object)["lastModified"] = when() }))
	}
	return slices.Concat(rows("says yes and does nothing", in(ignored),
		"patch.answer", "patch.replace", "patch.replace.absent", "patch.add", "patch.remove", "patch.null", "patch.boolean", "patch.no-path", "patch.no-path.complex",
		"patch.complex", "patch.sub-attribute", "patch.sub-attribute.absent", "patch.sub-attribute.remove", "patch.extension", "patch.extension.no-path", "patch.extension.manager",
		"patch.urn", "patch.names.case", "patch.order", "patch.lists.add", "patch.lists.replace", "patch.lists.remove", "patch.lists.remove.filter", "patch.lists.replace.filter",
		"patch.lists.replace.element", "patch.lists.filter.and", "patch.lists.remove.sub-attribute", "patch.lists.primary",
	), []flaw{
		{"patch.answer", "a part", in(says(func(_ *call, o object) { delete(o, "meta") }))},
		{"patch.answer", "202", in(turns(200, 202))},
		{"patch.replace", "replaces the user", in(func(c *call) {
			c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}`)
			c.pass()
		})},
		{"patch.replace.absent", "noTarget", in(provided(func(c *call) bool { return c.stored()["nickName"] == nil }, refuses(400, "noTarget")))},
		{"patch.null", "refused", in(provided(holds("null"), refuses(400, "invalidValue")))},
		{"patch.no-path", "refused", in(provided(func(c *call) bool { return !holds(`"path"`)(c) }, refuses(400, "invalidSyntax")))},
		{"patch.no-path.complex", "replaced as a whole", whole("name")},
		{"patch.complex", "replaced as a whole", whole("name")},
		{"patch.sub-attribute.remove", "the whole", paths(`^name\..*`, "name")},
		{"patch.extension", "cut at the first dot", in(provided(holds("enterprise:2.0"), refuses(400, "invalidPath")))},
		{"patch.extension", "URI not in schemas", flawed("GET", "/Users/", "", each(func(r object) { r["schemas"] = r["schemas"].([]any)[:1] }))},
		{"patch.extension.no-path", "replaced as a whole", whole(enterprises)},
		{"patch.urn", "unknown", in(provided(holds("core:2.0:User:"), refuses(400, "invalidPath")))},
		{"patch.names.case", "exact", in(drops("Operations"))},
		{"patch.order", "backwards", in(operations(func(ops []any) []any {
			slices.Reverse(ops)
			return ops
		}))},
		{"patch.atomic", "one by one", in(oneByOne)},
		{"patch.unchanged", "touched", modified(func() string { return time.Now().UTC().Format(time.RFC3339Nano) })},
		{"patch.last-modified", "never set", modified(func() string { return "2026-01-02T03:04:05.5Z" })},
		{"patch.media", "415", in(provided(func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), ";") }, refuses(415, "")))},
		{"patch.media", "text", in(func(c *call) {
			c.pass()
			c.w.Header().Set("Content-Type", "text/plain")
		})},
		{"patch.op.case", "exact", in(provided(holds(`"Replace"`), refuses(400, "invalidSyntax")))},
		{"patch.remove.absent", "noTarget", in(provided(holds(`"remove"`), refuses(400, "noTarget")))},
		{"patch.lists.add", "means replace", means("add", "replace")},
		{"patch.lists.add.same", "added again", in(replaces(`"type":"work"`, `"type":"other"`))},
		{"patch.lists.replace", "means add", means("replace", "add")},
		{"patch.lists.remove.filter", "filter ignored", paths(`\[.*\]`, "")},
		{"patch.lists.replace.filter", "the other one", paths("work", "home")},
		{"patch.lists.replace.element", "filter ignored", paths(`\[.*\]`, "")},
		{"patch.lists.filter.and", "means or", paths(" and ", " or ")},
		{"patch.lists.remove.sub-attribute", "the element", in(eachOperation(func(o object) {
			if o["op"] == "remove" {
				o["path"] = strings.TrimSuffix(o["path"].(string), ".display")
			}
		}))},
		{"patch.lists.primary", "both", flawed("GET", "/Users/", "", each(func(r object) {
			for _, e := range items(r, "emails") {
				e["primary"] = true
			}
		}))},
	})
}

func refusalFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("PATCH", "/Users/", "", do) }
	scimType := in(says(func(_ *call, o object) { delete(o, "scimType") }))
	return slices.Concat(
		rows("swallowed", in(swallowed),
			"patch.no-target", "patch.no-match", "patch.required", "patch.read-only", "patch.groups", "patch.unknown-op", "patch.path", "patch.path.filter", "patch.no-value", "patch.type",
			"patch.uniqueness", "patch.unknown", "patch.operations", "patch.scimtype.path", "patch.scimtype.mutability"),
		rows("no scimType", scimType, "patch.no-target", "patch.no-match", "patch.required", "patch.scimtype.path", "patch.scimtype.mutability"),
		rows("500", in(func(c *call) {
			if c.pass(); c.w.Code == 400 {
				c.w.Code = 500
			}
		}), "patch.unknown-op", "patch.path", "patch.path.filter", "patch.no-value", "patch.type", "patch.operations"),
	)
}

func groupFlaws() []flaw {
	in := func(method string, do func(*call)) wrapper { return flawed(method, "/Groups", "", do) }
	member := func(change func(m object)) wrapper {
		return in("GET", each(func(r object) {
			for _, m := range items(r, "members") {
				change(m)
			}
		}))
	}
	nothing := func(path string) wrapper { return flawed("DELETE", path, "", answers(204, "")) }
	return []flaw{
		{"groups.create", "members lost", in("POST", drops("members"))},
		{"groups.create", "200", in("POST", turns(201, 200))},
		{"groups.create", "a user", in("GET", each(func(r object) { r["meta"].(object)["resourceType"] = "User" }))},
		{"groups.empty", "somebody in it", in("POST", says(func(_ *call, o object) { o["members"] = []object{{"value": "1"}} }))},
		{"groups.required", "made up", in("POST", reads(func(o object) {
			if o["displayName"] == nil {
				o["displayName"] = "somebody"
			}
		}))},
		{"groups.unknown", "a web page", in("GET", plain)},
		{"groups.unknown", "swallowed", in("PATCH", swallowed)},
		{"groups.filter", "ignored", in("GET", forgets("filter"))},
		{"groups.filter", "exact", in("GET", provided(has(`EQ "USHER-CHECK-G-`), answers(200, emptyList)))},
		{"groups.filter.member", "ignored", in("GET", func(c *call) {
			filter, _, _ := strings.Cut(c.URL.Query().Get("filter"), " and members")
			c.URL.RawQuery = "filter=" + strings.ReplaceAll(strings.ReplaceAll(filter, " ", "%20"), `"`, "%22")
			c.pass()
		})},
		{"groups.put", "ignored", in("PUT", ignored)},
		{"groups.put", "members kept", in("PUT", drops("members"))},
		{"groups.put", "members added", in("PUT", func(c *call) {
			before := c.stored()
			reads(func(o object) {
				list, _ := before["members"].([]any)
				o["members"] = append(o["members"].([]any), list...)
			})(c)
		})},
		{"groups.reference", "no type", member(func(m object) { delete(m, "type") })},
		{"groups.reference", "no $ref", member(func(m object) { delete(m, "$ref") })},
		{"groups.reference.true", "a group", member(func(m object) { m["type"] = "Group" })},
		{"groups.reference.true", "of the list", member(func(m object) { m["$ref"] = "https://example.com/Users" })},
		{"groups.of-user", "none", flawed("GET", "/Users/", "", without("groups"))},
		{"groups.of-user", "not the id", flawed("GET", "/Users/", "", each(func(r object) {
			for _, g := range items(r, "groups") {
				g["value"] = g["display"]
			}
		}))},
		{"groups.deleted-user", "still there", nothing("/Users/")},
		{"groups.deleted", "still there", nothing("/Groups/")},
		{"groups.deleted", "200", flawed("DELETE", "/Groups/", "", turns(204, 200))},
	}
}

func memberFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("PATCH", "/Groups/", "", do) }
	emptied := func(c *call) {
		c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`)
		c.pass()
	}
	return slices.Concat(
		rows("says yes and does nothing", in(func(c *call) { c.w.WriteHeader(204) }),
			"groups.patch.add", "groups.patch.add.several", "groups.patch.add.no-path", "groups.patch.remove", "groups.patch.remove.several", "groups.patch.remove.all",
			"groups.patch.replace", "groups.patch.replace.none", "groups.patch.rename", "groups.patch.of-user"),
		rows("loses all members before", in(emptied),
			"groups.patch.add", "groups.patch.add.several", "groups.patch.add.no-path", "groups.patch.remove", "groups.patch.remove.absent", "groups.patch.rename", "groups.patch.atomic", "groups.patch.immutable"),
		rows("the first operation alone", in(operations(func(ops []any) []any { return ops[:1] })), "groups.patch.add.several", "groups.patch.remove.several"),
		[]flaw{
			{"groups.patch.add.same", "twice", flawed("GET", "/Groups/", "", each(func(r object) {
				list, _ := r["members"].([]any)
				r["members"] = append(list, list...)
			}))},
			{"groups.patch.add.same", "409", in(refuses(409, "uniqueness"))},
			{"groups.patch.remove", "filter ignored", in(eachOperation(func(o object) { o["path"] = "members" }))},
			{"groups.patch.remove.absent", "noTarget", in(refuses(400, "noTarget"))},
			{"groups.patch.replace", "means add", in(eachOperation(func(o object) { o["op"] = "add" }))},
			{"groups.patch.atomic", "one by one", in(oneByOne)},
			{"groups.patch.race", "refuses what it does", in(crowded(turns(204, 409)))},
			{"groups.patch.race", "says yes and does nothing", in(crowded(func(c *call) { c.w.WriteHeader(204) }))},
			{"groups.patch.immutable", "swallowed", in(swallowed)},
			{"groups.patch.of-user", "as it was", flawed("GET", "/Users/", "", without("groups"))},
		},
	)
}

func versionFlaws() []flaw {
	all := func(do func(*call)) wrapper { return flawed("", "/Users", "", do) }
	tag := func(make func(was string) string) wrapper {
		return all(func(c *call) {
			c.pass()
			if was := c.w.Header().Get("ETag"); was != "" {
				c.w.Header().Set("ETag", make(was))
			}
		})
	}
	n := 0
	when := func(text string, do func(*call)) wrapper {
		return all(provided(func(c *call) bool { return strings.Contains(c.Header.Get("If-Match"), text) }, do))
	}
	blind := all(lacksHeader("If-Match"))
	return []flaw{
		{"versions.etag", "none", all(func(c *call) {
			c.pass()
			c.w.Header().Del("ETag")
		})},
		{"versions.etag", "no quotes", tag(func(string) string { return "1" })},
		{"versions.etag", "of before", flawed("PUT", "/Users", "", func(c *call) {
			c.pass()
			c.w.Header().Set("ETag", `W/"0"`)
		})},
		{"versions.meta", "none", all(each(func(r object) { delete(r["meta"].(object), "version") }))},
		{"versions.meta", "another", all(each(func(r object) { r["meta"].(object)["version"] = "1" }))},
		{"versions.meta.equal", "no quotes", all(each(func(r object) { r["meta"].(object)["version"] = "1" }))},
		{"versions.change", "always the same", tag(func(string) string { return `W/"1"` })},
		{"versions.same", "always another", tag(func(string) string { n++; return fmt.Sprintf(`W/"%d"`, n) })},
		{"versions.if-none-match", "ignored", all(lacksHeader("If-None-Match"))},
		{"versions.if-none-match", "always 304", all(provided(func(c *call) bool { return c.Header.Get("If-None-Match") != "" }, func(c *call) { c.w.WriteHeader(304) }))},
		{"versions.if-match.put", "ignored", blind},
		{"versions.if-match.patch", "ignored", blind},
		{"versions.if-match.delete", "ignored", blind},
		{"versions.if-match.put", "409", flawed("PUT", "/Users", "", turns(412, 409))},
		{"versions.if-match.patch", "never right", flawed("PATCH", "/Users", "", refuses(412, ""))},
		{"versions.if-match.any", "no version", when("*", refuses(412, ""))},
		{"versions.if-match.list", "one alone", when(",", refuses(412, ""))},
		{"versions.race", "looks first", blind},
		{"versions.race", "never right", when("W/", refuses(412, ""))},
	}
}

func bulkFlaws() []flaw {
	in := func(do func(*call)) wrapper { return stack(flawed("POST", "/Bulk$", "", do), bulked) }
	results := func(change func(r object)) wrapper {
		return in(says(func(_ *call, o object) {
			for _, r := range items(o, "Operations") {
				change(r)
			}
		}))
	}
	return []flaw{
		{"bulk.create", "status an object", results(func(r object) { r["status"] = object{"code": r["status"]} })},
		{"bulk.create", "no location", results(func(r object) { delete(r, "location") })},
		{"bulk.create", "no bulkId", results(func(r object) { delete(r, "bulkId") })},
		{"bulk.create", "no schemas", in(says(func(_ *call, o object) { delete(o, "schemas") }))},
		{"bulk.methods", "PUT ignored", in(replaces(`"method":"PUT"`, `"method":"GET"`))},
		{"bulk.methods", "DELETE ignored", in(replaces(`"method":"DELETE"`, `"method":"GET"`))},
		{"bulk.methods", "PATCH ignored", in(replaces(`"method":"PATCH"`, `"method":"GET"`))},
		{"bulk.reference", "stored as it is", in(replaces(`"bulkId:a"`, `"bulkId:x"`))},
		{"bulk.reference.forward", "unknown", in(replaces(`"bulkId:a"`, `"bulkId:x"`))},
		{"bulk.reference.circular", "400", results(func(r object) {
			if r["status"] == "409" {
				r["status"] = "400"
			}
		})},
		{"bulk.create", "no method", results(func(r object) { delete(r, "method") })},
		{"bulk.failure", "stops", in(reads(func(o object) { o["failOnErrors"] = 1 }))},
		{"bulk.failure", "no response", results(func(r object) { delete(r, "response") })},
		{"bulk.fail-on-errors", "goes on", in(drops("failOnErrors"))},
		{"bulk.limit", "none", in(reads(func(o object) {
			if list, ok := o["Operations"].([]any); ok && len(list) > 10 {
				o["Operations"] = list[:10]
			}
		}))},
		{"bulk.limit", "400", in(turns(413, 400))},
		{"bulk.syntax", "nothing to do", in(turns(400, 200))},
	}
}

func deleteFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("DELETE", "/Users/", "", do) }
	nothing := in(answers(204, ""))
	return slices.Concat(
		rows("still there", nothing, "delete.gone", "delete.changed", "delete.twice", "delete.search", "delete.name-free", "delete.id", "delete.unknown"),
		[]flaw{
			{"delete.done", "200", in(turns(204, 200))},
			{"delete.done", "refused", in(refuses(405, ""))},
			{"delete.gone", "410", flawed("GET", "/Users/", "", turns(404, 410))},
			{"delete.changed", "swallowed", flawed("PATCH", "/Users/", "", swallowed)},
			{"delete.twice", "204", in(swallowed)},
			{"delete.unknown", "204", in(swallowed)},
		},
	)
}
