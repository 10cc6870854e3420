// Package least keeps the first few of a sequence that is not in order.
package least

import "slices"

// A Window collects the least of the elements it is given.
type Window[T any] struct {
	Size    int              // how many are kept; none if it is not positive
	Compare func(a, b T) int // is 0 for the same element alone

	found []T
	last  T // the greatest one kept
	full  bool
}

// Add takes an element, unless as many are known that are less.
func (w *Window[T]) Add(v T) {
	if w.Size <= 0 || w.full && w.Compare(v, w.last) >= 0 {
		return
	}
	w.found = append(w.found, v)
	// To sort now and then, when half of what was found is too much, costs
	// less than a heap, and as few comparisons.
	if len(w.found)/2 >= w.Size {
		w.trim()
	}
}

func (w *Window[T]) trim() {
	slices.SortFunc(w.found, w.Compare)
	if 0 < w.Size && w.Size <= len(w.found) {
		clear(w.found[w.Size:])
		w.found = w.found[:w.Size]
		w.last, w.full = w.found[w.Size-1], true
	}
}

// All returns the elements kept, the least first.
func (w *Window[T]) All() []T {
	w.trim()
	return w.found
}
