package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// URNs that checks need.
const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	adGroupURN    = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	searchURN     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	bulkURN       = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

	scimJSON = "application/scim+json"
)

// object is a JSON object.
type object = map[string]any

// A probe is a check at work: it sends requests and states what it expects of
// the answers. The first expectation that is not met ends the check. A probe's
// methods are called from one goroutine, unless they say otherwise.
type probe struct {
	*target
	ctx       context.Context
	result    *Result
	exchanges []*Exchange
	created   []string // paths, to be deleted
	blocked   string   // while preparing: for whom
	moot      string   // while trying: what it means if that fails
	names     int
}

// send makes a request and returns the answer, which may be missing.
func (p *probe) send(req request) *Exchange { return p.together(req)[0] }

// together makes several requests at once and returns their answers in order.
func (p *probe) together(reqs ...request) []*Exchange {
	p.goOn()
	xs := make([]*Exchange, len(reqs))
	exchange := func(i int) { xs[i] = p.exchange(p.ctx, reqs[i], &p.pauses.checks) }
	if len(reqs) == 1 {
		exchange(0)
	} else {
		var all sync.WaitGroup
		for i := range reqs {
			all.Go(func() { exchange(i) })
		}
		all.Wait()
	}
	for _, x := range xs {
		p.exchanges = append(p.exchanges, x)
		p.track(x)
		if x.impatient {
			p.end(fmt.Sprintf("the endpoint asked to wait for longer than %v in all, the last time with %d", p.options.Patience, x.Status))
		}
	}
	p.goOn()
	return xs
}

// goOn ends the check if no check is to send anything any more.
func (p *probe) goOn() {
	if reason := p.over(); reason != "" {
		p.result.Status, p.result.Reason = Blocked, reason
		runtime.Goexit()
	}
}

func (p *probe) get(path string) *Exchange { return p.send(request{method: "GET", path: path}) }
func (p *probe) post(path string, body any) *Exchange {
	return p.send(request{method: "POST", path: path, body: body})
}

func (p *probe) put(path string, body any) *Exchange {
	return p.send(request{method: "PUT", path: path, body: body})
}

func (p *probe) delete(path string) *Exchange { return p.send(request{method: "DELETE", path: path}) }

// search looks for resources by filter, form-encoded as Entra does.
func (p *probe) search(endpoint, filter string) *Exchange {
	return p.get(endpoint + "?filter=" + url.QueryEscape(filter))
}

// op is an operation of a PATCH. A nil value is left out; null is
// json.RawMessage("null").
func op(op, path string, value any) object {
	o := object{"op": op}
	if path != "" {
		o["path"] = path
	}
	if value != nil {
		o["value"] = value
	}
	return o
}

// patch sends a PATCH of the operations.
func (p *probe) patch(path string, ops ...object) *Exchange {
	return p.send(request{method: "PATCH", path: path, body: object{"schemas": []string{patchURN}, "Operations": ops}})
}

// expect ends the check with a finding unless ok.
func (p *probe) expect(ok bool, expected, got string) {
	if ok {
		return
	}
	switch {
	case p.moot != "" && p.blocked == "":
		p.skip(p.moot)
	case p.blocked != "":
		p.result.Status, p.result.Reason = Blocked, fmt.Sprintf("%s: expected %s, got %s", p.blocked, expected, clip(got, 300))
	case p.result.Level == Must:
		p.result.Status = Failed
	default:
		p.result.Status = Advised
	}
	p.result.Finding = &Finding{Expected: expected, Got: clip(got, 2000)}
	for _, x := range p.exchanges {
		x.RequestBody, x.ResponseBody = shorten(x.RequestBody), shorten(x.ResponseBody)
		p.result.Finding.Exchanges = append(p.result.Finding.Exchanges, *x)
	}
	runtime.Goexit()
}

// skip ends the check: the endpoint does not have what it is about.
func (p *probe) skip(reason string) {
	p.result.Status, p.result.Reason = Skipped, reason
	runtime.Goexit()
}

// prepare does what must work before the check begins: what fails within it
// blocks the check and is no finding.
func (p *probe) prepare(what string, do func()) {
	before := p.blocked
	p.blocked = what
	do()
	p.blocked = before
}

// single does once what the check then does many times at once. What fails
// within it is for other checks to tell: this one, which could tell nothing by
// it, is skipped.
func (p *probe) single(do func()) {
	p.moot = "a single one does not work"
	do()
	p.moot = ""
}

// status expects one of the statuses.
func (p *probe) status(x *Exchange, want ...int) {
	var names []string
	for _, s := range want {
		names = append(names, fmt.Sprintf("%d %s", s, http.StatusText(s)))
	}
	p.expect(slices.Contains(want, x.Status), strings.Join(names, " or "), x.summary())
}

// summary tells an answer in a line.
func (x *Exchange) summary() string {
	if x.Status == 0 {
		return "no answer: " + x.ResponseMissing
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", x.Status, http.StatusText(x.Status), clip(x.ResponseBody, 500)))
}

// media expects the answer to be application/scim+json, if it has a body.
func (p *probe) media(x *Exchange) {
	if x.bare() {
		return
	}
	media, _, err := mime.ParseMediaType(x.ResponseHeader.Get("Content-Type"))
	p.expect(err == nil && media == scimJSON, "Content-Type "+scimJSON, fmt.Sprintf("Content-Type %q", x.ResponseHeader.Get("Content-Type")))
}

// object expects one of the statuses and a JSON object.
func (p *probe) object(x *Exchange, statuses ...int) object {
	p.status(x, statuses...)
	var o object
	err := json.Unmarshal([]byte(x.ResponseBody), &o)
	p.expect(err == nil && o != nil, "a JSON object", x.summary())
	return o
}

// resource expects one of the statuses and a resource with an id. What was
// created without a body in the answer, which RFC 7644 §3.3 allows, is read
// where Location says; but not in checks of what identity providers read, and
// they read the body.
func (p *probe) resource(x *Exchange, statuses ...int) object {
	lawful := p.blocked != "" || p.result.Suite == RFC || p.result.Suite == Strict
	if at := p.below(x.ResponseHeader.Get("Location")); lawful && x.bare() && at != "" {
		p.status(x, statuses...)
		x, statuses = p.get(at), []int{200}
	}
	o := p.object(x, statuses...)
	id, _ := o["id"].(string)
	p.expect(id != "", "a resource with a string id", x.summary())
	return o
}

// bare reports whether an answer is a 201 without a body.
func (x *Exchange) bare() bool { return x.Status == 201 && strings.TrimSpace(x.ResponseBody) == "" }

// A list is a ListResponse that was read.
type list struct {
	object       object
	total        int
	startIndex   int // 0: absent
	itemsPerPage int // 0: absent
	resources    []object
}

// list expects 200 and a ListResponse.
func (p *probe) list(x *Exchange) list {
	o := p.object(x, 200)
	schemas, _ := o["schemas"].([]any)
	p.expect(len(schemas) == 1 && isURN(schemas[0], listURN), "a ListResponse: schemas ["+show(listURN)+"]", x.summary())
	total, ok := o["totalResults"].(float64)
	p.expect(ok, "totalResults, a number", x.summary())
	l := list{object: o, total: int(total)}
	items, ok := o["Resources"].([]any)
	p.expect(ok || o["Resources"] == nil && l.total == 0, "Resources, an array", x.summary())
	for _, item := range items {
		r, ok := item.(object)
		p.expect(ok, "objects in Resources", x.summary())
		l.resources = append(l.resources, r)
	}
	start, _ := o["startIndex"].(float64)
	per, _ := o["itemsPerPage"].(float64)
	l.startIndex, l.itemsPerPage = int(start), int(per)
	return l
}

// ids returns the ids of the resources.
func (l list) ids() (ids []string) {
	for _, r := range l.resources {
		id, _ := r["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// refused expects a SCIM error of the status. A scimType, if one is given,
// must be one of those.
func (p *probe) refused(x *Exchange, status int, scimTypes ...string) {
	p.status(x, status)
	p.errorBody(x, status)
	if len(scimTypes) > 0 {
		var o object
		_ = json.Unmarshal([]byte(x.ResponseBody), &o) // errorBody read it
		got, _ := o["scimType"].(string)
		p.expect(slices.Contains(scimTypes, got), "scimType "+strings.Join(scimTypes, " or "), x.summary())
	}
}

// errorBody expects a SCIM error body, whatever the status is.
func (p *probe) errorBody(x *Exchange, status int) {
	var o object
	err := json.Unmarshal([]byte(x.ResponseBody), &o)
	p.expect(err == nil && o != nil, "a SCIM error in JSON", x.summary())
	schemas, _ := o["schemas"].([]any)
	p.expect(slices.ContainsFunc(schemas, func(s any) bool { return isURN(s, errorURN) }), "schemas ["+show(errorURN)+"]", x.summary())
	p.expect(o["status"] == fmt.Sprint(status), fmt.Sprintf(`status "%d", a string`, status), x.summary())
	if detail, ok := o["detail"]; ok {
		_, isString := detail.(string)
		p.expect(isString, "detail, a string", x.summary())
	}
}

// equal expects a value.
func (p *probe) equal(what string, got, want any) {
	p.expect(equal(got, want), what+" "+show(want), what+" "+show(got))
}

// equal compares values as JSON.
func equal(a, b any) bool {
	var x, y any
	return json.Unmarshal(encode(a), &x) == nil && json.Unmarshal(encode(b), &y) == nil && reflect.DeepEqual(x, y)
}

// unique makes up a name that no other check uses. Those of groups, "g", begin
// with usher-check, so that they can be found; users' names have the domain.
func (p *probe) unique(what string) string {
	p.names++
	if what == "g" {
		what = "usher-check-g"
	}
	return fmt.Sprintf("%s-%s-%s-%d", what, p.nonce, strings.ReplaceAll(p.result.ID, ".", "-"), p.names)
}

// userName makes up a userName.
func (p *probe) userName() string { return p.unique("u") + "@" + p.options.Domain }

// user is the body of a user that the endpoint should take: a made-up userName,
// what its schemas require, and the attributes given.
func (p *probe) user(attributes object) object {
	name := p.userName()
	o := object{
		"schemas":  []string{userURN},
		"userName": name,
		"active":   true,
	}
	p.features.fill(o, name)
	maps.Copy(o, p.options.User)
	maps.Copy(o, attributes)
	return o
}

// group is the body of a group that the endpoint should take: a made-up
// displayName, what its schemas require, and the attributes given.
func (p *probe) group(attributes object) object {
	name := p.unique("g")
	o := object{"schemas": []string{groupURN}, "displayName": name}
	p.features.fillGroup(o, name)
	maps.Copy(o, p.options.Group)
	maps.Copy(o, attributes)
	return o
}

// newUser creates a user to work with, and returns its path and the answer. If
// that fails, the check is blocked.
func (p *probe) newUser(attributes object) (path string, user object) {
	p.prepare("cannot create a user to work with", func() {
		x := p.post("/Users", p.user(attributes))
		p.users.tell(x)
		user = p.resource(x, 201, 200)
	})
	return pathOf("/Users", user), user
}

// newGroup creates a group of the members' ids to work with, and returns its
// path and the answer. If that fails, the check is blocked.
func (p *probe) newGroup(attributes object, members ...string) (path string, group object) {
	body := p.group(nil)
	if len(members) > 0 {
		body["members"] = refs(members...)
	}
	maps.Copy(body, attributes)
	p.prepare("cannot create a group to work with", func() {
		x := p.post("/Groups", body)
		p.groups.tell(x)
		group = p.resource(x, 201, 200)
	})
	return pathOf("/Groups", group), group
}

// refs is a value of members.
func refs(ids ...string) []object {
	list := make([]object, len(ids))
	for i, id := range ids {
		list[i] = object{"value": id}
	}
	return list
}

// read reads a resource again.
func (p *probe) read(path string) object { return p.resource(p.get(path), 200) }

// memberIDs reads a group and returns its members' ids, sorted.
func (p *probe) memberIDs(group string) []string {
	x := p.get(group)
	o := p.resource(x, 200)
	members, ok := field(o, "members").([]any)
	p.expect(ok || field(o, "members") == nil, "members, an array", x.summary())
	ids := []string{}
	for _, m := range members {
		id, _ := field(m, "value").(string)
		p.expect(id != "", "members with a value", x.summary())
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// field returns a member of an object, whatever its case is; nil if v is none
// or has none. RFC 7643 §2.1 has names of attributes without case, so an answer
// may spell them as it likes. The names that the protocol itself gives are read
// exactly, as clients such as Entra read them: those of ListResponse and Error,
// and schemas and id, without which nothing can be read at all.
func field(v any, name string) any {
	o, _ := v.(object)
	if f, ok := o[name]; ok {
		return f
	}
	for k, f := range o {
		if strings.EqualFold(k, name) {
			return f
		}
	}
	return nil
}

// at returns what stands at a path in a resource: "name.givenName",
// `emails[type eq "work"].value`, "urn:…:User:department". Nil: nothing.
func at(resource object, path string) any {
	var v any = resource
	if i := strings.LastIndex(path, ":"); i >= 0 && strings.HasPrefix(path, "urn:") {
		if path[:i] != userURN && path[:i] != groupURN {
			v = field(v, path[:i])
		}
		path = path[i+1:]
	}
	name, rest, bracket := strings.Cut(path, `[type eq "`)
	if bracket {
		typ, sub, _ := strings.Cut(rest, `"]`)
		elements, _ := field(v, name).([]any)
		for _, e := range elements {
			if t, _ := field(e, "type").(string); strings.EqualFold(t, typ) {
				if sub = strings.TrimPrefix(sub, "."); sub == "" {
					return e
				}
				return field(e, sub)
			}
		}
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		v = field(v, part)
	}
	return v
}

// encode writes JSON without escaping for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("conformance: encoding a request: %v", err)) // checks encode maps, slices and strings
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// show prints a value as JSON, shortened.
func show(v any) string { return clip(string(encode(v)), 400) }
