package scim

// A walk goes over the elements of an array in canonical JSON; over anything
// else, the value itself. It does what elements does without a closure, which
// would be allocated for each resource that a filter looks at.
type walk struct {
	raw string
	at  int
}

func (w *walk) next() (element string, ok bool) {
	start := w.at
	switch {
	case start >= len(w.raw):
		return "", false
	case start == 0 && w.raw[0] != '[':
		w.at = len(w.raw)
		return w.raw, true
	case start == 0:
		start = 1
	}
	end := endOfValue(w.raw, start)
	if end < 0 {
		w.at = len(w.raw)
		return "", false
	}
	w.at = end + 1 // after the comma or the bracket
	return w.raw[start:end], true
}

// values goes over the values of an attribute or a sub-attribute.
type values struct {
	outer walk   // over the complex values around a sub-attribute
	name  string // of the sub-attribute
	inner walk

	absent string // the value of the sub-attribute where there is none
}

// values returns a walk over the values that n has in the document.
func (d Document) values(n *node) values {
	if n.parent.kind != kindComplex {
		raw, _ := d.at(n)
		return values{inner: walk{raw: raw}}
	}
	raw, _ := d.at(n.parent)
	return values{outer: walk{raw: raw}, name: n.name}
}

func (v *values) next() (raw string, ok bool) {
	for {
		if raw, ok = v.inner.next(); ok {
			return raw, true
		}
		element, ok := v.outer.next()
		if !ok {
			return "", false
		}
		if raw, ok = memberOf(element, v.name); !ok {
			raw = v.absent
		}
		v.inner = walk{raw: raw}
	}
}

// filled reports whether canonical JSON is a value that counts: a strict
// client may have stored "" (RFC 7643 §2.5 knows only null and [] as none).
func filled(raw string) bool {
	if raw == "" || raw == `""` {
		return false
	}
	if raw[0] != '{' {
		return true
	}
	var room [8]span
	spans, _ := spansOf(raw, room[:0])
	for _, member := range spans {
		if filled(member.value(raw)) {
			return true
		}
	}
	return false
}
