package idp

import (
	"slices"
	"strings"
)

// replaceUser puts a whole user.
func (p *push) replaceUser(c *change, path string, body any) bool {
	x := p.write(c.read, ReplaceUser, c.of, path, body)
	if !p.accept(x, 200) {
		return false
	}
	_, ok := p.resource(x, c.id)
	return ok
}

// mergeUser puts what the endpoint returned, with the differences in it.
func mergeUser(p *push, c *change) bool {
	for _, diff := range c.diffs {
		diff.put(c.got, diff.value)
		if schemas, _ := c.got["schemas"].([]any); diff.urn != "" && !slices.Contains(schemas, any(diff.urn)) {
			c.got["schemas"] = append(schemas, diff.urn)
		}
	}
	return p.replaceUser(c, c.path(), c.got)
}

// patchUser writes one operation for each attribute. Arrays are written as a
// whole: a filter in the path of a replacement must find an element
// (RFC 7644 §3.5.2.3), and there may be none yet.
func patchUser(p *push, c *change) bool {
	var ops []operation
	for _, diff := range c.diffs {
		op := operation{"replace", diff.path, diff.value}
		if diff.typ != "" {
			i := slices.IndexFunc(c.body, func(f field) bool { return f.name == diff.name })
			op.Path, op.Value = diff.name, c.body[i].value
		}
		if !slices.ContainsFunc(ops, func(o operation) bool { return o.Path == op.Path }) {
			ops = append(ops, op)
		}
	}
	return p.patched(p.write(c.read, PatchUser, c.of, c.path(), patch(ops)), c.id)
}

// patchGroup sends one PATCH of a group.
func (p *push) patchGroup(kind Kind, c *groupChange, ops ...operation) {
	p.patched(p.write(c.read, kind, c.of, c.path(), patch(ops)), c.id)
}

// replaceGroup puts a whole group.
func (p *push) replaceGroup(c *groupChange, body any) {
	if x := p.write(c.read, ReplaceGroup, c.of, c.path(), body); p.accept(x, 200) {
		p.resource(x, c.id)
	}
}

// patchMembers adds and removes members, MembersPerPatch with one request.
func (p *push) patchMembers(c *groupChange, removal func(ids []string) []operation) {
	for most := p.options.MembersPerPatch; len(c.add)+len(c.remove) > 0; {
		r := min(most, len(c.remove))
		a := min(most-r, len(c.add))
		var ops []operation
		if r > 0 {
			ops = removal(c.remove[:r])
		}
		if a > 0 {
			ops = append(ops, operation{"add", "members", p.memberObjects(c.add[:a])})
		}
		c.remove, c.add = c.remove[r:], c.add[a:]
		p.patchGroup(PatchMembers, c, ops...)
	}
}

// byPath removes members one by one, by a filter in the path.
func byPath(ids []string) (ops []operation) {
	for _, id := range ids {
		ops = append(ops, operation{Op: "remove", Path: "members[value eq " + quote(id) + "]"})
	}
	return ops
}

// byValue removes the members in the value alone. RFC 7644 §3.5.2.2 knows no
// value there.
func byValue(ids []string) []operation {
	return []operation{{"remove", "members", new(push).memberObjects(ids)}}
}

// put sets a value in a resource that the endpoint returned.
func (t target) put(resource map[string]any, v any) {
	if t.urn != "" {
		resource = within(resource, t.urn)
	}
	switch {
	case t.typ != "":
		name := nameIn(resource, t.name)
		elements, _ := resource[name].([]any)
		i := slices.IndexFunc(elements, func(e any) bool {
			o, _ := e.(map[string]any)
			typ, _ := member(o, "type")
			s, _ := typ.(string)
			return strings.EqualFold(s, t.typ)
		})
		if i < 0 {
			e := map[string]any{"type": t.typ}
			if t.typ == "work" {
				e["primary"] = true // as in a POST
			}
			i, elements = len(elements), append(elements, e)
		}
		target{name: t.sub}.put(elements[i].(map[string]any), v)
		resource[name] = elements
	case t.sub != "":
		target{name: t.sub}.put(within(resource, t.name), v)
	default:
		resource[nameIn(resource, t.name)] = v
	}
}

// within returns the object in a member, making it if there is none.
func within(o map[string]any, name string) map[string]any {
	name = nameIn(o, name)
	in, ok := o[name].(map[string]any)
	if !ok {
		in = map[string]any{}
		o[name] = in
	}
	return in
}

// nameIn spells a member's name as the object does.
func nameIn(o map[string]any, name string) string {
	if _, ok := o[name]; ok {
		return name
	}
	for k := range o {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}
