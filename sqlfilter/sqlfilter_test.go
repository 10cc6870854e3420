package sqlfilter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// What SQL comes of a filter is shown here; that it means what the filter means,
// tests on databases show in internal/dbtest.

// users is of tables as an application might have them.
func users(d Dialect) *Mapping {
	return &Mapping{
		Dialect: d,
		Columns: map[string]Column{
			"id":              {Expr: "u.id", Kind: UUID, Indexed: true},
			"meta.created":    {Expr: "u.created_at", Kind: Time},
			"externalId":      {Expr: "u.external_id", Kind: ASCII, Indexed: true},
			"userName":        {Expr: "u.login_key", Kind: Key, Indexed: true},
			"displayName":     {Expr: "u.full_name"},
			"title":           {Expr: "u.title", Kind: ASCII},
			"active":          {Expr: "u.active", Kind: Boolean},
			"name.familyName": {Expr: "coalesce(u.last, u.full_name)"},
		},
		Elements: map[string]Elements{
			"emails": {
				Some: "EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id AND %s)",
				Columns: map[string]Column{
					"value":   {Expr: "e.address", Kind: ASCII, Equal: "u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = %s)"},
					"type":    {Expr: "e.type", Kind: ASCII},
					"primary": {Expr: "e.main", Kind: Boolean},
				},
			},
			"groups": {
				Some:    "u.id IN (SELECT m.user_id FROM members m WHERE %s)",
				Columns: map[string]Column{"value": {Expr: "m.team_id", Kind: Serial, Indexed: true}},
			},
		},
	}
}

var userType = func() *scim.ResourceType {
	typ, err := scim.UserType()
	if err != nil {
		panic(err)
	}
	return typ
}()

func parse(t testing.TB, src string) scim.Filter {
	t.Helper()
	if src == "" {
		return nil
	}
	f, err := userType.ParseFilter(src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhere(t *testing.T) {
	tests := []struct {
		filter, postgres, sqlite string // sqlite: where it is not the same
		how                      string
	}{
		{``, `TRUE`, ``, "exact"},
		{`userName eq "Bob"`, `u.login_key = $1::text`, `u.login_key = ?1`, "exact indexed"},
		{`userName ne "Bob"`, `((u.login_key = $1::text) IS NOT TRUE)`, `((u.login_key = ?1) IS NOT TRUE)`, "exact"},
		{
			`userName sw "bo"`, `(u.login_key COLLATE "C" >= $1::text AND u.login_key COLLATE "C" < $2::text)`,
			`(u.login_key >= ?1 AND u.login_key < ?2)`, "exact",
		},
		{
			`userName lt "bo"`, `(u.login_key COLLATE "C" <> '' AND u.login_key COLLATE "C" < $1::text)`,
			`(u.login_key <> '' AND u.login_key < ?1)`, "exact",
		},
		{
			`userName co "%"`, `(strpos(u.login_key COLLATE "C", $1::text) > 0 OR length(u.login_key COLLATE "C") > 100)`,
			`(instr(u.login_key, ?1) > 0 OR length(u.login_key) > 100)`, "",
		},
		{`userName eq "a" or userName eq "b" or id pr`, `TRUE`, ``, "exact"},
		{
			`userName eq "a" or active eq true or userName eq "b"`, `(u.login_key IN ($1::text, $2::text) OR u.active = TRUE)`,
			`(u.login_key IN (?1, ?2) OR u.active = TRUE)`, "exact",
		},
		{`id eq "0189"`, `FALSE`, `u.id = ?1`, "exact indexed"},
		{`id eq "01890a5d-ac96-774b-bcce-b302099a8057"`, `u.id = $1::uuid`, `u.id = ?1`, "exact indexed"},
		{
			`id sw "01"`, `(u.id::text COLLATE "C" >= $1::text AND u.id::text COLLATE "C" < $2::text)`,
			`(u.id >= ?1 AND u.id < ?2)`, "exact",
		},
		{`externalId eq "X"`, `u.external_id COLLATE "C" = $1::text`, `u.external_id = ?1`, "exact indexed"},
		{`title ew "Boss"`, `right(lower(u.title COLLATE "C"), 4) = $1::text`, `substr(lower(u.title), -4) = ?1`, "exact"},
		{`title pr`, `u.title <> ''`, ``, "exact"},
		{
			`displayName eq "bob"`, `(lower(u.full_name COLLATE "C") = $1::text OR octet_length(u.full_name) <> char_length(u.full_name))`,
			`(lower(u.full_name) = ?1 OR length(CAST(u.full_name AS BLOB)) <> length(u.full_name))`, "",
		},
		{`displayName eq "Bär"`, `octet_length(u.full_name) <> char_length(u.full_name)`, `length(CAST(u.full_name AS BLOB)) <> length(u.full_name)`, ""},
		{`name.familyName pr`, `(coalesce(u.last, u.full_name)) <> ''`, ``, "exact"},
		{`active eq true and nickName eq "x"`, `u.active = TRUE`, ``, ""},
		{`active eq true or nickName eq "x"`, `TRUE`, ``, ""},
		{`not (active eq true or nickName eq "x")`, `((u.active = TRUE) IS NOT TRUE)`, ``, ""},
		{
			`meta.created gt "2026-01-02T03:04:05.0000001Z"`, `u.created_at > $1::timestamptz`,
			`CAST(round((julianday(u.created_at) - 2440587.5) * 86400000.0) AS INTEGER) > ?1`, "exact",
		},
		{`emails.value eq "a@b"`, `u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = $1::text)`, `u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = ?1)`, "exact indexed"},
		{
			`emails[type eq "work" and primary eq false]`,
			`EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id AND (lower(e.type COLLATE "C") = $1::text AND ((e.main = TRUE) IS NOT TRUE)))`,
			`EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id AND (lower(e.type) = ?1 AND ((e.main = TRUE) IS NOT TRUE)))`, "exact",
		},
		{
			`emails[value eq "a@b" and display pr]`,
			`(u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = $1::text) AND EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id AND lower(e.address COLLATE "C") = $2::text))`,
			`(u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = ?1) AND EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id AND lower(e.address) = ?2))`, "indexed",
		},
		{`groups.value eq "7"`, `u.id IN (SELECT m.user_id FROM members m WHERE m.team_id = $1::bigint)`, `u.id IN (SELECT m.user_id FROM members m WHERE m.team_id = ?1)`, "exact indexed"},
		{`groups eq "seven"`, `FALSE`, ``, "exact indexed"},
		{`groups[display sw "x"]`, `u.id IN (SELECT m.user_id FROM members m WHERE TRUE)`, ``, ""},
	}
	for _, test := range tests {
		for _, d := range []Dialect{PostgreSQL, SQLite} {
			want := test.postgres
			if d == SQLite && test.sqlite != "" {
				want = test.sqlite
			}
			var args []any
			c := users(d).Where(parse(t, test.filter), &args)
			if how := description(c); c.SQL != want || how != test.how {
				t.Errorf("%s:\n got %s (%s)\nwant %s (%s)", test.filter, c.SQL, how, want, test.how)
			}
		}
	}
}

func description(c Condition) string {
	var how []string
	if c.Exact {
		how = append(how, "exact")
	}
	if c.Indexed {
		how = append(how, "indexed")
	}
	return strings.Join(how, " ")
}

// The arguments go on where others end, and are what clients sent, prepared for
// comparison.
func TestWhereArguments(t *testing.T) {
	args := []any{"tenant"}
	c := users(PostgreSQL).Where(parse(t, `userName sw "Bö%" and (title co "A'B" or id eq "01890a5d-ac96-774b-bcce-b302099a8057")`), &args)
	want := `((u.login_key COLLATE "C" >= $2::text AND u.login_key COLLATE "C" < $3::text) AND (strpos(lower(u.title COLLATE "C"), $4::text) > 0 OR u.id = $5::uuid))`
	if c.SQL != want {
		t.Errorf("got  %s\nwant %s", c.SQL, want)
	}
	if want := []any{"tenant", "bö%", "bö&", "a'b", "01890a5d-ac96-774b-bcce-b302099a8057"}; !slices.Equal(args, want) {
		t.Errorf("arguments: got %q, want %q", args, want)
	}
}

func TestSuccessor(t *testing.T) {
	tests := []struct{ prefix, want, reason string }{
		{"a", "b", "the next"},
		{"ab", "ac", "of the last character"},
		{"a\x7f", "a\u0080", "longer in bytes"},
		{"\ud7ff", "\ue000", "no surrogates between"},
		{"a\U0010ffff", "b", "there is none, so of the one before"},
		{"a\U0010ffff\U0010ffff", "b", "and so on"},
		{"\U0010ffff", "", "nothing comes after it"},
		{"", "", "nor after everything"},
	}
	for _, test := range tests {
		got, ok := successor(test.prefix)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%q: got %q, %v, want %q: %s", test.prefix, got, ok, test.want, test.reason)
		}
	}
}

// A recorder is a Source of nothing, that remembers what was asked.
type recorder struct {
	asked     []string
	resources []*scim.Resource
}

func (r *recorder) source() Source {
	return Source{
		Args: []any{"acme"},
		Count: func(_ context.Context, where string, args []any, most int) (int, error) {
			r.asked = append(r.asked, fmt.Sprintf("count %d where %s %v", most, where, args))
			return len(r.resources), nil
		},
		Read: func(_ context.Context, rows Rows) ([]*scim.Resource, error) {
			r.asked = append(r.asked, fmt.Sprintf("%s %v", rows, rows.Args))
			n := min(rows.Limit, len(r.resources))
			found := r.resources[:n]
			r.resources = r.resources[n:]
			return found, nil
		},
	}
}

func someUsers(n int) (all []*scim.Resource) {
	for i := range n {
		name := fmt.Sprintf("user%d", i)
		document, keys, err := userType.Encode(scim.User{UserName: name})
		if err != nil {
			panic(err)
		}
		all = append(all, &scim.Resource{
			Ref:     scim.Ref{Type: "User", ID: fmt.Sprintf("00000000-0000-0000-0000-%012x", i)},
			Created: time.UnixMilli(int64(i)), Document: document, Keys: keys,
		})
	}
	return all
}

// Each part of an order is a statement of its own, which an index can be walked
// for.
func TestPageStatements(t *testing.T) {
	const at = "1970-01-01T00:00:00.001000000/00000000-0000-0000-0000-000000000001"
	tests := []struct {
		name, filter, by, order string
		q                       scim.Query
		users                   int // that there are, and match
		want                    []string
	}{
		{"creation", "", "", "", scim.Query{Limit: 2}, 1, []string{
			`TRUE ORDER BY u.created_at, u.id LIMIT 3 [acme]`,
		}},
		{"a full page", "", "", "", scim.Query{Limit: 2, Offset: 4}, 9, []string{
			`TRUE ORDER BY u.created_at, u.id LIMIT 3 OFFSET 4 [acme]`,
			`count 0 where TRUE [acme]`,
		}},
		{"after a place", "", "", "", scim.Query{Limit: 2, After: scim.Place{At: at}}, 1, []string{
			`(u.created_at, u.id) > ($2::timestamptz, $3::uuid) ORDER BY u.created_at, u.id LIMIT 3 [acme 1970-01-01 00:00:00.001 +0000 UTC 00000000-0000-0000-0000-000000000001]`,
			`count 0 where TRUE [acme]`,
		}},
		{"sorted", `active eq true`, "userName", "", scim.Query{Limit: 2}, 0, []string{
			`(u.active = TRUE AND u.login_key IS NOT NULL) ORDER BY u.login_key COLLATE "C", u.created_at, u.id LIMIT 3 [acme]`,
			`(u.active = TRUE AND u.login_key IS NULL) ORDER BY u.created_at, u.id LIMIT 3 [acme]`,
		}},
		{"sorted, after a key", "", "userName", "descending", scim.Query{Limit: 2, After: scim.Place{Key: "bob", At: at}}, 0, []string{
			`(u.login_key COLLATE "C" = $2::text AND (u.created_at, u.id) > ($3::timestamptz, $4::uuid)) ORDER BY u.created_at, u.id LIMIT 3 [acme bob 1970-01-01 00:00:00.001 +0000 UTC 00000000-0000-0000-0000-000000000001]`,
			`(u.login_key IS NOT NULL AND u.login_key COLLATE "C" < $2::text) ORDER BY u.login_key COLLATE "C" DESC, u.created_at, u.id LIMIT 3 [acme bob]`,
			`count 0 where TRUE [acme]`,
		}},
		{"sorted, after what has no key", "", "title", "", scim.Query{Limit: 2, After: scim.Place{At: at}}, 0, []string{
			`((u.title IS NULL OR lower(u.title COLLATE "C") = '') AND (u.created_at, u.id) > ($2::timestamptz, $3::uuid)) ORDER BY u.created_at, u.id LIMIT 3 [acme 1970-01-01 00:00:00.001 +0000 UTC 00000000-0000-0000-0000-000000000001]`,
			`count 0 where TRUE [acme]`,
		}},
		{"only the total", `active eq true`, "", "", scim.Query{}, 0, []string{
			`count 0 where u.active = TRUE [acme]`,
		}},
		{"nothing can match", `id eq "x"`, "", "", scim.Query{Limit: 2}, 0, nil},
		{"few in doubt", `displayName eq "bob" or userName eq "bob"`, "", "", scim.Query{Limit: 2}, 0, []string{
			`(octet_length(u.full_name) <> char_length(u.full_name)` +
				` AND ((lower(u.full_name COLLATE "C") = $2::text OR octet_length(u.full_name) <> char_length(u.full_name)) OR u.login_key = $3::text)` +
				` AND ((((lower(u.full_name COLLATE "C") = $4::text AND ((octet_length(u.full_name) <> char_length(u.full_name)) IS NOT TRUE)) OR u.login_key = $5::text)) IS NOT TRUE))` +
				` ORDER BY u.created_at, u.id LIMIT 101 [acme bob bob bob bob]`,
			`((lower(u.full_name COLLATE "C") = $2::text AND ((octet_length(u.full_name) <> char_length(u.full_name)) IS NOT TRUE)) OR u.login_key = $3::text) ORDER BY u.created_at, u.id LIMIT 3 [acme bob bob]`,
		}},
		{"nothing is known", `active eq true and nickName pr`, "", "", scim.Query{Limit: 2}, 501, []string{
			`u.active = TRUE ORDER BY u.created_at, u.id LIMIT 500 [acme]`,
			`(u.active = TRUE AND (u.created_at, u.id) > ($2::timestamptz, $3::uuid)) ORDER BY u.created_at, u.id LIMIT 500 [acme 1970-01-01 00:00:00.499 +0000 UTC 00000000-0000-0000-0000-0000000001f3]`,
		}},
		{"no order is known", "", "displayName", "", scim.Query{Limit: 2}, 3, []string{
			`TRUE ORDER BY u.created_at, u.id LIMIT 500 [acme]`,
		}},
		{"what may be looked at is counted", `active eq true`, "", "", scim.Query{MaxScan: 10}, 0, []string{
			`count 11 where TRUE [acme]`,
			`count 0 where u.active = TRUE [acme]`,
		}},
		{"what an index leads to is not", `userName eq "bob" and active eq true`, "", "", scim.Query{MaxScan: 10}, 0, []string{
			`count 0 where (u.login_key = $2::text AND u.active = TRUE) [acme bob]`,
		}},
	}
	for _, test := range tests {
		test.q.Filter = parse(t, test.filter)
		var err error
		if test.q.Sort, err = userType.ParseSort(test.by, test.order); err != nil {
			t.Fatal(err)
		}
		r := recorder{resources: someUsers(test.users)}
		if _, err := users(PostgreSQL).Page(t.Context(), test.q, r.source()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.asked, test.want) {
			t.Errorf("%s: asked\n  %s\nwant\n  %s", test.name, strings.Join(r.asked, "\n  "), strings.Join(test.want, "\n  "))
		}
	}
}

func TestPageErrors(t *testing.T) {
	broken := errors.New("broken")
	q := scim.Query{Limit: 2, Filter: parse(t, `active eq true`)}
	failing := Source{
		Count: func(context.Context, string, []any, int) (int, error) { return 0, broken },
		Read:  func(context.Context, Rows) ([]*scim.Resource, error) { return nil, broken },
	}
	tests := []struct {
		name    string
		mapping *Mapping
		q       scim.Query
		want    error
	}{
		{"reading", users(SQLite), q, broken},
		{"counting", users(SQLite), scim.Query{}, broken},
		{"counting what is looked at", users(SQLite), scim.Query{Filter: q.Filter, MaxScan: 5}, broken},
		{"reading what is in doubt", users(SQLite), scim.Query{Filter: parse(t, `displayName sw "x"`)}, broken},
		{"reading what is matched", users(SQLite), scim.Query{Filter: parse(t, `nickName pr`)}, broken},
		{"a bad place", users(SQLite), scim.Query{Limit: 2, After: scim.Place{At: "x"}}, scim.ErrInvalidCursor},
		{"a mapping without ids", &Mapping{Dialect: SQLite}, q, nil},
		{"a mapping without an order", &Mapping{Dialect: SQLite, Columns: map[string]Column{"id": {Expr: "u.id"}}}, q, nil},
	}
	for _, test := range tests {
		page, err := test.mapping.Page(t.Context(), test.q, failing)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v, want the error %v", test.name, page, err, test.want)
		}
	}
}

func ExampleMapping_Where() {
	mapping := Mapping{
		Dialect: PostgreSQL,
		Columns: map[string]Column{
			"userName": {Expr: "u.login_key", Kind: Key, Indexed: true},
			"active":   {Expr: "u.enabled", Kind: Boolean},
		},
	}
	filter, err := userType.ParseFilter(`userName sw "Bob" and not (active eq false)`)
	if err != nil {
		panic(err)
	}
	args := []any{"acme"} // $1 is the tenant
	where := mapping.Where(filter, &args)
	fmt.Println("SELECT u.id FROM users u WHERE u.org = $1 AND " + where.SQL)
	fmt.Println(args, where.Exact)
	// Output:
	// SELECT u.id FROM users u WHERE u.org = $1 AND ((u.login_key COLLATE "C" >= $2::text AND u.login_key COLLATE "C" < $3::text) AND ((u.enabled = FALSE) IS NOT TRUE))
	// [acme bob boc] true
}

// A look-up costs next to nothing beside the statement.
func BenchmarkPage(b *testing.B) {
	q := scim.Query{Limit: 100, MaxScan: 1000, Filter: parse(b, `userName eq "Bob@example.com"`)}
	found := someUsers(1)
	source := Source{
		Args: []any{"acme"},
		Read: func(context.Context, Rows) ([]*scim.Resource, error) { return found, nil },
	}
	mapping := users(PostgreSQL)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mapping.Page(b.Context(), q, source); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBrokenTemplates: an application's template that has lost its %s leaves no filter
// out: what it is about is decided by scim.Match.
func TestBrokenTemplates(t *testing.T) {
	for _, template := range []string{"", "TRUE", "EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id)", "%s AND %s"} {
		m := users(PostgreSQL)
		e := m.Elements["emails"]
		e.Some = template
		m.Elements["emails"] = e
		name := m.Columns["userName"]
		name.Equal = template
		m.Columns["userName"] = name
		for filter, exact := range map[string]bool{`emails.value eq "a@b"`: false, `emails[type eq "work"]`: false, `emails pr`: false, `userName eq "bob"`: true} {
			var args []any
			got := m.Where(parse(t, filter), &args)
			if got.Exact != exact || exact && got.SQL != "u.login_key = $1::text" {
				t.Errorf("template %q, filter %s: got %+v, want it exact: %t", template, filter, got, exact)
			}
		}
	}
}
