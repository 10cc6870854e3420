// Package dbtest gives tests real databases: PostgreSQL servers, of several
// versions and with a standby, that live as long as a test does, and SQLite
// through each of its drivers. Nothing here is a mock.
//
// A package that uses Postgres has a TestMain:
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// Environment variables:
//
//	USHER_TEST_POSTGRES       DSN of a server for Postgres to create databases on, instead of one of its own
//	USHER_TEST_POSTGRES_BINS  directories with initdb and postgres, separated as in PATH, instead of those found
//	USHER_TEST_SQLITE         the driver of OpenSQLite, instead of the default
//	USHER_TEST_SEED           the seed of a random test, as one that failed has logged it
//	CI                        if not empty: what is missing fails a test instead of skipping it
package dbtest

import (
	"database/sql"
	"os"
	"testing"
)

// Main runs a package's tests and then stops the server that Postgres started.
func Main(m *testing.M) {
	m.Run() // which keeps the exit code, and the caller exits with it
	stopShared()
}

// Open opens a database, which is closed when the test ends.
func Open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test may have killed the server
	return db
}

// missing ends a test for which something is not on this machine: a CI that
// skips tests promises what it has not seen.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}
