package scim

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
)

// A TokenValidator knows the bearer tokens of identity providers. Its method
// may be called concurrently. It is asked of tokens of the scheme Bearer alone: who
// authenticates clients in another way, such as by their certificates, does so in
// front of the Handler and sets that header.
type TokenValidator interface {
	// ValidateToken reports whose token it is, or ErrUnauthorized (401): bare or
	// wrapped, the answer does not say why, and an [Error] of that kind says what
	// its Detail does. Other kinds are answered by their status (ErrTooManyRequests:
	// 429, ErrUnavailable: 503), and any other error means that it could not tell,
	// and is answered 500. With an error the Principal may say whose token it is: for the
	// log and for Observers. It lets nobody in; where another tenant's token would be
	// refused, or one in the query, this one is refused alike.
	ValidateToken(ctx context.Context, token string) (Principal, error)
}

// An Authenticator is a TokenValidator that looks at more of a request than its
// token, and is told when it is answered: to bound how many come, from where, and
// how many are answered at once. NewHandler asks it instead of ValidateToken, and
// may be given it as any TokenValidator is.
type Authenticator interface {
	TokenValidator

	// Authenticate is ValidateToken with the request, of which it must not read
	// the body. If there is no error, done is called once when the request is
	// answered; nil: nobody need be told.
	Authenticate(r *http.Request, token string) (p Principal, done func(), err error)
}

// TokenValidatorFunc is a function that is a TokenValidator.
type TokenValidatorFunc func(ctx context.Context, token string) (Principal, error)

// ValidateToken calls f.
func (f TokenValidatorFunc) ValidateToken(ctx context.Context, token string) (Principal, error) {
	return f(ctx, token)
}

// A Principal is who makes a request.
type Principal struct {
	Tenant  string // whose resources it may see and change
	Subject string // a name for the log and the hooks, such as the connection's
	Strict  bool   // hold this client to the letter of the RFCs, whatever Options.Strict says; see there

	// Types are the names of the resource types that there are for this client,
	// such as User alone for an application without groups. Nil means all.
	Types []string

	// QueryToken lets the token come as access_token in the query of a GET (RFC
	// 6750 §2.3), for a look in a browser. Queries end in histories and in the
	// logs of proxies: leave it off for what guards real data.
	QueryToken bool
}

// serves reports whether there is a resource type for the client.
func (p *Principal) serves(t *ResourceType) bool {
	return p.Types == nil || slices.Contains(p.Types, t.def.Name)
}

// StaticToken returns a TokenValidator that knows one token, compared in
// constant time. A token that guards real data has at least 128 random bits.
// An empty token is never valid.
func StaticToken(token string, p Principal) TokenValidator {
	want := sha256.Sum256([]byte(token)) // sums have one length, so the comparison tells nothing of the token's
	return TokenValidatorFunc(func(_ context.Context, got string) (Principal, error) {
		sum := sha256.Sum256([]byte(got))
		if subtle.ConstantTimeCompare(sum[:], want[:]) != 1 || token == "" {
			return Principal{}, ErrUnauthorized
		}
		return p, nil
	})
}
