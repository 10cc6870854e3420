package scim

import (
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// A record is an object of canonical JSON taken apart: a resource, an
// extension, a complex value. Its fields are in the schema's order.
type record struct {
	n      *node
	fields []entry
}

type entry struct{ name, raw string }

func openRecord(n *node, raw string) record { return record{n, entriesOf(raw)} }

// entriesOf takes an object of canonical JSON apart; none if raw is empty.
func entriesOf(raw string) []entry {
	var room [8]span
	spans, _ := spansOf(raw, room[:0])
	fields := make([]entry, len(spans))
	for i, s := range spans {
		fields[i] = entry{s.name(raw), s.value(raw)}
	}
	return fields
}

func (o *record) get(n *node) string {
	for _, f := range o.fields {
		if f.name == n.name {
			return f.raw
		}
	}
	return ""
}

// set gives a field its value, or takes it away if raw is empty.
func (o *record) set(n *node, raw string) {
	i := slices.IndexFunc(o.fields, func(f entry) bool { return f.name == n.name })
	switch {
	case i >= 0 && raw == "":
		o.fields = slices.Delete(o.fields, i, i+1)
	case i >= 0:
		o.fields[i].raw = raw
	case raw != "":
		o.fields = slices.Insert(o.fields, o.rank(n), entry{n.name, raw})
	}
}

// rank is where a field would have to be.
func (o *record) rank(n *node) int {
	for i, f := range o.fields {
		if known := o.n.byName[f.name]; known != nil && known.rank > n.rank {
			return i
		}
	}
	return len(o.fields)
}

// String returns the object's canonical JSON; nothing if nothing is in it.
func (o *record) String() string {
	if len(o.fields) == 0 {
		return ""
	}
	return o.join(nil)
}

func (o *record) document() Document {
	spans := make([]span, len(o.fields))
	d := Document{raw: o.join(spans), spans: spans}
	d.settle(o.n)
	return d
}

// join writes the object, and unless spans is nil, where its members lie.
func (o *record) join(spans []span) string {
	size := len("{}")
	for _, f := range o.fields {
		size += len(f.name) + len(f.raw) + len(`"":,`)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteByte('{')
	for i, f := range o.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if spans != nil {
			start := b.Len() + len(f.name) + len(`"":`)
			spans[i] = span{key: uint32(b.Len()), start: uint32(start), end: uint32(start + len(f.raw))}
		}
		b.WriteByte('"')
		b.WriteString(f.name)
		b.WriteString(`":`)
		b.WriteString(f.raw)
	}
	b.WriteByte('}')
	return b.String()
}

func splitElements(raw string) []string { return slices.Collect(elements(raw)) }

// joinElements makes an array of the elements that are not empty; nothing of
// none.
func joinElements(list []string) string {
	list = slices.DeleteFunc(list, func(e string) bool { return e == "" })
	if len(list) == 0 {
		return ""
	}
	return "[" + strings.Join(list, ",") + "]"
}

func quoted(text string) string { return string(jsontext.AppendQuote(nil, text)) }
