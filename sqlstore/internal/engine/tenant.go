package engine

import "context"

// DeleteTenant deletes the resources of a tenant, so many rows at a time that others
// who write do not wait for long, and returns how many resources there were.
func (s *Store) DeleteTenant(ctx context.Context, tenant string) (resources int, err error) {
	const some = 1000
	s = s.joined(ctx)
	if !Legible(tenant) {
		return 0, ctx.Err()
	}
	members, keys, all := s.sql.DeleteTenant[0], s.sql.DeleteTenant[1], s.sql.DeleteTenant[2]
	for i, statement := range []string{members, keys, all, keys} { // again those of what came meanwhile
		for n := int64(some); n == some; {
			err := s.write(ctx, func(ctx context.Context, tx Querier) (err error) {
				n, err = tx.Exec(ctx, statement, tenant, some)
				return err
			})
			if err != nil {
				return resources, err
			}
			if i == 2 {
				resources += int(n)
			}
		}
	}
	return resources, nil
}
