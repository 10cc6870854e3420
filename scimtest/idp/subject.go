package idp

import (
	"fmt"
	"hash/maphash"
	"slices"
)

// A subject is a user or group of the directory in one cycle.
type subject struct {
	source
	id      string
	of      fmt.Stringer // the user or group
	links   map[string]*link
	inScope bool
	print   uint64       // of all that a cycle would write
	want    []assignment // what its attributes should be, where that is known already

	read    bool      // its attributes are at the endpoint
	created bool      // in this cycle
	manager string    // the endpoint's id of the manager it has there
	seen    *exchange // where that was read, if there shall be none
	pending bool      // what it refers to could not be written yet
}

// subjects are all users and groups, in the directory's order.
func (e *Entra) subjects(d *Directory) (users, groups []*subject) {
	who := e.assigned(d)
	users = make([]*subject, len(d.Users))
	for i := range d.Users {
		u := &d.Users[i]
		s := &subject{source: source{user: u, roles: who.roles[u.ID]}, id: u.ID, of: u, links: e.connection.users}
		s.inScope = who.isIn(u.ID) && (e.user.scope == nil || e.user.scope(&s.source))
		s.softDeleted = u.SoftDeleted() || !s.inScope
		users[i] = s
	}
	groups = make([]*subject, len(d.Groups))
	for i := range d.Groups {
		g := &d.Groups[i]
		s := &subject{source: source{group: g}, id: g.ID, of: g, links: e.connection.groups}
		s.inScope = who.isIn(g.ID) && (e.group.scope == nil || e.group.scope(&s.source))
		groups[i] = s
	}
	return users, groups
}

// assigned tells who has the application, and in which roles.
type assigned struct {
	all   bool // everybody is in scope
	ids   map[string]bool
	roles map[string][]AppRole
}

func (a *assigned) isIn(id string) bool { return a.all || a.ids[id] }

// assigned gives what groups have to their direct members: "the service can
// only read and provision users that are immediate members of an explicitly
// assigned group" (How provisioning works, Nested groups).
func (e *Entra) assigned(d *Directory) *assigned {
	a := &assigned{all: !e.options.AssignedOnly, ids: map[string]bool{}, roles: map[string][]AppRole{}}
	if len(d.Assignments) == 0 {
		return a
	}
	roles := map[string]AppRole{}
	for _, r := range d.AppRoles {
		roles[r.ID] = r
	}
	groups := map[string]*Group{}
	for i := range d.Groups {
		groups[d.Groups[i].ID] = &d.Groups[i]
	}
	give := func(id, role string) {
		a.ids[id] = true
		if r, ok := roles[role]; ok && !slices.Contains(a.roles[id], r) {
			a.roles[id] = append(a.roles[id], r)
		}
	}
	for _, assignment := range d.Assignments {
		give(assignment.PrincipalID, assignment.AppRoleID)
		if g := groups[assignment.PrincipalID]; g != nil {
			for _, m := range g.Members {
				if groups[m] == nil {
					give(m, assignment.AppRoleID)
				}
			}
		}
	}
	return a
}

var seed = maphash.MakeSeed()

// rules are those for the subject.
func (s *subject) rules(e *Entra) *rules {
	if s.user != nil {
		return e.user
	}
	return e.group
}

// forCreate is what the subject's attributes should be when it is created.
func (s *subject) forCreate(e *Entra) []assignment {
	rules := s.rules(e)
	if rules.plain {
		return s.want
	}
	return rules.assignments(&s.source, forCreate)
}

// evaluate computes what the subject's attributes should be, and the print.
func (s *subject) evaluate(e *Entra) {
	rules := s.rules(e)
	s.want = rules.assignments(&s.source, forUpdate)
	var h maphash.Hash
	h.SetSeed(seed)
	part := func(text string) {
		h.WriteString(text)
		h.WriteByte(0)
	}
	for i := range s.want {
		a := &s.want[i]
		part(a.path)
		if rs, ok := a.value.(roles); ok {
			for _, r := range rs.list {
				part(r.ID)
				part(r.Value)
				part(r.DisplayName)
			}
			continue
		}
		part(asText(a.value))
	}
	if s.inScope {
		h.WriteByte(1)
	}
	if s.softDeleted {
		h.WriteByte(2)
	}
	var members uint64 // in any order
	if rules.reference != nil {
		if s.user != nil {
			part(s.user.Manager)
		} else {
			for _, m := range s.group.Members {
				members += maphash.String(seed, m)
			}
		}
	}
	s.print = h.Sum64() + members | 1 // never 0, which is no print
}
