package idp

import (
	"context"
	"fmt"
	"strings"
)

// A Provider is a stand-in for an identity provider. An [*Entra] is one, and
// each [*Client].
type Provider interface {
	// TestConnection does what the identity provider does when its admin sets
	// the connection up.
	TestConnection(context.Context) (*Report, error)

	// Sync brings the endpoint to the directory's state.
	Sync(context.Context, Directory) (*Report, error)

	// Verify checks that the endpoint holds what the directory does.
	Verify(context.Context, Directory) (*Report, error)
}

// providers are the identity providers by name; those that have two ways of
// writing are here with both.
var providers = []struct {
	name string
	make func(url, token string, options Options) (Provider, error)
}{
	{"entra", func(url, token string, o Options) (Provider, error) { return or(NewEntra(url, token, &o)) }},
	{"okta", func(url, token string, o Options) (Provider, error) { return or(NewOkta(url, token, &o)) }},
	{"okta-catalog", func(url, token string, o Options) (Provider, error) {
		o.Patch = true
		return or(NewOkta(url, token, &o))
	}},
	{"onelogin", func(url, token string, o Options) (Provider, error) { return or(NewOneLogin(url, token, &o)) }},
	{"jumpcloud", func(url, token string, o Options) (Provider, error) { return or(NewJumpCloud(url, token, &o)) }},
	{"rfc", func(url, token string, o Options) (Provider, error) { return or(NewRFC(url, token, &o)) }},
	{"rfc-patch", func(url, token string, o Options) (Provider, error) {
		o.Patch = true
		return or(NewRFC(url, token, &o))
	}},
}

// or keeps a nil pointer from becoming a Provider.
func or[P Provider](p P, err error) (Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// New returns the identity provider of the name, which is one of [Names], for
// the endpoint at the URL. Nil options mean the defaults. It sends nothing
// yet; its error is of the name, the URL or the options.
func New(name, url, token string, options *Options) (Provider, error) {
	var o Options
	if options != nil {
		o = *options
	}
	for _, p := range providers {
		if p.name == name {
			return p.make(url, token, o)
		}
	}
	return nil, fmt.Errorf("idp: no identity provider %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names are the identity providers that New knows: Entra, Okta with an app of
// its wizard and with one of its catalogue, OneLogin, JumpCloud, and a generic
// client that puts and one that patches.
func Names() []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}
