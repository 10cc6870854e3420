// Extension serves users with attributes of the application's own, reads them
// into the application's own struct, and refuses a domain:
//
//	go run ./examples/extension
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// The extension: the attributes a user has besides those of RFC 7643. Schemas
// can be read from JSON as well, with scim.ParseSchema. Clients find it under
// /Schemas, and in Entra it is mapped to as
// urn:example:params:scim:schemas:extension:workplace:2.0:User:building.
const workplaceURI = "urn:example:params:scim:schemas:extension:workplace:2.0:User"

func workplaceExtension() scim.Extension {
	return scim.Extension{Schema: &scim.Schema{
		ID:   workplaceURI,
		Name: "Workplace",
		Attributes: []scim.Attribute{
			{Name: "building", Description: "Where the desk is", CanonicalValues: []string{"North", "South"}},
			{Name: "floor", Type: scim.TypeInteger},
			{Name: "keyCard", Type: scim.TypeBoolean, Description: "Whether a key card is wanted"},
			{Name: "startDate", Type: scim.TypeDateTime},
		},
	}}
}

// A workplace is the same in the application. Values have the schema's types
// already: what Entra sends as "3" and "True" is 3 and true here.
type workplace struct {
	Building  string    `json:"building"`
	Floor     int       `json:"floor"`
	KeyCard   bool      `json:"keyCard"`
	StartDate time.Time `json:"startDate"`
}

// The hooks of a reception that prepares key cards.
type reception struct {
	scim.NoHooks
	blocked []string // domains
	say     func(line string)
}

// Admit is asked before anything is stored. The text of a refusal is what the
// customer's admin reads in the provisioning log.
func (r reception) Admit(_ context.Context, e scim.Event) error {
	if e.Ref.Type != "User" || e.After == nil { // a deletion, or members of a group
		return nil
	}
	name := e.After.User().UserName
	_, domain, _ := strings.Cut(name, "@")
	if slices.Contains(r.blocked, strings.ToLower(domain)) {
		return scim.Errorf(scim.ErrConflict, "userName %q: users of %s are not admitted; take them out of the assignment", name, domain)
	}
	return nil
}

// OnUserStaged is told of a user who was stored for the first time.
func (r reception) OnUserStaged(_ context.Context, e scim.UserEvent) error { return r.prepare(e) }

// OnUserUpdated is told what changed, so that a new title prepares no card.
func (r reception) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	if !slices.Contains(e.Changed, workplaceURI) {
		return nil
	}
	return r.prepare(e)
}

func (r reception) prepare(e scim.UserEvent) error {
	var w workplace
	if found, err := e.After.DecodeExtension(workplaceURI, &w); err != nil || !found || !w.KeyCard {
		return err
	}
	r.say(fmt.Sprintf("a key card for %s: building %s, floor %d, from %s", e.User().UserName, w.Building, w.Floor, w.StartDate.Format(time.DateOnly)))
	return nil
}

func newHandler(token string, hooks scim.Hooks) (http.Handler, error) {
	users, err := scim.UserType(workplaceExtension())
	if err != nil {
		return nil, err
	}
	groups, err := scim.GroupType()
	if err != nil {
		return nil, err
	}
	return scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), &scim.Options{
		Types: []*scim.ResourceType{users, groups},
		Hooks: hooks,
	})
}

func main() {
	const addr, token = "127.0.0.1:8080", "an-example-has-no-secrets"
	handler, err := newHandler(token, reception{blocked: []string{"rival.example"}, say: func(line string) { fmt.Println(line) }})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf(`Try, in another terminal:

  curl -H 'Authorization: Bearer %[1]s' -H 'Content-Type: application/scim+json' http://%[2]s/Users -d '
    {"userName": "ada@contoso.example",
     "%[3]s": {"building": "North", "floor": 3, "keyCard": true, "startDate": "2026-10-01T00:00:00Z"}}'

and again with ada@rival.example.

`, token, addr, workplaceURI)
	server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
