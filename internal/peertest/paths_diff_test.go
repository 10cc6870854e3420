package peertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/usherkit/scim"
)

// Paths are compared by what they do: a PATCH that removes the path is applied
// by the library, and beside it the path's tree from filter-parser is carried
// out on the same user as plain maps. Whatever one of them understands
// differently leaves another user behind.

// user is a user as encoding/json reads it.
type user = map[string]any

// fold finds the member whose name is name in any case.
func fold(m map[string]any, name string) (key string, value any) {
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return k, v
		}
	}
	return name, nil
}

// matches evaluates filter-parser's tree on an element.
func matches(e parser.Expression, element map[string]any) bool {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		if e.Operator == parser.AND {
			return matches(e.Left, element) && matches(e.Right, element)
		}
		return matches(e.Left, element) || matches(e.Right, element)
	case *parser.NotExpression:
		return !matches(e.Expression, element)
	case *parser.AttributeExpression:
		_, has := fold(element, e.AttributePath.String())
		if e.Operator == parser.PR {
			return has != nil
		}
		got, ok := has.(string)
		want, text := e.CompareValue.(string)
		if !text {
			return (has == e.CompareValue) == (e.Operator == parser.EQ)
		}
		got, want = strings.ToLower(got), strings.ToLower(want)
		switch e.Operator {
		case parser.EQ:
			return ok && got == want
		case parser.NE:
			return !ok || got != want
		case parser.CO:
			return ok && strings.Contains(got, want)
		case parser.SW:
			return ok && strings.HasPrefix(got, want)
		case parser.EW:
			return ok && strings.HasSuffix(got, want)
		}
	}
	panic(fmt.Sprintf("the generator makes no %v", e))
}

// removeParsed carries out the removal of a path, and reports whether it names
// an attribute that there can be.
func removeParsed(t *scim.ResourceType, u user, p parser.Path) bool {
	in := u
	def := t.Definition()
	attributes := def.Schema.Attributes
	if uri := p.AttributePath.URI(); uri != "" && !strings.EqualFold(uri, def.Schema.ID) {
		at := slices.IndexFunc(def.Extensions, func(e scim.Extension) bool { return strings.EqualFold(uri, e.Schema.ID) })
		if at < 0 {
			return false
		}
		attributes = def.Extensions[at].Schema.Attributes
		uri, _ = fold(u, uri)
		extension, _ := u[uri].(map[string]any)
		defer func() { // an extension that has lost everything is none
			if len(extension) == 0 {
				delete(u, uri)
			}
		}()
		in = extension
	}
	at := slices.IndexFunc(attributes, func(a scim.Attribute) bool { return strings.EqualFold(a.Name, p.AttributePath.AttributeName) })
	if at < 0 {
		return false
	}
	a := attributes[at]
	sub := p.AttributePath.SubAttributeName() + p.SubAttributeName()
	if sub != "" && a.SubAttribute(sub) == nil {
		return false
	}
	name, value := fold(in, a.Name)
	switch value := value.(type) {
	case map[string]any:
		if sub == "" {
			delete(in, name)
			break
		}
		sub, _ = fold(value, sub)
		if delete(value, sub); len(value) == 0 {
			delete(in, name)
		}
	case []any:
		var kept []any
		for _, e := range value {
			element := e.(map[string]any)
			if p.ValueExpression == nil || matches(p.ValueExpression, element) {
				if sub == "" {
					continue
				}
				key, _ := fold(element, sub)
				delete(element, key)
			}
			kept = append(kept, element)
		}
		if in[name] = kept; len(kept) == 0 {
			delete(in, name)
		}
	default:
		delete(in, name)
	}
	return true
}

// comparePaths reports whether both understand the path, and fails if they do
// different things then.
func comparePaths(tb testing.TB, t *scim.ResourceType, before user, src string) (both bool) {
	tb.Helper()
	parsed, err := parser.ParsePath([]byte(src))
	if err != nil {
		return false
	}
	literal, err := json.Marshal(src)
	if err != nil {
		tb.Fatal(err)
	}
	patch, err := t.ParsePatch([]byte(patchStart + `{"op":"remove","path":` + string(literal) + `}` + patchEnd))
	if err != nil {
		return false
	}
	doc, _, err := t.Encode(before)
	if err != nil {
		tb.Fatalf("%v: %v", before, err)
	}
	c, err := patch.Apply(&scim.Resource{Document: doc})
	if err != nil {
		return false // userName is required
	}
	if !c.Document.IsZero() {
		doc = c.Document
	}
	var got, want user
	if err := json.Unmarshal([]byte(doc.String()), &got); err != nil {
		tb.Fatal(err)
	}
	copied, err := json.Marshal(before)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(copied, &want); err != nil {
		tb.Fatal(err)
	}
	if !removeParsed(t, want, parsed) {
		return false // an unknown attribute is ignored
	}
	if !reflect.DeepEqual(got, want) {
		tb.Errorf("remove %s\n from          %v\n leaves        %v\n filter-parser %v", src, before, got, want)
	}
	return true
}

// user makes a user with most attributes, and a few elements in each of the
// multi-valued ones.
func (g generator) user() user {
	elements := func() (list []any) {
		for i := range 1 + g.IntN(4) {
			e := map[string]any{"value": fmt.Sprintf("%d%s", i, g.pick("alpha", "beta", "Gamma"))}
			for _, name := range []string{"type", "display"} {
				if g.IntN(3) > 0 {
					e[name] = g.pick("work", "home", "Alpha", "beta")
				}
			}
			if i == 0 && g.IntN(2) == 0 {
				e["primary"] = true
			}
			list = append(list, e)
		}
		return list
	}
	return user{
		"userName": "ada", "externalId": "1", "displayName": "Ada", "title": "Engineer", "active": true,
		"name":   map[string]any{"givenName": "Ada", "familyName": "Lovelace"},
		"emails": elements(), "phoneNumbers": elements(), "roles": elements(),
		scim.EnterpriseUserSchemaURI: map[string]any{"department": "Engines", "manager": map[string]any{"value": "m"}},
	}
}

func (g generator) path() string {
	term := func() string {
		if g.IntN(6) == 0 {
			return g.cased("primary") + " " + g.pick("eq", "ne") + " true"
		}
		name := g.cased(g.pick("type", "value", "display"))
		if g.IntN(6) == 0 {
			return name + " " + g.cased("pr")
		}
		return name + " " + g.cased(g.pick("eq", "ne", "co", "sw", "ew")) + ` "` + g.cased(g.pick("work", "home", "alpha", "0alpha", "beta", "a", "1")) + `"`
	}
	prefix := g.pick("", "", scim.UserSchemaURI+":")
	switch g.IntN(4) {
	case 0:
		return g.cased(prefix + g.pick("displayName", "title", "active", "name", "name.givenName", "name.middleName", "emails", "emails.display", "nickName", "shoeSize"))
	case 1:
		return g.cased(scim.EnterpriseUserSchemaURI + ":" + g.pick("department", "manager", "manager.value", "division"))
	}
	filter := term()
	if g.IntN(2) == 0 {
		filter += " " + g.cased(g.pick("and", "or")) + " " + term()
	}
	if g.IntN(5) == 0 {
		filter = g.cased("not") + g.space() + "(" + filter + ")"
	}
	return g.cased(prefix+g.pick("emails", "phoneNumbers", "roles")) + "[" + g.space() + filter + g.space() + "]" + g.cased(g.pick("", "", ".display", ".type"))
}

// Paths from RFC 7644 and from Entra ID, which both parsers must understand,
// and understand alike.
func TestPathsOfBothParsers(t *testing.T) {
	typ := userType(t)
	g := generator{rand.New(rand.NewPCG(1, 1))}
	for _, src := range []string{
		`displayName`,
		`name.familyName`,
		`emails`,
		`emails[type eq "work"]`,
		`emails[type eq "work"].display`,
		`emails[type eq "work" and value ew "alpha"]`,
		`emails[not (type eq "work")]`,
		`roles[primary eq true]`,
		`phoneNumbers[type eq "work"].display`,
		scim.EnterpriseUserSchemaURI + `:department`,
		scim.EnterpriseUserSchemaURI + `:manager`,
		scim.EnterpriseUserSchemaURI + `:manager.value`,
		scim.UserSchemaURI + `:name.givenName`,
	} {
		for range 5 {
			if !comparePaths(t, typ, g.user(), src) {
				t.Errorf("%s: not understood by both", src)
			}
		}
	}
}

func TestRandomPathsOfBothParsers(t *testing.T) {
	const each = 1000
	typ := userType(t)
	g := generator{rand.New(rand.NewPCG(7644, 352))}
	both, mutants := 0, 0
	for range each {
		u, src := g.user(), g.path()
		if comparePaths(t, typ, u, src) {
			both++
		}
		if mutant := g.mutated(src); !strings.Contains(mutant, `\`) && comparePaths(t, typ, u, mutant) {
			mutants++
		}
		if t.Failed() {
			return // one is enough to read
		}
	}
	if both < each*90/100 || mutants < each/40 {
		t.Errorf("both understood %d paths and %d mutated ones of %d: the test compares too little", both, mutants, each)
	}
}
