package memstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/usherkit/scim"
)

// InTx implements scim.Transactor. A transaction keeps to itself each tenant that
// it reads or writes, until it ends: other calls wait, and transactions on other
// tenants do not. Within fn the Store itself, called with the context that fn
// is handed, is in the transaction too; called with another context it waits for
// a transaction that waits for it, until that context ends.
//
// InTx calls fn once, and a nil of fn takes effect even if the context has ended
// meanwhile. It reports ErrUnavailable if Restore replaces what the
// transaction has read and written, and so does a call inside that would wait
// for a transaction that waits for this one: both have several tenants.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if tx := s.joined(ctx); tx != nil {
		return tx.run(ctx, fn)
	}
	tx := s.begin()
	defer tx.end()
	return tx.run(ctx, fn)
}

// A transaction is what InTx runs. All of it but store and ended is guarded by
// the Store's lock.
type transaction struct {
	store *Store
	ended chan struct{} // closed when it has

	tenants []string     // that are its own
	waits   *transaction // for the end of which it waits, if it does
	log     []change     // its changes
	over    error        // why nothing can be done in it any more; nil as long as it can
}

var (
	errOver     = errors.New("memstore: the transaction is over")
	errReplaced = scim.Errorf(scim.ErrUnavailable, "everything was replaced meanwhile: try again")
	errCircle   = scim.Errorf(scim.ErrUnavailable, "this waits for what waits for this: try again")
)

// transactionOf is the key of the transaction of a Store in the contexts that it
// hands out.
type transactionOf struct{ store *Store }

// joined returns the transaction that a context is of, nil if it is of none.
func (s *Store) joined(ctx context.Context) *transaction {
	tx, _ := ctx.Value(transactionOf{s}).(*transaction)
	return tx
}

func (s *Store) begin() *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transacts = true
	return &transaction{store: s, ended: make(chan struct{})}
}

func (tx *transaction) end() {
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range tx.log {
		c.rec.before.Store(nil)
	}
	maps.DeleteFunc(s.held, func(_ string, by *transaction) bool { return by == tx })
	tx.log, tx.over = nil, errOver
	close(tx.ended)
}

// run calls fn, and undoes what it has done if it does not return nil.
func (tx *transaction) run(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	mark, err := tx.state()
	if err != nil {
		return err
	}
	stands := false
	defer func() {
		if !stands { // also if fn panics
			tx.undo(mark)
		}
	}()
	if err := fn(context.WithValue(ctx, transactionOf{tx.store}, tx), inside{tx}); err != nil {
		return err
	}
	stands = true
	_, err = tx.state()
	return err
}

// state returns how many changes there were, and whether there can be more.
func (tx *transaction) state() (changes int, over error) {
	tx.store.mu.RLock()
	defer tx.store.mu.RUnlock()
	return len(tx.log), tx.over
}

// running is of a transaction that may be nil.
func (tx *transaction) running() bool {
	if tx == nil {
		return false
	}
	select {
	case <-tx.ended:
		return false
	default:
		return true
	}
}

// wait waits for the end of a transaction.
func (tx *transaction) wait(ctx context.Context) error {
	select {
	case <-tx.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit lets a call on a tenant in when no transaction keeps the tenant but the
// one that the call is in, which it returns: tx, or that of the context, or nil.
// It is called with the Store's lock held, and may release it in between.
func (s *Store) admit(ctx context.Context, lock sync.Locker, tx *transaction, tenant string) (*transaction, error) {
	if tx == nil && !s.transacts {
		return nil, ctx.Err()
	}
	if tx == nil {
		tx = s.joined(ctx)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		by := s.held[tenant]
		switch {
		case tx == nil && by == nil:
			return nil, nil
		case tx != nil && slices.Contains(tx.tenants, tenant):
			return tx, tx.over
		}
		lock.Unlock()
		var err error
		if tx == nil {
			err = by.wait(ctx)
		} else {
			err = tx.take(ctx, tenant)
		}
		lock.Lock()
		if err != nil {
			return nil, err
		}
	}
}

// take makes a tenant the transaction's own.
func (tx *transaction) take(ctx context.Context, tenant string) error {
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for by := s.held[tenant]; by != nil && by != tx; by = s.held[tenant] {
		for other := by; other != nil; other = other.waits {
			if other == tx {
				return errCircle
			}
		}
		tx.waits = by
		s.mu.Unlock()
		err := by.wait(ctx)
		s.mu.Lock()
		tx.waits = nil
		if err != nil {
			return err
		}
	}
	if tx.over != nil {
		return tx.over
	}
	if s.held == nil {
		s.held = map[string]*transaction{}
	}
	s.held[tenant] = tx
	if t := s.tenants[tenant]; t != nil { // see look, which may be at work without the Store's lock
		t.taken.Add(1)
		s.mu.Unlock()
		t.lists.Lock()
		//lint:ignore SA2001 there is nothing to do but to have waited
		t.lists.Unlock()
		s.mu.Lock()
	}
	tx.tenants = append(tx.tenants, tenant)
	return nil
}

// A change is one step of a write, with what it takes to undo it.
type change struct {
	kind   changeKind
	tenant *tenant
	rec    *record
	was    *scim.Resource // of replaced: the one before
	member *record        // of joined and left: whom the group, rec, got or lost
	at     int            // of left: the member's place in the group's set, or nowhere
	back   int            // of left: the group's place in the member's set, or nowhere
}

type changeKind uint8

const (
	created changeKind = iota
	deleted
	replaced // the Resource of a record
	joined
	left
)

// note is of a transaction that may be nil; so is noteReplaced.
func (tx *transaction) note(c change) {
	if tx != nil {
		tx.log = append(tx.log, c)
	}
}

// noteReplaced is called before the Resource of a record is replaced.
func (tx *transaction) noteReplaced(t *tenant, rec *record, was *scim.Resource) {
	if tx == nil {
		return
	}
	if rec.before.Load() == nil {
		rec.before.Store(was)
	}
	tx.note(change{kind: replaced, tenant: t, rec: rec, was: was})
}

// undo undoes the changes since there were so many.
func (tx *transaction) undo(mark int) {
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(tx.log) > mark {
		last := len(tx.log) - 1
		s.undo(tx.log[last])
		tx.log[last] = change{}
		tx.log = tx.log[:last]
	}
}

// undo undoes the last change that there was in its tenant.
func (c *contents) undo(last change) {
	rec := last.rec
	switch last.kind {
	case created:
		last.tenant.remove(rec)
		if rec.number == c.created {
			c.created--
		}
	case deleted:
		last.tenant.add(rec)
	case replaced:
		now := rec.resource.Load()
		rec.in.reindex(rec, now.Keys, last.was.Keys)
		if now.Version != last.was.Version {
			rec.revision--
		}
		rec.resource.Store(last.was)
		if rec.before.Load() == last.was {
			rec.before.Store(nil)
		}
	case joined:
		rec.members.remove(last.member)
		last.member.groups.remove(rec)
	case left:
		if last.at != nowhere {
			rec.members.putBack(last.member, last.at)
		}
		if last.back != nowhere {
			last.member.groups.putBack(rec, last.back)
		}
	}
}

// seenBy returns the Resource of a record as a transaction sees it; nil is those
// outside. It needs no lock.
func (rec *record) seenBy(tx *transaction) *scim.Resource {
	if tx.running() {
		return rec.resource.Load()
	}
	for {
		r := rec.resource.Load()
		if before := rec.before.Load(); before != nil {
			return before
		}
		if rec.resource.Load() == r { // else a transaction has ended in between, and r may be undone
			return r
		}
	}
}

// An inside is the Store in a transaction.
type inside struct{ tx *transaction }

var _ scim.Transactor = inside{}

func (in inside) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return in.tx.store.create(ctx, in.tx, ref, c)
}

func (in inside) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	return in.tx.store.get(ctx, in.tx, ref, p)
}

func (in inside) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	return in.tx.store.list(ctx, in.tx, q)
}

func (in inside) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return in.tx.store.update(ctx, in.tx, ref, c)
}

func (in inside) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return in.tx.store.delete(ctx, in.tx, ref, version)
}

func (in inside) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return in.tx.run(ctx, fn)
}
