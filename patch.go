package scim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// A Patch is the body of a PATCH request (RFC 7644 §3.5.2), read and resolved
// against a resource type. It is immutable.
//
// Its operations are carried out in order, each on what the one before left,
// and all of them or none. These are the rules; the first one that fits holds:
//
//  1. An operation without a path is one operation for each member of its
//     value, whose name is the path. So is one on an extension, or on a complex
//     attribute with one value, for the members of the object it is given:
//     those not named stay as they are.
//  2. An attribute that the schema does not know is ignored. A path to a
//     read-only attribute is refused; in a value such an attribute is ignored.
//  3. remove takes the attribute away; with a path like emails[type eq "work"]
//     the elements that match, and with emails[type eq "work"].display their
//     sub-attribute. If there is nothing to remove, that is success. A value
//     that comes with it names the elements of a multi-valued attribute to
//     remove, and otherwise is ignored.
//  4. null, an empty array and an empty string clear the attribute in replace.
//     In add, null and the empty array do nothing.
//  5. add and replace with a path like emails[type eq "work"].value set the
//     sub-attribute in each element that matches, and with emails[type eq
//     "work"] each sub-attribute of the object they are given. If none matches,
//     and the condition joins comparisons with eq by and, an element is made
//     that satisfies it.
//  6. add to a multi-valued attribute appends. An element that has the value
//     and type of one that is there is merged into that one.
//  7. What is left is an attribute to set, and add and replace both set it.
//
// When an element becomes primary the others cease to be. An element that has
// lost all but its type is dropped, and so is an extension or complex attribute
// that has lost everything. Afterwards an attribute that is required must have
// a value, and one that is immutable the value it had, if it had one.
//
// Members of a group are added, removed and replaced as a whole.
type Patch struct {
	t       *ResourceType
	dialect *dialect
	steps   []step       // on the document
	members []memberStep // on the members

	delta      MemberDelta // what members come to
	seeMembers bool        // delta depends on the members there are, and is not set

	work *int // what is left of it for this patch and others; nil: there are none

	room [1]step // for most patches
}

// Steps are what operations come to once their paths and values are resolved:
// an operation on several attributes is several steps.
type step struct {
	operation
	n      *node
	value  string // canonical JSON; empty where the attribute is to have no value
	listed bool   // remove those elements that value lists

	// A step on elements writes into those that match the filter, or all of
	// them: sub-attributes if there are any in fields, and otherwise value in
	// their place.
	elements bool
	filter   Filter
	fields   []entry
}

// A memberStep drops all members if it is to, then those that match the filter
// if there is one, and adds those in the list or removes them.
type memberStep struct {
	all    bool
	filter Filter
	list   []Member
	remove bool
}

// operation is where a step comes from.
type operation struct {
	index int // in the request, from 1
	op    patchOp
	path  string // as the client wrote it; without one, a name in value
}

type patchOp uint8

const (
	patchAdd patchOp = iota + 1
	patchRemove
	patchReplace
)

var opNames = [...]string{patchAdd: "add", patchRemove: "remove", patchReplace: "replace"}

// wrap says in an error which operation is wrong.
func (o operation) wrap(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	what := opNames[o.op]
	if o.path != "" {
		what += " " + clip(o.path)
	}
	if what != "" {
		what = " (" + what + ")"
	}
	detail := strings.TrimPrefix(e.Detail, o.path+": ") // which says it already
	return &Error{Kind: e.Kind, Detail: fmt.Sprintf("operation %d%s: %s", o.index, what, detail), Err: e.Err}
}

// Members returns what the patch does to a group's members, and whether that
// is all it does and the members there are do not matter to it.
func (p *Patch) Members() (MemberDelta, bool) {
	return p.delta, len(p.members) > 0 && len(p.steps) == 0 && !p.seeMembers
}

// NeedsMembers reports whether Apply must see Resource.Members.
func (p *Patch) NeedsMembers() bool { return p.seeMembers }

// named returns the attributes that the patch writes to, where the type has any
// that are shown to who sent them. Of an object that is set the parts are named.
func (p *Patch) named() (names []*node) {
	if len(p.t.hidden) == 0 {
		return nil
	}
	if len(p.members) > 0 {
		names = append(names, p.t.members)
	}
	for i := range p.steps {
		s := &p.steps[i]
		fields := s.fields
		if s.n.kind == kindComplex && s.value != "" {
			for element := range elements(s.value) {
				fields = append(fields, entriesOf(element)...)
			}
		}
		if len(fields) == 0 {
			names = append(names, s.n)
		}
		for _, f := range fields {
			if n := s.n.byName[f.name]; !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

type patchOptions struct {
	decodeOptions
	maxOperations int // 0: defaultMaxOperations
	maxPath       int // the longest path in bytes; 0: defaultMaxPath
	work          *int
}

const (
	defaultMaxOperations = 2000
	defaultMaxPath       = 8 << 10 // as of a filter
)

// ParsePatch reads the body of a PATCH request, tolerant of the dialects of
// identity providers. What is wrong with the request whatever the resource is
// like is reported here: ErrInvalidSyntax, ErrInvalidPath, ErrInvalidFilter,
// ErrInvalidValue, ErrNoTarget, ErrMutability or ErrTooLarge.
func (t *ResourceType) ParsePatch(body []byte) (*Patch, error) {
	return t.parsePatch(body, patchOptions{})
}

func (t *ResourceType) parsePatch(body []byte, o patchOptions) (*Patch, error) {
	if o.maxDepth == 0 {
		o.maxDepth = defaultMaxDepth
	}
	if o.maxOperations == 0 {
		o.maxOperations = defaultMaxOperations
	}
	if o.maxPath == 0 {
		o.maxPath = defaultMaxPath
	}
	o.onePrimary = true
	m, err := openMessage(body, patchSchemaURI, o.decodeOptions, "schemas", "Operations")
	if err != nil {
		return nil, err
	}
	operations, err := m.array("Operations")
	if err != nil {
		return nil, err
	}
	r := patchReader{t: t, o: o.decodeOptions, maxPath: o.maxPath, p: &Patch{t: t, dialect: o.dialect, work: o.work}}
	r.p.steps = r.p.room[:0]
	walk := jsontext.NewArray(operations)
	for src, ok := walk.Next(); ok; src, ok = walk.Next() {
		r.operation = operation{index: r.index + 1}
		if r.index > o.maxOperations {
			return nil, Errorf(ErrTooLarge, "more operations than the limit of %d", o.maxOperations)
		}
		if err := r.read(src); err != nil {
			return nil, r.wrap(err)
		}
	}
	if r.index == 0 && !o.dialect.grants(ruleNoOperations) {
		return nil, Errorf(ErrInvalidSyntax, "Operations is empty")
	}
	if r.p.seeMembers {
		err = r.p.share(0) // before the members are read
	} else if len(r.p.members) > 0 {
		r.p.delta, err = r.p.composeMembers(nil)
	}
	return r.p, err
}

// named reports whether a string literal spells a name, in any case.
func named(literal []byte, name string) bool {
	if bytes.IndexByte(literal, '\\') >= 0 {
		return sameName([]byte(jsontext.Unquote(literal)), name)
	}
	return sameName(literal[1:len(literal)-1], name)
}

func isNull(src []byte) bool { return src[0] == 'n' }

// patchReader turns operations into steps.
type patchReader struct {
	t       *ResourceType
	o       decodeOptions
	maxPath int
	p       *Patch
	operation
}

// read reads one operation.
func (r *patchReader) read(src []byte) error {
	if src[0] != '{' {
		return Errorf(ErrInvalidSyntax, "expected an object with op, path and value")
	}
	var op, path, value []byte
	walk := jsontext.NewObject(src)
	for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
		switch {
		case named(name, "op"):
			op = v
		case named(name, "path"):
			if !isNull(v) {
				path = v
			}
		case named(name, "value"):
			value = v
		case r.o.dialect.isStrict():
			return Errorf(ErrInvalidSyntax, "%q is none of the members op, path, value", clip(r.t.quotable(jsontext.Unquote(name))))
		}
	}
	if err := r.readOp(op); err != nil {
		return err
	}
	if path == nil {
		return r.withoutPath(value)
	}
	if path[0] != '"' {
		return Errorf(ErrInvalidSyntax, "path must be a string")
	}
	whole := jsontext.Unquote(path)
	r.path = r.t.quotable(whole)
	at, err := r.resolve(r.t.root, whole)
	switch {
	case err != nil:
		return err
	case value == nil && r.op != patchRemove:
		return Errorf(ErrInvalidValue, "value is missing")
	case at.n == nil:
		return r.unknown(ErrInvalidPath, r.t.root, whole)
	case at.readOnly():
		return Errorf(ErrMutability, "%s is read-only", at.attribute().path)
	}
	return r.write(at, value)
}

func (r *patchReader) readOp(op []byte) error {
	if op == nil {
		return Errorf(ErrInvalidSyntax, "op is missing")
	}
	for v := patchAdd; v <= patchReplace; v++ {
		if op[0] == '"' && named(op, opNames[v]) {
			r.op = v
			return nil
		}
	}
	return Errorf(ErrInvalidSyntax, "op must be add, remove or replace, not %s", clip(string(op)))
}

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
