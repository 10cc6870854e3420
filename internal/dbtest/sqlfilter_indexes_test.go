package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// Both databases walk the indexes that the documentation of package sqlfilter
// names, in the order of the page, without sorting more than what is equal.
func TestSQLFilterIndexes(t *testing.T) {
	tests := []struct {
		filter, by, order string
		after             scim.Place
		want              []string // the index of each statement
	}{
		{"", "", "", scim.Place{}, []string{"by_id"}},
		{"", "", "", scim.Place{At: "/00000100"}, []string{"by_id"}},
		{`id eq "00000007"`, "", "", scim.Place{}, []string{"by_id"}},
		{`userName eq "user7" and active eq true`, "", "", scim.Place{}, []string{"by_name"}},
		{`userName eq "user7" or userName eq "user8" or id eq "00000009"`, "", "", scim.Place{}, []string{"by_name by_id"}},
		{`userName sw "user77"`, "userName", "", scim.Place{}, []string{"by_name"}},
		{`userName gt "user77" and userName lt "user8"`, "userName", "descending", scim.Place{}, []string{"by_name", "by_name"}},
		{"", "userName", "", scim.Place{}, []string{"by_name"}},
		{"", "userName", "descending", scim.Place{}, []string{"by_name", "by_name"}}, // first those without one
		{"", "userName", "", scim.Place{Key: "user7", At: "/00000007"}, []string{"by_name", "by_name"}},
		{"", "userName", "descending", scim.Place{Key: "user7", At: "/00000007"}, []string{"by_name", "by_name"}},
		{`externalId eq "X7"`, "", "", scim.Place{}, []string{"by_number"}},
		{`title eq "Title 7"`, "", "", scim.Place{}, []string{"by_title"}},
		{"", "title", "", scim.Place{Key: "title 7", At: "/00000007"}, []string{"by_title", "by_title"}},
	}
	users, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	everyDatabase(t, func(t *testing.T, w *world) {
		number, title := "number", "lower(title)"
		series := "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 20000) "
		explain := "EXPLAIN QUERY PLAN "
		if w.dialect == sqlfilter.PostgreSQL {
			number, title, explain = `number COLLATE "C"`, `lower(title COLLATE "C")`, "EXPLAIN "
		}
		key := keyColumn(w.dialect)
		execute(t, w.db,
			"CREATE TABLE account (tenant text NOT NULL, id "+key+" NOT NULL, created bigint NOT NULL, name "+key+", number text, title text, active boolean)",
			"INSERT INTO account "+series+"SELECT 'acme', substr(cast(100000000 + i AS text), 2), i, 'user' || i, 'X' || i, 'Title ' || i, i % 2 = 0 FROM s",
			"CREATE UNIQUE INDEX by_id ON account (tenant, id)",
			"CREATE UNIQUE INDEX by_name ON account (tenant, name)",
			"CREATE INDEX by_number ON account (tenant, ("+number+"))",
			"CREATE INDEX by_title ON account (tenant, ("+title+"))",
			"ANALYZE")
		m := &sqlfilter.Mapping{
			Dialect: w.dialect, OrderedIDs: true,
			Columns: map[string]sqlfilter.Column{
				"id": {Expr: "a.id", Indexed: true}, "userName": {Expr: "a.name", Kind: sqlfilter.Key, Indexed: true},
				"externalId": {Expr: "a.number", Kind: sqlfilter.ASCII, Indexed: true}, "title": {Expr: "a.title", Kind: sqlfilter.ASCII, Indexed: true},
				"active": {Expr: "a.active", Kind: sqlfilter.Boolean},
			},
		}
		for _, test := range tests {
			var plans []string
			source := sqlfilter.Source{
				Args:  []any{"acme"},
				Count: func(context.Context, string, []any, int) (int, error) { return 0, nil },
				Read: func(ctx context.Context, rows sqlfilter.Rows) ([]*scim.Resource, error) {
					statement := "SELECT a.id FROM account a WHERE a.tenant = " + w.dialect.Placeholder(1) + " AND " + rows.String()
					plan, err := w.plan(ctx, explain+statement, rows.Args)
					plans = append(plans, statement+"\n"+plan)
					found := make([]*scim.Resource, rows.Limit)
					for i := range found {
						found[i] = &scim.Resource{Ref: scim.Ref{ID: "00000001"}}
					}
					if len(plans) < len(test.want) {
						found = nil // and there is another part
					}
					return found, err
				},
			}
			q := scim.Query{Limit: 10, MaxScan: 1, Filter: parsed(t, users, test.filter), After: test.after}
			q.Sort, _ = users.ParseSort(test.by, test.order)
			if _, err := m.Page(t.Context(), q, source); err != nil && !errors.Is(err, scim.ErrTooMany) {
				t.Fatal(err)
			}
			if len(plans) != len(test.want) {
				t.Errorf("%q by %q: %d statements, want %d", test.filter, test.by, len(plans), len(test.want))
				continue
			}
			for i, plan := range plans {
				indexes := strings.Fields(test.want[i])
				for _, index := range indexes {
					if !strings.Contains(plan, index) {
						t.Errorf("want a plan with %s, got\n%s", index, plan)
					}
				}
				for _, bad := range []string{"Seq Scan", "SCAN a"} {
					if strings.Contains(plan, bad) {
						t.Errorf("want a plan without %s, got\n%s", bad, plan)
					}
				}
			}
		}
	})
}

func (w *world) plan(ctx context.Context, statement string, args []any) (string, error) {
	rows, err := w.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, statement)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var plan strings.Builder
	for rows.Next() {
		row := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return "", err
		}
		fmt.Fprintln(&plan, row[len(row)-1])
	}
	return plan.String(), rows.Err()
}
