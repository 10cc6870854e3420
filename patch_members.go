package scim

import (
	"math"
	"slices"
)

// onMembers makes a step of one operation on members.
func (r *patchReader) onMembers(at patchPath, value []byte) error {
	if at.some {
		return r.onSomeMembers(at, value)
	}
	if value != nil && isNull(value) && r.op == patchRemove {
		value = nil
	}
	if r.op == patchRemove && value == nil {
		return r.memberStep(memberStep{all: true})
	}
	if r.op == patchRemove {
		if !r.o.dialect.grants(ruleRemoveValue) {
			return Errorf(ErrInvalidValue, "remove takes no value: use a path such as %s[value eq \"…\"]", at.n.path)
		}
		value = unnest(at.n, value)
	}
	list, err := decodeMembers(at.n, value, r.o)
	if err != nil {
		return err
	}
	return r.memberStep(memberStep{all: r.op == patchReplace, list: list, remove: r.op == patchRemove})
}

// onSomeMembers makes a step of an operation whose path chooses members. They
// can be removed, and not be changed (RFC 7643 §4.2). A display name is the
// server's to know, so setting it does nothing.
func (r *patchReader) onSomeMembers(at patchPath, value []byte) error {
	clears := value != nil && (isNull(value) || string(value) == "[]")
	switch {
	case at.sub != nil && at.sub.name == "display":
		return r.memberStep(memberStep{})
	case at.sub != nil:
		return Errorf(ErrMutability, "%s cannot change: remove the member and add another", at.sub.path)
	case r.op == patchAdd && clears:
		return r.memberStep(memberStep{})
	case r.op != patchRemove && !clears:
		return Errorf(ErrMutability, "a member cannot change: remove it and add another")
	}
	if ids, ok := idsOf(at.filter, at.n.value, nil); ok {
		return r.memberStep(memberStep{list: ids, remove: true})
	}
	r.p.seeMembers = true
	return r.memberStep(memberStep{filter: at.filter})
}

func (r *patchReader) memberStep(s memberStep) error {
	r.p.members = append(r.p.members, s)
	return nil
}

// idsOf lists the ids in value eq "a" or value eq "b" or …
func idsOf(f Filter, value *node, ids []Member) ([]Member, bool) {
	switch f := f.(type) {
	case Compare:
		return append(ids, Member{ID: f.Value.String()}), f.Path.n == value && f.Op == Eq
	case Or:
		ok := true
		for i := 0; ok && i < len(f); i++ {
			ids, ok = idsOf(f[i], value, ids)
		}
		return ids, ok
	}
	return nil, false
}

// composeMembers makes one delta of the steps on members. Has is who is a
// member, which matters only where a step has a filter.
func (p *Patch) composeMembers(has Set) (MemberDelta, error) {
	var d roll
	if p.work != nil {
		defer func() { *p.work -= d.work * elementWork }() // below zero too, which the next one finds
	}
	for i := range p.members {
		if err := d.do(p.t.members, &p.members[i]); err != nil {
			return MemberDelta{}, err
		}
	}
	if err := d.removeFrom(p.t.members, has); err != nil {
		return MemberDelta{}, err
	}
	return d.delta(p.t.memberTypes), nil
}

// A roll is who is to be a member and who is not, as far as it is decided. Of
// what is decided about one id, the last word holds.
type roll struct {
	reset   bool // of all others it is decided that they are not
	entries []rollEntry
	places  map[string]int // of entries, once they are many
	filters []Filter       // those of the members who are not among entries that are to go
	work    int            // how often a member was held against a filter
}

type rollEntry struct {
	Member
	out bool
}

func (d *roll) do(n *node, s *memberStep) error {
	if s.all {
		*d = roll{reset: true, work: d.work}
	}
	if s.filter != nil {
		return d.removeMatching(n, s.filter)
	}
	d.entries = slices.Grow(d.entries, len(s.list))
	for _, m := range s.list {
		d.put(rollEntry{m, s.remove})
	}
	return nil
}

func (d *roll) put(e rollEntry) {
	if i, ok := d.place(e.ID); ok {
		d.entries[i] = e
		return
	}
	if d.places != nil {
		d.places[e.ID] = len(d.entries)
	}
	d.entries = append(d.entries, e)
}

func (d *roll) place(id string) (int, bool) {
	const few = 16
	if len(d.entries) <= few {
		i := slices.IndexFunc(d.entries, func(e rollEntry) bool { return e.ID == id })
		return i, i >= 0
	}
	if d.places == nil {
		d.places = make(map[string]int, 4*few)
		for i, e := range d.entries {
			d.places[e.ID] = i
		}
	}
	i, ok := d.places[id]
	return i, ok
}

// removeMatching removes those of the entries who match, and has removeFrom remove
// the others. Whom a later step names is among the entries then.
func (d *roll) removeMatching(n *node, f Filter) error {
	for i, e := range d.entries {
		if e.out {
			continue
		}
		if d.work += terms(f); d.work > maxMatches {
			return tooMuch()
		}
		d.entries[i].out = matchElement(f, n.memberElement(e.Member))
	}
	if !d.reset {
		d.filters = append(d.filters, f)
	}
	return nil
}

// maxMatches bounds how often members may be held against filters.
const maxMatches = maxWork / elementWork

// removeFrom removes the members who match one of the filters and are not among the
// entries. They are read once, however many filters there are.
func (d *roll) removeFrom(n *node, has Set) error {
	if len(d.filters) == 0 || has == nil {
		return nil
	}
	const short = 8
	limit := maxMatches
	if len(d.filters) == 1 && terms(d.filters[0]) <= short && d.work <= short*len(d.entries) {
		limit = math.MaxInt // one short filter is granted a group of any size
	}
	for m, err := range has.All() {
		if err != nil {
			return err
		}
		if _, decided := d.place(m.ID); decided {
			continue
		}
		element := n.memberElement(m)
		for _, f := range d.filters {
			if d.work += terms(f); d.work > limit {
				return tooMuch()
			}
			if matchElement(f, element) {
				d.put(rollEntry{m, true})
				break
			}
		}
	}
	return nil
}

// memberElement writes a member as an element of the member attribute.
func (n *node) memberElement(m Member) string {
	o := record{n: n}
	for _, f := range []struct {
		n    *node
		text string
	}{{n.value, m.ID}, {n.typ, m.Type}, {n.childString("display"), m.Display}} {
		if f.n != nil && f.text != "" {
			o.set(f.n, quoted(f.text))
		}
	}
	return o.String()
}

// delta splits the entries. After a reset, nobody needs to be removed by name.
func (d *roll) delta(types []string) MemberDelta {
	delta := MemberDelta{Reset: d.reset}
	for _, e := range d.entries {
		switch {
		case !e.out:
			delta.Add = append(delta.Add, e.Member)
		case !d.reset:
			delta.Remove = append(delta.Remove, e.ID)
		}
	}
	if !delta.IsZero() {
		delta.Types = types
	}
	return delta
}
