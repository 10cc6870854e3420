package engine

import (
	"fmt"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// mappingOf says where attributes are in the tables. Statements with it bind the
// tenant as their first argument and the type as the second.
//
// What all resources have their Keys of is looked up in the columns and rows that
// hold them: serves tells. All else is in the document, of which the database reads the JSON. What a
// schema of before has left there with a value of another type counts as none, as
// it does for scim.Match.
func mappingOf(d sqlfilter.Dialect, serves func(scim.Path) bool) *sqlfilter.Mapping {
	doc := documents(jsonb{})
	if d == sqlfilter.SQLite {
		doc = json1{}
	}
	tenant := d.Placeholder(1)
	return &sqlfilter.Mapping{
		Dialect: d,
		Columns: map[string]sqlfilter.Column{
			"id":                {Expr: "r.id", Kind: sqlfilter.Key, Indexed: true},
			"meta.created":      {Expr: "r.created_ms", Kind: sqlfilter.Millis},
			"meta.lastModified": {Expr: "r.modified_ms", Kind: sqlfilter.Millis},
			"meta.resourceType": {Expr: "r.type", Kind: sqlfilter.Key},
		},
		OrderedIDs: true,
		Lookup: func(p scim.Path) (c sqlfilter.Column, ok bool) {
			if many(p) {
				return c, false // the value that it is sorted by, SQL does not know
			}
			key := scim.Key{Path: p.String(), Unique: unique(p)}
			if i := columnOf(key); i >= 0 && serves(p) {
				return sqlfilter.Column{Expr: keyColumns[i].column, Kind: sqlfilter.Key, Indexed: true}, true
			}
			if c, ok = column(doc, p, doc.at(steps(p))); ok && serves(p) {
				c.Equal = equal(d, p)
			}
			return c, ok
		},
		LookupElements: func(p scim.Path) (e sqlfilter.Elements, ok bool) {
			set := func(of, with string) sqlfilter.Elements {
				return sqlfilter.Elements{
					Some:    among(d, "m."+of, "scim_member m WHERE m.tenant_id = "+tenant+" AND %s"),
					Columns: map[string]sqlfilter.Column{"value": {Expr: "m." + with, Kind: sqlfilter.Key, Indexed: true}},
				}
			}
			switch {
			case p.OfMembers():
				return set("group_id", "member_id"), true
			case p.OfGroups():
				return set("member_id", "group_id"), true
			case p.Attribute() == nil || len(steps(p)) == 0 || many(p.Parent()):
				return e, false
			}
			return sqlfilter.Elements{
				Some: "EXISTS (SELECT 1 FROM " + doc.elements(steps(p)) + " e WHERE %s)",
				Lookup: func(sub scim.Path) (c sqlfilter.Column, ok bool) {
					if sub == p {
						c, ok = column(doc, sub, doc.element())
					} else {
						c, ok = column(doc, sub, doc.inElement(sub.Attribute().Name))
					}
					if ok && serves(sub) {
						c.Equal = equal(d, sub)
					}
					return c, ok
				},
			}, true
		},
	}
}

// equal is the condition that a resource has a Key in scim_key.
func equal(d sqlfilter.Dialect, p scim.Path) string {
	return among(d, "k.id", "scim_key k WHERE k.tenant_id = "+d.Placeholder(1)+" AND k.type = "+d.Placeholder(2)+
		" AND k.path = "+quote(p.String())+" AND k.value = %s")
}

// among is the condition that the id of a resource is among those of some rows. To
// PostgreSQL it is a look into an index for each resource, and nothing that the
// planner may join in an order of its own: see from.
func among(d sqlfilter.Dialect, id, rows string) string {
	if d == sqlfilter.SQLite {
		return "r.id IN (SELECT " + id + " FROM " + rows + ")"
	}
	return "(EXISTS (SELECT 1 FROM " + rows + " AND " + id + " = r.id) IS TRUE)"
}

func unique(p scim.Path) bool {
	a := p.Attribute()
	return a != nil && (a.Uniqueness == scim.UniqueServer || a.Uniqueness == scim.UniqueGlobal)
}

// many reports whether an attribute may have several values.
func many(p scim.Path) bool {
	for ; !p.IsZero(); p = p.Parent() {
		if a := p.Attribute(); a != nil && a.MultiValued {
			return true
		}
	}
	return false
}

// steps are the names on the way to an attribute in the document; none if it is
// not there.
func steps(p scim.Path) []string {
	switch p.String() {
	case "schemas", "id", "meta":
		return nil
	}
	if p.Parent().String() == "meta" {
		return nil
	}
	name := p.String() // an extension's URI
	if a := p.Attribute(); a != nil {
		name = a.Name
	}
	if p.Parent().IsZero() {
		return []string{name}
	}
	return append(steps(p.Parent()), name)
}

// column is the Column of an attribute in JSON.
func column(doc documents, p scim.Path, v jsonValue) (c sqlfilter.Column, ok bool) {
	a := p.Attribute()
	if a == nil || v == (jsonValue{}) {
		return c, false
	}
	switch a.Type {
	case "", scim.TypeString, scim.TypeReference, scim.TypeBinary:
		return sqlfilter.Column{Expr: doc.text(v)}, true
	case scim.TypeBoolean:
		return sqlfilter.Column{Expr: doc.boolean(v), Kind: sqlfilter.Boolean}, true
	case scim.TypeInteger, scim.TypeDecimal:
		return sqlfilter.Column{Expr: doc.number(v), Kind: sqlfilter.Number}, true
	case scim.TypeDateTime:
		// A time in a document is in UTC, with as many digits of a second as it
		// has; that of a Key has nine.
		return sqlfilter.Column{Expr: doc.nineDigits(doc.text(v)), Kind: sqlfilter.Key}, true
	}
	return c, false
}

// A jsonValue is a place in JSON: an expression, and in SQLite a path below it and
// an expression of its type.
type jsonValue struct{ expr, path, typ string }

// documents is what a database knows of JSON.
type documents interface {
	at(steps []string) jsonValue    // in the document of a resource r
	elements(steps []string) string // rows of a column named value
	element() jsonValue
	inElement(name string) jsonValue

	text(jsonValue) string // null if it is no string; and so on
	boolean(jsonValue) string
	number(jsonValue) string
	nineDigits(text string) string
}

// jsonb is PostgreSQL's.
type jsonb struct{}

// parsed is the table of one row, beside a resource r, in which its document is a
// jsonb: a long filter mentions the document some hundred times, and would have
// its text parsed as often.
const parsed = "j"

func (jsonb) at(steps []string) jsonValue {
	if len(steps) == 0 {
		return jsonValue{}
	}
	expr := parsed + ".document"
	for _, s := range steps {
		expr += "->" + quote(s)
	}
	return jsonValue{expr: "(" + expr + ")"}
}

// elements is in lax mode, in which a value that is no array is its only element.
func (d jsonb) elements(steps []string) string {
	return "jsonb_path_query(" + d.at(steps).expr + ", '$[*]')"
}
func (jsonb) element() jsonValue { return jsonValue{expr: "e"} }
func (jsonb) inElement(name string) jsonValue {
	return jsonValue{expr: "(e->" + quote(name) + ")"}
}

func (jsonb) text(v jsonValue) string {
	return "(CASE jsonb_typeof(" + v.expr + ") WHEN 'string' THEN " + v.expr + "#>>'{}' END)"
}

func (jsonb) boolean(v jsonValue) string {
	return "(CASE jsonb_typeof(" + v.expr + ") WHEN 'boolean' THEN " + v.expr + "::boolean END)"
}

func (jsonb) number(v jsonValue) string {
	return "(CASE jsonb_typeof(" + v.expr + ") WHEN 'number' THEN " + v.expr + "::numeric END)"
}

func (jsonb) nineDigits(text string) string {
	return "(CASE WHEN strpos(" + text + ", '.') > 0 THEN rpad(rtrim(" + text + ", 'Z'), 29, '0') ELSE rtrim(" + text + `, 'Z') || '.000000000' END COLLATE "C")`
}

// json1 is SQLite's, whose functions keep what they parsed last.
type json1 struct{}

func (json1) at(steps []string) jsonValue {
	if len(steps) == 0 {
		return jsonValue{}
	}
	path := jsonPath(steps...)
	return jsonValue{"r.document", path, "json_type(r.document, " + path + ")"}
}

func jsonPath(steps ...string) string {
	path := "$"
	for _, s := range steps {
		path += `."` + s + `"` // neither names nor URIs have quotes
	}
	return quote(path)
}

func (json1) elements(steps []string) string {
	return "json_each(r.document, " + jsonPath(steps...) + ")"
}
func (json1) element() jsonValue { return jsonValue{expr: "e.value", typ: "e.type"} }
func (json1) inElement(name string) jsonValue {
	path := jsonPath(name)
	return jsonValue{"e.value", path, "CASE e.type WHEN 'object' THEN json_type(e.value, " + path + ") END"}
}

func (v jsonValue) extracted() string {
	if v.path == "" {
		return v.expr
	}
	return fmt.Sprintf("json_extract(%s, %s)", v.expr, v.path)
}

func (json1) text(v jsonValue) string {
	return "(CASE " + v.typ + " WHEN 'text' THEN " + v.extracted() + " END)"
}

func (json1) boolean(v jsonValue) string {
	return "(CASE " + v.typ + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)"
}

func (json1) number(v jsonValue) string {
	return "(CASE WHEN " + v.typ + " IN ('integer', 'real') THEN " + v.extracted() + " END)"
}

func (json1) nineDigits(text string) string {
	return "(CASE WHEN instr(" + text + ", '.') > 0 THEN substr(rtrim(" + text + ", 'Z') || '000000000', 1, 29) ELSE rtrim(" + text + ", 'Z') || '.000000000' END)"
}

// quote writes a name as a string of SQL, in which nothing is taken for the place
// of an argument in a template.
func quote(s string) string {
	s = "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, "%s") {
		s = "(" + strings.ReplaceAll(s, "%s", "%'||'s") + ")"
	}
	return s
}
