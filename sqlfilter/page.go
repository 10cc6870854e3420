package sqlfilter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/usherkit/scim"
)

// A Source reads the resources of a Query's type and tenant.
type Source struct {
	// Args are the first arguments of each statement: $1, $2 and so on are free
	// for what the Source itself says, such as the tenant, and for the
	// expressions of the Mapping.
	Args []any

	// Count returns how many resources satisfy a condition, or most, if that is
	// positive and there are more. The condition of all of them is TRUE.
	//
	//	SELECT count(*) FROM (SELECT 1 FROM users u WHERE u.org_id = $1 AND … LIMIT most) AS counted
	Count func(ctx context.Context, where string, args []any, most int) (int, error)

	// Read returns resources. They have the Sets that the Query's Projection
	// wants, and those about which the filter asks: if these read from the
	// database as they are used, they cost nothing where they are not.
	//
	//	"SELECT … FROM users u WHERE u.org_id = $1 AND " + rows.String()
	Read func(ctx context.Context, rows Rows) ([]*scim.Resource, error)
}

// Rows are some of the rows that satisfy a condition: at most Limit of them,
// after Offset others in the Order.
type Rows struct {
	Where         string // a condition, TRUE if there is none
	Order         string // what comes after ORDER BY
	Limit, Offset int
	Args          []any // of the whole statement, Source.Args among them

	// Undecided says that the filter will be matched with each of the resources:
	// it may ask hundreds of times about a Set.
	Undecided bool
}

// String returns what comes after WHERE: the condition, ORDER BY, LIMIT and
// OFFSET.
func (r Rows) String() string {
	s := r.Where + " ORDER BY " + r.Order + " LIMIT " + strconv.Itoa(r.Limit)
	if r.Offset > 0 {
		s += " OFFSET " + strconv.Itoa(r.Offset)
	}
	return s
}

// How many resources are read at once that have to be matched one by one. Where
// no more than mostDoubtful cannot be decided in SQL, these are decided first,
// and the rest is SQL's.
const (
	chunk        = 500
	mostDoubtful = 100
)

// Page returns the page that q asks for, in at most a few statements, and reports
// what [scim.Select] reports. If the filter and the sort can be decided by SQL,
// it costs what is on the page, from wherever an index leads there, and to
// count; else it reads what may match, some hundreds at once. Between statements
// it holds no rows open.
func (m *Mapping) Page(ctx context.Context, q scim.Query, s Source) (*scim.Page, error) {
	q.Offset, q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	r := reader{Mapping: m, Source: s, q: q}
	if err := r.order(); err != nil {
		return nil, err
	}
	v := m.compile(q.Filter)
	if err := r.scans(ctx, v); err != nil {
		return nil, err
	}
	if !v.exact() && r.sorted {
		var err error
		if v, err = r.decide(ctx, v); err != nil {
			return nil, err
		}
	}
	if !v.exact() || !r.sorted {
		return r.choose(ctx, v)
	}
	return r.page(ctx, v.maybe)
}

// A reader answers one Query.
type reader struct {
	*Mapping
	Source
	q       scim.Query
	sorted  bool   // the database can sort
	by      Column // what q.Sort sorts by
	created Column // none if ids are in order
	id      Column
}

// order finds out what q.Sort sorts by.
func (r *reader) order() error {
	var ok bool
	if r.id, ok = r.Columns["id"]; !ok {
		return errors.New("sqlfilter: the mapping has no column for id")
	}
	if r.id.Kind == Text {
		r.id.Kind = ASCII
	}
	if r.created, ok = r.Columns["meta.created"]; !ok && !r.OrderedIDs {
		return errors.New("sqlfilter: the mapping has no column for meta.created, and no OrderedIDs")
	}
	if r.sorted = r.q.Sort.IsZero(); !r.sorted {
		r.by, ok = r.column(r.q.Sort.Path())
		r.sorted = ok && sorts(r.by.Kind, typeOf(r.q.Sort.Path()))
	}
	return nil
}

// scans reports ErrTooMany if no index leads to the page and there is too much
// to look at.
func (r *reader) scans(ctx context.Context, v verdict) error {
	all := r.q.Filter == nil && (r.q.Sort.IsZero() || r.sorted && r.by.Indexed)
	if r.q.MaxScan <= 0 || r.q.MaxScan == math.MaxInt || v.indexed || all {
		return nil
	}
	n, err := r.count(ctx, always, r.q.MaxScan+1)
	if err != nil {
		return err
	}
	return r.q.Scans(n)
}

// decide makes an exact verdict of v, if what it leaves in doubt is not too much.
func (r *reader) decide(ctx context.Context, v verdict) (verdict, error) {
	if v.surely.is(never) { // then what is in doubt is all there is
		return v, nil
	}
	doubtful, err := r.undecided(ctx, and(v.doubt, v.maybe, not(v.surely)), mostDoubtful+1)
	if err != nil || len(doubtful) > mostDoubtful {
		return v, err
	}
	matches := r.q.Matcher(ctx)
	var found []clause
	for _, resource := range doubtful {
		ok, err := matches(resource)
		if err != nil {
			return v, err
		}
		if !ok {
			continue
		}
		id, ok := r.identity(r.id.Kind, resource.ID)
		if !ok {
			return v, r.strange(resource)
		}
		found = append(found, r.ordered(r.native(r.id), scim.Eq, id))
	}
	return exactly(or(append(found, v.surely)...)), nil
}

// strange is the error of a resource that the mapping does not fit.
func (r *reader) strange(resource *scim.Resource) error {
	return fmt.Errorf("sqlfilter: the id or the time of creation of %s %q is not of the kind that the mapping says", resource.Type, resource.ID)
}

// choose leaves to scim.Select what SQL cannot decide.
func (r *reader) choose(ctx context.Context, v verdict) (*scim.Page, error) {
	if v.exact() {
		r.q.Filter = nil
	}
	return scim.Select(r.candidates(ctx, v.maybe), r.q)
}

// candidates yields what satisfies a condition, in the order of creation.
func (r *reader) candidates(ctx context.Context, where clause) iter.Seq2[*scim.Resource, error] {
	return func(yield func(*scim.Resource, error) bool) {
		for after := always; ; {
			some, err := r.undecided(ctx, and(where, after), chunk)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, resource := range some {
				if !yield(resource, nil) {
					return
				}
			}
			if len(some) < chunk {
				return
			}
			last := some[len(some)-1]
			s, ok := r.standing(placeOf(scim.Sort{}, last))
			if !ok {
				yield(nil, r.strange(last))
				return
			}
			after = r.createdAfter(s)
		}
	}
}

// page reads the page of what satisfies a condition.
func (r *reader) page(ctx context.Context, where clause) (*scim.Page, error) {
	parts, err := r.parts()
	if err != nil {
		return nil, err
	}
	var found []*scim.Resource
	want, offset := r.q.Limit, r.q.Offset
	if 0 < want && want < math.MaxInt {
		want++ // to see whether others follow
	}
	for i, p := range parts {
		if len(found) == want {
			break
		}
		p.where = and(where, p.where)
		some, err := r.read(ctx, p.where, Rows{Order: p.order, Limit: want - len(found), Offset: offset})
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
		switch {
		case offset == 0 || i == len(parts)-1:
		case len(some) > 0:
			offset = 0
		default:
			n, err := r.count(ctx, p.where, 0)
			if err != nil {
				return nil, err
			}
			offset = max(offset-n, 0)
		}
	}
	page := &scim.Page{Total: r.q.Offset + len(found)}
	if full := len(found) == want; full || !r.q.After.IsZero() || len(found) == 0 && r.q.Offset > 0 {
		if page.Total, err = r.count(ctx, where, 0); err != nil {
			return nil, err
		}
	}
	n := min(r.q.Limit, len(found))
	for _, resource := range found[:n] {
		page.Resources = append(page.Resources, bare(resource, r.q.Projection))
	}
	if r.q.Resumes && 0 < n && n < len(found) {
		page.Next = placeOf(r.q.Sort, found[n-1])
	}
	return page, nil
}

// bare returns a resource without the Sets that are not wanted.
func bare(r *scim.Resource, p scim.Projection) *scim.Resource {
	if (p.Members || r.Members == nil) && (p.Groups || r.Groups == nil) {
		return r
	}
	without := *r
	if !p.Members {
		without.Members = nil
	}
	if !p.Groups {
		without.Groups = nil
	}
	return &without
}

// undecided reads what is to be matched, in the order of creation.
func (r *reader) undecided(ctx context.Context, where clause, limit int) ([]*scim.Resource, error) {
	return r.read(ctx, where, Rows{Order: r.creation(), Limit: limit, Undecided: r.q.Filter != nil})
}

func (r *reader) read(ctx context.Context, where clause, rows Rows) ([]*scim.Resource, error) {
	if where.is(never) {
		return nil, nil
	}
	rows.Args = r.args()
	rows.Where = where.render(r.Dialect, &rows.Args)
	return r.Read(ctx, rows)
}

func (r *reader) count(ctx context.Context, where clause, most int) (int, error) {
	if where.is(never) {
		return 0, nil
	}
	args := r.args()
	condition := where.render(r.Dialect, &args)
	return r.Count(ctx, condition, args, most)
}

func (r *reader) args() []any { return append([]any(nil), r.Source.Args...) }
