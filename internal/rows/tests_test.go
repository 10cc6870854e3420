package rows

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// evidence is the tests that there are.
type evidence struct {
	tests  map[string]goTest   // by package below the module and name: "TestWire", "memstore.TestContract"
	wires  map[string]wireFile // by number: "E047", "B_filters"
	checks map[string][]string // by suite and id: "rfc.filter.eq"; the rows that each lists
}

type goTest struct {
	file   string
	source string          // with the comment before it
	texts  map[string]bool // the string literals in it, which name its cases
}

type wireFile struct{ file, text string }

// lost says which of a row's tests are not there, or do not say that they show it.
func (e evidence) lost(r row) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for _, x := range r.tests {
		switch x.kind {
		case "test":
			f, ok := e.tests[x.name]
			if !ok {
				complain("there is no %s", x.name)
				continue
			}
			for _, sub := range x.subs {
				if !f.texts[sub] {
					complain("%s has no case %q", x.name, sub)
				}
			}
			if !cites(f.source, r) {
				complain("%s does not say that it shows %s", x.name, r)
			}
		case "wire":
			f, ok := e.wires[x.name]
			if !ok {
				complain("testdata/wire has no %s", x.name)
			} else if !cites(f.text, r) {
				complain("%s does not say that it shows %s", f.file, r)
			}
		case "check":
			rows, ok := e.checks[x.name]
			if !ok {
				complain("package scimtest/conformance has no check %s", x.name)
			} else if !slices.Contains(rows, r.String()) {
				complain("the check %s does not list %s among its rows", x.name, r)
			}
		}
	}
	return complaints
}

// collect finds the tests of the checkout.
func collect(t *testing.T) evidence {
	t.Helper()
	e := evidence{map[string]goTest{}, map[string]wireFile{}, map[string][]string{}}
	err := fs.WalkDir(os.DirFS(top), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		src, err := os.ReadFile(filepath.Join(top, file))
		dir := path.Dir(file)
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(file, "_test.go"):
			return e.addTests(file, src)
		case dir == "scimtest/conformance" && strings.HasSuffix(file, ".go"):
			return e.addChecks(file, src)
		case dir == "testdata/wire" && strings.HasSuffix(file, ".txt"):
			e.wires[wireNumber(file)] = wireFile{file, comments(string(src))}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.tests) == 0 || len(e.wires) == 0 {
		t.Fatal("found no tests")
	}
	return e
}

var numbered = regexp.MustCompile(`^[A-Z]\d+[a-z]?`)

// wireNumber returns the number of a case; of bad input, which has none, and of
// other identity providers, which have one for all, the name of the file.
func wireNumber(file string) string {
	name := strings.TrimSuffix(path.Base(file), ".txt")
	if number := numbered.FindString(name); number != "" && !strings.HasPrefix(name, "S") {
		return number
	}
	return name
}

// comments returns the lines of a case in which it says what it shows.
func comments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

var cited = regexp.MustCompile(`R-(\d{3})(?: to R-(\d{3}))?`)

// cites reports whether a text names a row, alone or in a range.
func cites(text string, r row) bool {
	for _, m := range cited.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[1])
		last := first
		if m[2] != "" {
			last, _ = strconv.Atoi(m[2])
		}
		if first <= r.number && r.number <= last {
			return true
		}
	}
	return false
}

// addTests notes the test functions of a file.
func (e evidence) addTests(file string, src []byte) error {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, decl := range tree.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") && !strings.HasPrefix(f.Name.Name, "Example") {
			continue
		}
		from := f.Pos()
		if f.Doc != nil {
			from = f.Doc.Pos()
		}
		x := goTest{file: file, source: string(src[fset.Position(from).Offset:fset.Position(f.End()).Offset]), texts: map[string]bool{}}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				x.texts[text] = true
			}
			return true
		})
		name := f.Name.Name
		if dir := path.Dir(file); dir != "." {
			name = dir + "." + name
		}
		e.tests[name] = x
	}
	return nil
}

// addChecks notes the checks of a file of scimtest/conformance. A suite's files
// begin with its name.
func (e evidence) addChecks(file string, src []byte) error {
	tree, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	suite, _, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".go"), "_")
	ast.Inspect(tree, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		id, rows := "", []string(nil)
		for _, element := range lit.Elts {
			kv, ok := element.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			switch key, _ := kv.Key.(*ast.Ident); {
			case key == nil:
			case key.Name == "id":
				id = strings.Join(stringsIn(kv.Value), "")
			case key.Name == "rows":
				rows = stringsIn(kv.Value)
			}
		}
		if id != "" {
			e.checks[suite+"."+id] = append(e.checks[suite+"."+id], rows...)
		}
		return true
	})
	return nil
}

func stringsIn(n ast.Node) (texts []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ := strconv.Unquote(lit.Value)
			texts = append(texts, text)
		}
		return true
	})
	return texts
}

// The checks above find what they look for.
func TestLost(t *testing.T) {
	e := evidence{map[string]goTest{}, map[string]wireFile{"E001": {"E001_x.txt", comments("# R-007\n>>> GET /Users?filter=title+eq+%22R-008%22\n# R-010 to R-012\n")}}, map[string][]string{}}
	if err := e.addTests("store/x_test.go", []byte("package store\n\n// R-007 is shown.\nfunc TestX(t *testing.T) { f(\"one\", `two`) }\n\nfunc (x) TestM() {}\n")); err != nil {
		t.Fatal(err)
	}
	if err := e.addChecks("scimtest/conformance/rfc_x.go", []byte(`package conformance
var all = []check{{id: "a.b", rows: []string{"R-007", "E001"}}, {id: "c", title: "R-007"}}`)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		test test
		row  int
		want string
	}{
		{"all there", test{"test", "store.TestX", []string{"one", "two"}}, 7, ""},
		{"no such case", test{"test", "store.TestX", []string{"one", "three"}}, 7, `store.TestX has no case "three"`},
		{"of another row", test{"test", "store.TestX", nil}, 8, "store.TestX does not say that it shows R-008"},
		{"no such test", test{"test", "TestX", nil}, 7, "there is no TestX"},
		{"a method is no test", test{"test", "store.TestM", nil}, 7, "there is no store.TestM"},
		{"wire", test{"wire", "E001", nil}, 7, ""},
		{"wire of another row", test{"wire", "E001", nil}, 8, "E001_x.txt does not say that it shows R-008"},
		{"wire of a range", test{"wire", "E001", nil}, 11, ""},
		{"no such wire", test{"wire", "E002", nil}, 7, "testdata/wire has no E002"},
		{"check", test{"check", "rfc.a.b", nil}, 7, ""},
		{"check of no row", test{"check", "rfc.c", nil}, 7, "the check rfc.c does not list R-007 among its rows"},
		{"no such check", test{"check", "okta.a.b", nil}, 7, "package scimtest/conformance has no check okta.a.b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(e.lost(row{number: tt.row, tests: []test{tt.test}}), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWireNumber(t *testing.T) {
	for file, want := range map[string]string{
		"testdata/wire/E004b_mounted_at_the_root.txt": "E004b", "testdata/wire/P28_password.txt": "P28",
		"testdata/wire/B_filters.txt": "B_filters", "testdata/wire/S12_ping.txt": "S12_ping",
	} {
		if got := wireNumber(file); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
}
