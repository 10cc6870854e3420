package dbtest

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"modernc.org/sqlite"
)

// Names of the drivers for sql.Open. All take the path of a file as it is.
//
// mattn and ncruces both register themselves as "sqlite3", so no program can
// hold both: mattn, which needs a C compiler, is in builds with -race or with
// -tags mattn, ncruces in all others.
const (
	DriverModernc = "modernc" // modernc.org/sqlite: SQLite translated to Go
	DriverNcruces = "ncruces" // github.com/ncruces/go-sqlite3: SQLite as Wasm, translated to Go
	DriverMattn   = "mattn"   // github.com/mattn/go-sqlite3: SQLite itself, through cgo
)

func init() {
	sql.Register(DriverModernc, &sqlite.Driver{})
	sql.Register(otherDriver, other)
}

// SQLiteDrivers lists the drivers that this build has, the default first. The
// default is modernc, but mattn under the race detector, where translated code
// is 5 to 13 times slower.
func SQLiteDrivers() []string {
	if otherDriver == DriverMattn {
		return []string{DriverMattn, DriverModernc}
	}
	return []string{DriverModernc, DriverNcruces}
}

// SQLite returns the path of a database that does not exist yet, in a
// directory that is removed when the test ends.
func SQLite(t testing.TB) (path string) {
	t.Helper()
	return filepath.Join(t.TempDir(), "test.db")
}

// OpenSQLite opens the file with the driver that USHER_TEST_SQLITE names, else
// the default one, and closes it when the test ends. Nothing is set: no PRAGMA
// and no option of the driver.
func OpenSQLite(t testing.TB, path string) *sql.DB {
	t.Helper()
	name, drivers := os.Getenv("USHER_TEST_SQLITE"), SQLiteDrivers()
	if name == "" {
		name = drivers[0]
	}
	if !slices.Contains(drivers, name) {
		t.Fatalf("USHER_TEST_SQLITE names %q; this build has %q", name, drivers)
	}
	return Open(t, name, path)
}
