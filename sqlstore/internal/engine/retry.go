package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/usherkit/scim"
)

// What the database refuses only because of others at the same time is tried again
// for so long, and so often at the least: PostgreSQL's serialization failures
// (40001) and deadlocks (40P01), SQLite's SQLITE_BUSY.
const (
	patience = 10 * time.Second
	attempts = 5
)

// errAgain is reported by a transaction that found what another one has just
// changed.
var errAgain = errors.New("sqlstore: changed by another transaction at the same time")

// passes reports whether a transaction may succeed when it is done again.
func passes(err error) bool { return errors.Is(err, errAgain) || Classify(err) == Retry }

// retry calls fn, a whole transaction, until the database has no such reason to
// refuse it: the loop that CockroachDB and PostgreSQL document. Those that were
// refused follow each other, in this process, so that each has fewer to meet; under
// serializable they would otherwise refuse each other for long.
func (s *Store) retry(ctx context.Context, fn func(try int) error) error {
	if ctx.Value(inTurn{}) != nil { // whoever has the turn waits for this
		return s.try(ctx, nil, fn)
	}
	return s.try(ctx, s.turn, fn)
}

// reading calls fn, which reads, as retry does.
func (s *Store) reading(ctx context.Context, fn func() error) error {
	if s.tx != nil {
		return s.failed(fn())
	}
	return s.try(ctx, nil, func(int) error { return fn() })
}

// inTurn is in the context of a transaction that has the turn.
type inTurn struct{}

func (s *Store) try(ctx context.Context, turn chan struct{}, fn func(try int) error) error {
	var begun time.Time
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := fn(try)
		if err == nil || !passes(err) {
			return s.failed(err)
		}
		if try == 1 {
			begun = time.Now()
			done := take(ctx, turn)
			defer done()
		}
		if try >= attempts && time.Since(begun) > patience {
			detail := "too many changes of the same resources at the same time: try again"
			if _, ok := resultCode(err); ok { // another writes to the file of SQLite, whatever
				detail, _ = diagnosis(Retry, err)
			}
			return &scim.Error{Kind: scim.ErrUnavailable, Detail: detail, RetryAfter: soon, Err: err}
		}
		// From a millisecond on, twice as long each time, and no two alike.
		wait := time.Millisecond << min(try-1, 5)
		wait = wait/2 + rand.N(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// take waits for the turn, if there are turns, and returns how to give it back.
// Who waits too long goes on without.
func take(ctx context.Context, turn chan struct{}) (done func()) {
	if turn != nil {
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case turn <- struct{}{}:
			return func() { <-turn }
		case <-late.C:
		case <-ctx.Done():
		}
	}
	return func() {}
}

// failed makes what the database says fit for a client, where it can do something
// about it; what a retry would help with stays what it is inside a transaction.
func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	if s.tx != nil && passes(err) {
		s.seen.again = err // whatever the function in the transaction makes of it
		return err
	}
	return Explain(err)
}

// seen is what a transaction has read of resources: what it writes must still be
// so, or a change of another's would be lost that came between. A transaction that
// fails because of that locks what it reads the next time.
type seen struct {
	locks     bool
	revisions map[scim.Ref]int64
	again     error // why all of the transaction has to be done again, if it has
	rows      int   // that were added
}

// read notes what was read, if it was for the first time.
func (t *seen) read(r *row) {
	if t == nil {
		return
	}
	if _, ok := t.revisions[r.ref()]; !ok {
		t.wrote(r)
	}
}

// wrote notes what the transaction itself has written.
func (t *seen) wrote(r *row) {
	if t == nil {
		return
	}
	if t.revisions == nil {
		t.revisions = map[scim.Ref]int64{}
	}
	t.revisions[r.ref()] = r.revision
}

// forget is for what the transaction itself has changed.
func (t *seen) forget(ref scim.Ref) {
	if t != nil {
		delete(t.revisions, ref)
	}
}

// changed reports whether a row is another one than the transaction has read.
func (t *seen) changed(r *row) bool {
	if t == nil {
		return false
	}
	revision, ok := t.revisions[r.ref()]
	return ok && revision != r.revision
}

// grace is how long a write that has begun may go on when its caller has given
// up: to end it would leave open whether it took effect.
const grace = 10 * time.Second

// Lingering returns a context for what should not be left half-way: it ends a
// while after ctx.
func Lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	lingering, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, func() { cancel(ctx.Err()) })
		context.AfterFunc(lingering, func() { timer.Stop() })
	})
	return lingering, func() {
		stop()
		cancel(nil)
	}
}
