package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A request is one HTTP request, with whatever the check wants to be odd
// about it.
type request struct {
	method string
	path   string      // below the base URL, with the query: "/Users?count=1"
	header http.Header // added to the usual ones; an empty list takes one away, Authorization too
	body   any         // nil: none; a string or []byte goes as it is; anything else as JSON
	raw    bool        // the check wants to see 429 and 503, which else are waited for
}

// bodyMost is the longest answer that is read. A page of a thousand users has
// about two megabytes.
const bodyMost = 8 << 20

// A wire is how requests of all checks reach the endpoint. It may be used
// concurrently.
type wire struct {
	base     string
	token    string
	client   *http.Client
	timeout  time.Duration // for one request
	requests atomic.Int64
	silent   atomic.Int64 // successive requests without an answer
	pauses   pauses
	limit    time.Duration // for all requests of checks
	started  time.Time
	looking  sync.Mutex             // whether the endpoint still answers
	ended    atomic.Pointer[string] // why no check sends anything any more
	dead     atomic.Bool            // because the endpoint does not answer
}

// end has no check begin or go on.
func (w *wire) end(reason string) { w.ended.CompareAndSwap(nil, &reason) }

// over returns why no check sends anything any more, or "".
func (w *wire) over() string {
	if time.Since(w.started) > w.limit {
		w.end(fmt.Sprintf("the run has taken longer than %v", w.limit))
	}
	if reason := w.ended.Load(); reason != nil {
		return *reason
	}
	return ""
}

// exchange makes a request, and makes it again as long as the endpoint asks to
// wait and there is patience left.
func (w *wire) exchange(ctx context.Context, req request, patience *time.Duration) *Exchange {
	for {
		w.pauses.wait(ctx)
		x := w.attempt(ctx, req)
		pause := x.pause()
		if req.raw || pause == 0 || ctx.Err() != nil {
			return x
		}
		if !w.pauses.add(pause, patience) {
			x.impatient = true
			return x
		}
	}
}

// attempt makes a request once.
func (w *wire) attempt(ctx context.Context, req request) *Exchange {
	x := w.roundTrip(ctx, req)
	const most = 8
	switch {
	case x.Status != 0 || x.tooLong:
		w.silent.Store(0)
	case ctx.Err() == nil && w.silent.Add(1) >= most && w.looking.TryLock():
		// It may be something about these requests: the simplest one decides.
		if y := w.roundTrip(ctx, request{method: "GET", path: "/Users?count=1"}); y.Status != 0 {
			w.silent.Store(0)
		} else if ctx.Err() == nil {
			w.dead.Store(true)
			w.end("the endpoint no longer answers: " + y.missing())
		}
		w.looking.Unlock()
	}
	return x
}

func (w *wire) roundTrip(ctx context.Context, req request) *Exchange {
	w.requests.Add(1)
	x := &Exchange{Method: req.method, URL: w.base + req.path, RequestHeader: http.Header{}}
	var body io.Reader
	switch b := req.body.(type) {
	case nil:
	case string:
		x.RequestBody, body = b, strings.NewReader(b)
	case []byte:
		x.RequestBody, body = string(b), bytes.NewReader(b)
	default:
		x.RequestBody = string(encode(b))
		body = strings.NewReader(x.RequestBody)
	}
	start := time.Now()
	err := func() error {
		ctx, cancel := context.WithTimeout(ctx, w.timeout)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, req.method, x.URL, body)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+w.token)
		if body != nil {
			r.Header.Set("Content-Type", scimJSON)
		}
		maps.Copy(r.Header, req.header)
		for name, values := range r.Header {
			if name != "Authorization" {
				x.RequestHeader[name] = values
			} else if odd := w.odd(values); odd != "" {
				x.RequestHeader[name] = []string{odd}
			}
		}
		res, err := w.client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(res.Body, bodyMost+1))
		if err != nil {
			return err
		}
		if len(answer) > bodyMost {
			x.tooLong = true
			return fmt.Errorf("body longer than %d MiB", bodyMost>>20)
		}
		x.Status, x.ResponseHeader, x.ResponseBody = res.StatusCode, res.Header, string(answer)
		return nil
	}()
	if err != nil {
		x.ResponseMissing = err.Error()
	}
	x.Duration = time.Since(start)
	return x
}

// oddities are what an Exchange tells of credentials that are not the usual
// ones.
var oddities = []string{noCredentials, emptyToken, rewritten, anotherToken}

const (
	noCredentials = "(none)"
	emptyToken    = "(an empty token)"
	rewritten     = "(the token, written in another way)"
	anotherToken  = "(another token)"
)

// odd tells what is odd about an Authorization header, "" if nothing is.
func (w *wire) odd(values []string) string {
	value := strings.Join(values, ", ")
	scheme, token, _ := strings.Cut(value, " ")
	switch {
	case value == "Bearer "+w.token:
		return ""
	case value == "":
		return noCredentials
	case token == "" && strings.EqualFold(scheme, "Bearer"):
		return emptyToken
	case token == w.token:
		return rewritten
	default:
		return anotherToken
	}
}

// pause returns for how long an answer asks to wait, 0 if it does not: a 429
// (RFC 6585 §4), and a 503 that says when to come back (RFC 9110 §15.6.4).
func (x *Exchange) pause() time.Duration {
	const least, usual, most = 100 * time.Millisecond, time.Second, 30 * time.Second
	after := x.ResponseHeader.Get("Retry-After")
	if x.Status != http.StatusTooManyRequests && (x.Status != http.StatusServiceUnavailable || after == "") {
		return 0
	}
	if seconds, err := strconv.Atoi(after); err == nil {
		return min(max(time.Duration(min(seconds, 60))*time.Second, least), most)
	}
	if at, err := http.ParseTime(after); err == nil {
		return min(max(time.Until(at), least), most)
	}
	return usual
}

// pauses are what the endpoint asked to wait, which holds for all that is sent.
type pauses struct {
	mu       sync.Mutex
	until    time.Time
	count    int           // answers that asked for it
	checks   time.Duration // the patience that is left for checks
	cleaning time.Duration // and for deleting what they made
}

// add has everybody wait, and reports whether there was patience left for it.
func (p *pauses) add(pause time.Duration, left *time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	now := time.Now()
	if p.until.Before(now) {
		p.until = now
	}
	more := now.Add(pause).Sub(p.until)
	if more <= 0 {
		return true // others are waiting for as long already
	}
	if more > *left {
		*left = 0
		return false
	}
	*left -= more
	p.until = p.until.Add(more)
	return true
}

// wait waits until there is nothing to wait for.
func (p *pauses) wait(ctx context.Context) {
	for ctx.Err() == nil {
		p.mu.Lock()
		d := time.Until(p.until)
		p.mu.Unlock()
		if d <= 0 {
			return
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
}

// below maps a URI that the endpoint gave to a path below the base URL, "" if
// it is none. Behind a proxy an endpoint may not know its own address: of what
// begins differently the last two segments count.
func (w *wire) below(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	if path, ok := strings.CutPrefix(uri, w.base+"/"); ok {
		return "/" + path
	}
	segments := slices.DeleteFunc(strings.Split(uri, "/"), func(s string) bool { return s == "" })
	if len(segments) < 2 {
		return ""
	}
	return "/" + strings.Join(segments[len(segments)-2:], "/")
}
