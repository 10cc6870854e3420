package conformance_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

func filterFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("GET", `/Users\?filter`, "", do) }
	unfiltered := in(forgets("filter"))
	swaps := func(pairs ...string) wrapper { return in(filters(pairs...)) }
	refused := func(text string) wrapper { return in(provided(has(text), refuses(400, "invalidFilter"))) }
	rewrites := func(pattern, text string) wrapper {
		re := regexp.MustCompile(pattern)
		return in(asks(func(q url.Values) { q.Set("filter", re.ReplaceAllString(q.Get("filter"), text)) }))
	}
	// anyCase finds again what the last search found.
	anyCase := func() wrapper {
		last := ""
		return in(func(c *call) {
			if has("ABCDEF")(c) {
				answers(200, last)(c)
				return
			}
			c.pass()
			last = c.w.Body.String()
		})
	}
	return []flaw{
		{"filter.eq", "ignored", unfiltered},
		{"filter.eq", "no list", in(answers(200, `{"id":"1"}`))},
		{"filter.none", "404", in(func(c *call) {
			if c.pass(); strings.Contains(c.w.Body.String(), `"totalResults":0`) {
				c.w = httptest.NewRecorder()
				refuses(404, "")(c)
			}
		})},
		{"filter.not-ignored", "ignored", unfiltered},
		{"filter.id", "finds nobody", swaps("id eq", "externalId eq")},
		{"filter.id", "ignored", unfiltered},
		{"filter.external-id", "ignored", unfiltered},
		{"filter.external-id", "without case", anyCase()},
		{"filter.case", "exact", in(provided(has(`eq "U-`), answers(200, emptyList)))},
		{"filter.names.case", "exact names", refused("USERNAME")},
		{"filter.names.case", "exact operators", refused(" EQ ")},
		{"filter.urn", "dots and colons", refused("urn:")},
		{"filter.urn", "exact", refused("URN:")},
		{"filter.extension", "ignored", unfiltered},
		{"filter.extension", "finds nobody", in(provided(has("employeeNumber"), answers(200, emptyList)))},
		{"filter.ne", "means eq", swaps(" ne ", " eq ")},
		{"filter.co", "means sw", swaps(" co ", " sw ")},
		{"filter.co", "a database's pattern", swaps(`co "Alpha%"`, `sw "Alpha"`)},
		{"filter.sw", "means co", swaps(" sw ", " co ")},
		{"filter.ew", "means co", swaps(" ew ", " co ")},
		{"filter.pr", "always", swaps("nickName pr", "userName pr")},
		{"filter.order", "ge means gt", swaps(" ge ", " gt ")},
		{"filter.order", "le means ge", swaps(" le ", " ge ")},
		{"filter.quotes", "not decoded", swaps(`\"`, `'`)},
		{"filter.quotes", "escapes not decoded", swaps(`\u00fc`, `\\u00fc`)},
		{"filter.keywords", "cut to pieces", in(provided(has("or (userName pr"), forgets("filter")))},
		{"filter.operators", "no ew", refused(" ew ")},
		{"filter.operators", "no not", refused("not (")},
		{"filter.attributes", "no brackets", refused("[")},
		{"filter.attributes", "no sub-attributes", refused("name.")},
		{"filter.keywords", "refused", refused("or (userName pr")},
		{"filter.sub-attribute", "one for the other", swaps("name.givenName", "name.familyName")},
		{"filter.sub-attribute", "ignored", unfiltered},
		{"filter.lists", "the first alone", swaps("emails.value eq", `emails[type eq "work"].value eq`)},
		{"filter.value-path", "flattened", rewrites(`emails\[type eq "work" and value eq ("[^"]*")\]`, `emails.type eq "work" and emails.value eq $1`)},
		{"filter.date-time", "as text", rewrites(`[+-]1[14]:00"`, `Z"`)},
		{"filter.boolean", "has it", swaps("active eq true", "active pr")},
		{"filter.boolean.order", "ordered", swaps("active gt false", "active eq true")},
		{"filter.unknown-operator", "means eq", swaps(" xx ", " eq ")},
		{"filter.unknown-operator", "another scimType", in(says(func(_ *call, o object) { o["scimType"] = "invalidValue" }))},
		{"filter.syntax", "nothing", in(func(c *call) {
			if c.pass(); c.w.Code == 400 {
				c.w = httptest.NewRecorder()
				answers(200, emptyList)(c)
			}
		})},
		{"filter.syntax", "as far as it goes", swaps(` userName eq "y"`, "")},
		{"filter.unknown-attribute", "ignored", in(provided(has("usherUnknown"), forgets("filter")))},
	}
}

func logicFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("GET", `/Users\?filter`, "", do) }
	leftToRight := regexp.MustCompile(`^(.*) or (.*) and (.*)$`)
	firstTwo := func(q url.Values) {
		if parts := strings.Split(q.Get("filter"), " and "); len(parts) > 2 {
			q.Set("filter", parts[0]+" and "+parts[1])
		}
	}
	return []flaw{
		{"filter.and", "means or", in(filters(" and ", " or "))},
		{"filter.and", "the first two", in(asks(firstTwo))},
		{"filter.or", "means and", in(filters(" or ", " and "))},
		{"filter.not", "ignored", in(filters("not (", "("))},
		{"filter.precedence", "from left to right", in(asks(func(q url.Values) {
			q.Set("filter", leftToRight.ReplaceAllString(q.Get("filter"), "($1 or $2) and $3"))
		}))},
		{"filter.grouping", "ignored", in(filters("(", "", ")", ""))},
	}
}

func searchFlaws() []flaw {
	in := func(do func(*call)) wrapper { return stack(flawed("POST", `/\.search$`, "", do), dotSearch) }
	return []flaw{
		{"search.post", "creates", in(turns(200, 201))},
		{"search.post", "filter ignored", in(drops("filter"))},
		{"search.post", "attributes ignored", in(drops("attributes"))},
		{"search.post.filter", "means eq", in(replaces(" xx ", " eq "))},
		{"search.root", "filter ignored", in(drops("filter"))},
		{"search.root", "filter of GET ignored", stack(flawed("GET", `^/scim/v2/\?`, "", forgets("filter")), dotSearch)},
	}
}

func pagingFlaws() []flaw {
	in := func(do func(*call)) wrapper { return flawed("GET", `/Users\?`, "", do) }
	page := func(change func(o object)) wrapper { return in(says(func(_ *call, o object) { change(o) })) }
	return []flaw{
		{"paging.list", "count ignored", in(forgets("count"))},
		{"paging.list", "no place", page(func(o object) { delete(o, "startIndex") })},
		{"paging.list", "no number", page(func(o object) { delete(o, "itemsPerPage") })},
		{"paging.list", "counts the page", page(func(o object) { o["totalResults"] = len(items(o, "Resources")) })},
		{"paging.count", "count ignored", in(forgets("count"))},
		{"paging.count", "counts the page", page(func(o object) { o["totalResults"] = len(items(o, "Resources")) })},
		{"paging.count", "always 1", page(func(o object) { o["startIndex"] = 1 })},
		{"paging.items-per-page", "what was asked for", page(func(o object) { o["itemsPerPage"] = 100 })},
		{"paging.all", "counts from 0", in(asks(func(q url.Values) {
			if n, err := strconv.Atoi(q.Get("startIndex")); err == nil {
				q.Set("startIndex", fmt.Sprint(n+1))
			}
		}))},
		{"paging.all", "the first page again", in(forgets("startIndex"))},
		{"paging.start-below-one", "refused", in(provided(has("startIndex=0"), refuses(400, "invalidValue")))},
		{"paging.start-below-one", "from the end", in(provided(has("startIndex=-3"), asks(func(q url.Values) { q.Set("startIndex", "3") })))},
		{"paging.count-zero", "no limit", in(provided(has("count=0"), forgets("count")))},
		{"paging.count-zero", "no total", page(func(o object) { o["totalResults"] = len(items(o, "Resources")) })},
		{"paging.count-negative", "refused", in(provided(has("count=-2"), refuses(400, "invalidValue")))},
		{"paging.beyond", "404", in(provided(has("startIndex=6"), refuses(404, "")))},
		{"paging.default", "from the second on", in(asks(func(q url.Values) {
			if q.Get("startIndex") == "" {
				q.Set("startIndex", "2")
			}
		}))},
		{"paging.large-count", "refused", in(provided(has("count=100000"), refuses(400, "invalidValue")))},
		{"sort.unsupported", "500", in(provided(has("sortBy="), refuses(500, "")))},
	}
}

func sortFlaws() []flaw {
	in := func(do func(*call)) wrapper { return stack(flawed("GET", "sortBy=", "", do), sorted) }
	return []flaw{
		{"sort.ascending", "ignored", in(forgets("sortBy"))},
		{"sort.descending", "ignored", in(forgets("sortOrder"))},
		{"sort.sub-attribute", "ignored", in(forgets("sortBy"))},
		{"sort.absent", "first", in(says(func(_ *call, o object) {
			list := o["Resources"].([]any)
			o["Resources"] = append(list[len(list)-1:], list[:len(list)-1]...)
		}))},
	}
}

func projectionFlaws() []flaw {
	in := func(method, path string, do func(*call)) wrapper { return flawed(method, path, "", do) }
	urn := url.QueryEscape("urn:ietf:params:scim:schemas:core:2.0:User:")
	asked := func(c *call) bool { return has("attributes=")(c) || has("excludedAttributes=")(c) }
	lost := func(name string) wrapper {
		return in("GET", "/Users/", func(c *call) {
			if asked(c) {
				without(name)(c)
			} else {
				c.pass()
			}
		})
	}
	return []flaw{
		{"projection.attributes", "ignored", in("GET", "/Users/", forgets("attributes"))},
		{"projection.attributes", "the first alone", in("GET", "/Users/", replaces("userName,displayName", "userName"))},
		{"projection.excluded", "ignored", in("GET", "/Users/", forgets("excludedAttributes"))},
		{"projection.excluded", "means attributes", in("GET", "/Users/", replaces("excludedAttributes=", "attributes="))},
		{"projection.always", "no id", lost("id")},
		{"projection.schemas", "none", lost("schemas")},
		{"projection.sub-attribute", "the whole", in("GET", "/Users/", replaces("name.givenName", "name"))},
		{"projection.sub-attribute", "nothing", in("GET", "/Users/", replaces("attributes=name.givenName", "attributes=x"))},
		{"projection.lists", "the whole", in("GET", "/Users/", replaces("emails.value", "emails"))},
		{"projection.lists", "nothing", in("GET", "/Users/", replaces("emails.value", "x"))},
		{"projection.case", "exact", in("GET", "/Users/", replaces("USERNAME", "x"))},
		{"projection.case", "exact, left out", in("GET", "/Users/", replaces("DISPLAYNAME", "x"))},
		{"projection.urn", "unknown", in("GET", "/Users/", replaces(urn, "x"))},
		{"projection.extension", "ignored", in("GET", "/Users/", forgets("attributes"))},
		{"projection.extension", "the whole", in("GET", "/Users/", replaces("%3Adepartment", ""))},
		{"projection.extension.whole", "unknown", in("GET", "/Users/", replaces(url.QueryEscape(enterprises), "x"))},
		{"projection.query", "ignored", in("GET", `/Users\?`, forgets("attributes"))},
		{"projection.query", "excluded ignored", in("GET", `/Users\?`, forgets("excludedAttributes"))},
		{"projection.create", "ignored", in("POST", "", forgets("attributes"))},
		{"projection.replace", "ignored", in("PUT", "", forgets("attributes"))},
		{"projection.replace", "excluded ignored", in("PUT", "", forgets("excludedAttributes"))},
		{"projection.unknown", "refused", in("GET", "usherUnknown", refuses(400, "invalidValue"))},
		{"projection.patch", "204", in("PATCH", "", func(c *call) {
			c.pass()
			c.w = httptest.NewRecorder()
			c.w.WriteHeader(204)
		})},
		{"projection.patch", "ignored", in("PATCH", "", forgets("attributes"))},
		{"projection.members", "ignored", in("GET", "/Groups/", forgets("excludedAttributes"))},
		{"projection.members", "ignored in lists", in("GET", `/Groups\?`, forgets("excludedAttributes"))},
	}
}
