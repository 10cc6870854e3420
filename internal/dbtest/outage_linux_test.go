package dbtest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server that says nothing is not waited for longer than a request is given.
func TestOutageSlow(t *testing.T) {
	server := StartPostgres(t, PostgresOptions{})
	s := newPostgresService(t, server.DSN(server.CreateDatabase(t)))
	s.answered(t, s.reads())
	goOn := pause(t, server)
	written := make(chan *httptest.ResponseRecorder)
	go func() { // what has been sent is not given up at once
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		written <- s.ask(ctx, "POST", "/Users", userJSON("slow"))
	}()
	for _, q := range s.reads() {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begun := time.Now()
		w := s.ask(ctx, q.method, q.path, q.body)
		if took := time.Since(begun); w.Code != http.StatusServiceUnavailable || took > 5*time.Second {
			t.Errorf("%s %s of a server that is stopped: got %d after %v, want 503 soon", q.method, q.path, w.Code, took)
		}
		saysNothingInternal(t, q.path, w.Body.String())
		cancel()
	}
	goOn()
	w := <-written
	if there := number(t, s.look, "SELECT count(*) FROM scim_resource WHERE user_name = 'slow'"); w.Code == http.StatusCreated && there == 0 || w.Code != http.StatusCreated && w.Code != http.StatusServiceUnavailable {
		t.Errorf("a write to a server that was stopped: got %d, and %d users of it: %s", w.Code, there, w.Body)
	}
	s.unchanged(t, func() {})
}

// pause stops a server and the processes of its connections where they are, and
// returns what lets them go on.
func pause(t *testing.T, s *Server) (goOn func()) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	all := []int{s.process.Pid}
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if _, parent := processState(pid); err == nil && parent == s.process.Pid {
			all = append(all, pid)
		}
	}
	send := func(signal syscall.Signal) {
		for _, pid := range all {
			if err := syscall.Kill(pid, signal); err != nil && err != syscall.ESRCH {
				t.Error(err)
			}
		}
	}
	stopped := true
	goOn = func() {
		if stopped {
			stopped = false
			send(syscall.SIGCONT)
		}
	}
	t.Cleanup(goOn)
	send(syscall.SIGSTOP)
	return goOn
}

// A disk that really is full, where a test may mount one. TestOutageFull shows
// elsewhere what becomes of the error.
func TestOutageDiskFull(t *testing.T) {
	server := StartPostgres(t, PostgresOptions{})
	disk := filepath.Join(server.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=32m,mode=700"); err != nil {
		t.Logf("no file system can be mounted here: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	if err := server.as.own(disk); err != nil {
		t.Fatal(err)
	}
	if err := execSQL(server.DSN("postgres"), "CREATE TABLESPACE small LOCATION '"+disk+"'", "CREATE DATABASE full_disk TABLESPACE small"); err != nil {
		t.Fatal(err)
	}
	s := newPostgresService(t, server.DSN("full_disk"))
	s.unchanged(t, func() {
		execute(t, s.look, "CREATE TABLE ballast (t text)", "ALTER TABLE ballast ALTER t SET STORAGE EXTERNAL")
		full := false
		for size := 1 << 20; size > 100; size /= 2 { // to the last page
			for n := 0; n < 100; n++ {
				if _, err := s.look.ExecContext(t.Context(), "INSERT INTO ballast VALUES (repeat('x', $1))", size); err != nil {
					full = true
					break
				}
			}
		}
		if !full {
			t.Fatal("the disk is not full")
		}
		// What does not fit into the pages that there are.
		large := strings.Replace(userJSON("large"), "{", `{"title":"`+incompressible(64_000)+`",`, 1)
		s.refused(t, []wireRequest{{"POST", "/Users", large}, {"PUT", "/Users/" + s.user, large}})
		s.answered(t, s.reads())
		execute(t, s.look, "DROP TABLE ballast")
	})
}

// incompressible returns a text that a database cannot make shorter.
func incompressible(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b)
}
