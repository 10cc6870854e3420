package oauth

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// What is remembered is bounded, and a client that fills its share takes nobody
// else's.
func TestSeenIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSeen(func() time.Time { return now })
	until := now.Add(time.Hour)
	for i := range mostSeenOfEach {
		if first, err := s.first(t.Context(), "greedy", strconv.Itoa(i), until); !first || err != nil {
			t.Fatalf("%d: got %v, %v", i, first, err)
		}
	}
	if _, err := s.first(t.Context(), "greedy", "more", until); !errors.Is(err, scim.ErrTooManyRequests) {
		t.Errorf("beyond its share: got %v, want too many requests", err)
	}
	if first, err := s.first(t.Context(), "greedy", "0", until); first || err != nil {
		t.Errorf("one that was seen: got %v, %v; want that it is not the first", first, err)
	}
	for i := range mostSeen - mostSeenOfEach {
		if first, err := s.first(t.Context(), fmt.Sprint("client", i/mostSeenOfEach), strconv.Itoa(i), until); !first || err != nil {
			t.Fatalf("%d of others: got %v, %v", i, first, err)
		}
	}
	if _, err := s.first(t.Context(), "another", "1", until); !errors.Is(err, scim.ErrTooManyRequests) {
		t.Errorf("beyond all: got %v, want too many requests", err)
	}
	now = until.Add(time.Second)
	if first, err := s.first(t.Context(), "greedy", "0", now.Add(time.Hour)); !first || err != nil {
		t.Errorf("after all have expired: got %v, %v", first, err)
	}
	if len(s.used) != 1 || len(s.counts) != 1 || s.counts["greedy"] != 1 {
		t.Errorf("%d are remembered, of %v; want one", len(s.used), s.counts)
	}
}
