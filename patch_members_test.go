package scim

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestPatchMembers(t *testing.T) {
	typ := typesForPatch(t).group
	types := []string{"User", "Group"}
	add := func(ids ...string) []Member {
		var list []Member
		for _, id := range ids {
			list = append(list, Member{ID: id})
		}
		return list
	}
	for _, c := range []struct {
		name, reason string
		ops          []string
		want         MemberDelta
		err          error
		detail       string
	}{
		{name: "add one", reason: "7.3, E116: $ref null", ops: []string{`{"op":"Add","path":"members","value":[{"$ref":null,"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add several", reason: "E117", ops: []string{`{"op":"Add","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "add with type and display", reason: "Okta sends display", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1","type":"User","display":"x"}]}`}, want: MemberDelta{Add: []Member{{ID: "U1", Type: "User"}}}},
		{name: "add one by one", reason: "E117, JumpCloud", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"add","path":"members","value":[{"value":"U2"}]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "add one twice", reason: "R-252", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"},{"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add nobody", reason: "A-44", ops: []string{`{"op":"add","path":"members","value":[]}`, `{"op":"add","path":"members","value":null}`}},
		{name: "bare string", reason: "E125, D POSTMAN", ops: []string{`{"op":"add","path":"members","value":"string id 2"}`}, want: MemberDelta{Add: add("string id 2")}},
		{name: "array of strings", reason: "E125", ops: []string{`{"op":"add","path":"members","value":["U1","U2"]}`}, want: MemberDelta{Add: add("U1", "U2")}},
		{name: "lone object", reason: "A-29", ops: []string{`{"op":"add","path":"members","value":{"value":"U1"}}`}, want: MemberDelta{Add: add("U1")}},
		{name: "no value in it", reason: "R-236", ops: []string{`{"op":"add","path":"members","value":[{"display":"x"}]}`}, err: ErrInvalidValue, detail: "operation 1 (add members): members[0]: a member needs a value"},
		{name: "remove listed", reason: "E119, E120, probe 18: never all", ops: []string{`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"U1"},{"value":"U2"}]}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "remove an empty list", reason: "E122, A-40", ops: []string{`{"op":"Remove","path":"members","value":[]}`}},
		{name: "remove all", reason: "E122, R-258", ops: []string{`{"op":"remove","path":"members"}`}, want: MemberDelta{Reset: true}},
		{name: "remove in Salesforce's shape", reason: "entra.md 12", ops: []string{`{"op":"remove","path":"members","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Remove: []string{"U1"}}},
		{name: "remove by filter", reason: "R-259, E121, probe 17", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"]"}`, `{"op":"remove","path":"members[value eq \"U2\"]"}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "remove by filter with or", reason: "no read is needed", ops: []string{`{"op":"remove","path":"members[value eq \"U1\" or value eq \"U2\"]"}`}, want: MemberDelta{Remove: []string{"U1", "U2"}}},
		{name: "replace", reason: "E123, keycloak #52752", ops: []string{`{"op":"replace","path":"members","value":[{"value":"U1"}]}`}, want: MemberDelta{Reset: true, Add: add("U1")}},
		{name: "replace by []", reason: "E123", ops: []string{`{"op":"replace","path":"members","value":[]}`}, want: MemberDelta{Reset: true}},
		{name: "replace by null", reason: "E123", ops: []string{`{"op":"replace","path":"members","value":null}`}, want: MemberDelta{Reset: true}},
		{name: "add without path", reason: "E124", ops: []string{`{"op":"add","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Add: add("U1")}},
		{name: "replace without path", reason: "E124, Okta", ops: []string{`{"op":"replace","value":{"members":[{"value":"U1"}]}}`}, want: MemberDelta{Reset: true, Add: add("U1")}},
		{name: "replace by null through a filter", reason: "A-41", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"]","value":null}`}, want: MemberDelta{Remove: []string{"U1"}}},
		{name: "replace by null through a key with a filter", reason: "A-41, A-42", ops: []string{`{"op":"replace","value":{"members[value eq \"U1\"]":null,"members":[]}}`}, want: MemberDelta{Reset: true}},
		{name: "add null through a filter", reason: "A-44", ops: []string{`{"op":"add","path":"members[value eq \"U1\"]","value":null}`}},
		{name: "remove, then add", reason: "R-232: the last word holds", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"]"}`, `{"op":"add","path":"members","value":[{"value":"U1"}]}`}, want: MemberDelta{Add: add("U1")}},
		{name: "add, then remove", reason: "R-232", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`, `{"op":"remove","path":"members[value eq \"U1\"]"}`}, want: MemberDelta{Add: add("U2"), Remove: []string{"U1"}}},
		{name: "add, then remove all", reason: "R-232", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"remove","path":"members"}`}, want: MemberDelta{Reset: true}},
		{name: "replace, remove, add", reason: "R-232", ops: []string{`{"op":"replace","path":"members","value":[{"value":"U1"},{"value":"U2"}]}`, `{"op":"remove","path":"members","value":[{"value":"U1"}]}`, `{"op":"add","path":"members","value":[{"value":"U3"}]}`}, want: MemberDelta{Reset: true, Add: add("U2", "U3")}},
		{name: "display of a member", reason: "A-50: accepted, the server knows better", ops: []string{`{"op":"add","path":"members","value":[{"value":"U1"}]}`, `{"op":"replace","path":"members[value eq \"U1\"].display","value":"x"}`}, want: MemberDelta{Add: add("U1")}},
		{name: "value of a member", reason: "R-272, A-50", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"].value","value":"U2"}`}, err: ErrMutability, detail: "members.value cannot change"},
		{name: "value of all members", reason: "R-272", ops: []string{`{"op":"replace","path":"members.value","value":"U2"}`}, err: ErrMutability},
		{name: "value of a member removed", reason: "R-272", ops: []string{`{"op":"remove","path":"members[value eq \"U1\"].value"}`}, err: ErrMutability},
		{name: "a member replaced by an object", reason: "R-272", ops: []string{`{"op":"replace","path":"members[value eq \"U1\"]","value":{"value":"U2"}}`}, err: ErrMutability},
		{name: "what is read-only beside it", reason: "E127: ignored, so the document is not needed", ops: []string{`{"op":"add","value":{"id":"1","members":[{"value":"U1"}]}}`}, want: MemberDelta{Add: add("U1")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if c.err != nil {
				if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.detail) {
					t.Errorf("got error %v, want %v with %q (%s)", err, c.err, c.detail, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("got error %v (%s)", err, c.reason)
			}
			if !c.want.IsZero() {
				c.want.Types = types
			}
			got, only := p.Members()
			if !only || p.NeedsMembers() {
				t.Errorf("the patch is not known to be about members only (%s)", c.reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", c.reason, diff)
			}
			change, err := p.Apply(&Resource{Version: "7"})
			if diff := cmp.Diff(c.want, change.Members); err != nil || diff != "" || !change.Document.IsZero() || change.Version != "" {
				t.Errorf("Apply: got %+v, %v, want the same members and nothing else", change, err)
			}
		})
	}
}

func TestPatchManyMembers(t *testing.T) {
	// E117: 1,000 members in one operation, and an operation for each.
	typ := typesForPatch(t).group
	var list, ops []string
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint("U", i))
		list = append(list, fmt.Sprintf(`{"value":"U%d"}`, i))
		ops = append(ops, fmt.Sprintf(`{"op":"Add","path":"members","value":[{"value":"U%d"}]}`, i))
	}
	again := append(append([]string{}, ops...), `{"op":"Add","path":"members","value":[`+strings.Join(list, ",")+`]}`)
	for name, body := range map[string]string{
		"one operation":   patchBody(`{"op":"Add","path":"members","value":[` + strings.Join(list, ",") + `]}`),
		"many operations": patchBody(ops...),
		"both":            patchBody(again...),
	} {
		p, err := typ.ParsePatch([]byte(body))
		if err != nil {
			t.Fatal(name, err)
		}
		delta, only := p.Members()
		var got []string
		for _, m := range delta.Add {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || !only {
			t.Errorf("%s: only members %v, added -want +got\n%s", name, only, diff)
		}
	}
}

func TestPatchMembersByOtherFilters(t *testing.T) {
	typ := typesForPatch(t).group
	members := SetOf(Member{ID: "U1", Type: "User"}, Member{ID: "U2", Type: "User"}, Member{ID: "G1", Type: "Group"})
	for _, c := range []struct {
		name string
		ops  []string
		want MemberDelta
	}{
		{"all of a type", []string{`{"op":"remove","path":"members[type eq \"User\"]"}`}, MemberDelta{Remove: []string{"U1", "U2"}}},
		{"all but one", []string{`{"op":"remove","path":"members[not (value eq \"U1\")]"}`}, MemberDelta{Remove: []string{"U2", "G1"}}},
		{"one added before", []string{`{"op":"add","path":"members","value":[{"value":"U9","type":"User"}]}`, `{"op":"remove","path":"members[value sw \"U\"]"}`}, MemberDelta{Remove: []string{"U9", "U1", "U2"}}},
		{"one added after", []string{`{"op":"remove","path":"members[value sw \"U\"]"}`, `{"op":"add","path":"members","value":[{"value":"U1"}]}`}, MemberDelta{Add: []Member{{ID: "U1"}}, Remove: []string{"U2"}}},
		{"after a replace", []string{`{"op":"replace","path":"members","value":["U7","G7"]}`, `{"op":"remove","path":"members[value sw \"U\"]"}`}, MemberDelta{Reset: true, Add: []Member{{ID: "G7"}}}},
		{"nobody", []string{`{"op":"remove","path":"members[value sw \"zz\"]"}`}, MemberDelta{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if err != nil {
				t.Fatal(err)
			}
			if _, only := p.Members(); only || !p.NeedsMembers() {
				t.Errorf("the patch does not ask to see the members")
			}
			got, err := p.Apply(&Resource{Document: Document{raw: "{}"}, Members: members})
			if err != nil {
				t.Fatal(err)
			}
			if !c.want.IsZero() {
				c.want.Types = []string{"User", "Group"}
			}
			if diff := cmp.Diff(c.want, got.Members); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPatchGroup(t *testing.T) {
	typ := typesForPatch(t).group
	const doc = `{"externalId":"e","displayName":"Sales"}`
	for _, c := range []struct {
		name, reason string
		ops          []string
		want         string
		members      bool
	}{
		{"rename", "7.4, E127", []string{`{"op":"Replace","path":"displayName","value":"New"}`}, `{"externalId":"e","displayName":"New"}`, false},
		{"rename without path", "E127, Okta sends the id along", []string{`{"op":"replace","value":{"id":"g","displayName":"New"}}`}, `{"externalId":"e","displayName":"New"}`, false},
		{"externalId", "E128, langwatch #7131: membership untouched", []string{`{"op":"Replace","path":"externalId","value":"f"}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"externalId added", "E128, rancher PR #55776", []string{`{"op":"Add","path":"externalId","value":"f"}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"externalId without path", "E128", []string{`{"op":"replace","value":{"externalId":"f"}}`}, `{"externalId":"f","displayName":"Sales"}`, false},
		{"rename and members", "E129", []string{`{"op":"Replace","path":"displayName","value":"New"}`, `{"op":"Add","path":"members","value":[{"value":"U"}]}`}, `{"externalId":"e","displayName":"New"}`, true},
		{"same name and members", "R-253: only the members change", []string{`{"op":"Replace","path":"displayName","value":"Sales"}`, `{"op":"Add","path":"members","value":[{"value":"U"}]}`}, doc, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(patchBody(c.ops...)))
			if err != nil {
				t.Fatal(err)
			}
			if _, only := p.Members(); only {
				t.Errorf("the patch claims to be about members only (%s)", c.reason)
			}
			before, _ := ReadDocument(doc)
			got, err := p.Apply(&Resource{Version: "7", Document: before})
			if err != nil {
				t.Fatal(err)
			}
			after := got.Document.String()
			if got.Document.IsZero() {
				after = doc
			}
			if after != c.want || (len(got.Members.Add) == 1) != c.members {
				t.Errorf("%s: got %s and members %+v, want %s", c.reason, after, got.Members, c.want)
			}
		})
	}
	p, err := typ.ParsePatch([]byte(patchBody()))
	if _, only := p.Members(); err != nil || only {
		t.Errorf("no operations at all: got error %v, only members %v; want the group to be looked up", err, only)
	}
	if _, err := typ.ParsePatch([]byte(patchBody(`{"op":"remove","path":"displayName"}`))); err != nil {
		t.Errorf("whether a required attribute is left is Apply's to say, got %v", err)
	}
}
