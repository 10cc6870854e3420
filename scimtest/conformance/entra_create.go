package conformance

import (
	"slices"
	"strings"
)

func entraCreateChecks() []check {
	checks := inArea(Create, nil, []check{
		{
			id:     "create.default-mapping",
			title:  "A user with Entra's default mapping is created, and every value is read back as it was sent",
			rows:   []string{"E040", "R-123"},
			source: entraTutorial,
			level:  Must,
			why:    "This is the first POST of every new user. Entra compares what it reads with what it sent: a value that is lost or changed is sent again in every cycle.",
			fix:    "Store all attributes that the schema has, those of the enterprise extension under its URN, and return them unchanged.",
			run: func(p *probe) {
				name, external, email := p.userName(), guid(), p.email()
				x := p.entraPost("/Users", p.fitted(entraUser(name, external, email)))
				user := p.resource(x, 201, 200)
				p.stands(user, "userName", name)
				user = p.read(pathOf("/Users", user))
				p.stands(user, "userName", name, "externalId", external)
				if p.takes("active") {
					p.stands(user, "active", true)
				}
				for _, m := range p.mapping() {
					want := m.value
					if strings.HasPrefix(m.path, "emails") {
						want = email
					}
					p.stands(user, m.path, want)
				}
			},
		},
		{
			id:     "create.minimal",
			title:  "A user with a userName alone is created, and is active",
			rows:   []string{"E041", "A-32"},
			source: "RFC 7644 §3.3",
			level:  Should,
			why:    "A mapping without active must not leave people locked out of the application.",
			fix:    "Let active default to true on create.",
			run: func(p *probe) {
				p.wants("active")
				name := p.userName()
				user := p.resource(p.entraPost("/Users", p.fitted(`{"schemas":["`+userURN+`"],"userName":`+quote(name)+`}`)), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), "active", true)
			},
		},
		{
			id:     "create.extension-named-only",
			title:  "schemas may name the enterprise extension where there is no data for it",
			rows:   []string{"E042", "A-26"},
			source: entraTutorial + "; SCIM-SDK's tests of Azure AD",
			level:  Must,
			needs:  []feature{enterprise},
			why:    "Entra always names the extension, also for users without department and employee number. Refused, none of them is created.",
			fix:    "Take the list of schemas as a hint: what counts is the data.",
			run: func(p *probe) {
				body := p.user(object{"schemas": []string{userURN, enterpriseURN}})
				p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
			},
		},
		{
			id:     "create.extension-unnamed",
			title:  "Data of an extension is kept even if schemas does not name it",
			rows:   []string{"E043", "A-26"},
			source: entraMappings,
			level:  Should,
			why:    "Entra sends custom extensions without naming them in schemas. Dropped, the attribute is sent again in every cycle.",
			fix:    "Read the data of every extension that you know, and list it in schemas yourself.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":department")
				body := p.user(object{"schemas": []string{userURN}, enterpriseURN: object{"department": "Sales"}})
				user := p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), enterpriseURN+":department", "Sales")
			},
		},
		{
			id:     "create.nulls",
			title:  "meta, empty arrays and nulls in a POST are no obstacle",
			rows:   []string{"E044", "R-127", "R-052"},
			source: entraTutorial,
			level:  Must,
			why:    "Entra sends meta, roles [] and null for attributes without a value. Refused, the user is never created.",
			fix:    "Ignore meta, and take null and [] as “no value”.",
			run: func(p *probe) {
				body := p.user(nil)
				raw := strings.TrimSuffix(string(encode(body)), "}")
				for _, name := range []string{"roles", "addresses", "title", "nickName"} {
					if field(body, name) == nil {
						raw += "," + quote(name) + ":" + map[bool]string{true: "[]", false: "null"}[name == "roles"]
					}
				}
				raw += `,"meta":{"resourceType":"User"}}`
				user := p.resource(p.entraPost("/Users", raw), 201, 200)
				p.cleared(p.read(pathOf("/Users", user)), "title", "nickName", "addresses")
			},
		},
		{
			id:     "create.nulls-outside",
			title:  "null for department and manager, outside the extension they belong to, is no obstacle",
			rows:   []string{"E044", "R-127", "A-25"},
			source: entraTutorial + ", example 2",
			level:  Should,
			why:    "Microsoft's own sample of a POST has them; whoever tests with it creates no user.",
			fix:    "Ignore attributes that nobody knows, at least those without a value.",
			run: func(p *probe) {
				raw := strings.TrimSuffix(string(encode(p.user(nil))), "}")
				p.resource(p.entraPost("/Users", raw+`,"department":null,"manager":null}`), 201, 200)
			},
		},
		{
			id:     "create.unknown-schema",
			title:  "A URI in schemas that nobody knows is ignored",
			rows:   []string{"E044", "A-25"},
			source: entraTutorial + " (its sample has …enterprise:2.0User)",
			level:  Should,
			why:    "Microsoft's own sample misspells the extension, and groups come with a schema of Microsoft's.",
			fix:    "Ignore unknown URIs in schemas.",
			run: func(p *probe) {
				body := p.user(object{"schemas": []string{userURN, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"}})
				p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
			},
		},
		{
			id:     "create.string-boolean",
			title:  `active "True" creates an active user, and comes back as a JSON boolean`,
			rows:   []string{"E045", "A-27"},
			source: entraPostman + "; " + entraCompliance,
			level:  Must,
			why:    "The default mapping of active is an expression that yields text. Refused, nobody is created; stored as text, Entra cannot read the user.",
			fix:    "Convert \"True\" and \"False\", in any case, for every attribute of type boolean.",
			run: func(p *probe) {
				p.wants("active")
				user := p.resource(p.entraPost("/Users", string(encode(p.user(object{"active": "True"})))), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), "active", true)
			},
		},
		{
			id:     "create.string-primary",
			title:  `roles with primary "True" are stored, and primary comes back as a JSON boolean`,
			rows:   []string{"E045", "A-27"},
			source: "pranems/SCIMServer validator run 26",
			level:  Should,
			why:    "Microsoft's validator creates users so; the rest of the role is lost, or the POST refused, where booleans are not converted.",
			fix:    "Convert \"True\" and \"False\" for booleans within complex attributes too.",
			run: func(p *probe) {
				p.wants("roles", "roles.primary")
				role := p.roles()[0]
				body := p.user(object{"roles": []object{{"primary": "True", "type": "WindowsAzureActiveDirectoryRole", "value": role}}})
				user := p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
				p.equal("roles.primary", firstOf(p.read(pathOf("/Users", user)), "roles", "primary"), true)
			},
		},
		{
			id:     "create.odd-case",
			title:  "Names of attributes are understood in any case: UserName, Emails[].Primary",
			rows:   []string{"E046", "R-002"},
			source: entraPostman + "; imulab/go-scim #60",
			level:  Must,
			why:    "Admins type target attributes by hand, and Microsoft's own requests have Primary. A user without a userName is refused, an address silently lost.",
			fix:    "Compare attribute names without regard to case, in bodies too.",
			run: func(p *probe) {
				p.wants("emails.primary")
				body := p.user(nil)
				name, email := body["userName"], p.email()
				delete(body, "userName")
				delete(body, "emails")
				body["UserName"] = name
				body["Emails"] = []object{{"Primary": true, "Type": "work", "Value": email}}
				user := p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), "userName", name, `emails[type eq "work"].value`, email)
			},
		},
		{
			id:     "create.duplicate",
			title:  "A second POST of a userName is 409, and the first user is found afterwards",
			rows:   []string{"E047", "E050", "R-128"},
			source: entraLogs + "; pranems/SCIMServer",
			level:  Must,
			why:    "After an answer that got lost Entra POSTs the same user again. A second account is a duplicate that nobody takes away; any other status than 409 is not understood as “exists”.",
			fix:    "Make userName unique in the database, and answer its violation with 409 and scimType uniqueness.",
			run: func(p *probe) {
				name, external := p.userName(), guid()
				body := p.fitted(entraUser(name, external, p.email()))
				user := p.resource(p.entraPost("/Users", body), 201, 200)
				p.status(p.entraPost("/Users", body), 409)
				p.entraFinds("/Users", "userName eq "+quote(name), idOf(user))
				p.entraFinds("/Users", "externalId eq "+quote(external), idOf(user))
			},
		},
		{
			id:     "create.duplicate-case",
			title:  "A userName that differs in the case of letters alone is a duplicate: 409",
			rows:   []string{"E047", "R-027"},
			source: "RFC 7643 §4.1.1; ory/polis PR #4067",
			level:  Should,
			why:    "User principal names have no case. Two accounts for one person share nothing, and the next search finds both: DuplicateTargetEntries.",
			fix:    "Put the unique index on the folded userName.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				p.status(p.post("/Users", p.user(object{"userName": strings.ToUpper(name)})), 409)
			},
		},
		{
			id:     "create.external-id-twice",
			title:  "A second user with the same externalId is created or refused, without a server error",
			rows:   []string{"E048"},
			source: entraLogs,
			level:  Must,
			why:    "It happens when an object is restored or re-created. A 500 is repeated every 40 minutes and counts towards quarantine.",
			fix:    "Decide whether externalId is unique; answer a violation with 409.",
			run: func(p *probe) {
				external := guid()
				p.newUser(object{"externalId": external})
				p.status(p.post("/Users", p.user(object{"externalId": external})), 201, 200, 409, 400)
			},
		},
		{
			id:     "create.bad-body",
			title:  "A POST without userName, and one that is no JSON, are 400",
			rows:   []string{"E049", "R-130", "R-131"},
			source: entraPostman,
			level:  Must,
			why:    "Entra retries a 5xx as an outage of yours. A 400 tells the admin that the mapping is wrong.",
			fix:    "Validate before storing; answer 400 with invalidSyntax or invalidValue.",
			run: func(p *probe) {
				body := p.user(nil)
				delete(body, "userName")
				p.status(p.entraPost("/Users", string(encode(body))), 400)
				p.status(p.entraPost("/Users", `{"schemas":["`+userURN+`"],"userName":`), 400)
			},
		},
		{
			id:     "create.unknown-attribute",
			title:  "An attribute that nobody knows is ignored, and the user created",
			rows:   []string{"E049", "A-25"},
			source: entraPostman + " (its misspelled attribute)",
			level:  Should,
			why:    "A custom mapping to an attribute that the application does not have should cost that attribute, not the user.",
			fix:    "Ignore unknown attributes in POST, and log them.",
			run: func(p *probe) {
				p.resource(p.entraPost("/Users", string(encode(p.user(object{"extraAttribute": "x"})))), 201, 200)
			},
		},
		{
			id:     "create.disabled-exists",
			title:  "A POST of a userName that a disabled user has makes no second user",
			rows:   []string{"E053", "R-128"},
			source: entraHow,
			level:  Must,
			why:    "Disabled users come back, with their data. A second account with the same name splits the person in two, and the next search is DuplicateTargetEntries.",
			fix:    "Keep disabled users in the unique index; answer 409. Entra then finds the user and enables it.",
			run: func(p *probe) {
				p.wants("active")
				_, user := p.newUser(object{"active": false})
				name, _ := field(user, "userName").(string)
				x := p.post("/Users", p.user(object{"userName": name}))
				if x.Status == 201 || x.Status == 200 {
					id := p.resource(x, 201, 200)["id"] // the same: revived, which is another's taste
					p.expect(equal(id, user["id"]), "409 Conflict, or the user "+show(user["id"])+" again", x.answer()+" with another id, "+show(id))
					return
				}
				p.status(x, 409)
			},
		},
		{
			id:     "create.verbatim",
			title:  "A phone number is stored as it is: 55555555555",
			rows:   []string{"E052"},
			source: entraTutorial,
			level:  Must,
			why:    "Entra compares text. A number that is tidied up differs forever and is sent again in every cycle; one that is refused costs the user.",
			fix:    "Store phone numbers and addresses verbatim; format them where they are shown.",
			run: func(p *probe) {
				const work = `phoneNumbers[type eq "work"].value`
				p.wants(work)
				user := p.resource(p.post("/Users", p.user(object{"phoneNumbers": []object{{"type": "work", "value": "55555555555"}}})), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), work, "55555555555")
			},
		},
		{
			id:     "create.verbatim-name",
			title:  "A userName keeps its capitals",
			rows:   []string{"E040", "R-098"},
			source: entraTutorial,
			level:  Must,
			why:    "Entra reads the user and compares text, capitals too: a userName that was put in lower case is sent again in every cycle.",
			fix:    "Compare user names without case; store them as they are sent.",
			run: func(p *probe) {
				name := "Ada.Lovelace-" + p.userName()
				user := p.resource(p.entraPost("/Users", string(encode(p.user(object{"userName": name})))), 201, 200)
				p.stands(p.read(pathOf("/Users", user)), "userName", name)
			},
		},
		{
			id:     "create.dangling-manager",
			title:  "A user whose manager is not there yet is created",
			rows:   []string{"E054"},
			source: "pranems/SCIMServer, web validator",
			level:  Should,
			why:    "References come in any order. The user is worth more than the reference; Entra counts a refused user, and quarantine comes with enough of them.",
			fix:    "Store the manager's id as it is, or leave the manager out, but create the user.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":manager")
				body := p.user(object{"schemas": []string{userURN, enterpriseURN}, enterpriseURN: object{"manager": object{"value": guid()}}})
				p.resource(p.entraPost("/Users", string(encode(body))), 201, 200)
			},
		},
	})
	return append(checks, inArea(Read, nil, []check{
		{
			id:     "read.by-id",
			title:  "A user is read by its id, and an id that there is not, or no more, is 404",
			rows:   []string{"E051", "R-133", "R-134"},
			source: entraTutorial + "; " + entraLogs,
			level:  Must,
			why:    "Entra keeps the id and reads the user before each update. 404 means InvalidAnchor, the user is gone; any other status keeps a dead link alive and is retried for ever.",
			fix:    "Answer 404 to every id that is not there, of whatever form it is, and 200 with the whole resource otherwise.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				x := p.entraGet(path)
				p.media(x)
				p.stands(p.resource(x, 200), "id", user["id"], "userName", field(user, "userName"))
				p.status(p.entraGet("/Users/"+guid()), 404)
				p.status(p.entraGet("/Users/no%20such%27id"), 404, 400)
				p.status(p.delete(path), 204, 200, 202)
				p.status(p.entraGet(path), 404)
			},
		},
		{
			id:     "read.same-everywhere",
			title:  "POST, GET and a search show the same user",
			rows:   []string{"E097", "E023"},
			source: entraTutorial,
			level:  Must,
			why:    "Entra takes the differences to send from whichever answer it has. An attribute that one of them lacks is sent again and again.",
			fix:    "Render a resource in one place.",
			run: func(p *probe) {
				name := p.userName()
				user := p.resource(p.entraPost("/Users", p.fitted(entraUser(name, guid(), p.email()))), 201, 200)
				read := p.read(pathOf("/Users", user))
				l := p.entraSearch("/Users", "userName eq "+quote(name))
				p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the user "+name, show(l.object))
				for _, m := range append(entraMapping(), mapped{path: "externalId"}, mapped{path: "active"}) {
					p.equal(m.path+" in the list", at(l.resources[0], m.path), at(read, m.path))
					if created := at(user, m.path); created != nil { // the answer to a POST may be short
						p.equal(m.path+" in the answer to POST", created, at(read, m.path))
					}
				}
			},
		},
	})...)
}

// roles makes up two roles, or finds two that the endpoint's schema names.
func (p *probe) roles() [2]string {
	value := definition(subAttributes(p.features.attribute(userURN, "roles")), "value")
	if values, _ := field(value, "canonicalValues").([]any); len(values) >= 2 {
		a, _ := values[0].(string)
		b, _ := values[1].(string)
		return [2]string{a, b}
	}
	return [2]string{"25", "26"}
}

// firstOf returns a sub-attribute of the first element of an attribute.
func firstOf(resource object, name, sub string) any {
	for _, e := range objects(field(resource, name)) {
		return field(e, sub)
	}
	return nil
}
