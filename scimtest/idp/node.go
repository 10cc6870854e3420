package idp

import (
	"encoding/json"
	"strings"
)

// A node is the JSON text of one value that was received, without space
// around it; the empty node is none. It is decoded only as far as somebody
// asks: a cycle reads thousands of resources and needs a few values of each.
type node string

// A nodeMember is a member of an object.
type nodeMember struct {
	name  string
	value node
}

type nodeObject []nodeMember

// object returns the members of an object.
func (n node) object() (members nodeObject, ok bool) {
	if n == "" || n[0] != '{' {
		return nil, false
	}
	members = make(nodeObject, 0, 16)
	end := skipContainer(string(n), 0, 0, &members)
	return members, end == len(n)
}

// parseObject checks that the text is one JSON object, and returns its
// members.
func parseObject(src string) (members nodeObject, ok bool) {
	start := space(src, 0)
	end := len(src)
	for end > start && (src[end-1] == ' ' || src[end-1] == '\n' || src[end-1] == '\r' || src[end-1] == '\t') {
		end--
	}
	return node(src[start:end]).object()
}

// get returns a member; names have no case (RFC 7643 §2.1). Null is none.
func (o nodeObject) get(name string) node {
	found := node("")
	for i := range o {
		if o[i].name == name {
			found = o[i].value
			break
		}
		if found == "" && len(o[i].name) == len(name) && strings.EqualFold(o[i].name, name) {
			found = o[i].value
		}
	}
	if found == "null" {
		return ""
	}
	return found
}

// array returns the elements of an array.
func (n node) array() (elements []node, ok bool) {
	if n == "" || n[0] != '[' {
		return nil, false
	}
	s := string(n)
	for i := space(s, 1); s[i] != ']'; {
		end := skip(s, i, 0)
		elements = append(elements, node(s[i:end]))
		if i = space(s, end); s[i] == ',' {
			i = space(s, i+1)
		}
	}
	return elements, true
}

// text returns a string's value.
func (n node) text() (s string, ok bool) {
	if n == "" || n[0] != '"' {
		return "", false
	}
	if strings.IndexByte(string(n), '\\') < 0 {
		return string(n[1 : len(n)-1]), true
	}
	return s, json.Unmarshal([]byte(n), &s) == nil
}

// scalar returns the value of a string, a boolean or a number, as a string, a
// bool or a json.Number.
func (n node) scalar() (v any, ok bool) {
	switch {
	case n == "":
		return nil, false
	case n[0] == '"':
		return n.text()
	case n == "true":
		return true, true
	case n == "false":
		return false, true
	case n[0] == '-' || n[0] >= '0' && n[0] <= '9':
		return json.Number(n), true
	}
	return nil, false
}

// show is the text, shortened.
func (n node) show() string {
	if n == "" {
		return "absent"
	}
	return clip(string(n), 120)
}

func space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// maxDepth bounds nesting; no resource is half as deep.
const maxDepth = 100

// skip returns the end of the value that starts at i, or -1 if there is none.
func skip(s string, i, depth int) int {
	if i >= len(s) || depth > maxDepth {
		return -1
	}
	switch c := s[i]; c {
	case '"':
		return skipString(s, i)
	case '{', '[':
		return skipContainer(s, i, depth, nil)
	case 't':
		return skipWord(s, i, "true")
	case 'f':
		return skipWord(s, i, "false")
	case 'n':
		return skipWord(s, i, "null")
	default:
		return skipNumber(s, i)
	}
}

// skipContainer skips an array or an object, and collects the members of the
// latter if somebody wants them.
func skipContainer(s string, i, depth int, members *nodeObject) int {
	object := s[i] == '{'
	closing := s[i] + 2 // in ASCII, '}' follows '{' and ']' follows '[' at this distance
	i = space(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1
	}
	for {
		name := i
		nameEnd := i
		if object {
			if i >= len(s) || s[i] != '"' {
				return -1
			}
			if i = skipString(s, i); i < 0 {
				return -1
			}
			nameEnd = i
			if i = space(s, i); i >= len(s) || s[i] != ':' {
				return -1
			}
			i = space(s, i+1)
		}
		value := i
		if i = skip(s, i, depth+1); i < 0 {
			return -1
		}
		if members != nil {
			text, _ := node(s[name:nameEnd]).text()
			*members = append(*members, nodeMember{text, node(s[value:i])})
		}
		if i = space(s, i); i >= len(s) {
			return -1
		}
		switch s[i] {
		case closing:
			return i + 1
		case ',':
			i = space(s, i+1)
		default:
			return -1
		}
	}
}

func skipString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			if i >= len(s) {
				return -1
			}
			switch s[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(s) || !isHex(s[i]) {
						return -1
					}
				}
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func skipWord(s string, i int, word string) int {
	if strings.HasPrefix(s[i:], word) {
		return i + len(word)
	}
	return -1
}

func skipNumber(s string, i int) int {
	digits := func() bool {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > start
	}
	if s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}
