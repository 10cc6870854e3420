// Package storetest checks that a scim.Store does what its documentation asks
// of it. A store's own test is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) scim.Store { return new(memstore.Store) })
//	}
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
// documentation that it checks.
func Run(t *testing.T, newStore func(t *testing.T) scim.Store) {
	t.Helper()
	check := slices.Concat(facts, uniqueness, isolation, lists, sorts, places, sets, deltas, concurrency)
	if _, ok := newStore(t).(scim.Transactor); ok {
		check = append(check, transactions...)
	}
	for _, c := range check {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

// A clause is a sentence of the contract and a check that a store keeps it.
type clause struct {
	name  string
	says  string // the sentence, as the documentation of package scim has it
	check func(*kit)
}

// patience is how long a clause may wait for a store.
const patience = time.Minute

func (c clause) run(t reporter, store scim.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k := &kit{t: t, ctx: ctx, store: store, says: c.says}
	k.user, k.group = k.types()
	c.check(k)
}

// A reporter is the part of *testing.T that the kit needs, so that the kit's
// own test can watch it fail.
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
}
