package tenant_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
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
	refused := func(status int, operation scim.Operation, detail string) tenant.Record {
		return tenant.Record{Status: status, Operation: operation, Type: "User", Detail: detail}
	}
	held := func(detail string) tenant.Record {
		r := refused(409, "delete", detail)
		r.Held = true
		return r
	}
	well := func(operation scim.Operation) tenant.Record {
		return tenant.Record{Status: 200, Operation: operation, Type: "User", Changes: []tenant.Change{{}}}
	}
	elsewhere := func(address string) tenant.Record {
		r := refused(401, "list", "x")
		r.Address = address
		return r
	}
	of := func(id string, r tenant.Record) tenant.Record { r.ResourceID = id; return r }
	named := func(name string, r tenant.Record) tenant.Record { r.Name = name; return r }
	id := func(i int) string { return fmt.Sprintf("2819c223-7f76-453a-919d-41386190464%d", i) }
	for _, test := range []struct {
		name, reason string
		records      []tenant.Record
		want         []string
		status       tenant.Status
	}{
		{name: "nothing"},
		{name: "all well", records: []tenant.Record{at(0, well("patch"))}},
		{
			name: "one cause, of several resources", reason: "ids, masks and numbers differ",
			records: []tenant.Record{
				at(0, refused(400, "patch", "operation 1: User "+id(1)+`: "masked.bcdfghjklmnpqr@masked.invalid" is not wanted`)),
				at(5, refused(400, "patch", "operation 2: User "+id(2)+`: "Masked.bbdfghjklmnpqr" is not wanted`)),
			},
			want: []string{`patch User answered 400 2 times from 2026-11-20 12:00:00 UTC to 2026-11-20 12:05:00 UTC: operation 2: User ` + id(2) + `: "Masked.bbdfghjklmnpqr" is not wanted`},
		},
		{
			name: "several causes", reason: "names are what differs; the last comes first",
			records: []tenant.Record{at(0, refused(400, "patch", `unknown attribute "a"`)), at(1, refused(400, "patch", `unknown attribute "b"`)), at(2, refused(400, "create", `unknown attribute "b"`))},
			want: []string{
				`create User answered 400 once, at 2026-11-20 12:02:00 UTC: unknown attribute "b"`,
				`patch User answered 400 once, at 2026-11-20 12:01:00 UTC: unknown attribute "b"`,
				`patch User answered 400 once, at 2026-11-20 12:00:00 UTC: unknown attribute "a"`,
			},
		},
		{
			name: "what is over", reason: "the same resource was answered well since; another says nothing",
			records: []tenant.Record{at(0, of("1", refused(400, "patch", "a"))), at(1, of("2", refused(400, "patch", "b"))), at(2, of("2", well("patch")))},
			want:    []string{"patch User answered 400 once, at 2026-11-20 12:00:00 UTC: a; failing: 1", "over: patch User answered 400 once, at 2026-11-20 12:01:00 UTC: b"},
		},
		{
			name: "one of two resources", reason: "one user fails always, and others never again",
			records: []tenant.Record{at(0, of("1", refused(400, "patch", "a"))), at(1, of("2", refused(400, "patch", "a"))), at(2, of("2", well("patch"))), at(3, of("3", well("patch")))},
			want:    []string{"patch User answered 400 2 times from 2026-11-20 12:00:00 UTC to 2026-11-20 12:01:00 UTC: a; failing: 1"},
		},
		{
			name: "an error of the application with one user", reason: "that others go well does not end it",
			records: []tenant.Record{at(0, of("1", refused(500, "patch", "a"))), at(1, of("3", well("patch")))},
			want:    []string{"patch User answered 500 once, at 2026-11-20 12:00:00 UTC: a; failing: 1"},
			status:  tenant.Status{LastSeen: start.Add(time.Hour)},
		},
		{
			name: "creates", reason: "they are told apart by name, whatever its case",
			records: []tenant.Record{at(0, named("a", refused(400, "create", "x"))), at(1, named("b", refused(400, "create", "x"))), at(2, of("7", named("B", well("create"))))},
			want:    []string{"create User answered 400 2 times from 2026-11-20 12:00:00 UTC to 2026-11-20 12:01:00 UTC: x; failing: a"},
		},
		{
			name: "a create without a name", reason: "no other ends it, but two days do",
			records: []tenant.Record{at(0, refused(400, "create", "x")), at(3*24*60, refused(400, "create", "y")), at(3*24*60+1, well("create"))},
			want:    []string{"create User answered 400 once, at 2026-11-23 12:00:00 UTC: y", "over: create User answered 400 once, at 2026-11-20 12:00:00 UTC: x"},
		},
		{
			name: "not tried again", reason: "the provider came for two days without",
			records: []tenant.Record{at(0, of("1", refused(404, "patch", "gone")))},
			want:    []string{"over: patch User answered 404 once, at 2026-11-20 12:00:00 UTC: gone"},
			status:  tenant.Status{LastSeen: start.Add(49 * time.Hour)},
		},
		{
			name: "a bulk request", reason: "it ends what was refused of the resources that it changed",
			records: []tenant.Record{at(0, of("1", refused(400, "patch", "a"))), at(1, tenant.Record{Status: 200, Operation: "bulk", Changes: []tenant.Change{{Type: "User", ID: "1"}}})},
			want:    []string{"over: patch User answered 400 once, at 2026-11-20 12:00:00 UTC: a"},
		},
		{
			name: "reads", reason: "good ones have no record: the provider came and did not ask so again",
			records: []tenant.Record{at(0, refused(400, "list", "a")), at(60, refused(400, "list", "b"))},
			want:    []string{"list User answered 400 once, at 2026-11-20 13:00:00 UTC: b", "over: list User answered 400 once, at 2026-11-20 12:00:00 UTC: a"},
			status:  tenant.Status{LastSeen: start.Add(2 * time.Hour)},
		},
		{
			name: "a token that was dead", reason: "any request that was answered otherwise shows that it is over",
			records: []tenant.Record{at(0, refused(401, "list", "dead")), at(2, named("a", refused(400, "create", "x")))},
			want:    []string{"create User answered 400 once, at 2026-11-20 12:02:00 UTC: x; failing: a", "over: list User answered 401 once, at 2026-11-20 12:00:00 UTC: dead"},
		},
		{
			name: "faults that are over", reason: "a good read was seen since",
			records: []tenant.Record{at(0, refused(401, "list", "a")), at(1, refused(403, "list", "b")), at(2, refused(429, "list", "c")), at(3, refused(499, "list", "d")), at(4, refused(503, "patch", "e"))},
			want: []string{
				"over: patch User answered 503 once, at 2026-11-20 12:04:00 UTC: e", "over: list User answered 499 once, at 2026-11-20 12:03:00 UTC: d",
				"over: list User answered 429 once, at 2026-11-20 12:02:00 UTC: c", "over: list User answered 403 once, at 2026-11-20 12:01:00 UTC: b",
				"over: list User answered 401 once, at 2026-11-20 12:00:00 UTC: a",
			},
			status: tenant.Status{LastSeen: start.Add(5 * time.Minute)},
		},
		{
			name: "faults that are not over", reason: "the request that was seen was one of them; its token was good",
			records: []tenant.Record{at(0, refused(401, "list", "a")), at(2, refused(429, "list", "c")), at(4, refused(503, "list", "e"))},
			want: []string{
				"list User answered 503 once, at 2026-11-20 12:04:00 UTC: e", "list User answered 429 once, at 2026-11-20 12:02:00 UTC: c",
				"over: list User answered 401 once, at 2026-11-20 12:00:00 UTC: a",
			},
			status: tenant.Status{LastSeen: start.Add(4 * time.Minute)},
		},
		{
			name: "held", reason: "until an approval that is later",
			records: []tenant.Record{at(0, of("1", held("held by the application: many"))), at(1, of("2", held("held by the application: more")))},
			want:    []string{"delete User answered 409 once, at 2026-11-20 12:01:00 UTC: held by the application: more; failing: 2", "over: delete User answered 409 once, at 2026-11-20 12:00:00 UTC: held by the application: many; failing: 1"},
			status:  tenant.Status{Held: start.Add(time.Minute), Approved: start.Add(time.Second)},
		},
		{
			name: "addresses", reason: "a client that walks through them fills no Diagnosis; at its own it is another cause",
			records: []tenant.Record{at(0, refused(401, "list", "x")), at(1, elsewhere("fabrikam")), at(2, elsewhere("adatum"))},
			want: []string{
				"list User answered 401 2 times from 2026-11-20 12:01:00 UTC to 2026-11-20 12:02:00 UTC: x; at adatum",
				"list User answered 401 once, at 2026-11-20 12:00:00 UTC: x",
			},
		},
		{name: "nothing was said", reason: "the status is", records: []tenant.Record{at(0, refused(503, "list", ""))}, want: []string{"list User answered 503 once, at 2026-11-20 12:00:00 UTC: Service Unavailable"}},
		{name: "hostile text", reason: "it goes to terminals", records: []tenant.Record{at(0, refused(400, "list", "a\x1b[2J\nb"))}, want: []string{`list User answered 400 once, at 2026-11-20 12:00:00 UTC: a\u001b[2J b`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range tenant.Causes(test.records, test.status) {
				over := ""
				if c.Over {
					over = "over: "
				}
				line := over + c.String()
				if len(c.Failing) > 0 {
					line += "; failing: " + strings.Join(c.Failing, ", ")
				}
				if c.Address != "" {
					line += "; at " + c.Address
				}
				got = append(got, line)
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
		{"well", func(x *recorded) { create(x, "ada") }, true, "All is well: the last request came at 2026-11-20 12:00 UTC."},
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
		{"what was refused is over", func(x *recorded) {
			x.send("POST", "Users", userBody("ada", `,"active":"perhaps"`))
			x.later(time.Minute)
			create(x, "Ada")
		}, true, "All is well"},
		{"one user always fails", func(x *recorded) { create(x, "nobody"); x.later(time.Minute); create(x, "ada") }, false, "Something is refused: create User answered 400 once"},
		{"a read that was refused", func(x *recorded) {
			create(x, "ada")
			x.later(time.Minute)
			x.send("GET", "Users?filter=userName+eq+%22ada", "")
			x.later(2 * time.Hour)
			x.send("GET", "Users", "")
		}, true, "All is well: the last request came at 2026-11-20 14:01 UTC."},
		{"a new token after all", func(x *recorded) {
			create(x, "ada")
			x.later(time.Minute)
			x.off()
			create(x, "eve")
			x.later(time.Minute)
			x.issue()
		}, false, "A new token was issued at 2026-11-20 12:02:00 UTC, and nothing has come with it yet"},
		{"a new token that comes", func(x *recorded) {
			x.off()
			create(x, "eve")
			x.later(time.Minute)
			x.token = x.issue()
			x.send("GET", "Users", "")
		}, true, "All is well"},
		{"a new token that the provider does not have", func(x *recorded) {
			x.off()
			x.later(time.Minute)
			x.issue()
			x.later(time.Minute)
			create(x, "eve")
		}, false, "Nothing has been changed since 2026-11-20 12:02:00 UTC: create User answered 401 once"},
		{"it stopped", func(x *recorded) { create(x, "ada"); x.later(9 * time.Hour) }, false, "The identity provider has stopped, and was refused nothing before: nothing has come since 2026-11-20 12:00 UTC."},
		{"it stopped after refusals", func(x *recorded) { create(x, "nobody"); create(x, "ada"); create(x, "nobody"); x.later(9 * time.Hour) }, false, "The identity provider has stopped: nothing has come since 2026-11-20 12:00 UTC. Before that: create User answered 400"},
		{"no token", func(x *recorded) { x.off() }, false, "Provisioning is off: the connection has no token that is alive."},
		{"switched off", func(x *recorded) { create(x, "ada"); x.later(time.Minute); x.off() }, false, "Provisioning is off: no token of the connection is alive any more. The last request with a good one came at 2026-11-20 12:00 UTC."},
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

func (x *recorded) issue() string {
	x.t.Helper()
	secret, _, err := x.registry.Issue(x.t.Context(), x.connection.Ref(), tenant.TokenOptions{})
	if err != nil {
		x.t.Fatal(err)
	}
	return secret
}

// TestDiagnoseHeld: what the brake held is over with an approval, and comes again.
func TestDiagnoseHeld(t *testing.T) {
	x := newRecorded(t, func(c *tenant.Connection, _ *tenant.Options) { c.Brake = tenant.Brake{Users: 1} })
	var users []string
	for _, name := range []string{"ada", "eve"} {
		var user struct{ ID string }
		if err := json.Unmarshal(x.send("POST", "Users", userBody(name, "")).Body.Bytes(), &user); err != nil {
			t.Fatal(err)
		}
		users = append(users, user.ID)
	}
	check := func(when, want string, held, over bool) {
		t.Helper()
		d, err := x.registry.Diagnose(t.Context(), x.connection.Ref())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(d.Headline, want) || d.Well != over {
			t.Errorf("%s: got %q, well: %v; want %q, %v", when, d.Headline, d.Well, want, over)
		}
		if held && (len(d.Causes) != 1 || !d.Causes[0].Held || d.Causes[0].Taken || d.Causes[0].Over != over || !strings.Contains(d.Causes[0].Advice(), "must approve")) {
			t.Errorf("%s: the causes are %+v", when, d.Causes)
		}
	}
	x.later(time.Minute)
	x.send("DELETE", "Users/"+users[0], "")
	x.later(time.Minute)
	x.send("DELETE", "Users/"+users[1], "")
	check("held", "Held by the brake since 2026-11-20 12:02:00 UTC", true, false)
	x.later(time.Minute)
	if err := x.registry.Approve(t.Context(), x.connection.Ref(), time.Hour); err != nil {
		t.Fatal(err)
	}
	check("approved", "What the brake held is approved until 2026-11-20 13:03:00 UTC: the identity provider will try it again by itself.", true, true)
	x.later(time.Minute)
	x.send("DELETE", "Users/"+users[1], "")
	check("tried again", "All is well", true, true)
}

// TestTaken: a value that is another's is told from other conflicts, and its record
// says by which name the resource was to be created.
func TestTaken(t *testing.T) {
	x := newRecorded(t, nil)
	x.send("POST", "Users", userBody("ada@example.com", ""))
	x.send("POST", "Users", userBody("ADA@example.com", ""))
	records := x.log(tenant.Query{AllTenants: true})
	if len(records) != 2 {
		t.Fatalf("got %d records, want 2", len(records))
	}
	again, first := records[0], records[1]
	if again.Status != http.StatusConflict || !again.Taken || first.Taken {
		t.Errorf("Taken is %v with status %d, and %v with %d", again.Taken, again.Status, first.Taken, first.Status)
	}
	if !strings.HasPrefix(first.Name, "masked.") || !strings.EqualFold(first.Name, again.Name) || !strings.Contains(string(again.Body), again.Name) {
		t.Errorf("the names are %q and %q; want the mask that is in %s", first.Name, again.Name, again.Body)
	}
}

// TestTook: it is the difference before it is cut to milliseconds.
func TestTook(t *testing.T) {
	x := newRecorded(t, nil)
	x.later(999 * time.Microsecond)
	x.send("POST", "Users", userBody("ada", ""))
	if took := x.log(tenant.Query{AllTenants: true})[0].Duration; took != 0 {
		t.Errorf("it took %v by a clock that stands, want 0", took)
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
		{tenant.Cause{Status: http.StatusConflict, Taken: true}, "match by that attribute"},
		{tenant.Cause{Status: http.StatusConflict, Held: true}, "must approve"},
		{tenant.Cause{Status: http.StatusConflict}, "says why"},
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
