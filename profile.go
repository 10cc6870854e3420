package scim

import "slices"

// The SCIM 2.0 Interoperability Profile, which strict clients are held to.

// untyped lists the multi-valued attributes whose elements have a type and
// whose schema does not say which: §5.4 of the profile wants canonicalValues.
// Entra wants none for roles, which it maps as roles[primary eq "True"] then.
func (t *ResourceType) untyped() (names []string) {
	for n := range t.root.all {
		if n.multi && n.typ != nil && len(n.typ.attr.CanonicalValues) == 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// profileUserType returns a type of users without the types of elements that
// are left to the application.
func profileUserType(users *ResourceType) (*ResourceType, error) {
	def := users.Definition()
	for _, name := range users.untyped() {
		a := def.Schema.Attribute(name)
		a.SubAttributes = slices.DeleteFunc(a.SubAttributes, func(sub Attribute) bool { return sub.Name == "type" })
	}
	return NewResourceType(def)
}
