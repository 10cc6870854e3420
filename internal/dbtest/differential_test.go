package dbtest

import (
	"testing"
	"time"
)

// Each page of random queries of random resources is memstore's: the resources,
// their order, the total, the sets, and the walk by cursor to the end, in
// transactions too. What the database evaluates by itself never differs.
func TestDifferential(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		p := newPopulation(t, open(clock.now), clock)
		for range 300 {
			p.create(t.Context())
		}
		for range 100 {
			p.regroup(t.Context())
		}
		for i := range rounds(1500) {
			if i%10 == 0 {
				p.step(t.Context())
			}
			if p.ask(t.Context()); t.Failed() {
				t.Fatalf("query %d", i)
			}
		}
	})
}
