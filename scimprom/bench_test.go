package scimprom_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimprom"
)

// What counting adds to a create, which calls the validator and the Store once each.
func BenchmarkCreate(b *testing.B) {
	observer, err := scimprom.New(prometheus.NewRegistry(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		observer scim.Observer
	}{{"without", nil}, {"with", observer}} {
		b.Run(c.name, func(b *testing.B) {
			h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{Observer: c.observer})
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
