package dbtest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/tenant"
)

// BenchmarkRecordedCreate creates users over HTTP with and without the limits and
// the records of package tenant, in turn: tokens are validated either way. What is
// recorded is stored within the time that is measured.
func BenchmarkRecordedCreate(b *testing.B) {
	user, _ := types(b)
	for _, where := range []string{"memory", "sqlite"} {
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/clients=%d", where, clients), func(b *testing.B) {
				endpoints := []*recordedEndpoint{newRecordedEndpoint(b, where, false), newRecordedEndpoint(b, where, true)}
				users := newTemplate(b, user, "b")
				var next atomic.Int64
				times := make([][]float64, len(endpoints))
				for b.Loop() {
					for which, e := range endpoints {
						times[which] = append(times[which], e.creates(b, clients, func() string { return users.user(int(next.Add(1))).Document.String() }))
					}
					if b.Failed() {
						b.FailNow()
					}
				}
				without, with := median(times[0]), median(times[1])
				b.ReportMetric(0, "ns/op") // of both: tells nothing
				b.ReportMetric(without, "µs-without")
				b.ReportMetric(with, "µs-with")
				b.ReportMetric(100*(with-without)/without, "percent-more")
			})
		}
	}
}

// A recordedEndpoint has one connection.
type recordedEndpoint struct {
	registry *tenant.Registry
	url      string
	token    string
	client   *http.Client
}

func newRecordedEndpoint(b *testing.B, where string, whole bool) *recordedEndpoint {
	b.Helper()
	ctx, logger := b.Context(), slog.New(slog.DiscardHandler)
	var store scim.Store = new(memstore.Store)
	var kept tenant.Store = new(tenant.Memory)
	if where == "sqlite" {
		s, err := sqlstore.Open(ctx, OpenSQLite(b, SQLite(b)), sqlstore.SQLite, &sqlstore.Options{Migrate: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		store, kept = s, s.Tenants()
	}
	registry, err := tenant.NewRegistry(kept, &tenant.Options{Key: []byte(strings.Repeat("k", 32))})
	if err != nil {
		b.Fatal(err)
	}
	c, err := registry.Add(ctx, tenant.Connection{Tenant: "contoso", Limits: tenant.Limits{Rate: 1e6, Burst: 1e6, Concurrent: 100}})
	if err != nil {
		b.Fatal(err)
	}
	secret, _, err := registry.Issue(ctx, c.Ref(), tenant.TokenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	handler, err := scim.NewHandler(store, scim.TokenValidatorFunc(registry.ValidateToken), &scim.Options{Logger: logger})
	if whole {
		handler, err = scim.NewHandler(store, registry, &scim.Options{Logger: logger, Observer: registry})
	}
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)
	server := httptest.NewServer(mux)
	b.Cleanup(func() {
		server.Close()
		registry.Close()
	})
	return &recordedEndpoint{registry, server.URL + "/scim/v2/Users", secret, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
}

// creates has so many clients create users for a while, and returns how many
// microseconds one took.
func (e *recordedEndpoint) creates(b *testing.B, clients int, user func() string) float64 {
	const slice = 200 * time.Millisecond
	var done atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Go(func() {
			for time.Since(start) < slice {
				if err := e.create(user()); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if _, err := e.registry.Log(context.Background(), tenant.Query{AllTenants: true, Limit: 1}); err != nil {
		b.Error(err)
	}
	return float64(time.Since(start).Microseconds()) / float64(done.Load())
}

func (e *recordedEndpoint) create(body string) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, e.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	r.Header.Set("Content-Type", "application/scim+json")
	answer, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("answered %s: %s", answer.Status, text)
	}
	return err
}
