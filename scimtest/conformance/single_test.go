package conformance_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
)

// crowded does something odd once a resource has been changed more often than
// checks of many changes at once change it one by one before.
func crowded(do func(*call)) func(*call) {
	const most = 7
	var mu sync.Mutex
	changes := map[string]int{}
	return func(c *call) {
		mu.Lock()
		changes[c.URL.Path]++
		n := changes[c.URL.Path]
		mu.Unlock()
		if n > most || n > 2 && strings.Contains(c.URL.Path, "/Groups/") {
			do(c)
		} else {
			c.pass()
		}
	}
}

// TestSingle: where not even one change works, checks of many changes at the
// same time have nothing to tell. A finding of theirs would be about the wrong
// thing.
func TestSingle(t *testing.T) {
	for name, do := range map[string]func(*call){
		"refused": refuses(400, "invalidValue"),
		"ignored": func(c *call) { c.w.WriteHeader(204) },
		"broken":  refuses(500, ""),
	} {
		t.Run(name, func(t *testing.T) {
			report := check(t, serve(t, flawed("PATCH", "", "", do)), conformance.Options{
				Suites: []string{conformance.RFC, conformance.Entra},
				Only:   []string{"rfc.groups.patch.race", "entra.members.parallel", "entra.patch.parallel"},
			})
			if len(report.Results) != 3 {
				t.Fatalf("%d checks; want 3", len(report.Results))
			}
			for _, r := range report.Results {
				if r.Status != conformance.Skipped || r.Reason != "a single one does not work" || r.Finding != nil {
					t.Errorf("%s: %s, %q, finding %v; want it skipped: a single one does not work", r.ID, r.Status, r.Reason, r.Finding)
				}
			}
		})
	}
}

// TestAtomic: an endpoint that takes what it should refuse has shown nothing of
// what it does with a PATCH that it refuses by halves.
func TestAtomic(t *testing.T) {
	report := check(t, serve(t, flawed("PATCH", "", "", swallowed)), conformance.Options{Only: []string{"rfc.patch.atomic", "rfc.groups.patch.atomic"}})
	if len(report.Results) != 2 {
		t.Fatalf("%d checks; want 2", len(report.Results))
	}
	for _, r := range report.Results {
		if r.Status != conformance.Skipped || r.Reason != "it refuses no operation that could fail" {
			t.Errorf("%s: %s, %q; want it skipped: it refuses no operation that could fail", r.ID, r.Status, r.Reason)
		}
	}
}
