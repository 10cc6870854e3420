package scim

import (
	"cmp"
	"strings"
)

// A Sort is an order of the resources of a type (RFC 7644 §3.4.2.3). Equal ones
// come in the order of creation. The zero Sort is the order of creation.
type Sort struct {
	path       Path
	descending bool
}

// ParseSort reads the parameters sortBy and sortOrder. It reports
// ErrInvalidValue if the type cannot be sorted by that. An empty sortBy is the
// zero Sort.
func (t *ResourceType) ParseSort(by, order string) (s Sort, err error) {
	switch {
	case order == "", strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		s.descending = true
	default:
		return s, Errorf(ErrInvalidValue, "sortOrder: expected ascending or descending, got %q", clip(order))
	}
	if by = strings.TrimSpace(by); by == "" {
		return Sort{}, nil
	}
	n := t.resolve(by)
	if n != nil && n.kind == kindComplex && n.value != nil {
		n = n.value
	}
	wrong := func(why string) (Sort, error) {
		return Sort{}, Errorf(ErrInvalidValue, "sortBy: %s cannot be sorted by %s: %s", t.def.Name, clip(by), why)
	}
	switch {
	case n == nil:
		return wrong("it has no such attribute" + t.similar(by))
	case n.kind == kindExtension || n.kind == kindComplex:
		return wrong("name a sub-attribute" + n.known())
	case n.place == inMembers || n.place == inGroups || n.place == inSchemas:
		return wrong("no order is known of it")
	case n.unfilterable() != "":
		return wrong(n.unfilterable())
	}
	s.path = Path{n}
	return s, nil
}

// IsZero reports whether s is the order of creation.
func (s Sort) IsZero() bool { return s.path.n == nil }

// Path returns the attribute that s orders by; the zero Path if there is none.
func (s Sort) Path() Path { return s.path }

// Descending reports whether the greatest value comes first.
func (s Sort) Descending() bool { return s.descending }

// Key returns what s compares of a resource: the Value that a [Key] of the
// attribute has, or would have if it were indexed. Of a multi-valued attribute it
// is that of the primary element, or if none is primary of the first value. It is
// empty if there is no value.
func (s Sort) Key(r *Resource) string {
	n := s.path.n
	if n == nil {
		return ""
	}
	switch n.place {
	case inID:
		return r.ID
	case inMeta:
		switch n.name {
		case "created":
			return timeKey(r.Created)
		case "lastModified":
			return timeKey(r.LastModified)
		case "resourceType":
			return r.Type
		}
		return ""
	}
	if n.parent.kind != kindComplex {
		raw, _ := r.Document.at(n)
		return n.keyOf(firstFilled(raw))
	}
	raw, _ := r.Document.at(n.parent)
	first := ""
	elements := walk{raw: raw}
	for e, ok := elements.next(); ok; e, ok = elements.next() {
		raw, _ := memberOf(e, n.name)
		if n.parent.isPrimary(e) {
			return n.keyOf(firstFilled(raw))
		}
		if first == "" {
			first = firstFilled(raw)
		}
	}
	return n.keyOf(first)
}

// firstFilled returns the first value of an attribute that counts; "" if there
// is none.
func firstFilled(raw string) string {
	values := walk{raw: raw}
	for v, ok := values.next(); ok; v, ok = values.next() {
		if filled(v) {
			return v
		}
	}
	return ""
}

// Compare compares two keys: it is negative if a resource with the first one
// comes before a resource with the second. Without a value a resource comes
// last, or first if s is descending.
func (s Sort) Compare(a, b string) int {
	c := cmp.Compare(a, b)
	if (a == "") != (b == "") {
		c = -c
	}
	if s.descending {
		return -c
	}
	return c
}

// A Place is where a resource stands in an order. The zero Place is before all.
type Place struct {
	Key string // as of [Sort.Key]; empty in the order of creation
	At  string // where among equal ones, in a form that the Store chooses; never empty
}

// IsZero reports whether p is before all resources.
func (p Place) IsZero() bool { return p == Place{} }
