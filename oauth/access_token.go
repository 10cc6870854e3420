package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/usherkit/scim"
)

const (
	grantType = "client_credentials"
	scope     = "scim"

	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	claimScope      = "scope"
	claimClient     = "client_id"
	claimRevoked    = "revocations"
)

// A minter makes the text of access tokens and reads it.
type minter interface {
	mint(*accessToken) (string, error)

	// read returns the claims of a token that this one made, and an error of kind
	// ErrUnauthorized if it is none.
	read(token string) (*claims, error)

	// dots is how many a token has.
	dots() int
}

// accessToken is what one says. Of its client it says only the id: what the client
// may do is asked when the token comes.
type accessToken struct {
	jwt.Claims
	Client      string `json:"client_id"`
	Scope       string `json:"scope"`
	Revocations int    `json:"revocations,omitzero"` // of the client, when its credentials were looked at
}

func newMinter(o *Options) (minter, []jose.JSONWebKey, error) {
	switch {
	case (len(o.Keys) == 0) == (len(o.SigningKeys) == 0):
		return nil, nil, errors.New("oauth: Options needs Keys or SigningKeys, and not both")
	case len(o.Keys)+len(o.SigningKeys) > mostOwnKeys:
		return nil, nil, fmt.Errorf("oauth: Options has more than %d keys", mostOwnKeys)
	case len(o.Keys) > 0:
		m, err := newSealer(o.Keys)
		return m, nil, err
	}
	return newSigner(o.SigningKeys)
}

// A sealer encrypts tokens, so that they are opaque to all others: JWE with the
// key itself (RFC 7518 §4.5) and AES-GCM.
type sealer struct {
	keys [][]byte
	with jose.Encrypter
}

func newSealer(keys [][]byte) (*sealer, error) {
	s := new(sealer)
	for _, key := range keys {
		if len(key) != 32 {
			return nil, errors.New("oauth: each of Options.Keys is 32 random bytes")
		}
		s.keys = append(s.keys, append([]byte(nil), key...))
	}
	var err error
	s.with, err = jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: s.keys[0]},
		(&jose.EncrypterOptions{}).WithType(typeAccessToken))
	return s, err
}

func (s *sealer) dots() int { return 4 }

func (s *sealer) mint(t *accessToken) (string, error) {
	return jwt.Encrypted(s.with).Claims(t).Serialize()
}

func (s *sealer) read(token string) (*claims, error) {
	parsed, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, refused("it is no access token: %v", err)
	}
	header := parsed.Header.ExtraHeaders
	_, key, _ := strings.Cut(token, ".")
	if header[jose.HeaderType] != typeAccessToken || header["zip"] != nil || key[0] != '.' { // dir has no encrypted key
		return nil, refused("it is an encrypted JWT of others")
	}
	for _, key := range s.keys {
		if payload, err := parsed.Decrypt(key); err == nil {
			return parseClaims(payload)
		}
	}
	return nil, refused("it is encrypted with another key")
}

// A signer signs tokens (RFC 9068).
type signer struct {
	with       jose.Signer
	public     []jose.JSONWebKey
	algorithms []jose.SignatureAlgorithm
}

func newSigner(keys []crypto.Signer) (*signer, []jose.JSONWebKey, error) {
	s := new(signer)
	for i, key := range keys {
		alg, err := algorithmOf(key)
		if err != nil {
			return nil, nil, err
		}
		public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(alg), Use: "sig"}
		print, err := public.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, nil, fmt.Errorf("oauth: Options.SigningKeys: %w", err)
		}
		public.KeyID = base64.RawURLEncoding.EncodeToString(print)
		s.public, s.algorithms = append(s.public, public), append(s.algorithms, alg)
		if i > 0 {
			continue
		}
		private := jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: public.KeyID}}
		if s.with, err = jose.NewSigner(private, (&jose.SignerOptions{}).WithType(typeAccessToken)); err != nil {
			return nil, nil, fmt.Errorf("oauth: Options.SigningKeys: %w", err)
		}
	}
	return s, s.public, nil
}

func algorithmOf(key crypto.Signer) (jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	}
	return "", errors.New("oauth: each of Options.SigningKeys is an ed25519.PrivateKey or an *ecdsa.PrivateKey of P-256")
}

func (s *signer) dots() int { return 2 }

func (s *signer) mint(t *accessToken) (string, error) {
	return jwt.Signed(s.with).Claims(t).Serialize()
}

func (s *signer) read(token string) (*claims, error) {
	parsed, err := parseSigned(token, s.algorithms)
	if err != nil {
		return nil, err
	}
	header := parsed.Signatures[0].Header
	if header.ExtraHeaders[jose.HeaderType] != typeAccessToken {
		return nil, refused("it is a JWT, and no access token")
	}
	keys := keysFor(s.public, header.KeyID)
	if len(keys) == 0 {
		return nil, refused("it is signed with another key")
	}
	payload, err := verify(parsed, keys)
	if err != nil {
		return nil, err
	}
	return parseClaims(payload)
}

// issue makes an access token of a client.
func (s *Server) issue(of client) (string, error) {
	now := s.options.Now()
	return s.tokens.mint(&accessToken{
		Claims: jwt.Claims{
			Issuer: s.options.Issuer, Subject: of.id, Audience: jwt.Audience{s.options.Audience}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(s.options.Lifetime)),
		},
		Client: of.id, Scope: scope, Revocations: of.revocations,
	})
}

// Recognizes reports whether a token has the form of the Server's access tokens,
// which says nothing of whether it is one. See [Any].
func (s *Server) Recognizes(token string) bool { return strings.Count(token, ".") == s.tokens.dots() }

// ValidateToken implements scim.TokenValidator: the token is one of the Server's,
// has not expired, and its client may still come.
func (s *Server) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	g, err := s.readToken(token)
	if err != nil {
		return scim.Principal{}, err
	}
	p, err := s.options.Principals.Principal(ctx, g.client)
	if r, ok := s.options.Principals.(Revoker); ok && err == nil {
		err = s.stands(ctx, r, token, g)
	}
	return p, err // with an error, whose it was
}

// stands reports whether nothing was revoked since a token was issued. A token that
// counts more than is known is of a moment ago, or of a state that was lost when a
// backup was restored: the Revoker tells it anew. That is asked once: a token that is
// void stays so, even when the count of a restored backup comes to that of the token.
func (s *Server) stands(ctx context.Context, r Revoker, token string, g grant) error {
	if !g.void {
		ended, err := r.Revocations(ctx, g.client, false)
		if err == nil && g.revocations > ended {
			ended, err = r.Revocations(ctx, g.client, true)
		}
		if err != nil || g.revocations == ended {
			return err
		}
		g.void = true
		s.grants.put(token, g, s.options.Now())
	}
	return refused("what it was issued for has been revoked since, or a backup was restored")
}

// readToken reads a token of the Server's that is valid now.
func (s *Server) readToken(token string) (grant, error) {
	now := s.options.Now()
	if g, found := s.grants.get(token, now); found {
		return g, nil
	}
	if !s.Recognizes(token) {
		return grant{}, refused("it has not the form of an access token")
	}
	if err := checkForm(token); err != nil {
		return grant{}, err
	}
	said, err := s.tokens.read(token)
	if err != nil {
		return grant{}, err
	}
	switch {
	case said.Issuer != s.options.Issuer || !said.Audience.Contains(s.options.Audience):
		return grant{}, refused("it is an access token of %q for %q", said.Issuer, said.Audience)
	case said.text(claimScope) != scope || said.text(claimClient) != said.Subject || said.Subject == "":
		return grant{}, refused("it is an access token for something else")
	case said.Expiry == nil || said.IssuedAt == nil || !now.Before(said.Expiry.Time()):
		return grant{}, refused("it has expired")
	case said.IssuedAt.Time().After(now.Add(skew)):
		return grant{}, refused("it was issued at a time that is yet to come")
	}
	g := grant{client: said.Subject, revocations: said.number(claimRevoked), issued: said.IssuedAt.Time(), expires: said.Expiry.Time()}
	s.grants.put(token, g, now)
	return g, nil
}
