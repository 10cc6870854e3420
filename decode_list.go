package scim

import (
	"bytes"

	"github.com/usherkit/scim/internal/jsontext"
)

// list transcodes the array of a multi-valued attribute. Elements that are
// there already are left out (RFC 7643 §2.4).
func (c *decoder) list(n *node) (bool, error) {
	open := len(c.dst)
	primary, before := false, distinct{}
	for i, more := 0, c.openArray(); more; i, more = i+1, c.comma() {
		c.index(i)
		start := len(c.dst)
		c.dst = append(c.dst, ',')
		present, err := false, error(nil)
		if c.peek() == 'n' {
			err = c.null()
		} else {
			present, err = c.single(n)
		}
		if err == nil && present && n.primary != nil {
			err = c.checkPrimary(n, start+1, &primary)
		}
		if err != nil {
			return false, err
		}
		if !present || !before.add(c.dst[open:start], c.dst[start:]) {
			c.dst = c.dst[:start]
		}
	}
	if err := c.closeArray(); err != nil || len(c.dst) == open {
		return false, err
	}
	c.dst[open] = '[' // in place of the first comma
	c.dst = append(c.dst, ']')
	return true, nil
}

// openArray enters an array and reports whether it has an element; comma, after
// each element, whether there is another.
func (c *decoder) openArray() bool {
	c.at++
	c.depth++
	return c.peek() != ']'
}

func (c *decoder) comma() bool {
	more := c.peek() == ','
	if more {
		c.at++
	}
	return more
}

func (c *decoder) closeArray() (err error) {
	c.index(-1)
	c.depth--
	c.at, err = jsontext.Expect(c.src, c.at, ']', "a comma or ]")
	return c.syntax(err)
}

// distinct tells repeated elements of an array.
type distinct struct {
	n    int
	seen map[string]struct{} // once the elements are many
}

// add reports whether an element, a comma before it, is not among those
// before. Canonical elements follow each other with commas, a quote inside a
// string is escaped, and no element holds an array: so the bytes of an element
// can only be found where one is.
func (s *distinct) add(before, element []byte) bool {
	const few = 16
	if s.n++; s.n > few {
		if s.seen == nil {
			s.seen = map[string]struct{}{}
			if len(before) > 0 {
				for e := range elements("[" + string(before[1:]) + "]") {
					s.seen[","+e] = struct{}{}
				}
			}
		}
		if _, ok := s.seen[string(element)]; ok {
			return false
		}
		s.seen[string(element)] = struct{}{}
		return true
	}
	for at := 0; ; {
		i := bytes.Index(before[at:], element)
		if i < 0 {
			return true
		}
		at += i + len(element)
		if at == len(before) || before[at] == ',' {
			return false
		}
	}
}

// checkPrimary keeps a second element from being primary (RFC 7643 §2.4).
func (c *decoder) checkPrimary(n *node, start int, have *bool) error {
	isTrue := `"` + n.primary.name + `":true`
	at := bytes.Index(c.dst[start:], []byte(isTrue)) // an escaped quote would have a backslash before it
	switch {
	case at < 0:
		return nil
	case !*have:
		*have = true
		return nil
	case c.onePrimary || !c.dialect.grants(ruleSecondPrimary):
		return Errorf(ErrInvalidValue, "%s: only one element may be primary", n.path)
	}
	tail := string(c.dst[start+at+len(isTrue):])
	c.dst = append(append(c.dst[:start+at+len(isTrue)-len("true")], "false"...), tail...)
	return nil
}

func (c *decoder) loneElement(n *node) (bool, error) {
	lone := c.peek() == '"' || c.peek() == '{' || n.kind != kindComplex
	if !lone || !c.dialect.grants(ruleLoneElement) {
		return false, c.wrong("an array")
	}
	open := len(c.dst)
	c.dst = append(c.dst, '[')
	present, err := c.single(n)
	if err != nil || !present {
		c.dst = c.dst[:open]
		return false, err
	}
	c.dst = append(c.dst, ']')
	return true, nil
}
