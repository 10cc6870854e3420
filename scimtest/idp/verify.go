package idp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// verify compares the endpoint with the directory. The differences it finds
// are exactly those that another cycle would write, if it looked at
// everything.
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
			c.differ(x, fmt.Sprintf("%s %q, not %q", ref.name, want, manager))
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
	c.sameMembers(x, got, should)
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

// sameMembers records how a group's members differ from what they should be.
func (r *run) sameMembers(x *exchange, group nodeObject, should []string) {
	have, problem := memberIDs(group)
	if problem != "" {
		r.incompatible(x, problem)
		return
	}
	lost, extra := without(should, have), without(have, should)
	switch {
	case len(lost) > 0:
		r.differ(x, fmt.Sprintf("%d members; %d are missing: %s", len(should), len(lost), clip(strings.Join(lost, ", "), 200)))
	case len(extra) > 0:
		r.differ(x, fmt.Sprintf("%d members; %d should not be there: %s", len(should), len(extra), clip(strings.Join(extra, ", "), 200)))
	case len(have) > len(should):
		r.differ(x, "each member once")
	}
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
	found, ok := c.find(kind, s, endpoint, query)
	if ok && found != id {
		c.fail(&exchange{of: s.of, object: s.of.String()}, CodeDifference, fmt.Sprintf("a search by %s to find id %q, not %q", s.rules(c.e).matching[0].path, id, found),
			"when links are broken Entra would create the object a second time")
	}
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
