package idp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/idp"
)

const token = "secret"

// serve serves an empty endpoint below /scim/v2, behind what wrap makes of it.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) (url string) {
	t.Helper()
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{Subject: "test"}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	var handler http.Handler = mux
	if wrap != nil {
		handler = wrap(mux)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2"
}

// newEntra returns an Entra that is watched: each request must be one that
// the real service sends.
func newEntra(t *testing.T, url, token string, options *idp.Options) *idp.Entra {
	t.Helper()
	var o idp.Options
	if options != nil {
		o = *options
	}
	observe := o.Observe
	o.Observe = func(x idp.Exchange) {
		if err := idp.Shape(x); err != nil {
			t.Errorf("%s %s\n%s\n%v", x.Method, x.URL, x.RequestBody, err)
		}
		if observe != nil {
			observe(x)
		}
	}
	entra, err := idp.NewEntra(url, token, &o)
	if err != nil {
		t.Fatal(err)
	}
	return entra
}

// matchUsers are the default mappings with other matching attributes.
func matchUsers(targets ...string) []idp.Mapping {
	return matchBy(idp.DefaultUserMappings(), targets)
}

func matchGroups(targets ...string) []idp.Mapping {
	return matchBy(idp.DefaultGroupMappings(), targets)
}

func matchBy(mappings []idp.Mapping, targets []string) []idp.Mapping {
	for i := range mappings {
		mappings[i].Matching = slices.Index(targets, mappings[i].Target) + 1
	}
	return mappings
}

// company is small, and odd in all the ways that companies are.
func company() idp.Directory {
	d := idp.Directory{
		Users: []idp.User{
			{ID: "boss", UserPrincipalName: "boss@contoso.example", DisplayName: "Zoë Müller 🌻", GivenName: "Zoë", Surname: "Müller", BusinessPhones: []string{"+49 30 23125 010"}},
			{ID: "o'c", UserPrincipalName: "a.o'connor+x@contoso.example", MailNickname: "ao'connor", DisplayName: "Amelia O'Connor", Mail: "amelia@contoso.example", Manager: "boss", Department: "R&D"},
			{ID: "ja", UserPrincipalName: "sato@contoso.example", DisplayName: "佐藤 陽葵", GivenName: "陽葵", Surname: "佐藤", JobTitle: `Head of "Things" \ <more>`, Manager: "o'c", EmployeeID: "007"},
			{ID: "ar", UserPrincipalName: "ahmed@contoso.example", DisplayName: "أحمد المنصوري", City: "Dubai", Country: "AE", OfficeLocation: "Tower 1", Manager: "boss"},
			{ID: "out", UserPrincipalName: "gone@contoso.example", DisplayName: "Long Gone", Disabled: true},
		},
		Groups: []idp.Group{
			{ID: "all", DisplayName: "All Employees", Members: []string{"boss", "o'c", "ja", "ar", "out"}},
			{ID: "rd", DisplayName: "R&D's + \"friends\"", Members: []string{"o'c", "ja"}},
			{ID: "none", DisplayName: "Nobody"},
		},
	}
	for i := range 8 {
		id := fmt.Sprintf("u%02d", i)
		d.Users = append(d.Users, idp.User{ID: id, UserPrincipalName: id + "@contoso.example", DisplayName: "User " + id, Manager: "boss", MobilePhone: "+1 206 555 0140"})
		d.Groups[0].Members = append(d.Groups[0].Members, id)
	}
	return d
}

// later is a list of things that happen to the company, each before a cycle.
var later = []struct {
	name    string
	happens func(*idp.Directory)
	writes  int
}{
	{"nothing", func(*idp.Directory) {}, 0},
	{"renames and moves", func(d *idp.Directory) {
		d.User("o'c").UserPrincipalName, d.User("o'c").DisplayName = "lindqvist@contoso.example", "Amelia Lindqvist"
		d.User("ja").JobTitle, d.User("ja").Department, d.User("ja").Mail = "CTO", "R&D", "sato@contoso.example"
		d.User("ar").Manager = "o'c"
		d.User("u00").Manager = ""
	}, 4},
	{"disable", func(d *idp.Directory) { d.User("ja").Disabled = true }, 1},
	{"restore", func(d *idp.Directory) { d.User("ja").Disabled = false }, 1},
	{"somebody is enabled at last", func(d *idp.Directory) { d.User("out").Disabled = false }, 1}, // and stays out of the group until a restart
	{"groups", func(d *idp.Directory) {
		d.Group("rd").Members = []string{"ja", "boss"}      // one batch out, one in
		d.Group("none").Members = []string{"ar"}            // one batch in
		d.Group("none").DisplayName = "Somebody"            // one PATCH
		d.Group("all").Members = d.Group("all").Members[2:] // one batch out
	}, 5},
	{"deletions", func(d *idp.Directory) { d.Remove("o'c"); d.Remove("none") }, 4}, // and two lose their manager
}

func TestCycles(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options idp.Options
		query   string
	}{
		{"default dialect", idp.Options{}, ""},
		{"flag dialect", idp.Options{}, "?aadOptscim062020"},
		{"mixed dialects", idp.Options{Dialect: idp.DialectMixed}, "/"},
		{"one worker, matched by externalId", idp.Options{Workers: 1, UserMappings: matchUsers("externalId", "userName"), GroupMappings: matchGroups("externalId")}, ""},
		{"small batches", idp.Options{MembersPerPatch: 7}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, ctx := company(), t.Context()
			entra := newEntra(t, serve(t, nil)+tt.query, token, &tt.options)
			if r, err := entra.TestConnection(ctx); err != nil || r.Requests() != 2 {
				t.Fatalf("Test Connection: %v\n%v", err, r)
			}
			r, err := entra.Sync(ctx, d)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Requests(idp.CreateUser); got != 12 || r.Run != "initial cycle" {
				t.Errorf("%s created %d users, want 12 in the initial cycle: who is disabled is not created", r.Run, got)
			}
			if _, err := entra.Verify(ctx, d); err != nil {
				t.Fatal(err)
			}
			for _, step := range later {
				step.happens(&d)
				r, err := entra.Sync(ctx, d)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				if got := r.Writes(); got != step.writes && tt.options.MembersPerPatch == 0 {
					t.Errorf("%s: got %d writes, want %d:\n%s", step.name, got, step.writes, r)
				}
				if again, err := entra.Sync(ctx, d); err != nil || again.Requests() != 2 {
					t.Errorf("%s: the next cycle must send its probes alone: %v\n%s", step.name, err, again)
				}
				check, err := entra.Verify(ctx, d)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				if check.Writes() != 0 {
					t.Errorf("%s: Verify wrote:\n%s", step.name, check)
				}
			}

			// A restart brings the one into the group who was passed over, and
			// no other write, whether or not it breaks the links.
			for i, links := range []idp.Links{idp.KeepLinks, idp.BreakLinks} {
				entra.Restart(links)
				if r, err = entra.Sync(ctx, d); err != nil {
					t.Fatalf("after restart %d: %v", i+1, err)
				}
				if r.Run != "initial cycle" || r.Writes() != 1-i {
					t.Errorf("restart %d: got %d writes, want %d in the initial cycle:\n%s", i+1, r.Writes(), 1-i, r)
				}
				if _, err := entra.Verify(ctx, d); err != nil {
					t.Fatalf("after restart %d: %v", i+1, err)
				}
			}
		})
	}
}

// change is a handler that lets f see and change a request's body and query,
// and then its answer.
func change(request func(r *http.Request, body string) string, answer func(r *http.Request, a *answered)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			if request != nil {
				body = []byte(request(r, string(body)))
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			a := &answered{rec.Code, rec.Header().Get("Content-Type"), rec.Body.String()}
			if answer != nil {
				answer(r, a)
			}
			w.Header().Set("Content-Type", a.media)
			w.WriteHeader(a.status)
			io.WriteString(w, a.body)
		})
	}
}

type answered struct {
	status int
	media  string
	body   string
}

// replace replaces what matches in answers to GET.
func replace(pattern, with string) func(*http.Request, *answered) {
	re := regexp.MustCompile(pattern)
	return func(r *http.Request, a *answered) {
		if r.Method == "GET" {
			a.body = re.ReplaceAllString(a.body, with)
		}
	}
}

// TestBrokenEndpoints: mistakes that real servers made are named.
func TestBrokenEndpoints(t *testing.T) {
	without := func(parameter string) func(*http.Request, string) string {
		return func(r *http.Request, body string) string {
			q := r.URL.Query()
			q.Del(parameter)
			r.URL.RawQuery = q.Encode()
			return body
		}
	}
	for _, tt := range []struct {
		name, reason string
		wrap         func(http.Handler) http.Handler
		dialect      idp.Dialect
		code, want   string // a failure that must be there
	}{
		{
			name: "excludedAttributes ignored", reason: "Infisical PR #6525, PostHog PR #47336",
			wrap: change(without("excludedAttributes"), nil),
			code: idp.CodeMultipleEntries, want: "excludedAttributes=members",
		}, {
			name: "string booleans stored as strings", reason: "Entra sends active as \"False\"",
			wrap: change(nil, replace(`"active":(true|false)`, `"active":"$1"`)),
			code: idp.CodeIncompatible, want: `active is "true", want true or false`,
		}, {
			name: "removal with a value wipes the group", reason: "azure-docs #30826, SimpleIdServer #164",
			wrap: change(func(_ *http.Request, body string) string {
				return regexp.MustCompile(`("op":"Remove","path":"members"),"value":\[.*?\]`).ReplaceAllString(body, "$1")
			}, nil),
			code: idp.CodeDifference, want: "are missing",
		}, {
			name: "404 for a search without a match", reason: "fails Test Connection",
			wrap: change(nil, func(r *http.Request, a *answered) {
				if strings.Contains(a.body, `"totalResults":0`) {
					a.status = 404
				}
			}),
			code: idp.CodeIncompatible, want: "200 OK",
		}, {
			name: "filter ignored", reason: "worse than an error",
			wrap: change(without("filter"), nil),
			code: idp.CodeIncompatible, want: "a match whose userName",
		}, {
			name: "plain JSON", reason: "azure-docs #104859",
			wrap: change(nil, func(_ *http.Request, a *answered) { a.media = "application/json" }),
			code: idp.CodeIncompatible, want: `not "application/json"`,
		}, {
			name: "manager as a string", reason: "Budibase #15369",
			wrap: change(nil, replace(`"manager":\{"value":("[^"]*")[^}]*\}`, `"manager":$1`)),
			code: idp.CodeIncompatible, want: "manager is",
		}, {
			name: "manager not returned", reason: "azure-docs #11784",
			wrap: change(nil, replace(`"manager":\{[^}]*\}`, `"x":1`)),
			code: idp.CodeDifference, want: "manager",
		}, {
			name: "operations without a path ignored", reason: "SCIM-SDK #193",
			wrap: change(func(_ *http.Request, body string) string {
				return regexp.MustCompile(`\{"op":"(add|replace)","value":\{[^}]*\}\}`).ReplaceAllString(body, `{"op":"add","value":{"nickName":"x"}}`)
			}, nil),
			dialect: idp.DialectFlag,
			code:    idp.CodeDifference, want: `displayName "Amelia Lindqvist"`,
		}, {
			name: "string false means true", reason: "sentry-docs #16258",
			wrap: change(func(_ *http.Request, body string) string { return strings.ReplaceAll(body, `"False"`, `"True"`) }, nil),
			code: idp.CodeDifference, want: "active false (it is true)",
		}, {
			name: "externalId lost", reason: "langwatch #6974",
			wrap: change(nil, replace(`"externalId":"[^"]*",`, ``)),
			code: idp.CodeDifference, want: "externalId",
		}, {
			name: "numbers for ids", reason: "id is a string (RFC 7643 §3.1)",
			wrap: change(nil, func(_ *http.Request, a *answered) {
				a.body = regexp.MustCompile(`"id":"[^"]*"`).ReplaceAllString(a.body, `"id":7`)
			}),
			code: idp.CodeIncompatible, want: "a string id",
		}, {
			name: "no PATCH", reason: "authentik #13386",
			wrap: change(nil, func(r *http.Request, a *answered) {
				if r.Method == "PATCH" {
					a.status = 405
				}
			}),
			code: idp.CodeMethodNotAllowed, want: "204 No Content or 200 OK",
		}, {
			name: "present members are conflicts", reason: "MS Q&A 471809",
			wrap: change(nil, func(r *http.Request, a *answered) {
				if r.Method == "PATCH" && strings.Contains(r.URL.Path, "/Groups/") {
					a.status = 409
				}
			}),
			code: idp.CodeConflict, want: "204 No Content or 200 OK",
		}, {
			name: "deletion does not delete", reason: "a soft delete must be one to the client too",
			wrap: change(func(r *http.Request, body string) string {
				if r.Method == "DELETE" {
					r.Method = "PATCH"
					r.Header.Set("Content-Type", "application/scim+json")
					return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"externalId","value":"x"}]}`
				}
				return body
			}, func(r *http.Request, a *answered) {}),
			code: idp.CodeDifference, want: "404 Not Found",
		}, {
			name: "errors without a word", reason: "retried for ever",
			wrap: change(nil, func(r *http.Request, a *answered) {
				if r.Method == "POST" {
					a.status, a.body = 500, ""
				}
			}),
			code: idp.CodeInternalServerError, want: "201 Created",
		}, {
			name: "token refused", reason: "quarantine",
			wrap: change(func(r *http.Request, body string) string { r.Header.Del("Authorization"); return body }, nil),
			code: idp.CodeUnauthorized, want: "200 OK",
		}, {
			name: "lists that are none", reason: "every collection is a ListResponse",
			wrap: change(nil, replace(`"Resources"`, `"resources"`)),
			code: idp.CodeIncompatible, want: "Resources",
		}, {
			name: "not JSON at all", reason: "a proxy's page",
			wrap: change(nil, func(_ *http.Request, a *answered) { a.media, a.body = "text/html", "<html>" }),
			code: idp.CodeIncompatible, want: "a JSON object",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, ctx := company(), t.Context()
			entra := newEntra(t, serve(t, tt.wrap), token, &idp.Options{Dialect: tt.dialect})
			var failures []*idp.Failure
			note := func(r *idp.Report, err error) {
				if (err != nil) != (len(r.Failures) > 0 || r.Quarantine != nil) || len(r.Failures) > 0 && !errors.As(err, new(*idp.Failure)) {
					t.Errorf("%d failures, but the error is %v", len(r.Failures), err)
				}
				failures = append(failures, r.Failures...)
			}
			note(entra.Sync(ctx, d))
			note(entra.Verify(ctx, d))
			for _, step := range later {
				step.happens(&d)
				note(entra.Sync(ctx, d))
				note(entra.Verify(ctx, d))
			}
			found := slices.ContainsFunc(failures, func(f *idp.Failure) bool {
				return f.Code == tt.code && strings.Contains(f.Want, tt.want) && f.Why != "" && f.Object != ""
			})
			if !found {
				t.Errorf("no failure %s that wants %q (%s), but %d others:", tt.code, tt.want, tt.reason, len(failures))
				for _, f := range failures[:min(3, len(failures))] {
					t.Log(f)
				}
			}
		})
	}
}

// TestInvalidAnchor: what was deleted behind Entra's back is missed, and not
// created again until links are reset.
func TestInvalidAnchor(t *testing.T) {
	d, ctx, url := company(), t.Context(), serve(t, nil)
	entra := newEntra(t, url, token, nil)
	if _, err := entra.Sync(ctx, d); err != nil {
		t.Fatal(err)
	}
	var found struct {
		Resources []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(request(t, "GET", url+"/Users?filter=userName+eq+%22sato@contoso.example%22")), &found); err != nil || len(found.Resources) != 1 {
		t.Fatalf("got %v (%v), want one user", found, err)
	}
	request(t, "DELETE", url+"/Users/"+found.Resources[0].ID)

	r, err := entra.Sync(ctx, d)
	if err != nil || r.Requests() != 2 {
		t.Fatalf("want no look at what has not changed in the directory: %v\n%s", err, r)
	}
	d.User("ja").JobTitle = "CTO"
	r, err = entra.Sync(ctx, d)
	var f *idp.Failure
	if !errors.As(err, &f) || len(r.Failures) != 1 || f.Code != idp.CodeInvalidAnchor || f.Status != 404 || f.Object != "user 佐藤 陽葵 (sato@contoso.example)" {
		t.Fatalf("got %v, want one InvalidAnchor", err)
	}
	if r.Writes() != 0 {
		t.Errorf("want no writes:\n%s", r)
	}
	entra.Restart(idp.BreakLinks)
	if r, err = entra.Sync(ctx, d); err != nil || r.Requests(idp.CreateUser) != 1 {
		t.Fatalf("after the links were broken: %v, want one user created:\n%s", err, r)
	}
	if _, err := entra.Verify(ctx, d); err != nil {
		t.Fatal(err)
	}
}

func request(t *testing.T, method, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %v %s", method, url, res.StatusCode, err, body)
	}
	return string(body)
}

// TestDuplicates: two accounts fit one person.
func TestDuplicates(t *testing.T) {
	two := listOf(`{"id":"1","externalId":"x"},{"id":"2","externalId":"x"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/scim+json")
		if strings.Contains(r.RequestURI, "%22x%22") {
			io.WriteString(w, strings.Replace(two, `"totalResults":1`, `"totalResults":2`, 1))
			return
		}
		io.WriteString(w, empty)
	}))
	defer server.Close()
	entra := newEntra(t, server.URL, token, &idp.Options{UserMappings: matchUsers("externalId"), UsersOnly: true})
	r, err := entra.Sync(t.Context(), idp.Directory{Users: []idp.User{{ID: "1", UserPrincipalName: "x@contoso.example", MailNickname: "x"}}})
	if err == nil || len(r.Failures) != 1 || r.Failures[0].Code != idp.CodeDuplicates || r.Writes() != 0 {
		t.Errorf("got %v, want DuplicateTargetEntries alone and no writes", err)
	}
}

// TestNoEndpoint: what cannot be reached, or takes too long, is said so.
func TestNoEndpoint(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"closed port", closed.URL, idp.CodeUnavailable},
		{"no answer in time", slow.URL, idp.CodeTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entra := newEntra(t, tt.url, token, &idp.Options{Timeout: 50 * time.Millisecond})
			r, err := entra.Sync(t.Context(), company())
			if err == nil || !strings.Contains(err.Error(), tt.want) || r.Stopped == "" || r.Writes() != 0 {
				t.Errorf("got %v, want a cycle that stopped with %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func TestNewEntraErrors(t *testing.T) {
	for _, tt := range []struct {
		name, url, want string
		options         idp.Options
	}{
		{"no URL", "scim.example.com/v2", "want http:// or https://", idp.Options{}},
		{"no matching attribute", "http://localhost", "no mapping has a Matching precedence", idp.Options{UserMappings: matchUsers("nickName")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := idp.NewEntra(tt.url, token, &tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	var underway sync.WaitGroup // a create whose client has gone may still be carried out
	counted := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			underway.Add(1)
			defer underway.Done()
			h.ServeHTTP(w, r)
		})
	}
	entra := newEntra(t, serve(t, counted), token, &idp.Options{Progress: func(p idp.Progress) {
		if p.Phase == "users" && p.Done > 3 {
			once.Do(cancel)
		}
	}})
	r, err := entra.Sync(ctx, company())
	if !errors.Is(err, context.Canceled) || len(r.Failures) != 0 || r.Requests(idp.CreateGroup) != 0 {
		t.Errorf("got %v, want a cycle that was cancelled among the users, and no failure:\n%s", err, r)
	}
	time.Sleep(50 * time.Millisecond) // for a request on its way to arrive
	underway.Wait()
	if _, err := entra.Sync(t.Context(), company()); err != nil { // and the next one goes on
		t.Errorf("the next cycle: %v", err)
	}
}
