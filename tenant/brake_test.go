package tenant

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// refusing are the application's Hooks, which let nobody touch user 9.
type refusing struct{ scim.NoHooks }

func (refusing) Admit(_ context.Context, e scim.Event) error {
	if e.Before.User().UserName == "user9" {
		return scim.Errorf(scim.ErrForbidden, "user9 is the owner")
	}
	return nil
}

func TestBrakeOfUsers(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		brake        Brake
		users        int
		steps        []string // and what comes of them
		inactive     int      // afterwards
	}{
		{
			"up to the bound", "one more is held, and again",
			Brake{Users: 2},
			5,
			[]string{"off 0 done", "off 1 done", "off 2 held", "off 3 held", "off 2 held"},
			2,
		},
		{
			"in whatever form", "a user is away who was deactivated by PATCH or PUT, or deleted",
			Brake{Users: 3},
			6,
			[]string{"off 0 done", "put 1 done", "delete 2 done", "off 3 held", "put 4 held", "delete 5 held", "delete 0 held"},
			3,
		},
		{
			"nobody is lost", "who is inactive already, or not there, is not counted",
			Brake{Users: 2},
			5,
			[]string{"off 0 done", "off 0 done", "put 0 done", "off 99 404", "delete 99 404", "rename 1 done", "off 1 done", "off 2 held"},
			2,
		},
		{
			"all else goes on", "only losses are held",
			Brake{Users: 1},
			5,
			[]string{"off 0 done", "off 1 held", "rename 1 done", "make done", "on 0 done", "off 0 held"},
			0,
		},
		{
			"others refuse", "what was not done is not counted",
			Brake{Users: 2},
			12,
			[]string{"off 9 403", "delete 9 403", "off 9 403", "off 0 done", "off 1 done", "off 2 held", "off 9 held"},
			2,
		},
		{
			"within an hour", "the default of Window",
			Brake{Users: 2},
			9,
			[]string{"off 0 done", "wait 59m", "off 1 done", "wait 2m", "off 2 done", "off 3 held"},
			3,
		},
		{
			"within a window of its own", "Brake.Window",
			Brake{Users: 1, Window: 10 * time.Minute},
			9,
			[]string{"off 0 done", "wait 11m", "off 1 done", "wait 9m", "off 2 held"},
			2,
		},
		{
			"until somebody approves", "time approves nothing",
			Brake{Users: 1},
			9,
			[]string{"off 0 done", "off 1 held", "wait 100h", "off 1 held", "off 2 held"},
			1,
		},
		{
			"approved", "all of it passes, and after two days the brake is on again",
			Brake{Users: 1},
			9,
			[]string{"off 0 done", "off 1 held", "approve", "off 1 done", "off 2 done", "off 3 done", "wait 47h", "off 4 done", "off 5 done", "wait 2h", "off 6 done", "off 7 held"},
			7,
		},
		{
			"approved beforehand", "for what is planned",
			Brake{Users: 1},
			9,
			[]string{"approve", "off 0 done", "off 1 done", "delete 2 done"},
			3,
		},
		{
			"a share", "10 % of 20",
			Brake{Percent: 10},
			20,
			[]string{"off 0 done", "off 1 done", "off 2 held"},
			2,
		},
		{
			"a share of few", "one at least may go",
			Brake{Percent: 10},
			5,
			[]string{"off 0 done", "off 1 held"},
			1,
		},
		{
			"the share is larger", "the larger bound counts",
			Brake{Users: 1, Percent: 10},
			30,
			[]string{"off 0 done", "off 1 done", "off 2 done", "off 3 held"},
			3,
		},
		{
			"the number is larger", "the larger bound counts",
			Brake{Users: 3, Percent: 10},
			10,
			[]string{"off 0 done", "off 1 done", "off 2 done", "off 3 held"},
			3,
		},
		{
			"all of them", "100 % hold nothing",
			Brake{Percent: 100},
			3,
			[]string{"off 0 done", "off 1 done", "off 2 done"},
			3,
		},
		{
			"no brake", "the zero Brake",
			Brake{},
			3,
			[]string{"off 0 done", "off 1 done", "delete 2 done"},
			3,
		},
		{
			"a brake for groups", "it holds no user",
			Brake{Members: 1},
			3,
			[]string{"off 0 done", "off 1 done", "delete 2 done"},
			3,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBraked(t, braked{hooks: refusing{}}, tt.brake, tt.users)
			b.follow(tt.reason, tt.steps)
			if got := b.inactive(); got != tt.inactive {
				t.Errorf("%d users are away, want %d (%s)", got, tt.inactive, tt.reason)
			}
		})
	}
}

func TestBrakeOfGroups(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		brake        Brake
		steps        []string
		g, h         int // their sizes afterwards; -1: deleted
	}{
		{
			"up to the bound", "however many requests it takes",
			Brake{Members: 3},
			[]string{"remove g 0-2 done", "remove g 2-3 done", "remove g 3-4 held"},
			5, 8,
		},
		{
			"each for itself", "the bound is of a group",
			Brake{Members: 3},
			[]string{"remove g 0-3 done", "remove h 0-3 done", "remove h 3-4 held"},
			5, 5,
		},
		{
			"while it is held", "no group loses any more, and all may grow",
			Brake{Members: 3},
			[]string{"remove g 0-4 held", "remove h 0-1 held", "set h 0-8 done", "set h 0-9 done", "set h 0-8 held"},
			8, 9,
		},
		{
			"no members", "only what a group really lost is counted",
			Brake{Members: 3},
			[]string{"remove g 8-11 done", "remove g 8-11 done", "remove g 6-9 done", "remove g 6-9 done", "remove g 0-1 done", "remove g 1-2 held"},
			5, 8,
		},
		{
			"all are removed", "by one operation that names nobody",
			Brake{Members: 3},
			[]string{"clear g held"},
			8, 8,
		},
		{
			"all of a small group", "it is within the bound",
			Brake{Members: 8},
			[]string{"clear g done", "clear g done", "drop h done"},
			0, -1,
		},
		{
			"a list without them", "PUT says who all the members are",
			Brake{Members: 3},
			[]string{"set g 0-8 done", "set g 2-10 done", "set g 3-10 done", "set g 4-10 held", "set g 3-12 done"},
			9, 8,
		},
		{
			"the group is deleted", "all its members lose it",
			Brake{Members: 3},
			[]string{"drop g held", "drop h held", "remove g 8-12 done", "remove g 7-12 held"},
			8, 8,
		},
		{
			"an empty group is deleted", "nobody loses anything",
			Brake{Members: 8},
			[]string{"clear g done", "remove h 0-8 done", "drop h done", "remove g 0-8 done"},
			0, -1,
		},
		{
			"a group that is not there", "there is nothing to hold",
			Brake{Members: 3},
			[]string{"drop none 404", "remove none 0-1 404", "set none 0-3 404"},
			8, 8,
		},
		{
			"after an approval", "all of it passes",
			Brake{Members: 3},
			[]string{"clear g held", "approve", "clear g done", "drop h done"},
			0, -1,
		},
		{
			"users are held", "groups are if they have a bound",
			Brake{Users: 1, Members: 3},
			[]string{"off 0 done", "off 1 held", "remove g 0-1 held", "clear g held", "rename 2 done"},
			8, 8,
		},
		{
			"a brake for users", "it holds no group",
			Brake{Users: 1},
			[]string{"off 0 done", "off 1 held", "clear g done", "drop h done"},
			0, -1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBraked(t, braked{}, tt.brake, 12)
			b.group("g", 8)
			b.group("h", 8)
			b.follow(tt.reason, tt.steps)
			if g, h := b.size("g"), b.size("h"); g != tt.g || h != tt.h {
				t.Errorf("the groups have %d and %d members, want %d and %d (%s)", g, h, tt.g, tt.h, tt.reason)
			}
		})
	}
}

// What the admins are told, of the identity provider and of the application.
func TestBrakeSaysWhatItHolds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		brake  Brake
		steps  []string
		last   [3]string // method, target, body
		reason string
	}{
		{"a number", Brake{Users: 1}, []string{"off 0 done"}, [3]string{"DELETE", "/Users/{1}"}, "more than 1 users would have been deactivated or deleted within an hour"},
		{"a share", Brake{Percent: 25, Window: 24 * time.Hour}, []string{"off 0 done", "off 1 done", "off 2 done"}, [3]string{"DELETE", "/Users/{3}"}, "more than 3 users (25 % of 12) would have been deactivated or deleted within a day"},
		{"the larger of the two", Brake{Users: 3, Percent: 10}, []string{"off 0 done", "off 1 done", "off 2 done"}, [3]string{"DELETE", "/Users/{3}"}, "more than 3 users would have been deactivated or deleted within an hour"},
		{"members", Brake{Members: 3, Window: 90 * time.Minute}, nil, [3]string{"PATCH", "/Groups/{g}", patchOf(`{"op":"remove","path":"members"}`)}, `the group "Ventes \u202eà" would have lost more than 3 members within 1h30m`},
		{"a group", Brake{Members: 3, Window: 2 * time.Hour}, nil, [3]string{"DELETE", "/Groups/{g}"}, `the group "Ventes \u202eà" would have lost more than 3 members within 2h`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBraked(t, braked{}, tt.brake, 12)
			b.group("Ventes \u202eà", 8)
			b.follow(tt.name, tt.steps)
			target := strings.NewReplacer("{1}", b.users[1], "{3}", b.users[3], "{g}", b.groups["Ventes \u202eà"]).Replace(tt.last[1])
			for range 2 { // when it begins to hold, and from then on
				status, answer := b.send(t.Context(), tt.last[0], target, tt.last[2])
				want := "held by the application: " + tt.reason + ". Since 2026-11-26 09:00 UTC such changes of this connection are refused, and all others go on. " +
					"This request has changed nothing. An administrator of the application must approve it in the settings of the connection; the identity provider will then try again by itself"
				if status != http.StatusConflict || answer["detail"] != want {
					t.Errorf("got %d\n%v, want 409\n%s", status, answer["detail"], want)
				}
				b.clock.advance(2 * time.Hour)
			}
			c, err := b.registry.Connection(t.Context(), b.c.Ref())
			if err != nil || c.Status.HeldReason != tt.reason || !c.Status.Held.Equal(newClock().now()) {
				t.Errorf("the connection is held since %v: %q, %v; want %q", c.Status.Held, c.Status.HeldReason, err, tt.reason)
			}
			if err := b.registry.Approve(t.Context(), b.c.Ref(), time.Hour); err != nil {
				t.Fatal(err)
			}
			c, err = b.registry.Connection(t.Context(), b.c.Ref())
			if want := b.clock.now().Add(time.Hour); err != nil || !c.Status.Held.IsZero() || c.Status.HeldReason != "" || !c.Status.Approved.Equal(want) {
				t.Errorf("approved, its status is %+v, %v; want nothing held, and approved until %v", c.Status, err, want)
			}
		})
	}
}

func TestBrakeNamesGroups(t *testing.T) {
	long := strings.Repeat("é", 61)
	b := newBraked(t, braked{}, Brake{}, 0)
	b.group("Sales", 0)
	b.group(long, 0)
	for _, tt := range []struct{ name, id, want string }{
		{"its name", b.groups["Sales"], `"Sales"`},
		{"a long one", b.groups[long], `"` + long[:2*60] + `…"`},
		{"it is gone", "g1", "g1"},
	} {
		of := braking{resources: b.resources, loss: scim.Loss{Event: scim.Event{Ref: scim.Ref{Tenant: "contoso", Type: "Group", ID: tt.id}}}}
		if got := of.groupName(t.Context()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
