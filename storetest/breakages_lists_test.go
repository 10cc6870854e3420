package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

var listBreakages = []breakage{
	// Lists.
	{"every page is the first", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Offset = 0
		return good.List(ctx, q)
	}), []string{"order of creation, page by page", "a page beyond the end", "a filter and pages", "a group of ten thousand"}},
	{"the newest come first", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: page.Total, Resources: slices.Clone(page.Resources)}
			slices.Reverse(page.Resources)
		}
		return page, err
	}), []string{"order of creation, page by page", "the order outlasts changes", "no filter"}},
	{"the last changed comes last", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: page.Total, Resources: slices.Clone(page.Resources)}
			slices.SortStableFunc(page.Resources, func(a, b *scim.Resource) int { return strings.Compare(a.Version, b.Version) })
		}
		return page, err
	}), []string{"the order outlasts changes"}},
	{"the total is that of the page", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil {
			page = &scim.Page{Total: len(page.Resources), Resources: page.Resources}
		}
		return page, err
	}), []string{"order of creation, page by page", "only the total", "a page beyond the end"}},
	{"MaxScan is a limit of the page", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if q.MaxScan > 0 {
			q.Limit, q.MaxScan = min(q.Limit, q.MaxScan), 0
		}
		return good.List(ctx, q)
	}), []string{"a bound on what is looked at"}},
	{"limit 0 is no limit", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if q.Limit == 0 {
			q.Limit = 1000
		}
		return good.List(ctx, q)
	}), []string{"only the total"}},
	{"an empty list is an error", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if err == nil && page.Total == 0 {
			return nil, scim.ErrNotFound
		}
		return page, err
	}), []string{"nothing there"}},
	{"filters are ignored", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Filter = nil
		return good.List(ctx, q)
	}), []string{"filters", "a filter and pages", "filters on members and groups", "delete"}},
	{"filters go by the keys alone", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if and, ok := q.Filter.(scim.And); ok {
			q.Filter = and[0]
		}
		return good.List(ctx, q)
	}), []string{"filters", "filters on members and groups"}},

	{"a percent sign stands for all", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		if q.Filter != nil && strings.Contains(q.Filter.String(), "%") {
			q.Filter = nil
		}
		return good.List(ctx, q)
	}), []string{"filters take every character for itself"}},
	{"a page is found from the end", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		asked := q
		q.Offset, q.Limit = 0, 1<<30
		page, err := good.List(ctx, q)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Millisecond)
		now, err := good.List(ctx, q)
		if err != nil {
			return nil, err
		}
		first := max(len(now.Resources)-(len(page.Resources)-asked.Offset), 0)
		return &scim.Page{Total: now.Total, Resources: from(now.Resources, first, scim.Query{Limit: asked.Limit}).Resources}, nil
	}), []string{"pages while others write"}},

	// Sorts.
	{"sorts are ignored", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Sort = scim.Sort{}
		return good.List(ctx, q)
	}), []string{
		"sorted by strings", "sorted by strings in which case counts", "sorted by numbers", "sorted by times",
		"sorted by facts of the resource", "sorted by a multi-valued attribute", "sorted without a value", "sorted and equal", "a sort, a filter and pages",
	}},
	{"descending is ascending", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := s.Compare(s.Key(a), s.Key(b))
		if s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted by strings", "sorted by booleans", "sorted by facts of the resource", "sorted without a value"}},
	{"strings are sorted by their bytes", byText("displayName", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by strings"}},
	{"strings are sorted by their letters without accents", byKeys(func(s scim.Sort, r *scim.Resource, key string) string {
		return strings.ReplaceAll(key, "é", "e")
	}), []string{"sorted by strings"}},
	{"case never counts", byKeys(func(s scim.Sort, r *scim.Resource, key string) string {
		return strings.ToLower(key)
	}), []string{"sorted by strings in which case counts"}},
	{"numbers are sorted as text", byText(oddsURI+":level", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by numbers"}},
	{"integers are sorted as decimals", byText(oddsURI+":level", func(v any) string {
		return fmt.Sprintf("%020.0f", v.(float64)+1<<60)
	}), []string{"sorted by numbers"}},
	{"decimals are cut", byText(oddsURI+":score", func(v any) string {
		return fmt.Sprintf("%030.0f", math.Trunc(v.(float64))+1e22)
	}), []string{"sorted by numbers"}},
	{"true comes before false", byText("active", func(v any) string {
		return fmt.Sprint(!v.(bool))
	}), []string{"sorted by booleans"}},
	{"times are sorted as text", byText(oddsURI+":since", func(v any) string { return fmt.Sprint(v) }), []string{"sorted by times"}},
	{"times are sorted by the second", byText(oddsURI+":since", func(v any) string { return v.(string)[:19] }), []string{"sorted by times"}},
	{"the first value is sorted by", byText("emails.value", func(v any) string {
		first, _ := v.([]any)[0].(map[string]any)["value"].(string)
		return first
	}), []string{"sorted by a multi-valued attribute"}},
	{"the least value is sorted by", byText(oddsURI+":tags", func(v any) string {
		least := v.([]any)[0].(string)
		for _, tag := range v.([]any) {
			least = min(least, tag.(string))
		}
		return least
	}), []string{"sorted by a multi-valued attribute"}},
	{"no value is the least value", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := cmp.Compare(s.Key(a), s.Key(b))
		if s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted without a value", "sorted by times", "sorted by a multi-valued attribute"}},
	{"no value is always last", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := s.Compare(s.Key(a), s.Key(b))
		if (s.Key(a) == "") != (s.Key(b) == "") && s.Descending() {
			return -c
		}
		return c
	}), []string{"sorted without a value"}},
	{"of equal ones the newest comes first", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		return cmp.Or(s.Compare(s.Key(a), s.Key(b)), -cmp.Compare(a.ID, b.ID))
	}), []string{"sorted and equal", "sorted without a value"}},
	{"descending is ascending from the end", sortedBy(func(s scim.Sort, a, b *scim.Resource) int {
		c := cmp.Or(s.Compare(s.Key(a), s.Key(b)))
		if c == 0 && s.Descending() {
			return -cmp.Compare(a.ID, b.ID)
		}
		return c
	}), []string{"sorted and equal", "sorted by facts of the resource"}},
	{"each page is sorted", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		by := q.Sort
		q.Sort = scim.Sort{}
		page, err := good.List(ctx, q)
		if err == nil {
			slices.SortStableFunc(page.Resources, func(a, b *scim.Resource) int { return by.Compare(by.Key(a), by.Key(b)) })
		}
		return page, err
	}), []string{"a sort, a filter and pages"}},

	// Places.
	{"every page is the first one", selecting(func(q *scim.Query, _ []*scim.Resource) {
		q.After = scim.Place{}
	}), []string{"page after page", "a walk over a part", "a place where nothing is left", "a place outlives its resource", "a place that is none"}},
	{"there is always a next page", selecting(nil, func(_ scim.Query, page *scim.Page) {
		if n := len(page.Resources); n > 0 && page.Next.IsZero() {
			page.Next = scim.Place{At: "/" + page.Resources[n-1].ID}
		}
	}), []string{"no next page, no place"}},
	{"a full page has a next page", selecting(nil, func(q scim.Query, page *scim.Page) {
		if n := len(page.Resources); n > 0 && n == q.Limit && page.Next.IsZero() {
			page.Next = scim.Place{At: "9/" + page.Resources[n-1].ID}
		}
	}), []string{"no next page, no place"}},
	{"the total goes by the place", selecting(nil, func(q scim.Query, page *scim.Page) {
		if !q.After.IsZero() {
			page.Total = len(page.Resources)
		}
	}), []string{"the total of a page in the middle"}},
	{"a walk counts what it passed", placing(func(all []*scim.Resource, q scim.Query) *scim.Page {
		i := 0
		if !q.After.IsZero() {
			i, _ = strconv.Atoi(q.After.At)
		}
		page := from(all, i, q)
		if n := i + q.Offset + len(page.Resources); len(page.Resources) > 0 && n < len(all) {
			page.Next = scim.Place{At: strconv.Itoa(n)}
		}
		return page
	}), []string{"a place outlives its resource", "a walk while resources come and go", "a walk by the time of change", "a place that is none", "a walk while others write"}},
	{"a walk looks for where it was", placing(func(all []*scim.Resource, q scim.Query) *scim.Page {
		i := 0
		if !q.After.IsZero() {
			i = slices.IndexFunc(all, func(r *scim.Resource) bool { return r.ID == q.After.At }) + 1
			if i == 0 {
				i = len(all)
			}
		}
		page := from(all, i, q)
		if n := len(page.Resources); n > 0 && i+q.Offset+n < len(all) {
			page.Next = scim.Place{At: page.Resources[n-1].ID}
		}
		return page
	}), []string{"a place outlives its resource", "a walk while resources come and go", "a walk while resources change"}},
	{"equal ones are in one place", selecting(nil, func(q scim.Query, page *scim.Page) {
		if !page.Next.IsZero() && !q.Sort.IsZero() {
			page.Next.At = "9999-01-01T00:00:00.000000000/"
		}
	}), []string{"page after page", "a walk over a part"}},
	{"a place that is none is a failure", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if errors.Is(err, scim.ErrInvalidCursor) {
			err = errors.New("strconv.ParseUint: invalid syntax")
		}
		return page, err
	}), []string{"a place that is none"}},
	{"a place that is none is the end of the program", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		page, err := good.List(ctx, q)
		if errors.Is(err, scim.ErrInvalidCursor) {
			panic(err)
		}
		return page, err
	}), []string{"a place that is none"}},

	// Projections.
	{"Get tells members always", with(broken{
		get: func(good scim.Store, ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
			return good.Get(ctx, ref, scim.Projection{Members: true, Groups: true})
		},
	}), []string{"get: members and groups only where wanted", "a group of a hundred thousand"}},
	{"List tells members always", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Projection = scim.Projection{Members: true, Groups: true}
		return good.List(ctx, q)
	}), []string{"list: members and groups only where wanted"}},
	{"List never tells members", listing(func(good scim.Store, ctx context.Context, q scim.Query) (*scim.Page, error) {
		q.Projection = scim.Projection{}
		return good.List(ctx, q)
	}), []string{"list: members and groups only where wanted"}},
}
