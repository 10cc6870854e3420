package tenanttest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/usherkit/scim/tenant"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) tenant.Store { return new(tenant.Memory) })
}

// TestClauses checks that clauses can be told apart and that the sentences are those
// of the documentation.
func TestClauses(t *testing.T) {
	var text strings.Builder
	for _, file := range []string{"../store.go", "../log.go"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(strings.ReplaceAll(string(src), "//", " "))
	}
	documentation := regexp.MustCompile(`\s+`).ReplaceAllString(text.String(), " ")
	seen := map[string]bool{}
	for _, c := range contract {
		if seen[c.name] {
			t.Errorf("two clauses are named %q", c.name)
		}
		seen[c.name] = true
		if !strings.Contains(documentation, c.says) {
			t.Errorf("clause %q: the documentation of package tenant does not say %q", c.name, c.says)
		}
	}
}

// TestKitFails breaks a store in many ways. Each must be found by the clauses named,
// and each clause must find something.
func TestKitFails(t *testing.T) {
	byName, found := map[string]clause{}, map[string]bool{}
	for _, c := range contract {
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
				reports := reportsOf(c, row.store(new(tenant.Memory)))
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

// A recorder is a reporter that keeps what it is told.
type recorder struct{ reports []string }

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}
func (r *recorder) FailNow() { runtime.Goexit() }

func reportsOf(c clause, store tenant.Store) []string {
	var r recorder
	done := make(chan struct{})
	go func() { // which FailNow ends
		defer close(done)
		c.run(&r, store)
	}()
	<-done
	return r.reports
}
