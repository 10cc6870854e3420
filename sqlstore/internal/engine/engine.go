// Package engine is the Store of sqlstore over whatever speaks to the database:
// database/sql or pgx.
//
// A write is one transaction, retried as a whole where the database asks for that:
// it locks the resource, decides what changes, and writes that. What takes one
// statement is sent as one, without a transaction around it.
package engine

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/uuid7"
	"github.com/usherkit/scim/sqlfilter"
)

// A Store is a scim.Transactor over a database.
type Store struct {
	*root
	tx    Querier  // of the transaction that the Store is in; nil outside
	seen  *seen    // in it
	began *indexes // what was known when it began
	depth int      // of savepoints in it
}

// root is what a Store and those within its transactions share.
type root struct {
	db      DB
	dialect sqlfilter.Dialect
	sql     *statements
	now     func() time.Time

	turn   chan struct{} // of one: see retry
	growth growth

	indexes   atomic.Pointer[indexes]
	learning  sync.Mutex
	unindexed *indexes // for who knows none

	mu  sync.Mutex
	ids uuid7.Source
}

var _ scim.Transactor = (*Store)(nil)

// New returns a Store over a database whose schema is there.
func New(ctx context.Context, db DB, d sqlfilter.Dialect, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{root: &root{db: db, dialect: d, sql: statementsOf(d), now: now, turn: make(chan struct{}, 1), unindexed: newIndexes(nil)}}
	if err := s.learn(ctx); err != nil {
		return nil, Explain(err)
	}
	return s, nil
}

// newID returns an id for a resource, and the time in it.
func (r *root) newID() (id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids.Next(r.now())
}

// querier is what reads go to.
func (s *Store) querier() Querier {
	if s.tx != nil {
		return s.tx
	}
	return s.db
}

// runningOf is the key in a context of the Store in a running transaction of one.
type runningOf struct{ root *root }

// running returns the context for what is done in the transaction that s is in.
func (s *Store) running(ctx context.Context) context.Context {
	return context.WithValue(ctx, runningOf{s.root}, s)
}

// joined returns the Store of the transaction of s that is running in a context, if
// there is one: s itself would wait for what it holds, or not see what it has
// written.
func (s *Store) joined(ctx context.Context) *Store {
	if s.tx == nil {
		if in, ok := ctx.Value(runningOf{s.root}).(*Store); ok {
			return in
		}
	}
	return s
}

// InTx implements scim.Transactor. Within a transaction it is a savepoint.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	if s = s.joined(ctx); s.tx == nil {
		var its error // fn's own, which is explained only if a database has said it
		var rows int
		err := s.retry(ctx, func(try int) error {
			ctx := ctx
			if try > 1 {
				ctx = context.WithValue(ctx, inTurn{}, true)
			}
			its = nil
			began := s.known(ctx)
			return s.db.InTx(ctx, func(ctx context.Context, tx Querier) error {
				seen := &seen{locks: try > 1}
				in := &Store{root: s.root, tx: tx, seen: seen, began: began}
				if its = fn(in.running(ctx), in); its == nil {
					its = seen.again
				}
				rows = seen.rows
				return its
			})
		})
		if err == nil {
			s.grew(ctx, rows)
		}
		if its != nil && !passes(its) && !said(err) {
			return its
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	name := "scim_" + strconv.Itoa(s.depth+1)
	if err := queue(ctx, s.tx, "SAVEPOINT "+name); err != nil {
		return s.failed(err)
	}
	returned := false
	before := maps.Clone(s.seen.revisions)
	undo := func() error {
		ctx := context.WithoutCancel(ctx)
		s.seen.revisions = before // not what is undone
		if _, err := s.tx.Exec(ctx, "ROLLBACK TO SAVEPOINT "+name); err != nil {
			return err
		}
		return queue(ctx, s.tx, "RELEASE SAVEPOINT "+name)
	}
	defer func() {
		if !returned { // fn panics
			_ = undo() // whoever recovers finds that out at the next statement
		}
	}()
	in := &Store{root: s.root, tx: s.tx, seen: s.seen, began: s.began, depth: s.depth + 1}
	err := fn(in.running(ctx), in)
	returned = true
	if err != nil {
		if e := undo(); e != nil {
			return fmt.Errorf("%w; and the savepoint could not be undone: %w", err, e)
		}
		return err
	}
	return s.failed(queue(ctx, s.tx, "RELEASE SAVEPOINT "+name))
}

// write runs a change in a transaction of its own, or in the one there is.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, tx Querier) error) error {
	if s.tx != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.failed(fn(ctx, s.tx))
	}
	return s.retry(ctx, func(int) error { return s.db.InTx(ctx, fn) })
}

// Each reads the rows of a query, all before it returns.
func Each(ctx context.Context, q Querier, scan func(Rows) error, query string, args ...any) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// One reads the only row of a query into dest, and reports whether there is one.
func One(ctx context.Context, q Querier, dest []any, query string, args ...any) (found bool, err error) {
	err = Each(ctx, q, func(rows Rows) error {
		found = true
		return rows.Scan(dest...)
	}, query, args...)
	return found, err
}
