package scimtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// A run is one use of an Entra.
type run struct {
	*Entra
	ctx    context.Context
	cancel context.CancelFunc

	state  sync.Mutex // guards what follows, and the Entra's links
	report *Report
	said   map[string]bool // failures that are told once
	sent   int
}

// An exchange is a request and its answer.
type exchange struct {
	kind   Kind
	object string // whom it is about
	url    string
	body   []byte
	status int
	media  string
	answer []byte
	err    error // no answer
}

// send makes one request. The query is written as it is sent.
func (r *run) send(kind Kind, about fmt.Stringer, path, query string, body any) *exchange {
	x := &exchange{kind: kind, object: about.String(), url: r.base + path}
	if query != "" {
		x.url += "?" + query
	}
	if body != nil {
		x.body = encode(body)
	}
	x.err = r.roundTrip(x)
	r.state.Lock()
	defer r.state.Unlock()
	r.sent++
	r.report.count(kind, x.status)
	return x
}

func (r *run) roundTrip(x *exchange) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.options.Timeout)
	defer cancel()
	var body io.Reader
	if x.body != nil {
		body = bytes.NewReader(x.body)
	}
	req, err := http.NewRequestWithContext(ctx, x.kind.method(), x.url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("User-Agent", "") // sends none, as Entra's Test Connection
	if x.body != nil {
		req.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	res, err := r.options.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	x.status, x.media = res.StatusCode, res.Header.Get("Content-Type")
	x.answer, err = io.ReadAll(io.LimitReader(res.Body, 64<<20))
	return err
}

// fail records what went wrong with an exchange.
func (r *run) fail(x *exchange, code, want, why string) {
	f := &Failure{
		Code: code, Object: x.object, RequestBody: string(x.body), Status: x.status, ResponseBody: string(x.answer), Want: want, Why: why,
	}
	if x.url != "" {
		f.Request = x.kind.method() + " " + x.url
	}
	if x.err != nil {
		f.ResponseBody = x.err.Error()
	}
	r.state.Lock()
	defer r.state.Unlock()
	r.report.Failures = append(r.report.Failures, f)
}

// failOnce records what is wrong with all answers of a kind alike.
func (r *run) failOnce(x *exchange, code, want, why string) {
	key := string(x.kind) + want
	r.state.Lock()
	told := r.said[key]
	r.said[key] = true
	r.state.Unlock()
	if !told {
		r.fail(x, code, want, why)
	}
}

// stop ends the run.
func (r *run) stop(reason string) {
	r.state.Lock()
	defer r.state.Unlock()
	if r.report.Stopped == "" {
		r.report.Stopped = reason
	}
	r.cancel()
}

// accept reports whether the answer has one of the statuses, and records a
// failure if not.
func (r *run) accept(x *exchange, statuses ...int) bool {
	if x.err == nil {
		for _, s := range statuses {
			if x.status == s {
				return true
			}
		}
	}
	if r.ctx.Err() != nil {
		return false // the run was ended meanwhile: no fault of the endpoint
	}
	var names []string
	for _, s := range statuses {
		names = append(names, fmt.Sprintf("%d %s", s, http.StatusText(s)))
	}
	code, why := x.verdict()
	r.fail(x, code, strings.Join(names, " or "), why)
	if code == CodeUnauthorized || code == CodeInsufficientRights {
		r.stop("the token was refused")
	}
	return false
}

// verdict is what Entra makes of an answer that it did not want.
func (x *exchange) verdict() (code, why string) {
	byFilter := strings.Contains(x.url, "filter=")
	switch s := x.status; {
	case x.err != nil && (errors.Is(x.err, context.DeadlineExceeded) || os.IsTimeout(x.err)):
		return CodeTimeout, "Entra waits 60 seconds; a later answer counts as none, and the request is sent again in a later cycle"
	case x.err != nil:
		return CodeUnavailable, "Entra cannot reach the endpoint"
	case s == http.StatusUnauthorized:
		return CodeUnauthorized, "Entra puts the job into quarantine at once when its token is refused"
	case s == http.StatusForbidden:
		return CodeInsufficientRights, "Entra puts the job into quarantine at once when its token is refused"
	case s == http.StatusNotFound && byFilter:
		return CodeIncompatible, "a search without a match is answered 200 with totalResults 0; a 404 fails Test Connection and puts the job into quarantine"
	case s == http.StatusNotFound && x.kind != CreateUser && x.kind != CreateGroup:
		return CodeInvalidAnchor, "the id that the endpoint gave is gone; Entra does not create the object again until links are reset"
	case s == http.StatusMethodNotAllowed:
		return CodeMethodNotAllowed, "Entra cannot do without this method"
	case s == http.StatusConflict:
		return CodeConflict, "Entra sends the request again in every cycle"
	case s == http.StatusUnprocessableEntity:
		return CodeUnprocessable, "Entra sends the request again in every cycle"
	case s == http.StatusTooManyRequests:
		return CodeTooManyRequests, "Entra needs 25 requests a second; throttling can lead to quarantine"
	case s == http.StatusNotImplemented:
		return CodeNotImplemented, "Entra cannot do without this"
	case s >= 500:
		return CodeInternalServerError, "Entra sends the request again in the next cycle"
	case s == http.StatusBadRequest && byFilter:
		return CodeBadRequest, "without an answer to its look-ups Entra can neither find nor create anything"
	case s == http.StatusBadRequest:
		return CodeBadRequest, "Entra shows the answer's detail to the admin and sends the request again in every cycle"
	}
	return CodeIncompatible, "Entra knows no such answer"
}

// object reads an answer that must be a JSON object.
func (r *run) object(x *exchange) (map[string]any, bool) {
	if media, _, err := mime.ParseMediaType(x.media); err != nil || media != "application/scim+json" {
		r.failOnce(x, CodeIncompatible, fmt.Sprintf("Content-Type application/scim+json, not %q", x.media),
			"RFC 7644 §3.1; another type aborts Microsoft's validator, and some clients read no other")
	}
	var o map[string]any
	if err := json.Unmarshal(x.answer, &o); err != nil || o == nil {
		r.fail(x, CodeIncompatible, "a JSON object in the body", "Entra cannot read the answer")
		return nil, false
	}
	return o, true
}

// resource reads an answer that must be a resource. The id is the expected
// one; any, if that is empty.
func (r *run) resource(x *exchange, id string) (map[string]any, bool) {
	o, ok := r.object(x)
	if !ok {
		return nil, false
	}
	switch got, _ := o["id"].(string); {
	case got == "":
		r.fail(x, CodeIncompatible, "a string id in the resource", "Entra addresses the object by the id from now on")
		return nil, false
	case id != "" && got != id:
		r.fail(x, CodeIncompatible, fmt.Sprintf("the resource with id %q, not %q", id, got), "Entra reads and would change another object")
		return nil, false
	}
	return o, true
}

// list reads an answer that must be a ListResponse.
func (r *run) list(x *exchange) ([]map[string]any, bool) {
	o, ok := r.object(x)
	if !ok {
		return nil, false
	}
	wrong := func(want string) ([]map[string]any, bool) {
		r.fail(x, CodeIncompatible, want, "a search is answered with a ListResponse (RFC 7644 §3.4.2), even if it finds one or nothing")
		return nil, false
	}
	if schemas, _ := o["schemas"].([]any); len(schemas) != 1 || schemas[0] != listURN {
		return wrong("schemas [" + quote(listURN) + "]")
	}
	total, ok := o["totalResults"].(float64)
	if !ok {
		return wrong("the number totalResults")
	}
	raw, present := o["Resources"]
	items, ok := raw.([]any)
	if !ok && (present || total > 0) {
		return wrong("the array Resources")
	}
	var found []map[string]any
	for _, item := range items {
		resource, ok := item.(map[string]any)
		if id, _ := resource["id"].(string); !ok || id == "" {
			return wrong("resources with an id in Resources")
		}
		found = append(found, resource)
	}
	if int(total) < len(found) || total > 0 && len(found) == 0 {
		return wrong(fmt.Sprintf("totalResults to tell the number of matches: it is %v, and Resources has %d", total, len(found)))
	}
	return found, true
}

// filter writes a query as Entra does: form-encoded, a space as + and a quote
// as %22.
func filter(expression string) string { return "filter=" + url.QueryEscape(expression) }

func eq(attribute, value string) string { return attribute + " eq " + quote(value) }
