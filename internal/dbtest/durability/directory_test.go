package durability

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// check compares what is in the tables with what the clients were told, and the
// tables with each other.
func check(t *testing.T, db *sql.DB, d sqlstore.Dialect, crews ...*crew) {
	t.Helper()
	tables := readTables(t, db)
	found := map[string][]string{}
	for _, r := range tables.resources {
		found[r.tenant] = append(found[r.tenant], tables.describe(t, r))
	}
	for _, c := range crews {
		diff(t, "tenant "+c.tenant, found[c.tenant], c.expected())
		delete(found, c.tenant)
		c.checkRaces(t)
	}
	for tenant, lines := range found {
		t.Errorf("tenant %q, which has no clients: %s", tenant, lines)
	}
	tables.checkKeys(t)
	tables.checkMembers(t)
	tables.checkApplication(t, db)
	checkIndexes(t, db, d)
}

// diff reports what one list has and the other has not.
func diff(t *testing.T, of string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		return
	}
	var report strings.Builder
	missing := func(what string, from, in []string) {
		n := 0
		for _, line := range from {
			if _, ok := slices.BinarySearch(in, line); !ok {
				if n++; n <= 5 {
					fmt.Fprintf(&report, "\n%s: %s", what, line)
				}
			}
		}
		if n > 5 {
			fmt.Fprintf(&report, "\n%s: %d more", what, n-5)
		}
	}
	missing(" got", got, want)
	missing("want", want, got)
	t.Errorf("%s: %d found, want %d%s", of, len(got), len(want), &report)
}

// expected describes what there is, if the clients' records are right.
func (c *crew) expected() (lines []string) {
	inTeams := map[string][]string{}
	for _, m := range c.clients {
		for _, p := range slices.Concat(m.people, m.trophies) {
			lines = append(lines, describeUser(p.id, m.name, p.name, p.name, p.mark, p.mark, p.name+"@example.com", nil))
			for team, in := range p.in {
				if in {
					inTeams[team] = append(inTeams[team], p.id)
				}
			}
		}
		for _, t := range m.teams {
			lines = append(lines, describeGroup(t.id, t.name, t.members))
		}
	}
	for i, id := range c.teams {
		lines = append(lines, describeGroup(id, fmt.Sprintf("shared team %d", i), inTeams[id]))
	}
	for i, id := range c.heroes {
		name := fmt.Sprintf("hero %d", i)
		counters := map[string]string{}
		for _, m := range c.clients {
			if n := m.counters[id]; n > 0 {
				counters[m.name] = fmt.Sprint(n)
			}
		}
		lines = append(lines, describeUser(id, c.clients[0].name, name, name, "m0", "m0", name+"@example.com", counters))
	}
	return lines
}

// checkRaces checks that of those who wanted a name one got it, and that nobody
// was refused a name that nobody has.
func (c *crew) checkRaces(t *testing.T) {
	t.Helper()
	winners := map[string][]string{}
	for _, m := range c.clients {
		for _, p := range m.trophies {
			winners[p.name] = append(winners[p.name], m.name)
		}
	}
	for _, m := range c.clients {
		for _, name := range m.refused {
			if len(winners[name]) == 0 {
				t.Errorf("%s was refused the name %s, which nobody has", m.name, name)
			}
		}
	}
	for name, who := range winners {
		if len(who) > 1 {
			t.Errorf("%q all have the name %s", who, name)
		}
	}
}

func describeUser(id, externalID, userName, displayName, title, nickName, email string, counters map[string]string) string {
	line := fmt.Sprintf("User %s: %s %s %s %s %s %s", id, externalID, userName, displayName, title, nickName, email)
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		line += fmt.Sprintf(" %s=%s", name, counters[name])
	}
	return line
}

func describeGroup(id, name string, members []string) string {
	slices.Sort(members)
	return fmt.Sprintf("Group %s: %s %s", id, name, members)
}

// tables are the rows of the Store's own tables, all read at the same time.
type tables struct {
	resources []resource
	keys      map[string][]scim.Key // in scim_key, by resource
	members   []membership
}

type resource struct {
	tenant, typ, id                            string
	revision, created, modified                int64
	document                                   string
	userName, externalID, displayName, keyList sql.NullString
}

func (r resource) key() string { return r.tenant + "/" + r.typ + "/" + r.id }

type membership struct{ tenant, groupType, group, memberType, member string }

func readTables(t *testing.T, db *sql.DB) *tables {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	x := &tables{keys: map[string][]scim.Key{}}
	read(t, tx, "SELECT tenant_id, type, id, revision, created_ms, modified_ms, document, user_name, external_id, display_name, keys FROM scim_resource",
		func() []any {
			x.resources = append(x.resources, resource{})
			r := &x.resources[len(x.resources)-1]
			return []any{&r.tenant, &r.typ, &r.id, &r.revision, &r.created, &r.modified, &r.document, &r.userName, &r.externalID, &r.displayName, &r.keyList}
		})
	var keys []struct {
		of  resource
		key scim.Key
	}
	read(t, tx, "SELECT tenant_id, type, id, path, value, is_unique = 1 FROM scim_key", func() []any {
		keys = append(keys, struct {
			of  resource
			key scim.Key
		}{})
		k := &keys[len(keys)-1]
		return []any{&k.of.tenant, &k.of.typ, &k.of.id, &k.key.Path, &k.key.Value, &k.key.Unique}
	})
	for _, k := range keys {
		x.keys[k.of.key()] = append(x.keys[k.of.key()], k.key)
	}
	read(t, tx, "SELECT tenant_id, group_type, group_id, member_type, member_id FROM scim_member", func() []any {
		x.members = append(x.members, membership{})
		m := &x.members[len(x.members)-1]
		return []any{&m.tenant, &m.groupType, &m.group, &m.memberType, &m.member}
	})
	return x
}

// A queryer is a *sql.DB or a *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read reads all rows of a query, each into where dest says.
func read(t *testing.T, from queryer, query string, dest func() []any) {
	t.Helper()
	rows, err := from.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest()...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// texts reads a query of one column.
func texts(t *testing.T, from queryer, query string) (list []string) {
	t.Helper()
	read(t, from, query, func() []any {
		list = append(list, "")
		return []any{&list[len(list)-1]}
	})
	return list
}

func (x *tables) describe(t *testing.T, r resource) string {
	t.Helper()
	var d struct {
		UserName, DisplayName, ExternalID, Title, NickName string
		Emails                                             []struct{ Value string }
		Counters                                           map[string]string `json:"urn:example:durability:2.0:Counters"`
	}
	if err := json.Unmarshal([]byte(r.document), &d); err != nil {
		t.Errorf("%s: %v", r.key(), err)
	}
	if r.typ == "Group" {
		var members []string
		for _, m := range x.members {
			if m.tenant == r.tenant && m.group == r.id {
				members = append(members, m.member)
			}
		}
		return describeGroup(r.id, d.DisplayName, members)
	}
	email := ""
	for _, e := range d.Emails {
		email += e.Value
	}
	return describeUser(r.id, d.ExternalID, d.UserName, d.DisplayName, d.Title, d.NickName, email, d.Counters)
}

// checkKeys checks that each resource has the keys of its document, and scim_key
// those that have no column, and no other.
func (x *tables) checkKeys(t *testing.T) {
	t.Helper()
	user, group, err := types()
	if err != nil {
		t.Fatal(err)
	}
	owners := map[scim.Key]map[string]string{}
	for _, r := range x.resources {
		typ := map[string]*scim.ResourceType{"User": user, "Group": group}[r.typ]
		document, err := scim.ReadDocument(r.document)
		if err != nil || typ == nil {
			t.Errorf("%s: %v", r.key(), err)
			continue
		}
		var stored []string
		for _, column := range []struct {
			value sql.NullString
			key   scim.Key
		}{{r.userName, scim.Key{Path: "userName", Unique: true}}, {r.externalID, scim.Key{Path: "externalId"}}, {r.displayName, scim.Key{Path: "displayName"}}} {
			if column.value.Valid {
				column.key.Value = column.value.String
				stored = append(stored, fmt.Sprint(column.key))
			}
		}
		keys := typ.Keys(document)
		for i := range keys {
			keys[i].Multi = false // which is not in scim_key
		}
		diff(t, "keys of "+r.key(), append(stored, lines(x.keys[r.key()])...), lines(keys))
		diff(t, "scim_key of "+r.key(), lines(x.keys[r.key()]), lines(keysIn(t, r)))
		for _, k := range keys {
			if !k.Unique {
				continue
			}
			in := owners[k]
			if in == nil {
				in = map[string]string{}
				owners[k] = in
			}
			if other, taken := in[r.tenant+"/"+r.typ]; taken {
				t.Errorf("%s and %s both have the %s %q", other, r.id, k.Path, k.Value)
			}
			in[r.tenant+"/"+r.typ] = r.id
		}
		delete(x.keys, r.key())
	}
	for of, keys := range x.keys {
		t.Errorf("scim_key has rows of %s, which does not exist: %v", of, keys)
	}
}

// keysIn reads the column of keys.
func keysIn(t *testing.T, r resource) (keys []scim.Key) {
	t.Helper()
	if !r.keyList.Valid {
		return nil
	}
	var list [][]any
	if err := json.Unmarshal([]byte(r.keyList.String), &list); err != nil {
		t.Errorf("%s: %s: %v", r.key(), r.keyList.String, err)
	}
	for _, k := range list {
		keys = append(keys, scim.Key{Path: fmt.Sprint(k[0]), Value: fmt.Sprint(k[1]), Unique: fmt.Sprint(k[2]) == "1"})
	}
	return keys
}

func lines[T any](list []T) (lines []string) {
	for _, v := range list {
		lines = append(lines, fmt.Sprint(v))
	}
	return lines
}

// checkMembers checks that both ends of each membership are there.
func (x *tables) checkMembers(t *testing.T) {
	t.Helper()
	there := map[string]bool{}
	for _, r := range x.resources {
		there[r.key()] = true
	}
	for _, m := range x.members {
		for _, end := range []resource{{tenant: m.tenant, typ: m.groupType, id: m.group}, {tenant: m.tenant, typ: m.memberType, id: m.member}} {
			if !there[end.key()] {
				t.Errorf("the membership %v is one of %s, which does not exist", m, end.key())
			}
		}
	}
}

// checkApplication compares the tables that the Hooks write with the Store's.
func (x *tables) checkApplication(t *testing.T, db *sql.DB) {
	t.Helper()
	var people, teams, memberships []string
	for _, r := range x.resources {
		var d struct{ UserName, DisplayName string }
		if err := json.Unmarshal([]byte(r.document), &d); err != nil {
			t.Errorf("%s: %v", r.key(), err)
		}
		switch {
		case r.tenant != audited:
		case r.typ == "User":
			people = append(people, r.id+" "+d.UserName)
		default:
			teams = append(teams, r.id+" "+d.DisplayName)
		}
	}
	for _, m := range x.members {
		if m.tenant == audited {
			memberships = append(memberships, m.group+" "+m.member)
		}
	}
	diff(t, "the application's people", texts(t, db, "SELECT id || ' ' || name FROM app_person"), people)
	diff(t, "the application's teams", texts(t, db, "SELECT id || ' ' || name FROM app_team"), teams)
	diff(t, "the application's memberships", texts(t, db, "SELECT team || ' ' || person FROM app_membership"), memberships)
}

// checkIndexes has the database check that its indexes are of its tables.
func checkIndexes(t *testing.T, db *sql.DB, d sqlstore.Dialect) {
	t.Helper()
	if d == sqlstore.SQLite {
		if got := texts(t, db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
			t.Errorf("PRAGMA integrity_check: %q", got)
		}
		if got := texts(t, db, "SELECT \"table\" || ' ' || parent FROM pragma_foreign_key_check"); len(got) > 0 {
			t.Errorf("PRAGMA foreign_key_check: %q", got)
		}
		return
	}
	if _, err := db.ExecContext(t.Context(), "CREATE EXTENSION IF NOT EXISTS amcheck"); err != nil {
		t.Fatal(err)
	}
	const ours = "t.relname LIKE 'scim\\_%' AND t.relkind = 'r'"
	checked := texts(t, db, `SELECT i.indexrelid::regclass || ' ' || coalesce(bt_index_parent_check(i.indexrelid, true)::text, '')
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid WHERE `+ours)
	if len(checked) < 8 {
		t.Errorf("amcheck has looked at %q alone", checked)
	}
	if got := texts(t, db, "SELECT t.relname || ': ' || v.msg FROM pg_class t, verify_heapam(t.oid) v WHERE "+ours); len(got) > 0 {
		t.Errorf("verify_heapam: %q", got)
	}
}
