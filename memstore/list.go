package memstore

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strconv"

	"github.com/usherkit/scim"
)

// List implements scim.Store. A filter that requires a value of a Key, of id,
// of members.value or of groups.value is answered from an index; any other
// filter is matched against each resource of the type, with no lock held. A
// page in the order of creation is found by its place; any other order sorts
// all matches.
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
	if q.Filter == nil && q.Sort.IsZero() {
		defer s.mu.RUnlock()
		return s.page(t, in, q)
	}
	found, sorted := in.narrow(t, q.Filter)
	s.mu.RUnlock()
	if !sorted {
		slices.SortFunc(found, byNumber)
	}
	return s.match(ctx, t, found, q)
}

// place is where a record stands in the order of creation, as text.
func (rec *record) place() string { return strconv.FormatUint(rec.number, 36) }

func numberOf(p scim.Place) (uint64, error) {
	n, err := strconv.ParseUint(p.At, 36, 64)
	if err != nil {
		return 0, scim.Errorf(scim.ErrInvalidCursor, "there is no such place")
	}
	return n, nil
}

// page returns a page of everything.
func (s *Store) page(t *tenant, in *collection, q scim.Query) (*scim.Page, error) {
	page := &scim.Page{Total: len(in.order)}
	from := min(max(q.Offset, 0), len(in.order))
	if !q.After.IsZero() {
		after, err := numberOf(q.After)
		if err != nil {
			return nil, err
		}
		from = sort.Search(len(in.order), func(i int) bool { return in.order[i].number > after })
	}
	window := in.order[from:]
	more := len(window)
	window = window[:min(max(q.Limit, 0), len(window))]
	if len(window) == 0 {
		return page, nil
	}
	if len(window) < more {
		page.Next = scim.Place{At: window[len(window)-1].place()}
	}
	page.Resources = make([]*scim.Resource, len(window))
	for i, rec := range window {
		page.Resources[i] = s.project(t, rec, rec.resource.Load(), q.Projection)
	}
	return page, nil
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

// A match is a record that matches a filter, as it was then.
type match struct {
	rec *record
	r   *scim.Resource
	key string // of the sort
}

// match returns the page of those records that match the filter.
func (s *Store) match(ctx context.Context, t *tenant, records []*record, q scim.Query) (*scim.Page, error) {
	page := &scim.Page{}
	var shown []match // what may be on the page, and one more
	var after uint64
	if !q.After.IsZero() {
		var err error
		if after, err = numberOf(q.After); err != nil {
			return nil, err
		}
	}
	follows := func(m match) bool {
		return q.After.IsZero() || cmp.Or(q.Sort.Compare(m.key, q.After.Key), cmp.Compare(m.rec.number, after)) > 0
	}
	seen := 0

	// The filter sees each resource with its sets, whatever the page wants.
	// One copy serves for all.
	var with scim.Resource
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
		with = *r
		with.Members, with.Groups = members, groups
		ok, err := scim.Match(q.Filter, &with)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		page.Total++
		m := match{rec, r, q.Sort.Key(r)}
		switch {
		case !follows(m):
		case !q.Sort.IsZero():
			shown = append(shown, m)
		default:
			if seen++; seen > q.Offset && len(shown) <= q.Limit {
				shown = append(shown, m)
			}
		}
	}
	if !q.Sort.IsZero() {
		slices.SortFunc(shown, func(a, b match) int {
			return cmp.Or(q.Sort.Compare(a.key, b.key), byNumber(a.rec, b.rec))
		})
		shown = shown[min(max(q.Offset, 0), len(shown)):]
	}
	n := min(max(q.Limit, 0), len(shown))
	if 0 < n && n < len(shown) {
		last := shown[n-1]
		page.Next = scim.Place{Key: last.key, At: last.rec.place()}
	}
	if q.Projection != (scim.Projection{}) {
		s.mu.RLock()
		defer s.mu.RUnlock()
	}
	for _, m := range shown[:n] {
		page.Resources = append(page.Resources, s.project(t, m.rec, m.r, q.Projection))
	}
	return page, nil
}
