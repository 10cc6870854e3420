// Package sqlstore keeps resources in an SQL database, in tables of its own: in
// PostgreSQL, for one process or many, and in SQLite, for one machine. It imports
// no driver; the application brings a *sql.DB of any.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, &sqlstore.Options{Migrate: true})
//	defer store.Close()
//	handler, err := scim.NewHandler(store, tokens, nil)
//
// A write that was acknowledged is durable, and a write is whole or not there at
// all. Looking up a resource by its id or one of its Keys, and adding a member to a
// group or removing one, cost the same however much is stored. Filters, sorts and
// pages are evaluated by the database.
//
// In PostgreSQL a write locks the resources that it changes and no others; what the
// database refuses because of others at the same time is tried again. In SQLite one
// connection writes for all, and those who write at the same time share a commit.
// Several processes may use one SQLite file; they wait for each other to write.
package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore/internal/connections"
	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/sqlstore/migrations"
	"github.com/usherkit/scim/tenant"
)

// A Dialect is a kind of database.
type Dialect = sqlfilter.Dialect

// PostgreSQL is of version 15 or later, or of an engine that speaks like it; its
// encoding is UTF8. SQLite is of version 3.44 or later, and with it the Store sets
// its writing connection to WAL mode and synchronous=FULL itself.
const (
	PostgreSQL = sqlfilter.PostgreSQL
	SQLite     = sqlfilter.SQLite
)

// Options change how a Store works. The zero Options, and nil, mean the defaults.
type Options struct {
	// Migrate has Open bring the schema up to date, as [Migrate] does. Otherwise
	// Open reports an error if it is not.
	Migrate bool

	Now func() time.Time // the clock; default: time.Now; called concurrently

	// Relaxed sets synchronous=NORMAL in SQLite: a commit does not wait for the
	// disk. If the machine, and not only the process, fails, the writes of the last
	// moments may be lost; what is there is consistent. In PostgreSQL set
	// synchronous_commit in the DSN instead.
	Relaxed bool

	// BusyTimeout is how long a write waits in SQLite for another process to
	// finish its own. Default: 5 seconds.
	BusyTimeout time.Duration
}

// A Store is a scim.Transactor in a database. Its methods may be called
// concurrently, and by several processes on the same database.
type Store struct {
	engine  *engine.Store
	tenants tenant.Store
	db      engine.DB
	steps   []engine.Migration
	close   func() error
}

var _ scim.Transactor = (*Store)(nil)

// Open returns a Store over db, which stays the application's: to be closed after
// the Store. With SQLite, either all connections of db lead to one file, or it is
// in memory and db has been told SetMaxOpenConns(1).
func Open(ctx context.Context, db *sql.DB, d Dialect, o *Options) (*Store, error) {
	if o == nil {
		o = new(Options)
	}
	steps, err := steps(d)
	if err != nil {
		return nil, err
	}
	over, closeDB, err := database(ctx, db, d, *o)
	if err != nil {
		return nil, engine.Reveal(engine.Explain(err))
	}
	if err := engine.Open(ctx, over, d, steps, o.Migrate); err != nil {
		_ = closeDB() // the first error says more
		return nil, engine.Reveal(err)
	}
	of, err := engine.New(ctx, over, d, o.Now)
	if err != nil {
		_ = closeDB()
		return nil, engine.Reveal(err)
	}
	return &Store{engine: of, tenants: connections.New(of.Others(), d), db: over, steps: steps, close: closeDB}, nil
}

func database(ctx context.Context, db *sql.DB, d Dialect, o Options) (engine.DB, func() error, error) {
	switch d {
	case PostgreSQL:
		p := newPostgres(db)
		return p, p.(*postgres).close, nil
	case SQLite:
		s, err := newSQLite(ctx, db, sqliteOptions{Normal: o.Relaxed, BusyTimeout: o.BusyTimeout})
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	return nil, nil, fmt.Errorf("sqlstore: unknown dialect %d", d)
}

// Close ends what the Store does in the background and gives its connections back.
// In SQLite it waits for the writes that are under way, and later ones fail.
func (s *Store) Close() error { return s.close() }

// Ping reports whether the database answers and has the schema that the Store
// needs: for health checks.
func (s *Store) Ping(ctx context.Context) error {
	return engine.Reveal(engine.Check(ctx, s.db, s.steps))
}

// Create implements scim.Store. The name of a tenant has 1,000 bytes at the most and
// that of a type 200, of UTF-8 without NULs: others are scim.ErrInvalidValue, and
// have no resources.
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
// savepoint. In SQLite that context has no deadline and is not cancelled, which would
// undo what others wrote with it.
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

// Migrate brings the schema of a database up to date. Several processes may call it
// at once. It only adds to what is there, each step in a transaction of its own:
// what works with the schema of before goes on working, and if a step fails, the
// schema is what it was before it.
func Migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	over, closeDB, err := database(ctx, db, d, Options{})
	if err != nil {
		return engine.Reveal(engine.Explain(err))
	}
	err = engine.Reveal(engine.Migrate(ctx, over, d, steps))
	if e := closeDB(); err == nil {
		err = e
	}
	return err
}

// Migrations returns the migrations as files, NNNN_name.sql, for tools that run
// such (goose, whose format they have) and for people who do. The rows of
// scim_migration (version, name, applied_ms) tell Open which were made: a tool that
// keeps its own record has to write them too.
func Migrations(d Dialect) fs.FS {
	dir := "postgres"
	if d == SQLite {
		dir = "sqlite"
	}
	files, err := fs.Sub(migrations.Files, dir)
	if err != nil {
		panic(err) // they are embedded
	}
	return files
}

// Script returns the migrations after a version as SQL to run by hand, transactions
// and the rows of scim_migration included; after version 0 is all of it. The version
// of a database is max(version) of scim_migration.
func Script(d Dialect, after int) (string, error) {
	list, err := steps(d)
	return engine.Script(d, list, after), err
}

func steps(d Dialect) ([]engine.Migration, error) { return engine.Migrations(Migrations(d)) }
