package tenant

import (
	"net"
	"net/http"
	"strings"
)

// Host returns a function for scim.Options.Tenant, for where each tenant has a host
// of its own: with the suffix ".scim.example.com" the tenant of
// contoso.scim.example.com is contoso, in lower case. Other hosts are no tenant's:
// a request there is answered as one with a wrong token.
func Host(suffix string) func(*http.Request) string {
	suffix = strings.ToLower(suffix)
	return func(r *http.Request) string {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		name, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), suffix)
		if !ok || name == "" || strings.Contains(name, ".") {
			return noTenant
		}
		return name
	}
}

// noTenant is the name of none.
const noTenant = "/"
