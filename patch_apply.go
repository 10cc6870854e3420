package scim

import (
	"slices"
	"strings"
)

// Apply returns the change that the patch makes of a resource; the zero Change
// if it leaves it as it is. A change of attributes names the version of r, so
// that the Store refuses it if the resource was changed meanwhile. Apply reports
// ErrNoTarget, ErrInvalidValue, ErrMutability, ErrTooLarge, or what reading
// r.Members reports.
func (p *Patch) Apply(r *Resource) (Change, error) {
	c := Change{Members: p.delta}
	if p.seeMembers {
		var err error
		if c.Members, err = p.composeMembers(r.Members); err != nil {
			return Change{}, err
		}
	}
	before := r.Document
	if before.IsZero() {
		before = Document{raw: "{}"}
	}
	after, err := p.document(before)
	switch {
	case err != nil:
		return Change{}, err
	case after.raw == before.raw:
		return c, nil
	}
	c.Version, c.Document, c.Keys = r.Version, after, p.t.changedKeys(r.Document, after)
	return c, nil
}

// document carries out the steps on a document.
func (p *Patch) document(before Document) (Document, error) {
	if len(p.steps) == 0 {
		return before, nil
	}
	fields := make([]entry, 0, len(before.spans)+len(p.steps))
	w := worksheet{p: p, root: record{p.t.root, fields}, left: maxWork}
	for _, s := range before.spans {
		w.root.fields = append(w.root.fields, entry{s.name(before.raw), s.value(before.raw)})
	}
	for i := range p.steps {
		if err := w.do(&p.steps[i], &w.root); err != nil {
			return Document{}, p.steps[i].wrap(err)
		}
	}
	for _, n := range w.lists {
		w.tidy(n, &w.root)
	}
	after := w.root.document()
	if after.raw == before.raw {
		return before, nil
	}
	return after, p.check(before, after)
}

// check holds a changed document against what the schema wants of a resource.
func (p *Patch) check(before, after Document) error {
	for i := range p.steps {
		s := &p.steps[i]
		if n := p.t.fixedIn(s.n, before, after); n != nil {
			return s.wrap(immutable(n))
		}
	}
	lost := p.t.lacking(after)
	if lost == nil || p.t.lacking(before) == lost {
		return nil // what was lacking before is not for this patch to mend
	}
	s := p.culprit(lost)
	if s.op == patchRemove {
		return s.wrap(Errorf(ErrMutability, "%s is required, so it cannot be removed", lost.path))
	}
	return s.wrap(missing(lost.path))
}

// fixedIn returns an immutable attribute that a step on n changed although it
// had a value: one around n, n itself, or one inside of it.
func (t *ResourceType) fixedIn(n *node, before, after Document) *node {
	changed := func(n *node) bool {
		old, had := before.at(n)
		now, _ := after.at(n)
		return had && old != now
	}
	for outer := n; outer.kind != kindRoot; outer = outer.parent {
		if outer.attr != nil && outer.attr.Mutability == Immutable && changed(outer) {
			return outer
		}
	}
	for _, inner := range t.fixed {
		if inner.within(n) && changed(inner) {
			return inner
		}
	}
	return nil
}

// culprit returns the step that left a required attribute without a value: the
// last one on it, or else the last one in the object that lacks it.
func (p *Patch) culprit(lost *node) *step {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if n := p.steps[i].n; n.within(lost) || lost.within(n) {
			return &p.steps[i]
		}
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		if p.steps[i].n.within(lost.parent) {
			return &p.steps[i]
		}
	}
	return &p.steps[0]
}

func immutable(n *node) error {
	return Errorf(ErrMutability, "%s cannot be changed once it has a value", n.path)
}

// A worksheet is a document while a patch changes it.
type worksheet struct {
	p       *Patch
	root    record
	left    int     // of maxWork
	lists   []*node // the multi-valued attributes written to
	cleared map[clearing]bool
}

// A clearing is an element of an attribute that had its value cleared. It is
// known by its type, which is what Entra chooses elements by.
type clearing struct {
	n   *node
	typ string
}

func (w *worksheet) clearing(n *node, element string) clearing {
	c := clearing{n: n}
	if n.typ != nil {
		c.typ, _ = memberOf(element, n.typ.name)
	}
	return c
}

// maxWork bounds what one request may cost: the bytes of attributes gone
// through plus elementWork for each element compared, over all operations. A
// request as Entra sends it is thousands of times smaller.
const (
	maxWork     = 64 << 20
	elementWork = 64
)

func (w *worksheet) spend(n int) error {
	if w.left -= n; w.left < 0 {
		return tooMuch()
	}
	return w.p.share(n)
}

// share takes work from what a patch shares with others.
func (p *Patch) share(n int) error {
	if p.work == nil {
		return nil
	}
	if *p.work -= n; *p.work < 0 {
		return tooMuch()
	}
	return nil
}

func tooMuch() error {
	return Errorf(ErrTooLarge, "too many operations on too many values: send fewer at a time")
}

// do carries out a step on the attribute it is about, which lies somewhere in o.
func (w *worksheet) do(s *step, o *record) error {
	if s.n.parent != o.n {
		n := s.n.below(o.n)
		outer := o.get(n)
		if err := w.spend(len(outer)); err != nil {
			return err
		}
		inner := openRecord(n, outer)
		if err := w.do(s, &inner); err != nil {
			return err
		}
		o.set(n, inner.String())
		return nil
	}
	old := o.get(s.n)
	if err := w.spend(len(old) + elementWork); err != nil {
		return err
	}
	if s.n.multi && !slices.Contains(w.lists, s.n) {
		w.lists = append(w.lists, s.n)
	}
	now, err := s.value, error(nil)
	switch {
	case s.elements:
		now, err = w.onElements(s, old)
	case s.listed:
		now, err = w.removeListed(s, old)
	case s.op == patchAdd && s.n.multi:
		now, err = w.add(s, old)
	}
	if err == nil {
		o.set(s.n, now)
	}
	return err
}

// below returns the child of outer that n is or lies in.
func (n *node) below(outer *node) *node {
	for n.parent != outer {
		n = n.parent
	}
	return n
}

// add appends elements, or merges them into those with the same identity.
func (w *worksheet) add(s *step, old string) (string, error) {
	if old == "" {
		return s.value, nil
	}
	list := splitElements(old)
	if err := w.spend(len(list) * elementWork); err != nil {
		return "", err
	}
	places := make(map[string]int, len(list))
	for i, e := range list {
		places[s.n.identity(e)] = i
	}
	winner := -1
	for e := range elements(s.value) {
		id := s.n.identity(e)
		i, ok := places[id]
		switch {
		case !ok:
			i = len(list)
			places[id] = i
			list = append(list, e)
		case s.n.kind == kindComplex:
			o := openRecord(s.n, list[i])
			for _, f := range entriesOf(e) {
				sub := s.n.byName[f.name]
				if old := o.get(sub); old != "" && old != f.raw && sub.attr.Mutability == Immutable {
					return "", immutable(sub)
				}
				o.set(sub, f.raw)
			}
			list[i] = o.String()
		}
		if s.n.isPrimary(e) {
			winner = i
		}
	}
	if winner >= 0 {
		w.demoteOthers(s.n, list, winner)
	}
	return joinElements(list), nil
}

// identity is what tells an element from others: its value and type if it has
// a value (RFC 7643 §2.4), and otherwise all of it.
func (n *node) identity(element string) string {
	if n.kind != kindComplex {
		return n.fold(element)
	}
	if n.value == nil {
		return element
	}
	value, ok := memberOf(element, n.value.name)
	if !ok {
		return element
	}
	typ := ""
	if n.typ != nil {
		typ, _ = memberOf(element, n.typ.name)
		typ = n.typ.fold(typ)
	}
	return n.value.fold(value) + typ
}

func (n *node) fold(raw string) string {
	if n.exact {
		return raw
	}
	return strings.ToLower(raw)
}

// removeListed removes the elements that have the value, and the type if one
// is given, of one in the step's list. Without a value, an element must have
// all that the one in the list has.
func (w *worksheet) removeListed(s *step, old string) (string, error) {
	list, listed := splitElements(old), splitElements(s.value)
	if err := w.spend(len(listed) * (len(list)*elementWork + len(old))); err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(e string) bool {
		return slices.ContainsFunc(listed, func(l string) bool { return s.n.answersTo(e, l) })
	})
	return joinElements(list), nil
}

func (n *node) answersTo(element, listed string) bool {
	if n.kind != kindComplex {
		return n.fold(element) == n.fold(listed)
	}
	_, byValue := "", false
	if n.value != nil {
		_, byValue = memberOf(listed, n.value.name)
	}
	for _, f := range entriesOf(listed) {
		sub := n.byName[f.name]
		if byValue && sub != n.value && sub != n.typ {
			continue
		}
		if has, _ := memberOf(element, f.name); sub.fold(has) != sub.fold(f.raw) {
			return false
		}
	}
	return true
}

// onElements changes or removes the elements that the step's filter chooses.
func (w *worksheet) onElements(s *step, old string) (string, error) {
	list := splitElements(old)
	if err := w.spend(len(list)*elementWork + terms(s.filter)*len(old)); err != nil {
		return "", err
	}
	hits := 0
	for i, e := range list {
		if s.filter != nil && !matchElement(s.filter, e) {
			continue
		}
		var err error
		if list[i], err = w.write(s, e, hits); err != nil {
			return "", err
		}
		w.demoteOthers(s.n, list, i)
		hits++
	}
	if hits == 0 && !s.removes() {
		e, err := w.create(s)
		if err != nil || e == "" {
			return old, err
		}
		list = append(list, e)
		w.demoteOthers(s.n, list, len(list)-1)
	}
	return joinElements(list), nil
}

// terms counts the comparisons in a filter.
func terms(f Filter) int {
	n := 0
	switch f := f.(type) {
	case nil:
	case And:
		for _, g := range f {
			n += terms(g)
		}
	case Or:
		for _, g := range f {
			n += terms(g)
		}
	case Not:
		n = terms(f.Filter)
	case Some:
		n = terms(f.Filter)
	default:
		n = 1
	}
	return n
}

// removes reports whether a step on elements is none the worse for there being
// no match.
func (s *step) removes() bool { return s.op == patchRemove || s.value == "" && len(s.fields) == 0 }

// write writes into an element, the hits-th that matches.
func (w *worksheet) write(s *step, element string, hits int) (string, error) {
	if len(s.fields) == 0 {
		return s.value, nil
	}
	o := openRecord(s.n, element)
	for _, f := range s.fields {
		sub := s.n.byName[f.name]
		old := o.get(sub)
		switch {
		case old != "" && old != f.raw && sub.attr.Mutability == Immutable:
			return "", immutable(sub)
		case sub == s.n.primary && f.raw == "true" && hits > 0:
			if !w.p.dialect.grants(ruleSecondPrimary) {
				return "", Errorf(ErrInvalidValue, "%s: only one element may be primary, and several match", s.n.path)
			}
			continue
		case sub.multi && s.op == patchAdd:
			var err error
			if f.raw, err = w.add(&step{n: sub, value: f.raw}, old); err != nil {
				return "", err
			}
		case sub == s.n.value && f.raw == "":
			if w.cleared == nil {
				w.cleared = map[clearing]bool{}
			}
			w.cleared[w.clearing(s.n, element)] = true
		}
		o.set(sub, f.raw)
	}
	return o.String(), nil
}

// create makes the element that a step without a match asks for; empty if it
// asks for nothing to be in it.
func (w *worksheet) create(s *step) (string, error) {
	none := Errorf(ErrNoTarget, "no element of %s matches", s.n.path)
	o := record{n: s.n}
	switch {
	case !w.p.dialect.grants(ruleCreateElement):
		return "", none
	case s.n.kind != kindComplex:
		return s.value, nil
	case !slices.ContainsFunc(s.fields, func(f entry) bool { return f.raw != "" }):
		return "", nil
	case s.filter != nil && !o.satisfy(s.filter):
		return "", none
	}
	return w.write(s, o.String(), 0)
}

// satisfy sets what the filter compares with eq, and reports whether it does
// nothing else but compare with eq and join by and.
func (o *record) satisfy(f Filter) bool {
	switch f := f.(type) {
	case And:
		return !slices.ContainsFunc(f, func(f Filter) bool { return !o.satisfy(f) })
	case Compare:
		if f.Op != Eq || f.Path.n.parent != o.n || f.Path.n.readOnly {
			return false
		}
		raw := f.Value.text
		switch f.Path.n.kind {
		case kindBoolean, kindInteger, kindDecimal:
		default:
			raw = quoted(raw)
		}
		if f.Path.n.multi {
			raw = "[" + raw + "]"
		}
		if other := o.get(f.Path.n); other != "" && other != raw {
			return false // nothing is equal to two values
		}
		o.set(f.Path.n, raw)
		return true
	}
	return false
}

// demoteOthers makes the other elements give way to one that is primary (RFC
// 7644 §3.5.2).
func (w *worksheet) demoteOthers(n *node, list []string, winner int) {
	if !n.isPrimary(list[winner]) || n.hollow(list[winner]) && w.p.dialect.grants(ruleEmptyElement) {
		return
	}
	for i, e := range list {
		if i != winner && n.isPrimary(e) {
			o := openRecord(n, e)
			o.set(n.primary, "false")
			list[i] = o.String()
		}
	}
}

func (n *node) isPrimary(element string) bool {
	if n.primary == nil {
		return false
	}
	v, _ := memberOf(element, n.primary.name)
	return v == "true"
}

// hollow reports whether nothing is in an element but what it is for. The
// decoder drops such elements too.
func (n *node) hollow(element string) bool { return n.without(element, n.typ, n.primary) }

// without reports whether nothing else is in an element than these.
func (n *node) without(element string, those ...*node) bool {
	if n.kind != kindComplex || len(n.children) <= 2 {
		return false
	}
	for _, f := range entriesOf(element) {
		if !slices.Contains(those, n.byName[f.name]) {
			return false
		}
	}
	return true
}

// tidy drops the elements of an attribute that are there already, that are
// hollow, or that had their value cleared and only a name for it left.
func (w *worksheet) tidy(n *node, o *record) {
	if n.parent != o.n {
		below := n.below(o.n)
		inner := openRecord(below, o.get(below))
		w.tidy(n, &inner)
		o.set(below, inner.String())
		return
	}
	list := splitElements(o.get(n))
	seen := make(map[string]struct{}, len(list))
	list = slices.DeleteFunc(list, func(e string) bool {
		_, again := seen[e]
		seen[e] = struct{}{}
		return again || w.empty(n, e) && w.p.dialect.grants(ruleEmptyElement)
	})
	o.set(n, joinElements(list))
}

func (w *worksheet) empty(n *node, e string) bool {
	if w.cleared[w.clearing(n, e)] {
		return n.without(e, n.typ, n.primary, n.childString("display"))
	}
	return n.hollow(e)
}
