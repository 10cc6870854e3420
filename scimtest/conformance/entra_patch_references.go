package conformance

// entraReferenceChecks are of managers and of app roles.
func entraReferenceChecks() []check {
	return inArea(Patch, []feature{patching}, []check{
		{
			id:     "manager.set",
			title:  "A manager that is sent as a bare id is stored, and returned as an object: Add, then replace",
			rows:   []string{"E078", "E079", "A-52"},
			source: entraValidation + ", SCIM_Update_Manager_Test; SCIM-SDK #686, Budibase #15369",
			level:  Must,
			why:    "Entra PATCHes the manager as a string, and reads it as an object. Refused, nobody has a manager; returned as a string, the user cannot be read at all (SystemForCrossDomainIdentityManagementServiceIncompatible); not returned, it is sent in every cycle (azure-docs #11784).",
			fix:    `Take a string at manager for {"value": id}, and return the object under the enterprise URN.`,
			run: func(p *probe) {
				path, first, second := p.managed()
				p.stands(p.entraUpdate(path, entraOp("Add", managerPath, quote(first))), managerPath+".value", first)
				p.stands(p.entraUpdate(path, entraOp("replace", managerPath, quote(second))), managerPath+".value", second)
			},
		},
		{
			id:     "manager.clear",
			title:  `replace of the manager with "" takes the manager away`,
			rows:   []string{"E080", "A-51", "A-52"},
			source: entraValidation + ", SCIM_Update_Manager_Test",
			level:  Must,
			why:    "So Entra removes a manager. Refused, or stored as an empty reference, the person keeps a manager who has left, and the validation for the gallery fails.",
			fix:    `Take "" at manager as “no value”.`,
			run: func(p *probe) {
				path := p.withManager()
				p.cleared(p.entraUpdate(path, entraOp("replace", managerPath, `""`)), managerPath+".value")
			},
		},
		{
			id:     "manager.object",
			title:  `A manager that is sent as {"value": id} is stored`,
			rows:   []string{"E079"},
			source: "pranems/SCIMServer, web validator; RFC 7643 §4.3",
			level:  Must,
			why:    "Microsoft's web validator sends the RFC's form, its Logic App the bare id.",
			fix:    "Take both.",
			run: func(p *probe) {
				path, first, second := p.managed()
				p.stands(p.entraUpdate(path, entraOp("Replace", managerPath, `{"value":`+quote(first)+`}`)), managerPath+".value", first)
				p.stands(p.entraUpdate(path, entraOp("replace", managerPath, `{"value":`+quote(second)+`}`)), managerPath+".value", second)
			},
		},
		{
			id:     "manager.array",
			title:  `A manager that is sent as [{"$ref":…,"value": id}] is stored`,
			rows:   []string{"E079"},
			source: entraTutorial + ", example 5",
			level:  Should,
			why:    "Microsoft's tutorial shows the manager as an array of one.",
			fix:    "Unwrap an array of one element at a single-valued attribute.",
			run: func(p *probe) {
				path, first, _ := p.managed()
				p.stands(p.entraUpdate(path, entraOp("Add", managerPath, `[`+p.reference(first)+`]`)), managerPath+".value", first)
			},
		},
		{
			id:     "manager.short-path",
			title:  "path manager, without the extension's URN, is understood or refused with 400",
			rows:   []string{"E079"},
			source: entraTutorial + ", example 5",
			level:  Should,
			why:    "Microsoft's tutorial shows it. A server error is repeated in every cycle; a 2xx that stores nothing hides that the mapping is wrong.",
			fix:    "Look for a name that the core schema does not have in the extensions, or answer 400 invalidPath.",
			run: func(p *probe) {
				path, first, _ := p.managed()
				x := p.entraPatch(path, entraOp("Add", "manager", `[`+p.reference(first)+`]`))
				p.status(x, 200, 204, 400)
				if x.Status == 400 {
					p.errorBody(x, 400)
				}
			},
		},
		{
			id:     "manager.clear-forms",
			title:  `{"value":""}, null and Remove take the manager away too`,
			rows:   []string{"E080", "R-271"},
			source: "pranems/SCIMServer, web validator; RFC 7644 §3.5.2",
			level:  Should,
			why:    "Which form is sent depends on the dialect and on the validator.",
			fix:    "Clear a reference whose value is empty.",
			run: func(p *probe) {
				for _, op := range []string{
					entraOp("replace", managerPath, `{"value":""}`),
					entraOp("Replace", managerPath, `null`),
					entraOp("Remove", managerPath, ""),
				} {
					p.cleared(p.entraUpdate(p.withManager(), op), managerPath+".value")
				}
			},
		},
		{
			id:     "manager.unknown",
			title:  "A manager whose id there is not is stored or refused, without a server error",
			rows:   []string{"E081"},
			source: entraQuarantine,
			level:  Must,
			why:    "References arrive before what they refer to. A 5xx, a violated foreign key say, is repeated every 40 minutes and counts towards quarantine.",
			fix:    "Store the id, or answer 400 and say which id it is.",
			run: func(p *probe) {
				path, _, _ := p.managed()
				p.status(p.entraPatch(path, entraOp("Add", managerPath, quote(guid()))), 200, 204, 400, 404)
				p.read(path)
			},
		},
		{
			id:     "roles.primary",
			title:  `roles[primary eq "True"].value replaces the primary role`,
			rows:   []string{"E073"},
			source: entraMappings,
			level:  Must,
			why:    "The filter compares a boolean with text. Not matched, the person keeps the old role; refused, every update of the role fails.",
			fix:    `Convert "True" in filters of paths by the attribute's type.`,
			run: func(p *probe) {
				role := p.takesRoles()
				path, _ := p.newUser(object{"roles": []object{{"primary": true, "value": role[0]}}})
				user := p.entraUpdate(path, entraOp("Replace", `roles[primary eq "True"].value`, quote(role[1])))
				p.equal("values of roles", p.values(user, "roles"), []string{role[1]})
			},
		},
		{
			id:     "roles.primary-missing",
			title:  `roles[primary eq "True"].value creates a primary role for a user who has none`,
			rows:   []string{"E073", "A-38"},
			source: entraMappings,
			level:  Should,
			why:    "Users that were there before Entra have no role yet; a noTarget fails them in every cycle.",
			fix:    `If no element matches, append one: {"primary":true,"value":…}.`,
			run: func(p *probe) {
				role := p.takesRoles()
				path, _ := p.newUser(nil)
				user := p.entraUpdate(path, entraOp("Add", `roles[primary eq "True"].value`, quote(role[0])))
				p.equal("values of roles", p.values(user, "roles"), []string{role[0]})
				p.equal("roles.primary", firstOf(user, "roles", "primary"), true)
			},
		},
		{
			id:     "roles.json-text",
			title:  "roles whose value is JSON text are understood, and sent again they are not doubled",
			rows:   []string{"E074"},
			source: entraMappings + ", SingleAppRoleAssignment; SCIM-SDK, MsAzurePatchValueSubAttributeRebuilder",
			level:  Should,
			why:    "In the default dialect SingleAppRoleAssignment comes as JSON within a string. Stored as it is, no role of the application's ever matches, and people have no rights.",
			fix:    "If the value of a role is a JSON object, take id, value and displayName out of it; skip roles that are there.",
			run: func(p *probe) {
				role := p.takesRoles()
				path, _ := p.newUser(nil)
				text := func(value string) string {
					return `{"value":` + quote(`{"id":"`+guid()+`","value":`+quote(value)+`,"displayName":"Role1234"}`) + `}`
				}
				add := entraOp("Add", "roles", `[`+text(role[0])+`,`+text(role[1])+`]`)
				for range 2 {
					p.equal("values of roles", p.values(p.entraUpdate(path, add), "roles"), sorted(role[0], role[1]))
				}
			},
		},
		{
			id:     "roles.replace",
			title:  "replace of roles leaves the roles of the list and no others",
			rows:   []string{"E075"},
			source: entraMappings + ", AssertiveAppRoleAssignmentsComplex",
			level:  Must,
			why:    "Roles that were taken away in Entra stay in the application: people keep rights that they must not have.",
			fix:    "Replace the whole list. canonicalValues are suggestions (RFC 7643 §7): a type that is not among them is no reason to refuse a role.",
			run: func(p *probe) {
				role := p.takesRoles()
				path, _ := p.newUser(object{"roles": []object{{"primary": true, "value": role[0]}}})
				value := `[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Role1234","value":` + quote(role[1]) + `}]`
				p.equal("values of roles", p.values(p.entraUpdate(path, entraOp("replace", "roles", value)), "roles"), []string{role[1]})
			},
		},
	})
}

// managed makes a user and two who can be the manager.
func (p *probe) managed() (path, first, second string) {
	p.wants(managerPath)
	_, a := p.newUser(nil)
	_, b := p.newUser(nil)
	path, _ = p.newUser(nil)
	return path, idOf(a), idOf(b)
}

// withManager makes a user who has a manager.
func (p *probe) withManager() (path string) {
	p.wants(managerPath)
	_, boss := p.newUser(nil)
	path, _ = p.newUser(object{"schemas": []string{userURN, enterpriseURN}, enterpriseURN: object{"manager": object{"value": boss["id"]}}})
	p.prepare("cannot create a user with a manager", func() { p.stands(p.read(path), managerPath+".value", boss["id"]) })
	return path
}

// takesRoles returns two roles that the endpoint takes, and skips the check if
// it does not take those that can be thought of.
func (p *probe) takesRoles() [2]string {
	p.wants("roles", "roles.value", "roles.primary")
	roles := p.roles()
	x := p.post("/Users", p.user(object{"roles": []object{{"primary": true, "value": roles[0]}, {"value": roles[1]}}}))
	if x.Status != 201 && x.Status != 200 {
		p.skip("the endpoint takes roles of its own alone")
	}
	if kept := p.values(p.read(pathOf("/Users", p.resource(x, 201, 200))), "roles"); len(kept) != 2 {
		p.skip("the endpoint keeps roles of its own alone")
	}
	return roles
}
