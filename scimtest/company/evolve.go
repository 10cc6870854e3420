package company

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim/scimtest/idp"
)

// Evolve returns what becomes of a directory in some time. Of two hundred
// people about one each is hired, leaves for good, is blocked and let in again,
// gets another surname, another department and manager, another title, and
// joins or leaves a group; and a group gets another name. The directory is
// valid again, and no property of those who stay becomes empty. It need not
// come from this package. The same directory and seed have the same future.
func Evolve(d idp.Directory, seed uint64) idp.Directory {
	d = d.Clone()
	if len(d.Users) < 2 {
		return d
	}
	b := newBuilder(Options{Seed: seed, Domain: "contoso.example"})
	if _, domain, ok := strings.Cut(d.Users[0].UserPrincipalName, "@"); ok {
		b.Domain = domain
	}
	for i := range cultures {
		b.offices = append(b.offices, &cultures[i].office)
	}
	now := fnv.New64a() // so that the next time brings others, from the same seed too
	for _, u := range d.Users {
		now.Write([]byte(u.ID))
		local, _, _ := strings.Cut(u.UserPrincipalName, "@")
		b.names[same(local)], b.nicknames[same(u.MailNickname)] = 2, 2
		if n, err := strconv.Atoi(u.EmployeeID); err == nil {
			b.number = max(b.number, n)
		}
	}
	b.Rand = rand.New(rand.NewPCG(seed, now.Sum64()))
	few := 1 + len(d.Users)/200
	anybody := func() *idp.User { return &d.Users[1+b.IntN(len(d.Users)-1)] } // but the first, who leads the company
	for range few {
		u := anybody()
		u.Disabled = !u.Disabled
		if i := slices.IndexFunc(d.Users, func(u idp.User) bool { return u.Disabled }); i > 0 && b.oneIn(2) {
			d.Users[i].Disabled = false
		}
		u, p := anybody(), b.person(cultures[b.IntN(len(cultures))])
		if p.surname != "" && u.Surname != "" {
			u.DisplayName = strings.ReplaceAll(u.DisplayName, u.Surname, p.surname)
			u.Surname = p.surname
		}
		u = anybody()
		u.JobTitle = "Senior " + strings.TrimPrefix(u.JobTitle, "Senior ")
		if u, colleague := anybody(), anybody(); leads(&d, u.ID) == 0 && colleague.Manager != "" && colleague.Manager != u.ID && colleague.Department != "" {
			u.Department, u.Manager = colleague.Department, colleague.Manager
		}
	}
	for range few {
		b.join(&d, anybody().ID, b.account(b.person(cultures[b.IntN(len(cultures))]), true))
	}
	for range min(few, len(d.Users)-2) {
		gone := *anybody()
		for i := range d.Users { // whose manager leaves gets the next one up
			if d.Users[i].Manager == gone.ID {
				d.Users[i].Manager = gone.Manager
			}
		}
		d.Remove(gone.ID)
	}
	if len(d.Groups) > 0 {
		for range few {
			g, u := &d.Groups[b.IntN(len(d.Groups))], anybody()
			if i := slices.Index(g.Members, u.ID); i >= 0 {
				g.Members = slices.Delete(g.Members, i, i+1)
			} else {
				g.Members = append(g.Members, u.ID)
			}
		}
		g := &d.Groups[b.IntN(len(d.Groups))]
		taken := map[string]int{}
		for _, other := range d.Groups {
			taken[same(other.DisplayName)] = 2
		}
		g.DisplayName = unique(taken, fmt.Sprintf("%s – %s", strings.Split(g.DisplayName, " – ")[0], topics[b.IntN(len(topics))]), " ")
	}
	return d
}

// leads counts those who report to somebody.
func leads(d *idp.Directory, id string) (n int) {
	for _, u := range d.Users {
		if u.Manager == id {
			n++
		}
	}
	return n
}

// join hires somebody to work beside a colleague, in the same groups.
func (b *builder) join(d *idp.Directory, colleague string, u idp.User) {
	beside := d.User(colleague)
	if !isGuest(&u) {
		u.Department, u.JobTitle, u.Manager = beside.Department, "Trainee", beside.Manager
		if u.Manager == "" {
			u.Manager = d.Users[0].ID
		}
	}
	d.Users = append(d.Users, u)
	for i := range d.Groups {
		if g := &d.Groups[i]; slices.Contains(g.Members, colleague) {
			g.Members = append(g.Members, u.ID)
		}
	}
}
