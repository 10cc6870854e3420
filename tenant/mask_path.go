package tenant

import (
	"encoding/json"
	"net/url"
	"strings"
)

// path masks the path of a request and its query. Ids and names stay, and the form
// of filters. The query is written so that people can read it: what has a meaning
// in it is escaped, and nothing else.
func (m *masker) path(path, query string) string {
	segments := strings.Split(path, "/")
	discovery := strings.EqualFold(segments[0], "Schemas") || strings.EqualFold(segments[0], "ResourceTypes")
	for i, s := range segments {
		isSearch := strings.HasPrefix(s, ".")
		switch {
		case i == 1 && (isID(s) || isUUID(s)), isName(strings.TrimPrefix(s, ".")) && (i != 1 || isSearch || discovery):
			segments[i] = m.named(s)
		case m.keep:
			segments[i] = unreadable.Replace(m.scrub(s))
		default:
			segments[i] = unreadable.Replace(m.text(s, place{}))
		}
	}
	path = strings.Join(segments, "/")
	if query == "" {
		return path
	}
	var out strings.Builder
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, has := strings.Cut(parameter, "=")
		if isTokenParameter(name) {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(unreadable.Replace(m.parameterName(name)))
		if has {
			out.WriteByte('=')
			out.WriteString(unreadable.Replace(m.parameter(name, value)))
		}
	}
	if out.Len() == 0 {
		return path
	}
	return path + "?" + out.String()
}

// unreadable escapes what has a meaning in a query, and what does not belong into
// one line. readTarget reads it.
var unreadable = func() *strings.Replacer {
	escapes := []string{"%", "%25", "&", "%26", "+", "%2B", "#", "%23", "?", "%3F", "\x7f", "%7F"}
	for c := range byte(' ') {
		escapes = append(escapes, string(c), "%"+strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
	}
	return strings.NewReplacer(escapes...)
}()

// readTarget returns the path of a Record as a URL has it.
func readTarget(target string) string {
	path, query, has := strings.Cut(target, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(unescaped(s))
	}
	path = strings.Join(segments, "/")
	if !has {
		return path
	}
	parameters := strings.Split(query, "&")
	for i, p := range parameters {
		name, value, has := strings.Cut(p, "=")
		parameters[i] = url.QueryEscape(unescaped(name))
		if has {
			parameters[i] += "=" + url.QueryEscape(unescaped(value))
		}
	}
	return path + "?" + strings.Join(parameters, "&")
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func (m *masker) parameterName(name string) string {
	if plain, err := url.QueryUnescape(name); err == nil && isName(plain) {
		return m.named(plain)
	}
	return m.text(name, place{})
}

// parameter masks the value of a parameter.
func (m *masker) parameter(name, value string) string {
	plain, err := url.QueryUnescape(value)
	if err != nil { // which is why it is refused, perhaps
		return m.text(value, place{}.in(name)) + "%"
	}
	return m.search(strings.ToLower(name), plain)
}

// search masks the value of a parameter of a search, in a query or a body; lower is
// its name.
func (m *masker) search(lower, value string) string {
	switch lower {
	case "filter":
		return m.filter(value)
	case "attributes", "excludedattributes":
		names := strings.Split(value, ",")
		for i, n := range names {
			names[i] = m.attributePath(n)
		}
		return strings.Join(names, ",")
	case "sortby":
		return m.attributePath(value)
	case "startindex", "count":
		if len(value) <= 10 && strings.Trim(value, "-0123456789") == "" {
			return value
		}
	}
	return m.text(value, place{}.in(lower))
}

// named notes a name, and those that it is made of.
func (m *masker) named(s string) string {
	if m.names == nil || m.names[s] {
		return s
	}
	m.names[s] = true
	for _, word := range pathWord.FindAllString(s, -1) {
		m.names[word] = true
	}
	return s
}

// attributePath masks the literals of a path such as emails[type eq "work"].value,
// and what is no path as a whole.
func (m *masker) attributePath(path string) string {
	head, _, _ := strings.Cut(strings.TrimSpace(path), "[")
	if !isPath(head) {
		return m.text(path, place{})
	}
	return m.filter(path)
}

// isPath reports whether a text is a name, or names with dots between.
func isPath(s string) bool {
	if strings.HasPrefix(strings.ToLower(s), "urn:") {
		return isName(s)
	}
	for part := range strings.SplitSeq(s, ".") {
		if !isName(part) {
			return false
		}
	}
	return true
}

// What a filter may go on with.
type expecting int

const (
	aName expecting = iota
	anOperator
	aLiteral
	aLogic // and, or, or the end
)

// filter masks the literals of a filter or a path (RFC 7644 §3.4.2.2, §3.5.2).
// What stands where it means nothing is masked too: it may be part of a literal
// without quotes.
func (m *masker) filter(src string) string {
	var out strings.Builder
	var at, outer place
	next := aName
	for i := 0; i < len(src); {
		n, kind := nextToken(src[i:])
		text := src[i : i+n]
		i += n
		switch kind {
		case isSpace:
			out.WriteString(text)
		case isBracket:
			out.WriteString(text)
			switch text {
			case "(":
				next = aName
			case "[":
				outer, next = at, aName
			case "]":
				at, outer, next = outer, place{}, aLogic
			case ")":
				next = aLogic
			}
		case isQuoted:
			out.WriteString(m.quoted(text, at))
			next = aLogic
		case isWord:
			lower := strings.ToLower(text)
			switch {
			case next == aName && lower == "not", next == anOperator && operators[lower]:
				out.WriteString(text)
				if next == anOperator {
					next = aLiteral
				}
				if lower == "pr" {
					next = aLogic
				}
			case next == aLogic && (lower == "and" || lower == "or"):
				out.WriteString(text)
				next = aName
			case next == aName && isPath(text):
				out.WriteString(m.named(text))
				at, next = outer.at(text), anOperator
			case next == aLogic && text[0] == '.' && isPath(text[1:]): // after a bracket
				out.WriteString(m.named(text))
				at, next = at.at(text), anOperator
			default:
				out.WriteString(m.text(text, at))
				if next == aLiteral {
					next = aLogic
				}
			}
		}
	}
	return out.String()
}

var operators = map[string]bool{"eq": true, "ne": true, "co": true, "sw": true, "ew": true, "gt": true, "ge": true, "lt": true, "le": true, "pr": true}

// quoted masks a literal in quotes, the last of which may be missing.
func (m *masker) quoted(text string, at place) string {
	var value string
	if json.Unmarshal([]byte(text), &value) == nil {
		return string(appendQuoted(nil, m.text(value, at)))
	}
	for word := range strings.FieldsFuncSeq(text, isFilterMark) { // a parser tells of the first one, for this is no literal
		if !logic[word] {
			m.note(word)
		}
	}
	inner := strings.TrimPrefix(text, text[:1])
	if len(inner) == 0 || inner[len(inner)-1] != text[0] {
		return text[:1] + m.text(inner, at)
	}
	return text[:1] + m.text(inner[:len(inner)-1], at) + text[:1]
}

func isFilterMark(r rune) bool { return strings.ContainsRune(" \t\n\r()[]\"'", r) }

type tokenKind int

const (
	isSpace tokenKind = iota
	isBracket
	isQuoted
	isWord
)

// nextToken returns the length of the first token of a filter.
func nextToken(src string) (int, tokenKind) {
	switch c := src[0]; c {
	case ' ', '\t', '\n', '\r':
		return 1, isSpace
	case '(', ')', '[', ']':
		return 1, isBracket
	case '"', '\'':
		for i := 1; i < len(src); i++ {
			switch src[i] {
			case '\\':
				i++
			case c:
				return i + 1, isQuoted
			}
		}
		return len(src), isQuoted
	}
	for i := range len(src) {
		if strings.IndexByte(" \t\n\r()[]\"", src[i]) >= 0 {
			return i, isWord
		}
	}
	return len(src), isWord
}
