package habits

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The methods of these interfaces of the standard library need no comment, as
// those of our own interfaces need none on the types that implement them.
var explained = map[string]bool{"Error": true, "String": true}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	fset := token.NewFileSet()
	trees := map[string][]*ast.File{}
	for _, p := range public(t) {
		for _, name := range p.GoFiles {
			tree, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			trees[p.ImportPath] = append(trees[p.ImportPath], tree)
		}
	}
	known := explainedMethods(trees)
	for importPath, files := range trees {
		hasPackageDoc := false
		for _, f := range files {
			hasPackageDoc = hasPackageDoc || f.Doc != nil
			for _, decl := range f.Decls {
				for _, name := range undocumented(decl, known) {
					t.Errorf("%s: %s has no doc comment", fset.Position(decl.Pos()), name)
				}
			}
		}
		if !hasPackageDoc {
			t.Errorf("package %s has no doc comment", importPath)
		}
	}
}

// explainedMethods names the methods that an interface has explained.
func explainedMethods(trees map[string][]*ast.File) map[string]bool {
	known := map[string]bool{}
	for name := range explained {
		known[name] = true
	}
	for _, files := range trees {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if i, ok := n.(*ast.InterfaceType); ok {
					for _, m := range i.Methods.List {
						for _, name := range m.Names {
							known[name.Name] = true
						}
					}
				}
				return true
			})
		}
	}
	return known
}

// undocumented names what a declaration exports and does not explain. The
// values of an exported type are explained with it, fields with their struct.
func undocumented(decl ast.Decl, known map[string]bool) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Doc != nil {
			break
		}
		if d.Recv == nil {
			names = append(names, d.Name.Name)
		} else if of := receiver(d.Recv.List[0].Type); ast.IsExported(of) && !known[d.Name.Name] {
			names = append(names, of+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
					names = append(names, s.Name.Name)
				}
				if i, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
					for _, m := range i.Methods.List {
						if len(m.Names) > 0 && m.Names[0].IsExported() && m.Doc == nil && m.Comment == nil {
							names = append(names, s.Name.Name+"."+m.Names[0].Name)
						}
					}
				}
			case *ast.ValueSpec:
				if of, ok := s.Type.(*ast.Ident); ok && of.IsExported() {
					continue
				}
				for _, n := range s.Names {
					if n.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return ""
}

// The checks above find what they look for.
func TestUndocumented(t *testing.T) {
	const src = `package p
type T struct{}
func F() {}
func (T) M() {}
func (T) Known() {}
func (t) N() {}
const C = 1
type I interface { A(); B() } // I is documented.
// V is documented.
var V int
const ( D T = 1; E T = 2 )
func f() {}`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, decl := range f.Decls {
		got = append(got, undocumented(decl, map[string]bool{"Known": true})...)
	}
	if want := "T F T.M C I.A I.B"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

var (
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	goBlock  = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w*`)
	wireCase = regexp.MustCompile(`\b[EBPS]\d{3}\b`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
)

// A link in a Markdown file leads to a file, a test that one names runs, and a
// wire case that the security page names is replayed.
func TestMarkdown(t *testing.T) {
	exists, tests, cases, texts := map[string]bool{".": true}, map[string]bool{}, map[string]bool{}, map[string]string{}
	files(t, func(file string, content []byte) {
		exists[file] = true
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			exists[dir] = true
		}
		switch {
		case strings.HasSuffix(file, "_test.go"):
			for _, m := range testFunc.FindAllSubmatch(content, -1) {
				tests[string(m[1])] = true
			}
		case path.Ext(file) == ".txt" && path.Dir(file) == "testdata/wire":
			cases[wireCase.FindString(strings.ReplaceAll(path.Base(file), "_", " "))] = true
		case path.Ext(file) == ".md":
			texts[file] = string(content)
		}
	})
	if len(texts) == 0 {
		t.Fatal("found no Markdown file")
	}
	for file, text := range texts {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue // within the page, or elsewhere on the web
			}
			if to := path.Join(path.Dir(file), target); !exists[to] {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
		for _, name := range testName.FindAllString(text, -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", file, name)
			}
		}
	}
	for _, name := range wireCase.FindAllString(texts["SECURITY.md"], -1) {
		if !cases[name] {
			t.Errorf("SECURITY.md names %s, which is no file in testdata/wire", name)
		}
	}
}

// Whoever pastes Go from the README gets no error: programs compile, and parts
// of programs are, as declarations or statements, what gofmt would write.
func TestGoInReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, m := range goBlock.FindAllSubmatchIndex(readme, -1) {
		src := string(readme[m[2]:m[3]])
		line := 1 + strings.Count(string(readme[:m[2]]), "\n")
		switch formatted, err := format.Source([]byte(src)); {
		case err != nil:
			t.Errorf("README.md: the Go from line %d on does not parse: %v", line, err)
		case string(formatted) != src:
			t.Errorf("README.md: the Go from line %d on is not as gofmt writes it (-README +gofmt):\n%s", line, cmp.Diff(src, string(formatted)))
		case strings.HasPrefix(src, "package main\n"):
			programs = append(programs, src)
		}
	}
	if len(programs) == 0 {
		t.Error("README.md has no Go that begins with package main")
	}
	for _, src := range programs {
		application(t, src)
	}
}
