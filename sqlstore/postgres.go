package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"reflect"
	"strings"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// postgres is an engine.DB over the pool of a PostgreSQL database.
type postgres struct {
	db    *sql.DB
	stmts *statements // nil if the driver has its own, which is pgx's then
	pgx   pgxMode
}

func newPostgres(db *sql.DB) engine.DB {
	p := &postgres{db: db}
	if !preparesItself(db.Driver()) {
		p.stmts = newStatements(db, true)
	}
	return p
}

// preparesItself reports whether a driver is pgx's, which keeps statements
// prepared for each connection, or does not where its DSN says so, as some poolers
// need. With others, statements that are prepared once take half the time.
func preparesItself(d driver.Driver) bool {
	of := reflect.TypeOf(d)
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	return strings.Contains(of.PkgPath(), "jackc/pgx")
}

func (p *postgres) close() error {
	p.stmts.close()
	return nil
}

func (p *postgres) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	reads := strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "WITH RECURSIVE")
	if p.stmts == nil && len(query) > engine.MostPrepared || p.stmts != nil && !reads {
		return p.queryAside(ctx, query, args)
	}
	r, err := p.stmts.query(ctx, p.db, query, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (p *postgres) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if within(ctx, p) {
		return 0, errWithin
	}
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return 0, ended(ctx, err)
	}
	defer conn.Close() // as in queryAside
	lingering, done := engine.Lingering(ctx)
	defer done()
	return (*statements)(nil).exec(lingering, conn, query, args)
}

// queryAside is for a long statement, and with lib/pq for one that writes: where a
// driver says that a connection is bad, package sql executes the statement on
// another, and lib/pq says so too if the server may have executed it, and perhaps
// has: not on a connection taken aside.
func (p *postgres) queryAside(ctx context.Context, query string, args []any) (engine.Rows, error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, ended(ctx, err)
	}
	if p.stmts == nil {
		args = p.pgx.with(conn, query, args)
	}
	r, err := (*statements)(nil).query(ctx, conn, query, args)
	if err != nil {
		_ = conn.Close() // the first error says more
		return nil, err
	}
	return rowsAside{r, conn}, nil
}

// rowsAside are rows on a connection of their own.
type rowsAside struct {
	*rows
	conn *sql.Conn
}

func (r rowsAside) Close() error {
	defer r.conn.Close()
	return r.rows.Close()
}

func (p *postgres) InTx(ctx context.Context, fn func(ctx context.Context, tx engine.Querier) error) error {
	if within(ctx, p) {
		return errWithin
	}
	defer p.stmts.catchUp(ctx)
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer conn.Close()
	lingering, done := engine.Lingering(ctx) // or a commit might be left half-way
	defer done()
	tx, err := conn.BeginTx(lingering, nil)
	if err != nil {
		return ended(ctx, err)
	}
	defer tx.Rollback() // of nothing, once it is committed
	if err := fn(withTx(ctx, tx, p), postgresTx{p, conn, tx}); err != nil {
		return engine.Lost(err, tx.Rollback())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.Commit()
}

type postgresTx struct {
	*postgres
	conn *sql.Conn
	tx   *sql.Tx
}

func (p postgresTx) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	if p.stmts == nil {
		args = p.pgx.with(p.conn, query, args)
	}
	r, err := p.stmts.query(ctx, p.tx, query, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (p postgresTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return p.stmts.exec(ctx, p.tx, query, args)
}
