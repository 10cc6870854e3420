package memstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// The costs of look-ups and of changes of members do not depend on how much
// there is.

func BenchmarkLookUp(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		s := new(Store)
		fill(b, s, size)
		for name, filter := range map[string]string{
			"hit":  `userName eq "` + numbered(size/2).UserName + `"`,
			"miss": `userName eq "nobody@example.com"`,
		} {
			q := scim.Query{Type: "User", Limit: 100, Filter: must(users.ParseFilter(filter))}
			b.Run(fmt.Sprintf("users=%d/%s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					must(s.List(ctx, q))
				}
			})
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		s := new(Store)
		ids := fill(b, s, size)
		b.Run(fmt.Sprintf("users=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				must(s.Get(ctx, scim.Ref{Type: "User", ID: ids[i%len(ids)]}, scim.Projection{}))
			}
		})
	}
}

func BenchmarkAddAndRemoveMember(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		s := new(Store)
		ids := fill(b, s, size+1)
		group := create(b, s, "Group", groupChange("Readers", ids[:size]...))
		add, remove := scim.Change{Members: adding(ids[size])}, scim.Change{Members: scim.MemberDelta{Remove: ids[size:]}}
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(s.Update(ctx, group, add))
				must(s.Update(ctx, group, remove))
			}
		})
	}
}

func BenchmarkMembers(b *testing.B) {
	s := new(Store)
	ids := fill(b, s, 100_000)
	group := create(b, s, "Group", groupChange("Readers", ids...))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range must(s.Get(ctx, group, scim.Projection{Members: true})).Members.All() {
			n++
		}
		if n != len(ids) {
			b.Fatalf("got %d members, want %d", n, len(ids))
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	s := new(Store)
	var changes []scim.Change
	for i := range 10_000 {
		changes = append(changes, userChange(typical(i)))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(changes) == 0 {
			s = new(Store)
		}
		must(s.Create(ctx, scim.Ref{Type: "User"}, changes[i%len(changes)]))
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := new(Store)
	user := typical(1)
	on := userChange(user)
	user.Active = false
	off := userChange(user)
	fill(b, s, 10_000)
	ref := create(b, s, "User", on)
	b.ReportAllocs()
	for b.Loop() {
		must(s.Update(ctx, ref, off))
		must(s.Update(ctx, ref, on))
	}
}

// A change in a transaction of its own, as it is where there are hooks.
func BenchmarkInTx(b *testing.B) {
	s := new(Store)
	user := typical(1)
	on := userChange(user)
	user.Active = false
	off := userChange(user)
	fill(b, s, 10_000)
	ref := create(b, s, "User", on)
	for name, end := range map[string]error{"takes effect": nil, "is undone": errUndone} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					_, err := tx.Update(ctx, ref, []scim.Change{off, on}[i%2])
					return errors.Join(err, end)
				}); !errors.Is(err, end) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	s := new(Store)
	fill(b, s, 10_000)
	for name, q := range map[string]scim.Query{
		"page of 100": {Type: "User", Offset: 5000, Limit: 100},
		"scan":        {Type: "User", Limit: 100, Filter: must(users.ParseFilter(`active eq false`))},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(s.List(ctx, q))
			}
		})
	}
}

// A page costs the same wherever it begins: the first one and the 9,000th of a
// million users are asked for in turns.
func BenchmarkCursor(b *testing.B) {
	size := 1_000_000
	if testing.Short() {
		size = 20_000
	}
	s := new(Store)
	fill(b, s, size)
	first := scim.Query{Type: "User", Limit: 100}
	before, far := first, first
	before.Offset, before.Resumes = size/10*9-100, true
	far.After = must(s.List(ctx, before)).Next
	if page := must(s.List(ctx, far)); page.Resources[0].User().UserName != numbered(size/10*9).UserName {
		b.Fatalf("the far page begins with %s", page.Resources[0].User().UserName)
	}
	runtime.GC()
	b.ReportAllocs()
	var took [2]time.Duration // the least, of a hundred pages: the machine has more to do than this
	batches := 0
	for b.Loop() {
		for i, q := range []scim.Query{first, far} {
			start := time.Now()
			for range 100 {
				must(s.List(ctx, q))
			}
			if d := time.Since(start); batches == 0 || d < took[i] {
				took[i] = d
			}
		}
		batches++
	}
	ratio := float64(took[1]) / float64(took[0])
	b.ReportMetric(ratio, "far/first")
	if batches >= 100 && ratio > 1.5 {
		b.Errorf("page %d takes %.2f times as long as page 1, want at most 1.5", size/1000*9, ratio)
	}
}

// A sorted page takes one look at each resource.
func BenchmarkSortedCursor(b *testing.B) {
	size := 100_000
	if testing.Short() {
		size = 2_000
	}
	s := new(Store)
	for i := range size { // not in the order of the names
		create(b, s, "User", userChange(numbered(i*7919%size)))
	}
	for _, by := range []string{"userName", "name.familyName", "meta.lastModified"} {
		q := scim.Query{Type: "User", Limit: 100, Sort: must(users.ParseSort(by, "descending"))}
		before, far := q, q
		before.Offset, before.Resumes = size/10*9-100, true
		far.After = must(s.List(ctx, before)).Next
		for _, row := range []struct {
			name string
			q    scim.Query
		}{{"first", q}, {"far", far}} {
			b.Run(by+"/"+row.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					must(s.List(ctx, row.q))
				}
			})
		}
	}
}
