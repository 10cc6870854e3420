package wiretest

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// An Endpoint is what the options of a case ask for. Hooks, logger, store and
// the key of cursors are for those to bring who replay it.
type Endpoint struct {
	Options scim.Options
	Mount   string // the pattern
	Hooks   string // what Admit does: "refuse", "panic", or "" to agree
	Store   string // "broken", or "" if it works
	Tokens  string // what the validator says: "busy", "down", or "" for that of [Tokens]
}

// Endpoint reads the options of a case.
func (c *Case) Endpoint(tb testing.TB) (e Endpoint) {
	tb.Helper()
	e.Mount = "/scim/v2/"
	o := &e.Options
	for _, setting := range c.Setting("options") {
		name, value, _ := strings.Cut(setting, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "strict":
			o.Strict = true
		case "maxBody":
			o.MaxBody = int64(number)
		case "maxOperations":
			o.MaxOperations = number
		case "maxResults":
			o.MaxResults = number
		case "maxBulk":
			o.MaxBulk = number
		case "maxDepth":
			o.MaxDepth = number
		case "me":
			o.Me = func(_ context.Context, p scim.Principal) (scim.Ref, error) {
				return scim.Ref{Tenant: p.Tenant, Type: "User", ID: ID(number)}, nil
			}
		case "userPatch204":
			o.UserPatch204 = true
		case "groupPatch200":
			o.GroupPatch200 = true
		case "privateDiscovery":
			o.PrivateDiscovery = true
		case "baseURL":
			o.BaseURL = value
		case "password":
			o.Types = []*scim.ResourceType{PasswordType(tb), must(tb)(scim.GroupType())}
		case "custom":
			o.Types = []*scim.ResourceType{must(tb)(scim.UserType(scim.Extension{Schema: acmeSchema(tb)})), must(tb)(scim.GroupType())}
		case "noGroupsInGroups":
			o.Types = []*scim.ResourceType{must(tb)(scim.UserType()), flatGroupType(tb)}
		case "mount":
			e.Mount = value
		case "hooks":
			e.Hooks = value
		case "store":
			e.Store = value
		case "tokens":
			e.Tokens = value
		default:
			tb.Fatalf("%s: unknown option %q", c.Path, setting)
		}
	}
	return e
}

// Tokens is a [scim.TokenValidatorFunc] that knows two tenants, and a client
// of the first that is held to the letter of the RFCs.
func Tokens(_ context.Context, token string) (scim.Principal, error) {
	switch token {
	case "secret":
		return scim.Principal{Tenant: "a", Subject: "Contoso"}, nil
	case "strict":
		return scim.Principal{Tenant: "a", Subject: "Contoso, strictly", Strict: true}, nil
	case "other":
		return scim.Principal{Tenant: "b", Subject: "Fabrikam"}, nil
	}
	return scim.Principal{}, scim.ErrUnauthorized
}

func must(tb testing.TB) func(*scim.ResourceType, error) *scim.ResourceType {
	return func(typ *scim.ResourceType, err error) *scim.ResourceType {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return typ
	}
}

// PasswordType is the type of users whose passwords the hooks are told.
func PasswordType(tb testing.TB) *scim.ResourceType {
	tb.Helper()
	def := must(tb)(scim.UserType()).Definition()
	def.Schema.Attributes = append(def.Schema.Attributes, scim.PasswordAttribute())
	return must(tb)(scim.NewResourceType(def))
}

// flatGroupType is the type of groups that have users as members only.
func flatGroupType(tb testing.TB) *scim.ResourceType {
	tb.Helper()
	s := scim.GroupSchema()
	s.Attribute("displayName").Uniqueness = scim.UniqueServer
	s.Attribute("members").SubAttribute("$ref").ReferenceTypes = []string{"User"}
	return must(tb)(scim.NewResourceType(scim.TypeDefinition{
		Name: "Group", Endpoint: "Groups", Schema: s, Members: "members", Indexed: []string{"displayName", "externalId"},
	}))
}

// acmeSchema is an extension of an application's own.
func acmeSchema(tb testing.TB) *scim.Schema {
	tb.Helper()
	s, err := scim.ParseSchema([]byte(`{
		"id": "urn:ietf:params:scim:schemas:extension:Acme:2.0:User", "name": "Acme",
		"attributes": [
			{"name": "badge"},
			{"name": "level", "type": "integer"},
			{"name": "ratio", "type": "decimal"},
			{"name": "hired", "type": "dateTime"},
			{"name": "vip", "type": "boolean"},
			{"name": "tags", "multiValued": true}
		]}`))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
