package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// For a client of users only there are no groups, wherever it looks.
func TestPrincipalTypes(t *testing.T) {
	store := new(memstore.Store)
	all := newSite(t, store, nil)
	ann := all.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	group := all.must(201, "POST", "/Groups", `{"displayName":"staff","members":[{"value":"`+ann+`"}]}`).id()
	users := func(me scim.Ref, types ...string) site {
		p := scim.Principal{Tenant: "acme", Types: types}
		h, err := scim.NewHandler(store, scim.StaticToken("secret", p), &scim.Options{
			Me: func(context.Context, scim.Principal) (scim.Ref, error) { return me, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return site{t, h}
	}
	e := users(scim.Ref{Type: "Group", ID: group}, "User")
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/Users/" + ann, "", 200},
		{"GET", "/Groups", "", 404},
		{"GET", "/Groups/" + group, "", 404},
		{"POST", "/Groups", `{"displayName":"x"}`, 404},
		{"PATCH", "/Groups/" + group, patchBody(`{"op":"replace","path":"displayName","value":"x"}`), 404},
		{"DELETE", "/Groups/" + group, "", 404},
		{"POST", "/Groups/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`, 404},
		{"GET", "/ResourceTypes/User", "", 200},
		{"GET", "/ResourceTypes/Group", "", 404},
		{"GET", "/Schemas/" + scim.UserSchemaURI, "", 200},
		{"GET", "/Schemas/" + scim.GroupSchemaURI, "", 404},
		{"GET", "/Me", "", 404},
	} {
		a := e.must(c.status, c.method, c.target, c.body)
		if want := fmt.Sprintf("there is no endpoint %q", c.target); strings.HasPrefix(c.target, "/Groups") && a.doc["detail"] != want {
			t.Errorf("%s %s: got detail %q, want %q", c.method, c.target, a.doc["detail"], want)
		}
	}
	for target, want := range map[string][]string{
		"/ResourceTypes": {"User"},
		"/Schemas":       {scim.UserSchemaURI, scim.EnterpriseUserSchemaURI},
		"/":              {ann},
	} {
		if got := resourceIDs(e.must(200, "GET", target, "")); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", target, got, want)
		}
	}
	search := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id pr"}`
	if got := resourceIDs(e.must(200, "POST", "/.search", search)); !slices.Equal(got, []string{ann}) {
		t.Errorf("/.search: got %v, want the user alone", got)
	}

	var answer struct{ Operations []bulkResult }
	bulk := e.must(200, "POST", "/Bulk", bulkHead+bulkUser("bob")+`,
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"x"}},
		{"method":"DELETE","path":"/Groups/`+group+`"}]}`)
	if err := json.Unmarshal([]byte(bulk.body), &answer); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"201", "404", "404"}, bulkStatuses(answer.Operations)); diff != "" {
		t.Errorf("bulk: -want +got\n%s", diff)
	}
	if got := all.must(200, "GET", "/Groups", "").doc["totalResults"]; got != 1.0 {
		t.Errorf("there are %v groups, want 1 as before", got)
	}

	users(scim.Ref{Type: "User", ID: ann}, "User").must(200, "GET", "/Me", "")
	if got := resourceIDs(users(scim.Ref{}, "User", "Group").must(200, "GET", "/ResourceTypes", "")); !slices.Equal(got, []string{"User", "Group"}) {
		t.Errorf("both types: got %v", got)
	}
	none := users(scim.Ref{}, []string{}...)
	none.must(404, "GET", "/Users", "")
	if got := none.must(200, "GET", "/", "").doc["totalResults"]; got != 0.0 {
		t.Errorf("a client of no types finds %v resources", got)
	}
}

func resourceIDs(a reply) (ids []string) {
	resources, _ := a.doc["Resources"].([]any)
	for _, r := range resources {
		id, _ := r.(map[string]any)["id"].(string)
		if id == "" {
			id, _ = r.(map[string]any)["name"].(string)
		}
		ids = append(ids, id)
	}
	return ids
}

// A token in the query is as good as none where the Principal does not allow it,
// and with everything but GET.
func TestQueryToken(t *testing.T) {
	var log bytes.Buffer
	handler := func(allowed bool) http.Handler {
		h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("hunter2", scim.Principal{QueryToken: allowed}), &scim.Options{
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	ask := func(h http.Handler, method, target, authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(`{"userName":"ann"}`))
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	for _, c := range []struct {
		name                          string
		allowed                       bool
		method, target, authorization string
		status                        int
	}{
		{"allowed", true, "GET", "/Users?access_token=hunter2", "", 200},
		{"among others", true, "GET", "/Users?count=1&access_token=hunter2&startIndex=1", "", 200},
		{"escaped", true, "GET", "/Users?access_token=%68unter2", "", 200},
		{"where there is an error", true, "GET", "/Users?access_token=hunter2&filter=x", "", 400},
		{"where there is nothing", true, "GET", "/Users/1?access_token=hunter2", "", 404},
		{"no GET", true, "POST", "/Users?access_token=hunter2", "", 401},
		{"nor HEAD", true, "HEAD", "/Users?access_token=hunter2", "", 401},
		{"not the token", true, "GET", "/Users?access_token=hunter3", "", 401},
		{"empty", true, "GET", "/Users?access_token=", "", 401},
		{"badly escaped", true, "GET", "/Users?access_token=%zz", "", 401},
		{"of another name", true, "GET", "/Users?my_access_token=hunter2", "", 401},
		{"beside a header that is none", true, "GET", "/Users?access_token=hunter2", "Basic aHVudGVyMg==", 401},
		{"not allowed", false, "GET", "/Users?access_token=hunter2", "", 401},
		{"nor another", false, "GET", "/Users?access_token=hunter3", "", 401},
		{"nor written otherwise", false, "GET", "/Users?ACCESS_TOKEN=hunter2", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := handler(c.allowed)
			log.Reset()
			got := ask(h, c.method, c.target, c.authorization)
			if got.Code != c.status {
				t.Fatalf("got %d %s, want %d", got.Code, got.Body, c.status)
			}
			for _, text := range []string{log.String(), got.Body.String()} {
				if strings.Contains(text, "hunter") || strings.Contains(text, "access_token") {
					t.Errorf("the token or its place is told of: %s", text)
				}
			}
			if c.status != 401 {
				return
			}
			without := ask(h, c.method, "/Users", "")
			if diff := cmp.Diff(without.Result().Header, got.Result().Header); diff != "" || without.Body.String() != got.Body.String() {
				t.Errorf("a token in the query is answered otherwise than none: %s\n%s\n%s", diff, without.Body, got.Body)
			}
		})
	}
}

// A host for each tenant: a token is good at its own tenant's address alone, and
// the answers have the address that was asked.
func TestOptionsTenant(t *testing.T) {
	var log bytes.Buffer
	tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		if token != "a" && token != "b" {
			return scim.Principal{}, scim.ErrUnauthorized
		}
		return scim.Principal{Tenant: token}, nil
	})
	h, err := scim.NewHandler(new(memstore.Store), tokens, &scim.Options{
		BaseURL: "https://{tenant}.example.com/scim",
		Tenant: func(r *http.Request) string {
			name, _, _ := strings.Cut(r.Host, ".")
			return strings.TrimPrefix(name, "any")
		},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/t/{tenant}/", h)
	ask := func(host, target, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://"+host+".example.com"+target, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		return rec
	}
	unknown := ask("a", "/Users", "c")
	for _, c := range []struct {
		name, host, target, token string
		status                    int
	}{
		{"its own", "a", "/Users", "a", 200},
		{"another's", "b", "/Users", "a", 401},
		{"one that there is not", "x", "/Users", "a", 401},
		{"no tenant's", "any", "/Users", "a", 200},
		{"the path says it, not the host", "b", "/t/a/Users", "a", 200},
		{"the path says another", "a", "/t/b/Users", "a", 401},
	} {
		got := ask(c.host, c.target, c.token)
		if got.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, got.Code, got.Body, c.status)
		}
		if c.status == 401 && (got.Body.String() != unknown.Body.String() || !cmp.Equal(got.Result().Header, unknown.Result().Header)) {
			t.Errorf("%s: the answer tells more than that of an unknown token: %v %s", c.name, got.Result().Header, got.Body)
		}
	}
	if got := ask("a", "/ResourceTypes/User", "a").Body.String(); !strings.Contains(got, "https://a.example.com/scim/ResourceTypes/User") {
		t.Errorf("the location is not below the BaseURL of the tenant: %s", got)
	}
	if !strings.Contains(log.String(), `of tenant \"a\"`) {
		t.Errorf("the log does not say whose token it was:\n%s", log.String())
	}
}

// TestOtherRouters: a router that is no ServeMux names the tenant of the address by
// SetPathValue, and sets no Pattern.
func TestOtherRouters(t *testing.T) {
	e := newEndpoint(t, &memstore.Store{}, nil)
	for tenant, want := range map[string]int{"acme": 200, "globex": 401} {
		r := httptest.NewRequest("GET", "/scim/"+tenant+"/v2/Users", nil)
		r.SetPathValue("tenant", tenant)
		r.Header.Set("Authorization", "Bearer secret")
		rec := httptest.NewRecorder()
		e.h.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("at the address of %s: got %d, want %d", tenant, rec.Code, want)
		}
	}
}
