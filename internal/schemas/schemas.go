// Package schemas holds the schemas of RFC 7643 as JSON, with the verified
// errata applied (RFC Editor EIDs 5368, 5606, 6004, 8471, 8472). They are at
// once what /Schemas serves and what requests are checked against. Those of
// roles and entitlements follow draft-ietf-scim-roles-entitlements-01. A
// characteristic that has its default value (RFC 7643 §2.2) is left out.
package schemas

import _ "embed"

var (
	//go:embed user.json
	User []byte
	//go:embed enterprise_user.json
	EnterpriseUser []byte
	//go:embed group.json
	Group []byte
	//go:embed role.json
	Role []byte
	//go:embed entitlement.json
	Entitlement []byte
)
