package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func rfcCreate() []check {
	return []check{
		{
			id: "create.created", area: Create, level: Must,
			title: "A new user is 201 Created", rows: []string{"R-123"}, source: "RFC 7644 §3.3",
			why: "A client cannot tell a new user from one that was there.",
			fix: "Answer a successful POST with 201.",
			run: func(p *probe) { p.status(p.post("/Users", p.user(nil)), 201) },
		},
		{
			id: "create.body", area: Create, level: Should,
			title: "The answer to POST is the new user", rows: []string{"R-041", "R-123"}, source: "RFC 7644 §3.3",
			why: "A client does not learn the id and what the server changed; without the id it cannot update the user.",
			fix: "Send the whole new representation with 201.",
			run: func(p *probe) {
				body := p.user(nil)
				x := p.post("/Users", body)
				p.expect(!x.bare(), "the new user in the answer", "201 Created without a body")
				p.text(p.resource(x, 201, 200), "userName", body["userName"].(string))
			},
		},
		{
			id: "create.location", area: Create, level: Must,
			title: "Location and meta.location are the new user's URI", rows: []string{"R-056", "R-124"}, source: "RFC 7644 §3.3, RFC 7643 §3.1",
			why: "Clients that follow Location end up nowhere.",
			fix: "Send Location with 201, the same URI as meta.location: the base URL, the endpoint and the id.",
			run: func(p *probe) {
				x := p.post("/Users", p.user(nil))
				user := p.resource(x, 201, 200)
				path := pathOf("/Users", user)
				p.locationOf("Location", x.ResponseHeader.Get("Location"), path)
				p.locationOf("meta.location", at(user, "meta.location"), path)
				p.sameURI("meta.location", at(user, "meta.location"), x.ResponseHeader.Get("Location"))
			},
		},
		{
			id: "create.location.base", area: Create, level: Should,
			title: "Locations begin with the URL that clients use", rows: []string{"R-014", "R-124"}, source: "RFC 7643 §3.1, §2.3.7",
			why: "Behind a proxy, locations with an inner host or with http lead clients into the void.",
			fix: "Configure the public base URL of the endpoint, or take it from the proxy's headers.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				p.sameURI("meta.location", at(user, "meta.location"), p.base+path)
			},
		},
		{
			id: "create.meta", area: Create, level: Must,
			title: "A new user has meta", rows: []string{"R-044", "R-053", "R-054", "R-055", "R-129"}, source: "RFC 7643 §3.1, RFC 7644 §3.3.1",
			why: "Clients that look for changes by time find none, and cannot tell users from groups.",
			fix: "Set meta.resourceType to User, and meta.created and meta.lastModified to the same dateTime.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.equal("meta.resourceType", at(user, "meta.resourceType"), "User")
				created, modified := p.instant(user, "meta.created"), p.instant(user, "meta.lastModified")
				p.expect(modified.Sub(created).Abs() < time.Second, "meta.lastModified as meta.created", "meta "+show(user["meta"]))
			},
		},
		{
			id: "create.id", area: Create, level: Must,
			title: "The server issues the id", rows: []string{"R-045", "R-046", "R-048", "R-049"}, source: "RFC 7643 §3.1",
			why: "A client could take over another's id, or two resources share one.",
			fix: "Ignore id in the body and make up one that is unique over users and groups and does not contain bulkId.",
			run: func(p *probe) {
				wanted := p.unique("id")
				_, a := p.newUser(object{"id": wanted})
				_, b := p.newUser(nil)
				p.expect(a["id"] != wanted, "an id that the server made up", "id "+show(a["id"]))
				p.expect(a["id"] != b["id"], "different ids", "id "+show(a["id"])+" twice")
				p.expect(!strings.Contains(idOf(a), "bulkId"), "an id without bulkId in it", "id "+show(a["id"]))
			},
		},
		{
			id: "create.read-only", area: Create, level: Must,
			title: "Read-only attributes in a new user are ignored", rows: []string{"R-029", "R-052", "R-078", "R-125"}, source: "RFC 7644 §3.3, RFC 7643 §4.1.2",
			why: "Clients that send meta or groups are refused, or put a user into groups and change its history.",
			fix: "Ignore meta and groups in the body, without an error.",
			run: func(p *probe) {
				_, user := p.newUser(object{
					"meta":   object{"resourceType": "Planet", "created": "2001-02-03T04:05:06Z", "lastModified": "2001-02-03T04:05:06Z", "location": "https://example.com/Users/1", "version": `W/"x"`},
					"groups": []object{{"value": "no-such-group"}},
				})
				p.equal("meta.resourceType", at(user, "meta.resourceType"), "User")
				p.expect(p.instant(user, "meta.created").Year() > 2001, "meta.created of the server's own", "meta "+show(user["meta"]))
				p.expect(at(user, "meta.location") != "https://example.com/Users/1", "meta.location of the server's own", "meta "+show(user["meta"]))
				p.expect(!isIn(user, "no-such-group"), "groups of the server's own", "groups "+show(field(user, "groups")))
			},
		},
		{
			id: "create.stored", area: Create, level: Must,
			title: "What was sent is there when the user is read", rows: []string{"R-041", "R-133", "R-212"}, source: "RFC 7644 §3.3, §3.4.1",
			why: "Data is lost on the way; identity providers find a difference in every cycle and write it again.",
			fix: "Store every attribute of the published schema, and leave the others out of it.",
			run: func(p *probe) {
				attributes := object{}
				for _, name := range []string{"displayName", "nickName", "title", "userType"} {
					if p.features.serves(userURN, name) {
						attributes[name] = p.unique(name)
					}
				}
				if p.features.serves(userURN, "name") {
					attributes["name"] = object{"givenName": "Ada", "familyName": "O'Lovelace"}
				}
				path, answer := p.newUser(attributes)
				for _, user := range []object{answer, p.read(path)} {
					for name, v := range attributes {
						if s, ok := v.(string); ok {
							p.text(user, name, s)
						}
					}
					if attributes["name"] != nil {
						p.text(user, "name.givenName", "Ada")
						p.text(user, "name.familyName", "O'Lovelace")
					}
				}
			},
		},
		{
			id: "create.lists", area: Create, level: Must,
			title: "Multi-valued attributes keep all their values", rows: []string{"R-020", "R-021", "R-025"}, source: "RFC 7643 §2.4",
			why: "The second address of a person is lost, or both lose their type.",
			fix: "Store each element with value, type and primary.",
			run: func(p *probe) {
				p.wants("emails")
				emails, work, home := p.twoMails()
				emails[0]["primary"] = true
				path, _ := p.newUser(object{"emails": emails})
				user := p.read(path)
				p.hasValues(user, "emails", work, home)
				p.text(user, `emails[type eq "work"].value`, work)
				p.text(user, `emails[type eq "home"].value`, home)
				p.equal(`emails[type eq "work"].primary`, at(user, `emails[type eq "work"].primary`), true)
			},
		},
		{
			id: "create.schemas", area: Create, level: Must,
			title: "A user names its schemas", rows: []string{"R-033", "R-034"}, source: "RFC 7643 §3",
			why: "A client cannot know what the attributes mean.",
			fix: "Send schemas, with " + userURN + " and the URI of each extension in use, each once.",
			run: func(p *probe) {
				path, answer := p.newUser(nil)
				for _, user := range []object{answer, p.read(path)} {
					p.expect(has(user["schemas"], userURN), "schemas with "+userURN, "schemas "+show(user["schemas"]))
					seen := map[any]bool{}
					items, _ := user["schemas"].([]any)
					for _, uri := range items {
						s, ok := uri.(string)
						p.expect(ok && !seen[s], "distinct strings in schemas", "schemas "+show(user["schemas"]))
						seen[s] = true
					}
				}
			},
		},
		{
			id: "create.extension", area: Create, level: Must, needs: []feature{enterprise},
			title: "Extension attributes stand under the extension's URI", rows: []string{"R-034", "R-035", "R-088"}, source: "RFC 7643 §3.3, §4.3",
			why: "Department and employee number are lost.",
			fix: "Read and write the enterprise extension as an object under its URI, and name the URI in schemas.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":department")
				path, _ := p.newUser(withExtension(object{"department": "Tour Operations"}))
				user := p.read(path)
				p.text(user, enterpriseURN+":department", "Tour Operations")
				p.expect(has(user["schemas"], enterpriseURN), "schemas with "+enterpriseURN, "schemas "+show(user["schemas"]))
			},
		},
		{
			id: "create.extension.manager", area: Create, level: Must, needs: []feature{enterprise},
			title: "The manager's displayName is the server's", rows: []string{"R-029", "R-089", "R-090", "R-125"}, source: "RFC 7643 §4.3",
			why: "Clients that send it are refused, or a name that nobody has is shown.",
			fix: "Store manager.value; ignore manager.displayName, without an error.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":manager")
				_, boss := p.newUser(nil)
				path, _ := p.newUser(withExtension(object{"manager": object{"value": boss["id"], "displayName": "Nobody In Particular"}}))
				user := p.read(path)
				p.equal("manager.value", at(user, enterpriseURN+":manager.value"), boss["id"])
				p.expect(at(user, enterpriseURN+":manager.displayName") != "Nobody In Particular", "no displayName but the server's", show(user))
			},
		},
		{
			id: "create.external-id", area: Create, level: Must,
			title: "externalId is the client's", rows: []string{"R-028", "R-037", "R-050"}, source: "RFC 7643 §3.1",
			why: "The identity provider does not find its users again, and creates them twice.",
			fix: "Store externalId exactly as it was sent, case included, and never make one up.",
			run: func(p *probe) {
				external := strings.ToUpper(p.unique("x")) + "-aB"
				path, _ := p.newUser(object{"externalId": external})
				p.equal("externalId", at(p.read(path), "externalId"), external)
				path, _ = p.newUser(nil)
				if p.options.User["externalId"] == nil && p.features.required["externalId"] == nil {
					p.absent(p.read(path), "externalId")
				}
			},
		},
		{
			id: "create.external-id.shared", area: Create, level: Should,
			title: "Two users may have the same externalId", rows: []string{"R-051"}, source: "RFC 7643 §3.1",
			why: "Two clients, each with numbers of its own, cannot be served side by side.",
			fix: "Leave the uniqueness of externalId to the client.",
			run: func(p *probe) {
				external := p.unique("x")
				p.newUser(object{"externalId": external})
				p.status(p.post("/Users", p.user(object{"externalId": external})), 201, 200)
			},
		},
		{
			id: "create.password", area: Create, level: Must,
			title: "A password is never returned", rows: []string{"R-068", "R-211"}, source: "RFC 7643 §4.1.1, §7",
			why: "Passwords end up in logs and in the hands of every client.",
			fix: "Leave password out of every answer, hashed or not, even if attributes names it.",
			run: func(p *probe) {
				const secret = "Xq7-usher-Secret!"
				body := p.user(object{"password": secret})
				x := p.post("/Users", body)
				if x.Status == 400 {
					p.skip("it takes no password")
				}
				path := pathOf("/Users", p.resource(x, 201, 200))
				xs := []*Exchange{x, p.get(path), p.get(path + "?attributes=password,userName"), p.put(path, body)}
				if p.features.has[patching] {
					xs = append(xs, p.patch(path, op("replace", "password", secret+"2")))
				}
				if p.features.has[filtering] {
					xs = append(xs, p.search("/Users", "userName eq "+quote(body["userName"].(string))))
				}
				for _, x := range xs {
					if x.Status >= 300 {
						continue
					}
					p.expect(!strings.Contains(x.ResponseBody, secret), "no password in the answer", x.summary())
					p.expect(!strings.Contains(strings.ToLower(x.ResponseBody), `"password":`), "no attribute password in the answer", x.summary())
				}
			},
		},
	}
}

func rfcCreateBodies() []check {
	return []check{
		{
			id: "create.duplicate", area: Errors, level: Must,
			title: "A userName that is taken is 409 uniqueness", rows: []string{"R-031", "R-060", "R-128"}, source: "RFC 7644 §3.3",
			why: "Two accounts share a name, or the identity provider cannot see that it should link to the one that is there.",
			fix: "Answer 409 with scimType uniqueness, and leave the user that has the name alone.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				p.refused(p.post("/Users", p.user(object{"userName": user["userName"]})), 409, "uniqueness")
				p.equal("id", p.read(path)["id"], user["id"])
			},
		},
		{
			id: "create.duplicate.case", area: Errors, level: Must,
			title: "userName is unique whatever its case is", rows: []string{"R-027", "R-060"}, source: "RFC 7643 §4.1.1",
			why: "JSmith and jsmith become two accounts of one person.",
			fix: "Compare userName without case, in the database's unique index too.",
			run: func(p *probe) {
				name := p.userName()
				p.newUser(object{"userName": name})
				p.refused(p.post("/Users", p.user(object{"userName": strings.ToUpper(name)})), 409, "uniqueness")
			},
		},
		{
			id: "create.duplicate.unicode", area: Create, level: Should,
			title: "userName is unique however its letters are composed", rows: []string{"R-061"}, source: "RFC 7644 §5, RFC 8265 §3.3",
			why: "Two accounts whose names look the same, letter for letter: one can pass for the other.",
			fix: "Bring userName into Unicode's form NFC before it is compared.",
			run: func(p *probe) {
				name := p.userName()
				p.newUser(object{"userName": "zo\u00eb-" + name})
				p.refused(p.post("/Users", p.user(object{"userName": "zoe\u0308-" + name})), 409, "uniqueness")
			},
		},
		{
			id: "create.duplicate.race", area: Create, level: Must,
			title: "Of several creates with the same userName at once, one succeeds", rows: []string{"R-060", "R-128"}, source: "RFC 7643 §4.1.1",
			why: "An identity provider that retries after a timeout makes two accounts.",
			fix: "Let the database hold a unique index on the folded userName; looking first and writing then is not enough.",
			run: func(p *probe) {
				body := p.user(nil)
				req := request{method: "POST", path: "/Users", body: body, raw: true}
				created, slowed := 0, 0
				for _, x := range p.together(req, req, req, req) {
					switch {
					case x.Status == 201 || x.Status == 200:
						created++
					case x.pause() > 0:
						slowed++
					default:
						p.status(x, 409)
					}
				}
				p.expect(created == 1 || created == 0 && slowed == 4, "one of four created", fmt.Sprintf("%d created", created))
			},
		},
		{
			id: "create.required", area: Errors, level: Must,
			title: "A user without userName is 400", rows: []string{"R-059", "R-130"}, source: "RFC 7643 §4.1.1, RFC 7644 §3.12",
			why: "Accounts that nobody can sign in to.",
			fix: "Answer 400 invalidValue if userName is missing, null or empty.",
			run: func(p *probe) {
				body := p.user(nil)
				for _, v := range []any{nil, json.RawMessage("null"), ""} {
					if delete(body, "userName"); v != nil {
						body["userName"] = v
					}
					p.badRequest(p.post("/Users", body))
				}
			},
		},
		{
			id: "create.type", area: Errors, level: Must,
			title: "A value of the wrong type is 400", rows: []string{"R-004", "R-008", "R-016", "R-130"}, source: "RFC 7643 §2.3, RFC 7644 §3.12",
			why: "Data that nobody can read ends up in the database, or the server fails.",
			fix: "Check each value's JSON type against the schema; answer 400 invalidValue.",
			run: func(p *probe) {
				wrong := []object{{"userName": object{"a": p.unique("n")}}}
				if p.features.serves(userURN, "active") {
					wrong = append(wrong, object{"active": "perhaps"})
				}
				if p.features.serves(userURN, "displayName") {
					wrong = append(wrong, object{"displayName": object{"a": "b"}})
				}
				if p.features.serves(userURN, "name") {
					wrong = append(wrong, object{"name": object{"givenName": object{"a": "b"}}})
				}
				for _, attributes := range wrong {
					p.badRequest(p.post("/Users", p.user(attributes)))
				}
			},
		},
		{
			id: "create.names.case", area: Create, level: Must,
			title: "Attribute names may be written in any case", rows: []string{"R-002"}, source: "RFC 7643 §2.1",
			why: "What a client sends as DisplayName is lost.",
			fix: "Compare attribute names and schema URIs without case.",
			run: func(p *probe) {
				body := p.user(nil)
				name := body["userName"].(string)
				delete(body, "userName")
				body["USERNAME"] = name
				want := ""
				if p.features.serves(userURN, "displayName") {
					delete(body, "displayName")
					want = p.unique("d")
					body["dISPLAYnAME"] = want
				}
				user := p.resource(p.post("/Users", body), 201, 200)
				p.text(user, "userName", name)
				if want != "" {
					p.text(user, "displayName", want)
				}
			},
		},
		{
			id: "create.null", area: Create, level: Must,
			title: "null and [] mean no value", rows: []string{"R-026", "R-127"}, source: "RFC 7643 §2.5, RFC 7644 §3.3",
			why: "Clients that write null for what they have not are refused.",
			fix: "Take null, and [] for multi-valued attributes, as if the attribute were not there.",
			run: func(p *probe) {
				attributes := object{}
				for _, name := range []string{"displayName", "title", "name"} {
					if p.features.required[name] == nil && p.options.User[name] == nil {
						attributes[name] = json.RawMessage("null")
					}
				}
				if p.features.required["emails"] == nil && p.options.User["emails"] == nil {
					attributes["emails"] = []any{}
				}
				user := p.resource(p.post("/Users", p.user(attributes)), 201, 200)
				for name := range attributes {
					p.absent(user, name)
				}
			},
		},
		{
			id: "create.primary", area: Create, level: Must,
			title: "No more than one value is primary", rows: []string{"R-022"}, source: "RFC 7643 §2.4",
			why: "Which address mail goes to is chance.",
			fix: "Refuse a second primary with 400 invalidValue, or keep one of them.",
			run: func(p *probe) {
				p.wants("emails")
				emails, _, _ := p.twoMails()
				emails[0]["primary"], emails[1]["primary"] = true, true
				x := p.post("/Users", p.user(object{"emails": emails}))
				if x.Status == 400 {
					return
				}
				primary := 0
				for _, e := range objects(field(p.resource(x, 201, 200), "emails")) {
					if field(e, "primary") == true {
						primary++
					}
				}
				p.expect(primary <= 1, "400, or one primary", x.summary())
			},
		},
		{
			id: "create.readable", area: Create, level: Must,
			title: "A new user can be read at once, where Location says", rows: []string{"R-124", "R-133"}, source: "RFC 7644 §3.3, §3.4.1",
			why: "An identity provider reads what it has just created, and creates it again if it is not there.",
			fix: "Answer 201 only when the user can be read.",
			run: func(p *probe) {
				x := p.post("/Users", p.user(nil))
				user := p.resource(x, 201, 200)
				path, ours := strings.CutPrefix(x.ResponseHeader.Get("Location"), p.base)
				if !ours {
					path = pathOf("/Users", user)
				}
				p.equal("id", p.read(path)["id"], user["id"])
			},
		},
	}
}

func rfcRead() []check {
	return []check{
		{
			id: "read.unknown", area: Read, level: Must,
			title: "An unknown user is 404", rows: []string{"R-134"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a user that is gone from a server that fails.",
			fix: "Answer 404 with a SCIM error.",
			run: func(p *probe) { p.refused(p.get("/Users/"+p.unique("unknown")), 404) },
		},
		{
			id: "read.same", area: Read, level: Must,
			title: "A user reads as it was created, with the same id and location", rows: []string{"R-047", "R-133"}, source: "RFC 7644 §3.4.1",
			why: "Clients that store id and location lose the user.",
			fix: "Answer GET with the whole resource and the stored meta.",
			run: func(p *probe) {
				path, answer := p.newUser(nil)
				user := p.read(path)
				for _, name := range []string{"id", "meta.resourceType", "userName"} {
					p.equal(name, at(user, name), at(answer, name))
				}
				p.sameURI("meta.location", at(user, "meta.location"), at(answer, "meta.location"))
				p.expect(p.instant(user, "meta.created").Sub(p.instant(answer, "meta.created")).Abs() < time.Second, "meta.created "+show(at(answer, "meta.created")), show(at(user, "meta.created")))
			},
		},
		{
			id: "read.content-location", area: Read, level: Must,
			title: "Content-Location, if it is sent, is meta.location", rows: []string{"R-056"}, source: "RFC 7643 §3.1",
			why: "A client stores a URI that is not the resource's.",
			fix: "Send the same URI in Content-Location and meta.location, or no Content-Location.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				x := p.get(path)
				user := p.resource(x, 200)
				for _, name := range []string{"Content-Location", "Location"} {
					if location := x.ResponseHeader.Get(name); location != "" {
						p.sameURI(name, location, at(user, "meta.location"))
					}
				}
			},
		},
		{
			id: "read.id-exact", area: Read, level: Should,
			title: "Ids compare exactly", rows: []string{"R-045"}, source: "RFC 7643 §3.1",
			why: "Two ids that a client holds for different may be one user.",
			fix: "Compare ids with their case.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				id := idOf(user)
				other := strings.ToUpper(id)
				if other == id {
					other = strings.ToLower(id)
				}
				if other == id {
					p.skip("its ids have no letters")
				}
				p.status(p.get(pathTo("/Users", other)), 404)
			},
		},
		{
			id: "read.other-endpoint", area: Read, level: Must, needs: []feature{groups},
			title: "A user is not found among the groups", rows: []string{"R-118", "R-134"}, source: "RFC 7644 §3.2, §3.12",
			why: "A client that mixes up endpoints changes the wrong kind of resource.",
			fix: "Look up ids at the endpoint that was asked: 404 otherwise.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.refused(p.get(pathOf("/Groups", user)), 404)
			},
		},
		{
			id: "read.returned", area: Projection, level: Must,
			title: "Attributes that are never returned, or on request, are not there", rows: []string{"R-211", "R-213"}, source: "RFC 7643 §7",
			why: "What the schema says is secret or costly is sent to everyone.",
			fix: "Leave attributes with returned never out of every answer, and those with returned request out unless attributes names them.",
			run: func(p *probe) {
				body, hidden := object{}, []string{}
				for _, a := range attributes(p.features.schemas[userURN]) {
					name, _ := field(a, "name").(string)
					if !isOneOf(field(a, "returned"), "never", "request") {
						continue
					}
					hidden = append(hidden, name)
					if isOneOf(field(a, "type"), "string") && field(a, "multiValued") != true && !isOneOf(field(a, "mutability"), "readOnly") && field(a, "canonicalValues") == nil {
						body[name] = "Xq7-usher-Secret!"
					}
				}
				if len(hidden) == 0 {
					p.skip("it publishes no attribute of users that is hidden")
				}
				path, _ := p.newUser(body)
				user := p.read(path)
				for _, name := range hidden {
					p.absent(user, name)
				}
			},
		},
		{
			id: "read.me", area: Read, level: Should,
			title: "/Me is answered or 501", rows: []string{"R-307", "R-308", "R-309"}, source: "RFC 7644 §3.11",
			why: "A client that tries /Me cannot tell that it is not supported.",
			fix: "Answer /Me with 501 (404 if the client has no user), with 308 to the user, or with the user and its Location.",
			run: func(p *probe) {
				x := p.get("/Me")
				p.expect(x.Status == 200 || x.Status == 307 || x.Status == 308 || x.Status == 404 || x.Status == 403 || x.Status == 501, "501, 308 or 200", x.summary())
				switch x.Status {
				case 200:
					user := p.resource(x, 200)
					p.locationOf("Location", x.ResponseHeader.Get("Location"), "/"+url.PathEscape(idOf(user)))
				case 307, 308:
					p.expect(x.ResponseHeader.Get("Location") != "", "Location", fmt.Sprintf("%d %s without it", x.Status, http.StatusText(x.Status)))
				default:
					p.errorBody(x, x.Status)
				}
			},
		},
	}
}
