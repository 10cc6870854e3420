package sqlfilter

import (
	"strings"

	"github.com/usherkit/scim"
)

// What a statement takes is bounded in any database, and so is the time in which
// one is planned, compiled and asked of a row. A filter may cost so much; what is
// over that, or deeper, is left to scim.Match: it compares a value of a document in
// a tenth of the time.
const (
	mostCost   = 1000
	mostNested = 10

	costOfEqual    = 1 // many of them are one list
	costOfOther    = 5
	costOfComputed = 50 // what is no column, such as a part of a document
	costOfElements = 50 // a subquery
)

// A compiler compiles one filter.
type compiler struct {
	*Mapping
	cost int // so far
}

// A scope is the element of a multi-valued attribute, or the complex value,
// that the filter in brackets is about; the zero scope is the resource.
type scope struct {
	elements *Elements
	complex  bool
}

func (m *Mapping) compile(f scim.Filter) verdict {
	if f == nil {
		return exactly(always)
	}
	c := compiler{Mapping: m}
	return c.filter(f, scope{}, 0)
}

func (c *compiler) filter(f scim.Filter, in scope, depth int) verdict {
	if depth > mostNested || c.cost > mostCost {
		return unknown
	}
	switch f := f.(type) {
	case scim.And:
		return allOf(c.each(f, in, depth))
	case scim.Or:
		return anyOf(c.each(f, in, depth))
	case scim.Not:
		return c.filter(f.Filter, in, depth+1).not()
	case scim.Some:
		return c.some(f, in, depth)
	}
	switch f := f.(type) {
	case scim.Present:
		return c.present(f.Path, in)
	case scim.Compare:
		if f.Op != scim.Ne {
			return c.compare(f, in)
		}
		f.Op = scim.Eq
		return c.compare(f, in).not()
	}
	return unknown
}

func (c *compiler) each(filters []scim.Filter, in scope, depth int) []verdict {
	verdicts := make([]verdict, len(filters))
	for i, f := range filters {
		verdicts[i] = c.filter(f, in, depth+1)
	}
	return verdicts
}

// some compiles a filter in brackets.
func (c *compiler) some(f scim.Some, in scope, depth int) verdict {
	attribute := f.Path.Attribute()
	if in != (scope{}) || attribute == nil {
		return unknown
	}
	if !attribute.MultiValued {
		// The resource may lack the complex value, in which the filter would be
		// true. That it has it, only one of its values can say.
		v := c.filter(f.Filter, scope{complex: true}, depth+1)
		if !asks(f.Filter) {
			v = between(v.maybe, never)
		}
		return v
	}
	e, ok := c.elements(f.Path)
	if !ok || c.cost > mostCost {
		return unknown
	}
	v := e.some(c.filter(f.Filter, scope{elements: &e}, depth+1))
	if found, ok := c.find(f.Filter, &e); ok {
		v = allOf([]verdict{found, v})
	}
	return v
}

// asks reports whether f is false for what has no value at all.
func asks(f scim.Filter) bool {
	switch f := f.(type) {
	case scim.And:
		for _, g := range f {
			if asks(g) {
				return true
			}
		}
		return false
	case scim.Or:
		for _, g := range f {
			if !asks(g) {
				return false
			}
		}
		return true
	case scim.Present:
		return true
	case scim.Compare:
		return f.Op != scim.Ne
	}
	return false
}

// find compiles what the Columns' Equal can say of f, which is about an element:
// a condition that every resource with such an element satisfies.
func (c *compiler) find(f scim.Filter, e *Elements) (verdict, bool) {
	if c.cost > mostCost {
		return verdict{}, false
	}
	switch f := f.(type) {
	case scim.And:
		for _, g := range f {
			if v, ok := c.find(g, e); ok {
				return v, true
			}
		}
	case scim.Or:
		var all []verdict
		for _, g := range f {
			v, ok := c.find(g, e)
			if !ok {
				return v, false
			}
			all = append(all, v)
		}
		return anyOf(all), true
	case scim.Compare:
		if column, ok := e.column(f.Path); ok && f.Op == scim.Eq && isTemplate(column.Equal) {
			return c.equal(column, f.Value), true
		}
	}
	return verdict{}, false
}

// equal says which resources have a Key.
func (c *compiler) equal(column Column, key scim.Operand) verdict {
	c.cost += costOfElements
	v := exactly(c.text(key.Key()).within(column.Equal))
	v.indexed = true
	return v
}

// some says that an element is as v says.
func (e Elements) some(v verdict) verdict {
	for _, c := range []*clause{&v.maybe, &v.surely, &v.doubt} {
		if !c.is(never) {
			*c = c.within(e.Some)
		}
	}
	return v
}

func (c *compiler) elements(p scim.Path) (Elements, bool) {
	c.cost += costOfElements
	e, ok := c.Elements[p.String()]
	if !ok && c.LookupElements != nil {
		e, ok = c.LookupElements(p)
	}
	return e, ok && isTemplate(e.Some)
}

// isTemplate reports whether a text has one place for a condition or an argument.
// Without it the filter would be left out: what has none is taken for not mapped.
func isTemplate(text string) bool { return strings.Count(text, "%s") == 1 }

func (m *Mapping) column(p scim.Path) (column Column, ok bool) {
	column, ok = m.Columns[p.String()]
	if !ok && m.Lookup != nil {
		column, ok = m.Lookup(p)
	}
	if column.Kind == Text && isPlain(p.String()) {
		column.Kind = ASCII
	}
	if !isTemplate(column.Equal) {
		column.Equal = ""
	}
	return column, ok
}

// isPlain reports whether an attribute's values are ASCII in any Store, and
// what scim.Sort.Key returns of them is what they are.
func isPlain(path string) bool { return path == "id" || path == "meta.resourceType" }

func (e *Elements) column(p scim.Path) (Column, bool) {
	name := ""
	if parent := p.Parent().Attribute(); parent != nil {
		if p.Attribute().MultiValued {
			return Column{}, false // many values of one element
		}
		name = strings.TrimPrefix(p.String(), p.Parent().String()+".")
	}
	if column, ok := e.Columns[name]; ok {
		return column, true
	}
	if e.Lookup == nil {
		return Column{}, false
	}
	return e.Lookup(p)
}

// multiValued returns the attribute whose elements have the values of p; the
// zero Path if there is only one value.
func multiValued(p scim.Path) scim.Path {
	if a := p.Attribute(); a != nil && a.MultiValued {
		return p
	}
	if a := p.Parent().Attribute(); a != nil && a.MultiValued {
		return p.Parent()
	}
	return scim.Path{}
}

// value finds the column of an attribute, and if it is multi-valued, the
// elements that have it, unless in is the element.
func (c *compiler) value(p scim.Path, in scope) (column Column, of *Elements, ok bool) {
	if in.elements != nil {
		column, ok = in.elements.column(p)
		return column, nil, ok
	}
	outer := multiValued(p)
	if outer.IsZero() {
		column, ok = c.column(p)
		return column, nil, ok
	}
	e, ok := c.elements(outer)
	if !ok {
		return Column{}, nil, false
	}
	column, ok = e.column(p)
	return column, &e, ok
}

func (c *compiler) compare(f scim.Compare, in scope) verdict {
	column, of, ok := c.value(f.Path, in)
	switch {
	case !ok && of != nil: // all that is known is that there must be an element
		return of.some(unknown)
	case !ok:
		return unknown
	}
	if f.Op == scim.Eq && column.Equal != "" && in.elements == nil {
		return c.equal(column, f.Value)
	}
	v := c.comparison(column, f)
	switch {
	case column.computed():
		c.cost += costOfComputed
	case v.exact() && f.Op == scim.Eq:
		c.cost += costOfEqual
	default:
		c.cost += costOfOther
	}
	if isPrimary(f.Path) && !f.Value.Bool() {
		// Not to be primary is not to be it (RFC 7643 §2.4): an element without
		// a value is not, but a complex attribute may be missing whole.
		switch lacking := not(c.boolean(column, true)); {
		case !v.exact():
			return unknown
		case of == nil && in.elements == nil:
			v = between(lacking, v.surely)
		default:
			v = exactly(lacking)
		}
	}
	if of != nil {
		v = of.some(v)
	}
	return v
}

func isPrimary(p scim.Path) bool {
	a := p.Attribute()
	return a != nil && a.Type == scim.TypeBoolean && strings.EqualFold(a.Name, "primary") && p.Parent().Attribute() != nil
}

func (c *compiler) present(p scim.Path, in scope) verdict {
	switch p.String() {
	case "id", "schemas", "meta", "meta.resourceType": // which everything has
		return exactly(always)
	}
	column, of, ok := c.value(p, in)
	if c.cost += costOfOther; ok && column.computed() {
		c.cost += costOfComputed
	}
	switch {
	case ok && of != nil:
		return of.some(exactly(c.filled(column)))
	case ok:
		return exactly(c.filled(column))
	}
	// A complex value is there if one of its values is.
	a := p.Attribute()
	switch {
	case a != nil && len(a.SubAttributes) > 0 && in == scope{}:
	case of != nil:
		return of.some(unknown)
	default:
		return unknown
	}
	columns := c.Columns
	switch {
	case of != nil:
		columns = of.Columns
	case a.MultiValued:
		return unknown
	}
	var parts []verdict
	for i := range a.SubAttributes {
		name := a.SubAttributes[i].Name
		if of == nil {
			name = p.String() + "." + name
		}
		column, ok := columns[name]
		if !ok {
			parts = append(parts, unknown)
			continue
		}
		if column.computed() {
			c.cost += costOfComputed
		}
		parts = append(parts, exactly(c.filled(column)))
	}
	v := anyOf(parts)
	if of != nil {
		v = of.some(v)
	}
	return v
}
