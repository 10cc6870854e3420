package oauth_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

// get returns an access token of the client.
func (w *world) get(t testing.TB) string {
	t.Helper()
	a := w.send(post(form("client_id", client, "client_secret", secret)))
	if a.status != 200 {
		t.Fatalf("no token: %d %s", a.status, a.body)
	}
	return a.AccessToken
}

func sealed(o *oauth.Options) { o.Keys = [][]byte{bytes.Repeat([]byte{7}, 32)} }

func signedWith(key byte) func(*oauth.Options) {
	return func(o *oauth.Options) {
		o.Keys, o.SigningKeys = nil, signers(edKey())
		if key == 'e' {
			o.SigningKeys = signers(ecKey())
		}
	}
}

// TestLifetime shows R-324.
func TestLifetime(t *testing.T) {
	for _, kind := range []func(*oauth.Options){sealed, signedWith('d'), signedWith('e')} {
		for _, life := range []time.Duration{0, time.Hour, 6 * time.Hour} {
			w := newWorld(t, kind, func(o *oauth.Options) { o.Lifetime = life })
			if life == 0 {
				life = time.Hour
			}
			a := w.send(post(form("client_id", client, "client_secret", secret)))
			if a.ExpiresIn != int(life/time.Second) {
				t.Errorf("expires_in: got %d, want %s", a.ExpiresIn, life)
			}
			w.clock.add(life - time.Second)
			if !w.opens(t, a.AccessToken) {
				t.Errorf("a second before %s it is refused", life)
			}
			w.clock.add(time.Second)
			if w.opens(t, a.AccessToken) {
				t.Errorf("after %s it is accepted", life)
			}
			w.clock.add(-life - time.Minute)
			if !w.opens(t, a.AccessToken) {
				t.Error("a minute before it was issued it is refused, as on a machine whose clock is late")
			}
			w.clock.add(-time.Second)
			if w.opens(t, a.AccessToken) {
				t.Error("more than a minute before it was issued it is accepted")
			}
		}
	}
}

// Whoever is switched off is out at once, whatever tokens it has.
func TestPrincipalIsThePresentOne(t *testing.T) {
	w := newWorld(t)
	token := w.get(t)
	w.clients.off = true
	if w.opens(t, token) {
		t.Error("the client is switched off, and its token accepted")
	}
	w.clients.off = false
	if !w.opens(t, token) {
		t.Error("the client is switched on, and its token refused")
	}
	w.clients.err = errors.New("database")
	if _, err := w.ValidateToken(t.Context(), token); err == nil || errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("got %v: who cannot tell does not say that it is wrong", err)
	}
}

// revoking is a Revoker that knows late what it is told.
type revoking struct {
	*clients
	n, late int
	read    int // how often it was asked anew
	err     error
}

func (r *revoking) Revocations(_ context.Context, _ string, fresh bool) (int, error) {
	if fresh {
		r.read++
		r.late = r.n
	}
	return r.late, r.err
}

func TestRevoker(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		n, late      int
		want         bool
		reads        int
	}{
		{"as often as then", "nothing has changed", 3, 3, true, 0},
		{"known late", "the token is of a moment ago", 3, 2, true, 1},
		{"once more", "it is void", 4, 4, false, 0},
		{"once more, known late", "it is accepted for a moment", 4, 3, true, 0},
		{"often", "it is void", 400, 400, false, 0},
		{"less often", "a backup was restored, and nobody knows what it was issued for", 2, 2, false, 1},
		{"more often than then, and known very late", "it was void before that was known", 4, 2, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &revoking{n: 3}
			w := newWorld(t, func(o *oauth.Options) { r.clients = o.Principals.(*clients); o.Principals = r })
			token := w.get(t)
			r.n, r.late, r.read = tt.n, tt.late, 0
			for range 10 {
				if got := w.opens(t, token); got != tt.want {
					t.Fatalf("got %v, want %v: %s", got, tt.want, tt.reason)
				}
			}
			if r.read != tt.reads {
				t.Errorf("asked anew %d times, want %d", r.read, tt.reads)
			}
			if r.late = 3; w.opens(t, token) != tt.want {
				t.Errorf("after the count came to that of the token: got %v, want %v", !tt.want, tt.want)
			}
		})
	}
}

func TestRevokerFails(t *testing.T) {
	r := &revoking{n: 3}
	w := newWorld(t, func(o *oauth.Options) { r.clients = o.Principals.(*clients); o.Principals = r })
	token := w.get(t)
	r.err = errors.New("database")
	if _, err := w.ValidateToken(t.Context(), token); !errors.Is(err, r.err) {
		t.Errorf("got %v, want the error", err)
	}
	if r.err = nil; !w.opens(t, token) {
		t.Error("what could not be told is remembered as void")
	}
}

func TestKeysAreReplaced(t *testing.T) {
	k := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	for _, tt := range []struct {
		name           string
		old, both, new func(*oauth.Options)
	}{
		{
			"encrypting",
			func(o *oauth.Options) { o.Keys = [][]byte{k(1)} },
			func(o *oauth.Options) { o.Keys = [][]byte{k(2), k(1)} },
			func(o *oauth.Options) { o.Keys = [][]byte{k(2)} },
		},
		{
			"signing",
			func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(edKey()) },
			func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(ecKey(), edKey()) },
			func(o *oauth.Options) { o.Keys, o.SigningKeys = nil, signers(ecKey()) },
		},
	} {
		before, during, after := newWorld(t, tt.old), newWorld(t, tt.both), newWorld(t, tt.new)
		first, second := before.get(t), during.get(t)
		if !during.opens(t, first) || !during.opens(t, second) || !after.opens(t, second) {
			t.Errorf("%s: a token of a key that is alive is refused", tt.name)
		}
		if after.opens(t, first) || before.opens(t, second) {
			t.Errorf("%s: a token of a key that is not there is accepted", tt.name)
		}
	}
}

// The Server keeps no reference to the application's keys.
func TestKeysAreCopied(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	w := newWorld(t, func(o *oauth.Options) { o.Keys = [][]byte{key} })
	token := w.get(t)
	clear(key)
	if !w.opens(t, token) {
		t.Error("the key changed with the application's")
	}
}

func TestOpaque(t *testing.T) {
	token := newWorld(t).get(t)
	for _, part := range strings.Split(token, ".") {
		text, _ := base64.RawURLEncoding.DecodeString(part)
		if strings.Contains(string(text), client) || strings.Contains(string(text), issuer) {
			t.Errorf("the token can be read: %s", text)
		}
	}
	if len(token) > 1000 {
		t.Errorf("the token has %d bytes", len(token))
	}
}

// RFC 9068: what others find in a signed one.
func TestSignedTokens(t *testing.T) {
	w := newWorld(t, signedWith('e'), func(o *oauth.Options) { o.Audience = "https://api.example.com/scim" })
	parsed, err := jwt.ParseSigned(w.get(t), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := parsed.Claims(ecKey().Public(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"iss": issuer, "sub": client, "client_id": client, "scope": "scim", "aud": "https://api.example.com/scim",
		"iat": float64(start.Unix()), "exp": float64(start.Unix() + 3600),
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	if got["jti"] == nil || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "at+jwt" || parsed.Headers[0].KeyID == "" {
		t.Errorf("got jti %v and header %+v", got["jti"], parsed.Headers[0])
	}
	if a, b := w.get(t), w.get(t); a == b {
		t.Error("two tokens are alike")
	}
}

func seal(key []byte, claims any, o *jose.EncrypterOptions) string {
	e := must(jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, o))
	payload, ok := claims.([]byte)
	if !ok {
		payload = must(json.Marshal(claims))
	}
	return must(must(e.Encrypt(payload)).CompactSerialize())
}

// TestForgedAccessTokens shows R-326.
func TestForgedAccessTokens(t *testing.T) {
	key, typ := bytes.Repeat([]byte{7}, 32), (&jose.EncrypterOptions{}).WithType("at+jwt")
	good := obj{"iss": issuer, "aud": issuer, "sub": client, "client_id": client, "scope": "scim", "iat": start.Unix(), "exp": start.Unix() + 3600}
	w, s := newWorld(t, sealed), newWorld(t, signedWith('e'))
	real := w.get(t)
	parts := strings.Split(real, ".")
	header := must(base64.RawURLEncoding.DecodeString(parts[0]))
	join := func(header string, rest ...string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Join(rest, ".")
	}
	zipped := seal(key, append(must(json.Marshal(with(good, obj{"x": strings.Repeat("0", 10<<20)}))), ' '), &jose.EncrypterOptions{Compression: jose.DEFLATE, ExtraHeaders: typ.ExtraHeaders})
	var bomb bytes.Buffer
	z := must(flate.NewWriter(&bomb, 9))
	z.Write(make([]byte, 10<<20))
	z.Close()

	if !w.opens(t, seal(key, good, typ)) {
		t.Fatal("what the forgers change is refused itself")
	}
	for _, tt := range []struct {
		name, reason, token string
	}{
		{"other key", "whoever has it is another server", seal(bytes.Repeat([]byte{8}, 32), good, typ)},
		{"other issuer", "a key that two servers have", seal(key, with(good, obj{"iss": "https://other.example.com"}), typ)},
		{"other audience", "it is for another API", seal(key, with(good, obj{"aud": "https://other.example.com"}), typ)},
		{"no audience", "likewise", seal(key, with(good, obj{"aud": nil}), typ)},
		{"other scope", "R-373", seal(key, with(good, obj{"scope": "scim admin"}), typ)},
		{"no scope", "R-373", seal(key, with(good, obj{"scope": nil}), typ)},
		{"no subject", "it is nobody's", seal(key, with(good, obj{"sub": nil, "client_id": nil}), typ)},
		{"two clients", "whose is it", seal(key, with(good, obj{"client_id": "another"}), typ)},
		{"no exp", "it would be valid for ever", seal(key, with(good, obj{"exp": nil}), typ)},
		{"exp as text", "it is a number", seal(key, with(good, obj{"exp": "99999999999"}), typ)},
		{"no iat", "nobody could revoke it", seal(key, with(good, obj{"iat": nil}), typ)},
		{"other typ", "another use of the key", seal(key, good, (&jose.EncrypterOptions{}).WithType("JWT"))},
		{"no typ", "likewise", seal(key, good, nil)},
		{"no JSON", "it cannot be read", seal(key, []byte("x"), typ)},
		{"compressed", "a small token could be large in memory", seal(key, good, &jose.EncrypterOptions{Compression: jose.DEFLATE, ExtraHeaders: typ.ExtraHeaders})},
		{"bomb", "likewise", zipped},
		{"bomb of a stranger", "likewise", join(`{"alg":"dir","enc":"A256GCM","typ":"at+jwt","zip":"DEF"}`, "", parts[2], base64.RawURLEncoding.EncodeToString(bomb.Bytes()), parts[4])},
		{"edited header", "it is authenticated too", join(strings.Replace(string(header), "}", `,"x":1}`, 1), parts[1:]...)},
		{"other alg", "one algorithm", join(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","typ":"at+jwt","p2c":2000000000,"p2s":"AAAA"}`, parts[1:]...)},
		{"alg none", "one algorithm", join(`{"alg":"none","enc":"A256GCM","typ":"at+jwt"}`, parts[1:]...)},
		{"an encrypted key", "dir has none", join(string(header), "AAAA", parts[2], parts[3], parts[4])},
		{"edited", "it is authenticated", join(string(header), parts[1], parts[2], "AAAA"+parts[3], parts[4])},
		{"no tag", "likewise", join(string(header), parts[1], parts[2], parts[3], "")},
		{"short nonce", "it must not panic", join(string(header), parts[1], "AAAA", parts[3], parts[4])},
		{"six parts", "it has five", real + ".x"},
		{"four parts", "it has five", strings.Join(parts[:4], ".")},
		{"huge", "it is bounded", real + strings.Repeat("A", 20<<10)},
		{"empty parts", "nothing is in it", "...."},
		{"line break", "one spelling for each token", real[:30] + "\n" + real[30:]},
		{"a secret", "it is none", secret},
		{"empty", "nothing", ""},
		{"signed", "another kind", s.get(t)},
	} {
		if _, err := w.ValidateToken(t.Context(), tt.token); !errors.Is(err, scim.ErrUnauthorized) {
			t.Errorf("%s: got %v, want unauthorized: %s", tt.name, err, tt.reason)
		}
	}

	at := obj{"typ": "at+jwt"}
	kid := must(jwt.ParseSigned(s.get(t), []jose.SignatureAlgorithm{jose.ES256})).Headers[0].KeyID
	if !s.opens(t, sign("ES256", ecKey(), kid, good, at)) {
		t.Fatal("what the forgers change is refused itself")
	}
	for _, tt := range []struct {
		name, token string
	}{
		{"typ JWT: an assertion or an ID token", sign("ES256", ecKey(), kid, good)},
		{"other key", sign("RS256", rsaKey(), kid, good, at)},
		{"other algorithm", sign("EdDSA", edKey(), kid, good, at)},
		{"other kid", sign("ES256", ecKey(), "other", good, at)},
		{"other issuer", sign("ES256", ecKey(), kid, with(good, obj{"iss": "https://other.example.com"}), at)},
		{"alg none", raw(`{"alg":"none","typ":"at+jwt"}`, string(must(json.Marshal(good))), nil)},
		{"sealed", real},
	} {
		if _, err := s.ValidateToken(t.Context(), tt.token); !errors.Is(err, scim.ErrUnauthorized) {
			t.Errorf("%s: got %v, want unauthorized", tt.name, err)
		}
	}
}

func BenchmarkValidateToken(b *testing.B) {
	for _, kind := range []struct {
		name   string
		change func(*oauth.Options)
	}{{"sealed", sealed}, {"EdDSA", signedWith('d')}, {"ES256", signedWith('e')}} {
		b.Run(kind.name, func(b *testing.B) {
			w := newWorld(b, kind.change)
			token := w.get(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.ValidateToken(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
