// Package sqlfilter compiles what a [scim.Query] asks for to SQL: its filter to a
// condition, its sort to an order, its page to a range of rows. The tables are
// the application's own: a [Mapping] says where the attributes are in them.
//
//	var users = sqlfilter.Mapping{
//		Dialect: sqlfilter.PostgreSQL,
//		Columns: map[string]sqlfilter.Column{
//			"id":           {Expr: "u.id", Kind: sqlfilter.UUID, Indexed: true},
//			"meta.created": {Expr: "u.created_at", Kind: sqlfilter.Time},
//			"userName":     {Expr: "u.login_key", Kind: sqlfilter.Key, Indexed: true},
//			"displayName":  {Expr: "u.full_name"},
//			"active":       {Expr: "u.enabled", Kind: sqlfilter.Boolean},
//		},
//		Elements: map[string]sqlfilter.Elements{
//			"groups": {
//				Some:    "u.id IN (SELECT g.user_id FROM team_members g WHERE %s)",
//				Columns: map[string]sqlfilter.Column{"value": {Expr: "g.team_id", Kind: sqlfilter.UUID, Indexed: true}},
//			},
//		},
//	}
//
// [Mapping.Page] answers a Query from them: a Store's List is that call and two
// closures that read rows. [Mapping.Where] makes a condition alone.
//
// The answers are those of [scim.Match] and [scim.Select], whatever the
// collation of the database. What SQL cannot decide, such as whether "STRASSE"
// is "Straße", is decided by them, for as few rows as SQL can say; and so is
// what the Mapping does not mention. What clients send is bound as arguments,
// never written into the SQL, and no character of it has a meaning.
//
// PostgreSQL databases are of the encoding UTF8, version 15 or later; SQLite is
// of version 3.38 or later. To PostgreSQL say SET jit = off: to compile a long
// filter can take it seconds, to run it milliseconds. For SQLite run ANALYZE when
// there are some thousand resources: before, it takes each index for one that
// leads to a few rows.
package sqlfilter

import (
	"strconv"

	"github.com/usherkit/scim"
)

// A Dialect is a kind of database.
type Dialect int

// The dialects there are.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

// Placeholder returns the name of the n-th argument of a statement, counted from
// 1: $n, or ?n in SQLite.
func (d Dialect) Placeholder(n int) string {
	if d == SQLite {
		return "?" + strconv.Itoa(n)
	}
	return "$" + strconv.Itoa(n)
}

// A Mapping says where the attributes of a resource type are in a database. It
// may be used concurrently and is not changed. An attribute that it does not
// mention is decided by [scim.Match].
//
// What it says must be what the resources have that are read from the database:
// a time that is cut to milliseconds in one must be so in both.
type Mapping struct {
	Dialect Dialect

	// Columns are the values of single-valued attributes by their canonical
	// paths: "userName", "name.familyName", "urn:…:User:department". Page
	// needs "id" and, but for OrderedIDs, "meta.created". In these, and in
	// "meta.lastModified", no value is missing. A Column of a multi-valued
	// attribute is for sorting alone: it is the value that [scim.Sort.Key] takes.
	//
	// The Column of a complex attribute or of an extension is for the
	// operator pr alone.
	Columns map[string]Column

	// Elements are those of multi-valued attributes: "emails", "members".
	Elements map[string]Elements

	// Lookup and LookupElements, if not nil, are asked for what is not in Columns
	// and Elements.
	Lookup         func(scim.Path) (Column, bool)
	LookupElements func(scim.Path) (Elements, bool)

	// OrderedIDs says that resources in the order of their ids are in the order
	// of their creation, by meta.created and id, as with UUIDv7s.
	OrderedIDs bool
}

// A Column is an SQL expression for the value of an attribute. NULL is no value,
// and neither is the empty text. It says from which table it is: "u.email". But
// for Text, SQLite must compare it by its bytes, as it does by default: where
// the column has another collation, that is "u.email COLLATE BINARY". If it is
// more than the name of a column, such as a part of a document, a filter compares
// it twenty times; what is beyond is left to [scim.Match], which is faster then.
type Column struct {
	Expr string
	Kind Kind

	// Indexed says that an index leads to the rows in which Expr has a given
	// value: to compare it with eq is no scan (see [scim.Query.MaxScan]), and
	// to sort by it neither. Of Text, no index does.
	Indexed bool

	// Equal, unless empty, is another way to find by an index what has a
	// [scim.Key]: a condition on the resource, with %s for the argument, that
	// is true for those that have the Key. One without exactly one %s is none.
	//
	//	u.id IN (SELECT k.user_id FROM user_keys k WHERE k.path = 'emails.value' AND k.value = %s)
	Equal string
}

// A Kind says how a Column holds its values.
type Kind int

const (
	// Text holds strings as they are. Those that have other characters than
	// ASCII are decided by [scim.Match], and it cannot be sorted by.
	Text Kind = iota

	// ASCII holds strings as they are, of at most 100 characters, all of them
	// ASCII; let a CHECK constraint say so. An index for it, and for sorting by
	// it, is one of the expression lower(x COLLATE "C"), in SQLite of
	// lower(x), unless the attribute is caseExact: then of x COLLATE "C", and in
	// SQLite of x.
	ASCII

	// Key holds the Value of the attribute's [scim.Key], of whatever type it is,
	// as [scim.ResourceType.Keys] computes it, and NULL, never the empty text,
	// if there is none. All is decided by it but for what may lie beyond the
	// 100th character. In PostgreSQL, only a column that is COLLATE "C" has an
	// index for sorting by it.
	Key

	// UUID is a uuid of PostgreSQL, and in SQLite the text of one in lower
	// case.
	UUID

	// Serial is an integer whose decimal digits are the string.
	Serial

	// Boolean is a boolean, in SQLite 0 or 1.
	Boolean

	// Number holds integers for an attribute of type integer, and any number
	// for one of type decimal.
	Number

	// Time is a timestamptz, and in SQLite a text that its date functions read,
	// to the millisecond.
	Time

	// Millis is an integer, the milliseconds since 1970.
	Millis
)

// Elements are the elements of a multi-valued attribute: rows of another table,
// or elements of a JSON array.
type Elements struct {
	// Some is the condition on the resource that one of its elements satisfies
	// the condition put for %s; without exactly one %s the attribute is not mapped. To be led to by an index of the elements it is
	// the former of
	//
	//	u.id IN (SELECT e.user_id FROM user_emails e WHERE %s)
	//	EXISTS (SELECT 1 FROM json_each(u.emails) e WHERE %s)
	Some string

	// Columns are the values of sub-attributes by their names, "value" and
	// "type", and for an attribute without sub-attributes its own by "". In a
	// row without a value of primary, it is false. That of a complex attribute
	// by "" is for the operator pr.
	Columns map[string]Column

	// Lookup, if not nil, is asked for what is not in Columns.
	Lookup func(scim.Path) (Column, bool)
}

// A Condition is a filter compiled.
type Condition struct {
	// SQL is true for each resource that [scim.Match] accepts; for no other, if
	// it is Exact.
	SQL   string
	Exact bool

	// Indexed says that an index leads to the resources for which SQL is true.
	Indexed bool
}

// Where compiles a filter, nil to TRUE, and appends the arguments of the
// condition to *args: if there are already some, it is numbered from there on.
// Any Filter has a Condition.
func (m *Mapping) Where(f scim.Filter, args *[]any) Condition {
	v := m.compile(f)
	return Condition{SQL: v.maybe.render(m.Dialect, args), Exact: v.exact(), Indexed: v.indexed}
}
