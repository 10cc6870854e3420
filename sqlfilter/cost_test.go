package sqlfilter

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// documents is a mapping to parts of a document, as a database reads them, and to
// what has a Key.
func documents(d Dialect) *Mapping {
	m := users(d)
	part := func(of string) Column { return Column{Expr: "part(" + of + ")"} }
	return &Mapping{
		Dialect: d, OrderedIDs: true,
		Columns: map[string]Column{"id": m.Columns["id"], "userName": m.Columns["userName"]},
		Lookup:  func(p scim.Path) (Column, bool) { return part(p.String()), true },
		LookupElements: func(p scim.Path) (Elements, bool) {
			if p.OfGroups() {
				return m.Elements["groups"], true
			}
			return Elements{
				Some: "EXISTS (SELECT 1 FROM parts(" + p.String() + ") e WHERE %s)",
				Lookup: func(p scim.Path) (Column, bool) {
					c := part(p.String())
					if p.String() == "emails.value" {
						c.Equal = "u.id IN (SELECT k.user_id FROM email_keys k WHERE k.key = %s)"
					}
					return c, true
				},
			}, true
		},
	}
}

// However long a filter is, a statement has no more arguments than a database takes
// (SQLite: 32,766) and is no deeper (a thousand levels; until 3.46, a hundred
// symbols in the stack of the parser), and reads no more parts of documents than it
// reads in a moment.
func TestLongFilters(t *testing.T) {
	list := func(n int, operator, condition string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = strings.ReplaceAll(condition, "#", fmt.Sprint(i))
		}
		return strings.Join(all, " "+operator+" ")
	}
	nested := func(n int, before, inner, after string) string {
		return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
	}
	filters := map[string]string{
		"columns":                 list(3000, "or", `userName sw "x#"`),
		"values of a column":      list(3000, "or", `userName eq "x#"`),
		"parts":                   list(3000, "or", `title co "x#"`),
		"values of a part":        list(3000, "or", `title eq "x#"`),
		"parts that are there":    list(3000, "and", `title pr`),
		"elements":                list(3000, "or", `emails.type co "x#"`),
		"keys of elements":        list(3000, "or", `emails.value eq "x#"`),
		"elements in brackets":    list(3000, "or", `emails[type eq "x#" and display pr]`),
		"keys in brackets":        list(3000, "or", `emails[value eq "x#"]`),
		"keys in one bracket":     `emails[` + list(3000, "or", `value eq "x#"`) + `]`,
		"groups":                  list(3000, "or", `groups.value eq "#"`),
		"negations":               nested(30, "not (", `title co "e"`, ")"),
		"negated alternatives":    nested(30, `not (userName sw "x" or `, `userName sw "y"`, ")"),
		"negated lists":           nested(30, `not (`+list(40, "or", `userName sw "x#"`)+` or `, `userName sw "y"`, ")"),
		"negated lists of parts":  nested(30, `not (title co "x" and nickName co "y" and `, `emails[not (type eq "x" or display pr)]`, ")"),
		"lists of negated values": list(3000, "and", `(not (userName eq "x#") or title pr)`),
	}
	for _, d := range []Dialect{PostgreSQL, SQLite} {
		for name, src := range filters {
			var said []Rows
			source := Source{
				Count: func(context.Context, string, []any, int) (int, error) { return 0, nil },
				Read: func(_ context.Context, rows Rows) ([]*scim.Resource, error) {
					said = append(said, rows)
					return nil, nil
				},
			}
			f := parse(t, src)
			if _, err := documents(d).Page(t.Context(), scim.Query{Filter: f, Limit: 10, MaxScan: 10}, source); err != nil {
				t.Fatal(err)
			}
			if len(said) == 0 {
				t.Errorf("%s: nothing was read", name)
			}
			for _, rows := range said {
				parts := strings.Count(rows.Where, "part(") + strings.Count(rows.Where, "parts(")
				if n := len(rows.Args); n > 1100 || parts > 100 || depth(rows.Where) > 30 {
					t.Errorf("%s: a condition has %d arguments, %d parts and the depth %d, want at most 1,100, 100 and 30: %.300s",
						name, n, parts, depth(rows.Where), rows.Where)
				}
			}
		}
	}
}

// depth is how deep parentheses are nested.
func depth(sql string) (deepest int) {
	n := 0
	for i := range len(sql) {
		switch sql[i] {
		case '(':
			n++
			deepest = max(deepest, n)
		case ')':
			n--
		}
	}
	return deepest
}
