package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/uuid7"
)

// Options say how a Registry works. Key must be given.
type Options struct {
	// Key keys the hashes of tokens, 32 random bytes or more. Every process needs
	// the same, for as long as there are tokens. Keep it where the database is not.
	Key []byte

	// OldKeys are keys that were Key before: tokens hashed with them are known too.
	OldKeys [][]byte

	Prefix string // of new tokens, and of those that are known: 1 to 20 of a-z and 0-9; default: usher

	// Others knows the tokens that are none of the Registry's, such as an
	// oauth.Server's access tokens. The Subject it returns is the ID of a
	// connection, whose settings and limits count. Default: there are none.
	Others scim.TokenValidator

	// CacheTTL is how long what is known of a token may be used: how long one that
	// another process has revoked is still accepted at most. Default, and most: 5
	// seconds.
	CacheTTL time.Duration

	// CacheSize is of how many tokens and connections the Registry keeps what it has
	// read; each takes about a kilobyte. Default: 20,000.
	CacheSize int

	// Source says where a request comes from, for the limit on tokens that are not
	// valid and for the records. Behind a proxy that is what the proxy says, in a
	// header that clients cannot write. Default: the address of the connection, of
	// IPv6 its /64.
	Source func(r *http.Request) string

	// MaxFailures is how many tokens that are not valid a source may send in a minute;
	// more are answered 429, and valid ones still accepted. Default: 60.
	MaxFailures int

	Log LogOptions

	Logger *slog.Logger     // is told what could not be stored in the background; default: slog.Default()
	Now    func() time.Time // the clock; default: time.Now; called concurrently
}

// LogOptions say how much is kept of Records. What is beyond MaxRecords and MaxBytes is
// deleted within some minutes, when a connection is next used; what is older than MaxAge
// within an hour, while there is a Registry.
type LogOptions struct {
	MaxAge     time.Duration // default: 90 days
	MaxRecords int           // for each connection; default: 10,000
	MaxBytes   int           // about, for each connection; default: 32 MiB
}

// A Registry knows the connections of all tenants. It is a scim.Authenticator, a
// scim.Guard and a scim.Observer: NewHandler makes a Handler with all three. Its methods
// may be called concurrently, and several processes may have one each over the same
// Store.
//
// A method that is given the Ref of a connection reports ErrNotFound if there is none,
// and what is given settings that cannot be reports ErrInvalid. These are no kinds of
// package scim: a hook should not return them as they are.
type Registry struct {
	store   Store
	options Options
	hashers []*hasher // the first one for new tokens
	now     func() time.Time

	cache     cache
	sources   sources // of tokens
	exchanges sources // of requests for access tokens
	pending   pending
	totals    totals // of users

	idMu sync.Mutex
	ids  uuid7.Source
}

var _ scim.Authenticator = (*Registry)(nil)

// NewRegistry returns a Registry over a Store, with Options of which Key must be given.
// It writes what it has seen, and records, once a second in the background, until Close.
func NewRegistry(s Store, o *Options) (*Registry, error) {
	if o == nil {
		o = new(Options)
	}
	r := &Registry{store: s, options: *o}
	if s == nil {
		return nil, errors.New("tenant: NewRegistry needs a Store")
	}
	for _, key := range append([][]byte{o.Key}, o.OldKeys...) {
		if len(key) < 32 {
			return nil, fmt.Errorf("tenant: Options.Key has %d bytes; want 32 random ones or more", len(key))
		}
		r.hashers = append(r.hashers, newHasher(slices.Clone(key)))
	}
	r.options.Prefix = cmp.Or(o.Prefix, defaultPrefix)
	if err := checkPrefix(r.options.Prefix); err != nil {
		return nil, err
	}
	const longest = 5 * time.Second
	switch {
	case o.CacheTTL < 0 || o.CacheTTL > longest:
		return nil, fmt.Errorf("tenant: Options.CacheTTL is %v; want %v at most", o.CacheTTL, longest)
	case o.CacheSize < 0, o.MaxFailures < 0, o.Log.MaxAge < 0, o.Log.MaxRecords < 0, o.Log.MaxBytes < 0:
		return nil, errors.New("tenant: an Option is negative")
	}
	r.options.CacheTTL = cmp.Or(o.CacheTTL, longest)
	r.options.CacheSize = cmp.Or(o.CacheSize, 20_000)
	r.options.MaxFailures = cmp.Or(o.MaxFailures, 60)
	r.options.Log.MaxAge = cmp.Or(o.Log.MaxAge, 90*24*time.Hour)
	r.options.Log.MaxRecords = cmp.Or(o.Log.MaxRecords, 10_000)
	r.options.Log.MaxBytes = cmp.Or(o.Log.MaxBytes, 32<<20)
	r.options.Logger = cmp.Or(o.Logger, slog.Default())
	if r.options.Source == nil {
		r.options.Source = addressOf
	}
	if r.now = o.Now; r.now == nil {
		r.now = time.Now
	}
	r.cache = newCache(r.options.CacheSize)
	r.sources, r.exchanges = newSources(r.options.MaxFailures), newSources(r.options.MaxFailures)
	r.pending.start(r)
	return r, nil
}

// Close writes what is left to write, for which it waits while the database is slow,
// and ends. What cannot be written the Logger is told. The Registry must not be used any
// more.
func (r *Registry) Close() error { return r.pending.stop() }

// NewHandler returns a Handler over the resources' Store for all connections: with
// the Registry as its validator and Guard, and as its Observer besides one that the
// options have.
func (r *Registry) NewHandler(store scim.Store, o *scim.Options) (*scim.Handler, error) {
	var own scim.Options
	if o != nil {
		own = *o
	}
	if own.Observer == nil {
		own.Observer = r
	} else {
		own.Observer = scim.Observers(r, own.Observer)
	}
	return scim.NewHandler(store, r, &own)
}

// Add makes a connection. Its Tenant is set; its ID and Created are given to it.
func (r *Registry) Add(ctx context.Context, c Connection) (Connection, error) {
	if err := c.check(); err != nil {
		return Connection{}, err
	}
	c.ID, c.Created = r.newID()
	c.Version, c.Status = 1, Status{}
	return c, r.store.Add(ctx, c)
}

// newID returns an id in the order of time, and the time.
func (r *Registry) newID() (string, time.Time) {
	r.idMu.Lock()
	defer r.idMu.Unlock()
	id, at := r.ids.Next(r.now())
	return id, at.UTC().Truncate(time.Millisecond)
}

// Connection returns a connection, or ErrNotFound.
func (r *Registry) Connection(ctx context.Context, ref Ref) (Connection, error) {
	return r.store.Connection(ctx, ref)
}

// Connections returns connections of a tenant in the order of their IDs: those after a
// Ref, whose zero value is before all, and limit at most; 0: 100.
func (r *Registry) Connections(ctx context.Context, tenant string, after Ref, limit int) ([]Connection, error) {
	return r.store.Connections(ctx, tenant, after, cmp.Or(limit, defaultLimit))
}

// AllConnections returns connections of all tenants, for the operator of the
// application, in the order of Tenant and ID; likewise.
func (r *Registry) AllConnections(ctx context.Context, after Ref, limit int) ([]Connection, error) {
	return r.store.AllConnections(ctx, after, cmp.Or(limit, defaultLimit))
}

// Change changes the settings of a connection. change is called again if another
// change came between, ten times at most; then it reports ErrChanged. In this process it takes effect at once, in others within
// Options.CacheTTL. Tenant, ID, Created and Status stay what they are, and Revocations
// too, unless a Federation ends.
func (r *Registry) Change(ctx context.Context, ref Ref, change func(*Connection) error) (Connection, error) {
	for try := 1; ; try++ {
		was, err := r.store.Connection(ctx, ref)
		if err != nil {
			return Connection{}, err
		}
		c := was
		c.Types = slices.Clone(was.Types)
		if err := change(&c); err != nil {
			return Connection{}, err
		}
		c.Tenant, c.ID, c.Created, c.Status, c.Version = was.Tenant, was.ID, was.Created, was.Status, was.Version+1
		c.Revocations = was.Revocations
		if !was.Federation.isZero() && c.Federation != was.Federation {
			c.Revocations++ // with the one whom it trusted, what was given to it ends
		}
		if err := c.check(); err != nil {
			return Connection{}, err
		}
		err = r.store.Change(ctx, c)
		if errors.Is(err, ErrChanged) && try < 10 {
			continue
		}
		r.cache.forget(ref)
		return c, err
	}
}

// Delete deletes a connection, with its tokens and records. The resources that it
// provisioned stay.
func (r *Registry) Delete(ctx context.Context, ref Ref) error {
	err := r.store.Delete(ctx, ref)
	r.cache.forget(ref)
	return err
}

// Issue makes another token for a connection, besides those it has. The secret is
// nowhere but in what it returns.
func (r *Registry) Issue(ctx context.Context, ref Ref, n TokenOptions) (secret string, t Token, err error) {
	return r.add(ctx, ref, n, func(t *Token) error { return r.store.Replace(ctx, ref, time.Time{}, t) })
}

// Rotate makes a new token for a connection and ends all that it has after an
// overlap, in which the new one is pasted where the old one was. With no overlap
// the old ones are dead at once, and so are access tokens that they were exchanged
// for.
func (r *Registry) Rotate(ctx context.Context, ref Ref, overlap time.Duration, n TokenOptions) (secret string, t Token, err error) {
	if overlap < 0 {
		return "", Token{}, invalid("an overlap of %v", overlap)
	}
	return r.add(ctx, ref, n, func(t *Token) error {
		now := r.now()
		if overlap > 0 {
			return r.store.Replace(ctx, ref, stamp(now.Add(overlap)), t)
		}
		return r.store.Revoke(ctx, ref, Revocation{At: stamp(now), Token: t})
	})
}

// add makes a token, which a function stores.
func (r *Registry) add(ctx context.Context, ref Ref, n TokenOptions, store func(*Token) error) (secret string, t Token, err error) {
	for _, text := range []struct{ name, value string }{{"Label", n.Label}, {"CreatedBy", n.CreatedBy}} {
		if err := checkText(text.name, text.value, false); err != nil {
			return "", Token{}, err
		}
	}
	now := r.now()
	if !n.Expires.IsZero() && !n.Expires.After(now) {
		return "", Token{}, invalid("Expires is past")
	}
	secret, id := newSecret(r.options.Prefix)
	hash := r.hashers[0].hash(secret)
	t = Token{ID: id, Connection: ref, Hash: hash[:], Label: n.Label, CreatedBy: n.CreatedBy, Created: stamp(now), Ends: stamp(n.Expires)}
	err = store(&t)
	r.cache.forget(ref)
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// stamp is a time as it is stored.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// Revoke ends one token now, and all access tokens of the connection: it could have
// been exchanged for any.
func (r *Registry) Revoke(ctx context.Context, ref Ref, tokenID string) error {
	if tokenID == "" {
		return ErrNotFound
	}
	return r.revoke(ctx, ref, Revocation{TokenID: tokenID})
}

// SwitchOff ends all tokens of a connection now, and its Federation: there is no
// provisioning until there is another one.
func (r *Registry) SwitchOff(ctx context.Context, ref Ref) error {
	return r.revoke(ctx, ref, Revocation{Off: true})
}

func (r *Registry) revoke(ctx context.Context, ref Ref, what Revocation) error {
	what.At = stamp(r.now())
	err := r.store.Revoke(ctx, ref, what)
	r.cache.forget(ref)
	return err
}

// Tokens returns the tokens of a connection, dead ones too, the newest first.
func (r *Registry) Tokens(ctx context.Context, ref Ref) ([]Token, error) {
	return r.store.Tokens(ctx, ref)
}
