package tenant

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/usherkit/scim/internal/jsontext"
)

// body masks the body of a request. What is no JSON is masked as a whole, but for
// its length; of one that was cut there is as much as can be read.
func (m *masker) body(src []byte, isSearch, cut bool) []byte {
	if !cut && !json.Valid(src) {
		return illegible(len(src))
	}
	if out, ok := m.json(src, shape{role: aMessage, isSearch: isSearch}, cut); ok {
		return out
	}
	return illegible(len(src))
}

func illegible(n int) []byte { return []byte(strings.Repeat("x", n)) }

// json masks a text that is JSON, or the beginning of one.
func (m *masker) json(src []byte, s shape, cut bool) ([]byte, bool) {
	w := &maskWriter{masker: m, src: src, cut: cut, out: make([]byte, 0, len(src)+len(src)/4)}
	err := w.value(s, 0)
	if err == nil {
		w.space()
	}
	return w.out, err == nil && w.at == len(src) || cut && errors.Is(err, errCutHere)
}

// A role is what a value is in a message (RFC 7644 §3).
type role int

const (
	aValue role = iota
	aMessage
	operations // an array of them
	anOperation
	aPath // of an attribute, or of a resource in a bulk request
	aWordOfProtocol
	schemas
	aSearch // a member of a search: its place's name says which
)

// A shape is what is known of a value before it is read.
type shape struct {
	place
	role     role
	isSearch bool
}

// in returns what is known of a member.
func (s shape) in(name string) shape {
	inner := shape{place: s.place.in(name)}
	switch lower := strings.ToLower(name); s.role {
	case aMessage:
		switch {
		case lower == "schemas":
			inner.role = schemas
		case lower == "operations":
			inner.role = operations
		case s.isSearch:
			inner.role = aSearch
		}
	case anOperation:
		inner.place = place{}.in(name)
		switch lower {
		case "op", "method":
			inner.role = aWordOfProtocol
		case "path":
			inner.role = aPath
		case "data":
			inner = shape{role: aMessage}
		case "value":
			inner.place = s.place // that of the path
		}
	}
	return inner
}

// element returns what is known of an element.
func (s shape) element() shape {
	if s.role == operations {
		return shape{role: anOperation}
	}
	return s
}

var (
	errCutHere = errors.New("the text ends here")
	errNoJSON  = errors.New("no JSON")
)

// deepest is how deep a body is followed. Nothing that is deeper is understood by
// anybody.
const deepest = 1000

// A maskWriter copies JSON and masks it on its way, so that all but the values stays
// as it was sent: duplicate names, escapes and spaces too.
type maskWriter struct {
	*masker
	src []byte
	at  int
	out []byte
	cut bool
}

// ended is the error for a text that ends too early.
func (w *maskWriter) ended() error {
	if w.cut {
		return errCutHere
	}
	return errNoJSON
}

func (w *maskWriter) space() {
	end := jsontext.Space(w.src, w.at)
	w.out = append(w.out, w.src[w.at:end]...)
	w.at = end
}

func (w *maskWriter) value(s shape, depth int) error {
	w.space()
	switch {
	case w.at == len(w.src):
		return w.ended()
	case depth > deepest:
		return errNoJSON
	}
	switch c := w.src[w.at]; c {
	case '{':
		return w.object(s, depth)
	case '[':
		return w.array(s, depth)
	case '"':
		literal, err := w.literal()
		if err == nil {
			w.out = w.appendString(w.out, literal, s)
		}
		return err
	default:
		return w.scalar(s)
	}
}

// literal reads a string.
func (w *maskWriter) literal() ([]byte, error) {
	for i := w.at + 1; i < len(w.src); i++ {
		switch w.src[i] {
		case '\\':
			i++
		case '"':
			literal := w.src[w.at : i+1]
			if !w.cut || json.Valid(literal) {
				w.at = i + 1
				return literal, nil
			}
			return nil, errNoJSON
		}
	}
	return nil, w.ended()
}

// scalar masks a number, and leaves true, false and null.
func (w *maskWriter) scalar(s shape) error {
	end := w.at
	for end < len(w.src) && strings.IndexByte(" \t\r\n,:]}[{\"", w.src[end]) < 0 {
		end++
	}
	text := string(w.src[w.at:end])
	switch {
	case end == len(w.src) && w.cut:
		return errCutHere // there may be more of it
	case !json.Valid([]byte(text)):
		return errNoJSON
	}
	w.at = end
	if text[0] == '-' || text[0] >= '0' && text[0] <= '9' {
		text = w.numeral(text, s)
	}
	w.out = append(w.out, text...)
	return nil
}

// numeral masks a number, unless it is one of the protocol.
func (w *maskWriter) numeral(text string, s shape) string {
	switch {
	case s.secret:
		return "0"
	case w.keep, s.name == "startindex", s.name == "count", s.name == "failonerrors":
		return text
	}
	masked := w.number(text)
	if masked != text && w.values != nil {
		w.values[text] = masked
	}
	return masked
}

func (w *maskWriter) array(s shape, depth int) error {
	return w.list('[', ']', func() error { return w.value(s.element(), depth+1) })
}

func (w *maskWriter) object(s shape, depth int) error {
	if s.role == anOperation {
		s.place = w.placeOf(depth)
	}
	return w.list('{', '}', func() error {
		w.space()
		if w.at == len(w.src) {
			return w.ended()
		}
		if w.src[w.at] != '"' {
			return errNoJSON
		}
		literal, err := w.literal()
		if err != nil {
			return err
		}
		name := unquoted(literal)
		w.out = w.appendName(w.out, literal, name, s)
		w.space()
		if err := w.one(':'); err != nil {
			return err
		}
		return w.value(s.in(name), depth+1)
	})
}

// list copies what is between two brackets.
func (w *maskWriter) list(open, end byte, item func() error) error {
	if err := w.one(open); err != nil {
		return err
	}
	w.space()
	if w.at < len(w.src) && w.src[w.at] == end {
		return w.one(end)
	}
	for {
		if err := item(); err != nil {
			return err
		}
		w.space()
		if w.at < len(w.src) && w.src[w.at] == end {
			return w.one(end)
		}
		if err := w.one(','); err != nil {
			return err
		}
	}
}

func (w *maskWriter) one(c byte) error {
	switch {
	case w.at == len(w.src):
		return w.ended()
	case w.src[w.at] != c:
		return errNoJSON
	}
	w.at++
	w.out = append(w.out, c)
	return nil
}

// placeOf looks ahead for the path of the operation that begins here, which may come
// behind its value. Where the text ends before it, it may be a password's.
func (w *maskWriter) placeOf(depth int) place {
	const deep = 8 // a PATCH in a bulk request is at 5
	if depth > deep {
		return place{secret: true}
	}
	end := w.skipped(w.at)
	if end < 0 {
		end = len(w.src)
	}
	ahead := &maskWriter{masker: &masker{keep: true}, src: w.src[:end], at: w.at, cut: true}
	found, path := false, ""
	err := ahead.members(func(name, value []byte) {
		if bytes.EqualFold(name, []byte("path")) && value[0] == '"' {
			found, path = true, unquoted(value)
		}
	})
	if err != nil && !found {
		return place{secret: true}
	}
	if strings.HasPrefix(path, "/") { // of a resource
		return place{}
	}
	return place{}.at(path)
}

// members calls a function with the members of the object that begins here, whose
// values are not looked into.
func (w *maskWriter) members(each func(name, value []byte)) error {
	return w.list('{', '}', func() error {
		w.space()
		literal, err := w.literal()
		if err != nil {
			return err
		}
		w.space()
		if err := w.one(':'); err != nil {
			return err
		}
		w.space()
		start := w.at
		switch w.at = w.skipped(start); {
		case w.at < 0:
			return errCutHere
		case w.at == start:
			return errNoJSON
		}
		name := literal[1 : len(literal)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unquoted(literal))
		}
		each(name, w.src[start:w.at])
		return nil
	})
}

// skipped returns the place after the value at a place, or -1 if the text ends
// before.
func (w *maskWriter) skipped(at int) int {
	depth := 0
	for i := at; i < len(w.src); i++ {
		switch c := w.src[i]; c {
		case '"':
			for i++; i < len(w.src) && w.src[i] != '"'; i++ {
				if w.src[i] == '\\' {
					i++
				}
			}
			if i >= len(w.src) {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// appendName appends the name of a member. It may be a path (Entra's dialect
// aadOptscim062020), with a value in a filter; and what has not the form of a name
// may be anything.
func (w *maskWriter) appendName(dst, literal []byte, name string, s shape) []byte {
	masked := name
	switch {
	case w.keep:
		masked = w.scrub(name)
	case isName(name):
		w.named(name)
	default:
		masked = w.attributePath(name)
	}
	if masked == name {
		return append(dst, literal...)
	}
	return appendQuoted(dst, masked)
}

// appendString masks a string.
func (w *maskWriter) appendString(dst, literal []byte, s shape) []byte {
	value := unquoted(literal)
	masked := value
	switch {
	case s.role == schemas && isName(value), s.role == aWordOfProtocol && isName(value):
		masked = w.named(value)
	case s.role == aPath && strings.HasPrefix(value, "/") && !w.keep:
		path, query, _ := strings.Cut(value[1:], "?")
		masked = "/" + w.path(path, query)
	case s.role == aPath:
		masked = w.attributePath(value)
	case s.role == aSearch:
		masked = w.search(s.name, value)
	default:
		masked = w.text(value, s.place)
	}
	if w.keep {
		masked = w.scrub(masked)
	}
	if masked == value {
		return append(dst, literal...)
	}
	dst = appendQuoted(dst, masked)
	return append(append(dst[:len(dst)-1], faults(literal, value)...), '"')
}

// faults returns what makes a string invalid, for its mask to be so too.
func faults(literal []byte, value string) string {
	switch {
	case !utf8.Valid(literal):
		return "\xff"
	case strings.Contains(value, "\uFFFD") && !strings.Contains(string(literal), "\uFFFD"):
		return `\ud800` // a surrogate without the other
	}
	return ""
}

// unquoted returns the value of a literal that is valid JSON.
func unquoted(literal []byte) (s string) {
	if inner := literal[1 : len(literal)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	if json.Unmarshal(literal, &s) != nil {
		return string(literal)
	}
	return s
}

func appendQuoted(dst []byte, s string) []byte {
	return jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
}
