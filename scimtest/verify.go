package scimtest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// verify compares the endpoint with the directory. The differences it finds
// are exactly those that another cycle would write, so without any a second
// cycle sends look-ups alone.
func (r *run) verify(d *Directory) {
	r.each("users", len(d.Users), func(i int) { r.verifyUser(&d.Users[i]) })
	r.each("groups", len(d.Groups), func(i int) { r.verifyGroup(&d.Groups[i]) })
	r.each("deletions", len(r.deleted), func(i int) {
		t := r.deleted[i]
		kind := GetUser
		if t.endpoint == "/Groups/" {
			kind = GetGroup
		}
		x := r.send(kind, about(t.object), t.endpoint+url.PathEscape(t.id), "", nil)
		if x.err != nil || x.status != 404 {
			r.fail(x, CodeDifference, "404 Not Found", "it was deleted")
		}
	})
}

// differ records that the endpoint does not hold what it should.
func (r *run) differ(x *exchange, want string) {
	r.fail(x, CodeDifference, want, "the endpoint does not hold what Entra wrote; Entra writes it again in every cycle that looks at the object")
}

func (r *run) verifyUser(u *User) {
	want := u.assignments()
	l := r.link(r.users, u.ID)
	if l == nil {
		if !u.Disabled {
			r.missed(u)
		}
		return
	}
	got, diffs, x, ok := r.read(GetUser, u, "/Users/"+url.PathEscape(l.id), "", l.id, want)
	if !ok {
		return
	}
	r.differences(x, diffs)
	manager, problem := managerOf(got)
	if problem != "" {
		r.incompatible(x, problem)
	}
	if target := r.target(u.Manager); target != manager && problem == "" && (target != "" || u.Manager == "") {
		r.differ(x, fmt.Sprintf("manager %q, not %q", target, manager))
	}
	r.findable(MatchUser, u, "/Users", "", r.options.MatchUsers, want, l.id)
}

func (r *run) verifyGroup(g *Group) {
	want := g.assignments()
	l := r.link(r.groups, g.ID)
	if l == nil {
		r.missed(g)
		return
	}
	x, diffs, ok := r.readGroup(g, l, want)
	if !ok {
		return
	}
	r.differences(x, diffs)
	r.findable(MatchGroup, g, "/Groups", exceptMembers+"&", r.options.MatchGroups, want, l.id)

	got, _, x, ok := r.read(GetMembers, g, "/Groups/"+url.PathEscape(l.id), "", l.id, nil)
	if !ok {
		return
	}
	list, _ := member(got, "members")
	elements, ok := list.([]any)
	if !ok && list != nil {
		r.incompatible(x, "members is "+show(list)+", want an array")
		return
	}
	var have, should []string
	for _, e := range elements {
		o, _ := e.(map[string]any)
		id, _ := o["value"].(string)
		if id == "" {
			r.incompatible(x, "members contains "+show(e)+", want objects with a value")
			return
		}
		have = append(have, id)
	}
	for _, m := range g.Members {
		if id := r.target(m); id != "" {
			should = append(should, id)
		}
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
	r.fail(&exchange{object: object.String()}, CodeDifference, "it to be provisioned", "no cycle has created or found it")
}

func (r *run) differences(x *exchange, diffs []difference) {
	var parts []string
	for _, diff := range diffs {
		have := "absent"
		if diff.have != nil {
			have = show(diff.have)
		}
		parts = append(parts, fmt.Sprintf("%s %s (it is %s)", diff.path, show(diff.value), have))
	}
	if len(parts) > 0 {
		r.differ(x, strings.Join(parts, ", "))
	}
}

// findable checks that the first matching attribute leads to the object.
func (r *run) findable(kind Kind, of fmt.Stringer, endpoint, query string, by []string, attributes []assignment, id string) {
	found, ok := r.match(kind, of, endpoint, query, by, attributes)
	if ok && found != id {
		r.fail(&exchange{object: of.String()}, CodeDifference, fmt.Sprintf("a search by %s to find id %q, not %q", by[0], id, found),
			"after a reset of its links Entra would create the object a second time")
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
