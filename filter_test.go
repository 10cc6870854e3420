package scim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// gadgetType has an attribute of every data type, and two extensions of which
// one's URI begins with the other's.
func gadgetType(t testing.TB) *ResourceType {
	t.Helper()
	typ, err := NewResourceType(TypeDefinition{
		Name: "Gadget", Endpoint: "Gadgets",
		Schema: &Schema{ID: "urn:example:Gadget", Attributes: []Attribute{
			{Name: "label"},
			{Name: "code", CaseExact: true, Uniqueness: UniqueServer},
			{Name: "count", Type: TypeInteger},
			{Name: "ratio", Type: TypeDecimal},
			{Name: "on", Type: TypeBoolean},
			{Name: "since", Type: TypeDateTime},
			{Name: "blob", Type: TypeBinary},
			{Name: "link", Type: TypeReference, ReferenceTypes: []string{"external"}},
			{Name: "tags", MultiValued: true},
			{Name: "sizes", Type: TypeInteger, MultiValued: true},
			{Name: "box", Type: TypeComplex, SubAttributes: []Attribute{
				{Name: "width", Type: TypeInteger}, {Name: "colour"}, {Name: "words", MultiValued: true},
			}},
			{Name: "ports", Type: TypeComplex, MultiValued: true, SubAttributes: []Attribute{
				{Name: "value"},
				{Name: "speed", Type: TypeInteger},
				{Name: "type"},
				{Name: "primary", Type: TypeBoolean},
				{Name: "key", Returned: ReturnedNever},
			}},
			{Name: "pin", Mutability: WriteOnly, Returned: ReturnedNever},
			{Name: "vault", Type: TypeComplex, Returned: ReturnedNever, SubAttributes: []Attribute{{Name: "value"}, {Name: "hint"}}},
		}},
		Extensions: []Extension{
			{Schema: &Schema{ID: "urn:example:Ext", Attributes: []Attribute{{Name: "shade"}, {Name: "label"}}}},
			{Schema: &Schema{ID: "urn:example:Ext:Deep", Attributes: []Attribute{{Name: "depth", Type: TypeInteger}, {Name: "shade"}}}},
		},
		Indexed: []string{"label", "tags", "ports", "count", "ratio", "since", "on", "blob", "link", "box.colour", "urn:example:Ext:shade"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func userAndGroupTypes(t testing.TB) (user, group *ResourceType) {
	t.Helper()
	user, err := UserType()
	if err != nil {
		t.Fatal(err)
	}
	group, err = GroupType()
	if err != nil {
		t.Fatal(err)
	}
	return user, group
}

const enterprise = EnterpriseUserSchemaURI

func TestParseFilter(t *testing.T) {
	user, group := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		name, reason string
		typ          *ResourceType
		in, want     string
	}{
		{"plain", "Entra's match query", user, `userName eq "bjensen"`, `userName eq "bjensen"`},
		{"any case", "R-143", user, `USERNAME Eq "Bjensen"`, `userName eq "Bjensen"`},
		{"present", "R-149", user, `title PR`, `title pr`},
		{"core URI", "R-165", user, `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, `userName sw "J"`},
		{"core URI in odd case", "R-168", user, `URN:IETF:params:scim:schemas:core:2.0:user:NAME.givenname sw "J"`, `name.givenName sw "J"`},
		{"extension", "E028", user, enterprise + `:employeeNumber eq "1"`, enterprise + `:employeeNumber eq "1"`},
		{"extension in odd case", "R-168", user, strings.ToUpper(enterprise) + `:EMPLOYEENUMBER eq "1"`, enterprise + `:employeeNumber eq "1"`},
		{"extension attribute without URI", "R-167", user, `employeeNumber eq "1"`, enterprise + `:employeeNumber eq "1"`},
		{"extension as a whole", "R-149", user, enterprise + ` pr`, enterprise + ` pr`},
		{"manager", "Entra's reference check (E033)", user, `id eq "U" and manager eq "M"`, `id eq "U" and ` + enterprise + `:manager.value eq "M"`},
		{"URI that begins with another's", "the longer one is meant", gadget, `urn:example:ext:deep:depth gt 2`, `urn:example:Ext:Deep:depth gt 2`},
		{"own attribute wins", "R-166", gadget, `label eq "x"`, `label eq "x"`},
		{"namesake in an extension", "R-167", gadget, `urn:example:Ext:label eq "x"`, `urn:example:Ext:label eq "x"`},

		{"complex means its value", "A-02; RFC 7644 §3.4.2.2 has such an example", user, `emails co "example.com"`, `emails.value co "example.com"`},
		{"members", "Entra's membership check (E131)", group, `id eq "G" and members eq "U"`, `id eq "G" and members.value eq "U"`},
		{"members in brackets", "the same question", group, `members[value eq "U"]`, `members.value eq "U"`},
		{"members by sub-attribute", "the same question", group, `members.value eq "U"`, `members.value eq "U"`},
		{"members and type", "one element", group, `members[value eq "U" and type eq "User"]`, `members[value eq "U" and type eq "User"]`},
		{"brackets around one condition", "they mean nothing", user, `emails[type eq "work"]`, `emails.type eq "work"`},
		{"brackets around pr", "they mean nothing", user, `emails[display pr]`, `emails.display pr`},
		{"brackets around ne", "some element is not, rather than none is", user, `emails[type ne "work"]`, `emails[type ne "work"]`},
		{"brackets around not", "as with ne", user, `emails[not (type eq "work")]`, `emails[not (type eq "work")]`},
		{"group in brackets", "EID 4690", user, `emails[(type eq "work" or type eq "home") and value co "@x"]`, `emails[(type eq "work" or type eq "home") and value co "@x"]`},
		{"three conditions in brackets", "peers refuse it", user, `emails[type eq "work" and primary eq true and value co "@x"]`, `emails[type eq "work" and primary eq true and value co "@x"]`},
		{"simple multi-valued", "R-156", gadget, `tags eq "a"`, `tags eq "a"`},
		{"simple multi-valued in brackets", "A-46", gadget, `tags[VALUE eq "a"]`, `tags eq "a"`},
		{"simple multi-valued, ne in brackets", "some element is not", gadget, `tags[value ne "a"]`, `tags[value ne "a"]`},
		{"simple multi-valued, two conditions", "on one element", gadget, `sizes[value gt 1 and value lt 9]`, `sizes[value gt 1 and value lt 9]`},
		{"brackets on a single-valued attribute", "it is the element", gadget, `box[width gt 1 and colour eq "red"]`, `box[width gt 1 and colour eq "red"]`},

		{"value path", "Entra's match by e-mail (E026)", user, `emails[type eq "work"].value eq "x@y.z"`, `emails[type eq "work" and value eq "x@y.z"]`},
		{"value path without sub-attribute", "Entra's before 2022 (E027)", user, `emails[type eq "work"] eq "x@y.z"`, `emails[type eq "work" and value eq "x@y.z"]`},
		{"value path, pr", "A-03", user, `emails[type eq "work"].display pr`, `emails[type eq "work" and display pr]`},
		{"value path, pr of the element", "there is one", user, `emails[type eq "work"] pr`, `emails.type eq "work"`},
		{"value path, ne", "A-03: inside of the brackets", user, `emails[type eq "work"].value ne "x"`, `emails[type eq "work" and value ne "x"]`},
		{"value path, null", "A-05", user, `emails[type eq "work"].display eq null`, `emails[type eq "work" and not (display pr)]`},
		{"value path around or", "parentheses are needed", user, `emails[type eq "work" or type eq "home"].value eq "x"`, `emails[(type eq "work" or type eq "home") and value eq "x"]`},
		{"value path in a chain", "and goes on", user, `emails[type eq "work"].value eq "x" and active eq true`, `emails[type eq "work" and value eq "x"] and active eq true`},
		{"value path before or", "or is no operator", user, `emails[type eq "work"] or active eq true`, `emails.type eq "work" or active eq true`},
		{"value path on a simple attribute", "the element itself", gadget, `sizes[value gt 1] lt 9`, `sizes[value gt 1 and value lt 9]`},
		{"value path on a simple attribute, named", "value is the element", gadget, `sizes[value gt 1].value lt 9`, `sizes[value gt 1 and value lt 9]`},
		{"role", "Entra's roles[primary eq \"True\"]", user, `roles[primary eq "True"].value eq "admin"`, `roles[primary eq true and value eq "admin"]`},

		{"precedence", "R-154: and binds tighter than or", user, `title pr or userName pr and active eq true`, `title pr or userName pr and active eq true`},
		{"parentheses", "R-154", user, `(title pr or userName pr) and active eq true`, `(title pr or userName pr) and active eq true`},
		{"needless parentheses", "they vanish", user, `((title pr) and ((userName pr) and (active eq true)))`, `title pr and userName pr and active eq true`},
		{"needless parentheses around and", "they vanish", user, `(title pr and userName pr) or active eq true`, `title pr and userName pr or active eq true`},
		{"not", "R-153", user, `not (title pr)`, `not (title pr)`},
		{"not without space", "EID 7319", user, `NOT(title pr) and userName pr`, `not (title pr) and userName pr`},
		{"not binds tightest", "R-154", user, `not (title pr) or userName pr`, `not (title pr) or userName pr`},
		{"not of not", "it stays", user, `not (not (title pr or userName pr))`, `not (not (title pr or userName pr))`},
		{"spaces", "clients pad", user, "  userName  eq   \"x\"  AND  ( title  pr )  ", `userName eq "x" and title pr`},

		{"null", "A-05: eq null is not pr", user, `title eq null`, `not (title pr)`},
		{"not null", "A-05: ne null is pr", user, `title ne null`, `title pr`},
		{"after null", "A-05: nothing is", user, `title gt null`, `title pr and not (title pr)`},
		{"empty string", "A-05: no attribute is empty", user, `title eq ""`, `not (title pr)`},
		{"not the empty string", "A-05", user, `title ne ""`, `title pr`},
		{"contains the empty string", "as every string does", user, `title co ""`, `title co ""`},
		{"quoted null", "a word like others", user, `title eq "null"`, `title eq "null"`},

		{"boolean", "R-158", user, `active eq true`, `active eq true`},
		{"boolean in quotes", "A-06: Entra", user, `active eq "True"`, `active eq true`},
		{"boolean with a capital", "A-06", user, `active eq False`, `active eq false`},
		{"integer", "R-150", gadget, `count ge -12`, `count ge -12`},
		{"integer in quotes", "Entra sends each matching value in quotes", gadget, `count eq "5"`, `count eq 5`},
		{"largest integer", "no rounding", gadget, `count lt 9223372036854775807`, `count lt 9223372036854775807`},
		{"decimal", "one spelling", gadget, `ratio gt 150e-2`, `ratio gt 1.5`},
		{"decimal of an integer", "RFC 7643 §2.3.3", gadget, `ratio gt 2`, `ratio gt 2.0`},
		{"time", "R-150", user, `meta.lastModified gt "2011-05-13T04:42:34Z"`, `meta.lastModified gt "2011-05-13T04:42:34Z"`},
		{"time with a zone", "one instant, one spelling", gadget, `since le "2011-05-13T04:42:34.50+02:00"`, `since le "2011-05-13T02:42:34.5Z"`},
		{"time without a zone", "A-31: UTC", gadget, `since le "2011-05-13T04:42:34"`, `since le "2011-05-13T04:42:34Z"`},
		{"time without quotes", "A-06", gadget, `since le 2011-05-13T04:42:34Z`, `since le "2011-05-13T04:42:34Z"`},
		{"binary", "of either alphabet", gadget, `blob eq "-_8"`, `blob eq "+/8="`},
		{"reference", "A-07", gadget, `link sw "https://"`, `link sw "https://"`},
		{"without quotes", "Microsoft's tutorial (E030)", user, `externalId eq jyoung`, `externalId eq "jyoung"`},
		{"without quotes, before a parenthesis", "the word ends", user, `(externalId eq j.young@x.y)`, `externalId eq "j.young@x.y"`},
		{"without quotes, before a bracket", "the word ends", user, `emails[type eq work].value eq a+b@x`, `emails[type eq "work" and value eq "a+b@x"]`},
		{"number for a string", "A-06", user, `externalId eq 12 or externalId eq true`, `externalId eq "12" or externalId eq "true"`},
		{"words of the grammar as values", "there is only one reading", user, `title eq and and title eq not`, `title eq "and" and title eq "not"`},
		{"schemas", "R-160", user, `schemas eq "` + enterprise + `"`, `schemas eq "` + enterprise + `"`},
		{"resource type", "of meta", user, `meta.resourceType eq "User"`, `meta.resourceType eq "User"`},
		{"groups", "of a user", user, `groups eq "7" or groups.display eq "Sales" or groups[type eq direct]`, `groups.value eq "7" or groups.display eq "Sales" or groups.type eq "direct"`},

		{"escapes", "R-158", user, `title eq "\"\\\/\b\f\n\r\t"`, `title eq "\"\\/\b\f\n\r\t"`},
		{"hexadecimal escapes", "in either case: peers take one", user, `title eq "\u00e9\u00E9\u20AC"`, `title eq "éé€"`},
		{"surrogate pair", "R-158", user, `title eq "\ud83d\uDE00"`, `title eq "😀"`},
		{"special characters", "E031", user, `userName eq "O'Hara+a&b#c"`, `userName eq "O'Hara+a&b#c"`},
		{"brackets in a string", "they end nothing", user, `userName eq ") ] and ("`, `userName eq ") ] and ("`},
		{"backslash without quotes", "a Windows account", user, `userName eq CORP\jo`, `userName eq "CORP\\jo"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := tt.typ.ParseFilter(tt.in)
			if err != nil {
				t.Fatalf("%s: %v (%s)", tt.in, err, tt.reason)
			}
			if got := f.String(); got != tt.want {
				t.Errorf("%s:\n got %s\nwant %s (%s)", tt.in, got, tt.want, tt.reason)
			}
			again, err := tt.typ.ParseFilter(f.String())
			if err != nil || !equalFilters(f, again) {
				t.Errorf("%s: parsed again: %#v, %v\nwant %#v", f, again, err, f)
			}
			strict, err := tt.typ.parseFilter(f.String(), &dialect{strict: true})
			if err != nil || !equalFilters(f, strict) {
				t.Errorf("%s: not what the RFC allows: %v", f, err)
			}
		})
	}
}

func TestParseFilterRefuses(t *testing.T) {
	user, group := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		name, reason string
		typ          *ResourceType
		in, detail   string
	}{
		{"empty", "R-142", user, ``, "character 1: expected an attribute, found the end"},
		{"spaces", "R-142", user, `  `, "expected an attribute"},
		{"unknown attribute", "R-348: and say which", user, `userName eq "x" and foo eq "y"`, `character 21: User has no attribute "foo"`},
		{"sub-attribute alone", "say where it is", user, `givenName eq "x"`, `User has no attribute "givenName"; did you mean name.givenName?`},
		{"singular", "say what there is", user, `email eq "x"`, `did you mean emails?`},
		{"wrong URI", "say what there is", user, `urn:x:employeeNumber eq "x"`, `did you mean ` + enterprise + `:employeeNumber?`},
		{"unknown sub-attribute", "say which there are", user, `emails[kind eq "x"]`, `emails has no sub-attribute "kind" (it has value, display, type, primary)`},
		{"foreign attribute in brackets", "R-155", user, `emails[userName eq "x"]`, `emails has no sub-attribute "userName"`},
		{"two extensions have it", "R-167", gadget, `shade eq "x"`, `Gadget has no attribute "shade"`},
		{"sub-attribute of a simple one", "there is none", user, `userName.value eq "x"`, `no attribute "userName.value"`},
		{"three names", "sub-attributes are simple", user, `name.givenName.x eq "x"`, `no attribute`},
		{"core URI alone", "it names no attribute", user, UserSchemaURI + ` eq "x"`, `no attribute`},

		{"no operator", "R-142", user, `userName`, "expected eq, ne, co, sw, ew, gt, ge, lt, le or pr after userName, found the end"},
		{"unknown operator", "R-144", user, `userName is "x"`, `character 10: expected eq, ne, co, sw, ew, gt, ge, lt, le or pr after userName, found "is"`},
		{"regular expression", "R-144", user, `userName re "x"`, `found "re"`},
		{"equals sign", "R-144", user, `userName = "x"`, `found "="`},
		{"no value", "R-142", user, `userName eq`, "character 12: expected a value, found the end"},
		{"no value after a space", "R-142", user, `userName eq `, "expected a value, found the end"},
		{"value after pr", "R-142", user, `userName pr "x"`, `expected and, or, or the end, found "\"x\""`},
		{"value first", "R-142", user, `"x" eq userName`, "expected an attribute"},
		{"dangling and", "R-142", user, `title pr and`, "expected an attribute, found the end"},
		{"dangling or", "R-142", user, `title pr or `, "expected an attribute, found the end"},
		{"no connective", "R-142", user, `title pr userName pr`, `expected and, or, or the end, found "userName"`},
		{"unknown connective", "R-142", user, `title pr xor userName pr`, `found "xor"`},
		{"connective glued to its operand", "another word", user, `title pr andtitle pr`, `found "andtitle"`},
		{"no space around or", "the grammar", user, `(title pr)or(userName pr)`, `expected and, or, or the end, found "or(userName"`},
		{"no space after and", "the grammar", user, `title pr and(userName pr)`, `found "and(userName"`},
		{"no space before and", "the grammar", user, `title eq "x"and userName pr`, `found "and"`},
		{"no space before the value", "the grammar", user, `title eq"x"`, `expected a space and a value after eq, found "\"x\""`},
		{"tab", "the grammar", user, "title\tpr", `no attribute "title\tpr"`},
		{"space before the bracket", "the grammar", user, `emails [type eq "work"]`, `expected eq, ne, co, sw, ew, gt, ge, lt, le or pr after emails, found "[type"`},
		{"unclosed parenthesis", "R-145", user, `(title pr`, `expected and, or, or ")", found the end`},
		{"stray parenthesis", "R-145", user, `title pr)`, `expected and, or, or the end, found ")"`},
		{"unclosed bracket", "R-145", user, `emails[type eq "work"`, `expected and, or, or "]", found the end`},
		{"crossed brackets", "R-145", user, `(emails[type eq "work")]`, `expected and, or, or "]", found ")]"`},
		{"empty parentheses", "R-142", user, `()`, "expected an attribute"},
		{"empty brackets", "R-142", user, `emails[]`, "expected an attribute"},
		{"not without parentheses", "the grammar", user, `not title pr`, "character 1: not wants parentheses"},
		{"nested brackets", "EID 4690", user, `emails[value[type eq "x"] eq "y"]`, "cannot be nested"},
		{"brackets on a simple attribute", "there are no elements", user, `userName[value eq "x"]`, "userName takes no condition in brackets"},
		{"brackets on a sub-attribute", "the grammar", user, `name.givenName[value eq "x"]`, "takes no condition in brackets"},
		{"brackets on meta", "it has no elements", user, `meta[version eq "x"]`, "takes no condition in brackets"},
		{"brackets on an extension", "it is no attribute", user, enterprise + `[employeeNumber eq "x"]`, "takes no condition in brackets"},
		{"other name than value", "A-46", gadget, `tags[foo eq "x"]`, `tags has no sub-attribute "foo" (its elements are called value)`},
		{"unknown sub-attribute after brackets", "A-03", user, `emails[type eq "work"].foo eq "x"`, `emails has no sub-attribute "foo"`},
		{"nothing after the dot", "A-03", user, `emails[type eq "work"]. eq "x"`, `emails has no sub-attribute ""`},
		{"no condition after the sub-attribute", "A-03", user, `emails[type eq "work"].value`, `expected eq`},

		{"complex without value", "A-02: say what to name", user, `name eq "x"`, "name is complex: name a sub-attribute (it has formatted, familyName,"},
		{"extension compared", "it has no value", user, enterprise + ` eq "x"`, "can only be tested with pr"},
		{"order of booleans", "R-151", user, `active gt true`, "active, of type boolean, cannot be compared with gt"},
		{"order of binaries", "R-151", gadget, `blob lt "AA=="`, "cannot be compared with lt"},
		{"substring of a number", "A-07", gadget, `count co 1`, "count, of type integer, cannot be compared with co"},
		{"substring of a time", "A-07", user, `meta.created sw "2011"`, "of type dateTime, cannot be compared with sw"},
		{"substring of a boolean", "A-07", user, `active sw "t"`, "cannot be compared with sw"},
		{"version", "the groups a user is shown with are in it", user, `meta.version eq "3"`, "it is for the headers If-Match"},
		{"word for a boolean", "A-06", user, `active eq "yes"`, `active: expected true or false, found "yes"`},
		{"number for a boolean", "A-06", user, `active eq 1`, "expected true or false, found 1"},
		{"word for an integer", "A-06", gadget, `count eq "five"`, `expected an integer, found "five"`},
		{"fraction for an integer", "A-06", gadget, `count eq 1.5`, "expected an integer"},
		{"integer out of range", "peers wrap around", gadget, `count eq 9223372036854775808`, "within range"},
		{"decimal out of range", "it would be infinite", gadget, `ratio eq 1e999`, "within range"},
		{"leading zero", "R-158: JSON numbers", gadget, `count eq 05`, "expected an integer"},
		{"plus sign", "R-158: JSON numbers", gadget, `count eq +5`, "expected an integer"},
		{"bare date", "RFC 7643 §2.3.5", gadget, `since gt "2011-05-13"`, "expected a date and time such as"},
		{"year 10000 in UTC", "it has no canonical form", gadget, `since gt "9999-12-31T23:59:59-23:59"`, "expected a date and time such as"},
		{"year -1 in UTC", "it has no canonical form", gadget, `since gt "0000-01-01T00:00:00+23:59"`, "expected a date and time such as"},
		{"no base64", "RFC 7643 §2.3.6", gadget, `blob eq "!"`, "expected a string in base64"},

		{"location", "it depends on the request", user, `meta.location eq "https://x/Users/1"`, "meta.location cannot be used in a filter"},
		{"member reference", "it depends on the request", group, `members[$ref eq "https://x/Users/1"]`, "members.$ref cannot be used in a filter"},
		{"manager reference", "it depends on the request", user, `manager.$ref pr`, "manager.$ref cannot be used in a filter"},
		{"write-only", "it is never shown", gadget, `pin eq "1234"`, "pin cannot be used in a filter: it is never returned"},
		{"write-only, pr", "it is never shown", gadget, `pin pr`, "pin cannot be used in a filter"},
		{"never returned", "it is never shown", gadget, `ports[key sw "a"]`, "ports.key cannot be used in a filter"},
		{"in what is never returned", "it is never shown", gadget, `vault.hint co "a"`, "vault.hint cannot be used in a filter"},
		{"value of what is never returned", "it is never shown", gadget, `vault eq "a"`, "vault.value cannot be used in a filter"},

		{"unclosed string", "R-158", user, `userName eq "x`, "string without an end"},
		{"string that ends with a backslash", "R-158", user, `userName eq "x\`, "string without an end"},
		{"string that ends with an escaped quote", "R-158", user, `userName eq "x\"`, "string without an end"},
		{"unknown escape", "R-158", user, `userName eq "\x"`, "no JSON string"},
		{"lone surrogate", "R-158", user, `userName eq "\ud83d"`, "no JSON string"},
		{"swapped surrogates", "R-158", user, `userName eq "\ude00\ud83d"`, "no JSON string"},
		{"NUL escape", "no value has one", user, `userName eq "\u0000"`, "no JSON string"},
		{"NUL", "no value has one", user, "userName eq \"\x00\"", "NUL"},
		{"control character", "R-158", user, "userName eq \"\n\"", "no JSON string"},
		{"invalid UTF-8", "R-158", user, "userName eq \"\xff\"", "invalid UTF-8"},
		{"single quotes", "they would be part of the value", user, `userName eq 'x'`, "expected a string in double quotes"},
		{"quote inside of a word", "half a string", user, `userName eq x"y`, "unexpected '\"'"},
		{"list", "no literal", user, `userName eq ["x"]`, "unexpected '['"},

		{"too long", "A-13", user, `userName eq "` + strings.Repeat("x", maxFilterBytes) + `"`, "longer than"},
		{"too deep", "A-13", user, strings.Repeat("(", 65) + "title pr" + strings.Repeat(")", 65), "character 65: nested deeper than 64"},
		{"too many nots", "A-13", user, strings.Repeat("not (", 65) + "title pr" + strings.Repeat(")", 65), "nested deeper than 64"},
		{"90,000 parentheses", "they kill a peer's process", user, strings.Repeat("(", 90000), "nested deeper than 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := tt.typ.ParseFilter(tt.in)
			checkRefusal(t, f, err, tt.detail, tt.reason)
		})
	}
}

func checkRefusal(t *testing.T, f Filter, err error, detail, reason string) {
	t.Helper()
	var e *Error
	switch {
	case f != nil || !errors.As(err, &e) || !errors.Is(err, ErrInvalidFilter):
		t.Errorf("got %v, %v, want ErrInvalidFilter (%s)", f, err, reason)
	case !strings.Contains(e.Detail, detail):
		t.Errorf("detail %q, want %q in it (%s)", e.Detail, detail, reason)
	case len(e.Detail) > 1000 || !utf8.ValidString(e.Detail):
		t.Errorf("detail is unfit for an answer: %q", e.Detail)
	}
}

func TestParseFilterDepth(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	f, err := user.ParseFilter(strings.Repeat("( ", 64) + "title pr" + strings.Repeat(")", 64))
	if err != nil || f.String() != "title pr" {
		t.Errorf("64 parentheses: got %v, %v, want title pr", f, err)
	}
	long := strings.Repeat("title pr and ", 4000) + "title pr"
	if f, err := user.ParseFilter(long); err != nil || f.String() != long {
		t.Errorf("4001 conditions: got %v", err)
	}
}

// TestParseFilterStrict holds each tolerance against a strict client, and its
// name against what the log would say.
func TestParseFilterStrict(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	gadget := gadgetType(t)
	tests := []struct {
		typ    *ResourceType
		in     string
		rule   rule
		detail string
	}{
		{user, `emails[type eq "work"].value eq "x"`, ruleValuePathFilter, "expected and, or, or the end after the brackets"},
		{user, `emails[type eq "work"] eq "x"`, ruleValuePathFilter, "expected and, or, or the end after the brackets"},
		{user, `userName eq x`, ruleUnquoted, "expected a string in double quotes, found x"},
		{user, `userName eq 5`, ruleUnquoted, "expected a string in double quotes, found 5"},
		{user, `userName eq true`, ruleUnquoted, "expected a string in double quotes, found true"},
		{gadget, `since gt 2011-05-13T04:42:34Z`, ruleUnquoted, "in double quotes"},
		{user, `active eq "true"`, ruleFilterBoolean, "expected true or false"},
		{user, `active eq TRUE`, ruleFilterBoolean, "expected true or false"},
		{gadget, `count eq "5"`, ruleStringNumber, "expected an integer"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			f, err := tt.typ.parseFilter(tt.in, &dialect{strict: true})
			checkRefusal(t, f, err, tt.detail, "a strict client is granted nothing")
			var d dialect
			if _, err := tt.typ.parseFilter(tt.in, &d); err != nil || !slices.Equal(d.rules(), []string{tt.rule.String()}) {
				t.Errorf("rules %v, %v, want %v", d.rules(), err, tt.rule)
			}
		})
	}
	var d dialect
	if _, err := user.parseFilter(`userName eq "x" and (active eq true or title eq null)`, &d); err != nil || d.fired != 0 {
		t.Errorf("a filter by the book: rules %v, %v, want none", d.rules(), err)
	}
}

func TestOperand(t *testing.T) {
	gadget := gadgetType(t)
	operand := func(src string) Operand {
		t.Helper()
		f, err := gadget.ParseFilter(src)
		if err != nil {
			t.Fatal(err)
		}
		return f.(Compare).Value
	}
	for _, tt := range []struct {
		src       string
		typ       DataType
		text, key string
	}{
		{`label eq "Straße"`, TypeString, "Straße", "strasse"},
		{`code eq "Straße"`, TypeString, "Straße", "Straße"},
		{`id eq "Ab"`, TypeString, "Ab", "Ab"},
		{`link eq "http://X/"`, TypeReference, "http://X/", "http://X/"},
		{`on eq "TRUE"`, TypeBoolean, "true", "true"},
		{`count eq -0`, TypeInteger, "0", "8000000000000000"},
		{`ratio eq 0.10`, TypeDecimal, "0.1", "bfb999999999999a"},
		{`since eq "2011-05-13T04:42:34+01:00"`, TypeDateTime, "2011-05-13T03:42:34Z", "2011-05-13T03:42:34.000000000"},
		{`blob eq "AA"`, TypeBinary, "AA==", "AA=="},
		{`label eq "` + strings.Repeat("É", 101) + `"`, TypeString, strings.Repeat("É", 101), strings.Repeat("é", 100) + "96cbf977549895b3277e0ab79c97a946"},
		{`id eq "` + strings.Repeat("É", 101) + `"`, TypeString, strings.Repeat("É", 101), strings.Repeat("É", 101)},
	} {
		if o := operand(tt.src); o.Type() != tt.typ || o.String() != tt.text || o.Key() != tt.key {
			t.Errorf("%s: got %s %q with key %q, want %s %q with key %q", tt.src, o.Type(), o, o.Key(), tt.typ, tt.text, tt.key)
		}
	}
	if !operand(`on eq true`).Bool() || operand(`on eq false`).Bool() {
		t.Error("Bool: want true of true alone")
	}
	if got := operand(`count eq 12`).Float() + operand(`ratio eq -1.5`).Float(); got != 10.5 {
		t.Errorf("Float: got a sum of %v, want 10.5", got)
	}
	if got, want := operand(`since eq "2011-05-13T04:42:34+01:00"`).Time(), time.Date(2011, 5, 13, 3, 42, 34, 0, time.UTC); got != want {
		t.Errorf("Time: got %v, want %v", got, want)
	}
}

// Printing a filter and parsing the text gives an equal filter, whatever the
// filter.
func TestFilterPrintsAndParses(t *testing.T) {
	user, group := userAndGroupTypes(t)
	for _, typ := range []*ResourceType{user, group, gadgetType(t)} {
		g := filterGenerator{typ: typ, Rand: rand.New(rand.NewPCG(1, 2))}
		for range 1000 {
			f := g.filter(5, nil)
			text := f.String()
			got, err := typ.parseFilter(text, &dialect{strict: true})
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if !equalFilters(got, f) {
				t.Fatalf("%s:\n got %#v\nwant %#v", text, got, f)
			}
		}
	}
}

// A filterGenerator makes random filters of the form that parsing gives.
type filterGenerator struct {
	typ *ResourceType
	*rand.Rand
	documentOnly bool // only attributes of the Document
}

func (g filterGenerator) filter(depth int, within *node) Filter {
	if depth == 0 {
		return g.leaf(within)
	}
	switch g.IntN(6) {
	case 0:
		var all And
		for range 2 + g.IntN(3) {
			all = appendAnd(all, g.filter(depth-1, within))
		}
		return all
	case 1:
		var some Or
		for range 2 + g.IntN(3) {
			some = appendOr(some, g.filter(depth-1, within))
		}
		return some
	case 2:
		return Not{g.filter(depth-1, within)}
	case 3:
		if within == nil {
			for _, n := range g.typ.root.children {
				if n.kind == kindExtension || n.kind != kindComplex && !n.multi || n.place == inSchemas || n.place == inMeta || n.unfilterable() != "" || g.IntN(3) > 0 {
					continue
				}
				return someOf(n, g.filter(depth-1, n))
			}
		}
	}
	return g.leaf(within)
}

func (g filterGenerator) leaf(within *node) Filter {
	var all []*node
	for n := range g.typ.root.all {
		if n.unfilterable() == "" && !n.freeType && (!g.documentOnly || n.place == inDocument) && (within == nil || n.parent == within || n == within && n.kind != kindComplex) {
			all = append(all, n)
		}
	}
	n := all[g.IntN(len(all))]
	if n.kind == kindComplex || n.kind == kindExtension || g.IntN(5) == 0 {
		return Present{Path{n}}
	}
	ops := []Operator{Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le}
	switch {
	case n.kind == kindBoolean, n.kind == kindBinary:
		ops = ops[:2]
	case n.kind != kindString && n.kind != kindReference:
		ops = append(ops[:2:2], ops[5:]...)
	}
	v, expected := operandOf(n, g.value(n), n.kind != kindBoolean && n.kind != kindInteger && n.kind != kindDecimal, nil)
	if expected != "" {
		panic(expected)
	}
	return Compare{Path{n}, ops[g.IntN(len(ops))], v}
}

// value makes the text of a value of the attribute's type, never empty.
func (g filterGenerator) value(n *node) string {
	switch n.kind {
	case kindBoolean:
		return fmt.Sprint(g.IntN(2) == 0)
	case kindInteger:
		return fmt.Sprint(int64(g.Uint64()) >> g.IntN(64))
	case kindDecimal:
		return fmt.Sprint(g.NormFloat64())
	case kindDateTime:
		return time.UnixMilli(g.Int64N(4e12)).UTC().Format(time.RFC3339Nano)
	case kindBinary:
		return []string{"AA==", "+/8=", "Zm9v"}[g.IntN(3)]
	}
	return g.text()
}

// text makes a short string out of characters that are hard to print or to
// compare.
func (g filterGenerator) text() string {
	const hard = "aAbBkKsSiI \t\n\r\b\f\"\\/'()[].:$\x01\x7f<>&+%éÉßẞſıİKÅΑαΣσςᾴ̧ͅΐ中文\u2028😀\U0010ffff"
	runes := []rune(hard)
	var s strings.Builder
	for range 1 + g.IntN(6) {
		s.WriteRune(runes[g.IntN(len(runes))])
	}
	return s.String()
}

// equalFilters is deep equality in which Paths are compared with ==.
func equalFilters(a, b Filter) bool {
	switch a := a.(type) {
	case And:
		b, ok := b.(And)
		return ok && slices.EqualFunc(a, b, equalFilters)
	case Or:
		b, ok := b.(Or)
		return ok && slices.EqualFunc(a, b, equalFilters)
	case Not:
		b, ok := b.(Not)
		return ok && equalFilters(a.Filter, b.Filter)
	case Some:
		b, ok := b.(Some)
		return ok && a.Path == b.Path && equalFilters(a.Filter, b.Filter)
	}
	return a == b
}

var filterBenchmarks = []struct{ name, src string }{
	{"UserName", `userName eq "bjensen@example.com"`},
	{"ExternalID", `externalId eq "2a69c9a6-1708-45b7-acbe-a7b4c8fb102a"`},
	{"Capitals", `USERNAME EQ "BJensen@Example.com"`},
	{"Extension", enterprise + `:department eq "sales"`},
	{"EntraEmail", `emails[type eq "work"].value eq "bjensen@example.com"`},
	{"Brackets", `emails[type eq "work" and value co "@x"] and not (active eq false)`},
	{"Hundred", strings.Repeat(`title eq "engineer" or `, 99) + `title pr`},
}

func BenchmarkParseFilter(b *testing.B) {
	user, _ := userAndGroupTypes(b)
	for _, bb := range filterBenchmarks {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := user.ParseFilter(bb.src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The look-up that precedes every write of Entra's costs next to nothing.
func TestParseFilterAllocations(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	if got := testing.AllocsPerRun(100, func() { _, _ = user.ParseFilter(`userName eq "bjensen@example.com"`) }); got > 4 {
		t.Errorf("got %v allocations, want at most 4", got)
	}
}
