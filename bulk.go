package scim

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

const (
	bulkIDPrefix = "bulkId:"

	// bulkRun is how many operations share a transaction where the Store has
	// them: enough to make the commit cheap, few enough to hold no lock long.
	bulkRun = 200
)

// A bulkOperation is one operation of a bulk request (RFC 7644 §3.7) and what
// has come of it.
type bulkOperation struct {
	method, path string
	bulkID       string
	version      string
	data         []byte
	refs         []string // the bulkIds in the path and the data
	bad          error    // why it cannot be tried

	begun, done bool
	open        int              // references that are still to be added
	awaited     []*bulkOperation // that are to refer to this one
	failure     *failure
	status      int
	location    []byte // URL, safe in JSON
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
	m, err := openMessage(req.body, bulkSchemaURI, h.decoding(req))
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
		b.ops = append(b.ops, readBulkOperation(src, &req.dialect))
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

func readBulkOperation(src []byte, d *dialect) (o bulkOperation) {
	if src[0] != '{' {
		o.bad = Errorf(ErrInvalidSyntax, "an operation must be an object")
		return o
	}
	m := message{src, d}
	for _, f := range []struct {
		name string
		to   *string
	}{{"method", &o.method}, {"path", &o.path}, {"bulkId", &o.bulkID}, {"version", &o.version}} {
		text, err := m.text(f.name)
		if err != nil && o.bad == nil {
			o.bad = err
		}
		*f.to = deref(text)
	}
	o.method = strings.ToUpper(o.method)
	o.data = m.member("data")
	o.refs = bulkRefs(o.data, nil)
	if _, ref, ok := strings.Cut(o.path, "/"+bulkIDPrefix); ok {
		o.refs = append(o.refs, ref)
	}
	switch o.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if o.bad == nil && o.data == nil {
			o.bad = Errorf(ErrInvalidSyntax, "%s needs data", o.method)
		}
		if o.bad == nil && o.method == http.MethodPost && o.bulkID == "" {
			o.bad = Errorf(ErrInvalidSyntax, "POST needs a bulkId")
		}
	case http.MethodDelete:
	default:
		if o.bad == nil {
			o.bad = Errorf(ErrInvalidSyntax, "method must be POST, PUT, PATCH or DELETE, not %q", clip(o.method))
		}
	}
	return o
}

// nextRef finds the next reference to a bulkId in JSON: bulkId: after a quote
// and up to the next, which in the filter of a path are escaped.
func nextRef(src []byte, at int) (from, to int) {
	for at < len(src) {
		i := bytes.Index(src[at:], []byte(bulkIDPrefix))
		if i < 0 {
			break
		}
		from = at + i
		at = from + len(bulkIDPrefix)
		if end := bytes.IndexAny(src[at:], `"\`); end > 0 && from > 0 && src[from-1] == '"' {
			return from, at + end
		}
	}
	return -1, -1
}

func bulkRefs(data []byte, refs []string) []string {
	for from, to := nextRef(data, 0); from >= 0; from, to = nextRef(data, to) {
		if ref := string(data[from+len(bulkIDPrefix) : to]); !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// resolved returns the data with ids in place of the references.
func (b *bulk) resolved(data []byte) []byte {
	var out []byte
	last := 0
	for from, to := nextRef(data, 0); from >= 0; from, to = nextRef(data, to) {
		if o := b.byID[string(data[from+len(bulkIDPrefix):to])]; o != nil && o.id != "" {
			out = append(append(out, data[last:from]...), o.id...)
			last = to
		}
	}
	if out == nil {
		return data
	}
	return append(out, data[last:]...)
}

func (b *bulk) stopped() bool {
	return b.failOnErrors > 0 && b.errors >= b.failOnErrors || b.req.ctx.Err() != nil
}

// together does a run of operations, in one transaction if the Store has them
// and can undo one operation within it. If the whole cannot be committed, each
// is done for itself.
func (b *bulk) together(from, to int) error {
	if t, ok := b.h.store.(Transactor); ok {
		h, errs := b.h, b.errors
		err := t.InTx(b.req.ctx, func(ctx context.Context, tx Store) error {
			if _, nests := tx.(Transactor); !nests {
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
		*o = bulkOperation{method: o.method, path: o.path, bulkID: o.bulkID, version: o.version, data: o.data, refs: o.refs, bad: o.bad}
	}
	b.ran, b.errors = nil, errors
}

// over returns a Handler that does the same with another Store.
func (h *Handler) over(store Store) *Handler {
	inside := *h
	inside.store = store
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
		err = b.request(o, o.method, b.resolved(o.data))
	}
	if err != nil {
		b.fail(o, err)
	}
	o.done = true
	b.close(o)
}

// createOpen creates a resource of a circle without what refers to resources
// that are not there yet.
func (b *bulk) createOpen(o *bulkOperation, open []string) error {
	data, left := b.without(b.resolved(o.data))
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

// close adds the references to a resource that is there now.
func (b *bulk) close(o *bulkOperation) {
	for _, a := range o.awaited {
		if a.open--; a.open > 0 || a.failure != nil {
			continue
		}
		err := error(Errorf(ErrConflict, "the reference to the bulkId %q cannot be resolved: that operation failed", clip(o.bulkID)))
		if o.failure == nil {
			patch := append(append([]byte(`{"schemas":["`+patchSchemaURI+`"],"Operations":[{"op":"add","value":`), b.resolved(a.data)...), "}]}"...)
			created := a.status
			err = b.request(a, http.MethodPatch, patch)
			a.status = created
		}
		if err != nil {
			b.fail(a, err)
			if undo := b.request(a, http.MethodDelete, nil); undo != nil { // it is done whole or not at all
				b.fail(a, undo)
				b.errors--
			}
		}
	}
	o.awaited = nil
}

// without returns JSON without the values that still hold a reference: an
// element of an array, or a member of an object. It reports whether one was left
// because it is no part of either.
func (b *bulk) without(src []byte) (out []byte, left bool) {
	switch from, _ := nextRef(src, 0); {
	case from < 0:
		return src, false
	case src[0] == '[':
		out = append(out, '[')
		walk := jsontext.NewArray(src)
		for v, ok := walk.Next(); ok; v, ok = walk.Next() {
			if v, drop := b.without(v); !drop {
				if len(out) > 1 {
					out = append(out, ',')
				}
				out = append(out, v...)
			}
		}
		return append(out, ']'), false
	case src[0] == '{':
		out = append(out, '{')
		walk := jsontext.NewObject(src)
		for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
			v, drop := b.without(v)
			if drop && named(name, "value") {
				return nil, true // an element without its value is none
			}
			if !drop {
				if len(out) > 1 {
					out = append(out, ',')
				}
				out = append(append(append(out, name...), ':'), v...)
			}
		}
		return append(out, '}'), false
	}
	return nil, true
}

// request carries out an operation as the single request would be.
func (b *bulk) request(o *bulkOperation, method string, data []byte) error {
	path := strings.Trim(o.path, "/")
	endpoint, id, _ := strings.Cut(path, "/")
	if ref, ok := strings.CutPrefix(id, bulkIDPrefix); ok {
		id = b.byID[ref].id // do has seen to it
	}
	req := &request{
		ctx: b.ctx, method: method, principal: b.req.principal, base: b.req.base, mount: b.req.mount, path: path,
		typ: b.h.endpoints[endpoint], id: id, body: data, ifMatch: o.version, dialect: dialect{strict: b.req.dialect.strict},
	}
	var answer verb
	switch {
	case req.typ == nil || strings.Contains(id, "/") || id == endpointSearch:
		return Errorf(ErrNotFound, "path: there is no endpoint %q", clip(o.path))
	case o.method == http.MethodPost && id != "", o.method != http.MethodPost && id == "":
		return Errorf(ErrMethodNotAllowed, "path: %s is not for %q: POST is for the endpoint of a type, all else for a resource", o.method, clip(o.path))
	case method == http.MethodPost:
		answer = (*Handler).create
	case method == http.MethodPut:
		answer = (*Handler).replace
	case method == http.MethodPatch:
		answer = (*Handler).patch
	default:
		answer = (*Handler).delete
	}
	if method != o.method { // of what the operation created
		req.id, req.ifMatch = o.id, ""
	}
	if o.method != http.MethodPost {
		o.location = b.h.location(req, req.id)
	}
	got, err := answer(b.h, req)
	b.req.dialect.fired |= req.dialect.fired
	if err != nil {
		return err
	}
	o.status = got.status
	if r := got.resource; r != nil {
		o.id, o.location = r.ID, b.h.location(req, r.ID)
		if r.Version != "" {
			o.etag = `W/"` + string(appendVersion(nil, r)) + `"`
		}
	}
	return nil
}

// location returns the URL of a resource, safe in JSON.
func (h *Handler) location(req *request, id string) []byte {
	out := append(append(append([]byte(nil), req.base...), '/'), req.typ.def.Endpoint...)
	return appendPathSegment(append(out, '/'), id)
}

// fail records that an operation failed, and logs it like the single request.
func (b *bulk) fail(o *bulkOperation, err error) {
	f := judge(b.ctx, err)
	o.failure = &f
	b.errors++
	req := *b.req
	req.method = o.method
	b.h.log(&req, b.req.mount+"/"+strings.Trim(o.path, "/"), f, err)
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
		if o.location != nil && (o.failure == nil || o.method != http.MethodPost) {
			out = append(append(append(out, `,"location":"`...), o.location...), '"')
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
