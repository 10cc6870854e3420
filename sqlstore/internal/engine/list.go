package engine

import (
	"context"
	"strconv"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// List implements scim.Store.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !legible(q.Tenant, q.Type) {
		return new(scim.Page), nil
	}
	base, args := s.from(q)
	source := sqlfilter.Source{
		Args: args,
		Count: func(ctx context.Context, where string, args []any, most int) (n int, err error) {
			query := "SELECT count(*)" + base + where
			if most > 0 {
				query = "SELECT count(*) FROM (SELECT 1" + base + where + " LIMIT " + strconv.Itoa(most) + ") AS counted"
			}
			_, err = one(ctx, s.querier(), []any{&n}, query, args...)
			return n, err
		},
		Read: func(ctx context.Context, rows sqlfilter.Rows) ([]*scim.Resource, error) {
			return s.read(ctx, q, base, rows)
		},
	}
	var page *scim.Page
	err := s.reading(ctx, func() (err error) {
		page, err = s.mapping.Page(ctx, q, source)
		return err
	})
	return page, err
}

func (s *Store) read(ctx context.Context, q scim.Query, base string, rows sqlfilter.Rows) (found []*scim.Resource, err error) {
	query := "SELECT " + columns
	if q.Projection.Groups {
		query += ", " + groupsColumn(s.dialect)
	}
	err = each(ctx, s.querier(), func(of Rows) error {
		r := row{tenant: q.Tenant, typ: q.Type}
		dest := r.dest()
		var groups *string
		if q.Projection.Groups {
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
		if q.Projection.Groups {
			resource.Groups = readGroups(groups)
		} else {
			resource.Groups = &groupsOf{set{ctx, s, r.tenant, r.id}}
		}
		s.seen.read(&r)
		found = append(found, resource)
		return nil
	}, query+base+rows.String(), rows.Args...)
	return found, err
}
