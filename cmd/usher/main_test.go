package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/tenant"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usher": main})
}

// TestScripts runs the files of testdata/script. Besides what testscript has,
// their commands are:
//
//	endpoint [FAULT]          serve an endpoint; sets URL, TOKEN and USHER_TOKEN
//	creates N                 wait until the endpoint was asked to create that many
//	exits CODE COMMAND ARG…   run a program; its exit code must be that
//	json FILE PATH [OP VALUE] FILE is JSON and PATH is in it; = and >= compare
//	address                   set ADDR to one that nobody listens on, and PORT to its port
//	waitfor HOST:PORT         wait until somebody does
//	get STATUS URL            get a page, without a token, until it is answered with that
//	certificate               make cert.pem and key.pem
//	secret FILE NAME          set NAME to the token in FILE
//	find FILE REGEXP NAME     set NAME to the first match in FILE, or to its first group
//	send STATUS METHOD URL TOKEN [FILE]
//	                          send a request, which must be answered with that
//	exchange STATUS URL CLIENT SECRET [basic]
//	                          ask for an access token, by a form or by Basic
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"endpoint": endpointCommand, "creates": createsCommand, "exits": exitsCommand, "json": jsonCommand,
			"address": addressCommand, "waitfor": waitforCommand, "get": getCommand, "certificate": certificateCommand,
			"secret": secretCommand, "find": findCommand, "send": sendCommand,
			"exchange": exchangeCommand,
		},
	})
}

const testToken = "a-token-for-tests"

// faults are ways to be a broken endpoint.
var faults = map[string]func(http.Handler) http.Handler{
	// A filter finds everybody.
	"filterless": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			q.Del("filter")
			r.URL.RawQuery = q.Encode()
			next.ServeHTTP(w, r)
		})
	},
	// Titles are taken, and never given back.
	"forgetful": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			var resource map[string]any
			out := answer.Body.Bytes()
			if json.Unmarshal(out, &resource) == nil && resource["title"] != nil {
				delete(resource, "title")
				out, _ = json.Marshal(resource)
			}
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(answer.Code)
			w.Write(out)
		})
	},
	// Users cannot be created.
	"refusing": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Users") {
				http.Error(w, "no", http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	},
	// It is no SCIM endpoint.
	"elsewhere": func(http.Handler) http.Handler { return http.NotFoundHandler() },
	// It takes its time.
	"slow": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(30 * time.Millisecond)
			next.ServeHTTP(w, r)
		})
	},
	// It never answers.
	"page": func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<!doctype html><title>Sign in</title>")
		})
	},
	"moved": func(http.Handler) http.Handler {
		return http.RedirectHandler("https://login.example.com/", http.StatusFound)
	},
	"forbidden": func(http.Handler) http.Handler { return status(http.StatusForbidden) },
	"down":      func(http.Handler) http.Handler { return status(http.StatusBadGateway) },
	"silent": func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	},
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

func endpointCommand(ts *testscript.TestScript, _ bool, args []string) {
	handler, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(testToken, scim.Principal{}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	var h http.Handler = handler
	for _, fault := range args {
		if faults[fault] == nil {
			ts.Fatalf("there is no fault %q", fault)
		}
		h = faults[fault](h)
	}
	posts := new(atomic.Int64)
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	mux.HandleFunc("POST /scim/v2/", func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		posts.Add(1)
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	postsTo.Store(server.URL+"/scim/v2", posts)
	ts.Setenv("URL", server.URL+"/scim/v2")
	ts.Setenv("TOKEN", testToken)
	ts.Setenv("USHER_TOKEN", testToken)
}

// postsTo counts the POST requests that endpoints have answered, by their URLs.
var postsTo sync.Map // of *atomic.Int64

func createsCommand(ts *testscript.TestScript, neg bool, args []string) {
	posts, ok := postsTo.Load(ts.Getenv("URL"))
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: creates N, after endpoint")
	}
	want, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if posts.(*atomic.Int64).Load() >= want {
			return
		}
	}
	ts.Fatalf("the endpoint was not asked to create %d", want)
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: got exit code %d, want %d\n%s", strings.Join(args[1:], " "), got, want, ts.ReadFile("stderr"))
	}
}

func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: json FILE PATH [=|>= VALUE]")
	}
	var at any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	if err := dec.Decode(&at); err != nil {
		ts.Fatalf("%s is no JSON: %v", args[0], err)
	}
	if _, err := dec.Token(); err != io.EOF {
		ts.Fatalf("%s has more after the JSON", args[0])
	}
	for name := range strings.SplitSeq(args[1], ".") {
		switch in := at.(type) {
		case map[string]any:
			value, ok := in[name]
			if !ok {
				ts.Fatalf("no %s of %s in %v", name, args[1], in)
			}
			at = value
		case []any:
			if name == "len" {
				at = float64(len(in))
				continue
			}
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				ts.Fatalf("no %s of %s in an array of %d", name, args[1], len(in))
			}
			at = in[i]
		default:
			ts.Fatalf("no %s of %s in %v", name, args[1], in)
		}
	}
	if len(args) == 2 {
		return
	}
	number, _ := at.(float64)
	least, _ := strconv.ParseFloat(args[3], 64)
	if args[2] == "=" && fmt.Sprint(at) != args[3] || args[2] == ">=" && number < least {
		ts.Fatalf("%s: got %v, want %s %s", args[1], at, args[2], args[3])
	}
}

func secretCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: secret FILE NAME")
	}
	found := regexp.MustCompile(tenant.TokenPattern).FindString(ts.ReadFile(args[0]))
	if found == "" {
		ts.Fatalf("there is no token in %s", args[0])
	}
	ts.Setenv(args[1], found)
}

func findCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: find FILE REGEXP NAME")
	}
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("nothing in %s is %s", args[0], args[1])
	}
	ts.Setenv(args[2], found[min(1, len(found)-1)])
}

func sendCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 && len(args) != 5 {
		ts.Fatalf("usage: send STATUS METHOD URL TOKEN [FILE]")
	}
	var body io.Reader
	if len(args) == 5 {
		body = strings.NewReader(ts.ReadFile(args[4]))
	}
	req, err := http.NewRequest(args[1], args[2], body)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[3])
	req.Header.Set("Content-Type", "application/scim+json")
	answered(ts, req, args[0])
}

func exchangeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 && len(args) != 5 {
		ts.Fatalf("usage: exchange STATUS URL CLIENT SECRET [basic]")
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(args) == 4 {
		form.Set("client_id", args[2])
		form.Set("client_secret", args[3])
	}
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader(form.Encode()))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(args) == 5 {
		req.SetBasicAuth(args[2], args[3])
	}
	answered(ts, req, args[0])
}

// answered sends a request, which must be answered with a status, and prints the answer.
func answered(ts *testscript.TestScript, req *http.Request, status string) {
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	answer, err := io.ReadAll(res.Body)
	ts.Check(err)
	ts.Check(res.Body.Close())
	if strconv.Itoa(res.StatusCode) != status {
		ts.Fatalf("%s %s: got %s, want %s\n%s", req.Method, req.URL, res.Status, status, answer)
	}
	ts.Stdout().Write(answer)
}

func addressCommand(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("ADDR", l.Addr().String())
	ts.Setenv("PORT", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

func waitforCommand(ts *testscript.TestScript, _ bool, args []string) {
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", args[0]); err == nil {
			conn.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", args[0])
}

func getCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get STATUS URL")
	}
	var got string
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(args[1])
		ts.Check(err)
		body, err := io.ReadAll(res.Body)
		ts.Check(err)
		ts.Check(res.Body.Close())
		if strconv.Itoa(res.StatusCode) == args[0] {
			ts.Stdout().Write(body)
			return
		}
		got = res.Status
	}
	ts.Fatalf("%s: got %s, want %s", args[1], got, args[0])
}

func certificateCommand(ts *testscript.TestScript, _ bool, _ []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(block), 0o600))
	}
}
