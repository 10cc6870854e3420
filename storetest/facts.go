package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

const (
	sayCreate   = "Create stores a resource of ref's tenant and type with the Document and Keys of c and the members c adds; ref has no ID yet."
	sayID       = "The Store gives it an ID, which is never reused, which no other resource of any type in the tenant has, and which needs no escape in a URL path; a Version, of visible ASCII without quotes, backslashes and tildes; and its times."
	sayErrors   = "A Store reports ErrNotFound (404), ErrUniqueness (409), ErrVersion (412) or ErrInvalidValue (400, for a member that does not exist), bare, wrapped or as an [Error] with a Detail for the client."
	sayNoOp     = "A change that changes nothing (members added that are present, members removed that are not) keeps the version and the time, and so does an equal Document."
	sayDelete   = "Delete removes a resource and its memberships: it is no longer a member of any group, and the versions of those groups change."
	sayReplace  = "unless zero, replaces the stored one"
	sayKeysStay = "unless nil, replace the stored ones"
	sayVersion  = "opaque, changes with every change of the resource or its Members; empty if the Store keeps none"
	sayStale    = "if not empty, the version the resource must still have; else ErrVersion"
	sayAtomic   = "Update makes one atomic change."
	sayShared   = "Once it was handed over, by a Store or to one, neither side changes it or what it leads to; to change a Resource, copy the struct."
)

// facts are the clauses about one resource at a time.
var facts = []clause{
	{"create", sayCreate, func(k *kit) {
		c := k.userChange(ada())
		r := k.create(acme, "User", c)
		equal(k, "Create of a user: Tenant", r.Tenant, acme)
		equal(k, "Create of a user: Type", r.Type, "User")
		equal(k, "Create of a user: Document", r.Document.String(), c.Document.String())
		if r.ID == "" {
			k.fatal("Create of a user: ID", r.ID, "an id")
		}
		k.sameFacts("Get of a created user", k.get(r.Ref), r)
		k.lists("List after Create of one user", k.find("User", ""), []string{r.ID})
	}},
	{"create a group with members", sayCreate, func(k *kit) {
		users := k.createUsers(3)
		u, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("Readers", users[0], users[2]))
		k.done("Create of a group with two members", err)
		k.lists("Create of a group with two members: Added", sortedIDs(u.Added), sorted(users[0], users[2]))
		k.lists("Members of the created group", k.members(u.Resource.Ref), sorted(users[0], users[2]))
		k.lists("Groups of a member", k.groups(scim.Ref{Tenant: acme, Type: "User", ID: users[2]}), []string{u.Resource.ID})
	}},
	{"documents come back byte for byte", sayCreate, func(k *kit) {
		for i, text := range []string{
			"plain", "Zoë Åström", "ΑΒΓ ß ſ İı", "🦊👩‍👩‍👧‍👦", "e\u0301 is not é", `"quoted" \back\slash/`, "tab\tline\nbell\a\u0001",
			"<a href='x'>&amp;</a>", "\u2028\u2029\ufeff", "%s %d $1 ? :name ' ; --", "  spaces  ", strings.Repeat("long ", 4000),
		} {
			u := ada()
			u.UserName = fmt.Sprintf("user%d", i)
			u.DisplayName, u.Title, u.NickName = text, text, text
			u.Emails = []scim.Value{{Value: text, Type: "work"}}
			u.Enterprise = &scim.EnterpriseUser{Department: text, Manager: scim.Manager{ID: text}}
			c := k.userChange(u)
			r := k.create(acme, "User", c)
			equal(k, "Create: Document", r.Document.String(), c.Document.String())
			equal(k, "Get: Document", k.get(r.Ref).Document.String(), c.Document.String())
			page := k.list(scim.Query{Tenant: acme, Type: "User", Offset: i, Limit: 1})
			if len(page.Resources) != 1 {
				k.fatal("List of the last user", len(page.Resources), 1)
			}
			equal(k, "List: Document", page.Resources[0].Document.String(), c.Document.String())
		}
	}},
	{"ids are distinct, need no escape and are never reused", sayID, func(k *kit) {
		seen := map[string]bool{}
		for i := range 60 {
			r := k.createUser(named(fmt.Sprintf("user%d", i)))
			if i%2 == 1 {
				r = k.createGroup(fmt.Sprintf("group%d", i))
			}
			if strings.Trim(r.ID, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" || strings.Trim(r.ID, ".") == "" {
				k.fail("Create: ID", r.ID, "letters, digits, - . _ ~, and not dots alone")
			}
			if seen[r.ID] {
				k.fail("Create: ID", r.ID, "an id that was not used before")
			}
			seen[r.ID] = true
			if i%3 == 0 {
				k.delete(r.Ref)
			}
		}
	}},
	{"times", "to the millisecond", func(k *kit) {
		r := k.createUser(ada())
		if r.Created.IsZero() || !r.Created.Equal(r.Created.Truncate(time.Millisecond)) {
			k.fail("Create: Created", r.Created, "a time to the millisecond")
		}
		if r.LastModified.Before(r.Created) || !r.LastModified.Equal(r.LastModified.Truncate(time.Millisecond)) {
			k.fail("Create: LastModified", r.LastModified, "a time to the millisecond, not before Created: "+r.Created.String())
		}
		k.sameFacts("Get of a created user", k.get(r.Ref), r)

		// A clock may stand still for a moment, but not for ever.
		was := r
		for i := 0; i < 100 && !r.LastModified.After(was.LastModified); i++ {
			time.Sleep(2 * time.Millisecond)
			u := ada()
			u.Title = fmt.Sprint("title ", i)
			r = k.update(r.Ref, k.userChange(u)).Resource
		}
		if !r.LastModified.After(was.LastModified) {
			k.fail("100 Updates, 2 ms between them: LastModified", r.LastModified, "after "+was.LastModified.String())
		}
		if !r.Created.Equal(was.Created) {
			k.fail("Update: Created", r.Created, was.Created)
		}
		k.sameFacts("Get of an updated user", k.get(r.Ref), r)
	}},
	{"what is not there is not found", sayErrors, func(k *kit) {
		user, group := k.createUser(ada()), k.createGroup("Readers")
		gone := k.createUser(named("gone"))
		k.delete(gone.Ref)
		before := k.state()
		for _, ref := range []scim.Ref{
			gone.Ref,
			{Tenant: acme, Type: "Group", ID: user.ID},
			{Tenant: acme, Type: "User", ID: group.ID},
			{Tenant: acme, Type: "Device", ID: user.ID},
			{Tenant: acme, Type: "User", ID: ""},
			{Tenant: acme, Type: "User", ID: "no-such-id"},
			{Tenant: acme, Type: "User", ID: user.ID + " "},
			{Tenant: acme, Type: "User", ID: strings.ToUpper(user.ID) + "X"},
			{Tenant: acme, Type: "User", ID: "../" + user.ID},
			{Tenant: acme, Type: "User", ID: "' OR '1'='1"},
			{Tenant: acme, Type: "User", ID: "%"},
			{Tenant: acme, Type: "User", ID: "nul\x00 and broken \xff"},
			{Tenant: acme, Type: "User", ID: strings.Repeat("9", 5000)},
		} {
			what := fmt.Sprintf("type %s, id %.60q", ref.Type, ref.ID)
			_, err := k.store.Get(k.ctx, ref, scim.Projection{Members: true, Groups: true})
			k.refused("Get of "+what, err, scim.ErrNotFound)
			_, err = k.store.Update(k.ctx, ref, k.userChange(named("changed")))
			k.refused("Update of "+what, err, scim.ErrNotFound)
			k.refused("Delete of "+what, k.store.Delete(k.ctx, ref, ""), scim.ErrNotFound)
		}
		k.unchanged("After calls that found nothing", before)
	}},
	{"update replaces the document and its keys", sayReplace, func(k *kit) {
		r := k.createUser(ada())
		grace := scim.User{UserName: "grace", ExternalID: "e-grace", Emails: []scim.Value{{Value: "grace@work.example"}}}
		c := k.userChange(grace)
		got := k.update(r.Ref, c).Resource
		equal(k, "Update: ID", got.ID, r.ID)
		equal(k, "Update: Document", got.Document.String(), c.Document.String())
		k.sameFacts("Get after Update", k.get(r.Ref), got)
		for _, filter := range []string{`userName eq "grace"`, `externalId eq "e-grace"`, `emails.value eq "grace@work.example"`} {
			k.lists("Found by the new "+filter, k.find("User", filter), []string{r.ID})
		}
		for _, filter := range []string{
			`userName eq "ada@example.com"`, `externalId eq "e-Ada"`, `displayName eq "ada lovelace"`, `emails.value eq "ada@work.example"`,
		} {
			k.lists("Found by the old "+filter, k.find("User", filter), nil)
		}
	}},
	{"update without a document leaves it", "Its zero parts leave things as they are.", func(k *kit) {
		users := k.createUsers(2)
		g := k.createGroup("Readers", users[0])
		got := k.update(g.Ref, onlyMembers(adding(users[1]))).Resource
		equal(k, "Update of members alone: Document", got.Document.String(), g.Document.String())
		equal(k, "Get after Update of members alone: Document", k.get(g.Ref).Document.String(), g.Document.String())
		k.lists("Found by its name after Update of members alone", k.find("Group", `displayName eq "readers"`), []string{g.ID})
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "Group"}, k.groupChange("READERS"))
		k.refused("Create of another group of the name after Update of members alone", err, scim.ErrUniqueness)

		c := k.groupChange("Writers")
		k.update(g.Ref, c)
		k.lists("Members after Update of the document alone", k.members(g.Ref), sorted(users...))
	}},
	{"versions", sayVersion, func(k *kit) {
		if !k.versions() {
			return
		}
		user := k.createUser(ada())
		u := ada()
		u.Title = "Countess"
		changed := k.update(user.Ref, k.userChange(u)).Resource
		k.differ("Update of a user: Version", changed.Version, user.Version)
		equal(k, "Get of the user: Version", k.get(user.Ref).Version, changed.Version)
		again := k.update(user.Ref, k.userChange(ada())).Resource
		k.differ("Update of the user to what it was: Version", again.Version, changed.Version)

		group := k.createGroup("Readers")
		for _, d := range []scim.MemberDelta{adding(user.ID), removing(user.ID), {Reset: true, Add: adding(user.ID).Add}, {Reset: true}} {
			next := k.update(group.Ref, onlyMembers(d)).Resource
			k.differ("Update of a group with "+changeText(onlyMembers(d))+": Version", next.Version, group.Version)
			equal(k, "Get of the group: Version", k.get(group.Ref).Version, next.Version)
			group = next
		}
	}},
	{"deleting a member changes its groups", sayVersion, func(k *kit) {
		if !k.versions() {
			return
		}
		users := k.createUsers(2)
		in, out := k.createGroup("In", users...), k.createGroup("Out", users[1])
		k.delete(scim.Ref{Tenant: acme, Type: "User", ID: users[0]})
		k.differ("Delete of a member: Version of its group", k.get(in.Ref).Version, in.Version)
		equal(k, "Delete of a user: Version of a group it was not in", k.get(out.Ref).Version, out.Version)
	}},
	{"no change keeps version and time", sayNoOp, func(k *kit) {
		users := k.createUsers(3)
		user := k.createUser(ada())
		group := k.createGroup("Readers", users[0], users[1])
		before := k.state()
		time.Sleep(3 * time.Millisecond) // a time that moves shows
		for _, d := range []scim.MemberDelta{
			adding(users[0]), adding(users[1], users[0]), removing(users[2]), removing("no-such-id"),
			{Add: adding(users[0]).Add, Remove: []string{users[2]}},
			{Reset: true, Add: adding(users[1], users[0]).Add},
		} {
			u := k.update(group.Ref, onlyMembers(d))
			what := "Update of a group of users 0 and 1 with " + changeText(onlyMembers(d)) + ", which changes nothing"
			equal(k, what+": Version", u.Resource.Version, group.Version)
			equal(k, what+": number of Added and Removed", len(u.Added)+len(u.Removed), 0)
			k.unchanged(what, before)
		}
		u := k.update(user.Ref, k.userChange(ada()))
		equal(k, "Update of a user with the same document: Version", u.Resource.Version, user.Version)
		k.update(group.Ref, scim.Change{})
		k.unchanged("Updates that change nothing", before)
	}},
	{"stale versions", sayStale, func(k *kit) {
		if !k.versions() {
			return
		}
		user, users := k.createUser(ada()), k.createUsers(1)
		group := k.createGroup("Readers")
		u := ada()
		u.Title = "Countess"
		k.update(user.Ref, k.userChange(u))
		k.update(group.Ref, onlyMembers(adding(user.ID)))
		before := k.state()

		u.Title = "Lost update"
		c := k.userChange(u)
		for _, version := range []string{user.Version, "no-such-version"} {
			c.Version = version
			_, err := k.store.Update(k.ctx, user.Ref, c)
			k.refused("Update of a user with version "+version, err, scim.ErrVersion)
			_, err = k.store.Update(k.ctx, group.Ref, scim.Change{Version: version, Members: adding(users[0])})
			k.refused("Update of a group's members with version "+version, err, scim.ErrVersion)
			k.unchanged("Updates with stale versions", before)
		}
	}},
	{"the current version", sayStale, func(k *kit) {
		user := k.createUser(ada())
		u := ada()
		u.Title = "Countess"
		c := k.userChange(u)
		c.Version = user.Version
		r := k.update(user.Ref, c).Resource
		equal(k, "Update with the current version: Document", r.Document.String(), c.Document.String())
		k.done("Delete with the current version", k.store.Delete(k.ctx, user.Ref, r.Version))
	}},
	{"delete with a stale version", "A version that is not empty must be the current one.", func(k *kit) {
		if !k.versions() {
			return
		}
		user := k.createUser(ada())
		group := k.createGroup("Readers", user.ID)
		u := ada()
		u.Title = "Countess"
		k.update(user.Ref, k.userChange(u))
		k.update(group.Ref, k.groupChange("Writers"))
		before := k.state()
		k.refused("Delete of a user with a stale version", k.store.Delete(k.ctx, user.Ref, user.Version), scim.ErrVersion)
		k.refused("Delete of a group with a stale version", k.store.Delete(k.ctx, group.Ref, group.Version), scim.ErrVersion)
		k.unchanged("Deletes with stale versions", before)
	}},
	{"delete", sayDelete, func(k *kit) {
		user, stays := k.createUser(ada()), k.createUser(named("stays"))
		k.delete(user.Ref)
		_, err := k.store.Get(k.ctx, user.Ref, scim.Projection{})
		k.refused("Get of a deleted user", err, scim.ErrNotFound)
		k.refused("Delete of a deleted user", k.store.Delete(k.ctx, user.Ref, ""), scim.ErrNotFound)
		k.lists("List after Delete", k.find("User", ""), []string{stays.ID})
		for _, filter := range []string{
			`userName eq "ada@example.com"`, `externalId eq "e-Ada"`, `emails.value eq "ada@home.example"`, `id eq "` + user.ID + `"`, `name.givenName eq "Ada"`,
		} {
			k.lists("Found by "+filter+" after Delete", k.find("User", filter), nil)
		}
	}},
	{"delete ends memberships", sayDelete, func(k *kit) {
		users := k.createUsers(3)
		inner := k.createGroup("Inner", users...)
		outer := k.createGroup("Outer", users[0], inner.ID)
		k.delete(scim.Ref{Tenant: acme, Type: "User", ID: users[0]})
		k.lists("Members of a group after Delete of one", k.members(inner.Ref), sorted(users[1], users[2]))
		k.lists("Members of another group after Delete of one", k.members(outer.Ref), []string{inner.ID})
		k.lists("Found by the deleted member", k.find("Group", `members.value eq "`+users[0]+`"`), nil)

		k.delete(inner.Ref)
		k.lists("Members of the outer group after Delete of the inner one", k.members(outer.Ref), nil)
		k.lists("Groups of a member after Delete of its group", k.groups(scim.Ref{Tenant: acme, Type: "User", ID: users[1]}), nil)
		k.lists("Users found by the deleted group", k.find("User", `groups.value eq "`+inner.ID+`"`), nil)
		_, err := k.store.Update(k.ctx, outer.Ref, onlyMembers(adding(users[0])))
		k.refused("Update to add a deleted user", err, scim.ErrInvalidValue)
	}},
	{"resources are not changed once handed over", sayShared, func(k *kit) {
		c := k.userChange(ada())
		document := c.Document.String()
		created := k.create(acme, "User", c)
		got := k.get(created.Ref)
		page := k.list(scim.Query{Tenant: acme, Type: "User", Limit: 1})
		if len(page.Resources) != 1 {
			k.fatal("List of the only user", len(page.Resources), 1)
		}
		listed := page.Resources[0]
		version, modified := got.Version, got.LastModified
		time.Sleep(2 * time.Millisecond)
		k.update(created.Ref, k.userChange(named("grace")))
		k.delete(created.Ref)
		for from, r := range map[string]*scim.Resource{"Create": created, "Get": got, "List": listed} {
			equal(k, "Resource of "+from+", after Update and Delete: Document", r.Document.String(), document)
			equal(k, "Resource of "+from+", after Update and Delete: Version", r.Version, version)
			equal(k, "Resource of "+from+", after Update and Delete: LastModified", r.LastModified, modified)
		}
	}},
	{"keys that are not given stay", sayKeysStay, func(k *kit) {
		user := k.createUser(ada())
		c := k.userChange(ada())
		titled := ada()
		titled.Title = "Countess"
		c.Document, c.Keys = k.userChange(titled).Document, nil
		k.update(user.Ref, c)
		k.lists("List by the userName after an Update without Keys", k.find("User", `userName eq "`+ada().UserName+`"`), []string{user.ID})
		_, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(ada()))
		k.refused("Create of a user with the same userName", err, scim.ErrUniqueness)
	}},
}

// sameFacts checks that two Resources tell the same of one resource.
func (k *kit) sameFacts(what string, got, want *scim.Resource) {
	k.t.Helper()
	equal(k, what+": Ref", got.Ref, want.Ref)
	equal(k, what+": Version", got.Version, want.Version)
	equal(k, what+": Document", got.Document.String(), want.Document.String())
	if !got.Created.Equal(want.Created) {
		k.fail(what+": Created", got.Created, want.Created)
	}
	if !got.LastModified.Equal(want.LastModified) {
		k.fail(what+": LastModified", got.LastModified, want.LastModified)
	}
}

func (k *kit) differ(what, got, was string) {
	k.t.Helper()
	if got == was || got == "" {
		k.fail(what, got, "another one than "+was)
	}
}
