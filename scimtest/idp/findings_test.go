package idp_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/idp"
)

// asked answers searches whose filter matches with a body.
func asked(pattern string, status int, body string) func(http.Handler) http.Handler {
	re := regexp.MustCompile(pattern)
	return change(nil, func(r *http.Request, a *answered) {
		if re.MatchString(r.URL.Query().Get("filter")) {
			a.status, a.body = status, body
		}
	})
}

// TestReferenceChecks: a wrong answer to whether somebody is a manager or a
// member is seen before a restart shows it, and as what it is.
func TestReferenceChecks(t *testing.T) {
	always := change(nil, func(r *http.Request, a *answered) { // the filter's second half is ignored
		q := r.URL.Query().Get("filter")
		if id, _, ok := strings.Cut(q, " and members eq "); ok {
			a.status, a.body = 200, listOf(`{"id":`+strings.TrimPrefix(id, "id eq ")+`}`)
		}
	})
	for _, tt := range []struct {
		name, filter, want, why string
		wrap                    func(http.Handler) http.Handler
		writes                  bool // by the next restart
	}{
		{"no members", " and members eq ", "totalResults 1: a member of the group is ", "writes what is there already", asked(" and members eq ", 200, empty), true},
		{"all are members", " and members eq ", "totalResults 0: no member of the group is ", "never writes what is missing", always, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, ctx := company(), t.Context()
			entra := newEntra(t, serve(t, tt.wrap), token, nil)
			if r, err := entra.Sync(ctx, d); err != nil {
				t.Fatalf("the initial cycle asks nothing of what it has created: %v\n%s", err, r)
			}
			r, err := entra.Verify(ctx, d)
			if err == nil || len(r.Failures) == 0 {
				t.Fatal("Verify finds nothing")
			}
			for _, f := range r.Failures {
				if f.Code != idp.CodeDifference || !strings.Contains(f.Want, tt.want) || !strings.Contains(f.Why, tt.why) ||
					!strings.Contains(f.Want, "@contoso.example)") || !strings.Contains(f.Error(), tt.filter) || f.ResponseBody == "" {
					t.Errorf("got %v\nwant %s and %s, with names", f, tt.want, tt.why)
				}
			}
			entra.Restart(idp.KeepLinks)
			if r, err = entra.Sync(ctx, d); err != nil || (r.Writes() > 0) != tt.writes {
				t.Errorf("the restart: %v\n%s", err, r)
			}
			for _, w := range r.FirstWrites {
				if w.Because == nil || !strings.Contains(w.Because.Request, "members+eq") || w.Because.ResponseBody != empty ||
					!strings.Contains(w.String(), "because  GET ") || !strings.Contains(w.String(), tt.filter) {
					t.Errorf("got %s\nwant it to follow from a question about a member", w)
				}
			}
		})
	}
}

// TestDeniedManagers: Entra reads who is the manager, and writes nothing where
// that is right.
func TestDeniedManagers(t *testing.T) {
	d, ctx := company(), t.Context()
	entra := newEntra(t, serve(t, asked(" and manager eq ", 200, empty)), token, nil)
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	r, err := entra.Verify(ctx, d)
	if err != nil || len(r.Advice) != 1 || !strings.Contains(r.Advice[0], "There are 11: user Amelia O'Connor (a.o'connor+x@contoso.example), whose manager is ") {
		t.Errorf("got %v and %q, want advice", err, r.Advice)
	}
	entra.Restart(idp.KeepLinks)
	if r, err = entra.Sync(ctx, d); err != nil || r.Writes() > 0 {
		t.Errorf("the restart: %v\n%s", err, r)
	}
}

// TestRefusedChecks: a question that is refused is reported, and the reference
// written all the same.
func TestRefusedChecks(t *testing.T) {
	const refusal = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidFilter","detail":"no such filter"}`
	d, ctx := company(), t.Context()
	entra := newEntra(t, serve(t, asked(" and (members|manager) eq ", 400, refusal)), token, nil)
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	d.User("ar").Manager = "o'c"
	r, err := entra.Sync(ctx, d)
	if err == nil || len(r.Failures) != 1 || r.Requests(idp.PatchManager) != 1 {
		t.Fatalf("got %v, want one failure and the manager written:\n%s", err, r)
	}
	if f := r.Failures[0]; f.Code != idp.CodeBadRequest || !strings.Contains(f.Why, "we infer") || f.ResponseBody != refusal {
		t.Errorf("got %v", f)
	}
	entra.Restart(idp.KeepLinks)
	r, err = entra.Sync(ctx, d)
	if err == nil || r.Requests(idp.PatchMembers) == 0 {
		t.Errorf("after a restart: %v, want members written:\n%s", err, r)
	}
	for _, f := range r.Failures {
		if f.Code != idp.CodeBadRequest || f.ResponseBody != refusal {
			t.Errorf("got %v, want the refused questions alone", f)
		}
	}
}

// TestStrays: members whom no cycle would take out are advice, and one that
// was to be taken out and is still there is a difference.
func TestStrays(t *testing.T) {
	var url string
	var extra string // the endpoint's id of somebody who is in every group
	members := regexp.MustCompile(`"members":\[`)
	url = serve(t, change(nil, func(r *http.Request, a *answered) {
		if extra == "" || r.Method != "GET" || !strings.Contains(r.URL.Path, "/Groups/") || r.URL.RawQuery != "" {
			return
		}
		element := `{"value":"` + extra + `"}`
		if members.MatchString(a.body) {
			a.body = members.ReplaceAllString(a.body, `"members":[`+element+`,`)
		} else {
			a.body = strings.TrimSuffix(strings.TrimSpace(a.body), "}") + `,"members":[` + element + `]}`
		}
	}))
	ctx, d := t.Context(), company()
	d.Groups = []idp.Group{{ID: "rd", DisplayName: "R&D", Members: []string{"o'c", "ja", "u01"}}}
	entra := newEntra(t, url, token, nil)
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	id := func(name string) string {
		var found struct{ Resources []struct{ ID string } }
		if err := json.Unmarshal([]byte(request(t, "GET", url+"/Users?filter=userName+eq+%22"+name+"@contoso.example%22")), &found); err != nil || len(found.Resources) != 1 {
			t.Fatalf("%s: got %v, %v", name, found, err)
		}
		return found.Resources[0].ID
	}
	sato, u01, boss := id("sato"), id("u01"), id("boss")
	verify := func(e *idp.Entra, failure, advice string) {
		t.Helper()
		r, err := e.Verify(ctx, d)
		switch {
		case failure == "" && err != nil:
			t.Errorf("want no failure: %v", err)
		case failure != "" && (len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Want, failure)):
			t.Errorf("got %v, want %s", err, failure)
		}
		if got := strings.Join(r.Advice, "\n"); !strings.Contains(got, advice) || advice == "" && got != "" {
			t.Errorf("got the advice %q, want %q", got, advice)
		}
	}
	extra = boss
	verify(entra, `3 members; 1 should not be there: "`+boss+`" (user Zoë Müller 🌻 (boss@contoso.example))`, "")

	extra = ""
	d.Group("rd").Members = []string{"o'c", "u01"}
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	extra = sato
	verify(entra, `2 members; 1 should not be there: "`+sato+`" (user 佐藤 陽葵 (sato@contoso.example))`, "")

	d.Remove("u01")
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	extra = u01
	verify(entra, "", `There are 1: "`+u01+`" (user User u01 (u01@contoso.example), deleted), in group R&D`)

	other := newEntra(t, url, token, nil) // finds the group, and who is in it
	if _, err := other.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	extra = boss
	verify(other, "", `groups that were there before`)

	okta := newProvider(t, "okta", url, nil) // reads members, and would write
	extra = ""
	if _, err := okta.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	extra = boss
	if r, err := okta.Verify(ctx, d); err == nil || !strings.Contains(r.Failures[0].Want, "1 should not be there: \""+boss+"\" (user Zoë") {
		t.Errorf("okta: %v", err)
	}
}

// TestUnfound: who is not found by a search is told with the search.
func TestUnfound(t *testing.T) {
	for _, name := range []string{"entra", "okta"} {
		t.Run(name, func(t *testing.T) {
			searches := 0
			url := serve(t, change(nil, func(r *http.Request, a *answered) {
				if strings.Contains(r.URL.Query().Get("filter"), "sato@contoso.example") {
					if searches++; searches > 1 {
						a.body = empty
					}
				}
			}))
			p := newProvider(t, name, url, &idp.Options{Workers: 1, UsersOnly: true})
			if _, err := p.Sync(t.Context(), company()); err != nil {
				t.Fatal(err)
			}
			r, err := p.Verify(t.Context(), company())
			if len(r.Failures) != 1 {
				t.Fatalf("got %v, want one failure", err)
			}
			if f := r.Failures[0]; !strings.Contains(f.Want, "not nothing") || !strings.Contains(f.Request, "sato") || f.ResponseBody != empty {
				t.Errorf("got %v, want the search and its answer", f)
			}
		})
	}
}

// TestMediaType: the wrong type is said once in a run, and is advice for those
// who read it.
func TestMediaType(t *testing.T) {
	url := serve(t, change(nil, func(_ *http.Request, a *answered) { a.media = "application/json; charset=utf-8" }))
	for name, failures := range map[string]int{"entra": 1, "okta": 0, "rfc": 0} {
		r, err := newProvider(t, name, url, nil).Sync(t.Context(), company())
		if len(r.Failures) != failures || failures == 0 && (len(r.Advice) != 1 || !strings.Contains(r.Advice[0], "application/scim+json")) {
			t.Errorf("%s: %v, advice %q; want %d failures, or advice", name, err, r.Advice, failures)
		}
	}
}

// TestUnknownProperties: a misspelled property is no silent nothing.
func TestUnknownProperties(t *testing.T) {
	d := company()
	d.Users[1].Extra = map[string]any{"costCenter": "7", "team": "x"}
	o := &idp.Options{
		UserMappings: append(idp.DefaultUserMappings(),
			idp.Mapping{Source: `Join("-", [costCentre], [costCenter], [jobtitle])`, Target: "nickName"}, idp.Mapping{Source: "costCenter", Target: "profileUrl"}),
		UserScope: []idp.ScopingFilter{{{Attribute: "tean", Operator: "IS NULL"}, {Attribute: "department", Operator: "IS NULL"}}},
	}
	r, _ := newEntra(t, serve(t, nil), token, o).Sync(t.Context(), d)
	want := []string{"the mappings or scoping filters name properties that no user of the directory has: costCentre, tean"}
	if !reflect.DeepEqual(r.Advice, want) {
		t.Errorf("got %q, want %q", r.Advice, want)
	}
}

// TestReportJSON: a report that was written can be read.
func TestReportJSON(t *testing.T) {
	d, ctx := company(), t.Context()
	entra := newEntra(t, serve(t, change(nil, replace(`"title":`, `"x":`))), token, nil)
	r, err := entra.Sync(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.FirstWrites) != 5 {
		t.Errorf("%d first writes, want 5", len(r.FirstWrites))
	}
	check, err := entra.Verify(ctx, d)
	if err == nil {
		t.Fatal("want a failure")
	}
	check.Advice, check.Stopped, check.Waiting, check.Held = []string{"rest"}, "why", 3, 4
	check.Quarantine = &idp.Quarantine{Reason: "so", Since: check.Started, Next: check.Started.Add(time.Hour)}
	for _, was := range []*idp.Report{r, check, {}} {
		src, err := json.Marshal(was)
		if err != nil {
			t.Fatal(err)
		}
		var is idp.Report
		if err := json.Unmarshal(src, &is); err != nil {
			t.Fatal(err)
		}
		was.Duration = was.Duration.Truncate(time.Microsecond)
		for i := range was.Latencies {
			l := &was.Latencies[i]
			for _, d := range []*time.Duration{&l.P50, &l.P95, &l.P99, &l.Max} {
				*d = d.Truncate(time.Microsecond)
			}
		}
		if !reflect.DeepEqual(&is, was) {
			t.Errorf("got  %+v\nwant %+v", &is, was)
		}
	}
	if err := json.Unmarshal([]byte(`{"durationMs": "1"}`), &idp.Report{}); err == nil {
		t.Error("a duration that is a string was read")
	}
}
