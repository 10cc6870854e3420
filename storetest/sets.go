package storetest

import (
	"fmt"
	"slices"

	"github.com/usherkit/scim"
)

const (
	sayAll    = "All yields the elements in a stable order."
	sayHas    = "Has reports whether the resource is an element, without reading the others."
	sayGroups = "of a member: the groups it is in, with their names in Display; nil likewise"
	sayTwice  = "Its methods may be called concurrently and more than once."
)

// sets are the clauses about the Sets of members and groups.
var sets = []clause{
	{"members of a group", "A Set holds the members of a group, or the groups of a member.", func(k *kit) {
		users := k.createUsers(2)
		inner := k.createGroup("Inner")
		group := k.createGroup("Readers", users[0], users[1], inner.ID)
		types := map[string]string{}
		for _, m := range k.elements("Members", k.getWith(group.Ref, scim.Projection{Members: true}).Members) {
			types[m.ID] = m.Type
		}
		equal(k, "number of members", len(types), 3)
		equal(k, "Type of a user as a member", types[users[0]], "User")
		equal(k, "Type of a group as a member", types[inner.ID], "Group")
		k.lists("Members of a group without any", k.members(inner.Ref), nil)
	}},
	{"groups of a member", sayGroups, func(k *kit) {
		user, outsider := k.createUser(ada()), k.createUser(named("outsider"))
		inner := k.createGroup(`In "quotes" \ Zoë 🦊`, user.ID)
		outer := k.createGroup("Outer", user.ID, inner.ID)
		names := map[string]string{}
		for _, m := range k.elements("Groups", k.getWith(user.Ref, scim.Projection{Groups: true}).Groups) {
			names[m.ID] = m.Display
			equal(k, "Type of a group in Groups", m.Type, "Group")
		}
		equal(k, "number of groups of a member of two", len(names), 2)
		equal(k, "Display of a group in Groups", names[inner.ID], `In "quotes" \ Zoë 🦊`)
		equal(k, "Display of a group in Groups", names[outer.ID], "Outer")
		k.lists("Groups of a group in a group", k.groups(inner.Ref), []string{outer.ID})
		k.lists("Groups of a user in no group", k.groups(outsider.Ref), nil)

		k.update(outer.Ref, k.groupChange("Renamed"))
		for _, m := range k.elements("Groups", k.getWith(user.Ref, scim.Projection{Groups: true}).Groups) {
			if m.ID == outer.ID {
				equal(k, "Display of a group in Groups after it was renamed", m.Display, "Renamed")
			}
		}
	}},
	{"has", sayHas, func(k *kit) {
		users := k.createUsers(20)
		group := k.createGroup("Readers", users[:15]...)
		members := k.getWith(group.Ref, scim.Projection{Members: true}).Members
		if members == nil {
			k.fatal("Get of a group with Members wanted: Members", "nil", "a Set")
		}
		for i, id := range users {
			equal(k, fmt.Sprintf("Has of user %d, of whom 0 to 14 are members", i), k.has(members, id), i < 15)
		}
		for _, id := range []string{"", "no-such-id", group.ID, users[0] + " ", "' OR '1'='1", "nul\x00 and broken \xff"} {
			equal(k, fmt.Sprintf("Has(%q)", id), k.has(members, id), false)
		}
		groups := k.getWith(scim.Ref{Tenant: acme, Type: "User", ID: users[0]}, scim.Projection{Groups: true}).Groups
		equal(k, "Has of a group a user is in", k.has(groups, group.ID), true)
		equal(k, "Has of what is no group", k.has(groups, users[1]), false)
	}},
	{"a stable order", sayAll, func(k *kit) {
		users := k.createUsers(30)
		group := k.createGroup("Readers", users...)
		members := k.getWith(group.Ref, scim.Projection{Members: true}).Members
		first := memberIDs(k.elements("Members", members))
		k.lists("Members, each once", sorted(slices.Clone(first)...), sorted(slices.Clone(users)...))
		k.lists("Members, read a second time", memberIDs(k.elements("Members", members)), first)
		k.lists("Members, from a second Get",
			memberIDs(k.elements("Members", k.getWith(group.Ref, scim.Projection{Members: true}).Members)), first)
	}},
	{"a set read in part and again", sayTwice, func(k *kit) {
		users := k.createUsers(10)
		group := k.createGroup("Readers", users...)
		members := k.getWith(group.Ref, scim.Projection{Members: true}).Members
		if members == nil {
			k.fatal("Get of a group with Members wanted: Members", "nil", "a Set")
		}
		all := memberIDs(k.elements("Members", members))
		k.lists("Members", sorted(slices.Clone(all)...), sorted(slices.Clone(users)...))
		for stop := range 4 {
			var part []string
			for m, err := range members.All() {
				k.done("All", err)
				if part = append(part, m.ID); len(part) > stop {
					break
				}
			}
			k.lists(fmt.Sprintf("The first %d members of a loop that ends early", stop+1), part, all[:min(stop+1, len(all))])
		}
		nested := 0
		for m, err := range members.All() {
			k.done("All", err)
			for n, err := range members.All() {
				k.done("All inside of All", err)
				if m.ID == n.ID {
					nested++
				}
			}
			equal(k, "Has inside of All", k.has(members, m.ID), true)
		}
		equal(k, "members that a loop inside of a loop meets again", nested, len(all))
	}},
	{"reading while the set changes", sayAll, func(k *kit) {
		users := k.createUsers(60)
		group := k.createGroup("Readers", users[:40]...)
		members := k.getWith(group.Ref, scim.Projection{Members: true}).Members
		if members == nil {
			k.fatal("Get of a group with Members wanted: Members", "nil", "a Set")
		}
		seen := map[string]int{}
		step := 0
		for m, err := range members.All() {
			k.done("All while the set changes", err)
			seen[m.ID]++
			// Users 0 to 9 leave, 40 to 59 come, 10 to 39 stay.
			switch {
			case step < 10:
				k.update(group.Ref, onlyMembers(removing(users[9-step])))
			case step < 30:
				k.update(group.Ref, onlyMembers(adding(users[30+step])))
			}
			step++
		}
		for i, id := range users {
			switch n := seen[id]; {
			case 10 <= i && i < 40 && n != 1:
				k.fail(fmt.Sprintf("All while others leave and come: times user %d was met, who is a member all along", i), n, 1)
			case n > 1:
				k.fail(fmt.Sprintf("All while others leave and come: times user %d was met", i), n, "0 or 1")
			}
		}
		k.lists("Members afterwards", k.members(group.Ref), sorted(slices.Clone(users[10:])...))
	}},
	{"a group of ten thousand", sayAll, atLength(func(k *kit) {
		users := k.createMany(10_000)
		group := k.createGroup("Everybody", users[:100]...)
		for from := 100; from < len(users); from += 990 {
			k.update(group.Ref, onlyMembers(adding(users[from:from+990]...)))
		}
		left := []string{users[0], users[5_000], users[9_999]}
		k.update(group.Ref, onlyMembers(removing(left...)))
		stay := slices.DeleteFunc(slices.Clone(users), func(id string) bool { return slices.Contains(left, id) })
		members := k.getWith(group.Ref, scim.Projection{Members: true}).Members
		got := sortedIDs(k.elements("Members", members))
		equal(k, "Members of a group of 10,000 that 3 left: number", len(got), len(stay))
		equal(k, "Members of a group of 10,000 that 3 left: those who stayed, and no others", slices.Equal(got, sorted(slices.Clone(stay)...)), true)
		equal(k, "Has of one who stayed", k.has(members, stay[7_777]), true)
		equal(k, "Has of one who left", k.has(members, left[1]), false)
		k.lists("Groups of one who left", k.groups(scim.Ref{Tenant: acme, Type: "User", ID: left[2]}), nil)
		page := k.list(scim.Query{Tenant: acme, Type: "User", Offset: 9_000, Limit: 2, Filter: k.filter("User", `groups.value eq "`+group.ID+`"`)})
		equal(k, "List of the users in the group: Total", page.Total, len(stay))
		k.lists("List of the users in the group, offset 9000", ids(page.Resources), stay[9_000:9_002])
		k.delete(group.Ref)
		k.lists("Groups of one who stayed, after the group is deleted", k.groups(scim.Ref{Tenant: acme, Type: "User", ID: stay[0]}), nil)
	})},
}
