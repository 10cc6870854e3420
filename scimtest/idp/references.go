package idp

import (
	"fmt"
	"net/url"
	"slices"
)

// references writes managers and members, when everything they name exists.
func (c *cycle) references(users, groups []*subject) {
	var todo []func()
	if c.e.user.reference != nil {
		for _, s := range users {
			if s.read {
				todo = c.manager(s, todo)
			}
		}
	}
	c.each("references", len(todo), func(i int) { todo[i]() })

	if todo = nil; c.e.group.reference != nil {
		for _, s := range groups {
			if s.read {
				todo = append(todo, c.members(s)...)
			}
		}
	}
	c.each("members", len(todo), func(i int) { todo[i]() })
	if c.ctx.Err() == nil {
		for _, s := range groups {
			if l := s.links[s.id]; l != nil && s.read {
				l.known = true
			}
		}
	}
}

// unsettled reports whether what is not at the endpoint may still come there:
// it failed and is tried again. Whatever else is not there is passed over.
func (c *cycle) unsettled(id string) bool {
	s := c.byID[id]
	return s != nil && (c.failed[s.of] != failed{} || c.e.escrow[id] != nil)
}

// manager plans the change of a user's manager, if there is one.
func (c *cycle) manager(s *subject, todo []func()) []func() {
	l := s.links[s.id]
	manager, want := s.user.Manager, ""
	if manager != "" {
		if want = c.target(manager); want == "" {
			if s.pending = c.unsettled(manager); !s.pending {
				l.passed = manager
			}
			return todo
		}
	}
	if l.passed = ""; want == s.manager {
		return todo
	}
	ref := c.e.user.reference
	return append(todo, func() {
		x := s.seen
		if want != "" && !s.created {
			var there, ok bool
			if x, there, ok = c.hasManager(s, l, want); !ok || there {
				return
			}
		}
		ops := c.dialect(s.id, 1).reference(ref.path, want, s.manager)
		c.patched(c.write(x, PatchManager, s.of, "/Users/"+url.PathEscape(l.id), patch(ops)), l.id)
	})
}

// hasManager asks whether a user has the manager.
func (c *cycle) hasManager(s *subject, l *link, manager string) (x *exchange, there, ok bool) {
	return c.check(CheckManager, s.of, "/Users", eq("id", l.id)+" and "+eq(c.e.user.reference.name, manager), l.id)
}

// hasMember asks whether a group has the member.
func (c *cycle) hasMember(s *subject, l *link, member string) (x *exchange, there, ok bool) {
	return c.check(CheckMember, s.of, "/Groups", eq("id", l.id)+" and "+eq("members", member), l.id)
}

// check asks whether an object has a reference already. What Entra does when
// the endpoint refuses to answer is not documented. Our inference is that it
// writes the reference all the same, for adding what is there already is no
// mistake.
func (r *run) check(kind Kind, of fmt.Stringer, endpoint, expression, id string) (x *exchange, there, ok bool) {
	x = r.send(kind, of, endpoint, onlyID+"&"+filter(expression), nil)
	if !r.accept(x, 200) {
		return x, false, x.err == nil && r.ctx.Err() == nil
	}
	found, ok := r.list(x)
	if ok && (len(found) > 1 || len(found) == 1 && found[0].id() != id) {
		r.fail(x, CodeIncompatible, fmt.Sprintf("%q or nothing", id), "an endpoint that ignores part of the filter misleads Entra")
		return x, false, false
	}
	return x, len(found) == 1, ok
}

// members plans the changes of a group's members: each step is one request,
// and the steps may run at once. Where Entra does not know the members, for it
// did not create the group or was restarted, it asks first.
func (c *cycle) members(s *subject) (steps []func()) {
	l := s.links[s.id]
	var add, remove []string
	wanted := make(map[string]bool, len(s.group.Members))
	for _, m := range s.group.Members {
		wanted[m] = true
		id, seen := l.members[m]
		switch {
		case seen && (id == "" || l.known): // it is there, or was passed over
		case c.target(m) != "":
			add = append(add, m)
		case c.unsettled(m):
			s.pending = true
		case !seen:
			l.members[m] = ""
		}
	}
	for m, id := range l.members {
		switch {
		case wanted[m]:
		case c.onDemand: // of a few chosen members alone
		case id == "":
			delete(l.members, m)
		default:
			remove = append(remove, m)
		}
	}
	slices.Sort(remove)
	path := "/Groups/" + url.PathEscape(l.id)
	n := 0
	step := func(ids []string, present bool) {
		n++
		d := c.dialect(s.id, n)
		steps = append(steps, func() {
			var x *exchange
			if present && !l.known {
				x, ids = c.missing(s, l, ids)
			}
			if len(ids) == 0 {
				return
			}
			targets := make([]string, len(ids))
			for i, id := range ids {
				targets[i] = c.target(id)
			}
			ops := d.addMembers(targets)
			if !present {
				c.state.Lock()
				for i, id := range ids {
					targets[i] = l.members[id]
				}
				c.state.Unlock()
				ops = d.removeMembers(targets)
			}
			if !c.patched(c.write(x, PatchMembers, s.of, path, patch(ops)), l.id) {
				return // tried again in a later cycle
			}
			c.state.Lock()
			defer c.state.Unlock()
			for i, id := range ids {
				delete(l.members, id)
				if present {
					l.members[id] = targets[i]
				} else {
					if l.removed == nil {
						l.removed = map[string]bool{}
					}
					l.removed[targets[i]] = true
				}
			}
		})
	}
	for ids := range slices.Chunk(remove, c.options.MembersPerPatch) {
		step(ids, false)
	}
	for ids := range slices.Chunk(add, c.options.MembersPerPatch) {
		step(ids, true)
	}
	return steps
}

// missing leaves those out that are members already, and remembers them. The
// exchange is about the first one who is missing.
func (c *cycle) missing(s *subject, l *link, ids []string) (x *exchange, missing []string) {
	for _, id := range ids {
		target := c.target(id)
		asked, there, ok := c.hasMember(s, l, target)
		switch {
		case there:
			c.state.Lock()
			l.members[id] = target
			c.state.Unlock()
		case ok:
			c.state.Lock()
			delete(l.members, id)
			c.state.Unlock()
			if len(missing) == 0 {
				x = asked
			}
			missing = append(missing, id)
		}
	}
	return x, missing
}
