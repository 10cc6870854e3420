package durability

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/dbtest"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/sqlstore/pgxstore"
)

// endpointVariable has the database of an endpoint, as JSON, in the environment
// of a process that is to be one.
const endpointVariable = "USHER_TEST_ENDPOINT"

// A database is what endpoints are over, each by one of its drivers.
type database struct {
	Drivers []string
	DSN     string
}

// driverPool is pgx's own pool, with package pgxstore.
const driverPool = "pgxpool"

func postgres(dsn string) database {
	return database{[]string{driverPool, dbtest.DriverPGX, dbtest.DriverPQ}, dsn}
}

func sqlite(path string) database { return database{dbtest.SQLiteDrivers(), path} }

func (d database) dialect() sqlstore.Dialect {
	switch d.Drivers[0] {
	case driverPool, dbtest.DriverPGX, dbtest.DriverPQ:
		return sqlstore.PostgreSQL
	}
	return sqlstore.SQLite
}

// open opens the database for the test itself.
func (d database) open(t *testing.T) *sql.DB {
	t.Helper()
	if d.dialect() == sqlstore.SQLite {
		return dbtest.Open(t, dbtest.SQLiteDrivers()[0], d.DSN)
	}
	return dbtest.Open(t, dbtest.DriverPGX, d.DSN)
}

// A store is one of package sqlstore or of pgxstore, with what it is over.
type store struct {
	scim.Transactor
	exec  execute
	close []func() error
}

// An execute executes a statement in the transaction of a context.
type execute func(ctx context.Context, statement string, args ...any) (rows int64, err error)

func (s *store) Close() (err error) {
	for _, close := range s.close {
		err = errors.Join(err, close())
	}
	return err
}

// mostConnections is how many an endpoint has at the most.
const mostConnections = 20

func (d database) store(ctx context.Context, driver string) (*store, error) {
	if driver == driverPool {
		config, err := pgxpool.ParseConfig(d.DSN)
		if err != nil {
			return nil, err
		}
		config.MaxConns = mostConnections
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		s, err := pgxstore.Open(ctx, pool, &pgxstore.Options{Migrate: true})
		if err != nil {
			return nil, err
		}
		return &store{s, inPgxTx, []func() error{func() error { pool.Close(); return nil }}}, nil
	}
	db, err := sql.Open(driver, d.DSN)
	if err != nil {
		return nil, err
	}
	exec := inTx
	if d.dialect() == sqlstore.SQLite {
		exec = func(ctx context.Context, statement string, args ...any) (rows int64, err error) {
			return inTx(ctx, strings.ReplaceAll(statement, "$", "?"), args...)
		}
	} else {
		db.SetMaxOpenConns(mostConnections)
		db.SetMaxIdleConns(mostConnections)
	}
	s, err := sqlstore.Open(ctx, db, d.dialect(), &sqlstore.Options{Migrate: true})
	if err != nil {
		return nil, err
	}
	return &store{s, exec, []func() error{s.Close, db.Close}}, nil
}

var errNoTx = errors.New("a hook was called outside of a transaction")

func inTx(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	tx, ok := sqlstore.Tx(ctx)
	if !ok {
		return 0, errNoTx
	}
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func inPgxTx(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	tx, ok := pgxstore.Tx(ctx)
	if !ok {
		return 0, errNoTx
	}
	tag, err := tx.Exec(ctx, statement, args...)
	return tag.RowsAffected(), err
}

// The tenants. What becomes of the people and groups of audited is also written
// by Hooks, in the same transaction, into tables of an application.
const (
	plain   = "plain"
	audited = "audited"
)

// serve serves the endpoints of both tenants at an address that it says on
// standard output, until standard input ends, as it does with the process that
// started this one.
func serve(config string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	err := func() error {
		var d database
		if err := json.Unmarshal([]byte(config), &d); err != nil {
			return err
		}
		store, err := d.store(context.Background(), d.Drivers[0])
		if err != nil {
			return err
		}
		handler, err := endpoints(store)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(listener.Addr())
		return http.Serve(listener, handler)
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func endpoints(s *store) (http.Handler, error) {
	user, group, err := types()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for tenant, hooks := range map[string]scim.Hooks{plain: scim.NoHooks{}, audited: application{execute: s.exec}} {
		h, err := scim.NewHandler(s, scim.StaticToken(tenant, scim.Principal{Tenant: tenant}), &scim.Options{
			Types: []*scim.ResourceType{user, group}, Hooks: hooks,
			Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		})
		if err != nil {
			return nil, err
		}
		mux.Handle("/"+tenant+"/", h)
	}
	return mux, nil
}

// countersURI is an extension with an attribute for each client to count in.
const (
	countersURI = "urn:example:durability:2.0:Counters"
	mostClients = 64
)

func types() (user, group *scim.ResourceType, err error) {
	counters := &scim.Schema{ID: countersURI}
	for i := range mostClients {
		counters.Attributes = append(counters.Attributes, scim.Attribute{Name: clientName(i)})
	}
	if user, err = scim.UserType(scim.Extension{Schema: counters}); err != nil {
		return nil, nil, err
	}
	group, err = scim.GroupType()
	return user, group, err
}

// An endpoint is a process that serves.
type endpoint struct {
	name   string // by which a PostgreSQL server knows its connections
	cmd    *exec.Cmd
	input  io.Closer
	log    string // the file of its standard error
	output *bufio.Reader
	url    string
}

// launch starts the process of an endpoint, which ends with the test, and
// returns before it serves. The drivers come in turns.
func launch(t *testing.T, d database, turn int) *endpoint {
	t.Helper()
	d.Drivers = []string{d.Drivers[turn%len(d.Drivers)]}
	config, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{name: rand.Text(), cmd: exec.Command(os.Args[0]), log: filepath.Join(t.TempDir(), "log")}
	e.cmd.Env = append(os.Environ(), endpointVariable+"="+string(config), "PGAPPNAME="+e.name)
	log, err := os.Create(e.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	e.cmd.Stderr = log
	output, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	e.output = bufio.NewReader(output)
	if e.input, err = e.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if log := e.logTail(); t.Failed() && log != "" {
			t.Logf("an endpoint's log:\n%s", log)
		}
		e.kill()
	})
	return e
}

// ready waits until the endpoint serves.
func (e *endpoint) ready() error {
	address, err := e.output.ReadString('\n')
	if err != nil {
		return errors.New("the endpoint's process ended before it served: " + e.logTail())
	}
	e.url = "http://" + strings.TrimSpace(address)
	return nil
}

// start starts an endpoint and waits until it serves.
func start(t *testing.T, d database, turn int) *endpoint {
	t.Helper()
	e := launch(t, d, turn)
	if err := e.ready(); err != nil {
		t.Fatal(err)
	}
	return e
}

// kill ends the process as nothing can prepare for. Killing it twice does
// nothing.
func (e *endpoint) kill() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
	_ = e.input.Close()
}

func (e *endpoint) logTail() string {
	log, err := os.ReadFile(e.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}

// patience is how long anything may take that takes a second on a machine that has
// nothing else to do.
const patience = time.Minute
