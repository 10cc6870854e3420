package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore/pgxstore"
	"github.com/usherkit/scim/storetest"
)

// onPgx returns a function that opens Stores over pools of pgx, as many
// connections each as pgx gives them, whose statements are executed in a mode.
func onPgx(mode pgx.QueryExecMode) opened {
	return func(t *testing.T) scim.Store {
		t.Helper()
		return overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }).store
	}
}

func TestStoreOnPgx(t *testing.T) {
	brief(t, func() { storetest.Run(t, onPgx(pgx.QueryExecModeCacheStatement)) })
}

// As behind a pooler that gives each transaction another connection.
func TestStoreOnPgxUnprepared(t *testing.T) {
	brief(t, func() { storetest.Run(t, onPgx(pgx.QueryExecModeExec)) })
}

func TestEndToEndOnPgx(t *testing.T) { storetest.EndToEnd(t, onPgx(pgx.QueryExecModeCacheStatement)) }

// A pgxStore is a Store and what a test may ask of its pool.
type pgxStore struct {
	store *pgxstore.Store
	pool  *pgxpool.Pool
	wire  *wire
	dsn   string
}

// overPgx opens a Store over a pool of its own.
func overPgx(t testing.TB, dsn string, configure func(*pgxpool.Config)) pgxStore {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s := pgxStore{wire: new(wire), dsn: dsn}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &wireConn{conn, s.wire}, err
	}
	configure(config)
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if s.store, err = pgxstore.Open(context.Background(), s.pool, &pgxstore.Options{Migrate: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

// A wire counts the trips of a pool to its server, can make them take a while, and
// can break.
type wire struct {
	trips  atomic.Int64
	takes  time.Duration
	breaks atomic.Int64 // the trip whose answer is lost, though the server has done its part; 0: none
}

// in returns how many trips something takes.
func (w *wire) in(do func()) int {
	before := w.trips.Load()
	do()
	return int(w.trips.Load() - before)
}

type wireConn struct {
	net.Conn
	*wire
}

func (w *wireConn) Write(p []byte) (int, error) {
	w.trips.Add(1)
	time.Sleep(w.takes)
	return w.Conn.Write(p)
}

func (w *wireConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if at := w.breaks.Load(); n > 0 && at > 0 && w.trips.Load() >= at {
		w.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// people makes the changes that tests of a Store of pgx write.
type people struct {
	t           testing.TB
	user, group *scim.ResourceType
}

func newPeople(t testing.TB) people {
	t.Helper()
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	return people{t, user, group}
}

var (
	aUser  = scim.Ref{Tenant: "contoso", Type: "User"}
	aGroup = scim.Ref{Tenant: "contoso", Type: "Group"}
)

func (p people) named(userName, title, email string) scim.Change {
	p.t.Helper()
	document, keys, err := p.user.Encode(scim.User{UserName: userName, Title: title, Emails: []scim.Value{{Value: email}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return scim.Change{Document: document, Keys: keys}
}

func (p people) called(displayName string, members ...string) scim.Change {
	p.t.Helper()
	document, keys, err := p.group.Encode(scim.Group{DisplayName: displayName})
	if err != nil {
		p.t.Fatal(err)
	}
	return scim.Change{Document: document, Keys: keys, Members: scim.MemberDelta{Add: membersOf(members...), Types: []string{"User", "Group"}}}
}

func membersOf(ids ...string) (list []scim.Member) {
	for _, id := range ids {
		list = append(list, scim.Member{ID: id})
	}
	return list
}

// A write costs trips to the database, most of its time where that is on another
// machine. They are counted when each statement has been prepared.
func TestPgxTrips(t *testing.T) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
	p := newPeople(t)
	n := 0 // of the round
	create := func(ref scim.Ref, c scim.Change) (scim.Ref, error) {
		u, err := s.store.Create(ctx, ref, c)
		if err != nil {
			return scim.Ref{}, err
		}
		return u.Resource.Ref, nil
	}
	update := func(ref scim.Ref, c scim.Change) error {
		_, err := s.store.Update(ctx, ref, c)
		return err
	}
	var ada, bob, eve, readers scim.Ref
	rows := []struct {
		name, reason string
		do           func() error
		want         int
	}{
		{"create a user", "one statement", func() (err error) {
			ada, err = create(aUser, p.named(fmt.Sprint("ada", n), "Countess", fmt.Sprint("ada", n, "@example.com")))
			return err
		}, 1},
		{"create others", "two creates", func() (err error) {
			if bob, err = create(aUser, p.named(fmt.Sprint("bob", n), "", "")); err == nil {
				eve, err = create(aUser, p.named(fmt.Sprint("eve", n), "", ""))
			}
			return err
		}, 2},
		{"create a group with members", "they are found; its name is free; the row, its key and the members; COMMIT", func() (err error) {
			readers, err = create(aGroup, p.called(fmt.Sprint("Readers", n), ada.ID, bob.ID))
			return err
		}, 6},
		{"get a user with its groups", "one statement", func() error {
			_, err := s.store.Get(ctx, ada, scim.Projection{Groups: true})
			return err
		}, 1},
		{"find a user", "one statement, as there is no more than one", func() error {
			filter, err := p.user.ParseFilter(fmt.Sprintf("userName eq \"ada%d\"", n))
			if err != nil {
				return err
			}
			_, err = s.store.List(ctx, scim.Query{Tenant: "contoso", Type: "User", Filter: filter, Limit: 10})
			return err
		}, 1},
		{"change an attribute", "one statement", func() error {
			c := p.named(fmt.Sprint("ada", n), "Duchess", fmt.Sprint("ada", n, "@example.com"))
			c.Keys = nil
			return update(ada, c)
		}, 1},
		{"change a key", "the lock; the new key, behind the old one's end; the row and COMMIT", func() error {
			return update(ada, p.named(fmt.Sprint("ada", n), "Duchess", fmt.Sprint("duchess", n, "@example.com")))
		}, 3},
		{"add a member", "the lock; whether there is one; the member; the row and COMMIT", func() error {
			return update(readers, scim.Change{Members: scim.MemberDelta{Add: membersOf(eve.ID), Types: []string{"User"}}})
		}, 4},
		{"remove a member", "the lock; the member; the row and COMMIT", func() error {
			return update(readers, scim.Change{Members: scim.MemberDelta{Remove: []string{eve.ID}}})
		}, 3},
		{"remove nobody", "the lock; nothing; COMMIT", func() error {
			return update(readers, scim.Change{Members: scim.MemberDelta{Remove: []string{eve.ID}}})
		}, 3},
		{"delete a user in no group", "groups; the lock; memberships; all else and COMMIT", func() error { return s.store.Delete(ctx, eve, "") }, 4},
		{"delete a user in a group", "besides the group's lock", func() error { return s.store.Delete(ctx, ada, "") }, 5},
		{"delete what is not there", "groups; nothing; ROLLBACK", func() error {
			if err := s.store.Delete(ctx, eve, ""); !errors.Is(err, scim.ErrNotFound) {
				return fmt.Errorf("got error %v, want ErrNotFound", err)
			}
			return nil
		}, 3},
		{"ten creates within transactions within one", "a savepoint goes along with each, and the last one's end with COMMIT", func() error {
			return s.store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				for i := range 10 {
					err := tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
						_, err := tx.Create(ctx, aUser, p.named(fmt.Sprint("user", n, i), "", ""))
						return err
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}, 11},
		{"a transaction of nothing", "nothing", func() error {
			return s.store.InTx(ctx, func(context.Context, scim.Store) error { return nil })
		}, 0},
	}
	for n = range 2 {
		for _, row := range rows {
			trips := s.wire.in(func() {
				if err := row.do(); err != nil {
					t.Fatalf("%s: %v", row.name, err)
				}
			})
			if n > 0 && trips != row.want {
				t.Errorf("%s: %d trips, want %d: %s", row.name, trips, row.want, row.reason)
			}
		}
	}
}

// When the answer to a COMMIT is lost, nobody knows whether it was made: it is
// reported and not done again.
func TestPgxLostAnswers(t *testing.T) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(c *pgxpool.Config) { c.MaxConns = 1 })
	p := newPeople(t)
	first, err := s.store.Create(ctx, aUser, p.named("first", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	group, err := s.store.Create(ctx, aGroup, p.called("Readers"))
	if err != nil {
		t.Fatal(err)
	}
	add := scim.Change{Members: scim.MemberDelta{Add: membersOf(first.Resource.ID), Types: []string{"User"}}}
	remove := scim.Change{Members: scim.MemberDelta{Remove: []string{first.Resource.ID}}}
	for _, c := range []scim.Change{add, remove} { // prepares the statements
		if _, err := s.store.Update(ctx, group.Resource.Ref, c); err != nil {
			t.Fatal(err)
		}
	}
	lose := func(trip int64) { s.wire.breaks.Store(s.wire.trips.Load() + trip) }
	found := func() { s.wire.breaks.Store(0) }

	lose(4) // see TestPgxTrips
	_, err = s.store.Update(ctx, group.Resource.Ref, add)
	found()
	if !errors.Is(err, scim.ErrUnavailable) {
		t.Errorf("Update whose COMMIT is not answered: error %v, want ErrUnavailable", err)
	}
	now, err := s.store.Get(ctx, group.Resource.Ref, scim.Projection{Members: true})
	if err != nil {
		t.Fatal(err)
	}
	if has, err := now.Members.Has(first.Resource.ID); !has || err != nil {
		t.Errorf("the member whose COMMIT was not answered is there: %v, error %v; want true", has, err)
	}
	if now.Version != "4" {
		t.Errorf("Version %s, want 4: the change was made more than once", now.Version)
	}

	free := s.occupy(t)
	errs := make([]error, 3)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = s.store.Create(ctx, aUser, p.named(fmt.Sprint("user", i), "", "")) })
	}
	awaitCallers(t, len(errs))
	lose(2) // behind the preparation of BEGIN and COMMIT
	free()
	all.Wait()
	found()
	for i, err := range errs {
		if !errors.Is(err, scim.ErrUnavailable) {
			t.Errorf("Create %d in a group whose COMMIT is not answered: error %v, want ErrUnavailable", i, err)
		}
		if _, err := s.store.Create(ctx, aUser, p.named(fmt.Sprint("user", i), "", "")); !errors.Is(err, scim.ErrUniqueness) {
			t.Errorf("Create of the same userName afterwards: error %v, want ErrUniqueness", err)
		}
	}
}

// What an application does in the Store's transaction is of the transaction.
func TestPgxTx(t *testing.T) {
	ctx := context.Background()
	s := overPgx(t, Postgres(t), func(*pgxpool.Config) {})
	p := newPeople(t)
	if _, err := s.pool.Exec(ctx, "CREATE TABLE seat (user_name text PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	sit := func(ctx context.Context, name string) error {
		tx, ok := pgxstore.Tx(ctx)
		if !ok {
			return errors.New("Tx found no transaction")
		}
		_, err := tx.Exec(ctx, "INSERT INTO seat VALUES ($1)", name)
		return err
	}
	reason := errors.New("the application says no")
	for _, row := range []struct {
		name, reason string
		do           func(ctx context.Context, tx scim.Store) error
		err          error
		seats        []string // afterwards, and those are the users too
	}{
		{"statements behind a write", "a hook's", func(ctx context.Context, tx scim.Store) error {
			if _, err := tx.Create(ctx, aUser, p.named("ada", "", "")); err != nil {
				return err
			}
			return sit(ctx, "ada")
		}, nil, []string{"ada"}},
		{"statements before a write", "Tx begins the transaction", func(ctx context.Context, tx scim.Store) error {
			if err := sit(ctx, "bob"); err != nil {
				return err
			}
			_, err := tx.Create(ctx, aUser, p.named("bob", "", ""))
			return err
		}, nil, []string{"ada", "bob"}},
		{"failure behind both", "undoes both", func(ctx context.Context, tx scim.Store) error {
			if _, err := tx.Create(ctx, aUser, p.named("eve", "", "")); err != nil {
				return err
			}
			if err := sit(ctx, "eve"); err != nil {
				return err
			}
			return reason
		}, reason, []string{"ada", "bob"}},
		{"failure of a transaction within", "undoes what was in it, the application's statements too", func(ctx context.Context, tx scim.Store) error {
			err := tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				if _, err := tx.Create(ctx, aUser, p.named("eve", "", "")); err != nil {
					return err
				}
				if err := sit(ctx, "eve"); err != nil {
					return err
				}
				return reason
			})
			if !errors.Is(err, reason) {
				return fmt.Errorf("InTx within: got error %v, want %w", err, reason)
			}
			return tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				if err := sit(ctx, "cleo"); err != nil {
					return err
				}
				_, err := tx.Create(ctx, aUser, p.named("cleo", "", ""))
				return err
			})
		}, nil, []string{"ada", "bob", "cleo"}},
		{"a savepoint of the application's own", "undoes what was in it, the Store's writes too", func(ctx context.Context, tx scim.Store) error {
			mine, _ := pgxstore.Tx(ctx)
			savepoint, err := mine.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := tx.Create(ctx, aUser, p.named("eve", "", "")); err != nil {
				return err
			}
			return savepoint.Rollback(ctx)
		}, nil, []string{"ada", "bob", "cleo"}},
	} {
		if err := s.store.InTx(ctx, row.do); !errors.Is(err, row.err) {
			t.Errorf("%s: got error %v, want %v", row.name, err, row.err)
		}
		for what, query := range map[string]string{"seats": "SELECT user_name FROM seat ORDER BY 1", "users": "SELECT user_name FROM scim_resource ORDER BY 1"} {
			rows, err := s.pool.Query(ctx, query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, row.seats) {
				t.Errorf("%s: %s are %q, want %q: it %s", row.name, what, got, row.seats, row.reason)
			}
		}
	}
	if _, ok := pgxstore.Tx(ctx); ok {
		t.Error("Tx found a transaction outside of one")
	}
}
