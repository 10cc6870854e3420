package scim

import "context"

// after returns the resource as a change of it will leave it, as far as that
// can be known before it is stored; nil if the change is of members alone and
// the resource was not read.
func (c Change) after(ref Ref, cur *Resource) *Resource {
	if c.Document.IsZero() {
		return cur
	}
	next := Resource{Ref: ref}
	if cur != nil {
		next = *cur
		next.Members = nil
	}
	next.Document, next.Keys = c.Document, c.Keys
	return &next
}

// differences names the top-level attributes in which two resources differ.
func differences(before, after *Resource) (names []string) {
	if after == nil {
		return nil
	}
	var old Document
	if before != nil {
		old = before.Document
	}
	for _, s := range after.Document.spans {
		name := s.name(after.Document.raw)
		if was, had := old.Get(name); !had || was != s.value(after.Document.raw) {
			names = append(names, name)
		}
	}
	for _, s := range old.spans {
		if _, has := after.Document.Get(s.name(old.raw)); !has {
			names = append(names, s.name(old.raw))
		}
	}
	return names
}

// isActive reports whether a user may be active: one that never said otherwise is.
func isActive(r *Resource) bool {
	if r == nil {
		return true
	}
	value, _ := r.Document.Get("active")
	return value != "false"
}

// tell calls the hooks that a write calls for, until one fails.
func (h *Handler) tell(ctx context.Context, t *ResourceType, e Event, up *Updated) error {
	e.Ref = up.Resource.Ref
	if e.Op != OpDelete {
		e.After = up.Resource
		e.Changed = differences(e.Before, e.After)
		if e.Before == nil && e.Op == OpUpdate {
			e.Changed = nil // of members alone
		}
	}
	switch {
	case t.members != nil:
		return h.tellGroup(ctx, e, up)
	case t.groups != nil:
		return h.tellUser(ctx, UserEvent{e})
	}
	return nil
}

func (h *Handler) tellUser(ctx context.Context, e UserEvent) error {
	switch e.Op {
	case OpCreate:
		return h.hooks.OnUserStaged(ctx, e)
	case OpDelete:
		return h.hooks.OnUserDeleted(ctx, e)
	}
	was, is := isActive(e.Before), isActive(e.After)
	others := 0
	for _, name := range e.Changed {
		if name != "active" {
			others++
		}
	}
	if others > 0 {
		if err := h.hooks.OnUserUpdated(ctx, e); err != nil {
			return err
		}
	}
	switch {
	case was && !is:
		return h.hooks.OnUserDeactivated(ctx, e)
	case !was && is:
		return h.hooks.OnUserReactivated(ctx, e)
	}
	return nil
}

func (h *Handler) tellGroup(ctx context.Context, e Event, up *Updated) (err error) {
	switch {
	case e.Op == OpCreate:
		err = h.hooks.OnGroupCreated(ctx, GroupEvent{e})
	case e.Op == OpDelete:
		return h.hooks.OnGroupDeleted(ctx, GroupEvent{e})
	case len(e.Changed) > 0:
		err = h.hooks.OnGroupUpdated(ctx, GroupEvent{e})
	}
	if err == nil && len(up.Added) > 0 {
		err = h.hooks.OnGroupMemberAdded(ctx, MemberEvent{e, up.Added})
	}
	if err == nil && len(up.Removed) > 0 {
		err = h.hooks.OnGroupMemberRemoved(ctx, MemberEvent{e, up.Removed})
	}
	return err
}
