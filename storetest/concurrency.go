package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
		winner := k.oneWins("20 concurrent Updates of one version", scim.ErrVersion, together(n, func(i int) error {
			_, err := k.store.Update(k.ctx, user.Ref, changes[i])
			return err
		}))
		equal(k, "Document after 20 concurrent Updates of one version", k.get(user.Ref).Document.String(), changes[winner].Document.String())
	}},
	{"concurrent adds and removes", sayAtomic, func(k *kit) {
		const workers, rounds = 8, 10
		users := k.createUsers(workers + 2)
		own, shared, stays := users[:workers], users[workers], users[workers+1]
		group := k.createGroup("Readers", stays).Ref
		for _, err := range together(workers, func(i int) error { // each adds and removes a user of its own
			for round := range rounds + i%2 {
				d, want := adding(own[i]), "added"
				if round%2 == 1 {
					d, want = removing(own[i]), "removed"
				}
				u, err := k.store.Update(k.ctx, group, onlyMembers(d))
				if err != nil {
					return err
				}
				if got := changes(u); got != want+" "+own[i] {
					return fmt.Errorf("a user is %s whom nobody else adds or removes, and the Update reports: %s", want, cmp.Or(got, "no change"))
				}
			}
			return nil
		}) {
			k.done("Updates that add and remove, at the same time as others do", err)
		}
		want := []string{stays}
		for i, id := range own {
			if i%2 == 1 {
				want = append(want, id)
			}
		}
		k.lists("Members after adds and removes at the same time", k.members(group), sorted(want...))

		for _, row := range []struct {
			d    scim.MemberDelta
			want string
		}{{adding(shared), "added " + shared}, {removing(shared), "removed " + shared}} {
			reports := make([]string, workers)
			for i, err := range together(workers, func(i int) error {
				u, err := k.store.Update(k.ctx, group, onlyMembers(row.d))
				if err == nil {
					reports[i] = changes(u)
				}
				return err
			}) {
				k.done(fmt.Sprintf("Update with %s, number %d of %d at the same time", changeText(onlyMembers(row.d)), i, workers), err)
			}
			k.lists("What 8 concurrent Updates with one and the same delta report", slices.DeleteFunc(reports, func(s string) bool { return s == "" }), []string{row.want})
		}
		k.lists("Members after one was added and removed by all", k.members(group), sorted(want...))
	}},
	{"concurrent updates without a version", sayAtomic, func(k *kit) {
		const n = 20
		users := k.createUsers(n)
		user, group := userRef(users[0]), k.createGroup("Readers").Ref
		sent, got := make([]scim.Change, n), make([]*scim.Updated, n)
		for i := range sent {
			sent[i] = k.titled("user00000", fmt.Sprint("title ", i))
		}
		for _, err := range together(n, func(i int) (err error) {
			got[i], err = k.store.Update(k.ctx, user, sent[i])
			return err
		}) {
			k.done("One of 20 concurrent Updates without a version", err)
		}
		last := k.get(user)
		found := false
		for i, u := range got {
			equal(k, "One of 20 concurrent Updates: Document as stored", u.Resource.Document.String(), sent[i].Document.String())
			if u.Resource.Document.Equal(last.Document) {
				found = true
				k.sameFacts("Get after 20 concurrent Updates, the last of which is known by its Document", last, u.Resource)
			}
		}
		equal(k, "The Document after 20 concurrent Updates is that of one of them", found, true)

		// One half renames the group, the other adds members to it.
		for _, err := range together(n, func(i int) error {
			c := onlyMembers(adding(users[i]))
			if i%2 == 0 {
				c = k.groupChange(fmt.Sprint("Readers ", i))
			}
			_, err := k.store.Update(k.ctx, group, c)
			return err
		}) {
			k.done("Updates of a group's name and of its members at the same time", err)
		}
		var members []string
		for i := 1; i < n; i += 2 {
			members = append(members, users[i])
		}
		k.lists("Members after renames at the same time", k.members(group), sorted(members...))
		k.lists("Found by one of the new names", k.find("Group", `displayName sw "readers "`), []string{group.ID})
	}},
	{"a member that is deleted while it is added", sayDelete, func(k *kit) {
		const rounds = 20
		stays := k.createUser(named("stays")).ID
		for round := range rounds {
			doomed := k.createUser(named(fmt.Sprint("doomed", round)))
			groups := []*scim.Resource{k.createGroup(fmt.Sprint("A", round), stays), k.createGroup(fmt.Sprint("B", round), stays)}
			added := make([]*scim.Updated, len(groups))
			errs := together(len(groups)+1, func(i int) (err error) {
				if i == len(groups) {
					return k.store.Delete(k.ctx, doomed.Ref, "")
				}
				added[i], err = k.store.Update(k.ctx, groups[i].Ref, onlyMembers(adding(doomed.ID)))
				return err
			})
			k.done("Delete of a user who is being added to groups", errs[len(groups)])
			for i, was := range groups {
				now := k.getWith(was.Ref, scim.Projection{Members: true})
				k.lists("Members of a group to which a user was added while it was deleted", memberIDs(k.elements("Members", now.Members)), []string{stays})
				equal(k, "Has of that user", k.has(now.Members, doomed.ID), false)
				switch {
				case errs[i] != nil:
					k.refused("Update that adds a user who is being deleted", errs[i], scim.ErrInvalidValue)
					equal(k, "Version of a group to which a deleted user could not be added", now.Version, was.Version)
				case added[i].Resource.Version != "":
					k.differ("Version of a group whose new member was deleted", now.Version, added[i].Resource.Version)
				}
			}
			k.lists("Groups found by the deleted user", k.find("Group", "members.value eq "+quoted(doomed.ID)), nil)
		}
	}},
	{"groups and members deleted at the same time", sayDelete, func(k *kit) {
		const n = 8
		users := k.createUsers(n)
		var refs []scim.Ref
		for i := range n {
			refs = append(refs, userRef(users[i]), k.createGroup(fmt.Sprint("Group ", i), users...).Ref)
		}
		stays := k.createUser(named("stays")).ID
		outer := k.createGroup("Outer", stays)
		for _, ref := range refs {
			outer = k.update(outer.Ref, onlyMembers(adding(ref.ID))).Resource
		}
		for i, err := range together(len(refs), func(i int) error { return k.store.Delete(k.ctx, refs[i], "") }) {
			k.done("Delete of a "+refs[i].Type+" while those in it or around it are deleted", err)
		}
		k.lists("Users", k.find("User", ""), []string{stays})
		k.lists("Groups", k.find("Group", ""), []string{outer.ID})
		k.lists("Members of the group around all", k.members(outer.Ref), []string{stays})
		if outer.Version != "" {
			k.differ("Version of the group around all", k.get(outer.Ref).Version, outer.Version)
		}
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

// changes says what an Update added and removed.
func changes(u *scim.Updated) string {
	var said []string
	for _, m := range u.Added {
		said = append(said, "added "+m.ID)
	}
	for _, m := range u.Removed {
		said = append(said, "removed "+m.ID)
	}
	return strings.Join(said, ", ")
}

// oneWins checks that one of several calls succeeded, which it returns, and that
// the others were refused.
func (k *kit) oneWins(what string, kind error, errs []error) (winner int) {
	k.t.Helper()
	var winners []int
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
			continue
		}
		k.refused("One of "+what, err, kind)
	}
	if len(winners) != 1 {
		k.fatal(what+": successes", len(winners), 1)
	}
	return winners[0]
}

// together calls f n times at once and returns what the calls returned.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}
