package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A running is usher serve in a goroutine.
type running struct {
	addr    string // of the endpoint
	metrics string // address of the metrics
	out     *lines
	errors  *lines
	stop    context.CancelFunc
	exit    chan int
}

// startServe runs usher serve until the test ends, or stop is called.
func startServe(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{out: new(lines), errors: new(lines), stop: stop, exit: make(chan int, 1)}
	if !slices.Contains(args, "-tenants") {
		args = append([]string{"-token", testToken}, args...)
	}
	args = append([]string{"serve", "-addr", "127.0.0.1:0", "-metrics", "127.0.0.1:0"}, args...)
	go func() { r.exit <- run(&console{ctx, r.out, r.errors}, args) }()
	serving := regexp.MustCompile(`msg=serving addr=(\S+) .*metrics=(\S+)`)
	waitUntil(t, "it serves", func() bool {
		if found := serving.FindStringSubmatch(r.errors.String()); found != nil {
			r.addr, r.metrics = found[1], found[2]
		}
		return r.addr != "" || len(r.exit) > 0
	})
	if r.addr == "" {
		t.Fatalf("usher serve ended: %s", r.errors)
	}
	t.Cleanup(stop)
	return r
}

// ended returns the exit code, once there is one.
func (r *running) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.exit:
		return code
	case <-time.After(20 * time.Second):
		t.Fatalf("usher serve does not end\n%s", r.errors)
		return -1
	}
}

// get returns a status, which is 0 if there is no answer, and a body.
func get(url string) (status int, body string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

// lines is a buffer that may be read while it is written to.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// halfSent sends a request that creates a user, but for the end of its body.
func halfSent(t *testing.T, r *running) (conn net.Conn, rest string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}`
	fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", r.addr, testToken, len(body), body[:20])
	waitUntil(t, "the request has begun", func() bool {
		_, metrics := get("http://" + r.metrics + "/metrics")
		return strings.Contains(metrics, "usher_requests_in_flight 1\n")
	})
	return conn, body[20:]
}

func TestServeFinishesWhatHasBegun(t *testing.T) {
	r := startServe(t, "-db", filepath.Join(t.TempDir(), "usher.db"))
	conn, rest := halfSent(t, r)
	r.stop()
	waitUntil(t, "it takes no more requests", func() bool {
		status, _ := get("http://" + r.addr + "/healthz")
		return status == 0
	})
	if status, body := get("http://" + r.metrics + "/readyz"); status != http.StatusServiceUnavailable || body != "not ready: stopping\n" {
		t.Errorf("/readyz while stopping: got %d %q, want 503 and why", status, body)
	}
	if status, body := get("http://" + r.metrics + "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz while stopping: got %d %q, want 200: it lives", status, body)
	}
	io.WriteString(conn, rest)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request that had begun: %v", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Errorf("the request that had begun: got %d, want 201", res.StatusCode)
	}
	if code := r.ended(t); code != allWell {
		t.Errorf("exit code: got %d, want %d\n%s", code, allWell, r.errors)
	}
	if !strings.Contains(r.errors.String(), "msg=stopped") {
		t.Errorf("the log does not say that it stopped:\n%s", r.errors)
	}
}

func TestServeBreaksOffWhatTakesTooLong(t *testing.T) {
	r := startServe(t, "-db", filepath.Join(t.TempDir(), "usher.db"), "-shutdown-timeout", "50ms")
	conn, _ := halfSent(t, r)
	r.stop()
	if code := r.ended(t); code != allWell {
		t.Errorf("exit code: got %d, want %d\n%s", code, allWell, r.errors)
	}
	if !strings.Contains(r.errors.String(), "requests were broken off") {
		t.Errorf("the log does not say so:\n%s", r.errors)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		t.Error("the request was answered")
	}
}

func TestServeGoesOnWhileBalancersNotice(t *testing.T) {
	r := startServe(t, "-db", inMemory, "-shutdown-delay", "700ms")
	r.stop()
	waitUntil(t, "/readyz is 503", func() bool {
		status, _ := get("http://" + r.addr + "/readyz")
		return status == http.StatusServiceUnavailable
	})
	if status, body := get("http://" + r.addr + "/scim/v2/Users"); status != http.StatusOK {
		t.Errorf("a request meanwhile: got %d %s, want 200", status, body)
	}
	if code := r.ended(t); code != allWell {
		t.Errorf("exit code: got %d, want %d\n%s", code, allWell, r.errors)
	}
}

func TestServeGivesARequestSomeTime(t *testing.T) {
	command := serveCommand{RequestTimeout: time.Millisecond}
	ended := errors.New("it did not end")
	handler := command.within(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			ended = r.Context().Err()
		case <-time.After(20 * time.Second):
		}
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if !errors.Is(ended, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", ended, context.DeadlineExceeded)
	}
}

// Processes that serve an endpoint together take each other's cursors if they
// have one key, and only then.
func TestServeCursorKey(t *testing.T) {
	db := filepath.Join(t.TempDir(), "usher.db")
	key := strings.Repeat("A7", 32)
	raw := bytes.Repeat([]byte{0xa7}, 32)
	first := startServe(t, "-db", db, "-cursor-key", key)
	for i := range 3 {
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user-%d"}`, i)
		req, err := http.NewRequest(http.MethodPost, "http://"+first.addr+"/scim/v2/Users", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("create: got %d, want 201", res.StatusCode)
		}
	}
	_, text := get("http://" + first.addr + "/scim/v2/Users?cursor&count=2")
	var page struct{ NextCursor string }
	if err := json.Unmarshal([]byte(text), &page); err != nil || page.NextCursor == "" {
		t.Fatalf("the first page has no cursor: %v %s", err, text)
	}
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"the same", []string{"-cursor-key", key}, http.StatusOK},
		{"the same in base64", []string{"-cursor-key", base64.StdEncoding.EncodeToString(raw)}, http.StatusOK},
		{"the same in base64 for URLs, unpadded", []string{"-cursor-key", base64.RawURLEncoding.EncodeToString(raw)}, http.StatusOK},
		{"another", []string{"-cursor-key", strings.Repeat("00", 32)}, http.StatusBadRequest},
		{"a random one", nil, http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			second := startServe(t, append(test.args, "-db", db)...)
			status, text := get("http://" + second.addr + "/scim/v2/Users?count=2&cursor=" + url.QueryEscape(page.NextCursor))
			if status != test.want {
				t.Errorf("got %d, want %d: %s", status, test.want, text)
			}
			second.stop()
			if code := second.ended(t); code != allWell {
				t.Errorf("exit code: got %d, want %d\n%s", code, allWell, second.errors)
			}
		})
	}
}

// The database is asked once a second at most, however many ask, and what
// changes is logged once.
func TestReadiness(t *testing.T) {
	var (
		down  error
		pings int
		log   lines
	)
	r := &readiness{logger: slog.New(slog.NewTextHandler(&log, nil)), ping: func(context.Context) error { pings++; return down }}
	mux := http.NewServeMux()
	r.handle(mux)
	for _, step := range []struct {
		name   string
		down   error
		later  bool // a second has gone by
		status int
		body   string
		pings  int
		logged string // the last line
	}{
		{"up", nil, false, 200, "ready\n", 1, ""},
		{"down, but nobody has noticed", errors.New("gone"), false, 200, "ready\n", 1, ""},
		{"down", errors.New("gone"), true, 503, "not ready: the database is not available\n", 2, `level=ERROR msg="not ready" err=gone`},
		{"still down", errors.New("still"), true, 503, "not ready: the database is not available\n", 3, `level=ERROR msg="not ready" err=gone`},
		{"up again", nil, true, 200, "ready\n", 4, `level=INFO msg="ready again"`},
	} {
		down = step.down
		if step.later {
			r.at = r.at.Add(-pingEvery)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if w.Code != step.status || w.Body.String() != step.body {
			t.Errorf("%s: got %d %q, want %d %q", step.name, w.Code, w.Body, step.status, step.body)
		}
		if pings != step.pings {
			t.Errorf("%s: got %d pings, want %d", step.name, pings, step.pings)
		}
		all := strings.Split(strings.TrimSpace(log.String()), "\n")
		if last := all[len(all)-1]; !strings.HasSuffix(last, step.logged) {
			t.Errorf("%s: the log ends with %q, want %q", step.name, last, step.logged)
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 2 {
		t.Errorf("got %d lines in the log, want 2: what changed\n%s", got, &log)
	}
}

// A label has few values, whatever clients send.
func TestLabels(t *testing.T) {
	for _, test := range []struct{ base, path, want string }{
		{"/scim/v2", "/scim/v2/Users", "Users"},
		{"/scim/v2", "/scim/v2/Users/01a21505-a89e-7d4a-9292-fed23e52fa3d", "Users"},
		{"/scim/v2", "/scim/v2/Groups/.search", "Groups"},
		{"/scim/v2", "/scim/v2/.search", ".search"},
		{"/scim/v2", "/scim/v2/ServiceProviderConfig", "ServiceProviderConfig"},
		{"/scim/v2", "/scim/v2/", otherLabel},
		{"/scim/v2", "/scim/v2/Us%65rs", otherLabel},
		{"/scim/v2", "/scim/v2/wp-login.php", otherLabel},
		{"", "/Users/1", "Users"},
		{"/scim/{tenant}/v2", "/scim/acme/v2/Groups", "Groups"},
		{"/scim/{tenant}/v2", "/scim/Users/v2/acme", otherLabel},
	} {
		if got := endpointOf(test.path, test.base); got != test.want {
			t.Errorf("endpointOf(%q, %q): got %q, want %q", test.path, test.base, got, test.want)
		}
	}
	for _, test := range []struct{ method, want string }{{"PATCH", "PATCH"}, {"HEAD", "HEAD"}, {"BREW", otherLabel}, {"get", otherLabel}} {
		if got := knownMethod(test.method); got != test.want {
			t.Errorf("knownMethod(%q): got %q, want %q", test.method, got, test.want)
		}
	}
}
