package memstore

import (
	"context"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/least"
)

// List implements scim.Store. A filter that requires a value of a Key, of id,
// of members.value or of groups.value is answered from an index; any other
// filter is matched against each resource of the type, with no lock held. A
// page of everything in the order of creation is found by its place, in no more
// time for being far down.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	return s.list(ctx, nil, q)
}

func (s *Store) list(ctx context.Context, tx *transaction, q scim.Query) (*scim.Page, error) {
	q.Offset, q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	page, torn, err := s.look(ctx, tx, &q, false)
	if torn {
		page, _, err = s.look(ctx, tx, &q, true)
	}
	return page, err
}

// look returns the page, and whether a transaction came meanwhile, of which half
// may have been seen. For a look that keeps the tenant, one that comes waits: so
// the first look costs no lock, and the second is the last.
func (s *Store) look(ctx context.Context, tx *transaction, q *scim.Query, keeps bool) (page *scim.Page, torn bool, err error) {
	s.mu.RLock()
	tx, err = s.admit(ctx, s.mu.RLocker(), tx, q.Tenant)
	if err != nil {
		s.mu.RUnlock()
		return nil, false, err
	}
	after, err := s.numberAt(q.After)
	if err != nil {
		s.mu.RUnlock()
		return nil, false, err
	}
	t := s.tenants[q.Tenant]
	if t == nil || t.types[q.Type] == nil {
		s.mu.RUnlock()
		return &scim.Page{}, false, nil
	}
	in := t.types[q.Type]
	if q.Filter == nil && q.Sort.IsZero() {
		defer s.mu.RUnlock()
		return s.page(tx, t, in, after, *q), false, nil
	}
	found, sorted := in.narrow(t, q.Filter)
	taken := t.taken.Load()
	if keeps {
		t.lists.RLock()
		defer t.lists.RUnlock()
	}
	s.mu.RUnlock()
	if err := q.Scans(len(found)); err != nil {
		return nil, false, err
	}
	if !sorted {
		slices.SortFunc(found, byNumber)
	}
	page, err = s.match(ctx, tx, t, found, after, *q)
	return page, tx == nil && t.taken.Load() != taken, err
}

// place is where a record stands in the order of creation, as text.
func (rec *record) place() string { return strconv.FormatUint(rec.number, 36) }

// numberAt returns the number of the record that stood in a place; 0 is before
// all.
func (c *contents) numberAt(p scim.Place) (uint64, error) {
	if p.IsZero() {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.At, 36, 64)
	if err != nil || n > c.created {
		return 0, scim.Errorf(scim.ErrInvalidCursor, "there is no such place")
	}
	return n, nil
}

// page returns a page of everything.
func (s *Store) page(tx *transaction, t *tenant, in *collection, after uint64, q scim.Query) *scim.Page {
	page := &scim.Page{Total: len(in.order)}
	rest := in.order[sort.Search(len(in.order), func(i int) bool { return in.order[i].number > after }):]
	rest = rest[min(q.Offset, len(rest)):]
	shown := rest[:min(q.Limit, len(rest))]
	if len(shown) == 0 {
		return page
	}
	if q.Resumes && len(shown) < len(rest) {
		page.Next = scim.Place{At: shown[len(shown)-1].place()}
	}
	page.Resources = make([]*scim.Resource, len(shown))
	for i, rec := range shown {
		page.Resources[i] = s.project(tx, t, rec, rec.resource.Load(), q.Projection)
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

// A match is a record that matches a filter, as it was then.
type match struct {
	rec *record
	r   *scim.Resource
	key string // of the sort
}

// compare compares the places of two matches.
func compare(order scim.Sort, a, b match) int {
	if c := order.Compare(a.key, b.key); c != 0 {
		return c
	}
	return byNumber(a.rec, b.rec)
}

// match returns the page of those records that match the filter.
func (s *Store) match(ctx context.Context, tx *transaction, t *tenant, records []*record, after uint64, q scim.Query) (*scim.Page, error) {
	order := q.Sort
	from := match{rec: &record{number: after}, key: q.After.Key}
	page, matches, sorts := &scim.Page{}, []match(nil), !q.Sort.IsZero()
	follow := 0 // how many come after q.After
	// In another order than that of creation, those before the page are kept
	// as well: only the last match shows which they are.
	var sorted least.Window[match]
	if sorts {
		sorted = least.Window[match]{Size: q.Offset + q.Limit + 1, Compare: func(a, b match) int { return compare(order, a, b) }}
		if sorted.Size <= 0 {
			sorted.Size = math.MaxInt
		}
	}

	// The filter sees each resource with its sets, whatever the page wants.
	// One copy serves for all.
	var with scim.Resource
	sets := &[2]live{{store: s, tx: tx, tenant: t}, {store: s, tx: tx, tenant: t, groups: true}}
	members, groups := &sets[0], &sets[1]
	satisfies := q.Matcher(ctx)
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
		ok, err := satisfies(&with)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		page.Total++
		if q.Limit == 0 {
			continue
		}
		m := match{rec, r, q.Sort.Key(r)}
		if !q.After.IsZero() && compare(order, m, from) <= 0 {
			continue
		}
		if sorts {
			sorted.Add(m)
		} else if follow++; follow > q.Offset && len(matches) <= q.Limit {
			matches = append(matches, m)
		}
	}
	if sorts {
		matches = sorted.All()
		matches = matches[min(q.Offset, len(matches)):]
	}
	shown := matches[:min(q.Limit, len(matches))]
	if q.Resumes && 0 < len(shown) && len(shown) < len(matches) {
		last := shown[len(shown)-1]
		page.Next = scim.Place{Key: last.key, At: last.rec.place()}
	}
	if q.Projection != (scim.Projection{}) {
		s.mu.RLock()
		defer s.mu.RUnlock()
	}
	for _, m := range shown {
		page.Resources = append(page.Resources, s.project(tx, t, m.rec, m.r, q.Projection))
	}
	return page, nil
}
