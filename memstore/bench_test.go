package memstore

import (
	"fmt"
	"testing"

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
