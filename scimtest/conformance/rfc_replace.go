package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func rfcReplace() []check {
	return []check{
		{
			id: "put.replace", area: Replace, level: Must,
			title: "PUT replaces the values and answers the whole user", rows: []string{"R-216", "R-219", "R-226"}, source: "RFC 7644 §3.5.1",
			why: "Updates of providers that use PUT, as Okta does for profiles, are lost.",
			fix: "Store the values of the body and answer 200 with the whole resource.",
			run: func(p *probe) {
				p.wants("displayName")
				path, user := p.newUser(object{"displayName": "before"})
				name, display := p.userName(), p.unique("d")
				answer := p.resource(p.put(path, p.user(object{"userName": name, "displayName": display})), 200)
				for _, got := range []object{answer, p.read(path)} {
					p.text(got, "userName", name)
					p.text(got, "displayName", display)
					p.equal("id", got["id"], user["id"])
				}
			},
		},
		{
			id: "put.round-trip", area: Replace, level: Must,
			title: "What GET gave can be PUT back", rows: []string{"R-218", "R-223"}, source: "RFC 7644 §3.5.1",
			why: "Clients that read, change one value and write are refused because of attributes they cannot help sending.",
			fix: "Accept every attribute whatever its mutability, and ignore those that are read-only.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				user := p.read(path)
				got := p.resource(p.put(path, user), 200)
				p.equal("userName", got["userName"], user["userName"])
				p.sameInstant("meta.created", got, user)
			},
		},
		{
			id: "put.read-only", area: Replace, level: Must,
			title: "Read-only attributes in a PUT are ignored", rows: []string{"R-029", "R-052", "R-078", "R-223"}, source: "RFC 7644 §3.5.1",
			why: "Clients that send meta or groups are refused, or put a user into groups and change its history.",
			fix: "Ignore meta and groups in the body, also if they differ, without an error.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				user := p.read(path)
				body := p.user(object{
					"userName": user["userName"],
					"meta":     object{"resourceType": "Planet", "created": "2001-02-03T04:05:06Z", "location": "https://example.com/Users/1"},
					"groups":   []object{{"value": "no-such-group"}},
				})
				p.resource(p.put(path, body), 200)
				got := p.read(path)
				p.equal("meta.resourceType", at(got, "meta.resourceType"), at(user, "meta.resourceType"))
				p.sameInstant("meta.created", got, user)
				p.sameURI("meta.location", at(got, "meta.location"), at(user, "meta.location"))
				p.expect(!isIn(got, "no-such-group"), "groups of the server's own", "groups "+show(field(got, "groups")))
			},
		},
		{
			id: "put.id", area: Replace, level: Must,
			title: "Another id in the body of a PUT is ignored", rows: []string{"R-047", "R-048", "R-223"}, source: "RFC 7644 §3.5.1",
			why: "The id changes and all other systems lose the user; or clients that send an id of their own are refused.",
			fix: "The URL says which user it is: ignore id in the body, as every read-only attribute.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				other, _ := p.newUser(nil)
				got := p.resource(p.put(path, p.user(object{"userName": user["userName"], "id": strings.TrimPrefix(other, "/Users/")})), 200)
				p.equal("id", got["id"], user["id"])
				p.read(path)
			},
		},
		{
			id: "put.times", area: Replace, level: Must,
			title: "PUT keeps meta.created and does not turn lastModified back", rows: []string{"R-054", "R-055"}, source: "RFC 7643 §3.1",
			why: "Clients that look for changes by time miss this one.",
			fix: "Set meta.lastModified when something changes, and meta.created never again.",
			run: func(p *probe) {
				p.wants("displayName")
				path, _ := p.newUser(object{"displayName": "a"})
				user := p.read(path)
				answer := p.resource(p.put(path, p.user(object{"userName": user["userName"], "displayName": "b"})), 200)
				p.expect(p.instant(answer, "meta.created").Sub(p.instant(user, "meta.created")).Abs() < time.Second, "meta.created "+show(at(user, "meta.created")), show(at(answer, "meta.created")))
				p.expect(p.instant(answer, "meta.lastModified").Sub(p.instant(user, "meta.lastModified")) > -time.Second, "meta.lastModified no earlier than "+show(at(user, "meta.lastModified")), show(at(answer, "meta.lastModified")))
				got := p.read(path)
				p.sameInstant("meta.created", got, user)
				p.expect(!p.instant(got, "meta.lastModified").Before(p.instant(user, "meta.lastModified")), "meta.lastModified no earlier than "+show(at(user, "meta.lastModified")), show(at(got, "meta.lastModified")))
			},
		},
		{
			id: "put.omitted", area: Replace, level: Should,
			title: "PUT clears what the body leaves out", rows: []string{"R-220", "A-35"}, source: "RFC 7644 §3.5.1",
			why: "What was deleted in the identity provider stays in the application for ever: PUT has no other way to delete.",
			fix: "Clear readWrite attributes that the body does not name.",
			run: func(p *probe) {
				p.wants("nickName")
				path, user := p.newUser(object{"nickName": "Ada"})
				p.resource(p.put(path, p.user(object{"userName": user["userName"]})), 200)
				p.absent(p.read(path), "nickName")
			},
		},
		{
			id: "put.null", area: Replace, level: Must,
			title: "PUT of null or [] clears", rows: []string{"R-026", "R-221"}, source: "RFC 7644 §3.5.1, RFC 7643 §2.5",
			why: "What was deleted in the identity provider stays in the application.",
			fix: "Read null, and [] for multi-valued attributes, as no value.",
			run: func(p *probe) {
				p.wants("nickName", "phoneNumbers")
				path, user := p.newUser(object{"nickName": "Ada", "phoneNumbers": []object{{"value": "+1 201 555 0123", "type": "work"}}})
				p.resource(p.put(path, p.user(object{"userName": user["userName"], "nickName": json.RawMessage("null"), "phoneNumbers": []any{}})), 200)
				got := p.read(path)
				p.absent(got, "nickName")
				p.absent(got, "phoneNumbers")
			},
		},
		{
			id: "put.lists", area: Replace, level: Must,
			title: "PUT replaces lists as a whole", rows: []string{"R-219"}, source: "RFC 7644 §3.5.1",
			why: "Old addresses stay, or double.",
			fix: "Replace all elements by those of the body.",
			run: func(p *probe) {
				p.wants("emails")
				emails, _, _ := p.twoMails()
				path, user := p.newUser(object{"emails": emails})
				address := p.email()
				p.resource(p.put(path, p.user(object{"userName": user["userName"], "emails": []object{{"value": address, "type": "work"}}})), 200)
				p.hasValues(p.read(path), "emails", address)
			},
		},
		{
			id: "put.extension", area: Replace, level: Must, needs: []feature{enterprise},
			title: "PUT replaces extension attributes", rows: []string{"R-035", "R-219"}, source: "RFC 7644 §3.5.1",
			why: "Departments and employee numbers stay as they were.",
			fix: "Read the extension's object in PUT as in POST.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":department")
				path, user := p.newUser(withExtension(object{"department": "before"}))
				body := p.user(withExtension(object{"department": "after"}))
				body["userName"] = user["userName"]
				p.resource(p.put(path, body), 200)
				p.text(p.read(path), enterpriseURN+":department", "after")
			},
		},
		{
			id: "put.unknown", area: Replace, level: Must,
			title: "PUT to an unknown id is 404 and creates nothing", rows: []string{"R-118", "R-217"}, source: "RFC 7644 §3.5.1",
			why: "Clients create users with ids of their choice, and with what an old update says.",
			fix: "Answer 404 with a SCIM error.",
			run: func(p *probe) {
				path := "/Users/" + p.unique("unknown")
				p.refused(p.put(path, p.user(nil)), 404)
				p.status(p.get(path), 404)
			},
		},
		{
			id: "put.required", area: Errors, level: Must,
			title: "PUT without userName is 400", rows: []string{"R-224"}, source: "RFC 7644 §3.5.1, §3.12",
			why: "Accounts that nobody can sign in to.",
			fix: "Answer 400 invalidValue and change nothing.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				body := p.user(nil)
				delete(body, "userName")
				p.badRequest(p.put(path, body))
				p.equal("userName", p.read(path)["userName"], user["userName"])
			},
		},
		{
			id: "put.duplicate", area: Errors, level: Must,
			title: "PUT of another's userName is 409", rows: []string{"R-027", "R-225", "R-368"}, source: "RFC 7644 §3.12, RFC 7643 §4.1.1",
			why: "Two accounts share a name.",
			fix: "Answer 409 with scimType uniqueness and change nothing; the user's own name is no conflict.",
			run: func(p *probe) {
				_, other := p.newUser(nil)
				path, user := p.newUser(nil)
				p.refused(p.put(path, p.user(object{"userName": strings.ToUpper(fmt.Sprint(other["userName"]))})), 409)
				p.equal("userName", p.read(path)["userName"], user["userName"])
				p.resource(p.put(path, p.user(object{"userName": strings.ToUpper(fmt.Sprint(user["userName"]))})), 200)
			},
		},
		{
			id: "put.type", area: Errors, level: Must,
			title: "PUT of a wrong type is 400 and changes nothing", rows: []string{"R-130"}, source: "RFC 7644 §3.12",
			why: "Data that nobody can read ends up in the database, or the server fails.",
			fix: "Check each value's JSON type before anything is stored.",
			run: func(p *probe) {
				p.wants("displayName", "active")
				path, user := p.newUser(object{"displayName": "before"})
				p.badRequest(p.put(path, p.user(object{"userName": user["userName"], "displayName": "after", "active": "perhaps"})))
				p.text(p.read(path), "displayName", "before")
			},
		},
	}
}
