package elimity_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var block = regexp.MustCompile("(?ms)^```go\n(.*?)^```")

// The programs in the guide compile, and are what gofmt would write.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/elimity.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
	}
	blocks := block.FindAllSubmatch(guide, -1)
	if len(blocks) == 0 {
		t.Fatal("the guide has no Go")
	}
	for i, m := range blocks {
		switch formatted, err := format.Source(m[1]); {
		case err != nil:
			t.Fatalf("block %d: %v", i, err)
		case string(formatted) != string(m[1]):
			t.Errorf("block %d is not as gofmt writes it (-guide +gofmt):\n%s", i, cmp.Diff(string(m[1]), string(formatted)))
		}
		program := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(program, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(program, "main.go"), m[1], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} { // the versions that are tested here
		src, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), src, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const module = "github.com/usherkit/scim"
	run("mod", "edit", "-module=example.com/app", "-replace="+module+"="+filepath.Dir(here),
		"-require="+module+"/elimity@v0.0.0", "-replace="+module+"/elimity="+here)
	run("mod", "tidy")
	run("vet", "./...")
}
