package conformance

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/plain"
)

// What all forms of the report share: the picture, the verdict and the words.

// marks tell a status by its shape, for those who do not see its colour.
var marks = map[Status]string{Passed: "✓", Failed: "✗", Advised: "!", Skipped: "–", Blocked: "⊘"}

// gravest are the statuses, the worst first.
var gravest = []Status{Failed, Blocked, Advised, Passed, Skipped}

// A tally counts results.
type tally map[Status]int

// Total counts all of them.
func (t tally) Total() (n int) {
	for _, c := range t {
		n += c
	}
	return n
}

// Worst is the gravest status there is, "" without any.
func (t tally) Worst() Status {
	i := slices.IndexFunc(gravest, func(s Status) bool { return t[s] > 0 })
	if i < 0 {
		return ""
	}
	return gravest[i]
}

// Mark is the sign of the worst, "·" without any.
func (t tally) Mark() string { return cmp.Or(marks[t.Worst()], "·") }

// Count tells how many have the worst status, and of how many.
func (t tally) Count() string {
	switch s := t.Worst(); s {
	case "":
		return ""
	case Passed, Skipped:
		return strconv.Itoa(t[s])
	default:
		return fmt.Sprintf("%d/%d", t[s], t.Total())
	}
}

// String tells all in words, the worst first.
func (t tally) String() string {
	var parts []string
	for _, s := range gravest {
		if t[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", t[s], s))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "no checks")
}

func (r *Report) tally() tally {
	t := tally{}
	for _, result := range r.Results {
		t[result.Status]++
	}
	return t
}

// A grid is the picture: suites as rows, areas as columns.
type grid struct {
	Areas []Area
	Rows  []gridRow
}

type gridRow struct {
	Suite Suite
	Total tally
	Cells []gridCell
}

func (row gridRow) tallies() (list []tally) {
	for _, c := range row.Cells {
		list = append(list, c.tally)
	}
	return list
}

type gridCell struct {
	tally
	Area  Area
	Worst *Result // the first with the worst status, nil without any
}

// grid leaves out areas that no check is about.
func (r *Report) grid() grid {
	var g grid
	areas, names := Areas(), []string{}
	suites := slices.Clone(r.Suites)
	for _, s := range suites {
		names = append(names, s.Name)
	}
	for _, result := range r.Results {
		if !slices.Contains(areas, result.Area) {
			areas = append(areas, result.Area)
		}
		if !slices.Contains(names, result.Suite) {
			names, suites = append(names, result.Suite), append(suites, Suite{Name: result.Suite})
		}
	}
	for _, a := range areas {
		if slices.ContainsFunc(r.Results, func(r *Result) bool { return r.Area == a }) {
			g.Areas = append(g.Areas, a)
		}
	}
	for _, s := range suites {
		row := gridRow{Suite: s, Total: tally{}}
		for _, a := range g.Areas {
			cell := gridCell{tally: tally{}, Area: a}
			for _, result := range r.Results {
				if result.Suite != s.Name || result.Area != a {
					continue
				}
				row.Total[result.Status]++
				cell.tally[result.Status]++
				if cell.Worst == nil || slices.Index(gravest, result.Status) < slices.Index(gravest, cell.Worst.Status) {
					cell.Worst = result
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// verdict tells the result in a sentence.
func (r *Report) verdict() string {
	t := r.tally()
	switch {
	case t.Total() == 0:
		return "Nothing was checked"
	case t[Failed] > 0:
		s := "Does not conform: " + count(t[Failed], "check") + " failed"
		shared, n := 0, 0 // checks that fail for a cause together, and the causes
		for _, c := range r.causes(Failed) {
			if c.Results[0].Status == Failed && len(c.Results) > 1 {
				shared += len(c.Results)
				n++
			}
		}
		switch {
		case n > 0 && shared == t[Failed]:
			s += ", for " + count(n, "cause")
		case n > 0:
			s += fmt.Sprintf(", %d of them for %s", shared, count(n, "cause"))
		}
		return s
	case t[Blocked] > 0:
		return "Not known to conform: " + count(t[Blocked], "check") + " could not run"
	case t[Passed]+t[Advised] == 0:
		return "Nothing was checked: all was skipped"
	default:
		return "Conforms"
	}
}

// rest tells, after the verdict, what else came of the checks.
func (r *Report) rest() string {
	t := r.tally()
	var parts []string
	add := func(s Status, word string) {
		if t[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", t[s], word))
		}
	}
	if t[Failed] > 0 { // else it is the verdict
		add(Blocked, "blocked")
	}
	add(Passed, "passed")
	add(Advised, "with advice")
	add(Skipped, "skipped")
	return strings.Join(parts, ", ")
}

// facts tells how the run went, in a line.
func (r *Report) facts() string {
	facts := []string{count(len(r.Results), "check"), count(r.Requests, "request"), brief(r.Duration)}
	if r.Slowed > 0 {
		facts = append(facts, "slowed down "+count(r.Slowed, "time")+" by 429")
	}
	if r.Nonce != "" {
		facts = append(facts, "made-up names have "+plain.Line(r.Nonce))
	}
	return strings.Join(facts, ", ")
}

// remaining lists as many of the leftovers as people read, and how many more
// there are.
func (r *Report) remaining() (paths []string, more int) {
	const most = 20
	for _, path := range r.Leftovers[:min(most, len(r.Leftovers))] {
		paths = append(paths, plain.Line(clip(path, 300)))
	}
	return paths, len(r.Leftovers) - len(paths)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// cites are the requirement numbers and the source.
func (r *Result) cites() string {
	cites := slices.Clone(r.Requirements)
	if r.Source != "" {
		cites = append(cites, r.Source)
	}
	return strings.Join(cites, ", ")
}

// line tells the request below the base URL, with its query as a person reads
// it.
func (r *Report) line(x *Exchange) string {
	path, query, ok := strings.Cut(strings.TrimPrefix(x.URL, r.Endpoint), "?")
	if readable, err := url.QueryUnescape(query); err == nil {
		query = readable
	}
	if ok {
		path += "?" + query
	}
	return plain.Line(x.Method + " " + cmp.Or(path, "/") + "  " + x.credentials())
}

var ofRequest = regexp.MustCompile(`^[A-Z][a-z]+ "[^"]*": `) // how net/http begins its errors

// missing is why there is no answer, without the request that stands beside it.
func (x *Exchange) missing() string { return ofRequest.ReplaceAllString(x.ResponseMissing, "") }

// answer tells the status, or why there is none.
func (x *Exchange) answer() string {
	if x.Status == 0 {
		return plain.Line("no answer: " + x.missing())
	}
	return strings.TrimSpace(fmt.Sprint(x.Status, " ", http.StatusText(x.Status)))
}
