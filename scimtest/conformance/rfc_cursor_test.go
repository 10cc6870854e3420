package conformance_test

import (
	"fmt"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
)

// cursorOf is a cursor of the endpoint with cursors: a startIndex, sealed.
func cursorOf(start int) string {
	return fmt.Sprintf("%d-%08x", start, crc32.ChecksumIEEE(fmt.Append(nil, "key", start)))
}

// cursored adds cursors to an endpoint without them.
var cursored = stack(
	flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) {
		o["pagination"] = object{"cursor": true, "index": true}
	})),
	flawed("GET", `/Users\?(.*&)?cursor`, "", func(c *call) {
		q := c.URL.Query()
		start, cursor := 1, q.Get("cursor")
		if cursor != "" {
			number, _, _ := strings.Cut(cursor, "-")
			start, _ = strconv.Atoi(number)
			if cursor != cursorOf(start) {
				refuses(400, "invalidCursor")(c)
				return
			}
		}
		q.Del("cursor")
		q.Set("startIndex", fmt.Sprint(start))
		c.URL.RawQuery = q.Encode()
		says(func(c *call, o object) {
			list, _ := o["Resources"].([]any)
			total, _ := o["totalResults"].(float64)
			if next := start + len(list); c.w.Code == 200 && len(list) > 0 && next <= int(total) {
				o["nextCursor"] = cursorOf(next)
			}
			if count, _ := strconv.Atoi(q.Get("count")); start > 1 {
				o["previousCursor"] = cursorOf(max(1, start-count))
			}
			delete(o, "totalResults") // it need not know
		})(c)
	}),
)

func cursorFlaws() []flaw {
	in := func(do func(*call)) wrapper { return stack(flawed("GET", `/Users\?(.*&)?cursor`, "", do), cursored) }
	page := func(change func(o object)) wrapper { return in(says(func(_ *call, o object) { change(o) })) }
	always := func(cursor string) func(q url.Values) { return func(q url.Values) { q.Set("cursor", cursor) } }
	return []flaw{
		{"cursor.config", "cursors alone", stack(flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) {
			o["pagination"] = object{"cursor": true}
		})), cursored)},
		{"cursor.first", "a page before", page(func(o object) { o["previousCursor"] = "a" })},
		{"cursor.first", "base64", page(func(o object) { o["nextCursor"] = "a+b/c=" })},
		{"cursor.first", "empty is unknown", in(provided(has("cursor="), asks(func(q url.Values) {
			if q.Get("cursor") == "" {
				q.Set("cursor", "none")
			}
		})))},
		{"cursor.first", "count ignored", in(forgets("count"))},
		{"cursor.all", "no end", page(func(o object) {
			if o["nextCursor"] == nil {
				o["nextCursor"] = cursorOf(1)
			}
		})},
		{"cursor.all", "the first page again", in(asks(always("")))},
		{"cursor.all", "null at the end", page(func(o object) {
			if o["nextCursor"] == nil {
				o["nextCursor"] = ""
			}
		})},
		{"cursor.previous", "nowhere", page(func(o object) {
			if o["previousCursor"] != nil {
				o["previousCursor"] = o["nextCursor"]
			}
		})},
		{"cursor.count", "no limit", in(provided(has("count=0"), forgets("count")))},
		{"cursor.count", "refused", in(provided(has("count=-2"), refuses(400, "invalidCount")))},
		{"cursor.invalid", "the first page", in(provided(has("usher-unknown"), asks(always(""))))},
		{"cursor.invalid", "another scimType", in(provided(has("usher-unknown"), refuses(400, "invalidValue")))},
		{"cursor.forged", "not sealed", in(func(c *call) {
			if c.pass(); c.w.Code == 400 {
				c.w = c.also("GET", c.URL.Path, "")
			}
		})},
		{"cursor.secret", "opens", in(func(c *call) {
			c.Header.Set("Authorization", "Bearer "+token)
			c.pass()
		})},
		{"cursor.search", "ignored", stack(flawed("POST", `/\.search$`, "", drops("cursor")), stack(dotSearch, cursored))},
		{"cursor.search", "the first page again", stack(flawed("POST", `/\.search$`, "", reads(func(o object) { o["cursor"] = "" })), stack(dotSearch, cursored))},
	}
}
