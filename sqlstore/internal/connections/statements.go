package connections

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/tenant"
)

// statements are the texts of what is said to the database. $1 is the tenant and $2
// the id of a connection, but where something else is said.
type statements struct {
	Add              string
	Get, Lock        string
	Find             string // $1 the id, $2 when the tokens are to be alive
	TenantOf         string // $1 the id
	Page             string // after ($1, $2), of at most $3
	IDs              string // of all of a tenant
	Change           string
	Delete           string
	DeleteRecords    string
	Hold             string // $3 when, $4 why
	Approve          string // $3 until when
	SeenConnections  string // $1 [[tenant, id, seen, error at, error, unknown], ...], of $2
	SeenTokens       string // likewise [[tenant, connection, id, used], ...]
	Spent            string // $3 the name, $4 after when
	Spend            string // $3 the name, $4 when, $5 how much
	Forget           string // $3 until when
	GiveBack         string // as in Spend
	GiveBackAll      string // likewise, if nothing is left
	ForgetAll        string // but what Approve keeps
	Token            string // $1 the id, $2 when the tokens are to be alive
	Tokens           string
	EndAll           string // $3 when
	RevokeAll        string // $3 when
	Revoke           string // $3 when, $4 the id
	AddToken         string
	Known            string // likewise [[tenant, id], ...]
	AddRecord        string // $3 the id, $4 when, $5 the status, $6 the document
	AddRecords       string // so of manyRecords
	Records, Refused string // before $3, of at most $4
	AllRecords       string // before $1, of at most $2
	AllRefused       string
	Beyond           string // before $3, the newest but $4
	Oldest           string // before $3, $4 of them
	DropRecords      string // $3 the newest of them
	OldestOfAll      string // $1 of them
	DropOfAll        string // $1 the newest of them
}

const (
	connectionColumns = "c.tenant_id, c.id, c.version, c.created_ms, c.settings, c.seen_ms, c.error_ms, c.error, c.unknown_ms, c.held_ms, c.held_reason, c.approved_ms"
	tokenColumns      = "t.id, t.hash, t.label, t.created_by, t.created_ms, t.ends_ms, t.used_ms, t.revoked"
	recordColumns     = "r.tenant_id, r.connection_id, r.id, r.at_ms, r.document"

	live = "EXISTS (SELECT 1 FROM scim_token l WHERE l.tenant_id = c.tenant_id AND l.connection_id = c.id AND l.revoked = 0 AND (l.ends_ms IS NULL OR l.ends_ms > $2))"
)

var (
	postgres = sync.OnceValue(func() *statements { return statementsOf(sqlfilter.PostgreSQL) })
	sqlite   = sync.OnceValue(func() *statements { return statementsOf(sqlfilter.SQLite) })
)

func statementsOf(d sqlfilter.Dialect) *statements {
	const (
		its  = " WHERE tenant_id = $1 AND connection_id = $2"
		one  = " FROM scim_connection c WHERE c.tenant_id = $1 AND c.id = $2"
		only = " WHERE tenant_id = $1 AND id = $2"
		bad  = " AND r.status >= 400"

		revoke = "UPDATE scim_token SET revoked = 1, ends_ms = CASE WHEN ends_ms < $3 THEN ends_ms ELSE $3 END" + its

		// A part of a key from its end. To say that the first columns are equal would let
		// a planner walk the log of all tenants instead, or sort.
		before = " FROM scim_record r WHERE (r.tenant_id, r.connection_id, r.id) > ($1, $2, '') AND (r.tenant_id, r.connection_id, r.id) < ($1, $2, $3)"
		newest = " ORDER BY r.tenant_id DESC, r.connection_id DESC, r.id DESC"
	)
	s := &statements{
		Add:      "INSERT INTO scim_connection (tenant_id, id, version, created_ms, settings, error, held_reason) VALUES ($1, $2, $3, $4, $5, '', '') ON CONFLICT DO NOTHING",
		Get:      "SELECT " + connectionColumns + one,
		Lock:     "SELECT 1" + one,
		Find:     "SELECT " + connectionColumns + ", " + live + " FROM scim_connection c WHERE c.id = $1",
		TenantOf: "SELECT tenant_id FROM scim_connection WHERE id = $1",
		Page:     "SELECT " + connectionColumns + " FROM scim_connection c WHERE (c.tenant_id, c.id) > ($1, $2) ORDER BY c.tenant_id, c.id LIMIT $3",
		IDs:      "SELECT id FROM scim_connection WHERE tenant_id = $1",

		Change:        "UPDATE scim_connection SET version = $3, settings = $4" + only + " AND version = $3 - 1",
		Delete:        "DELETE FROM scim_connection" + only,
		DeleteRecords: "DELETE FROM scim_record" + its,
		Hold: "UPDATE scim_connection SET held_reason = CASE WHEN held_ms IS NULL AND coalesce(approved_ms, 0) <= $3 THEN $4 ELSE held_reason END," +
			" held_ms = CASE WHEN held_ms IS NULL AND coalesce(approved_ms, 0) <= $3 THEN $3 ELSE held_ms END" + only,
		Approve: "UPDATE scim_connection SET held_ms = NULL, held_reason = '', approved_ms = $3" + only,
		SeenConnections: "UPDATE scim_connection AS c SET seen_ms = CASE WHEN x.seen > coalesce(c.seen_ms, 0) THEN x.seen ELSE c.seen_ms END," +
			" error = CASE WHEN x.error_at > coalesce(c.error_ms, 0) THEN x.error ELSE c.error END," +
			" error_ms = CASE WHEN x.error_at > coalesce(c.error_ms, 0) THEN x.error_at ELSE c.error_ms END," +
			" unknown_ms = CASE WHEN x.unknown > coalesce(c.unknown_ms, 0) THEN x.unknown ELSE c.unknown_ms END" +
			" FROM {tenant, id, seen#, error_at#, error, unknown#} WHERE c.tenant_id = x.tenant AND c.id = x.id" +
			" AND (x.seen > coalesce(c.seen_ms, 0) OR x.error_at > coalesce(c.error_ms, 0) OR x.unknown > coalesce(c.unknown_ms, 0))",
		SeenTokens: "UPDATE scim_token AS t SET used_ms = x.used FROM {tenant, connection, id, used#}" +
			" WHERE t.tenant_id = x.tenant AND t.connection_id = x.connection AND t.id = x.id AND x.used > coalesce(t.used_ms, 0)",

		Spent:       "SELECT (SELECT CAST(coalesce(sum(s.amount), 0) AS bigint) FROM scim_spend s WHERE s.tenant_id = $1 AND s.connection_id = $2 AND s.name = $3 AND s.at_s > $4)" + one,
		Spend:       "INSERT INTO scim_spend (tenant_id, connection_id, name, at_s, amount) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, connection_id, name, at_s) DO UPDATE SET amount = scim_spend.amount + excluded.amount",
		Forget:      "DELETE FROM scim_spend" + its + " AND at_s <= $3",
		GiveBack:    "UPDATE scim_spend SET amount = amount + $5" + its + " AND name = $3 AND at_s = $4",
		GiveBackAll: "DELETE FROM scim_spend" + its + " AND name = $3 AND at_s = $4 AND amount + $5 <= 0",
		ForgetAll:   "DELETE FROM scim_spend" + its + fmt.Sprintf(" AND substr(name, 1, %d) <> '%s'", len(tenant.KeptPrefix), tenant.KeptPrefix),

		Token:     "SELECT " + tokenColumns + ", " + connectionColumns + ", " + live + " FROM scim_token t {c} WHERE t.id = $1",
		Tokens:    "SELECT " + tokenColumns + " FROM scim_token t WHERE t.tenant_id = $1 AND t.connection_id = $2 ORDER BY t.created_ms DESC, t.id",
		EndAll:    "UPDATE scim_token SET ends_ms = $3" + its + " AND (ends_ms IS NULL OR ends_ms > $3)",
		RevokeAll: revoke + " AND revoked = 0",
		Revoke:    revoke + " AND id = $4",
		AddToken:  "INSERT INTO scim_token (tenant_id, connection_id, id, hash, label, created_by, created_ms, ends_ms, used_ms, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",

		Known:       "SELECT c.tenant_id, c.id FROM {tenant, id} {k}",
		AddRecord:   addRecords(d, 1),
		AddRecords:  addRecords(d, manyRecords),
		Records:     "SELECT " + recordColumns + before + newest + " LIMIT $4",
		Refused:     "SELECT " + recordColumns + before + bad + newest + " LIMIT $4",
		AllRecords:  "SELECT " + recordColumns + " FROM scim_record r WHERE r.id < $1 ORDER BY r.id DESC LIMIT $2",
		AllRefused:  "SELECT " + recordColumns + " FROM scim_record r WHERE r.id < $1" + bad + " ORDER BY r.id DESC LIMIT $2",
		Beyond:      "SELECT r.id" + before + newest + " LIMIT 1 OFFSET $4",
		Oldest:      "SELECT r.id, r.at_ms" + before + " ORDER BY r.tenant_id, r.connection_id, r.id LIMIT $4",
		DropRecords: "DELETE FROM scim_record" + its + " AND id <= $3",
		OldestOfAll: "SELECT r.id, r.at_ms FROM scim_record r ORDER BY r.id LIMIT $1",
		DropOfAll:   "DELETE FROM scim_record WHERE id <= $1",
	}
	// What belongs to a row that was found. A planner without statistics would rather
	// read a whole table, unless it is told that there is one.
	joined := func(table, as, on, lock string) string {
		if d == sqlfilter.SQLite {
			return "JOIN " + table + " " + as + " ON " + on
		}
		return "CROSS JOIN LATERAL (SELECT * FROM " + table + " " + as + " WHERE " + on + " LIMIT 1" + lock + ") " + as
	}
	s.Token = strings.Replace(s.Token, "{c}", joined("scim_connection", "c", "c.tenant_id = t.tenant_id AND c.id = t.connection_id", ""), 1)
	// Locked, or the connection might go while its records come.
	s.Known = strings.Replace(s.Known, "{k}", joined("scim_connection", "c", "c.tenant_id = x.tenant AND c.id = x.id", " FOR KEY SHARE"), 1)
	if d == sqlfilter.PostgreSQL {
		s.Lock += " FOR NO KEY UPDATE"
	}
	return s.spelled(d)
}

// manyRecords is how many records one statement adds, if there are so many.
const manyRecords = 32

// addRecords adds n records, whose values follow each other. Values take less time
// than a list in JSON, and these are many.
func addRecords(d sqlfilter.Dialect, n int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO scim_record (tenant_id, connection_id, id, at_ms, status, document) VALUES ")
	for i := range n {
		for column := range recordValues {
			text.WriteString([]string{"(", ", "}[min(column, 1)])
			text.WriteString(d.Placeholder(i*recordValues + column + 1))
		}
		text.WriteString([]string{"), ", ")"}[max(0, i+2-n)])
	}
	text.WriteString(" ON CONFLICT DO NOTHING")
	return text.String()
}

const recordValues = 6

var (
	placeholder = regexp.MustCompile(`\$(\d+)`)
	list        = regexp.MustCompile(`\{([^}]*)\}`)
)

// spelled spells placeholders and lists as the database does. A list in braces is
// what $1 has as JSON, an array of $2 arrays, as a table x of columns; those with a #
// are integers. The planner would not know of how many.
func (s *statements) spelled(d sqlfilter.Dialect) *statements {
	fields := reflect.ValueOf(s).Elem()
	for i := range fields.NumField() {
		text := list.ReplaceAllStringFunc(fields.Field(i).String(), func(columns string) string {
			return table(d, strings.Split(strings.Trim(columns, "{}"), ", "))
		})
		if d == sqlfilter.SQLite {
			text = placeholder.ReplaceAllString(text, "?$1")
		}
		fields.Field(i).SetString(text)
	}
	return s
}

func table(d sqlfilter.Dialect, columns []string) string {
	var parts []string
	for i, column := range columns {
		name, number := strings.CutSuffix(column, "#")
		at := string(rune('0' + i))
		part := "json_extract(e.value, '$[" + at + "]')"
		if d == sqlfilter.PostgreSQL {
			if part = "e.value->>" + at; number {
				part = "(" + part + ")::bigint"
			}
		}
		parts = append(parts, part+" AS "+name)
	}
	elements := "json_each($1)"
	if d == sqlfilter.PostgreSQL {
		elements = "jsonb_array_elements($1::text::jsonb)"
	}
	return "(SELECT " + strings.Join(parts, ", ") + " FROM " + elements + " e LIMIT $2) AS x"
}
