package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim/scimtest/idp"
)

// A meter collects how long answers take, over all runs.
type meter struct {
	mu      sync.Mutex
	refused map[idp.Kind]int // answered with an error, other than 404, or not at all
	took    map[idp.Kind][]time.Duration
}

func newMeter() *meter {
	return &meter{refused: map[idp.Kind]int{}, took: map[idp.Kind][]time.Duration{}}
}

// observe is told of every exchange.
func (m *meter) observe(x idp.Exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took[x.Kind] = append(m.took[x.Kind], x.Duration)
	if x.Status == 0 || x.Status >= 400 && x.Status != http.StatusNotFound {
		m.refused[x.Kind]++
	}
}

// refusals returns how many requests were refused so far.
func (m *meter) refusals() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, refused := range m.refused {
		n += refused
	}
	return n
}

// latencies returns all kinds, those with the most requests first.
func (m *meter) latencies() []idp.Latency {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []idp.Latency{}
	for kind, took := range m.took {
		slices.Sort(took)
		at := func(percent int) time.Duration { return took[(len(took)*percent+99)/100-1] } // the nearest rank
		out = append(out, idp.Latency{Kind: kind, Requests: len(took), P50: at(50), P95: at(95), P99: at(99), Max: at(100)})
	}
	slices.SortFunc(out, func(a, b idp.Latency) int {
		if a.Requests != b.Requests {
			return b.Requests - a.Requests
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	return out
}
