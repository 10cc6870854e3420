package idp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// An exchange is a request and its answer.
type exchange struct {
	kind     Kind
	of       fmt.Stringer // whom it is about; may be nil
	object   string       // the same for people
	url      string
	body     []byte
	secret   []byte // sent instead of the body, which shows no secrets
	attempt  int    // from 1
	status   int
	media    string
	after    string // Retry-After
	answer   []byte
	err      error // no answer
	start    time.Time
	duration time.Duration
}

// An Exchange is a request that an identity provider sent, and the answer to
// it, as Options.Observe is told of it. The bodies must not be changed.
type Exchange struct {
	Kind         Kind
	Object       string // whom it is about: "user Ada Lovelace (ada@contoso.example)"
	Method, URL  string
	RequestBody  []byte // without the secrets of a request for a token
	Attempt      int    // from 1; higher if the one before was answered 429
	Status       int    // 0: no answer
	ResponseBody []byte
	Err          error // why there was no answer
	Start        time.Time
	Duration     time.Duration
}

// send makes one request, and makes it again if there were too many. The
// query is written as it is sent.
func (r *run) send(kind Kind, about fmt.Stringer, path, query string, body any) *exchange {
	x := &exchange{kind: kind, of: about, object: about.String(), url: r.base + path}
	if query != "" {
		x.url += "?" + query
	}
	if body != nil {
		x.body = encode(body)
	}
	bearer := r.token
	if r.login != nil {
		bearer, x.err = r.bearer()
	}
	for refused := false; x.err == nil; {
		r.attempt(x, bearer)
		if x.status == http.StatusUnauthorized && r.login != nil && !refused {
			refused = true
			r.login.forget()
			if bearer, x.err = r.bearer(); x.err == nil {
				continue
			}
			break
		}
		if !r.again(x) {
			break
		}
	}
	return x
}

// write makes a request that changes the endpoint. What it follows from is the
// exchange before, or nil if the directory alone asks for it.
func (r *run) write(before *exchange, kind Kind, about fmt.Stringer, path string, body any) *exchange {
	x := r.send(kind, about, path, "", body)
	r.state.Lock()
	defer r.state.Unlock()
	if len(r.report.FirstWrites) < mostWrites {
		r.report.FirstWrites = append(r.report.FirstWrites, newWrite(x, before))
	}
	return x
}

// attempt makes a request once.
func (r *run) attempt(x *exchange, bearer string) {
	x.attempt++
	x.status, x.media, x.after, x.answer = 0, "", "", nil
	x.start = time.Now()
	x.err = r.roundTrip(x, bearer)
	x.duration = time.Since(x.start)
	r.state.Lock()
	defer r.state.Unlock()
	r.sent++
	r.report.count(x.kind, x.status)
	r.times[x.kind] = append(r.times[x.kind], x.duration)
	if r.options.Observe != nil {
		r.options.Observe(Exchange{
			Kind: x.kind, Object: x.object, Method: x.kind.method(), URL: x.url, RequestBody: x.body, Attempt: x.attempt,
			Status: x.status, ResponseBody: x.shown(), Err: x.err, Start: x.start, Duration: x.duration,
		})
	}
}

const maxAnswer = 64 << 20

func (r *run) roundTrip(x *exchange, bearer string) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.options.Timeout)
	defer cancel()
	var body io.Reader
	switch {
	case x.secret != nil:
		body = bytes.NewReader(x.secret)
	case x.body != nil:
		body = bytes.NewReader(x.body)
	}
	req, err := http.NewRequestWithContext(ctx, x.kind.method(), x.url, body)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, r.header)
	switch {
	case x.kind == RequestToken:
		req.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	case x.body != nil:
		req.Header["Content-Type"] = []string{"application/scim+json; charset=utf-8"}
	}
	if bearer != "" {
		req.Header["Authorization"] = []string{"Bearer " + bearer}
	}
	res, err := r.options.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	x.status, x.media, x.after = res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Retry-After")
	if res.ContentLength == 0 {
		return nil
	}
	var answer bytes.Buffer
	if n := res.ContentLength; n > 0 && n < maxAnswer {
		answer.Grow(int(n) + bytes.MinRead)
	}
	_, err = answer.ReadFrom(io.LimitReader(res.Body, maxAnswer))
	x.answer = answer.Bytes()
	return err
}

// again reports whether to repeat a request that was one too many, and waits
// before that. Entra repeats what is answered 429 ("TooManyRequests" in the
// provisioning logs); other failures are left to a later cycle. That it heeds
// Retry-After is not documented: endpoints that send it hope so.
func (r *run) again(x *exchange) bool {
	const most = 4
	if x.status != http.StatusTooManyRequests {
		return false
	}
	wait, ok := retryAfter(x.after)
	if !ok {
		r.advise("429 without a usable Retry-After: the identity provider must guess how long to wait")
		wait = time.Second << (x.attempt - 1)
	}
	return x.attempt < most && r.options.Sleep(r.ctx, min(wait, r.options.MaxWait)) == nil
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3).
func retryAfter(s string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	t, err := http.ParseTime(s)
	return max(time.Until(t), 0), err == nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
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
	code, why := r.verdict(x)
	r.fail(x, code, strings.Join(names, " or "), why)
	if code == CodeUnauthorized || code == CodeInsufficientRights {
		r.stop("the token was refused")
	}
	return false
}

// verdict is what Entra makes of an answer that it did not want.
func (x *exchange) verdict() (code, why string) {
	byFilter := strings.Contains(x.url, "filter=")
	isCheck := x.kind == CheckManager || x.kind == CheckMember
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
		return CodeInvalidAnchor, "the id that the endpoint gave is gone; Entra does not create the object again until links are broken"
	case s == http.StatusMethodNotAllowed:
		return CodeMethodNotAllowed, "Entra cannot do without this method"
	case s == http.StatusConflict:
		return CodeConflict, "Entra sends the request again in later cycles, less and less often"
	case s == http.StatusUnprocessableEntity:
		return CodeUnprocessable, "Entra sends the request again in later cycles, less and less often"
	case s == http.StatusTooManyRequests:
		return CodeTooManyRequests, "Entra needs 25 requests a second; throttling can lead to quarantine"
	case s == http.StatusNotImplemented:
		return CodeNotImplemented, "Entra cannot do without this"
	case s >= 500:
		return CodeInternalServerError, "Entra sends the request again in the next cycle"
	case isCheck && s == http.StatusBadRequest:
		return CodeBadRequest, "Entra asks so before it writes a reference; we infer that it writes it all the same, each time the object is looked at"
	case s == http.StatusBadRequest && byFilter:
		return CodeBadRequest, "without an answer to its look-ups Entra can neither find nor create anything"
	case s == http.StatusBadRequest:
		return CodeBadRequest, "Entra shows the answer's detail to the admin and sends the request again in later cycles"
	}
	return CodeIncompatible, "Entra knows no such answer"
}
