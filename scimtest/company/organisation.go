package company

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/usherkit/scim/scimtest/idp"
)

// A department is a part of the company. Its weight is its share of the
// people.
type department struct {
	name   string
	weight int
	titles []string
}

var departments = []department{
	{"Engineering", 30, []string{"Software Engineer", "Senior Software Engineer", "Staff Engineer", "Site Reliability Engineer", "QA Engineer", "Engineer C++/C#"}},
	{"Sales", 20, []string{"Account Executive", "Sales Engineer", "Account Manager", "Vertriebsmitarbeiter (m/w/d)"}},
	{"Customer Success", 12, []string{"Customer Success Manager", "Support Engineer", "Onboarding Specialist"}},
	{"People & Culture", 4, []string{"Recruiter", "HR Business Partner", "Learning & Development Partner"}},
	{"Finance", 6, []string{"Accountant", "Financial Analyst", "Payroll Specialist", "Contrôleur de gestion"}},
	{"R&D", 8, []string{"Researcher", "Principal Scientist, Ph.D.", "Lab Technician"}},
	{"Marketing", 6, []string{"Content Strategist", "Brand Manager", "Événementiel"}},
	{"IT", 5, []string{"System Administrator", "Security Analyst", "Service Desk Agent"}},
	{"Legal", 2, []string{"Counsel", "Contracts Manager", "Paralegal"}},
	{"Produktentwicklung", 8, []string{"Product Manager", "Product Designer", "Technical Writer"}},
	{"Opérations", 10, []string{"Operations Analyst", "Logistics Coordinator", "Facility Manager"}},
	{"営業部", 6, []string{"営業", "営業課長代理", "アカウントマネージャー"}},
	{`Procurement "Indirect"`, 2, []string{"Buyer", "Category Manager"}},
	{"Health, Safety / Environment", 2, []string{"Safety Officer", "Industrial Hygienist"}},
}

// A team is a manager and those who report to them.
type team struct {
	lead    int
	members []int
}

// organise gives everybody a department, a manager and a title.
func (b *builder) organise() {
	if len(b.users) == 0 {
		return
	}
	head := &b.users[0]
	head.JobTitle, head.Department = "Chief Executive Officer", "Executive Office"
	open := departments[:min(len(departments), 2+len(b.users)/15)]
	total := 0
	for _, d := range open {
		total += d.weight
	}
	staff := make([][]int, len(open))
	for i := 1; i < len(b.users); i++ {
		in := i - 1 // the first ones lead a department each
		if i > len(open) {
			in = 0
			for n := b.IntN(total); n >= open[in].weight; in++ {
				n -= open[in].weight
			}
		}
		if isGuest(&b.users[i]) {
			b.users[i].JobTitle = "Consultant"
			continue
		}
		staff[in] = append(staff[in], i)
	}
	b.teams = make([][]team, len(open))
	for in, people := range staff {
		b.teams[in] = b.department(open[in], people)
	}
}

// department makes the tree of a department: each of its people leads the next
// few who have no manager yet.
func (b *builder) department(d department, people []int) (teams []team) {
	for n, i := range people {
		u := &b.users[i]
		u.Department = d.name
		u.JobTitle = d.titles[b.IntN(len(d.titles))]
		if n == 0 {
			u.Manager, u.JobTitle = b.users[0].ID, "VP "+d.name
		}
	}
	next := 1
	for _, lead := range people {
		if next >= len(people) {
			break
		}
		size := min(4+b.IntN(6), len(people)-next)
		t := team{lead, people[next : next+size]}
		next += size
		for _, m := range t.members {
			b.users[m].Manager = b.users[lead].ID
		}
		if len(teams) > 0 {
			b.users[lead].JobTitle = d.name + " Team Lead"
		}
		teams = append(teams, t)
	}
	return teams
}

// group makes the groups, those first that a small number of them should have.
func (b *builder) group() {
	n := b.Groups
	if n == 0 {
		n = max(5, int(1.5*math.Sqrt(float64(len(b.users)))))
	}
	g := &grouping{builder: b, most: n, names: map[string]int{}}
	all := func(int) bool { return true }
	g.add("All Employees", g.where(all))
	g.add("Founders' Circle (nobody yet)", nil)
	g.departments()
	g.add("Guests", g.where(func(i int) bool { return isGuest(&b.users[i]) }))
	leads := map[int]bool{0: true}
	for _, teams := range b.teams {
		for _, t := range teams {
			leads[t.lead] = true
		}
	}
	g.add("Managers", g.where(func(i int) bool { return leads[i] }))
	for _, o := range b.offices {
		g.add(o.group, g.where(func(i int) bool { return !isGuest(&b.users[i]) && b.users[i].City == o.city }))
	}
	for len(b.groups) < n {
		topic, pattern := topics[b.IntN(len(topics))], patterns[b.IntN(len(patterns))]
		size := min(len(b.users), 1+int(b.ExpFloat64()*20))
		g.add(fmt.Sprintf(pattern, topic), g.some(size))
	}
	b.groups = b.groups[:max(0, min(n, len(b.groups)))]
}

type grouping struct {
	*builder
	most  int
	names map[string]int
}

// add adds a group, if there may be one more, and returns its id.
func (g *grouping) add(name string, members []string) (id string) {
	if len(g.groups) >= g.most {
		return ""
	}
	id = g.guid()
	g.groups = append(g.groups, idp.Group{ID: id, DisplayName: unique(g.names, name, " "), Members: members})
	return id
}

func (g *grouping) where(is func(i int) bool) (ids []string) {
	for i := range g.users {
		if is(i) {
			ids = append(ids, g.users[i].ID)
		}
	}
	return ids
}

// some chooses users at random, each once.
func (g *grouping) some(n int) (ids []string) {
	chosen := map[int]bool{}
	for len(chosen) < n {
		i := g.IntN(len(g.users))
		if !chosen[i] {
			chosen[i] = true
			ids = append(ids, g.users[i].ID)
		}
	}
	return ids
}

// departments makes a group for each department, which contains the groups of
// its larger teams, and those of its people who are in none of these. Half of
// the groups at most are of teams.
func (g *grouping) departments() {
	type place struct{ department, team int }
	var places []place
	for d, teams := range g.teams {
		for t := range teams {
			places = append(places, place{d, t})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { // the highest of each department first
		return cmp.Or(cmp.Compare(a.team, b.team), cmp.Compare(a.department, b.department))
	})
	places = places[:max(0, min(len(places), (g.most-2-len(g.teams))/2))]
	inside := make([][]string, len(g.teams))
	covered := map[int]bool{}
	for _, p := range places {
		t := g.teams[p.department][p.team]
		var ids []string
		for _, i := range append([]int{t.lead}, t.members...) {
			ids = append(ids, g.users[i].ID)
			covered[i] = true
		}
		_, surname, _ := strings.Cut(g.users[t.lead].DisplayName, " ")
		name := fmt.Sprintf("%s: team %s", departments[p.department].name, cmp.Or(surname, g.users[t.lead].DisplayName))
		inside[p.department] = append(inside[p.department], g.add(name, ids))
	}
	for d, teams := range g.teams {
		if len(teams) == 0 {
			continue
		}
		name := departments[d].name
		members := append(inside[d], g.where(func(i int) bool { return g.users[i].Department == name && !covered[i] })...)
		g.add(name, members)
	}
}
