// Package oauth has OAuth 2.0 for a SCIM endpoint: a token endpoint for the client
// credentials grant, which Microsoft asks of whoever wants to be in Entra's gallery,
// with client secrets, private_key_jwt and Entra's workload identity federation; and
// the validators of the tokens that come of it, and of those that Entra issues
// itself.
//
// A [Server] issues access tokens and knows them when they come. A client is a
// connection of package tenant, by its ID, and a client secret is a token of the
// connection:
//
//	registry, tokens, err := oauth.NewRegistry(store.Tenants(), &tenant.Options{Key: key}, oauth.Options{
//		Issuer: "https://app.example.com", Keys: [][]byte{tokenKey},
//	})
//	handler, err := registry.NewHandler(store, &scim.Options{Hooks: hooks})
//	mux.Handle("/scim/{tenant}/v2/", handler)
//	mux.Handle("/oauth/", tokens)
//	mux.Handle("/.well-known/oauth-authorization-server", tokens)
//
// [NewServer] takes any other [scim.TokenValidator] and [Principals] as well.
//
// What a customer's admin enters, and how keys are replaced, is in docs/oauth.md of
// the repository.
//
// # Security considerations
//
// An access token says nothing but whose it is: what its client may do is asked for
// each request, so one that is switched off is out at once, whatever tokens it has.
// Signatures are checked with asymmetric algorithms from a list, with keys from where
// the application says; what a token's header says of keys is ignored but for kid.
// What is wrong with a client's credentials is told to the log alone, without the
// credentials: the answer is the same for clients that there are and others.
//
// Serve it over TLS alone. Bound how many tokens a source may ask for: with
// [Options.Limit], or by Secrets that is a scim.Authenticator and an
// [AssertionLimiter], as a tenant.Registry. Secrets that knows tokens by what it has
// read before is a [FreshAuthenticator], as that is too.
// Assertions that may be used once are remembered in each process, unless
// [Options.FirstUse] asks a database.
//
// All cryptography is go-jose's, and Go's.
package oauth
