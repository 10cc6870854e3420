package conformance

import (
	"slices"
	"strings"
)

func entraLifecycleChecks() []check {
	return inArea(Lifecycle, nil, []check{
		{
			id:     "active.strings",
			title:  `Replace active understands "False" and "True", "false" and "true", false and true`,
			rows:   []string{"E065", "A-27"},
			source: entraCompliance + "; scimgateway #47, scimmy #86, sentry-docs #16258",
			level:  Must,
			needs:  []feature{patching},
			why:    "In the default dialect booleans are text. Refused, nobody is ever disabled; taken for “not empty”, “False” enables. Either way people who left keep their access.",
			fix:    "Convert the text, in any case, to a boolean for every attribute of that type.",
			run: func(p *probe) {
				p.wants("active")
				path, _ := p.newUser(nil)
				for _, set := range []struct {
					value string
					want  bool
				}{{`"False"`, false}, {`"True"`, true}, {`"false"`, false}, {`"true"`, true}, {`false`, false}, {`true`, true}} {
					p.stands(p.entraUpdate(path, entraOp("Replace", "active", set.value)), "active", set.want)
				}
			},
		},
		{
			id:     "active.add",
			title:  `Add active "False" disables a user who is active`,
			rows:   []string{"E064", "R-249"},
			source: entraCompliance + "; rancher #54025, getsentry/self-hosted #3573",
			level:  Must,
			needs:  []feature{patching},
			why:    "Entra uses Add for single values too. Refused, people who left keep their access, and the log says SystemForCrossDomainIdentityManagementBadRequest in every cycle.",
			fix:    "Treat Add to a single-valued attribute as set.",
			run: func(p *probe) {
				p.wants("active")
				path, _ := p.newUser(nil)
				p.stands(p.entraUpdate(path, entraOp("Add", "active", `"False"`)), "active", false)
				p.stands(p.entraUpdate(path, entraOp("Add", "active", `"True"`)), "active", true)
			},
		},
		{
			id:     "active.without-path",
			title:  `{"active":false} without a path disables the user`,
			rows:   []string{"E066"},
			source: entraCompliance + "; ssoready PR #206",
			level:  Must,
			needs:  []feature{patching},
			why:    "So it comes with the flag, and from Okta. Ignored, people who left keep their access while the log says success.",
			fix:    "Apply every member of a value without a path.",
			run: func(p *probe) {
				p.wants("active")
				path, _ := p.newUser(nil)
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"active":false}`)), "active", false)
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"active":true}`)), "active", true)
			},
		},
		{
			id:     "active.without-path-string",
			title:  `{"active":"False","displayName":…} without a path does both`,
			rows:   []string{"E066", "A-27"},
			source: entraCompliance,
			level:  Should,
			needs:  []feature{patching},
			why:    "The two dialects meet where active is mapped by an expression, which yields text.",
			fix:    "Convert booleans wherever they stand.",
			run: func(p *probe) {
				p.wants("active", "displayName")
				path, _ := p.newUser(nil)
				p.stands(p.entraUpdate(path, entraOp("Replace", "", `{"active":"False","displayName":"Left"}`)), "active", false, "displayName", "Left")
			},
		},
		{
			id:     "active.nonsense",
			title:  `Replace active "maybe" is refused, and changes nothing`,
			rows:   []string{"E065", "R-236"},
			source: "RFC 7644 §3.12",
			level:  Should,
			needs:  []feature{patching},
			why:    "A mistake in the mapping's expression must not disable, or enable, everybody.",
			fix:    "Answer 400 invalidValue.",
			run: func(p *probe) {
				p.wants("active")
				path, _ := p.newUser(nil)
				p.status(p.entraPatch(path, entraOp("Replace", "active", `"maybe"`)), 400)
				p.stands(p.read(path), "active", true)
			},
		},
		{
			id:     "lifecycle.disable-restore",
			title:  "A user who is disabled and enabled again is the same user, in the same groups",
			rows:   []string{"E100", "R-067"},
			source: entraHow + "; " + entraTutorial,
			level:  Must,
			needs:  []feature{patching},
			why:    "Entra does not send group memberships again when it restores a user. Dropped, the person is back without any rights, and no cycle mends it.",
			fix:    "Keep the groups of disabled users.",
			run: func(p *probe) {
				p.wants("active")
				path, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				group := ""
				if p.features.has[groups] {
					group, _ = p.newGroup(nil, idOf(user))
				}
				p.stands(p.entraUpdate(path, entraOp("Replace", "active", "false")), "active", false)
				p.entraFinds("/Users", "userName eq "+quote(name), idOf(user))
				p.stands(p.entraUpdate(path, entraOp("Replace", "active", "true")), "active", true)
				if group != "" {
					p.members(group, idOf(user))
				}
			},
		},
		{
			id:     "lifecycle.restart",
			title:  "After a restart a disabled user is found, enabled and brought up to date in one PATCH, and stays one",
			rows:   []string{"E103", "E104"},
			source: entraHow,
			level:  Must,
			needs:  []feature{patching},
			why:    "A restart with broken links, and coming back into scope, match users by search and PATCH them. Where it goes wrong there are two accounts.",
			fix:    "Find disabled users, and apply active together with the other changes.",
			run: func(p *probe) {
				p.wants("active", "displayName")
				_, user := p.newUser(object{"displayName": "Before", "active": false})
				name, _ := field(user, "userName").(string)
				found := p.entraSearch("/Users", "userName eq "+quote(name)).ids()
				p.equal("ids found", found, []string{idOf(user)})
				p.status(p.entraPatch(pathTo("/Users", found[0]), entraOp("Add", "displayName", `"After"`), entraOp("Replace", "active", "true")), 200, 204)
				l := p.entraSearch("/Users", "userName eq "+quote(name))
				p.equal("ids found", l.ids(), []string{idOf(user)})
				p.stands(l.resources[0], "displayName", "After", "active", true)
			},
		},
		{
			id:     "lifecycle.delete",
			title:  "DELETE is 204; afterwards GET is 404, and a search finds nobody",
			rows:   []string{"E101", "R-273", "R-274", "R-275"},
			source: entraHow + "; " + entraTutorial,
			level:  Must,
			why:    "30 days after the soft delete Entra deletes for good. A user who can still be found is matched again when the name is given to somebody else, who then gets the old account.",
			fix:    "Answer 404 for what was deleted, even if its row stays in the database.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				p.status(p.delete(path), 204)
				p.status(p.entraGet(path), 404)
				p.equal("totalResults", p.entraSearch("/Users", "userName eq "+quote(name)).total, 0)
			},
		},
		{
			id:     "lifecycle.delete-again",
			title:  "DELETE of what is deleted already, and of what never was, is 404",
			rows:   []string{"E101", "E134", "R-274"},
			source: entraHow + "; pranems/SCIMServer, the validator's preview tests",
			level:  Should,
			why:    "Microsoft's validator tests it. 404 tells Entra that there is nothing left to do; a 5xx is tried again in every cycle.",
			fix:    "Look whether there was something to delete.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.status(p.delete(path), 204, 200, 202)
				p.status(p.delete(path), 404)
				p.status(p.delete("/Users/"+guid()), 404)
				if p.features.has[groups] {
					p.status(p.delete("/Groups/"+guid()), 404)
				}
			},
		},
		{
			id:     "lifecycle.create-again",
			title:  "A userName is free again after DELETE",
			rows:   []string{"E102", "R-276"},
			source: entraValidation + ", Restore_User_Test",
			level:  Must,
			why:    "A person who comes back is created again. A 409 without a user to be found is a dead end: the admin can do nothing about it.",
			fix:    "Leave deleted rows out of the unique index.",
			run: func(p *probe) {
				name, external := p.userName(), guid()
				body := p.fitted(entraUser(name, external, p.email()))
				user := p.resource(p.entraPost("/Users", body), 201, 200)
				p.status(p.delete(pathOf("/Users", user)), 204, 200, 202)
				again := p.resource(p.entraPost("/Users", body), 201, 200)
				p.entraFinds("/Users", "userName eq "+quote(name), idOf(again))
				p.read(pathOf("/Users", again))
			},
		},
		{
			id:     "cycle.settles",
			title:  "After an initial cycle nothing is left to send: what is read equals what was written",
			rows:   []string{"E148", "E040", "E078", "E116"},
			source: entraHow,
			level:  Must,
			needs:  []feature{patching},
			why:    "Entra sends the differences between its directory and what it reads. If there is one left, every cycle writes to every user, for ever.",
			fix:    "Return every attribute that you store, as it was sent.",
			run: func(p *probe) {
				type person struct {
					name, external, email, path string
					want                        []any
				}
				people := make([]person, 3)
				for i := range people {
					people[i] = person{name: p.userName(), external: guid(), email: p.email()}
					u := &people[i]
					p.entraSearch("/Users", "userName eq "+quote(u.name))
					u.path = pathOf("/Users", p.resource(p.entraPost("/Users", p.fitted(entraUser(u.name, u.external, u.email))), 201, 200))
					u.want = []any{"userName", u.name, "externalId", u.external}
					for _, m := range p.mapping() {
						if strings.HasPrefix(m.path, "emails") {
							m.value = u.email
						}
						u.want = append(u.want, m.path, m.value)
					}
				}
				boss := idOf(p.read(people[0].path))
				ids := []string{boss}
				for i := 1; i < len(people); i++ {
					u := &people[i]
					ids = append(ids, idOf(p.read(u.path)))
					if p.takes(managerPath) {
						p.status(p.entraPatch(u.path, entraOp("Add", managerPath, quote(boss))), 200, 204)
						u.want = append(u.want, managerPath+".value", boss)
					}
				}
				if p.features.has[groups] {
					group := p.resource(p.entraPost("/Groups", entraGroup(p.unique("g"), guid())), 201, 200)
					path := pathOf("/Groups", group)
					p.status(p.entraPatch(path, entraOp("Add", "members", entraMembers(ids...))), 200, 204)
					slices.Sort(ids)
					p.members(path, ids...)
				}
				for _, u := range people {
					p.stands(p.read(u.path), u.want...)
				}
			},
		},
	})
}
