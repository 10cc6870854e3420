package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim"
)

const (
	sayKeys     = "None means that f has to be matched against every resource; a Key that no resource carries means that nothing matches."
	saySameKeys = "two values are equal to a filter exactly if their Keys are the same bytes."
	sayLong     = "of a string that has more than 100 characters it has the first 100 and then a digest of the whole, 132 characters, so that it tells such strings apart too."
)

// keys are the clauses about what resources are found by.
var keys = []clause{
	{"keys follow the document", sayKeys, func(k *kit) {
		neighbour := ada()
		neighbour.UserName = "neighbour"
		k.createUser(neighbour)
		user := k.createUser(ada()).Ref
		asked := map[string]bool{} // every filter for a Key that a user ever had
		states := []struct {
			what string
			of   func(u *scim.User)
		}{
			{"is created", func(u *scim.User) {}},
			{"has another userName", func(u *scim.User) { u.UserName = "grace" }},
			{"has another case of it", func(u *scim.User) { u.UserName = "GRACE" }},
			{"has one address more", func(u *scim.User) { u.Emails = append(u.Emails, scim.Value{Value: "third@x.example"}) }},
			{"has one address less", func(u *scim.User) { u.Emails = u.Emails[1:] }},
			{"has other addresses", func(u *scim.User) {
				u.Emails = []scim.Value{{Value: "ada@home.example"}, {Value: "fourth@x.example"}, {Value: "FOURTH@x.example", Type: "other"}}
			}},
			{"has no address", func(u *scim.User) { u.Emails = nil }},
			{"has no externalId and no displayName", func(u *scim.User) { u.ExternalID, u.DisplayName = "", "" }},
			{"has another externalId and displayName", func(u *scim.User) { u.ExternalID, u.DisplayName = "e-ada", "ADA LOVELACE" }},
			{"is what it was", func(u *scim.User) { *u = ada() }},
		}
		u := ada()
		for _, state := range states {
			state.of(&u)
			c := k.userChange(u)
			k.update(user, c)
			for _, key := range c.Keys {
				asked[key.Path+" eq "+quoted(key.Value)] = true
			}
			all := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources
			for filter := range asked {
				k.agrees(filter, all)
			}
			// The same keys again are not told.
			titled := u
			titled.Title = "after it " + state.what
			k.update(user, scim.Change{Document: k.userChange(titled).Document})
			all = k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources
			for filter := range asked {
				k.agrees(filter, all)
			}
		}
	}},
	{"unique values are free again", sayUnique, func(k *kit) {
		one, two := k.createUser(named("one")), k.createUser(named("two"))
		k.update(one.Ref, scim.Change{Document: k.titled("one", "Countess").Document}) // without Keys
		taken := k.userChange(named("ONE"))
		_, err := k.store.Update(k.ctx, two.Ref, taken)
		k.refused("Update to the userName of a user that was changed without Keys", err, scim.ErrUniqueness)
		k.update(one.Ref, k.userChange(named("three")))
		k.update(two.Ref, taken)
		k.update(one.Ref, k.userChange(named("two")))
		k.lists("Found by the name that the two passed on", k.find("User", `userName eq "one"`), []string{two.ID})
		k.lists("Found by the name that the other passed on", k.find("User", `userName eq "two"`), []string{one.ID})
		k.delete(two.Ref)
		k.update(one.Ref, k.userChange(named("one")))
		k.createUser(named("two"))
		k.lists("Found by a name whose first user has it again", k.find("User", `userName eq "one"`), []string{one.ID})
	}},
	{"values that differ far from their beginning", sayLong, func(k *kit) {
		stem := strings.Repeat("x", 999)
		wide, foxes := strings.Repeat("é", 120), strings.Repeat("🦊", 120)
		names := []string{
			stem + "a", stem + "b", stem, stem + "aa", stem + "A ", // up to 1,001 characters
			stem[:99], stem[:100], stem[:101], stem[:131], stem[:132],
			wide, wide + "e", foxes, foxes + "🐺", foxes[:400], foxes[:404],
		}
		first := k.userChange(named(names[0]))
		names = append(names, first.Keys[0].Value) // what the first is found by, as a name
		all := make([]string, len(names))
		for i, name := range names {
			u := named(name)
			u.ExternalID, u.DisplayName, u.Title = name, name, name
			u.Emails = []scim.Value{{Value: name}}
			all[i] = k.createUser(u).ID
		}
		for i, name := range names {
			for _, path := range []string{"userName", "externalId", "displayName", "emails.value", "title"} {
				k.lists(fmt.Sprintf("Found by %s eq a value of %d bytes, number %d", path, len(name), i), k.find("User", path+" eq "+quoted(name)), []string{all[i]})
			}
			_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(named(strings.ToUpper(name))))
			k.refused(fmt.Sprintf("Create of a second user with a userName of %d bytes, number %d", len(name), i), err, scim.ErrUniqueness)
		}
		resources := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources
		for _, path := range []string{"userName", "externalId", "title"} {
			for _, filter := range []string{`sw "` + stem + `"`, `ew "b"`, `co "xxa"`, `co "` + stem[:101] + `"`, `ne "` + names[1] + `"`, `sw "` + foxes + `"`} {
				k.agrees(path+" "+filter, resources)
			}
		}
		for _, by := range []string{"userName", "-userName", "title"} { // in what order is not told
			q := scim.Query{Tenant: acme, Type: "User", Limit: 3, Resumes: true, Sort: k.sort(by)}
			k.lists(queryText(q)+", page after page", k.walk(q, nil), k.whole(q))
			k.lists(queryText(q)+", page after page: the users", sorted(k.walk(q, nil)...), sorted(slices.Clone(all)...))
		}
		_, err := k.store.Update(k.ctx, userRef(all[1]), first)
		k.refused("Update to a userName of 1,000 bytes that is taken", err, scim.ErrUniqueness)
		k.delete(userRef(all[0]))
		k.update(userRef(all[1]), first)
		k.lists("Found by a long userName that was passed on", k.find("User", "userName eq "+quoted(names[0])), []string{all[1]})
		k.lists("Found by a long userName that was given up", k.find("User", "userName eq "+quoted(names[1])), nil)
	}},
}

func (k *kit) titled(userName, title string) scim.Change {
	k.t.Helper()
	u := named(userName)
	u.Title = title
	return k.userChange(u)
}

// values are the clauses about values that languages of queries take for their own.
var values = []clause{
	{"filters take every character for itself", sayList, func(k *kit) {
		for i, v := range []string{
			"50%", "50_", "50", "5x0", "a%b", "a_b", "axxb", `a\b`, `a\\b`, `a\%b`, "a'b", "a''b", `a"b`, "a*b", "a?b", "a[b]", "[a-z]", "^a$", ".*",
			"🦊", "a🦊b", "é", "e", "ßx", "İ", "ix", "$1", "?1", ":a", "a b", "{}", "null", "a\tb", "a\nb", "-- ", "/*",
		} {
			u := named(v)
			u.ExternalID, u.Title, u.Emails = v, v, []scim.Value{{Value: v, Type: "work"}}
			if i%2 == 1 {
				u.NickName = v
			}
			k.createUser(u)
		}
		all := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 100}).Resources
		for _, probe := range []string{"%", "_", `\`, "'", `"`, "a%b", "50_", "🦊", `\%`, `\\`, "*", "?", "[", "^a", ".", "É", "e\u0301", "SS", "i̇", "A", "$1", "?1", "\t", "null"} {
			for _, path := range []string{"userName", "externalId", "title", "nickName", "emails.value"} {
				for _, op := range []string{"eq", "ne", "co", "sw", "ew"} {
					k.agrees(path+" "+op+" "+quoted(probe), all)
				}
			}
			for _, op := range []string{"gt", "ge", "lt", "le"} {
				k.agrees("title "+op+" "+quoted(probe), all)
				k.agrees("userName "+op+" "+quoted(probe), all)
			}
			k.agrees("emails[type eq \"work\" and value sw "+quoted(probe)+"]", all)
			k.agrees("not (nickName co "+quoted(probe)+") and title co "+quoted(probe), all)
		}
	}},
}
