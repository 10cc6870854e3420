// Package migrations holds the schemas of sqlstore as files that also the tools
// of others run: in the format of goose, a statement after another.
package migrations

import "embed"

// Files are the migrations of PostgreSQL and SQLite, each in its folder.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
