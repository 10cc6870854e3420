package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	configURN       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// configuration reads the ServiceProviderConfig. That there is none is the
// finding of one check alone.
func (p *probe) configuration() object {
	if p.features.config == nil {
		p.skip("it has no ServiceProviderConfig")
	}
	return p.object(p.get("/ServiceProviderConfig"), 200)
}

// described reads a list of what the endpoint says of itself.
func (p *probe) described(path string) (*Exchange, list) {
	x := p.get(path)
	if x.Status != 200 {
		p.skip("it has no " + strings.Trim(path, "/"))
	}
	return x, p.list(x)
}

func has(list any, want string) bool {
	items, _ := list.([]any)
	return slices.Contains(items, any(want))
}

func rfcDiscovery() []check {
	return []check{
		{
			id: "discovery.config", area: Discovery, level: Must,
			title: "/ServiceProviderConfig tells what the server supports", rows: []string{"R-091"}, source: "RFC 7644 §4",
			why: "A client cannot know whether it may send PATCH, filters or bulk requests and has to guess.",
			fix: "Answer GET /ServiceProviderConfig with 200 and one object, not a list, whose schemas hold " + configURN + ".",
			run: func(p *probe) {
				x := p.get("/ServiceProviderConfig")
				o := p.object(x, 200)
				p.expect(has(o["schemas"], configURN), "schemas with "+show(configURN), x.summary())
				p.expect(o["Resources"] == nil, "one object, not a list", x.summary())
			},
		},
		{
			id: "discovery.config.features", area: Discovery, level: Must,
			title: "The ServiceProviderConfig names every feature", rows: []string{"R-092"}, source: "RFC 7643 §5",
			why: "Clients that read the configuration fail on a missing member, or take the feature for absent.",
			fix: "Send patch, bulk (with maxOperations and maxPayloadSize), filter (with maxResults), changePassword, sort and etag, each with supported true or false.",
			run: func(p *probe) {
				o := p.configuration()
				for _, name := range []string{"patch", "bulk", "filter", "changePassword", "sort", "etag"} {
					_, ok := field(field(o, name), "supported").(bool)
					p.expect(ok, name+".supported, true or false", name+" "+show(field(o, name)))
				}
				for _, path := range []string{"bulk.maxOperations", "bulk.maxPayloadSize", "filter.maxResults"} {
					_, ok := at(o, path).(float64)
					p.expect(ok, path+", a number", path+" "+show(at(o, path)))
				}
			},
		},
		{
			id: "discovery.config.authentication", area: Discovery, level: Must,
			title: "The ServiceProviderConfig names the authentication schemes", rows: []string{"R-093"}, source: "RFC 7643 §5",
			why: "Clients read here how to authenticate.",
			fix: "Send authenticationSchemes, an array of objects with type, name and description.",
			run: func(p *probe) {
				o := p.configuration()
				schemes, ok := field(o, "authenticationSchemes").([]any)
				p.expect(ok, "authenticationSchemes, an array", "authenticationSchemes "+show(field(o, "authenticationSchemes")))
				for _, s := range schemes {
					for _, name := range []string{"type", "name", "description"} {
						v, _ := field(s, name).(string)
						p.expect(v != "", name+" in each authentication scheme", show(s))
					}
				}
			},
		},
		{
			id: "discovery.config.public", area: Discovery, level: Should,
			title: "The authentication schemes can be read without a token", rows: []string{"R-094"}, source: "RFC 7643 §5",
			why: "Who has no token yet cannot learn how to get one.",
			fix: "Answer GET /ServiceProviderConfig without authentication, at least with authenticationSchemes.",
			run: func(p *probe) {
				p.configuration()
				p.status(p.send(request{method: "GET", path: "/ServiceProviderConfig", header: http.Header{"Authorization": nil}}), 200)
			},
		},
		{
			id: "discovery.types", area: Discovery, level: Must,
			title: "/ResourceTypes lists the resource types", rows: []string{"R-098", "R-102"}, source: "RFC 7644 §4, RFC 7643 §6",
			why: "Clients that discover endpoints find none.",
			fix: "Answer GET /ResourceTypes with a ListResponse of all types, each with schemas, name, endpoint and schema; names and endpoints are unique.",
			run: func(p *probe) {
				x := p.get("/ResourceTypes")
				l := p.list(x)
				p.expect(l.total == len(l.resources) && l.total > 0, "all types, as many as totalResults", x.summary())
				seen := map[string]bool{}
				for _, t := range l.resources {
					for _, name := range []string{"name", "endpoint", "schema"} {
						v, _ := field(t, name).(string)
						p.expect(v != "", "each type with a "+name, show(t))
						if name != "schema" {
							p.expect(!seen[name+v], "no two types with the same "+name, show(v)+" twice")
						}
						seen[name+v] = true
					}
					p.expect(has(field(t, "schemas"), resourceTypeURN), "schemas with "+show(resourceTypeURN), show(t))
				}
			},
		},
		{
			id: "discovery.types.schemas", area: Discovery, level: Must,
			title: "Every schema of a resource type is published", rows: []string{"R-101", "R-103"}, source: "RFC 7643 §6",
			why: "A client cannot map attributes of a schema it cannot read.",
			fix: "List in /Schemas the schema of each type and of each of its schemaExtensions; an extension has schema and required.",
			run: func(p *probe) {
				_, types := p.described("/ResourceTypes")
				_, schemas := p.described("/Schemas")
				for _, t := range types.resources {
					uris := []any{field(t, "schema")}
					extensions := field(t, "schemaExtensions")
					items, isList := extensions.([]any)
					p.expect(extensions == nil || isList, "schemaExtensions, an array", show(t))
					for _, e := range items {
						uris = append(uris, field(e, "schema"))
						_, ok := field(e, "required").(bool)
						p.expect(ok, "required, true or false, with each extension", show(e))
					}
					for _, uri := range uris {
						s, _ := uri.(string)
						p.expect(s != "" && slices.ContainsFunc(schemas.ids(), func(id string) bool { return strings.EqualFold(id, s) }), "the schema "+show(uri)+" in /Schemas", show(schemas.ids()))
					}
				}
			},
		},
		{
			id: "discovery.types.one", area: Discovery, level: Must,
			title: "A resource type can be read on its own", rows: []string{"R-098"}, source: "RFC 7644 §4",
			why: "A client that asks for one type, as meta.location invites it to, gets an error.",
			fix: "Answer GET /ResourceTypes/{id} with the type as a plain object.",
			run: func(p *probe) {
				_, l := p.described("/ResourceTypes")
				for _, t := range l.resources {
					id, _ := field(t, "id").(string)
					if id == "" {
						id, _ = field(t, "name").(string)
					}
					x := p.get("/ResourceTypes/" + url.PathEscape(id))
					o := p.object(x, 200)
					p.expect(equal(field(o, "name"), field(t, "name")), "the type "+show(field(t, "name")), x.summary())
				}
			},
		},
		{
			id: "discovery.types.endpoints", area: Discovery, level: Must,
			title: "The endpoints of the resource types exist", rows: []string{"R-095", "R-102"}, source: "RFC 7643 §6",
			why: "What the server says of itself is not true; a client's requests go nowhere.",
			fix: "Serve each type at the base URL plus its endpoint, or do not list it.",
			run: func(p *probe) {
				_, l := p.described("/ResourceTypes")
				for _, t := range l.resources {
					x := p.get(p.endpointOf(t) + "?count=1")
					p.expect(x.Status != 404 && x.Status != 0, "an answer at the endpoint of "+show(field(t, "name")), x.summary())
				}
			},
		},
		{
			id: "discovery.unknown", area: Discovery, level: Must,
			title: "Unknown schemas and types are 404", rows: []string{"R-097", "R-098", "R-134"}, source: "RFC 7644 §3.12, §4",
			why: "A client takes the answer for a schema that is not there.",
			fix: "Answer GET /Schemas/{unknown} and /ResourceTypes/{unknown} with 404 and a SCIM error.",
			run: func(p *probe) {
				for _, path := range []string{"/Schemas", "/ResourceTypes"} {
					p.described(path)
					p.refused(p.get(path+"/urn:example:"+p.unique("unknown")), 404)
				}
			},
		},
		{
			id: "discovery.query", area: Discovery, level: Must,
			title: "Discovery endpoints always give the full list", rows: []string{"R-099"}, source: "RFC 7644 §4",
			why: "A client that pages or filters out of habit sees only a part of the schemas, and maps attributes wrongly.",
			fix: "Ignore filter, sort and paging parameters at the discovery endpoints; refuse filter with 403.",
			run: func(p *probe) {
				for _, path := range []string{"/Schemas", "/ResourceTypes"} {
					_, all := p.described(path)
					for _, query := range []string{"startIndex=2&count=1", "filter=" + url.QueryEscape(`id eq "`+p.unique("nothing")+`"`)} {
						x := p.get(path + "?" + query)
						if strings.HasPrefix(query, "filter") && x.Status == 403 {
							continue
						}
						l := p.list(x)
						p.expect(len(l.resources) == len(all.resources), fmt.Sprintf("all %d as without parameters", len(all.resources)), x.summary())
					}
				}
			},
		},
		{
			id: "discovery.filter", area: Discovery, level: Should,
			title: "A filter at a discovery endpoint is 403", rows: []string{"R-100"}, source: "RFC 7644 §4",
			why: "A client believes that the list was filtered.",
			fix: "Answer 403 with a SCIM error if filter is given at /Schemas, /ResourceTypes or /ServiceProviderConfig.",
			run: func(p *probe) {
				for _, path := range []string{"/Schemas", "/ResourceTypes"} {
					p.described(path)
					p.refused(p.search(path, `name eq "User"`), 403)
				}
			},
		},
		{
			id: "discovery.read-only", area: Discovery, level: Must,
			title: "Clients cannot change schemas and types", rows: []string{"R-101", "R-118"}, source: "RFC 7643 §6, §7",
			why: "A client could change what the server is for all others.",
			fix: "Refuse PUT, PATCH, POST and DELETE at the discovery endpoints with 405 (or 501).",
			run: func(p *probe) {
				_, l := p.described("/Schemas")
				for _, s := range l.resources {
					id, _ := field(s, "id").(string)
					p.noSuccess(p.put("/Schemas/"+id, s), "PUT of a schema refused, with 405 for example")
				}
				p.noSuccess(p.put("/ServiceProviderConfig", p.configuration()), "PUT of the ServiceProviderConfig refused, with 405 for example")
			},
		},
	}
}

// attributeName is ATTRNAME as RFC 7643 §2.1 has it; $ref is the RFC's own exception.
var attributeName = regexp.MustCompile(`^([A-Za-z][-$_0-9A-Za-z]*|\$ref)$`)

func isOneOf(v any, words ...string) bool {
	s, _ := v.(string)
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) })
}

// attributeShapes expects attributes as RFC 7643 §7 defines them.
func (p *probe) attributeShapes(where string, definitions []object, sub bool) {
	for _, a := range definitions {
		name, _ := field(a, "name").(string)
		p.expect(attributeName.MatchString(name), "attributes with a valid name in "+where, clip(show(a), 300))
		here := where + " " + name
		typ := field(a, "type")
		p.expect(typ == nil || isOneOf(typ, "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"), "one of the eight types for "+here, show(typ))
		for characteristic, words := range map[string][]string{
			"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
			"returned":   {"always", "never", "default", "request"},
			"uniqueness": {"none", "server", "global"},
		} {
			v := field(a, characteristic)
			p.expect(v == nil || isOneOf(v, words...), characteristic+" one of "+strings.Join(words, ", ")+" for "+here, show(v))
		}
		for _, characteristic := range []string{"multiValued", "required", "caseExact"} {
			v := field(a, characteristic)
			_, ok := v.(bool)
			p.expect(v == nil || ok, characteristic+", true or false, for "+here, show(v))
		}
		for _, characteristic := range []string{"canonicalValues", "referenceTypes"} {
			v := field(a, characteristic)
			_, ok := v.([]any)
			p.expect(v == nil || ok, characteristic+", an array, for "+here, show(v))
		}
		references, _ := field(a, "referenceTypes").([]any)
		p.expect(len(references) == 0 || isOneOf(typ, "reference"), "referenceTypes of references only", here+" has type "+show(typ))
		subs := subAttributes(a)
		p.expect(!sub || !isOneOf(typ, "complex"), "no complex sub-attribute", here+" is complex")
		p.expect(len(subs) == 0 || isOneOf(typ, "complex"), "sub-attributes of complex attributes only", here+" has type "+show(typ))
		p.attributeShapes(here, subs, true)
	}
}

func rfcSchemas() []check {
	return []check{
		{
			id: "discovery.schemas", area: Discovery, level: Must,
			title: "/Schemas lists all schemas", rows: []string{"R-039", "R-096", "R-104"}, source: "RFC 7644 §4, RFC 7643 §7",
			why: "A client that maps attributes by discovery finds none.",
			fix: "Answer GET /Schemas with a ListResponse of all schemas, each with its URI as id and with attributes.",
			run: func(p *probe) {
				x := p.get("/Schemas")
				l := p.list(x)
				p.expect(l.total == len(l.resources) && l.total > 0, "all schemas, as many as totalResults", fmt.Sprintf("totalResults %d, %d Resources", l.total, len(l.resources)))
				for _, s := range l.resources {
					id, _ := field(s, "id").(string)
					p.expect(id != "", "each schema with its URI as id", show(s))
					p.expect(!strings.HasPrefix(strings.ToLower(id), "urn:ietf:params:scim:api:"), "schemas of resources, not of messages", id)
					_, ok := field(s, "attributes").([]any)
					p.expect(ok, "attributes of "+id+", an array", show(field(s, "attributes")))
				}
			},
		},
		{
			id: "discovery.schemas.attributes", area: Discovery, level: Must,
			title: "Attributes are described as the RFC defines it", rows: []string{"R-001", "R-003", "R-004", "R-017", "R-032", "R-104"}, source: "RFC 7643 §2, §7",
			why: "Clients misread what they may write, and how values compare.",
			fix: "Use the RFC's names for type, mutability, returned and uniqueness, booleans for multiValued, required and caseExact, and no complex attribute within a complex one.",
			run: func(p *probe) {
				_, l := p.described("/Schemas")
				for _, s := range l.resources {
					id, _ := field(s, "id").(string)
					if id == schemaURN { // the one schema that goes deeper: RFC 7643 §7
						continue
					}
					p.attributeShapes(id, attributes(s), false)
				}
			},
		},
		{
			id: "discovery.schemas.one", area: Discovery, level: Must,
			title: "A schema can be read by its URI", rows: []string{"R-097"}, source: "RFC 7644 §4",
			why: "A client that knows a schema's URI cannot read it.",
			fix: "Answer GET /Schemas/{URI} with the schema as a plain object.",
			run: func(p *probe) {
				_, l := p.described("/Schemas")
				for _, id := range l.ids() {
					x := p.get("/Schemas/" + id)
					o := p.object(x, 200)
					p.expect(field(o, "id") == id, "the schema "+id, x.summary())
				}
			},
		},
		{
			id: "discovery.meta", area: Discovery, level: Should,
			title: "Schemas, types and configuration carry schemas and meta", rows: []string{"R-033", "R-107"}, source: "RFC 7643 §3.1, §8, EID 8417",
			why: "Clients that read them like any other resource miss type and location.",
			fix: "Add schemas, and meta with resourceType and location.",
			run: func(p *probe) {
				expect := func(o object, name, urn string) {
					p.expect(has(field(o, "schemas"), urn), "schemas with "+urn, clip(show(o), 300))
					p.expect(at(o, "meta.resourceType") == name, "meta.resourceType "+name, "meta "+show(field(o, "meta")))
					location, _ := at(o, "meta.location").(string)
					p.expect(location != "", "meta.location", "meta "+show(field(o, "meta")))
				}
				expect(p.configuration(), "ServiceProviderConfig", configURN)
				_, types := p.described("/ResourceTypes")
				for _, t := range types.resources {
					expect(t, "ResourceType", resourceTypeURN)
				}
				_, schemas := p.described("/Schemas")
				for _, s := range schemas.resources {
					expect(s, "Schema", schemaURN)
				}
			},
		},
		{
			id: "discovery.user", area: Discovery, level: Must,
			title: "The User schema says what holds for userName, password and groups", rows: []string{"R-059", "R-060", "R-068", "R-078"}, source: "RFC 7643 §4.1, §8.7.1",
			why: "Clients write what they must not, leave out what they need, or compare names exactly that ignore case.",
			fix: "userName: required true, caseExact false, uniqueness server. password: mutability writeOnly, returned never. groups: mutability readOnly.",
			run: func(p *probe) {
				x, _ := p.described("/Schemas")
				if p.features.schemas[userURN] == nil {
					p.expect(p.features.types == nil || !slices.ContainsFunc(p.features.types, func(t object) bool { return field(t, "schema") == userURN }), "the schema "+userURN, x.summary())
					p.skip("it publishes no User schema")
				}
				for _, want := range []struct {
					name, characteristic string
					values               []any
				}{
					{"userName", "required", []any{true}},
					{"userName", "caseExact", []any{false, nil}},
					{"userName", "uniqueness", []any{"server", "global"}},
					{"password", "returned", []any{"never"}},
					{"password", "mutability", []any{"writeOnly"}},
					{"groups", "mutability", []any{"readOnly"}},
				} {
					a := p.features.attribute(userURN, want.name)
					if a == nil && want.name != "userName" {
						continue
					}
					got := field(a, want.characteristic)
					p.expect(slices.Contains(want.values, got), fmt.Sprintf("%s of %s: %s", want.characteristic, want.name, show(want.values[0])), show(got))
				}
			},
		},
		{
			id: "discovery.group", area: Discovery, level: Should, needs: []feature{groups},
			title: "The Group schema says that displayName is required and members are many", rows: []string{"R-082", "R-084"}, source: "RFC 7643 §4.2, EID 5368",
			why: "Clients create groups without a name, or do not know that groups have members.",
			fix: "displayName: required true. members: complex, multiValued, with value, $ref and type.",
			run: func(p *probe) {
				p.described("/Schemas")
				if p.features.schemas[groupURN] == nil {
					p.skip("it publishes no Group schema")
				}
				p.equal("required of displayName", field(p.features.attribute(groupURN, "displayName"), "required"), true)
				members := p.features.attribute(groupURN, "members")
				if members == nil {
					p.skip("its groups have no members")
				}
				p.equal("type of members", field(members, "type"), "complex")
				p.equal("multiValued of members", field(members, "multiValued"), true)
				p.expect(definition(subAttributes(members), "value") != nil, "members with the sub-attribute value", show(members))
			},
		},
	}
}
