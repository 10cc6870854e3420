package dbtest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/tenant"
)

var tenantTable = regexp.MustCompile(`scim_(connection|token|spend|record)`)

// How much there is of connections: in each of many tenants one, and in one tenant
// many more, so that a walk of a tenant is seen.
const (
	manyConnections = 10_000
	inOneTenant     = 500
	manyRecords     = 3000 // of one connection, and of all others together
	oldTokens       = 4    // of each connection
)

// What is asked of connections is answered by indexes: as many rows are read as are
// answered or written, and some more, however many there are and whatever the
// planner knows of them.
func TestExplainTenants(t *testing.T) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			e, store := newExplainedTenants(t, d)
			for i, known := range []string{"without statistics", "with statistics"} {
				if e.statistics = i == 1; e.statistics {
					execute(t, e.DB, "ANALYZE")
				}
				for _, of := range []string{"large", "t7"} {
					ref := tenant.Ref{Tenant: of, ID: map[string]string{"large": "c-00000001", "t7": "c-00001007"}[of]}
					for _, c := range tenantCalls(store, ref, i) {
						t.Run(fmt.Sprintf("%s, of %s/%s", known, of, c.name), func(t *testing.T) { e.call(t, c) })
					}
				}
			}
		})
	}
}

// A tenantCall is a call whose statements read so many rows at most each.
type tenantCall struct {
	name string
	do   func(ctx context.Context) error
	rows int
}

func tenantCalls(s tenant.Store, ref tenant.Ref, again int) []tenantCall {
	at := time.UnixMilli(1_000_000_000_000 + int64(again)*1_000_000_000)
	list := func(limit int, q tenant.Query) func(context.Context) error {
		return func(ctx context.Context) error {
			q.Limit = limit
			found, err := s.Records(ctx, q)
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("found nothing for %+v", q)
			}
			return err
		}
	}
	fresh := fmt.Sprintf("%s-%d", ref.ID, again)
	return []tenantCall{
		{"add", func(ctx context.Context) error {
			return s.Add(ctx, tenant.Connection{Tenant: ref.Tenant, ID: "new-" + fresh, Version: 1})
		}, 1},
		{"connection", func(ctx context.Context) error { _, err := s.Connection(ctx, ref); return err }, 1},
		{"nothing", func(ctx context.Context) error {
			if _, err := s.Connection(ctx, tenant.Ref{Tenant: ref.Tenant, ID: "nothing"}); !errors.Is(err, tenant.ErrNotFound) {
				return fmt.Errorf("got %v, want ErrNotFound", err)
			}
			return nil
		}, 1},
		{"find", func(ctx context.Context) error { _, _, err := s.Find(ctx, ref.ID, at); return err }, 3 + oldTokens},
		{"a page of a tenant", func(ctx context.Context) error {
			_, err := s.Connections(ctx, ref.Tenant, tenant.Ref{}, 10)
			return err
		}, 10},
		{"a page of all", func(ctx context.Context) error { _, err := s.AllConnections(ctx, ref, 10); return err }, 10},
		{"change", func(ctx context.Context) error {
			return s.Change(ctx, tenant.Connection{Tenant: ref.Tenant, ID: ref.ID, Version: 2 + 3*again})
		}, 1},
		{"token", func(ctx context.Context) error { _, _, _, err := s.Token(ctx, "t-"+ref.ID+"-1", at); return err }, 4 + oldTokens},
		{"tokens", func(ctx context.Context) error { _, err := s.Tokens(ctx, ref); return err }, 20},
		{"replace", func(ctx context.Context) error {
			return s.Replace(ctx, ref, at, &tenant.Token{ID: "t-new-" + fresh, Hash: []byte("h"), Created: at})
		}, 20},
		{"revoke", func(ctx context.Context) error {
			return s.Revoke(ctx, ref, tenant.Revocation{At: at, TokenID: "t-" + ref.ID + "-1"})
		}, 1},
		{"revoke all", func(ctx context.Context) error { return s.Revoke(ctx, ref, tenant.Revocation{At: at}) }, 20},
		{"note", func(ctx context.Context) error {
			return s.Note(ctx, []tenant.Seen{{Ref: ref, TokenID: "t-" + ref.ID + "-1", At: at, LastError: "e", LastErrorAt: at}})
		}, 1},
		{"hold", func(ctx context.Context) error { return s.Hold(ctx, ref, at, "many") }, 1},
		{"ask", func(ctx context.Context) error {
			_, err := s.Spend(ctx, ref, "users", 0, at, at.Add(-time.Hour))
			return err
		}, 3},
		{"spend", func(ctx context.Context) error {
			_, err := s.Spend(ctx, ref, "users", 1, at, at.Add(-time.Hour))
			return err
		}, 3},
		{"give back", func(ctx context.Context) error {
			_, err := s.Spend(ctx, ref, "users", -1, at, at.Add(-time.Hour))
			return err
		}, 3},
		{"approve", func(ctx context.Context) error { return s.Approve(ctx, ref, at) }, 3},
		{"append", func(ctx context.Context) error {
			return s.Append(ctx, []tenant.Record{{ID: "r-9" + fresh, At: at, Connection: ref, ResourceID: "u-x"}})
		}, 1},
		{"records", list(5, tenant.Query{Tenant: ref.Tenant, Connection: ref.ID}), 5},
		{"records before one", list(5, tenant.Query{Tenant: ref.Tenant, Connection: ref.ID, Before: "r-8"}), 5},
		{"those refused", list(2, tenant.Query{Tenant: ref.Tenant, Connection: ref.ID, Refused: true}), 2},
		{"records of all", list(5, tenant.Query{AllTenants: true}), 5},
		{"those refused of all", list(2, tenant.Query{AllTenants: true, Refused: true}), 2},
		{"records of a resource", list(5, tenant.Query{Tenant: ref.Tenant, Connection: ref.ID, ResourceID: "u-2"}), 15_000}, // all that is kept of the connection
		{"trim", func(ctx context.Context) error { return s.Trim(ctx, ref, time.UnixMilli(0), 2700) }, 6100},
		{"delete", func(ctx context.Context) error {
			return s.Delete(ctx, tenant.Ref{Tenant: ref.Tenant, ID: "new-" + fresh})
		}, 1},
	}
}

func newExplainedTenants(t *testing.T, d sqlfilter.Dialect) (*explained, tenant.Store) {
	t.Helper()
	e, store := openExplained(t, d)
	if d == sqlfilter.PostgreSQL { // nobody else is to gather statistics
		for _, table := range []string{"scim_connection", "scim_token", "scim_spend", "scim_record"} {
			execute(t, e.DB, "ALTER TABLE "+table+" SET (autovacuum_enabled = false)")
		}
	} else {
		e.DB.SetMaxOpenConns(1)
		execute(t, e.DB, "PRAGMA foreign_keys=ON")
	}
	loadConnections(t, e, store.Tenants())
	return e, store.Tenants()
}

// loadConnections writes the connections without a Store, which would take its time,
// and the records of two with it.
func loadConnections(t *testing.T, e *explained, s tenant.Store) {
	t.Helper()
	series := func(n int) string {
		if e.dialect == sqlfilter.SQLite {
			return fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS n", n-1)
		}
		return fmt.Sprintf("generate_series(0, %d) AS n(i)", n-1)
	}
	const (
		of = "CASE WHEN i < 500 THEN 'large' ELSE 't' || (i - 1000) END"
		id = "'c-' || substr('0000000' || i, length('0000000' || i) - 7)"
	)
	execute(t, e.DB,
		"INSERT INTO scim_connection (tenant_id, id, version, created_ms, settings, error, held_reason) SELECT "+of+", "+id+", 1, 0, '{}', '', '' FROM "+series(manyConnections))
	for n := range oldTokens {
		execute(t, e.DB, fmt.Sprintf("INSERT INTO scim_token (tenant_id, connection_id, id, hash, label, created_by, created_ms, ends_ms, revoked) SELECT tenant_id, id, 't-' || id || '-%d', '', '', '', %d, %d, 0 FROM scim_connection", n, n, n))
	}
	execute(t, e.DB, "INSERT INTO scim_spend SELECT tenant_id, id, 'members/' || i, i, 1 FROM scim_connection, "+series(20)+" WHERE tenant_id IN ('large', 't7')")
	var list []tenant.Record
	for i := range manyRecords {
		r := tenant.Record{ID: fmt.Sprintf("r-%08d", i), At: time.UnixMilli(int64(i)), Status: 200, ResourceID: fmt.Sprintf("u-%d", i%300)}
		if i%10 == 0 {
			r.Status = 409
		}
		for _, ref := range []tenant.Ref{{Tenant: "large", ID: "c-00000001"}, {Tenant: "large", ID: fmt.Sprintf("c-%08d", 2+i%400)}, {Tenant: "t7", ID: "c-00001007"}} {
			r.Connection = ref
			list = append(list, r)
			r.ID += "x"
		}
	}
	if err := s.Append(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// call makes a call and looks at the plans of its statements.
func (e *explained) call(t *testing.T, c tenantCall) {
	e.said.take()
	if err := c.do(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range e.said.take() {
		if !tenantTable.MatchString(s.text) {
			continue // SAVEPOINT and the like
		}
		asked++
		if e.dialect == sqlfilter.SQLite {
			e.checkSQLite(t, "large", s)
		} else {
			e.checkPostgres(t, "large", usualRequest{rows: c.rows}, s)
		}
	}
	if asked == 0 {
		t.Error("nothing was asked of the database")
	}
}
