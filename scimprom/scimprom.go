// Package scimprom counts the requests to a scim.Handler, and the calls that are
// made for them, for Prometheus.
//
//	observer, err := scimprom.New(prometheus.DefaultRegisterer, nil)
//	handler, err := scim.NewHandler(store, tokens, &scim.Options{Observer: observer})
//
// The metrics are
//
//	scim_request_duration_seconds            histogram   operation, type, status
//	scim_requests_in_flight                  gauge
//	scim_store_call_duration_seconds         histogram   method, outcome
//	scim_token_validation_duration_seconds   histogram   outcome
//	scim_hook_call_duration_seconds          histogram   hook, outcome
//	scim_dialect_rules_total                 counter     rule
//	scim_bulk_refused_total                  counter     operation, type, outcome
//	scim_changes_total                       counter     op, type
//	scim_deactivations_total                 counter     type
//	scim_members_added_total                 counter     type
//	scim_members_removed_total               counter     type
//
// and, if Options.Tenants asks for it,
//
//	scim_tenant_requests_total               counter     tenant, status
//
// operation is Report.Operation, or none; type the name of a resource type, or
// none where there is no one such, as in a bulk request; outcome what
// [scim.Outcome] says. So no label has a value that a client chooses, and the
// number of series is bounded by the resource types. The duration of InTx, a call
// of the Store, has that of the calls within it.
//
// What to watch and to be woken by is in docs/observability.md.
package scimprom

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherkit/scim"
)

// Options change what is counted. The zero Options, and nil, mean the defaults.
type Options struct {
	// Buckets are the upper bounds of the histograms, in seconds, rising. Default:
	// from 0.5 ms to 60 s, which is when Entra gives up.
	Buckets []float64

	// Tenants is how many tenants are counted each for itself: the first ones that
	// come, and all that come later as "other". Requests of nobody that is known are
	// not. Their names are then labels, which whoever reads the metrics sees.
	// Default: none.
	Tenants int
}

var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

const (
	none  = "none"
	other = "other"
)

// An Observer is a scim.Observer. Several Handlers may share one.
type Observer struct {
	running  prometheus.Gauge
	requests *prometheus.HistogramVec
	calls    *prometheus.HistogramVec
	tokens   *prometheus.HistogramVec
	hooks    *prometheus.HistogramVec
	rules    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	changes  *prometheus.CounterVec
	inactive *prometheus.CounterVec
	added    *prometheus.CounterVec
	removed  *prometheus.CounterVec
	tenants  *prometheus.CounterVec // nil: none

	mu    sync.Mutex
	names map[string]bool // the tenants that are counted each for itself
	most  int
}

var _ scim.Observer = (*Observer)(nil)

// New returns an Observer whose metrics are registered. Its error is that of the
// registerer, which has one of these names already.
func New(to prometheus.Registerer, options *Options) (*Observer, error) {
	var opts Options
	if options != nil {
		opts = *options
	}
	if opts.Buckets == nil {
		opts.Buckets = buckets
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: opts.Buckets}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	o := &Observer{
		running:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "scim_requests_in_flight", Help: "Requests that are being answered."}),
		requests: histogram("scim_request_duration_seconds", "How long requests took.", "operation", "type", "status"),
		calls:    histogram("scim_store_call_duration_seconds", "How long calls of the store took.", "method", "outcome"),
		tokens:   histogram("scim_token_validation_duration_seconds", "How long it took to tell whose a token is.", "outcome"),
		hooks:    histogram("scim_hook_call_duration_seconds", "How long the application's hooks took.", "hook", "outcome"),
		rules:    counter("scim_dialect_rules_total", "Requests that needed a tolerance for an identity provider's dialect.", "rule"),
		refused:  counter("scim_bulk_refused_total", "Operations of bulk requests that were refused.", "operation", "type", "outcome"),
		changes:  counter("scim_changes_total", "Changes of resources that were stored.", "op", "type"),
		inactive: counter("scim_deactivations_total", "Users that were active and then were not.", "type"),
		added:    counter("scim_members_added_total", "Members added to groups.", "type"),
		removed:  counter("scim_members_removed_total", "Members removed from groups.", "type"),
		names:    map[string]bool{}, most: opts.Tenants,
	}
	all := []prometheus.Collector{o.running, o.requests, o.calls, o.tokens, o.hooks, o.rules, o.refused, o.changes, o.inactive, o.added, o.removed}
	if opts.Tenants > 0 {
		o.tenants = counter("scim_tenant_requests_total", "Requests by tenant.", "tenant", "status")
		all = append(all, o.tenants)
	}
	for i, c := range all {
		if err := to.Register(c); err != nil {
			for _, registered := range all[:i] {
				to.Unregister(registered)
			}
			return nil, err
		}
	}
	return o, nil
}

// BeginRequest implements scim.Observer.
func (o *Observer) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	o.running.Inc()
	start := time.Now()
	return ctx, func(v *scim.Report) {
		o.running.Dec()
		status := strconv.Itoa(v.Status)
		o.requests.WithLabelValues(or(string(v.Operation)), or(v.Type), status).Observe(time.Since(start).Seconds())
		for _, rule := range v.Rules {
			o.rules.WithLabelValues(rule).Inc()
		}
		for i := range v.Refused {
			of := &v.Refused[i]
			o.refused.WithLabelValues(or(string(of.Operation)), or(of.Type), scim.Outcome(of.Err)).Inc()
		}
		for i := range v.Changes {
			o.change(&v.Changes[i])
		}
		if o.tenants != nil && v.Principal.Tenant != "" {
			o.tenants.WithLabelValues(o.tenant(v.Principal.Tenant), status).Inc()
		}
	}
}

func or(name string) string {
	if name == "" {
		return none
	}
	return name
}

func (o *Observer) change(c *scim.ResourceChange) {
	o.changes.WithLabelValues(string(c.Op), c.Ref.Type).Inc()
	if c.Deactivated {
		o.inactive.WithLabelValues(c.Ref.Type).Inc()
	}
	if c.Added > 0 {
		o.added.WithLabelValues(c.Ref.Type).Add(float64(c.Added))
	}
	if c.Removed > 0 {
		o.removed.WithLabelValues(c.Ref.Type).Add(float64(c.Removed))
	}
}

// tenant is the label of a tenant.
func (o *Observer) tenant(name string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.names[name]:
	case len(o.names) < o.most:
		o.names[name] = true
	default:
		return other
	}
	return strings.ToValidUTF8(name, "\uFFFD") // Prometheus takes no other
}

// BeginCall implements scim.Observer.
func (o *Observer) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	start := time.Now()
	return ctx, func(err error) {
		took, outcome := time.Since(start).Seconds(), scim.Outcome(err)
		switch c.Of {
		case scim.CalleeStore:
			o.calls.WithLabelValues(c.Method, outcome).Observe(took)
		case scim.CalleeTokens:
			o.tokens.WithLabelValues(outcome).Observe(took)
		case scim.CalleeHooks:
			o.hooks.WithLabelValues(c.Method, outcome).Observe(took)
		}
	}
}
