package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func entraSearchChecks() []check {
	return inArea(Filter, nil, []check{
		{
			id:     "probe.users",
			title:  "A search for a user that does not exist is 200 with totalResults 0",
			rows:   []string{"E020", "E036", "R-139"},
			source: entraTutorial + "; " + entraQuarantine,
			level:  Must,
			why:    "This is Test Connection, and it is asked again before every cycle. A 404 or 400 fails the test, quarantines the job and fails the gallery's validation.",
			fix:    "Answer 200 and an empty ListResponse when a filter matches nothing; 404 is for a path with an id.",
			run: func(p *probe) {
				for range 3 { // several probes in a row are normal (SCIMReferenceCode #63)
					l := p.list(p.entraGet("/Users?filter=userName+eq+%22" + guid() + "%22"))
					p.expect(l.total == 0 && len(l.resources) == 0, "totalResults 0 and no resources", show(l.object))
				}
			},
		},
		{
			id:     "probe.external-id",
			title:  "A search for an externalId that does not exist is 200 with totalResults 0",
			rows:   []string{"E020", "R-139"},
			source: "azure-docs #21660, OctopusDeploy #9841, authentik PR #25987",
			level:  Must,
			why:    "Where externalId is the matching attribute, Test Connection asks for it. Refused, the job never starts.",
			fix:    "Support externalId eq in filters, and answer an empty ListResponse when nothing matches.",
			run: func(p *probe) {
				l := p.list(p.entraGet("/Users?filter=externalId+eq+%22" + guid() + "%22"))
				p.expect(l.total == 0 && len(l.resources) == 0, "totalResults 0 and no resources", show(l.object))
			},
		},
		{
			id:     "probe.groups",
			title:  "A search for a group that does not exist is 200 with totalResults 0",
			rows:   []string{"E021", "R-139"},
			source: entraTutorial,
			level:  Must,
			needs:  []feature{groups},
			why:    "Test Connection looks for a random group as well as a random user. A 404 there quarantines the whole job, users included.",
			fix:    "Answer 200 and an empty ListResponse when no group matches.",
			run: func(p *probe) {
				l := p.list(p.entraGet("/Groups?excludedAttributes=members&filter=displayName+eq+%22" + guid() + "%22"))
				p.expect(l.total == 0 && len(l.resources) == 0, "totalResults 0 and no resources", show(l.object))
			},
		},
		{
			id:     "search.empty-list",
			title:  "An empty list has Resources [], startIndex and itemsPerPage",
			rows:   []string{"E020"},
			source: entraTutorial,
			level:  Should,
			why:    "Microsoft shows the empty answer with all five members. Clients have been seen to stumble over null and over what is missing.",
			fix:    "Write totalResults, Resources, startIndex and itemsPerPage always, and an empty array instead of null.",
			run: func(p *probe) {
				l := p.list(p.entraGet("/Users?filter=userName+eq+%22" + guid() + "%22"))
				_, isArray := l.object["Resources"].([]any)
				_, hasStart := l.object["startIndex"].(float64)
				_, hasCount := l.object["itemsPerPage"].(float64)
				p.expect(isArray && hasStart && hasCount, "Resources [], startIndex and itemsPerPage", show(l.object))
			},
		},
		{
			id:     "search.form-encoding",
			title:  "A filter may be form-encoded: + is a space, %22 a quote, %40 an @",
			rows:   []string{"E022"},
			source: "SCIMReferenceCode #63, azure-docs #94189",
			level:  Must,
			why:    "So Entra encodes every filter. Where + stays a plus, no user is ever found, and each cycle tries to create everybody again.",
			fix:    "Decode the query as application/x-www-form-urlencoded.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				l := p.list(p.entraGet("/Users?filter=userName+eq+%22" + strings.ReplaceAll(name, "@", "%40") + "%22"))
				p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the user "+name, show(l.object))
			},
		},
		{
			id:     "search.encodings",
			title:  "A filter may have %20 for spaces, raw quotes and an encoded colon or bracket",
			rows:   []string{"E022"},
			source: "azure-docs #21660 (raw quotes, 2019)",
			level:  Should,
			why:    "Entra's encoding has changed over the years, and proxies normalise. All spellings mean the same.",
			fix:    "Decode the query before the filter is parsed, not after.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				for _, query := range []string{
					"userName%20eq%20%22" + name + "%22",
					`userName+eq+"` + name + `"`,
					"userName%20eq%20%22" + strings.ReplaceAll(url.PathEscape(name), "@", "%40") + "%22",
				} {
					l := p.list(p.entraGet("/Users?filter=" + query))
					p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the user "+name, show(l.object))
				}
			},
		},
		{
			id:     "search.user-name",
			title:  "userName eq finds the one user, in a ListResponse, in full",
			rows:   []string{"E023", "R-137"},
			source: entraTutorial,
			level:  Must,
			why:    "This is how Entra matches its users with yours. Not found, they are created again: 409s in the log or duplicates in the application.",
			fix:    "Support userName eq, and answer with a ListResponse even for one result.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.newUser(nil) // whom a filter that is not looked at finds too
				name, _ := field(user, "userName").(string)
				l := p.entraSearch("/Users", "userName eq "+quote(name))
				p.expect(l.total == 1 && slices.Equal(l.ids(), []string{idOf(user)}), "the user alone", show(l.object))
				p.equal("userName in the list", field(l.resources[0], "userName"), name)
			},
		},
		{
			id:     "search.any-case",
			title:  "userName is found in any case of letters, and so are attribute names and operators",
			rows:   []string{"E024", "R-002", "R-027"},
			source: "pranems/SCIMServer validator runs; ory/polis PR #4067, langfuse PR #13528",
			level:  Must,
			why:    "Microsoft's validator asks in other letters and expects the user. Missed, Entra creates the user again and is answered 409, every cycle.",
			fix:    "Compare userName, and every attribute with caseExact false, without regard to case; names and operators always.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				p.entraFinds("/Users", "userName eq "+quote(strings.ToUpper(name)), idOf(user))
				p.entraFinds("/Users", "USERNAME EQ "+quote(name), idOf(user))
			},
		},
		{
			id:     "search.external-id",
			title:  "externalId eq finds the one user",
			rows:   []string{"E025"},
			source: "OctopusDeploy #9841, authentik PR #25987; " + entraMappings,
			level:  Must,
			why:    "Customers match by externalId, the object's GUID, so that a renamed user stays the same. Endpoints that filter by userName alone have broken in 2026.",
			fix:    "Store externalId, return it, and support externalId eq.",
			run: func(p *probe) {
				external := guid()
				_, user := p.newUser(object{"externalId": external})
				p.newUser(nil)
				p.entraFinds("/Users", "externalId eq "+quote(external), idOf(user))
			},
		},
		{
			id:     "search.work-email",
			title:  `emails[type eq "work"].value eq finds the one user`,
			rows:   []string{"E026", "A-03"},
			source: entraTutorial + "; scimitar #115, azure-docs #83855",
			level:  Must,
			why:    "Outside of RFC 7644's grammar, and what Entra asks as soon as the e-mail address is a matching attribute. Refused, nobody matches and the job is quarantined.",
			fix:    `Take attribute[filter].sub op value in filters; it means attribute[filter and sub op value].`,
			run: func(p *probe) {
				p.wants(`emails[type eq "work"].value`)
				email := p.email()
				_, user := p.newUser(object{"emails": emails("work", email)})
				p.newUser(nil)
				p.entraFinds("/Users", `emails[type eq "work"].value eq `+quote(email), idOf(user))
			},
		},
		{
			id:     "search.email-forms",
			title:  "An e-mail address is found by the other spellings of the question",
			rows:   []string{"E027", "R-155"},
			source: entraMappings + "; RFC 7644 §3.4.2.2",
			level:  Should,
			why:    "Which of them is sent depends on how the customer's admin wrote the matching attribute.",
			fix:    `Support emails.value eq "x" and emails[type eq "work" and value eq "x"]; take emails[type eq "work"] eq "x" as the latter.`,
			run: func(p *probe) {
				p.wants(`emails[type eq "work"].value`)
				email := p.email()
				_, user := p.newUser(object{"emails": emails("work", email)})
				for _, filter := range []string{`emails.value eq `, `emails[type eq "work" and value eq `, `emails[type eq "work"] eq `} {
					filter += quote(email)
					if strings.Contains(filter, " and ") {
						filter += "]"
					}
					p.entraFinds("/Users", filter, idOf(user))
				}
			},
		},
		{
			id:     "search.extension",
			title:  "An attribute of the enterprise extension, by its full name, finds the one user",
			rows:   []string{"E028"},
			source: entraMappings + "; scimitar #116",
			level:  Should,
			why:    "The employee number is a usual matching attribute. Refused, nobody matches.",
			fix:    "Resolve names with a URN in front: what stands after the last colon is the attribute.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":employeeNumber")
				number := p.unique("n")
				_, user := p.newUser(object{"schemas": []string{userURN, enterpriseURN}, enterpriseURN: object{"employeeNumber": number}})
				p.entraFinds("/Users", enterpriseURN+":employeeNumber eq "+quote(number), idOf(user))
			},
		},
		{
			id:     "search.core-urn",
			title:  "An attribute of the core schema, by its full name, finds the one user",
			rows:   []string{"E029"},
			source: "scimitar #116",
			level:  Should,
			why:    "Attribute mappings may be written with the core schema's URN in front, and then the filters are too.",
			fix:    "Take urn:ietf:params:scim:schemas:core:2.0:User: before core attributes.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				p.entraFinds("/Users", userURN+":userName eq "+quote(name), idOf(user))
			},
		},
		{
			id:     "search.unquoted",
			title:  "A value without quotes is understood or refused with 400",
			rows:   []string{"E030"},
			source: entraTutorial + " (externalId eq jyoung)",
			level:  Should,
			why:    "Microsoft's tutorial shows such a filter. A server error or, worse, the whole list in answer to it makes Entra match the wrong user.",
			fix:    "Take a bare word as a string, or answer 400 invalidFilter.",
			run: func(p *probe) {
				external := "jyoung" + strings.ReplaceAll(guid(), "-", "")
				_, user := p.newUser(object{"externalId": external})
				x := p.entraGet("/Users?filter=externalId+eq+" + external)
				if x.Status == http.StatusBadRequest {
					p.errorBody(x, 400)
					return
				}
				l := p.list(x)
				p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the one user, or 400", show(l.object))
			},
		},
		{
			id:     "search.odd-characters",
			title:  "A userName with ' + & or # is found exactly",
			rows:   []string{"E031"},
			source: entraTutorial + "; RFC 7644 §3.4.2.2",
			level:  Must,
			why:    "O'Neil is an ordinary name, and an & or + that is decoded once too often finds nobody: the user is created again and again, or the query fails with an SQL error.",
			fix:    "Decode the query once, and bind the value as a parameter instead of building a query of it.",
			run: func(p *probe) {
				for _, odd := range []string{"o'neil-", "a+b-", "r&d-", "c#-"} {
					name := odd + p.userName()
					x := p.post("/Users", p.user(object{"userName": name}))
					if x.Status == http.StatusBadRequest {
						continue // not every application takes every name
					}
					user := p.resource(x, 201, 200)
					p.entraFinds("/Users", "userName eq "+quote(name), idOf(user))
				}
			},
		},
		{
			id:     "search.unicode",
			title:  `A value with \" or \\, an umlaut or an emoji is found exactly`,
			rows:   []string{"E031", "R-154"},
			source: "RFC 7644 §3.4.2.2",
			level:  Should,
			why:    "Values of filters are JSON strings, escapes included. What is not found is created again.",
			fix:    "Parse the value of a filter as a JSON string.",
			run: func(p *probe) {
				for _, odd := range []string{`quo"te`, `back\slash`, "Žofia Müller 🐙"} {
					external := odd + " " + guid()
					x := p.post("/Users", p.user(object{"externalId": external}))
					if x.Status == http.StatusBadRequest {
						continue
					}
					user := p.resource(x, 201, 200)
					p.entraFinds("/Users", "externalId eq "+quote(external), idOf(user))
				}
			},
		},
		{
			id:     "search.long-value",
			title:  "A value of 1,000 characters is searched for or refused, without a server error",
			rows:   []string{"E031"},
			source: "RFC 7644 §3.12",
			level:  Should,
			why:    "A 5xx is logged as InternalServerError and asked again every cycle.",
			fix:    "Answer an empty list, or 400 invalidFilter if there is a limit.",
			run: func(p *probe) {
				x := p.entraGet("/Users?filter=userName+eq+%22" + strings.Repeat("a", 1000) + "%22")
				p.expect(x.Status == 200 || x.Status >= 400 && x.Status < 500, "200 or a status from 400 to 499", x.summary())
			},
		},
		{
			id:     "search.inactive",
			title:  "A disabled user is found like any other, and read by id",
			rows:   []string{"E032"},
			source: entraTutorial,
			level:  Must,
			why:    "Entra disables instead of deleting and later looks for the same user to enable. Hidden, the user is created again: a 409 in every cycle, or a second account.",
			fix:    "Do not leave inactive users out of searches or GET.",
			run: func(p *probe) {
				p.wants("active")
				path, user := p.newUser(object{"active": false})
				name, _ := field(user, "userName").(string)
				p.entraFinds("/Users", "userName eq "+quote(name), idOf(user))
				p.stands(p.read(path), "active", false)
			},
		},
		{
			id:     "search.manager",
			title:  `id eq "U" and manager eq "M" says whether M is U's manager`,
			rows:   []string{"E033", "A-02"},
			source: entraTutorial,
			level:  Should,
			why:    "So Entra asks before it updates a manager. Refused, managers are sent in every cycle or not at all.",
			fix:    "Support and; compare manager, and every complex attribute, by its value.",
			run: func(p *probe) {
				p.wants(enterpriseURN + ":manager")
				_, boss := p.newUser(nil)
				_, user := p.newUser(object{"schemas": []string{userURN, enterpriseURN}, enterpriseURN: object{"manager": object{"value": boss["id"]}}})
				for manager, want := range map[string]int{idOf(boss): 1, idOf(user): 0} {
					filter := "id eq " + quote(idOf(user)) + " and manager eq " + quote(manager)
					l := p.list(p.entraGet("/Users?attributes=id&filter=" + url.QueryEscape(filter)))
					p.equal("totalResults for "+filter, l.total, want)
				}
			},
		},
		{
			id:     "search.not-understood",
			title:  "A filter that cannot be understood is refused, and never answered with what it did not ask for",
			rows:   []string{"E034", "R-144"},
			source: entraTutorial + "; RFC 7644 §3.4.2.2",
			level:  Must,
			why:    "With an unfiltered list Entra takes a stranger for its user and overwrites the account; more than one is logged as DuplicateTargetEntries.",
			fix:    "Answer 400 invalidFilter to what the parser does not take.",
			run: func(p *probe) {
				p.newUser(nil)
				for _, filter := range []string{`noSuchAttribute eq "x"`, `userName eq`, `userName is "x"`, `userName eq "x" and`} {
					x := p.entraGet("/Users?filter=" + url.QueryEscape(filter))
					if x.Status == 200 {
						l := p.list(x)
						p.expect(l.total == 0 && len(l.resources) == 0, "400, or nobody at the least", show(l.object))
						continue
					}
					p.status(x, 400)
				}
			},
		},
		{
			id:     "search.two",
			title:  "Two users that match are both found",
			rows:   []string{"E035"},
			source: entraLogs,
			level:  Should,
			why:    "Entra then logs DuplicateTargetEntries and leaves both alone. With one of them only, it provisions into the wrong account.",
			fix:    "Return all matches, and their number in totalResults.",
			run: func(p *probe) {
				p.wants(`emails[type eq "work"].value`)
				email := p.email()
				p.newUser(object{"emails": emails("work", email)})
				x := p.post("/Users", p.user(object{"emails": emails("work", email)}))
				if x.Status == http.StatusConflict || x.Status == http.StatusBadRequest {
					p.skip("e-mail addresses are unique here")
				}
				p.resource(x, 201, 200)
				x = p.entraGet("/Users?filter=" + url.QueryEscape(`emails[type eq "work"].value eq `+quote(email)))
				if x.Status == http.StatusBadRequest {
					p.skip("it cannot search for an e-mail address, which another finding tells")
				}
				p.equal("totalResults", p.list(x).total, 2)
			},
		},
	})
}
