package tenant

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A stranger is somebody who showed a token that is none of a tenant's, at its address,
// or asked for an access token for a connection without its credentials: with something
// that was pasted wrong, most often.
type stranger struct{ tenant, id string } // one of both

// canBe reports whether there may be such a tenant or connection: what no setting could
// be, nobody looks for.
func (s stranger) canBe() bool {
	if s.tenant != "" {
		return checkTenant(s.tenant) == nil
	}
	return checkText("the ID", s.id, true) == nil
}

// unknowns are the strangers of a minute. What they did is told to the connections once,
// by a mark and not by a record, so that who knows an address or an id can fill nothing.
type unknowns struct {
	minute time.Time
	told   map[stranger]bool
	waits  []stranger
}

// mostUnknowns is of how many tenants and connections, that there may be or not, it is
// looked up in a minute which there are.
const mostUnknowns = 1000

// findWithin is how long the connections may take to find that strangers came to.
const findWithin = 2 * time.Second

func (u *unknowns) add(s stranger, now time.Time) {
	if minute := now.UTC().Truncate(time.Minute); !minute.Equal(u.minute) {
		u.minute, u.told = minute, map[stranger]bool{}
	}
	if len(u.told) < mostUnknowns && !u.told[s] {
		s = stranger{strings.Clone(s.tenant), strings.Clone(s.id)} // of a request, which may be long
		u.told[s] = true
		u.waits = append(u.waits, s)
	}
}

// take returns those that wait to be told, and when they were seen.
func (u *unknowns) take(now time.Time) unknowns {
	taken := unknowns{minute: u.minute, waits: u.waits}
	u.waits = nil
	if !now.UTC().Truncate(time.Minute).Equal(u.minute) {
		*u = unknowns{}
	}
	return taken
}

// strange notes a stranger.
func (p *pending) strange(s stranger) {
	if !s.canBe() {
		return
	}
	now := p.r.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknown.add(s, now)
}

// wrong returns what is to be noted of strangers. Where the database is slow it is not
// all: they are worth no more of its time, nor of that of the records that come next.
func (p *pending) wrong(u unknowns) (seen []Seen) {
	if len(u.waits) == 0 {
		return nil
	}
	p.within(findWithin, "whom strangers came to could not be read", func(ctx context.Context) error {
		for _, s := range u.waits {
			list, err := p.met(ctx, s)
			if err != nil {
				return err
			}
			for i := range list {
				seen = append(seen, Seen{Ref: list[i].Ref(), Unknown: u.minute})
			}
		}
		return nil
	}, "strangers", len(u.waits))
	return seen
}

// met returns the connections that a stranger came to.
func (p *pending) met(ctx context.Context, s stranger) ([]Connection, error) {
	const most = 100 // of a tenant
	if s.id == "" {
		return p.r.store.Connections(ctx, s.tenant, Ref{}, most)
	}
	c, _, err := p.r.store.Find(ctx, s.id, p.r.now())
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []Connection{c}, nil
}
