package scim

import (
	"cmp"
	"time"

	"github.com/usherkit/scim/internal/jsontext"
)

// A renderer writes resources and lists as JSON. What it has written is in
// buf, of which long answers send on a piece at a time.
type renderer struct {
	buf   []byte
	base  []byte // the endpoint's URL, without a slash at its end, safe in JSON
	types map[string]*ResourceType
	want  projection

	nodes []*node // of the members of the document being rendered
	known bool    // the schema has all of them

	sink interface{ flush() error } // sends buf on and empties it

	at     []byte // the endpoint of atType
	atType string
}

// spill sends on what is rendered, if that is much: more than a usual page,
// which is sent in one piece with its length.
func (x *renderer) spill() error {
	const much = 512 << 10
	if len(x.buf) < much {
		return nil
	}
	return x.sink.flush()
}

// resource appends a resource.
func (x *renderer) resource(t *ResourceType, r *Resource) error {
	x.outline(t, r.Document)
	x.buf = append(x.buf, t.schemasHead...)
	first := len(x.nodes) // of the extensions, which come last
	for first > 0 && x.nodes[first-1].kind == kindExtension {
		first--
	}
	for _, e := range x.nodes[first:] {
		x.buf = append(append(append(x.buf, `,"`...), e.name...), '"')
	}
	x.buf = append(x.buf, `],"id":`...)
	x.buf = appendID(x.buf, r.ID)
	x.meta(t, r)
	x.appendDocument(t, r.Document)
	if r.Members != nil {
		if err := x.set(t.members, r.Members, ""); err != nil {
			return err
		}
	}
	if r.Groups != nil {
		if err := x.set(t.groups, r.Groups, "direct"); err != nil {
			return err
		}
	}
	x.buf = append(x.buf, '}')
	return nil
}

// outline finds the nodes of a document's members.
func (x *renderer) outline(t *ResourceType, d Document) {
	if d.root != t.root { // read from a store
		x.nodes, x.known = d.nodes(t.root, x.nodes[:0])
		return
	}
	x.nodes, x.known = x.nodes[:0], true
	for _, s := range d.spans {
		x.nodes = append(x.nodes, t.root.children[s.rank])
	}
}

func (x *renderer) meta(t *ResourceType, r *Resource) {
	wants := func(*node) bool { return true }
	if x.want.include || len(x.want.paths) > 0 {
		v := x.want.of(t.meta)
		if v == drop {
			return
		}
		wants = func(n *node) bool { return x.want.of(n) != drop }
	}
	x.buf = append(x.buf, `,"meta":`...)
	open := len(x.buf)
	sub := t.meta.children // resourceType, created, lastModified, location, version
	if wants(sub[0]) {
		x.buf = append(x.buf, t.metaHead...)
	}
	from := len(x.buf) + len(`,"created":"`)
	if wants(sub[1]) && !r.Created.IsZero() {
		x.buf = append(appendTime(append(x.buf, `,"created":"`...), r.Created), '"')
	}
	if wants(sub[2]) && !r.LastModified.IsZero() {
		x.buf = append(x.buf, `,"lastModified":"`...)
		if r.LastModified == r.Created && len(x.buf) > from+timeLen { // most resources never change
			x.buf = append(x.buf, x.buf[from:from+timeLen]...)
		} else {
			x.buf = appendTime(x.buf, r.LastModified)
		}
		x.buf = append(x.buf, '"')
	}
	if wants(sub[3]) {
		x.buf = append(x.buf, `,"location":"`...)
		x.appendLocation(t.def.Name, r.ID)
		x.buf = append(x.buf, '"')
	}
	if wants(sub[4]) && r.Version != "" {
		x.buf = append(appendVersion(append(x.buf, `,"version":"W/\"`...), r), `\""`...)
	}
	if len(x.buf) == open {
		x.buf = append(x.buf, '{')
	}
	x.buf[open] = '{' // in place of the first comma
	x.buf = append(x.buf, '}')
}

// appendLocation appends the URI of a resource, safe in JSON.
func (x *renderer) appendLocation(typ, id string) {
	x.buf = appendPathSegment(append(x.buf, x.endpoint(typ)...), id)
}

// endpoint returns the URL of a type's endpoint with a slash after it. Most
// resources that one answer refers to are of one type.
func (x *renderer) endpoint(typ string) []byte {
	if len(x.at) == 0 || typ != x.atType {
		name := typ
		if t := x.types[typ]; t != nil {
			name = t.def.Endpoint
		}
		x.atType = typ
		x.at = append(appendPathSegment(append(append(x.at[:0], x.base...), '/'), name), '/')
	}
	return x.at
}

// unescaped has the bytes that stand for themselves in a URI's path and in JSON.
var unescaped = func() (table [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~@") {
		table[b] = true
	}
	return table
}()

func isUnescaped(s string) bool {
	for i := range len(s) {
		if !unescaped[s[i]] {
			return false
		}
	}
	return true
}

// appendPathSegment appends an id, escaped where a URI or JSON needs it.
func appendPathSegment(dst []byte, s string) []byte {
	if isUnescaped(s) {
		return append(dst, s...)
	}
	for i := range len(s) {
		if b := s[i]; unescaped[b] {
			dst = append(dst, b)
		} else {
			const hex = "0123456789ABCDEF"
			dst = append(dst, '%', hex[b>>4], hex[b&15])
		}
	}
	return dst
}

// appendID appends an id as a JSON string.
func appendID(dst []byte, id string) []byte {
	if isUnescaped(id) {
		return append(append(append(dst, '"'), id...), '"')
	}
	return jsontext.AppendQuote(dst, id)
}

// set appends the attribute that holds a set, or nothing for an empty one. Typ
// is what its elements show as their type, if that is not the resource type.
func (x *renderer) set(n *node, set Set, typ string) error {
	if n == nil || x.want.of(n) == drop {
		return nil
	}
	shows := func(name string) bool {
		sub := n.childString(name)
		return sub != nil && x.want.of(sub) != drop
	}
	value, ref, display, typed := shows("value"), shows("$ref"), shows("display"), shows("type")
	whole := value && ref && typed && typ == ""
	begin := len(x.buf)
	x.buf = append(append(append(x.buf, ',', '"'), n.name...), `":[`...)
	some := false
	for m, err := range set.All() {
		if err != nil {
			return err
		}
		from := len(x.buf)
		if some {
			x.buf = append(x.buf, ',')
		}
		if whole && m.Display == "" && m.Type != "" && isUnescaped(m.ID) { // as nearly all members of groups are
			x.buf = append(append(append(x.buf, `{"value":"`...), m.ID...), `","$ref":"`...)
			x.buf = append(append(append(x.buf, x.endpoint(m.Type)...), m.ID...), `","type":`...)
			x.buf = append(appendID(x.buf, m.Type), '}')
		} else {
			open := len(x.buf)
			if value {
				x.buf = appendID(append(x.buf, `,"value":`...), m.ID)
			}
			if ref && m.Type != "" {
				x.buf = append(x.buf, `,"$ref":"`...)
				x.appendLocation(m.Type, m.ID)
				x.buf = append(x.buf, '"')
			}
			if display && m.Display != "" {
				x.buf = jsontext.AppendQuote(append(x.buf, `,"display":`...), m.Display)
			}
			if says := cmp.Or(typ, m.Type); typed && says != "" {
				x.buf = appendID(append(x.buf, `,"type":`...), says)
			}
			if len(x.buf) == open { // nothing of it is wanted
				x.buf = x.buf[:from]
				continue
			}
			x.buf[open] = '{' // in place of the first comma
			x.buf = append(x.buf, '}')
		}
		some = true
		if err := x.spill(); err != nil {
			return err
		}
	}
	if !some {
		x.buf = x.buf[:begin]
		return nil
	}
	x.buf = append(x.buf, ']')
	return nil
}

const timeLen = len("2006-01-02T15:04:05.000Z")

// appendTime appends a time in UTC to the millisecond. It does what
// AppendFormat does, which takes five times as long and is called twice for
// each resource of a list.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	hour, minute, second := t.Clock()
	ms := t.Nanosecond() / 1e6
	const tens, ones = "0000000000111111111122222222223333333333444444444455555555556666666666777777777788888888889999999999",
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	return append(dst,
		tens[year/100], ones[year/100], tens[year%100], ones[year%100], '-', tens[month], ones[month], '-', tens[day], ones[day], 'T',
		tens[hour], ones[hour], ':', tens[minute], ones[minute], ':', tens[second], ones[second], '.', '0'+byte(ms/100), tens[ms%100], ones[ms%100], 'Z')
}
