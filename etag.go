package scim

import (
	"hash/fnv"
	"strings"
)

// Versions travel as weak entity tags, W/"v" (RFC 7644 §3.14). If-Match asks
// for a strong comparison, which no weak tag would ever satisfy, so the opaque
// texts are compared.
//
// The groups that a user is shown with are no part of the user: when they
// change, the Store's version of the user does not. Where they are shown the
// tag has a digest of them after the version, so that a client that asks with
// If-None-Match is never left with old ones. The conditions of a write, which is
// about the user, leave it out.

const digestLen = len("~01234567")

// appendVersion appends the version that a resource is shown with.
func appendVersion(dst []byte, r *Resource) []byte {
	dst = append(dst, r.Version...)
	if r.Groups == nil {
		return dst
	}
	sum, some := fnv.New32a(), false
	for m, err := range r.Groups.All() {
		if err != nil {
			break // rendering the groups reports it
		}
		some = true
		sum.Write([]byte(m.ID))
		sum.Write([]byte{0})
		sum.Write([]byte(m.Display))
		sum.Write([]byte{0})
	}
	if !some { // as where the Store says nil
		return dst
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '~')
	for digest, i := sum.Sum32(), 28; i >= 0; i -= 4 {
		dst = append(dst, hex[digest>>i&15])
	}
	return dst
}

// storeVersion takes the digest off a version that a client names.
func (t *ResourceType) storeVersion(version string) string {
	if at := len(version) - digestLen; t.groups != nil && at >= 0 && version[at] == '~' {
		return version[:at]
	}
	return version
}

// names reports whether a header names the version of a resource that there is.
func (t *ResourceType) names(header, version string) bool {
	return matches(header, func(tag string) bool { return version != "" && t.storeVersion(tag) == version })
}

// matches reports whether a header names any version, or one that is.
func matches(header string, is func(version string) bool) bool {
	for header != "" {
		var tag string
		tag, header = nextTag(header)
		if tag == "*" || is(unquote(tag)) {
			return true
		}
	}
	return false
}

// nextTag cuts the first tag off a list.
func nextTag(list string) (tag, rest string) {
	quoted := false
	for i := range len(list) {
		switch list[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return strings.TrimSpace(list[:i]), list[i+1:]
			}
		}
	}
	return strings.TrimSpace(list), ""
}

// unquote returns what is inside W/"v", "v" or v.
func unquote(tag string) string {
	tag = strings.TrimPrefix(tag, "W/")
	if len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		return tag[1 : len(tag)-1]
	}
	return tag
}

// single reports whether an If-Match can be left to the Store: it is absent,
// or names one version.
func (t *ResourceType) single(header string) bool {
	tag, rest := nextTag(header)
	return header == "" || rest == "" && tag != "*" && t.storeVersion(unquote(tag)) != ""
}

// opaque returns the version in an If-Match that is single.
func (t *ResourceType) opaque(header string) string {
	tag, _ := nextTag(header)
	return t.storeVersion(unquote(tag))
}
