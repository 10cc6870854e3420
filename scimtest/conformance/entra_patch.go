package conformance

import (
	"strings"
)

func entraPatchChecks() []check {
	return inArea(Patch, []feature{patching}, []check{
		{
			id:     "patch.replace",
			title:  "Replace with a capital letter sets userName, displayName, title and externalId",
			rows:   []string{"E060", "A-28"},
			source: entraTutorial + "; " + entraCompliance,
			level:  Must,
			why:    "Entra's default dialect capitalises Add, Replace and Remove. Where replace alone is known, no change ever arrives, and the log says SystemForCrossDomainIdentityManagementBadRequest.",
			fix:    "Compare op without regard to case.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, set := range []mapped{{"userName", p.userName(), ""}, {"displayName", "Pvlo", ""}, {"title", "Guide", ""}, {"externalId", guid(), ""}} {
					if p.takes(set.path) {
						p.stands(p.entraUpdate(path, entraOp("Replace", set.path, quote(set.value))), set.path, set.value)
					}
				}
			},
		},
		{
			id:     "patch.default-dialect",
			title:  "The default dialect's five operations in one request are all applied",
			rows:   []string{"E061", "R-240"},
			source: entraCompliance,
			level:  Must,
			why:    "This is how an update arrives without the flag: an operation each, with paths into lists, into name and into the extension. What is dropped is sent again in every cycle.",
			fix:    "Apply all operations in order, and resolve every form of path.",
			run: func(p *probe) {
				p.wants("displayName", `emails[type eq "work"].value`, "name.givenName")
				path, _ := p.newUser(object{"emails": emails("work", p.email())})
				email, external := p.email(), guid()
				ops := []string{
					entraOp("Replace", "displayName", `"Pvlo"`),
					entraOp("Replace", `emails[type eq "work"].value`, quote(email)),
					entraOp("Replace", "name.givenName", `"Gtfd"`),
					entraOp("Replace", "externalId", quote(external)),
				}
				want := []any{"displayName", "Pvlo", `emails[type eq "work"].value`, email, "name.givenName", "Gtfd", "externalId", external}
				if number := enterpriseURN + ":employeeNumber"; p.takes(number) {
					ops = append(ops, entraOp("Replace", number, `"Eqpj"`))
					want = append(want, number, "Eqpj")
				}
				p.stands(p.entraUpdate(path, ops...), want...)
			},
		},
		{
			id:     "patch.first-update",
			title:  "Replace and Add for a user who has none of the attributes yet are applied",
			rows:   []string{"E061", "E070", "E076"},
			source: "laravel-scim-server #34 (a capture)",
			level:  Must,
			why:    "Users that were in the application before Entra came lack most attributes. A noTarget there means that they are never brought up to date.",
			fix:    "Create what a path names if it is not there: the element of the list, the complex attribute, the extension.",
			run: func(p *probe) {
				paths := []string{`emails[type eq "work"].value`, `addresses[type eq "work"].formatted`, enterpriseURN + ":department"}
				p.wants(paths...)
				path, _ := p.newUser(nil)
				email := p.email()
				p.stands(p.entraUpdate(path,
					entraOp("Replace", paths[0], quote(email)),
					entraOp("Replace", paths[1], `"18/2111"`),
					entraOp("Add", paths[2], `"Retail"`),
				), paths[0], email, paths[1], "18/2111", paths[2], "Retail")
			},
		},
		{
			id:     "patch.flag-dialect",
			title:  "The flag's dialect, one operation without a path whose keys are paths, is applied",
			rows:   []string{"E062", "A-42"},
			source: entraCompliance + "; scimitar #123, SCIM-SDK #193, scim-for-keycloak #26",
			level:  Must,
			why:    "With aadOptscim062020 in the Tenant URL name.givenName and the extension's URN come as keys. Taken for names, they are dropped in silence, or stored as junk beside the real attribute.",
			fix:    "Resolve every key of a value without a path as a path.",
			run: func(p *probe) {
				p.wants("displayName", `emails[type eq "work"].value`, "name.givenName", "name.familyName")
				path, _ := p.newUser(object{"emails": emails("work", p.email()), "name": object{"givenName": "Barbara", "familyName": "Jensen"}})
				email := p.email()
				value := `{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua"`
				want := []any{`emails[type eq "work"].value`, email, "displayName", "Bjfe", "name.givenName", "Kkom", "name.familyName", "Unua"}
				if number := enterpriseURN + ":employeeNumber"; p.takes(number) {
					value += "," + quote(number) + `:"Aklq"`
					want = append(want, number, "Aklq")
				}
				p.stands(p.entraUpdate(path, entraOp("replace", `emails[type eq "work"].value`, quote(email)), entraOp("replace", "", value+"}")), want...)
			},
		},
		{
			id:     "patch.siblings",
			title:  "name.givenName, as a path and as a key, leaves name.familyName alone",
			rows:   []string{"E062", "R-267"},
			source: entraCompliance + "; scim-for-keycloak #26",
			level:  Must,
			why:    "Half of the name is gone after every update, and comes back with the next: the account flips between two names.",
			fix:    "Set the sub-attribute; do not replace the complex attribute.",
			run: func(p *probe) {
				p.wants("name.givenName", "name.familyName")
				path, _ := p.newUser(object{"name": object{"givenName": "Barbara", "familyName": "Jensen"}})
				p.stands(p.entraUpdate(path, entraOp("Replace", "name.givenName", `"Babs"`)), "name.givenName", "Babs", "name.familyName", "Jensen")
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"name.givenName":"Barb"}`)), "name.givenName", "Barb", "name.familyName", "Jensen")
			},
		},
		{
			id:     "patch.both-dialects",
			title:  "Both dialects work on the same user, one after the other",
			rows:   []string{"E149", "E065"},
			source: entraCompliance,
			level:  Must,
			why:    "The flag has no effect on Provision on demand, so one tenant sends both. An endpoint that is switched to one of them fails with the other.",
			fix:    "Understand both, always; do not make it a setting.",
			run: func(p *probe) {
				p.wants("displayName", "active")
				path, _ := p.newUser(nil)
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"displayName":"Cycle","active":false}`)), "displayName", "Cycle", "active", false)
				p.stands(p.entraUpdate(path, entraOp("Replace", "displayName", `"On demand"`), entraOp("Replace", "active", `"True"`)), "displayName", "On demand", "active", true)
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"displayName":"Cycle again"}`)), "displayName", "Cycle again", "active", true)
			},
		},
		{
			id:     "patch.add-sets",
			title:  "Add sets a single value, whether there is one or not",
			rows:   []string{"E063", "R-249"},
			source: entraCompliance + "; rancher #54025, getsentry/self-hosted #3573",
			level:  Must,
			why:    "Entra sends Add where it believes that there is no value yet. Refused as “exists already”, the update fails in every cycle; taken for a list, the value becomes an array.",
			fix:    "Treat add to a single-valued attribute as replace (RFC 7644 §3.5.2.1).",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, name := range []string{"displayName", "title", "nickName"} {
					if p.takes(name) {
						p.stands(p.entraUpdate(path, entraOp("Add", name, `"First"`)), name, "First")
						p.stands(p.entraUpdate(path, entraOp("Add", name, `"Second"`)), name, "Second")
					}
				}
			},
		},
		{
			id:     "patch.remove",
			title:  "Remove takes an attribute away",
			rows:   []string{"E083", "R-256"},
			source: entraTutorial,
			level:  Must,
			why:    "What Entra has removed and still reads is removed again in every cycle, and the person keeps a title that is not theirs.",
			fix:    "Support Remove with a path, in any case of letters, and stop returning the attribute.",
			run: func(p *probe) {
				p.wants("title")
				path, _ := p.newUser(object{"title": "Guide"})
				p.cleared(p.entraUpdate(path, entraOp("Remove", "title", "")), "title")
			},
		},
		{
			id:     "patch.remove-absent",
			title:  "Removing what is not there succeeds",
			rows:   []string{"E083", "R-262", "A-39"},
			source: "RFC 7644 §3.5.2.2",
			level:  Should,
			why:    "A request whose answer got lost is sent again. Refused, the second time counts as a failure.",
			fix:    "Answer success without a change.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, absent := range []string{"title", `phoneNumbers[type eq "fax"].value`} {
					if p.takes(absent) {
						p.cleared(p.entraUpdate(path, entraOp("Remove", absent, "")), absent)
					}
				}
			},
		},
		{
			id:     "patch.required",
			title:  "userName can be neither removed nor emptied",
			rows:   []string{"E084", "R-261"},
			source: "RFC 7644 §3.5.2.2",
			level:  Must,
			why:    "A user without a userName cannot sign in and matches nobody. The validator's “remove attributes” test sends it, and takes 400 for an answer.",
			fix:    "Refuse it with 400, and leave the user as it is.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				for _, op := range []string{entraOp("Remove", "userName", ""), entraOp("Replace", "userName", `""`)} {
					x := p.entraPatch(path, op)
					p.expect(x.Status < 500 && x.Status != 0, "400", x.summary())
					p.stands(p.read(path), "userName", field(user, "userName"))
				}
			},
		},
		{
			id:     "patch.order",
			title:  "Operations on one attribute in one request are applied in order: Remove, Add, Replace",
			rows:   []string{"E090", "R-232"},
			source: "pranems/SCIMServer validator run 32",
			level:  Must,
			why:    "Microsoft's validator sends remove, add and replace of one attribute in a row. Sorted by kind, the last one loses.",
			fix:    "Apply each operation to the result of the one before.",
			run: func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "Zero"})
				p.stands(p.entraUpdate(path,
					entraOp("Remove", "displayName", ""), entraOp("Add", "displayName", `"One"`), entraOp("Replace", "displayName", `"Two"`)), "displayName", "Two")
				p.cleared(p.entraUpdate(path, entraOp("Replace", "displayName", `"Three"`), entraOp("Remove", "displayName", "")), "displayName")
			},
		},
		{
			id:     "patch.atomic",
			title:  "A PATCH that is refused changes nothing",
			rows:   []string{"E091", "R-233"},
			source: "RFC 7644 §3.5.2",
			level:  Must,
			why:    "Entra sends the whole request again. Applied by halves, the account is in a state that no admin has asked for and that the log denies.",
			fix:    "Apply the operations to a copy, or in a transaction, and store it when all have succeeded.",
			run: func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "Before"})
				x := p.entraPatch(path, entraOp("Replace", "displayName", `"After"`), entraOp("Replace", `emails[type eq "work`, `"x"`))
				p.expect(x.Status >= 200 && x.Status < 500, "a status from 400 to 499", x.summary())
				if x.Status >= 400 {
					p.stands(p.read(path), "displayName", "Before")
				}
			},
		},
		{
			id:     "patch.unknown-attribute",
			title:  "A path that nobody knows is refused or ignored, and changes nothing else",
			rows:   []string{"E092", "A-25"},
			source: entraMappings,
			level:  Must,
			why:    "One attribute too many in the mapping: a server error counts towards quarantine and tells nobody which attribute it is.",
			fix:    "Answer 400 invalidPath with the name of the attribute, or ignore it.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				for _, op := range []string{
					entraOp("Add", "noSuchAttribute", `"x"`),
					entraOp("Replace", "urn:example:params:none:2.0:User:noSuchAttribute", `"x"`),
				} {
					p.status(p.entraPatch(path, op), 200, 204, 400)
				}
				p.stands(p.read(path), "userName", field(user, "userName"))
			},
		},
		{
			id:     "patch.envelope",
			title:  "operations in lower case, schemas left out, and unknown members are no obstacle",
			rows:   []string{"E093"},
			source: entraPostman,
			level:  Should,
			why:    "Microsoft's own collection has operations with a name and bodies with an id.",
			fix:    "Find Operations in any case, ask for no schemas, and ignore what you do not know.",
			run: func(p *probe) {
				p.wants("displayName")
				path, user := p.newUser(nil)
				for i, body := range []string{
					`{"schemas":["` + patchURN + `"],"operations":[{"op":"Replace","path":"displayName","value":"0"}]}`,
					`{"Operations":[{"op":"Replace","path":"displayName","value":"1"}]}`,
					`{"schemas":["` + patchURN + `"],"id":` + quote(idOf(user)) + `,"Operations":[{"name":"rename","op":"Replace","path":"displayName","value":"2"}]}`,
				} {
					p.status(p.send(request{method: "PATCH", path: path, header: entraHeader(), body: body}), 200, 204)
					p.stands(p.read(path), "displayName", string(rune('0'+i)))
				}
			},
		},
		{
			id:     "patch.unknown-user",
			title:  "A PATCH of an id that there is not is 404",
			rows:   []string{"E094"},
			source: entraLogs,
			level:  Must,
			why:    "404 says that the link is dead (InvalidAnchor). With a 2xx Entra believes that the person was updated, or disabled.",
			fix:    "Answer 404 when no such user exists in the tenant.",
			run: func(p *probe) {
				p.status(p.entraPatch("/Users/"+guid(), entraOp("replace", "active", "false")), 404)
			},
		},
		{
			id:     "patch.taken",
			title:  "A PATCH of userName to one that is taken is 409",
			rows:   []string{"E095", "R-128"},
			source: entraLogs,
			level:  Must,
			why:    "Entra logs Conflict, and the admin sees who is in the way. Two accounts with one userName are found together afterwards: DuplicateTargetEntries.",
			fix:    "Check uniqueness on updates too; answer 409 with scimType uniqueness.",
			run: func(p *probe) {
				_, first := p.newUser(nil)
				path, second := p.newUser(nil)
				name, _ := field(first, "userName").(string)
				p.status(p.entraPatch(path, entraOp("Replace", "userName", quote(name))), 409)
				p.stands(p.read(path), "userName", field(second, "userName"))
			},
		},
		{
			id:     "patch.answer",
			title:  "A PATCH is answered 204 without a body, or 200 with the user",
			rows:   []string{"E097", "R-234"},
			source: entraTutorial,
			level:  Must,
			why:    "A body that Entra cannot read as the user is logged as SystemForCrossDomainIdentityManagementServiceIncompatible, although the change was made: it is sent again in every cycle.",
			fix:    "Answer 204, or 200 with the resource, its id included.",
			run: func(p *probe) {
				p.wants("displayName")
				path, user := p.newUser(nil)
				x := p.entraPatch(path, entraOp("Replace", "displayName", `"Pvlo"`))
				p.status(x, 200, 204)
				if body := strings.TrimSpace(x.ResponseBody); x.Status == 200 && body != "" {
					p.media(x)
					p.equal("id", p.resource(x, 200)["id"], user["id"])
				}
			},
		},
		{
			id:     "patch.unchanged",
			title:  "A PATCH of the values that are there already succeeds",
			rows:   []string{"E089", "R-244"},
			source: entraHow,
			level:  Should,
			why:    "After a restart Entra sends what it sent before. Refused as “no change”, all users fail at once.",
			fix:    "Answer success, and change neither the version nor lastModified.",
			run: func(p *probe) {
				p.wants("displayName", "title")
				path, _ := p.newUser(object{"displayName": "Same", "title": "Same"})
				for range 2 {
					p.stands(p.entraUpdate(path, entraOp("Replace", "displayName", `"Same"`), entraOp("Replace", "title", `"Same"`)), "displayName", "Same", "title", "Same")
				}
			},
		},
		{
			id:     "patch.parallel",
			title:  "PATCHes of one user at the same time, of different attributes, all survive",
			rows:   []string{"E096"},
			source: "scim-for-keycloak #90 (of groups)",
			level:  Should,
			why:    "A cycle and Provision on demand may meet at one user. Read, changed and written back without a version, the last one wins and the others' changes are lost.",
			fix:    "Update under a lock or with a version, and try again when it has changed.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				var names []string
				for _, name := range []string{"displayName", "title", "nickName", "preferredLanguage", "userType", "locale", "externalId"} {
					if p.takes(name) {
						names = append(names, name)
					}
				}
				change := func(name, language string) (request, string) {
					value := p.unique("v")
					if name == "preferredLanguage" || name == "locale" {
						value = language
					}
					return entraPatchOf(path, entraOp("replace", name, quote(value))), value
				}
				p.single(func() {
					for _, name := range names {
						req, value := change(name, "en-US")
						p.status(p.send(req), 200, 204)
						p.stands(p.read(path), name, value)
					}
				})
				var reqs []request
				var want []any
				for _, name := range names {
					req, value := change(name, "de-AT")
					reqs, want = append(reqs, req), append(want, name, value)
				}
				for _, x := range p.together(reqs...) {
					p.status(x, 200, 204)
				}
				p.stands(p.read(path), want...)
			},
		},
		{
			id:     "patch.custom-extension",
			title:  "An attribute of the application's own extension is set by its full name",
			rows:   []string{"E077", "R-240"},
			source: entraMappings,
			level:  Must,
			why:    "Custom attributes are mapped by URN and name, and versions such as 2.0 have dots. Split at the first dot or colon, the value lands nowhere.",
			fix:    "Split at the last colon in front of the attribute's name.",
			run: func(p *probe) {
				attribute := p.customAttribute()
				if attribute == "" {
					p.skip("the endpoint has no extension of its own with a writable string")
				}
				path, _ := p.newUser(nil)
				p.stands(p.entraUpdate(path, entraOp("Add", attribute, `"First"`)), attribute, "First")
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{`+quote(attribute)+`:"Second"}`)), attribute, "Second")
			},
		},
	})
}

// customAttribute returns the full name of a string that an extension of users
// has which is none of RFC 7643's, or "".
func (p *probe) customAttribute() string {
	for _, typ := range p.features.types {
		if field(typ, "endpoint") != "/Users" {
			continue
		}
		extensions, _ := field(typ, "schemaExtensions").([]any)
		for _, e := range extensions {
			urn, _ := field(e, "schema").(string)
			if urn == enterpriseURN {
				continue
			}
			for _, a := range attributes(p.features.schemas[urn]) {
				name, _ := field(a, "name").(string)
				if name != "" && field(a, "type") == "string" && field(a, "multiValued") != true && field(a, "canonicalValues") == nil &&
					(field(a, "mutability") == nil || field(a, "mutability") == "readWrite") {
					return urn + ":" + name
				}
			}
		}
	}
	return ""
}

// reference is how Entra writes a reference with $ref.
func (p *probe) reference(id string) string {
	return `{"$ref":` + quote(p.base+pathTo("/Users", id)) + `,"value":` + quote(id) + `}`
}
