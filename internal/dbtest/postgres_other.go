//go:build !linux

package dbtest

import (
	"os"
	"os/exec"
)

// Elsewhere than on Linux tests are run by a person, not as root, and what a
// test leaves behind that was killed is for that person to end and remove.

type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (*account) own(string) error { return nil }

func (*account) run(*exec.Cmd) {}

func killAll(server *os.Process) error { return server.Kill() }

func lockDirectory(string) (*os.File, error) { return nil, nil }

func scratch() string { return os.TempDir() }

func sweepOnce() {}
