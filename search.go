package scim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
)

// A search is what a query asks for, be it in the parameters of GET (RFC 7644
// §3.4.2) or in the body of POST to .search (§3.4.3).
type search struct {
	attributes, excluded string // lists with commas
	filter               *string
	sortBy, sortOrder    string
	start, count         *int
	cursor               *string // empty: the first page
}

// list answers GET of an endpoint, or of the root.
func (h *Handler) list(req *request) (response, error) {
	var s search
	text := func(name string) (value *string, err error) {
		v, there, err := param(req.query, name)
		if !there {
			return nil, err
		}
		given := v // only what is given is allocated
		return &given, err
	}
	number := func(name string) (*int, error) {
		n, err := intParam(req.query, name, absent)
		if n == absent {
			return nil, err
		}
		given := n
		return &given, err
	}
	var err error
	if s.filter, err = text("filter"); err != nil {
		return response{}, &Error{Kind: ErrInvalidFilter, Detail: "the filter is not properly percent-encoded", Err: err}
	}
	for _, p := range []struct {
		name string
		to   *string
	}{{"attributes", &s.attributes}, {"excludedAttributes", &s.excluded}, {"sortBy", &s.sortBy}, {"sortOrder", &s.sortOrder}} {
		v, err := text(p.name)
		if err != nil {
			return response{}, err
		}
		*p.to = deref(v)
	}
	if s.cursor, err = text("cursor"); err != nil {
		return response{}, err
	}
	if s.start, err = number("startIndex"); err != nil {
		return response{}, err
	}
	if s.count, err = number("count"); err != nil {
		return response{}, s.badCount(err)
	}
	return h.find(req, &s)
}

// absent is no number that intParam returns.
const absent = math.MinInt

// badCount is an error of count, which has a kind of its own where a cursor is
// used (RFC 9865 §2.1).
func (s *search) badCount(err error) error {
	if s.cursor == nil {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return &Error{Kind: ErrInvalidCount, Detail: e.Detail, Err: err}
}

// search answers POST to .search.
func (h *Handler) search(req *request) (response, error) {
	s, err := h.searchRequest(req)
	if err != nil {
		return response{}, err
	}
	return h.find(req, s)
}

// searchRequest reads a SearchRequest message.
func (h *Handler) searchRequest(req *request) (*search, error) {
	m, err := openMessage(req.body, searchSchemaURI, h.decoding(req),
		"schemas", "attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor")
	if err != nil {
		return nil, err
	}
	s := new(search)
	text := func(name string) (value *string) {
		if err == nil {
			value, err = m.text(name)
		}
		return value
	}
	s.filter, s.cursor = text("filter"), text("cursor")
	s.sortBy, s.sortOrder = deref(text("sortBy")), deref(text("sortOrder"))
	if err != nil {
		return nil, err
	}
	if s.attributes, err = m.names("attributes"); err != nil {
		return nil, err
	}
	if s.excluded, err = m.names("excludedAttributes"); err != nil {
		return nil, err
	}
	if s.start, err = m.number("startIndex"); err != nil {
		return nil, err
	}
	if s.count, err = m.number("count"); err != nil {
		return nil, s.badCount(err)
	}
	return s, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// find answers a search on the request's type, or on all types.
func (h *Handler) find(req *request, s *search) (response, error) {
	q, err := h.plan(req, s)
	if err != nil {
		return response{}, err
	}
	answer := response{status: http.StatusOK, typ: req.typ, start: q.offset + 1}
	if req.typ == nil {
		answer.wants = map[string]projection{}
		for i := range q.shares {
			answer.wants[q.shares[i].typ.def.Name] = q.shares[i].want
		}
	} else {
		answer.want = q.shares[0].want
	}
	if answer.page, err = q.run(req.ctx, h.store); err != nil {
		return response{}, err
	}
	if q.byCursor {
		answer.start = 0
		answer.next, err = h.sealCursor(q)
	}
	return answer, err
}

// A plan is a search made ready: a Query for each type it is on.
type plan struct {
	shares        []share
	one           [1]share // for the usual search, which is on one type
	sort          Sort     // how resources of several types compare
	offset, limit int
	byCursor      bool
	count         int    // as asked for; absent if it was not
	binding       []byte // what a cursor belongs to
}

// A share is a plan's part on one type.
type share struct {
	typ   *ResourceType
	want  projection
	query Query
	none  bool // the filter rules the type out
	done  bool // nothing follows
}

func (h *Handler) plan(req *request, s *search) (*plan, error) {
	types := []*ResourceType{req.typ}
	if req.typ == nil {
		types = slices.DeleteFunc(slices.Clone(h.options.Types), func(t *ResourceType) bool { return !req.principal.serves(t) })
	}
	if s.filter != nil && len(*s.filter) > h.options.MaxFilter { // an empty filter is none that anybody means: it is refused
		return nil, Errorf(ErrInvalidFilter, "the filter is longer than %d bytes", h.options.MaxFilter)
	}
	q := &plan{limit: h.options.MaxResults, byCursor: s.cursor != nil, count: absent}
	q.shares = q.one[:0]
	for _, t := range types {
		p := share{typ: t, query: Query{Tenant: req.principal.Tenant, Type: t.def.Name, MaxScan: h.options.MaxScan, Resumes: s.cursor != nil}}
		var err error
		if p.want, err = t.parseProjection(s.attributes, s.excluded, &req.dialect); err != nil {
			return nil, err
		}
		p.query.Projection = p.want.store(t)
		if s.filter != nil {
			if p.query.Filter, err = t.filterFor(*s.filter, &req.dialect, req.typ == nil); err != nil {
				return nil, err
			}
			if name, ok := Requires(p.query.Filter, "meta.resourceType"); ok && !strings.EqualFold(name, t.def.Name) {
				p.none = true
			}
		}
		p.query.Sort, err = t.ParseSort(s.sortBy, s.sortOrder)
		if err != nil && (req.typ != nil || t.resolve(strings.TrimSpace(s.sortBy)) != nil || !isSortOrder(s.sortOrder)) {
			return nil, err
		}
		if !p.query.Sort.IsZero() {
			q.sort = p.query.Sort
		}
		q.shares = append(q.shares, p)
	}
	if s.sortBy != "" && q.sort.IsZero() {
		return nil, Errorf(ErrInvalidValue, "sortBy: no resource type has an attribute %q", clip(s.sortBy))
	}
	if s.count != nil {
		q.count, q.limit = *s.count, min(max(*s.count, 0), h.options.MaxResults)
	}
	if s.cursor == nil {
		if s.start != nil {
			q.offset = max(*s.start, 1) - 1
		}
		return q, nil
	}
	if s.start != nil {
		return nil, Errorf(ErrInvalidValue, "cursor and startIndex cannot be used together")
	}
	q.binding = fmt.Appendf(nil, "%q %q %q %q", pathOf(req.base), req.principal.Tenant, s.sortBy, strings.ToLower(s.sortOrder))
	for i := range q.shares {
		q.binding = fmt.Appendf(q.binding, " %q", q.shares[i].typ.def.Name)
	}
	if s.filter != nil {
		q.binding = fmt.Appendf(q.binding, " filter %q", *s.filter)
	}
	return q, h.openCursor(*s.cursor, q)
}

func isSortOrder(s string) bool {
	return s == "" || strings.EqualFold(s, "ascending") || strings.EqualFold(s, "descending")
}

// run answers the plan with a page, and leaves each share where the page after
// begins.
func (q *plan) run(ctx context.Context, store Store) (*Page, error) {
	if len(q.shares) == 1 {
		p := &q.shares[0]
		p.query.Offset, p.query.Limit = q.offset, q.limit
		page, err := store.List(ctx, p.query)
		if err != nil {
			return nil, err
		}
		p.query.After, p.done = page.Next, page.Next.IsZero()
		return page, nil
	}
	if q.sort.IsZero() {
		return q.oneAfterAnother(ctx, store)
	}
	return q.merge(ctx, store)
}

// oneAfterAnother makes a page of the resources of one type, then those of the
// next.
func (q *plan) oneAfterAnother(ctx context.Context, store Store) (*Page, error) {
	page := new(Page)
	for i := range q.shares {
		p := &q.shares[i]
		if p.none {
			p.done = true
			continue
		}
		left := q.limit - len(page.Resources)
		if p.done {
			left = 0
		}
		query := p.query
		query.Offset, query.Limit = max(q.offset-page.Total, 0), left
		got, err := store.List(ctx, query)
		if err != nil {
			return nil, err
		}
		page.Total += got.Total
		page.Resources = append(page.Resources, got.Resources...)
		if left > 0 || got.Total == 0 {
			p.query.After, p.done = got.Next, got.Next.IsZero()
		}
	}
	return page, nil
}

// mostMerged is how far into a sorted list of several types a page may begin
// by index: what comes before must be merged too.
const mostMerged = 10_000

// merge makes a page of the resources of several types in one order.
func (q *plan) merge(ctx context.Context, store Store) (*Page, error) {
	if q.offset > mostMerged {
		return nil, Errorf(ErrTooMany, "startIndex: more than %d resources of several types cannot be sorted: use a cursor, or the endpoint of one type", mostMerged)
	}
	page := new(Page)
	lists := make([][]*Resource, len(q.shares))
	for i := range q.shares {
		p := &q.shares[i]
		if p.none {
			p.done = true
			continue
		}
		query := p.query
		query.Limit, query.Projection = q.offset+q.limit, Projection{}
		if p.done {
			query.Limit = 0
		}
		got, err := store.List(ctx, query)
		if err != nil {
			return nil, err
		}
		page.Total += got.Total
		lists[i] = got.Resources
		p.done = p.done || len(got.Resources) == 0
	}
	// Now it is known how many of each type are on the page, and before it.
	// They are read once more, so that what came between is on the page or on
	// the next one, whatever happens meanwhile.
	before, until := make([]int, len(lists)), make([]int, len(lists))
	for n, from := range q.inOrder(lists, q.offset+q.limit) {
		if until[from]++; n < q.offset {
			before[from]++
		}
	}
	for i := range q.shares {
		p := &q.shares[i]
		lists[i] = nil
		if until[i] == before[i] {
			continue
		}
		query := p.query
		query.Offset, query.Limit = before[i], until[i]-before[i]
		got, err := store.List(ctx, query)
		if err != nil {
			return nil, err
		}
		lists[i] = got.Resources
		p.query.After, p.done = got.Next, got.Next.IsZero()
	}
	at := make([]int, len(lists))
	for _, from := range q.inOrder(lists, q.limit) {
		page.Resources = append(page.Resources, lists[from][at[from]])
		at[from]++
	}
	return page, nil
}

// inOrder says from which of the sorted lists the first resources of all come,
// one after another.
func (q *plan) inOrder(lists [][]*Resource, most int) (from []int) {
	keys, at := make([]string, len(lists)), make([]int, len(lists))
	key := func(i int) string { return q.shares[i].query.Sort.Key(lists[i][at[i]]) }
	for i := range lists {
		if len(lists[i]) > 0 {
			keys[i] = key(i)
		}
	}
	for len(from) < most {
		least := -1
		for i := range lists {
			if at[i] < len(lists[i]) && (least < 0 || q.sort.Compare(keys[i], keys[least]) < 0) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		from = append(from, least)
		if at[least]++; at[least] < len(lists[least]) {
			keys[least] = key(least)
		}
	}
	return from
}
