package oauth_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

const (
	directoryID = "ce5f061f-abe6-4e40-9615-301f87bcb7f0"
	audience    = "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16"
	subject     = "5d11a5b6-22d9-4b5c-8f0a-5b0c19ad7c20"

	issuer   = "https://app.example.com"
	tokenURL = issuer + "/oauth/token"
	client   = "0198f3a0-connection"
	secret   = "usher_8FzKq3VbN1xT_a_secret_of_the_client"
)

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, key, err := ed25519.GenerateKey(rand.Reader); return must(key, err) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// start is a second that tokens can be issued at.
var start = time.Date(2026, 6, 9, 12, 0, 0, 0, time.UTC)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A keyServer publishes key sets, at whatever host and path it is asked for.
type keyServer struct {
	server  *httptest.Server
	mu      sync.Mutex
	fetches map[string]int // by URL
	keys    []jose.JSONWebKey
	answer  http.HandlerFunc // instead of the keys
}

func newKeyServer(t testing.TB, keys ...jose.JSONWebKey) *keyServer {
	k := &keyServer{fetches: map[string]int{}, keys: keys}
	k.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.fetches[r.Header.Get("X-Asked")]++
		keys, answer := k.keys, k.answer
		k.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	}))
	t.Cleanup(k.server.Close)
	return k
}

func (k *keyServer) publish(answer http.HandlerFunc, keys ...jose.JSONWebKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.answer = keys, answer
}

func (k *keyServer) count() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, fetches := range k.fetches {
		n += fetches
	}
	return n
}

func (k *keyServer) asked(url string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetches[url]
}

// client goes to the server for every host.
func (k *keyServer) client() *http.Client {
	client := k.server.Client()
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked := r.URL.String()
		r = r.Clone(r.Context())
		r.URL.Host = strings.TrimPrefix(k.server.URL, "https://")
		r.Header.Set("X-Asked", asked)
		return client.Transport.RoundTrip(r)
	})}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func public(key crypto.Signer, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

// keySet is a JWKS as JSON.
func keySet(keys ...jose.JSONWebKey) []byte {
	return must(json.Marshal(jose.JSONWebKeySet{Keys: keys}))
}

type obj = map[string]any

// with returns the claims with others in their place; nil takes one away.
func with(claims obj, others obj) obj {
	out := maps.Clone(claims)
	for name, v := range others {
		out[name] = v
		if v == nil {
			delete(out, name)
		}
	}
	return out
}

// sign makes a JWT.
func sign(alg jose.SignatureAlgorithm, key any, kid string, claims any, header ...obj) string {
	o := (&jose.SignerOptions{}).WithType("JWT")
	for _, h := range header {
		for name, v := range h {
			o = o.WithHeader(jose.HeaderKey(name), v)
		}
	}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, o))
	payload, ok := claims.([]byte)
	if !ok {
		payload = must(json.Marshal(claims))
	}
	return must(must(signer.Sign(payload)).CompactSerialize())
}

// raw puts a token together without any check.
func raw(header, payload string, signature []byte) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "." + e.EncodeToString(signature)
}

// clients are the Secrets and Principals of a test.
type clients struct {
	mu     sync.Mutex
	off    bool
	tokens map[string]string // whose it is
	err    error
}

func (c *clients) ValidateToken(_ context.Context, token string) (scim.Principal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return scim.Principal{}, c.err
	}
	if id := c.tokens[token]; id != "" {
		return scim.Principal{Tenant: "contoso", Subject: id}, nil
	}
	return scim.Principal{}, scim.ErrUnauthorized
}

func (c *clients) Principal(_ context.Context, id string) (scim.Principal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return scim.Principal{}, c.err
	}
	if id != client || c.off {
		return scim.Principal{}, scim.ErrUnauthorized
	}
	return scim.Principal{Tenant: "contoso", Subject: id}, nil
}

// A world is a Server with all around it.
type world struct {
	*oauth.Server
	clock   *clock
	clients *clients
	keys    *keyServer
	log     *logged
	trusted []oauth.TrustedIssuer
}

// newWorld returns a Server that trusts Entra and a client that has a key of its
// own.
func newWorld(t testing.TB, change ...func(*oauth.Options)) *world {
	w := &world{
		clock: &clock{now: start}, log: new(logged),
		clients: &clients{tokens: map[string]string{secret: client, "usher_second": client, "usher_of_another": "another"}},
		keys:    newKeyServer(t, public(rsaKey(), "k1")),
	}
	w.trusted = []oauth.TrustedIssuer{oauth.Entra(directoryID, audience+"/.default", subject), oauth.PrivateKeyJWT(client, "https://client.example.com/jwks")}
	o := oauth.Options{
		Issuer: issuer, Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, Secrets: w.clients, Principals: w.clients,
		Trust: func(_ context.Context, id string) ([]oauth.TrustedIssuer, error) {
			if id != client {
				return nil, nil
			}
			return w.trusted, nil
		},
		KeySets: oauth.NewKeySets(&oauth.KeySetOptions{Client: w.keys.client(), Now: w.clock.Now}),
		Logger:  slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     w.clock.Now,
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if w.Server, err = oauth.NewServer(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// assertionClaims is what Entra says in an assertion.
func assertionClaims() obj {
	return obj{
		"aud": audience, "iss": "https://login.microsoftonline.com/" + directoryID + "/v2.0",
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Unix() + 3900,
		"appid": "b5ba7a93-4452-4522-aeb4-a2b5da870c16", "oid": "d2f8ee76-c549-45b8-a143-f5b640669704",
		"sub": subject, "tid": directoryID, "ver": "2.0",
	}
}

// ownClaims is what a client says that signs its assertions itself.
func ownClaims() obj {
	return obj{"iss": client, "sub": client, "aud": tokenURL, "jti": rand.Text(), "iat": start.Unix(), "exp": start.Unix() + 300}
}

// An answer is one of the token endpoint.
type answer struct {
	status int
	header http.Header
	body   string

	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string
	Error       string
	Description string `json:"error_description"`
}

func (w *world) send(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	json.Unmarshal(recorder.Body.Bytes(), &a)
	return a
}

func post(form url.Values, header ...string) *http.Request { return postBody(form.Encode(), header...) }

func postBody(body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, tokenURL, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// form is client credentials with other parameters in pairs.
func form(pairs ...string) url.Values {
	v := url.Values{"grant_type": {"client_credentials"}}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assert sends an assertion as Entra does.
func (w *world) assert(token string) answer {
	return w.send(post(form("client_id", client, "client_assertion_type", jwtBearer, "client_assertion", token, "scope", "scim")))
}

// opens reports whether a token is good for requests.
func (w *world) opens(t *testing.T, token string) bool {
	t.Helper()
	p, err := w.ValidateToken(t.Context(), token)
	if err != nil && !errors.Is(err, scim.ErrUnauthorized) {
		t.Fatal(err)
	}
	if err == nil && (p.Subject != client || p.Tenant != "contoso") {
		t.Errorf("the token is %q's of %q", p.Subject, p.Tenant)
	}
	return err == nil
}

// reason is why the last request was refused, by the log.
func (w *world) reason() string {
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	_, reason, _ := strings.Cut(lines[len(lines)-1], "reason=")
	return reason
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// logged is what a logger has written, by whatever goroutine.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
