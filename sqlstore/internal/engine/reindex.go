package engine

import (
	"context"
	"errors"

	"github.com/usherkit/scim"
)

// Reindex writes the Keys of all resources of a type anew, of all tenants, and
// returns how many had others. Their versions stay what they are.
func (s *Store) Reindex(ctx context.Context, t *scim.ResourceType) (changed int, err error) {
	const some = 500
	typ := t.Name()
	for last := (row{}); ; {
		var found []row
		err := each(ctx, s.querier(), func(rows Rows) error {
			r := row{typ: typ}
			err := rows.Scan(append([]any{&r.tenant}, r.dest()...)...)
			found = append(found, r)
			return err
		}, s.sql.Next, typ, last.tenant, last.id, some)
		if err != nil {
			return changed, s.failed(err)
		}
		for _, r := range found {
			resource, err := r.resource()
			if err != nil {
				return changed, err
			}
			next := r
			next.place(t.Keys(resource.Document))
			if same(r.userName, next.userName) && same(r.externalID, next.externalID) && same(r.name, next.name) && same(r.otherKey, next.otherKey) {
				continue
			}
			// The document is what the keys are of, unless it has changed meanwhile:
			// then it has its keys already.
			_, err = s.Update(ctx, r.ref(), scim.Change{Version: resource.Version, Keys: t.Keys(resource.Document)})
			switch {
			case err == nil:
				changed++
			case !errors.Is(err, scim.ErrVersion) && !errors.Is(err, scim.ErrNotFound):
				return changed, err
			}
		}
		if len(found) < some {
			return changed, nil
		}
		last = found[len(found)-1]
	}
}
