package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/jsontext"
)

// columns are those of scim_resource that make a Resource, in the order of scan.
const columns = "r.id, r.revision, r.created_ms, r.modified_ms, r.document, r.user_name, r.external_id, r.display_name, r.keys"

// A row is a row of scim_resource.
type row struct {
	tenant, typ                          string
	id, document                         string
	revision, created, modified          int64
	userName, externalID, name, otherKey *string
	display                              *string // as written to the database, and not read from it
}

func (r *row) dest() []any {
	return []any{&r.id, &r.revision, &r.created, &r.modified, &r.document, &r.userName, &r.externalID, &r.name, &r.otherKey}
}

func (r *row) ref() scim.Ref { return scim.Ref{Tenant: r.tenant, Type: r.typ, ID: r.id} }

func (r *row) resource() (*scim.Resource, error) {
	d, err := scim.ReadDocument(r.document)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.typ, r.id, err)
	}
	return &scim.Resource{
		Ref: r.ref(), Version: versionText(r.revision),
		Created: timeOf(r.created), LastModified: timeOf(r.modified),
		Document: d, Keys: r.keys(),
	}, nil
}

func versionText(revision int64) string { return strconv.FormatInt(revision, 10) }

// revisionOf reads a version; 0 is no version, and -1 none that there ever was.
func revisionOf(version string) int64 {
	if version == "" {
		return 0
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 || versionText(n) != version {
		return -1
	}
	return n
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// keys returns the Keys that the row has: those with a column of their own first.
func (r *row) keys() []scim.Key {
	keys := make([]scim.Key, 0, 4)
	for _, c := range []struct {
		key   scim.Key
		value *string
	}{{keyColumns[0].key, r.userName}, {keyColumns[1].key, r.externalID}, {keyColumns[2].key, r.name}} {
		if c.value != nil {
			c.key.Value = *c.value
			keys = append(keys, c.key)
		}
	}
	return appendOtherKeys(keys, r.otherKey)
}

// keyColumns are the Keys that have a column of their own, which saves a row in
// scim_key: what identity providers look resources up by. Where a type of an
// application's has several values under such a name, all of them are in scim_key.
var keyColumns = [3]struct {
	key    scim.Key
	column string
}{
	{scim.Key{Path: "userName", Unique: true}, "r.user_name"},
	{scim.Key{Path: "externalId"}, "r.external_id"},
	{scim.Key{Path: "displayName"}, "r.display_name"},
}

// columnOf returns the place of the column for a Key, or -1 if it goes into
// scim_key.
func columnOf(k scim.Key) int {
	for i := range keyColumns {
		if c := keyColumns[i].key; c.Path == k.Path && c.Unique == k.Unique && !k.Multi {
			return i
		}
	}
	return -1
}

// place distributes Keys over the columns.
func (r *row) place(keys []scim.Key) {
	r.userName, r.externalID, r.name, r.otherKey = nil, nil, nil, nil
	own := [...]**string{&r.userName, &r.externalID, &r.name}
	var others []scim.Key
	for _, k := range keys {
		if i := columnOf(k); i >= 0 && *own[i] == nil {
			*own[i] = &k.Value
		} else {
			others = append(others, k)
		}
	}
	r.otherKey = keysText(others)
}

// keysText writes Keys as [[path, value, 1 if unique else 0], ...], with another 1
// for one of several; nil if there are none.
func keysText(keys []scim.Key) *string {
	if len(keys) == 0 {
		return nil
	}
	dst := make([]byte, 0, 64)
	for i, k := range keys {
		dst = append(dst, "[,"[min(i, 1)], '[')
		dst = jsontext.AppendQuote(dst, k.Path)
		dst = append(dst, ',')
		dst = jsontext.AppendQuote(dst, k.Value)
		dst = append(dst, ',', "01"[number(k.Unique)])
		if k.Multi {
			dst = append(dst, ",1"...)
		}
		dst = append(dst, ']')
	}
	text := string(append(dst, ']'))
	return &text
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func appendOtherKeys(keys []scim.Key, text *string) []scim.Key {
	if text == nil {
		return keys
	}
	list := jsontext.NewArray([]byte(*text))
	for triple, ok := list.Next(); ok; triple, ok = list.Next() {
		var k scim.Key
		parts := jsontext.NewArray(triple)
		for i := range 4 {
			part, ok := parts.Next()
			switch {
			case !ok:
			case i == 0:
				k.Path = jsontext.Unquote(part)
			case i == 1:
				k.Value = jsontext.Unquote(part)
			case i == 2:
				k.Unique = string(part) == "1"
			default:
				k.Multi = string(part) == "1"
			}
		}
		keys = append(keys, k)
	}
	return keys
}

// otherKeys returns the Keys of the row that are in scim_key.
func (r *row) otherKeys() []scim.Key { return appendOtherKeys(nil, r.otherKey) }

// uniques counts the Keys that must be unique.
func uniques(keys []scim.Key) (n int) {
	for _, k := range keys {
		if k.Unique {
			n++
		}
	}
	return n
}

// texts writes strings as a JSON array, which is how lists are handed to the
// database: no driver is needed for that.
func texts(list []string) string {
	dst := []byte{'['}
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendQuote(dst, s)
	}
	return string(append(dst, ']'))
}

// Legible reports whether strings from a client can be in the database at all:
// PostgreSQL refuses others.
func Legible(list ...string) bool {
	for _, s := range list {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
