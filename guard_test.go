package scim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// watchman is a Guard that notes what it is asked and told.
type watchman struct {
	away   bool  // it guards nobody
	refuse error // what it answers
	silent bool  // it need not be told what became of anything
	notes  []string
	inside func() bool // in a transaction
}

func (*watchman) ValidateToken(context.Context, string) (scim.Principal, error) {
	return scim.Principal{Subject: "entra"}, nil
}

func (w *watchman) Guards(p scim.Principal) bool { return !w.away && p.Subject == "entra" }

func (w *watchman) AdmitLoss(_ context.Context, s scim.Store, l scim.Loss) (func(*scim.Updated, error), error) {
	what := "group"
	if l.User {
		what = "user"
	}
	note := fmt.Sprintf("%s %s", l.Op, what)
	switch {
	case l.Delta.Reset:
		note += fmt.Sprintf(" all but %d", len(l.Delta.Add))
	case len(l.Delta.Remove) > 0:
		note += fmt.Sprintf(" less %d", len(l.Delta.Remove))
	}
	if w.inside != nil && w.inside() {
		note += " in a transaction"
	}
	if s == nil || l.Ref.ID == "" || l.Principal.Subject != "entra" || (l.Op == scim.OpDelete || l.User) && l.Before == nil {
		note += fmt.Sprintf(" with %v and %+v", s, l)
	}
	w.notes = append(w.notes, note)
	if w.refuse != nil || w.silent {
		return nil, w.refuse
	}
	return func(up *scim.Updated, err error) {
		switch {
		case err != nil:
			w.notes = append(w.notes, "failed")
		case len(up.Removed) > 0:
			w.notes = append(w.notes, fmt.Sprintf("removed %d", len(up.Removed)))
		default:
			w.notes = append(w.notes, "done")
		}
	}, nil
}

func (w *watchman) take() []string {
	notes := w.notes
	w.notes = nil
	return notes
}

// guardedSite is an endpoint with two users and a group of them.
func guardedSite(t *testing.T, store scim.Store, w *watchman, hooks scim.Hooks) (e site, replace *strings.Replacer) {
	t.Helper()
	h, err := scim.NewHandler(store, w, &scim.Options{Hooks: hooks, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e = site{t, h}
	ann, bob := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id(), e.must(201, "POST", "/Users", `{"userName":"bob","active":true}`).id()
	g := e.must(201, "POST", "/Groups", `{"displayName":"g","members":[{"value":"`+ann+`"},{"value":"`+bob+`"}]}`).id()
	return e, strings.NewReplacer("ANN", ann, "BOB", bob, "G1", g)
}

func TestGuardIsAskedOfLosses(t *testing.T) {
	off := patchBody(`{"op":"replace","path":"active","value":false}`)
	remove := patchBody(`{"op":"remove","path":"members[value eq \"ANN\"]"}`)
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		want                       []string
	}{
		{"PATCH deactivates", "PATCH", "/Users/ANN", off, 200, []string{"update user", "done"}},
		{"a string for a boolean, as Entra sends it", "PATCH", "/Users/ANN", patchBody(`{"op":"Replace","path":"active","value":"False"}`), 200, []string{"update user", "done"}},
		{"PUT deactivates", "PUT", "/Users/ANN", `{"userName":"ann","active":false}`, 200, []string{"update user", "done"}},
		{"PUT of a user who stays active", "PUT", "/Users/ANN", `{"userName":"ann"}`, 200, nil},
		{"another attribute", "PATCH", "/Users/ANN", patchBody(`{"op":"replace","path":"title","value":"x"}`), 200, nil},
		{"nothing changes", "PATCH", "/Users/ANN", patchBody(`{"op":"replace","path":"userName","value":"ann"}`), 200, nil},
		{"a user is created inactive", "POST", "/Users", `{"userName":"eve","active":false}`, 201, nil},
		{"a user is deleted", "DELETE", "/Users/ANN", "", 204, []string{"delete user", "done"}},
		{"nobody is deleted", "DELETE", "/Users/nobody", "", 404, nil},
		{"a member is removed", "PATCH", "/Groups/G1", remove, 204, []string{"update group less 1", "removed 1"}},
		{"no member is removed", "PATCH", "/Groups/G1", patchBody(`{"op":"remove","path":"members[value eq \"x\"]"}`), 204, []string{"update group less 1", "done"}},
		{"a member is removed, and the name changes", "PATCH", "/Groups/G1", patchBody(`{"op":"remove","path":"members[value eq \"ANN\"]"},{"op":"replace","path":"displayName","value":"h"}`), 204, []string{"update group less 1", "removed 1"}},
		{"all members are removed", "PATCH", "/Groups/G1", patchBody(`{"op":"remove","path":"members"}`), 204, []string{"update group all but 0", "removed 2"}},
		{"a member is added", "PATCH", "/Groups/G1", patchBody(`{"op":"add","path":"members","value":[{"value":"ANN"}]}`), 204, nil},
		{"PUT says who all the members are", "PUT", "/Groups/G1", `{"displayName":"g","members":[{"value":"ANN"}]}`, 200, []string{"update group all but 1", "removed 1"}},
		{"a member to add does not exist", "PUT", "/Groups/G1", `{"displayName":"g","members":[{"value":"x"}]}`, 400, []string{"update group all but 1", "failed"}},
		{"a group is renamed", "PATCH", "/Groups/G1", patchBody(`{"op":"replace","path":"displayName","value":"h"}`), 204, nil},
		{"a group is deleted", "DELETE", "/Groups/G1", "", 204, []string{"delete group", "done"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := new(watchman)
			e, replace := guardedSite(t, new(memstore.Store), w, nil)
			e.must(c.status, c.method, replace.Replace(c.target), replace.Replace(c.body))
			if got := w.take(); !slices.Equal(got, c.want) {
				t.Errorf("noted %q, want %q", got, c.want)
			}
		})
	}
}

// What a Guard refuses is not done, and nobody else is asked or told; what fails
// after it was admitted is told of.
func TestGuardRefuses(t *testing.T) {
	hooks := new(journal)
	w := &watchman{refuse: scim.Errorf(scim.ErrConflict, "an administrator must approve it")}
	e, replace := guardedSite(t, new(memstore.Store), w, hooks)
	hooks.take()
	off := patchBody(`{"op":"replace","path":"active","value":false}`)
	before := e.must(200, "GET", replace.Replace("/Users/ANN"), "").body
	for _, c := range []struct{ method, target, body string }{
		{"PATCH", "/Users/ANN", off},
		{"DELETE", "/Users/ANN", ""},
		{"DELETE", "/Groups/G1", ""},
		{"PATCH", "/Groups/G1", patchBody(`{"op":"remove","path":"members"}`)},
	} {
		a := e.must(409, c.method, replace.Replace(c.target), c.body)
		if a.doc["detail"] != "an administrator must approve it" {
			t.Errorf("%s %s: detail %v", c.method, c.target, a.doc["detail"])
		}
	}
	if after := e.must(200, "GET", replace.Replace("/Users/ANN"), "").body; after != before {
		t.Errorf("a refused change has left\n%s, want\n%s", after, before)
	}
	if told := hooks.take(); len(told) > 0 {
		t.Errorf("hooks were told %q of what was refused", told)
	}

	w.refuse, hooks.refuse = nil, scim.Errorf(scim.ErrForbidden, "not this one")
	w.take()
	e.must(403, "PATCH", replace.Replace("/Users/ANN"), off)
	if got, want := w.take(), []string{"update user", "failed"}; !slices.Equal(got, want) {
		t.Errorf("a hook refuses: noted %q, want %q", got, want)
	}
	w.silent, hooks.refuse = true, nil
	e.must(200, "PATCH", replace.Replace("/Users/ANN"), off)
}

// A Guard that is told of each attempt can count them.
func TestGuardIsAskedOfEachAttempt(t *testing.T) {
	store := &contended{Store: new(memstore.Store)}
	w := new(watchman)
	e, replace := guardedSite(t, store, w, nil)
	store.left = 2
	e.must(200, "PATCH", replace.Replace("/Users/ANN"), patchBody(`{"op":"replace","path":"active","value":false}`))
	if got, want := w.take(), []string{"update user", "failed", "update user", "failed", "update user", "done"}; !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}
}

// Whom a Guard does not guard costs no read more than without one.
func TestGuardsOfOthersCostNothing(t *testing.T) {
	store := &counting{Store: new(memstore.Store)}
	w := &watchman{away: true}
	e, replace := guardedSite(t, store, w, nil)
	store.gets = 0
	e.must(204, "DELETE", replace.Replace("/Groups/G1"), "")
	e.must(204, "DELETE", replace.Replace("/Users/ANN"), "")
	if store.gets != 0 || len(w.notes) > 0 {
		t.Errorf("%d reads, noted %q; want neither", store.gets, w.notes)
	}
}

// In a bulk request a Guard is asked of each operation, and outside of transactions:
// it may write to the same database.
func TestGuardInBulk(t *testing.T) {
	store := newTransactions(true)
	w := &watchman{inside: func() bool { return store.running }}
	e, replace := guardedSite(t, store, w, nil)
	*store.begun = nil
	operations := replace.Replace(bulkHead + strings.Join([]string{
		`{"method":"DELETE","path":"/Users/ANN"}`,
		bulkUser("eve"),
		`{"method":"PATCH","path":"/Users/BOB","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}}`,
	}, ",") + "]}")
	e.must(200, "POST", "/Bulk", operations)
	if got, want := w.take(), []string{"delete user", "done", "update user", "done"}; !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}
	if len(*store.begun) > 0 {
		t.Errorf("%d transactions of operations that are asked about one by one", len(*store.begun))
	}
	w.away = true
	e.must(200, "POST", "/Bulk", bulkHead+bulkUser("a")+","+bulkUser("b")+"]}")
	if len(*store.begun) == 0 {
		t.Error("no transaction for a client that is not guarded")
	}
}

// Nobody is asked before a circle is undone that could not be made: what the Handler
// takes back the client never had.
func TestGuardOfACircleUndone(t *testing.T) {
	w := &watchman{refuse: errors.New("asked about what the client never had")}
	e, _ := guardedSite(t, new(memstore.Store), w, nil)
	manager := func(name, of string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%[1]q,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:%s"}}}}`, name, of)
	}
	e.must(200, "POST", "/Bulk", bulkHead+manager("eve", "bob")+","+manager("bob", "eve")+"]}")
	if a := e.must(200, "GET", "/Users?count=0", ""); a.doc["totalResults"] != 2.0 || len(w.notes) > 0 {
		t.Errorf("%v users, noted %q; want the two there were, and nothing noted", a.doc["totalResults"], w.notes)
	}
}
