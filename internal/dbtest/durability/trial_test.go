package durability

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim/sqlstore"
)

// A trial is a database and the clients who work on it.
type trial struct {
	database
	db    *sql.DB // of the test, to look at the tables
	crews []*crew
}

// newTrial prepares a database with clients of each tenant. The Store's tables
// are left to the endpoints.
func newTrial(t *testing.T, d database, clients map[string]int) *trial {
	t.Helper()
	r := &trial{database: d, db: d.open(t)}
	r.db.SetMaxOpenConns(1)
	r.db.SetMaxIdleConns(0) // the server may have been killed since
	for _, statement := range applicationTables {
		if _, err := r.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	first := 0
	for _, tenant := range []string{plain, audited} {
		if n := clients[tenant]; n > 0 {
			r.crews = append(r.crews, newCrew(t, tenant, first, n))
			first += n
		}
	}
	return r
}

// use has the clients of both tenants use the endpoints in turns.
func (r *trial) use(endpoints ...*endpoint) {
	for _, c := range r.crews {
		for i, m := range c.clients {
			m.base = endpoints[i%len(endpoints)].url + "/" + c.tenant
		}
	}
}

// setUp creates what clients share.
func (r *trial) setUp(t *testing.T) {
	t.Helper()
	for _, c := range r.crews {
		c.setUp(t)
	}
}

// each calls do with each of the clients, all at the same time.
func (r *trial) each(do func(*client)) {
	var all sync.WaitGroup
	for _, c := range r.crews {
		for _, m := range c.clients {
			all.Go(func() { do(m) })
		}
	}
	all.Wait()
}

// run has all clients work until the context ends or they are not answered.
func (r *trial) run(ctx context.Context) { r.each(func(c *client) { c.run(ctx) }) }

// settle finds out what became of what was not answered.
func (r *trial) settle(ctx context.Context) { r.each(func(c *client) { c.settle(ctx) }) }

// check compares what is in the database with what the clients were told.
func (r *trial) check(t *testing.T) {
	t.Helper()
	check(t, r.db, r.dialect(), r.crews...)
}

// answers is the number of acknowledged requests.
func (r *trial) answers() (n int64) {
	for _, c := range r.crews {
		for _, m := range c.clients {
			n += m.answers.Load()
		}
	}
	return n
}

// everyoneAnswered waits until each client has had some more requests
// acknowledged.
func (r *trial) everyoneAnswered(t *testing.T) {
	t.Helper()
	const some = 10
	begun := time.Now()
	r.each(func(c *client) {
		for before := c.answers.Load(); c.answers.Load() < before+some && time.Since(begun) < patience; {
			time.Sleep(time.Millisecond)
		}
	})
	if time.Since(begun) >= patience {
		t.Error("clients wait in vain")
	}
}

// ended waits until the server has ended what a killed process had begun.
func (r *trial) ended(t *testing.T, e *endpoint) {
	t.Helper()
	if r.dialect() == sqlstore.SQLite {
		return
	}
	connections := "SELECT pid::text FROM pg_stat_activity WHERE application_name = '" + e.name + "'"
	for begun := time.Now(); len(texts(t, r.db, connections)) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal("connections outlive their process")
		}
	}
}
