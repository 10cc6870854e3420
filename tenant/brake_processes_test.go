package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// Two processes with one Store, many requests at once: as many pass as may, not one
// more or less, and an approval in one counts in the other at once.
func TestBrakeOfSeveralProcesses(t *testing.T) {
	const users, bound = 60, 13
	one := newBraked(t, braked{}, Brake{Users: bound}, users)
	processes := []*braked{one, one.elsewhere()}
	everybody := func() (done, held int) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range users {
			all.Go(func() {
				came := processes[i%2].step(fmt.Sprint("off ", i))
				mu.Lock()
				defer mu.Unlock()
				switch came {
				case "done":
					done++
				case "held":
					held++
				default:
					t.Errorf("user %d: %s", i, came)
				}
			})
		}
		all.Wait()
		return done, held
	}
	if done, held := everybody(); done != bound || held != users-bound || one.inactive() != bound {
		t.Errorf("%d passed, %d were held and %d are away; %d may pass", done, held, one.inactive(), bound)
	}
	if n, err := one.store.Spend(t.Context(), one.c.Ref(), "users", 0, one.clock.now(), one.clock.now().Add(-time.Hour)); n != bound || err != nil {
		t.Errorf("%d are counted, %v; want %d: what is refused is not counted", n, err, bound)
	}
	one.step("approve")
	if done, held := everybody(); done != users || held != 0 || one.inactive() != users {
		t.Errorf("approved, %d passed, %d were held and %d are away", done, held, one.inactive())
	}
}

// The members of one group, from several processes.
func TestBrakeOfAGroupInSeveralProcesses(t *testing.T) {
	one := newBraked(t, braked{}, Brake{Members: 7}, 40)
	one.group("g", 40)
	processes := []*braked{one, one.elsewhere()}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() { processes[i%2].step(fmt.Sprintf("remove g %d-%d", i, i+1)) })
	}
	all.Wait()
	if got := one.size("g"); got != 33 {
		t.Errorf("%d members are left, want 33", got)
	}
}

// A process whose clock is ahead forgets nothing that counts for the others.
func TestBrakeOfAClockThatIsAhead(t *testing.T) {
	one := newBraked(t, braked{}, Brake{Users: 2}, 6)
	ahead := *one
	ahead.clock = newClock()
	ahead.clock.advance(2 * time.Hour)
	ahead.open()
	one.follow("on time", []string{"off 0 done", "off 1 done"})
	ahead.follow("ahead, where its window is empty", []string{"off 2 done"})
	one.follow("on time again", []string{"off 3 held", "off 4 held"})
}

// A brake that is set, and one that is taken off, in a running process.
func TestBrakeIsChanged(t *testing.T) {
	b := newBraked(t, braked{}, Brake{}, 9)
	b.follow("there is none", []string{"off 0 done", "off 1 done"})
	set := func(brake Brake) {
		t.Helper()
		if _, err := b.registry.Change(t.Context(), b.c.Ref(), func(c *Connection) error { c.Brake = brake; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set(Brake{Users: 1})
	b.follow("it is set", []string{"off 2 done", "off 3 held"})
	set(Brake{})
	b.follow("it is taken off", []string{"off 3 done", "off 4 done"})
}

// Each operation of a bulk request is counted.
func TestBrakeInBulk(t *testing.T) {
	b := newBraked(t, braked{}, Brake{Users: 3}, 10)
	var operations []string
	for _, id := range b.users {
		operations = append(operations, fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, id))
	}
	_, answer := b.send(t.Context(), "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(operations, ",")+`]}`)
	var got []string
	results, _ := answer["Operations"].([]any)
	for _, result := range results {
		got = append(got, fmt.Sprint(result.(map[string]any)["status"]))
	}
	if want := []string{"204", "204", "204", "409", "409", "409", "409", "409", "409", "409"}; !slices.Equal(got, want) || b.inactive() != 3 {
		t.Errorf("got %v, and %d users are away; want %v", got, b.inactive(), want)
	}
}

// leaving are Hooks with which the client goes before the write.
type leaving struct {
	scim.NoHooks
	leave func()
}

func (h *leaving) Admit(context.Context, scim.Event) error { h.leave(); return nil }

// What a client did not wait for was not done, and is not counted.
func TestBrakeOfAClientThatGoes(t *testing.T) {
	hooks := &leaving{leave: func() {}}
	b := newBraked(t, braked{hooks: hooks}, Brake{Users: 1}, 5)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		hooks.leave = cancel
		b.send(ctx, "PATCH", "/Users/"+b.users[0], patchOf(deactivate))
		cancel()
	}
	hooks.leave = func() {}
	if n := b.inactive(); n != 0 {
		t.Fatalf("%d users are away; the test needs a client that goes before the write", n)
	}
	b.follow("nothing was counted", []string{"off 1 done", "off 2 held"})
}
