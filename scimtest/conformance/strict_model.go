package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// swapCase turns capitals into small letters and the other way round.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// strictModelChecks are of attributes and addresses: §5.2 to §6.2, and §7.
func strictModelChecks() []check {
	// stranger expects that a user with more than the schemas have is refused,
	// and not created all the same.
	stranger := func(p *probe, more object) {
		sent := p.user(more)
		p.refused(p.post("/Users", sent), 400, "invalidSyntax")
		x := p.search("/Users", fmt.Sprintf("userName eq %s", show(sent["userName"])))
		for _, id := range p.list(x).ids() {
			p.created = append(p.created, pathTo("/Users", id))
		}
		p.findsNone(x)
	}
	return []check{
		{
			id: "filter.r338-one-case-rule", area: Filter, level: Must, rows: []string{"R-338", "R-339"}, source: interop("5.2"), needs: []feature{filtering},
			title: "userName is compared without regard to case, in filters as in the check for duplicates",
			why:   "Where the two differ, a client finds nobody and may not create anybody either.",
			fix:   "Compare userName alike in filters and in the uniqueness constraint: mind the collation of the database.",
			run: func(p *probe) {
				_, u := p.newUser(nil)
				name, _ := at(u, "userName").(string)
				p.finds(p.search("/Users", "userName eq "+show(swapCase(name))), idOf(u))
				p.refused(p.post("/Users", p.user(object{"userName": swapCase(name)})), 409, "uniqueness")
			},
		},
		{
			id: "filter.r339-external-id-exact", area: Filter, level: Must, rows: []string{"R-339"}, source: interop("5.2"), needs: []feature{filtering},
			title: "externalId is compared exactly",
			why:   "Two people whose ids differ in case alone are taken for one.",
			fix:   "Compare externalId with regard to case, in filters and in uniqueness.",
			run: func(p *probe) {
				external := p.unique("Ext")
				_, u := p.newUser(object{"externalId": external})
				if field(u, "externalId") == nil {
					p.skip("the endpoint does not support externalId")
				}
				p.finds(p.search("/Users", "externalId eq "+show(external)), idOf(u))
				p.findsNone(p.search("/Users", "externalId eq "+show(swapCase(external))))
			},
		},
		{
			id: "read.r339-id-exact", area: Read, level: Must, rows: []string{"R-339"}, source: interop("5.2"),
			title: "id is compared exactly",
			why:   "Clients key their records by id; two spellings of one make two records.",
			fix:   "Look resources up by the id as it is, with its case.",
			run: func(p *probe) {
				_, u := p.newUser(nil)
				id := idOf(u)
				if swapCase(id) == id {
					p.skip("the endpoint's ids have no letters")
				}
				p.status(p.get(pathTo("/Users", swapCase(id))), 404)
			},
		},
		{
			id: "errors.r340-unknown-attribute", area: Errors, level: Must, rows: []string{"R-340", "A-25"}, source: interop("5.3"), needs: []feature{filtering},
			title: "A POST with an attribute that is not defined is refused with invalidSyntax",
			why:   "What is misspelled is lost in silence.",
			fix:   "Refuse unknown attributes with 400 invalidSyntax and name them. Entra ID and Okta need the opposite: make it a switch.",
			run:   func(p *probe) { stranger(p, object{"favouriteColour": "green"}) },
		},
		{
			id: "errors.r340-unknown-sub-attribute", area: Errors, level: Must, rows: []string{"R-340", "A-25"}, source: interop("5.3"), needs: []feature{filtering},
			title: "A POST with a sub-attribute that is not defined is refused with invalidSyntax",
			why:   "What is misspelled is lost in silence.",
			fix:   "Look for unknown attributes within complex ones too.",
			run: func(p *probe) {
				p.wants("name")
				stranger(p, object{"name": object{"familyName": "Lee", "givenName": "Ann", "favouriteName": "Annie"}})
			},
		},
		{
			id: "errors.r340-unknown-schema", area: Errors, level: Must, rows: []string{"R-340", "A-25"}, source: interop("5.3"), needs: []feature{filtering},
			title: "A POST with a schema URI that is not defined is refused with invalidSyntax",
			why:   "A whole extension is lost in silence.",
			fix:   "Refuse URIs in schemas, and objects under them, that the resource type does not have.",
			run: func(p *probe) {
				const uri = "urn:example:params:scim:schemas:extension:none:2.0:User"
				stranger(p, object{"schemas": []string{userURN, uri}})
				stranger(p, object{"schemas": []string{userURN, uri}, uri: object{"colour": "green"}})
			},
		},
		{
			id: "errors.r340-patch-unknown-attribute", area: Errors, level: Must, rows: []string{"R-340", "A-25"}, source: interop("5.3"), needs: []feature{patching},
			title: "A PATCH of an attribute that is not defined is refused",
			why:   "What is misspelled is lost in silence, and the client believes that it is stored.",
			fix:   "Refuse it with 400 invalidSyntax, or invalidPath where the path is what is unknown.",
			run: func(p *probe) {
				path, u := p.newUser(nil)
				for _, o := range []object{
					op("replace", "favouriteColour", "green"),
					op("add", "urn:example:params:scim:schemas:extension:none:2.0:User:colour", "green"),
				} {
					p.refused(p.patch(path, o), 400, "invalidSyntax", "invalidPath")
				}
				p.equal("userName", at(p.read(path), "userName"), at(u, "userName"))
			},
		},
		{
			id: "read.r343-only-by-id", area: Read, level: Must, rows: []string{"R-343"}, source: interop("6.1"),
			title: "Resources are addressed by id alone",
			why:   "A userName that is somebody else's id reaches the wrong person.",
			fix:   "Do not look users up by userName, or anything else, in the path.",
			run: func(p *probe) {
				_, u := p.newUser(nil)
				if at(u, "userName") == u["id"] {
					p.skip("the endpoint's ids are its userNames")
				}
				name, _ := at(u, "userName").(string)
				p.status(p.get(pathTo("/Users", name)), 404)
			},
		},
		{
			id: "transport.r344-media-type", area: Transport, level: Must, rows: []string{"R-344"}, source: interop("6.2"),
			title: "Requests and answers are application/scim+json: resources, lists, discovery and errors",
			why:   "A client that looks at Content-Type does not read the answer.",
			fix:   "Accept Content-Type application/scim+json, and set it on every answer that has a body: errors are easily forgotten.",
			run: func(p *probe) {
				x := p.post("/Users", p.user(nil)) // as application/scim+json
				u := p.resource(x, 201)
				p.media(x)
				for _, path := range []string{
					pathOf("/Users", u), "/Users?count=1",
					"/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/Users/" + p.unique("missing"),
				} {
					x := p.get(path)
					p.expect(x.ResponseBody != "", "a body", x.summary())
					p.media(x)
				}
			},
		},
		{
			id: "transport.r369-tls", area: Transport, level: Must, rows: []string{"R-369", "R-322"}, source: interop("7.1"),
			title: "The endpoint is reached by TLS 1.2 or later, and by nothing older",
			why:   "Tokens and personal data can be read on the way.",
			fix:   "Serve https alone, and set the lowest version to TLS 1.2, in the load balancer too.",
			run:   oldTLS,
		},
	}
}

// oldTLS expects that the endpoint is not reached without TLS, or with TLS 1.1.
// It sends nothing but the beginning of a handshake.
func oldTLS(p *probe) {
	u, err := url.Parse(p.base)
	p.expect(err == nil, "a URL", p.base)
	if u.Scheme != "https" {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			p.skip("the endpoint is on this machine, without TLS")
		}
		p.expect(false, "https", p.base)
	}
	x := p.send(request{method: http.MethodGet, path: "/ServiceProviderConfig"})
	p.expect(x.Status != 0, "an answer", x.summary())
	port := u.Port()
	if port == "" {
		port = "443"
	}
	d := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		InsecureSkipVerify: true, // nothing is sent: what counts is whether it would be spoken
	}}
	conn, err := d.DialContext(p.ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return
	}
	version := conn.(*tls.Conn).ConnectionState().Version
	conn.Close()
	p.expect(!slices.Contains([]uint16{tls.VersionTLS10, tls.VersionTLS11}, version), "no handshake with "+tls.VersionName(version), "a connection")
}
