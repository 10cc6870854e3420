package sqlstore

import (
	"database/sql"
	"fmt"
	"reflect"
	"sync"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// pgxMode is the argument that tells pgx not to keep a statement prepared. pgx keeps
// the last 512 of each connection, and PostgreSQL megabytes for each that a long
// filter makes. Its type is pgx's, which nothing here imports: a
// connection knows it.
type pgxMode struct {
	once sync.Once
	mode any // nil: nothing is kept anyway
}

// with returns the arguments of a statement that is to be executed on a connection
// of pgx's driver.
func (m *pgxMode) with(conn *sql.Conn, query string, args []any) []any {
	if len(query) <= engine.MostPrepared {
		return args
	}
	m.once.Do(func() {
		_ = conn.Raw(func(driverConn any) error { // or the statement finds out what is wrong
			m.mode = modeOf(driverConn)
			return nil
		})
	})
	if m.mode == nil {
		return args
	}
	return append([]any{m.mode}, args...)
}

// modeOf returns pgx.QueryExecModeDescribeExec if a connection would keep a
// statement otherwise.
func modeOf(driverConn any) any {
	config := call(call(reflect.ValueOf(driverConn), "Conn"), "Config") // *pgx.ConnConfig
	if config.Kind() != reflect.Pointer || config.Elem().Kind() != reflect.Struct {
		return nil
	}
	usual := config.Elem().FieldByName("DefaultQueryExecMode")
	if !usual.IsValid() || !usual.CanInt() {
		return nil
	}
	switch fmt.Sprint(usual) {
	case "cache statement", "cache describe":
	default:
		return nil
	}
	mode := reflect.New(usual.Type()).Elem()
	for i := range int64(10) {
		if mode.SetInt(i); fmt.Sprint(mode) == "describe exec" {
			return mode.Interface()
		}
	}
	return nil
}

// call calls a method without arguments; of what has no such, it is nothing.
func call(v reflect.Value, name string) reflect.Value {
	if !v.IsValid() {
		return v
	}
	m := v.MethodByName(name)
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return reflect.Value{}
	}
	return m.Call(nil)[0]
}
