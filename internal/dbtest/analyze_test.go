package dbtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// TestPlannerIsTold: while a new database fills, PostgreSQL's planner learns of it
// from the Store, before autovacuum comes by, which in this server never does.
func TestPlannerIsTold(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	server := StartPostgres(t, PostgresOptions{Settings: map[string]string{"autovacuum": "off"}})
	for _, tt := range []struct {
		name string
		open func(t *testing.T, dsn string) scim.Transactor
	}{
		{"database/sql", func(t *testing.T, dsn string) scim.Transactor {
			store, err := sqlstore.Open(t.Context(), Open(t, DriverPGX, dsn), sqlstore.PostgreSQL, &sqlstore.Options{Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			return store
		}},
		{"pgx", func(t *testing.T, dsn string) scim.Transactor { return overPgx(t, dsn, func(*pgxpool.Config) {}).store }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dsn := server.DSN(server.CreateDatabase(t))
			store := tt.open(t, dsn)
			known := func() (rows int) {
				t.Helper()
				if err := Open(t, DriverPGX, dsn).QueryRow("SELECT reltuples::bigint FROM pg_class WHERE oid = 'scim_resource'::regclass").Scan(&rows); err != nil {
					t.Fatal(err)
				}
				return rows
			}
			create := func(s scim.Store, name string) {
				t.Helper()
				document, keys, err := user.Encode(scim.User{UserName: name, Active: true})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Create(t.Context(), scim.Ref{Tenant: "contoso", Type: "User"}, scim.Change{Document: document, Keys: keys}); err != nil {
					t.Fatal(err)
				}
			}
			if n := known(); n > 0 {
				t.Fatalf("the planner knows of %d rows of an empty table", n)
			}
			for i := range 200 {
				create(store, fmt.Sprint("single", i))
			}
			if n := known(); n != 200 {
				t.Errorf("after 200 creates the planner knows of %d rows, want 200", n)
			}
			if err := store.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
				for i := range 800 {
					create(tx, fmt.Sprint("together", i))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if n := known(); n != 1000 {
				t.Errorf("after 800 more in a transaction it knows of %d rows, want 1000", n)
			}
		})
	}
}
