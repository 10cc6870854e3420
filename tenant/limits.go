package tenant

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/usherkit/scim"
)

// A state is what a connection is doing in this process.
type state struct {
	limits Limits
	rate   *rate.Limiter
	slots  chan struct{} // one for each request that is being answered
	leave  func()

	brakes bool // the connection has a Brake; of the cache, under its lock

	faulted atomic.Bool // the last request was refused, for a reason that was none of its own
}

func newState(l Limits) *state {
	full := l.withDefaults()
	s := &state{limits: l, rate: rate.NewLimiter(rate.Limit(full.Rate), full.Burst), slots: make(chan struct{}, full.Concurrent)}
	s.leave = func() { <-s.slots }
	return s
}

// patience is how long a request waits for others of its connection to be answered.
const patience = time.Second

// enter reports whether the connection may make a request, and returns what is to
// be called when it is answered.
func (s *state) enter(ctx context.Context, now time.Time) (done func(), err error) {
	if !s.rate.AllowN(now, 1) { // which takes nothing then: of reservations that are given back at once, some are lost
		missing := max(1-s.rate.TokensAt(now), 0)
		wait := max(time.Duration(missing/float64(s.rate.Limit())*float64(time.Second)), time.Millisecond)
		return nil, &scim.Error{
			Kind: scim.ErrTooManyRequests, RetryAfter: wait,
			Detail: "too many requests of this connection: " + s.limits.withDefaults().text(),
		}
	}
	select {
	case s.slots <- struct{}{}:
		return s.leave, nil
	default:
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case s.slots <- struct{}{}:
		return s.leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, &scim.Error{
			Kind: scim.ErrTooManyRequests, RetryAfter: patience,
			Detail: "too many requests of this connection at the same time: " + s.limits.withDefaults().text(),
		}
	}
}

// text says what the limits are, for people.
func (l Limits) text() string {
	return fmt.Sprintf("%g in a second, %d at once after a pause, and %d being answered at the same time, are what it may make", l.Rate, l.Burst, l.Concurrent)
}

// sources bound how many tokens that are not valid come from one address. Identity
// providers have addresses that all their customers share, so a valid token is
// accepted whatever others do.
type sources struct {
	each  int           // in a minute
	spare *rate.Limiter // of attempts from those that failed too often, all together

	mu    sync.Mutex
	known map[string]*rate.Limiter // of those that failed
}

// spareRate is how many tokens in a second are looked up in vain, at most, in each
// process, for addresses that failed too often: among them may be a valid one that is
// not known yet.
const spareRate = 50

// mostSources is how many are remembered. With more, some begin anew.
const mostSources = 10_000

func newSources(each int) sources {
	return sources{each: each, spare: rate.NewLimiter(spareRate, spareRate), known: map[string]*rate.Limiter{}}
}

// A source is an address that requests come from; nil: it does not matter from
// where.
type source struct {
	all     *sources
	address string
}

// failed notes a token that is not valid, and returns how long the source must wait
// if there were too many.
func (s *source) failed(now time.Time) time.Duration {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	l := s.all.known[s.address]
	if l == nil {
		if len(s.all.known) >= mostSources {
			s.all.shrink(now)
		}
		l = rate.NewLimiter(rate.Limit(s.all.each)/60, s.all.each)
		s.all.known[s.address] = l
	}
	if l.AllowN(now, 1) {
		return 0
	}
	return time.Minute / time.Duration(s.all.each)
}

// blocked returns how long the source must wait before another of its tokens is
// looked up that is not known: if it has failed too often and others like it leave no
// attempt to spare.
func (s *source) blocked(now time.Time) time.Duration {
	if s == nil || !s.suspect(now) || s.all.spare.AllowN(now, 1) {
		return 0
	}
	return time.Minute / time.Duration(s.all.each)
}

// suspect reports whether the source has failed too often of late.
func (s *source) suspect(now time.Time) bool {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	l := s.all.known[s.address]
	return l != nil && l.TokensAt(now) < 1
}

// shrink forgets those who have not failed for a while, or any.
func (s *sources) shrink(now time.Time) {
	for address, l := range s.known {
		if l.TokensAt(now) >= float64(s.each) {
			delete(s.known, address)
		}
	}
	for address := range s.known {
		if len(s.known) < mostSources*3/4 { // not soon again
			return
		}
		delete(s.known, address)
	}
}

func tooManyFailures(wait time.Duration, cause error) error {
	return &scim.Error{Kind: scim.ErrTooManyRequests, Detail: "too many tokens from this address are not valid: try again later", RetryAfter: wait, Err: cause}
}

// addressOf is where the connection of a request comes from.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	return Network(a)
}

// Network returns what stands for an address in Options.Source, as the default has it:
// of IPv6 its /64, which is
// what one customer has.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		prefix, _ := a.Prefix(64)
		return prefix.String()
	}
	return a.String()
}
