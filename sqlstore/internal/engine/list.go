package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// List implements scim.Store.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	s = s.joined(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !Legible(q.Tenant, q.Type) {
		return new(scim.Page), nil
	}
	of := s.known(ctx)
	served := of.servesAll(q)
	base, args := s.from(q, served)
	// The groups of a resource that is looked up are read with it: there is no other.
	together := served && q.Projection.Groups && q.Offset == 0 && q.Sort.IsZero() && ofOne(q.Filter)
	source := sqlfilter.Source{
		Args: args,
		Count: func(ctx context.Context, where string, args []any, most int) (n int, err error) {
			query := s.text("SELECT count(*)", base, where)
			if most > 0 {
				query = "SELECT count(*) FROM (" + s.text("SELECT 1", base, where) + " LIMIT " + strconv.Itoa(most) + ") AS counted"
			}
			_, err = One(ctx, s.querier(), []any{&n}, query, args...)
			return n, err
		},
		Read: func(ctx context.Context, rows sqlfilter.Rows) ([]*scim.Resource, error) {
			found, err := s.read(ctx, q, base, rows, together)
			together = together && len(found) <= 1 // else the filter was too long to be looked up by
			return found, err
		},
	}
	var page *scim.Page
	err := s.reading(ctx, func() (err error) {
		if page, err = of.mapping(s.dialect, q.Type).Page(ctx, q, source); err == nil && q.Projection.Groups {
			err = s.readGroups(ctx, q.Tenant, page.Resources)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range page.Resources {
		if m, ok := r.Members.(*remembered); ok {
			r.Members = m.of // which knows what is written later
		}
	}
	return page, nil
}

// read reads resources that may be on the page. Unless it is together with them, or
// the filter has to be matched with all of them, their groups are read when it is
// known who is on it.
func (s *Store) read(ctx context.Context, q scim.Query, base string, rows sqlfilter.Rows, together bool) (found []*scim.Resource, err error) {
	what := "SELECT " + columns
	if together {
		what += ", " + groupsColumn(s.dialect)
	}
	err = Each(ctx, s.querier(), func(of Rows) error {
		r := row{tenant: q.Tenant, typ: q.Type}
		dest := r.dest()
		var groups *string
		if together {
			dest = append(dest, &groups)
		}
		if err := of.Scan(dest...); err != nil {
			return err
		}
		resource, err := r.resource()
		if err != nil {
			return err
		}
		// The sets read as they are used, by a filter too.
		resource.Members = &membersOf{set{ctx, s, r.tenant, r.id}}
		if rows.Undecided {
			resource.Members = &remembered{of: resource.Members}
		}
		resource.Groups = &groupsOf{set{ctx, s, r.tenant, r.id}}
		if together {
			resource.Groups = groupsIn(groups)
		}
		s.seen.read(&r)
		found = append(found, resource)
		return nil
	}, s.text(what, base, rows.String()), rows.Args...)
	if err == nil && rows.Undecided && asksOfGroups(q.Filter) {
		err = s.readGroups(ctx, q.Tenant, found)
	}
	return found, err
}

// ofOne reports whether no more than one resource can match f.
func ofOne(f scim.Filter) bool {
	for k := range scim.RequiredKeys(f) {
		if k.Unique {
			return true
		}
	}
	_, ok := scim.Requires(f, "id")
	return ok
}

// asksOfGroups reports whether f is about groups.
func asksOfGroups(f scim.Filter) bool {
	switch f := f.(type) {
	case scim.And:
		return slices.ContainsFunc(f, asksOfGroups)
	case scim.Or:
		return slices.ContainsFunc(f, asksOfGroups)
	case scim.Not:
		return asksOfGroups(f.Filter)
	case scim.Some:
		return asksOfGroups(f.Filter)
	case scim.Compare:
		return f.Path.OfGroups()
	case scim.Present:
		return f.Path.OfGroups()
	}
	return false
}

// readGroups reads the groups of resources that read has left to be read.
func (s *Store) readGroups(ctx context.Context, tenant string, resources []*scim.Resource) error {
	unread := map[string]*scim.Resource{}
	for _, r := range resources {
		if _, ok := r.Groups.(*groupsOf); ok {
			unread[r.ID] = r
		}
	}
	if len(unread) == 0 {
		return nil
	}
	return Each(ctx, s.querier(), func(of Rows) error {
		var id string
		var groups *string
		err := of.Scan(&id, &groups)
		if r := unread[id]; err == nil && r != nil {
			r.Groups = groupsIn(groups)
		}
		return err
	}, s.sql.GroupsOfEach, tenant, texts(slices.Sorted(maps.Keys(unread))))
}
