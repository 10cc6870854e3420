package habits

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whoever imports a package of ours links what that package depends on.
func TestDependencies(t *testing.T) {
	standard := map[string]bool{}
	for _, p := range list(t, "-deps", "./...") {
		standard[p.ImportPath] = p.Standard
	}
	var found strings.Builder
	for _, p := range public(t) {
		found.WriteString(p.ImportPath + "\n")
		for _, dep := range p.Deps {
			ours := dep == module || strings.HasPrefix(dep, module+"/")
			if !ours && !standard[dep] {
				found.WriteString("\t" + dep + "\n")
			}
			if p.ImportPath == module && !ours && !standard[dep] && !strings.HasPrefix(dep, "golang.org/x/text/") {
				t.Errorf("the root package depends on %s; it may depend on the standard library and golang.org/x/text", dep)
			}
		}
	}
	golden(t, "deps.txt", found.String(), "A package that applications import links other packages than listed")
}

// Whoever requires the module gets the modules that its packages and, because
// go mod tidy follows them, its packages' tests need.
func TestModulesOfAUser(t *testing.T) {
	dir := application(t, "package main\n\nimport _ \""+module+"\"\n\nfunc main() {}\n")
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(sums)) {
		name, rest, _ := strings.Cut(line, " ")
		version, _, _ := strings.Cut(rest, " ")
		found = append(found, name+" "+version+"\n")
	}
	slices.Sort(found)
	golden(t, "user.go.sum.txt", strings.Join(found, ""), "An application that imports "+module+" gets another go.sum than listed")
}

// application checks that a program compiles in a module of its own that
// requires ours, and returns the module's directory.
func application(t *testing.T, program string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	checkout, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o666); err != nil {
		t.Fatal(err)
	}
	goCommand(t, dir, "mod", "init", "example.com/app")
	goCommand(t, dir, "mod", "edit", "-go=1.26.0", "-require="+module+"@v0.0.0", "-replace="+module+"="+checkout)
	goCommand(t, dir, "mod", "tidy")
	goCommand(t, dir, "vet", "./...")
	return dir
}
