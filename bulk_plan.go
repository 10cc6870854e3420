package scim

import (
	"math"
	"net/http"
	"slices"
)

// A bulkPlan is the order in which the operations of a bulk request are done.
// It is the client's (RFC 7644 §3.7), but for operations that have to wait:
//
//   - An operation that refers to resources waits until each of them has been
//     created, or has failed to be.
//   - An operation on a resource waits for earlier ones on it that wait.
//   - POSTs that refer to each other in circles are one unit, which comes last,
//     with what waits for it.
//
// Whether an operation succeeds changes nothing of the order, so it is known
// before the first one is done, and doing it again is doing it in that order.
type bulkPlan struct {
	units [][]*bulkOperation // of one operation, or those of a circle
	order []*bulkOperation   // what units are parts of
	ready []*bulkOperation   // that wait no more
}

// waiting is the part of an operation that is of use to the plan.
type waiting struct {
	waits   int              // how many operations it waits for
	awaited []*bulkOperation // by these
	planned bool

	index, low int // of Tarjan's algorithm
}

// planBulk takes time in proportion to the operations and references.
func planBulk(ops []bulkOperation) [][]*bulkOperation {
	p := &bulkPlan{units: make([][]*bulkOperation, 0, len(ops)), order: make([]*bulkOperation, 0, len(ops))}
	var held map[string]*bulkOperation // by what they are on: the last that waits
	for i := range ops {
		o := &ops[i]
		for _, other := range o.refs {
			o.waitFor(other)
		}
		if o.method != http.MethodPost && o.bad == nil {
			if before := held[o.path]; before != nil {
				o.waitFor(before)
			}
			if o.waits > 0 {
				if held == nil {
					held = map[string]*bulkOperation{}
				}
				held[o.path] = o
			}
		}
		if o.waits == 0 {
			p.ready = append(p.ready, o)
			p.drain()
		}
	}
	if len(p.order) < len(ops) {
		for _, circle := range circles(ops) {
			if !circle[0].planned {
				p.add(circle)
				p.drain()
			}
		}
	}
	return p.units
}

func (o *bulkOperation) waitFor(other *bulkOperation) {
	if !other.planned {
		o.waits++
		other.awaited = append(other.awaited, o)
	}
}

// drain plans what waits no more, and then what waited for that alone.
func (p *bulkPlan) drain() {
	for i := 0; i < len(p.ready); i++ {
		p.add(p.ready[i : i+1])
	}
	p.ready = p.ready[:0]
}

func (p *bulkPlan) add(unit []*bulkOperation) {
	start := len(p.order)
	p.order = append(p.order, unit...)
	unit = p.order[start:len(p.order):len(p.order)]
	p.units = append(p.units, unit)
	for _, o := range unit {
		o.planned = true
	}
	for _, o := range unit {
		for _, a := range o.awaited {
			if a.waits--; a.waits == 0 && !a.planned {
				p.ready = append(p.ready, a)
			}
		}
		o.awaited = nil
	}
}

// circles finds the circles among the POSTs that are not planned yet, and those
// that are in none as circles of their own, each after the ones it refers to
// (R. Tarjan, 1972). Only a POST is referred to, so only POSTs are in circles.
func circles(ops []bulkOperation) (found [][]*bulkOperation) {
	type call struct {
		o    *bulkOperation
		next int // of its refs
	}
	var calls []call
	var stack []*bulkOperation
	visited := 0
	for i := range ops {
		if root := &ops[i]; !root.planned && root.index == 0 && root.method == http.MethodPost {
			calls = append(calls, call{o: root})
		}
		for len(calls) > 0 {
			c := &calls[len(calls)-1]
			o := c.o
			if o.index == 0 {
				visited++
				o.index, o.low = visited, visited
				stack = append(stack, o)
			}
			if c.next < len(o.refs) {
				other := o.refs[c.next]
				c.next++
				if !other.planned && other.index == 0 {
					calls = append(calls, call{o: other})
				} else if !other.planned {
					o.low = min(o.low, other.index)
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				outer := calls[len(calls)-1].o
				outer.low = min(outer.low, o.low)
			}
			if o.low < o.index {
				continue
			}
			start := len(stack) - 1
			for stack[start] != o {
				start--
			}
			circle := slices.Clone(stack[start:])
			stack = stack[:start]
			for _, o := range circle {
				o.index = math.MaxInt // of no more weight
			}
			slices.Reverse(circle) // so that of a simple one all but the first find the other there
			found = append(found, circle)
		}
	}
	return found
}
