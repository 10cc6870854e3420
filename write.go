package scim

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"time"
)

// conditions holds what a write's headers say against the version of the
// resource that there is (RFC 7644 §3.14, RFC 9110 §13.1).
func (req *request) conditions(version string) error {
	switch {
	case req.ifMatch != "" && !req.typ.names(req.ifMatch, version):
		return req.changed(version)
	case req.ifNone != "" && req.typ.names(req.ifNone, version):
		return Errorf(ErrVersion, "If-None-Match is %s, and the resource is W/%q", clip(req.ifNone), version)
	}
	return nil
}

func (req *request) changed(version string) error {
	return Errorf(ErrVersion, "If-Match is %s, but the resource is W/%q now", clip(req.ifMatch), version)
}

// blind reports whether a write can be left to the Store without reading the
// resource: nothing is said of its version, or which one it must have.
func (req *request) blind() bool { return req.ifNone == "" && req.typ.single(req.ifMatch) }

// insists reports whether the client means one version, so that a write that
// found another is not tried again.
func (req *request) insists() bool { return req.ifMatch != "" && req.typ.single(req.ifMatch) }

// attempts is how often a write is tried that found the resource changed
// since it was read.
const attempts = 8

// modify reads a resource, has change say what to do with it, and does it;
// again if the resource has changed meanwhile and the client did not say which
// version it means. It returns the resource as it then is, with the groups it
// is in if they were needed.
func (h *Handler) modify(req *request, needs Projection, change func(*Resource) (Change, error)) (*Resource, error) {
	for try := 1; ; try++ {
		if try == 2 {
			done, err := h.turn(req.ctx, req.ref())
			if err != nil {
				return nil, err
			}
			defer done()
		}
		cur, err := h.store.Get(req.ctx, req.ref(), needs)
		if err != nil {
			return nil, h.explain(req, err)
		}
		if err := req.conditions(cur.Version); err != nil {
			return nil, err
		}
		c, err := change(cur)
		if err != nil {
			return nil, err
		}
		if c = req.takePassword(cur, c); c.IsZero() && req.password == "" {
			return cur, nil
		}
		if req.ifMatch != "" || req.ifNone != "" {
			c.Version = cur.Version
		}
		up, err := h.write(req, OpUpdate, cur, c)
		switch {
		case err == nil && cur.Groups != nil:
			whole := *up.Resource
			whole.Groups = cur.Groups
			return &whole, nil
		case err == nil:
			return up.Resource, nil
		case !errors.Is(err, ErrVersion) || req.insists():
			return nil, err
		case try == attempts:
			return nil, &Error{Kind: ErrUnavailable, Detail: "the resource is being changed by others: try again", RetryAfter: time.Second, Err: err}
		}
	}
}

// turn waits for the turn of a write of a resource.
func (h *Handler) turn(ctx context.Context, ref Ref) (done func(), err error) {
	if len(h.turns) == 0 {
		return func() {}, nil
	}
	sum := fnv.New32a()
	sum.Write([]byte(ref.ID))
	turn := h.turns[sum.Sum32()%uint32(len(h.turns))]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// write has a change admitted, made and told of. cur is the resource as it was
// read, if it was.
func (h *Handler) write(req *request, op Op, cur *Resource, c Change) (*Updated, error) {
	up, err := h.guarded(req, op, cur, c)
	if err == nil {
		req.note(op, cur, c, up)
	}
	return up, err
}

func (h *Handler) guards(p *Principal) bool { return h.guard != nil && h.guard.Guards(*p) }

// guarded asks the Guard about a change that takes something away. What the Handler
// does by itself, to undo what it began, needs no leave.
func (h *Handler) guarded(req *request, op Op, cur *Resource, c Change) (*Updated, error) {
	if op == OpCreate || req.told || !h.guards(&req.principal) {
		return h.admitted(req, op, cur, c)
	}
	l, is := req.lossOf(op, cur, c)
	if !is {
		return h.admitted(req, op, cur, c)
	}
	done, err := h.guard.AdmitLoss(req.ctx, h.store, l)
	if err != nil {
		return nil, h.explain(req, err)
	}
	up, err := h.admitted(req, op, cur, c)
	if done != nil {
		done(up, err)
	}
	return up, err
}

func (h *Handler) admitted(req *request, op Op, cur *Resource, c Change) (*Updated, error) {
	if h.hooks == nil {
		up, err := h.carryOut(req.ctx, h.store, op, req.ref(), c)
		return up, h.explain(req, err)
	}
	e := Event{Op: op, Principal: req.principal, Ref: req.ref(), Before: cur, Delta: c.Members, Password: req.password}
	if op != OpDelete {
		e.After = c.after(e.Ref, cur)
		e.Changed = differences(cur, e.After)
	}
	if e.Password != "" {
		e.Changed = append(e.Changed, req.typ.password.name)
	}
	carryOut := func(ctx context.Context, s Store) (*Updated, error) {
		if op == OpUpdate && c.IsZero() { // a password alone, which no Store is told
			return &Updated{Resource: cur}, nil
		}
		return h.carryOut(ctx, s, op, e.Ref, c)
	}
	if err := h.hooks.Admit(req.ctx, e); err != nil {
		return nil, err
	}
	if t, ok := h.store.(Transactor); ok {
		var up *Updated
		err := t.InTx(req.ctx, func(ctx context.Context, tx Store) (err error) {
			if up, err = carryOut(ctx, tx); err != nil {
				return err
			}
			return h.tell(ctx, req.typ, e, up)
		})
		if err != nil {
			return nil, h.explain(req, err)
		}
		return up, nil
	}
	up, err := carryOut(req.ctx, h.store)
	if err != nil {
		return nil, h.explain(req, err)
	}
	ctx := context.WithoutCancel(req.ctx) // what is stored is told of
	if err := h.tellSafely(ctx, req.typ, e, up); err != nil {
		h.options.Logger.LogAttrs(ctx, slog.LevelError, "scim: a hook failed after the write was stored",
			slog.String("op", string(op)), slog.String("type", e.Ref.Type), slog.String("id", up.Resource.ID),
			slog.String("tenant", e.Ref.Tenant), slog.Any("err", err))
	}
	return up, nil
}

func (h *Handler) carryOut(ctx context.Context, s Store, op Op, ref Ref, c Change) (*Updated, error) {
	switch op {
	case OpCreate:
		return s.Create(ctx, ref, c)
	case OpUpdate:
		return s.Update(ctx, ref, c)
	}
	return &Updated{Resource: &Resource{Ref: ref}}, s.Delete(ctx, ref, c.Version)
}

// explain gives a Store's bare errors a detail for the client.
func (h *Handler) explain(req *request, err error) error {
	var e *Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, ErrNotFound):
		return &Error{Kind: ErrNotFound, Detail: req.typ.def.Name + " " + clip(req.id) + " does not exist", Err: err}
	case errors.Is(err, ErrVersion) && req.ifMatch != "":
		return &Error{Kind: ErrVersion, Detail: "the resource is no longer the version in If-Match", Err: err}
	}
	return err
}
