package scim

import (
	"fmt"
	"io"
	"strings"
)

// PasswordAttribute returns the attribute password of RFC 7643 §4.1.1, which
// [UserSchema] does not have: without it a password that a client sends is
// dropped like every attribute that the schema does not have. Append it to the
// attributes of a user schema where the application wants to be told passwords.
// The Handler then hands them to the hooks, as [Event.Password]. It gives none to the
// Store and returns none, and no filter can ask for one; but an [Observer] finds it in
// Report.Body, and whoever calls [Patch.Apply] or [ResourceType.Encode] without a
// Handler has it in the Document.
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

// namesPassword reports whether a name that the type does not have, relative to
// the node, is that of a user's password. What a client sends for it is dropped
// even if the client is strict: providers send one, asked or not.
func (t *ResourceType) namesPassword(n *node, name string) bool {
	if n.kind != kindRoot || t.def.Schema.ID != UserSchemaURI {
		return false
	}
	if rest, ok := cutFold(name, UserSchemaURI+":"); ok {
		name = rest
	}
	return strings.EqualFold(name, "password")
}

// quotable returns what of a client's path may be told and logged: all, unless
// it is more than a name and has that of an attribute in it that is never
// returned, or of a password: what follows may be the value that it is to have.
func (t *ResourceType) quotable(path string) string {
	end := strings.IndexAny(path, "[ =\"")
	if end < 0 {
		return path
	}
	low := strings.ToLower(path)
	if t.def.Schema.ID == UserSchemaURI && strings.Contains(low, "password") {
		return path[:end]
	}
	for _, n := range t.hidden {
		if n.neverShown() && strings.Contains(low, strings.ToLower(n.name)) {
			return path[:end]
		}
	}
	return path
}
