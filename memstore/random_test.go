package memstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
)

// After any sequence of calls what is found by an index is what a search
// through everything finds.
func TestRandomCalls(t *testing.T) {
	s := new(Store)
	calls := &randomCalls{Rand: rand.New(rand.NewPCG(1, 2)), most: 4}
	for step := range 6000 {
		calls.one(t, ctx, s)
		if step%50 == 0 {
			checkInvariants(t, s, step)
		}
	}
	checkInvariants(t, s, 6000)
	calls.checkSets(t)
}

// randomCalls are calls of a Store that often succeed.
type randomCalls struct {
	*rand.Rand
	most int           // fewer members than that are added or removed at once
	all  [2][]scim.Ref // users, groups
	sets []keptSet     // that were handed out, and that no call must touch
}

type keptSet struct {
	set  scim.Set
	held []string
}

func (r *randomCalls) pick(of int) scim.Ref {
	if len(r.all[of]) == 0 {
		return scim.Ref{Type: "User", ID: "nobody"}
	}
	return r.all[of][r.IntN(len(r.all[of]))]
}

func (r *randomCalls) one(t *testing.T, ctx context.Context, s scim.Store) {
	t.Helper()
	someone := func() string { return r.pick(min(r.IntN(6), 1) ^ 1).ID } // a user more often than a group
	u := numbered(r.IntN(40))
	u.DisplayName = fmt.Sprint("Name ", r.IntN(4)) // shared by several
	u.Emails = append(u.Emails, u.Emails[0], scim.Value{Value: fmt.Sprint("team", r.IntN(3), "@example.com")})
	change := userChange(u)
	kind := r.IntN(2)
	if kind == 1 {
		change = groupChange(fmt.Sprint("Group ", r.IntN(12)))
		for range r.IntN(r.most) {
			change.Members.Add = append(change.Members.Add, scim.Member{ID: someone()})
			change.Members.Remove = append(change.Members.Remove, someone())
		}
		change.Members.Reset = r.IntN(10) == 0
		if r.IntN(2) == 0 {
			change.Document, change.Keys = scim.Document{}, nil
		}
	}
	ref := r.pick(kind)
	var err error
	switch r.IntN(8) {
	case 0, 1:
		if change.Document.IsZero() {
			return
		}
		var made *scim.Updated
		if made, err = s.Create(ctx, scim.Ref{Type: []string{"User", "Group"}[kind]}, change); err == nil {
			r.all[kind] = append(r.all[kind], made.Resource.Ref)
		}
	case 2:
		err = s.Delete(ctx, ref, "")
		r.all[kind] = slices.DeleteFunc(slices.Clone(r.all[kind]), func(other scim.Ref) bool { return other == ref })
	default:
		if r.IntN(3) == 0 {
			if r2, err := s.Get(ctx, ref, someMember); err == nil && r2.Members != nil {
				r.sets = append(r.sets, keptSet{r2.Members, idsOf(r2.Members)})
			}
		}
		_, err = s.Update(ctx, ref, change)
	}
	if err != nil && !errors.Is(err, scim.ErrUniqueness) && !errors.Is(err, scim.ErrInvalidValue) && !errors.Is(err, scim.ErrNotFound) {
		t.Fatal(err)
	}
}

func (r *randomCalls) checkSets(t *testing.T) {
	t.Helper()
	if len(r.sets) < 10 {
		t.Errorf("%d Sets were handed out, want more", len(r.sets))
	}
	for _, kept := range r.sets {
		if got := idsOf(kept.set); !slices.Equal(got, kept.held) {
			t.Fatalf("a Set changed from %v to %v", kept.held, got)
		}
		for _, id := range kept.held {
			if !must(kept.set.Has(id)) {
				t.Fatalf("a Set of %v has %s no more", kept.held, id)
			}
		}
	}
}

func checkInvariants(t *testing.T, s *Store, step int) {
	t.Helper()
	for _, tn := range s.tenants {
		listed := 0
		for typ, in := range tn.types {
			listed += len(in.order)
			if !slices.IsSortedFunc(in.order, byNumber) {
				t.Fatalf("step %d: %ss are not in the order of creation", step, typ)
			}
			want := map[scim.Key][]*record{}
			for _, rec := range in.order {
				r := rec.resource.Load()
				if tn.get(rec.id) != rec || tn.slots.records[rec.slot] != rec || r.ID != rec.id || r.Type != typ || rec.in != in || r.Version != fmt.Sprint(rec.revision) {
					t.Fatalf("step %d: %s %s is out of place", step, typ, rec.id)
				}
				for _, k := range r.Keys {
					k.Unique = false
					want[k] = append(want[k], rec)
				}
				checkSet(t, rec.members, func(m *record) bool { return m.groups.find(rec) >= 0 })
				checkSet(t, rec.groups, func(g *record) bool { return g.members.find(rec) >= 0 })
			}
			found := 0
			for _, x := range in.indexes {
				for h := range x.more {
					if _, ok := x.first[h]; !ok || len(x.more[h]) == 0 {
						t.Fatalf("step %d: %s has no first or no more", step, x.path)
					}
				}
				found += len(x.first)
			}
			for k, recs := range want {
				c := in.index(k.Path).find(k.Value)
				if got := append([]*record{c.first}, c.rest...); !slices.Equal(got, recs) {
					t.Fatalf("step %d: index of %s %q has not those that have the Key", step, k.Path, k.Value)
				}
			}
			if found != len(want) {
				t.Fatalf("step %d: indexes of %ss have %d values, want %d", step, typ, found, len(want))
			}
		}
		if ids, used := len(tn.byID.first), len(tn.slots.records)-len(tn.slots.free); listed != ids || listed != used {
			t.Fatalf("step %d: %d resources are listed, %d have ids, %d have slots", step, listed, ids, used)
		}
	}
}

func checkSet(t *testing.T, s *set, back func(*record) bool) {
	t.Helper()
	if s == nil {
		return
	}
	if s.at != nil && len(s.at) != len(s.list) {
		t.Fatalf("a set has %d places for %d elements", len(s.at), len(s.list))
	}
	for i, rec := range s.list {
		if s.find(rec) != i || !back(rec) {
			t.Fatalf("element %d of a set is found at %d, and back: %v", i, s.find(rec), back(rec))
		}
	}
}

// resources are the lines of a snapshot but the first, with the number of those
// created: the numbers that a transaction takes come back at its end.
func resources(snapshot string) []string { return strings.Split(snapshot, "\n")[1:] }

// written is everything in the Store, with what a transaction has written that has
// not ended, and each member's groups in the order in which they are kept.
func written(t testing.TB, s *Store) string {
	t.Helper()
	defer func(held map[string]*transaction) { s.held = held }(s.held)
	s.held = nil
	text := everything(t, s)
	for _, typ := range []string{"User", "Group"} {
		in := s.tenants[""].collection(typ)
		for _, rec := range in.order {
			for _, group := range rec.groupList() {
				text += rec.id + " is in " + group.id + "\n"
			}
		}
	}
	return text
}

// Whatever was done in a transaction is undone to the last place in a set, and is
// in no snapshot before. So it is with a transaction inside.
func TestUndo(t *testing.T) {
	s := new(Store)
	calls := &randomCalls{Rand: rand.New(rand.NewPCG(3, 4)), most: 12}
	for i := range 40 { // some groups have a map of their members, some not
		calls.all[0] = append(calls.all[0], create(t, s, "User", userChange(numbered(i))))
	}
	for range 100 {
		calls.one(t, ctx, s)
	}
	ends := map[error]int{}
	for round := range 300 {
		snapshot, before, all := everything(t, s), written(t, s), calls.all
		end := []error{nil, errUndone}[calls.IntN(2)]
		err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			for range calls.IntN(6) {
				calls.one(t, ctx, tx)
			}
			for range calls.IntN(3) {
				outer, all := written(t, s), calls.all
				end := []error{nil, errUndone}[calls.IntN(2)]
				err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					for range calls.IntN(6) {
						calls.one(t, ctx, tx)
					}
					return end
				})
				if err != end {
					t.Errorf("round %d: a transaction inside: got %v, want %v", round, err, end)
				}
				if end == nil {
					continue
				}
				calls.all = all
				if diff := cmp.Diff(outer, written(t, s)); diff != "" {
					t.Fatalf("round %d: a transaction inside left behind (-want +got)\n%s", round, diff)
				}
			}
			if diff := cmp.Diff(resources(snapshot), resources(everything(t, s))); diff != "" {
				t.Fatalf("round %d: a snapshot before the end (-want +got)\n%s", round, diff)
			}
			return end
		})
		if err != end {
			t.Errorf("round %d: got %v, want %v", round, err, end)
		}
		if ends[end]++; end != nil {
			calls.all = all
			if diff := cmp.Diff(before, written(t, s)); diff != "" {
				t.Fatalf("round %d: a transaction left behind (-want +got)\n%s", round, diff)
			}
		}
		checkInvariants(t, s, round)
		for _, tn := range s.tenants {
			for _, rec := range tn.slots.records {
				if rec != nil && rec.before.Load() != nil {
					t.Fatalf("round %d: %s %s is held to be in a transaction", round, rec.in.typ, rec.id)
				}
			}
		}
	}
	calls.checkSets(t)
	if ends[nil] < 50 || ends[errUndone] < 50 || len(s.held) > 0 {
		t.Errorf("%d transactions took effect and %d did not, %d have not ended; want some, some and none", ends[nil], ends[errUndone], len(s.held))
	}
}
