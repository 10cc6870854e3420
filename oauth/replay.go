package oauth

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/usherkit/scim"
)

// How many assertions are remembered, of some two hundred bytes each. A client
// needs one an hour, and none gets another's share.
const (
	mostSeen       = 200_000
	mostSeenOfEach = 1000
)

// seen remembers which assertions were used, in this process.
type seen struct {
	now func() time.Time

	mu     sync.Mutex
	used   map[[sha256.Size]byte]use
	counts map[string]int // by client
	swept  time.Time
}

type use struct {
	client string
	until  time.Time
}

func newSeen(now func() time.Time) *seen {
	return &seen{now: now, used: map[[sha256.Size]byte]use{}, counts: map[string]int{}}
}

// first reports whether an assertion comes for the first time, and remembers it
// until it can come no more.
func (s *seen) first(_ context.Context, clientID, jti string, until time.Time) (bool, error) {
	id := sha256.Sum256([]byte(clientID + "\x00" + jti)) // no client id has a NUL
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if last, found := s.used[id]; found && !last.until.Before(now) {
		return false, nil
	}
	full := func() bool { return len(s.used) >= mostSeen || s.counts[clientID] >= mostSeenOfEach }
	if full() && now.Sub(s.swept) >= time.Second {
		s.sweep(now)
	}
	if full() { // rather none than one twice
		return false, &scim.Error{Kind: scim.ErrTooManyRequests, Detail: "too many assertions", RetryAfter: skew}
	}
	if _, found := s.used[id]; !found {
		s.counts[clientID]++
	}
	s.used[id] = use{clientID, until}
	return true, nil
}

// sweep forgets what has expired.
func (s *seen) sweep(now time.Time) {
	s.swept = now
	for id, u := range s.used {
		if !u.until.Before(now) {
			continue
		}
		delete(s.used, id)
		if s.counts[u.client]--; s.counts[u.client] == 0 {
			delete(s.counts, u.client)
		}
	}
}
