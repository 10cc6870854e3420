package scim

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

const mediaType = "application/scim+json"

// A request is an HTTP request as the verbs see it.
type request struct {
	ctx       context.Context
	method    string
	principal Principal
	base      []byte // URL of the endpoint, for locations
	mount     string // the path above the endpoints: "/scim/v2"
	path      string // below it: "Users/1"
	slash     bool   // an escaped slash is in the path
	query     string
	typ       *ResourceType
	id        string
	body      []byte
	ifMatch   string
	ifNone    string
	password  Secret            // that the body sets
	told      bool              // of the password, when the same body came before
	work      *int              // what is left of it for this request and others; nil: there are none
	changes   *[]ResourceChange // what was stored, for the Observer; nil: there is none
	refused   []Refused         // of a bulk request, likewise
	dialect   dialect
}

// A response is what a verb answers with; wire.go writes it. The zero parts
// are not sent.
type response struct {
	status   int
	typ      *ResourceType
	resource *Resource // with its ETag and location; with noBody only these
	noBody   bool
	page     *Page
	start    int                   // index of the page's first resource, from 1; 0 if the page is found by cursor
	next     string                // the cursor of the page after
	wants    map[string]projection // of a page with resources of several types: by their names
	raw      []byte                // a whole body
	want     projection
}

// exchange is one request and its answer, with buffers that are used again.
type exchange struct {
	request
	render renderer
	in     []byte
	w      http.ResponseWriter
	status int
	begun  bool // the header is sent

	addressed string // the tenant that the address is of
	tokenSent bool
	done      func() // of the Authenticator
	observed
	whole bool // answered without a panic
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func (x *exchange) release() {
	const kept = 1 << 20 // a larger buffer is not worth keeping
	if cap(x.in) > kept || cap(x.render.buf) > kept {
		return
	}
	*x = exchange{in: x.in[:0], render: renderer{buf: x.render.buf[:0], at: x.render.at[:0], nodes: x.render.nodes[:0]}, request: request{base: x.base[:0]}}
	exchanges.Put(x)
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchanges.Get().(*exchange)
	x.w = w
	x.ctx, x.method, x.query = r.Context(), r.Method, r.URL.RawQuery
	defer func() {
		h.end(x, r)
		if x.whole {
			x.release()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			h.panicked(x, r, v)
		}
	}()
	h.begin(x, r)
	answer, err := h.serve(x, r)
	if err != nil {
		h.fail(x, r, err)
	} else if err := h.send(x, &answer); err != nil {
		h.abort(x, r, err)
	}
	if x.dialect.fired != 0 {
		h.logRules(x, r)
	}
	x.whole = true
}

// serve reads what all requests have in common and has the verb answer.
func (h *Handler) serve(x *exchange, r *http.Request) (response, error) {
	if x.method == http.MethodConnect { // for which a ServeMux has no values of its wildcards
		return response{}, Errorf(ErrNotImplemented, "CONNECT is not supported")
	}
	h.mount(x, r)
	if err := h.authenticate(x, r); err != nil {
		if !h.public(x) || !x.tells(err) {
			return response{}, err
		}
		x.principal = Principal{}
	}
	h.locate(x, r)
	if v := x.mount[strings.LastIndexByte(x.mount, '/')+1:]; isVersion(v) && v != "v2" && !strings.Contains(r.Pattern, v) {
		return response{}, Errorf(ErrInvalidVersion, "version %s of the protocol is not supported, only v2", clip(v))
	}
	x.dialect.strict = h.options.Strict || x.principal.Strict
	if err := h.accepts(x, r); err != nil {
		return response{}, err
	}
	var answer verb
	if !x.slash { // no id and no endpoint has a slash in it
		var err error
		if answer, err = h.route(x); err != nil {
			return response{}, err
		}
	}
	if answer == nil {
		return response{}, Errorf(ErrNotFound, "there is no endpoint %q", "/"+clip(x.path))
	}
	if x.method == http.MethodPost || x.method == http.MethodPut || x.method == http.MethodPatch {
		if err := h.readBody(x, r); err != nil {
			return response{}, err
		}
	}
	return answer(h, &x.request)
}

// mount finds where the Handler is mounted, and with it the path below it and
// the tenant that the address is of, if it is of one.
func (h *Handler) mount(x *exchange, r *http.Request) {
	x.slash = r.URL.RawPath != "" && strings.Contains(strings.ToLower(r.URL.RawPath), "%2f")
	x.mount = r.URL.Path[:h.mountEnd(r.Pattern, r.URL.Path)]
	x.path = strings.Trim(r.URL.Path[len(x.mount):], "/")
	x.addressed = r.PathValue("tenant")
	if x.addressed == "" && h.options.Tenant != nil {
		x.addressed = h.options.Tenant(r)
	}
}

// isVersion reports whether a segment above the endpoints asks for a version of
// the protocol (RFC 7644 §3.13).
func isVersion(segment string) bool {
	digits, ok := strings.CutPrefix(segment, "v")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// locate finds the endpoint's URL: what the application says, or else what the
// client asked for.
func (h *Handler) locate(x *exchange, r *http.Request) {
	tenant := cmp.Or(x.addressed, x.principal.Tenant)
	if h.options.BaseURL != "" && (tenant != "" || !strings.Contains(h.options.BaseURL, "{tenant}")) {
		x.base = append(x.base[:0], strings.ReplaceAll(h.options.BaseURL, "{tenant}", url.PathEscape(tenant))...)
		return
	}
	x.base = append(x.base[:0], "http"...)
	if r.TLS != nil {
		x.base = append(x.base, 's')
	}
	x.base = append(append(x.base, "://"...), r.Host...)
	whole, _, _ := strings.Cut(r.RequestURI, "?")
	if whole == r.URL.Path {
		x.base = append(x.base, strings.TrimRight(x.mount, "/")...)
	} else {
		escaped := r.URL.EscapedPath()
		if len(whole) > len(escaped) && strings.HasSuffix(whole, escaped) && whole[0] == '/' {
			x.base = append(x.base, whole[:len(whole)-len(escaped)]...) // taken off by http.StripPrefix
		}
		x.base = append(x.base, strings.TrimRight(escapedPrefix(x.mount), "/")...)
	}
	for i, b := range x.base {
		if b <= ' ' || b == '"' || b == '\\' || b >= 0x7f { // nothing a Host header or a path has
			x.base[i] = '_'
		}
	}
}

func escapedPrefix(path string) string {
	return (&url.URL{Path: path}).EscapedPath()
}

// mountEnd returns the length of the path's part above the endpoints: as many
// segments as the pattern has above its last one, or else, without a ServeMux
// or behind http.StripPrefix, all before the first segment that names an
// endpoint.
func (h *Handler) mountEnd(pattern, path string) int {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		pattern = pattern[i:]
		segments := strings.Count(pattern, "/") - 1
		if !strings.HasSuffix(pattern, "/") && !strings.HasSuffix(pattern, "...}") {
			segments++ // mounted at exactly this path
		}
		at := 0
		for ; segments > 0 && at < len(path); segments-- {
			n := strings.IndexByte(path[at+1:], '/')
			if n < 0 {
				at = len(path)
			} else {
				at += 1 + n
			}
		}
		first, _, _ := strings.Cut(strings.TrimLeft(path[at:], "/"), "/")
		last := path[strings.LastIndexByte(path[:at], '/')+1 : at]
		if h.isEndpoint(first) || first == "" && segments == 0 && !h.isEndpoint(last) {
			return at
		}
	}
	for at := 0; at < len(path); {
		segment, _, _ := strings.Cut(path[at+1:], "/")
		if h.isEndpoint(segment) {
			return at
		}
		at += 1 + len(segment)
	}
	return 0
}

// accepts looks at the media types. Only strict clients are held to Accept:
// whatever they name, there is one form of answer.
func (h *Handler) accepts(x *exchange, r *http.Request) error {
	x.ifMatch, x.ifNone = joined(r.Header["If-Match"]), joined(r.Header["If-None-Match"])
	if x.dialect.strict && !acceptable(joined(r.Header["Accept"])) {
		return Errorf(ErrNotAcceptable, "only %s can be sent", mediaType)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete || r.Method == http.MethodHead {
		return nil
	}
	content := joined(r.Header["Content-Type"])
	name, _, _ := strings.Cut(content, ";")
	name = strings.TrimSpace(name)
	if name != "" && !strings.EqualFold(name, mediaType) && !strings.EqualFold(name, "application/json") {
		return Errorf(ErrUnsupportedMedia, "Content-Type %q is not supported: send %s", clip(content), mediaType)
	}
	if encoding := joined(r.Header["Content-Encoding"]); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return Errorf(ErrUnsupportedMedia, "Content-Encoding %q is not supported", clip(encoding))
	}
	return nil
}

func joined(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}

func acceptable(accept string) bool {
	if accept == "" {
		return true
	}
	for _, one := range strings.Split(accept, ",") {
		name, _, _ := strings.Cut(one, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "*/*", "application/*", mediaType, "application/json":
			return true
		}
	}
	return false
}

// readBody reads the body, but no more than is allowed.
func (h *Handler) readBody(x *exchange, r *http.Request) error {
	tooLarge := func() error {
		x.w.Header().Set("Connection", "close") // the rest is not read
		return Errorf(ErrTooLarge, "the body is larger than %d bytes", h.options.MaxBody)
	}
	if r.ContentLength > h.options.MaxBody {
		return tooLarge()
	}
	if r.Body == nil {
		return nil
	}
	buf, most := x.in[:0], int(h.options.MaxBody)
	if n := int(r.ContentLength) + 1; cap(buf) < n { // one more byte, to see the end
		buf = make([]byte, 0, n)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):min(cap(buf), most+1)])
		buf = buf[:len(buf)+n]
		x.in, x.body = buf, buf
		switch {
		case len(buf) > most:
			return tooLarge()
		case err == io.EOF:
			return nil
		case err != nil:
			var most *http.MaxBytesError
			if errors.As(err, &most) { // of the application's
				return tooLarge()
			}
			return &Error{Kind: ErrInvalidSyntax, Detail: "the body could not be read to its end", Err: err}
		}
	}
}

var (
	contentType  = []string{mediaType}
	cacheControl = []string{"no-store"} // personal data (RFC 7643 §9.3)
)

// send writes an answer: in one piece if it is small, and otherwise in chunks,
// so that a group of any size takes a bounded piece of memory.
func (h *Handler) send(x *exchange, a *response) error {
	x.status = a.status
	head := x.w.Header()
	if a.resource != nil {
		x.setLocation(a, head)
	}
	if a.noBody || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		x.w.WriteHeader(a.status)
		return nil
	}
	head["Content-Type"] = contentType
	head["Cache-Control"] = cacheControl
	out := &x.render
	out.base, out.types, out.want = x.base, h.types, a.want
	out.sink = x
	var err error
	switch {
	case a.raw != nil:
		out.buf = append(out.buf, a.raw...)
	case a.page != nil:
		err = out.page(a)
	default:
		err = out.resource(a.typ, a.resource)
	}
	if err != nil {
		return err
	}
	return x.finish()
}

// page appends a ListResponse (RFC 7644 §3.4.2).
func (x *renderer) page(a *response) error {
	x.buf = append(x.buf, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":`...)
	x.buf = strconv.AppendInt(x.buf, int64(a.page.Total), 10)
	if a.start > 0 {
		x.buf = append(x.buf, `,"startIndex":`...)
		x.buf = strconv.AppendInt(x.buf, int64(a.start), 10)
	}
	if a.next != "" {
		x.buf = append(append(append(x.buf, `,"nextCursor":"`...), a.next...), '"')
	}
	x.buf = append(x.buf, `,"itemsPerPage":`...)
	x.buf = strconv.AppendInt(x.buf, int64(len(a.page.Resources)), 10)
	x.buf = append(x.buf, `,"Resources":[`...)
	for i, r := range a.page.Resources {
		if i > 0 {
			x.buf = append(x.buf, ',')
		}
		typ := a.typ
		if typ == nil {
			typ, x.want = x.types[r.Type], a.wants[r.Type]
		}
		if err := x.resource(typ, r); err != nil {
			return err
		}
		if err := x.spill(); err != nil {
			return err
		}
	}
	x.buf = append(x.buf, "]}"...)
	return nil
}

// setLocation sets ETag, Location and Content-Location (RFC 7644 §3.14, §3.3;
// RFC 7643 §3.1). The strings are parts of one, and so are the slices.
func (x *exchange) setLocation(a *response, head http.Header) {
	out := x.render.buf[:0]
	out = append(appendVersion(append(out, `W/"`...), a.resource), '"')
	etag := len(out)
	out = append(append(out, x.base...), '/')
	out = append(append(out, a.typ.def.Endpoint...), '/')
	out = appendPathSegment(out, a.resource.ID)
	text := string(out)
	x.render.buf = out[:0]
	values := []string{text[:etag], text[etag:]}
	if a.resource.Version != "" {
		head["Etag"] = values[:1:1]
	}
	head["Location"] = values[1:2:2]
	if a.status != http.StatusCreated {
		head["Content-Location"] = values[1:2:2]
	}
}

// flush sends on what is rendered so far.
func (x *exchange) flush() error {
	if !x.begun {
		x.begun = true
		x.w.WriteHeader(x.status)
	}
	_, err := x.w.Write(x.render.buf)
	x.render.buf = x.render.buf[:0]
	if err != nil {
		return clientGone{err}
	}
	return nil
}

func (x *exchange) finish() error {
	if !x.begun {
		x.w.Header()["Content-Length"] = []string{strconv.Itoa(len(x.render.buf))}
	}
	return x.flush()
}

// clientGone is an error of writing to the client, of which nobody can be told.
type clientGone struct{ error }
