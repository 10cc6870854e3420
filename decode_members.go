package scim

import (
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// members reads the value of the member attribute.
func (c *decoder) members(n *node) error {
	switch b := c.peek(); {
	case b == 'n':
		return c.null()
	case b != '[':
		if !c.dialect.grants(ruleLoneElement) {
			return c.wrong("an array of members")
		}
		return c.oneMember(n)
	}
	for i, more := 0, c.openArray(); more; i, more = i+1, c.comma() {
		c.index(i)
		if err := c.oneMember(n); err != nil {
			return err
		}
	}
	return c.closeArray()
}

func (c *decoder) oneMember(n *node) error {
	var m Member
	switch c.peek() {
	case '"':
		if !c.dialect.grants(ruleBareValue) {
			return c.wrong("an object with a value")
		}
		end, _, err := jsontext.String(c.src, c.at)
		if err != nil {
			return c.syntax(err)
		}
		m.ID, c.at = jsontext.Unquote(c.src[c.at:end]), end
	case '{':
		start := c.at
		if err := c.skip(); err != nil {
			return err
		}
		walk := jsontext.NewObject(c.src[start:c.at])
		for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
			sub := n.child(name[1 : len(name)-1])
			if sub == nil || sub != n.value && sub != n.typ || value[0] == 'n' {
				continue // $ref and display are the server's to know
			}
			if value[0] != '"' {
				return Errorf(ErrInvalidValue, "%s.%s: expected a string, got %s", c.where(), sub.name, clip(string(value)))
			}
			if sub == n.value {
				m.ID = jsontext.Unquote(value)
				continue
			}
			m.Type = jsontext.Unquote(value)
			for _, known := range sub.attr.CanonicalValues {
				if strings.EqualFold(known, m.Type) {
					m.Type = known
				}
			}
		}
	default:
		return c.wrong("an object with a value")
	}
	if m.ID == "" {
		return Errorf(ErrInvalidValue, "%s: a member needs a value, the id of a resource", c.where())
	}
	c.out.members = append(c.out.members, m)
	return nil
}
