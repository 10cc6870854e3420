package scim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// journal is Hooks that write down what they are told.
type journal struct {
	mu     sync.Mutex
	lines  []string
	refuse error            // what Admit says
	fail   map[string]error // what another hook says
}

func (j *journal) note(format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	j.lines = append(j.lines, line)
	name, _, _ := strings.Cut(line, " ")
	return j.fail[name]
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func names(members []scim.Member) (ids []string) {
	for _, m := range members {
		ids = append(ids, m.Type)
	}
	return ids
}

func (j *journal) Admit(_ context.Context, e scim.Event) error { return j.refuse }

func (j *journal) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	return j.note("UserStaged %s active=%v", e.User().UserName, e.User().Active)
}

func (j *journal) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserUpdated %s %v title=%s", e.User().UserName, e.Changed, e.User().Title)
}

func (j *journal) OnUserDeactivated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserDeactivated %s", e.User().UserName)
}

func (j *journal) OnUserReactivated(_ context.Context, e scim.UserEvent) error {
	return j.note("UserReactivated %s", e.User().UserName)
}

func (j *journal) OnUserDeleted(_ context.Context, e scim.UserEvent) error {
	return j.note("UserDeleted %s", e.User().UserName)
}

func (j *journal) OnGroupCreated(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupCreated %s", e.Group().DisplayName)
}

func (j *journal) OnGroupUpdated(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupUpdated %s %v", e.Group().DisplayName, e.Changed)
}

func (j *journal) OnGroupDeleted(_ context.Context, e scim.GroupEvent) error {
	return j.note("GroupDeleted %s", e.Group().DisplayName)
}

func (j *journal) OnGroupMemberAdded(_ context.Context, e scim.MemberEvent) error {
	return j.note("MemberAdded %s %v", e.Group().DisplayName, names(e.Members))
}

func (j *journal) OnGroupMemberRemoved(_ context.Context, e scim.MemberEvent) error {
	return j.note("MemberRemoved %s %v", e.Group().DisplayName, names(e.Members))
}

func TestHooksAreToldWhatReallyChanged(t *testing.T) {
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"Sales"}`).id()
	if diff := cmp.Diff([]string{"UserStaged ann active=true", "GroupCreated Sales"}, j.take()); diff != "" {
		t.Fatal(diff)
	}
	id := strings.TrimPrefix(user, "/Users/")
	for _, step := range []struct {
		what, method, target, body string
		status                     int
		want                       []string
	}{
		{"one attribute", "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"Guide"}`), 200, []string{"UserUpdated ann [title] title=Guide"}},
		{"the same again: nothing", "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"Guide"}`), 200, nil},
		{"active alone", "PATCH", user, patchBody(`{"op":"Replace","path":"active","value":"False"}`), 200, []string{"UserDeactivated ann"}},
		{"active and another", "PATCH", user, patchBody(`{"op":"replace","value":{"active":true,"title":"Lead"}}`), 200, []string{"UserReactivated ann", "UserUpdated ann [title active] title=Lead"}},
		{"PUT of the same", "PUT", user, `{"userName":"ann","title":"Lead","active":true}`, 200, nil},
		{"PUT that clears", "PUT", user, `{"userName":"ann"}`, 200, []string{"UserUpdated ann [title] title="}},
		{"a refused change", "PATCH", user, patchBody(`{"op":"replace","path":"active","value":"perhaps"}`), 400, nil},
		{"a member", "PATCH", group, patchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`), 204, []string{"MemberAdded Sales [User]"}},
		{"the member again: nothing", "PATCH", group, patchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`), 204, nil},
		{
			"rename and remove in one", "PATCH", group, patchBody(`{"op":"replace","path":"displayName","value":"Trade"},{"op":"remove","path":"members","value":[{"value":"` + id + `"}]}`), 204,
			[]string{"GroupUpdated Trade [displayName]", "MemberRemoved Trade [User]"},
		},
		{"PUT with members", "PUT", group, `{"displayName":"Trade","members":[{"value":"` + id + `"}]}`, 200, []string{"MemberAdded Trade [User]"}},
		{"an absent member removed: nothing", "PATCH", group, patchBody(`{"op":"remove","path":"members[value eq \"nobody\"]"}`), 204, nil},
		{"the group", "DELETE", group, "", 204, []string{"GroupDeleted Trade"}},
		{"the user", "DELETE", user, "", 204, []string{"UserDeleted ann"}},
		{"the user again", "DELETE", user, "", 404, nil},
	} {
		e.must(step.status, step.method, step.target, step.body)
		if diff := cmp.Diff(step.want, j.take()); diff != "" {
			t.Errorf("%s: hooks (-want +got)\n%s", step.what, diff)
		}
	}
}

func TestAdmitRefuses(t *testing.T) {
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	j.refuse = scim.Errorf(scim.ErrForbidden, "the plan has no seat left")
	j.take()
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/Users", `{"userName":"bob"}`},
		{"PATCH", user, patchBody(`{"op":"replace","path":"title","value":"x"}`)},
		{"PUT", user, `{"userName":"ann","title":"x"}`},
		{"DELETE", user, ""},
	} {
		a := e.must(403, c.method, c.target, c.body)
		if a.doc["detail"] != "the plan has no seat left" {
			t.Errorf("%s: detail %v", c.method, a.doc["detail"])
		}
	}
	if told := j.take(); told != nil {
		t.Errorf("hooks were told of refused writes: %v", told)
	}
	if a := e.must(200, "GET", "/Users", ""); a.doc["totalResults"] != 1.0 || strings.Contains(a.body, `"title"`) {
		t.Errorf("a refused write left something behind: %s", a.body)
	}
}

func TestAFailedHookIsLoggedAndTheWriteStands(t *testing.T) {
	var log bytes.Buffer
	j := &journal{fail: map[string]error{"UserStaged": errors.New("mail server is down")}}
	e := newSite(t, callByCall{&memstore.Store{}}, &scim.Options{Hooks: j, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	e.must(200, "GET", "/Users?filter=userName+eq+%22ann%22", "")
	if !strings.Contains(log.String(), "mail server is down") || !strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("log: %s", log.String())
	}
}

// transactor marks the contexts of its transactions, and counts them.
type transactor struct {
	*memstore.Store
	runs int
}

type inTx struct{}

func (s *transactor) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	s.runs++
	return s.Store.InTx(context.WithValue(ctx, inTx{}, true), fn)
}

type txHooks struct {
	journal
	inside bool
}

func (h *txHooks) OnUserStaged(ctx context.Context, e scim.UserEvent) error {
	h.inside = ctx.Value(inTx{}) == true
	return h.journal.OnUserStaged(ctx, e)
}

func TestHooksRunInTheStoresTransaction(t *testing.T) {
	store := &transactor{Store: &memstore.Store{}}
	hooks := &txHooks{}
	e := newSite(t, store, &scim.Options{Hooks: hooks})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	if !hooks.inside || store.runs != 1 {
		t.Errorf("the hook ran inside the transaction: %v, transactions: %d", hooks.inside, store.runs)
	}
	hooks.fail = map[string]error{"UserStaged": scim.Errorf(scim.ErrForbidden, "no desk for bob")}
	if a := e.must(403, "POST", "/Users", `{"userName":"bob"}`); a.doc["detail"] != "no desk for bob" {
		t.Errorf("detail %v", a.doc["detail"])
	}
	hooks.fail = map[string]error{"UserStaged": errors.New("secret internals")}
	if a := e.must(500, "POST", "/Users", `{"userName":"bob"}`); strings.Contains(a.body, "secret") {
		t.Errorf("the answer tells too much: %s", a.body)
	}
	if a := e.must(200, "GET", "/Users", ""); a.doc["totalResults"] != 1.0 {
		t.Errorf("the failed hook did not undo the write: %s", a.body)
	}
}

func TestHooksOfAUserWithoutGroups(t *testing.T) {
	schema := scim.UserSchema()
	schema.Remove("groups", "x509Certificates")
	users, err := scim.NewResourceType(scim.TypeDefinition{Name: "Person", Endpoint: "People", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{}
	e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: j, Types: []*scim.ResourceType{users}})
	user := "/People/" + e.must(201, "POST", "/People", `{"userName":"ann"}`).id()
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","path":"active","value":false}`))
	e.must(204, "DELETE", user, "")
	if diff := cmp.Diff([]string{"UserStaged ann active=true", "UserDeactivated ann", "UserDeleted ann"}, j.take()); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedHookKeepsNoOtherFromBeingTold(t *testing.T) {
	j := &journal{fail: map[string]error{"UserDeactivated": errors.New("down"), "UserUpdated": errors.New("down")}}
	e := newSite(t, callByCall{&memstore.Store{}}, &scim.Options{Hooks: j})
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	j.take()
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","value":{"active":false,"title":"x"}}`))
	if diff := cmp.Diff([]string{"UserDeactivated ann", "UserUpdated ann [title active] title=x"}, j.take()); diff != "" {
		t.Error(diff)
	}
}

type panicking struct{ scim.NoHooks }

func (panicking) OnUserStaged(context.Context, scim.UserEvent) error { panic("no mail server") }

func TestAPanicOfAHookAfterTheWriteIsNoFailureOfIt(t *testing.T) {
	var log bytes.Buffer
	e := newSite(t, callByCall{&memstore.Store{}}, &scim.Options{Hooks: panicking{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	if !strings.Contains(log.String(), "no mail server") {
		t.Errorf("the log does not tell: %s", log.String())
	}
}
