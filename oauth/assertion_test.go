package oauth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

// TestWorkloadIdentity is E009: an assertion of Entra that is valid gets a token;
// one with a wrong aud or iss, or that has expired, gets none; one whose kid is not
// known makes the keys be fetched again, which decides.
func TestWorkloadIdentity(t *testing.T) {
	w := newWorld(t)
	claims := assertionClaims()
	a := w.assert(sign("RS256", rsaKey(), "k1", claims))
	if a.status != 200 || a.ExpiresIn != 3600 || !w.opens(t, a.AccessToken) {
		t.Fatalf("valid: got %d %s; the log: %s", a.status, a.body, w.log)
	}
	if url := "https://login.microsoftonline.com/" + directoryID + "/discovery/v2.0/keys"; w.keys.asked(url) != 1 {
		t.Errorf("the keys were not asked for at %s: %v", url, w.keys.fetches)
	}
	for _, tt := range []struct {
		name  string
		other obj
	}{
		{"wrong aud", obj{"aud": "api://another"}},
		{"wrong iss", obj{"iss": "https://login.microsoftonline.com/another/v2.0"}},
		{"expired", obj{"exp": start.Unix() - 61}},
	} {
		if a := w.assert(sign("RS256", rsaKey(), "k1", with(claims, tt.other))); a.status != 401 || a.Error != "invalid_client" {
			t.Errorf("%s: got %d %s, want 401 invalid_client", tt.name, a.status, a.body)
		}
	}
	if w.keys.count() != 1 {
		t.Errorf("the keys were fetched %d times, want once", w.keys.count())
	}
	w.clock.add(time.Minute)
	w.keys.publish(nil, public(rsaKey(), "k1"), public(otherRSA(), "k2")) // rotated
	if a := w.assert(sign("RS256", otherRSA(), "k2", claims)); a.status != 200 || w.keys.count() != 2 {
		t.Errorf("unknown kid that is published: got %d %s after %d fetches, want 200 after 2", a.status, a.body, w.keys.count())
	}
	w.clock.add(time.Minute)
	if a := w.assert(sign("RS256", otherRSA(), "k3", claims)); a.status != 401 || w.keys.count() != 3 {
		t.Errorf("unknown kid that is not: got %d %s after %d fetches, want 401 after 3", a.status, a.body, w.keys.count())
	}
}

// TestAssertions shows R-372.
func TestAssertions(t *testing.T) {
	entra := assertionClaims()
	at := func(seconds int64) int64 { return start.Unix() + seconds }
	for _, tt := range []struct {
		name, reason string
		claims       obj
		other        obj
		want         int
	}{
		{"Entra's", "as documented", entra, nil, 200},
		{"aud of the set-up page", "it shows /.default", entra, obj{"aud": audience + "/.default"}, 200},
		{"aud as a list of one", "RFC 7519 section 4.1.3", entra, obj{"aud": []string{audience}}, 200},
		{"28 hours", "continuous access evaluation", entra, obj{"exp": at(28 * 3600)}, 200},
		{"30 hours", "Entra issues none such", entra, obj{"exp": at(30 * 3600)}, 401},
		{"used twice", "Entra keeps its assertion for a while", entra, nil, 200},
		{"a jti", "it is no business of ours", entra, obj{"jti": "1"}, 200},
		{"expired at the edge", "clocks may be a minute off", entra, obj{"exp": at(-60)}, 200},
		{"expired", "one second more", entra, obj{"exp": at(-61)}, 401},
		{"nbf at the edge", "clocks may be a minute off", entra, obj{"nbf": at(60)}, 200},
		{"nbf", "one second more", entra, obj{"nbf": at(61)}, 401},
		{"iat at the edge", "clocks may be a minute off", entra, obj{"iat": at(60)}, 200},
		{"iat", "issued in the future", entra, obj{"iat": at(61)}, 401},
		{"exp with a fraction", "RFC 7519: a NumericDate may have one", entra, obj{"exp": float64(at(30)) + .5}, 200},
		{"no exp", "it is required", entra, obj{"exp": nil}, 401},
		{"exp as text", "it is a number", entra, obj{"exp": fmt.Sprint(at(300))}, 401},
		{"exp null", "it is required", entra, obj{"exp": json.RawMessage("null")}, 401},
		{"exp beyond all", "it overflows", entra, obj{"exp": json.RawMessage("1e300")}, 401},
		{"nbf beyond all", "it must not wrap around", entra, obj{"nbf": json.RawMessage("9223372036854775807")}, 401},
		{"nbf as text", "it is a number", entra, obj{"nbf": "0"}, 401},
		{"another aud", "it is for another application", entra, obj{"aud": "api://another"}, 401},
		{"an aud more", "whom else is it for", entra, obj{"aud": []string{audience, "api://another"}}, 401},
		{"no aud", "for anybody", entra, obj{"aud": nil}, 401},
		{"empty list of aud", "for nobody", entra, obj{"aud": []string{}}, 401},
		{"aud as an object", "it is text", entra, obj{"aud": obj{}}, 401},
		{"aud is our endpoint", "the customer said another", entra, obj{"aud": tokenURL}, 401},
		{"iss of another directory", "its keys may be the same", entra, obj{"iss": "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0"}, 401},
		{"iss of the first version", "tokens of that are none of these", entra, obj{"iss": "https://sts.windows.net/" + directoryID + "/"}, 401},
		{"no iss", "nobody's", entra, obj{"iss": nil}, 401},
		{"iss as a list", "it is text", entra, obj{"iss": []string{"a"}}, 401},
		{"another sub", "another workload of the customer", entra, obj{"sub": "another"}, 401},
		{"no sub", "nobody", entra, obj{"sub": nil}, 401},
		{"sub in other letters", "ids have a case", entra, obj{"sub": strings.ToUpper(subject)}, 401},
		{"another tid", "another directory's", entra, obj{"tid": "another"}, 401},
		{"no tid", "Entra says it", entra, obj{"tid": nil}, 401},
		{"tid as a list", "it is text", entra, obj{"tid": []string{directoryID}}, 401},
		{"ver 1.0", "of the first version", entra, obj{"ver": "1.0"}, 401},
		{"ISS besides", "names have a case", entra, obj{"ISS": "x", "Exp": 0}, 200},

		{"the client's own", "private_key_jwt", ownClaims(), nil, 200},
		{"aud is the issuer", "draft-ietf-oauth-rfc7523bis asks for it", ownClaims(), obj{"aud": issuer}, 200},
		{"own for another", "it would be of use there", ownClaims(), obj{"aud": "https://other.example.com"}, 401},
		{"own for two", "the other one could use it here", ownClaims(), obj{"aud": []string{tokenURL, "https://other.example.com"}}, 401},
		{"own, of an hour", "the most", ownClaims(), obj{"exp": at(3660)}, 200},
		{"own, of more", "one second more", ownClaims(), obj{"exp": at(3661)}, 401},
		{"own without jti", "it could be used twice", ownClaims(), obj{"jti": nil}, 401},
		{"own with an empty jti", "likewise", ownClaims(), obj{"jti": ""}, 401},
		{"own with jti as a number", "it is text", ownClaims(), obj{"jti": 1}, 401},
		{"own with another sub", "a client speaks for itself", ownClaims(), obj{"sub": "another"}, 401},
		{"own with another iss", "likewise", ownClaims(), obj{"iss": "another"}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			token := sign("RS256", rsaKey(), "k1", with(tt.claims, tt.other))
			if tt.name == "used twice" {
				w.assert(token)
			}
			a := w.assert(token)
			if a.status != tt.want {
				t.Errorf("got %d %s, want %d: %s; the log: %s", a.status, a.body, tt.want, tt.reason, w.log)
			}
			if strings.Contains(w.log.String(), token[:40]) {
				t.Error("the assertion is in the log")
			}
			if tt.want == 401 && w.reason() == "" {
				t.Error("the log has no reason")
			}
		})
	}
}

func TestAlgorithms(t *testing.T) {
	w := newWorld(t)
	w.keys.publish(nil, public(rsaKey(), "rsa"), public(ecKey(), "ec"), public(edKey(), "ed"))
	claims := assertionClaims()
	for _, tt := range []struct {
		alg jose.SignatureAlgorithm
		key any
		kid string
	}{
		{"RS256", rsaKey(), "rsa"},
		{"RS384", rsaKey(), "rsa"},
		{"RS512", rsaKey(), "rsa"},
		{"PS256", rsaKey(), "rsa"},
		{"PS512", rsaKey(), "rsa"},
		{"ES256", ecKey(), "ec"},
		{"EdDSA", edKey(), "ed"},
	} {
		if a := w.assert(sign(tt.alg, tt.key, tt.kid, claims)); a.status != 200 {
			t.Errorf("%s: got %d; the log: %s", tt.alg, a.status, w.log)
		}
	}
}

// What a forger may try.
func TestForgedAssertions(t *testing.T) {
	claims := assertionClaims()
	payload := string(must(json.Marshal(claims)))
	der := must(x509.MarshalPKIXPublicKey(&rsaKey().PublicKey))
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	asJWK := must(json.Marshal(public(rsaKey(), "k1")))
	hs256 := func(secret []byte) string {
		token := raw(`{"alg":"HS256","kid":"k1"}`, payload, nil)
		token = strings.TrimSuffix(token, ".")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(token))
		return token + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	good := sign("RS256", rsaKey(), "k1", claims)
	parts := strings.Split(good, ".")
	edited := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(payload, `"ver"`, `"vers"`, 1)))
	forged := jose.JSONWebKey{Key: otherRSA().Public(), KeyID: "k1"}
	full := must(must(must(jose.NewMultiSigner([]jose.SigningKey{
		{Algorithm: "RS256", Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}},
		{Algorithm: "RS256", Key: jose.JSONWebKey{Key: otherRSA(), KeyID: "k1"}},
	}, nil)).Sign([]byte(payload))), error(nil)).FullSerialize()
	encrypted := must(must(must(jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: rsaKey().Public()}, nil)).Encrypt([]byte(payload))).CompactSerialize())

	for _, tt := range []struct{ name, token string }{
		{"alg none", raw(`{"alg":"none"}`, payload, nil)},
		{"alg None", raw(`{"alg":"None","kid":"k1"}`, payload, []byte{})},
		{"no alg", raw(`{"kid":"k1"}`, payload, nil)},
		{"alg twice", raw(`{"alg":"RS256","alg":"none"}`, payload, nil)},
		{"HS256 with the public key as PEM", hs256(asPEM)},
		{"HS256 with the public key as DER", hs256(der)},
		{"HS256 with the public key as JWK", hs256(asJWK)},
		{"HS256 with the modulus", hs256(rsaKey().N.Bytes())},
		{"HS256 with nothing", hs256(nil)},
		{"another's key", sign("RS256", otherRSA(), "k1", claims)},
		{"jwk in the header", sign("RS256", otherRSA(), "k1", claims, obj{"jwk": forged})},
		{"jwk and no kid", sign("RS256", otherRSA(), "", claims, obj{"jwk": forged})},
		{"jku in the header", sign("RS256", otherRSA(), "k1", claims, obj{"jku": "https://evil.example.com/keys"})},
		{"x5u in the header", sign("RS256", otherRSA(), "k1", claims, obj{"x5u": "https://evil.example.com/keys"})},
		{"kid that is a path", sign("RS256", otherRSA(), "../../evil", claims)},
		{"crit", sign("RS256", rsaKey(), "k1", claims, obj{"crit": []string{"exp"}})},
		{"b64 false", raw(`{"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]}`, payload, []byte("x"))},
		{"edited", parts[0] + "." + edited + "." + parts[2]},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"part of the signature", good[:len(good)-10]},
		{"signature with other bits", good[:len(good)-1] + "!"},
		{"padding", good + "=="},
		{"a fourth part", good + ".x"},
		{"one part", "x"},
		{"dots", ".."},
		{"two signatures", full},
		{"JSON", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"space around", " " + good},
		{"line break within", good[:50] + "\n" + good[50:]},
		{"encrypted", encrypted},
		{"huge", raw(`{"alg":"RS256","kid":"`+strings.Repeat("k", 20<<10)+`"}`, payload, nil)},
		{"nested header", raw(`{"alg":"RS256","x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`, payload, nil)},
		{"nested claims", sign("RS256", otherRSA(), "k1", []byte(strings.Repeat("[", 5000)+strings.Repeat("]", 5000)))},
		{"broken claims", sign("RS256", rsaKey(), "k1", []byte(`{"iss":`))},
		{"claims that are a list", sign("RS256", rsaKey(), "k1", []byte(`[]`))},
		{"claims that are null", sign("RS256", rsaKey(), "k1", []byte(`null`))},
		{"a claim twice", sign("RS256", rsaKey(), "k1", []byte(strings.Replace(payload, `{`, `{"aud":"api://another",`, 1)))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if a := w.assert(tt.token); a.status != 401 || a.Error != "invalid_client" {
				t.Errorf("got %d %s, want 401 invalid_client", a.status, a.body)
			}
			for url := range w.keys.fetches {
				if !strings.HasPrefix(url, "https://login.microsoftonline.com/"+directoryID+"/") {
					t.Errorf("%s was fetched", url)
				}
			}
		})
	}
	w := newWorld(t) // so that the others were refused for what they are
	if a := w.assert(good); a.status != 200 {
		t.Errorf("the token that was forged: got %d %s", a.status, w.log)
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", claims, obj{"jwk": forged, "jku": "https://evil.example.com/keys"})); a.status != 200 {
		t.Errorf("keys in the header of a good one are ignored: got %d %s", a.status, w.log)
	}
}

func TestAssertionOfAnotherClient(t *testing.T) {
	w := newWorld(t, func(o *oauth.Options) {
		mine := o.Trust
		o.Trust = func(ctx context.Context, id string) ([]oauth.TrustedIssuer, error) {
			if id == "another" {
				return []oauth.TrustedIssuer{oauth.PrivateKeyJWT("another", "https://another.example.com/jwks")}, nil
			}
			return mine(ctx, id)
		}
	})
	own := sign("RS256", rsaKey(), "k1", ownClaims())
	for _, id := range []string{"another", "nobody"} {
		if a := w.send(post(form("client_id", id, "client_assertion_type", jwtBearer, "client_assertion", own))); a.status != 401 {
			t.Errorf("an assertion of %s as %s's: got %d %s", client, id, a.status, a.body)
		}
	}
	if a := w.send(post(form("client_assertion_type", jwtBearer, "client_assertion", own))); a.status != 200 || !w.opens(t, a.AccessToken) {
		t.Errorf("without client_id the subject is the client (RFC 7521 section 4.2): got %d %s", a.status, a.body)
	}
}

// TestReplay shows R-396.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	claims := ownClaims()
	token := sign("RS256", rsaKey(), "k1", claims)
	if a := w.assert(token); a.status != 200 {
		t.Fatalf("got %d %s", a.status, w.log)
	}
	for range 3 {
		if a := w.assert(token); a.status != 401 || !strings.Contains(w.reason(), "used before") {
			t.Errorf("the same once more: got %d %s", a.status, w.reason())
		}
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", with(claims, obj{"exp": start.Unix() + 200}))); a.status != 401 {
		t.Errorf("the same jti in another: got %d", a.status)
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", ownClaims())); a.status != 200 {
		t.Errorf("another jti: got %d", a.status)
	}
	w.clock.add(300*time.Second + time.Minute)
	if a := w.assert(token); a.status != 401 {
		t.Errorf("at the last moment: got %d", a.status)
	}
	w.clock.add(time.Second)
	if a := w.assert(token); a.status != 401 || !strings.Contains(w.reason(), "expired") {
		t.Errorf("after it has expired: got %d %s", a.status, w.reason())
	}
	if a := w.assert(sign("RS256", rsaKey(), "k1", with(claims, obj{"exp": w.clock.Now().Unix() + 60}))); a.status != 200 {
		t.Errorf("a jti may come again when the first can come no more: got %d %s", a.status, w.reason())
	}
	// A refused assertion does not use its jti up.
	claims = with(ownClaims(), obj{"exp": w.clock.Now().Unix() + 60})
	w.assert(sign("RS256", otherRSA(), "k1", claims))
	if a := w.assert(sign("RS256", rsaKey(), "k1", claims)); a.status != 200 {
		t.Errorf("after a forger used its jti: got %d %s", a.status, w.reason())
	}
}

func TestFirstUse(t *testing.T) {
	var asked []string
	var fails error
	w := newWorld(t, func(o *oauth.Options) {
		o.FirstUse = func(_ context.Context, clientID, jti string, until time.Time) (bool, error) {
			asked = append(asked, fmt.Sprint(clientID, " ", jti, " ", until.Sub(start)))
			return len(asked) == 1, fails
		}
	})
	token := sign("RS256", rsaKey(), "k1", with(ownClaims(), obj{"jti": "7"}))
	if first, second := w.assert(token).status, w.assert(token).status; first != 200 || second != 401 {
		t.Errorf("got %d and %d, want 200 and 401", first, second)
	}
	if want := client + " 7 6m0s"; asked[0] != want {
		t.Errorf("asked %q, want %q", asked[0], want)
	}
	fails = errors.New("database")
	if a := w.assert(token); a.status != 500 || strings.Contains(a.body, "database") {
		t.Errorf("got %d %s, want 500 without its text", a.status, a.body)
	}
}

func TestStaticKeys(t *testing.T) {
	own := func(keys []byte) oauth.TrustedIssuer {
		i := oauth.PrivateKeyJWT(client, "")
		i.Keys = keys
		return i
	}
	private := must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ecKey(), KeyID: "ec"}}}))
	for _, tt := range []struct {
		name, reason string
		issuer       oauth.TrustedIssuer
		token        string
		want         int
	}{
		{"by kid", "RFC 7517", own(keySet(public(edKey(), "ed"), public(ecKey(), "ec"))), sign("ES256", ecKey(), "ec", ownClaims()), 200},
		{"one key, no kid", "there is nothing to choose", own(keySet(public(ecKey(), ""))), sign("ES256", ecKey(), "", ownClaims()), 200},
		{"two keys, no kid", "which one", own(keySet(public(edKey(), "ed"), public(ecKey(), "ec"))), sign("ES256", ecKey(), "", ownClaims()), 401},
		{"unknown kid", "there is no such key", own(keySet(public(ecKey(), "ec"))), sign("ES256", ecKey(), "other", ownClaims()), 401},
		{"private", "whoever sent the private key has the public one used", own(private), sign("ES256", ecKey(), "ec", ownClaims()), 200},
		{"alg of the key", "it is for another", own(keySet(jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k", Algorithm: "PS256"})), sign("RS256", rsaKey(), "k", ownClaims()), 401},
		{"for encryption", "it signs nothing", own(keySet(jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k", Use: "enc"}, public(ecKey(), "ec"))), sign("RS256", rsaKey(), "k", ownClaims()), 401},
		{"unknown kinds besides", "RFC 7517 section 5: they are ignored", own([]byte(`{"keys":[{"kty":"X"},{"kty":"oct","k":"AAAA","kid":"ec"},` + string(must(json.Marshal(public(ecKey(), "ec")))) + `]}`)), sign("ES256", ecKey(), "ec", ownClaims()), 200},
		{"no key", "the application's mistake", own([]byte(`{"keys":[]}`)), sign("ES256", ecKey(), "ec", ownClaims()), 401},
		{"symmetric alone", "likewise", own([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)), sign("ES256", ecKey(), "ec", ownClaims()), 401},
		{"no JSON", "likewise", own([]byte(`<xml>`)), sign("ES256", ecKey(), "ec", ownClaims()), 401},
		{"no keys at all", "likewise", oauth.TrustedIssuer{Name: client, Subject: client}, sign("ES256", ecKey(), "ec", ownClaims()), 401},
		{"no subject", "it would trust whoever is there", oauth.TrustedIssuer{Name: client, KeysURL: "https://client.example.com"}, sign("ES256", ecKey(), "ec", ownClaims()), 401},
		{"http", "who knows whose keys those are", oauth.PrivateKeyJWT(client, "http://client.example.com/jwks"), sign("RS256", rsaKey(), "k1", ownClaims()), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.trusted = []oauth.TrustedIssuer{tt.issuer}
			if a := w.assert(tt.token); a.status != tt.want || w.keys.count() != 0 {
				t.Errorf("got %d and %d fetches, want %d and none: %s; the log: %s", a.status, w.keys.count(), tt.want, tt.reason, w.log)
			}
		})
	}
}

func TestClientThatIsOff(t *testing.T) {
	w := newWorld(t)
	w.clients.off = true
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 401 {
		t.Errorf("an assertion of a client that is switched off: got %d", a.status)
	}
}

func TestTrustFails(t *testing.T) {
	w := newWorld(t, func(o *oauth.Options) {
		o.Trust = func(context.Context, string) ([]oauth.TrustedIssuer, error) {
			return nil, &scim.Error{Kind: scim.ErrUnavailable, Err: errors.New("database")}
		}
	})
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 503 || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "database") {
		t.Errorf("got %d %s, want 503", a.status, a.body)
	}
}

func TestKeysCannotBeHad(t *testing.T) {
	w := newWorld(t)
	w.keys.publish(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if a := w.assert(sign("RS256", rsaKey(), "k1", assertionClaims())); a.status != 401 || !strings.Contains(w.log.String(), "level=ERROR") || !strings.Contains(w.reason(), "500 Internal Server Error") {
		t.Errorf("got %d %s, want 401, since for no other client there are such keys, and the log: %s", a.status, a.body, w.log)
	}
}
