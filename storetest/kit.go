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
	t      reporter
	ctx    context.Context
	store  scim.Store
	reopen func() scim.Store // nil if the store cannot be opened again
	size   size
	says   string

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

// userRef names a user of acme, and groupRef a group.
func userRef(id string) scim.Ref { return scim.Ref{Tenant: acme, Type: "User", ID: id} }

func groupRef(id string) scim.Ref { return scim.Ref{Tenant: acme, Type: "Group", ID: id} }

func onlyMembers(d scim.MemberDelta) scim.Change { return scim.Change{Members: d} }

// Sets.

// elements reads a Set, which may be nil where there is nothing in it.
func (k *kit) elements(what string, s scim.Set) []scim.Member {
	k.t.Helper()
	if s == nil {
		return nil
	}
	var out []scim.Member
	for m, err := range s.All() {
		if err != nil {
			k.fatal(what+": All", err, nil)
		}
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
	return k.stateOf(acme, other)
}

func (k *kit) stateOf(tenants ...string) string {
	k.t.Helper()
	var lines []string
	for _, tenant := range tenants {
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
	k.same(what, k.state(), before)
}

// same checks that two states are one.
func (k *kit) same(what, after, before string) {
	k.t.Helper()
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
