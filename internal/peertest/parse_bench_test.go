package peertest

import (
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/usherkit/scim"
)

// BenchmarkParse measures parsers. Ours also resolves names and values against
// the schema; for paths it reads the whole PATCH request around them.
func BenchmarkParse(b *testing.B) {
	user, err := scim.UserType()
	if err != nil {
		b.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		b.Fatal(err)
	}
	type pair struct {
		name         string
		ours, theirs func() error
	}
	filter := func(name, src string) pair {
		return pair{
			name,
			func() error { _, err := user.ParseFilter(src); return err },
			func() error { _, err := parser.ParseFilter([]byte(src)); return err },
		}
	}
	path := func(name string, t *scim.ResourceType, src string, body []byte) pair {
		return pair{
			name,
			func() error { _, err := t.ParsePatch(body); return err },
			func() error { _, err := parser.ParsePath([]byte(src)); return err },
		}
	}
	const id, department = "2a69c9a6-1708-45b7-acbe-a7b4c8fb102a", scim.EnterpriseUserSchemaURI + ":department"
	for _, c := range []pair{
		filter("filter-userName", `userName eq "ada.lovelace@contoso.example"`),
		filter("filter-externalId", `externalId eq "`+id+`"`),
		filter("filter-nested", `emails[type eq "work" and value co "@contoso"] and not (active eq false)`),
		path("path-members", group, `members[value eq "`+id+`"]`, removeBody(id)),
		path("path-extension", user, department, []byte(patchStart+`{"op":"replace","path":"`+department+`","value":"Retail"}`+patchEnd)),
	} {
		run := func(name string, parse func() error) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := parse(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("usher", c.ours)
		run("filter-parser", c.theirs)
	}
}
