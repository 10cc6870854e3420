package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim/oauth"
)

// A flood of kids that nobody has makes no flood of fetches.
func TestUnknownKidFlood(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		if a := w.assert(sign("ES256", ecKey(), fmt.Sprint("kid", i), assertionClaims())); a.status != 401 {
			t.Fatalf("got %d, want 401", a.status)
		}
	}
	if w.keys.count() != 1 {
		t.Errorf("200 unknown kids: %d fetches, want one", w.keys.count())
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 200 {
		t.Errorf("a good one in between: got %d", a.status)
	}
	for range 10 {
		w.clock.add(30 * time.Second)
		for i := range 10 {
			w.assert(sign("ES256", ecKey(), fmt.Sprint("kid", i), assertionClaims()))
		}
	}
	if w.keys.count() != 11 {
		t.Errorf("after five minutes: %d fetches, want one every 30 seconds", w.keys.count())
	}
	if w.assert(sign("ES256", ecKey(), "k1", assertionClaims())); w.keys.count() != 11 {
		t.Errorf("a wrong signature of a known kid makes no fetch")
	}
}

func TestParallelFetch(t *testing.T) {
	w := newWorld(t)
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	w.keys.publish(func(rw http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-goOn
		rw.Write(keySet(public(rsaKey(), "k1")))
	})
	token := sign("RS256", rsaKey(), "k1", assertionClaims())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := w.assert(token); a.status != 200 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	<-begun
	gone, cancel := context.WithCancel(t.Context())
	cancel() // somebody who waits goes away
	if a := w.send(post(form("client_id", client, "client_assertion_type", jwtBearer, "client_assertion", token)).WithContext(gone)); a.status != 401 {
		t.Errorf("gone while it waited: got %d, want 401", a.status)
	}
	close(goOn)
	all.Wait()
	if w.keys.count() != 1 {
		t.Errorf("%d fetches, want one for all", w.keys.count())
	}
}

// The one who fetches may go away: the others need the keys all the same.
func TestFetchOutlivesItsRequest(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.keys.publish(func(rw http.ResponseWriter, r *http.Request) {
		cancel()
		rw.Write(keySet(public(rsaKey(), "k1")))
	})
	token := sign("RS256", rsaKey(), "k1", assertionClaims())
	w.send(post(form("client_id", client, "client_assertion_type", jwtBearer, "client_assertion", token)).WithContext(ctx))
	if a := w.assert(token); a.status != 200 || w.keys.count() != 1 {
		t.Errorf("got %d after %d fetches, want 200 after one", a.status, w.keys.count())
	}
}

func TestKeysAge(t *testing.T) {
	w := newWorld(t)
	try := func() int {
		claims := with(assertionClaims(), obj{"exp": w.clock.Now().Unix() + 300, "nbf": nil, "iat": nil})
		return w.assert(sign("RS256", rsaKey(), "k1", claims)).status
	}
	down := func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) }
	steps := []struct {
		name    string
		after   time.Duration
		answer  http.HandlerFunc
		keys    []jose.JSONWebKey
		want    int
		fetches int
	}{
		{"first", 0, nil, []jose.JSONWebKey{public(rsaKey(), "k1")}, 200, 1},
		{"fresh", time.Hour - time.Second, nil, nil, 200, 1},
		{"down", time.Second, down, nil, 200, 2},
		{"still down: no flood", time.Second, down, nil, 200, 2},
		{"still down", time.Minute, down, nil, 200, 3},
		{"down for a day", 24*time.Hour - 2*time.Minute, down, nil, 200, 4},
		{"too old", 2 * time.Minute, down, nil, 401, 5},
		{"up again", time.Minute, nil, []jose.JSONWebKey{public(rsaKey(), "k1")}, 200, 6},
		{"withdrawn", time.Hour, nil, []jose.JSONWebKey{public(otherRSA(), "k2")}, 401, 7},
		{"the clock is set back", -3 * time.Hour, nil, []jose.JSONWebKey{public(rsaKey(), "k1")}, 200, 8},
	}
	for _, s := range steps {
		w.clock.add(s.after)
		w.keys.publish(s.answer, s.keys...)
		if got := try(); got != s.want || w.keys.count() != s.fetches {
			t.Errorf("%s: got %d after %d fetches, want %d after %d", s.name, got, w.keys.count(), s.want, s.fetches)
		}
	}
}

func TestBadKeyServers(t *testing.T) {
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	good := string(keySet(public(rsaKey(), "k1")))
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   int
	}{
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); fmt.Fprint(w, good) }, 401},
		{"HTML", write("<html>"), 401},
		{"empty", write(""), 401},
		{"no keys", write(`{"keys":[]}`), 401},
		{"a list", write(`[]`), 401},
		{"keys is text", write(`{"keys":"x"}`), 401},
		{"too large", write(good + strings.Repeat(" ", 300<<10)), 401},
		{"too many", write(`{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`), 401},
		{"deep", write(strings.Repeat("[", 200_000)), 401},
		{"broken keys beside", write(strings.Replace(good, `[`, `[null,1,{"kty":"RSA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"k1"},`, 1)), 200},
		{"redirection", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				fmt.Fprint(w, good)
				return
			}
			http.Redirect(w, r, "http://169.254.169.254/keys", http.StatusFound)
		}, 401},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, good)
		}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.keys.publish(tt.answer)
			if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != tt.want || w.keys.count() != 1 {
				t.Errorf("got %d after %d fetches, want %d after one; the log: %s", a.status, w.keys.count(), tt.want, w.log)
			}
		})
	}
}

func TestWeakKeysAreLeftOut(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.keys.publish(nil, public(weak, "weak"), public(rsaKey(), "k1"))
	if a := w.assert(sign("RS256", weak, "weak", assertionClaims())); a.status != 401 {
		t.Errorf("an RSA key of 1024 bits: got %d", a.status)
	}
}

// The default client goes nowhere but to the Internet: a customer says where its
// keys are.
func TestKeysArePublic(t *testing.T) {
	keys := newKeyServer(t, public(rsaKey(), "k1"))
	for _, url := range []string{keys.server.URL + "/keys", "https://localhost:1/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://100.100.100.200/", "https://0.0.0.0/"} {
		w := newWorld(t, func(o *oauth.Options) { o.KeySets = nil })
		w.trusted = []oauth.TrustedIssuer{oauth.PrivateKeyJWT(client, url)}
		a := w.assert(sign("RS256", rsaKey(), "k1", ownClaims()))
		if a.status != 401 || !strings.Contains(w.log.String(), "is no public address") || keys.count() != 0 {
			t.Errorf("%s: got %d; the log: %s", url, a.status, w.log)
		}
	}
}

// As many sets as there are customers are not kept.
func TestSetsAreBounded(t *testing.T) {
	c := &clock{now: start}
	keys := newKeyServer(t, public(rsaKey(), "k1"))
	tokens, err := oauth.NewEntraTokens(oauth.EntraOptions{
		Callers: func(context.Context, string) ([]oauth.EntraCaller, error) { return []oauth.EntraCaller{{}}, nil },
		KeySets: oauth.NewKeySets(&oauth.KeySetOptions{Client: keys.client(), Now: c.Now, MaxSets: 2}),
		Now:     c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	fetches := func(directory byte) int {
		id := strings.Repeat(string(directory), 8) + "-0000-0000-0000-000000000000"
		c.add(time.Second)
		claims := with(entraClaims(), obj{"iss": "https://sts.windows.net/" + id + "/", "tid": id})
		if _, err := tokens.ValidateToken(t.Context(), sign("RS256", rsaKey(), "k1", claims)); err != nil {
			t.Fatal(err)
		}
		return keys.asked("https://login.microsoftonline.com/" + id + "/discovery/keys")
	}
	for _, step := range []struct {
		directory byte
		want      int
	}{{'a', 1}, {'b', 1}, {'a', 1}, {'c', 1}, {'a', 1}, {'b', 2}, {'c', 2}} {
		if got := fetches(step.directory); got != step.want {
			t.Errorf("%c: %d fetches, want %d", step.directory, got, step.want)
		}
	}
}
