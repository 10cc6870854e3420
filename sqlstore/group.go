package sqlstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// A committer lets those who write at the same time share one transaction, so
// that one sync of the disk pays for all of them.
//
// They take turns, each in its own goroutine. Who finds nobody at work begins a
// group; who finds somebody waits, and is handed the group when a turn is over.
// Who has nobody to hand it to commits, and only then has everyone in it their
// answer. A caller alone waits for nobody.
type committer struct {
	begin func(ctx context.Context) (transaction, error)

	mu      sync.Mutex
	waiting []*waiter // first come, first served
	working bool      // somebody has the turn, or commits
	closed  bool
	careful int // groups that are to be of one turn
}

// A transaction is what a group writes to. Whether it commits or not, it is over
// then.
type transaction interface {
	commit() error
	rollback()
}

type waiter struct {
	turn  chan offer // of one, so that nobody waits who hands over
	alone bool       // joins no group
}

// An offer is the turn, with the group to join if there is one, or word that there
// will be none.
type offer struct {
	group *group
	err   error
}

// A group is one transaction and the turns that share it. All but done is for
// the one who has the turn, and err for everyone once it is done.
type group struct {
	transaction
	since time.Time
	turns int
	wrote int           // turns that ended well
	lost  error         // why the transaction is gone: a turn sets it that could not undo its part
	done  chan struct{} // closed at the end
	err   error         // why nothing of it is written
}

// A group ends after so many turns or so much time, however many wait: those who
// came first wait for their answer. When one was lost, as many turns as it had are
// alone, so that what loses it again, as what breaks a constraint that is checked
// when it commits, is nobody else's loss.
const (
	maxTurns = 256
	maxOpen  = 20 * time.Millisecond
)

// do gives turn its turn and returns when what it wrote is durable. A turn that
// fails or panics has undone its own part, or says that the group is lost. If ctx
// ends before it has begun, it never does; afterwards ctx makes no difference.
func (c *committer) do(ctx context.Context, turn func(g *group) error) error {
	g, err := c.join(ctx)
	if err != nil {
		return err
	}
	left, others := false, g.wrote
	g.turns++
	defer func() {
		if !left { // turn panicked
			c.leave(g)
		}
	}()
	err = turn(g)
	lost := g.lost != nil
	if err == nil {
		g.wrote++
	}
	left = true
	c.leave(g)
	if err != nil && (lost || others == 0) {
		return err
	}
	// A failure too may be due to what others wrote, and is none if they did not.
	<-g.done
	switch {
	case g.err == nil:
		return err
	case others == 0 && g.turns == 1:
		return g.err
	}
	return &lostError{g.err}
}

// join returns the group that it is the caller's turn to write to.
func (c *committer) join(ctx context.Context) (*group, error) {
	g, err := c.enter(ctx)
	if g != nil || err != nil {
		return g, err
	}
	tx, err := c.begin(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		c.pass()
		return nil, ctx.Err()
	case err != nil:
		c.refuse(err)
		return nil, err
	}
	return &group{transaction: tx, since: time.Now(), done: make(chan struct{})}, nil
}

// enter waits for the turn. It comes with a group or with none.
func (c *committer) enter(ctx context.Context) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed
	}
	w := c.queue(false)
	c.mu.Unlock()
	if w == nil {
		return nil, nil
	}
	var o offer
	select {
	case o = <-w.turn:
	case <-ctx.Done():
		c.mu.Lock()
		at := slices.Index(c.waiting, w)
		if at >= 0 {
			c.waiting = slices.Delete(c.waiting, at, at+1)
		}
		c.mu.Unlock()
		if at >= 0 {
			return nil, ctx.Err()
		}
		o = <-w.turn
	}
	if o.err != nil {
		return nil, o.err
	}
	if err := ctx.Err(); err != nil {
		if o.group == nil {
			c.pass()
		} else {
			c.leave(o.group)
		}
		return nil, err
	}
	return o.group, nil
}

// queue returns the caller's place among those who wait, or nil if it is the
// caller's turn.
func (c *committer) queue(alone bool) *waiter {
	if !c.working {
		c.working = true
		return nil
	}
	w := &waiter{turn: make(chan offer, 1), alone: alone}
	c.waiting = append(c.waiting, w)
	return w
}

// leave hands a group on, or ends it.
func (c *committer) leave(g *group) {
	c.mu.Lock()
	open := g.lost == nil && g.turns < maxTurns && c.careful == 0 && time.Since(g.since) < maxOpen
	if open && len(c.waiting) > 0 && !c.waiting[0].alone {
		c.hand(offer{group: g})
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	switch {
	case g.lost != nil:
		g.err = g.lost
		g.rollback()
	case g.wrote == 0:
		g.rollback()
	default:
		g.err = g.commit()
	}
	close(g.done)
	c.mu.Lock()
	if g.err != nil && g.turns > 1 {
		c.careful = g.turns
	} else {
		c.careful = max(c.careful-1, 0)
	}
	c.mu.Unlock()
	c.pass()
}

// pass gives the turn, without a group, to the next who waits.
func (c *committer) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.working = false
		return
	}
	c.hand(offer{})
}

func (c *committer) hand(o offer) {
	next := c.waiting[0]
	c.waiting = slices.Delete(c.waiting, 0, 1)
	next.turn <- o
}

// refuse tells everyone who waits that the database cannot be written to: each
// would otherwise find out for itself, after having waited for a lock as long
// again.
func (c *committer) refuse(err error) {
	c.mu.Lock()
	c.waiting = slices.DeleteFunc(c.waiting, func(w *waiter) bool {
		if !w.alone {
			w.turn <- offer{err: err}
		}
		return !w.alone
	})
	c.mu.Unlock()
	c.pass()
}

// alone calls fn when it is its turn and no group is open.
func (c *committer) alone(fn func()) {
	c.mu.Lock()
	w := c.queue(true)
	c.mu.Unlock()
	if w != nil {
		<-w.turn
	}
	defer c.pass()
	fn()
}

// close calls fn, alone, after all who wait have had their turn. Others come too
// late from now on.
func (c *committer) close(fn func()) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.alone(fn)
}

var errClosed = &scim.Error{Kind: scim.ErrUnavailable, Detail: "the service is being stopped: try again", RetryAfter: time.Second}

// A lostError says that a write was lost through no fault of its own.
type lostError struct{ cause error }

func (e *lostError) Error() string   { return engine.ErrGroupLost.Error() + ": " + e.cause.Error() }
func (e *lostError) Unwrap() []error { return []error{engine.ErrGroupLost, e.cause} }
