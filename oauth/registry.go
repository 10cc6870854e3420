package oauth

import (
	"context"

	"github.com/usherkit/scim/tenant"
)

// NewRegistry returns a Registry over a Store and the Server of access tokens for its
// connections, each of which knows the other: the tokens of a connection are its
// secrets, its Federation says whose assertions it comes with, and its access tokens
// come with its limits and into its records. What the options say of that, which are
// Secrets, Principals, Trust, FirstUse and Refused, is set; tenant.Options.Others is
// asked after the Server.
func NewRegistry(s tenant.Store, t *tenant.Options, o Options) (*tenant.Registry, *Server, error) {
	var own tenant.Options
	if t != nil {
		own = *t
	}
	var issued late
	if own.Others == nil {
		own.Others = &issued
	} else {
		own.Others = Any(&issued, own.Others)
	}
	r, err := tenant.NewRegistry(s, &own)
	if err != nil {
		return nil, nil, err
	}
	o.Secrets, o.Principals, o.Trust, o.FirstUse, o.Refused = r, r, Federations(r), r.FirstUse, r.NoteRefused
	if issued.Server, err = NewServer(o); err != nil {
		_ = r.Close() // it has nothing to write
		return nil, nil, err
	}
	return r, issued.Server, nil
}

// late is a Server that is not there yet when it is handed over.
type late struct{ *Server }

// Federations returns what Options.Trust is for the connections of a Registry: their
// Federation.
func Federations(r *tenant.Registry) func(ctx context.Context, clientID string) ([]TrustedIssuer, error) {
	return func(ctx context.Context, clientID string) ([]TrustedIssuer, error) {
		f, err := r.FederationOf(ctx, clientID)
		switch {
		case err != nil:
			return nil, err
		case f.KeysURL != "":
			return []TrustedIssuer{PrivateKeyJWT(clientID, f.KeysURL)}, nil
		case f.Directory != "":
			return []TrustedIssuer{Entra(f.Directory, f.Audience, f.Subject)}, nil
		}
		return nil, nil
	}
}
