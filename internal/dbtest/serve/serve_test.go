// Package serve runs usher serve, the program itself, on PostgreSQL.
package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherkit/scim/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	token    = "a-token-for-tests"
	patience = 3 * time.Minute // on a machine that has much else to do
)

func TestServeOnPostgres(t *testing.T) {
	usher := filepath.Join(t.TempDir(), "usher")
	build := exec.Command("go", "build", "-o", usher, ".")
	build.Dir = filepath.Join("..", "..", "..", "cmd", "usher")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p := program(usher)
	t.Run("several processes are one endpoint", p.testTogether)
	t.Run("a database that goes away and comes back", p.testAway)
	t.Run("a database that is not there at the start", p.testLate)
	t.Run("printed migrations", p.testPrinted)
	t.Run("no compiling of queries", p.testWithoutJIT)
}

// Several processes on one database are one endpoint, and it outlives them.
func (p program) testTogether(t *testing.T) {
	dsn := dbtest.Postgres(t)
	key := strings.Repeat("c5", 32)
	first := p.start(t, "-db", dsn, "-cursor-key", key)
	second := p.start(t, "-db", dsn, "-cursor-key", key)
	id := first.create(t, "ada")
	first.create(t, "grace")
	second.create(t, "katherine")
	second.want(t, http.StatusConflict, http.MethodPost, "Users", userNamed("ADA"))
	second.want(t, http.StatusOK, http.MethodPatch, "Users/"+id,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"Countess"}]}`)
	if body := first.want(t, http.StatusOK, http.MethodGet, "Users/"+id, ""); !strings.Contains(body, "Countess") {
		t.Errorf("the first process does not see what the second has written: %s", body)
	}
	var page struct{ NextCursor string }
	if err := json.Unmarshal([]byte(first.want(t, http.StatusOK, http.MethodGet, "Users?cursor&count=2", "")), &page); err != nil {
		t.Fatal(err)
	}
	if body := second.want(t, http.StatusOK, http.MethodGet, "Users?count=2&cursor="+page.NextCursor, ""); !strings.Contains(body, "katherine") {
		t.Errorf("the second process continues with another page: %s", body)
	}
	for _, s := range []*server{first, second} {
		s.stops(t, syscall.SIGTERM)
		s.silentAbout(t, "cursor")
	}
	third := p.start(t, "-db", dsn, "-no-migrate")
	if body := third.want(t, http.StatusOK, http.MethodGet, "Users/"+id, ""); !strings.Contains(body, "Countess") {
		t.Errorf("after a restart: %s", body)
	}
	if log := third.log.String(); !strings.Contains(log, "no -cursor-key") {
		t.Errorf("nobody is told that cursors of another process are of no use:\n%s", log)
	}
	metrics := third.get(t, "http://"+third.metrics+"/metrics")
	if !regexp.MustCompile(`(?m)^usher_db_connections [1-9]`).MatchString(metrics) {
		t.Errorf("the metrics do not have the connections:\n%s", metrics)
	}
	third.stops(t, os.Interrupt)
}

// Without its database a process answers 503, is not ready, and recovers by
// itself.
func (p program) testAway(t *testing.T) {
	postgres := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	s := p.start(t, "-db", postgres.DSN(postgres.CreateDatabase(t)))
	id := s.create(t, "ada")
	s.health(t, http.StatusOK)
	if err := postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	s.health(t, http.StatusServiceUnavailable)
	for _, do := range []struct{ method, path, body string }{
		{http.MethodGet, "Users/" + id, ""},
		{http.MethodGet, "Users?filter=userName+eq+%22ada%22", ""},
		{http.MethodPost, "Users", userNamed("grace")},
		{http.MethodDelete, "Users/" + id, ""},
	} {
		res, body := s.do(t, do.method, do.path, do.body)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: got %d with Retry-After %q, want 503 with one", do.method, do.path, res.StatusCode, res.Header.Get("Retry-After"))
		}
		for _, secret := range []string{"socket", "postgres", "SQL", "dial", "scim_"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s %s: the client is told of %q: %s", do.method, do.path, secret, body)
			}
		}
	}
	if err := postgres.Start(); err != nil {
		t.Fatal(err)
	}
	s.health(t, http.StatusOK)
	s.want(t, http.StatusOK, http.MethodGet, "Users/"+id, "")
	s.create(t, "grace")
	s.stops(t, syscall.SIGTERM)
	for _, line := range []string{`level=ERROR msg="not ready"`, `level=INFO msg="ready again"`} {
		if got := strings.Count(s.log.String(), line); got != 1 {
			t.Errorf("%s is logged %d times, want once:\n%s", line, got, s.log)
		}
	}
}

// A database that is not there is told of in a line, or waited for.
func (p program) testLate(t *testing.T) {
	postgres := dbtest.StartPostgres(t, dbtest.PostgresOptions{})
	dsn := postgres.DSN(postgres.CreateDatabase(t)) + "&password=hunter2"
	if err := postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	out, code := p.run(t, "serve", "-db", dsn)
	if code != 2 || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "usher: postgres://") || strings.Contains(out, "hunter2") {
		t.Errorf("at once: got exit code %d and %q, want 2 and a line that names the database", code, out)
	}
	s := p.begin(t, "-db", dsn, "-wait", "1m")
	s.until(t, "it waits", func() bool { return strings.Contains(s.log.String(), `msg="waiting for the database"`) })
	if err := postgres.Start(); err != nil {
		t.Fatal(err)
	}
	s.serves(t)
	s.create(t, "ada")
	s.stops(t, syscall.SIGTERM)
	s.silentAbout(t, "hunter2")
}

// What usher migrate prints makes the schema that usher migrate makes.
func (p program) testPrinted(t *testing.T) {
	made, printed := dbtest.Postgres(t), dbtest.Postgres(t)
	out, code := p.run(t, "serve", "-db", printed, "-no-migrate")
	if code != 2 || !strings.Contains(out, "usher migrate") {
		t.Errorf("without a schema: got exit code %d and %q, want 2 and what to do", code, out)
	}
	if out, code := p.run(t, "migrate", "-db", made); code != 0 || !strings.Contains(out, "was at 0") {
		t.Errorf("migrate: got exit code %d and %q", code, out)
	}
	script, code := p.run(t, "migrate", "-db", "postgres://", "-print")
	if code != 0 {
		t.Fatalf("migrate -print: exit code %d: %s", code, script)
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, printed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().Exec(ctx, script).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if got, want := catalogue(t, printed), catalogue(t, made); !slices.Equal(got, want) || len(got) < 20 {
		t.Errorf("got the catalogue\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out, code := p.run(t, "migrate", "-db", printed); code != 0 || !strings.Contains(out, "is up to date") {
		t.Errorf("migrate after that: got exit code %d and %q", code, out)
	}
	limited := withRole(t, conn, printed)
	s := p.start(t, "-db", limited)
	id := s.create(t, "ada")
	s.want(t, http.StatusCreated, http.MethodPost, "Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Staff","members":[{"value":"`+id+`"}]}`)
	s.want(t, http.StatusNoContent, http.MethodDelete, "Users/"+id, "")
	s.stops(t, syscall.SIGTERM)
	for _, args := range [][]string{{"add", "contoso"}, {"list"}, {"token", "rotate", "contoso"}, {"remove", "contoso", "-resources"}} {
		all := append(append([]string{"tenant"}, args...), "-db", limited, "-token-key", strings.Repeat("c5", 32))
		if out, code := p.run(t, all...); code != 0 {
			t.Errorf("tenant %s: got exit code %d and %q", strings.Join(args, " "), code, out)
		}
	}
}

// grants returns the statements of docs/serve.md that give a role what it needs.
func grants(t *testing.T, role string) (list []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "serve.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if what, ok := strings.CutSuffix(strings.TrimSpace(line), " TO usher;"); ok && strings.HasPrefix(what, "GRANT ") {
			list = append(list, what+" TO "+role)
		}
	}
	if len(list) == 0 {
		t.Fatal("docs/serve.md grants nothing")
	}
	return list
}

// withRole returns the DSN for a role that may do no more than docs/serve.md
// asks for.
func withRole(t *testing.T, owner *pgx.Conn, dsn string) string {
	t.Helper()
	role, ctx := "usher_"+strings.ToLower(rand.Text()), context.Background()
	statements := func(list ...string) {
		for _, statement := range list {
			if _, err := owner.Exec(ctx, strings.ReplaceAll(statement, "ROLE_NAME", role)); err != nil {
				t.Error(err)
			}
		}
	}
	statements("CREATE ROLE ROLE_NAME LOGIN PASSWORD 'hunter2'")
	statements(grants(t, role)...)
	t.Cleanup(func() {
		statements("DROP OWNED BY ROLE_NAME", "DROP ROLE ROLE_NAME")
		owner.Close(ctx)
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("user", role)
	query.Set("password", "hunter2")
	u.User, u.RawQuery = nil, query.Encode()
	return u.String()
}

// catalogue lists columns, indexes, constraints, and the steps that were made.
func catalogue(t *testing.T, dsn string) []string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, collation_name, is_nullable)
		FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT version || ' ' || name FROM scim_migration WHERE applied_ms > 1700000000000
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// A program is the path of usher.
type program string

// run runs it to its end and returns what it prints.
func (p program) run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(p), args...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// A server is usher serve.
type server struct {
	cmd           *exec.Cmd
	log           *output
	addr, metrics string
	exited        chan error
}

// start returns a server that serves.
func (p program) start(t *testing.T, args ...string) *server {
	t.Helper()
	s := p.begin(t, args...)
	s.serves(t)
	return s
}

// begin returns one that has just begun.
func (p program) begin(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{log: new(output), exited: make(chan error, 1)}
	s.cmd = exec.Command(string(p), append([]string{"serve", "-addr", "127.0.0.1:0", "-metrics", "127.0.0.1:0"}, args...)...)
	s.cmd.Env = append(os.Environ(), "USHER_TOKEN="+token)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // if it has not ended
	go func() { s.exited <- s.cmd.Wait() }()
	return s
}

var serving = regexp.MustCompile(`msg=serving addr=(\S+) .*metrics=(\S+)`)

func (s *server) serves(t *testing.T) {
	t.Helper()
	s.until(t, "it serves", func() bool {
		found := serving.FindStringSubmatch(s.log.String())
		if found != nil {
			s.addr, s.metrics = found[1], found[2]
		}
		return found != nil
	})
}

func (s *server) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain until %s:\n%s", what, s.log)
}

// stops sends a signal, after which it must end well.
func (s *server) stops(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.exited:
		if err != nil || !strings.Contains(s.log.String(), "msg=stopped") {
			t.Errorf("after %s: got %v, want an end without an error:\n%s", signal, err, s.log)
		}
	case <-time.After(patience):
		t.Fatalf("it does not end after %s:\n%s", signal, s.log)
	}
}

func (s *server) silentAbout(t *testing.T, what string) {
	t.Helper()
	if log := s.log.String(); strings.Contains(log, what) || strings.Contains(log, token) {
		t.Errorf("the log has %q, or the token, in it:\n%s", what, log)
	}
}

// health waits for a status of /readyz; /healthz is always 200.
func (s *server) health(t *testing.T, status int) {
	t.Helper()
	s.until(t, fmt.Sprintf("/readyz is answered %d", status), func() bool {
		res, _ := s.send(t, http.MethodGet, "http://"+s.addr+"/readyz", "")
		return res.StatusCode == status
	})
	if res, _ := s.send(t, http.MethodGet, "http://"+s.addr+"/healthz", ""); res.StatusCode != http.StatusOK {
		t.Errorf("/healthz: got %d, want 200", res.StatusCode)
	}
}

func (s *server) get(t *testing.T, url string) string {
	t.Helper()
	_, body := s.send(t, http.MethodGet, url, "")
	return body
}

func (s *server) create(t *testing.T, userName string) (id string) {
	t.Helper()
	var created struct{ ID string }
	body := s.want(t, http.StatusCreated, http.MethodPost, "Users", userNamed(userName))
	if err := json.Unmarshal([]byte(body), &created); err != nil || created.ID == "" {
		t.Fatalf("create: %v: %s", err, body)
	}
	return created.ID
}

func userNamed(userName string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q}`, userName)
}

// want sends a request that must be answered with a status.
func (s *server) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	res, text := s.do(t, method, path, body)
	if res.StatusCode != status {
		t.Fatalf("%s %s: got %d, want %d: %s\n%s", method, path, res.StatusCode, status, text, s.log)
	}
	return text
}

func (s *server) do(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	return s.send(t, method, "http://"+s.addr+"/scim/v2/"+path, body)
}

func (s *server) send(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// output collects what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// PostgreSQL is told not to compile queries, which takes it half a minute for a long
// filter; unless the address says otherwise.
func (p program) testWithoutJIT(t *testing.T) {
	for _, c := range []struct{ params, want string }{{"", "off"}, {"&jit=on", "on"}} {
		dsn := dbtest.Postgres(t)
		s := p.start(t, "-db", dsn+c.params)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(t.Context(), `CREATE TABLE seen (jit text);
			CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (current_setting(''jit'')); RETURN NULL; END';
			CREATE TRIGGER see AFTER INSERT ON scim_resource FOR EACH ROW EXECUTE FUNCTION see()`)
		if err != nil {
			t.Fatal(err)
		}
		s.create(t, "ada")
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT jit FROM seen").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("with the parameters %q jit is %s, want %s", c.params, got, c.want)
		}
		s.stops(t, syscall.SIGTERM)
	}
}
