package storetest

import (
	"fmt"
	"strings"

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
	{"two tenants with the same in them", sayTenants, func(k *kit) {
		type directory struct{ ada, grace, readers, outer *scim.Resource }
		fill := func(tenant string) (d directory) {
			d.ada, d.grace = k.create(tenant, "User", k.userChange(ada())), k.create(tenant, "User", k.userChange(named("grace")))
			d.readers = k.create(tenant, "Group", k.groupChange("Readers", d.ada.ID, d.grace.ID))
			d.outer = k.create(tenant, "Group", k.groupChange("Outer", d.readers.ID, d.ada.ID))
			return d
		}
		mine, theirs := fill(acme), fill(other)
		before := k.stateOf(other)
		for _, step := range []struct {
			what string
			do   func()
		}{
			{"Update of a user", func() { k.update(mine.ada.Ref, k.titled("Ada@Example.com", "Countess")) }},
			{"Update of a userName", func() { k.update(mine.grace.Ref, k.userChange(named("hopper"))) }},
			{"Update of a group", func() { k.update(mine.readers.Ref, k.groupChange("Writers")) }},
			{"removal of a member", func() { k.update(mine.readers.Ref, onlyMembers(removing(mine.grace.ID, theirs.ada.ID))) }},
			{"Reset of members", func() { k.update(mine.outer.Ref, onlyMembers(scim.MemberDelta{Reset: true})) }},
			{"addition of members", func() { k.update(mine.outer.Ref, onlyMembers(adding(mine.grace.ID, mine.readers.ID))) }},
			{"Delete of a user", func() { k.delete(mine.ada.Ref) }},
			{"Delete of a group", func() { k.delete(mine.readers.Ref) }},
			{"Create of the user anew", func() { k.createUser(ada()) }},
		} {
			step.do()
			k.same("Another tenant that has the same in it, after "+step.what, k.stateOf(other), before)
		}
		members := k.getWith(theirs.readers.Ref, scim.Projection{Members: true}).Members
		groups := k.getWith(theirs.ada.Ref, scim.Projection{Groups: true}).Groups
		for _, r := range []*scim.Resource{mine.ada, mine.grace, mine.readers, mine.outer} {
			if r.ID == theirs.ada.ID || r.ID == theirs.grace.ID || r.ID == theirs.readers.ID || r.ID == theirs.outer.ID {
				continue // only within a tenant are ids distinct
			}
			equal(k, "Has of another tenant's resource in Members", k.has(members, r.ID), false)
			equal(k, "Has of another tenant's resource in Groups", k.has(groups, r.ID), false)
		}
	}},
	{"tenants whose names are alike", sayTenants, func(k *kit) {
		long := strings.Repeat("t", 200)
		tenants := []string{
			"", acme, other, "acme ", " acme", "acm_", "acm%", "%", "_", "*", `ac\\me`, `ac\me`, "'acme'", `"acme"`, "ácme", "a\u0301cme", "acme/User", "acme:1",
			"00", "0", "null", long, long + "t", "🦊", "' or 1=1 --",
		}
		ids := make([]string, len(tenants))
		for i, tenant := range tenants {
			ids[i] = k.create(tenant, "User", k.titled("ada", fmt.Sprint("of tenant ", i))).ID
		}
		for i, tenant := range tenants {
			for _, filter := range []scim.Filter{nil, k.filter("User", `userName eq "ada"`), k.filter("User", `title sw "of"`)} {
				q := scim.Query{Tenant: tenant, Type: "User", Limit: 10, Filter: filter}
				page := k.list(q)
				equal(k, queryText(q)+": Total", page.Total, 1)
				for _, r := range page.Resources {
					equal(k, queryText(q)+": ID", r.ID, ids[i])
					equal(k, queryText(q)+": Tenant", r.Tenant, tenant)
					equal(k, queryText(q)+": title", r.User().Title, fmt.Sprint("of tenant ", i))
				}
			}
			k.delete(scim.Ref{Tenant: tenant, Type: "User", ID: ids[i]})
		}
	}},
	{"a place in another tenant", sayTenants, func(k *kit) {
		k.crowd(12)
		theirs := map[string]bool{}
		for i := range 8 {
			u := named(fmt.Sprintf("%c-resident", 'a'+i*3))
			u.DisplayName, u.Title = "Crowd", "Doctor"
			theirs[k.create(other, "User", k.userChange(u)).ID] = true
		}
		k.walks(func(q scim.Query) {
			q.Limit = 5
			q.After = k.list(q).Next
			q.Tenant = other
			page, err := k.store.List(k.ctx, q)
			if err != nil {
				k.refused(queryText(q)+", which is a place in tenant acme", err, scim.ErrInvalidCursor)
				return
			}
			equal(k, queryText(q)+", which is a place in tenant acme: Total", page.Total, len(theirs))
			for _, r := range page.Resources {
				if !theirs[r.ID] || r.Tenant != other {
					k.fail(queryText(q)+", which is a place in tenant acme", fmt.Sprintf("user %s of tenant %q", r.ID, r.Tenant), fmt.Sprintf("users that were created in tenant %q", other))
				}
			}
		})
	}},
}
