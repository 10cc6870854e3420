package scim

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/usherkit/scim/internal/jsontext"
)

// takePassword takes the password out of a change: it is for the hooks, and for
// no Store. What is left may be nothing.
func (req *request) takePassword(cur *Resource, c Change) Change {
	n := req.typ.password
	req.password = ""
	if n == nil {
		return c
	}
	raw, ok := c.Document.Get(n.name)
	if !ok {
		return c
	}
	if !req.told {
		req.password = Secret(jsontext.UnquoteString(raw))
	}
	switch c.Document = c.Document.with(n, ""); {
	case cur == nil:
		c.Keys = req.typ.Keys(c.Document)
	case c.Document.Equal(cur.Document):
		c.Document, c.Keys = Document{}, nil
	default:
		c.Keys = req.typ.changedKeys(cur.Document, c.Document)
	}
	return c
}

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

// isUser and isGroup say which hooks a type's writes call for. A type is known
// by its schema, or by the attribute that makes it a member or a group.
func (t *ResourceType) isUser() bool { return t.groups != nil || t.def.Schema.ID == UserSchemaURI }

func (t *ResourceType) isGroup() bool { return t.members != nil || t.def.Schema.ID == GroupSchemaURI }

// lossOf returns what a change takes away, if it does.
func (req *request) lossOf(op Op, cur *Resource, c Change) (Loss, bool) {
	l := Loss{Event: Event{Op: op, Principal: req.principal, Ref: req.ref(), Before: cur, Delta: c.Members}}
	if op == OpUpdate {
		l.After = c.after(l.Ref, cur)
	}
	switch {
	case req.typ.isGroup():
		return l, op == OpDelete || op == OpUpdate && (c.Members.Reset || len(c.Members.Remove) > 0)
	case req.typ.isUser():
		l.User = true
		return l, op == OpDelete || op == OpUpdate && isActive(cur) && !isActive(l.After)
	}
	return l, false
}

// tell calls the hooks that a write calls for, whether or not one before fails.
func (h *Handler) tell(ctx context.Context, t *ResourceType, e Event, up *Updated) error {
	e.Ref = up.Resource.Ref
	if e.Op != OpDelete {
		e.After = up.Resource
	}
	switch {
	case t.isGroup():
		return h.tellGroup(ctx, e, up)
	case t.isUser():
		return h.tellUser(ctx, UserEvent{e})
	}
	return nil
}

// tellSafely is tell for a write that stands: a panic of a hook is an error of
// it, and no reason to answer that the write failed.
func (h *Handler) tellSafely(ctx context.Context, t *ResourceType, e Event, up *Updated) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return h.tell(ctx, t, e, up)
}

func (h *Handler) tellUser(ctx context.Context, e UserEvent) (err error) {
	switch e.Op {
	case OpCreate:
		return h.hooks.OnUserStaged(ctx, e)
	case OpDelete:
		return h.hooks.OnUserDeleted(ctx, e)
	}
	was, is := isActive(e.Before), isActive(e.After)
	switch {
	case was && !is:
		err = h.hooks.OnUserDeactivated(ctx, e)
	case !was && is:
		err = h.hooks.OnUserReactivated(ctx, e)
	}
	if slices.ContainsFunc(e.Changed, func(name string) bool { return name != "active" }) {
		err = errors.Join(err, h.hooks.OnUserUpdated(ctx, e))
	}
	return err
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
	if len(up.Removed) > 0 {
		err = errors.Join(err, h.hooks.OnGroupMemberRemoved(ctx, MemberEvent{e, up.Removed}))
	}
	if len(up.Added) > 0 {
		err = errors.Join(err, h.hooks.OnGroupMemberAdded(ctx, MemberEvent{e, up.Added}))
	}
	return err
}
