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
		if want != "" && !s.created {
			if there, ok := c.check(CheckManager, s.of, "/Users", eq("id", l.id)+" and "+eq(ref.name, want), l.id); !ok || there {
				return
			}
		}
		ops := c.dialect(s.id, 1).reference(ref.path, want, s.manager)
		c.patched(c.send(PatchManager, s.of, "/Users/"+url.PathEscape(l.id), "", patch(ops)), l.id)
	})
}

// check asks whether an object has a reference already.
func (r *run) check(kind Kind, of fmt.Stringer, endpoint, expression, id string) (there, ok bool) {
	x := r.send(kind, of, endpoint, onlyID+"&"+filter(expression), nil)
	if !r.accept(x, 200) {
		return false, false
	}
	found, ok := r.list(x)
	if ok && (len(found) > 1 || len(found) == 1 && found[0].id() != id) {
		r.fail(x, CodeIncompatible, fmt.Sprintf("%q or nothing", id), "an endpoint that ignores part of the filter misleads Entra")
		return false, false
	}
	return len(found) == 1, ok
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
			if present && !l.known {
				ids = c.missing(s, l, ids)
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
			if !c.patched(c.send(PatchMembers, s.of, path, "", patch(ops)), l.id) {
				return // tried again in a later cycle
			}
			c.state.Lock()
			defer c.state.Unlock()
			for i, id := range ids {
				delete(l.members, id)
				if present {
					l.members[id] = targets[i]
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

// missing leaves those out that are members already, and remembers them.
func (c *cycle) missing(s *subject, l *link, ids []string) (missing []string) {
	for _, id := range ids {
		target := c.target(id)
		there, ok := c.check(CheckMember, s.of, "/Groups", eq("id", l.id)+" and "+eq("members", target), l.id)
		switch {
		case there:
			c.state.Lock()
			l.members[id] = target
			c.state.Unlock()
		case ok:
			c.state.Lock()
			delete(l.members, id)
			c.state.Unlock()
			missing = append(missing, id)
		}
	}
	return missing
}
