package tenant

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// failing is a Store of which one method fails.
type failing struct {
	Store
	fails string // the method; give back: Spend of less than nothing
}

var errStore = errors.New("the disk is full of secrets")

func (f *failing) Connection(ctx context.Context, ref Ref) (Connection, error) {
	if f.fails == "Connection" {
		return Connection{}, errStore
	}
	return f.Store.Connection(ctx, ref)
}

func (f *failing) Hold(ctx context.Context, ref Ref, since time.Time, reason string) error {
	if f.fails == "Hold" {
		return errStore
	}
	return f.Store.Hold(ctx, ref, since, reason)
}

func (f *failing) Spend(ctx context.Context, ref Ref, name string, n int, at, after time.Time) (int, error) {
	if f.fails == "Spend" || f.fails == "give back" && n < 0 {
		return 0, errStore
	}
	return f.Store.Spend(ctx, ref, name, n, at, after)
}

// If the brake cannot count nothing is lost: it is safer to wait.
func TestBrakeOfABrokenStore(t *testing.T) {
	for _, tt := range []struct {
		fails    string
		steps    []string
		inactive int
	}{
		{"Connection", []string{"off 0 500", "clear g 500"}, 0},
		{"Spend", []string{"off 0 500", "remove g 0-1 500"}, 0},
		{"Hold", []string{"off 0 done", "off 1 500", "clear g 500", "off 1 500"}, 1},
		{"give back", []string{"off 0 done", "off 1 held", "approve", "off 1 done"}, 2},
	} {
		t.Run(tt.fails, func(t *testing.T) {
			store := &failing{Store: new(Memory)}
			b := newBraked(t, braked{store: store}, Brake{Users: 1, Members: 1}, 5)
			b.group("g", 5)
			store.fails = tt.fails
			b.follow("nothing is lost that was not counted", tt.steps)
			if got := b.inactive(); got != tt.inactive || b.size("g") != 5 {
				t.Errorf("%d users are away and %d members left, want %d and 5", got, b.size("g"), tt.inactive)
			}
		})
	}
}

// watched counts what is read of resources.
type watched struct {
	scim.Store
	gets, lists, members int
}

func (w *watched) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	w.gets++
	r, err := w.Store.Get(ctx, ref, p)
	if err == nil && r.Members != nil {
		whole := *r
		whole.Members = &watchedSet{r.Members, w}
		r = &whole
	}
	return r, err
}

func (w *watched) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	w.lists++
	return w.Store.List(ctx, q)
}

type watchedSet struct {
	scim.Set
	by *watched
}

func (s *watchedSet) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		for m, err := range s.Set.All() {
			s.by.members++
			if !yield(m, err) {
				return
			}
		}
	}
}

// A group is not read further than it must be, and users are counted once in a
// minute, if a share of them matters.
func TestBrakeReadsLittle(t *testing.T) {
	for _, tt := range []struct {
		name, reason                 string
		brake                        Brake
		steps                        []string
		gets, lists, members, stored int // reads of resources, and of the connection
	}{
		{"no brake", "a deletion reads nothing", Brake{}, []string{"drop g done", "delete 0 done"}, 0, 0, 0, 0},
		{"no loss", "nobody is asked", Brake{Users: 1, Members: 5}, []string{"rename 0 done", "make done", "on 0 done"}, 2, 0, 0, 0},
		{"a user", "the count decides", Brake{Users: 1, Percent: 50}, []string{"off 0 done"}, 1, 0, 0, 1},
		{"a share", "counted once for all", Brake{Percent: 50}, []string{"off 0 done", "off 1 done", "off 2 done", "wait 59s", "off 3 done", "wait 1s", "off 4 done"}, 5, 2, 0, 5},
		{"members by name", "the request says how many", Brake{Members: 5}, []string{"remove g 0-5 done"}, 0, 0, 0, 1},
		{"all members", "up to the bound and one more", Brake{Members: 5}, []string{"clear g held"}, 2, 0, 6, 1},
		{"a list of members", "those named, the bound, and one more", Brake{Members: 5}, []string{"set g 0-10 held"}, 2, 0, 16, 1},
		{"a group", "up to the bound and one more", Brake{Members: 5}, []string{"drop g held"}, 2, 0, 6, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resources := &watched{Store: new(memstore.Store)}
			store := &asked{Store: new(Memory)}
			b := newBraked(t, braked{resources: resources, store: store}, tt.brake, 40)
			b.group("g", 40)
			resources.gets, resources.lists, resources.members = 0, 0, 0
			store.connections = 0
			b.follow(tt.reason, tt.steps)
			if resources.gets != tt.gets || resources.lists != tt.lists || resources.members != tt.members || store.connections != tt.stored {
				t.Errorf("%d resources, %d lists, %d members and %d connections were read, want %d, %d, %d and %d (%s)",
					resources.gets, resources.lists, resources.members, store.connections, tt.gets, tt.lists, tt.members, tt.stored, tt.reason)
			}
		})
	}
}

// asked counts reads of connections.
type asked struct {
	Store
	connections int
}

func (a *asked) Connection(ctx context.Context, ref Ref) (Connection, error) {
	a.connections++
	return a.Store.Connection(ctx, ref)
}

func TestApproveRefuses(t *testing.T) {
	b := newBraked(t, braked{}, Brake{Users: 1}, 0)
	for _, tt := range []struct {
		name string
		ref  Ref
		pass time.Duration
		want error
	}{
		{"less than nothing", b.c.Ref(), -time.Second, ErrInvalid},
		{"more than 30 days", b.c.Ref(), 30*24*time.Hour + 1, ErrInvalid},
		{"another tenant's", Ref{"fabrikam", b.c.ID}, 0, ErrNotFound},
		{"the most", b.c.Ref(), 30 * 24 * time.Hour, nil},
		{"less again", b.c.Ref(), time.Millisecond, nil},
	} {
		if err := b.registry.Approve(t.Context(), tt.ref, tt.pass); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	b.clock.advance(time.Millisecond)
	if c, err := b.registry.Connection(t.Context(), b.c.Ref()); err != nil || c.Status.Approved.After(b.clock.now()) {
		t.Errorf("approved until %v, %v: a shorter approval ends a longer one", c.Status.Approved, err)
	}
}

// Totals are remembered of a bounded number of tenants.
func TestTotalsAreBounded(t *testing.T) {
	var k totals
	store := &watched{Store: new(memstore.Store)}
	at := newClock().now()
	for i := range mostTotals + 10 {
		if _, err := k.of(t.Context(), store, scim.Ref{Tenant: fmt.Sprint(i), Type: "User", ID: "1"}, at); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.known) > mostTotals {
		t.Errorf("%d totals are remembered, %d at most", len(k.known), mostTotals)
	}
}

// A connection that is deleted while a request of it is under way has no brake any
// more, and one that the Registry does not know has none to ask for.
func TestBrakeOfNoConnection(t *testing.T) {
	b := newBraked(t, braked{}, Brake{Users: 1}, 1)
	loss := scim.Loss{User: true, Event: scim.Event{Op: scim.OpDelete, Principal: b.c.principal(), Ref: scim.Ref{Tenant: "contoso", Type: "User", ID: b.users[0]}}}
	for _, tt := range []struct {
		name string
		p    scim.Principal
	}{
		{"another tenant's", scim.Principal{Tenant: "fabrikam", Subject: b.c.ID}},
		{"unknown", scim.Principal{Tenant: "contoso", Subject: "nobody"}},
	} {
		loss.Principal = tt.p
		if done, err := b.registry.AdmitLoss(t.Context(), b.resources, loss); done != nil || err != nil {
			t.Errorf("%s: got %v, want it admitted without a count", tt.name, err)
		}
	}
	loss.Principal = b.c.principal()
	for n, want := range []error{nil, scim.ErrConflict} {
		if _, err := b.registry.AdmitLoss(t.Context(), b.resources, loss); !errors.Is(err, want) {
			t.Errorf("loss %d: got %v, want %v", n+1, err, want)
		}
	}
	if err := b.registry.Delete(t.Context(), b.c.Ref()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.registry.AdmitLoss(t.Context(), b.resources, loss); err != nil {
		t.Errorf("deleted: got %v, want it admitted", err)
	}
}

// sealed are resources of which some cannot be read.
type sealed struct {
	scim.Store
	what string
}

func (u *sealed) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if u.what == "count" {
		return nil, errStore
	}
	return u.Store.List(ctx, q)
}

func (u *sealed) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	r, err := u.Store.Get(ctx, ref, p)
	if err == nil && p.Members && u.what == "members" {
		broken := *r
		broken.Members = sealedSet{r.Members}
		r = &broken
	}
	return r, err
}

type sealedSet struct{ scim.Set }

func (sealedSet) Has(string) (bool, error) { return false, errStore }

func (sealedSet) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) { yield(scim.Member{}, errStore) }
}

// What cannot be counted is not lost, and what was counted for it is given back.
func TestBrakeOfSealedResources(t *testing.T) {
	for _, tt := range []struct {
		what   string
		steps  []string
		mended []string // and then
	}{
		{"count", []string{"off 0 500", "delete 0 500"}, []string{"off 0 done", "off 1 done", "off 2 held"}},
		{"members", []string{"clear g 500", "set g 1-5 500", "drop g 500", "remove g 0-5 500"}, []string{"remove g 0-2 done", "remove g 2-3 held"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			resources := &sealed{Store: new(memstore.Store)}
			b := newBraked(t, braked{resources: resources}, Brake{Percent: 20, Members: 2}, 10)
			b.group("g", 5)
			resources.what = tt.what
			b.follow("it cannot be counted", tt.steps)
			resources.what = ""
			b.follow("nothing was counted", tt.mended)
		})
	}
}

// A repeated request that names more members than are looked up is taken at its word.
func TestBrakeOfManyNames(t *testing.T) {
	const names = mostNamed + 5
	b := newBraked(t, braked{}, Brake{Members: 5}, 1)
	b.group("g", 1)
	resources := &watched{Store: b.resources}
	loss := scim.Loss{Event: scim.Event{Op: scim.OpUpdate, Principal: b.c.principal(), Ref: scim.Ref{Tenant: "contoso", Type: "Group", ID: b.groups["g"]}}}
	for i := range names {
		loss.Delta.Remove = append(loss.Delta.Remove, fmt.Sprint("nobody", i))
	}
	if _, err := b.registry.AdmitLoss(t.Context(), resources, loss); err != nil {
		t.Errorf("got %v, want it admitted: %d names that are nobody's, and 5 that may be lost", err, mostNamed)
	}
	loss.Delta.Remove = append(loss.Delta.Remove, "nobody else")
	if _, err := b.registry.AdmitLoss(t.Context(), resources, loss); !errors.Is(err, scim.ErrConflict) {
		t.Errorf("got %v, want it held", err)
	}
}

// What the brake costs, with the count in memory: of connections without one, of
// which only Guards is asked, and of those with one.
func BenchmarkBrake(b *testing.B) {
	for _, c := range []struct {
		name  string
		brake Brake
	}{{"none", Brake{}}, {"users", Brake{Users: 1 << 30}}} {
		b.Run(c.name, func(b *testing.B) {
			f := newBraked(b, braked{}, c.brake, 1)
			loss := scim.Loss{User: true, Event: scim.Event{Op: scim.OpDelete, Principal: f.c.principal()}}
			b.ReportAllocs()
			for b.Loop() {
				if !f.registry.Guards(loss.Principal) {
					continue
				}
				f.clock.advance(time.Minute)
				if _, err := f.registry.AdmitLoss(b.Context(), f.resources, loss); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestBrakeOfMadeUpGroups: groups that there are not leave nothing in the Store,
// however long their ids are.
func TestBrakeOfMadeUpGroups(t *testing.T) {
	m := new(Memory)
	b := newBraked(t, braked{store: &named{Store: m, t: t}}, Brake{Users: 5, Members: 10}, 2)
	spent := func() int {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return len(m.byID[b.c.ID].spent)
	}
	for i := range 50 {
		id := strings.Repeat("g", 160*i) + strconv.Itoa(i)
		if code, answer := b.send(t.Context(), "PATCH", "/Groups/"+id, patchOf(`{"op":"remove","path":"members[value eq \"x\"]"}`)); code != 404 {
			t.Fatalf("a group of %d letters: %d %v", len(id), code, answer)
		}
	}
	if n := spent(); n > 0 {
		t.Errorf("%d counts are left of groups that there are not", n)
	}
	b.send(t.Context(), "DELETE", "/Users/"+b.users[0], "")
	if n := spent(); n != 1 {
		t.Errorf("%d counts after a user was deleted, want 1", n)
	}
	ref := b.c.Ref()
	b.clock.advance(MaxWindow + time.Hour)
	if _, err := m.Spend(t.Context(), ref, "other", 1, b.clock.now(), b.clock.now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := spent(); n != 1 {
		t.Errorf("%d counts a month later, want the new one alone", n)
	}
	if a, b := nameOf(strings.Repeat("g", 300)+"a"), nameOf(strings.Repeat("g", 300)+"b"); a == b {
		t.Errorf("two groups are counted as one: %s", a)
	}
}

// named is a Store that takes names of 255 bytes at most.
type named struct {
	Store
	t *testing.T
}

func (n *named) Spend(ctx context.Context, ref Ref, name string, amount int, at, after time.Time) (int, error) {
	if len(name) > 255 {
		n.t.Errorf("a name of %d bytes", len(name))
	}
	return n.Store.Spend(ctx, ref, name, amount, at, after)
}
