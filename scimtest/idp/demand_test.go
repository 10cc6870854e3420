package idp_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestProvisionOnDemandOnTheWire: three probes (E036), a match though the id
// is known, and the default dialect whatever the Tenant URL says (E149).
func TestProvisionOnDemandOnTheWire(t *testing.T) {
	entra, s := scripted(t, idp.Options{}, "?aadOptscim062020")
	d := barbara()
	probe := probes("userName")[0]
	three := []step{probe, probe, probe}
	s.expect("a user", func() (*idp.Report, error) { return entra.ProvisionOnDemand(t.Context(), d, "u2") }, append(three,
		step{"E023", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, empty},
		step{"E041", "POST /Users", omaraBody, 201, omara})...)
	d.User("u2").JobTitle, d.User("u2").Disabled = "CEO", false
	s.expect("again", func() (*idp.Report, error) { return entra.ProvisionOnDemand(t.Context(), d, "u2") }, append(three,
		step{"E023, though the id is known", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, listOf(omara)},
		step{"E051", "GET /Users/U2", "", 200, omara},
		step{"E149", "PATCH /Users/U2", patchOf(`{"op":"Add","path":"title","value":"CEO"}`), 204, ""})...)
	s.expect("with a manager", func() (*idp.Report, error) { return entra.ProvisionOnDemand(t.Context(), d, "u1") }, append(three,
		step{"E023", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22", "", 200, empty},
		step{"E040", "POST /Users", barbaraBody, 201, withID("U1", barbaraBody)},
		step{"E078", "PATCH /Users/U1", patchOf(`{"op":"Add","path":"` + managerURN + `","value":"U2"}`), 204, ""})...)
	group := d.Groups[0].ID
	s.expect("a group and one member", func() (*idp.Report, error) { return entra.ProvisionOnDemand(t.Context(), d, group, "u1") }, append(three,
		step{"E021", "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Sales%22", "", 200, empty},
		step{"E110", "POST /Groups", salesBody, 201, sales},
		step{"E116", "PATCH /Groups/G1", patchOf(`{"op":"Add","path":"members","value":[` + nullRef("U1") + `]}`), 204, ""})...)
}

// TestProvisionOnDemand: it fits in with the cycles, and knows its limits.
func TestProvisionOnDemand(t *testing.T) {
	entra := newEntra(t, serve(t, nil), token, nil)
	d := company()
	for _, id := range []string{"boss", "o'c", "ja", "ar", "rd"} {
		if _, err := entra.ProvisionOnDemand(t.Context(), d, id); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	r, err := entra.Sync(t.Context(), d)
	if err != nil || r.Requests(idp.CreateUser) != 8 || r.Requests(idp.CreateGroup) != 2 {
		t.Errorf("want only those created who are missing: %v\n%s", err, r)
	}
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		id      string
		members []string
		want    string
	}{
		{"nobody", nil, `no user or group "nobody"`},
		{"out", nil, "is disabled"},
		{"all", nil, "13 members, and provision on demand takes at most 5"},
		{"all", []string{"ar", "elsewhere"}, `"elsewhere" is no member`},
		{"boss", []string{"ar"}, "has no members"},
	} {
		if r, err := entra.ProvisionOnDemand(t.Context(), d, tt.id, tt.members...); err == nil || !strings.Contains(err.Error(), tt.want) || r.Requests() != 0 {
			t.Errorf("%s: got %v, want %q and no requests", tt.id, err, tt.want)
		}
	}
}

// TestOnDemandOutOfScope: an unassigned user can be disabled on demand, and
// nothing else be done with who is not in scope (POD, Known limitations).
func TestOnDemandOutOfScope(t *testing.T) {
	entra := newEntra(t, serve(t, nil), token, &idp.Options{AssignedOnly: true})
	d := company()
	d.Assignments = []idp.Assignment{{PrincipalID: "rd"}}
	if _, err := entra.Sync(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.Assignments = nil
	r, err := entra.ProvisionOnDemand(t.Context(), d, "ja")
	if err != nil || r.Requests(idp.GetUser) != 1 || r.Requests(idp.PatchUser) != 1 || r.Writes() != 1 {
		t.Errorf("%v, want the user disabled:\n%s", err, r)
	}
	for _, id := range []string{"rd", "boss"} {
		if r, err := entra.ProvisionOnDemand(t.Context(), d, id); err == nil || !strings.Contains(err.Error(), "not in scope") || r.Requests() != 0 {
			t.Errorf("%s: got %v, want that it is not in scope", id, err)
		}
	}
}

// TestDiscover: all accounts, page by page, each in its category.
func TestDiscover(t *testing.T) {
	url := serve(t, nil)
	var many idp.Directory
	for i := range 230 {
		id := fmt.Sprintf("u%03d", i)
		many.Users = append(many.Users, idp.User{ID: id, UserPrincipalName: strings.ToUpper(id) + "@contoso.example", Department: fmt.Sprint(i % 2)})
	}
	if _, err := newEntra(t, url, token, nil).Sync(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	entra := newEntra(t, url, token, &idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "department", Operator: "EQUALS", Value: "1"}}}})
	many.Users = many.Users[:200]
	many.Users[0].UserPrincipalName = "u000@contoso.example" // in other case
	accounts, r, err := entra.Discover(t.Context(), many)
	if err != nil || r.Requests(idp.DiscoverUsers) != 3 || r.Writes() != 0 {
		t.Fatalf("want three pages: %v\n%s", err, r)
	}
	var local, unassigned, assigned int
	for _, a := range accounts {
		switch {
		case a.User == "":
			local++
		case a.Assigned:
			assigned++
		default:
			unassigned++
		}
	}
	if local != 30 || unassigned != 100 || assigned != 100 {
		t.Errorf("%d local, %d unassigned and %d assigned accounts, want 30, 100, 100", local, unassigned, assigned)
	}

	expression := newEntra(t, url, token, &idp.Options{UserMappings: []idp.Mapping{{Source: "ToLower([userPrincipalName])", Target: "userName", Matching: 1}}})
	if _, _, err := expression.Discover(t.Context(), many); err == nil || !strings.Contains(err.Error(), "without an expression") {
		t.Errorf("got %v, want that expressions are not supported", err)
	}
}

// TestDiscoverBroken: pages that are not what RFC 7644 §3.4.2.4 says.
func TestDiscoverBroken(t *testing.T) {
	for _, tt := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		want string
	}{
		{"startIndex ignored", change(func(r *http.Request, body string) string {
			r.URL.RawQuery = regexp.MustCompile(`startIndex=\d+&`).ReplaceAllString(r.URL.RawQuery, "")
			return body
		}, nil), "startIndex 101, as asked"},
		{"the same page again", change(func(r *http.Request, body string) string {
			r.URL.RawQuery = regexp.MustCompile(`startIndex=\d+&`).ReplaceAllString(r.URL.RawQuery, "")
			return body
		}, func(_ *http.Request, a *answered) {
			a.body = strings.Replace(a.body, `"startIndex":1,`, `"startIndex":101,`, 1)
		}), "startIndex 1, as asked"},
		{"count ignored", change(func(r *http.Request, body string) string {
			r.URL.RawQuery = regexp.MustCompile(`count=\d+`).ReplaceAllString(r.URL.RawQuery, "count=150")
			return body
		}, nil), "at most 100 users"},
		{"wrong itemsPerPage", change(nil, replace(`"itemsPerPage":\d+`, `"itemsPerPage":20`)), "itemsPerPage 100"},
		{"no startIndex", change(nil, replace(`"startIndex":\d+,`, ``)), "startIndex 1, as asked"},
		{"a total that is the page's", change(nil, func(r *http.Request, a *answered) {
			if strings.Contains(r.URL.RawQuery, "startIndex=101&") {
				a.body = regexp.MustCompile(`"totalResults":\d+`).ReplaceAllString(a.body, `"totalResults":100`)
			}
		}), "totalResults 150 on every page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			discovering := false
			url := serve(t, func(next http.Handler) http.Handler {
				broken := tt.wrap(next)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if discovering {
						broken.ServeHTTP(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			})
			var d idp.Directory
			for i := range 150 {
				d.Users = append(d.Users, idp.User{ID: fmt.Sprint(i), UserPrincipalName: fmt.Sprint(i, "@contoso.example")})
			}
			entra := newEntra(t, url, token, &idp.Options{UsersOnly: true})
			if _, err := entra.Sync(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			discovering = true
			if _, r, err := entra.Discover(t.Context(), d); err == nil || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Want, tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
