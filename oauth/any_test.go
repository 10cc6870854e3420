package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
)

func TestAny(t *testing.T) {
	w, s := newWorld(t, sealed), newWorld(t, signedWith('e'))
	entra, keys := newEntra(t)
	database := errors.New("database")
	off := &scim.Error{Kind: scim.ErrUnauthorized, Detail: "provisioning is switched off"}
	asked := 0
	static := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		asked++
		switch token {
		case "static":
			return scim.Principal{Subject: "static"}, nil
		case "off":
			return scim.Principal{Subject: "whose"}, off
		case "fails":
			return scim.Principal{}, database
		}
		return scim.Principal{}, scim.ErrUnauthorized
	})
	all := oauth.Any(w.Server, s.Server, entra, static)
	for _, tt := range []struct {
		name, token string
		subject     string
		err         error
	}{
		{"sealed", w.get(t), client, nil},
		{"signed", s.get(t), client, nil},
		{"Entra's", sign("RS256", rsaKey(), "k1", entraClaims()), "any", nil},
		{"static", "static", "static", nil},
		{"unknown", "unknown", "", scim.ErrUnauthorized},
		{"unknown JWT", sign("RS256", otherRSA(), "k1", obj{}), "", scim.ErrUnauthorized},
		{"empty", "", "", scim.ErrUnauthorized},
		{"switched off", "off", "whose", off},
		{"cannot tell", "fails", "", database},
	} {
		for form, ask := range map[string]func() (scim.Principal, error){
			"ValidateToken": func() (scim.Principal, error) { return all.ValidateToken(t.Context(), tt.token) },
			"Authenticate": func() (scim.Principal, error) {
				p, _, err := all.Authenticate(httptest.NewRequest("GET", "/", nil), tt.token)
				return p, err
			},
		} {
			if p, err := ask(); p.Subject != tt.subject || !errors.Is(err, tt.err) {
				t.Errorf("%s, %s: got %q, %v; want %q, %v", tt.name, form, p.Subject, err, tt.subject, tt.err)
			}
		}
	}
	if keys.count() != 1 {
		t.Errorf("%d fetches of keys, want one", keys.count())
	}
	asked = 0
	if _, err := oauth.Any(w.Server, s.Server).ValidateToken(t.Context(), "no.t"); !errors.Is(err, scim.ErrUnauthorized) {
		t.Errorf("a form that none has: got %v", err)
	}
	if _, err := oauth.Any(static, w.Server).ValidateToken(t.Context(), w.get(t)); err != nil || asked != 1 {
		t.Errorf("got %v after static was asked %d times: one that refuses does not end it", err, asked)
	}
}

// What an Authenticator among them has begun is ended.
func TestAnyHandsRequestsOn(t *testing.T) {
	g := &gate{clients: &clients{tokens: map[string]string{secret: client}}}
	all := oauth.Any(g, newWorld(t).Server)
	p, done, err := all.Authenticate(httptest.NewRequest(http.MethodGet, "/", nil), secret)
	if err != nil || p.Subject != client || g.inside != 1 || g.from == "" {
		t.Fatalf("got %v, %v; %d inside from %q", p, err, g.inside, g.from)
	}
	if done(); g.inside != 0 {
		t.Error("done was not handed on")
	}
	if _, done, err := all.Authenticate(httptest.NewRequest(http.MethodGet, "/", nil), "wrong"); err == nil || done != nil || g.inside != 0 {
		t.Errorf("refused: got %v; %d inside", err, g.inside)
	}
}

// Secrets of several kinds are asked afresh where one of them can be.
func TestAnyAsksAfresh(t *testing.T) {
	f := &fresh{clients: &clients{}}
	all := oauth.Any(f, scim.StaticToken("static", scim.Principal{Subject: "static"})).(oauth.FreshAuthenticator)
	if p, _, err := all.AuthenticateFresh(httptest.NewRequest(http.MethodGet, "/", nil), secret); err != nil || p.Subject != client {
		t.Errorf("got %q, %v; want what it knows now", p.Subject, err)
	}
	if p, _, err := all.Authenticate(httptest.NewRequest(http.MethodGet, "/", nil), "static"); err != nil || p.Subject != "static" {
		t.Errorf("got %q, %v; want the other one to be asked", p.Subject, err)
	}
}

// Nothing of an answer tells which validator refused.
func TestRefusalsAreAlike(t *testing.T) {
	entra, _ := newEntra(t)
	h, err := scim.NewHandler(noStore{}, oauth.Any(newWorld(t).Server, entra, scim.StaticToken(secret, scim.Principal{})), &scim.Options{Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]bool{}
	for _, token := range []string{"x", "a.b.c", "a.b.c.d.e", sign("RS256", otherRSA(), "k1", entraClaims()), secret + "x"} {
		r := httptest.NewRequest("GET", "/scim/v2/Users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		if recorder.Code != 401 {
			t.Errorf("%.20s: got %d, want 401", token, recorder.Code)
		}
		bodies[recorder.Body.String()] = true
	}
	if len(bodies) != 1 {
		t.Errorf("got %d answers, want one and the same: %v", len(bodies), bodies)
	}
}

type noStore struct{ scim.Store }

// A braker is a Guard of one client.
type braker struct {
	scim.TokenValidator
	of   string
	hold bool
	told []error
}

func (b *braker) Guards(p scim.Principal) bool { return p.Subject == b.of }

func (b *braker) AdmitLoss(context.Context, scim.Store, scim.Loss) (func(*scim.Updated, error), error) {
	if b.hold {
		return nil, scim.Errorf(scim.ErrConflict, "held")
	}
	return func(_ *scim.Updated, err error) { b.told = append(b.told, err) }, nil
}

// A Guard among them stays one, for whichever knows the token.
func TestAnyGuards(t *testing.T) {
	none := scim.StaticToken(secret, scim.Principal{Subject: client})
	if _, ok := oauth.Any(none).(scim.Guard); ok {
		t.Error("without a Guard there is one")
	}
	first, second, other := &braker{TokenValidator: none, of: client}, &braker{TokenValidator: none, of: client, hold: true}, &braker{TokenValidator: none, of: "another", hold: true}
	g, ok := oauth.Any(none, other, first, second).(scim.Guard)
	if !ok {
		t.Fatal("the Guard is lost")
	}
	loss := scim.Loss{Event: scim.Event{Principal: scim.Principal{Subject: client}}}
	if !g.Guards(loss.Principal) || g.Guards(scim.Principal{Subject: "nobody"}) {
		t.Error("want it to guard those whom one of them does")
	}
	if _, err := g.AdmitLoss(t.Context(), nil, loss); !errors.Is(err, scim.ErrConflict) || len(first.told) != 1 || !errors.Is(first.told[0], scim.ErrConflict) {
		t.Errorf("one holds it: got %v, and the other was told %v", err, first.told)
	}
	second.hold = false
	done, err := g.AdmitLoss(t.Context(), nil, loss)
	if err != nil {
		t.Fatal(err)
	}
	if done(nil, nil); len(first.told) != 2 || len(second.told) != 1 || first.told[1] != nil {
		t.Errorf("both admit it: they were told %v and %v", first.told, second.told)
	}
}
