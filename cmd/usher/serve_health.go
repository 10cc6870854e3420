package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A readiness knows whether requests can be answered at the moment.
type readiness struct {
	ping     func(context.Context) error
	logger   *slog.Logger
	stopping atomic.Bool

	mu  sync.Mutex
	at  time.Time // of the last ping
	err error     // that it reported
}

// How long the database has for an answer, and how long that counts for all who
// ask, none of whom has a token.
const (
	pingTimeout = 2 * time.Second
	pingEvery   = time.Second
)

// database reports what is wrong with the database.
func (r *readiness) database() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < pingEvery {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout) // whoever asked first may be gone
	defer cancel()
	was := r.err
	r.err = r.ping(ctx)
	r.at = time.Now()
	switch {
	case r.err != nil && was == nil:
		r.logger.Error("not ready", "err", plainly(r.err))
	case r.err == nil && was != nil:
		r.logger.Info("ready again")
	}
	return r.err
}

// reason says why requests cannot be answered, or nothing.
func (r *readiness) reason() string {
	switch {
	case r.stopping.Load():
		return "stopping"
	case r.database() != nil:
		return "the database is not available"
	}
	return ""
}

// handle adds the two health checks, which need no token and tell no secrets.
func (r *readiness) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reason := r.reason(); reason != "" {
			tell(w, http.StatusServiceUnavailable, "not ready: "+reason)
			return
		}
		tell(w, http.StatusOK, "ready")
	})
}

func tell(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}
