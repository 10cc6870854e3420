package engine

import (
	"context"
	"iter"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/jsontext"
)

// A set reads the members or groups of a resource as they are asked for, a part at
// a time: no rows stay open meanwhile, which would keep a connection.
type set struct {
	ctx    context.Context
	store  *Store
	tenant string
	id     string
}

// part is how many elements are read at a time.
const part = 2000

// all walks the elements that a statement yields in the order of their ids.
func (s set) all(query string, dest func(*scim.Member) []any) iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		after := ""
		for {
			var found []scim.Member
			err := s.store.reading(s.ctx, func() error {
				found = nil
				return Each(s.ctx, s.store.querier(), func(rows Rows) error {
					var m scim.Member
					err := rows.Scan(dest(&m)...)
					found = append(found, m)
					return err
				}, query, s.tenant, s.id, after, part)
			})
			if err != nil {
				yield(scim.Member{}, err)
				return
			}
			for _, m := range found {
				if !yield(m, nil) {
					return
				}
			}
			if len(found) < part {
				return
			}
			after = found[len(found)-1].ID
		}
	}
}

func (s set) has(query, id string) (found bool, err error) {
	if !Legible(id) {
		return false, nil
	}
	var n int
	err = s.store.reading(s.ctx, func() error {
		found, err = One(s.ctx, s.store.querier(), []any{&n}, query, s.tenant, s.id, id)
		return err
	})
	return found, err
}

type membersOf struct{ set }

func (m *membersOf) All() iter.Seq2[scim.Member, error] {
	return m.all(m.store.sql.Members, func(m *scim.Member) []any { return []any{&m.ID, &m.Type} })
}

func (m *membersOf) Has(id string) (bool, error) { return m.has(m.store.sql.IsMember, id) }

// remembered is a Set that a filter may ask hundreds of times. From the second time
// on it has what is in a small one; a large one is read again.
type remembered struct {
	of    scim.Set
	known scim.Set // if it is small
	asked int
}

func (r *remembered) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		set, err := r.set()
		if err != nil {
			yield(scim.Member{}, err)
			return
		}
		set.All()(yield)
	}
}

func (r *remembered) Has(id string) (bool, error) {
	set, err := r.set()
	if err != nil {
		return false, err
	}
	return set.Has(id)
}

// set returns what to ask.
func (r *remembered) set() (scim.Set, error) {
	if r.asked++; r.asked == 2 {
		var found []scim.Member
		for m, err := range r.of.All() {
			if err != nil {
				return nil, err
			}
			if found = append(found, m); len(found) == part {
				return r.of, nil
			}
		}
		r.known = scim.SetOf(found...)
	}
	if r.known != nil {
		return r.known, nil
	}
	return r.of, nil
}

type groupsOf struct{ set }

func (g *groupsOf) All() iter.Seq2[scim.Member, error] {
	return g.all(g.store.sql.Groups, func(m *scim.Member) []any { return []any{&m.ID, &m.Type, nullable{&m.Display}} })
}

func (g *groupsOf) Has(id string) (bool, error) { return g.has(g.store.sql.IsInGroup, id) }

// nullable scans a text that may be null, which is an empty one.
type nullable struct{ to *string }

// Scan implements sql.Scanner.
func (n nullable) Scan(v any) error {
	switch v := v.(type) {
	case string:
		*n.to = v
	case []byte:
		*n.to = string(v)
	}
	return nil
}

// groupsIn reads what groupsColumn yields; nil if there are none.
func groupsIn(text *string) scim.Set {
	if text == nil || *text == "[]" {
		return nil
	}
	var groups []scim.Member
	list := jsontext.NewArray([]byte(*text))
	for triple, ok := list.Next(); ok; triple, ok = list.Next() {
		var m scim.Member
		parts := jsontext.NewArray(triple)
		for _, to := range []*string{&m.ID, &m.Type, &m.Display} {
			if v, ok := parts.Next(); ok && v[0] == '"' {
				*to = jsontext.Unquote(v)
			}
		}
		groups = append(groups, m)
	}
	return scim.SetOf(groups...)
}
