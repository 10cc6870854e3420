package scimotel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimotel"
)

// The application chooses an SDK and exporters, and sets them as the global
// providers or gives them here.
func Example() {
	recorder := tracetest.NewSpanRecorder()
	observer, err := scimotel.New(&scimotel.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))})
	if err != nil {
		panic(err)
	}
	handler, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{Observer: observer})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)

	request := httptest.NewRequest("DELETE", "/scim/v2/Users/2819c223", nil)
	request.Header.Set("Authorization", "Bearer secret")
	mux.ServeHTTP(httptest.NewRecorder(), request)
	for _, span := range recorder.Ended() {
		fmt.Println(span.Name(), span.SpanKind())
	}
	// Output:
	// TokenValidator.ValidateToken internal
	// Store.Delete internal
	// DELETE /scim/v2/Users/{id} server
}

// site is a Handler that is traced and measured.
type site struct {
	t       *testing.T
	spans   *tracetest.SpanRecorder
	reader  *sdkmetric.ManualReader
	handler http.Handler
}

var tokens = scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
	switch token {
	case "hunter2":
		return scim.Principal{Tenant: "acme", Subject: "entra", QueryToken: true}, nil
	case "down":
		return scim.Principal{}, errors.New("connection refused by hunter2")
	case "busy":
		return scim.Principal{Tenant: "acme"}, scim.ErrTooManyRequests
	case "expired":
		return scim.Principal{Tenant: "acme"}, scim.Errorf(scim.ErrUnauthorized, "the token has expired")
	}
	if name, ok := strings.CutPrefix(token, "of "); ok {
		return scim.Principal{Tenant: name}, nil
	}
	return scim.Principal{}, scim.ErrUnauthorized
})

func newSite(t *testing.T, store scim.Store, options scimotel.Options) site {
	t.Helper()
	return newSiteWith(t, nil, store, options)
}

func newSiteWith(t *testing.T, hooks scim.Hooks, store scim.Store, options scimotel.Options) site {
	t.Helper()
	s := site{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	options.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans))
	options.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	observer, err := scimotel.New(&options)
	if err != nil {
		t.Fatal(err)
	}
	h, err := scim.NewHandler(store, tokens, &scim.Options{Observer: observer, Hooks: hooks, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/{tenant}/v2/", h)
	mux.Handle("/rest/{rest...}", h)
	s.handler = mux
	return s
}

func (s site) do(token, method, target, body string, header ...string) (id string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, r)
	_, rest, _ := strings.Cut(rec.Body.String(), `"id":"`)
	id, _, _ = strings.Cut(rest, `"`)
	return id
}

// tree writes the spans that ended, as they began, each with its attributes, and
// those of a span below it.
func (s site) tree() string {
	all := slices.Clone(s.spans.Ended())
	s.spans.Reset()
	slices.SortStableFunc(all, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var out strings.Builder
	var write func(parent trace.SpanID, indent string)
	write = func(parent trace.SpanID, indent string) {
		for _, span := range all {
			if span.Parent().SpanID() != parent {
				continue
			}
			fmt.Fprintf(&out, "%s%s (%s", indent, span.Name(), span.SpanKind())
			if span.Status().Code == codes.Error {
				out.WriteString(", error" + span.Status().Description)
			}
			out.WriteString(")")
			for _, kv := range sorted(span.Attributes()) {
				out.WriteString(" " + kv)
			}
			out.WriteString("\n")
			write(span.SpanContext().SpanID(), indent+"  ")
		}
	}
	write(trace.SpanID{}, "")
	return out.String()
}

func sorted(attributes []attribute.KeyValue) (out []string) {
	for _, kv := range attributes {
		out = append(out, string(kv.Key)+"="+kv.Value.String())
	}
	slices.Sort(out)
	return out
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com"}`

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		name    string
		options scimotel.Options
		token   string
		method  string
		target  string // ID stands for that of a user
		body    string
		want    string
	}{
		{
			"a patch",
			scimotel.Options{},
			"hunter2", "PATCH", "/scim/acme/v2/Users/ID?attributes=id", patch(`{"op":"replace","path":"active","value":"False"}`),
			`PATCH /scim/{tenant}/v2/Users/{id} (server) http.request.method=PATCH http.response.status_code=200 http.route=/scim/{tenant}/v2/Users/{id} network.protocol.version=1.1 scim.changes=1 scim.deactivations=1 scim.operation=patch scim.resource.type=User scim.rules=["stringBoolean"] url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
  Store.Get (internal) scim.outcome=ok scim.resource.type=User
  Store.Update (internal) scim.outcome=ok scim.resource.type=User
`,
		},
		{
			"whom it is about",
			scimotel.Options{Identify: true},
			"hunter2", "GET", "/scim/acme/v2/Users/ID", "",
			`GET /scim/{tenant}/v2/Users/{id} (server) http.request.method=GET http.response.status_code=200 http.route=/scim/{tenant}/v2/Users/{id} network.protocol.version=1.1 scim.operation=get scim.resource.id=ID scim.resource.type=User scim.subject=entra scim.tenant=acme url.path=/scim/acme/v2/Users/ID url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
  Store.Get (internal) scim.outcome=ok scim.resource.type=User
`,
		},
		{
			"within otelhttp",
			scimotel.Options{Nested: true},
			"hunter2", "GET", "/rest/Users", "",
			`GET /rest/Users (internal) http.request.method=GET http.response.status_code=200 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
  Store.List (internal) scim.outcome=ok scim.resource.type=User
`,
		},
		{
			"a token in the query",
			scimotel.Options{},
			"", "GET", "/rest/Users?access_token=hunter2&filter=userName+eq+%22ann@example.com%22", "",
			`GET /rest/Users (server) http.request.method=GET http.response.status_code=200 http.route=/rest/Users network.protocol.version=1.1 scim.operation=list scim.resource.type=User url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
  Store.List (internal) scim.outcome=ok scim.resource.type=User
`,
		},
		{
			"a bulk request",
			scimotel.Options{},
			"hunter2", "POST", "/rest/Bulk", bulk(create("ann@example.com"), create("bob"), create("BOB"), `{"method":"DELETE","path":"/Users/hunter2"}`),
			`POST /rest/Bulk (server) http.request.method=POST http.response.status_code=200 http.route=/rest/Bulk network.protocol.version=1.1 scim.bulk.outcomes=["conflict","not_found"] scim.bulk.refused=3 scim.changes=1 scim.operation=bulk url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
  Store.InTx (internal) scim.outcome=ok
    Store.Create (internal) scim.outcome=conflict scim.resource.type=User
    Store.Create (internal) scim.outcome=ok scim.resource.type=User
    Store.Create (internal) scim.outcome=conflict scim.resource.type=User
    Store.Delete (internal) scim.outcome=not_found scim.resource.type=User
`,
		},
		{
			"no endpoint",
			scimotel.Options{},
			"hunter2", "HUNT", "/rest/ann@example.com", "",
			`HTTP /rest/ (server) http.request.method=_OTHER http.response.status_code=404 http.route=/rest/ network.protocol.version=1.1 url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=ok
`,
		},
		{
			"somebody else",
			scimotel.Options{},
			"guess", "POST", "/rest/Users/.search", "{}",
			`POST /rest/Users/.search (server) http.request.method=POST http.response.status_code=401 http.route=/rest/Users/.search network.protocol.version=1.1 scim.operation=search scim.resource.type=User url.scheme=http
  TokenValidator.ValidateToken (internal) scim.outcome=refused
`,
		},
		{
			"the validator fails",
			scimotel.Options{},
			"down", "GET", "/rest/Schemas/" + scim.UserSchemaURI, "",
			`GET /rest/Schemas/{id} (server, error) error.type=500 http.request.method=GET http.response.status_code=500 http.route=/rest/Schemas/{id} network.protocol.version=1.1 scim.operation=discovery url.scheme=http
  TokenValidator.ValidateToken (internal, error) error.type=error scim.outcome=error
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, new(memstore.Store), c.options)
			id := s.do("hunter2", "POST", "/rest/Users", user)
			s.tree()
			s.do(c.token, c.method, strings.ReplaceAll(c.target, "ID", id), c.body)
			if got := strings.ReplaceAll(s.tree(), id, "ID"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A Store that panics, or whose connection is lost, leaves no span open and its
// text in none.
func TestSpansOfFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		store scim.Store
		want  string
	}{
		{"an error", failing{err: errors.New("duplicate key (userName)=(hunter2)")}, "Store.Get (internal, error) error.type=error scim.outcome=error scim.resource.type=User\n"},
		{"a panic", failing{}, "Store.Get (internal, error) error.type=error scim.outcome=error scim.resource.type=User\n"},
		{"an outage", failing{err: scim.ErrUnavailable}, "Store.Get (internal, error) error.type=unavailable scim.outcome=unavailable scim.resource.type=User\n"},
		{"the client has gone", failing{err: context.Canceled}, "Store.Get (internal) scim.outcome=canceled scim.resource.type=User\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.store, scimotel.Options{})
			s.do("hunter2", "GET", "/rest/Users/1", "")
			if started, ended := len(s.spans.Started()), len(s.spans.Ended()); started != ended || ended != 3 {
				t.Errorf("%d spans began and %d ended, want 3", started, ended)
			}
			got := s.tree()
			if !strings.Contains(got, c.want) || strings.Contains(got, "hunter2") {
				t.Errorf("got\n%s\nwant %s", got, c.want)
			}
		})
	}
}

type failing struct {
	scim.Store
	err error
}

func (s failing) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	if s.err == nil {
		panic("hunter2")
	}
	return nil, s.err
}

// An answer that the application breaks off has no status.
func TestAborted(t *testing.T) {
	s := newSite(t, aborting{}, scimotel.Options{})
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the connection was not broken off")
			}
		}()
		s.do("hunter2", "GET", "/rest/Users/1", "")
	}()
	if got := s.tree(); !strings.Contains(got, "(server, error) error.type=aborted http.request.method=GET http.route=") {
		t.Errorf("got\n%s", got)
	}
}

type aborting struct{ scim.Store }

func (aborting) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	panic(http.ErrAbortHandler)
}

// A client's headers are believed only if that is asked for.
func TestPropagator(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, p := range []propagation.TextMapPropagator{nil, propagation.TraceContext{}} {
		s := newSite(t, new(memstore.Store), scimotel.Options{Propagator: p})
		s.do("hunter2", "GET", "/rest/Users", "", "Traceparent", parent)
		for _, span := range s.spans.Ended() {
			if got := strings.Contains(parent, span.SpanContext().TraceID().String()); got != (p != nil) {
				t.Errorf("with %v: %s is in the client's trace: %v", p, span.Name(), got)
			}
		}
	}
}

// Without providers nothing is told to anybody, and requests are answered.
func TestNoProviders(t *testing.T) {
	observer, err := scimotel.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := scim.NewHandler(new(memstore.Store), tokens, &scim.Options{Observer: observer})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := httptest.NewRequest("POST", "/Users", strings.NewReader(fmt.Sprintf(`{"userName":"u%d"}`, i)))
			r.Header.Set("Authorization", "Bearer hunter2")
			rec := httptest.NewRecorder()
			if h.ServeHTTP(rec, r); rec.Code != http.StatusCreated {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
}
