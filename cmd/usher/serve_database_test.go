package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// What is printed and logged of an address has nothing secret in it.
func TestDatabaseNames(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGSSLMODE"} {
		t.Setenv(name, "")
	}
	for _, test := range []struct{ url, want string }{
		{"postgres://scim:hunter2@db.example.com/scim", "postgres://db.example.com:5432/scim"},
		{"postgresql://scim:hunter2@db.example.com:6432/scim?sslmode=disable&sslpassword=hunter2", "postgres://db.example.com:6432/scim"},
		{"postgres://scim@/app?host=/run/postgresql&password=hunter2", "postgres://%2Frun%2Fpostgresql:5432/app"},
		{"postgres://scim:hunter2@one:5432,two:5433/scim?target_session_attrs=read-write", "postgres://one:5432,two:5433/scim"},
		{"postgres://scim:hunter2@[::1]/scim", "postgres://[::1]:5432/scim"},
		{"postgres://scim@localhost", "postgres://localhost:5432/scim"}, // the user's, as PostgreSQL has it
	} {
		config, err := poolConfig(test.url)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got := nameOf(config.ConnConfig); got != test.want {
			t.Errorf("%s: got %s, want %s", test.url, got, test.want)
		}
	}
}

// What is printed to be entered again has all but the password.
func TestWithoutPassword(t *testing.T) {
	for _, test := range []struct{ name, db, want string }{
		{"a file", "var/usher.db", "var/usher.db"},
		{"no password", "postgres://scim@db.example.com/scim", "postgres://scim@db.example.com/scim"},
		{"one", "postgres://scim:hunter2@db.example.com:6432/scim?sslmode=verify-full", "postgres://scim@db.example.com:6432/scim?sslmode=verify-full"},
		{"with an @ in it", "postgres://scim:hunter2@hunter2@db/scim", "postgres://scim@db/scim"},
		{"for several hosts", "postgresql://scim:hunter2@one:5432,two:5433/scim", "postgresql://scim@one:5432,two:5433/scim"},
		{"no user", "postgres://:hunter2@[::1]/scim", "postgres://@[::1]/scim"},
		{"no path", "postgres://scim:hunter2@db?sslmode=disable", "postgres://scim@db?sslmode=disable"},
		{"as a parameter", "postgres:///scim?user=scim&password=hunter2&host=/run/x@y", "postgres:///scim?user=scim&host=/run/x@y"},
		{"as the only one", "postgres://db/scim?password=hunter2", "postgres://db/scim"},
		{"of the key", "postgres://db/scim?sslkey=k.pem&sslpassword=hunter2", "postgres://db/scim?sslkey=k.pem"},
		{"percent-encoded", "postgres://db/scim?pass%77ord=hunter2&jit=on", "postgres://db/scim?jit=on"},
	} {
		if got := withoutPassword(test.db); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestPoolConfig(t *testing.T) {
	t.Setenv("PGOPTIONS", "")
	for _, test := range []struct {
		url        string
		withoutJIT bool
		statements int
	}{
		{"postgres://scim@localhost/jitters", true, 128},
		{"postgres://scim@localhost/scim?jit=on", false, 128},
		{"postgres://scim@localhost/scim?options=-c%20jit%3Don&statement_cache_capacity=20", false, 20},
	} {
		config, err := poolConfig(test.url)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got := config.AfterConnect != nil; got != test.withoutJIT {
			t.Errorf("%s: turns jit off: got %t, want %t", test.url, got, test.withoutJIT)
		}
		if got := config.ConnConfig.StatementCacheCapacity; got != test.statements {
			t.Errorf("%s: got %d statements, want %d", test.url, got, test.statements)
		}
	}
}

// Nor has what is said of an address that is none.
func TestDatabaseErrorsKeepSecrets(t *testing.T) {
	for _, url := range []string{
		"postgres://scim:hunter2@localhost/scim?sslmode=perhaps",
		"postgres://scim:hunter2@localhost:port/scim",
		"postgres://scim:hunter2/x@localhost/scim",
		"postgres://scim:hunter2#x@localhost:port/scim",
		"postgres://scim:hunter2%zz@localhost/scim",
		"postgres://localhost:port/scim?password=hunter2",
		"postgres://localhost/scim?sslmode=perhaps&password=hunter2",
		"postgres:scim:hunter2@localhost/scim?sslmode=perhaps",
		"user=scim password=hunter2",
		"password = hunter2 user=scim",
		"passfile=/run/hunter2",
		"sslpassword=hunter2 port=5432",
		"USER=scim PASSWORD=hunter2",
	} {
		flags := databaseFlags{DB: url}
		err := flags.check()
		if err == nil {
			_, err = flags.open(2, false)
		}
		switch {
		case err == nil:
			t.Errorf("%s: got no error", url)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error has the password in it: %v", url, err)
		case strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: the error has more than a line: %q", url, err)
		}
	}
}

func TestPlainly(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"what clients are told, and why", &scim.Error{Kind: scim.ErrUnavailable, Detail: "the database is not available", Err: errors.New("refused")}, "the database is not available: refused"},
		{"without a cause", scim.Errorf(scim.ErrUnavailable, "stopping"), "stopping"},
		{"several lines, one of them twice", errors.New("no host:\n\tone: refused\n\tone: refused\n\ttwo: refused"), "no host: one: refused two: refused"},
	} {
		if got := plainly(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// What usher migrate prints makes the schema that usher migrate makes.
func TestPrintedMigrations(t *testing.T) {
	ctx := context.Background()
	made, printed := openFile(t), openFile(t)
	if err := made.migrate(ctx); err != nil {
		t.Fatal(err)
	}
	script, err := sqlstore.Script(sqlstore.SQLite, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := printed.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, script); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := schemaOf(t, printed), schemaOf(t, made); !reflect.DeepEqual(got, want) {
		t.Errorf("got the schema\n%q\nwant\n%q", got, want)
	}
	_, closeStore, err := printed.store(ctx, false)
	if err != nil {
		t.Fatalf("the Store does not take it: %v", err)
	}
	if err := closeStore(); err != nil {
		t.Error(err)
	}
}

func openFile(t *testing.T) *database {
	t.Helper()
	flags := databaseFlags{DB: filepath.Join(t.TempDir(), "usher.db")}
	db, err := flags.connect(context.Background(), slog.New(slog.DiscardHandler), 4, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// schemaOf returns the schema, without the planner's statistics, and which steps made it.
func schemaOf(t *testing.T, db *database) (schema []string) {
	t.Helper()
	rows, err := db.Query(`SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'
		UNION ALL SELECT version || ' ' || name FROM scim_migration WHERE applied_ms > 1700000000000 ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		schema = append(schema, strings.TrimSpace(line))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return schema
}
