package scim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// bulkRun is how many operations share a transaction where the Store has them:
// enough to make the commit cheap, few enough to hold no lock long.
const bulkRun = 200

// A bulkOperation is one operation of a bulk request (RFC 7644 §3.7) and what
// has come of it.
type bulkOperation struct {
	method, path string
	bulkID       string
	version      string
	data         []byte
	typ          *ResourceType // that the path names
	target       string        // the id in the path, or a reference
	refs         []string      // the bulkIds in the path and the data
	bad          error         // why it cannot be tried

	outcome
}

// outcome is what has come of an operation.
type outcome struct {
	begun, done bool
	open        int              // references that are still to be added
	awaited     []*bulkOperation // that are to refer to this one
	failure     *failure
	status      int
	id          string // of the resource, once it is there
	etag        string
}

// A bulk is a bulk request at work.
type bulk struct {
	h    *Handler // over the Store of the transaction, if there is one
	ctx  context.Context
	req  *request
	ops  []bulkOperation
	byID map[string]*bulkOperation

	failOnErrors int
	errors       int
	ran          []*bulkOperation // since the last commit
	flat         bool             // the Store cannot undo one operation within a transaction
}

// bulk answers POST to /Bulk. Each operation is what the single request would
// be: it is done whole or not at all, and one that fails takes no other along.
func (h *Handler) bulk(req *request) (response, error) {
	b, err := h.openBulk(req)
	if err != nil {
		return response{}, err
	}
	for at := 0; at < len(b.ops) && !b.stopped(); {
		run := min(bulkRun, len(b.ops)-at)
		if err := b.together(at, at+run); err != nil {
			return response{}, err
		}
		at += run
	}
	if err := req.ctx.Err(); err != nil {
		return response{}, err
	}
	return response{status: http.StatusOK, raw: b.render()}, nil
}

// openBulk reads a BulkRequest. What is wrong with one operation fails that one.
func (h *Handler) openBulk(req *request) (*bulk, error) {
	o := h.decoding(req)
	o.maxDepth += 3 // around data, which may be what it is in a request of its own
	m, err := openMessage(req.body, bulkSchemaURI, o, "schemas", "Operations", "failOnErrors")
	if err != nil {
		return nil, err
	}
	b := &bulk{h: h, ctx: req.ctx, req: req, byID: map[string]*bulkOperation{}}
	if n, err := m.number("failOnErrors"); err != nil {
		return nil, err
	} else if n != nil {
		b.failOnErrors = *n
	}
	list, err := m.array("Operations")
	if err != nil {
		return nil, err
	}
	walk := jsontext.NewArray(list)
	for src, ok := walk.Next(); ok; src, ok = walk.Next() {
		if len(b.ops) == h.options.MaxBulk {
			return nil, Errorf(ErrTooLarge, "more than %d operations in one request (maxOperations)", h.options.MaxBulk)
		}
		b.ops = append(b.ops, h.readOperation(src, &req.dialect))
	}
	for i := range b.ops {
		o := &b.ops[i]
		switch {
		case o.bulkID == "":
		case b.byID[o.bulkID] != nil:
			return nil, Errorf(ErrInvalidValue, "operation %d: bulkId %q is another operation's", i+1, clip(o.bulkID))
		default:
			b.byID[o.bulkID] = o
		}
	}
	return b, nil
}

func (h *Handler) readOperation(src []byte, d *dialect) (o bulkOperation) {
	if src[0] != '{' {
		o.bad = Errorf(ErrInvalidSyntax, "an operation must be an object")
		return o
	}
	m := message{src, d}
	names := []string{"method", "path", "bulkId", "version", "data"}
	o.bad = m.only(names...)
	values := m.members(names...)
	for i, to := range []*string{&o.method, &o.path, &o.bulkID, &o.version} {
		text, err := textIn(values[i], names[i])
		if err != nil && o.bad == nil {
			o.bad = err
		}
		*to = deref(text)
	}
	o.method = strings.ToUpper(o.method)
	o.path = strings.Trim(o.path, "/")
	o.data = values[4]
	if o.bad == nil {
		o.bad = h.checkOperation(&o)
	}
	if o.bad == nil {
		o.refs = refsIn(o.data, o.method == http.MethodPatch)
		if ref, ok := strings.CutPrefix(o.target, bulkIDPrefix); ok && !slices.Contains(o.refs, ref) {
			o.refs = append(o.refs, ref)
		}
	}
	return o
}

// checkOperation finds what an operation is on, and what is wrong with it
// whatever the others do.
func (h *Handler) checkOperation(o *bulkOperation) error {
	switch o.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if o.data == nil || o.data[0] != '{' {
			return Errorf(ErrInvalidSyntax, "%s needs data, an object", o.method)
		}
	case http.MethodDelete:
	default:
		return Errorf(ErrInvalidSyntax, "method must be POST, PUT, PATCH or DELETE, not %q", clip(o.method))
	}
	var endpoint string
	endpoint, o.target, _ = strings.Cut(o.path, "/")
	o.typ = h.endpoints[endpoint]
	switch {
	case o.path == "":
		return Errorf(ErrInvalidSyntax, "path is missing")
	case o.typ == nil && h.isEndpoint(endpoint) || o.target == endpointSearch:
		return Errorf(ErrMethodNotAllowed, "path: an operation is on the endpoint of a type or on a resource, not on %q", clip(o.path))
	case o.typ == nil || strings.Contains(o.target, "/") && !strings.HasPrefix(o.target, bulkIDPrefix):
		return Errorf(ErrNotFound, "path: there is no endpoint %q", clip(o.path))
	case o.typ.def.ReadOnly:
		return Errorf(ErrMethodNotAllowed, "path: resources of the type %s are read-only", o.typ.def.Name)
	case (o.method == http.MethodPost) != (o.target == ""):
		return Errorf(ErrMethodNotAllowed, "path: %s is not for %q: POST is for the endpoint of a type, all else for a resource", o.method, clip(o.path))
	case o.method == http.MethodPost && o.bulkID == "":
		return Errorf(ErrInvalidSyntax, "POST needs a bulkId")
	}
	return nil
}

func (b *bulk) stopped() bool {
	return b.failOnErrors > 0 && b.errors >= b.failOnErrors || b.req.ctx.Err() != nil
}

// together does a run of operations, in one transaction if the Store has them
// and can undo one operation within it. If the whole cannot be committed, each
// is done for itself.
func (b *bulk) together(from, to int) error {
	if t, ok := b.h.store.(Transactor); ok && !b.flat {
		h, errs := b.h, b.errors
		err := t.InTx(b.req.ctx, func(ctx context.Context, tx Store) error {
			if _, nests := tx.(Transactor); !nests {
				b.flat = true
				return errFlat
			}
			b.undo(errs)
			b.h, b.ctx = h.over(tx), ctx
			b.each(from, to)
			return b.ctx.Err()
		})
		b.h, b.ctx = h, b.req.ctx
		if err == nil || b.ctx.Err() != nil {
			b.ran = nil
			return b.ctx.Err()
		}
		b.undo(errs)
	}
	b.each(from, to)
	b.ran = nil
	return b.ctx.Err()
}

var errFlat = errors.New("scim: the Store has no transactions within transactions")

// undo forgets the operations of a run that was not committed.
func (b *bulk) undo(errors int) {
	for _, o := range b.ran {
		o.outcome = outcome{}
	}
	b.ran, b.errors = nil, errors
}

// over returns a Handler that does the same with the Store of a transaction. It
// waits for no turn: who has it may be waiting for the transaction.
func (h *Handler) over(tx Store) *Handler {
	inside := *h
	inside.store, inside.turns = tx, nil
	return &inside
}

func (b *bulk) each(from, to int) {
	for i := from; i < to && !b.stopped(); i++ {
		b.do(&b.ops[i])
	}
}

// do carries out an operation, after the ones whose resources it refers to: a
// reference may point forward (RFC 7644 §3.7.2). Operations that refer to each
// other in a circle are created without the references, which are added when
// all of them are there (§3.7.1).
func (b *bulk) do(o *bulkOperation) {
	if o.begun {
		return
	}
	o.begun = true
	b.ran = append(b.ran, o)
	err := o.bad
	var open []string // references of a circle
	for _, ref := range o.refs {
		if err != nil {
			break
		}
		other := b.byID[ref]
		if other == nil || other.method != http.MethodPost {
			err = Errorf(ErrInvalidValue, "no POST of this request has the bulkId %q", clip(ref))
			break
		}
		if !other.begun {
			if b.do(other); b.stopped() {
				o.begun = false // not reached
				b.close(o)
				return
			}
		}
		switch {
		case other.failure != nil:
			err = Errorf(ErrInvalidValue, "the operation with the bulkId %q failed", clip(ref))
		case other.id == "":
			open = append(open, ref)
		}
	}
	if err == nil && len(open) > 0 && o.method != http.MethodPost {
		err = Errorf(ErrConflict, "the reference to the bulkId %q cannot be resolved: it refers back", clip(open[0]))
	}
	if err == nil && len(open) > 0 {
		err = b.createOpen(o, open)
	} else if err == nil {
		err = b.request(o, o.method, b.resolved(o))
	}
	if err != nil {
		b.fail(o, err)
	}
	o.done = true
	b.close(o)
}

// resolved returns the data with ids in place of the references to resources
// that are there.
func (b *bulk) resolved(o *bulkOperation) []byte {
	return rewriteRefs(o.data, o.method == http.MethodPatch, func(ref string) (id string, ok bool) {
		other := b.byID[ref]
		return other.id, other.id != "" // do has seen to it that there is one
	})
}

// createOpen creates a resource of a circle without what refers to resources
// that are not there yet.
func (b *bulk) createOpen(o *bulkOperation, open []string) error {
	data, left := withoutRefs(b.resolved(o))
	if left {
		return Errorf(ErrConflict, "the reference to the bulkId %q cannot be resolved: it is needed at once and refers back", clip(open[0]))
	}
	if err := b.request(o, http.MethodPost, data); err != nil {
		return err
	}
	for _, ref := range open {
		other := b.byID[ref]
		other.awaited = append(other.awaited, o)
		o.open++
	}
	return nil
}

// close makes the resources that waited for this one what they were to be.
func (b *bulk) close(o *bulkOperation) {
	there := o.id != "" && o.failure == nil
	for _, a := range o.awaited {
		if a.open--; a.failure != nil || there && a.open > 0 {
			continue
		}
		err := error(Errorf(ErrConflict, "the reference to the bulkId %q cannot be resolved: that operation failed, or was not reached", clip(o.bulkID)))
		if there {
			err = b.request(a, http.MethodPut, b.resolved(a))
		}
		if err == nil {
			continue
		}
		b.fail(a, err)
		if err := b.request(a, http.MethodDelete, nil); err != nil && !errors.Is(err, ErrNotFound) { // it is done whole or not at all
			b.fail(a, err)
			b.errors--
		}
	}
	o.awaited = nil
}

// request carries out an operation as the single request would be; or, with
// another method, what completes or undoes a POST.
func (b *bulk) request(o *bulkOperation, method string, data []byte) error {
	id, ifMatch := o.target, o.version
	if ref, ok := strings.CutPrefix(id, bulkIDPrefix); ok {
		id = b.byID[ref].id
	}
	switch {
	case method != o.method:
		id, ifMatch = o.id, ""
	case o.method != http.MethodPost:
		o.id = id
	}
	req := &request{
		ctx: b.ctx, method: method, principal: b.req.principal, base: b.req.base, mount: b.req.mount, path: o.path,
		typ: o.typ, id: id, body: data, ifMatch: ifMatch, told: method != o.method, dialect: dialect{strict: b.req.dialect.strict},
	}
	answer := (*Handler).delete
	switch method {
	case http.MethodPost:
		answer = (*Handler).create
	case http.MethodPut:
		answer = (*Handler).replace
	case http.MethodPatch:
		answer = (*Handler).patch
	}
	got, err := answer(b.h, req)
	b.req.dialect.fired |= req.dialect.fired
	if err != nil {
		return err
	}
	if method == o.method {
		o.status = got.status
	}
	if r := got.resource; r != nil {
		o.id = r.ID
		if r.Version != "" {
			o.etag = `W/"` + string(appendVersion(nil, r)) + `"`
		}
	}
	return nil
}

// appendLocation appends the URL of the resource that the operation is on, safe
// in JSON.
func (b *bulk) appendLocation(dst []byte, o *bulkOperation) []byte {
	dst = append(dst, b.req.base...)
	path := o.path
	switch {
	case o.method == http.MethodPost:
		path += "/" + o.id
	case o.id != "": // the path may have a reference
		path = o.typ.def.Endpoint + "/" + o.id
	}
	for segment := range strings.SplitSeq(path, "/") {
		dst = appendPathSegment(append(dst, '/'), segment)
	}
	return dst
}

// fail records that an operation failed, and logs it like the single request.
func (b *bulk) fail(o *bulkOperation, err error) {
	f := judge(b.ctx, err)
	o.failure = &f
	b.errors++
	req := *b.req
	req.method = o.method
	b.h.log(&req, b.req.mount+"/"+clip(o.path), f, err)
}

// render writes the BulkResponse (RFC 7644 §3.7.3): the results in the order of
// the request, of those operations that were tried.
func (b *bulk) render() []byte {
	out := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[`)
	some := false
	for i := range b.ops {
		o := &b.ops[i]
		if !o.done {
			continue
		}
		if some {
			out = append(out, ',')
		}
		some = true
		out = jsontext.AppendQuote(append(out, `{"method":`...), o.method)
		if o.bulkID != "" {
			out = jsontext.AppendQuote(append(out, `,"bulkId":`...), o.bulkID)
		}
		if o.path != "" && (o.failure == nil || o.method != http.MethodPost) {
			out = append(b.appendLocation(append(out, `,"location":"`...), o), '"')
		}
		if o.failure != nil {
			out = append(strconv.AppendInt(append(out, `,"status":"`...), int64(o.failure.status), 10), `","response":`...)
			out = append(o.failure.appendError(out), '}')
			continue
		}
		if o.etag != "" {
			out = jsontext.AppendQuote(append(out, `,"version":`...), o.etag)
		}
		out = append(strconv.AppendInt(append(out, `,"status":"`...), int64(o.status), 10), `"}`...)
	}
	return append(out, "]}"...)
}
