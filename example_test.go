package scim_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// post sends a body as an identity provider does.
func post(h http.Handler, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// An endpoint for one tenant. An application hands the mux to its http.Server;
// here it answers a single request.
func Example() {
	token := scim.StaticToken("an-example-has-no-secrets", scim.Principal{Tenant: "acme"})
	h, err := scim.NewHandler(new(memstore.Store), token, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)

	answer := post(mux, "/scim/v2/Users", "an-example-has-no-secrets", `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
		"userName": "ada@contoso.example"
	}`)
	fmt.Println(answer.Code, http.StatusText(answer.Code))
	// Output:
	// 201 Created
}

// A welcome refuses the users of a rival and greets the others.
type welcome struct{ scim.NoHooks }

func (welcome) Admit(_ context.Context, e scim.Event) error {
	if e.Ref.Type != "User" || e.Op == scim.OpDelete {
		return nil
	}
	if strings.HasSuffix(e.After.User().UserName, "@rival.example") {
		return scim.Errorf(scim.ErrForbidden, "users of rival.example are not admitted")
	}
	return nil
}

func (welcome) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	fmt.Println("welcome,", e.User().DisplayName)
	return nil
}

func ExampleHooks() {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{Hooks: welcome{}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(post(h, "/Users", "secret", `{"userName": "ada@contoso.example", "displayName": "Ada"}`).Code)
	fmt.Println(post(h, "/Users", "secret", `{"userName": "bob@rival.example", "displayName": "Bob"}`).Body)
	// Output:
	// welcome, Ada
	// 201
	// {"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"403","detail":"users of rival.example are not admitted"}
}

// Users with fewer attributes: what the application does not keep is neither
// offered under /Schemas nor stored.
func ExampleNewResourceType() {
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	def := users.Definition()
	def.Schema = scim.UserSchema() // a copy to change
	def.Schema.Remove("nickName", "profileUrl", "ims", "photos", "entitlements", "x509Certificates")
	def.Extensions = nil // no enterprise extension
	users, err = scim.NewResourceType(def)
	if err != nil {
		log.Fatal(err)
	}

	doc, _, err := users.Encode(scim.User{UserName: "ada@contoso.example", NickName: "Countess", Active: true})
	fmt.Println(doc, err)
	_, err = users.ParseFilter(`nickName eq "Countess"`)
	fmt.Println(err)
	// Output:
	// {"userName":"ada@contoso.example","active":true} <nil>
	// scim: invalid filter: filter, character 1: User has no attribute "nickName"
}

// Groups whose names need not be unique.
func ExampleNewResourceType_namesakes() {
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	groups, err := scim.GroupType()
	if err != nil {
		log.Fatal(err)
	}
	def := groups.Definition()
	def.Schema = scim.GroupSchema() // as in the RFC, where displayName may repeat
	groups, err = scim.NewResourceType(def)
	if err != nil {
		log.Fatal(err)
	}

	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{
		Types: []*scim.ResourceType{users, groups},
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		fmt.Println(post(h, "/Groups", "secret", `{"displayName": "Engines"}`).Code)
	}
	// Output:
	// 201
	// 201
}

// An attribute of the application's own, from the schema to a struct.
func ExampleUserType() {
	badge, err := scim.ParseSchema([]byte(`{
		"id": "urn:ietf:params:scim:schemas:extension:acme:2.0:User",
		"name": "Badge",
		"attributes": [{"name": "badgeNumber", "type": "integer"}, {"name": "doors", "multiValued": true}]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	users, err := scim.UserType(scim.Extension{Schema: badge})
	if err != nil {
		log.Fatal(err)
	}

	doc, _, err := users.Encode(map[string]any{
		"userName": "ada@contoso.example",
		badge.ID:   map[string]any{"badgeNumber": "4711", "doors": []string{"North", "Garage"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	r := &scim.Resource{Document: doc} // Event.After in a hook

	var b struct {
		BadgeNumber int
		Doors       []string
	}
	found, err := r.DecodeExtension(badge.ID, &b)
	fmt.Println(found, err, b.BadgeNumber, b.Doors)
	// Output:
	// true <nil> 4711 [North Garage]
}

// Two tenants, each with a token and a URL of its own. An application keeps
// sums of tokens, never the tokens.
func ExampleTokenValidatorFunc() {
	tenants := map[[sha256.Size]byte]string{
		sha256.Sum256([]byte("token-of-acme")):   "acme",
		sha256.Sum256([]byte("token-of-globex")): "globex",
	}
	tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		tenant, ok := tenants[sha256.Sum256([]byte(token))]
		if !ok {
			return scim.Principal{}, scim.ErrUnauthorized
		}
		return scim.Principal{Tenant: tenant}, nil
	})
	h, err := scim.NewHandler(new(memstore.Store), tokens, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/{tenant}/v2/", h)

	const ada = `{"userName": "ada"}`
	fmt.Println(post(mux, "/scim/acme/v2/Users", "token-of-acme", ada).Code)
	fmt.Println(post(mux, "/scim/globex/v2/Users", "token-of-globex", ada).Code) // another Ada
	fmt.Println(post(mux, "/scim/globex/v2/Users", "token-of-acme", ada).Code)
	// Output:
	// 201
	// 201
	// 401
}

// A filter is resolved against the schema when it is parsed. Names and most
// values have no case.
func ExampleResourceType_ParseFilter() {
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	filter, err := users.ParseFilter(`USERNAME eq "ada@CONTOSO.example" and emails[type eq "work"].value co "contoso"`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filter)

	doc, _, err := users.Encode(scim.User{
		UserName: "Ada@contoso.example", Active: true,
		Emails: []scim.Value{{Value: "ada@contoso.example", Type: "work"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scim.Match(filter, &scim.Resource{Document: doc}))

	_, err = users.ParseFilter(`shoeSize gt 42`)
	fmt.Println(err)
	// Output:
	// userName eq "ada@CONTOSO.example" and emails[type eq "work" and value co "contoso"]
	// true <nil>
	// scim: invalid filter: filter, character 1: User has no attribute "shoeSize"
}

// What Entra sends becomes the document that a Store keeps.
func ExampleResourceType_ParsePatch() {
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	doc, _, err := users.Encode(scim.User{UserName: "ada@contoso.example", Active: true})
	if err != nil {
		log.Fatal(err)
	}
	patch, err := users.ParsePatch([]byte(`{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [
			{"op": "Replace", "path": "active", "value": "False"},
			{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "ada@contoso.example"},
			{"op": "Add", "path": "name.givenName", "value": "Ada"}
		]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	change, err := patch.Apply(&scim.Resource{Version: "7", Document: doc})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change.Document)
	fmt.Println("to be stored if the version is still", change.Version)
	// Output:
	// {"userName":"ada@contoso.example","name":{"givenName":"Ada"},"active":false,"emails":[{"value":"ada@contoso.example","type":"work"}]}
	// to be stored if the version is still 7
}

// each yields the resources without an error, as Select wants them.
func each(resources []*scim.Resource) iter.Seq2[*scim.Resource, error] {
	return func(yield func(*scim.Resource, error) bool) {
		for _, r := range resources {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// An application changes a user itself as a client would: with a patch, whose Change it
// gives to the Store. No hook is told of it: the application knows what it does.
func ExamplePatch_Apply() {
	ctx := context.Background()
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	store := new(memstore.Store)
	document, keys, err := users.Encode(scim.User{UserName: "ann@example.com", Active: true})
	if err != nil {
		log.Fatal(err)
	}
	made, err := store.Create(ctx, scim.Ref{Tenant: "acme", Type: "User"}, scim.Change{Document: document, Keys: keys})
	if err != nil {
		log.Fatal(err)
	}

	deactivate, err := users.ParsePatch([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations":[{"op":"replace","path":"active","value":false}]}`))
	if err != nil {
		log.Fatal(err)
	}
	for {
		user, err := store.Get(ctx, made.Resource.Ref, scim.Projection{})
		if err != nil {
			log.Fatal(err)
		}
		change, err := deactivate.Apply(user)
		if err != nil || change.IsZero() {
			log.Fatal(err) // or there is nothing to change
		}
		after, err := store.Update(ctx, user.Ref, change)
		if errors.Is(err, scim.ErrVersion) {
			continue // somebody has changed it meanwhile
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(after.Resource.User().Active)
		break
	}
	// Output: false
}

// The List of a Store that keeps its users in a slice, and finds those that
// carry a Key in a map.
func ExampleSelect() {
	users, err := scim.UserType()
	if err != nil {
		log.Fatal(err)
	}
	var all []*scim.Resource
	carrying := map[scim.Key][]*scim.Resource{}
	for _, name := range []string{"ada@contoso.example", "charles@contoso.example"} {
		doc, keys, err := users.Encode(scim.User{UserName: name, Active: true})
		if err != nil {
			log.Fatal(err)
		}
		r := &scim.Resource{Document: doc, Keys: keys}
		all = append(all, r)
		for _, key := range keys {
			carrying[key] = append(carrying[key], r)
		}
	}

	list := func(q scim.Query) (*scim.Page, error) {
		candidates := all
		for key := range scim.RequiredKeys(q.Filter) {
			candidates = carrying[key]
		}
		fmt.Println("candidates:", len(candidates))
		return scim.Select(each(candidates), q)
	}

	for _, src := range []string{`userName eq "ADA@contoso.example" and active eq true`, `userName sw "c"`} {
		filter, err := users.ParseFilter(src)
		if err != nil {
			log.Fatal(err)
		}
		page, err := list(scim.Query{Filter: filter, Limit: 10})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Total, page.Resources[0].User().UserName)
	}
	// Output:
	// candidates: 1
	// 1 ada@contoso.example
	// candidates: 2
	// 1 charles@contoso.example
}

func ExampleErrorf() {
	err := scim.Errorf(scim.ErrForbidden, "all %d seats of your plan are taken: add seats, and Entra will try again", 50)
	fmt.Println(err)
	fmt.Println(errors.Is(err, scim.ErrForbidden))
	// Output:
	// scim: forbidden: all 50 seats of your plan are taken: add seats, and Entra will try again
	// true
}
