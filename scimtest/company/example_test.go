package company_test

import (
	"fmt"

	"github.com/usherkit/scim/scimtest/company"
)

// The same Options make the same company, and the same seed gives it the same
// future.
func Example() {
	d := company.New(company.Options{Users: 50, Groups: 8, Seed: 7})
	fmt.Println(len(d.Users), "users, of whom the first leads:", d.Users[0].JobTitle)
	fmt.Println(d.Groups[0].DisplayName, len(d.Groups[0].Members))

	later := company.Evolve(d, 1)
	hired := later.Users[len(later.Users)-1]
	fmt.Println(hired.JobTitle, later.User(hired.Manager) != nil)
	// Output:
	// 50 users, of whom the first leads: Chief Executive Officer
	// All Employees 50
	// Trainee true
}
