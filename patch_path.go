package scim

import "strings"

// A patchPath is what an operation is about (RFC 7644 §3.5.2, figure 1): an
// attribute, an extension, or elements of a multi-valued attribute or their
// sub-attribute.
type patchPath struct {
	n      *node  // nil: the schema has no such attribute
	some   bool   // elements of n: those that match the filter, or all
	filter Filter // nil: all
	sub    *node  // of the elements
}

// attribute is the innermost attribute that the path names.
func (p patchPath) attribute() *node {
	if p.sub != nil {
		return p.sub
	}
	return p.n
}

// readOnly reports whether no client may write there.
func (p patchPath) readOnly() bool {
	for n := p.attribute(); n.kind != kindRoot; n = n.parent {
		if n.readOnly || n.place != inDocument && n.place != inMembers {
			return true
		}
	}
	return false
}

// fromServer reports whether the attribute is one that clients may write and
// that the server knows better: manager.$ref.
func (n *node) fromServer() bool { return n.name == "$ref" && n.parent.serverRef }

// parsePatchPath resolves a path; below an extension, relative to it. A path
// that is well-formed and names nothing resolves to no node.
func (t *ResourceType) parsePatchPath(scope *node, src string, d *dialect) (patchPath, error) {
	end := strings.IndexAny(src, "[ ")
	if end < 0 {
		return t.plainPath(scope, src)
	}
	at, err := t.plainPath(scope, src[:end])
	switch {
	case err != nil:
		return patchPath{}, err
	case src[end] == ' ':
		return t.comparedPath(at, src, end, d)
	case at.n == nil:
		return unknownElements(src, end)
	case at.some || !at.n.multi:
		return patchPath{}, Errorf(ErrInvalidPath, "%s is not multi-valued, so it takes no filter", at.attribute().path)
	}
	at.some = true
	rest := ""
	if at.filter, rest, err = t.parseElementFilter(at.n, src[end+1:], d); err != nil {
		return patchPath{}, err
	}
	name, ok := afterFilter(rest)
	if !ok {
		return patchPath{}, malformed(src)
	}
	if name == "" {
		return at, nil
	}
	if at.sub = at.n.childString(name); at.sub == nil {
		return patchPath{}, nil
	}
	return at, nil
}

func malformed(src string) error {
	return Errorf(ErrInvalidPath, "%q is no path: expected a form like userName, name.givenName or emails[type eq \"work\"].value", clip(src))
}

// plainPath resolves a path without a filter.
func (t *ResourceType) plainPath(scope *node, src string) (patchPath, error) {
	n := t.find(scope, src)
	switch {
	case n == nil && !wellFormed(src):
		return patchPath{}, malformed(src)
	case n == nil:
		return patchPath{}, nil
	case n.parent.kind == kindComplex && n.parent.multi:
		return patchPath{n: n.parent, some: true, sub: n}, nil
	}
	return patchPath{n: n}, nil
}

// find resolves an attribute path relative to the root or an extension.
func (t *ResourceType) find(scope *node, src string) *node {
	if scope.kind == kindRoot {
		return t.resolve(src)
	}
	return scope.descend(src)
}

// wellFormed reports whether src is like an attribute path, or like a URI.
func wellFormed(src string) bool {
	if strings.IndexByte(src, ':') < 0 {
		name, sub, dotted := strings.Cut(src, ".")
		return validName(name) && (!dotted || validName(sub))
	}
	for i := range len(src) {
		if src[i] <= ' ' || src[i] >= 0x7f || strings.IndexByte("\"<>[\\]^`{|}", src[i]) >= 0 {
			return false
		}
	}
	return src[0] != ':' && src[len(src)-1] != ':' && src[len(src)-1] != '.'
}

// comparedPath resolves a path like tags eq "x", which means tags[value eq "x"]
// (RFC 7644 EID 7122).
func (t *ResourceType) comparedPath(at patchPath, src string, end int, d *dialect) (patchPath, error) {
	if at.n == nil || at.some || !at.n.multi || at.n.kind == kindComplex {
		return patchPath{}, malformed(src)
	}
	f, rest, err := t.parseElementFilter(at.n, "value"+src[end:]+"]", d)
	if err == nil && rest != "]" {
		err = malformed(src)
	}
	return patchPath{n: at.n, some: true, filter: f}, err
}

// afterFilter splits what follows a filter: a bracket, and the name of a
// sub-attribute if there is one.
func afterFilter(rest string) (name string, ok bool) {
	name, ok = strings.CutPrefix(rest, "]")
	if name == "" || !ok {
		return "", ok
	}
	name, ok = strings.CutPrefix(name, ".")
	return name, ok && validName(name)
}

// unknownElements checks the form of a path with a filter on an attribute that
// the schema does not know.
func unknownElements(src string, open int) (patchPath, error) {
	for i, quoted := open+1, false; i < len(src); i++ {
		switch b := src[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case b == ']' && !quoted:
			if _, ok := afterFilter(src[i:]); ok && i > open+1 {
				return patchPath{}, nil
			}
			return patchPath{}, malformed(src)
		}
	}
	return patchPath{}, malformed(src)
}
