package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

var factBreakages = []breakage{
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
	}), []string{"a value that was given up", "unique values are free again"}},
	{"Update leaves the keys", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		was, err := good.Get(ctx, ref, scim.Projection{})
		if err != nil {
			return nil, err
		}
		c.Keys = was.Keys
		return good.Update(ctx, ref, c)
	}), []string{"update replaces the document and its keys", "a value that was given up", "keys follow the document"}},
	{"no document means an empty one", sending(func(c *scim.Change) {
		if c.Document.IsZero() {
			c.Document = empty
		}
	}), []string{"update without a document leaves it"}},
	{"versions never change", changing(func(r *scim.Resource) { r.Version = "1" }), []string{"versions", "deleting a member changes its groups", "a user in two hundred groups"}},
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

	// Uniqueness.
	{"nothing must be unique", sending(func(c *scim.Change) {
		c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = false })
	}), []string{"a taken value", "fifty concurrent creates of one name", "changing to a taken value", "a value that was given up"}},
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
	}), []string{"fifty concurrent creates of one name"}},
	{"uniqueness is checked before an Update", updating(func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		page, err := good.List(ctx, scim.Query{Tenant: ref.Tenant, Type: ref.Type, Limit: 100_000})
		if err != nil {
			return nil, err
		}
		for _, r := range page.Resources {
			if r.ID != ref.ID && slices.ContainsFunc(r.Keys, func(k scim.Key) bool { return k.Unique && slices.Contains(c.Keys, k) }) {
				return nil, scim.ErrUniqueness
			}
		}
		time.Sleep(2 * time.Millisecond)
		c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = false })
		return good.Update(ctx, ref, c)
	}), []string{"concurrent changes to one name"}},
	{"a key is what fits a column", sending(func(c *scim.Change) {
		c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Value = k.Value[:min(len(k.Value), 100)] })
	}), []string{"values that differ far from their beginning"}},
	{"an attribute has one key", sending(func(c *scim.Change) {
		c.Keys = slices.CompactFunc(slices.Clone(c.Keys), func(a, b scim.Key) bool { return a.Path == b.Path })
	}), []string{"keys follow the document"}},
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
		"tenants are told apart without case", func() scim.Store { return alias{new(memstore.Store), strings.ToLower} },
		[]string{"another tenant's resource is not found", "a list shows one tenant", "a value is taken in one tenant only", "a member is of the group's tenant", "two tenants with the same in them"},
	},
	{
		"spaces around a tenant's name are dropped", func() scim.Store { return alias{new(memstore.Store), strings.TrimSpace} },
		[]string{"tenants whose names are alike"},
	},
	{"a tenant's name is a pattern", func() scim.Store {
		return alias{new(memstore.Store), func(tenant string) string {
			if tenant == "%" || tenant == "acm%" || tenant == "acm_" {
				return acme
			}
			return tenant
		}}
	}, []string{"tenants whose names are alike"}},
	{"a Delete is of all tenants", with(broken{
		delete: func(good scim.Store, ctx context.Context, ref scim.Ref, version string) error {
			r, err := good.Get(ctx, ref, scim.Projection{})
			if err != nil {
				return err
			}
			page, err := good.List(ctx, scim.Query{Tenant: other, Type: ref.Type, Limit: 100})
			if err != nil {
				return err
			}
			name, _ := r.Document.Get("userName")
			for _, same := range page.Resources {
				if has, ok := same.Document.Get("userName"); ok && has == name && same.Tenant != ref.Tenant {
					if err := good.Delete(ctx, same.Ref, ""); err != nil {
						return err
					}
				}
			}
			return good.Delete(ctx, ref, version)
		},
	}), []string{"two tenants with the same in them"}},
	{"a place says whose tenant the page is of", func() scim.Store {
		of := map[scim.Place]string{}
		return listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
			if tenant, ok := of[q.After]; ok {
				q.Tenant = tenant
			}
			page, err := good.List(ctx, q)
			if err == nil && !page.Next.IsZero() {
				of[page.Next] = q.Tenant
			}
			return page, err
		})()
	}, []string{"a place in another tenant"}},
}
