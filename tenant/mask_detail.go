package tenant

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// detail masks what the client was told: the values of the request that it quotes,
// by the same pseudonyms, and whatever else is in quotes and no name. The request
// has been masked before.
func (m *masker) detail(s string) string {
	if m.keep {
		return m.scrub(s)
	}
	m.look(s)
	for _, v := range m.quotable {
		if strings.Contains(v, `"`) { // or it would be taken apart
			s = replaceWord(s, v, m.values[v])
		}
	}
	var out strings.Builder
	for s != "" {
		start := strings.IndexByte(s, '"')
		if start < 0 {
			start = len(s)
		}
		out.WriteString(m.inPlain(s[:start]))
		if s = s[start:]; s == "" {
			break
		}
		n := quotedLength(s)
		out.WriteString(m.inQuotes(s[:n], strings.HasSuffix(out.String(), "W/")))
		s = s[n:]
	}
	return m.scrub(out.String())
}

// look finds the values that are in a detail, for all that is done with it: there may
// be thousands.
func (m *masker) look(detail string) {
	m.quotable, m.sorted = nil, nil
	for v := range m.values {
		if len(v) >= 3 && strings.Contains(detail, v) {
			m.quotable = append(m.quotable, v)
		}
	}
	slices.SortFunc(m.quotable, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	if strings.Contains(detail, "…") {
		m.sorted = slices.Sorted(maps.Keys(m.values))
	}
}

// beginning returns the mask of a value that begins so.
func (m *masker) beginning(s string) (masked string, ok bool) {
	i, _ := slices.BinarySearch(m.sorted, s)
	if i == len(m.sorted) || !strings.HasPrefix(m.sorted[i], s) {
		return "", false
	}
	return m.values[m.sorted[i]], true
}

// clippedValues masks the values of which there is the beginning, and an ellipsis,
// outside of quotes too.
func (m *masker) clippedValues(s string) string {
	const (
		few  = 8   // ellipses
		long = 200 // longer than what is clipped is left
		word = 4   // what is shorter says nothing
	)
	parts := strings.SplitN(s, "…", few+1)
	for n, part := range parts[:len(parts)-1] {
		for i := max(0, len(part)-long); i+word <= len(part); i++ {
			if masked, ok := m.beginning(part[i:]); ok && utf8.RuneStart(part[i]) {
				parts[n] = part[:i] + masked
				break
			}
		}
	}
	if len(parts) > few { // nobody means so many
		parts = parts[:few]
	}
	return strings.Join(parts, "…")
}

// quotedLength returns the length of the quotation that a text begins with. One
// that was clipped ends in an ellipsis.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// inQuotes masks a quotation.
func (m *masker) inQuotes(quotation string, isQuotedVersion bool) string {
	inner, err := strconv.Unquote(quotation)
	if err != nil {
		inner = strings.Trim(quotation, `"`)
	}
	whole, clipped := strings.CutSuffix(inner, "…")
	switch masked := m.values[inner]; {
	case masked != "":
		inner = masked
	case isQuotedVersion && isVersion(inner), m.isKnown(inner), m.allKnown(inner):
		return quotation
	case clipped:
		if masked, ok := m.beginning(whole); ok {
			return strconv.Quote(masked)
		}
		inner = m.masked(inner, place{})
	default:
		if masked := m.asPath(inner); m.allKnown(masked) {
			inner = masked
		} else {
			inner = m.masked(inner, place{})
		}
	}
	return strconv.Quote(inner)
}

// asPath masks what may be a path, of an attribute or a resource.
func (m *masker) asPath(s string) string {
	only := *m
	only.names = map[string]bool{} // what is a name in it need not be one in the request
	path, isResource := strings.CutPrefix(s, "/")
	if !isResource {
		return only.attributePath(s)
	}
	path, query, _ := strings.Cut(path, "?")
	return "/" + only.path(path, query)
}

// isKnown reports whether a text is a name that was in the request, or says nothing.
func (m *masker) isKnown(s string) bool {
	return m.names[s] || canonical[strings.ToLower(s)] || isUUID(s) || strings.HasPrefix(s, "urn:ietf:params:scim:") && isName(s) ||
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// allKnown reports whether all words of a text are names that were in the request, or
// masks.
func (m *masker) allKnown(s string) bool {
	s = strings.ReplaceAll(isMask.ReplaceAllString(s, ""), "@masked.invalid", "")
	rest := pathWord.ReplaceAllStringFunc(s, func(word string) string {
		if lower := strings.ToLower(word); m.names[word] || canonical[lower] || operators[lower] || logic[lower] {
			return ""
		}
		return word
	})
	return strings.Trim(rest, ` .:/[]()"\`) == ""
}

var (
	pathWord = regexp.MustCompile(`[A-Za-z0-9$][A-Za-z0-9_$-]*`)
	logic    = map[string]bool{"and": true, "or": true, "not": true}
)

// inPlain masks the values of the request that are in a text as whole words.
func (m *masker) inPlain(s string) string {
	s = m.clippedValues(s)
	for _, v := range m.quotable {
		s = replaceWord(s, v, m.values[v])
	}
	return s
}

// replaceWord replaces a word wherever it does not continue one, or go on in one.
func replaceWord(s, word, by string) string {
	var out strings.Builder
	for at := 0; ; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			out.WriteString(s[at:])
			return out.String()
		}
		i += at
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(word):])
		out.WriteString(s[at:i])
		if inWord(before) || inWord(after) {
			by := s[i : i+len(word)]
			out.WriteString(by)
		} else {
			out.WriteString(by)
		}
		at = i + len(word)
	}
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
