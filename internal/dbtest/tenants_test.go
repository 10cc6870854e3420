package dbtest

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/tenant"
	"github.com/usherkit/scim/tenant/tenanttest"
)

// tenantsOf returns the Stores of connections of the databases that others open.
func tenantsOf(open opened) func(t *testing.T) tenant.Store {
	return func(t *testing.T) tenant.Store {
		t.Helper()
		return open(t).(interface{ Tenants() tenant.Store }).Tenants()
	}
}

func TestTenantsOnSQLite(t *testing.T) {
	for _, driver := range SQLiteDrivers() {
		t.Run(driver, func(t *testing.T) {
			tenanttest.Run(t, tenantsOf(func(t *testing.T) scim.Store {
				at := location{sqlfilter.SQLite, SQLite(t), driver}
				return at.store(t, &sqlstore.Options{Migrate: true})
			}))
		})
	}
}

// An in-memory database has one connection, in which readers and writers take turns.
func TestTenantsOnSQLiteInMemory(t *testing.T) {
	tenanttest.Run(t, tenantsOf(func(t *testing.T) scim.Store {
		db := OpenSQLite(t, ":memory:")
		db.SetMaxOpenConns(1)
		return openStore(t, db, sqlstore.SQLite, &sqlstore.Options{Migrate: true})
	}))
}

func TestTenantsOnPostgresByPgx(t *testing.T) { tenanttest.Run(t, tenantsOf(onPostgres(DriverPGX))) }
func TestTenantsOnPostgresByPq(t *testing.T)  { tenanttest.Run(t, tenantsOf(onPostgres(DriverPQ))) }

func TestTenantsOnPgx(t *testing.T) {
	tenanttest.Run(t, tenantsOf(onPgx(pgx.QueryExecModeCacheStatement)))
}

// As behind a pooler that gives each transaction another connection.
func TestTenantsOnPgxUnprepared(t *testing.T) {
	tenanttest.Run(t, tenantsOf(onPgx(pgx.QueryExecModeExec)))
}
