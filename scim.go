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
	"crypto/cipher"
	"errors"
	"fmt"
	"net/http"
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
// Routers other than http.ServeMux name it with http.Request.SetPathValue, or
// Options.Tenant finds it.
//
// If tokens is an [Authenticator] or a [Guard] it is used as one. What wraps one, and
// is none itself, switches that off: [TokenValidatorFunc] does.
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
	if h.hooks != nil && o.Observer != nil {
		h.hooks = observedHooks{h.hooks, o.Observer}
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
