package idp

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
)

// object reads an answer that must be a JSON object.
func (r *run) object(x *exchange) (nodeObject, bool) {
	if x.media != "application/scim+json" {
		media, _, err := mime.ParseMediaType(x.media)
		switch {
		case err == nil && media == "application/scim+json":
		case err == nil && media == "application/json" && r.anyJSON:
			r.advise("answers are of the type application/json; want application/scim+json (RFC 7644 §3.1), for some clients read no other")
		default:
			r.failOnce(x, CodeIncompatible, fmt.Sprintf("Content-Type application/scim+json, not %q", x.media),
				"RFC 7644 §3.1; another type aborts Microsoft's validator, and some clients read no other. It is said once, whatever else is of that type")
		}
	}
	o, ok := parseObject(string(x.answer))
	if !ok {
		r.fail(x, CodeIncompatible, "a JSON object in the body", "the identity provider cannot read the answer")
	}
	return o, ok
}

// resource reads an answer that must be a resource. The id is the expected
// one; any, if that is empty.
func (r *run) resource(x *exchange, id string) (nodeObject, bool) {
	o, ok := r.object(x)
	if !ok {
		return nil, false
	}
	switch got := o.id(); {
	case got == "":
		r.fail(x, CodeIncompatible, "a string id in the resource", "the identity provider addresses the object by the id from now on")
		return nil, false
	case id != "" && got != id:
		r.fail(x, CodeIncompatible, fmt.Sprintf("the resource with id %q, not %q", id, got), "the identity provider reads and would change another object")
		return nil, false
	}
	return o, true
}

// id is a resource's id; "" if it has none.
func (o nodeObject) id() string {
	id, _ := o.get("id").text()
	return id
}

// list reads an answer that must be a ListResponse.
func (r *run) list(x *exchange) (found []nodeObject, ok bool) {
	o, ok := r.object(x)
	if !ok {
		return nil, false
	}
	wrong := func(want string) ([]nodeObject, bool) {
		r.fail(x, CodeIncompatible, want, "a search is answered with a ListResponse (RFC 7644 §3.4.2), even if it finds one or nothing")
		return nil, false
	}
	schemas, _ := o.get("schemas").array()
	if len(schemas) != 1 || schemas[0] != `"`+listURN+`"` {
		return wrong("schemas [" + quote(listURN) + "]")
	}
	total, ok := o.number("totalResults")
	if !ok {
		return wrong("the number totalResults")
	}
	raw := o.exactly("Resources")
	items, ok := raw.array()
	if !ok && (raw != "" || total > 0) {
		return wrong("the array Resources")
	}
	for _, item := range items {
		resource, ok := item.object()
		if !ok || resource.id() == "" {
			return wrong("resources with an id in Resources")
		}
		found = append(found, resource)
	}
	if total < len(found) || total > 0 && len(found) == 0 {
		return wrong(fmt.Sprintf("totalResults to tell the number of matches: it is %v, and Resources has %d", total, len(found)))
	}
	return found, true
}

// exactly returns the member of exactly that name, as clients need it whose
// names have case; null is returned as such.
func (o nodeObject) exactly(name string) node {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return ""
}

func (o nodeObject) number(name string) (int, bool) {
	f, err := strconv.ParseFloat(string(o.exactly(name)), 64)
	return int(f), err == nil
}

// tree returns the object as package json decodes it, to be changed and sent
// back.
func (o nodeObject) tree() map[string]any {
	tree := make(map[string]any, len(o))
	for _, m := range o {
		var v any
		if err := json.Unmarshal([]byte(m.value), &v); err == nil { // it was parsed before
			tree[m.name] = v
		}
	}
	return tree
}

// match looks an object up by its keys, one after the other; the first one
// that finds something ends the search. It returns the endpoint's id, or "" if
// there is none; ok is false if Entra could not tell and leaves the object
// alone in this cycle. The exchange is the last one.
func (r *run) match(kind Kind, of fmt.Stringer, endpoint, query string, keys []assignment) (x *exchange, id string, ok bool) {
	for _, key := range keys {
		value := asText(key.value)
		x = r.send(kind, of, endpoint, query+filter(eq(key.path, value)), nil)
		if !r.accept(x, 200) {
			return x, "", false
		}
		if id, ok := r.only(x, key.target, value); !ok || id != "" {
			return x, id, ok
		}
	}
	return x, "", true
}

// only reads the answer to a search for the one object that has the value:
// its id, or "" if there is none.
func (r *run) only(x *exchange, t target, value string) (id string, ok bool) {
	found, ok := r.list(x)
	if !ok {
		return "", false
	}
	for _, f := range found {
		have, _ := t.lookup(f)
		if s, ok := have.scalar(); !ok || !strings.EqualFold(asText(s), value) {
			r.fail(x, CodeIncompatible, fmt.Sprintf("a match whose %s is %s, not %s", t.path, quote(value), have.show()),
				"an endpoint that ignores the filter makes the identity provider overwrite other people's accounts")
			return "", false
		}
	}
	switch len(found) {
	case 0:
		return "", true
	case 1:
		return found[0].id(), true // list checked it
	}
	r.fail(x, CodeDuplicates, "at most one match", "the identity provider cannot tell which one is meant and skips the object")
	return "", false
}

// read reads an object by id and reports how it differs from the directory.
func (r *run) read(kind Kind, of fmt.Stringer, path, query, id string, want []assignment) (got nodeObject, diffs []difference, x *exchange, ok bool) {
	x = r.send(kind, of, path, query, nil)
	if !r.accept(x, 200) {
		return nil, nil, x, false
	}
	if got, ok = r.resource(x, id); !ok {
		return nil, nil, x, false
	}
	diffs, problems := differences(want, got)
	for _, p := range problems {
		r.incompatible(x, p)
	}
	return got, diffs, x, true
}

func (r *run) incompatible(x *exchange, problem string) {
	r.fail(x, CodeIncompatible, "values of the schema's types: "+problem, "the identity provider cannot read the object and changes nothing about it")
}

// patched checks the answer to a PATCH: it may have no body, and a body need
// not be complete, but must be of the same resource.
func (r *run) patched(x *exchange, id string) bool {
	if !r.accept(x, 204, 200) {
		return false
	}
	if x.status == 200 && len(x.answer) > 0 {
		_, ok := r.resource(x, id)
		return ok
	}
	return true
}

// filter writes a query as Entra does: form-encoded, a space as + and a quote
// as %22.
func filter(expression string) string { return "filter=" + url.QueryEscape(expression) }

func eq(attribute, value string) string { return attribute + " eq " + quote(value) }
