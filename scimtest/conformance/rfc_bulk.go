package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

const bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

// bulk sends operations and expects a BulkResponse with its results.
func (p *probe) bulk(members object, operations ...object) []object {
	return p.bulkResults(p.postBulk(members, operations...))
}

func (p *probe) postBulk(members object, operations ...object) *Exchange {
	body := object{"schemas": []string{bulkURN}, "Operations": operations}
	maps.Copy(body, members)
	return p.post("/Bulk", body)
}

// bulkResults expects a BulkResponse, and returns the results of its operations.
func (p *probe) bulkResults(x *Exchange) []object {
	o := p.object(x, 200)
	results := objects(field(o, "Operations"))
	for _, r := range results { // to be deleted
		location, _ := field(r, "location").(string)
		kind, id := path.Split(location)
		if kind = path.Base(kind); (kind == "Users" || kind == "Groups") && strings.EqualFold(fmt.Sprint(field(r, "method")), "POST") {
			p.created = append(p.created, "/"+kind+"/"+id)
		}
	}
	p.expect(has(o["schemas"], bulkResponseURN), "a BulkResponse", x.summary())
	return results
}

// bulkUser is an operation that creates a user.
func (p *probe) bulkUser(bulkID string) object {
	return object{"method": "POST", "path": "/Users", "bulkId": bulkID, "data": p.user(nil)}
}

// bulkResult expects the result of an operation, by its bulkId, with one of the statuses.
func (p *probe) bulkResult(results []object, bulkID string, statuses ...string) object {
	i := slices.IndexFunc(results, func(r object) bool { return field(r, "bulkId") == bulkID })
	p.expect(i >= 0, "the result of "+bulkID, show(results))
	status, _ := field(results[i], "status").(string)
	p.expect(slices.Contains(statuses, status), "status of "+bulkID+` "`+strings.Join(statuses, `" or "`)+`"`, show(results[i]))
	return results[i]
}

// located turns a result's location into a path.
func (p *probe) located(result object) string {
	location, _ := field(result, "location").(string)
	kind, id := path.Split(location)
	p.expect(id != "", "location, the new resource's URI", show(result))
	return "/" + path.Base(kind) + "/" + id
}

// locatedID is the id in a path.
func locatedID(at string) string {
	id, _ := url.PathUnescape(path.Base(at))
	return id
}

func rfcBulk() []check {
	of := func(id, title string, rows []string, why, fix string, run func(p *probe)) check {
		return check{
			id: "bulk." + id, area: Bulk, level: Must, needs: []feature{bulking}, title: title, rows: rows, source: "RFC 7644 §3.7", why: why, fix: fix, run: run,
		}
	}
	// reference makes a check of a group whose member is made in the same job.
	reference := func(id, title string, rows []string, groupFirst bool) check {
		return of(id, title, rows, "Groups are created without their members, or with members that do not exist.",
			"Replace bulkId:… by the new id wherever it stands as a reference, whatever the order of the operations is.", func(p *probe) {
				if !p.features.has[groups] {
					p.skip("the endpoint does not support groups")
				}
				operations := []object{p.bulkUser("a"), {"method": "POST", "path": "/Groups", "bulkId": "b", "data": object{
					"schemas": []string{groupURN}, "displayName": p.unique("g"), "members": refs("bulkId:a"),
				}}}
				if groupFirst {
					slices.Reverse(operations)
				}
				results := p.bulk(nil, operations...)
				user, group := p.bulkResult(results, "a", "201"), p.bulkResult(results, "b", "201")
				p.members(p.located(group), locatedID(p.located(user)))
			})
	}
	unclear := "A client cannot tell what was done and what was not."
	return []check{
		of("create", "Users can be created together", []string{"R-280", "R-282", "R-285", "R-286", "R-287", "R-289"}, unclear,
			"Answer 200 and a BulkResponse with method, bulkId, location and status, a string, for each operation.", func(p *probe) {
				results := p.bulk(nil, p.bulkUser("a"), p.bulkUser("b"))
				p.expect(len(results) == 2, "two results", show(results))
				for _, id := range []string{"a", "b"} {
					r := p.bulkResult(results, id, "201")
					p.expect(isOneOf(field(r, "method"), "POST"), "method POST", show(r))
					p.read(p.located(r))
				}
			}),
		of("methods", "PUT, PATCH and DELETE work together", []string{"R-281", "R-283", "R-287"}, unclear,
			"Do with data what the single request would do.", func(p *probe) {
				changed, _ := p.newUser(nil)
				gone, _ := p.newUser(nil)
				body := p.user(nil)
				results := p.bulk(nil, object{"method": "PUT", "path": changed, "data": body}, object{"method": "DELETE", "path": gone})
				p.expect(len(results) == 2, "two results", show(results))
				p.text(p.read(changed), "userName", fmt.Sprint(body["userName"]))
				p.status(p.get(gone), 404)
				if p.features.has[patching] {
					name := p.userName()
					p.bulk(nil, object{"method": "PATCH", "path": changed, "data": object{"schemas": []string{patchURN}, "Operations": []object{op("replace", "userName", name)}}})
					p.text(p.read(changed), "userName", name)
				}
			}),
		reference("reference", "A bulkId stands for the new id", []string{"R-293"}, false),
		reference("reference.forward", "A bulkId may stand before what it names", []string{"R-293", "R-294"}, true),
		of("reference.circular", "Two groups of one job may be in each other", []string{"R-296"}, "Groups are created without their members, or with members that do not exist.",
			"Create both, and put in the members when both ids are known; or give up with 409.", func(p *probe) {
				if !p.features.has[groups] {
					p.skip("the endpoint does not support groups")
				}
				_, inner := p.newGroup(nil)
				if x := p.post("/Groups", object{"schemas": []string{groupURN}, "displayName": p.unique("g"), "members": refs(idOf(inner))}); x.Status >= 400 {
					p.skip(fmt.Sprintf("it refuses groups in groups with %d", x.Status))
				}
				group := func(bulkID, member string) object {
					return object{"method": "POST", "path": "/Groups", "bulkId": bulkID, "data": object{
						"schemas": []string{groupURN}, "displayName": p.unique("g"), "members": refs("bulkId:" + member),
					}}
				}
				x := p.postBulk(nil, group("a", "b"), group("b", "a"))
				if x.Status == 409 {
					p.errorBody(x, 409)
					return
				}
				results := p.bulkResults(x)
				a, b := p.bulkResult(results, "a", "201", "409"), p.bulkResult(results, "b", "201", "409")
				if field(a, "status") == "409" || field(b, "status") == "409" {
					return
				}
				p.members(p.located(a), locatedID(p.located(b)))
				p.members(p.located(b), locatedID(p.located(a)))
			}),
		of("failure", "An operation that fails leaves the others", []string{"R-286", "R-288", "R-290", "R-291"}, unclear,
			"Go on after a failure; its result has its status and the SCIM error as response.", func(p *probe) {
				_, user := p.newUser(nil)
				taken := p.bulkUser("a")
				taken["data"] = p.user(object{"userName": user["userName"]})
				results := p.bulk(nil, taken, p.bulkUser("b"))
				p.read(p.located(p.bulkResult(results, "b", "201")))
				failed := p.bulkResult(results, "a", "409")
				p.expect(has(at(failed, "response.schemas"), errorURN), "response, a SCIM error", show(failed))
			}),
		of("fail-on-errors", "failOnErrors ends the work", []string{"R-292"}, "A client that wants to stop at the first error cannot.",
			"Stop when as many operations have failed, and answer what was done so far.", func(p *probe) {
				_, user := p.newUser(nil)
				taken := p.bulkUser("a")
				taken["data"] = p.user(object{"userName": user["userName"]})
				last := p.bulkUser("b")
				results := p.bulk(object{"failOnErrors": 1}, taken, last)
				p.bulkResult(results, "a", "409")
				if p.features.has[filtering] {
					data, _ := last["data"].(object)
					p.findsNone(p.search("/Users", "userName eq "+quote(fmt.Sprint(data["userName"]))))
				}
			}),
		of("limit", "More operations than maxOperations are 413", []string{"R-297", "R-298"}, "One request keeps the server busy for hours.",
			"Answer 413 with a SCIM error that names the limit.", func(p *probe) {
				limit, _ := at(p.features.config, "bulk.maxOperations").(float64)
				if limit < 1 || limit > 5000 {
					p.skip("its maxOperations is not between 1 and 5000")
				}
				operations := make([]object, int(limit)+1)
				for i := range operations {
					operations[i] = object{"method": "DELETE", "path": "/Users/" + p.unique("unknown")}
				}
				p.refused(p.post("/Bulk", object{"schemas": []string{bulkURN}, "Operations": operations}), 413)
			}),
		of("syntax", "A broken bulk request is 400", []string{"R-131", "R-290"}, unclear,
			"Answer 400 invalidSyntax if the body cannot be read or has no Operations.", func(p *probe) {
				p.badRequest(p.post("/Bulk", `{"schemas": [`))
				p.badRequest(p.post("/Bulk", object{"schemas": []string{bulkURN}, "Operations": json.RawMessage(`"x"`)}))
			}),
	}
}
