package durability

import (
	"context"
	"testing"
	"time"

	"github.com/usherkit/scim/internal/dbtest"
)

// A primary dies and its synchronous standby takes its place, while processes that
// know both serve on. Clients are told to try again for a while, and nothing that
// was acknowledged is lost.
func TestFailOver(t *testing.T) {
	primary := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	name := primary.CreateDatabase(t)
	standby := dbtest.StartStandby(t, primary)
	r := newTrial(t, postgres(dbtest.MultiHostDSN(name, primary, standby)), map[string]int{plain: 8, audited: 8})
	r.use(start(t, r.database, 0), start(t, r.database, 1), start(t, r.database, 2))
	r.setUp(t)
	for _, c := range r.crews {
		c.persists = true
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	r.everyoneAnswered(t)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // nobody takes writes
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	r.everyoneAnswered(t)
	cancel()
	<-ended
	waited := 0
	r.settle(t.Context())
	for _, c := range r.crews {
		for _, m := range c.clients {
			if m.silence != nil {
				waited++
			}
		}
	}
	if waited == 0 {
		t.Error("no client has noticed that the primary was killed")
	}
	r.check(t)
	t.Logf("%d requests were acknowledged; %d clients were told to try again", r.answers(), waited)
}
