package scimtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

const token = "a-token-for-tests"

func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	var h http.Handler
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		h = wrap(h)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestEntra(t *testing.T) {
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag, idp.DialectMixed} {
		t.Run(dialect.String(), func(t *testing.T) {
			d := company.New(company.Options{Users: 50, Seed: 3})
			var seen int
			entra := scimtest.NewEntra(t, serve(t, nil), token, scimtest.Options{Dialect: dialect, Observe: func(idp.Exchange) { seen++ }})
			entra.TestConnection()
			if r := entra.Sync(d); r.Requests(idp.CreateUser) == 0 || r.Run != "initial cycle" {
				t.Errorf("got\n%s\nwant users created in the initial cycle", r)
			}
			d.Users[7].JobTitle = "Head of Doors"
			d.Users[8].Disabled = !d.Users[8].Disabled
			if r := entra.Sync(d); r.Writes() < 2 || r.Run != "incremental cycle" {
				t.Errorf("got\n%s\nwant two users written in an incremental cycle", r)
			}
			if accounts := entra.Discover(d); len(accounts) == 0 {
				t.Error("no accounts discovered")
			}
			entra.ProvisionOnDemand(d, d.Users[7].ID)
			entra.IDP.Restart(idp.BreakLinks)
			if r := entra.Sync(d); r.Requests(idp.CreateUser, idp.CreateGroup) > 0 {
				t.Errorf("after a reset of the links:\n%s\nwant nobody created twice", r)
			}
			if seen == 0 {
				t.Error("Options.Observe was told nothing")
			}
		})
	}
}

func TestClients(t *testing.T) {
	for name, of := range map[string]func(testing.TB, string, string, ...scimtest.Options) *scimtest.Client{
		"Okta": scimtest.NewOkta, "OneLogin": scimtest.NewOneLogin, "JumpCloud": scimtest.NewJumpCloud, "RFC": scimtest.NewRFC,
	} {
		t.Run(name, func(t *testing.T) {
			d := company.New(company.Options{Users: 50, Seed: 4})
			client := of(t, serve(t, nil), token)
			client.TestConnection()
			if r := client.Sync(d); r.Writes() == 0 {
				t.Errorf("nothing was written:\n%s", r)
			}
			d.Users[3].Surname = "Nakamura"
			client.Sync(d)
		})
	}
}

func TestCheck(t *testing.T) {
	url := serve(t, nil)
	report := scimtest.Check(t, url, token, conformance.Options{Suites: []string{conformance.Okta}})
	if len(report.Results) < 20 {
		t.Errorf("%d checks ran, want the whole suite", len(report.Results))
	}
	scimtest.Check(t, url, token, conformance.Options{Only: []string{"rfc.create.duplicate"}})
	for _, name := range []string{"report.html", "report-2.html"} {
		page, err := os.ReadFile(filepath.Join(t.ArtifactDir(), name))
		if err != nil || !strings.Contains(string(page), "<html") {
			t.Errorf("%s: %v, want a page of %q", name, err, page[:min(100, len(page))])
		}
	}
}

var small = scimtest.Directory{
	Users:  []scimtest.User{{ID: "1", UserPrincipalName: "ada@contoso.example", JobTitle: "Countess"}},
	Groups: []scimtest.Group{{ID: "2", DisplayName: "Nobility", Members: []string{"1"}}},
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Log(...any)        {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(f, args...))
}

// TestFails: what goes wrong fails the test, in the words that Entra's admin
// would read.
func TestFails(t *testing.T) {
	lost := func(next http.Handler) http.Handler { // forgets titles
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					panic(http.ErrAbortHandler)
				}
				text := strings.Replace(string(body), `"title"`, `"nickName"`, 1)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			}
			next.ServeHTTP(w, r)
		})
	}
	memberless := func(next http.Handler) http.Handler { // nobody is a member, if one asks
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Query().Get("filter"), "members eq") {
				w.Header().Set("Content-Type", "application/scim+json")
				io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	fickle := func(next http.Handler) http.Handler { // every second time it is read, a group has no members
		reads := 0
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || !strings.Contains(r.URL.Path, "/Groups/") || r.URL.RawQuery != "" {
				next.ServeHTTP(w, r)
				return
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			body := answer.Body.String()
			if reads++; reads%2 == 0 {
				body = strings.Replace(body, `"members"`, `"others"`, 1)
			}
			w.Header().Set("Content-Type", "application/scim+json")
			io.WriteString(w, body)
		})
	}
	entra := func(t testing.TB, url, token string) { scimtest.NewEntra(t, url, token).Sync(small) }
	okta := func(t testing.TB, url, token string) { scimtest.NewOkta(t, url, token).Sync(small) }
	for _, tt := range []struct {
		name, token string
		sync        func(t testing.TB, url, token string)
		wrap        func(http.Handler) http.Handler
		want        string
	}{
		{"a value is lost", token, entra, lost, "title"},
		{"a value is lost to Okta", token, okta, lost, "title"},
		{"the token is wrong", "guess", entra, nil, "Unauthorized"},
		{"members are denied", token, entra, memberless, "totalResults 1: a member of the group is "},
		{"another look writes", token, okta, fickle, "because  GET "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			tt.sync(r, serve(t, tt.wrap), tt.token)
			if len(r.errors) == 0 || !strings.Contains(strings.Join(r.errors, "\n"), tt.want) {
				t.Errorf("got %q, want an error about %s", r.errors, tt.want)
			}
		})
	}
}
