package engine

import (
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// from returns where a page is read from, as statements.From is, and the arguments
// of that.
//
// A planner without statistics, as after the first large sync, takes a type for a
// few resources, and would rather go over all of them than follow what the filter
// says; and for alternatives one with statistics may. So what leads to the
// resources is looked up first, where no planner can change that; unless an index
// that the query could use is not whole.
func (s *Store) from(q scim.Query, served bool) (base string, args []any) {
	args = []any{q.Tenant, q.Type}
	if !served {
		return s.sql.From, args
	}
	for k := range scim.RequiredKeys(q.Filter) {
		if columnOf(k) >= 0 {
			return s.sql.FromKey, args
		}
	}
	l := lookup{dialect: s.dialect, args: args}
	sorted := -1
	if p := q.Sort.Path(); p.Indexed() {
		sorted = columnOf(keyOf(p))
	}
	_, alternatives := q.Filter.(scim.Or)
	if s.dialect == sqlfilter.PostgreSQL || alternatives || sorted >= 0 { // SQLite needs no help with one condition
		if ids, ok := l.ids(q.Filter); ok {
			return l.driven(ids), l.args
		}
	}
	if sorted >= 0 {
		return s.sql.FromSorted[sorted], args
	}
	return s.sql.From, args
}

// driven reads the resources that have the ids of a query. CROSS JOIN tells SQLite
// in what order, and OFFSET tells PostgreSQL.
func (l *lookup) driven(ids string) string {
	if l.dialect == sqlfilter.SQLite {
		return " FROM (" + ids + ") x CROSS JOIN scim_resource r%s WHERE r.tenant_id = ?1 AND r.type = ?2 AND r.id = x.id AND "
	}
	return " FROM (" + ids + ") x, LATERAL (SELECT * FROM scim_resource r WHERE r.tenant_id = $1 AND r.type = $2 AND r.id = x.id OFFSET 0) r%s WHERE "
}

// text makes a statement of what it reads, from where, and which of that.
func (s *Store) text(what, base, which string) string {
	parse := ""
	if strings.Contains(which, parsed+".") {
		parse = s.sql.Parse
	}
	return what + strings.Replace(base, "%s", parse, 1) + which
}

// mostAlternatives is how many are looked up first: SQLite takes 500 at the most,
// and to plan one takes its time.
const mostAlternatives = 100

// A lookup is what a filter asks to be equal to something, as far as an index
// leads from there.
type lookup struct {
	dialect      sqlfilter.Dialect
	args         []any
	alternatives int // in all of the filter, wherever its ors are
}

// ids is a query for the ids of all resources that may match f, and of few others.
// All of them have the tenant; they may be of another type.
func (l *lookup) ids(f scim.Filter) (sql string, ok bool) {
	switch f := f.(type) {
	case scim.And:
		for _, sets := range []bool{false, true} { // which may be large
			for _, g := range f {
				if before := *l; sets == ofSets(g) {
					if sql, ok = l.ids(g); ok {
						return sql, true
					}
					*l = before
				}
			}
		}
	case scim.Or:
		if l.alternatives += len(f) - 1; l.alternatives >= mostAlternatives {
			return "", false
		}
		all := make([]string, len(f))
		for i, g := range f {
			if all[i], ok = l.ids(g); !ok {
				return "", false
			}
		}
		return strings.Join(all, " UNION "), true
	case scim.Some:
		return l.ids(f.Filter)
	case scim.Compare:
		if f.Op == scim.Eq && Legible(f.Value.Key()) {
			return l.equal(f.Path, f.Value.Key())
		}
	}
	return "", false
}

// ofSets reports whether a filter is about members or groups.
func ofSets(f scim.Filter) bool {
	switch f := f.(type) {
	case scim.Some:
		return f.Path.OfMembers() || f.Path.OfGroups()
	case scim.Compare:
		return f.Path.OfMembers() || f.Path.OfGroups()
	}
	return false
}

// equal is a query for the ids of what has a value.
func (l *lookup) equal(p scim.Path, value string) (sql string, ok bool) {
	k := keyOf(p)
	column := columnOf(k)
	isValue := strings.HasSuffix(k.Path, ".value")
	tenant, typ := l.dialect.Placeholder(1), l.dialect.Placeholder(2)
	switch {
	case k.Path == "id":
		return "SELECT " + l.argument(value) + " AS id", true
	case p.OfMembers() && isValue:
		return "SELECT m.group_id AS id FROM scim_member m WHERE m.tenant_id = " + tenant + " AND m.member_id = " + l.argument(value), true
	case p.OfGroups() && isValue:
		return "SELECT m.member_id AS id FROM scim_member m WHERE m.tenant_id = " + tenant + " AND m.group_id = " + l.argument(value), true
	case !p.Indexed():
		return "", false
	case column >= 0:
		// The type is left for later: an index of it would be another one.
		return "SELECT r.id AS id FROM scim_resource r WHERE r.tenant_id = " + tenant + " AND " + keyColumns[column].column + " = " + l.argument(value), true
	}
	return "SELECT k.id AS id FROM scim_key k WHERE k.tenant_id = " + tenant + " AND k.type = " + typ +
		" AND k.path = " + l.argument(k.Path) + " AND k.value = " + l.argument(value), true
}

func (l *lookup) argument(s string) string {
	l.args = append(l.args, s)
	name := l.dialect.Placeholder(len(l.args))
	if l.dialect == sqlfilter.PostgreSQL {
		name += "::text"
	}
	return name
}

// keyOf is a Key of an attribute, but for the value.
func keyOf(p scim.Path) scim.Key {
	return scim.Key{Path: p.String(), Unique: unique(p), Multi: many(p)}
}
