package idp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/idp"
)

// Any endpoint will do; here it is one of package scim.
func ExampleEntra() {
	handler, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	directory := idp.Directory{
		Users: []idp.User{
			{ID: "1", UserPrincipalName: "ada@contoso.example", DisplayName: "Ada Lovelace"},
			{ID: "2", UserPrincipalName: "charles@contoso.example", DisplayName: "Charles Babbage", Manager: "1"},
		},
		Groups: []idp.Group{{ID: "3", DisplayName: "Engines", Members: []string{"1", "2"}}},
	}
	entra, err := idp.NewEntra(server.URL, "secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 2 {
		report, err := entra.Sync(ctx, directory)
		fmt.Printf("%s: %d requests, %d of them writes, error: %v\n", report.Run, report.Requests(), report.Writes(), err)
	}
	_, err = entra.Verify(ctx, directory)
	fmt.Println("the endpoint equals the directory:", err == nil)
	// Output:
	// initial cycle: 10 requests, 5 of them writes, error: <nil>
	// incremental cycle: 2 requests, 0 of them writes, error: <nil>
	// the endpoint equals the directory: true
}

// Mappings can be Entra's defaults with changes, or come from JSON.
func ExampleMapping() {
	mappings := idp.DefaultUserMappings()
	for i := range mappings {
		if mappings[i].Target == "externalId" {
			mappings[i] = idp.Mapping{Source: "objectId", Target: "externalId", Matching: 1}
		}
		if mappings[i].Target == "userName" {
			mappings[i].Matching = 2
		}
	}
	mappings = append(mappings,
		idp.Mapping{Source: `Coalesce([companyName], "Contoso")`, Target: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"},
		idp.Mapping{Source: "extensionAttribute1", Target: "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User:badge", CreateOnly: true})
	_, err := idp.NewEntra("https://app.example.com/scim/v2", "secret", &idp.Options{UserMappings: mappings})
	fmt.Println(err)

	mappings = append(mappings, idp.Mapping{Source: "Lower([mail])", Target: "nickName"})
	_, err = idp.NewEntra("https://app.example.com/scim/v2", "secret", &idp.Options{UserMappings: mappings})
	fmt.Println(strings.Split(err.Error(), ";")[0])
	// Output:
	// <nil>
	// idp: users: mapping of Lower([mail]) to nickName: there is no function Lower
}

// Shape tells requests of the real service from others; a test that observes
// an Entra can have each of them checked.
func ExampleShape() {
	fmt.Println(idp.Shape(idp.Exchange{
		Method: "PATCH", URL: "https://app.example.com/scim/v2/Users/7",
		RequestBody: []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`),
	}))
	fmt.Println(idp.Shape(idp.Exchange{Method: "PUT", URL: "https://app.example.com/scim/v2/Users/7"}))
	// Output:
	// <nil>
	// PUT Users/{id} is never sent
}

// The clock is simulated: weeks of cycles take no time.
func ExampleEntra_Advance() {
	broken := httptest.NewServer(http.NotFoundHandler())
	defer broken.Close()
	entra, err := idp.NewEntra(broken.URL, "secret", &idp.Options{Now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	report, _ := entra.Sync(ctx, idp.Directory{})
	fmt.Println("quarantine until", report.Quarantine.Next.Format(time.DateTime))
	entra.Advance(28 * 24 * time.Hour)
	report, _ = entra.Sync(ctx, idp.Directory{})
	fmt.Println("disabled:", report.Quarantine.Disabled)
	// Output:
	// quarantine until 2026-09-01 14:00:00
	// disabled: true
}
