package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// tenantDeleter is what sqlstore and pgxstore have beside a scim.Store.
type tenantDeleter interface {
	scim.Transactor
	DeleteTenant(ctx context.Context, tenant string) (int, error)
}

// TestDeleteTenant: nothing is left of a tenant, and all of the others.
func TestDeleteTenant(t *testing.T) {
	for _, d := range []struct {
		name string
		open func(*testing.T) (tenantDeleter, *sql.DB)
	}{
		{"sqlite", func(t *testing.T) (tenantDeleter, *sql.DB) {
			at := location{dialect: sqlfilter.SQLite, dsn: SQLite(t)}
			db := at.open(t)
			return openStore(t, db, at.dialect, &sqlstore.Options{Migrate: true, Relaxed: true}), db
		}},
		{"postgres", func(t *testing.T) (tenantDeleter, *sql.DB) {
			at := location{dialect: sqlfilter.PostgreSQL, dsn: Postgres(t)}
			db := at.open(t)
			return openStore(t, db, at.dialect, &sqlstore.Options{Migrate: true}), db
		}},
		{"pgx", func(t *testing.T) (tenantDeleter, *sql.DB) {
			at := location{dialect: sqlfilter.PostgreSQL, dsn: Postgres(t)}
			return overPgx(t, at.dsn, func(*pgxpool.Config) {}).store, at.open(t)
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			store, db := d.open(t)
			dialect := sqlfilter.PostgreSQL
			if d.name == "sqlite" {
				dialect = sqlfilter.SQLite
			}
			for _, of := range []string{"'going'", "'staying'"} {
				loadCrowd(t, db, dialect, crowd{of, "i", 1, 1200, 3, 400})
			}
			rows := func(tenant string) (list []int) {
				for _, table := range []string{"scim_resource", "scim_key", "scim_member"} {
					var n int
					if err := db.QueryRow(fmt.Sprintf("SELECT count(*) FROM %s WHERE tenant_id = '%s'", table, tenant)).Scan(&n); err != nil {
						t.Fatal(err)
					}
					list = append(list, n)
				}
				return list
			}
			before, of := rows("staying"), rows("going")
			if n, err := store.DeleteTenant(t.Context(), "nobody"); n != 0 || err != nil {
				t.Errorf("nobody: got %d, %v; want none", n, err)
			}
			if n, err := store.DeleteTenant(t.Context(), "going"); n != of[0] || err != nil || n < 1200 {
				t.Errorf("got %d, %v; want %d", n, err, of[0])
			}
			if got := fmt.Sprint(rows("going")); got != "[0 0 0]" {
				t.Errorf("rows that are left: %s", got)
			}
			if got := fmt.Sprint(rows("staying")); got != fmt.Sprint(before) {
				t.Errorf("of another tenant %s rows are left of %v", got, before)
			}
		})
	}
}
