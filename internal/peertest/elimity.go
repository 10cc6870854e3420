package peertest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

// Elimity returns elimity-com/scim over maps under a mutex: the obvious way to
// write its ResourceHandler. Where its interface leaves a choice, the cheaper
// one was taken: attributes are shared and copied on write, and a member is
// found by comparing strings.
func Elimity(token string) http.Handler {
	s, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true, MaxResults: 1000},
		ResourceTypes: []scim.ResourceType{
			{
				Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
				SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
				Handler:          newTable("userName", schema.CoreUserSchema(), schema.ExtensionEnterpriseUser()),
			},
			{Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: newTable("displayName", schema.CoreGroupSchema())},
		},
	})
	if err != nil {
		panic(err) // the arguments are constant
	}
	return guard(token, s.ServeHTTP)
}

// A table is a scim.ResourceHandler. The attributes of a row are replaced and
// never changed, because the library encodes them after the handler returned.
type table struct {
	mu     sync.RWMutex
	rows   map[string]*row
	order  []*row
	made   int // rows, also those that are gone
	unique string
	taken  map[string]bool

	core       attributes
	extensions map[string]attributes // by URI
}

type row struct {
	id                string
	version           int
	created, modified time.Time
	attributes        scim.ResourceAttributes
}

func newTable(unique string, core schema.Schema, extensions ...schema.Schema) *table {
	t := &table{
		rows: map[string]*row{}, unique: unique, taken: map[string]bool{},
		core: attributes(core.Attributes), extensions: map[string]attributes{},
	}
	for _, e := range extensions {
		t.extensions[e.ID] = attributes(e.Attributes)
	}
	return t
}

// name is the one that no two rows have, whatever its case.
func (t *table) name(a scim.ResourceAttributes) string {
	name, _ := a[t.unique].(string)
	return strings.ToLower(name)
}

// resource is what the library encodes, without the attributes that the
// request excludes, which it leaves to the handler.
func (t *table) resource(r *http.Request, w *row) scim.Resource {
	attributes := w.attributes
	if _, excluded, _ := strings.Cut(r.URL.RawQuery, "excludedAttributes="); excluded != "" {
		attributes = maps.Clone(attributes)
		for name := range strings.SplitSeq(r.URL.Query().Get("excludedAttributes"), ",") {
			delete(attributes, name)
		}
	}
	res := scim.Resource{ID: w.id, Attributes: attributes}
	if external, ok := attributes["externalId"].(string); ok {
		res.ExternalID = optional.NewString(external)
	}
	created, modified := w.created, w.modified
	res.Meta = scim.Meta{Created: &created, LastModified: &modified, Version: fmt.Sprintf(`W/"%d"`, w.version)}
	return res
}

func (t *table) Create(r *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := t.name(attributes)
	if t.taken[name] {
		return scim.Resource{}, errors.ScimErrorUniqueness
	}
	t.made++
	now, n := time.Now(), t.made
	w := &row{id: fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n), version: 1, created: now, modified: now, attributes: attributes}
	t.taken[name], t.rows[w.id] = true, w
	t.order = append(t.order, w)
	return t.resource(r, w), nil
}

func (t *table) Get(r *http.Request, id string) (scim.Resource, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	w := t.rows[id]
	if w == nil {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	return t.resource(r, w), nil
}

// The attributes that the library knows and a table does not keep among the
// others.
var commonAttributes = regexp.MustCompile(`(?i)\b(id|meta)\b`)

func (t *table) GetAll(r *http.Request, q scim.ListRequestParams) (scim.Page, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	page := scim.Page{Resources: []scim.Resource{}}
	common := q.FilterValidator != nil && commonAttributes.MatchString(r.URL.Query().Get("filter"))
	for _, w := range t.order {
		attributes := w.attributes
		if common {
			attributes = maps.Clone(attributes)
			attributes["id"] = w.id
			attributes["meta"] = map[string]any{"created": w.created.Format(time.RFC3339Nano), "lastModified": w.modified.Format(time.RFC3339Nano)}
		}
		if q.FilterValidator != nil && q.FilterValidator.PassesFilter(attributes) != nil {
			continue
		}
		page.TotalResults++
		if page.TotalResults >= q.StartIndex && len(page.Resources) < q.Count {
			page.Resources = append(page.Resources, t.resource(r, w))
		}
	}
	return page, nil
}

// change makes one change of a row.
func (t *table) change(r *http.Request, id string, to func(*row) (scim.ResourceAttributes, error)) (scim.Resource, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.rows[id]
	if w == nil {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	next, err := to(w)
	if err != nil {
		return scim.Resource{}, err
	}
	switch before, after := t.name(w.attributes), t.name(next); {
	case after == "":
		return scim.Resource{}, errors.ScimErrorInvalidValue
	case after != before && t.taken[after]:
		return scim.Resource{}, errors.ScimErrorUniqueness
	default:
		delete(t.taken, before)
		t.taken[after] = true
	}
	w.attributes, w.modified = next, time.Now()
	w.version++
	return t.resource(r, w), nil
}

func (t *table) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	return t.change(r, id, func(*row) (scim.ResourceAttributes, error) { return attributes, nil })
}

func (t *table) Delete(_ *http.Request, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.rows[id]
	if w == nil {
		return errors.ScimErrorResourceNotFound(id)
	}
	delete(t.taken, t.name(w.attributes))
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(o *row) bool { return o == w })
	return nil
}

func (t *table) Patch(r *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	return t.change(r, id, func(w *row) (next scim.ResourceAttributes, err error) {
		next = w.attributes
		for _, op := range operations {
			if next, err = t.patched(next, op); err != nil {
				return nil, err
			}
		}
		return next, nil
	})
}
