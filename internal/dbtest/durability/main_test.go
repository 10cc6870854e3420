// Package durability proves that what an endpoint acknowledged is kept, whole and
// once, whatever ends: the process that serves it, the database server, the
// machine that the database was on. It has tests only.
//
// Endpoints run in processes of their own (process_test.go), so that they can be
// killed and that there can be several. Clients (client_test.go, operations_test.go)
// send them requests over HTTP and keep a record of what was acknowledged, and what
// is in the database's tables afterwards must be that record (directory_test.go).
// Single failures of a PostgreSQL server are made by a proxy (proxy_test.go).
package durability

import (
	"os"
	"testing"

	"github.com/usherkit/scim/internal/dbtest"
)

// TestMain runs the tests or, in a process that a test started, an endpoint.
func TestMain(m *testing.M) {
	if config := os.Getenv(endpointVariable); config != "" {
		serve(config)
		return
	}
	dbtest.Main(m)
}

// of returns how many of something to do, or fewer if there is little time: with
// -short, and with the race detector, which makes all of it slower.
func of(n int) int {
	if race := dbtest.SQLiteDrivers()[0] == dbtest.DriverMattn; race || testing.Short() {
		return max(n/10, 1)
	}
	return n
}
