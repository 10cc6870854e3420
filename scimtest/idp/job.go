package idp

import (
	"fmt"
	"time"
)

const (
	cyclesApart = 40 * time.Minute // TUT: "approximately every 40 minutes"
	mostBackOff = 24 * time.Hour
)

// A job is what the provisioning service keeps from cycle to cycle, beside the
// links.
type job struct {
	cycled    bool              // an initial cycle was completed
	last      time.Time         // when the last cycle was due
	watermark map[string]uint64 // by the directory's ids: the print that was brought over
	escrow    map[string]*escrow
	held      map[string]bool // whom the last cycle was to disable or delete and did not
	confirmed bool            // the next cycle may
	state     *Quarantine
	retries   int // while in quarantine
}

// An escrow holds an object that failed: it is tried again in the next cycle,
// and then after 2, 4, 8 and so on, but every day ("The errors are continually
// retried, gradually scaling back the frequency of retries"; the steps are
// ours).
type escrow struct {
	failed
	print uint64 // 0: it is to be deleted
	tries int
	due   time.Time
}

func (e *escrow) backOff() time.Duration {
	return min(cyclesApart<<min(e.tries-1, 10), mostBackOff)
}

func (j *job) restart() {
	last := j.last
	*j = job{last: last, watermark: map[string]uint64{}, escrow: map[string]*escrow{}}
}

// looksAt reports whether a cycle looks at an object: it has changed, in the
// mappings' eyes, since it was brought over, or it is to be deleted, or its
// time in escrow is over.
func (j *job) looksAt(id string, print uint64, now time.Time) bool {
	if e := j.escrow[id]; e != nil && e.print == print {
		return !now.Before(e.due)
	}
	return print == 0 || j.watermark[id] != print
}

// settle records how an object fared.
func (j *job) settle(id string, print uint64, f failed, now time.Time) {
	if f == (failed{}) {
		delete(j.escrow, id)
		j.watermark[id] = print
		return
	}
	e := j.escrow[id]
	if e == nil {
		e = &escrow{}
		j.escrow[id] = e
	}
	e.failed, e.print = f, print
	e.tries++
	e.due = now.Add(e.backOff())
}

// A Quarantine is the state of a job that fails too much. Its cycles come
// after six hours, twelve, 24, and then daily, and after four weeks no more.
type Quarantine struct {
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`    // by the simulated clock
	Next     time.Time `json:"next"`     // no cycle comes before
	Disabled bool      `json:"disabled"` // nor after
}

const disabledAfter = 28 * 24 * time.Hour

// Thresholds say how many objects in escrow put a job into quarantine
// (Microsoft, "Application provisioning in quarantine status"). Zeros mean the
// defaults, which are Entra's.
type Thresholds struct {
	Least int     // below that, none is too many; default: 5,000
	Share float64 // of the objects in scope, failures of references apart; default: 0.4
	Most  int     // failures of references apart; default: 40,000
	All   int     // those of references too; default: 60,000
}

func (t *Thresholds) defaults() {
	if t.Least <= 0 {
		t.Least = 5_000
	}
	if t.Share <= 0 {
		t.Share = 0.4
	}
	if t.Most <= 0 {
		t.Most = 40_000
	}
	if t.All <= 0 {
		t.All = 60_000
	}
}

// reached says why a job with these objects must go into quarantine; "" if
// it need not.
func (t Thresholds) reached(escrows map[string]*escrow, objects int) string {
	itself, all := 0, 0
	for _, e := range escrows {
		if e.itself {
			itself++
		}
		if e.itself || e.reference {
			all++
		}
	}
	switch {
	case itself >= t.Least && float64(itself) > t.Share*float64(objects):
		return fmt.Sprintf("EncounteredEscrowProportionThreshold: %d of %d objects failed, more than %g %%", itself, objects, 100*t.Share)
	case itself > t.Most:
		return fmt.Sprintf("%d objects failed, more than %d", itself, t.Most)
	case all > t.All:
		return fmt.Sprintf("%d objects failed, those counted that lack a reference, more than %d", all, t.All)
	}
	return ""
}

// quarantine puts the job into quarantine, or leaves it there for another
// while: the first retry comes six hours after the failure, the second 12 and
// the third 24 hours after it, and the others daily.
func (j *job) quarantine(reason string, now time.Time) {
	q := j.state
	if q == nil {
		q = &Quarantine{Since: now}
		j.state, j.retries = q, 0
	}
	after := []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	q.Reason = reason
	if j.retries < len(after) {
		q.Next = q.Since.Add(after[j.retries])
	} else {
		q.Next = q.Since.Add(time.Duration(j.retries-1) * 24 * time.Hour)
	}
	for !q.Next.After(now) { // the clock was moved on
		q.Next = q.Next.Add(24 * time.Hour)
	}
	j.retries++
}

// mayRun reports whether a cycle may run now.
func (j *job) mayRun(now time.Time) bool {
	q := j.state
	if q == nil {
		return true
	}
	q.Disabled = q.Disabled || now.Sub(q.Since) >= disabledAfter
	return !q.Disabled && !now.Before(q.Next)
}

// in says that the job is in quarantine.
func (q *Quarantine) in() string {
	if q.Disabled {
		return "the job was disabled after four weeks in quarantine: " + q.Reason
	}
	return fmt.Sprintf("in quarantine until %s: %s", q.Next.Format(time.RFC3339), q.Reason)
}
