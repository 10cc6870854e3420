package memstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/usherkit/scim"
)

// An index finds the records of a collection by the values of one Key. Most
// values belong to one record, also where they need not be unique.
type index struct {
	path  string
	first map[string]*record   // for each value, the oldest record that has it
	more  map[string][]*record // the others, if there are any, in the order of creation
}

// find returns the records with the value.
func (x *index) find(value string) candidates {
	return candidates{x.first[value], x.more[value]}
}

// add adds the record to those with the value, if it is not among them.
func (x *index) add(value string, rec *record) {
	first := x.first[value]
	if first == nil || first == rec {
		x.first[value] = rec // again too: the map's string must not keep an older document alive
		return
	}
	value = strings.Clone(value) // several documents' now
	if rec.number < first.number {
		x.first[value], rec = rec, first
	}
	if x.more == nil {
		x.more = map[string][]*record{}
	}
	x.more[value] = insertRecord(x.more[value], rec)
}

// remove removes the record from those with the value, if it is among them.
func (x *index) remove(value string, rec *record) {
	more := x.more[value]
	switch {
	case x.first[value] != rec:
		more = removeRecord(more, rec)
	case len(more) == 0:
		delete(x.first, value)
	default:
		x.first[strings.Clone(value)] = more[0]
		more = slices.Delete(more, 0, 1)
	}
	switch {
	case len(more) > 0:
		x.more[value] = more
	case x.more != nil:
		delete(x.more, value)
	}
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
		if found := x.find(k.Value); found.first != nil && found.first != rec || len(found.rest) > 0 {
			return scim.Errorf(scim.ErrUniqueness, "%s is already in use", k.Path)
		}
	}
	return nil
}

// reindex replaces the keys a record is found by.
func (in *collection) reindex(rec *record, old, keys []scim.Key) {
	for _, k := range old {
		same := func(n scim.Key) bool { return n.Path == k.Path && n.Value == k.Value }
		if !slices.ContainsFunc(keys, same) {
			in.index(k.Path).remove(k.Value, rec)
		}
	}
	for _, k := range keys {
		x := in.index(k.Path)
		if x == nil {
			x = &index{path: k.Path, first: map[string]*record{}}
			in.indexes = append(in.indexes, x)
		}
		x.add(k.Value, rec)
	}
}

// Lists of records in the order of creation.

func byNumber(a, b *record) int { return cmp.Compare(a.number, b.number) }

func insertRecord(list []*record, rec *record) []*record {
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
