package idp_test

import (
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestScopingFilters: the operators of Microsoft's "Scoping users or groups
// to be provisioned with scoping filters", and which users they let pass.
func TestScopingFilters(t *testing.T) {
	d := idp.Directory{Users: []idp.User{
		{ID: "ann", UserPrincipalName: "ann@contoso.example", Department: "Sales", State: "New York", Extra: map[string]any{"level": 12, "remote": true}},
		{ID: "bob", UserPrincipalName: "bob@fabrikam.example", Department: "Engineering", State: "New York", Extra: map[string]any{"level": 7, "remote": false}},
		{ID: "cid", UserPrincipalName: "cid@contoso.example"},
	}}
	clause := func(attribute, operator, value string) idp.ScopingFilter {
		return idp.ScopingFilter{{Attribute: attribute, Operator: operator, Value: value}}
	}
	and := func(filters ...idp.ScopingFilter) (all idp.ScopingFilter) {
		for _, f := range filters {
			all = append(all, f...)
		}
		return all
	}
	for _, tt := range []struct {
		name    string
		filters []idp.ScopingFilter
		want    string
	}{
		{"none", nil, "ann bob cid "},
		{"equals", []idp.ScopingFilter{clause("department", "EQUALS", "Sales")}, "ann "},
		{"case matters", []idp.ScopingFilter{clause("department", "EQUALS", "sales")}, ""},
		{"null fails", []idp.ScopingFilter{clause("department", "NOT EQUALS", "Sales")}, "bob "},
		{"null", []idp.ScopingFilter{clause("department", "IS NULL", "")}, "cid "},
		{"not null", []idp.ScopingFilter{clause("department", "IS NOT NULL", "")}, "ann bob "},
		{"true", []idp.ScopingFilter{clause("remote", "IS TRUE", "")}, "ann "},
		{"false", []idp.ScopingFilter{clause("remote", "is_false", "")}, "bob "},
		{"regular expression", []idp.ScopingFilter{clause("userPrincipalName", "REGEX MATCH", `.*\@contoso.example`)}, "ann cid "},
		{"of the whole value", []idp.ScopingFilter{clause("level", "REGEX MATCH", `[0-9]`)}, "bob "},
		{"not that", []idp.ScopingFilter{clause("department", "NOT REGEX MATCH", `S.*`)}, "bob "},
		{"greater", []idp.ScopingFilter{clause("level", "Greater_Than", "7")}, "ann "},
		{"or equal", []idp.ScopingFilter{clause("level", "Greater_Than_OR_EQUALS", "7")}, "ann bob "},
		{"includes", []idp.ScopingFilter{clause("department", "Includes", "gin")}, "bob "},
		{"ends", []idp.ScopingFilter{clause("userPrincipalName", "ENDS_WITH", "fabrikam.example")}, "bob "},
		{"one of", []idp.ScopingFilter{clause("department", "&", "Sales;Legal")}, "ann "},
		{"none of", []idp.ScopingFilter{clause("department", "!&", "Sales;Legal")}, "bob "},
		{"and", []idp.ScopingFilter{and(clause("state", "EQUALS", "New York"), clause("remote", "IS FALSE", ""))}, "bob "},
		{"or", []idp.ScopingFilter{clause("remote", "IS FALSE", ""), clause("state", "IS NULL", "")}, "bob cid "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entra := newEntra(t, serve(t, nil), token, &idp.Options{UserScope: tt.filters, UsersOnly: true})
			if _, err := entra.Sync(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			accounts, _, err := entra.Discover(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, u := range d.Users {
				for _, a := range accounts {
					if a.User == u.ID {
						got += u.ID + " "
					}
				}
			}
			if got != tt.want {
				t.Errorf("provisioned %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOutOfScope: who goes out of scope is disabled and no longer managed, and
// found again on return (E104). Groups cannot be disabled.
func TestOutOfScope(t *testing.T) {
	sales := []idp.ScopingFilter{{{Attribute: "department", Operator: "EQUALS", Value: "Sales"}}}
	named := []idp.ScopingFilter{{{Attribute: "displayName", Operator: "NOT EQUALS", Value: "Private"}}}
	probe := probes("userName")
	run := func(options idp.Options) (*idp.Entra, *script, *idp.Directory, func() (*idp.Report, error)) {
		options.UserScope, options.GroupScope = sales, named
		entra, s := scripted(t, options, "")
		d := &idp.Directory{
			Users:  []idp.User{{ID: "u2", UserPrincipalName: "o'mara+1@contoso.com", Department: "Sales"}},
			Groups: []idp.Group{{ID: "g", DisplayName: "Sales", Members: []string{"u2"}}},
		}
		sync := func() (*idp.Report, error) { return entra.Sync(t.Context(), *d) }
		body := withDepartment
		s.expect("initial cycle", sync, append(probe,
			step{"E023", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, empty},
			step{"E041", "POST /Users", body, 201, withID("U2", body)},
			step{"E021", "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Sales%22", "", 200, empty},
			step{"E110", "POST /Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"g","displayName":"Sales","meta":{"resourceType":"Group"}}`, 201, `{"id":"G1"}`},
			step{"E116", "PATCH /Groups/G1", patchOf(`{"op":"Add","path":"members","value":[` + nullRef("U2") + `]}`), 204, ""})...)
		return entra, s, d, sync
	}

	_, s, d, sync := run(idp.Options{})
	d.User("u2").Department, d.Group("g").DisplayName = "Legal", "Private"
	s.expect("out of scope", sync, append(probe,
		step{"E104, read by id", "GET /Users/U2", "", 200, withID("U2", withDepartment)},
		step{"E104, disabled, and nothing else is written", "PATCH /Users/U2", patchOf(`{"op":"Replace","path":"active","value":"False"}`), 204, ""},
		step{"a group cannot be disabled", "DELETE /Groups/G1", "", 204, ""})...)
	d.User("u2").JobTitle = "Counsel"
	s.expect("not managed", sync, probe...)
	d.User("u2").Department = "Sales"
	s.expect("back in scope", sync, append(probe,
		step{"E104, matched", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, listOf(`{"id":"U2","userName":"o'mara+1@contoso.com","active":false}`)},
		step{"E103", "GET /Users/U2", "", 200, `{"id":"U2","userName":"o'mara+1@contoso.com","active":false,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`},
		step{"E104, restored, with what has changed", "PATCH /Users/U2", patchOf(`{"op":"Replace","path":"active","value":"True"},{"op":"Add","path":"title","value":"Counsel"}`), 204, ""})...)

	_, s, d, sync = run(idp.Options{})
	d.User("u2").Department = "Legal"
	s.expect("out of scope", sync, append(probe,
		step{"E104", "GET /Users/U2", "", 200, withID("U2", withDepartment)},
		step{"E104", "PATCH /Users/U2", patchOf(`{"op":"Replace","path":"active","value":"False"}`), 204, ""})...)
	d.Remove("u2")
	s.expect("deleted after that", sync, append(probe, // HOW: no delete request for who is not managed
		step{"E113", "GET /Groups/G1?excludedAttributes=members", "", 200, `{"id":"G1","externalId":"g","displayName":"Sales"}`},
		step{"but the group has lost a member", "PATCH /Groups/G1", patchOf(`{"op":"Remove","path":"members","value":[` + nullRef("U2") + `]}`), 204, ""})...)

	_, s, d, sync = run(idp.Options{SkipOutOfScopeDeletions: true})
	d.User("u2").Department, d.Group("g").DisplayName = "Legal", "Private"
	s.expect("SkipOutOfScopeDeletions", sync, probe...)

	_, s, d, sync = run(idp.Options{})
	d.User("u2").DeletedDateTime = "2026-09-01T08:00:00Z"
	s.expect("soft-deleted", sync, append(probe,
		step{"E051", "GET /Users/U2", "", 200, withID("U2", withDepartment)},
		step{"E064", "PATCH /Users/U2", patchOf(`{"op":"Replace","path":"active","value":"False"}`), 204, ""})...)
	d.Groups[0].Members = nil
	d.Remove("u2")
	s.expect("30 days later", sync, append(probe,
		step{"E101", "DELETE /Users/U2", "", 204, ""},
		step{"E113", "GET /Groups/G1?excludedAttributes=members", "", 200, `{"id":"G1","externalId":"g","displayName":"Sales"}`})...)
}

const withDepartment = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "userName":"o'mara+1@contoso.com","active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"},"meta":{"resourceType":"User"},"roles":[]}`

// TestMaxDeletions: more disables and deletions than an admin expects are
// held back until the admin allows them. Other changes are not.
func TestMaxDeletions(t *testing.T) {
	entra := newEntra(t, serve(t, nil), token, &idp.Options{MaxDeletions: 2})
	d := company()
	if _, err := entra.Sync(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.User("u00").Disabled, d.User("u01").Disabled = true, true
	if r, err := entra.Sync(t.Context(), d); err != nil || r.Requests(idp.PatchUser) != 2 || r.Held != 0 {
		t.Fatalf("two are not too many: %v\n%s", err, r)
	}
	d.User("u02").Disabled = true
	d.Remove("u03")
	d.Remove("none")
	d.User("boss").JobTitle = "CEO"
	r, err := entra.Sync(t.Context(), d)
	if r.Held != 3 || r.Quarantine == nil || r.Requests(idp.DeleteUser, idp.DeleteGroup) != 0 || r.Requests(idp.PatchUser) != 1 {
		t.Fatalf("want three held back, the boss promoted, and the job in quarantine: %v\n%s", err, r)
	}
	if _, err := entra.Sync(t.Context(), d); err == nil {
		t.Error("want no cycle in quarantine")
	}
	entra.ConfirmDeletions()
	if r, err = entra.Sync(t.Context(), d); err != nil || r.Held != 0 || r.Requests(idp.DeleteUser, idp.DeleteGroup) != 2 || r.Requests(idp.PatchUser) != 1 {
		t.Errorf("allowed: %v\n%s", err, r)
	}
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
}
