package dbtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// A service is a Handler over a Store on a database that is about to fail.
type service struct {
	http.Handler
	dialect sqlfilter.Dialect
	look    *sql.DB // to look at the tables, aside

	user, group, member string // ids of what there is
}

func newService(t *testing.T, store scim.Store, d sqlfilter.Dialect, look *sql.DB) *service {
	t.Helper()
	h, err := scim.NewHandler(store, scim.StaticToken("t", scim.Principal{Tenant: "acme"}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &service{Handler: h, dialect: d, look: look}
}

// populate creates a user, a member, and a group of it.
func (s *service) populate(t *testing.T) {
	t.Helper()
	id := func(path, body string) string {
		w := s.ask(t.Context(), "POST", path, body)
		var r struct{ ID string }
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusCreated {
			t.Fatalf("POST %s: got %d: %s", path, w.Code, w.Body)
		}
		return r.ID
	}
	s.user, s.member = id("/Users", userJSON("user")), id("/Users", userJSON("member"))
	s.group = id("/Groups", groupJSON("group", s.member))
}

func userJSON(name string) string {
	return fmt.Sprintf(`{"schemas":[%q],"userName":%q,"emails":[{"value":"%s@example.com"}]}`, scim.UserSchemaURI, name, name)
}

func groupJSON(name string, members ...string) string {
	var list []string
	for _, id := range members {
		list = append(list, fmt.Sprintf(`{"value":%q}`, id))
	}
	return fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[%s]}`, scim.GroupSchemaURI, name, strings.Join(list, ","))
}

func patchJSON(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func (s *service) ask(ctx context.Context, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type wireRequest struct{ method, path, body string }

// reads and writes are one of each kind.
func (s *service) reads() []wireRequest {
	return []wireRequest{
		{"GET", "/Users/" + s.user, ""},
		{"GET", "/Groups/" + s.group, ""},
		{"GET", "/Users?filter=" + strings.NewReplacer(" ", "%20", `"`, "%22").Replace(`userName eq "user"`), ""},
		{"GET", "/Users?filter=" + strings.NewReplacer(" ", "%20", `"`, "%22").Replace(`name.givenName co "x"`), ""},
	}
}

func (s *service) writes() []wireRequest {
	n := strconv.FormatUint(rand.Uint64(), 36)
	return []wireRequest{
		{"POST", "/Users", userJSON("new-" + n)},
		{"POST", "/Groups", groupJSON("new-"+n, s.user, s.member)},
		{"PUT", "/Users/" + s.user, userJSON("user-" + n)},
		{"PATCH", "/Users/" + s.user, patchJSON(`{"op":"replace","path":"title","value":"` + n + `"},{"op":"replace","path":"nickName","value":"` + n + `"}`)},
		{"PATCH", "/Users/" + s.user, patchJSON(`{"op":"replace","path":"emails","value":[{"value":"` + n + `@example.com"}]}`)},
		{"PATCH", "/Groups/" + s.group, patchJSON(`{"op":"add","path":"members","value":[{"value":"` + s.user + `"}]}`)},
		{"PATCH", "/Groups/" + s.group, patchJSON(`{"op":"remove","path":"members"}`)},
		{"DELETE", "/Users/" + s.member, ""},
		{"DELETE", "/Groups/" + s.group, ""},
	}
}

// refused checks that requests are answered 503, with word of when to try again,
// and none of what is wrong with the database.
func (s *service) refused(t *testing.T, requests []wireRequest) {
	t.Helper()
	for _, q := range requests {
		what := q.method + " " + q.path
		w := s.ask(t.Context(), q.method, q.path, q.body)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %d, Retry-After %q, want 503 with one:\n%s", what, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		saysNothingInternal(t, what, w.Body.String())
	}
}

func (s *service) answered(t *testing.T, requests []wireRequest) {
	t.Helper()
	for _, q := range requests {
		if w := s.ask(t.Context(), q.method, q.path, q.body); w.Code/100 != 2 {
			t.Errorf("%s %s: got %d, want success:\n%s", q.method, q.path, w.Code, w.Body)
		}
	}
}

// state is all that is in the tables.
func (s *service) state(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, query := range []string{
		"SELECT tenant_id, type, id, revision, created_ms, modified_ms, document, user_name, external_id, display_name, keys FROM scim_resource ORDER BY 1, 2, 3",
		"SELECT tenant_id, type, path, value, id, is_unique FROM scim_key ORDER BY 1, 2, 3, 4, 5",
		"SELECT tenant_id, group_type, group_id, member_type, member_id FROM scim_member ORDER BY 1, 3, 5",
	} {
		for _, row := range texts(t, s.look, query) {
			fmt.Fprintf(&all, "%q\n", row)
		}
	}
	return all.String()
}

// unchanged checks that what fails meanwhile changes nothing, and that all goes on
// when it is over.
func (s *service) unchanged(t *testing.T, meanwhile func()) {
	t.Helper()
	before := s.state(t)
	meanwhile()
	if after := s.state(t); after != before {
		t.Errorf("the tables have changed; they had\n%s\nand have\n%s", before, after)
	}
	s.answered(t, append(s.reads(), s.writes()...))
	consistent(t, &underTest{DB: s.look, dialect: s.dialect})
}

// A server killed under load costs its clients a while of 503, and nothing that it
// had acknowledged.
func TestOutageKilled(t *testing.T) {
	server := StartPostgres(t, PostgresOptions{Durable: true})
	s := newPostgresService(t, server.DSN(server.CreateDatabase(t)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var acknowledged []string
	refusals := 0
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				name := fmt.Sprintf("u-%d-%d", c, i)
				w := s.ask(ctx, "POST", "/Users", userJSON(name))
				mu.Lock()
				switch {
				case w.Code == http.StatusCreated:
					acknowledged = append(acknowledged, name)
				case w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "":
					refusals++
				default:
					t.Errorf("POST: got %d, Retry-After %q, want 201 or 503: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
				}
				mu.Unlock()
				saysNothingInternal(t, "POST", w.Body.String())
			}
		})
	}
	written := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	waitUntil(t, "there are writes", func() bool { return written() > 20 })
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "a write is refused", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return refusals > 0
	})
	s.refused(t, append(s.reads(), s.writes()...))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	again := written()
	waitUntil(t, "there are writes again", func() bool { return written() > again+20 })
	close(stop)
	clients.Wait()
	there := map[string]bool{}
	for _, row := range texts(t, s.look, "SELECT user_name FROM scim_resource WHERE type = 'User'") {
		there[row[0]] = true
	}
	for _, name := range acknowledged {
		if !there[name] {
			t.Errorf("%s was acknowledged and is not there", name)
		}
	}
	consistent(t, &underTest{DB: s.look, dialect: s.dialect})
	s.answered(t, append(s.reads(), s.writes()...))
}

func newPostgresService(t *testing.T, dsn string) *service {
	t.Helper()
	at := location{dialect: sqlfilter.PostgreSQL, dsn: dsn}
	s := newService(t, at.store(t, &sqlstore.Options{Migrate: true}), sqlfilter.PostgreSQL, at.open(t))
	s.populate(t)
	return s
}

func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// A server that only reads, be it told to or a standby, is read and not written to.
func TestOutageReadOnly(t *testing.T) {
	t.Run("told to", func(t *testing.T) {
		dsn := Postgres(t)
		s := newPostgresService(t, dsn)
		s.look.SetMaxIdleConns(0) // they are all ended
		operator := Open(t, DriverPGX, dsn+"&options=-c%20default_transaction_read_only%3Doff")
		operator.SetMaxIdleConns(0)
		readOnly := func(is string) {
			execute(t, operator,
				"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+is+"', current_database()); END $$",
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			for range 4 { // of the connections that were ended
				_ = s.ask(t.Context(), "GET", "/Users/"+s.user, "")
			}
		}
		s.unchanged(t, func() {
			readOnly("on")
			s.refused(t, s.writes())
			s.answered(t, s.reads())
			readOnly("off")
		})
	})
	t.Run("standby", func(t *testing.T) {
		primary := StartPostgres(t, PostgresOptions{})
		name := primary.CreateDatabase(t)
		on := newPostgresService(t, primary.DSN(name))
		standby := StartStandby(t, primary)
		at := location{dialect: sqlfilter.PostgreSQL, dsn: standby.DSN(name)}
		s := newService(t, at.store(t, nil), sqlfilter.PostgreSQL, on.look)
		s.user, s.group, s.member = on.user, on.group, on.member
		before := on.state(t)
		s.answered(t, s.reads())
		s.refused(t, s.writes())
		if after := on.state(t); after != before {
			t.Errorf("the tables have changed from\n%s\nto\n%s", before, after)
		}
		if err := primary.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := standby.Promote(); err != nil {
			t.Fatal(err)
		}
		s.answered(t, append(s.reads(), s.writes()...))
	})
}

// PostgreSQL reports 53100 (disk_full) for whatever would make a table grow, and so
// in the middle of a write that has changed other tables.
func TestOutageFull(t *testing.T) {
	for _, table := range []string{"scim_resource", "scim_key", "scim_member"} {
		t.Run(table, func(t *testing.T) {
			s := newPostgresService(t, Postgres(t))
			execute(t, s.look,
				`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					RAISE EXCEPTION 'could not extend file "base/16384/16397": No space left on device' USING ERRCODE = 'disk_full', HINT = 'Check free disk space.'; END $$`,
				"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON "+table+" FOR EACH ROW EXECUTE FUNCTION no_room()")
			refused := 0
			for _, q := range s.writes() {
				before := s.state(t)
				w := s.ask(t.Context(), q.method, q.path, q.body)
				if w.Code/100 == 2 && table != "scim_resource" {
					continue // it did not need the table
				}
				refused++
				if after := s.state(t); w.Code != http.StatusServiceUnavailable || after != before {
					t.Errorf("%s %s: got %d, want 503 and no change:\n%s\nfrom\n%s\nto\n%s", q.method, q.path, w.Code, w.Body, before, after)
				}
				saysNothingInternal(t, q.method+" "+q.path, w.Body.String())
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
			consistent(t, &underTest{DB: s.look, dialect: s.dialect})
			execute(t, s.look, "DROP TRIGGER no_room ON "+table)
			for _, q := range s.writes()[:2] {
				q.body = strings.ReplaceAll(q.body, s.member, s.user) // who may be gone
				s.answered(t, []wireRequest{q})
			}
		})
	}
}

// oneDriver is a file that one library alone opens, with options in its name: two of
// them in one process do not see each other's locks (https://sqlite.org/howtocorrupt.html).
func oneDriver(t *testing.T) location {
	t.Helper()
	return location{dialect: sqlfilter.SQLite, dsn: SQLite(t), driver: DriverModernc}
}

// What becomes of an SQLite file, seen by a service on it.
func TestOutageOfFile(t *testing.T) {
	prepared := func(t *testing.T) (at location, ids service) {
		at = oneDriver(t)
		store, err := sqlstore.Open(t.Context(), at.open(t), at.dialect, &sqlstore.Options{Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		s := newService(t, store, at.dialect, at.open(t))
		s.populate(t)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		return at, *s
	}
	reopened := func(t *testing.T, at location, ids service, dsn string, o *sqlstore.Options) *service {
		t.Helper()
		store, err := sqlstore.Open(t.Context(), Open(t, DriverModernc, dsn), at.dialect, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		s := newService(t, store, at.dialect, ids.look)
		s.user, s.group, s.member = ids.user, ids.group, ids.member
		return s
	}

	t.Run("full", func(t *testing.T) {
		at, ids := prepared(t)
		pages := number(t, ids.look, "PRAGMA page_count")
		s := reopened(t, at, ids, at.dsn+fmt.Sprintf("?_pragma=max_page_count(%d)", pages+2), nil)
		const large = 20_000
		body := strings.Replace(userJSON("large"), "{", `{"title":"`+strings.Repeat("x", large)+`",`, 1)
		before := s.state(t)
		s.refused(t, []wireRequest{{"POST", "/Users", body}, {"PUT", "/Users/" + s.user, body}})
		if after := s.state(t); after != before {
			t.Errorf("the tables have changed from\n%s\nto\n%s", before, after)
		}
		s.answered(t, append(s.reads(), s.writes()[3])) // what has room
		consistent(t, &underTest{DB: s.look, dialect: s.dialect})
	})
	t.Run("read-only", func(t *testing.T) {
		at, ids := prepared(t)
		s := reopened(t, at, ids, at.dsn+"?_pragma=query_only(1)", nil)
		before := s.state(t)
		s.refused(t, s.writes())
		s.answered(t, s.reads())
		if after := s.state(t); after != before {
			t.Errorf("the tables have changed from\n%s\nto\n%s", before, after)
		}
	})
	t.Run("locked", func(t *testing.T) {
		at, ids := prepared(t)
		s := reopened(t, at, ids, at.dsn, &sqlstore.Options{BusyTimeout: 100 * time.Millisecond})
		s.unchanged(t, func() {
			other, err := at.open(t).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			for _, statement := range []string{"BEGIN IMMEDIATE", "UPDATE scim_resource SET revision = 99"} {
				if _, err := other.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			s.refused(t, s.writes())
			s.answered(t, s.reads()) // of what was there before
			if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("damaged", func(t *testing.T) {
		at, ids := prepared(t)
		damage(t, at.dsn)
		store, err := sqlstore.Open(t.Context(), at.open(t), at.dialect, nil)
		if err != nil {
			toldUnavailable(t, "Open of a damaged file", err, "damaged")
			return
		}
		t.Cleanup(func() { _ = store.Close() })
		s := newService(t, store, at.dialect, ids.look)
		s.user, s.group, s.member = ids.user, ids.group, ids.member
		damaged := 0
		for _, q := range append(s.reads(), s.writes()...) {
			w := s.ask(t.Context(), q.method, q.path, q.body)
			if w.Code == http.StatusInternalServerError {
				t.Errorf("%s %s: got %d: %s", q.method, q.path, w.Code, w.Body)
			}
			if w.Code == http.StatusServiceUnavailable && strings.Contains(w.Body.String(), "damaged") {
				damaged++
			}
			saysNothingInternal(t, q.method+" "+q.path, w.Body.String())
		}
		if damaged == 0 {
			t.Error("no answer says that the database is damaged")
		}
	})
	t.Run("no database", func(t *testing.T) {
		at := oneDriver(t)
		if err := os.WriteFile(at.dsn, []byte(strings.Repeat("This is a letter, and not a database. ", 200)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := sqlstore.Open(t.Context(), at.open(t), at.dialect, &sqlstore.Options{Migrate: true})
		toldUnavailable(t, "Open of another file", err, "damaged")
	})
}

// damage overwrites what is in the middle of a file with what is no page.
func damage(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := int64(page); at+page <= size; at += page { // the first page, the schema, stays
		if _, err := f.WriteAt([]byte(strings.Repeat("damaged ", 100)), at); err != nil {
			t.Fatal(err)
		}
	}
}
