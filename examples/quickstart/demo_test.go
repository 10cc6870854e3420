package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestDemo runs what the README promises and reads its summary as a person
// would.
func TestDemo(t *testing.T) {
	var out strings.Builder
	if code := run(t.Context(), []string{"-demo"}, &out); code != 0 {
		t.Fatalf("exit code %d, want 0:\n%s", code, out.String())
	}
	_, summary, found := strings.Cut(out.String(), "Summary")
	if !found {
		t.Fatalf("no summary:\n%s", out.String())
	}
	for _, row := range []struct{ name, numbers string }{
		// requests, creates, patches, deletes, hooks
		{"Test Connection", `2 0 0 0 0`},
		{"Initial cycle", `638 212 212 0 424`}, // 2 probes, 212 look-ups, 212 creates, 199 managers, 13 batches of members
		{"Disable", `4 0 1 0 1`},               // 2 probes, a look at the one who has changed, and a write
		{"Restore", `4 0 1 0 1`},
		{"Restart", `672 0 0 0 0`}, // 2 probes, 211 look-ups, and 459 members asked about
	} {
		if !regexp.MustCompile(row.name + `\s+` + strings.ReplaceAll(row.numbers, " ", `\s+`) + `\s`).MatchString(summary) {
			t.Errorf("%s: want %s in the summary:\n%s", row.name, row.numbers, summary)
		}
	}
	if !regexp.MustCompile(`\d{3} checks by \d+ requests in .*, and no findings`).MatchString(out.String()) {
		t.Errorf("the conformance check is not reported:\n%s", out.String())
	}
	if !strings.Contains(summary, "Every answer was right") {
		t.Errorf("the summary does not say that all went right:\n%s", summary)
	}
	if lines := strings.Count(out.String(), "\n"); lines > 120 {
		t.Errorf("the demo prints %d lines, want a calm 120 at most", lines)
	}
}

func TestWrongUse(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		args         []string
		want         int
	}{
		{"help", "asking for help is no mistake", []string{"-h"}, 0},
		{"unknown flag", "as go run reports it", []string{"-port", "80"}, 2},
		{"bad address", "the demo must not hang", []string{"-demo", "-addr", "nowhere:x"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if got := run(t.Context(), tt.args, &out); got != tt.want || out.Len() == 0 {
				t.Errorf("exit code %d, want %d (%s), with a word of why:\n%s", got, tt.want, tt.reason, out.String())
			}
		})
	}
}

// TestServe starts the endpoint as a newcomer does, and stops it.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as soon as it serves
	var out strings.Builder
	if code := run(ctx, []string{"-addr", "127.0.0.1:0", "-token", "s3cret"}, &out); code != 0 {
		t.Fatalf("exit code %d, want 0:\n%s", code, out.String())
	}
	if want := regexp.MustCompile(`Tenant URL +http://127\.0\.0\.1:\d+/scim/v2\n +Secret Token +s3cret\n`); !want.MatchString(out.String()) {
		t.Errorf("it does not say what to paste into Entra:\n%s", out.String())
	}
}

// TestHooksAreCounted: the demo must not call wrong hooks right.
func TestHooksAreCounted(t *testing.T) {
	var out strings.Builder
	l := &listener{screen: newDisplay(&out)}
	l.begin()
	for range 5 {
		l.hear(event{"user staged", "somebody"})
	}
	l.end()
	if shown := strings.Count(out.String(), "somebody"); shown != 3 || !strings.Contains(out.String(), "user staged 2") {
		t.Errorf("want three events in full and two counted:\n%s", out.String())
	}
	if err := l.check(map[string]int{"user staged": 5}); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	for _, want := range []map[string]int{{}, {"user staged": 4}, {"user staged": 5, "user deleted": 1}} {
		if err := l.check(want); err == nil {
			t.Errorf("%v: got no error", want)
		}
	}
}
