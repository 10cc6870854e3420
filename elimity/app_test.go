package elimity_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	scim "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	usher "github.com/usherkit/scim"
	"github.com/usherkit/scim/elimity"
)

// An app is an application on elimity-com/scim, in memory. Its zero habits are
// those that the package asks for.
type app struct {
	mu      sync.Mutex
	tenants map[string]tenant
	groups  *rows // of the tenant that is asked for
	made    int
	calls   []string // of handlers, such as "GetAll /Users"
	habits
}

// habits are ways in which applications differ.
type habits struct {
	noMeta       bool // Resource.Meta is empty
	notUnique    bool // two users may have one name
	oneTenant    bool // nobody asks elimity.Tenant
	idsPerType   bool // a user and a group may have one id
	shuffled     bool // GetAll is in no order that lasts
	newestFirst  bool // GetAll is in an order, and another one than that of creation
	noPaging     bool // GetAll returns everything
	noFilter     bool // FilterValidator is not looked at
	noSuchFilter bool // FilterValidator is refused
	cascades     bool // what is deleted is taken out of its groups
	showsGroups  bool // users have their groups
	silent       bool // Create and Replace return the id alone
	halfDone     bool // an Update that is refused has been carried out
}

// A tenant has rows of each endpoint, in the order of creation.
type tenant map[string]*rows

type rows struct {
	all    []*row
	byID   map[string]*row
	byName map[string]int // how many have the name, in lower case
	made   int
}

type row struct {
	id                string
	created, modified time.Time
	attributes        scim.ResourceAttributes
}

// table is a scim.ResourceHandler of an app.
type table struct {
	*app
	endpoint string
	unique   string
}

// types are resource types of an app, with the schemas that storetest uses.
func (a *app) types(t testing.TB) []scim.ResourceType {
	t.Helper()
	group := usher.GroupSchema()
	group.Attribute("displayName").Uniqueness = usher.UniqueServer
	odds := &usher.Schema{ID: "urn:example:storetest:2.0:User", Attributes: []usher.Attribute{
		{Name: "level", Type: usher.TypeInteger},
		{Name: "score", Type: usher.TypeDecimal},
		{Name: "since", Type: usher.TypeDateTime},
		{Name: "badge", Type: usher.TypeString, CaseExact: true},
		{Name: "tags", Type: usher.TypeString, MultiValued: true},
	}}
	return []scim.ResourceType{
		{
			Name: "User", Endpoint: "/Users", Schema: theirs(t, usher.UserSchema()),
			SchemaExtensions: []scim.SchemaExtension{{Schema: theirs(t, usher.EnterpriseUserSchema())}, {Schema: theirs(t, odds)}},
			Handler:          table{a, "Users", "userName"},
		},
		{Name: "Group", Endpoint: "/Groups", Schema: theirs(t, group), Handler: table{a, "Groups", "displayName"}},
	}
}

// theirs is one of our schemas as one of theirs.
func theirs(t testing.TB, s *usher.Schema) (out schema.Schema) {
	t.Helper()
	spell(s.Attributes)
	src, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(src, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// spell writes the type that is the default.
func spell(attributes []usher.Attribute) {
	for i := range attributes {
		attributes[i].Type = cmp.Or(attributes[i].Type, usher.TypeString)
		spell(attributes[i].SubAttributes)
	}
}

func newStore(t testing.TB, a *app) *elimity.Store {
	t.Helper()
	s, err := elimity.NewStore(a.types(t)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h table) open(r *http.Request, call string) (of *rows, done func()) {
	h.mu.Lock()
	h.calls = append(h.calls, call+" "+r.URL.Path)
	name := elimity.Tenant(r)
	if h.oneTenant {
		name = ""
	}
	if h.tenants == nil {
		h.tenants = map[string]tenant{}
	}
	if h.tenants[name] == nil {
		h.tenants[name] = tenant{}
		for _, endpoint := range []string{"Users", "Groups"} {
			h.tenants[name][endpoint] = &rows{byID: map[string]*row{}, byName: map[string]int{}}
		}
	}
	h.groups = h.tenants[name]["Groups"]
	return h.tenants[name][h.endpoint], h.mu.Unlock
}

func (rs *rows) find(id string) (*row, error) {
	if w := rs.byID[id]; w != nil {
		return w, nil
	}
	return nil, errors.ScimErrorResourceNotFound(id)
}

// name is what no two rows have in common.
func (h table) name(attributes scim.ResourceAttributes) string {
	name, _ := attributes[h.unique].(string)
	return strings.ToLower(name)
}

func (h table) show(w *row) scim.Resource {
	out := scim.Resource{ID: w.id, Attributes: w.attributes}
	if id, ok := w.attributes["externalId"].(string); ok {
		out.ExternalID = optional.NewString(id)
	}
	if !h.noMeta {
		created, modified := w.created, w.modified
		out.Meta = scim.Meta{Created: &created, LastModified: &modified, Version: "v" + w.id} // as in their own example
	}
	if h.showsGroups {
		out.Attributes = maps.Clone(out.Attributes)
		groups := []map[string]string{}
		for _, g := range h.groups.all {
			if slices.ContainsFunc(list(g.attributes["members"]), func(m any) bool { return m.(map[string]any)["value"] == w.id }) {
				groups = append(groups, map[string]string{"value": g.id, "display": fmt.Sprint(g.attributes["displayName"])})
			}
		}
		out.Attributes["groups"] = groups
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func (h table) Create(r *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	of, done := h.open(r, "Create")
	defer done()
	name := h.name(attributes)
	if of.byName[name] > 0 && !h.notUnique {
		return scim.Resource{}, errors.ScimErrorUniqueness
	}
	h.made++
	n := h.made
	if h.idsPerType {
		of.made++
		n = of.made
	}
	now := time.Now()
	w := &row{fmt.Sprintf("%06d", n), now, now, attributes}
	of.all = append(of.all, w)
	of.byID[w.id] = w
	of.byName[name]++
	if h.silent {
		return scim.Resource{ID: w.id}, nil
	}
	return h.show(w), nil
}

func (h table) Get(r *http.Request, id string) (scim.Resource, error) {
	of, done := h.open(r, "Get")
	defer done()
	w, err := of.find(id)
	if err != nil {
		return scim.Resource{}, err
	}
	return h.show(w), nil
}

func (h table) GetAll(r *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	of, done := h.open(r, "GetAll")
	defer done()
	if p.FilterValidator != nil && h.noSuchFilter {
		return scim.Page{}, errors.ScimErrorInvalidFilter
	}
	var matches []scim.Resource
	for _, w := range of.all {
		if p.FilterValidator != nil && !h.noFilter && p.FilterValidator.PassesFilter(w.attributes) != nil {
			continue
		}
		matches = append(matches, h.show(w))
	}
	switch {
	case h.shuffled:
		h.made++
		rand.New(rand.NewPCG(1, uint64(h.made))).Shuffle(len(matches), func(i, j int) {
			matches[i], matches[j] = matches[j], matches[i]
		})
	case h.newestFirst:
		slices.Reverse(matches)
	}
	page := scim.Page{TotalResults: len(matches), Resources: matches}
	if !h.noPaging {
		from := min(max(p.StartIndex-1, 0), len(matches))
		page.Resources = matches[from:min(from+p.Count, len(matches))]
	}
	return page, nil
}

func (h table) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	of, done := h.open(r, "Replace")
	defer done()
	w, err := of.find(id)
	if err != nil {
		return scim.Resource{}, err
	}
	was, name := h.name(w.attributes), h.name(attributes)
	if of.byName[name] > 0 && name != was && !h.notUnique {
		err = errors.ScimErrorUniqueness
		if !h.halfDone {
			return scim.Resource{}, err
		}
		attributes = maps.Clone(attributes)
		attributes[h.unique], name = w.attributes[h.unique], was
	}
	of.byName[was]--
	of.byName[name]++
	w.attributes = attributes
	if err == nil { // or whether half an update shows in the time depends on the clock
		w.modified = time.Now()
	}
	if err != nil || h.silent {
		return scim.Resource{ID: id}, err
	}
	return h.show(w), nil
}

func (h table) Delete(r *http.Request, id string) error {
	of, done := h.open(r, "Delete")
	defer done()
	w, err := of.find(id)
	if err != nil {
		return err
	}
	of.all = slices.DeleteFunc(of.all, func(o *row) bool { return o == w })
	delete(of.byID, id)
	of.byName[h.name(w.attributes)]--
	if h.cascades {
		for _, g := range h.groups.all {
			g.attributes = maps.Clone(g.attributes)
			g.attributes["members"] = slices.DeleteFunc(slices.Clone(list(g.attributes["members"])), func(m any) bool {
				return m.(map[string]any)["value"] == id
			})
		}
	}
	return nil
}

func (h table) Patch(*http.Request, string, []scim.PatchOperation) (scim.Resource, error) {
	panic("Patch is not called")
}
