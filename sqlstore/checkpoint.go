package sqlstore

import (
	"context"
	"os"
	"time"
)

// A checkpointer brings what is in the write-ahead log into the database while
// others write, so that commits need not.
type checkpointer struct {
	of      *sqlite
	wal     string // the path of the log
	dirty   chan struct{}
	stopped context.Context
	cancel  context.CancelFunc
	done    chan struct{}
}

const (
	checkpointEvery = 200 * time.Millisecond // while there are writes
	idleAfter       = 5 * time.Second        // without one
	largeWAL        = 64 << 20               // bytes that an idle log is not to keep
)

func newCheckpointer(of *sqlite, wal string) *checkpointer {
	c := &checkpointer{of: of, wal: wal, dirty: make(chan struct{}, 1), done: make(chan struct{})}
	c.stopped, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c
}

// written is called after each commit.
func (c *checkpointer) written() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

func (c *checkpointer) stop() {
	c.cancel()
	<-c.done
}

func (c *checkpointer) run() {
	defer close(c.done)
	for c.wait(0) {
		for again := true; again; again = c.wait(idleAfter) {
			if !c.sleep(checkpointEvery) {
				return
			}
			c.passive()
		}
		if c.stopped.Err() == nil {
			c.of.groups.alone(c.tidy)
		}
	}
}

// wait waits for a commit, if most is positive no longer than that, and reports
// whether there was one.
func (c *checkpointer) wait(most time.Duration) bool {
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-c.dirty:
		return c.stopped.Err() == nil
	case <-late:
		return false
	case <-c.stopped.Done():
		return false
	}
}

func (c *checkpointer) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stopped.Done():
		return false
	}
}

// passive copies what it can without anybody having to wait. Should it fail, the
// next one has more to do, and in the end a commit does it.
func (c *checkpointer) passive() {
	if _, err := c.of.db.ExecContext(c.stopped, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return
	}
}

func (c *checkpointer) large() bool {
	info, err := os.Stat(c.wal)
	return err == nil && info.Size() >= largeWAL
}

// tidy does what is best done when nobody writes. Should it fail, it is done
// another time.
func (c *checkpointer) tidy() {
	w := c.of.writer
	if w == nil {
		return
	}
	_ = w.optimize()
	if c.large() {
		_ = w.truncate()
	}
}
