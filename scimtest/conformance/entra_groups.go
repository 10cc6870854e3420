package conformance

import (
	"net/url"
	"slices"
	"strings"
)

// entraGroup is the body of Entra's POST of a group.
func entraGroup(name, externalID string) string {
	return `{"schemas":["` + groupURN + `","` + adGroupURN + `"],` +
		`"externalId":` + quote(externalID) + `,"displayName":` + quote(name) + `,"meta":{"resourceType":"Group"}}`
}

// entraMembers is how Entra's default dialect names members: with $ref null.
func entraMembers(ids ...string) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"$ref":null,"value":` + quote(id) + `}`)
	}
	return "[" + b.String() + "]"
}

// entraGroupChecks are of groups but for who is in them.
func entraGroupChecks() []check {
	checks := []check{
		{
			id:     "groups.create",
			title:  "A group is created without members, with Microsoft's schema in its list",
			rows:   []string{"E110", "A-25"},
			source: entraTutorial + "; Microsoft Q&A 637791",
			level:  Must,
			why:    "So Entra creates every group. Refused for the unknown schema, no group is ever provisioned.",
			fix:    "Ignore unknown URIs in schemas, and take a group without members.",
			run: func(p *probe) {
				name, external := p.unique("g"), guid()
				group := p.resource(p.entraPost("/Groups", entraGroup(name, external)), 201, 200)
				p.stands(group, "displayName", name)
				read := p.read(pathOf("/Groups", group))
				p.stands(read, "displayName", name, "externalId", external)
				p.cleared(read, "members")
			},
		},
		{
			id:     "groups.create-members",
			title:  "A group is created with members [], and with members",
			rows:   []string{"E111"},
			source: entraPostman,
			level:  Must,
			why:    "Microsoft's collection and other providers create filled groups; members that are dropped in silence are missing until the next change of the group.",
			fix:    "Store the members of a POST.",
			run: func(p *probe) {
				p.resource(p.entraPost("/Groups", `{"schemas":["`+groupURN+`"],"displayName":`+quote(p.unique("g"))+`,"members":[]}`), 201, 200)
				_, user := p.newUser(nil)
				group := p.resource(p.entraPost("/Groups", `{"schemas":["`+groupURN+`"],"displayName":`+quote(p.unique("g"))+`,"members":`+entraMembers(idOf(user))+`}`), 201, 200)
				p.members(pathOf("/Groups", group), idOf(user))
			},
		},
		{
			id:     "groups.duplicate",
			title:  "A second group of the same displayName is 409",
			rows:   []string{"E112", "A-37"},
			source: entraTutorial + "; pranems/SCIMServer, validator",
			level:  Should,
			why:    "displayName is the default matching attribute of groups. After an answer that got lost there are two groups, and from then on DuplicateTargetEntries for both.",
			fix:    "Make displayName unique in the tenant, and answer 409 with scimType uniqueness.",
			run: func(p *probe) {
				name := p.unique("g")
				p.prepare("cannot create a group as Entra does", func() { p.resource(p.entraPost("/Groups", entraGroup(name, guid())), 201, 200) })
				p.status(p.entraPost("/Groups", entraGroup(name, guid())), 409)
			},
		},
		{
			id:     "groups.match",
			title:  "A group is found by displayName, in any case of letters, and by externalId",
			rows:   []string{"E115"},
			source: entraTutorial + "; pranems/SCIMServer, validator",
			level:  Must,
			why:    "Not found, the group is created again: duplicates, or a 409 in every cycle.",
			fix:    "Support displayName eq without regard to case, and externalId eq, for groups too.",
			run: func(p *probe) {
				name, external := p.unique("g"), guid()
				_, group := p.newGroup(object{"displayName": name, "externalId": external})
				for _, filter := range []string{"displayName eq " + quote(name), "displayName eq " + quote(strings.ToUpper(name)), "externalId eq " + quote(external)} {
					p.entraFinds("/Groups", filter, idOf(group))
				}
			},
		},
		{
			id:     "groups.match-characters",
			title:  "A group whose name has ' & + or an umlaut is found exactly",
			rows:   []string{"E115", "E031"},
			source: "pranems/SCIMServer (Microsoft's bots create Test'GroupX)",
			level:  Should,
			why:    "“Sales & Marketing” is an ordinary name. Not found, it is created again.",
			fix:    "Decode the query once, and bind the value as a parameter.",
			run: func(p *probe) {
				name := "R&D + Müller's " + p.unique("g")
				x := p.entraPost("/Groups", entraGroup(name, guid()))
				if x.Status == 400 {
					p.skip("the endpoint takes no such names")
				}
				group := p.resource(x, 201, 200)
				p.entraFinds("/Groups", "displayName eq "+quote(name), idOf(group))
			},
		},
		{
			id:     "groups.excluded-members",
			title:  "excludedAttributes=members is honoured: by GET of a group, and by a search, whichever parameter comes first",
			rows:   []string{"E113", "R-208"},
			source: entraTutorial + "; " + entraLogs + "; Infisical PR #6525, PostHog PR #47336",
			level:  Must,
			why:    "If members come back all the same, Entra can change over to “Replace members” with the new member alone, which empties the group; or it logs SystemForCrossDomainIdentityManagementMultipleEntriesInResponse.",
			fix:    "Leave out members altogether, not as an empty array, wherever a group is returned with this parameter.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				path, group := p.newGroup(nil, idOf(user))
				name, _ := field(group, "displayName").(string)
				filter := "filter=" + url.QueryEscape("displayName eq "+quote(name))
				got := p.resource(p.entraGet(path+"?excludedAttributes=members"), 200)
				p.expect(field(got, "members") == nil, "no members", "members "+show(field(got, "members")))
				for _, query := range []string{"excludedAttributes=members&" + filter, filter + "&excludedAttributes=members"} {
					l := p.list(p.entraGet("/Groups?" + query))
					p.expect(slices.Equal(l.ids(), []string{idOf(group)}), "the group alone", show(l.object))
					p.expect(field(l.resources[0], "members") == nil, "no members", "members "+show(field(l.resources[0], "members")))
				}
			},
		},
		{
			id:     "groups.excluded-any-case",
			title:  "excludedAttributes names members in any case, and with the schema's URN",
			rows:   []string{"E113", "R-209"},
			source: "RFC 7644 §3.10",
			level:  Should,
			why:    "As above: members that come back can empty the group.",
			fix:    "Resolve the names in excludedAttributes like all others.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				path, _ := p.newGroup(nil, idOf(user))
				for _, name := range []string{"Members", groupURN + ":members"} {
					got := p.resource(p.entraGet(path+"?excludedAttributes="+name), 200)
					p.expect(field(got, "members") == nil, "no members", "members "+show(field(got, "members")))
				}
			},
		},
		{
			id:     "groups.members-shown",
			title:  "Without the parameter the members are there, each with its value",
			rows:   []string{"E114"},
			source: entraTutorial,
			level:  Must,
			why:    "Validation reads the group after each change of its members; what is not shown counts as lost.",
			fix:    "Return members with value, and with $ref and display if you like, on GET of a group.",
			run: func(p *probe) {
				_, a := p.newUser(nil)
				_, b := p.newUser(nil)
				path, _ := p.newGroup(nil, idOf(a), idOf(b))
				p.members(path, idOf(a), idOf(b))
			},
		},
		{
			id:     "groups.rename",
			title:  "A group is renamed in both dialects, and keeps its members",
			rows:   []string{"E127"},
			source: entraTutorial + "; langwatch #7131",
			level:  Must,
			needs:  []feature{patching},
			why:    "A rename that replaces the group takes everybody's rights away, and Entra does not send the members again.",
			fix:    "Touch members only if an operation names them.",
			run: func(p *probe) {
				path, members := p.crew(2)
				for _, rename := range [2]func(name string) string{
					func(name string) string { return entraOp("Replace", "displayName", quote(name)) },
					func(name string) string { return entraOp("replace", "", `{"displayName":`+quote(name)+`}`) },
				} {
					name := p.unique("renamed")
					p.stands(p.entraUpdate(path, rename(name)), "displayName", name)
					p.members(path, members...)
				}
			},
		},
		{
			id:     "groups.external-id",
			title:  "externalId of a group is added and replaced, with and without a path, and the members stay",
			rows:   []string{"E128", "R-249"},
			source: "rancher PR #55776, langwatch #7131, #7141",
			level:  Must,
			needs:  []feature{patching},
			why:    "It is the first thing that Entra does to a group that was there before. Refused, the group is never linked; taken for a replacement, it is emptied.",
			fix:    "Let Add set single values, and touch members only if an operation names them.",
			run: func(p *probe) {
				path, members := p.crew(2)
				for _, write := range [3]func(id string) string{
					func(id string) string { return entraOp("Add", "externalId", quote(id)) },
					func(id string) string { return entraOp("Replace", "externalId", quote(id)) },
					func(id string) string { return entraOp("replace", "", `{"externalId":`+quote(id)+`}`) },
				} {
					external := guid()
					p.stands(p.entraUpdate(path, write(external)), "externalId", external)
					p.members(path, members...)
				}
			},
		},
		{
			id:     "groups.rename-with-member",
			title:  "A rename and a new member in one request are both applied",
			rows:   []string{"E129", "R-232"},
			source: "azure-docs #57965",
			level:  Must,
			needs:  []feature{patching},
			why:    "What is dropped of the two is not sent again before the next full cycle.",
			fix:    "Apply all operations of a request.",
			run: func(p *probe) {
				path, members := p.crew(1)
				_, user := p.newUser(nil)
				name := p.unique("renamed")
				p.stands(p.entraUpdate(path, entraOp("Replace", "displayName", quote(name)), entraOp("Add", "members", entraMembers(idOf(user)))), "displayName", name)
				p.members(path, append(members, idOf(user))...)
			},
		},
		{
			id:     "groups.rename-taken",
			title:  "A rename to the displayName of another group is 409",
			rows:   []string{"E130", "A-37"},
			source: entraLogs,
			level:  Should,
			needs:  []feature{patching},
			why:    "Afterwards both groups match: DuplicateTargetEntries, and neither is provisioned any more.",
			fix:    "Make displayName unique on updates too.",
			run: func(p *probe) {
				_, first := p.newGroup(nil)
				path, _ := p.newGroup(nil)
				name, _ := field(first, "displayName").(string)
				p.status(p.entraPatch(path, entraOp("Replace", "displayName", quote(name))), 409)
			},
		},
		{
			id:     "groups.delete",
			title:  "A group that is deleted is gone, and its members are not",
			rows:   []string{"E134", "R-274"},
			source: entraTutorial + "; " + entraValidation,
			level:  Must,
			why:    "A group that is still found is matched again instead of created; members deleted along with it lose their accounts.",
			fix:    "Answer 204, then 404 to a GET of its id; leave the users alone.",
			run: func(p *probe) {
				userPath, user := p.newUser(nil)
				path, group := p.newGroup(nil, idOf(user))
				name, _ := field(group, "displayName").(string)
				p.status(p.delete(path), 204)
				p.status(p.entraGet(path), 404)
				p.equal("totalResults", p.entraSearch("/Groups", "displayName eq "+quote(name)).total, 0)
				p.read(userPath)
			},
		},
	}
	return inArea(Members, []feature{groups}, checks)
}

// crew makes a group of n users, and returns their ids, sorted.
func (p *probe) crew(n int) (path string, ids []string) {
	ids = p.newUsers(n)
	path, _ = p.newGroup(nil, ids...)
	return path, ids
}
