package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func entraTransportChecks() []check {
	return inArea(Transport, nil, []check{
		{
			id:     "transport.bare-get",
			title:  "A GET without Content-Type, Accept and User-Agent is answered as any other",
			rows:   []string{"E001", "R-110", "R-112"},
			source: "azure-docs #94189, scimitar changelog 2.0.2, kortix-ai/suna PR #7297",
			level:  Must,
			why:    "Entra's Test Connection sends none of these headers. A 406, a 415, an HTML page or a firewall's “no user agent” rule makes it fail with CredentialValidationUnavailable before provisioning begins.",
			fix:    "Ask for no Content-Type on GET and DELETE, treat a missing Accept as application/scim+json, and let requests without User-Agent through the firewall in front.",
			run: func(p *probe) {
				x := p.entraGet("/Users?filter=userName+eq+%22" + guid() + "%22")
				p.list(x)
				p.media(x)
			},
		},
		{
			id:     "transport.media-type",
			title:  "Every body is application/scim+json: resources, lists and errors",
			rows:   []string{"E002", "E012", "R-111"},
			source: entraTutorial + "; azure-docs #104859, SCIMReferenceCode #108",
			level:  Must,
			why:    "Microsoft's tutorial requires it, and its web validator aborts with “Failed to fetch” at the first answer that is application/json.",
			fix:    "Set Content-Type: application/scim+json on every answer that has a body, errors included.",
			run: func(p *probe) {
				x := p.post("/Users", p.user(nil))
				path := pathOf("/Users", p.resource(x, 201, 200))
				p.media(x)
				for _, at := range []string{path, "/Users?count=1", "/Users/" + guid()} {
					x := p.get(at)
					p.expect(x.Status != 0, "an answer", x.summary())
					p.media(x)
				}
			},
		},
		{
			id:     "transport.charset",
			title:  "A POST whose Content-Type is application/scim+json; charset=utf-8 is taken",
			rows:   []string{"E002", "R-112"},
			source: "pranems/SCIMServer, captures of the validator",
			level:  Must,
			why:    "Entra sends the charset with every POST and PATCH. Where the header is compared as a whole, nothing is provisioned: each user fails with a 415.",
			fix:    "Parse the media type and ignore its parameters.",
			run: func(p *probe) {
				p.resource(p.send(request{method: "POST", path: "/Users", header: entraHeader(), body: p.user(nil)}), 201, 200)
			},
		},
		{
			id:     "transport.plain-json",
			title:  "A POST whose Content-Type is application/json is taken",
			rows:   []string{"E003", "R-110"},
			source: "RFC 7644 §3.8",
			level:  Should,
			why:    "Gateways, scripts and Microsoft's Postman collection use application/json; a 415 there costs an afternoon.",
			fix:    "Take application/json as well as application/scim+json.",
			run: func(p *probe) {
				x := p.send(request{method: "POST", path: "/Users", header: http.Header{"Content-Type": {"application/json"}}, body: p.user(nil)})
				p.resource(x, 201, 200)
			},
		},
		{
			id:     "transport.slash",
			title:  "A Tenant URL that ends with a slash leads to the same resources",
			rows:   []string{"E004", "R-113"},
			source: entraCompliance,
			level:  Should,
			why:    "Admins paste the Tenant URL with and without a slash at its end. With it, requests go to …//Users; a 404 there is shown as invalid credentials or as a quarantine for lack of SCIM compliance.",
			fix:    "Collapse repeated slashes in the path before routing; a redirect loses the token.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				for _, endpoint := range []string{"//Users", "/Users/"} {
					x := p.entraGet(endpoint + "?filter=" + url.QueryEscape("userName eq "+quote(name)))
					if to := x.ResponseHeader.Get("Location"); x.Status >= 301 && x.Status <= 308 && strings.Contains(to, "/Users?") {
						continue // a router's redirect to the one spelling is another's taste
					}
					l := p.list(x)
					p.expect(l.total == 1, "the user that "+name+" is", show(l.object))
				}
			},
		},
		{
			id:     "transport.unknown-parameter",
			title:  "Query parameters that nobody knows are ignored, such as ?aadOptscim062020",
			rows:   []string{"E005", "R-114"},
			source: entraCompliance,
			level:  Should,
			why:    "The flag that gives Entra's compliant PATCH stands in the Tenant URL, so it may come with every request. Refused, the whole job fails as soon as an admin sets it.",
			fix:    "Ignore unknown query parameters, those without a value too.",
			run: func(p *probe) {
				path, user := p.newUser(nil)
				name, _ := field(user, "userName").(string)
				l := p.list(p.entraGet("/Users?aadOptscim062020&filter=" + url.QueryEscape("userName eq "+quote(name))))
				p.expect(slices.Equal(l.ids(), []string{idOf(user)}), "the user that the filter asks for", show(l.object))
				p.resource(p.entraGet(path+"?aadOptscim062020"), 200)
			},
		},
		{
			id:     "transport.unauthorized",
			title:  "Without a token, and with a wrong one, nothing is served: 401",
			rows:   []string{"E006"},
			source: entraTutorial + "; " + entraQuarantine,
			level:  Must,
			why:    "An endpoint that serves without the right token gives the customer's directory to everybody, and Test Connection says “ok” to a mistyped Secret Token.",
			fix:    "Check the bearer token before anything else, and answer 401.",
			run: func(p *probe) {
				for _, x := range p.unauthorized() {
					p.status(x, 401, 403)
				}
			},
		},
		{
			id:     "transport.unauthorized-answer",
			title:  "A 401 is a SCIM error and names the scheme in WWW-Authenticate",
			rows:   []string{"E006", "E012", "R-120"},
			source: "RFC 7644 §2, §3.12",
			level:  Should,
			why:    "Entra quarantines the job at once on a 401. What the admin then reads in the provisioning log is the detail of the error; an HTML page or an empty answer says nothing.",
			fix:    "Answer 401 with a SCIM error body that says what is wrong with the token, and WWW-Authenticate: Bearer.",
			run: func(p *probe) {
				for _, x := range p.unauthorized() {
					p.errorBody(x, x.Status)
					p.expect(x.Status != 401 || x.ResponseHeader.Get("WWW-Authenticate") != "", "a WWW-Authenticate header", "none with "+x.summary())
				}
			},
		},
		{
			id:     "transport.burst",
			title:  "A burst of 50 requests is answered, without 5xx; 25 of them at the least without 429",
			rows:   []string{"E010", "E011"},
			source: entraGallery,
			level:  Must,
			alone:  true,
			why:    "Entra works on many objects at once, and its gallery requires 25 requests per second and tenant. What is refused is retried a cycle, about 40 minutes, later; enough of it quarantines the job (Microsoft Q&A 1922038).",
			fix:    "Put the limit above 25 requests per second and tenant, and answer what is above it with 429 and Retry-After.",
			run: func(p *probe) {
				reqs := make([]request, 50)
				for i := range reqs {
					reqs[i] = request{method: "GET", path: "/Users?filter=userName+eq+%22" + guid() + "%22", header: http.Header{"User-Agent": {}}, raw: true}
				}
				limited, unsaid := 0, 0
				for _, x := range p.together(reqs...) {
					if x.Status != 429 {
						p.status(x, 200)
						continue
					}
					limited++
					if x.ResponseHeader.Get("Retry-After") == "" {
						unsaid++
					}
				}
				p.expect(limited <= 25, "429 for 25 of 50 requests at most", fmt.Sprintf("429 for %d", limited))
				p.expect(unsaid == 0, "Retry-After with every 429", fmt.Sprintf("%d of %d without", unsaid, limited))
			},
		},
		{
			id:     "transport.errors",
			title:  "Whatever is refused is refused with a SCIM error in JSON, whose status is a string",
			rows:   []string{"E012", "R-111"},
			source: "RFC 7644 §3.12; " + entraTutorial,
			level:  Must,
			why:    "Entra shows the detail of the error to the admin. What it cannot parse is logged as SystemForCrossDomainIdentityManagementServiceIncompatible, whatever the cause was (1Password/scim-examples #82, sentry #3573).",
			fix:    "Write all errors in one place, those of the JSON decoder and of the router too.",
			run: func(p *probe) {
				path, _ := p.newUser(nil)
				for _, req := range []request{
					{method: "GET", path: "/Users/" + guid()},
					{method: "PATCH", path: "/Users/" + guid(), header: entraHeader(), body: `{"schemas":["` + patchURN + `"],"Operations":[]`},
					{method: "POST", path: "/Users", header: entraHeader(), body: `{"schemas":["` + userURN + `"],"userName":`},
					{method: "PATCH", path: path, header: entraHeader(), body: `{"schemas":["` + patchURN + `"],"Operations":[{"op":`},
				} {
					x := p.send(req)
					p.expect(x.Status >= 400 && x.Status < 500, "a status from 400 to 499", x.summary())
					p.errorBody(x, x.Status)
				}
			},
		},
		{
			id:     "transport.detail",
			title:  "A refused request says why, in detail",
			rows:   []string{"E012"},
			source: entraTutorial,
			level:  Should,
			why:    "The detail is all that the customer's admin gets to read in the provisioning log. Without it every refusal becomes a support case.",
			fix:    "Give every error a detail that names the attribute and what would have been taken.",
			run: func(p *probe) {
				x := p.entraPost("/Users", `{"schemas":["`+userURN+`"],"displayName":"Nobody"}`)
				p.expect(x.Status >= 400 && x.Status < 500, "a status from 400 to 499", x.summary())
				var o object
				_ = json.Unmarshal([]byte(x.ResponseBody), &o) // no JSON, no detail
				detail, _ := field(o, "detail").(string)
				p.expect(strings.TrimSpace(detail) != "", "a detail", x.summary())
			},
		},
	})
}

// unauthorized asks without a token and with a wrong one.
func (p *probe) unauthorized() []*Exchange {
	if p.token == "" {
		p.skip("no token was given, so the endpoint is taken to need none")
	}
	path := "/Users?filter=userName+eq+%22" + guid() + "%22"
	return []*Exchange{
		p.send(request{method: "GET", path: path, header: http.Header{"Authorization": {}}}),
		p.send(request{method: "GET", path: path, header: http.Header{"Authorization": {"Bearer " + guid()}}}),
		p.send(request{method: "GET", path: "/Users", header: http.Header{"Authorization": {"Bearer " + guid()}}}),
	}
}
