package oauth

import (
	"context"

	"github.com/usherkit/scim/tenant"
)

// Federations returns what Options.Trust is for the connections of a Registry: their
// Federation.
func Federations(r *tenant.Registry) func(ctx context.Context, clientID string) ([]Issuer, error) {
	return func(ctx context.Context, clientID string) ([]Issuer, error) {
		f, err := r.FederationOf(ctx, clientID)
		switch {
		case err != nil:
			return nil, err
		case f.KeysURL != "":
			return []Issuer{PrivateKeyJWT(clientID, f.KeysURL)}, nil
		case f.Directory != "":
			return []Issuer{Entra(f.Directory, f.Audience, f.Subject)}, nil
		}
		return nil, nil
	}
}
