package scim

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/usherkit/scim/internal/jsontext"
)

// literal reads a string in quotes or the word up to the next space or closing
// bracket.
func (p *filterParser) literal() (text string, quoted bool, err error) {
	start := p.at
	if p.take('"') {
		for ; p.at < len(p.src); p.at++ {
			switch p.src[p.at] {
			case '\\':
				p.at++ // so the next byte ends nothing; jsontext looks at it
			case '"':
				p.at++
				return p.unquote(start)
			}
		}
		return "", true, p.fail(start, "string without an end")
	}
	for p.at < len(p.src) && !endsWord(p.src[p.at]) {
		if b := p.src[p.at]; b < ' ' || b == '"' || b == '(' || b == '[' {
			return "", false, p.fail(p.at, "unexpected %q in a value without quotes", b)
		}
		p.at++
	}
	if p.at == start {
		return "", false, p.fail(start, "expected a value, found %s", p.found())
	}
	return p.src[start:p.at], false, nil
}

func endsWord(b byte) bool { return b == ' ' || b == ')' || b == ']' }

// unquote returns the text of the string literal from start to here.
func (p *filterParser) unquote(start int) (text string, quoted bool, err error) {
	literal := p.src[start:p.at]
	if plain(literal[1 : len(literal)-1]) {
		return literal[1 : len(literal)-1], true, nil
	}
	src := []byte(literal)
	if _, _, err := jsontext.String(src, 0); err != nil {
		return "", true, p.fail(start, "no JSON string: %s", clip(literal))
	}
	return jsontext.Unquote(src), true, nil
}

// plain reports whether nothing in a string is or needs an escape.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// operator recognises an operator in any case; pr has no operand.
func operator(word string) (op Operator, pr bool) {
	if len(word) != 2 {
		return "", false
	}
	switch [2]byte{word[0] | 0x20, word[1] | 0x20} {
	case [2]byte{'p', 'r'}:
		return "", true
	case [2]byte{'e', 'q'}:
		return Eq, false
	case [2]byte{'n', 'e'}:
		return Ne, false
	case [2]byte{'c', 'o'}:
		return Co, false
	case [2]byte{'s', 'w'}:
		return Sw, false
	case [2]byte{'e', 'w'}:
		return Ew, false
	case [2]byte{'g', 't'}:
		return Gt, false
	case [2]byte{'g', 'e'}:
		return Ge, false
	case [2]byte{'l', 't'}:
		return Lt, false
	case [2]byte{'l', 'e'}:
		return Le, false
	}
	return "", false
}

func (p *filterParser) space() {
	for p.at < len(p.src) && p.src[p.at] == ' ' {
		p.at++
	}
}

// take consumes b, if it comes next.
func (p *filterParser) take(b byte) bool {
	if p.at < len(p.src) && p.src[p.at] == b {
		p.at++
		return true
	}
	return false
}

// name consumes what may be a name, up to a space or a bracket.
func (p *filterParser) name() string {
	start := p.at
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '(', ')', '[', ']', '"':
			return p.src[start:p.at]
		}
		p.at++
	}
	return p.src[start:]
}

// peek skips space and returns the letters that follow.
func (p *filterParser) peek() string {
	p.space()
	end := p.at
	for end < len(p.src) && 'a' <= p.src[end]|0x20 && p.src[end]|0x20 <= 'z' {
		end++
	}
	return p.src[p.at:end]
}

// keyword consumes the word, if it comes next with space around it.
func (p *filterParser) keyword(word string) bool {
	if !strings.EqualFold(p.peek(), word) || p.src[p.at-1] != ' ' {
		return false
	}
	end := p.at + len(word)
	if end < len(p.src) && p.src[end] != ' ' {
		return false
	}
	p.at = end
	return true
}

// found shows what comes next, for an error.
func (p *filterParser) found() string {
	if p.at >= len(p.src) {
		return "the end"
	}
	word, _, _ := strings.Cut(p.src[p.at:], " ")
	return fmt.Sprintf("%q", clip(word))
}

func (p *filterParser) fail(at int, format string, args ...any) error {
	return Errorf(ErrInvalidFilter, "filter, character %d: %s", utf8.RuneCountInString(p.src[:at])+1, fmt.Sprintf(format, args...))
}
