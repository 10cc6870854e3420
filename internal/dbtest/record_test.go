package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
)

// A recorder is a driver that writes down what is said to another.
type recorder struct {
	of  driver.Driver
	dsn string

	mu  sync.Mutex
	log []said
}

// said is a statement and its arguments.
type said struct {
	text string
	args []any
}

// recorded opens a database through a recorder of the driver that db has.
func recorded(db *sql.DB, dsn string) (*sql.DB, *recorder) {
	r := &recorder{of: db.Driver(), dsn: dsn}
	return sql.OpenDB(r), r
}

// take returns what was said since it was called last.
func (r *recorder) take() []said {
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log
	r.log = nil
	return log
}

func (r *recorder) say(text string, args []driver.NamedValue) {
	s := said{text: text}
	for _, a := range args {
		s.args = append(s.args, a.Value)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, s)
}

// Connect implements driver.Connector; the methods below are those by which
// package sql speaks to a driver.
func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.of.Open(r.dsn)
	if err != nil {
		return nil, err
	}
	return &recordedConn{conn, r}, nil
}

func (r *recorder) Driver() driver.Driver { return r.of }

type recordedConn struct {
	driver.Conn
	to *recorder
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip // it prepares all
	}
	c.to.say(query, args)
	return queryer.QueryContext(ctx, query, args)
}

func (c *recordedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	c.to.say(query, args)
	return execer.ExecContext(ctx, query, args)
}

func (c *recordedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *recordedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &recordedStmt{stmt, query, c.to}, nil
}

type recordedStmt struct {
	driver.Stmt
	text string
	to   *recorder
}

func (s *recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.to.say(s.text, args)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func (s *recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.to.say(s.text, args)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}
