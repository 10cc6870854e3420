package engine

import (
	"context"

	"github.com/usherkit/scim"
)

// Get implements scim.Store.
func (s *Store) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	s = s.joined(ctx)
	if !Legible(ref.Tenant, ref.Type, ref.ID) {
		return nil, scim.ErrNotFound
	}
	r := row{tenant: ref.Tenant, typ: ref.Type}
	query, dest := s.sql.Get, r.dest()
	var groups *string
	if p.Groups {
		query, dest = s.sql.GetWithGroups, append(dest, &groups)
	}
	if s.seen != nil && s.seen.locks {
		query += s.sql.ForUpdate
	}
	var found bool
	err := s.reading(ctx, func() (err error) {
		found, err = One(ctx, s.querier(), dest, query, ref.Tenant, ref.Type, ref.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, scim.ErrNotFound
	}
	s.seen.read(&r)
	return s.project(ctx, &r, p, groups)
}

// project makes the Resource of a row, with the sets that are wanted.
func (s *Store) project(ctx context.Context, r *row, p scim.Projection, groups *string) (*scim.Resource, error) {
	resource, err := r.resource()
	if err != nil {
		return nil, err
	}
	if p.Members {
		resource.Members = &membersOf{set{ctx, s, r.tenant, r.id}}
	}
	if p.Groups {
		resource.Groups = groupsIn(groups)
	}
	return resource, nil
}
