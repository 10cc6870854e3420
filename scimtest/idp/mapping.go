package idp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Mapping is one row of Entra's attribute mappings: where a value comes from
// and where it goes. Its JSON is {"source": "mail", "target": "emails[type eq
// \"work\"].value"} and, where wanted, "default", "matching" and "createOnly".
//
// A source without a value is skipped: Entra provisions no nulls.
type Mapping struct {
	// Source is a property of the user or group by its name in Microsoft Graph
	// or in Entra's portal, which differ for some: mail, mobilePhone or
	// mobile, IsSoftDeleted, extensionAttribute1. Or it is an expression of
	// Entra's functions over properties in brackets and constants in quotes:
	// Join(" ", [givenName], [surname]). A constant alone is sent as it is.
	Source string `json:"source"`

	// Target is an attribute of the endpoint: title, name.givenName,
	// emails[type eq "work"].value, urn:…:2.0:User:department. Data of custom
	// extensions goes under their URN, which is not listed in schemas.
	Target string `json:"target"`

	Default    string `json:"default,omitempty"`    // sent instead of null, when the object is created
	Matching   int    `json:"matching,omitempty"`   // precedence among the attributes by which objects are looked for, from 1; 0: not one of them
	CreateOnly bool   `json:"createOnly,omitempty"` // not sent in updates
}

// DefaultUserMappings returns Entra's default attribute mappings of users, in
// the order of Microsoft's documented request (tutorial, "Table of default
// attribute mappings"; city, state, country, name.formatted and
// preferredLanguage are seen in practice). Without one to a manager, managers
// are left alone.
func DefaultUserMappings() []Mapping {
	return []Mapping{
		{Source: "mailNickname", Target: "externalId"},
		{Source: "userPrincipalName", Target: "userName", Matching: 1},
		{Source: `Switch([IsSoftDeleted], , "False", "True", "True", "False")`, Target: "active"},
		{Source: "displayName", Target: "displayName"},
		{Source: "jobTitle", Target: "title"},
		{Source: "preferredLanguage", Target: "preferredLanguage"},
		{Source: `Join(" ", [givenName], [surname])`, Target: "name.formatted"},
		{Source: "surname", Target: "name.familyName"},
		{Source: "givenName", Target: "name.givenName"},
		{Source: "mail", Target: `emails[type eq "work"].value`},
		{Source: "physicalDeliveryOfficeName", Target: `addresses[type eq "work"].formatted`},
		{Source: "streetAddress", Target: `addresses[type eq "work"].streetAddress`},
		{Source: "city", Target: `addresses[type eq "work"].locality`},
		{Source: "state", Target: `addresses[type eq "work"].region`},
		{Source: "postalCode", Target: `addresses[type eq "work"].postalCode`},
		{Source: "country", Target: `addresses[type eq "work"].country`},
		{Source: "telephoneNumber", Target: `phoneNumbers[type eq "work"].value`},
		{Source: "mobile", Target: `phoneNumbers[type eq "mobile"].value`},
		{Source: "facsimileTelephoneNumber", Target: `phoneNumbers[type eq "fax"].value`},
		{Source: "employeeId", Target: enterpriseURN + ":employeeNumber"},
		{Source: "department", Target: enterpriseURN + ":department"},
		{Source: "manager", Target: enterpriseURN + ":manager"},
	}
}

// DefaultGroupMappings returns Entra's default attribute mappings of groups.
func DefaultGroupMappings() []Mapping {
	return []Mapping{
		{Source: "objectId", Target: "externalId"},
		{Source: "displayName", Target: "displayName", Matching: 1},
		{Source: "members", Target: "members"},
	}
}

// A rule is a mapping that is ready for use.
type rule struct {
	target
	value      expression
	standard   string // the default
	matching   int
	createOnly bool
	soft       bool // depends on IsSoftDeleted
	direct     bool // no expression
}

// rules are the mappings of users or of groups.
type rules struct {
	all       []rule
	matching  []rule // by precedence
	plain     bool   // what creates an object is what updates it
	reference *target
	scope     condition // nil: all
	extras    []string  // the extra properties that are used
}

var targetPattern = regexp.MustCompile(`^(urn:[^"\[\]\s]+:)?[A-Za-z$][A-Za-z0-9_$-]*(\[(type|primary) eq "[^"\\]*"\]\.[A-Za-z$][A-Za-z0-9_$-]*|\.[A-Za-z$][A-Za-z0-9_$-]*)?$`)

// compileRules makes rules of mappings. Reference is the property that is one:
// manager or members.
func compileRules(mappings []Mapping, scope []ScopingFilter, properties map[string]expression, reference string, assignedOnly bool) (*rules, error) {
	var errs []error
	out := &rules{plain: true}
	targets, used := map[string]bool{}, map[string]bool{}
	for _, m := range mappings {
		wrong := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("mapping of %s to %s: %w", m.Source, m.Target, fmt.Errorf(format, args...)))
		}
		key := strings.ToLower(m.Target)
		switch {
		case !targetPattern.MatchString(m.Target):
			wrong(`want a target such as title, name.givenName, emails[type eq "work"].value or urn:…:User:department`)
			continue
		case key == "id":
			wrong("the endpoint gives the id")
			continue
		case targets[key]:
			wrong("another mapping has this target")
			continue
		}
		targets[key] = true
		t := parseTarget(m.Target)
		if strings.EqualFold(strings.Trim(m.Source, "[] "), reference) {
			switch {
			case m.Matching > 0 || m.Default != "" || m.CreateOnly:
				wrong("a reference has neither default nor precedence nor other conditions")
			case t.typ != "" || t.sub != "" || reference == "members" && key != reference:
				wrong("want the target %s", reference)
			default:
				out.reference = &t
			}
			continue
		}
		value, uses, err := parseExpression(m.Source, properties)
		if err != nil {
			wrong("%w", err)
			continue
		}
		maps.Copy(used, uses)
		if uses["approleassignments"] {
			switch single := strings.HasPrefix(strings.ToLower(strings.TrimSpace(m.Source)), "single"); {
			case !strings.HasSuffix(strings.TrimSpace(m.Source), ")"):
				wrong("roles need a function such as AssertiveAppRoleAssignmentsComplex([appRoleAssignments])")
			case !assignedOnly:
				wrong("roles are not compatible with the scope of all users and groups: set AssignedOnly")
			case single && key != `roles[primary eq "true"].value` || !single && key != "roles":
				wrong(`want the target roles[primary eq "True"].value for SingleAppRoleAssignment, and roles for the others`)
			case m.Matching > 0 || m.Default != "" || m.CreateOnly:
				wrong("roles have neither default nor precedence nor other conditions")
			}
		}
		out.plain = out.plain && m.Default == "" && !m.CreateOnly
		out.all = append(out.all, rule{
			target: t, value: value, standard: m.Default, matching: m.Matching, createOnly: m.CreateOnly,
			soft: uses["issoftdeleted"] || uses["accountenabled"], direct: isName(strings.Trim(m.Source, "[] ")),
		})
	}
	for _, r := range out.all {
		if r.matching > 0 {
			out.matching = append(out.matching, r)
		}
	}
	slices.SortStableFunc(out.matching, func(a, b rule) int { return cmp.Compare(a.matching, b.matching) })
	if out.matching == nil {
		errs = append(errs, errors.New("no mapping has a Matching precedence"))
	}
	var err error
	if out.scope, err = compileScope(scope, properties, used); err != nil {
		errs = append(errs, err)
	}
	for name := range used {
		if properties[strings.ToLower(name)] == nil {
			out.extras = append(out.extras, name)
		}
	}
	slices.Sort(out.extras)
	return out, errors.Join(errs...)
}

// unknown names those of the extra properties that no user has: they may be
// misspelled, for a name that is not Graph's is taken for one of these.
func (rs *rules) unknown(d *Directory) (names []string) {
	for _, name := range rs.extras {
		if !slices.ContainsFunc(d.Users, func(u User) bool { return u.Extra[name] != nil }) {
			names = append(names, name)
		}
	}
	return names
}

// purpose is what assignments are for.
type purpose int

const (
	forUpdate purpose = iota
	forCreate
	forDisable
)

// assignments are what the rules make of an object.
func (rs *rules) assignments(s *source, why purpose) []assignment {
	out := make([]assignment, 0, len(rs.all))
	for i := range rs.all {
		r := &rs.all[i]
		if r.createOnly && why != forCreate || !r.soft && why == forDisable {
			continue
		}
		v := r.value(s)
		if isEmpty(v) && why == forCreate {
			v = r.standard
		}
		if !isEmpty(v) {
			out = append(out, assignment{r.target, r.coerce(v)})
		}
	}
	return out
}

// keys are the values by which an object is looked for, in order.
func (rs *rules) keys(s *source) (out []assignment) {
	for i := range rs.matching {
		r := &rs.matching[i]
		if v := r.value(s); !isEmpty(v) {
			out = append(out, assignment{r.target, r.coerce(v)})
		}
	}
	return out
}

// coerce makes booleans of the strings that expressions yield. Of the core
// attributes active and primary are booleans; other targets are if what they
// come from is one.
func (t *target) coerce(v any) any {
	switch s := v.(type) {
	case string:
		if t.urn == "" && (strings.EqualFold(t.path, "active") || strings.EqualFold(t.sub, "primary")) {
			if strings.EqualFold(s, "true") {
				return true
			}
			if strings.EqualFold(s, "false") {
				return false
			}
		}
	case []string:
		return s[0]
	}
	return v
}

// extraProperties marks properties of which there can be others.
const extraProperties = ""

// userProperties are the properties of users, by their names in lower case:
// Graph's, and those by which Entra's portal knows them.
var userProperties = func() map[string]expression {
	text := func(from func(*User) string) expression {
		return func(s *source) any {
			if v := from(s.user); v != "" {
				return v
			}
			return nil
		}
	}
	m := map[string]expression{
		extraProperties:             func(*source) any { return nil },
		"id":                        text(func(u *User) string { return u.ID }),
		"userprincipalname":         text((*User).guestName),
		"originaluserprincipalname": text(func(u *User) string { return u.UserPrincipalName }),
		"mailnickname":              text(func(u *User) string { return u.MailNickname }),
		"displayname":               text(func(u *User) string { return u.DisplayName }),
		"givenname":                 text(func(u *User) string { return u.GivenName }),
		"surname":                   text(func(u *User) string { return u.Surname }),
		"jobtitle":                  text(func(u *User) string { return u.JobTitle }),
		"department":                text(func(u *User) string { return u.Department }),
		"employeeid":                text(func(u *User) string { return u.EmployeeID }),
		"preferredlanguage":         text(func(u *User) string { return u.PreferredLanguage }),
		"mail":                      text(func(u *User) string { return u.Mail }),
		"mobilephone":               text(func(u *User) string { return u.MobilePhone }),
		"faxnumber":                 text(func(u *User) string { return u.FaxNumber }),
		"officelocation":            text(func(u *User) string { return u.OfficeLocation }),
		"streetaddress":             text(func(u *User) string { return u.StreetAddress }),
		"postalcode":                text(func(u *User) string { return u.PostalCode }),
		"city":                      text(func(u *User) string { return u.City }),
		"state":                     text(func(u *User) string { return u.State }),
		"country":                   text(func(u *User) string { return u.Country }),
		"accountenabled":            func(s *source) any { return !s.user.Disabled },
		"issoftdeleted":             func(s *source) any { return s.softDeleted },
		"approleassignments":        func(*source) any { return nil }, // read by the functions for them
		"businessphones": func(s *source) any {
			if len(s.user.BusinessPhones) == 0 {
				return nil
			}
			return s.user.BusinessPhones
		},
	}
	for alias, name := range map[string]string{
		"objectid": "id", "telephonenumber": "businessphones", "mobile": "mobilephone", "facsimiletelephonenumber": "faxnumber",
		"physicaldeliveryofficename": "officelocation",
	} {
		m[alias] = m[name]
	}
	return m
}()

// groupProperties are the properties of groups, by their names in lower case.
var groupProperties = map[string]expression{
	"id":            func(s *source) any { return s.group.ID },
	"objectid":      func(s *source) any { return s.group.ID },
	"displayname":   func(s *source) any { return s.group.DisplayName },
	"issoftdeleted": func(s *source) any { return s.softDeleted },
}

// guestName is the userPrincipalName, but a guest's alias_home#EXT#@tenant is
// sent as alias@home ("How provisioning works", B2B users).
func (u *User) guestName() string {
	name, _, guest := strings.Cut(u.UserPrincipalName, "#EXT#")
	if i := strings.LastIndexByte(name, '_'); guest && i >= 0 {
		return name[:i] + "@" + name[i+1:]
	}
	return u.UserPrincipalName
}
