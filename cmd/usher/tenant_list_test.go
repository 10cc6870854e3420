package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// A state tells what an operator is to look at first.
func TestStateOf(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	late := now.Add(time.Hour)
	for _, tt := range []struct {
		name    string
		status  tenant.Status
		refused tenant.Record
		want    string
	}{
		{"new", tenant.Status{}, tenant.Record{}, "new"},
		{"well", tenant.Status{LastSeen: ago(time.Minute)}, tenant.Record{}, "ok"},
		{"refused", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(time.Minute), LastError: "taken"}, tenant.Record{Status: 409}, "error: taken"},
		{"another was answered since", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "taken"}, tenant.Record{Status: 409}, "error: taken"},
		{"refused long ago", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(2 * time.Hour), LastError: "taken"}, tenant.Record{Status: 409}, "ok"},
		{"too many", tenant.Status{LastSeen: ago(5 * time.Minute), LastErrorAt: ago(time.Minute), LastError: "too many"}, tenant.Record{Status: 429}, "error: too many"},
		{"too many, until it went on", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "too many"}, tenant.Record{Status: 429}, "ok"},
		{"a token that was replaced since", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "dead"}, tenant.Record{Status: 401}, "ok"},
		{"the database was away", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "away"}, tenant.Record{Status: 503}, "ok"},
		{"a change that failed", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "failed"}, tenant.Record{Status: 500}, "error: failed"},
		{"whose record is gone", tenant.Status{LastSeen: ago(time.Minute), LastErrorAt: ago(5 * time.Minute), LastError: "taken"}, tenant.Record{}, "error: taken"},
		{"a wrong token was pasted", tenant.Status{LastUnknown: ago(time.Minute)}, tenant.Record{}, "wrong token at " + day(ago(time.Minute))},
		{"in place of a good one", tenant.Status{LastSeen: ago(4 * time.Hour), LastUnknown: ago(time.Minute)}, tenant.Record{}, "wrong token at " + day(ago(time.Minute))},
		{"of one that was dead", tenant.Status{LastSeen: ago(4 * time.Hour), LastErrorAt: ago(time.Hour), LastError: "expired", LastUnknown: ago(time.Minute)}, tenant.Record{Status: 401}, "wrong token at " + day(ago(time.Minute))},
		{"a stranger's, beside a good one", tenant.Status{LastSeen: ago(40 * time.Minute), LastUnknown: ago(time.Minute)}, tenant.Record{}, "ok"},
		{"before the good one", tenant.Status{LastSeen: ago(4 * time.Hour), LastUnknown: ago(5 * time.Hour)}, tenant.Record{}, "ok"},
		{"before the dead one", tenant.Status{LastErrorAt: ago(time.Minute), LastError: "expired", LastUnknown: ago(time.Hour)}, tenant.Record{Status: 401}, "error: expired"},
		{"held", tenant.Status{Held: ago(time.Minute), HeldReason: "too many", LastUnknown: ago(time.Minute)}, tenant.Record{}, "held: too many"},
		{"approved", tenant.Status{Approved: late, LastSeen: ago(time.Minute)}, tenant.Record{}, "approved until " + day(late)},
		{"approved, and what was held before", tenant.Status{Approved: late, LastSeen: ago(time.Minute), LastErrorAt: ago(time.Minute), LastError: "held"}, tenant.Record{Status: 409, Held: true}, "approved until " + day(late)},
		{"approved, and its token is dead", tenant.Status{Approved: late, LastSeen: ago(time.Hour), LastErrorAt: ago(time.Minute), LastError: "expired"}, tenant.Record{Status: 401}, "approved until " + day(late) + "; error: expired"},
		{"approved, and its token is a wrong one", tenant.Status{Approved: late, LastUnknown: ago(time.Minute)}, tenant.Record{}, "approved until " + day(late) + "; wrong token at " + day(ago(time.Minute))},
	} {
		c := tenant.Connection{Status: tt.status}
		if got := stateOf(c, true, tt.refused); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		c.Paused = true
		if got := stateOf(c, true, tt.refused); got != "paused" {
			t.Errorf("%s, and paused: got %q", tt.name, got)
		}
		if got := stateOf(c, false, tt.refused); got != "off: no token is alive" {
			t.Errorf("%s, and off: got %q", tt.name, got)
		}
	}
}

// What a state needs is read: whether anything lets the provider in, and what was refused.
func TestReadState(t *testing.T) {
	store := new(tenant.Memory)
	registry, err := tenant.NewRegistry(store, &tenant.Options{Key: bytes.Repeat([]byte{7}, 32), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	for _, tt := range []struct {
		name       string
		federation tenant.Federation
		tokens     []tenant.TokenOptions
		status     int // of what was refused before a good request; 0: nothing was
		want       string
	}{
		{"no token", tenant.Federation{}, nil, 0, "off"},
		{"one", tenant.Federation{}, []tenant.TokenOptions{{}}, 0, "new"},
		{"assertions", tenant.Federation{KeysURL: "https://idp.example.com/keys"}, nil, 0, "new"},
		{"one that was revoked, and another", tenant.Federation{}, []tenant.TokenOptions{{}, {}}, 0, "new"},
		{"too many requests, and a good one", tenant.Federation{}, []tenant.TokenOptions{{}}, 429, "ok"},
		{"a conflict, and a good one", tenant.Federation{}, []tenant.TokenOptions{{}}, 409, "error"},
	} {
		made, err := registry.Add(t.Context(), tenant.Connection{Tenant: "contoso", Federation: tt.federation})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range tt.tokens {
			_, token, err := registry.Issue(t.Context(), made.Ref(), o)
			if err != nil {
				t.Fatal(err)
			}
			if i < len(tt.tokens)-1 {
				if err := registry.Revoke(t.Context(), made.Ref(), token.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if tt.status != 0 {
			at := time.Now().Add(-5 * time.Minute)
			if err := store.Append(t.Context(), []tenant.Record{{ID: made.ID, At: at, Connection: made.Ref(), Status: tt.status}}); err != nil {
				t.Fatal(err)
			}
			if err := store.Note(t.Context(), []tenant.Seen{{Ref: made.Ref(), At: time.Now(), LastError: "error", LastErrorAt: at}}); err != nil {
				t.Fatal(err)
			}
			if made, err = registry.Connection(t.Context(), made.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := readState(t.Context(), registry, made); err != nil || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}
