package scim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

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
}

const defaultMaxDepth = 32

// decoded is a resource as a client sent it in POST or PUT.
type decoded struct {
	document   Document
	members    []Member
	hasMembers bool    // the body names the member attribute
	named      []*node // the top-level attributes the body names, where the type has hidden ones
	active     bool    // the body names active, if only to say null
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

// wrong reports that the value at the decoder's place does not fit the
// attribute.
func (c *decoder) wrong(expected string) error {
	start := jsontext.Space(c.src, c.at)
	if err := c.skip(); err != nil {
		return err
	}
	got := string(c.src[start:c.at])
	switch got[0] {
	case '{':
		got = "an object"
	case '[':
		got = "an array"
	}
	return Errorf(ErrInvalidValue, "%s: expected %s, got %s", c.where(), expected, clip(got))
}

func (c *decoder) syntax(err error) error {
	var fault *jsontext.Error
	if !errors.As(err, &fault) {
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
		if child == nil {
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
	if c.dialect.grants(ruleUnknownName) {
		return c.skip()
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
		err = c.skip()
		c.schemas = c.src[at:c.at]
	case n.place == inMembers:
		err = c.members(n)
	case n.readOnly || n.place != inDocument || n.name == "$ref" && n.parent.serverRef:
		err = c.skip() // RFC 7644 §3.3: ignored
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
	return nil
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
		c.note(parts)
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

// note remembers what a later step wants to know of the body.
func (c *decoder) note(parts []part) {
	for _, p := range parts {
		n := c.t.root.children[p.rank]
		c.out.active = c.out.active || n == c.t.active
		if len(c.t.hidden) > 0 {
			c.out.named = append(c.out.named, n)
		}
	}
}

func (c *decoder) finish(parts []part) Document {
	n := 0
	for _, p := range parts {
		if p.start < p.end {
			n++
		}
	}
	d := Document{raw: string(c.dst)}
	if n > 0 {
		d.spans = make([]span, 0, n)
	}
	for _, p := range parts {
		if p.start < p.end {
			value := int(p.start) + len(`,"":`) + len(c.t.root.children[p.rank].name)
			d.spans = append(d.spans, span{uint32(p.start + 1), uint32(value), uint32(p.end)})
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

// list transcodes the array of a multi-valued attribute. Elements that are
// there already are left out (RFC 7643 §2.4).
func (c *decoder) list(n *node) (bool, error) {
	open := len(c.dst)
	c.at++
	c.depth++
	primary, before := false, distinct{}
	for i, more := 0, c.peek() != ']'; more; i++ {
		c.index(i)
		start := len(c.dst)
		c.dst = append(c.dst, ',')
		present, err := false, error(nil)
		if c.peek() == 'n' {
			err = c.null()
		} else {
			present, err = c.single(n)
		}
		if err != nil {
			return false, err
		}
		if present && n.primary != nil {
			err = c.checkPrimary(n, start+1, &primary)
		}
		if err != nil {
			return false, err
		}
		if !present || !before.add(c.dst[open:start], c.dst[start:]) {
			c.dst = c.dst[:start]
		}
		if more = c.peek() == ','; more {
			c.at++
		}
	}
	c.index(-1)
	c.depth--
	var err error
	if c.at, err = jsontext.Expect(c.src, c.at, ']', "a comma or ]"); err != nil {
		return false, c.syntax(err)
	}
	if len(c.dst) == open {
		return false, nil
	}
	c.dst[open] = '[' // in place of the first comma
	c.dst = append(c.dst, ']')
	return true, nil
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
	const isTrue = `"primary":true`
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
	c.dst = append(append(c.dst[:start+at], `"primary":false`...), tail...)
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

// wrapped transcodes an array in the place of a single value: [{"value":"x"}]
// for "x", [{…}] for {…}, [] for nothing.
func (c *decoder) wrapped(n *node) (bool, error) {
	start := c.at
	if err := c.skip(); err != nil {
		return false, err
	}
	end := c.at
	c.at = start
	walk := jsontext.NewArray(c.src[start:end])
	element, some := walk.Next()
	if _, more := walk.Next(); more || !c.dialect.grants(ruleWrapped) {
		return false, c.wrong(n.expectation())
	}
	if some && n.kind != kindComplex && n.kind != kindExtension && element[0] == '{' {
		inner := jsontext.NewObject(element)
		some = false
		for name, value, ok := inner.Next(); ok; name, value, ok = inner.Next() {
			if strings.EqualFold(jsontext.Unquote(name), "value") {
				element, some = value, true
			}
		}
	}
	if !some || element[0] == 'n' {
		c.at = end
		return false, nil
	}
	outer := c.src
	c.src, c.at = element, 0
	present, err := c.single(n)
	c.src, c.at = outer, end
	return present, err
}

// expectation says in words what the attribute takes.
func (n *node) expectation() string {
	switch n.kind {
	case kindBoolean:
		return "true or false"
	case kindInteger:
		return "an integer"
	case kindDecimal:
		return "a number"
	case kindDateTime:
		return `a date and time such as "2026-01-31T12:00:00Z"`
	case kindBinary:
		return "a string in base64"
	case kindReference:
		return "a string with a URI"
	case kindComplex, kindExtension:
		return "an object"
	}
	return "a string"
}

// single transcodes one value, be it an element of an array or all there is.
func (c *decoder) single(n *node) (bool, error) {
	b := c.peek()
	if n.kind == kindComplex || n.kind == kindExtension {
		if b == '"' && n.value != nil && c.dialect.grants(ruleBareValue) {
			return c.bareValue(n)
		}
		return c.object(n)
	}
	switch {
	case b == '"':
		return c.fromString(n)
	case b == 't' || b == 'f':
		return c.fromBoolean(n)
	case b == '-' || '0' <= b && b <= '9':
		return c.fromNumber(n)
	case b == '{' || b == '[':
		return false, c.wrong(n.expectation())
	}
	return false, c.skip() // which says what is wrong with the syntax
}

// bareValue transcodes "x" for {"value":"x"}.
func (c *decoder) bareValue(n *node) (bool, error) {
	open := len(c.dst)
	c.dst = append(append(append(c.dst, '{', '"'), n.value.name...), '"', ':')
	present, err := c.single(n.value)
	if err != nil || !present {
		c.dst = c.dst[:open]
		return false, err
	}
	c.dst = append(c.dst, '}')
	return true, nil
}

func (c *decoder) fromBoolean(n *node) (bool, error) {
	word := "false"
	if c.src[c.at] == 't' {
		word = "true"
	}
	end, err := jsontext.Word(c.src, c.at, word)
	switch {
	case err != nil:
		return false, c.syntax(err)
	case n.kind == kindBoolean:
		c.dst = append(c.dst, word...)
	case n.kind == kindString && c.dialect.grants(ruleBareNumber):
		c.dst = jsontext.AppendQuote(c.dst, word)
	default:
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

func (c *decoder) fromNumber(n *node) (bool, error) {
	end, whole, err := jsontext.Number(c.src, c.at)
	if err != nil {
		return false, c.syntax(err)
	}
	text := c.src[c.at:end]
	switch {
	case n.kind == kindInteger && whole, n.kind == kindDecimal:
		if c.dst, err = appendNumber(c.dst, n.kind, string(text)); err != nil {
			return false, c.wrong(n.expectation() + " within range")
		}
	case n.kind == kindString && c.dialect.grants(ruleBareNumber):
		c.dst = jsontext.AppendQuote(c.dst, string(text))
	default:
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

// appendNumber writes a JSON number in the one spelling of its value: an
// integer in digits, a decimal as the shortest that reads back the same.
func appendNumber(dst []byte, k kind, text string) ([]byte, error) {
	if k == kindInteger {
		i, err := strconv.ParseInt(text, 10, 64)
		return strconv.AppendInt(dst, i, 10), err
	}
	f, err := strconv.ParseFloat(text, 64)
	if f == 0 {
		f = 0 // not -0
	}
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'f' && bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0') // RFC 7643 §2.3.3: a digit on both sides of the point
	}
	return dst, err
}

// fromString transcodes a string for an attribute of any type.
func (c *decoder) fromString(n *node) (bool, error) {
	end, plain, err := jsontext.String(c.src, c.at)
	if err != nil {
		return false, c.syntax(err)
	}
	literal := c.src[c.at:end]
	if len(literal) == 2 && c.dialect.grants(ruleEmptyString) {
		c.at = end
		return false, nil
	}
	if n.kind == kindString || n.kind == kindReference {
		c.dst = jsontext.AppendCanonical(c.dst, literal, plain)
		c.at = end
		return true, c.canonicalValue(n, literal)
	}
	text := jsontext.Unquote(literal)
	ok := false
	switch n.kind {
	case kindBoolean:
		var v bool
		if v, ok = parseBoolean(text); ok && c.dialect.grants(ruleStringBoolean) {
			c.dst = strconv.AppendBool(c.dst, v)
		} else {
			ok = false
		}
	case kindInteger, kindDecimal:
		number := []byte(strings.TrimSpace(text))
		to, whole, err := jsontext.Number(number, 0)
		if ok = err == nil && to == len(number) && (whole || n.kind == kindDecimal) && c.dialect.grants(ruleStringNumber); ok {
			c.dst, err = appendNumber(c.dst, n.kind, string(number))
			ok = err == nil
		}
	case kindDateTime:
		var v time.Time
		if v, ok = parseDateTime(text); ok {
			c.dst = append(append(append(c.dst, '"'), formatDateTime(v)...), '"')
		}
	case kindBinary:
		var v []byte
		if v, ok = parseBinary(text); ok {
			c.dst = append(base64.StdEncoding.AppendEncode(append(c.dst, '"'), v), '"')
		}
	}
	if !ok {
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

// canonicalValue holds strict clients to the values the schema lists
// (RFC 7643 §7 leaves it to the server).
func (c *decoder) canonicalValue(n *node, literal []byte) error {
	if len(n.attr.CanonicalValues) == 0 || c.dialect == nil || !c.dialect.strict {
		return nil
	}
	text := jsontext.Unquote(literal)
	for _, v := range n.attr.CanonicalValues {
		if v == text || !n.exact && strings.EqualFold(v, text) {
			return nil
		}
	}
	return Errorf(ErrInvalidValue, "%s: expected one of %s, got %s", c.where(), strings.Join(n.attr.CanonicalValues, ", "), clip(string(literal)))
}

// parseBoolean reads what Entra sends for a boolean: True, False, any case.
func parseBoolean(s string) (v, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseDateTime reads an xsd:dateTime; without a zone it is UTC.
func parseDateTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if v, err := time.Parse(layout, s); err == nil {
			year := v.UTC().Year()
			return v, 0 < year && year < 10_000
		}
	}
	return time.Time{}, false
}

func formatDateTime(v time.Time) string { return v.UTC().Format("2006-01-02T15:04:05.999999999Z07:00") }

// parseBinary reads base64 of either alphabet, padded or not (RFC 7643 §2.3.6).
func parseBinary(s string) ([]byte, bool) {
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	v, err := encoding.Strict().DecodeString(strings.TrimRight(s, "="))
	return v, err == nil
}

// members reads the value of the member attribute.
func (c *decoder) members(n *node) error {
	c.out.hasMembers = true
	switch b := c.peek(); {
	case b == 'n':
		return c.null()
	case b != '[':
		if !c.dialect.grants(ruleLoneElement) {
			return c.wrong("an array of members")
		}
		return c.oneMember(n)
	}
	c.at++
	c.depth++
	for i, more := 0, c.peek() != ']'; more; i++ {
		c.index(i)
		if err := c.oneMember(n); err != nil {
			return err
		}
		if more = c.peek() == ','; more {
			c.at++
		}
	}
	c.index(-1)
	c.depth--
	var err error
	c.at, err = jsontext.Expect(c.src, c.at, ']', "a comma or ]")
	return c.syntax(err)
}

func (c *decoder) oneMember(n *node) error {
	var m Member
	switch c.peek() {
	case '"':
		if !c.dialect.grants(ruleBareValue) {
			return c.wrong("an object with a value")
		}
		end, _, err := jsontext.String(c.src, c.at)
		if err != nil {
			return c.syntax(err)
		}
		m.ID, c.at = jsontext.Unquote(c.src[c.at:end]), end
	case '{':
		start := c.at
		if err := c.skip(); err != nil {
			return err
		}
		walk := jsontext.NewObject(c.src[start:c.at])
		for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
			sub := n.child(name[1 : len(name)-1])
			if sub == nil || sub != n.value && sub != n.typ || value[0] == 'n' {
				continue // $ref and display are the server's to know
			}
			if value[0] != '"' {
				return Errorf(ErrInvalidValue, "%s.%s: expected a string, got %s", c.where(), sub.name, clip(string(value)))
			}
			if sub == n.value {
				m.ID = jsontext.Unquote(value)
				continue
			}
			m.Type = jsontext.Unquote(value)
			for _, known := range sub.attr.CanonicalValues {
				if strings.EqualFold(known, m.Type) {
					m.Type = known
				}
			}
		}
	default:
		return c.wrong("an object with a value")
	}
	if m.ID == "" {
		return Errorf(ErrInvalidValue, "%s: a member needs a value, the id of a resource", c.where())
	}
	c.out.members = append(c.out.members, m)
	return nil
}

// checkSchemas holds the body's schemas against the type (RFC 7643 §3). They
// are derived from the document afterwards, so a tolerant client may send
// anything.
func (c *decoder) checkSchemas() error {
	t := c.t
	var listed uint64 // bit 0: the type's own schema; then its extensions
	if len(c.schemas) > 0 && c.schemas[0] == '[' {
		walk := jsontext.NewArray(c.schemas)
		for value, ok := walk.Next(); ok; value, ok = walk.Next() {
			if value[0] != '"' {
				return Errorf(ErrInvalidValue, "schemas: expected strings, got %s", clip(string(value)))
			}
			if i := t.schemaIndex(value); i >= 0 {
				listed |= 1 << i
			} else if !c.dialect.grants(ruleUnknownSchema) {
				return Errorf(ErrInvalidSyntax, "schemas: %s is no schema of %s", clip(string(value)), t.def.Name)
			}
		}
	}
	missing := ""
	if listed&1 == 0 {
		missing = t.def.Schema.ID
	}
	for i, e := range t.extensions {
		if _, present := c.out.document.Get(e.name); present && listed&(2<<i) == 0 {
			missing = e.name
		}
	}
	if missing != "" && !c.dialect.grants(ruleSchemasMissing) {
		return Errorf(ErrInvalidSyntax, "schemas: %s is missing", missing)
	}
	return nil
}

// schemaIndex finds the schema whose URI a string literal is: 0 for the type's
// own, from 1 on its extensions, -1 for another.
func (t *ResourceType) schemaIndex(literal []byte) int {
	uri := literal[1 : len(literal)-1]
	if strings.EqualFold(string(uri), t.def.Schema.ID) {
		return 0
	}
	for i, e := range t.extensions {
		if strings.EqualFold(string(uri), e.name) {
			return 1 + i
		}
	}
	return -1
}

// checkRequired reports the first required attribute that has no value
// (RFC 7643 §2.2).
func (t *ResourceType) checkRequired(d Document) error {
	if n := t.lacking(d); n != nil {
		return missing(n.path)
	}
	return nil
}

// lacking returns the first required attribute that has no value or an empty
// one: of the type, or of an object in the document. It is nil if all are there.
func (t *ResourceType) lacking(d Document) *node {
	for _, n := range t.required {
		if v, ok := d.Get(n.name); n.place == inDocument && (!ok || v == `""`) {
			return n
		}
	}
	for _, n := range t.demanding {
		value, _ := d.at(n)
		for element := range elements(value) {
			for _, sub := range n.required {
				if v, ok := memberOf(element, sub.name); !ok || v == `""` {
					return sub
				}
			}
		}
	}
	return nil
}

func missing(path string) error { return Errorf(ErrInvalidValue, "%s is required", path) }
