// Package memstore keeps resources in memory: for tests, for demos, and for
// applications whose directory fits in memory and is provisioned afresh after
// a restart or restored from a snapshot.
//
// Looking up a resource by its id or one of its Keys, and adding a member to a
// group or removing one, cost the same however much is stored.
//
// It is a scim.Transactor, as the Stores in databases are: a hook that fails undoes
// the write. Other calls on the tenant wait until the hooks of a write have returned. So a
// hook that asks the Store something does so with the context that it was given: with
// another one it would wait for itself.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/uuid7"
)

// A Store is a scim.Transactor in memory. The zero Store is empty and ready to use.
// It must not be copied once it is used, and its fields not changed.
type Store struct {
	Now   func() time.Time // the clock; default: time.Now; called for one write at a time
	NewID func() string    // makes an id as [scim.Store] wants it, never the same twice; default: UUIDv7, ascending; called like Now

	mu  sync.RWMutex
	ids uuid7.Source
	contents
	transacts bool                    // there ever was a transaction
	held      map[string]*transaction // by the tenants that they keep to themselves
}

// contents are what a Store keeps and a snapshot carries.
type contents struct {
	tenants map[string]*tenant
	created uint64 // how many resources there ever were
}

type tenant struct {
	name  string
	slots slots
	byID  lookup
	types map[string]*collection
	taken atomic.Uint64 // how many transactions have made it their own
	lists sync.RWMutex  // locked for reading by lists for which those wait that would make it their own
}

// A collection holds the resources of one type of a tenant.
type collection struct {
	typ     string
	order   []*record // by their numbers, so in the order of creation
	slots   *slots    // the tenant's
	indexes []*index  // one for each Path seen in a Key
}

// A record is a resource in its place. What it leads to is guarded by the
// Store's lock; the Resource itself is replaced, never changed, so a reader
// needs the lock only to find the record.
type record struct {
	id       string
	in       *collection
	slot     uint32 // the place in the tenant's slots
	number   uint64 // the place in the order of creation
	revision uint64 // Resource.Version as a number
	resource atomic.Pointer[scim.Resource]
	before   atomic.Pointer[scim.Resource] // what it was before the transaction that has changed it and has not ended, else nil
	members  *set                          // of a group; nil while there never was one
	groups   *set                          // the groups it is a member of; nil likewise
}

var _ scim.Transactor = (*Store)(nil)

// Create implements scim.Store.
func (s *Store) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.create(ctx, nil, ref, c)
}

func (s *Store) create(ctx context.Context, tx *transaction, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	if c.Document.IsZero() {
		return nil, errors.New("memstore: Create without a Document")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := s.admit(ctx, &s.mu, tx, ref.Tenant)
	if err != nil {
		return nil, err
	}
	t := s.tenant(ref.Tenant)
	in := t.collection(ref.Type)
	add, err := t.resolve(c.Members, nil)
	if err != nil {
		return nil, err
	}
	if err := in.available(c.Keys, nil); err != nil {
		return nil, err
	}
	now := s.now()
	id := s.newID(now)
	if t.get(id) != nil || id == "" {
		return nil, fmt.Errorf("memstore: NewID returned %q, which is in use or empty", id)
	}

	now = now.UTC().Truncate(time.Millisecond)
	rec := s.insert(t, in, &scim.Resource{
		Ref: scim.Ref{ID: id}, Created: now, LastModified: now, Document: c.Document, Keys: c.Keys,
	}, 1)
	tx.note(change{kind: created, tenant: t, rec: rec})
	u := &scim.Updated{Resource: rec.resource.Load()}
	u.Added = t.addMembers(tx, rec, add)
	return u, nil
}

// Get implements scim.Store.
func (s *Store) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	return s.get(ctx, nil, ref, p)
}

func (s *Store) get(ctx context.Context, tx *transaction, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tx, err := s.admit(ctx, s.mu.RLocker(), tx, ref.Tenant)
	if err != nil {
		return nil, err
	}
	t, rec := s.find(ref)
	if rec == nil {
		return nil, scim.ErrNotFound
	}
	return s.project(tx, t, rec, rec.resource.Load(), p), nil
}

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	return s.update(ctx, nil, ref, c)
}

func (s *Store) update(ctx context.Context, tx *transaction, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := s.admit(ctx, &s.mu, tx, ref.Tenant)
	if err != nil {
		return nil, err
	}
	t, rec := s.find(ref)
	if rec == nil {
		return nil, scim.ErrNotFound
	}
	was := rec.resource.Load()
	if c.Version != "" && c.Version != was.Version {
		return nil, scim.ErrVersion
	}
	add, err := t.resolve(c.Members, rec)
	if err != nil {
		return nil, err
	}
	if c.Keys == nil {
		c.Keys = was.Keys
	}
	replaces := !c.Document.IsZero() && !(c.Document.Equal(was.Document) && slices.Equal(c.Keys, was.Keys))
	if replaces {
		if err := rec.in.available(c.Keys, rec); err != nil {
			return nil, err
		}
	}

	// From here on nothing can fail.
	u := &scim.Updated{Resource: was}
	u.Added, u.Removed = t.changeMembers(tx, rec, c.Members, add)
	next := *was
	if replaces {
		next.Document, next.Keys = c.Document, c.Keys
		rec.in.reindex(rec, was.Keys, next.Keys)
	}
	if len(u.Added)+len(u.Removed) > 0 || !next.Document.Equal(was.Document) {
		s.touch(rec, &next)
	} else if !replaces {
		return u, nil
	}
	tx.noteReplaced(t, rec, was)
	rec.resource.Store(&next)
	u.Resource = &next
	return u, nil
}

// Delete implements scim.Store.
func (s *Store) Delete(ctx context.Context, ref scim.Ref, version string) error {
	return s.delete(ctx, nil, ref, version)
}

func (s *Store) delete(ctx context.Context, tx *transaction, ref scim.Ref, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := s.admit(ctx, &s.mu, tx, ref.Tenant)
	if err != nil {
		return err
	}
	t, rec := s.find(ref)
	if rec == nil {
		return scim.ErrNotFound
	}
	was := rec.resource.Load()
	if version != "" && version != was.Version {
		return scim.ErrVersion
	}
	for _, group := range rec.groupList() {
		at := group.members.remove(rec)
		tx.note(change{kind: left, tenant: t, rec: group, member: rec, at: at, back: nowhere})
		was := group.resource.Load()
		next := *was
		s.touch(group, &next)
		tx.noteReplaced(t, group, was)
		group.resource.Store(&next)
	}
	for _, m := range rec.memberList() {
		back := m.groups.remove(rec)
		tx.note(change{kind: left, tenant: t, rec: rec, member: m, at: nowhere, back: back})
	}
	t.remove(rec)
	tx.note(change{kind: deleted, tenant: t, rec: rec})
	return nil
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Store) newID(now time.Time) string {
	if s.NewID != nil {
		return s.NewID()
	}
	id, _ := s.ids.Next(now)
	return id
}

// touch gives the record's next Resource a new version and time.
func (s *Store) touch(rec *record, next *scim.Resource) {
	rec.revision++
	next.Version = strconv.FormatUint(rec.revision, 10)
	next.LastModified = s.now().UTC().Truncate(time.Millisecond)
}

// tenant returns the tenant; a new one is kept only once something is inserted.
func (c *contents) tenant(name string) *tenant {
	if t := c.tenants[name]; t != nil {
		return t
	}
	t := &tenant{name: strings.Clone(name), types: map[string]*collection{}}
	t.byID = newLookup(&t.slots)
	return t
}

// collection returns the tenant's collection, new ones as in tenant.
func (t *tenant) collection(typ string) *collection {
	if in := t.types[typ]; in != nil {
		return in
	}
	return &collection{typ: strings.Clone(typ), slots: &t.slots}
}

// insert keeps a new resource, which must have been checked.
func (c *contents) insert(t *tenant, in *collection, r *scim.Resource, revision uint64) *record {
	if c.tenants == nil {
		c.tenants = map[string]*tenant{}
	}
	c.tenants[t.name], t.types[in.typ] = t, in
	c.created++
	r.Tenant, r.Type = t.name, in.typ // shared by all, not parts of some request
	r.Version = strconv.FormatUint(revision, 10)
	rec := &record{id: r.ID, in: in, number: c.created, revision: revision}
	rec.resource.Store(r)
	t.add(rec)
	return rec
}

// add puts a record where it is found: one that is new, or was removed.
func (t *tenant) add(rec *record) {
	t.slots.take(rec)
	t.byID.add(hash(rec.id), rec)
	rec.in.order = insertRecord(rec.in.order, rec)
	rec.in.reindex(rec, nil, rec.resource.Load().Keys)
}

// remove is the reverse of add. The record keeps its sets, for the snapshots of
// them.
func (t *tenant) remove(rec *record) {
	rec.members.retire()
	rec.groups.retire()
	rec.in.reindex(rec, rec.resource.Load().Keys, nil)
	rec.in.order = removeRecord(rec.in.order, rec)
	t.byID.remove(hash(rec.id), rec)
	t.slots.give(rec)
}

// get returns the record with the id, or nil.
func (t *tenant) get(id string) *record {
	found := t.byID.find(id)
	if found.first == nil || found.first.id == id {
		return found.first
	}
	for _, rec := range found.rest {
		if rec.id == id {
			return rec
		}
	}
	return nil
}

// find returns the record, or nil if there is none.
func (c *contents) find(ref scim.Ref) (*tenant, *record) {
	t := c.tenants[ref.Tenant]
	if t == nil {
		return nil, nil
	}
	rec := t.get(ref.ID)
	if rec == nil || rec.in.typ != ref.Type {
		return t, nil
	}
	return t, rec
}

// project adds to a Resource what a reader wants of the sets.
func (s *Store) project(tx *transaction, t *tenant, rec *record, r *scim.Resource, p scim.Projection) *scim.Resource {
	members, groups := p.Members && len(rec.members.all()) > 0, p.Groups && len(rec.groups.all()) > 0
	if !members && !groups {
		return r
	}
	out := *r
	if members {
		out.Members = s.snapshotOf(tx, t, rec.members, false)
	}
	if groups {
		out.Groups = s.snapshotOf(tx, t, rec.groups, true)
	}
	return &out
}

// resolve finds the members to add to a group, nil if it is being created.
func (t *tenant) resolve(d scim.MemberDelta, group *record) ([]*record, error) {
	if len(d.Add) == 0 {
		return nil, nil
	}
	add := make([]*record, len(d.Add))
	for i, m := range d.Add {
		rec := t.get(m.ID)
		switch {
		case rec == nil:
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q does not exist", m.ID)
		case rec == group:
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q is the group itself", m.ID)
		case m.Type != "" && m.Type != rec.in.typ:
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q is of type %s, not %.100s", m.ID, rec.in.typ, m.Type)
		case d.Types != nil && !slices.Contains(d.Types, rec.in.typ):
			return nil, scim.Errorf(scim.ErrInvalidValue, "member %.100q is of type %s; a member must be of type %s",
				m.ID, rec.in.typ, strings.Join(d.Types, " or "))
		}
		add[i] = rec
	}
	return add, nil
}

// changeMembers applies a delta whose members to add are resolved, and returns
// what it came to.
func (t *tenant) changeMembers(tx *transaction, group *record, d scim.MemberDelta, add []*record) (added, removed []scim.Member) {
	remove := func(m *record) {
		if at := group.members.remove(m); at != nowhere {
			back := m.groups.remove(group)
			tx.note(change{kind: left, tenant: t, rec: group, member: m, at: at, back: back})
			removed = append(removed, m.member())
		}
	}
	if d.Reset {
		stays := make(map[*record]bool, len(add))
		for _, m := range add {
			stays[m] = true
		}
		for _, m := range slices.Clone(group.memberList()) {
			if !stays[m] {
				remove(m)
			}
		}
	}
	for _, id := range d.Remove {
		if m := t.get(id); m != nil {
			remove(m)
		}
	}
	return t.addMembers(tx, group, add), removed
}

// addMembers returns those who are new.
func (t *tenant) addMembers(tx *transaction, group *record, add []*record) (added []scim.Member) {
	for _, m := range add {
		if group.addMember(m) {
			tx.note(change{kind: joined, tenant: t, rec: group, member: m})
			added = append(added, m.member())
		}
	}
	return added
}

// addMember adds m to the group in both directions, and reports whether it is
// new.
func (group *record) addMember(m *record) bool {
	if group.members == nil {
		group.members = new(set)
	}
	if !group.members.add(m) {
		return false
	}
	if m.groups == nil {
		m.groups = new(set)
	}
	m.groups.add(group)
	return true
}

func (rec *record) member() scim.Member { return scim.Member{ID: rec.id, Type: rec.in.typ} }
