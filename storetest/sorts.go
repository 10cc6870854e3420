package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

const (
	sayStrings = "strings in Unicode order of NFC and, unless the attribute is caseExact, of their folded case."
	saySorts   = "Key returns what s compares of a resource: the Value that a [Key] of the attribute has, or would have if it were indexed."
	sayFirst   = "Of a multi-valued attribute it is that of the primary element, or if none is primary of the first value."
	sayNone    = "Without a value a resource comes last, or first if s is descending."
	sayEqual   = "Equal ones come in the order of creation."
)

// sorts are the clauses about Query.Sort.
var sorts = []clause{
	{"sorted by strings", sayStrings, func(k *kit) {
		for _, u := range []scim.User{
			{UserName: "u1", DisplayName: "bob"},
			{UserName: "u2", DisplayName: "Émile", Name: scim.Name{FamilyName: "ZOLA"}},
			{UserName: "u3", DisplayName: "Carol", Name: scim.Name{FamilyName: "young"}},
			{UserName: "u4", DisplayName: "ada", Name: scim.Name{FamilyName: "Zo"}},
			{UserName: "u5", DisplayName: "Zoë"},
			{UserName: "u6", DisplayName: "ada lovelace", Name: scim.Name{FamilyName: "Xi"}},
			{UserName: "u7", DisplayName: "🦊"},
			{UserName: "u8", DisplayName: "e\u0301a"},
			{UserName: "u9", DisplayName: "B-a", Name: scim.Name{FamilyName: "Young"}},
		} {
			k.createUser(u)
		}
		k.order("displayName", "u4", "u6", "u9", "u1", "u3", "u5", "u8", "u2", "u7")
		k.order("name.familyName", "u6", "u3 u9", "u4", "u2", none, "u1 u5 u7 u8")
		k.order("userName", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9")
	}},
	{"sorted by strings in which case counts", sayStrings, func(k *kit) {
		for i, badge := range []string{"b", "B", "a", "É", "C", "é", "b"} {
			k.createOdd(fmt.Sprint("u", i), map[string]any{"badge": badge})
		}
		k.order(oddsURI+":badge", "u1", "u4", "u2", "u0 u6", "u3", "u5")
		for i, id := range []string{"x-1", "X-1", "x-2"} {
			u := named(fmt.Sprint("v", i))
			u.ExternalID = id
			k.createUser(u)
		}
		k.order("externalId", "v1", "v0", "v2", none, "u0 u1 u2 u3 u4 u5 u6")
	}},
	{"sorted by numbers", saySorts, func(k *kit) {
		for i, n := range []any{10, 9, -10, 0, -9, 1 << 53, 1<<53 + 1, nil, 100, 9} {
			k.createOdd(fmt.Sprint("u", i), map[string]any{"level": n})
		}
		k.order(oddsURI+":level", "u2", "u4", "u3", "u1 u9", "u0", "u8", "u5", "u6", none, "u7")
		for i, n := range []float64{0.5, -0.5, 10.25, 9, 1e-7, -1e21, 1e21, 0} {
			k.createOdd(fmt.Sprint("v", i), map[string]any{"score": n})
		}
		k.order(oddsURI+":score", "v5", "v1", "v7", "v4", "v0", "v3", "v2", "v6", none, "u0 u1 u2 u3 u4 u5 u6 u7 u8 u9")
	}},
	{"sorted by booleans", saySorts, func(k *kit) {
		for i, active := range []bool{true, false, true, false} {
			k.createUser(scim.User{UserName: fmt.Sprint("u", i), Active: active})
		}
		k.order("active", "u1 u3", "u0 u2")
	}},
	{"sorted by times", saySorts, func(k *kit) {
		for i, at := range []string{
			"2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5Z", "2024-05-01T12:30:00+02:00", "1999-12-31T23:59:59Z",
			"2024-05-01T12:00:00.123456789Z", "2024-05-01T14:00:00+02:00", "0001-01-01T00:00:00Z",
		} {
			k.createOdd(fmt.Sprint("u", i), map[string]any{"since": at})
		}
		k.createUser(named("u7"))
		k.order(oddsURI+":since", "u6", "u3", "u2", "u0 u5", "u4", "u1", none, "u7")
	}},
	{"sorted by facts of the resource", saySorts, func(k *kit) {
		users := k.createUsers(6)
		time.Sleep(2 * time.Millisecond)
		for i := range 6 {
			users = append(users, k.createUser(named(fmt.Sprint("later", i))).ID)
		}
		time.Sleep(2 * time.Millisecond)
		for _, i := range []int{7, 2, 5} {
			k.update(scim.Ref{Tenant: acme, Type: "User", ID: users[i]}, k.userChange(named(fmt.Sprint("changed", i))))
		}
		all := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources
		for by, compare := range map[string]func(a, b *scim.Resource) int{
			"id":                func(a, b *scim.Resource) int { return cmp.Compare(a.ID, b.ID) },
			"meta.created":      func(a, b *scim.Resource) int { return a.Created.Compare(b.Created) },
			"meta.lastModified": func(a, b *scim.Resource) int { return a.LastModified.Compare(b.LastModified) },
			"meta.resourceType": func(a, b *scim.Resource) int { return 0 },
		} {
			for _, by := range []string{by, "-" + by} {
				q := scim.Query{Tenant: acme, Type: "User", Limit: 100, Sort: k.sort(by)}
				want := slices.Clone(all)
				slices.SortStableFunc(want, func(a, b *scim.Resource) int {
					if q.Sort.Descending() {
						return compare(b, a)
					}
					return compare(a, b)
				})
				k.lists(queryText(q), ids(k.list(q).Resources), ids(want))
			}
		}
	}},
	{"sorted by a multi-valued attribute", sayFirst, func(k *kit) {
		for i, emails := range [][]scim.Value{
			{{Value: "d@x.example"}, {Value: "a@x.example", Type: "home"}},
			{{Value: "a@x.example"}, {Value: "c@x.example", Primary: true}, {Value: "z@x.example"}},
			{{Value: "B@x.example", Type: "other"}},
			nil,
			{{Value: "z@x.example", Primary: true}, {Value: "a@x.example", Type: "work"}},
			{{Display: "no address"}, {Value: "e@x.example"}},
		} {
			k.createUser(scim.User{UserName: fmt.Sprint("u", i), Emails: emails})
		}
		k.order("emails", "u2", "u1", "u0", "u5", "u4", none, "u3")
		k.order("emails.value", "u2", "u1", "u0", "u5", "u4", none, "u3")
		k.order("emails.type", "u0", "u2", none, "u1 u3 u4 u5")
		for i, tags := range [][]string{{"m", "a"}, {"b", "z"}, {"n"}} {
			k.createOdd(fmt.Sprint("v", i), map[string]any{"tags": tags})
		}
		k.order(oddsURI+":tags", "v1", "v0", "v2", none, "u0 u1 u2 u3 u4 u5")
	}},
	{"sorted without a value", sayNone, func(k *kit) {
		for i, title := range []string{"", "b", "", "a", ""} {
			k.createUser(scim.User{UserName: fmt.Sprint("u", i), Title: title})
		}
		k.order("title", "u3", "u1", none, "u0 u2 u4")
		k.order("nickName", none, "u0 u1 u2 u3 u4")
		k.order(oddsURI+":level", none, "u0 u1 u2 u3 u4")
	}},
	{"sorted and equal", sayEqual, func(k *kit) {
		for i, title := range []string{"b", "a", "B", "b", "", "A", "", "b", "a"} {
			k.createUser(scim.User{UserName: fmt.Sprint("u", 9-i), Title: title})
		}
		k.order("title", "u8 u4 u1", "u9 u7 u6 u2", none, "u5 u3")
	}},
	{"a sort, a filter and pages", sayList, func(k *kit) {
		var names []string
		for i := range 30 {
			u := named(fmt.Sprintf("user%02d", i*7%30))
			u.Title, u.DisplayName = "Third", "Third"
			if i%3 != 0 {
				u.Title, u.DisplayName = "Other", "Other"
			} else {
				names = append(names, u.UserName)
			}
			k.createUser(u)
		}
		slices.Sort(names)
		for _, filter := range []string{`title eq "third"`, `displayName eq "third"`} {
			for offset := range 12 {
				for _, limit := range []int{0, 1, 4, 1 << 62} {
					q := scim.Query{Tenant: acme, Type: "User", Offset: offset, Limit: limit, Filter: k.filter("User", filter), Sort: k.sort("userName")}
					page := k.list(q)
					from := min(offset, len(names))
					k.lists(queryText(q), userNames(page.Resources), names[from:from+min(limit, len(names)-from)])
					equal(k, queryText(q)+": Total", page.Total, len(names))
				}
			}
		}
	}},
}

// createOdd creates a user with attributes of odds.
func (k *kit) createOdd(userName string, attributes map[string]any) {
	k.t.Helper()
	document, keys, err := k.user.Encode(map[string]any{"userName": userName, oddsURI: attributes})
	k.done("encoding user "+userName, err)
	k.create(acme, "User", scim.Change{Document: document, Keys: keys})
}

func userNames(in []*scim.Resource) []string {
	var out []string
	for _, r := range in {
		out = append(out, r.User().UserName)
	}
	return out
}

// none stands before the users without a value, in what order is told.
const none = "none:"

// order checks that users sorted by a path come in an order, ascending and
// descending, with a filter and without, all at once and in pages. The names of
// users with equal values stand together, in the order of creation.
func (k *kit) order(path string, ascending ...string) {
	k.t.Helper()
	descending := slices.Clone(ascending)
	slices.Reverse(descending)
	if i := slices.Index(ascending, none); i >= 0 {
		descending = append([]string{ascending[i+1]}, descending[len(descending)-i:]...)
		ascending = slices.Delete(slices.Clone(ascending), i, i+1)
	}
	for by, groups := range map[string][]string{path: ascending, "-" + path: descending} {
		want := strings.Fields(strings.Join(groups, " "))
		for _, filter := range []scim.Filter{nil, k.filter("User", "userName pr")} {
			q := scim.Query{Tenant: acme, Type: "User", Limit: 1000, Sort: k.sort(by), Filter: filter}
			k.lists(queryText(q), userNames(k.list(q).Resources), want)
			q.Limit = 3
			var got []string
			for q.Offset = 0; q.Offset < len(want); q.Offset += q.Limit {
				got = append(got, userNames(k.list(q).Resources)...)
			}
			k.lists(queryText(q)+" and the pages before", got, want)
		}
	}
}
