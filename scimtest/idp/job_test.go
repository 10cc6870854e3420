package idp_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/idp"
)

// refuse answers requests of the method, while there is a part of the body or
// path to refuse, with the status.
type refuse struct {
	method string
	part   atomic.Pointer[string]
	status int
}

func (f *refuse) set(part string) { f.part.Store(&part) }

func (f *refuse) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if part := f.part.Load(); part != nil && *part != "" && (f.method == "" || r.Method == f.method) && strings.Contains(r.URL.String()+string(body), *part) {
			w.WriteHeader(f.status)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	})
}

// TestEscrow: what fails is tried in the next cycle, and then less and less
// often; a change in the directory has it looked at at once.
func TestEscrow(t *testing.T) {
	f := &refuse{method: "POST", status: 500}
	f.set("b@contoso.example")
	entra := newEntra(t, serve(t, f.wrap), token, nil)
	d := idp.Directory{
		Users: []idp.User{
			{ID: "a", UserPrincipalName: "a@contoso.example", Manager: "b"},
			{ID: "b", UserPrincipalName: "b@contoso.example"},
		},
		Groups: []idp.Group{{ID: "g", DisplayName: "G", Members: []string{"a", "b"}}},
	}
	var tried []int
	cycle := 0
	sync := func() *idp.Report {
		cycle++
		r, _ := entra.Sync(t.Context(), d)
		if r.Requests(idp.CreateUser) > 0 && cycle > 1 {
			tried = append(tried, cycle)
		}
		return r
	}
	if r := sync(); len(r.Failures) != 1 || r.Waiting != 3 || r.Requests(idp.PatchMembers) != 1 {
		t.Fatalf("want one failure; who names b waits too, and a is a member already:\n%s", r)
	}
	for range 33 {
		sync()
	}
	if want := []int{2, 4, 8, 16, 32}; !slices.Equal(tried, want) {
		t.Errorf("tried again in cycles %v, want %v", tried, want)
	}
	d.User("b").JobTitle = "Boss"
	if r := sync(); r.Requests(idp.CreateUser) != 1 {
		t.Errorf("what has changed is looked at:\n%s", r)
	}
	f.set("")
	entra.Advance(24 * time.Hour)
	r := sync()
	if r.Waiting != 0 || r.Requests(idp.CreateUser) != 1 || r.Requests(idp.PatchManager) != 1 || r.Requests(idp.PatchMembers) != 1 {
		t.Errorf("after a day at most all is tried again, references too:\n%s", r)
	}
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// TestPassedOver is what Microsoft's known issues tell of managers and members
// that were out of scope when those who name them were written.
func TestPassedOver(t *testing.T) {
	entra := newEntra(t, serve(t, nil), token, &idp.Options{UserScope: []idp.ScopingFilter{{{Attribute: "department", Operator: "EQUALS", Value: "Sales"}}}})
	d := idp.Directory{
		Users: []idp.User{
			{ID: "a", UserPrincipalName: "a@contoso.example", Department: "Sales", Manager: "b"},
			{ID: "b", UserPrincipalName: "b@contoso.example", Department: "Legal"},
		},
		Groups: []idp.Group{{ID: "g", DisplayName: "G", Members: []string{"a", "b"}}},
	}
	for _, step := range []struct {
		name     string
		happens  func()
		managers int
		members  int
	}{
		{"b is out of scope", func() {}, 0, 1},
		{"b comes into scope", func() { d.User("b").Department = "Sales" }, 0, 0},
		{"the group changes", func() { d.Group("g").DisplayName = "H" }, 0, 0},
		{"a changes", func() { d.User("a").City = "Rome" }, 1, 0},
		{"restart", func() { entra.Restart(idp.KeepLinks) }, 0, 1},
	} {
		step.happens()
		r, err := entra.Sync(t.Context(), d)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if managers, members := r.Requests(idp.PatchManager), r.Requests(idp.PatchMembers); managers != step.managers || members != step.members {
			t.Errorf("%s: %d managers and %d groups written, want %d and %d", step.name, managers, members, step.managers, step.members)
		}
		if _, err := entra.Verify(t.Context(), d); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

// TestQuarantine: a refused token stops the job; its cycles come after 6, 12
// and 24 hours and then daily, and not at all after four weeks.
func TestQuarantine(t *testing.T) {
	f := &refuse{status: 401}
	entra := newEntra(t, serve(t, f.wrap), token, nil)
	d := company()
	if _, err := entra.Sync(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.set("/")
	first, err := entra.Sync(t.Context(), d)
	if err == nil || first.Quarantine == nil || !strings.Contains(first.Quarantine.Reason, "EncounteredQuarantineException") {
		t.Fatalf("got %v, want the job in quarantine", err)
	}
	d.User("boss").JobTitle = "CEO"
	var after []string
	var last *idp.Report
	for range 24 * 30 * 3 / 2 {
		last, err = entra.Sync(t.Context(), d)
		if err == nil || !strings.Contains(err.Error(), "quarantine") {
			t.Fatalf("got %v, want to be told of the quarantine", err)
		}
		if last.Requests() > 0 && len(after) < 5 {
			after = append(after, last.Started.Sub(first.Started).String())
		}
	}
	if got, want := strings.Join(after, " "), "6h0m0s 12h0m0s 24h0m0s 48h0m0s 72h0m0s"; got != want {
		t.Errorf("cycles %s after the failure, want %s", got, want)
	}
	if !last.Quarantine.Disabled || last.Requests() != 0 {
		t.Errorf("after 30 days: %+v, want the job disabled", last.Quarantine)
	}

	f.set("")
	if r, err := entra.Sync(t.Context(), d); err == nil || r.Requests() != 0 {
		t.Errorf("a disabled job does nothing, even if the endpoint is well: %v", err)
	}
	entra.Restart(idp.KeepLinks)
	if r, err := entra.Sync(t.Context(), d); err != nil || r.Quarantine != nil || r.Requests(idp.PatchUser) != 1 {
		t.Errorf("restarted: %v\n%s", err, r)
	}

	f.set("/") // and by itself
	if _, err := entra.Sync(t.Context(), d); err == nil {
		t.Fatal("want it in quarantine again")
	}
	f.set("")
	entra.Advance(6 * time.Hour)
	if r, err := entra.Sync(t.Context(), d); err != nil || r.Quarantine != nil {
		t.Errorf("a healthy cycle ends the quarantine: %v", err)
	}
}

// TestThresholds: many failures put the job into quarantine. Those of
// references count for the last threshold alone.
func TestThresholds(t *testing.T) {
	const users = 20
	d := idp.Directory{Groups: []idp.Group{{ID: "g", DisplayName: "G"}}}
	for i := range users {
		id := fmt.Sprintf("u%02d", i)
		d.Users = append(d.Users, idp.User{ID: id, UserPrincipalName: id + "@contoso.example", Department: fmt.Sprint("D", i%2), Manager: "u00"})
		d.Groups[0].Members = append(d.Groups[0].Members, id)
	}
	for _, tt := range []struct {
		name, method, part string
		limits             idp.Thresholds
		want               string
	}{
		{"few", "POST", `"D1"`, idp.Thresholds{Least: 11}, ""},
		{"more than the share", "POST", `"D1"`, idp.Thresholds{Least: 10}, "EncounteredEscrowProportionThreshold"},
		{"less than the share", "POST", `"D1"`, idp.Thresholds{Least: 10, Share: 0.5}, ""},
		{"more than the most", "POST", `"D1"`, idp.Thresholds{Most: 9}, "more than 9"},
		{"references do not count", "PATCH", ":manager", idp.Thresholds{Least: 1, Most: 1}, ""},
		{"but for the last", "PATCH", ":manager", idp.Thresholds{All: users - 1}, "more than 19"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &refuse{method: tt.method, status: 400}
			f.set(tt.part)
			entra := newEntra(t, serve(t, f.wrap), token, &idp.Options{Quarantine: tt.limits})
			r, _ := entra.Sync(t.Context(), d)
			if (r.Quarantine != nil) != (tt.want != "") || r.Quarantine != nil && !strings.Contains(r.Quarantine.Reason, tt.want) {
				t.Errorf("quarantine %+v with %d failures, want %q", r.Quarantine, len(r.Failures), tt.want)
			}
		})
	}
}

// TestStoppedCycle: a cycle that did not come to its end leaves no watermark.
func TestStoppedCycle(t *testing.T) {
	f := &refuse{method: "POST", status: 401}
	f.set("/Groups")
	entra := newEntra(t, serve(t, f.wrap), token, nil)
	d := company()
	if r, err := entra.Sync(t.Context(), d); err == nil || r.Requests(idp.CreateUser) != 12 {
		t.Fatalf("want a cycle that stops among the groups: %v\n%s", err, r)
	}
	f.set("")
	entra.Advance(6 * time.Hour)
	r, err := entra.Sync(t.Context(), d)
	if err != nil || r.Run != "initial cycle" || r.Requests(idp.GetUser) != 12 || r.Requests(idp.PatchManager) != 11 {
		t.Errorf("want all of it again, and the managers: %v\n%s", err, r)
	}
}

// TestDeletedBeforeRestart: a restart forgets the watermark and not who is to
// be deleted.
func TestDeletedBeforeRestart(t *testing.T) {
	entra := newEntra(t, serve(t, nil), token, nil)
	d := company()
	if _, err := entra.Sync(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.Remove("ja")
	entra.Restart(idp.KeepLinks)
	if r, err := entra.Sync(t.Context(), d); err != nil || r.Requests(idp.DeleteUser) != 1 || r.Writes() != 1 {
		t.Errorf("%v, want one user deleted:\n%s", err, r)
	}
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
}
