// Package wiretest reads the conversations of testdata/wire, whose format the
// README there explains, and knows the endpoint that each is had with. Who
// replays them judges the answers.
package wiretest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A Case is one file.
type Case struct {
	Path  string
	Head  []string // lines, verbatim
	Steps []*Step
	tail  []string // comments after the last answer
}

// A Step is one request, what must be true of its answer, and the answer that
// was recorded.
type Step struct {
	Line     int // where it begins
	Method   string
	Target   string
	Header   []string // header lines, or "-Name"
	Body     string
	Wants    []Want
	Recorded string   // the lines of the answer
	src      []string // the lines up to the recorded answer, verbatim
}

// A Want is what must be true of an answer, and the line that says so.
type Want struct {
	Line int
	Text string
}

// Files returns the paths of the cases in a directory.
func Files(tb testing.TB, dir string) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no wire cases found in %s: %v", dir, err)
	}
	return paths
}

// Number is the name of the file without its ending.
func (c *Case) Number() string { return strings.TrimSuffix(filepath.Base(c.Path), ".txt") }

// Setting returns the words of head lines such as "options: strict".
func (c *Case) Setting(name string) (words []string) {
	for _, l := range c.Head {
		if rest, ok := strings.CutPrefix(l, name+":"); ok {
			words = append(words, strings.Fields(rest)...)
		}
	}
	return words
}

// Read reads a file.
func Read(tb testing.TB, path string) *Case {
	tb.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Case{Path: path}
	var (
		pending []string // comments and blank lines that belong to what follows
		s       *Step
		in      = "head" // head, request, body, wants, answer
		answer  []string
	)
	endAnswer := func() {
		if s != nil {
			s.Recorded = strings.TrimRight(strings.Join(answer, "\n"), "\n")
		}
		answer = nil
	}
	for i, l := range strings.Split(strings.TrimRight(string(src), "\n"), "\n") {
		first, rest, _ := strings.Cut(l, " ")
		switch {
		case first == ">>>":
			endAnswer()
			method, target, ok := strings.Cut(rest, " ")
			if !ok {
				tb.Fatalf("%s:%d: want >>> METHOD TARGET", path, i+1)
			}
			s = &Step{Line: i + 1, Method: method, Target: Expand(target)}
			c.Steps = append(c.Steps, s)
			if in == "head" {
				c.Head, pending = pending, nil
			}
			s.src, pending = append(pending, l), nil
			in = "request"
		case in == "head":
			pending = append(pending, l)
		case first == "#" || l == "#":
			if in != "answer" {
				s.src = append(s.src, l)
				break
			}
			pending = append(pending, l)
		case first == "<<<":
			in, answer = "answer", append(answer, l)
		case in == "answer" && len(pending) == 0:
			answer = append(answer, l)
		case in == "answer":
			pending = append(pending, l)
		case first == "want":
			s.src = append(s.src, l)
			s.Wants = append(s.Wants, Want{i + 1, Expand(rest)})
			in = "wants"
		default:
			s.src = append(s.src, l)
			switch {
			case in == "request" && l == "":
				in = "body"
			case in == "request":
				s.Header = append(s.Header, Expand(l))
			case in == "body":
				s.Body += Expand(l) + "\n"
			case l != "":
				tb.Fatalf("%s:%d: cannot tell what %q is", path, i+1, l)
			}
		}
	}
	endAnswer()
	c.tail = pending
	for _, s := range c.Steps {
		s.Body = strings.TrimRight(s.Body, "\n")
	}
	if len(c.Steps) == 0 {
		tb.Fatalf("%s: no steps", path)
	}
	return c
}

// Write writes the file anew with the recorded answers that the steps have
// now, and leaves all else as it was read.
func (c *Case) Write(tb testing.TB) {
	tb.Helper()
	var b strings.Builder
	block := func(lines []string) {
		if text := strings.Trim(strings.Join(lines, "\n"), "\n"); text != "" {
			b.WriteString(text + "\n\n")
		}
	}
	block(c.Head)
	for _, s := range c.Steps {
		block(s.src)
		block(strings.Split(s.Recorded, "\n"))
	}
	block(c.tail)
	if err := os.WriteFile(c.Path, []byte(strings.TrimRight(b.String(), "\n")+"\n"), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Prelude returns the requests that make the state a case starts from: the
// steps of the preludes it includes, and as many plain users as it asks for.
// Each must be answered 2xx.
func (c *Case) Prelude(tb testing.TB) (steps []*Step) {
	tb.Helper()
	for _, name := range c.Setting("include") {
		steps = append(steps, Read(tb, filepath.Join(filepath.Dir(c.Path), "prelude", name)).Steps...)
	}
	for _, n := range c.Setting("users") {
		most, err := strconv.Atoi(n)
		if err != nil {
			tb.Fatalf("%s: users: %v", c.Path, err)
		}
		for i := range most {
			steps = append(steps, &Step{Method: "POST", Target: "/Users", Body: fmt.Sprintf(
				`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@contoso.com"}`, i+1)})
		}
	}
	return steps
}

// Answer is the status and the body that were recorded; a body of more than
// 8,000 bytes is its size and digest alone.
func (s *Step) Answer(tb testing.TB) (status int, body string) {
	tb.Helper()
	head, body, _ := strings.Cut(s.Recorded, "\n\n")
	line, _, _ := strings.Cut(head, "\n")
	status, err := strconv.Atoi(strings.TrimPrefix(line, "<<< "))
	if err != nil {
		tb.Fatalf("line %d: %s %s has no recorded status: %v", s.Line, s.Method, s.Target, err)
	}
	return status, body
}

// ID is the nth id that the Store of a case gives.
func ID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// Expand writes out ${3*ab}$ as ababab and ${1..3: x%dy}$ as x1y,x2y,x3y; %id
// stands for the id with that number.
func Expand(s string) string {
	return expansion.ReplaceAllStringFunc(s, func(m string) string {
		p := expansion.FindStringSubmatch(m)
		from, _ := strconv.Atoi(p[1])
		if p[2] == "*" {
			return strings.Repeat(p[4], from)
		}
		to, _ := strconv.Atoi(p[3])
		var list []string
		for n := from; n <= to; n++ {
			list = append(list, strings.NewReplacer("%d", strconv.Itoa(n), "%id", ID(n)).Replace(p[4]))
		}
		return strings.Join(list, ",")
	})
}

var expansion = regexp.MustCompile(`\$\{(\d+)(\*|\.\.(\d+): ?)(.*?)\}\$`)
