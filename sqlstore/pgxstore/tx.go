package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// Tx returns the transaction that is running in a context: that of a hook of the
// Handler, or of the function handed to [Store.InTx]. Whatever an application
// does in it, with tables of its own, takes effect together with the Store's own
// writes, or not at all. Its Begin is a savepoint. The Store itself is in the
// transaction too when it is called with this context, and when that is over it
// reports an error.
//
// It is for the goroutine that it is handed to, until that returns: it must not
// be committed or rolled back, and its rows are closed before. Outside of a
// transaction Tx returns false.
func Tx(ctx context.Context) (pgx.Tx, bool) {
	t, ok := ctx.Value(txKey{}).(*transaction)
	if !ok {
		return nil, false
	}
	return t.share(ctx), true
}

type txKey struct{}

func withTx(ctx context.Context, t *transaction) context.Context {
	return context.WithValue(ctx, txKey{}, t)
}

// A transaction makes few trips to the database: BEGIN goes along with the first
// statement, and what nobody waits for with the next one or with COMMIT.
type transaction struct {
	conn   *pgx.Conn
	config *pgx.ConnConfig
	ctx    context.Context    // to end it in
	tx     pgx.Tx             // nil until it has begun
	waits  []*pgx.QueuedQuery // what was to be executed later
	shared bool               // the application may use tx: nothing waits any more
	failed error              // of what waited: the transaction comes to nothing
}

var _ engine.Deferrer = (*transaction)(nil)

func (t *transaction) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	apart := oversize(t.config, query)
	if apart {
		if err := t.flush(ctx); err != nil {
			return nil, err
		}
		args = append([]any{pgx.QueryExecModeDescribeExec}, args...)
	}
	if apart || t.ready() {
		r, err := t.tx.Query(ctx, query, args...)
		if err != nil {
			return nil, ended(ctx, err)
		}
		return &rows{Rows: r, ctx: ctx}, nil
	}
	answers, err := t.send(ctx, &pgx.QueuedQuery{SQL: query, Arguments: args})
	if err != nil {
		return nil, err
	}
	r, err := answers.Query()
	if err != nil {
		_ = answers.Close() // the same error
		return nil, ended(ctx, err)
	}
	return &rows{Rows: r, ctx: ctx, batch: answers}, nil
}

func (t *transaction) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if t.ready() {
		tag, err := t.tx.Exec(ctx, query, args...)
		return tag.RowsAffected(), ended(ctx, err)
	}
	answers, err := t.send(ctx, &pgx.QueuedQuery{SQL: query, Arguments: args})
	if err != nil {
		return 0, err
	}
	tag, err := answers.Exec()
	if e := answers.Close(); err == nil {
		err = e
	}
	return tag.RowsAffected(), ended(ctx, err)
}

// Later implements engine.Deferrer.
func (t *transaction) Later(ctx context.Context, query string, args ...any) error {
	t.waits = append(t.waits, &pgx.QueuedQuery{SQL: query, Arguments: args})
	if t.shared {
		return t.flush(ctx)
	}
	return nil
}

// ready reports whether a statement can go as it is.
func (t *transaction) ready() bool { return t.tx != nil && len(t.waits) == 0 && t.failed == nil }

// send sends what waits and a statement in one trip. The next answer is the
// statement's.
func (t *transaction) send(ctx context.Context, statement ...*pgx.QueuedQuery) (pgx.BatchResults, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	var b pgx.Batch
	if t.tx == nil {
		b.BeginTx(pgx.TxOptions{})
	}
	b.QueuedQueries = append(b.QueuedQueries, t.waits...)
	t.waits = nil
	before := b.Len()
	b.QueuedQueries = append(b.QueuedQueries, statement...)
	answers := t.conn.SendBatch(ctx, &b)
	if t.tx == nil {
		t.tx = answers.Tx()
	}
	for range before {
		if _, err := answers.Exec(); err != nil {
			_ = answers.Close() // the same error
			t.failed = ended(ctx, err)
			return nil, t.failed
		}
	}
	return answers, nil
}

// flush executes what waits.
func (t *transaction) flush(ctx context.Context) error {
	if t.ready() {
		return nil
	}
	answers, err := t.send(ctx)
	if err != nil {
		return err
	}
	return answers.Close()
}

// share returns the transaction for the application to use. What fails here is
// what the transaction comes to.
func (t *transaction) share(ctx context.Context) pgx.Tx {
	t.shared = true
	_ = t.flush(ctx)
	return t.tx
}

// because returns what an error is due to of whoever uses the transaction.
func (t *transaction) because(err error) error {
	if t.failed != nil {
		return t.failed
	}
	return err
}

// commit makes what waits, and then all of it, durable.
func (t *transaction) commit() error {
	switch {
	case t.failed != nil:
		return t.failed
	case len(t.waits) > 0:
		_, err := t.Exec(t.ctx, "commit")
		return err
	case t.tx == nil:
		return nil
	}
	return t.tx.Commit(t.ctx)
}

// end undoes it, unless it is over. What is done later with the context of the
// transaction would be in another's.
func (t *transaction) end() {
	_ = t.undo() // or pgx closes the connection
	t.failed = errOver
}

var errOver = errors.New("pgxstore: the transaction is over")

// undo undoes it, unless it is over. Should that fail, pgx closes the connection,
// and then the server does.
func (t *transaction) undo() error {
	if t.tx == nil || t.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	err := t.tx.Rollback(t.ctx)
	if err != nil && t.conn.IsClosed() {
		return fmt.Errorf("%w: %w", net.ErrClosed, err)
	}
	return err
}
