package scim

import "math/bits"

// A rule is one tolerance of an identity provider's dialect: a request that
// the RFCs would have refused and that is understood all the same. A strict
// client is granted none of them. What was granted is logged by name.
type rule uint8

const (
	ruleStringBoolean   rule = iota // "True" for true: Entra's default dialect, in PATCH and in roles.primary of a POST
	ruleStringNumber                // "5" for an integer or decimal: as above, from string-valued mappings
	ruleBareNumber                  // 5 or true for a string attribute: mappings with a typed source
	ruleWrapped                     // [{"$ref":null,"value":"x"}] for a simple value: Entra before 2019 (azure-docs #42220)
	ruleLoneElement                 // an object or string for a multi-valued attribute: OneLogin's emails, Postman's members
	ruleBareValue                   // "id" for {"value":"id"}: Entra's manager (SCIM-SDK #686), members in Microsoft's Postman set
	ruleEmptyString                 // "" clears an attribute: Entra's SCIM_Null_Update_Test and manager removal
	ruleEmptyElement                // an element with only type and primary left is dropped: follows from emptyString
	ruleSecondPrimary               // two primary elements in a POST or PUT: the first one is kept
	ruleUnknownName                 // an unknown attribute is ignored: Okta, Entra's Postman set ("misspelled attribute")
	ruleUnknownSchema               // an unknown URI in schemas is ignored: Entra's group schema URI
	ruleSchemasMissing              // schemas missing, or lacking an extension that has data: Entra's custom extensions
	ruleMessageSchema               // a PATCH, search or bulk without its message's schema, or with others besides
	ruleMemberCase                  // "operations" for "Operations" and the like in a message (ssoready)
	rulePathKeys                    // path-less operations whose keys are paths: Entra's aadOptscim062020 dialect
	ruleFilteredKeys                // …and even value paths: {"emails[type eq \"work\"].value": "x"}
	ruleCreateElement               // an unmatched emails[type eq "work"] is created: Entra (scim-patch #176, SCIM-SDK #416)
	ruleRemoveValue                 // remove with a value removes only those elements: Entra's default dialect (azure-docs #30826)
	ruleReadOnlyIgnored             // id, meta and schemas in a path-less PATCH are ignored: Okta's group rename
	ruleJSONInValue                 // roles whose value is JSON text: Entra's SingleAppRoleAssignment
	ruleValuePathFilter             // emails[type eq "work"].value eq "x" in a filter: Entra's match on e-mail
	ruleUnquoted                    // a filter value without quotes: Microsoft's tutorial (externalId eq jyoung)
	ruleFilterBoolean               // primary eq "True" in a filter or value path: Entra's roles[primary eq "True"]
	ruleBothProjections             // attributes together with excludedAttributes: attributes wins
	ruleNoOperations                // a PATCH whose Operations is empty: Microsoft's validator
	ruleLooseReference              // a reference that is no URI: directories hold addresses as people typed them
	ruleCount
)

var ruleNames = [ruleCount]string{
	"stringBoolean", "stringNumber", "bareNumber", "wrapped", "loneElement", "bareValue", "emptyString", "emptyElement",
	"secondPrimary", "unknownName", "unknownSchema", "schemasMissing", "messageSchema", "memberCase", "pathKeys",
	"filteredKeys", "createElement", "removeValue", "readOnlyIgnored", "jsonInValue", "valuePathFilter", "unquoted",
	"filterBoolean", "bothProjections", "noOperations", "looseReference",
}

func (r rule) String() string { return ruleNames[r] }

// dialect is what one request is granted, and what it made use of. A nil
// dialect grants everything and records nothing.
type dialect struct {
	strict bool
	fired  uint32
}

// isStrict reports whether the client is held to the letter.
func (d *dialect) isStrict() bool { return d != nil && d.strict }

// grants reports whether the rule holds for the request, and records that the
// request needed it.
func (d *dialect) grants(r rule) bool {
	if d == nil {
		return true
	}
	if d.strict {
		return false
	}
	d.fired |= 1 << r
	return true
}

// rules names the rules that fired.
func (d *dialect) rules() (names []string) {
	for left := d.fired; left != 0; left &= left - 1 {
		names = append(names, rule(bits.TrailingZeros32(left)).String())
	}
	return names
}
