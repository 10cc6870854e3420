package storetest

import (
	"fmt"
	"slices"

	"github.com/usherkit/scim"
)

const sayDelta = "A MemberDelta is a change of a set of members, of the size of the request and never of the group."

// large are the clauses about much.
var large = []clause{
	{"a group of a hundred thousand", sayDelta, atLength(func(k *kit) {
		n := k.size.many
		users := k.createMany(n + 1)
		users, outsider := users[:n], users[n]
		middle := users[n/2]
		group := k.createGroup("Everybody").Ref
		for some := range slices.Chunk(users, 5_000) {
			u := k.update(group, onlyMembers(adding(some...)))
			equal(k, "Update that adds many members: number Added", len(u.Added), len(some))
			equal(k, "Update that adds many members: Added are those", slices.Equal(sortedIDs(u.Added), sorted(slices.Clone(some)...)), true)
			equal(k, "Update that adds many members: number Removed", len(u.Removed), 0)
		}

		was := k.get(group)
		one := func(what string, d scim.MemberDelta, want string) {
			k.t.Helper()
			u := k.update(group, onlyMembers(d))
			equal(k, "Update of a large group that "+what+": what it reports", changes(u), want)
			if was.Version != "" {
				equal(k, "Update of a large group that "+what+": the version changes", u.Resource.Version != was.Version, want != "")
			}
			was = u.Resource
		}
		one("adds one, and one that is present", adding(middle, outsider), "added "+outsider)
		one("adds one that is present", adding(outsider), "")
		one("removes one, and one that is absent", removing(outsider, "no-such-id"), "removed "+outsider)
		one("removes one that is absent", removing(outsider), "")

		if r := k.get(group); r.Members != nil {
			k.fail("Get of a large group without a Projection", "Members", "none")
		}
		k.sameFacts("Get of a large group", k.get(group), was)
		page := k.list(scim.Query{Tenant: acme, Type: "Group", Limit: 10})
		if len(page.Resources) != 1 || page.Resources[0].Members != nil {
			k.fail("List of a large group without a Projection", fmt.Sprint(len(page.Resources), " groups, or Members"), "1 group without Members")
		}
		members := k.getWith(group, scim.Projection{Members: true}).Members
		for _, i := range []int{0, n / 2, n - 1} {
			equal(k, fmt.Sprint("Has of member ", i), k.has(members, users[i]), true)
		}
		equal(k, "Has of one who has left", k.has(members, outsider), false)
		all := sortedIDs(k.elements("Members", members))
		equal(k, "Members: number", len(all), n)
		equal(k, "Members: each once, and no others", slices.Equal(all, sorted(slices.Clone(users)...)), true)
		k.lists("Groups of a member", k.groups(userRef(middle)), []string{group.ID})
		k.lists("Found by a member", k.find("Group", "members.value eq "+quoted(middle)), []string{group.ID})
		q := scim.Query{Tenant: acme, Type: "User", Offset: n - 2, Limit: 10, Filter: k.filter("User", "groups.value eq "+quoted(group.ID))}
		page = k.list(q)
		equal(k, queryText(q)+": Total", page.Total, n)
		k.lists(queryText(q), ids(page.Resources), users[n-2:])

		k.delete(userRef(middle))
		now := k.getWith(group, scim.Projection{Members: true})
		if was.Version != "" {
			k.differ("Delete of a member of a large group: Version of the group", now.Version, was.Version)
		}
		equal(k, "Delete of a member of a large group: Has of it", k.has(now.Members, middle), false)
		equal(k, "Delete of a member of a large group: number of members", len(k.elements("Members", now.Members)), n-1)

		u := k.update(group, onlyMembers(scim.MemberDelta{Reset: true, Add: adding(users[:10]...).Add}))
		equal(k, "Reset of a large group to ten of its members: number Added", len(u.Added), 0)
		equal(k, "Reset of a large group to ten of its members: number Removed", len(u.Removed), n-1-10)
		k.lists("Reset of a large group to ten of its members: Members", k.members(group), sorted(slices.Clone(users[:10])...))
		k.delete(group)
		k.lists("Groups of a member of a deleted group", k.groups(userRef(users[0])), nil)
	})},
	{"a user in two hundred groups", sayDelete, func(k *kit) {
		users := k.createUsers(2)
		leaves, stays := userRef(users[0]), users[1]
		var in []string
		for i := range 200 {
			in = append(in, k.createGroup(fmt.Sprint("Group ", i), users...).ID)
		}
		k.createGroup("Others", stays)
		k.lists("Groups of the user", k.groups(leaves), sorted(slices.Clone(in)...))
		q := scim.Query{Tenant: acme, Type: "Group", Limit: 1000, Projection: scim.Projection{Members: true}}
		before := k.list(q).Resources
		equal(k, queryText(q)+": groups", len(before), 201)

		k.delete(leaves)
		after := k.list(q).Resources
		k.lists(queryText(q)+" after Delete of a user in 200 of them", ids(after), ids(before))
		for i, r := range after {
			k.lists("Members of a group after Delete of a user", memberIDs(k.elements("Members", r.Members)), []string{stays})
			switch {
			case r.Version == "":
			case slices.Contains(in, r.ID):
				k.differ("Delete of a user in 200 groups: Version of one of them", r.Version, before[i].Version)
			default:
				equal(k, "Delete of a user in 200 groups: Version of another one", r.Version, before[i].Version)
			}
		}
		k.lists("Found by the deleted member", k.find("Group", "members.value eq "+quoted(leaves.ID)), nil)
	}},
}
