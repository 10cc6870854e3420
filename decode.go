package scim

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/usherkit/scim/internal/jsontext"
)

// The decoder turns JSON from a client into canonical JSON in one pass over
// its bytes: names found in the schema in any case, values checked against
// their types, dialect spellings replaced, read-only attributes passed over,
// what is null or empty left out, members taken aside.

type decodeOptions struct {
	dialect  *dialect
	maxDepth int // 0: defaultMaxDepth

	// onePrimary refuses a second primary element whatever the dialect, as in
	// the value of a PATCH, where the last operation is to win.
	onePrimary bool

	// readOnly takes read-only attributes too: the application sets them.
	readOnly bool
}

const defaultMaxDepth = 32

// decoded is a resource as a client sent it in POST or PUT.
type decoded struct {
	document Document
	members  []Member
	named    []*node // the attributes the body names, of complex ones the parts, where the type has hidden ones
	active   bool    // the body names active, if only to say null
}

type decoder struct {
	t     *ResourceType // nil while a single value is decoded
	src   []byte
	at    int
	depth int // how many objects and arrays are open
	dst   []byte
	spare []byte     // for putting an object's members in order
	parts []part     // members of the objects begun, innermost last
	from  *node      // where trail begins: the node a single value is decoded for, or the root
	trail []waypoint // where the decoder is, for messages
	decodeOptions

	schemas []byte // the value of schemas in the body
	out     decoded
}

// part is a member of an object: dst[start:end] is a comma, its name, a colon
// and its value; nothing where it has no value. It names its node by rank
// among the object's children: what holds no pointer costs the garbage
// collector nothing.
type part struct{ rank, start, end int32 }

// waypoint is a step from a node to a child of it.
type waypoint struct {
	rank  int32
	index int32 // in a multi-valued attribute; -1: not there
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// decode decodes a resource. The types of its values are checked; whether
// required attributes are there is checkRequired's to say.
func (t *ResourceType) decode(src []byte, o decodeOptions) (decoded, error) {
	c := decoders.Get().(*decoder)
	defer c.release()
	c.begin(src, o)
	c.t, c.from = t, t.root
	if c.at = jsontext.Space(src, 0); c.at >= len(src) || src[c.at] != '{' {
		return decoded{}, Errorf(ErrInvalidSyntax, "the body must be a JSON object with the attributes of a %s", t.def.Name)
	}
	if _, err := c.object(t.root); err != nil {
		return decoded{}, err
	}
	if err := c.end(); err != nil {
		return decoded{}, err
	}
	if err := c.checkSchemas(); err != nil {
		return decoded{}, err
	}
	return c.out, nil
}

// decodeValue transcodes one JSON value for the attribute n (the whole
// attribute: an array if n is multi-valued). The answer is empty if that
// leaves n without a value: for null, an empty array or object, and "" where
// the dialect grants it.
func decodeValue(n *node, src []byte, o decodeOptions) (string, error) {
	return decodeOne(n, src, o, (*decoder).attribute)
}

// decodeElement transcodes one element of the multi-valued attribute n.
func decodeElement(n *node, src []byte, o decodeOptions) (string, error) {
	return decodeOne(n, src, o, (*decoder).single)
}

func decodeOne(n *node, src []byte, o decodeOptions, how func(*decoder, *node) (bool, error)) (string, error) {
	c := decoders.Get().(*decoder)
	defer c.release()
	c.begin(src, o)
	c.from = n.parent
	c.enter(n)
	present, err := how(c, n)
	if err == nil {
		err = c.end()
	}
	if err != nil || !present {
		return "", err
	}
	return string(c.dst), nil
}

// decodeMembers reads the members in a value of the member attribute n: an
// array, an object or a string.
func decodeMembers(n *node, src []byte, o decodeOptions) ([]Member, error) {
	c := decoders.Get().(*decoder)
	defer c.release()
	c.begin(src, o)
	c.from = n.parent
	c.enter(n)
	err := c.members(n)
	if err == nil {
		err = c.end()
	}
	return c.out.members, err
}

func (c *decoder) begin(src []byte, o decodeOptions) {
	if o.maxDepth == 0 {
		o.maxDepth = defaultMaxDepth
	}
	c.src, c.at, c.decodeOptions = src, 0, o
}

func (c *decoder) release() {
	const kept = 64 << 10 // a larger buffer is not worth keeping
	if cap(c.dst) > kept || cap(c.spare) > kept {
		return
	}
	*c = decoder{dst: c.dst[:0], spare: c.spare[:0], parts: c.parts[:0], trail: c.trail[:0]}
	decoders.Put(c)
}

func (c *decoder) end() error {
	if c.at = jsontext.Space(c.src, c.at); c.at < len(c.src) {
		return Errorf(ErrInvalidSyntax, "unexpected data after the JSON value, at byte %d", c.at)
	}
	return nil
}

func (c *decoder) enter(n *node) { c.trail = append(c.trail, waypoint{int32(n.rank), -1}) }
func (c *decoder) leave()        { c.trail = c.trail[:len(c.trail)-1] }

// index says which element of the attribute the decoder is at; -1: none.
func (c *decoder) index(i int) { c.trail[len(c.trail)-1].index = int32(i) }

// where names the attribute the decoder is at: emails[1].primary.
func (c *decoder) where() string {
	var b strings.Builder
	at := c.from
	for i, step := range c.trail {
		n := at.children[step.rank]
		switch {
		case i == 0:
			b.WriteString(n.path)
		case at.kind == kindExtension:
			b.WriteString(":" + n.name)
		default:
			b.WriteString("." + n.name)
		}
		if step.index >= 0 {
			b.WriteString("[" + strconv.Itoa(int(step.index)) + "]")
		}
		at = n
	}
	return b.String()
}

// secret reports whether the decoder is at an attribute that is never returned.
func (c *decoder) secret() bool {
	at := c.from
	for _, step := range c.trail {
		if at = at.children[step.rank]; at.neverShown() {
			return true
		}
	}
	return false
}

// wrong reports that the value at the decoder's place does not fit the
// attribute.
func (c *decoder) wrong(expected string) error {
	start := jsontext.Space(c.src, c.at)
	if err := c.skip(); err != nil {
		return err
	}
	got := string(c.src[start:c.at])
	switch {
	case c.secret():
		got = "something else" // what is never returned is not returned here either
	case got[0] == '{':
		got = "an object"
	case got[0] == '[':
		got = "an array"
	}
	return Errorf(ErrInvalidValue, "%s: expected %s, got %s", c.where(), expected, clip(got))
}

func (c *decoder) syntax(err error) error {
	if _, ours := errors.AsType[*jsontext.Error](err); !ours {
		return err
	}
	if len(c.trail) > 0 {
		return Errorf(ErrInvalidSyntax, "invalid JSON in %s: %w", c.where(), err)
	}
	return Errorf(ErrInvalidSyntax, "invalid JSON: %w", err)
}

func (c *decoder) peek() byte {
	if c.at = jsontext.Space(c.src, c.at); c.at < len(c.src) {
		return c.src[c.at]
	}
	return 0
}

func (c *decoder) skip() error {
	end, err := jsontext.Value(c.src, c.at, c.maxDepth-c.depth)
	if err != nil {
		return c.syntax(err)
	}
	c.at = end
	return nil
}

// object transcodes the object of a complex attribute, an extension or a whole
// resource, and reports whether anything is in it.
func (c *decoder) object(n *node) (bool, error) {
	if c.peek() != '{' {
		return false, c.wrong("an object")
	}
	c.at++
	c.depth++
	open, first := len(c.dst), len(c.parts)
	var unknown jsontext.Names
	for more := c.peek() != '}'; more; {
		at := jsontext.Space(c.src, c.at)
		end, plain, err := jsontext.String(c.src, at)
		if err != nil {
			return false, c.syntax(err)
		}
		name := c.src[at+1 : end-1]
		if !plain {
			name = jsontext.AppendUnquoted(nil, c.src[at:end])
		}
		if c.at, err = jsontext.Expect(c.src, end, ':', "a colon"); err != nil {
			return false, c.syntax(err)
		}
		child := n.child(name)
		if !c.dialect.knows(child) {
			if !unknown.Add(c.src[at:end]) {
				return false, c.syntax(jsontext.Duplicate(c.src, at, end))
			}
			err = c.unknown(n, string(name))
		} else {
			err = c.member(child)
		}
		if err != nil {
			return false, err
		}
		if more = c.peek() == ','; more {
			c.at++
		}
	}
	var err error
	if c.at, err = jsontext.Expect(c.src, c.at, '}', "a comma or }"); err != nil {
		return false, c.syntax(err)
	}
	c.depth--
	return c.close(n, open, first)
}

func (c *decoder) unknown(n *node, name string) error {
	if c.t != nil && c.t.namesPassword(n, name) || c.dialect.grants(ruleUnknownName) {
		return c.skip()
	}
	if i := strings.IndexAny(name, "[ =\""); i >= 0 { // no name: what follows may be the value of a secret
		name = name[:i+1] + "…"
	}
	return Errorf(ErrInvalidSyntax, "%sunknown attribute %q", prefixed(c.where()), clip(name))
}

func prefixed(where string) string {
	if where == "" {
		return ""
	}
	return where + ": "
}

// member transcodes one member of an object into a part.
func (c *decoder) member(n *node) error {
	c.enter(n)
	defer c.leave()
	start, present := len(c.dst), false
	var err error
	switch {
	case n.place == inSchemas:
		at := jsontext.Space(c.src, c.at)
		if err = c.skip(); err == nil {
			c.schemas = c.src[at:c.at]
		}
	case n.place == inMembers:
		err = c.members(n)
	case n.readOnly && !c.readOnly || n.place != inDocument || n.name == "$ref" && n.parent.serverRef:
		err = c.ignored(n) // RFC 7644 §3.3
	default:
		c.dst = append(append(append(c.dst, ',', '"'), n.name...), '"', ':')
		present, err = c.attribute(n)
	}
	if err != nil {
		return err
	}
	if !present {
		c.dst = c.dst[:start]
	}
	c.parts = append(c.parts, part{int32(n.rank), int32(start), int32(len(c.dst))})
	c.note(n, present)
	return nil
}

// ignored skips a value that is the server's to know. A strict client gives it
// no members that the schema does not have.
func (c *decoder) ignored(n *node) error {
	start := jsontext.Space(c.src, c.at)
	if err := c.skip(); err != nil || !c.dialect.isStrict() || n.kind != kindComplex {
		return err
	}
	value := c.src[start:c.at]
	if value[0] != '[' {
		return c.knownNames(n, value)
	}
	walk := jsontext.NewArray(value)
	for element, ok := walk.Next(); ok; element, ok = walk.Next() {
		if err := c.knownNames(n, element); err != nil {
			return err
		}
	}
	return nil
}

func (c *decoder) knownNames(n *node, value []byte) error {
	if value[0] != '{' {
		return nil
	}
	walk := jsontext.NewObject(value)
	for name, _, ok := walk.Next(); ok; name, _, ok = walk.Next() {
		if key := jsontext.Unquote(name); n.childString(key) == nil {
			return c.unknown(n, key)
		}
	}
	return nil
}

// note remembers that the body names an attribute, where the type has any that
// are not always shown. Of an object with anything in it the parts are noted.
func (c *decoder) note(n *node, present bool) {
	inParts := present && (n.kind == kindComplex || n.kind == kindExtension)
	if c.t == nil || len(c.t.hidden) == 0 || inParts || slices.Contains(c.out.named, n) {
		return
	}
	c.out.named = append(c.out.named, n)
}

// close puts the parts of an object in the schema's order and its braces
// around them. Where nothing is in it, the object is not there.
func (c *decoder) close(n *node, open, first int) (bool, error) {
	parts := c.parts[first:]
	ordered := true
	for i := 1; i < len(parts); i++ {
		for k := i; k > 0 && parts[k].rank <= parts[k-1].rank; k-- {
			if parts[k].rank == parts[k-1].rank {
				return false, Errorf(ErrInvalidSyntax, "%s is given twice", n.children[parts[k].rank].path)
			}
			parts[k], parts[k-1] = parts[k-1], parts[k]
			ordered = false
		}
	}
	if c.t != nil && n == c.t.root {
		c.out.active = c.t.active != nil && slices.ContainsFunc(parts, func(p part) bool { return int(p.rank) == c.t.active.rank })
	} else if c.hollow(n, parts) {
		c.dst, c.parts = c.dst[:open], c.parts[:first]
		return false, nil
	}
	if !ordered {
		c.spare = append(c.spare[:0], c.dst[open:]...)
		c.dst = c.dst[:open]
		for i, p := range parts {
			parts[i].start = int32(len(c.dst))
			c.dst = append(c.dst, c.spare[int(p.start)-open:int(p.end)-open]...)
			parts[i].end = int32(len(c.dst))
		}
	}
	if len(c.dst) == open {
		c.dst = append(c.dst, '{')
	}
	c.dst[open] = '{' // in place of the first comma
	c.dst = append(c.dst, '}')
	if c.t != nil && n == c.t.root {
		c.out.document = c.finish(parts)
	}
	c.parts = c.parts[:first]
	return true, nil
}

// hollow reports whether nothing that matters is in a complex value.
func (c *decoder) hollow(n *node, parts []part) bool {
	some, content, valueCleared := false, false, false
	for _, p := range parts {
		switch sub := n.children[p.rank]; {
		case p.start == p.end:
			valueCleared = valueCleared || sub == n.value
		case n.multi && (sub == n.typ || sub == n.primary):
			some = true
		default:
			some, content = true, true
		}
	}
	switch {
	case !some:
		return true
	case n.multi && !content:
		return len(n.children) > 2 && c.dialect.grants(ruleEmptyElement)
	case !n.multi && valueCleared: // {"value":""}: nobody is the manager
		return c.dialect.grants(ruleEmptyString)
	}
	return false
}

func (c *decoder) finish(parts []part) Document {
	n := 0
	for _, p := range parts {
		if p.start < p.end {
			n++
		}
	}
	d := Document{raw: string(c.dst), root: c.t.root}
	if n > 0 {
		d.spans = make([]span, 0, n)
	}
	for _, p := range parts {
		if p.start < p.end {
			value := int(p.start) + len(`,"":`) + len(c.t.root.children[p.rank].name)
			d.spans = append(d.spans, span{uint32(p.start + 1), uint32(value), uint32(p.end), uint16(p.rank)})
		}
	}
	return d
}

// attribute transcodes a whole attribute.
func (c *decoder) attribute(n *node) (bool, error) {
	switch b := c.peek(); {
	case b == 'n':
		return false, c.null()
	case n.multi && b == '[':
		return c.list(n)
	case n.multi:
		return c.loneElement(n)
	case b == '[':
		return c.wrapped(n)
	}
	return c.single(n)
}

func (c *decoder) null() (err error) {
	c.at, err = jsontext.Word(c.src, c.at, "null")
	return c.syntax(err)
}
