package idp

import "strings"

// An AppRole is a role of the application, as its manifest defines it.
type AppRole struct {
	ID          string `json:"id"`
	Value       string `json:"value"`
	DisplayName string `json:"displayName,omitempty"`
}

// An Assignment gives a user or a group the application, in a role or in none.
// What a group has, its direct members have; those of groups in it have not.
type Assignment struct {
	PrincipalID string `json:"principalId"` // of a user or group
	AppRoleID   string `json:"appRoleId,omitempty"`
}

// roleType is the type that Entra gives to each role.
const roleType = "WindowsAzureActiveDirectoryRole"

// A roleForm says which of the documented functions sends the roles
// (Microsoft's "Provisioning a role to a SCIM app").
type roleForm int

const (
	singleRole    roleForm = iota // SingleAppRoleAssignment: one, the primary one
	addedRoles                    // AppRoleAssignmentsComplex: those of others stay
	assertedRoles                 // AssertiveAppRoleAssignmentsComplex: those of others go
)

// roles are the value of an attribute.
type roles struct {
	form roleForm
	list []AppRole
}

// rolesOf returns null for somebody without a role, and so nothing is sent:
// even the assertive function does not take the last role away.
func rolesOf(s *source, form roleForm) any {
	list := s.roles
	if len(list) == 0 {
		return nil
	}
	if form == singleRole {
		list = list[:1] // "there's no guarantee which role is provisioned"
	}
	return roles{form, list}
}

// elements are the roles as a POST has them. The functions name the display
// name differently, and the single one not at all.
func (r roles) elements() (list []object) {
	for _, role := range r.list {
		o := object{{"primary", r.form == singleRole}, {"type", roleType}}
		switch r.form {
		case addedRoles:
			o = append(o, field{"displayName", role.DisplayName})
		case assertedRoles:
			o = append(o, field{"display", role.DisplayName})
		}
		list = append(list, append(o, field{"value", role.Value}))
	}
	return list
}

// texts are the roles as a PATCH of the default dialect adds them: each value
// is the JSON text of the whole role.
func (r roles) texts() (list []object) {
	for _, role := range r.list {
		list = append(list, object{{"value", role.text()}})
	}
	return list
}

func (r AppRole) text() string {
	return string(encode(object{{"id", r.ID}, {"value", r.Value}, {"displayName", r.DisplayName}}))
}

// operation writes roles that differ.
func (r roles) operation(d Dialect, path string) operation {
	switch {
	case r.form == assertedRoles:
		return operation{"replace", "roles", r.elements()} // documented in lower case, even without the flag
	case d != DialectFlag:
		return operation{"Add", "roles", r.texts()}
	case r.form == singleRole:
		return operation{"add", path, r.list[0].Value}
	}
	return operation{"add", "roles", r.elements()}
}

// differ compares the roles with those of a resource. A server may have
// decoded the JSON text of a default PATCH, or kept it as it came.
func (r roles) differ(resource nodeObject) (differ bool, problem string) {
	n := resource.get("roles")
	elements, ok := n.array()
	if n != "" && !ok {
		return false, "roles is " + n.show() + ", want an array"
	}
	missing := map[string]bool{}
	for _, role := range r.list {
		missing[role.Value] = true
	}
	others := false
	for _, e := range elements {
		o, ok := e.object()
		if !ok {
			return false, "roles contains " + e.show() + ", want objects"
		}
		value, _ := o.get("value").text()
		if strings.HasPrefix(value, "{") {
			if decoded, ok := parseObject(value); ok {
				value, _ = decoded.get("value").text()
			}
		}
		others = others || !r.has(value)
		delete(missing, value)
	}
	return len(missing) > 0 || r.form == assertedRoles && others, ""
}

func (r roles) has(value string) bool {
	for _, role := range r.list {
		if role.Value == value {
			return true
		}
	}
	return false
}
