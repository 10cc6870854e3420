package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/sqlstore/pgxstore"
)

// Whoever opens a Store is told what is wrong with the database, and clients of the
// Handler are not.
func TestOpenSaysWhy(t *testing.T) {
	hba := filepath.Join(t.TempDir(), "hba.conf")
	if err := os.WriteFile(hba, []byte("local all nobody scram-sha-256\nlocal all all trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // then the server is another user's
		if err := errors.Join(os.Chmod(hba, 0o644), os.Chmod(filepath.Dir(hba), 0o755), os.Chmod(filepath.Dir(filepath.Dir(hba)), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	server := StartPostgres(t, PostgresOptions{Settings: map[string]string{"hba_file": hba}})
	fine := server.DSN(server.CreateDatabase(t))
	if err := execSQL(server.DSN("postgres"), "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
		"CREATE ROLE nobody LOGIN PASSWORD 'hunter2'"); err != nil {
		t.Fatal(err)
	}
	migrated := server.DSN(server.CreateDatabase(t))
	if err := sqlstore.Migrate(t.Context(), Open(t, DriverPGX, migrated), sqlstore.PostgreSQL); err != nil {
		t.Fatal(err)
	}
	if err := execSQL(migrated, "GRANT SELECT ON scim_migration TO nobody"); err != nil {
		t.Fatal(err)
	}
	as := func(dsn, user, password string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("user", user)
		q.Set("password", password)
		u.User, u.RawQuery = nil, q.Encode()
		return u.String()
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("These are no tables. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	onSQLite := func(path string) func() (*sql.DB, sqlstore.Dialect) {
		return func() (*sql.DB, sqlstore.Dialect) { return OpenSQLite(t, path), sqlstore.SQLite }
	}
	onPostgres := func(driver, dsn string) func() (*sql.DB, sqlstore.Dialect) {
		return func() (*sql.DB, sqlstore.Dialect) { return Open(t, driver, dsn), sqlstore.PostgreSQL }
	}
	tests := []struct {
		name      string
		open      func() (*sql.DB, sqlstore.Dialect)
		want      []string
		migration bool // reports it as well
	}{
		{"no directory", onSQLite(filepath.Join(t.TempDir(), "none", "usher.db")), []string{"not available", "unable to open"}, true},
		{"no database", onSQLite(text), []string{"damaged", "not a database"}, true},
		{"an empty file", onSQLite(SQLite(t)), []string{"lacks its tables", "sqlstore.Migrate", "Options.Migrate"}, false},
		{"an empty database", onPostgres(DriverPGX, fine), []string{"lacks its tables", "sqlstore.Migrate", "Options.Migrate"}, false},
		{"another encoding", onPostgres(DriverPGX, server.DSN("ascii")), []string{"SQL_ASCII", "must be UTF8"}, true},
		{"another encoding, by lib/pq", onPostgres(DriverPQ, server.DSN("ascii")), []string{"UTF8"}, true},
		{"no such database", onPostgres(DriverPGX, server.DSN("none")), []string{"not available", `database "none" does not exist`}, true},
		{"a wrong password", onPostgres(DriverPGX, as(migrated, "nobody", "hunter22")), []string{"not available", "password authentication failed"}, true},
		{"a wrong password, by lib/pq", onPostgres(DriverPQ, as(migrated, "nobody", "hunter22")), []string{"not available", "password authentication failed"}, true},
		{"a role without rights", onPostgres(DriverPGX, as(migrated, "nobody", "hunter2")), []string{"does not let", "grant", "permission denied"}, false},
	}
	check := func(name, call string, err error, want ...string) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: %s: got no error", name, call)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %s: got %q, want %q in it", name, call, err, part)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %s: got %q, in which there is a password", name, call, err)
		}
		if strings.Contains(err.Error(), "temporarily") {
			t.Errorf("%s: %s: got %q, which may well last", name, call, err)
		}
		var told *scim.Error
		if errors.As(err, &told) && told.Err != nil && strings.Contains(told.Detail, told.Err.Error()) {
			t.Errorf("%s: %s: a client is told %q", name, call, told.Detail)
		}
	}
	for _, test := range tests {
		db, d := test.open()
		_, err := sqlstore.Open(t.Context(), db, d, nil)
		check(test.name, "Open", err, test.want...)
		if test.migration {
			check(test.name, "Migrate", sqlstore.Migrate(t.Context(), db, d), test.want...)
		}
	}

	overPool := func(dsn string) error {
		pool, err := pgxpool.New(context.Background(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		_, err = pgxstore.Open(t.Context(), pool, nil)
		return err
	}
	check("an empty database", "pgxstore.Open", overPool(fine), "lacks its tables", "Migrate")
	check("another encoding", "pgxstore.Open", overPool(server.DSN("ascii")), "SQL_ASCII")
	check("a role without rights", "pgxstore.Open", overPool(as(migrated, "nobody", "hunter2")), "does not let", "grant", "permission denied")

	store, err := sqlstore.Open(t.Context(), Open(t, DriverPGX, migrated), sqlstore.PostgreSQL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := execSQL(migrated, "ALTER TABLE scim_key RENAME TO scim_keys"); err != nil {
		t.Fatal(err)
	}
	check("a table that is gone", "Ping", store.Ping(t.Context()), "lacks its tables", "scim_key")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	check("a server that is gone", "Ping", store.Ping(t.Context()), "not available", "connect")
	_, err = store.Reindex(t.Context(), user)
	check("a server that is gone", "Reindex", err, "not available", "connect")
	_, err = sqlstore.Open(t.Context(), Open(t, DriverPGX, fine), sqlstore.PostgreSQL, nil)
	check("a server that is gone", "Open", err, "not available", "connect")
	_, err = sqlstore.Open(t.Context(), Open(t, DriverPQ, fine), sqlstore.PostgreSQL, nil)
	check("a server that is gone", "Open by lib/pq", err, "not available")
	check("a server that is gone", "pgxstore.Open", overPool(fine), "not available", "connect")
}
