package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/usherkit/scim"
)

const sayConcurrent = "A Store keeps resources. Its methods may be called concurrently."

// concurrency are the clauses about calls at the same time. Run them with the
// race detector too.
var concurrency = []clause{
	{"twenty concurrent adds all survive", sayConcurrent, func(k *kit) {
		const n = 20
		users := k.createUsers(n)
		group := k.createGroup("Readers")
		for _, err := range together(n, func(i int) error {
			_, err := k.store.Update(k.ctx, group.Ref, onlyMembers(adding(users[i])))
			return err
		}) {
			k.done("One of 20 concurrent Updates, each adding one member", err)
		}
		k.lists("Members after 20 concurrent Updates, each adding one", k.members(group.Ref), sorted(users...))
	}},
	{"one of twenty concurrent updates of a version succeeds", sayStale, func(k *kit) {
		if !k.versions() {
			return
		}
		const n = 20
		user := k.createUser(ada())
		changes := make([]scim.Change, n)
		for i := range changes {
			u := ada()
			u.Title = fmt.Sprint("title ", i)
			changes[i] = k.userChange(u)
			changes[i].Version = user.Version
		}
		winner := -1
		for i, err := range together(n, func(i int) error {
			_, err := k.store.Update(k.ctx, user.Ref, changes[i])
			return err
		}) {
			switch {
			case err == nil && winner >= 0:
				k.fail("20 concurrent Updates of one version", fmt.Sprint("successes of ", winner, " and ", i), "one success")
			case err == nil:
				winner = i
			case !errors.Is(err, scim.ErrVersion):
				k.fail("One of 20 concurrent Updates of one version", err, scim.ErrVersion)
			}
		}
		if winner < 0 {
			k.fatal("20 concurrent Updates of one version: successes", 0, 1)
		}
		equal(k, "Document after 20 concurrent Updates of one version", k.get(user.Ref).Document.String(), changes[winner].Document.String())
	}},
	{"readers and writers together", sayConcurrent, func(k *kit) {
		const rounds = 25
		users := k.createUsers(10)
		group := k.createGroup("Readers", users...)
		byName, byMember := k.filter("User", `userName eq "user00003"`), k.filter("Group", `members.value eq "`+users[5]+`"`)
		byTitle := k.filter("User", "title pr")
		var changes []scim.Change
		for i := range rounds {
			u := named("user00003")
			u.Title = fmt.Sprint("title ", i)
			changes = append(changes, k.userChange(u))
		}
		fleeting := k.userChange(named("fleeting"))
		both := scim.Projection{Members: true, Groups: true}
		writers := []func(i int) error{
			func(i int) error { // a user is changed
				_, err := k.store.Update(k.ctx, scim.Ref{Tenant: acme, Type: "User", ID: users[3]}, changes[i])
				return err
			},
			func(int) error { // a user comes, joins and goes
				u, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, fleeting)
				if err != nil {
					return err
				}
				if _, err := k.store.Update(k.ctx, group.Ref, onlyMembers(adding(u.Resource.ID))); err != nil {
					return err
				}
				return k.store.Delete(k.ctx, u.Resource.Ref, "")
			},
			func(int) error { // a member leaves and comes back
				if _, err := k.store.Update(k.ctx, group.Ref, onlyMembers(removing(users[5]))); err != nil {
					return err
				}
				_, err := k.store.Update(k.ctx, group.Ref, onlyMembers(adding(users[5])))
				return err
			},
		}
		readers := []func() error{
			func() error { // the group is read
				r, err := k.store.Get(k.ctx, group.Ref, both)
				if err != nil {
					return err
				}
				if r.Members == nil {
					return errors.New("a group with members has no Members")
				}
				stayed := 0
				for m, err := range r.Members.All() {
					if err != nil {
						return err
					}
					if m.ID == users[0] || m.ID == users[9] {
						stayed++
					}
				}
				if stayed != 2 {
					return fmt.Errorf("read %d of the 2 members that stay", stayed)
				}
				if ok, err := r.Members.Has(users[0]); err != nil || !ok {
					return fmt.Errorf("asked for a member that stays: %v, %w", ok, err)
				}
				return nil
			},
			func() error { // lists
				for _, q := range []scim.Query{
					{Type: "User", Filter: byTitle}, {Type: "User"}, {Type: "Group", Filter: byMember},
				} {
					q.Tenant, q.Limit, q.Projection = acme, 100, both
					if _, err := k.store.List(k.ctx, q); err != nil {
						return err
					}
				}
				page, err := k.store.List(k.ctx, scim.Query{Tenant: acme, Type: "User", Filter: byName, Limit: 1})
				if err == nil && page.Total != 1 {
					err = fmt.Errorf("%d users found by the userName of one that is only changed", page.Total)
				}
				return err
			},
		}
		var writing atomic.Int32 // how many writers are not done
		writing.Store(int32(len(writers)))
		for i, err := range together(len(writers)+2*len(readers), func(i int) error {
			if i < len(writers) {
				defer writing.Add(-1)
				for round := range rounds {
					if err := writers[i](round); err != nil {
						return err
					}
				}
				return nil
			}
			for round := 0; round < rounds || writing.Load() > 0; round++ {
				if err := readers[i%len(readers)](); err != nil {
					return err
				}
			}
			return nil
		}) {
			k.done(fmt.Sprintf("Reading and writing at the same time, worker %d", i), err)
		}
		k.lists("Members afterwards", k.members(group.Ref), sorted(users...))
	}},
}
