package scimprom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimprom"
)

func Example() {
	registry := prometheus.NewRegistry()
	observer, err := scimprom.New(registry, nil)
	if err != nil {
		panic(err)
	}
	handler, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{Observer: observer})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{})) // on another address: clients need not see it

	request := httptest.NewRequest("POST", "/scim/v2/Users", strings.NewReader(`{"userName":"ann"}`))
	request.Header.Set("Authorization", "Bearer secret")
	mux.ServeHTTP(httptest.NewRecorder(), request)

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.Contains(line, "_count") || strings.HasPrefix(line, "scim_changes_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// scim_changes_total{op="create",type="User"} 1
	// scim_request_duration_seconds_count{operation="create",status="201",type="User"} 1
	// scim_store_call_duration_seconds_count{method="Create",outcome="ok"} 1
	// scim_token_validation_duration_seconds_count{outcome="ok"} 1
}

// site is a Handler whose requests are counted.
type site struct {
	t        *testing.T
	registry *prometheus.Registry
	handler  http.Handler
}

// tenants are tokens that are the names of tenants.
var tenants = scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
	p := scim.Principal{Tenant: token}
	switch token {
	case "wrong":
		return scim.Principal{}, scim.ErrUnauthorized
	case "expired":
		return p, scim.Errorf(scim.ErrUnauthorized, "the token has expired")
	case "busy":
		return p, scim.ErrTooManyRequests
	case "down":
		return scim.Principal{}, errors.New("connection refused")
	}
	return p, nil
})

func newSite(t *testing.T, store scim.Store, options *scimprom.Options) site {
	t.Helper()
	return newSiteWith(t, nil, store, options)
}

func newSiteWith(t *testing.T, hooks scim.Hooks, store scim.Store, options *scimprom.Options) site {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	observer, err := scimprom.New(registry, options)
	if err != nil {
		t.Fatal(err)
	}
	h, err := scim.NewHandler(store, tenants, &scim.Options{Observer: observer, Hooks: hooks, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return site{t, registry, h}
}

// doorman refuses users by their names.
type doorman struct{ scim.NoHooks }

func (doorman) Admit(_ context.Context, e scim.Event) error {
	if e.After != nil {
		switch e.After.User().UserName {
		case "held":
			return scim.Errorf(scim.ErrConflict, "held until somebody approves")
		case "limited":
			return scim.ErrTooManyRequests
		case "denied":
			return scim.ErrForbidden
		case "unlucky":
			return errors.New("disk full")
		}
	}
	return nil
}

func (s site) do(token, method, target, body string) string {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, r)
	_, rest, _ := strings.Cut(rec.Body.String(), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// lines are what Prometheus reads, without the buckets and the durations.
func (s site) lines() string {
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	var out strings.Builder
	for line := range strings.Lines(rec.Body.String()) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket") && !strings.Contains(line, "_sum") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func TestMetrics(t *testing.T) {
	s := newSite(t, new(memstore.Store), nil)
	ann := s.do("acme", "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}`)
	s.do("acme", "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}`)
	group := s.do("acme", "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"`+ann+`"}]}`)
	s.do("acme", "PATCH", "/Groups/"+group, patch(`{"op":"remove","path":"members"}`))
	s.do("acme", "PATCH", "/Users/"+ann, patch(`{"op":"replace","path":"active","value":"False"}`))
	s.do("acme", "GET", "/Users/hunter2", "")
	s.do("acme", "DELETE", "/Users/"+ann, "")
	s.do("acme", "GET", "/hunter2", "")
	s.do("acme", "HUNTER2", "/Users", "")
	s.do("wrong", "GET", "/Users", "")
	s.do("busy", "GET", "/Users", "")
	s.do("down", "GET", "/Users", "")
	const want = `scim_changes_total{op="create",type="Group"} 1
scim_changes_total{op="create",type="User"} 1
scim_changes_total{op="delete",type="User"} 1
scim_changes_total{op="update",type="Group"} 1
scim_changes_total{op="update",type="User"} 1
scim_deactivations_total{type="User"} 1
scim_dialect_rules_total{rule="stringBoolean"} 1
scim_members_added_total{type="Group"} 1
scim_members_removed_total{type="Group"} 1
scim_request_duration_seconds_count{operation="create",status="201",type="Group"} 1
scim_request_duration_seconds_count{operation="create",status="201",type="User"} 1
scim_request_duration_seconds_count{operation="create",status="409",type="User"} 1
scim_request_duration_seconds_count{operation="delete",status="204",type="User"} 1
scim_request_duration_seconds_count{operation="get",status="404",type="User"} 1
scim_request_duration_seconds_count{operation="list",status="401",type="User"} 1
scim_request_duration_seconds_count{operation="list",status="429",type="User"} 1
scim_request_duration_seconds_count{operation="list",status="500",type="User"} 1
scim_request_duration_seconds_count{operation="none",status="404",type="none"} 1
scim_request_duration_seconds_count{operation="none",status="405",type="User"} 1
scim_request_duration_seconds_count{operation="patch",status="200",type="User"} 1
scim_request_duration_seconds_count{operation="patch",status="204",type="Group"} 1
scim_requests_in_flight 0
scim_store_call_duration_seconds_count{method="Create",outcome="conflict"} 1
scim_store_call_duration_seconds_count{method="Create",outcome="ok"} 2
scim_store_call_duration_seconds_count{method="Delete",outcome="ok"} 1
scim_store_call_duration_seconds_count{method="Get",outcome="not_found"} 1
scim_store_call_duration_seconds_count{method="Get",outcome="ok"} 1
scim_store_call_duration_seconds_count{method="Update",outcome="ok"} 2
scim_token_validation_duration_seconds_count{outcome="error"} 1
scim_token_validation_duration_seconds_count{outcome="limited"} 1
scim_token_validation_duration_seconds_count{outcome="ok"} 9
scim_token_validation_duration_seconds_count{outcome="refused"} 1
`
	if got := s.lines(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("these names are not Prometheus's: %v (%v)", problems, err)
	}
}

// What is refused of a bulk request, which is itself answered 200.
func TestBulk(t *testing.T) {
	s := newSiteWith(t, doorman{}, new(memstore.Store), nil)
	s.do("acme", "POST", "/Bulk", bulk(
		create("ann"), create("held"), create("limited"), create("unlucky"), create("ANN"), create("denied"),
		`{"method":"DELETE","path":"/Users/hunter2"}`, `{"method":"POST","bulkId":"x","path":"/Hunter2","data":{}}`,
	))
	const want = `scim_bulk_refused_total{operation="create",outcome="conflict",type="User"} 2
scim_bulk_refused_total{operation="create",outcome="error",type="User"} 1
scim_bulk_refused_total{operation="create",outcome="limited",type="User"} 1
scim_bulk_refused_total{operation="create",outcome="refused",type="User"} 1
scim_bulk_refused_total{operation="delete",outcome="not_found",type="User"} 1
scim_bulk_refused_total{operation="none",outcome="not_found",type="none"} 1
scim_changes_total{op="create",type="User"} 1
scim_hook_call_duration_seconds_count{hook="Admit",outcome="conflict"} 1
scim_hook_call_duration_seconds_count{hook="Admit",outcome="error"} 1
scim_hook_call_duration_seconds_count{hook="Admit",outcome="limited"} 1
scim_hook_call_duration_seconds_count{hook="Admit",outcome="ok"} 2
scim_hook_call_duration_seconds_count{hook="Admit",outcome="refused"} 1
scim_hook_call_duration_seconds_count{hook="OnUserStaged",outcome="ok"} 1
scim_request_duration_seconds_count{operation="bulk",status="200",type="none"} 1
scim_requests_in_flight 0
scim_store_call_duration_seconds_count{method="Create",outcome="conflict"} 1
scim_store_call_duration_seconds_count{method="Create",outcome="ok"} 1
scim_store_call_duration_seconds_count{method="Get",outcome="not_found"} 1
scim_store_call_duration_seconds_count{method="InTx",outcome="conflict"} 1
scim_store_call_duration_seconds_count{method="InTx",outcome="ok"} 2
scim_token_validation_duration_seconds_count{outcome="ok"} 1
`
	if got := s.lines(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func bulk(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

// create is an operation that creates a user.
func create(name string) string {
	return `{"method":"POST","bulkId":"` + name + `","path":"/Users","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `"}}`
}

// Tenants are labels only if that is asked for, and no more of them than that.
func TestTenants(t *testing.T) {
	s := newSite(t, new(memstore.Store), &scimprom.Options{Tenants: 2})
	for _, token := range []string{"acme", "globex", "initech", "acme", "wrong", "initech", "globex", "hooli"} {
		s.do(token, "GET", "/Users", "")
	}
	s.do("", "GET", "/ServiceProviderConfig", "")
	var got []string
	for line := range strings.Lines(s.lines()) {
		if strings.HasPrefix(line, "scim_tenant") {
			got = append(got, line)
		}
	}
	want := `scim_tenant_requests_total{status="200",tenant="acme"} 2
scim_tenant_requests_total{status="200",tenant="globex"} 2
scim_tenant_requests_total{status="200",tenant="other"} 3
`
	if text := strings.Join(got, ""); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}

	s = newSite(t, new(memstore.Store), &scimprom.Options{Tenants: 1})
	s.do("expired", "GET", "/Users", "")
	if want := `scim_tenant_requests_total{status="401",tenant="expired"} 1`; !strings.Contains(s.lines(), want) {
		t.Errorf("a tenant whose token has expired is not to be seen:\n%s", s.lines())
	}

	s = newSite(t, new(memstore.Store), &scimprom.Options{Tenants: 1})
	s.do("a\xff", "GET", "/Users", "")
	if want := "scim_tenant_requests_total{status=\"200\",tenant=\"a\uFFFD\"} 1"; !strings.Contains(s.lines(), want) {
		t.Errorf("a tenant whose name is no UTF-8 is not to be seen:\n%s", s.lines())
	}
}

// A request is in flight until it is answered, also if the Store panics.
func TestInFlight(t *testing.T) {
	store := &waiting{began: make(chan bool), goOn: make(chan bool)}
	s := newSite(t, store, nil)
	var wg sync.WaitGroup
	wg.Go(func() { s.do("acme", "GET", "/Users/1", "") })
	<-store.began
	if got := s.lines(); !strings.Contains(got, "scim_requests_in_flight 1\n") {
		t.Errorf("got\n%s", got)
	}
	store.goOn <- true
	wg.Wait()
	got := s.lines()
	for _, want := range []string{"scim_requests_in_flight 0\n", `{method="Get",outcome="error"} 1`, `{operation="get",status="500",type="User"} 1`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing:\n%s", want, got)
		}
	}
}

type waiting struct {
	scim.Store
	began, goOn chan bool
}

func (s *waiting) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	s.began <- true
	<-s.goOn
	panic("disk full")
}

// A name that is taken is an error, and leaves nothing registered.
func TestNewRefuses(t *testing.T) {
	registry := prometheus.NewRegistry()
	taken := prometheus.NewCounter(prometheus.CounterOpts{Name: "scim_changes_total", Help: "Another's."})
	registry.MustRegister(taken)
	if _, err := scimprom.New(registry, nil); err == nil {
		t.Error("no error")
	}
	if families, err := registry.Gather(); err != nil || len(families) != 1 {
		t.Errorf("something was left registered: %v (%v)", families, err)
	}
}

// One Observer is told by many requests at once, and read meanwhile.
func TestConcurrently(t *testing.T) {
	s := newSite(t, new(memstore.Store), &scimprom.Options{Tenants: 3})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 20 {
				s.do(fmt.Sprint("t", n), "POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
				io.WriteString(io.Discard, s.lines())
			}
		})
	}
	wg.Wait()
	if want := `scim_changes_total{op="create",type="User"} 160`; !strings.Contains(s.lines(), want) {
		t.Errorf("%s is missing:\n%s", want, s.lines())
	}
}
