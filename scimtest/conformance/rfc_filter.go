package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// operatorFilters are filters for a user's displayName "Alpha-<tail>", one for each
// operator of RFC 7644 §3.4.2.2, Table 3.
func operatorFilters(tail string) map[string]string {
	return map[string]string{
		"ne": `displayName ne "zz"`, "co": `displayName co ` + quote(tail), "sw": `displayName sw "Alpha"`, "ew": `displayName ew ` + quote(tail),
		"pr": `displayName pr`, "gt": `displayName gt "A"`, "ge": `displayName ge "A"`, "lt": `displayName lt "Z"`, "le": `displayName le "Z"`,
	}
}

func rfcFilter() []check {
	need := []feature{filtering}
	refuseFix := "Answer 400 with scimType invalidFilter to what you do not support; otherwise evaluate it as the RFC says."
	// of makes a check of what a filter finds a user by, who has a displayName.
	of := func(id, title string, rows []string, fix string, run func(p *probe, name, display string)) check {
		return check{
			id: "filter." + id, area: Filter, level: Must, needs: need, title: title, rows: rows, source: "RFC 7644 §3.4.2.2",
			why: "A client gets users that it did not ask for, or not those that it did, and changes the wrong ones.",
			fix: fix + " " + refuseFix,
			run: func(p *probe) {
				p.wants("displayName")
				name, display := p.userName(), "Alpha-"+p.unique("d")
				p.newUser(object{"userName": name, "displayName": display})
				run(p, name, display)
			},
		}
	}
	return []check{
		{
			id: "filter.eq", area: Filter, level: Must, needs: need,
			title: "userName eq finds exactly the user", rows: []string{"R-137", "R-141", "R-146"}, source: "RFC 7644 §3.4.2.2",
			why: "Identity providers look every user up this way: they create users twice, or change another's.",
			fix: "Apply the filter before anything is returned; answer a ListResponse with the user alone.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.newUser(nil)
				found := p.finds(p.search("/Users", "userName eq "+quote(fmt.Sprint(user["userName"]))), idOf(user))
				p.equal("meta.resourceType", at(found, "meta.resourceType"), "User")
			},
		},
		{
			id: "filter.none", area: Filter, level: Must, needs: need,
			title: "No match is 200 with an empty list", rows: []string{"R-139"}, source: "RFC 7644 §3.4.2",
			why: "Identity providers take 404 for a broken endpoint; most test a connection with a user that does not exist.",
			fix: "Answer 200 with totalResults 0 and Resources [].",
			run: func(p *probe) {
				p.findsNone(p.search("/Users", "userName eq "+quote(p.userName())))
			},
		},
		{
			id: "filter.not-ignored", area: Filter, level: Must,
			title: "A filter is never ignored", rows: []string{"R-140", "R-141", "R-144"}, source: "RFC 7644 §3.4.2.2",
			why: "A client that looks one user up gets all of them, and takes the first.",
			fix: "Apply the filter, or refuse it with 400 invalidFilter if filters are not supported.",
			run: func(p *probe) {
				p.newUser(nil)
				x := p.search("/Users", "userName eq "+quote(p.userName()))
				p.understood(x)
				p.findsNone(x)
			},
		},
		{
			id: "filter.id", area: Filter, level: Must, needs: need,
			title: "id eq finds the user", rows: []string{"R-146"}, source: "RFC 7644 §3.4.2.2",
			why: "Clients that check several users at once do so by id.",
			fix: "Support eq on id. " + refuseFix,
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.newUser(nil)
				x := p.search("/Users", "id eq "+quote(idOf(user)))
				p.understood(x)
				p.finds(x, idOf(user))
			},
		},
		{
			id: "filter.external-id", area: Filter, level: Must, needs: need,
			title: "externalId eq finds the user, with its exact case", rows: []string{"R-146", "R-152", "R-339"}, source: "RFC 7643 §3.1, RFC 7644 §3.4.2.2",
			why: "Identity providers that match by externalId create users twice; without case, two keys become one.",
			fix: "Support eq on externalId and compare it exactly. " + refuseFix,
			run: func(p *probe) {
				external := strings.ToLower(p.unique("x")) + "-abcDEF"
				_, user := p.newUser(object{"externalId": external})
				x := p.search("/Users", "externalId eq "+quote(external))
				p.understood(x)
				p.finds(x, idOf(user))
				p.findsNone(p.search("/Users", "externalId eq "+quote(strings.ToUpper(external))))
			},
		},
		{
			id: "filter.case", area: Filter, level: Must, needs: need,
			title: "userName compares without case", rows: []string{"R-027", "R-152", "R-339"}, source: "RFC 7643 §4.1.1, RFC 7644 §3.4.2.2",
			why: "A client does not find the user whose name it spells otherwise, and its create is refused as a duplicate: it is stuck.",
			fix: "Compare attributes whose caseExact is false without case.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				p.finds(p.search("/Users", "userName eq "+quote(strings.ToUpper(fmt.Sprint(user["userName"])))), idOf(user))
			},
		},
		{
			id: "filter.names.case", area: Filter, level: Must, needs: need,
			title: "Attribute names and operators may be written in any case", rows: []string{"R-002", "R-143"}, source: "RFC 7644 §3.4.2.2",
			why: "Clients that write username EQ, as the RFC does, find nobody.",
			fix: "Compare attribute names, operators, and, or and not without case.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name := quote(fmt.Sprint(user["userName"]))
				for _, filter := range []string{"USERNAME eq ", "userName EQ ", "username Eq "} {
					p.finds(p.search("/Users", filter+name), idOf(user))
				}
			},
		},
		{
			id: "filter.urn", area: Filter, level: Must, needs: need,
			title: "Attributes may be named with their schema's URI", rows: []string{"R-165", "R-168"}, source: "RFC 7644 §3.10",
			why: "Clients that spell names out get an error: the URI has dots and colons of its own.",
			fix: "Cut the schema's URI off at the last colon, whatever its case is.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name := quote(fmt.Sprint(user["userName"]))
				p.finds(p.search("/Users", userURN+":userName eq "+name), idOf(user))
				p.finds(p.search("/Users", strings.ToUpper(userURN)+":username eq "+name), idOf(user))
			},
		},
		{
			id: "filter.extension", area: Filter, level: Must, needs: []feature{filtering, enterprise},
			title: "Extension attributes can be searched by", rows: []string{"R-146", "R-167"}, source: "RFC 7644 §3.10",
			why: "Identity providers that match by employee number find nobody.",
			fix: "Resolve names with the extension's URI. " + refuseFix,
			run: func(p *probe) {
				p.wants(enterpriseURN + ":employeeNumber")
				number := p.unique("e")
				_, user := p.newUser(withExtension(object{"employeeNumber": number}))
				x := p.search("/Users", enterpriseURN+":employeeNumber eq "+quote(number))
				p.understood(x)
				p.finds(x, idOf(user))
				p.findsNone(p.search("/Users", enterpriseURN+":employeeNumber eq "+quote(p.unique("e"))))
			},
		},
		of("ne", "ne finds what differs", []string{"R-147"}, "ne is true if the values differ.", func(p *probe, name, display string) {
			p.holds(name, "displayName ne "+quote(p.unique("d")), true)
			p.holds(name, "displayName ne "+quote(display), false)
		}),
		of("co", "co finds a part of the value", []string{"R-148"}, "co is true if the whole operand is in the value.", func(p *probe, name, display string) {
			p.holds(name, "displayName co "+quote(display[2:len(display)-2]), true)
			p.holds(name, "displayName co "+quote(display), true)
			p.holds(name, `displayName co "Alpha%"`, false)
		}),
		of("sw", "sw finds what begins with the value", []string{"R-148"}, "sw is true if the value begins with the whole operand, or is equal to it.", func(p *probe, name, display string) {
			p.holds(name, "displayName sw "+quote(display[:9]), true)
			p.holds(name, "displayName sw "+quote(display), true)
			p.holds(name, "displayName sw "+quote(display[1:]), false)
		}),
		of("ew", "ew finds what ends with the value", []string{"R-148"}, "ew is true if the value ends with the whole operand, or is equal to it.", func(p *probe, name, display string) {
			p.holds(name, "displayName ew "+quote(display[6:]), true)
			p.holds(name, "displayName ew "+quote(display), true)
			p.holds(name, "displayName ew "+quote(display[:6]), false)
		}),
		of("pr", "pr finds what has a value", []string{"R-149"}, "pr is true if there is a value that is not empty.", func(p *probe, name, display string) {
			p.holds(name, "displayName pr", true)
			if p.features.attribute(userURN, "nickName") != nil && p.features.required["nickName"] == nil && p.options.User["nickName"] == nil {
				p.holds(name, "nickName pr", false)
			}
		}),
		of("order", "gt, ge, lt and le compare strings in order", []string{"R-150"}, "Compare strings in lexicographic order.", func(p *probe, name, display string) {
			for _, operator := range []struct {
				name                   string
				less, equal, greater   bool // whether it holds if the value is so
				lessThan, sameAs, more string
			}{
				{"gt", false, false, true, "Beta", display, "Aardvark"},
				{"ge", false, true, true, "Beta", display, "Aardvark"},
				{"lt", true, false, false, "Beta", display, "Aardvark"},
				{"le", true, true, false, "Beta", display, "Aardvark"},
			} {
				p.holds(name, "displayName "+operator.name+" "+quote(operator.lessThan), operator.less)
				p.holds(name, "displayName "+operator.name+" "+quote(operator.sameAs), operator.equal)
				p.holds(name, "displayName "+operator.name+" "+quote(operator.more), operator.greater)
			}
		}),
		of("quotes", "Values are JSON strings with escapes", []string{"R-158"}, "Decode the operand like any JSON string.", func(p *probe, _, plain string) {
			p.understood(p.search("/Users", "displayName eq "+quote(plain)))
			display := `a "b" \c & d+e %41 ü ` + p.unique("d")
			_, user := p.newUser(object{"displayName": display})
			p.finds(p.search("/Users", "displayName eq "+quote(display)), idOf(user))
			p.finds(p.search("/Users", "displayName eq "+strings.ReplaceAll(quote(display), "ü", `\u00fc`)), idOf(user))
		}),
		of("keywords", "Words of the filter language may be in a value", []string{"R-158"}, "Read the operand as one string, up to the closing quote.", func(p *probe, _, plain string) {
			p.understood(p.search("/Users", "displayName eq "+quote(plain)))
			display := "x) or (userName pr and " + p.unique("d")
			_, user := p.newUser(object{"displayName": display})
			p.finds(p.search("/Users", "displayName eq "+quote(display)), idOf(user))
		}),
		{
			id: "filter.operators", area: Filter, level: Should, needs: need,
			title: "All operators are supported", rows: []string{"R-145", "R-146", "R-147", "R-148", "R-149", "R-150", "R-153"}, source: "RFC 7644 §3.4.2.2",
			why: "Clients that search by more than equality are refused; audits and reports read the whole directory instead.",
			fix: "Support eq, ne, co, sw, ew, pr, gt, ge, lt, le, and, or, not and parentheses.",
			run: func(p *probe) {
				p.wants("displayName")
				tail := p.unique("d")
				name := p.userName()
				p.newUser(object{"userName": name, "displayName": "Alpha-" + tail})
				filters := operatorFilters(tail)
				filters["or"] = "displayName eq " + quote("Alpha-"+tail) + ` or displayName eq "b"`
				filters["not"] = `userName eq ` + quote(name) + ` and not (displayName eq "b")`
				filters["( )"] = `userName eq ` + quote(name) + ` and (displayName eq "b" or displayName eq ` + quote("Alpha-"+tail) + ")"
				var refused []string
				for operator, filter := range filters {
					if p.search("/Users", filter).Status != 200 {
						refused = append(refused, operator)
					}
				}
				slices.Sort(refused)
				p.expect(len(refused) == 0, "all operators accepted", "refused: "+strings.Join(refused, ", "))
			},
		},
		{
			id: "filter.attributes", area: Filter, level: Should, needs: need,
			title: "Users can be searched by all kinds of attributes", rows: []string{"R-145", "R-155", "R-156", "R-157"}, source: "RFC 7644 §3.4.2.2",
			why: "Clients that match by something else than userName are refused: e-mail addresses are the most common choice.",
			fix: "Support sub-attributes, multi-valued attributes with and without brackets, id, externalId, active and times.",
			run: func(p *probe) {
				filters := []string{`id eq "x"`, `externalId eq "x"`, `meta.lastModified gt "2100-01-02T03:04:05Z"`}
				for name, some := range map[string][]string{
					"displayName": {`displayName eq "x"`}, "active": {`userName eq "x" and active eq true`}, "name": {`name.familyName eq "x"`},
					"emails": {`emails.value eq "x"`, `emails[type eq "work" and value eq "x"]`},
				} {
					if p.features.serves(userURN, name) {
						filters = append(filters, some...)
					}
				}
				var refused []string
				for _, filter := range filters {
					if p.search("/Users", filter).Status != 200 {
						refused = append(refused, filter)
					}
				}
				slices.Sort(refused)
				p.expect(len(refused) == 0, "all of these filters accepted", "refused: "+strings.Join(refused, ", "))
			},
		},
		{
			id: "filter.sub-attribute", area: Filter, level: Must, needs: need,
			title: "Sub-attributes can be searched by", rows: []string{"R-157"}, source: "RFC 7644 §3.4.2.2",
			why: "Searches by family name find nobody, or everybody.",
			fix: "Resolve name.familyName. " + refuseFix,
			run: func(p *probe) {
				p.wants("name")
				family := p.unique("f")
				_, user := p.newUser(object{"name": object{"givenName": "Ada", "familyName": family}})
				x := p.search("/Users", "name.familyName eq "+quote(family))
				p.understood(x)
				p.finds(x, idOf(user))
				p.findsNone(p.search("/Users", "name.givenName eq "+quote(family)))
			},
		},
		{
			id: "filter.lists", area: Filter, level: Must, needs: need,
			title: "One matching value of several is enough", rows: []string{"R-156", "R-157"}, source: "RFC 7644 §3.4.2.2",
			why: "A user is not found by a second address.",
			fix: "emails.value eq holds if any element has the value. " + refuseFix,
			run: func(p *probe) {
				p.wants("emails")
				emails, work, home := p.twoMails()
				_, user := p.newUser(object{"emails": emails})
				for _, address := range []string{work, home} {
					x := p.search("/Users", "emails.value eq "+quote(address))
					p.understood(x)
					p.finds(x, idOf(user))
				}
				p.findsNone(p.search("/Users", "emails.value eq "+quote(p.email())))
			},
		},
		{
			id: "filter.value-path", area: Filter, level: Must, needs: need,
			title: "All conditions in brackets are about one element", rows: []string{"R-155"}, source: "RFC 7644 §3.4.2.2",
			why: "A user is found by a work address that is somebody's home address.",
			fix: "Evaluate emails[type eq \"work\" and value eq \"x\"] element by element. " + refuseFix,
			run: func(p *probe) {
				p.wants("emails")
				emails, work, home := p.twoMails()
				_, user := p.newUser(object{"emails": emails})
				x := p.search("/Users", `emails[type eq "work" and value eq `+quote(work)+`]`)
				p.understood(x)
				p.finds(x, idOf(user))
				p.findsNone(p.search("/Users", `emails[type eq "work" and value eq `+quote(home)+`]`))
			},
		},
		{
			id: "filter.date-time", area: Filter, level: Must, needs: need,
			title: "Times compare as instants", rows: []string{"R-011", "R-150"}, source: "RFC 7643 §2.3.5, RFC 7644 §3.4.2.2",
			why: "Clients that ask for what has changed since a time miss changes if their zone is another one.",
			fix: "Read both as dateTime and compare the instants, not the text. " + refuseFix,
			run: func(p *probe) {
				_, user := p.newUser(nil)
				name, created := fmt.Sprint(user["userName"]), p.instant(user, "meta.created")
				// As text, the first is later than created and the second earlier.
				before := quote(created.Add(-2 * time.Hour).In(time.FixedZone("", 14*3600)).Format(time.RFC3339))
				after := quote(created.Add(2 * time.Hour).In(time.FixedZone("", -11*3600)).Format(time.RFC3339))
				p.holds(name, "meta.created gt "+before, true)
				p.holds(name, "meta.created lt "+before, false)
				p.holds(name, "meta.lastModified lt "+after, true)
				p.holds(name, "meta.lastModified gt "+after, false)
			},
		},
		{
			id: "filter.boolean", area: Filter, level: Must, needs: need,
			title: "Booleans can be searched by", rows: []string{"R-008", "R-158"}, source: "RFC 7644 §3.4.2.2",
			why: "A client that asks for disabled accounts gets the others.",
			fix: "Compare active with true and false. " + refuseFix,
			run: func(p *probe) {
				p.wants("active")
				name := p.userName()
				p.newUser(object{"userName": name, "active": false})
				p.holds(name, "active eq false", true)
				p.holds(name, "active eq true", false)
			},
		},
		{
			id: "filter.boolean.order", area: Errors, level: Must, needs: need,
			title: "Ordering booleans is 400 invalidFilter", rows: []string{"R-151"}, source: "RFC 7644 §3.4.2.2",
			why: "A client's mistake goes unnoticed, and what it finds is chance.",
			fix: "Refuse gt, ge, lt and le on boolean and binary attributes with 400 invalidFilter.",
			run: func(p *probe) {
				p.wants("active")
				for _, operator := range []string{"gt", "le"} {
					p.refused(p.search("/Users", "active "+operator+" false"), 400, "invalidFilter")
				}
			},
		},
		{
			id: "filter.unknown-operator", area: Errors, level: Must, needs: need,
			title: "An unknown operator is 400 invalidFilter", rows: []string{"R-144"}, source: "RFC 7644 §3.4.2.2",
			why: "A client gets all users, or those it did not mean.",
			fix: "Answer 400 with scimType invalidFilter.",
			run: func(p *probe) {
				_, user := p.newUser(nil)
				for _, operator := range []string{"xx", "=", "like"} {
					p.refused(p.search("/Users", "userName "+operator+" "+quote(fmt.Sprint(user["userName"]))), 400, "invalidFilter")
				}
			},
		},
		{
			id: "filter.syntax", area: Errors, level: Must, needs: need,
			title: "A broken filter is 400", rows: []string{"R-142", "R-145"}, source: "RFC 7644 §3.4.2.2, §3.12",
			why: "A client gets all users, or those it did not mean.",
			fix: "Read the filter to its end; answer 400 with scimType invalidFilter to what does not fit the grammar.",
			run: func(p *probe) {
				for _, filter := range []string{
					`userName`, `userName eq`, `userName eq "x`, `userName "x"`, `eq "x"`, `(userName eq "x"`, `userName eq "x")`,
					`userName eq "x" and`, `and userName eq "x"`, `userName eq "x" userName eq "y"`, `not userName eq`, `emails[type eq "work"`, `userName eq "x" xor userName eq "y"`,
				} {
					p.badRequest(p.search("/Users", filter))
				}
			},
		},
		{
			id: "filter.unknown-attribute", area: Errors, level: Must, needs: need,
			title: "A filter on an unknown attribute finds nothing or is refused", rows: []string{"R-141", "R-145", "A-09"}, source: "RFC 7644 §3.4.2.2",
			why: "A client gets all users because of a misspelt name.",
			fix: "Answer 400 invalidFilter, or an empty list.",
			run: func(p *probe) {
				p.newUser(nil)
				for _, filter := range []string{`usherUnknown eq "x"`, `userName.usherUnknown eq "x"`} {
					x := p.search("/Users", filter)
					if x.Status != 400 {
						p.findsNone(x)
					}
				}
			},
		},
	}
}

func rfcFilterLogic() []check {
	// of makes a check of logic: with filters that hold for a user, and that do not.
	of := func(id, title string, rows []string, fix string, run func(p *probe, name, yes, no string)) check {
		return check{
			id: "filter." + id, area: Filter, level: Must, needs: []feature{filtering}, title: title, rows: rows, source: "RFC 7644 §3.4.2.2",
			why: "A client gets users that it did not ask for, or not those that it did.",
			fix: fix + " What you do not support, refuse with 400 invalidFilter.",
			run: func(p *probe) {
				p.wants("displayName")
				name, display := p.userName(), p.unique("d")
				p.newUser(object{"userName": name, "displayName": display})
				run(p, name, "displayName eq "+quote(display), "displayName eq "+quote(p.unique("d")))
			},
		}
	}
	return []check{
		of("and", "and holds if both sides do", []string{"R-153"}, "Evaluate both sides.", func(p *probe, name, yes, no string) {
			p.holds(name, yes, true)
			p.holds(name, no, false)
			p.holds(name, yes+" and "+yes+" and "+no, false)
		}),
		of("or", "or holds if one side does", []string{"R-153"}, "Evaluate both sides.", func(p *probe, name, yes, no string) {
			other, user := p.newUser(nil)
			x := p.search("/Users", yes+" or userName eq "+quote(fmt.Sprint(user["userName"])))
			p.understood(x)
			l := p.list(x)
			p.expect(l.total == 2, "the user and "+other, x.summary())
			x = p.search("/Users", no+" or "+no)
			p.understood(x)
			p.findsNone(x)
		}),
		of("not", "not turns a condition around", []string{"R-153"}, "Evaluate not (…).", func(p *probe, name, yes, no string) {
			p.holds(name, "not ("+no+")", true)
			p.holds(name, "not ("+yes+")", false)
		}),
		of("precedence", "and binds more tightly than or", []string{"R-154"}, "Evaluate not before and, and and before or.", func(p *probe, name, yes, no string) {
			id := "userName eq " + quote(name)
			for _, filter := range []string{id + " or " + yes + " and " + no, no + " and " + no + " or " + id, no + " and " + yes + " or " + yes + " and " + id} {
				x := p.search("/Users", filter)
				p.understood(x)
				l := p.list(x)
				p.expect(len(l.resources) == 1, "the user is found by "+filter, x.summary())
			}
			x := p.search("/Users", "not ("+yes+") and "+id+" or "+no)
			p.understood(x)
			p.findsNone(x)
		}),
		of("grouping", "Parentheses come first", []string{"R-154"}, "Evaluate what is in parentheses first.", func(p *probe, name, yes, no string) {
			p.holds(name, "("+no+" or "+yes+")", true)
			p.holds(name, "("+yes+" or "+no+") and "+no, false)
			p.holds(name, "(("+no+") or (("+yes+") and not ("+no+")))", true)
		}),
	}
}

// searchRequest is the body of a search by POST.
func searchRequest(members object) object {
	o := object{"schemas": []string{searchURN}}
	for name, v := range members {
		o[name] = v
	}
	return o
}

// found skips the check unless there is a search at the URL.
func (p *probe) found(x *Exchange) {
	if slices.Contains([]int{400, 403, 404, 405, 501}, x.Status) {
		p.skip(fmt.Sprintf("it answers %d to such a search", x.Status))
	}
	p.list(x)
}

// isList reports whether an answer is a ListResponse.
func isList(x *Exchange) bool {
	var o object
	return x.Status == 200 && json.Unmarshal([]byte(x.ResponseBody), &o) == nil && has(o["schemas"], listURN)
}

func rfcSearch() []check {
	return []check{
		{
			id: "search.post", area: Filter, level: Must, needs: []feature{filtering},
			title: "POST /Users/.search is a search", rows: []string{"R-199", "R-200", "R-201"}, source: "RFC 7644 §3.4.3",
			why: "A search makes a user, or gives another answer than GET.",
			fix: "Read the SearchRequest's filter, attributes, startIndex and count, and answer 200 and a ListResponse; or answer 501.",
			run: func(p *probe) {
				p.wants("displayName")
				_, user := p.newUser(object{"displayName": p.unique("d")})
				x := p.post("/Users/.search", searchRequest(object{"filter": "userName eq " + quote(fmt.Sprint(user["userName"])), "attributes": []string{"userName"}, "startIndex": 1, "count": 10}))
				p.found(x)
				got := p.finds(x, idOf(user))
				p.text(got, "userName", fmt.Sprint(user["userName"]))
				p.absent(got, "displayName")
				p.findsNone(p.post("/Users/.search", searchRequest(object{"filter": "userName eq " + quote(p.userName())})))
			},
		},
		{
			id: "search.post.filter", area: Errors, level: Must, needs: []feature{filtering},
			title: "A broken filter of a .search is 400", rows: []string{"R-144", "R-145", "R-199"}, source: "RFC 7644 §3.4.3",
			why: "A client gets all users, or those it did not mean.",
			fix: "Treat the filter like that of a GET.",
			run: func(p *probe) {
				p.found(p.post("/Users/.search", searchRequest(object{"count": 1})))
				p.refused(p.post("/Users/.search", searchRequest(object{"filter": `userName xx "y"`, "count": 1})), 400, "invalidFilter")
			},
		},
		{
			id: "search.root", area: Filter, level: Must, needs: []feature{filtering},
			title: "A search over the root finds resources of all types", rows: []string{"R-161", "R-202"}, source: "RFC 7644 §3.4.2.1, §3.4.3",
			why: "A client misses what is of another type, or gets what does not match.",
			fix: "Search users and groups alike; an attribute that a type has not counts as having no value. Or answer 501.",
			run: func(p *probe) {
				if x := p.get("/?count=1"); !isList(x) {
					p.skip(fmt.Sprintf("GET of its base URL is no search: %d", x.Status))
				}
				p.newUser(nil)
				_, user := p.newUser(nil)
				x := p.get("/?filter=" + url.QueryEscape("id eq "+quote(idOf(user))))
				p.found(x)
				p.finds(x, idOf(user))
				x = p.post("/.search", searchRequest(object{"filter": "userName eq " + quote(fmt.Sprint(user["userName"]))}))
				p.found(x)
				p.finds(x, idOf(user))
			},
		},
	}
}
