package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/tenant"
)

// tenantFlags are those of serve that are about connections.
type tenantFlags struct {
	Tenants bool `help:"Serve the connections that usher tenant add makes, each with its own tokens, at /scim/TENANT/v2, and at -base for all of them."`
	tokenKeyFlag
	ClientAddress string `placeholder:"HEADER" help:"With -tenants: the header in which the proxy in front says where a request comes from, such as X-Forwarded-For. Its last address counts."`
}

// eachTenant is where the connections of a tenant are.
const eachTenant = "/scim/{tenant}/v2"

// tenantPath is the address of a tenant.
func tenantPath(name string) string {
	return strings.Replace(eachTenant, "{tenant}", url.PathEscape(name), 1)
}

// check reports what does not go together.
func (f *tenantFlags) check(token string, of *databaseFlags) error {
	switch {
	case !f.Tenants && f.ClientAddress != "":
		return fmt.Errorf("-client-address is for -tenants")
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

// handler returns the Handler, for one client or for all connections, and what
// closes what it needs.
func (c *serveCommand) handler(ctx context.Context, logger *slog.Logger, store *served, o *scim.Options) (h http.Handler, closeIt func() error, err error) {
	if !c.Tenants {
		h, err := scim.NewHandler(store.store, scim.StaticToken(c.Token, scim.Principal{Subject: "usher serve"}), o)
		return h, func() error { return nil }, err
	}
	key, err := c.tokenKey(ctx, &c.databaseFlags, store.tenants, true)
	if err != nil {
		return nil, nil, err
	}
	old, err := c.oldKeys()
	if err != nil {
		return nil, nil, err
	}
	options := &tenant.Options{Key: key, OldKeys: old, Prefix: c.TokenPrefix, Logger: logger}
	if c.ClientAddress != "" {
		options.Source = func(r *http.Request) string { return lastAddress(r, c.ClientAddress) }
	}
	registry, err := tenant.NewRegistry(store.tenants, options)
	if err != nil {
		return nil, nil, plainInvalid(err)
	}
	if o.BaseURL != "" && !strings.Contains(o.BaseURL, "{tenant}") {
		o.BaseURL = strings.TrimRight(o.BaseURL, "/") + eachTenant
	}
	if h, err = registry.NewHandler(store.store, o); err != nil {
		return nil, nil, err
	}
	return h, registry.Close, nil
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

func (c *serveCommand) welcomeTenants(out io.Writer, name, base string) {
	root := cmp.Or(strings.TrimRight(c.Public, "/"), base)
	fmt.Fprintf(out, `SCIM 2.0 from %[2]s, for all tenants

  Tenant URL     %[1]s%[3]s

Make a connection and its token for each customer:

  usher tenant add contoso -provider entra -public %[1]s -db %[2]s

Press Ctrl-C to stop.
`, root, name, strings.Replace(eachTenant, "{tenant}", "TENANT", 1))
}
