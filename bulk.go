package scim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// bulkRun is how many operations share a transaction where the Store has them:
// enough to make the commit cheap, few enough to hold no lock long. A circle is
// never divided.
const bulkRun = 200

// A bulkOperation is one operation of a bulk request (RFC 7644 §3.7) and what
// has come of it.
type bulkOperation struct {
	method, path string
	bulkID       string
	version      string
	data         []byte
	typ          *ResourceType    // that the path names
	target       string           // the id in the path, or a reference
	refs         []*bulkOperation // the POSTs that the path and the data refer to, each once
	mark         *bulkOperation   // the last one found to refer to it
	bad          error            // why it cannot be tried

	waiting
	outcome
}

// A bulk is a bulk request at work.
type bulk struct {
	h    *Handler // over the Store of the transaction, if there is one
	ctx  context.Context
	req  *request
	ops  []bulkOperation
	byID map[string]*bulkOperation

	changes *[]ResourceChange // as in request; in a transaction those that stand if it is committed

	failOnErrors int
	errors       int
	work         int  // what is left of it, for all operations together
	flat         bool // no transactions: the Store cannot undo one operation within one, or a Guard is asked, which must not wait for one
	revocable    bool // a transaction may be undone: what comes of an operation is not logged yet
	torn         bool // a panic may have left an operation half done in the transaction
}

// bulk answers POST to /Bulk. Each operation is what the single request would
// be: it is done whole or not at all, and one that fails takes no other along.
func (h *Handler) bulk(req *request) (response, error) {
	b, err := h.openBulk(req)
	if err != nil {
		return response{}, err
	}
	for units := planBulk(b.ops); len(units) > 0 && !b.stopped(); {
		run := 0
		for n := 0; run < len(units) && n < bulkRun; run++ {
			n += len(units[run])
		}
		if err := b.together(units[:run]); err != nil {
			return response{}, err
		}
		units = units[run:]
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
	b := &bulk{h: h, ctx: req.ctx, req: req, byID: map[string]*bulkOperation{}, work: maxWork, changes: req.changes, flat: h.guards(&req.principal)}
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
		b.ops = append(b.ops, h.readOperation(src, req))
	}
	for i := range b.ops {
		o := &b.ops[i]
		switch {
		case o.bulkID == "":
		case b.byID[o.bulkID] != nil:
			if o.bad == nil {
				o.bad = Errorf(ErrInvalidValue, "bulkId %q is another operation's", clip(o.bulkID)) // to which it refers
			}
		default:
			b.byID[o.bulkID] = o
		}
	}
	for i := range b.ops {
		b.findRefs(&b.ops[i])
	}
	return b, nil
}

func (h *Handler) readOperation(src []byte, req *request) (o bulkOperation) {
	if src[0] != '{' {
		o.bad = Errorf(ErrInvalidSyntax, "an operation must be an object")
		return o
	}
	m := message{src, &req.dialect}
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
		o.bad = h.checkOperation(&o, &req.principal)
	}
	return o
}

// posted returns the POST that has the bulkId.
func (b *bulk) posted(ref string) *bulkOperation {
	if o := b.byID[ref]; o != nil && o.method == http.MethodPost {
		return o
	}
	return nil
}

// findRefs finds what an operation refers to.
func (b *bulk) findRefs(o *bulkOperation) {
	if o.bad != nil {
		return
	}
	refer := func(ref string, needed bool) {
		switch other := b.posted(ref); {
		case other == nil && needed && o.bad == nil:
			o.bad = Errorf(ErrInvalidValue, "no POST of this request has the bulkId %q", clip(ref))
		case other != nil && other.mark != o:
			other.mark = o
			o.refs = append(o.refs, other)
		}
	}
	b.walk(o, func(ref string, needed bool) (string, refFate) {
		refer(ref, needed)
		return "", refStays
	})
	if ref, ok := strings.CutPrefix(o.target, bulkIDPrefix); ok {
		refer(ref, true)
	}
	if o.bad != nil {
		o.refs = nil
	}
}

// walk returns the data of an operation with what becomes of the references.
func (b *bulk) walk(o *bulkOperation, fate func(ref string, needed bool) (string, refFate)) []byte {
	if o.data == nil {
		return nil
	}
	w := refWalk{t: o.typ, fate: fate}
	return w.data(o.data, o.method == http.MethodPatch)
}

// checkOperation finds what an operation is on, and what is wrong with it
// whatever the others do.
func (h *Handler) checkOperation(o *bulkOperation, p *Principal) error {
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
	if t := h.endpoints[endpoint]; t != nil && p.serves(t) {
		o.typ = t
	}
	switch {
	case o.path == "":
		return Errorf(ErrInvalidSyntax, "path is missing")
	case len(o.path) > h.options.MaxFilter:
		o.path, o.target = "", "" // nor is it sent back
		return Errorf(ErrInvalidPath, "path is longer than %d bytes", h.options.MaxFilter)
	case o.typ == nil && h.endpoints[endpoint] == nil && h.isEndpoint(endpoint) || o.target == endpointSearch:
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

// together does a run of units, in one transaction if the Store has them and
// can undo one operation within it, and no Guard is asked. If the whole cannot be
// committed, each is done for itself.
func (b *bulk) together(units [][]*bulkOperation) error {
	if t, ok := b.h.store.(Transactor); ok && !b.flat {
		h, errs, work := b.h, b.errors, b.work
		all, changes := b.changes, []ResourceChange(nil)
		if all != nil {
			b.changes = &changes
		}
		undo := func() {
			changes = nil
			for _, unit := range units {
				for _, o := range unit {
					o.outcome = outcome{}
				}
			}
			b.errors, b.work, b.torn = errs, work, false
		}
		err := t.InTx(b.req.ctx, func(ctx context.Context, tx Store) error {
			if _, nests := tx.(Transactor); !nests {
				b.flat = true
				return errFlat
			}
			undo()
			b.h, b.ctx, b.revocable = h.over(tx), ctx, true
			b.each(units)
			if b.torn {
				return errTorn
			}
			return b.ctx.Err()
		})
		b.h, b.ctx, b.changes, b.revocable = h, b.req.ctx, all, false
		if err == nil {
			b.logUntold(units)
		}
		if err == nil && all != nil {
			*all = append(*all, changes...)
		}
		if err == nil || b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		undo()
	}
	b.each(units)
	return b.ctx.Err()
}

var (
	errFlat = Errorf(ErrNotImplemented, "the Store has no transactions within transactions") // no fault: an Observer is told of it
	errTorn = errors.New("scim: the Store panicked in a transaction")
)

// over returns a Handler that does the same with the Store of a transaction. It
// waits for no turn: who has it may be waiting for the transaction.
func (h *Handler) over(tx Store) *Handler {
	inside := *h
	inside.store, inside.turns = tx, nil
	return &inside
}

func (b *bulk) each(units [][]*bulkOperation) {
	for _, unit := range units {
		if b.stopped() || b.torn {
			return
		}
		if o := unit[0]; len(unit) > 1 || slices.Contains(o.refs, o) {
			b.circle(unit)
		} else if err := b.do(o); err != nil {
			b.fail(o, err)
		}
		for _, o := range unit {
			o.done = true
		}
	}
}

// do carries out an operation. What it refers to was tried before.
func (b *bulk) do(o *bulkOperation) error {
	if err := b.blocked(o); err != nil {
		return err
	}
	data, _ := b.resolved(o)
	return b.request(o, o.method, data)
}

// blocked returns why an operation cannot be tried.
func (b *bulk) blocked(o *bulkOperation) error {
	if o.bad != nil {
		return o.bad
	}
	for _, other := range o.refs {
		if other.failure != nil {
			return Errorf(ErrInvalidValue, "the operation with the bulkId %q failed", clip(other.bulkID))
		}
	}
	return nil
}

// resolved returns the data with ids in place of the references to resources
// that are there, and without the others, of which open is one.
func (b *bulk) resolved(o *bulkOperation) (data []byte, open *bulkOperation) {
	if len(o.refs) == 0 {
		return o.data, nil
	}
	data = b.walk(o, func(ref string, _ bool) (string, refFate) {
		switch other := b.posted(ref); {
		case other == nil:
			return "", refStays
		case other.id == "":
			open = other
			return "", refGoes
		default:
			return other.id, refResolved
		}
	})
	return data, open
}

// circle creates resources that refer to each other, first without the
// references to those that are not there yet, which are added when all are (RFC
// 7644 §3.7.1). All of them are created or none: each is what another one was
// to refer to. Nothing else has been told their ids yet.
func (b *bulk) circle(unit []*bulkOperation) {
	failed, err := b.createCircle(unit)
	if err == nil {
		return
	}
	b.fail(failed, err)
	ctx := b.ctx
	defer func() { b.ctx = ctx }()
	b.ctx = context.WithoutCancel(ctx) // what is begun is undone
	for _, o := range slices.Backward(unit) {
		var err error
		if o.id != "" {
			err = b.request(o, http.MethodDelete, nil)
		}
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			b.fail(o, err)
		case o != failed:
			b.fail(o, Errorf(ErrConflict, "the reference to the bulkId %q cannot be resolved: that operation failed", clip(failed.bulkID)))
		}
	}
}

func (b *bulk) createCircle(unit []*bulkOperation) (failed *bulkOperation, err error) {
	for _, o := range unit {
		if err := b.blocked(o); err != nil {
			return o, err
		}
	}
	var open []*bulkOperation
	for _, o := range unit {
		data, without := b.resolved(o)
		if err := b.request(o, http.MethodPost, data); err != nil {
			return o, err
		}
		if without != nil {
			open = append(open, o)
		}
	}
	for _, o := range open {
		data, _ := b.resolved(o)
		if err := b.request(o, http.MethodPut, data); err != nil {
			return o, err
		}
	}
	return nil, nil
}

// request carries out an operation as the single request would be; or, with
// another method, what completes or undoes a POST.
func (b *bulk) request(o *bulkOperation, method string, data []byte) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			err = panicError(v)
			b.torn = b.h.turns == nil && b.h.hooks == nil // with hooks it had a transaction of its own
		}
	}()
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
		typ: o.typ, id: id, body: data, ifMatch: ifMatch, told: method != o.method, work: &b.work, changes: b.changes, dialect: dialect{strict: b.req.dialect.strict},
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
