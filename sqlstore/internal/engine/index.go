package engine

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// An index is the Keys that the resources of a type have of one attribute: in a
// column of scim_resource or in rows of scim_key. Look-ups go by them if all resources
// have them, which scim_index says: what is newly Indexed is read from the documents
// until Reindex has given their Keys to those that were there before.
type index struct {
	typ, path string
	form      form
}

// A form is how Keys are made of an attribute: the same attribute in another form
// has other Keys, or has them elsewhere, and is another index.
type form struct {
	typ                               scim.DataType
	exact, unique, several, ofSeveral bool
}

func indexOf(typ string, p scim.Path) index {
	a, outer := p.Attribute(), p.Parent().Attribute()
	f := form{typ: a.Type, exact: p.CaseExact(), unique: unique(p), several: a.MultiValued, ofSeveral: outer != nil && outer.MultiValued}
	if f.typ == "" {
		f.typ = scim.TypeString
	}
	return index{typ, p.String(), f}
}

// formWords are those of a form in scim_index, after its type.
var formWords = []string{"exact", "unique", "several", "of-several"}

func (f form) String() string {
	text := string(f.typ)
	for i, is := range []bool{f.exact, f.unique, f.several, f.ofSeveral} {
		if is {
			text += " " + formWords[i]
		}
	}
	return text
}

func formIn(text string) form {
	words := strings.Split(text, " ")
	is := func(i int) bool { return slices.Contains(words[1:], formWords[i]) }
	return form{scim.DataType(words[0]), is(0), is(1), is(2), is(3)}
}

// indexes are those that scim_index had at a time.
type indexes struct {
	read     time.Time // before it was
	whole    map[index]bool
	mappings *sync.Map // of *sqlfilter.Mapping, by types
}

func newIndexes(whole map[index]bool) *indexes {
	return &indexes{time.Now(), whole, new(sync.Map)}
}

const (
	// learnEvery is how long it takes until a process knows what Reindex has done in
	// another one, and trustFor how long it goes by what it knows. Then it reads
	// documents, if it cannot learn.
	learnEvery = 2 * time.Second
	trustFor   = 4 * time.Second
)

// learn reads scim_index.
func (s *Store) learn(ctx context.Context) error {
	now := newIndexes(map[index]bool{})
	err := Each(ctx, s.db, func(rows Rows) error {
		var x index
		var form string
		err := rows.Scan(&x.typ, &x.path, &form)
		x.form = formIn(form)
		now.whole[x] = true
		return err
	}, s.sql.Indexes)
	if err != nil {
		return err
	}
	if last := s.indexes.Load(); last != nil && maps.Equal(last.whole, now.whole) {
		now.mappings = last.mappings
	}
	s.indexes.Store(now)
	return nil
}

// known returns the indexes by which the Store may go. In a transaction these are what
// there was when it began, since that is what it sees.
func (s *Store) known(ctx context.Context) *indexes {
	now := s.began
	if s.tx == nil {
		now = s.indexes.Load()
		if time.Since(now.read) >= learnEvery && s.learning.TryLock() {
			_ = s.learn(ctx) // what fails the query will tell of, or does without
			s.learning.Unlock()
			now = s.indexes.Load()
		}
	}
	if time.Since(now.read) >= trustFor {
		return s.unindexed
	}
	return now
}

// serves reports whether an attribute can be looked up by its Keys.
func (of *indexes) serves(typ string, p scim.Path) bool {
	return p.Indexed() && of.whole[indexOf(typ, p)]
}

// servesAll reports whether all the indexes that a query could use are whole.
func (of *indexes) servesAll(q scim.Query) bool {
	for p := range pathsOf(q) {
		if p.Indexed() && !of.serves(q.Type, p) {
			return false
		}
	}
	return true
}

// mapping returns where the attributes of a type are looked up.
func (of *indexes) mapping(d sqlfilter.Dialect, typ string) *sqlfilter.Mapping {
	m, ok := of.mappings.Load(typ)
	if !ok {
		m, _ = of.mappings.LoadOrStore(typ, mappingOf(d, func(p scim.Path) bool { return of.serves(typ, p) }))
	}
	return m.(*sqlfilter.Mapping)
}

// pathsOf yields what the filter and the sort of a query are about.
func pathsOf(q scim.Query) iter.Seq[scim.Path] {
	return func(yield func(scim.Path) bool) {
		if q.Sort.IsZero() || yield(q.Sort.Path()) {
			pathsIn(q.Filter, yield)
		}
	}
}

func pathsIn(f scim.Filter, yield func(scim.Path) bool) bool {
	all := func(list []scim.Filter) bool {
		for _, f := range list {
			if !pathsIn(f, yield) {
				return false
			}
		}
		return true
	}
	switch f := f.(type) {
	case scim.And:
		return all(f)
	case scim.Or:
		return all(f)
	case scim.Not:
		return pathsIn(f.Filter, yield)
	case scim.Some:
		return pathsIn(f.Filter, yield)
	case scim.Compare:
		return yield(f.Path)
	case scim.Present:
		return yield(f.Path)
	}
	return true
}

// indexesIn lists what a type has Keys of.
func indexesIn(t *scim.ResourceType) (list []index) {
	var add func(of string, attributes []scim.Attribute)
	add = func(of string, attributes []scim.Attribute) {
		for _, a := range attributes {
			if p, err := t.Path(of + a.Name); err == nil && p.Indexed() {
				list = append(list, indexOf(t.Name(), p))
			}
			add(of+a.Name+".", a.SubAttributes)
		}
	}
	d := t.Definition()
	add("", []scim.Attribute{{Name: "externalId"}}) // in no schema, and of all types
	add(d.Schema.ID+":", d.Schema.Attributes)
	for _, e := range d.Extensions {
		add(e.Schema.ID+":", e.Schema.Attributes)
	}
	return list
}
