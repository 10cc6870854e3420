// Package plain makes text that somebody else wrote harmless to show.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text shows what a terminal, a browser or a reader could be deceived with:
// control characters, those that change the direction of text, and bytes that
// are no UTF-8. Line ends and tabs stay.
func Text(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if !strings.ContainsFunc(s, deceives) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !deceives(r):
			b.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == utf8.RuneError:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func deceives(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d': // joiners are letters of Persian, and of emoji
		return false
	case utf8.RuneError, '\u2028', '\u2029':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Noncharacter_Code_Point)
}

// Line is Text in one line, with one space wherever there was any.
func Line(s string) string { return strings.Join(strings.Fields(Text(s)), " ") }

// Indented is Text whose lines after the first begin with so many spaces, so
// that none of them can pass for another one of ours.
func Indented(s string, spaces int) string {
	return strings.ReplaceAll(Text(s), "\n", "\n"+strings.Repeat(" ", spaces))
}
