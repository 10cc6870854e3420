package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// sqlite is an engine.DB over the pool of an SQLite database. One connection
// writes, for all who do; the others read what is committed.
type sqlite struct {
	db      *sql.DB
	options sqliteOptions
	keep    bool        // the writing connection; else it is the pool's only one, and taken for each group
	reads   *statements // of the pool
	groups  committer
	writer  *sqliteWriter // nil until there is one; for the one who has the turn

	checkpoints *checkpointer // nil if SQLite makes its own
}

type sqliteOptions struct {
	Normal      bool          // PRAGMA synchronous=NORMAL: what was written last may be lost with the power, nothing else
	BusyTimeout time.Duration // to wait for another process that writes; default: 5 s
}

// newSQLite prepares an SQLite database to be written to: in WAL mode, by one
// connection that it keeps until Close. If the pool has no more than one, which an
// in-memory database needs, readers and writers take turns in it.
func newSQLite(ctx context.Context, db *sql.DB, o sqliteOptions) (*sqlite, error) {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	s := &sqlite{db: db, options: o, keep: db.Stats().MaxOpenConnections != 1, reads: newStatements(db, true)}
	s.groups.begin = s.begin
	w, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	path, err := w.prepare(ctx)
	switch {
	case err != nil:
		w.discard()
		return nil, err
	case path == "" && s.keep:
		w.discard()
		return nil, errors.New("sqlstore: an in-memory database is one of its own for each connection: call SetMaxOpenConns(1)")
	case !s.keep:
		return s, w.conn.Close()
	}
	s.writer = w
	s.checkpoints = newCheckpointer(s, path+"-wal")
	return s, nil
}

// Close waits for those who write and gives the writing connection up. The
// database is the application's to close. Later writes are refused.
func (s *sqlite) Close() error {
	if s.checkpoints != nil {
		s.checkpoints.stop()
	}
	var err error
	s.groups.close(func() {
		if s.writer == nil {
			return
		}
		if s.checkpoints != nil {
			err = errors.Join(s.writer.optimize(), s.writer.truncate())
		}
		s.writer.discard()
		s.writer = nil
	})
	s.reads.close()
	return err
}

// Query reads what is committed. Who reads and who writes do not wait for each
// other.
func (s *sqlite) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	if !s.keep && within(ctx, s) {
		return nil, errWithin // the only connection is the transaction's
	}
	r, err := s.reads.query(ctx, s.db, query, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *sqlite) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	if within(ctx, s) {
		return 0, errWithin
	}
	err = s.groups.do(ctx, func(g *group) (err error) {
		affected, err = g.transaction.(*sqliteTx).exec(context.WithoutCancel(ctx), query, args...)
		if err != nil && !engine.Harmless(err) {
			g.lost = err // a statement undoes itself, unless it took the transaction with it
		}
		return err
	})
	return affected, err
}

// errWithin is reported where a call would wait for its own transaction.
var errWithin = errors.New("sqlstore: a transaction is running in this context: use the Store, or the Tx, that it gave")

// errOver is reported to who keeps the Store of a transaction.
var errOver = errors.New("sqlstore: the transaction is over")

func (s *sqlite) InTx(ctx context.Context, fn func(ctx context.Context, tx engine.Querier) error) error {
	if within(ctx, s) {
		return errWithin
	}
	return s.groups.do(ctx, func(g *group) error { return s.turn(ctx, g, fn) })
}

// turn runs fn between savepoints, so that it can be undone alone. Its context
// is never cancelled: SQLite answers an interrupt by undoing all of a
// transaction, and this one is others' too.
func (s *sqlite) turn(ctx context.Context, g *group, fn func(ctx context.Context, tx engine.Querier) error) (err error) {
	tx := g.transaction.(*sqliteTx)
	ctx = withTx(context.WithoutCancel(ctx), tx.tx, s)
	if _, err := tx.exec(ctx, "SAVEPOINT scim_turn"); err != nil {
		g.lost = err
		return err
	}
	q := &sqliteTurn{tx: tx}
	defer func() { q.broken = errOver }() // what is written later would be in others' turns
	kept := false
	defer func() {
		if kept {
			return
		}
		if lost := tx.undo(ctx); lost != nil {
			g.lost = lost
			if q.broken != nil {
				g.lost = q.broken
			}
		}
	}()
	if err := fn(ctx, q); err != nil {
		return err
	}
	if q.broken != nil {
		return q.broken // whatever fn has made of it
	}
	if _, err := tx.exec(ctx, "RELEASE scim_turn"); err != nil {
		return err
	}
	kept = true
	return nil
}

// sqliteTurn is the transaction in one turn. After an error that may have ended
// the transaction nothing more is done: each statement would be one of its own.
type sqliteTurn struct {
	tx     *sqliteTx
	broken error
}

func (t *sqliteTurn) Query(ctx context.Context, query string, args ...any) (engine.Rows, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	r, err := t.tx.query(context.WithoutCancel(ctx), query, args...)
	if err != nil {
		return nil, t.note(err)
	}
	return &turnRows{r, t}, nil
}

func (t *sqliteTurn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if t.broken != nil {
		return 0, t.broken
	}
	affected, err := t.tx.exec(context.WithoutCancel(ctx), query, args...)
	return affected, t.note(err)
}

func (t *sqliteTurn) note(err error) error {
	if err != nil && !engine.Harmless(err) {
		t.broken = err
	}
	return err
}

type turnRows struct {
	*rows
	in *sqliteTurn
}

func (r *turnRows) Err() error { return r.in.note(r.rows.Err()) }

// begin begins a transaction that can be written to. It waits for other
// processes that write, until the caller gives up.
func (s *sqlite) begin(ctx context.Context) (transaction, error) {
	if s.writer == nil {
		w, err := s.open(ctx)
		if err != nil {
			return nil, ended(ctx, err)
		}
		s.writer = w
	}
	for until := time.Now().Add(s.options.BusyTimeout); ; {
		tx, err := s.writer.begin(ctx)
		if err == nil {
			return &sqliteTx{s.writer, tx, s}, nil
		}
		busy := engine.Classify(err) == engine.Retry
		late := !time.Now().Before(until)
		if busy && !late && ctx.Err() == nil {
			continue
		}
		s.release(busy)
		if busy && late {
			err = engine.Explain(err)
		}
		return nil, ended(ctx, err)
	}
}

// open takes a connection to write with.
func (s *sqlite) open(ctx context.Context) (*sqliteWriter, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &sqliteWriter{conn: conn}
	if s.keep {
		w.stmts = newStatements(conn, false)
	}
	if err := w.configure(context.WithoutCancel(ctx), s); err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// release is called when a transaction is over. A connection that may not be
// in order is not used again.
func (s *sqlite) release(sound bool) {
	switch {
	case !sound:
		s.writer.discard()
	case s.keep:
		return
	default:
		s.writer.conn.Close()
	}
	s.writer = nil
}

// sqliteTx is the transaction of a group.
type sqliteTx struct {
	*sqliteWriter
	tx *sql.Tx
	of *sqlite
}

func (t *sqliteTx) commit() error {
	err := t.tx.Commit()
	t.of.release(err == nil)
	if err == nil && t.of.checkpoints != nil {
		t.of.checkpoints.written()
	}
	return err
}

func (t *sqliteTx) rollback() { t.of.release(t.tx.Rollback() == nil) }

func (t *sqliteTx) undo(ctx context.Context) error {
	if _, err := t.exec(ctx, "ROLLBACK TO scim_turn"); err != nil {
		return err
	}
	_, err := t.exec(ctx, "RELEASE scim_turn")
	return err
}

// sqliteWriter is the connection that writes.
type sqliteWriter struct {
	conn  *sql.Conn
	stmts *statements // nil if it is not kept
}

// patience is how long SQLite itself waits for a lock, after which it is asked
// whether anybody still waits.
const patience = 250 * time.Millisecond

// The write-ahead log has so many pages when SQLite makes a checkpoint within a
// commit, if those aside have not kept up, and begins it anew. To sync what is
// written over costs half as much as to sync a file that grows, so where each commit
// does that the log is kept shorter.
const (
	walPages        = 4000
	walPagesRelaxed = 16000
)

// configure sets what SQLite does not keep with the file.
func (w *sqliteWriter) configure(ctx context.Context, s *sqlite) error {
	synchronous, pages := "FULL", walPages
	if s.options.Normal {
		synchronous, pages = "NORMAL", walPagesRelaxed
	}
	pragmas := []string{
		fmt.Sprintf("PRAGMA busy_timeout=%d", min(patience, s.options.BusyTimeout).Milliseconds()),
		"PRAGMA synchronous=" + synchronous,
		"PRAGMA foreign_keys=ON",
	}
	if s.keep {
		pragmas = append(pragmas, fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", pages))
	}
	for _, pragma := range pragmas {
		if _, err := w.conn.ExecContext(ctx, pragma); err != nil {
			return err
		}
	}
	return nil
}

// prepare puts the database in WAL mode and returns its path, which is empty for
// one in memory.
func (w *sqliteWriter) prepare(ctx context.Context) (path string, err error) {
	var number int
	var name string
	if err := w.conn.QueryRowContext(ctx, "SELECT seq, name, file FROM pragma_database_list WHERE name = 'main'").Scan(&number, &name, &path); err != nil {
		return "", err
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var mode string
		err := w.conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
		switch {
		case err == nil && !strings.EqualFold(mode, "wal") && path != "":
			return "", fmt.Errorf("sqlstore: the database cannot be put in WAL mode, it is in %s mode", mode)
		case err == nil:
			return path, nil
		case engine.Classify(err) != engine.Retry || !time.Now().Before(until): // SQLite does not wait by itself here
			return "", err
		}
	}
}

// begin begins a transaction with the lock that writing takes, which package sql
// has no word for.
func (w *sqliteWriter) begin(ctx context.Context) (*sql.Tx, error) {
	ctx = context.WithoutCancel(ctx)
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{"COMMIT", "BEGIN IMMEDIATE"} {
		if _, err := w.exec(ctx, statement); err != nil {
			tx.Rollback()
			return nil, err
		}
	}
	return tx, nil
}

// A statement prepared on a connection is in the transaction that runs on it,
// and is prepared once for all of them.
func (w *sqliteWriter) query(ctx context.Context, query string, args ...any) (*rows, error) {
	return w.stmts.query(ctx, w.conn, query, args)
}

func (w *sqliteWriter) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return w.stmts.exec(ctx, w.conn, query, args)
}

// discard closes the connection, so that nobody finds its settings, or a
// transaction, in the pool.
func (w *sqliteWriter) discard() {
	w.stmts.close()
	w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn.Close()
}

// optimize gives the planner statistics of tables that have grown much since it
// had them. Most times it does nothing.
func (w *sqliteWriter) optimize() error {
	_, err := w.conn.ExecContext(context.Background(), "PRAGMA optimize")
	return err
}

// truncate makes a checkpoint and the write-ahead log empty, unless others read
// it or write.
func (w *sqliteWriter) truncate() error {
	_, err := w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}
