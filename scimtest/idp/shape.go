package idp

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Shape returns nil if Entra's provisioning service sends requests such as
// this one, and otherwise says what it would not send. It knows the whole
// grammar: which queries there are and how they are encoded, what a POST
// holds, and the operations of both dialects, which never meet in one request.
// It is for tests of what an [*Entra] sends; see Options.Observe. Requests
// that only Verify makes, of the kind GetMembers, pass.
func Shape(x Exchange) error {
	if x.Kind == RequestToken {
		return shapeOfToken(x)
	}
	u, err := url.Parse(x.URL)
	if err != nil {
		return err
	}
	at := max(strings.LastIndex(u.EscapedPath(), "/Users"), strings.LastIndex(u.EscapedPath(), "/Groups"))
	if at < 0 {
		return fmt.Errorf("path %s: want /Users or /Groups", u.Path)
	}
	endpoint, id, one := strings.Cut(u.EscapedPath()[at+1:], "/")
	if strings.Contains(id, "/") || one && id == "" {
		return fmt.Errorf("path %s: want %s/{id}", u.Path, endpoint)
	}
	what := x.Method + " " + endpoint
	if one {
		what += "/{id}"
	}
	s, ok := shapes[what]
	if !ok {
		return fmt.Errorf("%s is never sent", what)
	}
	if s.body == nil {
		if len(x.RequestBody) > 0 {
			return fmt.Errorf("%s has a body", what)
		}
		return s.query(x.Kind, u.RawQuery)
	}
	body, ok := parseObject(string(x.RequestBody))
	switch {
	case u.RawQuery != "":
		return fmt.Errorf("%s with the query %s", what, u.RawQuery)
	case !ok:
		return fmt.Errorf("the body is no JSON object")
	}
	if err := s.body(body); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

type shape struct {
	query func(k Kind, raw string) error
	body  func(nodeObject) error
}

var shapes = map[string]shape{
	"GET Users":         {query: searchShape("", `manager`)},
	"GET Users/{id}":    {query: exactQuery("")},
	"GET Groups":        {query: searchShape(exceptMembers+"&", `members`)},
	"GET Groups/{id}":   {query: exactQuery(exceptMembers)},
	"POST Users":        {body: shapeOfUser},
	"POST Groups":       {body: shapeOfGroup},
	"PATCH Users/{id}":  {body: func(b nodeObject) error { return shapeOfPatch(b, false) }},
	"PATCH Groups/{id}": {body: func(b nodeObject) error { return shapeOfPatch(b, true) }},
	"DELETE Users/{id}": {query: exactQuery("")}, "DELETE Groups/{id}": {query: exactQuery("")},
}

func exactQuery(want string) func(Kind, string) error {
	return func(k Kind, raw string) error {
		if raw != want && k != GetMembers {
			return fmt.Errorf("query %q, want %q", raw, want)
		}
		return nil
	}
}

const stringShape = `"(?:[^"\\]|\\.)*"`

var (
	rawQueryShape = regexp.MustCompile(`^[A-Za-z0-9=&+%._~*-]*$`)
	filterShape   = regexp.MustCompile(`^(\S+|\w+\[\w+ eq "\w+"\]\.\w+) eq ` + stringShape + `$`)
	pageShape     = regexp.MustCompile(`^startIndex=[1-9][0-9]*&count=[1-9][0-9]*$`)
)

// searchShape is that of searches: by one attribute alone, or by id and a
// reference; and the pages of Account Discovery. A space is +, a quote %22.
func searchShape(prefix, reference string) func(Kind, string) error {
	check := regexp.MustCompile(`^id eq ` + stringShape + ` and ` + reference + ` eq ` + stringShape + `$`)
	return func(_ Kind, raw string) error {
		if !rawQueryShape.MatchString(raw) || strings.Contains(raw, "%20") {
			return fmt.Errorf("query %s: want it form-encoded, a space as + and a quote as %%22", raw)
		}
		if prefix == "" && pageShape.MatchString(raw) {
			return nil
		}
		checks := strings.HasPrefix(raw, onlyID+"&filter=")
		encoded, ok := strings.CutPrefix(raw, onlyID+"&filter=")
		if !checks {
			encoded, ok = strings.CutPrefix(raw, prefix+"filter=")
		}
		expression, err := url.QueryUnescape(encoded)
		want := filterShape
		if checks {
			want = check
		}
		if !ok || err != nil || strings.Contains(encoded, "&") || !want.MatchString(expression) {
			return fmt.Errorf("query %s: want %sfilter= and one attribute eq a string, or %s&filter= and an id and %s", raw, prefix, onlyID, reference)
		}
		return nil
	}
}

func shapeOfToken(x Exchange) error {
	form, err := url.ParseQuery(string(x.RequestBody))
	if err != nil || x.Method != "POST" {
		return fmt.Errorf("want a form that is posted: %v", err)
	}
	if form.Get("grant_type") != "client_credentials" || form.Get("client_id") == "" || form.Has("client_secret") == form.Has("client_assertion") {
		return errors.New("want grant_type=client_credentials, client_id, and either client_secret or client_assertion")
	}
	if form.Has("scope") && form.Get("scope") == "" {
		return errors.New("an empty scope is left out")
	}
	return nil
}

func shapeOfUser(body nodeObject) error {
	if body.get("schemas") != node(encode([]string{userURN, enterpriseURN})) {
		return fmt.Errorf("schemas %s: want those of the user and the enterprise extension, and of no other", body.get("schemas"))
	}
	if s, _ := body.get("userName").text(); s == "" {
		return errors.New("no userName")
	}
	return shapeOfNew(body, `{"resourceType":"User"}`)
}

func shapeOfGroup(body nodeObject) error {
	if body.get("schemas") != node(encode([]string{groupURN, adGroupURN})) {
		return fmt.Errorf("schemas %s: want those of the group and Microsoft's", body.get("schemas"))
	}
	if s, _ := body.get("displayName").text(); s == "" {
		return errors.New("no displayName")
	}
	return shapeOfNew(body, `{"resourceType":"Group"}`)
}

// shapeOfNew is that of any POST: two levels of attributes, nothing null or
// empty, booleans that are ones, and no references.
func shapeOfNew(body nodeObject, meta node) error {
	if body.get("meta") != meta {
		return fmt.Errorf("meta %s, want %s", body.get("meta"), meta)
	}
	seen := map[string]bool{}
	for _, m := range body {
		if seen[m.name] {
			return fmt.Errorf("%s comes twice", m.name)
		}
		seen[m.name] = true
		if m.name == "schemas" || m.name == "meta" || m.name == "roles" && m.value == "[]" {
			continue
		}
		if m.name == "id" || m.name == "members" || m.name == "manager" || m.name == "password" {
			return fmt.Errorf("%s is not in a POST", m.name)
		}
		if err := shapeOfValue(m); err != nil {
			return err
		}
	}
	return nil
}

func shapeOfValue(m nodeMember) error {
	if elements, ok := m.value.array(); ok && len(elements) > 0 {
		for _, e := range elements {
			if o, ok := e.object(); !ok {
				return fmt.Errorf("%s contains %s, want objects", m.name, e.show())
			} else if err := shapeOfParts(m.name, o, false); err != nil {
				return err
			}
		}
		return nil
	}
	if o, ok := m.value.object(); ok {
		return shapeOfParts(m.name, o, strings.HasPrefix(m.name, "urn:"))
	}
	return shapeOfScalar(m.name, m.value)
}

// shapeOfParts is that of sub-attributes, or of an extension's attributes.
func shapeOfParts(name string, o nodeObject, extension bool) error {
	if len(o) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	for _, part := range o {
		if extension && part.name == "manager" {
			return errors.New("the manager is not in a POST: it follows when it is known to exist")
		}
		if _, complex := part.value.object(); complex && extension {
			if err := shapeOfValue(part); err != nil {
				return err
			}
			continue
		}
		if err := shapeOfScalar(name+"."+part.name, part.value); err != nil {
			return err
		}
	}
	return nil
}

// shapeOfScalar is that of a value with its own type.
func shapeOfScalar(name string, n node) error {
	v, ok := n.scalar()
	_, isBool := v.(bool)
	last := strings.ToLower(name[strings.LastIndexAny(name, ".:")+1:])
	switch {
	case !ok || v == "":
		return fmt.Errorf("%s is %s: nulls and the like are skipped", name, n.show())
	case (last == "active" || last == "primary") && !isBool:
		return fmt.Errorf("%s is %s, want a JSON boolean", name, n.show())
	}
	return nil
}

var (
	pathShape     = targetPattern
	removalShape  = regexp.MustCompile(`^members\[value eq ` + stringShape + `\]$`)
	memberShape   = regexp.MustCompile(`^\{"\$ref":null,"value":` + stringShape + `\}$`)
	memberShapeF  = regexp.MustCompile(`^\{"value":` + stringShape + `\}$`)
	roleTextShape = regexp.MustCompile(`^\{"value":"\{\\"id\\":.*,\\"value\\":.*,\\"displayName\\":.*\}"\}$`)
	roleShape     = regexp.MustCompile(`^\{"primary":(true|false),"type":"` + roleType + `",("display(Name)?":` + stringShape + `,)?"value":` + stringShape + `\}$`)
)

// shapeOfPatch is that of a PATCH in one of the dialects.
func shapeOfPatch(body nodeObject, group bool) error {
	operations, ok := body.exactly("Operations").array()
	if len(body) != 2 || body.exactly("schemas") != node(encode([]string{patchURN})) || !ok || len(operations) == 0 {
		return errors.New("want schemas of PatchOp, and Operations")
	}
	flag, known, merged, members, others := false, false, false, false, false
	for i, n := range operations {
		o, _ := n.object()
		op, _ := o.exactly("op").text()
		path, hasPath := o.exactly("path").text()
		value := o.exactly("value")
		fail := func(want string) error { return fmt.Errorf("operation %d, %s: want %s", i+1, n.show(), want) }
		for _, m := range o {
			if m.name != "op" && m.name != "path" && m.name != "value" {
				return fail("op, path and value alone")
			}
		}
		if path == "roles" && op == "replace" {
			if err := allMatch(value, roleShape); err != nil {
				return fail(err.Error())
			}
			continue
		}
		lower := op == strings.ToLower(op)
		if known && lower != flag {
			return fail("one dialect in a request")
		}
		flag, known = lower, true
		isMembers := path == "members" || strings.HasPrefix(path, "members[")
		members, others = members || isMembers, others || !isMembers
		switch {
		case isMembers && !group:
			return fail("members of groups alone")
		case members && others:
			return fail("members and attributes in separate requests")
		case merged && hasPath:
			return fail("what has no path at the end")
		}
		err := errors.New("an op Add, Replace or Remove, or one of these in lower case")
		switch op {
		case "Add", "Replace", "Remove":
			err = shapeOfDefault(op, path, value)
		case "add", "replace", "remove":
			merged = merged || !hasPath
			err = shapeOfFlag(op, path, value)
		}
		if err != nil {
			return fail(err.Error())
		}
	}
	return nil
}

func shapeOfDefault(op, path string, value node) error {
	switch {
	case path == "members" && op != "Replace":
		return allMatch(value, memberShape)
	case path == "roles" && op == "Add":
		return allMatch(value, roleTextShape)
	case op == "Remove" || !pathShape.MatchString(path) || path == "members" || path == "roles":
		return errors.New("of an attribute Add or Replace, with a path, and of members Add or Remove")
	}
	v, ok := value.scalar()
	if _, isBool := v.(bool); !ok || isBool {
		return errors.New(`a value that is a string or a number: booleans are "True" and "False"`)
	}
	return notEmpty(path, v)
}

func shapeOfFlag(op, path string, value node) error {
	isManager := strings.HasSuffix(path, ":manager") || path == "manager"
	switch {
	case op == "remove":
		if !removalShape.MatchString(path) || value != "" {
			return errors.New(`a path members[value eq "…"] and no value`)
		}
		return nil
	case path == "members" && op == "add":
		return allMatch(value, memberShapeF)
	case path == "roles" && op == "add":
		return allMatch(value, roleShape)
	case path == "":
		o, ok := value.object()
		if !ok || len(o) == 0 {
			return errors.New("an object of attributes")
		}
		for _, m := range o {
			v, ok := m.value.scalar()
			if !ok || !pathShape.MatchString(m.name) || strings.Contains(m.name, "[") {
				return fmt.Errorf("keys that are paths without brackets, and scalar values, not %s", m.name)
			}
			if err := notEmpty(m.name, v); err != nil {
				return err
			}
		}
		return nil
	case !pathShape.MatchString(path) || !strings.Contains(path, "[") && !isManager:
		return errors.New("attributes without brackets merged into one operation without a path")
	}
	v, ok := value.scalar()
	if !ok {
		return errors.New("a scalar value")
	}
	return notEmpty(path, v)
}

// notEmpty: nothing is cleared but a manager (LA-SUITE SCIM_Update_Manager_Test).
func notEmpty(path string, v any) error {
	if v == "" && !strings.HasSuffix(path, "manager") {
		return errors.New("a value: outbound provisioning clears nothing")
	}
	return nil
}

func allMatch(value node, shape *regexp.Regexp) error {
	elements, ok := value.array()
	if !ok || len(elements) == 0 {
		return errors.New("an array with elements")
	}
	for _, e := range elements {
		if !shape.MatchString(string(e)) {
			return fmt.Errorf("elements that match %s, not %s", shape, e.show())
		}
	}
	return nil
}
