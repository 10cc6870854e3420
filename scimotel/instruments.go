package scimotel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// series is what tells apart the measurements of one instrument. There are few.
type series interface {
	comparable
	attributes() []attribute.KeyValue
}

// labels are a series of up to three attributes.
type labels [3]attribute.KeyValue

func (l labels) attributes() []attribute.KeyValue {
	return slices.DeleteFunc(l[:], func(kv attribute.KeyValue) bool { return !kv.Valid() })
}

// maybe returns an attribute, or none if there is no value.
func maybe(key, value string) attribute.KeyValue {
	if value == "" {
		return attribute.KeyValue{}
	}
	return attribute.String(key, value)
}

// histogram measures durations in seconds.
type histogram[K series] struct {
	of   metric.Float64Histogram
	made memo[K, metric.RecordOption]
}

func (h *histogram[K]) record(ctx context.Context, took time.Duration, of K) {
	if h.of.Enabled(ctx) {
		h.of.Record(ctx, took.Seconds(), h.made.of(of)...)
	}
}

// counter counts up, or up and down.
type counter struct {
	of interface {
		Add(ctx context.Context, n int64, options ...metric.AddOption)
		Enabled(ctx context.Context) bool
	}
	made memo[labels, metric.AddOption]
}

func (c *counter) add(ctx context.Context, n int, of ...attribute.KeyValue) {
	if n == 0 || !c.of.Enabled(ctx) {
		return
	}
	var key labels
	copy(key[:], of)
	c.of.Add(ctx, int64(n), c.made.of(key)...)
}

// making makes instruments, and keeps why it could not.
type making struct {
	meter metric.Meter
	err   error
}

func histogramOf[K series](m *making, name, help string, bounds []float64) *histogram[K] {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(bounds...))
	m.err = errors.Join(m.err, err)
	return &histogram[K]{of: h, made: memo[K, metric.RecordOption]{make: func(of K) []metric.RecordOption {
		return []metric.RecordOption{metric.WithAttributes(of.attributes()...)}
	}}}
}

func (m *making) counter(name, unit, help string) *counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
	m.err = errors.Join(m.err, err)
	return &counter{of: c, made: memo[labels, metric.AddOption]{make: adding}}
}

func (m *making) gauge(name, unit, help string) *counter {
	c, err := m.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	m.err = errors.Join(m.err, err)
	return &counter{of: c, made: memo[labels, metric.AddOption]{make: adding}}
}

func adding(of labels) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributes(of.attributes()...)}
}

// memo keeps what is made of keys of which there are few.
type memo[K comparable, V any] struct {
	make func(K) []V
	mu   sync.RWMutex
	made map[K][]V
}

func (m *memo[K, V]) of(key K) []V {
	m.mu.RLock()
	v, ok := m.made[key]
	m.mu.RUnlock()
	if ok {
		return v
	}
	v = m.make(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil {
		m.made = map[K][]V{}
	}
	m.made[key] = v
	return v
}
