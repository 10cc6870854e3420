package scimtest

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	exceptMembers = "excludedAttributes=members"
	onlyID        = "attributes=id"
)

type about string

func (a about) String() string { return string(a) }

// probe looks for a user and a group that do not exist.
func (r *run) probe() {
	kinds := []struct{ endpoint, query string }{
		{"/Users", filter(eq(r.options.MatchUsers[0], r.guid()))},
		{"/Groups", exceptMembers + "&" + filter(eq(r.options.MatchGroups[0], r.guid()))},
	}
	if r.options.UsersOnly {
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

// guid makes a random name.
func (r *run) guid() string {
	a, b := r.random.Uint64(), r.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// each does n pieces of work, several at a time, until the run is ended.
func (r *run) each(phase string, n int, work func(i int)) {
	if n == 0 || r.ctx.Err() != nil {
		return
	}
	tell := func(done int) {
		if r.options.Progress != nil {
			r.options.Progress(Progress{Run: r.report.Run, Phase: phase, Done: done, Total: n, Requests: r.sent})
		}
	}
	tell(0)
	var next atomic.Int64
	var done int
	var workers sync.WaitGroup
	for range min(n, r.options.Workers) {
		workers.Go(func() {
			for r.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				work(i)
				r.state.Lock()
				done++
				tell(done)
				r.state.Unlock()
			}
		})
	}
	workers.Wait()
}

// dialect is the one for the n-th request about an object.
func (r *run) dialect(object string, n int) Dialect {
	if r.options.Dialect != DialectMixed {
		return r.options.Dialect
	}
	h := fnv.New32a()
	h.Write([]byte(object))
	if (int(h.Sum32()>>8)+r.cycles+n)%2 == 0 {
		return DialectDefault
	}
	return DialectFlag
}

// link returns the link of a user or group, or nil.
func (r *run) link(links map[string]*link, id string) *link {
	r.state.Lock()
	defer r.state.Unlock()
	return links[id]
}

func (r *run) setLink(links map[string]*link, id string, l *link) {
	r.state.Lock()
	defer r.state.Unlock()
	links[id] = l
}

// target returns the endpoint's id of a user or group; "" if it has none.
func (r *run) target(id string) string {
	r.state.Lock()
	defer r.state.Unlock()
	for _, links := range []map[string]*link{r.users, r.groups} {
		if l := links[id]; l != nil {
			return l.id
		}
	}
	return ""
}

// cycle brings the endpoint to the directory's state.
func (r *run) cycle(d *Directory) {
	r.deletions(d)
	managers := make([]*managerState, len(d.Users))
	r.each("users", len(d.Users), func(i int) { managers[i] = r.user(&d.Users[i]) })
	r.each("groups", len(d.Groups), func(i int) { r.group(&d.Groups[i]) })
	r.references(d, managers)
}

// deletions deletes what is linked and no longer in the directory.
func (r *run) deletions(d *Directory) {
	type deletion struct {
		kind     Kind
		endpoint string
		links    map[string]*link
		key      string
	}
	var all []deletion
	keep := map[string]bool{}
	for _, u := range d.Users {
		keep[u.ID] = true
	}
	for _, g := range d.Groups {
		keep[g.ID] = true
	}
	for key := range r.users {
		if !keep[key] {
			all = append(all, deletion{DeleteUser, "/Users/", r.users, key})
		}
	}
	for key := range r.groups {
		if !keep[key] {
			all = append(all, deletion{DeleteGroup, "/Groups/", r.groups, key})
		}
	}
	slices.SortFunc(all, func(a, b deletion) int { return strings.Compare(a.key, b.key) })
	r.each("deletions", len(all), func(i int) {
		del := all[i]
		l := r.link(del.links, del.key)
		x := r.send(del.kind, about(l.object), del.endpoint+url.PathEscape(l.id), "", nil)
		if !r.accept(x, 204, 200) && x.status != 404 {
			return // tried again in the next cycle
		}
		r.state.Lock()
		defer r.state.Unlock()
		delete(del.links, del.key)
		r.deleted = append(r.deleted, tomb{del.endpoint, l.id, l.object})
		for _, g := range r.groups {
			delete(g.members, del.key)
		}
	})
}

// match looks an object up by its matching attributes. It returns the
// endpoint's id, or "" if there is none; ok is false if Entra could not tell
// and leaves the object alone in this cycle.
func (r *run) match(kind Kind, of fmt.Stringer, endpoint, query string, by []string, attributes []assignment) (id string, ok bool) {
	for _, path := range by {
		i := slices.IndexFunc(attributes, func(a assignment) bool { return a.path == path })
		if i < 0 {
			continue // the object has no value there
		}
		value := fmt.Sprint(attributes[i].value)
		x := r.send(kind, of, endpoint, query+filter(eq(path, value)), nil)
		if !r.accept(x, 200) {
			return "", false
		}
		found, ok := r.list(x)
		if !ok {
			return "", false
		}
		for _, f := range found {
			if have, _ := attributes[i].lookup(f); !strings.EqualFold(fmt.Sprint(have), value) {
				r.fail(x, CodeIncompatible, fmt.Sprintf("a match whose %s is %s, not %s", path, quote(value), show(have)),
					"an endpoint that ignores the filter makes Entra overwrite other people's accounts")
				return "", false
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0]["id"].(string), true // list checked it
		}
		r.fail(x, CodeDuplicates, "at most one match", "Entra cannot tell which one is meant and skips the object")
		return "", false
	}
	return "", true
}

// read reads an object by id and reports how it differs from the directory.
func (r *run) read(kind Kind, of fmt.Stringer, path, query, id string, want []assignment) (got map[string]any, diffs []difference, x *exchange, ok bool) {
	x = r.send(kind, of, path, query, nil)
	if !r.accept(x, 200) {
		return nil, nil, x, false
	}
	if got, ok = r.resource(x, id); !ok {
		return nil, nil, x, false
	}
	diffs, problems := differences(want, got)
	for _, p := range problems {
		r.incompatible(x, p)
	}
	return got, diffs, x, true
}

func (r *run) incompatible(x *exchange, problem string) {
	r.fail(x, CodeIncompatible, "values of the schema's types: "+problem, "Entra cannot read the object and changes nothing about it")
}

// patched checks the answer to a PATCH: it may have no body, and a body need
// not be complete, but must be of the same resource.
func (r *run) patched(x *exchange, id string) bool {
	if !r.accept(x, 204, 200) {
		return false
	}
	if x.status == 200 && len(x.answer) > 0 {
		_, ok := r.resource(x, id)
		return ok
	}
	return true
}

// managerState is what the endpoint said about a user's manager.
type managerState struct {
	id      string // the endpoint's id of the manager; "" for none
	created bool   // the user was created in this cycle
}

// user brings a user's attributes to the directory's state, and returns what
// is known of its manager; nil if the user is to be left alone.
func (r *run) user(u *User) *managerState {
	want := u.assignments()
	l := r.link(r.users, u.ID)
	if l == nil {
		id, ok := r.match(MatchUser, u, "/Users", "", r.options.MatchUsers, want)
		if !ok || id == "" && u.Disabled { // who is disabled is not created
			return nil
		}
		if id == "" {
			return r.createUser(u)
		}
		l = &link{id: id, object: u.String()}
		r.setLink(r.users, u.ID, l)
	}
	path := "/Users/" + url.PathEscape(l.id)
	got, diffs, x, ok := r.read(GetUser, u, path, "", l.id, want)
	if !ok {
		return nil
	}
	manager, problem := managerOf(got)
	if problem != "" {
		r.incompatible(x, problem)
		return nil
	}
	if len(diffs) > 0 {
		x := r.send(PatchUser, u, path, "", patch(r.dialect(u.ID, 0).operations(diffs)))
		if !r.patched(x, l.id) {
			return nil
		}
	}
	return &managerState{id: manager}
}

func (r *run) createUser(u *User) *managerState {
	x := r.send(CreateUser, u, "/Users", "", createUser(u))
	if !r.accept(x, 201, 200) {
		return nil
	}
	got, ok := r.resource(x, "")
	if !ok {
		return nil
	}
	r.setLink(r.users, u.ID, &link{id: got["id"].(string), object: u.String()}) // resource checked the id
	if name, _ := member(got, "userName"); name != u.UserPrincipalName {
		r.fail(x, CodeIncompatible, fmt.Sprintf("userName %s, not %s", quote(u.UserPrincipalName), show(name)), "Entra takes it that the user was created as sent")
	}
	return &managerState{created: true}
}

// group brings a group's attributes to the directory's state.
func (r *run) group(g *Group) {
	want := g.assignments()
	l := r.link(r.groups, g.ID)
	if l == nil {
		id, ok := r.match(MatchGroup, g, "/Groups", exceptMembers+"&", r.options.MatchGroups, want)
		if !ok {
			return
		}
		if id == "" {
			x := r.send(CreateGroup, g, "/Groups", "", createGroup(g))
			if !r.accept(x, 201, 200) {
				return
			}
			if got, ok := r.resource(x, ""); ok {
				r.setLink(r.groups, g.ID, &link{id: got["id"].(string), object: g.String(), members: map[string]bool{}, known: true})
			}
			return
		}
		l = &link{id: id, object: g.String(), members: map[string]bool{}}
		r.setLink(r.groups, g.ID, l)
	}
	path := "/Groups/" + url.PathEscape(l.id)
	_, diffs, ok := r.readGroup(g, l, want)
	if ok && len(diffs) > 0 {
		r.patched(r.send(PatchGroup, g, path, "", patch(r.dialect(g.ID, 0).operations(diffs))), l.id)
	}
}

// readGroup reads a group as Entra always does, without its members.
func (r *run) readGroup(g *Group, l *link, want []assignment) (x *exchange, diffs []difference, ok bool) {
	got, diffs, x, ok := r.read(GetGroup, g, "/Groups/"+url.PathEscape(l.id), exceptMembers, l.id, want)
	if !ok {
		return x, nil, false
	}
	if members, _ := member(got, "members"); members != nil {
		if list, isList := members.([]any); !isList || len(list) > 0 {
			r.fail(x, CodeMultipleEntries, "no members, as excludedAttributes=members asks",
				"Entra can take them for all there are and replace the members with the new ones alone")
		}
	}
	return x, diffs, true
}

// references writes managers and members, when everything they name exists.
func (r *run) references(d *Directory, managers []*managerState) {
	var todo []func()
	for i := range d.Users {
		u, state := &d.Users[i], managers[i]
		if state == nil {
			continue
		}
		want := ""
		if u.Manager != "" {
			if want = r.target(u.Manager); want == "" {
				continue // a manager who was never provisioned is left out
			}
		}
		if want != state.id {
			todo = append(todo, func() { r.manager(u, state, want) })
		}
	}
	r.each("references", len(todo), func(i int) { todo[i]() })

	todo = nil
	for i := range d.Groups {
		g := &d.Groups[i]
		l := r.link(r.groups, g.ID)
		if l == nil {
			continue
		}
		todo = append(todo, r.members(g, l)...)
	}
	r.each("members", len(todo), func(i int) { todo[i]() })
	if r.ctx.Err() == nil {
		for _, g := range d.Groups {
			if l := r.groups[g.ID]; l != nil {
				l.known = true
			}
		}
	}
}

func (r *run) manager(u *User, state *managerState, want string) {
	id := r.link(r.users, u.ID).id
	if want != "" && !state.created {
		if there, ok := r.check(CheckManager, u, "/Users", eq("id", id)+" and "+eq("manager", want), id); !ok || there {
			return
		}
	}
	ops := r.dialect(u.ID, 1).manager(want, state.id)
	r.patched(r.send(PatchManager, u, "/Users/"+url.PathEscape(id), "", patch(ops)), id)
}

// check asks whether an object has a reference already.
func (r *run) check(kind Kind, of fmt.Stringer, endpoint, expression, id string) (there, ok bool) {
	x := r.send(kind, of, endpoint, onlyID+"&"+filter(expression), nil)
	if !r.accept(x, 200) {
		return false, false
	}
	found, ok := r.list(x)
	if ok && (len(found) > 1 || len(found) == 1 && found[0]["id"] != id) {
		r.fail(x, CodeIncompatible, fmt.Sprintf("%q or nothing", id), "an endpoint that ignores part of the filter misleads Entra")
		return false, false
	}
	return len(found) == 1, ok
}

// members plans the changes of a group's members: each step is one request,
// and the steps may run at once. Where Entra does not know the members, for it
// did not create the group, it asks first.
func (r *run) members(g *Group, l *link) (steps []func()) {
	var add, remove []string
	for _, m := range g.Members {
		if !l.members[m] && r.target(m) != "" {
			add = append(add, m)
		}
	}
	for m := range l.members {
		if !slices.Contains(g.Members, m) {
			remove = append(remove, m)
		}
	}
	slices.Sort(remove)
	path := "/Groups/" + url.PathEscape(l.id)
	n := 0
	step := func(ids []string, present bool) {
		n++
		d := r.dialect(g.ID, n)
		steps = append(steps, func() {
			if present && !l.known {
				ids = r.missing(g, l, ids)
			}
			if len(ids) == 0 {
				return
			}
			targets := make([]string, len(ids))
			for i, id := range ids {
				targets[i] = r.target(id)
			}
			ops := d.removeMembers(targets)
			if present {
				ops = d.addMembers(targets)
			}
			if !r.patched(r.send(PatchMembers, g, path, "", patch(ops)), l.id) {
				return // tried again in the next cycle
			}
			r.state.Lock()
			defer r.state.Unlock()
			for _, id := range ids {
				delete(l.members, id)
				if present {
					l.members[id] = true
				}
			}
		})
	}
	for ids := range slices.Chunk(remove, r.options.MembersPerPatch) {
		step(ids, false)
	}
	for ids := range slices.Chunk(add, r.options.MembersPerPatch) {
		step(ids, true)
	}
	return steps
}

// missing leaves those out that are members already, and remembers them.
func (r *run) missing(g *Group, l *link, ids []string) (missing []string) {
	for _, id := range ids {
		there, ok := r.check(CheckMember, g, "/Groups", eq("id", l.id)+" and "+eq("members", r.target(id)), l.id)
		switch {
		case there:
			r.state.Lock()
			l.members[id] = true
			r.state.Unlock()
		case ok:
			missing = append(missing, id)
		}
	}
	return missing
}
