package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUnknownsAreBounded: addresses that are made up cost few look-ups, and drive out
// none that is right for longer than a minute.
func TestUnknownsAreBounded(t *testing.T) {
	var u unknowns
	contoso := stranger{tenant: "contoso"}
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for range 3 {
		for i := range 2 * mostUnknowns {
			u.add(stranger{tenant: fmt.Sprint("made-up-", i)}, start)
		}
	}
	u.add(contoso, start)
	if taken := u.take(start); len(taken.waits) != mostUnknowns || !taken.minute.Equal(start.Truncate(time.Minute)) {
		t.Errorf("%d wait, of %v", len(taken.waits), taken.minute)
	}
	u.add(stranger{tenant: "made-up-1"}, start.Add(50*time.Second))
	if taken := u.take(start.Add(50 * time.Second)); len(taken.waits) != 0 {
		t.Errorf("%v is told twice in a minute", taken.waits)
	}
	u.add(contoso, start.Add(time.Minute))
	if taken := u.take(start.Add(time.Minute)); len(taken.waits) != 1 || taken.waits[0] != contoso {
		t.Errorf("in the next minute %v wait", taken.waits)
	}
	if u.take(start.Add(2 * time.Minute)); u.told != nil {
		t.Errorf("%d are remembered when their minute is over", len(u.told))
	}
	u.add(contoso, start.Add(time.Minute)) // by a clock that was set back
	if taken := u.take(start.Add(time.Minute)); len(taken.waits) != 1 {
		t.Errorf("after that %v wait", taken.waits)
	}
}

// TestStrangersThatCannotBe: nothing is kept of what no tenant and no connection can be
// called.
func TestStrangersThatCannotBe(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	for _, tt := range []struct {
		name string
		s    stranger
		want int
	}{
		{"a tenant", stranger{tenant: "contoso"}, 1},
		{"a connection", stranger{id: "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"}, 1},
		{"a long tenant", stranger{tenant: long}, 0},
		{"a long id", stranger{id: long}, 0},
		{"two segments", stranger{tenant: "a/b"}, 0},
		{"a segment that goes up", stranger{tenant: ".."}, 0},
		{"no UTF-8", stranger{tenant: "\xff"}, 0},
		{"an id that is no UTF-8", stranger{id: "\xff"}, 0},
		{"a NUL", stranger{tenant: "a\x00"}, 0},
		{"nothing", stranger{}, 0},
	} {
		p := &pending{r: &Registry{now: newClock().now}}
		p.strange(tt.s)
		if got := len(p.unknown.waits); got != tt.want || len(p.unknown.told) != tt.want {
			t.Errorf("%s: %d wait and %d are remembered, want %d", tt.name, got, len(p.unknown.told), tt.want)
		}
	}
}

// TestStrangersComeLast: they hold up no record, and all of them together the next ones
// for two seconds at most, however slow it is to find whom they came to.
func TestStrangersComeLast(t *testing.T) {
	s := &ordered{Store: new(Memory)}
	r := newRegistry(t, s, newClock())
	c, _ := connect(t, r, "contoso")
	r.pending.writing <- struct{}{} // nobody writes until all is there
	for i := range 10 {
		r.pending.strange(stranger{tenant: fmt.Sprint("made-up-", i)})
	}
	r.pending.add(t.Context(), &noted{Record: Record{ID: "00", Connection: c.Ref(), Status: 400}})
	<-r.pending.writing
	if err := r.pending.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := s.calls, []string{"a record", "whose a tenant is"}; !slices.Equal(got, want) {
		t.Errorf("the Store was asked for %q; want %q, and no more after an error", got, want)
	}
	if s.most > findWithin || s.most <= 0 {
		t.Errorf("it had %v for that, want %v at most", s.most, findWithin)
	}
}

// ordered is a Store that cannot tell whose a tenant is.
type ordered struct {
	Store
	calls []string
	most  time.Duration
}

func (s *ordered) Append(ctx context.Context, records []Record) error {
	s.calls = append(s.calls, "a record")
	return s.Store.Append(ctx, records)
}

func (s *ordered) Connections(ctx context.Context, _ string, _ Ref, _ int) ([]Connection, error) {
	s.calls = append(s.calls, "whose a tenant is")
	if until, ok := ctx.Deadline(); ok {
		s.most = time.Until(until)
	}
	return nil, errors.New("too slow")
}
