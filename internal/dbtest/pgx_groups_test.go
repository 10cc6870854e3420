package dbtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
)

// Those who wait for a connection to write one statement share one, and a
// transaction.
func TestPgxGroups(t *testing.T) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
	p := newPeople(t)
	create := func(userName string) error {
		_, err := s.store.Create(ctx, aUser, p.named(userName, "", userName+"@example.com"))
		return err
	}
	if err := create("first"); err != nil { // prepares the statement
		t.Fatal(err)
	}
	together := func(names ...string) (errs []error, trips int) {
		t.Helper()
		free := s.occupy(t)
		errs = make([]error, len(names))
		var all sync.WaitGroup
		for i, name := range names {
			all.Go(func() { errs[i] = create(name) })
		}
		awaitCallers(t, len(names))
		trips = s.wire.in(func() {
			free()
			all.Wait()
		})
		return errs, trips
	}
	var names []string
	for round := range 2 {
		names = nil
		for i := range 20 {
			names = append(names, fmt.Sprintf("user%d-%d", round, i))
		}
		errs, trips := together(names...)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("Creates of 20 users at once: %v", err)
		}
		if round > 0 && trips != 1 { // before, BEGIN and COMMIT are prepared
			t.Errorf("Creates of 20 users at once: %d trips, want 1", trips)
		}
	}
	for _, name := range names {
		if err := create(name); !errors.Is(err, scim.ErrUniqueness) {
			t.Errorf("Create of %s, who was created in a group: error %v, want ErrUniqueness", name, err)
		}
	}

	errs, _ := together("same", "SAME", "Same", "other", "first")
	made := 0
	for _, err := range errs[:3] {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, scim.ErrUniqueness):
			t.Errorf("Creates of one userName in a group: error %v, want ErrUniqueness", err)
		}
	}
	if made != 1 {
		t.Errorf("Creates of one userName in a group: %d were made, want 1", made)
	}
	if errs[3] != nil {
		t.Errorf("Create of another userName in the group: %v", errs[3])
	}
	if !errors.Is(errs[4], scim.ErrUniqueness) {
		t.Errorf("Create in a group of a userName that is taken: error %v, want ErrUniqueness", errs[4])
	}
}

// No transaction is of two tenants, so that tenants may be in several places.
func TestPgxGroupsOfTenants(t *testing.T) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
	p := newPeople(t)
	const tenants, users = 3, 6
	free := s.occupy(t)
	var all sync.WaitGroup
	for i := range tenants * users {
		all.Go(func() {
			ref := scim.Ref{Tenant: fmt.Sprint("tenant-", i%tenants), Type: aUser.Type}
			if _, err := s.store.Create(ctx, ref, p.named(fmt.Sprint("user", i), "", "a@example.com")); err != nil {
				t.Error(err)
			}
		})
	}
	awaitCallers(t, tenants*users)
	free()
	all.Wait()
	rows, err := s.pool.Query(ctx, "SELECT xmin::text, count(DISTINCT tenant_id), count(*) FROM scim_resource GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	transactions := 0
	for rows.Next() {
		var id string
		var of, n int
		if err := rows.Scan(&id, &of, &n); err != nil {
			t.Fatal(err)
		}
		if of != 1 {
			t.Errorf("transaction %s created %d users of %d tenants", id, n, of)
		}
		transactions++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if transactions < tenants || transactions >= tenants*users {
		t.Errorf("%d users of %d tenants were created in %d transactions", tenants*users, tenants, transactions)
	}
}

// occupy takes all connections of the pool until free is called.
func (s pgxStore) occupy(t *testing.T) (free func()) {
	t.Helper()
	var taken []*pgxpool.Conn
	for range s.pool.Config().MaxConns {
		conn, err := s.pool.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
	}
	return sync.OnceFunc(func() {
		for _, conn := range taken {
			conn.Release()
		}
	})
}

// awaitCallers waits until so many wait to write one statement: for a connection, or for
// somebody to take them along; or for the one that reads scim_index once a second.
func awaitCallers(t *testing.T, want int) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		stacks := make([]byte, 1<<20)
		waiting := 0
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			state, _, _ := strings.Cut(stack, "\n")
			if strings.Contains(state, "[select") && (strings.Contains(stack, "pgxstore.(*writers).turn(") || strings.Contains(stack, "engine.(*Store).indexes(")) {
				waiting++
			}
		}
		if waiting == want {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("%d wait to write, want %d", waiting, want)
		}
	}
}

// Who has to wait for a lock keeps nobody waiting.
func TestPgxGroupsWaitForNobody(t *testing.T) {
	for _, row := range []struct {
		name     string
		together bool
	}{
		{"those who wait are sent together with others", true},
		{"those who wait are sent one by one", false},
	} {
		t.Run(row.name, func(t *testing.T) { waitsForNobody(t, row.together) })
	}
}

func waitsForNobody(t *testing.T, together bool) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 12 })
	elsewhere := overPgx(t, s.dsn, func(c *pgxpool.Config) { c.MaxConns = 2 })
	p := newPeople(t)
	create := func(ctx context.Context, store scim.Store, userName string) error {
		_, err := store.Create(ctx, aUser, p.named(userName, "", ""))
		return err
	}
	locked := func() (n int) {
		if err := elsewhere.pool.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	blocked, others := make([]error, 8), make([]error, 20)
	var waiting, free sync.WaitGroup
	err := elsewhere.store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		if err := create(ctx, tx, "taken"); err != nil {
			return err
		}
		release := func() {}
		if together {
			release = s.occupy(t)
		}
		for i := range blocked {
			waiting.Go(func() { blocked[i] = create(context.Background(), s.store, "taken") })
			for !together && locked() <= i {
				time.Sleep(time.Millisecond)
			}
		}
		for i := range others {
			free.Go(func() { others[i] = create(context.Background(), s.store, fmt.Sprint("user", i)) })
		}
		if together {
			awaitCallers(t, len(blocked)+len(others))
		}
		release()
		done := make(chan struct{})
		go func() { free.Wait(); close(done) }()
		select {
		case <-done:
			return nil
		case <-time.After(30 * time.Second):
			return errors.New("Creates wait for others, and these for this transaction")
		}
	})
	waiting.Wait()
	free.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(others...); err != nil {
		t.Errorf("Creates beside those that wait: %v", err)
	}
	for _, err := range blocked {
		if !errors.Is(err, scim.ErrUniqueness) {
			t.Errorf("Create that waits for a transaction with its userName: error %v, want ErrUniqueness", err)
		}
	}
}

// Who gives up while waiting for a connection writes nothing.
func TestPgxGroupsCancelled(t *testing.T) {
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
	p := newPeople(t)
	free := s.occupy(t)
	create := func(ctx context.Context, userName string) error {
		_, err := s.store.Create(ctx, aUser, p.named(userName, "", ""))
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var given, kept error
	var one, other sync.WaitGroup
	one.Go(func() { given = create(ctx, "given up") })
	other.Go(func() { kept = create(context.Background(), "kept") })
	awaitCallers(t, 2)
	cancel()
	one.Wait() // while no connection is free
	free()
	other.Wait()
	if !errors.Is(given, context.Canceled) {
		t.Errorf("Create that was cancelled while it waited: error %v, want context.Canceled", given)
	}
	if kept != nil {
		t.Errorf("Create beside it: %v", kept)
	}
	if err := create(context.Background(), "given up"); err != nil {
		t.Errorf("Create of the userName of the cancelled one: %v", err)
	}
}
