package oauth

import (
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
)

// Principals knows whom the requests of a client are made by. Its method may be
// called concurrently, and is for each request with an access token. A
// tenant.Registry is one.
type Principals interface {
	// Principal returns the Principal of a client at present, or
	// scim.ErrUnauthorized if there is none such, or it may do nothing for now.
	Principal(ctx context.Context, clientID string) (scim.Principal, error)
}

// A Revoker is a Principals that knows which access tokens of a client are void
// before they expire: those that were issued before its secret was replaced, as
// it had leaked. It counts, so that nothing depends on whose clock is right.
type Revoker interface {
	Principals

	// Revocations returns how often what a client has was ended at once: access tokens
	// that were issued when it was less are void, and so are those of when it was more,
	// as that was before a backup was restored. If fresh is set nothing is left out that
	// another process has ended by now; otherwise it may be some seconds late, and is
	// asked again with fresh if a token comes that says more.
	Revocations(ctx context.Context, clientID string, fresh bool) (int, error)
}

// A FreshAuthenticator is a scim.Authenticator that keeps what it knows of tokens,
// and can be asked to read it anew. An access token lives for hours, so a secret that
// another process has revoked must not buy one meanwhile.
type FreshAuthenticator interface {
	scim.Authenticator

	// AuthenticateFresh is Authenticate with nothing that was kept from before, and only
	// of tokens that may buy one that outlives them.
	AuthenticateFresh(r *http.Request, token string) (p scim.Principal, done func(), err error)
}

// An AssertionLimiter bounds how many assertions that are refused may come from one
// source, as an Authenticator does secrets.
type AssertionLimiter interface {
	// LimitAssertions is asked before an assertion is looked at, as Options.Limit is
	// before each request.
	LimitAssertions(r *http.Request) (done func(error), err error)
}

// Options are what a Server needs and what may be changed of it. Issuer,
// Principals, one of Keys and SigningKeys, and Secrets or Trust must be given.
type Options struct {
	// Issuer is the Server's name (RFC 8414 §2), a URL of https that it is found
	// at: https://app.example.com, or with a path below which its own are. http is
	// for localhost alone.
	Issuer string

	TokenURL string // the token endpoint, below the Issuer; default: its /oauth/token
	KeysURL  string // the key set, below the Issuer; default: its /oauth/keys

	// Keys encrypt access tokens: 32 random bytes each. The first one is for new
	// tokens, and all are for those that come, so that a key can be replaced: put
	// the new one second, on every machine, then first, and drop the old one after
	// Lifetime. At most eight. An access token is opaque to clients then.
	Keys [][]byte

	// SigningKeys sign access tokens (RFC 9068) in place of Keys, for those whose
	// gateways are to read them: an ed25519.PrivateKey or an *ecdsa.PrivateKey of
	// P-256 each. They are replaced like Keys; the public ones are at KeysURL.
	SigningKeys []crypto.Signer

	Audience string // aud of signed access tokens; default: the Issuer

	// Lifetime is how long an access token is valid, in whole seconds, from one
	// hour, the default, to six: Microsoft's tests of an endpoint fail with others.
	Lifetime time.Duration

	// Secrets knows the secrets of clients: one is right if it is valid and the
	// Principal's Subject is the client's id. A client may have several. The
	// Server's own access tokens are none, even if Secrets knows them. Of a
	// scim.Authenticator Authenticate is asked, so that it may bound failed
	// attempts, and of a FreshAuthenticator AuthenticateFresh. What ends by itself soon,
	// as the tokens of EntraTokens, it must not know: an access token would outlive it.
	// Nil: no client has a secret.
	Secrets scim.TokenValidator

	// Trust says whose assertions a client may come with, which is for one that is
	// not known nobody's. It is called concurrently. Nil: nobody's.
	Trust func(ctx context.Context, clientID string) ([]TrustedIssuer, error)

	Principals Principals

	// FirstUse reports whether an assertion of an [TrustedIssuer] with Once comes for the
	// first time, and remembers it until a time: for servers that share a database.
	// Default: each process remembers those that it has seen.
	FirstUse func(ctx context.Context, clientID, jti string, until time.Time) (bool, error)

	// Limit is asked before each request of a token, which it may refuse with
	// scim.ErrTooManyRequests, and must not read the body of. It returns what is
	// told what became of the request, with nil if a token was issued; nil: nobody
	// need be told. Default: if Secrets or Principals is an AssertionLimiter, that,
	// for requests with an assertion; others are not limited here.
	Limit func(r *http.Request) (done func(error), err error)

	// Refused is told of each request that was refused for its credentials, and which
	// client it named, that there may be or not. It must not wait. Default: nobody is.
	Refused func(clientID string)

	KeySets *KeySets         // default: one for the Server
	Logger  *slog.Logger     // is told of tokens that are issued, at level Info, and refused, at Warn, with why; never a secret; default: slog.Default()
	Now     func() time.Time // the clock; default: time.Now; called concurrently
}

const (
	shortestLife = time.Hour
	longestLife  = 6 * time.Hour
	mostOwnKeys  = 8
)

// A Server issues access tokens for client credentials (RFC 6749 §4.4) and knows
// them when they come. It is an http.Handler for the token endpoint, its metadata
// (RFC 8414) and its keys, and a scim.TokenValidator. Its methods may be called
// concurrently.
type Server struct {
	options         Options
	limitAssertions func(*http.Request) (done func(error), err error) // nil: they are not, or by Options.Limit

	tokens   minter
	grants   grants
	metadata []byte
	keys     []byte
	paths    map[string]http.HandlerFunc
}

var (
	_ scim.TokenValidator = (*Server)(nil)
	_ http.Handler        = (*Server)(nil)
)

// NewServer returns a Server, or what is wrong with its options.
func NewServer(o Options) (*Server, error) {
	issuer, err := publicURL("Issuer", o.Issuer)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(o.Issuer, "/")
	o.TokenURL, o.KeysURL = cmp.Or(o.TokenURL, base+"/oauth/token"), cmp.Or(o.KeysURL, base+"/oauth/keys")
	o.Audience = cmp.Or(o.Audience, o.Issuer)
	o.Lifetime = cmp.Or(o.Lifetime, shortestLife)
	switch {
	case o.Principals == nil:
		return nil, errors.New("oauth: Options.Principals is missing")
	case o.Secrets == nil && o.Trust == nil:
		return nil, errors.New("oauth: Options has neither Secrets nor Trust: nobody could get a token")
	case o.Lifetime < shortestLife || o.Lifetime > longestLife || o.Lifetime%time.Second != 0:
		return nil, fmt.Errorf("oauth: Options.Lifetime is %s; want whole seconds, from one hour to six", o.Lifetime)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.KeySets == nil {
		o.KeySets = NewKeySets(&KeySetOptions{Now: o.Now})
	}
	if o.FirstUse == nil {
		o.FirstUse = newSeen(o.Now).first
	}
	s := &Server{options: o}
	for _, v := range []any{o.Principals, o.Secrets} {
		if limiter, ok := v.(AssertionLimiter); ok && o.Limit == nil {
			s.limitAssertions = limiter.LimitAssertions
		}
	}
	var public []jose.JSONWebKey
	if s.tokens, public, err = newMinter(&o); err != nil {
		return nil, err
	}
	return s, s.publish(issuer, public)
}

func publicURL(option, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
		return nil, fmt.Errorf("oauth: Options.%s %q is no URL without a query", option, text)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1") {
		return nil, fmt.Errorf("oauth: Options.%s %q is none of https", option, text)
	}
	return u, nil
}

const wellKnown = "/.well-known/oauth-authorization-server"

// publish makes the documents, and the paths that things are at.
func (s *Server) publish(issuer *url.URL, public []jose.JSONWebKey) error {
	o := &s.options
	token, err := publicURL("TokenURL", o.TokenURL)
	if err != nil {
		return err
	}
	keys, err := publicURL("KeysURL", o.KeysURL)
	if err != nil {
		return err
	}
	meta := map[string]any{
		"issuer":                   o.Issuer,
		"token_endpoint":           o.TokenURL,
		"grant_types_supported":    []string{grantType},
		"response_types_supported": []string{}, // it is required, and there is no authorization endpoint
		"scopes_supported":         []string{scope},
	}
	var methods []string
	if o.Secrets != nil {
		methods = append(methods, "client_secret_basic", "client_secret_post")
	}
	if o.Trust != nil {
		methods = append(methods, "private_key_jwt")
		meta["token_endpoint_auth_signing_alg_values_supported"] = algorithms
	}
	meta["token_endpoint_auth_methods_supported"] = methods
	path := strings.TrimSuffix(issuer.Path, "/")
	s.paths = map[string]http.HandlerFunc{
		token.Path:       s.ServeToken,
		wellKnown:        s.ServeMetadata,
		wellKnown + path: s.ServeMetadata, // as RFC 8414 §3 has it
		path + wellKnown: s.ServeMetadata, // as OpenID Connect does, and many clients
	}
	if len(public) > 0 {
		meta["jwks_uri"] = o.KeysURL
		s.paths[keys.Path] = s.ServeKeys
	}
	if s.metadata, err = json.Marshal(meta); err != nil {
		return err
	}
	s.keys, err = json.Marshal(jose.JSONWebKeySet{Keys: public})
	return err
}

// ServeHTTP answers at the paths of the token endpoint, the metadata and the keys,
// as their URLs have them; others are 404. Where paths are changed on the way, use
// ServeToken, ServeMetadata and ServeKeys.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := s.paths[r.URL.Path]
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

// ServeMetadata answers with the metadata (RFC 8414).
func (s *Server) ServeMetadata(w http.ResponseWriter, r *http.Request) { serveJSON(w, r, s.metadata) }

// ServeKeys answers with the public keys of signed access tokens (RFC 7517).
func (s *Server) ServeKeys(w http.ResponseWriter, r *http.Request) { serveJSON(w, r, s.keys) }

func serveJSON(w http.ResponseWriter, r *http.Request, document []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300") // shorter than a key takes to be replaced
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(document)
}
