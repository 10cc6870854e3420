package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/jsontext"
)

// resolve finds the members that a delta adds to a group, which has no id yet if
// it is being created: each once, with its type, in the order of the delta.
func (s *Store) resolve(ctx context.Context, q Querier, group *row, d scim.MemberDelta) ([]scim.Member, error) {
	if len(d.Add) == 0 {
		return nil, nil
	}
	types := d.Types
	if types == nil {
		var err error
		if types, err = s.types(ctx, q, group.tenant); err != nil {
			return nil, err
		}
	}
	ids := make([]string, 0, len(d.Add))
	for _, m := range d.Add {
		if !Legible(m.ID) {
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q does not exist", m.ID)
		}
		ids = append(ids, m.ID)
	}
	typeOf, err := s.find(ctx, q, group.tenant, types, ids)
	if err != nil {
		return nil, err
	}
	members := make([]scim.Member, 0, len(d.Add))
	named := make(map[string]bool, len(d.Add))
	for _, m := range d.Add {
		typ, found := typeOf[m.ID]
		switch {
		case !found:
			return nil, s.unfit(ctx, q, group.tenant, m, d.Types)
		case m.ID == group.id:
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q is the group itself", m.ID)
		case m.Type != "" && m.Type != typ:
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q is of type %s, not %.100s", m.ID, typ, m.Type)
		case !named[m.ID]:
			members = append(members, scim.Member{ID: m.ID, Type: typ})
			named[m.ID] = true
		}
	}
	return members, nil
}

// unfit says why something that is not among the resources of the types cannot
// be a member.
func (s *Store) unfit(ctx context.Context, q Querier, tenant string, m scim.Member, types []string) error {
	if types != nil {
		all, err := s.types(ctx, q, tenant)
		if err != nil {
			return err
		}
		found, err := s.find(ctx, q, tenant, all, []string{m.ID})
		if err != nil {
			return err
		}
		if typ := found[m.ID]; typ != "" {
			return scim.Errorf(scim.ErrInvalidValue, "member %.100q is of type %s; a member must be of type %s",
				m.ID, typ, strings.Join(types, " or "))
		}
	}
	return scim.Errorf(scim.ErrInvalidValue, "member %.100q does not exist", m.ID)
}

// types returns the types that a tenant has resources of.
func (s *Store) types(ctx context.Context, q Querier, tenant string) (types []string, err error) {
	err = Each(ctx, q, func(rows Rows) error {
		var typ string
		err := rows.Scan(&typ)
		types = append(types, typ)
		return err
	}, s.sql.TypesOf, tenant)
	return types, err
}

// find returns the types of those of the ids that there are.
func (s *Store) find(ctx context.Context, q Querier, tenant string, types, ids []string) (map[string]string, error) {
	found := make(map[string]string, len(ids))
	err := Each(ctx, q, func(rows Rows) error {
		var id, typ string
		err := rows.Scan(&id, &typ)
		found[id] = typ
		return err
	}, s.sql.Find, tenant, texts(types), texts(ids))
	return found, err
}

// addMembers adds resolved members to a group, and returns those that it did not
// have. What it costs is the size of the change, never that of the group.
func (s *Store) addMembers(ctx context.Context, tx Querier, group *row, members []scim.Member) ([]scim.Member, error) {
	if len(members) == 0 {
		return nil, nil
	}
	pairs := []byte{'['}
	for i, m := range members {
		if i > 0 {
			pairs = append(pairs, ',')
		}
		pairs = jsontext.AppendQuote(append(pairs, '['), m.ID)
		pairs = append(jsontext.AppendQuote(append(pairs, ','), m.Type), ']')
	}
	added, err := s.membersIn(ctx, tx, s.sql.AddMembers, group.tenant, group.typ, group.id, string(append(pairs, ']')))
	if err != nil && Classify(err) == ForeignKey {
		return nil, errAgain // a member was deleted since it was found
	}
	if err != nil || len(added) == len(members) {
		return members[:len(added)], err
	}
	isNew := make(map[string]bool, len(added))
	for _, m := range added {
		isNew[m.ID] = true
	}
	return slices.DeleteFunc(members, func(m scim.Member) bool { return !isNew[m.ID] }), nil
}

// removeMembers removes what a delta takes away and returns what was there.
// members are those that it adds.
func (s *Store) removeMembers(ctx context.Context, tx Querier, group *row, d scim.MemberDelta, members []scim.Member) (removed []scim.Member, err error) {
	if d.Reset {
		ids := make([]string, 0, len(members))
		for _, m := range members {
			ids = append(ids, m.ID)
		}
		if removed, err = s.membersIn(ctx, tx, s.sql.KeepMembers, group.tenant, group.id, texts(ids)); err != nil {
			return nil, err
		}
	}
	if len(d.Remove) == 0 {
		return removed, nil
	}
	remove := slices.DeleteFunc(slices.Clone(d.Remove), func(id string) bool { return !Legible(id) })
	query, which := s.sql.RemoveMembers, texts(remove)
	if len(remove) == 1 { // the usual case, which leaves a planner no choice
		query, which = s.sql.RemoveMember, remove[0]
	}
	more, err := s.membersIn(ctx, tx, query, group.tenant, group.id, which)
	return append(removed, more...), err
}

// displayOf returns the displayName of a document: what its members show of a
// group. It has a column of its own, for a document may be of megabytes.
func displayOf(d scim.Document) *string {
	value, ok := d.Get("displayName")
	if !ok || value[0] != '"' {
		return nil
	}
	name := jsontext.UnquoteString(value)
	return &name
}

// membersIn reads rows of an id and a type.
func (s *Store) membersIn(ctx context.Context, q Querier, query string, args ...any) (members []scim.Member, err error) {
	err = Each(ctx, q, func(rows Rows) error {
		var m scim.Member
		err := rows.Scan(&m.ID, &m.Type)
		members = append(members, m)
		return err
	}, query, args...)
	return members, err
}
