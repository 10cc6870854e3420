package dbtest

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// withoutTenant are the tables that may have keys without a tenant, and why.
var withoutTenant = map[string]string{
	"scim_migration": "it is about the schema itself: a few rows, in whichever node has the schema",
	"scim_index":     "it is about the keys of all tenants alike: a few rows, a reference table where others are distributed",
}

// byID are the indexes that may begin with something else, and why. They are not
// unique: Citus and others ask for the tenant in those alone.
var byID = map[string]string{
	"scim_connection_id":     "an access token of OAuth names a connection and no tenant",
	"scim_token_id":          "a token names no tenant",
	"scim_record_id":         "the log of all tenants",
	"scim_record_refused_id": "likewise",
}

// A constraint is a key, an index or a foreign key, with its columns in order.
type constraint struct {
	table, name string
	columns     []string
	references  []string // of a foreign key
}

// Every key, index and foreign key begins with the tenant, so that the tables can
// be distributed by it: Citus, CockroachDB and YugabyteDB take no other.
func TestCatalogue(t *testing.T) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			db := migrated(t, d)
			read := postgresConstraints
			if d == sqlfilter.SQLite {
				read = sqliteConstraints
			}
			tables, of := map[string]int{}, read(t, db)
			for _, c := range of {
				tables[c.table]++
				if withoutTenant[c.table] != "" {
					continue
				}
				if c.columns[0] != "tenant_id" && byID[c.name] == "" {
					t.Errorf("%s of %s: got the columns %q, want tenant_id first", c.name, c.table, c.columns)
				}
				if c.references != nil && c.references[0] != "tenant_id" {
					t.Errorf("%s of %s: refers to %q, want tenant_id first", c.name, c.table, c.references)
				}
			}
			for _, table := range []string{
				"scim_resource", "scim_key", "scim_member", "scim_migration", "scim_index",
				"scim_connection", "scim_token", "scim_spend", "scim_record",
			} {
				if tables[table] == 0 {
					t.Errorf("found no key of %s", table)
				}
			}
			if len(of) < 23 {
				t.Errorf("found %d keys, indexes and foreign keys, want 23 or more: %v", len(of), of)
			}
			for name := range byID {
				if !slices.ContainsFunc(of, func(c constraint) bool {
					return c.name == name && c.columns[0] != "tenant_id" && !unique(t, db, d, name)
				}) {
					t.Errorf("found no index %s that is by an id alone and not unique", name)
				}
			}
		})
	}
}

// unique reports whether an index is.
func unique(t *testing.T, db *sql.DB, d sqlfilter.Dialect, index string) bool {
	t.Helper()
	query := "SELECT count(*) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indisunique AND i.relname = '" + index + "'"
	if d == sqlfilter.SQLite {
		query = "SELECT count(*) FROM sqlite_schema WHERE name = '" + index + "' AND sql LIKE '%UNIQUE%'"
	}
	return number(t, db, query) > 0
}

// migrated returns a database with the tables.
func migrated(t *testing.T, d sqlfilter.Dialect) *sql.DB {
	t.Helper()
	db := emptyDatabase(t, d)
	if err := sqlstore.Migrate(t.Context(), db, d); err != nil {
		t.Fatal(err)
	}
	return db
}

func emptyDatabase(t *testing.T, d sqlfilter.Dialect) *sql.DB {
	t.Helper()
	if d == sqlfilter.SQLite {
		return OpenSQLite(t, SQLite(t))
	}
	return Open(t, DriverPGX, Postgres(t))
}

// texts asks for rows of texts.
func texts(t *testing.T, db *sql.DB, query string, args ...any) (all [][]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, dest := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		list := make([]string, len(row))
		for i := range row {
			list[i] = row[i].String
		}
		all = append(all, list)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

func postgresConstraints(t *testing.T, db *sql.DB) (all []constraint) {
	t.Helper()
	for _, r := range texts(t, db, `
		SELECT c.relname, i.relname, string_agg(a.attname, ',' ORDER BY k.n)
		FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid,
			LATERAL unnest(x.indkey::int[]) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attnum = k.attnum
		WHERE a.attrelid = c.oid AND c.relname LIKE 'scim%' GROUP BY 1, 2`) {
		all = append(all, constraint{r[0], r[1], strings.Split(r[2], ","), nil})
	}
	for _, r := range texts(t, db, `
		SELECT c.conrelid::regclass, c.conname, string_agg(a.attname, ',' ORDER BY k.n), string_agg(b.attname, ',' ORDER BY k.n)
		FROM pg_constraint c, LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(ours, theirs, n), pg_attribute a, pg_attribute b
		WHERE c.contype = 'f' AND a.attrelid = c.conrelid AND a.attnum = k.ours AND b.attrelid = c.confrelid AND b.attnum = k.theirs GROUP BY 1, 2`) {
		all = append(all, constraint{r[0], r[1], strings.Split(r[2], ","), strings.Split(r[3], ",")})
	}
	return all
}

func sqliteConstraints(t *testing.T, db *sql.DB) (all []constraint) {
	t.Helper()
	for _, table := range texts(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'scim%'") {
		if key := texts(t, db, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk", table[0]); len(key) > 0 {
			all = append(all, constraint{table[0], "the primary key", flat(key, 0), nil})
		}
		for _, index := range texts(t, db, "SELECT name FROM pragma_index_list(?1)", table[0]) {
			all = append(all, constraint{table[0], index[0], flat(texts(t, db, "SELECT name FROM pragma_index_info(?1) ORDER BY seqno", index[0]), 0), nil})
		}
		for _, foreign := range texts(t, db, "SELECT DISTINCT id FROM pragma_foreign_key_list(?1)", table[0]) {
			columns := texts(t, db, `SELECT "from", "to" FROM pragma_foreign_key_list(?1) WHERE id = CAST(?2 AS integer) ORDER BY seq`, table[0], foreign[0])
			all = append(all, constraint{table[0], "foreign key " + foreign[0], flat(columns, 0), flat(columns, 1)})
		}
	}
	return all
}

func flat(rows [][]string, column int) (list []string) {
	for _, r := range rows {
		list = append(list, r[column])
	}
	return list
}

// What is compared is compared by its bytes, whatever the database's own language.
// Nothing is numbered by the database: the end of a sequence is a place where all
// writes of a cluster would meet.
func TestCatalogueOfPostgres(t *testing.T) {
	db := migrated(t, sqlfilter.PostgreSQL)
	columns := texts(t, db, `SELECT table_name, column_name, data_type, collation_name, is_identity, column_default
		FROM information_schema.columns WHERE table_name LIKE 'scim%' ORDER BY 1, 2`)
	if len(columns) < 20 {
		t.Fatalf("found the columns %v, want 20 or more", columns)
	}
	for _, c := range columns {
		if withoutTenant[c[0]] == "" && c[2] == "text" && c[3] != "C" {
			t.Errorf("%s.%s: got the collation %q, want C", c[0], c[1], c[3])
		}
		if c[4] != "NO" || c[5] != "" {
			t.Errorf("%s.%s: got identity %s, default %q, want neither", c[0], c[1], c[4], c[5])
		}
		if !slices.Contains([]string{"text", "bigint", "smallint", "integer"}, c[2]) {
			t.Errorf("%s.%s: got the type %s, which other engines may not have", c[0], c[1], c[2])
		}
	}
	for what, query := range map[string]string{
		"sequences": "SELECT relname FROM pg_class WHERE relkind = 'S'",
		"triggers":  "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
		"functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
	} {
		if got := texts(t, db, query); len(got) > 0 {
			t.Errorf("got the %s %v, want none", what, got)
		}
	}
}

func TestCatalogueOfSQLite(t *testing.T) {
	db := migrated(t, sqlfilter.SQLite)
	schema := strings.ToUpper(strings.Join(flat(texts(t, db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"), 0), "\n"))
	if !strings.Contains(schema, "SCIM_MEMBER") {
		t.Fatalf("found no tables in %s", schema)
	}
	for _, word := range []string{"AUTOINCREMENT", "COLLATE", "TRIGGER"} {
		if strings.Contains(schema, word) {
			t.Errorf("the schema has %s:\n%s", word, schema)
		}
	}
}
