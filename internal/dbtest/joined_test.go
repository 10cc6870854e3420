package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// transactors are all Stores, and those over one connection, whose transactions
// leave none for anything else.
var transactors = map[string]func(t *testing.T) scim.Transactor{
	"SQLite":               func(t *testing.T) scim.Transactor { return onSQLite(t).(scim.Transactor) },
	"PostgreSQL by pgx":    func(t *testing.T) scim.Transactor { return onPostgres(DriverPGX)(t).(scim.Transactor) },
	"PostgreSQL by lib/pq": func(t *testing.T) scim.Transactor { return onPostgres(DriverPQ)(t).(scim.Transactor) },
	"pgx's pool":           func(t *testing.T) scim.Transactor { return overPgx(t, Postgres(t), func(*pgxpool.Config) {}).store },
	"pgx's pool of one": func(t *testing.T) scim.Transactor {
		return overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 }).store
	},
	"SQLite on one": func(t *testing.T) scim.Transactor { return onOne(t, OpenSQLite, SQLite(t), sqlstore.SQLite) },
	"PostgreSQL on only one": func(t *testing.T) scim.Transactor {
		return onOne(t, func(t testing.TB, dsn string) *sql.DB { return Open(t, DriverPGX, dsn) }, Postgres(t), sqlstore.PostgreSQL)
	},
}

func onOne(t *testing.T, open func(testing.TB, string) *sql.DB, dsn string, d sqlstore.Dialect) scim.Transactor {
	t.Helper()
	db := open(t, dsn)
	db.SetMaxOpenConns(1)
	store, err := sqlstore.Open(t.Context(), db, d, &sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// The Store that was opened, called with the context of its own transaction, is in
// it: a hook that uses it neither waits for what the transaction holds, nor writes
// what stays when that is undone.
func TestStoreInItsOwnTransaction(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	undo := errors.New("undo")
	for name, open := range transactors {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			store := open(t)
			create := func(ctx context.Context, s scim.Store, name string) scim.Ref {
				t.Helper()
				u, err := s.Create(ctx, scim.Ref{Tenant: "a", Type: "User"}, changeOf(t, user, fmt.Sprintf(`{"userName":%q}`, name)))
				if err != nil {
					t.Fatal(err)
				}
				return u.Resource.Ref
			}
			title := func(ctx context.Context, s scim.Store, ref scim.Ref) string {
				t.Helper()
				r, err := s.Get(ctx, ref, scim.Projection{Groups: true})
				if err != nil {
					t.Fatal(err)
				}
				return r.User().Title
			}
			total := func(ctx context.Context) int {
				t.Helper()
				page, err := store.List(ctx, scim.Query{Tenant: "a", Type: "User", Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				return page.Total
			}
			ada, grace := create(ctx, store, "ada"), create(ctx, store, "grace")
			for _, ends := range []error{undo, nil} {
				err := store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					if _, err := tx.Update(ctx, ada, changeOf(t, user, `{"userName":"ada","title":"Countess"}`)); err != nil {
						return err
					}
					if got := title(ctx, store, ada); got != "Countess" {
						t.Errorf("the Store reads the title %q, which the transaction has changed", got)
					}
					c := changeOf(t, user, `{"userName":"ada","title":"Lady"}`)
					for _, keys := range [][]scim.Key{c.Keys, nil} {
						c.Keys = keys
						if _, err := store.Update(ctx, ada, c); err != nil {
							return err
						}
						c = changeOf(t, user, `{"userName":"ada","title":"Countess of Lovelace"}`)
					}
					create(ctx, store, "katherine")
					if err := store.Delete(ctx, grace, ""); err != nil {
						return err
					}
					err := store.InTx(ctx, func(ctx context.Context, _ scim.Store) error {
						create(ctx, store, "not for long")
						return undo
					})
					if err != undo {
						t.Errorf("a transaction of the Store inside: got %v, want %v", err, undo)
					}
					if got := total(ctx); got != 2 {
						t.Errorf("inside there are %d users, want ada and katherine", got)
					}
					return ends
				})
				if err != ends {
					t.Fatalf("got %v, want %v", err, ends)
				}
				want := map[error]string{undo: "", nil: "Countess of Lovelace"}[ends]
				if got := title(ctx, store, ada); got != want {
					t.Errorf("after a transaction that returned %v the title is %q, want %q", ends, got, want)
				}
				if got := total(ctx); got != 2 {
					t.Errorf("after a transaction that returned %v there are %d users, want 2", ends, got)
				}
			}
		})
	}
}

// A context that outlives its transaction leads nowhere, least of all into the
// transaction of another.
func TestContextOfATransactionThatIsOver(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range transactors {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			var kept [2]context.Context
			for i := range kept {
				err := store.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
					kept[i] = context.WithoutCancel(ctx)
					if i == 0 {
						return nil // without a statement
					}
					_, err := tx.Create(ctx, scim.Ref{Tenant: "a", Type: "User"}, changeOf(t, user, `{"userName":"ada"}`))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, ctx := range kept {
				if _, err := store.Create(ctx, scim.Ref{Tenant: "a", Type: "User"}, changeOf(t, user, `{"userName":"grace"}`)); err == nil {
					t.Error("Create in a transaction that is over: got no error")
				}
			}
			page, err := store.List(t.Context(), scim.Query{Tenant: "a", Type: "User", Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if page.Total != 1 {
				t.Errorf("there are %d users, want 1", page.Total)
			}
		})
	}
}
