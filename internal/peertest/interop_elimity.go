package peertest

import "regexp"

// ElimityVersion is the one that go.mod requires.
const ElimityVersion = "v0.0.0-20260728105928-2641426a1539"

var elimity = Peer{
	Name: "elimity-com/scim (Go)", Version: ElimityVersion,
	About: "The library checks requests and hands them to a ResourceHandler, which stores, finds and applies PATCH; " +
		"the handler is elimity.go and elimity_patch.go of this package, which do what the RFC says and nothing for identity providers.",
	Differences: []Difference{
		{
			Choice, `A manager must be an object, {"value": id} (RFC 7643 §4.3); Entra sends the bare id. The query whether somebody is the manager, which Entra asks first, is refused too: manager eq compares a complex attribute (RFC 7644 §3.4.2.2), and members eq, by which it asks about members, ends the connection`,
			[]string{
				"entra.manager.set", "entra.manager.clear", "entra.cycle.settles", "microsoft.validator.manager.add",
				"microsoft.validator.manager.replace", "microsoft.validator.manager.remove", "microsoft.logicapp.manager",
			},
			regexp.MustCompile(`:User:manager","value":"|and\+(manager|members)\+eq|want +manager "`),
		},
		{
			Choice, `Booleans must be JSON booleans (RFC 7643 §2.3.2), unless the application calls schema.SetAllowStringValues, which is off by default and counts for all servers of the process; Entra sends "True" and "False"`,
			[]string{
				"entra.create.string-boolean", "entra.active.strings", "entra.active.add", "entra.patch.both-dialects",
				"entra.values.primary", "entra.roles.primary", "microsoft.validator.user.create",
			},
			regexp.MustCompile(`"path":"active","value":"|want +active (true|false) \(it is`),
		},
		{
			Application, `replace and add at emails[type eq "work"].value, where there is no such element, are noTarget, as RFC 7644 §3.5.2.3 says of replace; Entra counts on the element being made`,
			[]string{
				"entra.patch.first-update", "entra.values.element-missing", "entra.values.other-element", "entra.values.address",
				"entra.values.address-beside", "microsoft.validator.user.add", "microsoft.validator.user.add.verbose",
			},
			regexp.MustCompile(`"path":"(emails|phoneNumbers|addresses)\[type eq|want +(emails|phoneNumbers|addresses)\[type eq .* \(it is absent\)`),
		},
		{
			Application, "remove with path members and a value removes everybody: the RFC gives remove no value (§3.5.2.2). The library hands the value over, and it is easily overlooked",
			[]string{"entra.members.remove-value", "entra.members.remove-list"},
			nil,
		},
		{
			Defect, "What follows the JSON value of a body is not looked at: resource_type.go decodes one value and stops, so a damaged body is taken (RFC 8259 §2: a JSON text is one value)",
			[]string{"rfc.errors.syntax"},
			nil,
		},
		{
			Defect, "PATCH does not know externalId, an attribute of every resource (RFC 7643 §3.1): internal/patch looks in the type's own schema alone, and answers invalidPath",
			[]string{
				"entra.patch.replace", "entra.patch.default-dialect", "entra.groups.external-id", "microsoft.validator.group.replace",
				"microsoft.logicapp.group.update", "microsoft.logicapp.user.update", "microsoft.logicapp.user.update.pathless",
			},
			nil,
		},
		{
			Defect, "replace with null is refused (“an add operation must contain a value member”); null is “no value” (RFC 7643 §2.5)",
			[]string{
				"rfc.patch.null", "entra.values.null-update-null", "entra.values.null-update-flag", "microsoft.logicapp.null",
				"microsoft.logicapp.null.pathless", "microsoft.logicapp.null.values",
			},
			nil,
		},
		{
			Defect, "attributes and excludedAttributes are parsed for POST /.search alone (RFC 7644 §3.9), and password, which the library's schema calls returned: never, comes back in every answer (RFC 7643 §7). Our handler does no more than leave out top-level names for Entra's excludedAttributes=members",
			[]string{
				"rfc.projection.attributes", "rfc.projection.case", "rfc.projection.create", "rfc.projection.excluded", "rfc.projection.extension",
				"rfc.projection.lists", "rfc.projection.patch", "rfc.projection.query", "rfc.projection.replace", "rfc.projection.sub-attribute",
				"rfc.projection.urn", "rfc.read.returned", "rfc.create.password", "okta.create.assigned-user",
			},
			nil,
		},
		{
			Choice, `a sub-attribute after a value path is refused in filters: emails[type eq "work"].value eq "…", Entra's search by a work address; the RFC's grammar has it in PATCH paths alone`,
			[]string{"entra.search.work-email"},
			nil,
		},
		{
			Defect, "Validator.PassesFilter finds nothing by a sub-attribute of a list, such as emails.value or members.value (RFC 7644 §3.4.2.2), and looks for an extension's attributes at the top level, where POST does not put them",
			[]string{"rfc.filter.lists", "rfc.groups.filter.member", "rfc.filter.extension"},
			nil,
		},
		{
			Defect, `escapes in a filter's strings are kept: displayName eq "a \"b\"" compares with the backslashes (RFC 7644 §3.4.2.2, RFC 8259 §7)`,
			[]string{"rfc.filter.quotes"},
			regexp.MustCompile(`a search by displayName to find id`),
		},
		{
			Defect, "schema URIs in filters must have the schema's case (RFC 7644 §3.10)",
			[]string{"rfc.filter.urn"},
			nil,
		},
		{
			Defect, "userName \"\" is accepted (RFC 7643 §4.1.1: non-empty), and so are two primary addresses (§2.4)",
			[]string{"rfc.create.required", "rfc.create.primary"},
			nil,
		},
		{
			Defect, "PATCH hands operations on the read-only groups of a user to the handler (RFC 7644 §3.5.2)",
			[]string{"rfc.patch.groups"},
			nil,
		},
		{
			Defect, "discovery endpoints page (RFC 7644 §4: pagination SHALL be ignored), and answer 200 to PUT",
			[]string{"rfc.discovery.query", "rfc.discovery.read-only"},
			nil,
		},
		{
			Application, "a second primary element leaves the first one primary (RFC 7644 §3.5.2)",
			[]string{"rfc.patch.lists.primary"},
			nil,
		},
		{
			Application, "users show no groups, although the core schema has them and /Schemas says so; two tables know nothing of each other, and a deleted user stays in groups",
			[]string{"rfc.groups.of-user", "rfc.groups.patch.of-user"},
			regexp.MustCompile(`\d+ members; \d+ (should not be there|are missing)`),
		},
	},
}
