package oauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// TestClientSecret is E008: the token endpoint with the secret in the body answers
// 200 with an expires_in of 3600 to 21600, and 401 invalid_client to a wrong one.
//
func TestClientSecret(t *testing.T) {
	w := newWorld(t)
	a := w.send(post(form("client_id", client, "client_secret", secret)))
	if a.status != 200 || a.TokenType != "Bearer" || a.ExpiresIn != 3600 || a.Scope != "scim" || !w.opens(t, a.AccessToken) {
		t.Errorf("got %d %s, want a token for 3600 seconds", a.status, a.body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q (RFC 6749 section 5.1)", name, got, want)
		}
	}
	a = w.send(post(form("client_id", client, "client_secret", "usher_wrong")))
	if a.status != 401 || a.Error != "invalid_client" || a.AccessToken != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a wrong secret: got %d %s, want 401 invalid_client", a.status, a.body)
	}
}

// TestWaysToAuthenticate shows R-372.
func TestWaysToAuthenticate(t *testing.T) {
	odd := "s:ecret + ü%&="
	for _, tt := range []struct {
		name, reason string
		request      *http.Request
	}{
		{"in the body", "client_secret_post", post(form("client_id", client, "client_secret", secret))},
		{"Basic", "client_secret_basic", post(form(), "Authorization", basic(client, secret))},
		{"basic", "schemes have no case (RFC 9110)", post(form(), "Authorization", "bAsIc "+basic(client, secret)[6:])},
		{"Basic and client_id", "some repeat the id, which is no second way", post(form("client_id", client), "Authorization", basic(client, secret))},
		{"Basic with odd characters", "the parts are form-encoded (RFC 6749 section 2.3.1)", post(form(), "Authorization", basic(client, odd))},
		{"body with odd characters", "likewise", post(form("client_id", client, "client_secret", odd))},
		{"second secret", "while one is rotated both are alive", post(form("client_id", client, "client_secret", "usher_second"))},
		{"scope", "Entra sends what its admin entered", post(form("client_id", client, "client_secret", secret, "scope", "scim"))},
		{"scope twice", "a list of one is a list", post(form("client_id", client, "client_secret", secret, "scope", "scim scim"))},
		{"empty scope", "a parameter without a value counts as left out", post(form("client_id", client, "client_secret", secret, "scope", ""))},
		{"empty assertion", "likewise", post(form("client_id", client, "client_secret", secret, "client_assertion", ""))},
		{"resource", "Entra's form may have one, which is for vendors", post(form("client_id", client, "client_secret", secret, "resource", "urn:x"))},
		{"charset", "HttpClient of .NET may add one", post(form("client_id", client, "client_secret", secret), "Content-Type", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.clients.tokens[odd] = client
			if tt.name == "charset" {
				tt.request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			}
			if a := w.send(tt.request); a.status != 200 || !w.opens(t, a.AccessToken) {
				t.Errorf("got %d %s, want a token: %s; the log: %s", a.status, a.body, tt.reason, w.log)
			}
		})
	}
}

// TestRefusedRequests shows R-373.
func TestRefusedRequests(t *testing.T) {
	good := form("client_id", client, "client_secret", secret)
	encoded := good.Encode()
	change := func(r *http.Request, f func(*http.Request)) *http.Request { f(r); return r }
	b64 := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, tt := range []struct {
		name, reason string
		request      *http.Request
		status       int
		code         string
	}{
		{"GET", "RFC 6749 section 3.2: POST", httptest.NewRequest("GET", tokenURL+"?"+encoded, nil), 405, "invalid_request"},
		{"HEAD", "likewise", httptest.NewRequest("HEAD", tokenURL, nil), 405, "invalid_request"},
		{"JSON", "a form, and nothing else", post(good, "Content-Type", "application/json"), 400, "invalid_request"},
		{"no Content-Type", "likewise", change(post(good), func(r *http.Request) { r.Header.Del("Content-Type") }), 400, "invalid_request"},
		{"gzip", "not announced, and a way to send bombs", post(good, "Content-Encoding", "gzip"), 400, "invalid_request"},
		{"too large", "the body is bounded", postBody(encoded + "&x=" + strings.Repeat("x", 40<<10)), 413, "invalid_request"},
		{"many parameters", "likewise", postBody(strings.Repeat("&a=b", 20<<10)), 413, "invalid_request"},
		{"no body", "grant_type is missing", postBody(""), 400, "invalid_request"},
		{"broken escape", "not form-encoded", postBody(encoded + "&a=%zz"), 400, "invalid_request"},
		{"semicolon", "not form-encoded", postBody(encoded + ";a=b"), 400, "invalid_request"},
		{"secret in the URL", "logs have URLs in them", change(post(form("client_id", client)), func(r *http.Request) { r.URL.RawQuery = "client_secret=" + secret }), 400, "invalid_request"},
		{"no grant", "it is required", postBody("client_id=" + client + "&client_secret=" + secret), 400, "invalid_request"},
		{"password grant", "there is one grant", postBody("grant_type=password&username=a&password=b&client_id=" + client + "&client_secret=" + secret), 400, "unsupported_grant_type"},
		{"grant in capitals", "grants have a case", postBody("grant_type=CLIENT_CREDENTIALS&client_id=" + client + "&client_secret=" + secret), 400, "unsupported_grant_type"},
		{"two grants", "no parameter comes twice", postBody(encoded + "&grant_type=client_credentials"), 400, "invalid_request"},
		{"two secrets", "likewise", postBody(encoded + "&client_secret=x"), 400, "invalid_request"},
		{"two unknown", "likewise", postBody(encoded + "&x=1&x=2"), 400, "invalid_request"},
		{"other scope", "R-373: scim and nothing broader", post(form("client_id", client, "client_secret", secret, "scope", "scim admin")), 400, "invalid_scope"},
		{"scope in capitals", "scopes have a case", post(form("client_id", client, "client_secret", secret, "scope", "SCIM")), 400, "invalid_scope"},
		{"Basic and secret", "one way (RFC 6749 section 2.3)", post(good, "Authorization", basic(client, secret)), 400, "invalid_request"},
		{"Basic and assertion", "likewise", post(form("client_assertion_type", jwtBearer, "client_assertion", "a.b.c"), "Authorization", basic(client, secret)), 400, "invalid_request"},
		{"secret and assertion", "likewise", post(form("client_id", client, "client_secret", secret, "client_assertion_type", jwtBearer, "client_assertion", "a.b.c")), 400, "invalid_request"},
		{"two Authorization headers", "likewise", post(form(), "Authorization", basic(client, secret), "Authorization", basic(client, secret)), 400, "invalid_request"},
		{"Basic and another client_id", "whose token would it be", post(form("client_id", "another"), "Authorization", basic(client, secret)), 400, "invalid_request"},
		{"secret without an id", "a part is missing", post(form("client_secret", secret)), 400, "invalid_request"},
		{"assertion without its type", "they belong together", post(form("client_id", client, "client_assertion", "a.b.c")), 400, "invalid_request"},
		{"type without an assertion", "likewise", post(form("client_id", client, "client_assertion_type", jwtBearer)), 400, "invalid_request"},
		{"SAML assertion", "RFC 7522 is not offered", post(form("client_id", client, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion", "x")), 400, "invalid_request"},
		{"nothing", "a client has to authenticate", post(form("client_id", client)), 401, "invalid_client"},
		{"wrong secret", "it is nobody's", post(form("client_id", client, "client_secret", "wrong")), 401, "invalid_client"},
		{"part of the secret", "a secret is given whole", post(form("client_id", client, "client_secret", secret[:20])), 401, "invalid_client"},
		{"secret of another client", "a client is who its secret says", post(form("client_id", client, "client_secret", "usher_of_another")), 401, "invalid_client"},
		{"unknown client", "it does not exist", post(form("client_id", "nobody", "client_secret", secret)), 401, "invalid_client"},
		{"empty secret", "no secret is empty", post(form("client_id", client, "client_secret", "")), 401, "invalid_client"},
		{"NUL in the id", "no id has one", post(form("client_id", client+"\x00", "client_secret", secret)), 401, "invalid_client"},
		{"id that is no UTF-8", "likewise", post(form("client_id", "\xff\xfe", "client_secret", secret)), 401, "invalid_client"},
		{"long id", "it is bounded", post(form("client_id", strings.Repeat("x", 300), "client_secret", secret)), 401, "invalid_client"},
		{"Bearer", "the scheme here is Basic", post(form(), "Authorization", "Bearer "+secret), 401, "invalid_client"},
		{"empty Authorization", "it has no scheme", post(form(), "Authorization", ""), 401, "invalid_client"},
		{"Basic without a value", "nothing in it", post(form(), "Authorization", "Basic"), 401, "invalid_client"},
		{"Basic that is no base64", "it cannot be read", post(form(), "Authorization", "Basic ***"), 401, "invalid_client"},
		{"Basic with loose bits", "one spelling for each value", post(form(), "Authorization", "Basic YTpiYz=="), 401, "invalid_client"},
		{"Basic without a colon", "it cannot be read", post(form(), "Authorization", b64("client")), 401, "invalid_client"},
		{"Basic with a broken id", "it is not form-encoded", post(form(), "Authorization", b64("%zz:"+secret)), 401, "invalid_client"},
		{"Basic with a broken secret", "likewise", post(form(), "Authorization", b64(client+":%")), 401, "invalid_client"},
		{"Basic with an empty secret", "no secret is empty", post(form(), "Authorization", b64(client+":")), 401, "invalid_client"},
		{"Basic with an empty id", "no id is empty", post(form(), "Authorization", b64(":"+secret)), 401, "invalid_client"},
		{"Basic with two colons", "the second is part of the secret", post(form(), "Authorization", b64(client+":"+secret+":")), 401, "invalid_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.send(tt.request)
			if a.status != tt.status || a.Error != tt.code || a.AccessToken != "" {
				t.Errorf("got %d %s, want %d %s: %s", a.status, a.body, tt.status, tt.code, tt.reason)
			}
			if a.Description == "" || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %s with %v, want JSON with a description that nobody keeps", a.body, a.header)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != strings.HasPrefix(challenge, "Basic ") {
				t.Errorf("%d with WWW-Authenticate %q", a.status, challenge)
			}
			if log := w.log.String(); strings.Contains(log, secret[:20]) || !strings.Contains(log, "access token refused") || strings.Count(log, "\n") != 1 {
				t.Errorf("the log should have one record, without a secret: %s", log)
			}
		})
	}
}

// Whether a client exists shows in no answer.
func TestUnknownClientAndWrongSecretAreAnsweredAlike(t *testing.T) {
	w := newWorld(t)
	forged := sign("RS256", otherRSA(), "k1", assertionClaims())
	var want string
	for _, form := range []url.Values{
		form("client_id", client, "client_secret", "wrong"),
		form("client_id", "nobody", "client_secret", "wrong"),
		form("client_id", "nobody", "client_secret", secret),
		form("client_id", client, "client_assertion_type", jwtBearer, "client_assertion", forged),
		form("client_id", "nobody", "client_assertion_type", jwtBearer, "client_assertion", forged),
		form("client_assertion_type", jwtBearer, "client_assertion", "nonsense"),
		form("client_id", client),
	} {
		a := w.send(post(form))
		got := fmt.Sprint(a.status, a.header, a.body)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// A secret in the place of the id, as happens when somebody mixes up the fields of
// a form, is in the log no more than another is.
func TestSecretInTheWrongField(t *testing.T) {
	w := newWorld(t)
	w.send(post(form("client_id", secret, "client_secret", client)))
	w.send(post(form(), "Authorization", basic(secret, client)))
	if log := w.log.String(); strings.Contains(log, secret[:20]) || !strings.Contains(log, secret[:16]) {
		t.Errorf("want the beginning of the id and no more: %s", log)
	}
}

func TestErrorsOfTheApplication(t *testing.T) {
	says := &scim.Error{Kind: scim.ErrUnauthorized, Detail: `provisioning is "off"` + "\n\\", Err: errors.New("inner")}
	for _, tt := range []struct {
		name, reason string
		err          error
		status       int
		code         string
		description  string
		retryAfter   string
	}{
		{"it cannot tell", "its text is for the log", errors.New("inner"), 500, "server_error", "the cause is in the server's log", ""},
		{"it says why", "whoever holds a token that was alive learns more", says, 401, "invalid_client", "provisioning is 'off'??", ""},
		{"limited", "R-377", &scim.Error{Kind: scim.ErrTooManyRequests, RetryAfter: 1500 * time.Millisecond}, 429, "temporarily_unavailable", "too many requests", "2"},
		{"limited, as it was wrong", "the kind counts, and not its cause", &scim.Error{Kind: scim.ErrTooManyRequests, RetryAfter: time.Minute, Err: scim.ErrUnauthorized}, 429, "temporarily_unavailable", "too many requests", "60"},
		{"bare limit", "429 comes with Retry-After", scim.ErrTooManyRequests, 429, "temporarily_unavailable", "too many requests", "1"},
		{"down", "it is worth another try", &scim.Error{Kind: scim.ErrUnavailable, Detail: "inner", RetryAfter: time.Minute}, 503, "temporarily_unavailable", "try again later", "60"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var refused []string
			w := newWorld(t, func(o *oauth.Options) { o.Refused = func(clientID string) { refused = append(refused, clientID) } })
			w.clients.err = tt.err
			a := w.send(post(form("client_id", client, "client_secret", secret)))
			if a.status != tt.status || a.Error != tt.code || a.Description != tt.description || a.header.Get("Retry-After") != tt.retryAfter {
				t.Errorf("got %d %s, Retry-After %q; want %d %s %q %q: %s", a.status, a.body, a.header.Get("Retry-After"), tt.status, tt.code, tt.description, tt.retryAfter, tt.reason)
			}
			if told := len(refused) == 1; told != (tt.status == 401) {
				t.Errorf("%d: refused is told of %q", tt.status, refused)
			}
			if strings.Contains(a.body, "inner") {
				t.Errorf("the client is told of the inside: %s", a.body)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	var told []error
	blocked := false
	w := newWorld(t, func(o *oauth.Options) {
		o.Limit = func(r *http.Request) (func(error), error) {
			if blocked {
				return nil, &scim.Error{Kind: scim.ErrTooManyRequests, RetryAfter: 7 * time.Second}
			}
			return func(err error) { told = append(told, err) }, nil
		}
	})
	w.send(post(form("client_id", client, "client_secret", secret)))
	w.send(post(form("client_id", client, "client_secret", "wrong")))
	w.send(httptest.NewRequest("GET", tokenURL, nil))
	if len(told) != 3 || told[0] != nil || !errors.Is(told[1], scim.ErrUnauthorized) || told[2] == nil || errors.Is(told[2], scim.ErrUnauthorized) {
		t.Errorf("the limiter was told %v; want nil, unauthorized, another", told)
	}
	blocked = true
	if a := w.send(post(form("client_id", client, "client_secret", secret))); a.status != 429 || a.header.Get("Retry-After") != "7" || len(told) != 3 {
		t.Errorf("got %d, Retry-After %q; want 429 and 7", a.status, a.header.Get("Retry-After"))
	}
}

// gate is a scim.Authenticator that bounds requests.
type gate struct {
	*clients
	inside, most int
	from         string
}

func (g *gate) Authenticate(r *http.Request, token string) (scim.Principal, func(), error) {
	g.inside++
	g.most = max(g.most, g.inside)
	g.from = r.RemoteAddr
	p, err := g.ValidateToken(r.Context(), token)
	return p, func() { g.inside-- }, err
}

// A registry that limits failed attempts does so here too.
func TestSecretsMayBeAnAuthenticator(t *testing.T) {
	g := &gate{}
	w := newWorld(t, func(o *oauth.Options) { g.clients = o.Principals.(*clients); o.Secrets = g })
	for _, s := range []string{secret, "wrong", "usher_of_another"} {
		w.send(post(form("client_id", client, "client_secret", s)))
	}
	if g.inside != 0 || g.most != 1 || g.from == "" {
		t.Errorf("inside %d at the end and %d at most, from %q; want 0, 1 and an address", g.inside, g.most, g.from)
	}
}

// A registry that knows access tokens too, for requests, must not let one get
// another, or it would be good for ever.
func TestAccessTokenIsNoSecret(t *testing.T) {
	var w *world
	w = newWorld(t, func(o *oauth.Options) {
		secrets := o.Secrets
		o.Secrets = scim.TokenValidatorFunc(func(ctx context.Context, token string) (scim.Principal, error) {
			if p, err := w.ValidateToken(ctx, token); err == nil {
				return p, nil
			}
			return secrets.ValidateToken(ctx, token)
		})
	})
	token := w.get(t)
	if a := w.send(post(form("client_id", client, "client_secret", token))); a.status != 401 {
		t.Errorf("got %d %s, want 401", a.status, a.body)
	}
}

func TestServerWithOneWay(t *testing.T) {
	w := newWorld(t, func(o *oauth.Options) { o.Secrets = nil })
	if a := w.send(post(form("client_id", client, "client_secret", secret))); a.status != 401 {
		t.Errorf("a secret where none is taken: got %d", a.status)
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 200 {
		t.Errorf("an assertion: got %d %s", a.status, a.body)
	}
	w = newWorld(t, func(o *oauth.Options) { o.Trust = nil })
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 401 || w.keys.count() != 0 {
		t.Errorf("an assertion where none is taken: got %d, %d fetches", a.status, w.keys.count())
	}
}

func TestNewServerRefuses(t *testing.T) {
	c := &clients{}
	for _, tt := range []struct {
		name, want string
		change     func(*oauth.Options)
	}{
		{"no issuer", "Issuer", func(o *oauth.Options) { o.Issuer = "" }},
		{"http", "https", func(o *oauth.Options) { o.Issuer = "http://app.example.com" }},
		{"issuer with a query", "without a query", func(o *oauth.Options) { o.Issuer += "?a" }},
		{"issuer with a fragment", "without a query", func(o *oauth.Options) { o.Issuer += "#" }},
		{"token URL", "TokenURL", func(o *oauth.Options) { o.TokenURL = "/oauth/token" }},
		{"no keys", "Keys or SigningKeys", func(o *oauth.Options) { o.Keys = nil }},
		{"short key", "32 random bytes", func(o *oauth.Options) { o.Keys = [][]byte{make([]byte, 16)} }},
		{"many keys", "more than 8", func(o *oauth.Options) { o.Keys = make([][]byte, 9) }},
		{"RSA", "ed25519", func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(rsaKey()) }},
		{"both kinds", "not both", func(o *oauth.Options) { o.SigningKeys = signers(edKey()) }},
		{"short life", "one hour to six", func(o *oauth.Options) { o.Lifetime = 59 * time.Minute }},
		{"long life", "one hour to six", func(o *oauth.Options) { o.Lifetime = 7 * time.Hour }},
		{"odd life", "whole seconds", func(o *oauth.Options) { o.Lifetime = time.Hour + 1 }},
		{"no principals", "Principals", func(o *oauth.Options) { o.Principals = nil }},
		{"nobody", "neither", func(o *oauth.Options) { o.Secrets = nil }},
	} {
		o := oauth.Options{Issuer: issuer, Keys: [][]byte{bytes.Repeat([]byte{1}, 32)}, Secrets: c, Principals: c}
		tt.change(&o)
		if _, err := oauth.NewServer(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
