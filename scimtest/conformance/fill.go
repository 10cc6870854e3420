package conformance

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// What an endpoint's schemas require of the users and groups that checks make
// up.

// fill adds to a user what the endpoint's schemas require.
func (f *features) fill(user object, userName string) { f.fillIn(userURN, f.required, user, userName) }

// fillGroup adds to a group what the endpoint's schemas require.
func (f *features) fillGroup(group object, name string) {
	f.fillIn(groupURN, f.requires(groupURN), group, name)
}

func (f *features) fillIn(core string, required map[string]object, resource object, name string) {
	complete(resource, required, name)
	for urn, must := range f.extensions(core) {
		given, present := member(resource, urn)
		if !present && !must {
			continue
		}
		extension, ok := given.(object)
		if present && !ok {
			continue // the check wants it so
		}
		extension = maps.Clone(extension) // it may be that of Options
		if extension == nil {
			extension = object{}
		}
		if complete(extension, f.requires(urn), name); len(extension) == 0 {
			continue
		}
		for n := range resource {
			if strings.EqualFold(n, urn) {
				urn = n
			}
		}
		resource[urn] = extension
		if present {
			continue
		}
		switch schemas := resource["schemas"].(type) {
		case []string:
			resource["schemas"] = append(schemas[:len(schemas):len(schemas)], urn)
		case []any:
			resource["schemas"] = append(schemas[:len(schemas):len(schemas)], urn)
		}
	}
}

// complete adds values for the attributes that are not there.
func complete(o object, required map[string]object, name string) {
	for n, def := range required {
		if _, present := member(o, n); !present {
			if v := sample(def, "", name); v != nil {
				o[n] = v
			}
		}
	}
}

// member is field that tells null from nothing.
func member(o object, name string) (v any, present bool) {
	for n, v := range o {
		if strings.EqualFold(n, name) {
			return v, true
		}
	}
	return nil, false
}

// samples are values for attributes whose names say more than their type, in
// lower case.
var samples = map[string]string{
	"givenname": "Uma", "familyname": "Check", "formatted": "Uma Check", "displayname": "Uma Check", "nickname": "Uma",
	"preferredlanguage": "en-US", "locale": "en-US", "timezone": "Europe/Berlin", "country": "US", "password": "Uc-9!fgh-Check",
	"phonenumbers.value": "+1-201-555-0123", "usertype": "Employee",
}

// sample returns a value for an attribute by its definition; nil if none can be
// made up: a reference to something that is there.
func sample(def object, parent, name string) any {
	attribute, _ := field(def, "name").(string)
	lower := strings.ToLower(attribute)
	if parent != "" && lower == "value" {
		lower = parent + "." + lower
	}
	unique := field(def, "uniqueness") == "server" || field(def, "uniqueness") == "global"
	var v any
	switch field(def, "type") {
	case "boolean":
		v = true
	case "integer":
		if v = 1; unique {
			h := fnv.New32()
			h.Write([]byte(name))
			v = h.Sum32() >> 1
		}
	case "decimal":
		v = 1.5
	case "dateTime":
		v = "2026-01-02T03:04:05Z"
	case "binary":
		v = "Y2hlY2s="
	case "reference":
		if toResource(def) {
			return nil
		}
		v = "https://usher-check.example/" + strings.ToLower(name)
	case "complex":
		v = complexSample(def, lower, name)
	default:
		known, ok := samples[lower]
		canonical, _ := field(def, "canonicalValues").([]any)
		switch {
		case len(canonical) > 0:
			v = canonical[0]
		case ok:
			v = known
		case unique, strings.Contains(lower, "mail"):
			v = name
		default:
			v = "check"
		}
	}
	if o, ok := v.(object); v == nil || ok && len(o) == 0 {
		return nil
	}
	if field(def, "multiValued") == true {
		return []any{v}
	}
	return v
}

// complexSample has the sub-attributes that are required, or else all that a
// client may write.
func complexSample(def object, parent, name string) object {
	all, required := object{}, object{}
	if slices.ContainsFunc(subAttributes(def), toResource) {
		return nil
	}
	for _, sub := range subAttributes(def) {
		n, _ := field(sub, "name").(string)
		if n == "" || field(sub, "mutability") == "readOnly" {
			continue
		}
		v := sample(sub, parent, name)
		if v == nil {
			continue
		}
		all[n] = v
		if field(sub, "required") == true {
			required[n] = v
		}
	}
	switch {
	case len(required) > 0:
		return required
	case len(all) > 0:
		return all
	case parent == "name":
		return object{"givenName": "Uma", "familyName": "Check"}
	default:
		return object{"value": name}
	}
}

// toResource reports whether an attribute refers to a resource that must be there.
func toResource(def object) bool {
	types, _ := field(def, "referenceTypes").([]any)
	return field(def, "type") == "reference" && len(types) > 0 && !slices.Contains(types, any("external")) && !slices.Contains(types, any("uri"))
}

// requires returns the attributes that a schema requires of clients, by name.
func (f *features) requires(urn string) map[string]object {
	required := map[string]object{}
	for _, def := range attributes(f.schemas[urn]) {
		if n, _ := field(def, "name").(string); n != "" && field(def, "required") == true && field(def, "mutability") != "readOnly" {
			required[n] = def
		}
	}
	return required
}

// extensions returns the extensions of the type with the core schema, and
// whether each is required.
func (f *features) extensions(core string) map[string]bool {
	extensions := map[string]bool{}
	for _, typ := range f.types {
		if field(typ, "schema") != core {
			continue
		}
		list, _ := field(typ, "schemaExtensions").([]any)
		for _, e := range list {
			if urn, _ := field(e, "schema").(string); urn != "" {
				extensions[urn] = field(e, "required") == true
			}
		}
	}
	return extensions
}

// isURN compares a value with a URN, in which case does not matter (RFC 8141
// §3.1).
func isURN(v any, urn string) bool {
	s, _ := v.(string)
	return strings.EqualFold(s, urn)
}
