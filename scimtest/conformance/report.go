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

// What all forms of the report share: the picture, the verdict and the causes.

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
		n := 0
		for _, c := range r.causes(Failed) {
			if c.Results[0].Status == Failed {
				n++
			}
		}
		if n < t[Failed] {
			s += ", for " + count(n, "cause")
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

// A cause is what several checks stumble over, as far as their requests and
// answers tell.
type cause struct {
	Results []*Result // at least one; the first shows it best
	Blocked []*Result // could not begin because of it
}

// causes groups the results of a status by what they stumble over, the cause
// of most first. Blocked checks stand with the failed ones that share their
// cause; those without are causes of their own.
func (r *Report) causes(s Status) (causes []cause) {
	at := map[string]int{}
	find := func(key string) *cause {
		i, ok := at[key]
		if !ok {
			i = len(causes)
			at[key] = i
			causes = append(causes, cause{})
		}
		return &causes[i]
	}
	for _, result := range r.with(s) {
		c := find(r.stumble(result))
		c.Results = append(c.Results, result)
	}
	if s == Failed {
		for _, result := range r.with(Blocked) {
			c := find(r.stumble(result))
			c.Blocked = append(c.Blocked, result)
		}
	}
	for i := range causes {
		c := &causes[i]
		if len(c.Results) == 0 {
			c.Results, c.Blocked = c.Blocked[:1:1], c.Blocked[1:]
		}
		slices.SortStableFunc(c.Results, func(a, b *Result) int {
			return cmp.Or(cmp.Compare(r.aside(a), r.aside(b)), cmp.Compare(len(a.exchanges()), len(b.exchanges())))
		})
	}
	slices.SortStableFunc(causes, func(a, b cause) int {
		return len(b.Results) + len(b.Blocked) - len(a.Results) - len(a.Blocked)
	})
	return causes
}

// aside is 0 for a check that is about what the request at fault does, and wants
// it to succeed: of all that a cause breaks, this shows it without detours.
func (r *Report) aside(result *Result) (n int) {
	x := result.atFault()
	if x == nil {
		return 3
	}
	endpoint, about := r.endpoint(x), Area("")
	groups := strings.HasPrefix(endpoint, "/Groups")
	switch {
	case strings.HasPrefix(result.expected(), "Content-Type "):
		about = Transport
	case groups:
		about = Members
	case x.Method == "POST":
		about = Create
	case x.Method == "PUT":
		about = Replace
	case x.Method == "PATCH":
		about = Patch
	case x.Method == "DELETE":
		about = Lifecycle
	case strings.Contains(endpoint, "?filter"):
		about = Filter
	case strings.Contains(endpoint, "{id}"):
		about = Read
	}
	if result.Area != about {
		n += 2
	}
	if x.Status >= 300 && !strings.HasPrefix(result.expected(), "2") {
		n++
	}
	return n
}

// stumble returns what is equal for results that look alike: an answer that
// nobody wants is one cause whatever was expected of it, an error of the wrong
// form is one wherever it comes from, and a wrong value is one only after the
// same write.
func (r *Report) stumble(result *Result) string {
	f := result.Finding
	if f == nil {
		return "no finding\n" + shape(result.Reason)
	}
	x := result.atFault()
	if x == nil {
		return f.Expected + "\n" + f.Got
	}
	request := x.Method + " " + r.endpoint(x) + "\n"
	wantsStatus := startsWithStatus.MatchString(f.Expected)
	switch {
	case x.Status == 0:
		return "no answer\n" + shape(x.missing())
	case wantsStatus && x.Status >= 300:
		return fmt.Sprint("answer\n", request, x.Status, shape(clip(x.ResponseBody, 4<<10)))
	case !wantsStatus && x.Status >= 400:
		return "error\n" + f.Expected
	case strings.HasPrefix(f.Expected, "Content-Type "):
		return "header\n" + f.Expected + f.Got
	case !wantsStatus && strings.HasPrefix(f.Got, x.summary()):
		return fmt.Sprint("form\n", request, x.Status, f.Expected)
	}
	got := f.Got
	if strings.HasPrefix(got, x.summary()) {
		got = ""
	}
	for _, w := range slices.Backward(f.Exchanges) {
		if w.Method != "GET" {
			request = w.Method + " " + r.endpoint(&w) + "\n" + shape(clip(w.RequestBody, 4<<10)) + "\n"
			break
		}
	}
	return "value\n" + request + shape(f.Expected) + "\n" + shape(got)
}

var (
	ofRequest        = regexp.MustCompile(`^[A-Z][a-z]+ "[^"]*": `) // how net/http begins its errors
	startsWithStatus = regexp.MustCompile(`^\d{3} `)
	particular       = regexp.MustCompile(`[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*`)
)

// shape takes out what differs from run to run: ids, made-up names, times.
func shape(s string) string { return particular.ReplaceAllString(s, "#") }

// endpoint is the URL below the base without id and values: "/Users/{id}?attributes".
func (r *Report) endpoint(x *Exchange) string {
	path, query, _ := strings.Cut(strings.TrimPrefix(x.URL, r.Endpoint), "?")
	parts := strings.Split(path, "/")
	if len(parts) > 2 {
		parts[2] = "{id}"
	}
	path = strings.Join(parts, "/")
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		path += "?" + name
	}
	return path
}

func (r *Result) exchanges() []Exchange {
	if r.Finding == nil {
		return nil
	}
	return r.Finding.Exchanges
}

// atFault returns the exchange that the finding is about, nil if there is none:
// the one whose answer it quotes, or else the last.
func (r *Result) atFault() *Exchange {
	xs := r.exchanges()
	if len(xs) == 0 {
		return nil
	}
	for i := range slices.Backward(xs) {
		if strings.HasPrefix(r.Finding.Got, xs[i].summary()) {
			return &xs[i]
		}
	}
	return &xs[len(xs)-1]
}

func (r *Result) expected() string {
	if r.Finding == nil {
		return ""
	}
	return r.Finding.Expected
}

// got is the finding's, without the body if that stands with the exchange
// anyway.
func (r *Result) got() string {
	if r.Finding == nil {
		return ""
	}
	x := r.atFault()
	switch {
	case x == nil || !strings.HasPrefix(r.Finding.Got, x.summary()):
		return r.Finding.Got
	case x.ResponseBody == "":
		return x.answer()
	default:
		return x.answer() + ", with the body below"
	}
}

// shown reports whether an exchange is worth its bodies where space is dear: the
// one at fault, and the last write, which it may be the consequence of.
func (r *Result) shown(x *Exchange) bool {
	if x == r.atFault() {
		return true
	}
	xs := r.exchanges()
	for i := range slices.Backward(xs) {
		if xs[i].Method != "GET" {
			return x == &xs[i]
		}
	}
	return false
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

// missing is why there is no answer, without the request that stands beside it.
func (x *Exchange) missing() string { return ofRequest.ReplaceAllString(x.ResponseMissing, "") }

// answer tells the status, or why there is none.
func (x *Exchange) answer() string {
	if x.Status == 0 {
		return plain.Line("no answer: " + x.missing())
	}
	return strings.TrimSpace(fmt.Sprint(x.Status, " ", http.StatusText(x.Status)))
}
