package durability

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/dbtest"
	"github.com/usherkit/scim/storetest"
)

// TestVersionsStore checks the contract, and several processes at once, on each
// version of PostgreSQL.
func TestVersionsStore(t *testing.T) {
	for _, bin := range dbtest.Versions(t) {
		t.Run(bin.Version, func(t *testing.T) {
			server := dbtest.StartPostgres(t, dbtest.PostgresOptions{Bin: bin.Dir})
			t.Run("contract", func(t *testing.T) {
				contract(t, server.DSN(server.CreateDatabase(t)), dbtest.DriverPGX)
			})
			t.Run("processes", func(t *testing.T) {
				together(t, postgres(server.DSN(server.CreateDatabase(t))), 3, map[string]int{plain: 9, audited: 9}, 3*time.Second)
			})
		})
	}
}

// TestVersionsIsolation checks the contract where transactions are stricter than
// they need be, and so are refused more often, as they are in CockroachDB and
// YugabyteDB.
func TestVersionsIsolation(t *testing.T) {
	for _, tt := range []struct{ level, driver string }{
		{"serializable", dbtest.DriverPGX},
		{"serializable", driverPool},
		{"repeatable read", dbtest.DriverPQ},
	} {
		t.Run(tt.level+" by "+tt.driver, func(t *testing.T) {
			contract(t, withSetting(dbtest.Postgres(t), "default_transaction_isolation", tt.level), tt.driver)
		})
	}
}

// contract checks the contract of a Store on one database, which is emptied before
// each clause: to create one takes longer than most clauses do. It is done as with
// -short: a group of a hundred thousand is for one version and level.
func contract(t *testing.T, dsn, driver string) {
	t.Helper()
	short := flag.Lookup("test.short").Value
	was := short.String()
	if err := short.Set("true"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = short.Set(was) }()               // as it could be set
	dsn = withSetting(dsn, "deadlock_timeout", "100ms") // which is how long a deadlock takes
	s, err := postgres(dsn).store(context.Background(), driver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	db := dbtest.Open(t, dbtest.DriverPGX, dsn)
	storetest.Run(t, func(t *testing.T) scim.Store {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), "TRUNCATE scim_member, scim_key, scim_resource"); err != nil {
			t.Fatal(err)
		}
		return s
	})
}
