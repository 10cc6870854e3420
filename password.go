package scim

import (
	"fmt"
	"io"
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
// it is redacted; string(s) is the text. Package fmt can be made to show it
// nonetheless: in an unexported field, with %w and %p, and with %s behind a pointer.
type Secret string

const redacted = "[redacted]"

// String returns a placeholder.
func (Secret) String() string { return redacted }

// Format prints a placeholder, whatever the verb.
func (Secret) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

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
