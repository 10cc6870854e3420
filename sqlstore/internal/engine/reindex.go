package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usherkit/scim"
)

// Reindex writes the Keys of all resources of a type anew, of all tenants, and
// returns how many had others. Their versions stay what they are. From then on look-ups
// go by these Keys, and by no others: what is going to be broken nobody goes by before.
func (s *Store) Reindex(ctx context.Context, t *scim.ResourceType) (changed int, err error) {
	s = s.joined(ctx)
	attempt, _ := s.newID()
	dropped, err := s.unindex(ctx, t, attempt)
	if err == nil && dropped && s.tx == nil {
		err = pause(ctx, trustFor)
	}
	if err == nil {
		changed, err = s.rewrite(ctx, t, attempt)
	}
	if err == nil {
		err = s.write(ctx, func(ctx context.Context, tx Querier) error { return s.index(ctx, tx, t, attempt) })
	}
	if s.tx == nil {
		err = errors.Join(err, s.learn(ctx))
	}
	return changed, err
}

// unindex takes out of scim_index what the definition of a type will not keep, which
// it reports, and marks it as being indexed.
func (s *Store) unindex(ctx context.Context, t *scim.ResourceType, attempt string) (dropped bool, err error) {
	keep := indexesIn(t)
	err = s.write(ctx, func(ctx context.Context, tx Querier) error {
		dropped = false
		if _, err := tx.Exec(ctx, s.sql.Queue, t.Name()); err != nil { // or of two that begin at once neither would see the other's mark
			return err
		}
		if _, err := tx.Exec(ctx, s.sql.Unmark, t.Name()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql.Mark, t.Name(), attempt); err != nil {
			return err
		}
		var drop []index
		err := Each(ctx, tx, func(rows Rows) error {
			var x index
			var form string
			err := rows.Scan(&x.typ, &x.path, &form)
			if x.form = formIn(form); x.typ == t.Name() && !slices.Contains(keep, x) {
				drop = append(drop, x)
			}
			return err
		}, s.sql.Indexes)
		for _, x := range drop {
			if err == nil {
				_, err = tx.Exec(ctx, s.sql.DropIndex, x.typ, x.path, x.form.String())
				dropped = true
			}
		}
		return err
	})
	return dropped, err
}

// index says that a type's indexes are whole.
func (s *Store) index(ctx context.Context, tx Querier, t *scim.ResourceType, attempt string) error {
	if err := s.marked(ctx, tx, t, attempt); err != nil {
		return err
	}
	for _, x := range indexesIn(t) {
		if _, err := tx.Exec(ctx, s.sql.AddIndex, x.typ, x.path, x.form.String()); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, s.sql.Unmark, t.Name())
	return err
}

// marked reports that another Reindex of the type has begun since. In the transaction
// none does.
func (s *Store) marked(ctx context.Context, tx Querier, t *scim.ResourceType, attempt string) error {
	var one int
	found, err := One(ctx, tx, []any{&one}, s.sql.IsMarked, t.Name(), attempt)
	if err == nil && !found {
		err = fmt.Errorf("sqlstore: another Reindex of %s has begun meanwhile, and goes on", t.Name())
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// rewrite writes the Keys.
func (s *Store) rewrite(ctx context.Context, t *scim.ResourceType, attempt string) (changed int, err error) {
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
			written, err := s.rekeyed(ctx, t, r, attempt)
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
func (s *Store) rekeyed(ctx context.Context, t *scim.ResourceType, r row, attempt string) (written bool, err error) {
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
		err = s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			in := tx.(*Store)
			if err := in.marked(ctx, in.tx, t, attempt); err != nil {
				return err
			}
			_, err := in.Update(ctx, r.ref(), scim.Change{Version: resource.Version, Keys: keys})
			return err
		})
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
