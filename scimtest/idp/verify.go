package idp

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// verify compares the endpoint with the directory. The differences it finds
// are those that another cycle would write, if it looked at everything, and
// those that no cycle would put right.
func (c *cycle) verify() {
	users, groups := c.subjects()
	managed := func(s *subject) bool { return s.inScope && !c.e.held[s.id] }
	c.each("users", len(users), func(i int) {
		if managed(users[i]) {
			c.verifyUser(users[i])
		}
	})
	c.each("groups", len(groups), func(i int) {
		if managed(groups[i]) {
			c.verifyGroup(groups[i])
		}
	})
	c.each("deletions", len(c.deleted), func(i int) {
		t := c.deleted[i]
		kind, query := GetUser, ""
		if t.endpoint == "/Groups/" {
			kind, query = GetGroup, exceptMembers
		}
		x := c.send(kind, about(t.object), t.endpoint+url.PathEscape(t.id), query, nil)
		if x.err != nil || x.status != 404 {
			c.fail(x, CodeDifference, "404 Not Found", "it was deleted")
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(c.notes)) {
		who := c.notes[kind]
		slices.Sort(who) // found in no particular order
		c.advise(kind + ". There are " + fmt.Sprint(len(who)) + ": " + some(who))
	}
}

// differ records that the endpoint does not hold what it should.
func (r *run) differ(x *exchange, want string) {
	r.fail(x, CodeDifference, want, "the endpoint does not hold what the identity provider wrote, which is written again whenever the object is looked at")
}

func (c *cycle) verifyUser(s *subject) {
	l := c.link(s.links, s.id)
	if l == nil {
		if !s.softDeleted {
			c.missed(s.of)
		}
		return
	}
	got, diffs, x, ok := c.read(GetUser, s.of, "/Users/"+url.PathEscape(l.id), "", l.id, s.want)
	if !ok {
		return
	}
	c.differences(x, diffs)
	if ref := c.e.user.reference; ref != nil {
		manager, problem := ref.referenceOf(got)
		want := c.target(s.user.Manager)
		switch {
		case problem != "":
			c.incompatible(x, problem)
		case s.user.Manager != "" && (want == "" || l.passed == s.user.Manager): // passed over
		case want != manager:
			c.differ(x, fmt.Sprintf("%s %s, not %s", ref.name, c.who(want), c.who(manager)))
		case want != "":
			if asked, there, ok := c.hasManager(s, l, want); ok && asked.status == 200 && !there {
				c.note(deniedManager, fmt.Sprintf("%s, whose manager is %s", s.of, c.who(want)))
			}
		}
	}
	c.findable(MatchUser, s, "/Users", "", l.id)
}

func (c *cycle) verifyGroup(s *subject) {
	l := c.link(s.links, s.id)
	if l == nil {
		c.missed(s.of)
		return
	}
	x, diffs, ok := c.readGroup(s, l)
	if !ok {
		return
	}
	c.differences(x, diffs)
	c.findable(MatchGroup, s, "/Groups", exceptMembers+"&", l.id)
	if c.e.group.reference == nil {
		return
	}
	got, _, x, ok := c.read(GetMembers, s.of, "/Groups/"+url.PathEscape(l.id), "", l.id, nil)
	if !ok {
		return
	}
	var should []string
	for _, m := range s.group.Members {
		id, seen := l.members[m]
		if !seen {
			id = c.target(m)
		}
		if id != "" {
			should = append(should, id)
		}
	}
	if right := c.sameMembers(x, got, should, func(id string) bool { return c.isStray(s, l, id) }); right != nil {
		all, _ := memberIDs(got) // sameMembers has read them
		c.verifyChecks(s, l, right, all)
	}
}

// mostChecked is how many members of a group are asked for by filter.
const mostChecked = 5

// verifyChecks asks, as Entra does, whether some of those are a group's members
// who should be, and whether somebody is who is not among all it has.
func (c *cycle) verifyChecks(s *subject, l *link, right, all []string) {
	n := min(mostChecked, len(right))
	for i := range n {
		id := right[i*len(right)/n]
		x, there, ok := c.hasMember(s, l, id)
		c.answers(x, there, ok, true, "a member of the group is "+c.who(id))
	}
	members := make(map[string]bool, len(all))
	for _, id := range all {
		members[id] = true
	}
	for _, u := range c.d.Users {
		if id := c.target(u.ID); id != "" && !members[id] {
			x, there, ok := c.hasMember(s, l, id)
			c.answers(x, there, ok, false, "no member of the group is "+c.who(id))
			return
		}
	}
}

// answers checks what the endpoint says about a reference. A refusal is on
// record already.
func (c *cycle) answers(x *exchange, there, ok, want bool, fact string) {
	switch {
	case !ok || x.status != 200 || there == want:
	case want:
		c.fail(x, CodeDifference, "totalResults 1: "+fact,
			"Entra asks so before it writes a reference to an object that it did not create, and after each restart: by this answer it writes what is there already")
	default:
		c.fail(x, CodeDifference, "totalResults 0: "+fact,
			"Entra asks so before it writes a reference to an object that it did not create, and after each restart: by this answer it never writes what is missing")
	}
}

// What is no failure, for no cycle would write again, and better be otherwise:
// members whom none takes out of their group, and managers who are denied.
const (
	strayDeleted  = "deleted users and groups are still members: Entra forgets them and takes them out of no group; an endpoint should do that when it deletes them"
	strayOthers   = "groups that were there before the first cycle have members of their own: Entra does not read members, and so takes none of these out"
	deniedManager = "asked for id eq and manager eq, as Entra asks before it changes a manager, the endpoint denies managers whom it returns"
)

// note remembers what becomes advice.
func (c *cycle) note(kind, example string) {
	c.state.Lock()
	defer c.state.Unlock()
	c.notes[kind] = append(c.notes[kind], example)
}

// isStray reports whether somebody who should not be a member is one that no
// cycle would take out, and notes it.
func (c *cycle) isStray(s *subject, l *link, id string) bool {
	kind := ""
	switch {
	case l.removed[id]:
		return false // it was to be taken out
	case slices.ContainsFunc(c.deleted, func(t tomb) bool { return t.id == id }):
		kind = strayDeleted
	case l.found:
		kind = strayOthers
	default:
		return false
	}
	c.note(kind, fmt.Sprintf("%s, in %s", c.who(id), s.of))
	return true
}

// memberIDs are the endpoint's ids of a group's members.
func memberIDs(group nodeObject) (ids []string, problem string) {
	list := group.get("members")
	elements, ok := list.array()
	if !ok && list != "" {
		return nil, "members is " + list.show() + ", want an array"
	}
	for _, e := range elements {
		o, _ := e.object()
		id, _ := o.get("value").text()
		if id == "" {
			return nil, "members contains " + e.show() + ", want objects with a value"
		}
		ids = append(ids, id)
	}
	return ids, ""
}

// sameMembers records how a group's members differ from what they should be,
// apart from some that nobody minds. It returns those that are right.
func (r *run) sameMembers(x *exchange, group nodeObject, should []string, pardoned func(id string) bool) (right []string) {
	have, problem := memberIDs(group)
	if problem != "" {
		r.incompatible(x, problem)
		return nil
	}
	lost, extra := without(should, have), without(have, should)
	all := len(should) + len(extra)
	if pardoned != nil {
		extra = slices.DeleteFunc(extra, pardoned)
	}
	switch {
	case len(lost) > 0:
		r.differ(x, fmt.Sprintf("%d members; %d are missing: %s", len(should), len(lost), r.whoAll(lost)))
	case len(extra) > 0:
		r.differ(x, fmt.Sprintf("%d members; %d should not be there: %s", len(should), len(extra), r.whoAll(extra)))
	case len(have) > all:
		r.differ(x, "each member once")
	}
	return without(should, lost)
}

func (r *run) missed(object fmt.Stringer) {
	r.fail(&exchange{of: object, object: object.String()}, CodeDifference, "it to be provisioned", "no cycle has created or found it")
}

func (r *run) differences(x *exchange, diffs []difference) {
	var parts []string
	for _, diff := range diffs {
		want := diff.value
		if rs, ok := want.(roles); ok {
			want = rs.elements()
		}
		parts = append(parts, fmt.Sprintf("%s %s (it is %s)", diff.path, clip(string(encode(want)), 120), diff.have.show()))
	}
	if len(parts) > 0 {
		r.differ(x, strings.Join(parts, ", "))
	}
}

// findable checks that the matching attributes lead to the object.
func (c *cycle) findable(kind Kind, s *subject, endpoint, query, id string) {
	x, found, ok := c.find(kind, s, endpoint, query)
	if ok && found != id {
		c.unfound(x, s.rules(c.e).matching[0].path, id, found, "when links are broken Entra would create the object a second time")
	}
}

// unfound records that a search led to nothing, or to somebody else.
func (r *run) unfound(x *exchange, attribute, id, found, why string) {
	instead := "nothing"
	if found != "" {
		instead = r.who(found)
	}
	r.fail(x, CodeDifference, fmt.Sprintf("a search by %s to find id %q, not %s", attribute, id, instead), why)
}

// without returns the elements of a that are not in b.
func without(a, b []string) (rest []string) {
	sorted := slices.Sorted(slices.Values(b))
	for _, s := range a {
		if _, found := slices.BinarySearch(sorted, s); !found {
			rest = append(rest, s)
		}
	}
	return rest
}
