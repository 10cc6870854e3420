package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/plain"
)

// What an endpoint wrote, made harmless and readable.

// secret are headers that no report shows; of odd credentials it tells that
// they were odd.
var secret = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

func withoutSecrets(h http.Header) http.Header {
	public := h.Clone()
	for name, values := range h {
		told := len(values) == 1 && slices.Contains(oddities, values[0])
		if !told && slices.Contains(secret, http.CanonicalHeaderKey(name)) {
			delete(public, name)
		}
	}
	return public
}

// telling are the headers of an answer that a finding may be about.
var telling = []string{"Content-Type", "Content-Location", "ETag", "Location", "Retry-After", "WWW-Authenticate"}

// headers returns lines. Of an answer it returns the telling ones alone.
func headers(h http.Header, only []string) (lines []string) {
	for name, values := range withoutSecrets(h) {
		if only != nil && !slices.ContainsFunc(only, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		for _, v := range values {
			lines = append(lines, plain.Line(name+": "+clip(v, 500)))
		}
	}
	slices.Sort(lines)
	return lines
}

// pretty lays out JSON, and returns what is none as it is, visible. It returns at
// most so many bytes and lines, and says so if that is not all.
func pretty(body string, bytesMost, linesMost int) string {
	var compact bytes.Buffer
	if len(body) <= 64<<10 && depth(body) <= 50 && json.Compact(&compact, []byte(body)) == nil {
		l := layout{in: compact.String()}
		l.value(0)
		body = l.out.String()
	}
	lines := strings.SplitN(strings.Trim(plain.Text(clip(body, bytesMost)), "\n"), "\n", linesMost+1)
	if len(lines) > linesMost || len(body) > bytesMost {
		lines = append(lines[:min(len(lines), linesMost)], "… (shortened)")
	}
	return strings.Join(lines, "\n")
}

// A layout breaks compact JSON into lines where it would be too wide for one:
// a PATCH is then read at a glance. Everything else stays as the endpoint wrote
// it: the order, numbers, escapes.
type layout struct {
	in  string
	at  int
	out strings.Builder
}

func (l *layout) value(indent int) {
	const width = 60
	end := l.end()
	if v := l.in[l.at:end]; v[0] != '{' && v[0] != '[' || indent+len(v) <= width {
		l.copy(end)
		return
	}
	open := l.in[l.at]
	l.copy(l.at + 1)
	for l.in[l.at] != '}' && l.in[l.at] != ']' {
		l.out.WriteString("\n" + strings.Repeat(" ", indent+2))
		if open == '{' {
			l.copy(l.end() + 1) // the name and the colon
		}
		l.value(indent + 2)
		if l.in[l.at] == ',' {
			l.at++
			l.out.WriteByte(',')
		}
	}
	l.out.WriteString("\n" + strings.Repeat(" ", indent))
	l.copy(l.at + 1)
}

// end is where the value that begins here ends.
func (l *layout) end() int {
	d := 0
	for i := l.at; i < len(l.in); i++ {
		switch l.in[i] {
		case '"':
			i = l.quoted(i)
			if d == 0 {
				return i + 1
			}
		case '{', '[':
			d++
		case '}', ']':
			if d == 0 {
				return i
			}
			if d--; d == 0 {
				return i + 1
			}
		case ',':
			if d == 0 {
				return i
			}
		}
	}
	return len(l.in)
}

// quoted is where the string that begins at i has its last quote.
func (l *layout) quoted(i int) int {
	for i++; l.in[i] != '"'; i++ {
		if l.in[i] == '\\' {
			i++
		}
	}
	return i
}

// copy writes up to the end, with a space after colons and commas.
func (l *layout) copy(end int) {
	for l.at < end {
		stop := l.at + 1
		if l.in[l.at] == '"' {
			stop = l.quoted(l.at) + 1
		}
		l.out.WriteString(l.in[l.at:stop])
		if c := l.in[l.at]; c == ':' || c == ',' {
			l.out.WriteByte(' ')
		}
		l.at = stop
	}
}

// depth is how deep JSON is nested: indented, what is deep takes space that
// grows with its square.
func depth(s string) (deepest int) {
	d, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case (c == '{' || c == '[') && !quoted:
			d++
			deepest = max(deepest, d)
		case (c == '}' || c == ']') && !quoted:
			d--
		}
	}
	return deepest
}

// milliseconds rounds to what is worth reading.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// brief is a duration for people.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return "under 1 ms"
	}
}
