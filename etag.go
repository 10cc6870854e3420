package scim

import "strings"

// Versions travel as weak entity tags, W/"v" (RFC 7644 §3.14). If-Match asks
// for a strong comparison, which no weak tag would ever satisfy, so the opaque
// texts are compared.

// matches reports whether a version is among the tags of an If-Match or
// If-None-Match header.
func matches(header, version string) bool {
	for header != "" {
		var tag string
		tag, header = nextTag(header)
		if tag == "*" || version != "" && unquote(tag) == version {
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
func single(header string) bool {
	_, rest := nextTag(header)
	return rest == "" && strings.TrimSpace(header) != "*"
}

// opaque returns the version in an If-Match that is single.
func opaque(header string) string {
	tag, _ := nextTag(header)
	return unquote(tag)
}

func changed(header, version string) error {
	return Errorf(ErrVersion, "If-Match is %s, but the resource is W/%q now", clip(header), version)
}
