package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The web validator replayed: names, requests and assertions are those of
// recorded runs of 2026 (25 required tests, 7 previews; pranems/SCIMServer and
// miiitch/EzSCIM have them). What it does in two ways, depending on whether
// "verbose" was chosen, is checked in both; of "Patch User - Add Attributes" no
// request is recorded, so that it is made as "Replace Attributes" is.
//
// Where the validator is known to be wrong this is not: it reports attributes
// that are never returned as missing, and [primary eq true] values too.

const validatorSource = "scimvalidator.microsoft.com"

// The header of the validator's requests that have a body. The others have none.
var validatorHeader = http.Header{"Content-Type": {"application/scim+json; charset=utf-8"}}

// validatorUser creates a user as the validator does before most tests.
func (p *probe) validatorUser(prefix string) (path string, user object, leaves []leaf) {
	_, user, leaves = p.validatorCreated(prefix)
	return pathOf("/Users", user), user, leaves
}

// validatorCreated creates a user, with more than the validator has if wanted,
// and returns what was sent too. If the user is refused as the validator has
// it, which "Create a new User" tells, it is created without what that is
// usually for, so that there is more to tell.
func (p *probe) validatorCreated(prefix string, more ...leaf) (body, user object, leaves []leaf) {
	p.prepare("cannot create the user that the validator creates", func() {
		leaves = p.filled(p.features.leaves())
		create := func(body object) *Exchange {
			for _, l := range more {
				l.put(body)
			}
			return p.as(validatorHeader, "POST", "/Users", body)
		}
		body = p.validatorBody(prefix+p.userName(), leaves)
		x := create(body)
		if x.Status == 400 {
			leaves = slices.DeleteFunc(leaves, func(l leaf) bool { return strings.HasPrefix(l.selector, "primary") }) // its string for a boolean
			body = p.userOf(prefix+p.userName(), leaves)                                                              // no manager
			x = create(body)
		}
		user = p.resource(x, 201)
	})
	return body, user, leaves
}

// validatorBody is a user with all that the validator fills: also an externalId
// if the schema has it, and a manager that does not exist.
func (p *probe) validatorBody(userName string, leaves []leaf) object {
	body := p.userOf(userName, leaves)
	if p.features.attribute(userURN, "externalId") != nil {
		body["externalId"] = guid()
	}
	if p.features.has[enterprise] && p.features.serves(enterpriseURN, "manager") {
		leaf{urn: enterpriseURN, attribute: "manager", sub: "value", value: letters(12)}.put(body)
		if schemas := body["schemas"].([]string); !slices.Contains(schemas, enterpriseURN) {
			body["schemas"] = append(schemas, enterpriseURN)
		}
	}
	return body
}

// validatorGroup creates a group as the validator does.
func (p *probe) validatorGroup() (path string, group object) {
	p.prepare("cannot create the group that the validator creates", func() {
		group = p.resource(p.as(validatorHeader, "POST", "/Groups", p.validatorGroupBody()), 201)
	})
	return pathOf("/Groups", group), group
}

func (p *probe) validatorGroupBody() object {
	return object{"externalId": guid(), "displayName": strings.ToUpper(p.unique("g")), "schemas": []string{groupURN}}
}

// validatorMember creates a user to be a member, and returns its id.
func (p *probe) validatorMember() string {
	_, user, _ := p.validatorUser("member_")
	return idOf(user)
}

// validatorFinds expects a search to find the one resource with all that the validator
// asks of it, and returns it.
func (p *probe) validatorFinds(x *Exchange, created object, urn, name string) object {
	r := p.finds(x, idOf(created))
	p.expect(has(r["schemas"], urn), "schemas with "+urn, x.summary())
	p.equal(name, field(r, name), field(created, name))
	return r
}

// validatorPatched sends a PATCH as the validator does and returns what a GET shows then.
func (p *probe) validatorPatched(path string, ops ...object) (*Exchange, object) {
	p.status(p.as(validatorHeader, "PATCH", path, patchOp(ops)), 200, 204)
	x := p.get(path)
	return x, p.resource(x, 200)
}

// gone expects a resource to be deleted: 204, and then nothing is there.
func (p *probe) gone(path string) {
	p.status(p.delete(path), 204)
	p.status(p.get(path), 404)
}

func validatorUserChecks() []check {
	return []check{
		{
			id: "validator.media-type", area: Transport, level: Must, rows: []string{"R-111", "E001", "E146"}, source: validatorSource + "; azure-docs #104859; SCIMReferenceCode #108",
			title: "The validator's run: answers are application/scim+json, so that it does not abort",
			why:   "The web validator gives up on the whole run, or warns of each test, when an answer is labelled application/json.",
			fix:   "Label every answer that has a body application/scim+json, whatever the request said.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, x := range []*Exchange{
					p.get(path),
					p.search("/Users", `userName eq "`+p.userName()+`"`),
					p.as(validatorHeader, "POST", "/Users", p.user(nil)),
					p.get("/Schemas"),
				} {
					if x.Status == 200 || x.Status == 201 { // other answers are for other checks
						p.media(x)
					}
				}
			},
		},
		{
			id: "validator.schema", area: Discovery, level: Should, rows: []string{"E140", "E146"}, source: validatorSource + "; scimmy-routers #10; sourcegraph #62185",
			title: `"Discover my schema": nothing in /Schemas that the validator refuses or takes for missing`,
			why:   `The web validator does not begin ("The attribute password for User is not supported by the SCIM protocol") if /Schemas has password or emails.display, and fails tests for attributes that are never returned. "Use default attributes" is the way around it.`,
			fix:   "Take out of /Schemas what the application does not serve: password and emails.display above all.",
			run: func(p *probe) {
				user := p.features.schemas[userURN]
				if user == nil {
					p.skip("the endpoint has no schema of users to discover")
				}
				var refused, missing []string
				for _, def := range attributes(user) {
					name, _ := field(def, "name").(string)
					if name == "password" {
						refused = append(refused, name)
					}
					for _, sub := range subAttributes(def) {
						if name == "emails" && field(sub, "name") == "display" {
							refused = append(refused, "emails.display")
						}
					}
				}
				for _, l := range p.features.leaves() {
					if l.hidden {
						missing = append(missing, l.path())
					}
				}
				p.expect(len(refused) == 0, "no attribute in the schema of users that the validator refuses", strings.Join(refused, ", "))
				p.expect(len(missing) == 0, "no attribute that is written and never returned", strings.Join(missing, ", "))
			},
		},
		{
			id: "validator.user.create", area: Create, level: Must, rows: []string{"E040", "E045", "E054", "E146"}, source: validatorSource,
			title: `"Create a new User": 201, and a search by userName finds it with each attribute as it was sent`,
			why:   "Most of the validator's tests begin with this user: if it is refused (a string \"True\" in roles, a manager that is not there yet, a random locale), they all fail. In production Entra reads back what it wrote and writes it again in every cycle where it differs.",
			fix:   "Take the body as it is: convert \"True\" to true, keep unknown managers, do not validate formats. Return every attribute of /Schemas as it was sent.",
			run: func(p *probe) {
				leaves := p.filled(p.features.leaves())
				body := p.validatorBody(p.userName(), leaves)
				x := p.as(validatorHeader, "POST", "/Users", body)
				user := p.resource(x, 201)
				userName, _ := body["userName"].(string)
				p.equal("userName", field(user, "userName"), userName)
				x = p.search("/Users", `userName eq "`+userName+`"`)
				p.compareLeaves(x, p.validatorFinds(x, user, userURN, "userName"), p.sentToo(body, leaves))
			},
		},
		{
			id: "validator.user.duplicate", area: Errors, level: Must, rows: []string{"E047", "E146"}, source: validatorSource,
			title: `"Create a duplicate User": 409`,
			why:   "Entra would make a second account for one person after a lost answer.",
			fix:   "Refuse a userName that is taken, in any case, with 409 and scimType uniqueness.",
			run: func(p *probe) {
				body, _, _ := p.validatorCreated("")
				p.status(p.as(validatorHeader, "POST", "/Users", body), 409)
			},
		},
		{
			id: "validator.user.filter", area: Filter, level: Must, rows: []string{"E023", "E146"}, source: validatorSource,
			title: `"Filter for an existing user": a list of this one, as it was created`,
			why:   "Entra looks for every user so before it creates it: one that is not found is created again, and refused.",
			fix:   `Answer ?filter=userName+eq+"…" with a ListResponse of the user in full.`,
			run: func(p *probe) {
				p.newUser(nil) // not to be found
				_, user, leaves := p.validatorUser("")
				userName, _ := user["userName"].(string)
				x := p.search("/Users", `userName eq "`+userName+`"`)
				p.compareLeaves(x, p.validatorFinds(x, user, userURN, "userName"), leaves)
			},
		},
		{
			id: "validator.user.filter.none", area: Filter, level: Must, rows: []string{"E020", "E146"}, source: validatorSource,
			title: `"Filter for a non-existing user": 200 and an empty list`,
			why:   "Test Connection and every creation begin so: an error here stops provisioning altogether.",
			fix:   "Answer 200 with totalResults 0, never 404.",
			run: func(p *probe) {
				p.newUser(nil)
				p.findsNone(p.search("/Users", `userName eq "nonexistent`+strings.ToLower(letters(12))+"_"+p.userName()+`"`))
			},
		},
		{
			id: "validator.user.filter.case", area: Filter, level: Must, rows: []string{"E024", "E146"}, source: validatorSource,
			title: `"Filter for an existing user with a different case": the same user`,
			why:   "Names are written in different cases at Entra and at the application; the user is then not found, created again, and refused.",
			fix:   "Compare userName without case (RFC 7643 §4.1.1: caseExact false).",
			run: func(p *probe) {
				_, user, leaves := p.validatorUser("")
				userName, _ := user["userName"].(string)
				x := p.search("/Users", `userName eq "`+strings.ToUpper(userName)+`"`)
				p.compareLeaves(x, p.validatorFinds(x, user, userURN, "userName"), leaves)
			},
		},
		{
			id: "validator.user.replace.verbose", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E060", "E061", "E067", "E073", "E146"}, source: validatorSource,
			title: `"Patch User - Replace Attributes Verbose Request": every attribute in one PATCH, each by its path`,
			why:   "It is how Entra updates a user: what is not applied, or fails the request, keeps old data, in every cycle again.",
			fix:   `Apply all operations in order; resolve paths such as emails[type eq "work"].value, roles[primary eq "True"].value and the URN's.`,
			run:   func(p *probe) { p.replaceAll(verbose) },
		},
		{
			id: "validator.user.replace", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E062", "E146"}, source: validatorSource,
			title: `"Patch User - Replace Attributes": elements by path and everything else in one operation without, whose keys are paths`,
			why:   "It is how Entra updates with the flag aadOptscim062020: \"name.givenName\" as a key must not become an attribute of that name.",
			fix:   `Without a path, read each key of the value as a path: "name.givenName", "urn:…:User:department".`,
			run:   func(p *probe) { p.replaceAll(compact) },
		},
		{
			id: "validator.user.rename", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E060", "E146"}, source: validatorSource,
			title: `"Update User userName": a replace without a path renames the user`,
			why:   "After a change of name Entra looks for the new userName, does not find it, and creates a second account.",
			fix:   "Apply {\"op\":\"replace\",\"value\":{\"userName\":…}} to the attribute that searches use.",
			run: func(p *probe) {
				if !p.features.renames() {
					p.skip("the endpoint's users keep their userName")
				}
				path, user, _ := p.validatorUser("")
				name := p.userName()
				_, now := p.validatorPatched(path, op("replace", "", object{"userName": name}))
				p.equal("userName", field(now, "userName"), name)
				x := p.search("/Users", `userName eq "`+name+`"`)
				l := p.list(x)
				p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the user under its new name", x.summary())
			},
		},
		{
			id: "validator.user.disable", area: Lifecycle, level: Must, needs: []feature{patching}, rows: []string{"E065", "E100", "E146"}, source: validatorSource + "; sourcegraph #49325",
			title: `"Patch User - Disable User": a GET then shows active false`,
			why:   "Who leaves the company keeps the account; or Entra, which finds nobody, creates it again.",
			fix:   `Apply {"op":"replace","path":"active","value":false}, and keep returning the user.`,
			run: func(p *probe) {
				p.wants("active")
				path, _, _ := p.validatorUser("")
				_, now := p.validatorPatched(path, op("replace", "active", false))
				p.equal("active", field(now, "active"), false)
			},
		},
		{
			id: "validator.user.add.verbose", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E063", "E068", "E070", "E073", "E076", "E146"}, source: validatorSource,
			title: `"Patch User - Add Attributes Verbose Request": every attribute added to a bare user in one PATCH, each by its path`,
			why:   `Elements and extensions that are not there yet must be made: Entra fills addresses[type eq "work"].locality of users that have no addresses.`,
			fix:   "Make the element that the path's filter describes, with type or primary as the filter says; convert \"True\" to true; make the extension.",
			run:   func(p *probe) { p.addAll(verbose) },
		},
		{
			id: "validator.user.add", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E062", "E063", "E068", "E146"}, source: validatorSource,
			title: `"Patch User - Add Attributes": elements by path and everything else in one operation without`,
			why:   "As with the verbose request, in the form of the flag aadOptscim062020.",
			fix:   "Without a path, read each key of the value as a path, and make what is not there yet.",
			run:   func(p *probe) { p.addAll(compact) },
		},
		{
			id: "validator.manager.add", area: Patch, level: Must, needs: []feature{patching, enterprise}, rows: []string{"E078", "E079", "E146"}, source: validatorSource,
			title: `"Patch User - Add Manager": by a bare id or by {"value": id}, a GET shows manager.value`,
			why:   "Entra writes managers as a bare id. Refused, or kept as a string, the user's whole update fails.",
			fix:   `Take a string for manager as {"value": string}, and return an object.`,
			run: func(p *probe) {
				path, ids := p.withManagers()
				p.manager(path, op("add", managerPath, ids[0]), ids[0])
				p.manager(path, op("add", managerPath, object{"value": ids[1]}), ids[1])
			},
		},
		{
			id: "validator.manager.replace", area: Patch, level: Must, needs: []feature{patching, enterprise}, rows: []string{"E079", "E146"}, source: validatorSource,
			title: `"Patch User - Replace Manager": the old one is gone`,
			why:   "Approvals go to a manager who is not the manager any more.",
			fix:   "Replace the whole value of manager, whether it comes as a bare id or as an object.",
			run: func(p *probe) {
				path, ids := p.withManagers()
				p.manager(path, op("add", managerPath, ids[0]), ids[0])
				p.manager(path, op("replace", managerPath, ids[1]), ids[1])
				p.manager(path, op("replace", managerPath, object{"value": ids[0]}), ids[0])
			},
		},
		{
			id: "validator.manager.remove", area: Patch, level: Must, needs: []feature{patching, enterprise}, rows: []string{"E080", "E146"}, source: validatorSource,
			title: `"Patch User - Remove Manager": a replace with "" or {"value": ""} leaves none`,
			why:   "Entra has no other way to take a manager away: the old one stays for ever.",
			fix:   `Take "", {"value": ""} and null as "no value".`,
			run: func(p *probe) {
				path, ids := p.withManagers()
				for _, empty := range []any{"", object{"value": ""}} {
					p.manager(path, op("add", managerPath, ids[0]), ids[0])
					x, now := p.validatorPatched(path, op("replace", managerPath, empty))
					manager := managerOf(now)
					p.expect(manager == nil || manager == "", "no manager", x.summary())
				}
			},
		},
		{
			id: "validator.user.delete", area: Lifecycle, level: Must, rows: []string{"E101", "E146"}, source: validatorSource,
			title: `"Delete a User": 204, and a GET is 404 then`,
			why:   "Entra deletes for good 30 days after the user was deleted there: a user that is still found is deleted again in every cycle.",
			fix:   "Answer 204, and 404 to all that follows; deleting softly is fine if clients cannot see it.",
			run: func(p *probe) {
				path, _, _ := p.validatorUser("")
				p.gone(path)
			},
		},
	}
}

const managerPath = enterpriseURN + ":manager"

// sentToo adds to the leaves what a body has besides them: the externalId.
func (p *probe) sentToo(body object, leaves []leaf) []leaf {
	if id, ok := body["externalId"]; ok {
		leaves = append(slices.Clone(leaves), leaf{attribute: "externalId", typ: "string", value: id})
	}
	return leaves
}

// replaceAll replaces every attribute of a user and compares.
func (p *probe) replaceAll(write func(string, []leaf) []object) {
	path, _, leaves := p.validatorUser("")
	leaves = p.filled(leaves)
	if p.features.attribute(userURN, "externalId") != nil {
		leaves = append(leaves, leaf{attribute: "externalId", typ: "string", value: guid()})
	}
	if len(leaves) == 0 {
		p.skip("the endpoint's users have no attribute that the validator replaces")
	}
	x, now := p.validatorPatched(path, write("replace", leaves)...)
	p.compareLeaves(x, now, leaves)
}

// addAll adds every attribute to a user that has only what it must, and
// compares.
func (p *probe) addAll(write func(string, []leaf) []object) {
	leaves := p.filled(p.features.leaves())
	if len(leaves) == 0 {
		p.skip("the endpoint's users have no attribute that the validator adds")
	}
	var user object
	p.prepare("cannot create the bare user that the validator creates", func() {
		user = p.resource(p.as(validatorHeader, "POST", "/Users", p.userOf(p.userName(), nil)), 201)
	})
	x, now := p.validatorPatched(pathOf("/Users", user), write("add", leaves)...)
	p.compareLeaves(x, now, leaves)
}

// withManagers creates a user, and two to be its managers.
func (p *probe) withManagers() (path string, ids []string) {
	p.wants(managerPath)
	path, _, _ = p.validatorUser("")
	return path, p.newUsers(2)
}

// manager sends an operation and expects this manager then.
func (p *probe) manager(path string, o object, want string) {
	x, now := p.validatorPatched(path, o)
	p.expect(managerOf(now) == want, "manager.value "+want, x.summary())
}

// managerOf returns manager.value of a user.
func managerOf(user object) any {
	return field(field(field(user, enterpriseURN), "manager"), "value")
}

func validatorGroupChecks() []check {
	search := func(p *probe, query string) *Exchange { return p.get("/Groups?" + query) }
	eq := func(name string) string { return "filter=" + url.QueryEscape(`displayName eq "`+name+`"`) }
	const out = "excludedAttributes=members"
	return []check{
		{
			id: "validator.group.create", area: Create, level: Must, needs: []feature{groups}, rows: []string{"E110", "E146"}, source: validatorSource,
			title: `"Create a new Group": 201 and the group as it was sent`,
			why:   "No group is ever provisioned; access that depends on groups is not given.",
			fix:   "Create groups without members, and return 201 with id and displayName.",
			run: func(p *probe) {
				body := p.validatorGroupBody()
				x := p.as(validatorHeader, "POST", "/Groups", body)
				group := p.resource(x, 201)
				p.equal("displayName", field(group, "displayName"), body["displayName"])
				if got := field(group, "externalId"); got != nil { // an endpoint may keep none
					p.equal("externalId", got, body["externalId"])
				}
			},
		},
		{
			id: "validator.group.duplicate", area: Errors, level: Must, needs: []feature{groups}, rows: []string{"E112", "E146"}, source: validatorSource,
			title: `"Create a duplicate Group": 409`,
			why:   "displayName is what Entra matches groups by: two of one name cannot be told apart, and its next search fails for having found two.",
			fix:   "Refuse a group whose displayName is taken with 409 and scimType uniqueness.",
			run: func(p *probe) {
				body := p.validatorGroupBody()
				p.prepare("cannot create the group that the validator creates", func() { p.resource(p.as(validatorHeader, "POST", "/Groups", body), 201) })
				p.status(p.as(validatorHeader, "POST", "/Groups", body), 409)
			},
		},
		{
			id: "validator.group.get.excluding", area: Projection, level: Must, needs: []feature{groups}, rows: []string{"E113", "E146"}, source: validatorSource,
			title: `"Get group by id excluding members": the group without members`,
			why:   "Entra asks so before every change of a group: a large group's members make the answer time out.",
			fix:   "Honour excludedAttributes=members: no key members at all.",
			run: func(p *probe) {
				path, group := p.validatorGroup()
				p.fillGroup(path)
				x := p.get(path + "?" + out)
				got := p.resource(x, 200)
				p.equal("displayName", field(got, "displayName"), field(group, "displayName"))
				p.expect(field(got, "members") == nil, "no members", x.summary())
			},
		},
		{
			id: "validator.group.filter.excluding", area: Projection, level: Must, needs: []feature{groups}, rows: []string{"E113", "E146"}, source: validatorSource,
			title: `"Filter for an existing group by displayName excluding members": the group without members`,
			why:   "It is how Entra looks for a group: a large group's members make the answer time out.",
			fix:   "Honour excludedAttributes=members in searches, in front of the filter too.",
			run: func(p *probe) {
				path, group := p.validatorGroup()
				p.fillGroup(path)
				x := search(p, out+"&"+eq(nameOf(group)))
				p.expect(field(p.validatorFinds(x, group, groupURN, "displayName"), "members") == nil, "no members", x.summary())
			},
		},
		{
			id: "validator.group.filter", area: Filter, level: Must, needs: []feature{groups}, rows: []string{"E115", "E146"}, source: validatorSource,
			title: `"Filter for an existing group": a list of this one`,
			why:   "Entra looks for every group so before it creates it.",
			fix:   `Answer ?filter=displayName+eq+"…" with a ListResponse of the group.`,
			run: func(p *probe) {
				p.newGroup(nil) // not to be found
				_, group := p.validatorGroup()
				p.validatorFinds(search(p, eq(nameOf(group))), group, groupURN, "displayName")
			},
		},
		{
			id: "validator.group.filter.none", area: Filter, level: Must, needs: []feature{groups}, rows: []string{"E021", "E146"}, source: validatorSource,
			title: `"Filter for a non-existing group": 200 and an empty list`,
			why:   "Every creation of a group begins so: an error here stops it.",
			fix:   "Answer 200 with totalResults 0, never 404.",
			run: func(p *probe) {
				p.newGroup(nil)
				p.findsNone(search(p, eq("nonexistent"+strings.ToLower(letters(12))+"_"+p.unique("g"))))
			},
		},
		{
			id: "validator.group.filter.case", area: Filter, level: Must, needs: []feature{groups}, rows: []string{"E115", "E146"}, source: validatorSource,
			title: `"Filter for an existing group with a different case": the same group`,
			why:   "A group whose name changed its case is not found, and created a second time.",
			fix:   "Compare displayName without case (RFC 7643 §2.2: caseExact is false by default).",
			run: func(p *probe) {
				_, group := p.validatorGroup()
				p.validatorFinds(search(p, eq(strings.ToLower(nameOf(group)))), group, groupURN, "displayName")
			},
		},
		{
			id: "validator.group.replace", area: Patch, level: Must, needs: []feature{groups, patching}, rows: []string{"E128", "E146"}, source: validatorSource,
			title: `"Patch Group - Replace Attributes": a replace without a path sets externalId`,
			why:   "Entra matches groups by externalId: one that is not stored is compared, and sent, in every cycle.",
			fix:   `Apply {"op":"replace","value":{"externalId":…}}: an object, not a name.`,
			run: func(p *probe) {
				path, group := p.validatorGroup()
				if field(group, "externalId") == nil {
					p.skip("the endpoint keeps no externalId of groups")
				}
				id := guid()
				_, now := p.validatorPatched(path, op("replace", "", object{"externalId": id}))
				p.equal("externalId", field(now, "externalId"), id)
				p.equal("displayName", field(now, "displayName"), field(group, "displayName"))
			},
		},
		{
			id: "validator.group.rename", area: Patch, level: Must, needs: []feature{groups, patching}, rows: []string{"E127", "E146"}, source: validatorSource,
			title: `"Update Group displayName": a replace without a path renames the group`,
			why:   "After a change of name Entra does not find the group, and creates a second one.",
			fix:   `Apply {"op":"replace","value":{"displayName":…}}: an object, not a name.`,
			run: func(p *probe) {
				path, group := p.validatorGroup()
				name := strings.ToUpper(p.unique("g"))
				_, now := p.validatorPatched(path, op("replace", "", object{"displayName": name}))
				p.equal("displayName", field(now, "displayName"), name)
				x := search(p, eq(name))
				p.expect(slices.Equal(p.list(x).ids(), []string{idOf(group)}), "the group under its new name", x.summary())
			},
		},
		{
			id: "validator.group.members.add", area: Members, level: Must, needs: []feature{groups, patching}, rows: []string{"E123", "E146"}, source: validatorSource,
			title: `"Patch Group - Add Member": a replace of members with a list makes it the list`,
			why:   "Nobody gets into the group.",
			fix:   `Apply {"op":"replace","path":"members","value":[{"value":id}]}.`,
			run: func(p *probe) {
				path, _ := p.validatorGroup()
				member := p.validatorMember()
				p.status(p.as(validatorHeader, "PATCH", path, patchOp([]object{op("replace", "members", refs(member))})), 200, 204)
				p.members(path, member)
			},
		},
		{
			id: "validator.group.members.remove", area: Members, level: Must, needs: []feature{groups, patching}, rows: []string{"E121", "E146"}, source: validatorSource,
			title: `"Patch Group - Remove Member": members[value eq "id"] goes, the other stays`,
			why:   "Who left a team keeps its access; or the whole team loses it.",
			fix:   "Resolve the path's filter, and remove only the members that it selects.",
			run: func(p *probe) {
				path, _ := p.validatorGroup()
				ids := []string{p.validatorMember(), p.validatorMember()}
				p.prepare("cannot add members", func() {
					p.status(p.as(validatorHeader, "PATCH", path, patchOp([]object{op("replace", "members", refs(ids...))})), 200, 204)
				})
				p.status(p.as(validatorHeader, "PATCH", path, patchOp([]object{op("remove", `members[value eq "`+ids[0]+`"]`, nil)})), 200, 204)
				p.members(path, ids[1:]...)
			},
		},
		{
			id: "validator.group.delete", area: Lifecycle, level: Must, needs: []feature{groups}, rows: []string{"E134", "E146"}, source: validatorSource,
			title: `"Delete a Group": 204, and a GET is 404 then`,
			why:   "A group that was deleted at Entra keeps giving access.",
			fix:   "Answer 204, and 404 to all that follows.",
			run: func(p *probe) {
				path, _ := p.validatorGroup()
				p.gone(path)
			},
		},
	}
}

// nameOf returns the displayName.
func nameOf(group object) string {
	name, _ := field(group, "displayName").(string)
	return name
}

// fillGroup puts a member into the group, so that there is something to leave
// out. An endpoint that cannot do that has a finding elsewhere.
func (p *probe) fillGroup(path string) {
	if !p.features.has[patching] {
		return
	}
	p.prepare("cannot add a member", func() {
		_, user := p.newUser(nil)
		p.status(p.patch(path, op("add", "members", refs(idOf(user)))), 200, 204)
	})
}

func validatorPreviewChecks() []check {
	return []check{
		{
			id: "preview.user.several-attributes", area: Patch, level: Should, needs: []feature{patching}, rows: []string{"E061", "E146"}, source: validatorSource + " (preview)",
			title: `"Patch User - Multiple Operations on different attributes": remove, add and replace in one request`,
			why:   "Entra gathers all changes of a user in one request.",
			fix:   "Apply all operations of a PATCH, in their order.",
			run: func(p *probe) {
				path, kept := p.withKept(3)
				removed, added, replaced := kept[2], kept[0], kept[1]
				added.value, replaced.value = p.fake(added), p.fake(replaced)
				x, now := p.validatorPatched(path, op("remove", removed.path(), nil), op("add", "", object{added.path(): added.value}), op("replace", "", object{replaced.path(): replaced.value}))
				p.compareLeaves(x, now, []leaf{added, replaced})
				p.expect(removed.in(now) == nil || removed.in(now) == "", "no "+removed.path(), x.summary())
			},
		},
		{
			id: "preview.user.one-attribute", area: Patch, level: Should, needs: []feature{patching}, rows: []string{"E090", "E146"}, source: validatorSource + " (preview)",
			title: `"Patch User - Multiple Operations on same attribute": remove, add and replace of one attribute, the last wins`,
			why:   "Operations that are applied in another order than theirs leave the wrong value.",
			fix:   "Apply all operations of a PATCH, in their order (RFC 7644 §3.5.2).",
			run: func(p *probe) {
				path, kept := p.withKept(1)
				l := kept[0]
				first, last := p.fake(l), p.fake(l)
				l.value = last
				x, now := p.validatorPatched(path, op("remove", l.path(), nil), op("add", "", object{l.path(): first}), op("replace", "", object{l.path(): last}))
				p.compareLeaves(x, now, []leaf{l})
			},
		},
		{
			id: "preview.user.delete.unknown", area: Errors, level: Should, rows: []string{"E101", "E146"}, source: validatorSource + " (preview)",
			title: `"Delete a non-existent User": 404`,
			why:   "A deletion that succeeds although there is nothing hides that the wrong application was connected.",
			fix:   "Answer 404.",
			run:   func(p *probe) { p.status(p.delete("/Users/"+guid()), 404) },
		},
		{
			id: "preview.user.delete.twice", area: Lifecycle, level: Should, rows: []string{"E101", "E146"}, source: validatorSource + " (preview)",
			title: `"Delete the same User twice": 204, then 404`,
			why:   "A retry of a deletion must not fail with 500, nor delete another.",
			fix:   "Answer 404 once the user is gone.",
			run: func(p *probe) {
				path, _, _ := p.validatorUser("")
				p.status(p.delete(path), 204)
				p.status(p.delete(path), 404)
			},
		},
		{
			id: "preview.group.one-attribute", area: Members, level: Should, needs: []feature{groups, patching}, rows: []string{"E121", "E146"}, source: validatorSource + " (preview)",
			title: `"Patch Group - Multiple Operations on same attribute": a member added and removed in one request is not in`,
			why:   "Entra sends additions and removals of a group in one request.",
			fix:   "Apply all operations of a PATCH, in their order.",
			run: func(p *probe) {
				path, _ := p.validatorGroup()
				member := p.validatorMember()
				ops := []object{op("add", "members", refs(member)), op("remove", `members[value eq "`+member+`"]`, nil)}
				p.status(p.as(validatorHeader, "PATCH", path, patchOp(ops)), 200, 204)
				p.members(path)
			},
		},
		{
			id: "preview.group.delete.unknown", area: Errors, level: Should, needs: []feature{groups}, rows: []string{"E134", "E146"}, source: validatorSource + " (preview)",
			title: `"Delete a non-existent Group": 404`,
			why:   "A deletion that succeeds although there is nothing hides that the wrong application was connected.",
			fix:   "Answer 404.",
			run:   func(p *probe) { p.status(p.delete("/Groups/"+guid()), 404) },
		},
		{
			id: "preview.group.delete.twice", area: Lifecycle, level: Should, needs: []feature{groups}, rows: []string{"E134", "E146"}, source: validatorSource + " (preview)",
			title: `"Delete the same Group twice": 204, then 404`,
			why:   "A retry of a deletion must not fail with 500, nor delete another.",
			fix:   "Answer 404 once the group is gone.",
			run: func(p *probe) {
				path, _ := p.validatorGroup()
				p.status(p.delete(path), 204)
				p.status(p.delete(path), 404)
			},
		},
	}
}

// withKept creates a user, and returns simple attributes that may be taken from
// it again and that it was seen to keep: externalId first, as the validator has
// it, then displayName and others.
func (p *probe) withKept(n int) (path string, kept []leaf) {
	external := leaf{attribute: "externalId", typ: "string", value: guid()}
	_, user, leaves := p.validatorCreated("", external)
	candidates := []leaf{external}
	for _, name := range []string{"displayName", "nickName", "preferredLanguage", "title", "userType"} {
		for _, l := range leaves {
			if l.urn == "" && l.attribute == name {
				candidates = append(candidates, l)
			}
		}
	}
	for _, l := range candidates {
		if l.kept(user) && p.features.required[l.attribute] == nil && len(kept) < n {
			kept = append(kept, l)
		}
	}
	if len(kept) < n {
		p.skip("the endpoint's users have too few simple attributes that are not required")
	}
	return pathOf("/Users", user), kept
}
