package scim

import (
	"context"
	"net/http"
	"strings"
)

// An Observer is told of each request to a Handler and of the calls that are made
// for it: for metrics, for traces, for a record of who changed what. Its methods
// may be called concurrently, and the request waits for them: they must be quick,
// and must not call the Handler. Package scimprom, of Prometheus, and package
// scimotel, of OpenTelemetry, have one each.
type Observer interface {
	// BeginRequest is told that a request has come. It returns the context for
	// all that is done for it, such as ctx itself, and the function that is told
	// once it is answered; nil: none.
	BeginRequest(ctx context.Context, r *http.Request) (context.Context, func(*Report))

	// BeginCall is told of a call within a request, likewise. The error is the
	// one that the call returned.
	BeginCall(ctx context.Context, c Call) (context.Context, func(error))
}

// A Call is one of the Store, or of the TokenValidator.
type Call struct {
	Of     string // store or tokens
	Method string // Create, Get, List, Update, Delete, InTx; ValidateToken
	Type   string // the name of the resource type, if it is about one
}

// The values of Call.Of.
const (
	callStore  = "store"
	callTokens = "tokens"
)

// A Report is a request and what came of it. It is valid until the function that
// is told of it returns.
type Report struct {
	// Request is as it came, its body read or not. It holds the token, in its
	// header or its query, and names people in its query.
	Request *http.Request

	Principal Principal // whose token it is; with Status 401, whose it may have been, if that is known
	Operation string    // create, get, list, search, replace, patch, delete, bulk, discovery; empty if there is none such
	Path      string    // below the endpoint, without a slash at its ends: Users/2819c223
	Type      string    // the name of the resource type
	ID        string    // the resource's, as the path has it; of one that was created, its new one
	Body      []byte    // of the request, as far as it was read

	Status int    // 499: the client had gone
	Err    error  // why it is not 2xx; its text may be internal
	Detail string // what the client was told of it

	Rules   []string         // the tolerances that the request needed, by their names in docs/dialects.md
	Changes []ResourceChange // what was changed, in a bulk request of many resources
}

// A ResourceChange is a change of one resource that was stored.
type ResourceChange struct {
	Op             Op
	Ref            Ref
	Changed        []string // as in Event
	Deactivated    bool     // a user that was active is not now
	Added, Removed int      // members
}

// observed is what an exchange keeps for its Report.
type observed struct {
	tell   func(*Report) // nil: nobody
	err    error
	detail string
}

// begin has the Observer told of a request.
func (h *Handler) begin(x *exchange, r *http.Request) {
	if h.options.Observer == nil {
		return
	}
	x.ctx, x.tell = h.options.Observer.BeginRequest(x.ctx, r)
	if x.tell != nil {
		x.changes = new([]ResourceChange)
	}
}

// end tells those who wait for it that a request is answered.
func (x *exchange) end(r *http.Request) {
	if x.done != nil {
		x.done()
	}
	if x.tell != nil {
		x.tell(x.report(r))
	}
}

func (x *exchange) report(r *http.Request) *Report {
	v := &Report{
		Request: r, Principal: x.principal, Operation: x.operation(), Path: x.path, ID: x.id, Body: x.body,
		Status: x.status, Err: x.err, Detail: x.detail, Rules: x.dialect.rules(), Changes: *x.changes,
	}
	if x.typ != nil {
		v.Type = x.typ.def.Name
	} else {
		v.ID = ""
	}
	if v.Operation == "create" && len(v.Changes) == 1 {
		v.ID = v.Changes[0].Ref.ID
	}
	return v
}

// operation names what a request asks for.
func (x *exchange) operation() string {
	endpoint, _, _ := strings.Cut(x.path, "/")
	switch {
	case x.typ == nil:
		switch endpoint {
		case endpointConfig, endpointTypes, endpointSchemas:
			return "discovery"
		case endpointBulk:
			return "bulk"
		case endpointSearch, "":
			return "search"
		}
		return ""
	case x.id == endpointSearch:
		return "search"
	case x.id == "":
		return map[string]string{http.MethodGet: "list", http.MethodHead: "list", http.MethodPost: "create"}[x.method]
	}
	switch x.method {
	case http.MethodGet, http.MethodHead:
		return "get"
	case http.MethodPut:
		return "replace"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	return ""
}

// note keeps what was stored for the Report, if there is one.
func (req *request) note(op Op, cur *Resource, c Change, up *Updated) {
	if req.changes == nil {
		return
	}
	change := ResourceChange{Op: op, Ref: up.Resource.Ref, Added: len(up.Added), Removed: len(up.Removed)}
	if op != OpDelete {
		after := c.after(change.Ref, cur)
		change.Changed = differences(cur, after)
		change.Deactivated = op == OpUpdate && req.typ.isUser() && isActive(cur) && !isActive(after)
	}
	if req.password != "" {
		change.Changed = append(change.Changed, req.typ.password.name)
	}
	*req.changes = append(*req.changes, change)
}

// observe returns a Store of whose calls an Observer is told.
func observe(s Store, o Observer) Store {
	if t, ok := s.(Transactor); ok {
		return &observedTransactor{observedStore{s, o}, t}
	}
	return &observedStore{s, o}
}

type observedStore struct {
	store    Store
	observer Observer
}

func (s *observedStore) begin(ctx context.Context, method, typ string) (context.Context, func(error)) {
	ctx, tell := s.observer.BeginCall(ctx, Call{Of: callStore, Method: method, Type: typ})
	if tell == nil {
		tell = func(error) {}
	}
	return ctx, tell
}

func (s *observedStore) Create(ctx context.Context, ref Ref, c Change) (*Updated, error) {
	ctx, tell := s.begin(ctx, "Create", ref.Type)
	up, err := s.store.Create(ctx, ref, c)
	tell(err)
	return up, err
}

func (s *observedStore) Get(ctx context.Context, ref Ref, p Projection) (*Resource, error) {
	ctx, tell := s.begin(ctx, "Get", ref.Type)
	r, err := s.store.Get(ctx, ref, p)
	tell(err)
	return r, err
}

func (s *observedStore) List(ctx context.Context, q Query) (*Page, error) {
	ctx, tell := s.begin(ctx, "List", q.Type)
	page, err := s.store.List(ctx, q)
	tell(err)
	return page, err
}

func (s *observedStore) Update(ctx context.Context, ref Ref, c Change) (*Updated, error) {
	ctx, tell := s.begin(ctx, "Update", ref.Type)
	up, err := s.store.Update(ctx, ref, c)
	tell(err)
	return up, err
}

func (s *observedStore) Delete(ctx context.Context, ref Ref, version string) error {
	ctx, tell := s.begin(ctx, "Delete", ref.Type)
	err := s.store.Delete(ctx, ref, version)
	tell(err)
	return err
}

type observedTransactor struct {
	observedStore
	in Transactor
}

func (s *observedTransactor) InTx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error {
	ctx, tell := s.begin(ctx, "InTx", "")
	err := s.in.InTx(ctx, func(ctx context.Context, tx Store) error { return fn(ctx, observe(tx, s.observer)) })
	tell(err)
	return err
}

// Observers returns an Observer that tells several, the first one first.
func Observers(all ...Observer) Observer { return observers(all) }

type observers []Observer

func (all observers) BeginRequest(ctx context.Context, r *http.Request) (context.Context, func(*Report)) {
	var ends []func(*Report)
	for _, o := range all {
		var end func(*Report)
		if ctx, end = o.BeginRequest(ctx, r); end != nil {
			ends = append(ends, end)
		}
	}
	return ctx, together(ends)
}

func (all observers) BeginCall(ctx context.Context, c Call) (context.Context, func(error)) {
	var ends []func(error)
	for _, o := range all {
		var end func(error)
		if ctx, end = o.BeginCall(ctx, c); end != nil {
			ends = append(ends, end)
		}
	}
	return ctx, together(ends)
}

// together returns a function that calls others, the last one first, as what
// begins within another ends within it.
func together[T any](ends []func(T)) func(T) {
	switch len(ends) {
	case 0:
		return nil
	case 1:
		return ends[0]
	}
	return func(v T) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](v)
		}
	}
}
