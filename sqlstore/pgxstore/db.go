package pgxstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// db is an engine.DB over a pool.
type db struct {
	pool    *pgxpool.Pool
	config  *pgx.ConnConfig
	writers writers
}

func newDB(pool *pgxpool.Pool) *db {
	return &db{pool: pool, config: pool.Config().ConnConfig, writers: newWriters(pool)}
}

// oversize reports whether a statement is one that pgx is not to keep prepared, though
// it does so with others.
func oversize(config *pgx.ConnConfig, query string) bool {
	usual := config.DefaultQueryExecMode
	return len(query) > engine.MostPrepared && (usual == pgx.QueryExecModeCacheStatement || usual == pgx.QueryExecModeCacheDescribe)
}

func (d *db) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	if oversize(d.config, query) {
		args = append([]any{pgx.QueryExecModeDescribeExec}, args...)
	}
	r, err := d.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return &rows{Rows: r, ctx: ctx}, nil
}

func (d *db) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return d.writers.exec(ctx, query, args)
}

func (d *db) InTx(ctx context.Context, fn func(ctx context.Context, tx engine.Querier) error) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer conn.Release()
	// How it ends is not left open when the caller gives up.
	lingering, done := engine.Lingering(ctx)
	defer done()
	t := &transaction{conn: conn.Conn(), config: d.config, ctx: lingering}
	defer t.end()
	if err := fn(withTx(ctx, t), t); err != nil {
		return engine.Lost(t.because(err), t.undo())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.commit()
}

// rows are the rows of a query, the last of a batch if there is one.
type rows struct {
	pgx.Rows
	ctx   context.Context
	batch pgx.BatchResults
}

func (r *rows) Close() error {
	r.Rows.Close()
	if r.batch != nil {
		if err := r.batch.Close(); err != nil {
			return ended(r.ctx, err)
		}
	}
	return r.Err()
}

func (r *rows) Err() error { return ended(r.ctx, r.Rows.Err()) }

// ended returns the error of a context that has ended in place of what came of
// it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
