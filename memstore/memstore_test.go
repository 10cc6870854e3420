package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) scim.Store { return new(Store) })
}

// A Store that is restored from a snapshot is the one that was.
func TestReopens(t *testing.T) {
	storetest.Reopens(t, func(t *testing.T) (scim.Store, func() scim.Store) {
		s := new(Store)
		return s, func() scim.Store {
			var snapshot bytes.Buffer
			restored := new(Store)
			if err := errors.Join(s.Snapshot(&snapshot), restored.Restore(&snapshot)); err != nil {
				t.Fatal(err)
			}
			s = restored
			return s
		}
	})
}

func TestEndToEnd(t *testing.T) {
	storetest.EndToEnd(t, func(t *testing.T) scim.Store { return new(Store) })
}

var (
	ctx        = context.Background()
	users      = must(scim.UserType())
	groups     = must(scim.GroupType())
	someMember = scim.Projection{Members: true, Groups: true}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func userChange(u scim.User) scim.Change {
	document, keys, err := users.Encode(u)
	if err != nil {
		panic(err)
	}
	return scim.Change{Document: document, Keys: keys}
}

func groupChange(name string, members ...string) scim.Change {
	document, keys, err := groups.Encode(scim.Group{DisplayName: name})
	if err != nil {
		panic(err)
	}
	return scim.Change{Document: document, Keys: keys, Members: adding(members...)}
}

func adding(ids ...string) (d scim.MemberDelta) {
	for _, id := range ids {
		d.Add = append(d.Add, scim.Member{ID: id})
	}
	return d
}

// numbered is a user with a value of its own for each Key.
func numbered(i int) scim.User {
	name := fmt.Sprintf("user%07d", i)
	return scim.User{
		UserName: name + "@example.com", ExternalID: "ext-" + name, DisplayName: "User " + name, Active: true,
		Emails: []scim.Value{{Value: name + "@example.com", Type: "work"}},
	}
}

func create(t testing.TB, s *Store, typ string, c scim.Change) scim.Ref {
	t.Helper()
	u, err := s.Create(ctx, scim.Ref{Type: typ}, c)
	if err != nil {
		t.Fatalf("Create of a %s: %v", typ, err)
	}
	return u.Resource.Ref
}

// fill creates n users and returns their ids.
func fill(t testing.TB, s *Store, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = create(t, s, "User", userChange(numbered(i))).ID
	}
	return ids
}

func update(t testing.TB, s *Store, ref scim.Ref, c scim.Change) *scim.Updated {
	t.Helper()
	u, err := s.Update(ctx, ref, c)
	if err != nil {
		t.Fatalf("Update of %s %s: %v", ref.Type, ref.ID, err)
	}
	return u
}

func idsOf(s scim.Set) (out []string) {
	if s == nil {
		return nil
	}
	for m := range s.All() {
		out = append(out, m.ID)
	}
	return out
}

func TestFacts(t *testing.T) {
	clock := time.Date(2026, 3, 4, 5, 6, 7, 89_999_999, time.FixedZone("", 3600))
	made := 0
	s := &Store{
		Now:   func() time.Time { return clock },
		NewID: func() string { made++; return fmt.Sprint("id-", made) },
	}
	u, err := s.Create(ctx, scim.Ref{Type: "User"}, userChange(numbered(1)))
	if err != nil {
		t.Fatal(err)
	}
	r, at := u.Resource, time.Date(2026, 3, 4, 4, 6, 7, 89_000_000, time.UTC)
	if r.ID != "id-1" || r.Version != "1" || r.Created != at || r.LastModified != at {
		t.Errorf("Create: got id %q, version %q, created %v, modified %v; want id-1, 1, and twice %v", r.ID, r.Version, r.Created, r.LastModified, at)
	}
	clock = clock.Add(time.Hour)
	r = update(t, s, r.Ref, userChange(numbered(2))).Resource
	if r.Version != "2" || r.Created != at || r.LastModified != at.Add(time.Hour) {
		t.Errorf("Update: got version %q, created %v, modified %v; want 2, %v, %v", r.Version, r.Created, r.LastModified, at, at.Add(time.Hour))
	}
}

func TestNewIDThatRepeatsItself(t *testing.T) {
	for _, id := range []string{"same", ""} {
		s := &Store{NewID: func() string { return id }}
		if id != "" {
			create(t, s, "User", userChange(numbered(1)))
		}
		before := everything(t, s)
		if _, err := s.Create(ctx, scim.Ref{Type: "Group"}, groupChange("Readers")); err == nil {
			t.Errorf("Create with the id %q again: got no error", id)
		}
		if after := everything(t, s); after != before {
			t.Errorf("Create with the id %q again: got\n%s\nwant\n%s", id, after, before)
		}
	}
}

// Keys may change where the Document does not: when the application has its
// types indexed in another way.
func TestOtherKeys(t *testing.T) {
	s := new(Store)
	c := userChange(numbered(1))
	a := create(t, s, "User", c)
	c.Keys = []scim.Key{{Path: "userName", Value: "another"}, {Path: "title", Value: "engineer"}}
	if got := update(t, s, a, c).Resource; got.Version != "1" || !slices.Equal(got.Keys, c.Keys) {
		t.Errorf("Update with other Keys: got version %s, Keys %v; want 1, %v", got.Version, got.Keys, c.Keys)
	}
	checkInvariants(t, s, 0)

	b := userChange(numbered(2))
	b.Keys = c.Keys
	create(t, s, "User", b)
	c.Keys = []scim.Key{{Path: "title", Value: "engineer", Unique: true}}
	for _, ref := range []scim.Ref{a, {Type: "User", ID: must(s.List(ctx, scim.Query{Type: "User", Limit: 2})).Resources[1].ID}} {
		if _, err := s.Update(ctx, ref, c); !errors.Is(err, scim.ErrUniqueness) {
			t.Errorf("Update to a unique Key that another resource has, which need not be unique there: got %v, want %v", err, scim.ErrUniqueness)
		}
	}
}

// What clients read must help an admin and tell nothing of other users.
func TestErrors(t *testing.T) {
	s := new(Store)
	user := create(t, s, "User", userChange(numbered(1)))
	group := create(t, s, "Group", groupChange("Readers"))
	for _, row := range []struct {
		name string
		do   func() error
		kind error
		text string
	}{
		{"a taken userName", func() error {
			_, err := s.Create(ctx, scim.Ref{Type: "User"}, userChange(numbered(1)))
			return err
		}, scim.ErrUniqueness, "userName is already in use"},
		{"an unknown member", func() error {
			_, err := s.Update(ctx, group, scim.Change{Members: adding(strings.Repeat("x", 5000))})
			return err
		}, scim.ErrInvalidValue, `member "` + strings.Repeat("x", 100) + `" does not exist`},
		{"a group in itself", func() error {
			_, err := s.Update(ctx, group, scim.Change{Members: adding(group.ID)})
			return err
		}, scim.ErrInvalidValue, `member "` + group.ID + `" is the group itself`},
		{"a type that may not be", func() error {
			_, err := s.Update(ctx, group, scim.Change{Members: scim.MemberDelta{Add: adding(user.ID).Add, Types: []string{"Group", "Device"}}})
			return err
		}, scim.ErrInvalidValue, `member "` + user.ID + `" is of type User; a member must be of type Group or Device`},
		{"another type than it says", func() error {
			_, err := s.Update(ctx, group, scim.Change{Members: scim.MemberDelta{Add: []scim.Member{{ID: user.ID, Type: "Group"}}}})
			return err
		}, scim.ErrInvalidValue, `member "` + user.ID + `" is of type User, not Group`},
	} {
		var e *scim.Error
		if err := row.do(); !errors.As(err, &e) || e.Kind != row.kind || e.Detail != row.text {
			t.Errorf("%s: got %v, want %v: %s", row.name, err, row.kind, row.text)
		}
	}
	if _, err := s.Create(ctx, scim.Ref{Type: "User"}, scim.Change{}); err == nil {
		t.Error("Create without a Document: got no error")
	}
}

// A Set is what it was when it was handed out, to Has as to All, whatever
// becomes of the group.
func TestSetsAreSnapshots(t *testing.T) {
	for _, size := range []int{3, 50} { // with and without a map of places
		for _, row := range []struct {
			name   string
			change func(s *Store, group scim.Ref, in, out []string)
		}{
			{"nothing", func(*Store, scim.Ref, []string, []string) {}},
			{"one comes", func(s *Store, group scim.Ref, in, out []string) {
				update(t, s, group, scim.Change{Members: adding(out[0])})
			}},
			{"one leaves", func(s *Store, group scim.Ref, in, out []string) {
				update(t, s, group, scim.Change{Members: scim.MemberDelta{Remove: in[:1]}})
			}},
			{"one leaves and comes back", func(s *Store, group scim.Ref, in, out []string) {
				update(t, s, group, scim.Change{Members: scim.MemberDelta{Remove: in[:1]}})
				update(t, s, group, scim.Change{Members: adding(in[0])})
			}},
			{"all leave, others come", func(s *Store, group scim.Ref, in, out []string) {
				update(t, s, group, scim.Change{Members: scim.MemberDelta{Reset: true, Add: adding(out...).Add}})
			}},
			{"a member is deleted", func(s *Store, group scim.Ref, in, out []string) {
				if err := s.Delete(ctx, scim.Ref{Type: "User", ID: in[1]}, ""); err != nil {
					t.Fatal(err)
				}
			}},
			{"the group is deleted, then a member", func(s *Store, group scim.Ref, in, out []string) {
				for _, ref := range []scim.Ref{group, {Type: "User", ID: in[1]}} {
					if err := s.Delete(ctx, ref, ""); err != nil {
						t.Fatal(err)
					}
				}
			}},
			{"everything is replaced", func(s *Store, group scim.Ref, in, out []string) {
				if err := s.Restore(strings.NewReader(file())); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			s := new(Store)
			all := fill(t, s, 2*size)
			in, out := all[:size], all[size:]
			group := create(t, s, "Group", groupChange("Readers", in...))
			set := must(s.Get(ctx, group, someMember)).Members
			row.change(s, group, in, out)
			if got := idsOf(set); !slices.Equal(got, in) {
				t.Errorf("group of %d, %s: All: got %v, want %v", size, row.name, got, in)
			}
			for i, id := range append(all, group.ID, "nobody") {
				if got := must(set.Has(id)); got != (i < size) {
					t.Errorf("group of %d, %s: Has of number %d: got %v", size, row.name, i, got)
				}
			}
		}
	}
}

// A look-up is answered from an index: it looks at as many resources, and
// allocates as much, in a directory of any size.
func TestLookUpCost(t *testing.T) {
	sizes := []int{100, 5_000}
	cost := map[string][]float64{}
	for _, size := range sizes {
		s := new(Store)
		ids := fill(t, s, size)
		group := create(t, s, "Group", groupChange("Readers", ids[:2]...))
		create(t, s, "Group", groupChange("Everybody", ids...))
		id, u := ids[size/2], numbered(size/2)
		for _, row := range []struct {
			typ, filter string
			looked      int
		}{
			{"User", `userName eq "` + strings.ToUpper(u.UserName) + `"`, 1},
			{"User", `externalId eq "` + u.ExternalID + `"`, 1},
			{"User", `displayName eq "` + u.DisplayName + `"`, 1},
			{"User", `emails.value eq "` + u.Emails[0].Value + `"`, 1},
			{"User", `emails[type eq "work" and value eq "` + u.Emails[0].Value + `"]`, 1},
			{"User", `id eq "` + id + `"`, 1},
			{"User", `active eq true and userName eq "` + u.UserName + `"`, 1},
			{"User", `groups.value eq "` + group.ID + `"`, 2},
			{"User", `userName eq "nobody"`, 0},
			{"Group", `displayName eq "readers"`, 1},
			{"Group", `externalId eq "x"`, 0}, // indexed, though no group has one
			{"Group", `members.value eq "` + id + `"`, 1},
			{"Group", `members.value eq "` + ids[0] + `"`, 2},
			{"Group", `members.value eq "nobody"`, 0},
			{"User", `active eq false`, size},
		} {
			typ := users
			if row.typ == "Group" {
				typ = groups
			}
			q := scim.Query{Type: row.typ, Limit: 10, Filter: must(typ.ParseFilter(row.filter))}
			tn := s.tenants[""]
			if found, _ := tn.types[row.typ].narrow(tn, q.Filter); len(found) != row.looked {
				t.Errorf("%d users, %s: looked at %d resources, want %d", size, row.filter, len(found), row.looked)
			}
			if row.looked == size {
				continue
			}
			name := strings.NewReplacer(id, "ID", ids[0], "ID0", group.ID, "GROUP", fmt.Sprintf("%07d", size/2), "N").Replace(row.filter)
			cost[name] = append(cost[name], testing.AllocsPerRun(20, func() { must(s.List(ctx, q)) }))
		}

		ref, nobody := scim.Ref{Type: "User", ID: id}, scim.Ref{Type: "User", ID: "nobody"}
		cost["get"] = append(cost["get"], testing.AllocsPerRun(20, func() { must(s.Get(ctx, ref, scim.Projection{})) }))
		cost["get nobody"] = append(cost["get nobody"], testing.AllocsPerRun(20, func() {
			if _, err := s.Get(ctx, nobody, scim.Projection{}); !errors.Is(err, scim.ErrNotFound) {
				t.Error(err)
			}
		}))
		if got := cost["get"][0]; got != 0 {
			t.Errorf("Get: %v allocations, want 0", got)
		}
	}
	for name, got := range cost {
		if len(got) != len(sizes) || got[0] != got[1] || got[0] > 12 {
			t.Errorf("%s: %v allocations for %v users, want as many each time, and at most 12", name, got, sizes)
		}
	}
}

// A page without a filter costs its slice, not a copy of each resource.
func TestPageCost(t *testing.T) {
	s := new(Store)
	fill(t, s, 1000)
	for _, limit := range []int{0, 1, 100, 1000} {
		got := testing.AllocsPerRun(20, func() { must(s.List(ctx, scim.Query{Type: "User", Limit: limit})) })
		if got > 3 {
			t.Errorf("List of %d users: %v allocations, want at most 3", limit, got)
		}
	}
}

// Adding a member and removing it allocate as much for a large group as for a
// small one: nothing of the group's size is copied.
func TestMemberCost(t *testing.T) {
	var bytes []uint64
	sizes := []int{10, 5_000}
	for _, size := range sizes {
		s := new(Store)
		ids := fill(t, s, size+1)
		group := create(t, s, "Group", groupChange("Readers", ids[:size]...))
		add, remove := scim.Change{Members: adding(ids[size])}, scim.Change{Members: scim.MemberDelta{Remove: ids[size:]}}
		both := func() {
			update(t, s, group, add)
			update(t, s, group, remove)
		}
		both() // lets the list and the map grow
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const rounds = 100
		for range rounds {
			both()
		}
		runtime.ReadMemStats(&after)
		bytes = append(bytes, (after.TotalAlloc-before.TotalAlloc)/rounds)
	}
	if bytes[1] > bytes[0]+bytes[0]/4+200 {
		t.Errorf("adding a member and removing it: %v bytes allocated in groups of %v, want as many", bytes, sizes)
	}
}

// A user with a document of 1.3 KB takes at most 3 KB with all that finds it.
func TestMemoryPerUser(t *testing.T) {
	const n = 8_000
	heap := func() (bytes, objects uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.HeapObjects
	}
	bytesBefore, objectsBefore := heap()
	s := new(Store)
	size := 0
	for i := range n {
		c := userChange(typical(i))
		size += len(c.Document.String())
		create(t, s, "User", c)
	}
	bytesAfter, objectsAfter := heap()
	bytes, objects := float64(bytesAfter-bytesBefore)/n, float64(objectsAfter-objectsBefore)/n
	t.Logf("a user with a document of %d bytes takes %.0f bytes in %.1f objects", size/n, bytes, objects)
	if size/n < 1200 {
		t.Errorf("a typical document has %d bytes, want 1.3 KB", size/n)
	}
	if bytes > 3072 || objects > 8 {
		t.Errorf("got %.0f bytes in %.1f objects a user, want at most 3072 in 8", bytes, objects)
	}
	runtime.KeepAlive(s)
}

// typical is a user as Entra ID sends one, of about 1.3 KB.
func typical(i int) scim.User {
	first, last := fmt.Sprintf("Firstname%05d", i), fmt.Sprintf("Lastname-%05d", i)
	mail := strings.ToLower(first + "." + last + "@contoso.onmicrosoft.example")
	return scim.User{
		UserName: mail, ExternalID: fmt.Sprintf("0a21b0f2-8d2a-4f8e-bf98-%012d", i), DisplayName: first + " " + last, Active: true,
		Name:  scim.Name{Formatted: first + " " + last, GivenName: first, FamilyName: last},
		Title: "Senior Systems Engineer", UserType: "Member", PreferredLanguage: "de-CH", Locale: "de-CH", Timezone: "Europe/Zurich",
		Emails: []scim.Value{{Value: mail, Type: "work", Primary: true}, {Value: "p." + mail, Type: "home"}},
		PhoneNumbers: []scim.Value{
			{Value: "+41 44 555 01 23", Type: "work"}, {Value: "+41 79 555 01 23", Type: "mobile"}, {Value: "+41 44 555 01 99", Type: "fax"},
		},
		Addresses: []scim.Address{{
			Formatted: "Bahnhofstrasse 100\n8001 Zürich\nSwitzerland", StreetAddress: "Bahnhofstrasse 100", Locality: "Zürich",
			Region: "ZH", PostalCode: "8001", Country: "CH", Type: "work", Primary: true,
		}},
		Roles: []scim.Value{{Value: "engineer", Display: "Engineer", Type: "WindowsAzureActiveDirectoryRole", Primary: true}},
		Enterprise: &scim.EnterpriseUser{
			EmployeeNumber: fmt.Sprintf("E-%06d", i), CostCenter: "CC-4711", Organization: "Contoso Switzerland", Division: "Infrastructure",
			Department: "Platform Engineering", Manager: scim.Manager{ID: "0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"},
		},
	}
}

// Everything at once, for the race detector: the kit has readers and writers
// too, but no snapshots.
func TestSnapshotsWhileWriting(t *testing.T) {
	s := new(Store)
	ids := fill(t, s, 50)
	group := create(t, s, "Group", groupChange("Readers", ids...))
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 50 {
				switch w {
				case 0:
					_, err := s.Update(ctx, group, scim.Change{Members: scim.MemberDelta{Remove: []string{ids[i]}}})
					if err != nil {
						t.Error(err)
					}
				case 1:
					u := numbered(i)
					u.Title = "Changed"
					if _, err := s.Update(ctx, scim.Ref{Type: "User", ID: ids[i]}, userChange(u)); err != nil {
						t.Error(err)
					}
				case 2:
					var out strings.Builder
					if err := s.Snapshot(&out); err != nil {
						t.Error(err)
					}
					if err := new(Store).Restore(strings.NewReader(out.String())); err != nil {
						t.Error(err)
					}
				default:
					r, err := s.Get(ctx, group, someMember)
					if err != nil {
						t.Error(err)
						return
					}
					if r.Members == nil { // at the moment it has none
						continue
					}
					for m := range r.Members.All() {
						if ok, err := r.Members.Has(m.ID); !ok || err != nil {
							t.Errorf("Has of a member: %v, %v", ok, err)
						}
					}
				}
			}
		})
	}
	all.Wait()
	checkInvariants(t, s, 0)
}
