package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// Reopens checks that what is stored is there when a store is closed and opened
// again, each clause in a subtest. open returns an empty store and a function
// that closes it, or what reopen returned last, and opens it anew; both may use t.
func Reopens(t *testing.T, open func(t *testing.T) (store scim.Store, reopen func() scim.Store)) {
	t.Helper()
	for _, c := range durability {
		t.Run(c.name, func(t *testing.T) {
			store, reopen := open(t)
			c.run(t, subject{store, reopen}, usual())
		})
	}
}

const sayKeeps = "A Store keeps resources."

// durability are the clauses about a store that is opened again.
var durability = []clause{
	{"what is stored is there again", sayKeeps, func(k *kit) {
		d := k.dwellers()
		before := k.state()
		orders := func() (out []string) {
			for _, by := range []string{"", "userName", "-title", "meta.created", "-meta.lastModified"} {
				out = append(out, fmt.Sprint(by, k.whole(scim.Query{Tenant: acme, Type: "User", Sort: k.sort(by)})))
			}
			return out
		}
		ordered := orders()
		for round := range 2 {
			what := fmt.Sprintf("After opening again, time %d", round+1)
			k.open()
			k.unchanged(what, before)
			k.lists(what+": users in some orders", orders(), ordered)
			for _, row := range []struct {
				typ, filter string
				want        []string
			}{
				{"User", `userName eq "ADA@example.com"`, []string{d.ada}},
				{"User", `externalId eq "e-Ada"`, []string{d.ada}},
				{"User", `emails.value eq "ada@home.example"`, []string{d.ada}},
				{"User", `id eq ` + quoted(d.ada), []string{d.ada}},
				{"User", `name.familyName sw "love" and active eq true`, []string{d.ada}},
				{"User", `userName eq "gone"`, nil},
				{"User", `userName eq "was"`, nil},
				{"User", `userName eq "is"`, []string{d.changed}},
				{"User", `groups.value eq ` + quoted(d.outer), []string{d.ada}},
				{"Group", `displayName eq "readers"`, []string{d.readers}},
				{"Group", `members.value eq ` + quoted(d.changed), []string{d.readers}},
			} {
				k.lists(what+": found by "+row.filter, k.find(row.typ, row.filter), row.want)
			}
			members := k.getWith(groupRef(d.readers), scim.Projection{Members: true}).Members
			equal(k, what+": Has of a member", k.has(members, d.ada), true)
			equal(k, what+": Has of one who was removed", k.has(members, d.idle), false)
		}
	}},
	{"a place of before", sayGone, func(k *kit) {
		k.walks(func(q scim.Query) {
			k.crowd(10)
			all := k.whole(q)
			q.Limit = 4
			q.After = k.list(q).Next
			k.open()
			k.lists(queryText(q)+", a place of before it was opened again", ids(k.list(q).Resources), all[4:8])
			k.delete(userRef(all[3]))
			k.delete(userRef(all[9]))
			k.open()
			page := k.list(q)
			k.lists(queryText(q)+", a place of before, of a user that is gone", ids(page.Resources), all[4:8])
			if q.After = page.Next; q.After.IsZero() {
				k.fatal(queryText(q)+", where one user follows: Next", "none", "a place")
			}
			k.open()
			k.lists(queryText(q)+", the page after that", ids(k.list(q).Resources), all[8:9])
			for _, id := range k.whole(scim.Query{Tenant: acme, Type: "User"}) {
				k.delete(userRef(id))
			}
		})
	}},
	{"uniqueness of before", sayTaken, func(k *kit) {
		d := k.dwellers()
		k.open()
		before := k.state()
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named("ada@EXAMPLE.com")))
		k.refused("Create with a userName taken before", err, scim.ErrUniqueness)
		_, err = k.store.Update(k.ctx, userRef(d.idle), k.userChange(named("IS")))
		k.refused("Update to a userName taken before", err, scim.ErrUniqueness)
		k.unchanged("Calls with values taken before", before)
		k.createUser(named("gone")) // both were given up
		k.createUser(named("was"))
	}},
	{"versions of before", sayStale, func(k *kit) {
		if !k.versions() {
			return
		}
		d := k.dwellers()
		user, group := k.get(userRef(d.ada)), k.get(groupRef(d.readers))
		k.open()
		time.Sleep(2 * time.Millisecond)
		before := k.state()
		k.update(user.Ref, k.userChange(ada()))
		k.update(group.Ref, onlyMembers(scim.MemberDelta{Add: adding(d.ada).Add, Remove: []string{d.idle}}))
		k.unchanged("Updates that change nothing", before)

		c := k.titled("Ada@Example.com", "Countess")
		c.Version = user.Version
		now := k.update(user.Ref, c).Resource
		k.differ("Update with the version of before: Version", now.Version, user.Version)
		if now.LastModified.Before(user.LastModified) || !now.Created.Equal(user.Created) {
			k.fail("Update: Created and LastModified", fmt.Sprint(now.Created, now.LastModified), fmt.Sprint(user.Created, ", not before ", user.LastModified))
		}
		k.open()
		_, err := k.store.Update(k.ctx, user.Ref, c)
		k.refused("Update with a version that had been replaced before", err, scim.ErrVersion)
		k.refused("Delete with a version that had been replaced before", k.store.Delete(k.ctx, user.Ref, user.Version), scim.ErrVersion)
		k.delete(user.Ref)
		k.differ("Delete of a member: Version of the group", k.get(group.Ref).Version, group.Version)
	}},
	{"ids and the order go on", sayID, func(k *kit) {
		seen := map[string]bool{}
		var order []string
		for round := range 6 {
			for i := range 4 {
				id := k.createUser(named(fmt.Sprintf("user %d of round %d", i, round))).ID
				if seen[id] {
					k.fatal("Create after opening again: ID", id, "an id that was not used before")
				}
				seen[id] = true
				order = append(order, id)
			}
			k.delete(userRef(order[len(order)-1])) // the last id is gone when it is opened again
			order = order[:len(order)-1]
			k.open()
			k.lists("Users in the order of creation, after opening again", k.find("User", ""), order)
		}
	}},
	{"members of before", sayDelete, func(k *kit) {
		d := k.dwellers()
		k.open()
		u := k.update(groupRef(d.readers), onlyMembers(scim.MemberDelta{Add: adding(d.ada, d.idle).Add, Remove: []string{d.changed}}))
		equal(k, "Update of a group of before: what it reports", changes(u), "added "+d.idle+", removed "+d.changed)
		k.open()
		k.lists("Members", k.members(groupRef(d.readers)), sorted(d.ada, d.idle))
		k.delete(userRef(d.ada))
		k.open()
		k.lists("Members after Delete of one", k.members(groupRef(d.readers)), []string{d.idle})
		k.lists("Members of the group around it", k.members(groupRef(d.outer)), []string{d.readers})
		k.delete(groupRef(d.readers))
		k.open()
		k.lists("Members of the group around it after its Delete", k.members(groupRef(d.outer)), nil)
		k.lists("Groups of one who was a member", k.groups(userRef(d.idle)), nil)
	}},
}

// dwellers are the ids of some who were created, changed and deleted.
type dwellers struct{ ada, changed, idle, readers, outer string }

func (k *kit) dwellers() (d dwellers) {
	k.t.Helper()
	gone := k.createUser(named("gone"))
	d.ada, d.changed, d.idle = k.createUser(ada()).ID, k.createUser(named("was")).ID, k.createUser(named("idle")).ID
	d.readers = k.createGroup("Readers", gone.ID, d.ada, d.idle).ID
	d.outer = k.createGroup("Outer", d.readers, d.ada).ID
	k.update(userRef(d.changed), k.titled("is", `Zoë "the" \ 🦊`))
	k.update(groupRef(d.readers), onlyMembers(scim.MemberDelta{Add: adding(d.changed).Add, Remove: []string{d.idle}}))
	k.create(other, "Group", k.groupChange("Readers", k.create(other, "User", k.userChange(ada())).ID))
	k.delete(gone.Ref)
	return d
}

// open closes the store and opens it again.
func (k *kit) open() {
	k.t.Helper()
	if k.store = k.reopen(); k.store == nil {
		k.fatal("opening the store again", "no store", "one")
	}
}
