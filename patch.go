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
