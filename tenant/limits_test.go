package tenant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usherkit/scim"
)

// enter has a request authenticated, from an address.
func enter(r *Registry, ctx context.Context, address, token string) (done func(), err error) {
	q := httptest.NewRequestWithContext(ctx, http.MethodGet, "/Users", nil)
	q.RemoteAddr = address
	_, done, err = r.Authenticate(q, token)
	return done, err
}

// retryAfter returns how long an error of kind ErrTooManyRequests says to wait.
func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	var says *scim.Error
	if !errors.Is(err, scim.ErrTooManyRequests) || !errors.As(err, &says) || says.RetryAfter <= 0 {
		t.Fatalf("got %v, want ErrTooManyRequests with RetryAfter", err)
	}
	return says.RetryAfter
}

// TestRate: 25 requests a second for a minute are never too many (E010); what is
// beyond the rate and its burst is, and passes after what RetryAfter says (E011).
//
func TestRate(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c)
	_, secret := connect(t, r, "contoso")
	ask := func(token string) error {
		done, err := enter(r, t.Context(), "192.0.2.1:1", token)
		if done != nil {
			done()
		}
		return err
	}
	for i := range 25 * 60 {
		if err := ask(secret); err != nil {
			t.Fatalf("request %d at 25 a second: %v", i, err)
		}
		c.advance(time.Second / 25)
	}
	c.advance(time.Minute)
	for i := range 100 {
		if err := ask(secret); err != nil {
			t.Fatalf("request %d of a burst: %v", i, err)
		}
	}
	wait := retryAfter(t, ask(secret))
	if wait > time.Second/50 {
		t.Errorf("the next may come after %v, want a fiftieth of a second", wait)
	}
	_, other := connect(t, r, "fabrikam")
	if err := ask(other); err != nil {
		t.Errorf("another connection: %v", err)
	}
	c.advance(wait)
	if err := ask(secret); err != nil {
		t.Errorf("after what RetryAfter says: %v", err)
	}
}

// TestConcurrent: as many requests of a connection are answered at the same time as
// its Limits say; others wait for their turn, for a second.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := NewRegistry(new(Memory), &Options{Key: testKey(0), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, secret := connect(t, r, "contoso")
		var busy []func()
		for range 8 {
			done, err := enter(r, t.Context(), "192.0.2.1:1", secret)
			if err != nil {
				t.Fatal(err)
			}
			busy = append(busy, done)
		}
		start := time.Now()
		_, err = enter(r, t.Context(), "192.0.2.1:1", secret)
		retryAfter(t, err)
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("it waited %v, want a second", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := enter(r, ctx, "192.0.2.1:1", secret); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that ends: got %v", err)
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			busy[0]()
		}()
		start = time.Now()
		done, err := enter(r, t.Context(), "192.0.2.1:1", secret)
		if err != nil || time.Since(start) != 500*time.Millisecond {
			t.Fatalf("got %v after %v, want its turn after half a second", err, time.Since(start))
		}
		done()
	})
}

// TestFailures: who sends many tokens that are not valid is answered 429, and
// whoever has a valid one is let in even from the same address.
func TestFailures(t *testing.T) {
	c, store := newClock(), &counting{Store: new(Memory)}
	r := newRegistry(t, store, c)
	_, secret := connect(t, r, "contoso")
	if done, err := enter(r, t.Context(), "192.0.2.1:1", secret); err != nil {
		t.Fatal(err)
	} else {
		done()
	}
	guess := func(address string) error {
		token, _ := newSecret("usher")
		_, err := enter(r, t.Context(), address, token)
		return err
	}
	for i := range 60 {
		if err := guess(fmt.Sprintf("192.0.2.1:%d", i)); !errors.Is(err, scim.ErrUnauthorized) {
			t.Fatalf("guess %d: got %v, want ErrUnauthorized", i, err)
		}
	}
	wait := retryAfter(t, guess("192.0.2.1:99"))
	store.reads.Store(0)
	for range 1000 {
		retryAfter(t, guess("192.0.2.1:99"))
	}
	if n := store.reads.Load(); n > spareRate {
		t.Errorf("guesses that are too many were looked up %d times, want %d at most in a second", n, spareRate)
	}
	if err := guess("192.0.2.2:1"); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("from another address: %v", err)
	}
	if done, err := enter(r, t.Context(), "192.0.2.1:5", secret); err != nil {
		t.Errorf("the valid token from the address of the guesses: %v", err)
	} else {
		done()
	}
	c.advance(wait)
	if err := guess("192.0.2.1:99"); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("after what RetryAfter says: %v", err)
	}
}

func TestAddressOf(t *testing.T) {
	for _, tt := range []struct{ remote, want string }{
		{"192.0.2.1:443", "192.0.2.1"},
		{"[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2:ffff::1]:1", "2001:db8:1:2::/64"},
		{"[::ffff:192.0.2.1]:443", "192.0.2.1"},
		{"[fe80::1%eth0]:443", "fe80::/64"},
		{"@", "@"}, // a Unix socket
		{"", ""},
		{"example.com:1", "example.com"},
	} {
		r := &http.Request{RemoteAddr: tt.remote}
		if got := addressOf(r); got != tt.want {
			t.Errorf("addressOf(%q): got %q, want %q", tt.remote, got, tt.want)
		}
	}
}

// TestSourcesAreBounded: addresses that nobody can count take no memory that grows.
func TestSourcesAreBounded(t *testing.T) {
	s := newSources(60)
	now := newClock().now()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2 * mostSources {
				(&source{&s, fmt.Sprint(g, "-", i)}).failed(now)
			}
		})
	}
	all.Wait()
	if n := len(s.known); n > mostSources {
		t.Errorf("%d sources are known, want %d at most", n, mostSources)
	}
}

// TestRateAfterAFlood: what is refused takes nothing, however much of it comes at
// once: afterwards the connection has its whole rate.
func TestRateAfterAFlood(t *testing.T) {
	c := newClock()
	r := newRegistry(t, new(Memory), c)
	_, secret := connect(t, r, "contoso")
	ask := func() bool {
		done, err := enter(r, t.Context(), "192.0.2.1:1", secret)
		if done != nil {
			done()
		}
		return err == nil
	}
	for ask() {
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 2000 {
				ask()
			}
		})
	}
	all.Wait()
	c.advance(time.Second)
	n := 0
	for ask() {
		n++
	}
	if n != 50 {
		t.Errorf("a second after the flood %d requests are granted, want 50", n)
	}
}

// TestDeadTokenIsNoGuess: who shows a token that was alive is told that it is dead
// however often he comes, and nobody else pays for it who has the same address.
func TestDeadTokenIsNoGuess(t *testing.T) {
	r := newRegistry(t, new(Memory), newClock())
	c, secret := connect(t, r, "contoso")
	if err := r.SwitchOff(t.Context(), c.Ref()); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if _, err := enter(r, t.Context(), "192.0.2.1:1", secret); !errors.Is(err, scim.ErrUnauthorized) {
			t.Fatalf("request %d: got %v, want ErrUnauthorized", i, err)
		}
	}
	guess, _ := newSecret("usher")
	if _, err := enter(r, t.Context(), "192.0.2.1:1", guess); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("a first guess from there: got %v, want ErrUnauthorized", err)
	}
}
