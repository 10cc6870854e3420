package sqlstore

import (
	"context"
	"database/sql"
)

// Tx returns the transaction that is running in a context: that of a hook of the
// Handler, or of the function handed to [Store.InTx]. Whatever an application
// does in it, with tables of its own, takes effect together with the Store's own
// writes, or not at all. The Store itself is in the transaction too when it is
// called with this context, and when that is over it reports an error.
//
// It is for the goroutine that it is handed to, until that returns: it must not
// be committed or rolled back, and its rows are closed before. In SQLite it is
// shared with others who write at the moment and wait meanwhile: let it be short,
// and report every error of a statement. There its context has no deadline and is
// never cancelled, so give what else you wait for one of its own; and what writes
// by the *sql.DB instead waits for this transaction, which waits for it, until its
// driver gives up (SQLITE_BUSY). Outside of a transaction Tx returns false.
func Tx(ctx context.Context) (*sql.Tx, bool) {
	in, ok := ctx.Value(txKey{}).(running)
	return in.tx, ok
}

type txKey struct{}

// running is the transaction of a context, and whose it is.
type running struct {
	tx *sql.Tx
	of any
}

func withTx(ctx context.Context, tx *sql.Tx, of any) context.Context {
	return context.WithValue(ctx, txKey{}, running{tx, of})
}

// within reports whether a transaction of one is running in a context.
func within(ctx context.Context, one any) bool {
	in, ok := ctx.Value(txKey{}).(running)
	return ok && in.of == one
}
