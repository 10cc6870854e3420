package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/schemas"
)

// The URIs of the schemas of RFC 7643.
const (
	UserSchemaURI           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchemaURI          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserSchemaURI = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// A DataType is the type of an attribute's values (RFC 7643 §2.3). The empty
// DataType means TypeString.
type DataType string

const (
	TypeString    DataType = "string"
	TypeBoolean   DataType = "boolean"
	TypeDecimal   DataType = "decimal"
	TypeInteger   DataType = "integer"
	TypeDateTime  DataType = "dateTime"
	TypeBinary    DataType = "binary"
	TypeReference DataType = "reference"
	TypeComplex   DataType = "complex"
)

// Mutability says who may change an attribute (RFC 7643 §7). The empty
// Mutability means ReadWrite.
type Mutability string

const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"  // ignored in POST and PUT, refused in PATCH
	Immutable Mutability = "immutable" // can be set while it has no value
	WriteOnly Mutability = "writeOnly" // never returned
)

// Returned says when an attribute is part of an answer (RFC 7643 §7). The
// empty Returned means ReturnedDefault.
type Returned string

const (
	ReturnedDefault Returned = "default" // unless the client leaves it out
	ReturnedAlways  Returned = "always"
	ReturnedRequest Returned = "request" // if the client names or sends it
	ReturnedNever   Returned = "never"
)

// Uniqueness says where an attribute's value must be unique (RFC 7643 §7). The
// empty Uniqueness means UniqueNone. UniqueServer and UniqueGlobal both mean
// unique among the resources of the type in a tenant: no tenant may learn from
// a refusal what another one holds.
type Uniqueness string

const (
	UniqueNone   Uniqueness = "none"
	UniqueServer Uniqueness = "server"
	UniqueGlobal Uniqueness = "global"
)

// A Schema is a set of attributes under a URI, in the form RFC 7643 §7 gives
// it in JSON.
type Schema struct {
	ID          string      `json:"id"` // the URI
	Name        string      `json:"name,omitempty"`
	Description string      `json:"description,omitempty"`
	Attributes  []Attribute `json:"attributes"`
}

// An Attribute describes an attribute (RFC 7643 §7). Empty characteristics
// have the defaults of RFC 7643 §2.2.
type Attribute struct {
	Name            string      `json:"name"`
	Type            DataType    `json:"type,omitempty"`
	SubAttributes   []Attribute `json:"subAttributes,omitempty"` // of a complex attribute
	MultiValued     bool        `json:"multiValued,omitempty"`
	Description     string      `json:"description,omitempty"`
	Required        bool        `json:"required,omitempty"`
	CanonicalValues []string    `json:"canonicalValues,omitempty"`
	CaseExact       bool        `json:"caseExact,omitempty"`
	Mutability      Mutability  `json:"mutability,omitempty"`
	Returned        Returned    `json:"returned,omitempty"`
	Uniqueness      Uniqueness  `json:"uniqueness,omitempty"`
	ReferenceTypes  []string    `json:"referenceTypes,omitempty"` // of a reference: resource type names, "external", "uri"
}

// ParseSchema reads a schema in the JSON form of RFC 7643 §7. A characteristic
// that the RFC does not know is an error: it is most likely misspelt.
func ParseSchema(src []byte) (*Schema, error) {
	var s struct {
		Schema
		Schemas, Meta json.RawMessage // of a schema as a server shows it
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("scim: reading a schema: %w", err)
	}
	return &s.Schema, nil
}

func embedded(src []byte) *Schema {
	s, err := ParseSchema(src)
	if err != nil {
		panic(err) // the embedded files are tested
	}
	return s
}

// UserSchema returns the schema of RFC 7643 §4.1, without password. It is the
// caller's to change: what the application does not keep is best left out.
func UserSchema() *Schema { return embedded(schemas.User) }

// EnterpriseUserSchema returns the schema of RFC 7643 §4.3. It is the caller's
// to change.
func EnterpriseUserSchema() *Schema { return embedded(schemas.EnterpriseUser) }

// GroupSchema returns the schema of RFC 7643 §4.2. It is the caller's to
// change. The referenceTypes of members.$ref are the resource types that a
// member may have: without "Group" groups cannot be nested.
func GroupSchema() *Schema { return embedded(schemas.Group) }

// Attribute returns the attribute of the name, whatever its case, or nil.
func (s *Schema) Attribute(name string) *Attribute { return findAttribute(s.Attributes, name) }

// SubAttribute returns the sub-attribute of the name, whatever its case, or nil.
func (a *Attribute) SubAttribute(name string) *Attribute {
	return findAttribute(a.SubAttributes, name)
}

func findAttribute(in []Attribute, name string) *Attribute {
	for i := range in {
		if strings.EqualFold(in[i].Name, name) {
			return &in[i]
		}
	}
	return nil
}

// Remove takes the named top-level attributes out of the schema; a name that it
// does not have is passed over. What a client sends for a removed attribute is
// ignored, and refused if the client is strict. The attribute active of RFC 7643's
// users must stay, or nobody could be disabled: [NewResourceType] refuses it.
func (s *Schema) Remove(names ...string) {
	s.Attributes = slices.DeleteFunc(s.Attributes, func(a Attribute) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, a.Name) })
	})
}

// An Extension is a schema whose attributes a resource type has besides its own.
type Extension struct {
	Schema   *Schema
	Required bool // every resource must have it, with its required attributes
}

// A TypeDefinition says what a resource type is made of. See [NewResourceType].
type TypeDefinition struct {
	Name        string // such as "User": the value of meta.resourceType
	Endpoint    string // such as "Users": the path below the base URL
	Description string
	Schema      *Schema
	Extensions  []Extension

	// Indexed lists attributes by which resources are looked up. A Resource
	// carries their comparison keys, and a Store answers eq on them from an
	// index. Attributes that must be unique are always among them. When this
	// list, or an attribute's caseExact or uniqueness, changes under stored
	// resources, their Keys must be written anew: see [ResourceType.Keys].
	Indexed []string

	// Members names the multi-valued attribute that holds the members of a
	// group, and Groups the read-only one that lists the groups of a member.
	// Both are kept by the Store as sets and are no part of the Document. For the
	// schemas of RFC 7643 they are "members" and "groups" by default.
	Members string
	Groups  string

	// ReadOnly keeps clients from creating, changing and deleting resources of
	// the type: they are what the application puts into the Store.
	ReadOnly bool
}

// A ResourceType is a checked and compiled TypeDefinition. It is immutable.
type ResourceType struct {
	def  TypeDefinition
	root *node // its children are the top-level attributes, extensions among them

	schemasHead string  // how a rendered resource begins
	metaHead    string  // and its meta
	extensions  []*node // in order
	meta        *node
	active      *node // the top-level boolean "active", if there is one
	password    *node
	members     *node
	groups      *node
	indexed     []*node
	required    []*node  // top-level attributes and extensions that must be present
	demanding   []*node  // complex attributes and extensions with required attributes of their own
	fixed       []*node  // immutable sub-attributes of single complex attributes, and of extensions
	hidden      []*node  // attributes that a plain answer leaves out
	memberTypes []string // resource types a member may have; nil means any
}

// NewResourceType checks a definition and compiles it. The definition's
// schemas must not be changed afterwards.
func NewResourceType(def TypeDefinition) (*ResourceType, error) { return compileType(def) }

// UserType returns the type User of RFC 7643 §4.1 at /Users with the
// enterprise extension and the given ones. Users are looked up by userName,
// externalId, displayName and emails.value.
func UserType(extensions ...Extension) (*ResourceType, error) {
	return NewResourceType(TypeDefinition{
		Name: "User", Endpoint: "Users", Description: "User accounts",
		Schema:     UserSchema(),
		Extensions: append([]Extension{{Schema: EnterpriseUserSchema()}}, extensions...),
		Indexed:    []string{"userName", "externalId", "displayName", "emails.value"},
		Groups:     "groups",
	})
}

// GroupType returns the type Group of RFC 7643 §4.2 at /Groups with the given
// extensions. No two groups have the same displayName, as Entra requires
// (its validator wants a 409); see [NewResourceType] to have it otherwise.
func GroupType(extensions ...Extension) (*ResourceType, error) {
	s := GroupSchema()
	s.Attribute("displayName").Uniqueness = UniqueServer
	return NewResourceType(TypeDefinition{
		Name: "Group", Endpoint: "Groups", Description: "Groups of users",
		Schema:     s,
		Extensions: extensions,
		Indexed:    []string{"displayName", "externalId"},
		Members:    "members",
	})
}

// Definition returns what the type was made of, to make a similar type of: what
// it leads to must not be changed, but may be appended to.
func (t *ResourceType) Definition() TypeDefinition {
	d := t.def
	d.Extensions, d.Indexed = slices.Clip(d.Extensions), slices.Clip(d.Indexed) // append copies
	return d
}

// Name returns the type's name, such as "User".
func (t *ResourceType) Name() string { return t.def.Name }

// A Path names an attribute of a resource type, or an extension as a whole.
// Any spelling of a path resolves to the same Path; Paths can be compared with
// ==. The zero Path names nothing.
type Path struct{ n *node }

// String returns the canonical spelling: "userName", "name.givenName",
// "urn:…:enterprise:2.0:User:manager.value". Attributes of the type's own
// schema are written without its URI.
func (p Path) String() string {
	if p.n == nil {
		return ""
	}
	return p.n.path
}

// Attribute returns what the path names; nil for the zero Path and for an
// extension as a whole. It must not be changed.
func (p Path) Attribute() *Attribute {
	if p.n == nil || p.n.kind == kindExtension {
		return nil
	}
	return p.n.attr
}

// CaseExact reports whether upper and lower case of the attribute's strings are
// different to a filter: it is caseExact, a reference, binary, or the id of a
// member or group.
func (p Path) CaseExact() bool { return p.n != nil && p.n.exact }

// Parent returns the complex attribute of a sub-attribute, the extension of an
// extension's attribute, and otherwise the zero Path.
func (p Path) Parent() Path {
	if p.n == nil || p.n.parent == nil || p.n.parent.kind == kindRoot {
		return Path{}
	}
	return Path{p.n.parent}
}

// IsZero reports whether the path names nothing.
func (p Path) IsZero() bool { return p.n == nil }

// Indexed reports whether resources carry Keys of the attribute: see
// [TypeDefinition].
func (p Path) Indexed() bool { return p.n != nil && p.n.indexed }

// OfMembers reports whether the path is in the attribute that shows
// Resource.Members: the attribute itself or a sub-attribute.
func (p Path) OfMembers() bool { return p.n != nil && p.n.place == inMembers }

// OfGroups reports whether the path is in the attribute that shows Resource.Groups:
// the attribute itself or a sub-attribute.
func (p Path) OfGroups() bool { return p.n != nil && p.n.place == inGroups }

// Path resolves an attribute path (RFC 7644 §3.10): names and URIs in any
// case, with or without the URI of the type's schema, with a sub-attribute
// after a dot, or an extension's URI alone. An attribute of an extension may
// be named without the URI if its name is unambiguous. It reports
// ErrInvalidPath.
func (t *ResourceType) Path(src string) (Path, error) {
	n := t.resolve(src)
	if n == nil {
		return Path{}, Errorf(ErrInvalidPath, "%s has no attribute %q", t.def.Name, clip(src))
	}
	return Path{n}, nil
}

// clip shortens a client's text for use in a message.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
