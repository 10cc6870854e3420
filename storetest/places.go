package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

const (
	sayAfter     = "After, unless zero, is the Next of a Page: this one begins after that one, and Offset is 0."
	sayMeanwhile = "Resources that come, go or change meanwhile make no other come twice or be left out."
	sayNoPlace   = "For what can be no place of its own, a Store reports ErrInvalidCursor, or nothing comes after it."
	sayNext      = "Next, where the Query Resumes, is the place of the last of Resources if others follow, else zero."
	sayGone      = "A Store finds it again for the same Filter and Sort, after a restart too, and when the resource is gone."
	sayTotal     = "of all matches, wherever the page begins"
)

// walked are the orders and filters of the walks. Each filter matches all
// users that crowd creates.
var walked = []struct{ by, filter string }{
	{"", ""},
	{"", "userName pr"},
	{"", `displayName eq "crowd"`},
	{"userName", ""},
	{"-userName", "userName pr"},
	{"title", `displayName eq "crowd" and active eq true`},
	{"-title", ""},
	{"meta.created", `displayName eq "crowd"`},
	{"-id", ""},
}

// places are the clauses about Query.After and Page.Next.
var places = []clause{
	{"page after page", sayAfter, func(k *kit) {
		k.crowd(24)
		k.walks(func(q scim.Query) {
			want := k.whole(q)
			equal(k, queryText(q)+": users", len(want), 24)
			for _, q.Limit = range []int{1, 5, 6, 23, 24, 100} {
				k.lists(queryText(q)+", page after page", k.walk(q, nil), want)
			}
		})
	}},
	{"a walk over a part", sayAfter, func(k *kit) {
		crowd := k.crowd(12)
		for i, r := range crowd {
			if i%4 != 1 {
				k.change(r, func(u *scim.User) { u.NickName = "part" })
			}
		}
		for _, w := range walked {
			q := scim.Query{Tenant: acme, Type: "User", Resumes: true, Filter: k.filter("User", `nickName eq "Part"`), Sort: k.sort(w.by)}
			want := k.whole(q)
			equal(k, queryText(q)+": users", len(want), 9)
			for _, q.Limit = range []int{1, 3, 4} {
				k.lists(queryText(q)+", page after page", k.walk(q, nil), want)
			}
		}
	}},
	{"the total of a page in the middle", sayTotal, func(k *kit) {
		k.crowd(10)
		k.walks(func(q scim.Query) {
			q.Limit = 4
			q.After = k.list(q).Next
			for range 2 {
				page := k.list(q)
				equal(k, queryText(q)+": Total", page.Total, 10)
				q.Limit = 0
			}
		})
	}},
	{"no next page, no place", sayNext, func(k *kit) {
		k.crowd(10)
		k.walks(func(q scim.Query) {
			for _, row := range []struct {
				offset, limit int
				more          bool
			}{
				{0, 9, true},
				{0, 10, false},
				{0, 11, false},
				{0, 1 << 62, false},
				{0, 0, false},
				{5, 0, false},
				{5, 4, true},
				{5, 5, false},
				{9, 1, false},
				{10, 1, false},
				{1 << 62, 1 << 62, false},
			} {
				q.Offset, q.Limit = row.offset, row.limit
				equal(k, queryText(q)+": there is a Next", !k.list(q).Next.IsZero(), row.more)
			}
			q.Offset, q.Limit = 0, 5
			q.After = k.list(q).Next
			for limit, more := range map[int]bool{0: false, 4: true, 5: false, 6: false} {
				q.Limit = limit
				equal(k, queryText(q)+": there is a Next", !k.list(q).Next.IsZero(), more)
			}
		})
	}},
	{"a place where nothing is left", sayAfter, func(k *kit) {
		k.walks(func(q scim.Query) {
			k.crowd(4)
			all := k.whole(q)
			q.Limit = 3
			q.After = k.list(q).Next
			for _, i := range []int{3, 0, 1, 2} {
				k.delete(scim.Ref{Tenant: acme, Type: "User", ID: all[i]})
				page := k.list(q)
				equal(k, queryText(q)+" when the last user is deleted: resources", len(page.Resources), 0)
				equal(k, queryText(q)+" when the last user is deleted: there is a Next", !page.Next.IsZero(), false)
			}
		})
	}},
	{"a place outlives its resource", sayGone, func(k *kit) {
		k.walks(func(q scim.Query) {
			crowd := k.crowd(9)
			all := k.whole(q)
			q.Limit = 4
			q.After = k.list(q).Next
			k.lists(queryText(q), ids(k.list(q).Resources), all[4:8])
			for _, gone := range []int{3, 2, 4} { // the last of the first page, the one before, the one after
				k.delete(scim.Ref{Tenant: acme, Type: "User", ID: all[gone]})
				from := 4
				if gone == 4 {
					from = 5
				}
				k.lists(queryText(q)+", of whose place the user is gone", ids(k.list(q).Resources), all[from:min(from+4, 9)])
			}
			for _, r := range crowd {
				if !slices.Contains(all[2:5], r.ID) {
					k.delete(r.Ref)
				}
			}
		})
	}},
	{"a walk while resources come and go", sayMeanwhile, func(k *kit) {
		k.walks(func(q scim.Query) {
			k.crowd(24)
			all := k.whole(q)
			gone := map[string]bool{}
			remove := func(i int) {
				if i < len(all) && !gone[all[i]] {
					gone[all[i]] = true
					k.delete(scim.Ref{Tenant: acme, Type: "User", ID: all[i]})
				}
			}
			q.Limit = 4
			seen := 0
			got := k.walk(q, func(n int, page *scim.Page) {
				last := slices.Index(all, page.Resources[len(page.Resources)-1].ID)
				if n > 6 || last < 0 {
					return // in what has come meanwhile
				}
				remove(seen)     // seen
				remove(last + 2) // not seen
				if n%2 == 1 {
					remove(last) // where the walk is
					remove(last + 1)
				}
				k.crowd(2)
				seen = last
			})
			stays := func(id string) bool { return slices.Contains(all, id) && !gone[id] }
			var want []string
			for _, id := range all {
				if stays(id) {
					want = append(want, id)
				}
			}
			untouched := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !stays(id) })
			k.lists(queryText(q)+", page after page, as users come and go: those who stayed", untouched, want)
			once := slices.Clone(got)
			slices.Sort(once)
			equal(k, queryText(q)+", page after page, as users come and go: users who came twice", len(got)-len(slices.Compact(once)), 0)
			for _, id := range k.whole(scim.Query{Tenant: acme, Type: "User"}) {
				k.delete(scim.Ref{Tenant: acme, Type: "User", ID: id})
			}
		})
	}},
	{"a walk while resources change", sayMeanwhile, func(k *kit) {
		k.walks(func(q scim.Query) {
			k.crowd(16)
			all := k.whole(q)
			changed := map[string]bool{}
			change := func(i int, to string) {
				if i >= len(all) {
					return
				}
				changed[all[i]] = true
				k.change(k.get(scim.Ref{Tenant: acme, Type: "User", ID: all[i]}), func(u *scim.User) {
					u.UserName, u.Title = to+u.UserName, to
					if to == "zz" {
						u.DisplayName, u.Active = "elsewhere", false
					}
				})
			}
			q.Limit = 4
			seen := 0
			got := k.walk(q, func(n int, page *scim.Page) {
				if n > 4 {
					return
				}
				change(seen, "zz")
				change(seen+3, []string{"aa", "zz"}[n%2]) // where the walk is
				change(seen+5, []string{"zz", "aa"}[n%2])
				seen += 4
			})
			// In the order of creation a change moves nobody.
			stays := func(id string) bool { return !changed[id] || q.Sort.IsZero() && q.Filter == nil }
			moved := func(id string) bool { return !stays(id) }
			k.lists(queryText(q)+", page after page, as users change: the others",
				slices.DeleteFunc(slices.Clone(got), moved), slices.DeleteFunc(slices.Clone(all), moved))
			for _, id := range all {
				k.delete(scim.Ref{Tenant: acme, Type: "User", ID: id})
			}
		})
	}},
	{"a walk by the time of change", sayMeanwhile, func(k *kit) {
		all := ids(k.crowd(12))
		q := scim.Query{Tenant: acme, Type: "User", Limit: 3, Resumes: true, Sort: k.sort("meta.lastModified")}
		changed := map[string]bool{}
		got := k.walk(q, func(n int, page *scim.Page) {
			time.Sleep(2 * time.Millisecond)
			for _, i := range []int{3*n - 1, 3 * n} {
				if i < len(all) && n <= 4 {
					changed[all[i]] = true
					k.change(k.get(scim.Ref{Tenant: acme, Type: "User", ID: all[i]}), func(u *scim.User) { u.Title += "x" })
				}
			}
		})
		moved := func(id string) bool { return changed[id] }
		k.lists(queryText(q)+", page after page, as users change: the others",
			slices.DeleteFunc(slices.Clone(got), moved), slices.DeleteFunc(slices.Clone(all), moved))
	}},
	{"a place that is none", sayNoPlace, func(k *kit) {
		k.crowd(5)
		before := k.state()
		k.walks(func(q scim.Query) {
			q.Limit = 3
			for _, at := range []string{"no such place", "'; drop table users --", "-1", "\x00", "é", "{}", strings.Repeat("9", 400), strings.Repeat("/", 9)} {
				key := "\x00"
				if q.Sort.IsZero() {
					key = ""
				}
				q.After = scim.Place{Key: key, At: at}
				page, err := k.listSafely(q)
				switch {
				case err == nil && page != nil && len(page.Resources) == 0 && page.Next.IsZero():
				case err == nil:
					k.fail(queryText(q), "resources, or a Next", "neither, or an error that is "+scim.ErrInvalidCursor.Error())
				case !errors.Is(err, scim.ErrInvalidCursor):
					k.fail(queryText(q), err, scim.ErrInvalidCursor)
				}
			}
		})
		k.unchanged("Lists after what is no place", before)
	}},
}

// crowd creates n users, in no order of their names, with few titles.
func (k *kit) crowd(n int) []*scim.Resource {
	k.t.Helper()
	titles := []string{"Doctor", "admiral", "", "Baker", "DOCTOR"}
	var out []*scim.Resource
	for i := range n {
		u := named(fmt.Sprintf("%c-user%d-%d", 'a'+(i*7+k.crowded)%26, k.crowded, i))
		u.DisplayName, u.Title = "Crowd", titles[i%len(titles)]
		out = append(out, k.createUser(u))
	}
	k.crowded++
	return out
}

// change changes a user.
func (k *kit) change(r *scim.Resource, how func(u *scim.User)) {
	k.t.Helper()
	u := r.User()
	how(&u)
	k.update(r.Ref, k.userChange(u))
}

// walks calls f with a Query for each of walked.
func (k *kit) walks(f func(q scim.Query)) {
	k.t.Helper()
	for _, w := range walked {
		q := scim.Query{Tenant: acme, Type: "User", Resumes: true, Sort: k.sort(w.by)}
		if w.filter != "" {
			q.Filter = k.filter("User", w.filter)
		}
		f(q)
	}
}

// whole returns the ids of all that q asks for, as one page.
func (k *kit) whole(q scim.Query) []string {
	k.t.Helper()
	q.Limit = 1000
	return ids(k.list(q).Resources)
}

// walk returns the ids of all that q asks for, page after page; between two
// pages, whose numbers begin at 1, it calls what is given.
func (k *kit) walk(q scim.Query, between func(n int, page *scim.Page)) []string {
	k.t.Helper()
	const most = 100
	var got []string
	for n := 1; n < most; n++ {
		page := k.list(q)
		got = append(got, ids(page.Resources)...)
		if page.Next.IsZero() {
			return got
		}
		if len(page.Resources) != q.Limit {
			k.fatal(queryText(q)+": resources on a page that another one follows", len(page.Resources), q.Limit)
		}
		if between != nil {
			between(n, page)
		}
		q.After = page.Next
	}
	k.fatal(queryText(q)+", page after page", fmt.Sprint(most, " pages"), "an end")
	return nil
}

// listSafely makes an error of a panic.
func (k *kit) listSafely(q scim.Query) (page *scim.Page, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return k.store.List(k.ctx, q)
}
