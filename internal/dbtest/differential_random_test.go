package dbtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// Random resources and random filters of any resource type, made from its schema.

// deviceType is a resource type of an application's: an attribute of each type,
// single and multi-valued, in the type's own schema and in an extension, half of
// them indexed, and some that must be unique.
func deviceType(t testing.TB) *scim.ResourceType {
	t.Helper()
	simple := func(suffix string, multi, exact bool) (list []scim.Attribute) {
		for _, typ := range []scim.DataType{
			scim.TypeString, scim.TypeBoolean, scim.TypeDecimal, scim.TypeInteger, scim.TypeDateTime, scim.TypeBinary, scim.TypeReference,
		} {
			list = append(list, scim.Attribute{Name: string(typ) + suffix, Type: typ, MultiValued: multi, CaseExact: exact})
		}
		return list
	}
	serial := scim.Attribute{Name: "serial", CaseExact: true, Uniqueness: scim.UniqueServer}
	ports := scim.Attribute{Name: "ports", Type: scim.TypeComplex, MultiValued: true, SubAttributes: append(simple("", false, false),
		scim.Attribute{Name: "value", Uniqueness: scim.UniqueServer}, scim.Attribute{Name: "type"}, scim.Attribute{Name: "primary", Type: scim.TypeBoolean},
		scim.Attribute{Name: "notes", MultiValued: true})}
	owner := scim.Attribute{Name: "owner", Type: scim.TypeComplex, SubAttributes: append(simple("", false, true), scim.Attribute{Name: "value"}, scim.Attribute{Name: "primary", Type: scim.TypeBoolean})}
	own := slices.Concat(simple("", false, false), simple("Key", false, false), simple("s", true, false), simple("Keys", true, true),
		[]scim.Attribute{
			serial, ports, owner,
			{Name: "odd-name", CaseExact: true},
			// Of other types these have a column of their own.
			{Name: "displayName", MultiValued: true},
			{Name: "userName", MultiValued: true, Uniqueness: scim.UniqueServer},
		})
	const uri = "urn:example:2.0:Device's%s:Extra"
	extra := slices.Concat(simple("", false, false), simple("Keys", true, false), []scim.Attribute{owner, ports, {Name: "userName", Uniqueness: scim.UniqueGlobal}})
	indexed := []string{"owner.value", "ports.integer", "displayName", "odd-name", uri + ":owner.string", uri + ":ports.dateTime"}
	for _, a := range simple("", false, false) {
		indexed = append(indexed, a.Name+"Key", a.Name+"Keys", uri+":"+a.Name+"Keys")
	}
	typ, err := scim.NewResourceType(scim.TypeDefinition{
		Name: "Device", Endpoint: "Devices", Schema: &scim.Schema{ID: "urn:example:2.0:Device", Attributes: own},
		Extensions: []scim.Extension{{Schema: &scim.Schema{ID: uri, Attributes: extra}}},
		Indexed:    indexed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// A kind of resources, and what random filters and sorts of them can name.
type kindOfResource struct {
	*scim.ResourceType
	values    map[string][]string // texts that resources were given, by canonical path
	simple    []named             // what a condition can be on, outside of brackets
	complexes []complexAttribute
	sorts     []string
}

// A named attribute has a name that a filter can use, outside of brackets or in
// them.
type named struct {
	name string
	path scim.Path
}

// A complexAttribute is one that a filter can put in front of brackets.
type complexAttribute struct {
	name string
	subs []named
}

func newKindOfResource(t testing.TB, typ *scim.ResourceType) *kindOfResource {
	t.Helper()
	k := &kindOfResource{ResourceType: typ, values: map[string][]string{}}
	path := func(name string) (p scim.Path, filterable bool) {
		p, err := typ.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = typ.ParseFilter(name + " pr")
		return p, err == nil
	}
	add := func(prefix string, a *scim.Attribute) {
		outer, ok := path(prefix + a.Name)
		if !ok {
			return
		}
		k.simple = append(k.simple, named{prefix + a.Name, outer})
		if _, err := typ.ParseSort(prefix+a.Name, ""); err == nil {
			k.sorts = append(k.sorts, prefix+a.Name)
		}
		if a.Type != scim.TypeComplex {
			if a.MultiValued && a.Name != "schemas" {
				k.complexes = append(k.complexes, complexAttribute{prefix + a.Name, []named{{"value", outer}}})
			}
			return
		}
		c := complexAttribute{name: prefix + a.Name}
		for i := range a.SubAttributes {
			name := prefix + a.Name + "." + a.SubAttributes[i].Name
			if sub, ok := path(name); ok {
				k.simple = append(k.simple, named{name, sub})
				c.subs = append(c.subs, named{a.SubAttributes[i].Name, sub})
				if _, err := typ.ParseSort(name, ""); err == nil {
					k.sorts = append(k.sorts, name)
				}
			}
		}
		if len(c.subs) > 0 && a.Name != "meta" {
			k.complexes = append(k.complexes, c)
		}
	}
	def := typ.Definition()
	for i := range def.Schema.Attributes {
		add("", &def.Schema.Attributes[i])
	}
	for _, e := range def.Extensions {
		uri, ok := path(e.Schema.ID)
		if ok {
			k.simple = append(k.simple, named{e.Schema.ID, uri})
		}
		for i := range e.Schema.Attributes {
			add(e.Schema.ID+":", &e.Schema.Attributes[i])
		}
	}
	for _, name := range []string{"id", "externalId", "schemas", "meta"} {
		p, _ := path(name)
		add("", p.Attribute())
	}
	return k
}

// document returns random attributes for a resource. What it makes of them is in
// k.values from then on.
func (k *kindOfResource) document(r random) map[string]any {
	def := k.Definition()
	often := 0.1 + 0.8*r.Float64()
	fields := k.fields(r, "", def.Schema.Attributes, often)
	for _, e := range def.Extensions {
		if r.IntN(2) == 0 {
			fields[e.Schema.ID] = k.fields(r, e.Schema.ID+":", e.Schema.Attributes, often)
		}
	}
	if r.IntN(2) == 0 {
		fields["externalId"] = k.value(r, "externalId", scim.TypeString)
	}
	return fields
}

func (k *kindOfResource) fields(r random, prefix string, attributes []scim.Attribute, often float64) map[string]any {
	fields := map[string]any{}
	for _, a := range attributes {
		name := prefix + a.Name
		switch {
		case name == "members" || name == "groups" || a.Name == "$ref" || !a.Required && r.Float64() > often:
			continue
		case a.MultiValued && a.Type == scim.TypeComplex:
			var list []any
			primary := r.IntN(4) // at most one is
			for i := range r.IntN(4) {
				element := k.fields(r, name+".", a.SubAttributes, often)
				if element["primary"] == true && i != primary {
					element["primary"] = false
				}
				list = append(list, element)
			}
			fields[a.Name] = list
		case a.MultiValued:
			var list []any
			for range r.IntN(4) {
				list = append(list, k.value(r, name, a.Type))
			}
			fields[a.Name] = list
		case a.Type == scim.TypeComplex:
			fields[a.Name] = k.fields(r, name+".", a.SubAttributes, often)
		default:
			if v := k.value(r, name, a.Type); v != "" || !a.Required {
				fields[a.Name] = v
			} else {
				fields[a.Name] = "x"
			}
		}
	}
	return fields
}

// value returns a random value for an attribute, often one that is there.
func (k *kindOfResource) value(r random, path string, typ scim.DataType) any {
	keep := func(text string) string {
		if len(k.values[path]) < 200 {
			k.values[path] = append(k.values[path], text)
		}
		return text
	}
	switch typ {
	case scim.TypeBoolean:
		return r.IntN(2) == 0
	case scim.TypeInteger:
		return json.Number(keep(r.pick("0", "1", "-1", "2", "10", "9007199254740992", "9007199254740993", "-9223372036854775808", "9223372036854775807", strconv.Itoa(r.IntN(2000)-1000))))
	case scim.TypeDecimal:
		return json.Number(keep(r.pick("0", "1", "-1", "0.5", "-0.5", "1e300", "-1e300", "1e-300", "9007199254740993", "0.1", "123456789.125", strconv.FormatFloat(r.NormFloat64()*100, 'g', -1, 64))))
	case scim.TypeDateTime:
		return keep(r.dateTime().Format(time.RFC3339Nano))
	case scim.TypeBinary:
		return keep(base64.StdEncoding.EncodeToString([]byte(r.pick("a", "b", "ab", "\x00\xff", strings.Repeat("x", 90), strings.Repeat("x", 91)))))
	case scim.TypeReference:
		if r.IntN(2) == 0 {
			return keep("https://example.com/" + r.pick("", "A", "a", "ä", "%", "_") + strconv.Itoa(r.IntN(3)))
		}
	}
	return keep(r.word())
}

// dateTime returns a time of few there are, to the nanosecond.
func (r random) dateTime() time.Time {
	t := time.Date([]int{1, 1969, 1970, 2026, 9999}[r.IntN(5)], 12, 31, 23, 59, 59, 0, time.UTC)
	return t.Add([]time.Duration{0, 1, time.Microsecond, time.Millisecond, 500 * time.Millisecond, 999_999_999}[r.IntN(6)])
}

// A directory is what random filters find values in.
type directory struct {
	ids   []string // of all resources that there are or were, of any tenant
	clock *clock
}

// filter returns a random filter in the form that a client sends.
func (k *kindOfResource) filter(r random, d *directory, depth int) string {
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return "(" + k.filter(r, d, depth-1) + " and " + k.filter(r, d, depth-1) + ")"
		case 1:
			return "(" + k.filter(r, d, depth-1) + " or " + k.filter(r, d, depth-1) + ")"
		case 2:
			return "not (" + k.filter(r, d, depth-1) + ")"
		case 3:
			// What clients do to look something up, and then one thing more.
			return k.equal(r, d) + " and " + k.filter(r, d, depth-1)
		}
	}
	if r.IntN(3) == 0 {
		c := k.complexes[r.IntN(len(k.complexes))]
		return c.name + "[" + k.inBrackets(r, d, c, 2) + "]"
	}
	return k.condition(r, d, k.simple[r.IntN(len(k.simple))])
}

func (k *kindOfResource) inBrackets(r random, d *directory, c complexAttribute, depth int) string {
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return "(" + k.inBrackets(r, d, c, depth-1) + " and " + k.inBrackets(r, d, c, depth-1) + ")"
		case 1:
			return "(" + k.inBrackets(r, d, c, depth-1) + " or " + k.inBrackets(r, d, c, depth-1) + ")"
		case 2:
			return "not (" + k.inBrackets(r, d, c, depth-1) + ")"
		}
	}
	return k.condition(r, d, c.subs[r.IntN(len(c.subs))])
}

// equal returns a look-up by something that is indexed.
func (k *kindOfResource) equal(r random, d *directory) string {
	for {
		n := k.simple[r.IntN(len(k.simple))]
		if n.path.Indexed() || n.path.String() == "id" || n.path.String() == "members.value" || n.path.String() == "groups.value" {
			return n.name + " eq " + k.operand(r, d, n.path)
		}
	}
}

func (k *kindOfResource) condition(r random, d *directory, n named) string {
	a := n.path.Attribute()
	if a == nil || a.Type == scim.TypeComplex && n.path != k.comparable(n.path) || r.IntN(8) == 0 {
		return n.name + " pr"
	}
	ops := []string{"eq", "eq", "eq", "ne", "gt", "ge", "lt", "le"}
	switch k.typeOf(n.path) {
	case scim.TypeBoolean, scim.TypeBinary:
		ops = ops[:4]
	case scim.TypeString, scim.TypeReference:
		ops = append(ops, "co", "sw", "ew", "co", "sw", "ew")
	}
	return n.name + " " + r.pick(ops...) + " " + k.operand(r, d, n.path)
}

// comparable returns the path if it can be compared with something: a complex
// attribute stands for its value.
func (k *kindOfResource) comparable(p scim.Path) scim.Path {
	if _, err := k.ParseFilter(p.String() + ` eq "x"`); err != nil {
		return scim.Path{}
	}
	return p
}

func (k *kindOfResource) typeOf(p scim.Path) scim.DataType {
	switch a := p.Attribute(); a.Type {
	case "", scim.TypeComplex:
		return scim.TypeString
	default:
		return a.Type
	}
}

// operand returns a literal to compare an attribute with.
func (k *kindOfResource) operand(r random, d *directory, p scim.Path) string {
	typ, path := k.typeOf(p), p.String()
	switch path {
	case "meta.created", "meta.lastModified":
		at := d.clock.now().Add(-time.Duration(r.IntN(int(d.clock.now().Sub(newClock().at)) + 1)))
		if r.IntN(3) > 0 {
			at = at.Truncate(time.Millisecond)
		}
		return quoted(at.Format(time.RFC3339Nano))
	case "meta.resourceType":
		return quoted(r.pick(k.Name(), strings.ToLower(k.Name()), "U", "Device", ""))
	case "schemas":
		return quoted(r.pick(k.Definition().Schema.ID, "urn:", "User", scim.EnterpriseUserSchemaURI, strings.ToUpper(scim.EnterpriseUserSchemaURI)))
	case "groups.type":
		return quoted(r.pick("direct", "Direct", "indirect"))
	case "members.type":
		return quoted(r.pick("User", "Group", "device"))
	}
	known := k.values[path]
	if p.OfMembers() || p.OfGroups() || path == "id" {
		known = d.ids
	}
	switch typ {
	case scim.TypeBoolean:
		return strconv.FormatBool(r.IntN(2) == 0)
	case scim.TypeInteger, scim.TypeDecimal:
		return fmt.Sprint(k.value(r, path, typ))
	}
	text := r.word()
	switch {
	case len(known) > 0 && r.IntN(5) > 0:
		text = known[r.IntN(len(known))]
	case typ != scim.TypeString && typ != scim.TypeReference:
		text = fmt.Sprint(k.value(r, path, typ))
	}
	if typ == scim.TypeString || typ == scim.TypeReference {
		if runes := []rune(text); len(runes) > 0 && r.IntN(4) == 0 {
			from := r.IntN(len(runes))
			text = string(runes[from : from+r.IntN(len(runes)-from)+1])
		}
		if r.IntN(6) == 0 {
			text = r.swapCase(text)
		}
	}
	return quoted(text)
}

func (r random) swapCase(s string) string {
	if r.IntN(2) == 0 {
		return strings.ToUpper(s)
	}
	return strings.ToLower(s)
}

// query returns a random query of a tenant.
func (k *kindOfResource) query(t testing.TB, r random, d *directory, tenant string) scim.Query {
	t.Helper()
	q := scim.Query{
		Tenant: tenant, Type: k.Name(), Resumes: r.IntN(2) == 0,
		Limit:      []int{0, 1, 2, 7, 7, 30, 1000}[r.IntN(7)],
		Projection: scim.Projection{Members: r.IntN(4) == 0, Groups: r.IntN(3) == 0},
	}
	if !q.Resumes {
		q.Offset = []int{0, 0, 1, 3, 20, 500}[r.IntN(6)]
	}
	var err error
	if r.IntN(8) > 0 {
		src := k.filter(r, d, r.IntN(4))
		if q.Filter, err = k.ParseFilter(src); err != nil {
			t.Fatalf("%s: %v", src, err)
		}
	}
	if r.IntN(10) == 0 {
		q.MaxScan = 20
	}
	if r.IntN(2) == 0 {
		by, order := k.sorts[r.IntN(len(k.sorts))], r.pick("ascending", "descending")
		if q.Sort, err = k.ParseSort(by, order); err != nil {
			t.Fatalf("sorted by %s: %v", by, err)
		}
	}
	return q
}

// mutated returns the attributes of a resource with a few of them replaced.
func (k *kindOfResource) mutated(r random, fields map[string]any) map[string]any {
	other := k.document(r)
	next := maps.Clone(fields)
	for name, v := range other {
		if r.IntN(4) == 0 {
			next[name] = v
		}
	}
	return next
}
