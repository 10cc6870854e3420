package conformance

import "fmt"

func rfcDelete() []check {
	// deleted makes a check of a user who was deleted.
	deleted := func(id, title string, rows []string, level Level, why, fix string, needs []feature, run func(p *probe, path string, user object)) check {
		return check{
			id: "delete." + id, area: Lifecycle, level: level, needs: needs, title: title, rows: rows, source: "RFC 7644 §3.6", why: why, fix: fix,
			run: func(p *probe) {
				path, user := p.newUser(nil)
				p.prepare("cannot delete a user", func() { p.status(p.delete(path), 200, 202, 204) })
				run(p, path, user)
			},
		}
	}
	return []check{
		{
			id: "delete.done", area: Lifecycle, level: Must,
			title: "DELETE is 204 without a body", rows: []string{"R-273"}, source: "RFC 7644 §3.6",
			why: "Strict clients take another answer for a failure and try again for ever.",
			fix: "Answer 204 No Content.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				x := p.delete(path)
				p.status(x, 204)
				p.expect(x.ResponseBody == "", "no body", x.summary())
			},
		},
		deleted("gone", "A deleted user cannot be read", []string{"R-274"}, Must, "Clients take people who are gone for users.",
			"Answer 404 with a SCIM error, also if the data is kept.", nil, func(p *probe, path string, _ object) {
				p.refused(p.get(path), 404)
			}),
		deleted("changed", "A deleted user cannot be changed", []string{"R-118", "R-217", "R-274"}, Must, "Changes bring deleted users back, or vanish without a word.",
			"Answer 404 to PUT, PATCH and DELETE, also if the data is kept.", nil, func(p *probe, path string, _ object) {
				p.refused(p.put(path, p.user(nil)), 404)
				if p.features.has[patching] {
					p.refused(p.patch(path, op("replace", "userName", p.userName())), 404)
				}
				p.status(p.get(path), 404)
			}),
		deleted("twice", "A second DELETE is 404", []string{"R-274"}, Must, "A client cannot tell whether there was somebody to delete.",
			"Answer 404 with a SCIM error.", nil, func(p *probe, path string, _ object) {
				p.refused(p.delete(path), 404)
			}),
		deleted("search", "A deleted user is found by no search", []string{"R-275"}, Must, "Identity providers link new people to accounts that are gone.",
			"Leave deleted users out of all lists, also if the data is kept.", []feature{filtering}, func(p *probe, _ string, user object) {
				p.findsNone(p.search("/Users", "userName eq "+quote(fmt.Sprint(user["userName"]))))
			}),
		deleted("name-free", "A deleted user's userName is free again", []string{"R-276", "R-364"}, Should, "People who come back cannot get an account.",
			"Do not count deleted users among those that have a name.", nil, func(p *probe, _ string, user object) {
				p.status(p.post("/Users", p.user(object{"userName": user["userName"]})), 201, 200)
			}),
		deleted("id", "A deleted user's id is not given to another", []string{"R-047"}, Must, "The newcomer gets the rights that other systems stored under the old id.",
			"Never use an id again: no counters that turn back.", nil, func(p *probe, path string, user object) {
				x := p.post("/Users", p.user(object{"userName": user["userName"]}))
				if x.Status == 409 {
					x = p.post("/Users", p.user(nil))
				}
				again := p.resource(x, 201, 200)
				p.expect(again["id"] != user["id"], "another id", "id "+show(again["id"])+" again")
				p.status(p.get(path), 404)
			}),
		{
			id: "delete.unknown", area: Errors, level: Must,
			title: "DELETE of an unknown user is 404", rows: []string{"R-134", "R-274"}, source: "RFC 7644 §3.6, §3.12",
			why: "A client believes that it has deleted somebody.",
			fix: "Answer 404 with a SCIM error.",
			run: func(p *probe) { p.refused(p.delete("/Users/"+p.unique("unknown")), 404) },
		},
	}
}
