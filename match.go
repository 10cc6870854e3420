package scim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/jsontext"
)

// Match reports whether a resource satisfies a filter; a nil filter matches
// everything. An error is one of r.Members or r.Groups, which count as empty
// where they are nil. The time that it takes is not bounded: to answer a Query, use
// [Query.Matcher].
func Match(f Filter, r *Resource) (bool, error) {
	return (*matcher)(nil).matches(f, r)
}

// Matcher returns a function that reports, as [Match] does, whether a resource
// satisfies q.Filter. A Store calls it for one resource after another, and gives
// up at its first error: of a Set, of the context, or ErrTooMany if all calls
// together have looked at more values than 16 for each resource of q.MaxScan. A
// comparison with one value counts as one look, and for a long value as several;
// members and groups are values too. The function is for one goroutine.
func (q Query) Matcher(ctx context.Context) func(*Resource) (bool, error) {
	m := &matcher{ctx: ctx, left: math.MaxInt}
	if q.MaxScan > 0 && q.MaxScan < math.MaxInt/looksPerScan {
		m.left = q.MaxScan * looksPerScan
	}
	return func(r *Resource) (bool, error) { return m.matches(q.Filter, r) }
}

// looksPerScan lets a filter of some conditions be asked of as many resources as
// may be looked at, and ends what the longest filter asks of large groups in a
// second or two.
const looksPerScan = 16

// A matcher matches filters, and counts what that takes; a nil matcher does not.
type matcher struct {
	ctx         context.Context
	looks, left int // since the context was asked, and when it was
}

func (m *matcher) matches(f Filter, r *Resource) (bool, error) {
	if f == nil {
		return true, nil
	}
	return m.match(f, r, item{})
}

// look counts a look at a value, or at so many bytes of JSON in search of one.
func (m *matcher) look(bytes int) error {
	if m == nil {
		return nil
	}
	const often, long = 4096, 64
	if m.looks += 1 + bytes/long; m.looks < often {
		return nil
	}
	m.left, m.looks = m.left-m.looks, 0
	if m.left < 0 {
		return Errorf(ErrTooMany, "the filter would have to be compared with too many values: compare an attribute that is indexed, such as userName, with eq, or ask for less at once")
	}
	return m.ctx.Err()
}

// matchElement reports whether one element of a multi-valued attribute, as
// canonical JSON, satisfies f as it is used inside of Some.
func matchElement(f Filter, element string) bool {
	ok, err := (*matcher)(nil).match(f, nil, item{json: element})
	return ok && err == nil
}

// An item is the element that a filter in brackets looks at; the zero item is
// none.
type item struct {
	json   string  // of an attribute in the Document
	member *Member // of members or groups
}

func (m *matcher) match(f Filter, r *Resource, in item) (bool, error) {
	switch f := f.(type) {
	case And:
		for _, g := range f {
			if ok, err := m.match(g, r, in); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case Or:
		for _, g := range f {
			if ok, err := m.match(g, r, in); ok || err != nil {
				return ok && err == nil, err
			}
		}
		return false, nil
	case Not:
		ok, err := m.match(f.Filter, r, in)
		return !ok && err == nil, err
	case Present:
		return m.has(f.Path.n, nil, r, in)
	case Compare:
		if f.Op != Ne {
			return m.has(f.Path.n, &f, r, in)
		}
		f.Op = Eq
		ok, err := m.has(f.Path.n, &f, r, in)
		return !ok && err == nil, err
	case Some:
		return m.some(f, r, in)
	}
	return false, fmt.Errorf("scim: unknown filter %T", f)
}

var errNoPath = errors.New("scim: filter without a path")

func (m *matcher) some(f Some, r *Resource, in item) (bool, error) {
	n := f.Path.n
	switch {
	case n == nil:
		return false, errNoPath
	case in != item{}:
		return false, errors.New("scim: filter with nested brackets")
	case n.place == inMembers:
		return m.someOf(f, r.Members, n)
	case n.place == inGroups:
		return m.someOf(f, r.Groups, n)
	}
	raw, _ := r.Document.at(n)
	elements := walk{raw: raw}
	for element, ok := elements.next(); ok; element, ok = elements.next() {
		if ok, err := m.match(f.Filter, nil, item{json: element}); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (m *matcher) someOf(f Some, set Set, n *node) (bool, error) {
	if set == nil {
		return false, nil
	}
	if id, ok := Requires(f.Filter, n.value.path); ok { // spares walking a large group in vain
		if has, err := set.Has(id); !has || err != nil {
			return false, err
		}
	}
	for member, err := range set.All() {
		if err != nil {
			return false, err
		}
		if ok, err := m.match(f.Filter, nil, item{member: &member}); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// has reports whether n has a value that satisfies c, or any if c is nil.
func (m *matcher) has(n *node, c *Compare, r *Resource, in item) (bool, error) {
	if n == nil {
		return false, errNoPath
	}
	if err := m.look(len(in.json)); err != nil {
		return false, err
	}
	switch {
	case in.member != nil:
		return m.text(c, in.member.text(n)), nil
	case in.json != "" && n.parent.kind == kindComplex:
		raw, ok := memberOf(in.json, n.name)
		if !ok {
			raw = c.absent()
		}
		return m.anyOf(c, raw), nil
	case in.json != "":
		return m.anyOf(c, in.json), nil
	}
	switch n.place {
	case inID:
		return m.text(c, r.ID), nil
	case inMeta:
		return m.meta(c, n, r), nil
	case inSchemas:
		return m.schemas(c, n, r), nil
	case inMembers:
		return m.set(c, n, r.Members)
	case inGroups:
		return m.set(c, n, r.Groups)
	}
	whole, _ := r.Document.Get(n.top().name)
	if err := m.look(len(whole)); err != nil {
		return false, err
	}
	values := r.Document.values(n)
	values.absent = c.absent()
	for raw, ok := values.next(); ok; raw, ok = values.next() {
		if m.json(c, raw) {
			return true, nil
		}
	}
	return false, nil
}

// absent is what an element is taken to have that lacks the sub-attribute: not
// to be primary is not to be it (RFC 7643 §2.4).
func (c *Compare) absent() string {
	if c != nil && c.Path.n == c.Path.n.parent.primary {
		return "false"
	}
	return ""
}

// top returns the attribute of the document, or the extension, that n is or is in.
func (n *node) top() *node {
	for n.parent.kind != kindRoot {
		n = n.parent
	}
	return n
}

// anyOf reports whether canonical JSON, or if it is an array an element of
// it, satisfies c.
func (m *matcher) anyOf(c *Compare, raw string) bool {
	elements := walk{raw: raw}
	for v, ok := elements.next(); ok; v, ok = elements.next() {
		if m.json(c, v) {
			return true
		}
	}
	return false
}

func (m *matcher) meta(c *Compare, n *node, r *Resource) bool {
	switch n.name {
	case "meta":
		return c == nil
	case "resourceType":
		return m.text(c, r.Type)
	case "created":
		return c.time(r.Created)
	case "lastModified":
		return c.time(r.LastModified)
	}
	return false
}

// schemas looks at the URIs of the type and of the extensions with data.
func (m *matcher) schemas(c *Compare, n *node, r *Resource) bool {
	root := n.parent
	if m.text(c, root.name) {
		return true
	}
	for _, e := range root.children {
		if e.kind != kindExtension {
			continue
		}
		if _, ok := r.Document.Get(e.name); ok && m.text(c, e.name) {
			return true
		}
	}
	return false
}

func (m *matcher) set(c *Compare, n *node, set Set) (bool, error) {
	if set == nil {
		return false, nil
	}
	if c != nil && c.Op == Eq && n == n.parent.value {
		return set.Has(c.Value.folded)
	}
	if c == nil {
		return m.anyMember(nil, n, set)
	}
	copied := *c // which is allocated, so that c need not be where a filter is not about members
	return m.anyMember(&copied, n, set)
}

func (m *matcher) anyMember(c *Compare, n *node, set Set) (bool, error) {
	for member, err := range set.All() {
		if err != nil {
			return false, err
		}
		if err := m.look(0); err != nil {
			return false, err
		}
		if m.text(c, member.text(n)) {
			return true, nil
		}
	}
	return false, nil
}

type field uint8

const (
	noField field = iota
	fieldID
	fieldType
	fieldDisplay
)

// memberField says which field of a Member a sub-attribute of members or
// groups shows.
func memberField(n *node) field {
	switch {
	case n == n.parent.value:
		return fieldID
	case n == n.parent.typ:
		return fieldType
	case n.name == "display":
		return fieldDisplay
	}
	return noField
}

// text returns what n, members or groups or a sub-attribute, shows of m.
func (m *Member) text(n *node) string {
	if n.kind == kindComplex {
		return m.ID
	}
	switch memberField(n) {
	case fieldID:
		return m.ID
	case fieldType:
		if n.place == inGroups {
			return "direct" // RFC 7643 §4.1.2: as opposed to through a nested group
		}
		return m.Type
	case fieldDisplay:
		return m.Display
	}
	return ""
}

// json reports whether a value in canonical JSON satisfies c. Ne is none of
// the operators here: it is about all values.
func (m *matcher) json(c *Compare, raw string) bool {
	if c == nil {
		return filled(raw)
	}
	switch c.Path.n.kind {
	case kindBoolean:
		return raw == c.Value.text
	case kindInteger:
		a, _ := strconv.ParseInt(raw, 10, 64)
		b, _ := strconv.ParseInt(c.Value.text, 10, 64)
		return ordered(c.Op, a < b, a == b)
	case kindDecimal:
		v, _ := strconv.ParseFloat(raw, 64)
		return ordered(c.Op, v < c.Value.num, v == c.Value.num)
	}
	if len(raw) < 2 || raw[0] != '"' {
		return false
	}
	text := jsontext.UnquoteString(raw)
	if c.Path.n.kind == kindDateTime {
		v, ok := parseDateTime(text)
		return ok && c.time(v)
	}
	return m.text(c, text)
}

func (c *Compare) time(v time.Time) bool {
	if c == nil {
		return !v.IsZero()
	}
	return ordered(c.Op, v.Before(c.Value.at), v.Equal(c.Value.at))
}

// text reports whether a string satisfies c; the empty one is no value.
func (m *matcher) text(c *Compare, v string) bool {
	if v == "" || c == nil {
		return v != ""
	}
	want := c.Value.folded
	ascii, upper := letters(v)
	switch {
	case !ascii:
		if m != nil {
			m.looks += 3 * len(v) // as long as it takes to fold
		}
		v = comparisonKey(v, c.Path.n.exact)
	case upper && !c.Path.n.exact:
		return c.folded(v, want)
	}
	switch c.Op {
	case Eq:
		return v == want
	case Co:
		return strings.Contains(v, want)
	case Sw:
		return strings.HasPrefix(v, want)
	case Ew:
		return strings.HasSuffix(v, want)
	}
	return ordered(c.Op, v < want, v == want)
}

// folded is text for ASCII with capitals, without making a lower-case copy.
func (c *Compare) folded(v, want string) bool {
	switch c.Op {
	case Eq:
		return len(v) == len(want) && hasPrefixFold(v, want)
	case Sw:
		return hasPrefixFold(v, want)
	case Ew:
		return len(v) >= len(want) && hasPrefixFold(v[len(v)-len(want):], want)
	case Co:
		if len(v) > 256 { // the search below takes the time of the product of the lengths
			return strings.Contains(strings.ToLower(v), want)
		}
		for i := 0; i+len(want) <= len(v); i++ {
			if hasPrefixFold(v[i:], want) {
				return true
			}
		}
		return false
	}
	i := 0
	for i < len(v) && i < len(want) && lower(v[i]) == want[i] {
		i++
	}
	if i == len(v) || i == len(want) {
		return ordered(c.Op, len(v) < len(want), len(v) == len(want))
	}
	return ordered(c.Op, lower(v[i]) < want[i], false)
}

func hasPrefixFold(v, want string) bool {
	if len(v) < len(want) {
		return false
	}
	for i := range len(want) {
		if lower(v[i]) != want[i] {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

func ordered(op Operator, less, equal bool) bool {
	switch op {
	case Eq:
		return equal
	case Lt:
		return less
	case Le:
		return less || equal
	case Gt:
		return !less && !equal
	case Ge:
		return !less
	}
	return false
}
