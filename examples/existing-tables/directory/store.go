package directory

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// A Store is a scim.Store over the application's tables.
type Store struct {
	db *sql.DB
	dialect
	tables map[string]*table // by resource type
}

var _ scim.Store = (*Store)(nil)

// Create implements scim.Store.
func (s *Store) Create(ctx context.Context, ref scim.Ref, c scim.Change) (u *scim.Updated, err error) {
	if s.tables[ref.Type] == nil {
		return nil, fmt.Errorf("directory: no table has resources of type %q", ref.Type)
	}
	err = inTx(ctx, s.db, func(tx *sql.Tx) error {
		id, err := uuid.NewV7() // a time in it, so that the order of ids is that of creation
		if err != nil {
			return err
		}
		ref.ID = id.String()
		at := time.Unix(id.Time().UnixTime()).UTC()
		u = &scim.Updated{Resource: &scim.Resource{Ref: ref, Version: "1", Created: at, LastModified: at, Document: c.Document}}
		if err := s.insert(ctx, tx, u.Resource); err != nil {
			return err
		}
		u.Added, _, err = s.changeMembers(ctx, tx, ref, c.Members)
		return err
	})
	return u, err
}

// Get implements scim.Store.
func (s *Store) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	r, err := s.find(ctx, s.db, ref, "", "")
	if err != nil {
		return nil, err
	}
	if !p.Members {
		r.Members = nil
	}
	if !p.Groups {
		r.Groups = nil
	}
	return r, nil
}

// List implements scim.Store.
func (s *Store) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	t := s.tables[q.Type]
	if t == nil {
		return new(scim.Page), nil
	}
	return t.mapping.Page(ctx, q, sqlfilter.Source{
		Args: []any{q.Tenant},
		Count: func(ctx context.Context, where string, args []any, most int) (n int, err error) {
			query := fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s r WHERE r.org_id = $1 AND %s LIMIT %d) AS counted",
				t.name, where, cmp.Or(most, math.MaxInt32))
			err = each(ctx, s.db, query, args, func(row *sql.Rows) error { return row.Scan(&n) })
			return n, err
		},
		Read: func(ctx context.Context, rows sqlfilter.Rows) ([]*scim.Resource, error) {
			return s.read(ctx, s.db, scim.Ref{Tenant: q.Tenant, Type: q.Type}, rows.String(), rows.Args)
		},
	})
}

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, ref scim.Ref, c scim.Change) (u *scim.Updated, err error) {
	err = inTx(ctx, s.db, func(tx *sql.Tx) error {
		r, err := s.find(ctx, tx, ref, c.Version, s.forUpdate)
		if err != nil {
			return err
		}
		u = &scim.Updated{Resource: r}
		if u.Added, u.Removed, err = s.changeMembers(ctx, tx, ref, c.Members); err != nil {
			return err
		}
		if !c.Document.IsZero() && !c.Document.Equal(r.Document) {
			r.Document = c.Document
		} else if len(u.Added)+len(u.Removed) == 0 {
			return nil // nothing has changed: the version stays
		}
		return s.update(ctx, tx, r)
	})
	return u, err
}

// Delete implements scim.Store.
func (s *Store) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return inTx(ctx, s.db, func(tx *sql.Tx) error {
		if _, err := s.find(ctx, tx, ref, version, ""); err != nil {
			return err
		}
		// Teams are locked in one order, and before who is in them, as in Update: few
		// writes wait for each other in a circle, which inTx would have to begin again.
		teams := "SELECT id FROM teams WHERE id = $1 OR id IN (SELECT team_id FROM team_members WHERE member_id = $1) ORDER BY id" + s.forUpdate
		if err := each(ctx, tx, teams, []any{ref.ID}, func(*sql.Rows) error { return nil }); err != nil {
			return err
		}
		if _, err := s.find(ctx, tx, ref, version, s.forUpdate); err != nil {
			return err
		}
		const changed = "UPDATE teams SET version = version + 1, updated_at = $2 WHERE id IN (SELECT team_id FROM team_members WHERE member_id = $1)"
		at := now()
		if _, err := tx.ExecContext(ctx, changed, ref.ID, moment{&at}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM team_members WHERE member_id = $1 OR team_id = $1", ref.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM "+s.tables[ref.Type].name+" WHERE id = $1", ref.ID)
		return err
	})
}

// find returns a resource, locked until the transaction ends if lock says so. A
// version that is not empty must be the current one.
func (s *Store) find(ctx context.Context, q querier, ref scim.Ref, version, lock string) (*scim.Resource, error) {
	if s.tables[ref.Type] == nil || !isID(ref.ID) {
		return nil, scim.ErrNotFound
	}
	found, err := s.read(ctx, q, ref, "r.id = $2"+lock, []any{ref.Tenant, ref.ID})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, scim.ErrNotFound
	case version != "" && version != found[0].Version:
		return nil, scim.ErrVersion
	}
	return found[0], nil
}

// changeMembers changes who is in a team, and returns who was not before and who is
// no longer. It costs what the change is, and not what the team is.
func (s *Store) changeMembers(ctx context.Context, tx *sql.Tx, team scim.Ref, d scim.MemberDelta) (added, removed []scim.Member, err error) {
	var add []string
	for _, m := range d.Add {
		add = append(add, m.ID)
	}
	const returning = " RETURNING member_id, member_type, ''"
	switch {
	case d.Reset:
		removed, err = members(ctx, tx, "DELETE FROM team_members WHERE team_id = $1 AND member_id NOT IN "+s.ids("$2")+returning, team.ID, jsonOf(add))
	case len(d.Remove) > 0:
		removed, err = members(ctx, tx, "DELETE FROM team_members WHERE team_id = $1 AND member_id IN "+s.ids("$2")+returning, team.ID, jsonOf(d.Remove))
	}
	if err != nil || len(add) == 0 {
		return nil, removed, err
	}
	types := map[string]string{} // of those to be added, who are not deleted meanwhile
	for typ, t := range s.tables {
		found, err := members(ctx, tx, "SELECT r.id, '"+typ+"', '' FROM "+t.name+" r WHERE r.org_id = $1 AND r.id IN "+s.ids("$2")+s.forShare, team.Tenant, jsonOf(add))
		if err != nil {
			return nil, nil, err
		}
		for _, m := range found {
			types[m.ID] = typ
		}
		joined, err := members(ctx, tx, "INSERT INTO team_members (team_id, member_id, member_type) SELECT t.id, r.id, '"+typ+"' FROM teams t, "+t.name+
			" r WHERE t.id = $1 AND r.org_id = $2 AND r.id IN "+s.ids("$3")+" ON CONFLICT DO NOTHING"+returning, team.ID, team.Tenant, jsonOf(add))
		if err != nil {
			return nil, nil, err
		}
		added = append(added, joined...)
	}
	for _, m := range d.Add { // an error undoes what was added
		if typ := types[m.ID]; typ == "" || m.ID == team.ID || m.Type != "" && m.Type != typ || d.Types != nil && !slices.Contains(d.Types, typ) {
			return nil, nil, scim.Errorf(scim.ErrInvalidValue, "members: no %.100q is there that can be a member of this group", m.ID)
		}
	}
	return added, removed, nil
}
