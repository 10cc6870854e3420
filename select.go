package scim

import (
	"cmp"
	"iter"
	"slices"
)

// Select returns the page that q asks for of the resources that all yields:
// those that match q.Filter, counted all, in the order of q.Sort, and kept from
// q.Offset or q.After on, at most q.Limit of them. It stops at the first error.
// A Store uses it for what it cannot evaluate itself:
//
//	if id, ok := scim.Requires(q.Filter, "id"); ok { … } // yield only that one
//	return scim.Select(all, q)
//
// What all yields must be of q's tenant and type, in the order of creation
// (those with the same Created by their IDs), and have the Members and Groups
// that the filter may ask about; the page has them only if q.Projection wants
// them. To sort, Select holds all matches at once.
func Select(all iter.Seq2[*Resource, error], q Query) (*Page, error) {
	w := window{q: q}
	for r, err := range all {
		if err != nil {
			return nil, err
		}
		ok, err := Match(q.Filter, r)
		if err != nil {
			return nil, err
		}
		if ok {
			w.add(placed{r, Place{q.Sort.Key(r), timeKey(r.Created) + "/" + r.ID}})
		}
	}
	return w.page(), nil
}

type placed struct {
	*Resource
	place Place
}

// A window collects the matches that a page is made of.
type window struct {
	q     Query
	found []placed // to be sorted: all; else those on the page and the next one
	total int
	seen  int // after q.After
}

func (w *window) add(r placed) {
	w.total++
	if !w.q.After.IsZero() && w.compare(r.place, w.q.After) <= 0 {
		return
	}
	if !w.q.Sort.IsZero() {
		w.found = append(w.found, r)
	} else if w.seen++; w.seen > w.q.Offset && len(w.found) <= w.q.Limit {
		w.found = append(w.found, r)
	}
}

func (w *window) compare(a, b Place) int {
	return cmp.Or(w.q.Sort.Compare(a.Key, b.Key), cmp.Compare(a.At, b.At))
}

func (w *window) page() *Page {
	if !w.q.Sort.IsZero() {
		slices.SortFunc(w.found, func(a, b placed) int { return w.compare(a.place, b.place) })
		w.found = w.found[min(max(w.q.Offset, 0), len(w.found)):]
	}
	page := &Page{Total: w.total}
	n := min(max(w.q.Limit, 0), len(w.found))
	for _, r := range w.found[:n] {
		page.Resources = append(page.Resources, w.q.Projection.of(r.Resource))
	}
	if 0 < n && n < len(w.found) {
		page.Next = w.found[n-1].place
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
