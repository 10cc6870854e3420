package conformance

import (
	"cmp"
	"fmt"
)

// oktaMember is a member as Okta sends it.
func oktaMember(id string) object { return object{"value": id, "display": id + "@members.example"} }

// oktaGroupChecks are Okta's group push.
func oktaGroupChecks() []check {
	push := func(p *probe, members ...object) object {
		return object{"schemas": []string{groupURN}, "displayName": p.unique("usher-check-Push"), "members": append([]object{}, members...)}
	}
	checks := []check{
		{
			id: "members.push-empty-group", area: Members, level: Must, rows: []string{"E150", "R-123"}, source: oktaGuide,
			title: "A group is pushed with members: []",
			why:   "It is how every push begins. If it fails the group never appears in the app.",
			fix:   "Accept an empty members in POST /Groups, and answer 201 with id and displayName.",
			run: func(p *probe) {
				sent := push(p)
				x := p.okta("POST", "/Groups", sent)
				g := p.resource(x, 201)
				p.equal("displayName", at(g, "displayName"), sent["displayName"])
				p.members(pathOf("/Groups", g))
			},
		},
		{
			id: "members.push-group", area: Members, level: Must, rows: []string{"E150"}, source: oktaGuide,
			title: "A group is pushed with its members, who have a display",
			why:   "The group appears without its people, and nobody in it gets what it grants.",
			fix:   "Take members by value, and ignore display or store it: it names nobody.",
			run: func(p *probe) {
				ids := p.newUsers(2)
				g := p.resource(p.okta("POST", "/Groups", push(p, oktaMember(ids[0]), oktaMember(ids[1]))), 201)
				p.members(pathOf("/Groups", g), ids...)
			},
		},
		{
			id: "filter.match-group", area: Filter, level: Must, rows: []string{"R-139", "R-141"}, source: oktaGuide, needs: []feature{filtering},
			title: "Okta's look-up before it pushes a group finds it by displayName, or finds nothing",
			why:   "Okta cannot link a group that is there, and pushes a second one of the same name.",
			fix:   `Support filter=displayName eq "…" on /Groups together with startIndex and count.`,
			run: func(p *probe) {
				p.newGroup(nil)
				_, g := p.newGroup(nil)
				p.finds(p.oktaSearch("/Groups", fmt.Sprintf("displayName eq %s", show(at(g, "displayName")))), idOf(g))
				p.findsNone(p.oktaSearch("/Groups", `displayName eq "`+p.unique("no group")+`"`))
			},
		},
		{
			id: "members.rename-with-id", area: Members, level: Must, rows: []string{"E127", "A-45", "R-264"}, source: oktaGuide, needs: []feature{patching},
			title: "A group is renamed by a PATCH without a path that holds its own id, and keeps its members",
			why:   "Okta sends this with every change of members. If the id is refused as readOnly, or the members go with it, group push is broken as a whole.",
			fix:   `Support {"op":"replace","value":{"id":"…","displayName":"…"}}: ignore an id that is the group's own, and leave alone what value does not name.`,
			run: func(p *probe) {
				ids := p.newUsers(2)
				path, g := p.newGroup(nil, ids...)
				name := p.unique("Renamed")
				p.oktaPatch(path, op("replace", "", object{"id": g["id"], "displayName": name}))
				got := p.read(path)
				p.equal("id", got["id"], g["id"])
				p.equal("displayName", at(got, "displayName"), name)
				p.members(path, ids...)
			},
		},
		{
			id: "members.put-renames", area: Members, level: Must, rows: []string{"R-219"}, source: oktaGuide,
			title: "PUT of a group renames it and sets its members",
			why:   "Apps made with Okta's wizard change groups with PUT alone: neither the name nor the people would ever change.",
			fix:   "Support PUT on /Groups/{id}: the members in the body are the members afterwards. Answer 200 with the group.",
			run: func(p *probe) {
				ids := p.newUsers(3)
				path, _ := p.newGroup(nil, ids[0], ids[1])
				sent := push(p, oktaMember(ids[1]), oktaMember(ids[2]))
				p.resource(p.okta("PUT", path, sent), 200)
				p.equal("displayName", at(p.read(path), "displayName"), sent["displayName"])
				p.members(path, ids[1], ids[2])
			},
		},
		{
			id: "members.put-empties", area: Members, level: Must, rows: []string{"R-221"}, source: oktaGuide,
			title: "PUT of a group with members: [] empties it",
			why:   "The last people who leave a group in Okta stay in it here.",
			fix:   "Take an empty members in a PUT for what it says. It is not the same as leaving members out.",
			run: func(p *probe) {
				path, _ := p.newGroup(nil, p.newUsers(2)...)
				p.resource(p.okta("PUT", path, push(p)), 200)
				p.members(path)
			},
		},
		{
			id: "lifecycle.unlink-deletes-group", area: Lifecycle, level: Must, rows: []string{"R-273", "R-274", "R-275"}, source: oktaGuide,
			title: "A group that is unlinked and deleted is gone, and its members stay users",
			why:   "The group goes on granting access that nobody sees in Okta any more, or its deletion takes people's accounts with it.",
			fix:   "Support DELETE on /Groups/{id}: 204, then 404, and leave the members.",
			run: func(p *probe) {
				user, u := p.newUser(nil)
				path, g := p.newGroup(nil, idOf(u))
				p.status(p.okta("DELETE", path, nil), 204)
				p.status(p.okta("GET", path, nil), 404)
				if p.features.has[filtering] {
					p.findsNone(p.oktaSearch("/Groups", fmt.Sprintf("displayName eq %s", show(at(g, "displayName")))))
				}
				p.status(p.okta("GET", user, nil), 200)
			},
		},
	}

	// The PATCHes on members: a group of the first and second of four users, and
	// who is in it afterwards.
	for _, c := range []struct {
		id, title, why, fix string
		rows                []string
		level               Level // default: Must
		ops                 func(ids []string) []object
		want                func(ids []string) []string
	}{
		{
			id: "members.add-with-display", title: "add to members adds people, who have a display, to those who are there", rows: []string{"E150", "R-251"},
			why: "People who join a group in Okta do not join it here, or push out those who were in it.",
			fix: `Support {"op":"add","path":"members","value":[{"value":"…","display":"…"}]}: append, and ignore display.`,
			ops: func(ids []string) []object {
				return []object{op("add", "members", []object{oktaMember(ids[2]), oktaMember(ids[3])})}
			},
			want: func(ids []string) []string { return ids },
		},
		{
			id: "members.add-again", title: "add of somebody who is a member already changes nothing and is no error", rows: []string{"R-252"}, level: Should,
			why: "Okta's Push Now sends everybody again. An error stops the push of the whole group.",
			fix: "Take a member that is there already as success, and keep it once.",
			ops: func(ids []string) []object {
				return []object{op("add", "members", []object{oktaMember(ids[1]), oktaMember(ids[2])})}
			},
			want: func(ids []string) []string { return ids[:3] },
		},
		{
			id: "members.remove-by-filter", title: "remove with a filtered path removes that one member", rows: []string{"E121", "R-259"},
			why: "A person who has left a group in Okta keeps what it grants; if all of the members go instead, everybody loses it.",
			fix: `Support {"op":"remove","path":"members[value eq \"…\"]"}, which has no value.`,
			ops: func(ids []string) []object {
				return []object{op("remove", fmt.Sprintf("members[value eq %q]", ids[0]), nil)}
			},
			want: func(ids []string) []string { return ids[1:2] },
		},
		{
			id: "members.remove-absent", title: "remove of somebody who is no member changes nothing and is no error", rows: []string{"R-262"},
			why: "Okta sends a removal again after a time-out. An error leaves the group in Okta's list of failed tasks for good.",
			fix: "Answer the removal of who is not there with success.",
			ops: func(ids []string) []object {
				return []object{op("remove", fmt.Sprintf("members[value eq %q]", ids[3]), nil)}
			},
			want: func(ids []string) []string { return ids[:2] },
		},
		{
			id: "members.remove-and-add", title: "One PATCH removes a member and adds another", rows: []string{"R-232"},
			why: "Okta sends what has changed in one request: half of it would be lost.",
			fix: "Carry out all Operations of a PATCH, in their order.",
			ops: func(ids []string) []object {
				return []object{
					op("remove", fmt.Sprintf("members[value eq %q]", ids[0]), nil),
					op("add", "members", []object{oktaMember(ids[2])}),
				}
			},
			want: func(ids []string) []string { return ids[1:3] },
		},
		{
			id: "members.replace-all", title: "replace of members with a list sets just those", rows: []string{"E123", "R-265"},
			why: "It is Okta's full push. People whom Okta has removed stay in the group, or those it added do not come.",
			fix: `Support {"op":"replace","path":"members","value":[…]}: the list is who is in the group afterwards.`,
			ops: func(ids []string) []object {
				return []object{op("replace", "members", []object{oktaMember(ids[1]), oktaMember(ids[2]), oktaMember(ids[3])})}
			},
			want: func(ids []string) []string { return ids[1:] },
		},
		{
			id: "members.replace-with-none", title: "replace of members with [] empties the group", rows: []string{"R-271"},
			why:  "The last people who leave a group in Okta stay in it here.",
			fix:  "Take an empty list for what it says, not for a value that is missing.",
			ops:  func([]string) []object { return []object{op("replace", "members", []object{})} },
			want: func([]string) []string { return nil },
		},
		{
			id: "members.replace-without-path", title: "replace without a path sets the members that it names", rows: []string{"E124", "R-264"},
			why: "Okta sends this shape too; refused, or stored as something else, the group is never in step.",
			fix: `Support {"op":"replace","value":{"members":[…]}}: like a replace with the path members.`,
			ops: func(ids []string) []object {
				return []object{op("replace", "", object{"members": []object{oktaMember(ids[2])}})}
			},
			want: func(ids []string) []string { return ids[2:3] },
		},
	} {
		checks = append(checks, check{
			id: c.id, area: Members, level: cmp.Or(c.level, Must), title: c.title, rows: c.rows, source: oktaGuide, why: c.why, fix: c.fix, needs: []feature{patching},
			run: func(p *probe) {
				ids := p.newUsers(4)
				path, g := p.newGroup(nil, ids[0], ids[1])
				p.oktaPatch(path, c.ops(ids)...)
				p.members(path, c.want(ids)...)
				p.equal("displayName", at(p.read(path), "displayName"), at(g, "displayName"))
			},
		})
	}
	for i := range checks {
		checks[i].needs = append(checks[i].needs, groups)
	}
	return checks
}
