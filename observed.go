package scim

import (
	"context"
	"errors"
)

var errPanic = errors.New("scim: the call panicked")

// observe makes a call of which the Observer is told, if there is one.
func observe[T any](ctx context.Context, o Observer, c Call, call func(context.Context) (T, error)) (v T, err error) {
	if o == nil {
		return call(ctx)
	}
	ctx, tell := o.BeginCall(ctx, c)
	if tell != nil {
		err = errPanic // until the call returns
		defer func() { tell(err) }()
	}
	return call(ctx)
}

// observedBy returns a Store of whose calls an Observer is told.
func observedBy(o Observer, s Store) Store {
	if t, ok := s.(Transactor); ok {
		return &observedTransactor{observedStore{s, o}, t}
	}
	return &observedStore{s, o}
}

type observedStore struct {
	store    Store
	observer Observer
}

func (s *observedStore) Create(ctx context.Context, ref Ref, c Change) (*Updated, error) {
	return observe(ctx, s.observer, Call{CalleeStore, "Create", ref.Type}, func(ctx context.Context) (*Updated, error) {
		return s.store.Create(ctx, ref, c)
	})
}

func (s *observedStore) Get(ctx context.Context, ref Ref, p Projection) (*Resource, error) {
	return observe(ctx, s.observer, Call{CalleeStore, "Get", ref.Type}, func(ctx context.Context) (*Resource, error) {
		return s.store.Get(ctx, ref, p)
	})
}

func (s *observedStore) List(ctx context.Context, q Query) (*Page, error) {
	return observe(ctx, s.observer, Call{CalleeStore, "List", q.Type}, func(ctx context.Context) (*Page, error) {
		return s.store.List(ctx, q)
	})
}

func (s *observedStore) Update(ctx context.Context, ref Ref, c Change) (*Updated, error) {
	return observe(ctx, s.observer, Call{CalleeStore, "Update", ref.Type}, func(ctx context.Context) (*Updated, error) {
		return s.store.Update(ctx, ref, c)
	})
}

func (s *observedStore) Delete(ctx context.Context, ref Ref, version string) error {
	_, err := observe(ctx, s.observer, Call{CalleeStore, "Delete", ref.Type}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.store.Delete(ctx, ref, version)
	})
	return err
}

type observedTransactor struct {
	observedStore
	in Transactor
}

func (s *observedTransactor) InTx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error {
	_, err := observe(ctx, s.observer, Call{CalleeStore, "InTx", ""}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.in.InTx(ctx, func(ctx context.Context, tx Store) error { return fn(ctx, observedBy(s.observer, tx)) })
	})
	return err
}

// observedHooks are Hooks of whose calls an Observer is told.
type observedHooks struct {
	hooks    Hooks
	observer Observer
}

// observeHook makes a call of one of the Hooks.
func observeHook[E any](ctx context.Context, o Observer, method string, of Event, e E, hook func(context.Context, E) error) error {
	_, err := observe(ctx, o, Call{CalleeHooks, method, of.Ref.Type}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, hook(ctx, e)
	})
	return err
}

func (h observedHooks) Admit(ctx context.Context, e Event) error {
	return observeHook(ctx, h.observer, "Admit", e, e, h.hooks.Admit)
}

func (h observedHooks) OnUserStaged(ctx context.Context, e UserEvent) error {
	return observeHook(ctx, h.observer, "OnUserStaged", e.Event, e, h.hooks.OnUserStaged)
}

func (h observedHooks) OnUserUpdated(ctx context.Context, e UserEvent) error {
	return observeHook(ctx, h.observer, "OnUserUpdated", e.Event, e, h.hooks.OnUserUpdated)
}

func (h observedHooks) OnUserDeactivated(ctx context.Context, e UserEvent) error {
	return observeHook(ctx, h.observer, "OnUserDeactivated", e.Event, e, h.hooks.OnUserDeactivated)
}

func (h observedHooks) OnUserReactivated(ctx context.Context, e UserEvent) error {
	return observeHook(ctx, h.observer, "OnUserReactivated", e.Event, e, h.hooks.OnUserReactivated)
}

func (h observedHooks) OnUserDeleted(ctx context.Context, e UserEvent) error {
	return observeHook(ctx, h.observer, "OnUserDeleted", e.Event, e, h.hooks.OnUserDeleted)
}

func (h observedHooks) OnGroupCreated(ctx context.Context, e GroupEvent) error {
	return observeHook(ctx, h.observer, "OnGroupCreated", e.Event, e, h.hooks.OnGroupCreated)
}

func (h observedHooks) OnGroupUpdated(ctx context.Context, e GroupEvent) error {
	return observeHook(ctx, h.observer, "OnGroupUpdated", e.Event, e, h.hooks.OnGroupUpdated)
}

func (h observedHooks) OnGroupDeleted(ctx context.Context, e GroupEvent) error {
	return observeHook(ctx, h.observer, "OnGroupDeleted", e.Event, e, h.hooks.OnGroupDeleted)
}

func (h observedHooks) OnGroupMemberAdded(ctx context.Context, e MemberEvent) error {
	return observeHook(ctx, h.observer, "OnGroupMemberAdded", e.Event, e, h.hooks.OnGroupMemberAdded)
}

func (h observedHooks) OnGroupMemberRemoved(ctx context.Context, e MemberEvent) error {
	return observeHook(ctx, h.observer, "OnGroupMemberRemoved", e.Event, e, h.hooks.OnGroupMemberRemoved)
}
