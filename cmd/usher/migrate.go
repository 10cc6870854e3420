package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/usherkit/scim/sqlstore"
)

type migrateCommand struct {
	databaseFlags
	Print bool `help:"Print the SQL instead, for somebody else to run. Nothing is connected to; -db only says for which kind of database."`
	After int  `placeholder:"N" help:"Print only the steps after this one: SELECT max(version) FROM scim_migration tells the last that was made. Default: all steps."`
}

// Help is shown by -help.
func (*migrateCommand) Help() string {
	return `usher serve does this at the start, unless it is told -no-migrate. It may be done
while others serve from the database, by whatever version: a migration only adds.

Examples:

	usher migrate -db postgres://owner@db.example.com/usher
	usher migrate -db postgres:// -print > schema.sql
	psql -v ON_ERROR_STOP=1 -f schema.sql postgres://dba@db.example.com/usher
	usher migrate -print | sqlite3 -bail usher.db
`
}

// Validate is called by kong.
func (c *migrateCommand) Validate() error {
	switch {
	case c.DB == inMemory:
		return errors.New("-db memory: there is no schema in memory")
	case c.After != 0 && !c.Print:
		return errors.New("-after is for -print: otherwise the steps that the database lacks are made")
	}
	return c.databaseFlags.check()
}

// Run is called by kong.
func (c *migrateCommand) Run(console *console) error {
	if c.Print {
		script, err := sqlstore.Script(c.dialect(), c.After)
		if err == nil {
			_, err = io.WriteString(console.out, script)
		}
		return err
	}
	logger := slog.New(slog.NewTextHandler(console.errors, nil))
	db, err := c.connect(console.ctx, logger, 2, true)
	if err != nil {
		return err
	}
	defer db.Close()
	before := db.version(console.ctx)
	if err := db.migrate(console.ctx); err != nil {
		return db.failed(err)
	}
	after := db.version(console.ctx)
	if after == before {
		_, err = fmt.Fprintf(console.out, "%s: the schema is up to date, at version %d\n", db.name, after)
		return err
	}
	_, err = fmt.Fprintf(console.out, "%s: the schema is now at version %d, and was at %d\n", db.name, after, before)
	return err
}
