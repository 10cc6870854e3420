package tenant

import (
	"cmp"
	"context"
	"errors"
	"hash"
	"maps"
	"runtime/debug"
	"sync"
	"time"
)

// pending is what is written in the background, so that a request does not wait for
// it: once a second, or when there is much of it.
type pending struct {
	r *Registry

	mu      sync.Mutex
	seen    map[string]Seen // by the ids of tokens, or of connections after a slash
	records []*noted
	bytes   int                // in them
	of      map[Ref]load       // what there is of each connection
	alike   map[refusal]alikes // what was refused before it was read
	dropped map[Ref]int        // records that there was no room for
	unknown unknowns
	room    chan struct{} // closed when there is room again

	writing chan struct{} // has an element while somebody writes
	key     []byte        // of pseudonyms
	trimmed map[Ref]trimmed
	expired time.Time // when what is too old was last deleted

	wake    chan struct{}
	stopped chan struct{}
	stops   sync.Once
	done    chan struct{}
}

// A load is how much waits of a connection.
type load struct{ records, bytes int }

// A refusal is what requests of a connection have in common that are refused before
// they are read, and alikes how many of them there were in a second.
type refusal struct {
	connection Ref
	status     int
}

type alikes struct {
	second int64
	n      int
}

const (
	writeEvery  = time.Second
	writeAt     = 256  // records
	mostRecords = 4096 // that wait
	mostBytes   = 32 << 20
	share       = 8                // a connection has one part of so many
	mostWait    = time.Second      // of a request, for room
	writeWithin = 10 * time.Second // each batch
)

func (p *pending) start(r *Registry) {
	p.r, p.seen, p.trimmed = r, map[string]Seen{}, map[Ref]trimmed{}
	p.of, p.alike, p.dropped = map[Ref]load{}, map[refusal]alikes{}, map[Ref]int{}
	p.key = maskKey(r.options.Key)
	p.room, p.writing = make(chan struct{}), make(chan struct{}, 1)
	p.wake, p.stopped, p.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
}

func (p *pending) run() {
	defer close(p.done)
	every := time.NewTicker(writeEvery)
	defer every.Stop()
	ctx := context.Background()
	for {
		select {
		case <-every.C:
		case <-p.wake:
		case <-p.stopped:
			p.write(ctx)
			return
		}
		p.write(ctx)
	}
}

// stop writes what there is and ends.
func (p *pending) stop() error {
	p.stops.Do(func() { close(p.stopped) })
	<-p.done
	return nil
}

// write writes what there is, when nobody else does. A context bounds how long it
// waits for that, and not what it writes: that is others', too. What cannot be
// written is told of and dropped: the requests were answered, and the database that
// refused it has refused others.
func (p *pending) write(ctx context.Context) error {
	select {
	case p.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.writing }()
	now := p.r.now()
	p.mu.Lock()
	seen, waiting, dropped, unknown := p.seen, p.records, p.dropped, p.unknown.take(now)
	p.seen, p.records, p.bytes = map[string]Seen{}, nil, 0
	p.of, p.dropped = map[Ref]load{}, map[Ref]int{}
	close(p.room)
	p.room = make(chan struct{})
	p.mu.Unlock()
	for ref, n := range dropped {
		p.r.options.Logger.Warn("tenant: there was no room for records", "connection", ref.ID, "records", n)
		waiting = append(waiting, p.r.dropped(ref, n))
	}
	list := make([]Seen, 0, len(seen))
	for _, s := range seen {
		list = append(list, s)
	}
	p.note(list)
	for len(waiting) > 0 { // some at a time, so that the database has time for others between
		n := min(len(waiting), writeAt)
		if err := p.append(waiting[:n]); errors.Is(err, context.DeadlineExceeded) {
			p.r.options.Logger.Error("tenant: the database takes no records", "dropped", len(waiting)-n)
			break
		}
		waiting = waiting[n:]
	}
	p.note(p.wrong(unknown))
	p.guarded("old records could not be deleted", p.trim)
	p.guarded("records that are too old could not be deleted", p.expire)
	return nil
}

// append writes some records, and what the connections are to remember of them.
func (p *pending) append(waiting []*noted) error {
	records, macs := make([]Record, 0, len(waiting)), map[Ref]hash.Hash{}
	for _, n := range waiting {
		p.caught("a record could not be made", func() error {
			m := n.masker(p.key)
			m.mac = macs[n.Connection]
			records = append(records, n.record(m))
			macs[n.Connection] = m.mac
			return nil
		})
	}
	p.note(lastErrors(records))
	err := p.guarded("records could not be stored", func(ctx context.Context) error { return p.r.store.Append(ctx, records) }, "records", len(records))
	for i := range records {
		t := p.trimmed[records[i].Connection]
		t.since++
		t.bytes += records[i].size()
		p.trimmed[records[i].Connection] = t
	}
	return err
}

func (p *pending) note(list []Seen) {
	if len(list) > 0 {
		p.guarded("what was seen of connections could not be stored", func(ctx context.Context) error { return p.r.store.Note(ctx, list) }, "connections", len(list))
	}
}

// guarded does something of the background within the time that there is for it.
func (p *pending) guarded(failure string, do func(context.Context) error, args ...any) error {
	return p.within(writeWithin, failure, do, args...)
}

func (p *pending) within(most time.Duration, failure string, do func(context.Context) error, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	return p.caught(failure, func() error { return do(ctx) }, args...)
}

// caught tells of what fails, and of a panic: it is nobody's request that could end
// with it.
func (p *pending) caught(failure string, do func() error, args ...any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p.r.options.Logger.Error("tenant: "+failure, append(args, "panic", v, "stack", string(debug.Stack()))...)
		}
	}()
	if err = do(); err != nil {
		p.r.options.Logger.Error("tenant: "+failure, append(args, "err", err)...)
	}
	return err
}

// see notes that a token was used: once a minute, and to the minute, but after a fault.
func (p *pending) see(e *entry, now time.Time) {
	minute := now.UTC().Truncate(time.Minute)
	last := e.used.Load()
	if e.state.faulted.Load() && e.state.faulted.CompareAndSwap(true, false) {
		e.used.Store(minute.Unix())
		now = stamp(now)
	} else if now = minute; last >= now.Unix() || !e.used.CompareAndSwap(last, now.Unix()) {
		return
	}
	key := cmp.Or(e.tokenID, "/"+e.found.ID)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seen[key]
	s.Ref, s.TokenID, s.At = e.found.Ref(), e.tokenID, now
	p.seen[key] = s
}

// Requests that are refused before anything is read cost their sender nothing, and
// come by the thousand. Of those a second's are kept that show what they are.
const fewOf = 5

// isOneTooMany reports whether enough requests of a connection were refused alike in
// this second.
func (p *pending) isOneTooMany(of Ref, status int) bool {
	k, second := refusal{of, status}, p.r.now().Unix()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.alike) >= mostRecords {
		maps.DeleteFunc(p.alike, func(_ refusal, a alikes) bool { return a.second != second })
	}
	a := p.alike[k]
	if a.second != second {
		a = alikes{second: second}
	}
	a.n++
	p.alike[k] = a
	return a.n > fewOf
}

// add notes a record. Where there is no room it waits for some, but not for longer
// than the request may take, and a second at most; then the record is only counted.
// A connection has but its share of the room, so that it takes nobody else's.
func (p *pending) add(ctx context.Context, n *noted) {
	size := n.size()
	var late <-chan time.Time
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.isStopped() && !p.fits(n.Connection, size) {
		room := p.room
		p.mu.Unlock()
		p.awake()
		if late == nil {
			timer := time.NewTimer(mostWait)
			defer timer.Stop()
			late = timer.C
		}
		given := false
		select {
		case <-room:
			given = true
		case <-ctx.Done():
		case <-late:
		case <-p.stopped:
		}
		p.mu.Lock()
		if !given {
			p.dropped[n.Connection]++
			return
		}
	}
	if p.isStopped() { // nobody would write it
		return
	}
	l := p.of[n.Connection]
	p.of[n.Connection] = load{l.records + 1, l.bytes + size}
	p.records = append(p.records, n)
	p.bytes += size
	if len(p.records) == writeAt {
		p.awake()
	}
}

func (p *pending) isStopped() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// fits reports whether there is room for a record of a connection.
func (p *pending) fits(of Ref, size int) bool {
	l := p.of[of]
	return len(p.records) < mostRecords && p.bytes < mostBytes &&
		l.records < mostRecords/share && l.bytes+size <= mostBytes/share
}

// awake has what there is written soon.
func (p *pending) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
