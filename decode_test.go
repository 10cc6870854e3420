package scim

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyType has an attribute of every data type, alone and multi-valued.
func everyType(t testing.TB) *ResourceType {
	t.Helper()
	s, err := ParseSchema([]byte(`{"id":"urn:example:2.0:Every","name":"Every","attributes":[
		{"name":"text"},
		{"name":"exact","caseExact":true},
		{"name":"flag","type":"boolean"},
		{"name":"count","type":"integer"},
		{"name":"ratio","type":"decimal"},
		{"name":"when","type":"dateTime"},
		{"name":"blob","type":"binary"},
		{"name":"link","type":"reference","referenceTypes":["external"]},
		{"name":"texts","multiValued":true},
		{"name":"counts","type":"integer","multiValued":true},
		{"name":"size","canonicalValues":["S","M","L"]},
		{"name":"fixed","mutability":"immutable"},
		{"name":"ours","mutability":"readOnly"},
		{"name":"secret","mutability":"writeOnly","returned":"never"},
		{"name":"asked","returned":"request"},
		{"name":"one","type":"complex","subAttributes":[{"name":"value"},{"name":"note"},{"name":"needed","required":true}]},
		{"name":"many","type":"complex","multiValued":true,"subAttributes":[
			{"name":"value"},{"name":"type"},{"name":"primary","type":"boolean"},{"name":"n","type":"integer"}]}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := NewResourceType(TypeDefinition{Name: "Every", Endpoint: "Everything", Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func mustType(t testing.TB, typ *ResourceType, err error) *ResourceType {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func userType(t testing.TB) *ResourceType {
	typ, err := UserType()
	return mustType(t, typ, err)
}

func TestDecode(t *testing.T) {
	const enterprise = EnterpriseUserSchemaURI
	every, user := everyType(t), userType(t)
	for _, c := range []struct {
		name   string
		typ    *ResourceType
		in     string
		want   string
		rules  string // the tolerances used, space between
		strict string // what a strict client is told; "same" if it gets the same document
	}{
		{name: "schema order", typ: user, in: `{"active":true,"userName":"a","externalId":"x"}`, want: `{"externalId":"x","userName":"a","active":true}`, rules: "schemasMissing"},
		{name: "names in any case", typ: user, in: `{"UserName":"a","NAME":{"GivenName":"b"}}`, want: `{"userName":"a","name":{"givenName":"b"}}`, rules: "schemasMissing"},
		{name: "order inside a complex attribute", typ: user, in: `{"name":{"givenName":"G","familyName":"F"}}`, want: `{"name":{"familyName":"F","givenName":"G"}}`, rules: "schemasMissing"},
		{name: "an extension's URI in any case", typ: user, in: `{"` + strings.ToUpper(enterprise) + `":{"Department":"D"}}`, want: `{"` + enterprise + `":{"department":"D"}}`, rules: "schemasMissing"},
		{name: "null, [] and {} are no value (RFC 7643 §2.5)", typ: every, in: `{"text":null,"texts":[],"many":[{}],"one":{},"flag":null,"when":null}`, want: `{}`, rules: "schemasMissing"},
		{name: "escapes become text", typ: every, in: `{"text":"\u0041\/\u00e9\n\"\ud83d\ude00"}`, want: `{"text":"A/é\n\"😀"}`, rules: "schemasMissing"},
		{name: "an escaped name", typ: every, in: `{"te\u0078t":"a"}`, want: `{"text":"a"}`, rules: "schemasMissing"},
		{name: "integers", typ: every, in: `{"count":-0,"counts":[1,2,2,-3]}`, want: `{"count":0,"counts":[1,2,-3]}`, rules: "schemasMissing"},
		{name: "an integer has no fraction (R-010)", typ: every, in: `{"count":3.0}`, want: `!count: expected an integer, got 3.0`},
		{name: "nor an exponent", typ: every, in: `{"count":3e2}`, want: `!count: expected an integer, got 3e2`},
		{name: "nor more than 64 bits", typ: every, in: `{"count":9223372036854775808}`, want: `!count: expected an integer within range`},
		{name: "decimals have digits on both sides (R-009)", typ: every, in: `{"ratio":3}`, want: `{"ratio":3.0}`, rules: "schemasMissing"},
		{name: "a decimal has one spelling", typ: every, in: `{"ratio":0.0150e1}`, want: `{"ratio":0.15}`, rules: "schemasMissing"},
		{name: "times are UTC", typ: every, in: `{"when":"2026-01-31T12:00:00+02:00"}`, want: `{"when":"2026-01-31T10:00:00Z"}`, rules: "schemasMissing"},
		{name: "a time without zone is UTC (A-31)", typ: every, in: `{"when":"2026-01-31T12:00:00.250"}`, want: `{"when":"2026-01-31T12:00:00.25Z"}`, rules: "schemasMissing"},
		{name: "a bare date is no dateTime (R-011)", typ: every, in: `{"when":"2026-01-31"}`, want: `!when: expected a date and time`},
		{name: "base64 without padding", typ: every, in: `{"blob":"YQ"}`, want: `{"blob":"YQ=="}`, rules: "schemasMissing"},
		{name: "base64url", typ: every, in: `{"blob":"-_-_"}`, want: `{"blob":"+/+/"}`, rules: "schemasMissing"},
		{name: "no base64", typ: every, in: `{"blob":"a b"}`, want: `!blob: expected a string in base64, got "a b"`},
		{name: "readOnly is ignored (R-125)", typ: every, in: `{"id":"x","meta":{"created":1},"ours":{"any":"thing"},"text":"a"}`, want: `{"text":"a"}`, rules: "schemasMissing"},
		{name: "repeated elements are one (R-025)", typ: every, in: `{"texts":["a","b","a"],"many":[{"value":"x"},{"value":"x"}]}`, want: `{"texts":["a","b"],"many":[{"value":"x"}]}`, rules: "schemasMissing"},
		{name: "null in an array", typ: every, in: `{"texts":[null,"b"]}`, want: `{"texts":["b"]}`, rules: "schemasMissing"},
		{name: "a reference back to the manager is the server's", typ: user, in: `{"` + enterprise + `":{"manager":{"$ref":"http://x/Users/m","value":"m","displayName":"M"}}}`, want: `{"` + enterprise + `":{"manager":{"value":"m"}}}`, rules: "schemasMissing"},

		{name: "string booleans", typ: user, in: `{"active":"False","roles":[{"value":"r","primary":"TRUE"}]}`, want: `{"active":false,"roles":[{"value":"r","primary":true}]}`, rules: "stringBoolean schemasMissing", strict: `active: expected true or false, got "False"`},
		{name: "no boolean at all", typ: user, in: `{"active":"maybe"}`, want: `!active: expected true or false, got "maybe"`},
		{name: "string numbers", typ: every, in: `{"count":"5","ratio":" 1.5 "}`, want: `{"count":5,"ratio":1.5}`, rules: "stringNumber schemasMissing", strict: `count: expected an integer, got "5"`},
		{name: "bare numbers for strings", typ: every, in: `{"text":5,"exact":true}`, want: `{"text":"5","exact":"true"}`, rules: "bareNumber schemasMissing", strict: `text: expected a string, got 5`},
		{name: "a wrapped simple value", typ: user, in: `{"userName":[{"$ref":null,"value":"x"}]}`, want: `{"userName":"x"}`, rules: "wrapped schemasMissing", strict: `userName: expected a string, got an array`},
		{name: "a wrapped complex value", typ: user, in: `{"` + enterprise + `":{"manager":[{"value":"m"}]}}`, want: `{"` + enterprise + `":{"manager":{"value":"m"}}}`, rules: "wrapped schemasMissing", strict: `manager: expected an object`},
		{name: "two values for one", typ: user, in: `{"userName":["a","b"]}`, want: `!userName: expected a string, got an array`},
		{name: "a lone element", typ: user, in: `{"emails":{"value":"a@b","type":"work"}}`, want: `{"emails":[{"value":"a@b","type":"work"}]}`, rules: "loneElement schemasMissing", strict: `emails: expected an array, got an object`},
		{name: "bare elements", typ: user, in: `{"emails":["a@b"],"roles":"admin"}`, want: `{"emails":[{"value":"a@b"}],"roles":[{"value":"admin"}]}`, rules: "loneElement bareValue schemasMissing", strict: `emails[0]: expected an object, got "a@b"`},
		{name: "manager as a bare id", typ: user, in: `{"` + enterprise + `":{"manager":"m"}}`, want: `{"` + enterprise + `":{"manager":{"value":"m"}}}`, rules: "bareValue schemasMissing", strict: `manager: expected an object, got "m"`},
		{name: "an empty manager", typ: user, in: `{"` + enterprise + `":{"manager":{"value":""},"department":"D"}}`, want: `{"` + enterprise + `":{"department":"D"}}`, rules: "emptyString schemasMissing"},
		{name: "empty strings clear", typ: every, in: `{"text":"","count":"","when":"","flag":"","texts":[""],"many":[{"value":"","type":"work"}]}`, want: `{}`, rules: "emptyString emptyElement schemasMissing", strict: `count: expected an integer, got ""`},
		{name: "two primaries: the first stays (A-34)", typ: user, in: `{"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, want: `{"emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`, rules: "secondPrimary schemasMissing", strict: `emails: only one element may be primary`},
		{name: "unknown attributes", typ: user, in: `{"userName":"a","nope":{"deep":[1]},"name":{"nope":1,"givenName":"g"}}`, want: `{"userName":"a","name":{"givenName":"g"}}`, rules: "unknownName schemasMissing", strict: `unknown attribute "nope"`},
		{name: "unknown schemas", typ: user, in: `{"schemas":["` + UserSchemaURI + `","http://schemas.microsoft.com/x"],"userName":"a"}`, want: `{"userName":"a"}`, rules: "unknownSchema", strict: `schemas: "http://schemas.microsoft.com/x" is no schema of User`},
		{name: "canonicalValues are advice", typ: user, in: `{"emails":[{"value":"a","type":"lair"}]}`, want: `{"emails":[{"value":"a","type":"lair"}]}`, rules: "schemasMissing", strict: `emails[0].type: expected one of work, home, other, got "lair"`},

		{name: "an attribute twice", typ: user, in: `{"userName":"a","USERNAME":"b"}`, want: `!userName is given twice`},
		{name: "twice, one of them null", typ: user, in: `{"userName":null,"title":"t","userName":"b"}`, want: `!userName is given twice`},
		{name: "a sub-attribute twice", typ: user, in: `{"name":{"givenName":"a","givenname":"b"}}`, want: `!name.givenName is given twice`},
		{name: "an unknown name twice", typ: user, in: `{"x":1,"X":2}`, want: `!name "X" given twice`},
		{name: "inside what is ignored", typ: user, in: `{"meta":{"a":1,"a":2}}`, want: `!name "a" given twice`},
		{name: "__proto__ is a name like others", typ: user, in: `{"__proto__":{"active":true},"userName":"a"}`, want: `{"userName":"a"}`, rules: "unknownName schemasMissing"},
		{name: "trailing data", typ: user, in: `{"userName":"a"} x`, want: `!unexpected data after the JSON value, at byte 17`},
		{name: "no object", typ: user, in: `["userName"]`, want: `!the body must be a JSON object`},
		{name: "nothing", typ: user, in: ``, want: `!the body must be a JSON object`},
		{name: "cut off", typ: user, in: `{"userName":"a`, want: `!invalid JSON in userName: string without an end at byte 12`},
		{name: "too deep where it is ignored", typ: user, in: `{"x":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, want: `!nested too deep`},
		{name: "too deep where it is not", typ: user, in: `{"name":{"givenName":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}}`, want: `!name.givenName`},
		{name: "an object for a string", typ: user, in: `{"userName":{"a":1}}`, want: `!userName: expected a string, got an object`},
		{name: "a string for an object", typ: user, in: `{"name":"Bob"}`, want: `!name: expected an object, got "Bob"`},
		{name: "the element at fault", typ: user, in: `{"emails":[{"value":"a"},{"value":["b","c"]}]}`, want: `!emails[1].value: expected a string, got an array`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &dialect{}
			got, err := c.typ.decode([]byte(c.in), decodeOptions{dialect: d})
			if wrong, ok := strings.CutPrefix(c.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), wrong) {
					t.Fatalf("decode(%s) = %s, %v; want an error with %q", c.in, got.document, err, wrong)
				}
				if !errors.Is(err, ErrInvalidSyntax) && !errors.Is(err, ErrInvalidValue) {
					t.Errorf("the error is of no kind that is answered 400: %v", err)
				}
				return
			}
			if err != nil || got.document.String() != c.want {
				t.Fatalf("decode(%s)\n got %s, %v\nwant %s", c.in, got.document, err, c.want)
			}
			if rules := strings.Join(d.rules(), " "); rules != c.rules {
				t.Errorf("tolerances used: %q, want %q", rules, c.rules)
			}
			read, err := ReadDocument(c.want)
			if err != nil {
				t.Fatal(err)
			}
			read.settle(c.typ.root)
			if diff := cmp.Diff(read.spans, got.document.spans, cmp.AllowUnexported(span{})); diff != "" {
				t.Errorf("spans differ from those of the string (-string +decoded):\n%s", diff)
			}
			if c.strict == "" {
				return
			}
			listed := strings.Replace(c.in, "{", `{"schemas":["`+c.typ.def.Schema.ID+`","`+enterprise+`"],`, 1)
			if strings.Contains(c.in, `"schemas"`) {
				listed = c.in
			} else if c.typ == every {
				listed = strings.Replace(c.in, "{", `{"schemas":["`+c.typ.def.Schema.ID+`"],`, 1)
			}
			if _, err := c.typ.decode([]byte(listed), decodeOptions{dialect: &dialect{strict: true}}); err == nil || !strings.Contains(err.Error(), c.strict) {
				t.Errorf("strict: got %v, want an error with %q", err, c.strict)
			}
		})
	}
}

func TestDecodeStrictSchemas(t *testing.T) {
	user := userType(t)
	for _, c := range []struct{ in, wrong string }{
		{`{"schemas":["` + UserSchemaURI + `"],"userName":"a"}`, ""},
		{`{"userName":"a"}`, UserSchemaURI + " is missing"},
		{`{"schemas":[],"userName":"a"}`, UserSchemaURI + " is missing"},
		{`{"schemas":["` + UserSchemaURI + `"],"userName":"a","` + EnterpriseUserSchemaURI + `":{"department":"D"}}`, EnterpriseUserSchemaURI + " is missing"},
		{`{"schemas":[1],"userName":"a"}`, "schemas: expected strings, got 1"},
	} {
		_, err := user.decode([]byte(c.in), decodeOptions{dialect: &dialect{strict: true}})
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: got %v, want %q", c.in, err, c.wrong)
		}
	}
}

func TestDecodeMembers(t *testing.T) {
	group, err := GroupType()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, in string
		want     []Member
		wrong    string
	}{
		{"objects", `[{"value":"a","type":"User"},{"value":"b","$ref":null,"display":"B"}]`, []Member{{ID: "a", Type: "User"}, {ID: "b"}}, ""},
		{"bare strings", `["a","b"]`, []Member{{ID: "a"}, {ID: "b"}}, ""},
		{"a lone object", `{"Value":"a"}`, []Member{{ID: "a"}}, ""},
		{"a lone string", `"a"`, []Member{{ID: "a"}}, ""},
		{"null", `null`, nil, ""},
		{"none", `[]`, nil, ""},
		{"no value", `[{"value":"a"},{"display":"x"}]`, nil, "members[1]: a member needs a value"},
		{"a number", `[5]`, nil, "members[0]: expected an object with a value, got 5"},
		{"a value that is no string", `[{"value":{}}]`, nil, "members[0].value: expected a string"},
		{"a type that is no string", `[{"value":"a","type":1}]`, nil, "members[0].type: expected a string"},
	} {
		got, err := decodeMembers(group.members, []byte(c.in), decodeOptions{})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: got %v, want an error with %q", c.name, err, c.wrong)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", c.name, err, diff)
		}
	}
}

func TestRequired(t *testing.T) {
	every, user := everyType(t), userType(t)
	for _, c := range []struct {
		typ       *ResourceType
		in, wrong string
	}{
		{user, `{"userName":"a"}`, ""},
		{user, `{"displayName":"a"}`, "userName is required"},
		{user, `{"userName":""}`, "userName is required"},
		{every, `{"one":{"value":"a","needed":"b"}}`, ""},
		{every, `{"one":{"value":"a"}}`, "one.needed is required"},
	} {
		in, err := c.typ.decode([]byte(c.in), decodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = c.typ.checkRequired(in.document)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: got %v, want %q", c.in, err, c.wrong)
		}
	}
}

func TestManyElementsAreDistinct(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"texts":["va"`)
	for i := range 100 {
		in.WriteString(`,"v` + string(rune('a'+i%20)) + `"`)
	}
	in.WriteString(`]}`)
	got, err := everyType(t).decode([]byte(in.String()), decodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Texts []string }
	if err := json.Unmarshal([]byte(got.document.String()), &v); err != nil || len(v.Texts) != 20 {
		t.Errorf("got %d distinct values (%v), want 20: %s", len(v.Texts), err, got.document)
	}
}

// TestReferences: R-013, a reference is a URI, absolute or relative. What else a
// tolerated client sends is kept as it is.
func TestReferences(t *testing.T) {
	user := userType(t)
	for _, tt := range []struct {
		url  string
		isOK bool
	}{
		{"https://people.example/ada", true},
		{"../Users/7", true},
		{"urn:example:7", true},
		{"ada.png?size=1#x", true},
		{"%41", true},
		{"my page", false},
		{"http://[::1", false},
		{"%zz", false},
		{"https://münchen.example/", false},
		{`a\\b`, false},
		{"<a>", false},
	} {
		body := []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a","profileUrl":"` + tt.url + `"}`)
		if _, err := user.decode(body, decodeOptions{dialect: &dialect{strict: true}}); (err == nil) != tt.isOK || err != nil && !errors.Is(err, ErrInvalidValue) {
			t.Errorf("strict, %q: got %v, want it taken: %v", tt.url, err, tt.isOK)
		}
		d := &dialect{}
		if _, err := user.decode(body, decodeOptions{dialect: d}); err != nil || (len(d.rules()) == 0) != tt.isOK {
			t.Errorf("tolerant, %q: got %v and the rules %v, want it taken, by a rule unless it is a URI", tt.url, err, d.rules())
		}
	}
}

// TestCutOff: a body that ends anywhere before its end is invalid syntax, with
// a byte of another kind in its place too.
func TestCutOff(t *testing.T) {
	user, patch := userType(t), patchBody(`{"op":"add","path":"emails[type eq \"work\"].value","value":"a"}`, `{"op":"add","value":{"name.givenName":[{"value":"x"}]}}`)
	for _, c := range []struct {
		body string
		read func([]byte) error
	}{
		{entraUser, func(src []byte) error { _, err := user.decode(src, decodeOptions{}); return err }},
		{`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "members": [{"value": "a"}], "userName": "u"}`, func(src []byte) error { _, err := user.decode(src, decodeOptions{}); return err }},
		{patch, func(src []byte) error { _, err := user.ParsePatch(src); return err }},
	} {
		for n := range len(c.body) {
			if err := c.read([]byte(c.body[:n])); !errors.Is(err, ErrInvalidSyntax) {
				t.Errorf("%q: got %v, want invalid syntax", c.body[:n], err)
			}
			for _, b := range []byte("\x00\"\\{}[],:x1 \xff") {
				_ = c.read([]byte(c.body[:n] + string(b) + c.body[n+1:])) // must not panic
				_ = c.read([]byte(c.body[:n] + string(b)))
			}
		}
	}
}

// FuzzDecode: what is taken is valid JSON, is its own canonical form, has the
// client's values, and is never taken if encoding/json refuses it.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"schemas":["urn:example:2.0:Every"],"text":"a\u00e9","flag":"True","count":"5","ratio":1e-3,"texts":["a","b"],"many":[{"value":"x","primary":true,"n":1},{"value":"y","primary":true}]}`,
		`{"one":{"value":"v","note":"n"},"when":"2026-01-31T12:00:00+01:00","blob":"YQ","link":"http://x/","fixed":"f"}`,
		`{"schemas": [`,
		`{"many":{"value":""},"TEXT":[{"value":"w"}],"counts":[1,1,2],"secret":"s","unknown":[{}]}`,
	} {
		f.Add([]byte(s))
	}
	typ := everyType(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		in, err := typ.decode(src, decodeOptions{})
		if err != nil {
			if !errors.Is(err, ErrInvalidSyntax) && !errors.Is(err, ErrInvalidValue) {
				t.Fatalf("decode(%q): an error of no kind that is answered 400: %v", src, err)
			}
			return
		}
		if !json.Valid(src) {
			t.Fatalf("decode(%q) took what encoding/json refuses", src)
		}
		text := in.document.String()
		again, err := typ.decode([]byte(text), decodeOptions{})
		if err != nil || again.document.String() != text {
			t.Fatalf("decode(%q) = %s, which decodes to %s, %v", src, text, again.document, err)
		}
		read, err := ReadDocument(text)
		read.settle(typ.root)
		if err != nil || !cmp.Equal(read.spans, in.document.spans, cmp.AllowUnexported(span{})) {
			t.Fatalf("decode(%q) = %s: spans %v, read again %v (%v)", src, text, in.document.spans, read.spans, err)
		}
		type values struct {
			Text  any
			Exact any
			Texts any
		}
		var sent, got values
		if json.Unmarshal(src, &sent) != nil || json.Unmarshal([]byte(text), &got) != nil {
			t.Fatalf("decode(%q) = %s is no JSON", src, text)
		}
		if s, ok := sent.Text.(string); ok && s != "" && s != got.Text {
			t.Fatalf("text was %q and became %q", s, got.Text)
		}
		if s, ok := sent.Exact.(string); ok && s != "" && s != got.Exact {
			t.Fatalf("exact was %q and became %q", s, got.Exact)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	typ := userType(b)
	body := []byte(entraUser)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := typ.decode(body, decodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// entraUser is a user as Entra creates one, 1.3 KB.
const entraUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
	`"externalId":"2a69c9a6-1708-45b7-acbe-a7b4c8fb102a","userName":"Barbara.Jensen@Example.com","active":true,"displayName":"Barbara Jensen",` +
	`"title":"Senior Software Engineer","preferredLanguage":"en-US","nickName":"Babs","meta":{"resourceType":"User"},` +
	`"name":{"formatted":"Barbara Jensen","familyName":"Jensen","givenName":"Barbara"},` +
	`"emails":[{"type":"work","value":"barbara.jensen@example.com","primary":true}],` +
	`"addresses":[{"type":"work","formatted":"1 Main Street, Springfield, 01101, US","streetAddress":"1 Main Street","locality":"Springfield","region":"MA","postalCode":"01101","country":"US"}],` +
	`"phoneNumbers":[{"type":"work","value":"+1 425 555 0100"},{"type":"mobile","value":"+1 425 555 0101"}],"roles":[{"value":"reader","display":"Reader","primary":true}],` +
	`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","department":"Research and Development","costCenter":"CC-12","organization":"Contoso Ltd","division":"Engineering","manager":{"value":"48af03ac-28ad-4fb8-8478-000000000001"}}}`
