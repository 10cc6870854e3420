package tenant

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A masker takes the values out of what is recorded of one request. Of what is left
// a failure can be understood, and the request made again: structure, names, ids
// and words of the protocol stay, and every other value becomes a pseudonym, which
// is the same for the same value wherever the connection sends it.
//
// The pseudonyms are keyed, so that nobody who reads the records can try names on
// them, and differ from connection to connection.
type masker struct {
	key    []byte
	of     Ref
	mac    hash.Hash // made of them when it is needed
	keep   bool      // values stay, but for secrets
	secret string    // the token of the request, which is kept nowhere

	// What was masked, with its mask, and what is known for a name: for the detail.
	// nil: there is none.
	values map[string]string
	names  map[string]bool

	quotable []string // the values that are in the detail, the longest first
	sorted   []string // all values, if the detail has beginnings of some
}

// maskKey is the key of all pseudonyms. It is derived, since a pseudonym must be of
// no use against the hash of a token.
func maskKey(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("tenant: pseudonyms"))
	return mac.Sum(nil)
}

// newMasker returns the masker for a request of a connection.
func newMasker(key []byte, of Ref, keep bool, token string) *masker {
	return &masker{key: key, of: of, keep: keep, secret: token, values: map[string]string{}, names: map[string]bool{}}
}

// A place is where a value stands.
type place struct {
	name, parent string // the names of its attribute and of the one above; lower-case
	secret       bool   // it is in a password or the like
}

// in returns the place of what a name says within another.
func (p place) in(name string) place {
	name = strings.ToLower(name)
	inner := place{name: name, parent: p.name, secret: p.secret || isSecretName(name)}
	if name == "" { // an element
		inner.name, inner.parent = p.name, p.parent
	}
	return inner
}

// at returns the place that a path leads to, such as emails[type eq "work"].value.
func (p place) at(path string) place {
	if head, rest, ok := strings.Cut(path, "["); ok {
		path = head + rest[strings.LastIndexByte(rest, ']')+1:]
	}
	words := wordForm.FindAllString(path, mostWords+1)
	for _, word := range words {
		p = p.in(word)
	}
	p.secret = p.secret || len(words) > mostWords // what follows may be a password's
	return p
}

// mostWords is how many names of a path are followed. No attribute is so deep.
const mostWords = 32

var wordForm = regexp.MustCompile(`[A-Za-z$][A-Za-z0-9_$-]*`)

// isReference reports whether the value is the id of a resource.
func (p place) isReference() bool {
	switch p.name {
	case "id", "members", "manager":
		return true
	case "value":
		return p.parent == "members" || p.parent == "manager" || p.parent == "groups"
	}
	return false
}

// secretNames are parts of the names of attributes whose values are never kept,
// without the marks between their words.
var secretNames = []string{"password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "privatekey"}

func isSecretName(name string) bool {
	name = wordMarks.Replace(strings.ToLower(name))
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var wordMarks = strings.NewReplacer("_", "", "-", "")

// hidden stands for secrets. It is no pseudonym: a password that people think of is
// soon guessed, by who has the key.
const hidden = "********"

// tokenForm is what is never kept, wherever it is: tokens of this package's form,
// whatever their prefix, and JSON Web Tokens, signed or encrypted.
var tokenForm = regexp.MustCompile(`[A-Za-z0-9]{1,20}_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}`)

// scrub takes tokens out of a text.
func (m *masker) scrub(s string) string {
	if len(m.secret) >= 8 { // a shorter one is no secret, and may be a part of any word
		s = strings.ReplaceAll(s, m.secret, hidden)
	}
	if !mayHaveToken(s) {
		return s
	}
	return tokenForm.ReplaceAllString(s, hidden)
}

// mayHaveToken saves the search of most texts.
func mayHaveToken(s string) bool {
	return strings.Contains(s, "eyJ") || len(s) > tailLength && strings.Count(s, "_") >= 3
}

// text masks the value of a string.
func (m *masker) text(s string, at place) string {
	switch {
	case at.secret && s != "":
		return hidden
	case m.keep:
		if inner, ok := m.inner(s, at); ok {
			return inner
		}
		return m.scrub(s)
	}
	masked := m.masked(s, at)
	if masked != s && m.values != nil {
		m.values[s] = masked
		if name, domain, ok := strings.Cut(s, "@"); ok { // an application may speak of one of them
			m.note(name)
			m.note(domain)
		}
	}
	return masked
}

func (m *masker) note(s string) {
	if _, there := m.values[s]; !there && m.values != nil {
		m.values[s] = m.masked(s, place{})
	}
}

func (m *masker) masked(s string, at place) string {
	switch {
	case strings.TrimSpace(s) == "", canonical[strings.ToLower(s)], isUUID(s), at.isReference() && isID(s):
		return s
	case schemaForm.MatchString(s):
		return s
	case isNumber(s):
		return m.number(s)
	}
	if isTime(s) {
		const some = 1_000_000_000 // seconds: 31 years from 2000 on
		return time.Unix(946_684_800+int64(m.sum(s)%some), 0).UTC().Format(time.RFC3339)
	}
	if inner, ok := m.inner(s, at); ok {
		return inner
	}
	if id, ok := strings.CutPrefix(s, "bulkId:"); ok && id != "" {
		if strings.HasPrefix(id, "bulkId:") { // it refers to nothing
			return "bulkId:" + m.pseudonym(id, 0)
		}
		return "bulkId:" + m.masked(id, place{})
	}
	if strings.Contains(s, "://") {
		if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			return m.address(u, s)
		}
	}
	if strings.Contains(s, "@") {
		return m.pseudonym(s, len("@masked.invalid")) + "@masked.invalid"
	}
	return m.pseudonym(s, 0)
}

// isTime reports whether a text is a time. Most have not its form, and to be told why
// takes time.
func isTime(s string) bool {
	if len(s) <= 4 || s[4] != '-' {
		return false
	}
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && t.Year() > 0
}

// inner masks JSON in a string, as Entra's roles are.
func (m *masker) inner(s string, at place) (string, bool) {
	if s == "" || s[0] != '{' && s[0] != '[' || !json.Valid([]byte(s)) {
		return "", false
	}
	inner, ok := m.json([]byte(s), shape{place: at}, false)
	return string(inner), ok
}

// schemaForm is of the schemas and messages of RFC 7643 and RFC 7644: others may have a name in them.
var schemaForm = regexp.MustCompile(`^(?i:urn:ietf:params:scim:(?:schemas:(?:core|extension:enterprise)|api:messages):2\.0:(?:User|Group|ServiceProviderConfig|ResourceType|Schema|PatchOp|ListResponse|SearchRequest|BulkRequest|BulkResponse|Error))$`)

// address masks a URL, but for the type and id of a resource that it ends in.
func (m *masker) address(u *url.URL, s string) string {
	masked := u.Scheme + "://" + strings.ToLower(m.pseudonym(s, 0)) + ".invalid"
	if segments := strings.Split(u.EscapedPath(), "/"); len(segments) > 2 {
		if typ, id := segments[len(segments)-2], segments[len(segments)-1]; isName(typ) && isUUID(id) {
			masked += "/" + typ + "/" + id
		}
	}
	return masked
}

// canonical are values that say nothing of anybody: RFC 7643's canonical values,
// and the words of protocol and dialects.
var canonical = func() map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields("true false work home other mobile fax pager aim gtalk icq xmpp msn skype qq yahoo photo thumbnail direct indirect user group ascending descending add remove replace post put patch delete") {
		all[word] = true
	}
	return all
}()

const (
	maskHead    = "masked"
	maskLetters = "bcdfghjklmnpqrstvwxz" // which spell nothing
	maskLength  = 20                     // of a pseudonym: a multiple of four, so that it is base64 where the value is
)

// isMask finds pseudonyms.
var isMask = regexp.MustCompile(`(?i)masked\.?[` + maskLetters + `]{14}`)

// pseudonym is made of the value without its case, and only the case of its letters
// of the whole, so that pseudonyms are equal but for their case where the values
// are. It is as long as a long value is, with what is to follow it, and keeps what
// makes a text invalid.
func (m *masker) pseudonym(s string, follow int) string {
	lower := strings.ToLower(s)
	out := append(make([]byte, 0, maskLength+1), maskHead...)
	full := maskLength
	if !isBase64(s) {
		out = append(out, '.')
		full++
	}
	for v := m.sum(lower); len(out) < full; v /= uint64(len(maskLetters)) {
		out = append(out, maskLetters[v%uint64(len(maskLetters))])
	}
	if lower != s {
		for i, v := 0, m.sum("\x00"+s)|1; i < len(out); i, v = i+1, v>>1 {
			if v&1 == 1 && out[i] != '.' {
				out[i] -= 'a' - 'A'
			}
		}
	}
	const long = 64
	for len(s) > long && len(out)+follow < len(s) {
		out = append(out, 'x')
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// isBase64 reports whether a value may be binary (RFC 7643 §2.3.6).
func isBase64(s string) bool {
	s = strings.TrimRight(s, "=")
	return len(s)%4 != 1 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") == ""
}

func (m *masker) sum(s string) uint64 {
	if m.mac == nil {
		mac := hmac.New(sha256.New, m.key)
		mac.Write([]byte(m.of.Tenant + "\x00" + m.of.ID))
		m.mac = hmac.New(sha256.New, mac.Sum(nil))
	}
	m.mac.Reset()
	m.mac.Write([]byte(s))
	var sum [sha256.Size]byte
	return binary.BigEndian.Uint64(m.mac.Sum(sum[:0]))
}

// number masks a number: sign, point, an exponent of up to three digits and how many
// digits it has stay, and one with a single digit, which is a count or a switch.
func (m *masker) number(s string) string {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	digits := strings.Trim(mantissa, "-")
	if power := strings.TrimLeft(exponent, "+-"); len(power) > 3 { // any number may be written so
		exponent = exponent[:len(exponent)-len(power)] + m.number(power)
	} else if len(digits) < 2 {
		return s
	}
	out := []byte(mantissa)
	whole := m.sum(s)
	v, left := whole, 16
	for i, b := range out {
		if b < '0' || b > '9' || b == '0' && (i+1 == len(out) || out[i+1] == '.') && i == len(mantissa)-len(digits) {
			continue // no digit, or the zero before a point
		}
		out[i] = byte('1' + v%9)
		if v, left = v/9, left-1; left == 0 {
			v, left = m.sum(fmt.Sprintf("%d\x00%d", i, whole)), 16
		}
	}
	if scientific {
		return string(out) + "e" + exponent
	}
	return string(out)
}

func isNumber(s string) bool {
	c := s[len(s)-1]
	return c >= '0' && c <= '9' && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}

// isUUID reports whether a text has the form of a UUID, which names a resource or an
// object of a directory to those who can ask for it, and to nobody else.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isID reports whether a text is more likely the id of a resource than a name that
// was sent for one: it has a digit.
func isID(s string) bool {
	return len(s) <= 64 && strings.ContainsAny(s, "0123456789") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// isName reports whether a text may be the name of an attribute, a schema or an
// endpoint.
func isName(s string) bool {
	if s == "" || len(s) > 200 || mayHaveToken(s) && tokenForm.MatchString(s) {
		return false
	}
	isURN := len(s) > 4 && strings.EqualFold(s[:4], "urn:")
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '$':
		case c >= '0' && c <= '9', c == '_', c == '-':
			if i == 0 {
				return false
			}
		case c == ':', c == '.':
			if !isURN {
				return false
			}
		default:
			return false
		}
	}
	return true
}
