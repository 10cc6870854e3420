package scim

import (
	"strings"
	"unicode/utf8"

	"github.com/usherkit/scim/internal/jsontext"
)

// The bounds of a filter whatever the caller allows. Options.MaxFilter is the
// bound for clients.
const (
	maxFilterBytes = 1 << 20
	maxFilterDepth = 64 // of parentheses and brackets
)

// ParseFilter parses a filter (RFC 7644 §3.4.2.2) on resources of the type. It
// takes what identity providers write besides the RFC's grammar:
// emails[type eq "work"].value eq "x", values without quotes, "True" for true.
// It reports ErrInvalidFilter, with the place and what was expected. Filters
// longer than 1 MiB or nested deeper than 64 are refused.
func (t *ResourceType) ParseFilter(src string) (Filter, error) { return t.parseFilter(src, nil) }

func (t *ResourceType) parseFilter(src string, d *dialect) (Filter, error) {
	return t.filterFor(src, d, false)
}

// filterFor parses a filter; one of several types' resources may name
// attributes that this type does not have.
func (t *ResourceType) filterFor(src string, d *dialect, several bool) (Filter, error) {
	p := filterParser{t: t, d: d, src: src, several: several}
	if err := p.check(); err != nil {
		return nil, err
	}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.src) {
		return nil, p.fail(p.at, "expected and, or, or the end, found %s", p.found())
	}
	return f, nil
}

// parseElementFilter parses the condition in the brackets of a value path on
// parent: src begins after "[", and rest begins with the "]" that ends it. Names in
// it are sub-attributes of parent; of a multi-valued attribute that is not
// complex, "value" is the element.
func (t *ResourceType) parseElementFilter(parent *node, src string, d *dialect) (f Filter, rest string, err error) {
	p := filterParser{t: t, d: d, src: src}
	if err := p.check(); err != nil {
		return nil, "", err
	}
	if f, err = p.brackets(parent, 0); err != nil {
		return nil, "", err
	}
	return f, src[p.at-1:], nil
}

// A filterParser is at a place in a filter. It is a recursive descent with one
// method for each rule of the grammar:
//
//	or         = and *( "or" and )
//	and        = term *( "and" term )
//	term       = [ "not" ] "(" or ")" / attribute condition / attribute "[" or "]" [ [ "." name ] condition ]
//	condition  = "pr" / operator literal
//
// The last part of a value path is no part of RFC 7644.
type filterParser struct {
	t      *ResourceType
	d      *dialect
	src    string
	at     int
	depth  int
	within *node // the attribute in whose brackets the parser is

	several bool // the filter is on resources of several types
}

func (p *filterParser) check() error {
	switch {
	case len(p.src) > maxFilterBytes:
		return Errorf(ErrInvalidFilter, "filter: longer than %d bytes", maxFilterBytes)
	case !utf8.ValidString(p.src):
		return Errorf(ErrInvalidFilter, "filter: invalid UTF-8")
	case strings.IndexByte(p.src, 0) >= 0:
		return Errorf(ErrInvalidFilter, "filter: NUL character")
	}
	return nil
}

func (p *filterParser) or() (Filter, error) {
	f, err := p.and()
	if err != nil || !p.keyword("or") {
		return f, err
	}
	some := appendOr(nil, f)
	for {
		if f, err = p.and(); err != nil {
			return nil, err
		}
		if some = appendOr(some, f); !p.keyword("or") {
			return some, nil
		}
	}
}

func (p *filterParser) and() (Filter, error) {
	f, err := p.term()
	if err != nil || !p.keyword("and") {
		return f, err
	}
	all := appendAnd(nil, f)
	for {
		if f, err = p.term(); err != nil {
			return nil, err
		}
		if all = appendAnd(all, f); !p.keyword("and") {
			return all, nil
		}
	}
}

// An And in an And is one And, as the parentheses around it mean nothing.
func appendAnd(all And, f Filter) And {
	if inner, ok := f.(And); ok {
		return append(all, inner...)
	}
	return append(all, f)
}

func appendOr(some Or, f Filter) Or {
	if inner, ok := f.(Or); ok {
		return append(some, inner...)
	}
	return append(some, f)
}

func (p *filterParser) term() (Filter, error) {
	p.space()
	if p.take('(') {
		return p.group()
	}
	at := p.at
	name := p.name()
	if name == "" {
		return nil, p.fail(at, "expected an attribute, found %s", p.found())
	}
	if strings.EqualFold(name, "not") {
		if p.space(); p.take('(') {
			f, err := p.group()
			if err != nil {
				return nil, err
			}
			return Not{f}, nil
		}
	}
	n, err := p.resolve(name, at)
	switch {
	case err != nil && p.several && (p.within == nil || p.within == nowhere) && !strings.EqualFold(name, "not"):
		return p.absent(at)
	case err != nil:
		return nil, err
	}
	if p.take('[') {
		return p.valuePath(n, at)
	}
	return p.condition(n, at)
}

// nowhere is the attribute in whose brackets a parser is where the type does
// not have it.
var nowhere = &node{kind: kindComplex}

// absent parses what follows an attribute that the type does not have and
// another type of the query may have. It has no value here (RFC 7644 §3.4.2.1).
func (p *filterParser) absent(at int) (Filter, error) {
	always := Present{Path{p.t.root.childString("id")}} // which everything has
	never := Not{always}
	if p.take('[') {
		if _, err := p.brackets(nowhere, at); err != nil {
			return nil, err
		}
		if p.take('.') {
			p.name()
		} else if op, pr := operator(p.peek()); op == "" && !pr {
			return never, nil
		}
		if !p.d.grants(ruleValuePathFilter) {
			return nil, p.fail(p.at, "expected and, or, or the end after the brackets, found %s", p.found())
		}
	}
	word := p.peek()
	op, pr := operator(word)
	if op == "" && !pr {
		return nil, p.fail(p.at, "expected eq, ne, co, sw, ew, gt, ge, lt, le or pr, found %s", p.found())
	}
	if p.at += len(word); pr {
		return never, nil
	}
	if !p.take(' ') && p.at < len(p.src) {
		return nil, p.fail(p.at, "expected a space and a value after %s, found %s", op, p.found())
	}
	p.space()
	at = p.at
	text, quoted, err := p.literal()
	if err != nil {
		return nil, err
	}
	if end, err := jsontext.Value([]byte(text), 0, 0); !quoted && (err != nil || end < len(text)) && !p.d.grants(ruleUnquoted) {
		return nil, p.fail(at, "expected a value, found %s", clip(text))
	}
	none := text == "" || !quoted && text == "null" // see without
	if op == Eq && none || op == Ne && !none {
		return always, nil
	}
	return never, nil
}

// group parses what follows a parenthesis.
func (p *filterParser) group() (Filter, error) {
	open := p.at - 1
	if p.depth++; p.depth > maxFilterDepth {
		return nil, p.fail(open, "nested deeper than %d", maxFilterDepth)
	}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.depth--; !p.take(')') {
		return nil, p.fail(p.at, `expected and, or, or ")", found %s`, p.found())
	}
	return f, nil
}

// brackets parses what follows a bracket after the attribute n.
func (p *filterParser) brackets(n *node, at int) (Filter, error) {
	switch {
	case p.within != nil:
		return nil, p.fail(at, "brackets cannot be nested")
	case n == nowhere:
	case n.kind != kindComplex && !n.multi, n.parent.kind == kindComplex, n.place == inSchemas, n.place == inMeta:
		return nil, p.fail(at, "%s takes no condition in brackets", n.path)
	}
	if p.depth++; p.depth > maxFilterDepth {
		return nil, p.fail(at, "nested deeper than %d", maxFilterDepth)
	}
	p.within = n
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	p.within = nil
	if p.depth--; !p.take(']') {
		return nil, p.fail(p.at, `expected and, or, or "]", found %s`, p.found())
	}
	return f, nil
}

// valuePath parses what follows attr[. A condition after the brackets is one
// more condition in them: emails[type eq "work"].value eq "x".
func (p *filterParser) valuePath(n *node, at int) (Filter, error) {
	f, err := p.brackets(n, at)
	if err != nil {
		return nil, err
	}
	after, sub := p.at, n
	if p.take('.') {
		at = p.at
		if sub, err = p.subAttribute(n, p.name(), at); err != nil {
			return nil, err
		}
	} else if op, pr := operator(p.peek()); op == "" && !pr {
		return someOf(n, f), nil
	}
	if !p.d.grants(ruleValuePathFilter) {
		return nil, p.fail(after, "expected and, or, or the end after the brackets, found %s", p.found())
	}
	if word := p.peek(); sub == n && strings.EqualFold(word, "pr") { // there is such an element
		p.at += len(word)
		return someOf(n, f), nil
	}
	g, err := p.condition(sub, at)
	if err != nil {
		return nil, err
	}
	return someOf(n, appendAnd(appendAnd(nil, f), g)), nil
}

// someOf makes the filter of n[f]. A single condition needs no brackets, and
// Stores need not know that it had them; but ne and not say something else
// about an element than about all of them.
func someOf(n *node, f Filter) Filter {
	switch inner := f.(type) {
	case Compare:
		if inner.Op != Ne {
			return f
		}
	case Present:
		return f
	}
	return Some{Path{n}, f}
}

// condition parses what follows an attribute whose name is at the place given.
func (p *filterParser) condition(n *node, at int) (Filter, error) {
	word := p.peek()
	op, pr := operator(word)
	switch {
	case pr:
	case op == "":
		return nil, p.fail(p.at, "expected eq, ne, co, sw, ew, gt, ge, lt, le or pr after %s, found %s", n.path, p.found())
	case n.kind == kindExtension:
		return nil, p.fail(at, "%s is an extension and can only be tested with pr", n.path)
	case n.kind == kindComplex && n.value == nil:
		return nil, p.fail(at, "%s is complex: name a sub-attribute%s", n.path, n.known())
	case n.kind == kindComplex: // emails eq "x": RFC 7644 §3.4.2.2 shows it so
		n = n.value
	}
	if why := n.unfilterable(); why != "" {
		return nil, p.fail(at, "%s cannot be used in a filter: %s", n.path, why)
	}
	if pr {
		p.at += len(word)
		return Present{Path{n}}, nil
	}
	switch {
	case (op == Co || op == Sw || op == Ew) && n.kind != kindString && n.kind != kindReference,
		(op == Gt || op == Ge || op == Lt || op == Le) && (n.kind == kindBoolean || n.kind == kindBinary):
		return nil, p.fail(p.at, "%s, of type %s, cannot be compared with %s", n.path, n.dataType(), op)
	}
	if p.at += len(word); !p.take(' ') && p.at < len(p.src) {
		return nil, p.fail(p.at, "expected a space and a value after %s, found %s", op, p.found())
	}
	return p.comparison(n, op)
}

// comparison parses the literal after an operator.
func (p *filterParser) comparison(n *node, op Operator) (Filter, error) {
	p.space()
	at := p.at
	text, quoted, err := p.literal()
	if err != nil {
		return nil, err
	}
	if !quoted && text == "null" || text == "" && (op == Eq || op == Ne) && (n.kind == kindString || n.kind == kindReference) {
		return without(Path{n}, op), nil
	}
	v, expected := operandOf(n, text, quoted, p.d)
	if expected != "" {
		return nil, p.fail(at, "%s: expected %s, found %s", n.path, expected, clip(p.src[at:p.at]))
	}
	return Compare{Path{n}, op, v}, nil
}

// without compares with null, or with "", which no attribute has (RFC 7643
// §2.5): eq asks whether there is no value, ne whether there is one, and
// nothing comes before or after null.
func without(p Path, op Operator) Filter {
	switch op {
	case Eq:
		return Not{Present{p}}
	case Ne:
		return Present{p}
	}
	return And{Present{p}, Not{Present{p}}}
}

// resolve finds the attribute of a name that is at the place given.
func (p *filterParser) resolve(name string, at int) (*node, error) {
	if p.within != nil {
		return p.subAttribute(p.within, name, at)
	}
	n := p.t.resolve(name)
	switch {
	case p.d.knows(n):
		return n, nil
	case strings.EqualFold(name, "not"):
		return nil, p.fail(at, "not wants parentheses: not (…)")
	}
	return nil, p.fail(at, "%s has no attribute %q%s", p.t.def.Name, clip(name), p.t.similar(name))
}

// subAttribute finds a sub-attribute of n. That of an attribute which is not
// complex is called value and is the attribute itself.
func (p *filterParser) subAttribute(n *node, name string, at int) (*node, error) {
	if n.kind != kindComplex && strings.EqualFold(name, "value") {
		return n, nil
	}
	sub := n.childString(name)
	if !p.d.knows(sub) {
		return nil, p.fail(at, "%s has no sub-attribute %q%s", n.path, clip(name), n.known())
	}
	return sub, nil
}

// known lists the sub-attributes for an error.
func (n *node) known() string {
	if len(n.children) == 0 {
		return " (its elements are called value)"
	}
	names := make([]string, len(n.children))
	for i, c := range n.children {
		names[i] = c.name
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

// similar names the attribute that a client may have meant, for an error:
// givenName is at name.givenName, email is emails.
func (t *ResourceType) similar(name string) string {
	last := strings.TrimSuffix(name[strings.LastIndexAny(name, ".:")+1:], "s")
	for n := range t.root.all {
		if n.kind != kindExtension && strings.EqualFold(strings.TrimSuffix(n.name, "s"), last) {
			return "; did you mean " + n.path + "?"
		}
	}
	return ""
}

// unfilterable says why no filter may ask for the attribute; "" if it may.
func (n *node) unfilterable() string {
	for at := n; at.attr != nil; at = at.parent {
		if at.attr.Returned == ReturnedNever || at.attr.Mutability == WriteOnly {
			return "it is never returned"
		}
	}
	switch {
	case n.place == inMeta && n.name == "version":
		return "it is for the headers If-Match and If-None-Match"
	case n.place == inMeta && n.name == "location",
		n.name == "$ref" && (n.place == inMembers || n.place == inGroups || n.parent.serverRef):
		return "it depends on the URL that the client uses"
	case (n.place == inMembers || n.place == inGroups) && n.parent.kind == kindComplex && memberField(n) == noField:
		return "only value, type and display are known of each"
	}
	return ""
}
