package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// memory is a file system without a disk.
const memory = "/dev/shm"

// scratch returns where to keep what no disk needs to keep: in memory if there
// is plenty and nobody asked for another place, which makes all that creates
// files several times as fast.
func scratch() string {
	var free syscall.Statfs_t
	if err := syscall.Statfs(memory, &free); err != nil || os.Getenv("TMPDIR") != "" || free.Bavail*uint64(free.Bsize) < 4<<30 {
		return os.TempDir()
	}
	return memory
}

// An account is whom a server runs as; nil is who runs the test.
type account struct{ uid, gid int }

// unprivileged returns another account for root, as whom no server runs.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &account{uid, gid}, nil
}

// own hands a file over.
func (a *account) own(file string) error {
	if a == nil {
		return nil
	}
	return os.Chown(file, a.uid, a.gid)
}

// run prepares a command. It is told to end at once if the test's process dies, which
// includes a timeout of go test.
func (a *account) run(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// killAll kills a server and its children, and waits until they have ended. The
// children would notice by themselves, but perhaps not before they have
// answered a client.
func killAll(server *os.Process) error {
	if err := server.Signal(syscall.SIGSTOP); err != nil { // no more children
		return err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	var children []int
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if _, parent := processState(pid); err == nil && parent == server.Pid {
			children = append(children, pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := server.Kill(); err != nil {
		return err
	}
	// One that lives would keep the server from being started again.
	for start := time.Now(); len(children) > 0; time.Sleep(time.Millisecond) {
		children = slices.DeleteFunc(children, func(pid int) bool {
			state, _ := processState(pid)
			return state == 0 || state == 'Z' || state == 'X'
		})
		if time.Since(start) > patience {
			return fmt.Errorf("the processes %d do not end", children)
		}
	}
	return nil
}

// processState returns a process's state as a letter, 0 if there is none, and
// its parent: "pid (name) state ppid ..." (proc(5)), where a name may have
// spaces and parentheses.
func processState(pid int) (state byte, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	parent, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, 0
	}
	return fields[0][0], parent
}

const lockName = "lock"

// lockDirectory marks a directory as in use until the file is closed, if only
// by the death of the process.
func lockDirectory(dir string) (*os.File, error) {
	lock, err := os.Create(filepath.Join(dir, "new"))
	if err != nil {
		return nil, err
	}
	// With its final name it is locked from the beginning.
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	return lock, errors.Join(err, os.Rename(lock.Name(), filepath.Join(dir, lockName)))
}

var sweepOnce = sync.OnceFunc(sweep)

// sweep removes the directories of processes that died before they could.
func sweep() {
	onDisk, _ := filepath.Glob(filepath.Join(os.TempDir(), directoryPrefix+"*", lockName))
	inMemory, _ := filepath.Glob(filepath.Join(memory, directoryPrefix+"*", lockName))
	for _, file := range slices.Concat(onDisk, inMemory) {
		lock, err := os.Open(file)
		if err != nil {
			continue // another's, or gone
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(file))
		}
		_ = lock.Close()
	}
}
