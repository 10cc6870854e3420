package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
)

const (
	sayInTx    = "InTx calls fn with a Store whose writes all take effect when fn returns nil, and otherwise not at all."
	sayPanic   = "A panic of fn goes on when the transaction is undone."
	sayInside  = "Inside, calls and the Sets that they return see what the transaction has written; outside, nobody does before it takes effect."
	sayGoesOn  = "A call that reports ErrNotFound, ErrUniqueness, ErrVersion or ErrInvalidValue there has changed nothing, and the transaction goes on."
	saySerial  = "What a transaction has read of a resource that it writes is still so when it takes effect."
	sayNesting = "If tx is a Transactor too, its transactions nest: one that fails undoes its own writes and no others."
)

// transactions are the clauses for a Store that is a Transactor.
var transactions = []clause{
	{"a transaction that succeeds", sayInTx, func(k *kit) {
		var user, group scim.Ref
		err := k.inTx(func(ctx context.Context, tx scim.Store) error {
			u, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(ada()))
			if err != nil {
				return err
			}
			g, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Readers", u.Resource.ID))
			if err != nil {
				return err
			}
			user, group = u.Resource.Ref, g.Resource.Ref
			_, err = tx.Update(ctx, group, k.groupChange("Writers"))
			return err
		})
		k.done("InTx that creates a user and a group and renames the group", err)
		k.lists("Members of the group", k.members(group), []string{user.ID})
		k.lists("Found by the name", k.find("Group", `displayName eq "writers"`), []string{group.ID})
	}},
	{"a transaction that fails", sayInTx, func(k *kit) {
		user := k.createUser(ada())
		group := k.createGroup("Readers", user.ID)
		doomed := k.createUser(named("doomed"))
		before := k.state()
		reason := errors.New("the hook says no")
		err := k.inTx(func(ctx context.Context, tx scim.Store) error {
			if _, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named("new"))); err != nil {
				return err
			}
			if _, err := tx.Update(ctx, user.Ref, k.userChange(named("changed"))); err != nil {
				return err
			}
			if _, err := tx.Update(ctx, group.Ref, onlyMembers(scim.MemberDelta{Reset: true, Add: adding(doomed.ID).Add})); err != nil {
				return err
			}
			if err := tx.Delete(ctx, doomed.Ref, ""); err != nil {
				return err
			}
			return reason
		})
		k.refused("InTx whose function returns an error", err, reason)
		k.unchanged("InTx whose function returns an error", before)
		k.createUser(named("new"))
	}},
	{"reads inside a transaction see its writes", sayInside, func(k *kit) {
		group := k.createGroup("Readers")
		filter := k.filter("User", `userName eq "ada@example.com"`)
		c := k.userChange(ada())
		err := k.inTx(func(ctx context.Context, tx scim.Store) error {
			u, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, c)
			if err != nil {
				return err
			}
			if _, err := tx.Update(ctx, group.Ref, onlyMembers(adding(u.Resource.ID))); err != nil {
				return err
			}
			r, err := tx.Get(ctx, u.Resource.Ref, scim.Projection{})
			if err != nil {
				return err
			}
			equal(k, "Get inside the transaction that created a user: Document", r.Document.String(), c.Document.String())
			page, err := tx.List(ctx, scim.Query{Tenant: acme, Type: "User", Filter: filter, Limit: 10})
			if err != nil {
				return err
			}
			equal(k, "List inside the transaction that created a user: Total", page.Total, 1)
			g, err := tx.Get(ctx, group.Ref, scim.Projection{Members: true})
			if err != nil {
				return err
			}
			k.lists("Members inside the transaction that added one", memberIDs(k.elements("Members", g.Members)), []string{u.Resource.ID})
			_, err = tx.Create(ctx, scim.Ref{Tenant: other, Type: "User"}, c)
			return err
		})
		k.done("InTx", err)
	}},
	{"lists inside a transaction see its writes", sayInside, func(k *kit) {
		gone, changed := k.createUser(named("gone")), k.createUser(named("changed"))
		k.createUsers(5)
		k.done("InTx", k.inTx(func(ctx context.Context, tx scim.Store) error {
			inside := k.over(ctx, tx)
			inside.delete(gone.Ref)
			inside.update(changed.Ref, k.titled("Renamed", "Countess"))
			made := inside.createUser(ada())
			for _, row := range []struct {
				filter string
				want   []string
			}{
				{`userName eq "gone"`, nil},
				{`userName eq "changed"`, nil},
				{`userName eq "renamed"`, []string{changed.ID}},
				{`title co "count"`, []string{changed.ID}},
				{`emails.value eq "ada@home.example"`, []string{made.ID}},
				{`userName sw "user0" and title pr`, nil},
				{`not (userName sw "user0")`, []string{changed.ID, made.ID}},
			} {
				inside.lists("Found inside of the transaction by "+row.filter, inside.find("User", row.filter), row.want)
			}
			for _, by := range []string{"", "userName", "-title"} {
				q := scim.Query{Tenant: acme, Type: "User", Limit: 3, Resumes: true, Sort: k.sort(by)}
				inside.lists(queryText(q)+", inside of a transaction, page after page", inside.walk(q, nil), inside.whole(q))
				equal(inside, queryText(q)+", inside of a transaction: Total", inside.list(q).Total, 7)
			}
			return nil
		}))
	}},
	{"sets inside a transaction", sayInside, func(k *kit) {
		users := k.createUsers(30)
		group := k.createGroup("Readers", users[:20]...)
		k.done("InTx", k.inTx(func(ctx context.Context, tx scim.Store) error {
			inside := k.over(ctx, tx)
			inside.update(group.Ref, onlyMembers(scim.MemberDelta{Add: adding(users[20:]...).Add, Remove: users[:10]}))
			members := inside.getWith(group.Ref, scim.Projection{Members: true}).Members
			inside.lists("Members inside of the transaction that changed them", sortedIDs(inside.elements("Members", members)), sorted(slices.Clone(users[10:])...))
			equal(inside, "Has of one whom the transaction added", inside.has(members, users[25]), true)
			equal(inside, "Has of one whom the transaction removed", inside.has(members, users[5]), false)
			inside.lists("Groups of one whom the transaction added", inside.groups(userRef(users[25])), []string{group.ID})
			inside.lists("Groups of one whom the transaction removed", inside.groups(userRef(users[5])), nil)
			inside.lists("Found by the member it added", inside.find("Group", "members.value eq "+quoted(users[25])), []string{group.ID})
			n := 0
			for m, err := range members.All() { // a Set is read and the Store used in turns
				inside.done("All inside of a transaction that goes on meanwhile", err)
				inside.update(userRef(m.ID), k.titled(fmt.Sprint("member ", n), "Reader"))
				equal(inside, "Has inside of All inside of a transaction", inside.has(members, m.ID), true)
				n++
			}
			equal(inside, "members that All yields as the transaction goes on", n, 20)
			page := inside.list(scim.Query{Tenant: acme, Type: "Group", Limit: 10, Projection: scim.Projection{Members: true}})
			for _, r := range page.Resources {
				inside.lists("Members of a List inside of the transaction", sortedIDs(inside.elements("Members", r.Members)), sorted(slices.Clone(users[10:])...))
			}
			equal(inside, "users with the title that each member got", len(inside.find("User", `title eq "reader"`)), 20)
			return nil
		}))
		k.lists("Members afterwards", k.members(group.Ref), sorted(slices.Clone(users[10:])...))
	}},
	{"a call that fails inside a transaction", sayGoesOn, func(k *kit) {
		user := k.createUser(ada())
		group := k.createGroup("Readers", user.ID)
		var made *scim.Resource
		k.done("InTx in which calls fail and others do not", k.inTx(func(ctx context.Context, tx scim.Store) error {
			inside := k.over(ctx, tx)
			made = inside.createUser(named("before"))
			for _, row := range []struct {
				what string
				kind error
				call func() error
			}{
				{"Create with a taken userName", scim.ErrUniqueness, func() error {
					_, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(ada()))
					return err
				}},
				{"Create with a userName that the transaction took", scim.ErrUniqueness, func() error {
					_, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named("before")))
					return err
				}},
				{"Update to a taken userName", scim.ErrUniqueness, func() error {
					_, err := tx.Update(ctx, made.Ref, k.userChange(ada()))
					return err
				}},
				{"Update with an unknown member", scim.ErrInvalidValue, func() error {
					c := k.groupChange("Writers", made.ID, "no-such-id")
					c.Members.Remove = []string{user.ID}
					_, err := tx.Update(ctx, group.Ref, c)
					return err
				}},
				{"Create of a group with an unknown member", scim.ErrInvalidValue, func() error {
					_, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Others", "no-such-id"))
					return err
				}},
				{"Update of what is not there", scim.ErrNotFound, func() error {
					_, err := tx.Update(ctx, userRef("no-such-id"), k.userChange(named("changed")))
					return err
				}},
				{"Delete of what is not there", scim.ErrNotFound, func() error { return tx.Delete(ctx, userRef("no-such-id"), "") }},
				{"Get of what is not there", scim.ErrNotFound, func() error {
					_, err := tx.Get(ctx, userRef("no-such-id"), scim.Projection{Groups: true})
					return err
				}},
			} {
				before := inside.state()
				inside.refused(row.what+" inside of a transaction", row.call(), row.kind)
				inside.unchanged(row.what+" inside of a transaction", before)
			}
			inside.update(group.Ref, onlyMembers(adding(made.ID)))
			return nil
		}))
		k.lists("Members afterwards", k.members(group.Ref), sorted(user.ID, made.ID))
		k.lists("Found by the name of the group", k.find("Group", `displayName eq "readers"`), []string{group.ID})
		equal(k, "users afterwards", len(k.find("User", "")), 2)
	}},
	{"a panic in a transaction", sayPanic, func(k *kit) {
		user := k.createUser(ada())
		before := k.state()
		write := func(ctx context.Context, tx scim.Store) {
			inside := k.over(ctx, tx)
			inside.update(user.Ref, k.userChange(named("changed")))
			inside.createGroup("Readers", user.ID)
		}
		const reason = "the hook panics"
		panicked := func() (v any) {
			defer func() { v = recover() }()
			return fmt.Sprint("InTx returns ", k.inTx(func(ctx context.Context, tx scim.Store) error {
				write(ctx, tx)
				panic(reason)
			}))
		}()
		equal(k, "InTx whose function panics: the panic", fmt.Sprint(panicked), reason)
		k.unchanged("InTx whose function panics", before)

		// So ends a function that fails a test.
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = k.inTx(func(ctx context.Context, tx scim.Store) error {
				write(ctx, tx)
				runtime.Goexit()
				return nil
			})
		}()
		<-ended
		k.unchanged("InTx whose function ends its goroutine", before)
		k.update(user.Ref, k.userChange(named("changed")))
	}},
	{"a transaction inside a transaction", sayNesting, func(k *kit) {
		user := k.createUser(ada())
		reason := errors.New("the inner one fails")
		nests := false
		names := func(ctx context.Context, tx scim.Store) []string { // of those who are there
			return userNames(k.over(ctx, tx).list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources)
		}
		err := k.inTx(func(ctx context.Context, tx scim.Store) error {
			var outer scim.Transactor
			if outer, nests = tx.(scim.Transactor); !nests {
				return nil
			}
			inner := func(name string, fails error) error {
				return outer.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					inside := k.over(ctx, tx)
					u := inside.createUser(named(name))
					inside.createGroup(name, u.ID, user.ID)
					return fails
				})
			}
			k.over(ctx, tx).createUser(named("first"))
			k.done("InTx inside of InTx", inner("second", nil))
			k.refused("InTx inside of InTx whose function returns an error", inner("third", reason), reason)
			k.lists("Users inside, after an inner transaction that failed", names(ctx, tx), []string{"Ada@Example.com", "first", "second"})
			func() {
				defer func() {
					equal(k, "InTx inside of InTx whose function panics: the panic", fmt.Sprint(recover()), reason.Error())
				}()
				_ = outer.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					k.over(ctx, tx).createUser(named("fourth"))
					panic(reason)
				})
			}()
			k.done("InTx inside of InTx in which a third one fails", outer.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				k.over(ctx, tx).createUser(named("fifth"))
				err := tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					k.over(ctx, tx).createUser(named("sixth"))
					return reason
				})
				k.refused("InTx inside of InTx inside of InTx", err, reason)
				return nil
			}))
			k.over(ctx, tx).createUser(named("last"))
			return nil
		})
		if !nests {
			return
		}
		k.done("InTx with others inside of it", err)
		page := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100})
		k.lists("Users afterwards", userNames(page.Resources), []string{"Ada@Example.com", "first", "second", "fifth", "last"})
		equal(k, "groups afterwards", len(k.find("Group", "")), 1)
		before := k.state()
		err = k.inTx(func(ctx context.Context, tx scim.Store) error {
			if err := tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				return tx.Delete(ctx, user.Ref, "")
			}); err != nil {
				return err
			}
			return reason
		})
		k.refused("InTx that fails after an inner one that does not", err, reason)
		k.unchanged("InTx that fails after an inner one that does not", before)
	}},
	{"half a transaction is not seen", sayInside, func(k *kit) {
		k.createUsers(2)
		const rounds = 20
		var over atomic.Bool
		errs := together(4, func(i int) error {
			for i > 0 && !over.Load() { // a reader
				page, err := k.store.List(k.ctx, scim.Query{Tenant: acme, Type: "User", Limit: 1000})
				if err != nil {
					return err
				}
				if page.Total%2 != 0 || len(page.Resources)%2 != 0 {
					return fmt.Errorf("a Total of %d and %d users, where each transaction creates two", page.Total, len(page.Resources))
				}
				if slices.ContainsFunc(userNames(page.Resources), func(name string) bool { return name[0] == 'x' }) {
					return errors.New("a user of a transaction that failed")
				}
			}
			if i > 0 {
				return nil
			}
			defer over.Store(true)
			for round := range rounds {
				for _, name := range []string{"y", "x"} {
					err := k.inTx(func(ctx context.Context, tx scim.Store) error {
						for half := range 2 {
							if _, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named(fmt.Sprint(name, round, half)))); err != nil {
								return err
							}
							time.Sleep(2 * time.Millisecond) // for a reader to come
						}
						if name == "x" {
							return errUndone
						}
						return nil
					})
					if err != nil && !errors.Is(err, errUndone) {
						return err
					}
				}
			}
			return nil
		})
		for i, err := range errs {
			k.done([]string{"Transactions that create two users each", "List at the same time"}[min(i, 1)], err)
		}
		equal(k, "users afterwards", len(k.find("User", "")), 2+2*rounds)
	}},
	{"transactions that change one document", saySerial, func(k *kit) {
		const workers, rounds = 8, 20
		user := k.createUser(named("counter")).Ref
		for _, err := range together(workers, func(int) error {
			for range rounds {
				if err := k.settle(func(ctx context.Context, tx scim.Store) error {
					r, err := tx.Get(ctx, user, scim.Projection{})
					if err != nil {
						return err
					}
					_, err = tx.Update(ctx, user, k.titled("counter", r.User().Title+"+"))
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		}) {
			k.done("One of 160 transactions that read a document and write another, 8 at a time", err)
		}
		equal(k, "How many of 160 such transactions are seen in the document", len(k.get(user).User().Title), workers*rounds)
	}},
	{"transactions that meet on their ways", saySerial, func(k *kit) {
		const workers, rounds = 4, 5 // a database may take a second to find two that wait for each other
		users := k.createUsers(2)
		groups := []*scim.Resource{k.createGroup("A"), k.createGroup("B")}
		joins := make([]string, workers)
		for i := range joins {
			joins[i] = k.createUser(named(fmt.Sprint("joins", i))).ID
		}
		for round := range rounds {
			for _, err := range together(workers, func(i int) error {
				return k.settle(func(ctx context.Context, tx scim.Store) error {
					for step := range 2 { // half of the workers in one order, half in the other
						at := (step + i) % 2
						if _, err := tx.Update(ctx, userRef(users[at]), k.titled(fmt.Sprintf("user%05d", at), fmt.Sprint(i, ".", round))); err != nil {
							return err
						}
						d := adding(joins[i])
						if round%2 == 1 {
							d = removing(joins[i])
						}
						if _, err := tx.Update(ctx, groups[at].Ref, onlyMembers(d)); err != nil {
							return err
						}
					}
					return nil
				})
			}) {
				k.done("One of 4 transactions at a time that change the same two users and groups", err)
			}
			equal(k, "Titles that each of the transactions gave to both users", k.get(userRef(users[0])).User().Title, k.get(userRef(users[1])).User().Title)
			want := sorted(slices.Clone(joins)...)
			if round%2 == 1 {
				want = nil
			}
			for _, g := range groups {
				k.lists("Members of a group to or from which each transaction has added or removed one", k.members(g.Ref), want)
			}
		}
	}},
	{"transactions that take one name", sayTaken, func(k *kit) {
		const n = 8
		k.oneWins("8 concurrent transactions that create one userName", scim.ErrUniqueness, together(n, func(i int) error {
			return k.settle(func(ctx context.Context, tx scim.Store) error {
				if _, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange(fmt.Sprint("Group ", i))); err != nil {
					return err
				}
				_, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(ada()))
				return err
			})
		}))
		equal(k, "users after 8 transactions that create one userName", len(k.find("User", "")), 1)
		equal(k, "groups after 8 transactions of which one took effect", len(k.find("Group", "")), 1)
	}},
	{"a transaction that is cancelled", sayInTx, func(k *kit) {
		before := k.state()
		k.ended(func(ctx context.Context, why string, want error) {
			err := k.store.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				_, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named("late")))
				return err
			})
			k.refused("InTx with "+why, err, want)
			k.unchanged("InTx with "+why, before)
		})
		ctx, cancel := context.WithCancel(k.ctx)
		err := k.store.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			for _, name := range []string{"one", "two"} {
				if _, err := tx.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named(name))); err != nil {
					return err
				}
			}
			cancel()
			return nil
		})
		if err == nil {
			equal(k, "users after InTx that was cancelled in the end and reports no error", len(k.find("User", "")), 2)
			return
		}
		k.refused("InTx that is cancelled in the end", err, context.Canceled)
		k.unchanged("InTx that is cancelled in the end and reports that", before)
	}},
}

var errUndone = errors.New("to be undone")

// over is the kit inside of a transaction.
func (k *kit) over(ctx context.Context, tx scim.Store) *kit {
	inside := *k
	inside.ctx, inside.store = ctx, tx
	return &inside
}

// settle does a transaction, and does it again as long as the Store says that
// it is too busy for it.
func (k *kit) settle(fn func(ctx context.Context, tx scim.Store) error) error {
	var err error
	for range 50 {
		if err = k.inTx(fn); !errors.Is(err, scim.ErrUnavailable) {
			break
		}
	}
	return err
}

func (k *kit) inTx(fn func(ctx context.Context, tx scim.Store) error) error {
	return k.store.(scim.Transactor).InTx(k.ctx, fn)
}
