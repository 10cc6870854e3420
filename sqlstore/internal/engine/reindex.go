package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/usherkit/scim"
)

// Reindex writes the Keys of all resources of a type anew, of all tenants, and
// returns how many had others. Their versions stay what they are. From then on look-ups
// go by these Keys, and by no others.
func (s *Store) Reindex(ctx context.Context, t *scim.ResourceType) (changed int, err error) {
	s = s.joined(ctx)
	if changed, err = s.rewrite(ctx, t); err != nil {
		return changed, err
	}
	err = s.write(ctx, func(ctx context.Context, tx Querier) error {
		_, err := tx.Exec(ctx, s.sql.ForgetIndexes, t.Name())
		for _, x := range indexesIn(t) {
			if err == nil {
				_, err = tx.Exec(ctx, s.sql.AddIndex, x.typ, x.path, x.form.String())
			}
		}
		return err
	})
	if err == nil && s.tx == nil {
		err = s.learn(ctx)
	}
	return changed, err
}

// rewrite writes the Keys.
func (s *Store) rewrite(ctx context.Context, t *scim.ResourceType) (changed int, err error) {
	const some = 500
	typ := t.Name()
	for last := (row{}); ; {
		var found []row
		err := Each(ctx, s.querier(), func(rows Rows) error {
			r := row{typ: typ}
			err := rows.Scan(append([]any{&r.tenant}, r.dest()...)...)
			found = append(found, r)
			return err
		}, s.sql.Next, typ, last.tenant, last.id, some)
		if err != nil {
			return changed, s.failed(err)
		}
		for _, r := range found {
			written, err := s.rekeyed(ctx, t, r)
			if err != nil {
				return changed, fmt.Errorf("sqlstore: %s %s of tenant %q: %w", typ, r.id, r.tenant, err)
			}
			if written {
				changed++
			}
		}
		if len(found) < some {
			return changed, nil
		}
		last = found[len(found)-1]
	}
}

// rekeyed writes the Keys of a resource anew, if they are others.
func (s *Store) rekeyed(ctx context.Context, t *scim.ResourceType, r row) (written bool, err error) {
	for {
		resource, err := r.resource()
		if err != nil {
			return false, err
		}
		next, keys := r, t.Keys(resource.Document)
		next.place(keys)
		if same(r.userName, next.userName) && same(r.externalID, next.externalID) && same(r.name, next.name) && same(r.otherKey, next.otherKey) {
			return false, nil
		}
		_, err = s.Update(ctx, r.ref(), scim.Change{Version: resource.Version, Keys: keys})
		if err == nil || errors.Is(err, scim.ErrNotFound) {
			return err == nil, nil
		}
		if !errors.Is(err, scim.ErrVersion) {
			return false, err
		}
		// It has changed meanwhile, and whoever did that may know another definition.
		found := false
		err = s.reading(ctx, func() (err error) {
			found, err = One(ctx, s.querier(), r.dest(), s.sql.Get, r.tenant, r.typ, r.id)
			return err
		})
		if err != nil || !found {
			return false, err
		}
	}
}
