package conformance_test

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
)

// published changes an attribute's definition in /Schemas.
func published(schema, attribute string, change func(a object)) wrapper {
	return flawed("GET", "/Schemas$", "", says(func(_ *call, o object) {
		for _, s := range items(o, "Resources") {
			if !strings.HasSuffix(s["id"].(string), schema) {
				continue
			}
			for _, a := range items(s, "attributes") {
				if a["name"] == attribute {
					change(a)
				}
			}
		}
	}))
}

func discoveryFlaws() []flaw {
	config := func(change func(o object)) wrapper {
		return flawed("GET", "/ServiceProviderConfig$", "", says(func(_ *call, o object) { change(o) }))
	}
	first := func(path string, change func(r object)) wrapper {
		return flawed("GET", path+"$", "", says(func(_ *call, o object) { change(items(o, "Resources")[0]) }))
	}
	return []flaw{
		{"discovery.config", "absent", flawed("GET", "/ServiceProviderConfig", "", refuses(404, ""))},
		{"discovery.config", "a list", config(func(o object) { o["Resources"] = []any{} })},
		{"discovery.config.features", "no sort", config(func(o object) { delete(o, "sort") })},
		{"discovery.config.features", "yes for true", config(func(o object) { o["patch"] = object{"supported": "yes"} })},
		{"discovery.config.features", "no limit", config(func(o object) { o["filter"] = object{"supported": true} })},
		{"discovery.config.authentication", "no name", config(func(o object) { delete(items(o, "authenticationSchemes")[0], "name") })},
		{"discovery.config.authentication", "no array", config(func(o object) { o["authenticationSchemes"] = object{} })},
		{"discovery.config.public", "token needed", flawed("GET", "/ServiceProviderConfig", "", provided(func(c *call) bool { return c.Header.Get("Authorization") == "" }, refuses(401, "")))},
		{"discovery.types", "no endpoint", first("/ResourceTypes", func(r object) { delete(r, "endpoint") })},
		{"discovery.types", "an array", flawed("GET", "/ResourceTypes$", "", answers(200, "[]"))},
		{"discovery.types", "two of one name", flawed("GET", "/ResourceTypes$", "", each(func(r object) { r["name"] = "User" }))},
		{"discovery.types.schemas", "not published", flawed("GET", "/Schemas$", "", says(func(_ *call, o object) { o["Resources"] = o["Resources"].([]any)[1:] }))},
		{"discovery.types.schemas", "required unsaid", flawed("GET", "/ResourceTypes$", "", each(func(r object) {
			for _, e := range items(r, "schemaExtensions") {
				delete(e, "required")
			}
		}))},
		{"discovery.types.one", "absent", flawed("GET", "/ResourceTypes/", "", refuses(404, ""))},
		{"discovery.types.endpoints", "somewhere else", first("/ResourceTypes", func(r object) { r["endpoint"] = "/Planets" })},
		{"discovery.unknown", "nothing for something", flawed("GET", "/Schemas/urn:example", "", answers(200, `{}`))},
		{"discovery.query", "pages", flawed("GET", "/Schemas", "", provided(has("startIndex=2"), func(c *call) {
			c.URL.RawQuery = ""
			says(func(_ *call, o object) { o["Resources"] = o["Resources"].([]any)[1:2] })(c)
		}))},
		{"discovery.query", "filters", flawed("GET", "/ResourceTypes", "", provided(has("filter="), answers(200, emptyList)))},
		{"discovery.filter", "ignored", flawed("GET", "/Schemas", "", forgets("filter"))},
		{"discovery.read-only", "writes", flawed("PUT", "/Schemas/", "", answers(200, `{}`))},
		{"discovery.read-only", "writes the configuration", flawed("PUT", "/ServiceProviderConfig", "", answers(200, `{}`))},
		{"discovery.schemas", "no attributes", first("/Schemas", func(r object) { delete(r, "attributes") })},
		{"discovery.schemas", "no id", first("/Schemas", func(r object) { delete(r, "id") })},
		{"discovery.schemas.attributes", "a type of its own", published(":User", "title", func(a object) { a["type"] = "text" })},
		{"discovery.schemas.attributes", "a mutability of its own", published(":User", "title", func(a object) { a["mutability"] = "readwrites" })},
		{"discovery.schemas.attributes", "true as a word", published(":User", "title", func(a object) { a["required"] = "false" })},
		{"discovery.schemas.attributes", "too deep", published(":User", "name", func(a object) { items(a, "subAttributes")[0]["type"] = "complex" })},
		{"discovery.schemas.attributes", "a string that refers", published(":User", "title", func(a object) { a["referenceTypes"] = []string{"User"} })},
		{"discovery.schemas", "messages", first("/Schemas", func(r object) { r["id"] = "urn:ietf:params:scim:api:messages:2.0:Error" })},
		{"discovery.schemas.one", "absent", flawed("GET", "/Schemas/", "", refuses(404, ""))},
		{"discovery.meta", "no meta", flawed("GET", "/Schemas", "", without("meta"))},
		{"discovery.user", "exact names", published(":User", "userName", func(a object) { a["caseExact"] = true })},
		{"discovery.user", "groups for all to write", published(":User", "groups", func(a object) { a["mutability"] = "readWrite" })},
		{"discovery.user", "password for all to read", published(":User", "title", func(a object) { a["name"] = "password" })},
		{"discovery.group", "no name needed", published(":Group", "displayName", func(a object) { a["required"] = false })},
		{"discovery.group", "one member", published(":Group", "members", func(a object) { a["multiValued"] = false })},
	}
}

func httpFlaws() []flaw {
	header := func(name string, is func(value string) bool, do func(*call)) wrapper {
		return flawed("", "", "", provided(func(c *call) bool { return is(c.Header.Get(name)) }, do))
	}
	parameters := func(value string) bool { return strings.Contains(value, ";") }
	json := func(value string) bool { return value == "application/json" }
	labelled := flawed("", "", "", func(c *call) {
		c.pass()
		c.w.Header().Set("Content-Type", "application/json")
	})
	authorized := func(c *call) {
		c.Header.Set("Authorization", "Bearer "+token)
		c.pass()
	}
	return []flaw{
		{"http.media", "application/json", labelled},
		{"http.media.default", "application/json", labelled},
		{"http.accept", "406", header("Accept", parameters, refuses(406, ""))},
		{"http.accept.json", "406", header("Accept", json, refuses(406, ""))},
		{"http.content-type.charset", "415", header("Content-Type", parameters, refuses(415, ""))},
		{"http.content-type.json", "415", header("Content-Type", json, refuses(415, ""))},
		{"http.content-type.other", "taken for JSON", flawed("POST", "", "", func(c *call) {
			c.Header.Set("Content-Type", "application/scim+json")
			c.pass()
		})},
		{"http.utf-8", "ASCII", flawed("POST", "/Users", "", func(c *call) {
			c.body = regexp.MustCompile(`[^ -~]`).ReplaceAllString(c.body, "?")
			c.pass()
		})},
		{"http.utf-8", "escapes kept", flawed("POST", "/Users", "", replaces(`\u`, `\\u`))},
		{"http.percent-encoding", "not decoded", flawed("GET", "/Users/%", "", refuses(404, ""))},
		{"http.unknown-parameters", "refused", flawed("GET", "usherUnknown", "", refuses(400, ""))},
		{"http.auth.required", "open", header("Authorization", func(v string) bool { return v == "" }, authorized)},
		{"http.auth.wrong", "any token", header("Authorization", func(v string) bool { return v != "" }, authorized)},
		{"http.auth.wrong", "the token's beginning", header("Authorization", func(v string) bool { return strings.HasPrefix(v, "Bearer "+token) }, authorized)},
		{"http.auth.challenge", "none", flawed("", "", "", func(c *call) {
			c.pass()
			c.w.Header().Del("WWW-Authenticate")
		})},
		{"http.auth.error", "a web page", flawed("", "", "", plain)},
		{"http.auth.scheme-case", "exact", header("Authorization", func(v string) bool { return strings.HasPrefix(v, "bearer") }, refuses(401, ""))},
		{"http.methods", "PUT creates", flawed("PUT", "/Users$", "", func(c *call) {
			c.Method = "POST"
			c.pass()
		})},
		{"http.methods", "POST changes", flawed("POST", "/Users/", "", func(c *call) {
			c.Method = "PUT"
			c.pass()
		})},
		{"http.methods.allow", "no Allow", flawed("", "", "", func(c *call) {
			c.pass()
			c.w.Header().Del("Allow")
		})},
		{"http.methods.allow", "404", flawed("PUT", "/Users$", "", refuses(404, ""))},
		{"http.unknown-endpoint", "a web page", flawed("GET", "/Unknown", "", plain)},
	}
}

func errorFlaws() []flaw {
	broken := func(c *call) bool { return !json.Valid([]byte(c.body)) }
	noObject := func(c *call) bool { return !strings.HasPrefix(c.body, "{") }
	loses := func(member, value string) wrapper {
		return flawed("", "", "", says(func(c *call, o object) {
			if c.w.Code >= 400 && (value == "" || o[member] == value) {
				delete(o, member)
			}
		}))
	}
	return []flaw{
		{"errors.shape", "status a number", flawed("", "", "", says(func(c *call, o object) {
			if c.w.Code >= 400 {
				o["status"] = c.w.Code
			}
		}))},
		{"errors.shape", "no schemas", loses("schemas", "")},
		{"errors.shape", "web pages", flawed("", "", "", plain)},
		{"errors.detail", "none", loses("detail", "")},
		{"errors.syntax", "500", flawed("PATCH", "", "", provided(broken, refuses(500, "")))},
		{"errors.syntax", "taken for empty", flawed("PUT", "", "", provided(broken, ignored))},
		{"errors.syntax", "reads one value", flawed("POST", "/Users$", "", func(c *call) {
			c.body = strings.TrimSuffix(c.body, " x")
			c.pass()
		})},
		{"errors.no-object", "500", flawed("POST", "", "", provided(noObject, refuses(500, "")))},
		{"errors.no-object", "taken for empty", flawed("PATCH", "", "", provided(noObject, ignored))},
		{"errors.scimtype.syntax", "none", loses("scimType", "invalidSyntax")},
		{"errors.scimtype.value", "none", loses("scimType", "invalidValue")},
		{"errors.scimtype.filter", "none", loses("scimType", "invalidFilter")},
		{"errors.scimtype.uniqueness", "none", loses("scimType", "uniqueness")},
		{"errors.odd-bodies", "the database knows no NUL", flawed("POST", "", `\\u0000`, refuses(500, ""))},
		{"errors.odd-bodies", "nesting", flawed("POST", "", `\[\[\[\[`, refuses(500, ""))},
		{"errors.odd-queries", "a number too large", flawed("GET", "=9999999", "", refuses(500, ""))},
		{"errors.odd-queries", "nesting", flawed("GET", `\(\(\(`, "", refuses(500, ""))},
		{"errors.odd-ids", "not a number", flawed("GET", "/Users/x", "", refuses(500, ""))},
		{"errors.odd-ids", "not a UUID", flawed("GET", "/Users/-1", "", refuses(500, ""))},
		{"errors.patch-unsupported", "does what it has not", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["patch"] = object{"supported": false} }))},
	}
}

func createFlaws() []flaw {
	post := func(do func(*call)) wrapper { return flawed("POST", "/Users", "", do) }
	sent := func(c *call) (o object) {
		_ = json.Unmarshal([]byte(c.body), &o)
		return o
	}
	made := func(change func(c *call, o object)) wrapper {
		return post(says(func(c *call, o object) {
			if c.w.Code == 201 {
				change(c, o)
			}
		}))
	}
	fills := post(reads(func(o object) {
		if name, _ := o["userName"].(string); name == "" {
			o["userName"] = "somebody"
		}
	}))
	shared := func() wrapper {
		var seen sync.Map
		return post(provided(func(c *call) bool {
			external := sent(c)["externalId"]
			_, again := seen.LoadOrStore(external, true)
			return external != nil && again
		}, refuses(409, "uniqueness")))
	}
	return []flaw{
		{"create.created", "200", post(turns(201, 200))},
		{"create.body", "none", post(func(c *call) {
			c.pass()
			c.w.Body.Reset()
		})},
		{"create.location", "none", post(func(c *call) {
			c.pass()
			c.w.Header().Del("Location")
		})},
		{"create.location", "of the list", post(func(c *call) {
			c.pass()
			c.w.Header().Set("Location", "http://"+c.Host+c.URL.Path)
		})},
		{"create.location", "another than in meta", made(func(_ *call, o object) {
			o["meta"].(object)["location"] = strings.Replace(o["meta"].(object)["location"].(string), "http://", "https://", 1)
		})},
		{"create.location.base", "an inner host", made(func(_ *call, o object) {
			o["meta"].(object)["location"] = "http://app-1:8080/scim/v2/Users/" + o["id"].(string)
		})},
		{"create.meta", "another type", made(func(_ *call, o object) { o["meta"].(object)["resourceType"] = "Users" })},
		{"create.meta", "a date alone", made(func(_ *call, o object) { o["meta"].(object)["created"] = "2026-01-02" })},
		{"create.meta", "modified later", made(func(_ *call, o object) { o["meta"].(object)["lastModified"] = "2040-01-02T03:04:05Z" })},
		{"create.id", "the client's", made(func(c *call, o object) {
			if id := sent(c)["id"]; id != nil {
				o["id"] = id
			}
		})},
		{"create.id", "one for all", made(func(_ *call, o object) { o["id"] = "1" })},
		{"create.read-only", "meta of the client's", made(func(c *call, o object) {
			if meta := sent(c)["meta"]; meta != nil {
				o["meta"] = meta
			}
		})},
		{"create.read-only", "groups of the client's", made(func(c *call, o object) { o["groups"] = sent(c)["groups"] })},
		{"create.stored", "title lost", post(drops("title"))},
		{"create.stored", "apostrophes lost", post(replaces("O'Lovelace", "OLovelace"))},
		{"create.lists", "the first alone", post(reads(func(o object) {
			if list, ok := o["emails"].([]any); ok {
				o["emails"] = list[:1]
			}
		}))},
		{"create.lists", "types lost", post(replaces(`"home"`, `"work"`))},
		{"create.schemas", "none", flawed("GET|POST", "/Users", "", without("schemas"))},
		{"create.schemas", "twice", flawed("GET|POST", "/Users", "", each(func(r object) { r["schemas"] = append(r["schemas"].([]any), r["schemas"].([]any)...) }))},
		{"create.extension", "lost", post(drops(enterprises))},
		{"create.extension", "at the top", flawed("GET", "/Users", "", each(func(r object) {
			if extension, ok := r[enterprises].(object); ok {
				r["department"] = extension["department"]
				delete(r, enterprises)
			}
		}))},
		{"create.extension.manager", "stored", flawed("GET", "/Users/", "", each(func(r object) {
			if extension, ok := r[enterprises].(object); ok {
				extension["manager"].(object)["displayName"] = "Nobody In Particular"
			}
		}))},
		{"create.extension.manager", "lost", post(drops(enterprises))},
		{"create.external-id", "in lower case", post(reads(func(o object) {
			if external, ok := o["externalId"].(string); ok {
				o["externalId"] = strings.ToLower(external)
			}
		}))},
		{"create.external-id", "made up", flawed("GET", "/Users", "", each(func(r object) {
			if r["externalId"] == nil {
				r["externalId"] = r["id"]
			}
		}))},
		{"create.external-id.shared", "unique", shared()},
		{"create.password", "echoed", made(func(c *call, o object) { o["password"] = sent(c)["password"] })},
		{"create.password", "hashed", flawed("GET", "/Users/", "", each(func(r object) { r["password"] = "$2a$10$abc" }))},
		{"create.duplicate", "400", post(turns(409, 400))},
		{"create.duplicate", "no scimType", post(says(func(_ *call, o object) { delete(o, "scimType") }))},
		{"create.duplicate", "linked", post(func(c *call) {
			if c.pass(); c.w.Code == 409 {
				c.w = httptest.NewRecorder()
				answers(201, `{"id":"1"}`)(c)
			}
		})},
		{"create.duplicate.case", "compared exactly", post(reads(func(o object) {
			if name, _ := o["userName"].(string); strings.HasPrefix(name, "U-") {
				o["userName"] = name + "2"
			}
		}))},
		{"create.duplicate.unicode", "byte by byte", post(replaces("e\u0308", "\u1ebd"))},
		{"create.duplicate.race", "looks first", post(func(c *call) {
			if c.pass(); c.w.Code == 409 {
				c.w = httptest.NewRecorder()
				answers(201, `{"id":"1"}`)(c)
			}
		})},
		{"create.required", "made up", fills},
		{"create.type", "dropped", post(reads(func(o object) {
			if _, ok := o["active"].(string); ok {
				delete(o, "active")
			}
		}))},
		{"create.type", "500", post(func(c *call) {
			if c.pass(); c.w.Code == 400 {
				c.w.Code = 500
			}
		})},
		{"create.names.case", "exact", post(provided(holds(`"USERNAME"`), refuses(400, "invalidValue")))},
		{"create.names.case", "exact, optional ones", post(drops("dISPLAYnAME"))},
		{"create.null", "refused", post(provided(holds("null"), refuses(400, "invalidValue")))},
		{"create.primary", "both", post(func(c *call) {
			emails := sent(c)["emails"]
			c.body = strings.Replace(c.body, `"primary":true`, `"primary":false`, 1)
			says(func(_ *call, o object) {
				if c.w.Code == 201 {
					o["emails"] = emails
				}
			})(c)
		})},
		{"create.readable", "later", flawed("GET", "/Users/", "", refuses(404, ""))},
	}
}

func readFlaws() []flaw {
	get := func(do func(*call)) wrapper { return flawed("GET", "/Users/", "", do) }
	return []flaw{
		{"read.unknown", "an empty user", get(func(c *call) {
			if c.pass(); c.w.Code == 404 {
				c.w = httptest.NewRecorder()
				answers(200, `{"id":"1"}`)(c)
			}
		})},
		{"read.unknown", "a web page", get(plain)},
		{"read.unknown", "400", get(turns(404, 400))},
		{"read.same", "another location", get(each(func(r object) { r["meta"].(object)["location"] = "http://app-1/Users/1" }))},
		{"read.same", "created when read", get(each(func(r object) { r["meta"].(object)["created"] = "2040-01-02T03:04:05Z" }))},
		{"read.content-location", "another", get(func(c *call) {
			c.pass()
			c.w.Header().Set("Content-Location", "http://"+c.Host+"/scim/v2/Users")
		})},
		{"read.id-exact", "in any case", get(func(c *call) {
			c.URL.Path = "/scim/v2/Users/" + strings.ToLower(strings.TrimPrefix(c.URL.Path, "/scim/v2/Users/"))
			c.pass()
		})},
		{"read.other-endpoint", "one table for all", flawed("GET", "/Groups/", "", func(c *call) {
			if c.pass(); c.w.Code == 404 {
				c.w = c.also("GET", strings.Replace(c.URL.Path, "/Groups/", "/Users/", 1), "")
			}
		})},
		{"read.returned", "returned", published(":User", "nickName", func(a object) { a["returned"] = "never" })},
		{"read.me", "500", flawed("GET", "/Me$", "", refuses(500, ""))},
		{"read.me", "no Location", flawed("GET", "/Me$", "", answers(200, `{"id":"1"}`))},
		{"read.me", "a web page", flawed("GET", "/Me$", "", plain)},
	}
}
