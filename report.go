package scim

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

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
func (h *Handler) end(x *exchange, r *http.Request) {
	if x.tell != nil {
		defer func() { x.tell(h.report(x, r)) }() // also if done panics
	}
	if x.done != nil {
		x.done()
	}
}

func (h *Handler) report(x *exchange, r *http.Request) *Report {
	v := &Report{
		Request: r, Principal: x.principal, Tenant: x.addressed, Path: x.path, Body: x.body,
		Status: x.status, Err: x.err, Detail: x.detail, Rules: x.dialect.rules(), Changes: *x.changes, Refused: x.refused,
	}
	t, id := x.typ, x.id
	endpoint, rest, _ := strings.Cut(x.path, "/")
	if t == nil { // refused before it was looked for, or there is none for this client
		t, id = h.endpoints[endpoint], strings.TrimLeft(rest, "/")
	}
	switch {
	case x.slash || t != nil && strings.Contains(id, "/"): // no endpoint
	case t == nil:
		v.Operation = operationAt(endpoint)
	case id == endpointSearch:
		v.Operation, v.Type = OperationSearch, t.def.Name
	default:
		v.Operation, v.Type, v.ID = operationOn(x.method, id), t.def.Name, id
	}
	if v.Operation == OperationCreate && len(v.Changes) == 1 {
		v.ID = v.Changes[0].Ref.ID
	}
	return v
}

// operationAt names what is asked for at an endpoint that is of no resource type.
func operationAt(endpoint string) Operation {
	switch endpoint {
	case endpointConfig, endpointTypes, endpointSchemas:
		return OperationDiscovery
	case endpointBulk:
		return OperationBulk
	case endpointSearch, "":
		return OperationSearch
	}
	return ""
}

// operationOn names what is asked for of a resource, or of a type's endpoint.
func operationOn(method, id string) Operation {
	switch {
	case method == http.MethodPost && id == "":
		return OperationCreate
	case (method == http.MethodGet || method == http.MethodHead) && id == "":
		return OperationList
	case id == "":
		return ""
	}
	switch method {
	case http.MethodGet, http.MethodHead:
		return OperationGet
	case http.MethodPut:
		return OperationReplace
	case http.MethodPatch:
		return OperationPatch
	case http.MethodDelete:
		return OperationDelete
	}
	return ""
}

// note keeps what was stored for the Report, if there is one. An update may have
// changed nothing: members were added that were in the group.
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
	if op == OpUpdate && len(change.Changed) == 0 && change.Added == 0 && change.Removed == 0 {
		return
	}
	*req.changes = append(*req.changes, change)
}

// Outcome says in a word what came of a call, as a label for metrics: ok,
// not_found, conflict (409), version (412), limited (429), refused (any other error
// that is answered 4xx or 501), unavailable (503, or the time was up), canceled (the
// client had gone) or error.
func Outcome(err error) string {
	switch status := judge(context.Background(), err).status; {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case status == http.StatusNotFound:
		return "not_found"
	case status == http.StatusConflict:
		return "conflict"
	case status == http.StatusPreconditionFailed:
		return "version"
	case status == http.StatusTooManyRequests:
		return "limited"
	case status == http.StatusServiceUnavailable, errors.Is(err, context.DeadlineExceeded):
		return "unavailable"
	case status < 500, status == http.StatusNotImplemented:
		return "refused"
	}
	return "error"
}
