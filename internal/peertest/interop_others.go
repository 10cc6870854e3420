package peertest

import "regexp"

// ScimmyVersion is the one in scimmy/package.json.
const ScimmyVersion = "1.3.2"

var scimmy = Peer{
	Name: "scimmy-routers (Node)", Version: ScimmyVersion + " with scimmy 1.3.5",
	About: "Served by scimmy/server.mjs with Express 4. With Express 5, which its peerDependencies allow and npm installs by default, " +
		"startIndex and count are without effect: they are written into req.query, which Express 5 makes anew whenever it is read.",
	Differences: []Difference{
		{
			Choice, `A manager must be an object (RFC 7643 §4.3); Entra sends the bare id. The query whether somebody is a member, members eq, is refused: it compares a complex attribute`,
			[]string{
				"entra.manager.set", "entra.manager.clear", "entra.cycle.settles", "microsoft.validator.manager.add",
				"microsoft.validator.manager.replace", "microsoft.validator.manager.remove", "microsoft.logicapp.manager",
			},
			regexp.MustCompile(`:User:manager","value":"|and\+members\+eq|want +manager "`),
		},
		{
			Choice, `Booleans must be JSON booleans (RFC 7643 §2.3.2); Entra sends "True" and "False"`,
			[]string{
				"entra.create.string-boolean", "entra.active.strings", "entra.active.add", "entra.patch.both-dialects",
				"entra.values.primary", "microsoft.validator.user.create",
			},
			regexp.MustCompile(`"path":"active","value":"|want +active (true|false) \(it is`),
		},
		{
			Choice, `replace and add at emails[type eq "work"].value, where there is no such element, are noTarget, as RFC 7644 §3.5.2.3 says of replace; Entra counts on the element being made`,
			[]string{
				"entra.patch.first-update", "entra.values.element-missing", "entra.values.other-element", "entra.values.address",
				"entra.values.address-beside", "microsoft.validator.user.add", "microsoft.validator.user.add.verbose",
			},
			regexp.MustCompile(`"path":"(emails|phoneNumbers|addresses)\[type eq|want +(emails|phoneNumbers|addresses)\[type eq .* \(it is absent\)`),
		},
		{
			Application, "two groups may have one displayName, as the RFC has it; Microsoft's validator wants 409",
			[]string{"microsoft.validator.group.duplicate"},
			nil,
		},
		{
			Defect, "strings compare with case, whatever caseExact says in its own schemas (RFC 7644 §3.4.2.2)",
			[]string{
				"rfc.filter.case", "rfc.groups.filter", "entra.search.any-case", "entra.groups.match", "okta.filter.username-case",
				"microsoft.validator.user.filter.case", "microsoft.validator.group.filter.case",
			},
			nil,
		},
		{
			Defect, "full names, with the schema's URI, find nothing in filters, are refused in paths, and end in a TypeError in attributes (RFC 7644 §3.10)",
			[]string{"rfc.filter.urn", "rfc.filter.extension", "rfc.patch.urn", "rfc.projection.urn", "rfc.projection.extension"},
			nil,
		},
		{
			Defect, "attribute names in paths must have the schema's case (RFC 7643 §2.1)",
			[]string{"rfc.patch.names.case"},
			nil,
		},
		{
			Defect, `a filter's string ends at \" (RFC 7644 §3.4.2.2, RFC 8259 §7)`,
			[]string{"rfc.filter.quotes"},
			regexp.MustCompile(`Unexpected token '.*' in filter`),
		},
		{
			Defect, `(a or b) and c is read as a or b and c; active gt false is evaluated; a filter that is a name alone is a 500 (RFC 7644 §3.4.2.2)`,
			[]string{"rfc.filter.grouping", "rfc.filter.boolean.order", "rfc.filter.syntax"},
			nil,
		},
		{
			Defect, `emails[type eq "work"].value eq "…" ends in a TypeError (and emails.value eq "…" too) as soon as a user without the attribute is looked at`,
			[]string{"entra.search.work-email"},
			nil,
		},
		{
			Defect, "a startIndex beyond the last result returns the first page again (RFC 7644 §3.4.2.4): an import that goes on until a page is empty never ends",
			[]string{"rfc.paging.beyond", "okta.paging.import-users", "okta.paging.import-groups"},
			nil,
		},
		{
			Defect, "replace without a path adds to lists (RFC 7644 §3.5.2.3)",
			[]string{"rfc.patch.lists.replace", "rfc.groups.patch.replace", "okta.members.replace-without-path"},
			nil,
		},
		{
			Defect, "replace of a complex attribute drops the sub-attributes that it does not name (RFC 7644 §3.5.2.3)",
			[]string{"rfc.patch.complex"},
			nil,
		},
		{
			Defect, "two groups of one bulk request that are in each other are created with a member that does not exist (RFC 7644 §3.7.1: resolved, or 409)",
			[]string{"rfc.bulk.reference.circular"},
			nil,
		},
		{
			Defect, "add of a member who is there makes a second one (RFC 7644 §3.5.2.1: no changes SHOULD be made; RFC 7643 §2.4)",
			[]string{"entra.members.add-present"},
			nil,
		},
		{
			Defect, "null is refused for lists and complex attributes, with a TypeError or invalidValue; it is “no value” (RFC 7643 §2.5)",
			[]string{"entra.create.nulls", "entra.values.null-update-null", "microsoft.logicapp.null", "microsoft.logicapp.null.values"},
			nil,
		},
		{
			Defect, "read-only attributes in a PATCH are passed over with success (RFC 7644 §3.5.2), and the read-only displayName of a manager is stored (§3.3)",
			[]string{"rfc.patch.read-only", "rfc.patch.groups", "rfc.create.extension.manager"},
			nil,
		},
		{
			Defect, "userName \"\" is accepted, in POST and PATCH (RFC 7643 §4.1.1), and so are two primary addresses (§2.4, RFC 7644 §3.5.2)",
			[]string{"rfc.create.required", "entra.patch.required", "rfc.create.primary", "rfc.patch.lists.primary"},
			nil,
		},
		{
			Defect, "canonicalValues of roles.type are the only ones allowed (its schema gives the type none of Entra's); RFC 7643 §7 calls them suggestions",
			[]string{"entra.roles.replace"},
			nil,
		},
		{
			Defect, "201 comes without Location (RFC 7644 §3.3), and 401 without WWW-Authenticate (RFC 9110 §15.5.2)",
			[]string{"rfc.create.location", "rfc.groups.create", "rfc.http.auth.challenge"},
			nil,
		},
	},
}

// Scim2ServerVersion is the one that was looked at.
const Scim2ServerVersion = "0.8.3"

var scim2Server = Peer{
	Name: "scim2-server (Python)", Version: Scim2ServerVersion,
	About: "Its own command, in memory. It has bulk, sort, ETags, POST /.search and root searches, and is the strictest of the peers.",
	Differences: []Difference{
		{
			Choice, `A manager must be an object (RFC 7643 §4.3); Entra sends the bare id. The query whether somebody is the manager is refused too: core names do not stand for an extension's`,
			[]string{
				"entra.manager.set", "entra.manager.clear", "entra.cycle.settles", "microsoft.validator.manager.add",
				"microsoft.validator.manager.replace", "microsoft.validator.manager.remove", "microsoft.logicapp.manager",
			},
			regexp.MustCompile(`:User:manager","value":"|and\+manager\+eq|want +manager "`),
		},
		{
			Choice, "schemas with a URI that the type does not have are invalidSyntax; Entra puts one of Microsoft's into every POST of a group, so that no group is ever created",
			[]string{"entra.groups.create", "entra.groups.duplicate"},
			regexp.MustCompile(`Unknown extension schemas|(?s)group .*want +it to be provisioned`),
		},
		{
			Choice, `replace and add at emails[type eq "work"].value, where there is no such element, are noTarget, as RFC 7644 §3.5.2.3 says of replace; Entra counts on the element being made`,
			[]string{
				"entra.patch.first-update", "entra.values.element-missing", "entra.values.other-element", "entra.values.address",
				"entra.values.address-beside", "microsoft.validator.user.add", "microsoft.validator.user.add.verbose",
			},
			regexp.MustCompile(`"path":"(emails|phoneNumbers|addresses)\[type eq|want +(emails|phoneNumbers|addresses)\[type eq .* \(it is absent\)`),
		},
		{
			Choice, "remove with a value is invalidValue: the RFC gives remove none (§3.5.2.2). Entra's default dialect removes members so",
			[]string{"entra.members.remove-value", "entra.members.remove-list", "entra.values.remove-with-value"},
			nil,
		},
		{
			Choice, "two groups may have one displayName, as the RFC has it; Microsoft's validator wants 409",
			[]string{"microsoft.validator.group.duplicate"},
			nil,
		},
		{
			Choice, "users show no groups, although /Schemas has them: the RFC says who may write groups and not that a server must fill them in",
			[]string{"rfc.groups.of-user", "rfc.groups.patch.of-user"},
			nil,
		},
		{
			Defect, "userName \"\" is accepted, in POST and PATCH (RFC 7643 §4.1.1: non-empty)",
			[]string{"rfc.create.required", "entra.patch.required"},
			nil,
		},
		{
			Defect, "POST pays no heed to attributes and excludedAttributes, which are for every answer that returns a resource (RFC 7644 §3.9)",
			[]string{"rfc.projection.create"},
			nil,
		},
		{
			Defect, "/Users/%00 is answered with a NUL in the Location header, which clients refuse to read (RFC 9110 §5.5)",
			[]string{"rfc.errors.odd-ids"},
			nil,
		},
	},
}
