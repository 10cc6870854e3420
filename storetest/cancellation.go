package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/usherkit/scim"
)

const (
	sayCancelled = "A call whose context ends before it writes, or while it reads, soon reports the context's error."
	sayNothing   = "A call that reports an error has changed nothing."
)

// cancellation are the clauses about contexts that end.
var cancellation = []clause{
	{"a cancelled call writes nothing", sayCancelled, func(k *kit) {
		user := k.createUser(ada())
		group := k.createGroup("Readers")
		before := k.state()
		k.ended(func(ctx context.Context, why string, want error) {
			_, err := k.store.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named("late")))
			k.refused("Create with "+why, err, want)
			_, err = k.store.Create(ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Late", user.ID))
			k.refused("Create of a group with "+why, err, want)
			_, err = k.store.Update(ctx, user.Ref, k.userChange(named("late")))
			k.refused("Update with "+why, err, want)
			_, err = k.store.Update(ctx, group.Ref, onlyMembers(adding(user.ID)))
			k.refused("Update of members with "+why, err, want)
			k.refused("Delete with "+why, k.store.Delete(ctx, user.Ref, ""), want)
			k.refused("Delete of a group with "+why, k.store.Delete(ctx, group.Ref, group.Version), want)
			k.unchanged("Calls with "+why, before)
		})
	}},
	{"a cancelled call reads nothing", sayCancelled, func(k *kit) {
		users := k.createUsers(3)
		group := k.createGroup("Readers", users...)
		k.ended(func(ctx context.Context, why string, want error) {
			_, err := k.store.Get(ctx, userRef(users[0]), scim.Projection{})
			k.refused("Get with "+why, err, want)
			_, err = k.store.Get(ctx, group.Ref, scim.Projection{Members: true, Groups: true})
			k.refused("Get of a group and its members with "+why, err, want)
			for _, q := range []scim.Query{
				{Limit: 10},
				{},
				{Limit: 10, Filter: k.filter("User", `userName eq "user00001"`)},
				{Limit: 10, Filter: k.filter("User", `title pr`)},
				{Limit: 2, Sort: k.sort("userName"), Resumes: true},
			} {
				q.Tenant, q.Type = acme, "User"
				_, err := k.store.List(ctx, q)
				k.refused(queryText(q)+", with "+why, err, want)
			}
		})
	}},
	{"a list that is cancelled ends soon", sayCancelled, atLength(func(k *kit) {
		k.createMany(max(k.size.many/10, 1_100))
		q := scim.Query{
			Tenant: acme, Type: "User", Limit: 10, Sort: k.sort("nickName"),
			Filter: k.filter("User", `title co "x" or displayName ew "y" or emails[value co "@"] or userName co "99"`),
		}
		start := time.Now()
		k.list(q)
		whole := time.Since(start)
		const tries = 5
		for i := range tries {
			ctx, cancel := context.WithCancel(k.ctx)
			var ended time.Time
			timer := time.AfterFunc(whole*time.Duration(i)/tries, func() { ended = time.Now(); cancel() })
			_, err := k.store.List(ctx, q)
			returned := time.Now()
			if timer.Stop() { // the List was faster
				cancel()
				k.done("List, before it is cancelled", err)
				continue
			}
			<-ctx.Done()
			if err == nil {
				continue
			}
			k.refused("List that is cancelled on its way", err, context.Canceled)
			if late := returned.Sub(ended); late > k.size.soon {
				k.fail("List of many: how long it went on after it was cancelled", late, fmt.Sprint("at most ", k.size.soon))
			}
		}
	})},
	{"a write that is cancelled on its way is whole or nothing", sayNothing, func(k *kit) {
		users := k.createUsers(2)
		group := k.createGroup("Readers", users[0]).Ref
		document := k.get(group).Document.String()
		member := func() bool { return len(k.members(group)) == 2 }
		start := time.Now()
		k.update(group, k.groupChange("Readers", users[0]))
		usual := max(2*time.Since(start), 50*time.Microsecond)
		const tries = 60
		for i := range tries {
			c, in := k.groupChange(fmt.Sprint("Readers ", i), users[1]), member()
			if in {
				c.Members = removing(users[1])
			}
			ctx, cancel := context.WithCancel(k.ctx)
			time.AfterFunc(usual*time.Duration(i)/tries, cancel)
			_, err := k.store.Update(ctx, group, c)
			<-ctx.Done()
			what := fmt.Sprintf("Update that is cancelled %v after it began", usual*time.Duration(i)/tries)
			if err == nil {
				document, in = c.Document.String(), !in
			} else {
				k.refused(what, err, context.Canceled)
				what += " and reports that"
			}
			equal(k, what+": Document", k.get(group).Document.String(), document)
			equal(k, what+": the user is a member", member(), in)
		}
		made := 0
		for i := range tries {
			name := fmt.Sprint("late", i)
			ctx, cancel := context.WithCancel(k.ctx)
			time.AfterFunc(usual*time.Duration(i)/tries, cancel)
			_, err := k.store.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named(name)))
			<-ctx.Done()
			if err == nil {
				made++
			} else {
				k.refused("Create that is cancelled on its way", err, context.Canceled)
				k.lists("Found by the name of a user whose Create was cancelled", k.find("User", "userName eq "+quoted(name)), nil)
			}
		}
		equal(k, "users, after Creates that were cancelled on their way", len(k.find("User", "")), len(users)+made)
		equal(k, "Document of the group in the end", k.get(group).Document.String(), document)
	}},
}

// ended calls f with contexts that have ended.
func (k *kit) ended(f func(ctx context.Context, why string, want error)) {
	cancelled, cancel := context.WithCancel(k.ctx)
	cancel()
	f(cancelled, "a cancelled context", context.Canceled)
	late, cancel := context.WithDeadline(k.ctx, time.Now().Add(-time.Second))
	defer cancel()
	f(late, "a context whose deadline has passed", context.DeadlineExceeded)
}
