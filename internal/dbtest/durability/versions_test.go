package durability

import (
	"context"
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
				storetest.Run(t, func(t *testing.T) scim.Store {
					return postgres(server.DSN(server.CreateDatabase(t))).empty(t, dbtest.DriverPGX)
				})
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
			storetest.Run(t, func(t *testing.T) scim.Store {
				return postgres(withSetting(dbtest.Postgres(t), "default_transaction_isolation", tt.level)).empty(t, tt.driver)
			})
		})
	}
}

// empty opens a store on a database that is empty.
func (d database) empty(t *testing.T, driver string) scim.Store {
	t.Helper()
	s, err := d.store(context.Background(), driver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
