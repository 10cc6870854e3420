package elimity

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"

	elimity "github.com/elimity-com/scim"

	"github.com/usherkit/scim"
)

// A Store is a scim.Store over the ResourceHandlers of some resource types. See
// the package for what becomes of the contract. Its methods may be called
// concurrently; its fields are not changed once it is used.
type Store struct {
	PageSize int  // how many resources GetAll is asked for at a time; default: 1000
	NoFilter bool // hand GetAll no FilterValidator: the handlers get some filters wrong

	kinds []*kind
	seed  maphash.Seed
	locks [64]sync.Mutex // see lock

	// leaving keeps a resource from being deleted between the look at a new member
	// and the write of its group, which would be of a member that is no more.
	// Whoever takes a lock of locks takes it first.
	leaving sync.RWMutex
}

var _ scim.Store = (*Store)(nil)

// NewStore returns a Store over the handlers of the types. It reports what
// [ResourceType] does, a missing Handler, and two types of one name.
func NewStore(types ...elimity.ResourceType) (*Store, error) {
	s := &Store{seed: maphash.MakeSeed()}
	for _, t := range types {
		switch {
		case t.Handler == nil:
			return nil, fmt.Errorf("elimity: resource type %s has no Handler", t.Name)
		case s.kind(t.Name) != nil:
			return nil, fmt.Errorf("elimity: two resource types are called %s", t.Name)
		}
		k, err := newKind(t)
		if err != nil {
			return nil, err
		}
		s.kinds = append(s.kinds, k)
	}
	return s, nil
}

// Types returns the resource types, for scim.Options.
func (s *Store) Types() []*scim.ResourceType {
	types := make([]*scim.ResourceType, len(s.kinds))
	for i, k := range s.kinds {
		types[i] = k.served
	}
	return types
}

// kind returns the kind of the name, or nil.
func (s *Store) kind(name string) *kind {
	for _, k := range s.kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// lock keeps other calls of this Store from changing the resource. A caller
// holds one at a time: two resources may share a lock.
func (s *Store) lock(ref scim.Ref) (unlock func()) {
	mu := &s.locks[maphash.Comparable(s.seed, ref)%uint64(len(s.locks))]
	mu.Lock()
	return mu.Unlock
}

// stay keeps resources that are to become members from being deleted.
func (s *Store) stay(d scim.MemberDelta) (done func()) {
	if len(d.Add) == 0 {
		return func() {}
	}
	s.leaving.RLock()
	return s.leaving.RUnlock
}

// Create implements scim.Store.
func (s *Store) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	k := s.kind(ref.Type)
	switch {
	case k == nil:
		return nil, fmt.Errorf("elimity: no resource type is called %s", ref.Type)
	case c.Document.IsZero():
		return nil, errors.New("elimity: Create without a Document")
	}
	defer s.stay(c.Members)()
	in := s.call(ctx, ref.Tenant)
	next, err := in.change(k, "", nil, c.Members)
	if err != nil {
		return nil, err
	}
	attributes, err := k.attributes(c.Document, next.elements)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	made, err := k.handler.Create(in.request(http.MethodPost, k, ""), attributes)
	if err != nil {
		return nil, explain(err)
	}
	if made.ID == "" {
		return nil, fmt.Errorf("elimity: Create of a %s returned no id", k.name)
	}
	rec, err := in.stored(k, made, made.ID)
	if err != nil {
		return nil, err
	}
	return &scim.Updated{Resource: rec.Resource, Added: next.added}, nil
}

// Get implements scim.Store.
func (s *Store) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := s.kind(ref.Type)
	if k == nil {
		return nil, scim.ErrNotFound
	}
	in := s.call(ctx, ref.Tenant)
	rec, err := in.get(k, ref.ID)
	if err != nil {
		return nil, err
	}
	return in.with(rec, p), nil
}

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	k := s.kind(ref.Type)
	if k == nil {
		return nil, scim.ErrNotFound
	}
	defer s.lock(ref)()
	defer s.stay(c.Members)()
	in := s.call(ctx, ref.Tenant)
	was, err := in.get(k, ref.ID)
	if err != nil {
		return nil, err
	}
	if c.Version != "" && c.Version != was.Version {
		return nil, scim.ErrVersion
	}
	document := was.Document
	if !c.Document.IsZero() {
		document = c.Document
	}
	next, err := in.change(k, ref.ID, was.members, c.Members)
	if err != nil {
		return nil, err
	}
	if document.Equal(was.Document) && len(next.added)+len(next.removed) == 0 {
		return &scim.Updated{Resource: was.Resource}, nil
	}
	attributes, err := k.attributes(document, next.elements)
	if err != nil {
		return nil, err
	}
	was.carry(attributes)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	replaced, err := k.handler.Replace(in.request(http.MethodPut, k, ref.ID), ref.ID, attributes)
	if err != nil {
		return nil, explain(err)
	}
	rec, err := in.stored(k, replaced, ref.ID)
	if err != nil {
		return nil, err
	}
	return &scim.Updated{Resource: rec.Resource, Added: next.added, Removed: next.removed}, nil
}

// Delete implements scim.Store. If a type has members, its resources are then
// read to end the memberships that the handler has left.
func (s *Store) Delete(ctx context.Context, ref scim.Ref, version string) error {
	k := s.kind(ref.Type)
	if k == nil {
		return scim.ErrNotFound
	}
	in := s.call(ctx, ref.Tenant)
	if err := in.delete(k, ref, version); err != nil {
		return err
	}
	// What is deleted is deleted, whether or not the client waits.
	return s.call(context.WithoutCancel(ctx), ref.Tenant).forget(ref.ID)
}

func (c *call) delete(k *kind, ref scim.Ref, version string) error {
	defer c.lock(ref)()
	if version != "" || !plausible(ref.ID) {
		was, err := c.get(k, ref.ID)
		if err != nil {
			return err
		}
		if was.Version != version {
			return scim.ErrVersion
		}
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.leaving.Lock()
	defer c.leaving.Unlock()
	return explain(k.handler.Delete(c.request(http.MethodDelete, k, ref.ID), ref.ID))
}

// forget takes a resource that is no more out of all groups.
func (c *call) forget(id string) error {
	for _, k := range c.kinds {
		if k.members == "" {
			continue
		}
		var in []scim.Ref
		for rec, err := range c.all(k, nil, 0, c.pageSize()) {
			if err != nil {
				return err
			}
			if slices.ContainsFunc(rec.members, func(e element) bool { return e.id == id }) {
				in = append(in, rec.Ref)
			}
		}
		for _, group := range in {
			change := scim.Change{Members: scim.MemberDelta{Remove: []string{id}}}
			if _, err := c.Update(c.ctx, group, change); err != nil && !errors.Is(err, scim.ErrNotFound) {
				return fmt.Errorf("elimity: ending the membership of %s in group %s: %w", id, group.ID, err)
			}
		}
	}
	return nil
}
