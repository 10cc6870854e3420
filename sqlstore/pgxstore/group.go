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

// writers are those who write one statement each. A few send at a time; who comes
// then waits, and a sender takes along what those of its tenant who wait would send:
// it is sent together and shares a transaction, so that one sync of the disk pays for
// all of it. While they are few, nobody waits for another. No transaction is of two
// tenants: in a distributed database they would be in two places.
type writers struct {
	pool    *pgxpool.Pool
	senders chan struct{} // as many as may send at a time

	mu      sync.Mutex
	waiting []*write // first come, first served
}

// A write is one statement, and what came of it once it is done.
type write struct {
	query string
	args  []any // the first one is the tenant; none: it is of no tenant

	done     chan struct{} // of one that waits
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
	return writers{pool: pool, senders: make(chan struct{}, min(maxSenders, pool.Config().MaxConns))}
}

func (o *writers) exec(ctx context.Context, query string, args []any) (int64, error) {
	w := &write{query: query, args: args}
	if err := o.turn(ctx, w); err != nil {
		return 0, ended(ctx, err)
	}
	if !w.apart {
		return w.affected, w.err
	}
	lingering, done := engine.Lingering(ctx)
	defer done()
	tag, err := o.pool.Exec(lingering, query, args...)
	return tag.RowsAffected(), ended(ctx, err)
}

// turn sends w or waits until somebody else has. If it reports an error, w was not
// sent.
func (o *writers) turn(ctx context.Context, w *write) error {
	select {
	case o.senders <- struct{}{}:
		defer o.leave()
		return o.lead(ctx, w)
	default:
	}
	o.join(w)
	late := time.NewTicker(long)
	defer late.Stop()
	for {
		select {
		case <-w.done:
			return nil
		case o.senders <- struct{}{}:
			if o.withdraw(w) {
				defer o.leave()
				return o.lead(ctx, w)
			}
			o.leave()
			<-w.done
			return nil
		case <-late.C:
			if o.free() && o.withdraw(w) {
				return o.lead(ctx, w)
			}
		case <-ctx.Done():
			if o.withdraw(w) {
				return ctx.Err()
			}
			<-w.done
			return nil
		}
	}
}

// free reports whether there is a connection for another sender.
func (o *writers) free() bool {
	s := o.pool.Stat()
	return s.AcquiredConns() < s.MaxConns()
}

func (o *writers) leave() { <-o.senders }

func (o *writers) join(w *write) {
	w.done = make(chan struct{})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, w)
}

// withdraw takes w back, unless a sender has taken it along.
func (o *writers) withdraw(w *write) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := slices.Index(o.waiting, w)
	if at >= 0 {
		o.waiting = slices.Delete(o.waiting, at, at+1)
	}
	return at >= 0
}

// take returns those of the tenant of w who are to be taken along.
func (o *writers) take(w *write) (group []*write) {
	if len(w.args) == 0 {
		return nil
	}
	tenant := w.args[0]
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = slices.DeleteFunc(o.waiting, func(w *write) bool {
		taken := len(group) < maxGroup-1 && len(w.args) > 0 && w.args[0] == tenant
		if taken {
			group = append(group, w)
		}
		return taken
	})
	return group
}

// lead sends w, and what others wait for when there is a connection.
func (o *writers) lead(ctx context.Context, w *write) error {
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	ctx, done := engine.Lingering(ctx)
	defer done()
	others := o.take(w)
	if len(others) == 0 {
		tag, err := conn.Exec(ctx, w.query, w.args...)
		w.affected, w.err = tag.RowsAffected(), ended(ctx, err)
		return nil
	}
	group := append(others, w)
	if err := together(ctx, conn.Conn(), group); err != nil {
		failed(ctx, conn.Conn(), group, err)
	}
	for _, w := range others {
		close(w.done)
	}
	return nil
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
