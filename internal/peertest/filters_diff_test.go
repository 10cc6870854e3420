package peertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/usherkit/scim"
)

// userType is the type filters are resolved against: User with an extension
// that has the data types which RFC 7643's own attributes lack.
func userType(tb testing.TB) *scim.ResourceType {
	tb.Helper()
	t, err := scim.UserType(scim.Extension{Schema: &scim.Schema{
		ID: "urn:example:params:scim:schemas:extension:badge:2.0:User",
		Attributes: []scim.Attribute{
			{Name: "level", Type: scim.TypeInteger},
			{Name: "score", Type: scim.TypeDecimal},
			{Name: "issued", Type: scim.TypeDateTime},
			{Name: "nested", Type: scim.TypeComplex, SubAttributes: []scim.Attribute{{Name: "code"}, {Name: "count", Type: scim.TypeInteger}}},
		},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// The two trees are compared as text. Both canonical forms have prefix
// notation, chains of and and or without nesting, canonical paths, and values
// by meaning: strings decoded and quoted by Go, numbers as float64, times in
// UTC.

func canonicalValue(typ scim.DataType, text string, number float64, at time.Time) string {
	switch typ {
	case scim.TypeBoolean:
		return text
	case scim.TypeInteger, scim.TypeDecimal:
		return strconv.FormatFloat(number, 'g', -1, 64)
	case scim.TypeDateTime:
		return at.UTC().Format(time.RFC3339Nano)
	}
	return strconv.Quote(text)
}

// chain writes an and or an or without nested ones of its kind.
func chain(name string, parts ...string) string {
	var flat []string
	for _, p := range parts {
		if inner, ok := strings.CutPrefix(p, "("+name+" "); ok {
			p = strings.TrimSuffix(inner, ")")
		}
		flat = append(flat, p)
	}
	return "(" + name + " " + strings.Join(flat, " ") + ")"
}

// canonical writes a tree of this library.
func canonical(f scim.Filter) string {
	all := func(fs []scim.Filter) (parts []string) {
		for _, f := range fs {
			parts = append(parts, canonical(f))
		}
		return parts
	}
	switch f := f.(type) {
	case scim.And:
		return chain("and", all(f)...)
	case scim.Or:
		return chain("or", all(f)...)
	case scim.Not:
		return "(not " + canonical(f.Filter) + ")"
	case scim.Present:
		return "(pr " + f.Path.String() + ")"
	case scim.Some:
		return "(some " + f.Path.String() + " " + canonical(f.Filter) + ")"
	case scim.Compare:
		return fmt.Sprintf("(%s %s %s)", f.Op, f.Path, canonicalValue(f.Value.Type(), f.Value.String(), f.Value.Float(), f.Value.Time()))
	}
	return fmt.Sprintf("(unknown %T)", f)
}

// peerCanonical writes a tree of filter-parser, which knows no schema: its
// names and values are resolved here. within is the attribute before the
// brackets that the tree was in, with a dot.
func peerCanonical(t *scim.ResourceType, within string, e parser.Expression) (string, error) {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		left, err := peerCanonical(t, within, e.Left)
		if err != nil {
			return "", err
		}
		right, err := peerCanonical(t, within, e.Right)
		return chain(string(e.Operator), left, right), err
	case *parser.NotExpression:
		inner, err := peerCanonical(t, within, e.Expression)
		return "(not " + inner + ")", err
	case *parser.ValuePath:
		p, err := t.Path(e.AttributePath.String())
		if err != nil {
			return "", err
		}
		inner, err := peerCanonical(t, p.String()+".", e.ValueFilter)
		switch name, _, _ := strings.Cut(inner, " "); name {
		case "(and", "(or", "(not", "(ne": // say something else of one element than of all
		default:
			return inner, err
		}
		return "(some " + p.String() + " " + inner + ")", err
	case *parser.AttributeExpression:
		return peerComparison(t, within, e)
	}
	return "", fmt.Errorf("unknown %T", e)
}

func peerComparison(t *scim.ResourceType, within string, e *parser.AttributeExpression) (string, error) {
	p, err := t.Path(within + e.AttributePath.String())
	if err != nil {
		return "", err
	}
	if e.Operator == parser.PR {
		return "(pr " + p.String() + ")", nil
	}
	if p.Attribute().Type == scim.TypeComplex { // RFC 7643 §2.4: value is what a complex attribute is compared by
		if p, err = t.Path(p.String() + ".value"); err != nil {
			return "", err
		}
	}
	var text string
	var number float64
	var at time.Time
	typ := p.Attribute().Type
	switch v := e.CompareValue.(type) {
	case bool:
		text = strconv.FormatBool(v)
	case int:
		number = float64(v)
	case float64:
		number = v
	case string:
		if err := json.Unmarshal([]byte(`"`+v+`"`), &text); err != nil { // it leaves escapes as they are
			return "", err
		}
		if typ == scim.TypeDateTime {
			if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return "", err
			}
		}
	}
	if e.CompareValue == nil || text == "" && (typ == "" || typ == scim.TypeString || typ == scim.TypeReference) { // no attribute has such a value (RFC 7643 §2.5)
		switch e.Operator {
		case parser.EQ:
			return "(not (pr " + p.String() + "))", nil
		case parser.NE:
			return "(pr " + p.String() + ")", nil
		}
	}
	return fmt.Sprintf("(%s %s %s)", e.Operator, p, canonicalValue(typ, text, number, at)), nil
}

// compareFilters reports whether both parsers accept src, and fails if the
// trees then mean different things.
func compareFilters(tb testing.TB, t *scim.ResourceType, src string) (both bool) {
	tb.Helper()
	f, err := t.ParseFilter(src)
	if err != nil {
		return false
	}
	tree, err := parser.ParseFilter([]byte(src))
	if err != nil {
		return false
	}
	got := canonical(f)
	want, err := peerCanonical(t, "", tree)
	if err != nil {
		tb.Errorf("%s\n accepted as %s\n but filter-parser's tree: %v", src, got, err)
	} else if got != want {
		tb.Errorf("%s\n got           %s\n filter-parser %s", src, got, want)
	}
	return true
}

// Filters from RFC 7644 and from identity providers, which both parsers must
// understand, and understand alike.
func TestFiltersOfBothParsers(t *testing.T) {
	user := userType(t)
	for _, src := range []string{
		// RFC 7644 §3.4.2.2, figure 2
		`userName eq "bjensen"`,
		`name.familyName co "O'Malley"`,
		`userName sw "J"`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`,
		`title pr`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`,
		`meta.lastModified ge "2011-05-13T04:42:34Z"`,
		`meta.lastModified lt "2011-05-13T04:42:34Z"`,
		`meta.lastModified le "2011-05-13T04:42:34Z"`,
		`title pr and userType eq "Employee"`,
		`title pr or userType eq "Intern"`,
		`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`,
		`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`,
		`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
		`userType eq "Employee" and (emails.type eq "work")`,
		`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`,
		`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`,

		// Microsoft Entra ID, Okta
		`userName eq "7d420df3-9995-4831-a406-ecf8166f5f6a"`,
		`userName eq "bjensen@contoso.com"`,
		`externalId eq "2a69c9a6-1708-45b7-acbe-a7b4c8fb102a"`,
		`id eq "U1" and manager eq "M1"`,
		`id eq "U1" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "M1"`,
		`emails[type eq "work" and value eq "user@contoso.com"]`,
		`emails.value eq "user@contoso.com"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "1"`,
		`USERNAME EQ "x"`,
		`active eq false`,
		`groups eq "G1"`,

		// precedence, operators, types
		`title pr or nickName pr and locale pr`,
		`(title pr or nickName pr) and locale pr`,
		`title pr and nickName pr and locale pr or timezone pr or active eq true`,
		`not (title pr)`,
		`not(not (title pr))`,
		`displayName eq "say \"hi\" \\ \/ \b\f\n\r\t \u00E9 \uD83D\uDE00 é 😀"`,
		`urn:example:params:scim:schemas:extension:badge:2.0:User:level ge -12`,
		`urn:example:params:scim:schemas:extension:badge:2.0:User:score lt 12.5e-1`,
		`urn:example:params:scim:schemas:extension:badge:2.0:User:issued gt "2011-05-13T04:42:34.5+02:00"`,
		`urn:example:params:scim:schemas:extension:badge:2.0:User:nested.code sw "a"`,
		`emails[not (type eq "work")]`,
		`addresses[primary eq true or country ne "US"]`,
	} {
		if !compareFilters(t, user, src) {
			_, ours := user.ParseFilter(src)
			_, theirs := parser.ParseFilter([]byte(src))
			t.Errorf("%s: not accepted by both: ours %v, filter-parser's %v", src, ours, theirs)
		}
	}
}

// generator makes random filters that both parsers should accept.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// cased changes the case of some letters.
func (g generator) cased(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c |= 0x20; 'a' <= c && c <= 'z' && g.IntN(8) == 0 {
			b[i] ^= 0x20
		}
	}
	return string(b)
}

func (g generator) space() string { return strings.Repeat(" ", g.IntN(2)) }

func (g generator) literal() string {
	var b strings.Builder
	b.WriteByte('"')
	for range g.IntN(9) {
		b.WriteString(g.pick("a", "Z", "7", " ", "@", ".", "(", ")", "[", "]", "é", "ß", "日", "😀", "and",
			`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00E9`, `\uD83D\uDE00`))
	}
	b.WriteByte('"')
	return b.String()
}

// comparison makes one comparison; in brackets, of a sub-attribute.
func (g generator) comparison(brackets bool) string {
	const badge, enterprise = "urn:example:params:scim:schemas:extension:badge:2.0:User:", scim.EnterpriseUserSchemaURI + ":"
	stringOps, orderOps := []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}, []string{"eq", "ne", "gt", "ge", "lt", "le"}
	path, ops, value := "", stringOps, ""
	switch kind := g.IntN(8); {
	case brackets && kind < 6:
		path, value = g.pick("type", "value", "display"), g.literal()
	case brackets:
		path, ops, value = "primary", []string{"eq", "ne"}, g.pick("true", "false")
	case kind == 0:
		path, ops, value = "active", []string{"eq", "ne"}, g.pick("true", "false")
	case kind == 1:
		path, ops, value = badge+g.pick("level", "nested.count"), orderOps, strconv.Itoa(g.IntN(2_000_000)-1_000_000)
	case kind == 2:
		path, ops, value = badge+"score", orderOps, strconv.FormatFloat(g.NormFloat64()*1000, byte(g.pick("f", "e")[0]), 3, 64)
	case kind == 3:
		at := time.Unix(g.Int64N(2_000_000_000), g.Int64N(1000)*1_000_000).In(time.FixedZone("", (g.IntN(25)-12)*3600))
		path, ops, value = g.pick("meta.created", "meta.lastModified", badge+"issued"), orderOps, at.Format(`"2006-01-02T15:04:05.999Z07:00"`)
	default:
		path = g.pick("userName", "name.familyName", "name.givenName", "title", "emails", "emails.value", "emails.type", "externalId", "id",
			"addresses.country", scim.UserSchemaURI+":displayName", enterprise+"department", enterprise+"manager.value", badge+"nested.code")
		value = g.literal()
	}
	if g.IntN(8) == 0 {
		return g.cased(path) + " " + g.cased("pr")
	}
	return g.cased(path) + " " + g.cased(g.pick(ops...)) + " " + value
}

// brackets makes what filter-parser takes in brackets: one or two comparisons.
func (g generator) brackets() string {
	inner := g.comparison(true)
	if g.IntN(2) == 0 {
		inner += " " + g.cased(g.pick("and", "or")) + " " + g.comparison(true)
	}
	if g.IntN(4) == 0 {
		inner = g.cased("not") + g.space() + "(" + g.space() + inner + g.space() + ")"
	}
	return g.cased(g.pick("emails", "phoneNumbers", "roles")) + "[" + g.space() + inner + g.space() + "]"
}

func (g generator) filter(depth int) string {
	switch kind := g.IntN(10); {
	case depth > 0 && kind < 4:
		terms := []string{g.filter(depth - 1), g.filter(depth - 1)}
		for g.IntN(3) == 0 {
			terms = append(terms, g.filter(depth-1))
		}
		out := terms[0]
		for _, t := range terms[1:] {
			out += " " + g.cased(g.pick("and", "or")) + " " + t
		}
		return out
	case depth > 0 && kind < 6:
		return g.pick("", g.cased("not")+g.space()) + "(" + g.space() + g.filter(depth-1) + g.space() + ")"
	case kind < 8:
		return g.comparison(false)
	}
	return g.brackets()
}

// mutated changes a few bytes, so that most results are accepted by neither.
func (g generator) mutated(src string) string {
	b := []byte(src)
	for range 1 + g.IntN(2) {
		at := g.IntN(len(b))
		switch g.IntN(3) {
		case 0:
			b = append(b[:at], b[min(at+1, len(b)):]...)
		case 1:
			b[at] = g.pick(" ", `"`, `\`, "(", ")", "[", "]", ".", ":", "e", "0", "-")[0]
		default:
			b = append(b[:at], append([]byte{b[g.IntN(len(b))]}, b[at:]...)...)
		}
		if len(b) == 0 {
			return "a"
		}
	}
	return string(b)
}

func TestRandomFiltersOfBothParsers(t *testing.T) {
	const each = 2000
	user := userType(t)
	g := generator{rand.New(rand.NewPCG(7644, 3422))}
	both, mutants := 0, 0
	for range each {
		src := g.filter(3)
		if compareFilters(t, user, src) {
			both++
		}
		if compareFilters(t, user, g.mutated(src)) {
			mutants++
		}
		if t.Failed() {
			return // one is enough to read
		}
	}
	if both < each*95/100 || mutants < each/40 {
		t.Errorf("both parsers accepted %d filters and %d mutated ones of %d: the test compares too little", both, mutants, each)
	}
}
