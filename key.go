package scim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
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
	return norm.NFC.String(cases.Fold().String(strings.Map(capitalCherokee, norm.NFD.String(s))))
}

// capitalCherokee makes up for cases.Fold, which swaps the cases of Cherokee
// letters where it should make them one.
func capitalCherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 8
	}
	return r
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

// Keys returns the Keys of a document of the type, in the order of
// TypeDefinition.Indexed after the unique attributes, those of one attribute
// without duplicates. An empty string counts as no value. The Handler hands
// them to the Store with each document; a Store needs them only to write the
// Keys of stored documents anew.
func (t *ResourceType) Keys(d Document) []Key {
	keys := make([]Key, 0, len(t.indexed)+2) // room for two addresses more
	for _, n := range t.indexed {
		from := len(keys)
		values := d.values(n)
		for raw, ok := values.next(); ok; raw, ok = values.next() {
			if !filled(raw) {
				continue
			}
			if value := n.keyOf(raw); value != "" {
				keys = append(keys, Key{Path: n.path, Value: value, Unique: n.unique, Multi: n.several})
			}
		}
		if len(keys) > from+1 {
			own := keys[from:]
			slices.SortFunc(own, func(a, b Key) int { return strings.Compare(a.Value, b.Value) })
			keys = keys[:from+len(slices.Compact(own))]
		}
	}
	return detached(keys)
}

// detached gives the values of keys one string of their own: parts of the
// document would keep it in memory when another has taken its place.
func detached(keys []Key) []Key {
	size := 0
	for _, k := range keys {
		size += len(k.Value)
	}
	var all strings.Builder
	all.Grow(size)
	for _, k := range keys {
		all.WriteString(k.Value)
	}
	text := all.String()
	for i := range keys {
		n := len(keys[i].Value)
		keys[i].Value, text = text[:n], text[n:]
	}
	return keys
}

// changedKeys returns the keys of a document that takes the place of another;
// nil if no indexed attribute has changed.
func (t *ResourceType) changedKeys(old, d Document) []Key {
	for _, n := range t.indexed {
		top := n.below(t.root)
		was, _ := old.Get(top.name)
		if now, _ := d.Get(top.name); now != was {
			return t.Keys(d)
		}
	}
	return nil
}

// keyOf makes the Value of a Key of a simple value in canonical JSON; of none,
// and of one stored when the attribute had another type, the empty one.
func (n *node) keyOf(raw string) string {
	switch {
	case raw == "":
		return ""
	case n.kind == kindBoolean:
		return raw // false comes before true
	case n.kind == kindInteger:
		v, _ := strconv.ParseInt(raw, 10, 64)
		return hexKey(uint64(v) ^ 1<<63)
	case n.kind == kindDecimal:
		v, _ := strconv.ParseFloat(raw, 64)
		bits := math.Float64bits(v)
		if v < 0 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return hexKey(bits)
	case raw[0] != '"':
		return ""
	}
	text := jsontext.UnquoteString(raw)
	if n.kind != kindDateTime {
		return bounded(comparisonKey(text, n.exact))
	}
	v, ok := parseDateTime(text)
	if !ok {
		return ""
	}
	return v.UTC().Format(timeKeyLayout)
}

// hexKey writes v in 16 digits.
func hexKey(v uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	return hex.EncodeToString(b[:])
}

// timeKeyLayout has one width for all times in UTC.
const timeKeyLayout = "2006-01-02T15:04:05.000000000"

func timeKey(v time.Time) string {
	if v.IsZero() {
		return ""
	}
	return v.UTC().Format(timeKeyLayout)
}

// mostKey is how many characters of a string a Key has: indexes of databases
// take no more than some kilobytes, and places in an order are sent to clients,
// who send them back in a URL.
const mostKey = 100

// bounded cuts a long comparison key and puts a digest of the whole in the place
// of what it cuts off. What is cut is longer than any that is not, so the two are
// never equal.
func bounded(key string) string {
	if len(key) <= mostKey {
		return key
	}
	n := 0
	for i := range key {
		if n++; n > mostKey {
			sum := sha256.Sum256([]byte(key))
			return key[:i] + hex.EncodeToString(sum[:16])
		}
	}
	return key
}
