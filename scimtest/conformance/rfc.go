package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// rfcChecks are the checks of the RFCs' text: what a server must do for any
// client. Where the RFCs leave a choice, every choice is right.
func rfcChecks() []check {
	return slices.Concat(
		rfcDiscovery(), rfcSchemas(),
		rfcHTTP(), rfcErrors(),
		rfcCreate(), rfcCreateBodies(), rfcRead(),
		rfcFilter(), rfcFilterLogic(), rfcSearch(),
		rfcPaging(), rfcCursors(), rfcSort(),
		rfcProjection(),
		rfcReplace(),
		rfcPatch(), rfcPatchLists(), rfcPatchRefusals(),
		rfcGroups(), rfcMembership(),
		rfcVersions(),
		rfcBulk(),
		rfcDelete(),
	)
}

// withExtension is the part of a user's body that holds the enterprise extension.
func withExtension(attributes object) object {
	return object{"schemas": []string{userURN, enterpriseURN}, enterpriseURN: attributes}
}

// twoMails is a value of emails: one address of type work, one of type home.
func (p *probe) twoMails() (emails []object, work, home string) {
	work, home = p.email(), p.email()
	return []object{{"value": work, "type": "work"}, {"value": home, "type": "home"}}, work, home
}

// text expects a string at a path, in any case: a server may change the case
// where caseExact is false (RFC 7643 §7).
func (p *probe) text(o object, path, want string) {
	got, _ := at(o, path).(string)
	p.expect(strings.EqualFold(got, want), path+" "+show(want), path+" "+show(at(o, path)))
}

// absent expects no value at a path: nothing, null or an empty array, which are
// one and the same (RFC 7643 §2.5).
func (p *probe) absent(o object, path string) {
	got := at(o, path)
	list, isList := got.([]any)
	p.expect(got == nil || isList && len(list) == 0, "no "+path, path+" "+show(got))
}

// hasValues expects the elements of a multi-valued attribute to have these
// values, in any order and case.
func (p *probe) hasValues(o object, name string, want ...string) {
	lower := func(list []string) []string {
		for i, v := range list {
			list[i] = strings.ToLower(v)
		}
		return sorted(list...)
	}
	got, want := lower(p.values(o, name)), lower(sorted(want...))
	p.expect(slices.Equal(got, want), name+" with the values "+show(want), show(field(o, name)))
}

// isIn reports whether a user's groups name the group. There may be others: a
// server may have groups that fill themselves, and groups within groups.
func isIn(user object, group string) bool {
	return slices.ContainsFunc(objects(field(user, "groups")), func(g object) bool { return field(g, "value") == group })
}

// showsGroups skips the check unless users show the groups that they are in.
func (p *probe) showsGroups() {
	if !p.features.serves(userURN, "groups") {
		p.skip("it does not show a user's groups")
	}
}

// patched expects that a PATCH succeeds, and reads the resource again.
func (p *probe) patched(path string, ops ...object) object {
	p.status(p.patch(path, ops...), 200, 204)
	return p.read(path)
}

// badRequest expects that the request is refused with 400 and a SCIM error.
// The scimType is the client's to read if it is there (RFC 7644 §3.12).
func (p *probe) badRequest(x *Exchange) { p.refused(x, 400) }

// noSuccess expects that the request is refused, in whatever way.
func (p *probe) noSuccess(x *Exchange, what string) {
	p.expect(x.Status >= 400 && (x.Status < 500 || x.Status == 501), what, x.summary())
}

// quote writes a string as a filter's value.
func quote(s string) string { return string(encode(s)) }

// understood skips the check if the endpoint refuses a filter that it need not
// know: an honest refusal is not wrong, only less (RFC 7644 §3.12).
func (p *probe) understood(x *Exchange) {
	if slices.Contains([]int{400, 403, 501}, x.Status) {
		p.skip(fmt.Sprintf("it refuses such a filter with %d", x.Status))
	}
}

// holds expects that a filter holds, or does not, for a user, whom the search
// finds by userName.
func (p *probe) holds(userName, filter string, want bool) {
	x := p.search("/Users", "userName eq "+quote(userName)+" and "+filter)
	p.understood(x)
	l := p.list(x)
	expected := "the user is found by " + filter
	if !want {
		expected = "nothing is found by " + filter
	}
	p.expect(len(l.resources) == l.total, "as many Resources as totalResults", x.summary())
	if want {
		p.expect(len(l.resources) == 1 && strings.EqualFold(fmt.Sprint(field(l.resources[0], "userName")), userName), expected, x.summary())
	} else {
		p.expect(len(l.resources) == 0, expected, x.summary())
	}
}

// locationOf expects that a URI of a resource, absolute or relative to the
// base URL (RFC 7643 §2.3.7), ends with the path.
func (p *probe) locationOf(what string, uri any, path string) {
	s, _ := uri.(string)
	u, err := url.Parse(s)
	p.expect(s != "" && err == nil && strings.HasSuffix("/"+strings.TrimPrefix(u.EscapedPath(), "/"), path), what+" ending in "+path, what+" "+show(uri))
}
