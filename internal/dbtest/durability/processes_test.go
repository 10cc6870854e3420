package durability

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
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
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	r.run(ctx)
	for _, e := range endpoints {
		r.answered(t, e)
	}
	done := map[string]int{}
	for _, c := range r.crews {
		for _, m := range c.clients {
			for kind, n := range m.done {
				done[kind] += n
			}
		}
	}
	r.check(t)
	t.Logf("%d requests: %v", r.answers(), done)
	kinds := []string{"count", "disband", "dismiss", "hire", "join", "leave", "look", "mark", "newTeam", "race", "rename", "replace"}
	if got := slices.Sorted(maps.Keys(done)); !slices.Equal(got, kinds) {
		t.Errorf("done was %q, want %q", got, kinds)
	}
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
