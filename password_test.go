package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
	"github.com/usherkit/scim/memstore"
)

const secretWord = "Correct-Horse-9!"

// tellingHooks note what they are told of passwords, and print all of it.
type tellingHooks struct {
	scim.NoHooks
	mu     sync.Mutex
	told   []string
	shown  bytes.Buffer // all events, as they print
	refuse bool
}

func (h *tellingHooks) note(where string, e scim.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(&h.shown, "%v %+v %#v %s %q %x %d\n", e, e, e, e.Password, e.Password, e.Password, e.Password)
	for _, r := range []*scim.Resource{e.Before, e.After} {
		if r != nil {
			fmt.Fprintf(&h.shown, "%v %v\n", r.Document, r.Keys)
		}
	}
	if e.Password != "" {
		h.told = append(h.told, fmt.Sprintf("%s %s %v %s", where, e.Op, slices.Contains(e.Changed, "password"), string(e.Password)))
	}
}

func (h *tellingHooks) Admit(_ context.Context, e scim.Event) error {
	h.note("Admit", e)
	if h.refuse && e.Password != "" {
		return scim.Errorf(scim.ErrInvalidValue, "password: at least 20 characters, please")
	}
	return nil
}

func (h *tellingHooks) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	h.note("OnUserStaged", e.Event)
	return nil
}

func (h *tellingHooks) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	h.note("OnUserUpdated", e.Event)
	return nil
}

func (h *tellingHooks) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

// passwords is an endpoint whose users have passwords, with all that could
// give them away.
type passwords struct {
	endpoint
	hooks *tellingHooks
	store *memstore.Store
	logs  *bytes.Buffer
	seen  *bytes.Buffer // bodies and headers of answers
}

func newPasswords(t *testing.T, strict bool) passwords {
	p := passwords{hooks: new(tellingHooks), store: new(memstore.Store), logs: new(bytes.Buffer), seen: new(bytes.Buffer)}
	p.endpoint = newEndpoint(t, p.store, &scim.Options{
		Types: []*scim.ResourceType{wiretest.PasswordType(t), must(t)(scim.GroupType())}, Hooks: p.hooks, Strict: strict,
		Logger: slog.New(slog.NewTextHandler(p.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return p
}

func (p passwords) ask(want int, method, path, body string) string {
	p.t.Helper()
	rec := p.do(method, path, body)
	fmt.Fprintln(p.seen, rec.Header(), rec.Body)
	if rec.Code != want {
		p.t.Errorf("%s %s %s: got %d %s, want %d", method, path, body, rec.Code, rec.Body, want)
	}
	return rec.Body.String()
}

// wantTold checks what the hooks were told since, in order.
func (p passwords) wantTold(what string, want ...string) {
	p.t.Helper()
	if got := p.hooks.take(); !slices.Equal(got, want) {
		p.t.Errorf("%s: the hooks were told\n\t%q, want\n\t%q", what, got, want)
	}
}

// wantSecret checks that no password is anywhere but in what the hooks took.
func (p passwords) wantSecret() {
	p.t.Helper()
	var kept bytes.Buffer
	if err := p.store.Snapshot(&kept); err != nil {
		p.t.Fatal(err)
	}
	for name, text := range map[string]string{"the store": kept.String(), "the log": p.logs.String(), "an answer": p.seen.String(), "a printed event": p.hooks.shown.String()} {
		for _, word := range []string{secretWord, "Horse", url.QueryEscape(secretWord), fmt.Sprintf("%x", secretWord)} {
			if i := strings.Index(text, word); i >= 0 {
				p.t.Errorf("%s has the password: …%s…", name, text[max(0, i-100):min(len(text), i+60)])
			}
		}
	}
}

func TestPasswords(t *testing.T) {
	p := newPasswords(t, false)
	const pw = `"password":"` + secretWord + `"`
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(p.ask(201, "POST", "/Users", `{"userName":"ann",`+pw+`}`)), &made); err != nil {
		t.Fatal(err)
	}
	ann := "/Users/" + made.ID
	p.wantTold("POST", "Admit create true "+secretWord, "OnUserStaged create true "+secretWord)

	p.ask(200, "PUT", ann, `{"userName":"ann","title":"A",`+pw+`}`)
	p.wantTold("PUT", "Admit update true "+secretWord, "OnUserUpdated update true "+secretWord)
	p.ask(200, "PUT", ann, `{"userName":"ann","title":"A"}`)
	p.wantTold("PUT without one")

	for _, op := range []string{
		`{"op":"add","path":"password","value":"` + secretWord + `"}`,
		`{"op":"replace","path":"Password","value":"` + secretWord + `"}`,
		`{"op":"replace","value":{` + pw + `}}`,
		`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":"` + secretWord + `"}`,
	} {
		version := p.do("GET", ann, "").Header().Get("ETag")
		p.ask(200, "PATCH", ann, patchHead+"["+op+"]}")
		p.wantTold("PATCH of nothing else "+op, "Admit update true "+secretWord, "OnUserUpdated update true "+secretWord)
		if got := p.do("GET", ann, "").Header().Get("ETag"); got != version {
			t.Errorf("PATCH of nothing else %s: the version was %s and is %s, and the store has nothing new", op, version, got)
		}
	}
	p.ask(200, "PATCH", ann, patchHead+`[{"op":"replace","path":"title","value":"B"},{"op":"replace","path":"password","value":"`+secretWord+`"}]}`)
	p.wantTold("PATCH with more", "Admit update true "+secretWord, "OnUserUpdated update true "+secretWord)
	p.ask(200, "PATCH", ann, patchHead+`[{"op":"replace","path":"password","value":"no"},{"op":"replace","path":"password","value":"`+secretWord+`"}]}`)
	p.wantTold("PATCH twice", "Admit update true "+secretWord, "OnUserUpdated update true "+secretWord)
	for _, op := range []string{`{"op":"remove","path":"password"}`, `{"op":"replace","path":"password","value":""}`, `{"op":"replace","path":"password","value":null}`} {
		p.ask(200, "PATCH", ann, patchHead+"["+op+"]}")
		p.wantTold(op)
	}

	p.ask(200, "POST", "/Bulk", bulkHead+`{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"bob",`+pw+`}},
		{"method":"PATCH","path":"/Users/bulkId:1","data":`+patchHead+`[{"op":"add","value":{`+pw+`}}]}},
		{"method":"PUT","path":"`+ann+`","data":{"userName":"ann",`+pw+`}}]}`)
	p.wantTold("bulk", "Admit create true "+secretWord, "OnUserStaged create true "+secretWord,
		"Admit update true "+secretWord, "OnUserUpdated update true "+secretWord, "Admit update true "+secretWord, "OnUserUpdated update true "+secretWord)
	manager := `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:`
	p.ask(200, "POST", "/Bulk", bulkHead+`{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"x",`+pw+`,`+manager+`y"}}}},
		{"method":"POST","path":"/Users","bulkId":"y","data":{"userName":"y",`+pw+`,`+manager+`x"}}}}]}`)
	p.wantTold("a bulk in a circle: once for each", "Admit create true "+secretWord, "OnUserStaged create true "+secretWord, "Admit create true "+secretWord, "OnUserStaged create true "+secretWord)

	p.ask(200, "GET", ann+"?attributes=password,userName", "")
	p.ask(200, "GET", "/Users?attributes=password", "")
	p.ask(200, "GET", "/?attributes=password", "")
	p.ask(201, "POST", "/Users?attributes=password", `{"userName":"eve",`+pw+`}`)
	p.wantTold("POST that asks for it", "Admit create true "+secretWord, "OnUserStaged create true "+secretWord)
	p.wantSecret()

	t.Run("refused", func(t *testing.T) {
		p := p
		p.endpoint.t = t
		p.hooks.refuse = true
		defer func() { p.hooks.refuse = false }()
		before := p.do("GET", ann, "").Body.String()
		p.ask(400, "POST", "/Users", `{"userName":"new",`+pw+`}`)
		p.wantTold("POST", "Admit create true "+secretWord)
		p.ask(400, "PUT", ann, `{"userName":"ann","title":"C",`+pw+`}`)
		p.ask(400, "PATCH", ann, patchHead+`[{"op":"replace","path":"title","value":"C"},{"op":"replace","path":"password","value":"`+secretWord+`"}]}`)
		p.ask(400, "PATCH", ann, patchHead+`[{"op":"replace","path":"password","value":"`+secretWord+`"}]}`)
		p.wantTold("PUT and PATCH", "Admit update true "+secretWord, "Admit update true "+secretWord, "Admit update true "+secretWord)
		if got := p.do("GET", ann, "").Body.String(); got != before {
			t.Errorf("Admit refused, and the user is %s, was %s", got, before)
		}
		if got := p.total("/Users?count=0&filter=userName+eq+%22new%22"); got != 0 {
			t.Error("Admit refused, and the user was created")
		}
		p.wantSecret()
	})
}

// Nothing that is wrong about a password, or asked about it, says it again.
func TestPasswordsInErrors(t *testing.T) {
	const pw = `"` + secretWord + `"`
	escaped := url.QueryEscape(secretWord)
	for _, strict := range []bool{false, true} {
		p := newPasswords(t, strict)
		const schemas = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(p.ask(201, "POST", "/Users", `{`+schemas+`"userName":"ann"}`)), &made); err != nil {
			t.Fatal(err)
		}
		ann := "/Users/" + made.ID
		for _, value := range []string{`[` + pw + `,"x"]`, `{"value":[` + pw + `]}`, `{` + pw + `:1}`, `[[` + pw + `]]`, `{"a":` + pw + `}`} {
			p.ask(400, "POST", "/Users", `{`+schemas+`"userName":"bob","password":`+value+`}`)
			p.ask(400, "PUT", ann, `{`+schemas+`"userName":"ann","password":`+value+`}`)
			p.ask(400, "PATCH", ann, patchHead+`[{"op":"replace","path":"password","value":`+value+`}]}`)
		}
		for _, filter := range []string{
			"password+eq+%22" + escaped + "%22", "password+sw+%22" + escaped + "%22", "password+pr", "not(password+eq+%22" + escaped + "%22)",
			"userName+eq+%22ann%22+and+password+eq+%22" + escaped + "%22", "urn:ietf:params:scim:schemas:core:2.0:User:password+eq+%22" + escaped + "%22", "password%5Bvalue+eq+%22" + escaped + "%22%5D",
		} {
			p.ask(400, "GET", "/Users?filter="+filter, "")
			p.ask(400, "GET", "/?filter="+filter, "")
		}
		p.ask(400, "GET", "/Users?filter=password.value+eq+%22"+escaped+"%22", "")
		p.ask(400, "GET", "/Users?sortBy=password", "")
		p.ask(400, "GET", "/?sortBy=password", "")
		p.ask(400, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"password eq \"`+secretWord+`\""}`)
		p.ask(409, "POST", "/Users", `{`+schemas+`"userName":"ANN","password":`+pw+`}`)
		p.hooks.take()
		p.wantSecret()
	}
}

// A user schema without the attribute drops it, a strict client's too, to whom
// all else that the schema does not know is an error.
func TestPasswordsThatNobodyWants(t *testing.T) {
	for _, strict := range []bool{false, true} {
		p := passwords{hooks: new(tellingHooks), store: new(memstore.Store), logs: new(bytes.Buffer), seen: new(bytes.Buffer)}
		p.endpoint = newEndpoint(t, p.store, &scim.Options{Hooks: p.hooks, Strict: strict, Logger: slog.New(slog.NewTextHandler(p.logs, nil))})
		const user, value = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann",`, `":"` + secretWord + `"`
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(p.ask(201, "POST", "/Users", user+`"password`+value+`}`)), &made); err != nil {
			t.Fatal(err)
		}
		ann := "/Users/" + made.ID
		p.ask(200, "PUT", ann, user+`"PassWord`+value+`}`)
		for _, path := range []string{"password", "Password", "urn:ietf:params:scim:schemas:core:2.0:User:password"} {
			for _, op := range []string{"add", "replace"} {
				p.ask(200, "PATCH", ann, patchHead+`[{"op":"`+op+`","path":"`+path+`","value`+value+`}]}`)
			}
			p.ask(200, "PATCH", ann, patchHead+`[{"op":"remove","path":"`+path+`"}]}`)
		}
		refused := 200
		if strict {
			refused = 400
		}
		p.ask(refused, "PUT", ann, user+`"name":{"password`+value+`}}`)
		p.ask(refused, "PUT", ann, user+`"pass`+value+`}`)
		p.ask(refused, "PATCH", ann, patchHead+`[{"op":"replace","path":"emails[type eq \"work\"].password","value`+value+`}]}`)
		p.ask(refused, "PATCH", ann, patchHead+`[{"op":"replace","path":"pass","value`+value+`}]}`)
		if r := p.do("GET", ann, ""); strings.Contains(r.Body.String(), "assword") {
			t.Errorf("the user has a password: %s", r.Body)
		}
		p.hooks.take()
		p.wantSecret()
	}
}

// A path with a password in it is not said again, whether or not the schema has
// one.
func TestPasswordsInPaths(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for _, typ := range []*scim.ResourceType{wiretest.PasswordType(t), must(t)(scim.UserType())} {
			p := passwords{hooks: new(tellingHooks), store: new(memstore.Store), logs: new(bytes.Buffer), seen: new(bytes.Buffer)}
			p.endpoint = newEndpoint(t, p.store, &scim.Options{
				Types: []*scim.ResourceType{typ}, Hooks: p.hooks, Strict: strict, Logger: slog.New(slog.NewTextHandler(p.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			var made struct{ ID string }
			if err := json.Unmarshal([]byte(p.ask(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}`)), &made); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{
				`password[value eq \"` + secretWord + `\"]`, `password[value eq \"` + secretWord, `Password[value eq \"` + secretWord + `\"].x`, `password eq \"` + secretWord + `\"`,
				` password[value eq \"` + secretWord + `\"]`, `password.value[value eq \"` + secretWord + `\"]`, `password=` + secretWord, `password[` + secretWord + `]`,
				`urn:ietf:params:scim:schemas:core:2.0:User:password[value eq \"` + secretWord + `\"]`, `not[password eq \"` + secretWord + `\"]`,
			} {
				for _, op := range []string{
					`{"op":"replace","path":"` + path + `","value":"x"}`, `{"op":"remove","path":"` + path + `"}`, `{"op":"add","value":{"` + path + `":"x"}}`,
					`{"op":"replace","path":"` + path + `"}`, `{"op":"replace","path":"emails","value":[{"` + path + `":"x"}]}`,
				} {
					p.seen.Reset()
					rec := p.do("PATCH", "/Users/"+made.ID, patchHead+"["+op+"]}")
					fmt.Fprintln(p.seen, rec.Header(), rec.Body)
					if text := p.seen.String() + p.logs.String(); rec.Code >= 500 || strings.Contains(text, "Horse") {
						t.Errorf("strict %t, PATCH %s: got %d, and it is said again: %s", strict, op, rec.Code, text)
					}
					p.logs.Reset()
				}
			}
			p.wantSecret()
			rec := p.do("PATCH", "/Users/"+made.ID, patchHead+`[{"op":"replace","path":"emails[type eq \"work\"].primary","value":"maybe"}]}`)
			if want := `emails[type eq \\\"work\\\"].primary`; rec.Code != 400 || !strings.Contains(rec.Body.String(), strings.ReplaceAll(want, `\\\`, `\`)) {
				t.Errorf("another path is said: got %d %s, want 400 and %s", rec.Code, rec.Body, want)
			}
		}
	}
}

func TestPasswordNeedsHooks(t *testing.T) {
	_, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("x", scim.Principal{}), &scim.Options{Types: []*scim.ResourceType{wiretest.PasswordType(t)}})
	if err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a schema with a password and no Hooks: got %v, want an error that says so", err)
	}
	for name, change := range map[string]func(*scim.Attribute){
		"returned":  func(a *scim.Attribute) { a.Returned = scim.ReturnedDefault },
		"readWrite": func(a *scim.Attribute) { a.Mutability = scim.ReadWrite },
		"many":      func(a *scim.Attribute) { a.MultiValued = true },
		"required":  func(a *scim.Attribute) { a.Required = true },
		"a number":  func(a *scim.Attribute) { a.Type = scim.TypeInteger },
	} {
		def := must(t)(scim.UserType()).Definition()
		a := scim.PasswordAttribute()
		change(&a)
		def.Schema.Attributes = append(def.Schema.Attributes, a)
		if _, err := scim.NewResourceType(def); err == nil {
			t.Errorf("a password that is %s was taken", name)
		}
	}
	// A Key would tell the Store.
	for _, indexed := range []string{"password", "PASSWORD", "urn:ietf:params:scim:schemas:core:2.0:User:password", ""} {
		def := must(t)(scim.UserType()).Definition()
		a := scim.PasswordAttribute()
		if def.Indexed = append(def.Indexed, indexed); indexed == "" {
			a.Uniqueness, def.Indexed = scim.UniqueServer, nil
		}
		def.Schema.Attributes = append(def.Schema.Attributes, a)
		if _, err := scim.NewResourceType(def); err == nil || !strings.Contains(err.Error(), "neither unique nor indexed") {
			t.Errorf("a password that is indexed as %q, unique %q: got %v, want an error that says so", indexed, a.Uniqueness, err)
		}
	}
}

func TestSecretShowsNothing(t *testing.T) {
	s := scim.Secret(secretWord)
	event := scim.UserEvent{Event: scim.Event{Password: s}}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%T", "%10s", "%-40v", "%.3s", "%c", "%U", "%e"} {
		fmt.Fprintf(&shown, verb, s)
		fmt.Fprintf(&shown, verb, &s)
		fmt.Fprintf(&shown, verb, []any{s, event, map[string]scim.Secret{"a": s}, []scim.Secret{s}, struct{ S scim.Secret }{s}})
	}
	fmt.Fprintln(&shown, s, event, fmt.Errorf("wrong: %v", s), s.String())
	for _, v := range []any{s, &s, event, map[string]scim.Secret{"a": s}, []scim.Secret{s}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json.Marshal(%T): %v", v, err)
		}
		shown.Write(b)
		for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
			slog.New(h).Info("message", "attribute", v, slog.Group("group", "inside", v))
		}
	}
	type element struct{ S scim.Secret }
	b, err := xml.Marshal(element{s})
	if err != nil {
		t.Error(err)
	}
	shown.Write(b)
	for _, word := range []string{secretWord, "Horse", fmt.Sprintf("%x", secretWord), fmt.Sprintf("%X", secretWord), "43 6f 72"} {
		if i := strings.Index(shown.String(), word); i >= 0 {
			t.Errorf("it shows: …%s…", shown.String()[max(0, i-80):i+len(word)])
		}
	}
	if !strings.Contains(shown.String(), "[redacted]") {
		t.Error("nothing says that there is something")
	}
	if string(s) != secretWord {
		t.Errorf("string(s) is %q", string(s))
	}
}
