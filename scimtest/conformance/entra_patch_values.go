package conformance

import (
	"strings"
)

// entraMappingChecks are of the attributes that Entra's default mapping
// writes, and of clearing them.
func entraMappingChecks() []check {
	const workEmail = `emails[type eq "work"].value`
	return inArea(Patch, []feature{patching}, []check{
		{
			id:     "values.element-there",
			title:  `emails[type eq "work"].value changes the work address that is there`,
			rows:   []string{"E067", "E068", "R-269"},
			source: entraTutorial,
			level:  Must,
			why:    "The person's address stays the old one, or a second work address appears beside it.",
			fix:    "Change the element that the filter selects; Add and Replace do the same here.",
			run: func(p *probe) {
				p.wants(workEmail)
				path, _ := p.newUser(object{"emails": emails("work", p.email())})
				for _, op := range []string{"Replace", "Add"} {
					email := p.email()
					user := p.entraUpdate(path, entraOp(op, workEmail, quote(email)))
					p.stands(user, workEmail, email)
					p.equal("number of emails", len(p.values(user, "emails")), 1)
				}
			},
		},
		{
			id:     "values.element-missing",
			title:  `emails[type eq "work"].value creates a work address for a user who has none`,
			rows:   []string{"E067", "E068", "A-38"},
			source: "scim-for-keycloak #73, SCIM-SDK #416, scim-patch #176, ssoready PR #249",
			level:  Must,
			why:    "Entra sends it for a user without a work address and expects one to be made. RFC 7644's noTarget fails the user in every cycle, with SystemForCrossDomainIdentityManagementBadRequest.",
			fix:    `If no element matches a filter that is made of eq, append one: {"type":"work","value":…}.`,
			run: func(p *probe) {
				p.wants(workEmail)
				for _, op := range []string{"Replace", "Add"} {
					path, _ := p.newUser(nil)
					email := p.email()
					p.stands(p.entraUpdate(path, entraOp(op, workEmail, quote(email))), workEmail, email)
				}
			},
		},
		{
			id:     "values.other-element",
			title:  `emails[type eq "work"].value leaves the home address alone`,
			rows:   []string{"E067", "E068", "E071", "A-38"},
			source: "scim-patch #176, ssoready PR #249",
			level:  Must,
			why:    "A private address that the person entered is overwritten with the company's, or the update fails for lack of a match.",
			fix:    "Append the work element, and keep those of other types.",
			run: func(p *probe) {
				p.wants(workEmail)
				for _, op := range []string{"Replace", "Add"} {
					home := p.email()
					path, user := p.newUser(object{"emails": emails("home", home)})
					if at(user, `emails[type eq "home"].value`) != home {
						p.skip("the endpoint keeps no home address")
					}
					email := p.email()
					p.stands(p.entraUpdate(path, entraOp(op, workEmail, quote(email))), workEmail, email, `emails[type eq "home"].value`, home)
				}
			},
		},
		{
			id:     "values.primary",
			title:  `emails[type eq "work"].primary "True" makes it the only primary address, with a JSON boolean`,
			rows:   []string{"E069", "A-27", "R-022"},
			source: "sourcegraph PR #49119, Microsoft's validator",
			level:  Must,
			why:    "Booleans are text in the default dialect, for every attribute. Stored as text, Entra cannot read the user any more; refused, the update fails.",
			fix:    "Convert by the attribute's type, not by its name, and take primary from the other elements.",
			run: func(p *probe) {
				p.wants(workEmail, "emails.primary")
				path, user := p.newUser(object{"emails": []object{{"type": "work", "value": p.email()}, {"type": "home", "value": p.email(), "primary": true}}})
				if at(user, `emails[type eq "home"].value`) == nil {
					p.skip("the endpoint keeps no home address")
				}
				user = p.entraUpdate(path, entraOp("Replace", `emails[type eq "work"].primary`, `"True"`))
				p.stands(user, `emails[type eq "work"].primary`, true)
				p.expect(at(user, `emails[type eq "home"].primary`) != true, "one primary address", show(field(user, "emails")))
			},
		},
		{
			id:     "values.address",
			title:  `The operations on addresses[type eq "work"] build one address`,
			rows:   []string{"E070", "A-38"},
			source: entraTutorial + "; laravel-scim-server #34",
			level:  Must,
			why:    "Street, city and country come as operations of their own. Each in an address of its own, the person has six, and Entra reads the first.",
			fix:    "Let an operation see the element that the one before it has created.",
			run: func(p *probe) {
				var ops []string
				var want []any
				for _, m := range p.mapping() {
					if strings.HasPrefix(m.path, "addresses") {
						ops = append(ops, entraOp("Add", m.path, quote(m.value)))
						want = append(want, m.path, m.value)
					}
				}
				if len(ops) == 0 {
					p.skip("the endpoint takes no addresses")
				}
				path, _ := p.newUser(nil)
				user := p.entraUpdate(path, ops...)
				p.stands(user, want...)
				p.equal("number of addresses", len(p.values(user, "addresses")), 1)
			},
		},
		{
			id:     "values.address-beside",
			title:  `addresses[type eq "work"].formatted leaves the home address alone`,
			rows:   []string{"E071"},
			source: "laravel-scim-server #34, scim-patch #176",
			level:  Must,
			why:    "The home address becomes the office, for everybody who had one.",
			fix:    "Append a work address if there is none.",
			run: func(p *probe) {
				const work, home = `addresses[type eq "work"].formatted`, `addresses[type eq "home"].formatted`
				p.wants(work)
				path, user := p.newUser(object{"addresses": []object{{"type": "home", "formatted": "At home"}}})
				if at(user, home) != "At home" {
					p.skip("the endpoint keeps no home address")
				}
				p.stands(p.entraUpdate(path, entraOp("Replace", work, `"18/2111"`)), work, "18/2111", home, "At home")
			},
		},
		{
			id:     "values.phone-twice",
			title:  "Of two operations on the mobile number in one request the last one wins",
			rows:   []string{"E072", "R-232"},
			source: "RFC 7644 §3.5.2",
			level:  Should,
			why:    "Two mobile numbers, of which nobody knows which one is right.",
			fix:    "Apply each operation to the result of the one before.",
			run: func(p *probe) {
				const mobile = `phoneNumbers[type eq "mobile"].value`
				p.wants(mobile)
				path, _ := p.newUser(nil)
				user := p.entraUpdate(path, entraOp("Add", mobile, `"+1 425 555 0101"`), entraOp("Add", mobile, `"+1 425 555 0102"`))
				p.stands(user, mobile, "+1 425 555 0102")
				p.equal("number of phoneNumbers", len(p.values(user, "phoneNumbers")), 1)
			},
		},
		{
			id:     "values.extension",
			title:  "An attribute of the enterprise extension is set by its full name, also for a user who has none of it",
			rows:   []string{"E076", "R-240"},
			source: entraCompliance,
			level:  Must,
			why:    "Department and employee number never arrive, or every update of such a user fails.",
			fix:    "Split the path at the last colon, and create the extension's object if there is none.",
			run: func(p *probe) {
				const department = enterpriseURN + ":department"
				p.wants(department)
				for _, op := range []string{"Add", "Replace"} {
					path, _ := p.newUser(nil)
					p.stands(p.entraUpdate(path, entraOp(op, department, `"Retail"`)), department, "Retail")
					p.stands(p.entraUpdate(path, entraOp(op, department, `"Sales"`)), department, "Sales")
				}
			},
		},
		{
			id:     "values.remove-with-value",
			title:  "Remove with a value removes, and sets nothing",
			rows:   []string{"E082", "A-40"},
			source: "SCIMReferenceCode PR #87",
			level:  Must,
			why:    "Entra's Remove carries the value it believes to be there. An endpoint that takes value for “set” gives the person the old address back.",
			fix:    "Look at op first. Remove at a path to a single value ignores the value.",
			run: func(p *probe) {
				p.wants(workEmail)
				path, _ := p.newUser(object{"emails": emails("work", p.email())})
				p.cleared(p.entraUpdate(path, entraOp("Remove", workEmail, quote(p.email()))), workEmail)
			},
		},
		{
			id:     "values.null-update",
			title:  `One PATCH with "" for every mapped attribute clears them all`,
			rows:   []string{"E085", "A-51"},
			source: entraValidation + ", SCIM_Null_Update_Test",
			level:  Must,
			why:    "Microsoft's validation for the gallery sends it. An e-mail address that must be valid, a number that must be one, or an empty string that is not cleared fails the test.",
			fix:    `Take "" at an optional attribute as “no value”, before it is validated.`,
			run:    func(p *probe) { p.clearsAll(false, `""`) },
		},
		{
			id:     "values.null-update-null",
			title:  "One PATCH with null for every mapped attribute clears them all",
			rows:   []string{"E086", "R-271"},
			source: entraValidation + ", SCIM_Null_Update_Test",
			level:  Must,
			why:    "The second half of the validation's null test; refused, the application does not get into the gallery.",
			fix:    "Take null as “no value” (RFC 7643 §2.5).",
			run:    func(p *probe) { p.clearsAll(false, `null`) },
		},
		{
			id:     "values.null-update-flag",
			title:  `"" and null for every mapped attribute clear them in the flag's dialect too`,
			rows:   []string{"E086", "A-42", "A-51"},
			source: entraValidation + ", SCIM_Null_Update_Test",
			level:  Must,
			why:    "The validation sends the null test in the dialect of the application: the simple attributes in one operation without a path.",
			fix:    "Resolve every key as a path, and clear what is \"\" or null.",
			run: func(p *probe) {
				p.clearsAll(true, `""`)
				p.clearsAll(true, `null`)
			},
		},
		{
			id:     "values.nested-name",
			title:  `{"name":{"familyName":"X"}} without a path keeps the given name, and null clears the one alone`,
			rows:   []string{"E087", "R-264", "R-267"},
			source: "pranems/SCIMServer; RFC 7644 §3.5.2.3",
			level:  Should,
			why:    "Half of the name is gone after the update.",
			fix:    "Merge the sub-attributes of a complex attribute.",
			run: func(p *probe) {
				p.wants("name.givenName", "name.familyName")
				path, _ := p.newUser(object{"name": object{"givenName": "Barbara", "familyName": "Jensen"}})
				p.stands(p.entraUpdate(path, entraOp("replace", "", `{"name":{"familyName":"Doe"}}`)), "name.givenName", "Barbara", "name.familyName", "Doe")
				if field(p.features.attribute(userURN, "name"), "required") == true {
					return
				}
				user := p.entraUpdate(path, entraOp("replace", "", `{"name":{"familyName":null}}`))
				p.stands(user, "name.givenName", "Barbara")
				p.cleared(user, "name.familyName")
			},
		},
		{
			id:     "values.wrapped",
			title:  `[{"$ref":null,"value":"X"}] for a simple attribute is understood or refused, and never stored as it is`,
			rows:   []string{"E088"},
			source: "azure-docs #42220 (2019)",
			level:  Should,
			why:    "Old jobs wrap simple values. An array in place of displayName breaks everybody who reads the user afterwards, Entra included.",
			fix:    "Take the value out of it, or answer 400 invalidValue.",
			run: func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "Before"})
				p.status(p.entraPatch(path, entraOp("Replace", "displayName", `[{"$ref":null,"value":"User X"}]`)), 200, 204, 400)
				got := field(p.read(path), "displayName")
				p.expect(got == "User X" || got == "Before", `displayName "User X", or "Before" if it was refused`, "displayName "+show(got))
			},
		},
	})
}

// clearsAll fills a user and then clears every mapped attribute but those that
// SCIM_Null_Update_Test leaves alone, in one request.
func (p *probe) clearsAll(flag bool, empty string) {
	user := p.resource(p.entraPost("/Users", p.fitted(entraUser(p.userName(), guid(), p.email()))), 201, 200)
	path := pathOf("/Users", user)
	var ops, keys, paths []string
	for _, m := range p.mapping() {
		if p.required(m.path) {
			continue
		}
		paths = append(paths, m.path)
		if flag && !strings.Contains(m.path, "[") {
			keys = append(keys, quote(m.path)+":"+empty)
			continue
		}
		ops = append(ops, entraOp("replace", m.path, empty))
	}
	if len(keys) > 0 {
		ops = append(ops, entraOp("replace", "", "{"+strings.Join(keys, ",")+"}"))
	}
	p.cleared(p.entraUpdate(path, ops...), paths...)
	p.stands(p.read(path), "userName", field(user, "userName"))
}

// required reports whether the endpoint's schemas require the attribute at a
// path, or its sub-attribute.
func (p *probe) required(path string) bool {
	schema, name := userURN, path
	if i := strings.LastIndex(path, ":"); i >= 0 {
		schema, name = path[:i], path[i+1:]
	}
	name, sub, _ := strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "[")
	def := p.features.attribute(schema, name)
	return field(def, "required") == true || field(definition(subAttributes(def), sub), "required") == true
}
