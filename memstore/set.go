package memstore

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/usherkit/scim"
)

// A set is a set of records: the members of a group, or the groups of a
// member. Adding and removing take the same time whatever its size. It is
// guarded by the Store's lock. A nil set is empty; what is in it cannot grow.
//
// A list that was handed out is never overwritten: elements are appended after
// its end, and the first removal goes on with a copy.
type set struct {
	list   []*record
	at     map[*record]int // places in list; nil while the list is short
	shared atomic.Bool     // list was handed out; set by readers
	copied int             // how many times the set went on with a copy
}

const shortList = 8 // up to here searching the list beats a map, and most users are in few groups

func (s *set) all() []*record {
	if s == nil {
		return nil
	}
	return s.list
}

const nowhere = -1 // is no place in a list

// find returns the record's place in the list, or nowhere.
func (s *set) find(rec *record) int {
	if s == nil {
		return nowhere
	}
	if s.at == nil {
		return slices.Index(s.list, rec)
	}
	if i, ok := s.at[rec]; ok {
		return i
	}
	return nowhere
}

// add reports whether the record was not in the set before.
func (s *set) add(rec *record) bool {
	if s.find(rec) >= 0 {
		return false
	}
	s.list = append(s.list, rec)
	if s.at == nil && len(s.list) > shortList {
		s.at = make(map[*record]int, len(s.list))
		for i, r := range s.list {
			s.at[r] = i
		}
	}
	if s.at != nil {
		s.at[rec] = len(s.list) - 1
	}
	return true
}

// remove returns the place where the record was, or nowhere.
func (s *set) remove(rec *record) (was int) {
	i := s.find(rec)
	if i == nowhere {
		return nowhere
	}
	s.unshare()
	last := len(s.list) - 1
	moved := s.list[last]
	s.list[i], s.list[last] = moved, nil
	s.list = s.list[:last]
	switch {
	case last == 0:
		s.list, s.at = nil, nil // what a large group held is free again
	case s.at != nil:
		s.at[moved] = i
		delete(s.at, rec)
	}
	return i
}

// putBack is the reverse of a removal from a place, after which nothing else has
// changed.
func (s *set) putBack(rec *record, place int) {
	s.add(rec)
	last := len(s.list) - 1
	if place == last {
		return
	}
	s.unshare()
	moved := s.list[place]
	s.list[place], s.list[last] = rec, moved
	if s.at != nil {
		s.at[rec], s.at[moved] = place, last
	}
}

// unshare goes on with a copy if the list was handed out.
func (s *set) unshare() {
	if s.shared.Load() {
		s.list = slices.Clone(s.list)
		s.shared.Store(false)
		s.copied++
	}
}

// retire tells the snapshots of a set whose record is deleted that the set no
// longer speaks for them.
func (s *set) retire() {
	if s != nil {
		s.copied++
	}
}

// A snapshot is the scim.Set of what a set held at one moment.
type snapshot struct {
	store  *Store
	tx     *transaction // in which it was taken; nil outside
	tenant *tenant
	set    *set
	copied int // set.copied at that moment
	list   []*record
	groups bool // the elements are groups, shown with their names

	once sync.Once
	ids  map[string]bool // of list; made only if the set went on with a copy
}

// snapshotOf is called with the lock held for reading.
func (s *Store) snapshotOf(tx *transaction, t *tenant, of *set, groups bool) scim.Set {
	if len(of.all()) == 0 {
		return scim.SetOf()
	}
	of.shared.Store(true)
	return &snapshot{store: s, tx: tx, tenant: t, set: of, copied: of.copied, list: of.list, groups: groups}
}

func (s *snapshot) All() iter.Seq2[scim.Member, error] {
	return func(yield func(scim.Member, error) bool) {
		for _, rec := range s.list {
			m := rec.member()
			if s.groups {
				m.Display = nameIn(rec.seenBy(s.tx))
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (s *snapshot) Has(id string) (bool, error) {
	s.store.mu.RLock()
	current := s.set.copied == s.copied // then the set is the list with elements after it
	place := -1
	if current {
		place = s.set.find(s.tenant.get(id))
	}
	s.store.mu.RUnlock()
	if current {
		return 0 <= place && place < len(s.list), nil
	}
	s.once.Do(func() {
		s.ids = make(map[string]bool, len(s.list))
		for _, rec := range s.list {
			s.ids[rec.id] = true
		}
	})
	return s.ids[id], nil
}

// A live is the scim.Set of what a set holds whenever it is asked. It is for
// the filters, which look into few sets; a look costs a lock, not a snapshot.
type live struct {
	store  *Store
	tx     *transaction // that asks; nil outside
	tenant *tenant
	rec    *record
	groups bool // the record's groups, not its members
}

func (l *live) set() *set {
	if l.groups {
		return l.rec.groups
	}
	return l.rec.members
}

func (l *live) All() iter.Seq2[scim.Member, error] {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	return l.store.snapshotOf(l.tx, l.tenant, l.set(), l.groups).All()
}

func (l *live) Has(id string) (bool, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	return l.set().find(l.tenant.get(id)) >= 0, nil
}

// nameIn returns the displayName in a resource's document.
func nameIn(r *scim.Resource) string {
	raw, _ := r.Document.Get("displayName")
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var name string
	_ = json.Unmarshal([]byte(raw), &name) // a name that cannot be read is not shown
	return name
}

// memberList and groupList are empty also where there is no record.

func (rec *record) memberList() []*record {
	if rec == nil {
		return nil
	}
	return rec.members.all()
}

func (rec *record) groupList() []*record {
	if rec == nil {
		return nil
	}
	return rec.groups.all()
}
