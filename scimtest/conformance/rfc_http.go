package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func rfcHTTP() []check {
	mediaFix := "Send Content-Type: application/scim+json with every body, errors included."
	return []check{
		{
			id: "http.media", area: Transport, level: Must,
			title: "Answers are application/scim+json if the client asks for it", rows: []string{"R-110", "R-111"}, source: "RFC 7644 §3.1, §3.8",
			why: "Strict clients take the answer for a web page and give up.", fix: mediaFix,
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				accept := http.Header{"Accept": {scimJSON}}
				for _, target := range []string{path, "/Users?count=1", path + "-unknown"} {
					x := p.send(request{method: "GET", path: target, header: accept})
					p.status(x, 200, 404)
					p.media(x)
				}
			},
		},
		{
			id: "http.media.default", area: Transport, level: Must,
			title: "Answers are application/scim+json if the client asks for nothing", rows: []string{"R-110", "R-111"}, source: "RFC 7644 §3.8",
			why: "Strict clients take the answer for a web page and give up.", fix: mediaFix,
			run: func(p *probe) {
				body := p.user(nil)
				x := p.post("/Users", body)
				user := p.resource(x, 201, 200)
				p.media(x)
				p.media(p.get(pathOf("/Users", user)))
				x = p.post("/Users", body)
				p.status(x, 409)
				p.media(x)
			},
		},
		{
			id: "http.accept", area: Transport, level: Must,
			title: "Common Accept headers are understood", rows: []string{"R-110", "R-112"}, source: "RFC 7644 §3.8, RFC 9110 §12.5.1",
			why: "Clients whose HTTP library sets Accept get 406 and cannot connect.",
			fix: "Accept */*, application/*, lists with several types and q parameters.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, accept := range []string{"*/*", "application/scim+json, application/json;q=0.9, */*;q=0.1", "text/html, application/scim+json;q=0.5"} {
					p.object(p.send(request{method: "GET", path: path, header: http.Header{"Accept": {accept}}}), 200)
				}
			},
		},
		{
			id: "http.accept.json", area: Transport, level: Should,
			title: "Accept: application/json is understood", rows: []string{"R-110"}, source: "RFC 7644 §3.8",
			why: "Simple clients and tools ask for application/json.",
			fix: "Answer in JSON whether application/scim+json or application/json is asked for.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.object(p.send(request{method: "GET", path: path, header: http.Header{"Accept": {"application/json"}}}), 200)
			},
		},
		{
			id: "http.content-type.charset", area: Transport, level: Must,
			title: "Content-Type may have parameters", rows: []string{"R-112"}, source: "RFC 7644 §3.8, RFC 9110 §8.3",
			why: "Entra and others send application/scim+json; charset=utf-8: every create fails with 415.",
			fix: "Compare the media type alone, without parameters and whatever its case is.",
			run: func(p *probe) {
				for _, content := range []string{scimJSON + "; charset=utf-8", `Application/SCIM+JSON;charset="UTF-8"`} {
					p.resource(p.send(request{method: "POST", path: "/Users", body: p.user(nil), header: http.Header{"Content-Type": {content}}}), 201, 200)
				}
			},
		},
		{
			id: "http.content-type.json", area: Transport, level: Should,
			title: "Content-Type: application/json is accepted", rows: []string{"R-109"}, source: "RFC 7644 §3.8",
			why: "Many clients send application/json.",
			fix: "Read bodies of application/json like those of application/scim+json.",
			run: func(p *probe) {
				p.resource(p.send(request{method: "POST", path: "/Users", body: p.user(nil), header: http.Header{"Content-Type": {"application/json"}}}), 201, 200)
			},
		},
		{
			id: "http.content-type.other", area: Transport, level: Should,
			title: "Bodies that are not JSON are refused", rows: []string{"R-112"}, source: "RFC 9110 §15.5.16",
			why: "What the server makes of a body in another format is chance.",
			fix: "Answer 415 with a SCIM error to a Content-Type other than application/scim+json and application/json.",
			run: func(p *probe) {
				p.status(p.send(request{method: "POST", path: "/Users", body: "<user/>", header: http.Header{"Content-Type": {"text/xml"}}}), 415, 400)
				p.status(p.send(request{method: "POST", path: "/Users", body: p.user(nil), header: http.Header{"Content-Type": {"text/xml"}}}), 415, 400)
			},
		},
		{
			id: "http.utf-8", area: Transport, level: Must,
			title: "Names in any script survive", rows: []string{"R-006", "R-109"}, source: "RFC 7644 §3.8",
			why: "People's names are damaged, and clients that compare write them again and again.",
			fix: "Read and write UTF-8, in the database too; decode JSON's \\u escapes, surrogate pairs among them.",
			run: func(p *probe) {
				p.wants("displayName")
				const name = "Zoë Åström 林小明 محمد 👩‍💻"
				path, _ := p.newUser(object{"displayName": name})
				p.equal("displayName", at(p.read(path), "displayName"), name)
				body := strings.Replace(string(encode(p.user(object{"displayName": "NAME"}))), "NAME", `Zo\u00eb \ud83d\ude00 \/ \"q\"`, 1)
				user := p.resource(p.post("/Users", body), 201, 200)
				p.equal("displayName", at(p.read(pathOf("/Users", user)), "displayName"), `Zoë 😀 / "q"`)
			},
		},
		{
			id: "http.percent-encoding", area: Transport, level: Must,
			title: "Percent-encoded URLs are understood", rows: []string{"R-113"}, source: "RFC 7644 §1.3, RFC 3986 §2.3",
			why: "Clients that encode more than they must do not find what is there.",
			fix: "Decode the path and the query before looking anything up.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				id := idOf(user)
				if first := id[0]; first >= '0' && first <= '9' || first >= 'a' && first <= 'z' || first >= 'A' && first <= 'Z' {
					encoded := fmt.Sprintf("/Users/%%%02X%s", first, strings.TrimPrefix(path, "/Users/"+id[:1]))
					x := p.get(encoded)
					p.expect(field(p.resource(x, 200), "id") == id, "the user "+id, x.summary())
				}
			},
		},
		{
			id: "http.unknown-parameters", area: Transport, level: Should,
			title: "Unknown query parameters are ignored", rows: []string{"R-114"}, source: "RFC 7644 §3.4.2",
			why: "Clients that send parameters of their own, as some add to mark their kind of PATCH, get an error.",
			fix: "Ignore query parameters that are not known.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				p.resource(p.get(path+"?usherUnknown=1"), 200)
				p.list(p.get("/Users?count=1&usherUnknown=1"))
			},
		},
		{
			id: "http.auth.required", area: Transport, level: Must,
			title: "Nothing works without credentials", rows: []string{"R-121", "R-326", "R-327"}, source: "RFC 7644 §2, §7",
			why: "Anyone on the network reads, changes and creates accounts.",
			fix: "Refuse every request below /Users and /Groups that has no Authorization with 401, before anything else is looked at.",
			run: func(p *probe) {
				if p.token == "" {
					p.skip("no token was given")
				}
				path, _ := p.newUser(nil)
				none := http.Header{"Authorization": nil}
				for _, req := range []request{
					{method: "GET", path: path, header: none},
					{method: "GET", path: "/Users", header: none},
					{method: "POST", path: "/Users", header: none, body: p.user(nil)},
					{method: "DELETE", path: path, header: none},
				} {
					p.status(p.send(req), 401, 403)
				}
				p.read(path)
			},
		},
		{
			id: "http.auth.wrong", area: Transport, level: Must,
			title: "A wrong token is refused", rows: []string{"R-121", "R-326"}, source: "RFC 7644 §2",
			why: "Any token opens the door.",
			fix: "Compare the whole token, and refuse what is not valid with 401.",
			run: func(p *probe) {
				if p.token == "" {
					p.skip("no token was given")
				}
				path, _ := p.newUser(nil)
				for _, credentials := range []string{"Bearer " + p.unique("wrong"), "Bearer " + p.token + "x", "Bearer " + p.token[:len(p.token)-1], "Bearer ", "Basic " + p.unique("wrong")} {
					p.status(p.send(request{method: "GET", path: path, header: http.Header{"Authorization": {credentials}}}), 401, 403, 400)
				}
			},
		},
		{
			id: "http.auth.challenge", area: Transport, level: Must,
			title: "401 comes with WWW-Authenticate", rows: []string{"R-120"}, source: "RFC 7644 §2, RFC 9110 §15.5.2",
			why: "A client cannot see how it should authenticate.",
			fix: "Send WWW-Authenticate: Bearer with every 401.",
			run: func(p *probe) {
				for _, credentials := range []http.Header{{"Authorization": nil}, {"Authorization": {"Bearer " + p.unique("wrong")}}} {
					x := p.send(request{method: "GET", path: "/Users?count=1", header: credentials})
					if x.Status != 401 {
						p.skip(fmt.Sprintf("it answers %d without valid credentials, not 401", x.Status))
					}
					p.expect(x.ResponseHeader.Get("WWW-Authenticate") != "", "WWW-Authenticate", "401 without it")
				}
			},
		},
		{
			id: "http.auth.error", area: Errors, level: Should,
			title: "401 comes with a SCIM error", rows: []string{"R-311", "R-314"}, source: "RFC 7644 §3.12",
			why: "The administrator sees a parse error instead of the reason.",
			fix: "Send a SCIM error body with 401 too.",
			run: func(p *probe) {
				x := p.send(request{method: "GET", path: "/Users?count=1", header: http.Header{"Authorization": {"Bearer " + p.unique("wrong")}}})
				p.refused(x, 401)
			},
		},
		{
			id: "http.auth.scheme-case", area: Transport, level: Should,
			title: "The word Bearer may be written in any case", rows: []string{"R-122"}, source: "RFC 9110 §11.1",
			why: "A client that writes bearer is refused although its token is right.",
			fix: "Compare the scheme without case.",
			run: func(p *probe) {
				p.status(p.send(request{method: "GET", path: "/Users?count=1", header: http.Header{"Authorization": {"bearer " + p.token}}}), 200)
			},
		},
		{
			id: "http.methods", area: Transport, level: Must,
			title: "PUT never creates, and POST never changes", rows: []string{"R-118"}, source: "RFC 7644 §3.2, §3.5.1",
			why: "A client's mistake makes users whose ids it chose.",
			fix: "Answer PUT /Users and POST /Users/{id} with 405 and Allow.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				p.noSuccess(p.put("/Users", p.user(nil)), "PUT of the collection refused, with 405 for example")
				p.noSuccess(p.post(path, p.user(object{"userName": user["userName"]})), "POST to a user refused, with 405 for example")
			},
		},
		{
			id: "http.methods.allow", area: Errors, level: Should,
			title: "An undefined method is 405 with Allow", rows: []string{"R-118"}, source: "RFC 9110 §15.5.6",
			why: "A client cannot tell a wrong method from a wrong URL.",
			fix: "Answer known URLs with 405 and an Allow header if the method is not defined for them.",
			run: func(p *probe) {
				x := p.put("/Users", p.user(nil))
				p.status(x, 405)
				p.expect(x.ResponseHeader.Get("Allow") != "", "Allow", "405 without it")
			},
		},
		{
			id: "http.unknown-endpoint", area: Errors, level: Should,
			title: "An unknown endpoint is 404 with a SCIM error", rows: []string{"R-311", "R-314"}, source: "RFC 7644 §3.12",
			why: "The administrator sees a web page's HTML instead of the reason.",
			fix: "Answer what is below the base URL and not known with 404 and a SCIM error.",
			run: func(p *probe) {
				p.refused(p.get("/"+p.unique("Unknown")), 404)
			},
		},
	}
}

// rejects expects that the bodies are refused with 400 by POST, PUT and PATCH.
func (p *probe) rejects(bodies ...string) {
	path, _ := p.newUser(nil)
	for _, body := range bodies {
		p.badRequest(p.post("/Users", body))
		p.badRequest(p.put(path, body))
		if p.features.has[patching] {
			p.badRequest(p.send(request{method: "PATCH", path: path, body: body}))
		}
	}
	p.read(path)
}

// survives expects that the server answers, and takes no fault on itself.
func (p *probe) survives(reqs ...request) {
	for _, req := range reqs {
		x := p.send(req)
		p.expect(x.Status != 0 && (x.Status < 500 || x.Status == 501), "an answer below 500", x.summary())
	}
}

func rfcErrors() []check {
	return []check{
		{
			id: "errors.shape", area: Errors, level: Must,
			title: "Errors are SCIM errors", rows: []string{"R-311", "R-312"}, source: "RFC 7644 §3.12",
			why: "Clients cannot read what is wrong: the administrator sees a status alone, or a parse error.",
			fix: `Send {"schemas": ["` + errorURN + `"], "status": "404", "detail": "…"} with every error; status is a string.`,
			run: func(p *probe) {
				p.refused(p.get("/Users/"+p.unique("unknown")), 404)
				p.refused(p.post("/Users", "{"), 400)
			},
		},
		{
			id: "errors.detail", area: Errors, level: Should,
			title: "Errors say in words what is wrong", rows: []string{"R-313"}, source: "RFC 7644 §3.12",
			why: "The detail is what the administrator reads in the identity provider's log; without it every failure needs the server's log.",
			fix: "Send detail, a sentence, with every error.",
			run: func(p *probe) {
				for _, x := range []*Exchange{p.get("/Users/" + p.unique("unknown")), p.post("/Users", object{"schemas": []string{userURN}, "displayName": "x"})} {
					p.expect(x.Status >= 400, "an error", x.summary())
					detail, _ := field(p.object(x, x.Status), "detail").(string)
					p.expect(detail != "", "detail, a string", x.summary())
				}
			},
		},
		{
			id: "errors.syntax", area: Errors, level: Must,
			title: "Broken JSON is 400", rows: []string{"R-131"}, source: "RFC 7644 §3.12",
			why: "A client takes a damaged body for one that was accepted, or retries a server error forever.",
			fix: "Answer 400 invalidSyntax to a body that cannot be read, and to one with something after the JSON.",
			run: func(p *probe) {
				p.rejects(`{"schemas": ["`, `{"schemas": ["`+userURN+`"], "userName" "x"}`, `{'userName': 'x'}`)
				path, _ := p.newUser(nil)
				more := string(encode(p.user(nil))) + " x"
				p.badRequest(p.post("/Users", more))
				p.badRequest(p.put(path, more))
				if p.features.has[patching] {
					p.badRequest(p.send(request{method: "PATCH", path: path, body: string(encode(patchOp([]object{op("replace", "userName", p.userName())}))) + " x"}))
				}
			},
		},
		{
			id: "errors.no-object", area: Errors, level: Must,
			title: "A body that is no object is 400", rows: []string{"R-131"}, source: "RFC 7644 §3.12",
			why: "A client's mistake ends in a server error, or in an empty resource.",
			fix: "Answer 400 invalidSyntax to a body that is empty or holds an array, a string or null.",
			run: func(p *probe) { p.rejects(``, `[]`, `"user"`, `null`) },
		},
		{
			id: "errors.scimtype.syntax", area: Errors, level: Should,
			title: "Broken JSON is invalidSyntax", rows: []string{"R-131", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a damaged body from a wrong value.",
			fix: "Send scimType invalidSyntax.",
			run: func(p *probe) { p.refused(p.post("/Users", `{"schemas": [`), 400, "invalidSyntax") },
		},
		{
			id: "errors.scimtype.value", area: Errors, level: Should,
			title: "A missing or wrong value is invalidValue", rows: []string{"R-130", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a wrong value from a damaged body.",
			fix: "Send scimType invalidValue if a required attribute is missing or a value has the wrong type.",
			run: func(p *probe) {
				body := p.user(nil)
				delete(body, "userName")
				p.refused(p.post("/Users", body), 400, "invalidValue")
				p.refused(p.post("/Users", p.user(object{"userName": object{"a": 1}})), 400, "invalidValue", "invalidSyntax")
			},
		},
		{
			id: "errors.scimtype.filter", area: Errors, level: Should, needs: []feature{filtering},
			title: "A broken filter is invalidFilter", rows: []string{"R-145", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a wrong filter from a wrong value.",
			fix: "Send scimType invalidFilter with the 400.",
			run: func(p *probe) { p.refused(p.search("/Users", `userName eq`), 400, "invalidFilter") },
		},
		{
			id: "errors.scimtype.uniqueness", area: Errors, level: Should,
			title: "PUT and PATCH of another's userName are uniqueness", rows: []string{"R-225", "R-242", "R-313"}, source: "RFC 7644 §3.12",
			why: "A client cannot tell a name that is taken from a version that is old.",
			fix: "Send scimType uniqueness with the 409, as with that of POST.",
			run: func(p *probe) {
				_, other := p.newUser(nil)
				path, _ := p.newUser(nil)
				p.refused(p.put(path, p.user(object{"userName": other["userName"]})), 409, "uniqueness")
				if p.features.has[patching] {
					p.refused(p.patch(path, op("replace", "userName", other["userName"])), 409, "uniqueness")
				}
			},
		},
		{
			id: "errors.odd-bodies", area: Errors, level: Must,
			title: "No body makes the server fail", rows: []string{"R-130", "R-131", "R-314"}, source: "RFC 7644 §3.12",
			why: "A server error for a client's mistake is retried again and again; a deeply nested body may end the whole server.",
			fix: "Check bodies before they reach the database (NUL is no text in PostgreSQL), and limit how deep they nest.",
			run: func(p *probe) {
				nul := p.user(object{"userName": "a\x00" + p.userName()})
				nested := `{"schemas": ["` + userURN + `"], "userName": "` + p.userName() + `", "x": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`
				p.survives(
					request{method: "POST", path: "/Users", body: nul},
					request{method: "POST", path: "/Users", body: "{\"schemas\": [\"" + userURN + "\"], \"userName\": \"\xff\xfe" + p.userName() + "\"}"},
					request{method: "POST", path: "/Users", body: nested},
					request{method: "POST", path: "/Users", body: p.user(object{"usherUnknown": object{"a": []int{1}}, "active": 1e300, "name": []any{nil}})},
					request{method: "POST", path: "/Users", body: p.user(object{"schemas": object{"a": 1}, "emails": []any{1, nil, []any{}}})},
				)
			},
		},
		{
			id: "errors.odd-queries", area: Errors, level: Must,
			title: "No query makes the server fail", rows: []string{"R-145", "R-314"}, source: "RFC 7644 §3.12",
			why: "A server error for a client's mistake is retried again and again; a deeply nested filter may end the whole server.",
			fix: "Check paging parameters and limit how long and deep a filter may be; answer 400.",
			run: func(p *probe) {
				p.survives(
					request{method: "GET", path: "/Users?startIndex=99999999999999999999&count=1"},
					request{method: "GET", path: "/Users?startIndex=abc&count=1"},
					request{method: "GET", path: "/Users?startIndex=1&count=abc"},
					request{method: "GET", path: "/Users?count=1&attributes=,,.,%00"},
					request{method: "GET", path: "/Users?count=1&filter=userName%20eq%20%22%00%22"},
					request{method: "GET", path: "/Users?count=1&filter=" + strings.Repeat("(", 3000) + "userName%20pr" + strings.Repeat(")", 3000)},
				)
			},
		},
		{
			id: "errors.odd-ids", area: Errors, level: Must,
			title: "No id makes the server fail", rows: []string{"R-134", "R-314"}, source: "RFC 7644 §3.12",
			why: "A client that asks for a user by another system's id gets a server error, and retries, instead of learning that there is none.",
			fix: "An id that cannot be one of the server's own is not found: 404, whatever its form is.",
			run: func(p *probe) {
				for _, id := range []string{"1", "-1", "%F0%9F%98%80", "00000000-0000-0000-0000-000000000000", "%27%22%3B", strings.Repeat("x", 500), "9999999999999999999999"} {
					p.status(p.get("/Users/"+id), 404, 400)
				}
				p.survives(request{method: "GET", path: "/Users/%00"}, request{method: "GET", path: "/Users/%FF"})
			},
		},
		{
			id: "errors.patch-unsupported", area: Errors, level: Should,
			title: "What is not supported is 501", rows: []string{"R-227", "R-314"}, source: "RFC 7644 §3.12",
			why: "A client takes the feature for broken, not for missing.",
			fix: "Answer PATCH or POST /Bulk with 501 if the ServiceProviderConfig says that it is not supported.",
			run: func(p *probe) {
				if !p.features.declared || p.features.has[patching] && p.features.has[bulking] {
					p.skip("it supports PATCH and bulk")
				}
				if !p.features.has[patching] {
					path, user := p.newUser(nil)
					p.status(p.patch(path, op("replace", "userName", user["userName"])), 501, 405)
				}
				if !p.features.has[bulking] {
					x := p.post("/Bulk", object{"schemas": []string{bulkURN}, "Operations": []object{}})
					p.expect(slices.Contains([]int{501, 404, 405}, x.Status), "501 (or 404)", x.summary())
				}
			},
		},
	}
}
