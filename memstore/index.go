package memstore

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/usherkit/scim"
)

// slots number the records of a tenant, so that what finds them needs no
// pointers.
type slots struct {
	records []*record
	free    []uint32
}

func (s *slots) take(rec *record) {
	if n := len(s.free); n > 0 {
		rec.slot, s.free = s.free[n-1], s.free[:n-1]
		s.records[rec.slot] = rec
		return
	}
	rec.slot = uint32(len(s.records))
	s.records = append(s.records, rec)
}

func (s *slots) give(rec *record) {
	s.records[rec.slot] = nil
	s.free = append(s.free, rec.slot)
}

// A lookup finds records by a hash. Its map has no pointers: the garbage
// collector looks at each pointer, and those of a map lead all over the memory.
type lookup struct {
	in    *slots
	first map[uint64]uint32    // for each hash, the oldest record that has it
	more  map[uint64][]*record // the others, if there are any, in the order of creation
}

var seed = maphash.MakeSeed() // of this process: hashes are never written down

func hash(value string) uint64 { return maphash.String(seed, value) }

func newLookup(in *slots) lookup { return lookup{in: in, first: map[uint64]uint32{}} }

// find returns the records with the hash of the value: those that have the
// value, and seldom another.
func (x *lookup) find(value string) candidates {
	h := hash(value)
	slot, ok := x.first[h]
	if !ok {
		return candidates{}
	}
	return candidates{x.in.records[slot], x.more[h]}
}

// add adds the record to those with the hash, if it is not among them.
func (x *lookup) add(h uint64, rec *record) {
	slot, ok := x.first[h]
	if !ok {
		x.first[h] = rec.slot
		return
	}
	first := x.in.records[slot]
	if first == rec {
		return
	}
	if rec.number < first.number {
		x.first[h], rec = rec.slot, first
	}
	if x.more == nil {
		x.more = map[uint64][]*record{}
	}
	x.more[h] = insertRecord(x.more[h], rec)
}

// remove removes the record from those with the hash, if it is among them.
func (x *lookup) remove(h uint64, rec *record) {
	slot, ok := x.first[h]
	if !ok {
		return
	}
	more := x.more[h]
	switch {
	case slot != rec.slot:
		more = removeRecord(more, rec)
	case len(more) == 0:
		delete(x.first, h)
	default:
		x.first[h] = more[0].slot
		more = slices.Delete(more, 0, 1)
	}
	switch {
	case len(more) > 0:
		x.more[h] = more
	case x.more != nil:
		delete(x.more, h)
	}
}

// An index finds the records of a collection by the values of one Key.
type index struct {
	path string
	lookup
}

// index returns the index of the path, nil if no Key ever had it.
func (in *collection) index(path string) *index {
	for _, x := range in.indexes {
		if x.path == path {
			return x
		}
	}
	return nil
}

// available reports ErrUniqueness if one of the keys must be unique and
// belongs to another record than the one given.
func (in *collection) available(keys []scim.Key, rec *record) error {
	for _, k := range keys {
		if !k.Unique {
			continue
		}
		x := in.index(k.Path)
		if x == nil {
			continue
		}
		taken := func(by *record) bool { return by != nil && by != rec && by.hasKey(k) }
		if found := x.find(k.Value); taken(found.first) || slices.ContainsFunc(found.rest, taken) {
			return scim.Errorf(scim.ErrUniqueness, "%s is already in use", k.Path)
		}
	}
	return nil
}

// reindex replaces the keys a record is found by.
func (in *collection) reindex(rec *record, old, keys []scim.Key) {
	for _, k := range old {
		h := hash(k.Value)
		same := func(n scim.Key) bool { return n.Path == k.Path && (n.Value == k.Value || hash(n.Value) == h) }
		if !slices.ContainsFunc(keys, same) {
			in.index(k.Path).remove(h, rec)
		}
	}
	for _, k := range keys {
		x := in.index(k.Path)
		if x == nil {
			x = &index{path: k.Path, lookup: newLookup(in.slots)}
			in.indexes = append(in.indexes, x)
		}
		x.add(hash(k.Value), rec)
	}
}

func (rec *record) hasKey(k scim.Key) bool {
	return slices.ContainsFunc(rec.resource.Load().Keys, func(has scim.Key) bool { return has.Path == k.Path && has.Value == k.Value })
}

// Lists of records in the order of creation.

func byNumber(a, b *record) int { return cmp.Compare(a.number, b.number) }

func insertRecord(list []*record, rec *record) []*record {
	if n := len(list); n == 0 || list[n-1].number < rec.number {
		return append(list, rec)
	}
	i, found := slices.BinarySearchFunc(list, rec, byNumber)
	if found {
		return list
	}
	return slices.Insert(list, i, rec)
}

func removeRecord(list []*record, rec *record) []*record {
	i, found := slices.BinarySearchFunc(list, rec, byNumber)
	if !found {
		return list
	}
	return slices.Delete(list, i, i+1)
}
