package scim

import (
	"bytes"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// A reference stands for the id of a resource that another operation of the
// bulk request creates (RFC 7644 §3.7.2): a string that is bulkId: and the
// operation's bulkId, and nothing more. In data a string of that form is one,
// whatever attribute it is given to, if a POST of the request has the bulkId;
// and so is one that is compared with in the path of a PATCH, as in
// members[value eq "bulkId:1"]. If none has it, the string is a text like any
// other, except where only an id can be meant: a member, a manager. In an
// attribute that is never returned, such as a password, nothing is read.
const bulkIDPrefix = "bulkId:"

// What becomes of a string that has the form of a reference.
type refFate uint8

const (
	refStays refFate = iota
	refResolved
	refGoes // and with it the member or element that it is the value of
)

// A refWalk copies data and decides the fate of what looks like references.
type refWalk struct {
	t   *ResourceType
	out []byte

	// fate is asked for each; needed says that only an id can be meant.
	fate func(ref string, needed bool) (id string, fate refFate)
}

// data returns a body, which may be that of a PATCH, as fate would have it.
func (w *refWalk) data(src []byte, patch bool) []byte {
	if !bytes.Contains(src, []byte(bulkIDPrefix)) && !bytes.Contains(src, []byte(`\u`)) { // which a reference may be written with
		return src
	}
	w.out = make([]byte, 0, len(src)+len(src)/4)
	if patch {
		w.patch(src)
	} else {
		w.value(w.t.root, src)
	}
	return w.out
}

// literal copies a string at the attribute n, nil if it is none that is known.
func (w *refWalk) literal(n *node, src []byte) (gone bool) {
	if ref, ok := strings.CutPrefix(jsontext.Unquote(src), bulkIDPrefix); ok {
		switch id, fate := w.fate(ref, n.takesID()); fate {
		case refGoes:
			return true
		case refResolved:
			w.out = jsontext.AppendQuote(w.out, id)
			return false
		}
	}
	w.out = append(w.out, src...)
	return false
}

// takesID reports whether a string given to n can only be the id of a resource.
func (n *node) takesID() bool {
	if n == nil {
		return false
	}
	if n.parent != nil && n == n.parent.value {
		n = n.parent
	}
	return n.place == inMembers || n.serverRef
}

// value copies a value of the attribute n, or an element of it.
func (w *refWalk) value(n *node, src []byte) (gone bool) {
	switch {
	case n != nil && n.neverShown():
	case src[0] == '"':
		return w.literal(n, src)
	case src[0] == '[':
		w.array(src, func(v []byte) bool { return w.value(n, v) })
		return false
	case src[0] == '{':
		return w.object(n, src)
	}
	w.out = append(w.out, src...)
	return false
}

func (w *refWalk) array(src []byte, element func([]byte) (gone bool)) {
	w.out = append(w.out, '[')
	some := false
	walk := jsontext.NewArray(src)
	for v, ok := walk.Next(); ok; v, ok = walk.Next() {
		start := len(w.out)
		if some {
			w.out = append(w.out, ',')
		}
		if element(v) {
			w.out = w.out[:start]
		} else {
			some = true
		}
	}
	w.out = append(w.out, ']')
}

func (w *refWalk) object(n *node, src []byte) (gone bool) {
	w.members(src, func(name, v []byte) bool {
		inner := w.named(n, name)
		lost := w.value(inner, v)
		gone = gone || lost && inner != nil && inner == n.value // an element without its value is none
		return lost
	})
	return gone
}

// named finds the attribute that a member of an object is: by its name or, in
// the value of a PATCH, by a path.
func (w *refWalk) named(n *node, literal []byte) *node {
	if n == nil {
		return nil
	}
	name := jsontext.Unquote(literal)
	if inner := n.childString(name); inner != nil || n.kind != kindRoot && n.kind != kindExtension {
		return inner
	}
	return w.at(n, name)
}

// at finds the attribute that a path is about, as far as references go: nil
// where there is none.
func (w *refWalk) at(scope *node, path string) *node {
	end := strings.IndexAny(path, "[ ")
	if end < 0 {
		return w.t.find(scope, path)
	}
	n := w.t.find(scope, path[:end])
	if n == nil || n.neverShown() {
		return n
	}
	if sub, ok := strings.CutPrefix(path[strings.LastIndexByte(path, ']')+1:], "."); ok {
		return n.childString(sub)
	}
	return n
}

func (w *refWalk) members(src []byte, member func(name, value []byte) (gone bool)) {
	w.out = append(w.out, '{')
	some := false
	walk := jsontext.NewObject(src)
	for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
		start := len(w.out)
		if some {
			w.out = append(w.out, ',')
		}
		w.out = append(append(w.out, name...), ':')
		if member(name, v) {
			w.out = w.out[:start]
		} else {
			some = true
		}
	}
	w.out = append(w.out, '}')
}

// patch copies a PatchOp.
func (w *refWalk) patch(src []byte) {
	w.members(src, func(name, v []byte) bool {
		if v[0] == '[' && named(name, "Operations") {
			w.array(v, w.operation)
		} else {
			w.out = append(w.out, v...)
		}
		return false
	})
}

// operation copies an operation of a PatchOp, whose path says what its value is
// given to.
func (w *refWalk) operation(src []byte) (gone bool) {
	if src[0] != '{' {
		w.out = append(w.out, src...)
		return false
	}
	n := w.t.root
	walk := jsontext.NewObject(src)
	for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
		if v[0] == '"' && named(name, "path") {
			n = w.at(w.t.root, jsontext.Unquote(v))
		}
	}
	w.members(src, func(name, v []byte) bool {
		switch {
		case v[0] == '"' && named(name, "path"):
			w.path(v)
		case named(name, "value"):
			w.value(n, v)
		default:
			w.out = append(w.out, v...)
		}
		return false
	})
	return false
}

// path copies a path with the literals that it compares with.
func (w *refWalk) path(literal []byte) {
	text := jsontext.Unquote(literal)
	end := strings.IndexAny(text, "[ ")
	if end < 0 || !strings.Contains(text, bulkIDPrefix) && !strings.Contains(text, `\u`) {
		w.out = append(w.out, literal...)
		return
	}
	n := w.t.find(w.t.root, text[:end])
	if n != nil && n.neverShown() {
		w.out = append(w.out, literal...)
		return
	}
	outer, src, last := w.out, []byte(text), 0
	w.out = nil
	for at := end; at < len(src); at++ {
		if src[at] != '"' {
			continue
		}
		end, _, err := jsontext.String(src, at)
		if err != nil {
			break // which the patch is refused for
		}
		w.out = append(w.out, src[last:at]...)
		w.literal(n, src[at:end])
		last, at = end, end-1
	}
	text = string(append(w.out, src[last:]...))
	w.out = jsontext.AppendQuote(outer, text)
}
