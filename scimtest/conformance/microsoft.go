package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// microsoftChecks are Microsoft's own tests, replayed: those of the web
// validator (scimvalidator.microsoft.com) and those of the Logic App suite that
// speak to the endpoint directly. Requests and assertions are as recorded of
// the validator in 2026, and as the suite's workflow has them.
//
// Of the suite's eleven direct tests Federated_Identity_Test is not here: it
// concerns a token endpoint and a tenant of Entra.
func microsoftChecks() []check {
	return slices.Concat(validatorUserChecks(), validatorGroupChecks(), validatorPreviewChecks(), logicAppChecks(), logicAppWriteChecks())
}

// A leaf is one value of a user, as Microsoft's tools see it: from it they make
// a piece of the body of a POST, and the path of a PATCH.
type leaf struct {
	urn       string // of an extension; "": core
	attribute string
	selector  string // of an element: `type eq "work"`, `primary eq true`
	sub       string
	typ       string // "string", "boolean"…
	canonical []any
	hidden    bool // never returned
	value     any
}

// path is the leaf's path in a PATCH and in an attribute mapping.
func (l leaf) path() string {
	path := l.attribute
	if l.selector != "" {
		path += "[" + l.selector + "]"
	}
	if l.sub != "" {
		path += "." + l.sub
	}
	if l.urn != "" {
		path = l.urn + ":" + path
	}
	return path
}

// selected returns what the selector compares: the sub-attribute, and its value
// as the validator writes it in a body.
func (l leaf) selected() (name, value string) {
	name, value, _ = strings.Cut(l.selector, " eq ")
	return name, strings.Trim(value, `"`)
}

// put adds the leaf to the body of a POST.
func (l leaf) put(body object) {
	if l.urn != "" {
		inner, ok := body[l.urn].(object)
		if !ok {
			inner = object{}
			body[l.urn] = inner
		}
		body = inner
	}
	switch {
	case l.selector != "":
		name, value := l.selected()
		elements, _ := body[l.attribute].([]object)
		i := slices.IndexFunc(elements, func(e object) bool { return e[name] == value })
		if i < 0 {
			i = len(elements)
			elements = append(elements, object{name: value})
			body[l.attribute] = elements
		}
		elements[i][l.sub] = l.value
	case l.sub != "":
		inner, ok := body[l.attribute].(object)
		if !ok {
			inner = object{}
			body[l.attribute] = inner
		}
		inner[l.sub] = l.value
	default:
		body[l.attribute] = l.value
	}
}

// in returns what a resource has at the leaf, nil if nothing.
func (l leaf) in(resource object) any {
	var v any = resource
	if l.urn != "" {
		v = field(v, l.urn)
	}
	v = field(v, l.attribute)
	if l.selector != "" {
		name, value := l.selected()
		elements, _ := v.([]any)
		v = nil
		for _, e := range elements {
			switch got := field(e, name).(type) {
			case string:
				if !strings.EqualFold(got, value) || name == "primary" { // primary is a boolean, whatever was sent
					continue
				}
			case bool:
				if name != "primary" || !got {
					continue
				}
			default:
				continue
			}
			v = e
			break
		}
	}
	if l.sub != "" {
		v = field(v, l.sub)
	}
	return v
}

// kept reports whether a resource has the leaf's value.
func (l leaf) kept(resource object) bool {
	got := l.in(resource)
	if l.typ == "dateTime" {
		g, _ := got.(string)
		w, _ := l.value.(string)
		x, err1 := time.Parse(time.RFC3339Nano, g)
		y, err2 := time.Parse(time.RFC3339Nano, w)
		return err1 == nil && err2 == nil && x.Equal(y)
	}
	return equal(got, l.value)
}

// compareLeaves expects a resource to have all leaves' values. Those that are never
// returned are left out, though the web validator reports them missing.
func (p *probe) compareLeaves(x *Exchange, resource object, leaves []leaf) {
	var want, got []string
	for _, l := range leaves {
		if !l.hidden && !l.kept(resource) {
			want = append(want, l.path()+" "+show(l.value))
			got = append(got, l.path()+" "+show(l.in(resource)))
		}
	}
	p.expect(len(want) == 0, "each attribute as it was sent: "+some(want), some(got)+", in "+x.summary())
}

// some joins the first of many.
func some(list []string) string {
	const most = 6
	if more := len(list) - most; more > 0 {
		list = append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// The attributes that the validator fills unless it discovers the endpoint's
// schema, in its order.
var (
	plainLeaves = []string{"displayName", "title", "preferredLanguage", "userType", "nickName", "locale", "timezone", "profileUrl"}
	nameLeaves  = []string{"givenName", "familyName", "formatted", "middleName", "honorificPrefix", "honorificSuffix"}
	workLeaves  = []string{"employeeNumber", "department", "costCenter", "organization", "division"}

	elementLeaves = []struct {
		attribute   string
		types, subs []string
	}{
		{"emails", []string{"work"}, []string{"value"}},
		{"addresses", []string{"work"}, []string{"formatted", "streetAddress", "locality", "region", "postalCode", "country"}},
		{"phoneNumbers", []string{"work", "mobile", "fax"}, []string{"value"}},
		{"roles", nil, []string{"display", "value", "type"}},
	}
)

// leaves are the attributes that the validator tests, by the endpoint's own
// schemas, or its default ones if the endpoint has none. The userName, the
// externalId and the manager are apart.
func (f *features) leaves() (leaves []leaf) {
	core := f.schemas[userURN]
	if core == nil {
		return f.defaultLeaves()
	}
	for _, def := range attributes(core) {
		name, _ := field(def, "name").(string)
		switch {
		case !settable(def):
		case name == "name":
			for _, sub := range subAttributes(def) {
				if n, _ := field(sub, "name").(string); slices.Contains(nameLeaves, n) && settable(sub) {
					leaves = append(leaves, simpleLeaf("", name, n, sub))
				}
			}
		case field(def, "type") == "complex":
			leaves = append(leaves, discoveredElements(name, def)...)
		case !slices.Contains([]string{"id", "schemas", "meta", "externalId", "userName", "password"}, name):
			if l := simpleLeaf("", name, "", def); l.typ != "reference" || name == "profileUrl" {
				leaves = append(leaves, l)
			}
		}
	}
	for _, urn := range f.userExtensions() {
		for _, def := range attributes(f.schemas[urn]) {
			name, _ := field(def, "name").(string)
			if l := simpleLeaf(urn, name, "", def); settable(def) && l.typ != "complex" && l.typ != "reference" {
				leaves = append(leaves, l)
			}
		}
	}
	return leaves
}

// declares reports whether the endpoint's schemas list the leaf.
func (f *features) declares(l leaf) bool {
	def := f.attribute(cmp.Or(l.urn, userURN), l.attribute)
	return def != nil && (l.sub == "" || slices.ContainsFunc(subAttributes(def), func(sub object) bool { return field(sub, "name") == l.sub }))
}

// renames reports whether clients may change the userName.
func (f *features) renames() bool {
	def := f.attribute(userURN, "userName")
	return def == nil || settable(def)
}

// settable reports whether an attribute is one that the validator can fill:
// named, written by clients, and not a list of simple values.
func settable(def object) bool {
	name, _ := field(def, "name").(string)
	mutability := field(def, "mutability")
	multi := field(def, "multiValued") == true && field(def, "type") != "complex"
	return name != "" && mutability != "readOnly" && mutability != "immutable" && field(def, "type") != "binary" && !multi
}

func simpleLeaf(urn, attribute, sub string, def object) leaf {
	l := leaf{urn: urn, attribute: attribute, sub: sub}
	l.typ, _ = field(def, "type").(string)
	if l.typ == "" {
		l.typ = "string" // RFC 7643 §2.2: the default
	}
	l.canonical, _ = field(def, "canonicalValues").([]any)
	l.hidden = field(def, "returned") == "never" || field(def, "returned") == "request" || field(def, "mutability") == "writeOnly"
	return l
}

// discoveredElements are the leaves of a multi-valued attribute by its
// definition: of elements by type if the types are said, else of the primary
// one.
func discoveredElements(name string, def object) (leaves []leaf) {
	for _, known := range elementLeaves {
		if known.attribute != name || field(def, "multiValued") != true {
			continue
		}
		subs := map[string]object{}
		for _, sub := range subAttributes(def) {
			n, _ := field(sub, "name").(string)
			subs[n] = sub
		}
		said, _ := field(subs["type"], "canonicalValues").([]any)
		var selectors []string
		for _, typ := range known.types {
			if slices.ContainsFunc(said, func(v any) bool { s, _ := v.(string); return strings.EqualFold(s, typ) }) {
				selectors = append(selectors, fmt.Sprintf("type eq %q", typ))
			}
		}
		byType := len(selectors) > 0
		switch {
		case byType:
		case known.types == nil:
			selectors = []string{`primary eq "True"`}
		default:
			selectors = []string{"primary eq true"}
		}
		if !byType && subs["primary"] == nil {
			continue // there is no way to name an element
		}
		for i, selector := range selectors {
			for _, n := range known.subs {
				if sub := subs[n]; sub != nil && settable(sub) {
					l := simpleLeaf("", name, n, sub)
					l.selector = selector
					leaves = append(leaves, l)
				}
			}
			if i == 0 && byType && subs["primary"] != nil {
				leaves = append(leaves, leaf{attribute: name, selector: selector, sub: "primary", typ: "boolean"})
			}
		}
	}
	return leaves
}

// defaultLeaves are the 36 attributes of the validator's default schema.
func (f *features) defaultLeaves() (leaves []leaf) {
	leaves = append(leaves, leaf{attribute: "active", typ: "boolean"})
	for _, name := range plainLeaves {
		leaves = append(leaves, leaf{attribute: name, typ: "string"})
	}
	for _, sub := range nameLeaves {
		leaves = append(leaves, leaf{attribute: "name", sub: sub, typ: "string"})
	}
	for _, e := range elementLeaves {
		for i, typ := range e.types {
			selector := fmt.Sprintf("type eq %q", typ)
			for _, sub := range e.subs {
				leaves = append(leaves, leaf{attribute: e.attribute, selector: selector, sub: sub, typ: "string"})
			}
			if i == 0 {
				leaves = append(leaves, leaf{attribute: e.attribute, selector: selector, sub: "primary", typ: "boolean"})
			}
		}
		if e.types == nil {
			for _, sub := range e.subs {
				leaves = append(leaves, leaf{attribute: e.attribute, selector: `primary eq "True"`, sub: sub, typ: "string"})
			}
		}
	}
	if f.has[enterprise] {
		for _, name := range workLeaves {
			leaves = append(leaves, leaf{urn: enterpriseURN, attribute: name, typ: "string"})
		}
	}
	return leaves
}

// userExtensions are the URNs of the extensions of users that have a schema.
func (f *features) userExtensions() (urns []string) {
	for _, typ := range f.types {
		if field(typ, "schema") != userURN {
			continue
		}
		extensions, _ := field(typ, "schemaExtensions").([]any)
		for _, e := range extensions {
			if urn, _ := field(e, "schema").(string); f.schemas[urn] != nil {
				urns = append(urns, urn)
			}
		}
	}
	if len(f.types) == 0 && f.schemas[enterpriseURN] != nil {
		urns = append(urns, enterpriseURN)
	}
	return urns
}

// The words that the validator's generator of fake data picks from, and the
// like.
var (
	fakeNames     = []string{"Elfrieda", "Myah", "Hyman", "Jerad", "Felicity", "Brock", "Dianna", "Zoë", "Keyshawn", "Marjolaine"}
	fakeCountries = []string{"Estonia", "Sierra Leone", "Puerto Rico", "Micronesia", "New Zealand", "Côte d'Ivoire"}
	fakeZones     = []string{"America/Guayaquil", "Africa/Lubumbashi", "America/Indiana/Knox", "America/Goose_Bay", "Europe/Zurich"}
	fakeCultures  = []string{"hi", "jgo-CM", "cy-GB", "shi-Latn-MA", "sr-Cyrl-RS", "en-SC"}
)

func pick[T any](from []T) T { return from[mathrand.IntN(len(from))] }

// letters makes up a word as the validator does: "NDSQQTECVAAC".
func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('A' + mathrand.IntN(26))
	}
	return string(b)
}

func digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + mathrand.IntN(10))
	}
	return string(b)
}

// filled returns the leaves with new values, of the kinds that the validator
// makes up.
func (p *probe) filled(leaves []leaf) []leaf {
	leaves = slices.Clone(leaves)
	for i := range leaves {
		leaves[i].value = p.fake(leaves[i])
	}
	return leaves
}

func (p *probe) fake(l leaf) any {
	switch {
	case l.typ == "boolean":
		return true
	case l.typ == "integer":
		return 1 + mathrand.IntN(99999)
	case l.typ == "decimal":
		return 1.5 + float64(mathrand.IntN(999))
	case l.typ == "dateTime":
		return time.Unix(1_700_000_000+int64(mathrand.IntN(80_000_000)), 0).UTC().Format(time.RFC3339)
	case l.typ == "reference": // the validator's word would be refused with reason
		return "https://" + p.options.Domain + "/" + letters(12)
	case len(l.canonical) > 0 && l.selector == "":
		return pick(l.canonical)
	}
	switch l.attribute + "." + l.sub {
	case "emails.value":
		return strings.ToLower(letters(10)) + "@" + p.options.Domain
	case "phoneNumbers.value":
		return digits(2) + "-" + digits(3) + "-" + digits(4)
	case "addresses.streetAddress":
		return digits(5) + " " + pick(fakeNames) + " Row"
	case "addresses.postalCode":
		return strings.ToLower(letters(2)) + digits(2) + " " + digits(1) + strings.ToLower(letters(2))
	case "addresses.country":
		return pick(fakeCountries)
	case "timezone.":
		return pick(fakeZones)
	case "preferredLanguage.":
		return pick(fakeCultures)
	}
	if l.attribute == "name" {
		return pick(fakeNames) + " " + letters(3)
	}
	return letters(12)
}

// userOf is the body of a POST of a user with the leaves, and what else the
// endpoint's schemas require.
func (p *probe) userOf(userName string, leaves []leaf) object {
	body := object{"userName": userName, "schemas": []string{userURN}}
	for _, l := range leaves {
		l.put(body)
	}
	for _, l := range leaves {
		if schemas := body["schemas"].([]string); l.urn != "" && !slices.Contains(schemas, l.urn) {
			body["schemas"] = append(schemas, l.urn)
		}
	}
	p.features.fill(body, userName)
	for name, v := range p.options.User {
		if _, ok := body[name]; !ok {
			body[name] = v
		}
	}
	return body
}

// verbose is a PATCH's operations with a path each.
func verbose(operation string, leaves []leaf) (ops []object) {
	for _, l := range leaves {
		ops = append(ops, op(operation, l.path(), l.value))
	}
	return ops
}

// compact is a PATCH's operations as both of Microsoft's tools write them when
// they are not verbose: one for each value in an element, and one without a
// path, whose keys are paths, for everything else.
func compact(operation string, leaves []leaf) (ops []object) {
	rest := object{}
	for _, l := range leaves {
		if l.selector != "" {
			ops = append(ops, op(operation, l.path(), l.value))
		} else {
			rest[l.path()] = l.value
		}
	}
	if len(rest) > 0 {
		ops = append(ops, op(operation, "", rest))
	}
	return ops
}

// as sends a request with a header of its own.
func (p *probe) as(header http.Header, method, path string, body any) *Exchange {
	return p.send(request{method: method, path: path, header: header, body: body})
}

// null is JSON's.
var null = json.RawMessage("null")
