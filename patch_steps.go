package scim

import (
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

func (r *patchReader) withoutPath(value []byte) error {
	switch {
	case r.o.dialect.isStrict():
		return Errorf(ErrInvalidSyntax, "path is missing: a strict client names the attribute of each operation (SCIM 2.0 Interoperability Profile §6.5.1.1)")
	case r.op == patchRemove:
		return Errorf(ErrNoTarget, "remove needs a path")
	case value == nil:
		return Errorf(ErrInvalidValue, "value is missing")
	case value[0] != '{':
		return Errorf(ErrInvalidValue, "without a path, value must be an object with attributes")
	}
	return r.members(r.t.root, value)
}

// members makes an operation of each member of an object: of a resource, an
// extension or a complex attribute.
func (r *patchReader) members(n *node, object []byte) error {
	outer := r.path // where an error leaves off, path says where it happened
	walk := jsontext.NewObject(object)
	for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
		key := jsontext.Unquote(name)
		at := patchPath{n: n.childString(key)}
		if r.path = r.t.quotable(key); n.kind != kindRoot && at.n != nil {
			r.path = at.n.path
		}
		if at.n == nil && n.kind != kindComplex {
			var err error
			if at, err = r.key(n, key); err != nil {
				return err
			}
		}
		var err error
		switch {
		case at.n == nil:
			err = r.unknown(ErrInvalidSyntax, n, key)
		case at.readOnly():
			err = r.readOnly(at.attribute())
		default:
			err = r.write(at, value)
		}
		if err != nil {
			return err
		}
	}
	r.path = outer
	return nil
}

// key resolves a name in a value that is a path.
func (r *patchReader) key(n *node, key string) (patchPath, error) {
	needs := rulePathKeys
	if strings.IndexByte(key, '[') >= 0 {
		needs = ruleFilteredKeys
	} else if r.t.find(n, key) == nil {
		return patchPath{}, nil
	}
	if !r.o.dialect.grants(needs) {
		return patchPath{}, Errorf(ErrInvalidValue, "%s is a path, expected the name of an attribute", clip(r.t.quotable(key)))
	}
	return r.resolve(n, key)
}

func (r *patchReader) resolve(scope *node, path string) (patchPath, error) {
	if len(path) > r.maxPath {
		return patchPath{}, Errorf(ErrInvalidPath, "the path is longer than %d bytes", r.maxPath)
	}
	at, err := r.t.parsePatchPath(scope, path, r.o.dialect)
	switch {
	case err != nil && r.t.quotable(path) != path:
		return patchPath{}, Errorf(ErrInvalidPath, "this is no path to an attribute")
	case err == nil && at.n != nil && !r.o.dialect.knows(at.attribute()):
		return patchPath{}, nil
	}
	return at, err
}

// unknown says what becomes of a name that the node n does not have: an error
// of the kind for a strict client. In a value that is the same as in a resource
// (SCIM 2.0 Interoperability Profile §5.3).
func (r *patchReader) unknown(kind error, n *node, name string) error {
	if r.t.namesPassword(n, name) || r.o.dialect.grants(ruleUnknownName) {
		return nil
	}
	return Errorf(kind, "%s has no attribute %q", r.t.def.Name, clip(r.t.quotable(name)))
}

func (r *patchReader) readOnly(n *node) error {
	if r.o.dialect.grants(ruleReadOnlyIgnored) {
		return nil
	}
	return Errorf(ErrMutability, "%s is read-only", n.path)
}

// write makes steps of one operation on a target that may be written to. Value
// is nil if there is none, which happens only in remove.
func (r *patchReader) write(at patchPath, value []byte) error {
	switch n := at.n; {
	case n.place == inMembers:
		return r.onMembers(at, value)
	case at.attribute().fromServer():
		return nil
	case r.op == patchRemove:
		return r.remove(at, value)
	case at.some:
		return r.onElements(at, value)
	case !n.multi && (n.kind == kindComplex || n.kind == kindExtension):
		return r.onObject(n, value)
	default:
		return r.onAttribute(n, value)
	}
}

func (r *patchReader) step(s step) error {
	s.operation = r.operation
	r.p.steps = append(r.p.steps, s)
	return nil
}

// remove makes a step of an operation that removes.
func (r *patchReader) remove(at patchPath, value []byte) error {
	if value != nil && isNull(value) {
		value = nil
	}
	if value != nil && !r.o.dialect.grants(ruleRemoveValue) {
		return Errorf(ErrInvalidValue, "remove takes no value: use a path such as %s[value eq \"…\"]", at.n.path)
	}
	switch {
	case at.sub != nil:
		return r.step(step{n: at.n, elements: true, filter: at.filter, fields: []entry{{name: at.sub.name}}})
	case at.some:
		return r.step(step{n: at.n, elements: true, filter: at.filter})
	case value == nil || !at.n.multi:
		return r.step(step{n: at.n})
	}
	list, err := r.decode(at.n, unnest(at.n, value))
	if err != nil || list == "" {
		return err
	}
	return r.step(step{n: at.n, value: list, listed: true})
}

// unnest returns the list in {"members":[…]}, the value that Salesforce gives
// with remove and the path members.
func unnest(n *node, value []byte) []byte {
	if value[0] != '{' {
		return value
	}
	walk := jsontext.NewObject(value)
	for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
		if named(name, n.name) && n.childString(n.name) == nil {
			return v
		}
	}
	return value
}

// decode transcodes a value of the attribute.
func (r *patchReader) decode(n *node, value []byte) (string, error) {
	raw, err := decodeValue(n, value, r.o)
	if err != nil || raw == "" || !n.multi {
		return raw, err
	}
	return r.expandJSON(n, raw)
}

// onAttribute sets a simple attribute, or adds to a multi-valued one or sets it.
func (r *patchReader) onAttribute(n *node, value []byte) error {
	raw, err := r.decode(n, value)
	if err != nil || raw == "" && r.adds(value, n) {
		return err
	}
	return r.step(step{n: n, value: raw})
}

// adds reports whether a value that came to nothing leaves things as they are:
// null and [] do in add, where "" clears.
func (r *patchReader) adds(value []byte, n *node) bool {
	return r.op == patchAdd && (n.multi || value[0] != '"')
}

// onObject merges an object into an extension or complex attribute. A strict
// client's replace sets the whole complex value instead (SCIM 2.0
// Interoperability Profile §6.5.2.1, against RFC 7644 §3.5.2.3).
func (r *patchReader) onObject(n *node, value []byte) error {
	if r.op == patchReplace && n.kind == kindComplex && r.o.dialect.isStrict() {
		raw, err := r.decode(n, value)
		if err != nil {
			return err
		}
		return r.step(step{n: n, value: raw})
	}
	if value[0] == '{' {
		return r.members(n, value)
	}
	raw, err := decodeValue(n, value, r.o) // which knows "id" for {"value":"id"}
	switch {
	case err != nil || raw == "" && r.adds(value, n):
		return err
	case raw == "":
		return r.step(step{n: n})
	}
	return r.members(n, []byte(raw))
}

// onElements sets sub-attributes of elements, or elements that are simple.
func (r *patchReader) onElements(at patchPath, value []byte) (err error) {
	s := step{n: at.n, elements: true, filter: at.filter}
	if at.sub != nil {
		raw, err := r.decode(at.sub, value)
		if err != nil || raw == "" && r.adds(value, at.sub) {
			return err
		}
		s.fields = []entry{{at.sub.name, raw}}
		return r.step(s)
	}
	if value[0] == '[' {
		if value, err = r.only(at.n, value); err != nil {
			return err
		}
	}
	if at.n.kind == kindComplex && value[0] == '{' {
		s.fields, err = r.fields(at.n, value)
		if err != nil || len(s.fields) == 0 {
			return err
		}
		return r.step(s)
	}
	if !isNull(value) {
		if s.value, err = decodeElement(at.n, value, r.o); err != nil {
			return err
		}
	}
	switch {
	case s.value == "" && r.op == patchAdd:
		return nil
	case s.value != "" && at.n.kind == kindComplex: // "x" for {"value":"x"}
		s.fields, s.value = entriesOf(s.value), ""
	}
	return r.step(s)
}

// only unwraps the element of an array in the place of an element; null for an
// empty array.
func (r *patchReader) only(n *node, value []byte) ([]byte, error) {
	walk := jsontext.NewArray(value)
	element, some := walk.Next()
	if !some {
		return []byte("null"), nil
	}
	if _, more := walk.Next(); more || !r.o.dialect.grants(ruleWrapped) {
		return nil, Errorf(ErrInvalidValue, "%s: the path asks for one element, got an array", n.path)
	}
	return element, nil
}

// fields reads an object of sub-attributes to set in elements.
func (r *patchReader) fields(n *node, object []byte) ([]entry, error) {
	var fields []entry
	walk := jsontext.NewObject(object)
	for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
		key := jsontext.Unquote(name)
		sub := n.childString(key)
		var raw string
		var err error
		switch {
		case !r.o.dialect.knows(sub):
			err = r.unknown(ErrInvalidSyntax, n, key)
		case sub.readOnly:
			err = r.readOnly(sub)
		case sub.fromServer():
		default:
			if raw, err = r.decode(sub, value); err == nil && (raw != "" || !r.adds(value, sub)) {
				fields = append(fields, entry{sub.name, raw})
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// expandJSON reads elements whose value is the JSON text of an object:
// {"value":"{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}"}.
func (r *patchReader) expandJSON(n *node, list string) (string, error) {
	if n.value == nil || n.value.kind != kindString || !strings.Contains(list, `:"{`) {
		return list, nil
	}
	var all []string
	primary := 0
	for e := range elements(list) {
		e = r.expandElement(n, e)
		if all = append(all, e); n.isPrimary(e) {
			primary++
		}
	}
	if primary > 1 {
		return "", Errorf(ErrInvalidValue, "%s: only one element may be primary", n.path)
	}
	return joinElements(all), nil
}

func (r *patchReader) expandElement(n *node, element string) string {
	literal, _ := memberOf(element, n.value.name)
	if !strings.HasPrefix(literal, `"{`) {
		return element
	}
	text := []byte(jsontext.UnquoteString(literal))
	if end, err := jsontext.Value(text, 0, 8); err != nil || jsontext.Space(text, end) < len(text) {
		return element
	}
	o := openRecord(n, element)
	o.set(n.value, "")
	walk := jsontext.NewObject(text)
	for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
		sub := n.childString(jsontext.Unquote(name))
		if sub == nil && named(name, "displayName") {
			sub = n.childString("display")
		}
		if sub == nil || sub.readOnly {
			continue
		}
		raw, err := decodeValue(sub, value, r.o)
		if err != nil {
			return element
		}
		if raw != "" {
			o.set(sub, raw)
		}
	}
	if o.get(n.value) == "" || !r.o.dialect.grants(ruleJSONInValue) {
		return element
	}
	return o.String()
}
