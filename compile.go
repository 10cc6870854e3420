package scim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// kind is what the decoder and the comparisons switch on.
type kind uint8

const (
	kindString kind = iota
	kindBoolean
	kindDecimal
	kindInteger
	kindDateTime
	kindBinary
	kindReference
	kindComplex
	kindExtension // an extension's object; its name is its URI
	kindRoot
)

var kindOf = map[DataType]kind{
	"": kindString, TypeString: kindString, TypeBoolean: kindBoolean, TypeDecimal: kindDecimal, TypeInteger: kindInteger,
	TypeDateTime: kindDateTime, TypeBinary: kindBinary, TypeReference: kindReference, TypeComplex: kindComplex,
}

// place is where an attribute's value is kept.
type place uint8

const (
	inDocument place = iota
	inID
	inMeta
	inSchemas
	inMembers
	inGroups
)

// node is an attribute in its place in a resource type.
type node struct {
	attr    *Attribute // nil for an extension and the root
	name    string     // the attribute's name; an extension's URI
	path    string     // the canonical path
	parent  *node      // the root for top-level attributes and extensions
	kind    kind
	multi   bool
	place   place
	several bool // it or what it is in is multi-valued
	rank    int  // among its siblings; canonical documents are in this order

	readOnly bool
	veiled   bool // a plain answer leaves out something below it
	freeType bool // not there for strict clients

	showsAlways bool   // something below it is returned always
	refers      bool   // it is, or has in it, a serverRef
	refType     string // the resource type that a serverRef refers to
	serverRef   bool   // a $ref beside a value, to a SCIM resource: the Handler writes it, clients' are dropped
	unique      bool
	indexed     bool // resources carry Keys of it
	exact       bool // caseExact, or of a kind that has no case

	children []*node
	byName   map[string]*node // exact and lower-case spellings
	required []*node          // children that must be present where this object is

	value, typ, primary *node // well-known sub-attributes (RFC 7643 §2.4)
}

// child finds a child by name in any case. The exact spelling is the usual
// case and costs one look-up without an allocation.
func (n *node) child(name []byte) *node {
	if c := n.byName[string(name)]; c != nil {
		return c
	}
	var low [128]byte
	if len(name) > len(low) {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		low[i] = b
	}
	return n.byName[string(low[:len(name)])]
}

func (n *node) childString(name string) *node {
	if c := n.byName[name]; c != nil {
		return c
	}
	return n.child([]byte(name))
}

func (n *node) add(c *node) error {
	c.parent, c.rank = n, len(n.children)
	low := strings.ToLower(c.name)
	if n.byName[low] != nil {
		return fmt.Errorf("scim: attribute %q is defined twice", c.name)
	}
	if n.byName == nil {
		n.byName = map[string]*node{}
	}
	n.byName[low], n.byName[c.name] = c, c
	n.children = append(n.children, c)
	return nil
}

// Names follow RFC 7643 §2.1, and the RFC's own $ref.
func validName(s string) bool {
	if s == "$ref" {
		return true
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b|0x20 && b|0x20 <= 'z':
		case i > 0 && (b == '$' || b == '-' || b == '_' || '0' <= b && b <= '9'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// validURI reports whether s can be the URI of a schema. One without a colon
// could be taken for an attribute's name.
func validURI(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return strings.Contains(s, ":") && len(s) <= 120
}

func compileType(def TypeDefinition) (*ResourceType, error) {
	def.Endpoint = strings.Trim(def.Endpoint, "/")
	switch {
	case !validName(def.Name):
		return nil, fmt.Errorf("scim: %q is no name for a resource type", def.Name)
	case !validName(def.Endpoint):
		return nil, fmt.Errorf("scim: %s: %q is no endpoint: want one path segment", def.Name, def.Endpoint)
	case def.Schema == nil || !validURI(def.Schema.ID):
		return nil, fmt.Errorf("scim: %s has no schema with a URI", def.Name)
	case len(def.Extensions) > 32: // one bit each, when schemas are checked
		return nil, fmt.Errorf("scim: %s has more than 32 extensions", def.Name)
	}
	// The schemas of RFC 7643 have their sets whether or not one asks for them:
	// members inside a document would be checked by nobody.
	if def.Members == "" && def.Schema.ID == GroupSchemaURI && def.Schema.Attribute("members") != nil {
		def.Members = "members"
	}
	if def.Groups == "" && def.Schema.ID == UserSchemaURI && def.Schema.Attribute("groups") != nil {
		def.Groups = "groups"
	}
	t := &ResourceType{def: def, root: &node{kind: kindRoot, name: def.Schema.ID}}
	for _, c := range []struct {
		attr  Attribute
		place place
	}{
		{Attribute{Name: "schemas", Type: TypeReference, MultiValued: true, CaseExact: true, Mutability: ReadOnly, Returned: ReturnedAlways}, inSchemas},
		{Attribute{Name: "id", CaseExact: true, Mutability: ReadOnly, Returned: ReturnedAlways, Uniqueness: UniqueServer}, inID},
		{Attribute{Name: "externalId", CaseExact: true}, inDocument},
		{Attribute{Name: "meta", Type: TypeComplex, Mutability: ReadOnly, SubAttributes: []Attribute{
			{Name: "resourceType", CaseExact: true, Mutability: ReadOnly},
			{Name: "created", Type: TypeDateTime, Mutability: ReadOnly},
			{Name: "lastModified", Type: TypeDateTime, Mutability: ReadOnly},
			{Name: "location", Type: TypeReference, CaseExact: true, Mutability: ReadOnly},
			{Name: "version", CaseExact: true, Mutability: ReadOnly},
		}}, inMeta},
	} {
		if err := compileAttribute(t.root, &c.attr, "", c.place); err != nil {
			return nil, err
		}
	}
	for i := range def.Schema.Attributes {
		a := &def.Schema.Attributes[i]
		if known := t.root.childString(a.Name); known != nil {
			continue // schemas older than RFC 7643 §3.1 list the common attributes; its definitions win
		}
		in := inDocument
		switch {
		case def.Members != "" && strings.EqualFold(a.Name, def.Members):
			in = inMembers
		case def.Groups != "" && strings.EqualFold(a.Name, def.Groups):
			in = inGroups
		}
		if err := compileAttribute(t.root, a, "", in); err != nil {
			return nil, fmt.Errorf("%w (schema %s)", err, def.Schema.ID)
		}
	}
	for _, ext := range def.Extensions {
		if ext.Schema == nil || !validURI(ext.Schema.ID) || strings.EqualFold(ext.Schema.ID, def.Schema.ID) {
			return nil, fmt.Errorf("scim: %s has an extension without a schema URI of its own (want one like urn:example:2.0:User)", def.Name)
		}
		e := &node{kind: kindExtension, name: ext.Schema.ID, path: ext.Schema.ID}
		if err := t.root.add(e); err != nil {
			return nil, err
		}
		for i := range ext.Schema.Attributes {
			if err := compileAttribute(e, &ext.Schema.Attributes[i], ext.Schema.ID+":", inDocument); err != nil {
				return nil, fmt.Errorf("%w (schema %s)", err, ext.Schema.ID)
			}
		}
		if ext.Required {
			t.root.required = append(t.root.required, e)
		}
	}
	return t, t.link()
}

func compileAttribute(parent *node, a *Attribute, prefix string, in place) error {
	k, ok := kindOf[a.Type]
	path := prefix + a.Name
	switch nested := parent.kind == kindComplex; {
	case !validName(a.Name):
		return fmt.Errorf("scim: %q is no attribute name (RFC 7643 §2.1)", a.Name)
	case !ok:
		return fmt.Errorf("scim: %s: unknown type %q", path, a.Type)
	case k == kindComplex && nested:
		return fmt.Errorf("scim: %s: a sub-attribute cannot be complex (RFC 7643 §2.3.8)", path)
	case k == kindComplex && len(a.SubAttributes) == 0:
		return fmt.Errorf("scim: %s is complex and has no sub-attributes", path)
	case k != kindComplex && len(a.SubAttributes) > 0:
		return fmt.Errorf("scim: %s is not complex and has sub-attributes", path)
	case k != kindReference && len(a.ReferenceTypes) > 0:
		return fmt.Errorf("scim: %s is no reference and has referenceTypes", path)
	case !slices.Contains([]Mutability{"", ReadWrite, ReadOnly, Immutable, WriteOnly}, a.Mutability):
		return fmt.Errorf("scim: %s: unknown mutability %q", path, a.Mutability)
	case !slices.Contains([]Returned{"", ReturnedDefault, ReturnedAlways, ReturnedRequest, ReturnedNever}, a.Returned):
		return fmt.Errorf("scim: %s: unknown returned %q", path, a.Returned)
	case !slices.Contains([]Uniqueness{"", UniqueNone, UniqueServer, UniqueGlobal}, a.Uniqueness):
		return fmt.Errorf("scim: %s: unknown uniqueness %q", path, a.Uniqueness)
	}
	n := &node{attr: a, name: a.Name, path: path, kind: k, multi: a.MultiValued, several: a.MultiValued || parent.multi, place: in}
	n.readOnly = a.Mutability == ReadOnly
	n.unique = a.Uniqueness == UniqueServer || a.Uniqueness == UniqueGlobal
	n.exact = a.CaseExact || k == kindBinary || k == kindReference // RFC 7643 §2.3.6, §2.3.7
	if err := parent.add(n); err != nil {
		return err
	}
	if a.Required && !n.readOnly {
		parent.required = append(parent.required, n)
	}
	for i := range a.SubAttributes {
		if err := compileAttribute(n, &a.SubAttributes[i], path+".", in); err != nil {
			return err
		}
	}
	if k == kindComplex {
		n.value, n.typ, n.primary = n.childString("value"), n.childString("type"), n.childString("primary")
		if n.typ != nil {
			n.typ.freeType = a.freeType(n.typ.attr)
		}
		if n.primary != nil && n.primary.kind != kindBoolean {
			n.primary = nil
		}
		if ref := n.childString("$ref"); ref != nil && n.value != nil && !n.multi {
			if types := resourceTypesOf(ref); len(types) == 1 {
				n.serverRef, n.refType = true, types[0]
			}
		}
	}
	return nil
}

// resourceTypesOf lists the resource types that a reference may lead to.
func resourceTypesOf(ref *node) (names []string) {
	for _, name := range ref.attr.ReferenceTypes {
		if name != "external" && name != "uri" {
			names = append(names, name)
		}
	}
	return names
}

// link finds the attributes that the type treats apart.
func (t *ResourceType) link() error {
	t.required = t.root.required
	t.schemasHead = string(jsontext.AppendQuote([]byte(`{"schemas":[`), t.def.Schema.ID))
	t.meta = t.root.childString("meta")
	t.metaHead = `,"resourceType":"` + t.def.Name + `"`
	if n := t.root.childString("active"); n != nil && n.kind == kindBoolean && !n.multi {
		t.active = n
	}
	if (t.active == nil || t.active.readOnly) && t.def.Schema.ID == UserSchemaURI {
		// Without it a client's disable would be one more unknown attribute:
		// answered 200, and the user would keep working.
		return fmt.Errorf("scim: %s: the schema %s must keep active, a boolean that clients may write: "+
			"without it a disable would be ignored and OnUserDeactivated never called", t.def.Name, UserSchemaURI)
	}
	for _, n := range t.root.children {
		if n.kind == kindExtension {
			t.extensions = append(t.extensions, n)
		}
		switch n.place {
		case inMembers:
			t.members = n
		case inGroups:
			t.groups = n
		}
	}
	if err := t.linkPassword(); err != nil {
		return err
	}
	for _, n := range []*node{t.members, t.groups} {
		if n != nil && (n.kind != kindComplex || !n.multi || n.value == nil) {
			return fmt.Errorf("scim: %s.%s must be complex and multi-valued and have a value", t.def.Name, n.path)
		}
		if n != nil {
			n.value.exact = true // an id, whatever the schema says
		}
	}
	if t.def.Members != "" && t.members == nil || t.def.Groups != "" && t.groups == nil {
		return fmt.Errorf("scim: %s: the definition's Members %q or Groups %q names no attribute of the schema", t.def.Name, t.def.Members, t.def.Groups)
	}
	if t.members != nil {
		if ref := t.members.childString("$ref"); ref != nil {
			t.memberTypes = resourceTypesOf(ref)
		}
	}
	for n := range t.root.all {
		if n.kind == kindComplex || n.kind == kindExtension || n.place != inDocument {
			continue
		}
		if n.unique {
			t.indexed = append(t.indexed, n)
		}
	}
	for _, name := range t.def.Indexed {
		n := t.resolve(name)
		switch {
		case n == nil || n.place != inDocument || n.kind == kindExtension:
			return fmt.Errorf("scim: %s: the definition's Indexed names %q, and no schema has such an attribute", t.def.Name, name)
		case n.kind == kindComplex && n.value == nil:
			return fmt.Errorf("scim: %s: %q is complex: index one of its sub-attributes", t.def.Name, name)
		case n.kind == kindComplex:
			n = n.value
		}
		if !slices.Contains(t.indexed, n) {
			t.indexed = append(t.indexed, n)
		}
	}
	for _, n := range t.indexed {
		n.indexed = true
	}
	if t.password != nil && t.password.indexed { // a Key would hold it
		return fmt.Errorf("scim: %s: password can be neither unique nor indexed: no Store is told one", t.def.Name)
	}
	for n := range t.root.all {
		if n.attr != nil && n.attr.Returned == ReturnedAlways {
			for outer := n.parent; outer != nil; outer = outer.parent {
				outer.showsAlways = true
			}
		}
		if len(n.required) > 0 && n.place == inDocument {
			t.demanding = append(t.demanding, n)
		}
		if n.attr != nil && n.attr.Mutability == Immutable && n.place == inDocument && n.parent.kind != kindRoot && !n.parent.multi {
			t.fixed = append(t.fixed, n)
		}
		if n.serverRef && n.place == inDocument {
			for outer := n; outer.kind != kindRoot; outer = outer.parent {
				outer.refers = true
			}
		}
		if n.attr != nil && (n.attr.Returned == ReturnedNever || n.attr.Returned == ReturnedRequest || n.attr.Mutability == WriteOnly) {
			t.hidden = append(t.hidden, n)
			for outer := n.parent; outer != nil; outer = outer.parent {
				outer.veiled = true
			}
		}
	}
	return nil
}

// all yields the node's descendants, parents first.
func (n *node) all(yield func(*node) bool) {
	for _, c := range n.children {
		if !yield(c) {
			return
		}
		for g := range c.all {
			if !yield(g) {
				return
			}
		}
	}
}

// resolve finds an attribute by any spelling of its path; nil if there is none.
func (t *ResourceType) resolve(src string) *node {
	if n := t.root.byName[src]; n != nil {
		return n
	}
	if strings.IndexByte(src, ':') < 0 {
		if n := t.root.descend(src); n != nil {
			return n
		}
		return t.unqualified(src)
	}
	// One schema's URI may begin with another's, so the first is not always
	// the one that is meant.
	if rest, ok := cutFold(src, t.def.Schema.ID); ok && len(rest) > 1 && rest[0] == ':' {
		if n := t.root.descend(rest[1:]); n != nil {
			return n
		}
	}
	for _, e := range t.root.children {
		if e.kind != kindExtension {
			continue
		}
		rest, ok := cutFold(src, e.name)
		switch {
		case !ok:
		case rest == "":
			return e
		case rest[0] == ':' || rest[0] == '.':
			if n := e.descend(rest[1:]); n != nil {
				return n
			}
		}
	}
	return nil
}

// unqualified finds an extension's attribute named without its URI, if only
// one extension has it (RFC 7644 §3.10; Entra names manager so).
func (t *ResourceType) unqualified(src string) (found *node) {
	for _, e := range t.root.children {
		if e.kind != kindExtension {
			continue
		}
		if n := e.descend(src); n != nil {
			if found != nil {
				return nil
			}
			found = n
		}
	}
	return found
}

// descend follows name or name.sub.
func (n *node) descend(src string) *node {
	name, sub, dotted := strings.Cut(src, ".")
	if c := n.childString(name); c == nil || !dotted || c.kind == kindExtension {
		if dotted || c != nil && c.kind == kindExtension {
			return nil
		}
		return c
	} else {
		return c.childString(sub)
	}
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
