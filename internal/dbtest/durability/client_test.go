package durability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A crew is clients of one tenant that work at the same time, each in people and
// teams of its own and all in what they share.
type crew struct {
	tenant  string
	clients []*client

	persists bool // clients who are not answered ask what became of it, and go on

	teams  []string // ids of groups that all put their people into
	heroes []string // ids of users on whom each client has a counter
	races  atomic.Int64
}

// A client keeps a record of what it was told.
type client struct {
	crew *crew
	name string
	http *http.Client
	base string // of the endpoint, with the tenant
	t    *testing.T

	people   []*person
	teams    []*team
	counters map[string]int // by hero
	trophies []*person      // whose names all clients raced for, and this one has
	refused  []string       // names that others have
	lastRace int64
	serial   int // of marks

	answers atomic.Int64   // acknowledged requests
	silence error          // why the last request was not answered
	doubt   *operation     // which one it was, if it writes
	done    map[string]int // acknowledged operations by kind
	wrong   bool
}

type person struct {
	id         string
	name, mark string          // what its attributes are made of, all of them at once
	in         map[string]bool // ids of shared teams
}

type team struct {
	id, name string
	members  []string
}

func clientName(i int) string { return fmt.Sprintf("c%02d", i) }

// newCrew returns n clients, of whom the first is called by the number first.
func newCrew(t *testing.T, tenant string, first, n int) *crew {
	if first+n > mostClients {
		t.Fatalf("%d clients, of which none has a counter beyond %d", first+n, mostClients)
	}
	c := &crew{tenant: tenant}
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	t.Cleanup(transport.CloseIdleConnections)
	for i := range n {
		c.clients = append(c.clients, &client{
			crew: c, name: clientName(first + i), t: t, http: &http.Client{Transport: transport, Timeout: patience},
			counters: map[string]int{}, done: map[string]int{}, lastRace: -1,
		})
	}
	return c
}

// setUp creates what the clients share.
func (c *crew) setUp(t *testing.T) {
	t.Helper()
	first := c.clients[0]
	for i := range 3 {
		first.must(t, first.newTeam(fmt.Sprintf("shared team %d", i), nil))
		c.teams = append(c.teams, first.teams[0].id)
		first.teams = nil
	}
	for i := range 2 {
		p := &person{name: fmt.Sprintf("hero %d", i), mark: "m0"}
		first.must(t, first.hire(p, func() { c.heroes = append(c.heroes, p.id) }))
	}
}

func (c *client) must(t *testing.T, o *operation) {
	t.Helper()
	if !c.do(t.Context(), o) {
		t.Fatalf("%s %s %s was not done", o.method, o.path, o.body)
	}
}

// run has the client work until the context ends.
func (c *client) run(ctx context.Context) {
	c.silence = nil
	for ctx.Err() == nil && !c.wrong {
		if c.do(ctx, c.next()) {
			continue
		}
		if !c.crew.persists {
			return
		}
		time.Sleep(10 * time.Millisecond)
		c.settle(context.WithoutCancel(ctx))
	}
}

// An operation is a write, and how to find out whether it took effect, by the
// first thing that it changes: whether the rest of it did too is seen when the
// record is compared with what is there.
type operation struct {
	kind               string
	method, path, body string
	status             int               // of success
	taken              func()            // records that the answer was 409; nil: it must not be
	query              string            // finds one resource if it took effect
	gone               bool              // or none
	record             func(id string)   // records that it took effect
	look               func(body []byte) // instead of all of this, what an answer to GET must be
}

// do sends a request and records its answer. It reports false if there was none.
func (c *client) do(ctx context.Context, o *operation) bool {
	status, body, err := c.send(ctx, o.method, o.path, o.body)
	switch {
	case err != nil, status == http.StatusServiceUnavailable:
		c.silence = fmt.Errorf("%s %s: %d %s %w", o.method, o.path, status, body, err)
		if o.look == nil {
			c.doubt = o
		}
		return false
	case status == http.StatusConflict && o.taken != nil:
		o.taken()
	case status != o.status:
		c.fail("%s %s\n%s\n  answer: %d %s\n    want: %d", o.method, o.path, o.body, status, body, o.status)
		return false
	case o.look != nil:
		o.look(body)
	default:
		o.record(idIn(body))
	}
	c.done[o.kind]++
	c.answers.Add(1)
	return true
}

// fail reports what is wrong and has the client stop: all that follows would be.
func (c *client) fail(format string, args ...any) {
	c.wrong = true
	c.t.Errorf(c.crew.tenant+", "+c.name+": "+format, args...)
}

// send returns the status and the body of an answer. It does not end with the
// context, but a service that is not there is given up with it.
func (c *client) send(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.crew.tenant)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// idIn returns the id of a resource, or of the only one in a list.
func idIn(body []byte) string {
	var answer struct {
		ID        string
		Resources []struct{ ID string }
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Resources) == 1 {
		return answer.Resources[0].ID
	}
	return answer.ID
}

// settle asks until it knows whether what was not answered took effect.
func (c *client) settle(ctx context.Context) {
	o := c.doubt
	if o == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, body, err := c.send(ctx, http.MethodGet, o.query, "")
		switch {
		case err == nil && status == http.StatusOK:
			c.doubt = nil
			var list struct{ TotalResults int }
			if err := json.Unmarshal(body, &list); err != nil || list.TotalResults > 1 {
				c.fail("GET %s: %s", o.query, body)
			} else if (list.TotalResults == 1) != o.gone {
				o.record(idIn(body))
			}
			return
		case err == nil && status != http.StatusServiceUnavailable:
			c.fail("GET %s\n  answer: %d %s", o.query, status, body)
			return
		}
		select {
		case <-ctx.Done():
			c.fail("GET %s: %d, %v, and no answer in time", o.query, status, err)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// next returns something to do.
func (c *client) next() *operation {
	const most = 10 // people and teams of a client
	for {
		var p *person
		if len(c.people) > 0 {
			p = c.people[rand.N(len(c.people))]
		}
		switch n := rand.N(100); {
		case n < 18 && len(c.people) < most || p == nil:
			p := &person{name: c.freeName(), mark: c.newMark()}
			return c.hire(p, func() { c.people = append(c.people, p) })
		case n < 28:
			return c.mark(p)
		case n < 36:
			return c.rename(p)
		case n < 52:
			return c.join(c.crew.teams[rand.N(len(c.crew.teams))])
		case n < 64:
			return c.leave(c.crew.teams[rand.N(len(c.crew.teams))])
		case n < 70:
			return c.count(c.crew.heroes[rand.N(len(c.crew.heroes))])
		case n < 76 && len(c.teams) < most:
			c.serial++
			return c.newTeam(fmt.Sprintf("%s team %d", c.name, c.serial), c.some(2))
		case n < 80 && len(c.teams) > 0:
			return c.replace(c.teams[rand.N(len(c.teams))])
		case n < 83 && len(c.teams) > 0:
			return c.disband(c.teams[rand.N(len(c.teams))])
		case n < 90:
			return c.dismiss(p)
		case n < 94:
			if race := c.crew.races.Add(1) / int64(len(c.crew.clients)); race != c.lastRace {
				c.lastRace = race
				return c.race(fmt.Sprintf("race-%d", race))
			}
		default:
			return c.look(p)
		}
	}
}

func (c *client) newMark() string {
	c.serial++
	return fmt.Sprintf("m%d", c.serial)
}

// freeName returns one of few names, so that each is used again and again.
func (c *client) freeName() string {
	for {
		name := fmt.Sprintf("%s-%d", c.name, rand.N(15))
		if !slices.ContainsFunc(c.people, func(p *person) bool { return p.name == name }) {
			return name
		}
	}
}

// some returns the ids of up to n of the client's people.
func (c *client) some(n int) (ids []string) {
	for _, at := range rand.Perm(len(c.people)) {
		if len(ids) < n {
			ids = append(ids, c.people[at].id)
		}
	}
	return ids
}

func filter(endpoint, format string, args ...any) string {
	return "/" + endpoint + "?filter=" + url.QueryEscape(fmt.Sprintf(format, args...))
}

func members(ids []string) string {
	list := []byte{}
	for _, id := range ids {
		list = fmt.Appendf(list, `,{"value":%q}`, id)
	}
	return "[" + string(bytes.TrimPrefix(list, []byte(","))) + "]"
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func (c *client) hire(p *person, hired func()) *operation {
	return &operation{
		kind: "hire", method: http.MethodPost, path: "/Users", status: http.StatusCreated,
		body: fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,"displayName":%q,"title":%q,"nickName":%q,`+
			`"emails":[{"type":"work","value":%q}]}`, p.name, c.name, p.name, p.mark, p.mark, p.name+"@example.com"),
		query: filter("Users", "userName eq %q and externalId eq %q", p.name, c.name),
		record: func(id string) {
			p.id, p.in = id, map[string]bool{}
			hired()
		},
	}
}

// mark changes two attributes that must be equal, and no key.
func (c *client) mark(p *person) *operation {
	mark := c.newMark()
	return &operation{
		kind: "mark", method: http.MethodPatch, path: "/Users/" + p.id, status: http.StatusOK,
		body: patch(fmt.Sprintf(`{"op":"Replace","path":"title","value":%q},{"op":"Replace","path":"nickName","value":%q}`, mark, mark)),

		query:  filter("Users", "id eq %q and title eq %q", p.id, mark),
		record: func(string) { p.mark = mark },
	}
}

// rename changes keys of all kinds, and the two attributes.
func (c *client) rename(p *person) *operation {
	name, mark := c.freeName(), c.newMark()
	return &operation{
		kind: "rename", method: http.MethodPatch, path: "/Users/" + p.id, status: http.StatusOK,
		body: patch(fmt.Sprintf(`{"op":"replace","value":{"userName":%q,"displayName":%q,"title":%q,"nickName":%q,"emails[type eq \"work\"].value":%q}}`,
			name, name, mark, mark, name+"@example.com")),

		query:  filter("Users", "id eq %q and title eq %q", p.id, mark),
		record: func(string) { p.name, p.mark = name, mark },
	}
}

func (c *client) dismiss(p *person) *operation {
	return &operation{
		kind: "dismiss", method: http.MethodDelete, path: "/Users/" + p.id, status: http.StatusNoContent,

		query: filter("Users", "id eq %q", p.id), gone: true,
		record: func(string) {
			c.people = slices.DeleteFunc(c.people, func(q *person) bool { return q == p })
			for _, t := range c.teams {
				t.members = slices.DeleteFunc(t.members, func(id string) bool { return id == p.id })
			}
		},
	}
}

// join puts people into a shared team, of whom some may be in it.
func (c *client) join(team string) *operation {
	ids := c.some(1 + rand.N(3))
	return &operation{
		kind: "join", method: http.MethodPatch, path: "/Groups/" + team, status: http.StatusNoContent,
		body:   patch(`{"op":"Add","path":"members","value":` + members(ids) + `}`),
		query:  filter("Groups", "id eq %q and members.value eq %q", team, c.tells(team, ids, false)),
		record: c.moved(team, ids, true),
	}
}

func (c *client) leave(team string) *operation {
	ids := c.some(1 + rand.N(3))
	return &operation{
		kind: "leave", method: http.MethodPatch, path: "/Groups/" + team, status: http.StatusNoContent,
		body:   patch(`{"op":"Remove","path":"members","value":` + members(ids) + `}`),
		query:  filter("Groups", "id eq %q and members.value eq %q", team, c.tells(team, ids, true)),
		gone:   true,
		record: c.moved(team, ids, false),
	}
}

// tells returns one of those whom a change moves.
func (c *client) tells(team string, ids []string, in bool) string {
	for _, p := range c.people {
		if slices.Contains(ids, p.id) && p.in[team] == in {
			return p.id
		}
	}
	return ids[0]
}

func (c *client) moved(team string, ids []string, in bool) func(string) {
	return func(string) {
		for _, p := range c.people {
			if slices.Contains(ids, p.id) {
				p.in[team] = in
			}
		}
	}
}

// count adds one to the client's counter on a hero, whom others change at the
// same time.
func (c *client) count(hero string) *operation {
	n := c.counters[hero] + 1
	return &operation{
		kind: "count", method: http.MethodPatch, path: "/Users/" + hero, status: http.StatusOK,
		body:   patch(fmt.Sprintf(`{"op":"replace","path":"%s:%s","value":"%d"}`, countersURI, c.name, n)),
		query:  filter("Users", `id eq %q and %s:%s eq "%d"`, hero, countersURI, c.name, n),
		record: func(string) { c.counters[hero] = n },
	}
}

func (c *client) newTeam(name string, ids []string) *operation {
	return &operation{
		kind: "newTeam", method: http.MethodPost, path: "/Groups", status: http.StatusCreated,
		body:   fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":%s}`, name, members(ids)),
		query:  filter("Groups", "displayName eq %q", name),
		record: func(id string) { c.teams = append(c.teams, &team{id, name, ids}) },
	}
}

// replace changes the name and the members of a team at once.
func (c *client) replace(t *team) *operation {
	c.serial++
	name, ids := fmt.Sprintf("%s team %d", c.name, c.serial), c.some(3)
	return &operation{
		kind: "replace", method: http.MethodPut, path: "/Groups/" + t.id, status: http.StatusOK,
		body:   fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":%s}`, name, members(ids)),
		query:  filter("Groups", "displayName eq %q", name),
		record: func(string) { t.name, t.members = name, ids },
	}
}

func (c *client) disband(t *team) *operation {
	return &operation{
		kind: "disband", method: http.MethodDelete, path: "/Groups/" + t.id, status: http.StatusNoContent,
		query: filter("Groups", "id eq %q", t.id), gone: true,
		record: func(string) { c.teams = slices.DeleteFunc(c.teams, func(other *team) bool { return other == t }) },
	}
}

// race creates somebody with a name that all clients want.
func (c *client) race(name string) *operation {
	p := &person{name: name, mark: c.newMark()}
	o := c.hire(p, func() { c.trophies = append(c.trophies, p) })
	o.kind, o.taken = "race", func() { c.refused = append(c.refused, name) }
	return o
}

// look reads somebody, and what was acknowledged is there at once.
func (c *client) look(p *person) *operation {
	o := &operation{kind: "look", method: http.MethodGet, status: http.StatusOK, path: "/Users/" + p.id}
	if rand.N(2) == 0 {
		o.path = filter("Users", "userName eq %q", p.name)
	}
	o.look = func(body []byte) {
		type resource struct {
			ID, UserName, Title, NickName string
			Groups                        []struct{ Value string }
		}
		var list struct {
			resource
			Resources []resource
		}
		if err := json.Unmarshal(body, &list); err != nil {
			c.fail("GET %s: %v", o.path, err)
			return
		}
		got := list.resource
		if len(list.Resources) == 1 {
			got = list.Resources[0]
		}
		var in []string
		for _, g := range got.Groups {
			in = append(in, g.Value)
		}
		slices.Sort(in)
		if want := c.teamsOf(p); got.ID != p.id || got.UserName != p.name || got.Title != p.mark || got.NickName != p.mark || !slices.Equal(in, want) {
			c.fail("GET %s\n   got: %s\n  want: %s %s %s, in %q", o.path, body, p.id, p.name, p.mark, want)
		}
	}
	return o
}

// teamsOf returns the ids of all groups that somebody is in.
func (c *client) teamsOf(p *person) (ids []string) {
	for id, in := range p.in {
		if in {
			ids = append(ids, id)
		}
	}
	for _, t := range c.teams {
		if slices.Contains(t.members, p.id) {
			ids = append(ids, t.id)
		}
	}
	slices.Sort(ids)
	return ids
}
