package scim

import "github.com/usherkit/scim/internal/jsontext"

// A Filter is a condition on a resource, resolved against the schema of its
// type: no unknown attribute, odd case or dialect spelling is in it, and each
// value has its attribute's type. It is one of And, Or, Not, Compare, Present
// and Some, and immutable. See [ResourceType.ParseFilter] and [Match].
//
// Filters that mean the same need not be equal, but the usual spellings of one
// condition are: members eq "7", members.value eq "7" and members[value eq "7"]
// are all Compare{members.value Eq 7}.
type Filter interface {
	// String returns the filter in the grammar of RFC 7644 §3.4.2.2, with
	// canonical names. Parsing it gives an equal filter.
	String() string

	filter()
}

// And is true if all of its two or more filters are.
type And []Filter

// Or is true if any of its two or more filters is.
type Or []Filter

// Not is true if its filter is false.
type Not struct{ Filter Filter }

// Compare compares an attribute with a value. If the attribute, or the complex
// attribute around it, is multi-valued, one value that satisfies the operator
// is enough; Ne is the exception: it is true if Eq is false, so also for an
// attribute without a value.
type Compare struct {
	Path  Path
	Op    Operator
	Value Operand
}

// Present is true if the attribute has a value that is not empty.
type Present struct{ Path Path }

// Some is true if one element of a multi-valued attribute satisfies Filter,
// whose Paths are of its sub-attributes: emails[type eq "work" and value co "@x"].
// For a multi-valued attribute without sub-attributes, and there alone, the
// Paths in Filter are the attribute's own and mean the element. A complex
// attribute that is not multi-valued is an element itself.
type Some struct {
	Path   Path
	Filter Filter
}

// An Operator compares (RFC 7644 §3.4.2.2).
type Operator string

const (
	Eq Operator = "eq"
	Ne Operator = "ne"
	Co Operator = "co" // contains; Co, Sw and Ew are for strings and references
	Sw Operator = "sw" // starts with
	Ew Operator = "ew" // ends with
	Gt Operator = "gt" // Gt, Ge, Lt and Le are for strings, references, numbers and times
	Ge Operator = "ge"
	Lt Operator = "lt"
	Le Operator = "le"
)

func (And) filter()     {}
func (Or) filter()      {}
func (Not) filter()     {}
func (Compare) filter() {}
func (Present) filter() {}
func (Some) filter()    {}

func (f And) String() string     { return string(appendFilter(nil, f, nil)) }
func (f Or) String() string      { return string(appendFilter(nil, f, nil)) }
func (f Not) String() string     { return string(appendFilter(nil, f, nil)) }
func (f Compare) String() string { return string(appendFilter(nil, f, nil)) }
func (f Present) String() string { return string(appendFilter(nil, f, nil)) }
func (f Some) String() string    { return string(appendFilter(nil, f, nil)) }

// appendFilter prints f; within is the attribute in whose brackets it stands.
func appendFilter(dst []byte, f Filter, within *node) []byte {
	switch f := f.(type) {
	case Or:
		for i, g := range f {
			if i > 0 {
				dst = append(dst, " or "...)
			}
			dst = appendFilter(dst, g, within)
		}
	case And:
		for i, g := range f {
			if i > 0 {
				dst = append(dst, " and "...)
			}
			if or, ok := g.(Or); ok {
				dst = append(appendFilter(append(dst, '('), or, within), ')')
				continue
			}
			dst = appendFilter(dst, g, within)
		}
	case Not:
		dst = append(appendFilter(append(dst, "not ("...), f.Filter, within), ')')
	case Compare:
		dst = append(append(append(f.Path.appendTo(dst, within), ' '), f.Op...), ' ')
		dst = f.Value.appendTo(dst)
	case Present:
		dst = append(f.Path.appendTo(dst, within), " pr"...)
	case Some:
		dst = append(appendFilter(append(f.Path.appendTo(dst, nil), '['), f.Filter, f.Path.n), ']')
	}
	return dst
}

func (p Path) appendTo(dst []byte, within *node) []byte {
	switch {
	case within == nil || p.n == nil:
		return append(dst, p.String()...)
	case p.n == within:
		return append(dst, "value"...)
	}
	return append(dst, p.n.name...)
}

func (o Operand) appendTo(dst []byte) []byte {
	switch o.typ {
	case TypeBoolean, TypeDecimal, TypeInteger:
		return append(dst, o.text...)
	}
	return jsontext.AppendQuote(dst, o.text)
}
