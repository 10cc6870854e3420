// Package habits checks what the module promises about itself rather than
// about SCIM: what it depends on, which floor each file stands on, that every
// exported name and every link leads somewhere. It has tests only, and nobody
// imports it.
package habits

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	module = "github.com/usherkit/scim"
	top    = "../.." // the module's directory
)

var update = flag.Bool("update", false, "rewrite the lists in testdata")

// golden compares a list with the checked-in one.
func golden(t *testing.T, name, got, grown string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s.\nIf that is wanted, say why in the commit, and rewrite internal/habits/testdata/%s:\n"+
			"\tgo test ./internal/habits -update\n(-listed +found):\n%s", grown, name, diff)
	}
}

// goCommand runs the go command as somebody would who has the module without
// its go.work.
func goCommand(t *testing.T, dir string, args ...string) (stdout string) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local")
	err := cmd.Run()
	if err == nil {
		return out.String()
	}
	command := "go " + strings.Join(args, " ")
	for _, sign := range []string{"dial tcp", "lookup ", "i/o timeout", "connection refused", "TLS handshake", "module lookup disabled"} {
		if strings.Contains(errs.String(), sign) {
			t.Fatalf("The network is the cause, not the module: %s needs a module that is not in the module cache "+
				"and did not reach the module proxy. Run it once with a connection.\n%s", command, errs.String())
		}
	}
	t.Fatalf("%s: %v\n%s", command, err, errs.String())
	return ""
}

// A goPackage is what go list tells of a package.
type goPackage struct {
	Dir        string
	ImportPath string
	Name       string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) (packages []goPackage) {
	t.Helper()
	out := json.NewDecoder(strings.NewReader(goCommand(t, top, append([]string{"list", "-json"}, args...)...)))
	for {
		var p goPackage
		switch err := out.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// public lists the packages that applications import.
func public(t *testing.T) (packages []goPackage) {
	t.Helper()
	for _, p := range list(t, "./...") {
		if p.Name != "main" && !strings.Contains(p.ImportPath+"/", "/internal/") && len(p.GoFiles) > 0 {
			packages = append(packages, p)
		}
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package of ours")
	}
	return packages
}

// files yields the files of the checkout, without version control's and those
// of anybody's editor, by their slash-separated paths.
func files(t *testing.T, visit func(path string, content []byte)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(top), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != "." && d.Name() != ".ci" && d.Name() != ".github"):
			return fs.SkipDir
		case !d.Type().IsRegular() || d.Name() == ".git": // a file where the clone is a worktree
			return nil
		}
		content, err := os.ReadFile(filepath.Join(top, path))
		if err == nil {
			visit(path, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
