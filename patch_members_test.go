package scim

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A countedSet counts how often it is read.
type countedSet struct {
	Set
	reads int
}

func (s *countedSet) All() iter.Seq2[Member, error] {
	s.reads++
	return s.Set.All()
}

// Who reads the members for each operation makes a request of some kilobytes read
// millions of rows.
func TestPatchReadsMembersOnce(t *testing.T) {
	const (
		filter = `{"op":"remove","path":"members[value sw \"x\"]"}`
		all    = `{"op":"replace","path":"members","value":[]}`
	)
	for _, c := range []struct {
		name string
		ops  string
		want int
	}{
		{"one filter", filter, 1},
		{"many filters", strings.Repeat(filter+",", 500) + filter, 1},
		{"filters of members who go whatever they are", filter + "," + filter + "," + all, 0},
		{"filters of those who are left", all + "," + filter + "," + filter, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typesForPatch(t).group.ParsePatch([]byte(patchBody(c.ops)))
			if err != nil {
				t.Fatal(err)
			}
			members := &countedSet{Set: SetOf(Member{ID: "U1"}, Member{ID: "U2"})}
			if _, err := p.Apply(&Resource{Members: members}); err != nil {
				t.Fatal(err)
			}
			if members.reads != c.want {
				t.Errorf("the members were read %d times, want %d", members.reads, c.want)
			}
		})
	}
}

// What one delta comes to is what the operations do one after the other.
func TestPatchMembersInOrder(t *testing.T) {
	typ := typesForPatch(t).group
	r := rand.New(rand.NewPCG(1, 2))
	member := func() string { return fmt.Sprintf("%d%d", r.IntN(3), r.IntN(3)) }
	for range 2000 {
		before, now := map[string]bool{}, map[string]bool{}
		for range r.IntN(6) {
			before[member()] = true
		}
		maps.Copy(now, before)
		var ops []string
		for range 1 + r.IntN(6) {
			id := member()
			switch r.IntN(7) {
			case 0, 1:
				ops = append(ops, `{"op":"add","path":"members","value":["`+id+`"]}`)
				now[id] = true
			case 2:
				ops = append(ops, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
				delete(now, id)
			case 3:
				ops = append(ops, `{"op":"replace","path":"members","value":["`+id+`"]}`)
				now = map[string]bool{id: true}
			default:
				ops = append(ops, `{"op":"remove","path":"members[value sw \"`+id[:1]+`\"]"}`)
				maps.DeleteFunc(now, func(has string, _ bool) bool { return has[0] == id[0] })
			}
		}
		p, err := typ.ParsePatch([]byte(patchBody(ops...)))
		if err != nil {
			t.Fatal(err)
		}
		var members []Member
		for _, id := range slices.Sorted(maps.Keys(before)) {
			members = append(members, Member{ID: id})
		}
		c, err := p.Apply(&Resource{Members: SetOf(members...)})
		if err != nil {
			t.Fatal(err)
		}
		got := before
		if c.Members.Reset {
			got = map[string]bool{}
		}
		for _, m := range c.Members.Add {
			got[m.ID] = true
		}
		for _, id := range c.Members.Remove {
			delete(got, id)
		}
		if !maps.Equal(got, now) {
			t.Fatalf("%s of %v: got %v, want %v", strings.Join(ops, ","), members, got, now)
		}
	}
}
