package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usherkit/scim/sqlstore/internal/engine"
)

// ledger is a database of lines. What a group writes is in it when it commits.
type ledger struct {
	lines   []string
	commits int
	open    *page // there is never more than one

	beginFails, commitFails error
	poison                  string // the only line with which commits fail, if any
}

type page struct {
	of    *ledger
	lines []string
}

func (l *ledger) begin(context.Context) (transaction, error) {
	if l.open != nil {
		panic("two transactions at once")
	}
	if l.beginFails != nil {
		return nil, l.beginFails
	}
	l.open = &page{of: l}
	return l.open, nil
}

func (p *page) commit() error {
	p.of.open = nil
	if p.of.commitFails != nil && (p.of.poison == "" || slices.Contains(p.lines, p.of.poison)) {
		return p.of.commitFails
	}
	p.of.lines = append(p.of.lines, p.lines...)
	p.of.commits++
	return nil
}

func (p *page) rollback() { p.of.open = nil }

func write(line string) func(*group) error {
	return func(g *group) error {
		p := g.transaction.(*page)
		p.lines = append(p.lines, line)
		return nil
	}
}

// A crowd writes to a ledger in the order in which it is called.
type crowd struct {
	*committer
	ledger  *ledger
	all     sync.WaitGroup
	answers map[string]error
	mu      sync.Mutex
}

func newCrowd() *crowd {
	l := &ledger{}
	return &crowd{committer: &committer{begin: l.begin}, ledger: l, answers: map[string]error{}}
}

// send has somebody take a turn, and returns when they are done or wait.
func (c *crowd) send(ctx context.Context, name string, turn func(*group) error) {
	c.all.Go(func() {
		err := c.do(ctx, turn)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.answers[name] = err
	})
	synctest.Wait()
}

// hold has somebody keep the turn until release is called.
func (c *crowd) hold(ctx context.Context, name string) (release func()) {
	done := make(chan struct{})
	c.send(ctx, name, func(g *group) error { <-done; return write(name)(g) })
	return func() { close(done); synctest.Wait() }
}

func (c *crowd) expect(t *testing.T, commits int, lines ...string) {
	t.Helper()
	c.all.Wait()
	if !slices.Equal(c.ledger.lines, lines) || c.ledger.commits != commits {
		t.Errorf("got %q in %d commits, want %q in %d", c.ledger.lines, c.ledger.commits, lines, commits)
	}
	if c.working || len(c.waiting) > 0 {
		t.Errorf("working %t, %d are waiting; want nobody left", c.working, len(c.waiting))
	}
}

func (c *crowd) answer(t *testing.T, name string, want error) {
	t.Helper()
	if got := c.answers[name]; !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s got %v, want %v", name, got, want)
	}
}

func TestThoseWhoWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		release := c.hold(t.Context(), "a")
		c.send(t.Context(), "b", write("b"))
		c.send(t.Context(), "c", write("c"))
		if len(c.answers) > 0 {
			t.Fatalf("got answers %v before the commit", c.answers)
		}
		release()
		c.expect(t, 1, "a", "b", "c")
		c.send(t.Context(), "d", write("d"))
		c.expect(t, 2, "a", "b", "c", "d")
	})
}

func TestAGroupEnds(t *testing.T) {
	t.Run("after so many turns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd()
			release := c.hold(t.Context(), "first")
			for i := range maxTurns + 1 {
				c.send(t.Context(), fmt.Sprint(i), write("x"))
			}
			release()
			c.all.Wait()
			if c.ledger.commits != 2 || len(c.ledger.lines) != maxTurns+2 {
				t.Errorf("got %d lines in %d commits, want %d in 2", len(c.ledger.lines), c.ledger.commits, maxTurns+2)
			}
		})
	})
	t.Run("after so much time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd()
			release := c.hold(t.Context(), "a")
			c.send(t.Context(), "b", write("b"))
			time.Sleep(maxOpen)
			release()
			c.expect(t, 2, "a", "b")
		})
	})
}

func TestAFailureIsOnesOwn(t *testing.T) {
	mine := errors.New("mine")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		release := c.hold(t.Context(), "a")
		c.send(t.Context(), "b", func(*group) error { return mine })
		c.send(t.Context(), "c", write("c"))
		release()
		c.expect(t, 1, "a", "c")
		c.answer(t, "a", nil)
		c.answer(t, "b", mine)
		c.answer(t, "c", nil)
	})
}

func TestNothingIsCommittedForFailures(t *testing.T) {
	mine := errors.New("mine")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		c.send(t.Context(), "a", func(*group) error { return mine })
		c.expect(t, 0)
		c.answer(t, "a", mine)
	})
}

// A failure that is due to what another wrote is none if that is lost.
func TestAFailureWaitsForWhatItSaw(t *testing.T) {
	full, taken := errors.New("full"), errors.New("taken")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		release := c.hold(t.Context(), "a")
		c.send(t.Context(), "b", func(*group) error { return taken })
		c.send(t.Context(), "c", func(g *group) error { g.lost = full; return full })
		c.send(t.Context(), "d", write("d"))
		release()
		c.expect(t, 1, "d")
		c.answer(t, "a", engine.ErrGroupLost)
		c.answer(t, "a", full)
		c.answer(t, "b", engine.ErrGroupLost)
		c.answer(t, "c", full)
		c.answer(t, "d", nil)
		if errors.Is(c.answers["c"], engine.ErrGroupLost) {
			t.Error("the one who lost the group is told that another did")
		}
	})
}

func TestNobodyIsAcknowledgedIfTheCommitFails(t *testing.T) {
	broken := errors.New("disk I/O error")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		c.ledger.commitFails = broken
		release := c.hold(t.Context(), "a")
		c.send(t.Context(), "b", write("b"))
		release()
		c.send(t.Context(), "alone", write("alone"))
		c.expect(t, 0)
		for _, name := range []string{"a", "b", "alone"} {
			c.answer(t, name, broken)
		}
		if !errors.Is(c.answers["b"], engine.ErrGroupLost) || errors.Is(c.answers["alone"], engine.ErrGroupLost) {
			t.Errorf("got %v and %v, want that only what was shared may be done again", c.answers["b"], c.answers["alone"])
		}
	})
}

func TestWhatCannotBeCommittedIsNobodyElsesLoss(t *testing.T) {
	broken := errors.New("a constraint that is checked at the end")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		c.ledger.commitFails, c.ledger.poison = broken, "5"
		release := c.hold(t.Context(), "first")
		tries, again := 0, make(chan struct{})
		for i := range 10 {
			c.all.Go(func() {
				turn := func(g *group) error { tries++; return write(fmt.Sprint(i))(g) }
				err := c.do(t.Context(), turn)
				for errors.Is(err, engine.ErrGroupLost) {
					<-again
					err = c.do(t.Context(), turn)
				}
				c.mu.Lock()
				c.answers[fmt.Sprint(i)] = err
				c.mu.Unlock()
			})
		}
		synctest.Wait()
		release()
		release = c.hold(t.Context(), "second")
		close(again)
		synctest.Wait()
		release()
		c.all.Wait()
		c.answer(t, "second", nil)
		for i := range 10 {
			want := error(nil)
			if i == 5 {
				want = broken
			}
			c.answer(t, fmt.Sprint(i), want)
		}
		if tries != 20 {
			t.Errorf("took %d turns, want that each of ten is tried again once", tries)
		}
	})
}

func TestNobodyWaitsInVainForADatabaseThatIsLocked(t *testing.T) {
	busy := errors.New("busy")
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		slow := make(chan struct{})
		c.begin = func(ctx context.Context) (transaction, error) { <-slow; return nil, busy }
		c.send(t.Context(), "a", write("a"))
		c.send(t.Context(), "b", write("b"))
		close(slow)
		c.expect(t, 0)
		c.answer(t, "a", busy)
		c.answer(t, "b", busy)
	})
}

func TestOnesContextIsOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		gone, leave := context.WithCancel(t.Context())
		release := c.hold(t.Context(), "a")
		c.send(gone, "b", write("b"))
		c.send(t.Context(), "c", write("c"))
		leave()
		synctest.Wait()
		c.mu.Lock()
		c.answer(t, "b", context.Canceled) // while a has the turn
		c.mu.Unlock()
		release()
		c.expect(t, 1, "a", "c")
	})
	t.Run("who gives up for a lock leaves it to the next", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd()
			gone, leave := context.WithCancel(t.Context())
			c.begin = func(ctx context.Context) (transaction, error) {
				if ctx == gone {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return c.ledger.begin(ctx)
			}
			c.send(gone, "a", write("a"))
			c.send(t.Context(), "b", write("b"))
			leave()
			c.expect(t, 1, "b")
			c.answer(t, "a", context.Canceled)
			c.answer(t, "b", nil)
		})
	})
	t.Run("once it is one's turn it makes no difference", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd()
			gone, leave := context.WithCancel(t.Context())
			release := c.hold(gone, "a")
			leave()
			release()
			c.expect(t, 1, "a")
			c.answer(t, "a", nil)
		})
	})
}

func TestAPanicLeavesTheOthersAlone(t *testing.T) {
	for name, end := range map[string]func(){
		"panic":          func() { panic("mine") },
		"runtime.Goexit": runtime.Goexit, // as t.FailNow does
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd()
				release := c.hold(t.Context(), "a")
				c.all.Go(func() {
					defer func() {
						if got := recover(); got != nil && got != "mine" {
							t.Errorf("got panic %v, want mine", got)
						}
					}()
					c.do(t.Context(), func(*group) error { end(); return nil })
					t.Error("do returned, want the panic to go on")
				})
				synctest.Wait()
				c.send(t.Context(), "b", write("b"))
				release()
				c.expect(t, 1, "a", "b")
			})
		})
	}
}

func TestCloseComesAfterThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		release := c.hold(t.Context(), "a")
		c.send(t.Context(), "b", write("b"))
		closed := false
		c.all.Go(func() { c.close(func() { closed = true }) })
		synctest.Wait()
		c.send(t.Context(), "late", write("late"))
		if closed {
			t.Fatal("closed while a has the turn")
		}
		release()
		c.expect(t, 1, "a", "b")
		c.answer(t, "late", errClosed)
		if !closed {
			t.Error("not closed")
		}
	})
}

// Many at once, of whom some fail, some give up and some lose the group: what is
// in the ledger is what was acknowledged.
func TestWhatIsAcknowledgedIsWritten(t *testing.T) {
	c := newCrowd()
	mine := errors.New("mine")
	for i := range 200 {
		c.all.Go(func() {
			for j := range 20 {
				line := fmt.Sprint(i, ".", j)
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%7 == 0 {
					go cancel()
				}
				err := c.do(ctx, func(g *group) error {
					switch (i*20 + j) % 50 {
					case 3:
						return mine
					case 4:
						g.lost = mine
						return mine
					}
					return write(line)(g)
				})
				cancel()
				c.mu.Lock()
				c.answers[line] = err
				c.mu.Unlock()
			}
		})
	}
	c.all.Wait()
	for line, err := range c.answers {
		if written := slices.Contains(c.ledger.lines, line); written != (err == nil) {
			t.Errorf("%s: written %t, answered %v", line, written, err)
		}
	}
}
