package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// stated is an error as pgx's and lib/pq's are.
type stated string

func (s stated) Error() string    { return "ERROR: something (SQLSTATE " + string(s) + ")" }
func (s stated) SQLState() string { return string(s) }

// numbered has the method of modernc's, as other errors have it too.
type numbered int

func (n numbered) Error() string { return fmt.Sprint("failed with ", int(n)) }
func (n numbered) Code() int     { return int(n) }

// ConnectError is as pgconn's is.
type ConnectError struct{}

func (*ConnectError) Error() string { return "ValidateConnect failed: read only connection" }

// The errors of SQLite's drivers are had from the drivers, in internal/dbtest.
func TestClassify(t *testing.T) {
	lost := fmt.Errorf("%w: %w", ErrGroupLost, stated("53100"))
	for _, c := range []struct {
		name, reason string
		err          error
		want         Class
		detail       string // of Explain; none if the error is handed on
	}{
		{"none", "", nil, Other, ""},
		{"serialization failure", "PostgreSQL, CockroachDB, YugabyteDB", stated("40001"), Retry, "busy"},
		{"deadlock", "", stated("40P01"), Retry, "busy"},
		{"wrapped", "by the Store, and joined with others", errors.Join(io.ErrShortBuffer, fmt.Errorf("update: %w", stated("40001"))), Retry, "busy"},
		{"group lost", "whoever is not at fault tries again, and is told of the cause", lost, Retry, "no room left"},
		{"unique", "", stated("23505"), Unique, ""},
		{"foreign key", "", stated("23503"), ForeignKey, ""},
		{"undefined table", "", stated("42P01"), SchemaMissing, "not been set up"},
		{"undefined column", "a mistake of ours", stated("42703"), Other, ""},
		{"disk full", "", stated("53100"), Unavailable, "no room left"},
		{"too many connections", "", stated("53300"), Unavailable, "too many connections"},
		{"read only", "a standby", stated("25006"), Unavailable, "only be read"},
		{"admin shutdown", "", stated("57P01"), Unavailable, "not available"},
		{"statement timeout", "of the server's", stated("57014"), Unavailable, "too long"},
		{"connection failure", "", stated("08006"), Unavailable, "not available"},
		{"no SQLSTATE", "an error with the method and nothing to say", stated(""), Other, ""},
		{"a code of another's", "an HTTP client's, in a hook", numbered(5), Other, ""},
		{"refused", "", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, Unavailable, "not available"},
		{"request of a hook", "a web service that a hook asks is not the database", &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: io.EOF}}, Other, ""},
		{"bad connection", "", driver.ErrBadConn, Unavailable, "not available"},
		{"cut off", "", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), Unavailable, "not available"},
		{"pool closed", "", errors.New("sql: database is closed"), Unavailable, "not available"},
		{"pool of pgx closed", "", errors.New("closed pool"), Unavailable, "not available"},
		{"not connected", "in a failover pgx finds none that takes writes", fmt.Errorf("begin: %w", &ConnectError{}), Unavailable, "not available"},
		{"connection given back", "", sql.ErrConnDone, Unavailable, "not available"},
		{"cancelled", "the context's errors stay what they are", fmt.Errorf("%w: %w", context.Canceled, stated("57014")), Other, ""},
		{"deadline", "", context.DeadlineExceeded, Other, ""},
		{"another", "", errors.New("boom"), Other, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Classify(c.err); got != c.want {
				t.Errorf("Classify(%v): got %d, want %d (%s)", c.err, got, c.want, c.reason)
			}
			explained := Explain(c.err)
			if c.detail == "" {
				if explained != c.err {
					t.Errorf("Explain(%v): got %v, want it as it is", c.err, explained)
				}
				return
			}
			var said *scim.Error
			if !errors.As(explained, &said) || said.Kind != scim.ErrUnavailable || said.RetryAfter <= 0 {
				t.Fatalf("Explain(%v): got %#v, want scim.ErrUnavailable with a time to try again", c.err, explained)
			}
			if !strings.Contains(said.Detail, c.detail) || strings.Contains(said.Detail, "SQL") || !errors.Is(explained, c.err) {
				t.Errorf("Explain(%v): got the detail %q, want one with %q, and the cause kept", c.err, said.Detail, c.detail)
			}
		})
	}
}

func TestExplainKeepsWhatIsSaid(t *testing.T) {
	said := &scim.Error{Kind: scim.ErrUnavailable, Detail: "said", RetryAfter: time.Minute, Err: stated("40001")}
	if got := Explain(said); got != error(said) {
		t.Errorf("got %v, want %v", got, said)
	}
	if got := Classify(said); got == Retry {
		t.Error("what has been tried long enough is tried again")
	}
}
