package tenanttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usherkit/scim/tenant"
)

const (
	sayAppend    = "Append stores records, which have different IDs, in one transaction."
	sayPassOver  = "Those of connections that there are not are passed over."
	sayRecords   = "Records returns records, the newest first, as the query says."
	sayOf        = "of a resource that they are about or that they changed, of one Tenant or Connection; empty: of any, or of none"
	sayBefore    = "the ID of a Record: those before it; empty: the newest"
	sayTrim      = "Trim deletes the records of a connection from before a time, and all but the newest few."
	sayExpire    = "Expire deletes the records of all connections from before a time"
	longestBatch = 700
)

var records = []clause{
	{"append", sayAppend, func(k *kit) {
		ref := k.add(acme)
		var r tenant.Record
		fill(&r)
		r.Connection = ref
		plain := tenant.Record{ID: "a", At: noon, Connection: ref}
		k.done("Append", k.store.Append(k.ctx, []tenant.Record{plain, r}))
		got, err := k.store.Records(k.ctx, tenant.Query{Tenant: acme})
		k.done("Records", err)
		want := []tenant.Record{r, plain}
		slices.SortFunc(want, func(a, b tenant.Record) int { return strings.Compare(b.ID, a.ID) })
		k.equal("Records after Append", got, want)
		k.done("Append of nothing", k.store.Append(k.ctx, nil))
	}},
	{"append many", sayAppend, func(k *kit) {
		ref := k.add(acme)
		body := []byte(strings.Repeat("ä\x00\"", 1000))
		var list []tenant.Record
		var want []string
		for i := range longestBatch {
			r := tenant.Record{ID: k.newID(), At: after(i), Connection: ref, Status: 400, Body: body}
			list, want = append(list, r), append(want, r.ID)
		}
		k.done("Append of many", k.store.Append(k.ctx, list))
		slices.Reverse(want)
		k.equal("Records after Append of many", k.found(tenant.Query{Tenant: acme, Limit: 1000}), want)
	}},
	{"append without a connection", sayPassOver, func(k *kit) {
		ref := k.add(acme)
		list := []tenant.Record{
			{ID: "a", At: noon, Connection: tenant.Ref{Tenant: acme, ID: "gone"}, ResourceID: "u-1"},
			{ID: "b", At: noon, Connection: ref, ResourceID: "u-1"},
			{ID: "c", At: noon, Connection: tenant.Ref{Tenant: other, ID: ref.ID}, ResourceID: "u-1"},
		}
		k.done("Append", k.store.Append(k.ctx, list))
		for _, q := range []tenant.Query{{AllTenants: true}, {Tenant: acme, ResourceID: "u-1"}} {
			k.equal(fmt.Sprintf("Records(%+v)", q), k.found(q), []string{"b"})
		}
		for _, q := range []tenant.Query{{Tenant: other}, {Tenant: other, ResourceID: "u-1"}} {
			k.equal(fmt.Sprintf("Records(%+v)", q), k.found(q), []string(nil))
		}
	}},
	{"records", sayRecords, func(k *kit) {
		a, b, theirs := k.add(acme), k.add(acme), k.add(other)
		var all []tenant.Record
		for i := range 120 {
			ref := []tenant.Ref{a, a, b, theirs}[i%4]
			all = append(all, k.record(ref, []int{200, 204, 399, 400, 500}[i%5], fmt.Sprintf("u-%d", i%3)))
		}
		slices.Reverse(all)
		for _, q := range []tenant.Query{
			{},
			{AllTenants: true},
			{Tenant: acme},
			{Tenant: other},
			{Tenant: "nobody"},
			{Tenant: acme, Connection: a.ID},
			{Tenant: acme, Connection: b.ID},
			{AllTenants: true, Connection: b.ID},
			{AllTenants: true, Connection: "nothing"},
			{Tenant: acme, Connection: theirs.ID},
			{Tenant: acme, ResourceID: "u-1"},
			{Tenant: acme, Connection: b.ID, ResourceID: "u-1"},
			{AllTenants: true, Connection: b.ID, ResourceID: "u-1"},
			{Tenant: acme, Connection: theirs.ID, ResourceID: "u-1"},
			{Tenant: acme, ResourceID: "u-9"},
		} {
			for _, q.Refused = range []bool{false, true} {
				for _, q.Before = range []string{"", all[60].ID, all[60].ID + "!", "0", "zzz"} {
					for _, q.Limit = range []int{-1, 0, 1, 7, 1000} {
						k.equal(fmt.Sprintf("Records(%+v)", q), k.found(q), wanted(all, q))
					}
				}
			}
		}
	}},
	{"records of a resource", sayOf, func(k *kit) {
		ref := k.add(acme)
		list := []tenant.Record{
			{ID: "a", At: noon, Connection: ref, ResourceID: "g-1", Changes: []tenant.Change{{ID: "g-1"}}},
			{ID: "b", At: noon, Connection: ref, Changes: []tenant.Change{{ID: "u-1"}, {ID: "u-2"}, {ID: "u-1"}}},
			{ID: "c", At: noon, Connection: ref, ResourceID: "u-2", Status: 409},
			{ID: "d", At: noon, Connection: ref},
		}
		k.done("Append", k.store.Append(k.ctx, list))
		for _, c := range []struct {
			id   string
			want []string
		}{{"g-1", []string{"a"}}, {"u-1", []string{"b"}}, {"u-2", []string{"c", "b"}}, {"U-1", nil}, {"u-%", nil}, {"", []string{"d", "c", "b", "a"}}} {
			k.equal(fmt.Sprintf("Records of resource %q", c.id), k.found(tenant.Query{Tenant: acme, ResourceID: c.id}), c.want)
		}
	}},
	{"pages of records", sayBefore, func(k *kit) {
		a, b := k.add(acme), k.add(acme)
		var want []string
		for i := range 25 {
			want = append(want, k.record([]tenant.Ref{a, b}[i%2], 400, "u-1").ID)
		}
		slices.Reverse(want)
		for _, q := range []tenant.Query{{AllTenants: true}, {Tenant: acme}, {Tenant: acme, Refused: true}, {Tenant: acme, ResourceID: "u-1"}} {
			q.Limit = 4
			var got []string
			for range len(want) {
				page := k.found(q)
				if got = append(got, page...); len(page) == 0 {
					break
				}
				q.Before = page[len(page)-1]
			}
			q.Before = ""
			k.equal(fmt.Sprintf("the pages of Records(%+v)", q), got, want)
		}
	}},
	{"trim", sayTrim, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		var ids []string
		for range 20 {
			ids = append(ids, k.record(ref, 400, "u-1").ID)
			k.record(next, 400, "u-1")
		}
		slices.Reverse(ids)
		list, err := k.store.Records(k.ctx, tenant.Query{Tenant: acme, Connection: ref.ID})
		k.done("Records", err)
		left := func(what string, want []string) {
			for _, q := range []tenant.Query{{}, {Refused: true}, {ResourceID: "u-1"}} {
				q.Tenant, q.Connection = acme, ref.ID
				k.equal(fmt.Sprintf("Records(%+v) after Trim of %s", q, what), k.found(q), want)
			}
			k.equal("how many records of another are left", len(k.found(tenant.Query{Tenant: acme, Connection: next.ID})), 20)
		}
		k.done("Trim", k.store.Trim(k.ctx, ref, after(-1000), 100))
		left("nothing", ids)
		k.done("Trim", k.store.Trim(k.ctx, ref, list[14].At, 100))
		left("those before a time", ids[:15])
		k.done("Trim", k.store.Trim(k.ctx, ref, after(-1000), 10))
		left("all but ten", ids[:10])
		k.done("Trim", k.store.Trim(k.ctx, ref, list[4].At, 8))
		left("all but eight, and those before a time", ids[:5])
		k.done("Trim", k.store.Trim(k.ctx, ref, after(-1000), 0))
		left("all", nil)
	}},
	{"trim many", sayTrim, func(k *kit) {
		ref := k.add(acme)
		const many = 1300
		var list []tenant.Record
		for i := range many {
			list = append(list, tenant.Record{ID: k.newID(), At: after(i), Connection: ref})
		}
		k.done("Append", k.store.Append(k.ctx, list))
		k.done("Trim", k.store.Trim(k.ctx, ref, after(100), 200))
		k.equal("how many are left of many", len(k.found(tenant.Query{Tenant: acme, Limit: many})), 200)
		k.done("Trim", k.store.Trim(k.ctx, ref, after(many), many))
		k.equal("how many are left of none that are young enough", len(k.found(tenant.Query{Tenant: acme, Limit: many})), 0)
	}},
	{"expire", sayExpire, func(k *kit) {
		a, theirs := k.add(acme), k.add(other)
		const many = 1300
		var list []tenant.Record
		for i := range many {
			list = append(list, tenant.Record{ID: k.newID(), At: after(i), Connection: []tenant.Ref{a, theirs}[i%2]})
		}
		k.done("Append", k.store.Append(k.ctx, list))
		for _, c := range []struct{ from, left int }{{-1, many}, {0, many}, {1, many - 1}, {many - 10, 10}, {many - 10, 10}, {many, 0}, {many, 0}} {
			k.done("Expire", k.store.Expire(k.ctx, after(c.from)))
			k.equal(fmt.Sprintf("how many are left from second %d", c.from), len(k.found(tenant.Query{AllTenants: true, Limit: many})), c.left)
		}
	}},
}

// wanted are the IDs that a query has to find, of all records, the newest first.
func wanted(all []tenant.Record, q tenant.Query) (ids []string) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	for _, r := range all {
		if !q.AllTenants && r.Connection.Tenant != q.Tenant || q.Connection != "" && r.Connection.ID != q.Connection ||
			q.ResourceID != "" && r.ResourceID != q.ResourceID || q.Refused && r.Status < 400 || q.Before != "" && r.ID >= q.Before {
			continue
		}
		if len(ids) < limit {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
