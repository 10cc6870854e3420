package sqlstore

import (
	"container/list"
	"context"
	"database/sql"
	"sync"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// statements keeps the statements that are used most recently prepared. A
// statement is prepared when its text comes for the second time: what comes once
// would only be slower for it.
type statements struct {
	on     preparer
	shared bool // one statement may run several times at once, as those of a pool do

	mu     sync.Mutex
	byText map[string]*list.Element // of *statement
	order  list.List                // the least recently used last
	wanted []string                 // texts to prepare when no transaction is open
}

// A preparer is a *sql.DB or a *sql.Conn.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

type statement struct {
	text      string
	stmt      *sql.Stmt // nil until it is prepared
	preparing bool
	users     int
	dropped   bool
}

const maxStatements = 256

func newStatements(on preparer, shared bool) *statements {
	return &statements{on: on, shared: shared, byText: map[string]*list.Element{}}
}

// take returns the prepared statement of a text, to be given back, or nil if the
// text has to run as it is. For one who is in a transaction of the pool nothing is
// prepared: that takes another connection, which somebody may hold who waits for
// one too.
func (s *statements) take(ctx context.Context, on runner, text string) *statement {
	if s == nil || len(text) > engine.MostPrepared {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, seen := s.byText[text]
	if !seen {
		s.byText[text] = s.order.PushFront(&statement{text: text})
		s.shrink()
		return nil
	}
	s.order.MoveToFront(at)
	st := at.Value.(*statement)
	_, inTx := on.(*sql.Tx)
	switch {
	case st.preparing, st.users > 0 && !s.shared:
		return nil
	case st.stmt == nil && inTx:
		s.wanted = append(s.wanted, text)
		return nil
	case st.stmt == nil && !s.prepare(ctx, st):
		return nil
	}
	st.users++
	return st
}

// prepare prepares a statement without the lock. What is wrong with its text is
// told by running it.
func (s *statements) prepare(ctx context.Context, st *statement) bool {
	st.preparing = true
	s.mu.Unlock()
	stmt, err := s.on.PrepareContext(ctx, st.text)
	s.mu.Lock()
	st.preparing = false
	if err != nil {
		return false
	}
	st.stmt = stmt
	return true
}

// catchUp prepares what was wanted in transactions.
func (s *statements) catchUp(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	texts := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	for _, text := range texts {
		s.giveBack(s.take(ctx, nil, text))
	}
}

func (s *statements) giveBack(st *statement) {
	if st == nil {
		return
	}
	s.mu.Lock()
	st.users--
	drop := st.dropped && st.users == 0
	s.mu.Unlock()
	if drop {
		st.stmt.Close()
	}
}

// shrink drops the least recently used statement if there are too many. One that
// is in use is closed when it is given back.
func (s *statements) shrink() {
	if s.order.Len() <= maxStatements {
		return
	}
	for at := s.order.Back(); at != nil; at = at.Prev() {
		st := at.Value.(*statement)
		if st.preparing {
			continue
		}
		s.order.Remove(at)
		delete(s.byText, st.text)
		st.dropped = true
		if st.stmt != nil && st.users == 0 {
			st.stmt.Close()
		}
		return
	}
}

func (s *statements) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.byText {
		if st := at.Value.(*statement); st.stmt != nil {
			st.stmt.Close()
		}
	}
	clear(s.byText)
	s.order.Init()
}

// rows are the rows of a statement that is given back when they are closed.
type rows struct {
	*sql.Rows
	ctx  context.Context
	from *statements
	st   *statement
}

func (r *rows) Close() error {
	err := r.Rows.Close()
	r.from.giveBack(r.st)
	r.st = nil
	return err
}

// Err is the context's error where the driver has its own words for it.
func (r *rows) Err() error { return ended(r.ctx, r.Rows.Err()) }

// ended returns the error of a context that has ended in place of what came of
// it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// A runner runs statements as they are: a *sql.DB, *sql.Conn or *sql.Tx.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// query runs a query, prepared if it can be, on what s prepares on or in a
// transaction of it.
func (s *statements) query(ctx context.Context, on runner, text string, args []any) (*rows, error) {
	st := s.take(ctx, on, text)
	var answer *sql.Rows
	var err error
	if st != nil {
		answer, err = st.of(ctx, on).QueryContext(ctx, args...)
	} else {
		answer, err = on.QueryContext(ctx, text, args...)
	}
	if err != nil {
		s.giveBack(st)
		return nil, ended(ctx, err)
	}
	return &rows{Rows: answer, ctx: ctx, from: s, st: st}, nil
}

// exec runs a statement as query does.
func (s *statements) exec(ctx context.Context, on runner, text string, args []any) (affected int64, err error) {
	st := s.take(ctx, on, text)
	defer s.giveBack(st)
	var result sql.Result
	if st != nil {
		result, err = st.of(ctx, on).ExecContext(ctx, args...)
	} else {
		result, err = on.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, ended(ctx, err)
	}
	return result.RowsAffected()
}

// of returns the statement as it is to be used on one.
func (st *statement) of(ctx context.Context, on runner) *sql.Stmt {
	if tx, ok := on.(*sql.Tx); ok {
		return tx.StmtContext(ctx, st.stmt)
	}
	return st.stmt
}
