package oauth_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/tenant"
)

// TestStrangersLearnNothing: whoever made up an assertion is told the same of every
// client, whatever is the matter with it.
func TestStrangersLearnNothing(t *testing.T) {
	off := &scim.Error{Kind: scim.ErrUnauthorized, Detail: "provisioning is switched off"}
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	trusts := func(issuers ...oauth.TrustedIssuer) func() ([]oauth.TrustedIssuer, error) {
		return func() ([]oauth.TrustedIssuer, error) { return issuers, nil }
	}
	forged := sign("RS256", otherRSA(), "k1", ownClaims())
	var want string
	for _, tt := range []struct {
		name  string
		trust func() ([]oauth.TrustedIssuer, error)
		keys  http.HandlerFunc
	}{
		{"a client that there is not", trusts(), nil},
		{"one that there is", trusts(oauth.PrivateKeyJWT(client, "https://client.example.com/jwks")), nil},
		{"one whose keys cannot be had", trusts(oauth.PrivateKeyJWT(client, "https://client.example.com/jwks")), down},
		{"one whose keys are at no URL", trusts(oauth.PrivateKeyJWT(client, "x")), nil},
		{"one that is not set up", trusts(oauth.TrustedIssuer{Name: client}), nil},
		{"one that is switched off", func() ([]oauth.TrustedIssuer, error) { return nil, off }, nil},
	} {
		w := newWorld(t, func(o *oauth.Options) {
			o.Trust = func(context.Context, string) ([]oauth.TrustedIssuer, error) { return tt.trust() }
		})
		w.keys.publish(tt.keys, public(rsaKey(), "k1"))
		a := w.assert(forged)
		got := fmt.Sprint(a.status, a.header, a.body)
		if want == "" {
			want = got
		}
		if a.status != 401 || got != want {
			t.Errorf("%s: got %s\nwant %s", tt.name, got, want)
		}
	}
	w := newWorld(t)
	w.clients.err = off
	if a := w.assert(sign("RS256", rsaKey(), "k1", ownClaims())); a.status != 401 || a.Description != off.Detail {
		t.Errorf("whoever has the key is told why: got %d %s", a.status, a.body)
	}
}

// Likewise of directories, in the name of which anybody can make up a token.
func TestStrangersLearnNothingOfDirectories(t *testing.T) {
	keys := newKeyServer(t, public(rsaKey(), "k1"))
	tokens, err := oauth.NewEntraTokens(oauth.EntraOptions{
		Callers: func(context.Context, string) ([]oauth.EntraCaller, error) {
			return nil, &scim.Error{Kind: scim.ErrUnauthorized, Detail: "provisioning is switched off"}
		},
		KeySets: oauth.NewKeySets(&oauth.KeySetOptions{Client: keys.client()}),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokens.ValidateToken(t.Context(), sign("RS256", otherRSA(), "k1", entraClaims()))
	var says *scim.Error
	if !errors.Is(err, scim.ErrUnauthorized) || errors.As(err, &says) {
		t.Errorf("got %v, want ErrUnauthorized without a Detail", err)
	}
}

// limiter refuses assertions after some that were wrong.
type limiter struct {
	*clients
	left int
}

func (l *limiter) LimitAssertions(*http.Request) (func(error), error) {
	if l.left <= 0 {
		return nil, &scim.Error{Kind: scim.ErrTooManyRequests, RetryAfter: 7 * time.Second}
	}
	return func(err error) {
		if errors.Is(err, scim.ErrUnauthorized) {
			l.left--
		}
	}, nil
}

func TestAssertionsAreLimited(t *testing.T) {
	good, forged := sign("RS256", rsaKey(), "k1", assertionClaims()), sign("RS256", otherRSA(), "k1", assertionClaims())
	for _, tt := range []struct {
		name  string
		as    func(*oauth.Options, *limiter)
		third int
	}{
		{"by Secrets", func(o *oauth.Options, l *limiter) { o.Secrets = l }, 429},
		{"by Principals", func(o *oauth.Options, l *limiter) { o.Secrets, o.Principals = nil, l }, 429},
		{"by the application in their place", func(o *oauth.Options, l *limiter) {
			o.Secrets, o.Limit = l, func(*http.Request) (func(error), error) { return nil, nil }
		}, 200},
	} {
		l := &limiter{left: 2}
		w := newWorld(t, func(o *oauth.Options) { l.clients = o.Principals.(*clients); tt.as(o, l) })
		if a := w.assert(good); a.status != 200 {
			t.Errorf("%s: got %d %s, want 200", tt.name, a.status, a.body)
		}
		w.assert(forged)
		w.keys.publish(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		w.assert(sign("RS256", rsaKey(), "k1", ownClaims())) // whose keys cannot be had, which counts too
		if a := w.assert(good); a.status != tt.third || a.status == 429 && a.header.Get("Retry-After") != "7" {
			t.Errorf("%s, after two that were wrong: got %d %s, Retry-After %q; want %d", tt.name, a.status, a.body, a.header.Get("Retry-After"), tt.third)
		}
		if a := w.send(post(form("client_id", client, "client_secret", secret))); a.status == 429 {
			t.Errorf("%s: a secret is refused with them", tt.name)
		}
	}
}

// TestAssertionFlood: a source that makes up clients is stopped, and costs few reads
// of the Store.
func TestAssertionFlood(t *testing.T) {
	store := &finds{Memory: new(tenant.Memory)}
	_, w := open(t, store, func() time.Time { return start })
	token := raw(`{"alg":"RS256"}`, `{}`, []byte("x"))
	codes := map[int]int{}
	for i := range 1000 {
		codes[w.send(post(form("client_id", fmt.Sprint("nobody", i), "client_assertion_type", jwtBearer, "client_assertion", token))).status]++
	}
	if codes[401] > 200 || codes[401]+codes[429] != 1000 || store.n > 200 {
		t.Errorf("got %v with %d reads, want 429 after 200 at most", codes, store.n)
	}
}

type finds struct {
	*tenant.Memory
	n int
}

func (f *finds) Find(ctx context.Context, id string, at time.Time) (tenant.Connection, bool, error) {
	f.n++
	return f.Memory.Find(ctx, id, at)
}

// A key set cannot make the check of one signature that of a hundred.
func TestManyKeysOfOneID(t *testing.T) {
	many := func(others int) []jose.JSONWebKey {
		var keys []jose.JSONWebKey
		for range others {
			keys = append(keys, public(otherRSA(), "k1"))
		}
		return append(keys, public(rsaKey(), "k1"))
	}
	for _, tt := range []struct{ others, want int }{{0, 200}, {3, 200}, {4, 401}, {99, 401}} {
		w := newWorld(t)
		w.keys.publish(nil, many(tt.others)...)
		if a := w.assert(sign("RS256", rsaKey(), "k1", ownClaims())); a.status != tt.want {
			t.Errorf("the right key after %d others of its kid: got %d, want %d; the log: %s", tt.others, a.status, tt.want, w.log)
		}
	}
}

// Nor can a key, by an exponent that no other has.
func TestLargeExponentIsLeftOut(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 4095)
	n.SetBit(n, 0, 1)
	for e, want := range map[int]string{1<<16 + 1: "its signature is wrong", 1<<16 + 3: "there is no key", 1<<31 - 1: "there is no key"} {
		w := newWorld(t)
		w.keys.publish(nil, public(rsaKey(), "k1"), jose.JSONWebKey{Key: &rsa.PublicKey{N: n, E: e}, KeyID: "large"})
		w.assert(sign("RS256", rsaKey(), "large", ownClaims()))
		if !strings.Contains(w.reason(), want) {
			t.Errorf("exponent %d: got %s, want %q", e, w.reason(), want)
		}
	}
}
