package idp

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
)

// NewOkta returns a Client that does as Okta does, for the endpoint at the
// base URL. Nil options mean the defaults. It sends nothing yet; its error is
// of the URL.
//
// By default it is an app made by Okta's integration wizard, which writes
// everything by PUT of what a GET returned. With Options.Patch it is an app
// of Okta's catalogue, which activates and deactivates users and changes
// groups by PATCH. Either way users are never deleted: who has left is
// deactivated.
//
// The requests are those of Okta's SCIM 2.0 protocol reference
// (developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20), and of
// captures: okta-blog-archive PR #1956 and #2022, SCIM-SDK #419.
func NewOkta(baseURL, token string, options *Options) (*Client, error) {
	m := manner{
		name: "Okta",
		headers: http.Header{
			"User-Agent":     {"Okta SCIM Client 1.0.0"},
			"Accept":         {"application/scim+json"},
			"Accept-Charset": {"utf-8"},
		},
		test:       testOkta,
		imports:    []string{"/Users", "/Groups"},
		page:       func(start int) string { return fmt.Sprintf("startIndex=%d&count=%d", start, oktaPage) },
		pageSize:   oktaPage,
		search:     searchOkta,
		mayBe404:   true, // "another acceptable response", the reference says
		attributes: oktaAttributes,
		also: func(u *User) []field {
			return []field{{"groups", []string{}}, {"password", scramble("password", u.ID)[:8]}}
		},
		update:  mergeUser,
		display: true,
		regroup: func(p *push, c *groupChange) {
			target{name: "displayName"}.put(c.got, c.of.DisplayName)
			target{name: "members"}.put(c.got, p.memberObjects(c.want))
			p.replaceGroup(c, c.got)
		},
	}
	if options != nil && options.Patch {
		m.update, m.regroup = updateOkta, regroupOkta
	}
	return newClient(baseURL, token, options, m)
}

const oktaPage = 100

// oktaAttributes are Okta's default mappings to a SCIM app. Okta names a user
// by an id of its own, 00u…, which the app sees as externalId.
var oktaAttributes = []fixed{
	text("userName", func(u *User) string { return u.UserPrincipalName }),
	text("name.givenName", func(u *User) string { return u.GivenName }),
	text("name.familyName", func(u *User) string { return u.Surname }),
	text(`emails[type eq "work"].value`, workMail),
	text("displayName", func(u *User) string { return u.DisplayName }),
	text("locale", func(u *User) string {
		if u.PreferredLanguage == "" {
			return "en-US"
		}
		return u.PreferredLanguage
	}),
	text("title", func(u *User) string { return u.JobTitle }),
	text(`phoneNumbers[type eq "work"].value`, workPhone),
	text(`phoneNumbers[type eq "mobile"].value`, func(u *User) string { return u.MobilePhone }),
	text(`addresses[type eq "work"].streetAddress`, func(u *User) string { return u.StreetAddress }),
	text(`addresses[type eq "work"].locality`, func(u *User) string { return u.City }),
	text(`addresses[type eq "work"].region`, func(u *User) string { return u.State }),
	text(`addresses[type eq "work"].postalCode`, func(u *User) string { return u.PostalCode }),
	text(`addresses[type eq "work"].country`, func(u *User) string { return u.Country }),
	text("externalId", func(u *User) string { return "00u" + scramble("id", u.ID)[:17] }),
	text(enterpriseURN+":employeeNumber", func(u *User) string { return u.EmployeeID }),
	text(enterpriseURN+":department", func(u *User) string { return u.Department }),
	{parseTarget("active"), func(u *User) any { return !u.SoftDeleted() }},
}

// workMail is the address, which is the login name where there is no other.
func workMail(u *User) string {
	if u.Mail == "" {
		return u.UserPrincipalName
	}
	return u.Mail
}

func workPhone(u *User) string {
	if len(u.BusinessPhones) == 0 {
		return ""
	}
	return u.BusinessPhones[0]
}

// scramble makes a name of letters and digits, the same for the same id.
func scramble(salt, id string) string {
	sum := sha256.Sum256([]byte(salt + "\x00" + id))
	return new(big.Int).SetBytes(sum[:]).Text(62)
}

// searchOkta encodes a space as %20, where Entra writes a +.
func searchOkta(attribute, value string) string {
	expression := strings.ReplaceAll(url.QueryEscape(eq(attribute, value)), "+", "%20")
	return fmt.Sprintf("filter=%s&startIndex=1&count=%d", expression, oktaPage)
}

// testOkta sends the two requests with which Okta checks the credentials; the
// parameters are always these (Okta's SCIM reference, "Create Users").
func testOkta(p *push) {
	for _, t := range []struct {
		kind            Kind
		endpoint, query string
		most            int
	}{
		{ImportUsers, "/Users", "startIndex=1&count=2", 2},
		{ImportGroups, "/Groups", p.page(1), oktaPage},
	} {
		if t.kind == ImportGroups && p.options.UsersOnly {
			return
		}
		x := p.send(t.kind, about("the connection, at "+t.endpoint), t.endpoint, t.query, nil)
		if found, _, ok := p.onePage(x); ok && len(found) > t.most {
			p.fail(x, CodeIncompatible, fmt.Sprintf("at most %d resources", t.most), "Okta asked for no more (RFC 7644 §3.4.2.4)")
		}
	}
}

// updateOkta activates and deactivates by PATCH; everything else is put, also
// by apps of the catalogue.
func updateOkta(p *push, c *change) bool {
	var others []difference
	ok := true
	for _, diff := range c.diffs {
		if diff.path != "active" {
			others = append(others, diff)
			continue
		}
		op := operation{Op: "replace", Value: object{{"active", diff.value}}}
		ok = p.patched(p.write(c.read, PatchUser, c.of, c.path(), patch([]operation{op})), c.id)
		diff.put(c.got, diff.value)
	}
	if c.diffs = others; len(others) == 0 {
		return ok
	}
	return mergeUser(p, c) && ok
}

// regroupOkta sends the name with every change, then the members: all of them
// when an existing group is taken over and when none is left, otherwise those
// who leave and come.
func regroupOkta(p *push, c *groupChange) {
	p.patchGroup(PatchGroup, c, operation{Op: "replace", Value: object{{"id", c.id}, {"displayName", c.of.DisplayName}}})
	switch {
	case len(c.add)+len(c.remove) == 0:
	case c.matched || len(c.want) == 0:
		p.patchGroup(PatchMembers, c, operation{"replace", "members", p.memberObjects(c.want)})
	default:
		p.patchMembers(c, byPath)
	}
}
