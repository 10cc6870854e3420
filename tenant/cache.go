package tenant

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
)

// An entry is what is known of a token, or of a connection, since it was read.
// found is nil if there is no such thing.
type entry struct {
	// What each request needs lies together: among a hundred thousand, what is
	// somewhere else is in no cache of the processor.
	read      time.Time
	hash      [hashLength]byte // of the token
	ends      time.Time        // the token
	revoked   bool             // likewise
	tokenID   string           // empty for a connection
	principal scim.Principal

	found *Connection
	live  bool   // the connection has a live token
	state *state // of the connection

	renewing atomic.Bool  // somebody reads it anew
	used     atomic.Int64 // the minute of the last use that was noted, in seconds since 1970
}

// whose returns whose token it is, if it is anybody's.
func (e *entry) whose() scim.Principal {
	if e == nil {
		return scim.Principal{}
	}
	return e.principal
}

// mostUnknown is how many ids that there are not are remembered. They have room of
// their own: made-up ones drive out no other.
const mostUnknown = 1000

// alive reports whether the token is accepted.
func (e *entry) alive(at time.Time) bool {
	return !e.revoked && (e.ends.IsZero() || at.Before(e.ends))
}

// A cache holds entries by the ids of tokens, and of connections after a slash, and
// the states of connections in this process.
type cache struct {
	most int

	mu      sync.Mutex
	entries map[string]*entry
	unknown map[string]*entry // of what there is not: a flood of one unknown token costs one read
	states  map[Ref]*state
	changes int // how often something was forgotten
}

func newCache(most int) cache {
	return cache{most: most, entries: map[string]*entry{}, unknown: map[string]*entry{}, states: map[Ref]*state{}}
}

func (c *cache) get(key string) (*entry, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		e = c.unknown[key]
	}
	return e, c.changes
}

// put keeps an entry, unless something was forgotten since it began to be read,
// perhaps itself, which it reports: it changes nothing for others then.
func (c *cache) put(key string, e *entry, changes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	current := changes == c.changes
	if e.found != nil {
		e.principal = e.found.principal()
		e.state = c.stateOf(e.found, current)
	}
	if !current {
		return false
	}
	if e.found == nil {
		delete(c.entries, key)
		keep(c.unknown, key, e, min(mostUnknown, c.most))
		return true
	}
	delete(c.unknown, key)
	keep(c.entries, key, e, c.most)
	return true
}

// keep adds an entry in the place of any other one, if there are too many: what is
// used comes back.
func keep(entries map[string]*entry, key string, e *entry, most int) {
	if _, there := entries[key]; !there && len(entries) >= most {
		for other := range entries {
			delete(entries, other)
			break
		}
	}
	entries[key] = e
}

// stateOf returns the state of a connection, which goes on if its Limits are what
// they were. A Connection that is not current decides on nothing for others: if
// there is no state, it gets one of its own.
func (c *cache) stateOf(of *Connection, current bool) *state {
	ref := of.Ref()
	s := c.states[ref]
	if !current {
		if s == nil {
			s = newState(of.Limits)
		}
		return s
	}
	if s == nil || s.limits != of.Limits {
		if s == nil && len(c.states) >= c.most {
			c.dropState()
		}
		s = newState(of.Limits)
		c.states[ref] = s
	}
	s.brakes = !of.Brake.isZero()
	return s
}

// dropState drops one that is not in use, if there is one.
func (c *cache) dropState() {
	for ref, s := range c.states {
		if len(s.slots) == 0 {
			delete(c.states, ref)
			return
		}
	}
}

// brakes reports whether a connection has a Brake, or may have one: nothing is known
// of it.
func (c *cache) brakes(ref Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.states[ref]
	return s == nil || s.brakes
}

// faulted notes that a request of a connection was refused for a reason that was none
// of its own: when the next one is seen that is good is to be known exactly, as it may
// come in the same minute.
func (c *cache) faulted(ref Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.states[ref]; s != nil {
		s.faulted.Store(true)
	}
}

// forget drops all that is known of a connection and its tokens.
func (c *cache) forget(ref Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for key, e := range c.entries {
		if e.found != nil && e.found.Ref() == ref {
			delete(c.entries, key)
		}
	}
}

// known returns an entry, read by a function if it is not known or not known of
// late, or to be read anew. Half-way before it must not be used any more one caller reads it anew, and
// the others go on with what is known.
func (r *Registry) known(ctx context.Context, key string, how lookup, read func(*entry) error) (*entry, error) {
	now := r.now()
	e, changes := r.cache.get(key)
	if e != nil && !how.fresh {
		switch age := now.Sub(e.read); {
		case age < r.options.CacheTTL/2 && age >= 0:
			return e, nil
		case age < r.options.CacheTTL && age >= 0 && !e.renewing.CompareAndSwap(false, true):
			return e, nil
		}
	}
	if e == nil || e.found == nil && how.fresh {
		if wait := how.from.blocked(now); wait > 0 {
			return nil, tooManyFailures(wait, nil)
		}
	}
	fresh := &entry{read: now}
	if err := read(fresh); err != nil && !errors.Is(err, ErrNotFound) {
		if e != nil {
			e.renewing.Store(false)
		}
		return nil, err
	}
	if e != nil {
		fresh.used.Store(e.used.Load())
	}
	if !r.cache.put(key, fresh, changes) && e != nil {
		e.renewing.Store(false)
	}
	return fresh, nil
}
