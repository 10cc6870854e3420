package scimtest

import (
	"encoding/json"
	"fmt"
	"strings"
)

const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	adGroupURN    = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// A target is an attribute as an attribute mapping names it:
// "title", "name.givenName", "emails[type eq \"work\"].value", "urn:…:User:department".
type target struct {
	path string // as written
	urn  string // of an extension's attribute
	name string
	typ  string // the type in brackets
	sub  string
}

func parseTarget(path string) target {
	t := target{path: path, name: path}
	if i := strings.LastIndex(path, ":"); i >= 0 && strings.HasPrefix(path, "urn:") {
		t.urn, t.name = path[:i], path[i+1:]
	}
	if name, rest, ok := strings.Cut(t.name, `[type eq "`); ok {
		t.name = name
		t.typ, t.sub, _ = strings.Cut(rest, `"].`)
		return t
	}
	t.name, t.sub, _ = strings.Cut(t.name, ".")
	return t
}

// A mapping says where a user's property goes.
type mapping struct {
	target
	from func(*User) any // a string or a bool; the empty string is not sent
}

func text(path string, from func(*User) string) mapping {
	return mapping{parseTarget(path), func(u *User) any { return from(u) }}
}

// userMappings are Entra's default attribute mappings of users (Microsoft's
// tutorial, table of default attribute mappings), in the order of its
// documented request. manager is a reference and treated apart.
var userMappings = []mapping{
	text("externalId", func(u *User) string { return u.MailNickname }),
	text("userName", func(u *User) string { return u.UserPrincipalName }),
	{parseTarget("active"), func(u *User) any { return !u.Disabled }},
	text("displayName", func(u *User) string { return u.DisplayName }),
	text("title", func(u *User) string { return u.JobTitle }),
	text("preferredLanguage", func(u *User) string { return u.PreferredLanguage }),
	text("name.formatted", func(u *User) string { return strings.TrimSpace(u.GivenName + " " + u.Surname) }),
	text("name.familyName", func(u *User) string { return u.Surname }),
	text("name.givenName", func(u *User) string { return u.GivenName }),
	text(`emails[type eq "work"].value`, func(u *User) string { return u.Mail }),
	text(`addresses[type eq "work"].formatted`, func(u *User) string { return u.OfficeLocation }),
	text(`addresses[type eq "work"].streetAddress`, func(u *User) string { return u.StreetAddress }),
	text(`addresses[type eq "work"].locality`, func(u *User) string { return u.City }),
	text(`addresses[type eq "work"].region`, func(u *User) string { return u.State }),
	text(`addresses[type eq "work"].postalCode`, func(u *User) string { return u.PostalCode }),
	text(`addresses[type eq "work"].country`, func(u *User) string { return u.Country }),
	text(`phoneNumbers[type eq "work"].value`, func(u *User) string {
		if len(u.BusinessPhones) == 0 {
			return ""
		}
		return u.BusinessPhones[0]
	}),
	text(`phoneNumbers[type eq "mobile"].value`, func(u *User) string { return u.MobilePhone }),
	text(`phoneNumbers[type eq "fax"].value`, func(u *User) string { return u.FaxNumber }),
	text(enterpriseURN+":employeeNumber", func(u *User) string { return u.EmployeeID }),
	text(enterpriseURN+":department", func(u *User) string { return u.Department }),
}

var managerTarget = parseTarget(enterpriseURN + ":manager")

// An assignment is a value that an attribute shall have.
type assignment struct {
	target
	value any // a string or a bool
}

// assignments are what the mappings make of a user.
func (u *User) assignments() (out []assignment) {
	for _, m := range userMappings {
		if v := m.from(u); v != "" {
			out = append(out, assignment{m.target, v})
		}
	}
	return out
}

// assignments are Entra's default attribute mappings of groups; members are
// references and treated apart.
func (g *Group) assignments() []assignment {
	return []assignment{
		{parseTarget("externalId"), g.ID},
		{parseTarget("displayName"), g.DisplayName},
	}
}

// A difference is an attribute whose value at the endpoint is not the
// directory's.
type difference struct {
	assignment
	have any // nil: the endpoint returned none
}

// differences compares what the endpoint returned with what it should have.
// An attribute that came in a form no client can read is a problem and no
// difference: writing it again would not help.
func differences(want []assignment, got map[string]any) (diffs []difference, problems []string) {
	for _, a := range want {
		have, problem := a.lookup(got)
		if problem == "" && have != nil {
			switch a.value.(type) {
			case bool:
				if _, ok := have.(bool); !ok {
					problem = fmt.Sprintf("%s is %s, want true or false", a.path, show(have))
				}
			case string:
				if _, ok := have.(string); !ok {
					problem = fmt.Sprintf("%s is %s, want a string", a.path, show(have))
				}
			}
		}
		switch {
		case problem != "":
			problems = append(problems, problem)
		case have != a.value:
			diffs = append(diffs, difference{a, have})
		}
	}
	return diffs, problems
}

// lookup finds the target's value in a resource: nil if it has none.
func (t target) lookup(resource map[string]any) (value any, problem string) {
	in := resource
	if t.urn != "" {
		ext, ok := member(resource, t.urn)
		if !ok || ext == nil {
			return nil, ""
		}
		if in, ok = ext.(map[string]any); !ok {
			return nil, fmt.Sprintf("%s is %s, want an object", t.urn, show(ext))
		}
	}
	v, ok := member(in, t.name)
	if !ok || v == nil {
		return nil, ""
	}
	if t.typ != "" {
		elements, ok := v.([]any)
		if !ok {
			return nil, fmt.Sprintf("%s is %s, want an array", t.name, show(v))
		}
		v = nil
		for _, e := range elements {
			o, ok := e.(map[string]any)
			if !ok {
				return nil, fmt.Sprintf("%s contains %s, want objects", t.name, show(e))
			}
			if typ, _ := member(o, "type"); v == nil && typ != nil && strings.EqualFold(fmt.Sprint(typ), t.typ) {
				v = o
			}
		}
		if v == nil {
			return nil, ""
		}
	}
	if t.sub != "" {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Sprintf("%s is %s, want an object", t.name, show(v))
		}
		v, _ = member(o, t.sub)
	}
	return v, ""
}

// managerOf returns the id of the resource's manager. It must come as an
// object; a string makes Entra fail to read the whole user.
func managerOf(user map[string]any) (id, problem string) {
	v, problem := managerTarget.lookup(user)
	if v == nil || problem != "" {
		return "", problem
	}
	o, ok := v.(map[string]any)
	if !ok {
		return "", fmt.Sprintf(`manager is %s, want an object {"value": id}`, show(v))
	}
	switch value, _ := member(o, "value"); value := value.(type) {
	case nil:
		return "", ""
	case string:
		return value, ""
	default:
		return "", fmt.Sprintf("manager.value is %s, want a string", show(value))
	}
}

// member finds a member of an object; names have no case (RFC 7643 §2.1).
func member(o map[string]any, name string) (any, bool) {
	if v, ok := o[name]; ok {
		return v, true
	}
	for k, v := range o {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// show prints a value as JSON, shortened.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return clip(string(b), 120)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
