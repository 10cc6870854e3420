package engine

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s = s.joined(ctx)
	version := revisionOf(c.Version)
	if s.tx == nil && s.dialect == sqlfilter.PostgreSQL && Legible(ref.Tenant, ref.Type, ref.ID) && !c.Document.IsZero() && c.Keys == nil && c.Members.IsZero() {
		u, err := s.replaceDocument(ctx, ref, c.Document, version)
		if u != nil || err != nil {
			return u, err
		}
	}
	var u *scim.Updated
	err := s.write(ctx, func(ctx context.Context, tx Querier) (err error) {
		u, err = s.update(ctx, tx, ref, c, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.grew(ctx, len(u.Added))
	return u, nil
}

// replaceDocument writes a document, of which no key has changed, with one
// statement. It returns nil if it did not: for want of the resource or the
// version, or because the document is there already.
func (s *Store) replaceDocument(ctx context.Context, ref scim.Ref, d scim.Document, version int64) (*scim.Updated, error) {
	r := row{tenant: ref.Tenant, typ: ref.Type}
	var found bool
	err := s.retry(ctx, func(int) (err error) {
		ctx, done := Lingering(ctx)
		defer done()
		found, err = One(ctx, s.db, r.dest(), s.sql.ReplaceDocument, ref.Tenant, ref.Type, ref.ID, s.now().UnixMilli(), d.String(), version, displayOf(d))
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	resource, err := r.resource()
	if err != nil {
		return nil, err
	}
	return &scim.Updated{Resource: resource}, nil
}

// update makes a change within a transaction.
func (s *Store) update(ctx context.Context, tx Querier, ref scim.Ref, c scim.Change, version int64) (*scim.Updated, error) {
	was, err := s.lock(ctx, tx, s.sql.Lock, ref, version)
	if err != nil {
		return nil, err
	}
	members, err := s.resolve(ctx, tx, was, c.Members)
	if err != nil {
		return nil, err
	}
	next := *was
	if !c.Document.IsZero() {
		next.document = c.Document.String()
	}
	if c.Keys != nil {
		next.place(c.Keys)
	}
	rekeyed := !(same(was.userName, next.userName) && same(was.externalID, next.externalID) && same(was.name, next.name) && same(was.otherKey, next.otherKey))
	if rekeyed {
		if err := s.rekey(ctx, tx, was, &next); err != nil {
			return nil, err
		}
	}
	u := &scim.Updated{}
	if u.Removed, err = s.removeMembers(ctx, tx, was, c.Members, members); err != nil {
		return nil, err
	}
	if u.Added, err = s.addMembers(ctx, tx, was, members); err != nil {
		return nil, err
	}
	if next.document != was.document || len(u.Added)+len(u.Removed) > 0 {
		next.revision++
		next.modified = s.now().UnixMilli()
	} else if !rekeyed {
		u.Resource, err = was.resource()
		return u, err
	}
	if u.Resource, err = next.resource(); err != nil {
		return nil, err
	}
	written := []any{next.tenant, next.typ, next.id, next.revision, next.modified, next.document, next.userName, next.externalID, next.name, next.otherKey, displayOf(u.Resource.Document)}
	if same(was.userName, next.userName) {
		err = queue(ctx, tx, s.sql.Update, written...)
	} else if _, err = tx.Exec(ctx, s.sql.Update, written...); err != nil && Classify(err) == Unique {
		err = errAgain // another has taken the name since it was seen to be available
	}
	if err != nil {
		return nil, err
	}
	s.seen.wrote(&next)
	return u, nil
}

// lock reads the row of a resource, which nobody else changes until the
// transaction ends.
func (s *Store) lock(ctx context.Context, tx Querier, query string, ref scim.Ref, version int64) (*row, error) {
	if !Legible(ref.Tenant, ref.Type, ref.ID) {
		return nil, scim.ErrNotFound
	}
	r := &row{tenant: ref.Tenant, typ: ref.Type}
	found, err := One(ctx, tx, r.dest(), query, ref.Tenant, ref.Type, ref.ID)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, scim.ErrNotFound
	case version != 0 && version != r.revision:
		return nil, scim.ErrVersion
	case version == 0 && s.seen.changed(r):
		return nil, errAgain
	}
	return r, nil
}

// rekey writes the keys in scim_key that change, after it has seen that the
// unique ones of all that change are available.
func (s *Store) rekey(ctx context.Context, tx Querier, was, next *row) error {
	old, keys := was.keys(), next.keys()
	if err := s.available(ctx, tx, next, without(keys, old)); err != nil {
		return err
	}
	if same(was.otherKey, next.otherKey) {
		return nil
	}
	old, keys = was.otherKeys(), next.otherKeys()
	if err := s.deleteKeys(ctx, tx, was, without(old, keys)); err != nil {
		return err
	}
	come := without(keys, old)
	if text := keysText(come); text != nil {
		return s.addKeys(ctx, tx, next, text, len(come))
	}
	return nil
}

func (s *Store) deleteKeys(ctx context.Context, tx Querier, r *row, keys []scim.Key) error {
	for _, k := range keys {
		if err := queue(ctx, tx, s.sql.DeleteKey, r.tenant, r.typ, k.Path, k.Value, r.id); err != nil {
			return err
		}
	}
	return nil
}

// without returns the keys that are not among others.
func without(keys, others []scim.Key) (rest []scim.Key) {
	for _, k := range keys {
		if !slices.Contains(others, k) {
			rest = append(rest, k)
		}
	}
	return rest
}

// Delete implements scim.Store.
func (s *Store) Delete(ctx context.Context, ref scim.Ref, version string) error {
	s = s.joined(ctx)
	return s.write(ctx, func(ctx context.Context, tx Querier) error {
		return s.delete(ctx, tx, ref, revisionOf(version))
	})
}

func (s *Store) delete(ctx context.Context, tx Querier, ref scim.Ref, version int64) error {
	if s.dialect == sqlfilter.PostgreSQL && Legible(ref.Tenant, ref.ID) {
		if err := s.lockGroups(ctx, tx, ref); err != nil {
			return err
		}
	}
	r, err := s.lock(ctx, tx, s.sql.LockKey, ref, version)
	if err != nil {
		return err
	}
	left, err := s.membersIn(ctx, tx, s.sql.Leave, ref.Tenant, ref.ID)
	if err != nil {
		return err
	}
	for typ, ids := range byType(left) {
		if err := queue(ctx, tx, s.sql.Bump, ref.Tenant, typ, texts(ids), s.now().UnixMilli()); err != nil {
			return err
		}
		for _, id := range ids {
			s.seen.forget(scim.Ref{Tenant: ref.Tenant, Type: typ, ID: id})
		}
	}
	if err := queue(ctx, tx, s.sql.ClearMembers, ref.Tenant, ref.ID); err != nil {
		return err
	}
	if err := s.deleteKeys(ctx, tx, r, r.otherKeys()); err != nil {
		return err
	}
	return queue(ctx, tx, s.sql.Delete, ref.Tenant, ref.Type, ref.ID)
}

// lockGroups locks the groups of a resource that is about to be deleted, before
// itself: whoever adds it to a group has locked that one first too.
func (s *Store) lockGroups(ctx context.Context, tx Querier, ref scim.Ref) error {
	groups, err := s.membersIn(ctx, tx, s.sql.GroupsOf, ref.Tenant, ref.ID)
	if err != nil {
		return err
	}
	for typ, ids := range byType(groups) {
		if err := Each(ctx, tx, func(Rows) error { return nil }, s.sql.LockGroups, ref.Tenant, typ, texts(ids)); err != nil {
			return err
		}
	}
	return nil
}

// byType yields the ids of members of one type after the other, in order.
func byType(members []scim.Member) iter.Seq2[string, []string] {
	ids := map[string][]string{}
	for _, m := range members {
		ids[m.Type] = append(ids[m.Type], m.ID)
	}
	return func(yield func(string, []string) bool) {
		for _, typ := range slices.Sorted(maps.Keys(ids)) {
			if !yield(typ, ids[typ]) {
				return
			}
		}
	}
}
