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
// people about one each is hired, leaves for good, is blocked or let in again,
// marries and gets another surname, userPrincipalName and mail, is called by
// another given name, gets another department and manager, another title,
// another mail alone, another office, other telephone numbers, another language,
// loses the manager, gets a number and other things that were empty until then,
// and joins or leaves a group; and a group gets another name. That is, as far
// as there are people to whom it can happen, each attribute that Entra
// provisions by default, but for mailNickname and employeeId, which stay for
// life.
//
// The directory is valid again, and its names are unique as before. Of the
// properties of those who stay only the manager becomes empty, and only where
// nobody is led by the one who loses it. It need not come from this package.
// The same directory and seed have the same future.
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
		local, _, _ = strings.Cut(u.Mail, "@")
		b.names[same(local)] = 2
		if n, err := strconv.Atoi(u.EmployeeID); err == nil {
			b.number = max(b.number, n)
		}
	}
	b.Rand = rand.New(rand.NewPCG(seed, now.Sum64()))
	f := &future{builder: b, d: &d, changed: map[string]bool{}}
	few := 1 + len(d.Users)/200
	for range few {
		f.block()
		for _, happens := range []func() bool{
			f.marries, f.isCalled, f.changesTeam, f.isPromoted, f.getsMail, f.moves, f.getsNumbers, f.learns, f.losesManager, f.getsPhone, f.getsDesk, f.completes,
		} {
			happens()
		}
	}
	for range few {
		b.join(&d, f.anybody().ID, b.account(b.person(cultures[b.IntN(len(cultures))]), true))
	}
	for range min(few, len(d.Users)-2) {
		f.leaves()
	}
	if len(d.Groups) > 0 {
		for range few {
			f.regroup()
		}
		f.renameGroup()
	}
	return d
}

// A future is what happens to a directory.
type future struct {
	*builder
	d       *idp.Directory
	changed map[string]bool // who has had enough for one time
}

// anybody but the first, who leads the company.
func (f *future) anybody() *idp.User { return &f.d.Users[1+f.IntN(len(f.d.Users)-1)] }

// somebody finds a user, not the first one, to whom something can happen: one
// who is there to be seen and to whom nothing has happened yet, if possible. It
// returns nil if there is nobody.
func (f *future) somebody(can func(*idp.User) bool) (found *idp.User) {
	rest := f.d.Users[1:]
	start := f.IntN(len(rest))
	for i := range rest {
		u := &rest[(start+i)%len(rest)]
		if !can(u) {
			continue
		}
		if !u.SoftDeleted() && !f.changed[u.ID] {
			found = u
			break
		}
		if found == nil {
			found = u
		}
	}
	if found != nil {
		f.changed[found.ID] = true
	}
	return found
}

// change lets something happen to somebody to whom it can.
func (f *future) change(can func(*idp.User) bool, happens func(*idp.User)) bool {
	u := f.somebody(can)
	if u != nil {
		happens(u)
	}
	return u != nil
}

// mayLeave is true of half of the people, and for life.
func mayLeave(u *idp.User) bool {
	h := fnv.New32a()
	h.Write([]byte(u.ID))
	return h.Sum32()>>8%2 == 0
}

// block blocks somebody or lets somebody in again, and half the time somebody
// else is let in.
func (f *future) block() {
	u := f.anybody()
	u.Disabled = !u.Disabled
	if i := slices.IndexFunc(f.d.Users, func(u idp.User) bool { return u.Disabled }); i > 0 && f.oneIn(2) {
		f.d.Users[i].Disabled = false
	}
}

// marries changes the surname and what follows from it. A guest's address is
// that of somebody else's directory and stays. Trainees, who were hired by
// Evolve, do not marry, nor does anybody who may leave: an identity provider
// that deactivates who has left would leave an account of the new name behind,
// in the way of those who marry when the same future is played again.
func (f *future) marries() bool {
	return f.change(func(u *idp.User) bool {
		return u.Surname != "" && f.isHere(u.UserPrincipalName) && !strings.HasSuffix(u.JobTitle, "Trainee") && !mayLeave(u)
	}, func(u *idp.User) {
		p := f.person(cultures[f.IntN(len(cultures))])
		for p.surname == "" || p.surname == u.Surname {
			p = f.person(cultures[f.IntN(len(cultures))])
		}
		u.DisplayName = strings.ReplaceAll(u.DisplayName, u.Surname, p.surname)
		u.Surname = p.surname
		local, domain, _ := strings.Cut(u.UserPrincipalName, "@")
		given, _, _ := strings.Cut(local, ".")
		_, surname, _ := strings.Cut(p.login, ".")
		if len(given)+len(surname) > 50 {
			given = given[:1]
		}
		u.UserPrincipalName = unique(f.names, given+"."+surname, "") + "@" + domain
		u.Mail = strings.ToLower(u.UserPrincipalName)
	})
}

// isHere reports whether an address is one of the company's, and so not a
// guest's.
func (f *future) isHere(address string) bool {
	local, domain, _ := strings.Cut(address, "@")
	return local != "" && strings.EqualFold(domain, f.Domain) && !strings.Contains(local, "#")
}

// isCalled changes the given name, as somebody does who is known by another.
func (f *future) isCalled() bool {
	return f.change(func(u *idp.User) bool { return u.GivenName != "" }, func(u *idp.User) {
		p := f.person(cultures[f.IntN(len(cultures))])
		for p.given == u.GivenName {
			p = f.person(cultures[f.IntN(len(cultures))])
		}
		u.DisplayName = strings.Replace(u.DisplayName, u.GivenName, p.given, 1)
		u.GivenName = p.given
	})
}

func (f *future) changesTeam() bool {
	colleague := f.somebody(func(u *idp.User) bool { return u.Manager != "" && u.Department != "" })
	return colleague != nil && f.change(func(u *idp.User) bool {
		return u.ID != colleague.Manager && u.ID != colleague.ID && (u.Manager != colleague.Manager || u.Department != colleague.Department) && f.isHere(u.UserPrincipalName) && !leads(f.d, u.ID)
	}, func(u *idp.User) {
		u.Department, u.Manager = colleague.Department, colleague.Manager
	})
}

func (f *future) isPromoted() bool {
	return f.change(func(u *idp.User) bool { return u.JobTitle != "" && !strings.HasPrefix(u.JobTitle, "Senior ") }, func(u *idp.User) {
		u.JobTitle = "Senior " + u.JobTitle
	})
}

// getsMail changes the mail and not the userPrincipalName.
func (f *future) getsMail() bool {
	return f.change(func(u *idp.User) bool { return f.isHere(u.Mail) }, func(u *idp.User) {
		local, domain, _ := strings.Cut(u.Mail, "@")
		local, _, _ = strings.Cut(local, "+")
		u.Mail = unique(f.names, local, ".") + "@" + domain
	})
}

// moves changes the office to one of whose address no less is known.
func (f *future) moves() bool {
	return f.change(func(u *idp.User) bool { return u.City != "" }, func(u *idp.User) {
		var places []*office
		for _, o := range f.offices {
			if o.city != u.City && (o.state != "" || u.State == "") && (o.postalCode != "" || u.PostalCode == "") {
				places = append(places, o)
			}
		}
		f.sits(u, places[f.IntN(len(places))])
	})
}

// getsNumbers changes all numbers that somebody has.
func (f *future) getsNumbers() bool {
	return f.change(func(u *idp.User) bool { return len(u.BusinessPhones) > 0 && u.MobilePhone != "" }, func(u *idp.User) {
		at := f.offices[f.IntN(len(f.offices))]
		u.BusinessPhones[0] = f.desk(at)
		u.MobilePhone = f.mobile(at)
		if u.FaxNumber != "" {
			u.FaxNumber = f.desk(at)
		}
	})
}

func (f *future) learns() bool {
	return f.change(func(u *idp.User) bool { return u.PreferredLanguage != "" }, func(u *idp.User) {
		for was := u.PreferredLanguage; u.PreferredLanguage == was; {
			u.PreferredLanguage = cultures[f.IntN(len(cultures))].language
		}
	})
}

func (f *future) losesManager() bool {
	return f.change(func(u *idp.User) bool { return u.Manager != "" && !leads(f.d, u.ID) }, func(u *idp.User) { u.Manager = "" })
}

// getsPhone gives a mobile to somebody who had none.
func (f *future) getsPhone() bool {
	return f.change(func(u *idp.User) bool { return u.MobilePhone == "" }, func(u *idp.User) {
		u.MobilePhone = f.mobile(f.offices[f.IntN(len(f.offices))])
	})
}

// getsDesk gives somebody the first number, or a fax machine.
func (f *future) getsDesk() bool {
	at := f.offices[f.IntN(len(f.offices))]
	return f.change(func(u *idp.User) bool { return len(u.BusinessPhones) == 0 }, func(u *idp.User) { u.BusinessPhones = []string{f.desk(at)} }) ||
		f.change(func(u *idp.User) bool { return u.FaxNumber == "" }, func(u *idp.User) { u.FaxNumber = f.desk(at) })
}

// completes fills in what is not known of somebody: guests have no office and
// no language, some people no mail, and some one name alone.
func (f *future) completes() bool {
	missing := func(u *idp.User) bool {
		return u.City == "" || u.PreferredLanguage == "" || u.Mail == "" || u.Department == "" || u.JobTitle == "" || u.Surname == ""
	}
	return f.change(missing, func(u *idp.User) {
		c := cultures[f.IntN(len(cultures))]
		if u.City == "" {
			f.sits(u, &c.office)
		}
		if u.PreferredLanguage == "" {
			u.PreferredLanguage = c.language
		}
		if u.Mail == "" && f.isHere(u.UserPrincipalName) {
			u.Mail = strings.ToLower(u.UserPrincipalName)
		}
		if u.Department == "" {
			u.Department = "External"
		}
		if u.JobTitle == "" {
			u.JobTitle = "Consultant"
		}
		if p := f.person(c); u.Surname == "" && p.surname != "" {
			u.Surname = p.surname
		}
	}) || f.change(func(u *idp.User) bool { return u.FaxNumber == "" }, func(u *idp.User) {
		u.FaxNumber = f.desk(f.offices[f.IntN(len(f.offices))])
	})
}

// leaves takes somebody out for good, and best nobody to whom something else
// has just happened. Those who were led get the next manager up.
func (f *future) leaves() {
	u := f.somebody(mayLeave)
	if u == nil {
		return
	}
	gone := *u
	for i := range f.d.Users {
		if f.d.Users[i].Manager == gone.ID {
			f.d.Users[i].Manager = gone.Manager
		}
	}
	f.d.Remove(gone.ID)
}

// regroup takes a member out of a group that has more, and puts another one
// in.
func (f *future) regroup() {
	groups := f.d.Groups
	start := f.IntN(len(groups))
	for i := range groups {
		if g := &groups[(start+i)%len(groups)]; len(g.Members) > 1 {
			at := f.IntN(len(g.Members))
			g.Members = slices.Delete(g.Members, at, at+1)
			break
		}
	}
	for range 3 { // of some groups all are members
		g := &groups[f.IntN(len(groups))]
		members := map[string]bool{}
		for _, m := range g.Members {
			members[m] = true
		}
		if u := f.somebody(func(u *idp.User) bool { return !members[u.ID] }); u != nil {
			g.Members = append(g.Members, u.ID)
			return
		}
	}
}

func (f *future) renameGroup() {
	g := &f.d.Groups[f.IntN(len(f.d.Groups))]
	taken := map[string]int{}
	for _, other := range f.d.Groups {
		taken[same(other.DisplayName)] = 2
	}
	g.DisplayName = unique(taken, fmt.Sprintf("%s – %s", strings.Split(g.DisplayName, " – ")[0], topics[f.IntN(len(topics))]), " ")
}

// leads reports whether somebody reports to a user.
func leads(d *idp.Directory, id string) bool {
	return slices.ContainsFunc(d.Users, func(u idp.User) bool { return u.Manager == id })
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
