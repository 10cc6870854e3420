package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

// A Class says what an error of a database means to the Store. No driver is
// imported for it: drivers of PostgreSQL tell their SQLSTATE by a method, those
// of SQLite their result code by a method or a field.
type Class uint8

const (
	Other         Class = iota
	Retry               // the transaction was undone and may succeed when it is done again
	Unique              // a unique constraint
	ForeignKey          // a foreign key constraint
	Unavailable         // the database is down, full, read-only or too slow
	SchemaMissing       // a table is not there: the migrations have not run
)

// ErrGroupLost is reported for a write whose own part was right, and whose
// transaction was lost because of another's: it may be done again. It comes with
// its cause.
var ErrGroupLost = errors.New("sqlstore: the transaction was lost that the write shared with others")

// ErrLost is reported for a transaction whose connection was lost, with what the
// function in it has made of that.
var ErrLost = errors.New("sqlstore: the connection of the transaction was lost")

// Lost returns err, which ended a transaction, with ErrLost if it could not be
// undone either, because the connection is gone.
func Lost(err, undone error) error {
	if Classify(undone) != Unavailable || Classify(err) == Retry {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// Classify returns the class of an error, wrapped or not. An error of the
// context is Other.
func Classify(err error) Class {
	var dialed *net.OpError
	var request *url.Error
	switch {
	case err == nil:
		return Other
	case errors.As(err, &request): // of a hook's, or a DSN that is none
		return Other
	case errors.As(err, &dialed) && dialed.Op == "dial", unconnected(err): // also where that took too long
		return Unavailable
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Other
	case errors.Is(err, ErrGroupLost):
		return Retry
	case errors.Is(err, ErrLost):
		return Unavailable
	case errors.Is(err, scim.ErrUnavailable):
		return Unavailable // whoever said so has waited or tried again already
	}
	return classOfCause(err)
}

// said reports whether an error is what a database has answered, or that it does
// not any more.
func said(err error) bool {
	_, ok := resultCode(err)
	return ok || sqlState(err) != "" || errors.Is(err, ErrLost)
}

func classOfCause(err error) Class {
	if state := sqlState(err); state != "" {
		return classOfState(state)
	}
	if code, ok := resultCode(err); ok {
		return classOfCode(code, err)
	}
	var network net.Error
	var unsent interface{ SafeToRetry() bool } // of pgx, as where a connection is found closed
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &network), errors.As(err, &unsent) && unsent.SafeToRetry(), unconnected(err),
		strings.HasSuffix(err.Error(), "sql: database is closed"), // which package sql exports no name for
		err.Error() == "closed pool":                              // pgx's
		return Unavailable
	}
	return Other
}

// unconnected reports whether pgx found no server to connect to: while one takes
// another's place, all may answer that they only read.
func unconnected(err error) bool {
	for e := range chain(err) {
		if of := reflect.TypeOf(e); of.Kind() == reflect.Pointer && of.Elem().Name() == "ConnectError" {
			return true
		}
	}
	return false
}

// classOfState knows the codes of PostgreSQL's appendix A.
func classOfState(state string) Class {
	switch state {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return Retry
	case "23505":
		return Unique
	case "23503":
		return ForeignKey
	case "42P01", "3F000": // undefined_table, invalid_schema_name
		return SchemaMissing
	case "25006", // read_only_sql_transaction: a standby
		"40003",          // statement_completion_unknown
		"55P03", "57014", // lock_not_available, query_canceled: by a timeout of the server's
		"3D000": // invalid_catalog_name
		return Unavailable
	}
	switch state[:2] {
	case "08", "28", "53", "57", "58": // connection, authorization, resources, operator intervention, system
		return Unavailable
	}
	return Other
}

// The result codes of https://sqlite.org/rescode.html.
const (
	sqliteError      = 1
	sqlitePerm       = 3
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteNoMem      = 7
	sqliteReadOnly   = 8
	sqliteIOErr      = 10
	sqliteCorrupt    = 11
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteProtocol   = 15
	sqliteTooBig     = 18
	sqliteConstraint = 19
	sqliteMismatch   = 20
	sqliteRange      = 25
	sqliteNotADB     = 26

	sqliteConstraintForeignKey = 787
	sqliteConstraintPrimaryKey = 1555
	sqliteConstraintUnique     = 2067
)

func classOfCode(code int, err error) Class {
	switch code {
	case sqliteConstraintForeignKey:
		return ForeignKey
	case sqliteConstraintPrimaryKey, sqliteConstraintUnique:
		return Unique
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteProtocol:
		return Retry
	case sqliteFull, sqliteIOErr, sqliteReadOnly, sqliteCantOpen, sqliteCorrupt, sqliteNotADB, sqlitePerm, sqliteNoMem:
		return Unavailable
	case sqliteError:
		if strings.Contains(err.Error(), "no such table") {
			return SchemaMissing
		}
	}
	return Other
}

// Harmless reports whether an error of a statement in SQLite undid no more than
// that statement. Others may have ended the transaction
// (https://sqlite.org/lang_transaction.html).
func Harmless(err error) bool {
	code, ok := resultCode(err)
	if !ok {
		return !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch code & 0xff {
	case sqliteError, sqliteConstraint, sqliteMismatch, sqliteTooBig, sqliteRange:
		return true
	}
	return false
}

// sqlState returns the SQLSTATE of an error of PostgreSQL, or nothing.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) && len(e.SQLState()) == 5 {
		return e.SQLState()
	}
	return ""
}

// resultCode returns the extended result code of an error of SQLite.
func resultCode(err error) (code int, ok bool) {
	for e := range chain(err) {
		if code, ok := sqliteCode(e); ok {
			return code, true
		}
	}
	return 0, false
}

// sqliteCode reads the code of an error of modernc.org/sqlite (a method Code),
// github.com/ncruces/go-sqlite3 (methods ExtendedCode, of types of its own, or a
// code that is an error itself) and github.com/mattn/go-sqlite3 (a field
// ExtendedCode). Codes of others are no result codes.
func sqliteCode(err error) (int, bool) {
	v := reflect.ValueOf(err)
	of := v.Type()
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if !strings.Contains(of.PkgPath(), "sqlite") {
		return 0, false
	}
	if e, ok := err.(interface{ Code() int }); ok {
		return e.Code(), true
	}
	if m := v.MethodByName("ExtendedCode"); m.IsValid() && m.Type().NumIn() == 0 && m.Type().NumOut() == 1 {
		return integer(m.Call(nil)[0])
	}
	if s := structOf(err); s.IsValid() {
		if code, ok := integer(s.FieldByName("ExtendedCode")); ok && code != 0 {
			return code, true
		}
		return integer(s.FieldByName("Code"))
	}
	return integer(v)
}

func integer(v reflect.Value) (int, bool) {
	switch {
	case v.IsValid() && v.CanInt():
		return int(v.Int()), true
	case v.IsValid() && v.CanUint():
		return int(v.Uint()), true
	}
	return 0, false
}

// structOf returns the struct that an error is or points to.
func structOf(err error) reflect.Value {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v
}

// chain yields an error and what it wraps, depth first.
func chain(err error) func(yield func(error) bool) {
	return func(yield func(error) bool) { walk(err, yield) }
}

func walk(err error, yield func(error) bool) bool {
	if err == nil {
		return true
	}
	if !yield(err) {
		return false
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return walk(e.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, each := range e.Unwrap() {
			if !walk(each, yield) {
				return false
			}
		}
	}
	return true
}

// Explain returns what a client is told of an error that no retry has helped
// with: an [scim.Error] of scim.ErrUnavailable if it is Retry, Unavailable or
// SchemaMissing, otherwise err itself. Nothing of the database's own words is in
// its Detail.
func Explain(err error) error {
	if told := (*scim.Error)(nil); errors.As(err, &told) {
		return err
	}
	switch class := Classify(err); class {
	case Retry, Unavailable, SchemaMissing:
		detail, after := diagnosis(class, err)
		return &scim.Error{Kind: scim.ErrUnavailable, Detail: detail, RetryAfter: after, Err: err}
	}
	return err
}

// Reveal returns an error for those who develop or operate the service, whose text
// names what a client is not told: the cause.
func Reveal(err error) error {
	told := (*scim.Error)(nil)
	if !errors.As(err, &told) || told.Err == nil {
		return err
	}
	text := strings.Replace(err.Error(), told.Error(), told.Detail+": "+told.Err.Error(), 1)
	return &revealed{"sqlstore: " + strings.TrimPrefix(text, "sqlstore: "), err}
}

type revealed struct {
	text string
	err  error
}

func (e *revealed) Error() string { return e.text }
func (e *revealed) Unwrap() error { return e.err }

const (
	soon  = time.Second      // for what passes by itself
	later = 30 * time.Second // for what somebody has to see to
)

func diagnosis(class Class, err error) (detail string, after time.Duration) {
	state := sqlState(err)
	code, _ := resultCode(err)
	code &= 0xff
	switch {
	case class == SchemaMissing:
		return "the database has not been set up for this service", later
	case state == "53100", code == sqliteFull:
		return "the database has no room left: nothing was changed", later
	case state == "25006", code == sqliteReadOnly, code == sqlitePerm:
		return "the database can only be read at the moment: try again", soon
	case state == "53300":
		return "the database has too many connections: try again", soon
	case state == "55P03", state == "57014":
		return "the database took too long: try again", soon
	case code == sqliteCorrupt, code == sqliteNotADB:
		return "the database is damaged: its operator must look at it", 0
	case class == Retry && classOfCause(err) != Unavailable:
		return "the database is busy: try again", soon
	}
	return "the database is not available: try again", soon
}
