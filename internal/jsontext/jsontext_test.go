package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// whole checks a text that must be one value.
func whole(src []byte) error {
	end, err := Value(src, 0, 100)
	if err != nil {
		return err
	}
	if end = Space(src, end); end != len(src) {
		return fault(end, "data after the value")
	}
	return nil
}

func TestValue(t *testing.T) {
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for _, c := range []struct {
		in, reason, wrong string // wrong: what the message must hold; empty: valid
	}{
		{`{"a":[1,2.5,-0,1e3,"x",true,false,null,{}]}`, "every kind of value", ""},
		{" \t\r\n{ } ", "space around and inside", ""},
		{`"\u00e9\uD83D\uDE00\/"`, "escapes, a surrogate pair, either case of hex", ""},
		{``, "no value", "unexpected end"},
		{`{"a":1,}`, "a comma too many", "expected a string"},
		{`[1,]`, "a comma too many", "expected a value"},
		{`{"a" 1}`, "no colon", "expected a colon"},
		{`{a:1}`, "a name without quotes", "expected a string"},
		{`[1 2]`, "no comma", "expected a comma or ]"},
		{`01`, "a leading zero", "data after"},
		{`+1`, "a plus", "expected a value"},
		{`1.`, "no digit after the point", "invalid number"},
		{`.5`, "no digit before the point", "expected a value"},
		{`1e`, "no exponent", "invalid number"},
		{`nul`, "half a word", "expected a value"},
		{`"a`, "no closing quote", "string without an end"},
		{`"\x"`, "an unknown escape", "invalid escape"},
		{`"\u12g4"`, "no hex", "invalid escape"},
		{`"\u0000"`, "NUL, which PostgreSQL cannot keep", "NUL"},
		{"\"\x01\"", "a raw control character", "control character"},
		{"\"\xff\"", "invalid UTF-8", "invalid UTF-8"},
		{`"\ud83d"`, "half a surrogate pair", "lone surrogate"},
		{`"\ude00\ud83d"`, "a pair the wrong way round", "lone surrogate"},
		{`{"a":1,"A":2}`, "names that differ in case are one name (RFC 7643 §2.1)", `name "A" given twice`},
		{`{"a":1,"\u0061":2}`, "an escape hides no duplicate", "given twice"},
		{`{"x":{"a":1,"a":2}}`, "duplicates inside", "given twice"},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"A":1}`, "duplicates among many", "given twice"},
		{deep, "nesting beyond the limit", "nested too deep"},
	} {
		err := whole([]byte(c.in))
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %s: %v", c.in, c.reason, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %s: got %v, want an error with %q", c.in, c.reason, err, c.wrong)
		}
	}
}

func TestWalks(t *testing.T) {
	src := []byte(` { "a" : [ 1 , {"x":"]}"} , "y\"," ] , "b\u0063":{} , "d" : -1.5 } `)
	var got []string
	walk := NewObject(src)
	for name, value, ok := walk.Next(); ok; name, value, ok = walk.Next() {
		got = append(got, Unquote(name)+"="+string(value))
		if value[0] == '[' {
			inner := NewArray(value)
			for e, ok := inner.Next(); ok; e, ok = inner.Next() {
				got = append(got, "  "+string(e))
			}
		}
	}
	want := []string{`a=[ 1 , {"x":"]}"} , "y\"," ]`, `  1`, `  {"x":"]}"}`, `  "y\","`, `bc={}`, `d=-1.5`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzValue: the verdict is encoding/json's, but for what that lets through
// and SCIM must not.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"\u00e9\n",true,false,null,{}]}`, `{"a":1,"A":2}`, `"\ud83d"`, `[[[[]]]]`, ` 1 `, `{"a":}`, "\"\xc3\x28\"", `"\ud83d\ude00"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		err := whole(src)
		valid := json.Valid(src)
		if err == nil && !valid {
			t.Fatalf("%q was taken, and encoding/json refuses it", src)
		}
		if err != nil && valid {
			for _, stricter := range []string{"given twice", "invalid UTF-8", "lone surrogate", "NUL", "too deep"} {
				if strings.Contains(err.Error(), stricter) {
					return
				}
			}
			t.Fatalf("%q was refused (%v), and encoding/json takes it", src, err)
		}
		if err != nil {
			return
		}
		if end := End(src, Space(src, 0)); len(bytes.TrimSpace(src[end:])) > 0 {
			t.Fatalf("End(%q) = %d, before the end", src, end)
		}
	})
}

// FuzzString: a literal has encoding/json's value, and one canonical spelling.
func FuzzString(f *testing.F) {
	for _, s := range []string{`"a"`, `"\"\\\/\b\f\n\r\t\u001f\u2028"`, `"\ud83d\ude00é"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		end, plain, err := String(src, 0)
		if err != nil {
			return
		}
		literal := src[:end]
		var want string
		if err := json.Unmarshal(literal, &want); err != nil {
			t.Fatalf("%q was taken, and encoding/json says %v", literal, err)
		}
		if got := Unquote(literal); got != want {
			t.Fatalf("Unquote(%q) = %q, want %q", literal, got, want)
		}
		if got := UnquoteString(string(literal)); got != want {
			t.Fatalf("UnquoteString(%q) = %q, want %q", literal, got, want)
		}
		canonical := AppendCanonical(nil, literal, plain)
		if again := AppendQuote(nil, want); !bytes.Equal(canonical, again) {
			t.Fatalf("%q has two canonical spellings: %q and %q", literal, canonical, again)
		}
		if !utf8.Valid(canonical) || Unquote(canonical) != want {
			t.Fatalf("%q became %q", literal, canonical)
		}
	})
}
