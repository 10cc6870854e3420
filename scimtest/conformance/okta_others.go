package conformance

import (
	"maps"
	"net/http"
	"slices"
)

// nameless sends a request without a User-Agent, as OneLogin does
// (goauthentik/authentik #11249).
func (p *probe) nameless(method, path string, body any) *Exchange {
	header := http.Header{"User-Agent": {""}}
	if body != nil {
		header.Set("Content-Type", scimJSON)
	}
	return p.send(request{method: method, path: path, header: header, body: body})
}

// otherProviderChecks are what OneLogin, JumpCloud and Salesforce's clients do
// differently.
func otherProviderChecks() []check {
	const observed = "OneLogin, JumpCloud and Salesforce, as observed"
	return []check{
		{
			id: "transport.no-user-agent", area: Transport, level: Must, rows: []string{"R-345", "E001"}, source: observed,
			title: "Requests without a User-Agent are served",
			why:   "OneLogin sends none, nor does Entra's connection test: a firewall's rule against «bots» keeps them out.",
			fix:   "Do not ask for a User-Agent, here or in what stands before the endpoint.",
			run: func(p *probe) {
				u := p.resource(p.nameless("POST", "/Users", p.user(nil)), 201)
				p.resource(p.nameless("GET", pathOf("/Users", u), nil), 200)
			},
		},
		{
			id: "create.emails-as-object", area: Create, level: Should, rows: []string{"E150"}, source: observed,
			title: "emails that is one object instead of a list is understood",
			why:   "OneLogin's template for users can make it so. Its admin then cannot provision anybody, with nothing in sight to change.",
			fix:   "Take a single object for a multi-valued attribute as a list of one.",
			run: func(p *probe) {
				p.wants("emails")
				sent := p.user(nil)
				sent["emails"] = object{"primary": true, "value": sent["userName"], "type": "work"}
				x := p.nameless("POST", "/Users", sent)
				u := p.resource(x, 201)
				got := p.read(pathOf("/Users", u))
				p.expect(hasEmail(got, sent["userName"]), "a list with the address", "emails "+show(at(got, "emails")))
			},
		},
		{
			id: "members.one-operation-each", area: Members, level: Must, rows: []string{"E117", "R-232"}, source: observed, needs: []feature{groups, patching},
			title: "Several add operations of one member each add all of them",
			why:   "JumpCloud sends an operation for every person. If one only counts, or they are refused, groups are never complete.",
			fix:   "Carry out all Operations of a PATCH, also if they have the same path.",
			run: func(p *probe) {
				ids := p.newUsers(3)
				path, _ := p.newGroup(nil)
				var ops []object
				for _, id := range ids {
					ops = append(ops, op("add", "members", refs(id)))
				}
				p.status(p.patch(path, ops...), 200, 204)
				p.members(path, ids...)
			},
		},
		{
			id: "members.rename-without-path", area: Members, level: Must, rows: []string{"E127", "R-264"}, source: observed, needs: []feature{groups, patching},
			title: "A group is renamed by a PATCH without a path, and keeps its members",
			why:   "JumpCloud renames in this shape. The group keeps its old name, or loses its people.",
			fix:   `Support {"op":"replace","value":{"displayName":"…"}}, and leave alone what value does not name.`,
			run: func(p *probe) {
				ids := p.newUsers(2)
				path, _ := p.newGroup(nil, ids...)
				name := p.unique("Renamed")
				p.status(p.patch(path, op("replace", "", object{"displayName": name})), 200, 204)
				p.equal("displayName", at(p.read(path), "displayName"), name)
				p.members(path, ids...)
			},
		},
		{
			id: "lifecycle.deactivate-by-path", area: Lifecycle, level: Must, rows: []string{"R-265"}, source: observed, needs: []feature{patching},
			title: "replace of active in lower case deactivates a user, and brings it back",
			why:   "JumpCloud takes access away with it: a person who has left keeps it.",
			fix:   `Support {"op":"replace","path":"active","value":false} with a JSON boolean.`,
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, on := range []bool{false, true} {
					p.status(p.patch(path, op("replace", "active", on)), 200, 204)
					p.equal("active", at(p.read(path), "active"), on)
				}
			},
		},
		{
			id: "members.remove-nested-value", area: Members, level: Should, rows: []string{"A-40"}, source: "Salesforce's documentation, as RIPAGlobal/scimitar found it", needs: []feature{groups, patching},
			title: "remove of members whose value is {members: […]} removes those and no others",
			why:   "Salesforce documents this shape. Read as «remove members» it empties the group, and everybody loses access.",
			fix:   "Remove the members that the value names. If you do not want the shape, refuse it with 400: never remove everybody.",
			run: func(p *probe) {
				ids := p.newUsers(3)
				path, _ := p.newGroup(nil, ids...)
				p.status(p.patch(path, op("remove", "members", object{"members": refs(ids[0], ids[2])})), 200, 204)
				p.members(path, ids[1])
			},
		},
		{
			id: "lifecycle.same-end-state", area: Lifecycle, level: Must, rows: []string{"E150"}, source: observed, needs: []feature{groups, patching},
			title: "Okta, OneLogin and JumpCloud bring about the same user and group, each in its own shape",
			why:   "A customer who moves from one provider to another, or has two, ends up with accounts that differ for no reason to be seen.",
			fix:   "Compare what is expected with what was got: what differs was dropped, renamed or stored in the shape it came in.",
			run: func(p *probe) {
				okta, sent := p.newOktaUser()
				plain := p.oktaUser()
				for _, name := range []string{"externalId", "groups", "password"} {
					delete(plain, name)
				}
				var body object
				p.prepare("cannot read the user to replace", func() { body = p.read(okta) })
				if p.features.serves(userURN, "displayName") {
					body["displayName"] = "Ann B. Lee"
				}
				p.status(p.okta("PUT", okta, body), 200)
				create := func(x *Exchange) (path string) {
					u := p.resource(x, 201)
					return pathOf("/Users", u)
				}
				if p.features.serves(userURN, "displayName") {
					plain["displayName"] = "Ann B. Lee"
				}
				oneLogin := create(p.nameless("POST", "/Users", plain))
				other := maps.Clone(plain)
				other["userName"] = p.userName()
				other["emails"] = []object{{"primary": true, "value": other["userName"], "type": "work"}}
				delete(other, "displayName")
				jumpCloud := create(p.post("/Users", other))
				if p.features.serves(userURN, "displayName") {
					p.status(p.patch(jumpCloud, op("replace", "", object{"displayName": "Ann B. Lee"})), 200, 204)
				}

				var ends []object
				for _, path := range []string{okta, oneLogin, jumpCloud} {
					u := p.read(path)
					id := idOf(u)
					group, _ := p.newGroup(nil)
					switch path {
					case okta:
						p.oktaPatch(group, op("add", "members", []object{oktaMember(id)}))
					case oneLogin:
						p.status(p.nameless("PATCH", group, object{"schemas": []string{patchURN}, "Operations": []object{op("add", "members", refs(id))}}), 200, 204)
					case jumpCloud:
						p.status(p.patch(group, op("add", "members", refs(id))), 200, 204)
					}
					p.members(group, id)
					ends = append(ends, endState(u))
				}
				p.expect(hasEmail(p.read(okta), sent["userName"]) || !p.features.serves(userURN, "emails"), "the e-mail address that was sent", show(p.read(okta)))
				p.equal("the user of OneLogin", ends[1], ends[0])
				p.equal("the user of JumpCloud", ends[2], ends[0])
			},
		},
	}
}

// endState is a user without what is the user's own: ids, addresses, times and
// a password that should not be shown.
func endState(user object) object {
	o := maps.Clone(user)
	maps.DeleteFunc(o, func(name string, v any) bool {
		list, ok := v.([]any)
		return slices.Contains([]string{"id", "meta", "userName", "externalId", "groups", "password"}, name) || ok && len(list) == 0
	})
	if emails, ok := o["emails"].([]any); ok {
		var bare []any
		for _, e := range emails {
			bare = append(bare, object{"type": field(e, "type"), "primary": field(e, "primary")})
		}
		o["emails"] = bare
	}
	return o
}
