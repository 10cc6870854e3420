package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
)

// Names of the drivers for sql.Open. Both take the DSNs of this package.
const (
	DriverPGX = "pgx"      // github.com/jackc/pgx/v5/stdlib
	DriverPQ  = "postgres" // github.com/lib/pq
)

// Postgres returns the DSN of an empty database, which is dropped when the test
// ends, whoever is still connected. All databases of a test process are on one
// server: the one that USHER_TEST_POSTGRES names, else one that is started from
// Debian's packages, or whatever else is installed, and that Main stops.
//
// That server does not flush to the disk: for a measurement, or a test of what
// a crash leaves, start one that is Durable.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	server, err := shared()
	if errors.Is(err, errNoServer) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := createDatabase(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execSQL(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(server, name)
}

var errNoServer = errors.New("found no PostgreSQL: install Debian's postgresql, or set USHER_TEST_POSTGRES to the DSN of a server where databases may be created")

// The server of this process, which is started when it is first needed.
var (
	sharedServer *Server
	shared       = sync.OnceValues(func() (dsn string, err error) {
		if dsn := os.Getenv("USHER_TEST_POSTGRES"); dsn != "" {
			return dsn, nil
		}
		bin, err := defaultBin()
		if err != nil {
			return "", err
		}
		if sharedServer, err = startServer(PostgresOptions{Bin: bin.Dir}); err != nil {
			return "", err
		}
		return sharedServer.DSN("postgres"), nil
	})
)

func stopShared() {
	if sharedServer == nil {
		return
	}
	if err := sharedServer.remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// createDatabase creates a database with a name that no other has. It sorts by
// a language, as most databases do that applications have, so that a column
// which must be compared by bytes has to say so.
func createDatabase(server string) (name string, err error) {
	name = "usher_" + strings.ToLower(rand.Text())
	return name, execSQL(server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'")
}

// withDatabase returns the DSN, an URL or keywords and values, of another
// database on the same server.
func withDatabase(dsn, name string) string {
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn // as it is, for the driver to say what is wrong with it
	}
	u.Path = path.Join("/", name)
	return u.String()
}

// execSQL executes statements, each in a transaction of its own, on a
// connection of its own.
func execSQL(dsn string, statements ...string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
