package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/conformance"
)

var update = flag.Bool("update", false, "rewrite testdata/report")

// writers are all forms of the report, by their file names' ending.
var writers = map[string]func(*conformance.Report, io.Writer) error{
	"txt": func(r *conformance.Report, w io.Writer) error { return r.WriteText(w, conformance.TextOptions{}) },
	"full": func(r *conformance.Report, w io.Writer) error {
		return r.WriteText(w, conformance.TextOptions{Full: true})
	},
	"ansi": func(r *conformance.Report, w io.Writer) error {
		return r.WriteText(w, conformance.TextOptions{Color: true, Full: true})
	},
	"json": (*conformance.Report).WriteJSON,
	"xml":  (*conformance.Report).WriteJUnit,
	"html": (*conformance.Report).WriteHTML,
	"md":   (*conformance.Report).WriteMarkdown,
}

func write(t testing.TB, r *conformance.Report, form string) string {
	t.Helper()
	var b bytes.Buffer
	if err := writers[form](r, &b); err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	return b.String()
}

const base = "https://app.example.com/scim/v2"

// A report of three suites, with one result for each check that is given.
func report(results ...*conformance.Result) *conformance.Report {
	return &conformance.Report{
		Endpoint: base,
		Server:   "with groups, the enterprise extension, PATCH, filters; without sort, ETags, bulk, cursor pagination, changePassword",
		Started:  time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		Duration: 2310 * time.Millisecond,
		Requests: 412,
		Suites: []conformance.Suite{
			{Name: "rfc", Title: "RFC 7643 and RFC 7644"},
			{Name: "entra", Title: "Microsoft Entra ID"},
			{Name: "okta", Title: "Okta, OneLogin, JumpCloud"},
		},
		Results: results,
	}
}

func passed(id string, area conformance.Area) *conformance.Result {
	suite, _, _ := strings.Cut(id, ".")
	return &conformance.Result{
		ID: id, Suite: suite, Area: area, Level: conformance.Must, Status: conformance.Passed,
		Title: "What " + strings.ReplaceAll(id, ".", " ") + " asks is so", Requirements: []string{"R-012"}, Source: "RFC 7644 §3.3", Duration: 12 * time.Millisecond,
	}
}

func failed(id string, area conformance.Area, title, expected, got string, xs ...conformance.Exchange) *conformance.Result {
	r := passed(id, area)
	r.Status, r.Title = conformance.Failed, title
	r.Why, r.Fix = "Entra retries with growing pauses and at last quarantines the job.", "Answer 409 with scimType uniqueness."
	r.Finding = &conformance.Finding{Expected: expected, Got: got, Exchanges: xs}
	return r
}

func exchange(method, path, body string, status int, answer string) conformance.Exchange {
	var header http.Header
	if body != "" {
		header = http.Header{"Content-Type": {"application/scim+json"}}
	}
	return conformance.Exchange{
		Method: method, URL: base + path, RequestHeader: header, RequestBody: body, Status: status, ResponseBody: answer, Duration: 3140 * time.Microsecond,
		ResponseHeader: http.Header{"Content-Type": {"application/json"}, "Date": {"Sat, 14 Mar 2026 15:09:26 GMT"}},
	}
}

const (
	created  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"4f1c2a7e-0b8d-4c11-9a54-6f0b5d8f2f10","displayName":"g-abcdefgh-rfc-members-remove-1","members":[{"value":"7"},{"value":"9"}],"meta":{"resourceType":"Group"}}`
	crashed  = `<html><body><h1>Internal Server Error</h1><p>NullPointerException at com.example.Groups.patch(Groups.java:118)</p></body></html>`
	removal  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"9\"]"}]}`
	inactive = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"7","userName":"u-abcdefgh-entra-disable-1@usher-check.example","active":true,"roles":null,"count":-1.5e3}`
)

// broken is the report of an endpoint with three faults, of which one is
// behind many findings.
func broken() *conformance.Report {
	var results []*conformance.Result
	for i, area := range conformance.Areas() {
		for j := range 2 + i%4 {
			results = append(results, passed(fmt.Sprintf("rfc.%s.one-%d", area, j+1), area))
		}
	}
	crash := func(id, title, body string) *conformance.Result {
		path := fmt.Sprintf("/Groups/%d", 100+len(results))
		r := failed(id, conformance.Members, title, "200 OK or 204 No Content", "500 Internal Server Error "+crashed,
			exchange("POST", "/Groups", `{"displayName":"g"}`, 201, created), exchange("PATCH", path, body, 500, crashed))
		r.Requirements, r.Source = []string{"R-128", "E047"}, "RFC 7644 §3.5.2.2"
		r.Why = "Entra removes people from groups this way. It retries, puts the member into escrow, and whoever left a team keeps its rights."
		r.Fix = "Apply the value filter of a remove's path to the members, and answer 204 even if nobody matches."
		return r
	}
	results = append(results,
		crash("rfc.members.remove-by-filter", "Removing a member by a filter removes that member alone", removal),
		crash("entra.members.remove", "A member is removed as Entra does it", removal),
		crash("okta.members.remove", "A member is removed as Okta does it", removal),
	)
	for i := range 4 {
		r := passed(fmt.Sprintf("entra.lifecycle.step-%d", i+1), conformance.Lifecycle)
		r.Status, r.Reason = conformance.Blocked, "cannot empty a group to work with: expected 204 No Content, got 500 Internal Server Error "+crashed
		r.Finding = &conformance.Finding{Expected: "204 No Content", Got: "500 Internal Server Error " + crashed, Exchanges: []conformance.Exchange{exchange("PATCH", "/Groups/9", removal, 500, crashed)}}
		results = append(results, r)
	}
	results = append(results,
		failed("entra.lifecycle.disable", conformance.Lifecycle, `active "False", a string, disables a user`, "active false", "active true",
			exchange("POST", "/Users", `{"userName":"u"}`, 201, inactive),
			exchange("PATCH", "/Users/7", `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`, 200, inactive),
			exchange("GET", "/Users/7", "", 200, inactive)),
		failed("rfc.filter.unknown", conformance.Filter, "A filter that cannot be understood is refused, never ignored", "400 Bad Request", `200 OK {"totalResults":2,"Resources":[]}`,
			exchange("GET", "/Users?filter=nickName+nearly+%22x%22&count=10", "", 200, `{"totalResults":2,"Resources":[]}`)),
		failed("okta.transport.silent", conformance.Transport, "An answer comes in time", "200 OK", "no answer: context deadline exceeded",
			conformance.Exchange{Method: "GET", URL: base + "/Users?startIndex=1&count=100", ResponseMissing: "context deadline exceeded", Duration: 30 * time.Second}),
	)
	for _, id := range []string{"rfc.http.media", "rfc.http.media.default", "microsoft.validator.media-type"} {
		results = append(results, failed(id, conformance.Transport, "Answers of "+id+" are application/scim+json", "Content-Type application/scim+json", `Content-Type "application/json"`,
			exchange("GET", "/Users/7", "", 200, inactive)))
	}
	for _, id := range []string{"entra.patch.add", "entra.patch.replace", "okta.create.user", "okta.paging.all", "entra.filter.match", "entra.create.default"} {
		area := strings.Split(id, ".")[1]
		results = append(results, passed(id, conformance.Area(area)))
	}
	advice := failed("rfc.transport.media", conformance.Transport, "Answers are application/scim+json", "Content-Type application/scim+json", `Content-Type "application/json"`,
		exchange("GET", "/Users/7", "", 200, inactive))
	advice.Status, advice.Level, advice.Why, advice.Fix = conformance.Advised, conformance.Should, "Strict clients refuse other types.", "Set Content-Type: application/scim+json; charset=utf-8."
	results = append(results, advice)
	for _, feature := range []string{"bulk", "ETags"} {
		for i := range 2 {
			r := passed(fmt.Sprintf("rfc.%s.%d", strings.ToLower(feature), i), conformance.Bulk)
			if feature == "ETags" {
				r.Area = conformance.Versions
			}
			r.Status, r.Reason = conformance.Skipped, "the endpoint does not support "+feature
			results = append(results, r)
		}
	}
	r := report(results...)
	r.Nonce, r.Slowed = "abcdefgh", 3
	r.Notes = []string{`No group could be created: the endpoint answered 400 Bad Request {"detail":"a group needs an *owner*"}. Options.Group tells what else groups need.`}
	for i := range 22 {
		r.Leftovers = append(r.Leftovers, fmt.Sprintf("/Users/%d", 1000+i))
	}
	return r
}

// TestReports compares all forms with the files in testdata/report, and reads
// them back where they are for machines.
func TestReports(t *testing.T) {
	fine := report(passed("rfc.create.user", conformance.Create), passed("entra.patch.add", conformance.Patch))
	unreachable := report()
	for _, id := range []string{"rfc.create.user", "rfc.read.user", "entra.filter.match"} {
		r := failed(id, conformance.Area(strings.Split(id, ".")[1]), "The endpoint answers "+id, "200 OK", "no answer: dial tcp 192.0.2.1:443: connect: connection refused",
			conformance.Exchange{Method: "GET", URL: base + "/Users", ResponseMissing: "dial tcp 192.0.2.1:443: connect: connection refused"})
		unreachable.Results = append(unreachable.Results, r)
	}
	blocked := passed("okta.members.add", conformance.Members)
	blocked.Status, blocked.Reason = conformance.Blocked, "the check panicked: a mistake of ours\ngoroutine 7"
	unreachable.Results = append(unreachable.Results, blocked)

	for _, test := range []struct {
		name   string
		report *conformance.Report
	}{
		{"broken", broken()},
		{"fine", fine},
		{"unreachable", unreachable},
		{"nothing", report()},
	} {
		for form := range writers {
			t.Run(test.name+"."+form, func(t *testing.T) {
				got := write(t, test.report, form)
				wellFormed(t, form, got)
				file := filepath.Join("testdata", "report", test.name+"."+form)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("differs from %s; -update rewrites it. Got:\n%s", file, got)
				}
			})
		}
	}
}

// TestCauses: what many checks stumble over is told once, by the check that
// shows it best, and what only looks alike is not thrown together.
func TestCauses(t *testing.T) {
	answer := func(id string, area conformance.Area, expected, method, path, body string, status int, received string) *conformance.Result {
		got := fmt.Sprintf("%d %s %s", status, http.StatusText(status), received)
		x := exchange(method, path, body, status, received)
		if status == 0 {
			got, x.ResponseMissing = "no answer: EOF", "EOF"
		}
		return failed(id, area, id, expected, strings.TrimSpace(got), x)
	}
	value := func(id, write, expected, got string) *conformance.Result {
		return failed(id, conformance.Patch, id, expected, got, exchange("PATCH", "/Users/7", write, 200, ""), exchange("GET", "/Users/7", "", 200, inactive))
	}
	blocked := answer("rfc.patch.add", conformance.Patch, "201 Created or 200 OK", "POST", "/Users", `{"userName":"u-abcdefgh-7"}`, 500, `{"error":"at 12:01"}`)
	blocked.Status, blocked.Reason = conformance.Blocked, "cannot create a user to work with"

	for _, test := range []struct {
		name    string
		results []*conformance.Result
		want    []string // the ids that show the causes
	}{
		{"one failing operation, whatever was expected of it", []*conformance.Result{
			answer("rfc.errors.bad", conformance.Errors, "400 Bad Request", "POST", "/Users", "{}", 500, `{"error":"at 12:02"}`),
			answer("rfc.create.user", conformance.Create, "201 Created", "POST", "/Users", `{"userName":"u-abcdefgh-1"}`, 500, `{"error":"at 12:03"}`),
			blocked,
		}, []string{"rfc.create.user"}},
		{"another operation, another status, another text", []*conformance.Result{
			answer("rfc.create.user", conformance.Create, "201 Created", "POST", "/Users", "{}", 500, "no table users"),
			answer("rfc.create.name", conformance.Create, "201 Created", "POST", "/Users", "{}", 500, "no table names"),
			answer("rfc.create.more", conformance.Create, "201 Created", "POST", "/Users", "{}", 502, "no table users"),
			answer("rfc.read.user", conformance.Read, "200 OK", "GET", "/Users/7", "", 500, "no table users"),
		}, []string{"rfc.create.user", "rfc.create.name", "rfc.create.more", "rfc.read.user"}},
		{"errors of the wrong form, wherever they come from", []*conformance.Result{
			answer("rfc.errors.read", conformance.Errors, "a SCIM error in JSON", "GET", "/Users/0", "", 404, "not found"),
			answer("rfc.errors.create", conformance.Errors, "a SCIM error in JSON", "POST", "/Groups", "{}", 400, "bad"),
		}, []string{"rfc.errors.read"}},
		{"errors of the wrong form, shown by the check that is about their form", []*conformance.Result{
			answer("rfc.read.unknown", conformance.Read, "a SCIM error in JSON", "GET", "/Users/0", "", 404, "not found"),
			answer("rfc.errors.shape", conformance.Errors, "a SCIM error in JSON", "GET", "/Users/0", "", 404, "not found"),
		}, []string{"rfc.errors.shape"}},
		{"no answer, from two operations", []*conformance.Result{
			answer("rfc.put.type", conformance.Replace, "400 Bad Request", "PUT", "/Users/7", "{}", 0, ""),
			answer("rfc.create.type", conformance.Create, "400 Bad Request", "POST", "/Users", "{}", 0, ""),
			answer("rfc.put.lists", conformance.Replace, "200 OK", "PUT", "/Users/8", "{}", 0, ""),
			answer("rfc.groups.put", conformance.Members, "200 OK", "PUT", "/Groups/9", "{}", 0, ""),
		}, []string{"rfc.put.lists", "rfc.create.type", "rfc.groups.put"}},
		{"what should have been refused: each is a cause", []*conformance.Result{
			answer("rfc.errors.type", conformance.Errors, "400 Bad Request", "POST", "/Users", `{"active":"maybe"}`, 201, inactive),
			answer("rfc.errors.name", conformance.Errors, "400 Bad Request", "POST", "/Users", `{"userName":null}`, 201, inactive),
		}, []string{"rfc.errors.type", "rfc.errors.name"}},
		{"the same write in two suites, with the same outcome", []*conformance.Result{
			value("rfc.patch.active", `{"active":"False"}`, "active false", "active true"),
			value("entra.patch.active", `{"active":"False"}`, "active false", "active true"),
			value("okta.patch.active", `{"active":false}`, "active false", "active true"),
		}, []string{"rfc.patch.active", "okta.patch.active"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for line := range strings.SplitSeq(write(t, report(test.results...), "md"), "\n") {
				if _, after, ok := strings.Cut(line, "<details><summary>"); ok {
					_, id, _ := strings.Cut(after, "<code>")
					id, _, _ = strings.Cut(id, "</code>")
					got = append(got, id)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("causes %q; want %q", got, test.want)
			}
		})
	}
}

// TestReportReadBack: the JSON form holds all that the other forms tell.
func TestReportReadBack(t *testing.T) {
	want := broken()
	for name, encode := range map[string]func() ([]byte, error){
		"WriteJSON": func() ([]byte, error) { return []byte(write(t, want, "json")), nil },
		"Marshal":   func() ([]byte, error) { return json.Marshal(want) },
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encode()
			if err != nil {
				t.Fatal(err)
			}
			var got conformance.Report
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&got, want) {
				t.Error("what was read is not what was written")
			}
			for form := range writers {
				if write(t, &got, form) != write(t, want, form) {
					t.Errorf("the report that was read writes another %s", form)
				}
			}
		})
	}
	for _, odd := range []string{`{}`, `{"format":"usher-check/2"}`, `{"format":"usher-check/1","durationMs":"1"}`, `{"format":"usher-check/1","results":[{"durationMs":[]}]}`, `{"format":"usher-check/1","results":[null]}`} {
		if err := json.Unmarshal([]byte(odd), new(conformance.Report)); err == nil {
			t.Errorf("%s is read as a report", odd)
		}
	}
}
