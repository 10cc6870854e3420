package idp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// newHTTPClient returns a client that follows no redirects.
func newHTTPClient(workers int) *http.Client {
	return &http.Client{
		Transport: &transport{other: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			MaxIdleConnsPerHost: workers,
			IdleConnTimeout:     tooIdle,
			DisableCompression:  true,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A transport sends requests of plain HTTP/1.1, which is how tests and
// benchmarks reach an endpoint, without the goroutines and the locks of
// http.Transport: the caller writes, and then reads. That halves what a
// request costs here, so that a cycle takes as long as the endpoint needs.
// Everything else is http.Transport's.
type transport struct {
	other *http.Transport
	mu    sync.Mutex
	idle  []*persistent // the one used last at the end
}

// A persistent connection carries one request after the other.
type persistent struct {
	net.Conn
	host string
	in   *bufio.Reader
	out  []byte
	used time.Time
}

// tooIdle is how long a connection may rest. Servers close theirs later, so
// none breaks just when it is used again.
const tooIdle = time.Second

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "http" {
		return t.other.RoundTrip(req)
	}
	if proxy, err := t.other.Proxy(req); proxy != nil || err != nil {
		return t.other.RoundTrip(req)
	}
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	ctx := req.Context()
	c, err := t.conn(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	res, err := c.exchange(req, body)
	if err != nil {
		stop()
		c.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	keep := func(whole bool) {
		if stop() && whole && !res.Close {
			t.keep(c)
		} else {
			c.Close()
		}
	}
	if res.Body == http.NoBody {
		keep(true)
		return res, nil
	}
	res.Body = &answerBody{ReadCloser: res.Body, ctx: ctx, keep: keep}
	return res, nil
}

// conn returns a connection to the host, an idle one if there is one.
func (t *transport) conn(ctx context.Context, u *url.URL) (*persistent, error) {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	host := net.JoinHostPort(u.Hostname(), port)
	t.mu.Lock()
	for n := len(t.idle) - 1; n >= 0; n = len(t.idle) - 1 {
		c := t.idle[n]
		t.idle = t.idle[:n]
		if c.host == host && time.Since(c.used) < tooIdle {
			t.mu.Unlock()
			return c, nil
		}
		c.Close()
	}
	t.mu.Unlock()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &persistent{Conn: conn, host: host, in: bufio.NewReader(conn)}, nil
}

func (t *transport) keep(c *persistent) {
	c.used = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, c)
}

// CloseIdleConnections is what http.Client's does.
func (t *transport) CloseIdleConnections() {
	t.other.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.idle {
		c.Close()
	}
	t.idle = nil
}

// exchange writes a request and reads the answer's head.
func (c *persistent) exchange(req *http.Request, body []byte) (*http.Response, error) {
	b := append(append(c.out[:0], req.Method...), ' ')
	b = append(append(b, req.URL.RequestURI()...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, req.URL.Host...), "\r\n"...)
	for name, values := range req.Header {
		for _, v := range values {
			if v == "" && name == "User-Agent" {
				continue // as http.Transport does: none at all
			}
			if strings.ContainsAny(name, "\r\n:") || strings.ContainsAny(v, "\r\n\x00") {
				return nil, fmt.Errorf("invalid header %q", name)
			}
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	if req.Body != nil {
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(append(b, "\r\n"...), body...)
	c.out = b
	if _, err := c.Write(b); err != nil {
		return nil, err
	}
	for {
		res, err := http.ReadResponse(c.in, req)
		if err != nil || res.StatusCode >= 200 {
			return res, err
		}
	}
}

// An answerBody gives the connection back when it was read to its end.
type answerBody struct {
	io.ReadCloser
	ctx  context.Context
	keep func(whole bool)
	once sync.Once
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.once.Do(func() { b.keep(true) })
	} else if err != nil && b.ctx.Err() != nil {
		err = b.ctx.Err()
	}
	return n, err
}

// Close gives an answer up that was not read to its end, and its connection.
func (b *answerBody) Close() error {
	b.once.Do(func() { b.keep(false) })
	return nil
}
