package scim

import (
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// A projection is what a request wants to see of resources: the attributes
// and excludedAttributes parameters (RFC 7644 §3.9) and, after a write, what
// the client sent (RFC 7643 §7, returned "request"). The zero projection wants
// the default.
type projection struct {
	include bool // paths are all that is wanted; otherwise all that is not
	paths   nodeSet
	sent    nodeSet // attributes the client sent: of complex ones, the sub-attributes
}

// A nodeSet has attributes, with true, and with false those that they are parts
// of. To look one up takes the same time whatever a client names, however often.
type nodeSet map[*node]bool

func nodeSetOf(nodes []*node) nodeSet {
	if len(nodes) == 0 {
		return nil
	}
	set := nodeSet{}
	for _, n := range nodes {
		set.add(n)
	}
	return set
}

func (s nodeSet) add(n *node) {
	s[n] = true
	for outer := n.parent; outer != nil; outer = outer.parent {
		if _, known := s[outer]; !known {
			s[outer] = false // something inside it is named
		}
	}
}

// names reports whether the set has n or something around it, and if not,
// whether it has something inside n.
func (s nodeSet) names(n *node) (whole, inside bool) {
	if len(s) == 0 {
		return false, false
	}
	for outer := n; outer != nil; outer = outer.parent {
		if s[outer] {
			return true, false
		}
	}
	_, inside = s[n]
	return false, inside
}

// maxNames is how many names one of the parameters may have, known or not: more
// than any type has attributes.
const maxNames = 2000

// verdict is what a projection makes of an attribute.
type verdict uint8

const (
	keep verdict = iota
	drop
	some // some of its sub-attributes
)

// parseProjection reads the two parameters; names the type does not have are
// ignored.
func (t *ResourceType) parseProjection(attributes, excluded string, d *dialect) (p projection, err error) {
	list := excluded
	if strings.TrimSpace(attributes) != "" {
		if strings.TrimSpace(excluded) != "" && !d.grants(ruleBothProjections) {
			return p, Errorf(ErrInvalidValue, "attributes and excludedAttributes cannot be used together")
		}
		p.include, list = true, attributes
	}
	p.paths = nodeSet{}
	for left := maxNames; list != ""; left-- {
		if left == 0 {
			return p, Errorf(ErrInvalidValue, "attributes and excludedAttributes may have no more than %d names", maxNames)
		}
		var name string
		name, list, _ = strings.Cut(list, ",")
		name = strings.TrimSpace(name)
		if n := t.resolve(name); n != nil {
			p.paths.add(n)
		} else if strings.EqualFold(name, t.def.Schema.ID) {
			for _, n := range t.own() {
				p.paths.add(n)
			}
		}
	}
	return p, nil
}

// own lists the attributes of the type's own schema.
func (t *ResourceType) own() (nodes []*node) {
	for _, n := range t.root.children {
		if n.kind != kindExtension && t.def.Schema.Attribute(n.name) != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// plain reports whether the projection leaves documents of the type as they are.
func (p *projection) plain(t *ResourceType) bool {
	return !p.include && len(p.paths) == 0 && len(t.hidden) == 0
}

// within reports whether n is outer or inside it.
func (n *node) within(outer *node) bool {
	for ; n != nil; n = n.parent {
		if n == outer {
			return true
		}
	}
	return false
}

// neverShown reports whether no answer may show an attribute.
func (n *node) neverShown() bool {
	return n.attr != nil && (n.attr.Returned == ReturnedNever || n.attr.Mutability == WriteOnly)
}

func (p *projection) of(n *node) verdict {
	whole, inside := p.paths.names(n)
	if n.attr != nil {
		switch {
		case n.neverShown():
			return drop
		case n.attr.Returned == ReturnedRequest && !(p.include && (whole || inside)):
			if sent, within := p.sent.names(n); !sent && !within {
				return drop
			}
		}
	}
	v := drop
	switch {
	case n.alwaysShown(p.include || !p.paths[n]):
		v = keep
	case inside:
		v = some
	case p.include == whole:
		v = keep
	}
	switch {
	case v == keep && (n.veiled || inside && !p.include), v == drop && n.showsAlways:
		return some
	}
	return v
}

// alwaysShown reports whether an attribute is returned always, or as a part of
// one that is, unless it is left out by name.
func (n *node) alwaysShown(asPart bool) bool {
	for outer := n; outer != nil && outer.attr != nil; outer = outer.parent {
		if outer.attr.Returned == ReturnedAlways {
			return outer == n || asPart
		}
	}
	return false
}

// store says what the projection wants of the Store.
func (p *projection) store(t *ResourceType) Projection {
	return Projection{
		Members: t.members != nil && p.of(t.members) != drop,
		Groups:  t.groups != nil && p.of(t.groups) != drop,
	}
}

// appendDocument appends the wanted members of a document, each with a comma
// before it. Members that the schema no longer has are left out.
func (x *renderer) appendDocument(t *ResourceType, d Document) {
	if len(d.raw) <= 2 {
		return
	}
	if !x.known || !x.want.plain(t) {
		x.appendMembers(t.root, d.raw, d.spans)
		return
	}
	at := 0 // of the opening brace, which becomes the first comma
	x.buf = append(x.buf, ',')
	for i, n := range x.nodes {
		if s := d.spans[i]; n.refers {
			x.buf = append(x.buf, d.raw[at+1:s.start]...)
			x.appendValue(n, s.value(d.raw))
			at = int(s.end) - 1
		}
	}
	x.buf = append(x.buf, d.raw[at+1:len(d.raw)-1]...)
}

func (x *renderer) appendMembers(of *node, raw string, spans []span) {
	for _, s := range spans {
		n := of.byName[s.name(raw)]
		if n == nil {
			continue
		}
		v := x.want.of(n)
		if v == drop {
			continue
		}
		from := len(x.buf)
		x.buf = append(append(append(x.buf, ',', '"'), n.name...), '"', ':')
		start := len(x.buf)
		if v == keep {
			x.appendValue(n, s.value(raw))
		} else {
			x.appendSome(n, s.value(raw))
		}
		if len(x.buf) == start {
			x.buf = x.buf[:from] // nothing is left of it
		}
	}
}

// appendValue appends a whole value, with the $ref of each reference in it.
func (x *renderer) appendValue(n *node, value string) {
	switch {
	case !n.refers:
		x.buf = append(x.buf, value...)
	case n.serverRef:
		x.buf = append(x.buf, value[:len(value)-1]...)
		x.appendRef(n, value, ',')
		x.buf = append(x.buf, '}')
	default: // an extension with references, mostly one that is its last member
		at := 0
		for _, ref := range n.children {
			if !ref.refers {
				continue
			}
			if start := objectOf(value, ref); start > 0 {
				end := endOfValue(value, start)
				x.buf = append(x.buf, value[at:start]...)
				x.appendValue(ref, value[start:end])
				at = end
			}
		}
		x.buf = append(x.buf, value[at:]...)
	}
}

// objectOf returns the place of the object of a complex member of an extension,
// or -1. It looks from brace to brace, which is faster than from member to
// member: a quote in a string is escaped, so nothing else looks like it.
func objectOf(extension string, n *node) int {
	for at := 1; ; at++ {
		i := strings.IndexByte(extension[at:], '{')
		if i < 0 {
			return -1
		}
		at += i
		if name := at - len(n.name) - len(`":`); name > 0 && extension[at-1] == ':' && extension[name-1] == '"' && extension[name:name+len(n.name)] == n.name {
			return at
		}
	}
}

// appendRef appends the $ref of a reference, for the value that it has.
func (x *renderer) appendRef(n *node, value string, separator byte) {
	if id, ok := memberOf(value, n.value.name); ok {
		x.buf = append(append(x.buf, separator), `"$ref":"`...)
		x.appendLocation(n.refType, jsontext.UnquoteString(id))
		x.buf = append(x.buf, '"')
	}
}

// appendSome appends what is wanted of a complex value; nothing if none of it is.
func (x *renderer) appendSome(n *node, value string) {
	if value == "" || value[0] != '[' {
		x.appendObject(n, value)
		return
	}
	open := len(x.buf)
	for element := range elements(value) {
		from := len(x.buf)
		x.buf = append(x.buf, ',')
		if x.appendObject(n, element); len(x.buf) == from+1 {
			x.buf = x.buf[:from]
		}
	}
	if len(x.buf) > open {
		x.buf[open] = '['
		x.buf = append(x.buf, ']')
	}
}

func (x *renderer) appendObject(n *node, value string) {
	open := len(x.buf)
	spans, _ := spansOf(value, nil)
	x.appendMembers(n, value, spans)
	if n.serverRef && x.want.of(n.childString("$ref")) == keep {
		x.appendRef(n, value, ',')
	}
	if len(x.buf) > open {
		x.buf[open] = '{'
		x.buf = append(x.buf, '}')
	}
}
