package idp_test

import (
	"context"
	"fmt"
	"net/http/httptest"

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
