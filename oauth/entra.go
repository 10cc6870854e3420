package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/usherkit/scim"
)

const (
	publicCloud = "https://login.microsoftonline.com"
	publicSTS   = "https://sts.windows.net"

	// SharedAudience is the aud of the tokens that Entra sends to every application
	// that is not of its gallery and has no Secret Token.
	SharedAudience = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
)

// EntraTokens is a scim.TokenValidator for the tokens that Entra issues itself, and
// sends if the field Secret Token is left blank: for tests, says Microsoft. All
// applications outside its gallery share one audience, so a token that Entra made
// for another one's endpoint, or whoever runs that, is as good here: for data that
// matters use a [Server], or name the Apps and Objects whose tokens are taken.
//
// A token is checked as OpenID Connect Core §3.1.3.7 has it, by go-oidc: signature,
// issuer, audience, time, with a clock that may be a minute off. Its methods may be
// called concurrently.
type EntraTokens struct {
	options EntraOptions
}

var _ scim.TokenValidator = (*EntraTokens)(nil)

// EntraOptions are what an EntraTokens needs and what may be changed of it.
// Callers must be given.
type EntraOptions struct {
	// Callers returns who may come from a directory, known by its id, which is not
	// checked yet: nobody if the directory is no customer's. It is called for each
	// request, concurrently, so that whom it leaves out is out at once.
	Callers func(ctx context.Context, directoryID string) ([]EntraCaller, error)

	Audience string // aud; default: SharedAudience

	// Authority and STS are where the keys are and how tokens of the first version
	// name their issuer. Default: those of the public cloud,
	// https://login.microsoftonline.com and https://sts.windows.net.
	Authority, STS string

	KeySets *KeySets         // default: one for this
	Now     func() time.Time // the clock; default: time.Now; called concurrently
}

// An EntraCaller is whose tokens are taken and whom they are for.
type EntraCaller struct {
	Apps    []string // appid, or azp in tokens of the second version, that ask for the token; nil: any
	Objects []string // oid of those that it is issued to; nil: any

	Principal scim.Principal
}

// NewEntraTokens returns an EntraTokens, or what is wrong with its options.
func NewEntraTokens(o EntraOptions) (*EntraTokens, error) {
	if o.Callers == nil {
		return nil, errors.New("oauth: EntraOptions.Callers is missing")
	}
	o.Audience = cmp.Or(o.Audience, SharedAudience)
	o.Authority = strings.TrimSuffix(cmp.Or(o.Authority, publicCloud), "/")
	o.STS = strings.TrimSuffix(cmp.Or(o.STS, publicSTS), "/")
	for _, text := range []string{o.Authority, o.STS} {
		if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("oauth: EntraOptions: %q is no URL of https", text)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.KeySets == nil {
		o.KeySets = NewKeySets(&KeySetOptions{Now: o.Now})
	}
	return &EntraTokens{options: o}, nil
}

// Recognizes reports whether a token has the form of Entra's, which says nothing of
// whether it is one. See [Any].
func (e *EntraTokens) Recognizes(token string) bool { return strings.Count(token, ".") == 2 }

// entraAlgorithms is what Entra signs with.
var entraAlgorithms = []jose.SignatureAlgorithm{jose.RS256}

// ValidateToken implements scim.TokenValidator.
func (e *EntraTokens) ValidateToken(ctx context.Context, token string) (scim.Principal, error) {
	parsed, err := parseSigned(token, entraAlgorithms)
	if err != nil {
		return scim.Principal{}, err
	}
	said, err := parseClaims(parsed.UnsafePayloadWithoutVerification()) // to know whose keys to ask for
	if err != nil {
		return scim.Principal{}, err
	}
	directory, keysURL := e.directory(said.Issuer)
	if directory == "" {
		return scim.Principal{}, refused("its iss %.200q is no directory of Entra", said.Issuer)
	}
	callers, err := e.options.Callers(ctx, directory)
	switch {
	case errors.Is(err, scim.ErrUnauthorized): // its Detail is not for whoever made up the token
		return scim.Principal{}, refused("directory %s: %v", directory, err)
	case err != nil:
		return scim.Principal{}, err
	}
	if len(callers) == 0 {
		return scim.Principal{}, refused("directory %s is no customer's", directory)
	}
	if err := e.verify(ctx, parsed, said, keysURL, token); err != nil {
		return scim.Principal{}, err
	}
	if tid := said.text("tid"); tid != directory {
		return scim.Principal{}, refused("its tid %.200q is another than its issuer's", tid)
	}
	app, object := cmp.Or(said.text("appid"), said.text("azp")), said.text("oid")
	for _, c := range callers {
		if (c.Apps == nil || slices.Contains(c.Apps, app)) && (c.Objects == nil || slices.Contains(c.Objects, object)) {
			return c.Principal, nil
		}
	}
	return scim.Principal{}, refused("appid %.200q with oid %.200q of directory %s may not come", app, object, directory)
}

// directory returns the id of the directory that an issuer is, and where its keys
// are.
func (e *EntraTokens) directory(issuer string) (id, keysURL string) {
	if id, found := strings.CutPrefix(issuer, e.options.STS+"/"); found {
		if id, found = strings.CutSuffix(id, "/"); found && isGUID(id) {
			return id, e.options.Authority + "/" + id + "/discovery/keys"
		}
	}
	if id, found := strings.CutPrefix(issuer, e.options.Authority+"/"); found {
		if id, found = strings.CutSuffix(id, "/v2.0"); found && isGUID(id) {
			return id, e.options.Authority + "/" + id + "/discovery/v2.0/keys"
		}
	}
	return "", ""
}

// isGUID reports whether text is an id of Microsoft's, in the one spelling that
// tokens have.
func isGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// verify checks a token. go-oidc allows none of a clock's error for exp and five
// minutes of it for nbf, so the times are left to inTime.
func (e *EntraTokens) verify(ctx context.Context, parsed *jose.JSONWebSignature, said *claims, keysURL, token string) error {
	if _, err := said.inTime(e.options.Now()); err != nil {
		return err
	}
	keys := &signature{sets: e.options.KeySets, url: keysURL, token: parsed}
	verifier := oidc.NewVerifier(said.Issuer, keys, &oidc.Config{
		ClientID: e.options.Audience, SupportedSigningAlgs: []string{oidc.RS256}, SkipExpiryCheck: true,
	})
	_, err := verifier.Verify(ctx, token)
	switch {
	case keys.err != nil: // go-oidc keeps only its text
		return keys.err
	case err != nil:
		return refused("%v", err)
	}
	return nil
}

// signature is an oidc.KeySet for one token.
type signature struct {
	sets  *KeySets
	url   string
	token *jose.JSONWebSignature
	err   error
}

func (s *signature) VerifySignature(ctx context.Context, _ string) (payload []byte, err error) {
	defer func() { s.err = err }()
	keys, err := s.sets.find(ctx, s.url, s.token.Signatures[0].Header.KeyID)
	if err != nil {
		return nil, err
	}
	return verify(s.token, keys)
}
