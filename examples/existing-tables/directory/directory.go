// Package directory puts the tables that an application has had all along behind a
// SCIM endpoint. Read it in this order:
//
//   - schema.sql: the application's tables, and the columns that SCIM needs in them.
//   - store.go: the Store. Its five methods, in less than 200 lines.
//   - rows.go: which column has which attribute, and from a row to a Resource and back.
//   - set.go: members of teams, and teams of members.
//   - database.go: transactions, and what PostgreSQL and SQLite do not have in common.
//     It is not about SCIM: an application, on one of the two, has it already.
//
// # Whose the truth is
//
// A user that SCIM sends has more attributes than an application has columns. So a
// row has both: the application's columns, which its own code reads and writes as
// ever, and the document as JSON, for everything else. What SCIM writes goes into
// both, in one statement. What the application writes goes into the columns alone,
// and where they say otherwise than the document, the Resource is what they say. A
// row without a document, from before there was SCIM or from the application's own
// sign-up, is a Resource made of its columns.
//
// What the application does for it: where it changes a row it counts version on and
// sets updated_at, since clients are shown both; it writes login_key with login, and
// name_key with name; and where it deletes a row it deletes its memberships.
//
// # What is simple here
//
// Package sqlstore, in tables of its own, streams the members of a large group, reads
// the groups of all users on a page at once, has an index of e-mail addresses, and
// lets hooks join the transaction of a write. Here members are read whole, groups for
// one user after the other, users looked for by e-mail one by one (up to
// Options.MaxScan of them), and hooks run when the write is done.
package directory

import (
	"context"
	"database/sql"
	_ "embed"
	"strings"

	"github.com/usherkit/scim/sqlfilter"
)

//go:embed schema.sql
var schema string

// SQLiteOptions come after the path of a file in a DSN for modernc.org/sqlite: a
// transaction waits for its turn to write before it reads, and readers wait for nobody.
const SQLiteOptions = "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)"

// CreateTables creates the tables that are not there.
func CreateTables(ctx context.Context, db *sql.DB, d sqlfilter.Dialect) error {
	text := schema
	if d == sqlfilter.SQLite { // compares bytes unless it is told otherwise
		text = strings.ReplaceAll(text, ` COLLATE "C"`, "")
	}
	_, err := db.ExecContext(ctx, text)
	return err
}
