package storetest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

func everyClause() []clause { return slices.Concat(contract, transactions, durability) }

// little is enough to see that a clause fails.
var little = size{many: 1_200, soon: 30 * time.Millisecond}

// TestRun runs the kit on a store that keeps the contract, transactions
// included.
func TestRun(t *testing.T) {
	run(t, func(t *testing.T) scim.Store { return new(transactor) }, size{many: 1_200, soon: time.Second})
}

// TestRunOnSelect runs the kit on a store that leaves all of List to
// scim.Select.
func TestRunOnSelect(t *testing.T) {
	run(t, func(t *testing.T) scim.Store { return selecting(nil)() }, size{many: 1_200, soon: time.Second})
}

// TestReopens runs the kit on a store that is kept as snapshots.
func TestReopens(t *testing.T) {
	Reopens(t, func(t *testing.T) (scim.Store, func() scim.Store) {
		s := new(restartable).opened()
		return s, s.reopen
	})
}

// TestClauses checks that clauses can be told apart and that the sentences are
// those of the documentation.
func TestClauses(t *testing.T) {
	var text strings.Builder
	for _, file := range []string{"../store.go", "../resource.go", "../sort.go", "../select.go", "../match.go", "../requires.go"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(strings.ReplaceAll(string(src), "//", " "))
	}
	documentation := regexp.MustCompile(`\s+`).ReplaceAllString(text.String(), " ")
	seen := map[string]bool{}
	for _, c := range everyClause() {
		if seen[c.name] {
			t.Errorf("two clauses are named %q", c.name)
		}
		seen[c.name] = true
		if !strings.Contains(documentation, c.says) {
			t.Errorf("clause %q: the documentation of package scim does not say %q", c.name, c.says)
		}
	}
}

// TestKitFails breaks a store in many ways. Each must be found by the clauses
// named, and each clause must find something.
func TestKitFails(t *testing.T) {
	byName, found := map[string]clause{}, map[string]bool{}
	for _, c := range everyClause() {
		byName[c.name] = c
	}
	for _, row := range breakages {
		t.Run(row.name, func(t *testing.T) {
			for _, name := range row.found {
				c, ok := byName[name]
				if !ok {
					t.Fatalf("there is no clause %q", name)
				}
				found[name] = true
				reports := reportsOf(c, row.store())
				if len(reports) == 0 {
					t.Errorf("clause %q reports nothing", name)
				}
				for _, report := range reports {
					if !strings.Contains(report, c.says) || !strings.Contains(report, "got:") || !strings.Contains(report, "want:") {
						t.Errorf("clause %q reports without got, want or its sentence:\n%s", name, report)
					}
				}
			}
		})
	}
	for name := range byName {
		if !found[name] {
			t.Errorf("clause %q was not seen to find anything", name)
		}
	}
}

// A breakage is a store that breaks the contract.
type breakage struct {
	name  string
	store func() scim.Store
	found []string // by these clauses
}

var breakages = slices.Concat(factBreakages, listBreakages, memberBreakages, transactionBreakages, durabilityBreakages)

// A recorder is a reporter that keeps what it is told.
type recorder struct{ reports []string }

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}
func (r *recorder) FailNow() { runtime.Goexit() }

func reportsOf(c clause, store scim.Store) []string {
	var r recorder
	done := make(chan struct{})
	go func() { // which FailNow ends
		defer close(done)
		s := subject{store: store}
		if again, ok := store.(interface{ reopen() scim.Store }); ok {
			s.reopen = again.reopen
		}
		c.run(&r, s, little)
	}()
	<-done
	return r.reports
}
