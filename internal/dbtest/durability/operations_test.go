package durability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

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
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"value":%q}`, id))
	}
	return "[" + strings.Join(list, ",") + "]"
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
