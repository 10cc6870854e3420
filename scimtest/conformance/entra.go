package conformance

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The checks of this suite send what Microsoft Entra ID's provisioning service
// sends, byte for byte where the bytes are known, and then read what came of
// it. A check is a Must where Microsoft documents that its service does so, or
// where it was seen on the wire more than once; what is only inferred is a
// Should.

// Where to read on.
const (
	entraTutorial   = "Microsoft, Develop and plan provisioning for a SCIM endpoint"
	entraCompliance = "Microsoft, Known issues and resolutions with SCIM 2.0 protocol compliance"
	entraMappings   = "Microsoft, Customize attribute mappings"
	entraHow        = "Microsoft, How application provisioning works"
	entraQuarantine = "Microsoft, Application provisioning in quarantine status"
	entraLogs       = "Microsoft, How to analyze provisioning logs"
	entraGallery    = "Microsoft, User provisioning requirements for the app gallery"
	entraValidation = "AzureAD/SCIMReferenceCode, SCIM-Validation-Test-Overview.md"
	entraPostman    = "AzureAD/SCIMReferenceCode, PostmanCollection.json"
)

func entraChecks() []check {
	return slices.Concat(
		entraTransportChecks(),
		entraSearchChecks(),
		entraCreateChecks(),
		entraPatchChecks(),
		entraMappingChecks(),
		entraReferenceChecks(),
		entraLifecycleChecks(),
		entraGroupChecks(),
		entraMemberChecks(),
		entraDiscoveryChecks(),
	)
}

// inArea puts checks into an area and says what they need.
func inArea(area Area, needs []feature, checks []check) []check {
	for i := range checks {
		checks[i].area = area
		checks[i].needs = append(slices.Clone(needs), checks[i].needs...)
	}
	return checks
}

// entraHeader is what goes with Entra's POST and PATCH.
func entraHeader() http.Header {
	return http.Header{"Content-Type": {scimJSON + "; charset=utf-8"}, "User-Agent": {}}
}

// entraGet makes a GET as Entra does: without Content-Type, Accept and
// User-Agent.
func (p *probe) entraGet(path string) *Exchange {
	return p.send(request{method: "GET", path: path, header: http.Header{"User-Agent": {}}})
}

// entraSearch looks for resources as Entra does.
func (p *probe) entraSearch(endpoint, filter string) list {
	return p.list(p.entraGet(endpoint + "?filter=" + url.QueryEscape(filter)))
}

// entraFinds expects a search to find one resource alone: the one with the id.
func (p *probe) entraFinds(endpoint, filter, id string) {
	p.finds(p.entraGet(endpoint+"?filter="+url.QueryEscape(filter)), id)
}

func (p *probe) entraPost(endpoint, body string) *Exchange {
	return p.send(request{method: "POST", path: endpoint, header: entraHeader(), body: body})
}

// entraPatchOf is a PATCH of the operations, which are JSON.
func entraPatchOf(path string, ops ...string) request {
	return request{
		method: "PATCH", path: path, header: entraHeader(),
		body: `{"schemas":["` + patchURN + `"],"Operations":[` + strings.Join(ops, ",") + `]}`,
	}
}

func (p *probe) entraPatch(path string, ops ...string) *Exchange {
	return p.send(entraPatchOf(path, ops...))
}

// entraUpdate makes a PATCH that must succeed, and reads what came of it.
func (p *probe) entraUpdate(path string, ops ...string) object {
	p.status(p.entraPatch(path, ops...), 200, 204)
	return p.read(path)
}

// entraOp writes an operation in the order Entra has: op, path, value. The
// value is JSON; empty, there is none.
func entraOp(op, path, value string) string {
	s := `{"op":` + quote(op)
	if path != "" {
		s += `,"path":` + quote(path)
	}
	if value != "" {
		s += `,"value":` + value
	}
	return s + "}"
}

// guid makes up an identifier such as Entra's.
func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// emails is a value of emails with one address.
func emails(kind, value string) []object { return []object{{"type": kind, "value": value}} }

// stands expects the values to stand at the paths: path, value, path, value.
func (p *probe) stands(resource object, pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		path := pairs[i].(string)
		p.equal(path, at(resource, path), pairs[i+1])
	}
}

// cleared expects nothing to stand at the paths: null, "", [] or absent, as
// Microsoft's validation takes them.
func (p *probe) cleared(resource object, paths ...string) {
	for _, path := range paths {
		v := at(resource, path)
		p.expect(v == nil || v == "" || equal(v, []any{}) || equal(v, object{}), "no "+path, path+" "+show(v))
	}
}

// A mapped attribute is one of Entra's default mapping: where it goes, and a
// value for it.
type mapped struct{ path, value, other string }

// entraMapping is the default mapping of users but for userName, active,
// externalId and manager.
func entraMapping() []mapped {
	return []mapped{
		{"displayName", "Barbara Jensen", "Babs Jensen"},
		{"title", "Tour Guide", "Head Guide"},
		{"preferredLanguage", "en-US", "de-DE"},
		{"name.formatted", "Barbara Jensen", "Babs Jensen"},
		{"name.familyName", "Jensen", "Jensen"},
		{"name.givenName", "Barbara", "Babs"},
		{`emails[type eq "work"].value`, "", ""}, // made up for each user
		{`addresses[type eq "work"].formatted`, "18/2111", "44/1102"},
		{`addresses[type eq "work"].streetAddress`, "1 Main St", "2 High St"},
		{`addresses[type eq "work"].locality`, "Seattle", "Graz"},
		{`addresses[type eq "work"].region`, "WA", "ST"},
		{`addresses[type eq "work"].postalCode`, "98101", "8010"},
		{`addresses[type eq "work"].country`, "US", "AT"},
		{`phoneNumbers[type eq "work"].value`, "+1 425 555 0100", "+43 316 555 0100"},
		{`phoneNumbers[type eq "mobile"].value`, "+1 425 555 0101", "+43 316 555 0101"},
		{`phoneNumbers[type eq "fax"].value`, "+1 425 555 0102", "+43 316 555 0102"},
		{enterpriseURN + ":employeeNumber", "701984", "701985"},
		{enterpriseURN + ":department", "Sales", "Travel"},
	}
}

// mapping is the part of the default mapping that the endpoint takes, with an
// address of its own.
func (p *probe) mapping() []mapped {
	var list []mapped
	for _, m := range entraMapping() {
		if !p.takes(m.path) {
			continue
		}
		if m.value == "" {
			m.value, m.other = p.email(), p.email()
		}
		list = append(list, m)
	}
	return list
}

// entraUser is the body of Entra's POST of a user with the default mapping.
func entraUser(userName, externalID, email string) string {
	return `{"schemas":["` + userURN + `","` + enterpriseURN + `"],` +
		`"externalId":` + quote(externalID) + `,"userName":` + quote(userName) + `,"active":true,` +
		`"displayName":"Barbara Jensen","title":"Tour Guide","preferredLanguage":"en-US",` +
		`"name":{"formatted":"Barbara Jensen","familyName":"Jensen","givenName":"Barbara"},` +
		`"emails":[{"primary":true,"type":"work","value":` + quote(email) + `}],` +
		`"addresses":[{"primary":true,"type":"work","formatted":"18/2111","streetAddress":"1 Main St",` +
		`"locality":"Seattle","region":"WA","postalCode":"98101","country":"US"}],` +
		`"phoneNumbers":[{"primary":true,"type":"work","value":"+1 425 555 0100"},` +
		`{"type":"mobile","value":"+1 425 555 0101"},{"type":"fax","value":"+1 425 555 0102"}],` +
		`"` + enterpriseURN + `":{"employeeNumber":"701984","department":"Sales"},` +
		`"meta":{"resourceType":"User"},"roles":[]}`
}

// fitted is the body of a user as the endpoint should take it: without the
// attributes of the default mapping that it does not have, and with those that
// it wants besides. Where nothing is to be changed, no byte is.
func (p *probe) fitted(body string) string {
	var user object
	if json.Unmarshal([]byte(body), &user) != nil {
		return body
	}
	before := maps.Clone(user)
	for name := range before {
		switch name {
		case "schemas", "meta", "externalId", "userName":
		case enterpriseURN:
			if !p.features.has[enterprise] {
				delete(user, name)
				user["schemas"] = []string{userURN}
			}
		default:
			if !strings.Contains(name, ":") && !p.takes(name) {
				delete(user, name)
			}
		}
	}
	name, _ := user["userName"].(string)
	p.features.fill(user, name)
	for k, v := range p.options.User {
		if _, ok := user[k]; !ok {
			user[k] = v
		}
	}
	if equal(before, user) {
		return body
	}
	return string(encode(user))
}
