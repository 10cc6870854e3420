package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
)

// An entry is what is known of a token, or of a connection, since it was read.
// found is nil if there is no such thing: a flood of one unknown token costs one
// read.
type entry struct {
	// What each request needs lies together: among a hundred thousand, what is
	// somewhere else is in no cache of the processor.
	read      time.Time
	hash      [sha256.Size]byte // of the token
	ends      time.Time         // the token
	tokenID   string            // empty for a connection
	principal scim.Principal

	found *Connection
	live  bool   // the connection has a live token
	state *state // of the connection

	renewing atomic.Bool  // somebody reads it anew
	used     atomic.Int64 // the minute of the last use that was noted, in seconds since 1970
}

// A cache holds entries by the ids of tokens, and of connections after a slash, and
// the states of connections in this process.
type cache struct {
	most int

	mu      sync.Mutex
	entries map[string]*entry
	states  map[Ref]*state
	changes int // how often something was forgotten
}

func newCache(most int) cache {
	return cache{most: most, entries: map[string]*entry{}, states: map[Ref]*state{}}
}

func (c *cache) get(key string) (*entry, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key], c.changes
}

// put keeps an entry, unless something was forgotten since it began to be read:
// perhaps itself.
func (c *cache) put(key string, e *entry, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.found != nil {
		e.principal = e.found.principal()
		e.state = c.stateOf(e.found)
		e.state.brakes = !e.found.Brake.isZero()
	}
	if changes != c.changes {
		return
	}
	if _, there := c.entries[key]; !there && len(c.entries) >= c.most {
		for other := range c.entries { // any: what is used comes back
			delete(c.entries, other)
			break
		}
	}
	c.entries[key] = e
}

// stateOf returns the state of a connection, which goes on if its Limits are what
// they were.
func (c *cache) stateOf(of *Connection) *state {
	ref := of.Ref()
	if s := c.states[ref]; s != nil && s.limits == of.Limits {
		return s
	}
	if len(c.states) >= c.most {
		for other, s := range c.states {
			if len(s.slots) == 0 {
				delete(c.states, other)
				break
			}
		}
	}
	s := newState(of.Limits)
	c.states[ref] = s
	return s
}

// brakes reports whether a connection has a Brake, or may have one: nothing is known
// of it.
func (c *cache) brakes(ref Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.states[ref]
	return s == nil || s.brakes
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
// late. Half-way before it must not be used any more one caller reads it anew, and
// the others go on with what is known.
func (r *Registry) known(ctx context.Context, key string, from *source, read func(*entry) error) (*entry, error) {
	now := r.now()
	e, changes := r.cache.get(key)
	if e != nil {
		switch age := now.Sub(e.read); {
		case age < r.options.Stale/2 && age >= 0:
			return e, nil
		case age < r.options.Stale && age >= 0 && !e.renewing.CompareAndSwap(false, true):
			return e, nil
		}
	} else if wait := from.blocked(now); wait > 0 {
		return nil, tooManyFailures(wait, nil)
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
	r.cache.put(key, fresh, changes)
	return fresh, nil
}
