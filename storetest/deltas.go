package storetest

import (
	"fmt"

	"github.com/usherkit/scim"
)

const (
	sayAdd     = "adding a present member does nothing, and naming one twice adds it once"
	sayRemove  = "removing an absent member does nothing"
	sayReset   = "drop the members that Add does not name"
	sayAdded   = "the members that were not there before"
	sayRemoved = "the members that are no longer there"
	sayMember  = "A member to add that does not exist in the tenant, is of a type not among Types, or of another type than its Type says, is ErrInvalidValue."
	sayItself  = "No group is a member of itself: to add it is ErrInvalidValue too."
)

// deltas are the clauses about changes of a group's members.
var deltas = []clause{
	{"add", sayAdd, deltaTable(
		delta{"one that is new", "2", "", false, "0 1 2", "2", ""},
		delta{"one that is present", "0", "", false, "0 1", "", ""},
		delta{"one that is present and one that is new", "0 3", "", false, "0 1 3", "3", ""},
		delta{"one that is new, named twice", "2 2", "", false, "0 1 2", "2", ""},
		delta{"one that is present, named twice", "1 1", "", false, "0 1", "", ""},
	)},
	{"remove", sayRemove, deltaTable(
		delta{"one that is present", "", "1", false, "0", "", "1"},
		delta{"one that is absent", "", "2", false, "0 1", "", ""},
		delta{"one that is present and one that is absent", "", "2 0", false, "1", "", "0"},
		delta{"one that is present, named twice", "", "0 0", false, "1", "", "0"},
		delta{"all", "", "1 0", false, "", "", "0 1"},
	)},
	{"add and remove", sayAtomic, deltaTable(
		delta{"one of each", "2", "0", false, "1 2", "2", "0"},
		delta{"present and absent", "1", "3", false, "0 1", "", ""},
	)},
	{"reset", sayReset, deltaTable(
		delta{"to nobody", "", "", true, "", "", "0 1"},
		delta{"to others", "2 3", "", true, "2 3", "2 3", "0 1"},
		delta{"to one present and one new", "1 2", "", true, "1 2", "2", "0"},
		delta{"to the same", "1 0", "", true, "0 1", "", ""},
		delta{"to one new, named twice", "3 3", "", true, "3", "3", "0 1"},
	)},
	{"what was added", sayAdded, func(k *kit) {
		users := k.createUsers(2)
		inner := k.createGroup("Inner")
		group := k.createGroup("Readers", users[0])
		u := k.update(group.Ref, onlyMembers(adding(users[0], users[1], inner.ID)))
		types := map[string]string{}
		for _, m := range u.Added {
			types[m.ID] = m.Type
		}
		equal(k, "Update that adds a present user, a new user and a group: number Added", len(u.Added), 2)
		equal(k, "Type of the user in Added", types[users[1]], "User")
		equal(k, "Type of the group in Added", types[inner.ID], "Group")
		again := k.update(group.Ref, onlyMembers(adding(users[1], inner.ID)))
		equal(k, "The same again: number Added", len(again.Added), 0)
		k.lists("Members", k.members(group.Ref), sorted(users[0], users[1], inner.ID))
	}},
	{"what was removed", sayRemoved, func(k *kit) {
		users := k.createUsers(3)
		inner := k.createGroup("Inner")
		group := k.createGroup("Readers", users[0], users[1], inner.ID)
		u := k.update(group.Ref, onlyMembers(removing(users[1], inner.ID, users[2])))
		types := map[string]string{}
		for _, m := range u.Removed {
			types[m.ID] = m.Type
		}
		equal(k, "Update that removes two members and an outsider: number Removed", len(u.Removed), 2)
		equal(k, "Type of the user in Removed", types[users[1]], "User")
		equal(k, "Type of the group in Removed", types[inner.ID], "Group")
		equal(k, "The same again: number Removed", len(k.update(group.Ref, onlyMembers(removing(users[1], inner.ID))).Removed), 0)
	}},
	{"a group in itself", sayItself, func(k *kit) {
		group := k.createGroup("Readers", k.createUsers(1)...)
		before := k.state()
		_, err := k.store.Update(k.ctx, group.Ref, onlyMembers(adding(group.ID)))
		k.refused("Update that adds the group to itself", err, scim.ErrInvalidValue)
		k.unchanged("Adding the group to itself", before)
	}},
	{"document and members in one change", sayAtomic, func(k *kit) {
		users := k.createUsers(2)
		group := k.createGroup("Readers", users[0])
		c := k.groupChange("Writers", users[1])
		c.Members.Remove = []string{users[0]}
		u := k.update(group.Ref, c)
		equal(k, "Update of document and members: Document", u.Resource.Document.String(), c.Document.String())
		k.lists("Update of document and members: Added", memberIDs(u.Added), []string{users[1]})
		k.lists("Update of document and members: Removed", memberIDs(u.Removed), []string{users[0]})
		k.lists("Members", k.members(group.Ref), []string{users[1]})
		k.lists("Found by its new name", k.find("Group", `displayName eq "writers"`), []string{group.ID})
	}},
	{"a member that cannot be", sayMember, func(k *kit) {
		users := k.createUsers(3)
		inner := k.createGroup("Inner")
		group := k.createGroup("Readers", users[0])
		gone := k.createUser(ada())
		k.delete(gone.Ref)
		before := k.state()
		for _, row := range []struct {
			what  string
			add   scim.Member
			types []string
		}{
			{"an unknown id", scim.Member{ID: "no-such-id"}, nil},
			{"an unknown id with a type", scim.Member{ID: "no-such-id", Type: "User"}, []string{"User"}},
			{"an empty id", scim.Member{}, nil},
			{"an id that is no text", scim.Member{ID: "nul\x00 and broken \xff"}, nil},
			{"a deleted user", scim.Member{ID: gone.ID}, nil},
			{"a user said to be a group", scim.Member{ID: users[1], Type: "Group"}, nil},
			{"a group said to be a user", scim.Member{ID: inner.ID, Type: "User"}, []string{"User", "Group"}},
			{"a group where only users may be", scim.Member{ID: inner.ID}, []string{"User"}},
			{"a group, said to be one, where only users may be", scim.Member{ID: inner.ID, Type: "Group"}, []string{"User"}},
			{"anybody where nobody may be", scim.Member{ID: users[1]}, []string{}},
		} {
			for _, d := range []scim.MemberDelta{
				{Types: row.types, Add: []scim.Member{{ID: users[2]}, row.add}},
				{Types: row.types, Add: []scim.Member{row.add}, Remove: []string{users[0]}},
				{Types: row.types, Add: []scim.Member{row.add}, Reset: true},
			} {
				_, err := k.store.Update(k.ctx, group.Ref, onlyMembers(d))
				k.refused("Update of a group with "+changeText(onlyMembers(d))+", among them "+row.what, err, scim.ErrInvalidValue)
			}
			c := k.groupChange("New")
			c.Members = scim.MemberDelta{Types: row.types, Add: []scim.Member{row.add}}
			_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, c)
			k.refused("Create of a group with "+row.what, err, scim.ErrInvalidValue)
			k.unchanged("Changes with "+row.what, before)
		}
	}},
	{"members of the right type", sayMember, func(k *kit) {
		user := k.createUser(ada())
		inner := k.createGroup("Inner")
		group := k.createGroup("Readers")
		for _, d := range []scim.MemberDelta{
			{Add: []scim.Member{{ID: user.ID, Type: "User"}, {ID: inner.ID, Type: "Group"}}},
			{Add: []scim.Member{{ID: user.ID, Type: "User"}, {ID: inner.ID}}, Types: []string{"User", "Group"}},
			{Add: []scim.Member{{ID: user.ID}, {ID: inner.ID, Type: "Group", Display: "whatever a client says"}}, Types: []string{"Group", "User"}},
		} {
			k.update(group.Ref, onlyMembers(scim.MemberDelta{Reset: true}))
			equal(k, fmt.Sprintf("Update with the members %v and the types %v: number Added", d.Add, d.Types),
				len(k.update(group.Ref, onlyMembers(d)).Added), 2)
		}
		u := k.update(group.Ref, onlyMembers(scim.MemberDelta{Remove: []string{inner.ID}, Types: []string{"User"}}))
		k.lists("Update that removes a group where only users may be: Removed", memberIDs(u.Removed), []string{inner.ID})
	}},
}

// A delta is a change of a group whose members are users 0 and 1, of four.
// Users are named by their digits.
type delta struct {
	name        string
	add, remove string
	reset       bool

	members, added, removed string // wanted
}

func deltaTable(rows ...delta) func(*kit) {
	return func(k *kit) {
		users := k.createUsers(4)
		pick := func(digits string) (out []string) {
			for _, d := range digits {
				if d != ' ' {
					out = append(out, users[d-'0'])
				}
			}
			return out
		}
		for _, row := range rows {
			group := k.createGroup(row.name, users[0], users[1])
			u := k.update(group.Ref, onlyMembers(scim.MemberDelta{Reset: row.reset, Add: adding(pick(row.add)...).Add, Remove: pick(row.remove)}))
			what := fmt.Sprintf("Update of a group of users 0 and 1: %s (add %q, remove %q, reset %v)", row.name, row.add, row.remove, row.reset)
			k.lists(what+": Added", sortedIDs(u.Added), sorted(pick(row.added)...))
			k.lists(what+": Removed", sortedIDs(u.Removed), sorted(pick(row.removed)...))
			k.lists(what+": Members afterwards", k.members(group.Ref), sorted(pick(row.members)...))
			k.delete(group.Ref)
		}
	}
}
