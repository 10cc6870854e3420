package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// lists are the endpoints that list provisioned resources.
func (p *probe) lists() []string {
	if p.features.has[groups] {
		return []string{"/Users", "/Groups"}
	}
	return []string{"/Users"}
}

// two creates two resources to list.
func (p *probe) two(endpoint string) {
	for range 2 {
		if endpoint == "/Groups" {
			p.newGroup(nil)
		} else {
			p.newUser(nil)
		}
	}
}

// strictQueryChecks are of filters and paging: §6.3 and §6.4.
func strictQueryChecks() []check {
	return []check{
		{
			id: "filter.r346-eq-and", area: Filter, level: Must, rows: []string{"R-346"}, source: interop("6.3"),
			title: "Filters with eq and and are supported",
			why:   "They are all that a client of the profile may use to find anybody.",
			fix:   "Support eq and and, on userName and displayName at the least, and say filter.supported.",
			run: func(p *probe) {
				// One attribute twice: which others can be searched is the server's choice.
				search := func(endpoint, attribute string, a, b object) {
					first, second := attribute+" eq "+show(at(a, attribute)), attribute+" eq "+show(at(b, attribute))
					p.finds(p.search(endpoint, first), idOf(a))
					p.finds(p.search(endpoint, first+" and "+first), idOf(a))
					p.findsNone(p.search(endpoint, first+" and "+second))
				}
				_, a := p.newUser(nil)
				_, b := p.newUser(nil)
				search("/Users", "userName", a, b)
				if p.features.has[groups] {
					_, a := p.newGroup(nil)
					_, b := p.newGroup(nil)
					search("/Groups", "displayName", a, b)
				}
				p.expect(p.features.config == nil || field(field(p.features.config, "filter"), "supported") == true, "filter.supported true", "ServiceProviderConfig "+show(p.features.config))
			},
		},
		{
			id: "filter.r347-get-only", area: Filter, level: Must, rows: []string{"R-347"}, source: interop("6.3"), needs: []feature{patching},
			title: "A PATCH cannot choose its resource by a filter in the URL",
			why:   "One request changes whoever happens to match.",
			fix:   "Answer PATCH /Users?filter=… with an error, and change nothing.",
			run: func(p *probe) {
				p.wants("emails.display")
				path, u := p.newUser(nil)
				address := "a" + fmt.Sprint(at(u, "userName"))
				p.prepare("cannot set an e-mail address", func() {
					p.status(p.patch(path, op("add", "emails", []object{{"value": address, "type": "home", "display": "before"}})), 200, 204)
				})
				// The path matches nobody else's address, in case the filter is not looked at.
				x := p.patch("/Users?filter="+url.QueryEscape("userName eq "+show(at(u, "userName"))), op("replace", "emails[value eq "+show(address)+"].display", "after"))
				p.expect(x.Status >= 400, "an error", x.summary())
				p.equal("display", at(p.read(path), `emails[type eq "home"].display`), "before")
			},
		},
		{
			id: "filter.r348-unknown-attribute", area: Filter, level: Must, rows: []string{"R-348", "A-09"}, source: interop("6.3"), needs: []feature{filtering},
			title: "A filter on an attribute that is not defined is refused with invalidFilter",
			why:   "A misspelled filter finds nobody, or everybody, and the client acts on it.",
			fix:   "Resolve the names in a filter by the schemas of the type, and answer 400 invalidFilter.",
			run: func(p *probe) {
				for _, endpoint := range p.lists() {
					p.refused(p.search(endpoint, `favouriteColour eq "green"`), 400, "invalidFilter")
				}
			},
		},
		{
			id: "paging.r349-pages", area: Paging, level: Must, rows: []string{"R-349"}, source: interop("6.4"), alone: true,
			title: "Users and groups can be listed page by page",
			why:   "Beyond the first page nobody is seen.",
			fix:   "Support startIndex and count, or cursors, and say which in ServiceProviderConfig.",
			run: func(p *probe) {
				index := field(field(p.features.config, "pagination"), "index") != false
				for _, endpoint := range p.lists() {
					p.two(endpoint)
					next := "?count=1&startIndex=2"
					first := "?count=1"
					if !index {
						first = "?count=1&cursor"
					}
					one := p.list(p.get(endpoint + first))
					p.expect(len(one.resources) == 1 && (one.total >= 2 || !index), "1 of at least 2 resources", show(one.object))
					if !index {
						cursor, _ := field(one.object, "nextCursor").(string)
						p.expect(cursor != "", "nextCursor", show(one.object))
						next = "?count=1&cursor=" + url.QueryEscape(cursor)
					}
					two := p.list(p.get(endpoint + next))
					p.expect(len(two.resources) == 1 && !slices.Equal(one.ids(), two.ids()), "another resource on the second page", show(two.object))
				}
			},
		},
		{
			id: "paging.r350-default-of-100", area: Paging, level: Should, rows: []string{"R-350"}, source: interop("6.4"), alone: true,
			title: "Without count at least 100 resources are returned",
			why:   "Reading a directory takes many more requests than it need.",
			fix:   "Let the default page hold 100 or more.",
			run:   func(p *probe) { p.hundred("") },
		},
		{
			id: "paging.r351-count-of-100", area: Paging, level: Must, rows: []string{"R-351"}, source: interop("6.4"), alone: true,
			title: "count=100 is served in full, and a count beyond the limit is no error",
			why:   "Clients ask for 100 at a time, and some go on at 101 whatever came.",
			fix:   "Let the largest page hold 100 or more, and return fewer than asked for where that is the limit.",
			run: func(p *probe) {
				p.hundred("?startIndex=1&count=100")
				_, u := p.newUser(nil)
				x := p.get("/Users?count=1000000&filter=" + url.QueryEscape("userName eq "+show(at(u, "userName"))))
				p.finds(x, idOf(u))
			},
		},
	}
}

// hundred expects 100 resources, or all if there are fewer.
func (p *probe) hundred(query string) {
	for _, endpoint := range p.lists() {
		p.two(endpoint)
		l := p.list(p.get(endpoint + query))
		p.expect(l.total >= 2 && len(l.resources) >= min(l.total, 100), fmt.Sprintf("at least %d of %d resources", min(l.total, 100), l.total), fmt.Sprintf("%d of %d", len(l.resources), l.total))
	}
}

// strictPatchChecks are of §6.5.
func strictPatchChecks() []check {
	name := object{"givenName": "Ann", "familyName": "Lee"}
	// named creates a user with a name.
	named := func(p *probe) (path string) {
		p.wants("name")
		path, _ = p.newUser(object{"name": name})
		return path
	}
	// withEmail creates a user with one work e-mail address, and returns what
	// others may be.
	withEmail := func(p *probe) (path string, address func(string) string) {
		p.wants("emails")
		unique := strings.ToLower(p.unique("mail")) + "@" + p.options.Domain
		address = func(what string) string { return what + "-" + unique }
		path, _ = p.newUser(object{"emails": []object{{"value": address("one"), "type": "work"}}})
		return path, address
	}
	return []check{
		{
			id: "patch.r352-supported", area: Patch, level: Must, rows: []string{"R-352"}, source: interop("6.5"),
			title: "PATCH is supported, and said to be",
			why:   "Clients of the profile change resources with PATCH alone.",
			fix:   "Support PATCH on all resources and set patch.supported.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.status(p.patch(path, op("replace", "active", false)), 200, 204)
				p.equal("active", at(p.read(path), "active"), false)
				p.expect(p.features.config == nil || field(field(p.features.config, "patch"), "supported") == true, "patch.supported true", "ServiceProviderConfig "+show(p.features.config))
			},
		},
		{
			id: "patch.r353-path-is-required", area: Patch, level: Must, rows: []string{"R-353"}, source: interop("6.5.1.1"), needs: []feature{patching},
			title: "An operation without a path is refused with invalidSyntax",
			why:   "What a path-less value means is where servers differ most: merged, replaced, nested names or dotted ones.",
			fix:   "Refuse operations without a path. Entra ID and Okta send them: make it a switch.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, verb := range []string{"add", "replace"} {
					p.refused(p.patch(path, op(verb, "", object{"active": false})), 400, "invalidSyntax")
				}
				p.equal("active", at(p.read(path), "active"), true)
			},
		},
		{
			id: "patch.r354-several-operations", area: Patch, level: Must, rows: []string{"R-354"}, source: interop("6.5.1.2"), needs: []feature{patching},
			title: "A PATCH of several operations carries them all out",
			why:   "Clients have an operation for every attribute they change.",
			fix:   "Carry out all Operations, in their order.",
			run: func(p *probe) {
				path := named(p)
				p.status(p.patch(path, op("replace", "name.givenName", "Bea"), op("replace", "name.familyName", "Kay"), op("replace", "active", false)), 200, 204)
				u := p.read(path)
				p.equal("name.givenName", at(u, "name.givenName"), "Bea")
				p.equal("name.familyName", at(u, "name.familyName"), "Kay")
				p.equal("active", at(u, "active"), false)
			},
		},
		{
			id: "patch.r355-add-is-replace", area: Patch, level: Must, rows: []string{"R-355"}, source: interop("6.5.2.1"), needs: []feature{patching},
			title: "add of a single simple attribute that has a value replaces it",
			why:   "Clients need not know whether there is a value.",
			fix:   "Treat add and replace alike where there is one value.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				renamed := p.userName()
				p.status(p.patch(path, op("add", "active", false), op("add", "userName", renamed)), 200, 204)
				u := p.read(path)
				p.equal("active", at(u, "active"), false)
				p.equal("userName", at(u, "userName"), renamed)
			},
		},
		{
			id: "patch.r356-replace-complex", area: Patch, level: Must, rows: []string{"R-356"}, source: interop("6.5.2.1"), needs: []feature{patching},
			title: "replace of a complex attribute leaves what the value has, and no more",
			why:   "A part of a name that was taken away at the source stays.",
			fix:   "Replace the whole object. RFC 7644 §3.5.2.3 merges instead: make it a switch.",
			run: func(p *probe) {
				path := named(p)
				p.status(p.patch(path, op("replace", "name", object{"familyName": "Kay"})), 200, 204)
				u := p.read(path)
				p.equal("name.familyName", at(u, "name.familyName"), "Kay")
				p.equal("name.givenName", at(u, "name.givenName"), nil)
			},
		},
		{
			id: "patch.r357-add-complex", area: Patch, level: Must, rows: []string{"R-357"}, source: interop("6.5.2.1"), needs: []feature{patching},
			title: "add to a complex attribute merges",
			why:   "Changing one part of a name clears the others.",
			fix:   "Set the sub-attributes that the value has, and keep the others.",
			run: func(p *probe) {
				path := named(p)
				p.status(p.patch(path, op("add", "name", object{"familyName": "Kay"})), 200, 204)
				u := p.read(path)
				p.equal("name.familyName", at(u, "name.familyName"), "Kay")
				p.equal("name.givenName", at(u, "name.givenName"), "Ann")
			},
		},
		{
			id: "patch.r358-replace-list", area: Patch, level: Must, rows: []string{"R-358"}, source: interop("6.5.2.2"), needs: []feature{patching},
			title: "replace of a multi-valued attribute leaves the values given, and no more",
			why:   "Addresses that are gone at the source stay in use.",
			fix:   "Replace the whole list.",
			run: func(p *probe) {
				path, address := withEmail(p)
				p.status(p.patch(path, op("replace", "emails", []object{{"value": address("two"), "type": "home"}})), 200, 204)
				p.hasValues(p.read(path), "emails", address("two"))
			},
		},
		{
			id: "patch.r358-add-list", area: Patch, level: Must, rows: []string{"R-358"}, source: interop("6.5.2.2"), needs: []feature{patching},
			title: "add to a multi-valued attribute appends",
			why:   "Adding an address loses the others.",
			fix:   "Append the values of the array.",
			run: func(p *probe) {
				path, address := withEmail(p)
				p.status(p.patch(path, op("add", "emails", []object{{"value": address("two"), "type": "home"}})), 200, 204)
				p.hasValues(p.read(path), "emails", address("one"), address("two"))
			},
		},
		{
			id: "patch.r359-sub-attribute-of-element", area: Patch, level: Must, rows: []string{"R-359", "R-269"}, source: interop("6.5.2.2"), needs: []feature{patching},
			title: "A filtered path with a sub-attribute changes the element that matches",
			why:   "It is the one way that clients of the profile have to change an address.",
			fix:   `Support paths such as emails[type eq "work"].value.`,
			run: func(p *probe) {
				path, address := withEmail(p)
				p.status(p.patch(path, op("replace", `emails[type eq "work"].value`, address("two"))), 200, 204)
				p.hasValues(p.read(path), "emails", address("two"))
			},
		},
	}
}

// strictLifecycleChecks are of §6.6 and §6.9.
func strictLifecycleChecks() []check {
	return []check{
		{
			id: "lifecycle.r362-patch-keeps", area: Lifecycle, level: Must, rows: []string{"R-362"}, source: interop("6.6"), needs: []feature{patching, filtering},
			title: "A PATCH never deletes: who is inactive is there still",
			why:   "A person who comes back has lost everything.",
			fix:   "Keep a user whose active becomes false, readable and found.",
			run: func(p *probe) {
				path, u := p.newUser(nil)
				p.status(p.patch(path, op("replace", "active", false)), 200, 204)
				p.equal("active", at(p.read(path), "active"), false)
				p.finds(p.search("/Users", fmt.Sprintf("userName eq %s", show(at(u, "userName")))), idOf(u))
			},
		},
		{
			id: "lifecycle.r363-gone-for-all", area: Lifecycle, level: Must, rows: []string{"R-363", "R-274", "R-275"}, source: interop("6.6"), needs: []feature{filtering},
			title: "What is deleted is 404 for every operation, and in no query",
			why:   "A client goes on changing what is not there, or finds what it cannot read.",
			fix:   "Answer GET, PATCH and DELETE of a deleted id with 404, and leave it out of every list.",
			run: func(p *probe) {
				path, u := p.newUser(nil)
				p.status(p.delete(path), 204)
				p.refused(p.get(path), 404)
				if p.features.has[patching] {
					p.refused(p.patch(path, op("replace", "active", false)), 404)
				}
				p.refused(p.delete(path), 404)
				p.findsNone(p.search("/Users", fmt.Sprintf("userName eq %s", show(at(u, "userName")))))
			},
		},
		{
			id: "lifecycle.r364-names-are-free", area: Lifecycle, level: Must, rows: []string{"R-364", "R-276"}, source: interop("6.6"),
			title: "The userName of a deleted user is free",
			why:   "A person who was deleted can never be provisioned again.",
			fix:   "Leave deleted users out of the check for duplicates.",
			run: func(p *probe) {
				sent := p.user(nil)
				path, _ := p.newUser(sent)
				p.prepare("cannot delete the user", func() { p.status(p.delete(path), 200, 202, 204) })
				p.resource(p.post("/Users", sent), 201)
			},
		},
		{
			id: "lifecycle.r365-delete-deletes", area: Lifecycle, level: Must, rows: []string{"R-365"}, source: interop("6.6"),
			title: "DELETE deletes, and does not make inactive",
			why:   "Data that a customer has a right to see deleted stays.",
			fix:   "Delete the resource. Whoever wants it inactive sends a PATCH.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.status(p.delete(path), 204)
				p.status(p.get(path), 404)
				if p.features.has[groups] {
					group, _ := p.newGroup(nil)
					p.status(p.delete(group), 204)
					p.status(p.get(group), 404)
				}
			},
		},
		{
			id: "errors.r368-post-conflict", area: Errors, level: Must, rows: []string{"R-368", "R-128"}, source: interop("6.9.1"),
			title: "A POST of a userName that is taken is 409 uniqueness",
			why:   "A client cannot tell a conflict from a mistake of its own.",
			fix:   "Answer 409 with scimType uniqueness.",
			run: func(p *probe) {
				_, u := p.newUser(nil)
				p.refused(p.post("/Users", p.user(object{"userName": at(u, "userName")})), 409, "uniqueness")
			},
		},
		{
			id: "errors.r368-patch-conflict", area: Errors, level: Must, rows: []string{"R-368", "R-242"}, source: interop("6.9.1"), needs: []feature{patching},
			title: "A PATCH to a userName that is taken is 409 uniqueness, and changes nothing",
			why:   "Two people share a name to sign in with, or a client cannot tell a conflict from a mistake of its own.",
			fix:   "Check uniqueness on PATCH too, and answer 409 with scimType uniqueness.",
			run: func(p *probe) {
				_, taken := p.newUser(nil)
				path, u := p.newUser(nil)
				p.refused(p.patch(path, op("replace", "userName", at(taken, "userName"))), 409, "uniqueness")
				p.equal("userName", at(p.read(path), "userName"), at(u, "userName"))
			},
		},
	}
}
