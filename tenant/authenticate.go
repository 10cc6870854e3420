package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/usherkit/scim"
)

// ValidateToken implements scim.TokenValidator. It bounds nothing: give the
// Registry to the Handler as it is, which calls Authenticate.
func (r *Registry) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	e, err := r.find(ctx, token, nil)
	if e == nil || e.found == nil {
		return scim.Principal{}, err
	}
	return e.principal, err
}

// Authenticate implements scim.Authenticator: the token is known and alive, its
// connection keeps to its Limits, and its source does not guess.
func (r *Registry) Authenticate(q *http.Request, token string) (scim.Principal, func(), error) {
	from := source{&r.sources, r.options.Source(q)}
	e, err := r.find(q.Context(), token, &from)
	if errors.Is(err, scim.ErrUnauthorized) {
		if wait := from.failed(r.now()); wait > 0 {
			err = tooManyFailures(wait, err)
		}
	}
	if e == nil || e.found == nil {
		return scim.Principal{}, nil, err
	}
	if err != nil {
		return e.principal, nil, err // whose dead token it is, for the record
	}
	now := r.now()
	r.pending.see(e, now)
	done, err := e.state.enter(q.Context(), now)
	return e.principal, done, err
}

var (
	errUnknown = fmt.Errorf("no such token: %w", scim.ErrUnauthorized)
	errDead    = fmt.Errorf("the token has expired or was replaced: %w", scim.ErrUnauthorized)
)

// errOff is for those who hold a token that was alive once: strangers learn
// nothing.
func errOff() error {
	return &scim.Error{
		Kind: scim.ErrUnauthorized, Detail: "provisioning is switched off: there is no live token for this connection; make a new one in the application's settings",
		Err: errDead,
	}
}

// find returns what is known of a token. With ErrUnauthorized it returns whose it
// was, if it was anybody's.
func (r *Registry) find(ctx context.Context, token string, from *source) (*entry, error) {
	id, ok := parseToken(r.options.Prefix, token)
	if !ok {
		return r.findOther(ctx, token, from)
	}
	e, err := r.known(ctx, id, from, func(e *entry) error {
		t, c, live, err := r.store.Token(ctx, id, r.now())
		if err == nil {
			copy(e.hash[:], t.Hash)
			e.tokenID, e.ends, e.found, e.live = t.ID, t.Ends, &c, live
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case e.found == nil:
		r.hashers[0].is(token, nil) // as long as for one that there is
		return nil, errUnknown
	case !r.isHash(token, e.hash[:]):
		return nil, errUnknown
	case e.ends.IsZero() || r.now().Before(e.ends):
		return e, nil
	case e.live:
		return e, errDead
	}
	return e, errOff()
}

func (r *Registry) isHash(token string, hash []byte) bool {
	for _, h := range r.hashers {
		if h.is(token, hash) {
			return true
		}
	}
	return false
}

// findOther asks Others whose token it is.
func (r *Registry) findOther(ctx context.Context, token string, from *source) (*entry, error) {
	if r.options.Others == nil {
		return nil, errUnknown
	}
	if wait := from.blocked(r.now()); wait > 0 {
		return nil, tooManyFailures(wait, nil)
	}
	p, err := r.options.Others.ValidateToken(ctx, token)
	if err != nil {
		return nil, err
	}
	e, err := r.subject(ctx, p.Subject)
	if err == nil && p.Tenant != "" && p.Tenant != e.found.Tenant {
		err = fmt.Errorf("connection %q is of tenant %q, not %q: %w", p.Subject, e.found.Tenant, p.Tenant, scim.ErrUnauthorized)
	}
	return e, err
}

// subject returns a connection by its ID, unless it has no live token and no
// Federation.
func (r *Registry) subject(ctx context.Context, id string) (*entry, error) {
	e, err := r.known(ctx, "/"+id, nil, func(e *entry) error { // no token's id has a slash
		c, live, err := r.store.Find(ctx, id, r.now())
		if err == nil {
			e.found, e.live = &c, live
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case e.found == nil:
		return nil, errUnknown
	case !e.live && e.found.Federation.isZero():
		return e, errOff()
	}
	return e, nil
}

// Principal returns whom the requests of a connection are made by, for one who
// issues tokens of other kinds, such as oauth.Server; or scim.ErrUnauthorized if
// there is no such connection or it is switched off.
func (r *Registry) Principal(ctx context.Context, connectionID string) (scim.Principal, error) {
	e, err := r.subject(ctx, connectionID)
	if err != nil {
		return scim.Principal{}, err
	}
	return e.principal, nil
}

// ValidFrom returns Connection.ValidFrom of a connection, for oauth.Server.
func (r *Registry) ValidFrom(ctx context.Context, connectionID string) (time.Time, error) {
	e, err := r.subject(ctx, connectionID)
	if err != nil {
		return time.Time{}, err
	}
	return e.found.ValidFrom, nil
}

// FederationOf returns Connection.Federation of a connection, for oauth.Server; or
// scim.ErrUnauthorized if there is no such connection.
func (r *Registry) FederationOf(ctx context.Context, connectionID string) (Federation, error) {
	e, err := r.subject(ctx, connectionID)
	if err != nil {
		return Federation{}, err
	}
	return e.found.Federation, nil
}
