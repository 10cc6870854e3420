package conformance

import (
	"fmt"
	"maps"
	"slices"
)

// oktaUserChecks are the life of a user whom Okta's admin assigns, changes,
// unassigns and assigns again.
func oktaUserChecks() []check {
	// replaced reads the user as Okta does, changes attributes and puts all of
	// it back, with id, meta and groups.
	replaced := func(p *probe, path string, changes object) *Exchange {
		var body object
		p.prepare("cannot read the user to replace", func() { body = p.resource(p.okta("GET", path, nil), 200) })
		body["groups"] = []object{}
		maps.Copy(body, changes)
		return p.okta("PUT", path, body)
	}
	active := func(p *probe, path string, want bool) {
		p.equal("active", at(p.resource(p.okta("GET", path, nil), 200), "active"), want)
	}
	return []check{
		{
			id: "create.assigned-user", area: Create, level: Must, rows: []string{"E150", "R-125", "R-068"}, source: oktaGuide,
			title: "A user is created with all that Okta sends, and its password is not shown",
			why:   "Okta sends password, locale, groups and externalId with every new user, whatever the mapping is. If one of them is refused nobody can be assigned.",
			fix:   "Ignore attributes that you do not have and readOnly ones such as groups, take the placeholder password without judging or returning it, and answer 201 with the user.",
			run: func(p *probe) {
				sent := p.oktaUser()
				x := p.okta("POST", "/Users", sent)
				u := p.resource(x, 201)
				p.expect(field(u, "password") == nil, "no password in the answer", x.summary())
				x = p.okta("GET", pathOf("/Users", u), nil)
				u = p.resource(x, 200)
				p.expect(field(u, "password") == nil, "no password in the answer", x.summary())
				p.shows(u, object{
					"userName": sent["userName"], "name.givenName": "Ann", "name.familyName": "Lee", "displayName": "Ann Lee",
					"locale": "en-US", "active": true, "emails": sent["userName"],
				})
			},
		},
		{
			id: "filter.match-user", area: Filter, level: Must, rows: []string{"E150", "R-141"}, source: oktaGuide,
			title: "Okta's look-up before it creates finds the user by userName",
			why:   "A user who is there already is not linked but created again, and the second account fails with a duplicate or stays as an orphan.",
			fix:   `Support filter=userName eq "…" together with startIndex and count, with %20 and %22 in the URL, and return the one user.`,
			needs: []feature{filtering},
			run: func(p *probe) {
				p.newUser(nil)
				_, u := p.newUser(nil)
				x := p.oktaSearch("/Users", fmt.Sprintf("userName eq %s", show(at(u, "userName"))))
				p.pageNumbers(p.list(x))
				p.equal("userName", at(p.finds(x, idOf(u)), "userName"), at(u, "userName"))
			},
		},
		{
			id: "create.external-id", area: Create, level: Should, rows: []string{"R-339"}, source: oktaGuide,
			title: "The externalId that Okta sends is kept, through a replacement too",
			why:   "externalId holds Okta's own id of the user (00u…): with it an account can be traced, and matched when the userName has changed.",
			fix:   "Store externalId as it is sent, with its case, and return it.",
			run: func(p *probe) {
				path, sent := p.newOktaUser()
				p.equal("externalId", at(p.read(path), "externalId"), sent["externalId"])
				p.prepare("cannot replace the user", func() { p.status(replaced(p, path, nil), 200, 204) })
				p.equal("externalId", at(p.read(path), "externalId"), sent["externalId"])
			},
		},
		{
			id: "replace.whole-user", area: Replace, level: Must, rows: []string{"E150", "R-218", "R-219", "R-223", "R-226"}, source: oktaGuide,
			title: "PUT of the user that was read, with a change, changes just that",
			why:   "Apps made with Okta's wizard update with GET and PUT alone, and send id, meta and groups back. If that fails no profile change ever arrives.",
			fix:   "Support PUT on /Users/{id}: ignore readOnly attributes in the body, store the others, and answer 200 with the whole user.",
			run: func(p *probe) {
				path, sent := p.newOktaUser()
				name := object{"givenName": "Another", "middleName": "Excited", "familyName": "Lee"}
				want := object{
					"userName": sent["userName"], "name.givenName": "Another", "name.familyName": "Lee", "displayName": "Another Lee",
					"active": true, "emails": sent["userName"],
				}
				changes := object{}
				for attribute, v := range (object{"name": name, "displayName": "Another Lee"}) {
					if p.features.serves(userURN, attribute) {
						changes[attribute] = v
					}
				}
				x := replaced(p, path, changes)
				u := p.resource(x, 200)
				p.expect(pathOf("/Users", u) == path, "the id it had", x.summary())
				p.shows(u, want)
				p.shows(p.resource(p.okta("GET", path, nil), 200), want)
			},
		},
		{
			id: "replace.keeps-memberships", area: Replace, level: Must, rows: []string{"R-223"}, source: oktaGuide,
			title: "PUT of a user with an empty groups leaves the user in its groups",
			why:   "Okta's PUT carries groups: [] whatever groups there are. Whoever takes it at its word throws people out of their groups at every change of a title.",
			fix:   "groups of a user is readOnly: ignore it in POST and PUT. Memberships change at /Groups.",
			needs: []feature{groups},
			run: func(p *probe) {
				path, _ := p.newOktaUser()
				var user object
				p.prepare("cannot read the user", func() { user = p.read(path) })
				group, _ := p.newGroup(nil, idOf(user))
				p.status(replaced(p, path, nil), 200)
				p.members(group, idOf(user))
			},
		},
		{
			id: "lifecycle.put-deactivates", area: Lifecycle, level: Must, rows: []string{"E150", "R-219"}, source: oktaCRUD,
			title: "PUT with active false deactivates a user, and with true brings it back",
			why:   "It is the only way in which apps made with Okta's wizard take access away: a person who has left keeps it.",
			fix:   "Store active from a PUT, deny access while it is false, and keep the account so that it can come back.",
			run: func(p *probe) {
				path, _ := p.newOktaUser()
				for _, on := range []bool{false, true} {
					p.status(replaced(p, path, object{"active": on}), 200)
					active(p, path, on)
				}
			},
		},
		{
			id: "lifecycle.patch-deactivates", area: Lifecycle, level: Must, rows: []string{"E150", "E066", "R-264"}, source: oktaGuide,
			title: "PATCH without a path deactivates a user, and brings it back",
			why:   "Apps of Okta's catalogue take access away with this one request. Refused, or taken without effect, a person who has left keeps it.",
			fix:   `Support {"op":"replace","value":{"active":false}}: without a path, the members of value are the attributes to set.`,
			needs: []feature{patching},
			run: func(p *probe) {
				path, sent := p.newOktaUser()
				for _, on := range []bool{false, true} {
					p.oktaPatch(path, op("replace", "", object{"active": on}))
					active(p, path, on)
				}
				p.shows(p.read(path), object{"userName": sent["userName"], "name.familyName": "Lee"})
			},
		},
		{
			id: "lifecycle.inactive-user-is-found", area: Lifecycle, level: Must, rows: []string{"E032"}, source: oktaGuide,
			title: "A user who is deactivated can be read and found",
			why:   "Okta looks for the account when the person is assigned again. If it is hidden Okta creates another, or stops at a duplicate that it cannot see.",
			fix:   "Show inactive users in reads, filters and lists, with active false. Only what is deleted is gone.",
			needs: []feature{filtering},
			run: func(p *probe) {
				path, sent := p.newOktaUser()
				p.prepare("cannot deactivate the user", func() { p.status(replaced(p, path, object{"active": false}), 200, 204) })
				u := p.resource(p.okta("GET", path, nil), 200)
				found := p.finds(p.oktaSearch("/Users", fmt.Sprintf("userName eq %s", show(sent["userName"]))), idOf(u))
				p.equal("active", at(found, "active"), false)
			},
		},
		{
			id: "patch.password", area: Patch, level: Should, rows: []string{"R-068"}, source: oktaGuide,
			title: "PATCH without a path sets the password, and does not show it",
			why:   "Okta's Sync Password sends it; refused, every push of the user fails.",
			fix:   "Accept password in a PATCH, or leave it out of your schema and tell customers to switch Sync Password off. Never return it.",
			needs: []feature{patching},
			run: func(p *probe) {
				p.wants("password")
				path, _ := p.newOktaUser()
				x := p.oktaPatch(path, op("replace", "", object{"password": "x9-" + p.nonce + "-Q"}))
				p.expect(x.Status == 204 || field(p.resource(x, 200), "password") == nil, "no password in the answer", x.summary())
			},
		},
		{
			id: "errors.write-to-nobody", area: Errors, level: Must, rows: []string{"R-217", "E094"}, source: oktaGuide,
			title: "PUT and PATCH of a user that does not exist are 404",
			why:   "It is how Okta learns that somebody deleted the account in the app. A success hides it, and a 500 is tried again and again.",
			fix:   "Answer 404 with a SCIM error; a PUT never creates.",
			run: func(p *probe) {
				path := "/Users/" + p.unique("00919288221112222")
				p.created = append(p.created, path) // by a PUT that should not
				p.oktaError(p.okta("PUT", path, p.oktaUser()), 404)
				if p.features.has[patching] {
					p.oktaError(p.okta("PATCH", path, object{"schemas": []string{patchURN}, "Operations": []object{op("replace", "", object{"active": false})}}), 404)
				}
			},
		},
		{
			id: "errors.detail", area: Errors, level: Should, rows: []string{"R-313"}, source: oktaGuide,
			title: "What is refused is answered in JSON, with a detail",
			why:   "Okta shows the detail to its admin, under Tasks. Without one all there is to read is a number.",
			fix:   "Answer every refusal with schemas, status and a detail that names what is wrong: also what your framework refuses before your code runs.",
			run: func(p *probe) {
				x := p.okta("POST", "/Users", `{"schemas":["`+userURN+`"],"userName":`)
				p.expect(x.Status >= 400 && x.Status < 500, "a status of 4xx for half a body", x.summary())
				p.oktaError(x, x.Status)
			},
		},
		{
			id: "paging.import-users", area: Paging, level: Must, rows: []string{"R-175", "R-178", "R-180"}, source: oktaGuide, alone: true,
			title: "Users can be imported page by page, in an order that stays",
			why:   "Okta asks for 100 at a time and goes on at startIndex+100. Shorter pages or a changing order leave people out of the import, silently.",
			fix:   "Return up to 100 resources for count=100, totalResults of all pages, and the same order every time: sort by a column that is unique.",
			run: func(p *probe) {
				p.newUser(nil)
				p.newUser(nil)
				p.newUser(nil)
				p.oktaImport("/Users")
			},
		},
		{
			id: "paging.import-groups", area: Paging, level: Must, rows: []string{"R-175", "R-178", "R-180"}, source: oktaGuide, alone: true,
			title: "Groups can be imported page by page, in an order that stays",
			why:   "Okta asks for 100 at a time and goes on at startIndex+100. Shorter pages or a changing order leave groups out of the import, silently.",
			fix:   "Return up to 100 resources for count=100, totalResults of all pages, and the same order every time: sort by a column that is unique.",
			needs: []feature{groups},
			run: func(p *probe) {
				p.newGroup(nil)
				p.newGroup(nil)
				p.newGroup(nil)
				p.oktaImport("/Groups")
			},
		},
	}
}

// oktaImport reads an endpoint's first pages as Okta imports them. There are at
// least three resources.
func (p *probe) oktaImport(endpoint string) {
	page := func(start int) list {
		return p.list(p.okta("GET", fmt.Sprintf("%s?startIndex=%d&count=100", endpoint, start), nil))
	}
	first := page(1)
	p.pageNumbers(first)
	ids := first.ids()
	p.expect(first.total >= 3, "totalResults of at least 3, which were just created", fmt.Sprint("totalResults ", first.total))
	p.expect(len(ids) == min(first.total, 100), fmt.Sprintf("%d of %d resources for count=100", min(first.total, 100), first.total), fmt.Sprint(len(ids), " resources"))
	p.equal("startIndex", first.startIndex, 1)
	unique := slices.Clone(ids)
	slices.Sort(unique)
	p.expect(len(slices.Compact(unique)) == len(ids), "every resource once", "ids "+show(ids))

	second := page(2)
	p.equal("startIndex", second.startIndex, 2)
	got := second.ids()
	p.expect(second.total == first.total && len(got) >= len(ids)-1 && slices.Equal(got[:len(ids)-1], ids[1:]),
		"from startIndex=2 the same resources in the same order, without the first: "+show(ids[1:]), fmt.Sprintf("totalResults %d, %s", second.total, show(got)))

	end := page(first.total + 1)
	p.expect(len(end.resources) == 0, "no resources beyond the end", "ids "+show(end.ids()))
}
