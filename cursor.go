package scim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// A cursor (RFC 9865) names the place where each share of a plan goes on, sealed
// with Options.CursorKey so that it can be neither read, for it may hold a
// value of an attribute, nor forged, nor used for another query or tenant.
// Nothing is kept of it: any Handler with the key can open it, at any time.
type cursor struct {
	Count int      // as asked for at first
	At    []resume // one for each share
}

// resume is where a share goes on: at the beginning, after a place, or not at
// all. The place is bytes, for what a Store chooses need not be UTF-8.
type resume struct {
	Key, At []byte `json:",omitempty"`
	Done    bool   `json:",omitempty"`
}

// cursorText is strict: one cursor has one spelling.
var cursorText = base64.RawURLEncoding.Strict()

// newSeal makes the cipher of cursors. The nonces are taken from what is
// sealed, with the second key: equal cursors look equal, and no two others
// share a nonce but by chance.
func newSeal(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derive(key, "cursor"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func derive(key []byte, what string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(what))
	return mac.Sum(nil)
}

// sealCursor returns the cursor of the page after; empty if there is none.
func (h *Handler) sealCursor(q *plan) (string, error) {
	c := cursor{Count: q.count}
	last := true
	for i := range q.shares {
		p := &q.shares[i]
		c.At = append(c.At, resume{[]byte(p.query.After.Key), []byte(p.query.After.At), p.done})
		last = last && p.done
	}
	if last || q.limit == 0 {
		return "", nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	nonce := derive(h.options.CursorKey, "nonce"+string(text)+string(q.binding))[:h.seal.NonceSize()]
	return cursorText.EncodeToString(h.seal.Seal(nonce, nonce, text, q.binding)), nil
}

// pathOf returns the path of an endpoint's URL: what proxies in front of one
// endpoint agree on, and endpoints that share a key differ in.
func pathOf(base []byte) []byte {
	_, rest, _ := bytes.Cut(base, []byte("://"))
	return rest[max(bytes.IndexByte(rest, '/'), 0):]
}

// openCursor puts the shares of the plan where the cursor says. One message
// serves for all that can be wrong with a cursor: it tells nothing about
// others' (RFC 9865 §5.2).
func (h *Handler) openCursor(sealed string, q *plan) error {
	if sealed == "" {
		return nil
	}
	invalid := Errorf(ErrInvalidCursor, "the cursor is not valid for this query: begin again without it")
	raw, err := cursorText.DecodeString(sealed)
	n := h.seal.NonceSize()
	if err != nil || len(raw) < n || strings.ContainsAny(sealed, "\r\n") { // which the decoder skips
		return invalid
	}
	text, err := h.seal.Open(nil, raw[:n], raw[n:], q.binding)
	if err != nil {
		return invalid
	}
	var c cursor
	if err := json.Unmarshal(text, &c); err != nil || len(c.At) != len(q.shares) {
		return invalid // sealed by another version
	}
	if q.count != c.Count {
		return Errorf(ErrInvalidCount, "count must be the one that the first page was asked for with")
	}
	for i := range q.shares {
		p := &q.shares[i]
		p.query.After, p.done = Place{string(c.At[i].Key), string(c.At[i].At)}, c.At[i].Done
	}
	return nil
}
