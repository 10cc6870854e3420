package conformance

import (
	"slices"
	"strings"
)

// resourceTypes expects the endpoint's resource types: those that are
// provisioned, without the three of configuration.
func (p *probe) resourceTypes() []object {
	l := p.list(p.get("/ResourceTypes"))
	types := slices.DeleteFunc(l.resources, func(t object) bool {
		name, _ := field(t, "name").(string)
		return slices.Contains([]string{"ServiceProviderConfig", "ResourceType", "Schema"}, name)
	})
	p.expect(len(types) > 0, "resource types", show(l.object))
	for _, t := range types {
		p.respell(t)
	}
	return types
}

// schemasOf returns the URIs of a resource type: its schema and its extensions.
func schemasOf(resourceType object) (uris []string) {
	if uri, _ := field(resourceType, "schema").(string); uri != "" {
		uris = append(uris, uri)
	}
	extensions, _ := field(resourceType, "schemaExtensions").([]any)
	for _, e := range extensions {
		if uri, _ := field(e, "schema").(string); uri != "" {
			uris = append(uris, uri)
		}
	}
	return uris
}

// undefined names the attributes of a resource that none of the schemas has.
func undefined(resource object, uris []string, schemas map[string]object) (names []string) {
	known := func(name string) bool { // RFC 7643 §3 gives these to every resource
		return slices.Contains([]string{"schemas", "id", "externalid", "meta"}, strings.ToLower(name))
	}
	var walk func(prefix string, values object, defs []object)
	walk = func(prefix string, values object, defs []object) {
		for name, v := range values {
			def := definition(defs, name)
			if def == nil {
				names = append(names, prefix+name)
				continue
			}
			within := objects(v)
			if o, ok := v.(object); ok {
				within = []object{o}
			}
			for _, o := range within {
				walk(prefix+name+".", o, subAttributes(def))
			}
		}
	}
	core := object{}
	for name, v := range resource {
		i := slices.IndexFunc(uris, func(uri string) bool { return strings.EqualFold(uri, name) })
		switch extension, _ := v.(object); {
		case i > 0:
			walk(name+":", extension, attributes(schemas[uris[i]]))
		case !known(name):
			core[name] = v
		}
	}
	walk("", core, attributes(schemas[uris[0]]))
	slices.Sort(names)
	return slices.Compact(names)
}

// publishedSchemas expects the endpoint's schemas, by URI.
func (p *probe) publishedSchemas() map[string]object {
	schemas := map[string]object{}
	for _, s := range p.list(p.get("/Schemas")).resources {
		id, _ := field(s, "id").(string)
		schemas[p.features.canonical(id)] = s
	}
	return schemas
}

func isConfiguration(uri string) bool {
	return slices.ContainsFunc([]string{"ServiceProviderConfig", "ResourceType", "Schema"}, func(name string) bool { return strings.HasSuffix(uri, ":"+name) })
}

// samples are good values for the attributes of RFC 7643 §4 that the endpoint's
// schema defines as readWrite and shows by default.
func (p *probe) samples(schema string) object {
	plain := func(value string) []object { return []object{{"value": value}} }
	typed := func(attribute, value string) []object {
		e := object{"value": value}
		sub := definition(subAttributes(p.features.attribute(schema, attribute)), "type")
		if values, _ := field(sub, "canonicalValues").([]any); len(values) > 0 {
			e["type"] = values[0]
		}
		return []object{e}
	}
	all := object{
		"name":        object{"formatted": "Dr. Ann B. Lee III", "familyName": "Lee", "givenName": "Ann", "middleName": "B.", "honorificPrefix": "Dr.", "honorificSuffix": "III"},
		"displayName": "Ann Lee", "nickName": "Annie", "profileUrl": "https://" + p.options.Domain + "/ann", "title": "Engineer", "userType": "Employee",
		"preferredLanguage": "en", "locale": "en-US", "timezone": "Europe/Berlin", "active": true,
		"emails": typed("emails", "ann-"+p.nonce+"@"+p.options.Domain), "phoneNumbers": typed("phoneNumbers", "+1-201-555-0123"), "ims": typed("ims", "ann."+p.nonce),
		"photos": typed("photos", "https://"+p.options.Domain+"/ann.jpg"), "entitlements": plain("reader"), "roles": plain("editor"),
		"addresses": []object{{"formatted": "1 Main St", "streetAddress": "1 Main St", "locality": "Springfield", "region": "IL", "postalCode": "62701", "country": "US"}},
	}
	if schema == enterpriseURN {
		all = object{"employeeNumber": "7" + p.nonce, "costCenter": "4130", "organization": "Contoso", "division": "Sales", "department": "Europe"}
	}
	served := object{}
	for name, v := range all {
		def := p.features.attribute(schema, name)
		if !isWritable(def) {
			continue
		}
		// Of a complex attribute only the sub-attributes that are defined.
		keep := func(o object) object {
			kept := object{}
			for sub, v := range o {
				if isWritable(definition(subAttributes(def), sub)) {
					kept[sub] = v
				}
			}
			return kept
		}
		switch x := v.(type) {
		case object:
			v = keep(x)
		case []object:
			v = []object{keep(x[0])}
		}
		served[name] = v
	}
	return served
}

func isWritable(def object) bool {
	mutability, returned := field(def, "mutability"), field(def, "returned")
	return def != nil && (mutability == nil || mutability == "readWrite") && (returned == nil || returned == "default" || returned == "always")
}

// missing names what was sent and is not in what came back.
func missing(name string, got, sent any) (names []string) {
	switch s := sent.(type) {
	case object:
		for sub, v := range s {
			names = append(names, missing(name+"."+sub, field(got, sub), v)...)
		}
	case []object:
		elements, _ := got.([]any)
		if len(elements) != 1 {
			return []string{name}
		}
		return missing(name, elements[0], s[0])
	default:
		if !equal(got, sent) {
			names = append(names, name)
		}
	}
	return names
}
