package conformance_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/conformance"
)

const token = "a-token-for-tests"

// serve serves an empty endpoint of package scim, behind wrap if that is not
// nil, and returns its URL.
func serve(t *testing.T, wrap wrapper) string {
	t.Helper()
	return serveWith(t, scim.Options{}, wrap)
}

// serveWith is serve with options.
func serveWith(t *testing.T, o scim.Options, wrap wrapper) string {
	t.Helper()
	server := httptest.NewServer(mounted(t, scim.Principal{}, o, wrap))
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2"
}

// mounted is what is served.
func mounted(t *testing.T, p scim.Principal, o scim.Options, wrap wrapper) http.Handler {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	var h http.Handler
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, p), &o)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		h = wrap(h)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	return mux
}

// TestUsher: the endpoint of package scim has no findings, but for what it
// understands although the SCIM 2.0 Interoperability Profile refuses it.
func TestUsher(t *testing.T) {
	for _, suite := range conformance.SuiteNames() {
		t.Run(suite, func(t *testing.T) {
			report, err := conformance.Check(t.Context(), serve(t, nil), token, &conformance.Options{Suites: []string{suite}})
			if err != nil {
				t.Fatal(err)
			}
			known := map[string]string{}
			switch suite {
			case conformance.Strict:
				known = againstProfile
			case conformance.Microsoft:
				known = map[string]string{"microsoft.validator.schema": "RFC 7643 §4.1.2 defines emails.display; the validator has a mode that does not read /Schemas"}
			}
			fails(t, report, known)
			passed := 0
			for _, r := range report.Results {
				if r.Status == conformance.Passed {
					passed++
				}
			}
			t.Logf("%d passed of %d, %d requests, %v", passed, len(report.Results), report.Requests, report.Duration)
		})
	}
}
