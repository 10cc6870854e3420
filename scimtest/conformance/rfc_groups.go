package conformance

import (
	"fmt"
	"strings"
)

// patchedMembers expects that a PATCH of a group succeeds.
func (p *probe) patchedMembers(group string, ops ...object) {
	p.status(p.patch(group, ops...), 200, 204)
}

// memberFilter is the path of one member.
func memberFilter(id string) string { return "members[value eq " + quote(id) + "]" }

func rfcGroups() []check {
	need := []feature{groups}
	return []check{
		{
			id: "groups.create", area: Members, level: Must, needs: need,
			title: "A new group is 201 with name, members and meta", rows: []string{"R-084", "R-123", "R-124", "R-129"}, source: "RFC 7644 §3.3, RFC 7643 §4.2",
			why: "Groups cannot be provisioned, or begin without their members.",
			fix: "Answer POST /Groups with 201 and the group; meta.resourceType is Group.",
			run: func(p *probe) {
				ids, name := p.newUsers(2), p.unique("g")
				x := p.post("/Groups", object{"schemas": []string{groupURN}, "displayName": name, "members": refs(ids...)})
				group := p.resource(x, 201)
				path := pathOf("/Groups", group)
				p.locationOf("Location", x.ResponseHeader.Get("Location"), path)
				group = p.read(path)
				p.text(group, "displayName", name)
				p.equal("meta.resourceType", at(group, "meta.resourceType"), "Group")
				p.expect(has(group["schemas"], groupURN), "schemas with "+groupURN, "schemas "+show(group["schemas"]))
				p.members(path, ids...)
			},
		},
		{
			id: "groups.empty", area: Members, level: Must, needs: need,
			title: "A group may have no members", rows: []string{"R-026", "R-082"}, source: "RFC 7643 §4.2",
			why: "Entra creates groups before it adds members.",
			fix: "Members are optional.",
			run: func(p *probe) {
				path, group := p.newGroup(nil)
				p.absent(group, "members")
				p.members(path)
			},
		},
		{
			id: "groups.required", area: Errors, level: Must, needs: need,
			title: "A group without displayName is 400", rows: []string{"R-082", "R-130"}, source: "RFC 7643 §4.2, EID 5368",
			why: "Groups that nobody can tell apart.",
			fix: "Answer 400 invalidValue.",
			run: func(p *probe) { p.badRequest(p.post("/Groups", object{"schemas": []string{groupURN}})) },
		},
		{
			id: "groups.unknown", area: Errors, level: Must, needs: need,
			title: "An unknown group is 404", rows: []string{"R-134"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a group that is gone from a server that fails.",
			fix: "Answer 404 with a SCIM error.",
			run: func(p *probe) {
				path := "/Groups/" + p.unique("unknown")
				p.refused(p.get(path), 404)
				if p.features.has[patching] {
					p.refused(p.patch(path, op("replace", "displayName", "x")), 404)
				}
			},
		},
		{
			id: "groups.filter", area: Filter, level: Must, needs: []feature{groups, filtering},
			title: "displayName eq finds exactly the group", rows: []string{"R-141", "R-146", "R-152"}, source: "RFC 7644 §3.4.2.2",
			why: "Identity providers look every group up this way: they create groups twice, or change another's members.",
			fix: "Apply the filter at /Groups, without case unless the schema says caseExact.",
			run: func(p *probe) {
				_, group := p.newGroup(nil)
				name := fmt.Sprint(group["displayName"])
				p.finds(p.search("/Groups", "displayName eq "+quote(name)), idOf(group))
				if field(p.features.attribute(groupURN, "displayName"), "caseExact") != true {
					name = strings.ToUpper(name)
				}
				p.finds(p.search("/Groups", "DISPLAYNAME EQ "+quote(name)), idOf(group))
				p.findsNone(p.search("/Groups", "displayName eq "+quote(p.unique("g"))))
			},
		},
		{
			id: "groups.filter.member", area: Filter, level: Must, needs: []feature{groups, filtering},
			title: "Groups can be searched by member", rows: []string{"R-155", "R-156"}, source: "RFC 7644 §3.4.2.2",
			why: "Clients that ask whether a user is in a group get the wrong answer.",
			fix: "Evaluate members.value eq and members[value eq …], or refuse them with 400 invalidFilter.",
			run: func(p *probe) {
				ids := p.newUsers(2)
				_, group := p.newGroup(nil, ids[0])
				p.newGroup(nil, ids[1])
				name := "displayName eq " + quote(fmt.Sprint(group["displayName"])) + " and "
				for _, filter := range []string{"members.value eq %s", "members[value eq %s]"} {
					x := p.search("/Groups", name+fmt.Sprintf(filter, quote(ids[0])))
					p.understood(x)
					p.finds(x, idOf(group))
					p.findsNone(p.search("/Groups", name+fmt.Sprintf(filter, quote(ids[1]))))
				}
			},
		},
		{
			id: "groups.put", area: Members, level: Must, needs: need,
			title: "PUT replaces the members", rows: []string{"R-219", "R-226"}, source: "RFC 7644 §3.5.1",
			why: "People keep rights that they have lost.",
			fix: "Set the members to those of the body.",
			run: func(p *probe) {
				ids := p.newUsers(3)
				path, _ := p.newGroup(nil, ids[0], ids[1])
				name := p.unique("g")
				p.status(p.put(path, object{"schemas": []string{groupURN}, "displayName": name, "members": refs(ids[1], ids[2])}), 200, 204)
				p.members(path, ids[1], ids[2])
				p.text(p.read(path), "displayName", name)
				p.status(p.put(path, object{"schemas": []string{groupURN}, "displayName": name, "members": []any{}}), 200, 204)
				p.members(path)
			},
		},
		{
			id: "groups.reference", area: Members, level: Should, needs: need,
			title: "A member has its URI and type", rows: []string{"R-014", "R-084"}, source: "RFC 7643 §4.2, §8.4",
			why: "A client cannot tell users from groups among the members.",
			fix: "Send $ref, the member's URI, and type, User or Group, with each value.",
			run: func(p *probe) {
				ids := p.newUsers(1)
				path, _ := p.newGroup(nil, ids[0])
				members := objects(field(p.read(path), "members"))
				p.expect(len(members) == 1, "one member", show(members))
				p.locationOf("$ref", field(members[0], "$ref"), pathTo("/Users", ids[0]))
				p.equal("type", field(members[0], "type"), "User")
			},
		},
		{
			id: "groups.reference.true", area: Members, level: Must, needs: need,
			title: "A member's URI and type, if they are sent, are true", rows: []string{"R-014", "R-084"}, source: "RFC 7643 §4.2",
			why: "Clients that follow $ref end up nowhere, or take users for groups.",
			fix: "Make $ref of the base URL, the endpoint and the id; do not store what the client sent.",
			run: func(p *probe) {
				ids := p.newUsers(1)
				path, _ := p.newGroup(object{"members": []object{{"value": ids[0], "type": "User", "display": "x"}}})
				for _, m := range objects(field(p.read(path), "members")) {
					if ref := field(m, "$ref"); ref != nil {
						p.locationOf("$ref", ref, pathTo("/Users", ids[0]))
					}
					if typ := field(m, "type"); typ != nil {
						p.equal("type", typ, "User")
					}
				}
			},
		},
		{
			id: "groups.of-user", area: Members, level: Must, needs: need,
			title: "A user's groups are those it is in", rows: []string{"R-078", "R-079"}, source: "RFC 7643 §4.1.2",
			why: "Clients that read a user's rights from groups see what was, not what is.",
			fix: "Compute groups from the groups' members, with each group's id and URI; or leave groups out of the User schema.",
			run: func(p *probe) {
				p.showsGroups()
				user, u := p.newUser(nil)
				group, made := p.newGroup(nil, idOf(u))
				o := p.read(user)
				if p.features.attribute(userURN, "groups") == nil && field(o, "groups") == nil {
					p.skip("it does not show a user's groups")
				}
				p.expect(isIn(o, idOf(made)), "groups with the value "+show(idOf(made)), "groups "+show(field(o, "groups")))
				for _, g := range objects(field(o, "groups")) {
					if ref := field(g, "$ref"); ref != nil && field(g, "value") == idOf(made) {
						p.locationOf("$ref", ref, group)
					}
				}
				p.resource(p.put(user, p.user(object{"userName": o["userName"]})), 200)
				p.members(group, idOf(u))
				p.status(p.put(group, object{"schemas": []string{groupURN}, "displayName": made["displayName"], "members": []any{}}), 200, 204)
				o = p.read(user)
				p.expect(!isIn(o, idOf(made)), "groups without "+show(idOf(made)), "groups "+show(field(o, "groups")))
			},
		},
		{
			id: "groups.deleted-user", area: Members, level: Should, needs: need,
			title: "A deleted user is in no group", rows: []string{"R-014", "R-274", "A-53"}, source: "RFC 7643 §2.3.7",
			why: "Clients that follow members find nobody, and groups count people who are gone.",
			fix: "Remove a user from all groups when it is deleted.",
			run: func(p *probe) {
				ids := p.newUsers(2)
				path, _ := p.newGroup(nil, ids...)
				p.prepare("cannot delete a user", func() { p.status(p.delete(pathTo("/Users", ids[0])), 204) })
				p.members(path, ids[1])
			},
		},
		{
			id: "groups.deleted", area: Members, level: Must, needs: need,
			title: "A deleted group is gone, and its members stay", rows: []string{"R-079", "R-273", "R-274"}, source: "RFC 7644 §3.6",
			why: "Rights outlive the group that gave them, or people are deleted with a group.",
			fix: "Answer 204, then 404; leave the members, and take the group out of their groups.",
			run: func(p *probe) {
				user, u := p.newUser(nil)
				path, group := p.newGroup(nil, idOf(u))
				p.status(p.delete(path), 204)
				p.refused(p.get(path), 404)
				o := p.read(user)
				p.expect(!isIn(o, idOf(group)), "groups without "+show(idOf(group)), "groups "+show(field(o, "groups")))
			},
		},
	}
}

func rfcMembership() []check {
	lost := "People keep rights that they have lost, or lose those that they have."
	// members makes a check of PATCHes of a group with two members, and of a third user.
	members := func(id, title string, rows []string, fix string, run func(p *probe, group, a, b, c string)) check {
		return check{
			id: "groups.patch." + id, area: Members, level: Must, needs: []feature{groups, patching}, title: title, rows: rows, source: "RFC 7644 §3.5.2", why: lost, fix: fix,
			run: func(p *probe) {
				ids := p.newUsers(3)
				path, _ := p.newGroup(nil, ids[0], ids[1])
				run(p, path, ids[0], ids[1], ids[2])
			},
		}
	}
	should := func(c check) check {
		c.level = Should
		return c
	}
	return []check{
		members("add", "Members can be added", []string{"R-083", "R-251"}, "Add the users of the value to those that are there.", func(p *probe, group, a, b, c string) {
			p.patchedMembers(group, op("add", "members", refs(c)))
			p.members(group, a, b, c)
		}),
		members("add.several", "Several members can be added at once", []string{"R-251", "R-380"}, "Read all elements of the value, and all operations.", func(p *probe, group, a, b, c string) {
			more := p.newUsers(2)
			p.patchedMembers(group, op("add", "members", refs(c, more[0])), op("add", "members", refs(more[1])))
			p.members(group, append(more, a, b, c)...)
		}),
		members("add.no-path", "Members can be added without a path", []string{"R-246"}, "Take each member of value as an operation of its own.", func(p *probe, group, a, b, c string) {
			p.patchedMembers(group, op("add", "", object{"members": refs(c)}))
			p.members(group, a, b, c)
		}),
		should(members("add.same", "A member is not added twice", []string{"R-025", "R-252"}, "Members are a set: adding one that is there changes nothing and succeeds.", func(p *probe, group, a, b, _ string) {
			p.patchedMembers(group, op("add", "members", refs(a, b)))
			p.members(group, a, b)
		})),
		members("remove", "One member can be removed", []string{"R-259"}, "Evaluate members[value eq \"id\"]; remove that one and no other.", func(p *probe, group, a, b, _ string) {
			p.patchedMembers(group, op("remove", memberFilter(a), nil))
			p.members(group, b)
			p.patchedMembers(group, op("remove", memberFilter(b), nil))
			p.members(group)
		}),
		members("remove.several", "Several members can be removed in one request", []string{"R-232", "R-259"}, "Run all operations.", func(p *probe, group, a, b, c string) {
			p.patchedMembers(group, op("add", "members", refs(c)), op("remove", memberFilter(a), nil), op("remove", memberFilter(b), nil))
			p.members(group, c)
		}),
		members("remove.all", "All members can be removed", []string{"R-258"}, "remove without a filter takes all members away.", func(p *probe, group, _, _, _ string) {
			p.patchedMembers(group, op("remove", "members", nil))
			p.members(group)
		}),
		should(members("remove.absent", "Removing someone who is no member succeeds", []string{"R-262", "A-39"}, "Answer success and change nothing.", func(p *probe, group, a, b, c string) {
			p.patchedMembers(group, op("remove", memberFilter(c), nil))
			p.members(group, a, b)
		})),
		members("replace", "replace sets all members", []string{"R-265"}, "Set the members to those of the value.", func(p *probe, group, _, b, c string) {
			p.patchedMembers(group, op("replace", "members", refs(b, c)))
			p.members(group, b, c)
			p.patchedMembers(group, op("replace", "", object{"members": refs(c)}))
			p.members(group, c)
		}),
		members("replace.none", "replace with [] removes all members", []string{"R-026", "R-271"}, "Read [] as no members.", func(p *probe, group, _, _, _ string) {
			p.patchedMembers(group, op("replace", "members", []any{}))
			p.members(group)
		}),
		members("rename", "A group can be renamed and keeps its members", []string{"R-264", "R-265"}, "Change displayName alone.", func(p *probe, group, a, b, _ string) {
			for _, named := range []bool{true, false} {
				name := p.unique("renamed")
				if named {
					p.patchedMembers(group, op("replace", "displayName", name))
				} else {
					p.patchedMembers(group, op("replace", "", object{"displayName": name}))
				}
				p.text(p.read(group), "displayName", name)
				p.members(group, a, b)
			}
		}),
		members("atomic", "If one operation fails, no member changes", []string{"R-233"}, "Apply all operations to a copy and store that at the end.", func(p *probe, group, a, b, c string) {
			x := p.patch(group, op("add", "members", refs(c)), op("remove", memberFilter(a), nil), op("remove", "", nil))
			if x.Status >= 200 && x.Status < 300 { // patch.no-target is about that
				p.skip("it refuses no operation that could fail")
			}
			p.status(x, 400)
			p.members(group, a, b)
		}),
		members("race", "Changes of members at once are done or refused, and none is lost", []string{"R-251", "R-259"}, "Lock the group while it is changed, or change the membership rows alone. What cannot be done now, refuse with 409, 412, 429 or 503.", func(p *probe, group, a, b, c string) {
			p.single(func() {
				p.patchedMembers(group, op("remove", memberFilter(a), nil))
				p.members(group, b)
				p.patchedMembers(group, op("add", "members", refs(a)))
				p.members(group, a, b)
			})
			more := p.newUsers(2)
			send := func(operation object) request {
				return request{method: "PATCH", path: group, body: patchOp([]object{operation})}
			}
			reqs := []request{send(op("remove", memberFilter(a), nil))}
			joining := append(more, c)
			for _, id := range joining {
				reqs = append(reqs, send(op("add", "members", refs(id))))
			}
			xs := p.together(reqs...)
			want := []string{b}
			for i, x := range xs {
				p.status(x, 200, 204, 409, 412, 429, 503)
				switch done := x.Status < 300; {
				case i == 0 && !done:
					want = append(want, a)
				case i > 0 && done:
					want = append(want, joining[i-1])
				}
			}
			p.members(group, want...)
		}),
		should(members("immutable", "A member's value cannot be changed in place", []string{"R-083", "R-238", "R-272"}, "Answer 400 with scimType mutability; clients remove and add.", func(p *probe, group, a, b, c string) {
			p.refused(p.patch(group, op("replace", memberFilter(a)+".value", c)), 400, "mutability")
			p.members(group, a, b)
		})),
		members("of-user", "A user's groups follow changes of members", []string{"R-078", "R-079"}, "Compute groups from the groups' members.", func(p *probe, group, a, _, c string) {
			if p.features.attribute(userURN, "groups") == nil {
				p.skip("it does not show a user's groups")
			}
			id := idOf(p.read(group))
			p.patchedMembers(group, op("add", "members", refs(c)), op("remove", memberFilter(a), nil))
			joined, left := p.read(pathTo("/Users", c)), p.read(pathTo("/Users", a))
			p.expect(isIn(joined, id), "groups of the new member with "+show(id), "groups "+show(field(joined, "groups")))
			p.expect(!isIn(left, id), "groups of who was removed without "+show(id), "groups "+show(field(left, "groups")))
		}),
	}
}
