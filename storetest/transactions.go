package storetest

import (
	"context"
	"errors"

	"github.com/usherkit/scim"
)

const (
	sayInTx = "InTx calls fn with a Store whose writes all take effect when fn returns nil, and otherwise not at all."
	sayTx   = "A Transactor is a Store that can make several calls one."
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
	{"reads inside a transaction see its writes", sayTx, func(k *kit) {
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
}

func (k *kit) inTx(fn func(ctx context.Context, tx scim.Store) error) error {
	return k.store.(scim.Transactor).InTx(k.ctx, fn)
}
