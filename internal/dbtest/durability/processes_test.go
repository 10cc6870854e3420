package durability

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim/internal/dbtest"
)

// Several processes on one database are as one: what their clients do at the same
// time to the same groups and users is all there in the end, and nobody is ever
// told to try again.
func TestProcesses(t *testing.T) {
	const long = 10 * time.Second
	for _, tt := range []struct {
		name      string
		open      func(t *testing.T) database
		processes int
		clients   map[string]int
	}{
		{"PostgreSQL", newPostgres, 4, map[string]int{plain: 32}},
		{"PostgreSQL with hooks", newPostgres, 4, map[string]int{audited: 32}},
		{"PostgreSQL, serializable", func(t *testing.T) database {
			return postgres(withSetting(dbtest.Postgres(t), "default_transaction_isolation", "serializable"))
		}, 4, map[string]int{plain: 16, audited: 16}},
		{"SQLite", newSQLite, 2, map[string]int{plain: 8, audited: 8}},
	} {
		t.Run(tt.name, func(t *testing.T) { together(t, tt.open(t), tt.processes, tt.clients, long/time.Duration(10/of(10))) })
	}
}

// together has so many processes, which are all started at once on a database
// without tables, serve clients for a while.
func together(t *testing.T, d database, processes int, clients map[string]int, long time.Duration) {
	t.Helper()
	r := newTrial(t, d, clients)
	var endpoints []*endpoint
	for i := range processes {
		endpoints = append(endpoints, launch(t, d, i))
	}
	for _, e := range endpoints {
		if err := e.ready(); err != nil {
			t.Fatal(err)
		}
	}
	r.use(endpoints...)
	r.setUp(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		time.Sleep(long)
		for begun := time.Now(); !r.didEverything() && time.Since(begun) < patience; time.Sleep(10 * time.Millisecond) {
		}
	}()
	r.run(ctx)
	for _, e := range endpoints {
		r.answered(t, e)
	}
	r.check(t)
	if !r.didEverything() {
		t.Error("the clients have not done all that they can do")
	}
	for _, c := range r.crews {
		t.Logf("acknowledged: %v", c.done)
	}
}

// didEverything reports whether the clients of each tenant have done all kinds of
// operations.
func (r *trial) didEverything() bool {
	const kinds = 12
	return !slices.ContainsFunc(r.crews, func(c *crew) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.done) < kinds
	})
}

// withSetting returns a DSN, an URL or keywords and values, with a setting of the
// server.
func withSetting(dsn, name, value string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn + " " + name + "='" + value + "'"
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // a plus is one to libpq and pgx
	return u.String()
}

// Many who find no tables create them at the same time, and each finds them then.
func TestProcessesMigrate(t *testing.T) {
	for range of(20) {
		d := newPostgres(t)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				s, err := d.store(t.Context(), d.Drivers[i%len(d.Drivers)])
				if err != nil {
					t.Errorf("by %s: %v", d.Drivers[i%len(d.Drivers)], err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
