package conformance

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// unreserved are the characters of a URL that need no encoding (RFC 3986 §2.3).
var unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// A cursorPage is a page of RFC 9865: its resources' ids and what leads on from
// it; "" is no cursor.
type cursorPage struct {
	ids            []string
	next, previous string
}

// cursorPage expects a page of a ListResponse with good cursors. It may go
// without totalResults, which a server with cursors need not know.
func (p *probe) cursorPage(x *Exchange) (page cursorPage) {
	o := p.object(x, 200)
	p.expect(has(o["schemas"], listURN), "a ListResponse: schemas ["+show(listURN)+"]", x.summary())
	resources := o["Resources"]
	_, ok := resources.([]any)
	p.expect(ok || resources == nil, "Resources, an array", x.summary())
	page.ids = list{resources: objects(resources)}.ids()
	for name, cursor := range map[string]*string{"nextCursor": &page.next, "previousCursor": &page.previous} {
		if o[name] == nil {
			continue
		}
		*cursor, _ = o[name].(string)
		p.expect(unreserved.MatchString(*cursor), name+" of unreserved characters (A-Z a-z 0-9 - . _ ~), or none", name+" "+show(o[name]))
	}
	return page
}

func rfcCursors() []check {
	// pages makes a check of pages of five users, two at a time.
	pages := func(id, title string, rows []string, level Level, why, fix string, run func(p *probe, query string, h herd)) check {
		return check{
			id: "cursor." + id, area: Paging, level: level, needs: []feature{cursors, filtering}, title: title, rows: rows, source: "RFC 9865 §2", why: why, fix: fix,
			run: func(p *probe) {
				h := p.herd(nil, nil, nil, nil, nil)
				run(p, h.query+"&count=2", h)
			},
		}
	}
	// first reads the first page, and expects that there is more.
	first := func(p *probe, query string) cursorPage {
		x := p.get(query + "&cursor")
		page := p.cursorPage(x)
		p.expect(page.next != "", "nextCursor, for there are more users", x.summary())
		return page
	}
	short := "Clients that read the directory in pages miss users, or never come to an end."
	return []check{
		{
			id: "cursor.config", area: Discovery, level: Should, needs: []feature{cursors},
			title: "The ServiceProviderConfig names both ways of paging", rows: []string{"R-193"}, source: "RFC 9865 §4",
			why: "A client cannot know how to read on.",
			fix: "Send pagination with cursor and index, each true or false.",
			run: func(p *probe) {
				pagination := field(p.configuration(), "pagination")
				_, ok := field(pagination, "index").(bool)
				p.expect(ok, "pagination.index, true or false", "pagination "+show(pagination))
			},
		},
		pages("first", "An empty cursor asks for the first page", []string{"R-181", "R-182", "R-183", "R-184"}, Must, short,
			"Read ?cursor and ?cursor= as the first page: no more than count, nextCursor if there is more, and never previousCursor.", func(p *probe, query string, _ herd) {
				for _, cursor := range []string{"&cursor", "&cursor="} {
					x := p.get(query + cursor)
					page := p.cursorPage(x)
					p.expect(len(page.ids) > 0 && len(page.ids) <= 2, "one or two users", x.summary())
					p.expect(page.next != "" && page.previous == "", "nextCursor, and no previousCursor", x.summary())
				}
			}),
		pages("all", "The pages together hold each user once, and the last one has no nextCursor", []string{"R-181", "R-183", "R-188"}, Must, short,
			"Let nextCursor go on behind the last user of the page, by something that does not change, and leave it out when nobody is left.", func(p *probe, query string, h herd) {
				page := first(p, query)
				ids := page.ids
				for range 10 { // one user a page, and an empty one at the end, are a server's right
					if page.next == "" {
						break
					}
					page = p.cursorPage(p.get(query + "&cursor=" + page.next))
					p.expect(len(page.ids) <= 2, "no more than two users", show(page.ids))
					ids = append(ids, page.ids...)
				}
				p.expect(page.next == "", "no nextCursor on the last page", "nextCursor "+show(page.next)+" after ten pages")
				p.equal("ids on all pages", sorted(ids...), sorted(h.ids...))
			}),
		pages("previous", "previousCursor, if it is sent, leads back", []string{"R-181", "R-184"}, Must, "Clients that turn back see other users than before.",
			"Let previousCursor lead to the page before; or send none.", func(p *probe, query string, _ herd) {
				page := first(p, query)
				second := p.cursorPage(p.get(query + "&cursor=" + page.next))
				if second.previous == "" {
					p.skip("it sends no previousCursor")
				}
				p.equal("ids on the page before", p.cursorPage(p.get(query+"&cursor="+second.previous)).ids, page.ids)
			}),
		pages("count", "With a cursor too, a count of 0 or less asks for no users", []string{"R-185"}, Must, "Clients that only count users read all of them, or get an error.",
			"Read a negative count as 0, and answer 200 without resources.", func(p *probe, _ string, h herd) {
				for _, count := range []string{"0", "-2"} {
					x := p.get(h.query + "&cursor&count=" + count)
					p.expect(len(p.cursorPage(x).ids) == 0, "no Resources", x.summary())
				}
			}),
		pages("invalid", "An unknown cursor is 400 invalidCursor", []string{"R-187"}, Should, "A client takes the first page for the next one and reads in circles, or cannot tell that it has to begin anew.",
			"Answer 400 with scimType invalidCursor, or expiredCursor if it is too old.", func(p *probe, query string, _ herd) {
				p.refused(p.get(query+"&cursor=usher-unknown"), 400, "invalidCursor", "expiredCursor")
			}),
		pages("forged", "A cursor that was changed is refused", []string{"R-196"}, Should, "A client that counts up in a cursor reads what it was not meant to.",
			"Seal cursors, or keep them on the server.", func(p *probe, query string, _ herd) {
				x := p.get(query + "&cursor=" + flipped(first(p, query).next))
				p.expect(x.Status >= 400 && x.Status < 500, "the cursor refused, with 400 for example", x.summary())
			}),
		pages("secret", "A cursor opens nothing without credentials", []string{"R-194"}, Must, "Whoever finds a cursor in a log reads the directory.",
			"Check the token for each page.", func(p *probe, query string, _ herd) {
				if p.token == "" {
					p.skip("no token was given")
				}
				next := query + "&cursor=" + first(p, query).next
				p.status(p.send(request{method: "GET", path: next, header: http.Header{"Authorization": nil}}), 401, 403)
			}),
		pages("search", "A search by POST takes cursors in its body", []string{"R-192"}, Must, short,
			"Read cursor and count of a SearchRequest like those of a URL.", func(p *probe, query string, h herd) {
				u, _ := url.Parse(h.query)
				search := func(cursor string) *Exchange {
					return p.post("/Users/.search", searchRequest(object{"filter": u.Query().Get("filter"), "count": 2, "cursor": cursor}))
				}
				x := search("")
				if !isList(x) {
					p.found(x)
				}
				page := p.cursorPage(x)
				p.expect(len(page.ids) > 0 && len(page.ids) <= 2 && page.next != "", "one or two users, and nextCursor", x.summary())
				second := p.cursorPage(search(page.next))
				p.expect(len(second.ids) > 0 && !slices.ContainsFunc(second.ids, func(id string) bool { return slices.Contains(page.ids, id) }), "other users than on the first page", show(second.ids))
			}),
	}
}

// flipped changes a letter in the middle of a cursor.
func flipped(cursor string) string {
	i := len(cursor) / 2
	other := "A"
	if cursor[i] == 'A' {
		other = "B"
	}
	return cursor[:i] + other + cursor[i+1:]
}
