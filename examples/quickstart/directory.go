package main

import (
	_ "embed"
	"encoding/json"
	"slices"

	"github.com/usherkit/scim/scimtest/idp"
)

// The company: 200 invented people with managers and departments in eight
// offices, and 12 groups.
//
//go:embed directory.json
var directoryJSON []byte

func company() (d idp.Directory, err error) {
	err = json.Unmarshal(directoryJSON, &d)
	return d, err
}

// A cycle is something that happens at the company, and what is to come of it.
type cycle struct {
	name    string
	story   string
	dialect idp.Dialect
	restart bool // an admin restarts provisioning before
	happens func(*idp.Directory)
	hooks   map[string]int // how often each hook must fire
}

// cycles are a few months at the company. Each is followed by Entra's next
// cycle.
func cycles() []cycle {
	flag, none := idp.DialectFlag, func(*idp.Directory) {}
	return []cycle{
		{
			name: "Initial cycle", story: "200 people and 12 groups that the endpoint has never heard of", happens: none,
			hooks: map[string]int{"user staged": 200, "user updated": 199, "group created": 12, "members added": 13},
		}, {
			name: "Changes", story: "a marriage, a promotion, a new department, a new manager, and a new colleague",
			happens: func(d *idp.Directory) {
				amelia := find(d, "amelia.o'connor")
				amelia.Surname, amelia.DisplayName = "O'Connor-Lindqvist", "Amelia O'Connor-Lindqvist"
				find(d, "juergen.gross").JobTitle = "Principal of Everything “Else”"
				find(d, "zubin.d'souza").Department = "Product"
				find(d, "hana.kobayashi").Manager = find(d, "zoe.mueller").ID
				d.Users = append(d.Users, idp.User{
					ID: "1b0f7c55-3c0b-4f8e-9a53-5d1d0c7f9a01", UserPrincipalName: "bjork.aegisdottir@contoso.example", MailNickname: "baegisdottir",
					DisplayName: "Björk Ægisdóttir ❄️", GivenName: "Björk", Surname: "Ægisdóttir", JobTitle: "Data Engineer", Department: "Engineering",
					Mail: "bjork.aegisdottir@contoso.example", Manager: find(d, "zoe.mueller").ID,
				})
			},
			hooks: map[string]int{"user staged": 1, "user updated": 5},
		}, {
			name: "Disable", story: "somebody goes on leave: sign-in is blocked",
			happens: func(d *idp.Directory) { find(d, "siobhan.murphy").Disabled = true },
			hooks:   map[string]int{"user deactivated": 1},
		}, {
			name: "Restore", story: "and is back, a member of the same groups",
			happens: func(d *idp.Directory) { find(d, "siobhan.murphy").Disabled = false },
			hooks:   map[string]int{"user reactivated": 1},
		}, {
			name: "Groups", story: "people join and leave, and a group gets a new name",
			happens: func(d *idp.Directory) {
				join(d, "All Employees", "bjork.aegisdottir")
				join(d, "Engineering", "bjork.aegisdottir")
				join(d, "Product & Design", "zubin.d'souza")
				leave(d, "Sales", "zubin.d'souza")
				leave(d, "Managers", "walter.vanderberg")
				group(d, "On-Call 🚨").DisplayName = "On-Call ☎️"
			},
			hooks: map[string]int{"members added": 3, "members removed": 2, "group updated": 1},
		}, {
			name: "Delete", story: "30 days after somebody left; and a group is given up",
			happens: func(d *idp.Directory) {
				d.Remove(find(d, "tyrone.jackson-reed").ID)
				d.Remove(group(d, "Founders' Circle").ID)
			},
			hooks: map[string]int{"user deleted": 1, "group deleted": 1},
		}, {
			name: "Other dialect", story: "the admin adds ?aadOptscim062020 to the Tenant URL, and life goes on", dialect: flag,
			happens: func(d *idp.Directory) {
				u := find(d, "sakura.ito")
				u.Surname, u.DisplayName, u.MobilePhone = "森", "森 さくら", "+81 90 5550 0199"
				find(d, "elaine.zagallo").Disabled = true
				find(d, "gael.legoff").Manager = find(d, "zoe.mueller").ID
				leave(d, "東京オフィス", "sakura.ito", "zhihao.chen")
				join(d, "Managers", "bjork.aegisdottir")
				group(d, "People").DisplayName = "People & Culture"
			},
			hooks: map[string]int{"user updated": 2, "user deactivated": 1, "group updated": 1, "members added": 1, "members removed": 1},
		}, {
			name: "Restart", story: "an admin restarts provisioning: all is compared again, and nothing written", dialect: flag, restart: true, happens: none, hooks: map[string]int{},
		},
	}
}

// find returns the user of the name before the @.
func find(d *idp.Directory, name string) *idp.User {
	i := slices.IndexFunc(d.Users, func(u idp.User) bool { return u.UserPrincipalName == name+"@contoso.example" })
	return &d.Users[i]
}

func group(d *idp.Directory, name string) *idp.Group {
	i := slices.IndexFunc(d.Groups, func(g idp.Group) bool { return g.DisplayName == name })
	return &d.Groups[i]
}

func join(d *idp.Directory, name string, people ...string) {
	g := group(d, name)
	for _, p := range people {
		g.Members = append(g.Members, find(d, p).ID)
	}
}

func leave(d *idp.Directory, name string, people ...string) {
	g := group(d, name)
	for _, p := range people {
		id := find(d, p).ID
		g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
	}
}
