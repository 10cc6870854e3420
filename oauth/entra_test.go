package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

func entraClaims() obj {
	return obj{
		"aud": oauth.SharedAudience, "iss": "https://sts.windows.net/" + directoryID + "/", "tid": directoryID,
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Unix() + 3600,
		"appid": "app", "oid": "object", "sub": "object", "ver": "1.0",
	}
}

func TestEntraTokens(t *testing.T) {
	v2 := with(entraClaims(), obj{"iss": "https://login.microsoftonline.com/" + directoryID + "/v2.0", "ver": "2.0", "appid": nil, "azp": "app"})
	other := "00000000-0000-0000-0000-000000000000"
	good := sign("RS256", rsaKey(), "k1", entraClaims())
	for _, tt := range []struct {
		name, reason string
		token        string
		want         string // the Principal's subject
	}{
		{"first version", "what Entra sends if the field is left blank", good, "any"},
		{"second version", "for an application of one's own", sign("RS256", rsaKey(), "k1", v2), "any"},
		{"the app and object of a caller", "the first that fits", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"appid": "pinned", "oid": "o"})), "pinned"},
		{"only the app of a caller", "both must fit", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"appid": "pinned"})), "any"},
		{"expired at the edge", "clocks may be a minute off", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"exp": start.Unix() - 60})), "any"},
		{"expired", "one second more", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"exp": start.Unix() - 61})), ""},
		{"no exp", "it is required", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"exp": nil})), ""},
		{"exp as text", "it is a number", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"exp": fmt.Sprint(start.Unix() + 300)})), ""},
		{"nbf at the edge", "clocks may be a minute off", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"nbf": start.Unix() + 60})), "any"},
		{"nbf", "one second more", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"nbf": start.Unix() + 61})), ""},
		{"another aud", "it is for another API", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"aud": "https://graph.microsoft.com"})), ""},
		{"no aud", "likewise", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"aud": nil})), ""},
		{"unknown directory", "no customer's", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://sts.windows.net/" + other + "/", "tid": other})), ""},
		{"another tid", "whose is it", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"tid": other})), ""},
		{"no tid", "likewise", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"tid": nil})), ""},
		{"another iss", "not Entra's", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://evil.example.com/" + directoryID + "/"})), ""},
		{"iss without the slash", "it is compared whole", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://sts.windows.net/" + directoryID})), ""},
		{"iss with a path", "where would its keys be", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://sts.windows.net/../" + directoryID + "/"})), ""},
		{"iss with another path", "likewise", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://sts.windows.net/..%2f..%2fevil.example.com%2f00000000000/"})), ""},
		{"iss in capitals", "ids have one spelling", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://sts.windows.net/" + strings.ToUpper(directoryID) + "/"})), ""},
		{"common", "no directory's", sign("RS256", rsaKey(), "k1", with(entraClaims(), obj{"iss": "https://login.microsoftonline.com/common/v2.0"})), ""},
		{"another key", "a forger's", sign("RS256", otherRSA(), "k1", entraClaims()), ""},
		{"unknown kid", "a forger's", sign("RS256", otherRSA(), "k9", entraClaims()), ""},
		{"PS256", "Entra signs with RS256", sign("PS256", rsaKey(), "k1", entraClaims()), ""},
		{"alg none", "nobody signed it", raw(`{"alg":"none"}`, `{"iss":"https://sts.windows.net/`+directoryID+`/"}`, nil), ""},
		{"no JWT", "no token of Entra", "usher_abc", ""},
		{"empty", "no token", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens, keys := newEntra(t)
			p, err := tokens.ValidateToken(t.Context(), tt.token)
			if p.Subject != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, scim.ErrUnauthorized) {
				t.Errorf("got %q, %v; want %q: %s", p.Subject, err, tt.want, tt.reason)
			}
			if tt.name == "unknown directory" && keys.count() != 0 {
				t.Error("the keys of a directory that nobody knows were fetched")
			}
		})
	}
}

func newEntra(t testing.TB, change ...func(*oauth.EntraOptions)) (*oauth.EntraTokens, *keyServer) {
	c := &clock{now: start}
	keys := newKeyServer(t, public(rsaKey(), "k1"))
	o := oauth.EntraOptions{
		Callers: func(_ context.Context, id string) ([]oauth.EntraCaller, error) {
			if id != directoryID {
				return nil, nil
			}
			return []oauth.EntraCaller{
				{Apps: []string{"pinned"}, Objects: []string{"o"}, Principal: scim.Principal{Subject: "pinned"}},
				{Principal: scim.Principal{Subject: "any"}},
			}, nil
		},
		KeySets: oauth.NewKeySets(&oauth.KeySetOptions{Client: keys.client(), Now: c.Now}),
		Now:     c.Now,
	}
	for _, f := range change {
		f(&o)
	}
	tokens, err := oauth.NewEntraTokens(o)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, keys
}

func TestEntraTokensPinned(t *testing.T) {
	tokens, _ := newEntra(t, func(o *oauth.EntraOptions) {
		o.Audience = "api://mine"
		o.Callers = func(context.Context, string) ([]oauth.EntraCaller, error) {
			return []oauth.EntraCaller{{Apps: []string{"app"}, Principal: scim.Principal{Subject: "app"}}, {Apps: []string{}, Objects: []string{"none"}}}, nil
		}
	})
	claims := with(entraClaims(), obj{"aud": "api://mine"})
	if p, err := tokens.ValidateToken(t.Context(), sign("RS256", rsaKey(), "k1", claims)); err != nil || p.Subject != "app" {
		t.Errorf("got %v, %v", p, err)
	}
	for _, other := range []obj{{"appid": "another"}, {"appid": nil}, {"aud": oauth.SharedAudience}} {
		if _, err := tokens.ValidateToken(t.Context(), sign("RS256", rsaKey(), "k1", with(claims, other))); !errors.Is(err, scim.ErrUnauthorized) {
			t.Errorf("%v: got %v, want unauthorized", other, err)
		}
	}
}

func TestEntraTokensCannotTell(t *testing.T) {
	tokens, keys := newEntra(t)
	keys.publish(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if _, err := tokens.ValidateToken(t.Context(), sign("RS256", rsaKey(), "k1", entraClaims())); !errors.Is(err, scim.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	database := errors.New("database")
	tokens, _ = newEntra(t, func(o *oauth.EntraOptions) {
		o.Callers = func(context.Context, string) ([]oauth.EntraCaller, error) { return nil, database }
	})
	if _, err := tokens.ValidateToken(t.Context(), sign("RS256", rsaKey(), "k1", entraClaims())); !errors.Is(err, database) {
		t.Errorf("got %v, want the error of Callers", err)
	}
}

func TestNewEntraTokensRefuses(t *testing.T) {
	callers := func(context.Context, string) ([]oauth.EntraCaller, error) { return nil, nil }
	for want, o := range map[string]oauth.EntraOptions{
		"Callers": {}, "https": {Callers: callers, Authority: "http://login.example.com"}, "URL": {Callers: callers, STS: "sts"},
	} {
		if _, err := oauth.NewEntraTokens(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
