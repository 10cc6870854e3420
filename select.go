package scim

import (
	"cmp"
	"context"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/least"
)

// Scans reports ErrTooMany if n is more than the resources that may be looked
// at one by one to answer q. A Store asks before it begins to, or as it goes on.
func (q Query) Scans(n int) error {
	if q.MaxScan > 0 && n > q.MaxScan {
		return Errorf(ErrTooMany, "more than %d resources would have to be looked at: compare an attribute that is indexed, such as userName, with eq", q.MaxScan)
	}
	return nil
}

// Select returns the page that q asks for of the resources that all yields:
// those that match q.Filter, counted all, in the order of q.Sort, and kept from
// q.Offset or q.After on, at most q.Limit of them. It stops at the first error,
// its own by [Query.Scans] and [Query.Matcher] among them; that the context has
// ended, all says, and so do the Sets. A Store uses it for what it cannot
// evaluate itself:
//
//	if id, ok := scim.Requires(q.Filter, "id"); ok { … } // yield only that one
//	return scim.Select(all, q)
//
// What all yields must be of q's tenant and type, in the order of creation
// (those with the same Created by their IDs), and have the Members and Groups
// that the filter may ask about; the page has them only if q.Projection wants
// them. Select makes the places of its pages, and reports ErrInvalidCursor for
// any other. It holds no more than the page, and to sort, twice as many
// resources as there are up to the page's end.
func Select(all iter.Seq2[*Resource, error], q Query) (*Page, error) {
	w, err := newWindow(q)
	if err != nil {
		return nil, err
	}
	satisfies := q.Matcher(context.Background())
	seen, scans := 0, q.Filter != nil || !q.Sort.IsZero()
	for r, err := range all {
		if err != nil {
			return nil, err
		}
		if seen++; scans {
			if err := q.Scans(seen); err != nil {
				return nil, err
			}
		}
		ok, err := satisfies(r)
		if err != nil {
			return nil, err
		}
		if ok {
			w.add(r)
		}
	}
	return w.page(), nil
}

// placed is a resource with what the Sort compares of it.
type placed struct {
	*Resource
	key string
}

func (r placed) place() Place { return Place{r.key, timeKey(r.Created) + "/" + r.ID} }

// at returns what stood in a place; false if Select did not make it.
func (p Place) at() (r placed, ok bool) {
	created, id, _ := strings.Cut(p.At, "/")
	ok = id != "" && !strings.Contains(id, "/")
	r = placed{&Resource{Ref: Ref{ID: id}}, p.Key}
	if ok && created != "" {
		var err error
		r.Created, err = time.Parse(timeKeyLayout, created)
		ok = err == nil
	}
	return r, ok
}

// A window collects the matches that a page is made of, and one more.
type window struct {
	q      Query
	after  placed
	total  int
	follow int                  // how many come after q.After
	found  []placed             // in the order of creation
	sorted least.Window[placed] // in any other order, with those before the page
}

func newWindow(q Query) (*window, error) {
	w := &window{q: q}
	w.q.Offset, w.q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	if w.q.Limit > 0 && !q.Sort.IsZero() {
		w.sorted = least.Window[placed]{Size: w.q.Offset + w.q.Limit + 1, Compare: w.compare}
		if w.sorted.Size <= 0 {
			w.sorted.Size = math.MaxInt
		}
	}
	if ok := true; !q.After.IsZero() {
		if w.after, ok = q.After.at(); !ok {
			return nil, Errorf(ErrInvalidCursor, "there is no such place")
		}
	}
	return w, nil
}

func (w *window) add(r *Resource) {
	w.total++
	if w.q.Limit == 0 {
		return
	}
	p := placed{r, w.q.Sort.Key(r)}
	if w.after.Resource != nil && w.compare(p, w.after) <= 0 {
		return
	}
	if !w.q.Sort.IsZero() {
		w.sorted.Add(p)
	} else if w.follow++; w.follow > w.q.Offset && len(w.found) <= w.q.Limit {
		w.found = append(w.found, p)
	}
}

func (w *window) compare(a, b placed) int {
	if c := w.q.Sort.Compare(a.key, b.key); c != 0 {
		return c
	}
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

func (w *window) page() *Page {
	if w.q.Limit > 0 && !w.q.Sort.IsZero() {
		w.found = w.sorted.All()
		w.found = w.found[min(w.q.Offset, len(w.found)):]
	}
	page := &Page{Total: w.total}
	n := min(w.q.Limit, len(w.found))
	for _, r := range w.found[:n] {
		page.Resources = append(page.Resources, w.q.Projection.of(r.Resource))
	}
	if w.q.Resumes && 0 < n && n < len(w.found) {
		page.Next = w.found[n-1].place()
	}
	return page
}

// of returns r without the sets that are not wanted.
func (p Projection) of(r *Resource) *Resource {
	if (p.Members || r.Members == nil) && (p.Groups || r.Groups == nil) {
		return r
	}
	bare := *r
	if !p.Members {
		bare.Members = nil
	}
	if !p.Groups {
		bare.Groups = nil
	}
	return &bare
}
