package scim

import (
	"slices"
	"strings"
)

// The SCIM 2.0 Interoperability Profile, which strict clients are held to.

// freeType reports whether sub says the type of a's elements, and the schema
// does not say which types there are. §5.4 of the profile wants canonicalValues,
// so for strict clients there is no such attribute: no schema that they read
// lists it, and what they write cannot have it. For all others there is: Entra
// wants no canonicalValues for roles, which it maps as roles[primary eq "True"]
// then. A required one must stay, and the profile is not kept.
func (a *Attribute) freeType(sub *Attribute) bool {
	return a.anyType(sub) && !sub.Required && len(a.SubAttributes) > 1
}

func (a *Attribute) anyType(sub *Attribute) bool {
	return a.MultiValued && strings.EqualFold(sub.Name, "type") && len(sub.CanonicalValues) == 0
}

// keepsProfile reports whether the profile is kept in what the type is for
// strict clients.
func (t *ResourceType) keepsProfile() bool {
	for n := range t.root.all {
		if n.typ != nil && n.attr.anyType(n.typ.attr) && !n.typ.freeType {
			return false
		}
	}
	return true
}

// subAttributes returns the sub-attributes of a that clients are shown.
func (a *Attribute) subAttributes(strict bool) []Attribute {
	if !strict {
		return a.SubAttributes
	}
	return slices.DeleteFunc(slices.Clone(a.SubAttributes), func(sub Attribute) bool { return a.freeType(&sub) })
}

// knows reports whether a node, which may be nil, is there for the client.
func (d *dialect) knows(n *node) bool { return n != nil && !(n.freeType && d.isStrict()) }
