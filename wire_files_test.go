package scim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherkit/scim/internal/wiretest"
)

// The wire cases: what identity providers are known to send, replayed byte for
// byte, and what they need back. testdata/wire/README.md has the format.

// wireDir is where they are.
const wireDir = "testdata/wire"

var update = flag.Bool("update", false, "rewrite the recorded answers in testdata/wire; the wants are never rewritten")

func TestWire(t *testing.T) {
	for _, name := range wiretest.Files(t, wireDir) {
		c := wiretest.Read(t, name)
		t.Run(c.Number(), func(t *testing.T) {
			w := newWireWorld(t, c)
			for i, s := range c.Steps {
				w.replay(t, i, s)
			}
			if *update {
				c.Write(t)
			}
		})
	}
}

// catalogue is the numbers of the cases that are known; the gaps between the
// ranges are none.
var catalogue = [][2]int{{1, 12}, {20, 36}, {40, 54}, {60, 97}, {100, 104}, {110, 136}, {140, 150}}

// elsewhere lists the cases that are no file, with the test that has them or
// the reason why there is none yet.
var elsewhere = map[string]string{
	"E008": "the token endpoint is module oauth's: its TestClientSecret",
	"E009": "workload identity federation is module oauth's: its TestWorkloadIdentity",
	"E010": "the limiter is package tenant's: its TestRate",
	"E011": "the limiter is package tenant's: its TestRate; how its refusal is answered is in E012",
	"E096": "TestParallelPatches",
	"E132": "TestParallelPatchesOfGroup",
	"E142": "TestSchemasFlattened",
	"E146": "package scimtest/conformance replays Microsoft's web validator: its suite microsoft, which TestUsher there runs against this Handler",
	"E147": "likewise the direct SCIMTests of Microsoft's Logic App suite, but for Federated_Identity_Test, which needs a token endpoint: TestLogicAppSuite of module oauth",
	"E148": "TestEmptyCycle",
}

func TestWireCoversCatalogue(t *testing.T) {
	have := map[string]bool{}
	for _, name := range wiretest.Files(t, wireDir) {
		have[filepath.Base(name)[:4]] = true
	}
	tests := goTests(t)
	for number, where := range elsewhere {
		if strings.HasPrefix(where, "Test") && !strings.Contains(tests, "func "+where+"(") {
			t.Errorf("%s is said to be tested by %s, which does not exist", number, where)
		}
	}
	known := map[string]bool{}
	for _, r := range catalogue {
		for n := r[0]; n <= r[1]; n++ {
			number := fmt.Sprintf("E%03d", n)
			known[number] = true
			switch _, other := elsewhere[number]; {
			case !have[number] && !other:
				t.Errorf("%s has no file in testdata/wire and no reason for that", number)
			case have[number] && other:
				t.Errorf("%s has a file and still stands in the list of those elsewhere", number)
			}
		}
	}
	for number := range have {
		if strings.HasPrefix(number, "E") && !known[number] {
			t.Errorf("a file is named %s, which is no number of the catalogue", number)
		}
	}
}

// goTests returns the source of the tests beside this one.
func goTests(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(src)
	}
	return all.String()
}
