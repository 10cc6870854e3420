package oauth_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/tenant"
)

// open returns one process's Registry over a Store, and its Server.
func open(t *testing.T, s tenant.Store, now func() time.Time) (*tenant.Registry, *world) {
	r, err := tenant.NewRegistry(s, &tenant.Options{Key: bytes.Repeat([]byte{9}, 32), Logger: discard(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, newWorld(t, func(o *oauth.Options) { o.Secrets, o.Principals, o.Now, o.Trust = r, r, now, oauth.Federations(r) })
}

// TestRevokedSecretBuysNothing: a process that has looked at a secret a moment ago
// gives no access token for it after another one has revoked it.
func TestRevokedSecretBuysNothing(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	store := new(tenant.Memory)
	one, _ := open(t, store, now)
	_, w := open(t, store, now)
	c, err := one.Add(t.Context(), tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	leaked, _, err := one.Issue(t.Context(), c.Ref(), tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(secret string) int {
		return w.send(post(form("client_id", c.ID, "client_secret", secret))).status
	}
	if got := get(leaked); got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	next, _, err := one.Rotate(t.Context(), c.Ref(), 0, tenant.TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(time.Second))
	if got := get(leaked); got != 401 {
		t.Errorf("a second after it was replaced: got %d, want 401", got)
	}
	if got := get(next); got != 200 {
		t.Errorf("the new one: got %d, want 200", got)
	}
}

// TestRemovedFederationBuysNothing is that for assertions.
func TestRemovedFederationBuysNothing(t *testing.T) {
	store := new(tenant.Memory)
	now := func() time.Time { return start }
	one, _ := open(t, store, now)
	_, w := open(t, store, now)
	c, err := one.Add(t.Context(), tenant.Connection{Tenant: "contoso", Federation: tenant.Federation{Directory: directoryID, Audience: audience, Subject: subject}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := one.Issue(t.Context(), c.Ref(), tenant.TokenOptions{}); err != nil { // so that it is not off
		t.Fatal(err)
	}
	token := sign("RS256", rsaKey(), "k1", assertionClaims())
	get := func() int {
		return w.send(post(form("client_id", c.ID, "client_assertion_type", jwtBearer, "client_assertion", token))).status
	}
	if got := get(); got != 200 {
		t.Fatalf("got %d, want 200; the log: %s", got, w.log)
	}
	if _, err := one.Change(t.Context(), c.Ref(), func(c *tenant.Connection) error { c.Federation = tenant.Federation{}; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != 401 {
		t.Errorf("removed: got %d, want 401", got)
	}
}

// A fresh is a FreshAuthenticator whose secret is revoked at some moment of its being
// looked at.
type fresh struct {
	*clients
	moment, now int // of the calls
	revoked     bool
	done        int
}

func (f *fresh) pass() {
	f.now++
	f.revoked = f.revoked || f.now == f.moment
}

func (f *fresh) Authenticate(*http.Request, string) (scim.Principal, func(), error) {
	return scim.Principal{}, nil, scim.ErrUnauthorized // by what it knew before
}

func (f *fresh) AuthenticateFresh(*http.Request, string) (scim.Principal, func(), error) {
	f.pass()
	defer f.pass()
	if f.revoked {
		return scim.Principal{}, nil, scim.ErrUnauthorized
	}
	return scim.Principal{Subject: client}, func() { f.done++ }, nil
}

func (f *fresh) Revocations(_ context.Context, _ string, asOfNow bool) (int, error) {
	if asOfNow {
		f.pass()
		defer f.pass()
	}
	if f.revoked {
		return 1, nil
	}
	return 0, nil
}

// TestRevokedMeanwhile: whenever a secret is revoked while it is looked at, it buys no
// access token that is accepted.
func TestRevokedMeanwhile(t *testing.T) {
	issued := 0
	for moment := range 8 { // 0: never
		f := &fresh{moment: moment}
		w := newWorld(t, func(o *oauth.Options) {
			f.clients = o.Principals.(*clients)
			o.Secrets, o.Principals = f, f
		})
		a := w.send(post(form("client_id", client, "client_secret", secret)))
		if a.status != 200 {
			continue
		}
		issued++
		if f.done != 2 {
			t.Errorf("revoked in moment %d: %d times done, want 2", moment, f.done)
		}
		if got := w.opens(t, a.AccessToken); got == f.revoked {
			t.Errorf("revoked in moment %d: accepted: %v", moment, got)
		}
	}
	if issued != 3 { // never; when all is looked at; after that
		t.Errorf("%d access tokens were issued, want 3", issued)
	}
}

// TestOneSpelling: bits that base64 leaves over at the end of a part are zero.
func TestOneSpelling(t *testing.T) {
	for _, kind := range []func(*oauth.Options){sealed, signedWith('d'), signedWith('e')} {
		w := newWorld(t, kind)
		token := w.get(t)
		parts := strings.Split(token, ".")
		for i, part := range parts {
			for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
				if part == "" || strings.HasSuffix(part, string(last)) {
					continue
				}
				parts[i] = part[:len(part)-1] + string(last)
				if other := strings.Join(parts, "."); w.opens(t, other) {
					t.Errorf("%s is accepted, and so is %s", token, other)
				}
			}
			parts[i] = part
		}
	}
}
