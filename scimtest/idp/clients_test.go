package idp_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

func newProvider(t *testing.T, name, url string, options *idp.Options) idp.Provider {
	t.Helper()
	p, err := idp.New(name, url, token, options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// clientLater is what happens to the company, and what each provider writes
// of it. Managers are nobody's business here.
var clientLater = []struct {
	name    string
	happens func(*idp.Directory)
	writes  map[string]int // by provider; "" is any other
}{
	{"nothing", func(*idp.Directory) {}, nil},
	{"renames and moves", func(d *idp.Directory) { later[1].happens(d) }, map[string]int{"": 2}},
	{"disable", func(d *idp.Directory) { d.User("ja").Disabled = true }, map[string]int{"": 1}},
	{"restore, with a new address", func(d *idp.Directory) {
		d.User("ja").Disabled, d.User("ja").Mail = false, "hina@contoso.example"
	}, map[string]int{"": 1, "okta-catalog": 2}},
	{"somebody comes into scope, and into a group", func(d *idp.Directory) { d.User("out").Disabled = false }, map[string]int{"": 2, "okta-catalog": 3}},
	{"groups", func(d *idp.Directory) { later[5].happens(d) }, map[string]int{"": 4, "okta": 3, "okta-catalog": 6, "jumpcloud": 6, "rfc": 3}},
	// where users are deleted, so are their memberships
	{"departures", func(d *idp.Directory) { d.Remove("u01"); d.Remove("ja"); d.Remove("none") }, map[string]int{"okta": 5, "okta-catalog": 7, "jumpcloud": 6, "": 3}},
	{"somebody comes back, with a namesake's help", func(d *idp.Directory) {
		d.Users = append(d.Users, idp.User{ID: "u01", UserPrincipalName: "u01@contoso.example", DisplayName: "User u01 again"})
		d.Groups = append(d.Groups, idp.Group{ID: "new", DisplayName: "New", Members: []string{"u01", "boss", "all"}})
	}, map[string]int{"": 2, "okta-catalog": 3, "onelogin": 3, "jumpcloud": 4}},
	{"nobody is left in a group", func(d *idp.Directory) { d.Group("new").Members = nil }, map[string]int{"": 1, "okta-catalog": 2, "jumpcloud": 2}},
}

func TestClientCycles(t *testing.T) {
	for _, name := range idp.Names()[1:] {
		t.Run(name, func(t *testing.T) {
			d, ctx := company(), t.Context()
			p := newProvider(t, name, serve(t, nil), nil)
			if r, err := p.TestConnection(ctx); err != nil {
				t.Fatalf("Test Connection: %v\n%v", err, r)
			}
			r, err := p.Sync(ctx, d)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Requests(idp.CreateUser); got != 12 || r.Run != "initial cycle" {
				t.Errorf("%s created %d users, want 12 in the initial cycle: who is disabled is not created", r.Run, got)
			}
			if _, err := p.Verify(ctx, d); err != nil {
				t.Fatal(err)
			}
			for _, step := range clientLater {
				step.happens(&d)
				r, err := p.Sync(ctx, d)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				want, ok := step.writes[name]
				if !ok {
					want = step.writes[""]
				}
				if got := r.Writes(); got != want {
					t.Errorf("%s: got %d writes, want %d:\n%s", step.name, got, want, r)
				}
				check, err := p.Verify(ctx, d)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				if check.Writes() != 0 {
					t.Errorf("%s: Verify wrote:\n%s", step.name, check)
				}
			}
			p.(*idp.Client).ResetLinks()
			if r, err = p.Sync(ctx, d); err != nil {
				t.Fatalf("after a reset of the links: %v", err)
			}
			if r.Run != "initial cycle" || r.Writes() != 0 {
				t.Errorf("after a reset of the links everybody must be found again and nothing written:\n%s", r)
			}
		})
	}
}

// TestBatches: many members go in several requests.
func TestBatches(t *testing.T) {
	for _, name := range []string{"okta-catalog", "onelogin", "rfc-patch"} {
		t.Run(name, func(t *testing.T) {
			d, ctx := company(), t.Context()
			p := newProvider(t, name, serve(t, nil), &idp.Options{MembersPerPatch: 3})
			if _, err := p.Sync(ctx, idp.Directory{Users: d.Users, Groups: []idp.Group{{ID: "g", DisplayName: "G", Members: []string{"boss", "o'c", "ja", "ar"}}}}); err != nil {
				t.Fatal(err)
			}
			d.Groups = []idp.Group{{ID: "g", DisplayName: "G", Members: []string{"u00", "u01", "u02", "u03"}}}
			r, err := p.Sync(ctx, d)
			if err != nil || r.Requests(idp.PatchMembers) != 3 { // 4 out and 4 in
				t.Errorf("%v, want 3 changes of members:\n%s", err, r)
			}
			if _, err := p.Verify(ctx, d); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestImport: Okta reads all there is, a hundred at a time.
func TestImport(t *testing.T) {
	var d idp.Directory
	for i := range 230 {
		id := fmt.Sprintf("i%03d", i)
		d.Users = append(d.Users, idp.User{ID: id, UserPrincipalName: id + "@contoso.example", DisplayName: id})
		d.Groups = append(d.Groups, idp.Group{ID: "g" + id, DisplayName: "Group " + id})
	}
	url, ctx := serve(t, nil), t.Context()
	if _, err := newEntra(t, url, token, nil).Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	for name, pages := range map[string]int{"okta": 6, "onelogin": 2} { // OneLogin reads groups alone, in pages of the endpoint's
		p := newProvider(t, name, url, nil)
		r, err := p.Sync(ctx, d)
		if err != nil || r.Requests(idp.ImportUsers, idp.ImportGroups) != pages || r.Requests(idp.CreateUser, idp.CreateGroup) != 0 {
			t.Errorf("%s: %v, want %d pages and nothing created:\n%s", name, err, pages, r)
		}
		if r, err = p.Sync(ctx, d); err != nil || r.Requests(idp.ImportUsers, idp.ImportGroups) != 0 {
			t.Errorf("%s: %v, want no import:\n%s", name, err, r)
		}
	}
}

// TestDeparturesAgain: who could not be deleted or deactivated is not
// forgotten.
func TestDeparturesAgain(t *testing.T) {
	for _, name := range idp.Names()[1:] {
		t.Run(name, func(t *testing.T) {
			var down atomic.Bool
			url := serve(t, change(nil, func(r *http.Request, a *answered) {
				if down.Load() && r.Method != "GET" {
					a.status = 503
				}
			}))
			d, ctx := company(), t.Context()
			p := newProvider(t, name, url, nil)
			if _, err := p.Sync(ctx, d); err != nil {
				t.Fatal(err)
			}
			down.Store(true)
			d.Remove("u01")
			if _, err := p.Sync(ctx, d); err == nil {
				t.Fatal("want failures")
			}
			down.Store(false)
			if _, err := p.Sync(ctx, d); err != nil {
				t.Fatal(err)
			}
			left := request(t, "GET", url+"/Users?filter=userName+eq+%22u01@contoso.example%22+and+active+eq+true")
			if !strings.Contains(left, `"totalResults":0`) {
				t.Errorf("still active: %s", left)
			}
			if _, err := p.Verify(ctx, d); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBrokenForClients: mistakes of endpoints are named, by the identity
// providers that run into them.
func TestBrokenForClients(t *testing.T) {
	request := func(pattern, with string) func(http.Handler) http.Handler {
		re := regexp.MustCompile(pattern)
		return change(func(_ *http.Request, body string) string { return re.ReplaceAllString(body, with) }, nil)
	}
	status := func(method, path string, status int) func(http.Handler) http.Handler {
		return change(nil, func(r *http.Request, a *answered) {
			if r.Method == method && strings.Contains(r.URL.Path, path) {
				a.status = status
			}
		})
	}
	query := func(parameter, value string) func(http.Handler) http.Handler {
		return change(func(r *http.Request, body string) string {
			if q := r.URL.Query(); q.Has(parameter) {
				q.Set(parameter, value)
				r.URL.RawQuery = q.Encode()
			}
			return body
		}, nil)
	}
	for _, tt := range []struct {
		name, reason string
		providers    string // that run into it
		wrap         func(http.Handler) http.Handler
		code, want   string // a failure that must be there
		more         int    // people than the company has
	}{
		{
			"no PUT", "requirements of Okta's wizard apps", "okta okta-catalog onelogin rfc", status("PUT", "/Users/", 501),
			idp.CodeNotImplemented, "200 OK", 0,
		}, {
			"no PATCH of groups", "authentik #11249", "okta-catalog onelogin jumpcloud rfc-patch", status("PATCH", "/Groups/", 405),
			idp.CodeMethodNotAllowed, "204 No Content or 200 OK", 0,
		}, {
			"PUT without a body", "Okta reads the updated user", "okta onelogin rfc", change(nil, func(r *http.Request, a *answered) {
				if r.Method == "PUT" {
					a.body = ""
				}
			}), idp.CodeIncompatible, "a JSON object", 0,
		}, {
			"an empty answer to a POST", "Okta: Create new user returned empty user", "okta onelogin jumpcloud rfc", change(nil, func(r *http.Request, a *answered) {
				if r.Method == "POST" {
					a.body = "{}"
				}
			}), idp.CodeIncompatible, "a string id", 0,
		}, {
			"deactivation without a path ignored", "SCIM-SDK #193", "okta-catalog", request(`"value":\{"active":false\}`, `"value":{"nickName":"x"}`),
			idp.CodeDifference, "active false (it is true)", 0,
		}, {
			"active ignored in PUT", "a leaver keeps access", "okta onelogin rfc", request(`"active":false`, `"active":true`),
			idp.CodeDifference, "active false (it is true)", 0,
		}, {
			"rename without a path ignored", "SCIM-SDK #193", "okta-catalog onelogin jumpcloud", request(`"displayName":"Somebody"`, `"displayName":"Nobody"`),
			idp.CodeDifference, `displayName "Somebody"`, 0,
		}, {
			"removal by path ignored", "authentik #24173, #25686", "okta-catalog rfc-patch", request(`members\[value eq .*?\]"`, `members[value eq \"nobody\"]"`),
			idp.CodeDifference, "should not be there", 0,
		}, {
			"removal by value wipes the group", "azure-docs #30826", "onelogin jumpcloud", request(`("op":"remove","path":"members"),"value":\[.*?\]`, "$1"),
			idp.CodeDifference, "are missing", 0,
		}, {
			"the empty list replaces nothing", "requests of Okta", "okta-catalog", request(`"path":"members","value":\[\]`, `"path":"externalId","value":"x"`),
			idp.CodeDifference, "should not be there", 0,
		}, {
			"members of a POST dropped", "litellm PR #34181", "okta rfc", change(func(r *http.Request, body string) string {
				if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/Groups") {
					body = regexp.MustCompile(`,"members":\[.*?\]`).ReplaceAllString(body, "")
				}
				return body
			}, nil), idp.CodeDifference, "are missing", 0,
		}, {
			"deactivated users are hidden", "nobody can be reactivated", "okta okta-catalog jumpcloud", change(nil, func(r *http.Request, a *answered) {
				if strings.Contains(a.body, `"active":false`) {
					a.status = 404
				}
			}), idp.CodeInvalidAnchor, "200 OK", 0,
		}, {
			"deletion does not delete", "RFC 7644 §3.6", "onelogin rfc rfc-patch", change(func(r *http.Request, body string) string {
				if r.Method == "DELETE" {
					r.Method = "GET"
				}
				return body
			}, nil), idp.CodeDifference, "404 Not Found", 0,
		}, {
			"filter ignored", "worse than an error", "okta onelogin jumpcloud rfc", query("filter", `userName pr or displayName pr`),
			idp.CodeIncompatible, "a match whose", 0,
		}, {
			"count ignored", "RFC 7644 §3.4.2.4", "okta", query("count", "5000"), idp.CodeIncompatible, "at most 2 resources", 0,
		}, {
			"small pages", "Okta goes on at startIndex+100", "okta", query("count", "7"), idp.CodeIncompatible, "100 resources on every page but the last", 0,
		}, {
			"startIndex ignored", "the first page over and over", "okta", change(func(r *http.Request, body string) string {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "startIndex=101", "startIndex=1", 1)
				return body
			}, nil), idp.CodeIncompatible, "on one page alone", 120,
		}, {
			"numbers as strings", "Okta's reference: integers, not strings", "okta", change(nil, replace(`"(startIndex|itemsPerPage)":(\d+)`, `"$1":"$2"`)),
			idp.CodeIncompatible, "the numbers totalResults", 0,
		}, {
			"no itemsPerPage", "Okta's SPEC test asserts a number", "okta", change(nil, replace(`"itemsPerPage":\d+,?`, ``)),
			idp.CodeIncompatible, "the numbers totalResults", 0,
		}, {
			"groups of one name", "no telling which", "okta onelogin", change(nil, func(r *http.Request, a *answered) {
				if r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/Groups") && !r.URL.Query().Has("filter") {
					a.body = regexp.MustCompile(`"displayName":"(?:[^"\\]|\\.)*"`).ReplaceAllString(a.body, `"displayName":"All Employees"`)
				}
			}), idp.CodeDuplicates, "one group of the name", 0,
		}, {
			"conflict at once", "Okta's reference: 409 stops the job", "okta rfc", status("POST", "/Users", 409), idp.CodeConflict, "201 Created", 0,
		}, {
			"token refused", "nothing works", "okta onelogin jumpcloud rfc", change(func(r *http.Request, body string) string {
				r.Header.Del("Authorization")
				return body
			}, nil), idp.CodeUnauthorized, "200 OK", 0,
		}, {
			"an error page", "errors must be JSON to Okta", "okta onelogin rfc", change(nil, func(_ *http.Request, a *answered) { a.media, a.body = "text/html", "<html>" }),
			idp.CodeIncompatible, "Content-Type application/scim+json", 0,
		}, {
			"emails lost", "an attribute that is not stored", "okta okta-catalog onelogin jumpcloud rfc rfc-patch", request(`"emails":\[.*?\],?`, ""),
			idp.CodeDifference, "emails[type eq", 0,
		}, {
			"arrays are not replaced as a whole", "RFC 7644 §3.5.2.3", "jumpcloud rfc-patch", request(`"path":"emails"`, `"path":"nickName"`),
			idp.CodeDifference, "emails[type eq", 0,
		}, {
			"no patch support declared", "RFC 7643 §5", "rfc-patch", change(nil, replace(`"patch":\{"supported":true\}`, `"patch":{"supported":false}`)),
			idp.CodeIncompatible, "patch.supported true", 0,
		},
	} {
		for _, name := range strings.Fields(tt.providers) {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				d, ctx, url := company(), t.Context(), serve(t, tt.wrap)
				for i := range tt.more {
					id := fmt.Sprintf("p%03d", i)
					d.Users = append(d.Users, idp.User{ID: id, UserPrincipalName: id + "@contoso.example"})
				}
				p := newProvider(t, name, url, nil)
				var failures []*idp.Failure
				note := func(r *idp.Report, err error) {
					if (err != nil) != (len(r.Failures) > 0) || err != nil && !errors.As(err, new(*idp.Failure)) {
						t.Errorf("%d failures, but the error is %v", len(r.Failures), err)
					}
					for _, f := range r.Failures {
						if strings.Contains(f.Why, "Entra") {
							t.Errorf("Entra has nothing to do with it: %v", f)
						}
					}
					failures = append(failures, r.Failures...)
				}
				found := func() bool {
					return slices.ContainsFunc(failures, func(f *idp.Failure) bool {
						return f.Code == tt.code && strings.Contains(f.Want, tt.want) && f.Why != "" && f.Object != ""
					})
				}
				note(p.Sync(ctx, d))
				note(p.Verify(ctx, d))
				for _, step := range clientLater {
					if found() {
						return
					}
					step.happens(&d)
					note(p.Sync(ctx, d))
					note(p.Verify(ctx, d))
				}
				again := newProvider(t, name, url, nil) // finds what is there
				note(again.TestConnection(ctx))
				note(again.Sync(ctx, d))
				if !found() {
					t.Errorf("no failure %s that wants %q (%s), but %d others:", tt.code, tt.want, tt.reason, len(failures))
					for _, f := range failures[:min(3, len(failures))] {
						t.Log(f)
					}
				}
			})
		}
	}
}

// TestJumpCloudConnection: what the test creates is taken away again.
func TestJumpCloudConnection(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int // of DELETE
		writes int
	}{
		{"deletion", 204, 5},
		{"no deletion", 501, 6}, // the user is deactivated
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "DELETE" && tt.status != 204 {
						w.WriteHeader(tt.status)
						return
					}
					next.ServeHTTP(w, r)
				})
			})
			p := newProvider(t, "jumpcloud", url, nil)
			r, err := p.TestConnection(t.Context())
			if err != nil || r.Writes() != tt.writes {
				t.Errorf("%v, want %d writes:\n%s", err, tt.writes, r)
			}
			if left := request(t, "GET", url+"/Users?filter=active+eq+true"); !strings.Contains(left, `"totalResults":0`) {
				t.Errorf("somebody active is left: %s", left)
			}
			if r, err = p.Verify(t.Context(), idp.Directory{}); err != nil || r.Requests() != 0 {
				t.Errorf("the test of the connection is remembered: %v\n%s", err, r)
			}
		})
	}
}

func TestNew(t *testing.T) {
	for _, name := range idp.Names() {
		if p, err := idp.New(name, "ftp://x", token, nil); p != nil || err == nil {
			t.Errorf("%s: got %v, want an error of the URL and no provider", name, p)
		}
		url, ctx := serve(t, nil), t.Context()
		p := newProvider(t, name, url, &idp.Options{UsersOnly: true})
		r, err := p.Sync(ctx, company())
		if err != nil || r.Requests(idp.CreateUser) != 12 || r.Requests(idp.CreateGroup, idp.ImportGroups, idp.MatchGroup) != 0 {
			t.Errorf("%s: %v, want users alone:\n%s", name, err, r)
		}
	}
	if _, err := idp.New("octa", "http://x", token, nil); err == nil || !strings.Contains(err.Error(), "okta-catalog, onelogin") {
		t.Errorf("got %v, want the names there are", err)
	}
}
