package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/plain"
)

// A cause is what several checks stumble over, as far as their requests and
// answers tell.
type cause struct {
	Symptom string    // what is wrong; "" if no symptom tells it
	Results []*Result // at least one; the first shows it best
	Blocked []*Result // could not begin because of it
}

// checks is how many checks the cause breaks.
func (c cause) checks() int { return len(c.Results) + len(c.Blocked) }

// microsofts is how many of them Microsoft's customers will meet.
func (c cause) microsofts() (n int) {
	for _, result := range slices.Concat(c.Results, c.Blocked) {
		if result.Suite == Entra || result.Suite == Microsoft {
			n++
		}
	}
	return n
}

// causes groups the results of a status by what they stumble over, the cause
// of most first: those that show a symptom, then those that look alike.
// Blocked checks stand with the failed ones that share their cause; those
// without are causes of their own.
func (r *Report) causes(s Status) (causes []cause) {
	var known []cause
	if s == Failed {
		known = r.diagnose()
	}
	told := map[*Result]bool{}
	for _, c := range known {
		for _, result := range slices.Concat(c.Results, c.Blocked) {
			told[result] = true
		}
	}
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
		if !told[result] {
			c := find(r.stumble(result))
			c.Results = append(c.Results, result)
		}
	}
	if s == Failed {
		for _, result := range r.with(Blocked) {
			if !told[result] {
				c := find(r.stumble(result))
				c.Blocked = append(c.Blocked, result)
			}
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
	causes = append(known, causes...)
	slices.SortStableFunc(causes, func(a, b cause) int {
		if a.known() != b.known() {
			if a.known() {
				return -1
			}
			return 1
		}
		if n := b.checks() - a.checks(); n != 0 || !a.known() {
			return n
		}
		return b.microsofts() - a.microsofts()
	})
	return causes
}

// known reports whether it is known what is wrong: a symptom tells it, or the
// endpoint failed itself.
func (c cause) known() bool { return c.Symptom != "" || c.Results[0].crashed() }

// title tells a cause in a line: what is wrong, or if only a check tells it,
// what is right.
func (r *Report) title(c cause) string {
	shows := c.Results[0]
	if c.Symptom != "" {
		return c.Symptom
	}
	if x := shows.atFault(); shows.crashed() {
		if x.Status == 0 {
			return fmt.Sprintf("%s %s is not answered: %s", x.Method, r.endpoint(x), clip(x.missing(), 200))
		}
		return fmt.Sprintf("%s %s is answered with %s", x.Method, r.endpoint(x), x.answer())
	}
	return shows.Title
}

// A gist is a line of what is wrong in short.
type gist struct {
	cause
	Title  string
	Checks int
	Where  string // "entra 9, microsoft 5"
}

// short tells in a few lines what is wrong: what many checks stumble over, what
// makes the endpoint fail itself, and what there is besides. It tells nothing of
// one finding alone.
func (r *Report) short() (gists []gist, besides []string) {
	const most = 10
	causes := r.causes(Failed)
	if len(causes) < 2 && (len(causes) == 0 || causes[0].checks() < 2) {
		return nil, nil
	}
	more, ofMore, alone, areas := 0, 0, 0, map[Area]int{}
	for _, c := range causes {
		g := gist{cause: c, Title: r.title(c), Checks: c.checks(), Where: c.where()}
		switch told := c.known() || c.checks() > 2; {
		case told && len(gists) < most:
			if !c.known() {
				g.Title = "Not so: " + g.Title
			}
			gists = append(gists, g)
		case told:
			more++
			ofMore += c.checks()
		default:
			alone += c.checks()
			for _, result := range slices.Concat(c.Results, c.Blocked) {
				areas[result.Area]++
			}
		}
	}
	if more > 0 {
		besides = append(besides, fmt.Sprintf("%s more, each told below (%s)", count(more, "cause"), count(ofMore, "check")))
	}
	if alone == 0 {
		return gists, besides
	}
	names := slices.Collect(maps.Keys(areas))
	slices.SortFunc(names, func(a, b Area) int {
		return cmp.Or(areas[b]-areas[a], slices.Index(Areas(), a)-slices.Index(Areas(), b), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, a := range names {
		parts[i] = fmt.Sprintf("%s %d", a, areas[a])
	}
	return gists, append(besides, count(alone, "check")+" besides: "+strings.Join(parts, ", "))
}

// where tells in which suites a cause breaks checks, most first.
func (c cause) where() string {
	var names []string
	suites := map[string]int{}
	blocked := len(c.Blocked)
	for _, result := range c.Results {
		if result.Status == Blocked {
			blocked++
			continue
		}
		if suites[result.Suite]++; suites[result.Suite] == 1 {
			names = append(names, result.Suite)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return suites[b] - suites[a] })
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, suites[name]))
	}
	if blocked > 0 {
		parts = append(parts, fmt.Sprintf("%d blocked", blocked))
	}
	return strings.Join(parts, ", ")
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
	wantsStatus := startsWithStatus.MatchString(result.expected())
	switch {
	case strings.HasPrefix(result.expected(), "Content-Type "):
		about = Transport
	case !wantsStatus && x.Status >= 400: // the form of the error is wrong
		about = Errors
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
	case strings.Contains(endpoint, "?filter"), strings.Contains(endpoint, "&filter"):
		about = Filter
	case strings.Contains(endpoint, "{id}"):
		about = Read
	}
	if result.Area != about {
		n += 2
	}
	if (x.Status == 0 || x.Status >= 300) && !strings.HasPrefix(result.expected(), "2") {
		n++
	}
	return n
}

// stumble returns what is equal for results that look alike: a request that
// gets no answer, or one that nobody wants, is one cause whatever was expected
// of it, an error of the wrong form is one wherever it comes from, and a wrong
// value is one only after the same write.
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
		return "no answer\n" + request + shape(x.missing())
	case wantsStatus && x.Status >= 300, x.Status >= 500:
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
	if w := result.lastWrite(); w != nil {
		request = w.Method + " " + r.endpoint(w) + "\n" + shape(clip(w.RequestBody, 4<<10)) + "\n"
	}
	return "value\n" + request + shape(f.Expected) + "\n" + shape(got)
}

var (
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
	sign := "?"
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(pair, "="); name != "" {
			path, sign = path+sign+name, "&"
		}
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

// crashed reports whether the endpoint failed itself: it did not answer, or with
// a server error.
func (r *Result) crashed() bool {
	x := r.atFault()
	return x != nil && (x.Status == 0 || x.Status >= 500 && x.Status != http.StatusNotImplemented)
}

// lastWrite is the last exchange that changes something, nil if none does: a
// wrong value is often its doing.
func (r *Result) lastWrite() *Exchange {
	xs := r.exchanges()
	for i := range slices.Backward(xs) {
		if xs[i].Method != "GET" {
			return &xs[i]
		}
	}
	return nil
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
// one at fault, and the last two writes, which it may be the consequence of, or
// which it may repeat.
func (r *Result) shown(x *Exchange) bool {
	if x == r.atFault() {
		return true
	}
	xs, writes := r.exchanges(), 0
	for i := range slices.Backward(xs) {
		if xs[i].Method == "GET" {
			continue
		}
		if x == &xs[i] {
			return true
		}
		if writes++; writes == 2 {
			break
		}
	}
	return false
}

// obstacle tells what blocked a check, by its request and the answer: "cannot
// create a user to work with: POST /Users → no answer: EOF".
func (r *Report) obstacle(result *Result) string {
	what, _, _ := strings.Cut(result.Reason, ": expected ")
	what = clip(what, 300)
	if x := result.atFault(); x != nil {
		what += ": " + r.line(x) + " → " + x.answer()
	}
	return plain.Line(what)
}
