package storetest

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/scimtest"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// EndToEnd provisions a company to a Handler over the store, over HTTP, as
// Microsoft Entra ID does in both of its dialects and as Okta does, lets some
// months go by, and runs the conformance check. newStore is as in [Run], which
// comes first: what fails here and not there is more likely the Handler's.
func EndToEnd(t *testing.T, newStore func(t *testing.T) scim.Store) {
	t.Helper()
	const token = "a-token-for-tests"
	serve := func(t *testing.T) (url string) {
		t.Helper()
		h, err := scim.NewHandler(newStore(t), scim.StaticToken(token, scim.Principal{Tenant: "contoso"}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag} {
		t.Run("Entra, dialect "+dialect.String(), func(t *testing.T) {
			directory := company.New(company.Options{Users: 50, Seed: 1})
			entra := scimtest.NewEntra(t, serve(t), token, scimtest.Options{Dialect: dialect})
			entra.TestConnection()
			entra.Sync(directory)
			for month := range uint64(3) {
				directory = company.Evolve(directory, month)
				entra.Sync(directory)
			}
			entra.IDP.Restart(idp.BreakLinks)
			if again := entra.Sync(directory); again.Requests(idp.CreateUser, idp.CreateGroup) > 0 {
				t.Errorf("after a restart that breaks the links, what is there was created again:\n%s", again)
			}
			entra.Discover(directory)
		})
	}
	t.Run("Okta", func(t *testing.T) {
		directory := company.New(company.Options{Users: 50, Seed: 2})
		okta := scimtest.NewOkta(t, serve(t), token)
		okta.TestConnection()
		okta.Sync(directory)
		okta.Sync(company.Evolve(directory, 1))
	})
	t.Run("conformance", func(t *testing.T) {
		report := scimtest.Check(t, serve(t), token, conformance.Options{Suites: []string{conformance.RFC, conformance.Entra, conformance.Okta, conformance.Microsoft}})
		passed := 0
		for _, result := range report.Results {
			if result.Status == conformance.Passed {
				passed++
			}
		}
		if passed < 500 { // a check that is skipped shows nothing
			t.Errorf("%d of %d checks passed, want 500 or more", passed, len(report.Results))
		}
	})
}
