package habits

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The floors of the root package. A file uses what is declared on its own
// floor and on those below.
const (
	ground   = iota // what a resource is and how a Store is spoken to: schemas, documents, filters, patches, the dialects
	seams           // what the application brings besides its Store
	protocol        // the Handler
)

// floors lists the files above the ground floor.
var floors = map[string]int{
	"hooks.go": seams, "auth.go": seams, "options.go": seams, "observer.go": seams, "guard.go": seams,

	"scim.go": protocol, "route.go": protocol, "write.go": protocol, "wire.go": protocol, "authenticate.go": protocol, "failure.go": protocol, "discovery.go": protocol, "events.go": protocol,
	"report.go": protocol, "observed.go": protocol, "search.go": protocol, "cursor.go": protocol, "bulk.go": protocol, "bulk_plan.go": protocol, "bulk_results.go": protocol,
}

// importers lists the files that import a package; no other file may. A
// Handler is a function of its requests and its Store: it reads no clock, no
// random source and no file, and writes to no other log than the application's.
var importers = map[string][]string{
	"net/http": {"auth.go", "authenticate.go", "bulk.go", "bulk_plan.go", "bulk_results.go", "discovery.go", "failure.go", "observer.go", "options.go", "report.go", "route.go", "scim.go", "search.go", "wire.go"},
	"context":  {"auth.go", "authenticate.go", "bulk.go", "events.go", "failure.go", "guard.go", "hooks.go", "match.go", "observed.go", "observer.go", "options.go", "report.go", "search.go", "select.go", "store.go", "wire.go", "write.go"},
	"log/slog": {"failure.go", "options.go", "write.go"},

	"crypto/rand": {"options.go"}, "math/rand": nil, "math/rand/v2": nil, "log": nil, "net": nil, "os": nil, "reflect": nil, "unsafe": nil,
}

// The functions of package time that read the clock or wait for it.
var clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

func TestFloors(t *testing.T) {
	fset := token.NewFileSet()
	trees := map[string]*ast.File{}
	for _, p := range list(t, ".") {
		for _, name := range p.GoFiles {
			tree, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			trees[name] = tree
		}
	}
	for name := range floors {
		if trees[name] == nil {
			t.Errorf("%s is on the list of floors and not in the package", name)
		}
	}
	imported := map[string][]string{}
	for name, tree := range trees {
		for _, path := range imports(tree) {
			if _, listed := importers[path]; listed {
				imported[path] = append(imported[path], name)
			}
		}
		for _, complaint := range impure(tree) {
			t.Errorf("%s %s", name, complaint)
		}
	}
	for path, listed := range importers {
		found, listed := slices.Sorted(slices.Values(imported[path])), slices.Sorted(slices.Values(listed))
		if !slices.Equal(found, listed) {
			t.Errorf("%s is imported by %q, and may be by %q", path, found, listed)
		}
	}
	for _, complaint := range arrowsUp(fset, slices.Collect(maps.Values(trees)), floors) {
		t.Error(complaint)
	}
}

func imports(tree *ast.File) (paths []string) {
	for _, spec := range tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

// impure tells what a file does that none may.
func impure(tree *ast.File) (complaints []string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complaints = append(complaints, "starts a goroutine")
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				complaints = append(complaints, "has an init function")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				complaints = append(complaints, "uses time."+n.Sel.Name)
			}
		}
		return true
	})
	return complaints
}

// arrowsUp tells which files use names that are declared on a higher floor.
func arrowsUp(fset *token.FileSet, files []*ast.File, floors map[string]int) (complaints []string) {
	config := types.Config{Importer: noImports{}, Error: func(error) {}} // other packages' names do not matter here
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	of, _ := config.Check(module, fset, files, info)
	file := func(at token.Pos) string { return filepath.Base(fset.Position(at).Filename) }
	for use, object := range info.Uses {
		if object.Pkg() != of || !object.Pos().IsValid() {
			continue
		}
		from, to := file(use.Pos()), file(object.Pos())
		if floors[to] > floors[from] {
			complaints = append(complaints, from+" uses "+object.Name()+" of "+to+", which is on a higher floor")
		}
	}
	slices.Sort(complaints)
	return slices.Compact(complaints)
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// beside lists the packages of ours that a package imports besides the root
// package and internal ones. All others stand on these alone, so that each can
// be used, and left out, by itself; the test kits build on each other, and the
// SQL stores on the compiler of filters.
var beside = map[string][]string{
	"scimtest":          {"scimtest/conformance", "scimtest/idp"},
	"scimtest/company":  {"scimtest/idp"},
	"sqlstore":          {"sqlfilter", "sqlstore/internal/connections", "sqlstore/internal/engine", "sqlstore/migrations", "tenant"},
	"tenant/tenanttest": {"tenant"},
	"storetest":         {"scimtest", "scimtest/company", "scimtest/conformance", "scimtest/idp"},
}

// strangers judge endpoints, ours too, and import nothing of ours, or they
// would share its mistakes; but how text is shown is no judgement.
var strangers = []string{"scimtest/conformance", "scimtest/idp"}

func TestPackagesStandAlone(t *testing.T) {
	for _, p := range public(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, path := range p.Imports {
			under, ours := strings.CutPrefix(path, module)
			under = strings.TrimPrefix(under, "/")
			if !ours || slices.Contains(beside[name], under) {
				continue
			}
			if slices.Contains(strangers, name) && under == "internal/plain" {
				continue
			}
			if stranger := slices.Contains(strangers, name); stranger || under != "" && !strings.HasPrefix(under, "internal/") {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// The checks above find what they look for.
func TestImpure(t *testing.T) {
	fset := token.NewFileSet()
	parse := func(name, src string) *ast.File {
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	low := parse("low.go", `package p
import ("context"; "time"; "crypto/rand"; "strings")
func init() { go f(context.Background(), rand.Reader) }
var now = time.Now
var _ = strings.ToUpper(high(http{}))
func f(context.Context, any) { new(http).serve() }`)
	high := parse("high.go", `package p
import "net/http"
type http struct{ w http.ResponseWriter }
func (*http) serve() { _ = now() }
func high(h http) string { return "" }`)

	want := "has an init function; starts a goroutine; uses time.Now"
	if got := strings.Join(impure(low), "; "); got != want {
		t.Errorf("impure(low.go):\n got %s\nwant %s", got, want)
	}
	if got := impure(high); got != nil {
		t.Errorf("impure(high.go): got %q, want none", got)
	}
	want = "low.go uses high of high.go, which is on a higher floor; low.go uses http of high.go, which is on a higher floor; " +
		"low.go uses serve of high.go, which is on a higher floor"
	got := strings.Join(arrowsUp(fset, []*ast.File{low, high}, map[string]int{"high.go": protocol}), "; ")
	if got != want {
		t.Errorf("arrowsUp:\n got %s\nwant %s", got, want)
	}
}
