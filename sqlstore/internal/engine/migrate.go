package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// A Migration is one step of the schema. Steps are made in a transaction each, so
// one that fails leaves the schema as it was, and only add to what there is, so
// that programs of the version before go on working.
type Migration struct {
	Version int
	Name    string
	SQL     string // statements, each of which ends with a semicolon at the end of a line
}

// Migrations reads the files NNNN_name.sql of a directory, in order.
func Migrations(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	var list []Migration
	for i, name := range names { // Glob sorts them
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, title, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != i+1 {
			return nil, fmt.Errorf("sqlstore: migration %s: want the number %04d and a name", name, i+1)
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		list = append(list, Migration{version, title, strings.TrimSpace(strings.TrimPrefix(up, "-- +goose Up"))})
	}
	return list, nil
}

func (m Migration) statements() (statements []string) {
	for _, s := range strings.Split(m.SQL+"\n", ";\n") {
		lines := strings.Split(s, "\n")
		for len(lines) > 0 && (strings.HasPrefix(lines[0], "--") || strings.TrimSpace(lines[0]) == "") {
			lines = lines[1:]
		}
		if len(lines) > 0 {
			statements = append(statements, strings.Join(lines, "\n"))
		}
	}
	return statements
}

// createVersions makes the table of the steps that were made.
const createVersions = `CREATE TABLE IF NOT EXISTS scim_migration (version integer NOT NULL PRIMARY KEY, name text NOT NULL, applied_ms bigint NOT NULL)`

// Script is what Migrate does to make the steps after one, as SQL for others to
// run.
func Script(d sqlfilter.Dialect, list []Migration, after int) string {
	now := "CAST(extract(epoch FROM now()) * 1000 AS bigint)"
	if d == sqlfilter.SQLite {
		now = "unixepoch() * 1000"
	}
	var script strings.Builder
	if after <= 0 {
		script.WriteString(createVersions + ";\n\n")
	}
	for _, m := range list {
		if m.Version > after {
			fmt.Fprintf(&script, "-- %04[1]d_%[2]s\nBEGIN;\n\nINSERT INTO scim_migration (version, name, applied_ms) VALUES (%[1]d, '%[2]s', %[3]s);\n\n%[4]s\n\nCOMMIT;\n\n",
				m.Version, m.Name, now, m.SQL)
		}
	}
	return strings.TrimSuffix(script.String(), "\n")
}

// Migrate makes the steps that the database lacks. Several processes may do that
// at once: each step is claimed by the row that says it was made, for which the
// others wait, and then find it made.
func Migrate(ctx context.Context, db DB, d sqlfilter.Dialect, list []Migration) error {
	s := &Store{root: &root{db: db, dialect: d}}
	if err := checkEncoding(ctx, db, d); err != nil {
		return err
	}
	version, err := Version(ctx, db)
	if err != nil && Classify(err) != SchemaMissing {
		return Explain(err)
	}
	if err != nil {
		// PostgreSQL lets two that create one table at once collide in its catalogue,
		// at the table, at its type or at an index of the catalogue's own.
		err = s.retry(ctx, func(int) error {
			_, err := db.Exec(ctx, createVersions)
			switch state := sqlState(err); {
			case Classify(err) == Unique, state == "42P07", state == "42710": // duplicate_table, duplicate_object
				return errAgain
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, m := range list {
		if m.Version <= version {
			continue
		}
		err := s.retry(ctx, func(int) error {
			return db.InTx(ctx, func(ctx context.Context, tx Querier) error { return m.apply(ctx, tx, d) })
		})
		if err != nil {
			return fmt.Errorf("sqlstore: migration %04d_%s: %w", m.Version, m.Name, err)
		}
	}
	return nil
}

func (m Migration) apply(ctx context.Context, tx Querier, d sqlfilter.Dialect) error {
	claim := "INSERT INTO scim_migration (version, name, applied_ms) VALUES (" +
		d.Placeholder(1) + ", " + d.Placeholder(2) + ", " + d.Placeholder(3) + ") ON CONFLICT DO NOTHING"
	n, err := tx.Exec(ctx, claim, m.Version, m.Name, time.Now().UnixMilli())
	if err != nil || n == 0 { // another has made the step
		return err
	}
	for _, statement := range m.statements() {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Open prepares a database for a Store: all of steps are made, here if migrate is
// set.
func Open(ctx context.Context, db DB, d sqlfilter.Dialect, steps []Migration, migrate bool) error {
	if migrate {
		if err := Migrate(ctx, db, d, steps); err != nil {
			return err
		}
	} else if err := checkEncoding(ctx, db, d); err != nil {
		return err
	}
	return Check(ctx, db, steps)
}

// checkEncoding reports an error for a database that does not keep every character:
// it would refuse, or garble, what clients send.
func checkEncoding(ctx context.Context, db Querier, d sqlfilter.Dialect) error {
	if d != sqlfilter.PostgreSQL {
		return nil
	}
	var encoding string
	if _, err := One(ctx, db, []any{&encoding}, "SHOW server_encoding"); err != nil {
		return Explain(err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("sqlstore: the encoding of the database is %s, and must be UTF8: create it with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// Version returns the last step that was made. Where there is no table of them,
// the error is of the class SchemaMissing.
func Version(ctx context.Context, db Querier) (int, error) {
	var version *int64
	if _, err := One(ctx, db, []any{&version}, "SELECT max(version) FROM scim_migration"); err != nil || version == nil {
		return 0, err
	}
	return int(*version), nil
}

// Check reports whether the schema is one that the Store can work with, and may read:
// it has all steps of list. More of them are those of a newer version, which only
// add.
func Check(ctx context.Context, db DB, list []Migration) error {
	var version *int64
	_, err := One(ctx, db, []any{&version},
		"SELECT max(version) FROM scim_migration WHERE NOT EXISTS (SELECT 1 FROM scim_resource, scim_key, scim_member WHERE 1 = 0)")
	refuse := func(detail, cause string) error {
		of := errors.New(cause)
		if err != nil {
			of = fmt.Errorf("%s: %w", cause, err)
		}
		return &scim.Error{Kind: scim.ErrUnavailable, Detail: detail, RetryAfter: later, Err: of}
	}
	switch {
	case sqlState(err) == "42501": // insufficient_privilege
		return refuse("the database does not let this service use its tables",
			"grant its role SELECT, INSERT, UPDATE and DELETE on them, and SELECT on scim_migration")
	case err != nil && Classify(err) != SchemaMissing:
		return Explain(err)
	case version == nil:
		return refuse("the database has not been set up for this service: it lacks its tables",
			"sqlstore.Migrate, Options.Migrate or usher migrate makes them")
	case int(*version) < len(list):
		return refuse(fmt.Sprintf("the schema of the database is of version %d, and version %d is needed", *version, len(list)), "run the migrations")
	}
	return nil
}
