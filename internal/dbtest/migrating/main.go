// Command migrating migrates a database, or opens a Store on it as it is: for tests
// that build it with migrations that there are not yet.
//
//	migrating migrate|open sqlite|postgres DSN
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/usherkit/scim/sqlstore"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: migrating migrate|open sqlite|postgres DSN")
	}
	driver, dialect := "sqlite", sqlstore.SQLite
	if args[1] == "postgres" {
		driver, dialect = "pgx", sqlstore.PostgreSQL
	}
	db, err := sql.Open(driver, args[2])
	if err != nil {
		return err
	}
	defer db.Close()
	if args[0] == "migrate" {
		return sqlstore.Migrate(ctx, db, dialect)
	}
	store, err := sqlstore.Open(ctx, db, dialect, nil)
	if err != nil {
		return err
	}
	return store.Close()
}
