package idp

import (
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
	key  string // in brackets: type, or primary
	typ  string // the value of that
	sub  string
}

func parseTarget(path string) target {
	t := target{path: path, name: path}
	name, bracket, _ := strings.Cut(path, "[")
	if i := strings.LastIndex(name, ":"); i >= 0 && strings.HasPrefix(path, "urn:") {
		t.urn, t.name, name = path[:i], path[i+1:], name[i+1:]
	}
	if key, rest, ok := strings.Cut(bracket, ` eq "`); ok {
		t.name, t.key = name, key
		t.typ, t.sub, _ = strings.Cut(rest, `"].`)
		return t
	}
	t.name, t.sub, _ = strings.Cut(t.name, ".")
	return t
}

// An assignment is a value that an attribute shall have.
type assignment struct {
	target
	value any // a string, a bool, a json.Number, or roles
}

// A difference is an attribute whose value at the endpoint is not the
// directory's.
type difference struct {
	assignment
	have node // empty: the endpoint returned none
}

// differences compares what the endpoint returned with what it should have.
// An attribute that came in a form no client can read is a problem and no
// difference: writing it again would not help.
func differences(want []assignment, got nodeObject) (diffs []difference, problems []string) {
	for _, a := range want {
		if rs, ok := a.value.(roles); ok {
			differ, problem := rs.differ(got)
			if problem != "" {
				problems = append(problems, problem)
			} else if differ {
				diffs = append(diffs, difference{a, ""})
			}
			continue
		}
		have, problem := a.lookup(got)
		same := false
		if problem == "" && have != "" {
			if same, problem = equal(have, a.value); problem != "" {
				problem = fmt.Sprintf("%s is %s, want %s", a.path, have.show(), problem)
			}
		}
		switch {
		case problem != "":
			problems = append(problems, problem)
		case !same:
			diffs = append(diffs, difference{a, have})
		}
	}
	return diffs, problems
}

// equal compares values; the problem says what type the received one has not.
func equal(have node, want any) (same bool, problem string) {
	switch want := want.(type) {
	case bool:
		if have != "true" && have != "false" {
			return false, "true or false"
		}
		return want == (have == "true"), ""
	case string:
		s, ok := have.text()
		if !ok {
			return false, "a string"
		}
		return s == want, ""
	}
	v, ok := have.scalar()
	if !ok {
		return false, "a number"
	}
	return compareValues(v, want) == 0, ""
}

// lookup finds the target's value in a resource: nothing if it has none.
func (t *target) lookup(resource nodeObject) (value node, problem string) {
	in := resource
	if t.urn != "" {
		n := resource.get(t.urn)
		if n == "" {
			return "", ""
		}
		ok := false
		if in, ok = n.object(); !ok {
			return "", fmt.Sprintf("%s is %s, want an object", t.urn, n.show())
		}
	}
	v := in.get(t.name)
	if v == "" {
		return "", ""
	}
	if t.typ != "" {
		elements, ok := v.array()
		if !ok {
			return "", fmt.Sprintf("%s is %s, want an array", t.name, v.show())
		}
		v = ""
		for _, e := range elements {
			o, ok := e.object()
			if !ok {
				return "", fmt.Sprintf("%s contains %s, want objects", t.name, e.show())
			}
			if typ, ok := o.get(t.key).scalar(); ok && strings.EqualFold(asText(typ), t.typ) {
				v = e
				break
			}
		}
		if v == "" {
			return "", ""
		}
	}
	if t.sub != "" {
		o, ok := v.object()
		if !ok {
			return "", fmt.Sprintf("%s is %s, want an object", t.name, v.show())
		}
		v = o.get(t.sub)
	}
	return v, ""
}

// referenceOf returns the id that a reference has in a resource. It must come
// as an object; a string makes Entra fail to read the whole user
// (Budibase #15369).
func (t *target) referenceOf(resource nodeObject) (id, problem string) {
	v, problem := t.lookup(resource)
	if v == "" || problem != "" {
		return "", problem
	}
	o, ok := v.object()
	if !ok {
		return "", fmt.Sprintf(`%s is %s, want an object {"value": id}`, t.name, v.show())
	}
	value := o.get("value")
	if value == "" {
		return "", ""
	}
	if id, ok = value.text(); !ok {
		return "", fmt.Sprintf("%s.value is %s, want a string", t.name, value.show())
	}
	return id, ""
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

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
