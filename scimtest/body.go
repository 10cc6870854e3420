package scimtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// object is a JSON object whose members keep their order, so that requests
// read as the recorded ones do.
type object []field

type field struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(f.name))
		b.WriteByte(':')
		b.Write(encode(f.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode writes JSON as Entra does: without escaping for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("scimtest: encoding a request: %v", err)) // strings, booleans and objects of them always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// set puts a value at its place in the object, making what is around it.
func (o *object) set(t target, v any) {
	if t.urn != "" {
		inner := o.object(t.urn)
		inner.set(target{name: t.name, sub: t.sub, typ: t.typ}, v)
		return
	}
	switch {
	case t.typ != "":
		elements := o.elements(t.name)
		e := elements.ofType(t.typ)
		e.set(target{name: t.sub}, v)
	case t.sub != "":
		o.object(t.name).set(target{name: t.sub}, v)
	default:
		*o = append(*o, field{t.name, v})
	}
}

func (o *object) object(name string) *object {
	for _, f := range *o {
		if inner, ok := f.value.(*object); ok && f.name == name {
			return inner
		}
	}
	inner := new(object)
	*o = append(*o, field{name, inner})
	return inner
}

type elements []*object

func (o *object) elements(name string) *elements {
	for _, f := range *o {
		if list, ok := f.value.(*elements); ok && f.name == name {
			return list
		}
	}
	list := new(elements)
	*o = append(*o, field{name, list})
	return list
}

// ofType finds or appends the element of the type. As in captures, work
// elements are the primary ones.
func (l *elements) ofType(typ string) *object {
	for _, e := range *l {
		for _, f := range *e {
			if f.name == "type" && f.value == typ {
				return e
			}
		}
	}
	e := new(object)
	if typ == "work" {
		*e = append(*e, field{"primary", true})
	}
	*e = append(*e, field{"type", typ})
	*l = append(*l, e)
	return e
}

// createUser is the body of a user's POST: everything but the manager, which
// follows when it is known to exist. The enterprise schema is listed whether
// or not it is used.
func createUser(u *User) object {
	body := object{{"schemas", []string{userURN, enterpriseURN}}}
	for _, a := range u.assignments() {
		body.set(a.target, a.value)
	}
	return append(body, field{"meta", object{{"resourceType", "User"}}}, field{"roles", []string{}})
}

// createGroup is the body of a group's POST: members follow by PATCH.
func createGroup(g *Group) object {
	body := object{{"schemas", []string{groupURN, adGroupURN}}}
	for _, a := range g.assignments() {
		body.set(a.target, a.value)
	}
	return append(body, field{"meta", object{{"resourceType", "Group"}}})
}

// An operation is one operation of a PATCH.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

func patch(ops []operation) object {
	return object{{"schemas", []string{patchURN}}, {"Operations", ops}}
}

// verb spells an operation's name.
func (d Dialect) verb(op string) string {
	if d == DialectFlag {
		return strings.ToLower(op)
	}
	return op
}

// operations writes differences as PATCH operations. What the endpoint lacks
// is added, what it has is replaced.
func (d Dialect) operations(diffs []difference) (ops []operation) {
	verbOf := func(diff difference) string {
		if diff.have == nil {
			return d.verb("Add")
		}
		return d.verb("Replace")
	}
	if d != DialectFlag {
		for _, diff := range diffs {
			value := diff.value
			if b, ok := value.(bool); ok {
				value = map[bool]string{true: "True", false: "False"}[b]
			}
			ops = append(ops, operation{verbOf(diff), diff.path, value})
		}
		return ops
	}
	var merged []operation // one for each verb, its value an *object
	for _, diff := range diffs {
		op := verbOf(diff)
		if diff.typ != "" {
			ops = append(ops, operation{op, diff.path, diff.value})
			continue
		}
		i := 0
		for i < len(merged) && merged[i].Op != op {
			i++
		}
		if i == len(merged) {
			merged = append(merged, operation{Op: op, Value: new(object)})
		}
		values := merged[i].Value.(*object)
		*values = append(*values, field{diff.path, diff.value})
	}
	return append(ops, merged...)
}

// manager writes the change of a manager: a bare id, or "" for none.
func (d Dialect) manager(id, have string) []operation {
	op := d.verb("Replace")
	if have == "" {
		op = d.verb("Add")
	}
	return []operation{{op, managerTarget.path, id}}
}

// addMembers adds members in one operation.
func (d Dialect) addMembers(ids []string) []operation {
	return []operation{{d.verb("Add"), "members", d.members(ids)}}
}

// removeMembers names the members in the value, or in the flag dialect one in
// each path.
func (d Dialect) removeMembers(ids []string) (ops []operation) {
	if d != DialectFlag {
		return []operation{{"Remove", "members", d.members(ids)}}
	}
	for _, id := range ids {
		ops = append(ops, operation{Op: "remove", Path: "members[value eq " + quote(id) + "]"})
	}
	return ops
}

func (d Dialect) members(ids []string) (list []object) {
	for _, id := range ids {
		if d == DialectFlag {
			list = append(list, object{{"value", id}})
		} else {
			list = append(list, object{{"$ref", nil}, {"value", id}})
		}
	}
	return list
}

// quote writes a string of a filter, which is a JSON string.
func quote(s string) string { return string(encode(s)) }
