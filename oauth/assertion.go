package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
)

// A TrustedIssuer signs assertions (RFC 7523) in the name of a client, which takes them
// for a secret: the client itself (see [PrivateKeyJWT]), or an identity provider
// that knows it (see [Entra]). All that is said of it must hold.
type TrustedIssuer struct {
	Name     string            // iss
	Subject  string            // sub
	Audience []string          // aud is one of these, and nothing besides; default: the Server's issuer and token endpoint
	Claims   map[string]string // other claims, such as tid, that must have these values

	// KeysURL is where its key set is, of https. Or Keys is the set itself, as
	// JSON: RFC 7517 §5.
	KeysURL string
	Keys    []byte

	// MaxLifetime is how far away an assertion's exp may be. Default: an hour.
	MaxLifetime time.Duration

	// Once takes each assertion once, by its jti, which it must have.
	Once bool
}

// PrivateKeyJWT returns the TrustedIssuer of a client that signs its assertions itself: iss
// and sub are its id, aud is the Server's issuer or its token endpoint, and each is
// of use once. This is private_key_jwt of OpenID Connect, and what the IPSIE profile
// of SCIM asks for.
func PrivateKeyJWT(clientID, keysURL string) TrustedIssuer {
	return TrustedIssuer{Name: clientID, Subject: clientID, KeysURL: keysURL, Once: true}
}

// longestEntra is how long the tokens are valid that Entra issues: an hour and some
// minutes, and up to 28 hours if it evaluates access continuously.
const longestEntra = 29 * time.Hour

// Entra returns the TrustedIssuer of Microsoft Entra's workload identity federation, of
// the values that the customer's admin copies from the Connectivity page there: the
// directory's id, the audience and the subject. The page shows the audience
// with /.default at its end, and tokens have it without: both will do.
func Entra(directoryID, audience, subject string) TrustedIssuer {
	directoryID = strings.ToLower(directoryID)
	audience = strings.TrimSuffix(audience, "/.default")
	base := publicCloud + "/" + directoryID
	return TrustedIssuer{
		Name: base + "/v2.0", Subject: subject, Audience: []string{audience, audience + "/.default"},
		Claims:  map[string]string{"tid": directoryID, "ver": "2.0"},
		KeysURL: base + "/discovery/v2.0/keys", MaxLifetime: longestEntra,
	}
}

// check reports whether the application said enough to trust somebody.
func (i *TrustedIssuer) check() error {
	switch {
	case i.Name == "" || i.Subject == "":
		return errors.New("oauth: an Issuer needs a Name and a Subject")
	case (i.KeysURL == "") == (len(i.Keys) == 0):
		return errors.New("oauth: an Issuer needs a KeysURL or Keys, and not both")
	}
	return nil
}

// assertion checks the assertion of a client and returns the client's id, which is
// the assertion's subject if the request did not say. Until its signature is checked
// a stranger may have made it, so whatever is wrong with it or its client is
// invalidClient, and for the log alone: a client that there is has keys that may not
// be had, and others have none.
func (s *Server) assertion(ctx context.Context, clientID, token string) (of client, err error) {
	of.id = clientID
	parsed, err := parseSigned(token, algorithms)
	if err != nil {
		return of, err
	}
	said, err := parseClaims(parsed.UnsafePayloadWithoutVerification()) // to know whom to ask
	if err != nil {
		return of, err
	}
	if of.id == "" {
		of.id = said.Subject
	}
	if err := checkClientID(of.id); err != nil {
		return client{}, err
	}
	var issuers []TrustedIssuer
	if of.revocations, err = s.revocations(ctx, of.id); err == nil { // before it is known whom the client trusts: that may end meanwhile
		issuers, err = s.options.Trust(ctx, of.id)
	}
	switch {
	case errors.Is(err, scim.ErrUnauthorized):
		return of, invalidClient(err)
	case err != nil:
		return of, err // it is so for all clients
	}
	err = refused("the client trusts nobody called %.200q", said.Issuer)
	for _, i := range issuers {
		if bad := i.check(); bad != nil {
			return of, invalidClient(bad)
		}
		if i.Name != said.Issuer {
			continue
		}
		// What it says is compared before its keys are fetched: a stranger's token
		// is not worth that.
		var until time.Time
		if until, err = s.holds(&i, said); err != nil {
			continue
		}
		if err = s.signed(ctx, &i, parsed); err != nil {
			continue
		}
		if i.Once {
			return of, s.once(ctx, of.id, said.ID, until)
		}
		return of, nil
	}
	return of, invalidClient(err)
}

// holds reports whether what an assertion says is what its issuer is trusted to say.
func (s *Server) holds(i *TrustedIssuer, said *claims) (until time.Time, err error) {
	audience := i.Audience
	if len(audience) == 0 {
		audience = []string{s.options.Issuer, s.options.TokenURL}
	}
	switch {
	case said.Subject != i.Subject:
		return until, refused("its sub %.200q is another than the client's %q", said.Subject, i.Subject)
	case len(said.Audience) != 1 || !slices.Contains(audience, said.Audience[0]):
		return until, refused("its aud %.200q is none of %q", said.Audience, audience)
	}
	for name, want := range i.Claims {
		if got := said.text(name); got != want {
			return until, refused("its %s %.200q is not %q", name, got, want)
		}
	}
	now := s.options.Now()
	if until, err = said.inTime(now); err != nil {
		return until, err
	}
	longest := i.MaxLifetime
	if longest == 0 {
		longest = time.Hour
	}
	if said.Expiry.Time().After(now.Add(longest + skew)) {
		return until, refused("its exp is more than %s away", longest)
	}
	if i.Once && said.ID == "" {
		return until, refused("it has no jti")
	}
	return until, nil
}

// signed reports whether an issuer's key signed a token.
func (s *Server) signed(ctx context.Context, i *TrustedIssuer, token *jose.JSONWebSignature) error {
	kid := token.Signatures[0].Header.KeyID
	if i.KeysURL != "" {
		keys, err := s.options.KeySets.find(ctx, i.KeysURL, kid)
		if err == nil {
			_, err = verify(token, keys)
		}
		return err
	}
	keys, err := parseKeys(i.Keys)
	if err != nil {
		return fmt.Errorf("oauth: Issuer.Keys: %w", err)
	}
	if keys = keysFor(keys, kid); len(keys) == 0 {
		return refused("it is signed with a key that is none of the client's")
	}
	_, err = verify(token, keys)
	return err
}

// once reports whether an assertion is used for the first time.
func (s *Server) once(ctx context.Context, clientID, jti string, until time.Time) error {
	first, err := s.options.FirstUse(ctx, clientID, jti, until)
	if err == nil && !first {
		err = refused("it was used before")
	}
	return err
}
