package storetest

import (
	"fmt"

	"github.com/usherkit/scim"
)

const sayTenants = "Every Ref and Query names a tenant; no call sees another tenant's resources."

// isolation are the clauses that keep tenants apart.
var isolation = []clause{
	{"another tenant's resource is not found", sayTenants, func(k *kit) {
		user, group := k.createUser(ada()), k.createGroup("Readers")
		k.create(other, "User", k.userChange(named("resident"))) // so that the other tenant exists
		before := k.state()
		for _, tenant := range []string{other, "", "nobody", acme + " "} {
			for _, ref := range []scim.Ref{{Tenant: tenant, Type: "User", ID: user.ID}, {Tenant: tenant, Type: "Group", ID: group.ID}} {
				what := fmt.Sprintf("tenant acme's %s in tenant %q", ref.Type, tenant)
				_, err := k.store.Get(k.ctx, ref, scim.Projection{})
				k.refused("Get of "+what, err, scim.ErrNotFound)
				_, err = k.store.Update(k.ctx, ref, k.userChange(named("stolen")))
				k.refused("Update of "+what, err, scim.ErrNotFound)
				_, err = k.store.Update(k.ctx, ref, onlyMembers(scim.MemberDelta{Reset: true}))
				k.refused("Update of the members of "+what, err, scim.ErrNotFound)
				k.refused("Delete of "+what, k.store.Delete(k.ctx, ref, ""), scim.ErrNotFound)
			}
		}
		k.unchanged("Calls with other tenants", before)
	}},
	{"a list shows one tenant", sayTenants, func(k *kit) {
		user, group := k.createUser(ada()), k.createGroup("Readers")
		k.update(group.Ref, onlyMembers(adding(user.ID)))
		theirs := k.create(other, "User", k.userChange(named("resident")))
		for _, filter := range []string{
			"", `userName eq "ada@example.com"`, `externalId eq "e-Ada"`, `displayName eq "Ada Lovelace"`,
			`emails.value eq "ada@work.example"`, `id eq "` + user.ID + `"`, `groups.value eq "` + group.ID + `"`,
			`name.givenName eq "Ada"`, `userName pr`, `not (userName eq "nobody")`,
		} {
			q := scim.Query{Tenant: other, Type: "User", Limit: 10}
			want := []string{}
			if filter != "" {
				q.Filter = k.filter("User", filter)
			}
			if filter == "" || filter == `userName pr` || filter == `not (userName eq "nobody")` {
				want = []string{theirs.ID}
			}
			page := k.list(q)
			k.lists(queryText(q), ids(page.Resources), want)
			equal(k, queryText(q)+": Total", page.Total, len(want))
		}
		q := scim.Query{Tenant: other, Type: "Group", Limit: 10, Filter: k.filter("Group", `members.value eq "`+user.ID+`"`)}
		equal(k, queryText(q)+": Total", k.list(q).Total, 0)
	}},
	{"a value is taken in one tenant only", sayTenants, func(k *kit) {
		mine := k.createUser(ada())
		for _, tenant := range []string{other, "", "nobody"} {
			r := k.create(tenant, "User", k.userChange(ada()))
			k.create(tenant, "Group", k.groupChange("Readers"))
			equal(k, fmt.Sprintf("Create in tenant %q: Tenant", tenant), r.Tenant, tenant)
			k.done(fmt.Sprintf("Delete in tenant %q", tenant), k.store.Delete(k.ctx, r.Ref, ""))
		}
		k.lists("Users of tenant acme after the others' were deleted", k.find("User", ""), []string{mine.ID})
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(ada()))
		k.refused("Create of a second user in tenant acme", err, scim.ErrUniqueness)
	}},
	{"a member is of the group's tenant", sayTenants, func(k *kit) {
		mine := k.createUser(ada())
		theirs := k.create(other, "User", k.userChange(ada()))
		group := k.createGroup("Readers", mine.ID)
		before := k.state()
		for _, d := range []scim.MemberDelta{adding(theirs.ID), {Reset: true, Add: adding(mine.ID, theirs.ID).Add}} {
			_, err := k.store.Update(k.ctx, group.Ref, onlyMembers(d))
			k.refused("Update of a group with a member of another tenant", err, scim.ErrInvalidValue)
		}
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Writers", theirs.ID))
		k.refused("Create of a group with a member of another tenant", err, scim.ErrInvalidValue)
		k.update(group.Ref, onlyMembers(removing(theirs.ID)))
		k.unchanged("Calls with a member of another tenant", before)
	}},
}
