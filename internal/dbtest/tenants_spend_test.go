package dbtest

import (
	"testing"
	"time"

	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/tenant"
)

// TestSpendLeavesNothing: what was spent in vain and given back takes no room in the
// database, and neither does what is older than any brake looks.
func TestSpendLeavesNothing(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		s := at.store(t, &sqlstore.Options{Migrate: true}).Tenants()
		db := at.open(t)
		ref := tenant.Ref{Tenant: "contoso", ID: "c"}
		noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		if err := s.Add(t.Context(), tenant.Connection{Tenant: ref.Tenant, ID: ref.ID, Created: noon, Version: 1}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name string
			n    int
			at   time.Time
			left int
		}{
			{"members/1", 3, noon, 1},
			{"members/2", 3, noon, 2},
			{"members/1", -2, noon, 2},
			{"members/1", -1, noon, 1},
			{"members/2", -9, noon, 0},
			{"members/3", -1, noon, 0},
			{"users", 1, noon, 1},
			{"users", 1, noon.Add(24 * time.Hour), 2},
			{"members/4", 1, noon.Add(tenant.MaxWindow), 2},
			{"members/4", 1, noon.Add(tenant.MaxWindow + 24*time.Hour), 2},
		} {
			if _, err := s.Spend(t.Context(), ref, step.name, step.n, step.at, step.at.Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
			var left int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM scim_spend").Scan(&left); err != nil || left != step.left {
				t.Errorf("after %d under %s at %v: %d rows, %v; want %d", step.n, step.name, step.at, left, err, step.left)
			}
		}
	})
}
