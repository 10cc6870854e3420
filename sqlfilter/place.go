package sqlfilter

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherkit/scim"
)

// A part of an order is what one statement reads, and an index can be walked
// for.
type part struct {
	where clause
	order string
}

// parts lists what comes after q.After: of those with a value to sort by, the
// equal ones and then the others; and before or after them, by scim.Sort.Compare,
// those without a value.
func (r *reader) parts() ([]part, error) {
	creation, later := r.creation(), always
	var after standing
	if !r.q.After.IsZero() {
		var ok bool
		if after, ok = r.standing(r.q.After); !ok {
			return nil, scim.Errorf(scim.ErrInvalidCursor, "there is no such place")
		}
		later = r.createdAfter(after)
	}
	if r.q.Sort.IsZero() {
		return []part{{later, creation}}, nil
	}

	x := r.sortable(r.by, r.q.Sort.Path().CaseExact())
	some, none := clause{sql: paren(r.by.Expr) + " IS NOT NULL"}, clause{sql: paren(r.by.Expr) + " IS NULL"}
	if r.by.Kind == ASCII {
		some, none = clause{sql: x + " > ''"}, clause{sql: "(" + none.sql + " OR " + x + " = '')"}
	}
	descending, order, beyond := r.q.Sort.Descending(), x, scim.Gt
	if descending {
		order, beyond = x+" DESC", scim.Lt
	}
	order += ", " + creation

	with, without := []part{{some, order}}, []part{{none, creation}}
	switch {
	case later.is(always):
	case after.none:
		if without[0].where = and(none, later); !descending {
			with = nil
		}
	default:
		with = []part{
			{and(r.ordered(x, scim.Eq, after.key), later), creation},
			{and(some, r.ordered(x, beyond, after.key)), order},
		}
		if descending {
			without = nil
		}
	}
	if descending {
		return append(without, with...), nil
	}
	return append(with, without...), nil
}

// creation is the order of creation.
func (r *reader) creation() string {
	id := r.sortable(r.id, true)
	if r.OrderedIDs {
		return id
	}
	return r.instant(r.created) + ", " + id
}

// createdAfter says what comes later in the order of creation.
func (r *reader) createdAfter(s standing) clause {
	id := r.sortable(r.id, true)
	if r.OrderedIDs {
		return r.ordered(id, scim.Gt, s.id)
	}
	sql := "(" + r.instant(r.created) + ", " + id + ") > (" + s.created.sql + ", " + s.id.sql + ")"
	return clause{sql: sql, args: slices.Concat(s.created.args, s.id.args)}
}

// Places are those of scim.Select, so that a walk goes on whichever of the two
// makes the next page.

// timeLayout is that of the keys of times.
const timeLayout = "2006-01-02T15:04:05.000000000"

func placeOf(by scim.Sort, r *scim.Resource) scim.Place {
	created := ""
	if !r.Created.IsZero() {
		created = r.Created.UTC().Format(timeLayout)
	}
	return scim.Place{Key: by.Key(r), At: created + "/" + r.ID}
}

// A standing is a Place as arguments.
type standing struct {
	key         clause
	none        bool // there is no key
	created, id clause
}

// standing returns what stands in a Place; false if it is none of ours.
func (r *reader) standing(p scim.Place) (s standing, ok bool) {
	created, id, _ := strings.Cut(p.At, "/")
	if id == "" || strings.Contains(id, "/") || !storable(id) || !storable(p.Key) {
		return s, false
	}
	if s.id, ok = r.bind(r.id, scim.TypeString, id); !ok {
		return s, false
	}
	switch at, err := time.Parse(timeLayout, created); {
	case err == nil:
		s.created = r.at(r.created.Kind, at)
	case created != "" || !r.OrderedIDs:
		return s, false
	}
	if s.none = p.Key == ""; s.none {
		return s, true
	}
	if r.q.Sort.IsZero() {
		return s, false
	}
	s.key, ok = r.bind(r.by, typeOf(r.q.Sort.Path()), p.Key)
	return s, ok
}

// storable reports whether s can be a text in a database.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func typeOf(p scim.Path) scim.DataType {
	a := p.Attribute()
	if a == nil || a.Type == "" {
		return scim.TypeString
	}
	return a.Type
}

// sorts reports whether a column can be in the order of scim.Sort.Key.
func sorts(kind Kind, typ scim.DataType) bool {
	switch kind {
	case ASCII, UUID, Serial:
		return isString(typ)
	case Key:
		return true
	case Boolean:
		return typ == scim.TypeBoolean
	case Number:
		return typ == scim.TypeInteger || typ == scim.TypeDecimal
	case Time, Millis:
		return typ == scim.TypeDateTime
	}
	return false
}

// sortable is the expression whose order is that of scim.Sort.Key.
func (m *Mapping) sortable(column Column, exact bool) string {
	switch column.Kind {
	case ASCII:
		return m.asciiKey(column, exact)
	case Key, Serial:
		return m.bytes(column)
	case UUID:
		return m.native(column)
	case Time, Millis:
		return m.instant(column)
	}
	return paren(column.Expr)
}

// bind makes of a key of scim.Sort an argument to compare with what sortable
// returns; false if it is no key of such a column.
func (m *Mapping) bind(column Column, typ scim.DataType, key string) (clause, bool) {
	switch column.Kind {
	case UUID:
		return m.identity(UUID, key)
	case Boolean:
		return clause{sql: strings.ToUpper(key)}, key == "true" || key == "false"
	case Number:
		v, ok := numberOfKey(typ, key)
		return m.number(v), ok
	case Time, Millis:
		at, err := time.Parse(timeLayout, key)
		return m.at(column.Kind, at), err == nil
	}
	return m.text(key), true
}

// numberOfKey returns the number of which scim.Sort makes a key.
func numberOfKey(typ scim.DataType, key string) (any, bool) {
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != 8 {
		return nil, false
	}
	const sign = 1 << 63
	bits := binary.BigEndian.Uint64(b)
	if typ == scim.TypeInteger {
		return int64(bits ^ sign), true
	}
	if bits&sign != 0 {
		bits &^= sign
	} else {
		bits = ^bits
	}
	f := math.Float64frombits(bits)
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}
