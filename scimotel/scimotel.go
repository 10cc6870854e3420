// Package scimotel traces and measures the requests to a scim.Handler with
// OpenTelemetry, of which it needs the API alone.
//
//	observer, err := scimotel.New(nil)
//	handler, err := scim.NewHandler(store, tokens, &scim.Options{Observer: observer})
//
// Each request is a server span, named by method and route, "PATCH
// /scim/v2/Users/{id}", with the attributes of OpenTelemetry's semantic conventions
// for HTTP servers and
//
//	scim.operation         Report.Operation, if there is one
//	scim.resource.type     the name of the resource type, if it is about one
//	scim.rules             the tolerances it needed, as in docs/dialects.md
//	scim.bulk.refused      how many operations of a bulk request were refused
//	scim.bulk.outcomes     and what scim.Outcome says of them
//	scim.changes           how many resources were changed
//	scim.deactivations     how many of them are users who are not active any more
//	scim.members.added     how many members were added to groups
//	scim.members.removed   and how many removed
//
// Each call of the Store is a span within it, Store.Update, or within that of the
// transaction that it is in, and so are TokenValidator.ValidateToken and the hooks,
// such as Hooks.OnUserStaged, with
// scim.resource.type and scim.outcome, which is what [scim.Outcome] says. What is
// done with the contexts of these calls, as by an instrumented database, is within
// them in turn.
//
// The metrics are the same facts as those of package scimprom,
//
//	http.server.request.duration     histogram   those of the conventions, scim.operation, scim.resource.type
//	http.server.active_requests      gauge       those of the conventions
//	scim.store.call.duration         histogram   scim.store.method, scim.outcome
//	scim.token.validation.duration   histogram   scim.outcome
//	scim.hook.call.duration          histogram   scim.hook, scim.outcome
//	scim.dialect.rules               counter     scim.rule
//	scim.bulk.refused                counter     scim.operation, scim.resource.type, scim.outcome
//	scim.changes                     counter     scim.change (create, update, delete), scim.resource.type
//	scim.deactivations               counter     scim.resource.type
//	scim.members.added               counter     scim.resource.type
//	scim.members.removed             counter     scim.resource.type
//
// and, if Options.Tenants asks for it,
//
//	scim.tenant.requests             counter     scim.tenant, http.response.status_code
//
// Durations are in seconds. No attribute of them has a value that a client chooses.
//
// Nothing has a token, a query, a body, the text of an error or a value of a
// resource. Of whom a request is about spans tell only with Options.Identify, and
// metrics never, but for the names of tenants with Options.Tenants.
package scimotel

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/usherkit/scim"
)

// Options change what is told, and to whom. The zero Options, and nil, mean the
// defaults.
type Options struct {
	TracerProvider trace.TracerProvider // default: otel.GetTracerProvider()
	MeterProvider  metric.MeterProvider // default: otel.GetMeterProvider()

	// Propagator reads the trace that a request belongs to from its headers.
	// Default: none is read, since anybody on the Internet may write what they like
	// there; behind a proxy that writes them itself give
	// otel.GetTextMapPropagator().
	Propagator propagation.TextMapPropagator

	// Nested is for a Handler within otelhttp or the like, which has a server span
	// and the metrics http.server.… of each request already: the request's span is
	// then an internal one within that, and the metrics are called
	// scim.request.duration and scim.requests.in_flight, so that none is counted
	// twice.
	Nested bool

	// Identify has spans say whom and what a request is about: scim.tenant,
	// scim.subject, scim.resource.id and url.path. Default: traces do not, since
	// many read them.
	Identify bool

	// Tenants is how many tenants are counted each for itself: the first ones that
	// come, and all that come later as "other". Requests of nobody that is known are
	// not. Their names are then attributes, which whoever reads the metrics sees.
	// Default: none.
	Tenants int
}

const name = "github.com/usherkit/scim/scimotel"

// An Observer is a scim.Observer. Several Handlers may share one.
type Observer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator // nil: none
	metrics    *metrics
	identify   bool
	incoming   memo[incoming, trace.SpanStartOption]
}

var _ scim.Observer = (*Observer)(nil)

// New returns an Observer. Its error is that of the MeterProvider, which cannot
// have these metrics.
func New(options *Options) (*Observer, error) {
	var opts Options
	if options != nil {
		opts = *options
	}
	if opts.TracerProvider == nil {
		opts.TracerProvider = otel.GetTracerProvider()
	}
	if opts.MeterProvider == nil {
		opts.MeterProvider = otel.GetMeterProvider()
	}
	kind := trace.SpanKindServer
	if opts.Nested {
		kind = trace.SpanKindInternal
	}
	m, err := newMetrics(opts.MeterProvider.Meter(name), opts.Nested, opts.Tenants)
	if err != nil {
		return nil, err
	}
	o := &Observer{tracer: opts.TracerProvider.Tracer(name), propagator: opts.Propagator, metrics: m, identify: opts.Identify}
	o.incoming.make = func(of incoming) []trace.SpanStartOption {
		return []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(of.attributes()...)}
	}
	return o, nil
}

// BeginRequest implements scim.Observer.
func (o *Observer) BeginRequest(ctx context.Context, r *http.Request) (context.Context, func(*scim.Report)) {
	if o.propagator != nil {
		ctx = o.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	start := time.Now()
	in := incomingOf(r)
	ctx, span := o.tracer.Start(ctx, in.name(), o.incoming.of(in)...)
	o.metrics.run(ctx, in, 1)
	return ctx, func(v *scim.Report) {
		defer span.End()
		took := time.Since(start)
		o.metrics.run(ctx, in, -1)
		o.metrics.count(ctx, v)
		if !span.IsRecording() && !o.metrics.requests.of.Enabled(ctx) {
			return
		}
		of := answered{in, route(v), v.Status, string(v.Operation), v.Type}
		o.metrics.requests.record(ctx, took, of)
		if span.IsRecording() {
			o.describe(span, of, v)
		}
	}
}

func (o *Observer) describe(span trace.Span, of answered, v *scim.Report) {
	span.SetName(strings.TrimSpace(of.name() + " " + of.route))
	span.SetAttributes(of.result()...)
	span.SetAttributes(details(v)...)
	if o.identify {
		span.SetAttributes(identity(v)...)
	}
	if of.failed() {
		span.SetStatus(codes.Error, "")
	}
}

// callees are called by the names of their interfaces.
var callees = map[scim.Callee]string{scim.CalleeStore: "Store", scim.CalleeTokens: "TokenValidator", scim.CalleeHooks: "Hooks"}

// BeginCall implements scim.Observer.
func (o *Observer) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := o.tracer.Start(ctx, callees[c.Of]+"."+c.Method)
	return ctx, func(err error) {
		defer span.End()
		outcome := scim.Outcome(err)
		o.metrics.call(ctx, c, outcome, time.Since(start))
		if !span.IsRecording() {
			return
		}
		span.SetAttributes(attribute.String("scim.outcome", outcome))
		if c.Type != "" {
			span.SetAttributes(attribute.String("scim.resource.type", c.Type))
		}
		if outcome == "error" || outcome == "unavailable" {
			span.SetAttributes(attribute.String("error.type", outcome)) // and not its text, which may name people
			span.SetStatus(codes.Error, "")
		}
	}
}
