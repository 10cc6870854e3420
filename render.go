package scim

import (
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
	refs  []serverRef // of the type being rendered

	sink interface{ flush() error } // sends buf on and empties it
}

// spill sends on what is rendered, if that is much.
func (x *renderer) spill() error {
	const much = 64 << 10
	if len(x.buf) < much {
		return nil
	}
	return x.sink.flush()
}

// resource appends a resource.
func (x *renderer) resource(t *ResourceType, r *Resource) error {
	x.refs = t.refs
	x.buf = append(x.buf, t.schemasHead...)
	for _, e := range t.extensions {
		for _, s := range r.Document.spans {
			if s.name(r.Document.raw) == e.name {
				x.buf = append(append(append(x.buf, `,"`...), e.name...), '"')
			}
		}
	}
	x.buf = append(x.buf, `],"id":`...)
	x.buf = jsontext.AppendQuote(x.buf, r.ID)
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
		x.buf = append(append(append(x.buf, `,"resourceType":"`...), t.def.Name...), '"')
	}
	if wants(sub[1]) && !r.Created.IsZero() {
		x.buf = append(appendTime(append(x.buf, `,"created":"`...), r.Created), '"')
	}
	if wants(sub[2]) && !r.LastModified.IsZero() {
		x.buf = append(appendTime(append(x.buf, `,"lastModified":"`...), r.LastModified), '"')
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
	x.buf = append(x.buf, x.base...)
	endpoint := typ
	if t := x.types[typ]; t != nil {
		endpoint = t.def.Endpoint
	}
	x.buf = append(append(append(x.buf, '/'), endpoint...), '/')
	x.buf = appendPathSegment(x.buf, id)
}

// appendPathSegment appends an id, escaped where a URI or JSON needs it.
func appendPathSegment(dst []byte, s string) []byte {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b|0x20 && b|0x20 <= 'z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == '~', b == '@':
			dst = append(dst, b)
		default:
			const hex = "0123456789ABCDEF"
			dst = append(dst, '%', hex[b>>4], hex[b&15])
		}
	}
	return dst
}

// set appends the attribute that holds a set, or nothing for an empty one.
func (x *renderer) set(n *node, set Set, typ string) error {
	if n == nil || x.want.of(n) == drop {
		return nil
	}
	shows := func(name string) bool {
		sub := n.childString(name)
		return sub != nil && x.want.of(sub) != drop
	}
	value, ref, display, typed := shows("value"), shows("$ref"), shows("display"), shows("type")
	first := true
	for m, err := range set.All() {
		if err != nil {
			return err
		}
		from := len(x.buf)
		if first {
			x.buf = append(append(append(x.buf, ',', '"'), n.name...), `":[`...)
		} else {
			x.buf = append(x.buf, ',')
		}
		open := len(x.buf)
		if value {
			x.buf = jsontext.AppendQuote(append(x.buf, `,"value":`...), m.ID)
		}
		if ref && m.Type != "" {
			x.buf = append(x.buf, `,"$ref":"`...)
			x.appendLocation(m.Type, m.ID)
			x.buf = append(x.buf, '"')
		}
		if display && m.Display != "" {
			x.buf = jsontext.AppendQuote(append(x.buf, `,"display":`...), m.Display)
		}
		if says := typ; typed {
			if says == "" {
				says = m.Type
			}
			if says != "" {
				x.buf = append(append(append(x.buf, `,"type":"`...), says...), '"')
			}
		}
		if len(x.buf) == open { // nothing of it is wanted
			x.buf = x.buf[:from]
			continue
		}
		first = false
		x.buf[open] = '{' // in place of the first comma
		x.buf = append(x.buf, '}')
		if err := x.spill(); err != nil {
			return err
		}
	}
	if !first {
		x.buf = append(x.buf, ']')
	}
	return nil
}

// appendTime appends a time in UTC to the millisecond. It does what
// AppendFormat does, which takes five times as long and is called twice for
// each resource of a list.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	ms := t.Nanosecond() / 1e6
	digits := func(n, width int) {
		var b [4]byte
		for i := width - 1; i >= 0; i-- {
			b[i] = byte('0' + n%10)
			n /= 10
		}
		dst = append(dst, b[:width]...)
	}
	digits(year, 4)
	dst = append(dst, '-')
	digits(int(month), 2)
	dst = append(dst, '-')
	digits(day, 2)
	dst = append(dst, 'T')
	digits(hour, 2)
	dst = append(dst, ':')
	digits(minute, 2)
	dst = append(dst, ':')
	digits(second, 2)
	dst = append(dst, '.')
	digits(ms, 3)
	return append(dst, 'Z')
}
