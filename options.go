package scim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// Options change how a Handler works. The zero Options, and nil, mean the
// defaults.
type Options struct {
	// BaseURL is the public URL of the endpoint, for Location and
	// meta.location: "https://app.example.com/scim/{tenant}/v2". {tenant}
	// stands for the tenant. Default: made of the request's Host header and
	// path, with https if the connection has TLS. Set it behind a proxy that
	// ends TLS or changes paths.
	BaseURL string

	// Types are the resource types served. Default: UserType() and GroupType().
	Types []*ResourceType

	Hooks Hooks // default: NoHooks

	// Logger is told of each answered error in one record, at level Error if the
	// fault is the application's, Info if something does not exist and Warn
	// otherwise; and at level Debug of the tolerances a request needed. It never
	// receives a token, a query or a body, but for a value that an error's detail
	// quotes. Default: slog.Default().
	Logger *slog.Logger

	MaxBody       int64 // largest request body in bytes; larger is 413; default: 4 MiB
	MaxDepth      int   // deepest nesting of JSON in a body; default: 32
	MaxOperations int   // operations in a PATCH; more are 413; default: 2000
	MaxBulk       int   // operations in a bulk request; more are 413; default: 1000
	MaxResults    int   // largest page; larger counts are cut; default: 200
	MaxScan       int   // resources that a query may look at where no index helps, and 16 times as many of their values, as [Query.Matcher] counts them; beyond is 400 tooMany; default: 1,000,000
	MaxFilter     int   // longest filter, and path in a PATCH or bulk request, in bytes; default: 8 KiB

	// CursorKey seals the cursors of pages (RFC 9865), 32 random bytes or more.
	// Handlers that serve one endpoint together, on several machines or before
	// and after a restart, need the same one: a cursor sealed with another is
	// answered 400 invalidCursor. A cursor belongs to its endpoint and tenant, so
	// Handlers may share a key that do not serve the same. Default: a random one
	// for each Handler.
	CursorKey []byte

	// Strict holds all clients to the letter of the RFCs and of the SCIM 2.0
	// Interoperability Profile, which is narrower: none of the tolerances for
	// identity providers' dialects is granted. Okta, and Entra with its flag
	// aadOptscim062020, need them. As the profile has it (§5.4), the type of a
	// multi-valued attribute's elements is no attribute for them, and in no schema
	// that they are shown, unless it has CanonicalValues. A password is dropped
	// even so where the schema has none. See also [Principal.Strict].
	Strict bool

	// Me says which resource of its tenant a client is, for /Me (RFC 7644
	// §3.11). A Ref without a Tenant means the principal's. The zero Ref means
	// none, which is answered 404, as a Ref of another tenant is. Default: nobody
	// is, and /Me is answered 501.
	Me func(ctx context.Context, p Principal) (Ref, error)

	// Tenant says which tenant an address is for where the pattern has no {tenant}:
	// of a host for each tenant, say. A request is answered 401 unless its token is
	// of that tenant. Empty means any. Default: the pattern alone says it.
	Tenant func(r *http.Request) string

	Observer Observer // is told of requests and of what is done for them; default: nobody is

	// UserPatch204 answers PATCH of users and application types with 204
	// instead of 200 and the resource; GroupPatch200 answers PATCH of groups
	// with 200 and the whole group instead of 204.
	UserPatch204  bool
	GroupPatch200 bool

	// PrivateDiscovery asks for a token at /ServiceProviderConfig too, which
	// is otherwise public (RFC 7643 §5).
	PrivateDiscovery bool
}

// withDefaults returns a copy of the options with every default filled in.
func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Logger == nil {
		out.Logger = slog.Default()
	}
	for _, limit := range []struct {
		name  string
		value *int
		usual int
	}{
		{"MaxDepth", &out.MaxDepth, defaultMaxDepth},
		{"MaxOperations", &out.MaxOperations, defaultMaxOperations},
		{"MaxBulk", &out.MaxBulk, 1000},
		{"MaxResults", &out.MaxResults, 200},
		{"MaxScan", &out.MaxScan, 1_000_000},
		{"MaxFilter", &out.MaxFilter, 8 << 10},
	} {
		switch {
		case *limit.value < 0:
			return out, fmt.Errorf("scim: Options.%s is negative", limit.name)
		case *limit.value == 0:
			*limit.value = limit.usual
		}
	}
	switch {
	case out.MaxBody < 0 || out.MaxBody > 1<<31-1:
		return out, errors.New("scim: Options.MaxBody is negative or larger than 2 GiB")
	case out.MaxBody == 0:
		out.MaxBody = 4 << 20
	}
	switch {
	case out.CursorKey == nil:
		out.CursorKey = make([]byte, 32)
		rand.Read(out.CursorKey)
	case len(out.CursorKey) < 32:
		return out, errors.New("scim: Options.CursorKey is shorter than 32 bytes")
	}
	out.BaseURL = strings.TrimRight(out.BaseURL, "/")
	if out.BaseURL != "" {
		u, err := url.Parse(strings.ReplaceAll(out.BaseURL, "{tenant}", "t"))
		if err != nil || u.Scheme == "" || u.Host == "" || u.RawQuery != "" || strings.ContainsAny(out.BaseURL, "\"\\") {
			return out, fmt.Errorf("scim: Options.BaseURL %q is no absolute URL", out.BaseURL)
		}
	}
	if len(out.Types) == 0 {
		user, err := UserType()
		if err != nil {
			return out, err
		}
		group, err := GroupType()
		if err != nil {
			return out, err
		}
		out.Types = []*ResourceType{user, group}
	}
	return out, nil
}
