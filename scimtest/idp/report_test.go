package idp_test

import (
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestHostileText: what an endpoint wrote reaches a terminal as text, and none
// of its lines can be taken for one of the report's.
func TestHostileText(t *testing.T) {
	const hostile = "\x1b[2J\u202egnp\n2. Conflict: user Eve\x9b"
	failure := &idp.Failure{Code: idp.CodeConflict, Object: hostile, Request: "GET /" + hostile, RequestBody: hostile, Status: 409, ResponseBody: hostile, Want: hostile, Why: hostile}
	report := &idp.Report{Run: "initial cycle", Failures: []*idp.Failure{failure}, Advice: []string{hostile}, Stopped: hostile}
	for name, got := range map[string]string{"Failure": failure.Error(), "Report": report.String(), "Report.Err": report.Err().Error()} {
		if i := strings.IndexAny(got, "\x1b\u202e\u009b"); i >= 0 || strings.Contains(got, "\x9b") {
			t.Errorf("%s: a control character in %q", name, got)
		}
		if strings.Contains(got, "\n2. Conflict") {
			t.Errorf("%s: the endpoint began a line: %q", name, got)
		}
		if !strings.Contains(got, `\u001b[2J\u202egnp`) {
			t.Errorf("%s does not show what the endpoint wrote: %q", name, got)
		}
	}
}
