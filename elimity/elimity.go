// Package elimity lets an application written for github.com/elimity-com/scim
// keep its schemas and its ResourceHandlers behind the Handler of package scim:
//
//	store, err := elimity.NewStore(types...) // what scim.ServerArgs had as ResourceTypes
//	h, err := usher.NewHandler(store, tokens, &usher.Options{Types: store.Types()})
//
// PATCH is then applied before a handler sees it and arrives as a Replace; what
// Entra and Okta write differently from the RFCs is understood; attributes,
// excludedAttributes, sorting, cursors, bulk, entity tags and every filter work,
// because none of them is the handlers' to do. docs/elimity.md leads through a
// migration.
//
// # What is asked of a ResourceHandler
//
// Nothing it did not have to do before, but more now depends on it:
//
//   - Get and GetAll return all attributes that Replace needs to be given again,
//     whoever asks: a PATCH is a Get, a change and a Replace. An attribute that
//     is never returned, if it is left out of Replace, stays as it is.
//   - Create and Replace report errors.ScimErrorUniqueness for what is taken, and
//     do all of their work or none.
//   - What is not there is errors.ScimErrorResourceNotFound. Errors of package
//     errors reach the client with their details; of any other the text reaches
//     only the log, and the answer is 500.
//   - GetAll pages in an order that stays the same while nothing changes, best
//     that of creation, and TotalResults counts all matches.
//   - Ids are never reused and no other resource, of whatever type, has the same.
//   - Its methods may be called concurrently.
//   - With several tenants, it keeps those apart that [Tenant] names.
//
// Patch, and the Search of handlers that have one, are no longer called.
//
// # What a ResourceHandler cannot give
//
// An Update is a Get and a Replace. Within one Store they exclude others for the
// same resource; between processes two changes at one moment may still lose one.
// No transaction is around several calls: the operations of a bulk, a change and
// its hooks, a Delete and the memberships that end with it.
//
// Versions are digests of what a resource is made of, because many handlers
// return a Meta.Version that never changes: a resource that is changed back has
// its old version again. Times are those of Meta; without them meta.created and
// meta.lastModified are not shown.
//
// A filter is evaluated here, over all that GetAll has, page by page. To the
// handler goes, as FilterValidator, at most one condition that narrows: eq on a
// string in ASCII at the top of the type's own schema that has one value, such as
// userName. It may ignore it. Members are checked one by one with Get.
//
// What GetAll has is read whole for a page by cursor too, the first one as well,
// and put in the order of creation.
//
// An attribute that a handler returns and the schemas lack is given back to
// Replace where it was, at the top or within what has one value. In an element of
// an attribute with many values, other than members, it is lost. A new member is
// handed over as its value and type: what else a client says of it, such as
// display, never reaches a Store.
//
// A user is shown with its groups. Where the handler does not return them, all
// groups are read to find them: return groups, an empty list too, or take the
// attribute out of the schema.
package elimity

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	elimity "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/schema"

	"github.com/usherkit/scim"
)

type tenantKey struct{}

// Tenant returns the tenant that a request handed to a ResourceHandler is for,
// which is that of the client's token. It is also the request's path value
// "tenant", and its context is that of the client's request.
func Tenant(r *http.Request) string {
	tenant, _ := r.Context().Value(tenantKey{}).(string)
	return tenant
}

func withTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// Schema converts a schema. Both libraries describe attributes in the terms of
// RFC 7643 §7, so nothing is lost.
func Schema(s schema.Schema) *scim.Schema {
	return &scim.Schema{
		ID: s.ID, Name: s.Name.Value(), Description: s.Description.Value(),
		Attributes: attributes(s.Attributes),
	}
}

func attributes(in schema.Attributes) []scim.Attribute {
	out := make([]scim.Attribute, 0, len(in))
	for _, a := range in {
		to := scim.Attribute{
			Name: a.Name(), Type: scim.DataType(a.AttributeType()), MultiValued: a.MultiValued(), Description: a.Description(),
			Required: a.Required(), CanonicalValues: slices.Clone(a.CanonicalValues()), CaseExact: a.CaseExact(),
			Mutability: scim.Mutability(a.Mutability()), Returned: scim.Returned(a.Returned()), Uniqueness: scim.Uniqueness(a.Uniqueness()),
		}
		for _, t := range a.ReferenceTypes() {
			to.ReferenceTypes = append(to.ReferenceTypes, string(t))
		}
		if sub := a.SubAttributes(); len(sub) > 0 {
			to.SubAttributes = attributes(sub)
		}
		out = append(out, to)
	}
	return out
}

// ResourceType converts a resource type, without its Handler. It reports what
// [scim.NewResourceType] does: a user schema without active, say.
//
// The password of the user schema is left out: package scim hands passwords to
// hooks alone. To have them, append [scim.PasswordAttribute] to a copy of the
// schema in the type's Definition, and make a type of that for Options.Types.
func ResourceType(t elimity.ResourceType) (*scim.ResourceType, error) {
	rt, err := scim.NewResourceType(definition(t))
	if err != nil {
		return nil, fmt.Errorf("elimity: resource type %s: %w", t.Name, err)
	}
	return rt, nil
}

func definition(t elimity.ResourceType) scim.TypeDefinition {
	def := scim.TypeDefinition{
		Name: t.Name, Endpoint: strings.Trim(t.Endpoint, "/"), Description: t.Description.Value(), Schema: Schema(t.Schema),
	}
	if def.Schema.ID == scim.UserSchemaURI {
		def.Schema.Remove("password")
	}
	for _, e := range t.SchemaExtensions {
		def.Extensions = append(def.Extensions, scim.Extension{Schema: Schema(e.Schema), Required: e.Required})
	}
	return def
}
