package wiretest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const dir = "../../testdata/wire"

// What is read and written again is the same file, and every step has a
// recorded answer.
func TestReadAndWrite(t *testing.T) {
	for _, path := range Files(t, dir) {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := Read(t, path)
		for _, s := range c.Steps {
			if status, _ := s.Answer(t); status < 200 || status > 599 {
				t.Errorf("%s:%d: got status %d", path, s.Line, status)
			}
		}
		c.Path = filepath.Join(t.TempDir(), filepath.Base(path))
		c.Write(t)
		after, err := os.ReadFile(c.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(after, before) {
			t.Errorf("%s is another file after it was read and written", path)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "E999_a_case.txt")
	const text = `# E999 A case.
options: strict maxBody=9
users: 2

# what is first
>>> POST /Users
-Authorization
X-Odd: ${2*ab}$

{"a":1}

{"b":2}

# said between
want status 201
want no event

<<< 201
Location: /1

{"id":"1"}

# said at the end
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Read(t, path)
	if got := c.Setting("options"); c.Number() != "E999_a_case" || !slices.Equal(got, []string{"strict", "maxBody=9"}) {
		t.Errorf("got case %s with options %q", c.Number(), got)
	}
	if e := c.Endpoint(t); !e.Options.Strict || e.Options.MaxBody != 9 || e.Mount != "/scim/v2/" {
		t.Errorf("got endpoint %+v", e)
	}
	if steps := c.Prelude(t); len(steps) != 2 || steps[1].Target != "/Users" {
		t.Errorf("got %d steps of prelude, want two users", len(steps))
	}
	if len(c.Steps) != 1 {
		t.Fatalf("got %d steps, want 1", len(c.Steps))
	}
	s := c.Steps[0]
	if want := "{\"a\":1}\n\n{\"b\":2}"; s.Method != "POST" || s.Target != "/Users" || s.Line != 6 || s.Body != want {
		t.Errorf("got line %d, %s %s, body %q, want %q", s.Line, s.Method, s.Target, s.Body, want)
	}
	if want := []Want{{15, "status 201"}, {16, "no event"}}; !slices.Equal(s.Wants, want) {
		t.Errorf("got wants %v, want %v", s.Wants, want)
	}
	if status, body := s.Answer(t); status != 201 || body != `{"id":"1"}` {
		t.Errorf("got answer %d %q", status, body)
	}
	r := s.Request(t, "/scim/v2")
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != s.Body {
		t.Errorf("got body %q (%v), want %q", body, err, s.Body)
	}
	if r.URL.Path != "/scim/v2/Users" || r.Header.Get("Authorization") != "" || r.Header.Get("X-Odd") != "abab" || r.Header.Get("Content-Type") == "" {
		t.Errorf("got %s with %v", r.URL, r.Header)
	}
}

func TestExpand(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "a $ b {c}", "a $ b {c}"},
		{"times", "<${3*ab}$>", "<ababab>"},
		{"a row", "[${8..10: x%dy}$]", "[x8y,x9y,x10y]"},
		{"ids", `${1..1: "%id"}$`, fmt.Sprintf("%q", ID(1))},
		{"two", "${2*a}$${2*b}$", "aabb"},
		{"a cursor is another's to know", "${cursor 1}$", "${cursor 1}$"},
	} {
		if got := Expand(tt.in); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCursors(t *testing.T) {
	var c Cursors
	c.Remember(`{"totalResults":1}`)
	c.Remember(`{"nextCursor":"xyz","totalResults":1}`)
	s := &Step{Target: "/Users?cursor=${cursor 2}$", Body: `${cursor 1}$`, Header: []string{"X: ${cursor 2}$"}}
	got := c.In(s)
	if got.Target != "/Users?cursor=xyz" || got.Body != "" || got.Header[0] != "X: xyz" {
		t.Errorf("got %q %q %q", got.Target, got.Body, got.Header)
	}
	if s.Header[0] != "X: ${cursor 2}$" {
		t.Error("the step itself was changed")
	}
}
