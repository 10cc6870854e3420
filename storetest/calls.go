package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim"
)

// Calls that must succeed.

func (k *kit) create(tenant, typ string, c scim.Change) *scim.Resource {
	k.t.Helper()
	what := fmt.Sprintf("Create of a %s with %s", typ, changeText(c))
	u, err := k.store.Create(k.ctx, scim.Ref{Tenant: tenant, Type: typ}, c)
	k.done(what, err)
	if u == nil || u.Resource == nil {
		k.fatal(what, "no Resource", "the resource as stored")
	}
	return u.Resource
}

func (k *kit) createUser(u scim.User) *scim.Resource {
	k.t.Helper()
	return k.create(acme, "User", k.userChange(u))
}

// createUsers returns the ids of n new users, in the order of creation.
func (k *kit) createUsers(n int) []string {
	k.t.Helper()
	users := make([]*scim.Resource, n)
	for i := range users {
		users[i] = k.create(acme, "User", k.numbered(i))
	}
	return k.inOrder(users)
}

// inOrder returns the ids of users in the order in which they were created; those of
// one moment in the order of their ids, if that is the store's.
func (k *kit) inOrder(users []*scim.Resource) []string {
	k.t.Helper()
	created := ids(users)
	moments := slices.Clone(users)
	slices.SortStableFunc(moments, func(a, b *scim.Resource) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	byMoment := ids(moments)
	if slices.Equal(created, byMoment) {
		return created
	}
	listed := slices.DeleteFunc(k.find("User", ""), func(id string) bool { return !slices.Contains(created, id) })
	if slices.Equal(listed, byMoment) {
		return byMoment
	}
	return created
}

// createMany does the same, in a few transactions if the store has any.
func (k *kit) createMany(n int) []string {
	k.t.Helper()
	ids := make([]string, n)
	create := func(ctx context.Context, s scim.Store, from, to int) error {
		for i := from; i < to; i++ {
			u, err := s.Create(ctx, scim.Ref{Tenant: acme, Type: "User"}, k.numbered(i))
			if err != nil {
				return err
			}
			ids[i] = u.Resource.ID
		}
		return nil
	}
	const most = 1_000 // in a transaction
	for from := 0; from < n; from += most {
		to := min(from+most, n)
		if _, ok := k.store.(scim.Transactor); !ok {
			k.done("Create of many users", create(k.ctx, k.store, from, to))
			continue
		}
		k.done("InTx that creates many users", k.inTx(func(ctx context.Context, tx scim.Store) error { return create(ctx, tx, from, to) }))
	}
	return ids
}

// numbered is the Change that creates a user of createUsers: as userChange has
// it, and ten times as fast.
func (k *kit) numbered(i int) scim.Change {
	document, err := scim.ReadDocument(fmt.Sprintf(`{"userName":"user%05d","active":true}`, i))
	if err != nil {
		k.fatal("reading a document", err, nil)
	}
	return scim.Change{Document: document, Keys: k.user.Keys(document)}
}

func (k *kit) createGroup(name string, members ...string) *scim.Resource {
	k.t.Helper()
	return k.create(acme, "Group", k.groupChange(name, members...))
}

func (k *kit) get(ref scim.Ref) *scim.Resource {
	k.t.Helper()
	return k.getWith(ref, scim.Projection{})
}

func (k *kit) getWith(ref scim.Ref, p scim.Projection) *scim.Resource {
	k.t.Helper()
	r, err := k.store.Get(k.ctx, ref, p)
	k.done(fmt.Sprintf("Get of %s %s", ref.Type, ref.ID), err)
	if r == nil {
		k.fatal(fmt.Sprintf("Get of %s %s", ref.Type, ref.ID), "no Resource", "the resource")
	}
	return r
}

func (k *kit) update(ref scim.Ref, c scim.Change) *scim.Updated {
	k.t.Helper()
	what := fmt.Sprintf("Update of %s %s with %s", ref.Type, ref.ID, changeText(c))
	u, err := k.store.Update(k.ctx, ref, c)
	k.done(what, err)
	if u == nil || u.Resource == nil {
		k.fatal(what, "no Resource", "the resource as stored")
	}
	return u
}

func (k *kit) delete(ref scim.Ref) {
	k.t.Helper()
	k.done(fmt.Sprintf("Delete of %s %s", ref.Type, ref.ID), k.store.Delete(k.ctx, ref, ""))
}

func changeText(c scim.Change) string {
	var parts []string
	if c.Version != "" {
		parts = append(parts, "version "+c.Version)
	}
	if !c.Document.IsZero() {
		parts = append(parts, "document "+excerpt(c.Document.String(), 0))
	}
	if c.Members.Reset {
		parts = append(parts, "members reset")
	}
	if n := len(c.Members.Add); n > 0 {
		parts = append(parts, fmt.Sprintf("%d members to add", n))
	}
	if n := len(c.Members.Remove); n > 0 {
		parts = append(parts, fmt.Sprintf("%d members to remove", n))
	}
	return strings.Join(parts, ", ")
}

// filter parses a filter for the resource type.
func (k *kit) filter(typ, src string) scim.Filter {
	k.t.Helper()
	of := k.user
	if typ == "Group" {
		of = k.group
	}
	f, err := of.ParseFilter(src)
	k.done("parsing the filter "+src, err)
	return f
}

// sort parses a sort of users; "" is the order of creation, and a minus before
// the path means descending.
func (k *kit) sort(by string) scim.Sort {
	k.t.Helper()
	path, descending := strings.CutPrefix(by, "-")
	order := "ascending"
	if descending {
		order = "descending"
	}
	s, err := k.user.ParseSort(path, order)
	k.done("parsing the sort "+by, err)
	return s
}

func (k *kit) list(q scim.Query) *scim.Page {
	k.t.Helper()
	page, err := k.store.List(k.ctx, q)
	k.done(queryText(q), err)
	if page == nil {
		k.fatal(queryText(q), "no Page", "a Page")
	}
	return page
}

func queryText(q scim.Query) string {
	filter := "no filter"
	if q.Filter != nil {
		filter = "filter " + q.Filter.String()
	}
	text := fmt.Sprintf("List of type %s of tenant %q, %s, ", q.Type, q.Tenant, filter)
	if !q.Sort.IsZero() {
		text += fmt.Sprintf("sorted by %s, ", q.Sort.Path())
		if q.Sort.Descending() {
			text += "descending, "
		}
	}
	if !q.After.IsZero() {
		return text + fmt.Sprintf("after %+v, limit %d", q.After, q.Limit)
	}
	return text + fmt.Sprintf("offset %d, limit %d", q.Offset, q.Limit)
}

// find returns the ids of the resources that match a filter; "" matches all.
func (k *kit) find(typ, src string) []string {
	k.t.Helper()
	q := scim.Query{Tenant: acme, Type: typ, Limit: 1000}
	if src != "" {
		q.Filter = k.filter(typ, src)
	}
	page := k.list(q)
	equal(k, queryText(q)+": Total of a page with everything on it", page.Total, len(page.Resources))
	return ids(page.Resources)
}

// agrees checks that users are found by a filter as scim.Match finds them among
// all of them.
func (k *kit) agrees(src string, all []*scim.Resource) {
	k.t.Helper()
	filter := k.filter("User", src)
	var want []string
	for _, r := range all {
		ok, err := scim.Match(filter, r)
		k.done("Match of "+src, err)
		if ok {
			want = append(want, r.ID)
		}
	}
	k.lists("Found by "+src, k.find("User", src), want)
}

// quoted writes a value as filters have it.
func quoted(value string) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // no string is that
	}
	return string(b)
}

func ids(in []*scim.Resource) []string {
	var out []string
	for _, r := range in {
		out = append(out, r.ID)
	}
	return out
}
