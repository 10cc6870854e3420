// Package storetest checks that a scim.Store does what its documentation asks
// of it. A store's own test is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) scim.Store { return new(memstore.Store) })
//	}
//
// and for a store that outlasts the process one of [Reopens] besides.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// Run checks the contract of scim.Store clause by clause, each in a subtest
// with a store of its own. newStore returns an empty store; it may register
// cleanups with t. If the store is a scim.Transactor its transactions are
// checked too.
//
// What a clause found is reported together with the sentence of the
// documentation that it checks. Run it with the race detector too. With -short
// a large group has 5,000 members instead of 100,000.
func Run(t *testing.T, newStore func(t *testing.T) scim.Store) {
	t.Helper()
	run(t, newStore, usual())
}

// run is Run with a size of one's own.
func run(t *testing.T, newStore func(t *testing.T) scim.Store, of size) {
	t.Helper()
	clauses := contract
	if _, ok := newStore(t).(scim.Transactor); ok {
		clauses = slices.Concat(clauses, transactions)
	}
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) { c.run(t, subject{store: newStore(t)}, of) })
	}
}

// contract are the clauses that any Store must keep.
var contract = slices.Concat(facts, keys, uniqueness, isolation, lists, values, sorts, places, stability,
	sets, deltas, large, concurrency, cancellation)

// A clause is a sentence of the contract and a check that a store keeps it.
type clause struct {
	name  string
	says  string // the sentence, as the documentation of package scim has it
	check func(*kit)
}

// A subject is what a clause is checked on.
type subject struct {
	store  scim.Store
	reopen func() scim.Store // closes the store and opens it again; nil if it cannot be
}

// A size says how much is much.
type size struct {
	many int           // members of a large group
	soon time.Duration // for how long a call may go on after its context has ended
}

func usual() size {
	if testing.Short() {
		return size{many: 5_000, soon: 10 * time.Second}
	}
	return size{many: 100_000, soon: 10 * time.Second}
}

// How long a clause may wait for a store, and how long one about much may.
const (
	patience     = 2 * time.Minute
	longPatience = 15 * time.Minute
)

func (c clause) run(t reporter, s subject, of size) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k := &kit{t: t, ctx: ctx, store: s.store, reopen: s.reopen, size: of, says: c.says}
	k.user, k.group = k.types()
	c.check(k)
}

// atLength gives a check more time.
func atLength(check func(*kit)) func(*kit) {
	return func(k *kit) {
		ctx, cancel := context.WithTimeout(k.t.Context(), longPatience)
		defer cancel()
		k.ctx = ctx
		check(k)
	}
}

// A reporter is the part of *testing.T that the kit needs, so that the kit's
// own test can watch it fail.
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
}
