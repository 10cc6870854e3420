package dbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/tenant"
)

// A token that a Registry does not know costs one read. Beside it is the least that
// a read of one row costs.
func BenchmarkToken(b *testing.B) {
	const many = 10_000
	run := func(name string, s tenant.Store, point func(id string) error) {
		var list []string
		for i := range many {
			c := tenant.Connection{Tenant: fmt.Sprintf("t-%05d", i), ID: fmt.Sprintf("c-%05d", i), Name: "Entra ID", Created: time.Now(), Version: 1}
			t := tenant.Token{ID: fmt.Sprintf("token-%05d", i), Connection: c.Ref(), Hash: make([]byte, 32), Created: time.Now()}
			if err := s.Add(b.Context(), c); err != nil {
				b.Fatal(err)
			}
			if err := s.Replace(b.Context(), c.Ref(), time.Time{}, &t); err != nil {
				b.Fatal(err)
			}
			list = append(list, t.ID)
		}
		b.Run(name+"/token", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, _, live, err := s.Token(b.Context(), list[i*7919%many], time.Now()); err != nil || !live {
					b.Fatal(live, err)
				}
			}
		})
		b.Run(name+"/point", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := point(list[i*7919%many]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	overSQL := func(name string, d sqlfilter.Dialect) {
		db := OpenSQLite(b, SQLite(b))
		query := "SELECT hash FROM scim_token WHERE id = ?"
		if d == sqlfilter.PostgreSQL {
			db, query = Open(b, DriverPGX, Postgres(b)), "SELECT hash FROM scim_token WHERE id = $1"
		}
		store, err := sqlstore.Open(b.Context(), db, d, &sqlstore.Options{Migrate: true, Relaxed: true})
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		statement, err := db.PrepareContext(b.Context(), query)
		if err != nil {
			b.Fatal(err)
		}
		defer statement.Close()
		run(name, store.Tenants(), func(id string) (err error) {
			var hash string
			return statement.QueryRowContext(b.Context(), id).Scan(&hash)
		})
	}
	overSQL("SQLite", sqlfilter.SQLite)
	overSQL("PostgreSQL", sqlfilter.PostgreSQL)
	s := overPgx(b, Postgres(b), func(*pgxpool.Config) {})
	run("pgx", s.store.Tenants(), func(id string) error {
		var hash string
		return s.pool.QueryRow(b.Context(), "SELECT hash FROM scim_token WHERE id = $1", id).Scan(&hash)
	})
}
