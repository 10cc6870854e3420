package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// A product is a database by one of its drivers.
type product struct {
	name, driver string
	dialect      sqlstore.Dialect
	fresh        func(t testing.TB) (dsn string)
}

func products() (list []product) {
	for _, driver := range SQLiteDrivers() {
		list = append(list, product{driver, driver, sqlstore.SQLite, SQLite})
	}
	return append(list,
		product{"pgx", DriverPGX, sqlstore.PostgreSQL, Postgres},
		product{"pq", DriverPQ, sqlstore.PostgreSQL, Postgres})
}

func onEachProduct(t *testing.T, test func(t *testing.T, p product)) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

func (p product) open(t *testing.T, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), db, p.dialect, &sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // the test may have closed the database, or spoilt it
	return store
}

var userType = sync.OnceValue(func() *scim.ResourceType {
	t, err := scim.UserType()
	if err != nil {
		panic(err)
	}
	return t
})

func userNamed(t testing.TB, name string) scim.Change {
	t.Helper()
	d, err := scim.ReadDocument(fmt.Sprintf(`{"userName":%q,"active":true}`, name))
	if err != nil {
		t.Fatal(err)
	}
	return scim.Change{Document: d, Keys: userType().Keys(d)}
}

var users = scim.Ref{Tenant: "t", Type: "User"}

func countUsers(t testing.TB, s scim.Store, filter string) int {
	t.Helper()
	q := scim.Query{Tenant: users.Tenant, Type: users.Type}
	if filter != "" {
		f, err := userType().ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		q.Filter = f
	}
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return page.Total
}

func TestTxIsOneWithTheStores(t *testing.T) {
	onEachProduct(t, func(t *testing.T, p product) {
		db := Open(t, p.driver, p.fresh(t))
		s := p.open(t, db)
		if _, ok := sqlstore.Tx(t.Context()); ok {
			t.Error("got a transaction where none is")
		}
		if _, err := db.Exec("CREATE TABLE audit (what text)"); err != nil {
			t.Fatal(err)
		}
		hired := func(name string, end error) error {
			return s.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
				if _, err := tx.Create(ctx, users, userNamed(t, name)); err != nil {
					return err
				}
				own, ok := sqlstore.Tx(ctx)
				if !ok {
					t.Fatal("got no transaction")
				}
				if _, err := own.ExecContext(ctx, "INSERT INTO audit VALUES ($1)", name); err != nil {
					return err
				}
				return end
			})
		}
		mine := errors.New("mine")
		if err := hired("anna", nil); err != nil {
			t.Error(err)
		}
		if err := hired("bert", mine); !errors.Is(err, mine) {
			t.Errorf("got %v, want the error of the function", err)
		}
		var names string
		if err := db.QueryRow("SELECT max(what) FROM audit").Scan(&names); err != nil || names != "anna" {
			t.Errorf("got %q in the application's table, error %v; want anna alone", names, err)
		}
		if got := countUsers(t, s, ""); got != 1 {
			t.Errorf("got %d users, want 1", got)
		}
	})
}

// More queries than are kept prepared, by several at once, have the answers that
// they have alone.
func TestManyKindsOfQuery(t *testing.T) {
	onEachProduct(t, func(t *testing.T, p product) {
		s := p.open(t, Open(t, p.driver, p.fresh(t)))
		for _, name := range []string{"abab", "baba", "aaaa", "bbbb"} {
			if _, err := s.Create(t.Context(), users, userNamed(t, name)); err != nil {
				t.Fatal(err)
			}
		}
		// Each bit of i chooses a condition that is true of all, of half, or of one.
		ask := func(i int) (filter string, want int) {
			conditions := []string{`userName pr`}
			for bit := range 9 {
				condition := `userName co "b"`
				if i>>bit&1 == 0 {
					condition = `active eq true`
				}
				conditions = append(conditions, condition)
			}
			want = 4
			if i != 0 {
				want = 3
			}
			return strings.Join(conditions, " and "), want
		}
		var all sync.WaitGroup
		for worker := range 3 {
			all.Go(func() {
				for round := range 270 {
					i := (round + 30*worker) % 400
					if round%3 == 0 {
						i = 5 // one that comes again and again stays prepared while others are dropped
					}
					filter, want := ask(i)
					if got := countUsers(t, s, filter); got != want {
						t.Errorf("%s: got %d, want %d", filter, got, want)
					}
				}
			})
		}
		all.Wait()
	})
}

// A transaction holds a connection: whatever else takes one in it makes those
// wait for each other who have them all.
func TestPostgresWithFewConnections(t *testing.T) {
	for _, p := range products() {
		if p.dialect != sqlstore.PostgreSQL {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			db := Open(t, p.driver, p.fresh(t))
			db.SetMaxOpenConns(2)
			s := p.open(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					for j := range 10 {
						err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
							u, err := tx.Create(ctx, users, userNamed(t, fmt.Sprint("user", i, ".", j)))
							if err != nil {
								return err
							}
							_, err = tx.Get(ctx, u.Resource.Ref, scim.Projection{Groups: true})
							return err
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if got := countUsers(t, s, ""); got != 80 {
				t.Errorf("got %d users, want 80", got)
			}
		})
	}
}

func TestTransactionsThatEndOtherwise(t *testing.T) {
	mine := errors.New("mine")
	onEachProduct(t, func(t *testing.T, p product) {
		db := Open(t, p.driver, p.fresh(t))
		s := p.open(t, db)
		inUse := db.Stats().InUse
		func() {
			defer func() {
				if got := recover(); got != mine {
					t.Errorf("got panic %v, want the function's", got)
				}
			}()
			s.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
				if _, err := tx.Create(ctx, users, userNamed(t, "panic")); err != nil {
					t.Error(err)
				}
				panic(mine)
			})
		}()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.InTx(gone, func(ctx context.Context, tx scim.Store) error {
			_, err := tx.Create(ctx, users, userNamed(t, "gone"))
			return err
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if got := countUsers(t, s, ""); got != 0 {
			t.Errorf("got %d users, want none", got)
		}
		if got := db.Stats().InUse; got != inUse {
			t.Errorf("%d connections are in use, want %d as before", got, inUse)
		}
		if _, err := s.Create(t.Context(), users, userNamed(t, "later")); err != nil {
			t.Error(err)
		}
	})
}

// What is wrong with the database is told in words that say whether to try again,
// and nothing of its own.
func TestADatabaseThatRefuses(t *testing.T) {
	create := func(t *testing.T, s scim.Store) error {
		_, err := s.Create(t.Context(), users, userNamed(t, "anna"))
		return err
	}
	drop := func(t *testing.T, dsn string, p product, _ *sqlstore.Store) (string, error) {
		if _, err := Open(t, p.driver, dsn).Exec("DROP TABLE scim_resource"); err == nil {
			return "", nil
		}
		_, err := Open(t, p.driver, dsn).Exec("DROP TABLE scim_resource CASCADE")
		return "", err
	}
	cases := []struct {
		name, reason string
		only         map[sqlstore.Dialect]bool
		spoil        func(t *testing.T, dsn string, p product, s *sqlstore.Store) (anotherDSN string, err error)
		want         string
	}{
		{
			name: "no table", reason: "a restored database that lacks the schema",
			only:  map[sqlstore.Dialect]bool{sqlstore.PostgreSQL: true, sqlstore.SQLite: true},
			spoil: drop,
			want:  "not been set up",
		},
		{
			name: "read only", reason: "a standby, or a file system that is mounted so",
			only: map[sqlstore.Dialect]bool{sqlstore.SQLite: true},
			spoil: func(t *testing.T, _ string, _ product, s *sqlstore.Store) (string, error) {
				return "", s.InTx(t.Context(), func(ctx context.Context, _ scim.Store) error {
					tx, _ := sqlstore.Tx(ctx)
					_, err := tx.Exec("PRAGMA query_only=ON")
					return err
				})
			},
			want: "only be read",
		},
		{
			name: "read only server", reason: "a standby that has not been promoted",
			only: map[sqlstore.Dialect]bool{sqlstore.PostgreSQL: true},
			spoil: func(_ *testing.T, dsn string, _ product, _ *sqlstore.Store) (string, error) {
				return with(dsn, "default_transaction_read_only", "on"), nil
			},
			want: "only be read",
		},
		{
			name: "too slow", reason: "somebody has locked a table for long",
			only: map[sqlstore.Dialect]bool{sqlstore.PostgreSQL: true},
			spoil: func(t *testing.T, dsn string, p product, _ *sqlstore.Store) (string, error) {
				tx, err := Open(t, p.driver, dsn).Begin()
				if err != nil {
					return "", err
				}
				t.Cleanup(func() { _ = tx.Rollback() })
				_, err = tx.Exec("LOCK TABLE scim_resource")
				return with(dsn, "lock_timeout", "100"), err
			},
			want: "too long",
		},
		{
			name: "down", reason: "nobody listens where the DSN points to",
			only: map[sqlstore.Dialect]bool{sqlstore.PostgreSQL: true},
			spoil: func(_ *testing.T, dsn string, _ product, _ *sqlstore.Store) (string, error) {
				return with(with(dsn, "host", "127.0.0.1"), "port", "1"), nil
			},
			want: "not available",
		},
	}
	onEachProduct(t, func(t *testing.T, p product) {
		for _, c := range cases {
			if !c.only[p.dialect] {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				dsn := p.fresh(t)
				s := p.open(t, Open(t, p.driver, dsn))
				other, err := c.spoil(t, dsn, p, s)
				if err != nil {
					t.Fatal(err)
				}
				if other == "" {
					refusal(t, create(t, s), c.want)
					return
				}
				s, err = sqlstore.Open(t.Context(), Open(t, p.driver, other), p.dialect, nil)
				if err != nil {
					refusal(t, err, c.want)
					return
				}
				defer s.Close()
				refusal(t, create(t, s), c.want)
			})
		}
	})
}

// with sets a parameter of a DSN that is a URL.
func with(dsn, name, value string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err) // Postgres's own
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestSQLiteFileThatIsNone(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		path := SQLite(t)
		if err := os.WriteFile(path, []byte(strings.Repeat("no database at all ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sqlstore.Open(t.Context(), Open(t, driver, path), sqlstore.SQLite, &sqlstore.Options{Migrate: true})
		refusal(t, err, "damaged")
	})
}

func TestAPoolThatIsClosed(t *testing.T) {
	onEachProduct(t, func(t *testing.T, p product) {
		db := Open(t, p.driver, p.fresh(t))
		s := p.open(t, db)
		db.Close()
		_, err := s.Get(t.Context(), scim.Ref{Tenant: "t", Type: "User", ID: "some"}, scim.Projection{})
		refusal(t, err, "not available")
	})
}
