package wiretest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Request is a step as it goes over the wire: its target under the base path,
// and the headers that no step has to name.
func (s *Step) Request(tb testing.TB, base string) *http.Request {
	tb.Helper()
	lines := []string{"Host: example.com", "Authorization: Bearer secret"}
	if s.Body != "" {
		lines = append(lines, "Content-Type: application/scim+json; charset=utf-8", fmt.Sprintf("Content-Length: %d", len(s.Body)))
	}
	for _, l := range s.Header {
		name, _, named := strings.Cut(l, ":")
		name = strings.TrimPrefix(name, "-")
		lines = slices.DeleteFunc(lines, func(d string) bool { return strings.HasPrefix(strings.ToLower(d), strings.ToLower(name)+":") })
		if named {
			lines = append(lines, l)
		}
	}
	raw := fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\n%s\r\n\r\n%s", s.Method, base, s.Target, strings.Join(lines, "\r\n"), s.Body)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		tb.Fatalf("%s %s is no HTTP request: %v", s.Method, s.Target, err)
	}
	return r
}

// With returns the step with every text of its request replaced.
func (s *Step) With(replace func(string) string) *Step {
	out := *s
	out.Target, out.Body, out.Header = replace(s.Target), replace(s.Body), slices.Clone(s.Header)
	for i, l := range out.Header {
		out.Header[i] = replace(l)
	}
	return &out
}

// Cursors are those that the steps of a case were answered with.
type Cursors []string

var nextCursor = regexp.MustCompile(`"nextCursor":"([^"]*)"`)

// Remember keeps the cursor of an answer for later steps, "" if it has none.
func (c *Cursors) Remember(body string) {
	cursor := ""
	if found := nextCursor.FindStringSubmatch(body); found != nil {
		cursor = found[1]
	}
	*c = append(*c, cursor)
}

// In puts cursors where a step names them.
func (c Cursors) In(s *Step) *Step {
	return s.With(func(text string) string {
		for i, cursor := range c {
			text = strings.ReplaceAll(text, fmt.Sprintf("${cursor %d}$", i+1), cursor)
		}
		return text
	})
}
