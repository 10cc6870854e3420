package elimity

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/usherkit/scim"
)

// An element is an element of the members of a group, or of the groups of a
// member, as a handler keeps it.
type element struct {
	id    string
	parts map[string]any // value, type, $ref, display, whatever else there is
}

func (e element) text(part string) string {
	for name, value := range e.parts {
		if s, ok := value.(string); ok && strings.EqualFold(name, part) {
			return s
		}
	}
	return ""
}

// elements reads the value of members or groups. Of elements with one id the
// first counts, and one without an id is left out.
func elements(value any) ([]element, error) {
	list, ok := value.([]any)
	if !ok {
		src, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		var one any
		if err := json.Unmarshal(src, &one); err != nil {
			return nil, err
		}
		switch one := one.(type) {
		case nil:
			return nil, nil
		case []any:
			list = one
		default:
			list = []any{one}
		}
	}
	out := make([]element, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, v := range list {
		e := element{}
		if id, ok := v.(string); ok {
			e.parts = map[string]any{"value": id}
		} else if e.parts, ok = object(v); !ok {
			return nil, fmt.Errorf("an element of members or groups is %T", v)
		}
		if e.id = e.text("value"); e.id != "" && !seen[e.id] {
			seen[e.id] = true
			out = append(out, e)
		}
	}
	return out, nil
}

// with returns a record's Resource with the Sets that are wanted.
func (c *call) with(rec *record, p scim.Projection) *scim.Resource {
	k := c.kind(rec.Type)
	members := p.Members && k.members != ""
	groups := p.Groups && (rec.knowsGroups || slices.ContainsFunc(c.kinds, (*kind).hasMembers))
	if !members && !groups {
		return rec.Resource
	}
	out := *rec.Resource
	if members {
		out.Members = newSet(c, k, rec.members)
	}
	if groups {
		out.Groups = c.groupsOf(rec)
	}
	return &out
}

func (k *kind) hasMembers() bool { return k.members != "" }

// A memberSet is the Set of a group's members, as the group was read.
type memberSet struct {
	in      *call
	of      *kind
	members []element
	ids     func() map[string]bool
}

func newSet(c *call, of *kind, members []element) scim.Set {
	return &memberSet{c, of, members, sync.OnceValue(func() map[string]bool {
		ids := make(map[string]bool, len(members))
		for _, e := range members {
			ids[e.id] = true
		}
		return ids
	})}
}

func (s *memberSet) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		for _, e := range s.members {
			m, err := s.in.member(s.of, e)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func (s *memberSet) Has(id string) (bool, error) { return s.ids()[id], nil }

// member says of what type a member is: as the handler says, by type or $ref,
// or else by asking for it.
func (c *call) member(of *kind, e element) (scim.Member, error) {
	if name := c.typeSaid(e); name != "" {
		return scim.Member{ID: e.id, Type: name}, nil
	}
	candidates := c.candidates(of.memberTypes)
	if len(candidates) == 0 {
		candidates = c.kinds
	}
	if len(candidates) == 1 {
		return scim.Member{ID: e.id, Type: candidates[0].name}, nil
	}
	k, err := c.lookup(e.id, candidates)
	switch {
	case err != nil:
		return scim.Member{}, err
	case k == nil: // the handler holds on to what is deleted
		k = candidates[0]
	}
	return scim.Member{ID: e.id, Type: k.name}, nil
}

// typeSaid returns the resource type that an element names, or "".
func (c *call) typeSaid(e element) string {
	said, ref := e.text("type"), e.text("$ref")
	for _, k := range c.kinds {
		if strings.EqualFold(said, k.name) || ref != "" && strings.Contains("/"+ref, "/"+k.endpoint+"/") {
			return k.name
		}
	}
	return ""
}

// candidates are the kinds of the names; nil means all.
func (c *call) candidates(names []string) (kinds []*kind) {
	for _, k := range c.kinds {
		if names == nil || slices.Contains(names, k.name) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// lookup finds out which kind the resource of an id is of; nil: there is none.
func (c *call) lookup(id string, among []*kind) (*kind, error) {
	for _, k := range among {
		switch _, err := c.get(k, id); {
		case err == nil:
			return k, nil
		case !errors.Is(err, scim.ErrNotFound):
			return nil, err
		}
	}
	return nil, nil
}

// A changed is what a MemberDelta leads to.
type changed struct {
	elements       []element
	added, removed []scim.Member
}

// change applies a delta to the members of a group, which has no id if it is
// being created.
func (c *call) change(k *kind, group string, members []element, d scim.MemberDelta) (changed, error) {
	out := changed{elements: members}
	if d.IsZero() || k.members == "" && len(d.Add) == 0 {
		return out, nil
	}
	if k.members == "" {
		return out, fmt.Errorf("elimity: a %s has no members", k.name)
	}
	present := make(map[string]element, len(members))
	for _, e := range members {
		present[e.id] = e
	}
	stays := make(map[string]bool, len(d.Add))
	var add []element
	for _, m := range d.Add {
		if stays[m.ID] {
			continue
		}
		e, is := present[m.ID]
		typ, err := c.allowed(group, m, d.Types, func() (string, error) {
			if !is {
				return "", nil
			}
			known, err := c.member(k, e)
			return known.Type, err
		})
		if err != nil {
			return out, err
		}
		stays[m.ID] = true
		if !is {
			add = append(add, k.element(m, typ))
			out.added = append(out.added, scim.Member{ID: m.ID, Type: typ})
		}
	}
	gone := make(map[string]bool, len(d.Remove))
	for _, id := range d.Remove {
		gone[id] = true
	}
	out.elements = make([]element, 0, len(members)+len(add))
	for _, e := range members {
		if !gone[e.id] && (!d.Reset || stays[e.id]) {
			out.elements = append(out.elements, e)
			continue
		}
		m, err := c.member(k, e)
		if err != nil {
			return out, err
		}
		out.removed = append(out.removed, m)
	}
	out.elements = append(out.elements, add...)
	return out, nil
}

// allowed checks a member to add, and returns its type. If it is a member
// already, known tells its type.
func (c *call) allowed(group string, m scim.Member, types []string, known func() (string, error)) (string, error) {
	refuse := func(why string, args ...any) (string, error) {
		return "", scim.Errorf(scim.ErrInvalidValue, "member %.100q "+why, append([]any{m.ID}, args...)...)
	}
	if m.ID == "" || m.ID == group {
		return refuse("is empty or the group itself")
	}
	typ, err := known()
	if err != nil {
		return "", err
	}
	if typ == "" {
		// The type that is said is asked for first, then those that would do.
		k, err := c.lookup(m.ID, c.likely(m.Type, types))
		switch {
		case err != nil:
			return "", err
		case k == nil:
			return refuse("does not exist")
		}
		typ = k.name
	}
	switch {
	case m.Type != "" && m.Type != typ:
		return refuse("is of type %s, not %.100s", typ, m.Type)
	case types != nil && !slices.Contains(types, typ):
		return refuse("is of type %s; a member must be of type %s", typ, strings.Join(types, " or "))
	}
	return typ, nil
}

func (c *call) likely(said string, types []string) []*kind {
	kinds := slices.Clone(c.kinds)
	slices.SortStableFunc(kinds, func(a, b *kind) int {
		rank := func(k *kind) int {
			switch {
			case k.name == said:
				return 0
			case slices.Contains(types, k.name):
				return 1
			}
			return 2
		}
		return rank(a) - rank(b)
	})
	return kinds
}

// element is how a new member is given to the handler: with those parts that
// the schema has.
func (k *kind) element(m scim.Member, typ string) element {
	parts := map[string]any{}
	for _, a := range k.memberParts {
		switch strings.ToLower(a.Name) {
		case "value":
			parts[a.Name] = m.ID
		case "type":
			parts[a.Name] = typ
		}
	}
	return element{m.ID, parts}
}

// A groupSet is the Set of the groups of a member, found when it is asked.
type groupSet struct {
	in *call
	id string
}

func (c *call) groupsOf(rec *record) scim.Set {
	if !rec.knowsGroups {
		return groupSet{c, rec.ID}
	}
	var groups []scim.Member
	for _, e := range rec.groups {
		if strings.EqualFold(e.text("type"), "indirect") {
			continue // a Set has those it is itself a member of
		}
		m := scim.Member{ID: e.id, Type: c.typeSaid(e), Display: e.text("display")}
		if at := slices.IndexFunc(c.kinds, (*kind).hasMembers); m.Type == "" && at >= 0 {
			m.Type = c.kinds[at].name
		}
		groups = append(groups, m)
	}
	return scim.SetOf(groups...)
}

func (s groupSet) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		groups, err := s.in.groups()
		if err != nil {
			yield(scim.Member{}, err)
			return
		}
		for _, g := range groups[s.id] {
			if !yield(g, nil) {
				return
			}
		}
	}
}

func (s groupSet) Has(id string) (bool, error) {
	groups, err := s.in.groups()
	return slices.ContainsFunc(groups[s.id], func(g scim.Member) bool { return g.ID == id }), err
}

// memberships reads all groups, and returns those of each member.
func (c *call) memberships() (map[string][]scim.Member, error) {
	of := map[string][]scim.Member{}
	for _, k := range c.kinds {
		if !k.hasMembers() {
			continue
		}
		for rec, err := range c.all(k, nil, 0, c.pageSize()) {
			if err != nil {
				return nil, err
			}
			group := scim.Member{ID: rec.ID, Type: k.name, Display: rec.Group().DisplayName}
			for _, e := range rec.members {
				of[e.id] = append(of[e.id], group)
			}
		}
	}
	return of, nil
}
