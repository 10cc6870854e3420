package connections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/tenant"
)

const (
	defaultLimit = 100

	// Records are deleted so many at a time, so that others who write do not wait.
	trimmed = 500

	afterAll = "\U0010ffff" // greater than every id
)

// Append implements tenant.Store.
func (s *Store) Append(ctx context.Context, records []tenant.Record) error {
	rows := rowsOfRecords(records)
	var refs [][]any
	of := map[tenant.Ref]bool{}
	for _, r := range rows {
		if !of[r.of] {
			of[r.of] = true
			refs = append(refs, []any{r.of.Tenant, r.of.ID})
		}
	}
	if len(refs) == 0 {
		return ctx.Err()
	}
	return s.db.Write(ctx, func(ctx context.Context, tx engine.Querier) error {
		known := map[tenant.Ref]bool{}
		err := engine.Each(ctx, tx, func(rows engine.Rows) error {
			var ref tenant.Ref
			err := rows.Scan(&ref.Tenant, &ref.ID)
			known[ref] = true
			return err
		}, s.sql.Known, encoded(refs), len(refs))
		if err != nil {
			return err
		}
		return s.append(ctx, tx, slices.DeleteFunc(slices.Clone(rows), func(r recordRow) bool { return !known[r.of] }))
	})
}

// A recordRow is a Record as a row of its table.
type recordRow struct {
	of     tenant.Ref
	values [recordValues]any
}

// rowsOfRecords makes the rows before a transaction begins: others wait for its end.
func rowsOfRecords(records []tenant.Record) []recordRow {
	var text []byte
	rows := make([]recordRow, 0, len(records))
	for i := range records {
		r := &records[i]
		if !legible(r.Connection) || !engine.Legible(r.ID) {
			continue
		}
		text = appendDocument(text[:0], r)
		rows = append(rows, recordRow{r.Connection, [...]any{r.Connection.Tenant, r.Connection.ID, r.ID, r.At.UnixMilli(), r.Status, string(text)}})
	}
	return rows
}

// append writes the records of connections that there are.
func (s *Store) append(ctx context.Context, tx engine.Querier, rows []recordRow) error {
	for len(rows) > 0 {
		statement, n := s.sql.AddRecord, 1
		if len(rows) >= manyRecords {
			statement, n = s.sql.AddRecords, manyRecords
		}
		values := make([]any, 0, n*recordValues)
		for _, r := range rows[:n] {
			values = append(values, r.values[:]...)
		}
		if _, err := tx.Exec(ctx, statement, values...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// isAbout reports whether a record is found by the id of a resource.
func isAbout(r *tenant.Record, id string) bool {
	return r.ResourceID == id || slices.ContainsFunc(r.Changes, func(c tenant.Change) bool { return c.ID == id })
}

// Records implements tenant.Store.
func (s *Store) Records(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
	if !engine.Legible(q.Tenant, q.Connection, q.ResourceID, q.Before) {
		return nil, ctx.Err()
	}
	q.Before = cmp.Or(q.Before, afterAll)
	q.Limit = cmp.Or(max(q.Limit, 0), defaultLimit)
	if q.AllTenants && (q.Connection != "" || q.ResourceID != "") {
		return s.anywhere(ctx, q)
	}
	switch {
	case q.Connection != "" && q.ResourceID != "":
		return s.ofResource(ctx, q)
	case q.Connection != "":
		return s.records(ctx, either(q.Refused, s.sql.Refused, s.sql.Records), q.Tenant, q.Connection, q.Before, q.Limit)
	case !q.AllTenants:
		return s.ofTenant(ctx, q)
	}
	return s.records(ctx, either(q.Refused, s.sql.AllRefused, s.sql.AllRecords), q.Before, q.Limit)
}

func either(which bool, a, b string) string {
	if which {
		return a
	}
	return b
}

// anywhere returns the records of a connection whose tenant is not named.
func (s *Store) anywhere(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
	if q.Connection == "" {
		return nil, fmt.Errorf("%w: a Query by ResourceID needs a Tenant or a Connection", tenant.ErrInvalid)
	}
	var of row
	err := s.one(ctx, []any{&of.tenant}, s.sql.TenantOf, q.Connection)
	if errors.Is(err, tenant.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	q.Tenant, q.AllTenants = of.tenant, false
	return s.Records(ctx, q)
}

// ofTenant merges the records of the connections that a tenant has: these are few.
func (s *Store) ofTenant(ctx context.Context, q tenant.Query) (found []tenant.Record, err error) {
	var ids []string
	err = s.db.Read(ctx, func(from engine.Querier) error {
		ids = nil
		return engine.Each(ctx, from, func(rows engine.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, s.sql.IDs, q.Tenant)
	})
	if err != nil {
		return nil, err
	}
	for _, q.Connection = range ids {
		some, err := s.Records(ctx, q)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b tenant.Record) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), q.Limit)], nil
}

// ofResource reads all that is kept of a connection, if need be. That is bounded, and
// an index of the resources of each record would cost more than all the rest.
func (s *Store) ofResource(ctx context.Context, q tenant.Query) (found []tenant.Record, err error) {
	const many = 5000
	all := q
	all.ResourceID, all.Limit = "", many
	for {
		page, err := s.Records(ctx, all)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if isAbout(&page[i], q.ResourceID) {
				found = append(found, page[i])
			}
			if len(found) == q.Limit {
				return found, nil
			}
		}
		if len(page) < many {
			return found, nil
		}
		all.Before = page[many-1].ID
	}
}

func (s *Store) records(ctx context.Context, query string, args ...any) (found []tenant.Record, err error) {
	err = s.db.Read(ctx, func(q engine.Querier) error {
		found = nil
		return engine.Each(ctx, q, func(rows engine.Rows) error {
			var ref tenant.Ref
			var id, text string
			var at int64
			if err := rows.Scan(&ref.Tenant, &ref.ID, &id, &at, &text); err != nil {
				return err
			}
			r, err := readDocument(text)
			if err != nil {
				return fmt.Errorf("sqlstore: record %s: %w", id, err)
			}
			r.ID, r.At, r.Connection = id, timeOf(&at), ref
			found = append(found, r)
			return nil
		}, query, args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Trim implements tenant.Store. It begins with the oldest, some at a time.
func (s *Store) Trim(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error {
	if !legible(ref) {
		return ctx.Err()
	}
	var beyond string
	err := s.db.Read(ctx, func(q engine.Querier) error {
		_, err := engine.One(ctx, q, []any{&beyond}, s.sql.Beyond, ref.Tenant, ref.ID, afterAll, max(keep, 0))
		return err
	})
	if err != nil {
		return err
	}
	return s.drop(ctx, func(id string, at int64) bool { return at < before.UnixMilli() || id <= beyond }, dropping{
		oldest: s.sql.Oldest, of: []any{ref.Tenant, ref.ID, afterAll, trimmed},
		upTo: s.sql.DropRecords, these: []any{ref.Tenant, ref.ID},
	})
}

// Expire implements tenant.Store, likewise.
func (s *Store) Expire(ctx context.Context, before time.Time) error {
	return s.drop(ctx, func(_ string, at int64) bool { return at < before.UnixMilli() }, dropping{
		oldest: s.sql.OldestOfAll, of: []any{trimmed}, upTo: s.sql.DropOfAll,
	})
}

// dropping are the statements that find the oldest records and delete them.
type dropping struct {
	oldest string
	of     []any
	upTo   string
	these  []any // and the newest of them
}

// drop deletes records from the oldest one on, while they are to go.
func (s *Store) drop(ctx context.Context, goes func(id string, at int64) bool, how dropping) (err error) {
	for more := true; more && err == nil; {
		err = s.db.Write(ctx, func(ctx context.Context, tx engine.Querier) (err error) {
			more, err = how.some(ctx, tx, goes)
			return err
		})
	}
	return err
}

// some deletes some records and reports whether there may be more to delete.
func (how *dropping) some(ctx context.Context, tx engine.Querier, goes func(id string, at int64) bool) (more bool, err error) {
	var last, end string // to delete, and of what was read
	n, stays := 0, false
	err = engine.Each(ctx, tx, func(rows engine.Rows) error {
		var at int64
		if err := rows.Scan(&end, &at); err != nil {
			return err
		}
		n++
		if stays = stays || !goes(end, at); !stays {
			last = end
		}
		return nil
	}, how.oldest, how.of...)
	if err != nil || last == "" {
		return false, err
	}
	_, err = tx.Exec(ctx, how.upTo, append(slices.Clone(how.these), last)...)
	return err == nil && n == trimmed && last == end, err
}
