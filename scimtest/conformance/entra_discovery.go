package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

func entraDiscoveryChecks() []check {
	return slices.Concat(inArea(Discovery, nil, []check{
		{
			id:     "schemas.served",
			title:  "/Schemas is a ListResponse with the User schema, and with the Group schema if there are groups",
			rows:   []string{"E140", "R-099"},
			source: entraGallery + "; " + entraTutorial,
			level:  Should,
			why:    "A gallery application's provisioning page reads /Schemas when it is opened and saved; without the Group schema all group tests of the validation fail. Jobs of your own making do without.",
			fix:    "Serve GET /Schemas, with the token that everything else takes.",
			run: func(p *probe) {
				l := p.list(p.entraGet("/Schemas"))
				want := []string{userURN}
				if p.features.has[groups] {
					want = append(want, groupURN)
				}
				if p.features.has[enterprise] && len(p.features.types) > 0 {
					want = append(want, enterpriseURN)
				}
				for _, id := range want {
					p.expect(slices.Contains(l.ids(), id), "the schema "+id, "schemas "+show(l.ids()))
				}
			},
		},
		{
			id:     "schemas.no-nulls",
			title:  "/Schemas has no nulls, and its words are spelled as RFC 7643 spells them",
			rows:   []string{"E140"},
			source: entraTutorial,
			level:  Must,
			why:    "Schema discovery fails on a null or on ReadWrite for readWrite, and the provisioning page cannot be saved.",
			fix:    "Leave out what has no value, and write mutability, returned, uniqueness and type as RFC 7643 §7 has them.",
			run: func(p *probe) {
				if len(p.features.schemas) == 0 {
					p.skip("the endpoint serves no schemas")
				}
				x := p.entraGet("/Schemas")
				for _, s := range p.list(x).resources {
					id, _ := field(s, "id").(string)
					where := nullIn(s, id)
					p.expect(where == "", "no null", "null at "+where)
					p.spelled(id, attributes(s))
				}
			},
		},
		{
			id:     "schemas.mapped",
			title:  "Every attribute of the default mapping that the endpoint keeps can be found in /Schemas, as Microsoft finds it",
			rows:   []string{"E142", "E140"},
			source: entraValidation + ", Schema_Discoverability_Test",
			level:  Should,
			why:    `Target attributes are made of /Schemas: emails[type eq "work"].value only if type has "work" among its canonicalValues. One mapped attribute that is missing fails the validation for the gallery.`,
			fix:    "Declare every attribute that you keep, and canonicalValues at the type of multi-valued attributes.",
			run: func(p *probe) {
				if p.features.schemas[userURN] == nil {
					p.skip("the endpoint serves no User schema")
				}
				name := p.userName()
				x := p.entraPost("/Users", entraUser(name, guid(), p.email()))
				if x.Status != 201 && x.Status != 200 { // it may mind attributes that it does not have
					x = p.entraPost("/Users", p.fitted(entraUser(name, guid(), p.email())))
				}
				user := p.read(pathOf("/Users", p.resource(x, 201, 200)))
				x = p.entraGet("/Schemas")
				names, _ := flattened(p.list(x).resources)
				for _, m := range append(entraMapping(), mapped{path: "userName"}, mapped{path: "active"}) {
					if at(user, m.path) != nil {
						p.expectNames("users", []string{m.path}, names, x)
					}
				}
			},
		},
		{
			id:     "schemas.password",
			title:  "/Schemas declares no password",
			rows:   []string{"E140"},
			source: "scimmy-routers #10, sourcegraph #62185",
			level:  Should,
			why:    "Microsoft's web validator refuses such a schema: “attribute … is not supported by the SCIM protocol”. Entra never sends a password.",
			fix:    "Leave password out of the User schema unless a provider that sends one is to be served.",
			run: func(p *probe) {
				if p.features.has[passwording] {
					p.skip("the endpoint lets clients change passwords, and says so")
				}
				for _, s := range p.list(p.entraGet("/Schemas")).resources {
					p.expect(field(s, "id") != userURN || definition(attributes(s), "password") == nil, "no password", "it")
				}
			},
		},
		{
			id:     "discovery.all",
			title:  "/Schemas/{urn}, /ResourceTypes and /ServiceProviderConfig are there, as application/scim+json",
			rows:   []string{"E141"},
			source: "AzureAD/SCIMReferenceCode, Entra-AppGallery-AI-Validation-Checklist.md 2.1.8",
			level:  Should,
			why:    "The gallery's checklist asks for all three.",
			fix:    "Serve them; they are constant.",
			run: func(p *probe) {
				for _, path := range []string{"/Schemas/" + url.PathEscape(userURN), "/ResourceTypes", "/ServiceProviderConfig"} {
					x := p.entraGet(path)
					o := p.object(x, 200)
					p.media(x)
					location, _ := at(o, "meta.location").(string)
					u, err := url.Parse(location)
					p.expect(location == "" || err == nil && u.IsAbs(), "an absolute meta.location", "meta.location "+show(location))
				}
			},
		},
	}), inArea(Paging, nil, []check{
		{
			id:     "paging.checks",
			title:  "/Users?startIndex=1&count=1 and /Groups?count=1 are lists of one at the most",
			rows:   []string{"E143", "R-176"},
			source: entraValidation + ", Validate_Credentials_Test; scim-onboarding.agent.md",
			level:  Must,
			why:    "Microsoft's checks begin with these requests; Account Discovery pages through all users so.",
			fix:    "Support startIndex and count.",
			run: func(p *probe) {
				p.newUser(nil)
				paths := []string{"/Users?startIndex=1&count=1", "/Users?count=1"}
				if p.features.has[groups] {
					p.newGroup(nil)
					paths = append(paths, "/Groups?count=1")
				}
				for _, path := range paths {
					l := p.list(p.entraGet(path))
					p.expect(len(l.resources) == 1 && l.total >= 1, "one resource, and totalResults", show(l.object))
				}
			},
		},
		{
			id:     "paging.pages",
			title:  "Pages of five show every user once, and totalResults counts them all",
			rows:   []string{"E143", "R-175", "R-177"},
			source: entraValidation + ", User_Pagination_Test; Microsoft, How to use account discovery",
			level:  Must,
			alone:  true,
			why:    "Account Discovery pages through all users of the application. Whom it misses because the order changes between pages is reported as not there; whom it sees twice is counted twice.",
			fix:    "Sort by something that does not change, the id say, and apply startIndex (from 1) and count to that.",
			run: func(p *probe) {
				mine := p.newUsers(11)
				seen := map[string]bool{}
				total := 0
				for page := range 3 {
					start := 1 + 5*page
					l := p.list(p.entraGet(fmt.Sprintf("/Users?startIndex=%d&count=5", start)))
					if page == 0 {
						total = l.total
						p.expect(total >= len(mine), "totalResults of 11 or more", show(l.total))
					}
					p.equal("totalResults", l.total, total)
					p.equal("startIndex", l.startIndex, start)
					p.equal("number of resources", len(l.resources), min(5, total-start+1))
					for _, id := range l.ids() {
						p.expect(!seen[id], "users who were on no page before", "user "+id+" again")
						seen[id] = true
					}
				}
				for _, id := range mine {
					p.expect(seen[id] || total > 15, "all users on the pages", "user "+id+" on none")
				}
			},
		},
		{
			id:     "paging.edges",
			title:  "startIndex 0 is 1, a page beyond the end is empty, and a huge count is no error",
			rows:   []string{"E144", "R-175"},
			source: "RFC 7644 §3.4.2.4",
			level:  Should,
			why:    "A client that reads on until a page is empty never ends, or ends with an error.",
			fix:    "Answer 200 with an empty list beyond the end; return fewer than asked for where there is a maximum.",
			run: func(p *probe) {
				p.newUser(nil)
				l := p.list(p.entraGet("/Users?startIndex=0&count=1"))
				p.equal("number of resources with startIndex 0", len(l.resources), 1)
				l = p.list(p.entraGet("/Users?startIndex=1000000000&count=5"))
				p.equal("number of resources beyond the end", len(l.resources), 0)
				l = p.list(p.entraGet("/Users?startIndex=1&count=1000000&attributes=id&filter=" + url.QueryEscape(`userName eq "`+guid()+`"`)))
				p.equal("totalResults", l.total, 0)
			},
		},
	}), inArea(Projection, nil, []check{
		{
			id:     "projection.attributes",
			title:  "attributes and excludedAttributes are honoured, and id is always there",
			rows:   []string{"E145", "R-207", "R-208"},
			source: entraPostman + "; " + entraTutorial,
			level:  Should,
			why:    "Entra asks for attributes=id when it checks a reference, and cannot use an answer without the id.",
			fix:    "Return what is asked for, and id always.",
			run: func(p *probe) {
				p.wants("displayName")
				path, user := p.newUser(object{"displayName": "Shown"})
				got := p.resource(p.entraGet(path+"?attributes=userName,emails"), 200)
				p.stands(got, "id", user["id"], "userName", field(user, "userName"), "displayName", nil)
				got = p.resource(p.entraGet(path+"?attributes=id"), 200)
				p.stands(got, "id", user["id"], "displayName", nil)
				got = p.resource(p.entraGet(path+"?excludedAttributes=displayName"), 200)
				p.stands(got, "id", user["id"], "userName", field(user, "userName"), "displayName", nil)
			},
		},
	}))
}

// nullIn returns where a null stands in a value, or "".
func nullIn(v any, where string) string {
	switch v := v.(type) {
	case nil:
		return where
	case object:
		for k, m := range v {
			if found := nullIn(m, where+"."+k); found != "" {
				return found
			}
		}
	case []any:
		for i, e := range v {
			if found := nullIn(e, fmt.Sprintf("%s[%d]", where, i)); found != "" {
				return found
			}
		}
	}
	return ""
}

// spelled expects the words of attribute definitions in RFC 7643's spelling.
func (p *probe) spelled(where string, definitions []object) {
	words := map[string][]string{
		"type":       {"string", "boolean", "decimal", "integer", "dateTime", "reference", "complex", "binary"},
		"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
		"returned":   {"always", "never", "default", "request"},
		"uniqueness": {"none", "server", "global"},
	}
	for _, a := range definitions {
		name, _ := field(a, "name").(string)
		for what, known := range words {
			word, ok := field(a, what).(string)
			p.expect(!ok || slices.Contains(known, word), what+" of "+where+"."+name+" one of "+strings.Join(known, ", "), show(word))
		}
		p.spelled(where+"."+name, subAttributes(a))
	}
}
