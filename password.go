package scim

import (
	"fmt"

	"github.com/usherkit/scim/internal/jsontext"
)

// PasswordAttribute returns the attribute password of RFC 7643 §4.1.1, which
// [UserSchema] does not have: without it a password that a client sends is
// dropped like every attribute that the schema does not have. Append it to the
// attributes of a user schema where the application wants to be told passwords.
// They are then handed to the hooks, as [Event.Password], and to nobody else:
// no Store sees one, none is ever returned, and no filter can ask for one.
func PasswordAttribute() Attribute {
	return Attribute{
		Name: "password", Type: TypeString, CaseExact: true, Mutability: WriteOnly, Returned: ReturnedNever,
		Description: "The user's cleartext password, for an initial password or a change of it",
	}
}

// A Secret is text that must not be kept or shown. Printed, logged or encoded
// it is redacted; string(s) is the text.
type Secret string

const redacted = "[redacted]"

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// MarshalText returns a placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// linkPassword finds the password among the attributes of RFC 7643's users.
func (t *ResourceType) linkPassword() error {
	n := t.root.byName["password"]
	if n == nil || t.def.Schema.ID != UserSchemaURI {
		return nil
	}
	if n.kind != kindString || n.multi || n.attr.Mutability != WriteOnly || n.attr.Returned != ReturnedNever || n.attr.Required {
		return fmt.Errorf("scim: %s: password must be as PasswordAttribute has it: a string, writeOnly, returned never, not required", t.def.Name)
	}
	t.password = n
	return nil
}

// takePassword takes the password out of a change: it is for the hooks, and for
// no Store. What is left may be nothing.
func (req *request) takePassword(cur *Resource, c Change) Change {
	n := req.typ.password
	req.password = ""
	if n == nil {
		return c
	}
	raw, ok := c.Document.Get(n.name)
	if !ok {
		return c
	}
	req.password = Secret(jsontext.UnquoteString(raw))
	if c.Document = c.Document.with(n, ""); cur != nil && c.Document.Equal(cur.Document) {
		c.Document, c.Keys = Document{}, nil
	}
	return c
}
