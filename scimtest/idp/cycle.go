package idp

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	exceptMembers = "excludedAttributes=members"
	onlyID        = "attributes=id"
)

// A cycle is one of Entra's.
type cycle struct {
	*run
	e    *Entra
	d    *Directory
	byID map[string]*subject // of the directory
}

// probe looks for a user and a group that do not exist.
func (e *Entra) probe(r *run) {
	kinds := []struct{ endpoint, query string }{
		{"/Users", filter(eq(e.user.matching[0].path, r.guid()))},
		{"/Groups", exceptMembers + "&" + filter(eq(e.group.matching[0].path, r.guid()))},
	}
	switch {
	case r.onDemand: // three times for a user (SCIMReferenceCode #63)
		kinds = append(kinds[:1:1], kinds[0], kinds[0])
		for i := range kinds {
			kinds[i].query = filter(eq(e.user.matching[0].path, r.guid()))
		}
	case r.options.UsersOnly:
		kinds = kinds[:1]
	}
	r.each("probes", len(kinds), func(i int) {
		k := kinds[i]
		x := r.send(Probe, about("a name that nobody has, at "+k.endpoint), k.endpoint, k.query, nil)
		if !r.accept(x, 200) {
			r.stop("a probe failed")
			return
		}
		found, ok := r.list(x)
		if ok && len(found) > 0 {
			ok = false
			r.fail(x, CodeIncompatible, "totalResults 0", "an endpoint that ignores the filter makes Entra overwrite other people's accounts")
		}
		if !ok {
			r.stop("a probe failed")
		}
	})
}

// whole is a whole cycle, from the probes to the watermark.
func (c *cycle) whole() {
	if c.e.probe(c.run); c.ctx.Err() == nil {
		c.cycles++
		c.pass()
	}
	if reason := c.report.Stopped; reason != "" {
		c.e.quarantine("EncounteredQuarantineException: "+reason, c.now)
	}
}

// pass brings the endpoint to the directory's state, and stores the watermark
// if it could do so to its end.
func (c *cycle) pass() {
	users, groups := c.subjects()
	objects := len(users) + len(groups)
	gone := c.gone()
	changed := func(s *subject) bool { return !c.e.looksAt(s.id, s.print, c.now) }
	users, groups = slices.DeleteFunc(users, changed), slices.DeleteFunc(groups, changed)
	gone = slices.DeleteFunc(gone, func(d *departure) bool { return !c.e.looksAt(d.key, 0, c.now) })
	reason := c.hold(gone, users, groups)
	if len(c.e.held) > 0 {
		isHeld := func(s *subject) bool { return c.e.held[s.id] }
		gone, users, groups = nil, slices.DeleteFunc(users, isHeld), slices.DeleteFunc(groups, isHeld)
	}

	c.each("deletions", len(gone), func(i int) { c.remove(gone[i]) })
	c.each("users", len(users), func(i int) { c.user(users[i]) })
	c.each("groups", len(groups), func(i int) { c.group(groups[i]) })
	c.references(users, groups)
	if c.ctx.Err() != nil {
		return
	}

	for _, d := range gone {
		c.e.settle(d.key, 0, c.failed[d], c.now)
	}
	for _, s := range slices.Concat(users, groups) {
		f := c.failed[s.of]
		f.reference = f.reference || s.pending
		c.e.settle(s.id, s.print, f, c.now)
	}
	c.e.forget(func(id string) bool { return c.byID[id] == nil && c.e.users[id] == nil && c.e.groups[id] == nil })
	if reason == "" {
		reason = c.options.Quarantine.reached(c.e.escrow, objects)
	}
	if reason != "" {
		c.e.quarantine(reason, c.now)
	} else {
		c.e.state = nil
	}
	c.e.cycled, c.e.confirmed = true, false
}

// subjects are all that could be looked at.
func (c *cycle) subjects() (users, groups []*subject) {
	users, groups = c.e.subjects(c.d)
	if c.options.UsersOnly {
		groups = nil
	}
	c.byID = make(map[string]*subject, len(users)+len(groups))
	for _, s := range slices.Concat(users, groups) {
		s.evaluate(c.e)
		c.byID[s.id] = s
	}
	return users, groups
}

// A departure is a user or group that is linked and no longer in the
// directory.
type departure struct {
	*link
	kind     Kind
	endpoint string
	links    map[string]*link
	key      string // the directory's id
}

func (d *departure) String() string { return d.object }

func (c *cycle) gone() (all []*departure) {
	for key, l := range c.users {
		if c.byID[key] == nil {
			all = append(all, &departure{l, DeleteUser, "/Users/", c.users, key})
		}
	}
	for key, l := range c.groups {
		if c.byID[key] == nil {
			all = append(all, &departure{l, DeleteGroup, "/Groups/", c.groups, key})
		}
	}
	slices.SortFunc(all, func(a, b *departure) int { return strings.Compare(a.key, b.key) })
	return all
}

// hold holds disables and deletions back if there are more than one cycle may
// do, and says so.
func (c *cycle) hold(gone []*departure, users, groups []*subject) (reason string) {
	held := map[string]bool{}
	for _, d := range gone {
		held[d.key] = true
	}
	for _, s := range slices.Concat(users, groups) {
		l := s.links[s.id]
		if l != nil && (s.inScope && s.softDeleted && !l.disabled || !s.inScope && !c.options.SkipOutOfScopeDeletions) {
			held[s.id] = true
		}
	}
	most := c.options.MaxDeletions
	if c.e.held = nil; most <= 0 || len(held) <= most || c.e.confirmed {
		return ""
	}
	c.e.held = held
	return fmt.Sprintf("the deletion threshold was met: %d users and groups are to be disabled or deleted, more than %d; an admin must allow it", len(held), most)
}

// remove deletes.
func (c *cycle) remove(d *departure) {
	x := c.write(nil, d.kind, d, d.endpoint+url.PathEscape(d.id), nil)
	if x.status != 404 && !c.accept(x, 204, 200) {
		return // tried again in a later cycle
	}
	c.state.Lock()
	defer c.state.Unlock()
	delete(d.links, d.key)
	c.deleted = append(c.deleted, tomb{d.endpoint, d.id, d.object})
	for _, g := range c.groups {
		delete(g.members, d.key)
	}
}

// user brings a user's attributes to the directory's state.
func (c *cycle) user(s *subject) {
	l := c.link(s.links, s.id)
	if !s.inScope {
		c.release(s, l)
		return
	}
	if l == nil || c.onDemand {
		x, id, ok := c.find(MatchUser, s, "/Users", "")
		switch {
		case !ok || id == "" && s.softDeleted: // who is disabled is not created (HOW)
			return
		case id == "":
			body := createUser(s.forCreate(c.e))
			if s.created = c.createUser(x, s.user, body); s.created {
				s.read = true
			}
			return
		case l == nil || l.id != id:
			l = &link{id: id, object: s.of.String()}
			c.setLink(s.links, s.id, l)
		}
	}
	got, x, ok := c.update(s, l, s.want)
	if !ok {
		return
	}
	if ref := c.e.user.reference; ref != nil {
		if s.manager, _ = ref.referenceOf(got); s.manager != "" && s.user.Manager == "" { // update has read it
			s.seen = x
		}
	}
	l.disabled, s.read = s.softDeleted, true
}

// find looks a subject up by its matching attributes.
func (c *cycle) find(kind Kind, s *subject, endpoint, query string) (x *exchange, id string, ok bool) {
	keys := s.rules(c.e).keys(&s.source)
	if len(keys) == 0 {
		c.advise(s.of.String() + " has no value for a matching attribute and is skipped")
		return nil, "", false
	}
	return c.match(kind, s.of, endpoint, query, keys)
}

// update reads a user and writes what differs.
func (c *cycle) update(s *subject, l *link, want []assignment) (got nodeObject, x *exchange, ok bool) {
	path := "/Users/" + url.PathEscape(l.id)
	got, diffs, x, ok := c.read(GetUser, s.of, path, "", l.id, want)
	if !ok {
		return nil, x, false
	}
	if ref := c.e.user.reference; ref != nil {
		if _, problem := ref.referenceOf(got); problem != "" {
			c.incompatible(x, problem)
			return nil, x, false
		}
	}
	if len(diffs) == 0 {
		return got, x, true
	}
	return got, x, c.patched(c.write(x, PatchUser, s.of, path, patch(c.dialect(s.id, 0).operations(diffs))), l.id)
}

// release disables a user who is no longer in scope, and manages it no more:
// "At that point, the service doesn't manage the user and a delete request
// isn't sent" (HOW, Known limitations). Only what depends on IsSoftDeleted is
// written; without such a mapping, nothing is. A group cannot be disabled, and
// what cannot is deleted.
func (c *cycle) release(s *subject, l *link) {
	if l == nil || c.options.SkipOutOfScopeDeletions {
		return
	}
	if s.group != nil {
		c.remove(&departure{l, DeleteGroup, "/Groups/", s.links, s.id})
		return
	}
	want := c.e.user.assignments(&s.source, forDisable)
	if len(want) > 0 {
		if _, _, ok := c.update(s, l, want); !ok {
			return
		}
	}
	c.state.Lock()
	defer c.state.Unlock()
	delete(s.links, s.id)
}

// createUser creates a user who was not found, and reports whether it did.
func (r *run) createUser(search *exchange, u *User, body object) bool {
	x := r.write(search, CreateUser, u, "/Users", body)
	if !r.accept(x, 201, 200) {
		return false
	}
	got, ok := r.resource(x, "")
	if !ok {
		return false
	}
	r.setLink(r.users, u.ID, &link{id: got.id(), object: u.String()})
	want := ""
	for _, f := range body {
		if f.name == "userName" {
			want = asText(f.value)
		}
	}
	if name, _ := got.get("userName").text(); name != want {
		r.fail(x, CodeIncompatible, fmt.Sprintf("userName %s, not %s", quote(want), got.get("userName").show()), "the identity provider takes it that the user was created as sent")
	}
	return true
}

// group brings a group's attributes to the directory's state.
func (c *cycle) group(s *subject) {
	l := c.link(s.links, s.id)
	if !s.inScope {
		c.release(s, l)
		return
	}
	if l == nil || c.onDemand {
		x, id, ok := c.find(MatchGroup, s, "/Groups", exceptMembers+"&")
		switch {
		case !ok:
			return
		case id == "":
			c.createGroup(x, s)
			return
		case l == nil || l.id != id:
			l = &link{id: id, object: s.of.String(), members: map[string]string{}, found: true}
			c.setLink(s.links, s.id, l)
		}
	}
	path := "/Groups/" + url.PathEscape(l.id)
	x, diffs, ok := c.readGroup(s, l)
	if !ok || len(diffs) > 0 && !c.patched(c.write(x, PatchGroup, s.of, path, patch(c.dialect(s.id, 0).operations(diffs))), l.id) {
		return
	}
	s.read = true
}

func (c *cycle) createGroup(search *exchange, s *subject) {
	x := c.write(search, CreateGroup, s.of, "/Groups", createGroup(s.forCreate(c.e)))
	if !c.accept(x, 201, 200) {
		return
	}
	if got, ok := c.resource(x, ""); ok {
		c.setLink(s.links, s.id, &link{id: got.id(), object: s.of.String(), members: map[string]string{}, known: true})
		s.created, s.read = true, true
	}
}

// readGroup reads a group as Entra always does, without its members.
func (c *cycle) readGroup(s *subject, l *link) (x *exchange, diffs []difference, ok bool) {
	got, diffs, x, ok := c.read(GetGroup, s.of, "/Groups/"+url.PathEscape(l.id), exceptMembers, l.id, s.want)
	if !ok {
		return x, nil, false
	}
	if members := got.get("members"); members != "" {
		if list, isList := members.array(); !isList || len(list) > 0 {
			c.fail(x, CodeMultipleEntries, "no members, as excludedAttributes=members asks",
				"Entra can take them for all there are and replace the members with the new ones alone")
		}
	}
	return x, diffs, true
}

// forget drops what is known of ids.
func (j *job) forget(ids func(id string) bool) {
	maps.DeleteFunc(j.watermark, func(id string, _ uint64) bool { return ids(id) })
	maps.DeleteFunc(j.escrow, func(id string, _ *escrow) bool { return ids(id) })
}
