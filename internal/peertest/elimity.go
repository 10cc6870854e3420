package peertest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
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
				Handler:          newTable("userName"),
			},
			{Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: newTable("displayName")},
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
	unique string
	taken  map[string]bool
}

type row struct {
	id                string
	version           int
	created, modified time.Time
	attributes        scim.ResourceAttributes
}

func newTable(unique string) *table {
	return &table{rows: map[string]*row{}, unique: unique, taken: map[string]bool{}}
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
	name, _ := attributes[t.unique].(string)
	if name = strings.ToLower(name); t.taken[name] {
		return scim.Resource{}, errors.ScimErrorUniqueness
	}
	now, n := time.Now(), len(t.order)+1
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

func (t *table) GetAll(r *http.Request, q scim.ListRequestParams) (scim.Page, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	page := scim.Page{Resources: []scim.Resource{}}
	for _, w := range t.order {
		if q.FilterValidator != nil && q.FilterValidator.PassesFilter(w.attributes) != nil {
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
func (t *table) change(r *http.Request, id string, to func(*row) scim.ResourceAttributes) (scim.Resource, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.rows[id]
	if w == nil {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	w.attributes, w.modified = to(w), time.Now()
	w.version++
	return t.resource(r, w), nil
}

func (t *table) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	return t.change(r, id, func(*row) scim.ResourceAttributes { return attributes })
}

func (t *table) Delete(_ *http.Request, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.rows[id]
	if w == nil {
		return errors.ScimErrorResourceNotFound(id)
	}
	name, _ := w.attributes[t.unique].(string)
	delete(t.taken, strings.ToLower(name))
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(o *row) bool { return o == w })
	return nil
}

func (t *table) Patch(r *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	return t.change(r, id, func(w *row) scim.ResourceAttributes {
		next := maps.Clone(w.attributes)
		for _, op := range operations {
			if op.Path == nil {
				if values, ok := op.Value.(map[string]any); ok {
					maps.Copy(next, values)
				}
				continue
			}
			name := op.Path.AttributePath.AttributeName
			old, _ := next[name].([]any)
			switch added, list := op.Value.([]any); {
			case op.Op == scim.PatchOperationRemove && op.Path.ValueExpression == nil:
				delete(next, name)
			case op.Op == scim.PatchOperationRemove:
				next[name] = without(old, op.Path.ValueExpression)
			case op.Op == scim.PatchOperationAdd && list:
				next[name] = with(old, added)
			default:
				next[name] = op.Value
			}
		}
		return next
	})
}

func valueOf(element any) any {
	m, _ := element.(map[string]any)
	return m["value"]
}

// with returns old and those of added whose values are not in it.
func with(old, added []any) []any {
	next := slices.Clone(old)
	seen := make(map[any]bool, len(old))
	for _, e := range old {
		seen[valueOf(e)] = true
	}
	for _, e := range added {
		if v := valueOf(e); !seen[v] {
			seen[v] = true
			next = append(next, e)
		}
	}
	return next
}

// without returns old without the elements of the value in value eq "…".
func without(old []any, e filter.Expression) []any {
	is, ok := e.(*filter.AttributeExpression)
	if !ok || is.Operator != filter.EQ || is.AttributePath.AttributeName != "value" {
		return old
	}
	next := make([]any, 0, len(old))
	for _, e := range old {
		if valueOf(e) != is.CompareValue {
			next = append(next, e)
		}
	}
	return next
}
