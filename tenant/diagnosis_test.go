package tenant_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// TestCauses: refusals are told together that have one cause.
func TestCauses(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	n := 0
	at := func(minute int, r tenant.Record) tenant.Record {
		n++
		r.ID, r.At, r.Masked = fmt.Sprintf("%04d", minute*100+n), start.Add(time.Duration(minute)*time.Minute), true
		return r
	}
	refused := func(status int, operation, detail string) tenant.Record {
		return tenant.Record{Status: status, Operation: operation, Type: "User", Detail: detail}
	}
	well := func(operation string) tenant.Record {
		return tenant.Record{Status: 200, Operation: operation, Type: "User", Changes: []tenant.Change{{}}}
	}
	id := func(i int) string { return fmt.Sprintf("2819c223-7f76-453a-919d-41386190464%d", i) }
	for _, test := range []struct {
		name, reason string
		records      []tenant.Record
		want         []string
	}{
		{"nothing", "", nil, nil},
		{"all well", "", []tenant.Record{at(0, well("patch"))}, nil},
		{
			"one cause, of several resources", "ids, masks and numbers differ",
			[]tenant.Record{
				at(0, refused(400, "patch", "operation 1: User "+id(1)+`: "masked.bcdfghjklmnpqr@masked.invalid" is not wanted`)),
				at(5, refused(400, "patch", "operation 2: User "+id(2)+`: "Masked.bbdfghjklmnpqr" is not wanted`)),
			},
			[]string{`patch User answered 400 2 times from 2026-11-20 12:00:00 UTC to 2026-11-20 12:05:00 UTC: operation 2: User ` + id(2) + `: "Masked.bbdfghjklmnpqr" is not wanted`},
		},
		{
			"several causes", "names are what differs; the last comes first",
			[]tenant.Record{at(0, refused(400, "patch", `unknown attribute "a"`)), at(1, refused(400, "patch", `unknown attribute "b"`)), at(2, refused(400, "create", `unknown attribute "b"`))},
			[]string{
				`create User answered 400 once, at 2026-11-20 12:02:00 UTC: unknown attribute "b"`,
				`patch User answered 400 once, at 2026-11-20 12:01:00 UTC: unknown attribute "b"`,
				`patch User answered 400 once, at 2026-11-20 12:00:00 UTC: unknown attribute "a"`,
			},
		},
		{
			"what is over", "the same operation was answered well since; another says nothing",
			[]tenant.Record{at(0, refused(400, "patch", "a")), at(1, refused(400, "create", "b")), at(2, well("create"))},
			[]string{"patch User answered 400 once, at 2026-11-20 12:00:00 UTC: a", "over: create User answered 400 once, at 2026-11-20 12:01:00 UTC: b"},
		},
		{
			"a token that was dead", "any request that was answered well shows that it is over",
			[]tenant.Record{at(0, refused(401, "list", "dead")), at(2, well("create"))},
			[]string{"over: list User answered 401 once, at 2026-11-20 12:00:00 UTC: dead"},
		},
		{"nothing was said", "the status is", []tenant.Record{at(0, refused(503, "list", ""))}, []string{"list User answered 503 once, at 2026-11-20 12:00:00 UTC: Service Unavailable"}},
		{"hostile text", "it goes to terminals", []tenant.Record{at(0, refused(400, "list", "a\x1b[2J\nb"))}, []string{`list User answered 400 once, at 2026-11-20 12:00:00 UTC: a\u001b[2J b`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range tenant.Causes(test.records) {
				over := ""
				if c.Over {
					over = "over: "
				}
				got = append(got, over+c.String())
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("%s\n got %s\nwant %s", test.reason, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

// TestDiagnose: why did Entra stop? The headline says.
func TestDiagnose(t *testing.T) {
	create := func(x *recorded, name string) { x.send("POST", "Users", userBody(name, "")) }
	for _, test := range []struct {
		name string
		do   func(*recorded)
		well bool
		want string
	}{
		{"nothing has come", func(*recorded) {}, false, "Nothing has come yet."},
		{"well", func(x *recorded) { create(x, "ada") }, true, "All is well: the last request came at 2026-11-20 12:00:00 UTC."},
		{"something is refused", func(x *recorded) {
			create(x, "nobody")
			create(x, "nobody")
			x.later(time.Minute)
			x.send("PATCH", "Users/1", "")
			create(x, "ada")
			x.later(time.Minute)
			create(x, "nobody")
		}, false, "Something is refused: create User answered 400 3 times from"},
		{"everything is refused", func(x *recorded) { create(x, "ada"); x.later(time.Minute); create(x, "nobody") }, false, "Nothing has been changed since 2026-11-20 12:01:00 UTC: create User answered 400 once"},
		{"what was refused is over", func(x *recorded) { create(x, "nobody"); x.later(time.Minute); create(x, "ada") }, true, "All is well"},
		{"it stopped", func(x *recorded) { create(x, "ada"); x.later(9 * time.Hour) }, false, "The identity provider has stopped, and was refused nothing before: nothing has come since 2026-11-20 12:00:00 UTC."},
		{"it stopped after refusals", func(x *recorded) { create(x, "nobody"); create(x, "ada"); create(x, "nobody"); x.later(9 * time.Hour) }, false, "The identity provider has stopped: nothing has come since 2026-11-20 12:00:00 UTC. Before that: create User answered 400"},
		{"no token", func(x *recorded) { x.off() }, false, "Provisioning is off: the connection has no token that is alive."},
		{"switched off", func(x *recorded) { create(x, "ada"); x.later(time.Minute); x.off() }, false, "Provisioning is off: no token of the connection is alive any more. The last good request came at 2026-11-20 12:00:00 UTC."},
		{"held", func(x *recorded) {
			create(x, "ada")
			if err := x.store.Hold(x.t.Context(), x.connection.Ref(), x.now, "100 users would be deleted"); err != nil {
				x.t.Fatal(err)
			}
		}, false, "Held by the brake since 2026-11-20 12:00:00 UTC, until somebody approves: 100 users would be deleted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newRecorded(t, nil)
			test.do(x)
			d, err := x.registry.Diagnose(t.Context(), x.connection.Ref())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(d.Headline, test.want) || d.Well != test.well {
				t.Errorf("got %q, well: %v; want %q, %v", d.Headline, d.Well, test.want, test.well)
			}
			if !strings.Contains(d.String(), d.Headline) {
				t.Errorf("the headline is not in\n%s", d)
			}
		})
	}
	x := newRecorded(t, nil)
	if _, err := x.registry.Diagnose(t.Context(), tenant.Ref{Tenant: "fabrikam", ID: x.connection.ID}); err != tenant.ErrNotFound {
		t.Errorf("of another tenant's connection: got %v, want ErrNotFound", err)
	}
}

func (x *recorded) later(d time.Duration) { x.now = x.now.Add(d) }

func (x *recorded) off() {
	x.t.Helper()
	if err := x.registry.SwitchOff(x.t.Context(), x.connection.Ref()); err != nil {
		x.t.Fatal(err)
	}
}

// TestAdvice: what somebody can do about it is said.
func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		cause tenant.Cause
		want  string
	}{
		{tenant.Cause{Status: http.StatusUnauthorized}, "a token that is alive"},
		{tenant.Cause{Status: http.StatusNotFound}, "base URL"},
		{tenant.Cause{Status: http.StatusNotFound, Operation: "patch"}, "Restart provisioning"},
		{tenant.Cause{Status: http.StatusConflict}, "match by that attribute"},
		{tenant.Cause{Status: http.StatusTooManyRequests}, "limits"},
		{tenant.Cause{Status: 499}, "60 seconds"},
		{tenant.Cause{Status: http.StatusInternalServerError}, "its own log"},
		{tenant.Cause{Status: http.StatusBadRequest}, ""},
		{tenant.Cause{Status: http.StatusNotImplemented}, ""},
	} {
		if got := test.cause.Advice(); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%d %s: got %q, want %q in it", test.cause.Status, test.cause.Operation, got, test.want)
		}
	}
}
