package conformance

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// What more than one suite needs to prepare a check, and to look at what came
// of it.

// idOf returns a resource's id.
func idOf(resource object) string {
	id, _ := resource["id"].(string)
	return id
}

// pathTo is where the resource of an id is.
func pathTo(endpoint, id string) string { return endpoint + "/" + url.PathEscape(id) }

// pathOf is where a resource is.
func pathOf(endpoint string, resource object) string { return pathTo(endpoint, idOf(resource)) }

// patchOp is the body of a PATCH.
func patchOp(ops []object) object {
	return object{"schemas": []string{patchURN}, "Operations": ops}
}

// email makes up an address that no other check uses.
func (p *probe) email() string { return p.unique("m") + "@" + p.options.Domain }

// newUsers creates users to work with, up to 20 at once, and returns their ids,
// sorted.
func (p *probe) newUsers(n int) (ids []string) {
	p.prepare("cannot create users to work with", func() {
		for len(ids) < n {
			reqs := make([]request, min(20, n-len(ids)))
			for i := range reqs {
				reqs[i] = request{method: "POST", path: "/Users", body: p.user(nil)}
			}
			for _, x := range p.together(reqs...) {
				ids = append(ids, idOf(p.resource(x, 201, 200)))
			}
		}
	})
	slices.Sort(ids)
	return ids
}

// takes reports whether, by the endpoint's schemas, a client may write what
// stands at a path such as `emails[type eq "work"].value`.
func (p *probe) takes(path string) bool {
	schema, name := userURN, path
	if i := strings.LastIndex(path, ":"); i >= 0 {
		schema, name = path[:i], path[i+1:]
	}
	if schema == enterpriseURN && !p.features.has[enterprise] {
		return false
	}
	name, sub, _ := strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "[")
	if !p.features.serves(schema, name) && name != "externalId" { // externalId stands in no schema (RFC 7643 §3.1)
		return false
	}
	def := p.features.attribute(schema, name)
	if field(def, "mutability") == "readOnly" {
		return false
	}
	subs := subAttributes(def)
	if sub == "" || len(subs) == 0 {
		return true
	}
	def = definition(subs, sub)
	return def != nil && field(def, "mutability") != "readOnly"
}

// wants skips the check unless clients may write all the paths.
func (p *probe) wants(paths ...string) {
	for _, path := range paths {
		if !p.takes(path) {
			p.skip("the endpoint takes no " + path)
		}
	}
}

// finds expects that a search finds one resource alone, the one with the id,
// and returns it.
func (p *probe) finds(x *Exchange, id string) object {
	l := p.list(x)
	p.expect(l.total == 1 && slices.Equal(l.ids(), []string{id}), "totalResults 1 and the resource "+show(id)+" alone", x.summary())
	return l.resources[0]
}

// findsNone expects that a search succeeds and finds nothing.
func (p *probe) findsNone(x *Exchange) {
	l := p.list(x)
	p.expect(l.total == 0 && len(l.resources) == 0, "totalResults 0 and no Resources", x.summary())
}

// members reads a group and expects that these are in it and no others, in any
// order.
func (p *probe) members(group string, want ...string) {
	p.equal("ids of the members", p.memberIDs(group), sorted(want...))
}

// sorted returns a sorted copy, which is never nil.
func sorted(list ...string) []string {
	list = append([]string{}, list...)
	slices.Sort(list)
	return list
}

// objects are the objects among the elements of an array.
func objects(v any) (list []object) {
	items, _ := v.([]any)
	for _, item := range items {
		if o, ok := item.(object); ok {
			list = append(list, o)
		}
	}
	return list
}

// attributes and subAttributes are the definitions in a schema and in an
// attribute.
func attributes(schema object) []object { return objects(field(schema, "attributes")) }
func subAttributes(def object) []object { return objects(field(def, "subAttributes")) }

// definition returns the definition of a name among others, nil if there is none.
func definition(defs []object, name string) object {
	for _, def := range defs {
		if n, _ := field(def, "name").(string); strings.EqualFold(n, name) {
			return def
		}
	}
	return nil
}

// values returns the values in a multi-valued attribute, sorted: "" of an
// element that has none.
func (p *probe) values(resource object, name string) []string {
	v := field(resource, name)
	elements, ok := v.([]any)
	p.expect(ok || v == nil, name+", an array", name+" "+show(v))
	list := []string{}
	for _, e := range elements {
		value, _ := field(e, "value").(string)
		list = append(list, value)
	}
	return sorted(list...)
}

// instant expects a dateTime at a path (RFC 7643 §2.3.5).
func (p *probe) instant(o object, path string) time.Time {
	s, _ := at(o, path).(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	p.expect(false, path+`, a dateTime such as "2026-01-23T04:56:22Z"`, path+" "+show(at(o, path)))
	return time.Time{}
}

// sameInstant expects the same instant at a path of two resources, however it
// is written.
func (p *probe) sameInstant(path string, got, want object) {
	p.expect(p.instant(got, path).Equal(p.instant(want, path)), path+" "+show(at(want, path)), path+" "+show(at(got, path)))
}

// resolve makes a resource's URI absolute, which may be relative to the base
// URL (RFC 7643 §2.3.7), and to the host too if it begins with the base URL's
// path. "" is what is no URI.
func (p *probe) resolve(uri any) string {
	s, _ := uri.(string)
	u, err := url.Parse(s)
	base, baseErr := url.Parse(p.base)
	if s == "" || err != nil || baseErr != nil {
		return ""
	}
	if !u.IsAbs() {
		path := u.EscapedPath()
		if path != base.EscapedPath() && !strings.HasPrefix(path, base.EscapedPath()+"/") {
			path = base.EscapedPath() + "/" + strings.TrimLeft(path, "./")
		}
		if u.Host == "" {
			u.Host = base.Host
		}
		u.Scheme = base.Scheme
		if u.Path, err = url.PathUnescape(path); err != nil {
			return ""
		}
	}
	return strings.ToLower(u.Scheme+"://"+u.Host) + u.Path
}

// sameURI expects two URIs to be of one resource, absolute or relative; or, if
// what came before had none, a URI.
func (p *probe) sameURI(what string, got, want any) {
	if want == nil {
		p.expect(p.resolve(got) != "", what+", a URI", what+" "+show(got))
		return
	}
	p.expect(p.resolve(got) != "" && p.resolve(got) == p.resolve(want), what+" "+show(want), what+" "+show(got))
}
