package dbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions say what kind of server a test wants.
type PostgresOptions struct {
	Bin      string            // directory with initdb and postgres; default: the one of the server of Postgres
	Durable  bool              // keep the data on the disk, and flush a commit to it before it is acknowledged, as PostgreSQL does by default
	Settings map[string]string // of postgresql.conf
}

// A Server is a PostgreSQL server that belongs to a test. Clients reach it by a
// Unix socket, as its superuser.
//
// A server that is not Durable flushes nothing, and where the machine has much
// memory and no TMPDIR its data is there alone. Kill loses nothing all the same.
//
// One call at a time may be running of Start, Stop, Restart, Kill and Promote.
type Server struct {
	Bin string // the directory of the options

	dir  string   // the socket, the log and the data
	as   *account // whom the server runs as
	lock *os.File // held as long as the directory is in use

	process *os.Process   // nil if it was not started, or told to end
	exited  chan struct{} // closed when the process has ended
}

const (
	directoryPrefix = "usher-pg-"
	superuser       = "usher"
	patience        = time.Minute // for anything that takes a second on a machine that has nothing else to do
)

// StartPostgres starts a new server, which is stopped and removed when the test
// ends. It skips the test if there is no PostgreSQL.
func StartPostgres(t testing.TB, o PostgresOptions) *Server {
	t.Helper()
	if o.Bin == "" {
		bin, err := defaultBin()
		if errors.Is(err, errNoServer) {
			missing(t, err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Bin = bin.Dir
	}
	s, err := startServer(o)
	if err != nil {
		t.Fatal(err)
	}
	cleanUp(t, s)
	return s
}

func cleanUp(t testing.TB, s *Server) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last of the server's log:\n%s", s.logTail())
		}
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
}

func startServer(o PostgresOptions) (_ *Server, err error) {
	dir := scratch()
	if o.Durable {
		dir = os.TempDir()
	}
	s, err := newServer(dir, o.Bin)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	initdb := s.command("initdb", "--pgdata="+s.data(), "--username="+superuser, "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.write("postgresql.conf", o.conf()); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// newServer makes the directory of a server in another.
func newServer(parent, bin string) (*Server, error) {
	sweepOnce()
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, directoryPrefix) // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{Bin: bin, dir: dir, as: as}
	if s.lock, err = lockDirectory(dir); err == nil {
		err = as.own(dir)
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (o PostgresOptions) conf() string {
	settings := map[string]string{
		"dynamic_shared_memory_type": "mmap", // nothing outside of the directory that Kill would leave
		"listen_addresses":           "",
		"deadlock_timeout":           "100ms", // tests bring deadlocks about, and wait for them to be found
		"max_connections":            "200",
	}
	if !o.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, o.Settings)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return conf.String()
}

// DSN returns the DSN of a database. There is one named postgres.
func (s *Server) DSN(database string) string { return MultiHostDSN(database, s) }

// MultiHostDSN returns the DSN of a database on whichever of the servers takes
// writes at the time that a connection is made.
func MultiHostDSN(database string, servers ...*Server) string {
	var hosts, ports []string
	for _, s := range servers {
		hosts, ports = append(hosts, s.dir), append(ports, "5432")
	}
	query := url.Values{"host": {strings.Join(hosts, ",")}, "port": {strings.Join(ports, ",")}, "user": {superuser}, "sslmode": {"disable"}}
	if len(servers) > 1 {
		query.Set("target_session_attrs", "read-write")
	}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

// CreateDatabase creates an empty database.
func (s *Server) CreateDatabase(t testing.TB) (name string) {
	t.Helper()
	name, err := createDatabase(s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Start starts the server again, after Stop or Kill. It returns when clients can
// connect, which after Kill is when the server has recovered.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", s.data(), "-k", s.dir, "-p", "5432")
	cmd.Stdout, cmd.Stderr = log, log

	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The kernel kills the server when the thread ends that started it, so
		// the thread must live as long as the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = cmd.Process, exited
	return s.ready()
}

// ready waits until the server takes connections.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended while it started; its log:\n%s", s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the server takes no connections: %w; its log:\n%s", err, s.logTail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop shuts the server down in good order; what is not committed is lost.
func (s *Server) Stop() error {
	return s.end(func(p *os.Process) error { return p.Signal(syscall.SIGINT) }) // PostgreSQL's "fast shutdown"
}

// Kill ends the server and the processes of all its connections at once, as if
// its machine lost power; but what was written and not flushed is not lost.
func (s *Server) Kill() error {
	if err := s.end(killAll); err != nil {
		return err
	}
	// Of the few bytes of System V shared memory that mark a data directory as
	// in use a machine has 4096, and only a server that starts again frees them.
	pidFile, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return nil // it had stopped
	}
	if m := sharedMemory.FindSubmatch(pidFile); m != nil {
		_ = exec.Command("ipcrm", "--shmem-id", string(m[1])).Run() // in vain if that was all of the server's life
	}
	return nil
}

// sharedMemory finds the line of a postmaster.pid that has a key and an id.
var sharedMemory = regexp.MustCompile(`(?m)^ *\d+ +(\d+)$`)

// Restart is Stop and Start.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start()
}

// end has the server end, if it runs, and waits until it has.
func (s *Server) end(how func(*os.Process) error) error {
	if s.process == nil {
		return nil
	}
	process := s.process
	s.process = nil
	if err := how(process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("the server did not stop; its log:\n"+s.logTail()), killAll(process))
	}
}

// remove ends the server without ceremony and removes its directory.
func (s *Server) remove() error {
	err := s.end(func(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }) // PostgreSQL's "immediate shutdown"
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) data() string    { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// command prepares a program of PostgreSQL to run as whom the server runs as.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.Bin, name), args...)
	cmd.Dir, cmd.Env = s.dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")} // and none of PGPORT and the like
	s.as.run(cmd)
	return cmd
}

// write writes a file in the data directory.
func (s *Server) write(name, content string) error {
	file := filepath.Join(s.data(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	return s.as.own(file)
}

func (s *Server) logTail() string {
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-30):], nil))
}
