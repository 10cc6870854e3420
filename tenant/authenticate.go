package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/usherkit/scim"
)

// A lookup says how a token is looked up.
type lookup struct {
	from  *source // nil: nobody counts
	fresh bool    // in the Store, whatever is known
}

// ValidateToken implements scim.TokenValidator. It bounds nothing: give the
// Registry to the Handler as it is, which calls Authenticate.
func (r *Registry) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	e, err := r.find(ctx, token, lookup{})
	return e.whose(), err
}

// Authenticate implements scim.Authenticator: the token is known and alive, its
// connection keeps to its Limits, and its source does not guess.
func (r *Registry) Authenticate(q *http.Request, token string) (scim.Principal, func(), error) {
	return r.authenticate(q, token, false)
}

// AuthenticateFresh is Authenticate by what the Store says now, and of the Registry's
// own tokens alone: what another process has revoked is refused at once, and so are
// those that Options.Others knows, which end by themselves. It is for those who give
// something for a token that outlives both, such as oauth.Server an access token.
func (r *Registry) AuthenticateFresh(q *http.Request, token string) (scim.Principal, func(), error) {
	return r.authenticate(q, token, true)
}

func (r *Registry) authenticate(q *http.Request, token string, fresh bool) (scim.Principal, func(), error) {
	from := source{&r.sources, r.options.Source(q)}
	e, err := r.find(q.Context(), token, lookup{&from, fresh})
	if errors.Is(err, scim.ErrUnauthorized) && e == nil { // who shows a dead token of his own guesses nothing, and is told that it is dead
		if wait := from.failed(r.now()); wait > 0 {
			err = tooManyFailures(wait, err)
		}
	}
	if err != nil {
		return e.whose(), nil, err // whose dead token it is, for the record
	}
	now := r.now()
	r.pending.see(e, now)
	done, err := e.state.enter(q.Context(), now)
	return e.principal, done, err
}

// LimitAssertions bounds the assertions that an oauth.Server looks at, which asks by
// itself if the Registry is among its Principals or Secrets: where more than
// Options.MaxFailures in a minute came from that were refused, all but some are answered
// 429. Done is told what became of one. It fits oauth.Options.Limit too.
func (r *Registry) LimitAssertions(q *http.Request) (done func(error), err error) {
	from := source{&r.exchanges, r.options.Source(q)}
	if wait := from.blocked(r.now()); wait > 0 {
		return nil, tooManyFailures(wait, nil)
	}
	return func(err error) {
		if errors.Is(err, scim.ErrUnauthorized) {
			from.failed(r.now())
		}
	}, nil
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

// errPaused is for those who hold a good token.
var errPaused error = &scim.Error{
	Kind: scim.ErrUnavailable, RetryAfter: 5 * time.Minute,
	Detail: "provisioning of this connection is paused by the application, and goes on by itself later",
}

// find returns what is known of a token. With ErrUnauthorized, and if the connection
// is Paused, it returns whose it was, if it was anybody's.
func (r *Registry) find(ctx context.Context, token string, how lookup) (*entry, error) {
	id, ok := parseToken(r.options.Prefix, token)
	switch {
	case !ok && how.fresh:
		return nil, errUnknown // see AuthenticateFresh
	case !ok:
		return r.findOther(ctx, token)
	}
	if e, _ := r.cache.get(id); how.fresh && e != nil && e.found != nil { // a hash is for ever, and so is an end
		if err := r.compare(token, e); err != nil {
			return nil, err
		}
		how.fresh = e.alive(r.now())
	}
	e, err := r.known(ctx, id, how, func(e *entry) error {
		t, c, live, err := r.store.Token(ctx, id, r.now())
		if err == nil {
			copy(e.hash[:], t.Hash)
			e.tokenID, e.ends, e.revoked, e.found, e.live = t.ID, t.Ends, t.Revoked, &c, live
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case e.found == nil:
		r.hashers[0].is(token, &e.hash) // as long as for one that there is
		return nil, errUnknown
	}
	if err := r.compare(token, e); err != nil {
		return nil, err
	}
	switch alive := e.alive(r.now()); {
	case alive && e.found.Paused:
		return e, errPaused
	case alive:
		return e, nil
	case e.live:
		return e, errDead
	}
	return e, errOff()
}

// compare reports errUnknown if what is known by a token's id is not of the token; or
// ErrUnavailable if that cannot be told: a client that is refused for its token stops,
// and it is not the client's fault. Then the connection is told of it.
func (r *Registry) compare(token string, e *entry) error {
	for _, h := range r.hashers {
		switch {
		case !h.made(&e.hash):
		case h.is(token, &e.hash):
			return nil
		default:
			return errUnknown
		}
	}
	r.pending.strange(stranger{id: e.found.ID})
	return &scim.Error{
		Kind: scim.ErrUnavailable, RetryAfter: time.Minute,
		Err: fmt.Errorf("token %s was hashed with a key that is not Options.Key, nor among Options.OldKeys", e.tokenID),
	}
}

// findOther asks Others whose token it is, wherever it comes from: it reads nothing
// for a token that is made up.
func (r *Registry) findOther(ctx context.Context, token string) (*entry, error) {
	if r.options.Others == nil {
		return nil, errUnknown
	}
	p, refusal := r.options.Others.ValidateToken(ctx, token)
	if refusal != nil && p.Subject == "" {
		return nil, refusal
	}
	e, err := r.subject(ctx, p.Subject, false)
	if refusal != nil {
		return e, refusal // whose token it is, dead or not for now
	}
	if err == nil && p.Tenant != "" && p.Tenant != e.found.Tenant {
		err = fmt.Errorf("connection %q is of tenant %q, not %q: %w", p.Subject, e.found.Tenant, p.Tenant, scim.ErrUnauthorized)
	}
	return e, err
}

// subject returns a connection by its ID, unless it is Paused, or has no live token and
// no Federation: then it returns the error as well. That it is off it does not believe
// for longer than a moment: who has just been given a token elsewhere stops at a 401. Of
// many who come then, one reads it anew.
func (r *Registry) subject(ctx context.Context, id string, fresh bool) (*entry, error) {
	const moment = time.Second
	e, err := r.connection(ctx, id, fresh)
	if e != nil && e.isOff() && !fresh {
		if age := r.now().Sub(e.read); age >= 2*moment || age >= moment && e.renewing.CompareAndSwap(false, true) {
			e, err = r.connection(ctx, id, true)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case e.found == nil:
		return nil, errUnknown
	case e.isOff():
		return e, errOff()
	case e.found.Paused:
		return e, errPaused
	}
	return e, nil
}

// isOff reports whether a connection has nothing to come with.
func (e *entry) isOff() bool { return e.found != nil && !e.live && e.found.Federation.isZero() }

// connection returns what is known of a connection, by its ID.
func (r *Registry) connection(ctx context.Context, id string, fresh bool) (*entry, error) {
	return r.known(ctx, "/"+id, lookup{fresh: fresh}, func(e *entry) error { // no token's id has a slash
		c, live, err := r.store.Find(ctx, id, r.now())
		if err == nil {
			e.found, e.live = &c, live
		}
		return err
	})
}

// Principal returns whom the requests of a connection are made by, for one who
// issues tokens of other kinds, such as oauth.Server; or scim.ErrUnauthorized if
// there is no such connection or it is switched off, and scim.ErrUnavailable if it is
// Paused.
func (r *Registry) Principal(ctx context.Context, connectionID string) (scim.Principal, error) {
	e, err := r.subject(ctx, connectionID, false)
	return e.whose(), err
}

// Revocations returns Connection.Revocations of a connection, for oauth.Server: as
// the Store has them now, Paused or not, if fresh is set, and then no more is said with
// scim.ErrUnauthorized.
func (r *Registry) Revocations(ctx context.Context, connectionID string, fresh bool) (int, error) {
	e, err := r.subject(ctx, connectionID, fresh)
	if fresh {
		err = toStranger(err)
	}
	if err != nil {
		return 0, err
	}
	return e.found.Revocations, nil
}

// toStranger returns what one is told of a connection who has shown nothing yet, such as
// an assertion before its signature is looked at: nothing but that it may not come.
func toStranger(err error) error {
	switch {
	case errors.Is(err, errPaused):
		return nil // Principal says it to whoever has shown something
	case errors.Is(err, scim.ErrUnauthorized):
		return errUnknown
	}
	return err
}

// FederationOf returns Connection.Federation of a connection as the Store has it now,
// Paused or not, for oauth.Server; or scim.ErrUnauthorized, with no more said, if there
// is no such connection or it is switched off.
func (r *Registry) FederationOf(ctx context.Context, connectionID string) (Federation, error) {
	e, err := r.subject(ctx, connectionID, true)
	if err = toStranger(err); err != nil {
		return Federation{}, err
	}
	return e.found.Federation, nil
}

// FirstUse reports whether something that may be used once, such as an assertion, comes
// for the first time for a connection, in whichever process, and remembers it. It is for
// oauth.Server. A connection needs one in an hour: beyond a thousand it reports
// scim.ErrTooManyRequests. It is remembered for a month, whatever the time is until
// which it must be.
func (r *Registry) FirstUse(ctx context.Context, connectionID, what string, _ time.Time) (bool, error) {
	const most = 1000
	now := r.now()
	e, err := r.subject(ctx, connectionID, false)
	if err != nil {
		return false, err
	}
	of := e.found.Ref()
	n, err := r.store.Spend(ctx, of, KeptPrefix+"uses", 1, now, now.Add(-time.Hour))
	switch {
	case err != nil:
		return false, err
	case n > most:
		return false, &scim.Error{Kind: scim.ErrTooManyRequests, Detail: "too many assertions", RetryAfter: time.Minute}
	}
	sum := sha256.Sum256([]byte(what))
	n, err = r.store.Spend(ctx, of, KeptPrefix+base64.RawURLEncoding.EncodeToString(sum[:]), 1, now, now.Add(-MaxWindow))
	return n == 1, err
}

// NoteRefused notes that somebody asked for an access token for a connection, if there
// is one with this ID, without its credentials: in Status.LastUnknown. It is for
// oauth.Options.Refused, and waits for nothing.
func (r *Registry) NoteRefused(connectionID string) { r.pending.strange(stranger{id: connectionID}) }
