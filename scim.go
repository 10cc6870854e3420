// Package scim lets identity providers such as Microsoft Entra ID and Okta
// provision users and groups into an application over SCIM 2.0 (RFC 7643, RFC
// 7644).
//
// A [Handler] is an http.Handler made of a [Store], which keeps the resources,
// a [TokenValidator], which knows the clients, and [Options]. [Hooks] tell the
// application what provisioning did. Package memstore is a Store in memory;
// write your own by implementing five methods and check it with package
// storetest.
//
// The Store decides facts: ids, versions, times, uniqueness, what a change
// really changed. The Handler decides meaning: schemas, filters, patches, and
// what a provider's dialect means. So a Store never sees JSON that was not
// checked, and needs no rules of comparison of its own.
//
// # Tolerant and strict
//
// Identity providers send requests that the RFCs would refuse: "False" for
// false, a manager as a bare string, a filter of
// emails[type eq "work"].value eq "x". The Handler understands those that are
// known, from all providers, mixed and at once. Options.Strict, or
// Principal.Strict for one client, holds requests to the letter instead.
//
// # Security considerations
//
// Serve the Handler over TLS only: bearer tokens and personal data travel in
// it. Set Options.BaseURL where the Host header cannot be trusted; without it
// the locations in answers are made of what the client sent. A token belongs
// to one tenant, and no request sees another tenant's resources. Limits on
// bodies, nesting, operations, filters and pages have defaults in Options;
// limits on rates are the application's to set in front of the Handler or in
// its TokenValidator. Answers carry no internal text: the causes of errors go
// to Options.Logger, which never receives a token, a query or a body, but for
// the value that an error's detail quotes.
package scim

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// A Handler serves SCIM 2.0 (RFC 7644) for the resources of a Store. It keeps
// nothing of a request once it is answered, so any number of Handlers may serve
// one Store, and it may be used concurrently.
type Handler struct {
	store     Store
	tokens    TokenValidator
	options   Options
	hooks     Hooks                    // nil: none
	guard     Guard                    // nil: none
	types     map[string]*ResourceType // by name
	endpoints map[string]*ResourceType // by endpoint
	discovery discovery
	seal      cipher.AEAD // of cursors

	// turns are taken by writes that found their resource changed since they
	// read it, so that writes that meet in this process follow each other.
	turns []chan struct{}
}

// NewHandler returns a Handler over the store for the clients whose tokens the
// validator knows. Nil options mean the defaults.
//
// Mount it on a pattern that ends in a slash, such as "/scim/v2/", "/scim/" or
// "/". If the pattern has a wildcard {tenant}, as in "/scim/{tenant}/v2/", a
// request is answered 401 unless its token belongs to the tenant in the path.
func NewHandler(store Store, tokens TokenValidator, options *Options) (*Handler, error) {
	if store == nil || tokens == nil {
		return nil, errors.New("scim: NewHandler needs a Store and a TokenValidator")
	}
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{store: store, tokens: tokens, options: o, hooks: o.Hooks, types: map[string]*ResourceType{}, endpoints: map[string]*ResourceType{}}
	if _, none := h.hooks.(NoHooks); none {
		h.hooks = nil
	}
	h.guard, _ = tokens.(Guard)
	for _, t := range o.Types {
		switch {
		case t == nil:
			return nil, errors.New("scim: Options.Types has a nil type")
		case h.types[t.def.Name] != nil:
			return nil, fmt.Errorf("scim: two resource types are called %s", t.def.Name)
		case h.isEndpoint(t.def.Endpoint):
			return nil, fmt.Errorf("scim: resource type %s: the endpoint /%s is another's", t.def.Name, t.def.Endpoint)
		case t.password != nil && h.hooks == nil:
			return nil, fmt.Errorf("scim: resource type %s has a password, and there are no Hooks to hand it to", t.def.Name)
		}
		h.types[t.def.Name], h.endpoints[t.def.Endpoint] = t, t
	}
	for range 64 {
		h.turns = append(h.turns, make(chan struct{}, 1))
	}
	if h.seal, err = newSeal(o.CursorKey); err != nil {
		return nil, err
	}
	if o.Observer != nil {
		h.store = observedBy(o.Observer, store)
	}
	h.discovery, err = newDiscovery(&h.options)
	return h, err
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

// The endpoints that are not of a resource type.
const (
	endpointConfig  = "ServiceProviderConfig"
	endpointTypes   = "ResourceTypes"
	endpointSchemas = "Schemas"
	endpointBulk    = "Bulk"
	endpointMe      = "Me"
	endpointSearch  = ".search"
)

func (h *Handler) isEndpoint(segment string) bool {
	switch segment {
	case endpointConfig, endpointTypes, endpointSchemas, endpointBulk, endpointMe, endpointSearch:
		return true
	}
	return h.endpoints[segment] != nil
}

// public reports whether a request needs no token.
func (h *Handler) public(x *exchange) bool {
	return x.path == endpointConfig && !h.options.PrivateDiscovery
}

// A verb answers a request.
type verb func(*Handler, *request) (response, error)

// route finds the verb for a request; nil where there is no such endpoint.
func (h *Handler) route(x *exchange) (verb, error) {
	endpoint, rest, _ := strings.Cut(x.path, "/")
	rest = strings.TrimLeft(rest, "/")
	method := x.method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	if t := h.endpoints[endpoint]; t != nil && x.principal.serves(t) {
		x.typ, x.id = t, rest
		switch {
		case rest == "" && t.def.ReadOnly:
			return x.choose(method, allowed{"GET", (*Handler).list})
		case rest == "":
			return x.choose(method, allowed{"GET", (*Handler).list}, allowed{"POST", (*Handler).create})
		case rest == endpointSearch:
			return x.choose(method, allowed{"POST", (*Handler).search})
		case strings.Contains(rest, "/"):
			return nil, nil
		}
		return x.chooseForResource(method)
	}
	x.id = rest
	switch endpoint {
	case endpointConfig:
		if rest == "" {
			return x.choose(method, allowed{"GET", (*Handler).getConfig})
		}
	case endpointTypes:
		return x.choose(method, allowed{"GET", (*Handler).getTypes})
	case endpointSchemas:
		return x.choose(method, allowed{"GET", (*Handler).getSchemas})
	case endpointBulk:
		if rest == "" {
			return x.choose(method, allowed{"POST", (*Handler).bulk})
		}
	case endpointMe:
		if rest == "" {
			return h.me(x, method)
		}
	case endpointSearch:
		if rest == "" {
			return x.choose(method, allowed{"POST", (*Handler).search})
		}
	case "":
		return x.choose(method, allowed{"GET", (*Handler).list})
	}
	return nil, nil
}

// me finds the verb for the resource that the application takes the client to
// be (RFC 7644 §3.11).
func (h *Handler) me(x *exchange, method string) (verb, error) {
	if h.options.Me == nil {
		return nil, Errorf(ErrNotImplemented, "/%s is not supported", endpointMe)
	}
	ref, err := h.options.Me(x.ctx, x.principal)
	if err != nil {
		return nil, err
	}
	x.typ, x.id = h.types[ref.Type], ref.ID
	if x.typ == nil || !x.principal.serves(x.typ) || x.id == "" || ref.Tenant != "" && ref.Tenant != x.principal.Tenant {
		return nil, Errorf(ErrNotFound, "the client is no user here")
	}
	return x.chooseForResource(method)
}

// chooseForResource finds the method among those that a resource of the
// exchange's type has.
func (x *exchange) chooseForResource(method string) (verb, error) {
	if x.typ.def.ReadOnly {
		return x.choose(method, allowed{"GET", (*Handler).get})
	}
	return x.choose(method, allowed{"GET", (*Handler).get}, allowed{"PUT", (*Handler).replace},
		allowed{"PATCH", (*Handler).patch}, allowed{"DELETE", (*Handler).delete})
}

type allowed struct {
	method string
	verb   verb
}

// choose finds the method among those an endpoint has.
func (x *exchange) choose(method string, has ...allowed) (verb, error) {
	for _, m := range has {
		if m.method == method {
			return m.verb, nil
		}
	}
	var allow []string
	for _, m := range has {
		allow = append(allow, m.method)
		if m.method == http.MethodGet {
			allow = append(allow, http.MethodHead) // a GET whose body net/http drops
		}
	}
	x.w.Header().Set("Allow", strings.Join(allow, ", "))
	return nil, Errorf(ErrMethodNotAllowed, "%s is not allowed here, only %s", clip(x.method), strings.Join(allow, ", "))
}

func (req *request) ref() Ref { return Ref{req.principal.Tenant, req.typ.def.Name, req.id} }

func (h *Handler) decoding(req *request) decodeOptions {
	return decodeOptions{dialect: &req.dialect, maxDepth: h.options.MaxDepth}
}

// wanted reads attributes and excludedAttributes.
func (req *request) wanted() (projection, error) {
	attributes, _, err := param(req.query, "attributes")
	if err != nil {
		return projection{}, err
	}
	excluded, _, err := param(req.query, "excludedAttributes")
	if err != nil || attributes == "" && excluded == "" {
		return projection{}, err
	}
	return req.typ.parseProjection(attributes, excluded, &req.dialect)
}

// get answers GET of one resource (RFC 7644 §3.4.1).
func (h *Handler) get(req *request) (response, error) {
	want, err := req.wanted()
	if err != nil {
		return response{}, err
	}
	r, err := h.store.Get(req.ctx, req.ref(), want.store(req.typ))
	if err != nil {
		return response{}, h.explain(req, err)
	}
	if req.ifMatch != "" && !req.typ.names(req.ifMatch, r.Version) {
		return response{}, req.changed(r.Version)
	}
	answer := response{status: http.StatusOK, typ: req.typ, resource: r, want: want}
	if req.ifNone != "" && r.Version != "" {
		shown := string(appendVersion(nil, r))
		if matches(req.ifNone, func(version string) bool { return version == shown }) {
			answer.status = http.StatusNotModified
		}
	}
	return answer, nil
}

// received reads the resource in the body of POST or PUT, and what the client
// wants to see of it.
func (h *Handler) received(req *request) (in decoded, want projection, err error) {
	if want, err = req.wanted(); err != nil {
		return in, want, err
	}
	in, err = req.typ.decode(req.body, h.decoding(req))
	want.sent = nodeSetOf(in.named)
	return in, want, err
}

// create answers POST to an endpoint (RFC 7644 §3.3).
func (h *Handler) create(req *request) (response, error) {
	in, want, err := h.received(req)
	if err != nil {
		return response{}, err
	}
	doc := in.document
	if req.typ.active != nil && !in.active {
		doc = doc.with(req.typ.active, "true")
	}
	if err := req.typ.checkRequired(doc); err != nil {
		return response{}, err
	}
	req.id = ""
	c := req.takePassword(nil, Change{Document: doc, Keys: req.typ.Keys(doc), Members: MemberDelta{Add: in.members, Types: req.typ.memberTypes}})
	up, err := h.write(req, OpCreate, nil, c)
	if err != nil {
		return response{}, err
	}
	answer := response{status: http.StatusCreated, typ: req.typ, resource: up.Resource, want: want}
	if len(up.Added) > 0 && want.store(req.typ).Members {
		whole := *up.Resource
		whole.Members = SetOf(up.Added...)
		answer.resource = &whole
	}
	return answer, nil
}

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

// replace answers PUT (RFC 7644 §3.5.1).
func (h *Handler) replace(req *request) (response, error) {
	in, want, err := h.received(req)
	if err != nil {
		return response{}, err
	}
	r, err := h.modify(req, Projection{Groups: want.store(req.typ).Groups}, func(cur *Resource) (Change, error) {
		doc, err := req.typ.inherit(in, cur.Document)
		if err != nil {
			return Change{}, err
		}
		if err := req.typ.checkRequired(doc); err != nil {
			return Change{}, err
		}
		c := Change{Version: cur.Version}
		if doc.raw != cur.Document.raw {
			c.Document, c.Keys = doc, req.typ.changedKeys(cur.Document, doc)
		}
		if req.typ.members != nil {
			c.Members = MemberDelta{Reset: true, Add: in.members, Types: req.typ.memberTypes}
		}
		return c, nil
	})
	if err != nil {
		return response{}, err
	}
	answer := response{status: http.StatusOK, typ: req.typ, want: want}
	answer.resource, err = h.withMembers(req, r, want)
	return answer, err
}

// patch answers PATCH (RFC 7644 §3.5.2).
func (h *Handler) patch(req *request) (response, error) {
	want, err := req.wanted()
	if err != nil {
		return response{}, err
	}
	p, err := req.typ.parsePatch(req.body, patchOptions{h.decoding(req), h.options.MaxOperations, h.options.MaxFilter, req.work})
	if err != nil {
		return response{}, err
	}
	want.sent = nodeSetOf(p.named())
	noBody := h.options.UserPatch204
	if req.typ.members != nil {
		noBody = !h.options.GroupPatch200
	}
	if want.include {
		noBody = false // RFC 7644 §3.5.2: with attributes the answer has a body
	}
	answer := response{status: http.StatusOK, typ: req.typ, want: want, noBody: noBody}
	if noBody {
		answer.status = http.StatusNoContent
	}
	var r *Resource
	if delta, only := p.Members(); only && !delta.IsZero() && req.blind() {
		// Nothing of the group need be known: the change costs what it says,
		// whatever the size of the group.
		up, err := h.write(req, OpUpdate, nil, Change{Version: req.typ.opaque(req.ifMatch), Members: delta})
		if err != nil {
			return response{}, err
		}
		r = up.Resource
	} else {
		needs := Projection{Members: p.NeedsMembers(), Groups: !noBody && want.store(req.typ).Groups}
		if r, err = h.modify(req, needs, p.Apply); err != nil {
			return response{}, err
		}
	}
	answer.resource = r
	if !noBody {
		answer.resource, err = h.withMembers(req, r, want)
	}
	return answer, err
}

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

// delete answers DELETE (RFC 7644 §3.6).
func (h *Handler) delete(req *request) (response, error) {
	gone := response{status: http.StatusNoContent}
	if h.hooks == nil && req.blind() && !h.guards(&req.principal) {
		err := h.store.Delete(req.ctx, req.ref(), req.typ.opaque(req.ifMatch))
		if err == nil {
			req.note(OpDelete, nil, Change{}, &Updated{Resource: &Resource{Ref: req.ref()}})
		}
		return gone, h.explain(req, err)
	}
	for try := 1; ; try++ {
		cur, err := h.store.Get(req.ctx, req.ref(), Projection{})
		if err != nil {
			return response{}, h.explain(req, err)
		}
		if err := req.conditions(cur.Version); err != nil {
			return response{}, err
		}
		c := Change{}
		if req.ifMatch != "" || req.ifNone != "" {
			c.Version = cur.Version
		}
		_, err = h.write(req, OpDelete, cur, c)
		if errors.Is(err, ErrVersion) && try < attempts && !req.insists() {
			continue
		}
		return gone, err
	}
}

// withMembers returns the resource with the members the client is to see, which
// writes do not bring along.
func (h *Handler) withMembers(req *request, r *Resource, want projection) (*Resource, error) {
	p := want.store(req.typ)
	if !p.Members {
		return r, nil
	}
	whole, err := h.store.Get(req.ctx, r.Ref, p)
	if errors.Is(err, ErrNotFound) {
		return r, nil // deleted meanwhile; the write was done all the same
	}
	return whole, err
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
	done, err := h.guard.Admit(req.ctx, h.store, l)
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
