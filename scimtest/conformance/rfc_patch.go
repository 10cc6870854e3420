package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// patches makes checks of PATCH.
func patches(id, title string, rows []string, why, fix string, run func(*probe)) check {
	return check{
		id: "patch." + id, area: Patch, level: Must, needs: []feature{patching}, title: title, rows: rows, source: "RFC 7644 §3.5.2",
		why: why, fix: fix, run: run,
	}
}

func rfcPatch() []check {
	lost := "Changes that the identity provider has made are lost, or more is lost than it has changed."
	return []check{
		patches("answer", "PATCH answers 200 with the user, or 204 with nothing", []string{"R-234"}, "A client takes part of a user, or nothing, for the whole.",
			"Answer 200 and the whole resource, or 204 without a body.", func(p *probe) {
				path, user := p.newUser(nil)
				name := p.userName()
				x := p.patch(path, op("replace", "userName", name))
				p.status(x, 200, 204)
				if x.Status == 204 {
					p.expect(x.ResponseBody == "", "no body with 204", x.summary())
					return
				}
				got := p.resource(x, 200)
				p.equal("id", got["id"], user["id"])
				p.text(got, "userName", name)
				p.expect(has(got["schemas"], userURN) && got["meta"] != nil, "the whole user, with schemas and meta", x.summary())
			}),
		patches("replace", "replace changes a value", []string{"R-229", "R-236", "R-265"}, lost,
			"Set the attribute of the path to the value; leave all others.", func(p *probe) {
				p.wants("displayName", "title")
				path, user := p.newUser(object{"displayName": "before", "title": "Dr."})
				got := p.patched(path, op("replace", "displayName", "after"))
				p.text(got, "displayName", "after")
				p.text(got, "title", "Dr.")
				p.equal("userName", got["userName"], user["userName"])
			}),
		patches("replace.absent", "replace sets a value that is not there", []string{"R-266"}, lost,
			"Treat replace of an absent attribute as add.", func(p *probe) {
				p.wants("nickName")
				path, _ := p.newUser(nil)
				p.text(p.patched(path, op("replace", "nickName", "Ada")), "nickName", "Ada")
			}),
		patches("add", "add sets a value, there or not", []string{"R-247", "R-248"}, lost,
			"Set the attribute; a single value that is there is replaced.", func(p *probe) {
				p.wants("nickName")
				path, _ := p.newUser(nil)
				p.text(p.patched(path, op("add", "nickName", "Ada")), "nickName", "Ada")
				p.text(p.patched(path, op("add", "nickName", "Countess")), "nickName", "Countess")
			}),
		patches("remove", "remove takes a value away", []string{"R-257"}, lost,
			"Unassign the attribute of the path.", func(p *probe) {
				p.wants("nickName", "title")
				path, _ := p.newUser(object{"nickName": "Ada", "title": "Dr."})
				got := p.patched(path, op("remove", "nickName", nil))
				p.absent(got, "nickName")
				p.text(got, "title", "Dr.")
			}),
		patches("null", "replace with null takes a value away", []string{"R-026", "R-271"}, "What was deleted in the identity provider stays in the application.",
			"Read null, and [] for multi-valued attributes, as no value.", func(p *probe) {
				p.wants("nickName")
				path, _ := p.newUser(object{"nickName": "Ada"})
				p.absent(p.patched(path, op("replace", "nickName", json.RawMessage("null"))), "nickName")
			}),
		patches("boolean", "A user can be disabled and enabled", []string{"R-067", "R-381"}, "People who have left keep their access.",
			"Store active, and go on answering for disabled users.", func(p *probe) {
				p.wants("active")
				path, _ := p.newUser(nil)
				p.equal("active", at(p.patched(path, op("replace", "active", false)), "active"), false)
				p.equal("active", at(p.patched(path, op("replace", "active", true)), "active"), true)
			}),
		patches("no-path", "Without path, the value holds the attributes", []string{"R-230", "R-246", "R-264"}, lost,
			"Take each member of value as an operation of its own; leave the attributes that are not named.", func(p *probe) {
				p.wants("displayName", "nickName", "title")
				path, _ := p.newUser(object{"displayName": "before", "title": "Dr."})
				got := p.patched(path, op("replace", "", object{"displayName": "after"}))
				p.text(got, "displayName", "after")
				p.text(got, "title", "Dr.")
				got = p.patched(path, op("add", "", object{"nickName": "Ada", "displayName": "again"}))
				p.text(got, "nickName", "Ada")
				p.text(got, "displayName", "again")
			}),
		patches("no-path.complex", "Without path, complex values are merged", []string{"R-249", "R-264", "R-267"}, lost,
			"Change the sub-attributes that are given and leave the others.", func(p *probe) {
				p.wants("name")
				path, _ := p.newUser(object{"name": object{"givenName": "Ada", "familyName": "Lovelace"}})
				for _, operation := range []string{"replace", "add"} {
					got := p.patched(path, op(operation, "", object{"name": object{"givenName": operation}}))
					p.text(got, "name.givenName", operation)
					p.text(got, "name.familyName", "Lovelace")
				}
			}),
		patches("complex", "replace and add of a complex value leave what they do not name", []string{"R-249", "R-267"}, "Changing a given name deletes the family name.",
			"Merge the value's sub-attributes into what is there.", func(p *probe) {
				p.wants("name")
				path, _ := p.newUser(object{"name": object{"givenName": "Ada", "familyName": "Lovelace"}})
				for _, operation := range []string{"replace", "add"} {
					got := p.patched(path, op(operation, "name", object{"givenName": operation}))
					p.text(got, "name.givenName", operation)
					p.text(got, "name.familyName", "Lovelace")
				}
			}),
		patches("sub-attribute", "A sub-attribute is changed alone", []string{"R-230", "R-265"}, "Changing a given name deletes the family name, or does nothing.",
			"Resolve name.givenName.", func(p *probe) {
				p.wants("name")
				path, _ := p.newUser(object{"name": object{"givenName": "Ada", "familyName": "Lovelace"}})
				got := p.patched(path, op("replace", "name.givenName", "Augusta"))
				p.text(got, "name.givenName", "Augusta")
				p.text(got, "name.familyName", "Lovelace")
			}),
		patches("sub-attribute.absent", "A sub-attribute of nothing makes the whole", []string{"R-250", "R-266"}, lost,
			"Create the complex attribute.", func(p *probe) {
				p.wants("name")
				if p.features.required["name"] != nil || p.options.User["name"] != nil {
					p.skip("its users always have a name")
				}
				path, _ := p.newUser(nil)
				p.text(p.patched(path, op("add", "name.givenName", "Ada")), "name.givenName", "Ada")
			}),
		patches("sub-attribute.remove", "A sub-attribute is removed alone", []string{"R-257"}, "Removing a middle name deletes the whole name, or does nothing.",
			"Unassign the sub-attribute and leave its siblings.", func(p *probe) {
				p.wants("name")
				path, _ := p.newUser(object{"name": object{"givenName": "Ada", "familyName": "Lovelace", "honorificPrefix": "Lady"}})
				got := p.patched(path, op("remove", "name.honorificPrefix", nil))
				p.absent(got, "name.honorificPrefix")
				p.text(got, "name.familyName", "Lovelace")
			}),
		{
			id: "patch.extension", area: Patch, level: Must, needs: []feature{patching, enterprise},
			title: "Extension attributes are reached by their URI", rows: []string{"R-168", "R-240", "R-257"}, source: "RFC 7644 §3.5.2, §3.10", why: lost,
			fix: "Cut the URI off at the last colon, create the extension's object, and add the URI to schemas.",
			run: func(p *probe) {
				p.wants(enterpriseURN+":department", enterpriseURN+":costCenter")
				path, _ := p.newUser(nil)
				got := p.patched(path, op("add", enterpriseURN+":department", "D1"), op("replace", enterpriseURN+":costCenter", "C1"))
				p.text(got, enterpriseURN+":department", "D1")
				p.text(got, enterpriseURN+":costCenter", "C1")
				p.expect(has(got["schemas"], enterpriseURN), "schemas with "+enterpriseURN, "schemas "+show(got["schemas"]))
				got = p.patched(path, op("remove", enterpriseURN+":department", nil))
				p.absent(got, enterpriseURN+":department")
				p.text(got, enterpriseURN+":costCenter", "C1")
			},
		},
		{
			id: "patch.extension.no-path", area: Patch, level: Must, needs: []feature{patching, enterprise},
			title: "Without path, an extension is merged", rows: []string{"R-246", "R-250", "R-264"}, source: "RFC 7644 §3.5.2, §3.10", why: lost,
			fix: "Read a member whose name is an extension's URI as that extension's attributes.",
			run: func(p *probe) {
				p.wants(enterpriseURN+":department", enterpriseURN+":costCenter")
				path, _ := p.newUser(withExtension(object{"costCenter": "C1"}))
				for _, operation := range []string{"add", "replace"} {
					got := p.patched(path, op(operation, "", object{enterpriseURN: object{"department": operation}}))
					p.text(got, enterpriseURN+":department", operation)
					p.text(got, enterpriseURN+":costCenter", "C1")
				}
			},
		},
		{
			id: "patch.extension.manager", area: Patch, level: Must, needs: []feature{patching, enterprise},
			title: "The manager can be set and removed", rows: []string{"R-089", "R-240", "R-257"}, source: "RFC 7643 §4.3, RFC 7644 §3.5.2",
			why: "Approvals go to the wrong person.", fix: "Resolve …:User:manager and …:User:manager.value.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":manager")
				_, boss := p.newUser(nil)
				path, _ := p.newUser(nil)
				p.equal("manager.value", at(p.patched(path, op("add", enterpriseURN+":manager", object{"value": boss["id"]})), enterpriseURN+":manager.value"), boss["id"])
				p.absent(p.patched(path, op("remove", enterpriseURN+":manager", nil)), enterpriseURN+":manager.value")
			},
		},
		patches("urn", "Paths may have the core schema's URI", []string{"R-165", "R-230"}, lost,
			"Cut the schema's URI off at the last colon.", func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "before"})
				p.text(p.patched(path, op("replace", userURN+":displayName", "after")), "displayName", "after")
			}),
		patches("names.case", "Paths and members may be written in any case", []string{"R-002", "R-230"}, lost,
			"Compare names without case.", func(p *probe) {
				p.wants("displayName", "title")
				path, _ := p.newUser(object{"displayName": "before", "title": "before"})
				got := p.patched(path, op("replace", "DISPLAYname", "after"), op("replace", "", object{"TITLE": "after"}))
				p.text(got, "displayName", "after")
				p.text(got, "title", "after")
			}),
		patches("order", "Operations run in order", []string{"R-232", "R-380"}, lost,
			"Apply each operation to what the one before has left.", func(p *probe) {
				p.wants("displayName", "nickName")
				path, _ := p.newUser(object{"displayName": "a"})
				got := p.patched(path, op("replace", "displayName", "b"), op("add", "nickName", "x"), op("replace", "displayName", "c"), op("remove", "nickName", nil))
				p.text(got, "displayName", "c")
				p.absent(got, "nickName")
			}),
		patches("atomic", "If one operation fails, none is done", []string{"R-233"}, "A user is left half changed, and nobody knows.",
			"Apply all operations to a copy and store that at the end.", func(p *probe) {
				p.wants("displayName")
				path, user := p.newUser(object{"displayName": "before"})
				_, other := p.newUser(nil)
				refused := false
				for _, bad := range []object{op("remove", "", nil), op("replace", "userName", other["userName"])} {
					if x := p.patch(path, op("replace", "displayName", "after"), bad); x.Status >= 400 {
						refused = true
						got := p.read(path)
						p.text(got, "displayName", "before")
						p.equal("userName", got["userName"], user["userName"])
					}
				}
				if !refused {
					p.skip("it refuses no operation that could fail")
				}
			}),
		patches("unchanged", "What changes nothing leaves lastModified", []string{"R-244", "R-253"}, "Clients that look for changes by time see changes where there are none, in every cycle.",
			"Compare before and after; write, and set lastModified, only if they differ.", func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "same"})
				before := p.read(path) // POST may have answered with a finer time than is stored
				p.sameInstant("meta.lastModified", p.patched(path, op("add", "displayName", "same")), before)
			}),
		patches("last-modified", "A change sets lastModified", []string{"R-055", "R-244"}, "Clients that look for changes by time miss this one.",
			"Set meta.lastModified with each change, as finely as the clock allows.", func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(nil)
				user := p.read(path)
				created := p.instant(user, "meta.lastModified")
				for i := range 10 { // a coarse clock has time to move on
					modified := p.instant(p.patched(path, op("replace", "displayName", fmt.Sprint("d", i))), "meta.lastModified")
					p.expect(!modified.Before(created), "meta.lastModified no earlier than "+created.String(), modified.String())
					if modified.After(created) {
						return
					}
				}
				p.expect(created.Nanosecond() == 0, "meta.lastModified later than "+show(at(user, "meta.lastModified")), "the same after ten changes")
			}),
		patches("media", "PATCH takes both media types and answers in the first", []string{"R-109", "R-111"}, "Providers cannot update anybody.",
			"Read bodies of application/scim+json with parameters.", func(p *probe) {
				path, _ := p.newUser(nil)
				body := object{"schemas": []string{patchURN}, "Operations": []object{op("replace", "userName", p.userName())}}
				x := p.send(request{method: "PATCH", path: path, body: body, header: http.Header{"Content-Type": {scimJSON + "; charset=utf-8"}}})
				p.status(x, 200, 204)
				if x.Status == 200 {
					p.media(x)
				}
			}),
		{
			id: "patch.op.case", area: Patch, level: Should, needs: []feature{patching},
			title: "op may be written in any case", rows: []string{"A-28"}, source: "RFC 7644 §3.5.2",
			why: "Entra writes Add, Replace and Remove: all its updates fail.", fix: "Compare op without case.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				name := p.userName()
				p.text(p.patched(path, op("Replace", "userName", name)), "userName", name)
			},
		},
		{
			id: "patch.remove.absent", area: Patch, level: Should, needs: []feature{patching},
			title: "Removing what is not there succeeds", rows: []string{"R-262", "A-39"}, source: "RFC 7644 §3.5.2.2",
			why: "A client that repeats a request after a timeout gets an error for what is done.", fix: "Answer success and change nothing.",
			run: func(p *probe) {
				p.wants("nickName")
				path, user := p.newUser(nil)
				got := p.patched(path, op("remove", "nickName", nil))
				p.equal("userName", got["userName"], user["userName"])
			},
		},
	}
}

func rfcPatchLists() []check {
	lost := "Addresses are lost, doubled or given to the wrong type."
	// lists makes a check of a user with two addresses, of type work and home.
	lists := func(id, title string, rows []string, fix string, run func(p *probe, path, work, home string)) check {
		return patches("lists."+id, title, rows, lost, fix, func(p *probe) {
			p.wants("emails")
			emails, work, home := p.twoMails()
			path, _ := p.newUser(object{"emails": emails})
			run(p, path, work, home)
		})
	}
	return []check{
		lists("add", "add appends to a list", []string{"R-251"}, "Append the elements to those that are there.", func(p *probe, path, work, home string) {
			a, b := p.email(), p.email()
			got := p.patched(path, op("add", "emails", []object{{"value": a, "type": "other"}}))
			p.hasValues(got, "emails", work, home, a)
			got = p.patched(path, op("add", "", object{"emails": []object{{"value": b, "type": "other"}}}))
			p.hasValues(got, "emails", work, home, a, b)
		}),
		{
			id: "patch.lists.add.same", area: Patch, level: Should, needs: []feature{patching},
			title: "add of an element that is there changes nothing", rows: []string{"R-025", "R-252"}, source: "RFC 7644 §3.5.2.1", why: lost,
			fix: "Compare new elements with those that are there, and answer success.",
			run: func(p *probe) {
				p.wants("emails")
				emails, work, home := p.twoMails()
				path, _ := p.newUser(object{"emails": emails})
				p.hasValues(p.patched(path, op("add", "emails", []object{{"value": work, "type": "work"}})), "emails", work, home)
			},
		},
		lists("replace", "replace sets the whole list", []string{"R-265"}, "Replace all elements by those given.", func(p *probe, path, _, _ string) {
			a := p.email()
			got := p.patched(path, op("replace", "emails", []object{{"value": a, "type": "work"}}))
			p.hasValues(got, "emails", a)
			b := p.email()
			got = p.patched(path, op("replace", "", object{"emails": []object{{"value": b, "type": "home"}}}))
			p.hasValues(got, "emails", b)
		}),
		lists("remove", "remove takes all elements away", []string{"R-258"}, "Unassign the attribute.", func(p *probe, path, _, _ string) {
			if p.features.required["emails"] != nil {
				p.skip("its users always have emails")
			}
			p.absent(p.patched(path, op("remove", "emails", nil)), "emails")
		}),
		lists("remove.filter", "remove with a filter takes the matching elements away", []string{"R-259"}, "Evaluate the filter for each element; remove those that match and no others.", func(p *probe, path, _, home string) {
			got := p.patched(path, op("remove", `emails[type eq "work"]`, nil))
			p.hasValues(got, "emails", home)
			if p.features.required["emails"] == nil {
				p.absent(p.patched(path, op("remove", `emails[value eq `+quote(home)+`]`, nil)), "emails")
			}
		}),
		lists("replace.filter", "replace with a filter changes the matching elements", []string{"R-254", "R-269"}, "Evaluate the filter for each element; change those that match and no others.", func(p *probe, path, _, home string) {
			a := p.email()
			got := p.patched(path, op("replace", `emails[type eq "work"].value`, a))
			p.hasValues(got, "emails", a, home)
			p.text(got, `emails[type eq "work"].value`, a)
		}),
		lists("replace.element", "replace of an element found by a filter changes that one", []string{"R-268", "A-41"}, "Replace the matching element by the value, or merge it into the element.", func(p *probe, path, _, home string) {
			a := p.email()
			got := p.patched(path, op("replace", `emails[type eq "work"]`, object{"type": "work", "value": a}))
			p.hasValues(got, "emails", a, home)
			p.text(got, `emails[type eq "work"].value`, a)
		}),
		lists("filter.and", "Filters in paths may have several conditions", []string{"R-155", "R-259"}, "Evaluate and, or and not for each element.", func(p *probe, path, work, home string) {
			p.hasValues(p.patched(path, op("remove", `emails[type eq "work" and value eq `+quote(home)+`]`, nil), op("replace", "userName", p.userName())), "emails", work, home)
			p.hasValues(p.patched(path, op("remove", `emails[type eq "work" and value eq `+quote(work)+`]`, nil)), "emails", home)
		}),
		lists("remove.sub-attribute", "A sub-attribute of the matching elements is removed alone", []string{"R-260"}, "Unassign the sub-attribute in each matching element.", func(p *probe, path, work, home string) {
			if emails := p.features.attribute(userURN, "emails"); emails != nil && definition(subAttributes(emails), "display") == nil {
				p.skip("its emails have no display")
			}
			got := p.patched(path, op("replace", `emails[type eq "work"].display`, "Ada L."))
			p.text(got, `emails[type eq "work"].display`, "Ada L.")
			got = p.patched(path, op("remove", `emails[type eq "work"].display`, nil))
			p.absent(got, `emails[type eq "work"].display`)
			p.hasValues(got, "emails", work, home)
		}),
		lists("primary", "A new primary takes the mark from the old one", []string{"R-022", "R-241"}, "When an element becomes primary, set primary to false in all others.", func(p *probe, path, _, _ string) {
			p.patched(path, op("replace", `emails[type eq "work"].primary`, true))
			got := p.patched(path, op("replace", `emails[type eq "home"].primary`, true))
			p.equal(`emails[type eq "home"].primary`, at(got, `emails[type eq "home"].primary`), true)
			p.expect(at(got, `emails[type eq "work"].primary`) != true, "one primary", show(got["emails"]))
			got = p.patched(path, op("add", "emails", []object{{"value": p.email(), "type": "other", "primary": true}}))
			primary := 0
			for _, e := range objects(field(got, "emails")) {
				if field(e, "primary") == true {
					primary++
				}
			}
			p.equal(`emails[type eq "other"].primary`, at(got, `emails[type eq "other"].primary`), true)
			p.expect(primary == 1, "one primary", show(got["emails"]))
		}),
	}
}

func rfcPatchRefusals() []check {
	// refuses makes a check of operations that are refused and change nothing.
	refuses := func(id, title string, rows []string, why, fix string, status int, scimTypes []string, ops ...func(p *probe) object) check {
		c := patches(id, title, rows, why, fix, func(p *probe) {
			path, _ := p.newUser(nil)
			before := p.read(path)
			for _, o := range ops {
				p.refused(p.patch(path, o(p)), status, scimTypes...)
			}
			after := p.read(path)
			for name := range before {
				if name != "meta" {
					p.equal(name, after[name], before[name])
				}
			}
		})
		c.area, c.source = Errors, "RFC 7644 §3.5.2, §3.12"
		return c
	}
	is := func(o object) func(*probe) object { return func(*probe) object { return o } }
	// ifServed passes the check over for users who have no such attribute.
	ifServed := func(name string, o object) func(*probe) object {
		return func(p *probe) object {
			if !p.features.serves(userURN, name) {
				p.skip("its users have no " + name)
			}
			return o
		}
	}
	unnoticed := "A client's mistake goes unnoticed: it believes that it has changed something."
	return []check{
		refuses("no-target", "remove without path is 400 noTarget", []string{"R-256"}, "A slip deletes a whole user's data.",
			"Answer 400 with scimType noTarget.", 400, []string{"noTarget"}, is(op("remove", "", nil))),
		refuses("no-match", "replace with a filter that matches nothing is 400 noTarget", []string{"R-270", "A-38"}, unnoticed,
			"Answer 400 with scimType noTarget. (Creating the element, as Entra expects it for filters with eq, is not at issue here.)", 400, []string{"noTarget", "invalidFilter", "invalidPath"},
			ifServed("emails", op("replace", `emails[type eq "usher-a" or type eq "usher-b"].value`, "a@example.com"))),
		refuses("required", "A required attribute cannot be removed", []string{"R-261", "R-243", "R-271"}, "Accounts that nobody can sign in to.",
			"Answer 400 with scimType mutability.", 400, []string{"mutability", "invalidValue"}, is(op("remove", "userName", nil)), is(op("replace", "userName", json.RawMessage("null")))),
		refuses("read-only", "A read-only attribute cannot be changed", []string{"R-029", "R-237"}, "A client could change ids and history, or believes that it has.",
			"Answer 400 with scimType mutability.", 400, nil,
			is(op("replace", "id", "usher")), is(op("replace", "meta.created", "2001-02-03T04:05:06Z")), is(op("remove", "id", nil)), is(op("remove", "meta", nil))),
		refuses("groups", "A user's groups cannot be changed at the user", []string{"R-078", "R-237"}, "A client that may change users could give anyone any group's rights, or believes that it has.",
			"Answer 400 with scimType mutability.", 400, nil, ifServed("groups", op("add", "groups", []object{{"value": "usher"}}))),
		refuses("unknown-op", "An unknown operation is 400", []string{"R-229"}, unnoticed,
			"Answer 400 invalidSyntax (or invalidValue) to an op other than add, remove and replace.", 400, nil,
			is(op("move", "userName", "x")), is(op("test", "userName", "x")), is(object{"path": "userName", "value": "x"}), is(op("", "userName", "x"))),
		refuses("path", "A broken path is 400", []string{"R-230", "R-231"}, unnoticed,
			"Answer 400 invalidPath to a path that does not fit the grammar.", 400, nil,
			is(op("replace", `userName..x`, "x")), is(op("replace", `userName eq`, "x")), is(op("replace", `userName[`, "x")), is(object{"op": "replace", "path": 7, "value": "x"})),
		refuses("path.filter", "A path with a broken filter is 400", []string{"R-230", "R-231"}, unnoticed,
			"Answer 400 invalidPath, or invalidFilter, to brackets that hold no filter.", 400, nil,
			ifServed("emails", op("replace", `emails[type eq "work"`, "x")), is(op("replace", `emails[type eq].value`, "x")), is(op("replace", `emails[type xx "work"].value`, "x"))),
		refuses("no-value", "add without a value is 400", []string{"R-245"}, unnoticed,
			"Answer 400 invalidValue (or invalidSyntax).", 400, nil, is(op("add", "userName", nil))),
		refuses("type", "A value of the wrong type is 400", []string{"R-236", "R-243"}, "Data that nobody can read ends up in the database, or the server fails.",
			"Check each value's JSON type; answer 400 invalidValue.", 400, nil,
			is(op("replace", "userName", object{"a": 1})), ifServed("active", op("replace", "active", "perhaps")), ifServed("name", op("replace", "name.givenName", object{"a": 1})), is(op("replace", "", "x"))),
		refuses("uniqueness", "Another's userName is 409", []string{"R-027", "R-242"}, "Two accounts share a name.",
			"Answer 409 with scimType uniqueness; compare without case.", 409, nil,
			func(p *probe) object {
				_, other := p.newUser(nil)
				return op("replace", "userName", strings.ToUpper(fmt.Sprint(other["userName"])))
			}),
		{
			id: "patch.unknown", area: Errors, level: Must, needs: []feature{patching},
			title: "PATCH of an unknown user is 404", rows: []string{"R-134"}, source: "RFC 7644 §3.12",
			why: "A client believes that it has changed somebody.", fix: "Answer 404 with a SCIM error.",
			run: func(p *probe) {
				p.refused(p.patch("/Users/"+p.unique("unknown"), op("replace", "userName", p.userName())), 404)
			},
		},
		{
			id: "patch.operations", area: Errors, level: Must, needs: []feature{patching},
			title: "PATCH without Operations is 400", rows: []string{"R-228"}, source: "RFC 7644 §3.5.2",
			why: unnoticed, fix: "Answer 400 invalidSyntax if Operations is missing or no array of objects.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, operations := range []any{nil, "replace", []any{"replace"}} { // an empty array asks for nothing: Microsoft's validator sends one
					body := object{"schemas": []string{patchURN}}
					if operations != nil {
						body["Operations"] = operations
					}
					p.badRequest(p.send(request{method: "PATCH", path: path, body: body}))
				}
			},
		},
		{
			id: "patch.scimtype.mutability", area: Errors, level: Should, needs: []feature{patching},
			title: "Changing a read-only attribute is mutability", rows: []string{"R-237", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell what may not be changed from what it has misspelt.", fix: "Send scimType mutability.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.refused(p.patch(path, op("replace", "id", "usher")), 400, "mutability")
			},
		},
		{
			id: "patch.scimtype.path", area: Errors, level: Should, needs: []feature{patching},
			title: "A broken path is invalidPath", rows: []string{"R-231", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a wrong path from a wrong value.", fix: "Send scimType invalidPath.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.refused(p.patch(path, op("replace", "userName..x", "x")), 400, "invalidPath")
			},
		},
	}
}
