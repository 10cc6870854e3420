package storetest

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A broken store is a good one with some methods replaced.
type broken struct {
	scim.Store // the good one

	create func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error)
	get    func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error)
	list   func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error)
	update func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error)
	delete func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error
}

func (b *broken) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if b.create == nil {
		return b.Store.Create(ctx, ref, c)
	}
	return b.create(b.Store, ctx, ref, c)
}

func (b *broken) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	if b.get == nil {
		return b.Store.Get(ctx, ref, p)
	}
	return b.get(b.Store, ctx, ref, p)
}

func (b *broken) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if b.list == nil {
		return b.Store.List(ctx, q)
	}
	return b.list(b.Store, ctx, q)
}

func (b *broken) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if b.update == nil {
		return b.Store.Update(ctx, ref, c)
	}
	return b.update(b.Store, ctx, ref, c)
}

func (b *broken) Delete(ctx context.Context, ref scim.Ref, version string) error {
	if b.delete == nil {
		return b.Store.Delete(ctx, ref, version)
	}
	return b.delete(b.Store, ctx, ref, version)
}

// with returns a maker of broken stores on top of a store in memory.
func with(b broken) func() scim.Store {
	return func() scim.Store {
		b := b
		b.Store = new(memstore.Store)
		return &b
	}
}

// changing changes each Resource that the store hands out.
func changing(change func(r *scim.Resource)) func() scim.Store {
	altered := func(r *scim.Resource) *scim.Resource {
		out := *r
		change(&out)
		return &out
	}
	written := func(u *scim.Updated, err error) (*scim.Updated, error) {
		if err != nil {
			return nil, err
		}
		return &scim.Updated{Resource: altered(u.Resource), Added: u.Added, Removed: u.Removed}, nil
	}
	return with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			return written(good.Create(ctx, ref, c))
		},
		update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			return written(good.Update(ctx, ref, c))
		},
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			r, err := good.Get(ctx, ref, p)
			if err != nil {
				return nil, err
			}
			return altered(r), nil
		},
		list: func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
			page, err := good.List(ctx, q)
			if err != nil {
				return nil, err
			}
			out := &scim.Page{Total: page.Total}
			for _, r := range page.Resources {
				out.Resources = append(out.Resources, altered(r))
			}
			return out, nil
		},
	})
}

// sending changes each Change that the store is handed.
func sending(change func(c *scim.Change)) func() scim.Store {
	return with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			change(&c)
			return good.Create(ctx, ref, c)
		},
		update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			change(&c)
			return good.Update(ctx, ref, c)
		},
	})
}

// updating changes how an Update is done.
func updating(update func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error)) func() scim.Store {
	return with(broken{update: update})
}

// listing changes how a List is done.
func listing(list func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error)) func() scim.Store {
	return with(broken{list: list})
}

// selecting leaves List to scim.Select, of what change made of everything; then
// it changes the page.
func selecting(change func(q *scim.Query, all []*scim.Resource), pages ...func(q scim.Query, page *scim.Page)) func() scim.Store {
	return listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		every, err := good.List(ctx, scim.Query{Tenant: q.Tenant, Type: q.Type, Limit: 1 << 30, Projection: scim.Projection{Members: true, Groups: true}})
		if err != nil {
			return nil, err
		}
		asked, all := q, slices.Clone(every.Resources)
		if change != nil {
			change(&q, all)
		}
		page, err := scim.Select(func(yield func(*scim.Resource, error) bool) {
			for _, r := range all {
				if !yield(r, nil) {
					return
				}
			}
		}, q)
		for _, change := range pages {
			if err == nil {
				change(asked, page)
			}
		}
		return page, err
	})
}

// sortedBy sorts by a comparison of its own what is left in the order of
// creation; pages have no places.
func sortedBy(compare func(s scim.Sort, a, b *scim.Resource) int) func() scim.Store {
	return listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		whole := q
		whole.Sort, whole.Offset, whole.Limit = scim.Sort{}, 0, 1000
		page, err := good.List(ctx, whole)
		if err != nil {
			return nil, err
		}
		all := slices.Clone(page.Resources)
		if !q.Sort.IsZero() {
			slices.SortStableFunc(all, func(a, b *scim.Resource) int { return compare(q.Sort, a, b) })
		}
		from := min(q.Offset, len(all))
		return &scim.Page{Total: page.Total, Resources: all[from : from+min(q.Limit, len(all)-from)]}, nil
	})
}

// byKeys changes the keys that are compared.
func byKeys(change func(s scim.Sort, r *scim.Resource, key string) string) func() scim.Store {
	return sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		return s.Compare(change(s, a, s.Key(a)), change(s, b, s.Key(b)))
	})
}

// byText changes the keys of one attribute, whose first value as it stands in
// the document, or nil, is handed over.
func byText(path string, change func(v any) string) func() scim.Store {
	return byKeys(func(s scim.Sort, r *scim.Resource, key string) string {
		if s.Path().String() != path {
			return key
		}
		top := path
		uri, name, extended := oddsURI, strings.TrimPrefix(path, oddsURI+":"), strings.HasPrefix(path, oddsURI)
		if extended {
			top = uri
		}
		raw, ok := r.Document.Get(top)
		if !ok {
			return ""
		}
		var v any
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			panic(err)
		}
		if extended {
			if v, ok = v.(map[string]any)[name]; !ok {
				return ""
			}
		}
		return change(v)
	})
}

// placing makes pages by their places in a way of its own.
func placing(page func(all []*scim.Resource, q scim.Query) *scim.Page) func() scim.Store {
	return listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		whole := q
		whole.Offset, whole.Limit, whole.After = 0, 1<<30, scim.Place{}
		all, err := good.List(ctx, whole)
		if err != nil {
			return nil, err
		}
		out := page(all.Resources, q)
		out.Total = all.Total
		return out, nil
	})
}

// from is a page that begins at an index.
func from(all []*scim.Resource, i int, q scim.Query) *scim.Page {
	i = min(i+q.Offset, len(all))
	if i < 0 { // it was beyond the greatest int
		i = len(all)
	}
	return &scim.Page{Resources: all[i : i+min(q.Limit, len(all)-i)]}
}

// holding replaces the Sets that the store hands out.
func holding(replace func(s scim.Set) scim.Set) func() scim.Store {
	return changing(func(r *scim.Resource) {
		if r.Members != nil {
			r.Members = replace(r.Members)
		}
		if r.Groups != nil {
			r.Groups = replace(r.Groups)
		}
	})
}

// An oddSet is a Set with its own All or Has.
type oddSet struct {
	scim.Set
	all iter.Seq2[scim.Member, error]
	has func(id string) bool
}

func (s oddSet) All() iter.Seq2[scim.Member, error] {
	if s.all == nil {
		return s.Set.All()
	}
	return s.all
}

func (s oddSet) Has(id string) (bool, error) {
	if s.has == nil {
		return s.Set.Has(id)
	}
	return s.has(id), nil
}

func membersOf(s scim.Set) (out []scim.Member) {
	if s == nil {
		return nil
	}
	for m := range s.All() {
		out = append(out, m)
	}
	return out
}

func withKeys(keys []scim.Key, change func(k *scim.Key)) []scim.Key {
	out := slices.Clone(keys)
	for i := range out {
		change(&out[i])
	}
	return out
}

var empty = func() scim.Document {
	d, err := scim.ReadDocument("{}")
	if err != nil {
		panic(err)
	}
	return d
}()

// An alias is a store that takes the names of tenants for others.
type alias struct {
	good scim.Store
	of   func(tenant string) string
}

func (s alias) ref(ref scim.Ref) scim.Ref {
	ref.Tenant = s.of(ref.Tenant)
	return ref
}

func (s alias) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.good.Create(ctx, s.ref(ref), c)
}

func (s alias) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	return s.good.Get(ctx, s.ref(ref), p)
}

func (s alias) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	q.Tenant = s.of(q.Tenant)
	return s.good.List(ctx, q)
}

func (s alias) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.good.Update(ctx, s.ref(ref), c)
}

func (s alias) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return s.good.Delete(ctx, s.ref(ref), version)
}
