package dbtest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// A Bin is a directory with PostgreSQL's initdb and postgres.
type Bin struct {
	Dir     string
	Version string // "16.14"
	Major   int    // 16
}

// Versions lists what is installed, the oldest version first: the directories
// of USHER_TEST_POSTGRES_BINS, each of which must then be there, else Debian's
// and the one in PATH. It skips the test where there is none.
func Versions(t testing.TB) []Bin {
	t.Helper()
	bins, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	if len(bins) == 0 {
		missing(t, errNoServer.Error())
	}
	return bins
}

// defaultBin returns Debian's newest version; else the newest there is.
func defaultBin() (Bin, error) {
	for _, find := range []func() ([]Bin, error){debian, installed} {
		bins, err := find()
		if err != nil {
			return Bin{}, err
		}
		if len(bins) > 0 {
			return bins[len(bins)-1], nil
		}
	}
	return Bin{}, errNoServer
}

func installed() ([]Bin, error) {
	if list := os.Getenv("USHER_TEST_POSTGRES_BINS"); list != "" {
		return inspect(filepath.SplitList(list))
	}
	bins, err := debian()
	if err != nil || len(bins) > 0 {
		return bins, err
	}
	postgres, err := exec.LookPath("postgres")
	if err != nil {
		return nil, nil
	}
	return inspect([]string{filepath.Dir(postgres)})
}

func debian() ([]Bin, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return nil, err
	}
	for i, file := range found {
		found[i] = filepath.Dir(file)
	}
	return inspect(found)
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// inspect asks each server for its version.
func inspect(dirs []string) ([]Bin, error) {
	var bins []Bin
	for _, dir := range dirs {
		file := filepath.Join(dir, "postgres")
		out, err := exec.Command(file, "--version").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", file, err, out)
		}
		m := versionPattern.FindStringSubmatch(string(out))
		if m == nil {
			return nil, fmt.Errorf("%s is no PostgreSQL server: its version is %q", file, out)
		}
		major, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err
		}
		bins = append(bins, Bin{Dir: dir, Version: m[1], Major: major})
	}
	slices.SortFunc(bins, func(a, b Bin) int { return cmp.Compare(a.Major, b.Major) })
	return bins, nil
}
