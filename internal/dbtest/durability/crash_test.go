package durability

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/usherkit/scim/internal/dbtest"
)

// Rounds are of one database: what a crash has spoilt comes to light at last.
const crashes = 50

var crashClients = map[string]int{plain: 8, audited: 4}

// The process is killed at random moments: while it writes, and while it starts
// over what the one before it has left.
func TestCrashOfTheProcess(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) database{
		"SQLite":     func(t *testing.T) database { return sqlite(dbtest.SQLite(t)) },
		"PostgreSQL": func(t *testing.T) database { return postgres(dbtest.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrial(t, open(t), crashClients)
			e := start(t, r.database, 0)
			r.use(e)
			r.setUp(t)
			for round := range of(crashes) {
				r.crash(t, func() error { e.kill(); return nil })
				if rand.N(3) == 0 {
					e = launch(t, r.database, rand.N(10))
					time.Sleep(rand.N(200 * time.Millisecond))
					e.kill()
				}
				r.ended(t)
				e = start(t, r.database, round)
				r.use(e)
				r.recovered(t, round)
			}
			t.Logf("%d requests were acknowledged", r.answers())
		})
	}
}

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
	before, stopped, killed := r.answers(), make(chan struct{}), make(chan error)
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
	}()
	r.run(t.Context())
	close(stopped)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
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
