package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

var memberBreakages = []breakage{
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
	}), []string{"a group of ten thousand", "a group of a hundred thousand"}},

	// Members.
	{"Added is what was asked for", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		u, err := good.Update(ctx, ref, c)
		if err == nil {
			u.Added = c.Members.Add
		}
		return u, err
	}), []string{"add", "add and remove", "reset", "what was added", "concurrent adds and removes", "a group of a hundred thousand"}},
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
	}), []string{"keys that are not given stay", "keys follow the document", "unique values are free again"}},
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
	}), []string{"twenty concurrent adds all survive", "concurrent adds and removes", "concurrent updates without a version"}},
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
	{"an Update fails as another goes on", func() scim.Store {
		var one sync.Mutex
		return updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			if !one.TryLock() {
				return nil, scim.ErrVersion
			}
			defer one.Unlock()
			time.Sleep(100 * time.Microsecond)
			return good.Update(ctx, ref, c)
		})()
	}, []string{"concurrent updates without a version"}},
	{"members are looked up before the write", func() scim.Store {
		var mu sync.Mutex
		ghosts := map[string][]scim.Member{}
		return &broken{
			Store: new(memstore.Store),
			update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
				time.Sleep(2 * time.Millisecond)
				u, err := good.Update(ctx, ref, c)
				if err == nil {
					return u, nil
				}
				r, err := good.Get(ctx, ref, scim.Projection{})
				if err != nil {
					return nil, err
				}
				mu.Lock()
				defer mu.Unlock()
				ghosts[ref.ID] = append(ghosts[ref.ID], c.Members.Add...)
				return &scim.Updated{Resource: r, Added: c.Members.Add}, nil
			},
			get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
				r, err := good.Get(ctx, ref, p)
				if err != nil || !p.Members {
					return r, err
				}
				mu.Lock()
				defer mu.Unlock()
				out := *r
				out.Members = scim.SetOf(append(membersOf(r.Members), ghosts[ref.ID]...)...)
				return &out, nil
			},
		}
	}, []string{"a member that is deleted while it is added"}},
	{"Deletes are in each other's way", func() scim.Store {
		var one sync.Mutex
		return with(broken{delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
			if !one.TryLock() {
				return errors.New("deadlock detected")
			}
			defer one.Unlock()
			time.Sleep(100 * time.Microsecond)
			return good.Delete(ctx, ref, version)
		}})()
	}, []string{"groups and members deleted at the same time"}},

	// When the context ends.
	{"cancellation is ignored", with(broken{
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			return good.Create(context.WithoutCancel(ctx), ref, c)
		},
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			return good.Get(context.WithoutCancel(ctx), ref, p)
		},
	}), []string{"a cancelled call writes nothing", "a cancelled call reads nothing"}},
	{"a cancelled call is interrupted", with(broken{
		list: func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
			page, err := good.List(ctx, q)
			if err != nil && ctx.Err() != nil {
				err = errors.New("interrupted")
			}
			return page, err
		},
	}), []string{"a cancelled call reads nothing"}},
	{"the context is looked at in the end", with(broken{
		list: func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
			page, err := good.List(context.WithoutCancel(ctx), q)
			time.Sleep(100 * time.Millisecond)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return page, err
		},
	}), []string{"a list that is cancelled ends soon"}},
	{"a write that was cancelled goes on", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		u, err := good.Update(context.WithoutCancel(ctx), ref, c)
		time.Sleep(time.Millisecond)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return u, err
	}), []string{"a write that is cancelled on its way is whole or nothing"}},
}
