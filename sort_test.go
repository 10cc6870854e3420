package scim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const sortURI = "urn:example:sorted"

// sortedType has an attribute of each kind.
func sortedType(t testing.TB) *ResourceType {
	t.Helper()
	typ, err := NewResourceType(TypeDefinition{
		Name: "Thing", Endpoint: "Things", Members: "parts",
		Schema: &Schema{ID: sortURI, Attributes: []Attribute{
			{Name: "name"},
			{Name: "code", CaseExact: true},
			{Name: "size", Type: TypeInteger},
			{Name: "weight", Type: TypeDecimal},
			{Name: "since", Type: TypeDateTime},
			{Name: "on", Type: TypeBoolean},
			{Name: "photo", Type: TypeBinary},
			{Name: "tags", MultiValued: true},
			{Name: "owner", Type: TypeComplex, SubAttributes: []Attribute{{Name: "name"}, {Name: "nicks", MultiValued: true}, {Name: "primary", Type: TypeBoolean}}},
			{Name: "emails", Type: TypeComplex, MultiValued: true, SubAttributes: []Attribute{{Name: "value"}, {Name: "rank", Type: TypeInteger}, {Name: "primary", Type: TypeBoolean}}},
			{Name: "parts", Type: TypeComplex, MultiValued: true, SubAttributes: []Attribute{{Name: "value"}}},
			{Name: "secret", Returned: ReturnedNever},
			{Name: "pin", Mutability: WriteOnly},
		}},
		Extensions: []Extension{{Schema: &Schema{ID: "urn:example:more", Attributes: []Attribute{{Name: "floor", Type: TypeInteger}}}}},
	})
	return mustType(t, typ, err)
}

func TestParseSort(t *testing.T) {
	typ := sortedType(t)
	for _, tt := range []struct {
		by, order  string
		path       string
		descending bool
	}{
		{"", "", "", false},
		{"  ", "descending", "", false}, // of no attribute there is no order
		{"name", "", "name", false},
		{" NAME ", "Ascending", "name", false},
		{"name", "DESCENDING", "name", true},
		{"urn:example:SORTED:Name", "", "name", false},
		{"owner.name", "", "owner.name", false},
		{"owner.nicks", "", "owner.nicks", false},
		{"emails", "", "emails.value", false},
		{"emails.rank", "", "emails.rank", false},
		{"tags", "", "tags", false},
		{"photo", "", "photo", false},
		{"id", "", "id", false},
		{"externalId", "", "externalId", false},
		{"meta.lastModified", "descending", "meta.lastModified", true},
		{"meta.resourceType", "", "meta.resourceType", false},
		{"urn:example:more:floor", "", "urn:example:more:floor", false},
		{"floor", "", "urn:example:more:floor", false},
	} {
		s, err := typ.ParseSort(tt.by, tt.order)
		if err != nil {
			t.Errorf("%q %q: %v", tt.by, tt.order, err)
			continue
		}
		if s.Path().String() != tt.path || s.Descending() != tt.descending || s.IsZero() != (tt.path == "") {
			t.Errorf("%q %q: got path %q, descending %t, zero %t; want %q, %t", tt.by, tt.order, s.Path(), s.Descending(), s.IsZero(), tt.path, tt.descending)
		}
	}
}

func TestParseSortErrors(t *testing.T) {
	typ := sortedType(t)
	for _, tt := range []struct{ by, order, want string }{
		{"name", "up", `sortOrder: expected ascending or descending, got "up"`},
		{"", "up", `sortOrder: expected ascending or descending, got "up"`},
		{"name", strings.Repeat("x", 500), `sortOrder: expected ascending or descending, got "` + strings.Repeat("x", 120) + `…"`},
		{"shape", "", "sortBy: Thing cannot be sorted by shape: it has no such attribute"},
		{"email", "", "sortBy: Thing cannot be sorted by email: it has no such attribute; did you mean emails?"},
		{"name.x", "", "sortBy: Thing cannot be sorted by name.x: it has no such attribute"},
		{"emails[rank eq 1].value", "", "sortBy: Thing cannot be sorted by emails[rank eq 1].value: it has no such attribute; did you mean emails.value?"},
		{"owner", "", "sortBy: Thing cannot be sorted by owner: name a sub-attribute (it has name, nicks, primary)"},
		{"meta", "", "sortBy: Thing cannot be sorted by meta: name a sub-attribute (it has resourceType, created, lastModified, location, version)"},
		{"urn:example:more", "", "sortBy: Thing cannot be sorted by urn:example:more: name a sub-attribute (it has floor)"},
		{"parts", "", "sortBy: Thing cannot be sorted by parts: no order is known of it"},
		{"parts.value", "", "sortBy: Thing cannot be sorted by parts.value: no order is known of it"},
		{"schemas", "", "sortBy: Thing cannot be sorted by schemas: no order is known of it"},
		{"meta.version", "", "sortBy: Thing cannot be sorted by meta.version: it is for the headers If-Match and If-None-Match"},
		{"meta.location", "", "sortBy: Thing cannot be sorted by meta.location: it depends on the URL that the client uses"},
		{"secret", "", "sortBy: Thing cannot be sorted by secret: it is never returned"},
		{"pin", "", "sortBy: Thing cannot be sorted by pin: it is never returned"},
		{strings.Repeat("x", 500), "", "sortBy: Thing cannot be sorted by " + strings.Repeat("x", 120) + "…: it has no such attribute"},
	} {
		s, err := typ.ParseSort(tt.by, tt.order)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalidValue) || e.Detail != tt.want || s != (Sort{}) {
			t.Errorf("%q %q: got %v, %v\nwant %s", tt.by, tt.order, s, err, tt.want)
		}
	}
}

func TestSortKey(t *testing.T) {
	typ := sortedType(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.FixedZone("", 3600))
	for _, tt := range []struct{ name, document, by, want string }{
		{"a string", `{"name":"Zoë"}`, "name", "zoë"},
		{"an exact string", `{"code":"Zoë"}`, "code", "Zoë"},
		{"escapes", `{"name":"\"a\"\n\u00e9"}`, "name", "\"a\"\né"},
		{"an integer", `{"size":-1}`, "size", "7fffffffffffffff"},
		{"zero", `{"size":0}`, "size", "8000000000000000"},
		{"a decimal", `{"weight":0.0}`, "weight", "8000000000000000"},
		{"minus zero", `{"weight":-0.0}`, "weight", "8000000000000000"},
		{"a boolean", `{"on":false}`, "on", "false"},
		{"a time", `{"since":"2026-03-04T05:06:07Z"}`, "since", "2026-03-04T05:06:07.000000000"},
		{"a time of another zone, as no document has it", `{"since":"2026-03-04T05:06:07.5+01:00"}`, "since", "2026-03-04T04:06:07.500000000"},
		{"the first time", `{"since":"0001-01-01T00:00:00Z"}`, "since", "0001-01-01T00:00:00.000000000"},
		{"a sub-attribute", `{"owner":{"name":"Ada"}}`, "owner.name", "ada"},
		{"its first value", `{"owner":{"nicks":["B","a"]}}`, "owner.nicks", "b"},
		{"primary of a single attribute says nothing", `{"owner":{"name":"Ada","primary":true}}`, "owner.name", "ada"},
		{"an extension", `{"urn:example:more":{"floor":2}}`, "floor", "8000000000000002"},
		{"the first of many", `{"tags":["b","a"]}`, "tags", "b"},
		{"the first element", `{"emails":[{"value":"b"},{"value":"a"}]}`, "emails", "b"},
		{"the primary element", `{"emails":[{"value":"b"},{"value":"a","primary":true}]}`, "emails", "a"},
		{"not primary", `{"emails":[{"value":"b","primary":false},{"value":"a"}]}`, "emails", "b"},
		{"the first element with a value", `{"emails":[{"rank":1},{"value":"a"}]}`, "emails", "a"},
		{"the primary element has none", `{"emails":[{"value":"b"},{"rank":1,"primary":true}]}`, "emails", ""},
		{"a number of an element", `{"emails":[{"value":"b"},{"rank":1}]}`, "emails.rank", "8000000000000001"},
		{"the id", `{}`, "id", "ID"},
		{"the type", `{}`, "meta.resourceType", "Thing"},
		{"created", `{}`, "meta.created", "2026-03-04T04:06:07.089000000"},

		{"no value", `{}`, "name", ""},
		{"no element", `{}`, "emails", ""},
		{"no extension", `{}`, "floor", ""},
		{"lastModified unknown", `{}`, "meta.lastModified", ""},
		{"an empty string", `{"name":""}`, "name", ""},
		{"an empty first string", `{"tags":["","a"]}`, "tags", "a"},
		{"an empty first element", `{"emails":[{"value":""},{"value":"a"}]}`, "emails", "a"},

		{"a long string", `{"name":"` + strings.Repeat("é", 99) + `AB"}`, "name", strings.Repeat("é", 99) + "ad81cd2ec6c681aa420757d7dc4ccb4a5"},

		// What stays of another schema has no order, and does no harm.
		{"text for a time", `{"since":"yesterday"}`, "since", ""},
		{"a number for a time", `{"since":7}`, "since", ""},
		{"a number for text", `{"name":7}`, "name", ""},
		{"text for a complex value", `{"owner":"Ada"}`, "owner.name", ""},
		{"an object for text", `{"name":{"x":"y"}}`, "name", ""},
		{"text for a number", `{"size":"big"}`, "size", "8000000000000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ReadDocument(tt.document)
			if err != nil {
				t.Fatal(err)
			}
			s, err := typ.ParseSort(tt.by, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Key(&Resource{Ref: Ref{Type: "Thing", ID: "ID"}, Created: at, Document: d}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := (Sort{}).Key(&Resource{Ref: Ref{ID: "ID"}}); got != "" {
		t.Errorf("key in the order of creation: got %q, want none", got)
	}
}

func TestSortCompare(t *testing.T) {
	typ := sortedType(t)
	up, _ := typ.ParseSort("name", "ascending")
	down, _ := typ.ParseSort("name", "descending")
	for _, tt := range []struct {
		a, b     string
		up, down int
	}{
		{"a", "a", 0, 0},
		{"", "", 0, 0},
		{"a", "b", -1, 1},
		{"a", "aa", -1, 1},
		{"a", "", -1, 1}, // without a value: last, and descending first
	} {
		if got := up.Compare(tt.a, tt.b); got != tt.up {
			t.Errorf("ascending, %q and %q: got %d, want %d", tt.a, tt.b, got, tt.up)
		}
		if got := up.Compare(tt.b, tt.a); got != -tt.up {
			t.Errorf("ascending, %q and %q: got %d, want %d", tt.b, tt.a, got, -tt.up)
		}
		if got := down.Compare(tt.a, tt.b); got != tt.down {
			t.Errorf("descending, %q and %q: got %d, want %d", tt.a, tt.b, got, tt.down)
		}
		if got := down.Compare(tt.b, tt.a); got != -tt.down {
			t.Errorf("descending, %q and %q: got %d, want %d", tt.b, tt.a, got, -tt.down)
		}
	}
}

// keyOrder checks that two values have the order of their keys, and that a key
// comes back from a cursor as it was.
func keyOrder[T any](t *testing.T, attribute string, values []T, write func(T) string, compare func(a, b T) int) {
	t.Helper()
	typ := sortedType(t)
	s, err := typ.ParseSort(attribute, "")
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]string, len(values))
	for i, v := range values {
		keys[i] = s.Key(&Resource{Document: read(t, typ, `{"`+attribute+`":`+write(v)+`}`)})
		text, err := json.Marshal(keys[i])
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(text, &back); err != nil || back != keys[i] || keys[i] == "" {
			t.Fatalf("%s %s: the key is %q, and read back %q, %v", attribute, write(v), keys[i], back, err)
		}
	}
	for i, a := range values {
		for j, b := range values {
			if got, want := s.Compare(keys[i], keys[j]), compare(a, b); got != want {
				t.Fatalf("%s: %s and %s: their keys %q and %q compare as %d, want %d", attribute, write(a), write(b), keys[i], keys[j], got, want)
			}
		}
	}
}

func TestSortKeyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))

	integers := []int64{math.MinInt64, math.MinInt64 + 1, -1 << 32, -256, -255, -10, -9, -1, 0, 1, 9, 10, 255, 256, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64}
	decimals := []float64{-math.MaxFloat64, -1e21, -10, -9.5, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1e-7, 0.1, 0.5, 1, 9.5, 10, 1e21, math.MaxFloat64}
	times := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Unix(0, 0), time.Unix(0, 1),
		time.Unix(0, 100_000_000), time.Unix(0, 10_000_000), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	}
	texts := []string{"a", "A", "aa", "ab", "B", "z", "~", "é", "É", "e\u0301", "f", "\u0001", " ", "\uffff", "🦊", "\U0010ffff", "\ue000", "ß", "ss", "SS", "İ", "中"}
	for range 300 {
		integers = append(integers, int64(random.Uint64()>>random.IntN(64)), -int64(random.Uint64()>>random.IntN(64)))
		f := math.Float64frombits(random.Uint64())
		for math.IsNaN(f) || math.IsInf(f, 0) {
			f = math.Float64frombits(random.Uint64())
		}
		decimals = append(decimals, f, math.Round(random.Float64()*200-100)/10)
		zone := time.FixedZone("", (random.IntN(28*60)-14*60)*60)
		times = append(times, time.Unix(random.Int64N(1e10)-5e9, random.Int64N(1e9)).In(zone), time.Unix(1e9, random.Int64N(5)*1e8).In(zone))
		var text []rune
		for range 1 + random.IntN(3) {
			r := rune(random.IntN(0x250) + 1)
			if random.IntN(10) == 0 {
				r = rune(random.IntN(utf8.MaxRune + 1))
			}
			if r == utf8.RuneError || !utf8.ValidRune(r) {
				r = 'x'
			}
			text = append(text, r)
		}
		texts = append(texts, string(text))
	}
	keyOrder(t, "size", integers, func(v int64) string { return fmt.Sprint(v) }, cmp.Compare)
	keyOrder(t, "weight", decimals, func(v float64) string {
		s, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}, cmp.Compare)
	keyOrder(t, "since", times, func(v time.Time) string { return `"` + v.Format(time.RFC3339Nano) + `"` }, time.Time.Compare)
	keyOrder(t, "on", []bool{false, true}, func(v bool) string { return fmt.Sprint(v) }, func(a, b bool) int {
		return map[bool]int{true: 1}[a] - map[bool]int{true: 1}[b]
	})
	quoted := func(v string) string {
		s, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	for attribute, exact := range map[string]bool{"name": false, "code": true} {
		keyOrder(t, attribute, texts, quoted, func(a, b string) int {
			return slices.Compare([]rune(comparisonKey(a, exact)), []rune(comparisonKey(b, exact)))
		})
	}
}

// Of long strings the beginnings are compared: never is the order another one.
func TestSortKeyOfLongStrings(t *testing.T) {
	typ := sortedType(t)
	s, err := typ.ParseSort("code", "")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(9, 10))
	letters := []rune("aé中🦊")
	for range 5000 {
		var texts, keys [2]string
		same := random.IntN(130)
		begin := make([]rune, same)
		for i := range begin {
			begin[i] = letters[random.IntN(len(letters))]
		}
		for i := range texts {
			text := slices.Clone(begin)
			for range 1 + random.IntN(40) {
				text = append(text, letters[random.IntN(len(letters))])
			}
			texts[i] = string(text)
			keys[i] = s.Key(&Resource{Document: read(t, typ, `{"code":"`+texts[i]+`"}`)})
			want := texts[i]
			if len(text) > mostKey {
				want = string(text[:mostKey]) + keys[i][max(len(keys[i])-32, 0):] // a digest
			}
			if n := utf8.RuneCountInString(keys[i]); keys[i] != want || n > mostKey+32 {
				t.Fatalf("%s: got the key %s of %d characters", texts[i], keys[i], n)
			}
		}
		got, want := s.Compare(keys[0], keys[1]), cmp.Compare(texts[0], texts[1])
		cut := len(keys[0]) - 32
		digested := cut > 0 && utf8.RuneCountInString(keys[0]) > mostKey && strings.HasPrefix(keys[1], keys[0][:cut])
		if (got == 0) != (want == 0) || !digested && got != want {
			t.Fatalf("%s\n%s\ncompare as %d, want %d", texts[0], texts[1], got, want)
		}
	}
}
