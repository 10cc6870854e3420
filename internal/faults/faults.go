// Package faults is a deliberately broken build of package scim: mistakes that
// real servers made are planted in its sources, each switched on by name when
// the server starts, and the conformance check and the simulated identity
// providers must catch every one of them. A check that catches nothing is worth
// nothing.
//
// The sources are not touched: go build -overlay compiles changed copies.
package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Env is the environment variable that names the fault of a broken build; empty
// or absent, the build behaves as it should.
const Env = "USHER_FAULT"

// A Fault is a mistake and where it is planted.
type Fault struct {
	Name  string
	Seen  string // in whom, or why it happens
	Edits []Edit
	Check []string // ids of conformance checks of which each must fail
	Cycle string   // what the report of an Entra's cycles must say, if they must catch it too
}

// An Edit replaces a piece of a source file by one that calls planted(name),
// which reports whether the fault is switched on. Old must occur exactly once.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// helpers are compiled into the packages that faults are planted in.
const helpers = `package %s

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"time"
)

var plantedFault = os.Getenv("` + Env + `")

func planted(name string) bool { return plantedFault == name }

func plantedInt(name string, right, wrong int) int {
	if planted(name) {
		return wrong
	}
	return right
}

func plantedLower(text string) string { return strings.ToLower(text) }

func plantedSleep() { time.Sleep(5 * time.Millisecond) }

// plantedAnswer changes what is sent.
func plantedAnswer(body []byte) []byte {
	replace := func(pattern, with string) []byte {
		return regexp.MustCompile(pattern).ReplaceAll(body, []byte(with))
	}
	switch plantedFault {
	case "manager-as-string":
		return replace(` + "`\"manager\":\\{\"value\":(\"[^\"]*\")[^}]*\\}`, `\"manager\":$1`" + `)
	case "manager-not-returned":
		return replace(` + "`,?\"manager\":\\{[^}]*\\}`, ``" + `)
	case "active-as-string":
		return replace(` + "`\"active\":(true|false)`, `\"active\":\"$1\"`" + `)
	case "error-status-is-number":
		return replace(` + "`(api:messages:2.0:Error\"\\],\"status\":)\"(\\d+)\"`, `$1$2`" + `)
	case "no-location-in-meta":
		return replace(` + "`,\"location\":\"[^\"]*\"`, ``" + `)
	case "single-element-as-object":
		return replace(` + "`\"emails\":\\[(\\{[^}]*\\})\\]`, `\"emails\":$1`" + `)
	case "schemas-without-canonical-values":
		return replace(` + "`,?\"canonicalValues\":\\[[^\\]]*\\]`, ``" + `)
	case "lists-in-lower-case":
		return bytes.Replace(body, []byte(` + "`\"Resources\":`" + `), []byte(` + "`\"resources\":`" + `), 1)
	}
	return body
}
`

// Build compiles ./internal/faults/server of the module at root with all faults
// planted, and returns the program.
func Build(ctx context.Context, root, dir string) (program string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	write := func(path, text string) error {
		at := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		overlay.Replace[filepath.Join(root, filepath.FromSlash(path))] = at
		return os.WriteFile(at, []byte(text), 0o644)
	}
	for path, name := range map[string]string{"planted.go": "scim", "memstore/planted.go": "memstore"} {
		if err := write(path, fmt.Sprintf(helpers, name)); err != nil {
			return "", err
		}
	}
	texts := map[string]string{}
	answers := Fault{Name: "of answers", Edits: []Edit{{"wire.go", "func (x *exchange) finish() error {\n", "func (x *exchange) finish() error {\n\tx.render.buf = plantedAnswer(x.render.buf)\n"}}}
	for _, f := range append(All(), answers) {
		for _, e := range f.Edits {
			if texts[e.File] == "" {
				source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
				if err != nil {
					return "", err
				}
				texts[e.File] = string(source)
			}
			if n := strings.Count(texts[e.File], e.Old); n != 1 {
				return "", fmt.Errorf("fault %s cannot be planted: %s has %d places that read\n%s", f.Name, e.File, n, e.Old)
			}
			texts[e.File] = strings.Replace(texts[e.File], e.Old, e.New, 1)
		}
	}
	for path, text := range texts {
		if err := write(path, text); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, list, 0o644); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "broken-server")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", file, "-o", program, "./internal/faults/server")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}
