package peertest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/usherkit/scim"
)

// What the two parsers are known to disagree about. Should a difference go
// away, in either of them, its line goes too.
func TestKnownDifferences(t *testing.T) {
	const badge = "urn:example:params:scim:schemas:extension:badge:2.0:User:"
	const refused = "refused"
	user := userType(t)
	for _, c := range []struct {
		name, src    string
		ours, theirs string // canonical, or refused
		reason       string
	}{
		{
			"value path and sub-attribute", `emails[type eq "work"].value eq "a@b.c"`,
			`(some emails (and (eq emails.type "work") (eq emails.value "a@b.c")))`, refused,
			"Entra ID matches on e-mail so; RFC 7644's grammar has a sub-attribute after a value path in PATCH paths alone",
		},
		{
			"three terms in brackets", `emails[type eq "work" and primary eq true and value co "@"]`,
			`(some emails (and (eq emails.type "work") (eq emails.primary true) (co emails.value "@")))`, refused,
			"valFilter is recursive in RFC 7644 figure 1; filter-parser takes two terms",
		},
		{
			"group in brackets", `emails[(type eq "work" or type eq "home") and primary eq true]`,
			`(some emails (and (or (eq emails.type "work") (eq emails.type "home")) (eq emails.primary true)))`, refused,
			`valFilter = … / *1"not" "(" valFilter ")"`,
		},
		{
			"lower-case digits after \\u", `displayName eq "caf\u00e9"`,
			`(eq displayName "café")`, refused,
			"HEXDIG is case-insensitive (RFC 5234 §2.3, RFC 8259 §7)",
		},
		{
			"space around the filter", ` userName eq "x" `,
			`(eq userName "x")`, refused,
			"a + or two that a client wrote too many says nothing else",
		},
		{
			"value without quotes", `externalId eq jyoung`,
			`(eq externalId "jyoung")`, refused,
			"Microsoft's tutorial writes it so",
		},
		{
			"boolean in quotes", `active eq "True"`,
			`(eq active true)`, `(eq active True)`,
			"Entra ID's roles[primary eq \"True\"]; filter-parser knows no types and takes it as a string",
		},
		{
			"unknown attribute", `shoeSize eq "44"`,
			refused, refused,
			"filter-parser knows no schema: here its tree is refused when it is resolved",
		},
		{
			"operator without meaning for the type", `active co true`,
			refused, `(co active true)`,
			"RFC 7644 §3.4.2.2: co is for strings, gt not for booleans (invalidFilter)",
		},
		{
			"wrong type", badge + `level eq "high"`,
			refused, `(eq ` + badge + `level 0)`,
			"no value of the attribute could be compared with it",
		},
		{
			"integer that does not fit", badge + `level gt 9223372036854775808`,
			refused, `(gt ` + badge + `level -9.223372036854776e+18)`,
			"filter-parser wraps to the smallest integer",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := refused, refused
			if f, err := user.ParseFilter(c.src); err == nil {
				ours = canonical(f)
			} else if !errors.Is(err, scim.ErrInvalidFilter) && !errors.Is(err, scim.ErrInvalidPath) {
				t.Errorf("%s: %v is no ErrInvalidFilter", c.src, err)
			}
			if tree, err := parser.ParseFilter([]byte(c.src)); err == nil {
				if theirs, err = peerCanonical(user, "", tree); err != nil {
					theirs = refused
				}
			}
			if ours != c.ours || theirs != c.theirs {
				t.Errorf("%s\n (%s)\n got           %s\n want          %s\n filter-parser %s\n was           %s", c.src, c.reason, ours, c.ours, theirs, c.theirs)
			}
		})
	}

	t.Run("escapes", func(t *testing.T) { // filter-parser leaves them as they are, so its users must decode
		const src = `displayName eq "a\"b"`
		f, err := user.ParseFilter(src)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parser.ParseFilter([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.(scim.Compare).Value.String(); got != `a"b` {
			t.Errorf("got value %s, want a\"b", got)
		}
		if got := tree.(*parser.AttributeExpression).CompareValue; got != `a\"b` {
			t.Errorf("filter-parser's value is %s, was a\\\"b", got)
		}
	})

	t.Run("depth", func(t *testing.T) { // filter-parser has no bound: a long run of parentheses ends the process, so it sees none here
		src := strings.Repeat("(", 90_000) + `title pr` + strings.Repeat(")", 90_000)
		if _, err := user.ParseFilter(src); !errors.Is(err, scim.ErrInvalidFilter) {
			t.Errorf("got %v, want ErrInvalidFilter", err)
		}
	})
}

// The same for paths of PATCH.
func TestKnownDifferencesOfPaths(t *testing.T) {
	user := userType(t)
	for _, c := range []struct {
		name, src    string
		ours, theirs bool // accepted
		reason       string
	}{
		{"three terms in brackets", `emails[type eq "work" and primary eq true and value co "@"].display`, true, false, "as in filters"},
		{"group in brackets", `emails[(type eq "work" or type eq "home") and primary eq true]`, true, false, "as in filters"},
		{"lower-case digits after \\u", `emails[type eq "caf\u00e9"]`, true, false, "as in filters"},
		{"boolean in quotes", `roles[primary eq "True"].value`, true, true, "Entra ID; filter-parser takes it as a string, which no boolean equals"},
		{"unknown sub-attribute in brackets", `emails[colour eq "red"]`, false, true, "filter-parser knows no schema"},
		{"filter on one value", `name[givenName eq "Ada"]`, false, true, "there are no elements to choose from"},
		{"integer that does not fit", `emails[type eq 99999999999999999999]`, true, true, "filter-parser wraps it; to us it is text without quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			literal, err := json.Marshal(c.src)
			if err != nil {
				t.Fatal(err)
			}
			_, ours := user.ParsePatch([]byte(patchStart + `{"op":"remove","path":` + string(literal) + `}` + patchEnd))
			_, theirs := parser.ParsePath([]byte(c.src))
			if (ours == nil) != c.ours || (theirs == nil) != c.theirs {
				t.Errorf("%s\n (%s)\n got accepted %v (%v)\n want         %v\n filter-parser %v, was %v", c.src, c.reason, ours == nil, ours, c.ours, theirs, c.theirs)
			}
		})
	}

	t.Run("extension as a whole", func(t *testing.T) { // filter-parser takes the last part of the URI for an attribute
		p, err := user.Path(scim.EnterpriseUserSchemaURI)
		if err != nil || p.Attribute() != nil {
			t.Errorf("got %v, %v, want the extension", p, err)
		}
		parsed, err := parser.ParsePath([]byte(scim.EnterpriseUserSchemaURI))
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.AttributePath.AttributeName; got != "User" {
			t.Errorf("filter-parser's attribute is %q, was User", got)
		}
	})
}
