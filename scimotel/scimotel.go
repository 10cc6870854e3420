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
//	scim.changes           how many resources were changed
//	scim.deactivations     how many of them are users who are not active any more
//	scim.members.added     how many members were added to groups
//	scim.members.removed   and how many removed
//
// Each call of the Store is a span within it, Store.Update, or within that of the
// transaction that it is in, and so is TokenValidator.ValidateToken, with
// scim.resource.type and scim.outcome, which is what [scim.Outcome] says. What is
// done with the contexts of these calls, as by an instrumented database, is within
// them in turn.
//
// The metrics are the histograms, in seconds,
//
//	http.server.request.duration   as the semantic conventions have it, with scim.operation and scim.resource.type
//	scim.store.duration            by scim.store.method and scim.outcome
//
// Nothing has a token, a query, a body, the text of an error or a value of a
// resource. Of whom a request is about spans tell only with Options.Identify, and
// metrics never.
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
	// and http.server.request.duration of each request already: the request's span
	// is then an internal one within that, and the metric is left out.
	Nested bool

	// Identify has spans say whom and what a request is about: scim.tenant,
	// scim.subject, scim.resource.id and url.path. Default: traces do not, since
	// many read them.
	Identify bool
}

const name = "github.com/usherkit/scim/scimotel"

// An Observer is a scim.Observer. Several Handlers may share one.
type Observer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator // nil: none
	requests   metric.Float64Histogram       // nil: none
	calls      metric.Float64Histogram
	identify   bool

	incoming memo[incoming, trace.SpanStartOption]
	answered memo[answered, metric.RecordOption]
	called   memo[call, metric.RecordOption]
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
	o := &Observer{tracer: opts.TracerProvider.Tracer(name), propagator: opts.Propagator, identify: opts.Identify}
	o.incoming.make = func(of incoming) []trace.SpanStartOption {
		return []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(of.attributes()...)}
	}
	o.answered.make = func(of answered) []metric.RecordOption {
		return []metric.RecordOption{metric.WithAttributes(append(of.incoming.attributes(), of.attributes()...)...)}
	}
	o.called.make = func(of call) []metric.RecordOption {
		return []metric.RecordOption{metric.WithAttributes(attribute.String("scim.store.method", of.method), attribute.String("scim.outcome", of.outcome))}
	}
	meter := opts.MeterProvider.Meter(name)
	var err error
	o.calls, err = meter.Float64Histogram("scim.store.duration", metric.WithUnit("s"), metric.WithDescription("Duration of calls of the SCIM store."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, err
	}
	if opts.Nested {
		return o, nil
	}
	o.requests, err = meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"), metric.WithDescription("Duration of HTTP server requests."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)) // as the conventions advise
	return o, err
}

// BeginRequest implements scim.Observer.
func (o *Observer) BeginRequest(ctx context.Context, r *http.Request) (context.Context, func(*scim.Report)) {
	if o.propagator != nil {
		ctx = o.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	start := time.Now()
	of := incomingOf(r)
	ctx, span := o.tracer.Start(ctx, of.name(), o.incoming.of(of)...)
	return ctx, func(v *scim.Report) {
		measured := o.requests != nil && o.requests.Enabled(ctx)
		if !measured && !span.IsRecording() {
			span.End()
			return
		}
		took := time.Since(start)
		of := answered{of, route(v), v.Status, string(v.Operation), v.Type}
		if measured {
			o.requests.Record(ctx, took.Seconds(), o.answered.of(of)...)
		}
		if span.IsRecording() {
			span.SetName(strings.TrimSpace(of.name() + " " + of.route))
			span.SetAttributes(of.attributes()...)
			span.SetAttributes(details(v)...)
			if o.identify {
				span.SetAttributes(identity(v)...)
			}
			if of.failed() {
				span.SetStatus(codes.Error, "")
			}
		}
		span.End()
	}
}

// BeginCall implements scim.Observer.
func (o *Observer) BeginCall(ctx context.Context, c scim.Call) (context.Context, func(error)) {
	start := time.Now()
	called := "Store." + c.Method
	if c.Of == scim.CalleeTokens {
		called = "TokenValidator." + c.Method
	}
	ctx, span := o.tracer.Start(ctx, called)
	return ctx, func(err error) {
		outcome := scim.Outcome(err)
		if c.Of == scim.CalleeStore && o.calls.Enabled(ctx) {
			o.calls.Record(ctx, time.Since(start).Seconds(), o.called.of(call{c.Method, outcome})...)
		}
		if span.IsRecording() {
			span.SetAttributes(attribute.String("scim.outcome", outcome))
			if c.Type != "" {
				span.SetAttributes(attribute.String("scim.resource.type", c.Type))
			}
			if outcome == "error" || outcome == "unavailable" {
				span.SetAttributes(attribute.String("error.type", outcome)) // and not its text, which may name people
				span.SetStatus(codes.Error, "")
			}
		}
		span.End()
	}
}
