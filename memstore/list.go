package memstore

import (
	"context"
	"slices"

	"github.com/usherkit/scim"
)

// List implements scim.Store. A filter that requires a value of a Key, of id,
// of members.value or of groups.value is answered from an index; any other
// filter is matched against each resource of the type, with no lock held.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	t := s.tenants[q.Tenant]
	if t == nil || t.types[q.Type] == nil {
		s.mu.RUnlock()
		return &scim.Page{}, nil
	}
	in := t.types[q.Type]
	if q.Filter == nil {
		defer s.mu.RUnlock()
		return s.page(t, in, q), nil
	}
	found, sorted := in.narrow(t, q.Filter)
	s.mu.RUnlock()
	if !sorted {
		slices.SortFunc(found, byNumber)
	}
	return s.match(ctx, t, found, q)
}

// page returns a page of everything.
func (s *Store) page(t *tenant, in *collection, q scim.Query) *scim.Page {
	page := &scim.Page{Total: len(in.order)}
	from := min(max(q.Offset, 0), len(in.order))
	window := in.order[from:]
	window = window[:min(max(q.Limit, 0), len(window))]
	if len(window) == 0 {
		return page
	}
	page.Resources = make([]*scim.Resource, len(window))
	for i, rec := range window {
		page.Resources[i] = s.project(t, rec, rec.resource.Load(), q.Projection)
	}
	return page
}

// candidates are records that may match a filter: the first, if it is not nil,
// and the rest.
type candidates struct {
	first *record
	rest  []*record
}

func (c candidates) len() int {
	if c.first == nil {
		return len(c.rest)
	}
	return 1 + len(c.rest)
}

// narrow returns the records that may match the filter, the fewest that an
// index tells of or else all, and whether they are in the order of creation.
// The slice is the caller's; some records may be of another type.
func (in *collection) narrow(t *tenant, f scim.Filter) (found []*record, sorted bool) {
	best, sorted := candidates{rest: in.order}, true
	consider := func(c candidates, inOrder bool) {
		if c.len() < best.len() {
			best, sorted = c, inOrder
		}
	}
	if id, ok := scim.Requires(f, "id"); ok {
		consider(candidates{first: t.get(id)}, true)
	}
	for k := range scim.RequiredKeys(f) {
		c := candidates{}
		if x := in.index(k.Path); x != nil {
			c = x.find(k.Value)
		}
		consider(c, true)
	}
	if id, ok := scim.Requires(f, "members.value"); ok {
		consider(candidates{rest: t.get(id).groupList()}, false)
	}
	if id, ok := scim.Requires(f, "groups.value"); ok {
		consider(candidates{rest: t.get(id).memberList()}, false)
	}
	found = make([]*record, 0, best.len())
	if best.first != nil {
		found = append(found, best.first)
	}
	return append(found, best.rest...), sorted
}

// match returns the page of those records that match the filter.
func (s *Store) match(ctx context.Context, t *tenant, records []*record, q scim.Query) (*scim.Page, error) {
	page := &scim.Page{}
	wantsSets := q.Projection != scim.Projection{}
	var shown []*record // those on the page, if it wants their sets

	// The filter sees each resource with its sets, whatever the page wants.
	// One copy serves for all.
	var seen scim.Resource
	members, groups := &live{store: s, tenant: t}, &live{store: s, tenant: t, groups: true}
	for i, rec := range records {
		if i%1024 == 1023 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r := rec.resource.Load()
		if r.Type != q.Type {
			continue
		}
		members.rec, groups.rec = rec, rec
		seen = *r
		seen.Members, seen.Groups = members, groups
		ok, err := scim.Match(q.Filter, &seen)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if page.Total >= q.Offset && len(page.Resources) < q.Limit {
			page.Resources = append(page.Resources, r)
			if wantsSets {
				shown = append(shown, rec)
			}
		}
		page.Total++
	}
	if wantsSets {
		s.mu.RLock()
		defer s.mu.RUnlock()
		for i, rec := range shown {
			page.Resources[i] = s.project(t, rec, page.Resources[i], q.Projection)
		}
	}
	return page, nil
}
