package tenant

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/scimtest"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
)

// Somebody at Contoso takes the application away from the group that everybody is
// in. Entra would disable all of them; the brake lets twenty go, holds the others,
// and lets through what else there is to do. The admins of the application look at
// it, find that it was meant, and approve: Entra's next cycles do the rest.
func TestBrakeOfACompanyOutOfScope(t *testing.T) {
	const people, bound = 200, 20
	b := newBraked(t, braked{}, Brake{Users: bound, Percent: 10, Members: 50}, 0)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	directory := company.New(company.Options{Users: people, Seed: 6})
	for i := range directory.Users {
		directory.Users[i].Disabled = false
		directory.Assignments = append(directory.Assignments, idp.Assignment{PrincipalID: directory.Users[i].ID})
	}
	for _, g := range directory.Groups {
		directory.Assignments = append(directory.Assignments, idp.Assignment{PrincipalID: g.ID})
	}
	entra := scimtest.NewEntra(t, server.URL, b.secret, idp.Options{AssignedOnly: true})
	entra.Sync(directory)
	if n := b.active(t); n != people {
		t.Fatalf("%d of %d users are active after the first cycle", n, people)
	}

	// What is left are two users of whom one has a new title, a newcomer, and the
	// group of everybody.
	everybody := directory.Groups[0]
	stay := directory.Users[:2]
	stay[0].JobTitle = "Chair"
	newcomer := idp.User{ID: "newcomer", UserPrincipalName: "newcomer@contoso.example", DisplayName: "New Comer"}
	directory.Users = append(directory.Users, newcomer)
	directory.Assignments = []idp.Assignment{{PrincipalID: stay[0].ID}, {PrincipalID: stay[1].ID}, {PrincipalID: newcomer.ID}, {PrincipalID: everybody.ID}}
	directory.Groups[0].Members = []string{stay[0].ID, stay[1].ID, newcomer.ID}
	report, err := entra.IDP.Sync(t.Context(), directory)
	if err == nil {
		t.Fatalf("a cycle that is held succeeds:\n%s", report)
	}
	for _, f := range report.Failures {
		if f.Status != 409 || f.Code != idp.CodeConflict || !strings.Contains(f.ResponseBody, "held by the application: ") {
			t.Errorf("besides what is held, this failed: %v", f)
		}
	}
	if n := b.active(t); n != people-bound+1 {
		t.Errorf("%d users are active, want %d: all but %d, and the newcomer", n, people-bound+1, bound)
	}
	if report.Stopped != "" || report.Waiting == 0 {
		t.Errorf("stopped: %q, %d objects wait; want a job that tries again", report.Stopped, report.Waiting)
	}
	for _, want := range []string{`title eq "Chair"`, `userName eq "newcomer@contoso.example"`} {
		if b.count(t, want) != 1 {
			t.Errorf("nobody has %s: something else than losses was held", want)
		}
	}
	c, err := b.registry.Connection(t.Context(), b.c.Ref())
	if err != nil || c.Status.Held.IsZero() {
		t.Errorf("the connection's status is %+v, %v; want it held", c.Status, err)
	}

	// Hours later it is still held, and then approved.
	b.clock.advance(5 * 3600e9)
	if _, err := entra.IDP.Sync(t.Context(), directory); err == nil || b.active(t) != people-bound+1 {
		t.Errorf("got %v, and %d users are active: nobody has approved yet", err, b.active(t))
	}
	b.step("approve")
	for range 3 { // who failed twice waits for longer than a cycle
		report, err = entra.IDP.Sync(t.Context(), directory)
	}
	if err != nil || report.Waiting > 0 {
		t.Errorf("approved, the cycle ends with\n%s", report)
	}
	if n := b.active(t); n != 3 {
		t.Errorf("approved, %d users are active, want the 3 in scope", n)
	}
	entra.Sync(directory)
}

// active counts the users who may sign in.
func (b *braked) active(t *testing.T) int { return b.count(t, "active eq true") }

func (b *braked) count(t *testing.T, filter string) int {
	t.Helper()
	typ, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	f, err := typ.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.resources.List(t.Context(), scim.Query{Tenant: "contoso", Type: "User", Filter: f})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}
