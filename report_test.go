package scim_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// What a Report says was stored is what the Store then has: what was undone is not
// among it, nor is anything twice.
func TestReportedChangesAreStored(t *testing.T) {
	operations := []string{
		bulkUser("a"), bulkUser("a2"), `{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"a"}}`,
		`{"method":"PATCH","path":"/Users/bulkId:a","data":` + patchBody(`{"op":"replace","path":"active","value":false}`) + `}`,
		`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:a"},{"value":"bulkId:a2"}]}}`,
		`{"method":"DELETE","path":"/Users/bulkId:a2"}`,
	}
	all := []string{"create User [userName active]", "create User [userName active]", "update User [active] deactivated", "create Group [displayName] +2-0", "delete User []"}
	flat, retried, uncommitted := newTransactions(false), newTransactions(true), newTransactions(true)
	retried.retrying, uncommitted.failing = 1, 1
	for _, c := range []struct {
		name       string
		store      scim.Store
		hooks      scim.Hooks
		operations []string
		want       []string
		untold     int // are stored by a call that panicked, outside a transaction
	}{
		{"each for itself", new(memstore.Store), nil, operations, all, 0},
		{"together", newTransactions(true), nil, operations, all, 0},
		{"together, with hooks", newTransactions(true), &stagingHooks{}, operations, all, 0},
		{"where transactions do not nest", flat, nil, operations, all, 0},
		{"the transaction is tried twice", retried, nil, operations, all, 0},
		{"the transaction is not committed, so each comes for itself", uncommitted, nil, operations, all, 0},
		{"a hook undoes one", newTransactions(true), &stagingHooks{}, []string{bulkUser("bad"), bulkUser("b")}, []string{"create User [userName active]"}, 0},
		{"the Store panics in the transaction of all", frailly(true), nil, []string{bulkUser("a"), bulkUser("odd"), bulkUser("b")}, []string{"create User [userName active]", "create User [userName active]"}, 1},
		{
			"a circle that cannot be closed", new(memstore.Store), nil,
			[]string{`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:g"},{"value":"nobody"}]}}`},
			nil, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &watcher{}
			e := newSite(t, c.store, &scim.Options{Observer: o, Hooks: c.hooks, Logger: slog.New(slog.DiscardHandler)})
			e.must(200, "POST", "/Bulk", bulkHead+strings.Join(c.operations, ",")+"]}")
			var got []string
			there := map[string]bool{}
			for _, stored := range o.last.Changes {
				got = append(got, strings.Replace(change(stored), stored.Ref.ID+" ", "", 1))
				there[stored.Ref.ID] = stored.Op != scim.OpDelete
				if stored.Ref.Tenant != "acme" {
					t.Errorf("a change of tenant %q", stored.Ref.Tenant)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			untold := 0
			for _, id := range resourceIDs(e.must(200, "GET", "/?attributes=id", "")) {
				if !there[id] {
					untold++
				}
				delete(there, id)
			}
			if untold != c.untold {
				t.Errorf("%d are stored that were not told of; want %d", untold, c.untold)
			}
			for id, is := range there {
				if is {
					t.Errorf("%s was told of as stored and is not there", id)
				}
			}
		})
	}
}

// frailly is a Store that panics after it stored what is called odd.
func frailly(nests bool) scim.Store {
	tx := newTransactions(nests)
	return &frailTransactions{frail{Store: tx, stored: true}, tx}
}

// What was written in a transaction that the client's going away undid was not
// stored.
func TestNothingIsReportedOfATransactionUndone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store, o := newTransactions(true), &watcher{}
	h := newSite(t, store, &scim.Options{Observer: o, Hooks: leaving{leave: cancel}}).h
	r := httptest.NewRequestWithContext(ctx, "POST", "/Bulk", strings.NewReader(bulkHead+bulkUser("a")+","+bulkUser("b")+"]}"))
	r.Header.Set("Authorization", "Bearer secret")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := summary(&o.last); got != "bulk - - 499" {
		t.Errorf("got %s, want no changes and 499", got)
	}
	if n := newSite(t, store, nil).must(200, "GET", "/Users", "").doc["totalResults"]; n != 0.0 {
		t.Errorf("%v users are stored", n)
	}
}

// leaving are hooks during which the client goes away.
type leaving struct {
	scim.NoHooks
	leave func()
}

func (h leaving) OnUserStaged(context.Context, scim.UserEvent) error { h.leave(); return nil }
