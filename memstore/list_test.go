package memstore

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

const oddsURI = "urn:example:odds:2.0:User"

// oddUsers have attributes of each kind that has an order.
var oddUsers = must(scim.UserType(scim.Extension{Schema: &scim.Schema{ID: oddsURI, Attributes: []scim.Attribute{
	{Name: "level", Type: scim.TypeInteger},
	{Name: "score", Type: scim.TypeDecimal},
	{Name: "since", Type: scim.TypeDateTime},
	{Name: "badge", CaseExact: true},
	{Name: "tags", MultiValued: true},
}}}))

// A person is a user as the model has it.
type person struct {
	scim.User
	odds   odds
	number int // in the order of creation
	in     bool
}

type odds struct {
	Level *int64     `json:"level,omitempty"`
	Score *float64   `json:"score,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	Badge string     `json:"badge,omitempty"`
	Tags  []string   `json:"tags,omitempty"`
}

func (p *person) change() scim.Change {
	document, keys, err := oddUsers.Encode(struct {
		scim.User
		Odds odds `json:"urn:example:odds:2.0:User"`
	}{p.User, p.odds})
	if err != nil {
		panic(err)
	}
	return scim.Change{Document: document, Keys: keys}
}

// randomize gives the person new values of few, so that many are equal.
func (p *person) randomize(r *rand.Rand) {
	maybe := func(of ...string) string { return of[r.IntN(len(of))] }
	p.Active = r.IntN(2) == 0
	p.Title = maybe("", "", "Doctor", "doctor", "Admiral", "élève", "Élan", "🦊")
	p.DisplayName = maybe("", "Ada", "ADA", "Grace", "Zoë")
	p.Name.FamilyName = maybe("", "Xi", "xi", "Yu")
	p.Emails = nil
	for i := range r.IntN(4) {
		p.Emails = append(p.Emails, scim.Value{
			Value: fmt.Sprintf("%s%d@x.example", maybe("a", "B", "c"), i), Type: maybe("work", "home", ""), Primary: i == 1 && r.IntN(2) == 0,
		})
	}
	p.odds = odds{Badge: maybe("", "A", "a", "B", "é")}
	if n := []int64{-1 << 62, -11, -2, 0, 1, 10, 9, 1<<53 + 1, 1 << 53}[r.IntN(9)]; r.IntN(3) > 0 {
		p.odds.Level = &n
	}
	if n := []float64{-1e300, -2.5, -0.5, 0, 1e-9, 0.5, 10, 9}[r.IntN(8)]; r.IntN(3) > 0 {
		p.odds.Score = &n
	}
	if at := time.UnixMicro(r.Int64N(3)*500_000 - r.Int64N(2)*1e15).In(time.FixedZone("", r.IntN(3)*3600)); r.IntN(3) > 0 {
		p.odds.Since = &at
	}
	for range r.IntN(3) {
		p.odds.Tags = append(p.odds.Tags, maybe("x", "Y", "z"))
	}
}

// sorts are what the model knows to sort by. A key is nil, or what compareKeys
// knows.
var sorts = map[string]func(p *person) any{
	"userName":          func(p *person) any { return folded(p.UserName) },
	"title":             func(p *person) any { return folded(p.Title) },
	"displayName":       func(p *person) any { return folded(p.DisplayName) },
	"name.familyName":   func(p *person) any { return folded(p.Name.FamilyName) },
	"active":            func(p *person) any { return map[bool]int64{true: 1}[p.Active] },
	"id":                func(p *person) any { return []rune(p.ID) },
	"meta.created":      func(p *person) any { return p.Created },
	"meta.lastModified": func(p *person) any { return p.LastModified },
	"meta.resourceType": func(p *person) any { return nil },
	"emails":            func(p *person) any { return p.email(func(v scim.Value) string { return v.Value }) },
	"emails.type":       func(p *person) any { return p.email(func(v scim.Value) string { return v.Type }) },
	oddsURI + ":level":  func(p *person) any { return value(p.odds.Level) },
	oddsURI + ":score":  func(p *person) any { return value(p.odds.Score) },
	oddsURI + ":since":  func(p *person) any { return value(p.odds.Since) },
	oddsURI + ":badge": func(p *person) any {
		if p.odds.Badge == "" {
			return nil
		}
		return []rune(p.odds.Badge)
	},
	oddsURI + ":tags": func(p *person) any { return folded(slices.Concat(p.odds.Tags, []string{""})[0]) },
}

func folded(s string) any {
	if s == "" {
		return nil
	}
	return []rune(strings.ToLower(s))
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func (p *person) email(part func(scim.Value) string) any {
	first := ""
	for _, e := range p.Emails {
		if e.Primary {
			return folded(part(e))
		}
		if first == "" {
			first = part(e)
		}
	}
	return folded(first)
}

func compareKeys(a, b any, descending bool) int {
	c := 0
	switch {
	case a == nil && b == nil:
	case a == nil:
		c = 1
	case b == nil:
		c = -1
	default:
		switch a := a.(type) {
		case []rune:
			c = slices.Compare(a, b.([]rune))
		case int64:
			c = cmp.Compare(a, b.(int64))
		case float64:
			c = cmp.Compare(a, b.(float64))
		case time.Time:
			c = a.Compare(b.(time.Time))
		default:
			panic(fmt.Sprintf("no order of %T", a))
		}
	}
	if descending {
		return -c
	}
	return c
}

// filters are those of the model; where there is a %s, the group's id stands.
var filters = map[string]func(p *person) bool{
	"":                      func(p *person) bool { return true },
	`active eq true`:        func(p *person) bool { return p.Active },
	`displayName eq "ada"`:  func(p *person) bool { return strings.EqualFold(p.DisplayName, "ada") },
	`not (title pr)`:        func(p *person) bool { return p.Title == "" },
	`groups.value eq "%s"`:  func(p *person) bool { return p.in },
	`groups.value ne "%s"`:  func(p *person) bool { return !p.in },
	oddsURI + `:level gt 0`: func(p *person) bool { return p.odds.Level != nil && *p.odds.Level > 0 },
	`userName eq "user3"`:   func(p *person) bool { return p.UserName == "user3" },
	`userName eq "nobody"`:  func(p *person) bool { return false },
	`groups.value eq "%s" and (active eq false or displayName eq "GRACE")`: func(p *person) bool {
		return p.in && (!p.Active || p.DisplayName == "Grace")
	},
}

// A world is a Store and the model of it.
type world struct {
	*testing.T
	random  *rand.Rand
	store   *Store
	clock   time.Time
	people  []*person // in the order of creation
	created int
	group   scim.Ref
}

func (w *world) open() *Store {
	return &Store{Now: func() time.Time {
		w.clock = w.clock.Add(time.Duration(w.random.IntN(3)) * time.Millisecond / 2)
		return w.clock
	}}
}

// step changes something.
func (w *world) step() {
	if len(w.people) == 0 || w.random.IntN(5) < 3 {
		p := &person{number: w.created}
		w.created++
		p.UserName = fmt.Sprint("user", p.number)
		p.randomize(w.random)
		u := must(w.store.Create(ctx, scim.Ref{Type: "User"}, p.change()))
		p.ID, p.Created, p.LastModified = u.Resource.ID, u.Resource.Created, u.Resource.LastModified
		w.people = append(w.people, p)
		return
	}
	i := w.random.IntN(len(w.people))
	p := w.people[i]
	ref := scim.Ref{Type: "User", ID: p.ID}
	switch w.random.IntN(6) {
	case 0, 1:
		if err := w.store.Delete(ctx, ref, ""); err != nil {
			w.Fatal(err)
		}
		w.people = slices.Delete(w.people, i, i+1)
	case 2:
		d := adding(p.ID)
		if p.in = !p.in; !p.in {
			d = scim.MemberDelta{Remove: []string{p.ID}}
		}
		update(w, w.store, w.group, scim.Change{Members: d})
	default:
		p.randomize(w.random)
		p.LastModified = update(w, w.store, ref, p.change()).Resource.LastModified
	}
}

// restart puts a restored Store in the place of the old one.
func (w *world) restart() {
	again := w.open()
	if err := again.Restore(strings.NewReader(everything(w, w.store))); err != nil {
		w.Fatal(err)
	}
	w.store = again
	w.clock = w.clock.Add(time.Millisecond) // so that ids are still ascending
}

// A stand is where a person stood in an order.
type stand struct {
	key    any
	number int
}

// page is the model's own List. The resources are told by their ids.
func (w *world) page(matches func(*person) bool, key func(*person) any, q scim.Query, after *stand) (page []string, total int, next *stand) {
	compare := func(a, b stand) int {
		return cmp.Or(compareKeys(a.key, b.key, q.Sort.Descending()), cmp.Compare(a.number, b.number))
	}
	stands := map[string]stand{}
	for _, p := range w.people {
		if !matches(p) {
			continue
		}
		total++
		if s := (stand{key(p), p.number}); after == nil || compare(s, *after) > 0 {
			stands[p.ID] = s
			page = append(page, p.ID)
		}
	}
	slices.SortFunc(page, func(a, b string) int { return compare(stands[a], stands[b]) })
	page = page[min(q.Offset, len(page)):]
	if 0 < q.Limit && q.Limit < len(page) {
		s := stands[page[q.Limit-1]]
		next = &s
	}
	return page[:min(q.Limit, len(page))], total, next
}

// all yields what Select wants.
func (w *world) all(yield func(*scim.Resource, error) bool) {
	page := must(w.store.List(ctx, scim.Query{Type: "User", Limit: 1 << 30, Projection: someMember}))
	for _, r := range page.Resources {
		if !yield(r, nil) {
			return
		}
	}
}

// Whatever is stored, asked for and changed between two pages: a Store, Select
// and the model make the same of it.
func TestListAgainstModel(t *testing.T) {
	rounds := 120
	if testing.Short() {
		rounds = 15
	}
	pages := 0
	for round := range rounds {
		w := &world{T: t, random: rand.New(rand.NewPCG(uint64(round), 9865)), clock: time.UnixMilli(1_700_000_000_000)}
		w.store = w.open()
		w.group = create(t, w.store, "Group", groupChange("Readers"))
		for range w.random.IntN(150) {
			w.step()
		}
		for range 20 {
			pages += w.walk()
			if t.Failed() {
				t.Fatalf("round %d", round)
			}
		}
	}
	t.Logf("%d pages", pages)
}

// walk follows a random query from page to page.
func (w *world) walk() (pages int) {
	pick := func(in []string) string { return in[w.random.IntN(len(in))] }
	q := scim.Query{Type: "User", Limit: w.random.IntN(12), Resumes: w.random.IntN(5) > 0}
	src := pick(sortedKeys(filters))
	if src != "" {
		q.Filter = must(oddUsers.ParseFilter(strings.ReplaceAll(src, "%s", w.group.ID)))
	}
	key := func(*person) any { return nil }
	if w.random.IntN(4) > 0 {
		by := pick(sortedKeys(sorts))
		key, q.Sort = sorts[by], must(oddUsers.ParseSort(by, pick([]string{"ascending", "descending"})))
	}
	if w.random.IntN(2) == 0 {
		q.Offset = w.random.IntN(len(w.people) + 3)
	}
	var after *stand
	places := [2]scim.Place{}
	for ; pages < 100; pages++ {
		want, total, next := w.page(filters[src], key, q, after)
		for i, list := range []struct {
			name string
			of   func() (*scim.Page, error)
		}{
			{"memstore", func() (*scim.Page, error) { return w.store.List(ctx, q) }},
			{"Select", func() (*scim.Page, error) { return scim.Select(w.all, q) }},
		} {
			q.After = places[i]
			page, err := list.of()
			if err != nil {
				w.Fatalf("%s of %+v, filter %s: %v", list.name, q, src, err)
			}
			var got []string
			for _, r := range page.Resources {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, want) || page.Total != total || page.Next.IsZero() != (next == nil || !q.Resumes) {
				w.Errorf("%s, filter %s, sort by %q, descending %t, offset %d, limit %d, after %+v:\n got %v of %d, next %+v\nwant %v of %d, next %+v",
					list.name, src, q.Sort.Path(), q.Sort.Descending(), q.Offset, q.Limit, q.After, got, page.Total, page.Next, want, total, next)
			}
			places[i] = page.Next
		}
		if next == nil || !q.Resumes || w.Failed() {
			return pages + 1
		}
		q.Offset, after = 0, next
		if w.random.IntN(3) == 0 {
			q.Offset = w.random.IntN(3) // no Handler asks for both, but it is plain what it means
		}
		for range w.random.IntN(4) {
			w.step()
		}
		if w.random.IntN(20) == 0 {
			w.restart()
		}
	}
	return pages
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestPlaceThatIsNone(t *testing.T) {
	s := new(Store)
	fill(t, s, 3)
	filter := must(users.ParseFilter("userName pr"))
	by := must(users.ParseSort("userName", ""))
	for _, at := range []string{"", "-1", "+1", "1 ", "?", "é", "4", "zzzzzzzzzzzz", "zzzzzzzzzzzzzzzzzzzz"} { // 3 are there
		for _, q := range []scim.Query{{}, {Filter: filter}, {Sort: by}, {Filter: filter, Sort: by}} {
			q.Type, q.Limit, q.After = "User", 10, scim.Place{Key: "x", At: at}
			if page, err := s.List(ctx, q); !errors.Is(err, scim.ErrInvalidCursor) {
				t.Errorf("after %q, filter %v, sort by %q: got %v, %v, want %v", at, q.Filter, q.Sort.Path(), page, err, scim.ErrInvalidCursor)
			}
		}
	}
}
