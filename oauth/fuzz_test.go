package oauth

import (
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzCredentials: whatever comes, it is read or refused; what is read is one way
// to authenticate, with an id that can be one, and is what was sent.
func FuzzCredentials(f *testing.F) {
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b", "", false)
	f.Add("client_id=a&client_assertion_type="+url.QueryEscape(jwtBearer)+"&client_assertion=x.y.z", "", false)
	f.Add("client_id=a", "Basic YTpi", true)
	f.Add("client_id=%zz&client_id=a;b", "Basic "+base64.StdEncoding.EncodeToString([]byte("a%3Ab:%2B+")), true)
	f.Add("client_secret=\x00\xff", "basic  ", true)
	f.Fuzz(func(t *testing.T, body, authorization string, sent bool) {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if sent {
			r.Header.Set("Authorization", authorization)
		}
		form, err := readForm(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		parsed, _ := url.ParseQuery(body)
		for name, value := range form {
			if value == "" || len(parsed[name]) != 1 || parsed[name][0] != value {
				t.Fatalf("%q is %q, and was sent as %q", name, value, parsed[name])
			}
		}
		given, err := readCredentials(r.Header, form)
		if err != nil {
			if f := failureOf(err); f.status != 400 && f.status != 401 {
				t.Fatalf("refused with %d", f.status)
			}
			return
		}
		if (given.secret == "") == (given.assertion == "") {
			t.Fatalf("read %d bytes of secret and %d of assertion, want one of them", len(given.secret), len(given.assertion))
		}
		if given.clientID == "" && given.assertion == "" || given.clientID != "" && checkClientID(given.clientID) != nil {
			t.Fatalf("read the id %q", given.clientID)
		}
		if sent {
			scheme, encoded, _ := strings.Cut(authorization, " ")
			pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
			if !strings.EqualFold(scheme, "Basic") || err != nil {
				t.Fatalf("read credentials of %q", authorization)
			}
			id, secret, _ := strings.Cut(string(pair), ":")
			if id, _ = url.QueryUnescape(id); id != given.clientID {
				t.Fatalf("read the id %q of %q", given.clientID, pair)
			}
			if secret, _ = url.QueryUnescape(secret); secret != given.secret {
				t.Fatalf("read another secret of %q", pair)
			}
		}
	})
}
