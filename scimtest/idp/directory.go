package idp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Directory is what an identity provider knows: its users and its groups.
// Its JSON uses the property names of Microsoft Graph, so an export of
// /users and /groups needs little change to become one.
type Directory struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`

	AppRoles    []AppRole    `json:"appRoles,omitempty"`           // of the application that is provisioned to
	Assignments []Assignment `json:"appRoleAssignments,omitempty"` // who has the application, and in which role
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

	// DeletedDateTime, if not empty, is when the user was put into the recycle
	// bin. Entra deletes the user for good 30 days later: take it out of the
	// directory then.
	DeletedDateTime string `json:"deletedDateTime,omitempty"`

	// Disabled users are those whose sign-in is blocked. They, and those in
	// the recycle bin, are not created, and made inactive if they exist. In
	// JSON it is Graph's accountEnabled, inverted.
	Disabled bool `json:"-"`

	// Extra are further properties, for mappings and scoping filters:
	// strings, booleans, numbers, and lists, of which the first element
	// counts. In JSON they are members like the others. An identity provider
	// that only reads the directory changes none.
	Extra map[string]any `json:"-"`
}

// SoftDeleted reports whether the user is disabled or in the recycle bin.
func (u *User) SoftDeleted() bool { return u.Disabled || u.DeletedDateTime != "" }

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

// MarshalJSON writes accountEnabled for a disabled user, and the extra
// properties after the others.
func (u User) MarshalJSON() ([]byte, error) {
	out := graphUser{plainUser: (*plainUser)(&u)}
	if u.Disabled {
		out.AccountEnabled = new(bool)
	}
	b, err := json.Marshal(out)
	if err != nil || len(u.Extra) == 0 {
		return b, err
	}
	extra, err := json.Marshal(u.Extra)
	if err != nil {
		return nil, err
	}
	b[len(b)-1] = ','
	return append(b, extra[1:]...), nil
}

// UnmarshalJSON reads accountEnabled; a user without it is enabled. Members
// that it does not know become extra properties.
func (u *User) UnmarshalJSON(src []byte) error {
	in := graphUser{plainUser: (*plainUser)(u)}
	strict := json.NewDecoder(bytes.NewReader(src))
	strict.DisallowUnknownFields()
	if strict.Decode(&in) != nil {
		if err := json.Unmarshal(src, &in); err != nil {
			return err
		}
		var all map[string]any
		if err := json.Unmarshal(src, &all); err != nil {
			return err
		}
		maps.DeleteFunc(all, func(name string, v any) bool { return v == nil || graphNames[strings.ToLower(name)] })
		if len(all) > 0 {
			u.Extra = all
		}
	}
	u.Disabled = in.AccountEnabled != nil && !*in.AccountEnabled
	return nil
}

// graphNames are the names of User's own members, in lower case.
var graphNames = func() map[string]bool {
	names := map[string]bool{"accountenabled": true}
	for t, i := reflect.TypeFor[User](), 0; i < t.NumField(); i++ {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[strings.ToLower(name)] = true
	}
	return names
}()

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
	d.Assignments = slices.DeleteFunc(d.Assignments, func(a Assignment) bool { return a.PrincipalID == id })
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
	d.AppRoles, d.Assignments = slices.Clone(d.AppRoles), slices.Clone(d.Assignments)
	for i := range d.Users {
		d.Users[i].BusinessPhones = slices.Clone(d.Users[i].BusinessPhones)
		d.Users[i].Extra = maps.Clone(d.Users[i].Extra)
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
		errs = append(errs, fmt.Errorf("idp: directory: "+format, args...))
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
	roles := map[string]bool{"": true}
	for i, r := range d.AppRoles {
		if roles[r.ID] || r.Value == "" {
			wrong("appRoles[%d]: its id %q is empty or used twice, or it has no value", i, r.ID)
		}
		roles[r.ID] = true
	}
	for i, a := range d.Assignments {
		if !users[a.PrincipalID] && !groups[a.PrincipalID] || !roles[a.AppRoleID] {
			wrong("appRoleAssignments[%d]: its principalId %q or its appRoleId %q is not in the directory", i, a.PrincipalID, a.AppRoleID)
		}
	}
	return errors.Join(errs...)
}

func (u *User) String() string {
	name := u.DisplayName
	if name == "" {
		name = u.GivenName
	}
	return "user " + name + " (" + u.UserPrincipalName + ")"
}

func (g *Group) String() string { return "group " + g.DisplayName }
