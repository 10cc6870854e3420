package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// Create implements scim.Store.
func (s *Store) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	s = s.joined(ctx)
	if c.Document.IsZero() {
		return nil, errors.New("sqlstore: Create without a Document")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := storable(ref); err != nil {
		return nil, err
	}
	r := &row{tenant: ref.Tenant, typ: ref.Type, document: c.Document.String(), display: displayOf(c.Document), revision: 1}
	r.place(c.Keys)
	var added []scim.Member
	var err error
	if unique := uniques(r.otherKeys()); s.tx == nil && s.dialect == sqlfilter.PostgreSQL && unique == 0 && len(c.Members.Add) == 0 {
		// One statement does it all.
		err = s.retry(ctx, func(int) error { return s.insertAtOnce(ctx, s.db, r) })
	} else {
		err = s.write(ctx, func(ctx context.Context, tx Querier) error {
			members, err := s.resolve(ctx, tx, r, c.Members)
			if err != nil {
				return err
			}
			if err := s.insert(ctx, tx, r, unique); err != nil {
				return err
			}
			added, err = s.addMembers(ctx, tx, r, members)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	s.grew(ctx, 1+len(added))
	return &scim.Updated{Resource: &scim.Resource{
		Ref: r.ref(), Version: versionText(1), Created: timeOf(r.created), LastModified: timeOf(r.created),
		Document: c.Document, Keys: c.Keys,
	}, Added: added}, nil
}

// How long the names of a tenant and of a type may be, in bytes: they are in every
// key, and PostgreSQL's indexes take no more than 2,700 bytes of one.
const (
	mostTenant = 1000
	mostType   = 200
)

// storable reports scim.ErrInvalidValue for what cannot be in the database. Nothing
// of it is ever found either.
func storable(ref scim.Ref) error {
	switch {
	case !Legible(ref.Tenant):
		return scim.Errorf(scim.ErrInvalidValue, "the name of the tenant is not UTF-8, or has a NUL in it")
	case len(ref.Tenant) > mostTenant:
		return scim.Errorf(scim.ErrInvalidValue, "the name of the tenant has %d bytes, and may have %d", len(ref.Tenant), mostTenant)
	case !Legible(ref.Type), len(ref.Type) > mostType:
		return scim.Errorf(scim.ErrInvalidValue, "the name of the resource type is not UTF-8, has a NUL in it or more than %d bytes", mostType)
	}
	return nil
}

// identify gives a new resource its id and times. Each try has its own: the time
// of the id is that of the transaction.
func (s *Store) identify(r *row) {
	id, at := s.newID()
	r.id, r.created, r.modified = id, at.UnixMilli(), at.UnixMilli()
}

func (r *row) insertArgs() []any {
	return []any{r.tenant, r.typ, r.id, r.created, r.document, r.userName, r.externalID, r.name, r.otherKey, r.display}
}

// insertAtOnce writes a resource and its keys with one statement.
func (s *Store) insertAtOnce(ctx context.Context, q Querier, r *row) error {
	s.identify(r)
	query := s.sql.Insert
	if r.otherKey != nil {
		query = s.sql.InsertWithKeys
	}
	n, err := q.Exec(ctx, query, r.insertArgs()...)
	if err == nil && n == 0 {
		return s.taken(ctx, q, r)
	}
	return err
}

// insert writes a resource and its keys, unique of which must be; or nothing, if
// one of them is taken, so that a transaction around it can go on.
func (s *Store) insert(ctx context.Context, tx Querier, r *row, unique int) error {
	if s.dialect == sqlfilter.PostgreSQL && unique == 0 {
		return s.insertAtOnce(ctx, tx, r)
	}
	s.identify(r)
	if unique > 0 {
		if err := s.available(ctx, tx, r, r.otherKeys()); err != nil {
			return err
		}
	}
	n, err := tx.Exec(ctx, s.sql.Insert, r.insertArgs()...)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.taken(ctx, tx, r)
	}
	if r.otherKey == nil {
		return nil
	}
	return s.addKeys(ctx, tx, r, r.otherKey, len(r.otherKeys()))
}

// addKeys writes n keys into scim_key. The unique ones have been seen to be
// available; that one is taken even so, by a transaction at the same time, is for
// the next try to explain.
func (s *Store) addKeys(ctx context.Context, tx Querier, r *row, keys *string, n int) error {
	added, err := tx.Exec(ctx, s.sql.InsertKeys, r.tenant, r.typ, r.id, *keys)
	if err != nil {
		return err
	}
	if added != int64(n) {
		return errAgain
	}
	return nil
}

// taken reports which unique value of a resource another has.
func (s *Store) taken(ctx context.Context, q Querier, r *row) error {
	if err := s.available(ctx, q, r, r.keys()); err != nil {
		return err
	}
	return errAgain // it was taken a moment ago and is not now
}

// available reports scim.ErrUniqueness if another resource has one of the keys
// that must be unique.
func (s *Store) available(ctx context.Context, q Querier, r *row, keys []scim.Key) error {
	for _, k := range keys {
		if !k.Unique {
			continue
		}
		var id string
		query, args := s.sql.KeyTaken, []any{r.tenant, r.typ, k.Path, k.Value}
		if i := columnOf(k); i >= 0 {
			query, args = s.sql.ColumnTaken[i], []any{r.tenant, r.typ, k.Value}
		}
		found, err := One(ctx, q, []any{&id}, query, args...)
		if err != nil {
			return err
		}
		if found && id != r.id {
			return &scim.Error{Kind: scim.ErrUniqueness, Detail: k.Path + " is already in use", Err: fmt.Errorf("%s %s has it", r.typ, id)}
		}
	}
	return nil
}
