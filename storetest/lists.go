package storetest

import (
	"fmt"
	"slices"

	"github.com/usherkit/scim"
)

const (
	sayList  = "List returns the page that q asks for, in q's order, and the number of all matches."
	sayLimit = "Limit 0: only the total is wanted"
	sayUnset = "Get returns a resource. Members and Groups are nil unless p wants them."
	sayParts = "A Projection says which parts of a resource are wanted that a Store keeps apart from its Document."
)

// lists are the clauses about List.
var lists = []clause{
	{"order of creation, page by page", sayList, func(k *kit) {
		want := k.createUsers(25)
		k.createGroup("Readers")
		k.lists("List without a filter", k.find("User", ""), want)
		for _, filter := range []string{"", "userName pr"} {
			for _, size := range []int{1, 7, 10, 25, 100} {
				var got []string
				for offset := 0; offset < len(want); offset += size {
					q := scim.Query{Tenant: acme, Type: "User", Offset: offset, Limit: size}
					if filter != "" {
						q.Filter = k.filter("User", filter)
					}
					page := k.list(q)
					equal(k, queryText(q)+": Total", page.Total, len(want))
					equal(k, queryText(q)+": resources on the page", len(page.Resources), min(size, len(want)-offset))
					got = append(got, ids(page.Resources)...)
				}
				k.lists(fmt.Sprintf("Pages of %d, filter %q, one after the other", size, filter), got, want)
			}
		}
	}},
	{"the order outlasts changes", sayList, func(k *kit) {
		want := k.createUsers(9)
		for _, i := range []int{4, 0, 8} {
			k.update(scim.Ref{Tenant: acme, Type: "User", ID: want[i]}, k.userChange(named(fmt.Sprint("changed", i))))
		}
		k.lists("List after Updates", k.find("User", ""), want)
		k.delete(scim.Ref{Tenant: acme, Type: "User", ID: want[3]})
		want = slices.Delete(want, 3, 4)
		want = append(want, k.createUser(named("newest")).ID)
		k.lists("List after a Delete and a Create", k.find("User", ""), want)
		k.lists("List with a filter after a Delete and a Create", k.find("User", "userName pr"), want)
	}},
	{"no filter", "nil matches everything", func(k *kit) {
		want := []string{k.createUser(ada()).ID, k.createUser(named("grace")).ID}
		page := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 10})
		k.lists("List without a filter", ids(page.Resources), want)
		equal(k, "List without a filter: Total", page.Total, 2)
		for _, r := range page.Resources {
			k.sameFacts("List without a filter", r, k.get(r.Ref))
		}
	}},
	{"nothing there", sayList, func(k *kit) {
		for _, q := range []scim.Query{
			{Tenant: acme, Type: "User", Limit: 10},
			{Tenant: acme, Type: "Device", Limit: 10},
			{Tenant: acme, Type: "User", Limit: 10, Filter: k.filter("User", `userName eq "ada"`)},
			{Tenant: acme, Type: "User", Limit: 10, Filter: k.filter("User", `not (title pr)`)},
		} {
			page := k.list(q)
			equal(k, queryText(q)+": Total", page.Total, 0)
			equal(k, queryText(q)+": resources", len(page.Resources), 0)
		}
	}},
	{"only the total", sayLimit, func(k *kit) {
		k.createUsers(5)
		for _, offset := range []int{0, 3, 50} {
			q := scim.Query{Tenant: acme, Type: "User", Offset: offset}
			page := k.list(q)
			equal(k, queryText(q)+": Total", page.Total, 5)
			equal(k, queryText(q)+": resources", len(page.Resources), 0)
			q.Filter = k.filter("User", `userName sw "user0000" and not (userName eq "user00000")`)
			page = k.list(q)
			equal(k, queryText(q)+": Total", page.Total, 4)
			equal(k, queryText(q)+": resources", len(page.Resources), 0)
		}
	}},
	{"a page beyond the end", sayList, func(k *kit) {
		k.createUsers(5)
		for _, offset := range []int{5, 6, 1 << 30} {
			for _, filter := range []scim.Filter{nil, k.filter("User", "userName pr"), k.filter("User", `userName eq "user00001"`)} {
				q := scim.Query{Tenant: acme, Type: "User", Offset: offset, Limit: 10, Filter: filter}
				page := k.list(q)
				want := 5
				if _, ok := filter.(scim.Compare); ok {
					want = 1
				}
				equal(k, queryText(q)+": Total", page.Total, want)
				equal(k, queryText(q)+": resources", len(page.Resources), 0)
			}
		}
		page := k.list(scim.Query{Tenant: acme, Type: "User", Offset: 3, Limit: 1 << 30})
		equal(k, "List from offset 3 with a limit of 2^30: resources", len(page.Resources), 2)
	}},
	{"a bound on what is looked at", "Scans reports ErrTooMany if n is more than the resources that may be looked at one by one to answer q.", func(k *kit) {
		want := k.createUsers(5)
		page := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 10, MaxScan: 1})
		k.lists("List of a page that needs no look at others, MaxScan 1", ids(page.Resources), want)
		q := scim.Query{Tenant: acme, Type: "User", Limit: 10, MaxScan: 3, Filter: k.filter("User", `displayName co "e"`)}
		if page, err := k.store.List(k.ctx, q); err != nil { // a Store with an index for it need not refuse
			k.refused("List with a filter that every user must be looked at for, MaxScan 3", err, scim.ErrTooMany)
		} else {
			q.MaxScan = 0
			equal(k, "Total under MaxScan 3", page.Total, k.list(q).Total)
		}
	}},
	{"filters", sayList, func(k *kit) {
		people := []scim.User{ada(), {
			UserName: "grace", ExternalID: "e-grace", DisplayName: "Grace Hopper", Title: "Admiral", Active: false,
			Emails: []scim.Value{{Value: "grace@work.example", Type: "work"}},
		}, {
			UserName: "alan", ExternalID: "E-GRACE", DisplayName: "Alan Turing", Active: true, Name: scim.Name{FamilyName: "Turing"},
			Enterprise: &scim.EnterpriseUser{Department: "Bletchley"},
		}, {
			UserName: "zoë", DisplayName: "ZOË", Title: `Dr. "Z" \ 🦊`, Active: true,
		}}
		byName := map[string]string{}
		for _, u := range people {
			byName[u.UserName] = k.createUser(u).ID
		}
		for _, row := range []struct {
			filter string
			want   []string
		}{
			// By the keys.
			{`userName eq "grace"`, []string{"grace"}},
			{`userName eq "GRACE"`, []string{"grace"}},
			{`userName eq "ZOË"`, []string{"zoë"}},
			{`userName eq "grac"`, nil},
			{`userName eq "' or 1=1 --"`, nil},
			{`externalId eq "e-grace"`, []string{"grace"}},
			{`externalId eq "E-GRACE"`, []string{"alan"}},
			{`displayName eq "grace hopper"`, []string{"grace"}},
			{`emails.value eq "GRACE@work.example"`, []string{"grace"}},
			{`emails.value eq "ada@home.example"`, []string{"Ada@Example.com"}},
			{`id eq "` + byName["alan"] + `"`, []string{"alan"}},
			{`id eq "no-such-id"`, nil},
			// By what no Key is for.
			{`title eq "admiral"`, []string{"grace"}},
			{`title eq "Dr. \"Z\" \\ 🦊"`, []string{"zoë"}},
			{`name.familyName eq "turing"`, []string{"alan"}},
			{`active eq false`, []string{"grace"}},
			{`title pr`, []string{"grace", "zoë"}},
			{`userName sw "A"`, []string{"Ada@Example.com", "alan"}},
			{`emails.value co "@work"`, []string{"Ada@Example.com", "grace"}},
			{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "bletchley"`, []string{"alan"}},
			{`emails[type eq "home" and value sw "ada"]`, []string{"Ada@Example.com"}},
			{`emails[type eq "home" and value sw "grace"]`, nil},
			// Both together.
			{`userName eq "grace" and active eq false`, []string{"grace"}},
			{`userName eq "grace" and active eq true`, nil},
			{`userName eq "grace" or userName eq "alan"`, []string{"grace", "alan"}},
			{`userName eq "grace" or name.familyName eq "lovelace"`, []string{"Ada@Example.com", "grace"}},
			{`userName eq "grace" and externalId eq "E-GRACE"`, nil},
			{`not (userName eq "grace")`, []string{"Ada@Example.com", "alan", "zoë"}},
			{`not (userName eq "grace" or title pr)`, []string{"Ada@Example.com", "alan"}},
			{`userName ne "grace" and not (active eq false)`, []string{"Ada@Example.com", "alan", "zoë"}},
			{`(userName eq "grace" or userName eq "alan") and externalId eq "e-grace"`, []string{"grace"}},
		} {
			var want []string
			for _, name := range row.want {
				want = append(want, byName[name])
			}
			k.lists("Found by "+row.filter, k.find("User", row.filter), want)
		}
	}},
	{"a filter and pages", sayList, func(k *kit) {
		var want []string
		for i, id := range k.createUsers(30) {
			if i%3 == 0 {
				u := named(fmt.Sprintf("user%05d", i))
				u.Title, u.DisplayName = "Third", "Third"
				k.update(scim.Ref{Tenant: acme, Type: "User", ID: id}, k.userChange(u))
				want = append(want, id)
			}
		}
		for _, filter := range []string{`title eq "third"`, `displayName eq "third"`} {
			for offset := range 12 {
				q := scim.Query{Tenant: acme, Type: "User", Offset: offset, Limit: 4, Filter: k.filter("User", filter)}
				page := k.list(q)
				from, to := min(offset, len(want)), min(offset+4, len(want))
				k.lists(queryText(q), ids(page.Resources), want[from:to])
				equal(k, queryText(q)+": Total", page.Total, len(want))
			}
		}
	}},
	{"filters on members and groups", sayList, func(k *kit) {
		users := k.createUsers(4)
		readers, writers := k.createGroup("Readers", users[0], users[1]), k.createGroup("Writers", users[1], users[2])
		all := k.createGroup("All", readers.ID, users[3])
		for _, row := range []struct {
			typ, filter string
			want        []string
		}{
			{"Group", `members.value eq "` + users[1] + `"`, []string{readers.ID, writers.ID}},
			{"Group", `members.value eq "` + readers.ID + `"`, []string{all.ID}},
			{"Group", `members.value eq "` + users[1] + `" and displayName eq "writers"`, []string{writers.ID}},
			{"Group", `displayName eq "readers" and members.value eq "` + users[2] + `"`, nil},
			{"Group", `members.value eq "no-such-id"`, nil},
			{"Group", `not (members.value eq "` + users[1] + `")`, []string{all.ID}},
			{"User", `groups.value eq "` + writers.ID + `"`, []string{users[1], users[2]}},
			{"User", `groups.value eq "` + all.ID + `"`, []string{users[3]}},
			{"User", `groups.value eq "` + readers.ID + `" and userName eq "user00000"`, []string{users[0]}},
		} {
			k.lists("Found by "+row.filter, k.find(row.typ, row.filter), row.want)
		}
		k.update(readers.Ref, onlyMembers(removing(users[1])))
		k.lists("Found by a member after it left one of two groups", k.find("Group", `members.value eq "`+users[1]+`"`), []string{writers.ID})
		k.lists("Found by the group after one of two members left", k.find("User", `groups.value eq "`+readers.ID+`"`), []string{users[0]})
	}},
	{"get: members and groups only where wanted", sayUnset, func(k *kit) {
		user := k.createUser(ada())
		group := k.createGroup("Readers", user.ID)
		for _, ref := range []scim.Ref{user.Ref, group.Ref} {
			r := k.get(ref)
			if r.Members != nil || r.Groups != nil {
				k.fail("Get of a "+ref.Type+" without a Projection", "Members or Groups", "neither")
			}
		}
		if r := k.getWith(group.Ref, scim.Projection{Groups: true}); r.Members != nil {
			k.fail("Get of a group with Groups wanted", "Members", "no Members")
		}
		if r := k.getWith(user.Ref, scim.Projection{Members: true}); r.Groups != nil {
			k.fail("Get of a user with Members wanted", "Groups", "no Groups")
		}
		r := k.getWith(group.Ref, scim.Projection{Members: true, Groups: true})
		k.lists("Get of a group with both wanted: Members", sortedIDs(k.elements("Members", r.Members)), []string{user.ID})
		k.lists("Get of a group with both wanted: Groups", sortedIDs(k.elements("Groups", r.Groups)), nil)
		k.sameFacts("Get of a group with both wanted", r, group)
	}},
	{"list: members and groups only where wanted", sayParts, func(k *kit) {
		users := k.createUsers(3)
		want := map[string][]string{}
		for i, members := range [][]string{nil, users[:1], users[1:]} {
			want[k.createGroup(fmt.Sprint("group", i), members...).ID] = sorted(slices.Clone(members)...)
		}
		for _, filter := range []scim.Filter{nil, k.filter("Group", "displayName pr"), k.filter("Group", `members.value eq "`+users[1]+`"`)} {
			q := scim.Query{Tenant: acme, Type: "Group", Limit: 10, Filter: filter}
			for _, r := range k.list(q).Resources {
				if r.Members != nil || r.Groups != nil {
					k.fail(queryText(q)+", without a Projection", "Members or Groups", "neither")
				}
			}
			q.Projection.Members = true
			page := k.list(q)
			if len(page.Resources) == 0 {
				k.fatal(queryText(q)+": resources", 0, "some")
			}
			for _, r := range page.Resources {
				k.lists(queryText(q)+", Members wanted: members", sortedIDs(k.elements("Members", r.Members)), want[r.ID])
				if r.Groups != nil {
					k.fail(queryText(q)+", Members wanted", "Groups", "no Groups")
				}
			}
		}
		q := scim.Query{Tenant: acme, Type: "User", Limit: 10, Projection: scim.Projection{Groups: true}}
		for _, r := range k.list(q).Resources {
			var in []string
			for id, members := range want {
				if slices.Contains(members, r.ID) {
					in = append(in, id)
				}
			}
			k.lists(queryText(q)+", Groups wanted: groups", sortedIDs(k.elements("Groups", r.Groups)), sorted(in...))
		}
	}},
}
