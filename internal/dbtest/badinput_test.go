package dbtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// What a client may send and a database may not take is answered as it is over
// memstore, and never as a fault of the server's.
func TestBadInput(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
			return scim.Principal{Tenant: token}, nil
		})
		h, err := scim.NewHandler(newTwin(t, open(clock.now).store, clock), tokens, &scim.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(tenant, method, path, body string) *httptest.ResponseRecorder {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
			path, query, _ := strings.Cut(path, "?")
			r.URL = &url.URL{Path: path, RawQuery: query}
			r.Header.Set("Authorization", "Bearer "+tenant)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Errorf("%s %.100q: got %d: %s", method, path, w.Code, w.Body)
			}
			saysNothingInternal(t, fmt.Sprintf("%s %.100q", method, path), w.Body.String())
			return w
		}
		create := func(tenant, path, body string) (id string) {
			t.Helper()
			w := ask(tenant, "POST", path, body)
			var r struct{ ID string }
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusCreated {
				t.Fatalf("POST %s: got %d: %.300s", path, w.Code, w.Body)
			}
			return r.ID
		}
		user, strangers := create("acme", "/Users", userJSON("user")), create("other", "/Users", userJSON("user"))
		group, strangeGroup := create("acme", "/Groups", groupJSON("group", user)), create("other", "/Groups", groupJSON("group", strangers))

		long := strings.Repeat("0123456789", 10_000)
		for _, name := range []string{long, long + "0", strings.Repeat("ß", 50_000)} {
			id := create("acme", "/Users", userJSON(name))
			if w := ask("acme", "GET", "/Users/"+id, ""); !strings.Contains(w.Body.String(), name) {
				t.Errorf("a userName of %d bytes is not what was sent", len(name))
			}
			if w := ask("acme", "POST", "/Users", userJSON(strings.ToUpper(name))); w.Code != http.StatusConflict {
				t.Errorf("a userName of %d bytes for the second time: got %d, want 409", len(name), w.Code)
			}
			ask("acme", "PATCH", "/Users/"+id, patchJSON(fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name)))
		}
		for _, text := range []string{"a\x00b", "\x00", "\xff", "a\xc3", "\xed\xa0\x80", "'", `\`, "%", "$1", "?1", "; DROP TABLE users; --", "\u2028", "\ufeff", "\U0010ffff"} {
			in := url.QueryEscape(fmt.Sprintf("%q", text))
			raw := url.QueryEscape(`"` + text + `"`)
			for _, path := range []string{
				"/Users/" + text, "/Users?filter=userName+eq+" + in, "/Users?filter=userName+eq+" + raw, "/Users?filter=displayName+co+" + raw,
				"/Users?filter=id+eq+" + raw, "/Users?filter=id+gt+" + raw, "/Users?filter=emails.value+eq+" + raw, "/Users?filter=emails%5Btype+eq+" + raw + "%5D",
				"/Groups?filter=members.value+eq+" + raw, "/Users?filter=groups.value+eq+" + raw, "/Users?filter=" + url.QueryEscape(text), "/Users?sortBy=" + url.QueryEscape(text),
				"/Users?cursor=" + url.QueryEscape(text), "/Users?cursor&count=1&sortBy=" + url.QueryEscape(text), "/Users?attributes=" + url.QueryEscape(text),
			} {
				ask("acme", "GET", path, "")
			}
			quoted := `"` + strings.NewReplacer("\x00", `\u0000`, `\`, `\\`).Replace(text) + `"`
			for _, body := range []string{`{"schemas":["` + scim.UserSchemaURI + `"],"userName":` + quoted + `}`, `{"schemas":["` + scim.UserSchemaURI + `"],"userName":"x","externalId":` + quoted + `,"title":` + quoted + `}`} {
				ask("acme", "POST", "/Users", body)
				ask("acme", "PUT", "/Users/"+user, body)
			}
			ask("acme", "PATCH", "/Groups/"+group, patchJSON(`{"op":"add","path":"members","value":[{"value":`+quoted+`}]}`))
			ask("acme", "PATCH", "/Groups/"+group, patchJSON(`{"op":"remove","path":"members","value":[{"value":`+quoted+`}]}`))
			ask("acme", "DELETE", "/Users/"+text, "")
		}

		for _, q := range []struct{ method, path, body string }{
			{"GET", "/Users/" + strangers, ""},
			{"DELETE", "/Users/" + strangers, ""},
			{"PUT", "/Users/" + strangers, userJSON("mine")},
			{"PATCH", "/Groups/" + strangeGroup, patchJSON(`{"op":"remove","path":"members"}`)},
			{"PATCH", "/Users/" + strangers, patchJSON(`{"op":"replace","path":"title","value":"x"}`)},
		} {
			if w := ask("acme", q.method, q.path, q.body); w.Code != http.StatusNotFound {
				t.Errorf("%s of what is another tenant's: got %d, want 404", q.method, w.Code)
			}
		}
		if w := ask("acme", "PATCH", "/Groups/"+group, patchJSON(`{"op":"add","path":"members","value":[{"value":"`+strangers+`"}]}`)); w.Code != http.StatusBadRequest {
			t.Errorf("a member of another tenant: got %d, want 400", w.Code)
		}
		if w := ask("acme", "GET", "/Groups?filter=members.value+eq+%22"+strangers+"%22", ""); !strings.Contains(w.Body.String(), `"totalResults":0`) {
			t.Errorf("the groups of another tenant's user: %s", w.Body)
		}
		if w := ask("other", "GET", "/Groups/"+strangeGroup, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), strangers) {
			t.Errorf("what is another tenant's has changed: got %d: %s", w.Code, w.Body)
		}
	})
}

// Changes of thousands of members at once.
func TestManyMembersAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		u := open(time.Now)
		const n, part = 10_000, 2_000
		loadCrowd(t, u.DB, u.dialect, crowd{tenant: "'acme'", number: "i", tenants: 1, users: n})
		ids, values := make([]string, n), make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("%s%012x", userIDs, i)
			values[i] = `{"value":"` + ids[i] + `"}`
		}
		some := "[" + strings.Join(values[:part], ",") + "]"
		s := newService(t, u.store, u.dialect, u.DB)
		s.populate(t)
		for _, step := range []struct {
			name string
			wireRequest
			want int // members then
		}{
			{"added", wireRequest{"PATCH", "", patchJSON(`{"op":"add","path":"members","value":` + some + `}`)}, part + 1},
			{"added again", wireRequest{"PATCH", "", patchJSON(`{"op":"add","path":"members","value":` + some + `}`)}, part + 1},
			{"put", wireRequest{"PUT", "", groupJSON("all", ids...)}, n},
			{"removed", wireRequest{"PATCH", "", patchJSON(`{"op":"remove","path":"members","value":` + some + `}`)}, n - part},
			{"put", wireRequest{"PUT", "", groupJSON("few", ids[n-3:]...)}, 3},
		} {
			step.path = "/Groups/" + s.group
			s.answered(t, []wireRequest{step.wireRequest})
			if got := number(t, u.DB, "SELECT count(*) FROM scim_member"); got != step.want {
				t.Errorf("%s: got %d members, want %d", step.name, got, step.want)
			}
		}
		consistent(t, u)
	})
}
