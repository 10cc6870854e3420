package plain_test

import (
	"testing"

	"github.com/usherkit/scim/internal/plain"
)

func TestText(t *testing.T) {
	for _, test := range []struct{ name, in, text, line string }{
		{"plain", "Zoë ✓ 日本", "Zoë ✓ 日本", "Zoë ✓ 日本"},
		{"lines and tabs", "a\r\n\tb\n", "a\n\tb\n", "a b"},
		{"an escape sequence", "\x1b[2J\x1b]0;title\a", `\u001b[2J\u001b]0;title\u0007`, `\u001b[2J\u001b]0;title\u0007`},
		{"a carriage return, which writes over the line", "wrong\rright", `wrong\u000dright`, `wrong\u000dright`},
		{"C1 controls", "\u009b31m", `\u009b31m`, `\u009b31m`},
		{"another direction", "\u202egnp.exe", `\u202egnp.exe`, `\u202egnp.exe`},
		{"tags", "\U000e0041", `\U000e0041`, `\U000e0041`},
		{"line separators", "a\u2028b", `a\u2028b`, `a\u2028b`},
		{"no UTF-8", "a\xff\xc3(", `a\xff\xc3(`, `a\xff\xc3(`},
		{"a replacement character", "a\ufffdb", "a\ufffdb", "a\ufffdb"},
		{"letters that join", "می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := plain.Text(test.in); got != test.text {
				t.Errorf("Text: got %q; want %q", got, test.text)
			}
			if got := plain.Line(test.in); got != test.line {
				t.Errorf("Line: got %q; want %q", got, test.line)
			}
		})
	}
	if got, want := plain.Indented("a\nPASSED b\x1b", 2), "a\n  PASSED b\\u001b"; got != want {
		t.Errorf("Indented: got %q; want %q", got, want)
	}
}
