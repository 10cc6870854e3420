package scim

import (
	"encoding/json"
	"fmt"
	"time"
)

// A User is the typed view of a user (RFC 7643 §4.1). It is a copy: changing
// it changes no resource.
type User struct {
	ID                string          `json:"-"`
	Version           string          `json:"-"`
	Created           time.Time       `json:"-"`
	LastModified      time.Time       `json:"-"`
	ExternalID        string          `json:"externalId,omitempty"`
	UserName          string          `json:"userName,omitempty"`
	Name              Name            `json:"name,omitzero"`
	DisplayName       string          `json:"displayName,omitempty"`
	NickName          string          `json:"nickName,omitempty"`
	ProfileURL        string          `json:"profileUrl,omitempty"`
	Title             string          `json:"title,omitempty"`
	UserType          string          `json:"userType,omitempty"`
	PreferredLanguage string          `json:"preferredLanguage,omitempty"`
	Locale            string          `json:"locale,omitempty"`
	Timezone          string          `json:"timezone,omitempty"`
	Active            bool            `json:"active"` // true where the client never said. Encode writes what is here: without Active: true it is a disabled user
	Emails            []Value         `json:"emails,omitempty"`
	PhoneNumbers      []Value         `json:"phoneNumbers,omitempty"`
	IMs               []Value         `json:"ims,omitempty"`
	Photos            []Value         `json:"photos,omitempty"`
	Addresses         []Address       `json:"addresses,omitempty"`
	Entitlements      []Value         `json:"entitlements,omitempty"`
	Roles             []Value         `json:"roles,omitempty"`
	X509Certificates  []Value         `json:"x509Certificates,omitempty"`
	Enterprise        *EnterpriseUser `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`
}

// A Name is a person's name (RFC 7643 §4.1.1).
type Name struct {
	Formatted       string `json:"formatted,omitempty"`
	FamilyName      string `json:"familyName,omitempty"`
	GivenName       string `json:"givenName,omitempty"`
	MiddleName      string `json:"middleName,omitempty"`
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// A Value is an element of a multi-valued attribute (RFC 7643 §2.4).
type Value struct {
	Value   string `json:"value,omitempty"`
	Display string `json:"display,omitempty"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// An Address is a postal address (RFC 7643 §4.1.2).
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	Country       string `json:"country,omitempty"`
	Type          string `json:"type,omitempty"`
	Primary       bool   `json:"primary,omitempty"`
}

// An EnterpriseUser is the enterprise extension of a user (RFC 7643 §4.3).
type EnterpriseUser struct {
	EmployeeNumber string  `json:"employeeNumber,omitempty"`
	CostCenter     string  `json:"costCenter,omitempty"`
	Organization   string  `json:"organization,omitempty"`
	Division       string  `json:"division,omitempty"`
	Department     string  `json:"department,omitempty"`
	Manager        Manager `json:"manager,omitzero"`
}

// A Manager refers to a user's manager. The user it names need not exist.
type Manager struct {
	ID string `json:"value,omitempty"`
}

// A Group is the typed view of a group's own attributes (RFC 7643 §4.2). Its
// members are in [Resource.Members].
type Group struct {
	ID           string    `json:"-"`
	Version      string    `json:"-"`
	Created      time.Time `json:"-"`
	LastModified time.Time `json:"-"`
	ExternalID   string    `json:"externalId,omitempty"`
	DisplayName  string    `json:"displayName,omitempty"`
}

// User returns the typed view of a user. Attributes that the application's
// schema defines with other types than RFC 7643 are left out. Of a nil Resource
// it is the zero User.
func (r *Resource) User() User {
	if r == nil {
		return User{}
	}
	u := User{Active: true}
	_ = json.Unmarshal([]byte(r.Document.String()), &u) // fields of another type stay empty
	u.ID, u.Version, u.Created, u.LastModified = r.ID, r.Version, r.Created, r.LastModified
	return u
}

// Group returns the typed view of a group; of a nil Resource, the zero Group.
func (r *Resource) Group() Group {
	if r == nil {
		return Group{}
	}
	var g Group
	_ = json.Unmarshal([]byte(r.Document.String()), &g) // see User
	g.ID, g.Version, g.Created, g.LastModified = r.ID, r.Version, r.Created, r.LastModified
	return g
}

// PrimaryEmail returns the address marked primary, else the first of type
// work, else the first.
func (u User) PrimaryEmail() string {
	best := ""
	for rank, i := 0, 0; i < len(u.Emails); i++ {
		e, is := u.Emails[i], 1
		switch {
		case e.Primary:
			is = 3
		case e.Type == "work":
			is = 2
		}
		if is > rank {
			best, rank = e.Value, is
		}
	}
	return best
}

// Encode makes a Document and its Keys of v, which encodes to a JSON object
// with the type's attributes: a User, a Group, or a struct of the
// application's. A Store with columns of its own uses it to make Resources of
// its rows; one that puts resources into a Store itself uses it too. Members
// that the type does not have are left out. Attributes that are read-only for
// clients are taken, but for id, meta, and the sets of members and groups. It
// reports a value of the wrong type and a required attribute that is missing,
// as for a client.
func (t *ResourceType) Encode(v any) (Document, []Key, error) {
	src, err := json.Marshal(v)
	if err != nil {
		return Document{}, nil, fmt.Errorf("scim: encoding %s: %w", t.def.Name, err)
	}
	in, err := t.decode(src, decodeOptions{readOnly: true})
	if err != nil {
		return Document{}, nil, err
	}
	if err := t.checkRequired(in.document); err != nil {
		return Document{}, nil, err
	}
	return in.document, t.Keys(in.document), nil
}
