package scim_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/usherkit/scim"
)

func TestStaticToken(t *testing.T) {
	const token = "a-token-of-thirty-two-characters"
	want := scim.Principal{Tenant: "t1", Subject: "entra", Strict: true}
	for _, tt := range []struct {
		name   string
		known  string
		got    string
		accept bool
	}{
		{"the token", token, token, true},
		{"another of the same length", token, "A-token-of-thirty-two-characters", false},
		{"its beginning", token, token[:31], false},
		{"more than it", token, token + "x", false},
		{"with a space", token, token + " ", false},
		{"none", token, "", false},
		{"none where none is set", "", "", false},
		{"any where none is set", "", token, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := scim.StaticToken(tt.known, want).ValidateToken(t.Context(), tt.got)
			switch {
			case tt.accept && (err != nil || !reflect.DeepEqual(p, want)):
				t.Errorf("got %+v, %v; want %+v", p, err, want)
			case !tt.accept && (!errors.Is(err, scim.ErrUnauthorized) || !reflect.DeepEqual(p, scim.Principal{})):
				t.Errorf("got %+v, %v; want nobody and ErrUnauthorized", p, err)
			}
		})
	}
}
