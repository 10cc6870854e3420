package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A Ref names one resource of one tenant.
type Ref struct {
	Tenant string // empty in an application with one tenant
	Type   string // the resource type's name, such as "User"
	ID     string
}

// A Resource is a resource in canonical form. Once it was handed over, by a
// Store or to one, neither side changes it or what it leads to; to change a
// Resource, copy the struct. So Resources can be kept and shared freely.
type Resource struct {
	Ref
	Version      string    // opaque, changes with every change of the resource or its Members; empty if the Store keeps none
	Created      time.Time // to the millisecond; never changes
	LastModified time.Time // when Version last changed
	Document     Document
	Keys         []Key // what Document is found by and must be unique in; see Key

	Members Set // of a group; nil where they were not asked for, and may be where there are none
	Groups  Set // of a member: the groups it is in, with their names in Display; nil likewise
}

// A Key is the value of a unique or indexed attribute, prepared for
// comparison: two values are equal to a filter exactly if their Keys are the
// same bytes. The Handler computes the Keys of each Resource it hands over, so
// a Store needs no rule of comparison of its own.
//
// The order of Keys, byte by byte, is that of the values: numbers by size, times
// by when they are, false before true, strings in Unicode order of NFC and, unless
// the attribute is caseExact, of their folded case. A Value fits the indexes of
// databases: of a string that has more than 100 characters it has the first 100
// and then a digest of the whole, 132 characters, so that it tells such strings
// apart too. Only of these does it not say the order, nor what they contain.
type Key struct {
	Path   string // canonical, such as "userName" or "emails.value"
	Value  string // never empty
	Unique bool   // no other resource of this type and tenant may have the same Path and Value
	Multi  bool   // a resource may have several Keys of this Path: the attribute, or what it is part of, is multi-valued
}

// A Member is an element of a Set, or of what a client asks to add to one.
type Member struct {
	ID      string
	Type    string // resource type; a Store always says it, a client need not
	Display string // a name for people; in Groups the group's displayName, and otherwise empty
}

// A Set holds the members of a group, or the groups of a member. It may read
// them from the Store as it is used, so it is used within the context of the
// call that returned it. Its methods may be called concurrently and more than
// once.
type Set interface {
	// All yields the elements in a stable order. After an error it yields
	// nothing more.
	All() iter.Seq2[Member, error]

	// Has reports whether the resource is an element, without reading the
	// others.
	Has(id string) (bool, error)
}

// SetOf returns a Set of the given members.
func SetOf(members ...Member) Set { return memberSlice(members) }

type memberSlice []Member

func (s memberSlice) All() iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		for _, m := range s {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (s memberSlice) Has(id string) (bool, error) {
	for _, m := range s {
		if m.ID == id {
			return true, nil
		}
	}
	return false, nil
}

// Decode decodes the resource's attributes into v, a pointer to a struct with
// JSON tags, as json.Unmarshal does. Use it for resource types of your own.
func (r *Resource) Decode(v any) error {
	if r == nil {
		return errors.New("scim: no resource to decode")
	}
	if err := json.Unmarshal([]byte(r.Document.String()), v); err != nil {
		return fmt.Errorf("scim: decoding %s %s: %w", r.Type, r.ID, err)
	}
	return nil
}

// DecodeExtension decodes the extension's attributes into v and reports
// whether the resource has any; a nil Resource has none.
func (r *Resource) DecodeExtension(uri string, v any) (bool, error) {
	if r == nil {
		return false, nil
	}
	raw, ok := r.Document.Get(uri)
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal([]byte(raw), v); err != nil {
		return true, fmt.Errorf("scim: decoding extension %s of %s %s: %w", uri, r.Type, r.ID, err)
	}
	return true, nil
}
