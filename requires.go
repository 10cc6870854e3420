package scim

import "iter"

// Requires returns the comparison key that the attribute must have for f to
// match, if f asks for one with eq, be it alone or and-ed with other
// conditions; a multi-valued attribute must have it among its values. The path
// is a canonical one.
//
// A Store narrows with it before it leaves the rest to [Select]: for "id", to
// the one of that id; for "members.value", to the groups of the resource of
// that id; for "groups.value", to the members of the group of that id. For
// what its resources carry Keys of, see [RequiredKeys].
func Requires(f Filter, path string) (key string, ok bool) {
	switch f := f.(type) {
	case And:
		for _, g := range f {
			if key, ok = Requires(g, path); ok {
				return key, true
			}
		}
	case Some:
		return Requires(f.Filter, path)
	case Compare:
		if f.Op == Eq && f.Path.String() == path {
			return f.Value.key, true
		}
	}
	return "", false
}

// RequiredKeys yields the Keys that a resource must carry for f to match, as
// far as f asks for them with eq, alone or and-ed with other conditions. None
// means that f has to be matched against every resource; a Key that no
// resource carries means that nothing matches. Where several are yielded, the
// one that must be unique, or is found least often, narrows most.
func RequiredKeys(f Filter) iter.Seq[Key] {
	return func(yield func(Key) bool) { requiredKeys(f, yield) }
}

func requiredKeys(f Filter, yield func(Key) bool) bool {
	switch f := f.(type) {
	case And:
		for _, g := range f {
			if !requiredKeys(g, yield) {
				return false
			}
		}
	case Some:
		return requiredKeys(f.Filter, yield)
	case Compare:
		if n := f.Path.n; f.Op == Eq && n.indexed {
			return yield(Key{Path: n.path, Value: f.Value.key, Unique: n.unique, Multi: n.several})
		}
	}
	return true
}
