package pgxstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// writers are those who write one statement each. A few send at a time, each what
// all who wait then would: these statements are sent together and share a
// transaction, so that one sync of the disk pays for all of them. Who is alone
// waits for nobody.
type writers struct {
	pool    *pgxpool.Pool
	senders chan struct{} // as many as may send at a time

	mu      sync.Mutex
	waiting []*write // first come, first served
}

// A write is one statement, and what came of it once it is done.
type write struct {
	query string
	args  []any

	done     chan struct{}
	affected int64
	err      error
	apart    bool // nothing came of it because of others: it is to be executed by itself
}

const (
	maxSenders = 8
	maxGroup   = 64 // statements of one transaction

	// Others wait so long at the most for one who waits for a lock.
	long        = 100 * time.Millisecond
	lockTimeout = "set local lock_timeout = '100ms'"
)

func newWriters(pool *pgxpool.Pool) writers {
	return writers{pool: pool, senders: make(chan struct{}, maxSenders)}
}

func (o *writers) exec(ctx context.Context, query string, args []any) (int64, error) {
	w := &write{query: query, args: args, done: make(chan struct{})}
	o.mu.Lock()
	o.waiting = append(o.waiting, w)
	o.mu.Unlock()
	if err := o.turn(ctx, w); err != nil && o.withdraw(w) {
		return 0, ended(ctx, err)
	}
	<-w.done
	if !w.apart {
		return w.affected, w.err
	}
	lingering, done := engine.Lingering(ctx)
	defer done()
	tag, err := o.pool.Exec(lingering, query, args...)
	return tag.RowsAffected(), ended(ctx, err)
}

// turn waits until w is sent, by somebody else or by itself. After an error it may
// not have been.
func (o *writers) turn(ctx context.Context, w *write) error {
	select {
	case o.senders <- struct{}{}:
		defer func() { <-o.senders }()
	default:
		late := time.NewTimer(long)
		defer late.Stop()
		select {
		case o.senders <- struct{}{}:
			defer func() { <-o.senders }()
		case <-late.C:
		case <-w.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	o.send(ctx, conn, o.take(w))
	return nil
}

// withdraw takes a statement back, unless somebody is sending it.
func (o *writers) withdraw(w *write) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := slices.Index(o.waiting, w)
	if at >= 0 {
		o.waiting = slices.Delete(o.waiting, at, at+1)
	}
	return at >= 0
}

// take returns what whoever came to send w is to send: nothing, if somebody else
// sends that.
func (o *writers) take(w *write) []*write {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := slices.Index(o.waiting, w)
	if at < 0 {
		return nil
	}
	from := max(at+1-maxGroup, 0)
	to := min(from+maxGroup, len(o.waiting))
	group := slices.Clone(o.waiting[from:to])
	o.waiting = slices.Delete(o.waiting, from, to)
	return group
}

// send executes statements and tells those who wait for them.
func (o *writers) send(ctx context.Context, conn *pgxpool.Conn, group []*write) {
	ctx, done := engine.Lingering(ctx)
	defer done()
	switch len(group) {
	case 0:
	case 1:
		w := group[0]
		tag, err := conn.Exec(ctx, w.query, w.args...)
		w.affected, w.err = tag.RowsAffected(), ended(ctx, err)
	default:
		if err := together(ctx, conn.Conn(), group); err != nil {
			failed(ctx, conn.Conn(), group, err)
		}
	}
	for _, w := range group {
		close(w.done)
	}
}

// together executes statements in one transaction and in one trip.
func together(ctx context.Context, conn *pgx.Conn, group []*write) error {
	var b pgx.Batch
	b.Queue("begin")
	b.Queue(lockTimeout)
	before := b.Len()
	for _, w := range group {
		b.Queue(w.query, w.args...)
	}
	b.Queue("commit")
	answers := conn.SendBatch(ctx, &b)
	for i := range b.Len() {
		tag, err := answers.Exec()
		if err != nil {
			_ = answers.Close() // the same error
			return err
		}
		if i -= before; 0 <= i && i < len(group) {
			group[i].affected = tag.RowsAffected()
		}
	}
	return answers.Close()
}

// failed says what an error means to each of a group. If the server told it and
// is still there, nothing is written. Otherwise nobody knows.
func failed(ctx context.Context, conn *pgx.Conn, group []*write, err error) {
	known := !conn.IsClosed()
	if known && conn.PgConn().TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "rollback") // or the pool drops the connection
	}
	for _, w := range group {
		w.apart = known
		w.err = &scim.Error{
			Kind: scim.ErrUnavailable, Detail: "the database is not available: try again", RetryAfter: time.Second,
			Err: errors.New(err.Error()), // which may be of a context that is not everybody's
		}
	}
}
