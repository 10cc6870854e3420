package main

import (
	"strings"
	"testing"

	"github.com/usherkit/scim/tenant"
)

func TestUncopied(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		held   bool
		want   string // in the error; empty: none
	}{
		{"the brake", 409, true, "held by the brake, which a copy does not have"},
		{"a value that is taken is so in the copy too", 409, false, ""},
		{"the limits", 429, false, "refused by the limits, which a copy does not have"},
		{"the token", 401, false, "refused for its token, which a copy does not have"},
		{"what is wrong is so in the copy too", 400, false, ""},
		{"a success", 201, false, ""},
	} {
		got := ""
		if err := uncopied(&tenant.Record{Status: tt.status, Held: tt.held}); err != nil {
			got = err.Error()
		}
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
