package tenanttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/tenant"
)

const (
	sayNote    = "Note stores what was seen of connections and tokens. What there is no longer is passed over, and a time that is not later than the one that is stored."
	saySeen    = "Seen is what was seen of a connection: its fields that are zero say nothing."
	sayHold    = "Hold sets Status.Held and HeldReason, unless it is held already or Status.Approved is later than since; or reports ErrNotFound."
	sayApprove = "Approve clears Status.Held and HeldReason, sets Status.Approved and forgets what Spend has counted, but under names that begin with KeptPrefix, all at once; or reports ErrNotFound."

	saySpend    = "Spend adds n to what is counted under a name for a connection at a time, and returns how much was counted after another, n included; or ErrNotFound."
	sayGiveBack = "n may be negative: what was spent in vain is given back at the time it was spent, as much of it as is not forgotten, and takes no room any more."
	sayKept     = "What others count in a longer window, or by a clock that is late, is not forgotten: at the earliest what is MaxWindow older than at."
	sayNames    = "Names have 255 bytes at most."
	sayAsk      = "If n is 0 nothing is stored."
	sayCounted  = "Calls at the same time for one name are one after the other, in different processes too: each counts those before it."
)

// see notes something of one connection and checks what its Status is then.
func (k *kit) see(what string, ref tenant.Ref, want tenant.Status, seen ...tenant.Seen) {
	k.t.Helper()
	k.done("Note", k.store.Note(k.ctx, seen))
	k.equal("Status after Note "+what, k.connection(ref).Status, want)
}

var status = []clause{
	{"note", sayNote, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		mine, others := k.issue(ref, time.Time{}), k.issue(next, time.Time{})
		want := tenant.Status{LastSeen: after(60), LastError: "no such user", LastErrorAt: after(50)}
		k.see("of all", ref, want, tenant.Seen{Ref: ref, TokenID: mine.ID, At: after(60), LastError: "no such user", LastErrorAt: after(50)})
		used := func(what string, want time.Time) {
			got, _ := k.token(mine.ID, noon)
			k.equal("LastUsed after Note "+what, got.LastUsed, want)
		}
		used("of all", after(60))
		k.see("of earlier times", ref, want, tenant.Seen{Ref: ref, TokenID: mine.ID, At: after(59), LastError: "earlier", LastErrorAt: after(49)})
		used("of an earlier time", after(60))
		k.see("of the same times", ref, want, tenant.Seen{Ref: ref, TokenID: mine.ID, At: after(60), LastError: "the same", LastErrorAt: after(50)})
		want.LastSeen = after(70)
		k.see("of a later use and an earlier error", ref, want, tenant.Seen{Ref: ref, TokenID: mine.ID, At: after(70), LastError: "earlier", LastErrorAt: after(10)})
		used("of a later time", after(70))
		want.LastError, want.LastErrorAt = "later", after(80)
		k.see("of an earlier use and a later error", ref, want, tenant.Seen{Ref: ref, TokenID: mine.ID, At: after(1), LastError: "later", LastErrorAt: after(80)})
		used("of an earlier time again", after(70))
		want.LastUnknown = after(40)
		k.see("of a token that is nobody's", ref, want, tenant.Seen{Ref: ref, Unknown: after(40)})
		k.see("of an earlier one", ref, want, tenant.Seen{Ref: ref, Unknown: after(39)})
		k.done("Note of another's token", k.store.Note(k.ctx, []tenant.Seen{{Ref: ref, TokenID: others.ID, At: after(90)}}))
		got, _ := k.token(others.ID, noon)
		k.equal("LastUsed of another's token", got.LastUsed, time.Time{})
	}},
	{"note of what is zero", saySeen, func(k *kit) {
		ref := k.add(acme)
		token := k.issue(ref, time.Time{})
		k.see("of nothing", ref, tenant.Status{}, tenant.Seen{Ref: ref, TokenID: token.ID})
		want := tenant.Status{LastErrorAt: after(1), LastError: "refused"}
		k.see("of an error alone", ref, want, tenant.Seen{Ref: ref, LastError: "refused", LastErrorAt: after(1)})
		want.LastSeen = after(2)
		k.see("of a use alone", ref, want, tenant.Seen{Ref: ref, At: after(2)})
		got, _ := k.token(token.ID, noon)
		k.equal("LastUsed of a token that was not seen", got.LastUsed, time.Time{})
	}},
	{"note of many", sayNote, func(k *kit) {
		gone := tenant.Ref{Tenant: acme, ID: "gone"}
		var seen []tenant.Seen
		var all []tenant.Ref
		for i := range 300 {
			ref := k.add(acme)
			all = append(all, ref)
			seen = append(seen, tenant.Seen{Ref: ref, At: after(i + 5)}, tenant.Seen{Ref: gone, TokenID: "gone", At: after(i)}, tenant.Seen{Ref: ref, At: after(i + 9)}, tenant.Seen{Ref: ref, At: after(i)})
		}
		k.done("Note", k.store.Note(k.ctx, seen))
		for i, ref := range all {
			k.equal("LastSeen after the latest of three", k.connection(ref).Status.LastSeen, after(i+9))
		}
		k.done("Note of nothing", k.store.Note(k.ctx, nil))
	}},
	{"hold", sayHold, func(k *kit) {
		ref := k.add(acme)
		k.done("Hold", k.store.Hold(k.ctx, ref, after(1), "too many"))
		want := tenant.Status{Held: after(1), HeldReason: "too many"}
		k.equal("Status after Hold", k.connection(ref).Status, want)
		k.done("Hold", k.store.Hold(k.ctx, ref, after(2), "again"))
		k.equal("Status after Hold when it is held", k.connection(ref).Status, want)
	}},
	{"hold what is approved", sayHold, func(k *kit) {
		ref := k.add(acme)
		k.done("Approve", k.store.Approve(k.ctx, ref, after(10)))
		k.done("Hold", k.store.Hold(k.ctx, ref, after(9), "too many"))
		k.equal("Status after Hold before the end of an approval", k.connection(ref).Status, tenant.Status{Approved: after(10)})
		k.done("Hold", k.store.Hold(k.ctx, ref, after(10), "too many"))
		k.equal("Status after Hold at the end of an approval", k.connection(ref).Status, tenant.Status{Approved: after(10), Held: after(10), HeldReason: "too many"})
	}},
	{"approve", sayApprove, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		for _, of := range []tenant.Ref{ref, next} {
			k.spend(of, "users", 5, noon, after(-60))
			k.spend(of, "members", 5, noon, after(-60))
			k.spend(of, tenant.KeptPrefix+"a", 5, noon, after(-60))
			k.done("Hold", k.store.Hold(k.ctx, of, noon, "too many"))
		}
		k.done("Approve", k.store.Approve(k.ctx, ref, after(10)))
		k.equal("Status after Approve", k.connection(ref).Status, tenant.Status{Approved: after(10)})
		k.equal("what is spent after Approve", []int{k.spent(ref, "users"), k.spent(ref, "members"), k.spent(ref, tenant.KeptPrefix+"a")}, []int{0, 0, 5})
		k.equal("Status of another", k.connection(next).Status, tenant.Status{Held: noon, HeldReason: "too many"})
		k.equal("what another has spent", []int{k.spent(next, "users"), k.spent(next, "members")}, []int{5, 5})
		k.done("Approve for less", k.store.Approve(k.ctx, ref, after(5)))
		k.equal("Status after Approve for less", k.connection(ref).Status, tenant.Status{Approved: after(5)})
	}},
}

var counts = []clause{
	{"spend", saySpend, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		for i, c := range []struct {
			of        tenant.Ref
			name      string
			n         int
			at, since time.Time
			want      int
		}{
			{ref, "users", 1, after(0), after(-60), 1},
			{ref, "users", 2, after(0), after(-60), 3},
			{ref, "users", 4, after(30), after(-30), 7},
			{ref, "members/1", 8, after(30), after(-30), 8}, // of another name
			{next, "users", 16, after(30), after(-30), 16},  // of another connection
			{ref, "users", 32, after(60), after(0), 36},     // those of 0 are not after 0
			{ref, "users", 64, after(100), after(95), 64},
		} {
			k.equal(fmt.Sprintf("Spend %d: of %d at %v, after %v", i, c.n, c.at, c.since), k.spend(c.of, c.name, c.n, c.at, c.since), c.want)
		}
	}},
	{"ask what is spent", sayAsk, func(k *kit) {
		ref := k.add(acme)
		k.equal("Spend of 0 where there is nothing", k.spent(ref, "users"), 0)
		k.spend(ref, "users", 3, after(0), after(-60))
		for range 2 {
			k.equal("Spend of 0", k.spend(ref, "users", 0, after(10), after(-60)), 3)
			k.equal("Spend of 0, after what there is", k.spend(ref, "users", 0, after(100), after(50)), 0)
		}
		k.equal("Spend of 0 after one that looked at less", k.spend(ref, "users", 0, after(10), after(-60)), 3)
	}},
	{"give back", sayGiveBack, func(k *kit) {
		ref := k.add(acme)
		k.spend(ref, "users", 5, after(0), after(-60))
		k.spend(ref, "users", 5, after(10), after(-60))
		k.equal("Spend of -2", k.spend(ref, "users", -2, after(0), after(-60)), 8)
		k.equal("Spend of 0, after what was given back", k.spend(ref, "users", 0, after(20), after(5)), 5)
		k.equal("Spend of -5, of which there are 3", k.spend(ref, "users", -5, after(0), after(-60)), 5)
		k.done("Approve", k.store.Approve(k.ctx, ref, after(0)))
		k.equal("Spend of -5, which are forgotten", k.spend(ref, "users", -5, after(10), after(-60)), 0)
		k.equal("Spend of 2", k.spend(ref, "users", 2, after(10), after(-60)), 2)
	}},
	{"spend by other clocks", sayKept, func(k *kit) {
		ref := k.add(acme)
		k.spend(ref, "users", 5, after(0), after(-60))
		k.spend(ref, "users", 1, after(7200), after(3600)) // by a clock that is two hours ahead
		k.spend(ref, "members", 1, after(7200), after(3600))
		k.equal("Spend of 0 after one by a clock that is ahead", k.spend(ref, "users", 0, after(10), after(-60)), 6)
		k.equal("Spend of 2 after one by a clock that is ahead", k.spend(ref, "users", 2, after(10), after(-60)), 8)
		month := after(10).Add(tenant.MaxWindow)
		k.equal("Spend of 1 a month later", k.spend(ref, "users", 1, month, month.Add(-tenant.MaxWindow)), 2)
	}},
	{"spend under long names", sayNames, func(k *kit) {
		ref := k.add(acme)
		for i, name := range []string{strings.Repeat("9", 255), strings.Repeat("9", 254), strings.Repeat("9", 254) + "8"} {
			k.spend(ref, name, i+1, noon, after(-60))
		}
		k.equal("what is spent under a name of 255 bytes", k.spent(ref, strings.Repeat("9", 255)), 1)
	}},
	{"spend at the same time", sayCounted, func(k *kit) {
		ref := k.add(acme)
		const callers, times = 8, 5
		sums, errs := make([][]int, callers), make([]error, callers)
		atOnce(callers, func(i int) {
			for range times {
				sum, err := k.store.Spend(k.ctx, ref, "users", 1, after(i), after(-60)) // at different times
				sums[i] = append(sums[i], sum)
				if err != nil {
					errs[i] = err
				}
			}
		})
		for _, err := range errs {
			k.done("Spend at the same time", err)
		}
		got, want := slices.Sorted(slices.Values(slices.Concat(sums...))), []int(nil)
		for i := range callers * times {
			want = append(want, i+1)
		}
		k.equal("what those who spend 1 at the same time are told", got, want)
		k.equal("what they have spent", k.spend(ref, "users", 0, after(10), after(-60)), callers*times)
	}},
}
