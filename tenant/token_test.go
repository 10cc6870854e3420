package tenant

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestTokenForm shows R-323.
func TestTokenForm(t *testing.T) {
	whole := regexp.MustCompile(TokenPattern)
	ids, secrets := map[string]bool{}, map[string]bool{}
	for range 1000 {
		secret, id := newSecret("usher")
		if !whole.MatchString("SCIM_TOKEN=" + secret + "\n") {
			t.Fatalf("the pattern does not find %s", secret)
		}
		if got, ok := TokenID(secret); !ok || got != id {
			t.Fatalf("TokenID of %s: got %q, %t; want %q", secret, got, ok, id)
		}
		ids[id], secrets[strings.Split(secret, "_")[2]] = true, true
	}
	if len(ids) != 1000 || len(secrets) != 1000 {
		t.Errorf("of 1000 tokens %d have ids of their own, and %d secrets", len(ids), len(secrets))
	}
}

// TestTokenEvenness: each digit comes as often as any other, at each place.
func TestTokenEvenness(t *testing.T) {
	const n = 6200
	var counts [secretLength]map[byte]int
	for i := range counts {
		counts[i] = map[byte]int{}
	}
	for range n {
		text := randomText(secretLength)
		for i := range counts {
			counts[i][text[i]]++
		}
	}
	for i, of := range counts {
		var chi float64
		for _, digit := range []byte(digits) {
			d := float64(of[digit] - n/len(digits))
			chi += d * d / float64(n/len(digits))
		}
		if chi > 140 { // with 61 degrees of freedom once in ten million
			t.Errorf("place %d: chi square is %.0f", i, chi)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	good, _ := newSecret("usher")
	if _, ok := parseToken("usher", good); !ok {
		t.Fatalf("%s is refused", good)
	}
	other, _ := newSecret("usher")
	for _, tt := range []struct{ name, token string }{
		{"none", ""},
		{"a blank", " "},
		{"its beginning", good[:len(good)-1]},
		{"without its checksum", good[:len(good)-sumLength-1]},
		{"more than it", good + "0"},
		{"with a blank before", " " + good},
		{"another prefix", "other" + good[5:]},
		{"the prefix in capitals", "USHER" + good[5:]},
		{"another one's checksum", good[:len(good)-sumLength] + other[len(other)-sumLength:]},
		{"another one's id", other[:6+idLength] + good[6+idLength:]},
		{"a minus for an underscore", strings.Replace(good, "_", "-", 2)},
		{"a letter of no alphabet", good[:20] + "é" + good[22:]},
		{"a NUL", good[:20] + "\x00" + good[21:]},
		{"a checksum that is too large", good[:len(good)-sumLength] + "zzzzzz"},
	} {
		if id, ok := parseToken("usher", tt.token); ok {
			t.Errorf("%s: got the id %q of %q, want none", tt.name, id, tt.token)
		}
	}
	for i := range good { // one character that was mistyped
		c := byte('0')
		if good[i] == c {
			c = '1'
		}
		if _, ok := parseToken("usher", good[:i]+string(c)+good[i+1:]); ok {
			t.Errorf("with another character at %d it is still a token", i)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	good, _ := newSecret("usher")
	f.Add("usher", good)
	f.Add("", "")
	f.Add("a", "a_")
	f.Add("usher", strings.Repeat("_", len(good)))
	f.Fuzz(func(t *testing.T, prefix, token string) {
		id, ok := parseToken(prefix, token)
		if !ok {
			return
		}
		if len(id) != idLength || !strings.HasPrefix(token, prefix+"_"+id+"_") {
			t.Errorf("the id of %q is %q", token, id)
		}
		if head := token[:len(token)-sumLength-1]; sumOf(head) != token[len(token)-sumLength:] {
			t.Errorf("%q has the checksum %s", token, sumOf(head))
		}
	})
}

func TestHasher(t *testing.T) {
	one, two := newHasher(bytes.Repeat([]byte{1}, 32)), newHasher(bytes.Repeat([]byte{2}, 32))
	secret, _ := newSecret("usher")
	hash, none := one.hash(secret), [hashLength]byte{}
	half := hash
	clear(half[20:])
	for _, tt := range []struct {
		name string
		is   bool
		want bool
	}{
		{"the token", one.is(secret, &hash), true},
		{"another token", one.is(secret+"x", &hash), false},
		{"another key", two.is(secret, &hash), false},
		{"no hash", one.is(secret, &none), false},
		{"a part of the hash", one.is(secret, &half), false},
		{"who made it", one.made(&hash), true},
		{"who did not", two.made(&hash), false},
		{"no hash is made by anybody", one.made(&none) || two.made(&none), false},
	} {
		if tt.is != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, tt.is, tt.want)
		}
	}
	if strings.Contains(fmt.Sprintf("%s%x", hash, hash), secret) {
		t.Error("the hash shows the token")
	}
}
