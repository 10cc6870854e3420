package dbtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// Strings of about as many characters as a Key has.
var (
	long = strings.Repeat("abcdefghij", 10) // of 100 characters
	wide = strings.Repeat("ä", 99)
)

// empty stands for the empty string, which strict clients may store.
const empty = "EMPTY"

// words are all there is to say of text that is hard to compare.
var words = []string{
	empty,
	"a", "A", "b", "ab", "aB", "Ab", "abc", "ABC", "bca", "z", "", "%", "_", "a%", "a_c", `\`, `a\%`, "'", `"`, "''", "a b", "a'b", "%s", "$1", "?1", "\t",
	"ä", "Ä", "a\u0308", "A\u0308", "ß", "ss", "SS", "ẞ", "straße", "STRASSE", "\u212a", "k", "K", "İ", "i", "I", "ı", "i\u0307", "ſ", "s",
	"é", "e\u0301", "\u00c5", "\u212b", "A\u030a", "ﬁ", "fi", "\u037e", ";", "\u1fef", "`", "\uab70", "\u13a0",
	"\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "a\U0010ffff", "日本", "日本語", "😀", "a😀",
	long, long + "a", long + "b", long + "B", long[:99], long[:99] + "z", long + long, long[:99] + "ä", long[:99] + "äb", strings.ToUpper(long) + "A",
	wide, wide + "a", wide + "aa", wide + "aA", wide + "ab", strings.Repeat("ß", 50), strings.Repeat("ß", 51), strings.Repeat("ß", 51) + "x",
	strings.Repeat("\U0010ffff", 100), strings.Repeat("\U0010ffff", 101), strings.Repeat("\U0010ffff", 102),
}

// random makes things and filters.
type random struct{ *rand.Rand }

func (r random) word() string {
	w := words[r.IntN(len(words))]
	if r.IntN(4) == 0 {
		w += words[r.IntN(len(words))]
	}
	if runes := []rune(w); len(runes) > 0 && r.IntN(3) == 0 {
		from := r.IntN(len(runes))
		w = string(runes[from : from+r.IntN(len(runes)-from)+1])
	}
	return w
}

func (r random) ascii() string {
	for {
		if w := r.word(); len(w) <= 100 && isASCII(w) {
			return w
		}
	}
}

func (r random) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r random) value(attribute string) any {
	switch attribute {
	case "ascii", "asciiExact":
		return r.ascii()
	case "uuid":
		return r.pick("01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058", "f1890a5d-ac96-774b-bcce-b302099a8057", "00000000-0000-0000-0000-000000000000")
	case "serial":
		return r.pick("1", "2", "10", "19", "100", "-1", "9223372036854775807")
	case "link":
		return "https://example.com/" + strconv.Itoa(r.IntN(3)) + r.pick("", "A", "a", "ä", "%")
	case "bytes":
		return r.pick("YQ==", "Yg==", "YWJj")
	case "flag", "keyFlag":
		return r.IntN(2) == 0
	case "count", "keyCount":
		return json.Number(r.pick("0", "1", "-1", "2", "10", "9007199254740992", "9007199254740993", "-9223372036854775808", "9223372036854775807"))
	case "ratio", "keyRatio":
		return json.Number(r.pick("0", "1", "-1", "0.5", "-0.5", "1e300", "-1e300", "1e-300", "9007199254740993", "0.1"))
	case "time", "millis", "keyTime":
		return r.instant().Format(time.RFC3339Nano)
	}
	return r.word()
}

// instant returns a time of few there are, to the millisecond.
func (r random) instant() time.Time {
	t := time.Date([]int{1, 1969, 1970, 2026, 9999}[r.IntN(5)], 12, 31, 23, 59, 59, 0, time.UTC)
	return t.Add(time.Duration(r.IntN(3)) * time.Millisecond)
}

// thing returns the i-th thing.
func (r random) thing(t testing.TB, typ *scim.ResourceType, i int) thing {
	fields := map[string]any{}
	maybe := func(in map[string]any, name string, value func() any) {
		if r.IntN(5) > 0 {
			in[name] = value()
		}
	}
	word := func() any { return r.word() }
	flag := func() any { return r.IntN(2) == 0 }
	for _, name := range sorted(single) {
		maybe(fields, name, func() any { return r.value(name) })
	}
	maybe(fields, "elsewhere", word)
	some := func(in map[string]any, names ...string) any {
		for _, name := range names {
			if name == "primary" {
				maybe(in, name, flag)
			} else {
				maybe(in, name, word)
			}
		}
		return in
	}
	maybe(fields, "name", func() any { return some(map[string]any{}, "family", "given", "primary") })
	maybe(fields, "place", func() any { return some(map[string]any{}, "city", "country") })
	var emails, addresses, tags []any
	primary := r.IntN(4) // no more than one is
	for i := range r.IntN(4) {
		email := map[string]any{"value": r.word()}
		maybe(email, "type", func() any { return r.pick("work", "Home", "other") })
		if i == primary {
			email["primary"] = true
		} else if r.IntN(2) == 0 {
			email["primary"] = false
		}
		if r.IntN(5) == 0 {
			delete(email, "value")
		}
		emails = append(emails, email)
	}
	for range r.IntN(3) {
		addresses = append(addresses, some(map[string]any{}, "street", "zip"))
	}
	for range r.IntN(3) {
		tags = append(tags, r.word())
	}
	fields["emails"], fields["addresses"], fields["tags"] = emails, addresses, tags
	var groups []scim.Member
	for i := range 4 {
		if r.IntN(4) == 0 {
			groups = append(groups, scim.Member{ID: "g" + strconv.Itoa(i), Type: "Group", Display: r.word()})
		}
	}
	return newThing(t, typ, fmt.Sprintf("%02x-%x", i/10, r.Uint32()), time.UnixMilli(1e12+int64(i/10)), fields, groups) // some are created at once
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// ofStrings lists the paths of strings, besides those of identifiers.
var ofStrings = []string{
	"text", "textExact", "ascii", "asciiExact", "key", "keyExact", "elsewhere", "name.family", "name.given", "place.city", "place.country",
	"emails.value", "emails.type", "addresses.street", "addresses.zip", "tags", "groups.display",
}

// operandOf returns what to compare an attribute with.
func (r random) operandOf(things []thing, path string) string {
	switch {
	case strings.HasSuffix(path, "primary"):
		return r.pick("true", "false")
	case path == "groups.value":
		return quoted(r.pick("g0", "g1", "g3", "G0", "g9"))
	case path == "id":
		return quoted(things[r.IntN(len(things))].ID)
	case path == "emails.type" || path == "type":
		return quoted(r.pick("work", "home", "HOME", "other", "w", "e", "ä"))
	case path == "groups.type":
		return quoted(r.pick("direct", "Direct"))
	case path == "uuid" && r.IntN(3) == 0:
		return quoted(r.pick("01890A5D-ac96-774b-bcce-b302099a8057", "0189", "7", "", "x"))
	case path == "serial" && r.IntN(3) == 0:
		return quoted(r.pick("01", "+1", "9223372036854775808", "1.0", "", "x"))
	case path == "meta.created":
		return quoted(time.UnixMilli(1e12 + int64(r.IntN(20))).Add(time.Duration(r.IntN(3)) * 100 * time.Microsecond).Format(time.RFC3339Nano))
	case path == "time" || path == "millis" || path == "keyTime":
		return quoted(r.instant().Add(time.Duration(r.IntN(3)) * 100 * time.Microsecond).Format(time.RFC3339Nano))
	}
	text := ""
	switch v := r.value(path).(type) {
	case string:
		text = v
		if t := things[r.IntN(len(things))]; r.IntN(2) == 0 { // of one that there is
			if own, ok := t.fields[path].(string); ok {
				text = own
			}
		}
	case json.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	if runes := []rune(text); len(runes) > 0 && path != "bytes" && r.IntN(4) == 0 {
		from := r.IntN(len(runes))
		text = string(runes[from : from+r.IntN(len(runes)-from)+1])
	}
	return quoted(text)
}

// condition returns a comparison of an attribute.
func (r random) condition(things []thing, name, path string) string {
	ops := []string{"eq", "eq", "ne", "gt", "ge", "lt", "le"}
	switch {
	case path == "bytes" || path == "flag" || path == "keyFlag" || strings.HasSuffix(path, "primary"):
		ops = []string{"eq", "ne"}
	case slices.Contains(ofStrings, path) || path == "uuid" || path == "serial" || path == "link" || path == "id" || strings.HasPrefix(path, "groups."):
		ops = append(ops, "co", "sw", "ew", "co", "sw", "ew")
	}
	if r.IntN(8) == 0 {
		return name + " pr"
	}
	return name + " " + r.pick(ops...) + " " + r.operandOf(things, path)
}

// inBrackets lists the sub-attributes that filters in brackets ask for.
var inBrackets = map[string][]string{
	"emails": {"value", "type", "primary"}, "addresses": {"street", "zip", "primary"}, "groups": {"value", "display", "type"},
	"name": {"family", "given", "primary"}, "place": {"city", "country"}, "tags": {"value"},
}

// filter returns a filter on things.
func (r random) filter(things []thing, depth int) string {
	if depth > 0 {
		switch r.IntN(4) {
		case 0:
			return "(" + r.filter(things, depth-1) + " and " + r.filter(things, depth-1) + ")"
		case 1:
			return "(" + r.filter(things, depth-1) + " or " + r.filter(things, depth-1) + ")"
		case 2:
			return "not (" + r.filter(things, depth-1) + ")"
		}
	}
	switch r.IntN(5) {
	case 0:
		outer := r.pick(sorted(inBrackets)...)
		return outer + "[" + r.inside(things, outer, 2) + "]"
	case 1:
		outer := r.pick(sorted(inBrackets)...)
		path := outer + "." + r.pick(inBrackets[outer]...)
		if outer == "tags" {
			path = outer
		}
		return r.condition(things, path, path)
	case 2:
		return r.pick("name pr", "place pr", "emails pr", "addresses pr", "tags pr", "groups pr", "meta pr", "schemas pr",
			`schemas eq "urn:example:2.0:thing"`, `meta.resourceType eq "Thing"`, `groups eq "g1"`)
	}
	names := append(sorted(single), "elsewhere", "id", "meta.created")
	name := r.pick(names...)
	return r.condition(things, name, name)
}

// inside returns a filter on the elements of an attribute.
func (r random) inside(things []thing, outer string, depth int) string {
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return "(" + r.inside(things, outer, depth-1) + " and " + r.inside(things, outer, depth-1) + ")"
		case 1:
			return "(" + r.inside(things, outer, depth-1) + " or " + r.inside(things, outer, depth-1) + ")"
		case 2:
			return "not (" + r.inside(things, outer, depth-1) + ")"
		}
	}
	name := r.pick(inBrackets[outer]...)
	path := outer + "." + name
	if outer == "tags" {
		path = outer
	}
	return r.condition(things, name, path)
}
