package scim

import (
	"errors"
	"strings"
	"testing"
)

// Parsing never panics; what it refuses is ErrInvalidFilter; what it takes
// prints as a filter that strict parsing takes too, as an equal one; and
// matching is possible.
func FuzzParseFilter(f *testing.F) {
	for _, b := range filterBenchmarks {
		f.Add(b.src)
	}
	for _, src := range []string{
		`not(title pr)or(active eq "True")`, `emails[type eq work] eq x`, `tags[value ne "\ud83d\ude00"]`, `count gt -1e3`,
		`ratio le 1.50`, `since ge 2011-05-13T04:42:34`, `blob eq "AA"`, `manager eq null`,
		`urn:example:ext:deep:depth lt 5`, `schemas co "urn"`, `((((title pr))))`, `members eq "7"`,
	} {
		f.Add(src)
	}
	user, group := userAndGroupTypes(f)
	types := []*ResourceType{user, group, gadgetType(f)}
	resource := &Resource{Document: Document{raw: "{}"}, Members: SetOf(Member{ID: "7"})}
	f.Fuzz(func(t *testing.T, src string) {
		for _, typ := range types {
			filter, err := typ.ParseFilter(src)
			if err != nil {
				if filter != nil || !errors.Is(err, ErrInvalidFilter) {
					t.Fatalf("%q: got %v, %v, want nothing and ErrInvalidFilter", src, filter, err)
				}
				continue
			}
			if _, err := Match(filter, resource); err != nil {
				t.Fatalf("%q: %v", src, err)
			}
			text := filter.String()
			again, err := typ.parseFilter(text, &dialect{strict: true})
			switch {
			case len(text) > maxFilterBytes || err != nil && strings.Contains(err.Error(), "nested deeper"):
				// eq null becomes not (… pr), and names become canonical: longer and deeper than they were
			case err != nil:
				t.Fatalf("%q prints %q, which is refused: %v", src, text, err)
			case !equalFilters(again, filter) || again.String() != text:
				t.Fatalf("%q prints %q, which is another filter: %q", src, text, again)
			}
		}
	})
}
