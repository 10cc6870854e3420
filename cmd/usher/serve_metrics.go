package main

import (
	"database/sql"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usherkit/scim/scimprom"
)

// metrics are what Prometheus reads: what the program sees of requests, and what
// the Handler and the database do for them. No label has a value that a client
// chooses, or that a tenant or a resource has.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	running  prometheus.Gauge
	observer *scimprom.Observer // of the Handler
}

func newMetrics(store *served, ready *readiness) (m *metrics, err error) {
	m = &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "usher_request_duration_seconds",
			Help:    "How long requests took, by method, endpoint and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method", "endpoint", "status"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "usher_requests_in_flight",
			Help: "Requests that are being answered.",
		}),
	}
	m.registry.MustRegister(m.requests, m.running,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_ready",
			Help: "1 if requests can be answered, as at /readyz, and 0 otherwise.",
		}, func() float64 {
			if ready.reason() != "" {
				return 0
			}
			return 1
		}),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector())
	if store.db != nil {
		m.registry.MustRegister(poolMetrics(store.db)...)
	}
	m.observer, err = scimprom.New(m.registry, nil)
	return m, err
}

// poolMetrics tell whether requests wait for connections to the database.
func poolMetrics(db *database) []prometheus.Collector {
	gauge := func(name, help string, value func(sql.DBStats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(db.stats())) })
	}
	counter := func(name, help string, value func(sql.DBStats) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return value(db.stats()) })
	}
	return []prometheus.Collector{
		gauge("usher_db_connections", "Connections to the database.", func(s sql.DBStats) int { return s.OpenConnections }),
		gauge("usher_db_connections_in_use", "Connections that are used at the moment.", func(s sql.DBStats) int { return s.InUse }),
		gauge("usher_db_connections_max", "The most there may be.", func(s sql.DBStats) int { return s.MaxOpenConnections }),
		counter("usher_db_waits_total", "How often a connection had to be waited for.", func(s sql.DBStats) float64 { return float64(s.WaitCount) }),
		counter("usher_db_wait_seconds_total", "How long, all together.", func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() }),
	}
}

// stats are those of the pool, whichever it is.
func (d *database) stats() sql.DBStats {
	if d.pool == nil {
		return d.Stats()
	}
	s := d.pool.Stat()
	return sql.DBStats{
		MaxOpenConnections: int(s.MaxConns()), OpenConnections: int(s.TotalConns()), InUse: int(s.AcquiredConns()),
		WaitCount: s.EmptyAcquireCount(), WaitDuration: s.EmptyAcquireWaitTime(),
	}
}

func (m *metrics) handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn)})
}

// watch logs and counts each request to a Handler, under the label that its path has.
// What is after the path is not logged: it has people's names in it.
func (m *metrics) watch(logger *slog.Logger, label func(path string) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		noted := &notedStatus{ResponseWriter: w, status: http.StatusOK}
		m.running.Inc()
		defer func() { // also when the answer had to be broken off
			took := time.Since(start)
			m.running.Dec()
			m.requests.WithLabelValues(knownMethod(r.Method), label(r.URL.Path), strconv.Itoa(noted.status)).Observe(took.Seconds())
			logger.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", noted.status), slog.Duration("took", took.Round(time.Microsecond)))
		}()
		next.ServeHTTP(noted, r)
	})
}

// The labels of what is no endpoint of SCIM's.
const (
	otherLabel = "other"
	tokenLabel = "token"
)

// below labels the paths of an endpoint that is mounted at base.
func below(base string) func(string) string {
	return func(path string) string { return endpointOf(path, base) }
}

// always is one label, whatever the path.
func always(label string) func(string) string {
	return func(string) string { return label }
}

// knownMethod is a method as a label.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return otherLabel
}

// endpointOf is the endpoint of a path as a label.
func endpointOf(path, base string) string {
	segments := strings.Split(path, "/")
	if at := strings.Count(base, "/") + 1; at < len(segments) && slices.Contains(endpoints, segments[at]) {
		return segments[at]
	}
	return otherLabel
}

var endpoints = []string{"Users", "Groups", "Me", "Bulk", ".search", "ServiceProviderConfig", "ResourceTypes", "Schemas"}

type notedStatus struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *notedStatus) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the rest.
func (w *notedStatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }
