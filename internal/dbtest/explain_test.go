package dbtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// How many resources there are, in one tenant and in all the others.
const (
	manyUsers   = 20_000
	manyTenants = 200
	fewUsers    = 50 // of each
	manyMembers = 10_000
	fewMembers  = 40
	someMembers = 10 // of a small group
)

// A usual request is one that identity providers make all the time. In it {user}
// and so on stand for what there is. None of its statements reads more rows than
// so many, however many there are, but for one that counts the matches.
type usualRequest struct {
	name         string
	method, path string
	body         string
	status       int
	finds        string // a part of the answer
	rows         int
}

func usualRequests() []usualRequest {
	query := func(resources string, parameters ...string) string {
		q := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			q.Set(parameters[i], parameters[i+1])
		}
		return resources + "?" + q.Encode()
	}
	patch := func(operations string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
	}
	one := `"totalResults":1,`
	return []usualRequest{
		{name: "a user", method: "GET", path: "Users/{user}", status: 200, finds: "user-{n}", rows: 8},
		{name: "a group without members", method: "GET", path: "Groups/{group}?excludedAttributes=members", status: 200, finds: "group-{g}", rows: 1},
		{name: "a group", method: "GET", path: "Groups/{small}", status: 200, finds: "members", rows: 20},
		{name: "nobody", method: "GET", path: "Users/nobody", status: 404, rows: 1},
		{name: "by userName", method: "GET", path: query("Users", "filter", `userName eq "USER-{n}"`), status: 200, finds: one, rows: 8},
		{name: "by a userName that nobody has", method: "GET", path: query("Users", "filter", `userName eq "nobody"`), status: 200, finds: `"totalResults":0`, rows: 1},
		{name: "by externalId", method: "GET", path: query("Users", "filter", `externalId eq "ext-{n}"`), status: 200, finds: one, rows: 8},
		{name: "by displayName", method: "GET", path: query("Users", "filter", `displayName eq "person {n}"`), status: 200, finds: one, rows: 8},
		{name: "by an address", method: "GET", path: query("Users", "filter", `emails.value eq "user-{n}@example.com"`), status: 200, finds: one, rows: 8},
		{name: "by an address of a type", method: "GET", path: query("Users", "filter", `emails[type eq "work"].value eq "user-{n}@example.com"`), status: 200, finds: one, rows: 8},
		{name: "by an address in brackets", method: "GET", path: query("Users", "filter", `emails[type eq "work" and value eq "user-{n}@example.com"]`), status: 200, finds: one, rows: 8},
		{name: "by one of two", method: "GET", path: query("Users", "filter", `userName eq "user-{n}" or externalId eq "ext-{m}"`), status: 200, finds: `"totalResults":2,`, rows: 12},
		{name: "by userName and something else", method: "GET", path: query("Users", "filter", `userName eq "user-{n}" and active eq true`), status: 200, finds: one, rows: 8},
		{name: "by id", method: "GET", path: query("Users", "filter", `id eq "{user}"`), status: 200, finds: one, rows: 8},
		{name: "a group by displayName", method: "GET", path: query("Groups", "filter", `displayName eq "group-{g}"`, "excludedAttributes", "members"), status: 200, finds: one, rows: 3},
		{name: "whether somebody is a member", method: "GET", path: query("Groups", "filter", `id eq "{group}" and members eq "{user}"`, "excludedAttributes", "members"), status: 200, finds: one, rows: 3},
		{name: "the groups of a user", method: "GET", path: query("Groups", "filter", `members.value eq "{user}"`, "excludedAttributes", "members"), status: 200, finds: `"totalResults":2,`, rows: 8},
		{name: "the members of a group", method: "GET", path: query("Users", "filter", `groups.value eq "{small}"`, "attributes", "userName"), status: 200, finds: `"totalResults":10,`, rows: 30},
		{name: "a page", method: "GET", path: query("Users", "count", "10", "attributes", "userName"), status: 200, finds: `"itemsPerPage":10`, rows: 11},
		{name: "a page with groups", method: "GET", path: query("Users", "count", "10"), status: 200, finds: "group-2", rows: 51},
		{name: "a page by cursor", method: "GET", path: query("Users", "count", "10", "cursor", "", "attributes", "userName"), status: 200, finds: "nextCursor", rows: 11},
		{name: "a page by userName", method: "GET", path: query("Users", "count", "10", "sortBy", "userName", "attributes", "userName"), status: 200, finds: `"itemsPerPage":10`, rows: 13},
		{name: "a page by userName, the last first", method: "GET", path: query("Users", "count", "10", "sortBy", "userName", "sortOrder", "descending", "attributes", "userName"), status: 200, finds: `"itemsPerPage":10`, rows: 200},
		{name: "a page by displayName", method: "GET", path: query("Users", "count", "10", "sortBy", "displayName", "attributes", "userName"), status: 200, finds: `"itemsPerPage":10`, rows: 13},
		{name: "a page by displayName and cursor", method: "GET", path: query("Users", "count", "10", "cursor", "", "sortBy", "displayName", "attributes", "userName"), status: 200, finds: "nextCursor", rows: 13},
		{name: "a new user", method: "POST", path: "Users", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new-{n}","externalId":"e","displayName":"n","emails":[{"value":"n@example.com"}]}`, status: 201, rows: 2},
		{name: "a user again", method: "POST", path: "Users", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user-{n}"}`, status: 409, rows: 2},
		{name: "a new group", method: "POST", path: "Groups", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"new-{n}","members":[{"value":"{user}"}]}`, status: 201, rows: 6},
		{name: "a patch", method: "PATCH", path: "Users/{user}", body: patch(`{"op":"replace","path":"title","value":"Chief"}`), status: 200, rows: 8},
		{name: "a patch of a userName", method: "PATCH", path: "Users/{user}", body: patch(`{"op":"replace","path":"userName","value":"user-{n}b"}`), status: 200, rows: 8},
		{name: "a patch of an address", method: "PATCH", path: "Users/{user}", body: patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@example.com"}`), status: 200, rows: 8},
		{name: "a member is added", method: "PATCH", path: "Groups/{group}", body: patch(`{"op":"add","path":"members","value":[{"value":"{other}"}]}`), status: 204, rows: 6},
		{name: "members are removed", method: "PATCH", path: "Groups/{group}", body: patch(`{"op":"remove","path":"members[value eq \"{user}\"]"},{"op":"remove","path":"members[value eq \"{other}\"]"}`), status: 204, rows: 6},
		{name: "a group is renamed", method: "PATCH", path: "Groups/{group}", body: patch(`{"op":"replace","path":"displayName","value":"renamed-{n}"}`), status: 204, rows: 3},
		{name: "a user goes", method: "DELETE", path: "Users/{gone}", status: 204, rows: 8},
		{name: "a group goes", method: "DELETE", path: "Groups/{small}", status: 204, rows: 20},
	}
}

// The usual requests read what they are about, and never a table: whatever the
// planner knows or does not know of the tables, in a tenant that has most of what
// there is and in one of many.
func TestExplain(t *testing.T) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			e := newExplained(t, d)
			for i, known := range []string{"without statistics", "with statistics"} {
				if e.statistics = i == 1; e.statistics {
					execute(t, e.DB, "ANALYZE")
				}
				for _, tenant := range []string{"large", "t7"} {
					t.Run(known+", of "+tenant, func(t *testing.T) {
						there := thereIs(tenant, i)
						for _, q := range usualRequests() {
							t.Run(q.name, func(t *testing.T) { e.check(t, tenant, q.with(there)) })
						}
					})
				}
			}
		})
	}
}

func dialectName(d sqlfilter.Dialect) string {
	if d == sqlfilter.SQLite {
		return "SQLite"
	}
	return "PostgreSQL"
}

// explained is a Handler on a large database, of which each statement is recorded.
type explained struct {
	*sql.DB    // not recorded
	dialect    sqlfilter.Dialect
	statistics bool // the planner has them
	handler    http.Handler
	said       *recorder
	prepared   int // how many statements
}

// openExplained opens a Store whose statements are heard, in a new database.
func openExplained(t *testing.T, d sqlfilter.Dialect) (*explained, *sqlstore.Store) {
	t.Helper()
	e := &explained{dialect: d}
	var dsn string
	if d == sqlfilter.SQLite {
		dsn = SQLite(t)
		e.DB = OpenSQLite(t, dsn)
	} else {
		dsn = Postgres(t)
		e.DB = Open(t, DriverPGX, dsn)
	}
	over, said := recorded(e.DB, dsn)
	t.Cleanup(func() { _ = over.Close() })
	store := openStore(t, over, d, &sqlstore.Options{Migrate: true, Relaxed: true})
	e.said = said
	return e, store
}

func newExplained(t *testing.T, d sqlfilter.Dialect) *explained {
	t.Helper()
	e, store := openExplained(t, d)
	tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		return scim.Principal{Tenant: token}, nil
	})
	handler, err := scim.NewHandler(store, tokens, &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e.handler = handler
	if d == sqlfilter.PostgreSQL { // nobody else is to gather statistics
		for _, table := range []string{"scim_resource", "scim_key", "scim_member"} {
			execute(t, e.DB, "ALTER TABLE "+table+" SET (autovacuum_enabled = false)")
		}
	}
	if d == sqlfilter.SQLite { // the plans have what the foreign keys ask
		e.DB.SetMaxOpenConns(1)
		execute(t, e.DB, "PRAGMA foreign_keys=ON")
	}
	loadCrowd(t, e.DB, d, crowd{"'large'", "i", 1, manyUsers, 200, manyMembers})
	loadCrowd(t, e.DB, d, crowd{fmt.Sprintf("'t' || (i %% %d)", manyTenants), fmt.Sprintf("(i / %d)", manyTenants), manyTenants, manyTenants * fewUsers, manyTenants * 4, fewMembers})
	return e
}

// A crowd is resources to load. tenant and number are expressions of i, which
// counts them: a resource's tenant, and its number there.
type crowd struct {
	tenant, number string
	tenants        int
	users, groups  int
	members        int // of the groups 1 and 2 in each tenant; all others have someMembers
}

const (
	userIDs  = "01900000-0000-7000-8000-"
	groupIDs = "01900001-0000-7000-8000-"
)

// loadCrowd writes resources without a Store, which would take its time.
func loadCrowd(t *testing.T, db *sql.DB, d sqlfilter.Dialect, c crowd) {
	t.Helper()
	id := func(prefix, i string) string {
		if d == sqlfilter.SQLite {
			return "printf('" + prefix + "%012x', " + i + ")"
		}
		return "'" + prefix + "' || lpad(to_hex(" + i + "), 12, '0')"
	}
	series := func(from, to int) string {
		if d == sqlfilter.SQLite {
			return fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n)", from, to-1)
		}
		return fmt.Sprintf("generate_series(%d, %d) AS n(i)", from, to-1)
	}
	rows := func(prefix string, n int) string {
		return " FROM (SELECT " + id(prefix, "i") + " AS id, " + c.tenant + " AS tenant, CAST(" + c.number + " AS text) AS n FROM " + series(0, n) + ") AS x"
	}
	const (
		user  = `'{"externalId":"ext-#","userName":"user-#","displayName":"Person #","active":true,"emails":[{"value":"user-#@example.com","type":"work"}]}'`
		group = `'{"displayName":"group-#"}'`
	)
	execute(t, db,
		"INSERT INTO scim_resource SELECT tenant, 'User', id, 1, 0, 0, 'Person ' || n, replace("+user+", '#', n), 'user-' || n, 'ext-' || n, 'person ' || n,"+
			` '[["emails.value","user-' || n || '@example.com",0]]'`+rows(userIDs, c.users),
		"INSERT INTO scim_key SELECT tenant, 'User', 'emails.value', 'user-' || n || '@example.com', id, 0"+rows(userIDs, c.users),
		"INSERT INTO scim_resource SELECT tenant, 'Group', id, 1, 0, 0, 'group-' || n, replace("+group+", '#', n), NULL, NULL, NULL, '[[\"displayName\",\"group-' || n || '\",1]]'"+rows(groupIDs, c.groups),
		"INSERT INTO scim_key SELECT tenant, 'Group', 'displayName', 'group-' || n, id, 1"+rows(groupIDs, c.groups),
	)
	for g := range c.groups / c.tenants {
		from, to := 20, 20+someMembers
		if g == 1 || g == 2 {
			from, to = 0, c.members
		}
		execute(t, db, "INSERT INTO scim_member SELECT "+c.tenant+", "+id(groupIDs, fmt.Sprintf("%d + i %% %d", g*c.tenants, c.tenants))+", "+id(userIDs, "i")+", 'Group', 'User' FROM "+
			series(from*c.tenants, to*c.tenants))
	}
}

// thereIs says what the words in braces stand for, for the first time that a
// tenant is asked and for the next.
func thereIs(tenant string, again int) *strings.Replacer {
	at := func(prefix string, number int) string {
		if tenant != "large" {
			number = number*manyTenants + 7 // t7
		}
		return prefix + fmt.Sprintf("%012x", number)
	}
	n := 7 + again*30 // neither is among the 10 of the small groups
	return strings.NewReplacer(
		"{n}", strconv.Itoa(n), "{m}", strconv.Itoa(n+1), "{g}", strconv.Itoa(1+again),
		"{user}", at(userIDs, n), "{gone}", at(userIDs, n+2), "{other}", at(userIDs, fewUsers-1-again),
		"{group}", at(groupIDs, 1+again), "{small}", at(groupIDs, 3*again))
}

func (q usualRequest) with(there *strings.Replacer) usualRequest {
	path, err := url.PathUnescape(q.path)
	if err != nil {
		panic(err) // it is written above
	}
	path, query, _ := strings.Cut(there.Replace(path), "?")
	if q.path = path; query != "" {
		q.path += "?" + strings.NewReplacer(" ", "%20", `"`, "%22", "[", "%5B", "]", "%5D").Replace(query)
	}
	q.body, q.finds = there.Replace(q.body), there.Replace(q.finds)
	return q
}

// check makes a request and looks at the plans of its statements. Of a walk it does
// so with the next page too.
func (e *explained) check(t *testing.T, tenant string, q usualRequest) {
	answer := e.ask(t, tenant, q)
	var page struct{ NextCursor string }
	if err := json.Unmarshal(answer, &page); err == nil && page.NextCursor != "" {
		q.path = strings.Replace(q.path, "cursor=", "cursor="+page.NextCursor, 1)
		e.ask(t, tenant, q)
	}
}

func (e *explained) ask(t *testing.T, tenant string, q usualRequest) (answer []byte) {
	t.Helper()
	e.said.take()
	r := httptest.NewRequestWithContext(t.Context(), q.method, "/"+q.path, strings.NewReader(q.body))
	r.Header.Set("Authorization", "Bearer "+tenant)
	r.Header.Set("Content-Type", "application/scim+json")
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	if w.Code != q.status || !strings.Contains(w.Body.String(), q.finds) {
		t.Fatalf("%s %s: got %d, want %d with %s:\n%s", q.method, q.path, w.Code, q.status, q.finds, w.Body)
	}
	asked := 0
	for _, s := range e.said.take() {
		if !strings.Contains(s.text, "scim_resource") && !strings.Contains(s.text, "scim_key") && !strings.Contains(s.text, "scim_member") {
			continue // SAVEPOINT and the like
		}
		asked++
		if e.dialect == sqlfilter.SQLite {
			e.checkSQLite(t, tenant, s)
		} else {
			e.checkPostgres(t, tenant, q, s)
		}
	}
	if asked == 0 {
		t.Error("nothing was asked of the database")
	}
	return w.Body.Bytes()
}

// counts reports whether a statement counts the matches of a page.
func (s said) counts() bool { return strings.HasPrefix(s.text, "SELECT count(*) FROM scim_resource") }

// A walk of the rows of a type in a tenant, of which only LIMIT is the end.
var sqliteWalk = regexp.MustCompile(`\(tenant_id=\?( AND type=\?)?\)`)

func (e *explained) checkSQLite(t *testing.T, tenant string, s said) {
	t.Helper()
	rows, err := e.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.text, s.args...)
	if err != nil {
		t.Fatalf("%s: %v", s.text, err)
	}
	defer rows.Close()
	var plan []string
	sorts := false
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
		sorts = sorts || strings.Contains(detail, "TEMP B-TREE FOR ORDER BY")
	}
	wrong := func(why string) { t.Errorf("%s\n%s\n%q\n%s", why, s.text, s.args, strings.Join(plan, "\n")) }
	for _, detail := range plan {
		switch {
		case strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "VIRTUAL TABLE") && !strings.Contains(detail, "CONSTANT ROW") && !subqueries[strings.Fields(detail)[1]]:
			wrong("a table is read from its beginning")
		case sorts && e.statistics && tenant != "large": // which is known to be little
		case sqliteWalk.MatchString(detail) && !s.counts() && (sorts || !strings.Contains(s.text, " LIMIT ")):
			wrong("all of a tenant is read")
		}
	}
}

// What statements call the results of their own parts.
var subqueries = map[string]bool{"t": true, "x": true, "counted": true}

func (e *explained) checkPostgres(t *testing.T, tenant string, q usualRequest, s said) {
	t.Helper()
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		var text strings.Builder
		read := 0.0
		root, fetched, scans := e.explain(t, mode, s)
		root.walk(0, func(depth int, n *planNode) {
			fmt.Fprintf(&text, "%*s%s %s %s %s %s: %v times %v, but for %v\n", 2*depth, "", n.Type, n.Relation, n.Index, n.Condition, n.Filter, n.Loops, n.Rows, n.Removed+n.Rechecked)
			if n.Relation != "" || n.Index != "" {
				read += (n.Rows + n.Removed + n.Rechecked) * n.Loops
			}
		})
		wrong := func(why string) { t.Errorf("%s: %s\n%s\n%.2000q\n%s", mode, why, s.text, s.args, &text) }
		switch {
		case s.counts():
			if tenant != "large" && read > manyTenants {
				wrong(fmt.Sprintf("to count reads %v rows", read))
			}
		case scans > 0:
			wrong("a table is read from its beginning, here or by a foreign key")
		case read > float64(q.rows):
			wrong(fmt.Sprintf("reads %v rows, want %d or fewer", read, q.rows))
		case fetched > 3*q.rows+10:
			wrong(fmt.Sprintf("with the foreign keys %d rows are fetched, want not many more than %d", fetched, q.rows))
		}
	}
}

// A planNode is a step of a plan, as EXPLAIN (FORMAT JSON) has it.
type planNode struct {
	Type      string `json:"Node Type"`
	Relation  string `json:"Relation Name"`
	Index     string `json:"Index Name"`
	Condition string `json:"Index Cond"`
	Filter    string
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Removed   float64 `json:"Rows Removed by Filter"`
	Rechecked float64 `json:"Rows Removed by Index Recheck"`
	Plans     []*planNode
}

func (n *planNode) walk(depth int, visit func(depth int, n *planNode)) {
	visit(depth, n)
	for _, child := range n.Plans {
		child.walk(depth+1, visit)
	}
}

// explain runs a statement once more, prepared as a driver prepares it, and undoes
// what it does. It says too how many rows were fetched and how often a table was
// read from its beginning, including what foreign keys asked.
func (e *explained) explain(t *testing.T, mode string, s said) (root *planNode, fetched, scans int) {
	t.Helper()
	tx, err := e.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var args []string
	for _, a := range s.args {
		args = append(args, literal(t, a))
	}
	e.prepared++
	name := "explained_" + strconv.Itoa(e.prepared)
	execution := "EXECUTE " + name
	if len(args) > 0 {
		execution += "(" + strings.Join(args, ", ") + ")"
	}
	for _, statement := range []string{"SET LOCAL plan_cache_mode = " + mode, "PREPARE " + name + " AS " + s.text} {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	reading := func() (n [2]int) { // of the session, so far
		err := tx.QueryRowContext(t.Context(), "SELECT sum(coalesce(idx_tup_fetch, 0) + seq_tup_read), sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname LIKE 'scim%'").Scan(&n[0], &n[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := reading()
	var text string
	if err := tx.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+execution).Scan(&text); err != nil {
		t.Fatalf("%s: %v\n%s", s.text, err, execution)
	}
	var plans []struct{ Plan *planNode }
	if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	after := reading()
	return plans[0].Plan, after[0] - before[0], after[1] - before[1]
}

// literal writes an argument as SQL.
func literal(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	t.Fatalf("an argument of type %T", v)
	return ""
}
