package faults_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/internal/faults"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

const token = "a-token-for-tests"

// build compiles the broken server.
func build(t *testing.T) (program string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program, err = faults.Build(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// start runs the broken server with a fault and returns its URL.
func start(t *testing.T, program, fault string) (url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, program, token)
	cmd.Env = append(os.Environ(), faults.Env+"="+fault)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait() // how it ends does not matter
		cancel()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not say where it is: %v", err)
	}
	return strings.TrimSpace(line)
}

// TestFaults: each fault is caught by the checks that are there for it.
func TestFaults(t *testing.T) {
	program := build(t)
	if n := len(faults.All()); n < 30 {
		t.Errorf("%d faults, want 30 or more", n)
	}
	for _, f := range append([]faults.Fault{{Name: "none"}}, faults.All()...) {
		t.Run(f.Name, func(t *testing.T) {
			report, err := conformance.Check(t.Context(), start(t, program, f.Name), token, nil)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, r := range report.Results {
				if r.Status == conformance.Failed || r.Status == conformance.Advised {
					failed = append(failed, r.ID)
				}
				if f.Name == "none" && (r.Status == conformance.Failed || r.Status == conformance.Blocked) {
					t.Error(r)
				}
			}
			for _, id := range f.Check {
				if !slices.Contains(failed, id) {
					t.Errorf("%s does not fail (%s); those that do: %s", id, f.Seen, failed)
				}
			}
			if f.Cycle != "" {
				if seen := provision(t, start(t, program, f.Name)); !strings.Contains(seen, f.Cycle) {
					t.Errorf("Entra's admin does not see %q (%s), but:\n%s", f.Cycle, f.Seen, seen)
				}
			}
			if f.Name != "none" && len(f.Check) == 0 {
				t.Errorf("no check is named that catches it (%s); those that do: %s", f.Seen, failed)
			}
		})
	}
}

// provision lets some months of a company go by, in both dialects, and returns
// what Entra's admin sees go wrong.
func provision(t *testing.T, url string) (seen string) {
	t.Helper()
	var all []string
	directory := company.New(company.Options{Users: 60, Seed: 5})
	entra, err := idp.NewEntra(url, token, &idp.Options{Dialect: idp.DialectMixed})
	if err != nil {
		t.Fatal(err)
	}
	note := func(r *idp.Report, err error) {
		if err == nil {
			return
		}
		all = append(all, r.Stopped)
		for _, f := range r.Failures {
			all = append(all, f.Error())
		}
	}
	for month := range uint64(14) {
		note(entra.Sync(t.Context(), directory))
		note(entra.Verify(t.Context(), directory))
		directory = company.Evolve(directory, month)
		entra.Advance(7 * 24 * time.Hour) // past any quarantine and escrow
	}
	return strings.Join(all, "\n")
}
