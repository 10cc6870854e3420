package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/jsontext"
)

// kinds is the one table of how errors are answered (RFC 7644 §3.12).
var kinds = []struct {
	kind     error
	status   int
	scimType string
}{
	{ErrInvalidSyntax, 400, "invalidSyntax"},
	{ErrInvalidFilter, 400, "invalidFilter"},
	{ErrInvalidPath, 400, "invalidPath"},
	{ErrInvalidValue, 400, "invalidValue"},
	{ErrInvalidCursor, 400, "invalidCursor"}, // RFC 9865 §5.2
	{ErrInvalidCount, 400, "invalidCount"},
	{ErrInvalidVersion, 400, "invalidVers"},
	{ErrNoTarget, 400, "noTarget"},
	{ErrMutability, 400, "mutability"},
	{ErrTooMany, 400, "tooMany"},
	{ErrUnauthorized, 401, ""},
	{ErrForbidden, 403, ""},
	{ErrSensitive, 403, "sensitive"},
	{ErrNotFound, 404, ""},
	{ErrMethodNotAllowed, 405, ""},
	{ErrNotAcceptable, 406, ""},
	{ErrUniqueness, 409, "uniqueness"},
	{ErrConflict, 409, ""},
	{ErrVersion, 412, ""},
	{ErrTooLarge, 413, ""},
	{ErrUnsupportedMedia, 415, ""},
	{ErrTooManyRequests, 429, ""},
	{ErrNotImplemented, 501, ""},
	{ErrUnavailable, 503, ""},
}

// A failure is how an error is answered. Only the detail of an Error is told:
// the text of any other error may hold what a client must not see.
type failure struct {
	status     int
	scimType   string
	detail     string
	retryAfter time.Duration
	overdue    bool // the request had to be answered by a time that is past
}

func judge(ctx context.Context, err error) failure {
	v := failure{status: http.StatusInternalServerError}
	says := err // the kind of an Error comes before those of its cause
	var e *Error
	if errors.As(err, &e) && e.Kind != nil {
		says = e.Kind
	}
	for _, k := range kinds {
		if errors.Is(says, k.kind) {
			v.status, v.scimType, v.detail = k.status, k.scimType, usual[k.status]
			break
		}
	}
	switch ended := ctx.Err(); {
	case ended == context.Canceled && errors.Is(err, ended):
		v.status, v.detail = statusClientGone, "the client has gone"
	case ended == context.DeadlineExceeded && errors.Is(err, ended):
		v = failure{status: http.StatusServiceUnavailable, detail: "the request took longer than it is given: try again later, or ask for less at once", retryAfter: time.Second, overdue: true}
	}
	if e != nil && v.status != http.StatusInternalServerError && !v.overdue {
		v.detail, v.retryAfter = cmp.Or(e.Detail, v.detail), e.RetryAfter
	}
	v.detail = cmp.Or(v.detail, usual[http.StatusInternalServerError])
	return v
}

// appendError appends the message of an error (RFC 7644 §3.12).
func (v failure) appendError(dst []byte) []byte {
	dst = append(dst, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"`...)
	dst = append(strconv.AppendInt(dst, int64(v.status), 10), '"')
	if v.scimType != "" {
		dst = append(append(append(dst, `,"scimType":"`...), v.scimType...), '"')
	}
	dst = jsontext.AppendQuote(append(dst, `,"detail":`...), strings.ToValidUTF8(v.detail, "\uFFFD"))
	return append(dst, '}')
}

// fail answers an error and logs it.
func (h *Handler) fail(x *exchange, r *http.Request, err error) {
	v := judge(x.ctx, err)
	x.err, x.detail = err, v.detail
	head := x.w.Header()
	if v.retryAfter > 0 {
		head["Retry-After"] = []string{strconv.Itoa(int((v.retryAfter + 999_999_999) / 1_000_000_000))}
	}
	h.log(&x.request, r.URL.Path, v, err)
	x.status = v.status
	if x.begun {
		panic(http.ErrAbortHandler) // the answer has begun: let the client see that it is broken
	}
	if v.status == http.StatusUnauthorized {
		challenge := `Bearer realm="scim"`
		if x.tokenSent {
			challenge += `, error="invalid_token"` // RFC 6750 §3.1
		}
		head["Www-Authenticate"] = []string{challenge}
	}
	for _, name := range []string{"Etag", "Location", "Content-Location"} { // of an answer that was to be
		delete(head, name)
	}
	head["Content-Type"] = contentType
	x.render.buf = v.appendError(x.render.buf[:0])
	x.finish() // a client that has gone cannot be told
}

// statusClientGone is written to nobody: it is for the log.
const statusClientGone = 499

// usual is what a status says where the error has no detail of its own.
var usual = map[int]string{
	400: "the request is not valid",
	401: "a valid bearer token is required",
	403: "this is not permitted",
	404: "there is no such resource",
	405: "the method is not allowed here",
	406: "the answer has no form that the client accepts",
	409: "this conflicts with what there is already",
	412: "the resource has changed since the version given",
	413: "the request is too large",
	415: "the body's media type is not supported",
	429: "too many requests: try again later",
	500: "the request could not be carried out because of an internal error; it is in the server's log",
	501: "this operation is not supported",
	503: "the service is not available at the moment: try again later",
}

// abort ends an answer that cannot be completed.
func (h *Handler) abort(x *exchange, r *http.Request, err error) {
	var gone clientGone
	if errors.As(err, &gone) {
		v := failure{status: statusClientGone, detail: "the client has gone"}
		x.status, x.err, x.detail = v.status, err, v.detail
		h.log(&x.request, r.URL.Path, v, err)
		return
	}
	h.fail(x, r, err)
}

// panicked answers a panic of the application's code: its Store, its hooks.
func (h *Handler) panicked(x *exchange, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		if x.err == nil { // it was the application's code
			x.err = http.ErrAbortHandler
		}
		panic(v)
	}
	// The exchange is not released: the code that panicked may still use it.
	h.fail(x, r, panicError(v))
}

// panicError is the error of a panic that was recovered from, for the log.
func panicError(v any) error {
	err, ok := v.(error)
	if !ok {
		err = fmt.Errorf("%v", v)
	}
	return fmt.Errorf("panic: %w\n%s", hidden{err}, debug.Stack())
}

// hidden keeps a panic's value from being taken for one of the Err kinds.
type hidden struct{ err error }

func (e hidden) Error() string { return e.err.Error() }

// log writes the one record of an answered error: never a token, a query or a
// body, which hold what must not be kept, but for what the detail quotes.
func (h *Handler) log(req *request, path string, v failure, err error) {
	level := slog.LevelWarn
	switch {
	case v.status == http.StatusNotFound:
		level = slog.LevelInfo // clients ask to learn whether something is there
	case v.status >= 500 && v.status != http.StatusNotImplemented && !v.overdue:
		level = slog.LevelError
	}
	if !h.options.Logger.Enabled(req.ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", req.method), slog.String("path", shortened(path)), slog.Int("status", v.status),
		slog.String("tenant", req.principal.Tenant), slog.String("subject", req.principal.Subject),
		slog.String("detail", v.detail),
	}
	if v.status >= 500 || v.status == http.StatusUnauthorized { // whose cause the client is not told
		attrs = append(attrs, slog.Any("err", err))
		if e, ok := errors.AsType[*Error](err); ok && e.Err != nil {
			attrs = append(attrs, slog.Any("cause", e.Err))
		}
	}
	if req.dialect.fired != 0 {
		attrs = append(attrs, slog.Any("rules", req.dialect.rules()))
	}
	h.options.Logger.LogAttrs(req.ctx, level, "scim: request failed", attrs...)
}

// shortened is a path for the log, which a stranger could fill with long ones.
func shortened(path string) string {
	const most = 500
	if len(path) <= most {
		return path
	}
	return path[:most] + "…"
}

// logRules says which tolerances a request needed.
func (h *Handler) logRules(x *exchange, r *http.Request) {
	if h.options.Logger.Enabled(x.ctx, slog.LevelDebug) {
		h.options.Logger.LogAttrs(x.ctx, slog.LevelDebug, "scim: dialect tolerated",
			slog.String("method", x.method), slog.String("path", shortened(r.URL.Path)),
			slog.String("tenant", x.principal.Tenant), slog.Any("rules", x.dialect.rules()))
	}
}
