package elimity

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/elimity-com/scim/filter"
	parser "github.com/scim2/filter-parser/v2"

	"github.com/usherkit/scim"
)

// List implements scim.Store. A page of everything is GetAll's own, in the order
// it has. For any other query, and for one that is to go on, all that GetAll has
// is read, page by page, and put in the order of creation if that is asked for.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := s.kind(q.Type)
	if k == nil {
		return &scim.Page{}, nil
	}
	q.Offset, q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	c := s.call(ctx, q.Tenant)
	if q.Filter == nil && q.Sort.IsZero() && q.After.IsZero() && !q.Resumes {
		return c.plain(k, q)
	}
	found := c.found(k, q.Filter)
	if !q.Sort.IsZero() {
		return scim.Select(found, q)
	}
	// Select wants the order of creation, which GetAll may have or not.
	var list []*scim.Resource
	match := q.Matcher(c.ctx)
	for r, err := range found {
		if err != nil {
			return nil, err
		}
		switch ok, err := match(r); {
		case err != nil:
			return nil, err
		case ok:
			list = append(list, r)
		}
	}
	slices.SortFunc(list, byCreation)
	q.Filter = nil
	return scim.Select(each(list), q)
}

func byCreation(a, b *scim.Resource) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

func each(list []*scim.Resource) iter.Seq2[*scim.Resource, error] {
	return func(yield func(*scim.Resource, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// mostIndexed bounds what handlers are asked for, who add the numbers up.
const mostIndexed = 1 << 31

// plain answers with a page of everything.
func (c *call) plain(k *kind, q scim.Query) (*scim.Page, error) {
	if q.Limit == 0 {
		p, err := c.page(k, nil, 0, 0)
		return &scim.Page{Total: max(p.TotalResults, 0)}, err
	}
	from, limit, total := min(q.Offset, mostIndexed), min(q.Limit, mostIndexed), 0
	var list []*scim.Resource
	for rec, err := range c.counted(k, nil, from, min(limit+1, c.pageSize()), &total) {
		if err != nil {
			return nil, err
		}
		if list = append(list, c.with(rec, q.Projection)); len(list) > limit {
			break // one more than the page has, to know whether there is one
		}
	}
	page, err := scim.Select(each(list), scim.Query{Limit: limit, Projection: q.Projection})
	if err != nil {
		return nil, err
	}
	page.Total = total
	return page, nil
}

var everything = scim.Projection{Members: true, Groups: true}

// found yields what may match a filter.
func (c *call) found(k *kind, f scim.Filter) iter.Seq2[*scim.Resource, error] {
	return func(yield func(*scim.Resource, error) bool) {
		if id, ok := scim.Requires(f, "id"); ok {
			rec, err := c.get(k, id)
			switch {
			case err == nil:
				yield(c.with(rec, everything), nil)
			case !errors.Is(err, scim.ErrNotFound):
				yield(nil, err)
			}
			return
		}
		if v := c.narrowing(k, f); v == nil || c.refused(k, v, yield) {
			c.refused(k, nil, yield)
		}
	}
}

// refused yields what GetAll has with a filter, and reports whether it takes no
// filter, or not this one, and nothing was yielded.
func (c *call) refused(k *kind, v *filter.Validator, yield func(*scim.Resource, error) bool) bool {
	some := false
	for rec, err := range c.all(k, v, 0, c.pageSize()) {
		switch {
		case err == nil:
			some = true
			if !yield(c.with(rec, everything), nil) {
				return false
			}
		case v != nil && !some && (errors.Is(err, scim.ErrInvalidFilter) || errors.Is(err, scim.ErrNotImplemented)):
			return true
		default:
			yield(nil, err)
			return false
		}
	}
	return false
}

// narrowing returns a condition that the filter asks for and that handlers get
// right, whether they read the tree, call PassesFilter or make SQL of it: eq on a
// string with one value at the top of the type's own schema, and with nothing in
// it that Unicode can spell in two ways. It is nil if there is none.
func (c *call) narrowing(k *kind, f scim.Filter) *filter.Validator {
	is := simple(k, f)
	if c.NoFilter || is == nil {
		return nil
	}
	v := filter.NewFilterValidator(&parser.AttributeExpression{
		AttributePath: parser.AttributePath{AttributeName: is.Path.String()}, Operator: parser.EQ, CompareValue: is.Value.String(),
	}, k.schema, k.extensions...)
	return &v
}

func beyondASCII(r rune) bool { return r >= utf8.RuneSelf }

func simple(k *kind, f scim.Filter) *scim.Compare {
	switch f := f.(type) {
	case scim.And:
		for _, g := range f {
			if is := simple(k, g); is != nil {
				return is
			}
		}
	case scim.Compare:
		a := f.Path.Attribute()
		if f.Op != scim.Eq || strings.ContainsFunc(f.Value.String(), beyondASCII) || a == nil || a.MultiValued || a.Type != "" && a.Type != scim.TypeString || !f.Path.Parent().IsZero() {
			return nil
		}
		if _, ours := k.schema.Attributes.ContainsAttribute(a.Name); ours {
			return &f
		}
	}
	return nil
}
