package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/usherkit/scim"
)

// Any returns a TokenValidator for tokens of several kinds. It asks the validators
// one after the other, until one knows the token; those with a method
// Recognizes(token string) bool, such as Server and EntraTokens, only if that
// reports true. If none knows it that is the answer, whichever refused it; but what
// one of them has to tell the client, in the Detail of a [scim.Error], is told. It is
// a scim.Authenticator and hands requests on to those of them that are.
//
// With a tenant.Registry it is not needed: see the Registry's Options.Others.
func Any(validators ...scim.TokenValidator) scim.Authenticator { return anyOf(validators) }

type anyOf []scim.TokenValidator

func (all anyOf) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	p, _, err := all.try(token, func(v scim.TokenValidator) (scim.Principal, func(), error) {
		p, err := v.ValidateToken(ctx, token)
		return p, nil, err
	})
	return p, err
}

func (all anyOf) Authenticate(r *http.Request, token string) (scim.Principal, func(), error) {
	return all.try(token, func(v scim.TokenValidator) (scim.Principal, func(), error) {
		if a, ok := v.(scim.Authenticator); ok {
			return a.Authenticate(r, token)
		}
		p, err := v.ValidateToken(r.Context(), token)
		return p, nil, err
	})
}

func (all anyOf) try(token string, ask func(scim.TokenValidator) (scim.Principal, func(), error)) (scim.Principal, func(), error) {
	var refusals []error
	var failed error // of one that could not tell
	var whose scim.Principal
	for _, v := range all {
		if f, ok := v.(interface{ Recognizes(token string) bool }); ok && !f.Recognizes(token) {
			continue
		}
		p, done, err := ask(v)
		switch {
		case err == nil:
			return p, done, nil
		case errors.Is(err, scim.ErrUnauthorized):
			refusals = append(refusals, err)
		case failed == nil:
			failed = err
		}
		if done != nil {
			done()
		}
		if whose.Subject == "" {
			whose = p // of a token that is dead, for who keeps records
		}
	}
	switch {
	case failed != nil:
		return whose, nil, failed
	case len(refusals) == 0:
		return scim.Principal{}, nil, refused("the token has the form of none that there is")
	}
	return whose, nil, errors.Join(refusals...)
}
