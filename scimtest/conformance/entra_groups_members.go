package conformance

import (
	"net/url"
	"slices"
	"strings"
)

// entraMemberChecks are of who is in a group.
func entraMemberChecks() []check {
	return inArea(Members, []feature{groups, patching}, []check{
		{
			id:     "members.add",
			title:  `Add of members [{"$ref":null,"value":id}] adds the one, and keeps the others`,
			rows:   []string{"E116", "R-251"},
			source: entraTutorial,
			level:  Must,
			why:    "This is every new membership in the default dialect. Refused for the null, or taken for the whole list, people lose what the group gives them.",
			fix:    "Ignore $ref, and append to the list.",
			run: func(p *probe) {
				path, members := p.crew(2)
				_, user := p.newUser(nil)
				p.membersAfter(path, append(members, idOf(user)), entraOp("Add", "members", entraMembers(idOf(user))))
			},
		},
		{
			id:     "members.add-list",
			title:  "Add of several members, and several operations of one each, add them all",
			rows:   []string{"E117"},
			source: "Microsoft Q&A 1345734; " + entraGallery,
			level:  Must,
			why:    "Entra sends many members at once. Where only the first of the list or the last of the operations counts, people are missing, and the log says success.",
			fix:    "Apply every element of every operation.",
			run: func(p *probe) {
				path, _ := p.crew(0)
				all := p.newUsers(4)
				p.membersAfter(path, all[:2], entraOp("Add", "members", entraMembers(all[:2]...)))
				p.membersAfter(path, all, entraOp("Add", "members", entraMembers(all[2])), entraOp("Add", "members", entraMembers(all[3])))
			},
		},
		{
			id:     "members.hundred",
			title:  "100 members in one operation, and 100 operations of one member each, are applied",
			rows:   []string{"E117", "E121"},
			source: entraGallery + " (many memberships in one PATCH)",
			level:  Must,
			why:    "The gallery asks for it, and a request has 60 seconds: one query for each member of a large group is a Timeout, and half a group.",
			fix:    "Take 1,000 members in a request at the least, and write them as a set.",
			run:    func(p *probe) { p.hundredMembers(100) },
		},
		{
			id:     "members.add-present",
			title:  "Adding a member who is there already succeeds, and makes no second one",
			rows:   []string{"E118", "R-252"},
			source: "Microsoft Q&A 471809, SCIMReferenceCode #10",
			level:  Must,
			why:    "Answered 409, Entra repeats the Add in every cycle; added twice, one Remove leaves the person in the group.",
			fix:    "Keep members as a set of ids, and answer success.",
			run: func(p *probe) {
				path, members := p.crew(2)
				p.membersAfter(path, members, entraOp("Add", "members", entraMembers(members[0])))
				_, user := p.newUser(nil)
				p.membersAfter(path, append(members, idOf(user)), entraOp("Add", "members", entraMembers(members[1], idOf(user))))
			},
		},
		{
			id:     "members.remove-value",
			title:  "Remove with path members and a value removes the members of the value alone",
			rows:   []string{"E119", "A-40", "R-263"},
			source: entraTutorial + "; azure-docs #30826, SimpleIdServer #164, #244, SCIM-SDK #149, #167, segment-docs PR #6726",
			level:  Must,
			why:    "RFC 7644 knows no value there, so strict servers empty the group: whenever one person leaves it, everybody is out, and Entra does not put them back.",
			fix:    "If Remove has a value, remove the elements that equal it, by their value.",
			run: func(p *probe) {
				path, members := p.crew(3)
				p.membersAfter(path, members[1:], entraOp("Remove", "members", entraMembers(members[0])))
			},
		},
		{
			id:     "members.remove-list",
			title:  "Remove with two values, one of whom is no member, removes the one who is",
			rows:   []string{"E120", "A-40", "R-262"},
			source: entraTutorial,
			level:  Must,
			why:    "A request that is sent again names those who are gone already. Refused, the others stay in the group, with their rights.",
			fix:    "Remove those who are there, and answer success.",
			run: func(p *probe) {
				path, members := p.crew(4)
				_, user := p.newUser(nil)
				p.membersAfter(path, members[2:], entraOp("Remove", "members", entraMembers(members[:2]...)))
				p.membersAfter(path, members[3:], entraOp("Remove", "members", entraMembers(members[2], idOf(user))))
				p.membersAfter(path, members[3:], entraOp("Remove", "members", entraMembers(idOf(user))))
			},
		},
		{
			id:     "members.remove-filter",
			title:  `remove with path members[value eq "id"] removes the one, in several operations too`,
			rows:   []string{"E121", "R-259"},
			source: entraCompliance,
			level:  Must,
			why:    "So the flag's dialect and Okta remove members. Where the filter is not understood, people keep rights that they must not have; where it is not read, the group is emptied.",
			fix:    "Remove the elements that the filter selects.",
			run: func(p *probe) {
				path, members := p.crew(4)
				remove := func(id string) string { return entraOp("remove", "members[value eq "+quote(id)+"]", "") }
				p.membersAfter(path, members[1:], remove(members[0]))
				p.membersAfter(path, members[3:], remove(members[1]), remove(members[2]))
			},
		},
		{
			id:     "members.remove-all",
			title:  "remove with path members and no value empties the group",
			rows:   []string{"E122", "R-258"},
			source: entraPostman + "; RFC 7644 §3.5.2.2",
			level:  Must,
			why:    "A group that was emptied in Entra keeps its people in the application.",
			fix:    "Without a value, remove all members.",
			run: func(p *probe) {
				path, _ := p.crew(2)
				p.membersAfter(path, nil, entraOp("remove", "members", ""))
			},
		},
		{
			id:     "members.remove-none",
			title:  "Remove with an empty list removes nobody",
			rows:   []string{"E122", "A-40"},
			source: entraTutorial,
			level:  Should,
			why:    "An empty list names nobody. Taken for “no value”, it empties the group.",
			fix:    "Tell an empty value from an absent one.",
			run: func(p *probe) {
				path, members := p.crew(2)
				x := p.entraPatch(path, entraOp("Remove", "members", "[]"))
				p.status(x, 200, 204, 400)
				p.members(path, members...)
			},
		},
		{
			id:     "members.replace",
			title:  "replace of members leaves those of the list, and with [] nobody",
			rows:   []string{"E123", "R-266"},
			source: "pranems/SCIMServer, validator; keycloak #52752",
			level:  Must,
			why:    "Made additive, those who left stay in the group. Microsoft's validator adds its member so.",
			fix:    "Replace the whole set.",
			run: func(p *probe) {
				path, members := p.crew(2)
				_, user := p.newUser(nil)
				p.membersAfter(path, []string{members[0], idOf(user)}, entraOp("replace", "members", `[{"value":`+quote(members[0])+`},{"value":`+quote(idOf(user))+`}]`))
				p.membersAfter(path, nil, entraOp("replace", "members", "[]"))
			},
		},
		{
			id:     "members.replace-null",
			title:  "replace of members with null empties the group",
			rows:   []string{"E123", "R-271"},
			source: "RFC 7643 §2.5",
			level:  Should,
			why:    "null is “no value”, as [] is.",
			fix:    "Take null as an empty list.",
			run: func(p *probe) {
				path, _ := p.crew(1)
				p.membersAfter(path, nil, entraOp("replace", "members", "null"))
			},
		},
		{
			id:     "members.without-path",
			title:  `{"members":[…]} without a path adds, or replaces, as op says`,
			rows:   []string{"E124", "R-246", "R-264"},
			source: "RFC 7644 §3.5.2.1, §3.5.2.3",
			level:  Should,
			why:    "The flag's dialect leaves out paths. Taken the wrong way round, the group is emptied, or never shrinks.",
			fix:    "Apply the members of a value without a path as if each had it.",
			run: func(p *probe) {
				path, members := p.crew(1)
				_, user := p.newUser(nil)
				p.membersAfter(path, append(members, idOf(user)), entraOp("add", "", `{"members":[{"value":`+quote(idOf(user))+`}]}`))
				p.membersAfter(path, []string{idOf(user)}, entraOp("replace", "", `{"members":[{"value":`+quote(idOf(user))+`}]}`))
			},
		},
		{
			id:     "members.bare",
			title:  "A bare id, and a list of bare ids, are taken for members",
			rows:   []string{"E125", "A-29"},
			source: entraPostman,
			level:  Should,
			why:    "Microsoft's collection adds a member so, and expects 204.",
			fix:    `Take a string at members for {"value": string}.`,
			run: func(p *probe) {
				path, members := p.crew(1)
				_, a := p.newUser(nil)
				_, b := p.newUser(nil)
				p.membersAfter(path, append(members, idOf(a)), entraOp("add", "members", quote(idOf(a))))
				p.membersAfter(path, append(members, idOf(a), idOf(b)), entraOp("add", "members", "["+quote(idOf(b))+"]"))
			},
		},
		{
			id:     "members.unknown",
			title:  "A member whose id there is not is no server error; refused, nobody else is added either",
			rows:   []string{"E126", "R-233"},
			source: "RFC 7644 §3.5.2, §3.12",
			level:  Must,
			why:    "Users are deleted while Entra still has their ids. A 500, a violated foreign key say, is repeated with the whole list in every cycle; it counts towards quarantine and names nobody.",
			fix:    "Answer 400 or 404 with the id in detail, and change nothing; or take the id as it is.",
			run: func(p *probe) {
				path, members := p.crew(1)
				_, user := p.newUser(nil)
				x := p.entraPatch(path, entraOp("Add", "members", entraMembers(idOf(user), guid())))
				p.status(x, 200, 204, 400, 404)
				if x.Status >= 400 {
					p.members(path, members...)
				}
			},
		},
		{
			id:     "members.asked",
			title:  `id eq "G" and members eq "U" says whether U is in G`,
			rows:   []string{"E131", "A-02"},
			source: entraTutorial,
			level:  Should,
			why:    "So Entra asks about a membership before it changes it. Always yes, nobody is added; always no or refused, members are sent in every cycle.",
			fix:    "Support and, and compare members by value.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				_, group := p.newGroup(nil, idOf(user))
				_, stranger := p.newUser(nil)
				for _, asked := range []struct {
					id   string
					want int
				}{{idOf(user), 1}, {idOf(stranger), 0}} {
					filter := "id eq " + quote(idOf(group)) + " and members eq " + quote(asked.id)
					l := p.list(p.entraGet("/Groups?attributes=id&filter=" + url.QueryEscape(filter)))
					p.equal("totalResults for "+filter, l.total, asked.want)
				}
			},
		},
		{
			id:     "members.parallel",
			title:  "20 PATCHes at the same time, of a member each, add all 20",
			rows:   []string{"E132"},
			source: "scim-for-keycloak #90",
			level:  Must,
			why:    "Entra writes to one group concurrently. Read, changed and written back, memberships are lost although every request was answered with success: nobody sends them again.",
			fix:    "Insert and delete rows of a membership table, or update under a lock or with a version.",
			run: func(p *probe) {
				path, first := p.crew(1)
				ids := p.newUsers(20)
				p.single(func() {
					_, user := p.newUser(nil)
					first = append(first, idOf(user))
					p.membersAfter(path, first, entraOp("Add", "members", entraMembers(idOf(user))))
				})
				reqs := make([]request, len(ids))
				for i, id := range ids {
					reqs[i] = entraPatchOf(path, entraOp("Add", "members", entraMembers(id)))
				}
				for _, x := range p.together(reqs...) {
					p.status(x, 200, 204)
				}
				p.members(path, append(first, ids...)...)
			},
		},
		{
			id:     "members.group",
			title:  "A member that is a group is taken or refused, without a server error",
			rows:   []string{"E133"},
			source: entraHow + "; AzureAD-BYOA-Provisioning-Samples #26",
			level:  Must,
			why:    "A nested group that is provisioned itself comes as a member. A 500 fails the whole list in every cycle.",
			fix:    "Support groups as members, or answer 400 with the id in detail.",
			run: func(p *probe) {
				path, members := p.crew(1)
				_, inner := p.newGroup(nil)
				p.status(p.entraPatch(path, entraOp("Add", "members", entraMembers(idOf(inner)))), 200, 204, 400, 404)
				p.expect(slices.Contains(p.memberIDs(path), members[0]), "the member who was there", "no "+members[0])
			},
		},
		{
			id:     "members.deleted-user",
			title:  "A user who is deleted is in no group any more",
			rows:   []string{"E135", "A-53"},
			source: "RFC 7644 §3.6",
			level:  Should,
			why:    "Ids of nobody stay in the group, and whoever counts members counts them.",
			fix:    "Delete memberships along with the user.",
			run: func(p *probe) {
				path, members := p.crew(2)
				p.status(p.delete(pathTo("/Users", members[0])), 204, 200, 202)
				p.members(path, members[1:]...)
			},
		},
		{
			id:     "members.answer",
			title:  "A PATCH of a group is answered 204, without the list of members",
			rows:   []string{"E136", "A-43"},
			source: entraTutorial,
			level:  Should,
			why:    "A group of 100,000 in every answer is slow, and Entra has been seen to go on with “Replace members” after it had read some (PostHog PR #47336).",
			fix:    "Answer 204 No Content.",
			run: func(p *probe) {
				path, members := p.crew(1)
				x := p.entraPatch(path, entraOp("Add", "members", entraMembers(members[0])))
				p.status(x, 204)
				p.expect(strings.TrimSpace(x.ResponseBody) == "", "no body", x.summary())
			},
		},
	})
}

// membersAfter makes a PATCH that must succeed, and expects the group to have
// the members afterwards.
func (p *probe) membersAfter(group string, want []string, ops ...string) {
	p.status(p.entraPatch(group, ops...), 200, 204)
	p.members(group, want...)
}

// hundredMembers adds n members in one operation, removes them in n, and adds
// them in n.
func (p *probe) hundredMembers(n int) {
	ids := p.newUsers(n)
	path, _ := p.newGroup(nil)
	each := func(op func(id string) string) (ops []string) {
		for _, id := range ids {
			ops = append(ops, op(id))
		}
		return ops
	}
	p.membersAfter(path, ids, entraOp("Add", "members", entraMembers(ids...)))
	p.membersAfter(path, nil, each(func(id string) string { return entraOp("remove", "members[value eq "+quote(id)+"]", "") })...)
	p.membersAfter(path, ids, each(func(id string) string { return entraOp("Add", "members", entraMembers(id)) })...)

	for some := range slices.Chunk(ids, 20) { // at once: one after the other it takes long
		reqs := make([]request, len(some))
		for i, id := range some {
			reqs[i] = request{method: "DELETE", path: pathTo("/Users", id)}
		}
		p.unmade(p.together(reqs...)...)
	}
}
