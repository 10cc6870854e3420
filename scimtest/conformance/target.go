package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
)

// A target is the endpoint that is checked. It may be used concurrently.
type target struct {
	base     string
	token    string
	options  Options
	nonce    string // in all names that are made up
	requests atomic.Int64
	features features
}

// A feature is something that an endpoint may have or not.
type feature string

const (
	groups      feature = "groups"
	enterprise  feature = "the enterprise extension"
	patching    feature = "PATCH"
	filtering   feature = "filters"
	sorting     feature = "sort"
	etags       feature = "ETags"
	bulking     feature = "bulk"
	cursors     feature = "cursor pagination"
	passwording feature = "changePassword"
)

// features are what the endpoint says of itself. An endpoint that says nothing
// is taken to have what identity providers need.
type features struct {
	has      map[feature]bool
	declared bool // by a ServiceProviderConfig that could be read
	profile  bool // interopProfileConformant
	config   object
	types    []object // ResourceTypes
	schemas  map[string]object
	required map[string]object // of the User schema: top-level attributes that must be there
}

// discover reads what the endpoint says of itself. Whether it says it rightly
// is for checks to find out.
func (t *target) discover(ctx context.Context) {
	read := func(path string) object {
		x := t.roundTrip(ctx, request{method: "GET", path: path})
		var o object
		if x.Status != 200 || json.Unmarshal([]byte(x.ResponseBody), &o) != nil {
			return nil
		}
		return o
	}
	f := &t.features
	f.has = map[feature]bool{patching: true, filtering: true, enterprise: true}
	f.schemas, f.required = map[string]object{}, map[string]object{}
	if f.config = read("/ServiceProviderConfig"); f.config != nil {
		f.declared = true
		for name, feature := range map[string]feature{
			"patch": patching, "filter": filtering, "sort": sorting, "etag": etags, "bulk": bulking, "changePassword": passwording,
		} {
			supported, ok := field(field(f.config, name), "supported").(bool)
			f.has[feature] = supported || !ok && f.has[feature]
		}
		f.has[cursors], _ = field(field(f.config, "pagination"), "cursor").(bool)
		f.profile, _ = field(f.config, "interopProfileConformant").(bool)
	}
	resources := func(o object) (list []object) {
		items, _ := field(o, "Resources").([]any)
		for _, item := range items {
			if r, ok := item.(object); ok {
				list = append(list, r)
			}
		}
		return list
	}
	f.types = resources(read("/ResourceTypes"))
	for _, s := range resources(read("/Schemas")) {
		if id, _ := field(s, "id").(string); id != "" {
			f.schemas[id] = s
		}
	}
	if len(f.types) > 0 {
		f.has[enterprise] = false
		for _, typ := range f.types {
			if field(typ, "endpoint") == "/Groups" {
				f.has[groups] = true
			}
			extensions, _ := field(typ, "schemaExtensions").([]any)
			for _, e := range extensions {
				if field(e, "schema") == enterpriseURN {
					f.has[enterprise] = true
				}
			}
		}
	} else {
		f.has[groups] = t.roundTrip(ctx, request{method: "GET", path: "/Groups?count=1"}).Status == 200
	}
	attributes, _ := field(f.schemas[userURN], "attributes").([]any)
	for _, a := range attributes {
		if o, ok := a.(object); ok && field(o, "required") == true && field(o, "mutability") != "readOnly" {
			name, _ := field(o, "name").(string)
			f.required[name] = o
		}
	}
}

// lacks returns why a check that needs the features is skipped, or "".
func (f *features) lacks(needs []feature) string {
	for _, n := range needs {
		if !f.has[n] {
			return "the endpoint does not support " + string(n)
		}
	}
	return ""
}

// attribute returns an attribute's definition in the endpoint's schema, nil if
// there is none: attribute(userURN, "emails").
func (f *features) attribute(schema, name string) object {
	attributes, _ := field(f.schemas[schema], "attributes").([]any)
	for _, a := range attributes {
		if n, _ := field(a, "name").(string); strings.EqualFold(n, name) {
			return a.(object) // field found something in it
		}
	}
	return nil
}

// serves reports whether the endpoint has the attribute of a schema; one whose
// schemas cannot be read is taken to have all.
func (f *features) serves(schema, name string) bool {
	return f.schemas[schema] == nil || f.attribute(schema, name) != nil
}

// fill adds values for attributes that the endpoint's User schema requires.
func (f *features) fill(user object, userName string) {
	for name, def := range f.required {
		if field(user, name) != nil {
			continue
		}
		switch strings.ToLower(name) {
		case "emails":
			user[name] = []object{{"value": userName, "type": "work", "primary": true}}
		case "name":
			user[name] = object{"givenName": "Uma", "familyName": "Check"}
		default:
			var v any
			switch field(def, "type") {
			case "boolean":
				v = true
			case "integer", "decimal":
				v = 1
			case "dateTime":
				v = "2026-01-02T03:04:05Z"
			case "complex":
				v = object{"value": userName}
			default:
				v = "check"
			}
			if field(def, "multiValued") == true {
				v = []any{v}
			}
			user[name] = v
		}
	}
}

// String tells the features in a line.
func (f *features) String() string {
	var have, not []string
	for _, n := range []feature{groups, enterprise, patching, filtering, sorting, etags, bulking, cursors, passwording} {
		if f.has[n] {
			have = append(have, string(n))
		} else {
			not = append(not, string(n))
		}
	}
	s := fmt.Sprintf("with %s", strings.Join(have, ", "))
	if len(not) > 0 {
		s += "; without " + strings.Join(not, ", ")
	}
	if !f.declared {
		s += " (guessed: it has no ServiceProviderConfig)"
	}
	return s
}
