package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that others may sign with: asymmetric ones, so that no public
// key can be taken for a shared secret, and never none.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

const (
	mostKeys    = 100       // in a set
	shortestRSA = 2048      // bits
	longestRSA  = 4096      // each bit more makes the check of a signature longer
	largestRSA  = 1<<16 + 1 // the exponent: so does that, and all have this one or less
	mostOfOneID = 4         // keys that a signature is tried with
)

// parseKeys reads a key set (RFC 7517 §5). Keys that cannot check a signature are
// left out: of kinds that are not known, symmetric, for encryption, too weak.
func parseKeys(set []byte) ([]jose.JSONWebKey, error) {
	var parsed struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &parsed); err != nil {
		return nil, fmt.Errorf("read a key set: %w", err)
	}
	if len(parsed.Keys) > mostKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", mostKeys)
	}
	var keys []jose.JSONWebKey
	for _, one := range parsed.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(one); err != nil {
			continue
		}
		key = key.Public() // whoever published a private key has the public one used
		if verifies(key) {
			keys = append(keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that signatures can be checked with")
	}
	return keys, nil
}

func verifies(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= shortestRSA && public.N.BitLen() <= longestRSA && public.E <= largestRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// keysFor returns those of the keys that have the id. A token without one may be
// signed with the key of a set that has no other.
func keysFor(keys []jose.JSONWebKey, kid string) (found []jose.JSONWebKey) {
	if kid == "" && len(keys) == 1 {
		return keys
	}
	for _, key := range keys {
		if kid != "" && key.KeyID == kid {
			found = append(found, key)
		}
	}
	return found
}

// verify returns what a token says, if one of the keys signed it. Of a token's
// header only alg and kid count, never a key or where to find one.
func verify(token *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	alg := token.Signatures[0].Header.Algorithm
	tried := 0
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != alg {
			continue
		}
		if tried++; tried > mostOfOneID {
			return nil, refused("the first %d of its issuer's keys with its kid did not sign it", mostOfOneID)
		}
		if payload, err := token.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, refused("its signature is wrong")
}

// longestToken is the length of a JWT that is read, in bytes. Entra's are of some
// two thousand.
const longestToken = 16 << 10

// checkForm refuses what cannot be a JWT. Decoders of base64 skip line breaks, and
// bits that are left over at the end, so that a token would have many spellings.
func checkForm(token string) error {
	switch {
	case len(token) > longestToken:
		return refused("it is longer than %d bytes", longestToken)
	case strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return refused("it has characters that no JWT has")
	}
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return refused("it is no JWT: %v", err)
		}
	}
	return nil
}

// parseSigned reads a signed JWT of an algorithm, without believing it.
func parseSigned(token string, of []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	parsed, err := jose.ParseSignedCompact(token, of)
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, refused("it is no signed JWT: %v", err)
	}
	return parsed, nil
}
