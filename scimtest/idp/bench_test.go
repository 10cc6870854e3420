package idp_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/idp"
)

// BenchmarkInitialCycle provisions 10,000 users, who have managers and most
// attributes, and 100 groups of 100 members to an endpoint in this process.
func BenchmarkInitialCycle(b *testing.B) {
	d := crowd(10_000, 100, 100)
	for _, again := range []bool{false, true} {
		name := "create"
		if again {
			name = "restart" // everything is read and compared, and nothing written
		}
		b.Run(name, func(b *testing.B) {
			requests := 0
			for b.Loop() {
				b.StopTimer()
				h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				server := httptest.NewServer(h)
				entra, err := idp.NewEntra(server.URL, token, nil)
				if err != nil {
					b.Fatal(err)
				}
				sync := func() {
					r, err := entra.Sync(b.Context(), d)
					if err != nil {
						b.Fatal(err)
					}
					requests = r.Requests()
				}
				if again {
					sync()
					entra.Restart(idp.KeepLinks)
				}
				b.StartTimer()
				sync()
				b.StopTimer()
				server.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(requests*b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func crowd(users, groups, members int) (d idp.Directory) {
	for i := range users {
		u := idp.User{
			ID: fmt.Sprintf("6f2c1d3e-0000-4000-9000-%012d", i), UserPrincipalName: fmt.Sprintf("user.%d@contoso.example", i),
			MailNickname: fmt.Sprintf("user%d", i), DisplayName: fmt.Sprintf("Üser %d O'Neil", i), GivenName: "Üser", Surname: "O'Neil",
			Mail: fmt.Sprintf("user.%d@contoso.example", i), JobTitle: "Guide", EmployeeID: fmt.Sprint(700000 + i), Department: "Sales & Marketing",
			BusinessPhones: []string{fmt.Sprintf("+1 425 555 %04d", i)}, MobilePhone: "+1 206 555 0140",
			OfficeLocation: "18/2111", StreetAddress: "1 Main St", City: "Redmond", State: "WA", PostalCode: "98052", Country: "US",
		}
		if i > 0 {
			u.Manager = d.Users[(i-1)/8].ID
		}
		d.Users = append(d.Users, u)
	}
	for i := range groups {
		g := idp.Group{ID: fmt.Sprintf("7f2c1d3e-0000-4000-9000-%012d", i), DisplayName: fmt.Sprintf("Group %d", i)}
		for k := range members {
			g.Members = append(g.Members, d.Users[(i*members+k)%users].ID)
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}
