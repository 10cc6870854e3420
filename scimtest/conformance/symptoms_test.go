package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
)

// TestSymptomIDs: symptoms speak of checks that there are.
func TestSymptomIDs(t *testing.T) {
	checks := conformance.Checks()
	for title, ids := range conformance.SymptomIDs() {
		for i, id := range ids {
			begin, star := strings.CutSuffix(id, "*")
			if !slices.ContainsFunc(checks, func(r *conformance.Result) bool { return r.ID == id || star && strings.HasPrefix(r.ID, begin) }) {
				t.Errorf("%s: there is no check %s", title, id)
			}
			if slices.Contains(ids[:i], id) {
				t.Errorf("%s: %s stands twice", title, id)
			}
		}
	}
}

// A gist is a line of what is wrong in short.
type gist struct {
	checks int
	title  string
}

var gistLine = regexp.MustCompile(`(?m)^  [✗⊘] +([0-9]+) (.*) \([^()]*\)$`)

// inShort reads the lines back from the text.
func inShort(t *testing.T, r *conformance.Report) (gists []gist) {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b, conformance.TextOptions{Width: 1000}); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(b.String(), "\nWhat is wrong, in short")
	text, _, _ = strings.Cut(text, "\nFindings")
	for _, m := range gistLine.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		gists = append(gists, gist{n, m[2]})
	}
	return gists
}

// TestSymptoms makes one mistake at a time: the first line in short must name
// it, and hold most of what fails.
func TestSymptoms(t *testing.T) {
	nothing := func(c *call) { c.w.WriteHeader(204) }
	none := func(c *call) { answers(200, emptyList)(c) }
	clears := func(o object) bool { v, ok := o["value"]; return ok && (v == nil || v == "") }
	for _, test := range []struct {
		name string
		wrap wrapper
		want string
	}{
		{"op with case", flawed("PATCH", "", `"op":"[A-Z]`, refuses(400, "invalidSyntax")), "The op of a PATCH is matched with case: Add, Replace and Remove do not work"},
		{"op with case, quietly", flawed("PATCH", "", `"op":"[A-Z]`, nothing), "The op of a PATCH is matched with case: Add, Replace and Remove do not work"},
		{"web pages for errors", flawed("", "", "", plain), "Errors are not SCIM errors"},
		{"another media type", flawed("", "", "", func(c *call) {
			if c.pass(); c.w.Header().Get("Content-Type") != "" {
				c.w.Header().Set("Content-Type", "application/json")
			}
		}), "Answers are not application/scim+json"},
		{"duplicates", flawed("POST", "/Users$", "", func(c *call) {
			if c.pass(); c.w.Code == http.StatusConflict {
				var o object
				_ = json.Unmarshal([]byte(c.body), &o)
				o["id"] = "another"
				body, _ := json.Marshal(o)
				c.w = httptest.NewRecorder()
				answers(201, string(body))(c)
			}
		}), "userName is not unique"},
		{"excludedAttributes", flawed("GET", "", "", forgets("excludedAttributes")), "The parameter excludedAttributes is ignored"},
		{"attributes", flawed("", "", "", forgets("attributes")), "The parameter attributes is ignored: answers have what nobody asked for"},
		{"eq alone", flawed("GET", `filter=[^&]*\+(ne|co|sw|ew|pr|gt|ge|lt|le)\b`, "", none), "In filters only eq works: ne, co, sw, ew, pr, gt and their like do not"},
		{"no logic", flawed("GET", `filter=[^&]*(\+and\+|\+or\+|not\+|%28)`, "", none), "In filters little works besides a single eq: neither other operators nor and, or and not"},
		{"parts", flawed("GET", `filter=[a-zA-Z]+(%5B|\.)`, "", none), `Filters on parts of attributes, such as emails[type eq "work"].value and name.familyName, find nobody or are refused`},
		{"filters with case", flawed("GET", `filter=[a-zA-Z]+Name\+eq\+%22[A-Z0-9]+-[A-Z0-9]`, "", none), "Filters compare userName and displayName with case"},
		{"paths with filters", flawed("PATCH", "/Users/", `"(emails|addresses|phoneNumbers|roles)\[`, nothing), `Paths with a filter, such as emails[type eq "work"].value, are not understood`},
		{"booleans", flawed("P.*", "/Users", `:"([Tt]rue|[Ff]alse)"`, refuses(400, "invalidValue")), `"True" and "False", strings for booleans, are refused or stay strings`},
		{"null and nothing", flawed("PATCH", "/Users/", "", eachOperation(func(o object) {
			if clears(o) {
				o["op"], o["path"], o["value"] = "replace", "displayName", "kept"
			}
		})), `A value cannot be cleared by "" or null`},
		{"Remove with a value", flawed("PATCH", "/Groups/", `(?i)"op":"remove","path":"members","value"`, eachOperation(func(o object) { delete(o, "value") })), "Remove of members with a value empties the group"},
		{"members by filter", flawed("PATCH", "/Groups/", `members\[value`, nothing), `members[value eq "id"] removes nobody, or more than the one`},
		{"members added", flawed("PATCH", "/Groups/", `(?i)"op":"add"`, nothing), "Members that are added are not in the group, or the others are out"},
		{"managers", flawed("PATCH", "/Users/", `manager`, refuses(400, "invalidValue")), `A manager that is sent as a bare id, or cleared with "", is not understood`},
		{"no way out", flawed("PATCH", "/Users/", `"op":"[Rr]emove"`, nothing), "Remove takes nothing away"},
		{"PATCH is ignored", flawed("PATCH", "/Users/", "", nothing), "PATCH does not work: nothing changes"},
		{"PUT is ignored", flawed("PUT", "/Users/", "", ignored), "PUT does not replace"},
		{"everything is a success", flawed("PATCH", "/Users/", "", swallowed), "Mistakes in a PATCH are answered with success"},
		{"discovery", flawed("GET", "/(Schemas|ResourceTypes)", "", refuses(404, "")), "/Schemas, /ResourceTypes and /ServiceProviderConfig are not all there"},
		{"the dead live", flawed("DELETE", "/(Users|Groups)/", "", nothing), "What is deleted is still there"},
		{"it breaks down", flawed("PUT", "/Users/", "", func(*call) { panic(http.ErrAbortHandler) }), "PUT /Users/{id} is not answered: EOF"},
		{"it fails", flawed("PATCH", "/Groups/", "", refuses(500, "")), "PATCH /Groups/{id} is answered with 500 Internal Server Error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report := check(t, serve(t, test.wrap), conformance.Options{Only: []string{ // without those that take long
				"rfc.", "okta.", "microsoft.validator.", "entra.transport.errors", "entra.transport.media-type", "entra.search.", "entra.create.", "entra.patch.", "entra.values.",
				"entra.manager.", "entra.active.", "entra.lifecycle.", "entra.groups.", "entra.members.add", "entra.members.re", "entra.schemas.",
			}})
			gists := inShort(t, report)
			if len(gists) == 0 || gists[0].title != test.want {
				t.Fatalf("in short %+v; want first %q", gists, test.want)
			}
			if all := len(report.Findings()) + len(with(report, conformance.Blocked)); gists[0].checks*2 < all {
				t.Errorf("%q tells %d of %d; want most", test.want, gists[0].checks, all)
				for _, r := range report.Findings() {
					t.Log(r.ID, r.Finding.Expected, r.Finding.Got)
				}
			}
		})
	}
}

// TestShort: what one check alone finds needs no summary, nor what is well.
func TestShort(t *testing.T) {
	for name, wrap := range map[string]wrapper{
		"well": nil,
		"one":  flawed("GET", "/Users/", "", without("meta")),
	} {
		t.Run(name, func(t *testing.T) {
			report := check(t, serve(t, wrap), conformance.Options{Only: []string{"rfc.create.meta", "rfc.read.unknown"}})
			if got := write(t, report, "txt"); strings.Contains(got, "in short") {
				t.Errorf("there is little to tell, and it is told in short:\n%s", got)
			}
		})
	}
}
