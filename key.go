package scim

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/usherkit/scim/internal/jsontext"
)

// comparisonKey prepares a string for comparison: two strings are equal
// exactly if their keys are, and are ordered as their keys are. That is
// canonical equivalence, and unless exact, canonical caseless matching
// (Unicode D145): "É", "é" and "e" with a combining accent have one key.
func comparisonKey(s string, exact bool) string {
	ascii, upper := letters(s)
	switch {
	case ascii && (exact || !upper):
		return s
	case ascii:
		return strings.ToLower(s)
	case exact:
		return norm.NFC.String(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}

// letters reports whether s is ASCII, and if so whether a letter of it is
// upper case.
func letters(s string) (ascii, upper bool) {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= utf8.RuneSelf:
			return false, false
		case 'A' <= b && b <= 'Z':
			upper = true
		}
	}
	return true, upper
}

// keys returns the keys of a document, in the order of t.indexed, those of one
// attribute in their own order and without duplicates. An empty string counts
// as no value.
func (t *ResourceType) keys(d Document) []Key {
	if len(t.indexed) == 0 {
		return nil
	}
	keys := make([]Key, 0, len(t.indexed)+2) // room for two addresses more
	for _, n := range t.indexed {
		from := len(keys)
		for raw := range d.values(n) {
			if filled(raw) {
				keys = append(keys, Key{Path: n.path, Value: keyOf(n, raw), Unique: n.unique})
			}
		}
		if len(keys) > from+1 {
			own := keys[from:]
			slices.SortFunc(own, func(a, b Key) int { return strings.Compare(a.Value, b.Value) })
			keys = keys[:from+len(slices.Compact(own))]
		}
	}
	return keys
}

// keyOf returns the comparison key of a simple value in canonical JSON. Only
// strings have more than one spelling there.
func keyOf(n *node, raw string) string {
	if raw[0] != '"' {
		return raw
	}
	text := jsontext.UnquoteString(raw)
	if n.kind != kindString && n.kind != kindReference {
		return text
	}
	return comparisonKey(text, n.exact)
}

// values yields the JSON of each value that n has in the document, n being an
// attribute or a sub-attribute.
func (d Document) values(n *node) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if n.parent.kind != kindComplex {
			raw, _ := d.at(n)
			elements(raw)(yield)
			return
		}
		outer, _ := d.at(n.parent)
		for element := range elements(outer) {
			raw, _ := memberOf(element, n.name)
			for v := range elements(raw) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// filled reports whether canonical JSON is a value that counts: a strict
// client may have stored "" (RFC 7643 §2.5 knows only null and [] as none).
func filled(raw string) bool {
	if raw == "" || raw == `""` {
		return false
	}
	if raw[0] != '{' {
		return true
	}
	for at := 1; at < len(raw) && raw[at] == '"'; {
		colon := endOfValue(raw, at)
		end := endOfValue(raw, colon+1)
		if colon < 0 || end < 0 {
			break
		}
		if filled(raw[colon+1 : end]) {
			return true
		}
		at = end + 1
	}
	return false
}
