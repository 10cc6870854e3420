package scim

import (
	"bytes"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// A reference stands for the id of a resource that another operation of the
// bulk request creates (RFC 7644 §3.7.2): a string that is bulkId: and the
// operation's bulkId, and nothing more. In data every string of that form is
// one, whatever attribute it is given to, and so is one that is compared with in
// the path of a PATCH, as in members[value eq "bulkId:1"].
const bulkIDPrefix = "bulkId:"

// refOf returns the bulkId in a string literal that is a reference.
func refOf(literal []byte) (ref string, ok bool) {
	return strings.CutPrefix(jsontext.Unquote(literal), bulkIDPrefix)
}

// refsIn lists the bulkIds that data refers to, each once.
func refsIn(data []byte, patch bool) (refs []string) {
	seen := map[string]bool{}
	rewriteRefs(data, patch, func(ref string) (string, bool) {
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
		return "", false
	})
	return refs
}

// rewriteRefs returns data, which may be that of a PATCH, with ids in place of
// the references that idOf knows.
func rewriteRefs(src []byte, patch bool, idOf func(ref string) (id string, ok bool)) []byte {
	if !bytes.Contains(src, []byte(bulkIDPrefix)) && !bytes.Contains(src, []byte(`\u`)) { // which a reference may be written with
		return src
	}
	resolve := func(literal []byte) (text string, ok bool) {
		ref, ok := refOf(literal)
		if !ok {
			return "", false
		}
		return idOf(ref)
	}
	var out []byte
	last, isPath := 0, false
	for at := 0; at < len(src); at++ {
		if src[at] != '"' {
			continue
		}
		end := jsontext.End(src, at)
		literal := src[at:end]
		next := jsontext.Space(src, end)
		switch {
		case next < len(src) && src[next] == ':': // the name of a member
			isPath = patch && named(literal, "path")
		case isPath:
			if text := rewritePath(jsontext.Unquote(literal), resolve); text != "" {
				out = jsontext.AppendQuote(append(out, src[last:at]...), text)
				last = end
			}
		default:
			if id, ok := resolve(literal); ok {
				out = jsontext.AppendQuote(append(out, src[last:at]...), id)
				last = end
			}
		}
		at = end - 1
	}
	if last == 0 {
		return src
	}
	return append(out, src[last:]...)
}

// rewritePath does the same with the literals in a path; it is empty if there is
// nothing to do.
func rewritePath(path string, resolve func(literal []byte) (string, bool)) string {
	src := []byte(path)
	var out []byte
	last := 0
	for at := 0; at < len(src); at++ {
		if src[at] != '"' {
			continue
		}
		end, _, err := jsontext.String(src, at)
		if err != nil {
			break // which the patch is refused for
		}
		if id, ok := resolve(src[at:end]); ok {
			out = jsontext.AppendQuote(append(out, src[last:at]...), id)
			last = end
		}
		at = end - 1
	}
	if last == 0 {
		return ""
	}
	return string(append(out, src[last:]...))
}

// withoutRefs returns JSON without the values that are references: an element
// of an array, or a member of an object, and with the member value its object.
// It reports whether nothing is left.
func withoutRefs(src []byte) (out []byte, gone bool) {
	switch src[0] {
	case '"':
		_, gone = refOf(src)
		return src, gone
	case '[':
		out = append(out, '[')
		walk := jsontext.NewArray(src)
		for v, ok := walk.Next(); ok; v, ok = walk.Next() {
			if v, gone := withoutRefs(v); !gone {
				if len(out) > 1 {
					out = append(out, ',')
				}
				out = append(out, v...)
			}
		}
		return append(out, ']'), false
	case '{':
		out = append(out, '{')
		walk := jsontext.NewObject(src)
		for name, v, ok := walk.Next(); ok; name, v, ok = walk.Next() {
			v, gone := withoutRefs(v)
			if gone && named(name, "value") { // an element without its value is none
				return nil, true
			}
			if !gone {
				if len(out) > 1 {
					out = append(out, ',')
				}
				out = append(append(append(out, name...), ':'), v...)
			}
		}
		return append(out, '}'), false
	}
	return src, false
}
