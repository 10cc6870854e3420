package scim

import (
	"net/http"
	"strings"
)

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
