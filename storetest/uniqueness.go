package storetest

import (
	"fmt"
	"slices"

	"github.com/usherkit/scim"
)

const (
	sayTaken  = "If a Key that must be unique is taken, it reports ErrUniqueness."
	sayUnique = "no other resource of this type and tenant may have the same Path and Value"
	sayFree   = "Afterwards its unique values can be used again."
)

// uniqueness are the clauses about Keys that must be unique.
var uniqueness = []clause{
	{"a taken value", sayTaken, func(k *kit) {
		k.createUser(ada())
		k.createGroup("Readers")
		before := k.state()
		for _, name := range []string{"Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"} {
			_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named(name)))
			k.refused("Create of a second user "+name, err, scim.ErrUniqueness)
		}
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("rEADERS"))
		k.refused("Create of a second group rEADERS", err, scim.ErrUniqueness)
		k.unchanged("Creates with taken values", before)
	}},
	{"fifty concurrent creates of one name", sayTaken, func(k *kit) {
		const n = 50
		made := make([]*scim.Updated, n)
		winner := k.oneWins("50 concurrent Creates of one userName", scim.ErrUniqueness, together(n, func(i int) (err error) {
			made[i], err = k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named([]string{"Ada", "ada", "ADA"}[i%3])))
			return err
		}))
		want := []string{made[winner].Resource.ID}
		k.lists("Users after 50 concurrent Creates of one userName", k.find("User", ""), want)
		k.lists("Found by the userName after 50 concurrent Creates of it", k.find("User", `userName eq "ada"`), want)
	}},
	{"concurrent changes to one name", sayUnique, func(k *kit) {
		const n = 20
		users := k.createUsers(n)
		prize := k.userChange(named("prize"))
		winner := k.oneWins("20 concurrent Updates to one userName", scim.ErrUniqueness, together(n, func(i int) error {
			_, err := k.store.Update(k.ctx, userRef(users[i]), prize)
			return err
		}))
		k.lists("Found by the userName after 20 concurrent Updates to it", k.find("User", `userName eq "prize"`), users[winner:winner+1])
		k.lists("Found by the userNames that they had", k.find("User", `userName sw "user0"`), slices.Delete(slices.Clone(users), winner, winner+1))
	}},
	{"changing to a taken value", sayUnique, func(k *kit) {
		k.createUser(ada())
		grace := k.createUser(named("grace"))
		before := k.state()
		for _, name := range []string{"Ada@Example.com", "ada@EXAMPLE.com"} {
			_, err := k.store.Update(k.ctx, grace.Ref, k.userChange(named(name)))
			k.refused("Update of grace to the userName "+name, err, scim.ErrUniqueness)
		}
		k.unchanged("Updates to a taken value", before)
		k.lists("Found by the name it kept", k.find("User", `userName eq "grace"`), []string{grace.ID})
	}},
	{"a resource's own value", sayUnique, func(k *kit) {
		r := k.createUser(ada())
		u := ada()
		u.Title = "Countess"
		k.update(r.Ref, k.userChange(u))
		u.UserName = "ADA@example.COM"
		k.update(r.Ref, k.userChange(u))
		k.lists("Found by its name in another case", k.find("User", `userName eq "ada@example.com"`), []string{r.ID})
	}},
	{"the same value in another type", sayUnique, func(k *kit) {
		u := ada()
		u.DisplayName = "Readers"
		k.createUser(u)
		k.createGroup("Readers")
		u.UserName = "somebody"
		k.createUser(u)
	}},
	{"values that need not be unique", sayUnique, func(k *kit) {
		var want []string
		for i := range 5 {
			u := ada()
			u.UserName = fmt.Sprint("user", i)
			want = append(want, k.createUser(u).ID)
		}
		filters := []string{`externalId eq "e-Ada"`, `displayName eq "ada lovelace"`, `emails.value eq "ADA@HOME.example"`}
		for _, filter := range filters {
			k.lists("Found by "+filter+", which five users have", k.find("User", filter), want)
		}
		k.delete(scim.Ref{Tenant: acme, Type: "User", ID: want[0]})
		k.update(scim.Ref{Tenant: acme, Type: "User", ID: want[3]}, k.userChange(named("user3")))
		want = []string{want[1], want[2], want[4]}
		for _, filter := range filters {
			k.lists("Found by "+filter+", which three of five users still have", k.find("User", filter), want)
		}
	}},
	{"a value that was given up", sayUnique, func(k *kit) {
		r := k.createUser(ada())
		k.update(r.Ref, k.userChange(named("grace")))
		k.createUser(ada())
		_, err := k.store.Update(k.ctx, r.Ref, k.userChange(ada()))
		k.refused("Update back to a userName that another user took meanwhile", err, scim.ErrUniqueness)
	}},
	{"a deleted userName can be used again", sayFree, func(k *kit) {
		r := k.createUser(ada())
		g := k.createGroup("Readers")
		k.delete(r.Ref)
		k.delete(g.Ref)
		again, group := k.createUser(ada()), k.createGroup("Readers")
		k.lists("Found by the userName", k.find("User", `userName eq "ada@example.com"`), []string{again.ID})
		k.lists("Found by the displayName", k.find("Group", `displayName eq "readers"`), []string{group.ID})
		k.differ("Create with a userName that was deleted: ID", again.ID, r.ID)
	}},
	{"an update that fails changes neither document nor members", sayAtomic, func(k *kit) {
		users := k.createUsers(2)
		k.createGroup("Readers")
		g := k.createGroup("Writers", users[0])
		before := k.state()

		c := k.groupChange("Readers")
		c.Members = scim.MemberDelta{Add: adding(users[1]).Add, Remove: []string{users[0]}}
		_, err := k.store.Update(k.ctx, g.Ref, c)
		k.refused("Update of a group to a taken displayName and other members", err, scim.ErrUniqueness)
		k.unchanged("That Update", before)

		c = k.groupChange("Editors")
		c.Members = scim.MemberDelta{Add: adding(users[1], "no-such-id").Add, Remove: []string{users[0]}}
		_, err = k.store.Update(k.ctx, g.Ref, c)
		k.refused("Update of a group to a new displayName and an unknown member", err, scim.ErrInvalidValue)
		k.unchanged("That Update", before)
		k.createGroup("Editors")
	}},
	{"a create that fails leaves its values free", sayNothing, func(k *kit) {
		before := k.state()
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Readers", "no-such-id"))
		k.refused("Create of a group with an unknown member", err, scim.ErrInvalidValue)
		k.unchanged("Create of a group with an unknown member", before)
		k.createGroup("Readers")
	}},
}
