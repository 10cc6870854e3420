package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/internal/dbtest"
)

// Rounds are of one database: what a crash has spoilt comes to light at last.
const crashes = 50

var crashClients = map[string]int{plain: 8, audited: 4}

// Of two processes one is killed at random moments, or both: while they write, and
// while they start over what the ones before have left. Whoever lives goes on as if
// nothing had been.
func TestCrashOfProcesses(t *testing.T) {
	onEach(t, func(t *testing.T, open func(*testing.T) database) {
		d := open(t)
		r := newTrial(t, d, crashClients)
		endpoints := []*endpoint{start(t, d, 0), start(t, d, 1)}
		r.use(endpoints...)
		r.setUp(t)
		for round := range of(crashes) {
			dead := []int{rand.N(2)}
			if rand.N(2) == 0 {
				dead = []int{0, 1}
			}
			r.crash(t, func() error {
				for _, i := range dead {
					endpoints[i].kill()
				}
				return nil
			})
			if len(dead) == 1 {
				r.answered(t, endpoints[1-dead[0]])
			}
			if rand.N(3) == 0 {
				e := launch(t, d, round)
				time.Sleep(rand.N(200 * time.Millisecond))
				e.kill()
			}
			for _, i := range dead {
				r.ended(t, endpoints[i])
				endpoints[i] = start(t, d, round+i)
			}
			r.use(endpoints...)
			r.recovered(t, round)
		}
		t.Logf("%d requests were acknowledged", r.answers())
	})
}

// A process is killed while it creates the tables, and the next one finds all of
// them or none.
func TestCrashOfMigration(t *testing.T) {
	onEach(t, func(t *testing.T, open func(*testing.T) database) {
		begun := time.Now()
		start(t, open(t), 0).kill()
		usual := time.Since(begun)
		for round := range of(20) {
			t.Run(fmt.Sprint(round), func(t *testing.T) {
				d := open(t)
				e := launch(t, d, round)
				time.Sleep(usual/4 + rand.N(usual))
				e.kill()
				r := newTrial(t, d, map[string]int{plain: 1})
				r.ended(t, e)
				r.use(start(t, d, round+1))
				r.setUp(t)
				r.check(t)
			})
		}
	})
}

// onEach runs a test with each kind of database.
func onEach(t *testing.T, run func(t *testing.T, open func(*testing.T) database)) {
	t.Run("SQLite", func(t *testing.T) { run(t, newSQLite) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, newPostgres) })
}

func newSQLite(t *testing.T) database   { return sqlite(dbtest.SQLite(t)) }
func newPostgres(t *testing.T) database { return postgres(dbtest.Postgres(t)) }

// The server is killed, and the process, which is not, goes on with it as soon as
// it is there again.
func TestCrashOfPostgreSQL(t *testing.T) {
	server := dbtest.StartPostgres(t, dbtest.PostgresOptions{Durable: true})
	r := newTrial(t, postgres(server.DSN(server.CreateDatabase(t))), crashClients)
	r.use(start(t, r.database, 0), start(t, r.database, 1), start(t, r.database, 2))
	r.setUp(t)
	for round := range of(crashes) {
		r.crash(t, server.Kill)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		r.recovered(t, round)
	}
	t.Logf("%d requests were acknowledged", r.answers())
}

// crash has the clients work while, at a random moment after they have begun,
// something is killed.
func (r *trial) crash(t *testing.T, kill func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before, stopped, killed := r.answers(), make(chan struct{}), make(chan error, 1)
	go func() {
		for r.answers() == before {
			select {
			case <-stopped:
				before = -1
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(rand.N(400 * time.Millisecond))
		killed <- kill()
		time.Sleep(rand.N(100 * time.Millisecond)) // for those who live
		cancel()
	}()
	r.run(ctx)
	close(stopped)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
}

// answered checks that an endpoint has answered whatever it was asked.
func (r *trial) answered(t *testing.T, e *endpoint) {
	t.Helper()
	r.each(func(c *client) {
		if c.silence != nil && strings.HasPrefix(c.base, e.url+"/") {
			t.Errorf("%s was not answered: %v", c.name, c.silence)
		}
	})
}

// recovered checks that all is there that was acknowledged, and of the rest all
// or nothing.
func (r *trial) recovered(t *testing.T, round int) {
	t.Helper()
	r.settle(t.Context())
	r.check(t)
	if t.Failed() {
		t.Fatalf("in round %d, after %d acknowledged requests", round, r.answers())
	}
}
