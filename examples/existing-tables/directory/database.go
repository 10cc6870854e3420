package directory

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// A dialect is what the two databases do not have in common. Placeholders they
// have: SQLite's driver modernc.org/sqlite takes $1 for the first argument too.
type dialect struct {
	sqlfilter.Dialect
	forUpdate string // after a SELECT: nobody else changes or deletes the rows meanwhile
	forShare  string // nobody else deletes them
	list      string // the ids of a JSON array
}

func dialectOf(d sqlfilter.Dialect) dialect {
	if d == sqlfilter.SQLite { // has one writer at a time, who need not lock rows
		return dialect{Dialect: d, list: "(SELECT value FROM json_each(%s))"}
	}
	return dialect{d, " FOR UPDATE", " FOR KEY SHARE", "(SELECT value::uuid FROM json_array_elements_text(%s::json))"}
}

// ids is the list of the ids in an argument.
func (d dialect) ids(argument string) string { return fmt.Sprintf(d.list, argument) }

// jsonOf writes the argument, without what can be no id: PostgreSQL would refuse it.
func jsonOf(ids []string) string {
	possible := make([]string, 0, len(ids))
	for _, id := range ids {
		if isID(id) {
			possible = append(possible, id)
		}
	}
	text, _ := json.Marshal(possible) // strings have no errors
	return string(text)
}

func isID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// A moment is a time in a row. PostgreSQL's drivers hand over a time, SQLite's the
// text, and both take a text.
type moment struct{ *time.Time }

func (m moment) Value() (driver.Value, error) {
	return m.UTC().Format("2006-01-02T15:04:05.000Z"), nil
}

func (m moment) Scan(src any) (err error) {
	at, ok := src.(time.Time)
	if !ok {
		at, err = time.Parse(time.RFC3339Nano, fmt.Sprint(src))
	}
	*m.Time = at.UTC()
	return err
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls fn for each row.
func each(ctx context.Context, q querier, query string, args []any, fn func(rows *sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return ended(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return ended(ctx, rows.Err())
}

// ended returns the error of the context if that is why a statement failed, for
// which drivers have errors of their own.
func ended(ctx context.Context, err error) error {
	if cause := ctx.Err(); err != nil && cause != nil {
		return cause
	}
	return err
}

// inTx calls fn in a transaction, and again if the database asks for it. The
// context ends statements, but no commit that has begun: nobody could say whether it
// took effect.
func inTx(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) error) error {
	once := func() error {
		tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // of what is committed it does nothing
		if err := fn(tx); err != nil {
			return ended(ctx, err)
		}
		return tx.Commit()
	}
	var err error
	for try := range 10 {
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = once(); kindOf(err) != busy {
			return err
		}
		time.Sleep(rand.N(5 * time.Millisecond << try))
	}
	return &scim.Error{Kind: scim.ErrUnavailable, Detail: "too many changes at the same time", RetryAfter: time.Second, Err: err}
}

// How an error of the database is to be taken.
const (
	other = iota
	busy  // the transaction may succeed when it is done again
	taken // a value that must be unique
)

// kindOf knows the SQLSTATEs of PostgreSQL and the result codes of SQLite, which
// the errors of the drivers tell by a method.
func kindOf(err error) int {
	var postgres interface{ SQLState() string }
	if errors.As(err, &postgres) {
		switch postgres.SQLState() {
		case "40001", "40P01": // serialization_failure, deadlock_detected
			return busy
		case "23505": // unique_violation
			return taken
		}
	}
	var sqlite interface{ Code() int }
	if errors.As(err, &sqlite) {
		switch code := sqlite.Code(); {
		case code&0xff == 5: // SQLITE_BUSY
			return busy
		case code == 2067: // SQLITE_CONSTRAINT_UNIQUE
			return taken
		}
	}
	return other
}
