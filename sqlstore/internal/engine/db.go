package engine

import "context"

// MostPrepared is how many bytes a statement has at the most that is kept prepared:
// all but those of long filters, which seldom come twice. PostgreSQL keeps a hundred
// times as much, for each connection.
const MostPrepared = 1536

// A DB is a database as the Store needs it. Its methods may be called
// concurrently. Outside of InTx each statement is a transaction of its own, or
// shares one with others. Exec, once it has begun, goes on for a while when its
// context ends (see [Lingering]).
//
// Placeholders are numbered, $1 in PostgreSQL and ?1 in SQLite, so that the
// order of arguments is free.
type DB interface {
	Querier

	// InTx calls fn once in one transaction, which takes effect, durably,
	// before InTx returns nil; otherwise nothing of it does. The context handed
	// to fn is the one to use inside. If fn panics, the transaction is undone
	// and the panic goes on. InTx retries nothing; see [Classify] for what the
	// engine may retry. It does not nest, and no Rows outlive fn.
	InTx(ctx context.Context, fn func(ctx context.Context, tx Querier) error) error
}

// A Querier runs one statement at a time: Rows are closed before the next.
type Querier interface {
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	Exec(ctx context.Context, query string, args ...any) (affected int64, err error)
}

// A Deferrer is a Querier of a transaction that can send several statements in
// one trip to the database.
type Deferrer interface {
	Querier

	// Later executes a statement before whatever comes next, the commit too, and
	// need not send it earlier than that. Nobody looks at its answer, and it fails
	// only if the whole transaction does: then all that comes next fails with its
	// error, the commit too.
	Later(ctx context.Context, query string, args ...any) error
}

// queue executes a statement that may wait, as Deferrer says.
func queue(ctx context.Context, tx Querier, query string, args ...any) error {
	if d, ok := tx.(Deferrer); ok {
		return d.Later(ctx, query, args...)
	}
	_, err := tx.Exec(ctx, query, args...)
	return err
}

// Rows are the answer of a query, as of [database/sql.Rows].
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}
