package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A herd is a number of users who can be searched for together, in pages.
type herd struct {
	query string // finds them
	ids   []string
}

// indexed skips the check if the endpoint pages with cursors alone.
func (p *probe) indexed() {
	if at(p.features.config, "pagination.index") == false {
		p.skip("it pages with cursors alone")
	}
}

// herd creates users with the attributes, and one userName prefix or displayName.
func (p *probe) herd(attributes ...object) herd {
	var h herd
	shared := p.unique("herd")
	for _, a := range attributes {
		body := object{"userName": shared + "-" + p.userName()}
		if p.features.serves(userURN, "displayName") {
			body["displayName"] = shared
		}
		for name, v := range a {
			body[name] = v
		}
		_, user := p.newUser(body)
		h.ids = append(h.ids, idOf(user))
	}
	filters := []string{"userName sw " + quote(shared)}
	if p.features.serves(userURN, "displayName") {
		filters = append(filters, "displayName eq "+quote(shared))
	}
	for _, filter := range filters {
		h.query = "/Users?filter=" + url.QueryEscape(filter)
		if x := p.get(h.query); x.Status == 200 {
			total := field(p.object(x, 200), "totalResults")
			if equal(total, len(h.ids)) || total == nil && p.features.has[cursors] { // RFC 9865 §2: it need not know
				return h
			}
		}
	}
	p.skip("it has no filter that finds several users: userName sw, displayName eq")
	return h
}

// counted reads totalResults, and how many resources there are: of an answer
// that may leave Resources out.
func (p *probe) counted(x *Exchange) (total, n int) {
	o := p.object(x, 200)
	t, ok := o["totalResults"].(float64)
	p.expect(ok, "totalResults, a number", x.summary())
	items, ok := o["Resources"].([]any)
	p.expect(ok || o["Resources"] == nil, "Resources, an array", x.summary())
	return int(t), len(items)
}

func rfcPaging() []check {
	five := []object{nil, nil, nil, nil, nil}
	need := []feature{filtering}
	// pages makes a check of pages of five users.
	pages := func(id, title string, rows []string, why, fix string, run func(*probe, herd)) check {
		return check{
			id: "paging." + id, area: Paging, level: Must, needs: need, title: title, rows: rows, source: "RFC 7644 §3.4.2.4",
			why: why, fix: fix, run: func(p *probe) {
				p.indexed()
				run(p, p.herd(five...))
			},
		}
	}
	short := "Clients that read the directory in pages miss users, or never come to an end."
	return []check{
		{
			id: "paging.list", area: Paging, level: Must,
			title: "A part of the users is a ListResponse with its place in the whole", rows: []string{"R-137", "R-138", "R-176"}, source: "RFC 7644 §3.4.2",
			why: short,
			fix: "Answer GET /Users?count=1 with one user and totalResults, startIndex and itemsPerPage.",
			run: func(p *probe) {
				p.indexed()
				p.newUser(nil)
				p.newUser(nil)
				x := p.get("/Users?startIndex=1&count=1")
				l := p.list(x)
				p.expect(len(l.resources) <= 1, "no more than one user", fmt.Sprintf("%d users", len(l.resources)))
				p.expect(l.total >= 2, "totalResults of all users, 2 or more", x.summary())
				p.expect(l.startIndex == 1, "startIndex 1", x.summary())
				p.expect(l.object["itemsPerPage"] != nil, "itemsPerPage", x.summary())
			},
		},
		pages("count", "count limits a page, and totalResults counts all", []string{"R-138", "R-176", "R-178", "R-179"}, short,
			"Return no more than count, and the number of all matches in totalResults.", func(p *probe, h herd) {
				x := p.get(h.query + "&startIndex=2&count=2")
				l := p.list(x)
				p.expect(len(l.resources) >= 1 && len(l.resources) <= 2, "one or two users", fmt.Sprintf("%d users", len(l.resources)))
				p.equal("totalResults", l.total, 5)
				p.equal("startIndex", l.startIndex, 2)
			}),
		pages("items-per-page", "itemsPerPage is the number of users in the page", []string{"R-179"}, short,
			"Count the page's users.", func(p *probe, h herd) {
				l := p.list(p.get(h.query + "&startIndex=1&count=2"))
				p.equal("itemsPerPage", l.itemsPerPage, len(l.resources))
			}),
		pages("all", "The pages together hold each user once", []string{"R-175", "R-180"}, short,
			"Sort by something that does not change, such as the id; startIndex counts from 1.", func(p *probe, h herd) {
				var ids []string
				for len(ids) < 5 {
					l := p.list(p.get(fmt.Sprintf("%s&startIndex=%d&count=2", h.query, len(ids)+1)))
					p.expect(len(l.resources) > 0, "users from index "+fmt.Sprint(len(ids)+1)+" on", "none")
					ids = append(ids, l.ids()...)
				}
				slices.Sort(ids)
				want := slices.Sorted(slices.Values(h.ids))
				p.expect(slices.Equal(ids, want), "each of the five users once", show(ids))
			}),
		pages("start-below-one", "A startIndex below 1 is 1", []string{"R-175"}, "Clients that count from 0 miss the first user, or get an error.",
			"Read smaller values as 1.", func(p *probe, h herd) {
				first := p.list(p.get(h.query + "&startIndex=1&count=2"))
				for _, start := range []string{"0", "-3"} {
					x := p.get(h.query + "&count=2&startIndex=" + start)
					p.expect(slices.Equal(p.list(x).ids(), first.ids()), "the first page", x.summary())
				}
			}),
		pages("count-zero", "count=0 asks for the number alone", []string{"R-177"}, "Clients that only count users read all of them, or get an error.",
			"Answer 200 with totalResults and no resources.", func(p *probe, h herd) {
				x := p.get(h.query + "&count=0")
				total, n := p.counted(x)
				p.expect(total == 5 && n == 0, "totalResults 5 and no Resources", x.summary())
			}),
		pages("count-negative", "A negative count is 0", []string{"R-177"}, "A client's slip ends in an error, or in the whole directory.",
			"Read a negative count as 0.", func(p *probe, h herd) {
				x := p.get(h.query + "&count=-2")
				total, n := p.counted(x)
				p.expect(total == 5 && n == 0, "totalResults 5 and no Resources", x.summary())
			}),
		pages("beyond", "A page beyond the end is empty", []string{"R-139", "R-178"}, "Clients that read until a page is empty end with an error.",
			"Answer 200 with totalResults and no resources.", func(p *probe, h herd) {
				x := p.get(h.query + "&startIndex=6&count=2")
				total, n := p.counted(x)
				p.expect(total == 5 && n == 0, "totalResults 5 and no Resources", x.summary())
			}),
		pages("default", "Without startIndex and count a page begins with the first", []string{"R-175", "R-176"}, short,
			"Default startIndex to 1 and count to a limit of the server's own.", func(p *probe, h herd) {
				x := p.get(h.query)
				l := p.list(x)
				p.expect(l.startIndex <= 1 && len(l.resources) > 0 && l.total == 5, "users from the first on, and totalResults 5", x.summary())
			}),
		{
			id: "paging.large-count", area: Paging, level: Should, needs: need,
			title: "A large count gives what there is", rows: []string{"R-176", "A-14"}, source: "RFC 7644 §3.4.2.4",
			why: "Clients that ask for a thousand at once get an error instead of fewer.",
			fix: "Return as many as the server's own limit allows.",
			run: func(p *probe) {
				p.indexed()
				h := p.herd(nil, nil)
				x := p.get(h.query + "&startIndex=1&count=100000")
				l := p.list(x)
				p.expect(l.total == 2 && len(l.resources) > 0, "users, and totalResults 2", x.summary())
			},
		},
	}
}

// sorted reads the herd sorted, and returns a value of each user.
func (p *probe) sorted(h herd, query, path string) []string {
	var got []string
	for range len(h.ids) { // pages may hold as few as one
		l := p.list(p.get(fmt.Sprintf("%s&%s&startIndex=%d", h.query, query, len(got)+1)))
		for _, r := range l.resources {
			v, _ := at(r, path).(string)
			got = append(got, v)
		}
		if len(l.resources) == 0 || len(got) >= l.total {
			break
		}
	}
	return got
}

func rfcSort() []check {
	// sorts makes a check of an order: exact, if the schema says caseExact.
	sorts := func(id, title string, rows []string, fix, query, path string, attributes []object, want, exact []string) check {
		return check{
			id: "sort." + id, area: Paging, level: Must, needs: []feature{sorting, filtering}, title: title, rows: rows, source: "RFC 7644 §3.4.2.3",
			why: "Lists that people see, or that a client cuts off, are in the wrong order.", fix: fix,
			run: func(p *probe) {
				top, _, _ := strings.Cut(path, ".")
				p.indexed()
				p.wants(top)
				h := p.herd(attributes...)
				want := want
				if field(p.features.attribute(userURN, top), "caseExact") == true {
					want = exact
				}
				got := p.sorted(h, query, path)
				p.expect(slices.Equal(got, want), "users in the order "+show(want), show(got))
			},
		}
	}
	titles := []object{{"title": "beta"}, {"title": "Alpha"}, {"title": "Gamma"}}
	return []check{
		sorts("ascending", "sortBy sorts ascending, without case", []string{"R-170", "R-173", "R-174"}, "Sort by the attribute, ascending by default; without case unless caseExact.",
			"sortBy=title", "title", titles, []string{"Alpha", "beta", "Gamma"}, []string{"Alpha", "Gamma", "beta"}),
		sorts("descending", "sortOrder descending turns the order around", []string{"R-173"}, "Read sortOrder.",
			"sortBy=title&sortOrder=descending", "title", titles, []string{"Gamma", "beta", "Alpha"}, []string{"beta", "Gamma", "Alpha"}),
		sorts("sub-attribute", "Sub-attributes can be sorted by", []string{"R-170"}, "Resolve name.familyName.",
			"sortBy=name.familyName", "name.familyName", []object{{"name": object{"familyName": "b"}}, {"name": object{"familyName": "a"}}}, []string{"a", "b"}, []string{"a", "b"}),
		sorts("absent", "Users without the value come last", []string{"R-172"}, "Put users without the value at the end when ascending, at the beginning when descending.",
			"sortBy=title", "title", []object{{"title": "b"}, nil, {"title": "a"}}, []string{"a", "b", ""}, []string{"a", "b", ""}),
		{
			id: "sort.unsupported", area: Paging, level: Should,
			title: "sortBy is answered or refused, and loses nobody", rows: []string{"R-169", "A-11"}, source: "RFC 7644 §3.4.2.3",
			why: "A client that sorts by habit cannot read the directory.",
			fix: "If sort is not supported, ignore sortBy and sortOrder, or answer 400.",
			run: func(p *probe) {
				p.newUser(nil)
				x := p.get("/Users?count=2&sortBy=userName&sortOrder=ascending")
				if x.Status != 400 && x.Status != 501 {
					l := p.list(x)
					p.expect(l.total > 0, "the users", x.summary())
				}
			},
		},
	}
}
