package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What the checks of this suite are drawn from.
const (
	oktaSpec  = "Okta SCIM 2.0 SPEC Test"   // the test that Okta asks every integration to pass
	oktaGuide = "Okta and SCIM Version 2.0" // developer.okta.com: the requests that Okta sends
	oktaCRUD  = "Okta SCIM 2.0 CRUD Test"   // what reaches the endpoint when a user is assigned, changed and unassigned
)

// oktaChecks send what Okta sends, in Okta's shapes, and what differs with
// OneLogin, JumpCloud and Salesforce.
func oktaChecks() []check {
	return slices.Concat(oktaSpecChecks(), oktaUserChecks(), oktaGroupChecks(), otherProviderChecks())
}

// okta sends a request with the headers of Okta's client.
func (p *probe) okta(method, path string, body any) *Exchange {
	header := http.Header{
		"User-Agent":     {"Okta SCIM Client 1.0.0"},
		"Accept":         {scimJSON},
		"Accept-Charset": {"utf-8"},
	}
	if body != nil {
		header.Set("Content-Type", scimJSON+"; charset=utf-8")
	}
	return p.send(request{method: method, path: path, header: header, body: body})
}

// oktaSearch looks for what Okta wants to match, with spaces as %20.
func (p *probe) oktaSearch(endpoint, filter string) *Exchange {
	filter = strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
	return p.okta("GET", endpoint+"?filter="+filter+"&startIndex=1&count=100", nil)
}

// oktaPatch sends a PATCH and expects success: Okta takes 200 and 204.
func (p *probe) oktaPatch(path string, ops ...object) *Exchange {
	x := p.okta("PATCH", path, object{"schemas": []string{patchURN}, "Operations": ops})
	p.status(x, 200, 204)
	return x
}

// oktaError expects an error that Okta can show: JSON with a detail. Okta's own
// examples have the status as a number, so that is not looked at closely here.
func (p *probe) oktaError(x *Exchange, status int) {
	o := p.object(x, status)
	schemas, _ := o["schemas"].([]any)
	p.expect(slices.Contains(schemas, any(errorURN)), "schemas ["+show(errorURN)+"]", x.summary())
	detail, _ := o["detail"].(string)
	p.expect(detail != "", "a detail that says what is wrong", x.summary())
	p.expect(fmt.Sprint(o["status"]) == fmt.Sprint(status), fmt.Sprintf("status %d in the body", status), x.summary())
}

// oktaUser is the body of a user as Okta creates it: with the placeholder of a
// password, and groups although that is readOnly.
func (p *probe) oktaUser() object {
	o := p.user(nil)
	maps.Copy(o, object{
		"name":        object{"givenName": "Ann", "familyName": "Lee"},
		"emails":      []object{{"primary": true, "value": o["userName"], "type": "work"}},
		"displayName": "Ann Lee",
		"locale":      "en-US",
		"externalId":  "00u" + p.unique("Ext"),
		"groups":      []object{},
		"password":    "1mz050nq-Placeholder",
	})
	return o
}

// newOktaUser creates a user as Okta does, to work with.
func (p *probe) newOktaUser() (path string, sent object) {
	sent = p.oktaUser()
	var user object
	p.prepare("cannot create a user as Okta does", func() {
		user = p.resource(p.okta("POST", "/Users", sent), 201, 200)
	})
	return pathOf("/Users", user), sent
}

// shows expects attributes of a user, by path; those that the endpoint's schema
// does not have are passed over. Of emails the value is an address that must be
// among them.
func (p *probe) shows(user, want object) {
	for _, path := range slices.Sorted(maps.Keys(want)) {
		name, _, _ := strings.Cut(path, ".")
		if !p.features.serves(userURN, name) {
			continue
		}
		if name == "emails" {
			p.expect(hasEmail(user, want[path]), fmt.Sprintf("%s among the emails", show(want[path])), "emails "+show(at(user, "emails")))
			continue
		}
		p.equal(path, at(user, path), want[path])
	}
}

func hasEmail(user object, address any) bool {
	emails, _ := at(user, "emails").([]any)
	return slices.ContainsFunc(emails, func(e any) bool { return equal(field(e, "value"), address) })
}

// pageNumbers expects what Okta turns pages by, as numbers: it does not read
// strings.
func (p *probe) pageNumbers(l list) {
	for _, name := range []string{"totalResults", "startIndex", "itemsPerPage"} {
		_, ok := l.object[name].(float64)
		p.expect(ok, name+", a number", name+" "+show(l.object[name]))
	}
}

// oktaSpecChecks are the steps of Okta's SPEC Test, each made to stand alone.
func oktaSpecChecks() []check {
	specHeader := func() http.Header { // Okta's test has these on every GET
		return http.Header{
			"User-Agent": {"OKTA SCIM Integration"}, "Accept": {scimJSON}, "Accept-Charset": {"utf-8"},
			"Content-Type": {scimJSON + "; charset=utf-8"},
		}
	}
	create := func(p *probe, body object) *Exchange {
		return p.send(request{method: "POST", path: "/Users", body: body, header: http.Header{
			"Content-Type": {"application/json"}, "Accept": {scimJSON + "; charset=utf-8"},
		}})
	}
	specUser := func(p *probe) object {
		o := p.user(nil)
		maps.Copy(o, object{
			"name":        object{"givenName": "Ann", "familyName": "Lee"},
			"emails":      []object{{"primary": true, "value": o["userName"], "type": "work"}},
			"displayName": "Ann Lee",
		})
		return o
	}
	return []check{
		{
			id: "paging.connection-test", area: Paging, level: Must, rows: []string{"E150", "R-137", "R-138"}, source: oktaGuide,
			title: "Okta's connection test gets a page of users with its numbers",
			why:   "Okta's Test Connector Configuration fails, and provisioning cannot be switched on.",
			fix:   "Answer GET /Users?startIndex=1&count=2 with a ListResponse of at most two users, each with id and userName, and totalResults, startIndex and itemsPerPage as JSON numbers.",
			run: func(p *probe) {
				p.newUser(nil)
				x := p.okta("GET", "/Users?startIndex=1&count=2", nil)
				l := p.list(x)
				p.pageNumbers(l)
				p.expect(l.total >= 1 && len(l.resources) >= 1 && len(l.resources) <= 2, "1 or 2 users", x.summary())
				for _, u := range l.resources {
					id := idOf(u)
					name, _ := at(u, "userName").(string)
					p.expect(id != "" && name != "", "users with id and userName", show(u))
				}
			},
		},
		{
			id: "transport.get-with-content-type", area: Transport, level: Must, rows: []string{"R-112"}, source: oktaSpec,
			title: "A GET that has a Content-Type and no body is answered",
			why:   "Every GET of Okta's SPEC Test has one; the test must be passed before Okta lists an integration.",
			fix:   "Do not look at the Content-Type, or for a body, of a GET.",
			run: func(p *probe) {
				p.newUser(nil)
				x := p.send(request{method: "GET", path: "/Users?count=1&startIndex=1", header: specHeader()})
				l := p.list(x)
				p.pageNumbers(l)
				p.expect(len(l.resources) == 1, "1 user", x.summary())
			},
		},
		{
			id: "filter.unknown-user", area: Filter, level: Must, rows: []string{"R-139"}, source: oktaSpec,
			title: "A search for a userName that nobody has finds nothing, and that is no error",
			why:   "Before it creates a user Okta asks whether there is one. Anything but an empty list stops the assignment, or links a stranger's account.",
			fix:   "Answer a filter that matches nothing with 200, totalResults 0 and an empty Resources.",
			needs: []feature{filtering},
			run: func(p *probe) {
				p.findsNone(p.send(request{method: "GET", path: "/Users?filter=" + strings.ReplaceAll(url.QueryEscape(`userName eq "`+p.userName()+`"`), "+", "%20"), header: specHeader()}))
				p.findsNone(p.oktaSearch("/Users", `userName eq "`+p.userName()+`"`))
			},
		},
		{
			id: "errors.unknown-user", area: Errors, level: Must, rows: []string{"R-134", "R-311"}, source: oktaSpec,
			title: "A user that does not exist is 404, with a SCIM error that has a detail",
			why:   "Okta's SPEC Test asserts the status, the schema and a detail; an error in HTML or plain text makes Okta retry what cannot succeed.",
			fix:   "Answer an unknown id with 404, whatever the id looks like, and a JSON body of schemas, status and detail.",
			run: func(p *probe) {
				p.oktaError(p.send(request{method: "GET", path: "/Users/" + p.unique("00919288221112222"), header: specHeader()}), 404)
			},
		},
		{
			id: "create.spec-user", area: Create, level: Must, rows: []string{"R-123", "R-110"}, source: oktaSpec,
			title: "A user is created from application/json and answered as it is",
			why:   "Okta's SPEC Test creates its user this way. Without an id in the answer Okta reports «Create new user returned empty user» and never updates it.",
			fix:   "Accept Content-Type application/json, and answer 201 with the whole user: id, schemas, userName, active.",
			run: func(p *probe) {
				sent := specUser(p)
				x := create(p, sent)
				u := p.resource(x, 201)
				schemas, _ := u["schemas"].([]any)
				p.expect(slices.Contains(schemas, any(userURN)), "schemas with "+userURN, x.summary())
				p.equal("userName", at(u, "userName"), sent["userName"])
				p.equal("active", at(u, "active"), true)
			},
		},
		{
			id: "read.spec-attributes", area: Read, level: Must, rows: []string{"R-133"}, source: oktaSpec,
			title: "A user keeps its names, its e-mail address and active",
			why:   "These are the attributes that Okta's SPEC Test reads back; an integration that loses one is not accepted, and Okta's profile editor shows blanks.",
			fix:   "Store userName, name.givenName, name.familyName, emails and active, and return them on every read.",
			run: func(p *probe) {
				sent := specUser(p)
				var u object
				p.prepare("cannot create a user to work with", func() { u = p.resource(create(p, sent), 201, 200) })
				got := p.resource(p.send(request{method: "GET", path: pathOf("/Users", u), header: specHeader()}), 200)
				p.equal("id", got["id"], u["id"])
				p.equal("userName", at(got, "userName"), sent["userName"])
				p.equal("name.familyName", at(got, "name.familyName"), "Lee")
				p.equal("name.givenName", at(got, "name.givenName"), "Ann")
				p.equal("active", at(got, "active"), true)
				p.expect(hasEmail(got, sent["userName"]), "the e-mail address", "emails "+show(at(got, "emails")))
			},
		},
		{
			id: "errors.duplicate", area: Errors, level: Must, rows: []string{"R-128"}, source: oktaSpec,
			title: "A userName that is taken is refused with 409, and a detail",
			why:   "Any other status makes Okta believe that it failed for a while, and it tries again; 201 gives one person two accounts.",
			fix:   "Answer 409 with a SCIM error whose detail says that the userName is taken.",
			run: func(p *probe) {
				sent := specUser(p)
				p.prepare("cannot create a user to work with", func() { p.resource(create(p, sent), 201, 200) })
				p.oktaError(create(p, sent), 409)
			},
		},
		{
			id: "filter.username-case", area: Filter, level: Must, rows: []string{"R-027", "R-339"}, source: oktaSpec,
			title: "A search for a userName in capitals finds the user",
			why:   "Okta sends userName in the case its admin typed. If that finds nothing Okta creates a second account, or stops at a 409 that it cannot explain.",
			fix:   "Compare userName without regard to case, in filters as in the check for duplicates.",
			needs: []feature{filtering},
			run: func(p *probe) {
				_, u := p.newUser(nil)
				name, _ := at(u, "userName").(string)
				x := p.oktaSearch("/Users", `userName eq "`+strings.ToUpper(name)+`"`)
				p.status(x, 200)
				if field(p.features.attribute(userURN, "userName"), "caseExact") == true {
					return // it says so itself, and Okta's test asks for no more than 200
				}
				p.finds(x, idOf(u))
			},
		},
		{
			id: "read.groups", area: Read, level: Must, rows: []string{"R-137"}, source: oktaSpec,
			title: "The groups can be listed without any parameter",
			why:   "Okta's SPEC Test asks for them, and its group push shows no groups to link to.",
			fix:   "Answer GET /Groups with a ListResponse, also if there are none.",
			needs: []feature{groups},
			run: func(p *probe) {
				p.newGroup(nil)
				x := p.send(request{method: "GET", path: "/Groups", header: specHeader()})
				l := p.list(x)
				p.expect(len(l.resources) > 0, "the group that is there", x.summary())
			},
		},
		{
			id: "errors.bad-token", area: Errors, level: Must, rows: []string{"R-311"}, source: oktaSpec,
			title: "A token that is not accepted is 401, with a SCIM error that has a detail",
			why:   "Okta's SPEC Test asserts the status, the schema and a detail; without them Okta's admin cannot tell a wrong token from an outage.",
			fix:   "Answer 401 with a JSON body of schemas, status and detail: also where a gateway checks the token before your code.",
			run: func(p *probe) {
				header := specHeader()
				header.Set("Authorization", "non-token")
				p.oktaError(p.send(request{method: "GET", path: "/Users?count=1&startIndex=1", header: header}), 401)
			},
		},
	}
}
