package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
)

// counting is a driver that counts: there is nothing in it but prepared
// statements and answers of no rows.
type counting struct {
	prepared atomic.Int64 // that are open
	ran      atomic.Int64 // statements that ran prepared
	asItWas  atomic.Int64 // and that did not
}

func (c *counting) Connect(context.Context) (driver.Conn, error) { return &countingConn{c}, nil }
func (c *counting) Driver() driver.Driver                        { return driverOf{} }

type driverOf struct{}

func (driverOf) Open(string) (driver.Conn, error) { return nil, driver.ErrBadConn }

type countingConn struct{ of *counting }

func (c *countingConn) Prepare(string) (driver.Stmt, error) {
	c.of.prepared.Add(1)
	return &countingStmt{c.of}, nil
}
func (c *countingConn) Close() error              { return nil }
func (c *countingConn) Begin() (driver.Tx, error) { return c, nil }
func (c *countingConn) Commit() error             { return nil }
func (c *countingConn) Rollback() error           { return nil }

func (c *countingConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	c.of.asItWas.Add(1)
	return noRows{}, nil
}

func (c *countingConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.of.asItWas.Add(1)
	return driver.RowsAffected(1), nil
}

type countingStmt struct{ of *counting }

func (s *countingStmt) Close() error  { s.of.prepared.Add(-1); return nil }
func (s *countingStmt) NumInput() int { return -1 }

func (s *countingStmt) Exec([]driver.Value) (driver.Result, error) {
	s.of.ran.Add(1)
	return driver.RowsAffected(1), nil
}

func (s *countingStmt) Query([]driver.Value) (driver.Rows, error) {
	s.of.ran.Add(1)
	return noRows{}, nil
}

type noRows struct{}

func (noRows) Columns() []string         { return nil }
func (noRows) Close() error              { return nil }
func (noRows) Next([]driver.Value) error { return io.EOF }

func newCounting(t *testing.T) (*counting, *sql.DB) {
	c := &counting{}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return c, db
}

func (c *counting) expect(t *testing.T, prepared, ran, asItWas int64) {
	t.Helper()
	if c.prepared.Load() != prepared || c.ran.Load() != ran || c.asItWas.Load() != asItWas {
		t.Errorf("%d are prepared, %d ran so and %d did not; want %d, %d, %d",
			c.prepared.Load(), c.ran.Load(), c.asItWas.Load(), prepared, ran, asItWas)
	}
}

func run(t *testing.T, s *statements, on runner, text string) {
	t.Helper()
	if _, err := s.exec(t.Context(), on, text, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWhatComesAgainIsPrepared(t *testing.T) {
	c, db := newCounting(t)
	s := newStatements(db, true)
	run(t, s, db, "a")
	c.expect(t, 0, 0, 1)
	run(t, s, db, "a")
	run(t, s, db, "a")
	c.expect(t, 1, 2, 1)
	s.close()
	c.expect(t, 0, 2, 1)
}

func TestTheLeastRecentlyUsedIsDropped(t *testing.T) {
	c, db := newCounting(t)
	s := newStatements(db, true)
	run(t, s, db, "hot")
	for i := range 2 * maxStatements {
		run(t, s, db, fmt.Sprint(i))
		run(t, s, db, fmt.Sprint(i))
		run(t, s, db, "hot")
	}
	if got := c.prepared.Load(); got != maxStatements {
		t.Errorf("%d are prepared, want %d", got, maxStatements)
	}
	before := c.ran.Load()
	run(t, s, db, "hot")
	if c.ran.Load() != before+1 {
		t.Error("what comes all the time is not prepared any more")
	}
	s.close()
	if got := c.prepared.Load(); got != 0 {
		t.Errorf("%d are prepared after close", got)
	}
}

func TestWhatIsInUseIsClosedWhenItIsGivenBack(t *testing.T) {
	c, db := newCounting(t)
	s := newStatements(db, true)
	run(t, s, db, "a")
	st := s.take(t.Context(), db, "a")
	for i := range maxStatements {
		run(t, s, db, fmt.Sprint(i))
	}
	if c.prepared.Load() != 1 {
		t.Error("a statement was closed while it was in use")
	}
	s.giveBack(st)
	if c.prepared.Load() != 0 {
		t.Error("a statement that was dropped stays prepared")
	}
}

// A statement of one connection has one answer at a time.
func TestAStatementOfAConnectionRunsOnceAtATime(t *testing.T) {
	c, db := newCounting(t)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := newStatements(conn, false)
	run(t, s, conn, "a")
	outer, err := s.query(t.Context(), conn, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, conn, "a")
	c.expect(t, 1, 1, 2)
	outer.Close()
	run(t, s, conn, "a")
	c.expect(t, 1, 2, 2)
}

// In a transaction that has the pool's only connection nothing is prepared on
// another; it is made up for afterwards.
func TestNothingIsPreparedInATransaction(t *testing.T) {
	c, db := newCounting(t)
	p := newPostgres(db).(*postgres)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		run(t, p.stmts, tx, "a")
	}
	c.expect(t, 0, 0, 3)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	p.stmts.catchUp(t.Context())
	if tx, err = db.Begin(); err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	run(t, p.stmts, tx, "a")
	c.expect(t, 1, 1, 3)
}
