package directory

import (
	"context"
	"database/sql"
	"iter"

	"github.com/usherkit/scim"
)

// A set is read as it is used, so it costs nothing where it is not.
type set struct {
	ctx   context.Context
	db    *sql.DB
	query string // of all elements
	id    string // the column with their ids
	of    string // whose they are
}

// All reads them at once: who is in a team of a hundred thousand is some megabytes.
func (s set) All() iter.Seq2[scim.Member, error] {
	all, err := members(s.ctx, s.db, s.query+" ORDER BY "+s.id, s.of)
	if err != nil {
		return func(yield func(scim.Member, error) bool) { yield(scim.Member{}, err) }
	}
	return scim.SetOf(all...).All()
}

func (s set) Has(id string) (bool, error) {
	if !isID(id) {
		return false, nil
	}
	found, err := members(s.ctx, s.db, s.query+" AND "+s.id+" = $2", s.of, id)
	return len(found) > 0, err
}

// members returns rows of an id, a type and a name.
func members(ctx context.Context, q querier, query string, args ...any) (found []scim.Member, err error) {
	err = each(ctx, q, query, args, func(row *sql.Rows) error {
		var m scim.Member
		err := row.Scan(&m.ID, &m.Type, &m.Display)
		found = append(found, m)
		return err
	})
	return found, err
}
