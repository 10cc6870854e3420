package dbtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// Filters that seldom come twice are not kept prepared when they are long: for each
// PostgreSQL keeps megabytes, in each connection.
func TestLongFiltersAreNotKept(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	type counts struct{ long, bytes, all int }
	const prepared = "SELECT count(*) FILTER (WHERE length(statement) > 4096), coalesce(sum(length(statement)), 0), count(*) FROM pg_prepared_statements"
	overSQL := func(driver string) func(t *testing.T) (scim.Transactor, func(*counts) error) {
		return func(t *testing.T) (scim.Transactor, func(*counts) error) {
			db := Open(t, driver, Postgres(t))
			db.SetMaxOpenConns(1)
			store, err := sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			return store, func(c *counts) error {
				return db.QueryRow(prepared).Scan(&c.long, &c.bytes, &c.all)
			}
		}
	}
	for name, open := range map[string]func(t *testing.T) (scim.Transactor, func(*counts) error){
		"pgx's pool": func(t *testing.T) (scim.Transactor, func(*counts) error) {
			s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
			return s.store, func(c *counts) error {
				return s.pool.QueryRow(t.Context(), prepared).Scan(&c.long, &c.bytes, &c.all)
			}
		},
		"pgx's driver": overSQL(DriverPGX),
		"lib/pq":       overSQL(DriverPQ),
	} {
		t.Run(name, func(t *testing.T) {
			store, count := open(t)
			const tenant = "a"
			c := changeOf(t, user, `{"userName":"u","title":"t39"}`)
			if _, err := store.Create(t.Context(), scim.Ref{Tenant: tenant, Type: "User"}, c); err != nil {
				t.Fatal(err)
			}
			list := func(ctx context.Context, store scim.Store, filter string) {
				t.Helper()
				f, err := user.ParseFilter(filter)
				if err != nil {
					t.Fatal(err)
				}
				page, err := store.List(ctx, scim.Query{Tenant: tenant, Type: "User", Filter: f, Limit: 10, Projection: scim.Projection{Groups: true}})
				if err != nil {
					t.Fatalf("%.80s…: %v", filter, err)
				}
				if page.Total != 1 || len(page.Resources) != 1 {
					t.Errorf("%.80s…: got %d users of %d, want 1", filter, len(page.Resources), page.Total)
				}
			}
			attributes := []string{"title", "nickName", "userType", "locale", "timezone", "name.familyName", "preferredLanguage"}
			for i := range 8 {
				terms := []string{fmt.Sprintf(`title eq "t%d"`, 39)}
				for j := range 40 {
					terms = append(terms, fmt.Sprintf(`%s sw "v%d"`, attributes[(i*j+j)%len(attributes)], i))
				}
				filter := strings.Join(terms, " or ")
				for range 2 { // what comes twice is prepared, if it is short
					list(t.Context(), store, filter)
					err := store.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
						list(ctx, tx, filter)
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				list(t.Context(), store, `userName eq "u"`)
			}
			var got counts
			if err := count(&got); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d statements of %d bytes are prepared", got.all, got.bytes)
			if got.long > 0 || got.all < 2 || got.all > 100 {
				t.Errorf("got %d statements, %d of them long; want some and none long", got.all, got.long)
			}
		})
	}
}

func changeOf(t *testing.T, typ *scim.ResourceType, document string) scim.Change {
	t.Helper()
	d, _, err := typ.Encode(json.RawMessage(document))
	if err != nil {
		t.Fatal(document, err)
	}
	return scim.Change{Document: d, Keys: typ.Keys(d)}
}
