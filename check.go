package scim

import (
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// What the parts of a resource must be to each other, once each is right by
// itself.

// checkSchemas holds the body's schemas against the type (RFC 7643 §3). They
// are derived from the document afterwards, so a tolerant client may send
// anything.
func (c *decoder) checkSchemas() error {
	t := c.t
	var listed uint64 // bit 0: the type's own schema; then its extensions
	if len(c.schemas) > 0 && c.schemas[0] == '[' {
		walk := jsontext.NewArray(c.schemas)
		for value, ok := walk.Next(); ok; value, ok = walk.Next() {
			if value[0] != '"' {
				return Errorf(ErrInvalidValue, "schemas: expected strings, got %s", clip(string(value)))
			}
			if i := t.schemaIndex(value); i >= 0 {
				listed |= 1 << i
			} else if !c.dialect.grants(ruleUnknownSchema) {
				return Errorf(ErrInvalidSyntax, "schemas: %s is no schema of %s", clip(string(value)), t.def.Name)
			}
		}
	}
	missing := ""
	if listed&1 == 0 {
		missing = t.def.Schema.ID
	}
	for i, e := range t.extensions {
		if _, present := c.out.document.Get(e.name); present && listed&(2<<i) == 0 {
			missing = e.name
		}
	}
	if missing != "" && !c.dialect.grants(ruleSchemasMissing) {
		return Errorf(ErrInvalidSyntax, "schemas: %s is missing", missing)
	}
	return nil
}

// schemaIndex finds the schema whose URI a string literal is: 0 for the type's
// own, from 1 on its extensions, -1 for another.
func (t *ResourceType) schemaIndex(literal []byte) int {
	uri := literal[1 : len(literal)-1]
	if sameName(uri, t.def.Schema.ID) {
		return 0
	}
	for i, e := range t.extensions {
		if sameName(uri, e.name) {
			return 1 + i
		}
	}
	return -1
}

// sameName compares in any case; the exact spelling, which is the usual one,
// without an allocation.
func sameName(b []byte, s string) bool {
	return string(b) == s || len(b) == len(s) && strings.EqualFold(string(b), s)
}

// checkRequired reports the first required attribute that has no value
// (RFC 7643 §2.2).
func (t *ResourceType) checkRequired(d Document) error {
	if n := t.lacking(d); n != nil {
		return missing(n.path)
	}
	return nil
}

// lacking returns the first required attribute that has no value or an empty
// one: of the type, or of an object in the document. It is nil if all are there.
func (t *ResourceType) lacking(d Document) *node {
	for _, n := range t.required {
		if v, ok := d.Get(n.name); n.place == inDocument && (!ok || v == `""`) {
			return n
		}
	}
	for _, n := range t.demanding {
		value, _ := d.at(n)
		for element := range elements(value) {
			for _, sub := range n.required {
				if v, ok := memberOf(element, sub.name); !ok || v == `""` {
					return sub
				}
			}
		}
	}
	return nil
}

func missing(path string) error { return Errorf(ErrInvalidValue, "%s is required", path) }

// inherit gives a body of PUT what the client cannot or need not send: the
// values of attributes that are read-only or never returned, and of immutable
// ones; active, whose loss would let somebody in (RFC 7644 §3.5.1).
func (t *ResourceType) inherit(in decoded, old Document) (Document, error) {
	body := record{t.root, entriesOf(in.document.raw)}
	if err := body.inherit(&record{t.root, entriesOf(old.raw)}, nodeSetOf(in.named)); err != nil {
		return Document{}, err
	}
	if t.active != nil && !in.active {
		was, _ := old.Get(t.active.name)
		body.set(t.active, was)
	}
	return body.document(), nil
}

// inherit takes over from old. What is named and not there was cleared.
func (o *record) inherit(old *record, named nodeSet) error {
	for _, f := range old.fields {
		n := o.n.byName[f.name]
		if n == nil {
			continue
		}
		now := o.get(n)
		cleared, _ := named.names(n)
		switch fixed := n.attr != nil && n.attr.Mutability == Immutable; {
		case fixed && now != "" && now != f.raw:
			return immutable(n)
		case fixed, n.readOnly, n.neverShown() && now == "" && !cleared:
			o.set(n, f.raw)
		case !n.multi && len(n.children) > 0:
			inner, was := openRecord(n, now), openRecord(n, f.raw)
			if err := inner.inherit(&was, named); err != nil {
				return err
			}
			o.set(n, inner.String())
		}
	}
	return nil
}
