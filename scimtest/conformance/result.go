package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/plain"
)

// An Area is a part of the protocol, a column in the report's picture.
type Area string

// The areas.
const (
	Discovery  Area = "discovery"  // ServiceProviderConfig, ResourceTypes, Schemas
	Transport  Area = "transport"  // media types, authentication, URLs
	Create     Area = "create"     // POST
	Read       Area = "read"       // GET by id
	Filter     Area = "filter"     // searches
	Paging     Area = "paging"     // startIndex, count, sort, cursors
	Projection Area = "projection" // attributes, excludedAttributes, returned
	Replace    Area = "replace"    // PUT
	Patch      Area = "patch"      // PATCH of users
	Members    Area = "members"    // groups and who is in them
	Lifecycle  Area = "lifecycle"  // disable, restore, delete
	Errors     Area = "errors"     // what is refused, and how
	Versions   Area = "versions"   // ETags
	Bulk       Area = "bulk"
)

// Areas returns all areas, in the order of the picture.
func Areas() []Area {
	return []Area{Discovery, Transport, Create, Read, Filter, Paging, Projection, Replace, Patch, Members, Lifecycle, Errors, Versions, Bulk}
}

// A Level says how much a check matters.
type Level string

// The levels.
const (
	Must   Level = "MUST"   // a requirement, or what the identity provider cannot do without
	Should Level = "SHOULD" // a recommendation: not met, it is advice and no finding
)

// A Status is what came of a check.
type Status string

// The statuses.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"  // a finding: a Must that is not met
	Advised Status = "advised" // a Should that is not met
	Skipped Status = "skipped" // the endpoint does not have, or says that it has not, what the check is about
	Blocked Status = "blocked" // the check could not begin or go on: what it needs is broken, or the endpoint no longer answers
)

// A Report is what came of all checks.
type Report struct {
	Endpoint  string        `json:"endpoint"`
	Server    string        `json:"server"` // what the endpoint says it can do, in a line
	Started   time.Time     `json:"started"`
	Duration  time.Duration `json:"-"` // in JSON: durationMs
	Requests  int           `json:"requests"`
	Nonce     string        `json:"nonce,omitempty"`     // in the names of all that the checks made up
	Slowed    int           `json:"slowed,omitempty"`    // how often the endpoint asked to wait, with 429 or 503
	Notes     []string      `json:"notes,omitempty"`     // what to know before all else
	Leftovers []string      `json:"leftovers,omitempty"` // paths below the endpoint of what was created and could not be deleted
	Suites    []Suite       `json:"suites"`
	Results   []*Result     `json:"results"`
}

// A Suite is a set of checks that ran.
type Suite struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// A Result is what came of one check.
type Result struct {
	ID           string        `json:"id"` // "entra.members.remove"
	Suite        string        `json:"suite"`
	Area         Area          `json:"area"`
	Title        string        `json:"title"`                  // what is right
	Requirements []string      `json:"requirements,omitempty"` // numbers: "R-128", "E047"
	Source       string        `json:"source,omitempty"`       // "RFC 7644 §3.12"
	Level        Level         `json:"level"`
	Status       Status        `json:"status"`
	Reason       string        `json:"reason,omitempty"` // why it was skipped or blocked
	Duration     time.Duration `json:"-"`                // in JSON: durationMs
	Why          string        `json:"why"`              // what comes of it when it is wrong
	Fix          string        `json:"fix"`              // what to change
	Finding      *Finding      `json:"finding,omitempty"`

	check *check
}

// A Finding is what went wrong in a check, or before it could begin.
type Finding struct {
	Expected  string     `json:"expected"`
	Got       string     `json:"got"`
	Exchanges []Exchange `json:"exchanges"` // all requests of the check, in order; the last one is usually at fault
}

// An Exchange is a request and its answer. It never holds the token.
type Exchange struct {
	Method          string        `json:"method"`
	URL             string        `json:"url"`
	RequestHeader   http.Header   `json:"requestHeader,omitempty"` // with Authorization if that was odd: "(none)", "(another token)"
	RequestBody     string        `json:"requestBody,omitempty"`
	Status          int           `json:"status"` // 0: no answer
	ResponseHeader  http.Header   `json:"responseHeader,omitempty"`
	ResponseBody    string        `json:"responseBody,omitempty"`
	ResponseMissing string        `json:"responseMissing,omitempty"` // why there is no answer
	Duration        time.Duration `json:"-"`                         // in JSON: durationMs

	tooLong   bool // there is an answer, but nobody can use it
	impatient bool // it asks to wait, and there is no patience left
}

// Findings returns the results that failed, in the order of the suites.
func (r *Report) Findings() []*Result { return r.with(Failed) }

// Advice returns the results whose recommendation was not met.
func (r *Report) Advice() []*Result { return r.with(Advised) }

func (r *Report) with(s Status) (found []*Result) {
	for _, result := range r.Results {
		if result.Status == s {
			found = append(found, result)
		}
	}
	return found
}

// Conforms reports whether there are checks, every one that could run passed
// or only advises, and none was blocked.
func (r *Report) Conforms() bool {
	return len(r.Results) > 0 && !slices.ContainsFunc(r.Results, func(r *Result) bool { return r.Status == Failed || r.Status == Blocked })
}

// String tells the result, and what is wrong in full. Control characters that
// the endpoint sent are shown, not obeyed.
func (r *Result) String() string {
	var b strings.Builder
	b.WriteString(plain.Line(strings.ToUpper(string(r.Status)) + " " + r.ID + ": " + r.Title))
	if cites := r.cites(); cites != "" {
		fmt.Fprintf(&b, " (%s)", plain.Line(cites))
	}
	line := func(label, s string) {
		if s != "" {
			fmt.Fprintf(&b, "\n    %-9s%s", label, plain.Indented(clip(s, 1000), 13))
		}
	}
	line("reason", r.Reason)
	if f := r.Finding; f != nil {
		for _, x := range f.Exchanges[max(0, len(f.Exchanges)-2):] {
			line("request", strings.TrimSpace(x.Method+" "+x.URL+"  "+x.credentials()))
			line("body", x.RequestBody)
			answer := x.ResponseMissing
			if x.Status != 0 {
				answer = strings.TrimSpace(fmt.Sprint(x.Status, " ", x.ResponseBody))
			}
			line("answer", answer)
		}
		line("expected", f.Expected)
		line("got", f.Got)
		if r.Status != Blocked { // what is to be fixed is another check's
			line("why", r.Why)
			line("fix", r.Fix)
		}
	}
	return b.String()
}

// credentials tells what was odd about those of a request, "" if nothing was.
func (x *Exchange) credentials() string {
	if odd := x.RequestHeader.Get("Authorization"); slices.Contains(oddities, odd) {
		return "Authorization: " + odd
	}
	return ""
}

// shorten leaves of a body what reports show of it at most.
func shorten(body string) string {
	const most, told = 64 << 10, 64
	if len(body) <= most+told {
		return body
	}
	return clip(body, most) + fmt.Sprintf(" (shortened: %d bytes in all)", len(body))
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
