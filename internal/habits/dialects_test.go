package habits

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDialects: docs/dialects.md lists the tolerances of dialect.go, by the
// names that the log has and in the words of the source.
func TestDialects(t *testing.T) {
	tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, "dialect.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var names, why []string
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		switch {
		case !ok:
		case strings.HasPrefix(spec.Names[0].Name, "rule") && spec.Comment != nil:
			why = append(why, strings.TrimSpace(spec.Comment.Text()))
		case spec.Names[0].Name == "ruleNames":
			for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
				name, err := strconv.Unquote(e.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
		return true
	})
	if len(names) == 0 || len(names) != len(why) {
		t.Fatalf("%d names and %d reasons of rules in dialect.go", len(names), len(why))
	}
	var page strings.Builder
	page.WriteString(`# Dialects

Identity providers send requests that the RFCs would have refused. By default the Handler understands those that are known, from
all providers, mixed and at once. Each such tolerance is a rule in [dialect.go](../dialect.go) with a name, which the log has at
level Debug when a request needed it, and at any level when that request failed. ` + "`Options.Strict`, or `Principal.Strict`" + ` for one
client, grants none of them and holds requests to the SCIM 2.0 Interoperability Profile besides.

| rule | what is understood, and where it was seen |
|---|---|
`)
	for i, name := range names {
		fmt.Fprintf(&page, "| `%s` | %s |\n", name, strings.ReplaceAll(why[i], "|", "\\|"))
	}
	path := filepath.Join(top, "docs", "dialects.md")
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != page.String() {
		t.Errorf("docs/dialects.md does not list the rules of dialect.go (%v): go test ./internal/habits -update", err)
	}
}
