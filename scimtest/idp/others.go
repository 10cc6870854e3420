package idp

import (
	"fmt"
	"net/http"
	"net/url"
)

// commonAttributes are pushed by each of the providers in this file. The order
// is that of OneLogin's templates.
var commonAttributes = []fixed{
	text("userName", func(u *User) string { return u.UserPrincipalName }),
	text("name.familyName", func(u *User) string { return u.Surname }),
	text("name.givenName", func(u *User) string { return u.GivenName }),
	text("displayName", func(u *User) string { return u.DisplayName }),
	text("title", func(u *User) string { return u.JobTitle }),
	text(`emails[type eq "work"].value`, workMail),
	text(`phoneNumbers[type eq "work"].value`, workPhone),
	text(`phoneNumbers[type eq "mobile"].value`, func(u *User) string { return u.MobilePhone }),
	{parseTarget("active"), func(u *User) any { return !u.SoftDeleted() }},
}

// fullAttributes are those that JumpCloud and the generic client push.
var fullAttributes = append([]fixed{
	text("externalId", func(u *User) string { return u.ID }),
	text(`addresses[type eq "work"].streetAddress`, func(u *User) string { return u.StreetAddress }),
	text(`addresses[type eq "work"].locality`, func(u *User) string { return u.City }),
	text(`addresses[type eq "work"].region`, func(u *User) string { return u.State }),
	text(`addresses[type eq "work"].postalCode`, func(u *User) string { return u.PostalCode }),
	text(`addresses[type eq "work"].country`, func(u *User) string { return u.Country }),
	text(enterpriseURN+":employeeNumber", func(u *User) string { return u.EmployeeID }),
	text(enterpriseURN+":department", func(u *User) string { return u.Department }),
}, commonAttributes...)

// noUserAgent has net/http send none.
var noUserAgent = http.Header{"User-Agent": {""}}

// NewOneLogin returns a Client that does as OneLogin's SCIM provisioning does,
// for the endpoint at the base URL. Nil options mean the defaults. It sends
// nothing yet; its error is of the URL.
//
// OneLogin puts its template of a user, whatever else the endpoint holds, and
// changes members by PATCH. Who has left is deleted, which is one of the
// choices that its admins have.
//
// The calls are those of developers.onelogin.com/scim/implement-scim-api. The
// capture in authentik #11249 shows the URLs that end in & and ?, no
// User-Agent, and the schemas, which are not the RFC's: an endpoint must read
// such a user all the same. How members are removed is not documented; here it
// is by value, the way authentik's tests have it.
func NewOneLogin(baseURL, token string, options *Options) (*Client, error) {
	return newClient(baseURL, token, options, manner{
		name:    "OneLogin",
		headers: noUserAgent,
		test:    probeUser,
		imports: []string{"/Groups"},
		page: func(start int) string {
			if start == 1 {
				return ""
			}
			return fmt.Sprintf("startIndex=%d", start)
		},
		search:     func(attribute, value string) string { return filter(eq(attribute, value)) + "&" },
		mayBe404:   true, // "or alternately a 404"
		schemas:    []string{"urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"},
		attributes: commonAttributes,
		update:     func(p *push, c *change) bool { return p.replaceUser(c, c.path()+"?", c.body) },
		deletes:    true,
		fillsLater: true,
		regroup: func(p *push, c *groupChange) {
			p.rename(c)
			p.patchMembers(c, byValue)
		},
	})
}

// NewJumpCloud returns a Client that does as JumpCloud's custom SCIM
// integration does, for the endpoint at the base URL. Nil options mean the
// defaults. It sends nothing yet; its error is of the URL.
//
// JumpCloud's operations are lower-case, it renames a group without a path,
// and sends a request for each member that comes or leaves. Who has left is
// deactivated. Its test of the connection creates and deletes a user and a
// group.
//
// Sources: JumpCloud's "Identity Management using a Custom SCIM Integration";
// ssoready and the crate scim-v2 for the shapes of operations. How JumpCloud
// looks for groups is not documented; here it is by displayName.
func NewJumpCloud(baseURL, token string, options *Options) (*Client, error) {
	return newClient(baseURL, token, options, manner{
		name:       "JumpCloud",
		headers:    noUserAgent,
		test:       testJumpCloud,
		search:     searchPlain,
		attributes: fullAttributes,
		update:     patchUser,
		fillsLater: true,
		regroup: func(p *push, c *groupChange) {
			p.rename(c)
			for _, id := range c.remove {
				p.patchGroup(PatchMembers, c, byValue([]string{id})...)
			}
			for _, id := range c.add {
				p.patchGroup(PatchMembers, c, operation{"add", "members", p.memberObjects([]string{id})})
			}
		},
	})
}

// NewRFC returns a Client that takes RFC 7643 and RFC 7644 at their word, as
// Ping's and many smaller identity providers do, for the endpoint at the base
// URL. Nil options mean the defaults. It sends nothing yet; its error is of
// the URL.
//
// By default it changes an object by PUT of the whole (RFC 7644 §3.5.1), with
// Options.Patch by PATCH (§3.5.2). Who has left is deleted (§3.6).
func NewRFC(baseURL, token string, options *Options) (*Client, error) {
	m := manner{
		name:       "the client",
		headers:    http.Header{"User-Agent": {"usher"}, "Accept": {"application/scim+json"}},
		test:       testRFC,
		search:     searchPlain,
		attributes: fullAttributes,
		update: func(p *push, c *change) bool {
			return p.replaceUser(c, c.path(), append(c.body, field{"id", c.id}))
		},
		deletes:    true,
		externalID: true,
		regroup: func(p *push, c *groupChange) {
			p.replaceGroup(c, append(p.groupBody(c.of, c.want), field{"id", c.id}))
		},
	}
	if options != nil && options.Patch {
		m.update = patchUser
		m.regroup = func(p *push, c *groupChange) {
			var ops []operation
			for _, diff := range c.diffs {
				ops = append(ops, operation{"replace", diff.path, diff.value})
			}
			if len(ops) > 0 {
				p.patchGroup(PatchGroup, c, ops...)
			}
			p.patchMembers(c, byPath)
		}
	}
	return newClient(baseURL, token, options, m)
}

func searchPlain(attribute, value string) string { return filter(eq(attribute, value)) }

// rename replaces the name without a path.
func (p *push) rename(c *groupChange) {
	if len(c.diffs) > 0 {
		p.patchGroup(PatchGroup, c, operation{Op: "replace", Value: object{{"displayName", c.of.DisplayName}}})
	}
}

// probeUser looks for a user that does not exist.
func probeUser(p *push) {
	p.find(Probe, about("a name that nobody has"), "/Users", "userName", p.guid())
}

// testRFC reads what the endpoint can do (RFC 7644 §4), and looks for a user.
func testRFC(p *push) {
	x := p.send(Probe, about("the service provider's configuration"), "/ServiceProviderConfig", "", nil)
	if !p.accept(x, 200) {
		return
	}
	config, ok := p.object(x)
	if !ok {
		return
	}
	supported := target{path: "patch.supported", name: "patch", sub: "supported"}
	if n, _ := supported.lookup(config); p.options.Patch && n != "true" {
		p.fail(x, CodeIncompatible, "patch.supported true", "the client was told to use PATCH")
	}
	probeUser(p)
}

// testJumpCloud creates a user and a group and deletes them again. Where
// deletion is not supported the user is deactivated and the group stays.
func testJumpCloud(p *push) {
	name := p.guid()
	u := &User{ID: name, UserPrincipalName: name + "@jumpcloud.example", DisplayName: "JumpCloud Test", GivenName: "JumpCloud", Surname: "Test"}
	g := &Group{ID: "g" + name, DisplayName: "JumpCloud Test " + name, Members: []string{u.ID}}
	users, groups := p.users, p.groups
	defer func() { p.users, p.groups = users, groups }()
	p.users, p.groups = map[string]*link{}, map[string]*link{}

	p.user(u)
	if !p.options.UsersOnly {
		p.group(g)
	}
	if l := p.groups[g.ID]; l != nil {
		p.accept(p.write(nil, DeleteGroup, g, "/Groups/"+url.PathEscape(l.id), nil), 204, 200, 404, 405, 501)
	}
	l := p.users[u.ID]
	if l == nil {
		return
	}
	x := p.write(nil, DeleteUser, u, "/Users/"+url.PathEscape(l.id), nil)
	if x.status == 405 || x.status == 501 {
		p.deactivate(l)
		return
	}
	p.accept(x, 204, 200)
}
