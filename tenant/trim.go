package tenant

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// trimmed is when the records of a connection were trimmed, and how many came since, from this
// process.
type trimmed struct {
	at    time.Time
	since int
	bytes int // in those
}

const (
	trimEvery = 5 * time.Minute
	trimAfter = 1000 // records
)

// trim deletes what is beyond LogOptions of the connections that have new records,
// now and then.
func (p *pending) trim(ctx context.Context) (err error) {
	now := p.r.now()
	log := p.r.options.Log
	for ref, t := range p.trimmed {
		switch due := now.Sub(t.at) >= trimEvery || now.Before(t.at); {
		case t.since == 0 && due:
			delete(p.trimmed, ref)
		case t.since > 0 && due, t.since >= trimAfter:
			p.trimmed[ref] = trimmed{at: now}
			keep, of := p.fitting(ctx, ref, t)
			if of == nil {
				of = p.r.store.Trim(ctx, ref, stamp(now.Add(-log.MaxAge)), keep)
			}
			if of != nil && !errors.Is(of, ErrNotFound) {
				err = errors.Join(err, fmt.Errorf("connection %s: %w", ref.ID, of))
			}
		}
	}
	return err
}

// expire deletes what is too old of all connections, those too that are not used any
// more: now and then.
func (p *pending) expire(ctx context.Context) error {
	const every = time.Hour
	now := p.r.now()
	if age := now.Sub(p.expired); age >= 0 && age < every {
		return nil
	}
	p.expired = now
	return p.r.store.Expire(ctx, stamp(now.Add(-p.r.options.Log.MaxAge)))
}

// fitting returns how many of the newest records of a connection there is room for.
// It looks at them only if they are so long, by those that came, that there may not
// be for as many as may be kept.
func (p *pending) fitting(ctx context.Context, ref Ref, t trimmed) (int, error) {
	log := p.r.options.Log
	if t.since == 0 || t.bytes/t.since <= log.MaxBytes/log.MaxRecords {
		return log.MaxRecords, nil
	}
	n, bytes := 0, 0
	for q := (Query{Tenant: ref.Tenant, Connection: ref.ID}); ; {
		page, err := p.r.store.Records(ctx, q)
		if err != nil || len(page) == 0 {
			return log.MaxRecords, err
		}
		for i := range page {
			if bytes += page[i].size(); n == log.MaxRecords || bytes > log.MaxBytes {
				return n, nil
			}
			n++
		}
		q.Before = page[len(page)-1].ID
	}
}
