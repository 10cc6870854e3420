package elimity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	elimity "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"

	"github.com/usherkit/scim"
)

// A kind is a resource type with its handler.
type kind struct {
	name, endpoint string
	served         *scim.ResourceType
	def            scim.TypeDefinition // of served

	// reads is served as it is for handlers, which may have stored a resource
	// before something was required.
	reads *scim.ResourceType

	members, groups string // the attributes that are Sets; empty: there is none
	memberParts     []scim.Attribute
	memberTypes     []string // resource types that a member may have; nil: any

	schema     schema.Schema // theirs, with the common attributes
	extensions []schema.Schema
	handler    elimity.ResourceHandler
}

func newKind(t elimity.ResourceType) (*kind, error) {
	served, err := ResourceType(t)
	if err != nil {
		return nil, err
	}
	lenient := definition(t)
	relax(lenient.Schema.Attributes)
	for i := range lenient.Extensions {
		lenient.Extensions[i].Required = false
		relax(lenient.Extensions[i].Schema.Attributes)
	}
	reads, err := scim.NewResourceType(lenient)
	if err != nil {
		return nil, fmt.Errorf("elimity: resource type %s: %w", t.Name, err)
	}
	k := &kind{name: t.Name, served: served, def: served.Definition(), reads: reads, schema: t.Schema, handler: t.Handler}
	k.endpoint, k.members, k.groups = k.def.Endpoint, k.def.Members, k.def.Groups
	k.schema.Attributes = append(slices.Clip(k.schema.Attributes), schema.CommonAttributes()...)
	for _, e := range t.SchemaExtensions {
		k.extensions = append(k.extensions, e.Schema)
	}
	if k.members != "" {
		k.memberParts = k.def.Schema.Attribute(k.members).SubAttributes
		if ref := k.def.Schema.Attribute(k.members).SubAttribute("$ref"); ref != nil {
			for _, name := range ref.ReferenceTypes {
				if name != string(schema.AttributeReferenceTypeExternal) && name != string(schema.AttributeReferenceTypeURI) {
					k.memberTypes = append(k.memberTypes, name)
				}
			}
		}
	}
	return k, nil
}

func relax(attributes []scim.Attribute) {
	for i := range attributes {
		a := &attributes[i]
		a.Required = false
		relax(a.SubAttributes)
	}
}

// A record is a resource as a handler returned it.
type record struct {
	*scim.Resource // without its Sets
	members        []element
	groups         []element
	knowsGroups    bool // the handler returned them, be they none

	// unknown is what the handler returned and the schemas lack. Replace is
	// given it again: see carry.
	unknown within
}

// record reads a resource that a handler returned for an id.
func (k *kind) record(tenant string, r elimity.Resource, id string) (*record, error) {
	wrong := func(err error) (*record, error) { // not the client's fault, so no kind of error that is
		return nil, fmt.Errorf("elimity: the handler of %s returned %q, which cannot be read: %v", k.name, id, err)
	}
	rec := &record{}
	own := make(map[string]any, len(r.Attributes)+1)
	for name, value := range r.Attributes {
		var err error
		switch {
		case k.members != "" && strings.EqualFold(name, k.members):
			rec.members, err = elements(value)
		case k.groups != "" && strings.EqualFold(name, k.groups):
			rec.groups, err = elements(value)
			rec.knowsGroups = true
		case r.ExternalID.Present() && strings.EqualFold(name, schema.CommonAttributeExternalID):
		default:
			k.put(own, name, value)
		}
		if err != nil {
			return wrong(err)
		}
	}
	if r.ExternalID.Present() {
		own[schema.CommonAttributeExternalID] = r.ExternalID.Value()
	}
	rec.unknown = k.unknown(own)
	document, _, err := k.reads.Encode(own)
	if err != nil {
		return wrong(err)
	}
	if r.ID != "" {
		id = r.ID
	}
	rec.Resource = &scim.Resource{
		Ref: scim.Ref{Tenant: tenant, Type: k.name, ID: id}, Version: version(document, rec.members),
		Created: moment(r.Meta.Created), LastModified: moment(r.Meta.LastModified),
		Document: document, Keys: k.served.Keys(document),
	}
	if rec.LastModified.IsZero() {
		rec.LastModified = rec.Created
	}
	return rec, nil
}

// within holds what the schemas lack in an extension or a complex attribute.
type within map[string]any

// unknown returns those of a resource's attributes that the schemas lack, at the
// top and within what has one value. Elements of an attribute with many are not
// looked into: they have no name to be found again by.
func (k *kind) unknown(own map[string]any) within {
	all := slices.Clone(k.def.Schema.Attributes)
	for _, name := range []string{"schemas", "id", "externalId", "meta"} {
		all = append(all, scim.Attribute{Name: name})
	}
	for _, e := range k.def.Extensions {
		all = append(all, scim.Attribute{Name: e.Schema.ID, Type: scim.TypeComplex, SubAttributes: e.Schema.Attributes})
	}
	return lacking(all, own)
}

func lacking(attributes []scim.Attribute, own map[string]any) within {
	rest := within{}
	for name, value := range own {
		i := slices.IndexFunc(attributes, func(a scim.Attribute) bool { return strings.EqualFold(a.Name, name) })
		if i < 0 {
			rest[name] = value
			continue
		}
		a := attributes[i]
		if a.Type != scim.TypeComplex || a.MultiValued {
			continue
		}
		if whole, ok := object(value); ok {
			if inside := lacking(a.SubAttributes, whole); len(inside) > 0 {
				rest[a.Name] = inside
			}
		}
	}
	return rest
}

// carry puts what the schemas lack back among the attributes that was is to
// have. What was within something is gone with it.
func (was *record) carry(all elimity.ResourceAttributes) {
	for name, value := range was.unknown {
		if _, is := value.(within); !is || all[name] != nil {
			continue
		}
		if _, had := was.Document.Get(name); !had { // there was nothing else in it
			all[name] = map[string]any{}
		}
	}
	was.unknown.putInto(all)
}

func (w within) putInto(all map[string]any) {
	for name, value := range w {
		inside, is := value.(within)
		if !is {
			all[name] = value
		} else if into, ok := all[name].(map[string]any); ok {
			inside.putInto(into)
		}
	}
}

// put sets an attribute. Handlers that stored PATCH as they got it may hold an
// extension's attribute under its full name.
func (k *kind) put(own map[string]any, name string, value any) {
	for _, e := range k.def.Extensions {
		uri := e.Schema.ID
		switch {
		case strings.EqualFold(name, uri):
			if now, ok := own[uri].(map[string]any); ok { // full names came first
				if whole, ok := object(value); ok {
					for n, v := range whole {
						now[n] = v
					}
				}
				return
			}
			if whole, ok := object(value); ok {
				own[uri] = whole
				return
			}
		case len(name) > len(uri) && strings.EqualFold(name[:len(uri)], uri) && name[len(uri)] == ':':
			in, ok := own[uri].(map[string]any)
			if !ok {
				in = map[string]any{}
				own[uri] = in
			}
			if _, has := in[name[len(uri)+1:]]; !has {
				in[name[len(uri)+1:]] = value
			}
			return
		}
	}
	own[name] = value
}

// object copies a JSON object of whatever Go type.
func object(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			out[name] = value
		}
		return out, true
	case elimity.ResourceAttributes:
		return object(map[string]any(v))
	}
	src, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	var out map[string]any
	return out, json.Unmarshal(src, &out) == nil && out != nil
}

func moment(t *time.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// version is a digest of what a resource is made of.
func version(d scim.Document, members []element) string {
	ids := make([]string, len(members))
	for i, e := range members {
		ids[i] = e.id
	}
	slices.Sort(ids) // a handler need not keep their order
	h := sha256.New()
	h.Write([]byte(d.String()))
	for _, id := range ids {
		fmt.Fprintf(h, "\x00%s", id)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// attributes makes what Create and Replace are given, in the types that the
// validation of elimity-com/scim gives values: string, bool, int64, float64,
// map[string]any and []any. What is read-only is not in it.
func (k *kind) attributes(d scim.Document, members []element) (elimity.ResourceAttributes, error) {
	source := json.NewDecoder(strings.NewReader(d.String()))
	source.UseNumber()
	var all map[string]any
	if err := source.Decode(&all); err != nil {
		return nil, fmt.Errorf("elimity: reading a document of %s: %w", k.name, err)
	}
	settle(k.def.Schema.Attributes, all)
	for _, e := range k.def.Extensions {
		if in, ok := all[e.Schema.ID].(map[string]any); ok {
			if settle(e.Schema.Attributes, in); len(in) == 0 {
				delete(all, e.Schema.ID)
			}
		}
	}
	if len(members) > 0 {
		list := make([]any, len(members))
		for i, e := range members {
			list[i] = e.parts
		}
		all[k.members] = list
	}
	return all, nil
}

// settle gives the values of an object their types.
func settle(attributes []scim.Attribute, of map[string]any) {
	for i := range attributes {
		a := &attributes[i]
		value, ok := of[a.Name]
		if !ok {
			continue
		}
		value = settled(a, value)
		of[a.Name] = value
		if whole, ok := value.(map[string]any); a.Mutability == scim.ReadOnly || ok && len(whole) == 0 {
			delete(of, a.Name)
		}
	}
}

func settled(a *scim.Attribute, value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = settled(a, v[i])
		}
	case map[string]any:
		settle(a.SubAttributes, v)
	case json.Number:
		if n, err := v.Int64(); err == nil && a.Type == scim.TypeInteger {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return value
}
