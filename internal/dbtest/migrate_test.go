package dbtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// location is where a database is, for others to open it too.
type location struct {
	dialect sqlfilter.Dialect
	dsn     string
	driver  string // of SQLite; default: that of OpenSQLite
}

// locations runs a test on an empty database of each kind.
func locations(t *testing.T, run func(t *testing.T, at location)) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			at := location{dialect: d}
			if d == sqlfilter.SQLite {
				at.dsn = SQLite(t)
			} else {
				at.dsn = Postgres(t)
			}
			run(t, at)
		})
	}
}

func (at location) open(t *testing.T) *sql.DB {
	t.Helper()
	switch {
	case at.dialect == sqlfilter.PostgreSQL:
		return Open(t, DriverPGX, at.dsn)
	case at.driver != "":
		return Open(t, at.driver, at.dsn)
	}
	return OpenSQLite(t, at.dsn)
}

func (at location) store(t *testing.T, o *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	return openStore(t, at.open(t), at.dialect, o)
}

// created creates a user.
func created(t *testing.T, store scim.Store, name string) *scim.Resource {
	t.Helper()
	document, keys := documentOf(t, name)
	u, err := store.Create(t.Context(), scim.Ref{Tenant: "acme", Type: "User"}, scim.Change{Document: document, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return u.Resource
}

var plainUserType = sync.OnceValues(func() (*scim.ResourceType, error) { return scim.UserType() })

func documentOf(t *testing.T, name string) (scim.Document, []scim.Key) {
	t.Helper()
	typ, err := plainUserType()
	if err != nil {
		t.Fatal(err)
	}
	document, keys, err := typ.Encode(scim.User{UserName: name, Active: true, Emails: []scim.Value{{Value: name + "@example.com"}}})
	if err != nil {
		t.Fatal(err)
	}
	return document, keys
}

func (at location) version(t *testing.T) int {
	t.Helper()
	return number(t, at.open(t), "SELECT max(version) FROM scim_migration")
}

// released is how many migrations there are.
func released(t *testing.T, d sqlfilter.Dialect) int {
	t.Helper()
	names, err := fs.Glob(sqlstore.Migrations(d), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("found no migrations: %v", err)
	}
	return len(names)
}

// together does something eight times at once.
func together(t *testing.T, do func() error) {
	t.Helper()
	errs := make([]error, 8)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { errs[i] = do() })
	}
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		var pools []*sql.DB
		for range 8 {
			pools = append(pools, at.open(t))
		}
		next := make(chan *sql.DB, len(pools))
		for _, db := range pools {
			next <- db
		}
		together(t, func() error {
			store, err := sqlstore.Open(t.Context(), <-next, at.dialect, &sqlstore.Options{Migrate: true})
			if err != nil {
				return err
			}
			return store.Close()
		})
		if got := number(t, at.open(t), "SELECT count(*) FROM scim_migration"); got != released(t, at.dialect) {
			t.Errorf("got %d rows in scim_migration, want %d", got, released(t, at.dialect))
		}
		created(t, at.store(t, nil), "bjensen")
	})
}

// A migration that fails half-way leaves nothing behind, and is made once what was
// in its way is gone.
func TestMigrateFailsHalfway(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		db := at.open(t)
		execute(t, db, "CREATE TABLE scim_member (in_the_way integer)") // the last that the first migration makes
		if err := sqlstore.Migrate(t.Context(), db, at.dialect); err == nil {
			t.Fatal("got no error of a migration that cannot be made")
		}
		if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM scim_resource"); err == nil {
			t.Error("scim_resource is there after a migration that failed")
		}
		_, err := sqlstore.Open(t.Context(), db, at.dialect, nil)
		toldUnavailable(t, "Open without the tables", err, "lacks its tables")
		execute(t, db, "DROP TABLE scim_member")
		if err := sqlstore.Migrate(t.Context(), db, at.dialect); err != nil {
			t.Fatal(err)
		}
		created(t, at.store(t, nil), "bjensen")
	})
}

// toldUnavailable checks an error that an operator sees at the start.
func toldUnavailable(t *testing.T, what string, err error, says string) {
	t.Helper()
	if !errors.Is(err, scim.ErrUnavailable) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got %v, want ErrUnavailable with %q", what, err, says)
	}
}

// A database of the version before goes on working with the program of that
// version, while a migration of the next fails and after it was made, and holds
// what it held.
func TestMigrateToNext(t *testing.T) {
	program := nextVersion(t)
	locations(t, func(t *testing.T, at location) {
		next := func(command string) error {
			out, err := exec.CommandContext(t.Context(), program, command, map[sqlfilter.Dialect]string{sqlfilter.SQLite: "sqlite", sqlfilter.PostgreSQL: "postgres"}[at.dialect], at.dsn).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
		store := at.store(t, &sqlstore.Options{Migrate: true})
		was := created(t, store, "before")
		works := func(when, name string) {
			t.Helper()
			created(t, store, name)
			got, err := store.Get(t.Context(), was.Ref, scim.Projection{})
			if showResource(got, scim.Projection{}, err) != showResource(was, scim.Projection{}, nil) {
				t.Errorf("%s: got %s, want %s", when, showResource(got, scim.Projection{}, err), showResource(was, scim.Projection{}, nil))
			}
		}
		old := released(t, at.dialect)

		if err := next("open"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("is of version %d, and version %d is needed: run the migrations", old, old+1)) {
			t.Errorf("the next version on a schema too old: got %v, want an error with both versions", err)
		}
		execute(t, at.open(t), "CREATE TABLE scim_note (in_the_way integer)")
		if err := next("migrate"); err == nil || !strings.Contains(err.Error(), "_notes") {
			t.Errorf("a migration that cannot be made: got %v, want an error that names it", err)
		}
		if got := at.version(t); got != old {
			t.Errorf("after a migration that failed: got version %d, want %d", got, old)
		}
		if _, err := at.open(t).ExecContext(t.Context(), "SELECT note FROM scim_resource"); err == nil {
			t.Error("the column is there that the failed migration has added")
		}
		works("after a migration that failed", "between")

		execute(t, at.open(t), "DROP TABLE scim_note")
		together(t, func() error { return next("migrate") })
		if got := at.version(t); got != old+1 {
			t.Errorf("got version %d, want %d", got, old+1)
		}
		if err := next("open"); err != nil {
			t.Errorf("the next version on its schema: got %v, want no error", err)
		}
		works("on the schema of the next version", "after")
		created(t, at.store(t, nil), "later") // opened now
	})
}

// nextVersion builds the program migrating with one migration more than there are.
func nextVersion(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for folder, d := range map[string]sqlfilter.Dialect{"sqlite": sqlfilter.SQLite, "postgres": sqlfilter.PostgreSQL} {
		const statements = "-- +goose Up\n\nALTER TABLE scim_resource ADD COLUMN note text;\n\nCREATE TABLE scim_note (tenant_id text NOT NULL PRIMARY KEY);\n\n" +
			"-- +goose Down\n\nDROP TABLE scim_note;\n"
		source := filepath.Join(dir, folder+".sql")
		if err := os.WriteFile(source, []byte(statements), 0o600); err != nil {
			t.Fatal(err)
		}
		at, err := filepath.Abs(fmt.Sprintf("../../sqlstore/migrations/%s/%04d_notes.sql", folder, released(t, d)+1))
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[at] = source
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "migrating")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", file, "-o", program, "./migrating").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// The files, run as they are by people whose databases are run by others, make the
// schema that Migrate makes, and take it away again.
func TestMigrateByHand(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		files := sqlstore.Migrations(at.dialect)
		names, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		var down []string
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			up, back, both := strings.Cut(string(text), "-- +goose Down\n")
			if !both || !strings.HasPrefix(up, "-- +goose Up\n") {
				t.Fatalf("%s: want the marks of goose", name)
			}
			at.script(t, up)
			down = append(down, back)
		}
		byHand, byMigrate := at.catalogue(t), catalogueOf(t, migrated(t, at.dialect), at.dialect)
		if diff := cmp.Diff(strings.Split(byMigrate, "\n"), strings.Split(byHand, "\n")); diff != "" {
			t.Errorf("the schema made by hand is + and not -:\n%s", diff)
		}
		slices.Reverse(down)
		for _, script := range down {
			at.script(t, script)
		}
		if left := at.catalogue(t); left != "" {
			t.Errorf("after going back there is\n%s", left)
		}
	})
}

// script runs many statements as psql and sqlite3 do.
func (at location) script(t *testing.T, text string) {
	t.Helper()
	if at.dialect == sqlfilter.SQLite {
		execute(t, at.open(t), text)
		return
	}
	conn, err := pgx.Connect(t.Context(), at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func (at location) catalogue(t *testing.T) string { return catalogueOf(t, at.open(t), at.dialect) }

// catalogueOf shows the tables but for scim_migration.
func catalogueOf(t *testing.T, db *sql.DB, d sqlfilter.Dialect) string {
	t.Helper()
	query := "SELECT name, sql FROM sqlite_schema WHERE tbl_name LIKE 'scim%' AND tbl_name <> 'scim_migration' ORDER BY 1, 2"
	if d == sqlfilter.PostgreSQL {
		query = `SELECT table_name || '.' || column_name, concat_ws(' ', data_type, collation_name, is_nullable, column_default)
				FROM information_schema.columns WHERE table_name LIKE 'scim%' AND table_name <> 'scim_migration'
			UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'scim%' AND tablename <> 'scim_migration'
			UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text LIKE 'scim%' AND conrelid::regclass::text <> 'scim_migration'
			ORDER BY 1, 2`
	}
	var lines []string
	for _, r := range texts(t, db, query) {
		lines = append(lines, r[0]+": "+r[1])
	}
	return strings.Join(lines, "\n")
}

// A database without the tables is answered 503: they may yet come.
func TestTablesMissing(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		store := at.store(t, &sqlstore.Options{Migrate: true})
		h, err := scim.NewHandler(store, scim.StaticToken("t", scim.Principal{Tenant: "acme"}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		execute(t, at.open(t), "DROP TABLE scim_member", "DROP TABLE scim_key", "DROP TABLE scim_resource", "DROP TABLE scim_migration")
		for _, request := range []string{"GET /Users/x", `GET /Users?filter=userName%20eq%20"x"`, "GET /Groups", "POST /Users", "DELETE /Users/x"} {
			method, path, _ := strings.Cut(request, " ")
			path = strings.ReplaceAll(path, `"`, "%22")
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(`{"schemas":["`+scim.UserSchemaURI+`"],"userName":"x"}`))
			r.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 503 || w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: got %d, Retry-After %q, want 503 with one:\n%s", request, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			saysNothingInternal(t, request, w.Body.String())
		}
		if err := store.Ping(t.Context()); !errors.Is(err, scim.ErrUnavailable) {
			t.Errorf("Ping: got %v, want ErrUnavailable", err)
		}
		if _, err := sqlstore.Open(t.Context(), at.open(t), at.dialect, nil); !errors.Is(err, scim.ErrUnavailable) {
			t.Errorf("Open: got %v, want ErrUnavailable", err)
		}
	})
}

// saysNothingInternal checks what a client is told.
func saysNothingInternal(t *testing.T, what, body string) {
	t.Helper()
	for _, word := range []string{"scim_", "SQL", "sql", "SELECT", "relation", "table ", "pgx", "sqlite", "SQLSTATE", "connect", "dial", "/tmp", "/dev", "EOF", "driver"} {
		if strings.Contains(body, word) {
			t.Errorf("%s: the client is told of %q:\n%s", what, word, body)
		}
	}
}
