package engine

import "context"

// Others are those who keep tables of their own in the database. They do things as
// the Store does, outside of its transactions.
type Others struct{ store *Store }

// Others returns the Store for those who have other tables.
func (s *Store) Others() Others { return Others{s} }

// Read calls fn, which only reads; again, if the database asks for that.
func (o Others) Read(ctx context.Context, fn func(q Querier) error) error {
	return o.store.reading(ctx, func() error { return fn(o.store.db) })
}

// Write calls fn in a transaction; again, if the database asks for that.
func (o Others) Write(ctx context.Context, fn func(ctx context.Context, tx Querier) error) error {
	return o.store.write(ctx, fn)
}

// Exec executes one statement, which is a transaction of its own; again, if the
// database asks for that.
func (o Others) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	err = o.store.retry(ctx, func(int) error {
		affected, err = o.store.db.Exec(ctx, query, args...)
		return err
	})
	return affected, err
}
