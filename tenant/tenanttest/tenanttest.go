// Package tenanttest checks that a tenant.Store does what its documentation asks of
// it. A store's own test is a line:
//
//	func TestStore(t *testing.T) {
//		tenanttest.Run(t, func(t *testing.T) tenant.Store { return new(tenant.Memory) })
//	}
package tenanttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// Run checks the contract of tenant.Store clause by clause, each in a subtest with a
// store of its own. newStore returns an empty store; it may register cleanups with t.
//
// What a clause found is reported together with the sentence of the documentation
// that it checks. Run it with the race detector too.
func Run(t *testing.T, newStore func(t *testing.T) tenant.Store) {
	t.Helper()
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

// contract are the clauses that a Store must keep.
var contract = slices.Concat(connections, tokens, status, counts, records)

// A clause is a sentence of the contract and a check that a store keeps it.
type clause struct {
	name  string
	says  string // the sentence, as the documentation of package tenant has it
	check func(*kit)
}

// patience is how long a clause may wait for a store.
const patience = 2 * time.Minute

func (c clause) run(t reporter, s tenant.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.check(&kit{t: t, ctx: ctx, store: s, says: c.says})
}

// A reporter is the part of *testing.T that the kit needs, so that the kit's own
// test can watch it fail.
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
}
