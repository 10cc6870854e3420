package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

// number asks for one number.
func number(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestPostgres(t *testing.T) {
	var dsns []string
	t.Run("two databases", func(t *testing.T) {
		for _, driver := range []string{DriverPGX, DriverPQ} {
			dsn := Postgres(t)
			dsns = append(dsns, dsn)
			db := Open(t, driver, dsn)
			execute(t, db, "CREATE TABLE t (i int)", "INSERT INTO t VALUES (1)") // there is none of the other driver
			if got := number(t, db, "SELECT count(*) FROM t"); got != 1 {
				t.Errorf("%s: got %d rows, want 1", driver, got)
			}
		}
	})
	for _, dsn := range dsns {
		if err := execSQL(dsn, "SELECT 1"); err == nil {
			t.Errorf("%s is there after the test that asked for it", dsn)
		}
	}
}

func TestPostgresSortsByALanguage(t *testing.T) {
	db := Open(t, DriverPGX, Postgres(t))
	if got := number(t, db, `SELECT ('a' < 'B')::int`); got != 1 {
		t.Error(`a is sorted after B where no collation is named, as in the collation "C"`)
	}
	if got := number(t, db, `SELECT ('a' COLLATE "C" < 'B')::int`); got != 0 {
		t.Error(`a is sorted before B in the collation "C"`)
	}
}

func TestPostgresOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    PostgresOptions
		want string
	}{
		{"default", PostgresOptions{}, "deadlock_timeout = '100ms'\ndynamic_shared_memory_type = 'mmap'\nfsync = 'off'\nfull_page_writes = 'off'\nlisten_addresses = ''\nmax_connections = '200'\n"},
		{"durable", PostgresOptions{Durable: true}, "deadlock_timeout = '100ms'\ndynamic_shared_memory_type = 'mmap'\nlisten_addresses = ''\nmax_connections = '200'\n"},
		{
			"settings",
			PostgresOptions{Durable: true, Settings: map[string]string{"max_connections": "9", "cluster_name": "it's"}},
			"cluster_name = 'it''s'\ndeadlock_timeout = '100ms'\ndynamic_shared_memory_type = 'mmap'\nlisten_addresses = ''\nmax_connections = '9'\n",
		},
	} {
		if got := tt.o.conf(); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestVersionsSurvive stops each server in good order, and then kills it while
// rows are being inserted: those of which it said so are there.
func TestVersionsSurvive(t *testing.T) {
	for _, bin := range Versions(t) {
		t.Run(bin.Version, func(t *testing.T) {
			s := StartPostgres(t, PostgresOptions{Bin: bin.Dir, Durable: true, Settings: map[string]string{"default_transaction_isolation": "serializable"}})
			name := s.CreateDatabase(t)
			db := Open(t, DriverPGX, s.DSN(name))
			if got := number(t, db, "SELECT current_setting('server_version_num')::int / 10000"); got != bin.Major {
				t.Errorf("got version %d, want %d", got, bin.Major)
			}
			if got := number(t, db, `SELECT count(*) FROM pg_settings WHERE (name, setting) IN
				(('fsync', 'on'), ('synchronous_commit', 'on'), ('full_page_writes', 'on'), ('default_transaction_isolation', 'serializable'))`); got != 4 {
				t.Errorf("only %d of 4 settings are as wanted", got)
			}
			execute(t, db, "CREATE TABLE t (i int)", "INSERT INTO t VALUES (0)")
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			db = Open(t, DriverPQ, s.DSN(name))
			if got := number(t, db, "SELECT count(*) FROM t"); got != 1 {
				t.Fatalf("got %d rows after Restart, want 1", got)
			}

			enough, inserted := make(chan struct{}), make(chan int)
			go func() {
				for i := 1; ; i++ {
					if i == 20 {
						close(enough)
					}
					if _, err := db.Exec("INSERT INTO t VALUES ($1)", i); err != nil {
						inserted <- i - 1
						return
					}
				}
			}()
			<-enough
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			acknowledged := <-inserted
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			db = Open(t, DriverPGX, s.DSN(name))
			if got := number(t, db, "SELECT count(*) FROM t WHERE i <= $1", acknowledged); got != acknowledged+1 {
				t.Errorf("got %d rows after Kill, want %d", got, acknowledged+1)
			}
		})
	}
}

// TestVersionsFailOver kills each server and promotes its standby: clients go
// on with the DSN they have, and nothing acknowledged is lost.
func TestVersionsFailOver(t *testing.T) {
	for _, bin := range Versions(t) {
		t.Run(bin.Version, func(t *testing.T) {
			primary := StartPostgres(t, PostgresOptions{Bin: bin.Dir})
			name := primary.CreateDatabase(t)
			standby := StartStandby(t, primary)
			for _, driver := range []string{DriverPGX, DriverPQ} {
				// The standby, which is the first, takes no writes yet.
				db := Open(t, driver, MultiHostDSN(name, standby, primary))
				execute(t, db, "CREATE TABLE "+driver+" (i int)")
				for i := range 20 {
					execute(t, db, fmt.Sprintf("INSERT INTO %s VALUES (%d)", driver, i))
				}
			}
			if err := primary.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := standby.Promote(); err != nil {
				t.Fatal(err)
			}
			for _, driver := range []string{DriverPGX, DriverPQ} {
				db := Open(t, driver, MultiHostDSN(name, primary, standby))
				execute(t, db, fmt.Sprintf("INSERT INTO %s VALUES (20)", driver))
				if got := number(t, db, "SELECT count(*) FROM "+driver); got != 21 {
					t.Errorf("%s: got %d rows, want 21", driver, got)
				}
			}
		})
	}
}

func TestKillFindsEveryProcess(t *testing.T) {
	s := StartPostgres(t, PostgresOptions{})
	db := Open(t, DriverPGX, s.DSN("postgres"))
	done := make(chan error)
	go func() { // busy: it would not notice that the server is dead
		_, err := db.ExecContext(context.Background(), "SELECT sum(i) FROM generate_series(1, 1000000000) i")
		done <- err
	}()
	monitor := Open(t, DriverPQ, s.DSN("postgres"))
	for number(t, monitor, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT sum%' AND state = 'active'") == 0 {
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("a query was answered after Kill")
	}
	if err := s.Kill(); err != nil {
		t.Errorf("Kill of a server that is dead: %v", err)
	}
	if err := s.Start(); err != nil {
		t.Error(err)
	}
}

func TestServerThatCannotStart(t *testing.T) {
	_, err := startServer(PostgresOptions{Bin: Versions(t)[0].Dir, Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		t.Fatal("a server started with a setting that there is not")
	}
	want := `unrecognized configuration parameter "no_such_setting"`
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want the server's own word: %s", err, want)
	}
}

func TestWithDatabase(t *testing.T) {
	for _, tt := range []struct{ name, dsn, want string }{
		{"URL", "postgres://ann:pw@db.example.com:5433/app?sslmode=require", "postgres://ann:pw@db.example.com:5433/x?sslmode=require"},
		{"URL of a socket", "postgresql:///?host=%2Frun%2Fpostgresql", "postgresql:///x?host=%2Frun%2Fpostgresql"},
		{"URL without a path", "postgres://localhost", "postgres://localhost/x"},
		{"keywords and values", "host=/run/postgresql dbname=app", "host=/run/postgresql dbname=app dbname=x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := withDatabase(tt.dsn, "x")
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if config, err := pgx.ParseConfig(got); err != nil || config.Database != "x" {
				t.Errorf("pgx would not connect to x by %s: %v", got, err)
			}
		})
	}
}

func TestVersionsAreOrderedAndMustBeThere(t *testing.T) {
	all := Versions(t)
	var dirs []string
	for _, bin := range slices.Backward(all) {
		dirs = append(dirs, bin.Dir)
	}
	t.Setenv("USHER_TEST_POSTGRES_BINS", strings.Join(dirs, ":"))
	if got := Versions(t); !slices.Equal(got, all) {
		t.Errorf("in the opposite order: got %v, want %v", got, all)
	}
	t.Setenv("USHER_TEST_POSTGRES_BINS", strings.Join(append(dirs, t.TempDir()), ":"))
	if got, err := installed(); err == nil {
		t.Errorf("a directory without a server: got %v, want an error", got)
	}
}

// An ending is a test that notes how it was ended.
type ending struct {
	testing.TB
	how string
}

func (e *ending) Helper()      {}
func (e *ending) Skip(...any)  { e.how += "skipped" }
func (e *ending) Fatal(...any) { e.how += "failed"; runtime.Goexit() }

func TestMissing(t *testing.T) {
	for _, tt := range []struct{ ci, want string }{{"", "skipped"}, {"true", "failed"}} {
		t.Setenv("CI", tt.ci)
		var e ending
		done := make(chan struct{})
		go func() {
			defer close(done)
			missing(&e, "a server")
		}()
		<-done
		if e.how != tt.want {
			t.Errorf("CI=%s: %s, want %s", tt.ci, e.how, tt.want)
		}
	}
}
