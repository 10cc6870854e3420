package scim

import (
	"context"
	"net/http"
	"slices"
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
	// one that the call returned; see [Outcome]. Calls are within that of InTx whose
	// transaction they are in, and come again if it is tried again.
	BeginCall(ctx context.Context, c Call) (context.Context, func(error))
}

// A Call is one of the Store, the TokenValidator or the Hooks.
type Call struct {
	Of     Callee
	Method string // Create, Get, List, Update, Delete, InTx; ValidateToken; Admit, OnUserStaged and so on
	Type   string // the name of the resource type, if it is about one
}

// A Callee is what is called for a request.
type Callee string

const (
	CalleeStore  Callee = "store"
	CalleeTokens Callee = "tokens" // the TokenValidator
	CalleeHooks  Callee = "hooks"
)

// An Operation is what a request asks for.
type Operation string

const (
	OperationCreate    Operation = "create"
	OperationGet       Operation = "get"
	OperationList      Operation = "list"
	OperationSearch    Operation = "search"  // of a type or of all, by POST or by GET of the root
	OperationReplace   Operation = "replace" // PUT
	OperationPatch     Operation = "patch"
	OperationDelete    Operation = "delete"
	OperationBulk      Operation = "bulk"
	OperationDiscovery Operation = "discovery" // of what the endpoint can do: its configuration, schemas and types
)

// A Report is a request and what came of it. It is valid until the function that
// is told of it returns.
type Report struct {
	// Request is as it came, its body read or not. It holds the token, in its
	// header or its query, and names people in its query.
	Request *http.Request

	Principal Principal // whose token it is; if it was not accepted, whose it may be, if that is known
	Tenant    string    // the one that the address is of, whoever's the token is; empty if it is of none
	Operation Operation // empty if there is none such
	Path      string    // below the endpoint, without a slash at its ends: Users/2819c223
	Type      string    // the name of the resource type, also if it is none of those for the client
	ID        string    // the resource's, as the path has it; of one that was created, its new one
	Body      []byte    // of the request as it was sent, as far as it was read: personal data, and passwords

	// Status is that of the answer. 499: the client had gone. If an answer was
	// broken off, it is that of the error; 0: by a panic of http.ErrAbortHandler.
	Status int
	Err    error  // why it is not 2xx; its text may be internal
	Detail string // what the client was told of it

	Rules   []string         // the tolerances that the request needed, by their names in docs/dialects.md
	Refused []Refused        // the operations of a bulk request that were refused, which is itself answered 200
	Changes []ResourceChange // what was stored, in a bulk request of many resources and in the order in which it was done
}

// Refused is an operation of a bulk request that was refused.
type Refused struct {
	Method, Path string    // as the operation has them
	Operation    Operation // as in Report, and so the two that follow, as far as they are known
	Type, ID     string
	Status       int
	Err          error
	Detail       string
}

// A ResourceChange is a change of one resource that was stored.
type ResourceChange struct {
	Op             Op
	Ref            Ref
	Changed        []string // as in Event
	Deactivated    bool     // a user that was active is not now
	Added, Removed int      // members
}

// Observers returns an Observer that tells several, the first one first, and the last
// one first of what has ended: each of them, even if another panics then. A nil one is
// left out.
func Observers(all ...Observer) Observer {
	return observers(slices.DeleteFunc(slices.Clone(all), func(o Observer) bool { return o == nil }))
}

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
// begins within another ends within it, and each even if another panics.
func together[T any](ends []func(T)) func(T) {
	switch len(ends) {
	case 0:
		return nil
	case 1:
		return ends[0]
	}
	return func(v T) {
		for _, end := range ends {
			defer end(v)
		}
	}
}
