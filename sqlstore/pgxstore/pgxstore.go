// Package pgxstore is the Store of package sqlstore over a pool of pgx, without
// database/sql between: the same tables, which both may use at the same time, in
// less time. BEGIN goes along with the first statement of a transaction, and what
// is written last with COMMIT.
//
//	pool, err := pgxpool.New(ctx, "postgres://…")
//	store, err := pgxstore.Open(ctx, pool, &pgxstore.Options{Migrate: true})
//	defer store.Close()
//	handler, err := scim.NewHandler(store, tokens, nil)
//
// Creates that come at the same time share a transaction, and one sync of the
// disk. So a pool of a few connections for each processor of the server is faster
// than a large one.
//
// pgx prepares statements by itself, and keeps 512 of each connection, of which the
// server keeps some 100 kB each; the Store keeps long ones from it. A pool of many
// connections does well with statement_cache_capacity=128 in its DSN, and with
// jit=off. Behind a pooler that gives each transaction
// another connection of the server and does not keep track of what is prepared (as
// PgBouncer does from 1.21 on where max_prepared_statements is positive), say
// default_query_exec_mode=exec in the DSN.
//
// If the context of a call ends while the database is at work for it, pgx closes
// the connection, which takes effect at once. If clients give up often, let the
// pool's ConnConfig have a BuildContextWatcherHandler that makes a
// pgconn.CancelRequestContextWatcherHandler: it ends the statement instead.
package pgxstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/sqlstore/internal/connections"
	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/tenant"
)

// Options change how a Store works. The zero Options, and nil, mean the defaults.
type Options struct {
	// Migrate has Open bring the schema up to date, as [Migrate] does. Otherwise
	// Open reports an error if it is not.
	Migrate bool

	Now func() time.Time // the clock; default: time.Now; called concurrently
}

// A Store is a scim.Transactor in a PostgreSQL database, of version 15 or later,
// or of an engine that speaks like it; its encoding is UTF8. Its methods may be
// called concurrently, and by several processes on the same database.
type Store struct {
	engine  *engine.Store
	tenants tenant.Store
	db      *db
}

var _ scim.Transactor = (*Store)(nil)

// Open returns a Store over a pool, which stays the application's: to be closed
// after the Store.
func Open(ctx context.Context, pool *pgxpool.Pool, o *Options) (*Store, error) {
	if o == nil {
		o = new(Options)
	}
	over := newDB(pool)
	steps, err := steps()
	if err == nil {
		err = engine.Open(ctx, over, sqlstore.PostgreSQL, steps, o.Migrate)
	}
	var of *engine.Store
	if err == nil {
		of, err = engine.New(ctx, over, sqlstore.PostgreSQL, o.Now)
	}
	if err != nil {
		return nil, engine.Reveal(err)
	}
	return &Store{engine: of, tenants: connections.New(of.Others(), sqlstore.PostgreSQL), db: over}, nil
}

// Close does nothing, as all that the Store has is the pool's. It is there so that
// a Store is closed as one of package sqlstore is.
func (s *Store) Close() error { return nil }

// Ping reports whether the database answers and has the schema that the Store
// needs: for health checks.
func (s *Store) Ping(ctx context.Context) error {
	steps, err := steps()
	if err != nil {
		return err
	}
	return engine.Reveal(engine.Check(ctx, s.db, steps))
}

// Create implements scim.Store. The names of tenants and types have the limits of
// package sqlstore.
func (s *Store) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.engine.Create(ctx, ref, c)
}

// Get implements scim.Store. Members are read as they are used, some thousand at
// a time.
func (s *Store) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	return s.engine.Get(ctx, ref, p)
}

// List implements scim.Store. See package sqlfilter for what the database
// evaluates itself.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	return s.engine.List(ctx, q)
}

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.engine.Update(ctx, ref, c)
}

// Delete implements scim.Store.
func (s *Store) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return s.engine.Delete(ctx, ref, version)
}

// InTx implements scim.Transactor. Within fn, [Tx] finds the transaction for
// statements of the application's own. The Store that fn is given is in it, and so
// is this one when it is called with the context of fn; an InTx of theirs is a
// savepoint.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx scim.Store) error) error {
	return s.engine.InTx(ctx, fn)
}

// Tenants returns the Store of connections, tokens and records in the same
// database, for tenant.NewRegistry. What it writes is no part of a transaction of
// InTx: do not call it inside of one, and so not in a hook.
func (s *Store) Tenants() tenant.Store { return s.tenants }

// DeleteTenant deletes all resources of a tenant who is gone, and returns how many there
// were. It takes a thousand rows at a time, each time in a transaction of its own, so
// that others do not wait: if it reports an error, call it again. No hook is told. Delete
// or pause the tenant's connections before, for what is written meanwhile may stay; they
// are tenant.Registry's.
func (s *Store) DeleteTenant(ctx context.Context, tenant string) (deleted int, err error) {
	deleted, err = s.engine.DeleteTenant(ctx, tenant)
	return deleted, engine.Reveal(err)
}

// Reindex computes the Keys of all stored resources of a type anew, of all
// tenants, and returns how many changed: after the type's Indexed, or the
// caseExact or uniqueness of an attribute, has changed. It may run while the Store
// is used, and again at any time; it reads everything of the type, some thousand
// resources a second, and writes what differs.
//
// Until it is done, look-ups by what is newly indexed are answered from the documents:
// rightly, and as slowly as any that no index answers (see scim.Options.MaxScan); only
// what must be unique now may still come twice. Afterwards they go by the Keys, in other
// processes within seconds. Where the definition of before had Keys that this one has
// not, nobody goes by those any more, for which it waits four seconds. If it fails it has
// made nothing wrong: run it again, or with the definition of before. Run one at a time:
// if another one of the type begins, the first reports an error.
//
// What a process that has another definition writes afterwards has the Keys of that, and
// is not found by others. So: replace all processes, then Reindex; to go back, Reindex
// again with the definition that they have then. Where the first definition that a
// database sees of a default type has other Keys than that, Reindex with it at once; of a
// type of one's own too, where it takes no time.
//
// If a value that must be unique now is there twice, it reports scim.ErrUniqueness
// in an error that names both resources. What came before them has its Keys.
func (s *Store) Reindex(ctx context.Context, t *scim.ResourceType) (changed int, err error) {
	changed, err = s.engine.Reindex(ctx, t)
	return changed, engine.Reveal(err)
}

// Migrate brings the schema of a database up to date, as [sqlstore.Migrate] does:
// several processes may call it at once.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	steps, err := steps()
	if err != nil {
		return err
	}
	return engine.Reveal(engine.Migrate(ctx, newDB(pool), sqlstore.PostgreSQL, steps))
}

func steps() ([]engine.Migration, error) {
	return engine.Migrations(sqlstore.Migrations(sqlstore.PostgreSQL))
}
