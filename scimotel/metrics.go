package scimotel

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/usherkit/scim"
)

// metrics are what is measured and counted.
type metrics struct {
	running  *counter
	requests *histogram[answered]
	calls    *histogram[labels]
	tokens   *histogram[labels]
	hooks    *histogram[labels]
	rules    *counter
	refused  *counter
	changes  *counter
	inactive *counter
	added    *counter
	removed  *counter
	tenants  *counter // nil: none

	mu    sync.Mutex
	names map[string]bool // the tenants that are counted each for itself
	most  int
}

var (
	advised = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10} // by the semantic conventions
	bounds  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

const other = "other"

// newMetrics makes the instruments. Their names are those of package scimprom in
// OpenTelemetry's spelling, but where there is a convention.
func newMetrics(meter metric.Meter, nested bool, tenants int) (*metrics, error) {
	in := &making{meter: meter}
	m := &metrics{
		calls:    histogramOf[labels](in, "scim.store.call.duration", "How long calls of the store took.", bounds),
		tokens:   histogramOf[labels](in, "scim.token.validation.duration", "How long it took to tell whose a token is.", bounds),
		hooks:    histogramOf[labels](in, "scim.hook.call.duration", "How long the application's hooks took.", bounds),
		rules:    in.counter("scim.dialect.rules", "{request}", "Requests that needed a tolerance for an identity provider's dialect."),
		refused:  in.counter("scim.bulk.refused", "{operation}", "Operations of bulk requests that were refused."),
		changes:  in.counter("scim.changes", "{change}", "Changes of resources that were stored."),
		inactive: in.counter("scim.deactivations", "{user}", "Users that were active and then were not."),
		added:    in.counter("scim.members.added", "{member}", "Members added to groups."),
		removed:  in.counter("scim.members.removed", "{member}", "Members removed from groups."),
		names:    map[string]bool{}, most: tenants,
	}
	if nested {
		m.requests = histogramOf[answered](in, "scim.request.duration", "How long requests took.", bounds)
		m.running = in.gauge("scim.requests.in_flight", "{request}", "Requests that are being answered.")
	} else {
		m.requests = histogramOf[answered](in, "http.server.request.duration", "Duration of HTTP server requests.", advised)
		m.running = in.gauge("http.server.active_requests", "{request}", "Number of active HTTP server requests.")
	}
	if tenants > 0 {
		m.tenants = in.counter("scim.tenant.requests", "{request}", "Requests by tenant.")
	}
	return m, in.err
}

// run counts a request that has come (1), or is answered (-1).
func (m *metrics) run(ctx context.Context, of incoming, n int) {
	m.running.add(ctx, n, attribute.String("http.request.method", of.methodOrOther()), attribute.String("url.scheme", of.scheme))
}

// count counts what came of a request.
func (m *metrics) count(ctx context.Context, v *scim.Report) {
	for _, rule := range v.Rules {
		m.rules.add(ctx, 1, attribute.String("scim.rule", rule))
	}
	for i := range v.Refused {
		o := &v.Refused[i]
		m.refused.add(ctx, 1, attribute.String("scim.outcome", scim.Outcome(o.Err)), maybe("scim.operation", string(o.Operation)), maybe("scim.resource.type", o.Type))
	}
	for i := range v.Changes {
		m.change(ctx, &v.Changes[i])
	}
	if m.tenants != nil && v.Principal.Tenant != "" {
		status := attribute.KeyValue{} // none if the answer was broken off
		if v.Status != 0 {
			status = attribute.Int("http.response.status_code", v.Status)
		}
		m.tenants.add(ctx, 1, attribute.String("scim.tenant", m.tenant(v.Principal.Tenant)), status)
	}
}

func (m *metrics) change(ctx context.Context, c *scim.ResourceChange) {
	typ := attribute.String("scim.resource.type", c.Ref.Type)
	m.changes.add(ctx, 1, attribute.String("scim.change", string(c.Op)), typ)
	if c.Deactivated {
		m.inactive.add(ctx, 1, typ)
	}
	m.added.add(ctx, c.Added, typ)
	m.removed.add(ctx, c.Removed, typ)
}

// tenant is the attribute of a tenant.
func (m *metrics) tenant(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.names[name]:
	case len(m.names) < m.most:
		m.names[name] = true
	default:
		return other
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// call measures a call.
func (m *metrics) call(ctx context.Context, c scim.Call, outcome string, took time.Duration) {
	of := attribute.String("scim.outcome", outcome)
	switch c.Of {
	case scim.CalleeStore:
		m.calls.record(ctx, took, labels{attribute.String("scim.store.method", c.Method), of})
	case scim.CalleeTokens:
		m.tokens.record(ctx, took, labels{of})
	case scim.CalleeHooks:
		m.hooks.record(ctx, took, labels{attribute.String("scim.hook", c.Method), of})
	}
}
