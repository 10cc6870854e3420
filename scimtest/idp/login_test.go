package idp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/idp"
)

// authority is a token endpoint that tells what it was sent.
type authority struct {
	form    url.Values
	header  http.Header
	issued  int
	expires any
	status  int
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.form, _ = url.ParseQuery(string(body))
	a.header = r.Header
	a.issued++
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	answer, _ := json.Marshal(map[string]any{"access_token": fmt.Sprint("hush-", a.issued), "token_type": "bearer", "expires_in": a.expires})
	w.Write(answer)
}

// TestClientCredentials is E008, from the client's side.
func TestClientCredentials(t *testing.T) {
	a := &authority{expires: 3600, status: 200}
	tokens := httptest.NewServer(a)
	defer tokens.Close()
	accepted := ""
	var first string
	endpoint := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first == "" {
				first = r.URL.String()
			}
			if bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); bearer != accepted && accepted != "" || !strings.HasPrefix(bearer, "hush-") {
				w.WriteHeader(401)
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
			next.ServeHTTP(w, r)
		})
	})
	entra := newEntra(t, endpoint, "", &idp.Options{
		Workers: 1, Credentials: &idp.ClientCredentials{TokenURL: tokens.URL, ClientID: "usher", ClientSecret: "top&secret"},
		Observe: func(x idp.Exchange) {
			if all := fmt.Sprintf("%s %s %s", x.URL, x.RequestBody, x.ResponseBody); strings.Contains(all, "secret") && !strings.Contains(all, "client_secret=%2A%2A%2A") || strings.Contains(all, "hush") {
				t.Errorf("a secret is told: %s", all)
			}
		},
	})
	r, err := entra.TestConnection(t.Context())
	if err != nil || first != "/scim/v2/Users?startIndex=1&count=1" {
		t.Fatalf("Test Connection: %v; the first request was %s", err, first)
	}
	if r.Requests(idp.RequestToken) != 1 || r.Requests(idp.CheckCredentials) != 1 || r.Requests(idp.Probe) != 2 || r.Writes() != 0 {
		t.Errorf("want one token for all:\n%s", r)
	}
	if got := a.form.Encode(); got != "client_id=usher&client_secret=top%26secret&grant_type=client_credentials" {
		t.Errorf("the form is %s: the secret is in it, and no empty scope", got)
	}
	if a.header.Get("Authorization") != "" || a.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("headers %v: no Basic credentials", a.header)
	}
	d := idp.Directory{Users: []idp.User{{ID: "1", UserPrincipalName: "a@contoso.example"}}}
	for cycle, want := range []int{1, 1, 2, 2, 3} { // 60 minutes of tokens, 40 of cycles
		if _, err := entra.Sync(t.Context(), d); err != nil || a.issued != want {
			t.Errorf("cycle %d: %v; %d tokens, want %d", cycle+1, err, a.issued, want)
		}
	}
	accepted = "hush-4" // the others were revoked
	d.Users[0].JobTitle = "CEO"
	if r, err := entra.Sync(t.Context(), d); err != nil || r.Requests(idp.RequestToken) != 1 || r.Requests(idp.PatchUser) != 1 {
		t.Errorf("a refused token is renewed once: %v\n%s", err, r)
	}
	accepted = "another"
	if r, err := entra.Sync(t.Context(), d); err == nil || r.Quarantine == nil || r.Failures[0].Code != idp.CodeUnauthorized {
		t.Errorf("got %v, want the job in quarantine", err)
	}
}

func TestClientCredentialsFailures(t *testing.T) {
	for _, tt := range []struct {
		name      string
		authority authority
		stops     bool
		want      string
	}{
		{"short-lived", authority{expires: 300, status: 200}, false, "expires_in from 3600 to 21600"},
		{"long-lived", authority{expires: 86400, status: 200}, false, "expires_in from 3600 to 21600"},
		{"the number as a string", authority{expires: "3600", status: 200}, true, "the number expires_in"},
		{"refused", authority{expires: 3600, status: 401}, true, "200 OK with a token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens := httptest.NewServer(&tt.authority)
			defer tokens.Close()
			endpoint := serve(t, change(func(r *http.Request, body string) string {
				r.Header.Set("Authorization", "Bearer "+token)
				return body
			}, nil))
			entra := newEntra(t, endpoint, "", &idp.Options{Credentials: &idp.ClientCredentials{TokenURL: tokens.URL, ClientID: "c", ClientSecret: "sesame", Scope: "scim"}})
			r, err := entra.Sync(t.Context(), company())
			var f *idp.Failure
			if !errors.As(err, &f) || !strings.Contains(f.Want, tt.want) || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want %q and no secret", err, tt.want)
			}
			if (r.Quarantine != nil) != tt.stops || (r.Requests(idp.Probe) == 0) != tt.stops {
				t.Errorf("want that it stops: %v\n%s", tt.stops, r)
			}
			tokens.Close() // and so its handlers have returned
			if tt.authority.form.Get("scope") != "scim" {
				t.Errorf("form %v, want the scope", tt.authority.form)
			}
		})
	}
}

// TestWorkloadIdentity is E009, from the client's side.
func TestWorkloadIdentity(t *testing.T) {
	a := &authority{expires: 3600, status: 200}
	tokens := httptest.NewServer(a)
	defer tokens.Close()
	endpoint := serve(t, change(func(r *http.Request, body string) string {
		r.Header.Set("Authorization", "Bearer "+token)
		return body
	}, nil))
	made := 0
	entra := newEntra(t, endpoint, "", &idp.Options{Credentials: &idp.ClientCredentials{
		TokenURL: tokens.URL, ClientID: "c", Scope: "scim",
		Assertion: func(context.Context) (string, error) { made++; return fmt.Sprint("jwt-", made), nil },
	}})
	if _, err := entra.TestConnection(t.Context()); err != nil {
		t.Fatal(err)
	}
	entra.Advance(time.Hour)
	if _, err := entra.TestConnection(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "client_assertion=jwt-2&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=c&grant_type=client_credentials&scope=scim"
	if got := a.form.Encode(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
