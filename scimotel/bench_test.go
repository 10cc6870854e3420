package scimotel_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimotel"
)

// What tracing adds to a create, which calls the validator and the Store once each:
// where nobody collects, where metrics are collected and no trace is sampled, and
// where all are.
func BenchmarkCreate(b *testing.B) {
	sampled := func(by sdktrace.Sampler) *scimotel.Options {
		return &scimotel.Options{
			TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(by)),
			MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
		}
	}
	for _, c := range []struct {
		name    string
		options *scimotel.Options
	}{
		{"without", nil},
		{"nobody-collects", new(scimotel.Options)},
		{"none-sampled", sampled(sdktrace.NeverSample())},
		{"all-sampled", sampled(sdktrace.AlwaysSample())},
	} {
		b.Run(c.name, func(b *testing.B) {
			var options scim.Options
			if c.options != nil {
				observer, err := scimotel.New(c.options)
				if err != nil {
					b.Fatal(err)
				}
				options.Observer = observer
			}
			h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &options)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				r := httptest.NewRequest("POST", "/Users", strings.NewReader(fmt.Sprintf(`{"userName":"u%d","displayName":"Ada Lovelace"}`, n)))
				r.Header.Set("Authorization", "Bearer secret")
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, r); rec.Code != 201 {
					b.Fatal(rec.Code, rec.Body)
				}
			}
		})
	}
}
