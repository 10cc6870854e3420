package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// projected expects a resource to have the attributes named, those that are always
// returned, and nothing else.
func (p *probe) projected(o object, names ...string) {
	names = append(names, "id", "schemas")
	for name := range o {
		always := isOneOf(field(p.features.attribute(userURN, name), "returned"), "always")
		p.expect(always || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }), "no attribute besides "+strings.Join(names, ", "), show(o))
	}
	id := idOf(o)
	p.expect(id != "", "the id, which is always returned", show(o))
}

func rfcProjection() []check {
	why := "Clients get more than they can use, or not what they asked for: with large groups that is minutes, and what is missing looks as if it were deleted."
	// projects makes a check of how a user with names and addresses is shown with a query.
	projects := func(id, title string, rows []string, fix string, run func(p *probe, path string, user object)) check {
		return check{
			id: "projection." + id, area: Projection, level: Must, title: title, rows: rows, source: "RFC 7644 §3.9, §3.4.2.5", why: why, fix: fix,
			run: func(p *probe) {
				attributes := object{}
				if p.features.serves(userURN, "displayName") {
					attributes["displayName"] = p.unique("d")
				}
				if p.features.serves(userURN, "name") {
					attributes["name"] = object{"givenName": "Ada", "familyName": "Lovelace"}
				}
				if p.features.serves(userURN, "emails") {
					attributes["emails"] = []object{{"value": p.email(), "type": "work", "primary": true}}
				}
				path, user := p.newUser(attributes)
				run(p, path, user)
			},
		}
	}
	return []check{
		projects("attributes", "attributes asks for these and no others", []string{"R-204", "R-207", "R-209", "R-215"},
			"Return id, what is always returned, and what is named, nothing else, not even meta.", func(p *probe, path string, user object) {
				got := p.read(path + "?attributes=userName")
				p.projected(got, "userName")
				p.text(got, "userName", fmt.Sprint(user["userName"]))
				p.wants("displayName")
				got = p.read(path + "?attributes=userName,displayName")
				p.projected(got, "userName", "displayName")
				p.text(got, "displayName", fmt.Sprint(user["displayName"]))
			}),
		projects("excluded", "excludedAttributes leaves these out and no others", []string{"R-204", "R-208", "R-209"},
			"Return what is returned by default without what is named.", func(p *probe, path string, user object) {
				p.wants("displayName", "name")
				got := p.read(path + "?excludedAttributes=displayName,meta")
				p.absent(got, "displayName")
				p.absent(got, "meta")
				p.text(got, "userName", fmt.Sprint(user["userName"]))
				p.text(got, "name.familyName", "Lovelace")
			}),
		projects("always", "The id cannot be left out", []string{"R-210"},
			"Return what is returned always whatever the parameters say.", func(p *probe, path string, user object) {
				p.equal("id", p.read(path + "?excludedAttributes=id,userName")["id"], user["id"])
				p.equal("id", p.read(path + "?attributes=meta.resourceType")["id"], user["id"])
			}),
		{
			id: "projection.schemas", area: Projection, level: Should,
			title: "A projected user still names its schemas", rows: []string{"R-214", "A-21"}, source: "RFC 7643 §3",
			why: "Strict clients refuse a resource without schemas.", fix: "Return schemas whatever the parameters say.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.expect(has(p.read(path + "?attributes=userName")["schemas"], userURN), "schemas with "+userURN, "none")
			},
		},
		projects("sub-attribute", "A sub-attribute can be asked for and left out alone", []string{"R-209", "A-22"},
			"Resolve name.givenName in both parameters.", func(p *probe, path string, _ object) {
				p.wants("name")
				got := p.read(path + "?attributes=name.givenName")
				p.projected(got, "name")
				p.text(got, "name.givenName", "Ada")
				p.absent(got, "name.familyName")
				got = p.read(path + "?excludedAttributes=name.givenName")
				p.absent(got, "name.givenName")
				p.text(got, "name.familyName", "Lovelace")
			}),
		projects("lists", "Sub-attributes of lists can be asked for alone", []string{"R-209", "A-22"},
			"Resolve emails.value: each element with that alone.", func(p *probe, path string, _ object) {
				p.wants("emails")
				got := p.read(path + "?attributes=emails.value")
				p.projected(got, "emails")
				emails := objects(field(got, "emails"))
				p.expect(len(emails) == 1 && field(emails[0], "value") != nil, "the address", show(got))
				p.absent(emails[0], "type")
			}),
		projects("case", "Names in the parameters may be written in any case", []string{"R-002", "R-209"},
			"Compare names without case.", func(p *probe, path string, user object) {
				got := p.read(path + "?attributes=USERNAME")
				p.text(got, "userName", fmt.Sprint(user["userName"]))
				p.wants("displayName")
				p.absent(p.read(path+"?excludedAttributes=DISPLAYNAME"), "displayName")
			}),
		projects("urn", "Names in the parameters may have their schema's URI", []string{"R-165", "R-209"},
			"Cut the schema's URI off at the last colon.", func(p *probe, path string, user object) {
				got := p.read(path + "?attributes=" + url.QueryEscape(userURN+":userName"))
				p.projected(got, "userName")
				p.text(got, "userName", fmt.Sprint(user["userName"]))
			}),
		{
			id: "projection.extension", area: Projection, level: Must, needs: []feature{enterprise},
			title: "An extension's attributes can be asked for and left out", rows: []string{"R-165", "R-209"}, source: "RFC 7644 §3.9, §3.10",
			why: why, fix: "Resolve names with the extension's URI.",
			run: func(p *probe) {
				p.wants(enterpriseURN+":department", enterpriseURN+":costCenter")
				path, _ := p.newUser(withExtension(object{"department": "D1", "costCenter": "C1"}))
				got := p.read(path + "?attributes=" + url.QueryEscape(enterpriseURN+":department"))
				p.projected(got, enterpriseURN)
				p.text(got, enterpriseURN+":department", "D1")
				p.absent(got, enterpriseURN+":costCenter")
				got = p.read(path + "?excludedAttributes=" + url.QueryEscape(enterpriseURN+":department"))
				p.absent(got, enterpriseURN+":department")
				p.text(got, enterpriseURN+":costCenter", "C1")
			},
		},
		{
			id: "projection.extension.whole", area: Projection, level: Should, needs: []feature{enterprise},
			title: "An extension can be asked for and left out as a whole", rows: []string{"R-209", "A-22"}, source: "RFC 7644 §3.9, §3.10",
			why: why, fix: "Read a schema's URI alone as all its attributes.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":department")
				path, _ := p.newUser(withExtension(object{"department": "D1"}))
				p.text(p.read(path+"?attributes="+url.QueryEscape(enterpriseURN)), enterpriseURN+":department", "D1")
				p.absent(p.read(path+"?excludedAttributes="+url.QueryEscape(enterpriseURN)), enterpriseURN+":department")
			},
		},
		projects("query", "The parameters work on lists", []string{"R-204", "R-206"},
			"Project each resource of a list.", func(p *probe, _ string, user object) {
				p.wants("displayName")
				query := "/Users?count=5"
				if p.features.has[filtering] {
					query = "/Users?filter=" + url.QueryEscape("userName eq "+quote(fmt.Sprint(user["userName"])))
				}
				l := p.list(p.get(query + "&attributes=userName"))
				p.expect(len(l.resources) > 0, "users", show(l.object))
				for _, r := range l.resources {
					p.projected(r, "userName")
				}
				for _, r := range p.list(p.get(query + "&excludedAttributes=displayName")).resources {
					p.absent(r, "displayName")
				}
			}),
		projects("create", "The parameters work on POST", []string{"R-132", "R-206"},
			"Project the answer to POST.", func(p *probe, _ string, _ object) {
				p.wants("displayName")
				x := p.post("/Users?attributes=userName", p.user(object{"displayName": "x"}))
				user := p.resource(x, 201, 200)
				p.created = append(p.created, pathOf("/Users", user))
				p.projected(user, "userName")
			}),
		projects("replace", "The parameters work on PUT", []string{"R-206", "R-226"},
			"Project the answer to PUT.", func(p *probe, path string, user object) {
				p.wants("displayName")
				body := p.user(object{"userName": user["userName"], "displayName": "x"})
				p.projected(p.resource(p.put(path+"?attributes=userName", body), 200), "userName")
				p.absent(p.resource(p.put(path+"?excludedAttributes=displayName", body), 200), "displayName")
			}),
		{
			id: "projection.unknown", area: Projection, level: Should,
			title: "Unknown names are ignored", rows: []string{"A-20"}, source: "RFC 7644 §3.9",
			why: "A client that asks for what this server does not have gets nothing at all.", fix: "Ignore names that are not known.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				got := p.read(path + "?attributes=userName,usherUnknown,urn:example:unknown:x")
				p.text(got, "userName", fmt.Sprint(user["userName"]))
			},
		},
		{
			id: "projection.patch", area: Projection, level: Must, needs: []feature{patching},
			title: "PATCH with attributes answers 200 and these", rows: []string{"R-206", "R-235"}, source: "RFC 7644 §3.5.2, §3.9",
			why: why, fix: "With attributes answer 200 and the projected resource, not 204.",
			run: func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "a"})
				p.projected(p.resource(p.patch(path+"?attributes=userName", op("replace", "displayName", "b")), 200), "userName")
			},
		},
		{
			id: "projection.members", area: Projection, level: Must, needs: []feature{groups},
			title: "excludedAttributes=members leaves the members out", rows: []string{"R-204", "R-208"}, source: "RFC 7644 §3.9",
			why: "Entra reads groups this way; with 50,000 members in each answer its cycle does not end.",
			fix: "Leave members out of the answer, and of the database query.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				path, group := p.newGroup(nil, idOf(user))
				got := p.read(path + "?excludedAttributes=members")
				p.absent(got, "members")
				p.text(got, "displayName", fmt.Sprint(group["displayName"]))
				if p.features.has[filtering] {
					found := p.finds(p.get("/Groups?excludedAttributes=members&filter="+url.QueryEscape("displayName eq "+quote(fmt.Sprint(group["displayName"])))), idOf(group))
					p.absent(found, "members")
				}
				p.expect(len(p.memberIDs(path)) == 1, "the member still there", "none")
			},
		},
	}
}
