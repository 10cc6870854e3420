package scim_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// limiter is an Authenticator that counts.
type limiter struct {
	p           scim.Principal
	err         error
	asked, done int
	from        string
}

func (l *limiter) ValidateToken(context.Context, string) (scim.Principal, error) {
	return scim.Principal{}, errors.New("Authenticate is asked instead")
}

func (l *limiter) Authenticate(r *http.Request, token string) (scim.Principal, func(), error) {
	l.asked++
	l.from = r.RemoteAddr
	if token != "secret" {
		return scim.Principal{}, l.end, scim.ErrUnauthorized
	}
	return l.p, l.end, l.err
}

func (l *limiter) end() { l.done++ }

// Whoever is let in is told of as done, once, whatever becomes of the request;
// with an error there is nothing to be told of.
func TestAuthenticatorIsToldWhenARequestIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name                       string
		store                      scim.Store // nil: one in memory
		hooks                      scim.Hooks
		err                        error
		method, target, body, send string
		status, asked, done        int
	}{
		{"created", nil, nil, nil, "POST", "/Users", `{"userName":"ann"}`, "secret", 201, 1, 1},
		{"refused", nil, nil, nil, "POST", "/Users", `{}`, "secret", 400, 1, 1},
		{"no JSON", nil, nil, nil, "POST", "/Users", `[`, "secret", 400, 1, 1},
		{"a bulk request", nil, nil, nil, "POST", "/Bulk", bulkHead + bulkUser("x") + "," + bulkUser("y") + "]}", "secret", 200, 1, 1},
		{"no endpoint", nil, nil, nil, "GET", "/Persons", "", "secret", 404, 1, 1},
		{"another tenant's address", nil, nil, nil, "GET", "/t/other/Users", "", "secret", 401, 1, 1},
		{"the Store panics", faulty{}, nil, nil, "POST", "/Users", `{"userName":"ann"}`, "secret", 500, 1, 1},
		{"a hook panics", newTransactions(true), panickingHooks{}, nil, "POST", "/Users", `{"userName":"ann"}`, "secret", 500, 1, 1},
		{"public, with a token", nil, nil, nil, "GET", "/ServiceProviderConfig", "", "secret", 200, 1, 1},
		{"public, with another token", nil, nil, nil, "GET", "/ServiceProviderConfig", "", "wrong", 200, 1, 0},
		{"no token", nil, nil, nil, "GET", "/Users", "", "", 401, 0, 0},
		{"another token", nil, nil, nil, "GET", "/Users", "", "wrong", 401, 1, 0},
		{"too many", nil, nil, scim.ErrTooManyRequests, "GET", "/Users", "", "secret", 429, 1, 0},
	} {
		for _, observer := range []scim.Observer{nil, &watcher{}} {
			l := &limiter{p: scim.Principal{Tenant: "acme"}, err: c.err}
			store := c.store
			if store == nil {
				store = new(memstore.Store)
			}
			h, err := scim.NewHandler(store, l, &scim.Options{Hooks: c.hooks, Observer: observer})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.Handle("/", h)
			mux.Handle("/t/{tenant}/", h)
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			if c.send != "" {
				r.Header.Set("Authorization", "Bearer "+c.send)
			}
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, r)
			if rec.Code != c.status || l.asked != c.asked || l.done != c.done {
				t.Errorf("%s: got %d, asked %d, done %d times; want %d, %d and %d: %s", c.name, rec.Code, l.asked, l.done, c.status, c.asked, c.done, rec.Body)
			}
			if c.asked > 0 && l.from != r.RemoteAddr {
				t.Errorf("%s: the Authenticator saw a request from %q, not %q", c.name, l.from, r.RemoteAddr)
			}
		}
	}
}

// An Authenticator that panics when it is told has not kept the Observer from it.
func TestAPanicOfDoneIsNoReasonNotToReport(t *testing.T) {
	o := &watcher{}
	h, err := scim.NewHandler(new(memstore.Store), overdone{}, &scim.Options{Observer: o})
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was kept from net/http, which logs it")
			}
		}()
		site{t, h}.do("GET", "/Users", "")
	}()
	if got := summary(&o.last); got != "list User - 200" {
		t.Errorf("got %s", got)
	}
}

type overdone struct{ scim.TokenValidator }

func (overdone) Authenticate(*http.Request, string) (scim.Principal, func(), error) {
	return scim.Principal{}, func() { panic("done") }, nil
}

// What a validator's error says to the client, and what it does not.
func TestWhatAValidatorMaySay(t *testing.T) {
	const usual = "the bearer token is not valid here"
	for _, c := range []struct {
		name   string
		err    error
		status int
		detail string
	}{
		{"no more than that", scim.ErrUnauthorized, 401, usual},
		{"a cause for the log", wrapped{"no token called hunter2", scim.ErrUnauthorized}, 401, usual},
		{"a reason for the admin", scim.Errorf(scim.ErrUnauthorized, "provisioning is switched off"), 401, "provisioning is switched off"},
		{"a reason that is wrapped", wrapped{"hunter2", scim.Errorf(scim.ErrUnauthorized, "provisioning is switched off")}, 401, "provisioning is switched off"},
		{"a reason and a cause", &scim.Error{Kind: scim.ErrUnauthorized, Detail: "the token has expired", Err: errors.New("hunter2")}, 401, "the token has expired"},
		{"too many", scim.Errorf(scim.ErrTooManyRequests, "25 a second"), 429, "25 a second"},
		{"an outage", errors.New("hunter2"), 500, "the request could not be carried out because of an internal error; it is in the server's log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := scim.NewHandler(new(memstore.Store), failing(c.err), nil)
			if err != nil {
				t.Fatal(err)
			}
			a := site{t, h}.must(c.status, "GET", "/Users", "")
			if a.doc["detail"] != c.detail || strings.Contains(a.body, "hunter2") {
				t.Errorf("got %s\nwant the detail %q", a.body, c.detail)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
				t.Errorf("WWW-Authenticate: got %q", challenge)
			}
		})
	}
}

type wrapped struct {
	text string
	error
}

func (e wrapped) Error() string { return e.text }
func (e wrapped) Unwrap() error { return e.error }

// An error that says whose token it is, such as that its connection is paused, is told
// where the token would be good: elsewhere it is refused as a live one is, and what is
// public stays so. One that says nothing of it is no refusal.
func TestErrorsThatSayWhoseTokenItIs(t *testing.T) {
	paused := scim.Errorf(scim.ErrUnavailable, "paused")
	acme := scim.Principal{Tenant: "acme", Subject: "c1"}
	const own, other, query, public = "/t/acme/Users", "/t/other/Users", "/t/acme/Users?access_token=secret", "/t/acme/ServiceProviderConfig"
	ask := func(p scim.Principal, err error, target string) *httptest.ResponseRecorder {
		t.Helper()
		h, failure := scim.NewHandler(new(memstore.Store), &limiter{p: p, err: err}, &scim.Options{Logger: slog.New(slog.DiscardHandler)})
		if failure != nil {
			t.Fatal(failure)
		}
		mux := http.NewServeMux()
		mux.Handle("/t/{tenant}/", h)
		r := httptest.NewRequest("GET", target, nil)
		if target != query {
			r.Header.Set("Authorization", "Bearer secret")
		}
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		return rec
	}
	for _, c := range []struct {
		name, target string
		p            scim.Principal
		err          error
		status       int
		asLive       bool // byte by byte
	}{
		{"paused", own, acme, paused, 503, false},
		{"paused, at another tenant's address", other, acme, paused, 401, true},
		{"paused, in the query", query, acme, paused, 401, true},
		{"paused, in the query where it may be", query, scim.Principal{Tenant: "acme", Subject: "c1", QueryToken: true}, paused, 503, false},
		{"paused, what is public", public, acme, paused, 200, true},
		{"nobody can tell", own, scim.Principal{}, errors.New("database"), 500, false},
		{"nobody can tell, at any address", other, scim.Principal{}, errors.New("database"), 500, false},
		{"nobody can tell, in the query", query, scim.Principal{}, scim.ErrUnavailable, 503, false},
		{"nobody can tell, what is public", public, scim.Principal{}, scim.ErrUnavailable, 503, false},
	} {
		got, live := ask(c.p, c.err, c.target), ask(acme, nil, c.target)
		if got.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, got.Code, got.Body, c.status)
		}
		if c.asLive && (got.Code != live.Code || got.Body.String() != live.Body.String() || !cmp.Equal(got.Result().Header, live.Result().Header)) {
			t.Errorf("%s: got %d %v %s\nwant, as for a live one, %d %v %s", c.name, got.Code, got.Result().Header, got.Body, live.Code, live.Result().Header, live.Body)
		}
	}
}
