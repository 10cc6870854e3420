package company

import (
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestDecomposed(t *testing.T) {
	for r, got := range decomposed {
		if want := norm.NFD.String(string(r)); got != want {
			t.Errorf("%c: got %+q, want %+q", r, got, want)
		}
	}
}

// TestLogins: every name leads to a user name, and no letter is lost on the
// way without something in its place.
func TestLogins(t *testing.T) {
	for _, c := range cultures {
		for _, list := range [][]name{c.women, c.men, c.family, c.familyWomen} {
			for _, n := range list {
				if n.latin == "" || len(n.latin) < len([]rune(n.text))/2 || login(n.latin) != n.latin {
					t.Errorf("%s: %q becomes %q", c.language, n.text, n.latin)
				}
			}
		}
		if len(c.familyWomen) != 0 && len(c.familyWomen) != len(c.family) {
			t.Errorf("%s: %d surnames, %d for women", c.language, len(c.family), len(c.familyWomen))
		}
		if o := c.office; o.name == "" || o.street == "" || o.city == "" || len(o.country) != 2 || o.phone == "" || o.group == "" {
			t.Errorf("%s: the office is not complete: %+v", c.language, o)
		}
	}
	for _, p := range oddities {
		if p.login == "" && login(p.given+"."+p.surname) == "" || p.display == "" {
			t.Errorf("%+v has no user name or display name", p)
		}
	}
}
