// Package jsontext scans JSON (RFC 8259) in place. It refuses what the JSON of
// SCIM must not hold: invalid UTF-8, lone surrogates, NUL, two members of an
// object whose names differ at most in case, and nesting beyond a limit.
package jsontext

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An Error is a fault in a text, with its place.
type Error struct {
	Offset int // in bytes
	What   string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.What, e.Offset) }

func fault(at int, format string, args ...any) error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// Space returns the place of the first byte at or after at that is no space.
func Space(src []byte, at int) int {
	for at < len(src) && (src[at] == ' ' || src[at] == '\n' || src[at] == '\t' || src[at] == '\r') {
		at++
	}
	return at
}

// String checks the string literal at the place given and returns the place
// after it. Plain says that the literal holds no escape.
func String(src []byte, at int) (end int, plain bool, err error) {
	if at >= len(src) || src[at] != '"' {
		return at, false, expected(src, at, "a string")
	}
	start, wide := at, false
	plain = true
	for at++; at < len(src); at++ {
		switch b := src[at]; {
		case b == '"':
			if wide && !utf8.Valid(src[start:at]) {
				return at, false, fault(start, "string with invalid UTF-8")
			}
			return at + 1, plain, nil
		case b == '\\':
			plain = false
			n, err := escape(src, at)
			if err != nil {
				return at, false, err
			}
			at += n - 1
		case b < ' ':
			return at, false, fault(at, "control character in a string")
		case b >= utf8.RuneSelf:
			wide = true
		}
	}
	return at, false, fault(start, "string without an end")
}

// escape checks the escape at the place given and returns its length.
func escape(src []byte, at int) (int, error) {
	if at+1 >= len(src) {
		return 0, fault(at, "string without an end")
	}
	switch src[at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
		switch r := hex4(src, at); {
		case r < 0:
			return 0, fault(at, "invalid escape")
		case r == 0:
			return 0, fault(at, "NUL in a string")
		case !utf16.IsSurrogate(r):
			return 6, nil
		default:
			if utf16.DecodeRune(r, hex4(src, at+6)) == utf8.RuneError {
				return 0, fault(at, "lone surrogate in a string")
			}
			return 12, nil
		}
	}
	return 0, fault(at, "invalid escape")
}

// hex4 reads \uXXXX; -1 if it is not there.
func hex4(src []byte, at int) (r rune) {
	if at+6 > len(src) || src[at] != '\\' || src[at+1] != 'u' {
		return -1
	}
	for _, b := range src[at+2 : at+6] {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(b)
	}
	return r
}

// AppendUnquoted appends the text of a checked string literal.
func AppendUnquoted(dst, literal []byte) []byte {
	src := literal[1 : len(literal)-1]
	for {
		i := bytes.IndexByte(src, '\\')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		n := 2
		switch b := src[i+1]; b {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(src, i)
			n = 6
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(src, i+6))
				n = 12
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, b)
		}
		src = src[i+n:]
	}
}

// Unquote returns the text of a checked string literal.
func Unquote(literal []byte) string {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1 : len(literal)-1])
	}
	return string(AppendUnquoted(make([]byte, 0, len(literal)), literal))
}

// UnquoteString is Unquote for a literal in a string; it copies only if the
// literal holds an escape.
func UnquoteString(literal string) string {
	if strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	return string(AppendUnquoted(make([]byte, 0, len(literal)), []byte(literal)))
}

// AppendCanonical appends a checked string literal in the one spelling that
// AppendQuote would give its text.
func AppendCanonical(dst, literal []byte, plain bool) []byte {
	if plain {
		return append(dst, literal...)
	}
	return AppendQuote(dst, Unquote(literal))
}

// AppendQuote appends a string literal: only what must be escaped is.
func AppendQuote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// Number checks the number at the place given and returns the place after it.
// Whole says that it has neither fraction nor exponent.
func Number(src []byte, at int) (end int, whole bool, err error) {
	start, whole := at, true
	if at < len(src) && src[at] == '-' {
		at++
	}
	digits := func() bool {
		from := at
		for at < len(src) && '0' <= src[at] && src[at] <= '9' {
			at++
		}
		return at > from
	}
	if at < len(src) && src[at] == '0' {
		at++
	} else if !digits() {
		return at, false, fault(start, "invalid number")
	}
	if at < len(src) && src[at] == '.' {
		at++
		if whole = false; !digits() {
			return at, false, fault(start, "invalid number")
		}
	}
	if at < len(src) && src[at]|0x20 == 'e' {
		at++
		if at < len(src) && (src[at] == '+' || src[at] == '-') {
			at++
		}
		if whole = false; !digits() {
			return at, false, fault(start, "invalid number")
		}
	}
	return at, whole, nil
}

// Word checks one of the words true, false and null at the place given and
// returns the place after it.
func Word(src []byte, at int, word string) (end int, err error) {
	if len(src)-at < len(word) || string(src[at:at+len(word)]) != word {
		return at, expected(src, at, "a value")
	}
	return at + len(word), nil
}

func expected(src []byte, at int, what string) error {
	if at >= len(src) {
		return fault(at, "unexpected end, expected %s", what)
	}
	r, _ := utf8.DecodeRune(src[at:])
	return fault(at, "unexpected %q, expected %s", r, what)
}

// Expect returns the place after byte b, which may have space before it.
func Expect(src []byte, at int, b byte, what string) (end int, err error) {
	if at = Space(src, at); at >= len(src) || src[at] != b {
		return at, expected(src, at, what)
	}
	return at + 1, nil
}

// Value checks the value at the place given, which may have space before it,
// and returns the place after it. Depth is how much deeper it may nest.
func Value(src []byte, at, depth int) (end int, err error) {
	if at = Space(src, at); at >= len(src) {
		return at, expected(src, at, "a value")
	}
	switch b := src[at]; b {
	case '"':
		at, _, err = String(src, at)
		return at, err
	case 't':
		return Word(src, at, "true")
	case 'f':
		return Word(src, at, "false")
	case 'n':
		return Word(src, at, "null")
	case '[':
		return array(src, at, depth-1)
	case '{':
		return object(src, at, depth-1)
	default:
		if b != '-' && (b < '0' || b > '9') {
			return at, expected(src, at, "a value")
		}
		at, _, err = Number(src, at)
		return at, err
	}
}

func array(src []byte, at, depth int) (int, error) {
	if depth < 0 {
		return at, fault(at, "nested too deep")
	}
	at = Space(src, at+1)
	if at < len(src) && src[at] == ']' {
		return at + 1, nil
	}
	for {
		var err error
		if at, err = Value(src, at, depth); err != nil {
			return at, err
		}
		if at = Space(src, at); at < len(src) && src[at] == ',' {
			at++
			continue
		}
		return Expect(src, at, ']', "a comma or ]")
	}
}

func object(src []byte, at, depth int) (int, error) {
	if depth < 0 {
		return at, fault(at, "nested too deep")
	}
	at = Space(src, at+1)
	if at < len(src) && src[at] == '}' {
		return at + 1, nil
	}
	var names Names
	for {
		at = Space(src, at)
		end, _, err := String(src, at)
		if err != nil {
			return at, err
		}
		if !names.Add(src[at:end]) {
			return at, Duplicate(src, at, end)
		}
		if at, err = Expect(src, end, ':', "a colon"); err != nil {
			return at, err
		}
		if at, err = Value(src, at, depth); err != nil {
			return at, err
		}
		if at = Space(src, at); at < len(src) && src[at] == ',' {
			at++
			continue
		}
		return Expect(src, at, '}', "a comma or }")
	}
}

// Duplicate returns the error for a name, src[at:end], that stood in its
// object before.
func Duplicate(src []byte, at, end int) error {
	name := Unquote(src[at:end])
	if len(name) > 100 {
		name = strings.ToValidUTF8(name[:100], "") + "…"
	}
	return fault(at, "name %q given twice", name)
}

// Names is a set of the names of an object's members, equal in any case.
type Names struct {
	few  [8][]byte
	n    int
	many map[string]struct{}
}

// Add adds a checked string literal and reports whether its text is new.
func (s *Names) Add(literal []byte) bool {
	name := literal[1 : len(literal)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = AppendUnquoted(nil, literal)
	}
	if s.many == nil && s.n < len(s.few) {
		for _, known := range s.few[:s.n] {
			if equalFold(known, name) {
				return false
			}
		}
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]struct{}, 4*len(s.few))
		for _, known := range s.few {
			s.many[fold(known)] = struct{}{}
		}
	}
	key := fold(name)
	if _, ok := s.many[key]; ok {
		return false
	}
	s.many[key] = struct{}{}
	return true
}

func fold(name []byte) string {
	low := make([]byte, len(name))
	for i, b := range name {
		low[i] = lower(b)
	}
	return string(low)
}

// Case is a matter of ASCII here: no attribute's name has other letters
// (RFC 7643 §2.1).
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// Object walks the members of a checked object.
type Object struct {
	src []byte
	at  int
}

// NewObject returns a walk over the object in src, which Value has checked.
func NewObject(src []byte) Object { return Object{src, Space(src, 0) + 1} }

// Next returns the next member: its name as a literal, and its value.
func (o *Object) Next() (name, value []byte, ok bool) {
	at := Space(o.src, o.at)
	if at >= len(o.src) || o.src[at] == '}' {
		return nil, nil, false
	}
	end := End(o.src, at)
	name = o.src[at:end]
	at = Space(o.src, Space(o.src, end)+1)
	end = End(o.src, at)
	value = o.src[at:end]
	if o.at = Space(o.src, end); o.at < len(o.src) && o.src[o.at] == ',' {
		o.at++
	}
	return name, value, true
}

// Array walks the elements of a checked array.
type Array struct {
	src []byte
	at  int
}

// NewArray returns a walk over the array in src, which Value has checked.
func NewArray(src []byte) Array { return Array{src, Space(src, 0) + 1} }

// Next returns the next element.
func (a *Array) Next() (value []byte, ok bool) {
	at := Space(a.src, a.at)
	if at >= len(a.src) || a.src[at] == ']' {
		return nil, false
	}
	end := End(a.src, at)
	if a.at = Space(a.src, end); a.at < len(a.src) && a.src[a.at] == ',' {
		a.at++
	}
	return a.src[at:end], true
}

// End returns the place after a checked value.
func End(src []byte, at int) int {
	depth := 0
	for ; at < len(src); at++ {
		switch src[at] {
		case '"':
			for at++; src[at] != '"'; at++ {
				if src[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			} else if depth < 0 {
				return at
			}
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return at
			}
		}
	}
	return at
}
