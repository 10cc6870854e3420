package oauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// serve mounts a Handler and a Server as an application would.
func (w *world) serve(t *testing.T) *httptest.Server {
	t.Helper()
	h, err := scim.NewHandler(new(memstore.Store), w.Server, &scim.Options{Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	mux.Handle("/oauth/", w.Server)
	mux.Handle("/.well-known/oauth-authorization-server", w.Server)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// Entra, simulated, gets its tokens and provisions a company with them; each cycle
// is 40 minutes later than the one before, so tokens expire in between.
func TestEntraProvisions(t *testing.T) {
	for _, tt := range []struct {
		name        string
		credentials func(*world) idp.ClientCredentials
		kind        func(*oauth.Options)
	}{
		{"client secret, opaque tokens", func(*world) idp.ClientCredentials {
			return idp.ClientCredentials{ClientID: client, ClientSecret: secret}
		}, sealed},
		{"client secret, signed tokens", func(*world) idp.ClientCredentials {
			return idp.ClientCredentials{ClientID: client, ClientSecret: secret, Scope: "scim"}
		}, signedWith('e')},
		{"workload identity federation", func(w *world) idp.ClientCredentials {
			return idp.ClientCredentials{ClientID: client, Scope: "scim", Assertion: func(context.Context) (string, error) {
				now := w.clock.Now().Unix()
				return sign("RS256", rsaKey(), "k1", with(assertionClaims(), obj{"iat": now, "nbf": now, "exp": now + 3900})), nil
			}}
		}, sealed},
		{"private_key_jwt", func(w *world) idp.ClientCredentials {
			return idp.ClientCredentials{ClientID: client, Assertion: func(context.Context) (string, error) {
				now := w.clock.Now().Unix()
				return sign("RS256", rsaKey(), "k1", with(ownClaims(), obj{"iat": now, "exp": now + 300})), nil
			}}
		}, sealed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.kind)
			server := w.serve(t)
			credentials := tt.credentials(w)
			credentials.TokenURL = server.URL + "/oauth/token"
			entra, err := idp.NewEntra(server.URL+"/scim/v2", "", &idp.Options{Credentials: &credentials})
			if err != nil {
				t.Fatal(err)
			}
			if report, err := entra.TestConnection(t.Context()); err != nil || len(report.Failures) > 0 {
				t.Fatalf("Test Connection: %v\n%s\n%s", err, report, w.log)
			}
			directory := company.New(company.Options{Users: 10, Groups: 2})
			for cycle := range 4 {
				report, err := entra.Sync(t.Context(), directory)
				if err != nil || len(report.Failures) > 0 || report.Writes() == 0 {
					t.Fatalf("cycle %d: %v\n%s\n%s", cycle, err, report, w.log)
				}
				directory.Users[cycle].JobTitle = "Changed"
				w.clock.add(40 * time.Minute)
			}
			w.clients.off = true
			if report, err := entra.Sync(t.Context(), directory); err == nil || report.Quarantine == nil {
				t.Errorf("the connection is switched off, and the cycle went on: %v\n%s", err, report)
			}
			for _, hidden := range []string{secret, "eyJ"} {
				if strings.Contains(w.log.String(), hidden) {
					t.Errorf("the log has %q in it", hidden)
				}
			}
		})
	}
}

// Microsoft's Logic App suite, with an access token: Validate_Credentials_Test, and
// that the token is valid for one to six hours.
func TestLogicAppSuite(t *testing.T) {
	w := newWorld(t, signedWith('e'))
	w.clock.now = time.Now()
	server := w.serve(t)
	report, err := conformance.Check(t.Context(), server.URL+"/scim/v2", w.get(t), &conformance.Options{Only: []string{"microsoft.logicapp.credentials", "microsoft.logicapp.token-lifetime"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != 2 {
		t.Fatalf("%d checks ran, want 2", len(report.Results))
	}
	for _, r := range report.Results {
		if r.Status != conformance.Passed {
			t.Errorf("%s: %s %s %+v", r.ID, r.Status, r.Reason, r.Finding)
		}
	}
}
