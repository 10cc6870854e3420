package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A twin is a Store and memstore beside it, which is asked and told the same and
// has the same clock and the same ids. Each answer must be equal, but for what a
// Store may choose: the order of members, how it writes a Place, and what is a scan.
// What fails is reported to t, and the answer is that of the Store.
type twin struct {
	t     testing.TB
	store scim.Store
	*twinState
}

type twinState struct {
	mu      sync.Mutex
	model   *memstore.Store
	clock   *clock
	created string                    // the id that the Store gave last; empty if it refused
	places  map[scim.Place]scim.Place // those of the Store to those of the model
}

// newTwin returns a twin of an empty Store that has the clock.
func newTwin(t testing.TB, store scim.Store, clock *clock) *twin {
	w := &twin{t: t, store: store, twinState: &twinState{clock: clock, places: map[scim.Place]scim.Place{}}}
	w.model = &memstore.Store{Now: clock.now, NewID: func() string {
		if w.created == "" {
			return "refused"
		}
		return w.created
	}}
	return w
}

// A clock moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
	n  int
}

func newClock() *clock { return &clock{at: time.Date(2026, 2, 28, 23, 59, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// tick moves on by less than a millisecond, or some, or not at all.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := []time.Duration{0, 300 * time.Microsecond, time.Millisecond, 17 * time.Millisecond, 0, time.Second}
	c.n++
	c.at = c.at.Add(steps[c.n%len(steps)])
}

// Create implements scim.Store, and so on.
func (w *twin) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock.tick()
	got, err := w.store.Create(ctx, ref, c)
	if w.created = ""; err == nil {
		w.created = got.Resource.ID
	}
	want, wantErr := w.model.Create(ctx, ref, c)
	w.compare(fmt.Sprintf("Create(%+v, %s)", ref, showChange(c)), showUpdated(got, err), showUpdated(want, wantErr))
	return got, err
}

func (w *twin) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	got, err := w.store.Get(ctx, ref, p)
	want, wantErr := w.model.Get(ctx, ref, p)
	w.compare(fmt.Sprintf("Get(%+v, %+v)", ref, p), showResource(got, p, err), showResource(want, p, wantErr))
	return got, err
}

func (w *twin) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock.tick()
	got, err := w.store.Update(ctx, ref, c)
	want, wantErr := w.model.Update(ctx, ref, c)
	w.compare(fmt.Sprintf("Update(%+v, %s)", ref, showChange(c)), showUpdated(got, err), showUpdated(want, wantErr))
	return got, err
}

func (w *twin) Delete(ctx context.Context, ref scim.Ref, version string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock.tick()
	err := w.store.Delete(ctx, ref, version)
	w.compare(fmt.Sprintf("Delete(%+v, %q)", ref, version), kindOf(err), kindOf(w.model.Delete(ctx, ref, version)))
	return err
}

func (w *twin) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	got, err := w.store.List(ctx, q)
	asked := q
	if !q.After.IsZero() {
		var ok bool
		if asked.After, ok = w.places[q.After]; !ok { // one of nobody's
			return got, err
		}
	}
	want, wantErr := w.model.List(ctx, asked)
	if err == nil && errors.Is(wantErr, scim.ErrTooMany) {
		return got, nil // an index of the Store's spares it the scan
	}
	if err == nil && wantErr == nil && !got.Next.IsZero() {
		w.places[got.Next] = want.Next
	}
	w.compare("List("+showQuery(q)+")", showPage(got, q, err), showPage(want, q, wantErr))
	return got, err
}

// inTx calls fn with a twin in a transaction of the Store. If that is undone, so is
// what the model was told meanwhile.
func (w *twin) inTx(ctx context.Context, fn func(ctx context.Context, tx *twin) error) error {
	var before bytes.Buffer
	if err := w.model.Snapshot(&before); err != nil {
		return err
	}
	err := w.store.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		return fn(ctx, &twin{w.t, tx, w.twinState})
	})
	if err == nil {
		return nil
	}
	return errors.Join(err, w.model.Restore(&before))
}

func (w *twin) compare(call, got, want string) {
	if got != want {
		w.t.Helper()
		diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
		w.t.Errorf("%.3000s: got + and want -\n%.4000s", call, diff)
	}
}

// kinds are the kinds of error that a Store may report.
var kinds = []error{
	scim.ErrNotFound, scim.ErrUniqueness, scim.ErrVersion, scim.ErrInvalidValue, scim.ErrInvalidCursor, scim.ErrTooMany, scim.ErrUnavailable,
	context.Canceled, context.DeadlineExceeded,
}

func kindOf(err error) string {
	if err == nil {
		return "no error"
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "another error: " + err.Error()
}

func showUpdated(u *scim.Updated, err error) string {
	if err != nil {
		return kindOf(err)
	}
	return showResource(u.Resource, scim.Projection{}, nil) + "\nadded " + showMembers(u.Added) + "\nremoved " + showMembers(u.Removed)
}

func showMembers(members []scim.Member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = fmt.Sprintf("%q", m)
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

// showResource shows all of a resource, and of its Sets those of p: the others may
// not be there, or if it was written, may.
func showResource(r *scim.Resource, p scim.Projection, err error) string {
	if err != nil {
		return kindOf(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q version %s created %s modified %s\n%s", r.Ref, r.Version, r.Created.Format(time.RFC3339Nano), r.LastModified.Format(time.RFC3339Nano), r.Document)
	b.WriteString("\n" + showKeys(r.Keys))
	if p.Members {
		fmt.Fprintf(&b, "\nmembers %s", showSet(r.Members))
	}
	if p.Groups {
		fmt.Fprintf(&b, "\ngroups %s", showSet(r.Groups))
	}
	return b.String()
}

func showKeys(keys []scim.Key) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = fmt.Sprintf("%s %+q %v %v", k.Path, k.Value, k.Unique, k.Multi)
	}
	slices.Sort(list)
	return fmt.Sprintf("keys %s", list)
}

func showSet(set scim.Set) string {
	if set == nil {
		return showMembers(nil)
	}
	var members []scim.Member
	for m, err := range set.All() {
		if err != nil {
			return kindOf(err)
		}
		if has, err := set.Has(m.ID); !has || err != nil {
			return fmt.Sprintf("%q and yet not: %v", m, err)
		}
		members = append(members, m)
	}
	return showMembers(members)
}

func showPage(p *scim.Page, q scim.Query, err error) string {
	if err != nil {
		return kindOf(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d, others follow: %v", len(p.Resources), p.Total, q.Resumes && !p.Next.IsZero())
	for _, r := range p.Resources {
		if !q.Projection.Members && r.Members != nil || !q.Projection.Groups && r.Groups != nil {
			b.WriteString("\nwith Sets that nobody wants")
		}
		b.WriteString("\n" + showResource(r, q.Projection, nil))
	}
	return b.String()
}

func showQuery(q scim.Query) string {
	filter := "everything"
	if q.Filter != nil {
		filter = q.Filter.String()
	}
	return fmt.Sprintf("%s of %q: %s sorted by %q descending %v offset %d limit %d after %q resumes %v %+v scanning %d",
		q.Type, q.Tenant, filter, q.Sort.Path().String(), q.Sort.Descending(), q.Offset, q.Limit, q.After, q.Resumes, q.Projection, q.MaxScan)
}

func showChange(c scim.Change) string {
	return fmt.Sprintf("version %q %s %s members %+v", c.Version, c.Document, showKeys(c.Keys), c.Members)
}
