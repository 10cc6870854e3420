package memstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
)

var errUndone = errors.New("to be undone")

// The Store, called with the context of its own transaction, is in it. The same is
// tested of the others in internal/dbtest.
func TestStoreInItsOwnTransaction(t *testing.T) {
	s := new(Store)
	ada := create(t, s, "User", userChange(numbered(1)))
	grace := create(t, s, "User", userChange(numbered(2)))
	before := everything(t, s)
	err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		if _, err := tx.Update(ctx, ada, userChange(numbered(3))); err != nil {
			return err
		}
		if got := must(s.Get(ctx, ada, scim.Projection{})).User().UserName; got != numbered(3).UserName {
			t.Errorf("the Store reads the name %q, which the transaction has changed", got)
		}
		if err := s.Delete(ctx, grace, ""); err != nil {
			return err
		}
		if got := must(s.List(ctx, scim.Query{Type: "User", Limit: 9})).Total; got != 1 {
			t.Errorf("the Store lists %d users, of whom the transaction has left 1", got)
		}
		if _, err := s.Create(ctx, scim.Ref{Tenant: "another", Type: "User"}, userChange(numbered(2))); err != nil {
			return err
		}
		return errUndone
	})
	if after := everything(t, s); err != errUndone || after != before {
		t.Errorf("got %v and\n%s\nwant %v and\n%s", err, after, errUndone, before)
	}
}

// A context that outlives its transaction leads nowhere, and so does the Store
// that it was handed with.
func TestContextOfATransactionThatIsOver(t *testing.T) {
	s := new(Store)
	var kept context.Context
	var inner scim.Store
	if err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		kept, inner = ctx, tx
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		ctx context.Context
		s   scim.Transactor
	}{
		"the Store, with its context": {kept, s},
		"its Store":                   {ctx, inner.(scim.Transactor)},
	} {
		_, err := row.s.Create(row.ctx, scim.Ref{Type: "User"}, userChange(numbered(1)))
		if !errors.Is(err, errOver) {
			t.Errorf("%s: Create: got %v, want %v", name, err, errOver)
		}
		err = row.s.InTx(row.ctx, func(context.Context, scim.Store) error {
			t.Errorf("%s: InTx called its function", name)
			return nil
		})
		if !errors.Is(err, errOver) {
			t.Errorf("%s: InTx: got %v, want %v", name, err, errOver)
		}
	}
	if got := must(s.List(ctx, scim.Query{Type: "User"})).Total; got != 0 {
		t.Errorf("there are %d users, want none", got)
	}
}

// Who is not in the transaction waits for its end, or that of the context; so
// does who is, but forgets the context. Other tenants do not.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(Store)
		user := create(t, s, "User", userChange(numbered(1)))
		other := scim.Ref{Tenant: "other", Type: "User"}
		other.ID = must(s.Create(ctx, other, userChange(numbered(1)))).Resource.ID
		filter := must(users.ParseFilter(`userName eq "nobody"`))
		calls := map[string]func(context.Context) error{
			"Create": func(ctx context.Context) error {
				_, err := s.Create(ctx, scim.Ref{Type: "User"}, userChange(numbered(2)))
				return err
			},
			"Get":  func(ctx context.Context) error { _, err := s.Get(ctx, user, scim.Projection{}); return err },
			"List": func(ctx context.Context) error { _, err := s.List(ctx, scim.Query{Type: "User"}); return err },
			"List, by filter": func(ctx context.Context) error {
				_, err := s.List(ctx, scim.Query{Type: "User", Filter: filter})
				return err
			},
			"Update": func(ctx context.Context) error { _, err := s.Update(ctx, user, userChange(numbered(1))); return err },
			"Delete": func(ctx context.Context) error { return s.Delete(ctx, scim.Ref{Type: "User", ID: "nobody"}, "1") },
			"InTx": func(ctx context.Context) error {
				return s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					_, err := tx.Get(ctx, user, scim.Projection{})
					return err
				})
			},
		}
		var patient sync.WaitGroup
		var ended atomic.Bool
		if err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			if _, err := tx.Update(ctx, user, userChange(numbered(3))); err != nil {
				return err
			}
			for name, call := range calls {
				brief, cancel := context.WithTimeout(t.Context(), time.Second)
				start := time.Now()
				if err := call(brief); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
					t.Errorf("%s: got %v after %v, want %v after a second", name, err, time.Since(start), context.DeadlineExceeded)
				}
				cancel()
				patient.Go(func() {
					if err := call(t.Context()); err != nil && !errors.Is(err, scim.ErrNotFound) {
						t.Errorf("%s that waited: %v", name, err)
					}
					if !ended.Load() {
						t.Errorf("%s has not waited", name)
					}
				})
			}
			if _, err := s.Get(t.Context(), other, scim.Projection{}); err != nil {
				t.Errorf("Get of another tenant: %v", err)
			}
			if err := s.InTx(t.Context(), func(ctx context.Context, tx scim.Store) error {
				_, err := tx.Update(ctx, other, userChange(numbered(4)))
				return err
			}); err != nil {
				t.Errorf("a transaction of another tenant: %v", err)
			}
			synctest.Wait()
			ended.Store(true)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		patient.Wait()
	})
}

// Of transactions that wait for each other one is told so, and the other goes on.
func TestTransactionsThatWaitForEachOther(t *testing.T) {
	const n = 3 // in a circle
	s := new(Store)
	var all sync.WaitGroup
	var begun sync.WaitGroup
	begun.Add(n)
	var failed atomic.Int32
	made := func(ctx context.Context, s scim.Store, tenant, by int) error {
		_, err := s.Create(ctx, scim.Ref{Tenant: fmt.Sprint(tenant), Type: "Group"}, groupChange(fmt.Sprint("Of ", by)))
		return err
	}
	for i := range n {
		all.Go(func() {
			err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				err := made(ctx, tx, i, i)
				begun.Done()
				begun.Wait()
				return errors.Join(err, made(ctx, tx, (i+1)%n, i))
			})
			if errors.Is(err, scim.ErrUnavailable) {
				failed.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	total := 0
	for tenant := range n {
		total += must(s.List(ctx, scim.Query{Tenant: fmt.Sprint(tenant), Type: "Group"})).Total
	}
	if failed.Load() != 1 || total != 2*(n-1) {
		t.Errorf("%d of %d transactions failed, and there are %d groups; want 1 and %d", failed.Load(), n, total, 2*(n-1))
	}
}

// Restore waits for nobody: what has not ended has read what is no longer so.
func TestRestoreInATransaction(t *testing.T) {
	for end, want := range map[error]error{nil: scim.ErrUnavailable, errUndone: errUndone} {
		s := new(Store)
		user := create(t, s, "User", userChange(numbered(1)))
		err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			if _, err := tx.Create(ctx, scim.Ref{Type: "Group"}, groupChange("Readers", user.ID)); err != nil {
				return err
			}
			if err := s.Restore(strings.NewReader(file(savedUser, savedAlone))); err != nil {
				return err
			}
			if _, err := tx.Get(ctx, user, scim.Projection{}); !errors.Is(err, scim.ErrUnavailable) {
				t.Errorf("Get: got %v, want %v", err, scim.ErrUnavailable)
			}
			if got := must(s.List(t.Context(), scim.Query{Type: "User"})).Total; got != 1 {
				t.Errorf("outside there are %d users, want the one restored", got)
			}
			return end
		})
		if !errors.Is(err, want) {
			t.Errorf("InTx of a function that returns %v: got %v, want %v", end, err, want)
		}
		restored := new(Store)
		if err := restored.Restore(strings.NewReader(file(savedUser, savedAlone))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(everything(t, restored), everything(t, s)); diff != "" {
			t.Errorf("InTx of a function that returns %v (-want +got)\n%s", end, diff)
		}
		create(t, s, "User", userChange(numbered(2)))
		checkInvariants(t, s, 0)
	}
}

// A Set of groups shows those outside the names that stand.
func TestNamesInATransaction(t *testing.T) {
	s := new(Store)
	user := create(t, s, "User", userChange(numbered(1)))
	group := create(t, s, "Group", groupChange("Readers", user.ID))
	shown := func(s scim.Set) (names []string) {
		for m := range s.All() {
			names = append(names, m.Display)
		}
		return names
	}
	sets := map[string]scim.Set{"of before": must(s.Get(ctx, user, someMember)).Groups}
	expect := func(when, of, want string) {
		t.Helper()
		if got := shown(sets[of]); !slices.Equal(got, []string{want}) {
			t.Errorf("%s, the groups %s are %q, want %q", when, of, got, want)
		}
	}
	for _, end := range []error{errUndone, nil} {
		if err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			for _, name := range []string{"Writers", "Editors"} {
				if _, err := tx.Update(ctx, group, groupChange(name)); err != nil {
					return err
				}
			}
			sets["of inside"] = must(tx.Get(ctx, user, someMember)).Groups
			expect("inside", "of before", "Readers")
			expect("inside", "of inside", "Editors")
			_ = s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				_, err := tx.Update(ctx, group, groupChange("Nobody"))
				return errors.Join(err, errUndone)
			})
			expect("after one inside was undone", "of before", "Readers")
			expect("after one inside was undone", "of inside", "Editors")
			return end
		}); err != end {
			t.Fatalf("got %v, want %v", err, end)
		}
		want := map[error]string{errUndone: "Readers", nil: "Editors"}[end]
		expect("afterwards", "of before", want)
		expect("afterwards", "of inside", want)
	}
}

// Whoever reads sees all of a transaction or nothing, however long the look takes:
// for the race detector, too.
func TestHalfATransactionIsNotSeen(t *testing.T) {
	const n, rounds = 200, 60
	s := new(Store)
	ids := fill(t, s, n)
	create(t, s, "Group", groupChange("Everybody", ids...))
	titled := must(users.ParseFilter(`title pr and groups.display eq "Everybody"`))
	var over atomic.Bool
	var all sync.WaitGroup
	reads, seen := [3]atomic.Int64{}, sync.Map{}
	for w := range len(reads) {
		all.Go(func() {
			for !over.Load() {
				reads[w].Add(1)
				if w == 2 {
					var out strings.Builder
					if err := s.Snapshot(&out); err != nil {
						t.Error(err)
					}
					if got := strings.Count(out.String(), `"title":"Reader"`); got%n != 0 {
						t.Errorf("a snapshot has %d of %d titles", got, n)
					}
					continue
				}
				page, err := s.List(ctx, scim.Query{Type: "User", Filter: titled})
				if err != nil || page.Total%n != 0 {
					t.Errorf("a list has %d of %d titles, err %v", page.Total, n, err)
					return
				}
				seen.Store(page.Total, true)
			}
		})
	}
	for round := range rounds {
		err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			for i, id := range ids {
				u := numbered(i)
				if round%4 < 2 {
					u.Title = "Reader"
				}
				if _, err := tx.Update(ctx, scim.Ref{Type: "User", ID: id}, userChange(u)); err != nil {
					return err
				}
			}
			if round%2 == 1 {
				return errUndone
			}
			return nil
		})
		if err != nil && err != errUndone {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // for others to look
	}
	over.Store(true)
	all.Wait()
	for w := range reads {
		if reads[w].Load() < 5 {
			t.Errorf("reader %d came to %d looks, want more", w, reads[w].Load())
		}
	}
	for _, want := range []int{0, n} {
		if _, ok := seen.Load(want); !ok {
			t.Errorf("no list had %d titles", want)
		}
	}
}

// Transactions that follow each other without a pause let others in.
func TestReadersComeIn(t *testing.T) {
	s := new(Store)
	user := create(t, s, "User", userChange(numbered(1)))
	var over atomic.Bool
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			for !over.Load() {
				if err := s.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					_, err := tx.Get(ctx, user, scim.Projection{})
					time.Sleep(50 * time.Microsecond)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	brief, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for range 20 {
		if _, err := s.Get(brief, user, scim.Projection{}); err != nil {
			t.Error(err)
			break
		}
	}
	over.Store(true)
	writers.Wait()
}

// hooks are of an application that reads the Store in one, and refuses some.
type hooks struct {
	scim.NoHooks
	store *Store
	got   error // of the look with a context that is not the transaction's
	brief time.Duration
}

func (h *hooks) OnUserStaged(ctx context.Context, e scim.UserEvent) error {
	if _, err := h.store.Get(ctx, e.Ref, scim.Projection{}); err != nil {
		return fmt.Errorf("with the context of the hook: %w", err)
	}
	brief, cancel := context.WithTimeout(context.Background(), h.brief)
	defer cancel()
	_, h.got = h.store.Get(brief, e.Ref, scim.Projection{})
	if e.User().Title == "unwanted" {
		return scim.Errorf(scim.ErrConflict, "no desk is free")
	}
	return nil
}

// A hook is inside the transaction of the write: it sees it, and undoes it with
// an error.
func TestHooks(t *testing.T) {
	s := new(Store)
	h := &hooks{store: s, brief: 20 * time.Millisecond}
	handler, err := scim.NewHandler(s, scim.StaticToken("x", scim.Principal{}), &scim.Options{Hooks: h, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		body   string
		status int
	}{
		{`{"userName":"ada","title":"unwanted"}`, 409},
		{`{"userName":"ada"}`, 201},
	} {
		h.got = nil
		r := httptest.NewRequest("POST", "/Users", strings.NewReader(row.body))
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != row.status {
			t.Errorf("POST of %s: got %d %s, want %d", row.body, w.Code, w.Body, row.status)
		}
		if !errors.Is(h.got, context.DeadlineExceeded) {
			t.Errorf("POST of %s: a look without the hook's context: got %v, want %v", row.body, h.got, context.DeadlineExceeded)
		}
	}
	if got := must(s.List(ctx, scim.Query{Type: "User"})).Total; got != 1 {
		t.Errorf("there are %d users, want the one whom the hook let in", got)
	}
}
