package idp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// A Client plays an identity provider other than Entra against one endpoint:
// [NewOkta], [NewOneLogin], [NewJumpCloud] and [NewRFC] make one. Like the real
// ones it remembers the ids that the endpoint gave. Its methods may be called
// concurrently, but do one thing at a time.
//
// None of the real ones resolves a manager to the endpoint's id, and none
// knows groups in groups: managers are left out, and groups among members too.
type Client struct {
	*connection
	manner manner
}

// A manner is what an identity provider does in its own way.
type manner struct {
	name    string
	headers http.Header
	test    func(*push) // of the connection

	imports    []string                             // the endpoints that are read as a whole; groups are then found there
	page       func(start int) string               // the query of one page of that
	pageSize   int                                  // 0: the endpoint's
	search     func(attribute, value string) string // the query of a search
	mayBe404   bool                                 // the answer to a search without a match
	schemas    []string                             // of a user; if none, those that are used (RFC 7643 §3)
	attributes []fixed                              // of a user
	also       func(*User) []field                  // in the POST of a user, not read again
	update     func(*push, *change) bool
	deletes    bool // users who have left; otherwise they are deactivated
	externalID bool // of groups
	fillsLater bool // groups are created without members
	display    bool // of members
	regroup    func(*push, *groupChange)
}

// A change is one of a user that exists at the endpoint.
type change struct {
	of    fmt.Stringer
	id    string
	got   map[string]any // what the endpoint returned
	diffs []difference
	read  *exchange // where they were seen
	body  object    // the whole user; nothing for one who has left
}

func (c *change) path() string { return "/Users/" + url.PathEscape(c.id) }

// A groupChange is one of a group that exists at the endpoint. Members are
// given by the endpoint's ids.
type groupChange struct {
	of          *Group
	id          string
	got         map[string]any
	diffs       []difference
	read        *exchange // where they were seen
	add, remove []string
	want        []string // all members
	matched     bool     // the group was not created by this Client
}

func (c *groupChange) path() string { return "/Groups/" + url.PathEscape(c.id) }

// A fixed mapping says where a user's property goes.
type fixed struct {
	target
	from func(*User) any // a string or a bool; the empty string is not sent
}

func text(path string, from func(*User) string) fixed {
	return fixed{parseTarget(path), func(u *User) any { return from(u) }}
}

// A push is one run of a Client.
type push struct {
	*run
	manner
	names    map[string]string   // of users, by the endpoint's ids
	imported map[string][]string // the groups' ids by displayName
}

func newClient(baseURL, token string, options *Options, m manner) (*Client, error) {
	c, err := connect(baseURL, token, options)
	if err != nil {
		return nil, err
	}
	c.header, c.anyJSON = m.headers, true
	c.verdict = func(x *exchange) (code, why string) {
		code, _ = x.verdict()
		return code, m.name + " " + cmp.Or(consequences[code], "shows the answer to the admin and leaves the object as it is until the next attempt")
	}
	return &Client{c, m}, nil
}

// consequences are what comes of an answer that was not wanted.
var consequences = map[string]string{
	CodeUnauthorized:       "can do nothing until an admin enters a token that works",
	CodeInsufficientRights: "can do nothing until an admin enters a token that works",
	CodeUnavailable:        "cannot reach the endpoint",
	CodeTimeout:            "takes a late answer for none",
	CodeInvalidAnchor:      "goes on with the id that the endpoint gave and does not create the object again",
	CodeMethodNotAllowed:   "cannot do without this method",
	CodeNotImplemented:     "cannot do without this method",
	CodeConflict:           "does not link the object and shows the answer to the admin",
}

// ResetLinks forgets the ids that the endpoint gave. The next cycle looks
// every object up by name again.
func (c *Client) ResetLinks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

// TestConnection does what the identity provider does when its admin sets the
// connection up. Its error is the Report's.
func (c *Client) TestConnection(ctx context.Context) (*Report, error) {
	return c.run(ctx, "Test Connection", func(r *run) error {
		c.manner.test(&push{run: r, manner: c.manner})
		return nil
	})
}

// Sync brings the endpoint to the directory's state. The first cycle looks
// each object up and creates what is not there; later ones read each object
// by the id that the endpoint gave and write only what differs.
//
// The real ones write when something changes in their directory. Sync looks
// at everything, as when an admin has all of it pushed again.
//
// A failure does not end the cycle, unless the token is refused. Sync's error
// is the Report's, so it is nil only if all went right; the Report is never nil.
func (c *Client) Sync(ctx context.Context, d Directory) (*Report, error) {
	c.mu.Lock()
	name := "incremental cycle"
	if c.cycles == 0 {
		name = "initial cycle"
	}
	c.mu.Unlock()
	return c.work(ctx, name, d, (*push).cycle)
}

// Verify checks that the endpoint holds what the directory does: every
// attribute that is pushed, active, and exactly the members of each group;
// that each user is found by userName, once; and that who has left is gone, or
// inactive where the identity provider deletes nobody. It only reads. Its
// error is the Report's.
func (c *Client) Verify(ctx context.Context, d Directory) (*Report, error) {
	return c.work(ctx, "verification", d, (*push).verify)
}

func (c *Client) work(ctx context.Context, name string, d Directory, do func(*push, *Directory)) (*Report, error) {
	return c.run(ctx, name, func(r *run) error {
		if err := d.Validate(); err != nil {
			return err
		}
		d := d.Clone()
		if r.options.UsersOnly {
			d.Groups = nil
		}
		do(&push{run: r, manner: c.manner}, &d)
		return nil
	})
}

// cycle brings the endpoint to the directory's state.
func (p *push) cycle(d *Directory) {
	p.readAll(d)
	p.departures(d)
	p.each("users", len(d.Users), func(i int) { p.user(&d.Users[i]) })
	p.names = map[string]string{}
	for _, u := range d.Users {
		p.names[p.target(u.ID)] = u.UserPrincipalName
	}
	p.each("groups", len(d.Groups), func(i int) { p.group(&d.Groups[i]) })
	if p.ctx.Err() == nil {
		p.cycles++
	}
}

// readAll imports users in the first cycle, and groups whenever one is to be
// found among them.
func (p *push) readAll(d *Directory) {
	var endpoints []string
	for _, endpoint := range p.imports {
		if endpoint == "/Users" && p.cycles == 0 ||
			endpoint == "/Groups" && slices.ContainsFunc(d.Groups, func(g Group) bool { return p.groups[g.ID] == nil }) {
			endpoints = append(endpoints, endpoint)
		}
	}
	p.imported = map[string][]string{}
	p.each("import", len(endpoints), func(i int) {
		for _, resource := range p.pages(endpoints[i]) {
			if name, ok := resource.get("displayName").text(); ok && endpoints[i] == "/Groups" {
				p.imported[name] = append(p.imported[name], resource.id())
			}
		}
	})
}

// pages reads all there is at an endpoint.
func (p *push) pages(endpoint string) (all []nodeObject) {
	kind := ImportUsers
	if endpoint == "/Groups" {
		kind = ImportGroups
	}
	seen := map[string]bool{}
	for start := 1; p.ctx.Err() == nil; {
		x := p.send(kind, about("everything at "+endpoint), endpoint, p.page(start), nil)
		found, total, ok := p.onePage(x)
		if !ok {
			return all
		}
		for _, resource := range found {
			id := resource.id()
			if seen[id] {
				p.fail(x, CodeIncompatible, fmt.Sprintf("id %q on one page alone", id),
					"pages that are not of one order (RFC 7644 §3.4.2.4) make "+p.name+" miss other objects")
				return all
			}
			seen[id] = true
		}
		all = append(all, found...)
		start += len(found)
		switch {
		case start > total || len(found) == 0:
			return all
		case p.pageSize > 0 && len(found) < p.pageSize:
			p.fail(x, CodeIncompatible, fmt.Sprintf("%d resources on every page but the last", p.pageSize),
				fmt.Sprintf("%s goes on at startIndex+%d and misses the others", p.name, p.pageSize))
			return all
		}
	}
	return all
}

// onePage reads a page. Where the identity provider sets its size, startIndex
// and itemsPerPage must be numbers, and the page not larger.
func (p *push) onePage(x *exchange) (found []nodeObject, total int, ok bool) {
	if !p.accept(x, 200) {
		return nil, 0, false
	}
	if found, ok = p.list(x); !ok {
		return nil, 0, false
	}
	var head struct{ TotalResults, StartIndex, ItemsPerPage *float64 }
	if err := json.Unmarshal(x.answer, &head); err != nil || p.pageSize > 0 && (head.StartIndex == nil || head.ItemsPerPage == nil) {
		p.failOnce(x, CodeIncompatible, "the numbers totalResults, startIndex and itemsPerPage", p.name+" pages by them and reads no strings")
		return nil, 0, false
	}
	return found, int(*head.TotalResults), true // list checked it
}

// find looks an object up. It returns the endpoint's id, or "" if there is
// none; ok is false if the answer does not tell.
func (p *push) find(kind Kind, of fmt.Stringer, endpoint, attribute, value string) (x *exchange, id string, ok bool) {
	x = p.send(kind, of, endpoint, p.search(attribute, value), nil)
	if x.status == 404 && p.mayBe404 {
		return x, "", true
	}
	if !p.accept(x, 200) {
		return x, "", false
	}
	id, ok = p.only(x, parseTarget(attribute), value)
	return x, id, ok
}

// wanted is what the attributes make of a user.
func (p *push) wanted(u *User) (out []assignment) {
	for _, m := range p.attributes {
		if v := m.from(u); v != "" {
			out = append(out, assignment{m.target, v})
		}
	}
	return out
}

func (p *push) userBody(want []assignment) object {
	schemas := p.schemas
	if schemas == nil {
		schemas = []string{userURN}
		if slices.ContainsFunc(want, func(a assignment) bool { return a.urn == enterpriseURN }) {
			schemas = append(schemas, enterpriseURN)
		}
	}
	body := object{{"schemas", schemas}}
	for _, a := range want {
		body.set(a.target, a.value)
	}
	return body
}

// user brings a user to the directory's state.
func (p *push) user(u *User) {
	want := p.wanted(u)
	body := p.userBody(want)
	l := p.link(p.users, u.ID)
	if l == nil {
		x, id, ok := p.find(MatchUser, u, "/Users", "userName", u.UserPrincipalName)
		if !ok || id == "" && u.SoftDeleted() { // who is disabled is not created
			return
		}
		if id == "" {
			if p.also != nil {
				body = append(body, p.also(u)...)
			}
			p.createUser(x, u, body)
			return
		}
		l = &link{id: id, object: u.String()}
		p.setLink(p.users, u.ID, l)
	}
	c := &change{of: u, id: l.id, body: body}
	got, diffs, x, ok := p.read(GetUser, u, c.path(), "", l.id, want)
	if ok && len(diffs) > 0 {
		c.got, c.diffs, c.read = got.tree(), diffs, x
		p.update(p, c)
	}
}

// departures deletes or deactivates who is no longer in the directory, and
// deletes the groups that are not.
func (p *push) departures(d *Directory) {
	keep := map[string]bool{}
	for _, u := range d.Users {
		keep[u.ID] = true
	}
	for _, g := range d.Groups {
		keep[g.ID] = true
	}
	var gone []string
	for _, links := range []map[string]*link{p.users, p.groups} {
		for key := range links {
			if !keep[key] {
				gone = append(gone, key)
			}
		}
	}
	slices.Sort(gone)
	p.each("deletions", len(gone), func(i int) {
		links, kind, endpoint := p.users, DeleteUser, "/Users/"
		l := p.link(p.users, gone[i])
		if l == nil {
			links, kind, endpoint = p.groups, DeleteGroup, "/Groups/"
			l = p.link(p.groups, gone[i])
		}
		if kind == DeleteUser && !p.deletes {
			if !p.deactivate(l) {
				return // tried again in the next cycle
			}
		} else if x := p.write(nil, kind, about(l.object), endpoint+url.PathEscape(l.id), nil); x.status != 404 && !p.accept(x, 204, 200) {
			return // likewise
		}
		p.state.Lock()
		defer p.state.Unlock()
		delete(links, gone[i])
		p.deleted = append(p.deleted, tomb{endpoint, l.id, l.object})
	})
}

func (p *push) deactivate(l *link) bool {
	c := &change{of: about(l.object), id: l.id}
	got, diffs, x, ok := p.read(GetUser, c.of, c.path(), "", l.id, []assignment{{parseTarget("active"), false}})
	if !ok || len(diffs) == 0 {
		return ok
	}
	c.got, c.diffs, c.read = got.tree(), diffs, x
	return p.update(p, c)
}

// memberIDs are the endpoint's ids of those of a group's members that are
// users there.
func (p *push) memberIDs(g *Group) []string {
	ids := []string{}
	for _, m := range g.Members {
		if l := p.link(p.users, m); l != nil {
			ids = append(ids, l.id)
		}
	}
	return ids
}

func (p *push) memberObjects(ids []string) []object {
	objects := []object{} // never null
	for _, id := range ids {
		o := object{{"value", id}}
		if p.display {
			o = append(o, field{"display", p.names[id]})
		}
		objects = append(objects, o)
	}
	return objects
}

// group brings a group and its members to the directory's state.
func (p *push) group(g *Group) {
	want := p.memberIDs(g)
	l := p.link(p.groups, g.ID)
	matched := false
	if l == nil {
		x, id, ok := p.findGroup(g)
		if !ok {
			return
		}
		if matched = id != ""; !matched {
			if id, ok = p.createGroup(x, g, want); !ok {
				return
			}
		}
		l = &link{id: id, object: g.String()}
		p.setLink(p.groups, g.ID, l)
		if !matched && (!p.fillsLater || len(want) == 0) {
			return
		}
	}
	c := &groupChange{of: g, id: l.id, want: want, matched: matched}
	got, diffs, x, ok := p.read(GetGroup, g, c.path(), "", l.id, p.wantedOf(g))
	if !ok {
		return
	}
	have, problem := memberIDs(got)
	if problem != "" {
		p.incompatible(x, problem)
		return
	}
	c.got, c.diffs, c.read = got.tree(), diffs, x
	c.add, c.remove = without(want, have), without(have, want)
	if len(diffs) > 0 || len(c.add)+len(c.remove) > 0 {
		p.regroup(p, c)
	}
}

func (p *push) wantedOf(g *Group) []assignment {
	want := []assignment{{parseTarget("displayName"), g.DisplayName}}
	if p.externalID {
		want = append(want, assignment{parseTarget("externalId"), g.ID})
	}
	return want
}

// findGroup looks a group up, or finds it among those that were imported, in
// which case there is no exchange about it alone.
func (p *push) findGroup(g *Group) (x *exchange, id string, ok bool) {
	if !slices.Contains(p.imports, "/Groups") {
		return p.find(MatchGroup, g, "/Groups", "displayName", g.DisplayName)
	}
	switch ids := p.imported[g.DisplayName]; len(ids) {
	case 0:
		return nil, "", true
	case 1:
		return nil, ids[0], true
	}
	p.fail(&exchange{object: g.String()}, CodeDuplicates, "one group of the name", p.name+" cannot tell which one is meant and skips the group")
	return nil, "", false
}

func (p *push) createGroup(search *exchange, g *Group, members []string) (id string, ok bool) {
	x := p.write(search, CreateGroup, g, "/Groups", p.groupBody(g, members))
	if !p.accept(x, 201, 200) {
		return "", false
	}
	got, ok := p.resource(x, "")
	if !ok {
		return "", false
	}
	return got.id(), true
}

// groupBody is a whole group; without its members, if they follow.
func (p *push) groupBody(g *Group, members []string) object {
	body := object{{"schemas", []string{groupURN}}}
	for _, a := range p.wantedOf(g) {
		body.set(a.target, a.value)
	}
	if !p.fillsLater {
		body = append(body, field{"members", p.memberObjects(members)})
	}
	return body
}

// verify compares the endpoint with the directory.
func (p *push) verify(d *Directory) {
	p.each("users", len(d.Users), func(i int) {
		u := &d.Users[i]
		l := p.link(p.users, u.ID)
		if l == nil {
			if !u.SoftDeleted() {
				p.missed(u)
			}
			return
		}
		_, diffs, x, ok := p.read(GetUser, u, "/Users/"+url.PathEscape(l.id), "", l.id, p.wanted(u))
		if !ok {
			return
		}
		p.differences(x, diffs)
		if x, found, ok := p.find(MatchUser, u, "/Users", "userName", u.UserPrincipalName); ok && found != l.id {
			p.unfound(x, "userName", l.id, found, p.name+" would create the user a second time")
		}
	})
	p.each("groups", len(d.Groups), func(i int) {
		g := &d.Groups[i]
		l := p.link(p.groups, g.ID)
		if l == nil {
			p.missed(g)
			return
		}
		got, diffs, x, ok := p.read(GetGroup, g, "/Groups/"+url.PathEscape(l.id), "", l.id, p.wantedOf(g))
		if ok {
			p.differences(x, diffs)
			p.sameMembers(x, got, p.memberIDs(g), nil)
		}
	})
	back := map[string]bool{} // who has come back is somebody's again
	for _, l := range p.users {
		back[l.id] = true
	}
	gone := slices.DeleteFunc(slices.Clone(p.deleted), func(t tomb) bool { return back[t.id] })
	p.each("deletions", len(gone), func(i int) { p.verifyGone(gone[i]) })
}

func (p *push) verifyGone(t tomb) {
	kind := GetUser
	if t.endpoint == "/Groups/" {
		kind = GetGroup
	}
	path := t.endpoint + url.PathEscape(t.id)
	if kind == GetUser && !p.deletes {
		_, diffs, x, ok := p.read(kind, about(t.object), path, "", t.id, []assignment{{parseTarget("active"), false}})
		if ok {
			p.differences(x, diffs)
		}
		return
	}
	if x := p.send(kind, about(t.object), path, "", nil); x.err != nil || x.status != 404 {
		p.fail(x, CodeDifference, "404 Not Found", "it was deleted")
	}
}
