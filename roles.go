package scim

import "github.com/usherkit/scim/internal/schemas"

// Roles and entitlements as resources that clients discover, so that an
// administrator chooses among those there are (draft-ietf-scim-roles-entitlements-01).

// The URIs of the schemas of draft-ietf-scim-roles-entitlements-01.
const (
	RoleSchemaURI        = "urn:ietf:params:scim:schemas:core:2.0:Role"
	EntitlementSchemaURI = "urn:ietf:params:scim:schemas:core:2.0:Entitlement"
)

// RoleSchema returns the schema Role of draft-ietf-scim-roles-entitlements-01.
// It is the caller's to change.
func RoleSchema() *Schema { return embedded(schemas.Role) }

// EntitlementSchema returns the schema Entitlement of
// draft-ietf-scim-roles-entitlements-01. It is the caller's to change.
func EntitlementSchema() *Schema { return embedded(schemas.Entitlement) }

// RoleType returns the type Role of draft-ietf-scim-roles-entitlements-01 at
// /Roles with the given extensions: the values that a user's roles may have.
// Clients read them; the application puts them into its Store, in the form that
// [ResourceType.Encode] gives them. They are no limit: a user may be given a
// role that is not among them, unless [Hooks] refuse it. A Handler that serves
// the type says so in its ServiceProviderConfig.
func RoleType(extensions ...Extension) (*ResourceType, error) {
	return NewResourceType(TypeDefinition{
		Name: "Role", Endpoint: "Roles", Description: "Roles that users may have",
		Schema: RoleSchema(), Extensions: extensions, Indexed: []string{"value"}, ReadOnly: true,
	})
}

// EntitlementType returns the type Entitlement of
// draft-ietf-scim-roles-entitlements-01 at /Entitlements with the given
// extensions. It is to a user's entitlements what [RoleType] is to roles.
func EntitlementType(extensions ...Extension) (*ResourceType, error) {
	return NewResourceType(TypeDefinition{
		Name: "Entitlement", Endpoint: "Entitlements", Description: "Entitlements that users may have",
		Schema: EntitlementSchema(), Extensions: extensions, Indexed: []string{"value"}, ReadOnly: true,
	})
}
