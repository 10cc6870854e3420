package tenant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"hash/crc32"
	"math/big"
	"strings"
	"sync"
	"time"
)

// A Token is what a Store knows of one: not the secret itself.
type Token struct {
	ID         string // the part of it that is no secret
	Connection Ref
	Hash       []byte // the HMAC of the whole
	Label      string // for people
	CreatedBy  string // for people: which admin

	Created  time.Time
	Ends     time.Time // when it expires, or was or will be replaced; zero: never
	Revoked  bool      // it has ended, whatever a clock says
	LastUsed time.Time // to the minute
}

// Live reports whether the token is accepted at a time.
func (t *Token) Live(at time.Time) bool {
	return !t.Revoked && (t.Ends.IsZero() || at.Before(t.Ends))
}

// TokenOptions says what a token is to be.
type TokenOptions struct {
	Label     string
	CreatedBy string

	// Expires is when it ends by itself; zero: never. Entra quarantines a job whose
	// token has expired: rotate it before.
	Expires time.Time
}

// The parts of a token, prefix_id_secret_checksum, in base 62, which survives a
// double click, a URL and a line break at a hyphen.
const (
	defaultPrefix = "usher"

	idLength     = 12 // 71 bits: no two tokens of an installation have the same
	secretLength = 43 // 256 bits
	sumLength    = 6  // CRC-32
	tailLength   = 1 + idLength + 1 + secretLength + 1 + sumLength
)

// TokenPattern is a regular expression that finds the tokens with the prefix
// usher in any text; with another one in its place, those that have that. What it
// finds is a token only if its checksum is right, as [TokenID] reports.
const TokenPattern = `\busher_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b`

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newSecret makes a token and returns it with its id.
func newSecret(prefix string) (secret, id string) {
	id = randomText(idLength)
	head := prefix + "_" + id + "_" + randomText(secretLength)
	return head + "_" + sumOf(head), id
}

// randomText is so many random digits, each of them as likely as any other.
func randomText(n int) string {
	most := new(big.Int).Exp(big.NewInt(int64(len(digits))), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand fails for nobody who is still there
	}
	return inDigits(v, n)
}

func sumOf(head string) string {
	return inDigits(big.NewInt(int64(crc32.ChecksumIEEE([]byte(head)))), sumLength)
}

func inDigits(v *big.Int, n int) string {
	text := make([]byte, n)
	base, rest := big.NewInt(int64(len(digits))), new(big.Int)
	for i := n - 1; i >= 0; i-- {
		v.DivMod(v, base, rest)
		text[i] = digits[rest.Int64()]
	}
	return string(text)
}

// TokenID returns the id of a token, whatever its prefix: what a support team may
// be told, and finds in the list of the connection's tokens. It reports whether the
// text is whole: its checksum is right. That says nothing of whether the token is
// anybody's.
func TokenID(token string) (id string, ok bool) {
	prefix, ok := prefixOf(token)
	if !ok {
		return "", false
	}
	return parseToken(prefix, token)
}

func prefixOf(token string) (string, bool) {
	if n := len(token) - tailLength; n > 0 {
		return token[:n], true
	}
	return "", false
}

// parseToken returns the id of a token with a prefix.
func parseToken(prefix, token string) (id string, ok bool) {
	if len(token) != len(prefix)+tailLength || token[:len(prefix)] != prefix {
		return "", false
	}
	rest := token[len(prefix):]
	id, secret, sum := rest[1:1+idLength], rest[idLength+2:idLength+2+secretLength], rest[tailLength-sumLength:]
	if rest[0] != '_' || rest[1+idLength] != '_' || rest[idLength+2+secretLength] != '_' {
		return "", false
	}
	for _, part := range [...]string{id, secret, sum} {
		for i := range len(part) {
			if c := part[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
				return "", false
			}
		}
	}
	return id, rightSum(token[:len(token)-sumLength-1], sum)
}

// rightSum compares a checksum without making its text.
func rightSum(head, sum string) bool {
	v := crc32.Update(0, crc32.IEEETable, []byte(head))
	for i := sumLength - 1; i >= 0; i-- {
		if sum[i] != digits[v%uint32(len(digits))] {
			return false
		}
		v /= uint32(len(digits))
	}
	return v == 0
}

// A hasher makes the hashes that are stored of tokens: a HMAC, after what tells of
// which key it is. So a token that was hashed with a key that this process does not
// have is not taken for a wrong one.
type hasher struct {
	states sync.Pool
	id     [keyIDLength]byte
}

const (
	keyIDLength = 4
	hashLength  = keyIDLength + sha256.Size
)

// hashing is the HMAC of one token at a time, without memory of its own for each.
type hashing struct {
	mac       hash.Hash
	text, sum []byte
}

func newHasher(key []byte) *hasher {
	h := new(hasher)
	h.states.New = func() any { return &hashing{mac: hmac.New(sha256.New, key)} }
	h.with("the key's id", func(sum []byte) bool { copy(h.id[:], sum); return true }) // no token has spaces
	return h
}

// with calls a function with the HMAC of a token, which is its own until it returns.
func (h *hasher) with(token string, fn func(sum []byte) bool) bool {
	s := h.states.Get().(*hashing)
	defer h.states.Put(s)
	s.mac.Reset()
	s.text = append(s.text[:0], token...)
	s.mac.Write(s.text)
	clear(s.text)
	s.sum = s.mac.Sum(s.sum[:0])
	return fn(s.sum)
}

// hash returns what is stored of a token.
func (h *hasher) hash(token string) (hash [hashLength]byte) {
	copy(hash[:], h.id[:])
	h.with(token, func(sum []byte) bool { copy(hash[keyIDLength:], sum); return true })
	return hash
}

// made reports whether a hash was made with the hasher's key.
func (h *hasher) made(hash *[hashLength]byte) bool { return [keyIDLength]byte(hash[:]) == h.id }

// is reports whether a hash, which it made, is of a token, in a time that does not
// depend on where they differ.
func (h *hasher) is(token string, want *[hashLength]byte) bool {
	return h.with(token, func(sum []byte) bool { return subtle.ConstantTimeCompare(sum, want[keyIDLength:]) == 1 })
}

// checkPrefix reports whether a prefix can be a token's.
func checkPrefix(prefix string) error {
	if len(prefix) == 0 || len(prefix) > 20 || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return invalid("Options.Prefix %.40q: want 1 to 20 lower-case letters and digits", prefix)
	}
	return nil
}
