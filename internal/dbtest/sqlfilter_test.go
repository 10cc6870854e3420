package dbtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// The answers of package sqlfilter over an application's tables, with a column of
// each kind, are those of scim.Match and scim.Select.

// everyDatabase runs a test on each database, and on PostgreSQL through both
// drivers.
func everyDatabase(t *testing.T, run func(t *testing.T, w *world)) {
	for _, driver := range []string{SQLiteDrivers()[0], DriverPGX, DriverPQ} {
		t.Run(driver, func(t *testing.T) {
			w := &world{dialect: sqlfilter.PostgreSQL}
			if driver == DriverPGX || driver == DriverPQ {
				w.db = Open(t, driver, Postgres(t))
			} else {
				w.dialect, w.db = sqlfilter.SQLite, Open(t, driver, SQLite(t))
				w.db.SetMaxOpenConns(1)
				execute(t, w.db, "PRAGMA synchronous = OFF")
			}
			run(t, w)
		})
	}
}

// everyWorld runs a test on each database, of 150 things.
func everyWorld(t *testing.T, run func(t *testing.T, w *world, r random)) {
	everyDatabase(t, func(t *testing.T, w *world) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := random{rand.New(rand.NewPCG(seed, 0))}
		w.populate(t, r, 150)
		run(t, w, r)
	})
}

func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func parsed(t testing.TB, typ *scim.ResourceType, src string) scim.Filter {
	t.Helper()
	if src == "" {
		return nil
	}
	f, err := typ.ParseFilter(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return f
}

// agree checks a condition against scim.Match.
func (w *world) agree(t testing.TB, m *sqlfilter.Mapping, src string) (exact bool) {
	t.Helper()
	f := parsed(t, w.typ, src)
	var args []any
	c := m.Where(f, &args)
	ids, err := w.ids(t.Context(), c.SQL, args)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	for _, x := range w.things {
		want, err := scim.Match(f, x.Resource)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(ids, x.ID); got != want && (c.Exact || want) {
			t.Fatalf("%s\n%s %q\nexact %v, got %v, want %v of\n%s", src, c.SQL, args, c.Exact, got, want, x.Document)
		}
	}
	return c.Exact
}

func TestSQLFilterConditions(t *testing.T) {
	everyWorld(t, func(t *testing.T, w *world, r random) {
		m := thingMapping(w.dialect, true)
		exact, n := 0, rounds(1500)
		for range n {
			if w.agree(t, m, r.filter(w.things, r.IntN(4))) {
				exact++
			}
		}
		t.Logf("%d of %d filters exact", exact, n)
		if exact < n/4 {
			t.Errorf("%d of %d filters are exact, want a quarter at the least", exact, n)
		}
	})
}

// Each operator compares each string with each, in each kind of column, and so
// does its negation.
func TestSQLFilterStrings(t *testing.T) {
	paths := []string{"text", "textExact", "ascii", "asciiExact", "key", "keyExact", "serial", "uuid", "tags", "emails.value", "groups.display"}
	operands := append([]string{"1", "01", "+1", "10", "01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057"}, words...)
	everyDatabase(t, func(t *testing.T, w *world) {
		var things []thing
		for i, word := range words {
			fields := map[string]any{"text": word, "textExact": word, "key": word, "keyExact": word, "tags": []string{word}, "emails": []any{map[string]any{"value": word}}}
			if len(word) <= 100 && isASCII(word) {
				fields["ascii"], fields["asciiExact"] = word, word
			}
			if i < 20 {
				fields["serial"], fields["uuid"] = strconv.Itoa(i), fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a80%02x", 0x50+i)
			}
			things = append(things, newThing(t, thingType(t), fmt.Sprintf("%03d", i), time.UnixMilli(1), fields, []scim.Member{{ID: "g", Type: "Group", Display: word}}))
		}
		w.fill(t, things)
		m := thingMapping(w.dialect, true)
		every := 3 // of which another third is looked at each time
		if w.dialect == sqlfilter.PostgreSQL || testing.Short() {
			every = 20
		}
		for _, path := range paths {
			for _, op := range []string{"eq", "co", "sw", "ew", "gt", "ge", "lt", "le"} {
				for _, operand := range operands {
					if rand.IntN(every) == 0 {
						w.agree(t, m, path+" "+op+" "+quoted(operand))
						w.agree(t, m, "not ("+path+" "+op+" "+quoted(operand)+")")
					}
				}
			}
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= 0x80 }) < 0
}

// A walk by each attribute, in both directions, is that of scim.Select.
func TestSQLFilterSorts(t *testing.T) {
	everyWorld(t, func(t *testing.T, w *world, r random) {
		for _, by := range append(sorted(single), "id", "meta.created", "emails.value", "") {
			for i, order := range []string{"ascending", "descending"} {
				q := scim.Query{Type: "Thing", Limit: 13, Resumes: true, Filter: parsed(t, w.typ, r.pick("", "flag eq true", "not (count gt 0)"))}
				q.Sort, _ = w.typ.ParseSort(by, order)
				for more := true; more; more = !q.After.IsZero() {
					q.After = w.samePage(t, thingMapping(w.dialect, i == 0), q).Next
				}
			}
		}
	})
}

// samePage returns the page that a query asks for, which is that of scim.Select.
func (w *world) samePage(t testing.TB, m *sqlfilter.Mapping, q scim.Query) *scim.Page {
	t.Helper()
	got, err := m.Page(t.Context(), q, w.source(new(int)))
	if err != nil {
		t.Fatalf("%v by %s: %v", q.Filter, q.Sort.Path(), err)
	}
	want, err := scim.Select(w.all(), q)
	if err != nil {
		t.Fatal(err)
	}
	if shown(got) != shown(want) {
		t.Fatalf("%v by %s, descending %v, offset %d, limit %d, after %q:\n got %s\nwant %s",
			q.Filter, q.Sort.Path(), q.Sort.Descending(), q.Offset, q.Limit, q.After, shown(got), shown(want))
	}
	return got
}

func TestSQLFilterPages(t *testing.T) {
	everyWorld(t, func(t *testing.T, w *world, r random) {
		sorts := append(sorted(single), "id", "meta.created", "elsewhere", "emails.value", "name.family", "", "", "")
		for range rounds(600) {
			m := thingMapping(w.dialect, r.IntN(2) == 0)
			q := scim.Query{Type: "Thing", Limit: []int{0, 1, 3, 10, 1000}[r.IntN(5)], Offset: []int{0, 0, 1, 40, 200}[r.IntN(5)]}
			if r.IntN(4) > 0 {
				q.Filter = parsed(t, w.typ, r.filter(w.things, r.IntN(3)))
			}
			q.Sort, _ = w.typ.ParseSort(r.pick(sorts...), r.pick("ascending", "descending"))
			if q.Resumes = r.IntN(2) == 0; q.Resumes {
				q.Offset = 0
			}
			for range 6 {
				if q.After = w.samePage(t, m, q).Next; q.After.IsZero() {
					break
				}
			}
		}
	})
}

func shown(p *scim.Page) string {
	var ids []string
	for _, r := range p.Resources {
		if r.Groups != nil {
			ids = append(ids, "groups of")
		}
		ids = append(ids, r.ID)
	}
	return fmt.Sprintf("%d of %d, then %q: %q", len(p.Resources), p.Total, p.Next, ids)
}

// Where SQL decides a filter and a sort, a page reads what is on it; where it
// cannot for a few, it reads these; and else what may match.
func TestSQLFilterReads(t *testing.T) {
	tests := []struct {
		name, filter, by string
		most             int
	}{
		{"all in the order of creation", "", "", 11},
		{"by a key", "", "key", 11},
		{"by a key, some without one", `flag eq true`, "keyCount", 11},
		{"a filter and a sort", `count gt 0 and key pr`, "time", 11},
		{"elements", `emails[type eq "work" and primary eq true]`, "", 11},
		{"digests are matched first, of which there are some", `not (key co "zz")`, "key", 11 + 60},
		{"all, if there is no order in SQL", "", "text", 150},
		{"what else says", `flag eq true and elsewhere pr`, "", 100},
	}
	everyWorld(t, func(t *testing.T, w *world, r random) {
		for _, test := range tests {
			q := scim.Query{Type: "Thing", Limit: 10, Filter: parsed(t, w.typ, test.filter)}
			q.Sort, _ = w.typ.ParseSort(test.by, "")
			reads := 0
			page, err := thingMapping(w.dialect, true).Page(t.Context(), q, w.source(&reads))
			if err != nil {
				t.Fatal(err)
			}
			if reads > test.most || len(page.Resources) == 0 {
				t.Errorf("%s: %d resources read for a page of %d, want at most %d", test.name, reads, len(page.Resources), test.most)
			}
		}
	})
}

func TestSQLFilterScans(t *testing.T) {
	tests := []struct {
		name, filter, by string
		most             int
		refused          bool
	}{
		{"no filter looks at what is on the page", "", "", 1, false},
		{"an index leads there", `key eq "a"`, "", 10, false},
		{"an index leads there, and to what else is asked", `key eq "a" and text co "b"`, "ratio", 50, false},
		{"of an element", `emails.value eq "a"`, "", 10, false},
		{"of an element in brackets", `emails[value eq "a" and not (type pr)]`, "", 50, false},
		{"of a group", `groups.value eq "g1"`, "", 50, false},
		{"each of them has an index", `id eq "x" or key eq "y"`, "", 10, false},
		{"an index is in the order", "", "key", 10, false},
		{"one of them has none", `id eq "x" or keyExact eq "y"`, "", 149, true},
		{"no index says what is not", `not (key eq "a")`, "", 149, true},
		{"no index", `flag eq true`, "", 149, true},
		{"no index, and no more than may be", `flag eq true`, "", 150, false},
		{"no index is in the order", "", "count", 149, true},
		{"nor is there an order", "", "text", 149, true},
	}
	everyWorld(t, func(t *testing.T, w *world, r random) {
		for _, test := range tests {
			q := scim.Query{Type: "Thing", Limit: 10, MaxScan: test.most, Filter: parsed(t, w.typ, test.filter)}
			q.Sort, _ = w.typ.ParseSort(test.by, "")
			reads := 0
			_, err := thingMapping(w.dialect, true).Page(t.Context(), q, w.source(&reads))
			if refused := errors.Is(err, scim.ErrTooMany); refused != test.refused || err != nil && !refused {
				t.Errorf("%s: %q by %q, %d of 150 may be looked at: got %v, want ErrTooMany %v", test.name, test.filter, test.by, test.most, err, test.refused)
			}
		}
	})
}

// A bad place is told, and nothing asked of the database that it would refuse.
func TestSQLFilterBadPlaces(t *testing.T) {
	at := func(at string) scim.Place { return scim.Place{At: at} }
	everyWorld(t, func(t *testing.T, w *world, r random) {
		for _, by := range []string{"", "key", "count", "flag", "time", "uuid", "millis"} {
			for _, p := range []scim.Place{at("x"), at("/"), at("a/b/c"), at("2006/x"), at("/\x00"), at("/\xff"), {Key: "\x00", At: "/x"}, {Key: "x"}} {
				q := scim.Query{Type: "Thing", Limit: 10, After: p}
				q.Sort, _ = w.typ.ParseSort(by, "")
				reads := 0
				_, err := thingMapping(w.dialect, true).Page(t.Context(), q, w.source(&reads))
				if !errors.Is(err, scim.ErrInvalidCursor) {
					t.Errorf("sorted by %q, after %q: got %v, want ErrInvalidCursor", by, p, err)
				}
			}
		}
	})
}

// A filter may be longer, and deeper, than a statement.
func TestSQLFilterOfAnySize(t *testing.T) {
	long := strings.Repeat("a", 8000)
	filters := map[string]string{
		"many alternatives":  strings.TrimSuffix(strings.Repeat(`id eq "x" or `, 20_000), " or "),
		"many conditions":    strings.TrimSuffix(strings.Repeat("key pr and ", 20_000), " and "),
		"many in one":        "emails[" + strings.TrimSuffix(strings.Repeat(`value co "a" or type eq "work" and `, 3000), " and ") + "]",
		"many of all kinds":  strings.TrimSuffix(strings.Repeat(`(text co "a" and not (key lt "b") or emails[type eq "home"]) or `, 300), " or "),
		"deep negations":     strings.Repeat("not (", 60) + "key pr" + strings.Repeat(")", 60),
		"deep alternatives":  strings.Repeat("(flag eq true and (count gt 0 or ", 30) + "key pr" + strings.Repeat("))", 30),
		"as deep as decided": strings.Repeat("not (key pr and (flag eq true or emails[", 1) + `type eq "work" and not (not (primary eq false or value co "b"))` + strings.Repeat("]))", 1),
		"long values":        `key eq "` + long + `" or text co "` + long + `" or ascii sw "` + long + `" or emails.value eq "` + long + `"`,
	}
	everyWorld(t, func(t *testing.T, w *world, r random) {
		for _, name := range sorted(filters) {
			t.Run(name, func(t *testing.T) { w.agree(t, thingMapping(w.dialect, true), filters[name]) })
		}
	})
}

// FuzzSQLFilter: any filter compiles for both databases, and what SQLite makes of
// it agrees with scim.Match.
func FuzzSQLFilter(f *testing.F) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	db := Open(f, DriverModernc, ":memory:")
	db.SetMaxOpenConns(1)
	w := &world{db: db, dialect: sqlfilter.SQLite}
	w.populate(f, r, 30)
	for range 200 {
		f.Add(r.filter(w.things, 3))
	}
	lite, post := thingMapping(sqlfilter.SQLite, true), thingMapping(sqlfilter.PostgreSQL, true)
	f.Fuzz(func(t *testing.T, src string) {
		filter, err := w.typ.ParseFilter(src)
		if err != nil {
			return
		}
		w.agree(t, lite, src)
		var args []any
		c := post.Where(filter, &args)
		for i := range args {
			if !strings.Contains(c.SQL, fmt.Sprintf("$%d::", i+1)) {
				t.Fatalf("%s: argument %d of %d is not in %s", src, i+1, len(args), c.SQL)
			}
		}
		if strings.Contains(c.SQL, fmt.Sprintf("$%d", len(args)+1)) {
			t.Fatalf("%s: %d arguments for %s", src, len(args), c.SQL)
		}
	})
}
