package idp

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim/internal/plain"
)

// A run is one use of an identity provider.
type run struct {
	*connection
	ctx      context.Context
	cancel   context.CancelFunc
	onDemand bool // for one object, at an admin's wish

	state  sync.Mutex // guards what follows, and the connection's links
	report *Report
	said   map[string]bool         // failures that are told once
	failed map[fmt.Stringer]failed // by object
	sent   int
	times  map[Kind][]time.Duration
	notes  map[string][]string // examples of what becomes advice

	people func() map[string]string // who has which of the endpoint's ids
}

// failed says what of an object went wrong.
type failed struct{ itself, reference bool }

type about string

func (a about) String() string { return string(a) }

// guid makes a random name.
func (r *run) guid() string {
	a, b := r.random.Uint64(), r.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// each does n pieces of work, several at a time, until the run is ended.
func (r *run) each(phase string, n int, work func(i int)) {
	if n == 0 || r.ctx.Err() != nil {
		return
	}
	tell := func(done int) {
		if r.options.Progress != nil {
			r.options.Progress(Progress{Run: r.report.Run, Phase: phase, Done: done, Total: n, Requests: r.sent})
		}
	}
	tell(0)
	var next atomic.Int64
	var done int
	var workers sync.WaitGroup
	for range min(n, r.options.Workers) {
		workers.Go(func() {
			for r.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				work(i)
				r.state.Lock()
				done++
				tell(done)
				r.state.Unlock()
			}
		})
	}
	workers.Wait()
}

// dialect is the one for the n-th request about an object.
func (r *run) dialect(object string, n int) Dialect {
	if r.onDemand {
		return DialectDefault // which knows no flag (COMPAT)
	}
	if r.options.Dialect != DialectMixed {
		return r.options.Dialect
	}
	h := fnv.New32a()
	h.Write([]byte(object))
	if (int(h.Sum32()>>8)+r.cycles+n)%2 == 0 {
		return DialectDefault
	}
	return DialectFlag
}

// link returns the link of a user or group, or nil.
func (r *run) link(links map[string]*link, id string) *link {
	r.state.Lock()
	defer r.state.Unlock()
	return links[id]
}

func (r *run) setLink(links map[string]*link, id string, l *link) {
	r.state.Lock()
	defer r.state.Unlock()
	links[id] = l
}

// target returns the endpoint's id of a user or group; "" if it has none.
func (r *run) target(id string) string {
	r.state.Lock()
	defer r.state.Unlock()
	for _, links := range []map[string]*link{r.users, r.groups} {
		if l := links[id]; l != nil {
			return l.id
		}
	}
	return ""
}

// fail records what went wrong with an exchange.
func (r *run) fail(x *exchange, code, want, why string) {
	r.state.Lock()
	f := r.failed[x.of]
	if x.kind.isReference() {
		f.reference = true
	} else {
		f.itself = true
	}
	r.failed[x.of] = f
	r.state.Unlock()
	r.tell(x, code, want, why)
}

// tell records what is wrong with an exchange, though it did its work.
func (r *run) tell(x *exchange, code, want, why string) {
	f := &Failure{
		Code: code, Object: x.object, RequestBody: string(x.body), Status: x.status, ResponseBody: string(x.shown()), Want: want, Why: why,
	}
	if x.url != "" {
		f.Request = x.kind.method() + " " + x.url
	}
	if x.err != nil {
		f.ResponseBody = x.err.Error()
	}
	r.state.Lock()
	defer r.state.Unlock()
	r.report.Failures = append(r.report.Failures, f)
}

// failOnce records what is wrong with all answers alike.
func (r *run) failOnce(x *exchange, code, want, why string) {
	if r.first(want) {
		r.tell(x, code, want, why)
	}
}

// advise records what is no failure, once.
func (r *run) advise(advice string) {
	if r.first(advice) {
		r.state.Lock()
		defer r.state.Unlock()
		r.report.Advice = append(r.report.Advice, plain.Line(advice)) // it may quote the endpoint
	}
}

// first reports whether something has not been said in this run.
func (r *run) first(words string) bool {
	r.state.Lock()
	defer r.state.Unlock()
	said := r.said[words]
	r.said[words] = true
	return !said
}

// stop ends the run.
func (r *run) stop(reason string) {
	r.state.Lock()
	defer r.state.Unlock()
	if r.report.Stopped == "" {
		r.report.Stopped = reason
	}
	r.cancel()
}
