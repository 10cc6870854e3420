package idp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An expression computes what an attribute mapping sends: nil, which is null,
// a string, a bool, a json.Number, a []string, or roles.
type expression func(*source) any

// A source is the object that expressions read.
type source struct {
	user        *User
	group       *Group
	softDeleted bool // IsSoftDeleted: disabled, deleted or out of scope
	roles       []AppRole
}

// maxExpression is the longest expression that Entra's portal takes (known
// issues, "Maximum characters for attribute-mapping expressions").
const maxExpression = 10_000

// parseExpression reads the source of a mapping: the name of a property, bare
// or in brackets, a constant in double quotes, or a function of such. Names of
// properties and functions have no case; those of extension properties do.
func parseExpression(src string, properties map[string]expression) (e expression, uses map[string]bool, err error) {
	p := &expressionParser{src: src, properties: properties, uses: map[string]bool{}}
	if len(src) > maxExpression {
		return nil, nil, fmt.Errorf("expression of %d characters; Entra takes %d", len(src), maxExpression)
	}
	if isName(src) {
		e, err = p.property(src)
	} else if e, err = p.comparison(0); err == nil {
		if p.space(); p.at < len(src) {
			err = p.expected("the end")
		}
	}
	return e, p.uses, err
}

type expressionParser struct {
	src        string
	at         int
	properties map[string]expression
	uses       map[string]bool // properties, in lower case; extra ones as they are written
}

func (p *expressionParser) space() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.at]) >= 0 {
		p.at++
	}
}

// next skips space and reports whether a byte follows, which it then passes.
func (p *expressionParser) next(b byte) bool {
	p.space()
	if p.at < len(p.src) && p.src[p.at] == b {
		p.at++
		return true
	}
	return false
}

func (p *expressionParser) expected(what string) error {
	if p.at >= len(p.src) {
		return fmt.Errorf("it ends where %s should be", what)
	}
	return fmt.Errorf("at character %d, want %s, not %q", utf8.RuneCountInString(p.src[:p.at])+1, what, clip(p.src[p.at:], 20))
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && r != '.') {
			return false
		}
	}
	return s != ""
}

// property reads one of the object's properties. Those that are not Graph's
// own are looked for among the extra ones.
func (p *expressionParser) property(name string) (expression, error) {
	if !isName(name) {
		return nil, fmt.Errorf("%q is no name of a property", name)
	}
	key := strings.ToLower(name)
	if e := p.properties[key]; e != nil {
		p.uses[key] = true
		return e, nil
	}
	if p.properties[extraProperties] == nil {
		return nil, fmt.Errorf("there is no property %s", name)
	}
	p.uses[name] = true
	return func(s *source) any { return extra(s.user.Extra[name]) }, nil
}

// extra is the value of an extra property in the form of this file's values.
func extra(v any) any {
	switch v := v.(type) {
	case string, bool, json.Number:
		return v
	case float64:
		return json.Number(strconv.FormatFloat(v, 'f', -1, 64))
	case int:
		return json.Number(strconv.Itoa(v))
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			list = append(list, asText(extra(e)))
		}
		return list
	}
	return nil
}

// comparison reads an operand, or two with a comparison between them.
func (p *expressionParser) comparison(depth int) (expression, error) {
	left, err := p.operand(depth)
	if err != nil {
		return nil, err
	}
	p.space()
	for _, op := range comparisons {
		if !strings.HasPrefix(p.src[p.at:], op.name) {
			continue
		}
		p.at += len(op.name)
		right, err := p.operand(depth)
		if err != nil {
			return nil, err
		}
		return func(s *source) any {
			a, b := left(s), right(s)
			if a == nil || b == nil {
				return nil // "the condition check fails"
			}
			return op.holds(compareValues(a, b))
		}, nil
	}
	return left, nil
}

var comparisons = []struct {
	name  string // longer ones first
	holds func(int) bool
}{
	{"<>", func(c int) bool { return c != 0 }},
	{">=", func(c int) bool { return c >= 0 }},
	{"<=", func(c int) bool { return c <= 0 }},
	{"=", func(c int) bool { return c == 0 }},
	{">", func(c int) bool { return c > 0 }},
	{"<", func(c int) bool { return c < 0 }},
}

// compareValues compares numbers as such, if both are, and otherwise strings.
func compareValues(a, b any) int {
	s, t := asText(a), asText(b)
	x, errX := strconv.ParseFloat(s, 64)
	y, errY := strconv.ParseFloat(t, 64)
	switch {
	case errX != nil || errY != nil:
		return strings.Compare(s, t)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (p *expressionParser) operand(depth int) (expression, error) {
	const deepest = 50
	p.space()
	switch {
	case depth > deepest:
		return nil, fmt.Errorf("functions are nested more than %d deep", deepest)
	case p.at >= len(p.src):
		return nil, p.expected("a value")
	case p.src[p.at] == '[':
		end := strings.IndexByte(p.src[p.at:], ']')
		if end < 0 {
			return nil, p.expected("a property in brackets")
		}
		name := strings.TrimSpace(p.src[p.at+1 : p.at+end])
		p.at += end + 1
		return p.property(name)
	case p.src[p.at] == '"':
		return p.constant()
	}
	start := p.at
	for p.at < len(p.src) && (p.src[p.at] == '-' && p.at == start || isLetter(p.src[p.at]) || isDigit(p.src[p.at])) {
		p.at++
	}
	word := p.src[start:p.at]
	if n, err := strconv.Atoi(word); err == nil {
		v := any(json.Number(strconv.Itoa(n)))
		return func(*source) any { return v }, nil
	}
	if word == "" || !p.next('(') {
		p.at = start
		return nil, p.expected("[property], \"constant\", a number or Function(...)")
	}
	return p.call(word, depth)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// constant reads a string; \" is a quotation mark and \\ a backslash. Before
// other characters a backslash is one, as in regular expressions.
func (p *expressionParser) constant() (expression, error) {
	var b strings.Builder
	for i := p.at + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '"':
			p.at = i + 1
			v := any(b.String())
			return func(*source) any { return v }, nil
		case c == '\\' && i+1 < len(p.src) && (p.src[i+1] == '"' || p.src[i+1] == '\\'):
			i++
			b.WriteByte(p.src[i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, p.expected("a constant with a quotation mark at its end")
}

// call reads the arguments of a function. An empty one is null.
func (p *expressionParser) call(name string, depth int) (expression, error) {
	f, ok := functions[strings.ToLower(name)]
	if !ok {
		return nil, fmt.Errorf("there is no function %s; there are %s", name, functionNames())
	}
	var args []expression
	for done := p.next(')'); !done; {
		var arg expression
		if p.space(); p.at >= len(p.src) || p.src[p.at] != ',' && p.src[p.at] != ')' {
			var err error
			if arg, err = p.comparison(depth + 1); err != nil {
				return nil, err
			}
		}
		args = append(args, arg)
		if done = p.next(')'); !done && !p.next(',') {
			return nil, p.expected("a comma or )")
		}
	}
	if len(args) < f.least || f.most >= f.least && len(args) > f.most {
		return nil, fmt.Errorf("%s with %d arguments: want %s", f.name, len(args), f.usage)
	}
	if f.roles != nil {
		if depth > 0 || !p.uses["approleassignments"] {
			return nil, fmt.Errorf("%s stands alone: want %s", f.name, f.usage)
		}
		return f.roles, nil
	}
	if f.wrong != nil && f.wrong(args) {
		return nil, fmt.Errorf("these arguments of %s are not known here: want %s", f.name, f.usage)
	}
	return func(s *source) any {
		values := make([]any, len(args))
		for i, arg := range args {
			if arg != nil {
				values[i] = arg(s)
			}
		}
		return f.call(values)
	}, nil
}

// asText is a value as a string; null is empty.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case json.Number:
		return v.String()
	case []string:
		if len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	}
	return false
}

func isTrue(v any) bool { return strings.EqualFold(asText(v), "true") }

func asInt(v any) int {
	n, _ := strconv.Atoi(asText(v)) // of what is no number: 0
	return n
}

// A function is one of those that Microsoft's "Reference for writing
// expressions for attribute mappings" documents. The dates' and random ones
// are not among them.
type function struct {
	name, usage string
	least, most int                          // arguments; most is less than least if there is no limit
	wrong       func(args []expression) bool // may be nil; arguments may be
	call        func(args []any) any
	roles       expression // instead of call
}

// functions are the functions by their names in lower case.
var functions = func() map[string]*function {
	all := map[string]*function{}
	// Most take a string and make nothing of null.
	ofText := func(f func(string) string) func([]any) any {
		return func(args []any) any {
			if args[0] == nil {
				return nil
			}
			return f(asText(args[0]))
		}
	}
	for _, f := range []function{
		{name: "Append", usage: "Append(source, suffix)", least: 2, most: 2, call: func(a []any) any {
			if a[0] == nil {
				return nil
			}
			return asText(a[0]) + asText(a[1])
		}},
		{name: "Coalesce", usage: "Coalesce(source1, source2, …, default)", least: 1, call: func(a []any) any {
			if i := slices.IndexFunc(a, func(v any) bool { return v != nil }); i >= 0 {
				return a[i]
			}
			return nil
		}},
		{name: "IIF", usage: "IIF(condition, valueIfTrue, valueIfFalse)", least: 3, most: 3, call: func(a []any) any {
			if isTrue(a[0]) {
				return a[1]
			}
			return a[2]
		}},
		{name: "IsNull", usage: "IsNull(expression)", least: 1, most: 1, call: func(a []any) any { return a[0] == nil }},
		{name: "IsNullOrEmpty", usage: "IsNullOrEmpty(expression)", least: 1, most: 1, call: func(a []any) any { return isEmpty(a[0]) }},
		{name: "IsPresent", usage: "IsPresent(expression)", least: 1, most: 1, call: func(a []any) any { return !isEmpty(a[0]) }},
		{name: "Item", usage: "Item(attribute, index)", least: 2, most: 2, call: func(a []any) any {
			list, _ := a[0].([]string)
			if i := asInt(a[1]) - 1; i >= 0 && i < len(list) {
				return list[i]
			}
			return nil
		}},
		{name: "Join", usage: "Join(separator, source1, source2, …)", least: 2, call: join},
		{name: "Left", usage: "Left(source, characters)", least: 2, most: 2, call: func(a []any) any {
			s := []rune(asText(a[0]))
			if n := asInt(a[1]); n >= 0 && n < len(s) {
				s = s[:n]
			}
			return string(s)
		}},
		{name: "Mid", usage: "Mid(source, start, length)", least: 3, most: 3, call: func(a []any) any {
			s := []rune(asText(a[0]))
			from := min(max(asInt(a[1])-1, 0), len(s))
			return string(s[from:min(from+max(asInt(a[2]), 0), len(s))])
		}},
		{name: "NormalizeDiacritics", usage: "NormalizeDiacritics(source)", least: 1, most: 1, call: ofText(normalizeDiacritics)},
		{name: "Not", usage: "Not(source)", least: 1, most: 1, call: func(a []any) any { return asText(!isTrue(a[0])) }},
		{name: "Replace", usage: "Replace(source, oldValue, , , replacementValue, , )", least: 5, most: 7, wrong: func(a []expression) bool {
			return a[1] == nil || a[2] != nil || a[3] != nil || len(a) > 5 && a[5] != nil || len(a) > 6 && a[6] != nil
		}, call: func(a []any) any {
			if a[0] == nil || asText(a[1]) == "" {
				return a[0]
			}
			return strings.ReplaceAll(asText(a[0]), asText(a[1]), asText(a[4]))
		}},
		{name: "StripSpaces", usage: "StripSpaces(source)", least: 1, most: 1, call: ofText(func(s string) string { return strings.ReplaceAll(s, " ", "") })},
		{name: "Switch", usage: "Switch(source, default, key1, value1, …)", least: 4, wrong: func(a []expression) bool { return len(a)%2 != 0 }, call: func(a []any) any {
			for i := 2; i < len(a); i += 2 {
				if asText(a[i]) == asText(a[0]) {
					return a[i+1]
				}
			}
			return a[1]
		}},
		{name: "ToLower", usage: "ToLower(source, culture)", least: 1, most: 2, call: ofText(strings.ToLower)},
		{name: "ToUpper", usage: "ToUpper(source, culture)", least: 1, most: 2, call: ofText(strings.ToUpper)},
		{name: "Trim", usage: "Trim(source)", least: 1, most: 1, call: ofText(strings.TrimSpace)},
		{name: "SingleAppRoleAssignment", usage: "SingleAppRoleAssignment([appRoleAssignments])", least: 1, most: 1, roles: func(s *source) any { return rolesOf(s, singleRole) }},
		{name: "AppRoleAssignmentsComplex", usage: "AppRoleAssignmentsComplex([appRoleAssignments])", least: 1, most: 1, roles: func(s *source) any { return rolesOf(s, addedRoles) }},
		{name: "AssertiveAppRoleAssignmentsComplex", usage: "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])", least: 1, most: 1, roles: func(s *source) any { return rolesOf(s, assertedRoles) }},
	} {
		all[strings.ToLower(f.name)] = &f
	}
	return all
}()

func functionNames() string {
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// join leaves out what is null or empty.
func join(args []any) any {
	var parts []string
	for _, v := range args[1:] {
		if list, ok := v.([]string); ok {
			parts = append(parts, list...)
		} else if s := asText(v); s != "" {
			parts = append(parts, s)
		}
	}
	if parts == nil {
		return nil
	}
	return strings.Join(parts, asText(args[0]))
}

// normalizeDiacritics replaces the letters of Microsoft's table, and takes
// away marks that follow their letter. Other letters stay as they are.
func normalizeDiacritics(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if plain := plainLetters[r]; plain != "" {
			b.WriteString(plain)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

var plainLetters = func() map[rune]string {
	table := map[rune]string{}
	for plain, marked := range map[string]string{
		"a": "äàâãåáąăāǟǡ", "ae": "æǣ", "c": "çčć", "d": "ďḏ", "e": "ëèéêęěėēḗḕ", "g": "ğḡ", "i": "ïîìíıī", "l": "ľłḹḻ",
		"n": "ñńňṉ", "o": "öòőõôóōṓṑȫǭȭȱ", "oe": "øœ", "r": "řṟṝ", "ss": "ß", "s": "šśșş", "t": "ťțṯ", "u": "üùûúůűūǖṻ", "y": "ÿýȳ", "z": "źžżẕ",
	} {
		for _, r := range marked {
			table[r] = plain
			if upper := unicode.ToUpper(r); upper != r && upper != 'I' {
				table[upper] = strings.ToUpper(plain)
			}
		}
	}
	table['İ'] = "I"
	return table
}()
