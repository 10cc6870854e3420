package scim

import (
	"errors"
	"iter"
	"strings"
)

// A Document holds the attributes of a resource as one immutable string of
// canonical JSON: an object without insignificant space, names as the schema
// spells them and in the schema's order, values of the schema's types, the
// attributes of each extension under its URI, nothing that is null or empty.
// So two Documents of one resource type are equal exactly if their strings are.
//
// It has neither id, schemas and meta, which are facts of the Resource, nor
// members and groups, which are Sets. externalId is in it.
//
// The zero Document is no document; an empty one is "{}".
type Document struct {
	raw   string
	spans []span // one for each member of the object, in order
	root  *node  // of the type whose nodes the spans' ranks are of; nil: they are not known
}

// A span says where a member of an object lies: raw[key] is the quote before
// its name, raw[start:end] its value. Rank is that of its node, if the Document
// has a root.
type span struct {
	key, start, end uint32
	rank            uint16
}

func (s span) name(raw string) string  { return raw[s.key+1 : s.start-2] }
func (s span) value(raw string) string { return raw[s.start:s.end] }

// ReadDocument makes a Document of the string of one, as a Store kept it. It
// checks the outline only: the string must come from [Document.String].
func ReadDocument(canonical string) (Document, error) {
	spans, ok := spansOf(canonical, nil)
	if !ok {
		return Document{}, errors.New("scim: stored document is damaged")
	}
	return Document{raw: canonical, spans: spans}, nil
}

// settle finds the ranks of the spans, unless the schema lacks one of them.
func (d *Document) settle(root *node) {
	var room [32]*node
	nodes, all := d.nodes(root, room[:0])
	if !all {
		return
	}
	for i, n := range nodes {
		d.spans[i].rank = uint16(n.rank)
	}
	d.root = root
}

// nodes appends the nodes of the document's members, and says whether the
// schema has all of them. Both are in the order of the schema, so this is a
// merge, but for documents stored under an older one.
func (d Document) nodes(root *node, dst []*node) (nodes []*node, all bool) {
	all = true
	k, children := 0, root.children
	for _, s := range d.spans {
		name, from := s.name(d.raw), k
		for k < len(children) && children[k].name != name {
			k++
		}
		if k < len(children) {
			dst = append(dst, children[k])
			k++
			continue
		}
		k = from
		if n := root.byName[name]; n != nil {
			dst = append(dst, n)
		} else {
			all = false
		}
	}
	return dst, all
}

// String returns the canonical JSON.
func (d Document) String() string { return d.raw }

// IsZero reports whether d is no document at all.
func (d Document) IsZero() bool { return d.raw == "" }

// Equal reports whether two documents hold the same.
func (d Document) Equal(other Document) bool { return d.raw == other.raw }

// Get returns the JSON of a top-level attribute, or of an extension by its
// URI. The name is matched exactly.
func (d Document) Get(name string) (json string, ok bool) {
	for _, s := range d.spans {
		if s.name(d.raw) == name {
			return s.value(d.raw), true
		}
	}
	return "", false
}

// at returns the JSON of the attribute a node of the document stands for; for
// a sub-attribute of a multi-valued attribute use values.
func (d Document) at(n *node) (string, bool) {
	if n.parent.kind == kindRoot {
		return d.Get(n.name)
	}
	outer, ok := d.at(n.parent)
	if !ok {
		return "", false
	}
	return memberOf(outer, n.name)
}

// with returns d with the value of the top-level attribute n set; an empty
// value takes the attribute out.
func (d Document) with(n *node, value string) Document {
	var b strings.Builder
	b.Grow(len(d.raw) + len(n.name) + len(value) + 4)
	spans := make([]span, 0, len(d.spans)+1)
	put := func(name, value string) {
		b.WriteByte("{,"[min(len(spans), 1)])
		key := b.Len()
		b.WriteByte('"')
		b.WriteString(name)
		b.WriteString(`":`)
		start := b.Len()
		b.WriteString(value)
		spans = append(spans, span{key: uint32(key), start: uint32(start), end: uint32(b.Len())})
	}
	for _, s := range d.spans {
		name := s.name(d.raw)
		other := n.parent.byName[name]
		if value != "" && other != nil && other.rank >= n.rank {
			put(n.name, value)
			value = ""
		}
		if name != n.name {
			put(name, s.value(d.raw))
		}
	}
	if value != "" {
		put(n.name, value)
	}
	if len(spans) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	after := Document{raw: b.String(), spans: spans}
	after.settle(n.parent)
	return after
}

// spansOf lists the members of an object in canonical JSON.
func spansOf(raw string, spans []span) ([]span, bool) {
	if len(raw) < 2 || raw[0] != '{' || raw[len(raw)-1] != '}' {
		return nil, false
	}
	if len(raw) == 2 {
		return spans, true
	}
	for at := 1; ; at++ {
		key := at
		if at = endOfValue(raw, at); at < 0 || raw[key] != '"' || at >= len(raw) || raw[at] != ':' {
			return nil, false
		}
		start := at + 1
		if at = endOfValue(raw, start); at < 0 || at >= len(raw) {
			return nil, false
		}
		spans = append(spans, span{key: uint32(key), start: uint32(start), end: uint32(at)})
		switch {
		case raw[at] == ',':
		case raw[at] == '}' && at == len(raw)-1:
			return spans, true
		default:
			return nil, false
		}
	}
}

// memberOf finds a member of an object in canonical JSON.
func memberOf(raw, name string) (string, bool) {
	start := memberStart(raw, name)
	if start < 0 {
		return "", false
	}
	return raw[start:endOfValue(raw, start)], true
}

// memberStart returns the place of a member's value, or -1.
func memberStart(raw, name string) int {
	for at := 1; at < len(raw) && raw[at] == '"'; {
		colon := endOfValue(raw, at)
		if colon < 0 {
			break
		}
		if raw[at+1:colon-1] == name {
			return colon + 1
		}
		end := endOfValue(raw, colon+1)
		if end < 0 {
			break
		}
		at = end + 1
	}
	return -1
}

// elements yields the elements of an array in canonical JSON; of anything
// else, the value itself. See walk for what must not allocate.
func elements(raw string) iter.Seq[string] {
	return func(yield func(string) bool) {
		w := walk{raw: raw}
		for e, ok := w.next(); ok && yield(e); e, ok = w.next() {
		}
	}
}

// endOfValue returns the place after the value of canonical JSON at the place
// given, or -1.
func endOfValue(raw string, at int) int {
	if at >= len(raw) {
		return -1
	}
	switch raw[at] {
	case '"':
		return endOfString(raw, at)
	case '{', '[':
		for depth := 0; at < len(raw); {
			switch raw[at] {
			case '"':
				if at = endOfString(raw, at); at < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
			at++
		}
		return -1
	}
	if n := strings.IndexAny(raw[at:], ",}]"); n > 0 {
		return at + n
	} else if n < 0 {
		return len(raw)
	}
	return -1
}

func endOfString(raw string, at int) int {
	for at++; at < len(raw); at++ {
		n := strings.IndexByte(raw[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		slashes := 0
		for raw[at-1-slashes] == '\\' { // the opening quote ends the run
			slashes++
		}
		if slashes%2 == 0 {
			return at + 1
		}
	}
	return -1
}
