package memstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

func everything(t testing.TB, s *Store) string {
	t.Helper()
	var out strings.Builder
	if err := s.Snapshot(&out); err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return out.String()
}

// sample is a Store with all that a snapshot must carry.
func sample(t testing.TB) *Store {
	t.Helper()
	clock := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	made := 0
	s := &Store{
		Now:   func() time.Time { clock = clock.Add(1500 * time.Millisecond); return clock },
		NewID: func() string { made++; return fmt.Sprintf("id-%02d", made) },
	}
	outer := create(t, s, "Group", groupChange("Outer <&> \u2028")) // its members come after it
	ada := numbered(1)
	ada.DisplayName, ada.Title = `Zoë "quoted" \ 🦊`, "<b>&amp;</b>\n\u2028"
	a, b := create(t, s, "User", userChange(ada)), create(t, s, "User", userChange(numbered(2)))
	inner := create(t, s, "Group", groupChange("Inner", b.ID, a.ID))
	update(t, s, outer, scim.Change{Members: adding(inner.ID, a.ID)})
	update(t, s, b, userChange(numbered(3)))
	if _, err := s.Create(ctx, scim.Ref{Tenant: "acme", Type: "User"}, userChange(ada)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, scim.Ref{Type: "User"}, scim.Change{Document: must(scim.ReadDocument("{}"))}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotRoundTrip(t *testing.T) {
	s := sample(t)
	text := everything(t, s)
	if !json.Valid([]byte(text)) {
		t.Errorf("the snapshot is no JSON:\n%s", text)
	}
	if got, want := strings.Count(text, "\n"), 6+2; got != want {
		t.Errorf("the snapshot has %d lines, want one for each resource and the last:\n%s", got, text)
	}

	restored := new(Store)
	create(t, restored, "User", userChange(numbered(9))) // is replaced
	if err := restored.Restore(strings.NewReader(text)); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if got := everything(t, restored); got != text {
		t.Errorf("a snapshot of what was restored: got\n%s\nwant\n%s", got, text)
	}
	checkInvariants(t, restored, 0)

	// What was restored works as before.
	ref := scim.Ref{Type: "Group", ID: "id-04"}
	was, is := must(s.Get(ctx, ref, someMember)), must(restored.Get(ctx, ref, someMember))
	if is.Document.String() != was.Document.String() || is.Version != was.Version || is.Created != was.Created ||
		is.LastModified != was.LastModified || is.Ref != was.Ref || !slices.Equal(is.Keys, was.Keys) {
		t.Errorf("got %+v, want %+v", is, was)
	}
	if got, want := idsOf(is.Members), idsOf(was.Members); !slices.Equal(got, want) {
		t.Errorf("members: got %v, want %v", got, want)
	}
	if got, want := idsOf(is.Groups), idsOf(was.Groups); !slices.Equal(got, want) {
		t.Errorf("groups: got %v, want %v", got, want)
	}
	if _, err := restored.Create(ctx, scim.Ref{Type: "User"}, userChange(numbered(3))); !errors.Is(err, scim.ErrUniqueness) {
		t.Errorf("Create of a userName that was restored: got %v, want %v", err, scim.ErrUniqueness)
	}
	if got := update(t, restored, scim.Ref{Type: "User", ID: "id-03"}, userChange(numbered(4))).Resource.Version; got != "3" {
		t.Errorf("version after an Update of a resource restored with version 2: got %s, want 3", got)
	}
	create(t, restored, "User", userChange(numbered(5)))
	page := must(restored.List(ctx, scim.Query{Type: "User", Limit: 10}))
	if page.Total != 4 || page.Resources[0].ID != "id-02" || page.Resources[3].Version != "1" {
		t.Errorf("List after Restore and Create: got %d users, first %s; want 4, first id-02", page.Total, page.Resources[0].ID)
	}

	var indented strings.Builder
	enc := json.NewEncoder(&indented)
	enc.SetIndent("", "    ")
	if err := enc.Encode(json.RawMessage(text)); err != nil {
		t.Fatal(err)
	}
	reformatted := new(Store)
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028").Replace(indented.String())
	if err := reformatted.Restore(strings.NewReader(plain)); err != nil {
		t.Errorf("Restore of a snapshot laid out by hand: %v", err)
	} else if got := everything(t, reformatted); got != text {
		t.Errorf("Restore of a snapshot laid out by hand: got\n%s\nwant\n%s", got, text)
	}
}

// A walk over pages goes on after a restart, also where resources of its past
// are no longer there.
func TestPlacesOutliveARestart(t *testing.T) {
	s := new(Store)
	ids := fill(t, s, 10)
	byName := must(users.ParseSort("userName", "ascending"))
	q := scim.Query{Type: "User", Limit: 9, Resumes: true}
	places := map[scim.Sort]scim.Place{}
	for _, q.Sort = range []scim.Sort{{}, byName} {
		places[q.Sort] = must(s.List(ctx, q)).Next
	}
	for _, i := range []int{0, 1, 5, 8, 9} { // the first ones, the anchor, and the last
		if err := s.Delete(ctx, scim.Ref{Type: "User", ID: ids[i]}, ""); err != nil {
			t.Fatal(err)
		}
	}
	restarted := new(Store)
	if err := restarted.Restore(strings.NewReader(everything(t, s))); err != nil {
		t.Fatal(err)
	}
	want := []string{
		create(t, restarted, "User", userChange(numbered(10))).ID,
		create(t, restarted, "User", userChange(numbered(11))).ID,
	}
	for _, q.Sort = range []scim.Sort{{}, byName} {
		q.After = places[q.Sort]
		page := must(restarted.List(ctx, q))
		var got []string
		for _, r := range page.Resources {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want) || page.Total != 7 {
			t.Errorf("sort by %q: got %v of %d, want %v of 7", q.Sort.Path(), got, page.Total, want)
		}
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	s := new(Store)
	text := everything(t, s)
	if err := s.Restore(strings.NewReader(text)); err != nil {
		t.Errorf("Restore of %q: %v", text, err)
	}
}

const (
	savedUser  = `{"type":"User","id":"u","version":"1","created":"2026-01-02T03:04:05Z","lastModified":"2026-01-02T03:04:05Z","keys":[{"path":"userName","value":"x","unique":true}],"document":{"userName":"x"}}`
	savedAlone = `{"type":"Group","id":"h","version":"1","created":"2026-01-02T03:04:05Z","lastModified":"2026-01-02T03:04:05Z","document":{}}`
	savedGroup = `{"type":"Group","id":"g","version":"1","created":"2026-01-02T03:04:05Z","lastModified":"2026-01-02T03:04:05Z","document":{},"members":["u"]}`
)

// file is a snapshot of the resources.
func file(resources ...string) string {
	return fmt.Sprintf(`{"memstore": 2, "created": %d, "resources": [`, len(resources)) + strings.Join(resources, ",") + `]}`
}

// A file of format 1 is read, and what is created then comes after all in it.
func TestRestoreFormat1(t *testing.T) {
	s := new(Store)
	old := `{"memstore": 1, "resources": [` + savedUser + "," + strings.Replace(savedGroup, `"type"`, `"number":7,"type"`, 1) + `]}`
	if err := s.Restore(strings.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	want := `{"memstore": 2, "created": 7, "resources": [` + "\n" + savedUser + ",\n" + strings.Replace(savedGroup, `"type"`, `"number":7,"type"`, 1) + "\n]}\n"
	if got := everything(t, s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	create(t, s, "User", userChange(numbered(1)))
	if got := everything(t, s); !strings.Contains(got, `"created": 8,`) {
		t.Errorf("after one more: got\n%s\nwant 8 created", got)
	}
	checkInvariants(t, s, 0)
}

func TestRestoreDamaged(t *testing.T) {
	const user, group = savedUser, savedGroup
	with := func(resource, old, new string) string {
		if !strings.Contains(resource, old) {
			t.Fatalf("%s has no %s", resource, old)
		}
		return strings.Replace(resource, old, new, 1)
	}
	if err := new(Store).Restore(strings.NewReader(file(user, group))); err != nil {
		t.Fatalf("undamaged: %v", err)
	}
	for name, text := range map[string]string{
		"empty":                    "",
		"another file":             `{"users": []}`,
		"a list":                   `[]`,
		"another format":           `{"memstore": 3, "created": 0, "resources": []}`,
		"a format that is text":    `{"memstore": "2", "created": 0, "resources": []}`,
		"an older format":          `{"memstore": 0, "resources": []}`,
		"a count in format 1":      `{"memstore": 1, "created": 0, "resources": []}`,
		"null for a count":         `{"memstore": 2, "created": null, "resources": []}`,
		"no end":                   `{"memstore": 2, "created": 1, "resources": [` + user,
		"no count":                 `{"memstore": 2, "resources": []}`,
		"a count below 0":          `{"memstore": 2, "created": -1, "resources": []}`,
		"a count that is text":     `{"memstore": 2, "created": "0", "resources": []}`,
		"a count that is too low":  `{"memstore": 2, "created": 0, "resources": [` + user + `]}`,
		"a count without end":      `{"memstore": 2, "created": 18446744073709551615, "resources": []}`,
		"a number above the count": file(with(user, `"type"`, `"number":2,"type"`)),
		"a number twice":           file(with(user, `"type"`, `"number":1,"type"`), with(savedAlone, `"type"`, `"number":1,"type"`)),
		"numbers not in order":     file(with(savedAlone, `"type"`, `"number":2,"type"`), with(user, `"type"`, `"number":1,"type"`)),
		"a number without end":     file(with(user, `"type"`, `"number":18446744073709551615,"type"`)),
		"something after the end":  file(user) + "{}",
		"something in the object":  `{"memstore": 2, "created": 0, "resources": [], "more": 1}`,
		"null for a resource":      file("null"),
		"a number for a resource":  file("7"),
		"an unknown member":        file(with(user, `"type"`, `"typo":1,"type"`)),
		"no type":                  file(with(user, `"type":"User",`, "")),
		"no id":                    file(with(user, `"id":"u"`, `"id":""`)),
		"no version":               file(with(user, `"version":"1"`, `"version":""`)),
		"version 0":                file(with(user, `"version":"1"`, `"version":"0"`)),
		"version 01":               file(with(user, `"version":"1"`, `"version":"01"`)),
		"version -1":               file(with(user, `"version":"1"`, `"version":"-1"`)),
		"no time":                  file(with(user, `"created":"2026-01-02T03:04:05Z",`, "")),
		"a broken time":            file(with(user, "2026-01-02T03", "2026-13-02T03")),
		"no document":              file(with(user, `,"document":{"userName":"x"}`, "")),
		"a document of null":       file(with(user, `{"userName":"x"}`, "null")),
		"a document that is text":  file(with(user, `{"userName":"x"}`, `"x"`)),
		"an id twice":              file(user, with(user, `"x","unique"`, `"y","unique"`)),
		"an id in two types":       file(user, with(group, `"id":"g"`, `"id":"u"`)),
		"a unique value twice":     file(user, with(user, `"id":"u"`, `"id":"v"`)),
		"a member that is missing": file(group),
		"a member of itself":       file(user, with(group, `["u"]`, `["g"]`)),
		"a member twice":           file(user, with(group, `["u"]`, `["u","u"]`)),
		"a member elsewhere":       file(with(user, `"type"`, `"tenant":"acme","type"`), group),
	} {
		expectUnchanged(t, name, text)
	}

	// Whatever is cut off is missed.
	whole := file(user, group)
	for end := range len(whole) {
		expectUnchanged(t, fmt.Sprintf("cut off after %d of %d bytes", end, len(whole)), whole[:end])
	}
}

// expectUnchanged checks that Restore refuses the text and then leaves things
// as they are.
func expectUnchanged(t *testing.T, name, text string) {
	t.Helper()
	s := new(Store)
	create(t, s, "User", userChange(numbered(1)))
	before := everything(t, s)
	if err := s.Restore(strings.NewReader(text)); err == nil {
		t.Errorf("%s: got no error", name)
	}
	if after := everything(t, s); after != before {
		t.Errorf("%s: the Store changed to\n%s", name, after)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A snapshot is of one moment, also where the Store changes as it is written.
func TestSnapshotOfOneMoment(t *testing.T) {
	s := new(Store)
	ids := fill(t, s, 100)
	group := create(t, s, "Group", groupChange("Readers", ids...))
	want := everything(t, s)
	var got strings.Builder
	if err := s.Snapshot(writerFunc(func(p []byte) (int, error) {
		if got.Len() == 0 {
			update(t, s, group, scim.Change{Members: scim.MemberDelta{Remove: ids[:50]}})
			update(t, s, scim.Ref{Type: "User", ID: ids[99]}, userChange(numbered(1000)))
			create(t, s, "User", userChange(numbered(1001)))
		}
		return got.Write(p)
	})); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

type brokenDisk struct{ room int }

func (d *brokenDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errDiskFull
	}
	return len(p), nil
}

var errDiskFull = errors.New("disk full")

func TestSnapshotToBrokenDisk(t *testing.T) {
	s := new(Store)
	fill(t, s, 100)
	for _, room := range []int{0, 10_000} {
		if err := s.Snapshot(&brokenDisk{room}); !errors.Is(err, errDiskFull) {
			t.Errorf("room for %d bytes: got %v, want %v", room, err, errDiskFull)
		}
	}
}

// What Restore accepts, Snapshot writes so that Restore accepts it again, with
// nothing lost; and nothing makes it panic.
func FuzzRestore(f *testing.F) {
	f.Add(file(savedUser, savedGroup))
	f.Add(file())
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Store
		if err := s.Restore(strings.NewReader(text)); err != nil {
			return
		}
		checkInvariants(t, &s, 0)
		want := everything(t, &s)
		if err := again.Restore(strings.NewReader(want)); err != nil {
			t.Fatalf("Restore of a snapshot: %v\n%s", err, want)
		}
		if got := everything(t, &again); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}
