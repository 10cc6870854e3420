package dbtest

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/tenant"
)

// BenchmarkNoisyNeighbour has one tenant create users as fast as it can, with 64
// clients, while another looks one up some thirty times a second: "p99-ms" is of the
// latter, alone, beside the noise with the Limits that a connection has by itself,
// and with none; "noisy/s" is what the former gets done.
func BenchmarkNoisyNeighbour(b *testing.B) {
	user, _ := types(b)
	for _, g := range grounds(b) {
		of := newTemplate(b, user, "u")
		for _, tt := range []struct {
			name    string
			clients int
			limits  tenant.Limits
		}{
			{"alone", 0, tenant.Limits{}},
			{"limits", 64, tenant.Limits{}},
			{"unlimited", 64, tenant.Limits{Rate: 1e6, Burst: 1e6, Concurrent: 1000}},
		} {
			b.Run(g.name+"/"+tt.name, func(b *testing.B) {
				quiet := slog.New(slog.DiscardHandler)
				registry, err := tenant.NewRegistry(new(tenant.Memory), &tenant.Options{Key: make([]byte, 32), Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				defer registry.Close()
				handler, err := registry.NewHandler(g.store, &scim.Options{Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				server := httptest.NewServer(handler)
				defer server.Close()
				run := fmt.Sprint(b.Name(), time.Now().UnixNano())
				connect := func(name string, l tenant.Limits) string {
					c, err := registry.Add(b.Context(), tenant.Connection{Tenant: strings.ReplaceAll(run+name, "/", "-"), Limits: l})
					if err != nil {
						b.Fatal(err)
					}
					secret, _, err := registry.Issue(b.Context(), c.Ref(), tenant.TokenOptions{})
					if err != nil {
						b.Fatal(err)
					}
					return secret
				}
				noisy, calm := connect("noisy", tt.limits), connect("quiet", tenant.Limits{})
				client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
				ask := func(method, path, token, body string) (int, error) {
					r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
					if err != nil {
						return 0, err
					}
					r.Header.Set("Authorization", "Bearer "+token)
					r.Header.Set("Content-Type", "application/scim+json")
					answer, err := client.Do(r)
					if err != nil {
						return 0, err
					}
					defer answer.Body.Close()
					_, err = io.Copy(io.Discard, answer.Body)
					return answer.StatusCode, err
				}
				var stop atomic.Bool
				var next, created atomic.Int64
				var all sync.WaitGroup
				for range tt.clients {
					all.Go(func() {
						for !stop.Load() {
							switch status, err := ask("POST", "/Users", noisy, of.user(int(next.Add(1))).Document.String()); {
							case err != nil:
								b.Error(err)
								return
							case status == http.StatusCreated:
								created.Add(1)
							case status == http.StatusTooManyRequests: // as Entra: wait, and again
								time.Sleep(100 * time.Millisecond)
							}
						}
					})
				}
				begun := time.Now()
				var took []float64
				for b.Loop() {
					for range 100 {
						start := time.Now()
						if status, err := ask("GET", "/Users?filter=userName+eq+%22ada%22", calm, ""); err != nil || status != http.StatusOK {
							b.Fatal(status, err)
						}
						took = append(took, float64(time.Since(start).Microseconds())/1000)
						time.Sleep(30 * time.Millisecond) // within its own limits
					}
				}
				stop.Store(true)
				rate := float64(created.Load()) / time.Since(begun).Seconds()
				all.Wait()
				slices.Sort(took)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(took[len(took)/2], "p50-ms")
				b.ReportMetric(took[len(took)*99/100], "p99-ms")
				b.ReportMetric(rate, "noisy/s")
			})
		}
	}
}
