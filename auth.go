package scim

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
)

// A TokenValidator knows the bearer tokens of identity providers. Its method
// may be called concurrently.
type TokenValidator interface {
	// ValidateToken reports whose token it is, or ErrUnauthorized (401). Other
	// kinds of [Error] are answered as they say (ErrTooManyRequests: 429), and
	// any other error means that it could not tell, and is answered 500.
	ValidateToken(ctx context.Context, token string) (Principal, error)
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
