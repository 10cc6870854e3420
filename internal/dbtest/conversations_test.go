package dbtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
)

// The recorded conversations of testdata/wire, which identity providers are known
// to lead, have the recorded statuses and errors over the Store too, each in a
// tenant of its own; and what it answers to the Handler is what memstore answers.
// See the README there for the format.
func TestConversations(t *testing.T) {
	names := wiretest.Files(t, "../../testdata/wire")
	if len(names) < 200 {
		t.Fatalf("found %d conversations, want 200 or more", len(names))
	}
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		store := newTwin(t, open(clock.now).store, clock)
		replayed := 0
		for _, name := range names {
			c := wiretest.Read(t, name)
			if !ofStores(c) {
				continue
			}
			replayed++
			replay(t, c, store)
			if t.Failed() {
				t.Fatal(name)
			}
		}
		t.Logf("%d of %d", replayed, len(names))
		if replayed < len(names)*9/10 {
			t.Errorf("replayed %d of %d conversations", replayed, len(names))
		}
	})
}

// ofStores reports whether a case shows anything of a Store.
func ofStores(c *wiretest.Case) bool {
	for _, option := range c.Setting("options") {
		switch name, _, _ := strings.Cut(option, "="); name {
		case "hooks", "store", "tokens", "password", "mount":
			return false
		}
	}
	for _, users := range c.Setting("users") {
		if n, _ := strconv.Atoi(users); n > 500 {
			return false // long answers
		}
	}
	return true
}

// numbered is a Store that remembers the ids it gave, in order.
type numbered struct {
	scim.Store
	ids []string
}

// Create implements scim.Store.
func (n *numbered) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	u, err := n.Store.Create(ctx, ref, c)
	if err == nil {
		n.ids = append(n.ids, u.Resource.ID)
	}
	return u, err
}

// recorded and given translate ids between the file and the Store.
func (n *numbered) given(s string) string {
	return recordedIDs.ReplaceAllStringFunc(s, func(id string) string {
		if i, _ := strconv.Atoi(id[len(id)-12:]); 0 < i && i <= len(n.ids) {
			return n.ids[i-1]
		}
		return id
	})
}

func (n *numbered) recorded(s string) string {
	for i, id := range n.ids {
		s = strings.ReplaceAll(s, id, wiretest.ID(i+1))
	}
	return s
}

var recordedIDs = regexp.MustCompile(`00000000-0000-4000-8000-\d{12}`)

func replay(t *testing.T, c *wiretest.Case, store scim.Store) {
	t.Helper()
	n := &numbered{Store: store}
	e := c.Endpoint(t)
	e.Options.Hooks, e.Options.Logger = struct{ scim.NoHooks }{}, slog.New(slog.DiscardHandler)
	if me := e.Options.Me; me != nil {
		e.Options.Me = func(ctx context.Context, p scim.Principal) (scim.Ref, error) {
			ref, err := me(ctx, p)
			ref.ID = n.given(ref.ID)
			return ref, err
		}
	}
	tokens := scim.TokenValidatorFunc(func(ctx context.Context, token string) (scim.Principal, error) {
		p, err := wiretest.Tokens(ctx, token)
		p.Tenant += " of " + c.Number()
		return p, err
	})
	h, err := scim.NewHandler(n, tokens, &e.Options)
	if err != nil {
		t.Fatal(err)
	}

	var cursors wiretest.Cursors
	send := func(s *wiretest.Step) (status int, body string) {
		r := cursors.In(s).With(n.given).Request(t, strings.TrimSuffix(e.Mount, "/")).WithContext(t.Context())
		r.Pattern = e.Mount // as a ServeMux sets it, which would redirect to clean paths
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, s := range c.Prelude(t) {
		if status, body := send(s); status/100 != 2 {
			t.Errorf("%s: prelude: %s %s: got %d %.1000s", c.Number(), s.Method, s.Target, status, body)
		}
	}
	for _, s := range c.Steps {
		status, body := send(s)
		cursors.Remember(body)
		want, wantBody := s.Answer(t)
		if got := n.recorded(body); status != want || status >= 400 && got != wantBody {
			t.Errorf("%s: %s %s: got %d %.1000s, want %d %s", c.Number(), s.Method, s.Target, status, got, want, wantBody)
		}
	}
}
