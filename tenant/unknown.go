package tenant

import (
	"context"
	"time"
)

// unknowns are the tenants at whose addresses somebody showed a token that is none of
// theirs: one that was pasted wrong, most often. That is told to the tenant's
// connections once a minute, by a mark and not by a record, so that a stranger who
// knows an address can fill nothing.
type unknowns struct {
	minute time.Time
	told   map[string]bool // in this minute
	waits  []string
}

// mostUnknowns is of how many tenants, that there may be or not, it is looked up in a
// minute which connections they have.
const mostUnknowns = 1000

func (u *unknowns) add(tenant string, now time.Time) {
	if minute := now.UTC().Truncate(time.Minute); !minute.Equal(u.minute) {
		u.minute, u.told = minute, map[string]bool{}
	}
	if len(u.told) < mostUnknowns && !u.told[tenant] {
		u.told[tenant] = true
		u.waits = append(u.waits, tenant)
	}
}

// take returns those that wait to be told, and when they were seen.
func (u *unknowns) take() unknowns {
	taken := unknowns{minute: u.minute, waits: u.waits}
	u.waits = nil
	return taken
}

// strange notes that a token came to a tenant's address that is none of the tenant's.
func (p *pending) strange(tenant string) {
	now := p.r.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknown.add(tenant, now)
}

// wrong returns what is to be noted of unknown tokens.
func (p *pending) wrong(u unknowns) (seen []Seen) {
	const most = 100 // of a tenant
	for _, tenant := range u.waits {
		p.guarded("the connections of a tenant could not be read", func(ctx context.Context) error {
			list, err := p.r.store.Connections(ctx, tenant, Ref{}, most)
			for i := range list {
				seen = append(seen, Seen{Ref: list[i].Ref(), Unknown: u.minute})
			}
			return err
		})
	}
	return seen
}
