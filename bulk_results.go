package scim

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// outcome is what has come of an operation.
type outcome struct {
	done    bool
	failure *failure
	status  int
	id      string // of the resource, once it is there
	etag    string
	untold  []refusal // to be logged if it stands
}

// A refusal is why an operation failed, or could not be undone.
type refusal struct {
	failure
	err error
}

// fail records that an operation failed, and logs it like the single request, when
// it stands. One that could not be undone either is logged for both, and counts once.
func (b *bulk) fail(o *bulkOperation, err error) {
	f := judge(b.ctx, err)
	if o.failure == nil {
		b.errors++
	}
	o.failure = &f
	o.untold = append(o.untold, refusal{f, err})
	if !b.revocable {
		b.log(o)
	}
}

func (b *bulk) log(o *bulkOperation) {
	req := *b.req
	req.method = o.method
	for _, r := range o.untold {
		if b.req.changes != nil {
			v := Refused{Method: o.method, Path: o.path, ID: o.id, Status: r.status, Err: r.err, Detail: r.detail}
			if v.ID == "" && !strings.HasPrefix(o.target, bulkIDPrefix) {
				v.ID = o.target
			}
			if o.typ != nil {
				v.Type, v.Operation = o.typ.def.Name, operationOn(o.method, o.target)
			}
			b.req.refused = append(b.req.refused, v)
		}
		b.h.log(&req, b.req.mount+"/"+clip(o.path), r.failure, r.err)
	}
	o.untold = nil
}

func (b *bulk) logUntold(units [][]*bulkOperation) {
	for _, unit := range units {
		for _, o := range unit {
			b.log(o)
		}
	}
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
