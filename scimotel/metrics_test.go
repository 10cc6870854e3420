package scimotel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimotel"
)

// metrics writes each series of each metric: its value, or how often it was measured.
func (s site) metrics() string {
	s.t.Helper()
	var data metricdata.ResourceMetrics
	if err := s.reader.Collect(s.t.Context(), &data); err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			write := func(n any, of attribute.Set) {
				lines = append(lines, fmt.Sprintf("%s[%s] %d %s\n", m.Name, m.Unit, n, strings.Join(sorted(of.ToSlice()), " ")))
			}
			switch of := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range of.DataPoints {
					write(p.Count, p.Attributes)
				}
			case metricdata.Sum[int64]:
				if rises := !strings.Contains(m.Name, "active") && !strings.Contains(m.Name, "in_flight"); rises != of.IsMonotonic {
					s.t.Errorf("%s only rises: %v", m.Name, of.IsMonotonic)
				}
				for _, p := range of.DataPoints {
					write(p.Value, p.Attributes)
				}
			default:
				s.t.Errorf("%s is a %T", m.Name, of)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// The requests are those of the test of this name in scimprom, and so are the facts.
func TestMetrics(t *testing.T) {
	s := newSite(t, new(memstore.Store), scimotel.Options{Identify: true})
	ann := s.do("hunter2", "POST", "/rest/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}`)
	s.do("hunter2", "POST", "/rest/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}`)
	group := s.do("hunter2", "POST", "/rest/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":"`+ann+`"}]}`)
	s.do("hunter2", "PATCH", "/rest/Groups/"+group, patch(`{"op":"remove","path":"members"}`))
	s.do("hunter2", "PATCH", "/rest/Users/"+ann, patch(`{"op":"replace","path":"active","value":"False"}`))
	s.do("hunter2", "GET", "/rest/Users/hunter2", "", "User-Agent", "hunter2")
	s.do("hunter2", "DELETE", "/scim/acme/v2/Users/"+ann, "")
	s.do("hunter2", "GET", "/rest/hunter2", "")
	s.do("hunter2", "HUNTER2", "/rest/Users", "")
	s.do("wrong", "GET", "/rest/Users", "")
	s.do("busy", "GET", "/rest/Users", "")
	s.do("down", "GET", "/rest/Users", "")
	const want = `http.server.active_requests[{request}] 0 http.request.method=DELETE url.scheme=http
http.server.active_requests[{request}] 0 http.request.method=GET url.scheme=http
http.server.active_requests[{request}] 0 http.request.method=PATCH url.scheme=http
http.server.active_requests[{request}] 0 http.request.method=POST url.scheme=http
http.server.active_requests[{request}] 0 http.request.method=_OTHER url.scheme=http
http.server.request.duration[s] 1 error.type=500 http.request.method=GET http.response.status_code=500 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=DELETE http.response.status_code=204 http.route=/scim/{tenant}/v2/Users/{id} network.protocol.version=1.1 scim.operation=delete scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=GET http.response.status_code=401 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=GET http.response.status_code=404 http.route=/rest/ network.protocol.version=1.1 url.scheme=http
http.server.request.duration[s] 1 http.request.method=GET http.response.status_code=404 http.route=/rest/Users/{id} network.protocol.version=1.1 scim.operation=get scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=GET http.response.status_code=429 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=PATCH http.response.status_code=200 http.route=/rest/Users/{id} network.protocol.version=1.1 scim.operation=patch scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=PATCH http.response.status_code=204 http.route=/rest/Groups/{id} network.protocol.version=1.1 scim.operation=patch scim.resource.type=Group url.scheme=http
http.server.request.duration[s] 1 http.request.method=POST http.response.status_code=201 http.route=/rest/Groups network.protocol.version=1.1 scim.operation=create scim.resource.type=Group url.scheme=http
http.server.request.duration[s] 1 http.request.method=POST http.response.status_code=201 http.route=/rest/Users network.protocol.version=1.1 scim.operation=create scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=POST http.response.status_code=409 http.route=/rest/Users network.protocol.version=1.1 scim.operation=create scim.resource.type=User url.scheme=http
http.server.request.duration[s] 1 http.request.method=_OTHER http.response.status_code=405 http.route=/rest/Users network.protocol.version=1.1 scim.resource.type=User url.scheme=http
scim.changes[{change}] 1 scim.change=create scim.resource.type=Group
scim.changes[{change}] 1 scim.change=create scim.resource.type=User
scim.changes[{change}] 1 scim.change=delete scim.resource.type=User
scim.changes[{change}] 1 scim.change=update scim.resource.type=Group
scim.changes[{change}] 1 scim.change=update scim.resource.type=User
scim.deactivations[{user}] 1 scim.resource.type=User
scim.dialect.rules[{request}] 1 scim.rule=stringBoolean
scim.members.added[{member}] 1 scim.resource.type=Group
scim.members.removed[{member}] 1 scim.resource.type=Group
scim.store.call.duration[s] 1 scim.outcome=conflict scim.store.method=Create
scim.store.call.duration[s] 1 scim.outcome=not_found scim.store.method=Get
scim.store.call.duration[s] 1 scim.outcome=ok scim.store.method=Delete
scim.store.call.duration[s] 1 scim.outcome=ok scim.store.method=Get
scim.store.call.duration[s] 2 scim.outcome=ok scim.store.method=Create
scim.store.call.duration[s] 2 scim.outcome=ok scim.store.method=Update
scim.token.validation.duration[s] 1 scim.outcome=error
scim.token.validation.duration[s] 1 scim.outcome=limited
scim.token.validation.duration[s] 1 scim.outcome=refused
scim.token.validation.duration[s] 9 scim.outcome=ok
`
	if got := s.metrics(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Within otelhttp, whose metrics are called http.server.…, there are others.
func TestNestedMetrics(t *testing.T) {
	s := newSite(t, new(memstore.Store), scimotel.Options{Nested: true})
	s.do("hunter2", "GET", "/rest/Users", "")
	const want = `scim.request.duration[s] 1 http.request.method=GET http.response.status_code=200 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
scim.requests.in_flight[{request}] 0 http.request.method=GET url.scheme=http
scim.store.call.duration[s] 1 scim.outcome=ok scim.store.method=List
scim.token.validation.duration[s] 1 scim.outcome=ok
`
	if got := s.metrics(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is refused of a bulk request, which is itself answered 200.
func TestBulk(t *testing.T) {
	s := newSiteWith(t, doorman{}, new(memstore.Store), scimotel.Options{})
	s.do("hunter2", "POST", "/rest/Bulk", bulk(
		create("ann"), create("held"), create("limited"), create("unlucky"), create("ANN"), create("denied"),
		`{"method":"DELETE","path":"/Users/hunter2"}`, `{"method":"POST","bulkId":"x","path":"/Hunter2","data":{}}`,
	))
	const want = `http.server.active_requests[{request}] 0 http.request.method=POST url.scheme=http
http.server.request.duration[s] 1 http.request.method=POST http.response.status_code=200 http.route=/rest/Bulk network.protocol.version=1.1 scim.operation=bulk url.scheme=http
scim.bulk.refused[{operation}] 1 scim.operation=create scim.outcome=error scim.resource.type=User
scim.bulk.refused[{operation}] 1 scim.operation=create scim.outcome=limited scim.resource.type=User
scim.bulk.refused[{operation}] 1 scim.operation=create scim.outcome=refused scim.resource.type=User
scim.bulk.refused[{operation}] 1 scim.operation=delete scim.outcome=not_found scim.resource.type=User
scim.bulk.refused[{operation}] 1 scim.outcome=not_found
scim.bulk.refused[{operation}] 2 scim.operation=create scim.outcome=conflict scim.resource.type=User
scim.changes[{change}] 1 scim.change=create scim.resource.type=User
scim.hook.call.duration[s] 1 scim.hook=Admit scim.outcome=conflict
scim.hook.call.duration[s] 1 scim.hook=Admit scim.outcome=error
scim.hook.call.duration[s] 1 scim.hook=Admit scim.outcome=limited
scim.hook.call.duration[s] 1 scim.hook=Admit scim.outcome=refused
scim.hook.call.duration[s] 1 scim.hook=OnUserStaged scim.outcome=ok
scim.hook.call.duration[s] 2 scim.hook=Admit scim.outcome=ok
scim.store.call.duration[s] 1 scim.outcome=conflict scim.store.method=Create
scim.store.call.duration[s] 1 scim.outcome=conflict scim.store.method=InTx
scim.store.call.duration[s] 1 scim.outcome=not_found scim.store.method=Get
scim.store.call.duration[s] 1 scim.outcome=ok scim.store.method=Create
scim.store.call.duration[s] 2 scim.outcome=ok scim.store.method=InTx
scim.token.validation.duration[s] 1 scim.outcome=ok
`
	if got := s.metrics(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
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

func bulk(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

// create is an operation that creates a user.
func create(name string) string {
	return `{"method":"POST","bulkId":"` + name + `","path":"/Users","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `"}}`
}

// Metrics name tenants only if that is asked for, and no more of them than that.
func TestTenants(t *testing.T) {
	for _, c := range []struct {
		name    string
		tenants int
		tokens  []string
		want    string
	}{
		{"by default", 0, []string{"of acme"}, ""},
		{
			"two", 2,
			[]string{"of acme", "of globex", "of initech", "of acme", "wrong", "of initech", "of globex", "of hooli"},
			`scim.tenant.requests[{request}] 2 http.response.status_code=200 scim.tenant=acme
scim.tenant.requests[{request}] 2 http.response.status_code=200 scim.tenant=globex
scim.tenant.requests[{request}] 3 http.response.status_code=200 scim.tenant=other
`,
		},
		{"one whose token has expired", 1, []string{"expired"}, "scim.tenant.requests[{request}] 1 http.response.status_code=401 scim.tenant=acme\n"},
		{"one whose name is no UTF-8", 1, []string{"of a\xff"}, "scim.tenant.requests[{request}] 1 http.response.status_code=200 scim.tenant=a\uFFFD\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, new(memstore.Store), scimotel.Options{Tenants: c.tenants})
			for _, token := range c.tokens {
				s.do(token, "GET", "/rest/Users", "")
			}
			s.do("", "GET", "/rest/ServiceProviderConfig", "")
			var got string
			for line := range strings.Lines(s.metrics()) {
				if strings.Contains(line, "tenant") {
					got += line
				}
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A request is in flight until it is answered, also if the Store panics.
func TestInFlight(t *testing.T) {
	store := &waiting{began: make(chan bool), goOn: make(chan bool)}
	s := newSite(t, store, scimotel.Options{})
	var wg sync.WaitGroup
	wg.Go(func() { s.do("hunter2", "GET", "/rest/Users/1", "") })
	<-store.began
	const active = "http.server.active_requests[{request}] %d http.request.method=GET url.scheme=http\n"
	if got, want := s.metrics(), fmt.Sprintf(active, 1); !strings.Contains(got, want) {
		t.Errorf("%s is missing:\n%s", want, got)
	}
	store.goOn <- true
	wg.Wait()
	if got, want := s.metrics(), fmt.Sprintf(active, 0); !strings.Contains(got, want) {
		t.Errorf("%s is missing:\n%s", want, got)
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

// One Observer is told by many requests at once, and read meanwhile.
func TestConcurrently(t *testing.T) {
	s := newSite(t, new(memstore.Store), scimotel.Options{Tenants: 3})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 20 {
				s.do(fmt.Sprint("of t", n), "POST", "/rest/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
				s.metrics()
			}
		})
	}
	wg.Wait()
	if got, want := s.metrics(), "scim.changes[{change}] 160 scim.change=create scim.resource.type=User\n"; !strings.Contains(got, want) {
		t.Errorf("%s is missing:\n%s", want, got)
	}
}

// What a MeterProvider cannot make is an error that says so.
func TestNewRefuses(t *testing.T) {
	for _, name := range []string{"scim.store.call.duration", "http.server.active_requests", "scim.changes"} {
		if _, err := scimotel.New(&scimotel.Options{MeterProvider: provider{meter: refusing{name: name}}}); !errors.Is(err, errRefused) {
			t.Errorf("%s: got error %v, want %v", name, err, errRefused)
		}
	}
}

var errRefused = errors.New("no such metric")

// provider has one meter.
type provider struct {
	noop.MeterProvider
	meter metric.Meter
}

func (p provider) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter }

// refusing refuses an instrument by its name.
type refusing struct {
	noop.Meter
	name string
}

func (r refusing) check(name string) error {
	if name == r.name {
		return errRefused
	}
	return nil
}

func (r refusing) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, r.check(name)
}

func (r refusing) Int64UpDownCounter(name string, _ ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	return noop.Int64UpDownCounter{}, r.check(name)
}

func (r refusing) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return noop.Float64Histogram{}, r.check(name)
}
