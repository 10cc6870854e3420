package sqlfilter

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherkit/scim"
)

// mostKey is how many characters of a string a Key has as they are. A longer one
// is a digest: it begins with the first so many characters of the string and
// is longer.
const mostKey = 100

func isDigest(key string) bool { return len(key) > mostKey && utf8.RuneCountInString(key) > mostKey }

// firstOf returns what a digest has of the string.
func firstOf(digest string) string {
	n := 0
	for i := range digest {
		if n == mostKey {
			return digest[:i]
		}
		n++
	}
	return digest
}

// comparison compiles a comparison with any operator but Ne.
func (c *compiler) comparison(column Column, f scim.Compare) verdict {
	v, ok := unknown, false
	switch typ := f.Value.Type(); column.Kind {
	case Text, ASCII, UUID, Serial:
		if isString(typ) {
			v, ok = c.string(column, f), true
		}
	case Key:
		v, ok = c.key(column, f), true
	case Boolean:
		if typ == scim.TypeBoolean {
			v, ok = exactly(c.boolean(column, f.Value.Bool())), true
		}
	case Number:
		if number, is := numberOf(f.Value); is {
			v, ok = exactly(c.ordered(paren(column.Expr), f.Op, c.number(number))), true
		}
	case Time, Millis:
		if typ == scim.TypeDateTime {
			v, ok = exactly(c.time(column, f.Op, f.Value.Time())), true
		}
	}
	if !ok {
		return between(c.filled(column), never)
	}
	v.indexed = v.maybe.is(never) || column.Indexed && column.Kind != Text && f.Op == scim.Eq
	return v
}

// filled says that there is a value.
func (m *Mapping) filled(column Column) clause {
	if isText(column.Kind) {
		return clause{sql: paren(column.Expr) + " <> ''"}
	}
	return clause{sql: paren(column.Expr) + " IS NOT NULL"}
}

func isText(k Kind) bool { return k == Text || k == ASCII || k == Key }

func isString(typ scim.DataType) bool {
	return typ == scim.TypeString || typ == scim.TypeReference || typ == scim.TypeBinary
}

// Strings

// string compares with a column that has strings as they are.
func (c *compiler) string(column Column, f scim.Compare) verdict {
	exact := f.Path.CaseExact()
	key, whole := f.Value.Key(), true
	if isDigest(key) {
		key, whole = asciiKey(f.Value.String(), exact)
	}
	if !whole {
		return between(c.filled(column), never)
	}
	if column.Kind == UUID || column.Kind == Serial {
		return exactly(c.identifier(column, f.Op, key))
	}
	x := c.asciiKey(column, exact)
	found := c.compareText(x, f.Op, key)
	if column.Kind == ASCII {
		return exactly(found)
	}
	if f.Op == scim.Eq || f.Op == scim.Co || f.Op == scim.Sw || f.Op == scim.Ew {
		if !isASCII(key) {
			found = never // for what is ASCII
		}
	}
	return found.but(c.beyondASCII(column))
}

// asciiKey returns the comparison key of a string that is ASCII.
func asciiKey(s string, exact bool) (key string, ok bool) {
	if !isASCII(s) {
		return "", false
	}
	if exact {
		return s, true
	}
	return strings.ToLower(s), true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// asciiKey is the comparison key of a value that is ASCII.
func (m *Mapping) asciiKey(column Column, exact bool) string {
	switch {
	case exact:
		return m.bytes(column)
	case m.Dialect == SQLite:
		return "lower(" + column.Expr + ")" // of ASCII letters alone, and compared by its bytes
	}
	return "lower(" + m.bytes(column) + ")" // likewise, by the collation
}

// bytes is the text of a column, to be compared by its bytes. SQLite does so where
// it is not told otherwise, and where it is told, finds less by an index.
func (m *Mapping) bytes(column Column) string {
	x := paren(column.Expr)
	switch {
	case m.Dialect == SQLite && column.Kind == Serial:
		return "CAST(" + column.Expr + " AS TEXT)"
	case m.Dialect == SQLite && column.Kind == Text:
		return x + " COLLATE BINARY"
	case m.Dialect == SQLite:
		return x
	case column.Kind == Serial || column.Kind == UUID:
		x += "::text"
	}
	return x + ` COLLATE "C"`
}

func (m *Mapping) beyondASCII(column Column) clause {
	if m.Dialect == SQLite {
		return clause{sql: "length(CAST(" + column.Expr + " AS BLOB)) <> length(" + column.Expr + ")"}
	}
	return clause{sql: "octet_length(" + column.Expr + ") <> char_length(" + column.Expr + ")"}
}

// compareText compares a text, which is its own comparison key, with a key.
func (m *Mapping) compareText(x string, op scim.Operator, key string) clause {
	if key == "" { // any string contains it and comes after it; but an empty one is none
		switch op {
		case scim.Co, scim.Sw, scim.Ew, scim.Gt, scim.Ge:
			return clause{sql: x + " <> ''"}
		}
		return never
	}
	switch op {
	case scim.Co:
		return m.text(key).within(m.position() + "(" + x + ", %s) > 0")
	case scim.Sw:
		return m.startsWith(x, key)
	case scim.Ew:
		n := strconv.Itoa(utf8.RuneCountInString(key))
		if m.Dialect == SQLite {
			return m.text(key).within("substr(" + x + ", -" + n + ") = %s")
		}
		return m.text(key).within("right(" + x + ", " + n + ") = %s")
	case scim.Lt, scim.Le:
		return and(clause{sql: x + " <> ''"}, m.ordered(x, op, m.text(key)))
	}
	return m.ordered(x, op, m.text(key))
}

func (m *Mapping) position() string {
	if m.Dialect == SQLite {
		return "instr"
	}
	return "strpos"
}

// startsWith is a range, to which an index leads.
func (m *Mapping) startsWith(x, prefix string) clause {
	from := m.ordered(x, scim.Ge, m.text(prefix))
	if end, ok := successor(prefix); ok {
		return and(from, m.ordered(x, scim.Lt, m.text(end)))
	}
	return from
}

// successor returns the first string, in the order of their bytes, that comes
// after all that start with prefix; false if there is none.
func successor(prefix string) (string, bool) {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case r == 0xd7ff: // no string has surrogates
			return prefix + "\ue000", true
		case r < utf8.MaxRune:
			return prefix + string(r+1), true
		}
	}
	return "", false
}

// ordered compares in the order of the database.
func (m *Mapping) ordered(x string, op scim.Operator, value clause) clause {
	symbol, ok := symbols[op]
	if !ok {
		return never
	}
	c := clause{sql: x + symbol + value.sql, args: value.args}
	if op == scim.Eq {
		c.of, c.values = x, []string{value.sql}
	}
	return c
}

var symbols = map[scim.Operator]string{scim.Eq: " = ", scim.Lt: " < ", scim.Le: " <= ", scim.Gt: " > ", scim.Ge: " >= "}

// Keys

// key compares with a column of Keys.
func (c *compiler) key(column Column, f scim.Compare) verdict {
	x, key := c.bytes(column), f.Value.Key()
	// The operand for the name of a group is all of it, the column has a Key.
	unlike := isDigest(key) && !f.Path.CaseExact() && (f.Path.OfGroups() || f.Path.OfMembers())
	switch {
	case f.Op == scim.Eq && key != "" && !unlike:
		return exactly(c.ordered(c.plain(column), scim.Eq, c.text(key)))
	case isDigest(key):
		return c.digest(x, f.Op, firstOf(key))
	case key == "" || f.Op != scim.Co && f.Op != scim.Ew:
		// A digest begins as its string does, and is longer than the key:
		// what it starts with, and whether it comes before, the string says too.
		return exactly(c.compareText(x, f.Op, key))
	}
	return c.compareText(x, f.Op, key).but(c.isDigest(x))
}

// digest compares with a digest, of a string that begins with first. Two strings
// that begin so are in no known order, unless one of them is no longer than that.
func (c *compiler) digest(x string, op scim.Operator, first string) verdict {
	end, bounded := successor(first)
	switch op {
	case scim.Eq, scim.Sw:
		return between(and(c.startsWith(x, first), c.isDigest(x)), never)
	case scim.Co, scim.Ew:
		return between(c.isDigest(x), never)
	case scim.Lt, scim.Le:
		maybe := clause{sql: x + " <> ''"}
		if bounded {
			maybe = c.compareText(x, scim.Lt, end)
		}
		return between(maybe, c.compareText(x, scim.Le, first))
	case scim.Gt, scim.Ge:
		surely := never
		if bounded {
			surely = c.compareText(x, scim.Ge, end)
		}
		return between(c.compareText(x, scim.Gt, first), surely)
	}
	return exactly(never)
}

func (m *Mapping) isDigest(x string) clause {
	return clause{sql: "length(" + x + ") > " + strconv.Itoa(mostKey)}
}

// plain is a column to be compared with =, which in PostgreSQL compares bytes in
// any collation, and finds by an index of any.
func (m *Mapping) plain(column Column) string {
	if m.Dialect == SQLite {
		return m.bytes(column)
	}
	return paren(column.Expr)
}

// identifier compares with a column of another type than text, whose text is
// ASCII and has no capitals.
func (c *compiler) identifier(column Column, op scim.Operator, key string) clause {
	if op != scim.Eq {
		return c.compareText(c.bytes(column), op, key)
	}
	value, ok := c.identity(column.Kind, key)
	if !ok {
		return never
	}
	return c.ordered(c.native(column), scim.Eq, value)
}

// native is a column of identifiers to be compared with what identity returns.
func (m *Mapping) native(column Column) string {
	if column.Kind == Serial {
		return paren(column.Expr)
	}
	return m.plain(column)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// identity is the value of which the text is an identifier's; false if it can be
// none's.
func (m *Mapping) identity(kind Kind, text string) (clause, bool) {
	switch {
	case kind == Serial:
		n, err := strconv.ParseInt(text, 10, 64)
		return m.number(n), err == nil && strconv.FormatInt(n, 10) == text
	case kind == UUID && m.Dialect == PostgreSQL:
		return m.argument(text, "uuid"), uuidForm.MatchString(text)
	}
	return m.text(text), true
}

// Booleans, numbers, times

func (m *Mapping) boolean(column Column, value bool) clause {
	x, literal := paren(column.Expr), strings.ToUpper(strconv.FormatBool(value))
	if column.Kind == Key {
		literal = "'" + strconv.FormatBool(value) + "'"
	}
	return clause{sql: x + " = " + literal}
}

// numberOf returns an integer or decimal as int64 or float64.
func numberOf(o scim.Operand) (value any, ok bool) {
	switch o.Type() {
	case scim.TypeInteger:
		n, err := strconv.ParseInt(o.String(), 10, 64)
		return n, err == nil
	case scim.TypeDecimal:
		return o.Float(), true
	}
	return nil, false
}

// time compares with a column of times, which are whole units: a time between
// two of them is equal to none, and comes after the first.
func (m *Mapping) time(column Column, op scim.Operator, at time.Time) clause {
	unit := at.Truncate(m.unit(column.Kind))
	if !unit.Equal(at) {
		switch op {
		case scim.Lt:
			op = scim.Le
		case scim.Ge:
			op = scim.Gt
		case scim.Eq:
			return never
		}
	}
	return m.ordered(m.instant(column), op, m.at(column.Kind, unit))
}

func (m *Mapping) unit(kind Kind) time.Duration {
	if kind == Time && m.Dialect == PostgreSQL {
		return time.Microsecond
	}
	return time.Millisecond
}

// instant is a time as it can be compared with what at returns.
func (m *Mapping) instant(column Column) string {
	if column.Kind == Time && m.Dialect == SQLite {
		return "CAST(round((julianday(" + column.Expr + ") - 2440587.5) * 86400000.0) AS INTEGER)"
	}
	return paren(column.Expr)
}

// Arguments. In PostgreSQL each says what type it has, so that no value of a
// client is ever taken for one of another.

func (m *Mapping) argument(value any, typ string) clause {
	if m.Dialect == SQLite {
		return clause{sql: mark, args: []any{value}}
	}
	return clause{sql: mark + "::" + typ, args: []any{value}}
}

func (m *Mapping) text(s string) clause { return m.argument(s, "text") }

func (m *Mapping) number(v any) clause {
	if _, ok := v.(int64); ok {
		return m.argument(v, "bigint")
	}
	return m.argument(v, "float8")
}

func (m *Mapping) at(kind Kind, t time.Time) clause {
	if kind == Time && m.Dialect == PostgreSQL {
		return m.argument(t.UTC(), "timestamptz")
	}
	return m.number(t.UnixMilli())
}

// paren puts parentheses around an expression that may need them.
func paren(expr string) string {
	if isName(expr) {
		return expr
	}
	return "(" + expr + ")"
}

// isName reports whether an expression is the name of a column.
func isName(expr string) bool {
	for i := range len(expr) {
		switch b := expr[i]; {
		case b == '.', b == '_', '0' <= b && b <= '9', 'a' <= b|0x20 && b|0x20 <= 'z':
		default:
			return false
		}
	}
	return true
}

// computed reports whether the value of a column is made of others.
func (c Column) computed() bool { return !isName(c.Expr) }
