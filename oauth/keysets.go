package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
)

// KeySets fetches the key sets (RFC 7517) of those who sign tokens, and keeps
// them. Its methods may be called concurrently. One for a process is enough: a
// Server and an EntraTokens may share it.
//
// A set is fetched when it is first needed, when it is older than MaxAge, and when
// a token names a key that is not in it; but a URL never more often than each
// MinInterval, whatever tokens come. If a set cannot be fetched the old one is used for
// up to a day longer. A URL must be of https and answer within five seconds, itself
// and with no more than 256 KiB: redirections are not followed.
type KeySets struct {
	options KeySetOptions
	mu      sync.Mutex
	sets    map[string]*keySet
}

// KeySetOptions change how KeySets works. The zero KeySetOptions, and nil, mean the
// defaults.
type KeySetOptions struct {
	// Client fetches. Default: one that connects to port 443 of public addresses
	// alone, since it is customers who say where their keys are. Behind a proxy, or
	// NAT64 in a network of IPv6 alone, give one that may use it.
	Client *http.Client

	MaxAge      time.Duration // after which a set is fetched anew; default: an hour
	MinInterval time.Duration // between two fetches of one URL at least; default: 30 seconds

	// MaxSets is how many sets are kept, of some kilobytes each. The one that was not
	// used for the longest time goes first. Default: 1000.
	MaxSets int

	Now func() time.Time // the clock; default: time.Now; called concurrently
}

const (
	longestFetch = 5 * time.Second
	largestSet   = 256 << 10
	longestStale = 24 * time.Hour // that an old set is used while no new one can be had
)

// NewKeySets returns a KeySets that has fetched nothing yet.
func NewKeySets(o *KeySetOptions) *KeySets {
	k := &KeySets{sets: map[string]*keySet{}}
	if o != nil {
		k.options = *o
	}
	k.options.MaxAge = cmp.Or(k.options.MaxAge, time.Hour)
	k.options.MinInterval = cmp.Or(k.options.MinInterval, 30*time.Second)
	k.options.MaxSets = cmp.Or(k.options.MaxSets, 1000)
	if k.options.Now == nil {
		k.options.Now = time.Now
	}
	client := http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: longestFetch, Control: publicOnly}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: longestFetch,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
	}}
	if k.options.Client != nil {
		client = *k.options.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	k.options.Client = &client
	return k
}

// A keySet is one URL's. go-oidc's RemoteKeySet is not used for it: it fetches
// for each token with an unknown kid or a broken signature, keeps a set for ever,
// and reads answers of any size.
type keySet struct {
	url      string
	fetching chan struct{} // holds one value while somebody fetches
	used     time.Time     // guarded by KeySets.mu

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when the keys came; zero: never
	tried   time.Time // when they were last asked for
	err     error     // of the last try
}

// find returns the keys of a set that a token of this kid may be signed with: none
// is an error of kind ErrUnauthorized if the set is known, and ErrUnavailable if it
// could not be had.
func (k *KeySets) find(ctx context.Context, at, kid string) ([]jose.JSONWebKey, error) {
	s, err := k.set(at)
	if err != nil {
		return nil, err
	}
	now := k.options.Now()
	keys, fresh, mayFetch := s.look(kid, now, &k.options)
	switch {
	case len(keys) > 0 && fresh, !mayFetch:
		return s.known(keys, at)
	case len(keys) > 0: // while somebody fetches new ones the old ones do
		select {
		case s.fetching <- struct{}{}:
		default:
			return keys, nil
		}
	default:
		select {
		case s.fetching <- struct{}{}:
		case <-ctx.Done():
			return nil, unavailable(ctx.Err())
		}
	}
	defer func() { <-s.fetching }()
	now = k.options.Now()
	if keys, fresh, mayFetch = s.look(kid, now, &k.options); len(keys) > 0 && fresh || !mayFetch {
		return s.known(keys, at) // somebody fetched while this one waited
	}
	// Others wait for this fetch too, so it does not end with the request.
	got, err := k.fetch(context.WithoutCancel(ctx), at)
	s.mu.Lock()
	s.tried, s.err = now, err
	if err == nil {
		s.keys, s.fetched = got, now
	}
	s.mu.Unlock()
	keys, _, _ = s.look(kid, now, &k.options)
	return s.known(keys, at)
}

// set returns the entry of a URL.
func (k *KeySets) set(at string) (*keySet, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("the keys' URL %q is none of https", at)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sets[at]
	if s == nil {
		if len(k.sets) >= k.options.MaxSets {
			k.forgetOne()
		}
		s = &keySet{url: at, fetching: make(chan struct{}, 1)}
		k.sets[at] = s
	}
	s.used = k.options.Now()
	return s, nil
}

func (k *KeySets) forgetOne() {
	var oldest *keySet
	for _, s := range k.sets {
		if oldest == nil || s.used.Before(oldest.used) {
			oldest = s
		}
	}
	delete(k.sets, oldest.url)
}

// look finds keys in what is there, and reports whether that is fresh, and whether
// it may be fetched now.
func (s *keySet) look(kid string, now time.Time, o *KeySetOptions) (keys []jose.JSONWebKey, fresh, mayFetch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age, since := now.Sub(s.fetched), now.Sub(s.tried)
	if !s.fetched.IsZero() && age < o.MaxAge+longestStale {
		keys = keysFor(s.keys, kid)
	}
	return keys, age < o.MaxAge, s.tried.IsZero() || since >= o.MinInterval || since < 0 // the clock was set back
}

// known returns keys, or why there are none.
func (s *keySet) known(keys []jose.JSONWebKey, at string) ([]jose.JSONWebKey, error) {
	if len(keys) > 0 {
		return keys, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, unavailable(fmt.Errorf("get the keys at %s: %w", at, s.err))
	}
	return nil, refused("there is no key at %s that signed it", at)
}

func unavailable(cause error) error {
	return &scim.Error{
		Kind: scim.ErrUnavailable, Detail: "the keys that the token is signed with cannot be had at the moment",
		RetryAfter: 30 * time.Second, Err: cause,
	}
}

func (k *KeySets) fetch(ctx context.Context, at string) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, longestFetch)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	answer, err := k.options.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, largestSet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > largestSet {
		return nil, fmt.Errorf("the set is larger than %d bytes", largestSet)
	}
	return parseKeys(body)
}
