package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// braked is an application with one connection, whose brake is tested.
type braked struct {
	t         testing.TB
	clock     *clock
	store     Store
	resources scim.Store
	hooks     scim.Hooks
	registry  *Registry
	handler   http.Handler
	c         Connection
	secret    string
	users     []string // ids
	groups    map[string]string
}

// newBraked opens one with so many users.
func newBraked(t testing.TB, b braked, brake Brake, users int) *braked {
	t.Helper()
	b.t, b.clock, b.groups = t, newClock(), map[string]string{"none": "none"}
	if b.store == nil {
		b.store = new(Memory)
	}
	if b.resources == nil {
		b.resources = new(memstore.Store)
	}
	b.open()
	var err error
	if b.c, err = b.registry.Add(t.Context(), Connection{Tenant: "contoso", Brake: brake, Limits: Limits{Rate: 1e6, Concurrent: 1000}}); err != nil {
		t.Fatal(err)
	}
	if b.secret, _, err = b.registry.Issue(t.Context(), b.c.Ref(), TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range users {
		b.users = append(b.users, b.create("/Users", fmt.Sprintf(`{"userName":"user%d"}`, i)))
	}
	return &b
}

// open makes a Registry of the process, and a Handler.
func (b *braked) open() {
	b.t.Helper()
	b.registry = newRegistry(b.t, b.store, b.clock)
	var err error
	if b.handler, err = b.registry.NewHandler(b.resources, &scim.Options{Hooks: b.hooks, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		b.t.Fatal(err)
	}
}

// elsewhere is the same in another process.
func (b *braked) elsewhere() *braked {
	other := *b
	other.open()
	return &other
}

func (b *braked) send(ctx context.Context, method, target, body string) (int, map[string]any) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+b.secret)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			b.t.Errorf("%s %s: %v in %s", method, target, err, w.Body)
		}
	}
	return w.Code, answer
}

func (b *braked) create(target, body string) string {
	b.t.Helper()
	status, answer := b.send(b.t.Context(), "POST", target, body)
	if status != http.StatusCreated {
		b.t.Fatalf("POST %s: %d %v", target, status, answer)
	}
	return answer["id"].(string)
}

// group creates a group of the first users.
func (b *braked) group(name string, size int) {
	b.t.Helper()
	b.groups[name] = b.create("/Groups", fmt.Sprintf(`{"displayName":%q,"members":[%s]}`, name, b.members(0, size)))
}

func (b *braked) members(from, to int) string {
	var list []string
	for _, id := range b.users[from:to] {
		list = append(list, `{"value":"`+id+`"}`)
	}
	return strings.Join(list, ",")
}

func patchOf(operation string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
}

const deactivate = `{"op":"Replace","path":"active","value":"False"}`

// step does one thing and returns what comes of a request: done, held, or a status.
func (b *braked) step(step string) string {
	b.t.Helper()
	ctx := b.t.Context()
	var verb, name string
	var from, to int
	fields := strings.Fields(step)
	verb = fields[0]
	switch verb {
	case "wait":
		d, err := time.ParseDuration(fields[1])
		if err != nil {
			b.t.Fatal(err)
		}
		b.clock.advance(d)
		return ""
	case "approve":
		if err := b.registry.Approve(ctx, b.c.Ref(), 0); err != nil {
			b.t.Fatal(err)
		}
		return ""
	case "off", "put", "delete", "on", "rename":
		if _, err := fmt.Sscan(fields[1], &from); err != nil {
			b.t.Fatal(err)
		}
	case "remove", "set":
		name = fields[1]
		if _, err := fmt.Sscanf(fields[2], "%d-%d", &from, &to); err != nil {
			b.t.Fatal(err)
		}
	case "clear", "drop":
		name = fields[1]
	}
	var status int
	var answer map[string]any
	user, group := "/Users/none", "/Groups/"+b.groups[name]
	if from < len(b.users) {
		user = "/Users/" + b.users[from]
	}
	switch verb {
	case "off":
		status, answer = b.send(ctx, "PATCH", user, patchOf(deactivate))
	case "put":
		status, answer = b.send(ctx, "PUT", user, fmt.Sprintf(`{"userName":"user%d","active":false}`, from))
	case "delete":
		status, answer = b.send(ctx, "DELETE", user, "")
	case "on":
		status, answer = b.send(ctx, "PATCH", user, patchOf(`{"op":"Replace","path":"active","value":"True"}`))
	case "rename":
		status, answer = b.send(ctx, "PATCH", user, patchOf(`{"op":"Replace","path":"displayName","value":"another"}`))
	case "make":
		status, answer = b.send(ctx, "POST", "/Users", `{"userName":"somebody new"}`)
	case "remove":
		status, answer = b.send(ctx, "PATCH", group, patchOf(`{"op":"Remove","path":"members","value":[`+b.members(from, to)+`]}`))
	case "clear":
		status, answer = b.send(ctx, "PATCH", group, patchOf(`{"op":"remove","path":"members"}`))
	case "set":
		status, answer = b.send(ctx, "PUT", group, fmt.Sprintf(`{"displayName":%q,"members":[%s]}`, name, b.members(from, to)))
	case "drop":
		status, answer = b.send(ctx, "DELETE", group, "")
	default:
		b.t.Fatalf("no step is called %q", step)
	}
	detail, _ := answer["detail"].(string)
	switch {
	case status/100 == 2:
		return "done"
	case status == http.StatusConflict && strings.HasPrefix(detail, "held by the application: "):
		return "held"
	}
	return fmt.Sprint(status)
}

// inactive counts the users that are not active, or not there any more.
func (b *braked) inactive() (n int) {
	b.t.Helper()
	for _, id := range b.users {
		r, err := b.resources.Get(b.t.Context(), scim.Ref{Tenant: "contoso", Type: "User", ID: id}, scim.Projection{})
		switch {
		case errors.Is(err, scim.ErrNotFound):
			n++
		case err != nil:
			b.t.Fatal(err)
		case !r.User().Active:
			n++
		}
	}
	return n
}

// size counts the members of a group; -1: there is none.
func (b *braked) size(name string) (n int) {
	b.t.Helper()
	r, err := b.resources.Get(b.t.Context(), scim.Ref{Tenant: "contoso", Type: "Group", ID: b.groups[name]}, scim.Projection{Members: true})
	if errors.Is(err, scim.ErrNotFound) {
		return -1
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Members == nil {
		return 0
	}
	for _, err := range r.Members.All() {
		if err != nil {
			b.t.Fatal(err)
		}
		n++
	}
	return n
}

// follow does steps and compares what comes of them.
func (b *braked) follow(reason string, steps []string) {
	b.t.Helper()
	for i, step := range steps {
		at := strings.LastIndexByte(step, ' ')
		if step == "approve" || strings.HasPrefix(step, "wait ") {
			b.step(step)
			continue
		}
		if got, want := b.step(step[:at]), step[at+1:]; got != want {
			b.t.Fatalf("step %d, %s: got %s, want %s (%s)", i+1, step[:at], got, want, reason)
		}
	}
}
