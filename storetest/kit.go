package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim"
)

// The tenants of the checks. Names that only a careless store confuses.
const (
	acme  = "acme"
	other = "ACME"
)

// A kit is what a clause works with. Its methods end the clause if the store
// does not do what every clause takes for granted.
type kit struct {
	t     reporter
	ctx   context.Context
	store scim.Store
	says  string

	reports     int // made so far
	crowded     int // how often crowd was called
	user, group *scim.ResourceType
}

func (k *kit) types() (user, group *scim.ResourceType) {
	k.t.Helper()
	user, err := scim.UserType(scim.Extension{Schema: odds})
	if err != nil {
		k.fatal("scim.UserType()", err, nil)
	}
	group, err = scim.GroupType()
	if err != nil {
		k.fatal("scim.GroupType()", err, nil)
	}
	return user, group
}

// odds are attributes of kinds that a user has none of.
var odds = &scim.Schema{ID: oddsURI, Attributes: []scim.Attribute{
	{Name: "level", Type: scim.TypeInteger},
	{Name: "score", Type: scim.TypeDecimal},
	{Name: "since", Type: scim.TypeDateTime},
	{Name: "badge", CaseExact: true},
	{Name: "tags", MultiValued: true},
}}

const oddsURI = "urn:example:storetest:2.0:User"

// Reports.

// mostReports is how many of them tell enough of one clause.
const mostReports = 5

// fail reports what was done and what came of it.
func (k *kit) fail(what string, got, want any) {
	k.t.Helper()
	k.t.Errorf("%s\n   got:      %s\n   want:     %s\n   contract: %s", what, show(got), show(want), k.says)
	if k.reports++; k.reports == mostReports {
		k.t.FailNow()
	}
}

func (k *kit) fatal(what string, got, want any) {
	k.t.Helper()
	k.fail(what, got, want)
	k.t.FailNow()
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "no error"
	case error:
		return "error: " + v.Error()
	case string:
		if strconv.CanBackquote(v) {
			return "`" + v + "`"
		}
		return strconv.Quote(v)
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	}
	return fmt.Sprintf("%+v", v)
}

// equal checks a value; what says where it comes from.
func equal[T comparable](k *kit, what string, got, want T) {
	k.t.Helper()
	if got == want {
		return
	}
	g, isText := any(got).(string)
	w, _ := any(want).(string)
	if !isText {
		k.fail(what, got, want)
		return
	}
	from := firstDifference(g, w)
	k.fail(what, excerpt(g, from), excerpt(w, from))
}

// lists checks a list, order included.
func (k *kit) lists(what string, got, want []string) {
	k.t.Helper()
	if !slices.Equal(got, want) {
		k.fail(what, got, want)
	}
}

func firstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// excerpt returns the part of a long text that is worth reading.
func excerpt(s string, at int) string {
	const before, most = 60, 240
	if len(s) <= most {
		return s
	}
	from := max(at-before, 0)
	to := min(from+most, len(s))
	out := s[from:to]
	if from > 0 {
		out = "…" + out
	}
	if to < len(s) {
		out += "…"
	}
	return out
}

// refused checks that err is of the kind.
func (k *kit) refused(what string, err, kind error) {
	k.t.Helper()
	if !errors.Is(err, kind) {
		k.fail(what, err, kind)
	}
}

// done checks that there is no error, and else ends the clause.
func (k *kit) done(what string, err error) {
	k.t.Helper()
	if err != nil {
		k.fatal(what, err, nil)
	}
}

// Changes.

// ada is a user with a value for each attribute that is looked up.
func ada() scim.User {
	return scim.User{
		UserName: "Ada@Example.com", ExternalID: "e-Ada", DisplayName: "Ada Lovelace", Active: true,
		Name:   scim.Name{GivenName: "Ada", FamilyName: "Lovelace"},
		Emails: []scim.Value{{Value: "Ada@Work.example", Type: "work", Primary: true}, {Value: "ada@home.example", Type: "home"}},
	}
}

func named(userName string) scim.User { return scim.User{UserName: userName, Active: true} }

// userChange returns the Change that makes a user's attributes those of u.
func (k *kit) userChange(u scim.User) scim.Change {
	k.t.Helper()
	document, keys, err := k.user.Encode(u)
	k.done(fmt.Sprintf("encoding user %q", u.UserName), err)
	return scim.Change{Document: document, Keys: keys}
}

// groupChange does the same for a group, and adds members.
func (k *kit) groupChange(name string, members ...string) scim.Change {
	k.t.Helper()
	document, keys, err := k.group.Encode(scim.Group{DisplayName: name})
	k.done(fmt.Sprintf("encoding group %q", name), err)
	return scim.Change{Document: document, Keys: keys, Members: adding(members...)}
}

func adding(ids ...string) scim.MemberDelta {
	var d scim.MemberDelta
	for _, id := range ids {
		d.Add = append(d.Add, scim.Member{ID: id})
	}
	return d
}

func removing(ids ...string) scim.MemberDelta { return scim.MemberDelta{Remove: ids} }

func onlyMembers(d scim.MemberDelta) scim.Change { return scim.Change{Members: d} }

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

// createUsers returns the ids of n new users.
func (k *kit) createUsers(n int) []string {
	k.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = k.createUser(named(fmt.Sprintf("user%05d", i))).ID
	}
	return ids
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

func ids(in []*scim.Resource) []string {
	var out []string
	for _, r := range in {
		out = append(out, r.ID)
	}
	return out
}

// Sets.

// elements reads a Set, which may be nil where there is nothing in it.
func (k *kit) elements(what string, s scim.Set) []scim.Member {
	k.t.Helper()
	if s == nil {
		return nil
	}
	var out []scim.Member
	for m, err := range s.All() {
		k.done(what+": All", err)
		out = append(out, m)
	}
	return out
}

// members returns the ids of a group's members, sorted.
func (k *kit) members(group scim.Ref) []string {
	k.t.Helper()
	r := k.getWith(group, scim.Projection{Members: true})
	return sortedIDs(k.elements("Members of group "+group.ID, r.Members))
}

// groups returns the ids of the groups a resource is in, sorted.
func (k *kit) groups(member scim.Ref) []string {
	k.t.Helper()
	r := k.getWith(member, scim.Projection{Groups: true})
	return sortedIDs(k.elements("Groups of "+member.Type+" "+member.ID, r.Groups))
}

func memberIDs(in []scim.Member) []string {
	var out []string
	for _, m := range in {
		out = append(out, m.ID)
	}
	return out
}

func sortedIDs(in []scim.Member) []string { return sorted(memberIDs(in)...) }

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}

// has reports what Set.Has says. No Set has nobody.
func (k *kit) has(s scim.Set, id string) bool {
	k.t.Helper()
	if s == nil {
		return false
	}
	ok, err := s.Has(id)
	k.done("Set.Has("+id+")", err)
	return ok
}

// States.

// state describes everything the tenants hold, a resource a line.
func (k *kit) state() string {
	k.t.Helper()
	var lines []string
	for _, tenant := range []string{acme, other} {
		for _, typ := range []string{"User", "Group"} {
			page := k.list(scim.Query{
				Tenant: tenant, Type: typ, Limit: 100_000,
				Projection: scim.Projection{Members: typ == "Group", Groups: true},
			})
			for _, r := range page.Resources {
				line := fmt.Sprintf("%s/%s/%s version %s, created %s, modified %s, %s", tenant, typ, r.ID, r.Version,
					r.Created.UTC(), r.LastModified.UTC(), r.Document)
				if r.Members != nil {
					line += fmt.Sprint(", members ", sortedIDs(k.elements("Members in a List", r.Members)))
				}
				if r.Groups != nil {
					line += fmt.Sprint(", groups ", sortedIDs(k.elements("Groups in a List", r.Groups)))
				}
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// unchanged checks that the store holds what it held before.
func (k *kit) unchanged(what, before string) {
	k.t.Helper()
	after := k.state()
	if after == before {
		return
	}
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	gone := slices.DeleteFunc(slices.Clone(was), func(l string) bool { return slices.Contains(is, l) })
	come := slices.DeleteFunc(slices.Clone(is), func(l string) bool { return slices.Contains(was, l) })
	k.fail(what+": what the store holds", come, gone)
}

// versions reports whether the store keeps versions at all.
func (k *kit) versions() bool {
	k.t.Helper()
	return k.createUser(named("versions?")).Version != ""
}
