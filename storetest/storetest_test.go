package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

func everyClause() []clause {
	return slices.Concat(facts, uniqueness, isolation, lists, sorts, places, sets, deltas, concurrency, transactions)
}

// TestRun runs the kit on a store that keeps the contract, transactions
// included.
func TestRun(t *testing.T) {
	Run(t, func(t *testing.T) scim.Store { return new(transactor) })
}

// TestRunOnSelect runs the kit on a store that leaves all of List to
// scim.Select.
func TestRunOnSelect(t *testing.T) {
	Run(t, func(t *testing.T) scim.Store { return selecting(nil)() })
}

// TestClauses checks that clauses can be told apart and that the sentences are
// those of the documentation.
func TestClauses(t *testing.T) {
	var text strings.Builder
	for _, file := range []string{"../store.go", "../resource.go", "../sort.go", "../select.go"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(strings.ReplaceAll(string(src), "//", " "))
	}
	documentation := regexp.MustCompile(`\s+`).ReplaceAllString(text.String(), " ")
	seen := map[string]bool{}
	for _, c := range everyClause() {
		if seen[c.name] {
			t.Errorf("two clauses are named %q", c.name)
		}
		seen[c.name] = true
		if !strings.Contains(documentation, c.says) {
			t.Errorf("clause %q: the documentation of package scim does not say %q", c.name, c.says)
		}
	}
}

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

// TestKitFails breaks a store in many ways. Each must be found by the clauses
// named, and each clause must find something.
func TestKitFails(t *testing.T) {
	byName, found := map[string]clause{}, map[string]bool{}
	for _, c := range everyClause() {
		byName[c.name] = c
	}
	for _, row := range breakages {
		t.Run(row.name, func(t *testing.T) {
			for _, name := range row.found {
				c, ok := byName[name]
				if !ok {
					t.Fatalf("there is no clause %q", name)
				}
				found[name] = true
				reports := reportsOf(c, row.store())
				if len(reports) == 0 {
					t.Errorf("clause %q reports nothing", name)
				}
				for _, report := range reports {
					if !strings.Contains(report, c.says) || !strings.Contains(report, "got:") || !strings.Contains(report, "want:") {
						t.Errorf("clause %q reports without got, want or its sentence:\n%s", name, report)
					}
				}
			}
		})
	}
	for name := range byName {
		if !found[name] {
			t.Errorf("clause %q was not seen to find anything", name)
		}
	}
}

// A recorder is a reporter that keeps what it is told.
type recorder struct{ reports []string }

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}
func (r *recorder) FailNow() { runtime.Goexit() }

func reportsOf(c clause, store scim.Store) []string {
	var r recorder
	done := make(chan struct{})
	go func() { // which FailNow ends
		defer close(done)
		c.run(&r, store)
	}()
	<-done
	return r.reports
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

var breakages = []struct {
	name  string
	store func() scim.Store
	found []string // by these clauses
}{
	// Facts.
	{"Create returns no Type", changing(func(r *scim.Resource) { r.Type = "" }), []string{"create"}},
	{"Create drops the members", with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			c.Members = scim.MemberDelta{}
			return good.Create(ctx, ref, c)
		},
	}), []string{"create a group with members"}},
	{"documents are written anew", sending(func(c *scim.Change) {
		c.Document, _ = scim.ReadDocument(strings.ReplaceAll(c.Document.String(), "<", `\u003c`))
	}), []string{"documents come back byte for byte"}},
	{"ids are used again", func() scim.Store {
		var free []string
		made := 0
		good := &memstore.Store{NewID: func() string {
			if len(free) > 0 {
				return free[0]
			}
			made++
			return fmt.Sprint(made)
		}}
		return &broken{Store: good, delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
			free = []string{ref.ID}
			return good.Delete(ctx, ref, version)
		}}
	}, []string{"ids are distinct, need no escape and are never reused", "a deleted userName can be used again"}},
	{"ids need escapes", func() scim.Store {
		made := 0
		return &memstore.Store{NewID: func() string { made++; return fmt.Sprint("user/", made) }}
	}, []string{"ids are distinct, need no escape and are never reused"}},
	{"times have microseconds", changing(func(r *scim.Resource) {
		r.Created, r.LastModified = r.Created.Add(time.Microsecond), r.LastModified.Add(time.Microsecond)
	}), []string{"times"}},
	{"LastModified stands still", changing(func(r *scim.Resource) { r.LastModified = r.Created }), []string{"times"}},
	{"types are ignored", with(broken{
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			for _, ref.Type = range []string{"User", "Group"} {
				if r, err := good.Get(ctx, ref, p); err == nil {
					return r, nil
				}
			}
			return nil, scim.ErrNotFound
		},
	}), []string{"what is not there is not found"}},
	{"Update keeps the old keys", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		was, err := good.Get(ctx, ref, scim.Projection{})
		if err != nil {
			return nil, err
		}
		c.Keys = append(slices.Clone(was.Keys), c.Keys...)
		return good.Update(ctx, ref, c)
	}), []string{"a value that was given up"}},
	{"Update leaves the keys", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		was, err := good.Get(ctx, ref, scim.Projection{})
		if err != nil {
			return nil, err
		}
		c.Keys = was.Keys
		return good.Update(ctx, ref, c)
	}), []string{"update replaces the document and its keys", "a value that was given up"}},
	{"no document means an empty one", sending(func(c *scim.Change) {
		if c.Document.IsZero() {
			c.Document = empty
		}
	}), []string{"update without a document leaves it"}},
	{"versions never change", changing(func(r *scim.Resource) { r.Version = "1" }), []string{"versions", "deleting a member changes its groups"}},
	{"each Update changes the version", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		was, err := good.Get(ctx, ref, scim.Projection{})
		if err != nil {
			return nil, err
		}
		if c.Document.IsZero() {
			c.Document, c.Keys = was.Document, was.Keys
		}
		if _, err := good.Update(ctx, ref, scim.Change{Version: c.Version, Document: empty}); err != nil {
			return nil, err
		}
		c.Version = ""
		return good.Update(ctx, ref, c)
	}), []string{"no change keeps version and time"}},
	{
		"Update ignores versions", sending(func(c *scim.Change) { c.Version = "" }),
		[]string{"stale versions", "one of twenty concurrent updates of a version succeeds"},
	},
	{"Update refuses every version", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		if c.Version != "" {
			return nil, scim.ErrVersion
		}
		return good.Update(ctx, ref, c)
	}), []string{"the current version", "one of twenty concurrent updates of a version succeeds"}},
	{"Delete ignores versions", with(broken{
		delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
			return good.Delete(ctx, ref, "")
		},
	}), []string{"delete with a stale version"}},
	{"Delete only deactivates", with(broken{
		delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
			_, err := good.Update(ctx, ref, scim.Change{Version: version, Document: empty})
			return err
		},
	}), []string{"delete", "delete ends memberships"}},
	{"Delete forgets memberships", func() scim.Store {
		ghosts := map[string][]scim.Member{}
		return &broken{
			Store: new(memstore.Store),
			delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
				r, err := good.Get(ctx, ref, scim.Projection{Groups: true})
				if err != nil {
					return err
				}
				for _, g := range membersOf(r.Groups) {
					ghosts[g.ID] = append(ghosts[g.ID], scim.Member{ID: ref.ID, Type: ref.Type})
				}
				return good.Delete(ctx, ref, version)
			},
			get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
				r, err := good.Get(ctx, ref, p)
				if err != nil || !p.Members {
					return r, err
				}
				out := *r
				out.Members = scim.SetOf(append(membersOf(r.Members), ghosts[ref.ID]...)...)
				return &out, nil
			},
		}
	}, []string{"delete ends memberships"}},
	{"resources are changed in place", func() scim.Store {
		handed := map[string][]*scim.Resource{}
		return &broken{
			Store: new(memstore.Store),
			get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
				r, err := good.Get(ctx, ref, p)
				if err == nil {
					out := *r
					r = &out
					handed[ref.ID] = append(handed[ref.ID], r)
				}
				return r, err
			},
			update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
				u, err := good.Update(ctx, ref, c)
				if err == nil {
					for _, r := range handed[ref.ID] {
						r.Document, r.Version = u.Resource.Document, u.Resource.Version
					}
				}
				return u, err
			},
		}
	}, []string{"resources are not changed once handed over"}},
	{"cancellation is ignored", with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			return good.Create(context.WithoutCancel(ctx), ref, c)
		},
	}), []string{"a cancelled call writes nothing"}},

	// Uniqueness.
	{"nothing must be unique", sending(func(c *scim.Change) {
		c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = false })
	}), []string{"a taken value", "twenty concurrent creates of one name", "changing to a taken value", "a value that was given up"}},
	{"everything must be unique", sending(func(c *scim.Change) {
		c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = true })
	}), []string{"values that need not be unique"}},
	{"case makes a name another one", sending(func(c *scim.Change) {
		name, _ := c.Document.Get("userName")
		c.Keys = withKeys(c.Keys, func(k *scim.Key) {
			if k.Path == "userName" {
				k.Value = name
			}
		})
	}), []string{"a taken value", "changing to a taken value"}},
	{"uniqueness is checked before the write", with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			page, err := good.List(ctx, scim.Query{Tenant: ref.Tenant, Type: ref.Type, Limit: 100_000})
			if err != nil {
				return nil, err
			}
			for _, r := range page.Resources {
				if slices.ContainsFunc(r.Keys, func(k scim.Key) bool { return k.Unique && slices.Contains(c.Keys, k) }) {
					return nil, scim.ErrUniqueness
				}
			}
			time.Sleep(2 * time.Millisecond)
			c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = false })
			return good.Create(ctx, ref, c)
		},
	}), []string{"twenty concurrent creates of one name"}},
	{"a resource's own value is taken", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		if r, err := good.Get(ctx, ref, scim.Projection{}); err == nil && len(c.Keys) > 0 && slices.Contains(r.Keys, c.Keys[0]) {
			return nil, scim.ErrUniqueness
		}
		return good.Update(ctx, ref, c)
	}), []string{"a resource's own value"}},
	{"a displayName is unique among all types", func() scim.Store {
		taken := map[string]bool{}
		return &broken{Store: new(memstore.Store), create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			if name, ok := c.Document.Get("displayName"); ok {
				if taken[name] {
					return nil, scim.ErrUniqueness
				}
				taken[name] = true
			}
			return good.Create(ctx, ref, c)
		}}
	}, []string{"the same value in another type"}},
	{"deleted values stay taken", func() scim.Store {
		taken := map[scim.Key]bool{}
		return &broken{
			Store: new(memstore.Store),
			create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
				for _, k := range c.Keys {
					if taken[k] {
						return nil, scim.ErrUniqueness
					}
				}
				return good.Create(ctx, ref, c)
			},
			delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
				if r, err := good.Get(ctx, ref, scim.Projection{}); err == nil {
					for _, k := range r.Keys {
						taken[k] = k.Unique
					}
				}
				return good.Delete(ctx, ref, version)
			},
		}
	}, []string{"a deleted userName can be used again"}},
	{"an Update is two writes", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		members := c.Members
		c.Members = scim.MemberDelta{}
		u, err := good.Update(ctx, ref, c)
		if err != nil {
			return nil, err
		}
		if members.IsZero() {
			return u, nil
		}
		return good.Update(ctx, ref, scim.Change{Members: members})
	}), []string{"an update that fails changes neither document nor members"}},
	{"a Create is two writes", with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			members := c.Members
			c.Members = scim.MemberDelta{}
			u, err := good.Create(ctx, ref, c)
			if err != nil || members.IsZero() {
				return u, err
			}
			return good.Update(ctx, u.Resource.Ref, scim.Change{Members: members})
		},
	}), []string{"a create that fails leaves its values free", "a member that cannot be"}},

	// Tenants.
	{
		"tenants are told apart without case", func() scim.Store { return caseless{new(memstore.Store)} },
		[]string{"another tenant's resource is not found", "a list shows one tenant", "a value is taken in one tenant only", "a member is of the group's tenant"},
	},

	// Lists.
	{"every page is the first", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Offset = 0
		return good.List(ctx, q)
	}), []string{"order of creation, page by page", "a page beyond the end", "a filter and pages", "a group of ten thousand"}},
	{"the newest come first", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: page.Total, Resources: slices.Clone(page.Resources)}
			slices.Reverse(page.Resources)
		}
		return page, err
	}), []string{"order of creation, page by page", "the order outlasts changes", "no filter"}},
	{"the last changed comes last", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: page.Total, Resources: slices.Clone(page.Resources)}
			slices.SortStableFunc(page.Resources, func(a, b *scim.Resource) int { return strings.Compare(a.Version, b.Version) })
		}
		return page, err
	}), []string{"the order outlasts changes"}},
	{"the total is that of the page", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: len(page.Resources), Resources: page.Resources}
		}
		return page, err
	}), []string{"order of creation, page by page", "only the total", "a page beyond the end"}},
	{"MaxScan is a limit of the page", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if q.MaxScan > 0 {
			q.Limit, q.MaxScan = min(q.Limit, q.MaxScan), 0
		}
		return good.List(ctx, q)
	}), []string{"a bound on what is looked at"}},
	{"limit 0 is no limit", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if q.Limit == 0 {
			q.Limit = 1000
		}
		return good.List(ctx, q)
	}), []string{"only the total"}},
	{"an empty list is an error", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil && page.Total == 0 {
			return nil, scim.ErrNotFound
		}
		return page, err
	}), []string{"nothing there"}},
	{"filters are ignored", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Filter = nil
		return good.List(ctx, q)
	}), []string{"filters", "a filter and pages", "filters on members and groups", "delete"}},
	{"filters go by the keys alone", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if and, ok := q.Filter.(scim.And); ok {
			q.Filter = and[0]
		}
		return good.List(ctx, q)
	}), []string{"filters", "filters on members and groups"}},

	// Sorts.
	{"sorts are ignored", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Sort = scim.Sort{}
		return good.List(ctx, q)
	}), []string{
		"sorted by strings", "sorted by strings in which case counts", "sorted by numbers", "sorted by times",
		"sorted by facts of the resource", "sorted by a multi-valued attribute", "sorted without a value", "sorted and equal", "a sort, a filter and pages",
	}},
	{"descending is ascending", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := s.Compare(s.Key(a), s.Key(b))
		if s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted by strings", "sorted by booleans", "sorted by facts of the resource", "sorted without a value"}},
	{"strings are sorted by their bytes", byText("displayName", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by strings"}},
	{"strings are sorted by their letters without accents", byKeys(func(s scim.Sort, r *scim.Resource, key string) string {
		return strings.ReplaceAll(key, "é", "e")
	}), []string{"sorted by strings"}},
	{"case never counts", byKeys(func(s scim.Sort, r *scim.Resource, key string) string {
		return strings.ToLower(key)
	}), []string{"sorted by strings in which case counts"}},
	{"numbers are sorted as text", byText(oddsURI+":level", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by numbers"}},
	{"integers are sorted as decimals", byText(oddsURI+":level", func(v any) string {
		return fmt.Sprintf("%020.0f", v.(float64)+1<<60)
	}), []string{"sorted by numbers"}},
	{"decimals are cut", byText(oddsURI+":score", func(v any) string {
		return fmt.Sprintf("%030.0f", math.Trunc(v.(float64))+1e22)
	}), []string{"sorted by numbers"}},
	{"true comes before false", byText("active", func(v any) string {
		return fmt.Sprint(!v.(bool))
	}), []string{"sorted by booleans"}},
	{"times are sorted as text", byText(oddsURI+":since", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by times"}},
	{"times are sorted by the second", byText(oddsURI+":since", func(v any) string { return v.(string)[:19] }), []string{"sorted by times"}},
	{"the first value is sorted by", byText("emails.value", func(v any) string {
		first, _ := v.([]any)[0].(map[string]any)["value"].(string)
		return first
	}), []string{"sorted by a multi-valued attribute"}},
	{"the least value is sorted by", byText(oddsURI+":tags", func(v any) string {
		least := v.([]any)[0].(string)
		for _, tag := range v.([]any) {
			least = min(least, tag.(string))
		}
		return least
	}), []string{"sorted by a multi-valued attribute"}},
	{"no value is the least value", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := cmp.Compare(s.Key(a), s.Key(b))
		if s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted without a value", "sorted by times", "sorted by a multi-valued attribute"}},
	{"no value is always last", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := s.Compare(s.Key(a), s.Key(b))
		if (s.Key(a) == "") != (s.Key(b) == "") && s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted without a value"}},
	{"of equal ones the newest comes first", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		return cmp.Or(s.Compare(s.Key(a), s.Key(b)), -cmp.Compare(a.ID, b.ID))
	}), []string{"sorted and equal", "sorted without a value"}},
	{"descending is ascending from the end", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := cmp.Or(s.Compare(s.Key(a), s.Key(b)))
		if c == 0 && s.Descending() {
			return -cmp.Compare(a.ID, b.ID)
		}
		return c
	}), []string{"sorted and equal", "sorted by facts of the resource"}},
	{"each page is sorted", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		by := q.Sort
		q.Sort = scim.Sort{}
		page, err := good.List(ctx, q)
		if err == nil {
			slices.SortStableFunc(page.Resources, func(a, b *scim.Resource) int { return by.Compare(by.Key(a), by.Key(b)) })
		}
		return page, err
	}), []string{"a sort, a filter and pages"}},

	// Places.
	{"every page is the first one", selecting(func(q *scim.Query, _ []*scim.Resource) {
		q.After = scim.Place{}
	}), []string{"page after page", "a walk over a part", "a place where nothing is left", "a place outlives its resource", "a place that is none"}},
	{"there is always a next page", selecting(nil, func(_ scim.Query, page *scim.Page) {
		if n := len(page.Resources); n > 0 && page.Next.IsZero() {
			page.Next = scim.Place{At: "/" + page.Resources[n-1].ID}
		}
	}), []string{"no next page, no place"}},
	{"a full page has a next page", selecting(nil, func(q scim.Query, page *scim.Page) {
		if n := len(page.Resources); n > 0 && n == q.Limit && page.Next.IsZero() {
			page.Next = scim.Place{At: "9/" + page.Resources[n-1].ID}
		}
	}), []string{"no next page, no place"}},
	{"the total goes by the place", selecting(nil, func(q scim.Query, page *scim.Page) {
		if !q.After.IsZero() {
			page.Total = len(page.Resources)
		}
	}), []string{"the total of a page in the middle"}},
	{"a walk counts what it passed", placing(func(all []*scim.Resource, q scim.Query) *scim.Page {
		i := 0
		if !q.After.IsZero() {
			i, _ = strconv.Atoi(q.After.At)
		}
		page := from(all, i, q)
		if n := i + q.Offset + len(page.Resources); len(page.Resources) > 0 && n < len(all) {
			page.Next = scim.Place{At: strconv.Itoa(n)}
		}
		return page
	}), []string{"a place outlives its resource", "a walk while resources come and go", "a walk by the time of change", "a place that is none"}},
	{"a walk looks for where it was", placing(func(all []*scim.Resource, q scim.Query) *scim.Page {
		i := 0
		if !q.After.IsZero() {
			i = slices.IndexFunc(all, func(r *scim.Resource) bool { return r.ID == q.After.At }) + 1
			if i == 0 {
				i = len(all)
			}
		}
		page := from(all, i, q)
		if n := len(page.Resources); n > 0 && i+q.Offset+n < len(all) {
			page.Next = scim.Place{At: page.Resources[n-1].ID}
		}
		return page
	}), []string{"a place outlives its resource", "a walk while resources come and go", "a walk while resources change"}},
	{"equal ones are in one place", selecting(nil, func(q scim.Query, page *scim.Page) {
		if !page.Next.IsZero() && !q.Sort.IsZero() {
			page.Next.At = "9999-01-01T00:00:00.000000000/"
		}
	}), []string{"page after page", "a walk over a part"}},
	{"a place that is none is a failure", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if errors.Is(err, scim.ErrInvalidCursor) {
			err = errors.New("strconv.ParseUint: invalid syntax")
		}
		return page, err
	}), []string{"a place that is none"}},
	{"a place that is none is the end of the program", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if errors.Is(err, scim.ErrInvalidCursor) {
			panic(err)
		}
		return page, err
	}), []string{"a place that is none"}},

	// Projections.
	{"Get tells members always", with(broken{
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			return good.Get(ctx, ref, scim.Projection{Members: true, Groups: true})
		},
	}), []string{"get: members and groups only where wanted"}},
	{"List tells members always", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Projection = scim.Projection{Members: true, Groups: true}
		return good.List(ctx, q)
	}), []string{"list: members and groups only where wanted"}},
	{"List never tells members", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Projection = scim.Projection{}
		return good.List(ctx, q)
	}), []string{"list: members and groups only where wanted"}},

	// Sets.
	{"members have no type", holding(func(s scim.Set) scim.Set {
		var out []scim.Member
		for _, m := range membersOf(s) {
			out = append(out, scim.Member{ID: m.ID, Display: m.Display})
		}
		return scim.SetOf(out...)
	}), []string{"members of a group", "groups of a member"}},
	{"groups have no names", holding(func(s scim.Set) scim.Set {
		var out []scim.Member
		for _, m := range membersOf(s) {
			out = append(out, scim.Member{ID: m.ID, Type: m.Type})
		}
		return scim.SetOf(out...)
	}), []string{"groups of a member"}},
	{"everybody is a member", holding(func(s scim.Set) scim.Set {
		return oddSet{Set: s, has: func(string) bool { return true }}
	}), []string{"has", "a group of ten thousand"}},
	{"each reading turns the order", holding(func(s scim.Set) scim.Set {
		turned := false
		return oddSet{Set: s, all: func(yield func(scim.Member, error) bool) {
			all := membersOf(s)
			if turned = !turned; turned {
				slices.Reverse(all)
			}
			scim.SetOf(all...).All()(yield)
		}}
	}), []string{"a stable order", "a set read in part and again"}},
	{"a set can be read once", holding(func(s scim.Set) scim.Set {
		read := false
		return oddSet{Set: s, all: func(yield func(scim.Member, error) bool) {
			if !read {
				read = true
				s.All()(yield)
			}
		}}
	}), []string{"a set read in part and again"}},
	{"a set is read by position", with(broken{
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			r, err := good.Get(ctx, ref, p)
			if err != nil || !p.Members {
				return r, err
			}
			out := *r
			out.Members = oddSet{Set: r.Members, all: func(yield func(scim.Member, error) bool) {
				for i := 0; ; i++ {
					now, err := good.Get(ctx, ref, p)
					if err != nil {
						return
					}
					all := membersOf(now.Members)
					if i >= len(all) || !yield(all[i], nil) {
						return
					}
				}
			}}
			return &out, nil
		},
	}), []string{"reading while the set changes"}},
	{"a set ends at a thousand", holding(func(s scim.Set) scim.Set {
		all := membersOf(s)
		return scim.SetOf(all[:min(len(all), 1000)]...)
	}), []string{"a group of ten thousand"}},

	// Members.
	{"Added is what was asked for", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		u, err := good.Update(ctx, ref, c)
		if err == nil {
			u.Added = c.Members.Add
		}
		return u, err
	}), []string{"add", "add and remove", "reset", "what was added"}},
	{"Removed is what was asked for", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		u, err := good.Update(ctx, ref, c)
		if err == nil {
			u.Removed = nil
			for _, id := range c.Members.Remove {
				u.Removed = append(u.Removed, scim.Member{ID: id})
			}
		}
		return u, err
	}), []string{"remove", "add and remove", "reset", "what was removed"}},
	{"Reset drops and adds again", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		if !c.Members.Reset {
			return good.Update(ctx, ref, c)
		}
		dropped, err := good.Update(ctx, ref, scim.Change{Version: c.Version, Members: scim.MemberDelta{Reset: true}})
		if err != nil {
			return nil, err
		}
		c.Version = ""
		u, err := good.Update(ctx, ref, c)
		if err == nil {
			u.Removed = dropped.Removed
		}
		return u, err
	}), []string{"reset", "no change keeps version and time"}},
	{"Reset only adds", sending(func(c *scim.Change) { c.Members.Reset = false }), []string{"reset"}},
	{"members are taken on trust", sending(func(c *scim.Change) {
		c.Members.Types = nil
		c.Members.Add = slices.Clone(c.Members.Add)
		for i := range c.Members.Add {
			c.Members.Add[i].Type = ""
		}
	}), []string{"a member that cannot be"}},
	{"unknown members are passed over", with(broken{
		update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			c.Members.Add = slices.DeleteFunc(slices.Clone(c.Members.Add), func(m scim.Member) bool {
				_, user := good.Get(ctx, scim.Ref{Tenant: ref.Tenant, Type: "User", ID: m.ID}, scim.Projection{})
				_, group := good.Get(ctx, scim.Ref{Tenant: ref.Tenant, Type: "Group", ID: m.ID}, scim.Projection{})
				return user != nil && group != nil
			})
			return good.Update(ctx, ref, c)
		},
	}), []string{"a member that cannot be", "a member is of the group's tenant", "an update that fails changes neither document nor members"}},
	{"keys that are not given are none", sending(func(c *scim.Change) {
		if c.Keys == nil {
			c.Keys = []scim.Key{}
		}
	}), []string{"keys that are not given stay"}},
	{"a group is passed over as a member of itself", sending(func(c *scim.Change) {
		c.Members.Add = slices.DeleteFunc(slices.Clone(c.Members.Add), func(m scim.Member) bool { return m.Type == "" && len(c.Members.Add) == 1 })
	}), []string{"a group in itself"}},
	{"a member may not say its type", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		for _, m := range c.Members.Add {
			if m.Type != "" {
				return nil, scim.ErrInvalidValue
			}
		}
		return good.Update(ctx, ref, c)
	}), []string{"members of the right type"}},
	{"a change is of the document or of the members", sending(func(c *scim.Change) {
		if !c.Document.IsZero() {
			c.Members = scim.MemberDelta{}
		}
	}), []string{"document and members in one change"}},

	// At the same time.
	{"members are read, changed and written back", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		r, err := good.Get(ctx, ref, scim.Projection{Members: true})
		if err != nil {
			return nil, err
		}
		time.Sleep(2 * time.Millisecond)
		c.Members.Reset, c.Members.Add = true, append(c.Members.Add, membersOf(r.Members)...)
		return good.Update(ctx, ref, c)
	}), []string{"twenty concurrent adds all survive"}},
	{"the version is checked before the write", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		r, err := good.Get(ctx, ref, scim.Projection{})
		if err != nil {
			return nil, err
		}
		if c.Version != "" && c.Version != r.Version {
			return nil, scim.ErrVersion
		}
		time.Sleep(2 * time.Millisecond)
		c.Version = ""
		return good.Update(ctx, ref, c)
	}), []string{"one of twenty concurrent updates of a version succeeds"}},
	{"readers see half an update", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		if !c.Document.IsZero() {
			if _, err := good.Update(ctx, ref, scim.Change{Document: empty}); err != nil {
				return nil, err
			}
			time.Sleep(2 * time.Millisecond)
		}
		return good.Update(ctx, ref, c)
	}), []string{"readers and writers together"}},

	// Transactions.
	{
		"a transaction that fails is kept", func() scim.Store { return &transactor{end: func(error) error { return nil }} },
		[]string{"a transaction that fails"},
	},
	{"a transaction is never kept", func() scim.Store {
		return &transactor{end: func(error) error { return errors.New("never") }}
	}, []string{"a transaction that succeeds"}},
	{
		"a transaction reads what was before", func() scim.Store { return &transactor{blind: true} },
		[]string{"reads inside a transaction see its writes"},
	},
}

// A caseless store confuses tenants.
type caseless struct{ good scim.Store }

func low(ref scim.Ref) scim.Ref {
	ref.Tenant = strings.ToLower(ref.Tenant)
	return ref
}

func (s caseless) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.good.Create(ctx, low(ref), c)
}

func (s caseless) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	return s.good.Get(ctx, low(ref), p)
}

func (s caseless) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	q.Tenant = strings.ToLower(q.Tenant)
	return s.good.List(ctx, q)
}

func (s caseless) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.good.Update(ctx, low(ref), c)
}

func (s caseless) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return s.good.Delete(ctx, low(ref), version)
}

// A transactor is a Transactor made of a store in memory: it takes a snapshot
// before, and if need be goes back to it.
type transactor struct {
	memstore.Store
	end   func(err error) error // decides whether to keep the writes; nil: by the error
	blind bool                  // reads inside do not see the writes
	mu    sync.Mutex
}

func (s *transactor) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var before strings.Builder
	if err := s.Snapshot(&before); err != nil {
		return err
	}
	tx := scim.Store(&s.Store)
	if s.blind {
		past := new(memstore.Store)
		if err := past.Restore(strings.NewReader(before.String())); err != nil {
			return err
		}
		tx = &broken{Store: tx, list: func(_ scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) { return past.List(ctx, q) }}
	}
	err := fn(ctx, tx)
	undo := err
	if s.end != nil {
		undo = s.end(err)
	}
	if undo != nil {
		if err := s.Restore(strings.NewReader(before.String())); err != nil {
			return err
		}
	}
	return err
}
