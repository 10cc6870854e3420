// Package rows checks CONFORMANCE.md: that it answers for every requirement on
// a SCIM server, and that each test it names is there and says which
// requirement it shows. rows.txt is what the page is made of.
package rows

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	top  = "../.." // the module's directory
	page = "CONFORMANCE.md"
	last = 425 // rows are appended and never renumbered
)

var update = flag.Bool("update", false, "write CONFORMANCE.md anew from rows.txt")

func TestConformance(t *testing.T) {
	text, err := os.ReadFile("rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range incomplete(sections, last) {
		t.Error(complaint)
	}
	there := collect(t)
	for _, s := range sections {
		for _, r := range s.rows {
			for _, complaint := range there.lost(r) {
				t.Errorf("%s: %s", r, complaint)
			}
		}
	}
	if t.Failed() {
		t.Fatalf("%s is not written from rows.txt before that is put right", page)
	}
	got := render(sections, there)
	file := filepath.Join(top, page)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(have), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s is not what rows.txt says. Write it anew:\n\tgo test ./internal/rows -update\n(-page +rows.txt)\n%s", page, diff)
	}
}

// A row is one requirement and what we say to it.
type row struct {
	number    int
	level     string // as the source has it; in small letters where it says so in plain prose
	source    string
	statement string // in our own words
	status    string
	remark    string // why, for all but what is met
	tests     []test
}

func (r row) String() string { return fmt.Sprintf("R-%03d", r.number) }

// A test shows a row.
type test struct {
	kind string // "test": a Go function; "wire": a file in testdata/wire; "check": one of package scimtest/conformance
	name string
	subs []string // of a Go function: the cases that are about the row
}

type section struct {
	title string
	rows  []row
}

var (
	levels   = []string{"MUST", "must", "SHOULD", "should", "MAY", "may", "-"}
	statuses = []string{"met", "not applicable", "deviated", "not yet"}
)

// parse reads rows.txt:
//
//	## 8. HTTP, headers, media types, versions
//
//	R-109 MUST, RFC 7644 §3.8
//	Requests and answers are JSON in UTF-8; other bytes are refused.
//	met
//	test TestDecode: escapes become text | an escaped name
//	wire B_characters E002
//	check rfc.http.utf-8
//
// A remark follows the status after a colon.
func parse(text string) (sections []section, err error) {
	for n, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(block, "\n")
		if title, ok := strings.CutPrefix(block, "## "); ok {
			sections = append(sections, section{title: title})
			continue
		}
		r, err := parseRow(lines)
		if err != nil {
			return nil, fmt.Errorf("rows.txt, block %d, %q: %w", n+1, lines[0], err)
		}
		if len(sections) == 0 {
			return nil, fmt.Errorf("rows.txt: %s is in no section", r)
		}
		s := &sections[len(sections)-1]
		s.rows = append(s.rows, r)
	}
	return sections, nil
}

func parseRow(lines []string) (r row, err error) {
	if len(lines) < 3 {
		return r, fmt.Errorf("a row is three lines or more: number, level and source; statement; status")
	}
	head, source, ok := strings.Cut(lines[0], ", ")
	if _, err := fmt.Sscanf(head, "R-%d %s", &r.number, &r.level); err != nil || !ok || head != r.String()+" "+r.level {
		return r, fmt.Errorf(`the first line is not of the form "R-001 MUST, RFC 7643 §2.1"`)
	}
	r.source, r.statement = source, lines[1]
	r.status, r.remark, _ = strings.Cut(lines[2], ": ")
	for _, line := range lines[3:] {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "test":
			name, subs, some := strings.Cut(rest, ": ")
			x := test{kind: kind, name: name}
			if some {
				x.subs = strings.Split(subs, " | ")
			}
			r.tests = append(r.tests, x)
		case "wire", "check":
			for _, name := range strings.Fields(rest) {
				r.tests = append(r.tests, test{kind: kind, name: name})
			}
		default:
			return r, fmt.Errorf("%q names no test, wire or check", line)
		}
	}
	return r, r.wrong()
}

// wrong says what is the matter with a row by itself.
func (r row) wrong() error {
	switch {
	case !slices.Contains(levels, r.level):
		return fmt.Errorf("%q is no level", r.level)
	case !slices.Contains(statuses, r.status):
		return fmt.Errorf("%q is no status", r.status)
	case !strings.HasSuffix(r.statement, ".") || strings.Contains(r.statement, "|"):
		return fmt.Errorf("the statement is no sentence")
	case r.status != "met" && r.remark == "":
		return fmt.Errorf("%s, and no reason given", r.status)
	case strings.Contains(r.remark, "|"):
		return fmt.Errorf("the remark has a |, which tables are made of")
	case (r.status == "met" || r.status == "deviated") && len(r.tests) == 0:
		return fmt.Errorf("%s, and no test shows it", r.status)
	}
	return nil
}

// incomplete says which rows are missing, or there twice.
func incomplete(sections []section, last int) (complaints []string) {
	next := 1
	for _, s := range sections {
		for _, r := range s.rows {
			for ; next < r.number; next++ {
				complaints = append(complaints, fmt.Sprintf("R-%03d is missing", next))
			}
			if r.number < next {
				complaints = append(complaints, fmt.Sprintf("%s is there twice, or out of order", r))
			}
			next = max(next, r.number+1)
		}
	}
	if next != last+1 {
		complaints = append(complaints, fmt.Sprintf("the last row is R-%03d, want R-%03d", next-1, last))
	}
	return complaints
}

// The checks above find what they look for.
func TestParse(t *testing.T) {
	const good = "## 1. One\n\nR-001 MUST, RFC 1 §2\nIt works.\nmet\ntest TestX: a, b | c\nwire E001 E002\n\nR-002 MAY, RFC 1 §3\nIt may.\nnot applicable: we do not"
	want := []section{{"1. One", []row{
		{1, "MUST", "RFC 1 §2", "It works.", "met", "", []test{{"test", "TestX", []string{"a, b", "c"}}, {"wire", "E001", nil}, {"wire", "E002", nil}}},
		{2, "MAY", "RFC 1 §3", "It may.", "not applicable", "we do not", nil},
	}}}
	got, err := parse(good)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(section{}, row{}, test{})); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"no section", "## 1. One\n\n", "", "in no section"},
		{"a number with two digits", "R-001", "R-01", "first line"},
		{"no level", "MUST,", "OUGHT,", `"OUGHT" is no level`},
		{"no source", ", RFC 1 §3", "", "first line"},
		{"no sentence", "It may.", "It may", "no sentence"},
		{"no status", "met", "done", `"done" is no status`},
		{"no reason", "not applicable: we do not", "not applicable", "no reason"},
		{"no test", "test TestX: a, b | c\nwire E001 E002", "", "no test shows it"},
		{"another kind of test", "wire", "mail", "no test, wire or check"},
		{"a line too few", "It may.\n", "", "three lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(strings.Replace(good, tt.old, tt.new, 1))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
	got[0].rows = append(got[0].rows, row{number: 2}, row{number: 5})
	complaints := strings.Join(incomplete(got, 7), "; ")
	if want := "R-002 is there twice, or out of order; R-003 is missing; R-004 is missing; the last row is R-005, want R-007"; complaints != want {
		t.Errorf("got %q, want %q", complaints, want)
	}
}
