package idp

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func zoe() *source {
	return &source{user: &User{
		ID: "1", UserPrincipalName: "zoe.mueller@contoso.example", GivenName: "Zoë", Surname: "Müller-Ł", Country: "USA", Department: "Sales",
		BusinessPhones: []string{"+1 425", "+1 206"}, JobTitle: " Head of  R&D ",
		Extra: map[string]any{"extensionAttribute1": "ext", "level": json.Number("7"), "remote": true, "sites": []any{"Berlin", "Paris"}},
	}}
}

// TestExpressions follows Microsoft's reference; where it has an example of a
// function, that is among the rows.
func TestExpressions(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   any
	}{
		{"givenName", "Zoë"},
		{"[GivenName]", "Zoë"},
		{"objectId", "1"},
		{"telephoneNumber", []string{"+1 425", "+1 206"}},
		{"extensionAttribute1", "ext"},
		{"ExtensionAttribute1", nil}, // those have case
		{"[level]", json.Number("7")},
		{"remote", true},
		{"mail", nil},
		{`"Contoso \"Ltd\" \\"`, `Contoso "Ltd" \`},
		{`Append([userPrincipalName], ".test")`, "zoe.mueller@contoso.example.test"},
		{`Append([mail], ".test")`, nil},
		{`Coalesce([mail],[userPrincipalName])`, "zoe.mueller@contoso.example"},
		{`Coalesce([mail], "")`, ""},
		{`IIF([country]="USA",[country],[department])`, "USA"},
		{`IIF([country] <> "USA",[country],[department])`, "Sales"},
		{`IIF([level] >= 10, "high", "low")`, "low"}, // as numbers
		{`IIF([mail] = "", "none", "some")`, "some"}, // "the condition check fails"
		{`IIF([remote], "home", "office")`, "home"},
		{`IIF([country]="USA",IIF([department]="Sales","True","False"),"False")`, "True"},
		{`IsNull([mail])`, true},
		{`IsNullOrEmpty("")`, true},
		{`IsPresent([givenName])`, true},
		{`Item([sites], 2)`, "Paris"},
		{`Item([sites], 0)`, nil},
		{`Join(" ", [givenName], [surname])`, "Zoë Müller-Ł"},
		{`Join(" ", [givenName], [mail])`, "Zoë"},
		{`Join(";", [sites], "x")`, "Berlin;Paris;x"},
		{`Join(" ", [mail], [mail])`, nil},
		{`Left("John Doe", 3)`, "Joh"},
		{`Left([givenName], 3)`, "Zoë"}, // characters, not bytes
		{`Left("John", -1)`, "John"},
		{`Left([mail], 3)`, ""},
		{`Mid([surname], 1, 2)`, "Mü"},
		{`Mid("abc", 2, 9)`, "bc"},
		{`Mid("abc", 9, 1)`, ""},
		{`NormalizeDiacritics("Zoë Łukasz Øre straße İ e` + "\u0301" + ` 佐")`, "Zoe Lukasz OEre strasse I e 佐"},
		{`Not("True")`, "False"},
		{`Not([remote])`, "False"},
		{`Replace([department],"Sales", , , "Selling", , )`, "Selling"},
		{`StripSpaces([jobTitle])`, "HeadofR&D"},
		{`Switch([IsSoftDeleted], , "False", "True", "True", "False")`, "True"},
		{`Switch([country], [department], "usa", "x")`, "Sales"}, // case matters
		{`ToLower([givenName], "de-DE")`, "zoë"},
		{`toupper(ToLower([country]))`, "USA"},
		{`Trim([jobTitle])`, "Head of  R&D"},
	} {
		e, _, err := parseExpression(tt.source, userProperties)
		if err != nil {
			t.Errorf("%s: %v", tt.source, err)
			continue
		}
		if got := e(zoe()); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.source, got, tt.want)
		}
	}
}

func TestExpressionErrors(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{"", "it ends where a value should be"},
		{"[mail", "a property in brackets"},
		{"[given name]", `"given name" is no name`},
		{`"open`, "a constant with a quotation mark at its end"},
		{`Append([mail]`, "it ends where a comma or ) should be"},
		{`Append([mail])`, "Append with 1 arguments: want Append(source, suffix)"},
		{`Frobnicate([mail])`, "there is no function Frobnicate; there are AppRoleAssignmentsComplex, Append"},
		{`[mail] [mail]`, "at character 8, want the end"},
		{`mail + 1`, "at character 1, want [property]"},
		{`Switch([mail], , "a", "b", "c")`, "want Switch(source, default, key1"},
		{`Replace([mail], , "[a-z]+", , "", , )`, "want Replace(source, oldValue, , , replacementValue, , )"},
		{`Append(SingleAppRoleAssignment([appRoleAssignments]), "x")`, "SingleAppRoleAssignment stands alone"},
		{`SingleAppRoleAssignment([mail])`, "SingleAppRoleAssignment stands alone"},
		{strings.Repeat("Not(", 60) + `"True"` + strings.Repeat(")", 60), "nested more than 50 deep"},
		{`"` + strings.Repeat("x", 10_000) + `"`, "Entra takes 10000"},
	} {
		_, _, err := parseExpression(tt.source, userProperties)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", clip(tt.source, 80), err, tt.want)
		}
	}
}

// FuzzExpression: whatever is written, it is refused, or computes something
// for everybody.
func FuzzExpression(f *testing.F) {
	for _, src := range []string{
		`Switch([IsSoftDeleted], , "False", "True", "True", "False")`, `Join(" ", [givenName], Left([surname], -3), "\"\\")`, `IIF([level]>=10,"a",Mid("é",1,99))`,
		`Replace([mail],"a", , ,"b", , )`, `Item([sites],-1)`, `((`, `Not(`, `[`, `"`, `a.b`, `AppRoleAssignmentsComplex([appRoleAssignments])`,
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, _, err := parseExpression(src, userProperties)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: the error has more than one line: %v", src, err)
			}
			return
		}
		for _, s := range []*source{zoe(), {user: new(User)}} {
			switch v := e(s).(type) {
			case nil, string, bool, json.Number, []string, roles:
			default:
				t.Errorf("%q: got a %T", src, v)
			}
		}
	})
}
