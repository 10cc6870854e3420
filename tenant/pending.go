package tenant

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// pending is what is written in the background, so that a request does not wait for
// it: once a second, or when there is much of it.
type pending struct {
	r *Registry

	mu      sync.Mutex
	seen    map[string]Seen // by the ids of tokens, or of connections after a slash
	records []noted
	bodies  int        // bytes in them
	full    *sync.Cond // there is room again

	writing sync.Mutex // held by who writes
	key     []byte     // of pseudonyms
	trimmed map[Ref]trimmed

	wake    chan struct{}
	stopped chan struct{}
	stops   sync.Once
	done    chan struct{}
}

const (
	writeEvery  = time.Second
	writeAt     = 256  // records
	mostRecords = 4096 // that wait; whoever has one more waits too
	mostBodies  = 32 << 20
)

func (p *pending) start(r *Registry) {
	p.r, p.seen, p.trimmed = r, map[string]Seen{}, map[Ref]trimmed{}
	p.key = maskKey(r.options.Key)
	p.full = sync.NewCond(&p.mu)
	p.wake, p.stopped, p.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
}

func (p *pending) run() {
	defer close(p.done)
	every := time.NewTicker(writeEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-p.wake:
		case <-p.stopped:
			p.write()
			return
		}
		p.write()
	}
}

// stop writes what there is and ends.
func (p *pending) stop() error {
	p.stops.Do(func() { close(p.stopped) })
	<-p.done
	return nil
}

// write writes what there is. What cannot be written is told of and dropped: the
// requests were answered, and the database that refused it has refused others.
func (p *pending) write() {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	seen, waiting := p.seen, p.records
	p.seen, p.records, p.bodies = map[string]Seen{}, nil, 0
	p.full.Broadcast()
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	records := make([]Record, 0, len(waiting))
	for _, n := range thinned(waiting) {
		records = append(records, n.record(p.key))
	}
	list := lastErrors(records)
	for _, s := range seen {
		list = append(list, s)
	}
	if len(list) > 0 {
		if err := p.r.store.Note(ctx, list); err != nil {
			p.r.options.Logger.Error("tenant: what was seen of connections could not be stored", "connections", len(list), "err", err)
		}
	}
	for some := range slices.Chunk(records, writeAt) { // so that the database has time for others between
		if err := p.r.store.Append(ctx, some); err != nil {
			p.r.options.Logger.Error("tenant: records could not be stored", "records", len(some), "err", err)
		}
	}
	p.trim(ctx, records)
}

// trimmed is when the records of a connection were trimmed, and how many came since.
type trimmed struct {
	at    time.Time
	since int
}

const (
	trimEvery = 5 * time.Minute
	trimAfter = 1000 // records
)

// trim deletes what is beyond LogOptions of the connections that have new records,
// now and then.
func (p *pending) trim(ctx context.Context, records []Record) {
	now := p.r.now()
	for _, rec := range records {
		t := p.trimmed[rec.Connection]
		t.since++
		p.trimmed[rec.Connection] = t
	}
	log := p.r.options.Log
	for ref, t := range p.trimmed {
		switch due := now.Sub(t.at) >= trimEvery || now.Before(t.at); {
		case t.since == 0 && due:
			delete(p.trimmed, ref)
		case t.since > 0 && due, t.since >= trimAfter:
			p.trimmed[ref] = trimmed{at: now}
			if err := p.r.store.Trim(ctx, ref, stamp(now.Add(-log.Age)), log.Count); err != nil && !errors.Is(err, ErrNotFound) {
				p.r.options.Logger.Error("tenant: old records could not be deleted", "connection", ref.ID, "err", err)
			}
		}
	}
}

// see notes that a token was used, once a minute.
func (p *pending) see(e *entry, now time.Time) {
	now = now.UTC().Truncate(time.Minute)
	if last := e.used.Load(); last >= now.Unix() || !e.used.CompareAndSwap(last, now.Unix()) {
		return
	}
	key := cmp.Or(e.tokenID, "/"+e.found.ID)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seen[key]
	s.Ref, s.TokenID, s.At = e.found.Ref(), e.tokenID, now
	p.seen[key] = s
}

// add notes a record, when there is room for it.
func (p *pending) add(n noted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.records) >= mostRecords || p.bodies >= mostBodies {
		p.awake()
		p.full.Wait()
	}
	p.records = append(p.records, n)
	p.bodies += len(n.Body)
	if len(p.records) == writeAt {
		p.awake()
	}
}

// awake has what there is written soon.
func (p *pending) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
