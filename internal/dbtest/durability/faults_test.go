package durability

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/dbtest"
)

// A scene is a Store behind a proxy, and what there is in one of its tenants.
type scene struct {
	store  *store
	proxy  *proxy
	direct *sql.DB
	tenant string

	users  []scim.Ref
	groups []scim.Ref
}

// change is a call of the Store, made in a scene of its own.
type change struct {
	name string
	do   func(ctx context.Context, s *scene) error
}

func (s *scene) ref(typ string) scim.Ref { return scim.Ref{Tenant: s.tenant, Type: typ} }

var changes = []change{
	{"create with a unique value", func(ctx context.Context, s *scene) error { return s.create(ctx, s.store, "User", "ann") }},
	{"create without one", func(ctx context.Context, s *scene) error { return s.create(ctx, s.store, "Device", "printer") }},
	{"create with members", func(ctx context.Context, s *scene) error {
		return s.create(ctx, s.store, "Group", "sales", s.users[0].ID, s.users[1].ID)
	}},
	{"replace the document", func(ctx context.Context, s *scene) error {
		_, err := s.store.Update(ctx, s.users[0], scim.Change{Document: document("User", "bo", "boss")})
		return err
	}},
	{"replace the document and the keys", func(ctx context.Context, s *scene) error {
		_, err := s.store.Update(ctx, s.users[0], scim.Change{Document: document("User", "bob", "boss"), Keys: keys("User", "bob")})
		return err
	}},
	{"add and remove members", func(ctx context.Context, s *scene) error {
		_, err := s.store.Update(ctx, s.groups[0], scim.Change{Members: scim.MemberDelta{Add: []scim.Member{{ID: s.users[1].ID}}, Remove: []string{s.users[0].ID}}})
		return err
	}},
	{"delete", func(ctx context.Context, s *scene) error { return s.store.Delete(ctx, s.users[0], "") }},
	{"a transaction", func(ctx context.Context, s *scene) error {
		return s.store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			if err := s.create(ctx, tx, "User", "ann"); err != nil {
				return err
			}
			if err := s.create(ctx, tx, "Device", "printer"); err != nil {
				return err
			}
			return tx.Delete(ctx, s.users[0], "")
		})
	}},
	{"a transaction with statements of the application", func(ctx context.Context, s *scene) error {
		return s.store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			if err := s.create(ctx, tx, "User", "ann"); err != nil {
				return err
			}
			_, err := s.store.exec(ctx, "INSERT INTO app_note (tenant, note) VALUES ($1, 'welcome')", s.tenant)
			return err
		})
	}},
}

func document(typ, name, title string) scim.Document {
	attribute := "displayName"
	if typ == "User" {
		attribute = "userName"
	}
	d, err := scim.ReadDocument(fmt.Sprintf(`{%q:%q,"title":%q}`, attribute, name, title))
	if err != nil {
		panic(err)
	}
	return d
}

func keys(typ, name string) []scim.Key {
	switch typ {
	case "User":
		return []scim.Key{{Path: "userName", Value: name, Unique: true}, {Path: "emails.value", Value: name + "@example.com"}}
	case "Group":
		return []scim.Key{{Path: "displayName", Value: name, Unique: true}}
	}
	return []scim.Key{{Path: "displayName", Value: name}}
}

func (s *scene) create(ctx context.Context, in scim.Store, typ, name string, members ...string) error {
	c := scim.Change{Document: document(typ, name, ""), Keys: keys(typ, name)}
	for _, id := range members {
		c.Members.Add = append(c.Members.Add, scim.Member{ID: id})
	}
	up, err := in.Create(ctx, s.ref(typ), c)
	if err != nil {
		return err
	}
	switch typ {
	case "User":
		s.users = append(s.users, up.Resource.Ref)
	case "Group":
		s.groups = append(s.groups, up.Resource.Ref)
	}
	return nil
}

// state is all that there is in the tenant: how often a change was made is in the
// versions.
func (s *scene) state(t *testing.T) string {
	t.Helper()
	var list []string
	rows, err := s.direct.QueryContext(t.Context(), `SELECT r.type || ' ' || r.document || ' version ' || r.revision
		|| coalesce((SELECT ' key ' || string_agg(k.path || '=' || k.value, ',' ORDER BY k.path) FROM scim_key k WHERE (k.tenant_id, k.type, k.id) = (r.tenant_id, r.type, r.id)), '')
		|| coalesce((SELECT ' has ' || string_agg(u.user_name, ',' ORDER BY u.user_name) FROM scim_member m JOIN scim_resource u
			ON (u.tenant_id, u.type, u.id) = (m.tenant_id, m.member_type, m.member_id) WHERE (m.tenant_id, m.group_id) = (r.tenant_id, r.id)), '')
		FROM scim_resource r WHERE r.tenant_id = $1 UNION ALL SELECT note FROM app_note WHERE tenant = $1 ORDER BY 1`, s.tenant)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		list = append(list, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// A stage makes scenes.
type stage struct {
	scene
	scenes int
}

func newStage(t *testing.T, server *dbtest.Server, driver string) *stage {
	t.Helper()
	dsn := server.DSN(server.CreateDatabase(t))
	g := &stage{scene: scene{proxy: startProxy(t, server), direct: dbtest.Open(t, dbtest.DriverPGX, dsn)}}
	store, err := postgres(g.proxy.dsn(t, dsn)).store(t.Context(), driver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := g.direct.ExecContext(t.Context(), "CREATE TABLE app_note (tenant text, note text)"); err != nil {
		t.Fatal(err)
	}
	g.store = store
	return g
}

// scene returns two users in a new tenant, of whom one is in a group.
func (g *stage) newScene(t *testing.T) *scene {
	t.Helper()
	g.scenes++
	s := g.scene
	s.tenant = fmt.Sprint("tenant ", g.scenes)
	s.proxy.expect(nil)
	for _, name := range []string{"bo", "cy"} {
		if err := s.create(t.Context(), s.store, "User", name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.create(t.Context(), s.store, "Group", "staff", s.users[0].ID); err != nil {
		t.Fatal(err)
	}
	return &s
}

// Whatever happens to whichever statement, a change is made once, or not at all
// and then the client is told to try again; it is made even so where the database
// says that it may be tried again.
func TestFaults(t *testing.T) {
	server := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	for _, driver := range []string{dbtest.DriverPGX, dbtest.DriverPQ, driverPool} {
		t.Run(driver, func(t *testing.T) {
			g := newStage(t, server, driver)
			for _, c := range changes {
				t.Run(c.name, func(t *testing.T) { g.faults(t, c) })
			}
		})
	}
}

func (g *stage) faults(t *testing.T, c change) {
	s := g.newScene(t)
	before := s.state(t)
	if err := c.do(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	after := s.state(t)
	if after == before {
		t.Fatalf("it changes nothing:\n%s", after)
	}
	s = g.newScene(t)
	s.proxy.expect(nil)
	if err := c.do(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	statements, _ := s.proxy.seen()
	for at, statement := range statements {
		told := []string{after}
		if at < len(statements)-1 {
			told = []string{before, after} // what commits may have been sent along
		}
		for _, tt := range []struct {
			name   string
			fault  fault
			err    bool     // it fails, and else it must not
			states []string // one of which is there afterwards
		}{
			{"serialization failure", fault{what: refused, state: "40001"}, false, []string{after}},
			{"deadlock", fault{what: refused, state: "40P01"}, false, []string{after}},
			{"connection failure", fault{what: dying, state: "08006"}, true, []string{before}},
			{"shutdown", fault{what: dying, state: "57P01"}, true, []string{before}},
			{"cut before", fault{what: cut}, true, []string{before}},
			{"cut after", fault{what: unsaid}, true, told},
		} {
			tt.fault.at = at
			s := g.newScene(t)
			s.proxy.expect(&tt.fault)
			err := c.do(t.Context(), s)
			_, hits := s.proxy.seen()
			s.proxy.expect(nil)
			where := fmt.Sprintf("%s at statement %d of %d, %.60s", tt.name, at+1, len(statements), statement)
			if hits != 1 {
				t.Errorf("%s: it was met %d times", where, hits)
			}
			if told := errors.Is(err, scim.ErrUnavailable); told != tt.err || err != nil && !told {
				t.Errorf("%s: got %v, want ErrUnavailable: %v", where, err, tt.err)
			}
			if got := s.state(t); !slices.Contains(tt.states, got) {
				t.Errorf("%s:\n got\n%s\nwant\n%s", where, got, strings.Join(tt.states, "\nor\n"))
			}
		}
	}
}

// Where the writes of many go to the database together, what happens to one of
// them is done once or not at all to each of them.
func TestFaultsAmongMany(t *testing.T) {
	server := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	for _, driver := range []string{dbtest.DriverPGX, dbtest.DriverPQ, driverPool} {
		g := newStage(t, server, driver)
		for round := range of(40) {
			const many = 16
			f := fault{at: rand.N(many), what: what(round % 4), state: "40001"}
			s := g.newScene(t)
			s.proxy.expect(&f)
			errs := make([]error, many)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() {
					c := scim.Change{Document: document("Device", fmt.Sprint("printer ", i), "")}
					_, errs[i] = s.store.Create(t.Context(), s.ref("Device"), c)
				})
			}
			all.Wait()
			s.proxy.expect(nil)
			state := s.state(t)
			for i, err := range errs {
				n := strings.Count(state, fmt.Sprintf("%q", fmt.Sprint("printer ", i)))
				if err == nil && n != 1 || err != nil && (n > 1 || f.what == refused || !errors.Is(err, scim.ErrUnavailable)) {
					t.Errorf("%s, %+v: Create was made %d times and reported %v", driver, f, n, err)
				}
			}
		}
	}
}

// What is refused again and again is given up.
func TestFaultsWithoutEnd(t *testing.T) {
	server := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	for _, tt := range []struct {
		name  string
		fault fault
		most  time.Duration // before the caller gives up
		want  error
	}{
		{"at each statement", fault{at: -1, what: refused, state: "40001"}, patience, scim.ErrUnavailable},
		{"at each COMMIT", fault{at: -2, what: refused, state: "40001"}, patience, scim.ErrUnavailable},
		{"for longer than the caller waits", fault{at: -2, what: refused, state: "40P01"}, 200 * time.Millisecond, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // as it takes its time
			s := newStage(t, server, dbtest.DriverPGX).newScene(t)
			before := s.state(t)
			ctx, cancel := context.WithTimeout(t.Context(), tt.most)
			defer cancel()
			s.proxy.expect(&tt.fault)
			_, err := s.store.Update(ctx, s.groups[0], scim.Change{Members: scim.MemberDelta{Add: []scim.Member{{ID: s.users[1].ID}}}})
			_, hits := s.proxy.seen()
			s.proxy.expect(nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if told := (*scim.Error)(nil); tt.want == scim.ErrUnavailable && (!errors.As(err, &told) || told.RetryAfter <= 0) {
				t.Errorf("got %v, want one with RetryAfter", err)
			}
			if hits < 3 || hits > 5000 {
				t.Errorf("it was tried %d times", hits)
			}
			if got := s.state(t); got != before {
				t.Errorf("got\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// Reading is tried again too: under serializable it may be refused.
func TestFaultsOfReading(t *testing.T) {
	server := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	for _, driver := range []string{dbtest.DriverPGX, dbtest.DriverPQ, driverPool} {
		g := newStage(t, server, driver)
		s := g.newScene(t)
		all := scim.Projection{Members: true, Groups: true}
		for _, tt := range []struct {
			name string
			read func() error
		}{
			{"Get", func() error { _, err := s.store.Get(t.Context(), s.users[0], all); return err }},
			{"List", func() error {
				_, err := s.store.List(t.Context(), scim.Query{Tenant: s.tenant, Type: "User", Limit: 10, Projection: all})
				return err
			}},
			{"members", func() error {
				r, err := s.store.Get(t.Context(), s.groups[0], all)
				if err != nil {
					return err
				}
				n := 0
				for _, err := range r.Members.All() {
					if err != nil {
						return err
					}
					n++
				}
				if has, err := r.Members.Has(s.users[0].ID); !has || err != nil || n != 1 {
					return errors.Join(err, fmt.Errorf("%d members, has the first: %v", n, has))
				}
				return nil
			}},
		} {
			s.proxy.expect(nil)
			if err := tt.read(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			statements, _ := s.proxy.seen()
			for at, statement := range statements {
				s.proxy.expect(&fault{at: at, what: refused, state: "40001"})
				if err := tt.read(); err != nil {
					t.Errorf("%s by %s, refused at %.60s: %v", tt.name, driver, statement, err)
				}
				if _, hits := s.proxy.seen(); hits != 1 {
					t.Errorf("%s by %s: the fault was met %d times at %.60s", tt.name, driver, hits, statement)
				}
			}
		}
	}
}
