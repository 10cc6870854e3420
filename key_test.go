package scim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func TestComparisonKey(t *testing.T) {
	tests := []struct {
		name, in   string
		exact      bool
		want, same string // another string with the same key
	}{
		{"lower case", "bjensen", false, "bjensen", "BJENSEN"},
		{"upper case", "BJensen@Example.COM", false, "bjensen@example.com", "bjensen@EXAMPLE.com"},
		{"exact", "BJensen", true, "BJensen", "BJensen"},
		{"empty", "", false, "", ""},
		{"composed", "É", false, "é", "e\u0301"},
		{"composed, exact", "É", true, "É", "E\u0301"},
		{"sharp s", "Straße", false, "strasse", "STRASSE"},
		{"capital sharp s", "STRAẞE", false, "strasse", "straße"},
		{"sigma", "ΟΔΥΣΣΕΥΣ", false, "οδυσσευσ", "οδυσσευς"},
		{"Kelvin sign", "\u212a", false, "k", "K"},
		{"Angstrom sign", "\u212b", false, "å", "A\u030a"},
		{"dotted capital i", "İ", false, "i\u0307", "I\u0307"},
		{"ligature", "ﬁn", false, "fin", "FIN"},
		{"iota subscript", "ᾳ", false, "αι", "\u0391\u0345"},
		{"iota subscript before an accent", "\u03b1\u0345\u0301", false, "άι", "\u03b1\u0301\u0345"},
		{"order of marks", "q\u0323\u0307", false, "q\u0323\u0307", "Q\u0307\u0323"},
		{"Hangul", "한", false, "한", "\u1112\u1161\u11ab"},
		{"no case", "中文😀", false, "中文😀", "中文😀"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []string{tt.in, tt.same} {
				if got := comparisonKey(in, tt.exact); got != tt.want {
					t.Errorf("key of %+q: got %+q, want %+q", in, got, tt.want)
				}
			}
		})
	}
	// What folds to different strings is different.
	for _, pair := range [][2]string{{"ı", "i"}, {"İ", "i"}, {"e", "é"}, {"o", "ø"}, {"а", "a"}} {
		if a, b := comparisonKey(pair[0], false), comparisonKey(pair[1], false); a == b {
			t.Errorf("%q and %q have the same key %q", pair[0], pair[1], a)
		}
	}
}

// A key is its own key, and the key of any equivalent string.
func TestComparisonKeyIsStable(t *testing.T) {
	g := filterGenerator{Rand: rand.New(rand.NewPCG(5, 6))}
	check := func(s string) {
		for _, exact := range []bool{true, false} {
			key := comparisonKey(s, exact)
			same := []string{key, norm.NFD.String(s), norm.NFC.String(s)}
			if !exact {
				same = append(same, comparisonKey(s, true))
			}
			for _, other := range same {
				if got := comparisonKey(other, exact); got != key {
					t.Fatalf("key of %+q, exact %t: %+q, and of %+q: %+q", s, exact, key, other, got)
				}
			}
		}
	}
	for r := range rune(unicode.MaxRune + 1) {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.So) || unicode.In(r, unicode.Han, unicode.Hangul) {
			continue
		}
		check(string(r))
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if got, want := comparisonKey(string(other), false), comparisonKey(string(r), false); got != want {
				t.Fatalf("%q and %q differ in case only, and have the keys %+q and %+q", r, other, want, got)
			}
		}
	}
	for range 5000 {
		check(g.text() + g.text())
	}
}

func TestComparisonKeyAllocations(t *testing.T) {
	for _, tt := range []struct {
		in    string
		exact bool
		want  float64
	}{
		{"bjensen@example.com", false, 0},
		{"BJensen@example.com", true, 0},
		{"BJensen@example.com", false, 1},
		{"Élise", true, 0},
	} {
		if got := testing.AllocsPerRun(100, func() { comparisonKey(tt.in, tt.exact) }); got != tt.want {
			t.Errorf("%s, exact %t: got %v allocations, want %v", tt.in, tt.exact, got, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	user, group := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		name, reason string
		typ          *ResourceType
		body         string
		want         []Key
	}{
		{"user", "unique first, then in the order of Indexed", user, barbara, []Key{
			{"userName", "bjensen@example.com", true, false},
			{"externalId", "Ext-7", false, false},
			{"displayName", `barbara "babs" jensen`, false, false},
			{"emails.value", "babs@jensen.org", false, true},
			{"emails.value", "bjensen@example.com", false, true},
		}},
		{"group", "displayName is unique as Entra wants it", group, `{"displayName":"Tour Guides"}`, []Key{
			{"displayName", "tour guides", true, false},
		}},
		{"one value, several spellings", "one Key", user, `{"userName":"x","emails":[{"value":"É@x","type":"work"},{"value":"e\u0301@X"},{"display":"none"}]}`, []Key{
			{"userName", "x", true, false},
			{"emails.value", "é@x", false, true},
		}},
		{"every type", "a Key for each", gadget, `{"label":"L\u00fc","code":"A","count":5,"ratio":1.50,"on":"True","since":"2011-05-13T04:42:34+01:00",
			"blob":"AA","link":"http://X","tags":["b","A","a"],"ports":[{"value":"P","speed":1}],"box":{"colour":"Red"},"urn:example:Ext":{"shade":"Dark"}}`, []Key{
			{"code", "A", true, false},
			{"label", "lü", false, false},
			{"tags", "a", false, true},
			{"tags", "b", false, true},
			{"ports.value", "p", false, true},
			{"count", "8000000000000005", false, false},
			{"ratio", "bff8000000000000", false, false},
			{"since", "2011-05-13T03:42:34.000000000", false, false},
			{"on", "true", false, false},
			{"blob", "AA==", false, false},
			{"link", "http://X", false, false},
			{"box.colour", "red", false, false},
			{"urn:example:Ext:shade", "dark", false, false},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.typ.Keys(read(t, tt.typ, tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
	if got := user.Keys(Document{}); len(got) != 0 {
		t.Errorf("no document: got %v, want no keys", got)
	}
}

// A filter with eq finds a resource exactly if the resource has the Key: a
// Store with an index of Keys answers as Match does.
func TestKeysAgreeWithMatch(t *testing.T) {
	typ := gadgetType(t)
	g := filterGenerator{typ: typ, Rand: rand.New(rand.NewPCG(7, 8))}
	vary := []func(string) string{
		strings.ToUpper, strings.ToLower, norm.NFC.String, norm.NFD.String,
		func(s string) string { return comparisonKey(s, false) },
		func(s string) string { return s },
		func(s string) string { return s + "x" },
	}
	hits := 0
	for range 2000 {
		r := &Resource{Document: g.document(t)}
		r.Keys = typ.Keys(r.Document)
		for _, n := range typ.indexed {
			text := g.value(n)
			var values []string
			walk := r.Document.values(n)
			for v, ok := walk.next(); ok; v, ok = walk.next() {
				values = append(values, v)
			}
			if len(values) > 0 && g.IntN(4) > 0 {
				text = strings.Trim(values[g.IntN(len(values))], `"`)
				if !strings.Contains(text, `\`) && (n.kind == kindString || n.kind == kindReference) {
					text = vary[g.IntN(len(vary))](text)
				}
			}
			quoted := n.kind != kindBoolean && n.kind != kindInteger && n.kind != kindDecimal
			v, expected := operandOf(n, text, quoted, nil)
			if expected != "" {
				t.Fatalf("%s: %q: expected %s", n.path, text, expected)
			}
			key := Key{n.path, v.Key(), n.unique, n.several}
			got, err := Match(Compare{Path{n}, Eq, v}, r)
			if want := slices.Contains(r.Keys, key); got != want || err != nil {
				t.Fatalf("%s eq %+q: got %t, %v, want %t with the keys %+v", n.path, text, got, err, want, r.Keys)
			}
			if got {
				hits++
			}
		}
	}
	if hits < 2000 {
		t.Errorf("%d hits: the values say too little", hits)
	}
}

func BenchmarkKeys(b *testing.B) {
	user, _ := userAndGroupTypes(b)
	d := read(b, user, barbara)
	b.ReportAllocs()
	for b.Loop() {
		user.Keys(d)
	}
}

func BenchmarkComparisonKey(b *testing.B) {
	for _, s := range []string{"bjensen@example.com", "BJensen@example.com", "Élise Müller"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				comparisonKey(s, false)
			}
		})
	}
}
