// Package company makes directories to test with: companies of any size whose
// people have the names that people have. There are names in sixteen
// scripts, some of them written from right to left; apostrophes, hyphens,
// particles, single names and very long ones; emoji and combining characters;
// offices, departments, a tree of managers, groups in groups, guests, and
// people whose sign-in is blocked.
//
//	directory := company.New(company.Options{Users: 5000, Seed: 7})
//
// Everybody in them is invented, mail domains end in .example, and the same
// Options always make the same directory. The package imports the standard
// library alone.
package company

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/usherkit/scim/scimtest/idp"
)

// Options say which company it shall be. The zero Options make one of nobody.
type Options struct {
	Users  int    // how many people; the first one is the head of the company
	Groups int    // how many groups; 0: as many as suit the number of users; negative: none
	Seed   uint64 // companies of different seeds have different people
	Domain string // default: "contoso.example"
}

// New makes a directory. It is valid, and a few facts hold in every one:
// userPrincipalName, mailNickname, employeeId and the groups' displayName are
// unique, whatever the case of their letters; whoever is no guest is led, over
// some steps, by the first user; the first group has all users as members and
// the second one has none.
func New(o Options) idp.Directory {
	if o.Domain == "" {
		o.Domain = "contoso.example"
	}
	b := newBuilder(o)
	b.found(max(o.Users, 0))
	b.organise()
	if len(b.users) > 0 {
		b.group()
	}
	return idp.Directory{Users: b.users, Groups: b.groups}
}

// A builder makes one directory, or more of it.
type builder struct {
	Options
	*rand.Rand
	users  []idp.User
	groups []idp.Group

	names, nicknames map[string]int // those taken, with the number that the next namesake tries
	number           int            // the last employee's

	offices []*office
	teams   [][]team // by department
}

func newBuilder(o Options) *builder {
	return &builder{
		Options: o, Rand: rand.New(rand.NewPCG(o.Seed, 0xc0)),
		names: map[string]int{}, nicknames: map[string]int{}, number: 999,
	}
}

// A person is somebody before there is an account.
type person struct {
	given, surname, display string
	login                   string // the part before the @, if it does not follow from the names
	culture                 *culture
}

// found makes the first users, without a place in the organisation.
func (b *builder) found(n int) {
	order := b.Perm(len(cultures))
	for _, i := range order[:min(len(order), 2+n/12)] {
		b.offices = append(b.offices, &cultures[i].office)
	}
	odd := b.Perm(len(oddities))
	b.users = make([]idp.User, n)
	for i := range n {
		var p person
		switch {
		case i%3 == 2 && i/3 < len(odd): // soon, so that small companies have them too
			p = oddities[odd[i/3]]
		case i < 2*len(order): // and everybody's script
			p = b.person(cultures[order[i%len(order)]])
		default:
			p = b.person(cultures[b.IntN(len(cultures))])
		}
		b.users[i] = b.account(p, i > 10)
		if i == 0 {
			b.users[i].Disabled = false
		}
	}
}

// isGuest tells guests by what they never have.
func isGuest(u *idp.User) bool { return u.EmployeeID == "" }

// person makes up somebody of a culture.
func (b *builder) person(c *culture) person {
	given, family := c.men, c.family
	if b.IntN(2) == 0 {
		given = c.women
		if c.familyWomen != nil {
			family = c.familyWomen
		}
	}
	g, f := given[b.IntN(len(given))], name{}
	if len(family) > 0 {
		f = family[b.IntN(len(family))]
	}
	if c.double > 0 && b.IntN(c.double) == 0 {
		if second := family[b.IntN(len(family))]; second != f {
			f = name{f.text + c.join + second.text, f.latin + second.latin}
		}
	}
	p := person{given: g.text, surname: f.text, login: strings.Trim(g.latin+"."+f.latin, "."), culture: c}
	switch {
	case f.text == "":
		p.display = g.text
	case c.familyFirst:
		p.display = f.text + c.space + g.text
	default:
		p.display = g.text + " " + f.text
	}
	return p
}

// account makes the account of somebody. Some have what testers forget:
// decomposed letters, emoji, capitals and plus signs in addresses, no mail. Only
// where it may be so is it the account of a guest.
func (b *builder) account(p person, anybody bool) idp.User {
	if p.login == "" {
		p.login = login(p.given + "." + p.surname)
	}
	if p.culture == nil {
		p.culture = cultures[b.IntN(len(cultures))]
	}
	at := b.office(p.culture)
	b.number++
	u := idp.User{
		ID: b.guid(), DisplayName: p.display, GivenName: p.given, Surname: p.surname,
		EmployeeID: fmt.Sprintf("%07d", b.number), // the leading zeros are part of it
		Disabled:   b.oneIn(33),
	}
	if b.oneIn(40) { // as some keyboards write it: a letter, and its accent after it
		u.GivenName, u.Surname, u.DisplayName = decompose(u.GivenName), decompose(u.Surname), decompose(u.DisplayName)
	}
	if b.oneIn(60) {
		u.DisplayName += " " + emoji[b.IntN(len(emoji))]
	}
	local := unique(b.names, p.login, "")
	u.MailNickname = unique(b.nicknames, nickname(p.login), "")
	if anybody && b.oneIn(50) {
		partner := partners[b.IntN(len(partners))]
		// The directory knows a guest as ana_fabrikam.example#EXT#@contoso…;
		// what is provisioned is what remains when Entra has taken that off.
		u.UserPrincipalName = local + "@" + partner
		u.Mail, u.EmployeeID = u.UserPrincipalName, ""
		u.DisplayName += " (" + strings.TrimSuffix(partner, ".example") + ")"
		return u
	}
	u.UserPrincipalName = local + "@" + b.Domain
	u.Mail = u.UserPrincipalName
	switch {
	case b.oneIn(25): // an account made in another century
		u.UserPrincipalName = strings.ToUpper(local) + "@" + b.Domain
	case b.oneIn(25):
		u.UserPrincipalName = capitals(local) + "@" + b.Domain
	case b.oneIn(50):
		u.Mail = local + "+" + tags[b.IntN(len(tags))] + "@" + b.Domain
	case b.oneIn(100):
		u.Mail = ""
	}
	u.PreferredLanguage = p.culture.language
	b.sits(&u, at)
	if !b.oneIn(10) {
		u.BusinessPhones = []string{b.desk(at)}
	}
	if b.oneIn(2) {
		u.MobilePhone = b.mobile(at)
	}
	if b.oneIn(30) {
		u.FaxNumber = b.desk(at)
	}
	return u
}

// sits puts somebody into an office.
func (b *builder) sits(u *idp.User, at *office) {
	u.OfficeLocation = fmt.Sprintf("%s, %d/%d", at.name, 1+b.IntN(4), 1000+b.IntN(3000))
	u.StreetAddress, u.PostalCode, u.City, u.State, u.Country = at.street, at.postalCode, at.city, at.state, at.country
}

// desk and mobile make telephone numbers.
func (b *builder) desk(at *office) string { return fmt.Sprintf("%s 555 %04d", at.phone, b.IntN(10000)) }

func (b *builder) mobile(at *office) string {
	return fmt.Sprintf("%s 555 %03d %03d", at.phone, b.IntN(1000), b.IntN(1000))
}

// office is where somebody of a culture works: at home, as a rule.
func (b *builder) office(c *culture) *office {
	for _, o := range b.offices {
		if o == &c.office && !b.oneIn(5) {
			return o
		}
	}
	return b.offices[b.IntN(len(b.offices))]
}

func (b *builder) oneIn(n int) bool { return b.IntN(n) == 0 }

// guid makes a random UUID.
func (b *builder) guid() string {
	x, y := b.Uint64(), b.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", x>>32, x>>16&0xffff, x&0xfff, y>>48&0x3fff|0x8000, y&0xffffffffffff)
}

// unique returns the name, with a number behind it if it is taken by one that
// an endpoint may take for the same, as composed and decomposed letters are.
func unique(taken map[string]int, name, before string) string {
	key := same(name)
	n, there := taken[key]
	if !there {
		taken[key] = 2
		return name
	}
	for ; ; n++ {
		numbered := fmt.Sprint(name, before, n)
		if _, there := taken[same(numbered)]; !there {
			taken[key], taken[same(numbered)] = n+1, 2
			return numbered
		}
	}
}

func same(name string) string { return decompose(strings.ToLower(name)) }

// login makes the part of a user name before the @: letters of ASCII, and of
// what else is in names the apostrophe and the hyphen.
func login(name string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '\'':
			out.WriteRune(r)
		case r == '’':
			out.WriteRune('\'')
		default:
			out.WriteString(ascii[r])
		}
	}
	return strings.Trim(out.String(), ".-'")
}

// nickname is the first letter and the surname: "oconnor" of "amelia.o'connor"
// gets "ao".
func nickname(login string) string {
	given, surname, ok := strings.Cut(login, ".")
	if ok && given != "" {
		given = given[:1]
	}
	return withoutMarks.Replace(given + surname)
}

var withoutMarks = strings.NewReplacer(".", "", "'", "", "-", "")

// capitals writes "Amelia.O'Connor".
func capitals(local string) string {
	start := true
	return strings.Map(func(r rune) rune {
		if start {
			r = unicode.ToUpper(r)
		}
		start = !unicode.IsLetter(r) && !unicode.IsDigit(r)
		return r
	}, local)
}

// decompose writes accented letters as a letter and combining accents, as
// Unicode's normalization form D does.
func decompose(s string) string {
	var out strings.Builder
	for _, r := range s {
		if parts, ok := decomposed[r]; ok {
			out.WriteString(parts)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
