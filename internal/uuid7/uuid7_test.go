package uuid7

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	start := time.Date(2026, 3, 4, 5, 6, 7, 89_123_456, time.UTC)
	s := new(Source)
	last := ""
	for i := range 20_000 {
		now := start
		switch { // the clock stands still, goes back, and goes on
		case i > 15_000:
			now = start.Add(time.Duration(i) * time.Millisecond)
		case i > 10_000:
			now = start.Add(-time.Hour)
		}
		id, at := s.Next(now)
		if !form.MatchString(id) {
			t.Fatalf("got %s, want a UUID of version 7", id)
		}
		if id <= last {
			t.Fatalf("got %s after %s, want a greater one", id, last)
		}
		if got, want := id[:8]+id[9:13], fmt.Sprintf("%012x", at.UnixMilli()); got != want {
			t.Fatalf("got the time %s in the id, and %s beside it", got, want)
		}
		if now.Sub(at) >= time.Millisecond || i < 3000 && at.After(now) { // 3591 ids fit into the rest of the millisecond
			t.Fatalf("id %d: got %s, want %s or a little later", i, at, now)
		}
		last = id
	}
	id, at := new(Source).Next(start)
	if got, want := id[:13], fmt.Sprintf("%012x", start.UnixMilli()); got != want[:8]+"-"+want[8:] {
		t.Errorf("got the time %s, want %s", got, want)
	}
	if want := start.Truncate(time.Millisecond); !at.Equal(want) {
		t.Errorf("got the time %s, want %s", at, want)
	}
	if got, _ := new(Source).Next(time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)); !form.MatchString(got) {
		t.Errorf("before 1970: got %s, want a UUID of version 7", got)
	}
}
