package scim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// counting counts the calls of a Store.
type counting struct {
	scim.Store
	gets, lists, updates int
	projection           scim.Projection
}

func (s *counting) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	s.gets++
	s.projection = p
	return s.Store.Get(ctx, ref, p)
}

func (s *counting) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	s.lists++
	s.projection = q.Projection
	return s.Store.List(ctx, q)
}

func (s *counting) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	s.updates++
	return s.Store.Update(ctx, ref, c)
}

func TestStoreCalls(t *testing.T) {
	s := &counting{Store: &memstore.Store{}}
	e := newSite(t, s, nil)
	uid := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	gid := e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	add := patchBody(`{"op":"Add","path":"members","value":[{"value":"` + uid + `"}]}`)
	for _, c := range []struct {
		what, method, target, body   string
		gets, updates                int
		wantMembers, wantGroups, any bool
	}{
		{what: "a patch of members never reads the group", method: "PATCH", target: "/Groups/" + gid, body: add, updates: 1},
		{
			what: "nor does one of many operations", method: "PATCH", target: "/Groups/" + gid, updates: 1,
			body: patchBody(`{"op":"Remove","path":"members","value":[{"value":"` + uid + `"}]},{"op":"add","path":"members","value":[{"value":"` + uid + `"}]},{"op":"remove","path":"members[value eq \"x\"]"}`),
		},
		{what: "an attribute is one read and one write", method: "PATCH", target: "/Groups/" + gid, body: patchBody(`{"op":"replace","path":"displayName","value":"h"}`), gets: 1, updates: 1, any: true},
		{what: "what changes nothing is not written", method: "PATCH", target: "/Groups/" + gid, body: patchBody(`{"op":"replace","path":"displayName","value":"h"}`), gets: 1, any: true},
		{what: "excluded members are not loaded", method: "GET", target: "/Groups/" + gid + "?excludedAttributes=Members", gets: 1, any: true},
		{what: "members not among the attributes are not loaded", method: "GET", target: "/Groups?attributes=id&filter=displayName+eq+%22h%22", any: true},
		{what: "members are loaded otherwise", method: "GET", target: "/Groups/" + gid, gets: 1, wantMembers: true, any: true},
		{what: "groups of a user are loaded", method: "GET", target: "/Users/" + uid, gets: 1, wantGroups: true, any: true},
		{what: "and not if they are excluded", method: "GET", target: "/Users/" + uid + "?excludedAttributes=groups", gets: 1, any: true},
	} {
		s.gets, s.lists, s.updates = 0, 0, 0
		if a := e.do(c.method, c.target, c.body); a.status/100 != 2 {
			t.Fatalf("%s: %d %s", c.what, a.status, a.body)
		}
		if s.gets != c.gets || s.updates != c.updates {
			t.Errorf("%s: %d reads and %d writes, want %d and %d", c.what, s.gets, s.updates, c.gets, c.updates)
		}
		if want := (scim.Projection{Members: c.wantMembers, Groups: c.wantGroups}); c.any && s.projection != want {
			t.Errorf("%s: projection %+v, want %+v", c.what, s.projection, want)
		}
	}
}

// contended is a Store in which somebody else changes each resource first.
type contended struct {
	scim.Store
	left int
}

func (s *contended) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if s.left > 0 && c.Version != "" {
		s.left--
		return nil, scim.ErrVersion
	}
	return s.Store.Update(ctx, ref, c)
}

func TestConflictingWritesAreRetried(t *testing.T) {
	s := &contended{Store: &memstore.Store{}}
	e := newSite(t, s, nil)
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	s.left = 3
	e.must(200, "PATCH", user, title)
	s.left = 1
	e.must(412, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", `W/"2"`)
	s.left = 1000
	if a := e.must(503, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`)); a.doc["detail"] == nil {
		t.Errorf("no detail: %s", a.body)
	}
}

func TestWritesThatMeetAllSucceed(t *testing.T) {
	slow := &slowHooks{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: slow})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	attributes := []string{"title", "nickName", "locale", "timezone", "userType", "displayName"}
	var wg sync.WaitGroup
	for round := range 4 {
		for _, name := range attributes {
			wg.Go(func() {
				body := patchBody(fmt.Sprintf(`{"op":"replace","path":%q,"value":"%s %d"}`, name, name, round))
				if a := e.do("PATCH", user, body); a.status != 200 {
					t.Errorf("PATCH of %s: %d %s", name, a.status, a.body)
				}
			})
		}
	}
	wg.Wait()
	a := e.must(200, "GET", user, "")
	for _, name := range attributes {
		if text, _ := a.doc[name].(string); !strings.HasPrefix(text, name) {
			t.Errorf("%s is %q: its writes were lost", name, text)
		}
	}
}

// slowHooks take long to admit a change, so that writes meet.
type slowHooks struct{ scim.NoHooks }

func (*slowHooks) Admit(context.Context, scim.Event) error {
	time.Sleep(2 * time.Millisecond)
	return nil
}
