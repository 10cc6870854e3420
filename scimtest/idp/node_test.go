package idp

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzNode: what package json takes for a value is one, what it does not is
// none, and both read the same in it.
func FuzzNode(f *testing.F) {
	for _, src := range []string{
		`{"schemas":["a"],"totalResults":1,"Resources":[{"id":"7","active":true,"x":null}]}`, ` [ 1 , -0.5e+7 , "a\"\u00e9\ud83d\ude00\\" , {} , [ ] ] `,
		`{"a":{"b":[{"c":"d"}]},"a":false}`, `"`, `{"a"}`, `[1,]`, `01`, `-`, `1e`, `nul`, "\"\x00\"", `{"a":1}}`, strings.Repeat("[", 200), ``,
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		n, ok := parseNode(src)
		if ok && !json.Valid([]byte(src)) {
			t.Fatalf("%q is no JSON and was taken for it", src)
		}
		if !ok && json.Valid([]byte(src)) && strings.Count(src, "[")+strings.Count(src, "{") <= maxDepth {
			t.Fatalf("%q is JSON and was not taken for it", src)
		}
		if _, is := parseObject(src); is != (ok && n[0] == '{') {
			t.Fatalf("%q: taken for an object: %v", src, is)
		}
		if !ok {
			return
		}
		got, want := whole(n), any(nil)
		d := json.NewDecoder(strings.NewReader(src))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if strings.ToValidUTF8(src, "") == src && !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %#v\nwant %#v", src, got, want)
		}
	})
}

// parseNode checks that the text is one JSON value.
func parseNode(src string) (n node, ok bool) {
	start := space(src, 0)
	end := skip(src, start, 0)
	if end < 0 || space(src, end) != len(src) {
		return "", false
	}
	return node(src[start:end]), true
}

// whole decodes all of a node; of members of one name the last one counts.
func whole(n node) any {
	if o, ok := n.object(); ok {
		m := map[string]any{}
		for _, f := range o {
			m[f.name] = whole(f.value)
		}
		return m
	}
	if list, ok := n.array(); ok {
		a := []any{}
		for _, e := range list {
			a = append(a, whole(e))
		}
		return a
	}
	v, _ := n.scalar()
	return v
}

func TestNodeNamesHaveNoCase(t *testing.T) {
	o, _ := parseObject(`{"USERNAME":"a","userName":"b","Active":null}`)
	for name, want := range map[string]node{"userName": `"b"`, "username": `"a"`, "active": "", "x": ""} {
		if got := o.get(name); got != want {
			t.Errorf("%s: got %s, want %s (RFC 7643 §2.1)", name, got, want)
		}
	}
	if got := o.exactly("username"); got != "" {
		t.Errorf("got %s, want nothing of exactly that name", got)
	}
}

// FuzzEncode: what is sent is JSON that says what was meant.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{`R&D <"\` + "\n\t\r\x01\x7f", "佐藤 🌻", "\xff", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got []string
		if err := json.Unmarshal(encode([]string{s}), &got); err != nil || got[0] != strings.ToValidUTF8(s, "\ufffd") {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	})
}
