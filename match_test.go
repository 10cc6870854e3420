package scim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// read makes the Document of a body, as a POST does.
func read(t testing.TB, typ *ResourceType, body string) Document {
	t.Helper()
	in, err := typ.decode([]byte(body), decodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return in.document
}

const barbara = `{
	"userName": "BJensen@Example.com", "externalId": "Ext-7", "displayName": "Barbara \"Babs\" Jensen", "title": "Straßenmeisterin",
	"name": {"familyName": "Jensen", "givenName": "Barbara"}, "profileUrl": "https://Login.example.com/bjensen", "active": true,
	"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
	"phoneNumbers": [{"value": "555-555-5555"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984", "manager": {"value": "26118915"}}}`

func TestMatch(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	r := &Resource{
		Ref: Ref{Type: "User", ID: "u1"}, Version: "v7",
		Created:      time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC),
		LastModified: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC),
		Document:     read(t, user, barbara),
		Groups:       SetOf(Member{ID: "g1", Type: "Group", Display: "Tour Guides"}, Member{ID: "g2", Type: "Group", Display: "Employees"}),
	}
	tests := []struct {
		filter, reason string
		want           bool
	}{
		{`userName eq "bjensen@example.com"`, "caseExact is false", true},
		{`userName eq "bjensen"`, "the whole value", false},
		{`userName ne "bjensen@example.com"`, "R-147", false},
		{`userName ne "x"`, "R-147", true},
		{`nickName ne "x"`, "A-04: true without a value", true},
		{`nickName eq "x"`, "there is none", false},
		{`externalId eq "Ext-7"`, "caseExact", true},
		{`externalId eq "ext-7"`, "caseExact (E025)", false},
		{`displayName co "\"BABS\""`, "escapes are decoded", true},
		{`displayName sw "barbara"`, "R-148", true},
		{`displayName ew "JENSEN"`, "R-148", true},
		{`displayName sw "Barbara \"Babs\" Jensen"`, "R-148: equal strings too", true},
		{`displayName ew "Barbara \"Babs\" Jensen"`, "R-148: equal strings too", true},
		{`displayName co "x"`, "R-148", false},
		{`displayName sw "Barbara \"Babs\" Jensen, PhD"`, "longer than the value", false},
		{`displayName ew "Dr Barbara \"Babs\" Jensen"`, "longer than the value", false},
		{`displayName co "Barbara \"Babs\" Jensen, PhD"`, "longer than the value", false},
		{`displayName co ""`, "every string has it", true},
		{`nickName co ""`, "no string has nothing", false},
		{`title eq "STRASSENMEISTERIN"`, "full case folding", true},
		{`title co "ẞenm"`, "full case folding", true},
		{`userName gt "bjensen@example.co"`, "a prefix comes first", true},
		{`userName ge "BJENSEN@EXAMPLE.COM"`, "equal", true},
		{`userName gt "BJENSEN@EXAMPLE.COM"`, "equal", false},
		{`userName le "BJENSEN@EXAMPLE.COM"`, "equal", true},
		{`userName lt "BJENSEN@EXAMPLE.COM"`, "equal", false},
		{`userName lt "c"`, "R-150", true},
		{`userName lt "a"`, "R-150", false},
		{`userName lt "bjensen@example.com2"`, "a prefix comes first", true},
		{`nickName lt "z"`, "there is none", false},
		{`title pr`, "R-149", true},
		{`nickName pr`, "R-149", false},
		{`name pr`, "R-149", true},
		{`name.givenName eq "barbara"`, "R-157", true},
		{`name.middleName pr`, "R-149", false},
		{`name[givenName eq "barbara" and familyName sw "j"]`, "it is the element", true},
		{`name[givenName eq "barbara" and middleName pr]`, "it is the element", false},
		{`name[givenName ne "x"]`, "it is the element", true},
		{`profileUrl eq "https://login.example.com/bjensen"`, "references have case", false},
		{`profileUrl sw "https://Login."`, "A-07", true},
		{`active eq true`, "boolean", true},
		{`active eq "False"`, "boolean", false},
		{`active ne false`, "boolean", true},

		{`emails eq "BABS@jensen.org"`, "R-156, A-02", true},
		{`emails.value ew "jensen.org"`, "R-156", true},
		{`emails.value ne "x"`, "none is", true},
		{`emails.value ne "babs@jensen.org"`, "one is", false},
		{`emails[value ne "babs@jensen.org"]`, "one is not", true},
		{`emails[type eq "work" and value co "example.com"]`, "R-155: one element", true},
		{`emails[type eq "home" and value co "example.com"]`, "R-155: one element", false},
		{`emails.type eq "home" and emails.value co "example.com"`, "any elements", true},
		{`emails[type eq "work"].value eq "bjensen@example.com"`, "Entra (E026)", true},
		{`emails[type eq "home"].value eq "bjensen@example.com"`, "Entra (E026)", false},
		{`emails[type eq "other"] pr`, "no such element", false},
		{`emails[not (primary eq true)]`, "home is not", true},
		{`emails[primary eq "True" and type eq "home"]`, "work is", false},
		{`emails pr and phoneNumbers pr`, "R-149", true},
		{`addresses pr`, "R-149", false},
		{`addresses[type eq "work"]`, "there is none", false},
		{`addresses[not (type eq "work")]`, "there is none", false},
		{`phoneNumbers[type ne "work"]`, "A-04: without a value, per element", true},

		{enterprise + `:employeeNumber eq "701984"`, "extension", true},
		{enterprise + ` pr`, "extension", true},
		{`manager eq "26118915"`, "Entra's reference check", true},
		{`manager eq "7"`, "Entra's reference check", false},
		{`id eq "u1" and manager eq "26118915"`, "Entra's reference check (E033)", true},
		{`manager pr`, "R-149", true},
		{`department pr`, "R-149", false},

		{`id eq "u1"`, "of the Resource", true},
		{`id eq "U1"`, "ids have case", false},
		{`id pr`, "always", true},
		{`meta pr`, "always", true},
		{`meta.resourceType eq "User"`, "of the Resource", true},
		{`meta.created eq "2026-01-02T04:04:05.678+01:00"`, "R-150: the same instant", true},
		{`meta.created gt "2026-01-02T03:04:05Z"`, "R-150", true},
		{`meta.lastModified le "2026-02-02T03:04:05"`, "R-150", true},
		{`meta.lastModified lt "2026-02-02T03:04:05Z"`, "R-150", false},
		{`meta.lastModified ne "2026-02-02T03:04:05Z"`, "R-147", false},
		{`meta.created pr`, "of the Resource", true},
		{`schemas eq "` + UserSchemaURI + `"`, "R-160", true},
		{`schemas eq "` + enterprise + `"`, "R-160", true},
		{`schemas eq "` + GroupSchemaURI + `"`, "R-160", false},
		{`schemas co "extension"`, "R-160", true},
		{`schemas ne "` + GroupSchemaURI + `"`, "R-147", true},
		{`schemas pr`, "always", true},

		{`groups eq "g2"`, "of the Resource", true},
		{`groups eq "g3"`, "of the Resource", false},
		{`groups.display eq "tour guides"`, "of the Resource", true},
		{`groups[display sw "tour" and value eq "g1"]`, "one element", true},
		{`groups[display sw "tour" and value eq "g2"]`, "one element", false},
		{`groups[type ne "direct"]`, "RFC 7643 §4.1.2", false},
		{`groups pr`, "R-149", true},

		{`title pr and userName pr`, "R-153", true},
		{`title pr and nickName pr`, "R-153", false},
		{`nickName pr or title pr`, "R-153", true},
		{`nickName pr or locale pr`, "R-153", false},
		{`not (nickName pr)`, "R-153", true},
		{`title pr or nickName pr and locale pr`, "R-154", true},
		{`(title pr or nickName pr) and locale pr`, "R-154", false},
		{`title ne null and nickName eq null`, "A-05", true},
		{`nickName eq ""`, "A-05", true},
		{`title gt null`, "A-05: ordering with null is false", false},
		{`nickName le null`, "A-05: ordering with null is false", false},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			f, err := user.ParseFilter(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Match(f, r); got != tt.want || err != nil {
				t.Errorf("got %t, %v, want %t (%s)", got, err, tt.want, tt.reason)
			}
		})
	}
	if ok, err := Match(nil, r); !ok || err != nil {
		t.Errorf("no filter: got %t, %v, want true", ok, err)
	}
}

func TestMatchBareResource(t *testing.T) {
	user, group := userAndGroupTypes(t)
	for _, typ := range []*ResourceType{user, group} {
		for n := range typ.root.all {
			if n.unfilterable() != "" || n.path == "schemas" || n.path == "meta" {
				continue
			}
			if ok, err := Match(Present{Path{n}}, &Resource{}); ok || err != nil {
				t.Errorf("%s pr: got %t, %v, want false of an empty Resource", n.path, ok, err)
			}
		}
	}
}

// A strict client may store empty strings; they count as no value.
func TestMatchEmptyStrings(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	d, err := ReadDocument(`{"userName":"x","name":{"givenName":""},"title":"","emails":[{"value":"","display":""},{"value":"a"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		`title pr`: false, `title eq ""`: true, `title ne ""`: false, `title co ""`: false, `title lt "a"`: false,
		`name pr`: false, `name.givenName pr`: false, `emails pr`: true, `emails.display pr`: false, `emails[value eq ""]`: true,
	} {
		f, err := user.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Match(f, &Resource{Document: d}); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", filter, got, err, want)
		}
	}
	if got := user.Keys(d); len(got) != 2 || got[0].Value != "x" || got[1].Value != "a" {
		t.Errorf("keys: got %v, want those of x and a", got)
	}
}

// A long value with capitals is searched in a copy.
func TestMatchLongValues(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	long := strings.Repeat("A", 300) + "Needle" + strings.Repeat("a", 300)
	r := &Resource{Document: read(t, user, fmt.Sprintf(`{"userName":"x","title":%q}`, long))}
	for filter, want := range map[string]bool{
		`title co "NEEDLE"`: true, `title co "needles"`: false, fmt.Sprintf(`title eq %q`, strings.ToUpper(long)): true,
	} {
		f, err := user.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Match(f, r); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", filter, got, err, want)
		}
	}
}

// A document that was stored while the schema was another one matches nothing
// by what no longer fits, and is no reason to panic.
func TestMatchDocumentsOfAnotherSchema(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	d, err := ReadDocument(`{"userName":5,"name":["a",{"givenName":[]}],"title":{"value":"x"},"active":"true","emails":"x","addresses":[1,["value"],{}],"manager":true}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{
		`userName eq "5"`, `name.givenName pr`, `title eq "x"`, `active eq true`, `emails eq "x"`, `emails[type ne "x" and value pr]`,
		`addresses.country pr`, `addresses[country eq "value"]`, `manager pr`,
	} {
		f, err := user.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Match(f, &Resource{Document: d}); got || err != nil {
			t.Errorf("%s: got %t, %v, want false", filter, got, err)
		}
	}
	user.Keys(d) // no panic
}

// A countingSet is a Set that knows how it was used.
type countingSet struct {
	Set
	read, asked int
	err         error
}

func (s *countingSet) All() iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		for m := range s.Set.All() {
			s.read++
			if !yield(m, nil) {
				return
			}
		}
		if s.err != nil {
			yield(Member{}, s.err)
		}
	}
}

func (s *countingSet) Has(id string) (bool, error) {
	s.asked++
	if s.err != nil {
		return false, s.err
	}
	return s.Set.Has(id)
}

func TestMatchMembers(t *testing.T) {
	_, group := userAndGroupTypes(t)
	members := SetOf(Member{ID: "u1", Type: "User"}, Member{ID: "u2", Type: "User"}, Member{ID: "g1", Type: "Group"})
	tests := []struct {
		filter, reason string
		want           bool
		read, asked    int // how the Set is used
	}{
		{`members eq "u2"`, "Has answers", true, 0, 1},
		{`members.value eq "u9"`, "Has answers", false, 0, 1},
		{`members.value ne "u2"`, "Has answers", false, 0, 1},
		{`members.value ne "u9"`, "Has answers", true, 0, 1},
		{`members[value eq "u2"]`, "Has answers", true, 0, 1},
		{`members[value eq "U2"]`, "ids have case", false, 0, 1},
		{`members[value eq "u2" and type eq "user"]`, "Has, and then its type", true, 2, 1},
		{`members[value eq "u9" and type eq "user"]`, "Has spares the walk", false, 0, 1},
		{`members[value eq "u2" and type eq "Group"]`, "one element", false, 3, 1},
		{`members[value ne "u1"]`, "some element", true, 2, 0},
		{`members.type eq "group"`, "walked up to the one", true, 3, 0},
		{`members.type ne "group"`, "none", false, 3, 0},
		{`members pr`, "one is enough", true, 1, 0},
		{`not (members pr)`, "one is enough", false, 1, 0},
		{`members[type eq "User" and value sw "u"]`, "one element", true, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			f, err := group.ParseFilter(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			set := &countingSet{Set: members}
			if got, err := Match(f, &Resource{Members: set}); got != tt.want || err != nil {
				t.Errorf("got %t, %v, want %t (%s)", got, err, tt.want, tt.reason)
			}
			if set.read != tt.read || set.asked != tt.asked {
				t.Errorf("read %d members and asked %d times, want %d and %d (%s)", set.read, set.asked, tt.read, tt.asked, tt.reason)
			}
			broken := &countingSet{Set: SetOf(), err: errors.New("connection lost")}
			if got, err := Match(f, &Resource{Members: broken}); got || !errors.Is(err, broken.err) {
				t.Errorf("broken set: got %t, %v, want its error", got, err)
			}
			want := strings.Contains(tt.filter, ".value ne") || strings.Contains(tt.filter, ".type ne") || strings.Contains(tt.filter, "not")
			if got, err := Match(f, &Resource{}); got != want || err != nil {
				t.Errorf("no set: got %t, %v, want %t", got, err, want)
			}
		})
	}
}

func TestMatchElement(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		typ               *ResourceType
		attr, in, element string
		want              bool
	}{
		{user, "emails", `type eq "work"]`, `{"value":"x","type":"work"}`, true},
		{user, "emails", `type eq "work"]`, `{"value":"x","type":"home"}`, false},
		{user, "emails", `type ne "work"]`, `{"value":"x"}`, true},
		{user, "emails", `not (primary eq true) and value sw "X"]`, `{"value":"xyz"}`, true},
		{user, "emails", `primary eq "True"]`, `{"value":"x","primary":true}`, true},
		{user, "name", `givenName eq "x"]`, `{"givenName":"X"}`, true},
		{gadget, "tags", `value eq "A"]`, `"a"`, true},
		{gadget, "tags", `value eq "b" or value ew "c"]`, `"a"`, false},
		{gadget, "sizes", `value gt 4 and value lt 6]`, `5`, true},
		{gadget, "sizes", `value gt 5]`, `5`, false},
		{gadget, "ports", `speed ge 5]`, `{"value":"x","speed":4}`, false},
		{gadget, "box", `words eq "b"]`, `{"words":["a","B"]}`, true},
	}
	for _, tt := range tests {
		f, rest, err := tt.typ.parseElementFilter(tt.typ.resolve(tt.attr), tt.in+".x", nil)
		if err != nil || rest != "].x" {
			t.Errorf("%s[%s: rest %q, %v, want ].x", tt.attr, tt.in, rest, err)
			continue
		}
		if got := matchElement(f, tt.element); got != tt.want {
			t.Errorf("%s[%s of %s: got %t, want %t", tt.attr, tt.in, tt.element, got, tt.want)
		}
	}
}

func TestParseElementFilterRefuses(t *testing.T) {
	user, group := userAndGroupTypes(t)
	for _, tt := range []struct {
		typ              *ResourceType
		attr, in, detail string
	}{
		{user, "emails", `type eq "work"`, `expected and, or, or "]", found the end`},
		{user, "emails", `type eq "work")]`, `found ")]"`},
		{user, "emails", `foo eq "work"]`, `emails has no sub-attribute "foo"`},
		{user, "emails", ``, "expected an attribute"},
		{user, "emails", "type eq \"\xff\"]", "invalid UTF-8"},
		{user, "emails", strings.Repeat("(", 64) + "type pr]", "nested deeper"},
		{user, "userName", `value eq "x"]`, "takes no condition in brackets"},
		{group, "members", `$ref eq "x"]`, "cannot be used in a filter"},
	} {
		f, rest, err := tt.typ.parseElementFilter(tt.typ.resolve(tt.attr), tt.in, nil)
		checkRefusal(t, f, err, tt.detail, tt.in)
		if rest != "" {
			t.Errorf("%s[%s: rest %q, want none", tt.attr, tt.in, rest)
		}
	}
}

// What an application built by hand out of nothing is an error, never a panic.
func TestMatchDamagedFilters(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	emails := Path{user.resolve("emails")}
	r := &Resource{Document: read(t, user, barbara)}
	for _, f := range []Filter{
		Compare{},
		Present{},
		Some{},
		Not{},
		And{nil},
		&Present{},
		Some{emails, Some{emails, Present{emails}}},
		Some{Path: emails},
		And{Or{Compare{}}},
	} {
		if ok, err := Match(f, r); ok || err == nil {
			t.Errorf("%#v: got %t, %v, want an error", f, ok, err)
		}
		_ = f.String()
	}
}

func TestRequires(t *testing.T) {
	user, group := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		typ               *ResourceType
		filter, path, key string
		ok                bool
	}{
		{user, `userName eq "BJensen"`, "userName", "bjensen", true},
		{user, `userName eq "BJensen" and active eq true`, "userName", "bjensen", true},
		{user, `active eq true and (title pr and userName eq "É")`, "userName", "é", true},
		{user, `userName ne "x"`, "userName", "", false},
		{user, `userName sw "x"`, "userName", "", false},
		{user, `userName eq "x" or userName eq "y"`, "userName", "", false},
		{user, `not (userName eq "x")`, "userName", "", false},
		{user, `userName eq "x"`, "externalId", "", false},
		{user, `title pr`, "title", "", false},
		{user, `emails[type eq "work"].value eq "X@y.z"`, "emails.value", "x@y.z", true},
		{user, `emails eq "X@y.z"`, "emails.value", "x@y.z", true},
		{user, `emails[value ne "x"]`, "emails.value", "", false},
		{user, `id eq "U" and manager eq "M"`, "id", "U", true},
		{user, `groups eq "G"`, "groups.value", "G", true},
		{group, `id eq "G" and members eq "U"`, "members.value", "U", true},
		{group, `members[value eq "U" and type eq "User"]`, "members.value", "U", true},
		{gadget, `tags[value eq "A" and value sw "a"]`, "tags", "a", true},
	}
	for _, tt := range tests {
		f, err := tt.typ.ParseFilter(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if key, ok := Requires(f, tt.path); key != tt.key || ok != tt.ok {
			t.Errorf("Requires(%s, %s): got %q, %t, want %q, %t", tt.filter, tt.path, key, ok, tt.key, tt.ok)
		}
	}
	if _, ok := Requires(nil, "id"); ok {
		t.Error("no filter requires nothing")
	}
}

// Match agrees with a plain reading of the decoded document, for random
// filters on random resources.
func TestMatchAgreesWithDecoded(t *testing.T) {
	typ := gadgetType(t)
	g := filterGenerator{typ: typ, Rand: rand.New(rand.NewPCG(3, 4)), documentOnly: true}
	var matched, total int
	for range 400 {
		d := g.document(t)
		r := &Resource{Document: d}
		var decoded map[string]any
		decoder := json.NewDecoder(strings.NewReader(d.String()))
		decoder.UseNumber()
		if err := decoder.Decode(&decoded); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			f := g.filter(2, nil)
			got, err := Match(f, r)
			if want := plainMatch(f, decoded); got != want || err != nil {
				t.Fatalf("%s of %s: got %t, %v, want %t", f, d, got, err, want)
			}
			if total++; got {
				matched++
			}
		}
	}
	if matched < total/5 || matched > total*4/5 {
		t.Errorf("%d of %d matched: the filters say too little", matched, total)
	}
}

// document makes a random document of the generator's type.
func (g filterGenerator) document(t testing.TB) Document {
	var object func(n *node) map[string]any
	single := func(n *node) any {
		if n.kind == kindComplex {
			return object(n)
		}
		text := g.value(n)
		switch n.kind {
		case kindBoolean, kindInteger, kindDecimal:
			return json.RawMessage(text)
		}
		return text
	}
	object = func(n *node) map[string]any {
		o := map[string]any{}
		for _, c := range n.children {
			switch {
			case g.IntN(3) == 0 || c.place != inDocument:
			case c.kind == kindExtension:
				o[c.name] = object(c)
			case c.multi:
				var all []any
				for range g.IntN(4) {
					all = append(all, single(c))
				}
				o[c.name] = all
			default:
				o[c.name] = single(c)
			}
		}
		return o
	}
	src, err := json.Marshal(object(g.typ.root))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, g.typ, string(src))
}

// plainMatch is Match without any of its economies.
func plainMatch(f Filter, in any) bool {
	switch f := f.(type) {
	case And:
		for _, g := range f {
			if !plainMatch(g, in) {
				return false
			}
		}
		return true
	case Or:
		for _, g := range f {
			if plainMatch(g, in) {
				return true
			}
		}
		return false
	case Not:
		return !plainMatch(f.Filter, in)
	case Present:
		return len(plainValues(f.Path.n, in, nil)) > 0
	case Some:
		for _, element := range plainValues(f.Path.n, in, nil) {
			if plainMatch(f.Filter, inBrackets{element}) {
				return true
			}
		}
		return false
	case Compare:
		if f.Op == Ne {
			f.Op = Eq
			return !plainMatch(f, in)
		}
		var absent any
		if f.Path.n == f.Path.n.parent.primary {
			absent = false
		}
		for _, v := range plainValues(f.Path.n, in, absent) {
			if plainCompare(f, v) {
				return true
			}
		}
		return false
	}
	panic(f)
}

type inBrackets struct{ element any }

func plainValues(n *node, in, absent any) (values []any) {
	if b, ok := in.(inBrackets); ok {
		if n.parent.kind != kindComplex {
			return flat(b.element)
		}
		return flat(given(b.element.(map[string]any)[n.name], absent))
	}
	if n.parent.kind == kindRoot {
		return flat(in.(map[string]any)[n.name])
	}
	for _, outer := range plainValues(n.parent, in, nil) {
		values = append(values, flat(given(outer.(map[string]any)[n.name], absent))...)
	}
	return values
}

func given(v, absent any) any {
	if v == nil {
		return absent
	}
	return v
}

func flat(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func plainCompare(c Compare, v any) bool {
	n := c.Path.n
	order := 0
	switch n.kind {
	case kindBoolean:
		return fmt.Sprint(v) == c.Value.String()
	case kindInteger:
		i, _ := v.(json.Number).Int64()
		var want int64
		_, _ = fmt.Sscan(c.Value.String(), &want)
		order = cmp.Compare(i, want)
	case kindDecimal:
		x, _ := v.(json.Number).Float64()
		order = cmp.Compare(x, c.Value.Float())
	case kindDateTime:
		at, _ := time.Parse(time.RFC3339Nano, v.(string))
		order = at.Compare(c.Value.Time())
	default:
		text, want := comparisonKey(v.(string), n.exact), comparisonKey(c.Value.String(), n.exact)
		switch c.Op {
		case Co:
			return strings.Contains(text, want)
		case Sw:
			return strings.HasPrefix(text, want)
		case Ew:
			return strings.HasSuffix(text, want)
		}
		order = strings.Compare(text, want)
	}
	switch c.Op {
	case Eq:
		return order == 0
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	case Gt:
		return order > 0
	case Ge:
		return order >= 0
	}
	panic(c.Op)
}

// A scan looks at every resource of a tenant.
func TestMatchAllocations(t *testing.T) {
	user, group := userAndGroupTypes(t)
	r := &Resource{
		Ref: Ref{ID: "u1"}, Members: SetOf(Member{ID: "u1"}),
		Document: read(t, user, `{"userName":"BJensen","emails":[{"value":"A@x","type":"work"},{"value":"b@x","type":"home"}],"manager":{"value":"7"}}`),
	}
	for src, typ := range map[string]*ResourceType{
		`userName eq "bjensen"`: user, `userName co "JENS" and userName gt "bj"`: user, `emails[type eq "home" and value ew "@x"]`: user,
		`emails.value ne "c@x" and not (title pr)`: user, `id eq "u1" and manager eq "7"`: user, `schemas co "user"`: user, `members eq "u1"`: group,
	} {
		f, err := typ.ParseFilter(src)
		if err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(100, func() { _, _ = Match(f, r) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", src, got)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	user, group := userAndGroupTypes(b)
	r := &Resource{Document: read(b, user, barbara), Members: SetOf(Member{ID: "u1"}, Member{ID: "u2"})}
	for _, bb := range []struct {
		name, src string
		typ       *ResourceType
	}{
		{"UserName", `userName eq "bjensen@example.com"`, user},
		{"UserNameMiss", `userName eq "bjensen@example.org"`, user},
		{"Contains", `displayName co "jensen"`, user},
		{"Title", `title eq "strassenmeisterin"`, user},
		{"SubAttribute", `name.givenName eq "barbara"`, user},
		{"Extension", enterprise + `:employeeNumber eq "701984"`, user},
		{"Brackets", `emails[type eq "home" and value co "@jensen"] and not (active eq false)`, user},
		{"Members", `members eq "u2"`, group},
	} {
		b.Run(bb.name, func(b *testing.B) {
			f, err := bb.typ.ParseFilter(bb.src)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Match(f, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// However often a client names what is in the schema, a projection is no larger
// than that.
func TestProjectionIsNoLargerThanTheSchema(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	once, err := user.parseProjection(UserSchemaURI, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	often, err := user.parseProjection(strings.Repeat(UserSchemaURI+",userName,emails.value,", 600), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if most := len(once.paths) + 1; len(often.paths) != most { // emails.value is one more
		t.Errorf("got %d attributes, want %d", len(often.paths), most)
	}
}

// TestPrimaryIsAssumedFalse: R-022. An element without primary is not primary.
func TestPrimaryIsAssumedFalse(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	for _, tt := range []struct {
		body, filter string
		want         bool
	}{
		{`"emails":[{"value":"a"}]`, `emails[primary eq false]`, true},
		{`"emails":[{"value":"a"}]`, `emails[value eq "a" and primary eq false]`, true},
		{`"emails":[{"value":"a"}]`, `emails.primary eq false`, true},
		{`"emails":[{"value":"a"}]`, `emails[primary ne true]`, true},
		{`"emails":[{"value":"a"}]`, `emails[primary ne false]`, false},
		{`"emails":[{"value":"a"}]`, `emails[primary eq true]`, false},
		{`"emails":[{"value":"a"}]`, `emails.primary eq true`, false},
		{`"emails":[{"value":"a"}]`, `emails[primary pr]`, false},
		{`"emails":[{"value":"a"}]`, `emails.primary pr`, false},
		{`"emails":[{"value":"a","primary":true}]`, `emails.primary eq false`, false},
		{`"emails":[{"value":"a","primary":true},{"value":"b"}]`, `emails[value eq "b" and primary eq false]`, true},
		{`"emails":[{"value":"a","primary":true},{"value":"b"}]`, `emails[value eq "a" and primary eq false]`, false},
		{`"title":"t"`, `emails.primary eq false`, false},
	} {
		f, err := user.ParseFilter(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Match(f, &Resource{Document: read(t, user, `{"userName":"u",`+tt.body+`}`)}); got != tt.want || err != nil {
			t.Errorf("%s, %s: got %t, %v, want %t", tt.body, tt.filter, got, err, tt.want)
		}
	}
}
