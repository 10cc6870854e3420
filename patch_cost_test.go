package scim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A user as Entra's default mapping makes it.
const benchmarkUser = `{"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","userName":"adele.vance@example.com","name":{"formatted":"Adele Vance","familyName":"Vance","givenName":"Adele"},` +
	`"displayName":"Adele Vance","title":"Retail Manager","preferredLanguage":"en-US","active":true,` +
	`"emails":[{"value":"adele.vance@example.com","type":"work","primary":true}],"phoneNumbers":[{"value":"+1 425 555 0109","type":"work"},{"value":"+1 425 555 0110","type":"mobile"}],` +
	`"addresses":[{"formatted":"18/2111","streetAddress":"1 Main St","locality":"Bellevue","region":"WA","postalCode":"98004","country":"US","type":"work"}],` +
	entURN + `:{"employeeNumber":"701984","department":"Retail","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}}}`

func benchmarkPatch(b *testing.B, typ *ResourceType, doc, body string) {
	before, err := ReadDocument(doc)
	if err != nil {
		b.Fatal(err)
	}
	r := &Resource{Version: "1", Document: before}
	b.ReportAllocs()
	for b.Loop() {
		p, err := typ.parsePatch([]byte(body), patchOptions{decodeOptions: decodeOptions{dialect: &dialect{}}})
		if err != nil {
			b.Fatal(err)
		}
		if _, only := p.Members(); only {
			continue
		}
		if c, err := p.Apply(r); err != nil || c.IsZero() {
			b.Fatal(c, err)
		}
	}
}

func BenchmarkPatchActive(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).user, benchmarkUser, patchBody(`{"op":"Replace","path":"active","value":"False"}`))
}

func BenchmarkPatchEmail(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).user, benchmarkUser, patchBody(`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"adele@example.com"}`))
}

func BenchmarkPatchMembers1(b *testing.B) {
	benchmarkPatch(b, typesForPatch(b).group, `{"displayName":"Sales"}`, patchBody(`{"op":"Add","path":"members","value":[{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}]}`))
}

func TestPatchCost(t *testing.T) {
	// 2,000 operations on 30,000 elements must end soon, one way or another.
	typ := typesForPatch(t).user
	var many strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&many, `,{"value":"role%d"}`, i)
	}
	doc := `{"userName":"a","roles":[` + many.String()[1:] + `]}`
	for name, op := range map[string]string{
		"filter": `{"op":"replace","path":"roles[type eq \"x\"].value","value":""}`,
		"add":    `{"op":"add","path":"roles","value":[{"value":"x"}]}`,
		"list":   `{"op":"remove","path":"roles","value":[{"value":"x"},{"value":"y"}]}`,
	} {
		_, err := patchDocument(typ, nil, doc, patchBody(strings.Repeat(op+",", 1999)+op))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want %v", name, err, ErrTooLarge)
		}
	}
	group := typesForPatch(t).group
	var all []Member
	for i := range 100_000 {
		all = append(all, Member{ID: fmt.Sprint(i)})
	}
	none := `{"op":"remove","path":"members[not (value pr)]"}`
	for ops, want := range map[int]error{1: nil, 2000: ErrTooLarge} {
		p, err := group.ParsePatch([]byte(patchBody(strings.Repeat(none+",", ops-1) + none)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Apply(&Resource{Members: SetOf(all...)}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%d operations on 100,000 members: got %v, want %v", ops, err, want)
		}
	}
	one := `{"op":"remove","path":"roles","value":[{"value":"role29999"}]}`
	if _, err := patchDocument(typ, nil, doc, patchBody(one)); err != nil {
		t.Errorf("one operation on many elements: %v", err)
	}
}

func TestPatchPathsAreBounded(t *testing.T) {
	typ := typesForPatch(t).user
	long := strings.Repeat(`type eq \"q\" or `, 1000) + `type eq \"q\"`
	if _, err := typ.ParsePatch([]byte(patchBody(`{"op":"remove","path":"emails[` + long + `]"}`))); !errors.Is(err, ErrInvalidPath) {
		t.Errorf("a path of %d bytes: %v", len(long), err)
	}
}
