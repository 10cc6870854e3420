package dbtest

import (
	"context"
	"database/sql"
	"flag"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/storetest"
)

// openStore opens a Store for as long as the test runs.
func openStore(tb testing.TB, db *sql.DB, d sqlstore.Dialect, o *sqlstore.Options) *sqlstore.Store {
	tb.Helper()
	store, err := sqlstore.Open(tb.Context(), db, d, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store
}

// opened returns a new, empty Store on a database of its own.
type opened func(t *testing.T) scim.Store

func onSQLite(t *testing.T) scim.Store {
	t.Helper()
	return openStore(t, OpenSQLite(t, SQLite(t)), sqlstore.SQLite, &sqlstore.Options{Migrate: true})
}

// onPostgres returns a function that opens Stores by a driver of PostgreSQL.
func onPostgres(driver string) opened {
	return func(t *testing.T) scim.Store {
		t.Helper()
		return openStore(t, Open(t, driver, Postgres(t)), sqlstore.PostgreSQL, &sqlstore.Options{Migrate: true})
	}
}

func TestStoreOnSQLite(t *testing.T)        { storetest.Run(t, onSQLite) }
func TestStoreOnPostgresByPgx(t *testing.T) { storetest.Run(t, onPostgres(DriverPGX)) }

func TestStoreOnPostgresByPq(t *testing.T) {
	brief(t, func() { storetest.Run(t, onPostgres(DriverPQ)) })
}

// brief runs a suite with less, as -short does: much of what it does with much is
// done by another test already.
func brief(t *testing.T, suite func()) {
	t.Helper()
	short := flag.Lookup("test.short").Value.String()
	if err := flag.Set("test.short", "true"); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("test.short", short)
	suite()
}

// What is stored is there when the Store is opened again.
func TestReopens(t *testing.T) {
	reopens := func(t *testing.T, driver string, database func(testing.TB) string, d sqlstore.Dialect) {
		storetest.Reopens(t, func(t *testing.T) (scim.Store, func() scim.Store) {
			dsn := database(t)
			var store *sqlstore.Store
			open := func() scim.Store {
				var err error
				if store != nil {
					if err := store.Close(); err != nil {
						t.Fatal(err)
					}
				}
				store, err = sqlstore.Open(context.Background(), Open(t, driver, dsn), d, &sqlstore.Options{Migrate: true})
				if err != nil {
					t.Fatal(err)
				}
				return store
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			return open(), open
		})
	}
	t.Run("SQLite", func(t *testing.T) { reopens(t, SQLiteDrivers()[0], SQLite, sqlstore.SQLite) })
	t.Run("PostgreSQL", func(t *testing.T) { reopens(t, DriverPGX, Postgres, sqlstore.PostgreSQL) })
}
