package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// authenticate asks whose token the request bears.
func (h *Handler) authenticate(x *exchange, r *http.Request) error {
	token, inQuery := x.token(r)
	if token == "" {
		return noToken(nil)
	}
	x.tokenSent = !inQuery
	var err error
	x.principal, err = h.validate(x, r, token)
	if inQuery && !x.principal.QueryToken && (err == nil || x.tells(err)) {
		return noToken(cmp.Or(err, errQueryToken)) // as if it had not been read
	}
	// The log is told, and not the client; nor what else is the matter with a token that
	// is another tenant's, such as that its connection is paused.
	known := err == nil || x.principal.Subject != ""
	if known && x.addressed != "" && x.addressed != x.principal.Tenant {
		if x.done != nil {
			x.done()
			x.done = nil
		}
		err = elsewhere{fmt.Errorf("the token is of tenant %q, the address of %q", x.principal.Tenant, x.addressed), err}
	}
	if _, says := errors.AsType[*Error](err); errors.Is(err, ErrUnauthorized) && !says {
		return &Error{Kind: ErrUnauthorized, Detail: "the bearer token is not valid here", Err: err}
	}
	return err
}

// elsewhere is the error of a token at another tenant's address: to the client it is
// no more than ErrUnauthorized, whatever else is wrong.
type elsewhere struct {
	where error
	also  error // nil: it is alive
}

func (e elsewhere) Error() string {
	if e.also == nil {
		return e.where.Error()
	}
	return e.where.Error() + ": " + e.also.Error()
}

// Unwrap implements what errors.Is asks.
func (e elsewhere) Unwrap() error { return ErrUnauthorized }

// tells reports whether an error of the validator's is about the client or its token,
// whose it says it is, and not that it could not tell.
func (x *exchange) tells(err error) bool {
	return x.principal.Subject != "" || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrTooManyRequests)
}

func noToken(cause error) error {
	return &Error{Kind: ErrUnauthorized, Detail: "a bearer token is required in the Authorization header", Err: cause}
}

var errQueryToken = errors.New("the token came in the query, which Principal.QueryToken does not allow")

// token returns the token that the request bears. It may come in the query of a
// GET without the header.
func (x *exchange) token(r *http.Request) (token string, inQuery bool) {
	switch values := r.Header["Authorization"]; {
	case len(values) == 1:
		if scheme, rest, ok := strings.Cut(values[0], " "); ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(rest), false
		}
	case len(values) == 0 && x.method == http.MethodGet && strings.Contains(x.query, "access_token="):
		token, _, _ = param(x.query, "access_token")
		return token, true
	}
	return "", false
}

// validate asks the validator, in its richer form if it has that.
func (h *Handler) validate(x *exchange, r *http.Request, token string) (Principal, error) {
	return observe(x.ctx, h.options.Observer, Call{Of: CalleeTokens, Method: "ValidateToken"}, func(ctx context.Context) (Principal, error) {
		a, ok := h.tokens.(Authenticator)
		if !ok {
			return h.tokens.ValidateToken(ctx, token)
		}
		if h.options.Observer != nil {
			r = r.WithContext(ctx)
		}
		p, done, err := a.Authenticate(r, token)
		if err == nil {
			x.done = done
		}
		return p, err
	})
}
