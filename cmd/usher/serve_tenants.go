package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/oauth"
	"github.com/usherkit/scim/tenant"
)

// tenantFlags are those of serve that are about connections.
type tenantFlags struct {
	Tenants bool `help:"Serve the connections that usher tenant add makes, each with its own tokens, at /scim/TENANT/v2, and at -base for all of them."`
	tokenKeyFlag
	ClientAddress string `placeholder:"HEADER" help:"With -tenants: the header in which the proxy in front says where a request comes from, such as X-Forwarded-For. Its last address counts."`
	OAuth         bool   `name:"oauth" help:"With -tenants: clients may get short-lived access tokens at /oauth/token too, with a token of their connection as the secret, or with assertions."`
	Issuer        string `placeholder:"URL" help:"With -oauth: the URL below which clients find /oauth/token. Default: -public."`
}

// eachTenant is where the connections of a tenant are.
const eachTenant = "/scim/{tenant}/v2"

// check reports what does not go together.
func (f *tenantFlags) check(token string, of *databaseFlags) error {
	switch {
	case !f.Tenants && f.ClientAddress != "":
		return fmt.Errorf("-client-address is for -tenants")
	case !f.Tenants && f.OAuth:
		return fmt.Errorf("-oauth is for -tenants, whose connections are the clients")
	case !f.OAuth && f.Issuer != "":
		return fmt.Errorf("-issuer is for -oauth")
	case !f.Tenants:
		return nil
	case token != "":
		return fmt.Errorf("-token or USHER_TOKEN is for one client: with -tenants each has its own, which usher tenant add makes; leave out the flag, and unset USHER_TOKEN")
	case of.DB == inMemory:
		return fmt.Errorf("-tenants needs a database, in which usher tenant add makes connections")
	}
	_, err := f.given(of)
	return err
}

// handlers are what clients are answered by.
type handlers struct {
	scim   http.Handler
	tokens *oauth.Server // nil: there are no access tokens
	issuer string        // of the tokens
	close  func() error
}

// handlers returns what answers one client, or all connections.
func (c *serveCommand) handlers(ctx context.Context, logger *slog.Logger, store *served, o *scim.Options) (*handlers, error) {
	if !c.Tenants {
		h, err := scim.NewHandler(store.store, scim.StaticToken(c.Token, scim.Principal{Subject: "usher serve"}), o)
		return &handlers{scim: h, close: func() error { return nil }}, err
	}
	key, err := c.tokenKey(ctx, &c.databaseFlags, store.tenants, true)
	if err != nil {
		return nil, err
	}
	old, err := c.oldKeys()
	if err != nil {
		return nil, err
	}
	options := &tenant.Options{Key: key, OldKeys: old, Prefix: c.TokenPrefix, Logger: logger}
	if c.ClientAddress != "" {
		options.Source = func(r *http.Request) string { return lastAddress(r, c.ClientAddress) }
	}
	e := new(handlers)
	registry, err := c.openTenants(e, store.tenants, options)
	if err != nil {
		return nil, plainInvalid(err)
	}
	e.close = registry.Close
	if o.BaseURL != "" {
		o.BaseURL = tenantURL(o.BaseURL, "{tenant}")
	}
	if e.scim, err = registry.NewHandler(store.store, o); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// openTenants returns the Registry, and with -oauth puts the token endpoint of its
// connections into the handlers.
func (c *serveCommand) openTenants(e *handlers, store tenant.Store, options *tenant.Options) (*tenant.Registry, error) {
	if !c.OAuth {
		return tenant.NewRegistry(store, options)
	}
	var err error
	if e.issuer, err = c.issuer(); err != nil {
		return nil, err
	}
	o, err := tokenOptions(e.issuer, append([][]byte{options.Key}, options.OldKeys...), options.Logger)
	if err != nil {
		return nil, err
	}
	var registry *tenant.Registry
	registry, e.tokens, err = oauth.NewRegistry(store, options, o)
	return registry, err
}

// tenantURL is the address of a tenant, by the base URL that -public is. That may have
// {tenant} in it where each has another one.
func tenantURL(public, name string) string {
	if name != "{tenant}" {
		name = url.PathEscape(name)
	}
	if !strings.Contains(public, "{tenant}") {
		public = strings.TrimRight(public, "/") + eachTenant
	}
	return strings.ReplaceAll(public, "{tenant}", name)
}

// lastAddress is the last one in a header, which the proxy itself has written.
func lastAddress(r *http.Request, header string) string {
	values := r.Header.Values(header)
	if len(values) > 0 {
		parts := strings.Split(values[len(values)-1], ",")
		if a, ok := addressIn(strings.TrimSpace(parts[len(parts)-1])); ok {
			return tenant.Network(a)
		}
	}
	if a, ok := addressIn(r.RemoteAddr); ok {
		return tenant.Network(a)
	}
	return ""
}

// addressIn reads an address, with a port or without.
func addressIn(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a, err == nil
}

// welcomeTenants says how connections are made here: in the same database, which is not
// named if the environment names it.
func (c *serveCommand) welcomeTenants(out io.Writer, name, base, issuer string) {
	root := cmp.Or(strings.TrimRight(c.Public, "/"), base)
	fmt.Fprintf(out, "SCIM 2.0 from %s, for all tenants\n\n  Tenant URL     %s\n", name, tenantURL(root, "TENANT"))
	also := ""
	if issuer != "" {
		also = " -oauth"
		fmt.Fprintf(out, "  Token Endpoint %s\n", issuer+tokenPath)
	}
	if c.Issuer != "" {
		also += " -issuer " + shellWord(c.Issuer)
	}
	if c.DB != os.Getenv("USHER_DB") {
		also += " -db " + shellWord(withoutPassword(c.DB))
	}
	fmt.Fprintf(out, `
Make a connection and its token for each customer:

  usher tenant add contoso -provider entra -public %s%s

Press Ctrl-C to stop.
`, shellWord(root), also)
}

// shellWord is text as one word of a command, whatever is in it.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:@%+,=", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
