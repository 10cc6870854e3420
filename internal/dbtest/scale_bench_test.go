package dbtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// load fills a tenant with users as the Store would have created them, with two
// statements for ten thousand: what is measured is what comes afterwards. It says
// their ids in members.
func load(b *testing.B, g ground, of template, tenant string, members []scim.Member) {
	b.Helper()
	first, err := g.store.Create(b.Context(), scim.Ref{Tenant: tenant, Type: "User"}, of.user(0))
	if err != nil {
		b.Fatal(err)
	}
	id := first.Resource.ID
	members[0] = scim.Member{ID: id, Type: "User"}
	for i := 1; i < len(members); i++ {
		members[i] = scim.Member{ID: id[:len(id)-8] + fmt.Sprintf("%08d", i), Type: "User"}
	}
	for from := 1; from < len(members); from += 10_000 {
		if err := g.copy(b, tenant, id, from, min(10_000, len(members)-from)); err != nil {
			b.Fatal(err)
		}
	}
}

// copy inserts n copies of a user of a template, with the numbers from one on.
func (g ground) copy(b *testing.B, tenant, id string, from, n int) error {
	numbers := fmt.Sprintf("(WITH RECURSIVE t(n) AS (SELECT %d UNION ALL SELECT n+1 FROM t WHERE n < %d) SELECT printf('%%08d', n) AS n FROM t)", from, from+n-1)
	if g.name != "sqlite" {
		numbers = fmt.Sprintf("(SELECT lpad(n::text, 8, '0') AS n FROM generate_series(%d, %d) n)", from, from+n-1)
	}
	numbered := func(column string) string { return "replace(r." + column + ", '" + someNumber + "', t.n)" }
	copyOf := fmt.Sprintf("substr(r.id, 1, %d) || t.n", len(id)-len(someNumber))
	where := ", " + numbers + " t WHERE r.tenant_id = " + g.bind(1) + " AND r.type = 'User' AND r.id = " + g.bind(2)
	tx, err := g.other.BeginTx(b.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range []string{
		"INSERT INTO scim_resource SELECT r.tenant_id, r.type, " + copyOf + ", 1, r.created_ms, r.modified_ms, " + numbered("display") + ", " + numbered("document") + ", " +
			numbered("user_name") + ", " + numbered("external_id") + ", " + numbered("display_name") + ", " + numbered("keys") + " FROM scim_resource r" + where,
		"INSERT INTO scim_key SELECT r.tenant_id, r.type, r.path, " + numbered("value") + ", " + copyOf + ", 0 FROM scim_key r" + where,
	} {
		if _, err := tx.Exec(statement, tenant, id); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func analyze(b *testing.B, g ground) {
	b.Helper()
	if _, err := g.db.ExecContext(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkScale looks users up in a database of a thousand, and in one of a
// million, be they of one tenant or of ten thousand: "ratio" is what the size
// costs.
func BenchmarkScale(b *testing.B) {
	user, _ := types(b)
	of := newTemplate(b, user, "u")
	large, tenants := 1_000_000, 10_000
	if testing.Short() {
		large, tenants = 20_000, 200
	}
	small := grounds(b)
	for _, g := range small {
		load(b, g, of, "tenant0", make([]scim.Member, 1000))
		analyze(b, g)
	}
	for _, shape := range []struct {
		name           string
		tenants, users int
	}{{"one tenant", 1, large}, {"many tenants", tenants, 100}} {
		for i, g := range grounds(b) {
			members := make([]scim.Member, shape.users)
			for tenant := range shape.tenants {
				load(b, g, of, fmt.Sprint("tenant", tenant), members)
			}
			analyze(b, g)
			for _, path := range []string{"userName", "externalId", "emails.value"} {
				b.Run(fmt.Sprintf("%s/%s/%s", g.name, shape.name, path), func(b *testing.B) {
					ask := func(store *sqlstore.Store, tenants, users int) func(i int) {
						return func(i int) {
							c := of.user(i * 7919 % users)
							filter, err := user.ParseFilter(fmt.Sprintf("%s eq %q", path, key(c, path)))
							if err != nil {
								b.Fatal(err)
							}
							page, err := store.List(context.Background(), scim.Query{
								Tenant: fmt.Sprint("tenant", i*31%tenants), Type: "User", Filter: filter, Limit: 100,
							})
							if err != nil || page.Total != 1 {
								b.Fatalf("%v: %+v, %v", filter, page, err)
							}
						}
					}
					inTurn(b, ask(small[i].store, 1, 1000), ask(g.store, shape.tenants, shape.users))
				})
			}
		}
	}
}

// inTurn alternates between batches of two operations and reports the median
// time of each, and the ratio.
func inTurn(b *testing.B, small, large func(i int)) {
	b.Helper()
	const batch = 100
	var took [2][]float64
	for i := 0; b.Loop(); i += batch {
		for which, op := range []func(int){small, large} {
			start := time.Now()
			for k := range batch {
				op(i + k)
			}
			took[which] = append(took[which], float64(time.Since(start).Nanoseconds())/batch)
		}
	}
	one, two := median(took[0]), median(took[1])
	b.ReportMetric(0, "ns/op") // of both: tells nothing
	b.ReportMetric(one, "ns-small")
	b.ReportMetric(two, "ns-large")
	b.ReportMetric(two/one, "ratio")
}
