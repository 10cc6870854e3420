package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A transactor is a Transactor made of a store in memory: it takes a snapshot
// before, and if need be goes back to it. One transaction or other call is done
// at a time. Its mistakes are those of the tests.
type transactor struct {
	good memstore.Store
	mu   sync.Mutex

	wrap  func(tx scim.Store) scim.Store                             // changes what a function is handed; it does not nest then
	blind bool                                                       // reads inside do not see the writes
	fate  func(ctx context.Context, e ending) (undo bool, err error) // decides what becomes of the writes, and what InTx reports
	loose bool                                                       // transactions do not wait for each other, and are never undone
	dirty bool                                                       // other calls do not wait for a transaction
	hasty bool                                                       // a transaction that would have to wait fails
	mute  bool                                                       // a panic is an error
}

// An ending is how a transaction ends.
type ending struct {
	err    error // of the function
	ended  bool  // the function returned
	nested bool
}

func (s *transactor) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	switch {
	case s.loose:
		return fn(ctx, slow(&s.good))
	case s.hasty:
		if !s.mu.TryLock() {
			return errors.New("deadlock detected")
		}
		time.Sleep(100 * time.Microsecond) // for another one to come
	default:
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	return s.run(ctx, fn, false)
}

func (s *transactor) run(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error, nested bool) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	var before strings.Builder
	if err := s.good.Snapshot(&before); err != nil {
		return err
	}
	e := ending{err: errors.New("it did not return"), nested: nested}
	defer func() {
		undo, reported := e.err != nil, e.err
		if s.fate != nil {
			undo, reported = s.fate(ctx, e)
		}
		if e.ended {
			err = reported
		} else if s.mute {
			if v := recover(); v != nil {
				err = errors.New("a panic")
			}
		}
		if undo {
			if failed := s.good.Restore(strings.NewReader(before.String())); failed != nil {
				panic(failed)
			}
		}
	}()
	e.err = fn(ctx, s.inside(before.String()))
	e.ended = true
	return nil
}

func (s *transactor) inside(before string) scim.Store {
	switch {
	case s.wrap != nil:
		return s.wrap(&s.good)
	case s.blind:
		past := new(memstore.Store)
		if err := past.Restore(strings.NewReader(before)); err != nil {
			panic(err)
		}
		return &broken{
			Store: &s.good,
			list:  func(_ scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) { return past.List(ctx, q) },
			get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
				if p != (scim.Projection{}) {
					return past.Get(ctx, ref, p)
				}
				return good.Get(ctx, ref, p)
			},
		}
	}
	return inner{&s.good, s}
}

// An inner is the Store of a transaction, which nests.
type inner struct {
	scim.Store
	of *transactor
}

func (s inner) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	return s.of.run(ctx, fn, true)
}

// turn waits until no transaction runs.
func (s *transactor) turn() (done func()) {
	if s.dirty || s.loose {
		return func() {}
	}
	s.mu.Lock()
	return s.mu.Unlock
}

func (s *transactor) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	defer s.turn()()
	return s.good.Create(ctx, ref, c)
}

func (s *transactor) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	defer s.turn()()
	return s.good.Get(ctx, ref, p)
}

func (s *transactor) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	defer s.turn()()
	return s.good.List(ctx, q)
}

func (s *transactor) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	defer s.turn()()
	return s.good.Update(ctx, ref, c)
}

func (s *transactor) Delete(ctx context.Context, ref scim.Ref, version string) error {
	defer s.turn()()
	return s.good.Delete(ctx, ref, version)
}

// slow makes a store whose Updates take a while.
func slow(good scim.Store) scim.Store {
	return &broken{Store: good, update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
		time.Sleep(100 * time.Microsecond)
		return good.Update(ctx, ref, c)
	}}
}

// poisoned makes a store of which no call succeeds after one has failed, as
// PostgreSQL has it of a transaction.
func poisoned(good scim.Store) scim.Store {
	var reason error
	keep := func(err error) error {
		if err != nil && reason == nil {
			reason = errors.New("current transaction is aborted, commands ignored until end of transaction block")
		}
		return err
	}
	return &broken{
		Store: good,
		create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			if reason != nil {
				return nil, reason
			}
			u, err := good.Create(ctx, ref, c)
			return u, keep(err)
		},
		list: func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
			if reason != nil {
				return nil, reason
			}
			page, err := good.List(ctx, q)
			return page, keep(err)
		},
	}
}

// busy makes a store of which nothing can be asked as a Set is read, as drivers
// have it of a connection.
func busy(good scim.Store) scim.Store {
	reading := 0
	return &broken{
		Store: good,
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			r, err := good.Get(ctx, ref, p)
			if err != nil || r.Members == nil {
				return r, err
			}
			out := *r
			out.Members = oddSet{Set: r.Members, all: func(yield func(scim.Member, error) bool) {
				reading++
				defer func() { reading-- }()
				r.Members.All()(yield)
			}}
			return &out, nil
		},
		update: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
			if reading > 0 {
				return nil, errors.New("conn busy")
			}
			return good.Update(ctx, ref, c)
		},
	}
}

// A restartable is a store in memory that is opened again from a snapshot.
type restartable struct {
	scim.Store
	kept  *memstore.Store
	again func(snapshot string) string // changes what is kept
	newID func() func() string         // makes a NewID for each time it is opened
}

func (s *restartable) reopen() scim.Store {
	var snapshot strings.Builder
	next := new(memstore.Store)
	if s.newID != nil {
		next.NewID = s.newID()
	}
	if s.kept != nil {
		if err := s.kept.Snapshot(&snapshot); err != nil {
			panic(err)
		}
		text := snapshot.String()
		if s.again != nil {
			text = s.again(text)
		}
		if err := next.Restore(strings.NewReader(text)); err != nil {
			panic(err)
		}
	}
	s.kept, s.Store = next, next
	return s
}

// opened opens it for the first time.
func (s *restartable) opened() *restartable {
	s.reopen()
	return s
}
