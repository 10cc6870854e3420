package engine

import (
	"context"
	"sync/atomic"

	"github.com/usherkit/scim/sqlfilter"
)

// growth counts the rows that this process has added.
//
// PostgreSQL plans a statement the first times that it is executed, and keeps the
// plan. In the first minute of a new database, before autovacuum comes by, that is a
// plan for tables with nothing in them, where any index is as good as another: the
// first sync, which fills them, would read more for each user than for the one
// before. ANALYZE tells the planner what there is, and all connections of all
// processes plan anew.
type growth struct {
	rows, told atomic.Int64
}

// When the planner is told: the first time after so many rows, and again when they
// are so many times as many, up to a number from which autovacuum keeps up.
const (
	tellAt    = 200
	tellAgain = 5
	tellMost  = 200_000
)

// grew notes that rows were added, once they are committed. One call in a thousand
// takes some milliseconds to tell the planner. Where the database does not let this
// user do so, nothing but the plans is the worse for it.
func (s *Store) grew(ctx context.Context, rows int) {
	switch {
	case s.dialect != sqlfilter.PostgreSQL || rows == 0:
		return
	case s.tx != nil:
		s.seen.rows += rows
		return
	}
	n, told := s.growth.rows.Add(int64(rows)), s.growth.told.Load()
	if n < max(tellAt, told*tellAgain) || told >= tellMost || !s.growth.told.CompareAndSwap(told, n) {
		return
	}
	ctx, done := Lingering(ctx)
	defer done()
	var known bool
	if _, err := One(ctx, s.db, []any{&known}, s.sql.Known, n); err == nil && !known {
		_, _ = s.db.Exec(ctx, "ANALYZE (SKIP_LOCKED) scim_resource, scim_key, scim_member")
	}
}
