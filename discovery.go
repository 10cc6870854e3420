package scim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// discovery holds what the discovery endpoints answer (RFC 7644 §4, RFC 7643
// §5 to §7), rendered once but for the endpoint's URL, for which a NUL stands:
// nothing else in it can hold one.
type discovery struct {
	config  map[bool]string // for tolerated and for strict clients
	schemas map[bool]*list  // likewise
	types   list
}

// list is a fixed list of resources.
type list struct {
	ids    []string
	bodies []string
	of     [][]*ResourceType // the types that each is about
}

const (
	base    = "\x00"
	escaped = `\u0000` // how encoding/json writes it

	configSchemaURI       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeSchemaURI = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchemaURI       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

type object = map[string]any

func newDiscovery(o *Options) (discovery, error) {
	var d discovery
	supported := func(is bool) object { return object{"supported": is} }
	config := object{
		"schemas":        []string{configSchemaURI},
		"patch":          supported(true),
		"bulk":           object{"supported": true, "maxOperations": o.MaxBulk, "maxPayloadSize": o.MaxBody},
		"filter":         object{"supported": true, "maxResults": o.MaxResults},
		"changePassword": supported(slices.ContainsFunc(o.Types, func(t *ResourceType) bool { return t.password != nil })),
		"sort":           supported(true),
		"etag":           supported(true),
		"pagination":     object{"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": o.MaxResults, "maxPageSize": o.MaxResults}, // RFC 9865 §4
		"authenticationSchemes": []object{{
			"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "A bearer token in the Authorization header",
			"specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
		}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": base + "/" + endpointConfig},
	}
	d.config, d.schemas = map[bool]string{}, map[bool]*list{false: {}, true: {}}
	for _, strict := range []bool{false, true} {
		if rights := describeRights(o.Types, strict); rights != nil {
			config["RolesAndEntitlements"] = rights
		}
		if strict {
			config["interopProfileConformant"] = !slices.ContainsFunc(o.Types, func(t *ResourceType) bool { return !t.keepsProfile() })
		}
		body, err := json.Marshal(config)
		if err != nil {
			return d, err
		}
		d.config[strict] = string(body)
	}
	for _, t := range o.Types {
		if err := d.types.add(t, t.def.Name, describeType(t)); err != nil {
			return d, err
		}
		for _, s := range append([]*Schema{t.def.Schema}, schemasOf(t.def.Extensions)...) {
			for strict, schemas := range d.schemas {
				if i := schemas.find(s.ID); i >= 0 {
					schemas.of[i] = append(schemas.of[i], t)
					continue
				}
				if err := schemas.add(t, s.ID, describeSchema(t, s, strict)); err != nil {
					return d, err
				}
			}
		}
	}
	return d, nil
}

// describeRights says which of roles and entitlements can be discovered, and
// what users may have of them (draft-ietf-scim-roles-entitlements-01 §3.1); nil
// if neither can.
func describeRights(types []*ResourceType, strict bool) object {
	served := func(uri string) *ResourceType {
		if i := slices.IndexFunc(types, func(t *ResourceType) bool { return t.def.Schema.ID == uri }); i >= 0 {
			return types[i]
		}
		return nil
	}
	roles, entitlements, users := served(RoleSchemaURI), served(EntitlementSchemaURI), served(UserSchemaURI)
	if roles == nil && entitlements == nil {
		return nil
	}
	describe := func(is bool, attribute, multiple string) object {
		o := object{"supported": is}
		if users == nil || users.root.byName[attribute] == nil {
			return o
		}
		n := users.root.byName[attribute]
		o[multiple], o["primarySupported"], o["typeSupported"] = n.multi, n.primary != nil, (&dialect{strict: strict}).knows(n.typ)
		if n.typ != nil && len(n.typ.attr.CanonicalValues) > 0 {
			o["types"] = n.typ.attr.CanonicalValues
		}
		return o
	}
	return object{
		"roles":        describe(roles != nil, "roles", "multipleRolesSupported"),
		"entitlements": describe(entitlements != nil, "entitlements", "multipleEntitlementsSupported"),
	}
}

func schemasOf(extensions []Extension) (out []*Schema) {
	for _, e := range extensions {
		out = append(out, e.Schema)
	}
	return out
}

func (l *list) add(t *ResourceType, id string, v any) error {
	body, err := json.Marshal(v)
	l.ids, l.bodies, l.of = append(l.ids, id), append(l.bodies, string(body)), append(l.of, []*ResourceType{t})
	return err
}

// servedTo returns the part of the list that is about types that there are for a
// client.
func (l *list) servedTo(p *Principal) *list {
	if p.Types == nil {
		return l
	}
	part := new(list)
	for i, of := range l.of {
		if slices.ContainsFunc(of, p.serves) {
			part.ids, part.bodies = append(part.ids, l.ids[i]), append(part.bodies, l.bodies[i])
		}
	}
	return part
}

func (l *list) find(id string) int {
	for i := range l.ids {
		if strings.EqualFold(l.ids[i], id) {
			return i
		}
	}
	return -1
}

func describeType(t *ResourceType) object {
	o := object{
		"schemas":  []string{resourceTypeSchemaURI},
		"id":       t.def.Name,
		"name":     t.def.Name,
		"endpoint": "/" + t.def.Endpoint,
		"schema":   t.def.Schema.ID,
		"meta":     object{"resourceType": "ResourceType", "location": base + "/" + endpointTypes + "/" + t.def.Name},
	}
	if t.def.Description != "" {
		o["description"] = t.def.Description
	}
	var extensions []object
	for _, e := range t.def.Extensions {
		extensions = append(extensions, object{"schema": e.Schema.ID, "required": e.Required})
	}
	if extensions != nil {
		o["schemaExtensions"] = extensions
	}
	return o
}

// describeSchema describes a schema of the type.
func describeSchema(t *ResourceType, s *Schema, strict bool) object {
	attributes := describeAttributes(s.Attributes, strict)
	if s == t.def.Schema && !t.def.ReadOnly && s.Attribute("externalId") == nil {
		// Schemas may list common attributes (RFC 7643 §3.1), and Entra's
		// Schema_Discoverability_Test fails where this one, which it maps by
		// default, is in none.
		externalID := Attribute{Name: "externalId", CaseExact: true, Description: "The client's own id of the resource"}
		attributes = append(describeAttributes([]Attribute{externalID}, strict), attributes...)
	}
	o := object{
		"schemas":    []string{schemaSchemaURI},
		"id":         s.ID,
		"attributes": attributes,
		"meta":       object{"resourceType": "Schema", "location": base + "/" + endpointSchemas + "/" + s.ID},
	}
	if s.Name != "" {
		o["name"] = s.Name
	}
	if s.Description != "" {
		o["description"] = s.Description
	}
	return o
}

// describeAttributes writes every characteristic out, and no null: Entra's
// schema discovery wants absent properties left out.
func describeAttributes(attributes []Attribute, strict bool) []object {
	out := make([]object, 0, len(attributes))
	for _, a := range attributes {
		o := object{
			"name":        a.Name,
			"type":        cmp.Or(a.Type, TypeString),
			"multiValued": a.MultiValued,
			"required":    a.Required,
			"mutability":  cmp.Or(a.Mutability, ReadWrite),
			"returned":    cmp.Or(a.Returned, ReturnedDefault),
		}
		if a.Description != "" {
			o["description"] = a.Description
		}
		if a.Type == TypeComplex {
			o["subAttributes"] = describeAttributes(a.subAttributes(strict), strict)
		} else { // a complex attribute has neither of its own (RFC 7643 §2.3.8, EID 6004)
			o["caseExact"] = a.CaseExact
			o["uniqueness"] = cmp.Or(a.Uniqueness, UniqueNone)
		}
		if len(a.CanonicalValues) > 0 {
			o["canonicalValues"] = a.CanonicalValues
		}
		if len(a.ReferenceTypes) > 0 {
			o["referenceTypes"] = a.ReferenceTypes
		}
		out = append(out, o)
	}
	return out
}

func (h *Handler) getConfig(req *request) (response, error) {
	return req.fixed(h.discovery.config[req.dialect.strict]), req.unfiltered()
}

func (h *Handler) getTypes(req *request) (response, error) {
	return req.fromList(&h.discovery.types, "resource type")
}

func (h *Handler) getSchemas(req *request) (response, error) {
	return req.fromList(h.discovery.schemas[req.dialect.strict], "schema")
}

// fromList answers with a whole list, whatever the parameters, or with one
// element of it.
func (req *request) fromList(l *list, what string) (response, error) {
	if err := req.unfiltered(); err != nil {
		return response{}, err
	}
	l = l.servedTo(&req.principal)
	if req.id != "" {
		i := l.find(req.id)
		if i < 0 {
			return response{}, Errorf(ErrNotFound, "there is no %s %q", what, clip(req.id))
		}
		return req.fixed(l.bodies[i]), nil
	}
	n := len(l.bodies)
	head, err := json.Marshal(object{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": n, "startIndex": 1, "itemsPerPage": n,
	})
	if err != nil {
		return response{}, err
	}
	return req.fixed(string(head[:len(head)-1]) + `,"Resources":[` + strings.Join(l.bodies, ",") + "]}"), nil
}

// unfiltered refuses a filter, which no discovery endpoint has.
func (req *request) unfiltered() error {
	if _, filtered, _ := param(req.query, "filter"); filtered {
		return Errorf(ErrForbidden, "discovery endpoints cannot be filtered (RFC 7644 §4)")
	}
	return nil
}

func (req *request) fixed(body string) response {
	return response{status: http.StatusOK, raw: []byte(strings.ReplaceAll(body, escaped, string(req.base)))}
}
