package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherkit/scim"
)

// stability are the clauses about pages while others write: what places.go
// checks between two pages, at the same time.
var stability = []clause{
	{"a walk while others write", sayMeanwhile, func(k *kit) {
		k.walks(func(q scim.Query) {
			const pages = 12 // as long as others write
			fleeting, stay := k.crowd(pages), k.crowd(60)
			leaves, moves := fleeting[:pages-2], append(fleeting[pages-2:], k.crowd(2)...)
			tracked := map[string]bool{}
			for _, r := range stay {
				tracked[r.ID] = true
			}
			of := func(ids []string) []string {
				return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !tracked[id] })
			}
			want := of(k.whole(q))
			equal(k, queryText(q)+": users who stay", len(want), len(stay))

			var others sync.WaitGroup
			defer others.Wait()
			errs := make([]error, 3*pages)
			q.Limit = 7
			got := k.walk(q, func(n int, _ *scim.Page) {
				others.Wait() // one page is read as these write, and the next as the next
				if n--; n >= pages {
					return
				}
				others.Go(func() { errs[3*n] = k.comeAndGo(n) })
				others.Go(func() {
					if n < len(leaves) {
						errs[3*n+1] = k.store.Delete(k.ctx, leaves[n].Ref, "")
					}
				})
				others.Go(func() {
					to := k.titled(fmt.Sprintf("%c-moved-%d-%d", 'a'+n*5%26, k.crowded, n), []string{"admiral", "Zeno"}[n%2])
					_, errs[3*n+2] = k.store.Update(k.ctx, moves[n%len(moves)].Ref, to)
				})
			})
			others.Wait()
			for _, err := range errs {
				k.done("Writing during a walk", err)
			}
			k.lists(queryText(q)+", page after page, as others write: those who stay", of(got), want)
			moved := ids(moves)
			once := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return slices.Contains(moved, id) && !q.Sort.IsZero() })
			slices.Sort(once)
			equal(k, queryText(q)+", page after page, as others write: users who came twice", len(once)-len(slices.Compact(slices.Clone(once))), 0)
			for _, id := range k.whole(scim.Query{Tenant: acme, Type: "User"}) {
				k.delete(userRef(id))
			}
		})
	}},
	{"pages while others write", sayList, func(k *kit) {
		// Others come and go after the users of these pages.
		users := k.createUsers(40)
		first := scim.Query{Tenant: acme, Type: "User", Limit: 10, Offset: 5}
		byKey, byName := first, first
		byKey.Filter, byName.Filter = k.filter("User", `userName sw "user"`), k.filter("User", `userName eq "user00012"`)
		byName.Offset = 0
		sorts := first
		sorts.Sort = k.sort("userName")
		var over atomic.Bool
		errs := together(4, func(i int) error {
			if i > 0 { // a writer
				for round := 0; round < 40 && !over.Load(); round++ {
					if err := k.comeAndGo(1000*i + round); err != nil {
						return err
					}
					time.Sleep(time.Millisecond) // so that it goes on as long as the reading
				}
				return nil
			}
			defer over.Store(true)
			for range 15 {
				for _, row := range []struct {
					q    scim.Query
					want []string
				}{{first, users[5:15]}, {byKey, users[5:15]}, {byName, users[12:13]}} {
					page, err := k.store.List(k.ctx, row.q)
					if err != nil {
						return err
					}
					if got := ids(page.Resources); !slices.Equal(got, row.want) {
						return fmt.Errorf("%s: got the users %v, want %v", queryText(row.q), got, row.want)
					}
					if row.q.Filter != nil && page.Total != 40 && page.Total != 1 {
						return fmt.Errorf("%s: got a Total of %d, want that of those who stay", queryText(row.q), page.Total)
					}
				}
				page, err := k.store.List(k.ctx, sorts)
				if err != nil {
					return err
				}
				if names := userNames(page.Resources); !slices.IsSorted(names) || len(names) != 10 {
					return fmt.Errorf("%s: got %v, want 10 in their order", queryText(sorts), names)
				}
			}
			return nil
		})
		for i, err := range errs {
			k.done([]string{"Reading pages as others write", "Writing as another reads pages"}[min(i, 1)], err)
		}
	}},
}

// comeAndGo creates two users of the crowd, and deletes one of them.
func (k *kit) comeAndGo(n int) error {
	var made []*scim.Updated
	for i := range 2 {
		u := named(fmt.Sprintf("%c-come-%d-%d-%d", 'a'+(n*11+i*5)%26, k.crowded, n, i))
		u.DisplayName, u.Title = "Crowd", "Baker"
		made1, err := k.store.Create(k.ctx, scim.Ref{Tenant: acme, Type: "User"}, k.userChange(u))
		if err != nil {
			return err
		}
		made = append(made, made1)
	}
	return k.store.Delete(k.ctx, made[0].Resource.Ref, "")
}
