package conformance

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The Logic App suite's tests that speak to the endpoint directly, replayed:
// SCIMTests_Workflow.json of Microsoft.SCIM.LogicAppValidationTemplate, August
// 2026. Where the suite reads an application's attribute mapping from Entra,
// the default one is taken, as far as the endpoint has its attributes.

const logicAppSource = "AzureAD/SCIMReferenceCode, SCIM-Validation-Test-Overview.md"

// The header of all the suite's requests.
var logicAppHeader = http.Header{"Accept": {scimJSON}}

// defaultMapping has the attributes of users in Entra's default mapping besides
// userName, active, externalId and manager.
func defaultMapping() (leaves []leaf) {
	for _, name := range []string{"displayName", "title", "preferredLanguage"} {
		leaves = append(leaves, leaf{attribute: name, typ: "string"})
	}
	for _, sub := range []string{"givenName", "familyName", "formatted"} {
		leaves = append(leaves, leaf{attribute: "name", sub: sub, typ: "string"})
	}
	for _, e := range elementLeaves {
		for _, typ := range e.types { // not roles: they have none
			for _, sub := range e.subs {
				leaves = append(leaves, leaf{attribute: e.attribute, selector: fmt.Sprintf("type eq %q", typ), sub: sub, typ: "string"})
			}
		}
	}
	for _, name := range []string{"employeeNumber", "department"} {
		leaves = append(leaves, leaf{urn: enterpriseURN, attribute: name, typ: "string"})
	}
	return leaves
}

// mappedLeaves are those attributes of the default mapping that the endpoint has and
// lets clients write, with new values.
func (p *probe) mappedLeaves() []leaf {
	f := &p.features
	return p.filled(slices.DeleteFunc(defaultMapping(), func(l leaf) bool {
		switch {
		case l.urn != "" && !f.has[enterprise]:
			return true
		case f.schemas[cmp.Or(l.urn, userURN)] == nil:
			return false // nobody knows
		case !f.declares(l):
			return true
		}
		def := f.attribute(cmp.Or(l.urn, userURN), l.attribute)
		if !settable(def) || l.selector != "" && !f.declares(leaf{attribute: l.attribute, sub: "type"}) {
			return true
		}
		return slices.ContainsFunc(subAttributes(def), func(sub object) bool { return field(sub, "name") == l.sub && !settable(sub) })
	}))
}

// logicAppBody is the body of a user as the suite creates it.
func (p *probe) logicAppBody(prefix string, leaves []leaf) object {
	body := p.userOf(prefix+p.userName(), leaves)
	body["active"], body["externalId"] = true, guid()
	for _, l := range leaves { // the first element of each attribute is the primary one
		if elements, ok := body[l.attribute].([]object); ok && l.urn == "" {
			for i, e := range elements {
				e["primary"] = i == 0
			}
		}
	}
	return body
}

// logicAppUser creates a user as the suite does before a test.
func (p *probe) logicAppUser(prefix string, leaves []leaf) (path string, user object) {
	p.prepare("cannot create the user that the suite creates", func() {
		user = p.resource(p.as(logicAppHeader, "POST", "/Users", p.logicAppBody(prefix, leaves)), 200, 201)
	})
	return pathOf("/Users", user), user
}

// logicAppPatched sends a PATCH as the suite does and returns what a GET shows
// then.
func (p *probe) logicAppPatched(path string, ops ...object) (*Exchange, object) {
	p.status(p.as(logicAppHeader, "PATCH", path, patchOp(ops)), 200, 204)
	x := p.as(logicAppHeader, "GET", path, nil)
	return x, p.resource(x, 200)
}

func logicAppChecks() []check {
	return []check{
		{
			id: "logicapp.schemas", area: Discovery, level: Must, rows: []string{"R-096", "R-335", "R-341", "E142", "E147"}, source: logicAppSource,
			title: "Schema_Discoverability_Test: the names that are made of /Schemas cover what the endpoint serves of Entra's default mapping",
			why:   "One mapped attribute that is missing fails this test, and with it the submission to the gallery. Without a Group schema all group tests fail.",
			fix:   `List the User, Group and extension schemas at /Schemas, with sub-attributes, and with canonicalValues ("work", "mobile"…) on each type: names such as emails[type eq "work"].value are made of them.`,
			run: func(p *probe) {
				x := p.as(logicAppHeader, "GET", "/Schemas", nil)
				all := objects(field(p.object(x, 200), "Resources"))
				p.expect(len(all) > 0, "schemas in Resources", x.summary())
				users, inGroups := flattened(all)
				leaves := p.filled(defaultMapping())
				answer := p.as(logicAppHeader, "POST", "/Users", p.logicAppBody("", leaves))
				var kept object // nothing if the user was refused: that is for others to find
				_ = json.Unmarshal([]byte(answer.ResponseBody), &kept)
				serves := []string{"userName"}
				if field(kept, "active") != nil {
					serves = append(serves, "active")
				}
				for _, l := range leaves {
					if l.kept(kept) || p.features.declares(l) {
						serves = append(serves, l.path())
					}
				}
				p.expectNames("users", serves, users, x)
				if p.features.has[groups] {
					p.expectNames("groups", []string{"displayName", "members"}, inGroups, x)
				}
			},
		},
		{
			id: "logicapp.schemas.external-id", area: Discovery, level: Should, rows: []string{"E142", "E147"}, source: logicAppSource + "; RFC 7643 §3.1",
			title: "Schema_Discoverability_Test: externalId is in the schemas of what keeps it",
			why:   "Entra's default mapping has externalId, of users and of groups. It is a common attribute that schemas need not list, but the test fails where they do not.",
			fix:   "List externalId in the User and the Group schema (RFC 7643 §3.1 allows it), or have customers take it out of their mapping.",
			run: func(p *probe) {
				x := p.as(logicAppHeader, "GET", "/Schemas", nil)
				if x.Status != 200 {
					p.skip("the endpoint has no /Schemas")
				}
				users, inGroups := flattened(objects(field(p.object(x, 200), "Resources")))
				_, user := p.logicAppUser("", nil)
				if field(user, "externalId") != nil {
					p.expectNames("users", []string{"externalId"}, users, x)
				}
				if p.features.has[groups] {
					_, group := p.newGroup(object{"externalId": guid()})
					if field(group, "externalId") != nil {
						p.expectNames("groups", []string{"externalId"}, inGroups, x)
					}
				}
			},
		},
		{
			id: "logicapp.groups", area: Discovery, level: Should, rows: []string{"E147"}, source: logicAppSource,
			title: "The suite's group tests can run: groups are served",
			why:   "Seven tests of the suite are failed, not skipped, if /Schemas has no Group schema, though the gallery's pages call groups recommended.",
			fix:   "Serve /Groups, and list the Group schema at /Schemas.",
			run: func(p *probe) {
				p.expect(p.features.has[groups], "groups at /Groups", "none")
			},
		},
		{
			id: "logicapp.credentials", area: Transport, level: Must, rows: []string{"E006", "E147"}, source: logicAppSource,
			title: "Validate_Credentials_Test: the token opens GET /Users?startIndex=1&count=1, and none does not",
			why:   "The connection cannot be set up; or anyone can read the directory.",
			fix:   "Answer 200 to a valid bearer token, 401 to a request without one.",
			run: func(p *probe) {
				const path = "/Users?startIndex=1&count=1"
				p.status(p.as(logicAppHeader, "GET", path, nil), 200)
				x := p.as(http.Header{"Accept": {scimJSON}, "Authorization": nil}, "GET", path, nil)
				p.status(x, 401, 403)
			},
		},
		{
			id: "logicapp.token-lifetime", area: Transport, level: Should, rows: []string{"E008", "E147"}, source: logicAppSource,
			title: "Validate_Credentials_Test: an access token is valid for one to six hours",
			why:   "The test fails for shorter ones, which expire in the middle of a cycle, and for longer ones.",
			fix:   "Issue access tokens of expires_in 3600 to 21600 at the token endpoint.",
			run: func(p *probe) {
				seconds, ok := lifetime(p.token)
				if !ok {
					p.skip("how long the token is valid shows at a token endpoint, which is not known; the token itself does not tell")
				}
				p.expect(seconds >= 3600 && seconds <= 21600, "a token that is valid for 3600 to 21600 seconds", fmt.Sprintf("%.0f seconds, by its iat and exp", seconds))
			},
		},
		{
			id: "logicapp.users.pages", area: Paging, level: Must, alone: true, rows: []string{"R-175", "R-179", "E143", "E147"}, source: logicAppSource,
			title: "SCIM_User_Pagination_Test: eleven users and more in pages of five, each answer with its startIndex",
			why:   "Account discovery pages through all users: with a wrong startIndex the test fails, and users are missed or read twice.",
			fix:   "Honour startIndex and count; answer with the startIndex that was asked for, full pages, and the true totalResults.",
			run: func(p *probe) {
				p.pages("/Users", func() { p.logicAppUser("paguser", nil) })
			},
		},
		{
			id: "logicapp.groups.pages", area: Paging, level: Should, alone: true, needs: []feature{groups}, rows: []string{"R-175", "R-179", "E143", "E147"}, source: logicAppSource,
			title: "SCIM_Group_Pagination_Test: eleven groups and more in pages of five, each answer with its startIndex",
			why:   "The test warns; tools that read all groups miss some or read them twice.",
			fix:   "Honour startIndex and count; answer with the startIndex that was asked for, full pages, and the true totalResults.",
			run: func(p *probe) {
				p.pages("/Groups", func() { p.newGroup(nil) })
			},
		},
	}
}

// expectNames expects names among those that /Schemas makes known.
func (p *probe) expectNames(of string, want, have []string, x *Exchange) {
	missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool {
		return slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(h, name) })
	})
	p.expect(len(missing) == 0, "in the schemas of "+of+": "+some(missing), "not among "+strings.Join(have, ", ")+" of "+x.Method+" "+x.URL)
}

// flattened makes names of schemas by the suite's rules: those of users, with
// all extensions, and those of groups.
func flattened(schemas []object) (users, inGroups []string) {
	for _, s := range schemas {
		id, _ := field(s, "id").(string)
		switch id {
		case userURN:
			users = append(users, flatten(s)...)
		case groupURN:
			inGroups = append(inGroups, flatten(s)...)
		default: // an extension, of users whatever it is of: names alone
			for _, def := range attributes(s) {
				name, _ := field(def, "name").(string)
				users = append(users, id+":"+name)
			}
		}
	}
	return users, inGroups
}

func flatten(schema object) (names []string) {
	for _, def := range attributes(schema) {
		name, _ := field(def, "name").(string)
		typ := field(def, "type")
		switch {
		case name == "manager" || name == "members":
			names = append(names, name)
		case typ == "complex" && field(def, "multiValued") == true:
			names = append(names, flattenElements(name, subAttributes(def))...)
		case typ == "complex":
			for _, sub := range subAttributes(def) {
				if t := field(sub, "type"); t != "complex" && t != "reference" {
					names = append(names, fmt.Sprintf("%s.%v", name, field(sub, "name")))
				}
			}
		case typ != "reference":
			names = append(names, name)
		}
	}
	return names
}

// flattenElements are the names of a multi-valued attribute: one of each type
// in canonicalValues and each sub-attribute, or of the primary element.
func flattenElements(name string, subs []object) (names []string) {
	var types []any
	for _, sub := range subs {
		if field(sub, "name") == "type" {
			types, _ = field(sub, "canonicalValues").([]any)
		}
	}
	selectors, leftOut := []string{`primary eq "True"`}, []any{"primary"}
	if len(types) > 0 {
		selectors, leftOut = nil, []any{"primary", "type"}
		for _, t := range types {
			selectors = append(selectors, fmt.Sprintf(`type eq "%v"`, t))
		}
	}
	for _, selector := range selectors {
		for _, sub := range subs {
			if n := field(sub, "name"); !slices.Contains(leftOut, n) {
				names = append(names, fmt.Sprintf("%s[%s].%v", name, selector, n))
			}
		}
	}
	return names
}

// lifetime returns for how long a token is valid, if it is a JWT that tells.
func lifetime(token string) (seconds float64, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return 0, false
	}
	var claims struct{ Iat, Exp *float64 }
	if json.Unmarshal(payload, &claims) != nil || claims.Iat == nil || claims.Exp == nil {
		return 0, false
	}
	return *claims.Exp - *claims.Iat, true
}

// pages reads a list as the suite does, after making sure that there are eleven
// resources: at most ten pages, each begun where the last one ended.
func (p *probe) pages(endpoint string, create func()) {
	const count, least, most = 5, 11, 10
	page := func(startIndex int) list {
		return p.list(p.as(logicAppHeader, "GET", fmt.Sprintf("%s?startIndex=%d&count=%d", endpoint, startIndex, count), nil))
	}
	for range max(0, least-page(1).total) {
		create()
	}
	seen := map[string]bool{}
	next, pages := 1, 0
	for next > 0 && pages < most {
		l := page(next)
		x := p.exchanges[len(p.exchanges)-1]
		pages++
		want := (pages-1)*count + 1
		p.expect(l.startIndex == want, fmt.Sprintf("startIndex %d on page %d, after full pages of %d", want, pages, count), x.summary())
		for _, id := range l.ids() {
			p.expect(!seen[id], "no resource on two pages", "id "+id+" again on page "+fmt.Sprint(pages))
			seen[id] = true
		}
		next = l.startIndex + len(l.resources)
		if len(l.resources) == 0 || next > l.total {
			next = 0
		}
	}
	p.expect(pages >= 2, fmt.Sprintf("two pages at least, of %d each", count), fmt.Sprintf("%d page with %d resources", pages, len(seen)))
}

func logicAppWriteChecks() []check {
	return []check{
		{
			id: "logicapp.user.create", area: Create, level: Must, rows: []string{"E040", "E147"}, source: logicAppSource,
			title: "SCIM_User_Create_Test: POST /Users gives an id and the userName that was sent",
			why:   "Entra cannot go on with a user that it does not know by id and name.",
			fix:   "Answer 201 with the user: its id, and userName exactly as it was sent.",
			run: func(p *probe) {
				body := p.logicAppBody("lascuser", p.mappedLeaves())
				user := p.resource(p.as(logicAppHeader, "POST", "/Users", body), 200, 201)
				p.equal("userName", field(user, "userName"), body["userName"])
			},
		},
		{
			id: "logicapp.user.update", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E061", "E147"}, source: logicAppSource,
			title: "SCIM_User_Update_Test: every mapped attribute is replaced by its path, and a GET shows it",
			why:   "What is not stored is written again in every cycle, or fails the user's update.",
			fix:   "Apply all operations; 200 or 204.",
			run:   func(p *probe) { p.updateUser(verbose) },
		},
		{
			id: "logicapp.user.update.pathless", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"E062", "E147"}, source: logicAppSource,
			title: "SCIM_User_Update_Test, not verbose: elements by path, everything else in one operation without",
			why:   `It is the form of the flag aadOptscim062020: the key "name.givenName" must not become an attribute of that name.`,
			fix:   "Without a path, read each key of the value as a path.",
			run:   func(p *probe) { p.updateUser(compact) },
		},
		{
			id: "logicapp.null", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"R-026", "R-271", "E085", "E086", "E147"}, source: logicAppSource,
			title: `SCIM_Null_Update_Test: a replace of every optional attribute with "", then with null, leaves none`,
			why:   "Values that were cleared at Entra stay for ever: a phone number that belongs to someone else by now.",
			fix:   `Take "" and null as "no value" in PATCH, for elements, sub-attributes and extensions too; answer 200 or 204.`,
			run: func(p *probe) {
				path, leaves := p.toClear()
				p.logicAppCleared(path, leaves, verbose, "")
				p.logicAppCleared(path, leaves, verbose, null)
			},
		},
		{
			id: "logicapp.null.pathless", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"R-026", "R-271", "E086", "E147"}, source: logicAppSource,
			title: `SCIM_Null_Update_Test, not verbose: the same in one operation without a path`,
			why:   "As with paths, in the form of the flag aadOptscim062020.",
			fix:   `Take {"title":"","name.givenName":null} as "no value" for each key.`,
			run: func(p *probe) {
				path, leaves := p.toClear()
				p.logicAppCleared(path, leaves, compact, "")
				p.logicAppCleared(path, leaves, compact, null)
			},
		},
		{
			id: "logicapp.null.values", area: Patch, level: Must, needs: []feature{patching}, rows: []string{"R-026", "R-271", "E086", "E147"}, source: logicAppSource + "; RFC 7643 §2.5",
			title: `SCIM_Null_Update_Test, its second half alone: a replace with null clears attributes that have values`,
			why:   `The test's own null comes after "" has cleared everything; a null that is ignored keeps what should be gone.`,
			fix:   "Take null as \"no value\" (RFC 7643 §2.5) in PATCH.",
			run: func(p *probe) {
				path, leaves := p.toClear()
				p.logicAppCleared(path, leaves, verbose, null)
			},
		},
		{
			id: "logicapp.manager", area: Patch, level: Must, needs: []feature{patching, enterprise}, rows: []string{"E078", "E079", "E080", "E147"}, source: logicAppSource,
			title: `SCIM_Update_Manager_Test: Add, replace with a bare id, and replace with "", each seen in a GET`,
			why:   "The manager in the application is none, or the wrong one.",
			fix:   `Take a string for manager as {"value": string}, "" as no value; return an object under the enterprise URN.`,
			run: func(p *probe) {
				p.wants(managerPath)
				leaves := p.mappedLeaves()
				path, _ := p.logicAppUser("scmgr-user-", leaves)
				for i, operation := range []string{"Add", "replace"} {
					_, manager := p.logicAppUser(fmt.Sprintf("scmgr-mgr%d-", i+1), leaves)
					x, now := p.logicAppPatched(path, op(operation, managerPath, idOf(manager)))
					p.expect(managerOf(now) == idOf(manager), "manager.value "+show(idOf(manager)), x.summary())
				}
				x, now := p.logicAppPatched(path, op("replace", managerPath, ""))
				got := managerOf(now)
				p.expect(got == nil || got == "", "no manager", x.summary())
			},
		},
		{
			id: "logicapp.group.create", area: Create, level: Must, needs: []feature{groups}, rows: []string{"E110", "E147"}, source: logicAppSource,
			title: "SCIM_Group_Create_Test: POST /Groups gives an id and the displayName that was sent",
			why:   "Entra cannot go on with a group that it does not know by id and name.",
			fix:   "Answer 201 with the group: its id, and displayName exactly as it was sent.",
			run: func(p *probe) {
				body := p.logicAppGroup()
				group := p.resource(p.as(logicAppHeader, "POST", "/Groups", body), 200, 201)
				p.equal("displayName", field(group, "displayName"), body["displayName"])
			},
		},
		{
			id: "logicapp.group.update", area: Patch, level: Must, needs: []feature{groups, patching}, rows: []string{"E127", "E128", "E147"}, source: logicAppSource,
			title: "SCIM_Group_Update_Test: displayName and externalId are replaced by their paths, and a GET shows them",
			why:   "Renamed groups keep their old name.",
			fix:   "Apply all operations; 200 or 204.",
			run: func(p *probe) {
				var group object
				p.prepare("cannot create the group that the suite creates", func() {
					group = p.resource(p.as(logicAppHeader, "POST", "/Groups", p.logicAppGroup()), 200, 201)
				})
				leaves := []leaf{{attribute: "displayName", typ: "string", value: p.unique("upd")}}
				if field(group, "externalId") != nil {
					leaves = append(leaves, leaf{attribute: "externalId", typ: "string", value: "upd-" + guid()[:8]})
				}
				x, now := p.logicAppPatched(pathOf("/Groups", group), verbose("replace", leaves)...)
				p.compareLeaves(x, now, leaves)
			},
		},
	}
}

func (p *probe) logicAppGroup() object {
	return object{"schemas": []string{groupURN}, "displayName": p.unique("usher-check-LASCDirectGroup"), "externalId": guid()}
}

// updateUser replaces every mapped attribute, userName and externalId too, and
// compares.
func (p *probe) updateUser(write func(string, []leaf) []object) {
	path, user := p.logicAppUser("lasupduser", p.mappedLeaves())
	leaves := p.mappedLeaves()
	if p.features.renames() {
		leaves = append(leaves, leaf{attribute: "userName", typ: "string", value: "upd-" + p.userName()})
	}
	if field(user, "externalId") != nil {
		leaves = append(leaves, leaf{attribute: "externalId", typ: "string", value: "upd-" + guid()[:8]})
	}
	if len(leaves) == 0 {
		p.skip("the endpoint's users have no attribute that the suite replaces")
	}
	x, now := p.logicAppPatched(path, write("replace", leaves)...)
	p.compareLeaves(x, now, leaves)
}

// toClear creates a user with all mapped attributes, and returns those that the
// suite clears: the optional ones.
func (p *probe) toClear() (path string, leaves []leaf) {
	leaves = p.mappedLeaves()
	path, _ = p.logicAppUser("scnull", leaves)
	leaves = slices.DeleteFunc(leaves, func(l leaf) bool {
		return field(p.features.attribute(cmp.Or(l.urn, userURN), l.attribute), "required") == true
	})
	if len(leaves) == 0 {
		p.skip("the endpoint's users have no optional attribute of Entra's default mapping")
	}
	return path, leaves
}

// logicAppCleared replaces attributes with an empty value and expects them gone.
func (p *probe) logicAppCleared(path string, leaves []leaf, write func(string, []leaf) []object, empty any) {
	leaves = slices.Clone(leaves)
	for i := range leaves {
		leaves[i].value = empty
	}
	x, now := p.logicAppPatched(path, write("replace", leaves)...)
	var left []string
	for _, l := range leaves {
		if got := l.in(now); got != nil && got != "" {
			left = append(left, l.path()+" "+show(got))
		}
	}
	p.expect(len(left) == 0, "nothing left of what was replaced with "+show(empty), some(left)+", in "+x.summary())
}
