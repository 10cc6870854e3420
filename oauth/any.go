package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/usherkit/scim"
)

// Any returns a TokenValidator for tokens of several kinds. It asks the validators
// one after the other, until one knows the token; those with a method
// Recognizes(token string) bool, such as Server and EntraTokens, only if that
// reports true. If none knows it that is the answer, whichever refused it; but what
// one of them has to tell the client, in the Detail of a [scim.Error], is told. It is
// a scim.Authenticator and a [FreshAuthenticator], and hands requests on to those of
// them that are, and a scim.Guard if one of them is: a loss is asked about of all that
// guard the client, whichever knew its token.
//
// With a tenant.Registry it is not needed: see the Registry's Options.Others.
func Any(validators ...scim.TokenValidator) scim.Authenticator {
	g := guarded{anyOf: validators}
	for _, v := range validators {
		if guard, ok := v.(scim.Guard); ok {
			g.by = append(g.by, guard)
		}
	}
	if len(g.by) == 0 {
		return g.anyOf
	}
	return g
}

// guarded is validators of which some are Guards.
type guarded struct {
	anyOf
	by []scim.Guard
}

var _ scim.Guard = guarded{}

func (g guarded) Guards(p scim.Principal) bool {
	return slices.ContainsFunc(g.by, func(guard scim.Guard) bool { return guard.Guards(p) })
}

func (g guarded) AdmitLoss(ctx context.Context, s scim.Store, l scim.Loss) (func(*scim.Updated, error), error) {
	var told []func(*scim.Updated, error)
	tell := func(up *scim.Updated, err error) {
		for _, done := range told {
			done(up, err)
		}
	}
	for _, guard := range g.by {
		if !guard.Guards(l.Principal) {
			continue
		}
		done, err := guard.AdmitLoss(ctx, s, l)
		if err != nil {
			tell(nil, err) // those that would have admitted it
			return nil, err
		}
		if done != nil {
			told = append(told, done)
		}
	}
	return tell, nil
}

type anyOf []scim.TokenValidator

var _ FreshAuthenticator = anyOf(nil)

func (all anyOf) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	p, _, err := all.try(token, func(v scim.TokenValidator) (scim.Principal, func(), error) {
		p, err := v.ValidateToken(ctx, token)
		return p, nil, err
	})
	return p, err
}

func (all anyOf) Authenticate(r *http.Request, token string) (scim.Principal, func(), error) {
	return all.authenticate(r, token, false)
}

// AuthenticateFresh implements FreshAuthenticator, by those of them that are.
func (all anyOf) AuthenticateFresh(r *http.Request, token string) (scim.Principal, func(), error) {
	return all.authenticate(r, token, true)
}

func (all anyOf) authenticate(r *http.Request, token string, fresh bool) (scim.Principal, func(), error) {
	return all.try(token, func(v scim.TokenValidator) (scim.Principal, func(), error) {
		if f, ok := v.(FreshAuthenticator); ok && fresh {
			return f.AuthenticateFresh(r, token)
		}
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
