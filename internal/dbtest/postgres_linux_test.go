package dbtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestServerDiesWithItsProcess kills this test's own program, started a second
// time, and finds its server ended and, at the next sweep, its directory gone.
func TestServerDiesWithItsProcess(t *testing.T) {
	if os.Getenv("USHER_TEST_SERVE") != "" {
		s := StartPostgres(t, PostgresOptions{})
		fmt.Println("serving", s.process.Pid, s.dir)
		time.Sleep(time.Hour)
	}
	Versions(t) // or there is nothing to start
	program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerDiesWithItsProcess$", "-test.v")
	program.Env = append(os.Environ(), "USHER_TEST_SERVE=1")
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	var server int
	var dir, word string
	for word != "serving" {
		if _, err := fmt.Fscan(out, &word); err != nil {
			t.Fatalf("the program did not start its server: %v", err)
		}
	}
	if _, err := fmt.Fscan(out, &server, &dir); err != nil {
		t.Fatal(err)
	}
	sweep()
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a directory in use was swept away: %v", err)
	}
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait() // "signal: killed"
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if state, _ := processState(server); state == 0 || state == 'Z' {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the server %d outlives the program by 10 s", server)
		}
	}
	sweep()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there after a sweep: %v", dir, err)
	}
}
