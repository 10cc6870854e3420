package scim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim/internal/wiretest"
)

// Wire cases that are no conversation: many clients at once, and the same
// changes in the other dialect.

const patchHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`

// E096: two parallel PATCHes of one user, of different attributes: both
// survive. [O scim-for-keycloak #90] Servers that read, modify and write lose
// one of them.
func TestParallelPatches(t *testing.T) {
	w := newWireWorld(t, &wiretest.Case{Path: wireDir + "/E096", Head: []string{"include: people.txt"}})
	user := "/Users/" + wiretest.ID(1)
	for round := range 50 {
		title, nick := fmt.Sprint("title ", round), fmt.Sprint("nick ", round)
		w.sendAll(t, []*wiretest.Step{
			{Method: "PATCH", Target: user, Body: patchHead + `[{"op":"Replace","path":"title","value":"` + title + `"}]}`},
			{Method: "PATCH", Target: user, Body: patchHead + `[{"op":"replace","value":{"nickName":"` + nick + `"}}]}`},
		}, 200)
		a := w.ask(t, user)
		if err := a.checkBody(`title = "` + title + `"`); err != nil {
			t.Errorf("round %d: title: %v", round, err)
		}
		if err := a.checkBody(`nickName = "` + nick + `"`); err != nil {
			t.Errorf("round %d: nickName: %v", round, err)
		}
	}
}

// E132: twenty parallel PATCHes of the members of one group: all are applied.
// [O scim-for-keycloak #90] Concurrent writes to one group occur:
// read-modify-write servers lost memberships.
func TestParallelPatchesOfGroup(t *testing.T) {
	w := newWireWorld(t, &wiretest.Case{Path: wireDir + "/E132", Head: []string{"users: 40"}})
	const old = 20 // users 1 to 20 are members and leave; 21 to 40 come
	w.sendAll(t, []*wiretest.Step{{Method: "POST", Target: "/Groups", Body: wiretest.Expand(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Sales","members":[${1..20: {"value":"%id"}}$]}`)}}, 201)
	group := "/Groups/" + wiretest.ID(41)
	var steps []*wiretest.Step
	for n := 1; n <= old; n++ {
		steps = append(steps,
			&wiretest.Step{Method: "PATCH", Target: group, Body: patchHead + `[{"op":"Remove","path":"members","value":[{"value":"` + wiretest.ID(n) + `"}]}]}`},
			&wiretest.Step{Method: "PATCH", Target: group, Body: patchHead + `[{"op":"Add","path":"members","value":[{"value":"` + wiretest.ID(old+n) + `"}]}]}`})
	}
	w.sendAll(t, steps, 204)
	a := w.ask(t, group)
	if err := a.checkBody("members count 20"); err != nil {
		t.Error("members:", err)
	}
	for n := 1; n <= old; n++ {
		if strings.Contains(a.body, `"value":"`+wiretest.ID(n)+`"`) {
			t.Errorf("user %d left and is a member", n)
		}
		if !strings.Contains(a.body, `"value":"`+wiretest.ID(old+n)+`"`) {
			t.Errorf("user %d came and is no member", old+n)
		}
	}
}

// sendAll sends requests at once and wants one status for all.
func (w *wireWorld) sendAll(t *testing.T, steps []*wiretest.Step, status int) {
	t.Helper()
	var wait sync.WaitGroup
	for _, s := range steps {
		wait.Go(func() {
			if rec := w.send(t, s); rec.Code != status {
				t.Errorf("%s %s %s: got %d %s", s.Method, s.Target, s.Body, rec.Code, rec.Body)
			}
		})
	}
	wait.Wait()
}

// ask reads a resource.
func (w *wireWorld) ask(t *testing.T, target string) *answer {
	t.Helper()
	rec := w.send(t, &wiretest.Step{Method: "GET", Target: target})
	a := &answer{status: rec.Code, header: rec.Result().Header, body: rec.Body.String()}
	if err := a.parse(); err != nil || a.status != 200 {
		t.Fatalf("GET %s: got %d %s (%v)", target, a.status, a.body, err)
	}
	return a
}

// The flag has no effect on provisioning on demand, so one tenant sends both
// dialects (entra.md 6.1): every case is true in the other dialect too. What
// Entra's default says with paths and "True" is said without paths and with
// true, and the other way round, and each answer must be the same.
func TestWireInTheOtherDialect(t *testing.T) {
	flipped := 0
	for _, name := range wiretest.Files(t, wireDir) {
		c := wiretest.Read(t, name)
		t.Run(c.Number(), func(t *testing.T) {
			usual, other := newWireWorld(t, c), newWireWorld(t, c)
			strict := slices.Contains(c.Setting("options"), "strict") // Entra sends no strict client's requests
			for _, s := range c.Steps {
				o, was := *s, usual.send(t, s)
				if s.Method == "PATCH" && was.Code/100 == 2 && !strict && !strings.Contains(strings.Join(s.Header, "\n"), "strict") {
					if body := inTheOtherDialect(t, s.Body); body != s.Body {
						o.Body = body
						flipped++
					}
				}
				is := other.send(t, &o)
				usual.cursors.Remember(was.Body.String())
				other.cursors.Remember(is.Body.String())
				if is.Code != was.Code || is.Body.String() != was.Body.String() {
					t.Fatalf("line %d: %s %s\n\tas it is: %s\n\tgot %d %s\n\tin the other dialect: %s\n\tgot %d %s",
						s.Line, s.Method, s.Target, s.Body, was.Code, was.Body, o.Body, is.Code, is.Body)
				}
				if want, got := fmt.Sprint(usual.hooks.take()), fmt.Sprint(other.hooks.take()); got != want {
					t.Errorf("line %d: %s: events: got %s, in the other dialect %s", s.Line, o.Body, want, got)
				}
			}
		})
	}
	if flipped < 100 {
		t.Errorf("only %d requests were put into the other dialect", flipped)
	}
}

// inTheOtherDialect turns operations with paths into operations without, and
// the other way round.
func inTheOtherDialect(t *testing.T, body string) string {
	t.Helper()
	type op struct {
		Op    string          `json:"op"`
		Path  *string         `json:"path,omitempty"`
		Value json.RawMessage `json:"value,omitempty"`
	}
	var patch struct {
		Schemas    []string
		Operations []op
	}
	if err := json.Unmarshal([]byte(body), &patch); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var turned []op
	for _, o := range patch.Operations {
		verb := strings.ToLower(o.Op)
		if verb == o.Op {
			verb = strings.ToUpper(verb[:1]) + verb[1:]
		}
		switch {
		case o.Value == nil || strings.EqualFold(o.Op, "remove"):
			turned = append(turned, op{verb, o.Path, o.Value})
		case o.Path != nil:
			key, value := quoted(t, *o.Path), otherBoolean(*o.Path, o.Value)
			turned = append(turned, op{Op: verb, Value: fmt.Appendf(nil, "{%s:%s}", key, value)})
		default:
			for _, m := range inOrder(t, o.Value) {
				switch strings.ToLower(m.name) {
				case "id", "schemas", "meta", "groups", "__proto__": // no harm in a value, but refused as a path
				default:
					turned = append(turned, op{verb, &m.name, otherBoolean(m.name, m.value)})
				}
			}
		}
	}
	if len(turned) == 0 {
		return body
	}
	text, err := json.Marshal(turned)
	if err != nil {
		t.Fatal(err)
	}
	return patchHead + string(text) + "}"
}

func otherBoolean(path string, value json.RawMessage) json.RawMessage {
	low := strings.ToLower(path)
	if !strings.HasSuffix(low, "active") && !strings.HasSuffix(low, ".primary") {
		return value
	}
	switch string(value) {
	case "true":
		return json.RawMessage(`"True"`)
	case "false":
		return json.RawMessage(`"False"`)
	}
	switch text := strings.ToLower(strings.Trim(string(value), `"`)); text {
	case "true", "false":
		return json.RawMessage(text)
	}
	return value
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type jsonMember struct {
	name  string
	value json.RawMessage
}

// inOrder lists the members of an object as they stand in it.
func inOrder(t *testing.T, object json.RawMessage) (members []jsonMember) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		m := jsonMember{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
	}
	return members
}
