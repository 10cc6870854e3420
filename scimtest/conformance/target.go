package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// A target is the endpoint that is checked. It may be used concurrently.
type target struct {
	wire
	options  Options
	nonce    string // in all names that are made up
	features features
	left     leftovers
	users    trial // whether users can be created as checks make them up
	groups   trial
}

// A trial remembers the first refusal of something that must work before most
// checks can begin.
type trial struct {
	mu      sync.Mutex
	worked  bool
	refused string
}

func (t *trial) tell(x *Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case x.Status == 200 || x.Status == 201:
		t.worked = true
	case t.refused == "" && (x.Status == 400 || x.Status == 409 || x.Status == 422):
		t.refused = x.summary()
	}
}

// hint tells what to do about it, "" if nothing is to be done.
func (t *trial) hint(what, option, flag string) string {
	if t.worked || t.refused == "" {
		return ""
	}
	return fmt.Sprintf("No %s could be created: the endpoint answered %s. Options.%s%s tells what else %ss need.", what, t.refused, option, flag, what)
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
		if t.over() != "" {
			return nil
		}
		x := t.exchange(ctx, request{method: "GET", path: path}, &t.pauses.checks)
		if x.Status == 0 && !x.tooLong && t.requests.Load() == 1 { // a second request decides whether it is reached at all
			if x := t.exchange(ctx, request{method: "GET", path: "/Users?count=1"}, &t.pauses.checks); x.Status == 0 && ctx.Err() == nil {
				t.dead.Store(true)
				t.end("the endpoint does not answer: " + x.missing())
			}
		}
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
	f.types = objects(field(read("/ResourceTypes"), "Resources"))
	for _, s := range objects(field(read("/Schemas"), "Resources")) {
		if id, _ := field(s, "id").(string); id != "" {
			f.schemas[f.canonical(id)] = s
		}
	}
	for _, typ := range f.types {
		t.respell(typ)
	}
	if len(f.types) > 0 {
		f.has[enterprise] = false
		for _, typ := range f.types {
			if field(typ, "endpoint") == "/Groups" {
				f.has[groups] = true
			}
			for _, e := range objects(field(typ, "schemaExtensions")) {
				if field(e, "schema") == enterpriseURN {
					f.has[enterprise] = true
				}
			}
		}
	} else if t.over() == "" {
		f.has[groups] = t.exchange(ctx, request{method: "GET", path: "/Groups?count=1"}, &t.pauses.checks).Status == 200
	}
	f.required = f.requires(userURN)
}

// respell writes what a resource type refers to as the checks know it.
func (t *target) respell(typ object) {
	set(typ, "endpoint", t.endpointOf(typ))
	for _, o := range append(objects(field(typ, "schemaExtensions")), typ) {
		if urn, ok := field(o, "schema").(string); ok {
			set(o, "schema", t.features.canonical(urn))
		}
	}
}

// endpointOf returns the endpoint of a resource type as a path below the base
// URL, "" if it has none. RFC 7643 §6 writes "Users" in its text and "/Users" in
// its examples; others write a slash at the end, or the whole URL.
func (t *target) endpointOf(typ object) string {
	endpoint, _ := field(typ, "endpoint").(string)
	if u, err := url.Parse(endpoint); err == nil && u.IsAbs() {
		base, _ := url.Parse(t.base) // Check did so
		endpoint = strings.TrimPrefix(u.Path, base.Path)
	}
	if endpoint = strings.Trim(endpoint, "/"); endpoint == "" {
		return ""
	}
	return "/" + endpoint
}

// canonical writes a URN as the checks, or else the endpoint's schemas, do.
func (f *features) canonical(urn string) string {
	for _, known := range []string{userURN, groupURN, enterpriseURN} {
		if isURN(urn, known) {
			return known
		}
	}
	for known := range f.schemas {
		if isURN(urn, known) {
			return known
		}
	}
	return urn
}

// set changes a member of an object, whatever its case is.
func set(o object, name string, v any) {
	for n := range o {
		if strings.EqualFold(n, name) {
			o[n] = v
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
