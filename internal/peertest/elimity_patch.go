package peertest

import (
	"maps"
	"slices"
	"strings"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	scimfilter "github.com/elimity-com/scim/filter"
	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

// The library checks the operations of a PATCH and leaves it to its user to
// apply them. This does what RFC 7644 §3.5.2 says, and nothing that identity
// providers need beyond that.

// patched returns the attributes after one operation. It changes no map or
// slice that was there before.
func (t *table) patched(in scim.ResourceAttributes, op scim.PatchOperation) (scim.ResourceAttributes, error) {
	out := maps.Clone(in)
	if op.Path != nil {
		return out, t.apply(out, op.Op, *op.Path, op.Value)
	}
	values, _ := op.Value.(map[string]any)
	for key, value := range values { // the keys are the client's own
		var err error
		if extension, ok := value.(map[string]any); ok && t.extensions[key] != nil {
			merged := cloned(out[key])
			for name, v := range extension {
				merged[t.extensions[key].name(name)] = v
			}
			out[key] = merged
		} else if path, bad := filter.ParsePath([]byte(key)); bad != nil {
			err = errors.ScimErrorInvalidPath
		} else {
			err = t.apply(out, op.Op, path, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attributes are those of a schema.
type attributes schema.Attributes

// name returns an attribute's name as its schema has it.
func (a attributes) name(name string) string {
	if attr, ok := schema.Attributes(a).ContainsAttribute(name); ok {
		return attr.Name()
	}
	return name
}

// apply changes out, whose values it replaces and never changes.
func (t *table) apply(out map[string]any, op string, path filter.Path, value any) error {
	known := t.core
	if uri := path.AttributePath.URI(); t.extensions[uri] != nil {
		known = t.extensions[uri]
		whole, in := out, cloned(out[uri])
		defer func() { put(whole, uri, in) }()
		out = in
	}
	attr, ok := schema.Attributes(known).ContainsAttribute(path.AttributePath.AttributeName)
	if !ok {
		return errors.ScimErrorInvalidPath
	}
	name, sub := attr.Name(), path.AttributePath.SubAttributeName()
	switch {
	case path.ValueExpression != nil:
		return amend(out, op, attr, path, value)
	case sub != "":
		parts := cloned(out[name])
		set(parts, op, attributes(attr.SubAttributes()).name(sub), value)
		put(out, name, parts)
	case op == scim.PatchOperationAdd && attr.MultiValued():
		old, _ := out[name].([]any)
		added, ok := value.([]any)
		if !ok {
			added = []any{value}
		}
		out[name] = with(old, added)
	default:
		if part, ok := value.(map[string]any); ok { // what the value does not name stays (§3.5.2.3)
			merged := cloned(out[name])
			maps.Copy(merged, part)
			value = merged
		}
		set(out, op, name, value)
	}
	return nil
}

func cloned(v any) map[string]any {
	m, _ := v.(map[string]any)
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// put sets an attribute of parts, which is none without any.
func put(in map[string]any, name string, parts map[string]any) {
	if in[name] = parts; len(parts) == 0 {
		delete(in, name)
	}
}

func set(in map[string]any, op, name string, value any) {
	if op == scim.PatchOperationRemove {
		delete(in, name)
	} else {
		in[name] = value
	}
}

// amend changes the elements that the path's filter chooses.
func amend(out map[string]any, op string, attr schema.CoreAttribute, path filter.Path, value any) error {
	chosen := scimfilter.NewFilterValidator(path.ValueExpression, schema.Schema{Attributes: scimfilter.MultiValuedFilterAttributes(attr)})
	old, _ := out[attr.Name()].([]any)
	if next, ok := without(old, path.ValueExpression); ok && op == scim.PatchOperationRemove && path.SubAttribute == nil {
		out[attr.Name()] = next
		return nil
	}
	next, found := make([]any, 0, len(old)), false
	for _, e := range old {
		element, _ := e.(map[string]any)
		if chosen.PassesFilter(element) != nil {
			next = append(next, e)
			continue
		}
		found = true
		if path.SubAttribute == nil {
			if op == scim.PatchOperationRemove {
				continue
			}
			part, _ := value.(map[string]any)
			element = maps.Clone(element)
			maps.Copy(element, part)
		} else {
			element = maps.Clone(element)
			set(element, op, attributes(attr.SubAttributes()).name(*path.SubAttribute), value)
		}
		next = append(next, element)
	}
	if !found && op != scim.PatchOperationRemove {
		return errors.ScimErrorNoTarget
	}
	if out[attr.Name()] = next; len(next) == 0 {
		delete(out, attr.Name())
	}
	return nil
}

func valueOf(element any) any {
	m, _ := element.(map[string]any)
	return m["value"]
}

// with returns old and those of added whose values are not in it.
func with(old, added []any) []any {
	next := slices.Clone(old)
	seen := make(map[any]bool, len(old))
	for _, e := range old {
		seen[valueOf(e)] = true
	}
	for _, e := range added {
		if v := valueOf(e); v == nil || !seen[v] {
			seen[v] = true
			next = append(next, e)
		}
	}
	return next
}

// without returns old without the elements of the value in value eq "…", and
// whether the filter is of that form: the one that groups of thousands need.
func without(old []any, e filter.Expression) (next []any, ok bool) {
	is, ok := e.(*filter.AttributeExpression)
	if !ok || is.Operator != filter.EQ || !strings.EqualFold(is.AttributePath.AttributeName, "value") {
		return nil, false
	}
	next = make([]any, 0, len(old))
	for _, e := range old {
		if valueOf(e) != is.CompareValue {
			next = append(next, e)
		}
	}
	return next, true
}
