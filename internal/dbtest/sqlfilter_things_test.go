package dbtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// A thing has an attribute for each kind of column, named after it.
func thingType(t testing.TB) *scim.ResourceType {
	t.Helper()
	attribute := func(name string, typ scim.DataType, more ...func(*scim.Attribute)) scim.Attribute {
		a := scim.Attribute{Name: name, Type: typ}
		for _, f := range more {
			f(&a)
		}
		return a
	}
	exact := func(a *scim.Attribute) { a.CaseExact = true }
	multi := func(a *scim.Attribute) { a.MultiValued = true }
	with := func(sub ...scim.Attribute) func(*scim.Attribute) {
		return func(a *scim.Attribute) { a.SubAttributes = sub }
	}
	typ, err := scim.NewResourceType(scim.TypeDefinition{
		Name: "Thing", Endpoint: "Things", Groups: "groups",
		Schema: &scim.Schema{ID: "urn:example:2.0:Thing", Attributes: []scim.Attribute{
			attribute("text", scim.TypeString), attribute("textExact", scim.TypeString, exact),
			attribute("ascii", scim.TypeString), attribute("asciiExact", scim.TypeString, exact),
			attribute("key", scim.TypeString), attribute("keyExact", scim.TypeString, exact),
			attribute("uuid", scim.TypeString), attribute("serial", scim.TypeString, exact),
			attribute("link", scim.TypeReference), attribute("bytes", scim.TypeBinary),
			attribute("flag", scim.TypeBoolean), attribute("keyFlag", scim.TypeBoolean),
			attribute("count", scim.TypeInteger), attribute("keyCount", scim.TypeInteger),
			attribute("ratio", scim.TypeDecimal), attribute("keyRatio", scim.TypeDecimal),
			attribute("time", scim.TypeDateTime), attribute("millis", scim.TypeDateTime), attribute("keyTime", scim.TypeDateTime),
			attribute("elsewhere", scim.TypeString),
			attribute("name", scim.TypeComplex, with(
				attribute("family", scim.TypeString), attribute("given", scim.TypeString), attribute("primary", scim.TypeBoolean))),
			attribute("place", scim.TypeComplex, with(attribute("city", scim.TypeString), attribute("country", scim.TypeString))),
			attribute("emails", scim.TypeComplex, multi, with(
				attribute("value", scim.TypeString), attribute("type", scim.TypeString), attribute("primary", scim.TypeBoolean))),
			attribute("addresses", scim.TypeComplex, multi, with(
				attribute("street", scim.TypeString), attribute("zip", scim.TypeString), attribute("primary", scim.TypeBoolean))),
			attribute("tags", scim.TypeString, multi),
			attribute("groups", scim.TypeComplex, multi, with(
				attribute("value", scim.TypeString), attribute("display", scim.TypeString), attribute("type", scim.TypeString))),
		}},
		Indexed: []string{"key", "keyExact", "keyFlag", "keyCount", "keyRatio", "keyTime", "emails.value", "tags"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// single maps the attributes that have a column of their own name.
var single = map[string]sqlfilter.Column{
	"text": {}, "textExact": {}, "link": {}, "bytes": {},
	"ascii": {Kind: sqlfilter.ASCII, Indexed: true}, "asciiExact": {Kind: sqlfilter.ASCII},
	"key": {Kind: sqlfilter.Key, Indexed: true}, "keyExact": {Kind: sqlfilter.Key}, "keyFlag": {Kind: sqlfilter.Key},
	"keyCount": {Kind: sqlfilter.Key}, "keyRatio": {Kind: sqlfilter.Key}, "keyTime": {Kind: sqlfilter.Key},
	"uuid": {Kind: sqlfilter.UUID}, "serial": {Kind: sqlfilter.Serial},
	"flag": {Kind: sqlfilter.Boolean}, "count": {Kind: sqlfilter.Number}, "ratio": {Kind: sqlfilter.Number},
	"time": {Kind: sqlfilter.Time}, "millis": {Kind: sqlfilter.Millis},
}

// thingMapping is of tables as an application might have them. Half of the
// attributes are found by Lookup.
func thingMapping(d sqlfilter.Dialect, orderedIDs bool) *sqlfilter.Mapping {
	m := &sqlfilter.Mapping{
		Dialect:    d,
		OrderedIDs: orderedIDs,
		Columns: map[string]sqlfilter.Column{
			"id":           {Expr: "t.id", Indexed: true},
			"meta.created": {Expr: "t.created", Kind: sqlfilter.Millis},
			"name.family":  {Expr: "t.family"}, "name.given": {Expr: "coalesce(t.given, '') || ''"}, "name.primary": {Expr: "t.name_primary", Kind: sqlfilter.Boolean},
			"place.city": {Expr: "t.city"}, "place": {Expr: "t.has_place", Kind: sqlfilter.Boolean},
		},
		Elements: map[string]sqlfilter.Elements{
			"emails": {
				Some: "EXISTS (SELECT 1 FROM email e WHERE e.thing_id = t.id AND %s)",
				Columns: map[string]sqlfilter.Column{
					"value": {Expr: "e.value", Equal: "t.id IN (SELECT k.thing_id FROM email k WHERE k.value_key = %s)"},
					"type":  {Expr: "e.type", Kind: sqlfilter.ASCII}, "primary": {Expr: "e.is_primary", Kind: sqlfilter.Boolean},
				},
			},
			"addresses": {
				Some:    "t.id IN (SELECT a.thing_id FROM address a WHERE %s)",
				Columns: map[string]sqlfilter.Column{"street": {Expr: "a.street"}, "primary": {Expr: "a.is_primary", Kind: sqlfilter.Boolean}},
			},
			"groups": {
				Some:    "t.id IN (SELECT g.thing_id FROM grouping g WHERE %s)",
				Columns: map[string]sqlfilter.Column{"value": {Expr: "g.group_id", Kind: sqlfilter.ASCII, Indexed: true}, "display": {Expr: "g.name_key", Kind: sqlfilter.Key}},
			},
		},
		LookupElements: func(p scim.Path) (sqlfilter.Elements, bool) {
			return sqlfilter.Elements{
				Some: "t.id IN (SELECT g.thing_id FROM tag g WHERE %s)",
				Lookup: func(scim.Path) (sqlfilter.Column, bool) {
					return sqlfilter.Column{Expr: "g.value", Kind: sqlfilter.Key}, true
				},
			}, p.String() == "tags"
		},
	}
	found := map[string]sqlfilter.Column{}
	for i, name := range sorted(single) {
		column := single[name]
		column.Expr = "t." + columnName(name)
		if d == sqlfilter.SQLite && column.Kind == sqlfilter.ASCII {
			column.Expr += " COLLATE BINARY"
		}
		if i%2 == 0 {
			m.Columns[name] = column
		} else {
			found[name] = column
		}
	}
	m.Lookup = func(p scim.Path) (sqlfilter.Column, bool) {
		c, ok := found[p.String()]
		return c, ok
	}
	return m
}

func sorted[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func columnName(attribute string) string { return "c_" + strings.ToLower(attribute) }

// keyColumn is the type of a column of Keys.
func keyColumn(d sqlfilter.Dialect) string {
	if d == sqlfilter.PostgreSQL {
		return `text COLLATE "C"`
	}
	return "text"
}

// thingTables creates the tables, with the collations of the databases that are
// the least like the order of bytes.
func thingTables(d sqlfilter.Dialect) string {
	text, key := "text", keyColumn(d)
	uuid, flag, ratio, instant := "uuid", "boolean", "double precision", "timestamptz"
	if d == sqlfilter.SQLite {
		text = "text COLLATE NOCASE"
		uuid, flag, ratio, instant = "text", "integer", "real", "text"
	}
	types := map[string]string{
		"text": text, "textExact": text, "link": text, "bytes": text, "ascii": text, "asciiExact": text,
		"key": key, "keyExact": key, "keyFlag": key, "keyCount": key, "keyRatio": key, "keyTime": key,
		"uuid": uuid, "serial": "bigint", "flag": flag, "count": "bigint", "ratio": ratio, "time": instant, "millis": "bigint",
	}
	var columns strings.Builder
	for _, name := range sorted(types) {
		fmt.Fprintf(&columns, ", %s %s", columnName(name), types[name])
	}
	return `
CREATE TABLE thing (id text PRIMARY KEY, created bigint NOT NULL, family ` + text + `, given ` + text + `, name_primary ` + flag + `, city ` + text + `, has_place ` + flag + columns.String() + `);
CREATE TABLE email (thing_id text NOT NULL, value ` + text + `, value_key ` + key + `, type ` + text + `, is_primary ` + flag + `);
CREATE TABLE address (thing_id text NOT NULL, street ` + text + `, is_primary ` + flag + `);
CREATE TABLE tag (thing_id text NOT NULL, value ` + key + `);
CREATE TABLE grouping (thing_id text NOT NULL, group_id text NOT NULL, name_key ` + key + `);`
}

// A thing is a resource with what goes into the tables besides.
type thing struct {
	*scim.Resource
	fields map[string]any
}

func newThing(t testing.TB, typ *scim.ResourceType, id string, created time.Time, fields map[string]any, groups []scim.Member) thing {
	t.Helper()
	document, _, err := typ.Encode(fields)
	if err != nil {
		t.Fatalf("%v: %v", fields, err)
	}
	if document, err = scim.ReadDocument(strings.ReplaceAll(document.String(), quoted(empty), `""`)); err != nil {
		t.Fatal(err)
	}
	return thing{&scim.Resource{
		Ref: scim.Ref{Type: "Thing", ID: id}, Created: created, Version: "v",
		Document: document, Keys: typ.Keys(document), Groups: scim.SetOf(groups...),
	}, fields}
}

// insertThing writes a thing into the tables: what its Document has, as a string is.
func (w *world) insertThing(t testing.TB, x thing) {
	t.Helper()
	var doc map[string]any
	decoder := json.NewDecoder(strings.NewReader(x.Document.String()))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, k := range x.Keys {
		keys[k.Path] = k.Value
	}
	row := map[string]any{"id": x.ID, "created": x.Created.UnixMilli()}
	for name, column := range single {
		v, ok := doc[name]
		if !ok {
			if column.Kind == sqlfilter.Text && len(x.ID)%2 == 0 {
				row[columnName(name)] = "" // no value, as NULL is
			}
			continue
		}
		switch column.Kind {
		case sqlfilter.Key:
			if v = nil; keys[name] != "" {
				v = keys[name]
			}
		case sqlfilter.Number, sqlfilter.Serial:
			v = numberOf(t, fmt.Sprint(v), name == "ratio")
		case sqlfilter.Time, sqlfilter.Millis:
			at, err := time.Parse(time.RFC3339Nano, v.(string))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case column.Kind == sqlfilter.Millis:
				v = at.UnixMilli()
			case w.dialect == sqlfilter.SQLite:
				v = at.Format("2006-01-02 15:04:05.000")
			default:
				v = at
			}
		}
		row[columnName(name)] = v
	}
	in := func(v any, name string) any { m, _ := v.(map[string]any); return m[name] }
	row["family"], row["given"], row["name_primary"], row["city"] = in(doc["name"], "family"), in(doc["name"], "given"), in(doc["name"], "primary"), in(doc["place"], "city")
	if there(in(doc["place"], "city")) || there(in(doc["place"], "country")) {
		row["has_place"] = true
	}
	w.insert(t, "thing", row)
	list := func(name string) []any { l, _ := doc[name].([]any); return l }
	for _, e := range list("emails") {
		email := map[string]any{"thing_id": x.ID, "value": in(e, "value"), "type": in(e, "type"), "is_primary": in(e, "primary")}
		if v, ok := in(e, "value").(string); ok {
			email["value_key"] = keyOf(t, w.typ, "emails.value", v)
		}
		w.insert(t, "email", email)
	}
	for _, a := range list("addresses") {
		w.insert(t, "address", map[string]any{"thing_id": x.ID, "street": in(a, "street"), "is_primary": in(a, "primary")})
	}
	for _, v := range list("tags") {
		w.insert(t, "tag", map[string]any{"thing_id": x.ID, "value": keyOf(t, w.typ, "tags", v.(string))})
	}
	for g := range x.Groups.All() {
		w.insert(t, "grouping", map[string]any{"thing_id": x.ID, "group_id": g.ID, "name_key": keyOf(t, w.typ, "key", g.Display)})
	}
}

func there(v any) bool { return v != nil && v != "" }

// keyOf returns the Key of a value; nil if it is none.
func keyOf(t testing.TB, typ *scim.ResourceType, path, value string) any {
	key, ok := scim.Requires(parsed(t, typ, path+" eq "+quoted(value)), path)
	if !ok { // the empty string is no value
		return nil
	}
	return key
}

func numberOf(t testing.TB, text string, decimal bool) any {
	if decimal {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// insert writes a row.
func (w *world) insert(t testing.TB, table string, row map[string]any) {
	t.Helper()
	var places []string
	var args []any
	names := sorted(row)
	for _, name := range names {
		args = append(args, row[name])
		places = append(places, w.dialect.Placeholder(len(args)))
	}
	statement := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	if _, err := w.db.Exec(statement, args...); err != nil {
		t.Fatalf("%s %v: %v", statement, args, err)
	}
}

// A world is some things in a database.
type world struct {
	db      *sql.DB
	dialect sqlfilter.Dialect
	typ     *scim.ResourceType
	things  []thing // in the order of creation
	byID    map[string]*scim.Resource
}

// populate creates the tables and n things.
func (w *world) populate(t testing.TB, r random, n int) {
	t.Helper()
	var things []thing
	for i := range n {
		things = append(things, r.thing(t, thingType(t), i))
	}
	w.fill(t, things)
}

// fill creates the tables and the things.
func (w *world) fill(t testing.TB, things []thing) {
	t.Helper()
	if _, err := w.db.Exec(thingTables(w.dialect)); err != nil {
		t.Fatal(err)
	}
	w.typ, w.things, w.byID = thingType(t), things, map[string]*scim.Resource{}
	for _, x := range things {
		w.insertThing(t, x)
		w.byID[x.ID] = x.Resource
	}
	slices.SortFunc(w.things, func(a, b thing) int { return strings.Compare(a.ID, b.ID) }) // they begin with the time
}

// ids reads those of the things that a condition, and what may come after it, is
// about.
func (w *world) ids(ctx context.Context, where string, args []any) (ids []string, err error) {
	rows, err := w.db.QueryContext(ctx, "SELECT t.id FROM thing t WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s\n%v", err, where, args)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// source reads things, and counts them in reads.
func (w *world) source(reads *int) sqlfilter.Source {
	return sqlfilter.Source{
		Count: func(ctx context.Context, where string, args []any, most int) (n int, err error) {
			statement := "SELECT 1 FROM thing t WHERE " + where
			if most > 0 {
				statement += " LIMIT " + strconv.Itoa(most)
			}
			err = w.db.QueryRowContext(ctx, "SELECT count(*) FROM ("+statement+") AS counted", args...).Scan(&n)
			if err != nil {
				err = fmt.Errorf("%w\n%s\n%v", err, statement, args)
			}
			return n, err
		},
		Read: func(ctx context.Context, rows sqlfilter.Rows) ([]*scim.Resource, error) {
			ids, err := w.ids(ctx, rows.String(), rows.Args)
			var found []*scim.Resource
			for _, id := range ids {
				found = append(found, w.byID[id])
			}
			*reads += len(found)
			return found, err
		},
	}
}

func (w *world) all() iter.Seq2[*scim.Resource, error] {
	return func(yield func(*scim.Resource, error) bool) {
		for _, x := range w.things {
			if !yield(x.Resource, nil) {
				return
			}
		}
	}
}
