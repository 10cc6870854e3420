package idp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object whose members keep their order, so that requests
// read as the recorded ones do.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) { return encode(o), nil }

// encode writes JSON as Entra does: without escaping for HTML.
func encode(v any) []byte { return appendJSON(make([]byte, 0, 512), v) }

// appendJSON writes what requests are made of without a detour through
// reflection.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case object:
		b = append(b, '{')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, v[i].name), ':')
			b = appendJSON(b, v[i].value)
		}
		return append(b, '}')
	case *object:
		return appendJSON(b, *v)
	case operation:
		b = appendString(append(b, `{"op":`...), v.Op)
		if v.Path != "" {
			b = appendString(append(b, `,"path":`...), v.Path)
		}
		if v.Value != nil {
			b = appendJSON(append(b, `,"value":`...), v.Value)
		}
		return append(b, '}')
	case []string:
		return appendArray(b, v, appendString)
	case []object:
		return appendArray(b, v, func(b []byte, o object) []byte { return appendJSON(b, o) })
	case *elements:
		return appendArray(b, *v, func(b []byte, o *object) []byte { return appendJSON(b, *o) })
	case []operation:
		return appendArray(b, v, func(b []byte, o operation) []byte { return appendJSON(b, o) })
	}
	var buffer bytes.Buffer
	enc := json.NewEncoder(&buffer)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("idp: encoding a request: %v", err)) // it was JSON before
	}
	return append(b, bytes.TrimRight(buffer.Bytes(), "\n")...)
}

func appendArray[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, e)
	}
	return append(b, ']')
}

// appendString escapes what RFC 8259 §7 says must be, and no more.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	s = strings.ToValidUTF8(s, "\ufffd")
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
}

// set puts a value at its place in the object, making what is around it.
func (o *object) set(t target, v any) {
	if t.urn != "" {
		inner := o.object(t.urn)
		inner.set(target{name: t.name, key: t.key, typ: t.typ, sub: t.sub}, v)
		return
	}
	if rs, ok := v.(roles); ok {
		*o = append(*o, field{"roles", rs.elements()})
		return
	}
	switch {
	case t.typ != "":
		e := o.elements(t.name).with(t.key, t.typ)
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

// with finds or appends the element of the type, or the primary one. As in
// captures, work elements are the primary ones.
func (l *elements) with(key, value string) *object {
	var mark any = value
	if strings.EqualFold(key, "primary") {
		mark = strings.EqualFold(value, "true")
	}
	for _, e := range *l {
		for _, f := range *e {
			if f.name == key && f.value == mark {
				return e
			}
		}
	}
	e := new(object)
	if value == "work" {
		*e = append(*e, field{"primary", true})
	}
	*e = append(*e, field{key, mark})
	*l = append(*l, e)
	return e
}

// createUser is the body of a user's POST: everything but the manager, which
// follows when it is known to exist. The enterprise schema is listed whether
// or not it is used, and that of a custom extension is not (Microsoft,
// "Provisioning a custom extension attribute").
func createUser(values []assignment) object {
	body := make(object, 0, 16)
	body = append(body, field{"schemas", []string{userURN, enterpriseURN}})
	hasRoles := false
	for _, a := range values {
		body.set(a.target, a.value)
		hasRoles = hasRoles || a.name == "roles"
	}
	body = append(body, field{"meta", object{{"resourceType", "User"}}})
	if !hasRoles {
		body = append(body, field{"roles", []string{}})
	}
	return body
}

// createGroup is the body of a group's POST: members follow by PATCH.
func createGroup(values []assignment) object {
	body := object{{"schemas", []string{groupURN, adGroupURN}}}
	for _, a := range values {
		body.set(a.target, a.value)
	}
	return append(body, field{"meta", object{{"resourceType", "Group"}}})
}

// An operation is one operation of a PATCH.
type operation struct {
	Op    string
	Path  string // "": none
	Value any    // nil: none
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
	var merged []operation // in the flag dialect: one for each verb, its value an *object
	for _, diff := range diffs {
		op := d.verb("Replace")
		if diff.have == "" {
			op = d.verb("Add")
		}
		if rs, ok := diff.value.(roles); ok {
			ops = append(ops, rs.operation(d, diff.path))
			continue
		}
		if d != DialectFlag {
			value := diff.value
			if _, ok := value.(bool); ok {
				value = asText(value) // "True" and "False"
			}
			ops = append(ops, operation{op, diff.path, value})
			continue
		}
		if diff.typ != "" {
			ops = append(ops, operation{op, diff.path, diff.value})
			continue
		}
		i := slices.IndexFunc(merged, func(o operation) bool { return o.Op == op })
		if i < 0 {
			i = len(merged)
			merged = append(merged, operation{Op: op, Value: new(object)})
		}
		values := merged[i].Value.(*object)
		*values = append(*values, field{diff.path, diff.value})
	}
	return append(ops, merged...)
}

// reference writes the change of a manager: a bare id, or "" for none.
func (d Dialect) reference(path, id, have string) []operation {
	op := d.verb("Replace")
	if have == "" {
		op = d.verb("Add")
	}
	return []operation{{op, path, id}}
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
