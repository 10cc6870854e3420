package scim

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"
)

func TestSelect(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	even, err := user.ParseFilter(`title eq "even"`)
	if err != nil {
		t.Fatal(err)
	}
	titles := []string{"even", "odd"}
	var all []*Resource
	for i := range 10 {
		all = append(all, &Resource{
			Ref:      Ref{ID: fmt.Sprint(i)},
			Document: read(t, user, fmt.Sprintf(`{"userName":"u%d","title":%q}`, i, titles[i%2])),
		})
	}
	tests := []struct {
		name  string
		q     Query
		total int
		ids   string
	}{
		{"everything", Query{Limit: 100}, 10, "0123456789"},
		{"first page", Query{Limit: 4}, 10, "0123"},
		{"middle page", Query{Offset: 3, Limit: 4}, 10, "3456"},
		{"last page", Query{Offset: 8, Limit: 4}, 10, "89"},
		{"beyond", Query{Offset: 10, Limit: 4}, 10, ""},
		{"count only", Query{}, 10, ""},
		{"filtered", Query{Filter: even, Limit: 100}, 5, "02468"},
		{"filtered page", Query{Filter: even, Offset: 1, Limit: 2}, 5, "24"},
		{"filtered count only", Query{Filter: even}, 5, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, ids := selected(t, all, tt.q)
			if page.Total != tt.total || ids != tt.ids {
				t.Errorf("got %d and %q, want %d and %q", page.Total, ids, tt.total, tt.ids)
			}
		})
	}
}

// selected returns the page of a query, and the ids that are on it. Unless the query
// is to be resumed there is no place to do it from.
func selected(t *testing.T, all []*Resource, q Query) (page *Page, ids string) {
	t.Helper()
	if page, err := Select(yielding(all, nil), q); err != nil || !page.Next.IsZero() {
		t.Errorf("next %+v of a query that does not resume, error %v; want none", page.Next, err)
	}
	q.Resumes = true
	page, err := Select(yielding(all, nil), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Resources {
		ids += r.ID
	}
	return page, ids
}

// Pages and their places are checked by storetest; here is what no Store would
// ask for.
func TestSelectPlaces(t *testing.T) {
	user, _ := userAndGroupTypes(t)
	byTitle, err := user.ParseSort("title", "descending")
	if err != nil {
		t.Fatal(err)
	}
	var all []*Resource
	for i := range 5 {
		all = append(all, &Resource{Ref: Ref{ID: fmt.Sprint(i)}, Document: read(t, user, fmt.Sprintf(`{"userName":"u%d","title":"t%d"}`, i, i))})
	}
	for _, tt := range []struct {
		name string
		q    Query
		ids  string
		next Place
	}{
		{"created at no time", Query{Limit: 2}, "01", Place{At: "/1"}},
		{"after it", Query{Limit: 2, After: Place{At: "/1"}}, "23", Place{At: "/3"}},
		{"after what never was", Query{Limit: 2, After: Place{At: "/15"}}, "23", Place{At: "/3"}},
		{"sorted", Query{Limit: 2, Sort: byTitle}, "43", Place{Key: "t3", At: "/3"}},
		{"sorted, after it", Query{Limit: 2, Sort: byTitle, After: Place{Key: "t3", At: "/3"}}, "21", Place{Key: "t1", At: "/1"}},
		{"sorted, after what never was", Query{Limit: 9, Sort: byTitle, After: Place{Key: "t22", At: "/9"}}, "210", Place{}},
		{"sorted, after all", Query{Limit: 9, Sort: byTitle, After: Place{Key: "t0", At: "2026-03-04T05:06:07.000000000/0"}}, "", Place{}},
		{"a place and an offset", Query{Offset: 1, Limit: 2, After: Place{At: "/1"}}, "34", Place{}},
		{"sorted, a place and an offset", Query{Offset: 1, Limit: 1, Sort: byTitle, After: Place{Key: "t3", At: "/3"}}, "1", Place{Key: "t1", At: "/1"}},
		{"negative", Query{Offset: -1, Limit: -1, Sort: byTitle}, "", Place{}},
		{"a negative offset", Query{Offset: -1, Limit: 1, Sort: byTitle}, "4", Place{Key: "t4", At: "/4"}},
		{"no end", Query{Offset: 3, Limit: math.MaxInt, Sort: byTitle}, "10", Place{}},
		{"no end and no beginning", Query{Offset: math.MaxInt, Limit: math.MaxInt, Sort: byTitle}, "", Place{}},
		{"no end, not sorted", Query{Offset: 3, Limit: math.MaxInt}, "34", Place{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page, ids := selected(t, all, tt.q)
			if ids != tt.ids || page.Next != tt.next || page.Total != 5 {
				t.Errorf("got %q of %d, next %+v; want %q of 5, next %+v", ids, page.Total, page.Next, tt.ids, tt.next)
			}
		})
	}
	for _, at := range []string{"", "/", "0", "2026-03-04T05:06:07.000000000", "2026-03-04T05:06:07.000000000/", "2026-03-04/0", "x/0", "//0"} {
		page, err := Select(yielding(all, nil), Query{Limit: 1, After: Place{Key: "t", At: at}})
		if page != nil || !errors.Is(err, ErrInvalidCursor) {
			t.Errorf("after %q: got %v, %v, want %v", at, page, err, ErrInvalidCursor)
		}
	}
}

// The sets that the filter asked about are on the page only if it wants them.
func TestSelectProjects(t *testing.T) {
	_, group := userAndGroupTypes(t)
	f, err := group.ParseFilter(`members eq "u"`)
	if err != nil {
		t.Fatal(err)
	}
	r := &Resource{Members: SetOf(Member{ID: "u"}), Groups: SetOf()}
	for _, p := range []Projection{{}, {Members: true}, {Groups: true}, {Members: true, Groups: true}} {
		page, err := Select(yielding([]*Resource{r}, nil), Query{Filter: f, Limit: 1, Projection: p})
		if err != nil || len(page.Resources) != 1 {
			t.Fatalf("got %v, %v, want the group", page, err)
		}
		got := page.Resources[0]
		if (got.Members != nil) != p.Members || (got.Groups != nil) != p.Groups {
			t.Errorf("%+v: got members %v and groups %v", p, got.Members, got.Groups)
		}
		if whole := p.Members && p.Groups; (got == r) != whole || r.Members == nil || r.Groups == nil {
			t.Errorf("%+v: the resource must be handed on as it is, or be copied", p)
		}
	}
}

func TestSelectStopsOnErrors(t *testing.T) {
	_, group := userAndGroupTypes(t)
	lost := errors.New("connection lost")
	page, err := Select(yielding([]*Resource{{}}, lost), Query{Limit: 5})
	if page != nil || !errors.Is(err, lost) {
		t.Errorf("broken sequence: got %v, %v, want its error", page, err)
	}
	f, err := group.ParseFilter(`members eq "u"`)
	if err != nil {
		t.Fatal(err)
	}
	all := []*Resource{{Members: &countingSet{Set: SetOf(), err: lost}}}
	page, err = Select(yielding(all, nil), Query{Filter: f, Limit: 5})
	if page != nil || !errors.Is(err, lost) {
		t.Errorf("broken members: got %v, %v, want their error", page, err)
	}
}

// yielding yields the resources and then the error, if there is one.
func yielding(all []*Resource, err error) iter.Seq2[*Resource, error] {
	return func(yield func(*Resource, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
