package scimtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A Directory is what an identity provider knows: its users and its groups.
// Its JSON uses the property names of Microsoft Graph, so an export of
// /users and /groups needs little change to become one.
type Directory struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`
}

// A User is a user of a Directory. Empty strings are unknown: as Entra does,
// they are never sent, so emptying one changes nothing at the endpoint.
type User struct {
	ID                string   `json:"id"`                // the directory's own id; identifies the user from cycle to cycle
	UserPrincipalName string   `json:"userPrincipalName"` // userName
	MailNickname      string   `json:"mailNickname,omitempty"`
	DisplayName       string   `json:"displayName,omitempty"`
	GivenName         string   `json:"givenName,omitempty"`
	Surname           string   `json:"surname,omitempty"`
	JobTitle          string   `json:"jobTitle,omitempty"`
	Department        string   `json:"department,omitempty"`
	EmployeeID        string   `json:"employeeId,omitempty"`
	PreferredLanguage string   `json:"preferredLanguage,omitempty"`
	Mail              string   `json:"mail,omitempty"`
	BusinessPhones    []string `json:"businessPhones,omitempty"` // the first one is provisioned
	MobilePhone       string   `json:"mobilePhone,omitempty"`
	FaxNumber         string   `json:"faxNumber,omitempty"`
	OfficeLocation    string   `json:"officeLocation,omitempty"`
	StreetAddress     string   `json:"streetAddress,omitempty"`
	PostalCode        string   `json:"postalCode,omitempty"`
	City              string   `json:"city,omitempty"`
	State             string   `json:"state,omitempty"`
	Country           string   `json:"country,omitempty"`
	Manager           string   `json:"manager,omitempty"` // the id of another user

	// Disabled users are those whose sign-in is blocked, who were unassigned
	// from the application or soft-deleted: they are not created, and made
	// inactive if they exist. In JSON it is Graph's accountEnabled, inverted.
	Disabled bool `json:"-"`
}

// A Group is a group of a Directory.
type Group struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	Members     []string `json:"members,omitempty"` // ids of users and of other groups
}

type graphUser struct {
	*plainUser
	AccountEnabled *bool `json:"accountEnabled,omitempty"`
}

type plainUser User

// MarshalJSON writes accountEnabled for a disabled user.
func (u User) MarshalJSON() ([]byte, error) {
	out := graphUser{plainUser: (*plainUser)(&u)}
	if u.Disabled {
		out.AccountEnabled = new(bool)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads accountEnabled; a user without it is enabled.
func (u *User) UnmarshalJSON(src []byte) error {
	in := graphUser{plainUser: (*plainUser)(u)}
	if err := json.Unmarshal(src, &in); err != nil {
		return err
	}
	u.Disabled = in.AccountEnabled != nil && !*in.AccountEnabled
	return nil
}

// User returns the user of the id, to be read or changed, or nil.
func (d *Directory) User(id string) *User {
	if i := slices.IndexFunc(d.Users, func(u User) bool { return u.ID == id }); i >= 0 {
		return &d.Users[i]
	}
	return nil
}

// Group returns the group of the id, to be read or changed, or nil.
func (d *Directory) Group(id string) *Group {
	if i := slices.IndexFunc(d.Groups, func(g Group) bool { return g.ID == id }); i >= 0 {
		return &d.Groups[i]
	}
	return nil
}

// Remove takes a user or group out of the directory for good, with all that
// refers to it, as a directory does: nobody is left with it as manager, and it
// is a member of nothing. The next cycle deletes it at the endpoint.
func (d *Directory) Remove(id string) {
	d.Users = slices.DeleteFunc(d.Users, func(u User) bool { return u.ID == id })
	d.Groups = slices.DeleteFunc(d.Groups, func(g Group) bool { return g.ID == id })
	for i := range d.Users {
		if d.Users[i].Manager == id {
			d.Users[i].Manager = ""
		}
	}
	for i := range d.Groups {
		g := &d.Groups[i]
		g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
	}
}

// Clone returns a copy that shares nothing with d.
func (d Directory) Clone() Directory {
	d.Users, d.Groups = slices.Clone(d.Users), slices.Clone(d.Groups)
	for i := range d.Users {
		d.Users[i].BusinessPhones = slices.Clone(d.Users[i].BusinessPhones)
	}
	for i := range d.Groups {
		d.Groups[i].Members = slices.Clone(d.Groups[i].Members)
	}
	return d
}

// Validate reports what a directory cannot be: ids missing or used twice,
// users and groups without names, managers and members that are not in it.
func (d Directory) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("scimtest: directory: "+format, args...))
	}
	users, groups := map[string]bool{}, map[string]bool{}
	for i, u := range d.Users {
		if u.ID == "" || users[u.ID] {
			wrong("users[%d]: id %q is empty or used twice", i, u.ID)
		}
		if u.UserPrincipalName == "" {
			wrong("users[%d] (%s): no userPrincipalName", i, u.ID)
		}
		users[u.ID] = true
	}
	for i, g := range d.Groups {
		if g.ID == "" || groups[g.ID] || users[g.ID] {
			wrong("groups[%d]: id %q is empty or used twice", i, g.ID)
		}
		if g.DisplayName == "" {
			wrong("groups[%d] (%s): no displayName", i, g.ID)
		}
		groups[g.ID] = true
	}
	for _, u := range d.Users {
		if u.Manager != "" && !users[u.Manager] {
			wrong("user %s: its manager %q is not among the users", u.ID, u.Manager)
		}
	}
	for _, g := range d.Groups {
		seen := map[string]bool{}
		for _, m := range g.Members {
			if !users[m] && !groups[m] || seen[m] {
				wrong("group %s: its member %q is not in the directory, or listed twice", g.ID, m)
			}
			seen[m] = true
		}
	}
	return errors.Join(errs...)
}

func (u *User) String() string {
	name := u.DisplayName
	if name == "" {
		name = u.GivenName
	}
	return fmt.Sprintf("user %s (%s)", name, u.UserPrincipalName)
}

func (g *Group) String() string { return fmt.Sprintf("group %s", g.DisplayName) }
